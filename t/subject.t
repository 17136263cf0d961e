# Runs once, takes long: who sees one incident sees the same with sanitizers.
# What comes again under new ids is one incident: a job in a loop, what is made anew, tasks of a service; and what is another one.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(OPERATOR start_sim quick_config wait_settled no_complaints need_sqlite patient store_rows);
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

# A chat for each of the names, which see nothing else: so what comes in one burst is still told one by one.
my %chat = (job => 2001, web => 2002, shop => 2003, svc => 2004, mark => 2005);

my $engine = FG::Engine->start(version => $version);
my $sim = start_sim();
$sim->chat(chat => $_, first_name => "Chat $_") for OPERATOR, values %chat;
my $bot = FG::Bot->start(config => quick_config($sim, { local => { url => $engine->url, timeout => '60s' } },
	chats => [map { { id => $chat{$_}, role => 'viewer', notify => \1, scope => "name=*$_*" } } sort keys %chat],
	notify => { startup_delay => '0' },
	update => { settle => '1s' },
));
$bot->wait_ready;

sub sent { my ($of) = @_; return grep { $_->{text} !~ /^\S+ Fleetgram / } @{ $sim->messages(chat => $chat{$of}) } }

# The message of that chat reads so, now or soon, and is the only one there.
sub is_the_one {
	my ($of, $match, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @found;
	wait_until(patient(30), sub { @found = grep { $_->{text} =~ $match } sent($of) });
	wait_until(patient(20), sub { !store_rows($bot, 'SELECT 1 FROM bulletins WHERE revision > shown') });
	wait_settled($bot);
	my @all = sent($of);
	ok @found == 1 && @all == 1, $name or diag "it reads:\n" . join "\n--\n", map { $_->{text} } @all;
	return $found[0] // {};
}

# One run of "docker run --rm --name": it is over, and gone.
sub run_once {
	my ($name, $code) = @_;
	$engine->run(name => $name, cmd => ['sh', '-c', "exit $code"], host_config => { AutoRemove => \1 });
	wait_until(patient(30), sub { !$engine->containers($name) }) or diag "$name is still there";
	return;
}

# What has happened until now is known to the bot, as this is.
my $marks = 0;
sub catch_up {
	my $name = 'mark' . ++$marks;
	$engine->run(name => $name, cmd => ['sh', '-c', 'exit 9']);
	wait_until(patient(30), sub { store_rows($bot, "SELECT 1 FROM incidents WHERE name = '$name'") }) or diag "$name is not noticed";
	return;
}

sub incidents_of { my ($name) = @_; return store_rows($bot, "SELECT id, kind, state, count FROM incidents WHERE name LIKE '$name'") }

subtest 'a job in a loop' => sub {
	run_once('job', 3) for 1 .. 5;
	my $message = is_the_one('job', qr/^🗑 job was removed; it had died: exit code 3\n.*\b5 times\b/s, 'that dies five times is one message');
	ok !$message->{silent} && !$message->{disable_notification}, 'which makes a sound';
	run_once('job', 0);
	catch_up();
	is_the_one('job', qr/\b5 times\b/, 'a run that ends well is none of them');
	run_once('job', 4);
	is_the_one('job', qr/it had died: exit code 4\n.*\b6 times\b/s, 'the next one that does not goes on in it');
	my @found = incidents_of('job');
	is scalar @found, 1, 'in the list, too';
	$sim->ask(user => OPERATOR, text => '/incidents all', timeout => patient(30), match => qr/job was removed.*\n#\d+ · .* · 6 times/)
		and pass 'which says how often';
};

subtest 'made anew' => sub {
	my %web = (name => 'web', cmd => ['sleep', '1d'], init => 1);
	$engine->run(%web);
	$engine->rm('web');
	$engine->run(%web);
	$engine->api(POST => '/containers/web/stop?t=1');
	$engine->rm('web');
	$engine->run(%web);
	catch_up();
	is_deeply [incidents_of('web')], [], 'under its name is nothing to tell';

	# As "docker compose up" does it.
	my %labels = map { +"com.docker.compose.$_->[0]" => $_->[1] } ['project', 'p'], ['service', 'web'], ['container-number', '1'];
	my $old = $engine->run(%web, name => 'p-web-1', labels => \%labels);
	my $new = $engine->run(%web, name => 'tmp_p-web-1', labels => \%labels, start => 0);
	$engine->api(POST => "/containers/$old/stop?t=1");
	$engine->rm($old);
	$engine->api(POST => "/containers/$new/rename?name=p-web-1");
	$engine->api(POST => "/containers/$new/start");
	catch_up();
	is_deeply [incidents_of('%web%')], [], 'nor is by Compose';
	is scalar(sent('web')), 0, 'so nothing is told';
};

subtest 'put in its place' => sub {
	my $old = $engine->run(name => 'shop', cmd => ['sh', '-c', 'exit 5']);
	my $message = is_the_one('shop', qr/^🔴 shop died: exit code 5$/m, 'it died');
	$engine->rm($old);
	my $new = $engine->run(name => 'shop', cmd => ['sleep', '1d'], init => 1);
	my $up = is_the_one('shop', qr/^✅ shop is up again; it had died: exit code 5$/m, 'another one under its name is up in the same message');
	is $up->{message_id}, $message->{message_id}, 'which is edited';
	$sim->press(user => OPERATOR, chat => $chat{shop}, message => $up, button => qr/Logs/);
	ok wait_until(patient(30), sub { grep { $_->{text} =~ /shop/ && $_->{message_id} != ($up->{message_id} // 0) } sent('shop') }),
		'and whose buttons are about the new one';
};

subtest 'another name' => sub {
	$engine->run(name => 'job-a', cmd => ['sh', '-c', 'exit 6']);
	catch_up();
	$engine->api(POST => '/containers/job-a/rename?name=job-b');
	$engine->run(name => 'job-a', cmd => ['sh', '-c', 'exit 7']);
	catch_up();
	is_deeply [map {"$_->{kind} $_->{count}"} incidents_of('job-a'), incidents_of('job-b')], ['died 1', 'died 1'],
		'of what was renamed and what has its name now are two incidents';
	ok wait_until(patient(30), sub { grep { $_->{text} =~ /job-b\W+died: exit code 6/ } sent('job') }), 'each by its own name';
};

subtest 'tasks of a service' => sub {
	my %task = (labels => { 'com.docker.swarm.service.name' => 'svc' });
	for my $slot (1, 2) {
		$engine->run(%task, name => "svc.$slot.a", cmd => ['sh', '-c', 'exit 8']);
		catch_up();
	}
	is_the_one('svc', qr/^🔴 svc\.2\.a died: exit code 8\n.*\b2 times\b/s, 'that die are one incident');
	$engine->run(%task, name => 'svc.1.b', cmd => ['sleep', '1d'], init => 1);
	catch_up();
	is_deeply [map {"$_->{state} $_->{count}"} incidents_of('svc%')], ['0 2'], 'which is open while one is down';
	$engine->run(%task, name => 'svc.2.b', cmd => ['sleep', '1d'], init => 1);
	is_the_one('svc', qr/^✅ svc\.2\.b is up again/m, '… and over when each has been replaced');
};

no_complaints($sim);
$engine->clear;
is $bot->stop, 0, 'it ends in order';
$sim->stop;
$engine->stop;
done_testing;
