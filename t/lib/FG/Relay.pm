# A relay between the bot and an engine: it notes every request, and ends a process at exactly one of them.
#
#   my $relay = FG::Relay->start($engine->socket);
#   … hosts => { local => { url => $relay->url } } …
#   $relay->kill_at($bot->pid, qr{^POST /.*/restart}, 'before');	# or 'after': the engine has answered, the bot has not heard
#   $relay->wait_hit;
#   $relay->refuse(qr{^DELETE }, 500, 'no');	# the engine never hears of such requests, until call_off
#   $relay->swallow(qr{/json});	# nobody ever hears of such requests, until call_off
#   $relay->cut;	# the engine is lost: every connection ends, and no other comes about, until mend
#   my @lines = $relay->requests;	# since the last forget: "GET /v1.41/containers/json?all=1"
#
# It runs as a child, and ends with the one who started it.
package FG::Relay;

use strict;
use warnings;
use Carp qw(croak);
use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time);
use parent 'FG::Child';
use FG::Util qw(wait_until slurp spew json_encode json_decode);

sub start {
	my ($class, $to) = @_;
	my $self = $class->create;
	my $dir = $self->{dir};
	my $listener = IO::Socket::UNIX->new(Local => "$dir/socket", Listen => 64) or croak "$dir/socket: $!";
	return $self->run(relay => sub { _serve($listener, $to, $dir, @_) });
}

# The request lines that were passed on, or were about to be, in order.
sub requests { return split /\n/, slurp("$_[0]{dir}/requests") // '' }
sub forget { unlink "$_[0]{dir}/requests"; return $_[0] }

# The bot looks after things by itself, most of all after a start. Waits until it has asked nothing for so many seconds: then
# what comes next is what somebody wants of it.
sub calm {
	my ($self, $seconds) = @_;
	my ($before, $since) = ('', time);
	wait_until(60, sub {
		my $now = slurp("$self->{dir}/requests") // '';
		($before, $since) = ($now, time) if $now ne $before;
		return time - $since >= $seconds;
	}) or croak 'the bot does not stop to ask the engine';
	return $self;
}

# kill_at(PID, PATTERN or number from 1, 'before' | 'after'): at the first request that matches, or the so-manieth since forget.
sub kill_at {
	my ($self, $pid, $which, $phase) = @_;
	my %rule = (pid => $pid, phase => $phase, ref $which ? (match => "$which") : (nth => $which));
	unlink "$self->{dir}/hit";
	spew("$self->{dir}/rule.new", json_encode(\%rule));
	rename "$self->{dir}/rule.new", "$self->{dir}/rule" or croak "rename: $!";
	return $self;
}

# refuse(PATTERN, STATUS, MESSAGE): each request that matches is answered so, until call_off.
sub refuse {
	my ($self, $pattern, $status, $message) = @_;
	spew("$self->{dir}/rule.new", json_encode({ match => "$pattern", refuse => $status, message => $message }));
	rename "$self->{dir}/rule.new", "$self->{dir}/rule" or croak "rename: $!";
	return $self;
}

# swallow(PATTERN): each request that matches goes nowhere and has no answer, until call_off; wait_hit waits for the first.
sub swallow {
	my ($self, $pattern) = @_;
	unlink "$self->{dir}/hit";
	spew("$self->{dir}/rule.new", json_encode({ match => "$pattern", swallow => 1 }));
	rename "$self->{dir}/rule.new", "$self->{dir}/rule" or croak "rename: $!";
	return $self;
}

# Both return when it is so.
sub cut { my ($self) = @_; return $self->_turn('cut', sub { spew("$self->{dir}/cut", '') }) }
sub mend { my ($self) = @_; return $self->_turn('mended', sub { unlink "$self->{dir}/cut" }) }

sub _turn {
	my ($self, $state, $code) = @_;
	$code->();
	wait_until(20, sub { (slurp("$self->{dir}/state") // 'mended') eq $state }) or croak "the relay is not $state";
	return $self;
}

sub hit { return -e "$_[0]{dir}/hit" }
sub wait_hit { my ($self, $seconds) = @_; return wait_until($seconds // 20, sub { $self->hit }) }
sub call_off { unlink "$_[0]{dir}/rule"; return $_[0] }

# The child

sub _serve {
	my ($listener, $to, $dir, $parent) = @_;
	my $readable = IO::Select->new($listener);
	my $was_cut = 0;
	my %ends;	# file descriptor => {socket, other, bot, asked}
	while (getppid == $parent) {
		my $cut = -e "$dir/cut" ? 1 : 0;
		if ($cut) { $_->{other} && _close($_, $readable, \%ends) for my @now = values %ends }
		if ($cut != $was_cut) { spew("$dir/state", $cut ? 'cut' : 'mended') }
		$was_cut = $cut;
		for my $socket ($readable->can_read(0.2)) {
			if ($socket == $listener && $cut) { close($listener->accept // next) }
			elsif ($socket == $listener) { _accept($listener, $to, $readable, \%ends) }
			# Its other end may just have closed both.
			elsif (defined fileno $socket) { _pass($ends{ fileno $socket }, $dir, $readable, \%ends) }
		}
	}
	return;
}

sub _accept {
	my ($listener, $to, $readable, $ends) = @_;
	my $bot = $listener->accept or return;
	my $engine = IO::Socket::UNIX->new(Peer => $to) or return;
	my %pair = (bot => { socket => $bot, bot => 1 }, engine => { socket => $engine });
	$pair{bot}{other} = $pair{engine};
	$pair{engine}{other} = $pair{bot};
	for my $end (values %pair) {
		$ends->{ fileno $end->{socket} } = $end;
		$readable->add($end->{socket});
	}
	return;
}

sub _close {
	my ($end, $readable, $ends) = @_;
	for my $one ($end, $end->{other}) {
		delete $ends->{ fileno $one->{socket} };
		$readable->remove($one->{socket});
		close $one->{socket};
		undef $one->{other} if $one != $end;
	}
	undef $end->{other};
	return;
}

sub _pass {
	my ($end, $dir, $readable, $ends) = @_;
	return unless $end && $end->{other};
	my $got = sysread $end->{socket}, my $data, 65536;
	return if !defined $got && ($! == EINTR || $! == EAGAIN);
	return _close($end, $readable, $ends) unless $got;
	# What the bot says first, and first after an answer, begins a request.
	if ($end->{bot} && !$end->{asked}) {
		$end->{asked} = 1;
		_note($end, $dir, $data);
		return _refuse($end, $readable, $ends) if $end->{rule} && $end->{rule}{refuse};
		return spew("$dir/hit", "hit\n") if $end->{rule} && $end->{rule}{swallow};
		_strike($end->{rule}, $dir) if $end->{rule} && $end->{rule}{phase} eq 'before';
		return _close($end, $readable, $ends) if -e "$dir/hit" && $end->{rule};
	} elsif (!$end->{bot}) {
		my $bot = $end->{other};
		$bot->{asked} = 0;
		if ($bot->{rule}) {
			_strike($bot->{rule}, $dir);
			return _close($end, $readable, $ends);
		}
	}
	while (length $data) {
		my $sent = syswrite $end->{other}{socket}, $data;
		next if !defined $sent && ($! == EINTR || $! == EAGAIN);
		return _close($end, $readable, $ends) unless $sent;
		substr $data, 0, $sent, '';
	}
	return;
}

# Writes the request down, and whether it is the one that the rule waits for.
sub _note {
	my ($end, $dir, $data) = @_;
	my ($line) = $data =~ /^(\S+ \S+)/;
	$line //= '?';
	# What it asks again and again, whatever anybody wants of it.
	return if $line =~ m{^GET (?:/v[\d.]+)?/(?:_ping|version|events|containers/[^/]+/stats)\b};
	open my $out, '>>', "$dir/requests" or die "$dir/requests: $!";
	print {$out} "$line\n";
	close $out;
	my $text = slurp("$dir/rule") or return;
	my $rule = json_decode($text);
	if ($rule->{nth}) { return if $rule->{nth} != (() = (slurp("$dir/requests") // '') =~ /\n/g) }
	else { return if $line !~ /$rule->{match}/ }
	unlink "$dir/rule" unless $rule->{refuse} || $rule->{swallow};
	$end->{rule} = $rule;
	return;
}

sub _refuse {
	my ($end, $readable, $ends) = @_;
	my $body = json_encode({ message => $end->{rule}{message} });
	syswrite $end->{socket}, "HTTP/1.1 $end->{rule}{refuse} No\r\nContent-Type: application/json\r\nConnection: close\r\n"
		. 'Content-Length: ' . length($body) . "\r\n\r\n$body";
	return _close($end, $readable, $ends);
}

sub _strike {
	my ($rule, $dir) = @_;
	kill 'KILL', $rule->{pid};
	spew("$dir/hit", "hit\n");
	return;
}

1;
