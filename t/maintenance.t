# Runs once, takes long: hosts that are paused for maintenance: what is done by itself stops there, at once, and whoever is told that
# nothing was done is told how it would be. And hosts that were not asked, which is not the same as slow.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::FakeEngine;
use FG::Scene qw(patient);
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

use constant MANY => 24;	# more than are pruned or healed at a time

sub instance { my ($name) = @_; return { name => $name, labels => { 'io.fleetgram.managed' => 'true', 'io.fleetgram.template' => 'demo', 'io.fleetgram.created-at' => '2026-01-01T00:00:00Z' } } }
sub sick { my ($name) = @_; return { name => $name, health => 'unhealthy' } }

my $fleet = FG::FakeEngine->start(engines => {
	h1 => [instance('old'), sick('ill'), { name => 'one' }],
	h2 => [(map { instance("old$_") } 1 .. MANY), (map { sick("ill$_") } 1 .. MANY), { name => 'two' }],
});
my $talk = FG::Talk->start(
	users => [{ id => 1, name => 'ops', role => 'admin' }],
	hosts => { map { $_ => { url => $fleet->url_of($_), timeout => '60s' } } qw(h1 h2) },
	templates => { demo => { image => 'busybox', network_mode => 'none', prune => { enabled => JSON::PP::true(), idle => '0', max_age => '1h', in_use => JSON::PP::true() } } },
	notify => { startup_delay => '1h' },
	health => { refresh => '1s' },
	prune => { every => '10m' },
);
my $bot = $talk->bot;

sub text { my ($command, @more) = @_; return $talk->text($command, @more) }
# What was done on a host of what begins so.
sub done { my ($host, $what) = @_; my $effects = $fleet->effects($host); return scalar grep { /^$what/ } keys %$effects }
sub page { return $bot->http(GET => '/', headers => { Accept => 'text/html' })->{content} // '' }
# What a schedule's run comes to.
sub by_clock { my ($name) = @_; my $mark = $talk->sim->last_seq; text("/schedule run $name", match => qr/runs now/); return ($talk->message_after($mark, 1, match => qr/^⏰ $name: /) // {})->{text} // '(nothing)' }

like text('/host pause h2 1h'), qr/h2 is paused until/, 'a host is paused';
$bot->stop;
$bot->configure({ %{ $bot->{config} }, prune => { every => '1s' }, autoheal => { enabled => JSON::PP::true(), after => '1s', count => 1000 }, images => { check_every => '1s' } });
my $images = $fleet->images('h2');
$bot->restart->wait_ready;

subtest 'what is done by itself' => sub {
	ok wait_until(patient(30), sub { done(h1 => 'stop old') && done(h1 => 'restart ill') && $fleet->images('h1') > 4 }), 'elsewhere it is done: pruned, healed, looked for newer';
	is_deeply $fleet->effects('h2'), {}, 'on a paused host it is not';
	is $fleet->images('h2'), $images, '… nor is it asked about images';
};

subtest 'by the clock' => sub {
	text('/schedule add named "0 0 1 1 *" restart h2/two');
	text('/schedule add made "0 0 1 1 *" create job demo host=h2');
	text('/schedule add globbed "0 0 1 1 *" create job demo host=h2*');
	text('/schedule add pulled "0 0 1 1 *" pull busybox host=h2');
	like by_clock($_), qr/h2 is paused for maintenance: nothing was done$/, "$_: not even what names the host, and no advice that would not help" for qw(named made globbed pulled);
	is_deeply $fleet->effects('h2'), {}, 'it is left alone';
};

subtest 'what helps is said' => sub {
	like text('/restart two'), qr{nothing was done\. To do it all the same, call it h2/two\.$}, 'how to do it all the same';
	like text('/note two hello'), qr{call it h2/two\.$}, '… also where the first word is the container';
	unlike text('/note h2/two hello'), qr/nothing was done/, '… and that helps';
	like text('/pull busybox host=h*2'), qr/h2 is paused for maintenance: nothing was done\. To do it all the same, add host=h2\.$/, 'of whole hosts, too';
	like text('/prune containers'), qr/h2 is left out: it is paused for maintenance/, 'what goes by hosts says which it leaves out';
	like text('/prune idle'), qr/h2 is left out: it is paused for maintenance/, '… the sweep as well';
	unlike text('/prune containers host=h2'), qr/left out/, '… unless it is named';
};

subtest 'the page' => sub {
	ok wait_until(patient(20), sub { page() =~ /h2<.*?class="quiet">paused until \w{3} \d\d \w{3} \d\d:\d\d, up</s }), 'the page shows it as paused' or diag page();
	$fleet->set(h2 => dead => 1);
	ok wait_until(patient(30), sub { page() =~ /paused until [^<]*, down: / }), '… and down';
	like page(), qr{<dt>Hosts up</dt><dd class="ok">1 of 2<small>1 paused</small>}, 'which nobody misses';
	like page(), qr/class="short quiet">running, as last seen</, 'what is only known of it is marked';
	$fleet->set(h2 => dead => 0);
	ok wait_until(patient(30), sub { page() =~ /paused until [^<]*, up</ }), 'it is back';
};

subtest 'in the midst of it' => sub {
	$fleet->set(h2 => lag_ms => 300);
	text('/host resume h2', match => qr/not paused any more/);
	ok wait_until(patient(60), sub { done(h2 => 'stop old') && done(h2 => 'restart ill') }), 'a sweep and a healing begin';
	like text('/host pause h2 1h'), qr/h2 is paused until/, 'it is paused';
	$fleet->set(h2 => lag_ms => 0);
	# The same sweeper and healer come to h1 only when they are through.
	my ($stopped) = $fleet->effects('h1')->{'stop old'};
	text('/up h1/old', match => qr/started/);
	ok wait_until(patient(60), sub { $fleet->effects('h1')->{'stop old'} > $stopped }), 'the next sweep comes';
	my $healed = $fleet->effects('h1')->{'restart ill'};
	ok wait_until(patient(60), sub { $fleet->effects('h1')->{'restart ill'} > $healed + 1 }), '… and the next looks at what is unhealthy';
	cmp_ok done(h2 => 'stop old'), '<', MANY, 'the sweep has left the rest of it alone';
	cmp_ok done(h2 => 'restart ill'), '<', MANY, 'so has autoheal';
};
$talk->end_ok;

subtest 'the worries of a paused host' => sub {
	my $two = FG::FakeEngine->start(engines => { h1 => [{ name => 'one' }], h2 => [sick('ill'), instance('gone')] });
	my $quiet = FG::Talk->start(users => [{ id => 1, name => 'ops', role => 'admin' }], hosts => { map { $_ => { url => $two->url_of($_), timeout => '60s' } } qw(h1 h2) }, notify => { startup_delay => '1h' });
	like $quiet->text('/status'), qr/Something needs a look/, 'a container that is unhealthy needs a look';
	$quiet->text('/host pause h2 1h');
	like $quiet->text('/status'), qr/All is well.*ill/s, '… not while its host is paused; it is shown';
	$quiet->end_ok;
};

subtest 'more hang than are asked at once' => sub {
	my @hang = map { sprintf 'a%03d', $_ } 1 .. 128;
	my @well = qw(z1 z2);
	my $crowd = FG::FakeEngine->start(engines => { map { $_ => [{ name => "on-$_" }] } @hang, @well });
	my $all = FG::Talk->start(users => [{ id => 1, name => 'ops', role => 'admin' }], hosts => { map { $_ => { url => $crowd->url_of($_), timeout => '5m' } } @hang, @well }, health => { refresh => '10m' }, notify => { startup_delay => '1h' });
	$crowd->set($_ => lag_ms => 200_000) for @hang;
	$all->text('/list');
	like $all->bot->log, qr/host a128 is slow to answer/, 'those that hang are slow';
	unlike $all->bot->log, qr/host z\d is slow to answer/, '… and the others are not, for nobody had asked them';
	$all->end_ok;
};

done_testing;
