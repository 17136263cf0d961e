# Runs sanitized, takes long.
# Telegram at its worst: it refuses, holds back, hangs, answers nonsense, forgets chats. The bot goes on where it can, comes back
# by itself, sends everything once (or twice, when it has to, and says so), and /health tells how it stands.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use HTTP::Tiny;
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(OPERATOR STRANGER start_sim quick_config store_rows store_change wait_rows wait_settled no_complaints need_sqlite patient texts);
use FG::Sim;
use FG::Util qw(wait_until json_encode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

use constant { OTHER => 1002, THIRD => 1003, GROUP => -500, MOVED => -1001000000500, FORUM => -1001000000009 };

my $engine = FG::Engine->shared($version);
$engine->run(name => 'web', cmd => ['sleep', '1d'], init => 1);
$engine->run(name => 'stubborn', cmd => ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], stop_timeout => 2);

my @people = map { { id => $_, name => "p$_", role => 'admin' } } OPERATOR, OTHER, THIRD;
my $repeat = qr/may be a repeat/;
my $once = qr/^(?!.*may be a repeat)/s;

sub config {
	my ($sim, %telegram) = @_;
	return quick_config($sim, { local => $engine->url }, users => [@people], telegram => {%telegram});
}

sub state_of { my ($bot) = @_; return $bot->json('/health')->{telegram}{state} }
sub wait_state_of { my ($bot, $state, $seconds) = @_; return wait_until(patient($seconds // 20), sub { state_of($bot) eq $state }) }

# What the bot calls; how often.
sub count_calls { my ($sim, $method, %more) = @_; return scalar @{ $sim->calls(method => $method, %more) } }

# Three more bots whose trials take a while; they are looked at further below.

my $menu_sim = start_sim();
my $granting = FG::Bot->start(config => quick_config($menu_sim, { local => $engine->url },
	users => [{ id => OPERATOR, name => 'ann', role => 'admin' }, { id => OTHER, name => 'otto', role => 'viewer' }]));
$granting->wait_ready;
$menu_sim->chat(chat => OTHER, first_name => 'Otto');

# Whether somebody sees the commands of an operator.
sub menu_has_stop {
	my ($mine) = map { $menu_sim->state->{commands}{$_} } grep { /@{[ OTHER ]}/ } keys %{ $menu_sim->state->{commands} };
	return scalar grep { $_->{command} eq 'stop' } @{ $mine // [] };
}

like +($menu_sim->ask(user => OPERATOR, text => '/grant otto operator 30s', timeout => patient(15)) // {})->{text} // '', qr/otto is operator/,
	'somebody is an operator for a while';
ok wait_until(patient(15), \&menu_has_stop), 'and sees it in the menu';
$menu_sim->fault(method => 'setMyCommands', kind => 'error', count => -1);

my $hanging_sim = start_sim();
my $hanging = FG::Bot->start(config => config($hanging_sim, poll_timeout => '1s'));
$hanging->wait_ready;
ok wait_until(patient(15), sub { $hanging_sim->state->{polling} }), 'a bot polls';
$hanging_sim->fault(method => 'getUpdates', kind => 'hang');

my $refused_sim = start_sim();
my $refused = FG::Bot->start(config => config($refused_sim, token => '4242:revoked_token-ABCDEFGHIJKLMNOPQRSTUVW'));

my $sim = start_sim();
my $bot = FG::Bot->start(config => config($sim));
$bot->wait_ready;

subtest 'the menus of commands are set once' => sub {
	my $menus = 1 + @people;	# everybody's, and one for each of them
	ok wait_until(patient(15), sub { count_calls($sim, 'setMyCommands') == $menus }), 'at the first start';
	ok wait_until(patient(15), sub { $sim->state->{polling} }), 'it polls';
	is $bot->stop, 0, 'it ends';
	my $polls = $sim->state->{polls};
	$bot->restart;
	ok wait_until(patient(15), sub { $sim->state->{polls} > $polls }), 'it polls again';
	is count_calls($sim, 'setMyCommands'), $menus, 'and did not set any again';
	$bot->wait_ready;
};

subtest 'a menu that cannot be set keeps nobody waiting' => sub {
	for my $fault ({ kind => 'hang' }, { kind => '429', retry_after => 3600 }) {
		my $its_sim = start_sim();
		$its_sim->fault(method => 'setMyCommands', count => -1, %$fault);
		my $its = FG::Bot->start(config => config($its_sim));
		like +($its_sim->ask(user => OPERATOR, text => '/whoami', timeout => patient(10)) // {})->{text} // '', qr/1001/,
			"setMyCommands: $fault->{kind}";
		ok wait_settled($its), 'settled';
		no_complaints($its_sim);
		$its->stop_ok;
	}
};

# Before a minute is over: then it may ask again.
subtest 'a token that is refused' => sub {
	ok $refused->wait_log(qr/refuses? the token|token is refused/i), 'is said';
	ok wait_until(patient(15), sub { my $a = $refused->http(GET => '/health'); $a->{status} == 503 }), '/health is down';
	is state_of($refused), 'down', 'because of Telegram';
	my $mark = $refused->log_mark;
	$refused->signal('USR1');
	my $line = $refused->wait_log(qr/task poll: waits .*/, 10, $mark) // '';
	my ($left, $old) = $line =~ /at most ([\d.]+)s more, (?:1m )?([\d.]+)s old/;
	cmp_ok +($left // 0) + ($old // 0), '>=', 50, 'it does not ask again soon' or diag $line;
	no_complaints($refused_sim);
	$refused->configure(config($refused_sim))->signal('HUP');
	like +($refused_sim->ask(user => OPERATOR, text => '/whoami', timeout => patient(15)) // {})->{text} // '', qr/1001/,
		'with a good one it works, without a restart';
	ok wait_state_of($refused, 'ok'), 'ok';

	$refused_sim->fault(method => 'getUpdates', kind => 'error', code => 401);
	$refused_sim->ask(user => OPERATOR, text => '/help', timeout => patient(10));
	ok wait_state_of($refused, 'down'), 'one that is revoked later is noticed';
	my $polls = $refused_sim->state->{polls};
	$refused->signal('HUP');
	ok $refused_sim->ask(user => OPERATOR, text => '/help', timeout => patient(10)), 'and again';
	ok wait_state_of($refused, 'ok'), 'ok';
	no_complaints($refused_sim, 'nothing else is wrong', 'unauthorized');
	$refused->stop_ok;
};

# 429 in one chat, for five seconds; what follows happens meanwhile.
my $flood_from = $sim->last_seq;
$sim->fault(method => 'sendMessage', chat => OPERATOR, kind => '429', retry_after => 5);
$sim->say(user => OPERATOR, text => $_) for '/help first', '/help second';
my $flood_call = $sim->wait_call(method => 'sendMessage', chat => OPERATOR, after => $flood_from, timeout => patient(15));

subtest 'while one chat has to wait, the others do not' => sub {
	ok $flood_call, 'Telegram asks to hold back';
	ok wait_state_of($bot, 'degraded'), '/health calls that degraded';
	my $health;
	ok wait_until(patient(10), sub { $health = $bot->json('/health'); $health->{telegram}{outbox} == 2 }), 'knows what waits';
	is $health->{status}, 'degraded', 'as a whole, too';
	cmp_ok $health->{telegram}{retry_after_seconds}, '>=', 1, 'says how long';
	is $bot->http(GET => '/health')->{status}, 200, 'which is no reason for alarm';
	like $sim->ask(user => OTHER, text => '/whoami', timeout => patient(10))->{text}, qr/1002/, 'another chat is answered';
};

subtest 'polls that fail' => sub {
	for my $kind (qw(reset reset_after garbage empty truncate html502 error)) {
		my $polls = count_calls($sim, 'getUpdates');
		$sim->fault(method => 'getUpdates', kind => $kind);
		# The first comes with the poll that waits already, the second with or after the one that fails.
		for my $n (1, 2) {
			my $answer = $sim->ask(user => OTHER, text => "/help $kind$n", match => qr/$kind$n/, timeout => patient(10));
			ok $answer, "$kind, question $n";
		}
		ok +(grep { ($_->{fault} // '') eq $kind } @{ $sim->calls(method => 'getUpdates') }), 'the fault has struck';
	}
};

subtest 'sends that fail' => sub {
	# A refusal is known not to have arrived; of all else nobody knows, whether or not it has.
	my %copies = (error => [$once], garbage => [$repeat], empty => [$repeat], html502 => [$repeat], reset => [$repeat],
		reset_after => [$once, $repeat], truncate => [$once, $repeat]);
	for my $kind (sort keys %copies) {
		my $seq = $sim->last_seq;
		my @want = @{ $copies{$kind} };
		$sim->fault(method => 'sendMessage', chat => OTHER, kind => $kind);
		$sim->say(user => OTHER, text => "/help $kind");
		ok wait_until(patient(15), sub { texts($sim, OTHER, $seq) >= @want }), "$kind: it arrives" or next;
		ok wait_until(patient(15), sub { !store_rows($bot, 'SELECT 1 FROM outbox WHERE chat = ' . OTHER) }), 'and is done with';
		my @texts = texts($sim, OTHER, $seq);
		is scalar @texts, scalar @want, 'so often' or diag explain \@texts;
		like $texts[$_] // '', $want[$_], 'copy ' . ($_ + 1) for 0 .. $#want;
	}
};

subtest 'the chat that had to wait' => sub {
	ok wait_until(patient(15), sub { texts($sim, OPERATOR, $flood_from) == 2 }), 'gets its answers';
	my @texts = texts($sim, OPERATOR, $flood_from);
	like $texts[0], qr/first/, 'the first one first';
	like $texts[1], qr/second/, 'then the second';
	my @calls = @{ $sim->calls(method => 'sendMessage', chat => OPERATOR, after => $flood_from) };
	is scalar @calls, 3, 'with one try before';
	cmp_ok $calls[1]{at_ms} - $calls[0]{at_ms}, '>=', 5000, 'not before it was allowed';
	$sim->ask(user => OTHER, text => '/help', timeout => patient(10));
	ok wait_state_of($bot, 'ok'), '/health is ok again';
};

subtest 'polls that are held back' => sub {
	$sim->fault(method => 'getUpdates', kind => '429', retry_after => 2);
	ok $sim->ask(user => OTHER, text => '/help before', match => qr/before/, timeout => patient(10)), 'before';
	ok wait_state_of($bot, 'degraded'), 'degraded';
	ok $sim->ask(user => OTHER, text => '/help after', match => qr/after/, timeout => patient(15)), 'after';
	my ($from) = grep { $_->[0]{code} == 429 } do { my @c = @{ $sim->calls(method => 'getUpdates') }; map { [@c[$_, $_ + 1]] } 0 .. $#c - 1 };
	cmp_ok $from->[1]{at_ms} - $from->[0]{at_ms}, '>=', 2000, 'two seconds lie between';
	ok wait_state_of($bot, 'ok'), 'ok';
};

subtest 'somebody else polls' => sub {
	my $thief = HTTP::Tiny->new(timeout => 20);
	ok wait_until(patient(15), sub { $sim->state->{polling} }), 'it polls';
	$thief->post($sim->method_url('getUpdates'), { headers => { 'Content-Type' => 'application/json' }, content => '{"timeout":0}' });
	ok wait_state_of($bot, 'degraded'), 'the bot notices';
	ok $bot->wait_log(qr/somebody else has this bot's updates/), 'and says so';
	ok $sim->ask(user => OTHER, text => '/help', timeout => patient(15)), 'but goes on';
	ok wait_state_of($bot, 'ok'), 'all is well again';
};

subtest 'everything fails while an answer falls due' => sub {
	my $seq = $sim->last_seq;
	$sim->say(user => OTHER, text => '/stop stubborn');
	ok wait_rows($bot, 'SELECT 1 FROM updates WHERE state = 1'), 'under way';
	$sim->fault(method => '*', kind => 'reset', count => -1);
	ok wait_rows($bot, 'SELECT 1 FROM outbox WHERE state != 0'), 'it has tried to send' or diag explain [store_rows($bot, 'SELECT * FROM outbox')];
	ok wait_state_of($bot, 'degraded'), 'degraded';
	ok wait_until(patient(15), sub { count_calls($sim, 'getMe', after => $seq) >= 2 }), 'it looks whether Telegram is back';
	is count_calls($sim, 'sendMessage', after => $seq), 1, 'with something that does no harm';
	$sim->clear_faults;
	ok wait_until(patient(15), sub { texts($sim, OTHER, $seq) }), 'the answer comes';
	ok wait_settled($bot), 'settled';
	my @texts = texts($sim, OTHER, $seq);
	is scalar @texts, 1, 'once';
	like $texts[0], $repeat, 'and says that it may be a repeat, for the first try may have arrived';
	ok wait_state_of($bot, 'ok'), 'all is well again';
};

subtest 'chats that are gone, closed or elsewhere' => sub {
	$sim->chat(chat => THIRD, state => 'blocked');
	my $seq = $sim->last_seq;
	$sim->say(user => THIRD, text => '/whoami');
	ok $sim->wait_call(method => 'sendMessage', chat => THIRD, after => $seq, timeout => patient(10)), 'somebody has blocked the bot';
	for my $admin (OPERATOR, OTHER) {
		ok $sim->wait_message(chat => $admin, match => qr/cannot write to p1003, chat 1003.*blocked by the user/s, after => $seq,
			timeout => patient(10)), "admin $admin is told, and why";
	}
	like $sim->ask(user => OTHER, text => '/whoami', timeout => patient(10))->{text}, qr/1002/, 'others are answered';
	is count_calls($sim, 'sendMessage', chat => THIRD, after => $seq), 1, 'that chat was tried once';
	ok wait_until(patient(10), sub { $bot->json('/health')->{telegram}{outbox} == 0 }), 'what is for it is no backlog';
	$bot->stop;
	$bot->restart;
	$sim->chat(chat => THIRD, state => 'ok');
	$sim->say(user => THIRD, text => '/help unblocked');
	ok $sim->wait_message(chat => THIRD, match => qr/unblocked/, after => $seq, timeout => patient(15)), 'unblocked, it is answered';
	my @texts = texts($sim, THIRD, $seq);
	like $texts[0], qr/1003/, 'and what had waited comes, over a restart, first';
	is scalar @texts, 2, 'each once';
	ok wait_settled($bot), 'settled';
	is count_calls($sim, 'sendMessage', chat => OPERATOR, after => $seq), 1, 'nobody is told twice';

	$sim->chat(chat => MOVED, title => 'Now bigger');
	$sim->chat(chat => GROUP, migrate_to => MOVED, state => 'migrated');
	$sim->say(user => OPERATOR, chat => GROUP, text => '/help moved');
	ok $sim->wait_message(chat => MOVED, match => qr/moved/, timeout => patient(10)), 'a group that became a supergroup is followed';

	# What the config says of the old id counts for the new one.
	my $move = start_sim();
	my $its = FG::Bot->start(config => { %{ config($move) }, chats => [{ id => GROUP, name => 'team', role => 'viewer' }] });
	$move->chat(chat => $_) for GROUP, MOVED;
	like +($move->ask(user => STRANGER, chat => GROUP, text => '/whoami', timeout => patient(15)) // {})->{text} // '', qr/viewer/,
		'somebody who is known by the group';
	$move->chat(chat => GROUP, migrate_to => MOVED, state => 'migrated');
	$move->update(message => { message_id => 77, date => time, chat => { id => MOVED, type => 'supergroup', title => 'team' },
		from => { id => STRANGER, is_bot => JSON::PP::false, first_name => 's' }, migrate_from_chat_id => GROUP });
	ok wait_rows($its, 'SELECT 1 FROM chat_moves WHERE old = ' . GROUP . ' AND new = ' . MOVED), 'a move that is only told';
	$its->stop;
	$its->restart;
	like +($move->ask(user => STRANGER, chat => MOVED, text => '/whoami', timeout => patient(15)) // {})->{text} // '', qr/viewer/,
		'is still known where it has moved to, over a restart';
	no_complaints($move);
	$its->stop_ok;

	# An admin whose own chat has `notify` as well.
	my $both = start_sim();
	my $theirs = FG::Bot->start(config => { %{ config($both) }, chats => [{ id => OPERATOR, notify => JSON::PP::true }] });
	$both->chat(chat => $_, first_name => "User $_") for OPERATOR, OTHER;
	$both->chat(chat => THIRD, state => 'blocked');
	$both->say(user => THIRD, text => '/whoami');
	ok $both->wait_message(chat => $_, match => qr/cannot write to p1003/, timeout => patient(15)), "$_ hears of a chat that refuses" for OPERATOR, OTHER;
	ok wait_rows($theirs, 'SELECT 1 WHERE (SELECT count(*) FROM outbox) = 1'), 'only what is for that chat waits';
	is scalar(grep {/cannot write to p1003/} map { $_->{text} } @{ $both->messages(chat => OPERATOR) }), 1, 'and nobody twice';
	no_complaints($both);
	$theirs->stop_ok;

	$sim->chat(chat => FORUM, is_forum => 1, threads => [7]);
	ok $sim->ask(user => OPERATOR, chat => FORUM, thread => 7, text => '/help topic', match => qr/topic/, timeout => patient(10)),
		'an answer stays in its topic';
	$sim->fault(method => 'sendMessage', chat => FORUM, kind => 'error', code => 400, description => 'Bad Request: message thread not found');
	$seq = $sim->last_seq;
	$sim->say(user => OPERATOR, chat => FORUM, thread => 7, text => '/help deleted');
	my $message = $sim->wait_message(chat => FORUM, match => qr/deleted/, after => $seq, timeout => patient(10));
	ok $message && !$message->{thread}, 'or comes without it, when the topic is gone';

	$seq = $sim->last_seq;
	$sim->fault(method => 'sendMessage', chat => OTHER, kind => 'error', code => 400,
		description => "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0");
	my $plain = $sim->ask(user => OTHER, text => '/help', match => qr/SEL/, timeout => patient(10));
	ok $plain, 'a text that Telegram cannot read comes without its tags';
	unlike $plain->{text} // '', qr{</?b>|&lt;}, 'and readable';
};

subtest 'a list that has not changed' => sub {
	my $hosts = $sim->ask(user => OTHER, text => '/list', match => qr/web/, timeout => patient(10));
	my ($refresh) = grep {/↻/} $sim->buttons($hosts);
	my $seq = $sim->last_seq;
	my $press = $sim->press(user => OTHER, message => $hosts, button => $refresh);
	ok $sim->wait_callback($press->{callback_id}, timeout => patient(10)), 'pressed and answered';
	ok $sim->wait_call(method => 'editMessageText', after => $seq, timeout => patient(10)), 'edited';
	ok wait_settled($bot), 'settled';
	is count_calls($sim, 'editMessageText', after => $seq), 1, 'once, whatever Telegram says of it';
	is count_calls($sim, 'sendMessage', after => $seq), 0, 'and no new message';
};

subtest 'a stop and a start with answers that wait' => sub {
	my $seq = $sim->last_seq;
	$sim->fault(method => 'sendMessage', chat => OTHER, kind => '429', retry_after => 3);
	$sim->say(user => OTHER, text => $_) for '/help one', '/help two';
	ok wait_rows($bot, 'SELECT 1 FROM outbox_holds WHERE chat = ' . OTHER), 'held back';
	ok wait_rows($bot, 'SELECT 1 FROM (SELECT count(*) AS n FROM outbox) WHERE n = 2'), 'both wait';
	is $bot->stop, 0, 'it ends all the same';
	store_change($bot, 'UPDATE outbox SET created_at = created_at - 600000 WHERE id = (SELECT min(id) FROM outbox)');
	$bot->restart;
	ok wait_until(patient(20), sub { texts($sim, OTHER, $seq) == 2 }), 'they come';
	ok wait_settled($bot), 'settled';
	my @texts = texts($sim, OTHER, $seq);
	is scalar @texts, 2, 'once each';
	like $texts[0], qr/^Sent 10m.* late\..*one/s, 'the first says how late it is';
	like $texts[1], qr/^(?!Sent).*two/s, 'the second is not late';
	my @calls = @{ $sim->calls(method => 'sendMessage', chat => OTHER, after => $seq) };
	cmp_ok $calls[1]{at_ms} - $calls[0]{at_ms}, '>=', 3000, 'and Telegram got its rest, over the stop';
};

subtest 'more answers than may be sent at once' => sub {
	my ($many, $group) = (40, FG::Bot::sanitized() ? 40 : 30);
	my $its_sim = start_sim();
	my %rate = (global_per_second => 30, chat_per_second => 10, group_per_minute => 30);
	my $its = FG::Bot->start(config => config($its_sim, rate => {%rate}));
	$its->wait_ready;
	$its_sim->limits(%rate, chat_burst => 3, strict => 1);
	$its_sim->chat(chat => GROUP);
	for my $n (1 .. $many) {
		$its_sim->say(user => OPERATOR, text => sprintf '/help n%02d', $n);
		$its_sim->say(user => OTHER, chat => GROUP, text => sprintf '/help n%02d', $n) if $n <= $group;
	}
	ok wait_rows($its, 'SELECT 1 FROM outbox'), 'some wait';
	is $its->json('/health')->{telegram}{state}, 'ok', 'which is no fault of Telegram\'s';
	ok wait_until($group > 30 ? 120 : patient(30), sub { texts($its_sim, OPERATOR) >= $many && texts($its_sim, GROUP) >= $group }), 'all come';
	ok wait_settled($its), 'and no more';
	for my $chat ([OPERATOR, $many], [GROUP, $group]) {
		my @got = map {/\b(n\d\d)\b/} texts($its_sim, $chat->[0]);
		is "@got", join(' ', map { sprintf 'n%02d', $_ } 1 .. $chat->[1]), "in order, none twice, in chat $chat->[0]";
	}
	is scalar(grep { $_->{code} == 429 } @{ $its_sim->calls }), 0, 'Telegram never had to say so';
	no_complaints($its_sim);
	$its->stop_ok;
};

subtest 'a poll that never ends' => sub {
	my ($hung) = grep { ($_->{fault} // '') eq 'hang' } @{ $hanging_sim->calls(method => 'getUpdates') };
	ok $hung, 'has begun';
	ok $hanging->wait_log(qr/polling fails/, 30), 'and has been given up';
	my ($next) = grep { $_->{seq} > $hung->{seq} } @{ $hanging_sim->calls(method => 'getUpdates', after => $hung->{seq}) };
	ok wait_until(patient(15), sub { ($next) = @{ $hanging_sim->calls(method => 'getUpdates', after => $hung->{seq}) } }), 'another was tried';
	cmp_ok $next->{at_ms} - $hung->{at_ms}, '>=', 1000, 'not before its time';
	ok $hanging_sim->ask(user => OPERATOR, text => '/help', timeout => patient(15)), 'it answers';
	ok wait_state_of($hanging, 'ok'), 'and all is well';
	# Now nothing gets through for longer than three polls take.
	$hanging_sim->fault(method => 'getUpdates', kind => 'error', count => -1);
	ok wait_state_of($hanging, 'degraded'), 'degraded first';
	ok wait_state_of($hanging, 'down', 30), 'down after three poll timeouts';
	my $health = $hanging->http(GET => '/health');
	is $health->{status}, 503, 'with 503';
	is $hanging->http(GET => '/livez')->{status}, 200, 'it lives';
	$hanging_sim->clear_faults;
	ok wait_state_of($hanging, 'ok'), 'and comes back by itself';
	is $hanging->http(GET => '/health')->{status}, 200, 'with 200';
	no_complaints($hanging_sim);
	$hanging->stop_ok;
};

subtest 'a menu that could not be set' => sub {
	ok $granting->wait_log(qr/a command menu was not set/, patient(30)), 'when what was granted ended';
	ok menu_has_stop(), 'it stayed as it was';
	$menu_sim->clear_faults;
	ok wait_until(patient(90), sub { !menu_has_stop() }), 'it is set when Telegram takes it';
	no_complaints($menu_sim);
	$granting->stop_ok;
};

is_deeply [map { $_->{description} } grep { !$_->{fault} && ($_->{description} // '') =~ /parse entities|message is too long|BUTTON/ }
		@{ $sim->calls }], [], 'no text was ill-formed' . ($ENV{FLEETGRAM_TDJSON} ? ', as Telegram\'s own parser sees it' : '');
no_complaints($sim);
$bot->stop_ok;
done_testing;
