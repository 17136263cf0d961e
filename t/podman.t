# Runs once, takes long: Podman as a host beside a dockerd: what the chat does with it, and what is told of it.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Engine;
use FG::Podman;
use FG::Scene qw(patient store_rows need_sqlite);
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
FG::Podman->need;
FG::Engine->need('20.10');
need_sqlite();

use constant TOLD => 2001; # a chat that is told of what happens

my @waits = ('sh', '-c', 'echo "listening <b>"; trap "exit 0" TERM; while :; do sleep 1000 & wait; done');
my $podman = FG::Podman->start;
my $docker = FG::Engine->start(version => '20.10');
$podman->import_busybox(name => 'localhost/app:1', labels => { build => 1 });
$podman->run(name => 'old', cmd => ['sh', '-c', 'exit 3']);
$docker->run(name => 'web', cmd => \@waits);

my $sim = FG::Sim->start;
$sim->chat(chat => TOLD, first_name => 'Told');
my $talk = FG::Talk->start(
	sim => $sim,
	users => [{ id => 1, name => 'ops', role => 'admin' }],
	chats => [{ id => TOLD, role => 'viewer', notify => JSON::PP::true() }],
	hosts => { map { $_->[0] => { url => $_->[1]->url, timeout => '60s' } } ['pod', $podman], ['dock', $docker] },
	templates => {
		demo => { image => 'localhost/app:1', pull => 'never', network_mode => 'none', stop_timeout => '1s', command => \@waits,
			limits => { memory => '32m', pids => 20 } },
	},
	notify => { startup_delay => '0', log_lines => 5 },
	health => { refresh => '1s' },
	update => { settle => '1s' },
	exec => { enabled => JSON::PP::true() },
	confirm => { always => [] },
);
my $bot = $talk->bot;

sub says {
	my ($words, $match, %o) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $answer = $talk->ask($words, %o);
	like $answer->{text}, $match, $words;
	return $answer;
}

# What is asked first is confirmed; what it tells of its progress is not its end.
sub does {
	my ($words, $match) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $answer = $talk->ask($words, match => qr/^(?!⏳|🧹 Pruning)/);
	$answer = $talk->confirm($answer, match => qr/^(?!⏳|🧹 Pruning)/)->{answer} // $answer if $answer->{text} =~ /\?(?:\s|\z)/;
	like $answer->{text}, $match, "$words, confirmed";
	return $answer;
}

my $mark = 0;
sub told { return grep { $_->{seq} > $mark } @{ $sim->messages(chat => TOLD) } }

# It reads so in the chat that is told, now or soon.
sub is_told {
	my ($match, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok wait_until(patient(30), sub { grep { $_->{text} =~ $match } told() }), $name
		or diag "it reads:\n" . join "\n--\n", map { $_->{text} } told();
	return;
}

subtest 'both kinds' => sub {
	says('/hosts', qr/^\S+ dock · .*\n\s+docker 20\.10\..*\n(?:.*\n)*\S+ pod · .*\n\s+podman 4\.\d/m);
	says('/version', qr/pod: podman \d+\.\d+\.\d+, API 1\.\d+/);
	says('/list host=pod', qr/^1 container 🔴 1\n.*old · exited \(3\)/s);
	says('/list', qr/^2 containers 🟢 1 🔴 1/);
};

subtest 'an instance of a template' => sub {
	says('/create web demo host=pod', qr/🟢 pod\/web · running.*Instance of demo/s, match => qr/Instance of demo|⚠️/);
	is_deeply [@{ $podman->inspect('web')->{HostConfig} }{qw(Memory PidsLimit)}], [32 << 20, 20], 'has its limits';
	says('/create web demo host=pod', qr/there already is a container called web on pod/);
	says('/info pod/web', qr/^🟢 pod\/web · running for.*Image app:1.*Limits 32 MiB memory, 20 processes/s);
	says('/logs pod/web', qr/^📜 pod\/web · 1 line\nlistening <b>\z/m);
	says('/stats pod/web', qr/^📊 pod\/web\n(?:CPU .*\n)?Memory [\d.]+ \wi?B of/);
	says('/top pod/web', qr/web · 2 processes\n.*PID.*sleep 1000/s);
	says('/images host=pod', qr/app:1 · .* · 1 container/);
	says('/df host=pod', qr/^images +\d+/m);
	says('/compose pod/web', qr/services:\n  web:\n.*image: localhost\/app:1/s);
	says('/drift pod/web', qr/nothing has drifted|as .* says|no drift|1 instance/i);
	does('/exec pod/web echo hello', qr/^hello$/m);
	does('/exec pod/web no-such-program', qr/exit code 12[67]/);
};

subtest 'a log is followed' => sub {
	$podman->run(name => 'ticker', cmd => ['sh', '-c', 'echo "tick <1>"; while ! test -e /go; do sleep 0.2; done; echo "tick <2>"']);
	my $live = says('/logs ticker follow', qr/^📜 pod\/ticker · following/, match => qr/tick <1>/);
	$podman->command('exec', 'ticker', 'touch', '/go');
	my $last = $sim->wait_message(chat => 1, match => qr/ended\n(?:.*\n)*tick <2>/, timeout => patient(30));
	is $last && $last->{message_id}, $live->{message_id}, 'in one message, until the end';
	$podman->rm('ticker');
};

subtest 'acting' => sub {
	does('/stop pod/web', qr/^✅ pod\/web stopped\.\n🔴 exited/);
	is $podman->state('web'), 'exited', 'it is stopped';
	does('/up pod/web', qr/^✅ pod\/web started\.\n🟢 running/);
	my $before = $podman->inspect('web')->{State}{StartedAt};
	does('/restart pod/web', qr/^✅ pod\/web restarted/);
	isnt $podman->inspect('web')->{State}{StartedAt}, $before, 'it runs anew';
	does('/pause pod/web', qr/^✅ pod\/web paused\.\n⏸ paused/);
	does('/unpause pod/web', qr/^✅ pod\/web unpaused/);
	does('/kill pod/web signal=KILL', qr/^✅ pod\/web killed\.\n🔴 exited/);
	does('/up pod/web', qr/^✅ pod\/web started/);
	does('/rename pod/web shop', qr/shop/);
	is $podman->state('shop'), 'running', 'it has its new name';
	is $docker->state('web'), 'running', 'the other host\'s web is untouched';
	says('/limits shop', qr/shop\nCPU/);
	does('/limits shop memory=64m', qr/Podman 4\.\S+ cannot change the limits of a container that is there/);
	is $podman->inspect('shop')->{HostConfig}{Memory}, 32 << 20, 'they are as before';
};

subtest 'another image' => sub {
	my $id = $podman->inspect('shop')->{Id};
	$podman->import_busybox(name => 'localhost/app:1', labels => { build => 2 });
	does('/update shop', qr/^✅ .*shop/);
	my $new = $podman->inspect('shop');
	isnt $new->{Id}, $id, 'it is made again';
	is $new->{Config}{Labels}{build}, 2, 'from the new image';
	is_deeply [@{ $new->{HostConfig} }{qw(Memory PidsLimit NetworkMode)}], [32 << 20, 20, 'none'], 'with what it had';
	does('/rollback shop', qr/^✅ .*shop/);
	is $podman->inspect('shop')->{Config}{Labels}{build}, 1, 'and goes back to the one before';
};

subtest 'removing' => sub {
	does('/remove old', qr/^✅ pod\/old removed/);
	is $podman->state('old'), '', 'a container';
	$podman->import_busybox(name => 'localhost/spare:1', labels => { spare => 1 });
	does('/prune images all host=pod', qr/localhost\/spare:1|\d images? removed/);
	is_deeply [grep {/spare/} map { @{ $_->{RepoTags} // [] } } @{ $podman->api(GET => '/images/json') }], [], 'images that nobody uses';
	is $podman->state('shop'), 'running', 'what is used stays';
	$podman->import_busybox;
};

subtest 'what happens is told' => sub {
	$mark = $sim->last_seq;
	$podman->run(name => 'crash', cmd => ['sh', '-c', 'echo last words; exit 7']);
	is_told(qr/^🔴 (?:pod\/)?crash died: exit code 7(?:.*\n)+last words/m, 'a death with its code and last words');
	$podman->run(name => 'sick', cmd => \@waits, healthcheck => { test => 'test -e /ok || { echo no ok; false; }', interval => 3600 });
	is $podman->check('sick'), 'unhealthy', 'a check is run';
	is_told(qr/^🟠 (?:pod\/)?sick is unhealthy(?:.*\n)+no ok/m, 'what is unhealthy, with what the check said');
	ok $podman->command('exec', 'sick', 'touch', '/ok'), 'it gets well';
	is $podman->check('sick'), 'healthy', 'a check says so';
	is_told(qr/sick is healthy again/, 'what is healthy again');
	# with the code of the signal: Podman has no event for the first
	$podman->run(name => $_, cmd => ['sh', '-c', 'trap "exit 143" TERM; while :; do sleep 0.1; done']) for qw(halted ended);
	ok $podman->command('stop', '-t', 20, 'halted'), 'one is stopped at the machine';
	$podman->api(POST => '/containers/ended/stop?t=20');
	$podman->run(name => 'after', cmd => ['sh', '-c', 'exit 9']);
	is_told(qr/after died: exit code 9/, 'what comes after');
	ok !(grep { $_->{text} =~ /(?:halted|ended) died/ } told()), 'what was stopped is not told as a death'
		or diag join "\n--\n", map { $_->{text} } told();
	$podman->rm($_) for qw(halted ended after crash sick);
	says('/events', qr/halted/);
};

subtest 'the service is away' => sub {
	$mark = $sim->last_seq;
	my $before = $podman->inspect('shop')->{State}{StartedAt};
	$podman->kill;
	is_told(qr/pod (?:is unreachable|does not answer|.*down|.*away)/, 'is told');
	is $bot->json('/health')->{status} ne 'ok', 1, '/health is not ok';
	like $bot->http(GET => '/metrics')->{content}, qr/^fleetgram_host_up\{[^}]*host="pod"[^}]*\} 0$/m, '/metrics show it';
	says('/list host=dock', qr/^1 container 🟢 1/);
	$podman->command('run', '-d', '--name', 'meanwhile', '--network', 'none', 'busybox:latest', 'sh', '-c', 'exit 5');
	$podman->restart;
	is_told(qr/pod .*(?:back|again)/, 'that it is back, too');
	is_told(qr/meanwhile .*: exit code 5/, 'and what died meanwhile');
	is $podman->inspect('shop')->{State}{StartedAt}, $before, 'containers have lived on';
	ok !(grep { $_->{text} =~ /shop (?:died|is up again|was)/ } told()), 'which nobody is told of';
	ok wait_until(patient(30), sub { $bot->json('/health')->{status} eq 'ok' }), '/health is ok again';
	my ($host) = grep { $_->{name} eq 'pod' } @{ $bot->json('/health')->{hosts} };
	is_deeply [@$host{qw(state engine)}], [qw(ok podman)], 'and says what it is';
	like $bot->http(GET => '/metrics')->{content}, qr/^fleetgram_host_up\{[^}]*host="pod"[^}]*\} 1$/m, '/metrics too';
};

subtest 'the bot is away' => sub {
	$mark = $sim->last_seq;
	$bot->kill9;
	$podman->run(name => 'unseen', cmd => ['sh', '-c', 'exit 6']);
	$podman->command('stop', '-t', 5, 'shop');
	$bot->restart->wait_ready;
	is_told(qr/unseen died: exit code 6/, 'what died meanwhile is told');
	ok !(grep { $_->{text} =~ /shop died/ } told()), 'what was stopped meanwhile did not die';
	my @twice = grep { $_->{text} =~ /meanwhile .*: exit code/ } told();
	is scalar @twice, 0, 'what had been told is not told again';
};

$talk->end_ok;
done_testing;
