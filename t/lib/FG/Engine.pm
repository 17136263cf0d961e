# Real container engines for tests: each dockerd has a network namespace, folders and a socket of its own.
#
#   my $engine = FG::Engine->start(version => '20.10');	# private: may be frozen, killed, restarted
#   my $engine = FG::Engine->shared('20.10');		# the suite's, emptied of containers; one test file at a time
#   $engine->run(name => 'web', cmd => ['sleep', '1d'], labels => { tier => 'web' });
#   my $list = $engine->api(GET => '/containers/json');
#
# A call that fails dies with the engine's own words.
package FG::Engine;

use strict;
use warnings;
use Carp qw(croak);
use Cwd ();
use File::Basename qw(dirname);
use File::Path ();
use POSIX ();
use FG::Stale;
use FG::Util qw(wait_until slurp spew scratch_dir http_exchange json_encode json_decode reap in_ci);

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../..');
my %alive;    # folder => engine, of this process
my $busybox;  # the image's tar, made once
my %shared;   # version => engine, for all who ask for one in this process

# The versions this run is to use, oldest first.
sub versions { return split ' ', $ENV{FG_ENGINES} // '20.10' }

# Why an engine cannot run here, or '' when it can.
sub unavailable {
	my ($class, $version) = @_;
	return 'engines need root' if $> != 0;
	for my $tool (qw(ip nsenter setpriv runc iptables)) {
		return "no $tool here" unless _which($tool);
	}
	return 'no busybox-static here' unless -x '/bin/busybox';
	return '' if eval { _bin_folders($version); 1 };
	my $why = $@;
	$why =~ s/ at \S+ line \d+\.?\s*\z//;
	return $why;
}

# For the head of a test file: skips all of it when an engine is not to be had, or fails it in CI.
sub need {
	my ($class, @versions) = @_;
	require Test::More;
	for my $version (@versions) {
		my $why = $class->unavailable($version) or next;
		if (in_ci()) {
			Test::More::diag("engine $version: $why");
			Test::More::BAIL_OUT("engine $version: $why");
		}
		Test::More::plan(skip_all => "engine $version: $why");
	}
	return;
}

# Starts a private engine and waits until it answers.
#   version      20.10 26.1 28.5
#   daemon       {…} more for its daemon.json
#   env          {…} more environment
#   listen       [addresses it listens on beside its socket, in its own network namespace]
#   image        0: do not import busybox:latest
#   hostname     what the daemon takes for its machine's name
#   before       sub: called with the engine once its network namespace is there, before the daemon starts
#   timeout      seconds for each start (60)
sub start {
	my ($class, %opt) = @_;
	my $version = $opt{version} // '20.10';
	my $bin = _bin_folders($version);
	FG::Stale::sweep();
	my $dir = scratch_dir();
	my ($netns) = $dir =~ m{([^/]+)\z};

	my %daemon = ('shutdown-timeout' => 2, %{ $opt{daemon} // {} });
	my %env;
	if ($version eq '20.10') {
		$daemon{'deprecated-key-path'} //= "$dir/key.json";	# else all on one machine call themselves the same
	} elsif ($version eq '28.5') {
		# As the releases after it do: no API below 1.44, and containerd's image store.
		$env{DOCKER_MIN_API_VERSION} = '1.44';
		$daemon{features}{'containerd-snapshotter'} //= JSON::PP::true();
	}
	my $self = bless {
		version => $version,
		dir => $dir,
		netns => $netns,
		socket => "$dir/docker.sock",
		bin => $bin,
		env => { %env, %{ $opt{env} // {} } },
		timeout => $opt{timeout} // 60,
		listen => $opt{listen} // [],
		hostname => $opt{hostname},
		owner => $$,
	}, $class;
	$alive{$dir} = $self;
	FG::Stale::own($dir);
	mkdir "$dir/$_" for qw(data exec tmp);
	spew("$dir/daemon.json", json_encode(\%daemon));
	_command('ip', 'netns', 'add', $netns);
	_command('nsenter', "--net=/run/netns/$netns", 'ip', 'link', 'set', 'lo', 'up');
	$opt{before}->($self) if $opt{before};
	$self->_launch;
	$self->import_busybox unless defined $opt{image} && !$opt{image};
	return $self;
}

# This process's engine of a version, without containers.
sub shared {
	my ($class, $version) = @_;
	return $shared{$version} = $class->start(version => $version) unless $shared{$version};
	return $shared{$version}->clear;
}

sub version { return $_[0]{version} }
sub socket { return $_[0]{socket} }
sub url { return "unix://$_[0]{socket}" }
sub dir { return $_[0]{dir} }
sub pid { return $_[0]{pid} }
sub netns { return $_[0]{netns} }
sub log { return slurp("$_[0]{dir}/log") // '' }

# One call, without a version in its path unless the path has one. BODY is a hash or array (sent as JSON) or undef.
# Returns the decoded JSON, or the text of another kind of answer; dies with status and message on 400 and above.
sub api {
	my ($self, $method, $path, $body, %opt) = @_;
	my $answer = $self->request($method, $path, $body, %opt);
	croak "$method $path: $answer->{error}" unless $answer->{status};
	my $content = $answer->{content};
	my $json = ($answer->{headers}{'content-type'} // '') =~ m{^application/json} && length $content
		? eval { json_decode($content) } : undef;
	croak "$method $path: $answer->{status} " . (ref $json eq 'HASH' ? $json->{message} : $content)
		if $answer->{status} >= 400;
	return defined $json ? $json : $content;
}

# The same as {status, headers, content}; refusals do not die. %opt: timeout (seconds), headers, raw (body as it is).
sub request {
	my ($self, $method, $path, $body, %opt) = @_;
	my %headers = %{ $opt{headers} // {} };
	if (ref $body) {
		$body = json_encode($body);
		$headers{'Content-Type'} = 'application/json';
	} elsif (!defined $body && $method ne 'GET' && $method ne 'HEAD') {
		$body = '';
	}
	return http_exchange(to => "unix:$self->{socket}", method => $method, path => $path, body => $body,
		headers => \%headers, timeout => $opt{timeout} // 60);
}

sub ping { return $_[0]->request(GET => '/_ping', undef, timeout => 2)->{status} == 200 }

# Makes an image of the static busybox.
#   name         busybox:latest
#   cmd          ['sh']
#   healthcheck  text as after HEALTHCHECK in a Dockerfile
#   labels env   {…}
#   changes      [more Dockerfile lines]
# Returns its id.
sub import_busybox {
	my ($self, %opt) = @_;
	my ($repo, $tag) = ($opt{name} // 'busybox:latest') =~ /^(.+?)(?::([^:\/]+))?\z/;
	my @changes = ('CMD ' . json_encode($opt{cmd} // ['sh']), 'ENV PATH=/bin');
	push @changes, "HEALTHCHECK $opt{healthcheck}" if defined $opt{healthcheck};
	push @changes, map {"LABEL $_=" . json_encode($opt{labels}{$_})} sort keys %{ $opt{labels} // {} };
	push @changes, map {"ENV $_=$opt{env}{$_}"} sort keys %{ $opt{env} // {} };
	push @changes, @{ $opt{changes} // [] };
	my $query = join '&', 'fromSrc=-', 'repo=' . _uri($repo), 'tag=' . _uri($tag // 'latest'),
		map { 'changes=' . _uri($_) } @changes;
	my $out = $self->api(POST => "/images/create?$query", _busybox_tar(),
		headers => { 'Content-Type' => 'application/x-tar' });
	my $text = ref $out ? json_encode($out) : $out;
	$text =~ /"status":"(sha256:[0-9a-f]+)"/ or croak "import of $repo: $text";
	return $1;
}

# Creates a container and starts it; returns its id.
#   name cmd labels tty image env   as said
#   network       'none' unless said (quicker than a bridge)
#   healthcheck   {test => 'shell line' or [...], interval => seconds, retries, timeout, start_period}
#   restart       'always', 'on-failure:3', …
#   memory cpus pids
#   init          1: a first process that passes on TERM
#   stop_timeout  1
#   host_config config   {…} more, as the API has it
#   start         0: only create
sub run {
	my ($self, %opt) = @_;
	my %config = (
		Image => $opt{image} // 'busybox:latest',
		Labels => $opt{labels} // {},
		Tty => $opt{tty} ? JSON::PP::true() : JSON::PP::false(),
		StopTimeout => $opt{stop_timeout} // 1,
	);
	my %host = (NetworkMode => $opt{network} // 'none');
	$config{Cmd} = $opt{cmd} if $opt{cmd};
	$config{Env} = [map {"$_=$opt{env}{$_}"} sort keys %{ $opt{env} }] if $opt{env};
	if (my $check = $opt{healthcheck}) {
		my $test = $check->{test} // 'true';
		$config{Healthcheck} = {
			Test => ref $test ? $test : ['CMD-SHELL', $test],
			Interval => int(1e9 * ($check->{interval} // 1)),
			Timeout => int(1e9 * ($check->{timeout} // 5)),
			Retries => $check->{retries} // 1,
			StartPeriod => int(1e9 * ($check->{start_period} // 0)),
		};
	}
	if (defined $opt{restart}) {
		my ($policy, $count) = split /:/, $opt{restart};
		$host{RestartPolicy} = { Name => $policy, MaximumRetryCount => ($count // 0) + 0 };
	}
	$host{Memory} = $opt{memory} + 0 if $opt{memory};
	$host{NanoCpus} = int($opt{cpus} * 1e9) if $opt{cpus};
	$host{PidsLimit} = $opt{pids} + 0 if $opt{pids};
	$host{Init} = JSON::PP::true() if $opt{init};
	my $created = $self->api(POST => '/containers/create' . (defined $opt{name} ? '?name=' . _uri($opt{name}) : ''),
		{ %config, %{ $opt{config} // {} }, HostConfig => { %host, %{ $opt{host_config} // {} } } });
	$self->api(POST => "/containers/$created->{Id}/start") unless defined $opt{start} && !$opt{start};
	return $created->{Id};
}

# Removes a container, running or not; one that is not there is fine. One that is just ending may write into the folder that
# is being emptied: the engine then fails, and succeeds when it is asked again.
sub rm {
	my ($self, $name) = @_;
	my $answer;
	wait_until(20, sub {
		$answer = $self->request(DELETE => '/containers/' . _uri($name) . '?force=1&v=1');
		return $answer->{status} != 500 || ($answer->{content} // '') !~ /unable to remove filesystem/;
	});
	croak "remove $name: $answer->{status} " . ($answer->{content} // $answer->{error} // '')
		unless $answer->{status} =~ /^(?:204|404|409)$/;
	return;
}

# All containers, stopped ones too, as GET /containers/json tells them; only those with NAME's exact name if given.
sub containers {
	my ($self, $name) = @_;
	my @all = @{ $self->api(GET => '/containers/json?all=1') };
	@all = grep { grep { $_ eq "/$name" } @{ $_->{Names} } } @all if defined $name;
	return @all;
}

# What inspect says of a container; undef when there is none.
sub inspect {
	my ($self, $name) = @_;
	my $answer = $self->request(GET => '/containers/' . _uri($name) . '/json');
	return undef if $answer->{status} == 404;
	croak "inspect $name: " . ($answer->{content} // $answer->{error}) unless $answer->{status} == 200;
	return json_decode($answer->{content});
}

# The engine's word for a container's state; '' when there is none.
sub state {
	my ($self, $name) = @_;
	my $inspect = $self->inspect($name) or return '';
	return $inspect->{State}{Status};
}

# Waits until a container is in that state; true when it got there.
sub wait_state {
	my ($self, $name, $state, $seconds) = @_;
	return wait_until($seconds // 30, sub { $self->state($name) eq $state });
}

# Removes every container.
sub clear {
	my ($self) = @_;
	for (1 .. 3) {
		my @all = $self->containers or last;
		$self->rm($_->{Id}) for @all;
	}
	return $self;
}

# The daemon stands still, and its socket still takes connections. Returns once each of its threads has stopped: the
# signal's sender is not kept that long, and on a busy machine one thread may answer meanwhile.
sub freeze {
	my ($self) = @_;
	CORE::kill('STOP', $self->{pid});
	FG::Util::wait_until(20, sub { _all_stopped($self->{pid}) }) or die "process $self->{pid} does not stop\n";
	return $self;
}
sub thaw { my ($self) = @_; CORE::kill('CONT', $self->{pid}); return $self }

# Whether no thread of the process runs: each state in /proc is T, for a dead one Z or X, or the thread is gone.
sub _all_stopped {
	my ($pid) = @_;
	for my $stat (glob "/proc/$pid/task/*/stat") {
		open my $file, '<', $stat or next;
		return 0 if (readline($file) // '') =~ /\) ([A-Z])/i && $1 !~ /[TZX]/;
	}
	return 1;
}

# Ends the daemon at once (SIGKILL). Its containers run on until it is started again: then it stops those that no
# restart policy keeps, unless daemon => {'live-restore' => true} says otherwise.
sub kill {
	my ($self) = @_;
	my $pid = delete $self->{pid} or return $self;
	CORE::kill('KILL', $pid);
	waitpid $pid, 0;
	unlink "$self->{dir}/pid";
	$self->_quit_containerd;
	return $self;
}

# Ends the daemon in order (SIGTERM); its containers stop too.
sub halt {
	my ($self) = @_;
	my $pid = delete $self->{pid} or return $self;
	FG::Util::kill_and_reap($pid, 'TERM', 30);
	unlink "$self->{dir}/pid";
	return $self;
}

# Starts it again, after kill or halt or while it runs, on the same data.
sub restart {
	my ($self) = @_;
	$self->halt if $self->{pid};
	$self->_launch;
	return $self;
}

# Ends the daemon and everything under it, and deletes its data.
sub stop {
	my ($self) = @_;
	return if $self->{owner} != $$ || $self->{gone}++;
	delete $alive{ $self->{dir} };
	if ($self->{pid}) {
		CORE::kill('CONT', $self->{pid});
		eval { $self->clear } if $self->ping;
		$self->halt;
	}
	_kill_all(_descended($self->{dir}));
	_unmount($self->{dir});
	system 'ip', 'netns', 'del', $self->{netns} if -e "/run/netns/$self->{netns}";
	File::Path::remove_tree($self->{dir}, { safe => 0, error => \my $errors });
	return;
}

sub DESTROY { my ($self) = @_; local ($@, $?, $!); $self->stop; return }

END {
	local $?;
	$_->stop for values %alive;
}

# A test that is interrupted still runs the END blocks.
for my $signal (qw(INT TERM HUP)) {
	$SIG{$signal} //= sub { exit 130 };
}

sub _launch {
	my ($self) = @_;
	my $dir = $self->{dir};
	unlink $self->{socket}, "$dir/pid";
	my @called = defined $self->{hostname} ? ('unshare', '--uts', 'sh', '-c', '/bin/busybox hostname "$0" && exec "$@"', $self->{hostname}) : ();
	my @command = ('setpriv', '--pdeathsig', 'TERM', 'nsenter', "--net=/run/netns/$self->{netns}", @called, 'dockerd',
		'--config-file', "$dir/daemon.json", '--data-root', "$dir/data", '--exec-root', "$dir/exec",
		(map { ('-H', $_) } "unix://$self->{socket}", @{ $self->{listen} }), '--pidfile', "$dir/pid");
	defined(my $pid = fork) or croak "fork: $!";
	if ($pid == 0) {
		POSIX::setsid();
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$dir/log";
		open STDERR, '>&', \*STDOUT;
		%ENV = (HOME => $dir, TMPDIR => "$dir/tmp", PATH => join(':', @{ $self->{bin} },
			qw(/usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin)), %{ $self->{env} });
		exec @command or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	my $ended;
	my $up = wait_until($self->{timeout}, sub {
		$ended = defined reap($pid);
		return $ended || (-S $self->{socket} && $self->ping);
	});
	return $self if $up && !$ended;
	delete $self->{pid} if $ended;
	my @log = split /\n/, $self->log;
	croak "engine $self->{version} " . ($ended ? 'ended' : 'does not answer') . ":\n"
		. join "\n", @log > 15 ? @log[-15 .. -1] : @log;
}

# A killed dockerd takes its containerd along; a new one must not meet the old one dying.
sub _quit_containerd {
	my ($self) = @_;
	my $file = "$self->{dir}/exec/containerd/containerd.pid";
	my $pid = slurp($file) or return;
	return unless $pid =~ /^(\d+)/;
	$pid = $1;
	wait_until(10, sub { !-d "/proc/$pid" }) or CORE::kill('KILL', $pid);
	unlink $file;
	return;
}

# The folders with this version's programs, to be put in front of PATH; none when the installed one is it.
sub _bin_folders {
	my ($version) = @_;
	my $folder = "$root/build/engines/$version";
	if (!-x "$folder/usr/sbin/dockerd") {
		local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
		my $installed = `dockerd --version 2>/dev/null` // '';
		return [] if $installed =~ /version \Q$version\E\./;
		system("$root/t/fetch-engine $version >/dev/null") == 0
			or croak "engine $version is neither installed nor to be fetched";
	}
	return ["$folder/usr/sbin", "$folder/usr/bin"];
}

sub _which {
	my ($tool) = @_;
	return grep { -x "$_/$tool" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
}

sub _command {
	my (@command) = @_;
	local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
	system(@command) == 0 or croak "@command failed";
	return;
}

sub _uri {
	my ($text) = @_;
	$text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
	return $text;
}

# Processes whose command line names the folder, and all below them: shims and what runs in containers.
sub _descended {
	my ($dir) = @_;
	my (%parent, @found);
	opendir my $proc, '/proc' or return;
	for my $pid (grep {/^\d+$/} readdir $proc) {
		next if $pid == $$;
		my $stat = slurp("/proc/$pid/stat") // next;
		$parent{$pid} = $1 if $stat =~ /^\d+ \(.*\) \S (\d+)/s;
		push @found, $pid if (slurp("/proc/$pid/cmdline") // '') =~ m{\Q$dir\E(?:/|\0)};
	}
	closedir $proc;
	my %wanted = map { $_ => 1 } @found;
	my $grew = 1;
	while ($grew) {
		$grew = 0;
		for my $pid (keys %parent) {
			next if $wanted{$pid} || !$wanted{ $parent{$pid} };
			$wanted{$pid} = $grew = 1;
		}
	}
	return keys %wanted;
}

sub _kill_all {
	my (@pids) = @_;
	CORE::kill('KILL', $_) for @pids;
	wait_until(10, sub { !grep { _running($_) } @pids });
	return;
}

sub _running {
	my ($pid) = @_;
	my $stat = slurp("/proc/$pid/stat") // return 0;
	return $stat !~ /^\d+ \(.*\) [ZX]/s;
}

sub _unmount {
	my ($dir) = @_;
	my @mounts = map { (split ' ')[4] } grep {m{ \Q$dir\E/}} split /\n/, slurp('/proc/self/mountinfo') // '';
	system 'umount', '-l', $_ for reverse @mounts;
	return;
}

# A root file system of one program and its many names.
sub _busybox_tar {
	return $busybox if defined $busybox;
	my $dir = scratch_dir();
	mkdir "$dir/$_" for qw(bin etc dev proc sys tmp root var);
	chmod 01777, "$dir/tmp";
	system('cp', '/bin/busybox', "$dir/bin/busybox") == 0 or croak 'cannot copy /bin/busybox';
	symlink 'busybox', "$dir/bin/$_" for grep { $_ ne 'busybox' } split ' ', `/bin/busybox --list`;
	spew("$dir/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
	spew("$dir/etc/group", "root:x:0:\nnogroup:x:65534:\n");
	$busybox = `tar -C $dir --owner=0 --group=0 --numeric-owner -cf - .`;
	croak 'tar failed' if $? != 0;
	File::Path::remove_tree($dir);
	return $busybox;
}

1;
