# Runs once, takes long: what a scraper reads, by Prometheus's own checker and by Prometheus itself.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX ();
use Test::More;
use FG::Engine;
use FG::Talk;
use FG::Util qw(wait_until spew slurp scratch_dir free_port http_exchange json_decode kill_and_reap in_ci);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
for my $tool (qw(prometheus promtool)) {
	next if grep { -x "$_/$tool" } split /:/, $ENV{PATH};
	BAIL_OUT("no $tool here") if in_ci();
	plan skip_all => "no $tool here";
}

my $engine = FG::Engine->start(version => $version);
$engine->run(name => 'web', cmd => ['sleep', '1d'], init => 1);
$engine->run(name => 'done', cmd => ['true']);
$engine->wait_state('done', 'exited');
my $port = free_port();
my $dir = scratch_dir();
my $token = 'a-token-for-the-scraper';
spew("$dir/token", $token);
my $talk = FG::Talk->start(
	users => [{ id => 1, name => 'ops', role => 'admin' }, { id => 2, name => 'vic', role => 'viewer' }],
	hosts => { local => { url => $engine->url }, gone => { url => "unix://$dir/nothing" } },
	templates => { demo => { image => 'busybox:latest', command => ['sleep', '1d'], network_mode => 'none', stop_timeout => '1s', limits => { memory => '64m' } } },
	health => { refresh => '1s' },
	http => { listen => "127.0.0.1:$port", token_file => "$dir/token" },
);
END { my $status = $?; system 'rm', '-rf', $dir if $dir; $? = $status }

sub scrape {
	my (%headers) = @_;
	return http_exchange(to => "127.0.0.1:$port", path => '/metrics', headers => { Authorization => "Bearer $token", %headers });
}

# The value of a series as it is written; undef when there is none.
sub value { my ($text, $series) = @_; return $text =~ /^\Q$series\E (\S+)$/m ? $1 : undef }

# What promtool says of a text; '' when it has nothing to say.
sub checked {
	my ($text) = @_;
	spew("$dir/metrics", $text);
	my $said = `promtool check metrics <$dir/metrics 2>&1`;
	return $? == 0 ? '' : $said || "exit $?";
}

like $talk->text('/create inst demo'), qr/created|inst/, 'an instance';
$talk->sim->wait_message(chat => 1, match => qr/inst is created/, timeout => 60);
$talk->text('/list');
$talk->text('/list');
like $talk->text('/stop web', as => 2), qr/may not|needs/, 'somebody is refused';

subtest 'the text' => sub {
	my $answer = scrape();
	is $answer->{status}, 200, 'comes';
	is $answer->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8', 'in the format that scrapers know';
	is checked($answer->{content}), '', 'promtool has nothing to say of it';
	my $text;
	ok wait_until(60, sub {
		$text = scrape()->{content};
		return (value($text, 'fleetgram_containers{state="running"}') // '') eq '2' && (value($text, 'fleetgram_instances{state="running"}') // '') eq '1'
			&& value($text, 'fleetgram_incidents_open{kind="host"}');
	}), 'containers and instances by state' or diag $text;
	my %want = (
		'fleetgram_host_up{host="local"}' => 1, 'fleetgram_host_up{host="gone"}' => 0,
		'fleetgram_containers{state="stopped"}' => 1,
		'fleetgram_commands_total{command="list",result="done"}' => 2,
		'fleetgram_commands_total{command="stop",result="refused"}' => 1,
		'fleetgram_command_duration_seconds_count{command="list"}' => 2,
		'fleetgram_instance_up{name="inst",host="local"}' => 1,
		'fleetgram_instance_memory_limit_bytes{name="inst",host="local"}' => 64 << 20,
		'fleetgram_health_state{state="degraded"}' => 1,
		'fleetgram_store_failing' => 0,
		'fleetgram_outbox_messages' => 0,
		'fleetgram_event_stream_live{host="local"}' => 1,
		'fleetgram_incidents_open{kind="host"}' => 1,
		'fleetgram_instances_left_out' => 0,
	);
	is value($text, $_), $want{$_}, $_ for sort keys %want;
	cmp_ok value($text, $_), '>', 0, $_ for 'fleetgram_updates_total', 'fleetgram_telegram_requests_total{method="sendMessage",status="ok"}',
		'fleetgram_telegram_polls_total{result="ok"}', 'fleetgram_engine_requests_total{host="local",result="ok"}',
		'fleetgram_engine_requests_total{host="gone",result="failed"}', 'fleetgram_store_free_bytes', 'fleetgram_events_total{host="local"}', 'process_resident_memory_bytes', 'process_start_time_seconds', 'process_open_fds';
	unlike $text, qr/\Q$token\E/, 'no secret is in it';
};

# A rate needs two readings, half a minute apart.
subtest 'what an instance uses' => sub {
	my ($text, %used) = '';
	my $memory = 'fleetgram_instance_memory_bytes{name="late",host="local"}';
	like $talk->text('/create late demo', match => qr/late is created/), qr/created/, 'one more instance';
	ok wait_until(120, sub { $text = scrape()->{content}; defined value($text, $memory) }), '… whose memory is told' or diag $text;
	is value($text, 'fleetgram_instance_cpus{name="late",host="local"}'), undef, '… before there can be any rate';
	ok wait_until(120, sub { $text = scrape()->{content}; defined value($text, 'fleetgram_instance_cpus{name="late",host="local"}') }), '… which the next reading gives' or diag $text;
	ok wait_until(120, sub {
		$text = scrape()->{content};
		%used = map { $_ => value($text, "fleetgram_instance_$_\{name=\"inst\",host=\"local\"}") } qw(cpus memory_bytes receive_bytes_per_second transmit_bytes_per_second);
		return 4 == grep { defined } values %used;
	}), 'is told' or diag $text;
	ok $used{cpus} >= 0 && $used{cpus} < 0.5, '… of one that sleeps next to no CPU' or diag $used{cpus};
	ok $used{memory_bytes} > 0 && $used{memory_bytes} <= 64 << 20, '… and memory below its limit' or diag $used{memory_bytes};
	is $used{receive_bytes_per_second}, 0, '… and without a network nothing received';
	is $used{transmit_bytes_per_second}, 0, '… or sent';
	is value($text, 'fleetgram_instance_cpus{name="web",host="local"}'), undef, '… of what is no instance nothing';
	is checked($text), '', '… and promtool has nothing to say of it';
};

subtest 'OpenMetrics' => sub {
	my $answer = scrape(Accept => 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5');
	is $answer->{headers}{'content-type'}, 'application/openmetrics-text; version=1.0.0; charset=utf-8', 'by Accept';
	like $answer->{content}, qr/\n# EOF\n\z/, 'has an end';
	like $answer->{content}, qr/^# TYPE fleetgram_commands counter\n(?:fleetgram_commands_total\{.*\n)+/m, 'names a counter without _total';
	like $answer->{content}, qr/^# UNIT fleetgram_outbox_age_seconds seconds$/m, 'has units';
};

subtest 'whoever may not' => sub {
	is http_exchange(to => "127.0.0.1:$port", path => '/metrics')->{status}, 401, 'has no token';
	my $head = http_exchange(to => "127.0.0.1:$port", path => '/metrics', method => 'HEAD', headers => { Authorization => "Bearer $token" });
	is "$head->{status} $head->{content}", '200 ', 'HEAD has no body';
};

subtest 'Prometheus itself' => sub {
	my $own = free_port();
	spew("$dir/prometheus.yml", <<"END");
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: fleetgram
    authorization: { credentials_file: $dir/token }
    static_configs: [{ targets: ["127.0.0.1:$port"] }]
END
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		open STDOUT, '>', "$dir/prometheus.log";
		open STDERR, '>&', \*STDOUT;
		exec 'setpriv', '--pdeathsig', 'KILL', 'prometheus', "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/data", "--web.listen-address=127.0.0.1:$own"
			or POSIX::_exit(127);
	}
	my $ask = sub {
		my $answer = http_exchange(to => "127.0.0.1:$own", path => "/api/v1/query?query=$_[0]");
		my $doc = eval { json_decode($answer->{content} // '') } or return undef;
		return $doc->{data}{result}[0]{value}[1];
	};
	ok wait_until(60, sub { ($ask->('up') // '') eq '1' }), 'scrapes it' or diag slurp("$dir/prometheus.log");
	is $ask->('sum(fleetgram_host_up)'), 1, '… and can be asked';
	kill_and_reap($pid, 'TERM', 20);
};

subtest 'what is shipped for it' => sub {
	my $root = "$FindBin::Bin/..";
	my $said = `promtool check rules $root/config/prometheus.rules.yml 2>&1`;
	is $?, 0, 'the alerts are rules' or diag $said;
	my $board = json_decode(slurp("$root/config/grafana.json"));
	my %known = map { $_ => 1 } scrape()->{content} =~ /^# TYPE (\S+) /mg;
	my $used = join ' ', slurp("$root/config/prometheus.rules.yml"), map { $_->{expr} } map { @{ $_->{targets} } } @{ $board->{panels} };
	my %used = map { $_ => 1 } $used =~ /\b((?:fleetgram|process)_[a-z_]+)/g;
	is_deeply [grep { !$known{$_} && !$known{s/_(?:bucket|sum|count)$//r} } sort keys %used], [], '… and all metrics in them and on the dashboard exist';
};

$talk->end_ok;
done_testing;
