# What the test libraries share: bounded waiting, files, JSON, and one HTTP exchange over TCP or a Unix socket.
package FG::Util;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);
use Errno qw(EINTR EAGAIN);
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use Time::HiRes ();

our @EXPORT_OK = qw(wait_until slurp spew free_port http_exchange json_encode json_decode
	reap kill_and_reap in_ci scratch_dir);

# Chats are long, and pure Perl takes minutes of a suite for them; where the one in C is missing all is only slower.
my $codec = eval { require Cpanel::JSON::XS; 'Cpanel::JSON::XS' } // 'JSON::PP';
my $json = $codec->new->utf8->canonical->allow_nonref;

sub json_encode { return $json->encode($_[0]) }
sub json_decode { return $json->decode($_[0]) }

sub in_ci { return ($ENV{CI} // '') eq 'true' }

# Calls CODE until it answers true, and returns that answer; undef once SECONDS are over. The only place that naps.
sub wait_until {
	my ($seconds, $code) = @_;
	my $deadline = Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) + $seconds;
	my $nap = 0.005;
	while (1) {
		my $answer = $code->();
		return $answer if $answer;
		return undef if Time::HiRes::clock_gettime(Time::HiRes::CLOCK_MONOTONIC()) >= $deadline;
		select undef, undef, undef, $nap;
		$nap = $nap * 1.5 > 0.1 ? 0.1 : $nap * 1.5;
	}
}

sub slurp {
	my ($path) = @_;
	open my $in, '<:raw', $path or return undef;
	local $/;
	my $text = <$in>;
	close $in;
	return $text // '';
}

sub spew {
	my ($path, $text) = @_;
	open my $out, '>:raw', $path or croak "$path: $!";
	print {$out} $text;
	close $out or croak "$path: $!";
	return $path;
}

# A new folder with a short name: a Unix socket inside it must fit into 108 bytes.
sub scratch_dir {
	require File::Temp;
	return File::Temp::tempdir('fgXXXXXX', DIR => '/tmp', CLEANUP => 0);
}

sub free_port {
	my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', ReuseAddr => 1)
		or croak "no free port: $@";
	return $socket->sockport;
}

# Takes back a child that ended: its wait status, or undef while it still runs.
sub reap {
	my ($pid) = @_;
	my $got = waitpid $pid, POSIX::WNOHANG();
	return $got == $pid ? $? : $got < 0 ? 0 : undef;
}

# Sends SIGNAL, waits up to SECONDS, then kills. Returns the wait status.
sub kill_and_reap {
	my ($pid, $signal, $seconds) = @_;
	my $status;
	kill $signal, $pid;
	kill 'CONT', $pid;
	wait_until($seconds, sub { defined($status = reap($pid)) }) and return $status;
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return $?;
}

# One request on one connection.
#   to       "unix:PATH" or "HOST:PORT"
#   method path headers ({name => value}) body timeout (seconds, of the whole exchange; 10)
# Returns {status, reason, headers (lower case names), content, raw}; {status => 0, error => TEXT} when there was
# no answer, with what had arrived by then in content.
sub http_exchange {
	my (%opt) = @_;
	my $deadline = Time::HiRes::time() + ($opt{timeout} // 10);
	my $method = $opt{method} // 'GET';
	my $socket = _connect($opt{to}, $opt{timeout} // 10) or return { status => 0, error => "connect $opt{to}: $!" };
	my %headers = (Host => 'localhost', Connection => 'close', %{ $opt{headers} // {} });

	$headers{'Content-Length'} //= length $opt{body} if defined $opt{body};
	my $out = "$method $opt{path} HTTP/1.0\r\n" . join('', map {"$_: $headers{$_}\r\n"} sort keys %headers) . "\r\n";
	$out .= $opt{body} if defined $opt{body};

	my ($in, $error) = ('', undef);
	local $SIG{PIPE} = 'IGNORE';
	$socket->blocking(0);
	while (1) {
		my ($r, $w) = ('', '');
		vec($r, fileno $socket, 1) = 1;
		vec($w, fileno $socket, 1) = 1 if length $out;
		my $left = $deadline - Time::HiRes::time();
		if ($left <= 0) { $error = 'no complete answer in time'; last }
		my $ready = select $r, $w, undef, $left;
		next if $ready <= 0;
		if (length $out && vec($w, fileno $socket, 1)) {
			my $sent = syswrite $socket, $out, 65536;
			if (defined $sent) { substr $out, 0, $sent, '' }
			elsif ($! != EAGAIN && $! != EINTR) { $out = '' }
		}
		next unless vec($r, fileno $socket, 1);
		my $got = sysread $socket, $in, 65536, length $in;
		if (!defined $got) {
			next if $! == EAGAIN || $! == EINTR;
			$error = "read: $!";
			last;
		}
		last if $got == 0;
		last if $opt{until} && $opt{until}->($in);
		last if _complete($in, $method);
	}
	close $socket;
	return _parse($in, $error);
}

sub _connect {
	my ($to, $timeout) = @_;
	return IO::Socket::UNIX->new(Peer => $1) if $to =~ m{^unix:(?://)?(/.*)};
	return IO::Socket::INET->new(PeerAddr => $to, Timeout => $timeout);
}

# A server that ignores "Connection: close" still ends an answer that says its length.
sub _complete {
	my ($in, $method) = @_;
	my $end = index $in, "\r\n\r\n";
	return 0 if $end < 0;
	return 1 if $method eq 'HEAD';
	return 0 unless substr($in, 0, $end) =~ /^content-length:\s*(\d+)/mi;
	return length($in) >= $end + 4 + $1;
}

sub _parse {
	my ($in, $error) = @_;
	my ($head, $content) = split /\r\n\r\n/, $in, 2;
	my ($first, @lines) = split /\r\n/, $head // '';
	return { status => 0, error => $error // 'no answer', content => $in, raw => $in, headers => {} }
		unless defined $first && $first =~ m{^HTTP/1\.\d (\d+) ?(.*)};
	my $answer = { status => $1, reason => $2, headers => {}, raw => $in };
	/^([^:]+):\s*(.*?)\s*$/ and $answer->{headers}{ lc $1 } = $2 for @lines;
	$content //= '';
	$content = _dechunk($content) if ($answer->{headers}{'transfer-encoding'} // '') =~ /chunked/i;
	$answer->{content} = $content;
	$answer->{error} = $error if defined $error;
	return $answer;
}

sub _dechunk {
	my ($in) = @_;
	my $out = '';
	while ($in =~ s/^([0-9a-fA-F]+)[^\r\n]*\r\n//) {
		my $size = hex $1 or last;
		$out .= substr $in, 0, $size, '';
		$in =~ s/^\r\n//;
	}
	return $out;
}

1;
