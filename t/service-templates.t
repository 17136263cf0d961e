# Runs once, takes long: templates that make services, on a swarm of one machine: created, compared, applied, scaled, rolled back, gone.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(patient);
use FG::Swarm;
use FG::Talk;
use FG::Util qw(wait_until json_decode json_encode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
FG::Engine->need('20.10');

my ($swarm, $talk, $node, $bot);
my $runs = 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done';
my %web = (
	mode => 'service', image => 'app:one', command => ['sh', '-c', $runs], networks => ['host'], replicas => 2, stop_timeout => '1s',
	env => { GREETING => '${WORD}' }, labels => { tier => 'front' }, tmpfs => ['/scratch:size=1m'], volumes => ['/usr/share:/share:ro', 'data:/data'],
	limits => { memory => '32m', cpus => 0.5, pids => 50 }, security => { cap_drop => ['NET_RAW'] },
	restart => 'on-failure:5', init => JSON::PP::false(), user => 'root', workdir => '/scratch', hostname => 'box',
	update => { parallelism => 2, monitor => '1s', max_failure_ratio => 0.1, failure_action => 'rollback' },
	placement => { constraints => ['node.role == manager'], preferences => ['node.labels.zone'], max_per_node => 10 },
	parameters => { WORD => { default => 'hello' } },
);

sub run_command {
	my (@words) = @_;
	my ($exit, $out, $err) = FG::Bot::exec_cmd($bot->config_file, '--yes', '--json', @words);
	my $answer = eval { json_decode($out) } // {};
	return { exit => $exit, data => $answer->{data}, text => $answer->{text} // '', err => ($answer->{error} // '') . $err };
}

sub spec { my ($name) = @_; return $node->api(GET => "/services/$name")->{Spec} }

# By somebody else.
sub change {
	my ($name, $code) = @_;
	my $s = $node->api(GET => "/services/$name");
	$code->($s->{Spec});
	$node->api(POST => "/services/$name/update?version=$s->{Version}{Index}", $s->{Spec});
	return;
}

sub document {
	my ($name) = @_;
	my (undef, $out) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'registry', 'export']);
	my ($doc) = grep { $_->{name} eq $name } @{ json_decode($out)->{services} // [] };
	return $doc // {};
}

sub drift {
	my ($name) = @_;
	my $r = run_command(drift => $name);
	my ($one) = grep { $_->{name} eq $name } @{ $r->{data} // [] };
	return $one ? { config => $one->{config}, map { $_->{field} => [$_->{want}, $_->{have}] } @{ $one->{differences} } } : { text => $r->{text} . $r->{err} };
}

sub reload {
	my (%templates) = @_;
	my $mark = $bot->log_mark;
	$bot->configure({ %{ $bot->{config} }, templates => { %{ $bot->{config}{templates} }, %templates } });
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, patient(20), $mark), 'the config changes';
	return;
}

sub set_up {
	$swarm = FG::Swarm->start('alpha');
	$node = $swarm->node('alpha');
	$swarm->image('app:one', cmd => ['sh', '-c', $runs]);
	$swarm->image('app:two', cmd => ['sh', '-c', $runs]);
	$swarm->image('app:bad', cmd => ['sh', '-c', 'exit 3']);
	$talk = FG::Talk->start(
		users => [{ id => 1, name => 'ops', role => 'admin' }, { id => 2, name => 'viewer', role => 'viewer' }, { id => 3, name => 'narrow', role => 'admin', scope => 'name=api*' }],
		hosts => { alpha => { url => $node->url, timeout => '60s' } },
		defaults => { limits => { memory_swap => '64m' }, network_mode => 'none' },
		templates => { web => \%web, box => { image => 'app:one', limits => { memory => '32m' } } },
		update => { settle => '4s' },
	);
	$bot = $talk->bot;
	return;
}

sub templates {
	my $text = $talk->text('/templates');
	like $text, qr/web · app:one\n.*\n   a service, tasks: 2 · node\.role == manager, spread over node\.labels\.zone, at most 10 on a node/, 'what makes a service is shown as one';
	unlike $text, qr/box · app:one\n.*\n   a service/, '… and what does not is not';
	return;
}

# What a template of either kind cannot say, and how it is told.
my @bad = (
	[{ %web, security => { privileged => JSON::PP::true() } }, qr/templates\.bad\.security\.privileged: cannot be here: the tasks of a service cannot be privileged/],
	[{ %web, network_mode => 'host' }, qr/templates\.bad\.network_mode: cannot be here: a service names its networks under networks/],
	[{ %web, prune => { idle => '1h' } }, qr/templates\.bad\.prune: cannot be here: a service is never pruned/],
	[{ image => 'app:one', replicas => 2 }, qr/templates\.bad\.replicas: cannot be here: only a template with "mode": "service" has it/],
	[{ %web, update => { order => 'first' } }, qr/templates\.bad\.update\.order/],
);
my @late = (
	[{ %web, ports => ['127.0.0.1:80:80'] }, qr/template bad: ports: a service's port is published on every node and has no address/],
	[{ %web, placement => { constraints => ['manager'] } }, qr/template bad: placement\.constraints: one is written KEY==VALUE/],
	[{ %web, global => JSON::PP::true() }, qr/template bad: replicas: a global service has one task on each node/],
);

sub refused {
	for my $row (@bad) {
		my $mark = $bot->log_mark;
		my $config = $bot->{config};
		$bot->configure({ %$config, templates => { %{ $config->{templates} }, bad => $row->[0] } });
		my (undef, undef, $err) = FG::Bot::exec_cmd($bot->config_file, '--yes', 'templates');
		like $err, $row->[1], 'the config says which field, and why';
		$bot->configure($config);
	}
	for my $row (@late) {
		my $config = $bot->{config};
		$bot->configure({ %$config, templates => { %{ $config->{templates} }, bad => $row->[0] } });
		my (undef, $out, $err) = FG::Bot::exec_cmd($bot->config_file, '--yes', qw(create never bad));
		like "$out$err", $row->[1], '… and so does /create';
		$bot->configure($config);
	}
	is_deeply $node->api(GET => '/services'), [], 'nothing was made';
	return;
}

sub created {
	my $mark = $talk->sim->last_seq;
	$talk->say('/create web web WORD=hi');
	my $question = $talk->message_after($mark, 1, match => qr/web is created|⚠️/) // { text => '' };
	like $question->{text}, qr/^✅ web is created\.\n🟢 2 of 2 running · app:one/, 'its tasks run when it is said to be created' or diag $question->{text};
	my $spec = spec('web');
	my $container = $spec->{TaskTemplate}{ContainerSpec};
	is_deeply $container->{Env}, ['GREETING=hi'], 'the parameter is in it';
	is $spec->{Labels}{'io.fleetgram.template'}, 'web', 'the service is labelled';
	like $spec->{Labels}{'io.fleetgram.config-hash'}, qr/^sha256:[0-9a-f]{64}\z/, '… with the hash of its spec';
	is_deeply $container->{Labels}, { tier => 'front' }, '… and its tasks are not, except by the template';
	is $spec->{UpdateConfig}{FailureAction}, 'rollback', 'its update is as the template says';
	is_deeply [map { "$_->{Type} $_->{Target}" } @{ $container->{Mounts} }], ['bind /share', 'volume /data', 'tmpfs /scratch'], 'so is what is mounted';
	my $doc = document('web');
	is $doc->{kind}, 'service', 'the registry has it';
	is $doc->{config_hash}, $spec->{Labels}{'io.fleetgram.config-hash'}, '… by the same hash';
	is_deeply [map { $_->{name} } @{ json_decode((FG::Bot::run_bin(args => ['-c', $bot->config_file, 'registry', 'export']))[1])->{instances} }], [], '… and no task is an instance';
	like run_command(qw(create web web))->{err}, qr/there already is a service called web on the swarm of alpha/, 'its name is taken';
	like $talk->text('/create other web', as => 3), qr/outside of what you may see/, 'nobody makes what they could not see';
	is_deeply drift('web'), { config => 'in-sync' }, 'what the swarm has added is no drift';
	like $talk->text('/info web'), qr/web · running, 2\/2.*Template web/s, '/info shows it';
	like $talk->text('/list web'), qr/^1 service\n🟢 web/, '/list too';
	like $talk->text('/drift'), qr/Nothing has drifted: 1 service is as the config says/, '/drift of everything has it';
	return;
}

sub by_hand {
	my $r = run_command(qw(scale web 3));
	like $r->{text}, qr/web scaled from 2 to 3/, 'scaled';
	is_deeply drift('web'), { config => 'in-sync' }, '… which is no drift';
	is spec('web')->{Labels}{'io.fleetgram.config-hash'}, document('web')->{config_hash}, '… and label and registry agree';
	$r = run_command(qw(update web image=app:two));
	like $r->{text}, qr/web updated: app:one → app:two/, 'another image';
	is_deeply drift('web'), { config => 'in-sync' }, '… neither';
	$r = run_command(qw(rollback web));
	like $r->{text}, qr/web rolled back: app:two → app:one/, 'back';
	is_deeply drift('web'), { config => 'in-sync' }, '… neither';
	like $talk->text('/history web'), qr/rolled back by local.*updated by local  app:one → app:two\n.*scaled by local  2 → 3\n.*created by ops/s, 'the history has it all';
	return;
}

sub drifted {
	change(web => sub {
		my ($spec) = @_;
		my $container = $spec->{TaskTemplate}{ContainerSpec};
		push @{ $container->{Env} }, 'EXTRA=1';
		$container->{Image} = 'app:two';
		$spec->{Labels}{tier} = 'back';
		$spec->{Mode}{Replicated}{Replicas} = 1;
		$spec->{UpdateConfig}{Parallelism} = 7;
		$spec->{TaskTemplate}{Resources}{Limits}{MemoryBytes} = 64 << 20;
		$spec->{TaskTemplate}{Placement}{Constraints} = [];
	});
	is_deeply drift('web'), {
		config => 'drifted', 'env.EXTRA' => [undef, '1'], image => ['app:one', 'app:two'], 'labels.tier' => ['front', 'back'], replicas => ['3', '1'],
		'update.parallelism' => ['2', '7'], 'limits.memory' => ['32m', '64m'], 'placement.constraints' => ['node.role==manager', undef],
	}, 'what somebody else has changed is drift, field by field' or diag explain drift('web');
	my $made = run_command(qw(create crate box));
	is $made->{exit}, 0, 'a container beside it' or diag explain $made;
	like run_command(qw(apply label=io.fleetgram.managed))->{text}, qr/Services are left out here.*These have drifted: web.*Nothing to do: 1 instance/s, 'what picks both says that it leaves the service out';
	like run_command(qw(apply nothing* wave=1))->{err}, qr/^no container/i, 'what picks neither says so, in waves too';
	run_command(qw(remove crate));
	my $question = $talk->ask('/apply web');
	like $question->{text}, qr/Apply the config to web\?.*image: app:one → app:two/s, '/apply asks';
	change(web => sub { $_[0]{Labels}{tier} = 'middle' });
	my $mark = $talk->sim->last_seq;
	$talk->press($question, ($talk->buttons($question))[0], silent => 1);
	like $talk->message_after($mark, 1, match => qr/⚠️/)->{text}, qr/no longer what you were shown/, '… and is not done when it is another one by now';
	my $r = run_command(qw(apply web));
	like $r->{text}, qr/^✅ web is as the config says\.\n🟢 3 of 3 running · app:one/m, 'applied, by the swarm' or diag $r->{text}, $r->{err};
	is_deeply drift('web'), { config => 'in-sync' }, '… in truth';
	is_deeply [sort map { $_->{Spec}{ContainerSpec}{Image} } $swarm->running('web')], [('app:one') x 3], '… to every task';
	like run_command(qw(apply web))->{text}, qr/Nothing to do: web is as the config says/, '… once';
	return;
}

# Labels and numbers leave tasks alone; a bad image is rolled back by the swarm.
sub configured {
	my %before = map { $_->{ID} => 1 } $swarm->running('web');
	reload(web => { %web, update => { %{ $web{update} }, delay => '100ms' }, placement => { %{ $web{placement} }, max_per_node => 9 } });
	is_deeply drift('web'), { config => 'drifted', 'update.delay' => ['100ms', '0s'], 'placement.max_per_node' => ['9', '10'] }, 'the config changes';
	like run_command(qw(apply web))->{text}, qr/web is as the config says/, 'applied';
	is scalar(grep { $before{ $_->{ID} } } $swarm->running('web')), 3, '… without a task being replaced';
	# Long enough for an engine that is slow to say that a task has ended.
	reload(web => { %web, image => 'app:bad', command => undef, update => { %{ $web{update} }, monitor => '15s' } });
	my $r = run_command(qw(apply web));
	like "$r->{text}$r->{err}", qr/the swarm has rolled web back by itself/, 'what does not run is rolled back' or diag explain $r;
	like $r->{text}, qr/non-zero exit \(3\)/, '… which says why';
	is $r->{exit}, 1, '… and is a failure';
	my $drift = drift('web');
	ok $drift->{command}, 'it differs still';
	is_deeply $drift->{image}, ['app:bad', 'app:one'], '… in its image, too: what the swarm went back to is not what was asked for' or diag explain $drift;
	reload(web => \%web);
	run_command(qw(apply web));
	return;
}

sub lost {
	my $hash = document('web')->{config_hash};
	$bot->stop;
	unlink glob $bot->state_dir . '/fleetgram.db*' or die "no database in " . $bot->state_dir;
	$bot->restart->wait_ready;
	ok wait_until(patient(60), sub { document('web')->{name} }), 'without its database the bot knows the service by its labels';
	my $doc = document('web');
	is $doc->{params}{WORD}, 'hi', '… with its parameters';
	is $doc->{history}[0]{what}, 'adopted', '… as one that is adopted';
	run_command(qw(scale web 2));
	is_deeply drift('web'), { config => 'in-sync' }, '… and as the config says' or diag explain drift('web');
	return;
}

sub moved {
	my (undef, $dump) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'registry', 'export']);
	my $file = $bot->dir . '/dump.json';
	FG::Util::spew($file, $dump);
	my ($exit, undef, $err) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'registry', 'import', $file]);
	is $exit, 0, 'an export is taken back' or diag $err;
	is document('web')->{template}, 'web', '… with its services';
	return;
}

sub gone {
	$node->api(DELETE => '/services/web');
	like $talk->text('/drift'), qr/The service web is missing from its swarm/, 'what somebody else has removed is missing';
	$bot->restart->wait_ready;
	ok wait_until(patient(60), sub { (document('web')->{state} // '') eq 'missing' }), '… and noted';
	my $r = run_command(qw(remove web));
	like $r->{text}, qr/The service web is forgotten/, '… and forgotten' or diag explain $r;
	$r = run_command(qw(create web web replicas=1));
	like $r->{text}, qr/1 of 1 running/, 'made again, of another size' or diag explain $r;
	is_deeply drift('web'), { config => 'in-sync' }, '… which is what was asked for';
	like $talk->text('/remove web'), qr/Remove the service web\?\n1 task of it runs, and is stopped\.\nIt is an instance of web; the registry forgets it too/, 'a removal is asked about';
	like run_command(qw(remove web))->{text}, qr/The service web is removed/, '… and done';
	is_deeply $node->api(GET => '/services'), [], '… in truth';
	is_deeply document('web'), {}, '… and the registry forgets it';
	return;
}

sub stuck {
	reload(bad => { mode => 'service', image => 'app:bad', networks => ['host'] }, every => { mode => 'service', global => JSON::PP::true(), image => 'app:one', networks => ['host'] });
	my $r = run_command(qw(create sick bad));
	is $r->{exit}, 1, 'tasks that fail are a failure';
	like $r->{text}, qr/non-zero exit \(3\)/, '… which says why' or diag explain $r;
	run_command(qw(remove sick));
	$r = run_command(qw(create each every));
	like $r->{text}, qr/each is created\.\n🟢 1 of 1 running/, 'a global one has a task on each node' or diag explain $r;
	is_deeply drift('each'), { config => 'in-sync' }, '… and is as the config says';
	like run_command(qw(create sole every replicas=2))->{err}, qr/it is a global service/, '… and no number';
	run_command(qw(remove each));
	$node->api(POST => '/swarm/leave?force=true');
	like run_command(qw(create web web))->{err}, qr/template web makes a service, which needs a swarm, and no host here is in one: "docker swarm init"/, 'without a swarm there is none, and what to do is said';
	return;
}

set_up();
subtest 'templates' => \&templates;
subtest 'what cannot be said' => \&refused;
subtest 'create' => \&created;
subtest 'changed by hand' => \&by_hand;
subtest 'changed by others' => \&drifted;
subtest 'changed by the config' => \&configured;
subtest 'a lost database' => \&lost;
subtest 'export and import' => \&moved;
subtest 'removed' => \&gone;
subtest 'what does not run' => \&stuck;
$talk->end_ok;
$swarm->stop;
done_testing;
