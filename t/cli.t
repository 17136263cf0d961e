# Runs sanitized. The command line: modes, exit codes, console, export and import, mistakes in a config, signals.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Encode ();
use File::Path ();
use JSON::PP ();
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(time);
use FG::Bot;
use FG::Engine;
use FG::Talk;
use FG::Util qw(wait_until scratch_dir slurp spew json_encode json_decode free_port);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);

my $engine = FG::Engine->shared($version);
my $dir = scratch_dir();
mkdir "$dir/state", 0700;
my %config = (
	hosts => { local => { url => $engine->url } },
	state_dir => "$dir/state",
	http => { listen => "unix:$dir/http" },
	templates => {
		demo => {
			image => 'busybox:latest',
			command => ['sh', '-c', 'trap "exit 0" TERM; echo "${WORDS} from ${name}"; while :; do sleep 0.1; done'],
			network_mode => 'none',
			stop_timeout => '2s',
			limits => { memory => '32m' },
			parameters => { WORDS => { default => 'greetings', pattern => '[a-z ]+' } },
		},
	},
);
my $file = "$dir/config.json";
spew($file, json_encode(\%config));

# Runs it; the three that came of it. Options before the words: stdin, env.
sub fleetgram {
	my ($options, @words) = ref $_[0] ? @_ : ({}, @_);
	my ($exit, $out, $err) = FG::Bot::run_bin(args => \@words, %$options);
	utf8::decode($_) for $out, $err;
	# A remark of the sanitizer's own, whenever a program has tasks.
	$err =~ s/^==\d+==WARNING: ASan doesn't fully support makecontext.*\n//mg;
	return ($exit, $out, $err);
}

sub on_config { my ($mode, @words) = @_; return fleetgram('-c', $file, $mode, @words) }

# Exit code, and what stdout and stderr are like (undef: empty).
sub gives {
	my ($name, $got, $exit, $out, $err) = @_;
	my @problems;
	push @problems, "exit code $got->[0], not $exit" if $got->[0] != $exit;
	for my $stream (['stdout', $got->[1], $out], ['stderr', $got->[2], $err]) {
		my ($what, $text, $pattern) = @$stream;
		push @problems, "$what: [$text]" if defined $pattern ? $text !~ $pattern : $text ne '';
	}
	return ok(!@problems, $name) || diag join "\n", @problems;
}

subtest 'usage' => sub {
	gives('--help', [fleetgram('--help')], 0, qr/^fleetgram: .*exec \[--yes\] \[--json\].*Exit code/s, undef);
	gives('--version', [fleetgram('--version')], 0, qr/\Afleetgram \d+\.\d+\.\d+\n\z/, undef);
	for my $words (['fly'], ['--fly'], ['exec'], ['exec', '--'], ['exec', '--fly', '--', 'list'], ['check', 'it'], ['run', 'away'], ['console', 'x'],
		['registry'], ['registry', 'import'], ['registry', 'fly'], ['registry', 'export', 'a', 'b'], ['-c']) {
		gives("fleetgram @$words", [fleetgram(grep { defined } @$words ? ($words->[0] eq 'registry' ? ('-c', $file) : ()) : (), @$words)], 2, undef, qr/\S/);
	}
	gives('a config that is not there', [fleetgram('-c', "$dir/none.json", 'exec', '--', 'list')], 2, undef, qr/none\.json: cannot read/);
	gives('a bot without a token', [on_config('run')], 2, undef, qr/no bot token.*FLEETGRAM_TOKEN/);
};

subtest 'exec' => sub {
	gives('an empty engine', [on_config('exec', '--', '/list')], 0, qr/no containers/, undef);
	gives('without slash and dashes', [on_config('exec', 'list')], 0, qr/no containers/, undef);
	gives('create', [on_config('exec', '--', 'create', 'one', 'demo', 'WORDS=good day')], 0, qr/one\b.*running/s, undef);
	is $engine->inspect('one')->{Config}{Labels}{'io.fleetgram.created-by'}, 'local', '… by the local operator';
	ok wait_until(20, sub { ($engine->api(GET => '/containers/one/logs?stdout=1') // '') =~ /good day from one/ }), '… a word with a blank is one word';
	gives('list', [on_config('exec', '--', '/list', 'template=demo')], 0, qr/^1 container\b.*\bone\b/s, undef);
	gives('what a label rules out', [on_config('exec', '--', '/list', $_)], 1, undef, qr/no container matches/) for '!template=demo', '!label=io.fleetgram.template:demo';
	gives('plain text', [on_config('exec', '--', '/info', 'one')], 0, qr/\A[^<>]*\bone\b[^<>]*\z/, undef);
	my ($exit, $out, $err) = on_config('exec', '--json', '--', '/list');
	my $json = eval { JSON::PP->new->decode($out) } // {};
	is $exit, 0, '--json';
	is_deeply [$json->{ok} ? 1 : 0, map {"$_->{host}/$_->{name} $_->{state}"} @{ $json->{data} // [] }], [1, 'local/one running'], '… is JSON with the data';
	like $json->{text}, qr/1 container/, '… and the text';
	($exit, $out, $err) = on_config('exec', '--json', '--', '/info', 'two');
	$json = eval { JSON::PP->new->decode($out) } // {};
	is $exit, 1, '--json of a failure';
	ok defined $json->{ok} && !$json->{ok}, '… says so';
	like $json->{error}, qr/no container matches "two"/, '… and why';
	gives('a command that fails', [on_config('exec', '--', '/stop', 'two')], 1, qr/^\s*\z/, qr/no container matches "two"/);
	gives('a command that there is not', [on_config('exec', '--', '/stopp', 'one')], 2, qr/^\s*\z/, qr/no command stopp, did you mean stop\?/);
	gives('wrong words', [on_config('exec', '--', '/rename', 'one')], 2, qr/^\s*\z/, qr{Usage: /rename});
	gives('a line in one word', [on_config('exec', '--', $_)], 0, qr/^1 container\b.*\bone\b/s, undef)
		for '/list template=demo', 'list  name="one" ', '/LIST one', 'PS';
	gives('… whose quote is left open', [on_config('exec', '--', '/list "one')], 2, qr/^\s*\z/, qr/quote/);
	gives('what would ask, without --yes', [on_config('exec', '--', '/remove', 'one')], 1, qr/Remove.*• one \(running\)/s, qr/--yes/);
	is $engine->state('one'), 'running', '… does nothing';
	gives('several without --yes', [on_config('exec', '--', '/restart', '*')], 0, qr/one restarted/, undef);
	gives('with --yes', [on_config('exec', '--yes', '--', '/remove', 'one')], 0, qr/one removed/, undef);
	is $engine->state('one'), '', '… it is done';
	my %env = (DOCKER_HOST => $engine->url);
	gives('no config: $DOCKER_HOST', [fleetgram({ env => \%env }, 'exec', '--', '/hosts')], 0, qr/local.*docker/s, undef);
	gives('$FLEETGRAM_CONFIG', [fleetgram({ env => { FLEETGRAM_CONFIG => $file } }, 'exec', '--', '/templates')], 0, qr/demo/, undef);
};

subtest 'console' => sub {
	my $run = sub { my ($in) = @_; return fleetgram({ stdin => $in }, '-c', $file, 'console') };
	gives('nothing to do', [$run->('')], 0, undef, undef);
	gives('a session', [$run->("list\n\n/create demo demo\n/list\nfrobnicate\nlogs demo\n")], 0,
		qr/no containers.*demo\b.*running.*1 container\b.*! there is no command frobnicate.*demo\b/s, undef);
	is $engine->state('demo'), 'running', '… made a container';
	ok wait_until(20, sub { $engine->api(GET => '/containers/demo/logs?stdout=1') =~ /greetings from demo/ }), '… that talks';
	gives('logs', [$run->("/logs demo\nquit\nlist\n")], 0, qr/greetings from demo\n\z/, undef);
	gives('no', [$run->("/remove demo\nn\nlist\n")], 0, qr/Remove.*• demo \(running\).*nothing was done.*1 container/s, undef);
	gives('the end instead of an answer', [$run->("/remove demo\n")], 0, qr/Remove.*nothing was done/s, undef);
	is $engine->state('demo'), 'running', '… does nothing';
	gives('yes', [$run->("/remove demo\ny\nlist")], 0, qr/demo removed.*no containers/s, undef);
	is $engine->state('demo'), '', '… removes';
};

# What an export holds, and the same without what the second of two may have changed.
sub exported { my ($exit, $out) = on_config('registry', 'export'); return eval { json_decode(Encode::encode_utf8($out)) } // {} }

subtest 'registry' => sub {
	on_config('exec', '--', 'create', $_, 'demo') for qw(uno due);
	my $dump = exported();
	is $dump->{version}, 1, 'export';
	is_deeply [map { $_->{name} } @{ $dump->{instances} }], [qw(due uno)], '… of all instances';
	my ($uno) = grep { $_->{name} eq 'uno' } @{ $dump->{instances} };
	is_deeply [grep { !exists $uno->{$_} } qw(name host container_id template image image_digest config_hash spec limits created_by created_at last_used_at state history)],
		[], '… with all their fields';
	is $uno->{container_id}, $engine->inspect('uno')->{Id}, '… that are true';
	gives('export to a file', [on_config('registry', 'export', "$dir/dump.json")], 0, undef, undef);
	is_deeply json_decode(slurp("$dir/dump.json")), $dump, '… is the same';
	gives('… that cannot be written', [on_config('registry', 'export', "$dir/no/dump.json")], 1, undef, qr/cannot write/);

	$uno->{colour} = { 'later' => ["versions \x{2192}", 1.5, undef] };
	spew("$dir/dump.json", json_encode($dump));
	mkdir "$dir/state2", 0700;
	spew("$dir/config2.json", json_encode({ %config, state_dir => "$dir/state2" }));
	my @second = ('-c', "$dir/config2.json", 'registry');
	gives('import elsewhere', [fleetgram(@second, 'import', "$dir/dump.json")], 0, qr/^2 instances imported/, undef);
	gives('export again', [fleetgram(@second, 'export', "$dir/again.json")], 0, undef, undef);
	is_deeply json_decode(slurp("$dir/again.json")), $dump, '… gives all of it back, unknown fields too';
	gives('import twice', [fleetgram(@second, 'import', "$dir/dump.json")], 0, qr/^2 instances imported/, undef);

	my %garbage = (
		'no JSON' => 'garbage',
		'half a file' => substr(slurp("$dir/dump.json"), 0, 300),
		'another kind of document' => '[]',
		'a later version' => json_encode({ %$dump, version => 99 }),
		'no list' => json_encode({ version => 1, instances => {} }),
		'an entry without a name' => json_encode({ version => 1, instances => [{ %$uno, name => 'tre' }, { host => 'local' }] }),
		'a name that is a number' => json_encode({ version => 1, instances => [{ %$uno, name => 5 }] }),
		'nothing' => '',
	);
	for my $kind (sort keys %garbage) {
		spew("$dir/garbage.json", $garbage{$kind});
		gives("import of $kind", [fleetgram(@second, 'import', "$dir/garbage.json")], 1, undef, qr/garbage\.json.*nothing was imported|garbage\.json/);
	}
	gives('import of what is not there', [fleetgram(@second, 'import', "$dir/none.json")], 1, undef, qr/none\.json/);
	fleetgram(@second, 'export', "$dir/again.json");
	is_deeply json_decode(slurp("$dir/again.json")), $dump, 'what was refused left nothing';
};

my @mistakes = (
	[3, 17, 'telegram.tokn', qr/token/], [3, 46, 'telegram.poll_timeout', qr/50s/], [5, 13, 'users[0].id', qr/number/],
	[6, 24, 'users[1].role', qr/viewer, operator, admin/], [7, 5, 'users[2]', qr/role/], [9, 30, 'hosts.far.url', qr{ftp://x}],
	[10, 23, 'confirm.ttl', qr/duration/], [12, 35, 'log.level', qr/debug/], [13, 3, 'shutdown_grce', qr/shutdown_grace/],
	[14, 18, 'templates.empty', qr/image/]);
my $mistaken = <<'END';
{
  // ten mistakes
  "telegram": { "tokn": "x", "poll_timeout": "90s" },
  "users": [
    { "id": "one", "role": "viewer" },
    { "id": 2, "role": "king" },
    { "id": 3 }
  ],
  "hosts": { "far": { "url": "ftp://x" } },
  "confirm": { "ttl": 5 },
  /* another
     comment */ "log": { "level": "loud" },
  "shutdown_grce": "1s",
  "templates": { "empty": { "command": ["x"] } }
}
END

subtest 'check' => sub {
	gives('a good config', [on_config('check')], 0, qr/^ok\s+config.*^ok\s+telegram.*^ok\s+host local\s.*docker \d.*API 1\./sm, undef);
	my $port = free_port();
	spew("$dir/down.json", json_encode({ %config, hosts => { %{ $config{hosts} }, far => { url => "tcp://127.0.0.1:$port" } } }));
	my @misnamed = ({ users => [{ id => 1, role => 'admin', deny => ['remvoe'] }] }, { confirm => { always => ['remvoe'] } });
	for my $misnamed (@misnamed) {
		spew("$dir/misnamed.json", json_encode({ %config, %$misnamed }));
		gives('a command that there is not', [fleetgram('-c', "$dir/misnamed.json", 'check')], 2, qr/FAIL/,
			qr/misnamed\.json:1:\d+: (?:users\[0\]\.deny|confirm\.always)\[0\]: there is no command remvoe, did you mean remove\?\n/);
	}
	spew("$dir/state.json", json_encode({ %config, state_dir => '/proc/nope/state' }));
	gives('a state folder that cannot be made', [fleetgram('-c', "$dir/state.json", 'check')], 1, qr{^FAIL\s+state\s.*/proc/nope: No such}m, undef);
	gives('… nor by the bot', [fleetgram('-c', "$dir/state.json", 'exec', 'list')], 1, undef, qr{cannot make the folder /proc/nope});
	spew("$dir/state.json", json_encode({ %config, state_dir => "$file/state" }));
	gives('… below a file', [fleetgram('-c', "$dir/state.json", 'check')], 1, qr{^FAIL\s+state\s}m, undef);
	spew("$dir/state.json", json_encode({ %config, state_dir => "$dir/state.json" }));
	gives('… that is a file', [fleetgram('-c', "$dir/state.json", 'check')], 1, qr{^FAIL\s+state\s.*Not a directory}m, undef);
	spew("$dir/state.json", json_encode({ %config, state_dir => "$dir/not/yet/there" }));
	gives('one that is not there yet', [fleetgram('-c', "$dir/state.json", 'check')], 0, qr{^ok\s+state\s+\Q$dir\E/not/yet/there$}m, undef);
	ok !-e "$dir/not", '… and is not left behind';
	my @before = sort glob "$dir/state/{*,.[!.]*}";
	gives('one that is in use', [on_config('check')], 0, qr{^ok\s+state\s}m, undef);
	is_deeply [sort glob "$dir/state/{*,.[!.]*}"], \@before, '… in which nothing is left behind';
	gives('a host that is down', [fleetgram('-c', "$dir/down.json", 'check')], 1, qr/^(?=.*^ok\s+host local\s).*^FAIL\s+host far\s[^\n]*127\.0\.0\.1:$port/sm, undef);
	spew("$dir/mistakes.json", $mistaken);
	my ($exit, $out, $err) = fleetgram('-c', "$dir/mistakes.json", 'check');
	is $exit, 2, 'a config with mistakes';
	like $out, qr/^FAIL\s+config.*\b10 mistakes/m, '… of which there are ten';
	my @lines = grep {/mistakes\.json:/} split /\n/, $err;
	is scalar @lines, 10, '… all told at once' or diag $err;
	for my $i (0 .. $#mistakes) {
		my ($line, $column, $key, $why) = @{ $mistakes[$i] };
		like $lines[$i] // '', qr/mistakes\.json:$line:$column: \Q$key\E: .*$why/, "$key at $line:$column";
	}
	gives('exec with it', [fleetgram('-c', "$dir/mistakes.json", 'exec', '--', 'list')], 2, undef, qr/shutdown_grce.*10 mistakes/s);
	spew("$dir/broken.json", "{\n  \"users\": [\n    { \"id\": 1,,\n");
	gives('no JSON at all', [fleetgram('-c', "$dir/broken.json", 'check')], 2, qr/FAIL/, qr/broken\.json:3:\d+/);
};

# --- beside a bot, and its signals -----------------------------------------------------------------------------

my $talk = FG::Talk->start(users => [{ id => 1, name => 'ops', role => 'admin' }], %config, shutdown_grace => '60s',
	health => { refresh => '1s' });
my $bot = $talk->bot;

subtest 'beside a running bot' => sub {
	my @same = ('-c', $bot->config_file);
	gives('check sees Telegram', [fleetgram(@same, 'check')], 0, qr/^ok\s+telegram\s+\@sim_bot/m, undef);
	my $log = qr/\A(?:\S+Z (?:info|debug) .*\n)*\z/;
	gives('exec', [fleetgram(@same, 'exec', '--', '/list')], 0, qr/2 containers/, $log);
	gives('exec that changes something', [fleetgram(@same, 'exec', '--yes', '--', '/remove', 'due')], 0, qr/due removed/, $log);
	like $talk->text('/list'), qr/^1 container\b/, 'the bot sees it';
	ok wait_until(20, sub { join(' ', map { $_->{name} } @{ $bot->json('/status')->{instances} }) eq 'uno' }), '… in the registry too';
	my ($exit, $out, $err) = fleetgram(@same, 'run');
	is $exit, 1, 'a second bot on the same state ends';
	like $err, qr/another Fleetgram runs/, '… and says why';
	my $other = FG::Sim->start;
	spew("$dir/token.json", json_encode({ %config, telegram => { token => '1:wrong_token-ABCDEFGHIJKLMNOPQRSTUVWXYZ', api_url => $other->url } }));
	gives('check of a wrong token', [fleetgram('-c', "$dir/token.json", 'check')], 1, qr/^FAIL\s+telegram(?!.*wrong_token)/m, undef);
	$other->stop;
	unlike $bot->log, qr/\Q@{[ $talk->sim->token ]}\E/, 'the token is never logged';
};

# A container that, told to end, says so and takes its time.
sub slow {
	my ($name, $seconds) = @_;
	$engine->run(name => $name, stop_timeout => 30, cmd => ['sh', '-c', "trap 'echo going; sleep $seconds; exit 0' TERM; echo up; while :; do sleep 0.1; done"]);
	wait_until(20, sub { $engine->api(GET => "/containers/$name/logs?stdout=1") =~ /up/ }) or die "$name is not up";
	return;
}

sub going { my ($name) = @_; return wait_until(30, sub { $engine->api(GET => "/containers/$name/logs?stdout=1") =~ /going/ }) }

subtest 'HUP and USR1' => sub {
	my $good = slurp($bot->config_file);
	my $mark = $bot->log_mark;
	spew($bot->config_file, $mistaken);
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the old config stays/, 20, $mark), 'a bad config is refused';
	my $log = substr $bot->log, $mark;
	like $log, qr/:13:3: shutdown_grce/, '… and the log tells the mistakes';
	like $talk->text('/list'), qr/^1 container/, '… the old one is in use';
	$mark = $bot->log_mark;
	spew($bot->config_file, json_encode({ %{ json_decode($good) }, users => [{ id => 1, name => 'renamed', role => 'admin' }] }));
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, 20, $mark), 'a good one is read';
	like $talk->text('/whoami'), qr/You are renamed/, '… and used';

	my $plain = json_decode(slurp($bot->config_file));
	$mark = $bot->log_mark;
	spew($bot->config_file, json_encode({ %$plain, log => { format => 'json' } }));
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, 20, $mark), 'the log in JSON';
	$mark = $bot->log_mark;
	spew($bot->config_file, $mistaken);
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the old config stays.*\n/, 20, $mark), 'a bad config again';
	my @lines = map { eval { json_decode($_) } // $_ } split /\n/, substr $bot->log, $mark;
	is_deeply [grep { ref ne 'HASH' } @lines], [], '… is told in JSON only';
	is scalar(grep { $_->{level} eq 'error' && $_->{message} =~ m{/config\.json:\d+:\d+: } } grep {ref} @lines), scalar @mistakes, '… an object for each mistake';
	spew($bot->config_file, json_encode($plain));
	$mark = $bot->log_mark;
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, 20, $mark), 'and in text again';

	my $taken = IO::Socket::UNIX->new(Listen => 1, Local => $bot->dir . '/taken');
	my $config = json_decode(slurp($bot->config_file));
	my $listen = $config->{http}{listen};
	$mark = $bot->log_mark;
	spew($bot->config_file, json_encode({ %$config, http => { listen => 'unix:' . $bot->dir . '/taken' } }));
	$bot->signal('HUP');
	ok $bot->wait_log(qr/health checks stay as they were/, 20, $mark), 'an address that is taken';
	is $bot->http(GET => '/livez')->{status}, 200, '… leaves the listener where it was';
	$mark = $bot->log_mark;
	spew($bot->config_file, json_encode({ %$config, http => { listen => $listen } }));
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, 20, $mark), '… and the next reload is fine';
	is $bot->http(GET => '/livez')->{status}, 200, '… with health checks';
	close $taken;

	slow('slow-0', 1);
	$talk->say('/stop slow-0');
	ok going('slow-0'), 'a command is under way';
	$mark = $bot->log_mark;
	$bot->signal('USR1');
	ok $bot->wait_log(qr/1 updates? under way/, 20, $mark), 'USR1 counts';
	ok $bot->wait_log(qr/task poll: |task poll\b.*(?:getUpdates|HTTP)/i, 20, $mark), '… and lists the tasks, with what they wait for';
	ok $bot->wait_log(qr/task update \d+/, 20, $mark), '… the command among them';
	$talk->sim->wait_message(chat => 1, match => qr/slow-0 stopped/, timeout => 60);
};

subtest 'TERM' => sub {
	slow('slow-1', 1.5);
	$talk->say('/stop slow-1');
	ok going('slow-1'), 'a command is under way';
	my $mark = $talk->sim->last_seq;
	$bot->signal('TERM');
	is $bot->wait_exit(40), 0, 'it ends with 0';
	is $engine->state('slow-1'), 'exited', 'the command was finished first';
	ok $talk->sim->wait_message(chat => 1, after => $mark, match => qr/slow-1 stopped/, timeout => 1), '… and its answer sent';
	like $bot->log, qr/stopping.*stopped\n\z/s, 'the log tells';

	$bot->restart->wait_ready;
	like $talk->text('/whoami'), qr/renamed/, 'it starts again';
	slow('slow-2', 20);
	$talk->say('/stop slow-2');
	ok going('slow-2'), 'a command that takes long';
	$mark = $bot->log_mark;
	$bot->signal('TERM');
	ok $bot->wait_log(qr/stopping/, 20, $mark), 'it waits for it';
	ok $bot->running, '… and runs on';
	my $began = time;
	$bot->signal('TERM');
	is $bot->wait_exit(20), 1, 'a second TERM ends it at once';
	cmp_ok time - $began, '<', 15, '… without the command';
	$engine->rm('slow-2');

	$mark = $talk->sim->last_seq;
	my %hasty = (%{ $bot->{config} }, shutdown_grace => '1s');
	$bot->configure(\%hasty)->restart->wait_ready;
	my $told = $talk->sim->wait_message(chat => 1, after => $mark, match => qr/slow-2/, timeout => 60) // {};
	like $told->{text}, qr{/stop slow-2.*slow-2: does not exist}s, 'the next start tells what was interrupted, and how it is now';
	slow('slow-3', 20);
	$talk->say('/stop slow-3');
	ok going('slow-3'), 'again one that takes long';
	$bot->signal('TERM');
	is $bot->wait_exit(15), 0, 'shutdown_grace bounds the wait';
	is $engine->state('slow-3'), 'running', '… the command goes on without it';
	$engine->rm('slow-3');
	$bot->restart->wait_ready;
};

$talk->end_ok;
File::Path::remove_tree($dir);
done_testing;
