# Runs sanitized, takes long: what is too high has to stay so for seconds, what is unhealthy too.
# What looks after containers by itself, on a real engine with a registry beside it: CPU, memory and disk above a threshold, newer
# images, and autoheal. Each is provoked for real, and what the chat shows is counted.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Registry;
use FG::Scene qw(OPERATOR start_sim quick_config no_complaints patient count_events moment store_rows wait_rows need_sqlite);
use FG::Talk;
use FG::Util qw(wait_until in_ci);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
need_sqlite();
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
if (my $why = FG::Registry->unavailable) {
	BAIL_OUT($why) if in_ci();
	plan skip_all => $why;
}

my $true = JSON::PP::true();
my $false = JSON::PP::false();
my $engine = FG::Engine->start(version => $version);
my $sim = start_sim();
$sim->chat(chat => OPERATOR, first_name => 'ops');
my $bot;

# Nothing is told but what a subtest is about. The thresholds of a test are far below what it provokes, and far above what a
# container that sleeps needs.
sub config {
	my (%more) = @_;
	my %notify = (startup_delay => '0', die => $false, host => $false, for => '2s', %{ delete $more{notify} // {} });
	return quick_config($sim, { local => { url => $engine->url, timeout => '60s' } },
		chats => [{ id => OPERATOR, notify => $true }], notify => \%notify, %more);
}

sub begin {
	my (%more) = @_;
	$bot = FG::Bot->start(config => config(%more));
	$bot->wait_ready;
	return $sim->last_seq;
}

# Another config for the running bot.
sub renew {
	my (%more) = @_;
	my $mark = $bot->log_mark;
	$bot->configure(config(%more));
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, 20, $mark), 'a reload';
	return;
}

sub finish {
	is $bot->stop, 0, 'the bot ends well';
	$engine->clear;
	return;
}

# The messages about NAME in the chat that came, or were edited, after a call.
sub about {
	my ($name, $after) = @_;
	return grep { ($_->{text} // '') =~ /\b\Q$name\E\b/ && ($_->{seq} > $after || $_->{edit_seq} > $after) }
		@{ $sim->messages(chat => OPERATOR) };
}

# The one that fits, as soon as there is one.
sub told {
	my ($after, $pattern, $seconds) = @_;
	return $sim->wait_message(chat => OPERATOR, after => $after, match => $pattern, timeout => patient($seconds // 60));
}

sub open_incidents { my ($kind) = @_; return store_rows($bot, "SELECT id, name, host FROM incidents WHERE kind = '$kind' AND state = 0") }

# Keeps one CPU busy while the file is there.
my @busy = ('sh', '-c', 'while true; do if [ -e /tmp/on ]; then i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; else sleep 1; fi; done');

sub inside {
	my ($name, @cmd) = @_;
	my $exec = $engine->api(POST => "/containers/$name/exec", { Cmd => \@cmd, AttachStdout => $true, AttachStderr => $true });
	$engine->request(POST => "/exec/$exec->{Id}/start", { Detach => $false, Tty => $false });
	my $left;
	wait_until(30, sub { $left = $engine->api(GET => "/exec/$exec->{Id}/json"); !$left->{Running} });
	return $left->{ExitCode};
}

subtest 'CPU and memory' => sub {
	$engine->run(name => 'burner', cmd => \@busy);
	$engine->run(name => 'eater', cmd => ['sleep', '1d'], init => 1, memory => 64 << 20, host_config => { Tmpfs => { '/fat' => 'size=60m' } });
	$engine->run(name => 'quiet', cmd => ['sleep', '1d'], init => 1, memory => 64 << 20);
	my $mark = begin(notify => { cpu_percent => 6, memory_percent => 60 });

	is inside('burner', 'touch', '/tmp/on'), 0, 'a container begins to work hard';
	my $hot = told($mark, qr/burner/);
	like $hot->{text}, qr/^🟠 burner uses [\d.]+% CPU, more than 6\.0%$/m, '… and that is told, with how much it is';
	ok +(grep {/Logs/} $sim->buttons($hot)), '… with buttons';
	is inside('eater', 'dd', 'if=/dev/zero', 'of=/fat/a', 'bs=1M', 'count=50'), 0, 'another one fills its memory';
	my $fat = told($mark, qr/eater/);
	like $fat->{text}, qr/^🟠 eater uses \d+% of its memory: [\d.]+M of 64M$/m, '… and that is told, against its limit';

	is $bot->stop, 0, 'the bot is stopped';
	$bot->restart;
	$bot->wait_ready;
	ok wait_rows($bot, "SELECT 1 FROM incidents WHERE kind = 'cpu' AND state = 0"), 'after a restart it is still open';

	my $cooled = $sim->last_seq;
	inside('burner', 'rm', '/tmp/on');
	my $well = told($cooled, qr/✅ burner/);
	is $well->{message_id}, $hot->{message_id}, 'it calms down: the message is edited';
	like $well->{text}, qr/^✅ burner uses less CPU again/m, '… and says so';
	inside('eater', 'rm', '/fat/a');
	$well = told($cooled, qr/✅ eater/);
	is $well->{message_id}, $fat->{message_id}, 'so is the one about memory';
	is scalar(about($_, $mark)), 1, "one message about $_ in all" for qw(burner eater);
	is scalar(about('quiet', $mark)), 0, 'and none about a container that sleeps';

	$mark = $sim->last_seq;
	inside('eater', 'dd', 'if=/dev/zero', 'of=/fat/a', 'bs=1M', 'count=50');
	ok told($mark, qr/🟠 eater/), 'it comes back in the same message';
	is scalar(about('eater', 0)), 1, '… which is the only one';
	renew(notify => { cpu_percent => 6 });
	ok wait_until(patient(30), sub { !open_incidents('memory') }), 'a threshold that is taken away has no incidents';
	renew(notify => { cpu_percent => 6, memory_percent => 60 });
	ok wait_rows($bot, "SELECT 1 FROM incidents WHERE kind = 'memory' AND state = 0", 60), '… and one that is set has them again';
	$engine->rm('eater');
	ok wait_until(patient(60), sub { !open_incidents('memory') }), 'a container that is gone is none';
	finish();
};

subtest 'disk' => sub {
	my $mark = begin(notify => { disk_percent => 0.000001 });
	my $full = told($mark, qr/disk/i);
	like $full->{text}, qr/^🟠 The disk of host local is [\d.]+% full: [\d.]+\w+ of [\d.]+\w+$/m, 'the disk of an engine on this machine';
	my ($percent) = $full->{text} =~ /is ([\d.]+)%/;
	my ($df) = (`df --output=pcent @{[ $engine->dir ]}/data`)[1] =~ /(\d+)/;
	cmp_ok abs($percent - $df), '<=', 2, '… as full as df says' or diag "$percent, $df";
	renew(notify => { disk_percent => 100 });
	ok told($mark, qr/✅ The disk of host local has room again/), '… and it has room again';
	is scalar(about('disk', $mark)), 1, '… in the same message';
	finish();
};

subtest 'newer images' => sub {
	my $registry = FG::Registry->start($engine);
	my $ref = $registry->push('busybox:latest', 'shop/tool:1', keep => 1);
	$engine->run(name => $_, image => $ref, cmd => ['sleep', '1d'], init => 1) for qw(front back fixed silent);
	$engine->rm('silent');
	$engine->run(name => 'silent', image => $ref, cmd => ['sleep', '1d'], init => 1, labels => { 'io.fleetgram.notify' => 'false' });
	my $mark = begin(images => { check_every => '3s' }, update => { settle => '1s' });
	my $answer = $sim->ask(user => OPERATOR, text => '/pin fixed', timeout => patient(20), match => qr/fixed/);
	ok $answer, 'one is pinned';
	$mark = $sim->last_seq;

	$registry->make('shop/tool:2');
	$registry->point('shop/tool:1', 'shop/tool:2');
	my $news = told($mark, qr/front/);
	like $news->{text}, qr/back/, 'a newer image: one message for both containers';
	unlike $news->{text}, qr/fixed|silent/, '… and nothing of one that is pinned, or that nobody is to be told of';
	ok +(grep {/Update all/} $sim->buttons($news)), '… with a button for both';
	$registry->forget;
	ok wait_until(patient(60), sub { scalar(grep {/^HEAD/} $registry->requests) >= 3 }), 'the registry is asked again and again';
	is scalar(about('front', $mark)), 1, '… and it is told once';
	$sim->ask(user => OPERATOR, text => '/host pause local 1h', timeout => patient(20), match => qr/is paused until/);
	my $sweeps = sub { (store_rows($bot, "SELECT value FROM settings WHERE key = 'updates.swept'"))[0]{value} // 0 };
	for (1 .. 2) { # one may have begun before
		my $before = $sweeps->();
		ok wait_until(patient(60), sub { $sweeps->() > $before }), 'its host is paused, and is gone over all the same';
	}
	is_deeply [sort map { $_->{name} } open_incidents('update')], [qw(back front)], '… what is open stays open';
	$sim->ask(user => OPERATOR, text => '/host resume local', timeout => patient(20), match => qr/not paused any more/);
	is $bot->stop, 0, 'the bot is stopped';
	$bot->restart;
	$bot->wait_ready;
	$registry->forget;
	ok wait_until(patient(60), sub { scalar(grep {/^HEAD/} $registry->requests) >= 3 }), 'and asks again after a restart';
	is scalar(about('front', $mark)), 1, '… and still it is told once';

	my $asked = $sim->ask(user => OPERATOR, text => '/update front', timeout => patient(30), match => qr/\?/);
	$sim->press(user => OPERATOR, message => $asked, button => ($sim->buttons($asked))[0]);
	ok wait_rows($bot, "SELECT 1 FROM incidents WHERE kind = 'update' AND name = 'front' AND state > 0", 90), 'updated: its incident is over';
	my $taken = told($mark, qr/^✅ front: the newer \S+ was taken$/m);
	is $taken && $taken->{message_id}, $news->{message_id}, '… and the message says so';
	is_deeply [map { $_->{name} } open_incidents('update')], ['back'], '… and the other one is still open';

	$registry->make('shop/tool:3');
	$registry->point('shop/tool:1', 'shop/tool:3');
	$mark = $sim->last_seq;
	ok told($mark, sub { $_[0]{message_id} != $news->{message_id} && $_[0]{text} =~ /^⬆️ front: there is a newer/m }),
		'another newer one is told anew';
	$engine->rm($_) for qw(front back);
	ok wait_until(patient(60), sub { !open_incidents('update') }), 'containers that are gone have no incidents';
	ok told($mark, qr/^🗑 front was removed; there was a newer/m), '… and took nothing newer';
	finish();
	$registry->stop;
};

subtest 'autoheal' => sub {
	my %sick = (cmd => ['sleep', '1d'], init => 1, healthcheck => { test => 'test -e /tmp/well', interval => 0.5, retries => 1 });
	$engine->run(name => 'weak', %sick);
	$engine->run(name => 'spared', %sick, labels => { 'io.fleetgram.autoheal' => 'false' });
	my $since = moment();
	my $mark = begin(autoheal => { enabled => $true, after => '2s', count => 2, within => '1h' });
	my $first = told($mark, qr/weak.*restarted/);
	ok $first, 'an unhealthy container is restarted, which is told';
	ok wait_until(patient(90), sub { (count_events($engine, $since, 'weak')->{restart} // 0) >= 1 }), '… and is true';
	is $bot->stop, 0, 'the bot is stopped';
	$bot->restart;
	$bot->wait_ready;
	# The message before it may be the first to say so, and that it goes on in another one.
	my $is_last = sub { $_[0]{text} =~ /^🔴 weak stays unhealthy, and is not restarted any more \(2 of 2\)$/m && $_[0]{text} !~ /goes on in a newer message/ };
	my $up = told($mark, $is_last, 90);
	ok $up, 'after so many restarts it is given up';
	isnt $up && $up->{message_id}, $first && $first->{message_id}, '… which is told at once, in a new message';
	is count_events($engine, $since, 'weak')->{restart}, 2, '… not one more, nor begun anew by a restart of the bot';
	is count_events($engine, $since, 'spared')->{restart} // 0, 0, 'one that has a label for it is left alone';
	is scalar(grep { $is_last->($_) } about('weak', $mark)), 1, 'giving up is told once';

	inside('weak', 'touch', '/tmp/well');
	ok wait_rows($bot, "SELECT 1 FROM incidents WHERE kind = 'heal' AND state = 1", 60), 'healthy by itself: over';
	ok wait_until(patient(30), sub { !store_rows($bot, "SELECT 1 FROM sick WHERE container = '" . $engine->inspect('weak')->{Id} . "'") }),
		'… and it is not given up any more';
	inside('weak', 'rm', '/tmp/well');
	ok wait_until(patient(60), sub { store_rows($bot, 'SELECT 1 FROM sick WHERE gave_up = 1') }), 'unhealthy again: its restarts of the last hour count';

	renew(autoheal => { enabled => $false, after => '2s', count => 1, within => '1h' });
	$engine->run(name => 'asking', %sick, labels => { 'io.fleetgram.autoheal' => 'true' });
	ok wait_until(patient(90), sub { (count_events($engine, $since, 'asking')->{restart} // 0) >= 1 }), 'where it is off, a label asks for it';
	is count_events($engine, $since, 'weak')->{restart}, 2, '… and nothing else is restarted';

	renew(autoheal => { enabled => $true, after => '1h', count => 9, within => '1h' });
	$engine->run(name => $_, %sick) for qw(taken left);
	my $row = wait_rows($bot, "SELECT id FROM incidents WHERE kind = 'unhealthy' AND name = 'taken' AND state = 0", 60);
	$sim->ask(user => OPERATOR, text => "/ack $row->{id}", timeout => patient(20));
	ok wait_rows($bot, "SELECT 1 FROM incidents WHERE id = $row->{id} AND acked > 0"), 'somebody takes one over';
	renew(autoheal => { enabled => $true, after => '1s', count => 9, within => '1h' });
	ok wait_until(patient(120), sub { (count_events($engine, $since, 'left')->{restart} // 0) >= 2 }), 'another one is restarted again and again';
	is count_events($engine, $since, 'taken')->{restart} // 0, 0, '… that one is not';
	finish();
};

no_complaints($sim);
done_testing;
