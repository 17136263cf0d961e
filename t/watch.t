# Takes long.
# The watch of real engines: what happens to containers is told once each, whatever breaks meanwhile.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(OPERATOR start_sim quick_config store_rows wait_rows patient need_sqlite);
use FG::Util qw(wait_until in_ci);

my @versions = FG::Engine->versions;
FG::Engine->need(@versions);
need_sqlite();
unless (FG::Sim->find_bin) {
	BAIL_OUT('no Bot API simulator was built') if in_ci();
	plan skip_all => 'no Bot API simulator was built';
}

my $sim = start_sim();
my ($engine, $bot);
my $mark = 0;

# What it has told since the last look, as "NAME WHAT" lines.
sub told {
	my $log = substr $bot->log, $mark;
	return $log =~ /host local: (.+)$/mg;
}
sub forget { $mark = $bot->log_mark; return }

# Waits until all of these were told, in this order, and looks that nothing else was told twice.
sub tells {
	my ($name, @want) = @_;
	my $came = wait_until(patient(60), sub {
		my @told = told();
		for my $want (@want) {
			while (@told && $told[0] !~ /^$want\z/) { shift @told }
			return 0 unless @told;
			shift @told;
		}
		return 1;
	});
	ok $came, $name or diag "want:\n@{[join \"\\n\", @want]}\ngot:\n@{[join \"\\n\", told()]}";
	return;
}

# How often something of that pattern was told.
sub how_often { my ($pattern) = @_; return scalar grep {/^$pattern\z/} told() }

sub events { my ($host) = @{ $bot->json('/health')->{hosts} }; return $host->{events} // {} }
sub is_live { return (events()->{state} // '') eq 'live' }

# Until it stands, and has compared what there is to compare.
sub wait_live {
	my ($name) = @_;
	ok wait_until(patient(60), sub { is_live() && store_rows($bot, 'SELECT host FROM watch_hosts WHERE gap = 0') }), $name // 'the stream is live';
	return;
}

sub start_bot {
	my %more = @_;
	$mark = 0;
	$bot = FG::Bot->start(config => quick_config($sim, { local => { url => $engine->url, timeout => '60s' } },
		chats => [{ id => OPERATOR, notify => JSON::PP::true() }], health => { refresh => '1s' }, %more));
	$bot->wait_ready;
	wait_live();
	sleep 3;    # what is compared at first is believed only then
	forget();
	return;
}

sub sleeper { my ($name, %opt) = @_; return $engine->run(name => $name, cmd => ['sleep', '1d'], init => 1, %opt) }

sub everyday {
	sleeper('web');
	tells('created and started', 'web was created', 'web started');
	$engine->api(POST => '/containers/web/stop?t=10');
	tells('a stop from outside', 'web died \(\d+\), asked');
	$engine->api(POST => '/containers/web/start');
	$engine->api(POST => '/containers/web/kill');
	tells('a kill from outside', 'web started', 'web died \(137\), asked');
	$engine->api(POST => '/containers/web/start');
	$engine->api(POST => '/containers/web/restart?t=10');
	tells('a restart from outside', 'web started', 'web died \(\d+\), asked', 'web started');
	$engine->api(POST => '/containers/web/pause');
	$engine->api(POST => '/containers/web/unpause');
	tells('a pause', 'web was paused', 'web goes on');
	$engine->api(POST => '/containers/web/rename?name=site');
	tells('another name', 'site has a new name');
	$engine->rm('site');
	tells('removed by force', 'site died \(137\), asked', 'site was removed');
	forget();

	$engine->run(name => 'crash', cmd => ['sh', '-c', 'sleep 0.3; exit 7']);
	tells('a crash', 'crash was created', 'crash started', 'crash died \(7\)');
	$engine->run(name => 'segv', cmd => ['sh', '-c', 'kill -SEGV $$'], init => 1);
	tells('a fault', 'segv died \(139\)');
	$engine->run(name => 'oom', cmd => ['sh', '-c', 'sleep 0.3; x=a; while :; do x=$x$x; done'], memory => 16 << 20, host_config => { MemorySwap => 16 << 20 });
	tells('out of memory', 'oom ran out of memory', 'oom died \(137\)');
	sleeper('sick', healthcheck => { test => 'test ! -e /tmp/ill', interval => 1, retries => 1 });
	tells('healthy', 'sick is healthy');
	$engine->api(POST => '/exec/' . $engine->api(POST => '/containers/sick/exec', { Cmd => ['touch', '/tmp/ill'] })->{Id} . '/start', { Detach => JSON::PP::true() });
	tells('and unhealthy', 'sick is unhealthy');
	$engine->run(name => 'loop', cmd => ['sh', '-c', 'exit 3'], restart => 'on-failure:3');
	tells('a loop', ('loop started', 'loop died \(3\)') x 4);
	is how_often('loop died .*'), 4, 'each death once';
	is events()->{breaks}, 0, 'without a break';
	$engine->rm($_) for qw(crash segv oom sick loop);
	return;
}

sub ours_and_theirs {
	forget();
	sleeper('mine');
	tells('somebody starts it', 'mine was created', 'mine started');
	my ($exit, undef, $err) = FG::Bot::exec_cmd($bot->config_file, 'stop', 'mine');
	is $exit, 0, 'stopped by an exec beside the daemon' or diag $err;
	tells('is ours', 'mine died \(\d+\), asked, ours');
	$sim->say(user => OPERATOR, text => '/up mine');
	tells('started by the bot', 'mine started, ours');
	$engine->api(POST => '/containers/mine/stop?t=10');
	tells('stopped by somebody else', 'mine died \(\d+\), asked');
	$engine->rm('mine');
	return;
}

# The daemon is killed, with containers that die meanwhile.
sub killed {
	my ($keeps) = @_;
	forget();
	my $short = $engine->run(name => 'short', cmd => ['sh', '-c', 'while [ ! -e /end ]; do sleep 0.2; done; exit 5']);
	sleeper('long');
	my $pid = $engine->inspect('short')->{State}{Pid};
	tells('they run', 'long started');
	my $before = events()->{breaks};
	$engine->kill;
	ok wait_until(patient(30), sub { !is_live() }), 'the stream is not live while the engine is away';
	ok wait_until(patient(30), sub { $bot->json('/health')->{hosts}[0]{state} eq 'down' }), 'and the host is down';
	open my $end, '>', "/proc/$pid/root/end" or diag "/proc/$pid/root: $!";
	close $end if $end;
	wait_until(patient(20), sub { !-d "/proc/$pid" });
	$engine->restart;
	tells('a death while it was away', 'short died \(\d+\), missed');
	tells('the other one goes down with it', 'long died \(\d+\)(, asked)?, missed') unless $keeps;
	wait_live('it is live again');
	sleep 3;
	is how_often('short died .*'), 1, 'told once';
	is how_often('long died .*'), $keeps ? 0 : 1, $keeps ? 'the other one lives' : 'the other one as well';
	cmp_ok events()->{breaks}, '>', $before, 'the break is counted';
	$engine->rm($_) for qw(short long);
	tells('and it goes on', 'long was removed');
	return;
}

# More happens than the engine remembers, while nobody listens.
sub overflow {
	forget();
	sleeper('early');
	tells('one runs', 'early started');
	$bot->kill9;
	$engine->api(POST => '/containers/early/kill');
	$engine->run(name => 'first', cmd => ['sh', '-c', 'exit 9']);
	$engine->wait_state('first', 'exited');
	my $id = $engine->api(POST => '/commit?container=first&repo=noise')->{Id};
	$engine->api(POST => "/images/noise/tag?repo=noise&tag=t$_") for 1 .. 300;
	$engine->run(name => 'last', cmd => ['sh', '-c', 'exit 8']);
	$engine->wait_state('last', 'exited');
	$mark = $bot->log_mark;
	$bot->restart->wait_ready;
	wait_live('it is live again');
	sleep 3;
	is how_often('early died .*, missed'), 1, 'what the engine has forgotten is told once';
	is how_often('first died \(9\), missed'), 1, 'and with its exit code';
	is how_often('last died \(8\), missed'), 1, 'what it has not forgotten, too';
	$engine->rm($_) for qw(early first last);
	$engine->request(DELETE => '/images/noise:t' . $_ . '?force=1') for 1 .. 300;
	return;
}

# Killed again and again while things die: each death counts once.
sub killed_bot {
	forget();
	my $deaths = 24;
	for my $n (1 .. $deaths) {
		$engine->run(name => "d$n", cmd => ['sh', '-c', "exit $n"]);
		next if $n % 6;
		$bot->kill9;
		$bot->restart;
	}
	$bot->wait_ready;
	wait_live('it is live again');
	my $count = "SELECT name, sum(count) AS n FROM incidents WHERE kind = 'died' AND name GLOB 'd[0-9]*' GROUP BY name";
	wait_until(patient(60), sub { my @rows = store_rows($bot, $count); @rows >= $deaths });
	sleep 3;
	my %n = map { $_->{name} => $_->{n} } store_rows($bot, $count);
	is_deeply \%n, { map { ("d$_" => 1) } 1 .. $deaths }, 'every death is an incident, once';
	$engine->rm("d$_") for 1 .. $deaths;
	return;
}

sub frozen {
	forget();
	sleeper('still');
	tells('one runs', 'still started');
	my $before = events()->{breaks};
	$engine->freeze;
	ok wait_until(patient(120), sub { !is_live() }), 'an engine that stands still is found out';
	$engine->thaw;
	wait_live('it is live when it goes on');
	$engine->api(POST => '/containers/still/kill');
	tells('and tells', 'still died \(137\), asked(, missed)?');
	is how_often('still died .*'), 1, 'once';
	$engine->rm('still');
	return;
}

# What the engine's version has nothing to do with is looked at on the oldest alone.
for my $version (@versions) {
	for my $keeps (0, 1) {
		$engine = FG::Engine->start(version => $version, $keeps ? (daemon => { 'live-restore' => JSON::PP::true() }) : ());
		sleeper('old');
		start_bot();
		is_deeply [told()], [], "$version: what is there at first is not told";
		unless ($keeps) {
			subtest "$version: everyday" => \&everyday;
			subtest "$version: ours and theirs" => \&ours_and_theirs;
		}
		if (!$keeps && $version eq $versions[0]) {
			subtest "$version: more than the engine remembers" => \&overflow;
			subtest "$version: the bot is killed" => \&killed_bot;
			subtest "$version: the engine stands still" => \&frozen;
		}
		subtest "$version: the engine is killed" . ($keeps ? ', its containers live on' : '') => sub { killed($keeps) };
		$bot->stop_ok;
		$engine->stop;
	}
}

$sim->stop;
done_testing;
