# A server that runs as a child of the test, with a folder of its own, and ends with the one who started it.
#
#   use parent 'FG::Child';
#   my $self = $class->create(to => $socket);		# {dir}, and what it is given
#   return $self->run(relay => sub { my ($parent) = @_; … while getppid == $parent … });
#   …
#   $self->stop;					# or when nobody holds it any more
package FG::Child;

use strict;
use warnings;
use Carp qw(croak);
use File::Path ();
use POSIX ();
use FG::Util qw(scratch_dir);

sub create { my ($class, %fields) = @_; return bless { %fields, dir => scratch_dir(), owner => $$ }, $class }

# run(NAME, CODE): CODE is the child's life; what it dies of is told under that name.
sub run {
	my ($self, $name, $code) = @_;
	my $parent = $$;
	defined(my $pid = fork) or croak "fork: $!";
	if (!$pid) {
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
		$SIG{PIPE} = 'IGNORE';
		eval { $code->($parent); 1 } or print STDERR "$name: $@";
		POSIX::_exit(0);
	}
	$self->{pid} = $pid;
	return $self;
}

# Where it listens, if it does so on the socket in its folder.
sub url { return "unix://$_[0]{dir}/socket" }

sub stop {
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;
	return if $self->{owner} != $$;
	kill 'KILL', $pid;
	local ($?, $!);
	waitpid $pid, 0;
	File::Path::remove_tree($self->{dir});
	return;
}

sub DESTROY { my ($self) = @_; local ($@, $?, $!); $self->stop; return }

1;
