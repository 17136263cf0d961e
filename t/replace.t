# Takes long: a container in the place of another on real engines: what stays, what comes from the image, and every way back.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Registry;
use FG::Relay;
use FG::Scene qw(OPERATOR start_sim quick_config store_rows wait_settled no_complaints need_sqlite patient texts);
use FG::Util qw(wait_until slurp scratch_dir json_encode json_decode in_ci);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my @versions = FG::Engine->versions;
FG::Engine->need(@versions);
need_sqlite();

# Ends as soon as it is asked to.
my @obeys = ('sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done');
my $state = scratch_dir();
my ($engine, %id);

# An image of its own for each build of an application.
sub build {
	my ($build, %opt) = @_;
	return $id{$build} = $engine->import_busybox(name => "app:$build", cmd => \@obeys, labels => { build => $build }, %opt);
}

# From now on the name means this build.
sub name_means {
	my ($build, $name) = @_;
	return $engine->api(POST => "/images/$id{$build}/tag?repo=app&tag=" . ($name // 'live'));
}

sub config { return { state_dir => $state, hosts => { local => { url => $engine->url } }, update => { settle => '1s' }, @_ } }

# One command; its answer, or what it says went wrong.
sub run {
	my (@words) = @_;
	my ($exit, $out, $err) = FG::Bot::exec_cmd(config(), '--yes', @words);
	utf8::decode($_) for $out, $err;
	$err =~ s/^==\d+==WARNING: ASan .*\n//mg;
	return $exit == 0 ? $out : "failed: $err";
}

sub image_of { my $c = $engine->inspect($_[0]); return $c && $c->{Image} }

# All containers by name.
sub names { return join ' ', sort map { $_->{Names}[0] =~ s{^/}{}r } $engine->containers }

sub journal { return FG::Scene::_sqlite(undef, '-readonly', "$state/fleetgram.db", 'SELECT name, phase FROM replacements') }

# The container runs on that build, alone, and nothing is left half done.
sub only {
	my ($name, $build, $text) = @_;
	my $c = $engine->inspect($name);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $good = is names(), $name, "$text: $name alone is there";
	$good &&= is $c->{Image}, $id{$build}, '… on build ' . $build;
	$good &&= is $c->{State}{Status}, 'running', '… and runs';
	is journal(), '', '… and nothing is under way' if $good;
	return;
}

# What inspect may say otherwise of the new one. Its id and its image's, wherever they stand, are compared as <id> and <image>.
my @excepted = (
	qr{^Created$},                            # when
	qr{^State\.(?:Pid|StartedAt|FinishedAt)$},
	qr{^State\.Health\.(?:Log|FailingStreak)\b},
	qr{^ExecIDs\b},                           # a check that runs just now
	qr{^GraphDriver\b},                       # where the engine keeps its files
	qr{^ImageManifestDescriptor\b},           # of the image
	qr{^NetworkSettings\.Sandbox(?:ID|Key)$}, # of the network's other end
	qr{^NetworkSettings\.Networks\.[^.]+\.EndpointID$},
	qr{^NetworkSettings\.Networks\.net2\.MacAddress$},    # nobody asked for that one
	qr{^Config\.(?:Env|Labels\.build|Labels\.io.fleetgram\b)}, # looked at below
	qr{^HostConfig\.Mounts\.[0-9]+\.},        # an anonymous volume has to be named to come again, looked at below
	qr{^HostConfig\.Binds\.2$},
	qr{^Mounts\.[0-9]+\.Mode$},               # "z" for one that is named
	qr{^Mounts\.2\.Name$},                    # of /bare: newer engines say it only of one that is named
);

# A document as {path => value}.
sub flat {
	my ($item, $path, $out) = @_;
	$out //= {};
	if (ref $item eq 'HASH' && %$item) { flat($item->{$_}, defined $path ? "$path.$_" : $_, $out) for keys %$item }
	elsif (ref $item eq 'ARRAY' && @$item) { flat($item->[$_], "$path.$_", $out) for 0 .. $#$item }
	else { $out->{$path} = ref $item eq 'HASH' ? '{}' : ref $item eq 'ARRAY' ? '[]' : $item // 'null' }
	return $out;
}

sub seen {
	my ($c) = @_;
	$c->{Mounts} = [sort { $a->{Destination} cmp $b->{Destination} } @{ $c->{Mounts} }];
	my $text = json_encode($c);
	my $short = substr $c->{Id}, 0, 12;
	$text =~ s/$c->{Image}/<image>/g;
	$text =~ s/$c->{Id}/<id>/g;
	$text =~ s/$short/<id>/g;
	return flat(json_decode($text));
}

sub differences {
	my ($before, $after) = @_;
	my %all = (%$before, %$after);
	return map { "$_: " . ($before->{$_} // '(absent)') . ' → ' . ($after->{$_} // '(absent)') } grep {
		my $path = $_;
		($before->{$path} // '(absent)') ne ($after->{$path} // '(absent)') && !grep { $path =~ $_ } @excepted;
	} sort keys %all;
}

# A container with much that a careless copy would lose.
sub unusual {
	my ($image, $modern) = @_;
	my %network = (
		net1 => { Aliases => ['front', 'www'], IPAMConfig => { IPv4Address => '10.91.0.77' }, $modern ? (MacAddress => '02:42:aa:bb:cc:dd') : () },
		net2 => { Aliases => ['back'], IPAMConfig => { IPv4Address => '10.92.0.88' } },
	);
	my %body = (
		Image => $image, Cmd => ['sh', '-c', 'echo once >> /anon/data; echo once >> /named/data; trap "exit 0" TERM; while :; do sleep 1000 & wait; done'],
		Hostname => 'unusual-host', Domainname => 'example.org', User => '0:0', WorkingDir => '/tmp', StopSignal => 'SIGTERM', StopTimeout => 7,
		Env => ['COLOR=red', 'EMPTY=', 'MODE=own'], Labels => { tier => 'web', 'com.example.note' => "two\nlines" }, Tty => JSON::PP::true(), OpenStdin => JSON::PP::true(),
		ExposedPorts => { '8080/tcp' => {}, '9090/udp' => {} }, Volumes => { '/anon' => {} }, $modern ? () : (MacAddress => '02:42:aa:bb:cc:dd'),
		Healthcheck => { Test => ['CMD-SHELL', 'true'], Interval => 1_000_000_000, Timeout => 2_000_000_000, Retries => 5, StartPeriod => 1_000_000_000 },
		HostConfig => {
			Binds => ['named:/named', '/etc/hostname:/host-name:ro', '/bare'], Tmpfs => { '/scratch' => 'size=1m' },
			Mounts => [{ Type => 'tmpfs', Target => '/mt' }, { Type => 'volume', Target => '/am' }],
			CapAdd => ['NET_ADMIN'], CapDrop => ['MKNOD'], CgroupParent => '', CpuShares => 512, CpusetCpus => '0', NanoCpus => 500_000_000,
			Memory => 64 << 20, MemoryReservation => 32 << 20, MemorySwap => 96 << 20, PidsLimit => 77, OomScoreAdj => 100, BlkioWeight => 0,
			Dns => ['10.91.0.1'], DnsOptions => ['ndots:2'], DnsSearch => ['example.org'], ExtraHosts => ['db:10.91.0.5'], GroupAdd => ['7'],
			Devices => [{ PathOnHost => '/dev/null', PathInContainer => '/dev/xnull', CgroupPermissions => 'rw' }], DeviceCgroupRules => ['c 1:3 r'],
			Init => JSON::PP::true(), IpcMode => 'shareable', LogConfig => { Type => 'json-file', Config => { 'max-size' => '1m', 'max-file' => '2' } },
			NetworkMode => 'net1', PortBindings => { '8080/tcp' => [{ HostIp => '127.0.0.1', HostPort => '18080' }] }, ReadonlyRootfs => JSON::PP::true(),
			RestartPolicy => { Name => 'on-failure', MaximumRetryCount => 3 }, SecurityOpt => ['no-new-privileges'], ShmSize => 8 << 20,
			Sysctls => { 'net.core.somaxconn' => '512' }, Ulimits => [{ Name => 'nofile', Soft => 1000, Hard => 2000 }], PublishAllPorts => JSON::PP::false(),
		},
		NetworkingConfig => { EndpointsConfig => { net1 => $network{net1} } },
	);
	my $id = $engine->api(POST => '/containers/create?name=odd', \%body)->{Id};
	$engine->api(POST => '/networks/net2/connect', { Container => $id, EndpointConfig => $network{net2} });
	$engine->api(POST => "/containers/$id/start");
	return;
}

sub volume_at { my ($c, $place) = @_; my ($v) = grep { $_->{Destination} eq $place } @{ $c->{Mounts} }; return $v }

sub whole {
	my ($version) = @_;
	my $why = FG::Registry->unavailable;
	if ($why) { in_ci() ? BAIL_OUT($why) : plan(skip_all => $why) }
	my $registry = FG::Registry->start($engine);
	build(1, env => { BUILD => 1, MODE => 'image' }, changes => ['VOLUME /data', 'EXPOSE 7070']);
	build(2, env => { BUILD => 2, MODE => 'image' }, changes => ['VOLUME /data', 'EXPOSE 7070']);
	$registry->push($id{$_}, "app:$_") for 1, 2;
	$registry->push($id{1}, 'app:live');
	my $image = $registry->ref('app:live');
	$engine->api(POST => "/images/create?fromImage=$image");
	unusual($image, $version ne '20.10');
	ok wait_until(30, sub { ($engine->inspect('odd')->{State}{Health}{Status} // '') eq 'healthy' }), 'a container with many options is healthy';
	my $before = $engine->inspect('odd');
	$registry->point('app:live', 'app:2');
	like run(update => 'odd'), qr/^✅ odd updated/, 'updated';
	my $after = $engine->inspect('odd');
	isnt $after->{Id}, $before->{Id}, 'it is another container';
	isnt $after->{Image}, $before->{Image}, '… of another image';
	my @all = differences(seen($before), seen($after));
	is scalar @all, 0, 'and else the same in all that inspect shows' or diag join "\n", @all;
	is_deeply [sort @{ $after->{Config}{Env} }], [sort 'COLOR=red', 'EMPTY=', 'MODE=own', 'BUILD=2', 'PATH=/bin'],
		'its own environment, and the new image\'s';
	is $after->{Config}{Labels}{build}, 2, 'the new image\'s label';
	is $after->{State}{Health}{Status}, 'healthy', 'it is healthy';
	for my $place (qw(/anon /bare /am /data /named)) {
		is volume_at($after, $place)->{Source}, volume_at($before, $place)->{Source}, "the volume at $place";
	}
	is slurp(volume_at($after, $_)->{Source} . '/data'), "once\nonce\n", "… with what was in it at $_" for qw(/anon /named);
	my $second = $engine->inspect('odd');
	$registry->point('app:live', 'app:1');
	like run(update => 'odd'), qr/^✅ odd updated/, 'updated once more';
	my $third = $engine->inspect('odd');
	@all = differences(seen($second), seen($third));
	is scalar @all, 0, '… and the same again' or diag join "\n", @all;
	is volume_at($third, '/anon')->{Name}, volume_at($before, '/anon')->{Name}, '… with its anonymous volume';
	is scalar(grep { $_->{Name} ne 'named' } @{ $engine->api(GET => '/volumes')->{Volumes} }), 4, 'and no volume more than before';
	is names(), 'odd', 'nothing else is left';
	$registry->stop;
	$engine->clear;
	return;
}

sub states {
	build($_) for qw(one two);
	name_means('one');
	$engine->run(name => 'web', image => 'app:live', start => 0);
	name_means('two');
	like run(update => 'web'), qr/^✅ web updated/, 'one that was never started';
	is $engine->state('web'), 'created', '… is not started';
	$engine->api(POST => '/containers/web/start');
	$engine->api(POST => '/containers/web/pause');
	name_means('one');
	like run(update => 'web'), qr/^✅ web updated/, 'a paused one';
	is $engine->state('web'), 'paused', '… is paused again';
	is image_of('web'), $id{one}, '… on the other image';
	$engine->rm('web');
	$engine->run(name => 'web', image => 'app:live', network => 'net1');
	$engine->api(POST => '/networks/net2/connect', { Container => 'web', EndpointConfig => { Aliases => ['other'] } });
	$engine->api(POST => '/networks/net1/disconnect', { Container => 'web' });
	name_means('two');
	like run(update => 'web'), qr/^✅ web updated/, 'one that has left its first network';
	my $networks = $engine->inspect('web')->{NetworkSettings}{Networks};
	is join(' ', sort keys %$networks), 'net2', '… is in the other one alone';
	is_deeply [grep {/other/} @{ $networks->{net2}{Aliases} }], ['other'], '… by its alias';
	name_means('one');
	$engine->rm('web');
	$engine->run(name => 'web', image => 'app:live', host_config => { AutoRemove => JSON::PP::true() });
	name_means('two');
	my $id = $engine->inspect('web')->{Id};
	like run(update => 'web'), qr/^failed: .*started with --rm and would be gone/, 'one that goes by itself is refused';
	is $engine->inspect('web')->{Id}, $id, '… and left alone';
	$engine->rm('web');
	return;
}

# One that cannot be replaced by what the name means now is as it was, and the error says why.
sub back {
	my ($text, $error, %opt) = @_;
	name_means('one');
	$engine->run(name => 'web', image => 'app:live', restart => 'always', config => { Volumes => { '/kept' => {} } }, %{ $opt{with} // {} });
	my $before = $engine->inspect('web');
	FG::Util::spew(volume_at($before, '/kept')->{Source} . '/data', 'precious');
	$opt{meanwhile}->() if $opt{meanwhile};
	name_means($opt{build} // 'two');
	like run(update => 'web'), $error, "$text: told";
	only(web => 'one', $text);
	my $after = $engine->inspect('web');
	is $after->{Id}, $before->{Id}, '… and the very same container';
	is $after->{HostConfig}{RestartPolicy}{Name}, 'always', '… with its restart policy';
	is slurp(volume_at($after, '/kept')->{Source} . '/data'), 'precious', '… and what was in its volume';
	$engine->rm('web');
	return;
}

sub rollbacks {
	build(exits => cmd => ['sh', '-c', 'echo one; echo the disk is on fire >&2; exit 3']);
	build(missing => cmd => ['/no/such/program']);
	build(sick => healthcheck => '--interval=1s --retries=2 CMD echo I feel sick; exit 1');
	back('a new image that exits', qr/keeps ending with code 3; .*the disk is on fire.*; the old one is back and runs/, build => 'exits');
	back('one that never becomes healthy', qr/unhealthy: its check says I feel sick.*the old one is back and runs/, build => 'sick');
	back('one without its program', qr/does not start: .*no such file.*the old one is back and runs/, build => 'missing');
	my $folder = scratch_dir();
	back('a folder that has vanished', qr/cannot be made: .*does not exist.*the old one is as it was/,
		with => { host_config => { Mounts => [{ Type => 'bind', Source => $folder, Target => '/f' }] } }, meanwhile => sub { rmdir $folder });
	return;
}

sub dependants {
	name_means('one');
	my $id = $engine->run(name => 'web', image => 'app:live', network => 'bridge');
	$engine->run(name => 'side', network => "container:$id", cmd => \@obeys, labels => { keep => 'this' });
	$engine->run(name => 'watch', host_config => { PidMode => "container:$id" }, cmd => \@obeys, start => 0);
	name_means('two');
	like run(update => 'web'), qr/^✅ web updated/, 'one whose network another one shares';
	my $new = $engine->inspect('web')->{Id};
	my $side = $engine->inspect('side');
	is $side->{HostConfig}{NetworkMode}, "container:$new", '… which shares that of the new one';
	is $side->{State}{Status}, 'running', '… and runs';
	is $side->{Config}{Labels}{keep}, 'this', '… as it was';
	is $engine->inspect('watch')->{HostConfig}{PidMode}, "container:$new", 'a stopped one can be started again';
	is $engine->state('watch'), 'created', '… and was not';
	is names(), 'side watch web', 'nothing else is there';
	my $started = $engine->inspect('side')->{State}{StartedAt};
	name_means('exits');
	like run(update => 'web'), qr/old one is back and runs/, 'when it is put back';
	is $engine->inspect('web')->{Id}, $new, '… it is the same';
	isnt $engine->inspect('side')->{State}{StartedAt}, $started, '… and the other one was restarted for it';
	is $engine->state('side'), 'running', '… and runs';
	$engine->api(POST => "/containers/$_/stop?t=1") for qw(side web);
	for my $build (qw(one two)) {
		name_means($build);
		like run(update => 'web'), qr/^✅ web updated/, 'a stopped one';
		$new = $engine->inspect('web')->{Id};
		is $engine->inspect('side')->{HostConfig}{NetworkMode}, "container:$new", '… is followed by one that was stopped with it';
		is $engine->inspect('watch')->{HostConfig}{PidMode}, "container:$new", '… and by one that never ran';
		isnt $engine->state($_), 'running', "… and $_ does not run" for qw(web side watch);
	}
	$engine->api(POST => "/containers/$_/start") for qw(web side);
	$engine->rm('watch');
	$engine->rm('side');
	name_means('two');
	$engine->run(name => 'aside', network => "container:$new", image => 'app:live', labels => { 'com.docker.compose.image' => $id{two} });
	$engine->run(name => 'zside', network => "container:$new", image => 'app:live');
	name_means('one');
	$engine->api(POST => '/containers/web/rename?name=mid');
	my $answer = run(update => '*');
	like $answer, qr/3 containers updated/, 'all of them at once';
	$new = $engine->inspect('mid')->{Id};
	for my $name (qw(aside zside)) {
		my $c = $engine->inspect($name);
		is $c->{HostConfig}{NetworkMode}, "container:$new", "$name shares with the new one";
		is "$c->{Image} $c->{State}{Status}", "$id{one} running", '… and is new itself';
	}
	is $engine->inspect('aside')->{Config}{Labels}{'com.docker.compose.image'}, $id{one}, 'Compose finds the image that it would use';
	is names(), 'aside mid zside', 'nothing else is there';
	$engine->clear;
	return;
}

# From here on a bot, an instance `web`, and a relay that ends the bot at a request.

my ($sim, $relay, $bot);

sub start_bot {
	$sim = start_sim();
	$relay = FG::Relay->start($engine->socket);
	$bot = FG::Bot->start(config => bot_config());
	$bot->wait_ready;
	name_means('one');
	like ask('/create web app', qr/created|failed/), qr/web is created/, 'an instance';
	return;
}

sub bot_config {
	my ($settle) = @_;
	return quick_config($sim, { local => { url => $relay->url, timeout => '60s' } },
		templates => { app => { image => 'app:live', network_mode => 'none', restart => 'always', stop_timeout => '2s', pull => 'never' } },
		confirm => { always => ['remove'] }, update => { settle => $settle // '1s' }, state_dir => $state, shutdown_grace => '1s');
}

sub ask {
	my ($text, $match) = @_;
	my $answer = $sim->ask(user => OPERATOR, text => $text, match => $match, timeout => patient(30));
	return $answer ? $answer->{text} : '(no answer)';
}

sub build_now { my ($image) = (image_of('web') // ''); my ($build) = grep { $id{$_} eq $image } sort keys %id; return $build // "($image)" }

# After whatever happened: one container `web`, which runs, on one of the two builds, as the registry says, and nothing under way.
sub settled {
	my ($text, @builds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok wait_until(patient(30), sub { journal() eq '' && names() eq 'web' && $engine->state('web') eq 'running' }), "$text: web alone is there, and runs"
		or diag names(), ' ', $engine->state('web'), ' ', journal(), "\n", $bot->log;
	my $now = build_now();
	ok scalar(grep { $_ eq $now } @builds), "… on build $now (@builds)";
	my $c = $engine->inspect('web');
	is $c->{HostConfig}{RestartPolicy}{Name}, 'always', '… with its restart policy';
	my @rows = map { json_decode($_->{doc}) } store_rows($bot, 'SELECT doc FROM instances');
	is scalar @rows, 1, '… the registry has one instance';
	is "$rows[0]{name} $rows[0]{container_id} $rows[0]{state}", "web $c->{Id} running", '… which is this one';
	is scalar(grep { $_->{what} =~ /missing|renamed|adopted/ } @{ $rows[0]{history} }), 0, '… and nothing has happened to it in between';
	return;
}

# Kills the bot at a request of an update, and starts it again.
sub killed_at {
	my ($request, $phase, @builds) = @_;
	my $from = build_now();
	my $to = $from eq 'one' ? 'two' : 'one';
	name_means($to);
	my $seq = $sim->last_seq;
	$relay->forget->kill_at($bot->pid, $request, $phase);
	$sim->say(user => OPERATOR, text => '/update web');
	ok $relay->wait_hit(patient(30)), 'the moment came' or return $relay->call_off;
	is $bot->wait_exit, 137, 'and it was its end';
	$bot->restart->wait_ready;
	settled("$phase $request", "$request" =~ /DELETE/ ? $to : $from);
	my $told = $sim->wait_message(chat => OPERATOR, after => $seq, match => qr/Interrupted/, timeout => patient(30));
	like $told->{text} // '', qr/^• web: running(?:, made again)?$/m, 'what is told is how it is now';
	ok wait_settled($bot), 'nothing is left undone';
	return;
}

sub crashes {
	my %step = (
		'the new one is made' => qr{^POST .*/create},
		'the restart policy is suspended' => qr{^POST .*/update\b},
		'the old one is stopped' => qr{^POST .*/stop},
		'the old one is put aside' => qr{^POST .*/rename\?name=web\.old},
		'the new one takes the name' => qr{^POST .*/rename\?name=web$},
		'the new one is started' => qr{^POST .*/start$},
		'the old one is removed' => qr{^DELETE},
	);
	for my $what (sort keys %step) {
		for my $phase (qw(before after)) {
			subtest "$phase $what" => sub { killed_at($step{$what}, $phase) };
		}
	}
	return;
}

# An update is under way, the new one runs, and the old one waits aside.
sub under_way {
	my ($code) = @_;
	my $from = build_now();
	my $to = $from eq 'one' ? 'two' : 'one';
	my $old = $engine->inspect('web')->{Id};
	name_means($to);
	$relay->forget;
	$code->();
	my $new = '';
	ok wait_until(patient(30), sub {
		my $c = $engine->inspect('web');
		$new = $c->{Id} if $c && $c->{Id} ne $old && $c->{State}{Running};
		return $new;
	}), 'the new one runs';
	# What it was like before the first look nobody can say: an engine lost before that would have begun the settle time anew.
	ok wait_until(patient(30), sub { 5 <= grep { m{^GET \S+/containers/$new/json} } $relay->requests }), '… and is looked at again and again';
	like names(), qr/^web web\.old-[0-9a-f]{8}$/, '… and the old one is aside';
	return ($from, $to);
}

sub interrupted {
	# The settle time is long enough to be in the middle of it for sure.
	$bot->configure(bot_config('60s'))->restart->wait_ready;
	my $update = sub { $sim->say(user => OPERATOR, text => '/update web') };
	subtest 'killed while it is put back, and again' => sub {
		my ($from) = under_way($update);
		for my $request (qr{^POST .*/stop}, qr{^DELETE}, qr{^POST .*/rename}, qr{^POST .*/start}) {
			$relay->forget;
			$bot->kill9;
			$bot->restart;
			$relay->kill_at($bot->pid, $request, 'after');
			ok $relay->wait_hit(patient(30)), "killed after $request";
			$bot->wait_exit;
		}
		$bot->restart->wait_ready;
		settled('in the end', $from);
	};
	subtest 'the bot is stopped' => sub {
		my ($from) = under_way($update);
		is $bot->stop, 0, 'in order';
		is names(), 'web', 'the old one is back before it ends';
		is build_now(), $from, '… on its build';
		$bot->restart->wait_ready;
		settled('after the next start', $from);
	};
	subtest 'stopped by hand before anything was done to it' => sub {
		my $from = build_now();
		name_means($from eq 'one' ? 'two' : 'one');
		$relay->forget->kill_at($bot->pid, qr{^POST .*/create}, 'after');
		$update->();
		ok $relay->wait_hit(patient(30)), 'the new one was made, and the bot killed';
		$bot->wait_exit;
		$engine->api(POST => '/containers/web/stop?t=1');
		$bot->restart->wait_ready;
		ok wait_until(patient(30), sub { journal() eq '' }), 'it is undone';
		is names(), 'web', '… the new one is gone';
		is $engine->state('web'), 'exited', '… and the old one is what somebody made of it';
		ok wait_settled($bot), '… which is told';
		like ask('/up web', qr/started|failed|⚠️/), qr/started/, 'until it is started again';
		settled('then', $from);
	};
	subtest 'the engine is lost' => sub {
		my ($from) = under_way($update);
		$engine->kill;
		$engine->restart;
		settled('when it is back', $from);
	};
	subtest 'somebody takes the new one away' => sub {
		my ($from) = under_way($update);
		$engine->rm('web');
		settled('the old one comes back', $from);
	};
	subtest 'somebody takes the old one away' => sub {
		my ($from, $to) = under_way($update);
		my ($old) = names() =~ /(web\.old\S+)/;
		$engine->rm($old);
		$engine->api(POST => '/containers/web/kill');
		ok wait_until(patient(30), sub { journal() eq '' }), 'the end';
		is names(), 'web', 'the new one stays';
		is build_now(), $to, '… since there is no other';
		$bot->restart->wait_ready;
	};
	wait_settled($bot);
	return;
}

# A command of its own beside the bot.
sub beside {
	my $config = $bot->dir . '/beside.json';
	FG::Util::spew($config, json_encode({ %{ bot_config('5s') }, http => { listen => '' } }));
	my $exec;
	my (undef, $to) = under_way(sub { $exec = FG::Bot->start(text => slurp($config), args => ['exec', '--yes', '--', 'update', 'web']) });
	$exec->signal('STOP');
	$bot->restart->wait_ready;
	like $sim->ask(user => OPERATOR, text => '/list', match => qr/web/, timeout => patient(20))->{text}, qr/web\.old/, 'the bot looks at all there is';
	like names(), qr/^web web\.old/, '… and leaves it alone while the other one lives';
	my @two = split / /, names();
	name_means('exits');
	for my $name (@two) {
		like run(update => $name), qr/^failed: .*just being replaced/s, "$name is not replaced meanwhile";
		like run(remove => $name), qr/^failed: .*just being replaced/s, '… and not removed';
	}
	is names(), "@two", '… so that both are there';
	$exec->signal('CONT');
	is $exec->wait_exit(60), 0, 'which ends well';
	settled('then', $to);
	my ($from) = under_way(sub { $exec = FG::Bot->start(text => slurp($config), args => ['exec', '--yes', '--', 'update', 'web']) });
	$exec->kill9;
	$bot->restart->wait_ready;
	settled('when it was killed', $from);
	return;
}

# The new one is no good, and the engine does not let go of it.
sub leftover {
	my $from = build_now();
	my $old = $engine->inspect('web')->{Id};
	$bot->configure(bot_config('1s'))->restart->wait_ready;
	name_means('exits');
	$relay->forget->refuse(qr{^DELETE}, 500, 'device or resource busy');
	like ask('/update web', qr/code 3/), qr/the old one is back, the new one is left: web\.new-[0-9a-f]{8} cannot be removed: .*busy/, 'told';
	$relay->call_off;
	like names(), qr/^web web\.new-[0-9a-f]{8}$/, 'the new one has its first name again';
	my $c = $engine->inspect('web');
	is $c->{Id}, $old, '… and the old one its own';
	is "$c->{State}{Status} $c->{HostConfig}{RestartPolicy}{Name}", 'running always', '… and it runs as before';
	is journal(), '', '… and nothing is under way';
	$engine->rm((split / /, names())[1]);
	return;
}

for my $version (@versions) {
	$engine = FG::Engine->start(version => $version);
	$engine->api(POST => '/networks/create', { Name => "net$_", IPAM => { Config => [{ Subnet => "10.9$_.0.0/24" }] } }) for 1, 2;
	subtest "$version: the whole inspect" => sub { whole($version) };
	next if $version ne $versions[0];
	subtest 'stopped, paused, --rm' => \&states;
	subtest 'back to the old one' => \&rollbacks;
	subtest 'what shares its namespaces' => \&dependants;
	start_bot();
	subtest 'a crash' => \&crashes;
	subtest 'in the middle of it' => \&interrupted;
	subtest 'one beside the bot' => \&beside;
	subtest 'one that stays in the way' => \&leftover;
	no_complaints($sim);
	$bot->stop_ok;
}

done_testing;
