# An engine that only says it is one: it answers as dockerd 20.10 does, and counts what was done to which container.
#
#   my $engine = FG::FakeEngine->start(containers => [map { { name => "c$_" } } 1 .. 100], delay_ms => 20, seed => 1);
#   … hosts => { local => { url => $engine->url } } …
#   is $engine->effects->{'restart c7'}, 1;	# 'kill USR1 c7' is one of its own
#
# Many of them, in one process, each with a socket of its own:
#
#   my $fleet = FG::FakeEngine->start(engines => { h1 => [{ name => 'c1' }, …], h2 => [...] });
#   … hosts => { h1 => { url => $fleet->url_of('h1') }, … } …
#   $fleet->set(h2 => lag_ms => 20_000);	# every answer of it comes so late; 0: at once
#   $fleet->set(h2 => lie => 'types');	# see %lies; '': no more
#   $fleet->set(h2 => dead => 1);	# whoever connects is hung up on
#
# For what a real engine cannot be asked: numbers of containers, and effects that are counted beyond doubt. A container is
# {name, image, state, labels, health}; the state is running unless it says otherwise, and a health stays what it is. With
# delay_ms each action takes a random time up to that, and has its effect at its begin or at its end, whether or not somebody still waits for the answer.
# It runs as a child, and ends with the one who started it.
package FG::FakeEngine;

use strict;
use warnings;
use Carp qw(croak);
use Digest::SHA qw(sha256_hex);
use Errno qw(EAGAIN EINTR);
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(time);
use parent 'FG::Child';
use FG::Util qw(http_exchange json_encode json_decode);

my $API = '1.41';
my $RELEASE = '20.10.24';
my $EVENTS_KEPT = 1024;

sub start {
	my ($class, %opt) = @_;
	my $self = $class->create;
	my %engines = $opt{engines} ? %{ delete $opt{engines} } : ('' => delete $opt{containers} // []);
	my %listeners = map {
		$_ => IO::Socket::UNIX->new(Local => $self->socket_of($_), Listen => 128) // croak $self->socket_of($_) . ": $!"
	} keys %engines;
	return $self->run('fake engine' => sub { _serve(\%listeners, \%engines, @_, %opt) });
}

sub socket_of { my ($self, $name) = @_; return length $name ? "$self->{dir}/$name.sock" : "$self->{dir}/socket" }
sub socket { return $_[0]->socket_of('') }
sub url_of { my ($self, $name) = @_; return 'unix://' . $self->socket_of($name) }

sub set {
	my ($self, $name, %what) = @_;
	my $answer = http_exchange(to => $self->url_of($name), method => 'POST',
		path => '/fake/set?' . join '&', map { "$_=$what{$_}" } sort keys %what);
	croak "cannot set $name: $answer->{status}" unless $answer->{status} == 204;
	return $self;
}

# The engine's JSON to a GET, as anybody would ask for it.
sub get {
	my ($self, $path, $name) = @_;
	my $answer = http_exchange(to => $self->url_of($name // ''), path => $path);
	croak "GET $path: $answer->{status} " . ($answer->{content} // '') unless $answer->{status} == 200;
	return json_decode($answer->{content});
}

# How often each thing was done: {'restart c1' => 1, 'kill HUP c2' => 2}. What changed nothing is not in it.
sub effects { my ($self, $name) = @_; return $self->get('/fake/effects', $name) }

# How often its containers were asked for, answered or not.
sub lists { my ($self, $name) = @_; return $self->get('/fake/lists', $name)->{count} }

# … and for what an image is, here or in its registry.
sub images { my ($self, $name) = @_; return $self->get('/fake/images', $name)->{count} // 0 }

# --- the child: state ------------------------------------------------------------------------------------------

our $E;	# the engine that is asked: {name, containers, by_name, by_id, effects, events, requests, lag_ms, lie, dead}
my (@later, @again, %options);	# again: clients that may have sent another request while they waited
my ($readable, $writable, %clients) = ("", "");	# bits of file descriptors; file descriptor => {engine, socket, in, out, busy, stream, last}

sub _stamp { my ($at) = @_; return POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime $at) . sprintf '.%09dZ', ($at - int $at) * 1e9 }

sub _add {
	my ($c) = @_;
	my $n = @{ $E->{containers} };
	my %full = (image => 'busybox', state => 'running', labels => {}, created => time, started => time, finished => 0, exit => 0, %$c);
	$full{id} //= sha256_hex("fake $E->{name} $n $full{name}");
	push @{ $E->{containers} }, \%full;
	$E->{by_name}{ $full{name} } = $E->{by_id}{ $full{id} } = \%full;
	return;
}

# By whole id, by name, or by the beginning of an id that is nobody else's.
sub _find {
	my ($key) = @_;
	return $E->{by_id}{$key} // $E->{by_name}{$key} // do {
		my @found = length $key ? grep { index($_->{id}, $key) == 0 } @{ $E->{containers} } : ();
		@found == 1 ? $found[0] : undef;
	};
}

sub _status {
	my ($c) = @_;
	return "Exited ($c->{exit}) 2 minutes ago" if $c->{state} eq 'exited';
	return 'Created' if $c->{state} eq 'created';
	return 'Up 2 minutes' . ($c->{state} eq 'paused' ? ' (Paused)' : $c->{health} ? " ($c->{health})" : '');
}

# A row of the list; kept as text, for lists are long and asked for often.
sub _row {
	my ($c) = @_;
	return $c->{row} //= json_encode({
		Id => $c->{id}, Names => ["/$c->{name}"], Image => $c->{image}, ImageID => 'sha256:' . sha256_hex($c->{image}),
		Command => 'sleep 1d', Created => int $c->{created}, Ports => [], Labels => $c->{labels}, State => $c->{state},
		Status => _status($c), HostConfig => { NetworkMode => 'none' }, NetworkSettings => { Networks => {} }, Mounts => [],
	});
}

sub _inspect {
	my ($c) = @_;
	my $up = $c->{state} eq 'running' || $c->{state} eq 'paused';
	my $bool = sub { $_[0] ? JSON::PP::true() : JSON::PP::false() };
	return {
		Id => $c->{id}, Created => _stamp($c->{created}), Path => 'sleep', Args => ['1d'], Name => "/$c->{name}",
		RestartCount => 0, Driver => 'overlay2', Platform => 'linux', Image => 'sha256:' . sha256_hex($c->{image}),
		State => {
			Status => $c->{state}, Running => $bool->($up), Paused => $bool->($c->{state} eq 'paused'), Restarting => $bool->(0),
			OOMKilled => $bool->(0), Dead => $bool->(0), Pid => $up ? 4242 : 0, ExitCode => $c->{exit}, Error => '',
			StartedAt => _stamp($c->{started}), FinishedAt => $c->{finished} ? _stamp($c->{finished}) : '0001-01-01T00:00:00Z',
			$c->{health} ? (Health => { Status => $c->{health}, FailingStreak => 3, Log => [] }) : (),
		},
		HostConfig => { NetworkMode => 'none', RestartPolicy => { Name => 'no', MaximumRetryCount => 0 }, AutoRemove => $bool->(0),
			Memory => 0, NanoCpus => 0 },
		Mounts => [],
		Config => { Hostname => substr($c->{id}, 0, 12), Image => $c->{image}, Cmd => ['sleep', '1d'], Env => [], Labels => $c->{labels},
			Tty => $bool->(0) },
		NetworkSettings => { Networks => {}, Ports => {} },
	};
}

# Counters as of a container that uses a hundredth of a CPU; as text, for each is asked for again and again.
sub _stats {
	my ($c) = @_;
	return '{"read":"0001-01-01T00:00:00Z","cpu_stats":{"cpu_usage":{"total_usage":0}},"memory_stats":{}}' if $c->{state} !~ /^(?:running|paused)\z/;
	my $now = time;
	my $up = $now - $c->{started} + 1;
	return sprintf '{"read":"%s","preread":"0001-01-01T00:00:00Z","pids_stats":{"current":3},"num_procs":0,"storage_stats":{},'
		. '"blkio_stats":{"io_service_bytes_recursive":[{"major":8,"minor":0,"op":"Read","value":%d},{"major":8,"minor":0,"op":"Write","value":0}]},'
		. '"cpu_stats":{"cpu_usage":{"total_usage":%d,"percpu_usage":[%d,0],"usage_in_kernelmode":0,"usage_in_usermode":0},'
		. '"system_cpu_usage":%d,"online_cpus":2,"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},'
		. '"memory_stats":{"usage":%d,"stats":{"active_anon":0,"active_file":0,"anon":1048576,"inactive_file":524288,"pgfault":1000},"limit":8589934592},'
		. '"name":"/%s","id":"%s","networks":{"eth0":{"rx_bytes":%d,"rx_packets":1,"tx_bytes":%d,"tx_packets":1}}}',
		_stamp($now), 4096 * $up, 1e7 * $up, 1e7 * $up, 2e9 * $up, 2_097_152, $c->{name}, $c->{id}, 1000 * $up, 2000 * $up;
}

# --- the child: actions ----------------------------------------------------------------------------------------

# Each: ($container, $query) → status and message, or a 2xx status and what changes: [STATE, EVENT…].
my %actions = (
	kill => sub {
		my ($c, $q) = @_;
		return (409, "Cannot kill container: $c->{id}: Container $c->{id} is not running") if $c->{state} !~ /^(?:running|paused)\z/;
		return (204, [($q->{signal} // 'KILL') =~ /^(?:SIG)?(?:KILL|9)\z/ ? ('exited', 'kill', 'die') : ($c->{state}, 'kill')]);
	},
	pause => sub {
		my ($c) = @_;
		return (409, "Container $c->{id} is already paused") if $c->{state} eq 'paused';
		return (409, "Container $c->{id} is not running") if $c->{state} ne 'running';
		return (204, ['paused', 'pause']);
	},
	restart => sub {
		my ($c) = @_;
		return (204, ['running', $c->{state} eq 'running' ? qw(kill die stop) : (), qw(start restart)]);
	},
	start => sub {
		my ($c) = @_;
		return (409, 'cannot start a paused container, try unpause instead') if $c->{state} eq 'paused';
		return $c->{state} eq 'running' ? (304) : (204, ['running', 'start']);
	},
	stop => sub {
		my ($c) = @_;
		return $c->{state} =~ /^(?:running|paused)\z/ ? (204, ['exited', qw(kill die stop)]) : (304);
	},
	unpause => sub {
		my ($c) = @_;
		return (500, "Container $c->{id} is not paused") if $c->{state} ne 'paused';
		return (204, ['running', 'unpause']);
	},
);

sub _emit {
	my ($c, $action) = @_;
	my $now = time;
	my $event = json_encode({ status => $action, id => $c->{id}, from => $c->{image}, Type => 'container', Action => $action,
		Actor => { ID => $c->{id}, Attributes => { %{ $c->{labels} }, image => $c->{image}, name => $c->{name} } }, scope => 'local',
		time => int $now, timeNano => int($now * 1e9) }) . "\n";
	push @{ $E->{events} }, { at => $now, action => $action, text => $event };
	shift @{ $E->{events} } if @{ $E->{events} } > $EVENTS_KEPT;
	for my $client (grep { $_->{stream} && $_->{engine} == $E } values %clients) {
		_chunk($client, $event) if !%{ $client->{stream} } || $client->{stream}{$action};
	}
	return;
}

sub _apply {
	my ($c, $what, $change) = @_;
	my ($state, @happens) = @$change;
	$E->{effects}{"$what $c->{name}"}++;
	@$c{qw(state row)} = ($state, undef);
	@$c{qw(finished exit)} = (time, 137) if $state eq 'exited';
	$c->{started} = time if grep { $_ eq 'start' } @happens;
	_emit($c, $_) for @happens;
	return;
}

sub _act {
	my ($client, $c, $name, $query) = @_;
	my $engine = $E;
	my $what = $name eq 'kill' ? 'kill ' . ($query->{signal} // 'KILL') : $name;
	my $delay = ($options{delay_ms} // 0) * rand() / 1000;
	my $do = sub {
		local $E = $engine;
		my ($status, $more) = $actions{$name}->($c, $query);
		_apply($c, $what, $more) if ref $more;
		return ($status, $status < 400 ? '' : { message => $more });
	};
	return _answer($client, $do->()) if !$delay;
	my @done = rand() < 0.5 ? $do->() : ();
	$client->{busy} = 1;
	_later($delay, sub { _answer($client, @done ? @done : $do->()); push @again, $client });
	return;
}

# In that many seconds; there may be thousands of them.
sub _later {
	my ($seconds, $code) = @_;
	my $at = time + $seconds;
	my ($low, $high) = (0, scalar @later);
	while ($low < $high) {
		my $middle = int(($low + $high) / 2);
		$later[$middle][0] <= $at ? ($low = $middle + 1) : ($high = $middle);
	}
	splice @later, $low, 0, [$at, $code];
	return;
}

# --- the child: requests ---------------------------------------------------------------------------------------

sub _query {
	my ($text) = @_;
	my %query;
	for my $pair (split /&/, $text // '') {
		my ($key, $value) = map { s/\+/ /gr =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger } split(/=/, $pair, 2), '';
		$query{$key} = $value;
	}
	return \%query;
}

# {key => [values]}, from either way to write it.
sub _filters {
	my ($query) = @_;
	my $filters = eval { json_decode($query->{filters} // '{}') } // {};
	return { map { $_ => ref $filters->{$_} eq 'HASH' ? [keys %{ $filters->{$_} }] : $filters->{$_} } keys %$filters };
}

# What an engine may say that is none.
my %lies = (
	garbage => sub { '[{"Id":"' . 'a' x 64 . '","Names":["/x"' },
	huge => sub { '[' . join(',', ('"' . 'x' x 1_048_576 . '"') x 80) . ']' },
	nested => sub { '[' x 100_000 },
	object => sub { '{"message":"I am fine"}' },
	types => sub { '[1,null,"x",[],{"Id":5},{"Id":"' . 'b' x 64 . '","Names":7,"State":[],"Labels":[1],"Ports":"x","Created":"now"}]' },
);

sub _list {
	my ($client, $query) = @_;
	return _answer($client, 200, $lies{ $E->{lie} }->()) if $E->{lie};
	my $labels = _filters($query)->{label} // [];
	my $all = ($query->{all} // '') =~ /^(?:1|true)\z/i;
	my @rows = grep {
		my $c = $_;
		($all || $c->{state} =~ /^(?:running|paused)\z/) && !grep {
			my ($key, $value) = split /=/, $_, 2;
			!defined $c->{labels}{$key} || (defined $value && $c->{labels}{$key} ne $value);
		} @$labels;
	} @{ $E->{containers} };
	return _answer($client, 200, '[' . join(',', map { _row($_) } @rows) . ']');
}

sub _events {
	my ($client, $query) = @_;
	my %wanted = map { $_ => 1 } @{ _filters($query)->{event} // [] };
	_send($client, "HTTP/1.1 200 OK\r\n" . _headers() . "Transfer-Encoding: chunked\r\n\r\n");
	$client->{stream} = \%wanted;
	if (defined $query->{since}) {
		my $until = $query->{until} // 9**20;
		for my $event (@{ $E->{events} }) {
			next if $event->{at} < $query->{since} || $event->{at} > $until || (%wanted && !$wanted{ $event->{action} });
			_chunk($client, $event->{text});
		}
	}
	return unless defined $query->{until};
	my $end = sub { _send($client, "0\r\n\r\n"); $client->{stream} = undef; return };
	return $end->() if $query->{until} <= time;
	_later($query->{until} - time, $end);
	return;
}

my %pages = (
	'/_ping' => sub { 'OK' },
	'/fake/effects' => sub { $E->{effects} },
	'/fake/lists' => sub { { count => $E->{lists} } },
	'/fake/images' => sub { { count => $E->{images} } },
	'/images/json' => sub { [] },
	'/info' => sub {
		my %count;
		$count{ $_->{state} }++ for @{ $E->{containers} };
		return { ID => 'FAKE', Name => 'fake', OperatingSystem => 'Fake Linux', KernelVersion => '6.1.0', Driver => 'overlay2',
			CgroupVersion => '2', DockerRootDir => '/var/lib/docker', Containers => scalar @{ $E->{containers} },
			ContainersRunning => $count{running} // 0, ContainersPaused => $count{paused} // 0,
			ContainersStopped => ($count{exited} // 0) + ($count{created} // 0), Images => 1, NCPU => 2, MemTotal => 2**33,
			ServerVersion => $RELEASE, Labels => ['zone=fake'], Swarm => { LocalNodeState => 'inactive', ControlAvailable => JSON::PP::false() } };
	},
	'/networks' => sub { [] },
	'/version' => sub {
		return { Platform => { Name => '' }, Components => [{ Name => 'Engine', Version => $RELEASE, Details => {} }], Version => $RELEASE,
			ApiVersion => $API, MinAPIVersion => '1.12', GitCommit => 'fake', GoVersion => 'go1.19', Os => 'linux', Arch => 'amd64',
			KernelVersion => '6.1.0' };
	},
	'/system/df' => sub { { LayersSize => 0, Images => [], Containers => [], Volumes => [], BuildCache => [] } },
	'/volumes' => sub { { Volumes => [], Warnings => undef } },
);

sub _set {
	my ($client, $query) = @_;
	@$E{ keys %$query } = values %$query;
	return _answer($client, 204, '');
}

sub _route {
	my ($client, $method, $target) = @_;
	my ($lag, $engine) = ($target =~ m{^/fake/} ? 0 : $E->{lag_ms}, $E);
	$E->{lists}++ if "$method $target" =~ m{^GET (?:/v[\d.]+)?/containers/json\b};
	$E->{images}++ if $target =~ m{^(?:/v[\d.]+)?/(?:images|distribution)/.+/json\b};
	return _now($client, $method, $target) if !$lag;
	$client->{busy} = 1;
	_later($lag / 1000, sub {
		local $E = $engine;
		$client->{busy} = 0;
		_now($client, $method, $target) if !$client->{gone};
		push @again, $client;
	});
	return;
}

sub _now {
	my ($client, $method, $target) = @_;
	my ($path, $query) = split /\?/, $target, 2;
	$query = _query($query);
	if ($path =~ s{^/v(\d+)\.(\d+)(?=/)}{} && ($1 > 1 || $2 > 41)) {
		return _answer($client, 400, { message => "client version $1.$2 is too new. Maximum supported API version is $API" });
	}
	my $page = $method =~ /^(?:GET|HEAD)\z/ && $pages{$path};
	return _answer($client, 200, $page->()) if $page;
	return _set($client, $query) if "$method $path" eq 'POST /fake/set';
	return _list($client, $query) if "$method $path" eq 'GET /containers/json';
	return _events($client, $query) if "$method $path" eq 'GET /events';
	my ($key, $rest) = $path =~ m{^/containers/([^/]+)/(\w+)\z} or return _answer($client, 404, { message => 'page not found' });
	return _answer($client, 404, { message => 'page not found' }) unless $method eq 'POST' ? $actions{$rest} : $rest =~ /^(?:json|stats)\z/;
	my $c = _find($key) or return _answer($client, 404, { message => "No such container: $key" });
	return _act($client, $c, $rest, $query) if $method eq 'POST';
	return _answer($client, 200, $rest eq 'stats' ? _stats($c) : _inspect($c));
}

# --- the child: the wire ---------------------------------------------------------------------------------------

my %reasons = (200 => 'OK', 204 => 'No Content', 304 => 'Not Modified', 400 => 'Bad Request', 404 => 'Not Found', 409 => 'Conflict',
	500 => 'Internal Server Error');

sub _headers {
	return "Api-Version: $API\r\nContent-Type: application/json\r\nDocker-Experimental: false\r\nOstype: linux\r\n"
		. "Server: Docker/$RELEASE (linux)\r\nDate: " . POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime) . "\r\n";
}

sub _answer {
	my ($client, $status, $body) = @_;
	$body = json_encode($body) . "\n" if ref $body;
	$client->{busy} = 0;
	my $length = $status == 204 || $status == 304 ? '' : 'Content-Length: ' . length($body) . "\r\n";
	return _send($client, "HTTP/1.1 $status $reasons{$status}\r\n" . _headers() . "$length\r\n" . ($length ? $body : ''));
}

sub _chunk { my ($client, $text) = @_; return _send($client, sprintf("%x\r\n", length $text) . "$text\r\n") }

sub _send {
	my ($client, $text) = @_;
	return if $client->{gone};
	$client->{out} .= $text;
	return _flush($client);
}

sub _flush {
	my ($client) = @_;
	while (length $client->{out}) {
		my $sent = syswrite $client->{socket}, $client->{out};
		if (!defined $sent) {
			next if $! == EINTR;
			return vec($writable, fileno $client->{socket}, 1) = 1 if $! == EAGAIN;
			return _close($client);
		}
		substr $client->{out}, 0, $sent, '';
	}
	vec($writable, fileno $client->{socket}, 1) = 0;
	return;
}

sub _close {
	my ($client) = @_;
	return if $client->{gone}++;
	delete $clients{ fileno $client->{socket} };
	vec($_, fileno $client->{socket}, 1) = 0 for $readable, $writable;
	close $client->{socket};
	return;
}

sub _read {
	my ($client) = @_;
	my $got = sysread $client->{socket}, $client->{in}, 65536, length $client->{in};
	return if !defined $got && ($! == EINTR || $! == EAGAIN);
	return _close($client) unless $got;
	return;
}

# One request at a time on each connection.
sub _take {
	my ($client) = @_;
	while (!$client->{busy} && !$client->{stream} && !$client->{gone} && $client->{in} =~ /^(\S+) (\S+) HTTP.*?\r\n\r\n/s) {
		my ($method, $target, $head) = ($1, $2, $&);
		my $length = length($head) + ($head =~ /^content-length:\s*(\d+)/mi ? $1 : 0);
		return if length $client->{in} < $length;
		substr $client->{in}, 0, $length, '';
		_route($client, $method, $target);
		_close($client) if $head =~ /^connection:\s*close/mi && !$client->{busy} && !$client->{stream} && !length $client->{out};
	}
	return;
}

sub _set_bits {
	my ($bits) = @_;
	my ($text, @set) = unpack 'b*', $bits;
	push @set, pos($text) - 1 while $text =~ /1/g;
	return @set;
}

sub _accept {
	my ($listener, $engine) = @_;
	my $new = $listener->accept or return;
	$new->blocking(0);
	$clients{ fileno $new } = { engine => $engine, socket => $new, in => '', out => '' };
	vec($readable, fileno $new, 1) = 1;
	return;
}

sub _serve {
	my ($listeners, $engines, $parent, %opt) = @_;
	my %engine_of;	# file descriptor => [listener, engine]
	%options = %opt;
	srand($opt{seed} // 1);
	for my $name (keys %$listeners) {
		$E = { name => $name, requests => 0, containers => [], by_name => {}, by_id => {}, effects => {}, events => [], lag_ms => 0,
			lie => '', dead => 0 };
		_add($_) for @{ $engines->{$name} };
		$engine_of{ fileno $listeners->{$name} } = [$listeners->{$name}, $E];
		vec($readable, fileno $listeners->{$name}, 1) = 1;
	}
	while (getppid == $parent) {
		my $wait = @later ? $later[0][0] - time : 1;
		my ($in, $out) = ($readable, $writable);
		select $in, $out, undef, $wait < 0 ? 0 : $wait > 1 ? 1 : $wait;
		while (@later && $later[0][0] <= time) { (shift @later)->[1]->() }
		_flush($clients{$_}) for grep { $clients{$_} } _set_bits($out);
		my @ready;
		for my $fd (_set_bits($in)) {
			if ($engine_of{$fd}) {
				_accept(@{ $engine_of{$fd} });
			} elsif (my $client = $clients{$fd}) {
				_read($client);
				push @ready, $client;
			}
		}
		for my $client (@ready, splice @again) {
			next if $client->{gone};
			local $E = $client->{engine};
			if ($E->{dead} && $client->{in} !~ m{^\S+ /fake/}) {
				_close($client);
				next;
			}
			_take($client);
		}
	}
	return;
}

1;
