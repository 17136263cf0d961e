# Runs sanitized, takes long.
# Engines at their worst: not there, killed, restarted, standing still. What does not need them is answered, what does says which
# one is silent and since when; one that is dead holds nobody up; and all comes back by itself.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use FG::Bot;
use FG::Engine;
use FG::Scene qw(OPERATOR start_sim quick_config store_rows wait_rows wait_settled moment count_events no_complaints need_sqlite patient texts);
use FG::Sim;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

my $first = FG::Engine->start(version => $version);
my $second = FG::Engine->start(version => $version);
$first->run(name => 'web', cmd => ['sleep', '1d'], init => 1, restart => 'always');
$second->run(name => 'api', cmd => ['sleep', '1d'], init => 1, restart => 'always');

sub ask {
	my ($sim, $text, $match, $seconds) = @_;
	my $answer = $sim->ask(user => OPERATOR, text => $text, match => $match, timeout => patient($seconds // 15));
	return $answer ? $answer->{text} : '';
}

sub start_bot {
	my ($sim, $hosts, %more) = @_;
	return FG::Bot->start(config => quick_config($sim, $hosts, health => { refresh => '1s' }, confirm => { always => ['remove'] },
		templates => {
			demo => { image => 'busybox', command => ['sleep', '1d'], network_mode => 'none', pull => 'never' },
			broken => { image => 'busybox', command => ['/no/such/program'], network_mode => 'none', pull => 'never' },
			taken => { image => 'busybox', command => ['sleep', '1d'], pull => 'never', ports => ['127.0.0.1:8088:80/tcp'] },
			absent => { image => 'nothing-of-this-name', network_mode => 'none', pull => 'never' },
		}, %more));
}

# Waits for that status of /health with that HTTP status.
sub health_is {
	my ($bot, $status, $code, $name) = @_;
	my $answer;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok wait_until(patient(30), sub {
		$answer = $bot->http(GET => '/health');
		return $answer->{status} == $code && $answer->{content} =~ /"status":\s*"\Q$status\E"/;
	}), "/health says $status with $code, $name" or diag $answer->{content};
	return;
}

sub host_state { my ($bot, $name) = @_; my ($host) = grep { $_->{name} eq $name } @{ $bot->json('/health')->{hosts} }; return $host->{state} }

subtest 'an engine that is not there at the start' => sub {
	my $sim = start_sim();
	$first->halt;
	unlink $first->socket;
	my $bot = start_bot($sim, { local => { url => $first->url, timeout => '5s' } });
	like ask($sim, '/help'), qr/What|In general/, 'help comes';
	like ask($sim, '/whoami'), qr/1001/, 'so does who one is';
	like ask($sim, '/status'), qr/does not answer.*No such file/s, 'the status tells that it is down, and why';
	ok wait_until(patient(20), sub { ask($sim, '/status') =~ /down for \S+: .*No such file/ }), 'and soon since when';
	my $refused = ask($sim, '/stop web');
	like $refused, qr/^⚠️.*(?:local|answer|connect)/s, 'a command that needs it says so';
	health_is($bot, 'down', 503, 'for the only host is');
	is host_state($bot, 'local'), 'down', 'which it names';
	$first->restart;
	health_is($bot, 'ok', 200, 'once it is there');
	like ask($sim, '/list'), qr/web/, 'and it is used';
	ok wait_settled($bot), 'settled';
	no_complaints($sim);
	$bot->stop_ok;
};

subtest 'killed and started again' => sub {
	my $sim = start_sim();
	my $bot = start_bot($sim, { local => { url => $first->url, timeout => '60s' } });
	$bot->wait_ready;
	health_is($bot, 'ok', 200, 'to begin with');
	for my $way (qw(kill halt)) {
		$first->$way;
		like ask($sim, '/list'), qr/does not answer|⚠️/, "$way: a list says that it is gone";
		like ask($sim, '/help'), qr/help/, 'help comes';
		health_is($bot, 'down', 503, 'while it is gone');
		$first->restart;
		health_is($bot, 'ok', 200, 'when it is back');
		ok wait_until(patient(20), sub { ask($sim, '/list', qr/web/, 2) }), 'the list is complete again';
	}
	$first->wait_state('web', 'running');
	my $since = moment();
	like ask($sim, '/restart web', undef, 30), qr/restarted/, 'and commands work';
	is count_events($first, $since, 'web')->{restart}, 1, 'once';
	no_complaints($sim);
	$bot->stop_ok;
};

subtest 'standing still' => sub {
	my $sim = start_sim();
	my $bot = start_bot($sim, { local => { url => $first->url, timeout => '5s' } });
	$bot->wait_ready;
	health_is($bot, 'ok', 200, 'to begin with');
	$first->freeze;
	$sim->say(user => OPERATOR, text => '/list');
	like ask($sim, '/help', qr/SEL/), qr/SEL/, 'help need not wait';
	ok $sim->wait_message(chat => OPERATOR, match => qr/⚠️|does not answer/, timeout => patient(15)), 'the list gives up and says so';
	health_is($bot, 'down', 503, 'while it stands still');
	is $bot->http(GET => '/livez')->{status}, 200, 'the bot lives';
	like ask($sim, '/status', qr/answer/), qr/does not answer/, 'the status tells';
	$first->thaw;
	health_is($bot, 'ok', 200, 'when it goes on');
	ok wait_until(patient(20), sub { ask($sim, '/list', qr/web/, 2) }), 'it is used again';
	ok wait_settled($bot), 'settled';
	no_complaints($sim);
	$bot->stop_ok;
};

subtest 'one of two' => sub {
	my $sim = start_sim();
	my $bot = start_bot($sim, { one => { url => $first->url, timeout => '5s' }, two => { url => $second->url, timeout => '5s' } });
	$bot->wait_ready;
	health_is($bot, 'ok', 200, 'to begin with');
	like ask($sim, '/list'), qr/(?=.*web)(?=.*api)/s, 'both are listed';
	for my $way (qw(freeze kill)) {
		$second->$way;
		my $list = ask($sim, '/list', qr/web/);
		like $list, qr/web/, "$way: the other one's containers are listed";
		like $list, qr/two.*(?:does not answer|is slow to answer)/, 'and who is silent is named';
		health_is($bot, 'degraded', 200, 'with one of two');
		is host_state($bot, 'one'), 'ok', 'the one';
		is host_state($bot, 'two'), 'down', 'and the other';
		# Known to be down, it costs the others nothing: many questions in the time that one time-out takes.
		my ($begun, $answers) = (time, 0);
		$answers++ while $answers < 10 && time - $begun < patient(8) && ask($sim, '/list', qr/web.*two.*does not answer/s);
		cmp_ok $answers, '>=', 5, "it holds nobody up: $answers lists, none of which waited for it to its end";
		like ask($sim, '/info one/web'), qr/web/, 'a card of the good one';
		like ask($sim, '/restart host=one name=web', undef, 30), qr/web.*restarted|restarted.*web/s, 'a command for the good one';
		like ask($sim, '/stop two/api'), qr/^⚠️.*two/s, 'one for the silent one says whose silence it is';
		like ask($sim, '/hosts'), qr/two.*(?:since|for|answer)/s, 'as does the list of hosts';
		$way eq 'freeze' ? $second->thaw : $second->restart;
		health_is($bot, 'ok', 200, 'with both');
		ok wait_until(patient(20), sub { ask($sim, '/list', qr/web/, 3) =~ /api/ }), 'both are listed again';
	}
	ok wait_settled($bot), 'settled';
	no_complaints($sim);
	$bot->stop_ok;
};

subtest 'in the engine\'s own words' => sub {
	my $sim = start_sim();
	my $bot = start_bot($sim, { local => { url => $first->url, timeout => '20s' } });
	$bot->wait_ready;
	like ask($sim, '/create inst demo', qr/created|⚠️/, 30), qr/inst is created/, 'made';
	like ask($sim, '/create inst demo', undef, 30), qr/inst/, 'twice the same name:';
	like ask($sim, '/create web demo', undef, 30), qr/web.*already|already.*web|in use/s, 'a name that a stranger has';
	like ask($sim, '/create broken1 broken', qr/⚠️/, 30), qr{no/such/program.*no such file}s, 'a program that is not there';
	is $first->state('broken1'), '', 'and nothing is left of it';
	like ask($sim, '/create absent1 absent', qr/⚠️/, 30), qr/nothing-of-this-name/, 'an image that is not there';
	like ask($sim, '/create taken1 taken', qr/created|⚠️/, 40), qr/taken1 is created/, 'a port';
	like ask($sim, '/create taken2 taken', qr/⚠️/, 40), qr/port is already allocated|address already in use/, 'which is taken now';
	is $first->state('taken2'), '', 'and nothing is left of that';
	like ask($sim, '/kill web signal=NOSUCH', qr/signal/, 30), qr/signal= takes/, 'a signal that does not exist';
	like ask($sim, '/unpause web', qr/web/, 30), qr/not paused/, 'what is so already';
	ok wait_settled($bot), 'settled';
	no_complaints($sim);
	$bot->stop_ok;
};

done_testing;
