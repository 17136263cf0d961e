# Runs once: the page in a real browser.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Open2 qw(open2);
use Test::More;
use FG::Engine;
use FG::Scene qw(store_change);
use FG::Talk;
use FG::Util qw(wait_until free_port json_encode json_decode spew in_ci);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
my $playwright = "$FindBin::Bin/../build/npm/node_modules/playwright-core";
my ($chromium) = grep { -x $_ } '/usr/bin/chromium';
if (!$chromium || !-d $playwright) {
	BAIL_OUT('no browser, or no driver for it') if in_ci();
	plan skip_all => 'no browser, or no driver for it';
}

FG::Scene::need_sqlite();

my $engine = FG::Engine->start(version => $version);
my $port = free_port();
my $hostile = q{<img src=x onerror="alert(1)"><script>window.bad = 1</script>};
my $talk = FG::Talk->start(
	users => [{ id => 1, name => 'ops', role => 'admin' }],
	hosts => { local => { url => $engine->url, timeout => '60s' } },
	templates => { demo => { image => 'busybox:latest', command => ['sleep', '1d'], network_mode => 'none', stop_timeout => '1s', limits => { memory => '64m' } } },
	health => { refresh => '1s' },
	notify => { startup_delay => '1s' },
	http => { listen => "127.0.0.1:$port" },
);
my $bot = $talk->bot;
like $talk->text('/create inst demo', match => qr/is created/), qr/inst is created/, 'an instance';
$bot->stop;
my $dump = $bot->dir . '/dump.json';
my ($exit) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'registry', 'export', $dump]);
is $exit, 0, 'the registry is exported';
my $doc = json_decode(FG::Util::slurp($dump));
push @{ $doc->{instances} }, { %{ $doc->{instances}[0] }, name => 'odd', container_id => 'f' x 64, template => $hostile, image => $hostile, labels => {} };
spew($dump, json_encode($doc));
($exit, my $out, my $err) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'registry', 'import', $dump]);
is $exit, 0, 'and comes back with something odd in it' or diag $err;
# A day in which its memory has grown to half its limit: as the bot keeps it, every five minutes and every 30 s.
my $now = int(time / 300) * 300;
my $points = sub { my ($n, $step) = @_; return unpack 'H*', join '', map { my $share = 1 - ($n - $_) * $step / 86400; pack 'Lffff', $now - ($n - $_) * $step, 20, $share * (32 << 20), 0, 0 } 0 .. $n - 1 };
store_change($bot, "INSERT OR REPLACE INTO history VALUES('local', 'inst', x'" . $points->(240, 30) . "', x'" . $points->(288, 300) . "', x'', 0, " . time . '000)');
$bot->restart->wait_ready;

my $pid = open2(my $from, my $to, 'setpriv', '--pdeathsig', 'KILL', 'node', "$FindBin::Bin/dashboard/drive.js", $playwright, $chromium, "http://127.0.0.1:$port/");
$to->autoflush(1);

# What the page answers; dies when the browser has gone.
sub page {
	my ($script) = @_;
	print {$to} "$script\n" or die "the browser has gone\n";
	my $line = readline $from;
	die "the browser has gone\n" unless defined $line;
	return json_decode($line);
}

sub comes_to { my ($name, $script, $want) = @_; my $got; return ok(wait_until(60, sub { $got = page($script); defined $got && $got =~ $want }), $name) || diag "it is $got" }

is json_decode(scalar readline $from), 'open', 'a browser opens the page';
my $row = q{[...document.querySelectorAll("tr")].map(r => r.textContent).find(t => t.startsWith("inst")) ?? ""};
my $live = q{document.getElementById("live").textContent};

comes_to('it is live', $live, qr/^Live$/);
comes_to('it shows the instance', $row, qr/running.*64 MiB/);
page('window.same = 1');

# The pictures of what an instance uses: [[what is read aloud, path, path of the limit, width, height]].
sub pictures {
	my ($name) = @_;
	return page(qq{[...document.querySelectorAll("tr")].filter(r => r.firstChild.textContent === "$name").flatMap(r => [...r.querySelectorAll("svg[role=img]")])}
		. q{.map(s => [s.querySelector("title").textContent, s.querySelector("path").getAttribute("d"), s.querySelector(".limit")?.getAttribute("d") ?? null, s.getBoundingClientRect().width, s.getBoundingClientRect().height])}) // [];
}

subtest 'what an instance uses' => sub {
	my ($cpu, $memory) = @{ pictures('inst') };
	like $cpu->[0], qr/^CPU in the last day: .*at most 20 %$/, 'a picture of its CPU is read aloud';
	like $memory->[0], qr/^Memory in the last day: .*at most (?:31\.\d|32) MiB, limit 64 MiB$/, 'and one of its memory, with the limit';
	is $cpu->[2], undef, 'without a limit there is no line';
	is $memory->[2], 'M0 2H96', 'with one it is at the top';
	like $memory->[1], qr/^M\d \d+V4[67](?:h1|l1 -?\d+)+h1V48$/, 'the picture is one line over the whole day';
	my ($y) = $memory->[1] =~ /^M\d \d+V(\d+)/;
	$y += $_ for $memory->[1] =~ /l1 (-?\d+)/g;
	ok abs($y - 24.5) <= 1, '… which ends at half of the limit' or diag "$y of $memory->[1]";
	ok $_->[3] >= 60 && $_->[3] <= 200 && $_->[4] >= 16 && $_->[4] <= 60, '… is small, and can be seen' for $cpu, $memory;
	is_deeply pictures('odd'), [], 'of what was never measured there is none';
	comes_to('memory is told as soon as it is measured', q{[...document.querySelectorAll("tr")].find(r => r.firstChild.textContent === "inst").cells[3].textContent}, qr/now \d.*[KM]iB/);
};

subtest 'incidents and commands' => sub {
	my $incidents = q{document.querySelector("ul").textContent};
	my $commands = q{[...document.querySelectorAll("table")].at(-1).tBodies[0].rows[0].textContent};
	$engine->run(name => 'dies', cmd => ['sh', '-c', 'sleep 1; exit 3']);
	comes_to('an incident shows', $incidents, qr/dies died: exit code 3/);
	$talk->text('/ack all');
	comes_to('… that it is acknowledged', $incidents, qr/dies died.*acknowledged/);
	comes_to('… and the command', $commands, qr/^ack.*done/);
	$talk->text('/stop nosuch');
	comes_to('a command that fails', $commands, qr/^stop.*failed/);
	is page('window.same'), 1, '… all without loading the page anew';
};

subtest 'what is the same stays' => sub {
	page('window.cell = [...document.querySelectorAll("td")].find(t => t.textContent === "inst"); getSelection().selectAllChildren(window.cell)');
	$talk->text('/list');
	comes_to('the page changes', q{[...document.querySelectorAll("table")].at(-1).tBodies[0].rows[0].textContent}, qr/^list/);
	is page('window.cell.isConnected && getSelection().toString()'), 'inst', '… around what is marked';
};

subtest 'light and dark, narrow and wide' => sub {
	for my $look (['light', 390], ['dark', 390], ['light', 1280], ['dark', 1280], ['light', 800]) {
		page(":look @$look");
		is page('document.documentElement.scrollWidth <= innerWidth'), 1, "it fits: @$look";
		is page(q{[...document.querySelectorAll(".spark .memory")].every(p => getComputedStyle(p).stroke !== getComputedStyle(p.closest("tr")).backgroundColor && getComputedStyle(p).stroke !== "none")}), 1, '… and its pictures have a colour';
	}
	page(':look light 390');
};

$engine->api(POST => '/containers/inst/stop?t=1');
comes_to('that it stops is shown', $row, qr/exited/);
is page('window.same'), 1, '… without loading the page anew';
comes_to('what is hostile is text', 'document.body.textContent', qr/\Q$hostile\E/);
is page('document.querySelectorAll("main img, main script").length'), 0, '… and no element';
is page('window.bad ?? 0'), 0, '… and runs nothing';
is page('document.documentElement.scrollWidth <= 390'), 1, 'it fits on a phone';
is page('[...document.querySelectorAll("th")].every(t => t.scope === "col") && document.documentElement.lang === "en" && !!document.querySelector("[role=status]")'), 1,
	'it can be read aloud';
$bot->kill9;
comes_to('that the bot has gone is said', $live, qr/^Connection lost at .*old/);
$engine->api(POST => '/containers/inst/start');
$bot->restart->wait_ready;
comes_to('when it is back the page is live again', $live, qr/^Live$/);
comes_to('… and as things are now', $row, qr/running/);
is page('window.same'), 1, '… the same page';
is_deeply page(':seen'), { elsewhere => [], complaints => [] }, 'it asked nobody else, and nothing was wrong with it';
close $to;
waitpid $pid, 0;
$talk->end_ok;
done_testing;
