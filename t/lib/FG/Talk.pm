# A bot and the Bot API simulator it talks to, and people who write to it.
#
#   my $talk = FG::Talk->start(users => [{ id => 1, name => 'ops', role => 'admin' }], hosts => { local => { url => … } });
#   like $talk->text('/list'), qr/3 containers/;
#   my $card = $talk->ask('/info web');
#   my $stopped = $talk->press($card, qr/Stop/);
#   $talk->end_ok;
#
# Who speaks is user 1 in private unless as => ID or in => CHAT says otherwise. Every wait is bounded.
package FG::Talk;

use strict;
use warnings;
use Carp qw(croak);
use Encode ();
use FG::Bot;
use FG::Sim;

# The limits would only slow the tests down; t/telegram-*.t looks at them.
my %rate = (global_per_second => 1000, chat_per_second => 1000, group_per_minute => 100000);

# start(CONFIG…): the config's keys; sim => a running simulator to share. The chats of the config's people exist.
sub start {
	my ($class, %config) = @_;
	my $sim = delete $config{sim} // FG::Sim->start;
	my %telegram = (token => $sim->token, api_url => $sim->url, poll_timeout => '5s', rate => \%rate,
		%{ $config{telegram} // {} });
	my $self = bless { sim => $sim }, $class;
	$sim->chat(chat => $_->{id}, first_name => $_->{name} // "User $_->{id}") for @{ $config{users} // [] };
	$self->{bot} = FG::Bot->start(config => { %config, telegram => \%telegram });
	$self->{bot}->wait_ready;
	return $self;
}

sub sim { return $_[0]{sim} }
sub bot { return $_[0]{bot} }

sub _patience { return FG::Bot->sanitized ? 60 : 20 }

sub _who {
	my (%o) = @_;
	my $user = delete $o{as} // 1;
	my $chat = delete $o{in};
	return (user => $user, defined $chat ? (chat => $chat) : (), %o);
}

# Says it; returns what sim->say does. %o: as, in, and what FG::Sim's say takes.
sub say {
	my ($self, $text, %o) = @_;
	return $self->{sim}->say(_who(%o), text => $text);
}

# The bot's calls are read, not the chat as it stands: that stays quick however long a chat gets.
#
# A message as a call left it: what FG::Sim's messages have of it.
sub _left {
	my ($call) = @_;
	my $m = $call->{result};
	return undef unless $call->{ok} && ref $m eq 'HASH' && $m->{message_id};
	return {
		%$m,
		text => $m->{text} // $m->{caption} // '',
		html => $call->{params}{text} // $call->{params}{caption},
		chat_id => $call->{chat_id},
		thread => $m->{message_thread_id},
		seq => $call->{seq},
	};
}

# Waits until CODE picks one of the calls after MARK; returns what it gave.
sub _wait {
	my ($self, $mark, $chat, $code) = @_;
	my $end = time + _patience();
	while ((my $left = $end - time) > 0) {
		my $news = $self->{sim}->get('calls', after => $mark, chat_id => $chat, wait_ms => ($left > 5 ? 5 : $left) * 1000);
		for my $call (@{ $news->{calls} }) {
			my $found = $code->($call);
			return $found if $found;
		}
		$mark = $news->{last} if $news->{last} > $mark;
	}
	return undef;
}

# The messages that appear or change in a chat (and topic) after MARK: the first that fits.
sub message_after {
	my ($self, $mark, $chat, %o) = @_;
	return $self->_wait($mark, $chat, sub {
		my $m = _left($_[0]) or return;
		return if defined $o{thread} && ($m->{thread} // 0) != $o{thread};
		return if defined $o{match} && $m->{text} !~ $o{match};
		return $m;
	});
}

# Says it and waits for the answer: the first message that appears or changes in that chat and topic (and fits match).
sub ask {
	my ($self, $text, %o) = @_;
	my $match = delete $o{match};
	my $mark = $self->{sim}->last_seq;
	my $said = $self->say($text, %o);
	return $self->message_after($mark, $said->{chat_id}, match => $match, thread => $o{thread})
		// { text => "(no answer to $text)", chat_id => $said->{chat_id}, message_id => 0 };
}

sub text { my ($self, @say) = @_; return $self->ask(@say)->{text} }

# The same for an answer in several messages: COUNT of them.
sub answers {
	my ($self, $count, $text, %o) = @_;
	my $mark = $self->{sim}->last_seq;
	my $said = $self->say($text, %o);
	my @parts;
	$self->_wait($mark, $said->{chat_id}, sub {
		my $m = _left($_[0]) or return;
		push @parts, $m;
		return @parts == $count;
	});
	return @parts;
}

# Presses a button of a message: {answer: the first message that appears or changes then, callback: how the press was
# answered, text: the answer's}. %o: as; match: what the answer has to be like; silent => 1: there is none to wait for;
# same => 1: it may well be the same as before, and then changes nothing.
sub press {
	my ($self, $message, $button, %o) = @_;
	my $sim = $self->{sim};
	my ($label) = ref $button ? grep { $_ =~ $button } $self->buttons($message) : $button;
	my $mark = $sim->last_seq;
	my $pressed = defined $label
		&& eval { $sim->press(user => $o{as} // 1, chat => $message->{chat_id}, message => $message->{message_id}, button => $label) }
		or croak Encode::encode_utf8("no button $button on: $message->{text} [" . join('] [', $self->buttons($message)) . '] ' . ($@ // ''));
	my $callback = $self->_wait($mark, undef, sub {
		my ($call) = @_;
		return $call->{method} eq 'answerCallbackQuery' && $call->{params}{callback_query_id} eq $pressed->{callback_id}
			&& $call->{params};
	});
	my $answer = $o{silent} ? undef
		: $o{same} ? $self->_wait($mark, $message->{chat_id}, sub { $_[0]{method} eq 'editMessageText' && ($_[0]{result} || 1) })
		: $self->message_after($mark, $message->{chat_id}, match => $o{match});
	return { callback => $callback, answer => $answer, text => (ref $answer ? $answer->{text} : undef) // '(no answer)' };
}

# Presses what confirms, the first button of a question; waits for the answer as press does.
sub confirm {
	my ($self, $question, %o) = @_;
	return $self->press($question, ($self->buttons($question))[0] // 'one to confirm', %o);
}

sub buttons { my ($self, $message) = @_; return $self->{sim}->buttons($message) }

# How many messages the bot has sent to a chat.
sub count { my ($self, $chat) = @_; return scalar @{ $self->{sim}->messages(chat => $chat) } }

# The message as it stands now.
sub now {
	my ($self, $message) = @_;
	my ($now) = grep { $_->{message_id} == $message->{message_id} } @{ $self->{sim}->messages(chat => $message->{chat_id}) };
	return $now;
}

# The last test with a bot: it ends in order, nothing leaked, and the Bot API had no reason to complain.
sub end_ok {
	my ($self, $name) = @_;
	require Test::More;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->{bot}->stop_ok($name);
	my @open = grep { !$_->{answered} } @{ $self->{sim}->callbacks };
	Test::More::is(scalar @open, 0, '… every press was answered');
	my @complaints = @{ $self->{sim}->complaints };
	my $ok = Test::More::is(scalar @complaints, 0, '… and the Bot API has nothing to complain about');
	Test::More::diag(Test::More::explain(\@complaints)) unless $ok;
	return;
}

1;
