# Runs once, takes long: what /health, /status and / say is what the engine says, whatever is done to its containers; a frozen engine holds up no answer.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(patient);
use FG::Sim;
use FG::Util qw(wait_until in_ci scratch_dir spew);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
unless (FG::Sim->find_bin) {
	BAIL_OUT('no Bot API simulator was built') if in_ci();
	plan skip_all => 'no Bot API simulator was built';
}

my $engine = FG::Engine->start(version => $version);
my $sim = FG::Sim->start;
my $flags = scratch_dir();
END { my $status = $?; system 'rm', '-rf', $flags if $flags; $? = $status }

# An instance, as it looks to the engine.
sub instance {
	my ($name, %opt) = @_;
	return $engine->run(
		name => $name, cmd => ['sleep', '1d'], init => 1, %opt,
		labels => { 'io.fleetgram.managed' => 'true', 'io.fleetgram.template' => 'demo', 'io.fleetgram.created-by' => '1',
			'io.fleetgram.created-at' => '2026-01-31T10:00:00.000Z', 'io.fleetgram.config-hash' => 'sha256:' . 'a' x 64, 'io.fleetgram.instance' => $name },
	);
}

my @names = map {"inst$_"} 1 .. 4;
instance($_) for @names[0 .. 2];
instance($names[3], host_config => { Binds => ["$flags:/flags:ro"] }, healthcheck => { test => 'test ! -e /flags/sick', interval => 1, retries => 1 });
my $bot = FG::Bot->start(config => {
	telegram => { token => $sim->token, api_url => $sim->url, poll_timeout => '1s' },
	hosts => { local => { url => $engine->url, timeout => '60s' } },
	health => { refresh => '1s' },
})->wait_ready;

# What the engine has, in the words of /status and /health.
sub truth {
	my (%state, %health);
	my %count = (total => 0, running => 0, stopped => 0, unhealthy => 0);
	for my $c ($engine->containers) {
		my ($name) = map { s{^/}{}r } @{ $c->{Names} };
		$state{$name} = $c->{State};
		$health{$name} = $c->{Status} =~ /\((?:health: )?(starting|healthy|unhealthy)\)/ ? $1 : 'none';
		my $runs = $c->{State} =~ /^(?:running|paused|restarting)$/;
		$count{total}++;
		$count{ $runs ? 'running' : 'stopped' }++;
		$count{unhealthy}++ if $runs && $health{$name} eq 'unhealthy';
	}
	return { counts => \%count, instances => { map { $_ => defined $state{$_} ? "$state{$_} $health{$_}" : 'missing none' } @names } };
}

sub said_by_documents {
	my %said = (instances => {});
	$said{instances}{ $_->{name} } = "$_->{state} $_->{health}" for @{ $bot->json('/status')->{instances} };
	$said{counts} = $bot->json('/health')->{containers};
	return \%said;
}

# The page's tiles and rows, as far as it says so: the running ones, the stopped ones, and each instance's state.
sub said_by_page {
	my $page = $bot->http(GET => '/', headers => { Accept => 'text/html' })->{content};
	my %said = (instances => {});
	($said{running}) = $page =~ m{Containers running</dt><dd[^>]*>(\d+)};
	($said{stopped}) = $page =~ m{Stopped</dt><dd[^>]*>(\d+)};
	$said{instances}{$1} = $2 while $page =~ m{<tr><td>(inst\d)</td><td[^>]*>([^<]+)</td>}g;
	return \%said;
}

sub page_of {
	my ($truth) = @_;
	my %states = map { my ($state, $health) = split ' ', $truth->{instances}{$_}; ($_ => $state eq 'running' && $health ne 'none' ? "$state, $health" : $state) } @names;
	return { running => $truth->{counts}{running}, stopped => $truth->{counts}{stopped}, instances => \%states };
}

# The engine may go on while one looks: what holds is a moment at which it says the same before and after.
sub agree {
	my ($name) = @_;
	my ($truth, $documents, $page);
	return ok(wait_until(patient(20), sub {
		$truth = truth();
		($documents, $page) = (said_by_documents(), said_by_page());
		return Test::More::eq_hash($truth, $documents) && Test::More::eq_hash(page_of($truth), $page) && Test::More::eq_hash($truth, truth());
	}), $name) || diag explain { engine => $truth, documents => $documents, page => $page };
}

agree('at the beginning');
$engine->wait_state($_, 'running') for @names;
my @deeds = (
	['one is stopped', sub { $engine->api(POST => '/containers/inst1/stop?t=0') }],
	['one is killed', sub { $engine->api(POST => '/containers/inst2/kill') }],
	['one is paused', sub { $engine->api(POST => '/containers/inst3/pause') }],
	['strangers come', sub { $engine->run(name => 'stranger', cmd => ['sleep', '1d'], init => 1); $engine->api(POST => '/containers/create?name=created', { Image => 'busybox:latest', Cmd => ['true'] }) }],
	['one is started again, one goes on', sub { $engine->api(POST => '/containers/inst1/start'); $engine->api(POST => '/containers/inst3/unpause') }],
	['one is unhealthy', sub { spew("$flags/sick", ''); wait_until(30, sub { truth()->{instances}{inst4} eq 'running unhealthy' }) or die 'it stays healthy' }],
	['one is healthy again', sub { unlink "$flags/sick" }],
	['one is removed', sub { $engine->rm('inst2') }],
	['one is made again under its name', sub { instance('inst2') }],
	['all are stopped at once', sub { $engine->api(POST => "/containers/$_/kill") for grep { truth()->{instances}{$_} =~ /^running/ } @names }],
	['all are started at once', sub { $engine->api(POST => "/containers/$_/start") for @names }],
	['strangers go', sub { $engine->rm($_) for qw(stranger created) }],
);
for my $deed (@deeds) {
	my ($name, $do) = @$deed;
	$do->();
	agree($name);
}

subtest 'a frozen engine holds nobody up' => sub {
	my %want = ('/health' => 503, '/status' => 200, '/livez' => 200, '/readyz' => 200, '/metrics' => 200, '/' => 503);
	my $before = said_by_documents();
	$engine->freeze;
	my %slow;
	my $ask = sub {
		my %status;
		for my $path (sort keys %want) {
			# Whoever waited for the engine would do so for its timeout of a minute.
			my $answer = $bot->http(GET => $path, timeout => 20);
			$slow{$path}++ unless $answer->{status};
			$status{$path} = $answer->{status} // 0;
		}
		return \%status;
	};
	my $status;
	ok wait_until(patient(30), sub { $status = $ask->(); Test::More::eq_hash($status, \%want) }), 'its host is down' or diag explain $status;
	is_deeply \%slow, {}, '… and no answer waited for it, also before';
	my $health = $bot->json('/health');
	is $health->{hosts}[0]{state}, 'down', 'it is told to be';
	is $health->{containers}{total}, 0, 'its containers are not counted';
	my ($then, $now) = map { { %{ $_->{instances} } } } $before, said_by_documents();
	s/ .*// for values %$then, values %$now;
	is_deeply $now, $then, '… and its instances are in the states that were last seen';
	like $bot->http(GET => '/metrics')->{content}, qr/^fleetgram_host_up\{host="local"\} 0$/m, 'the metrics say that it is down';
	like $bot->http(GET => '/', headers => { Accept => 'text/html' })->{content}, qr/>down: /, '… and so does the page';
	$engine->thaw;
	agree('it is back');
};

$bot->stop_ok;
$sim->stop;
done_testing;
