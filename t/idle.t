# Runs once, takes long.
# Nothing happens, and so the bot does next to nothing: with fifty containers it stays small and hardly wakes up.
# Figures of the release build: with sanitizers in it they would say nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(OPERATOR start_sim quick_config no_complaints patient);
use FG::Sim;
use FG::Util qw(wait_until);

my ($version) = FG::Engine->versions;
FG::Engine->need($version);

my $containers = 50;
my $rss_kib = 12 * 1024;
# A poll is answered, handed on and asked again; a refresh is some calls to the engine. What wakes it besides these is idling wrong.
my ($per_poll, $per_refresh) = (8, 12);

my $engine = FG::Engine->shared($version);
my @pids;
# In parallel: starting a container is waiting, mostly.
for my $lane (0 .. 4) {
	defined(my $pid = fork) or die "fork: $!";
	if (!$pid) {
		for my $n (grep { $_ % 5 == $lane } 1 .. $containers) {
			eval { $engine->run(name => sprintf('idle-%02d', $n), cmd => ['sleep', '1d'], init => 1, labels => { tier => 'idle' }); 1 } or POSIX::_exit(1);
		}
		POSIX::_exit(0);
	}
	push @pids, $pid;
}
my $failed = 0;
for my $pid (@pids) { waitpid $pid, 0; $failed++ if $? }
is $failed, 0, "$containers containers run" or BAIL_OUT($engine->log);

my $sim = start_sim();
my $bot = FG::Bot->start(config => quick_config($sim, { local => { url => $engine->url } }, health => { refresh => '2s' },
	telegram => { poll_timeout => '3s' }, log => { level => 'info' }));
$bot->wait_ready;
like +($sim->ask(user => OPERATOR, text => '/list', timeout => 20) // {})->{text} // '', qr/$containers containers/, 'it sees them';

# The refreshes are counted where they leave a trace: each makes a picture with a time of its own.
my ($refreshes, $seen) = (0, '');
sub look {
	my $at = $bot->json('/health')->{checked_at} // '';
	$refreshes++ if $at ne $seen;
	$seen = $at;
	return $refreshes;
}
ok wait_until(30, sub { look() >= 4 }), 'a few refreshes of /health';
my $rss = $bot->rss_kib;
cmp_ok $rss, '<', $rss_kib, "$rss KiB of memory";

# From here on nobody asks the bot anything. The window ends by what happens in it: two polls, and so at least a refresh.
my $polls = sub { return $sim->state->{polls} };
my $begin = $polls->();
ok wait_until(30, sub { $polls->() > $begin }), 'a poll begins';
my ($from, $wakeups, $ticks) = ($polls->(), $bot->wakeups, $bot->cpu_ticks);
ok wait_until(30, sub { $polls->() >= $from + 2 }), 'two polls later';
my ($woken, $used) = ($bot->wakeups - $wakeups, $bot->cpu_ticks - $ticks);
# Two polls of three seconds have at most four beginnings of a refresh among them.
my $bound = 2 * $per_poll + 4 * $per_refresh;
cmp_ok $woken, '<=', $bound, "woken $woken times over two polls and the refreshes between them";
cmp_ok $used, '<=', POSIX::sysconf(POSIX::_SC_CLK_TCK()) / 5, "$used ticks of CPU";
note "RSS $rss KiB, $woken wake-ups, $used ticks in two polls of 3 s with a refresh every 2 s";

no_complaints($sim);
$bot->stop_ok;
done_testing;
