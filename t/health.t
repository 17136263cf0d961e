# Runs sanitized.
# What /health and /status say, beside what the engine says: instances, counts, outages, and how old an answer may be.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Sim;
use FG::Util qw(wait_until in_ci);

my ($version) = FG::Engine->versions;
FG::Engine->need($version);
unless (FG::Sim->find_bin) {
	BAIL_OUT('no Bot API simulator was built') if in_ci();
	plan skip_all => 'no Bot API simulator was built';
}

my $patience = FG::Bot->sanitized ? 3 : 1;
my $engine = FG::Engine->start(version => $version);
my $sim = FG::Sim->start;
my $bot;

my %made = (
	'io.fleetgram.managed' => 'true',
	'io.fleetgram.template' => 'demo',
	'io.fleetgram.created-by' => '1',
	'io.fleetgram.created-at' => '2026-01-31T10:00:00.000Z',
);

sub instance {
	my ($name, %opt) = @_;
	return $engine->run(
		name => $name, cmd => ['sleep', '1d'], init => 1, memory => 32 << 20, pids => 20, cpus => 0.5, %opt,
		labels => { %made, 'io.fleetgram.instance' => $name, 'io.fleetgram.config-hash' => 'sha256:' . 'a' x 64 },
	);
}

sub health { return $bot->json('/health') }

sub row {
	my ($name) = @_;
	my ($row) = grep { $_->{name} eq $name } @{ $bot->json('/status')->{instances} };
	return $row // {};
}

# Waits until the cached documents say so: a refresh is a second here.
sub comes_to {
	my ($name, $code) = @_;
	return ok wait_until(15 * $patience, $code), $name;
}

sub start {
	instance('one');
	instance('two');
	$engine->run(name => 'other', cmd => ['sleep', '1d'], init => 1);
	$engine->run(name => 'done', cmd => ['true']);
	$engine->wait_state('done', 'exited');
	$bot = FG::Bot->start(config => {
		telegram => { token => $sim->token, api_url => $sim->url, poll_timeout => '1s' },
		hosts => { local => { url => $engine->url, timeout => '5s' } },
		health => { refresh => '1s' },
	});
	return $bot->wait_ready;
}

subtest 'the shape of the documents' => sub {
	start();
	comes_to('all is well', sub { health()->{status} eq 'ok' && health()->{instances}{total} == 2 });
	my $answer = $bot->http(GET => '/health');
	is $answer->{status}, 200, 'ok is 200';
	my $doc = health();
	is_deeply [sort keys %$doc], [qw(age_seconds cached checked_at containers hosts instances memory status store telegram uptime_seconds version)],
		'has the fields it should';
	is_deeply $doc->{instances}, { total => 2, running => 2, stopped => 0, unhealthy => 0, missing => 0 }, 'instances are counted';
	is_deeply $doc->{containers}, { total => 4, running => 3, stopped => 1, unhealthy => 0 }, 'and containers';
	my ($host) = @{ $doc->{hosts} };
	is_deeply [@$host{qw(name state engine)}], [qw(local ok docker)], 'the host is told';
	like $host->{version}, qr/^\Q$version\E\./, 'with its version';
	cmp_ok $host->{latency_ms}, '>', 0, 'and its latency';
	comes_to('its events are followed', sub { (health()->{hosts}[0]{events} // {})->{state} eq 'live' });
	my $events = health()->{hosts}[0]{events};
	is_deeply [sort keys %$events], [qw(breaks last_event_age_seconds since_seconds state)], 'and told in full';
	is $events->{breaks}, 0, 'without a break';
	is_deeply [sort keys %{ $doc->{telegram} }], [qw(last_poll_age_seconds outbox retry_after_seconds state)], 'so is Telegram';
	like $doc->{checked_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'and when';
	cmp_ok $doc->{memory}{rss_bytes}, '>', 1 << 20, 'and its memory';
	ok $doc->{cached}, 'an ordinary answer is cached';
	my $fresh = $bot->json('/health?probe=true');
	ok !$fresh->{cached} && $fresh->{age_seconds} <= 0.5 * $patience, 'a probe is not';
	my $one = row('one');
	is_deeply [sort keys %$one], [sort qw(name host template image container_id state health config created_at last_used_at
		uptime_seconds limits labels stale)], 'an instance has the fields it should';
	is $one->{container_id}, $engine->inspect('one')->{Id}, 'its id';
	is $one->{labels}{'io.fleetgram.instance'}, 'one', 'its labels';
	is_deeply [@$one{qw(host state health template)}], [qw(local running none demo)], 'and how it is';
	is $one->{limits}{memory}, 32 << 20, 'its limits' or diag explain $one->{limits};
};

subtest 'changes show within a refresh' => sub {
	$engine->api(POST => '/containers/one/pause');
	comes_to('paused', sub { row('one')->{state} eq 'paused' && defined row('one')->{uptime_seconds} });
	$engine->api(POST => '/containers/one/unpause');
	$engine->api(POST => '/containers/two/stop?t=1');
	comes_to('stopped', sub { row('two')->{state} eq 'exited' && !defined row('two')->{uptime_seconds} });
	comes_to('counted', sub { health()->{instances}{stopped} == 1 });
	comes_to('up for seconds', sub { (row('one')->{uptime_seconds} // 0) >= 3 });
	$engine->api(POST => '/containers/one/restart?t=1');
	comes_to('a restart begins the uptime anew', sub { (row('one')->{uptime_seconds} // 99) < 3 });
	$engine->rm('two');
	comes_to('missing', sub { row('two')->{state} eq 'missing' && health()->{instances}{missing} == 1 });
	instance('sick', healthcheck => { test => 'exit 1', interval => 0.5, retries => 1 });
	$bot->signal('HUP');
	$engine->kill;
	comes_to('down', sub { health()->{status} eq 'down' });
	is $bot->http(GET => '/health')->{status}, 503, 'which is 503';
	is row('one')->{state}, 'running', 'instances keep the last state that was known';
	ok !defined row('one')->{uptime_seconds}, 'without an uptime';
	is $bot->http(GET => '/livez')->{status}, 200, 'the bot itself lives';
	$engine->restart;
	comes_to('back', sub { health()->{hosts}[0]{state} eq 'ok' });
	comes_to('what appeared meanwhile is adopted', sub { (row('sick')->{state} // '') =~ /exited|running/ });
	$engine->api(POST => '/containers/sick/start');
	comes_to('unhealthy', sub { row('sick')->{health} eq 'unhealthy' });
	comes_to('degraded', sub { health()->{status} eq 'degraded' && health()->{instances}{unhealthy} == 1 });
	is $bot->http(GET => '/health')->{status}, 200, 'which is 200';
	$engine->rm('sick');
	comes_to('well again', sub { health()->{status} eq 'ok' });
};

subtest 'an engine that hangs' => sub {
	$engine->freeze;
	comes_to('is down', sub { my $health = health(); $health->{status} eq 'down' && $health->{hosts}[0]{state} eq 'down' });
	my $answer = $bot->http(GET => '/health', timeout => 1 * $patience);
	is $answer->{status}, 503, 'others are answered at once';
	is $bot->http(GET => '/health?probe=true', timeout => 12 * $patience)->{status}, 503, 'a probe in bounded time';
	$engine->thaw;
	comes_to('is up again', sub { health()->{status} eq 'ok' });
};

$bot->stop_ok;
$sim->stop;
done_testing;
