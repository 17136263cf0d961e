# Runs once, takes long: an engine, and docker-compose twice.
# Containers as Compose files: docker-compose takes each, and what it makes of it is the container again.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Encode ();
use File::Path ();
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Util qw(in_ci scratch_dir spew slurp json_encode json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my @versions = FG::Engine->versions;
FG::Engine->need($versions[0]);
if (!grep { -x "$_/docker-compose" } split /:/, $ENV{PATH}) {
	BAIL_OUT('no docker-compose here') if in_ci();
	plan skip_all => 'no docker-compose here';
}

my ($true, $false) = (JSON::PP::true(), JSON::PP::false());
my $dir = scratch_dir();
my %shared;    # ids of containers that others share something with

# What somebody may have written into a variable, a label or a command. Each is a value, and a label's name.
my @hostile = (
	qw(yes No on OFF y n true null Null ~ = << ? ! & * | > % @ ` - : . .. .inf .nan 0 007 1e3 0x1f 1_000 1:30 12:30:45 2001-01-01),
	'#', '- a', 'a: b', 'a:', ': a', 'a #b', '#a', '? a', '&a', '*a', '!a', '{a}', '[a]', '{{.Name}}', '%a', ' a', 'a ', '"', "'", "'a'", '"a"', 'a\\', '\\n',
	'$', '$$', '$HOME', '${HOME}', '${HOME:-x}', '${', 'a$', '$(id)', "a\nb", "\n", "a\n\nb\n", "\t", "a\tb", "a\rb", "\x01", "\x1b[31m", "\x7f",
	"\x{85}", "\x{a0}", "\x{ad}", "é", "\x{2028}", "\x{202e}x", "\x{feff}x", "\x{fffd}", "\x{e000}", "😀", "\x{10fffe}", 'x' x 5000, '---', '...', '<b>&amp;',
);

# Name => what it is made from; see FG::Engine's run. `own` is the image with settings of its own.
my %containers = (
	plain => { cmd => ['sleep', '1d'] },
	words => { cmd => ['sh', '-c', 'echo "$1"', '--', @hostile] },
	strings => {
		cmd => ['true'],
		config => {
			Env => [map {"V$_=$hostile[$_]"} 0 .. $#hostile],
			Labels => { (map { ("l$_" => $hostile[$_]) } 0 .. $#hostile), (map { ("$hostile[$_]" => "k$_") } grep { $hostile[$_] ne "\n" } 0 .. $#hostile) },
		},
	},
	odd => { cmd => ['true'], config => { Env => ['EMPTY=', 'A B=c', 'a.b-c=d', 'N=012', 'TWICE=1', 'TWICE=2', "TAB\t=x", 'DOLLAR$X=1', 'é=è'] } },
	secret => {
		cmd => ['true'],
		labels => { 'app.api-key' => 'label $ecret', tier => 'web' },
		env => { DB_PASSWORD => 'env $ecret "1"', 'my.token' => 'dotted $ecret', URL => 'postgres://app:urlsecret@db/app', EMPTY_TOKEN => '', PLAIN => 'told' },
	},
	running => { cmd => ['sleep', '1d'], init => 1, start => 1 },
	own => { image => 'own:1' },
	ownwords => { image => 'own:1', cmd => ['-x'] },
	ownentry => { image => 'own:1', config => { Entrypoint => ['/bin/echo', 'own'] }, cmd => ['sleep'] },
	noentry => { image => 'own:1', config => { Entrypoint => [''] }, cmd => ['sleep', '1'] },
	sameentry => { image => 'own:1', config => { Entrypoint => ['/bin/echo'] } },
	ownother => {
		image => 'own:1',
		config => {
			User => '7:8', WorkingDir => '/tmp', StopSignal => 'SIGHUP', Healthcheck => { Test => ['NONE'] }, Env => ['OWN=other', 'SAME=same'],
			Labels => { own => 'other', same => 'same', 'io.fleetgram.notify' => 'false', 'io.fleetgram.managed' => 'true',
				'io.fleetgram.instance' => 'x', 'com.docker.compose.project' => 'x' },
			ExposedPorts => { '81/udp' => {} }, Volumes => { '/more' => {} },
		},
	},
	limits => {
		cmd => ['true'], cpus => 0.25, memory => 32 << 20, pids => 40, restart => 'on-failure:3', stop_timeout => 90, tty => 1, init => 1,
		healthcheck => { test => ['CMD', 'test', '-e', '$x'], interval => 90, timeout => 1.5, retries => 4, start_period => 3700 },
		config => { OpenStdin => $true, User => 'nobody', WorkingDir => '/w $x', Hostname => 'box', Domainname => 'example.org', MacAddress => '02:42:ac:11:00:09' },
		network => 'bridge',
		host_config => {
			MemorySwap => 48 << 20, MemoryReservation => (16 << 20) + 1, MemorySwappiness => 0, CpuShares => 512, CpusetCpus => '0', OomScoreAdj => -10, ShmSize => 128 << 20,
			ReadonlyRootfs => $true, CapAdd => ['NET_ADMIN'], CapDrop => ['ALL'], SecurityOpt => ['no-new-privileges', 'seccomp=unconfined'],
			Dns => ['10.0.0.1', '10.0.0.2'], DnsOptions => ['ndots:2'], DnsSearch => ['example.org'], ExtraHosts => ['db:10.0.0.3', 'v6:fd00::1'],
			GroupAdd => ['7', 'audio'], Sysctls => { 'net.ipv4.ip_forward' => '1' }, Ulimits => [{ Name => 'nofile', Soft => 1000, Hard => 2000 }, { Name => 'core', Soft => 0, Hard => 0 }],
			LogConfig => { Type => 'json-file', Config => { 'max-size' => '1m', 'max-file' => '3' } }, DeviceCgroupRules => ['c 1:3 mr'],
			Devices => [{ PathOnHost => '/dev/zero', PathInContainer => '/dev/nought', CgroupPermissions => 'r' }],
		},
	},
	quota => { cmd => ['true'], memory => 64 << 20, host_config => { CpuQuota => 50000, CpuPeriod => 100000, MemorySwap => -1, IpcMode => 'shareable' }, restart => 'unless-stopped' },
	host => { cmd => ['true'], network => 'host', host_config => { Privileged => $true, PidMode => 'host', IpcMode => 'host' } },
	sharing => { cmd => ['true'], network => 'container:%base%', host_config => { PidMode => 'container:%base%', IpcMode => 'container:%base%', VolumesFrom => ['base:ro'] } },
	ports => {
		cmd => ['true'], network => 'bridge',
		host_config => { PortBindings => {
			'80/tcp' => [{ HostIp => '127.0.0.1', HostPort => '18080' }, { HostPort => '18081' }],
			'53/udp' => [{ HostIp => '::1', HostPort => '15353' }], '90/tcp' => [{ HostIp => '', HostPort => '' }], '91/tcp' => [{ HostIp => '127.0.0.1', HostPort => '' }],
		} },
		config => { ExposedPorts => { map { $_ => {} } qw(80/tcp 53/udp 90/tcp 91/tcp 99/tcp) } },
	},
	networks => {
		cmd => ['true'], network => 'zoo',
		config => { NetworkingConfig => { EndpointsConfig => { zoo => { Aliases => ['lion', 'big $cat'], IPAMConfig => { IPv4Address => '10.99.1.7' } } } } },
		connect => { ape => { Aliases => ['chimp'], IPAMConfig => { IPv4Address => '10.99.2.8' } } },
	},
	mounts => {
		image => 'own:1',
		config => { Volumes => { '/anonymous' => {} } },
		host_config => {
			Binds => ['/tmp:/host', '/usr/share:/share:ro', 'named:/named', 'other.one:/other:ro,nocopy', '/tmp/$x:/dollar:rslave'],
			Tmpfs => { '/run' => 'size=1m,mode=700', '/scratch' => '' },
			Mounts => [
				{ Type => 'bind', Source => '/usr/bin', Target => '/b', ReadOnly => $true, BindOptions => { Propagation => 'rslave' } },
				{ Type => 'volume', Source => 'named', Target => '/again', VolumeOptions => { NoCopy => $true } },
				{ Type => 'volume', Target => '/nameless' },
				{ Type => 'tmpfs', Target => '/t', TmpfsOptions => { SizeBytes => 1048576 } },
			],
		},
	},
	unsaid => { cmd => ['true'], host_config => { UTSMode => 'host', SecurityOpt => ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}'], AutoRemove => $true } },
);

# What Compose has no word for.
my %left_out = (unsaid => ['its own seccomp profile', "its sharing of the host's name", 'that it is removed when it ends']);
my %variables = (secret => ['APP_API_KEY', 'DB_PASSWORD', 'MY_TOKEN', 'URL']);
my %given = (APP_API_KEY => 'label $ecret', DB_PASSWORD => 'env $ecret "1"', MY_TOKEN => 'dotted $ecret', URL => 'postgres://app:urlsecret@db/app');

sub populate {
	my ($engine) = @_;
	$engine->import_busybox(name => 'own:1', cmd => ['own', 'words'], env => { OWN => 'image', SAME => 'same' }, labels => { own => 'image', same => 'same' },
		healthcheck => '--interval=9s CMD true',
		changes => ['ENTRYPOINT ["/bin/echo"]', 'USER 5', 'WORKDIR /own', 'EXPOSE 80', 'VOLUME /own/data']);
	$engine->api(POST => '/networks/create', { Name => $$_[0], IPAM => { Config => [{ Subnet => $$_[1] }] } }) for ['zoo', '10.99.1.0/24'], ['ape', '10.99.2.0/24'];
	$engine->api(POST => '/volumes/create', { Name => $_ }) for qw(named other.one);
	File::Path::make_path('/tmp/$x');
	my $base = $engine->run(name => 'base', cmd => ['sleep', '1d'], init => 1, host_config => { IpcMode => 'shareable', Binds => ['named:/named'] });
	for my $name (sort keys %containers) {
		my %made = (start => 0, %{ json_decode(json_encode($containers{$name}) =~ s/%base%/$base/gr) });
		my $connect = delete $made{connect};
		$engine->run(name => $name, %made);
		$engine->api(POST => "/networks/$_/connect", { Container => $name, EndpointConfig => $connect->{$_} }) for sort keys %{ $connect // {} };
	}
	return;
}

# What a command of the chat gives, as it comes.
sub told { my ($engine, @words) = @_; return FG::Bot::exec_cmd({ hosts => { local => { url => $engine->url } } }, @words) }

# The file of each, by name.
sub files_of {
	my ($engine) = @_;
	my %file;
	for my $name (sort keys %containers) {
		my ($exit, $out, $err) = told($engine, '--json', 'compose', $name);
		my $data = (eval { JSON::PP->new->decode(Encode::decode_utf8($out)) } // {})->{data} // {};
		$file{$name} = Encode::encode_utf8($data->{compose} // '');
		is $exit, 0, $name or diag $err;
		is_deeply [map { [sort @{ $data->{$_} // [] }] } qw(variables left_out)], [$variables{$name} // [], $left_out{$name} // []], '… says what is not in it';
		ok !(grep { $file{$name} !~ /^#   \Q$_\E$/m } map { @{ $data->{$_} // [] } } qw(variables left_out)), '… so does the file';
	}
	return \%file;
}

# docker-compose on all the files at once; (exit code, what it said).
sub compose {
	my ($engine, $files, @words) = @_;
	my @arguments = map { ('-f', "$dir/$_.yml") } sort keys %$files;
	spew("$dir/$_.yml", $files->{$_}) for keys %$files;
	local @ENV{keys %given} = values %given;
	local @ENV{qw(DOCKER_HOST HOME TMPDIR)} = ($engine->url, $dir, $dir);
	delete local $ENV{$_} for qw(COMPOSE_FILE COMPOSE_PROJECT_NAME DOCKER_TLS_VERIFY);
	defined(my $pid = open my $out, '-|') or die "fork: $!";
	if ($pid == 0) {
		chdir $dir;
		open STDERR, '>&', \*STDOUT;
		exec 'timeout', '120', 'docker-compose', '--project-name', 'again', @arguments, @words;
	}
	my $said = join '', <$out>;
	close $out;
	return ($? >> 8, $said);
}

# Without what says nothing: null, false, 0, "", [] and {}.
sub solid {
	my ($value) = @_;
	if (ref $value eq 'HASH') {
		my %solid = map { ($_ => solid($value->{$_})) } keys %$value;
		delete $solid{$_} for grep { !defined $solid{$_} } keys %solid;
		return %solid ? \%solid : undef;
	}
	if (ref $value eq 'ARRAY') {
		return @$value ? [map { ref $_ ? solid($_) : $_ } @$value] : undef;
	}
	return !defined $value || (ref $value && !$value) || "$value" eq '' || "$value" eq '0' ? undef : "$value";
}

# What is to be the same of a container made again, in one form.
sub essence {
	my ($engine, $name) = @_;
	my $all = $engine->inspect($name) or return undef;
	my ($config, $host) = @$all{qw(Config HostConfig)};
	my $networks = $all->{NetworkSettings}{Networks};
	my $short = substr $all->{Id}, 0, 12;
	delete $config->{Hostname} if ($config->{Hostname} // '') eq $short;
	my %last = map { /^([^=]*)=/s ? ($1 => $_) : () } @{ $config->{Env} // [] };
	$config->{Env} = [sort values %last];
	delete $config->{Labels}{$_} for grep {/^com\.docker\.compose\.|^io\.fleetgram\.(?:managed|instance)$/} keys %{ $config->{Labels} // {} };
	# Compose notes there what is mounted, and engines what is mounted as a volume.
	my %taken = map { ($_ => 1) } map { (split /:/)[1] // () } @{ $host->{Binds} // [] };
	delete $config->{Volumes}{$_} for keys %taken, map { $_->{Target} } @{ $host->{Mounts} // [] };
	$host->{Binds} = [sort map { s/:rw\z//r } @{ $host->{Binds} // [] }];
	$host->{$_} = [sort @{ $host->{$_} // [] }] for qw(GroupAdd SecurityOpt);
	$host->{Mounts} = [sort { $a->{Target} cmp $b->{Target} } @{ $host->{Mounts} // [] }];
	$host->{Ulimits} = [sort { $a->{Name} cmp $b->{Name} } @{ $host->{Ulimits} // [] }];
	$host->{PortBindings}{$_} = [sort { $a->{HostPort} cmp $b->{HostPort} } @{ $host->{PortBindings}{$_} }] for keys %{ $host->{PortBindings} // {} };
	delete $host->{RestartPolicy} if ($host->{RestartPolicy}{Name} // '') =~ /^(?:no)?$/;
	$host->{NetworkMode} = 'bridge' if $host->{NetworkMode} eq 'default';
	delete @$host{qw(VolumesFrom)} if $name ne 'sharing';
	$host->{VolumesFrom} = [map { s/^[0-9a-f]{64}/base/r } @{ $host->{VolumesFrom} }] if $host->{VolumesFrom};
	$_ && s/^(container:)$shared{base}/$1base/ for @$host{qw(NetworkMode PidMode IpcMode)};
	my %attached = map {
		($_ => { IPAMConfig => $networks->{$_}{IPAMConfig}, Aliases => [sort grep { $_ ne $short && $_ ne $name } @{ $networks->{$_}{Aliases} // [] }] })
	} keys %$networks;
	delete @$config{qw(AttachStdout AttachStderr)};
	return solid({ Config => $config, HostConfig => $host, Networks => \%attached, Image => $all->{Image} });
}

my $engine = FG::Engine->start(version => $versions[0]);
populate($engine);
$shared{base} = $engine->inspect('base')->{Id};
my %before = map { ($_ => essence($engine, $_)) } keys %containers;
my $files;
subtest 'written' => sub { $files = files_of($engine) };

is $files->{plain}, <<'END', 'what is nothing special is short';
# plain on local, written down by Fleetgram.
services:
  plain:
    image: busybox:latest
    container_name: plain
    command:
      - sleep
      - "1d"
    stop_grace_period: "1s"
    network_mode: none
END
unlike join('', values %$files), qr/\$ecret|urlsecret|io\.fleetgram\.(?:managed|instance)|com\.docker\.compose/, 'no secrets, and nothing that is not the next container\'s';
like $files->{own}, qr/\A#.*\nservices:\n  own:\n    image: own:1\n    container_name: own\n    stop_grace_period: "1s"\n    network_mode: none\n\z/, 'what the image says is not said again';
unlike Encode::decode_utf8(join '', values %$files), qr/[^\n\x20-\x7e\xa1-\x{10ffff}]|[\xad\x{2000}-\x{200f}\x{2028}-\x{202f}\x{feff}]/, 'nothing is hidden in a file';
is((told($engine, 'compose', $_))[1], $files->{$_}, "$_: the terminal gets the file alone") for qw(plain secret strings);
is((told($engine, 'compose', 'none'))[0], 1, 'of none there is none');

my ($exit, $said) = compose($engine, $files, 'config', '--quiet');
is $exit, 0, 'docker-compose takes them' or diag $said;
$engine->rm($_) for keys %containers;
($exit, $said) = compose($engine, $files, 'up', '--no-start');
is $exit, 0, '… and makes containers of them' or diag $said;
# Second networks are connected before the start only.
compose($engine, $files, 'start', 'networks');
subtest 'made again' => sub {
	plan skip_all => 'they were not made' if $exit;
	delete $before{unsaid}{HostConfig}{$_} for qw(UTSMode SecurityOpt AutoRemove);
	is_deeply scalar essence($engine, $_), $before{$_}, $_ for sort keys %containers;
};
rmdir '/tmp/$x';
$engine->stop;

# Other engines tell it otherwise, and the files are the same.
for my $version (@versions[1 .. $#versions]) {
	subtest "from $version" => sub {
		my $other = FG::Engine->start(version => $version);
		populate($other);
		my $theirs = files_of($other);
		is $theirs->{$_}, $files->{$_}, $_ for sort keys %containers;
		rmdir '/tmp/$x';
		$other->stop;
	};
}

File::Path::remove_tree($dir);
done_testing;
