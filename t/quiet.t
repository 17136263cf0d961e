# Runs sanitized, takes long.
# When the bot speaks up and when it does not: its start and stop, quiet hours, mutes, scopes, the digest.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use POSIX ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(start_sim quick_config no_complaints patient store_rows store_change wait_rows wait_settled need_sqlite);
use FG::Talk;
use FG::Util qw(wait_until json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
need_sqlite();
my ($version) = FG::Engine->versions;
FG::Engine->need($version);

use constant { ANN => 1, BO => 2, STRANGER => 77, OPS => -1001, RED => -1002, TOPIC => -1003 };

my $true = JSON::PP::true();
my $engine = FG::Engine->shared($version);
my $sim = start_sim();
$sim->chat(chat => $_, first_name => "User $_") for ANN, BO, STRANGER;
$sim->chat(chat => $_, type => 'supergroup', title => "Group $_") for OPS, RED;
$sim->chat(chat => TOPIC, type => 'supergroup', title => 'Topics', is_forum => 1, threads => [7]);

my @users = ({ id => ANN, name => 'ann', role => 'admin' }, { id => BO, name => 'bo', role => 'operator', scope => 'label=team:red' });
my @chats = (
	{ id => OPS, name => 'ops', notify => $true },
	{ id => RED, notify => $true, scope => 'label=team:red' },
	{ id => TOPIC, thread => 7, notify => $true },
);
my %hosts = (local => { url => $engine->url, timeout => '60s' });

sub config { my (%more) = @_; return quick_config($sim, \%hosts, users => \@users, chats => \@chats, timezone => 'UTC', %more) }

my $talk = FG::Talk->start(%{ config() }, sim => $sim);
my $bot = $talk->bot;

# The first message of a chat after MARK that is like PATTERN.
sub told { my ($mark, $chat, $pattern) = @_; return ($talk->message_after($mark, $chat, match => $pattern) // {})->{text} // "(nothing like $pattern)" }

# How many messages of a chat are like it.
sub count { my ($chat, $pattern) = @_; return scalar grep { ($_->{text} // '') =~ $pattern } @{ $sim->messages(chat => $chat) } }

# Hours that began BEFORE minutes ago and end in AFTER.
sub hours {
	my ($before, $after) = @_;
	return join '-', map { POSIX::strftime('%H:%M', gmtime(time + 60 * $_)) } -$before, $after;
}

sub reload {
	my (%more) = @_;
	my $mark = $bot->log_mark;
	$bot->configure(config(%more));
	$bot->signal('HUP');
	return $bot->wait_log(qr/the config was read again/, 20, $mark);
}

sub reload_stopped { my (%more) = @_; return $bot->configure(config(%more)) }

subtest 'start and stop' => sub {
	for my $chat (OPS, TOPIC) {
		like told(0, $chat, qr/Fleetgram/), qr/^🟢 Fleetgram \d+\.\d+\.\d+ has started\.\n🖥 1 host answers\.$/, "$chat: the first start";
	}
	like told(0, RED, qr/Fleetgram/), qr/1 host answers/, 'a chat that sees some of it, too';
	is count(ANN, qr/has started/), 0, 'nobody else is told';
	my $mark = $sim->last_seq;
	$bot->stop;
	like told($mark, OPS, qr/stops/), qr/^⏹ Fleetgram \S+ stops\. Nothing is watched until it is back\.$/, 'its end';
	my $messages = $talk->count(OPS);
	$mark = $sim->last_seq;
	$bot->restart->wait_ready;
	like told($mark, OPS, qr/restarted/), qr/^♻️ Fleetgram \S+ was restarted, and was away for \d+s\.$/, 'a restart, in one line';
	is $talk->count(OPS), $messages, '… that takes the place of the message before';
};

subtest 'away for long, and dead' => sub {
	$bot->stop;
	is store_change($bot, q(UPDATE settings SET value = json_set(value, '$.stopped_ms', json_extract(value, '$.stopped_ms') - 7200000, '$.version', '0.0.9') WHERE key = 'notify.itself')), 1, 'two hours pass';
	my ($mark, $messages) = ($sim->last_seq, $talk->count(OPS));
	$bot->restart->wait_ready;
	like told($mark, OPS, qr/has started/), qr/^🟢 Fleetgram 0\.0\.9 → \S+ has started\. It was away for 2h\.\n🖥 1 host/, 'how long, and that it is another one';
	is $talk->count(OPS), $messages + 1, 'a message of its own';
	for my $time (1 .. 3) {
		# One that dies while it sends cannot know whether that has arrived.
		wait_settled($bot);
		$bot->kill9;
		$mark = $sim->last_seq;
		$bot->restart->wait_ready;
		like told($mark, OPS, qr/died/), $time == 1 ? qr/^⚠️ Fleetgram \S+ died, and is back after \d+s\.\n🖥/ : qr/^⚠️ Fleetgram \S+ died $time times within \d+[sm], and is back\.$/, "death $time";
	}
	is $talk->count(OPS), $messages + 2, 'however often, it is one message';
};

subtest 'a config that is refused' => sub {
	my $mark = $sim->last_seq;
	$bot->configure_text('{"users": 5}');
	$bot->signal('HUP');
	like told($mark, OPS, qr/refused/), qr/^⚠️ The new config is refused, the old one stays in use: the config has 1 mistake\.\n.*config\.json:1:\d+: users/s, 'what is wrong with it';
	ok reload(), 'and back';
	is count(RED, qr/refused/), 0, 'not to those who may not see everything';
};

subtest 'a stranger' => sub {
	my $mark = $sim->last_seq;
	$talk->ask('hello', as => STRANGER);
	like told($mark, $_, qr/not in the config/), qr/id 77\./, "$_ is told" for ANN, OPS, RED, TOPIC;
	$talk->ask('/list');
	is count($_, qr/not in the config/), 1, "$_: once" for ANN, OPS;
};

# A container that ends with an exit code as soon as it runs: an incident that stays open.
sub dies { my ($name, %more) = @_; $engine->run(name => $name, cmd => ['sh', '-c', "echo $name ends; exit 3"], %more); return $engine->wait_state($name, 'exited') }

# The number of the open incident of a container, once there is one.
sub incident { my ($name) = @_; return (wait_rows($bot, "SELECT id FROM incidents WHERE name = '$name' AND unsure = 0 AND state = 0") // {})->{id} // 0 }

# What comes after all that is told of before it: then what was not told by now is not told at all. Incidents that come soon
# after each other share a message.
my $sentinels = 0;
sub sentinel {
	my ($chat) = @_;
	my ($mark, $name) = ($sim->last_seq, 'sentinel' . ++$sentinels);
	dies($name, labels => { 'io.fleetgram.notify' => 'true', team => 'red' });
	return told($mark, $chat, qr/$name/) =~ /^(?:🔴 $name|\d+ |🔴)/;
}

subtest 'the start-up delay' => sub {
	ok reload(notify => { startup_delay => '1h' }), 'it is an hour';
	dies('early');
	ok incident('early'), 'an incident is kept';
	like $talk->text('/incidents'), qr/^⚠️ 1 open incident\n\n🔴 early died: exit code 3/, '… and listed';
	is count(OPS, qr/early/), 0, '… but not told';
	my $mark = $sim->last_seq;
	ok reload(), 'it is over';
	like told($mark, OPS, qr/early/), qr/🔴 early died: exit code 3/, 'what is still open is told then';
	is count(RED, qr/early/), 0, 'not to a chat that may not see it';
};

subtest 'mutes' => sub {
	like $talk->text('/mute bad* 2h'), qr/^🔕 bad\* is muted until .*, for 2h\.\n⚠️ No container fits that now\.$/, 'by selector';
	dies('bad-one', labels => { team => 'red' });
	ok incident('bad-one'), 'it is an incident';
	ok sentinel(OPS), 'another one is told';
	is count(OPS, qr/bad-one/), 0, '… and not that';
	like $talk->text('/status'), qr/⚠️ 3 open incidents: 3 died\n🔕 Muted: bad\* until \d\d:\d\d\n/, '/status says so';
	like $talk->text('/incidents'), qr/bad-one died.*\n#\d+ · \S+ ago · 🔕/, '… and /incidents';
	my $mark = $sim->last_seq;
	my $list = $talk->ask('/mute');
	like $list->{text}, qr/^🔕 1 mute\nbad\* until \d\d:\d\d · ann/, 'a list';
	like $talk->press($list, qr/bad/)->{text}, qr/^🔔 bad\* is not muted any more/, 'its button ends it';
	like told($mark, OPS, qr/bad-one/), qr/🔴 bad-one died/, 'then it is told';
	$mark = $sim->last_seq;
	like $talk->text('/mute name=short 1s'), qr/is muted until/, 'a short one';
	dies('short');
	like told($mark, OPS, qr/short/), qr/short died/, 'ends by itself, and then it is told';
	my $odd = $talk->ask(q(/mute "label=it's\\\\:x" 1h));
	like $odd->{text}, qr/^🔕 label=it/, 'one with signs that words have to quote';
	like $talk->press($odd, qr/Unmute/)->{text}, qr/^🔔 label=it.* is not muted any more/, '… has a button that means it';
	like $talk->text('/mute web'), qr/^⚠️ the last word is for how long.*Usage: \/mute/, 'for how long';
	like $talk->text('/mute web 31d'), qr/ends within 30d/, '… and no longer';
	like $talk->text('/mute state=exited 1h'), qr/not by state or health/, 'nothing fleeting';
	like $talk->text('/unmute nothing'), qr/there is no mute of nothing/, 'none of that name';
};

subtest 'the mutes of one who sees some' => sub {
	like $talk->text('/mute 1h', as => BO), qr/^🔕 everything is muted/, 'everything they see';
	dies('red-one', labels => { team => 'red' });
	ok incident('red-one'), 'an incident in their scope';
	my $mark = $sim->last_seq;
	dies('blue-one', labels => { team => 'blue' });
	like told($mark, OPS, qr/blue-one/), qr/blue-one died/, 'what they do not see is told';
	is count(OPS, qr/red-one/), 0, '… and what they do is not';
	like $talk->text('/unmute', as => BO), qr/^🔔 1 mute is over/, 'they end it';
	like told($mark, RED, qr/red-one/), qr/red-one died/, '… and it is told';
	$talk->text('/mute name=secret 1h');
	unlike $talk->text('/mute', as => BO), qr/secret/, 'what others mute they do not learn';
	like $talk->text('/unmute', as => BO), qr/Nothing is muted/, '… nor end';
	like $talk->text('/unmute'), qr/1 mute is over/, 'an admin does';
};

subtest 'acknowledging' => sub {
	my $blue = incident('blue-one');
	like $talk->text("/incidents $blue", as => BO), qr/^⚠️ there is no incident #$blue/, 'what is out of scope is not there';
	like $talk->text("/ack $blue", as => BO), qr/^⚠️ there is no incident #$blue/, '… for /ack either';
	unlike $talk->text('/incidents all', as => BO), qr/blue-one/, '… nor in a list';
	my $mark = $sim->last_seq;
	like $talk->text("/ack #$blue"), qr/^👌 #$blue is acknowledged\.\n🔴 blue-one died/, 'one';
	like told($mark, OPS, qr/blue-one.*ann/s), qr/blue-one died.*(?:👌 ann|Acknowledged by ann)/s, 'the message that tells of it says so';
	like $talk->text("/ack $blue"), qr/was acknowledged by ann.* already/, 'twice';
	my $red = incident('red-one');
	my $card = $talk->ask("/incidents $red", as => BO);
	like $card->{text}, qr/^🔴 red-one died: exit code 3.*#$red/s, 'all that is known of one';
	is_deeply [grep {/Logs|Restart|Mute|Ack/} map {s/^\W+//r} $talk->buttons($card)], ['Logs', 'Restart', 'Mute 1h', 'Ack'], '… with buttons';
	like $talk->press($card, qr/Ack/, as => BO)->{text}, qr/^👌 #$red is acknowledged/, '… that do it';
	like $talk->text("/ack $red $blue", as => BO), qr/^⚠️ there is no incident #$blue/, 'several, but none that one does not see';
	dies($_, labels => { team => 'red' }) for qw(red-two red-three);
	my @new = map { incident($_) } qw(red-two red-three);
	my (undef, $told) = map { (wait_rows($bot, "SELECT bulletin FROM incidents WHERE id = $_ AND bulletin > 0") // {})->{bulletin} // 0 } @new;
	my $theirs = "SELECT count(*) AS n FROM incidents WHERE state = 0 AND acked = 0 AND bulletin";
	my ($others) = map { $_->{n} } store_rows($bot, "$theirs <> $told");
	like $talk->text("/ack message=$told"), qr/^👌 [12] incidents? (?:is|are) acknowledged/, 'all of a message';
	is_deeply [map { $_->{n} } map { store_rows($bot, "$theirs $_ $told") } '=', '<>'], [0, $others], '… and of no other one';
	like $talk->text("/ack @new"), qr/^👌 (?:\d+ incident|There is no open incident)/, 'several by their numbers';
	is_deeply [store_rows($bot, 'SELECT 1 FROM incidents WHERE acked = 0 AND id IN (' . join(',', @new) . ')')], [], '… are acknowledged';
	like $talk->text('/ack all', as => BO), qr/^👌 \d+ incidents? (?:is|are) acknowledged/, 'all that one sees';
	ok scalar(store_rows($bot, 'SELECT 1 FROM incidents WHERE state = 0 AND acked = 0')), '… and no others';
	like $talk->text('/ack all'), qr/^👌 \d+ incident/, 'the rest';
	is scalar(my @left = store_rows($bot, 'SELECT 1 FROM incidents WHERE state = 0 AND acked = 0')), 0, 'none is left';
	like $talk->text('/ack all'), qr/no open incident that nobody/, 'and again';
	ok scalar(store_rows($bot, q(SELECT 1 FROM audit WHERE command = 'ack' AND result = 'done' AND name = 'bo'))), 'the audit knows';
};

subtest 'a long list' => sub {
	$bot->stop;
	store_change($bot, q(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
		INSERT INTO incidents(kind, state, host, container, name, project, image, about, labels, facts, opened, last, recovered,
			acked, acked_by, told, count, bulletin, tell, tell_at, gap, settle, unsure)
		SELECT 'died', 2, 'local', '', 'past-' || i, '', '', '', '{}', '{"exit_code":1}', strftime('%s', 'now') * 1000 - 200000 + i, strftime('%s', 'now') * 1000 - 100000 + i, 0, 0, '', 0, i, 0, 0, 0, 0, 0, 0 FROM n));
	$bot->restart->wait_ready;
	my ($row) = store_rows($bot, 'SELECT count(*) AS n FROM incidents WHERE unsure = 0');
	my $pages = POSIX::ceil($row->{n} / 8);
	my $list = $talk->ask('/incidents all');
	like $list->{text}, qr/^⚠️ \d+ open incidents · \d+ over\n.*\nPage 1 of $pages$/s, 'it has pages';
	like $talk->press($list, qr/▶/, match => qr/Page 2/)->{text}, qr/Page 2 of $pages/, 'the next';
	like $talk->text("/incidents all page=$pages"), qr/past-1 .*Page $pages of $pages/s, 'the last has the oldest';
	like $talk->text('/incidents all page=99'), qr/Page $pages of $pages/, 'no page is after that';
	like $talk->text('/incidents all page=x'), qr/page= takes a number/, 'a page is a number';
	like $talk->text('/incidents some'), qr/open, all, or the number/, 'other words';
};

subtest 'only, in and out' => sub {
	ok reload(notify => { startup_delay => '1s', only => 'web* !name=web-9' }), 'only some are told';
	my $mark = $sim->last_seq;
	dies('other');
	dies('web-9');
	dies('web-out', labels => { 'io.fleetgram.notify' => 'false' });
	ok incident($_), "$_ is an incident" for qw(other web-9 web-out);
	ok sentinel(OPS), 'what opts in is told';
	dies('web-1');
	like told($mark, OPS, qr/web-1/), qr/web-1 died/, 'what is picked, too';
	is count(OPS, qr/\b(?:other|web-9|web-out)\b/), 0, 'the rest is not';
	ok reload(), 'everything again';
};

subtest 'quiet hours' => sub {
	ok reload(notify => { startup_delay => '1s', quiet => hours(90, 90) }), 'they are now';
	my %before = map { $_ => $talk->count($_) } OPS, RED;
	dies('night', labels => { team => 'red' });
	ok incident('night'), 'an incident';
	dies('gone', labels => { team => 'red' });
	ok incident('gone'), 'another one';
	$engine->rm('gone');
	ok wait_rows($bot, q(SELECT 1 FROM incidents WHERE name = 'gone' AND state > 0)), '… that is over soon';
	$sim->chat(chat => 78, first_name => 'User 78');
	$talk->ask('hello', as => 78);
	ok wait_rows($bot, 'SELECT 1 FROM held WHERE chat = ' . OPS), 'a stranger';
	is count(ANN, qr/id 78\./), 1, '… of whom admins are told';
	is_deeply { map { $_ => $talk->count($_) } OPS, RED }, \%before, 'chats are not';
	my $mark = $sim->last_seq;
	$bot->stop;
	my ($end) = grep { $_->{method} eq 'sendMessage' && ($_->{params}{text} // '') =~ /stops/ } @{ $sim->calls(after => $mark, chat_id => OPS) };
	ok $end && $end->{params}{disable_notification}, 'the end of the bot makes no sound';
	$bot->restart->wait_ready;
	ok told($mark, OPS, qr/was restarted/), 'it is back';
	is count($_, qr/night|gone|id 78\./), 0, "$_: nothing was told" for OPS, RED;
	$mark = $sim->last_seq;
	ok reload(), 'the night is over';
	my $note = $talk->message_after($mark, OPS, match => qr/^🌙/);
	like $note->{text}, qr/^🌙 While it was quiet, \d\d:\d\d–\d\d:\d\d\nStill open:\n🔴 night died: exit code 3 · #\d+\nOver: 1 died\n📋 1 notice:\n\d\d:\d\d 👤 Somebody who is not in the config.*id 78\.$/, 'one message sums it up';
	is_deeply [$talk->buttons($note)], ['⚠️ Incidents', '🖥 Status'], '… with buttons';
	like told($mark, RED, qr/^🌙/), qr/Still open:\n🔴 night died.*\nOver: 1 died\n📋 1 notice:/, 'also where only some is seen';
	like told($mark, OPS, qr/^(?!🌙).*night died/s), qr/🔴 night died: exit code 3\n.*night ends/s, 'what is still open has a message that goes on';
	ok sentinel(OPS), 'from now on all is told';
	is count(OPS, qr/^🌙/), 1, 'summed up once';
	is count(OPS, qr/gone.*died/), 0, '… and what was over has no message of its own';
};

subtest 'schedules at night' => sub {
	ok reload(notify => { startup_delay => '1s', quiet => hours(90, 90) }), 'it is quiet';
	$talk->text('/schedule add tick "* * * * *" list name=nothing*');
	my $mark = $sim->last_seq;
	$talk->text('/schedule run tick', match => qr/runs now/);
	like told($mark, OPS, qr/^⏰ tick/), qr/^⏰ tick: /, 'a run that somebody asked for is told at once';
	is count(RED, qr/^⏰/), 0, '… not where only some is seen';
	$bot->stop;
	store_change($bot, q(UPDATE schedule_runs SET seen_ms = seen_ms - 7200000 WHERE name = 'tick'));
	$bot->restart->wait_ready;
	ok wait_rows($bot, q(SELECT 1 FROM held WHERE html LIKE '%missed%' AND chat = ) . OPS), 'what was missed waits';
	is count(OPS, qr/missed/), 0, '… for the end of the quiet hours';
	$talk->text('/schedule remove tick');
	$mark = $sim->last_seq;
	ok reload(), 'they end';
	like told($mark, OPS, qr/missed/), qr/⏰ tick: missed \d+ runs while I was away/, '… and then it is told';
};

subtest 'pruning' => sub {
	my %prune = (
		prune => { enabled => $true, idle => '1s', every => '1s', quiet => { cpu_percent => 100 } },
		templates => { demo => { image => 'busybox:latest', command => ['sleep', '1d'], network_mode => 'none', stop_timeout => '1s' } },
		update => { settle => '1s' },
	);
	ok reload(%prune, prune => { enabled => JSON::PP::false() }), 'off at first';
	like $talk->text('/create made demo', match => qr/^✅|^⚠️/), qr/^✅ made/, 'an instance';
	my $mark = $sim->last_seq;
	ok reload(%prune), 'on';
	like told($mark, OPS, qr/^🧹/), qr/^🧹 Pruned 1 instance\n• made is stopped: not used for \d+s$/, 'is pruned, and that is told';
	is count(RED, qr/^🧹/), 0, '… not to those who do not see it';
	ok reload(), 'off again';
	is count(OPS, qr/^🧹/), 1, 'once';
};

subtest 'the digest' => sub {
	my $minute = POSIX::strftime('%H:%M', gmtime(time - 120));
	ok reload(notify => { startup_delay => '1s', digest => $minute }), 'a time that has just been';
	ok wait_rows($bot, "SELECT 1 FROM settings WHERE key = 'notify.digest' AND value LIKE '$minute %'"), 'is known';
	$talk->text('/mute name=web-9 1h');
	$bot->stop;
	my $seen = sub { my ($value) = @_; return store_change($bot, "UPDATE settings SET value = '$minute ' || ($value) WHERE key = 'notify.digest'") };
	$seen->("strftime('%s', 'now') * 1000 - 86400000");
	my $mark = $sim->last_seq;
	$bot->restart->wait_ready;
	my $digest = $talk->message_after($mark, OPS, match => qr/Digest/);
	like $digest->{text}, qr/^🟠 Digest · \w{3} \d\d \w{3} \d\d:\d\d\n🖥 local · .*🔴 \d+/, 'how the hosts are';
	like $digest->{text}, qr/\n⚠️ \d+ open incidents\n(?:🔴 .* · #\d+.*\n)+… and \d+ more\n\n🕘 24 h: \d+ died/, '… the incidents';
	like $digest->{text}, qr/\n🛠 24 h: 1 pruned\n/, '… what was pruned';
	like $digest->{text}, qr/\n🔕 Muted: name=web-9 until \d\d:\d\d$/, '… and what is muted';
	is_deeply [$talk->buttons($digest)], ['🖥 Status', '⚠️ Incidents'], '… with buttons';
	like told($mark, RED, qr/Digest/), qr/night died/, 'for a chat what it may see';
	unlike told($mark, RED, qr/Digest/), qr/blue-one|early/, '… and nothing else';
	$bot->restart->wait_ready;
	ok sentinel(OPS), 'after a restart';
	is count(OPS, qr/Digest/), 1, 'it is not told again';
	$bot->stop;
	ok reload_stopped(notify => { startup_delay => '1s', digest => POSIX::strftime('%H:%M', gmtime(time - 13 * 3600)) }), 'one that was due 13 hours ago';
	store_change($bot, "UPDATE settings SET value = '" . POSIX::strftime('%H:%M', gmtime(time - 13 * 3600)) . " 1' WHERE key = 'notify.digest'");
	$bot->restart->wait_ready;
	ok sentinel(OPS), 'after that start';
	ok wait_rows($bot, "SELECT 1 FROM settings WHERE key = 'notify.digest' AND value NOT LIKE '% 1'"), '… it is settled';
	is count(OPS, qr/Digest/), 1, '… and not told so late';
	$bot->stop;
	store_change($bot, "UPDATE settings SET value = substr(value, 1, 6) || '99999999999999' WHERE key = 'notify.digest'");
	$bot->restart->wait_ready;
	ok wait_rows($bot, "SELECT 1 FROM settings WHERE key = 'notify.digest' AND value NOT LIKE '%99999999999999'"), 'a clock that was far ahead does not end it for good';
};

$engine->clear;
$talk->end_ok;
done_testing;
