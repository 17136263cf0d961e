# Podman's service for tests, as FG::Engine has dockerd: with folders, a network namespace and a socket of its own.
#
#   my $podman = FG::Podman->start;
#   $podman->run(name => 'web', cmd => ['sleep', '1d']);
#   $podman->check('web');		# its healthcheck, once: nothing else runs it without systemd
#   $podman->kill;			# the service only: containers are nobody's children
#   $podman->restart;
#
#   my $user = FG::Podman->start(rootless => 1);		# run by an ordinary user, in whose namespaces all is
#   my $new = FG::Podman->start(version => '5.4');	# unpacked by t/fetch-engine; without: the installed one
#
# Both have a mount namespace of their own. A user exists only there, where also /dev/net/tun is everybody's, and no two
# engines have the same uid; what was unpacked is at /mnt.
#
# Calls, containers and images are FG::Engine's.
package FG::Podman;

use strict;
use warnings;
use parent 'FG::Engine';
use Carp qw(croak);
use Cwd ();
use File::Basename qw(dirname);
use File::Path ();
use POSIX ();
use FG::Stale;
use FG::Util qw(wait_until spew scratch_dir json_encode in_ci);

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../..');
my %alive; # folder => podman, of this process

# Why it cannot run here, or '' when it can.
sub unavailable {
	my ($class, %opt) = @_;
	return 'podman needs root' if $> != 0;
	for my $tool (qw(podman conmon runc ip nsenter setpriv), $opt{rootless} ? qw(newuidmap slirp4netns unshare) : ()) {
		return "no $tool here" unless FG::Engine::_which($tool);
	}
	return 'no busybox-static here' unless -x '/bin/busybox';
	return '' if eval { _folder($opt{version}); 1 };
	return $@ =~ s/ at \S+ line \d+\.?\s*\z//r;
}

# For the head of a test file: skips all of it when there is no Podman, or fails it in CI. As start has it: version rootless.
sub need {
	my ($class, %opt) = @_;
	require Test::More;
	my $why = $class->unavailable(%opt) or return;
	Test::More::BAIL_OUT($why) if in_ci();
	return Test::More::plan(skip_all => $why);
}

# What its configuration has to say where there is no systemd, cgroups are a hybrid of v1 and v2, and ulimits are those
# of a container.
my $conf = <<'END';
[containers]
cgroups = "enabled"
default_ulimits = ["nofile=1024:1024", "nproc=16384:16384"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
events_logfile_path = "DIR/events"
runtime = "runc"
END

# What it would look for where packages put it.
my $unpacked = <<'END';
conmon_path = ["/mnt/usr/bin/conmon"]
helper_binaries_dir = ["/mnt/usr/libexec/podman", "/mnt/usr/lib/podman", "/mnt/usr/bin"]
END

my $uid = 20000 + $$ % 2500 * 4; # and 65536 more from the number 65536 times as high

# Starts it and waits until it answers, with the image busybox:latest.
#   version   5.4; without: the installed one
#   rootless  1: as an ordinary user
#   image     0: without an image
#   timeout   seconds for each start (60)
sub start {
	my ($class, %opt) = @_;
	my $dir = scratch_dir();
	my ($netns) = $dir =~ m{([^/]+)\z};
	my $folder = _folder($opt{version});
	my $self = bless {
		version => $opt{version} // (`podman --version` =~ /([\d.]+)/ ? $1 : ''),
		folder => $folder,
		dir => $dir,
		netns => $netns,
		socket => "$dir/podman.sock",
		timeout => $opt{timeout} // 60,
		owner => $$,
		$opt{rootless} ? (uid => $uid++, socket => "$dir/tmp/podman/podman.sock") : (),
	}, $class;
	$alive{$dir} = $self;
	$self->{env} = { HOME => $opt{rootless} ? "$dir/home" : $dir, TMPDIR => "$dir/tmp", XDG_RUNTIME_DIR => "$dir/tmp",
		PATH => join(':', $folder ? '/mnt/usr/bin' : (), qw(/usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin)),
		CONTAINERS_CONF => "$dir/containers.conf", CONTAINERS_REGISTRIES_CONF => "$dir/registries.conf",
		PODMAN_IGNORE_CGROUPSV1_WARNING => 1 };
	mkdir "$dir/$_" for qw(data run tmp home);
	my $text = $conf =~ s{DIR}{$dir/data}r;
	$text .= $unpacked if $folder;
	$text =~ s/^(?:cgroups|default_ulimits) .*\n//mg if $self->{uid};
	spew("$dir/containers.conf", $text);
	spew("$dir/registries.conf", '');
	FG::Engine::_command('ip', 'netns', 'add', $netns);
	FG::Engine::_command('nsenter', "--net=/run/netns/$netns", 'ip', 'link', 'set', 'lo', 'up');
	$self->_make_namespace if $self->{uid} || $folder;
	$self->_launch;
	$self->import_busybox unless defined $opt{image} && !$opt{image};
	return $self;
}

# The user's name, and what goes before a command that is to see it.
sub user { return 'podder' }
sub inside { my ($self) = @_; return $self->{holder} ? ('nsenter', "--mount=/proc/$self->{holder}/ns/mnt") : () }

# What a login of the user's sets: where the runtime folder is, as systemd does, and this Podman's own files.
sub login { my ($self) = @_; return map {"$_=$self->{env}{$_}"} grep { $_ ne 'PATH' } sort keys %{ $self->{env} } }
sub program { return $_[0]{folder} ? '/mnt/usr/bin/podman' : '/usr/bin/podman' }

sub shared { croak 'there is no shared Podman' }

# Docker's call to import has no tags here.
sub import_busybox {
	my ($self, %opt) = @_;
	my $name = $opt{name} // 'busybox:latest';
	my @changes = ('CMD ' . json_encode($opt{cmd} // ['sh']), 'ENV PATH=/bin', map {"LABEL $_=$opt{labels}{$_}"} sort keys %{ $opt{labels} // {} });
	my $query = join '&', 'reference=' . FG::Engine::_uri($name =~ m{/} ? $name : "docker.io/library/$name"),
		map { 'changes=' . FG::Engine::_uri($_) } @changes;
	return $self->api(POST => "/v4.0.0/libpod/images/import?$query", FG::Engine::_busybox_tar(),
		headers => { 'Content-Type' => 'application/x-tar' })->{Id};
}

# Runs a container's healthcheck: Podman's word for what came of it.
sub check {
	my ($self, $name) = @_;
	return $self->api(GET => "/v4.0.0/libpod/containers/$name/healthcheck")->{Status};
}

# Ends the service at once (SIGKILL). It has no state of its own: containers run on, and what happens to them is written
# down by those who look after them.
sub kill {
	my ($self) = @_;
	my $pid = delete $self->{pid} or return $self;
	# a user's has a second one in the namespace of its own, which would go on
	CORE::kill('KILL', $pid, $self->{uid} ? grep { _serves($_) } $self->_processes : ());
	waitpid $pid, 0;
	return $self;
}

# Runs podman itself, as somebody at the machine does; true when it succeeds.
sub command {
	my ($self, @arguments) = @_;
	defined(my $pid = fork) or croak "fork: $!";
	$self->_become(@arguments) if $pid == 0;
	waitpid $pid, 0;
	return $? == 0;
}

# Ends the service and everything under it, and deletes its data.
sub stop {
	my ($self) = @_;
	return if $self->{owner} != $$ || $self->{gone}++;
	delete $alive{ $self->{dir} };
	if ($self->{pid}) {
		CORE::kill('CONT', $self->{pid});
		eval { $self->clear } if $self->ping;
		$self->halt;
	}
	FG::Engine::_kill_all(FG::Engine::_descended($self->{dir}), $self->{uid} ? $self->_processes : ());
	FG::Util::kill_and_reap($self->{holder}, 'KILL', 10) if $self->{holder};
	FG::Engine::_unmount($self->{dir});
	system 'ip', 'netns', 'del', $self->{netns} if -e "/run/netns/$self->{netns}";
	File::Path::remove_tree($self->{dir}, { safe => 0, error => \my $errors });
	return;
}

END {
	local $?;
	$_->stop for values %alive;
}

# A child turns into podman.
sub _become {
	my ($self, @arguments) = @_;
	my $dir = $self->{dir};
	POSIX::setsid();
	open STDIN, '<', '/dev/null';
	open STDOUT, '>>', "$dir/log";
	open STDERR, '>&', \*STDOUT;
	%ENV = %{ $self->{env} };
	my @as = $self->{uid} ? ('setpriv', "--reuid=$self->{uid}", "--regid=$self->{uid}", '--clear-groups') : ();
	exec 'nsenter', "--net=/run/netns/$self->{netns}", $self->inside, @as, 'setpriv', '--pdeathsig', 'TERM', 'podman',
		'--root', "$dir/data", '--runroot', "$dir/run", '--tmpdir', "$dir/tmp", '--storage-driver', 'overlay', @arguments
		or POSIX::_exit(127);
}

# A mount namespace, held by a process. With a uid there is one user more in it, with ids of its own to give to containers.
sub _make_namespace {
	my ($self) = @_;
	my ($dir, $uid, $name) = (@$self{qw(dir uid)}, $self->user);
	my @mounts = ('mount --make-rshared /', $self->{folder} ? 'mount --bind "$1" /mnt' : ());
	if ($uid) {
		chmod 0711, $dir;
		spew("$dir/passwd", FG::Util::slurp('/etc/passwd') . "$name:x:$uid:${uid}::$dir/home:/bin/sh\n");
		spew("$dir/group", FG::Util::slurp('/etc/group') . "$name:x:$uid:\n");
		spew("$dir/$_", "$name:" . $uid * 65536 . ":65536\n") for qw(subuid subgid);
		chmod 0700, "$dir/tmp";
		mkdir "$dir/tmp/podman";
		chown $uid, $uid, map {"$dir/$_"} qw(data run home tmp tmp/podman);
		FG::Engine::_command('mknod', '-m', '666', "$dir/tun", 'c', 10, 200);
		-e "/etc/$_" or spew("/etc/$_", '') for qw(subuid subgid);
		push @mounts, map {"mount --bind \"\$0/$_\" /etc/$_"} qw(passwd group subuid subgid);
		push @mounts, 'mount --bind "$0/tun" /dev/net/tun';
	}
	pipe my $made, my $out or croak "pipe: $!";
	defined(my $pid = fork) or croak "fork: $!";
	if ($pid == 0) {
		open STDOUT, '>&', $out;
		exec 'unshare', '--mount', '--propagation', 'private', 'sh', '-ec',
			join("\n", @mounts, 'echo made; exec setpriv --pdeathsig KILL sleep 1d >/dev/null'), $dir,
			($self->{folder} // '') =~ s{/usr\z}{}r or POSIX::_exit(127);
	}
	$self->{holder} = $pid;
	close $out;
	croak 'no mount namespace for podman' unless (readline($made) // '') eq "made\n";
	return;
}

# The user's processes and those of its containers' users.
sub _processes {
	my ($self) = @_;
	my $first = $self->{uid} * 65536;
	my @found;
	for my $file (glob '/proc/[0-9]*/status') {
		my ($id) = (FG::Util::slurp($file) // '') =~ /^Uid:\s+(\d+)/m or next;
		push @found, $file =~ m{(\d+)} if $id == $self->{uid} || ($id >= $first && $id < $first + 65536);
	}
	return @found;
}

sub _serves { return (FG::Util::slurp("/proc/$_[0]/cmdline") // '') =~ /\0system\0service\0/ }

# The usr folder of a version that is not the installed one.
sub _folder {
	my ($version) = @_;
	return undef unless defined $version;
	my $folder = "$root/build/engines/podman-$version";
	-x "$folder/usr/bin/podman" or system("$root/t/fetch-engine podman-$version >/dev/null") == 0
		or croak "podman $version is not to be fetched";
	return "$folder/usr";
}

sub _launch {
	my ($self) = @_;
	unlink $self->{socket};
	defined(my $pid = fork) or croak "fork: $!";
	$self->_become('system', 'service', '--time=0', "unix://$self->{socket}") if $pid == 0;
	$self->{pid} = $pid;
	my $ended;
	my $up = wait_until($self->{timeout}, sub {
		$ended = defined FG::Util::reap($pid);
		return $ended || (-S $self->{socket} && $self->ping);
	});
	return $self if $up && !$ended;
	delete $self->{pid} if $ended;
	croak 'podman ' . ($ended ? 'ended' : 'does not answer') . ":\n" . $self->log;
}

1;
