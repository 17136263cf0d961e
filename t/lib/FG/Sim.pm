package FG::Sim;
# Starts the Bot API simulator and speaks to its control side; every wait is bounded and waits for something.
use strict;
use warnings;

use Carp qw(croak);
use Cwd ();
use Errno qw(EINTR);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IO::Select;
use IPC::Open3 qw(open3);
use JSON::PP ();
use MIME::Base64 ();
use Time::HiRes qw(time);
use FG::Util qw(json_decode json_encode);

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../..');
our $TOKEN = '4242:simulated_token-ABCDEFGHIJKLMNOPQRS';
my $START_TIMEOUT = 30;
my $WAIT_SLICE = 10;	# seconds one long wait lasts at most

# start(bin => FILE, tdjson => FILE, token => T, table => FILE, port => N)
# bin defaults to $FLEETGRAM_SIM, then to what the build under test ($FG_BUILD) or any other has left.
sub start {
	my ($class, %o) = @_;
	my $bin = $o{bin} // $class->find_bin or croak 'no botapi-sim: build it, or set FLEETGRAM_SIM';
	my $token = $o{token} // $TOKEN;
	my @args = ('--until-eof', '--token', $token);
	push @args, '--tdjson', $o{tdjson} if $o{tdjson};
	push @args, '--table', $o{table} if $o{table};
	push @args, '--port', $o{port} if $o{port};
	my $pid = open3(my $in, my $out, '>&STDERR', $bin, @args);
	my $self = bless { pid => $pid, in => $in, out => $out, token => $token, owner => $$ }, $class;
	my $line = $self->_first_line;
	if (!defined $line || $line !~ m{^listening on (http://\S+)}) {
		$self->stop;
		croak "$bin did not start";
	}
	$self->{url} = $1;
	$self->{http} = HTTP::Tiny->new(timeout => $WAIT_SLICE + 20, keep_alive => 1, max_redirect => 0);
	return $self;
}

sub find_bin {
	return $ENV{FLEETGRAM_SIM} if $ENV{FLEETGRAM_SIM};
	my @builds = (grep({ defined } $ENV{FG_BUILD}), map { "$root/build/$_" } qw(release asan));
	my ($bin) = grep { -x } map { "$_/t/botapi-sim" } @builds;
	return $bin;
}

sub _first_line {
	my ($self) = @_;
	my ($line, $end) = ('', time + $START_TIMEOUT);
	my $ready = IO::Select->new($self->{out});
	while ((my $left = $end - time) > 0) {
		next unless $ready->can_read($left);
		my $n = sysread $self->{out}, $line, 512, length $line;
		next if !defined $n && $! == EINTR;
		return undef unless $n;
		return $line if $line =~ /\n/;
	}
	return undef;
}

sub url { $_[0]{url} }
sub token { $_[0]{token} }
sub pid { $_[0]{pid} }
sub method_url { "$_[0]{url}/bot$_[0]{token}/$_[1]" }

sub _escape {
	my ($text) = @_;
	utf8::encode($text) if utf8::is_utf8($text);
	$text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
	return $text;
}

sub _read {
	my ($self, $what, $answer) = @_;
	croak "$what: $answer->{status} $answer->{content}" unless $answer->{success};
	return json_decode($answer->{content});
}

# get(PATH, key => value…) and post(PATH, key => value…): any control path; die unless it answers 200.
sub get {
	my ($self, $path, %q) = @_;
	my $query = join '&', map { "$_=" . _escape($q{$_}) } grep { defined $q{$_} } sort keys %q;
	return $self->_read($path, $self->{http}->get("$self->{url}/sim/$path" . ($query ? "?$query" : '')));
}

sub post {
	my ($self, $path, %body) = @_;
	return $self->_read($path, $self->{http}->post("$self->{url}/sim/$path", {
		headers => { 'Content-Type' => 'application/json' },
		content => json_encode(\%body),
	}));
}

sub _bool { $_[0] ? JSON::PP::true : JSON::PP::false }

sub _typed {
	my (%a) = @_;
	for my $key (qw(user chat chat_id message_id thread date reply_to count retry_after delay_ms code migrate_to
		global_per_second chat_burst group_per_minute callback_ms callback_ttl_ms chat_per_second)) {
		$a{$key} += 0 if defined $a{$key} && !ref $a{$key} && $a{$key} =~ /^-?[0-9.]+$/;
	}
	for my $key (qw(edited is_forum effect strict privacy)) {
		$a{$key} = _bool($a{$key}) if exists $a{$key} && !ref $a{$key};
	}
	$a{$_} = "$a{$_}" for grep { defined $a{$_} && !ref $a{$_} } qw(text button data kind);
	delete @a{grep { !defined $a{$_} } keys %a};
	return %a;
}

# say(user => ID|{…}, text => T, chat => ID|{…}, thread, edited, message_id, sender_chat, date, reply_to, extra)
sub say { my ($self, %a) = @_; return $self->post('say', _typed(%a)) }

# press(user => ID, chat => ID, message => MESSAGE|ID, button => LABEL | qr/…/ | data => D)
sub press {
	my ($self, %a) = @_;
	my $message = delete $a{message};
	$a{chat_id} //= delete $a{chat} // (ref $message ? $message->{chat_id} : undef) // $a{user};
	delete $a{chat};
	$a{message_id} //= ref $message ? $message->{message_id} : $message;
	if (ref $a{button} eq 'Regexp') {
		my ($now) = grep { $_->{message_id} == $a{message_id} } @{ $self->messages(chat => $a{chat_id}) };
		my ($found) = grep { $_ =~ $a{button} } $self->buttons($now);
		croak "no button matches $a{button}" unless defined $found;
		$a{button} = $found;
	}
	return $self->post('press', _typed(%a));
}

# buttons(MESSAGE): the labels, row by row.
sub buttons {
	my ($self, $message) = @_;
	return map { $_->{text} } map { @$_ } @{ ($message // {})->{reply_markup}{inline_keyboard} // [] };
}

sub update { my ($self, %u) = @_; return $self->post('update', %u) }
sub fault { my ($self, %a) = @_; $a{chat_id} //= delete $a{chat}; delete $a{chat}; return $self->post('fault', _typed(%a)) }
sub clear_faults { $_[0]->post('clear_faults') }
sub chat { my ($self, %a) = @_; $a{chat_id} //= delete $a{chat}; delete $a{chat}; return $self->post('chat', _typed(%a)) }
sub limits { my ($self, %a) = @_; return $self->post('limits', _typed(%a)) }
sub reset { $_[0]->post('reset') }
sub state { $_[0]->get('state') }
sub callbacks { $_[0]->get('callbacks') }
sub complaints { $_[0]->get('complaints') }

sub _calls {
	my ($self, %a) = @_;
	return $self->get('calls', after => $a{after}, method => $a{method}, chat_id => $a{chat_id} // $a{chat},
		wait_ms => $a{wait_ms});
}

# calls(after => SEQ, method => M, chat => ID): list of the bot's calls; last_seq: the number of the newest.
sub calls { my ($self, %a) = @_; return $self->_calls(%a)->{calls} }
sub last_seq { $_[0]->_calls(after => 2**52)->{last} }

# messages(chat => ID, by => 'bot'|'user'|'all'): what stands in the chat; the bot's only by default.
sub messages {
	my ($self, %a) = @_;
	my $by = $a{by} // 'bot';
	return $self->get('messages', chat_id => $a{chat_id} // $a{chat}, by => $by eq 'all' ? undef : $by);
}

# content(MESSAGE): the bytes of its document or photo.
sub content {
	my ($self, $message) = @_;
	my $file = $message->{document} // $message->{photo} or return undef;
	return MIME::Base64::decode_base64($file->{content}) if defined $file->{content};
	my $answer = $self->{http}->get("$self->{url}/sim/file?file_id=" . _escape($file->{file_id}));
	croak "file: $answer->{status}" unless $answer->{success};
	return $answer->{content};
}

sub _fits {
	my ($match, $thing, $text) = @_;
	return 1 unless defined $match;
	local $_ = $thing;
	return ref $match eq 'CODE' ? $match->($thing) : ($text // '') =~ $match;
}

# Waits until more calls than those up to $seq are there, at most until $end; returns the new ones and the newest's number.
sub _more {
	my ($self, $seq, $end, %filter) = @_;
	my $left = $end - time;
	return ([], $seq) if $left <= 0;
	$left = $WAIT_SLICE if $left > $WAIT_SLICE;
	my $answer = $self->_calls(%filter, after => $seq, wait_ms => int($left * 1000) + 1);
	return @$answer{qw(calls last)};
}

# wait_call(method => M, chat => ID, after => SEQ, match => sub { … }, timeout => s): the first that fits; undef if none came.
sub wait_call {
	my ($self, %a) = @_;
	my $end = time + ($a{timeout} // 10);
	my $seq = $a{after} // 0;
	my ($calls, $last) = @{ $self->_calls(%a, after => $seq) }{qw(calls last)};
	while (1) {
		for my $call (@$calls) {
			return $call if _fits($a{match}, $call, $call->{params}{text} // $call->{params}{caption});
		}
		$seq = $last if $last > $seq;
		return undef if time >= $end;
		($calls, $last) = $self->_more($seq, $end, method => $a{method}, chat => $a{chat_id} // $a{chat});
	}
}

# wait_message(chat => ID, match => qr/…/ | sub { … }, after => SEQ, thread => N, by => …, timeout => s): a message that fits now
# or, by being sent or edited, within the time; undef if none does. after: it was made or edited by a later call.
sub wait_message {
	my ($self, %a) = @_;
	my $end = time + ($a{timeout} // 10);
	my $after = $a{after} // 0;
	while (1) {
		my $seq = $self->last_seq;
		for my $m (@{ $self->messages(%a) }) {
			next if $after && $m->{seq} <= $after && $m->{edit_seq} <= $after;
			next if defined $a{thread} && ($m->{thread} // 0) != $a{thread};
			return $m if _fits($a{match}, $m, $m->{text});
		}
		return undef if time >= $end;
		$self->_more($seq, $end);
	}
}

# ask(user => ID, text => T, timeout => s, match => …, and what say() takes): says it, and returns the first message the bot
# sends or edits in that chat (and topic) afterwards; with match, the first that fits.
sub ask {
	my ($self, %a) = @_;
	my ($timeout, $match) = delete @a{qw(timeout match)};
	my $seq = $self->last_seq;
	my $said = $self->say(%a);
	return $self->wait_message(chat => $said->{chat_id}, after => $seq, timeout => $timeout, match => $match,
		thread => $a{thread});
}

# wait_callback(ID, timeout => s): the answered press, undef if the bot leaves it unanswered.
sub wait_callback {
	my ($self, $id, %a) = @_;
	my $end = time + ($a{timeout} // 10);
	while (1) {
		my $seq = $self->last_seq;
		my ($found) = grep { $_->{id} eq $id && $_->{answered} } @{ $self->callbacks };
		return $found if $found || time >= $end;
		$self->_more($seq, $end, method => 'answerCallbackQuery');
	}
}

# Ends it and waits for that; kills it if it will not go. Returns the exit status. (Its input alone would not do: a child that
# the test forked may still hold the other end.)
sub stop {
	my ($self, %a) = @_;
	my $pid = delete $self->{pid} or return 0;
	delete $self->{http};
	kill 'TERM', $pid;
	close delete $self->{in};
	my $deadline = time + ($a{timeout} // 20);
	my $end = IO::Select->new($self->{out});
	while ((my $left = $deadline - time) > 0) {
		next unless $end->can_read($left);
		last unless sysread $self->{out}, my $rest, 512;
	}
	kill 'KILL', $pid if time >= $deadline;
	local ($?, $!);
	waitpid $pid, 0;
	return $?;
}

sub DESTROY {
	my ($self) = @_;
	return if $self->{owner} != $$;
	local ($@, $?, $!);
	eval { $self->stop; 1 };
}

1;
