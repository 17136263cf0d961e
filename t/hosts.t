# Runs once, takes long: hosts as fault domains: one that is slow, dead or lies delays and harms no answer about the others, what is
# known of it is shown as stale and never acted on; and hosts that are paused for maintenance.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use FG::FakeEngine;
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my @hosts = qw(h1 h2 h3);
my $fleet = FG::FakeEngine->start(engines => {
	h1 => [map { { name => $_ } } qw(web one)],
	h2 => [map { { name => $_ } } qw(web two)],
});
# A process of its own: its lies are long.
my $liar = FG::FakeEngine->start(engines => { h3 => [{ name => 'three' }] });
my %of = (h1 => $fleet, h2 => $fleet, h3 => $liar);
# Far longer than anybody waits here: whoever waited for a host until it gives up would be seen.
my $talk = FG::Talk->start(
	users => [{ id => 1, name => 'ops', role => 'admin' }],
	hosts => { map { $_ => { url => $of{$_}->url_of($_), timeout => '5m' } } @hosts },
	health => { refresh => '10m' },
);
my $bot = $talk->bot;

sub text { my ($command, @more) = @_; return $talk->text($command, @more) }

subtest 'all answer' => sub {
	like text('/list'), qr/\b5 containers\b/, 'all are listed';
	like text('/status'), qr/All is well/, 'and well';
	my $hosts = text('/hosts');
	like $hosts, qr/h1.*docker 20\.10\.24, API 1\.41.*2 of 2 containers running.*2 CPU, 8\S* memory.*zone=fake/s, 'a host says what it is';
};

subtest 'a slow host' => sub {
	$fleet->set(h2 => lag_ms => 100_000);
	my $list = text('/list');
	like $list, qr/\b3 containers\b/, 'the others are listed';
	like $list, qr/h2 is slow to answer/, 'it is named';
	like $list, qr/h2 as last seen \S+ ago: 🟢 2/, 'with what is known of it';
	like text('/status'), qr/h2 is slow to answer for .*as last seen \S+ ago: 🟢 2/s, 'in the status, too';
	my $lists = $fleet->lists('h2');

	text('/list') for 1 .. 5;
	is $fleet->lists('h2'), $lists, 'it is not asked again while it is at the last question';

	# The name is on two hosts, and one of them cannot be asked.
	my $asked = $talk->ask('/restart web');
	like $asked->{text}, qr/h1\/web.*h2\/web is left out/s, 'a name that may be two is asked about';
	ok $asked->{reply_markup}, 'with buttons';
	$talk->press($asked, qr/Cancel/);
	like text('/logs web'), qr{web means 2 containers \(h1/web, h2/web\)}, 'one that takes one asks which';
	like text('/restart two'), qr/h2\/two is on h2, which does not answer: it was running when last seen/, 'what is only known is not acted on';
	is_deeply $fleet->effects('h1'), {}, 'nothing was done meanwhile';

	$fleet->set(h2 => lag_ms => 0);
	ok wait_until(60, sub { text('/list') =~ /\b5 containers\b/ }), 'it is back as soon as it answers';
};

subtest 'a dead host' => sub {
	$fleet->set(h2 => dead => 1);
	my $list = text('/list');
	like $list, qr/\b3 containers\b.*h2 (?:does not answer|is slow)/s, 'the others are listed';
	like text('/list host=h2'), qr/h2 as last seen.*2 containers.*two/s, 'what is known of it is listed when it is asked for';
	like text('/status'), qr/h2 down/, 'the status says so';
	my $health = $bot->json('/health?probe=true');
	my ($h2) = grep { $_->{name} eq 'h2' } @{ $health->{hosts} };
	is $health->{status}, 'degraded', 'that is degraded';
	is $h2->{state}, 'down', 'down';
	ok $h2->{stale} && $h2->{seen_at} && $h2->{since} && $h2->{why}, 'since when, why, and when it was seen';
};

subtest 'paused' => sub {
	like text('/host pause h2 1h new disks'), qr/h2 is paused until .*new disks/, 'a host is paused';
	like text('/hosts h2'), qr/h2 is paused until/, 'and shown so';
	like text('/status'), qr/All is well.*h2 is paused/s, 'its outage is no trouble';
	my $health = $bot->json('/health?probe=true');
	is $health->{status}, 'ok', 'nor for the health check';
	ok((grep { $_->{name} eq 'h2' && $_->{paused_until} } @{ $health->{hosts} }), 'which shows it as paused');
	$fleet->set(h2 => dead => 0);
	ok wait_until(60, sub { text('/list') =~ /\b5 containers\b/ }), 'it is looked at all the same';

	my $asked = $talk->ask('/restart w* one');
	like $asked->{text}, qr/h2 is left out: it is paused for maintenance/, 'a batch leaves it out, and says so';
	unlike $asked->{text}, qr{h2/web}, 'with what is on it';
	is $fleet->effects('h2')->{'restart web'}, undef, 'nothing is done there';
	like text('/restart two'), qr/h2 is paused for maintenance: nothing was done/, 'nor to what is only there';
	my $named = $talk->ask('/restart h2/two');
	like $named->{text}, qr/h2 is paused for maintenance/, 'when it is named, it asks';
	ok !$fleet->effects('h2')->{'restart two'}, 'first';
	like $talk->press($named, qr/Restart/)->{text}, qr/restarted/, 'and then does it';
	is $fleet->effects('h2')->{'restart two'}, 1, 'once';
	$bot->restart->wait_ready;
	like text('/host'), qr/h2 until .*ops.*new disks/, 'a pause survives a restart';
	like text('/host resume h2'), qr/not paused any more/, 'and ends when told to';
	like text('/host resume h2'), qr/h2 is not paused/, 'once';
	like text('/host'), qr/No host is paused/, 'then none is';
	like text('/host pause h2 1s'), qr/paused/, 'a short one';
	ok wait_until(30, sub { text('/host') =~ /No host is paused/ }), 'ends by itself';
};

subtest 'lies' => sub {
	for my $lie (qw(garbage huge nested object types)) {
		$liar->set(h3 => lie => $lie);
		my $list = text('/list');
		like $list, qr/h1.*web.*h2.*web/s, "$lie: the others are listed";
		like text('/restart h1/one'), qr/one restarted/, "$lie: and obey";
	}
	$liar->set(h3 => lie => '');
	ok wait_until(60, sub { text('/list') =~ /three/ }), 'one that tells the truth again is believed';
};

$talk->end_ok;
done_testing;
