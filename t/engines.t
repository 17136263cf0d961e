# Runs once.
# The engines that all other tests stand on: each starts, runs a container, and can be frozen, killed and restarted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Engine;
use FG::Util qw(wait_until);

my @versions = FG::Engine->versions;
FG::Engine->need(@versions);

my %api = ('20.10' => [41, 12], '26.1' => [45, 24], '28.5' => [51, 44]);

for my $version (@versions) {
	subtest "engine $version" => sub {
		my $engine = FG::Engine->start(version => $version);
		my $told = $engine->api(GET => '/version');
		my ($newest, $oldest) = map {s/^1\.//r} @$told{qw(ApiVersion MinAPIVersion)};
		if ($version eq '28.5') {	# or what has followed it
			cmp_ok $newest, '>=', $api{$version}[0], "is $told->{Version}, API 1.$newest";
		} else {
			like $told->{Version}, qr/^\Q$version\E\./, "is $told->{Version}";
			is $newest, $api{$version}[0], "speaks API 1.$newest";
		}
		is $oldest, $api{$version}[1], "and none below 1.$oldest";

		my $old = $engine->request(GET => '/v1.41/containers/json');
		is $old->{status}, $version eq '28.5' ? 400 : 200, 'an old client is ' . ($version eq '28.5' ? 'refused' : 'served');
		like $old->{content}, qr/client version 1\.41 is too old/, 'and told why' if $version eq '28.5';

		my $id = $engine->run(name => 'first', cmd => ['sh', '-c', 'echo hello; exec sleep 1d'],
			labels => { tier => 'web' }, memory => 32 << 20, init => 1);
		is $engine->state('first'), 'running', 'runs a container';
		my ($listed) = $engine->containers('first');
		is_deeply [@$listed{qw(Id Image)}, $listed->{Labels}{tier}], [$id, 'busybox:latest', 'web'], 'lists it';
		is $engine->inspect('first')->{HostConfig}{Memory}, 32 << 20, 'with its limit';
		my $log;
		ok wait_until(20, sub { $log = $engine->api(GET => '/containers/first/logs?stdout=1'); length $log }), 'logs';
		is $log, "\1\0\0\0\0\0\0\6hello\n", 'in frames';

		eval { $engine->api(POST => '/containers/none/start') };
		like $@, qr/404 No such container: none/, 'a refusal is told in its own words';

		$engine->freeze;
		is $engine->request(GET => '/_ping', undef, timeout => 0.3)->{status}, 0, 'frozen, it answers nothing';
		$engine->thaw;
		ok wait_until(20, sub { $engine->ping }), 'thawed, it does';

		my $inside = $engine->inspect('first')->{State}{Pid};
		$engine->kill;
		ok !$engine->ping, 'killed, it is gone';
		ok kill(0, $inside), 'its container runs on';
		$engine->restart;
		ok $engine->wait_state('first', 'exited'), 'until a new daemon ends what the old one left';
		$engine->api(POST => '/containers/first/start');
		$engine->restart;
		is $engine->state('first'), 'exited', 'an orderly restart stops it too';

		$engine->run(name => 'sick', cmd => ['sleep', '1d'], init => 1, healthcheck => { test => 'exit 1' });
		ok wait_until(30, sub { $engine->inspect('sick')->{State}{Health}{Status} eq 'unhealthy' }), 'checks health';
		$engine->rm('sick');
		is $engine->inspect('sick'), undef, 'removes a container';

		my ($dir, $netns) = ($engine->dir, $engine->netns);
		$engine->stop;
		ok !-e $dir, 'leaves no folder';
		ok !-e "/run/netns/$netns", 'leaves no network namespace';
		is_deeply [FG::Engine::_descended($dir)], [], 'leaves no process';
	};
}

subtest 'a test that is killed' => sub {
	my $left = `$^X -I$FindBin::Bin/lib -MFG::Engine -e '
		my \$engine = FG::Engine->start(version => "$versions[0]");
		\$engine->run(name => "left", cmd => ["sleep", "1d"]);
		\$engine->freeze;
		syswrite STDOUT, \$engine->dir;
		kill KILL => \$\$' 2>/dev/null`;
	my ($netns) = $left =~ m{^/tmp/(fg\w+)\z} or return fail('starts an engine');
	# Other tests that start may be quicker with it.
	ok wait_until(60, sub {
		FG::Stale::sweep('again');
		return !-e $left && !-e "/run/netns/$netns" && !FG::Engine::_descended($left);
	}), 'leaves an engine that stands still and a container, which the next one removes';
};

done_testing;
