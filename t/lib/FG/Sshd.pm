# A real sshd on loopback, with keys, port and folder of its own, through which `docker system dial-stdio` reaches an engine.
#
#   my $sshd = FG::Sshd->start(engine => $engine->url);
#   $sshd->url; $sshd->files;		# for a host of the config: ssh://root@127.0.0.1:PORT and {key, known_hosts}
#   my $sshd = FG::Sshd->start(podman => $podman);	# the same as Podman's own user
#   $sshd->docker("#!/bin/sh\n…");	# what the far side runs as docker from now on; undef: the real one
package FG::Sshd;

use strict;
use warnings;
use Carp qw(croak);
use File::Path ();
use IO::Socket::INET;
use POSIX ();
use FG::Stale;
use FG::Util qw(wait_until slurp spew scratch_dir free_port kill_and_reap in_ci);

my %alive;

# For the head of a test file: skips all of it without what is needed, or fails it in CI.
sub need {
	require Test::More;
	my $why = $> != 0 ? 'sshd needs root' : !-x '/usr/sbin/sshd' ? 'no sshd here' : !which('ssh') ? 'no ssh here'
		: !which('docker') ? 'no docker command here' : return;
	Test::More::BAIL_OUT($why) if in_ci();
	return Test::More::plan(skip_all => $why);
}

sub start {
	my ($class, %opt) = @_;
	my $dir = scratch_dir();
	my $self = bless { dir => $dir, port => free_port(), engine => $opt{engine}, podman => $opt{podman}, owner => $$,
		user => $opt{podman} ? $opt{podman}->user : 'root', home => (getpwuid $>)[7] }, $class;
	$alive{$dir} = $self;
	FG::Stale::own($dir);
	mkdir "$dir/bin";
	chmod 0711, $dir;
	_keygen("$dir/host_key");
	_keygen("$dir/key");
	_keygen("$dir/other_key");
	spew("$dir/authorized", slurp("$dir/key.pub"));
	$self->know("$dir/known_hosts", "$dir/host_key");
	if ($opt{podman}) {
		symlink $opt{podman}->program, "$dir/bin/podman";
		symlink which($_), "$dir/bin/$_" for qw(newuidmap newgidmap);
	} else {
		$self->docker(undef);
	}
	return $self->up;
}

sub dir { return $_[0]{dir} }
sub port { return $_[0]{port} }
sub pid { return $_[0]{pid} }
sub url { return "ssh://$_[0]{user}\@127.0.0.1:$_[0]{port}" }
sub files { return { key => "$_[0]{dir}/key", known_hosts => "$_[0]{dir}/known_hosts" } }
sub host { my ($self, %more) = @_; return { url => $self->url, ssh => $self->files, timeout => '60s', %more } }

# Writes a file of known hosts in which this one has that key.
sub know {
	my ($self, $file, $key) = @_;
	my ($kind, $blob) = split ' ', slurp("$key.pub");
	return spew($file, "[127.0.0.1]:$self->{port} $kind $blob\n");
}

sub docker {
	my ($self, $script) = @_;
	my $file = "$self->{dir}/bin/docker";
	unlink $file;
	if (defined $script) {
		spew("$file.new", $script);
		chmod 0755, "$file.new";
		rename "$file.new", $file;
	} else {
		symlink which('docker'), $file;
	}
	return $self;
}

sub up {
	my ($self) = @_;
	my $dir = $self->{dir};
	my $podman = $self->{podman};
	my $env = $podman ? join ' ', $podman->login : "DOCKER_HOST=$self->{engine}";
	# Only this folder and a few plain tools: what is not in it is not there.
	spew("$dir/config", <<"CONFIG");
Port $self->{port}
ListenAddress 127.0.0.1
HostKey $dir/host_key
PidFile none
AuthorizedKeysFile $dir/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 10:100:10
PrintLastLog no
SetEnv PATH=$dir/bin $env
CONFIG
	mkdir '/run/sshd', 0755;
	defined(my $pid = fork) or croak "fork: $!";
	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$dir/log";
		open STDERR, '>&', \*STDOUT;
		exec $podman ? $podman->inside : (), 'setpriv', '--pdeathsig', 'KILL', '/usr/sbin/sshd', '-D', '-e', '-f', "$dir/config" or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	wait_until(30, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$self->{port}", Timeout => 2) })
		or croak "sshd does not listen:\n" . $self->log;
	return $self;
}

sub log { return slurp("$_[0]{dir}/log") // '' }

# How often somebody has logged in.
sub logins { my ($self) = @_; return scalar(() = $self->log =~ /^Accepted publickey/mg) }

# The processes that serve connections: those of sshd itself below the listening one.
sub sessions {
	my ($self) = @_;
	my (%parent, @found);
	for my $stat (glob '/proc/[0-9]*/stat') {
		my $text = slurp($stat) // next;
		$parent{$1} = $2 if $text =~ /^(\d+) \(sshd\) \S (\d+)/;
	}
	for my $pid (keys %parent) {
		my $at = $pid;
		$at = $parent{$at} while defined $at && $at != $self->{pid} && exists $parent{$at};
		push @found, $pid if defined $at && $at == $self->{pid} && $pid != $self->{pid};
	}
	return @found;
}

# Ends it and all that it serves, at once.
sub down {
	my ($self) = @_;
	my $pid = $self->{pid} or return $self;
	my @sessions = $self->sessions;
	delete $self->{pid};
	kill_and_reap($pid, 'KILL', 10);
	kill 'CONT', @sessions;
	kill 'KILL', @sessions;
	return $self;
}

sub stop {
	my ($self) = @_;
	return if $self->{owner} != $$ || $self->{gone}++;
	delete $alive{ $self->{dir} };
	$self->down;
	File::Path::remove_tree($self->{dir}) unless $ENV{FG_KEEP};
	return;
}

sub DESTROY { my ($self) = @_; local ($@, $?, $!); $self->stop; return }

END {
	local $?;
	$_->stop for values %alive;
}

sub _keygen {
	my ($file) = @_;
	system('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', $file) == 0 or croak "ssh-keygen: $?";
	return;
}

sub which {
	my ($tool) = @_;
	return (grep { -x $_ } map {"$_/$tool"} split /:/, $ENV{PATH})[0];
}

1;
