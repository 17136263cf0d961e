# Runs once, takes long
# Schedules: what is listed, added and refused; a run by hand, one by the clock's last look, and those that nobody saw.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(store_rows store_change wait_rows need_sqlite);
use FG::Talk;
use FG::Util qw(wait_until json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

use constant { ADMIN => 1, RED => 2, DENIED => 3, NEWS => -1003, TOPIC => -1004 };

my $engine = FG::Engine->shared($version);
$engine->run(name => 'web', init => 1, cmd => ['sleep', '1d']);

my $true = JSON::PP::true();
my %config = (
	timezone => 'Europe/Berlin',
	users => [
		{ id => ADMIN, name => 'ann', role => 'admin' },
		{ id => RED, name => 'rita', role => 'admin', scope => 'label=team:red' },
		{ id => DENIED, name => 'dan', role => 'admin', deny => ['restart'] },
	],
	hosts => { local => { url => $engine->url } },
	schedules => [{ name => 'nightly', cron => '30 3 * * *', command => '/list' }],
	notify => { startup_delay => '1h' },
);
my @news = ({ id => NEWS, notify => $true }, { id => TOPIC, thread => 7, notify => $true });

my $talk = FG::Talk->start(%config);
my $sim = $talk->sim;
$sim->chat(chat => NEWS, type => 'supergroup', title => 'News');
$sim->chat(chat => TOPIC, type => 'supergroup', title => 'Ops', is_forum => 1, threads => [7]);

sub said { my ($mark, $chat, $match) = @_; return ($talk->message_after($mark, $chat, match => $match) // {})->{text} // "(nothing like $match)" }

subtest 'list, add, remove' => sub {
	like $talk->text('/schedule'), qr{^⏰ 1 schedule\n\nnightly · config\n30 3 \* \* \* · /list\nNext: (\w{3} \d\d \w{3} 03:30, ){2}\w{3} \d\d \w{3} 03:30$}m,
		'the config\'s, with its next three times';
	like $talk->text('/schedule add morning “0 7 * * mon-fri” restart web'), qr{✅ morning runs /restart web, without asking, next on (Mon|Tue|Wed|Thu|Fri) .* 07:00\.}, 'added, with a phone\'s quotes';
	like $talk->text('/schedule'), qr{2 schedules.*\nmorning\n0 7 \* \* mon-fri · /restart web\n}s, '… and listed';
	for my $case (
		['add morning "* * * * *" list', qr/there is a schedule morning already/],
		['add nightly "* * * * *" list', qr/already/],
		['add x 30 3 * * * list', qr/in quotes.*has 1 of the five fields/],
		['add x "61 * * * *" list', qr/"61" is no minute/],
		['add x "0 0 31 2 *" list', qr/never comes/],
		['add "a b" "* * * * *" list', qr/no name/],
		['add x "* * * * *" frobnicate', qr{no command frobnicate}],
		['add x "* * * * *" schedule remove morning', qr{cannot run /schedule}],
		['add x "* * * * *" exec web true', qr{/exec is turned off}],
		['add x "* * * * *" restart', qr{/restart takes other words}],
		['add x', qr/Usage/],
		['remove nightly', qr/nightly is in the config/],
		['remove nothing', qr/there is no schedule nothing/],
		['run nothing', qr/there is no schedule nothing/],
		['dance', qr/add, remove and run/],
	) {
		like $talk->text("/schedule $case->[0]"), $case->[1], "refused: $case->[0]";
	}
	like $talk->text('/schedule add x "* * * * *" list', as => RED), qr/about all containers, and you see only some/, 'nobody with a scope';
	like $talk->text('/schedule add x "0 0 1 1 *" restart web', as => DENIED), qr{may not use /restart yourself}, '… nor for what they may not do';
	like $talk->text('/schedule add x "0 0 1 1 *" //restart web', as => DENIED), qr{may not use /restart yourself}, '… however it is written';
	like $talk->text('/schedule run morning', as => DENIED), qr{may not use /restart yourself}, '… nor run it';
	like $talk->text('/schedule remove morning'), qr/✅ morning is removed/, 'removed';
	unlike $talk->text('/schedule'), qr/morning/, '… and gone';
};

sub started_at { return $engine->inspect('web')->{State}{StartedAt} }

subtest 'a run, and who is told' => sub {
	my ($mark, $before) = ($sim->last_seq, started_at());
	$talk->text('/schedule add again "0 0 1 1 *" restart web');
	like $talk->text('/schedule run again', match => qr/runs now/), qr{again runs now: /restart web}, 'by hand';
	like said($mark, ADMIN, qr/^⏰ again: /), qr/^⏰ again: ✅ web restarted/, 'its result is told to the admins, where no chat is to be told';
	like said($mark, RED, qr/^⏰ again: /), qr/restarted/, '… to each of them';
	isnt started_at(), $before, '… and it was done';
	like $talk->text('/schedule'), qr/again\n.*\n.*\nLast: .* ✅ .*web restarted/, '… the list tells it too';
	my $bot = $talk->bot;
	$bot->stop;
	$bot->configure({ %{ $bot->{config} }, chats => \@news });
	$bot->restart->wait_ready;
	$mark = $sim->last_seq;
	$talk->text('/schedule add broken "0 0 1 1 *" restart nothing');
	$talk->text('/schedule run broken', match => qr/runs now/);
	like said($mark, NEWS, qr/^⏰ broken: /), qr{^⏰ broken: ⚠️ /restart nothing: .*nothing}, 'a failure, in a chat with notify';
	like said($mark, TOPIC, qr/^⏰ broken: /), qr/nothing/, '… and in a topic';
	is scalar(grep { ($_->{text} // '') =~ /^⏰ broken: / } @{ $sim->messages(chat => RED) }), 0, '… then the admins are not told';
};

subtest 'by the clock' => sub {
	my $bot = $talk->bot;
	$talk->text('/schedule add tick "* * * * *" restart web');
	my ($mark, $before, $log) = ($sim->last_seq, started_at(), $bot->log_mark);
	# As if the last look had been a minute ago: then a run is due now. A reload is a reason to look.
	is system('sqlite3', '-cmd', '.timeout 5000', $bot->state_dir . '/fleetgram.db', "UPDATE schedule_runs SET seen_ms = seen_ms - 60000 WHERE name = 'tick'"), 0, 'a minute passes';
	$bot->signal('HUP');
	like said($mark, NEWS, qr/^⏰ tick: ✅/), qr/^⏰ tick: ✅ web restarted/, 'what is due is run, and told';
	isnt started_at(), $before, '… and was done';
	ok $bot->wait_log(qr{schedule tick: /restart web: done}, 20, $log), '… under its own name';
	my ($row) = store_rows($bot, q(SELECT seen_ms % 60000 AS past, began_ms FROM schedule_runs WHERE name = 'tick'));
	is $row->{past}, 0, 'the time it was due is settled';
	like $talk->text('/schedule remove tick'), qr/removed/, 'no more of it';
};

# As if a schedule had last been looked at HOURS ago, while the bot is down.
sub set_back { my ($name, $hours) = @_; return store_change($talk->bot, "UPDATE schedule_runs SET seen_ms = seen_ms - $hours * 3600000 WHERE name = '$name'") }

subtest 'missed while away' => sub {
	my $bot = $talk->bot;
	$talk->text('/schedule add hourly "0 * * * *" restart web');
	my $before = started_at();
	$bot->stop;
	set_back('hourly', 5);
	my $mark = $sim->last_seq;
	$bot->restart->wait_ready;
	like said($mark, NEWS, qr/^⏰ hourly: /), qr{^⏰ hourly: missed [5-6] runs while I was away, not run: /restart web\nThe last was due: .*:00\.}, 'they are told, once for all of them';
	is started_at(), $before, '… and not run';
	$mark = $sim->last_seq;
	$bot->restart->wait_ready;
	$talk->text('/schedule');
	is scalar(grep { $_->{seq} > $mark && ($_->{text} // '') =~ /missed/ } @{ $sim->messages(chat => NEWS) }), 0, '… nor told again';
	$talk->text('/schedule remove hourly');
};

subtest 'cut short' => sub {
	my $bot = $talk->bot;
	$engine->run(name => 'slow', cmd => ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], stop_timeout => 60);
	$talk->text('/schedule add long "0 0 1 1 *" restart slow');
	$talk->text('/schedule run long', match => qr/runs now/);
	ok wait_rows($bot, 'SELECT 1 FROM schedule_runs WHERE began_ms > 0'), 'it is noted as begun';
	like $talk->text('/schedule run long'), qr/under way already/, 'one at a time';
	like $talk->text('/schedule'), qr/long\n.*\n.*\nIt runs now/, '… as the list says';
	$bot->kill9;
	my $mark = $sim->last_seq;
	$bot->restart->wait_ready;
	like said($mark, NEWS, qr/^⏰ long: /), qr{^⏰ long: ⚠️ interrupted: .*does not repeat it: /restart slow}, 'a crash: it is told at the next start';
	like $talk->text('/schedule'), qr/long\n.*\n.*\nLast: .* ⚠️ interrupted/, '… and listed';
	$engine->rm('slow');
};

subtest 'the last run is still under way' => sub {
	my $bot = $talk->bot;
	$engine->run(name => 'slow', cmd => ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], stop_timeout => 60);
	$talk->text('/schedule add over "0 0 1 1 *" restart slow');
	$talk->text('/schedule run over', match => qr/runs now/);
	ok wait_rows($bot, "SELECT 1 FROM schedule_runs WHERE name = 'over' AND began_ms > 0"), 'a run that takes long';
	my ($row) = store_rows($bot, "SELECT began_ms FROM schedule_runs WHERE name = 'over'");
	my $mark = $sim->last_seq;
	# As if a time of it were due just now.
	is system('sqlite3', '-cmd', '.timeout 5000', $bot->state_dir . '/fleetgram.db',
		"UPDATE schedules SET cron = '* * * * *' WHERE name = 'over'; UPDATE schedule_runs SET cron = '* * * * *', seen_ms = (SELECT max(seen_ms) FROM schedule_runs) / 60000 * 60000 - 60000 WHERE name = 'over'"), 0, 'the next one is due';
	$bot->signal('HUP');
	like said($mark, NEWS, qr/^⏰ over: /), qr{^⏰ over: left out, for its last run is still under way: /restart slow}, 'it is left out, which is told';
	is +(store_rows($bot, "SELECT began_ms FROM schedule_runs WHERE name = 'over'"))[0]{began_ms}, $row->{began_ms}, '… and is not run beside the other';
	$engine->rm('slow');
	ok wait_rows($bot, "SELECT 1 FROM schedule_runs WHERE name = 'over' AND began_ms = 0"), 'the first comes to its end';
	$talk->text('/schedule remove over');
};

subtest 'without a daemon' => sub {
	my $file = $talk->bot->config_file;
	my ($exit, $out, $err) = FG::Bot::exec_cmd($file, '--json', 'schedule');
	my ($nightly) = grep { $_->{name} eq 'nightly' } @{ json_decode($out)->{data} };
	is $nightly->{source}, 'config', 'the list, for programs';
	is scalar @{ $nightly->{next} }, 3, '… with three times';
	($exit, $out) = FG::Bot::exec_cmd($file, 'schedule', 'run', 'nightly');
	is $exit, 0, 'one is run in place';
	like $out, qr/1 container/, '… and its answer shown';
	my %bad = %config;
	$bad{schedules} = [{ name => 'x', cron => '* * * * *', command => '/frobnicate' }];
	($exit, $out, $err) = FG::Bot::check_config(\%bad);
	is $exit, 2, 'a config with a command that is none';
	like $err, qr{schedules\[0\]\.command: there is no command frobnicate}, '… is refused';
};

$talk->end_ok('it ends in order');
done_testing;
