# A swarm of real engines: each in a network namespace of its own, all on one bridge, every one a manager.
#
#   my $swarm = FG::Swarm->start(qw(alpha beta gamma));	# their machines' names
#   $swarm->image('app:one', cmd => [...]);		# on each of them
#   $swarm->service(web => image => 'app:one', replicas => 2);
#   $swarm->node('gamma')->kill;
#
# A node that is lost counts as down after some seconds: the swarm's heart beats faster here than usual.
package FG::Swarm;

use strict;
use warnings;
use Carp qw(croak);
use FG::Engine;
use FG::Util qw(wait_until json_encode);

my $number = 0;
my %alive;

sub start {
	my ($class, @names) = @_;
	my $self = bless { names => \@names, net => sprintf('fgsw%d-%d', $$, $number++), owner => $$ }, $class;
	$alive{ $self->{net} } = $self;
	_command(qw(ip netns add), $self->{net});
	_command('ip', '-n', $self->{net}, qw(link add br0 type bridge));
	_command('ip', '-n', $self->{net}, qw(link set br0 up));
	my $at = 0;
	for my $name (@names) {
		my $index = ++$at;
		$self->{address}{$name} = "10.77.0.$index";
		$self->{node}{$name} = FG::Engine->start(version => '20.10', hostname => $name, image => 0,
			before => sub { $self->_plug($_[0], $index) });
	}
	$self->_join;
	return $self;
}

sub node { my ($self, $name) = @_; return $self->{node}{$name} // croak "no node $name" }
sub nodes { my ($self) = @_; return map { $self->{node}{$_} } @{ $self->{names} } }

sub image {
	my ($self, @image) = @_;
	$_->import_busybox(name => @image) for $self->nodes;
	return;
}

# service(NAME, image, replicas (1), cmd, labels, constraints, monitor => seconds (1) in which an updated task may fail,
# on => the manager that is asked, job => how many are to end well, in place of replicas): its id. Updates
# replace three at a time and pause when one fails.
sub service {
	my ($self, $name, %o) = @_;
	my $config = { Parallelism => 3, Monitor => 1_000_000_000, FailureAction => 'pause' };
	my $update = { %$config, Monitor => ($o{monitor} // 1) * 1_000_000_000 };
	my $made = $self->node($o{on} // $self->{names}[0])->api(POST => '/services/create', {
		Name => $name,
		Labels => $o{labels} // {},
		TaskTemplate => {
			ContainerSpec => { Image => $o{image}, StopGracePeriod => 1_000_000_000, $o{cmd} ? (Command => $o{cmd}) : () },
			Networks => [{ Target => 'host' }],
			RestartPolicy => { Condition => $o{job} ? 'on-failure' : 'any', Delay => 500_000_000 },
			Placement => { Constraints => $o{constraints} // [] },
		},
		$o{job}
		? (Mode => { ReplicatedJob => { MaxConcurrent => $o{job}, TotalCompletions => $o{job} } })
		: (Mode => { Replicated => { Replicas => $o{replicas} // 1 } }, UpdateConfig => $update, RollbackConfig => $config),
	});
	return $made->{ID};
}

# The tasks of a service that are wanted and run, by the manager on NODE.
sub running {
	my ($self, $name, $node) = @_;
	my $filters = json_encode({ service => [$name], 'desired-state' => ['running'] });
	$filters =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge;
	my $tasks = $self->node($node // $self->{names}[0])->api(GET => "/tasks?filters=$filters");
	return grep { $_->{Status}{State} eq 'running' } @$tasks;
}

sub wait_running {
	my ($self, $name, $count, $seconds, $node) = @_;
	return wait_until($seconds, sub { my @all = $self->running($name, $node); @all == $count });
}

sub stop {
	my ($self) = @_;
	return if $self->{owner} != $$ || $self->{gone}++;
	delete $alive{ $self->{net} };
	# What a swarm runs comes back for as long as there is a swarm.
	$_->kill for values %{ $self->{node} };
	$_->stop for values %{ $self->{node} };
	system 'ip', 'netns', 'del', $self->{net} if -e "/run/netns/$self->{net}";
	return;
}

# Before the engines' own end.
END {
	local $?;
	$_->stop for values %alive;
}

# A cable from the node's namespace to the bridge.
sub _plug {
	my ($self, $engine, $index) = @_;
	_command('ip', '-n', $self->{net}, 'link', 'add', "p$index", 'type', 'veth', 'peer', 'name', 'eth0', 'netns', $engine->netns);
	_command('ip', '-n', $self->{net}, 'link', 'set', "p$index", 'master', 'br0', 'up');
	_command('ip', '-n', $engine->netns, 'addr', 'add', "10.77.0.$index/24", 'dev', 'eth0');
	_command('ip', '-n', $engine->netns, 'link', 'set', 'eth0', 'up');
	return;
}

sub _join {
	my ($self) = @_;
	my ($first, @others) = @{ $self->{names} };
	my $address = $self->{address};
	$self->node($first)->api(POST => '/swarm/init', {
		ListenAddr => "$address->{$first}:2377", AdvertiseAddr => $address->{$first}, Spec => {} });
	my $swarm = $self->node($first)->api(GET => '/swarm');
	$self->node($first)->api(POST => "/swarm/update?version=$swarm->{Version}{Index}", { %{ $swarm->{Spec} }, Dispatcher => { HeartbeatPeriod => 1_000_000_000 } });
	for my $name (@others) {
		$self->node($name)->api(POST => '/swarm/join', {
			ListenAddr => "$address->{$name}:2377", AdvertiseAddr => $address->{$name},
			RemoteAddrs => ["$address->{$first}:2377"], JoinToken => $swarm->{JoinTokens}{Manager} });
	}
	wait_until(30, sub {
		my @ready = grep { $_->{Status}{State} eq 'ready' && ($_->{ManagerStatus}{Reachability} // '') eq 'reachable' }
			@{ $self->node($first)->api(GET => '/nodes') };
		return @ready == @{ $self->{names} };
	}) or croak 'the swarm does not come together';
	return;
}

sub _command {
	my (@command) = @_;
	local $ENV{PATH} = "$ENV{PATH}:/usr/sbin:/sbin";
	system(@command) == 0 or croak "@command failed";
	return;
}

1;
