# Runs once, takes long: what goes wrong in a swarm of three machines is told, each thing in one message, and what is
# wanted is not. Two of its managers are hosts.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Engine;
use FG::Scene qw(patient);
use FG::Sim;
use FG::Swarm;
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
FG::Engine->need('20.10');

use constant { TOLD => 9, BETA => 8 };

my ($swarm, $talk);
# One that is told to end does so with a code as of one that fails.
my $runs = ['sh', '-c', 'trap "exit 3" TERM; while :; do sleep 1000 & wait; done'];

# The messages of a chat that is told, as they stand now, but for those about the bot itself.
sub told {
	my ($match, $chat) = @_;
	return grep { $_->{text} =~ $match && $_->{text} !~ /^\S+ Fleetgram / } @{ $talk->sim->messages(chat => $chat // TOLD) };
}

sub wait_told {
	my ($match, $what, $chat) = @_;
	my @found;
	ok wait_until(patient(60), sub { @found = told($match, $chat) }), $what or diag map { "$_->{text}\n" } told(qr/./, $chat);
	return $found[0] // { text => '', message_id => 0 };
}

sub confirmed {
	my ($text, $match) = @_;
	my $asked = $talk->ask($text);
	my $mark = $talk->sim->last_seq;
	$talk->press($asked, ($talk->buttons($asked))[0], silent => 1);
	my $m;
	for (1 .. 3) { $m = $talk->message_after($mark, $asked->{chat_id}, match => $match) and last }
	return $m // { text => '(no such answer)' };
}

sub change {
	my ($name, $code) = @_;
	my $alpha = $swarm->node('alpha');
	my $s = $alpha->api(GET => "/services/$name");
	$code->($s->{Spec});
	$alpha->api(POST => "/services/$name/update?version=$s->{Version}{Index}", $s->{Spec});
	return;
}

# "active", "pause" or "drain".
sub availability {
	my ($word, @nodes) = @_;
	my $alpha = $swarm->node('alpha');
	for my $node (grep { my $n = $_; grep { $_ eq $n->{Description}{Hostname} } @nodes } @{ $alpha->api(GET => '/nodes') }) {
		$node->{Spec}{Availability} = $word;
		$alpha->api(POST => "/nodes/$node->{ID}/update?version=$node->{Version}{Index}", $node->{Spec});
	}
	return;
}

# The hostnames of the nodes that run it.
sub runs_on {
	my ($name) = @_;
	my %name = map { $_->{ID} => $_->{Description}{Hostname} } @{ $swarm->node('alpha')->api(GET => '/nodes') };
	return map { $name{ $_->{NodeID} } } $swarm->running($name);
}

# It ends by itself: nobody asks its engine for that.
sub crash {
	my ($service) = @_;
	my ($task) = $swarm->running($service);
	my ($node) = runs_on($service);
	my $engine = $swarm->node($node);
	my $made = $engine->api(POST => "/containers/$task->{Status}{ContainerStatus}{ContainerID}/exec", { Cmd => ['kill', '-TERM', '1'] });
	$engine->api(POST => "/exec/$made->{Id}/start", { Detach => \1 });
	return $node;
}

sub set_up {
	$swarm = FG::Swarm->start(qw(alpha beta gamma));
	$swarm->image('app:one', cmd => $runs);
	$swarm->image('app:two', cmd => $runs);
	$swarm->image('app:bad', cmd => ['sh', '-c', 'exit 3']);
	$swarm->service(web => image => 'app:one', replicas => 6);
	$swarm->service($_ => image => 'app:one', replicas => 1, constraints => ['node.hostname==gamma']) for qw(far there there2);
	ok $swarm->wait_running($_->[0], $_->[1], patient(30)), "$_->[0] runs" for [web => 6], [far => 1], [there => 1], [there2 => 1];
	availability(pause => 'gamma');
	$swarm->service(mover => image => 'app:one', replicas => 1);
	ok $swarm->wait_running(mover => 1, patient(30)), 'mover runs';
	availability(active => 'gamma');
	my $sim = FG::Sim->start;
	$sim->chat(chat => TOLD, first_name => 'News');
	$sim->chat(chat => BETA, first_name => 'Of beta');
	$talk = FG::Talk->start(
		sim => $sim,
		users => [{ id => 1, name => 'ops', role => 'admin' }, { id => 2, name => 'beta', role => 'admin', scope => 'host=beta' }],
		chats => [{ id => TOLD, role => 'viewer', notify => \1 }, { id => BETA, role => 'viewer', notify => \1, scope => 'host=beta' }],
		hosts => { map { $_ => { url => $swarm->node($_)->url, timeout => '60s' } } qw(alpha beta) },
		update => { settle => '1s' },
		notify => { startup_delay => '0' },
	);
	return;
}

# What is asked for is no accident; what the swarm does for it, too. Something else goes wrong meanwhile.
sub wanted {
	$swarm->service(lost => image => 'app:one', replicas => 2, constraints => ['node.hostname==nowhere']);
	like confirmed('/scale web 2', qr/scaled/)->{text}, qr/web scaled from 6 to 2/, 'scaled down by the bot';
	change(web => sub {
		$_[0]{TaskTemplate}{ContainerSpec}{Image} = 'app:two';
		$_[0]{UpdateConfig}{Order} = 'start-first';
	});
	ok wait_until(patient(40), sub { ($swarm->node('alpha')->api(GET => '/services/web')->{UpdateStatus}{State} // '') eq 'completed' }), '… and updated by somebody else';
	availability(drain => 'alpha');
	ok wait_until(patient(40), sub { $swarm->running('web') == 2 && !grep { $_ eq 'alpha' } runs_on('web'), runs_on('mover') }), '… and moved to other nodes';
	availability(active => 'alpha');
	return;
}

sub cannot_start {
	my $m = wait_told(qr/lost/, 'a service that no node takes is told');
	like $m->{text}, qr/^🔴 Service (?:alpha|beta)\/lost is down: none of 2 tasks runs\n.*no suitable node/, '… and why';
	is scalar(told(qr/./)), 1, '… in one message, and nothing else was';
	wait_told(qr/^🔴 Service beta\/lost is down/, '… where one manager is all that is seen, under that one', BETA);
	like $talk->text('/incidents', as => 2), qr/Service beta\/lost is down/, '… in the list, too';
	like $talk->text('/mute host=beta 1m'), qr/beta/, '… with which it is muted';
	wait_told(qr/^🔴 Service alpha\/lost .*Muted until/s, '… as its message says');
	$talk->text('/unmute host=beta');
	my $config = $talk->bot->{config};
	$talk->bot->configure({ %$config, hosts => { beta => $config->{hosts}{beta} } });
	like $talk->text('/reload'), qr/read again/, 'the manager that it is under is taken out of the config';
	wait_told(qr/^🔴 Service lost is down/, '… and it goes on under the other one');
	$talk->bot->configure($config);
	like $talk->text('/reload'), qr/read again/, '… when that comes back, too';
	wait_told(qr/^🔴 Service beta\/lost is down/, '… under the one that it is under by now');
	like $talk->text('/host pause beta 10m'), qr/beta/, 'that is paused';
	wait_told(qr/^🔴 Service alpha\/lost is down/, '… so that it goes on under another one');
	$talk->text('/host resume beta');
	is scalar(told(qr/lost/)), 1, '… all of it in one message';
	return;
}

# Its task dies on a host, and runs again on a machine that is none.
sub moved {
	my @others = qw(alpha beta);
	availability(pause => @others);
	my $node = crash('mover');
	wait_told(qr/^🔴 $node\/mover\.1\.\S+ died: exit code 3/, 'a task that dies by itself is told');
	ok wait_until(patient(30), sub { my @on = runs_on('mover'); "@on" eq 'gamma' }), '… and its service has another one elsewhere';
	availability(active => @others);
	change(lost => sub { $_[0]{TaskTemplate}{Placement}{Constraints} = [] });
	change(far => sub { $_[0]{TaskTemplate}{ContainerSpec}{Image} = 'app:bad' }); # while that settles
	wait_told(qr/^✅ $node\/mover\.1\.\S+ was replaced by the swarm; it had died/, '… which is the end of it');
	is scalar(told(qr/mover/)), 1, '… in one message';
	wait_told(qr/^✅ Service (?:alpha|beta)\/lost runs all its tasks again after/, 'what could not start says when it runs');
	is scalar(told(qr/lost/)), 1, '… the same';
	return;
}

sub paused {
	my $m = wait_told(qr/paused its update/, 'an update that the swarm pauses is told');
	like $m->{text}, qr/^🟠 Service (?:alpha|beta)\/far: the swarm has paused its update\nupdate paused due to failure/, '… with what it says';
	change(far => sub { $_[0]{TaskTemplate}{ContainerSpec}{Image} = 'app:one' });
	$swarm->node('gamma')->kill;
	wait_told(qr/^✅ Service (?:alpha|beta)\/far: the update that had failed is dealt with/, '… and that it is over');
	is scalar(told(qr/far: the (?:swarm|update)/)), 1, '… in one message';
	return;
}

sub node_lost {
	wait_told(qr/^🔴 Node gamma of the swarm is down/, 'a node that is lost is told');
	wait_told(qr/Service \S+there is down.*Service \S+there2 is down/s, 'what runs nowhere else is told, in one message for all of it');
	$swarm->node('gamma')->restart;
	wait_told(qr/^✅ Node gamma of the swarm is not down any more, after/, 'that it is back is told');
	wait_told(qr/✅ Service \S+there runs .*✅ Service \S+there2 runs/s, '… and so is what is on it');
	is scalar(told(qr/gamma of the swarm/)), 1, '… in the same message';
	is scalar(told(qr/there/)), 1, '… each';
	is scalar(told(qr/web/)), 0, 'what runs elsewhere was never told';
	return;
}

set_up();
subtest 'what is wanted' => \&wanted;
subtest 'a service that cannot start' => \&cannot_start;
subtest 'a task that dies' => \&moved;
subtest 'an update that fails' => \&paused;
subtest 'a node that is lost' => \&node_lost;
$talk->end_ok;
$swarm->stop;
done_testing;
