# Runs once, takes long: three engines.
# Waves: host after host on real engines, as long as all is well; what halts them, what goes on then, what goes back, and what a
# kill -9 in the middle leaves.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp ();
use Test::More;
use Time::Local qw(timegm);
use FG::Bot;
use FG::Engine;
use FG::Scene qw(store_rows store_change need_sqlite patient wait_settled);
use FG::Talk;
use FG::Util qw(wait_until spew json_encode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

use constant { OPS => 1, VIEWER => 2, SCOPED => 3, OTHER => 4, ANNA => 5, NOBACK => 6, GROUP => -1001 };

my @hosts = qw(a b c);
my %engine = map { $_ => FG::Engine->start(version => $version, image => 0) } @hosts;
my $gates = File::Temp->newdir;
my @obeys = ('sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done');
my %id;    # host => build => image

# What a registry would do with the name: on those hosts it means that build now.
sub newest {
	my ($build, @on) = @_;
	$engine{$_}->api(POST => "/images/$id{$_}{$build}/tag?repo=app&tag=newest") for @on ? @on : @hosts;
	return;
}

sub image_of { my ($host, $name) = @_; my $c = $engine{$host}->inspect($name // 'web'); return $c && $c->{Image} }
sub container { my ($host, $name) = @_; return $engine{$host}->inspect($name // 'web')->{Id} }
sub started { my ($host) = @_; return $engine{$host}->inspect('slow')->{State}{StartedAt} }

# One test: the builds that web runs on, a first.
sub run_builds {
	my ($name, @builds) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my %back = map { my $host = $_; map { $id{$host}{$_} => $_ } keys %{ $id{$host} } } @hosts;
	return is_deeply [map { $back{ image_of($_) // '' } } @hosts], \@builds, $name;
}

# One image is imported; the others are made of what runs on it, which is quicker.
for my $host (@hosts) {
	my $engine = $engine{$host};
	$id{$host}{one} = $engine->import_busybox(name => 'app:one', cmd => \@obeys);
	newest('one', $host);
	$engine->run(name => 'web', image => 'app:newest');
	my %changes = (two => 'LABEL build=two', three => 'LABEL build=three', dies => 'CMD ' . json_encode(['sh', '-c', 'echo the disk is on fire; exit 3']));
	$id{$host}{$_} = $engine->api(POST => "/commit?container=web&pause=0&repo=app&tag=$_&changes=" . FG::Engine::_uri($changes{$_}), {})->{Id}
		for sort keys %changes;
}

# These are healthy once the gate of their host is open, and stay so.
sub gate { my ($open, @of) = @_; for my $host (@of) { $open ? spew("$gates/$host/ok", '') : unlink "$gates/$host/ok" } return }
for my $host (@hosts) {
	mkdir "$gates/$host";
	gate(1, $host);
	$engine{$host}->run(name => 'slow', image => 'app:one', host_config => { Binds => ["$gates/$host:/gate"] },
		healthcheck => { test => 'test -e /gate/ok', interval => 1, retries => 1000, start_period => 600 });
}

my $talk = FG::Talk->start(
	users => [
		{ id => OPS, name => 'ops', role => 'operator' },
		{ id => VIEWER, name => 'vic', role => 'viewer' },
		{ id => SCOPED, name => 'sam', role => 'operator', scope => 'host=c' },
		{ id => OTHER, name => 'otto', role => 'operator' },
		{ id => ANNA, name => 'anna', role => 'operator', scope => 'host=a' },
		{ id => NOBACK, name => 'nina', role => 'operator', deny => ['rollback'] },
	],
	hosts => { map { $_ => { url => $engine{$_}->url, timeout => '60s' } } @hosts },
	templates => { app => { image => 'app:one', network_mode => 'none', pull => 'never', stop_timeout => '1s', limits => { memory => '64m' } } },
	update => { settle => '1s' },
	notify => { startup_delay => '1h' },
	history => { enabled => JSON::PP::false() },
);
$talk->sim->chat(chat => GROUP, type => 'supergroup', title => 'Operators');

# The message of a chat that is like that, after a call's number; waves take their time.
sub told {
	my ($pattern, %o) = @_;
	return $talk->sim->wait_message(chat => $o{in} // OPS, match => $pattern, after => $o{after}, timeout => patient(60))
		// { text => "(nothing like $pattern)", chat_id => $o{in} // OPS, message_id => 0 };
}

# Presses a button, and waits for such a message.
sub goes {
	my ($message, $button, $pattern, %o) = @_;
	my $mark = $talk->sim->last_seq;
	$talk->press($message, $button, silent => 1, %o);
	return told($pattern, after => $mark, in => $message->{chat_id});
}
sub confirmed { my ($question, $pattern) = @_; return goes($question, ($talk->buttons($question))[0], $pattern) }

# The store as a crash would have left it: of the latest waves, what is on that host.
sub pretend {
	my ($host, $set) = @_;
	$talk->bot->kill9;
	store_change($talk->bot, "UPDATE wave_targets SET $set WHERE host = '$host' AND waves = (SELECT id FROM waves ORDER BY at_ms DESC LIMIT 1)");
	return $talk->bot->restart;
}

# While one of them is paused for maintenance.
sub pause_host { my ($host) = @_; return like $talk->text("/host pause $host 1h"), qr/paused/, "$host is paused" }
sub resume_host { my ($host) = @_; return like $talk->text("/host resume $host"), qr/$host/, "$host is not paused any more" }

sub healthy { return wait_until(patient(30), sub { !grep { ($engine{$_}->inspect('slow')->{State}{Health}{Status} // '') ne 'healthy' } @hosts }) }

subtest 'words' => sub {
	like $talk->text('/update web wave=0'), qr/a number is 1 to/, 'no wave of none';
	like $talk->text('/restart web wave=1,all'), qr/"all" is no wave.*wave=1,10%,rest/, 'nor of all';
	like $talk->text('/update wave=1'), qr/which containers\?/, 'waves of nothing';
	like $talk->text('/stop web wave=1'), qr/wave/, 'nor of what has none';
};

subtest 'all is well' => sub {
	newest('two');
	my $sent = $talk->count(OPS);
	my $question = $talk->ask('/update web wave=1,50%,rest');
	like $question->{text}, qr{Update 3 containers.*Wave 1 of 3\n• a/web \(running\)\n.*Wave 2 of 3\n• b/web \(running\)\n.*Wave 3 of 3\n• c/web}s,
		'the question shows who is in which wave';
	like confirmed($question, qr/of 3 waves|Halted/)->{text}, qr{^🌊 3 of 3 waves\n✅ Wave 1, 1 of 1: a\n✅ Wave 2, 1 of 1: b\n✅ Wave 3, 1 of 1: c\n.*✅ 3 containers updated: a/web, b/web, c/web}s,
		'one after the other, and a report as of any batch';
	run_builds('all of them run it', qw(two two two));
	is $talk->count(OPS), $sent + 1, 'all of it was one message';
	is_deeply [$talk->buttons($talk->now($question))], [], '… which has no button left';
};

subtest 'a bad image on the second host' => sub {
	newest('three', 'a', 'c');
	newest('dies', 'b');
	my %before = map { $_ => container($_) } @hosts;
	my $question = $talk->ask('/update web wave=1,1,rest', in => GROUP);
	my $halted = confirmed($question, qr/Halted|of 3 waves/);
	like $halted->{text}, qr{^⏸ Halted in wave 2 of 3: b/web failed\n✅ Wave 1, 1 of 1: a\n⚠️ Wave 2, 0 of 1, 1 failed: b ⚠️\n▫️ Wave 3, 0 of 1: c\n}, 'it stops there';
	like $halted->{text}, qr{b/web|web.*the disk is on fire}, '… and says why';
	like $halted->{text}, qr{Not begun: c/web}, '… and what was not begun';
	run_builds('the first is on the new one, the second is back, the third is as it was', qw(three two two));
	is container($_), $before{$_}, "$_\'s is the very same" for qw(b c);
	is_deeply [$talk->buttons($halted)], ['▶️ Continue', '⬇️ Roll back'], 'two ways on';
	like $halted->{text}, qr{Can be rolled back: a/web$}, '… and what the second is about';

	like $talk->press($halted, qr/Roll back/, as => VIEWER)->{text}, qr/you may not use \/update: it needs the role operator/, 'not for who may not update';
	like $talk->press($halted, qr/Roll back/, as => SCOPED)->{text}, qr/more than what you may change/, '… nor for who may not change all of it';
	like $talk->press($halted, qr/Roll back/, as => NOBACK)->{text}, qr/you may not use \/rollback/, '… nor for who may not roll back';
	run_builds('… and nothing was done', qw(three two two));

	pause_host('c');
	my $asked = goes($halted, qr/Continue/, qr/\?/);
	like $asked->{text}, qr{Continue with 1 container\?.*c/web.*c is paused for maintenance}s, 'with a paused host, [Continue] asks';
	$talk->press($asked, qr/Cancel/, match => qr/Cancelled/);
	resume_host('c');
	is container('c'), $before{c}, '… and nothing was done';

	my $sent = $talk->count(GROUP);
	my $back = goes($halted, qr/Roll back/, qr/✅ 1 container rolled back|^⚠️/, as => OTHER);
	like $back->{text}, qr{^⬇️ Rolled back\n.*Wave 1, 0 of 1, 1 rolled back: a\n.*✅ 1 container rolled back: a/web}s, 'one press takes the first back';
	run_builds('all of them run the one before', qw(two two two));
	is $engine{a}->api(GET => '/images/app:newest/json')->{Id}, $id{a}{two}, '… and the name means it again';
	is container('c'), $before{c}, '… and the third was never touched';
	is $talk->count(GROUP), $sent, '… in the same message';
	like $talk->press($halted, qr/Roll back/)->{text}, qr/from before/, 'an old button does nothing' if grep {/Roll/} $talk->buttons($talk->now($halted));
	my @rows = store_rows($talk->bot, "SELECT name, line, targets, result FROM audit WHERE line LIKE '%wave=back%' ORDER BY n");
	is_deeply [map {"$_->{name} $_->{result}"} @rows], ['vic refused', 'sam refused', 'nina refused', 'otto done'], 'the audit knows who pressed';
	is $rows[-1]{line}, 'update web wave=1,1,rest (wave=back)', '… for which command' if @rows;
	is $rows[-1]{targets}, 'a/web', '… and what it was about' if @rows;
};

subtest 'halted, and continued' => sub {
	ok healthy(), 'all is healthy';
	gate(0, @hosts);
	my %before = map { $_ => started($_) } @hosts;
	my $question = $talk->ask('/restart slow wave=1,1,rest');
	my $under_way = confirmed($question, qr/wave 1 of 3/);
	ok wait_until(patient(20), sub { started('a') ne $before{a} }), 'the first restarts';
	like goes($under_way, qr/Halt/, qr/Halting/)->{text}, qr/Halting \(by ops\)/, 'a press halts';
	gate(1, 'a');
	my $halted = told(qr/^⏸ Halted/);
	like $halted->{text}, qr{^⏸ Halted in wave 1 of 3: by ops\n✅ Wave 1, 1 of 1: a\n▫️ Wave 2.*Not begun: b/slow, c/slow}s, 'what was under way comes to its end, and that is all';
	is_deeply [map { started($_) eq $before{$_} ? 1 : 0 } @hosts], [0, 1, 1], '… really';
	is_deeply [$talk->buttons($halted)], ['▶️ Continue'], 'a restart has no way back';
	my $a = started('a');
	gate(1, @hosts);
	my $done = goes($halted, qr/Continue/, qr/^🌊 3 of 3|Halted/);
	like $done->{text}, qr{✅ 2 containers restarted: b/slow, c/slow}, 'one press goes on';
	is_deeply [map { started($_) eq $before{$_} ? 1 : 0 } @hosts], [0, 0, 0], '… with the rest';
	is started('a'), $a, '… and with no more than that';
};

subtest 'what changes while it waits' => sub {
	ok healthy(), 'all is healthy';
	gate(0, 'a');
	my $question = $talk->ask('/restart slow wave=1,1,rest');
	my %before = map { $_ => started($_) } @hosts;
	confirmed($question, qr/wave 1 of 3/);
	pause_host('b');
	gate(1, 'a');
	my $stays = told(qr/Halted in wave/);
	like $stays->{text}, qr{^⏸ Halted in wave 2 of 3: b is paused for maintenance\n✅ Wave 1, 1 of 1: a\n▫️ Wave 2, 0 of 1: b\n.*Not begun: b/slow, c/slow}s, 'a pause halts';
	is_deeply [map { started($_) eq $before{$_} ? 1 : 0 } @hosts], [0, 1, 1], '… before anything is done there';
	resume_host('b');

	ok healthy(), 'all is healthy';
	gate(0, 'a');
	$question = $talk->ask('/restart slow wave=1,rest');
	confirmed($question, qr/wave 1 of 2/);
	$engine{b}->api(POST => '/containers/slow/rename?name=late');
	my $before = $engine{b}->inspect('late')->{State}{StartedAt};
	gate(1, 'a');
	my $halted = told(qr/Halted in wave 2 of 2/);
	like $halted->{text}, qr{slow is not what you were shown: it is called late now}, 'is refused, and how it differs is told';
	is $engine{b}->inspect('late')->{State}{StartedAt}, $before, '… and it was left alone';
	$engine{b}->api(POST => '/containers/late/rename?name=slow');

	ok healthy(), 'all is healthy';
	gate(0, 'b');
	$before = started('b');
	confirmed($talk->ask('/restart slow wave=1,1,rest'), qr/wave 2 of 3/);
	ok wait_until(patient(20), sub { started('b') ne $before }), 'the second restarts';
	$engine{a}->api(POST => '/containers/slow/stop?t=1');
	gate(1, 'b');
	$halted = told(qr/no longer good/);
	like $halted->{text}, qr{^⏸ Halted in wave 2 of 3: a/slow was done, and is no longer good: it is exited[^\n]*\n⚠️ Wave 1, 0 of 1, 1 failed: a ⚠️\n✅ Wave 2}, 'what was done has to stay good';
	is_deeply [$talk->buttons($halted)], ['▶️ Continue'], '… before anything else is begun';

	# As if it had ended between its stop and its start.
	my ($y, $mon, @rest) = started('a') =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d{3})/;
	my $ms = timegm(reverse($y, $mon - 1, @rest[0 .. 3])) * 1000 + $rest[4];
	pretend('a', "state = 1, now_id = '', bad = 0, started_ms = $ms");
	like goes($halted, qr/Continue/, qr/^🌊 3 of 3|Halted/)->{text}, qr{⚠️ Wave 1, 0 of 1, 1 failed: a ⚠️\n✅ Wave 2, 1 of 1: b\n✅ Wave 3, 1 of 1: c\n}, 'what is down because of it has failed, not waited';
	$engine{a}->api(POST => '/containers/slow/start');
};

subtest 'a scope, and a host beside it that is silent' => sub {
	ok healthy(), 'all is healthy';
	gate(0, 'a');
	my $question = $talk->ask('/restart slow web wave=1,rest', as => ANNA);
	my $under_way = goes($question, ($talk->buttons($question))[0], qr/wave 1 of 2/, as => ANNA);
	$engine{c}->freeze;
	like goes($under_way, qr/Halt/, qr/Halting|⚠️/, as => ANNA)->{text}, qr/Halting \(by anna\)/, 'who may press halts';
	gate(1, 'a');
	my $halted = told(qr/^⏸ Halted/, in => ANNA);
	like goes($halted, qr/Continue/, qr/^🌊 \d of|Halted|not answer/, as => ANNA)->{text}, qr{^🌊 2 of 2 waves}, '… and goes on';
	$engine{c}->thaw;
	ok wait_until(patient(30), sub { $talk->text('/list web') !~ /answer|slow/ }), 'c is back';
};

# All on one host, so the waves are of containers.
subtest 'what shares the network of another one' => sub {
	my $base = $engine{a}->run(name => 'nb', image => 'app:newest', cmd => \@obeys, labels => { net => 'shared' });
	$engine{a}->run(name => $_, image => 'app:newest', cmd => \@obeys, labels => { net => 'shared' }, network => "container:$base") for qw(na nc);
	newest('one', 'a');
	my $done = confirmed($talk->ask('/update label=net:shared wave=1,1,rest'), qr/of 3 waves|Halted/);
	like $done->{text}, qr{^🌊 3 of 3 waves\n✅ Wave 1, 1 of 1: a\n✅ Wave 2, 1 of 1: a\n✅ Wave 3, 1 of 1: a\n}, 'it is made again with that, and both go on';
	is_deeply [grep { image_of('a', $_) ne $id{a}{one} } qw(na nb nc)], [], 'they run it, those that were made again before their turn, too';
	is $engine{a}->inspect($_)->{Config}{Image}, 'app:newest', "… $_ by its name" for qw(na nb nc);
	is $engine{a}->inspect($_)->{HostConfig}{NetworkMode}, 'container:' . container('a', 'nb'), "$_ shares with the new one" for qw(na nc);

	newest('three', 'a');
	$done = confirmed($talk->ask('/update label=net:shared wave=3'), qr/of 1 waves?|Halted/);
	like $done->{text}, qr{✅ Wave 1, 3 of 3: a 3/3\n}, 'nor does it matter in one wave';

	# Ended while the second one's are made again.
	newest('two', 'a');
	my $nc = container('a', 'nc');
	confirmed($talk->ask('/update label=net:shared wave=1,1,rest'), qr/wave 1 of 3/);
	ok wait_until(patient(60), sub { store_rows($talk->bot, "SELECT 1 FROM replace_follows WHERE old_id = '$nc'") }), 'the last one is made again for the second';
	my $mark = $talk->sim->last_seq;
	$talk->bot->kill9;
	store_change($talk->bot, "UPDATE wave_targets SET state = 0, id = '$nc', now_id = '' WHERE name = 'nc' AND waves = (SELECT id FROM waves ORDER BY at_ms DESC LIMIT 1)");
	isnt image_of('a', 'nc'), $id{a}{two}, 'it still runs the image before';
	is $engine{a}->inspect('nc')->{Config}{Labels}{'io.fleetgram.image'}, 'app:newest', '… whose name it keeps';
	$talk->bot->restart;
	my $left = told(qr/^⚠️ Interrupted/, after => $mark);
	like $talk->text('/info nc'), qr/app:newest/, '… as it is shown';
	$done = goes($left, qr/Continue/, qr/^🌊 3 of 3|Halted/);
	like $done->{text}, qr{^🌊 3 of 3 waves\n}, 'what goes on means the one that it is now';
	is_deeply [grep { image_of('a', $_) ne $id{a}{two} } qw(na nb nc)], [], 'all of them run it';
	ok !exists $engine{a}->inspect('nc')->{Config}{Labels}{'io.fleetgram.image'}, '… under their own names';
	$engine{a}->rm($_) for qw(na nc nb);
};

subtest 'instances, as the config says' => sub {
	my @made = qw(made1 made2);
	for my $name (@made) {
		my $answer = $talk->ask("/create $name app host=a", match => qr/created|\?|⚠️/);
		$talk->confirm($answer, match => qr/created/) if $talk->buttons($answer) && $answer->{text} !~ /created/;
		$engine{a}->api(POST => "/containers/$name/update", { Memory => 32 << 20, MemorySwap => 64 << 20 });
	}
	my $question = $talk->ask('/apply made* wave=1,rest', match => qr/Apply|⚠️/);
	like $question->{text}, qr{made1.*memory.*Wave 1 of 2\n• a/made1 \(running\)\n.*Wave 2 of 2\n• a/made2}s, 'what differs, and in which wave';
	like confirmed($question, qr/of 2 waves|Halted/)->{text}, qr{^🌊 2 of 2 waves\n✅ Wave 1, 1 of 1: a\n✅ Wave 2, 1 of 1: a\n.*✅ 2 containers applied: a/made1, a/made2}s, 'one after the other';
	is $engine{a}->inspect($_)->{HostConfig}{Memory}, 64 << 20, "$_ has its limit back" for @made;
};

subtest 'kill -9 in the second wave' => sub {
	newest('one');
	my $sent = $talk->count(OPS);
	my $question = $talk->ask('/update web wave=1,rest');
	confirmed($question, qr/wave 1 of 2/);
	ok wait_until(patient(30), sub { store_rows($talk->bot, 'SELECT 1 FROM wave_targets WHERE wave = 2 AND state = 1') }), 'the second wave begins';
	$talk->bot->kill9;
	my $first = container('a');
	$talk->bot->restart;
	my $left = told(qr/^⚠️ Interrupted/);
	like $left->{text}, qr{^⚠️ Interrupted in wave 2 of 2: .*/update web wave=1,rest\n✅ Wave 1, 1 of 1: a\n.*Done: a/web}s, 'the message says how far it came';
	is_deeply [$talk->buttons($left)], ['▶️ Continue', '⬇️ Roll back'], '… and has its buttons';
	ok wait_settled($talk->bot), 'nothing goes on by itself';
	my $mixed = join ' ', map { image_of($_) eq $id{$_}{one} ? 1 : 0 } @hosts;
	isnt $mixed, '1 1 1', '… really';
	my $done = goes($left, qr/Continue/, qr/^🌊 2 of 2|Halted/);
	like $done->{text}, qr{✅ Wave 1, 1 of 1: a\n✅ Wave 2, 2 of 2: b, c\n}, 'one press finishes it';
	run_builds('all of them run it', qw(one one one));
	is container('a'), $first, '… and the first was not done twice';
	is $talk->count(OPS), $sent + 1, 'all of it was one message';
};

subtest 'several go back' => sub {
	newest('two', 'a', 'b');
	newest('dies', 'c');
	my $halted = confirmed($talk->ask('/update web wave=2,rest', in => GROUP), qr/Halted|of 2 waves/);
	like $halted->{text}, qr{^⏸ Halted in wave 2 of 2.*Can be rolled back: a/web, b/web$}s, 'two were done';

	# As if it had ended in the middle of b, and what is on c is nobody's any more.
	pretend('b', "state = 1, now_id = ''");
	$engine{c}->rm('web');
	like $talk->press($halted, qr/Roll back/, as => ANNA)->{text}, qr/more than what you may change/, 'what was interrupted counts for a scope';
	run_builds('… and nothing was done', 'two', 'two', undef);

	my $asked = goes($halted, qr/Roll back/, qr/Roll back|rolled back/, as => OTHER);
	like $asked->{text}, qr{^⬇️ Roll back 2 containers, each to the image before\?.*a/web.*b/web}s, 'a stray tap asks';
	is_deeply [$talk->buttons($asked)], ['Roll back 2 containers', 'Cancel'], '… as ever';
	run_builds('… and does nothing', 'two', 'two', undef);
	is_deeply [$talk->buttons($talk->now($halted))], ['⬇️ Roll back'], '… and the report keeps its buttons';
	like goes($asked, qr/Roll back/, qr/containers? rolled back|Not all/, as => OTHER)->{text}, qr{✅ 2 containers rolled back: a/web, b/web}, 'the second press does it';
	run_builds('… for both', 'one', 'one', undef);
	newest('one');
	$engine{c}->run(name => 'web', image => 'app:newest');
};

subtest 'on a terminal' => sub {
	newest('three', 'a', 'c');
	newest('dies', 'b');
	my ($exit, $out, $err) = FG::Bot::exec_cmd({ hosts => { map { $_ => { url => $engine{$_}->url } } @hosts }, update => { settle => '1s' } },
		'--yes', 'update', 'web', 'wave=1,1,rest');
	is $exit, 1, 'what halts fails';
	like $err, qr{halted in wave 2 of 3: b/web failed}, '… and says where';
	like $out, qr{Not begun: c/web}, '… and what was not begun';
	run_builds('… and it was so', qw(three one one));
};

$talk->end_ok;
done_testing;
