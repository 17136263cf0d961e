# A network of a test's own: with this in its head the file begins anew in a network namespace in which nothing is, and
# all that it starts is in there. What it does to its network harms nobody, and is gone when the last of them ends.
#
#   use FG::Alone;					# before anything that starts something
#   my $cable = FG::Alone->cable($engine->netns, 1);	# to an engine's namespace: 10.78.1.1 here, 10.78.1.2 there
#   my $cut = FG::Alone->cut(far => $engine->netns, address => '10.78.1.2');	# packets vanish in both directions,
#   my $cut = FG::Alone->cut(port => $sshd->port);	# … on loopback
#   $cut->heal;						# or when nobody holds it any more
package FG::Alone;

use strict;
use warnings;
use Carp qw(croak);

sub import {
	my $now = readlink '/proc/self/ns/net';
	my $before = delete $ENV{FG_ALONE};
	return if $^C || $> != 0;	# only compiled; or what needs root says so
	return _command(qw(ip link set lo up)) if defined $before && $before ne $now;
	$ENV{FG_ALONE} = $now;
	exec 'unshare', '--net', $^X, (map {"-I$_"} grep { !ref } @INC), $0, @ARGV or croak "unshare: $!";
}

# Both ends have addresses, and are up; the other one is eth0.
sub cable {
	my ($class, $netns, $number) = @_;
	_command('ip', 'link', 'add', "fg$number", 'type', 'veth', 'peer', 'name', 'eth0', 'netns', $netns);
	_command('ip', 'addr', 'add', "10.78.$number.1/24", 'dev', "fg$number");
	_command('ip', 'link', 'set', "fg$number", 'up');
	_command('ip', '-n', $netns, 'addr', 'add', "10.78.$number.2/24", 'dev', 'eth0');
	_command('ip', '-n', $netns, 'link', 'set', 'eth0', 'up');
	return;
}

# They vanish where they arrive: whoever sends them learns nothing of it.
sub cut {
	my ($class, %what) = @_;
	my @rules = $what{port}
		? map { [qw(iptables -w), undef, qw(INPUT -i lo -p tcp), "--$_", $what{port}, qw(-j DROP)] } qw(sport dport)
		: ([qw(iptables -w), undef, 'INPUT', '-s', $what{address}, qw(-j DROP)],
		['nsenter', "--net=/run/netns/$what{far}", qw(iptables -w), undef, 'INPUT', '-d', $what{address}, qw(-j DROP)]);
	my $self = bless { rules => \@rules, owner => $$ }, $class;
	$self->_rules('-I');
	return $self;
}

sub heal { my ($self) = @_; $self->_rules('-D') unless $self->{healed}++; return }

sub DESTROY {
	my ($self) = @_;
	return if $self->{owner} != $$;
	local ($@, $?, $!);
	eval { $self->heal };
	return;
}

sub _rules {
	my ($self, $do) = @_;
	_command(map { $_ // $do } @$_) for @{ $self->{rules} };
	return;
}

sub _command {
	my (@command) = @_;
	local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
	system(@command) == 0 or croak "@command failed";
	return;
}

1;
