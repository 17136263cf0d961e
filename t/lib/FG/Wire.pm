# An HTTP client that sends what it is told, byte for byte, over TCP, a Unix socket or TLS, and waits no longer than it may.
#
#   my $answer = request('127.0.0.1:3000', GET => '/livez', Accept => '*/*');	# a connection of its own
#   is $answer->{status}, 200;	# {status, headers, content}; 0: closed without a word, -1: no end in time, -2: no connection
#   raw('unix:/run/x', "GET / HTTP/1.0\r\n\r\n");	# any text instead
#   my $socket = connect_to('tls:127.0.0.1:3000', ssl => { SSL_ca_file => … });
#   put($socket, $text); my $in = take($socket, 10, sub { … }); my $answer = ask($socket, GET => '/livez');	# kept open
package FG::Wire;

use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use POSIX ();
use Exporter qw(import);
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(time);
use FG::Bot;

our @EXPORT_OK = qw(answer ask certificate closed connect_to put raw request take);

my $PATIENCE = 40;	# seconds; the listener itself gives up after 10

sub _until { my ($seconds) = @_; return time + $seconds * (FG::Bot->sanitized ? 3 : 1) }

# A socket that does not block; undef: it cannot be. from: the address to come from; ssl: how IO::Socket::SSL is to be strict.
sub connect_to {
	my ($to, %opt) = @_;
	my @from = defined $opt{from} ? (LocalAddr => $opt{from}) : ();
	my $socket;
	if ($to =~ /^unix:(.+)/) { $socket = IO::Socket::UNIX->new(Peer => $1) }
	elsif ($to =~ /^tls:(.+)/) {
		require IO::Socket::SSL;
		my %ssl = (SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_NONE(), %{ $opt{ssl} // {} });
		$socket = IO::Socket::SSL->new(PeerAddr => $1, Timeout => $PATIENCE, @from, %ssl);
	}
	else { $socket = IO::Socket::INET->new(PeerAddr => $to, Timeout => $PATIENCE, @from) }
	$socket->blocking(0) if $socket;
	return $socket;
}

# Whether it is ready within so many seconds; 0 is fine.
sub _ready {
	my ($socket, $to_write, $seconds) = @_;
	my $bits = '';
	vec($bits, fileno $socket, 1) = 1;
	my ($r, $w) = $to_write ? (undef, $bits) : ($bits, undef);
	return select($r, $w, undef, $seconds < 0 ? 0 : $seconds) > 0;
}

# Whether the other side has closed it, or sent something: the same for who has got no answer yet.
sub closed { my ($socket) = @_; return _ready($socket, 0, 0) }

# 1: all is sent; 0: the other side does not take it.
sub put {
	my ($socket, $text) = @_;
	local $SIG{PIPE} = 'IGNORE';
	my $end = _until($PATIENCE);
	while (length $text) {
		my $n = $socket->syswrite($text, 65536);
		if ($n) { substr $text, 0, $n, ''; next }
		return 0 unless !defined $n && ($! == EAGAIN || $! == EINTR) && time < $end;
		_ready($socket, 1, 0.2);
	}
	return 1;
}

# Reads until the other side closes, or DONE is content with what came; undef when time is over.
sub take {
	my ($socket, $seconds, $done) = @_;
	my ($in, $end) = ('', _until($seconds));
	while (time < $end) {
		my $n = $socket->sysread($in, 65536, length $in);
		return $in if $n && $done && $done->($in);
		next if $n;
		return $in unless !defined $n && ($! == EAGAIN || $! == EINTR);
		_ready($socket, 0, $end - time);
	}
	return undef;
}

sub _answer {
	my ($in) = @_;
	return { status => -1, content => '', headers => {} } unless defined $in;
	my ($head, $content) = split /\r\n\r\n/, $in, 2;
	my ($first, @lines) = split /\r\n/, $head // '';
	my %headers = map { /^([^:]+):\s*(.*)/ ? (lc $1, $2) : () } @lines;
	return { status => ($first // '') =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0, headers => \%headers, content => $content // '' };
}

# What comes until the other side closes.
sub answer { my ($socket) = @_; return _answer(take($socket, $PATIENCE)) }

sub raw {
	my ($to, $text, %opt) = @_;
	my $socket = connect_to($to, %opt) or return { status => -2, content => "connect: $!", headers => {} };
	put($socket, $text);
	return answer($socket);
}

sub _text {
	my ($method, $path, %headers) = @_;
	return "$method $path HTTP/1.1\r\n" . join('', map { defined $headers{$_} ? "$_: $headers{$_}\r\n" : () } sort keys %headers) . "\r\n";
}

# Headers are added to Host and Connection, or stand for them; from is where to come from.
sub request {
	my ($to, $method, $path, %headers) = @_;
	my $from = delete $headers{from};
	return raw($to, _text($method, $path, Host => 'localhost', Connection => 'close', %headers), from => $from);
}

# Makes a self-signed certificate for a name, and its key, for two days from now on or from so many days ago on.
sub certificate {
	my ($cert, $key, $name, $ago) = @_;
	my @then = $ago ? ('faketime', "$ago days ago") : ();
	my $log = "$cert.log";
	defined(my $pid = fork) or die "fork: $!";
	if (!$pid) {
		open STDERR, '>', $log;
		exec @then, qw(openssl req -x509 -batch -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj), "/CN=$name",
			'-addext', "subjectAltName=DNS:$name,IP:127.0.0.1", '-keyout', $key, '-out', $cert or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	die "openssl: $?" if $?;
	unlink $log;
	return;
}

# On a connection that is kept; to HEAD nothing may come but the head, or the next answer is not understood.
sub ask {
	my ($socket, $method, $path, %headers) = @_;
	put($socket, _text($method, $path, Host => 'localhost', %headers));
	return _answer(take($socket, $PATIENCE, sub {
		my ($head, $content) = split /\r\n\r\n/, $_[0], 2;
		return defined $content && ($method eq 'HEAD' || length $content >= ($head =~ /^content-length: *(\d+)/mi ? $1 : 1));
	}));
}

1;
