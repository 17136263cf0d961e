# An image registry on loopback, in the network namespace of an engine, and fronts that stand between it and who asks.
#
#   my $registry = FG::Registry->start($engine);			# or login => ['user', 'password']
#   my $ref = $registry->push('busybox:latest', 'shop/web:1');	# "127.0.0.1:PORT/shop/web:1"; the engine keeps no such name
#   $registry->make('shop/web:2', lines => ['ENV A=1']);		# an image with a layer that no engine has yet
#   $registry->point('shop/web:1', 'shop/web:2');		# the tag now means the other's image
#   $registry->digest('shop/web:1');				# "sha256:…"
#   $registry->forget;  …  $registry->requests;			# "GET /v2/shop/web/manifests/1 200", in order
#   $registry->break_blob('shop/web:2');			# a pull breaks off half way, until …
#   $registry->mend;
#   $registry->remove_tag('shop/web:1');
#   $registry->halt;  $registry->launch;			# unreachable for a while
#
#   my $front = $registry->front;				# another name for the same: $front->ref('shop/web:1')
#   $front->rules(refuse => { status => 429, headers => { 'Retry-After' => 120 } });	# instead of answers
#   $front->rules(slow => 200_000);				# bytes a second
#   $front->rules(token => { user => 'u', password => 'p' });	# tokens, as the large registries have them
#   $front->rules(hold => 0.3);					# seconds before each is passed on
#   $front->rules;						# all is passed on as it is
#   $front->requests; $front->most_at_once; $front->forget;
#
# An image has to be on the engine that the registry was started for. Ends with the test.
package FG::Registry;

use strict;
use warnings;
use Carp qw(croak);
use File::Path ();
use POSIX ();
use FG::Util qw(wait_until slurp spew scratch_dir free_port json_encode json_decode kill_and_reap reap);

my %alive;

# start(ENGINE, login => [USER, PASSWORD], port => N): a registry that answers. With login nothing goes without it.
sub start {
	my ($class, $engine, %opt) = @_;
	my $dir = scratch_dir();
	my $self = bless { dir => $dir, engine => $engine, port => $opt{port} // free_port(), login => $opt{login}, owner => $$ }, $class;
	$alive{$dir} = $self;
	mkdir "$dir/data";
	my $auth = '';
	if ($opt{login}) {
		my $line = `htpasswd -Bbn -C 4 \Q$opt{login}[0]\E \Q$opt{login}[1]\E 2>/dev/null`;
		croak 'no htpasswd here' unless $line;
		spew("$dir/htpasswd", $line);
		$auth = "auth:\n  htpasswd:\n    realm: test\n    path: $dir/htpasswd\n";
	}
	spew("$dir/config.yml", <<"END");
version: 0.1
log: { level: warn, accesslog: { disabled: false } }
storage: { filesystem: { rootdirectory: $dir/data }, delete: { enabled: true } }
http: { addr: "127.0.0.1:$self->{port}" }
$auth
END
	return $self->launch;
}

# Whether there is a registry to start.
sub unavailable {
	return 'no docker-registry here' unless grep { -x "$_/docker-registry" } split(/:/, $ENV{PATH}), '/usr/bin';
	return 'no htpasswd here' unless grep { -x "$_/htpasswd" } split(/:/, $ENV{PATH}), '/usr/bin';
	return '';
}

sub launch {
	my ($self) = @_;
	croak 'already running' if $self->{pid};
	$self->{pid} = _spawn($self->{engine}->netns, $self->{dir}, 'docker-registry', 'serve', "$self->{dir}/config.yml");
	my $ended;
	my $up = wait_until(20, sub {
		$ended = defined reap($self->{pid});
		return $ended || _listens($self->{pid}, $self->{port});
	});
	croak 'docker-registry does not run: ' . (slurp("$self->{dir}/log") // '') if !$up || $ended;
	return $self;
}

sub halt {
	my ($self) = @_;
	kill_and_reap(delete $self->{pid}, 'TERM', 10) if $self->{pid};
	return $self;
}

sub port { return $_[0]{port} }
sub name { return "127.0.0.1:$_[0]{port}" }

# The whole name of "shop/web:1" here.
sub ref { my ($self, $image) = @_; return $self->name . "/$image" }

# The JSON that X-Registry-Auth takes for it, encoded.
sub auth {
	my ($self) = @_;
	require MIME::Base64;
	my $login = $self->{login} or return 'e30=';
	my $text = MIME::Base64::encode_base64(json_encode({ username => $login->[0], password => $login->[1], serveraddress => $self->name }), '');
	$text =~ tr{+/}{-_};
	return $text;
}

# Pushes an image of the engine (name or id) as "shop/web:1"; returns the whole name. keep => 1 leaves that name on the engine.
sub push {
	my ($self, $image, $as, %opt) = @_;
	my $engine = $self->{engine};
	my ($repository, $tag) = _split($as);
	my $whole = $self->name . "/$repository";
	$engine->api(POST => '/images/' . _uri($image) . '/tag?repo=' . _uri($whole) . "&tag=$tag");
	my $out = $engine->api(POST => "/images/$whole/push?tag=$tag", undef, headers => { 'X-Registry-Auth' => $self->auth });
	my $text = CORE::ref $out ? json_encode($out) : $out;
	croak "push of $as: $text" if $text =~ /"errorDetail"/ || !-s $self->_link($as);
	$engine->api(DELETE => "/images/$whole:$tag") unless $opt{keep};
	return "$whole:$tag";
}

# An image like busybox:latest with a layer of its own, only in the registry; returns the whole name.
#   layer     its size in bytes (20000), which cannot be compressed
#   lines     more lines of a Dockerfile: ['CMD ["false"]', 'HEALTHCHECK …']
sub make {
	my ($self, $as, %opt) = @_;
	require Archive::Tar;
	open my $random, '<:raw', '/dev/urandom' or croak "/dev/urandom: $!";
	read $random, my $bytes, $opt{layer} // 20_000;
	my $context = Archive::Tar->new;
	$context->add_data('Dockerfile', join '', map {"$_\n"} 'FROM busybox:latest', 'COPY layer /layer', @{ $opt{lines} // [] });
	$context->add_data('layer', $bytes);
	my $engine = $self->{engine};
	my $out = $engine->api(POST => '/build?t=fg-make:latest&rm=1&forcerm=1&q=1', $context->write, headers => { 'Content-Type' => 'application/x-tar' });
	my $text = CORE::ref $out ? json_encode($out) : $out;
	croak "build of $as: $text" if $text =~ /"errorDetail"/;
	my $whole = $self->push('fg-make:latest', $as);
	$engine->api(DELETE => '/images/fg-make:latest?force=1');
	return $whole;
}

# The digest that a tag has.
sub digest {
	my ($self, $image) = @_;
	return slurp($self->_link($image)) // croak "no $image in the registry";
}

# A tag gets the image of another tag of the same repository.
sub point {
	my ($self, $tag, $to) = @_;
	my ($repository, $name) = _split($tag);
	croak 'only within a repository' unless $repository eq (_split($to))[0];
	my $digest = $self->digest($to);
	(my $hex = $digest) =~ s/^sha256://;
	my $folder = $self->_folder($repository) . "/_manifests/tags/$name";
	File::Path::make_path("$folder/current", "$folder/index/sha256/$hex");
	spew("$folder/index/sha256/$hex/link", $digest);
	spew("$folder/current/link", $digest);
	return $digest;
}

sub remove_tag {
	my ($self, $image) = @_;
	my ($repository, $tag) = _split($image);
	File::Path::remove_tree($self->_folder($repository) . "/_manifests/tags/$tag");
	return;
}

# The last layer of an image loses its second half: a pull by an engine that does not have it yet breaks off.
sub break_blob {
	my ($self, $image) = @_;
	my $manifest = json_decode(slurp($self->_blob($self->digest($image))));
	my $layer = $manifest->{layers}[-1];
	my $file = $self->_blob($layer->{digest});
	my $whole = slurp($file);
	$self->{broken}{$file} //= $whole;
	spew($file, substr $whole, 0, int(length($whole) / 2));
	return $layer->{digest};
}

sub mend {
	my ($self) = @_;
	my $broken = delete $self->{broken} // {};
	spew($_, $broken->{$_}) for keys %$broken;
	return;
}

# What was asked of it since the last forget: "METHOD PATH STATUS".
sub requests {
	my ($self) = @_;
	my $log = substr(slurp("$self->{dir}/log") // '', $self->{mark} // 0);
	return map {"$_->[0] $_->[1] $_->[2]"} _access($log);
}

sub forget { my ($self) = @_; $self->{mark} = -s "$self->{dir}/log"; return $self }

sub _access { my ($log) = @_; my @all; CORE::push @all, [$1, $2, $3] while $log =~ m{"([A-Z]+) (\S+) HTTP/[\d.]+" (\d+) }g; return @all }

# front(outside => 1, port => N): outside listens on this machine's own loopback, not the engine's.
sub front {
	my ($self, %opt) = @_;
	my $front = FG::Registry::Front->start(to => $self->name, netns => $self->{engine}->netns, %opt);
	CORE::push @{ $self->{fronts} }, $front;
	return $front;
}

sub stop {
	my ($self) = @_;
	return if $self->{owner} != $$ || $self->{gone}++;
	delete $alive{ $self->{dir} };
	$_->stop for @{ $self->{fronts} // [] };
	$self->halt;
	File::Path::remove_tree($self->{dir});
	return;
}

sub DESTROY { my ($self) = @_; local ($@, $?, $!); $self->stop; return }

END {
	local $?;
	$_->stop for values %alive;
}

sub _split {
	my ($image) = @_;
	my ($repository, $tag) = $image =~ /^([^:]+):([^:\/]+)\z/ or croak "$image: REPOSITORY:TAG";
	return ($repository, $tag);
}

sub _uri { my ($text) = @_; $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge; return $text }
sub _folder { my ($self, $repository) = @_; return "$self->{dir}/data/docker/registry/v2/repositories/$repository" }

sub _link {
	my ($self, $image) = @_;
	my ($repository, $tag) = _split($image);
	return $self->_folder($repository) . "/_manifests/tags/$tag/current/link";
}

sub _blob {
	my ($self, $digest) = @_;
	my ($hex) = $digest =~ /^sha256:([0-9a-f]{64})\z/ or croak "digest $digest";
	return "$self->{dir}/data/docker/registry/v2/blobs/sha256/" . substr($hex, 0, 2) . "/$hex/data";
}

# Whether a process's namespace has a listener on that port of 127.0.0.1.
sub _listens {
	my ($pid, $port) = @_;
	my $address = sprintf '0100007F:%04X', $port;
	return (slurp("/proc/$pid/net/tcp") // '') =~ /: $address \S+ 0A /;
}

sub _spawn {
	my ($netns, $dir, @command) = @_;
	defined(my $pid = fork) or croak "fork: $!";
	return $pid if $pid;
	open STDIN, '<', '/dev/null';
	open STDOUT, '>>', "$dir/log";
	open STDERR, '>&', \*STDOUT;
	local $ENV{OTEL_TRACES_EXPORTER} = 'none';
	exec 'setpriv', '--pdeathsig', 'KILL', 'nsenter', "--net=/run/netns/$netns", @command or POSIX::_exit(127);
}

# A front: an HTTP server that passes requests on, or does what its rules say.
#
#   start(to => 'HOST:PORT' | 'unix:PATH', netns => NAME, outside => 1, port => N, unix => 1)
#
# It connects within the namespace, and listens there too unless outside; with unix on a socket in its folder ($front->url).
# Rules, re-read for every request: refuse => {status, headers, body, match}, slow => bytes a second (bodies over 64 KiB),
# hold => seconds, token => {user, password}: every request needs a token, which /token gives (to whom has the password, if there is one).
package FG::Registry::Front;

use strict;
use warnings;
use Carp qw(croak);
use Errno qw(EINTR);
use IO::Socket::INET;
use IO::Socket::UNIX;
use MIME::Base64 ();
use POSIX ();
use Time::HiRes ();
use parent 'FG::Child';
use FG::Util qw(slurp spew free_port json_encode json_decode);

sub start {
	my ($class, %opt) = @_;
	my $self = $class->create(port => $opt{port} // free_port(), to => $opt{to});
	pipe my $ready, my $tell or croak "pipe: $!";
	$self->run(front => sub {
		close $ready;
		$SIG{CHLD} = 'IGNORE';
		$self->_serve($tell, @_, %opt);
	});
	close $tell;
	croak 'the front does not start' unless readline $ready;
	return $self;
}

sub name { return "127.0.0.1:$_[0]{port}" }
sub port { return $_[0]{port} }
sub ref { my ($self, $image) = @_; return $self->name . "/$image" }

sub rules {
	my ($self, %rules) = @_;
	spew("$self->{dir}/rules.new", json_encode(\%rules));
	rename "$self->{dir}/rules.new", "$self->{dir}/rules" or croak "rename: $!";
	return $self;
}

# "METHOD PATH" since the last forget.
sub requests { return split /\n/, slurp("$_[0]{dir}/requests") // '' }
sub forget { unlink "$_[0]{dir}/requests", "$_[0]{dir}/open"; return $_[0] }

# How many requests were held at a time, at most, since the last forget.
sub most_at_once {
	my ($open, $most) = (0, 0);
	for my $sign (split //, slurp("$_[0]{dir}/open") // '') {
		$open += $sign eq '+' ? 1 : -1;
		$most = $open if $open > $most;
	}
	return $most;
}

sub _sign {
	my ($self, $sign) = @_;
	open my $out, '>>', "$self->{dir}/open" or return;
	syswrite $out, $sign;
	close $out;
	return;
}

# setns(2) into a named network namespace.
sub _enter {
	my ($netns) = @_;
	my $number = { 'x86_64' => 308, 'aarch64' => 268 }->{ (POSIX::uname())[4] } or croak 'setns: unknown machine';
	open my $file, '<', "/run/netns/$netns" or croak "/run/netns/$netns: $!";
	syscall($number, fileno $file, 0x40000000) == 0 or croak "setns: $!";
	return;
}

sub _serve {
	my ($self, $tell, $parent, %opt) = @_;
	_enter($opt{netns}) if $opt{netns} && !$opt{outside} && !$opt{unix};
	my $listener = $opt{unix} ? IO::Socket::UNIX->new(Local => "$self->{dir}/socket", Listen => 64)
		: IO::Socket::INET->new(LocalAddr => "127.0.0.1:$self->{port}", Listen => 64, ReuseAddr => 1);
	croak "listen: $!" unless $listener;
	_enter($opt{netns}) if $opt{netns} && ($opt{outside} || $opt{unix}) && $self->{to} !~ /^unix:/;
	print {$tell} "ready\n";
	close $tell;
	while (getppid == $parent) {
		my $bits = '';
		vec($bits, fileno $listener, 1) = 1;
		next if select($bits, undef, undef, 1) <= 0;
		my $client = $listener->accept or next;
		defined(my $child = fork) or next;
		if (!$child) {
			close $listener;
			eval { $self->_talk($client); 1 } or print STDERR "front: $@";
			POSIX::_exit(0);
		}
		close $client;
	}
	return;
}

sub _talk {
	my ($self, $client) = @_;
	my $in = '';
	while ($in !~ /\r\n\r\n/) {
		my $got = sysread $client, $in, 65536, length $in;
		next if !defined $got && $! == EINTR;
		return unless $got;
		# Engines try TLS first, and plain HTTP only after an answer that is none of TLS.
		return _answer($client, 'GET', 400, {}, 'this is plain HTTP') if $in !~ /^[A-Z]/;
	}
	my ($head, $body) = split /\r\n\r\n/, $in, 2;
	my ($line, @headers) = split /\r\n/, $head;
	my ($method, $path) = split / /, $line;
	open my $out, '>>', "$self->{dir}/requests" or return;
	syswrite $out, "$method $path\n";
	close $out;
	my $rules = json_decode(slurp("$self->{dir}/rules") // '{}');
	if (my $refuse = $rules->{refuse}) {
		return _answer($client, $method, @$refuse{qw(status headers body)}) if $path =~ /${\($refuse->{match} \/\/ '')}/;
	}
	return if $rules->{token} && !$self->_admit($client, $method, $path, \@headers, $rules->{token});
	@headers = grep { !/^(?:connection|keep-alive):/i && !($rules->{token} && /^authorization:/i) } @headers;
	my $upstream = $self->{to} =~ /^unix:(.*)/ ? IO::Socket::UNIX->new(Peer => $1) : IO::Socket::INET->new(PeerAddr => $self->{to});
	return _answer($client, $method, 502, {}, 'nobody behind the front') unless $upstream;
	# Who has its answer may ask the next before this notices that it has gone: what is counted ends before that.
	$self->_sign('+');
	Time::HiRes::sleep($rules->{hold}) if $rules->{hold};
	$self->_sign('-');
	_write($upstream, join("\r\n", "$method $path HTTP/1.1", @headers, 'Connection: close', '', '') . ($body // ''));
	_copy($client, $upstream, $rules->{slow});
	return;
}

# Both ways until the upstream ends.
sub _copy {
	my ($client, $upstream, $slow) = @_;
	my $sent = 0;
	my $asking = 1;
	while (1) {
		my $bits = '';
		vec($bits, fileno $upstream, 1) = 1;
		vec($bits, fileno $client, 1) = 1 if $asking;
		next if select($bits, undef, undef, 60) < 0;
		if ($asking && vec($bits, fileno $client, 1)) {
			my $got = sysread $client, my $more, 65536;
			return if !$got && $sent;
			$got ? _write($upstream, $more) : ($asking = 0);
		}
		next unless vec($bits, fileno $upstream, 1);
		my $got = sysread $upstream, my $data, 16384;
		next if !defined $got && $! == EINTR;
		return unless $got;
		_write($client, $data) or return;
		$sent += $got;
		Time::HiRes::sleep($got / $slow) if $slow && $sent > 65536;
	}
}

sub _write {
	my ($to, $data) = @_;
	while (length $data) {
		my $n = syswrite $to, $data;
		next if !defined $n && $! == EINTR;
		return 0 unless $n;
		substr $data, 0, $n, '';
	}
	return 1;
}

sub _answer {
	my ($client, $method, $status, $headers, $body) = @_;
	$body //= '';
	my %all = ('Content-Type' => 'application/json', 'Content-Length' => length $body, Connection => 'close', %{ $headers // {} });
	my $reason = { 200 => 'OK', 401 => 'Unauthorized', 404 => 'Not Found', 429 => 'Too Many Requests' }->{$status} // 'Refused';
	_write($client, "HTTP/1.1 $status $reason\r\n" . join('', map {"$_: $all{$_}\r\n"} sort keys %all) . "\r\n" . ($method eq 'HEAD' ? '' : $body));
	return 0;
}

# The token service and what it guards. True: the request may pass.
sub _admit {
	my ($self, $client, $method, $path, $headers, $rule) = @_;
	my ($given) = map { /^authorization:\s*(.*)/i ? $1 : () } @$headers;
	if ($path =~ m{^/token\b}) {
		my $wanted = defined $rule->{user} ? 'Basic ' . MIME::Base64::encode_base64("$rule->{user}:$rule->{password}", '') : undef;
		return _answer($client, $method, 401, {}, '{"details":"incorrect username or password"}') if defined $wanted && ($given // '') ne $wanted;
		return _answer($client, $method, 200, {}, '{"token":"let-me-in"}');
	}
	return 1 if ($given // '') eq 'Bearer let-me-in';
	return _answer($client, $method, 401, { 'WWW-Authenticate' => 'Bearer realm="http://' . $self->name . '/token",service="front"' },
		'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
}

1;
