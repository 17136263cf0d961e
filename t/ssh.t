# Runs once, takes long.
# Engines behind ssh: a real sshd and docker's own dial-stdio on the far side. All that the bot does goes through it, every failure
# says what to do, and no ssh is left behind.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(OPERATOR start_sim quick_config wait_settled no_complaints patient);
use FG::Sshd;
use FG::Util qw(wait_until slurp spew);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
FG::Sshd->need;

my $engine = FG::Engine->start(version => $version);
my $sshd = FG::Sshd->start(engine => $engine->url);
my $dir = $sshd->dir;
$engine->run(name => 'web', init => 1, cmd => ['sleep', '1d']);
$engine->run(name => 'talk', init => 1, cmd => ['sh', '-c', 'i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.3; done']);

# The ssh processes of a bot: pid => state.
sub children {
	my ($parent) = @_;
	my %found;
	for my $stat (glob '/proc/[0-9]*/stat') {
		my $text = slurp($stat) // next;
		$found{$1} = $2 if $text =~ /^(\d+) \(ssh\) (\S) (\d+)/ && $3 == $parent;
	}
	return %found;
}

sub check {
	my (%host) = @_;
	my ($exit, $out) = FG::Bot::check_config({ hosts => { far => $sshd->host(%host) } });
	utf8::decode($out);
	return ($exit, $out);
}

sub fails {
	my ($name, $pattern, %host) = @_;
	my ($exit, $out) = check(%host);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok $exit == 1 && $out =~ /^FAIL  host far .*$pattern/m, $name or diag "exit code $exit: $out";
	return;
}

sub health_is {
	my ($bot, $code, $name) = @_;
	my $answer;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok wait_until(patient(60), sub { $answer = $bot->http(GET => '/health'); $answer->{status} == $code }), $name or diag $answer->{content};
	return;
}

subtest 'check tells what works, and of what does not what to do' => sub {
	my ($exit, $out) = check();
	ok $exit == 0 && $out =~ /^ok    host far +docker /m, 'it works' or diag $out;
	spew("$dir/empty", '');
	$sshd->know("$dir/changed", "$dir/other_key");
	my %files = %{ $sshd->files };
	fails('an unknown host key', qr/key is not known here.*add it to the known hosts: \Q$dir\E\/empty/, ssh => { %files, known_hosts => "$dir/empty" });
	is slurp("$dir/empty"), '', '… which is not taken for known';
	fails('a changed host key', qr/another key than the known one.*in between/, ssh => { %files, known_hosts => "$dir/changed" });
	fails('a key that opens nothing', qr/refuses the login.*authorized_keys.*root/, ssh => { %files, key => "$dir/other_key" });
	fails('a key that is not there', qr/cannot read ssh\.key.*none: No such file/, ssh => { %files, key => "$dir/none" });
	system("ssh-keygen -q -t ed25519 -N secret -f $dir/locked") == 0 or die 'ssh-keygen';
	spew("$dir/authorized", slurp("$dir/key.pub") . slurp("$dir/locked.pub"));
	fails('a key with a passphrase asks nobody', qr/passphrase/, ssh => { %files, key => "$dir/locked" });
	fails('a port where nobody listens', qr/nobody listens there; does sshd run/, url => 'ssh://root@127.0.0.1:1');
	fails('a name without an address', qr/name has no address/, url => 'ssh://root@nowhere.invalid');
	my $silent = IO::Socket::INET->new(Listen => 4, LocalAddr => '127.0.0.1') or die "listen: $!";
	fails('a port that is no sshd', qr/does not answer; does sshd run|nothing came back through ssh in time/, url => 'ssh://root@127.0.0.1:' . $silent->sockport, timeout => '2s');
	$sshd->docker("#!/bin/sh\necho 'Welcome!'\nexec /usr/bin/env -i true\n");
	fails('a login that prints something', qr/start-up files have to be silent/);
	$sshd->docker(qq(#!/bin/sh\necho >&2 "docker: 'system dial-stdio' is not a docker command."\nexit 1\n));
	fails('a docker that is too old', qr/too old: 18\.09/);
	unlink "$dir/bin/docker";
	fails('no docker at all', qr/no docker or podman command there/);
	symlink FG::Sshd::which('docker'), "$dir/bin/podman";
	($exit, $out) = check();
	ok $exit == 0 && $out =~ /^ok    host far +docker /m, 'without docker Podman\'s command is run' or diag $out;
	unlink "$dir/bin/podman";
	$sshd->docker(undef);
	my $socket = $engine->socket;
	rename $socket, "$socket.away";
	fails('no engine there', qr/no engine runs there; start it.*no such file/);
	rename "$socket.away", $socket;
};

my $sim = start_sim();

sub start_bot {
	my (%more) = @_;
	return FG::Bot->start(env => { FLEETGRAM_TOKEN => $sim->token, NOTIFY_SOCKET => undef }, config => quick_config($sim, { far => $sshd->host(%more) },
		health => { refresh => '1s' }, exec => { enabled => JSON::PP::true() },
		chats => [{ id => OPERATOR, notify => JSON::PP::true() }], confirm => { always => ['remove'] }));
}

sub ask {
	my ($text, $match, $seconds) = @_;
	my $answer = $sim->ask(user => OPERATOR, text => $text, match => $match, timeout => patient($seconds // 60));
	return $answer ? $answer->{text} : '';
}

subtest 'a bot' => sub {
	my $bot = start_bot();
	$bot->wait_ready;
	health_is($bot, 200, 'the engine answers');
	like ask('/list', qr/talk/), qr/talk.*web/s, 'containers are listed';
	like ask('/logs talk 3', qr/line/), qr/line \d+/, 'their logs come';
	like ask('/exec web echo hello there', qr/hello/), qr/hello there/, 'commands run in them';
	$sim->say(user => OPERATOR, text => '/logs talk follow');
	my $last = 0;
	ok wait_until(patient(60), sub {
		my ($live) = grep { ($_->{text} // '') =~ /line \d+/ } reverse @{ $sim->messages(chat => OPERATOR) };
		my ($now) = reverse(($live->{text} // '') =~ /line (\d+)/g);
		my $grew = $last && defined $now && $now > $last;
		$last = $now if defined $now;
		return $grew;
	}), 'a log is followed';
	$engine->run(name => 'brief', cmd => ['sh', '-c', 'sleep 1; exit 7']);
	ok $sim->wait_message(chat => OPERATOR, match => qr/brief.*7/s, timeout => patient(60)), 'a death is told: events come';

	my %ssh = children($bot->pid);
	cmp_ok scalar keys %ssh, '>', 0, 'ssh runs';
	my ($pid) = sort keys %ssh;
	unlike slurp("/proc/$pid/environ") // '', qr/FLEETGRAM_TOKEN|\Q${\$sim->token}\E/, 'and does not know the token';
	my @open = map { readlink } grep { !m{/[012]$} } glob "/proc/$pid/fd/*";
	is_deeply [grep {/fleetgram\.db|\bstate\b/} @open], [], 'nor has it the database open';
	cmp_ok scalar(@open), '<', 8, 'or anything else of the bot\'s' or diag join "\n", @open;
	my $before = $sshd->logins;
	ask('/info web', qr/web/) for 1 .. 10;
	cmp_ok $sshd->logins - $before, '<', 8, 'connections are used again';

	$engine->halt;
	health_is($bot, 503, 'the engine there is stopped');
	like ask('/list'), qr/no engine runs there; start it|does not answer/, 'which is told';
	$engine->restart;
	health_is($bot, 200, 'and back');
	$sshd->down;
	health_is($bot, 503, 'sshd is gone');
	ok wait_until(patient(30), sub { $bot->json('/health') && ask('/hosts') =~ /nobody listens there; does sshd run/ }), 'which is told too';
	$sshd->up;
	health_is($bot, 200, 'and back');
	$engine->api(POST => '/containers/web/start');
	ok wait_until(patient(60), sub { ask('/list', qr/web/, 5) =~ /web/ }), 'it is used again';

	my %old = children($bot->pid);
	my $mark = $bot->log_mark;
	$bot->signal('HUP');
	$bot->wait_log(qr/reloaded/, 30, $mark);
	ok wait_until(patient(60), sub { my %now = children($bot->pid); !grep { $now{$_} } keys %old }), 'a reload ends the connections of before';
	health_is($bot, 200, 'and makes new ones');
	is_deeply [grep { $_ eq 'Z' } values %{ { children($bot->pid) } }], [], 'no ssh waits to be buried';
	%ssh = children($bot->pid);
	no_complaints($sim);
	$bot->stop_ok;
	ok wait_until(patient(20), sub { !grep { -e "/proc/$_" && (slurp("/proc/$_/comm") // '') =~ /^ssh$/ } keys %ssh }), 'and none is left at the end';
};

subtest 'the far side stands still' => sub {
	my $bot = start_bot(timeout => '10s');
	$bot->wait_ready;
	health_is($bot, 200, 'to begin with');
	my @sessions = $sshd->sessions;
	kill 'STOP', $sshd->pid, @sessions;
	health_is($bot, 503, 'then it is down');
	like ask('/help', qr/SEL/), qr/SEL/, 'what does not need it comes';
	kill 'CONT', $sshd->pid, @sessions;
	health_is($bot, 200, 'and up when it goes on');
	my %ssh = children($bot->pid);
	kill 'STOP', $sshd->pid, $sshd->sessions;
	$sim->say(user => OPERATOR, text => '/list');
	$bot->stop_ok('it ends in order though nobody answers');
	kill 'CONT', $sshd->pid, $sshd->sessions;
	ok wait_until(patient(20), sub { !grep { -e "/proc/$_" && (slurp("/proc/$_/comm") // '') =~ /^ssh$/ } keys %ssh }), 'and leaves no ssh';
};

$sshd->stop;
$engine->stop;
done_testing;
