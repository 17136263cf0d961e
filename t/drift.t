# Runs sanitized, takes long: instances are limited, changed by hand, by the config and from outside, and applied, on real engines.
# Limits in the cgroup; what /drift, /status, the registry and the engine say of the same instance; /apply.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Sim;
use FG::Talk;
use FG::Util qw(wait_until slurp json_encode json_decode in_ci);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
unless (FG::Sim->find_bin) {
	BAIL_OUT('no Bot API simulator was built') if in_ci();
	plan skip_all => 'no Bot API simulator was built';
}

my $patience = FG::Bot->sanitized ? 3 : 1;
my $engine = FG::Engine->start(version => $version);
$engine->import_busybox(name => 'app:1', env => { FROM => 'image' }, changes => ['VOLUME /data', 'WORKDIR /srv']);
$engine->api(POST => '/networks/create', { Name => $_ }) for qw(front back);

my $true = JSON::PP::true();
my %web = (
	image => 'app:1', command => 'sleep 1d', init => $true, network_mode => 'none', stop_timeout => '1s',
	env => { GREETING => 'hello', TOKEN => 'first' }, labels => { who => '${WHO}' }, volumes => ['/keep'],
	limits => { memory => '64m', cpus => 0.5, pids => 50 }, parameters => { WHO => { default => 'nobody' } },
);
my %calm = (image => 'busybox', command => ['sleep', '1d'], init => $true, networks => ['front'], stop_timeout => '1s');
my $talk = FG::Talk->start(
	users => [{ id => 1, name => 'ops', role => 'admin' }, { id => 2, name => 'looker', role => 'viewer' }],
	hosts => { local => { url => $engine->url } },
	templates => { web => \%web, calm => \%calm },
	update => { settle => '1s' },
	health => { refresh => '1s' },
);
my $bot = $talk->bot;

# One command as the local operator: its data, and the text and exit code it came with.
sub run_command {
	my (@words) = @_;
	my ($exit, $out, $err) = FG::Bot::exec_cmd($bot->config_file, '--yes', '--json', @words);
	my $answer = eval { json_decode($out) } // {};
	return { exit => $exit, data => $answer->{data}, text => $answer->{text} // '', err => ($answer->{error} // '') . $err };
}

sub reload {
	my (%templates) = @_;
	my $mark = $bot->log_mark;
	$bot->configure({ %{ $bot->{config} }, templates => \%templates });
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, 20, $mark), 'the config changes';
	return;
}

sub status_of {
	my ($name) = @_;
	my ($row) = grep { $_->{name} eq $name } @{ $bot->json('/status')->{instances} };
	return $row // {};
}

sub status_becomes {
	my ($name, $config) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok(wait_until(20 * $patience, sub { (status_of($name)->{config} // '') eq $config }), "/status says $config of $name")
		|| diag explain status_of($name);
}

sub document {
	my ($name) = @_;
	my (undef, $out) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'registry', 'export']);
	my ($doc) = grep { $_->{name} eq $name } @{ json_decode($out)->{instances} };
	return $doc // {};
}

# What /drift says of one, as {field => "want → have"}.
sub drift_of {
	my ($name) = @_;
	my ($row) = grep { $_->{name} eq $name } @{ run_command('drift')->{data} // [] };
	return { config => $row ? $row->{config} : '(none)' } unless $row && @{ $row->{differences} };
	return { map { my $d = $_; ($d->{field} => join ' → ', map { $_ // 'none' } @$d{qw(want have)}) } @{ $row->{differences} } };
}

sub drift_is {
	my ($name, $differences, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $got = drift_of($name);
	return is_deeply($got, $differences // { config => 'in-sync' }, $what // "/drift of $name") || diag explain $got;
}

sub id_of { return ($engine->inspect($_[0]) // {})->{Id} // '' }

# What the kernel holds a container to, whichever cgroups it has: bytes, CPUs, processes.
sub cgroup {
	my ($name) = @_;
	my $pid = $engine->inspect($name)->{State}{Pid};
	my %path = map { /^\d+:([^:]*):(.*)$/ ? ($1 => $2) : () } split /\n/, slurp("/proc/$pid/cgroup") // '';
	my ($own) = grep { defined && -e "/sys/fs/cgroup/$_" } $path{''};
	my $value = sub {
		my ($controller, $v1, $v2) = @_;
		my ($named) = grep { grep { $_ eq $controller } split /,/ } keys %path;
		my $text = defined $named ? slurp("/sys/fs/cgroup/$controller$path{$named}/$v1") : slurp("/sys/fs/cgroup$path{''}/$v2");
		return ($text // '(none)') =~ s/\s+\z//r;
	};
	my $cpu = defined +(grep { grep { $_ eq 'cpu' } split /,/ } keys %path)[0]
		? $value->('cpu', 'cpu.cfs_quota_us') / $value->('cpu', 'cpu.cfs_period_us')
		: do { my ($quota, $period) = split ' ', $value->('cpu', '', 'cpu.max'); $quota eq 'max' ? -1 : $quota / $period };
	return {
		memory => $value->('memory', 'memory.limit_in_bytes', 'memory.max'), cpus => $cpu,
		pids => $value->('pids', 'pids.max', 'pids.max'),
	};
}

my $m = 1 << 20;

subtest 'limits from the template' => sub {
	is run_command('create', 'web1', 'web', 'WHO=ops')->{exit}, 0, 'created';
	is run_command('create', 'web2', 'web', 'WHO=dev')->{exit}, 0, 'another';
	is run_command('create', 'calm1', 'calm')->{exit}, 0, 'and one of another template';
	is_deeply cgroup('web1'), { memory => 64 * $m, cpus => 0.5, pids => 50 }, 'the kernel holds it to them';
	my $host = $engine->inspect('web1')->{HostConfig};
	is_deeply [@$host{qw(Memory NanoCpus PidsLimit)}], [64 * $m, 5e8, 50], 'the engine says so';
	is_deeply cgroup('calm1')->{pids}, 256, 'and to the usual number of processes where none is given';
	my $all = run_command('drift');
	like $all->{text}, qr/Nothing has drifted: 3 instances are as the config says/, '/drift has nothing to say';
	is_deeply [map {"$_->{host}/$_->{name} $_->{config} " . @{ $_->{differences} }} @{ $all->{data} }],
		['local/calm1 in-sync 0', 'local/web1 in-sync 0', 'local/web2 in-sync 0'], '… nor its data';
	status_becomes($_, 'in-sync') for qw(web1 web2 calm1);
	like run_command('drift', 'nothing')->{err}, qr/no container matches/, 'a selector that picks nothing';
};

subtest '/limits' => sub {
	like $talk->text('/limits web1'), qr{web1\nCPU .*limit 0\.5\nMemory .*, limit 64 MiB \(.*%\)\nMemory and swap limit 128 MiB\nProcesses \d+, limit 50},
		'without values it shows them beside the usage';
	my $before = id_of('web1');
	like $talk->text('/limits web1 memory=160m pids=20 cpus=0.75'),
		qr/cpus 0\.5 → 0\.75, memory 64m → 160m, memory_swap 128m → 320m, pids 50 → 20/, 'with values it changes them, over the old memory_swap too';
	is id_of('web1'), $before, '… in the container that is there';
	is_deeply cgroup('web1'), { memory => 160 * $m, cpus => 0.75, pids => 20 }, '… in the kernel';
	my $host = $engine->inspect('web1')->{HostConfig};
	is_deeply [@$host{qw(Memory MemorySwap NanoCpus PidsLimit)}], [160 * $m, 320 * $m, 75e7, 20], '… and in the engine';
	my $doc = document('web1');
	is_deeply $doc->{limits}, { cpus => 0.75, memory => 160 * $m, memory_swap => 320 * $m, pids => 20 }, 'the registry knows';
	is_deeply $doc->{spec}{limits}, { nano_cpus => 75e7, memory => 160 * $m, memory_swap => 0, pids => 20 }, '… also as what was asked for';
	isnt $doc->{config_hash}, $engine->inspect('web1')->{Config}{Labels}{'io.fleetgram.config-hash'}, '… under a hash of its own';
	is_deeply [@{ $doc->{history}[-1] }{qw(what by)}, $doc->{history}[-1]{from}{memory}, $doc->{history}[-1]{to}{memory}],
		['limits', 'ops (1)', 64 * $m, 160 * $m], '… and its history';
	drift_is('web1');
	ok wait_until(20 * $patience, sub { status_of('web1')->{limits}{memory} == 160 * $m }), '/status has the new limits';
	is status_of('web1')->{config}, 'in-sync', '… and finds it in sync';
	like $talk->text('/stats web1'), qr/limit 0\.75.*of 160 MiB/s, '/stats has them beside the usage';

	like run_command('limits', 'web1', 'memory=128m')->{text}, qr/memory 160m → 128m, memory_swap 320m → 256m/, 'down again';
	is cgroup('web1')->{memory}, 128 * $m, '… in the kernel';
	is run_command('limits', 'web2', 'pids=0')->{exit}, 0, 'no limit of processes';
	like cgroup('web2')->{pids}, qr/^max$/, '… in the kernel';
	is run_command('limits', 'web2', 'pids=50')->{exit}, 0, 'and back to what the template says';
	is_deeply document('web2')->{overrides}, {}, '… which is no override';
	for (['cpus=0', qr/cannot take the limit of cpus away/], ['memory=much', qr/memory: "much" is no size/], ['memory=1k', qr/minimum|memory/i],
		['memory_swap=1m', qr/less than memory/], ['cpus=1 cpus=2', qr/twice/], ['cups=1', qr/there is no key|no such key|cups/]) {
		my $got = run_command('limits', 'web2', split / /, $_->[0]);
		ok $got->{exit} != 0 && $got->{err} =~ $_->[1], "$_->[0] is refused" or diag $got->{err};
	}
	is_deeply cgroup('web2'), { memory => 64 * $m, cpus => 0.5, pids => 50 }, '… and changes nothing';

	$engine->run(name => 'stray', cmd => ['sleep', '1d'], init => 1, memory => 32 * $m);
	is run_command('limits', 'stray', 'memory=40m')->{data}{limits}{memory}, 40 * $m, 'a container that is no instance is changed, too';
	is cgroup('stray')->{memory}, 40 * $m, '… in the kernel';
	is_deeply document('stray'), {}, '… and becomes none';
	like run_command('apply', 'stray')->{err}, qr/stray is no instance/, '… to which nothing can be applied';
	like $talk->text('/limits web1 pids=9', as => 2), qr/may not|allow|operator/i, 'a viewer changes nothing';
};

subtest 'changed from outside' => sub {
	my %before = map { $_ => id_of($_) } qw(web1 web2 calm1);
	$engine->api(POST => '/containers/web2/update', { Memory => 80 * $m, MemorySwap => 160 * $m });
	$engine->api(POST => '/containers/calm1/update', { RestartPolicy => { Name => 'always' } });
	$engine->api(POST => '/networks/back/connect', { Container => 'calm1' });
	$engine->api(POST => '/containers/calm1/rename?name=calmer');
	drift_is('web2', { 'limits.memory' => '64m → 80m' });
	drift_is('calm1', { name => 'calm1 → calmer', networks => 'front → front, back', restart => 'no → always' });
	drift_is('web1', undef, 'the others are in sync');
	is status_of('web2')->{config}, 'in-sync', '/status goes by the hashes alone';

	my $applied = run_command('apply', 'web2');
	is_deeply [map {"$_->{name} $_->{way}"} @{ $applied->{data}{done} }], ['web2 limits'], 'limits are applied' or diag explain $applied;
	is cgroup('web2')->{memory}, 64 * $m, '… in the kernel';
	is id_of('web2'), $before{web2}, '… while it runs';
	drift_is('web2');
	is run_command('apply', 'calmer')->{exit}, 0, 'the rest is applied';
	isnt id_of('calm1'), $before{calm1}, '… by making it again, under its old name';
	is_deeply [sort keys %{ $engine->inspect('calm1')->{NetworkSettings}{Networks} }], ['front'], '… on its networks alone';
	drift_is('calm1');
	is id_of('web1'), $before{web1}, '… and nothing else is touched';
	like run_command('apply', 'web*', 'calm1')->{text}, qr/Nothing to do: 3 instances are/, 'then there is nothing to do';
};

subtest 'changed in the config' => sub {
	my %before = map { $_ => id_of($_) } qw(web1 web2 calm1);
	my %volumes = map { my $n = $_; $n => [sort map {"$_->{Destination} $_->{Name}"} @{ $engine->inspect($n)->{Mounts} }] } qw(web1 web2);
	reload(calm => { %calm, image => 'busybox:latest', init => $true }, web => {
		%web, env => { GREETING => 'good day', TOKEN => 'second', MORE => '1' }, limits => { memory => '48m', cpus => 0.5, pids => 50 },
		labels => ['who=${WHO}'], restart => 'on-failure:2',
	});
	my %same = ('env.GREETING' => 'good day → hello', 'env.TOKEN' => '*** → ***', 'env.MORE' => '1 → none', restart => 'on-failure:2 → no');
	drift_is('web2', { %same, 'limits.memory' => '48m → 64m' }, 'what was changed is named with both values, what is secret masked');
	drift_is('web1', { %same, 'limits.memory' => '48m → 128m' }, 'a limit that was changed by hand is overruled, the others hold');
	drift_is('calm1', undef, 'other words for the same are no drift');
	status_becomes('web1', 'drifted');
	status_becomes('web2', 'drifted');
	is status_of('calm1')->{config}, 'in-sync', 'and the other template is not concerned';

	like $talk->text('/drift', as => 2), qr/2 of 3 instances have drifted.*web1 \(template web\)\n(?:• .*\n)*• limits\.memory: 48m → 128m/s, 'a viewer sees it';
	my $shown = $talk->ask('/drift');
	unlike $shown->{text}, qr/first|second/, '… and no secret';
	ok !(grep {/Apply/} $talk->buttons($talk->ask('/drift', as => 2))), '… and has no button for it';
	my $asked = $talk->press($shown, qr/Apply/);
	like $asked->{text}, qr/web1 is made again:\n(?:• .*\n)*• env\.GREETING: good day → hello\n.*web2 is made again:.*• web1 \(running\)\n• web2 \(running\)/s,
		'/apply asks, with what differs of each';
	unlike $asked->{text}, qr/calm1/, '… and nothing of those that do not';
	$engine->api(POST => '/containers/web2/update', { PidsLimit => 60 });
	like $talk->confirm($asked->{answer})->{text}, qr/nothing was done.*web2/, 'what was changed since is not what was agreed to';
	is_deeply { map { $_ => id_of($_) } qw(web1 web2 calm1) }, \%before, '… so that nothing is done';
	$asked = $talk->press($shown, qr/Apply/);
	like $talk->confirm($asked->{answer}, match => qr/applied|⚠️/)->{text}, qr/✅ 2 containers applied: web1, web2/, '… and then does it';
	for my $name (qw(web1 web2)) {
		my $now = $engine->inspect($name);
		isnt $now->{Id}, $before{$name}, "$name is another container";
		is_deeply [grep {/^GREETING|^MORE/} @{ $now->{Config}{Env} }], ['GREETING=good day', 'MORE=1'], '… with what the config says';
		is $now->{Config}{Labels}{who}, $name eq 'web1' ? 'ops' : 'dev', '… and its own parameters';
		is_deeply [sort map {"$_->{Destination} $_->{Name}"} @{ $now->{Mounts} }], $volumes{$name}, '… on its anonymous volumes';
		is $now->{Config}{Labels}{'io.fleetgram.config-hash'}, document($name)->{config_hash}, '… under the hash that the registry has';
		drift_is($name);
		status_becomes($name, 'in-sync');
	}
	is_deeply cgroup('web1'), { memory => 48 * $m, cpus => 0.75, pids => 20 }, 'what was changed by hand and holds is kept';
	is_deeply [sort keys %{ document('web1')->{overrides}{limits}{to} }], [qw(nano_cpus pids)], '… and what was overruled forgotten';
	is id_of('calm1'), $before{calm1}, 'what did not differ is the same container';
};

subtest 'volumes after an update' => sub {
	my $name = 'web2';
	my $volumes = sub { [sort map {"$_->{Destination} $_->{Name}"} @{ $engine->inspect($name)->{Mounts} }] };
	my ($id, $before) = (id_of($name), $volumes->());
	$engine->import_busybox(name => 'app:1', env => { FROM => 'newer' }, changes => ['VOLUME /data', 'WORKDIR /srv']);
	is run_command('update', $name)->{exit}, 0, 'an update';
	isnt id_of($name), $id, '… makes it again';
	is_deeply $volumes->(), $before, '… on its anonymous volumes';
	my $web = $bot->{config}{templates}{web};
	for my $config ({ %$web, env => { GREETING => 'good night' } }, $web) {
		$id = id_of($name);
		reload(calm => \%calm, web => $config);
		is run_command('apply', 'web*')->{exit}, 0, 'what is applied then';
		isnt id_of($name), $id, '… makes it again';
		is_deeply $volumes->(), $before, '… on the same ones';
	}
};

subtest 'one that fails' => sub {
	my %before = map { $_ => id_of($_) } qw(web1 web2);
	reload(calm => \%calm, web => { %{ $bot->{config}{templates}{web} }, command => ['false'] });
	my $failed = run_command('apply', 'web*');
	isnt $failed->{exit}, 0, '/apply fails';
	my @lines = map { $_->{error} } @{ $failed->{data}{failed} // [] };
	ok 2 == grep({/web\d/} @lines), '… with a line for each' or diag explain $failed;
	is id_of($_), $before{$_}, "$_ is the old one" for qw(web1 web2);
	ok $engine->wait_state($_, 'running'), '… and runs' for qw(web1 web2);
	drift_is('web1', { command => 'false → sleep 1d' }, 'which is still drift');
	reload(calm => \%calm, web => { %web, image => 'nowhere.invalid/app:9', pull => 'never' });
	like run_command('apply', 'web2')->{err}, qr/image nowhere\.invalid\/app:9 is not on local/, 'an image that is not to be had';
	is id_of('web2'), $before{web2}, '… and all is as before';
	is scalar($engine->containers), 4, 'nothing is left behind';
};

subtest 'a template that is gone' => sub {
	reload(calm => \%calm);
	my $all = run_command('drift');
	like $all->{text}, qr/web1: its template web is no longer in the config/, '/drift says so';
	is_deeply [map {"$_->{name} $_->{config}"} @{ $all->{data} }], ['calm1 in-sync', 'web1 unknown', 'web2 unknown'], '… and nobody knows';
	status_becomes('web1', 'unknown');
	like run_command('apply', 'web1')->{err}, qr/not known: its template web is no longer/, '/apply does nothing';
};

subtest 'the registry is lost' => sub {
	$bot->configure({ %{ $bot->{config} }, templates => {
		calm => \%calm, web => {
			%web, env => { GREETING => 'good day', TOKEN => 'second', MORE => '1' }, limits => { memory => '48m', cpus => 0.5, pids => 50 },
			restart => 'on-failure:2',
		},
	} });
	is $bot->stop, 0, 'the bot ends';
	unlink glob $bot->state_dir . '/fleetgram.db*';
	$bot->restart;
	$bot->wait_ready;
	status_becomes('web2', 'in-sync');
	is_deeply document('web2')->{params}, { WHO => 'dev' }, 'the parameters are on the label';
	drift_is('web2');
	is_deeply drift_of('web1'), { 'limits.cpus' => '0.5 → 0.75', 'limits.pids' => '50 → 20' }, 'what was changed by hand is forgotten, so that it is drift'
		or diag explain drift_of('web1');
	is run_command('limits', 'web2', 'memory=56m')->{exit}, 0, '/limits of what was adopted';
	drift_is('web2');
	status_becomes('web2', 'in-sync');
	is run_command('apply', 'web1')->{exit}, 0, '/apply of what was adopted';
	drift_is('web1');
};

$talk->end_ok;
done_testing;
