# Runs once.
# Each fuzz target reads its corpus and then a bounded number of inputs made from it; none may crash, hang or leak.
#   perl t/fuzz.t [NAME...]      FG_FUZZ_RUNS: inputs for each target
use strict;
use warnings;
use Cwd ();
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Path ();
use Test::More;
use FG::Util qw(slurp in_ci scratch_dir);

my $root = Cwd::abs_path("$FindBin::Bin/..");
my $runs = $ENV{FG_FUZZ_RUNS} // 40_000;
my @sources = map {m{([^/]+)\.c\z}} glob "$root/t/fuzz/*.c";
my @names = @ARGV ? @ARGV : @sources;

# Updates are made whole, and need the room.
my %options = (updates => ['-max_len=16384']);

plan skip_all => 'no fuzz target' unless @names;
if (!grep { -x "$root/build/fuzz/fuzz-$_" } @names) {
	BAIL_OUT('the fuzz targets are not built') if in_ci();
	plan skip_all => 'the fuzz targets are not built (clang, preset fuzz)';
}

for my $name (@names) {
	my $dir = scratch_dir();
	my $corpus = "$root/t/fuzz/corpus/$name";
	mkdir "$dir/new";
	my @command = ("$root/build/fuzz/fuzz-$name", "-runs=$runs", '-seed=1', '-max_total_time=60', '-timeout=10',
		'-rss_limit_mb=1024', '-print_final_stats=1', "-artifact_prefix=$root/build/fuzz/$name-", @{ $options{$name} // [] },
		"$dir/new", -d $corpus ? $corpus : ());
	ok -d $corpus && glob("$corpus/*"), "$name has a corpus";
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDOUT, '>', "$dir/log";
		open STDERR, '>&', \*STDOUT;
		exec @command or exit 127;
	}
	waitpid $pid, 0;
	my $status = $?;
	my $log = slurp("$dir/log") // '';
	my ($done) = $log =~ /number_of_executed_units:\s*(\d+)/;
	is $status, 0, "$name stands " . ($done // 'no') . ' inputs';
	diag substr $log, -6000 if $status != 0;
	cmp_ok $done // 0, '>', 0, "$name ran";
	File::Path::remove_tree($dir);
}

done_testing;
