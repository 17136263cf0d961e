# What tests have left that were killed: a test that ends in any other way tidies up by itself.
#
#   FG::Stale::own($dir);	# this process is the one who tidies up that folder, and the namespace called so
#   FG::Stale::sweep();		# removes what others owned who are dead; once for each process, or 'again'
package FG::Stale;

use strict;
use warnings;
use Fcntl qw(:flock);
use File::Path ();
use FG::Util qw(slurp spew);

my $swept;

# Who a process is: a number alone is used again.
sub _who {
	my ($pid) = @_;
	my $stat = slurp("/proc/$pid/stat") // return '';
	my $since = (split ' ', $stat =~ s/^.*\) //sr)[19] // '';
	return "$pid $since " . (readlink('/proc/self/ns/pid') // '') . ' ' . (slurp('/proc/sys/kernel/random/boot_id') // '');
}

sub own { my ($dir) = @_; return spew("$dir/owner", _who($$)) }

# Another machine's processes, as seen from a container that shares the folder, cannot be judged.
sub _is_dead {
	my ($who) = @_;
	my ($pid, undef, $space, $boot) = split ' ', $who;
	my @here = split ' ', _who($$);
	return 0 unless defined $boot && $space eq $here[2];
	return $boot ne $here[3] || _who($pid) ne $who;
}

sub sweep {
	my ($again) = @_;
	return if $> != 0 || ($swept++ && !$again);
	for my $dir (grep { -d && !-l && (stat _)[4] == $> } glob '/tmp/fg[A-Za-z0-9_]*') {
		open my $owner, '<', "$dir/owner" or next;
		next unless flock $owner, LOCK_EX | LOCK_NB;	# somebody else is at it
		_remove($dir) if _is_dead(do { local $/; <$owner> } // '');
	}
	return;
}

sub _remove {
	my ($dir) = @_;
	my ($name) = $dir =~ m{([^/]+)\z};
	# What was frozen has not yet heard that its test is dead.
	FG::Engine::_kill_all(FG::Engine::_descended($dir));
	FG::Engine::_unmount($dir);
	system 'ip', 'netns', 'del', $name if -e "/run/netns/$name";
	File::Path::remove_tree($dir, { safe => 0, error => \my $errors });
	return;
}

1;
