# Runs sanitized, takes long.
# GET /events: what changes in the fleet, as server-sent events.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);
use FG::Engine;
use FG::Talk;
use FG::Util qw(wait_until free_port json_decode http_exchange);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
my $engine = FG::Engine->start(version => $version);
my $port = free_port();
my $patience = FG::Bot->sanitized ? 3 : 1;
my %config = (
	users => [{ id => 1, name => 'ops', role => 'admin' }],
	hosts => { local => { url => $engine->url, timeout => '60s' } },
	templates => { demo => { image => 'busybox:latest', command => ['sleep', '1d'], network_mode => 'none', stop_timeout => '1s' } },
	health => { refresh => '1s' },
	notify => { startup_delay => '1s' },
	update => { settle => '1s' },
	http => { listen => "127.0.0.1:$port" },
);
my $talk = FG::Talk->start(%config);
like $talk->text('/create inst demo', match => qr/is created/), qr/inst is created/, 'an instance';

# A listener: {socket, text}. more: what else it asks for, all at once on its one connection.
sub listen_to {
	my (%opt) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 10, $opt{from} ? (LocalAddr => $opt{from}) : (),
		) or die "connect: $!";
	my $headers = join '', map {"$_: $opt{headers}{$_}\r\n"} keys %{ $opt{headers} // {} };
	print {$socket} map {"GET $_ HTTP/1.1\r\nHost: localhost\r\n$headers\r\n"} '/events', @{ $opt{more} // [] };
	$socket->flush;
	return { socket => $socket, in => '', text => '', head => undef };
}

# Reads what there is within SECONDS until CODE is content with an event; returns it: {id, event, data}. 'end' when the stream ended.
sub next_event {
	my ($l, $seconds, $code) = @_;
	my $end = time + $seconds * $patience;
	while (1) {
		while ($l->{text} =~ s/\A(.*?)\n\n//s) {
			my %event = map { /^(\w+): ?(.*)/ ? ($1 => $2) : () } split /\n/, $1;
			next unless defined $event{event};
			$event{data} = json_decode($event{data});
			push @{ $l->{seen} }, \%event;
			return \%event if $code->(\%event);
		}
		return 'end' if $l->{over};
		my $left = $end - time;
		return undef if $left <= 0;
		my $bits = '';
		vec($bits, fileno $l->{socket}, 1) = 1;
		next unless select($bits, undef, undef, $left) > 0;
		my $n = sysread $l->{socket}, $l->{in}, 65536, length $l->{in};
		$l->{over} = 1 unless $n;
		if (!defined $l->{head} && $l->{in} =~ s/\A(.*?\r\n)\r\n//s) { $l->{head} = $1 }
		next unless defined $l->{head};
		while ($l->{in} =~ /\A([0-9a-fA-F]+)\r\n/ && length($l->{in}) >= $+[0] + hex($1) + 2) {
			my ($size, $from) = (hex $1, $+[0]);
			$l->{over} = 1 if $size == 0;
			$l->{text} .= substr $l->{in}, $from, $size;
			substr $l->{in}, 0, $from + $size + 2, '';
		}
	}
}

sub named { my ($name, %want) = @_; return sub { $_[0]{event} eq $name && !grep { ($_[0]{data}{$_} // '') ne $want{$_} } keys %want } }

subtest 'what happens is told' => sub {
	my $l = listen_to();
	my $hello = next_event($l, 20, sub {1});
	like $l->{head}, qr{^HTTP/1.1 200 .*^Content-Type: text/event-stream\r$}ms, 'as server-sent events';
	is $hello->{event}, 'hello', 'a greeting comes first';
	like $hello->{data}{status}, qr/^(?:ok|degraded)$/, '… with the state of health';
	$engine->api(POST => '/containers/inst/stop?t=1');
	my $stopped = next_event($l, 20, named('instance', name => 'inst', state => 'exited'));
	ok ref $stopped, 'an instance stops';
	is $stopped->{data}{host}, 'local', '… with what /status says of it';
	like $stopped->{id}, qr/^\d+-\d+$/, '… and an id';
	$engine->run(name => 'stranger', cmd => ['sleep', '1d'], init => 1);
	ok ref next_event($l, 20, sub { $_[0]{event} eq 'containers' && $_[0]{data}{total} == 2 }), 'the number of containers changes';
	$engine->api(POST => '/containers/inst/start');
	ok ref next_event($l, 20, named('instance', name => 'inst', state => 'running')), 'the instance starts';
	my $again = listen_to(headers => { 'Last-Event-ID' => $stopped->{id} });
	next_event($again, 20, named('instance'));
	is $again->{seen}[0]{event}, 'hello', 'who comes back is greeted';
	my ($after) = $stopped->{id} =~ /-(\d+)/;
	is $again->{seen}[1]{id}, $stopped->{id} =~ s/-\d+$/'-' . ($after + 1)/er, '… and goes on after what it had';
	my $lost = listen_to(headers => { 'Last-Event-ID' => '12345-1' });
	is next_event($lost, 20, sub { $_[0]{event} ne 'hello' })->{event}, 'reset', 'an id of another run is none';
	$engine->kill;
	ok ref next_event($l, 40, named('host', name => 'local', state => 'down')), 'the host goes';
	ok ref next_event($l, 40, named('health', status => 'down')), '… which is bad for the health';
	$engine->restart;
	ok ref next_event($l, 40, named('host', name => 'local', state => 'ok')), '… and is back';
};

# Picks what has become of an incident.
sub becomes { my ($change, %want) = @_; return named('incident', change => $change, %want) }

subtest 'incidents and commands are told' => sub {
	my $l = listen_to();
	next_event($l, 20, named('hello'));
	# The engine's end was the instance's.
	$engine->api(POST => '/containers/inst/start');
	ok ref next_event($l, 30, named('instance', name => 'inst', state => 'running')), 'an instance runs';
	$engine->api(POST => '/containers/inst/kill?signal=KILL');
	my $opened = next_event($l, 30, becomes('opened', name => 'inst', host => 'local'));
	ok ref $opened, 'an incident is opened' or return;
	like $opened->{id}, qr/^\d+-\d+$/, '… with an id';
	my $number = $opened->{data}{id};
	like $opened->{data}{title}, qr/inst/, '… and a title';
	is $opened->{data}{state}, 'open', '… and its state';
	like $talk->text("/ack $number"), qr/\b$number\b/, 'it is acknowledged';
	ok ref next_event($l, 30, becomes('acknowledged', id => $number)), '… and told to be';
	my $command = next_event($l, 30, named('command', command => 'ack'));
	is $command->{data}{result}, 'done', '… and so is the command';
	is_deeply [sort keys %{ $command->{data} }], [qw(at command result targets)], '… with no more than the page says of it';
	close $l->{socket};
	like $talk->text('/up inst', match => qr/is running|started|runs/i), qr/inst/, 'while nobody listens it is started';
	my $again;
	ok wait_until(40 * $patience, sub {
		$again = listen_to(headers => { 'Last-Event-ID' => $command->{id} });
		my $over = next_event($again, 3, sub { becomes('recovered', id => $number)->($_[0]) || becomes('closed', id => $number)->($_[0]) });
		return 1 if ref $over;
		close $again->{socket};
	}), 'who comes back with the last id hears that it is over' or return;
	is $again->{seen}[0]{event}, 'hello', '… after the greeting';
	ok !(grep { $_->{event} eq 'reset' } @{ $again->{seen} }), '… and without a reset';
	is_deeply [grep { !defined } map { $_->{id} } @{ $again->{seen} }], [], '… all with ids';
	# What another process writes is heard, too.
	my ($exit) = FG::Bot::run_bin(args => ['-c', $talk->bot->config_file, 'exec', '--', 'list']);
	is $exit, 0, 'a command from a terminal';
	ok ref next_event($again, 30, named('command', command => 'list', result => 'done')), '… is told, too';
	unlike join(' ', map { JSON::PP->new->canonical->encode($_->{data}) } grep { $_->{event} =~ /^(?:incident|command)$/ } @{ $l->{seen} }, @{ $again->{seen} }), qr/\bops\b/, 'nobody is named';
};

subtest 'bounds' => sub {
	my $head = http_exchange(to => "127.0.0.1:$port", path => '/events', method => 'HEAD');
	is "$head->{status} $head->{headers}{'content-type'}", '200 text/event-stream', 'HEAD has no stream';
	is http_exchange(to => "127.0.0.1:$port", path => '/events', method => 'POST')->{status}, 405, 'POST is not allowed';
	my @from_one = map { listen_to() } 1 .. 16;
	my $greeted = grep { ref next_event($_, 20, named('hello')) } @from_one;
	is $greeted, 16, 'some may listen from one address';
	my $refused = http_exchange(to => "127.0.0.1:$port", path => '/events');
	is "$refused->{status} $refused->{headers}{'retry-after'}", '503 60', '… and no more';
	is http_exchange(to => "127.0.0.1:$port", path => '/health')->{status}, 200, '… but its health checks get through';
	close $_->{socket} for @from_one;
	my @many = map { listen_to(from => '127.0.0.' . (2 + $_ % 4)) } 1 .. 64;
	my $all = grep { ref next_event($_, 20, named('hello')) } @many;
	is $all, 64, 'many may listen';
	my $more = http_exchange(to => "127.0.0.1:$port", path => '/events');
	is "$more->{status} $more->{headers}{'retry-after'}", '503 60', '… and one more may not';
	close $_->{socket} for @many;
	ok wait_until(20 * $patience, sub { my $l = listen_to(); my $e = next_event($l, 5, named('hello')); close $l->{socket}; ref $e }), '… until they are gone';
};

subtest 'a reload, a stop' => sub {
	my $l = listen_to();
	next_event($l, 20, named('hello'));
	my @queues = (listen_to(more => ['/events', '/events']), listen_to(more => ['/health?probe=true']));
	next_event($_, 20, named('hello')) for @queues;
	my $new = free_port();
	$talk->bot->configure({ %config, telegram => $talk->bot->{config}{telegram}, http => { listen => "127.0.0.1:$new" } });
	$talk->bot->signal('HUP');
	is next_event($l, 20, named('bye'))->{event}, 'bye', 'a listener elsewhere says goodbye';
	is next_event($l, 20, sub {0}), 'end', '… and the stream ends';
	is next_event($_, 20, named('bye'))->{event}, 'bye', '… also to one that has asked for more' for @queues;
	$port = $new;
	my $other;
	ok wait_until(20 * $patience, sub { $other = eval { listen_to() } }), 'the new one';
	ok ref next_event($other, 20, named('hello')), '… greets';
	@queues = (listen_to(more => ['/events', '/events']), listen_to(more => ['/health?probe=true']));
	next_event($_, 20, named('hello')) for @queues;
	$talk->end_ok;
	is next_event($_, 20, named('bye'))->{event}, 'bye', 'who has asked for more does not get it at the end' for @queues;
	is next_event($other, 20, named('bye'))->{event}, 'bye', 'goodbye at the end';
};

done_testing;
