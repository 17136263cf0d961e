# What is told of the containers of one real engine: a bot that notifies two chats, and what they read.
#
#   my ($engine, $sim, $bot) = start_telling();
#   next_burst();
#   $engine->run(name => 'app', cmd => ['sh', '-c', 'exit 3']);
#   is_read(ALL, qr/^🔴 app died: exit code 3$/m, 'its death is told');
#   are_sent(WEB, 0, '… to nobody who does not see it');
#
# What a subtest reads is what came since its next_burst(). Every wait is bounded.
package FG::Told;

use strict;
use warnings;
use utf8;
use Exporter qw(import);
use Test::More ();
use FG::Bot;
use FG::Engine;
use FG::Scene qw(OPERATOR start_sim quick_config wait_settled patient store_rows);
use FG::Util qw(wait_until);

our @EXPORT = qw(ALL WEB start_telling listen_to sent reads is_read is_loud are_sent are_sent_once told_out next_burst crash inside);

# Chats: of all there is, and of what is called web….
use constant { ALL => 2001, WEB => 2002 };
use constant BURST => 5.2; # how long a message takes new incidents

my ($engine, $sim, $bot);
my $mark = 0;

# An engine, the simulator and a bot that tells what happens on the engine; %notify is merged over its notify.
sub start_telling {
	my (%notify) = @_;
	my ($version) = FG::Engine->versions;
	binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
	FG::Engine->need($version);
	FG::Scene::need_sqlite();
	$engine = FG::Engine->start(version => $version);
	$sim = start_sim();
	$sim->chat(chat => $_, first_name => "Chat $_") for OPERATOR, ALL, WEB;
	$bot = FG::Bot->start(config => quick_config($sim, { local => { url => $engine->url, timeout => '60s' } },
		chats => [{ id => ALL, role => 'viewer', notify => \1 }, { id => WEB, role => 'viewer', notify => \1, scope => 'name=web*' }],
		notify => { startup_delay => '0', log_lines => 5, restart_loop => { count => 3, within => '12s' }, %notify },
		update => { settle => '2s' },
		confirm => { always => [] },
	));
	$bot->wait_ready;
	return ($engine, $sim, $bot);
}

# The same for a bot of whatever hosts that is there already.
sub listen_to { ($sim, $bot) = @_; return }

# What the bot has sent to a chat in this subtest: new messages as they stand now, but for those about itself.
sub sent { my ($chat) = @_; return grep { $_->{seq} > $mark && $_->{text} !~ /^\S+ Fleetgram / } @{ $sim->messages(chat => $chat) } }

# The message of a chat that reads so now or soon.
sub reads {
	my ($chat, $match, $seconds) = @_;
	my $found;
	wait_until(patient($seconds // 30), sub { ($found) = grep { $_->{text} =~ $match } sent($chat) });
	return $found // {};
}

sub is_read {
	my ($chat, $match, $name, $seconds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $found = reads($chat, $match, $seconds);
	Test::More::ok($found->{text}, $name) or Test::More::diag("it reads:\n" . join "\n--\n", map { $_->{text} } sent($chat));
	return $found;
}

# Whether a message made a sound when it came.
sub is_loud {
	my ($message) = @_;
	my ($call) = grep { $_->{seq} == $message->{seq} } @{ $sim->calls(after => $message->{seq} - 1) };
	return $call && $call->{method} eq 'sendMessage' && !$call->{params}{disable_notification};
}

sub _wait_shown {
	wait_until(patient(20), sub { !store_rows($bot, 'SELECT 1 FROM bulletins WHERE revision > shown') });
	wait_settled($bot);
	return;
}

# Nothing is under way, and in the chat are so many new messages.
sub are_sent {
	my ($chat, $count, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	_wait_shown();
	my @sent = sent($chat);
	Test::More::is(scalar @sent, $count, $name) or Test::More::diag(join "\n--\n", map { $_->{text} } @sent);
	return;
}

# Nothing is under way, and each of the names is in one message, but for what says that it may be a repeat.
sub are_sent_once {
	my ($chat, @names) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	_wait_shown();
	my %count;
	for my $message (grep { $_->{text} !~ /may be a repeat/ } sent($chat)) {
		$message->{text} =~ /\b$_\b/ and $count{$_}++ for @names;
	}
	Test::More::is_deeply(\%count, { map { $_ => 1 } @names }, 'each in one message')
		or Test::More::diag(join "\n--\n", map { $_->{text} } sent($chat));
	return;
}

# What has happened until now is told, but for what is told so often that it waits for long.
sub told_out {
	wait_until(patient(60), sub { !store_rows($bot, 'SELECT 1 FROM incidents WHERE settle > 0 OR (tell = 1 AND unsure = 0 AND tell_at < '
		. (time + 60) * 1000 . ')') }) or Test::More::diag('something waits to be told');
	return;
}

# A burst is over: the next incident gets a message of its own.
sub next_burst { told_out(); select undef, undef, undef, BURST; $mark = $sim->last_seq; return }

sub inside {
	my ($name, $line) = @_;
	my $made = $engine->api(POST => "/containers/$name/exec", { Cmd => ['sh', '-c', $line] });
	$engine->api(POST => "/exec/$made->{Id}/start", { Detach => \1 });
	return;
}

# It ends by itself, as far as the engine can tell.
sub crash { inside($_, 'kill -9 $(pidof sleep)') for @_; return }

1;
