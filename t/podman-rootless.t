# Runs once, takes long: Podman run by an ordinary user, of two versions, by its socket and over ssh as that user.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Podman;
use FG::Scene qw(patient need_sqlite);
use FG::Sshd;
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
FG::Podman->need(rootless => 1);
FG::Podman->need(rootless => 1, version => '5.4');
FG::Sshd->need;
need_sqlite();

# A chat for each host is told of what happens there: in one for both, what happens within seconds is one message.
my %told_of = (four => 2004, five => 2005);

my @waits = ('sh', '-c', 'echo "listening <b>"; trap "exit 0" TERM; while :; do sleep 1000 & wait; done');
my %podman = (four => FG::Podman->start(rootless => 1), five => FG::Podman->start(rootless => 1, version => '5.4'));
$_->import_busybox(name => 'localhost/app:1', labels => { build => 1 }) for values %podman;

my $sim = FG::Sim->start;
$sim->chat(chat => $told_of{$_}, first_name => "Told of $_") for keys %told_of;
my $talk = FG::Talk->start(
	sim => $sim,
	users => [{ id => 1, name => 'ops', role => 'admin' }],
	chats => [map { { id => $told_of{$_}, role => 'viewer', scope => "host=$_", notify => JSON::PP::true() } } keys %told_of],
	hosts => { map { $_ => { url => $podman{$_}->url, timeout => '60s' } } keys %podman },
	templates => {
		demo => { image => 'localhost/app:1', pull => 'never', network_mode => 'none', stop_timeout => '1s', command => \@waits,
			limits => { memory => '32m', pids => 20 } },
	},
	notify => { startup_delay => '0', log_lines => 5 },
	health => { refresh => '1m' },
	update => { settle => '1s' },
	exec => { enabled => JSON::PP::true() },
	confirm => { always => [] },
	prune => { enabled => JSON::PP::true(), idle => '1s', every => '1h' },
);
my $bot = $talk->bot;

sub says {
	my ($words, $match, %o) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $answer = $talk->ask($words, %o);
	like $answer->{text}, $match, $words;
	return $answer;
}

# What is asked first is confirmed; what it tells of its progress is not its end.
sub does {
	my ($words, $match) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $end = qr/^(?!⏳|🧹 Pruning|▶️[^\n]*running…)/;
	my $answer = $talk->ask($words, match => $end);
	$answer = $talk->confirm($answer, match => $end)->{answer} // $answer if $answer->{text} =~ /\?(?:\s|\z)/;
	like $answer->{text}, $match, "$words, confirmed";
	return $answer;
}

my ($told, $mark) = (0, 0);
sub told { return grep { $_->{seq} > $mark } @{ $sim->messages(chat => $told) } }

sub is_told {
	my ($match, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok wait_until(patient(30), sub { grep { $_->{text} =~ $match } told() }), $name
		or diag "it reads:\n" . join "\n--\n", map { $_->{text} } told();
	return;
}

says('/hosts', qr/five · .*\n\s+podman 5\.4\..*\n(?:.*\n)*\S+ four · .*\n\s+podman 4\./m);

for my $host (sort keys %podman) {
	my $podman = $podman{$host};
	subtest "$host: an instance" => sub {
		says("/create web demo host=$host", qr/⚠️ limits that do not hold on this host: memory, pids \(its Podman runs as an ordinary user/,
			match => qr/Instance of demo|⚠️/);
		says("/info $host/web", qr/^🟢 $host\/web · running for/);
		says("/logs $host/web", qr/^listening <b>\z/m);
		says("/stats $host/web", qr/^📊 $host\/web\nCPU, memory, processes and disk: not available\nIt has no cgroup(?!.*\d%)/s);
		says("/top $host/web", qr/web · 2 processes\n.*PID.*sleep 1000/s);
		says("/limits $host/web", qr/What it uses: not available/);
		does("/limits $host/web memory=64m", qr/limits that do not hold on this host: memory \(/);
		is $podman->inspect('web')->{HostConfig}{Memory}, 0, 'nor does the engine say they do';
		return if $host eq 'four'; # t/podman.t has the rest
		says("/images host=$host", qr/app:1 · .* · 1 container/);
		says("/df host=$host", qr/^images +\d+/m);
		says("/compose $host/web", qr/services:\n  web:\n.*image: localhost\/app:1/s);
		says("/drift $host/web", qr/drift/i);
		does("/exec $host/web echo hello", qr/^hello$/m);
		does("/exec $host/web no-such-program", qr/exit code 12[67]/);
	};

	subtest "$host: acting" => sub {
		does("/stop $host/web", qr/^✅ $host\/web stopped\.\n🔴 exited/);
		does("/up $host/web", qr/^✅ $host\/web started\.\n🟢 running/);
		does("/pause $host/web", qr/cgroup/);
		does("/rename $host/web shop", qr/shop/);
		my $id = $podman->inspect('shop')->{Id};
		$podman->import_busybox(name => 'localhost/app:1', labels => { build => 2 });
		does("/update $host/shop", qr/^✅ .*shop/);
		my $new = $podman->inspect('shop');
		isnt $new->{Id}, $id, 'another image: it is made again';
		is $new->{Config}{Labels}{build}, 2, 'from the new one';
		does("/rollback $host/shop", qr/^✅ .*shop/);
		is $podman->inspect('shop')->{Config}{Labels}{build}, 1, 'and goes back to the one before';
		does("/pull $host busybox:nowhere", qr/⚠️/);
	};

	subtest "$host: what happens is told" => sub {
		($told, $mark) = ($told_of{$host}, $sim->last_seq);
		# For a second: of what ends at once, this Podman may keep no log.
		$podman->run(name => 'crash', cmd => ['sh', '-c', 'echo last words; sleep 1; exit 7']);
		is_told(qr/^🔴 (?:$host\/)?crash died: exit code 7(?:.*\n)+last words/m, 'a death with its code and last words');
		$podman->run(name => 'sick', cmd => \@waits, healthcheck => { test => 'test -e /ok || { echo no ok; false; }', interval => 3600 });
		is $podman->check('sick'), 'unhealthy', 'a check is run';
		is_told(qr/^🟠 (?:$host\/)?sick is unhealthy(?:.*\n)+no ok/m, 'what is unhealthy, with what the check said');
		ok $podman->command('exec', 'sick', 'touch', '/ok'), 'it gets well';
		is $podman->check('sick'), 'healthy', 'a check says so';
		is_told(qr/sick is healthy again/, 'what is healthy again');
		$podman->run(name => $_, cmd => ['sh', '-c', 'trap "exit 143" TERM; while :; do sleep 0.1; done']) for qw(halted ended);
		ok $podman->command('stop', '-t', 20, 'halted'), 'one is stopped at the machine';
		$podman->api(POST => '/containers/ended/stop?t=20');
		$podman->run(name => 'after', cmd => ['sh', '-c', 'exit 9']);
		is_told(qr/after died: exit code 9/, 'what comes after');
		ok !(grep { $_->{text} =~ /(?:halted|ended) died/ } told()), 'what was stopped is not told as a death'
			or diag join "\n--\n", map { $_->{text} } told();
		$podman->rm($_) for qw(halted ended after crash sick);
		my $events = says('/events', qr/halted/);
		unlike $events->{text}, qr/shop.*paused|paused.*shop/, 'and no pause that failed';
	};
}

subtest 'side by side' => sub {
	says('/stats', qr/-\s+-(?:\/-)?\s+-\s+-$/m);
	unlike $talk->ask('/stats')->{text}, qr/\b0%|\b0 ?B/, 'no 0% of what nobody counts';
	unlike $bot->http(GET => '/metrics')->{content}, qr/^fleetgram_instance_(?:cpus|memory_bytes)\{/m, 'nor in /metrics';
	says('/prune idle', qr/nothing/i);
};

subtest 'over ssh' => sub {
	my $sshd = FG::Sshd->start(podman => $podman{five});
	my ($exit, $out) = FG::Bot::check_config({ hosts => { far => $sshd->host } });
	like $out, qr/^ok +host far\b/m, 'as the user, without root: the check';
	FG::Bot::with_config({ hosts => { far => $sshd->host } }, sub { ($exit, $out) = FG::Bot::run_bin(args => [@_, 'exec', '--', 'list']) });
	like $out, qr/shop/, 'and a list';
};

$talk->end_ok;
done_testing;
