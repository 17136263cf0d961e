# Runs sanitized, takes long.
# Whatever is asked of the side listener, over TCP, a Unix socket and TLS: every path, method, credential and Accept, and what no client should send.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::UNIX;
use Test::More;
use FG::Bot;
use FG::Sim;
use FG::Util qw(wait_until json_decode spew scratch_dir free_port in_ci);
use FG::Wire qw(answer ask certificate connect_to put raw request take);

unless (FG::Sim->find_bin) {
	BAIL_OUT('no Bot API simulator was built') if in_ci();
	plan skip_all => 'no Bot API simulator was built';
}
unless (eval { require IO::Socket::SSL }) {
	BAIL_OUT('no IO::Socket::SSL') if in_ci();
	plan skip_all => 'no IO::Socket::SSL (libio-socket-ssl-perl)';
}

my $patience = FG::Bot->sanitized ? 3 : 1;
my $token = 'open-sesame-open-sesame';
my %right = (Authorization => "Bearer $token");
my $sim = FG::Sim->start;
my $dir = scratch_dir();
END { my $status = $?; system 'rm', '-rf', $dir if $dir; $? = $status }

# A host that takes connections and never says a word.
my $silent = IO::Socket::UNIX->new(Listen => 256, Local => "$dir/silent") or die "silent: $!";
spew("$dir/token", "$token\n");
certificate("$dir/cert", "$dir/key", 'localhost');

# A bot that listens in one of the three ways, and where.
sub bot {
	my ($way, %http) = @_;
	my $listen = $way eq 'unix' ? "unix:$dir/http" : '127.0.0.1:' . free_port();
	$http{tls} = { cert => "$dir/cert", key => "$dir/key" } if $way eq 'tls';
	my $bot = FG::Bot->start(config => {
		telegram => { token => $sim->token, api_url => $sim->url, poll_timeout => '1s' },
		hosts => { hung => { url => "unix://$dir/silent", timeout => '1s' } },
		health => { refresh => '1h' },
		http => { listen => $listen, %http },
	});
	my $to = $way eq 'tls' ? "tls:$listen" : $listen;
	ok wait_until(20 * $patience, sub { request($to, GET => '/readyz', %right)->{status} == 200 }), "$way: is ready" or diag $bot->log;
	return ($bot, $to);
}

my %known = ('/' => 503, '/events' => 200, '/health' => 503, '/status' => 200, '/metrics' => 200, '/livez' => 200, '/readyz' => 200);
my @unknown = ('//', '//health', '/health/', '/%68ealth', '/health%00', '/healthz', '/livez/', '//livez', '/livez/../health',
	'/./health', '/HEALTH', '/events/', 'http://localhost/health', '*');
my @methods = qw(GET HEAD POST PUT DELETE PATCH OPTIONS TRACE BREW);
my %credentials = (
	none => {}, right => \%right, wrong => { Authorization => "Bearer ${token}x" }, empty => { Authorization => 'Bearer ' },
	scheme => { Authorization => "Basic $token" }, short => { Authorization => 'Bearer ' . substr $token, 0, -1 },
	lower => { Authorization => "bearer $token" }, bare => { Authorization => $token },
);
my %may = (right => 1, lower => 1);	# the scheme's case does not matter

# The type that a good answer to GET has.
sub type_of {
	my ($path, $accept) = @_;
	return 'text/html; charset=utf-8' if $path eq '/' && $accept =~ m{text/html};
	return 'text/event-stream' if $path eq '/events';
	return 'application/json' if $path ne '/metrics';
	return $accept =~ /openmetrics/ ? 'application/openmetrics-text; version=1.0.0; charset=utf-8' : 'text/plain; version=0.0.4; charset=utf-8';
}

# What is wrong with an answer, or ''.
sub fault {
	my ($answer, $expect, $type, $method) = @_;
	my %h = %{ $answer->{headers} };
	return "status $answer->{status}, not $expect" if $answer->{status} != $expect;
	return 'type ' . ($h{'content-type'} // 'none') if ($h{'content-type'} // '') ne ($expect =~ /^4/ ? 'application/json' : $type);
	return 'headers' if ($h{'cache-control'} // '') ne 'no-store' || ($h{'x-content-type-options'} // '') ne 'nosniff';
	return 'no WWW-Authenticate' if $expect == 401 && ($h{'www-authenticate'} // '') !~ /^Bearer/;
	return 'Allow' if ($expect == 405 ? 'GET, HEAD' : '') ne ($h{allow} // '');
	return length $answer->{content} ? 'HEAD has a body' : '' if $method eq 'HEAD';
	return 'the body' if !length $answer->{content};
	return '' if $expect !~ /^4/ && $type !~ /json/;
	my $doc = eval { json_decode($answer->{content}) } or return 'the body is no JSON';
	return $expect =~ /^4/ && ($doc->{error}{code} != $expect || !length $doc->{error}{message}) ? 'the error in the body' : '';
}

# One after another on a connection that is kept; the stream and what closes has one of its own.
sub asker {
	my ($to) = @_;
	my $socket;
	return sub {
		my ($method, $path, %headers) = @_;
		return ask(connect_to($to), $method, $path, %headers) if $path eq '/events' && $method eq 'GET';
		$socket //= connect_to($to);
		my $answer = ask($socket, $method, $path, %headers);
		undef $socket if $answer->{status} <= 0 || ($answer->{headers}{connection} // '') =~ /close/i;
		return $answer;
	};
}

for my $way (qw(tcp unix tls)) {
	subtest "$way: every path, method and credential" => sub {
		my ($bot, $to) = bot($way, token_file => "$dir/token");
		my ($ask, @faults) = asker($to);
		for my $path (sort(keys %known), @unknown) {
			for my $method (@methods) {
				for my $who (sort keys %credentials) {
					my $expect = !$may{$who} && $path ne '/livez' ? 401
						: !$known{$path} ? 404 : $method =~ /^(?:GET|HEAD)$/ ? $known{$path} : 405;
					my $why = fault($ask->($method, $path, %{ $credentials{$who} }), $expect, type_of($path, ''), $method);
					push @faults, "$method $path, credentials $who: $why" if $why;
				}
			}
		}
		ok !@faults, (@unknown + keys %known) * @methods * keys(%credentials) . ' requests are answered as they have to be'
			or diag join "\n", @faults > 20 ? @faults[0 .. 19] : @faults;
		is $ask->(GET => '/health', %right, Host => 'example.org')->{status}, $way eq 'unix' ? 503 : 403, 'the token does not help a foreign Host';
		is $ask->(GET => '/livez', Host => 'example.org')->{status}, $way eq 'unix' ? 200 : 403, 'nor is /livez an exception';
		$bot->stop_ok;
	};
}

# Each Accept in turn, with and without a query, and what HEAD says beside GET.
my @accepts = ('', '*/*', 'application/json', 'text/html', 'text/html,application/xhtml+xml,*/*;q=0.8', 'TEXT/HTML', 'text/html;q=0', 'text/htmlx',
	'application/openmetrics-text;version=1.0.0,text/plain;q=0.5', ',,;q=', 'a' x 4000);
sub accepts {
	my ($ask) = @_;
	my @faults;
	for my $path (sort keys %known) {
		for my $accept (@accepts) {
			my %html = map { $_ => 1 } grep { /text\/html(?:,|\z)/i } @accepts;
			my $type = type_of($path, $html{$accept} ? 'text/html' : $accept =~ /^application\/openmetrics/ ? 'openmetrics' : '');
			my %headers = length $accept ? (Accept => $accept) : ();
			my ($get, $head) = map { $ask->($_, $path, %headers) } qw(GET HEAD);
			my @why = grep { length } fault($get, $known{$path}, $type, 'GET'), fault($head, $known{$path}, $type, 'HEAD');
			push @why, 'no Vary' if $path =~ m{^/(?:metrics)?\z} && ($get->{headers}{vary} // '') ne 'Accept';
			delete @$_{qw(date content-length transfer-encoding connection x-accel-buffering)} for $get->{headers}, $head->{headers};
			push @why, 'HEAD has other headers' if join("\n", %{ $get->{headers} }{ sort keys %{ $get->{headers} } })
				ne join("\n", %{ $head->{headers} }{ sort keys %{ $head->{headers} } });
			push @faults, "$path, Accept: " . substr($accept, 0, 60) . ": $_" for @why;
		}
		next if $path eq '/events';
		for my $query ('?', '?probe=1', '?other=%zz&&=', '?verbose', '?probe', '?x=' . 'y' x 3000) {
			my $why = fault($ask->(GET => "$path$query"), $known{$path}, type_of($path, ''), 'GET');
			push @faults, "$path$query: $why" if $why;
		}
	}
	ok !@faults, 'every path answers each Accept and query, and HEAD as GET' or diag join "\n", @faults;
	my $terse = $ask->(GET => '/health?verbose=false');
	is "$terse->{status} $terse->{content}", '503 {"status":"down"}', 'a load balancer can have it short';
	my $page = $ask->(GET => '/', Accept => 'text/html');
	like $page->{headers}{'content-security-policy'}, qr/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+\/]{43}='; script-src 'sha256-[A-Za-z0-9+\/]{43}='; connect-src 'self'; /, 'the page has a strict policy';
	like $page->{content}, qr/hung.*down/s, 'and tells of the host';
	unlike $page->{content}, qr/https?:|<[^>]*\b(?:on[a-z]+|src|style)=/i, 'and asks for nothing, and runs only its own script';
	return;
}

sub hosts {
	my ($to) = @_;
	my @table = (['localhost', 503], ['127.0.0.1:1', 503], ['127.9.9.9', 503], ['[::1]:80', 503], ['LOCALHOST:3000', 503],
		['example.org', 403], ['localhost.example.org', 403], ['127.0.0.1.example.org:3000', 403], ['[::2]', 403], ['0.0.0.0', 403], ['', 403],
		['localhost:99999999', 403], ['localhost@example.org', 403], ["localhost\texample.org", 403], ['127.1', 403], ['2130706433', 403]);
	is request($to, GET => '/health', Host => $_->[0])->{status}, $_->[1], "\"$_->[0]\" is $_->[1]" for @table;
	is raw($to, "GET /health HTTP/1.0\r\n\r\n")->{status}, 503, 'HTTP/1.0 needs none';
	is raw($to, "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")->{status}, 400, 'HTTP/1.1 does';
	return;
}

sub bad_input {
	my ($to, $quick) = @_;
	my $h = "Host: localhost\r\nConnection: close\r\n";
	my $chunked = "GET /livez HTTP/1.1\r\n${h}Transfer-Encoding: chunked\r\n\r\n";
	# What comes back, or 0 for a connection that is closed without a word; JSON where the request could be read at all.
	my @table = (
		['TLS within', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", qr/^(?:0|400)$/],
		['no path', "GET\r\n\r\n", qr/^(?:0|400)$/],
		['no version', "GET /livez\r\n\r\n", qr/^400$/],
		['no such version', "GET /livez HTTP/9.9\r\n$h\r\n", qr/^(?:400|505)$/],
		['HTTP/2', "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", qr/^(?:400|505)$/],
		['empty lines', "\r\n" x 1000, qr/^(?:0|400|408)$/],
		['NULs', "\0" x 5000 . "\r\n\r\n", qr/^(?:0|400)$/],
		['NUL in the path', "GET /health\0/livez HTTP/1.1\r\n$h\r\n", qr/^(?:400|404|503)$/],
		['NUL in a header', "GET /livez HTTP/1.1\r\n${h}X: a\0b\r\n\r\n", qr/^(?:200|400)$/],
		['a space in the path', "GET /li vez HTTP/1.1\r\n$h\r\n", qr/^40[04]$/],
		['a header without a colon', "GET /livez HTTP/1.1\r\n${h}nonsense\r\n\r\n", qr/^400$/],
		['two Hosts', "GET /livez HTTP/1.1\r\n${h}Host: localhost\r\n\r\n", qr/^400$/, 'json'],
		['two Authorizations', "GET /livez HTTP/1.1\r\n${h}Authorization: a\r\nAuthorization: b\r\n\r\n", qr/^400$/, 'json'],
		['two lengths', "GET /livez HTTP/1.1\r\n${h}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", qr/^400$/, 'json'],
		['a negative length', "GET /livez HTTP/1.1\r\n${h}Content-Length: -1\r\n\r\n", qr/^400$/],
		['a length that is no number', "GET /livez HTTP/1.1\r\n${h}Content-Length: 1x\r\n\r\n", qr/^400$/],
		['an enormous length', "GET /livez HTTP/1.1\r\n${h}Content-Length: 99999999999999999999999\r\n\r\n", qr/^4(?:00|13)$/],
		['a small body', "GET /livez HTTP/1.1\r\n${h}Content-Length: 5\r\n\r\nhello", qr/^200$/, 'json'],
		['a body', "GET /livez HTTP/1.1\r\n${h}Content-Length: 9000\r\n\r\n" . 'x' x 9000, qr/^413$/, 'json'],
		['a large body', "POST /livez HTTP/1.1\r\n${h}Content-Length: 8000000\r\n\r\n" . 'x' x 8_000_000, qr/^413$/, 'json'],
		['a small chunk', "${chunked}5\r\nhello\r\n0\r\n\r\n", qr/^200$/, 'json'],
		['a chunk', "${chunked}2328\r\n" . 'x' x 9000 . "\r\n0\r\n\r\n", qr/^413$/, 'json'],
		['a large chunk', "${chunked}a00000\r\n" . 'x' x 0xa00000 . "\r\n0\r\n\r\n", qr/^(?:0|413)$/],
		['a chunk of nonsense', "${chunked}zz\r\nhello\r\n", qr/^400$/],
		['a body for what only wants to be read', "POST /health HTTP/1.1\r\n${h}Content-Length: 5\r\n\r\nhello", qr/^405$/, 'json'],
		['who waits to be told to send', "POST /livez HTTP/1.1\r\n${h}Expect: 100-continue\r\nContent-Length: 9000\r\n\r\n", qr/^413$/, 'json'],
		['another protocol wanted', "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n", qr/^200$/, 'json'],
		['a tunnel', "CONNECT localhost:22 HTTP/1.1\r\n$h\r\n", qr/^40[0145]$/],
		['a long path', 'GET /' . 'a' x 5000 . " HTTP/1.1\r\n$h\r\n", qr/^414$/, 'json'],
		['a long query', 'GET /livez?' . 'a' x 5000 . " HTTP/1.1\r\n$h\r\n", qr/^414$/, 'json'],
		['an endless path', 'GET /' . 'a' x 1_048_576 . " HTTP/1.1\r\n$h\r\n", qr/^414$/],
		['an endless method', 'G' x 1_048_576 . " / HTTP/1.1\r\n$h\r\n", qr/^(?:0|4\d\d)$/],
		['a header of 10 KB', "GET /livez HTTP/1.1\r\n${h}X: " . 'a' x 10_000 . "\r\n\r\n", qr/^200$/, 'json'],
		['a header of 17 KB', "GET /livez HTTP/1.1\r\n${h}X: " . 'a' x 17_000 . "\r\n\r\n", qr/^431$/, 'json'],
		['a header of 1 MiB', "GET /livez HTTP/1.1\r\n${h}X: " . 'a' x 1_048_576 . "\r\n\r\n", qr/^431$/],
		['10,000 headers', "GET /livez HTTP/1.1\r\n$h" . "X: a\r\n" x 10_000 . "\r\n", qr/^431$/],
		['no such method', "BREW /livez HTTP/1.1\r\n$h\r\n", qr/^405$/, 'json'],
	);
	# Some are closed only when their time is over: so several at once, and those but once.
	@table = grep { $_->[0] !~ /^(?:TLS within|no path|empty lines|NULs)\z/ } @table if $quick;
	while (my @rows = splice @table, 0, 20) {
		my @sockets = map { my $socket = connect_to($to); put($socket, $_->[1]); $socket } @rows;
		for my $row (@rows) {
			my ($name, undef, $status, $json) = @$row;
			my $answer = answer(shift @sockets);
			like $answer->{status}, $status, "$name: $answer->{status}";
			ok eval { json_decode($answer->{content}) }, "$name: JSON" if $json;
		}
	}
	is request($to, GET => '/livez')->{status}, 200, 'answers after all that';
	return;
}

sub pipelining {
	my ($to) = @_;
	my $socket = connect_to($to);
	my $one = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
	put($socket, $one x 50 . "HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" . "GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	my $in = take($socket, 10) // '';
	is scalar(() = $in =~ m{HTTP/1\.1 200 OK\r\n}g), 52, 'every request has its answer';
	like $in, qr/\{"instances":\[\]\}\z/, 'in order';
	$socket = connect_to($to);
	put($socket, $one x 3 . "nonsense\r\n\r\n" . $one);
	$in = take($socket, 10) // '';
	like join(' ', $in =~ m{HTTP/1\.[01] (\d+)}g), qr/^200 200 200(?: 400)?\z/, 'what cannot be read ends it';
	return;
}

for my $way (qw(tcp tls)) {
	my ($bot, $to) = bot($way);
	subtest "$way: Accept and queries" => sub { accepts(asker($to)) };
	subtest "$way: Host" => sub { hosts($to) };
	subtest "$way: bad input" => sub { bad_input($to, $way eq 'tls') };
	subtest "$way: pipelining" => sub { pipelining($to) };
	$bot->stop_ok;
}

$sim->stop;
done_testing;
