# Runs once, takes long. The audit: a row for all that was run and all that was refused, from chats and terminals, and a chain that
# shows what was changed. And grants: a role for a while.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(store_rows store_change wait_rows need_sqlite);
use FG::Talk;
use FG::Util qw(json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

use constant { ADMIN => 1, VIEWER => 2, OPERATOR => 3, RED => 4, DENIED => 5, STRANGER => 6660, GROUP => -1001, MEMBER => 50 };

my $engine = FG::Engine->shared($version);
$engine->run(name => $_, init => 1, cmd => ['sleep', '1d'], labels => { team => /red/ ? 'red' : 'blue' }) for qw(red-web blue-web);

my $talk = FG::Talk->start(
	users => [
		{ id => ADMIN, name => 'ann', role => 'admin' },
		{ id => VIEWER, name => 'vic', role => 'viewer' },
		{ id => OPERATOR, name => 'otto', role => 'operator' },
		{ id => RED, name => 'rita', role => 'admin', scope => 'label=team:red' },
		{ id => DENIED, name => 'dan', role => 'operator', deny => ['pause'] },
	],
	chats => [{ id => GROUP, role => 'operator' }],
	hosts => { local => { url => $engine->url } },
	templates => { blue => { image => 'busybox:latest', labels => { team => 'blue' } } },
	confirm => { ttl => '1s' },
	notify => { startup_delay => '1h' },
);
my $sim = $talk->sim;
my $bot = $talk->bot;
$sim->chat(chat => GROUP, type => 'supergroup', title => 'Ops', is_forum => 1, threads => [7]);

my $after = 0;

# The rows since the last look, as "WHO ROLE: LINE -> RESULT [ABOUT]".
sub news {
	my @rows = store_rows($bot, "SELECT * FROM audit WHERE n > $after ORDER BY n");
	$after = $rows[-1]{n} if @rows;
	return map { "$_->{name} $_->{role}: $_->{line} -> $_->{result}" . ($_->{targets} ne '' ? " [$_->{targets}]" : '') } @rows;
}

sub noted {
	my ($name, @expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply([news()], \@expected, $name);
}

sub fleetgram { my (@words) = @_; return FG::Bot::run_bin(args => ['-c', $bot->config_file, @words]) }

subtest 'what was run' => sub {
	is((fleetgram('audit', 'verify'))[1], "the audit is empty\n", 'nothing yet');
	$talk->ask('/list');
	$talk->ask('/stop red-web', as => OPERATOR);
	$talk->ask('/up red-web', as => MEMBER, in => GROUP, thread => 7);
	$talk->ask('/info nothing');
	noted('commands',
		'ann admin: list -> done',
		'otto operator: stop red-web -> done [local/red-web]',
		'User 50 operator: up red-web -> done [local/red-web]',
		'ann admin: info nothing -> failed');
	my ($stop) = store_rows($bot, "SELECT * FROM audit WHERE line = 'stop red-web'");
	ok $stop->{took_ms} > 0 && $stop->{chat_id} == OPERATOR && abs($stop->{wall_ms} / 1000 - time) < 60, 'with when, where, and how long';
	my ($up) = store_rows($bot, "SELECT * FROM audit WHERE line = 'up red-web'");
	is "$up->{chat_id} $up->{thread} $up->{user_id}", GROUP . ' 7 ' . MEMBER, 'a topic, too';
	my ($failed) = store_rows($bot, "SELECT * FROM audit WHERE result = 'failed'");
	like $failed->{error}, qr/no container matches "nothing"/, 'and what was said of a failure';
};

subtest 'questions' => sub {
	my $ask = sub { return $talk->ask('/kill red-web blue-web', as => OPERATOR, match => qr/\?/) };
	my $about = '[local/blue-web local/red-web]';
	my $sorted = sub { return map { s/\[(.*)\]/'[' . join(' ', sort split ' ', $1) . ']'/er } news() };
	my $asked = $ask->();
	$talk->press($asked, 'Cancel', as => OPERATOR);
	is_deeply [$sorted->()], ["otto operator: kill red-web blue-web -> asked $about", "otto operator: kill red-web blue-web -> cancelled $about"], 'asked and cancelled';
	$asked = $ask->();
	my ($row) = store_rows($bot, 'SELECT expires_ms FROM confirms ORDER BY expires_ms DESC LIMIT 1');
	FG::Util::wait_until(20, sub { time * 1000 > $row->{expires_ms} + 1000 });
	$talk->confirm($asked, as => OPERATOR, match => qr/Expired/);
	is_deeply [$sorted->()], ["otto operator: kill red-web blue-web -> asked $about", "otto operator: kill red-web blue-web -> refused $about"], 'too late';
	my ($late) = store_rows($bot, "SELECT error FROM audit WHERE n = $after");
	is $late->{error}, 'expired', '… which is said';
	my $in_group = $talk->ask('/kill red-web blue-web', as => MEMBER, in => GROUP, match => qr/\?/);
	my $pressed = $talk->press($in_group, qr/Kill/, as => OPERATOR, silent => 1);
	like $pressed->{callback}{text}, qr/Only the person who asked/, "somebody else's question";
	wait_rows($bot, "SELECT n FROM audit WHERE error LIKE 'only the person%'");
	like +(news())[-1], qr/^otto operator: kill red-web blue-web -> refused/, '… is in the audit';
};

subtest 'what was refused' => sub {
	$talk->ask('/stop red-web', as => VIEWER);
	$talk->ask('/pause red-web', as => DENIED);
	$talk->ask('/stop');
	$talk->ask('/stop red-web', date => time - 3600);
	$talk->ask('/create more blue', as => RED);
	noted('role, list, words, age, scope',
		'vic viewer: stop red-web -> refused',
		'dan operator: pause red-web -> refused',
		'ann admin: stop -> refused',
		'ann admin: stop red-web -> refused',
		'rita admin: create more blue -> refused');
	$sim->chat(chat => STRANGER, first_name => 'Eve');
	$sim->say(user => STRANGER, text => "/stop red-web") for 1 .. 15;
	wait_rows($bot, "SELECT 1 AS ok WHERE (SELECT count(*) FROM audit WHERE role = 'stranger') >= 10");
	FG::Scene::wait_settled($bot);
	my @rows = news();
	is scalar @rows, 10, 'of a stranger no more than ten an hour';
	like $rows[0], qr/^Eve stranger: stop red-web -> refused$/, '… like this';
};

subtest 'terminals' => sub {
	my ($exit) = fleetgram('exec', '--', 'restart', 'red-web');
	is $exit, 0, 'exec';
	fleetgram('exec', '--', 'kill', 'red-web', 'blue-web');
	fleetgram('exec', '--', 'info', 'nothing');
	my @rows = news();
	is $rows[0], 'local admin: restart red-web -> done [local/red-web]', 'is in the audit';
	like $rows[1], qr/^local admin: kill red-web blue-web -> asked/, 'a question without --yes';
	is $rows[2], 'local admin: info nothing -> failed', 'a failure';
	my @pids = map { my $i = $_; defined(my $pid = fork) or die; $pid or do { fleetgram('exec', '--', 'list') for 1 .. 3; POSIX::_exit(0) }; $pid } 1 .. 3;
	$talk->ask('/whoami') for 1 .. 10;
	waitpid $_, 0 for @pids;
	$talk->ask('/whoami');
	is scalar(news()), 20, 'several at once lose nothing';
	my ($code, $out) = fleetgram('audit', 'verify');
	is $code, 0, 'the chain holds' or diag $out;
	like $out, qr/^$after rows from 1 on, none was changed; the last hash is [0-9a-f]{64}$/, '… all of it';
};

subtest '/audit' => sub {
	my $first = $talk->ask('/audit');
	is scalar(() = $first->{text} =~ /#\d+$/mg), 10, 'ten of them';
	like $first->{text}, qr/\A\S+ (?:local|ann) · .*#$after\n/, 'the newest first';
	my $older = $talk->press($first, qr/older/);
	like $older->{text}, qr/#@{[$after - 10]}\n/, 'and further back';
	my $refused = $talk->text('/audit 50 result=refused user=vic');
	like $refused, qr{\A⛔ vic · \S+ \S+ · #\d+\n/stop red-web · refused, \S+\nyou may not use /stop}, 'filtered';
	is scalar(() = $refused =~ /#\d+$/mg), 1, '… all else is left out';
	my ($exit, $json) = fleetgram(qw(exec --json -- audit 50 container=red-* command=restart since=1h));
	my $data = json_decode($json)->{data};
	is_deeply [map { "$_->{user} $_->{line} $_->{containers} $_->{result}" } @$data], ['local restart red-web local/red-web done'], 'for programs';
	like $talk->text('/audit container=nothing-*'), qr/Nothing in the audit fits/, 'nothing fits';
	like $talk->text('/audit 0'), qr/N is a number/, 'a wrong number';
	like $talk->text('/audit result=odd'), qr/result= is one of/, 'a wrong result';
	like $talk->text('/audit since=soon'), qr/since=/, 'a wrong duration';
	like $talk->text('/audit', as => OPERATOR), qr/needs the role admin/, 'for admins';
	my $own = $talk->text('/audit 50', as => RED);
	like $own, qr/rita/, 'who has a scope sees what they did';
	unlike $own, qr/ann|otto|blue-web/, '… and nothing else';
};

subtest '/grant' => sub {
	like $talk->text('/grant'), qr/Nothing is granted/, 'nothing yet';
	my $mark = $sim->last_seq;
	like $talk->text('/grant otto admin 15m'), qr/otto is admin for 15m, until/, 'by name';
	like $talk->message_after($mark, OPERATOR)->{text}, qr/ann made you admin for 15m/, 'who got it is told';
	like $talk->text('/grant'), qr/otto is admin until .*, by ann/, 'the list';
	like $talk->text('/whoami', as => OPERATOR), qr{Role: admin, granted for another \d+m.*then operator again.*administer:.* /remove}s, '/whoami shows it';
	like $talk->text('/grant', as => OPERATOR), qr/otto/, 'it counts';
	like $talk->text('/grant vic admin 1h', as => OPERATOR), qr/granted for a while only/, 'but cannot be passed on';
	like $talk->text('/schedule add late "0 0 * * *" restart web', as => OPERATOR), qr/granted for a while only/, '… nor be made to last by a schedule';
	like $talk->text('/schedule add late "0 0 * * *" grant otto admin 30d'), qr{cannot run /grant}, 'no schedule grants';
	like $talk->text('/grant ' . OPERATOR . ' none'), qr/role of the config again/, 'taken back';
	like $talk->text('/grant ann admin 1h'), qr/themselves/, 'not to oneself';
	like $talk->text('/grant', as => OPERATOR, match => qr/needs/), qr/needs the role admin/, '… at once';
	like $talk->text('/grant otto none'), qr/nothing is granted to otto/, 'there is nothing more to take';
	like $talk->text("/grant $_->[0]"), $_->[1], "/grant $_->[0]" for
		['otto viewer 1h', qr/operator already/], ['nobody admin 1h', qr/nobody in the config is called nobody/],
		[STRANGER . ' admin 1h', qr/not in the config/], ['otto king 1h', qr/ROLE is/], ['otto admin 31d', qr/from 1s to 30d/],
		['otto admin soon', qr/soon/], ['otto admin', qr/for how long/];
	like $talk->text('/grant vic admin 1h', as => RED), qr/another scope/, 'who sees less cannot give more';
	like $talk->text('/grant dan admin 1h'), qr/dan is admin/, 'dan may not pause';
	like $talk->text('/pause red-web', as => DENIED, match => qr/pause/), qr/may not use/, '… not as admin either';
	like $talk->text('/grant ' . MEMBER . ' admin 1h'), qr/is admin/, 'a member of a chat';
	like $talk->text('/whoami', as => MEMBER, in => GROUP), qr/Role: admin/, '… there';
	like $talk->text('/whoami', as => MEMBER), qr/not known here/, '… and nowhere else';
	like $talk->text('/grant vic operator 2s', match => qr/vic/), qr/vic is operator for 2s/, 'a short one';
	FG::Util::wait_until(20, sub { !store_rows($bot, 'SELECT 1 AS ok FROM grants WHERE user_id = ' . VIEWER . ' AND until_ms > ' . int(time * 1000)) });
	like $talk->text('/whoami', as => VIEWER, match => qr/Role/), qr/Role: viewer$/m, '… ends by itself';
};

subtest 'interrupted' => sub {
	news();
	$engine->run(name => 'slow', cmd => ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], labels => { team => 'red' });
	$talk->say('/stop slow', as => OPERATOR);
	wait_rows($bot, "SELECT 1 AS ok FROM updates WHERE state = 1");
	my $mark = $sim->last_seq;
	$bot->kill9;
	$bot->restart->wait_ready;
	$talk->message_after($mark, OPERATOR, match => qr/Interrupted/);
	like $talk->text('/whoami', as => DENIED), qr/Role: admin, granted/, 'a grant outlives a crash';
	$_->{n} and $after = $_->{n} - 1 for store_rows($bot, "SELECT max(n) AS n FROM audit WHERE result = 'interrupted'");
	is +(store_rows($bot, "SELECT count(*) AS n FROM audit WHERE line = 'stop slow'"))[0]{n}, 1, 'one row';
	is +(news())[0], 'otto operator: stop slow -> interrupted [local/slow]', '… like this';
};

subtest 'tampering' => sub {
	is $bot->stop, 0, 'the bot ends';
	is((fleetgram('audit', 'verify'))[0], 0, 'as it was');
	store_change($bot, "DROP TRIGGER audit_no_update; UPDATE audit SET name = 'mallory' WHERE n = 5");
	my ($exit, undef, $err) = fleetgram('audit', 'verify');
	is $exit, 1, 'changed';
	like $err, qr/broken at row 5/, '… and where';
	is((fleetgram('audit'))[0], 2, 'wrong usage');
	$bot->restart->wait_ready;
};

$talk->end_ok;
done_testing;
