# Runs sanitized, takes long.
# Several people in private chats, a group and a topic use whatever there is, all at once and in no order: reads, changes,
# presses of any button, wrong words, hostile ones, while Telegram fails now and then. Everything is answered, the registry says
# what the engine says, and memory stays where it was.
#   FG_SOAK_SECONDS: how long (40); FG_SEED: the same words and presses as in an earlier run
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep time);
use FG::Bot;
use FG::Engine;
use FG::Scene qw(start_sim quick_config store_rows wait_settled no_complaints need_sqlite patient);
use FG::Util qw(wait_until);

use constant { ADMIN => 1001, OPERATOR => 1002, VIEWER => 1003, STRANGER => 6660, GROUP => -100501, FORUM => -100502, TOPIC => 7 };
# How much unanswered work would only pile up; between two words; how much more memory is no leak; after how many words there
# is a look at what waits.
use constant { BACKLOG => 30, PAUSE_S => 0.05, GROWTH_KIB => 8 * 1024, LOOK => 10 };

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();
my $seconds = $ENV{FG_SOAK_SECONDS} // 40;
my $seed = $ENV{FG_SEED} // int rand 2**31;
srand $seed;

my $engine = FG::Engine->start(version => $version);
$engine->run(name => "web$_", init => 1, cmd => ['sleep', '1d'], labels => { tier => $_ % 2 ? 'odd' : 'even' }) for 1 .. 4;
$engine->run(name => 'talker', init => 1, cmd => ['sh', '-c', 'while :; do echo "<b>tick</b> & $(date)"; sleep 1; done']);

my $sim = start_sim();
$sim->chat(chat => $_, first_name => "User $_") for ADMIN, OPERATOR, VIEWER;
$sim->chat(chat => GROUP, type => 'supergroup', title => 'Ops');
$sim->chat(chat => FORUM, type => 'supergroup', title => 'Forum', is_forum => 1, threads => [TOPIC]);
my $bot = FG::Bot->start(config => quick_config($sim, { local => { url => $engine->url, timeout => '60s' } },
	users => [{ id => ADMIN, name => 'ann', role => 'admin' }, { id => OPERATOR, name => 'otto', role => 'operator' },
		{ id => VIEWER, name => 'vic', role => 'viewer' }],
	chats => [{ id => GROUP, name => 'ops', role => 'viewer', notify => \1 }],
	templates => { demo => { image => 'busybox:latest', command => ['sleep', '1d'], network_mode => 'none', stop_timeout => '1s' } },
	exec => { enabled => \1 }, health => { refresh => '1s' }, log => { level => 'info' }));
$bot->wait_ready;

# What is said: any of these, with any of those for %s.
my @names = (map({"web$_"} 1 .. 4), map({"made$_"} 1 .. 3), 'talker', 'web*', 'label=tier:odd', 'nothing');
my @reads = ('/status', '/list', '/list %s', '/info %s', '/logs %s 5', '/logs %s grep=tick', '/top %s', '/ports', '/events 5m', '/hosts',
	'/images', '/df', '/templates', '/drift', '/history %s', '/compose %s', '/incidents', '/health', '/whoami', '/version', '/help %s',
	'/audit 5', '/schedule', '/grant');
my @changes = ('/up %s', '/stop %s', '/restart %s', '/pause %s', '/unpause %s', '/kill %s', '/kill %s signal=HUP', '/create %s demo', '/apply %s',
	'/limits %s memory=64m', '/touch %s', '/pin %s', '/unpin %s', '/note %s some <i>text</i>', '/remove %s', '/mute %s 1m', '/unmute',
	'/ack all', '/update %s', '/rollback %s', '/exec %s echo "<pre>"', '/grant vic operator 2s', '/rename %s other');
my @wrong = ('/stop', '/info', '/create %s', '/kill %s signal=NOISE', '/logs %s since=never', '/list lable=x', '/nonsense', '/lsit', '/help nothing');
my @hostile = ('/info "unclosed', '/info ' . 'x' x 3000, "/note %s \x{202e}\x{200f}gnp.exe", "/info \x{1F4A9}\x{0301}", '/list [', '/list !', '/info ../../etc',
	'/exec %s sh -c "printf \'\\\\033[31m\\\\0\\\\377\'"', "/info '; DROP TABLE audit; --", "/note %s </pre><script>&amp;", '/list name=**********');
my @kinds = ((\@reads) x 5, (\@changes) x 5, \@wrong, \@hostile);
my @places = ((map { [$_] } ADMIN, ADMIN, OPERATOR, VIEWER), [ADMIN, GROUP], [OPERATOR, GROUP], [OPERATOR, FORUM, TOPIC], [ADMIN, FORUM, TOPIC]);
# What Telegram does now and then, to a single call.
my @faults = ({ kind => '429', retry_after => 1 }, { kind => 'error', code => 500 }, map { { kind => $_ } } qw(html502 reset reset_after truncate slow));

sub pick { return $_[rand @_] }

my ($words, $pressed, $marks, %said) = (0, 0, 0);
sub say_something {
	my ($user, $chat, $thread) = @{ pick(@places) };
	my $text = pick(@{ pick(@kinds) }) =~ s/%s/pick(@names)/er;
	# Some ask for what there is nothing of: their answer names it, and so can be told from all others.
	$text = '/info mark' . ++$marks . 'x' if rand() < 0.2;
	$sim->say(user => $user, chat => $chat // $user, text => $text, $thread ? (thread => $thread) : ());
	$words++;
	# In a group what is no command may be meant for another bot.
	$said{ $chat // $user }++ unless $chat && $text =~ m{^/(?:nonsense|lsit)};
	return;
}

sub press_something {
	my ($user, $chat) = @{ pick(@places) };
	my @with = grep { my @labels = $sim->buttons($_); @labels } @{ $sim->messages(chat => $chat // $user) };
	return say_something() if !@with;
	my $message = $with[-1 - int rand(@with > 5 ? 5 : @with)];
	my $label = pick($sim->buttons($message));
	$pressed++ if eval { $sim->press(user => $user, chat => $chat // $user, message => $message->{message_id}, button => $label) };
	return;
}

sub waiting {
	my ($row) = store_rows($bot, 'SELECT count(*) AS n FROM updates WHERE state < 2');
	return $row->{n} // 0;
}

my ($end, $rss, $n) = (time + $seconds, 0, 0);
my $middle = $end - $seconds / 2;
while (time < $end) {
	rand() < 0.3 ? press_something() : say_something();
	$sim->say(user => STRANGER, text => pick(@changes) =~ s/%s/web1/r) if rand() < 0.02;
	$sim->fault(method => pick('sendMessage', 'editMessageText', 'answerCallbackQuery', 'getUpdates'), count => 1, %{ pick(@faults) }) if rand() < 0.03;
	$rss ||= $bot->rss_kib if time > $middle;
	sleep PAUSE_S;
	wait_until(patient(60), sub { waiting() < BACKLOG }) if ++$n % LOOK == 0;
}
$sim->clear_faults;
ok wait_settled($bot, 120), 'everything that was said is done' or diag explain [store_rows($bot, 'SELECT * FROM updates WHERE state < 2 LIMIT 3')];
my $grown = $bot->rss_kib - $rss;

for my $chat (sort keys %said) {
	my $sent = () = grep { $_->{ok} && $_->{method} =~ /^send(?:Message|Document|Photo)$/ } @{ $sim->calls(chat => $chat) };
	cmp_ok $sent, '>=', $said{$chat}, "in chat $chat each of $said{$chat} commands has an answer";
}
my %answers;
for my $call (grep { $_->{ok} } @{ $sim->calls(method => 'sendMessage') }) {
	$answers{$1}++ if ($call->{params}{text} // '') =~ /\bmark(\d+)x\b/;
}
is_deeply [grep { !$answers{$_} } 1 .. $marks], [], "each of $marks marked ones has its own";
is_deeply [grep { ($answers{$_} // 0) > 2 } 1 .. $marks], [], '… and none more than a repeat of it';
ok wait_until(patient(20), sub { !grep { !$_->{answered} } @{ $sim->callbacks } }), 'and each press' or diag explain [grep { !$_->{answered} } @{ $sim->callbacks }];
my @told = map { $_->{text} } @{ $sim->messages(chat => STRANGER) };
cmp_ok scalar @told, '<=', 1, 'a stranger is told who they are, if anything';
my ($audit) = store_rows($bot, 'SELECT count(*) AS n FROM audit');
cmp_ok $audit->{n}, '>', 0, 'it is in the audit';
my ($exit, $out, $err) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'audit', 'verify']);
is $exit, 0, '… which is whole' or diag $err;

# Of what the bot made: what it says of it is what the engine says.
my %engine = map { (substr($_->{Names}[0], 1) => $_->{State}) } @{ $engine->api(GET => '/containers/json?all=1') };
my $agreed = wait_until(patient(30), sub {
	my %bot = map { ($_->{name} => $_->{state}) } grep { $_->{state} ne 'missing' } @{ $bot->json('/status')->{instances} };
	%engine = map { (substr($_->{Names}[0], 1) => $_->{State}) } @{ $engine->api(GET => '/containers/json?all=1') };
	my @made = grep { ($_->{Labels} // {})->{'io.fleetgram.managed'} } @{ $engine->api(GET => '/containers/json?all=1') };
	return @made == keys %bot && !grep { ($engine{$_} // '') ne $bot{$_} } keys %bot;
});
ok $agreed, 'the registry agrees with the engine' or diag explain [\%engine, $bot->json('/status')->{instances}];
is scalar(grep {/-fleetgram|fleetgram-old|\.old/} keys %engine), 0, 'nothing half made is left' or diag explain \%engine;
SKIP: {
	skip 'the sanitizer keeps freed memory', 1 if FG::Bot::sanitized();
	cmp_ok $grown, '<', GROWTH_KIB, "$grown KiB more of memory in the second half";
}
no_complaints($sim, undef, 'press');
note "$words commands, $pressed presses in $seconds s; FG_SEED=$seed";
$bot->stop_ok;
done_testing;
