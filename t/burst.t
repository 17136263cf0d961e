# Runs once, takes long.
# A thousand messages that wait for a group and a thousand for a private chat leave in order, all of them, and never faster
# than the limits: the Bot API, strict at exactly the rates of the config, refuses none.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use FG::Bot;
use FG::FakeEngine;
use FG::Scene qw(OPERATOR start_sim quick_config store_change store_rows wait_settled no_complaints need_sqlite patient);
use FG::Util qw(slurp spew);

use constant { GROUP => -100301, MESSAGES => 1000, QUICKER => 300, SOME => 300 };
# The limits of a chat and of a group, both quicker by the same, so that the burst is over in seconds; that of all chats
# together is low enough to be felt with two of them.
my %rate = (global_per_second => QUICKER, chat_per_second => QUICKER, group_per_minute => 20 * QUICKER);

need_sqlite();
my $engine = FG::FakeEngine->start(containers => [{ name => 'web' }]);
my $sim = start_sim();
$sim->chat(chat => OPERATOR, first_name => 'Ops');
$sim->chat(chat => GROUP, type => 'supergroup', title => 'Ops');
my $bot = FG::Bot->start(config => quick_config($sim, { local => $engine->url }, log => { level => 'info' },
	telegram => { token => $sim->token, api_url => $sim->url, poll_timeout => '10s', rate => \%rate }));
$bot->wait_ready->stop;
# Of files as few as a careless service manager would give it.
spew($bot->dir . '/few-files', "#!/bin/sh\nulimit -Sn 128 && exec " . FG::Bot::binary() . " \"\$@\"\n");
chmod 0755, $bot->dir . '/few-files';
$bot->{bin} = $bot->dir . '/few-files';

# As outbox_push() leaves them. They wait in turns, so that neither chat's come in one piece.
ok store_change($bot, 'WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ' . (2 * MESSAGES - 1) . ')'
	. ' INSERT INTO outbox(key, chat, thread, reply_to, state, edit, edit_id, silent, photo, priority, tries, created_at, html)'
	. ' SELECT 0, iif(i % 2, ' . GROUP . ', ' . OPERATOR . "), 0, 0, 0, 0, 0, 0, 0, 1, 0, CAST(strftime('%s') AS INTEGER) * 1000,"
	. " '<b>note</b> ' || (i / 2) FROM n; UPDATE outbox SET key = id"), 'the messages wait';
$sim->limits(%rate, chat_burst => 3, strict => 1);
my $begin = time;
$bot->restart->wait_ready;
like slurp('/proc/' . $bot->pid . '/limits'), qr/^Max open files\s+(\d+)\s+\g1\b/m, 'it may open as many files as it may allow itself';
# Somebody who asks meanwhile does not wait until they all are gone.
my $answer = $sim->ask(user => OPERATOR, text => '/whoami', match => qr/\b1001\b/, timeout => patient(30));
my ($left) = store_rows($bot, 'SELECT count(*) AS n FROM outbox');
ok $answer && $left->{n} > 0, 'an answer overtakes the notes';
ok wait_settled($bot, 60), 'all of them leave';
note sprintf 'in %.1f s', time - $begin;

for my $chat (OPERATOR, GROUP) {
	my $kind = $chat < 0 ? 'group' : 'private chat';
	my @numbers = map { $_->{text} =~ /^note (\d+)\z/ ? $1 : () } @{ $sim->messages(chat => $chat) };
	is scalar @numbers, MESSAGES, "none is lost or doubled on the way to the $kind";
	is "@numbers", join(' ', 0 .. MESSAGES - 1), '… and they come in their order';
}
# The simulator's minute is longer than this burst. It would not notice if the group got its share too early.
my @at = map { $_->{at_ms} } @{ $sim->calls(method => 'sendMessage', chat => GROUP) };
my $least = 60000 * SOME / $rate{group_per_minute} - 500;
is scalar(grep { $at[$_] - $at[$_ - SOME] < $least } SOME .. $#at), 0, 'the group gets no more than its share of a minute';
my @refused = grep { !$_->{ok} } @{ $sim->calls(method => 'sendMessage') };
is scalar @refused, 0, 'not one was refused' or diag explain $refused[0];
no_complaints($sim);
$bot->stop_ok;
done_testing;
