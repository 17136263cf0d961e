# Runs once, takes long.
# kill -9 at any moment, again and again, while people give commands: whatever Telegram handed over is done once or told as
# interrupted, every question is answered, and no answer comes more than twice.
#   FG_KILL_ROUNDS: how often it is killed (200); FG_SEED: the same commands and moments as in an earlier run
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use List::Util qw(max shuffle sum);
use Test::More;
use Time::HiRes qw(sleep time);
use FG::Bot;
use FG::FakeEngine;
use FG::Scene qw(start_sim quick_config store_rows wait_settled no_complaints need_sqlite patient);
use FG::Util qw(wait_until);

# A round's commands, its longest life, how long an action takes, how much undone work would only pile up,
# and after how many seconds there are no more rounds.
use constant { COMMANDS => 4, LIFE_MS => 150, EARLY_MS => 50, ACTION_MS => 30, BACKLOG => 40, LONGEST => 150 };
my $rounds = $ENV{FG_KILL_ROUNDS} // 200;
my $seed = $ENV{FG_SEED} // int rand 2**31;
my @users = 1001 .. 1006;
my @chats = (@users, -100201, -100202);
# command => [its container's state before, what the engine has done then]
my %acts = (kill => ['running', 'kill KILL'], pause => ['running', 'pause'], restart => ['running', 'restart'],
	stop => ['running', 'stop'], unpause => ['paused', 'unpause'], up => ['exited', 'start']);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
need_sqlite();
srand $seed;

# Half of the commands change something, each a container of its own; half of them ask, none twice in the same chat. So every
# answer tells by its chat and the name in it which command it belongs to.
my ($half, @kinds, @containers, @commands) = ($rounds * COMMANDS / 2, sort keys %acts);
for my $n (1 .. $half) {
	my $kind = $kinds[$n % @kinds];
	my ($state, $effect) = @{ $acts{$kind} };
	push @containers, { name => "m$n", state => $state };
	push @commands, { text => "/$kind m$n", name => "m$n", effect => "$effect m$n", chat => $chats[rand @chats] };
}
for my $n (0 .. $half - 1) {
	my $name = 'r' . int $n / @chats;
	push @containers, { name => $name } if $n % @chats == 0;
	push @commands, { text => "/info $name", name => $name, chat => $chats[$n % @chats] };
}
@commands = shuffle @commands;

my $engine = FG::FakeEngine->start(containers => \@containers, delay_ms => ACTION_MS, seed => $seed);
my $sim = start_sim();
$sim->chat(chat => $_, $_ > 0 ? (first_name => "User $_") : (type => 'supergroup', title => "Group $_")) for @chats;
my $bot = FG::Bot->start(config => quick_config($sim, { local => $engine->url }, confirm => { always => [] },
	users => [map { { id => $_, name => "ops$_", role => 'operator' } } @users], log => { level => 'info' }));
$bot->wait_ready->kill9;

# --- the rounds ------------------------------------------------------------------------------------------------

sub say_it {
	my ($command) = @_;
	my $user = $command->{chat} > 0 ? $command->{chat} : $users[rand @users];
	$command->{update} = $sim->say(user => $user, chat => $command->{chat}, text => $command->{text})->{update_id};
	return;
}

sub sleep_until { my ($moment) = @_; sleep max(0, $moment - time); return }

# What lies about when it is struck: a bot that was never at work would survive anything. Returns how much of it is undone.
my %struck = (waiting => 0, begun => 0, sending => 0);
sub look_at_the_dead {
	my ($row) = store_rows($bot, 'SELECT (SELECT count(*) FROM updates WHERE state = 0) AS waiting,'
		. ' (SELECT count(*) FROM updates WHERE state = 1) AS begun, (SELECT count(*) FROM outbox WHERE state = 1) AS sending');
	$struck{$_} += $row->{$_} for keys %struck;
	return $row->{waiting} + $row->{begun};
}

# Its life is counted from its first poll, in which it works on what its last one left, and is the longer the slower this
# machine is just now; one in ten is struck while it still starts.
sub live {
	my ($polls, $birth) = ($sim->state->{polls}, time);
	$bot->restart;
	return $birth + EARLY_MS / 1000 * rand if rand() < 0.1;
	wait_until(patient(20), sub { $sim->state->{polls} > $polls || !$bot->running });
	return time + rand() * max(LIFE_MS / 1000, 1.5 * (time - $birth));
}

my ($begin, $next, $ended) = (time, 0, 0);
for my $round (1 .. $rounds) {
	# A machine that is busy with much else gets as far as it gets.
	$rounds = $round - 1, last if time - $begin > LONGEST;
	my $death = live();
	my $life = $death - time;
	for my $moment (sort { $a <=> $b } map { $death - $life * rand } 1 .. COMMANDS) {
		sleep_until($moment);
		say_it($commands[$next++]);
	}
	sleep_until($death);
	$ended++ if !$bot->running;
	$bot->kill9;
	next if $round % 5 || look_at_the_dead() < BACKLOG;
	$bot->restart;
	wait_settled($bot);
	$bot->kill9;
}
$bot->restart;
my $took = time - $begin;
is $ended, 0, 'it never ended by itself';
@commands = @commands[0 .. $next - 1];
SKIP: {
	skip 'too few rounds to have met everything', 3 if $rounds < 150;
	cmp_ok $struck{$_}, '>', 0, "it was struck with something $_" for sort keys %struck;
}

# --- and then it is left alone ---------------------------------------------------------------------------------

my $last = max(map { $_->{update} } @commands);
ok wait_until(patient(30), sub { $sim->state->{confirmed_offset} > $last }), 'all of it has been handed over';
ok wait_settled($bot, 60), 'and is done' or diag explain [store_rows($bot, 'SELECT * FROM updates WHERE state < 2 LIMIT 5')];

my $mark = qr/may be a repeat/;
my %texts = map { my $chat = $_; $chat => [map { $_->{text} } @{ $sim->messages(chat => $chat) }] } @chats;
my $effects = $engine->effects;
my %count = map { $_ => 0 } qw(changes questions done interrupted lost doubled repeated vanished);
my (@bad, %told);

sub plain { my ($text) = @_; return join "\n", grep { !/$mark/ && !/^⏳/ } split /\n/, $text }

# What is wrong with a command's answers; '' when nothing is.
sub fault_of {
	my ($command, @answers) = @_;
	my $effect = $command->{effect} ? $effects->{ $command->{effect} } // 0 : 0;
	my $interrupted = @answers && $answers[0] =~ /Interrupted/;
	$count{ $command->{effect} ? 'changes' : 'questions' }++;
	$count{lost}++, return 'no answer' if !@answers;
	$count{doubled}++, return "done $effect times" if $effect > 1;
	$count{doubled}++, return 'answered more than twice' if @answers > 2;
	$count{vanished}++ if @answers == 1 && $answers[0] =~ $mark;
	if (@answers == 2) {
		$count{repeated}++;
		return 'the second copy does not say that it may be one' if $answers[1] !~ $mark || $answers[0] =~ $mark;
		return 'two answers that differ' if plain($answers[0]) ne plain($answers[1]);
	}
	return $answers[0] =~ /busybox/ ? '' : 'no card' if !$command->{effect};
	$count{lost}++, return 'not done, and not told so' if !$effect && !$interrupted;
	$count{ $interrupted ? 'interrupted' : 'done' }++;
	return $interrupted || $answers[0] =~ /✅.*\b\Q$command->{name}\E\b.*(?:killed|paused|started|stopped)/ ? '' : 'no such answer';
}

for my $command (@commands) {
	my @answers = grep {/\b$command->{name}\b/} @{ $texts{ $command->{chat} } };
	$told{all} += @answers;
	my $fault = fault_of($command, @answers) or next;
	push @bad, "$command->{text} in $command->{chat} (update $command->{update}): $fault\n" . join "\n", map {"\t$_"} @answers;
}
# Only between the mark in the store and the request itself, microseconds later, nobody can know which of the two happened.
cmp_ok $count{vanished}, '<=', $rounds / 50, 'what says that it may be a repeat is one';
is scalar @bad, 0, 'each command was done once or told as interrupted, and answered' or diag join "\n", @bad[0 .. ($#bad > 9 ? 9 : $#bad)];
is $told{all}, sum(map { scalar @$_ } values %texts), 'nothing else was said';
is scalar(grep { $_ > 1 } values %$effects), 0, 'no container had anything done to it twice';
no_complaints($sim);
my $summary = sprintf '%d rounds in %.0f s, %d commands (%d changes: %d done, %d interrupted; %d questions): %d lost, %d doubled, %d answers sent'
	. ' and marked again after they had arrived, %d after they had not; struck with %d waiting, %d begun, %d answers on their way in every fifth round; FG_SEED=%d', $rounds, $took,
	scalar @commands, @count{qw(changes done interrupted questions lost doubled repeated vanished)}, @struck{qw(waiting begun sending)}, $seed;
@bad ? diag $summary : note $summary;
$bot->stop_ok;
done_testing;
