# Runs sanitized, takes long.
# kill -9 at every step between "received" and "replied". Whatever the moment: no confirmed update is lost, nothing that
# changes a container runs twice, what was interrupted says so, and nothing is sent more than twice.
use strict;
use warnings;
use utf8;
use FindBin;
use JSON::PP ();
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Relay;
use FG::Scene qw(OPERATOR start_sim quick_config store_rows store_change wait_rows wait_settled moment count_events
	no_complaints need_sqlite patient texts);
use FG::Sim;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

my $engine = FG::Engine->start(version => $version);
my $relay = FG::Relay->start($engine->socket);
my $sim = start_sim();
my $repeat = qr/may be a repeat/;
my $interrupted = qr/^⚠️ Interrupted/;

$engine->run(name => 'web', cmd => ['sleep', '1d'], init => 1);
# One that has to be killed when its time is over.
$engine->run(name => 'stubborn', cmd => ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], stop_timeout => 2);

my $bot = FG::Bot->start(config => config());
$bot->wait_ready;

# $timeout: how long the bot waits for an engine that does not answer. Long, so that a slow machine does not make an error of
# what is only frozen for a while.
sub config {
	my ($timeout) = @_;
	return quick_config($sim, { local => { url => $relay->url, timeout => $timeout // '60s' } },
		templates => { demo => { image => 'busybox', command => ['sleep', '1d'], network_mode => 'none', pull => 'never' } },
		history => { enabled => JSON::PP::false() }, confirm => { always => ['remove'] });
}

sub say { return $sim->say(user => OPERATOR, text => $_[0]) }
sub update_row { my ($id) = @_; my ($row) = store_rows($bot, "SELECT state FROM updates WHERE update_id = $id"); return $row }
sub answer { my ($after, $match) = @_; return $sim->wait_message(chat => OPERATOR, after => $after, match => $match, timeout => patient(20)) }

# Ends it now, and starts it again.
sub crash { $bot->kill9; return }
sub again { $sim->clear_faults; $bot->restart; return }

# After a step: everything is done, and these are all the answers since the call numbered $after.
sub answers_are {
	my ($after, @patterns) = @_;
	wait_until(patient(20), sub { texts($sim, OPERATOR, $after) >= @patterns });
	ok wait_settled($bot), 'nothing is left undone' or diag explain [store_rows($bot, 'SELECT * FROM updates WHERE state < 2')];
	my @texts = texts($sim, OPERATOR, $after);
	is scalar @texts, scalar @patterns, 'as many answers as there should be' or diag explain \@texts;
	like $texts[$_] // '', $patterns[$_], 'answer ' . ($_ + 1) for 0 .. $#patterns;
	return;
}

# What the engine is asked for by one run of a command that is left alone.
sub requests_of {
	my ($command, $match) = @_;
	$relay->calm(3)->forget;
	my $seq = $sim->last_seq;
	say($command);
	ok answer($seq, $match), "$command works";
	wait_settled($bot);
	return $relay->requests;
}

# Kills the bot at the $n-th request of a command, and lets it start again; then all must be well. $events: which of the
# engine's events tells that the command has had its effect, $of which container; $done: what the answer says then.
sub killed_at {
	my ($command, $n, $phase, $events, $of, $done) = @_;
	my ($since, $seq) = (moment(), $sim->last_seq);
	$relay->calm(3)->forget->kill_at($bot->pid, $n, $phase);
	my $update = say($command)->{update_id};
	ok $relay->wait_hit(patient(20)), 'the moment came' or return $relay->call_off;
	is $bot->wait_exit, 137, 'and it was its end';
	my $row = update_row($update);
	my $before = count_events($engine, $since, $of)->{$events} // 0;
	my $changed = grep { !/^GET/ } ($relay->requests)[0 .. $n - ($phase eq 'before' ? 2 : 1)];
	cmp_ok $row->{state}, '==', 1, 'what was about to change something is marked as begun' if $changed;
	again();
	answers_are($seq, $row->{state} == 1 ? $interrupted : $done);
	cmp_ok $before, '<=', 1, 'it had run once at most';
	is count_events($engine, $since, $of)->{$events} // 0, $row->{state} == 1 ? $before : 1, 'and has not run again'
		. ($row->{state} == 1 ? '' : ' but for the first time');
	return ($row->{state}, $before);
}

subtest 'at each request to the engine: a restart' => sub {
	my @requests = requests_of('/restart web', qr/restarted/);
	cmp_ok scalar(grep {/^POST .*\/restart/} @requests), '==', 1, 'one of them restarts';
	my %seen;
	for my $n (1 .. @requests) {
		for my $phase (qw(before after)) {
			# What lies between an answer and the next question is the same moment, unless something was done.
			next if $phase eq 'after' && $n < @requests && $requests[$n - 1] =~ /^GET/;
			subtest "$phase $requests[$n - 1]" => sub {
				my ($state, $ran) = killed_at('/restart web', $n, $phase, 'restart', 'web', qr/web.*restarted/);
				$seen{"$state $ran"}++ if defined $state;
				my ($text) = reverse texts($sim, OPERATOR);
				like $text, qr/web: running/, 'with the state that it left' if $state;
				is $engine->state('web'), 'running', 'the container runs';
			};
		}
	}
	ok $seen{'0 0'}, 'not begun, and run later';
	ok $seen{'1 0'}, 'begun, not yet done';
	ok $seen{'1 1'}, 'done, not yet told';
};

subtest 'at each change to the engine: a new instance' => sub {
	my @requests = requests_of('/create inst demo', qr/inst is created/);
	$engine->rm('inst');
	for my $n (grep { $requests[$_ - 1] !~ /^GET/ } 1 .. @requests) {
		for my $phase (qw(before after)) {
			subtest "$phase $requests[$n - 1]" => sub {
				killed_at('/create inst demo', $n, $phase, 'create', 'inst', qr/inst is created/);
				my ($text) = reverse texts($sim, OPERATOR);
				like $text, qr/inst: (?:created|running|does not exist)/, 'with the state that it left';
				is $text =~ /inst: (\w+)/ ? $1 : '', $engine->state('inst') || 'does', 'which is true';
				$engine->rm('inst');
			};
		}
	}
};

subtest 'at its only request: a command that changes nothing runs again' => sub {
	for my $phase (qw(before after)) {
		my $seq = $sim->last_seq;
		$relay->forget->kill_at($bot->pid, qr{/containers/json}, $phase);
		say('/list');
		ok $relay->wait_hit(patient(20)), $phase;
		is $bot->wait_exit, 137, 'killed';
		again();
		answers_are($seq, qr/web/);
	}
};

subtest 'received, not stored' => sub {
	my ($since, $seq) = (moment(), $sim->last_seq);
	ok wait_until(patient(15), sub { $sim->state->{polling} }), 'it waits for updates';
	$bot->signal('STOP');
	my $update = say('/restart web')->{update_id};
	ok wait_until(15, sub { !$sim->state->{polling} }), 'the update is on its way into the bot';
	crash();
	is update_row($update), undef, 'which has not stored it';
	again();
	answers_are($seq, qr/web.*restarted/);
	is count_events($engine, $since, 'web')->{restart}, 1, 'run once';
};

subtest 'stored, not confirmed; then delivered again' => sub {
	my ($since, $seq) = (moment(), $sim->last_seq);
	$engine->freeze;
	$sim->fault(method => 'getUpdates', kind => 'hang', count => -1);
	my $update = say('/restart web')->{update_id};
	ok wait_rows($bot, "SELECT 1 FROM updates WHERE update_id = $update AND state = 0"), 'stored, and not begun';
	crash();
	cmp_ok $sim->state->{confirmed_offset}, '<=', $update, 'Telegram does not know';
	$engine->thaw;
	# As if the offset had not been kept either.
	store_change($bot, "UPDATE settings SET value = '$update' WHERE key = 'telegram.offset'");
	again();
	ok wait_until(patient(15), sub { $sim->state->{confirmed_offset} > $update }), 'confirmed in the end';
	answers_are($seq, qr/web.*restarted/);
	# A second run of it would be before this in the queue in front of the container.
	ok $sim->ask(user => OPERATOR, text => '/unpause web', match => qr/not paused/, timeout => patient(20)), 'nothing else is under way';
	is count_events($engine, $since, 'web')->{restart}, 1, 'run once';
};

subtest 'confirmed, and one waits for its turn behind another' => sub {
	my ($since, $seq) = (moment(), $sim->last_seq);
	$engine->freeze;
	say('/pause web');
	my $second = say('/unpause web')->{update_id};
	my $third = say('/list')->{update_id};
	ok wait_until(patient(15), sub { $sim->state->{confirmed_offset} > $third }), 'all of them are confirmed';
	is_deeply [map { $_->{state} } store_rows($bot, "SELECT state FROM updates WHERE update_id > $second - 2")], [0, 0, 0],
		'none has begun';
	crash();
	$engine->thaw;
	again();
	answers_are($seq, (qr/web/) x 3);
	my @texts = texts($sim, OPERATOR, $seq);
	my @acts = map { /(unpaused|paused)\b/ ? $1 : () } grep { !/containers/ } @texts;
	is "@acts", 'paused unpaused', 'in their order' or diag explain \@texts;
	my $events = count_events($engine, $since, 'web');
	is "$events->{pause} $events->{unpause}", '1 1', 'each run once';
};

subtest 'while a stop is under way' => sub {
	my ($since, $seq) = (moment(), $sim->last_seq);
	say('/stop stubborn');
	ok wait_until(15, sub { count_events($engine, $since, 'stubborn')->{kill} }), 'the engine has asked it to end';
	crash();
	is $engine->state('stubborn'), 'running', 'which takes its time';
	again();
	answers_are($seq, $interrupted);
	like +(texts($sim, OPERATOR, $seq))[0], qr/stubborn: (?:running|exited)/, 'with its state';
	ok $engine->wait_state('stubborn', 'exited'), 'the engine ends it by itself';
	is count_events($engine, $since, 'stubborn')->{die}, 1, 'once';
};

subtest 'while the engine stands still in the middle of a stop' => sub {
	$engine->api(POST => '/containers/stubborn/start');
	my ($since, $seq) = (moment(), $sim->last_seq);
	say('/stop stubborn');
	ok wait_until(15, sub { count_events($engine, $since, 'stubborn')->{kill} }), 'the engine has asked it to end';
	$engine->freeze;
	crash();
	$bot->configure(config('3s'));
	again();
	answers_are($seq, $interrupted);
	like +(texts($sim, OPERATOR, $seq))[0], qr/stubborn: \S/, 'says that its state is not to be had';
	unlike +(texts($sim, OPERATOR, $seq))[0], qr/stubborn: (?:running|exited)/, '… and does not make one up';
	$engine->thaw;
	$bot->configure(config());
	ok $engine->wait_state('stubborn', 'exited'), 'it ends when the engine goes on';
	is count_events($engine, $since, 'stubborn')->{die}, 1, 'once';
};

subtest 'while the interruption is being reported' => sub {
	my ($since, $seq) = (moment(), $sim->last_seq);
	$relay->forget->kill_at($bot->pid, qr{^POST .*/restart}, 'after');
	say('/restart web');
	ok $relay->wait_hit(patient(20)), 'interrupted';
	$bot->wait_exit;
	for my $phase (qw(before after)) {
		$sim->fault(method => 'getUpdates', kind => 'hang', count => -1);
		$bot->restart;
		$relay->forget->kill_at($bot->pid, qr{/containers/[0-9a-f]{12,}/json}, $phase);
		ok $relay->wait_hit(patient(20)), "and again, $phase it has looked";
		$bot->wait_exit;
	}
	again();
	answers_are($seq, $interrupted);
	is count_events($engine, $since, 'web')->{restart}, 1, 'run once';
};

subtest 'the answer waits in the outbox' => sub {
	my $seq = $sim->last_seq;
	$sim->fault(method => 'sendMessage', kind => '429', retry_after => 2);
	my $update = say('/whoami')->{update_id};
	ok $sim->wait_call(method => 'sendMessage', after => $seq, timeout => patient(15)), 'Telegram asks to hold back';
	ok wait_rows($bot, 'SELECT 1 FROM outbox_holds'), 'which is known';
	is update_row($update)->{state}, 2, 'the command is done';
	ok +(store_rows($bot, 'SELECT 1 FROM outbox WHERE state = 0'))[0], 'its answer waits';
	crash();
	$bot->restart;
	answers_are($seq, qr/^(?!.*may be a repeat).*1001/s);
	my @calls = map { $_->{at_ms} } @{ $sim->calls(method => 'sendMessage', after => $seq) };
	cmp_ok $calls[1] - $calls[0], '>=', 2000, 'the wait has outlived the crash';
};

subtest 'the answer is on its way and never arrives' => sub {
	my $seq = $sim->last_seq;
	$sim->fault(method => 'sendMessage', kind => 'hang');
	say('/whoami');
	ok $sim->wait_call(method => 'sendMessage', after => $seq, timeout => patient(15)), 'sent';
	ok +(store_rows($bot, 'SELECT 1 FROM outbox WHERE state = 1'))[0], 'marked as on its way';
	crash();
	again();
	answers_are($seq, $repeat);
};

subtest 'the answer arrived, and nobody knows; nor when it was sent again' => sub {
	my $seq = $sim->last_seq;
	for my $copy (1, 2) {
		my $last = $sim->last_seq;
		$sim->fault(method => 'sendMessage', kind => 'hang_after');
		$copy == 1 ? say('/whoami') : $bot->restart;
		ok $sim->wait_call(method => 'sendMessage', after => $last, timeout => patient(15)), "copy $copy is sent";
		crash();
	}
	again();
	ok $bot->wait_ready, 'a third start';
	answers_are($seq, qr/^(?!.*may be a repeat).*1001/s, $repeat);
};

subtest 'the answer has arrived' => sub {
	my $seq = $sim->last_seq;
	say('/whoami');
	ok wait_until(patient(15), sub { texts($sim, OPERATOR, $seq) }), 'it is there';
	wait_settled($bot);
	crash();
	again();
	ok $bot->wait_ready, 'started again';
	answers_are($seq, qr/1001/);
};

subtest 'a confirmation' => sub {
	for my $phase (qw(before after)) {
		$engine->run(name => 'gone', cmd => ['sleep', '1d'], init => 1);
		my ($since, $seq) = (moment(), $sim->last_seq);
		my $asked = $sim->ask(user => OPERATOR, text => '/remove gone', match => qr/Remove/, timeout => patient(15));
		wait_settled($bot);
		# Neither is the press answered.
		$sim->fault(method => 'answerCallbackQuery', kind => 'hang', count => -1);
		$relay->forget->kill_at($bot->pid, qr{^DELETE }, $phase);
		my $press = $sim->press(user => OPERATOR, message => $asked, button => ($sim->buttons($asked))[0]);
		ok $relay->wait_hit(patient(20)), "$phase it is removed";
		is $bot->wait_exit, 137, 'killed';
		again();
		ok answer($seq, $interrupted), 'the interruption is told';
		ok $sim->wait_callback($press->{callback_id}, timeout => patient(10)), 'and the press is answered';
		is count_events($engine, $since, 'gone')->{destroy} // 0, $phase eq 'after' ? 1 : 0, 'it ran once at most';
		my $second = $sim->press(user => OPERATOR, message => $asked, button => ($sim->buttons($asked))[0]);
		like $sim->wait_callback($second->{callback_id}, timeout => patient(10))->{text} // '', qr/Nobody waits/,
			'a second press is told off';
		ok wait_settled($bot), 'nothing is left undone';
		is count_events($engine, $since, 'gone')->{destroy} // 0, $phase eq 'after' ? 1 : 0, 'and does nothing';
		$engine->rm('gone');
	}
};

subtest 'Telegram forgets what was confirmed' => sub {
	my ($since, $port) = (moment(), $sim->url =~ /:(\d+)$/);
	# Far ahead of what the next server has: it takes the offset for nonsense, and everything that waits comes.
	my %message = (chat => { id => OPERATOR, type => 'private', first_name => 'Ops' }, from => { id => OPERATOR, is_bot => \0, first_name => 'Ops' },
		date => time, text => '/restart web', message_id => 1);
	my $first = $sim->state->{next_update_id} + 5;
	$sim->update(update_id => $first, message => { %message });
	$sim->update(update_id => $first + 40, message => { %message, text => '/whoami', message_id => 2 });
	ok wait_until(patient(15), sub { $sim->state->{confirmed_offset} > $first + 40 }), 'confirmed';
	ok wait_settled($bot), 'done';
	no_complaints($sim);
	$sim->stop;
	$sim = start_sim(port => $port);
	$sim->chat(chat => OPERATOR);
	$sim->update(update_id => $first, message => { %message });
	$sim->update(update_id => $first + 1, message => { %message, text => '/whoami', message_id => 3 });
	ok answer(0, qr/1001/), 'the new one is answered';
	ok wait_settled($bot), 'done';
	is count_events($engine, $since, 'web')->{restart}, 1, 'the old one does not run again';
	is scalar(texts($sim, OPERATOR)), 1, 'nor is it answered again';
};

no_complaints($sim);
$bot->stop_ok;
done_testing;
