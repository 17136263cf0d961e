# Runs once, takes long: every command of the table, what it answers, whom it refuses, what it says of wrong words, its help.
# The list of commands comes from the program: one that has no row here fails.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Registry;
use FG::Talk;
use FG::Util qw(in_ci json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
if (my $why = FG::Registry->unavailable) {
	BAIL_OUT($why) if in_ci();
	plan skip_all => $why;
}

use constant { ADMIN => 1, VIEWER => 2, OPERATOR => 3, DENIED => 4 };

my $engine = FG::Engine->start(version => $version);
my $registry = FG::Registry->start($engine);
my $image = $registry->push('busybox:latest', 'shop/web:1', keep => 1);
$engine->import_busybox(name => 'next:1', labels => { build => 2 });
$registry->push('next:1', 'shop/web:2');
my @waits = ('sh', '-c', 'echo "listening <b>"; trap "exit 0" TERM HUP; while :; do sleep 1000 & wait; done');

# One row a command, in the order in which the answers are tried:
#   role    the least that may use it
#   answer  [words, what the answer is like]; yes => what it is like once the question is confirmed
#   wrong   [words, what is said of them] of words that do not fit
#   slow    it tells of its progress first
#   target  the words with %s for a container: one that there is not, and a misspelt one, are told
my @rows = (
	start => { role => 'none', answer => ['start', qr/Hello, ann\./], wrong => ['start a b', qr/too much.*Usage: \/start/], target => 'start %s' },
	help => { role => 'none', answer => ['help', qr{/help \[COMMAND\] ·}], wrong => ['help lsit', qr{no command /lsit.*/list\?}] },
	whoami => { role => 'none', answer => ['whoami', qr/ann, id 1\nRole: admin/], wrong => ['whoami x', qr/too much/] },
	version => { role => 'none', answer => ['version', qr/^Fleetgram \d+\.\d+\.\d+\nlocal: docker/], wrong => ['version x', qr/too much/] },
	status => { role => 'viewer', answer => ['status', qr/local · 🟢 2 🔴 1/], wrong => ['status x', qr/"chart" is all that/] },
	hosts => { role => 'viewer', answer => ['hosts', qr/local · 🟢 2 🔴 1\n\s+docker \S+/], wrong => ['hosts x', qr/there is no host x/] },
	host => { role => 'operator', answer => ['host', qr/No host is paused/], wrong => ['host pause nowhere 1h', qr/there is no host nowhere/] },
	services => { role => 'viewer', answer => ['services', qr/No host here manages a swarm/], wrong => ['services lable=x', qr/lable/] },
	service => { role => 'viewer', answer => ['service web', qr/no host here manages a swarm/], wrong => ['service', qr/missing/] },
	nodes => { role => 'viewer', answer => ['nodes', qr/No host here manages a swarm/], wrong => ['nodes x', qr/too much/] },
	scale => { role => 'operator', answer => ['scale web 2', qr/no host here manages a swarm/], wrong => ['scale web two', qr/is a number/] },
	node => { role => 'admin', answer => ['node drain web', qr/no node is called "web"/], wrong => ['node shake web', qr/drain, pause or activate/] },
	health => { role => 'viewer', answer => ['health', qr/^🟢 ok · fleetgram/], wrong => ['health x', qr/too much/] },
	templates => { role => 'viewer', answer => ['templates', qr/^1 template\n.*demo/s], wrong => ['templates x', qr/too much/] },
	list => { role => 'viewer', answer => ['list', qr/^3 containers 🟢 2 🔴 1/], wrong => ['list lable=x', qr/lable.*label/], target => 'list %s' },
	info => { role => 'viewer', answer => ['info web', qr/^🟢 web · running/], wrong => ['info', qr/missing/], target => 'info %s' },
	logs => { role => 'viewer', answer => ['logs web', qr/^📜 web · 1 line\nlistening <b>/], wrong => ['logs web 0', qr/0/], target => 'logs %s' },
	stats => { role => 'viewer', answer => ['stats web', qr/^📊 web\n.*Memory/s], wrong => ['stats lable=x', qr/lable/], target => 'stats %s' },
	top => { role => 'viewer', answer => ['top web', qr/web · \d+ process.*PID/s], wrong => ['top', qr/missing/], target => 'top %s' },
	compose => { role => 'viewer', answer => ['compose web', qr/services:\n  web:/], wrong => ['compose', qr/missing/], target => 'compose %s' },
	images => { role => 'viewer', answer => ['images', qr/busybox/], wrong => ['images host=nowhere', qr/nowhere/] },
	df => { role => 'viewer', answer => ['df', qr/^images +2 .*^together/ms], wrong => ['df host=nowhere', qr/nowhere/] },
	chart => { role => 'viewer', answer => ['chart web', qr/Nothing is known of web.*measured|CPU/s], wrong => ['chart web 99d', qr/5m to 24h/], target => 'chart %s' },
	ports => { role => 'viewer', answer => ['ports', qr/port/i], wrong => ['ports lable=x', qr/lable/], target => 'ports %s' },
	events => { role => 'viewer', answer => ['events', qr/web/], wrong => ['events 9d', qr/7d|day/], target => 'events %s' },
	drift => { role => 'viewer', answer => ['drift', qr/no instances|Nothing has drifted/i], wrong => ['drift lable=x', qr/lable/], target => 'drift %s' },
	history => { role => 'viewer', answer => ['history web', qr/web/], wrong => ['history', qr/missing/], target => 'history %s' },
	checkupdates => { role => 'operator', slow => 1, answer => ['checkupdates web', qr/web|up to date|newest/], wrong => ['checkupdates lable=x', qr/lable/], target => 'checkupdates %s' },
	create => { role => 'operator', slow => 1, answer => ['create made demo', qr/^✅ made is created|Instance of demo/], wrong => ['create made', qr/missing/] },
	touch => { role => 'operator', answer => ['touch made', qr/made/], wrong => ['touch', qr/missing/], target => 'touch %s' },
	apply => { role => 'operator', answer => ['apply made', qr/Nothing to do|as the config says/i], wrong => ['apply', qr/missing/], target => 'apply %s' },
	limits => { role => 'operator', answer => ['limits web', qr/^\S* ?web\nCPU/], wrong => ['limits web memory=much', qr/much/], target => 'limits %s' },
	note => { role => 'operator', answer => ['note web before Monday', qr/web/], wrong => ['note', qr/missing/], target => 'note %s text' },
	pin => { role => 'operator', answer => ['pin web', qr/web/], wrong => ['pin', qr/missing/], target => 'pin %s' },
	unpin => { role => 'operator', answer => ['unpin web', qr/web/], wrong => ['unpin', qr/missing/], target => 'unpin %s' },
	incidents => { role => 'viewer', answer => ['incidents', qr/open incident/], wrong => ['incidents x', qr/open, all, or the number/] },
	ack => { role => 'operator', answer => ['ack all', qr/^👌 /], wrong => ['ack x', qr/the number of an incident, or all/] },
	mute => { role => 'operator', answer => ['mute web 2h', qr/^🔕 web is muted until \d\d:\d\d, for 2h\.\nThat is 1 container now\.$/], wrong => ['mute web', qr/the last word is for how long/] },
	unmute => { role => 'operator', answer => ['unmute web', qr/^🔔 web is not muted any more\.$/], wrong => ['unmute lable=x', qr/lable.*label/] },
	pause => { role => 'operator', answer => ['pause web', qr/^✅ web paused/], wrong => ['pause', qr/missing/], target => 'pause %s' },
	unpause => { role => 'operator', answer => ['unpause web', qr/^✅ web unpaused/], wrong => ['unpause', qr/missing/], target => 'unpause %s' },
	restart => { role => 'operator', answer => ['restart web', qr/^✅ web restarted/], wrong => ['restart', qr/missing/], target => 'restart %s' },
	stop => { role => 'operator', answer => ['stop web', qr/^✅ web stopped/], wrong => ['stop', qr/missing/], target => 'stop %s' },
	up => { role => 'operator', answer => ['up web', qr/^✅ web started/], wrong => ['up', qr/missing/], target => 'up %s' },
	kill => { role => 'operator', answer => ['kill db', qr/^Kill db\?/], yes => qr/^✅ db killed/, wrong => ['kill', qr/missing/], target => 'kill %s' },
	pull => { role => 'operator', slow => 1, answer => ["pull $image", qr/was there already/], wrong => ['pull NoSuch!', qr/is not an image's name/] },
	update => { role => 'operator', answer => ['update web', qr/Update web to the newest/], yes => qr/up to date/, wrong => ['update', qr/missing/], target => 'update %s' },
	tag => { role => 'operator', slow => 1, answer => ['tag web 2', qr/^(?:✅ web|☑).*web:2/], wrong => ['tag web ..', qr/tag is/], target => 'tag %s 2' },
	rollback => { role => 'operator', answer => ['rollback web', qr/Roll web back\?/], yes => qr/rolled back/, wrong => ['rollback', qr/missing/], target => 'rollback %s' },
	rename => { role => 'admin', answer => ['rename db base', qr/now called base/], wrong => ['rename db', qr/missing/], target => 'rename %s other' },
	audit => { role => 'admin', answer => ['audit', qr/ann.*\/?backup|rename|dan/s], wrong => ['audit 0', qr/1 to 50/] },
	grant => { role => 'admin', answer => ['grant 2 operator 15m', qr/vic.*operator/s], wrong => ['grant 2 emperor 15m', qr/ROLE is viewer/] },
	backup => { role => 'admin', answer => ['backup', qr/instance/], wrong => ['backup x', qr/too much/] },
	prune => { role => 'admin', answer => ['prune containers', qr/old/], yes => qr/removed/, wrong => ['prune rubbish', qr/Usage/] },
	reload => { role => 'admin', answer => ['reload', qr/^✅ The config was read again\.$/], wrong => ['reload x', qr/too much/] },
	exec => { role => 'admin', answer => ['exec web echo hello', qr/Run this command\?\necho hello\n• web/], yes => qr/done in.*\nhello$/s, wrong => ['exec web', qr/missing/], target => 'exec %s true' },
	schedule => { role => 'admin', answer => ['schedule', qr/Nothing runs by the clock/], wrong => ['schedule dance', qr/add, remove and run/] },
	remove => { role => 'admin', answer => ['remove made', qr/Remove made\?/], yes => qr/removed/, wrong => ['remove', qr/missing/], target => 'remove %s' },
);
my %row = @rows;
my @names = @rows[grep { $_ % 2 == 0 } 0 .. $#rows];

my %config = (
	users => [
		{ id => ADMIN, name => 'ann', role => 'admin' },
		{ id => VIEWER, name => 'vic', role => 'viewer' },
		{ id => OPERATOR, name => 'otto', role => 'operator' },
		{ id => DENIED, name => 'dan', role => 'admin', deny => \@names },
	],
	hosts => { local => { url => $engine->url } },
	templates => { demo => { image => 'busybox:latest', command => \@waits, network_mode => 'none', stop_timeout => '1s', prune => { idle => '1h' } } },
	update => { settle => '1s' },
	exec => { enabled => JSON::PP::true() },
	notify => { startup_delay => '1h' },
);

# What the program has: {name => {usage, help, role}}.
my ($exit, $out, $err) = FG::Bot::exec_cmd({ map { $_ => $config{$_} } qw(hosts exec) }, '--json', 'help');
my %command = map { $_->{name} => $_ } @{ $exit == 0 ? json_decode($out)->{data} : [] };
cmp_ok scalar(keys %command), '>', 20, 'the program tells its commands' or BAIL_OUT("help: $exit $err");
is_deeply [grep { !$row{$_} } sort keys %command], [], 'every command has its row here';
is_deeply [grep { !$command{$_} } @names], [], '… and every row its command';
@names = grep { $command{$_} } @names;

$engine->run(name => 'web', image => $image, stop_timeout => 1, cmd => \@waits, memory => 64 << 20);
$engine->run(name => 'db', stop_timeout => 1, cmd => \@waits);
$engine->run(name => 'old', cmd => ['sh', '-c', 'exit 3']);
$engine->wait_state('old', 'exited');
my $talk = FG::Talk->start(%config);

# What there is on the engine, to see that nothing was done.
sub as_it_is { return join "\n", sort map {"$_->{Names}[0] $_->{Id} $_->{State} $_->{Created}"} $engine->containers }

sub says {
	my ($words, $pattern, $name, %o) = @_;
	my $answer = $talk->ask("/$words", %o);
	like $answer->{text}, $pattern, $name;
	return $answer;
}

subtest 'help' => sub {
	for my $name (@names) {
		my ($usage, $help) = @{ $command{$name} }{qw(usage help)};
		my $said = $talk->text("/help $name");
		my $head = "/$name" . ($usage ne '' ? " $usage" : '');
		like $said, qr/^\Q$head\E\s*\n\Q$help\E\.$/m, "/help $name: its usage, and what it is for";
		# A command without words is its own example.
		like $said, $usage eq '' ? qr{^/$name\b} : qr{\n/$name\b}, '… and an example';
	}
};

my $before = as_it_is();

subtest 'refusal' => sub {
	my %below = (operator => VIEWER, admin => OPERATOR);
	for my $name (@names) {
		my $role = $row{$name}{role};
		my $words = $row{$name}{answer}[0];
		is $command{$name}{role}, $role, "/$name is for $role";
		says($words, qr{^⚠️ you may not use /$name\.}, '… somebody who is denied it may not', as => DENIED);
		my $who = $below{$role} or next;
		says($words, qr{^⚠️ you may not use /$name: it needs the role $role\.}, "… nor may somebody below", as => $who);
		says("help $name", qr{no command /$name for you}, '… whose help does not know it', as => $who);
	}
	is as_it_is(), $before, 'nothing was done';
};

subtest 'error' => sub {
	for my $name (@names) {
		my ($words, $pattern) = @{ $row{$name}{wrong} };
		says($words, qr/^⚠️ .*$pattern/s, "/$words", match => qr/^⚠️/);
		my $target = $row{$name}{target} or next;
		says(sprintf($target, 'zzzzzz'), qr/^⚠️ no container matches "zzzzzz"\.$/, "/$name: a container that there is not");
		says(sprintf($target, 'wbe'), qr/^⚠️ no container matches "wbe"; did you mean web\b/, '… and one that is misspelt');
	}
	is as_it_is(), $before, 'nothing was done';
};

subtest 'answer' => sub {
	for my $name (@names) {
		my ($words, $pattern) = @{ $row{$name}{answer} };
		# Progress comes before the answer of some.
		my $answer = says($words, $pattern, "/$words", $row{$name}{slow} ? (match => qr/$pattern|^⚠️/) : ());
		my $yes = $row{$name}{yes} or next;
		next unless $talk->buttons($answer);
		like $talk->confirm($answer, match => qr/$yes|^⚠️/)->{text}, $yes, '… confirmed';
	}
};

$talk->end_ok;
done_testing;
