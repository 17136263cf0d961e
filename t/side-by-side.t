# Runs once, takes long: dockerd 20.10 on a Unix socket, 26.1 behind mutual TLS, 28.5 behind ssh and Podman, all hosts of one
# bot: what is said of them, and what is told while they are killed, frozen, cut off and revived, one by one and all at once.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use FG::Engine;
BEGIN { FG::Engine->need(qw(20.10 26.1 28.5)) }	# fetched while there is a network to fetch them over
use FG::Alone;
use File::Path ();
use Test::More;
use FG::Certificates;
use FG::Podman;
use FG::Scene qw(count_events moment need_sqlite patient start_sim store_rows);
use FG::Sshd;
use FG::Talk;
use FG::Told;
use FG::Util qw(scratch_dir wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
FG::Podman->need;
FG::Sshd->need;
FG::Certificates->need;
need_sqlite();

use constant UNIX_ONLY => WEB; # a chat that sees one host

my $dir = scratch_dir();
my $made = FG::Certificates->in($dir);
$made->authority('ca');
$made->signed('server', 'ca', 'subjectAltName=IP:10.78.1.2');
$made->signed('client', 'ca', 'extendedKeyUsage=clientAuth');

my %engine = (
	unix => FG::Engine->start(version => '20.10'),
	tls => FG::Engine->start(version => '26.1', daemon => { $made->of_engine('server', 'ca') }, listen => ['tcp://10.78.1.2:2376'],
		before => sub { FG::Alone->cable($_[0]->netns, 1) }),
	ssh => FG::Engine->start(version => '28.5'),
	pod => FG::Podman->start,
);
my @hosts = qw(pod ssh tls unix);
my $sshd = FG::Sshd->start(engine => $engine{ssh}->url);

# Each ends when it is told to, with what is usual then.
sub ends { my ($after) = @_; return ('sh', '-c', qq(trap "sleep $after; exit 143" TERM; while :; do sleep 1000 & wait; done)) }

my %pid; # of a container, by HOST/NAME
sub begin {
	my ($where, @more) = @_;
	my ($host, $name) = split m{/}, $where;
	$engine{$host}->run(name => $name, cmd => [ends(0)], @more);
	$pid{$where} = $engine{$host}->inspect($name)->{State}{Pid};
	return;
}

for my $host (@hosts) {
	begin("$host/$_") for qw(web db);
	begin("$host/keep", restart => 'always');
}
begin('unix/slow', cmd => [ends(3)], stop_timeout => 30, restart => 'always');
begin('pod/slow', cmd => [ends(1)], stop_timeout => 30);

my $sim = start_sim();
$sim->chat(chat => $_, first_name => "Chat $_") for ALL, UNIX_ONLY;
my $talk = FG::Talk->start(
	sim => $sim,
	users => [{ id => 1, name => 'ops', role => 'admin' }],
	chats => [{ id => ALL, role => 'viewer', notify => \1 }, { id => UNIX_ONLY, role => 'viewer', notify => \1, scope => 'host=unix' }],
	# Far longer than anybody waits here: whoever waited for a host until it gives up would be seen.
	hosts => {
		unix => { url => $engine{unix}->url, timeout => '5m' },
		tls => { url => 'tcp://10.78.1.2:2376', tls => $made->of_host('client', 'ca'), timeout => '5m' },
		ssh => $sshd->host(timeout => '5m'),
		pod => { url => $engine{pod}->url, timeout => '5m' },
	},
	notify => { startup_delay => '0', log_lines => 0 },
	health => { refresh => '10m' },
	update => { settle => '1s' },
	confirm => { always => [] },
);
my $bot = $talk->bot;
listen_to($sim, $bot);

# An answer that is so: of what was asked before there may still be news.
sub replies {
	my ($command, $match, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $mark = $sim->last_seq;
	my $answer = $talk->ask($command, match => $match);
	like $answer->{text}, $match, $name
		or diag join "\n--\n", map { $_->{text} } grep { $_->{seq} > $mark || $_->{edit_seq} > $mark } @{ $sim->messages(chat => 1) };
	return $answer;
}

sub started { my ($where) = @_; my ($host, $name) = split m{/}, $where; return $engine{$host}->inspect($name)->{State}{StartedAt} }

# What has to be told by now, and how often it has happened: a container by HOST/NAME, a host by its name.
my %happened;
sub happens { $happened{$_}++ for @_; return }

# The bot looks at all of them now, and at none for longer than a few seconds.
sub health_is {
	my ($status, %other) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $health = $bot->json('/health?probe=true', timeout => patient(60));
	my %states = map { $_->{name} => $_->{state} } @{ $health->{hosts} };
	is_deeply { %states, is => $health->{status} }, { (map { $_ => $other{$_} // 'ok' } @hosts), is => $status }, "/health is $status";
	return;
}

# People go on with these hosts as if nothing were the matter with any other.
sub chats_go_on {
	for my $host (@_) {
		replies("/list host=$host", qr/^(?!.*as last seen).*🟢 keep · up/s, "$host: its containers are listed");
		replies("/info $host/keep", qr{^🟢 $host/keep · running}, '… one is shown');
		my $before = started("$host/keep");
		replies("/restart $host/keep", qr{^✅ $host/keep restarted}, '… and restarted');
		isnt started("$host/keep"), $before, '… in fact';
	}
	return;
}

# What was sent since the start says so now or soon.
sub says {
	my ($chat, $match, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my @texts;
	ok wait_until(patient(120), sub { @texts = map { $_->{text} } @{ $sim->messages(chat => $chat) }; grep { $_ =~ $match } @texts }), $name
		or diag "it reads:\n" . join "\n--\n", @texts;
	return;
}
sub is_away { my ($chat, @names) = @_; says($chat, qr/^🔴 Host $_ does not answer$/m, "$_ is away, which is told") for @names; return }
sub is_back { my ($chat, @names) = @_; says($chat, qr/^✅ Host $_ answers again after /m, "$_ is back, which is told") for @names; return }

# Containers are down since their host was away, and this is said of them in one message each, but not to whom they are hidden.
sub has_fallen {
	for my $where (@_) {
		says($_, qr{^🔴 (?!Host).*\b$where\b}ms, "$where has died meanwhile, which is told") for ALL, $where =~ /^unix/ ? UNIX_ONLY : ();
	}
	return;
}

subtest 'side by side' => sub {
	replies('/hosts', qr/^🖥 pod · .*\n +podman \d.*^🖥 ssh · .*\n +docker \d.*^🖥 tls · .*\n +docker 26\.1.*^🖥 unix · .*\n +docker 20\.10/ms, 'four of four kinds');
	replies('/status', qr/All is well/, 'all is well');
	replies('/list', qr/^14 containers 🟢 14\n.*pod.*web.*ssh.*web.*tls.*web.*unix.*web/s, 'all are listed');
	health_is('ok');

	replies('/info web', qr{web means 4 containers \(pod/web, ssh/web, tls/web, unix/web\)}, 'what is one name on all is asked about');
	my %before = map { $_ => started("$_/web") } @hosts;
	replies('/restart tls/web', qr{^✅ tls/web restarted}, 'one is restarted');
	is_deeply [grep { started("$_/web") ne $before{$_} } @hosts], ['tls'], 'and none of its name elsewhere';
	my $asked = replies('/restart web host=unix host=ssh host=pod', qr{pod/web.*ssh/web.*unix/web}s, 'a batch names what it is about');
	like $talk->confirm($asked, match => qr/^✅/)->{text}, qr{^✅ 3 containers restarted: pod/web, ssh/web, unix/web$}m, 'and what it has done';
	is_deeply [grep { started("$_/web") ne $before{$_} } @hosts], \@hosts, 'in fact';
	chats_go_on(@hosts);
	told_out();
	are_sent(ALL, 0, 'nobody is told of what was asked for');
};

subtest 'one is killed' => sub {
	my ($since, $slow, $mark) = (moment(), started('pod/slow'), $sim->last_seq);
	my $asked = replies('/restart slow', qr{pod/slow.*unix/slow}s, 'a batch over two hosts');
	$talk->confirm($asked, silent => 1);
	ok wait_until(patient(60), sub { count_events($engine{unix}, $since, 'slow')->{kill} }), '… is under way';
	$engine{unix}->kill;
	happens('unix');
	my $report = $talk->message_after($mark, 1, match => qr{1 restarted|pod/slow restarted|restarted: pod/slow});
	like $report->{text}, qr/it is not known whether slow on unix was restarted: .*the connection broke/, '… and tells of what nothing is known';
	isnt started('pod/slow'), $slow, 'the rest was done';

	kill KILL => $pid{'unix/db'}, $pid{'tls/db'};
	happens('tls/db');
	is_read(ALL, qr{^🔴 tls/db died: exit code 137}m, 'a death elsewhere is told');
	$engine{ssh}->api(POST => '/containers/db/stop');
	happens('ssh/db');
	begin('pod/new');
	is_away($_, 'unix') for ALL, UNIX_ONLY;
	health_is('degraded', unix => 'down');
	replies('/hosts', qr/^🔴 unix down for .*nobody listens there.*\n.*as last seen \S+ ago/m, '/hosts says why, and what was there');
	replies('/list', qr/unix does not answer.*unix as last seen/s, '/list goes without it');
	replies('/restart unix/web', qr{unix/web is on unix, which does not answer}, 'it cannot be acted on');
	my %before = map { $_ => started("$_/db") } qw(pod ssh tls);
	$asked = replies('/restart db', qr{pod/db.*ssh/db.*tls/db.*unix/db is left out}s, 'a batch leaves it out, and says so');
	like $talk->confirm($asked, match => qr/^✅/)->{text}, qr{^✅ 3 containers restarted: pod/db, ssh/db, tls/db$}m, '… and does the rest';
	is_deeply [grep { started("$_/db") eq $before{$_} } sort keys %before], [], '… in fact';
	chats_go_on(qw(pod ssh tls));
	is_read(ALL, qr{^✅ tls/db is up again}m, 'what is up again elsewhere is told');

	$engine{unix}->restart;
	happens(qw(unix/web unix/db));
	is_back($_, 'unix') for ALL, UNIX_ONLY;
	has_fallen(qw(unix/web unix/db));
	health_is('ok');
	next_burst();
};

subtest 'one is frozen, one is cut off' => sub {
	replies('/up unix/web', qr{^✅ unix/web started}, 'what fell is started');
	$pid{'unix/web'} = $engine{unix}->inspect('web')->{State}{Pid};
	$pid{"$_/web"} = $engine{$_}->inspect('web')->{State}{Pid} for qw(pod ssh tls);
	$engine{ssh}->freeze;
	my $cut = FG::Alone->cut(far => $engine{tls}->netns, address => '10.78.1.2');
	replies('/list', qr/ssh (?:is slow to|does not) answer.*tls (?:is slow to|does not) answer/s, 'who lists before anybody knows is not kept waiting by them');
	kill KILL => @pid{qw(ssh/web unix/web tls/web)};
	$engine{tls}->run(name => 'brief', cmd => ['sh', '-c', 'exit 4']);
	happens(qw(unix/web ssh ssh/web tls tls/web tls/brief));
	says($_, qr{unix/web died: exit code 137}, 'a death elsewhere is told') for ALL, UNIX_ONLY;
	health_is('degraded', ssh => 'down', tls => 'down');
	is_away(ALL, qw(ssh tls));
	replies('/hosts', qr/^🔴 ssh down for .*^🔴 tls down for /ms, '/hosts says so');
	chats_go_on(qw(pod unix));
	$cut->heal;
	$engine{ssh}->thaw;
	is_back(ALL, qw(ssh tls));
	has_fallen(qw(ssh/web tls/web tls/brief));
	health_is('ok');
	next_burst();
};

subtest 'all at once' => sub {
	$sshd->down;
	$engine{pod}->kill;
	$engine{tls}->kill;
	$engine{unix}->freeze;
	$engine{ssh}->run(name => 'unseen', cmd => ['sh', '-c', 'exit 5']);
	kill KILL => $pid{'pod/web'}, $pid{'tls/keep'};
	happens(@hosts, qw(ssh/unseen pod/web tls/db));
	health_is('down', map { $_ => 'down' } @hosts);
	is_away(ALL, @hosts);
	is_away(UNIX_ONLY, 'unix');
	replies('/list', qr/pod does not answer.*ssh does not answer.*tls does not answer.*unix does not answer/s, 'whoever asks is told so');
	replies('/whoami', qr/ops/, 'what needs none is answered');
	$engine{unix}->thaw;
	is_back($_, 'unix') for ALL, UNIX_ONLY;
	chats_go_on('unix');
	$engine{pod}->restart;
	$sshd->up;
	$engine{tls}->restart;
	is_back(ALL, @hosts);
	has_fallen(qw(ssh/unseen pod/web tls/db));
	health_is('ok');
	chats_go_on(@hosts);
};

subtest 'nothing is told twice or lost' => sub {
	told_out();
	my %known;
	$known{ $_->{name} eq '' ? $_->{host} : "$_->{host}/$_->{name}" } += $_->{count}
		for store_rows($bot, 'SELECT host, name, count FROM incidents WHERE told > 0');
	is_deeply \%known, \%happened, 'what happened is known, as often as it did, and nothing else';
	for my $chat (ALL, UNIX_ONLY) {
		my @texts = map { $_->{text} } grep { $_->{text} !~ /Fleetgram/ } @{ $sim->messages(chat => $chat) };
		my %told;
		for my $text (@texts) {
			my %here = map { $_ => 1 } $text =~ m{\b((?:pod|ssh|tls|unix)/\w+)}g, $text =~ /\bHost (\w+)/g;
			$told{$_}++ for keys %here;
		}
		is_deeply \%told, { map { $_ => 1 } grep { $chat == ALL || /^unix/ } keys %happened }, 'each is told in one message'
			or diag join "\n--\n", @texts;
	}
};

$talk->end_ok;
$sshd->stop;
$_->stop for values %engine;
File::Path::remove_tree($dir);
done_testing;
