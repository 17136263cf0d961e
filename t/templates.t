# Runs once, takes long: an engine of its own.
# Templates: every field as the engine has it in the end, defaults under them, what they ask for, and what they warn of.
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
use FG::Util qw(scratch_dir spew json_encode json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);

my ($true, $false) = (JSON::PP::true(), JSON::PP::false());
my $script = 'trap "exit 0" TERM; while :; do sleep 0.1; done';

# A row for a field: the template it is in, its key and value there, where inspect has it, and what is there. Rows of
# one template make one container. A place that ends in @ is sorted; a sub is asked.
my @rows = (
	['one', image => 'own:1', 'Config.Image', 'own:1'],
	['one', command => ['-c', 'echo ${WHAT}; ' . $script], 'Config.Cmd', ['-c', "echo a b; $script"]],
	['one', entrypoint => '/bin/sh', 'Config.Entrypoint', ['/bin/sh']],
	['one', env => { NAME => '${name}', WHAT => '${WHAT}', NUMBER => 5, PLAIN => '$${name}', GONE => undef }, 'Config.Env@',
		[sort 'NAME=t-one', 'WHAT=a b', 'NUMBER=5', 'PLAIN=${name}', 'EVERY=where', 'OWN=image', 'PATH=/bin']],
	['one', ports => ['127.0.0.1:18080:80/tcp', '81/udp'], 'HostConfig.PortBindings',
		{ '80/tcp' => [{ HostIp => '127.0.0.1', HostPort => '18080' }], '81/udp' => [{ HostIp => '', HostPort => '' }] }],
	['one', volumes => ['data-${name}:/data', '/usr/share:/share:ro', '/anonymous'], 'HostConfig.Binds@', ['/usr/share:/share:ro', 'data-t-one:/data']],
	['one', 'volumes+' => undef, 'Config.Volumes', { '/anonymous' => {} }],
	['one', tmpfs => ['/run:size=1m', '/scratch'], 'HostConfig.Tmpfs', { '/run' => 'size=1m', '/scratch' => '' }],
	['one', user => 'nobody', 'Config.User', 'nobody'],
	['one', workdir => '/share', 'Config.WorkingDir', '/share'],
	['one', hostname => 'box-${name}', 'Config.Hostname', 'box-t-one'],
	['one', labels => { 'app.${name}' => '${WHAT}' }, 'Config.Labels', sub { $_[0]{'app.t-one'} eq 'a b' && $_[0]{every} eq 'where' && !exists $_[0]{gone} }],
	['one', restart => 'on-failure:3', 'HostConfig.RestartPolicy', { Name => 'on-failure', MaximumRetryCount => 3 }],
	['one', stop_timeout => '3s', 'Config.StopTimeout', 3],
	['one', limits => { cpus => 0.5, memory_swap => '64m', pids => 40 }, 'HostConfig.NanoCpus', 5e8],
	['one', 'limits+memory' => undef, 'HostConfig.Memory', 32 << 20],
	['one', 'limits+memory_swap' => undef, 'HostConfig.MemorySwap', 64 << 20],
	['one', 'limits+pids' => undef, 'HostConfig.PidsLimit', 40],
	['one', healthcheck => { test => ['test', '-e', '/share'], interval => '5s', timeout => '500ms', retries => 2, start_period => '1m' }, 'Config.Healthcheck',
		{ Test => ['CMD', 'test', '-e', '/share'], Interval => 5e9, Timeout => 5e8, Retries => 2, StartPeriod => 6e10 }],
	['one', security => { read_only => $true, cap_drop => ['ALL'], cap_add => ['cap_net_bind_service'] }, 'HostConfig.ReadonlyRootfs', 'true'],
	['one', 'security+cap_drop' => undef, 'HostConfig.CapDrop', ['ALL']],
	['one', 'security+cap_add' => undef, 'HostConfig.CapAdd', sub { "@{ $_[0] }" =~ /^(?:CAP_)?NET_BIND_SERVICE\z/ }],
	['one', 'security+no_new_privileges' => undef, 'HostConfig.SecurityOpt', ['no-new-privileges']],
	['one', logging => { driver => 'json-file', options => { 'max-size' => '1m' } }, 'HostConfig.LogConfig', { Type => 'json-file', Config => { 'max-size' => '1m' } }],
	['one', init => $true, 'HostConfig.Init', 'true'],
	['one', parameters => { WHAT => { pattern => '[a-z ]+' } }, 'Config.Labels', sub { $_[0]{'io.fleetgram.template'} eq 'one' }],

	['two', image => 'busybox', 'Config.Image', 'busybox:latest'],
	['two', command => qq{sh -c '$script' "\${WORD}"}, 'Config.Cmd', ['sh', '-c', $script, 'a;b']],
	['two', env => ['A=1', 'B=${WORD}'], 'Config.Env@', [sort 'A=1', 'B=a;b', 'EVERY=where', 'GONE=not', 'PATH=/bin']],
	['two', networks => ['zoo', 'ape'], 'NetworkSettings.Networks', sub { join(' ', sort keys %{ $_[0] }) eq 'ape zoo' }],
	['two', 'networks+' => undef, 'HostConfig.NetworkMode', 'zoo'],
	['two', limits => { memory => undef, pids => -1 }, 'HostConfig.Memory', 0],
	['two', 'limits+pids' => undef, 'HostConfig.PidsLimit', undef],
	['two', healthcheck => { test => 'NONE' }, 'Config.Healthcheck.Test', ['NONE']],
	['two', security => { no_new_privileges => $false, }, 'HostConfig.Privileged', 'false'],
	['two', 'security+no_new_privileges' => undef, 'HostConfig.SecurityOpt', sub { "@{ $_[0] // [] }" !~ /no-new-privileges/ }],
	['two', restart => 'unless-stopped', 'HostConfig.RestartPolicy.Name', 'unless-stopped'],
	['two', volumes => ['/var/run:/host-run:ro'], 'HostConfig.Binds', ['/var/run:/host-run:ro']],
	['two', parameters => { WORD => { default => 'a;b', pattern => '.*', description => 'any word' } }, 'State.Running', 'true'],
	['two', pull => 'never', 'State.Running', 'true'],
	['two', prune => { idle => '1h' }, 'State.Running', 'true'],

	# What nothing is said about.
	['bare', image => 'busybox:latest', 'HostConfig.SecurityOpt', ['no-new-privileges']],
	['bare', 'limits+pids' => undef, 'HostConfig.PidsLimit', 256],
	['bare', 'limits+memory' => undef, 'HostConfig.Memory', 32 << 20],
	['bare', command => ['sh', '-c', $script], 'HostConfig.Privileged', 'false'],
	['bare', network_mode => 'none', 'HostConfig.NetworkMode', 'none'],
	['bare', host => 'far*', 'HostConfig.ReadonlyRootfs', 'false'],
	['bare', pull => 'missing', 'HostConfig.RestartPolicy.Name', 'no'],
);
my %params = (one => ['WHAT=a b']);

# Every field of a template is in the table.
my %shown = map { ($_->[1] =~ s/\+.*//r => 1) } @rows;
is_deeply [grep { !$shown{$_} } qw(image command entrypoint env ports volumes tmpfs networks network_mode user workdir hostname labels restart stop_timeout limits
	healthcheck security logging pull prune host parameters)], [], 'the table has every field';

my $engine = FG::Engine->start(version => $version);
$engine->import_busybox(name => 'own:1', cmd => ['false'], env => { OWN => 'image' }, healthcheck => 'CMD true');
$engine->api(POST => '/networks/create', { Name => $_ }) for qw(zoo ape);

my $dir = scratch_dir();
mkdir "$dir/$_" for qw(state templates);
my %templates;
for my $row (@rows) {
	my ($template, $key, $value) = @$row;
	$templates{$template}{$key} = $value unless $key =~ /\+/;
}
# One of them has a file to itself.
spew("$dir/templates/two.json", json_encode(delete $templates{two}));
spew("$dir/templates/notes.txt", 'nothing to read');
$templates{asks} = {
	image => 'busybox:latest',
	env => { TITLE => '${TITLE}', PORT => '${PORT}', SIZE => '${SIZE}', API_TOKEN => '${API_TOKEN}' },
	limits => { memory => '${SIZE}' },
	parameters => {
		TITLE => { description => 'what <b>stands</b> on top', pattern => '[^"]{1,30}' },
		PORT => { description => 'where it listens', pattern => '^[0-9]+$' },
		SIZE => { default => '64m' },
		API_TOKEN => { default => 'swordfish', description => 'of the API' },
	},
};
$templates{never} = { image => 'registry.invalid/none:1', pull => 'never' };
$templates{always} = { image => '127.0.0.1:9/busybox:latest', pull => 'always' };
# Not every machine that runs tests can run this one: it is only shown.
$templates{reckless} = { image => 'busybox:latest', volumes => ['/var/run/docker.sock:/s'], security => { cap_add => ['SYS_ADMIN'], privileged => $true } };
$templates{socket} = { image => 'busybox:latest', command => ['sh', '-c', $script], volumes => [$engine->socket . ':/s'], network_mode => 'none' };
my %config = (
	hosts => { near => { url => $engine->url }, farther => { url => $engine->url } },
	state_dir => "$dir/state",
	templates => \%templates,
	templates_dir => "$dir/templates",
	defaults => {
		env => ['EVERY=where', 'GONE=not'],
		labels => { every => 'where', gone => 'not' },
		limits => { memory => '32m' },
		network_mode => 'bridge',
		stop_timeout => '1s',
		parameters => { ALL => { default => 'yes', description => 'of every template' } },
	},
);
$templates{one}{labels}{gone} = undef;
spew("$dir/config.json", json_encode(\%config));

sub told {
	my ($exit, $out, $err) = FG::Bot::exec_cmd("$dir/config.json", @_);
	return ($exit, map { Encode::decode_utf8($_) } $out, $err);
}

sub data { my ($exit, $out) = told('--json', @_); return (eval { JSON::PP->new->decode($out) } // {})->{data} }

# Exit code, and what the answer and the complaint are like.
sub gives {
	my ($name, $words, $exit, $out, $err) = @_;
	my @got = told(@$words);
	my $good = $got[0] == $exit && $got[1] =~ $out && $got[2] =~ $err;
	return ok($good, $name) || diag "exit $got[0]\n$got[1]\n$got[2]";
}

sub at {
	my ($doc, $place) = @_;
	my $sorted = $place =~ s/\@\z//;
	$doc = ref $doc eq 'HASH' ? $doc->{$_} : undef for split /\./, $place;
	$doc = $doc ? 'true' : 'false' if JSON::PP::is_bool($doc);
	return $sorted ? [sort @$doc] : $doc;
}

for my $template (qw(one two bare)) {
	subtest "template $template" => sub {
		my ($exit, $out, $err) = told('create', "near/t-$template", $template, @{ $params{$template} // [] }) if $template ne 'bare';
		($exit, $out, $err) = told('create', "t-$template", $template) if $template eq 'bare';
		is $exit, 0, 'it is created' or return diag $err;
		my $inspect = $engine->inspect("t-$template");
		for my $row (grep { $_->[0] eq $template } @rows) {
			my (undef, $key, undef, $place, $want) = @$row;
			my $got = at($inspect, $place);
			if (ref $want eq 'CODE') { ok $want->($got), "$key: $place" or diag explain $got }
			else { is_deeply $got, $want, "$key: $place" }
		}
	};
}
is +(grep { $_->{name} eq 't-bare' } @{ json_decode((FG::Bot::run_bin(args => ['-c', "$dir/config.json", 'registry', 'export']))[1])->{instances} })[0]{host},
	'farther', 'host: a pattern chooses';

subtest '/templates' => sub {
	my ($exit, $out) = told('templates');
	my ($asks) = $out =~ /^📦 asks .*?\n(.*?)(?=^📦)/ms;
	like $out, qr/^8 templates$/m, 'those of the folder too';
	like $asks, qr/^ +\$\{SIZE\} memory, 256 processes$/m, 'limits';
	like $asks, qr/^ +TITLE \(needed\) · what <b>stands<\/b> on top · like \[\^"\]\{1,30\}$/m, 'what is needed, and like what';
	like $asks, qr/^ +PORT \(needed\) · where it listens · like \^\[0-9\]\+\$$/m;
	like $asks, qr/^ +SIZE = 64m$/m, 'a default, and the usual pattern unsaid';
	like $asks, qr/^ +ALL = yes · of every template$/m, 'what the defaults ask for';
	like $asks, qr/^ +API_TOKEN = \*\*\* · of the API$/m, 'a secret default is not told';
	unlike $out . json_encode(data('templates')), qr/swordfish/, '… to programs neither';
	like $out, qr/📦 two · busybox\n +no limits$/m, 'no limits are no limits';
	like $out, qr/📦 bare .*\n +32m memory, 256 processes\n +on far\*$/m, 'defaults are part of it';
};

subtest '/create asks' => sub {
	gives('all that is missing is named', ['create', 't-x', 'asks'], 1, qr/^\s*\z/,
		qr/template asks has to know PORT \(where it listens\), TITLE \(what <b>stands<\/b> on top\)\. Add PORT=… TITLE=…/);
	gives('… or what is left of it', ['create', 't-x', 'asks', 'TITLE=x'], 1, qr/^\s*\z/, qr/has to know PORT \(where it listens\)\. Add PORT=…/);
	gives('a value that does not fit', ['create', 't-x', 'asks', 'TITLE=x', 'PORT=http'], 1, qr/^\s*\z/, qr/PORT has to be like \^\[0-9\]\+\$/);
	gives('two of them', ['create', 't-x', 'asks', 'TITLE=x', 'PORT=http', 'SIZE=a b'], 1, qr/^\s*\z/, qr/PORT has to be.*; SIZE has to be like/);
	gives('one that fits its pattern and not its place', ['create', 't-x', 'asks', 'TITLE=x', 'PORT=1', 'SIZE=much'], 1, qr/^\s*\z/, qr/limits\.memory/);
	gives('one that there is not', ['create', 't-x', 'asks', 'TITLE=x', 'PORT=1', 'COLOUR=red'], 1, qr/^\s*\z/, qr/no parameter COLOUR/);
	gives('an image that is never pulled', ['create', 't-x', 'never'], 1, qr/^\s*\z/, qr{registry\.invalid/none:1 is not on \w+, and the template never pulls});
	$engine->api(POST => '/images/busybox:latest/tag?repo=127.0.0.1:9/busybox&tag=latest');
	gives('one that is always pulled', ['create', 't-x', 'always'], 1, qr/^\s*\z/, qr/cannot pull 127\.0\.0\.1:9/);
	is $engine->inspect('t-x'), undef, 'none of that made anything';
};

subtest 'warnings' => sub {
	gives('in the answer', ['create', 't-socket', 'socket'], 0, qr/t-socket is created and started\.\n🖥 Of 2 hosts .*\n⚠️ the engine's socket is within reach \(\S+docker\.sock:\/s\): /, qr/^/);
	gives('of a folder around the socket', ['create', 't-three', 'two'], 0, qr{the engine's socket is within reach \(/var/run:/host-run:ro\)}, qr/^/);
	gives('of nothing where there is nothing', ['create', 't-four', 'bare'], 0, qr/\A(?!.*⚠️)/s, qr/^/);
	spew("$dir/config.json", json_encode({ %config, confirm => { always => ['create'] } }));
	gives('in the preview', ['create', 't-five', 'reckless'], 1,
		qr{Create t-five on \w+\?\nTemplate reckless, image busybox:latest, 32 MiB memory, 256 processes\n🖥 Of 2 hosts .*\n⚠️ privileged: .*\n⚠️ the capability SYS_ADMIN .*\n⚠️ the engine's socket is within reach \(/var/run/docker\.sock:/s\)}, qr/--yes/);
	gives('… which shows parameters, and no secret', ['create', 't-five', 'asks', 'TITLE=My page', 'PORT=80', 'API_TOKEN=squid'], 1,
		qr/, 64 MiB memory, 256 processes\n🖥 Of 2 hosts .*\nWith TITLE=My page, PORT=80, API_TOKEN=\*\*\*$/m, qr/--yes/);
	is $engine->inspect('t-five'), undef, '… and makes nothing';
};

subtest 'a folder of templates' => sub {
	my $check = sub {
		my ($name, $exit, $err) = @_;
		my @got = FG::Bot::run_bin(args => ['-c', "$dir/config.json", 'check']);
		ok $got[0] == $exit && $got[2] =~ $err, $name or diag "exit $got[0]\n$got[1]$got[2]";
	};
	$check->('as it is', 0, qr/^/);
	spew("$dir/templates/one.json", json_encode({ image => 'busybox' }));
	$check->('a name that the config has too', 2, qr/templates\/one\.json.*one/);
	spew("$dir/templates/one.json", "{\n  \"image\": \"busybox\",\n  \"comand\": \"x\"\n}\n");
	rename "$dir/templates/one.json", "$dir/templates/three.json";
	$check->('a misspelt field', 2, qr/templates\/three\.json:3:3: .*comand.*command/);
	unlink "$dir/templates/three.json";
	$check->('and without it', 0, qr/^/);
};

$engine->stop;
File::Path::remove_tree($dir);
done_testing;
