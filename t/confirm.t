# Runs sanitized, takes long.
# Confirmations: what is shown is what is done, once, to those very containers, by the one who asked.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use JSON::PP ();
use Time::HiRes qw(time);
use FG::Engine;
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);

use constant { ADMIN => 1, OTHER => 2, GROUP => -1001 };

my $engine = FG::Engine->shared($version);
my $talk = FG::Talk->start(
	users => [map { { id => $_, name => "user$_", role => 'admin' } } ADMIN, OTHER],
	hosts => { local => { url => $engine->url } },
);
my $sim = $talk->sim;
$sim->chat(chat => GROUP, type => 'supergroup', title => 'Ops');

sub idle { my (@names) = @_; $engine->run(name => $_, init => 1, cmd => ['sleep', '1d']) for @names; return }
sub states { return join ' ', map { "$_=" . ($engine->state($_) || 'none') } @_ }

# The containers that a preview names, and the states it tells of them.
sub listed { my ($message) = @_; return join ' ', map {s/ \((\w+)\)$/=$1/r} $message->{text} =~ /^• (.+)$/mg }

# How often the engine did ACTION to a container since it was MADE.
sub times_done {
	my ($name, $action, $since) = @_;
	my $filters = FG::Engine::_uri(qq({"container":{"$name":true},"event":{"$action":true}}));
	my $text = $engine->api(GET => "/events?since=$since&until=" . time . "&filters=$filters");
	$text = FG::Util::json_encode($text) if ref $text;
	return scalar(() = $text =~ /"Action":"$action"/g);
}

# Presses several buttons while the bot cannot react to the first of them yet. Returns how each was answered.
sub press_at_once {
	my ($message, @presses) = @_;
	my ($yes) = $talk->buttons($message);
	$talk->bot->signal('STOP');
	my $mark = $sim->last_seq;
	my @ids = map { $sim->press(user => $_->[1] // ADMIN, chat => $message->{chat_id}, message => $message->{message_id}, button => $_->[0] eq 'yes' ? $yes : $_->[0])->{callback_id} } @presses;
	$talk->bot->signal('CONT');
	my @answers = map {
		my $id = $_;
		$sim->wait_call(method => 'answerCallbackQuery', after => $mark, timeout => 60, match => sub { $_->{params}{callback_query_id} eq $id });
	} @ids;
	$talk->message_after($mark, $message->{chat_id});
	return map { ($_ // {})->{params}{text} // '' } @answers;
}

sub reload {
	my (%change) = @_;
	my $bot = $talk->bot;
	my $mark = $bot->log_mark;
	$bot->configure({ %{ $bot->{config} }, %change });
	$bot->signal('HUP');
	$bot->wait_log(qr/the config was read again/, 20, $mark) or die "no reload\n" . $bot->log;
	return;
}

subtest 'when it asks, and what it shows' => sub {
	idle(qw(web-1 web-2 web-3 db-1));
	my $many = $talk->ask('/restart web-*');
	is listed($many), 'web-1=running web-2=running web-3=running', 'several matches: all are listed, and no others';
	like join('|', $talk->buttons($many)), qr/^(?!Cancel)[^|]*3 containers\|Cancel$/, 'first what confirms, last what cancels';
	is $many->{reply_markup}{inline_keyboard}[-1][-1]{text}, 'Cancel', '… at the very end';
	my $began = int time;
	like $talk->text('/stop web-1'), qr/^✅ web-1 stopped/, 'a single match does not ask';
	like $talk->press($talk->ask("/$_ db-1"), 'Cancel')->{text}, qr/Cancelled: \/$_ db-1/, "… but /$_ does" for qw(remove kill);
	is listed($talk->ask('/up web-1 web-2')), 'web-1=exited web-2=running', 'the preview tells the states';
	is times_done('web-2', 'die', $began), 0, 'nothing was done so far';
	my $done = $talk->confirm($many, match => qr/restarted/);
	like $done->{text}, qr/^✅ 3 containers restarted: web-1, web-2, web-3/, 'confirmed, it does what was shown';
	is $done->{answer}{message_id}, $many->{message_id}, '… and says so where it asked';
	is_deeply [$talk->buttons($done->{answer})], [], '… with no buttons left';
	is states(qw(web-1 web-2 web-3 db-1)), 'web-1=running web-2=running web-3=running db-1=running', '… on the engine';
};

subtest 'who may press' => sub {
	my $asked = $talk->ask('/stop web-*', in => GROUP);
	for my $button ($talk->buttons($asked)) {
		my $pressed = $talk->press($asked, $button, as => OTHER, silent => 1);
		like $pressed->{callback}{text}, qr/only the person who asked/i, "another admin presses $button";
	}
	is states(qw(web-1 web-2 web-3)), 'web-1=running web-2=running web-3=running', 'nothing was done';
	is scalar(() = $talk->buttons($talk->now($asked))), 2, 'it still waits';
	like $talk->confirm($asked, match => qr/stopped/)->{text}, qr/3 containers stopped/, 'for the one who asked';
	like $talk->confirm($talk->ask('/up web-*'), match => qr/started/)->{text}, qr/3 containers started/, 'started again';
};

subtest 'once' => sub {
	my $began = int time;
	my $asked = $talk->ask('/kill db-1');
	my @answers = press_at_once($asked, (['yes']) x 3);
	ok $engine->wait_state('db-1', 'exited'), 'three quick presses kill';
	is times_done('db-1', 'kill', $began), 1, '… once';
	is scalar(grep {/nobody waits for this/i} @answers), 2, '… and two are told so' or diag explain \@answers;
	$asked = $talk->ask('/remove db-1', match => qr{^🗑});
	my ($first, $second) = press_at_once($asked, ['Cancel'], ['yes']);
	like $second, qr/nobody waits/i, 'what is cancelled cannot be confirmed';
	like $talk->ask('/info db-1')->{text}, qr/db-1 · exited/, '… and is not done';
	is_deeply [$talk->buttons($talk->now($asked))], [], 'no buttons are left';
};

subtest 'frozen' => sub {
	my $asked = $talk->ask('/remove db-1');
	$engine->rm('db-1');
	idle('db-1');
	my $refused = $talk->confirm($asked);
	like $refused->{text}, qr/^⚠️ nothing was done\b.*changed: db-1/, 'replaced under the same name: refused, with the difference';
	is $engine->state('db-1'), 'running', '… and the new one is left alone';

	$asked = $talk->ask('/stop web-*');
	idle('web-4');
	like $talk->confirm($asked)->{text}, qr/^⚠️ nothing was done.*\(new: web-4\)/, 'one more matches';
	$asked = $talk->ask('/stop web-*');
	is listed($asked), join(' ', map {"web-$_=running"} 1 .. 4), 'asked again, it is shown';
	$engine->rm('web-4');
	like $talk->confirm($asked)->{text}, qr/^⚠️ nothing was done.*\(gone: web-4\)/, 'one less matches';
	is states(qw(web-1 web-2 web-3)), 'web-1=running web-2=running web-3=running', 'the others were not touched';

	$asked = $talk->ask('/stop web-*');
	$engine->api(POST => '/containers/web-1/stop?t=1');
	like $talk->confirm($asked, match => qr/stopped/)->{text}, qr/2 containers stopped: web-2, web-3\n.*web-1/s, 'another state is no other container';
	$asked = $talk->ask('/remove web-*');
	$engine->rm("web-$_") for 1 .. 3;
	like $talk->confirm($asked)->{text}, qr/^⚠️ /, 'all of them gone';
};

subtest 'a press after a restart' => sub {
	my $asked = $talk->ask('/remove db-1');
	is $talk->bot->stop, 0, 'the bot ends';
	$talk->bot->restart->wait_ready;
	like $talk->confirm($asked, match => qr/removed/)->{text}, qr/db-1 removed/, 'its question is still good';
	is $engine->state('db-1'), '', '… and was acted on';
	idle('db-1');
	$asked = $talk->ask('/remove db-1');
	$talk->bot->kill9;
	my $early = $sim->press(user => ADMIN, chat => ADMIN, message => $asked->{message_id}, button => 'Cancel');
	$talk->bot->restart->wait_ready;
	like $sim->wait_message(chat => ADMIN, after => $asked->{seq}, match => qr/Cancelled/, timeout => 60)->{text}, qr/Cancelled/, 'so it is after a crash, when pressed meanwhile';
	ok $sim->wait_callback($early->{callback_id}, timeout => 60), '… and the press is answered';
	is $engine->state('db-1'), 'running', '… nothing was done';
};

subtest 'what nobody waits for' => sub {
	my $asked = $talk->ask('/whoami');
	my %query = (from => { id => ADMIN, is_bot => JSON::PP::false(), first_name => 'Ann' }, chat_instance => '1',
		message => { message_id => $asked->{message_id}, date => int time, chat => { id => ADMIN, type => 'private' } });
	for my $case (['confirm 0123456789abcdef', qr/nobody waits/i], ['confirm', qr/\S/], ['#nothingofthissort', qr/no longer know/i], ['frobnicate db-1', qr/no longer know/i], ["\x{1F600}", qr/\S/]) {
		my $mark = $sim->last_seq;
		my $id = 'made-up-' . length($case->[0]) . '-' . ord $case->[0];
		$sim->update(callback_query => { %query, id => $id, data => $case->[0] });
		my $call = $sim->wait_call(method => 'answerCallbackQuery', after => $mark, timeout => 60, match => sub { $_->{params}{callback_query_id} eq $id });
		like +($call // {})->{params}{text}, $case->[1], "a press of '$case->[0]' is answered";
	}
	is $engine->state('db-1'), 'running', 'nothing was done';
};

subtest 'a creation' => sub {
	my %fresh = (image => 'busybox:latest', command => ['sleep', '1d'], network_mode => 'none', stop_timeout => '1s');
	my %ask = (confirm => { ttl => '60s', always => ['create', 'remove'] });
	reload(%ask, templates => { fresh => \%fresh });
	my $asked = $talk->ask('/create fresh-1 fresh');
	like $asked->{text}, qr/fresh-1/, 'what is to be made is shown';
	reload(%ask, templates => { fresh => { %fresh, command => ['sleep', '2d'] } });
	like $talk->confirm($asked)->{text}, qr/nothing was done/, 'a template that changed meanwhile was not agreed to';
	is states('fresh-1'), 'fresh-1=none', '… nothing was made';
	like $talk->confirm($talk->ask('/create fresh-1 fresh'), match => qr/created/)->{text}, qr/fresh-1 is created/, 'as shown it is made';
	my $row = sub { my ($one) = grep { $_->{name} eq 'fresh-1' } @{ $talk->bot->json('/status')->{instances} }; return ($one // {})->{config} // '' };
	my $look = sub { $talk->bot->json('/health?probe=true') };
	$look->();
	is $row->(), 'in-sync', '/status: it is what the config says';
	reload(%ask, templates => { fresh => \%fresh });
	$look->();
	is $row->(), 'drifted', '… and no longer, when the config changes';
	reload(%ask, templates => {});
	$look->();
	is $row->(), 'unknown', '… nor known, when the template is gone';
	$talk->confirm($talk->ask('/remove fresh-1'), match => qr/removed/);
};

subtest 'a card that others press' => sub {
	reload(users => [{ id => ADMIN, name => 'user1', role => 'admin' }, { id => OTHER, name => 'user2', role => 'viewer' }]);
	my $card = $talk->ask('/info db-1', chat => GROUP);
	like $card->{text}, qr/db-1/, 'a card in a group';
	my $mark = $sim->last_seq;
	my ($stop) = grep {/Stop/} $talk->buttons($card);
	$sim->press(user => OTHER, chat => GROUP, message => $card->{message_id}, button => $stop);
	ok $sim->wait_message(chat => GROUP, after => $mark, match => qr/may not use/i, timeout => 30), 'who may not press is told so';
	my ($now) = grep { $_->{message_id} == $card->{message_id} } @{ $sim->messages(chat => GROUP) };
	is $now->{text}, $card->{text}, '… and the card stays';
	is $engine->state('db-1'), 'running', '… as does the container';
	reload(users => [map { { id => $_, name => "user$_", role => 'admin' } } ADMIN, OTHER]);
};

subtest 'the config' => sub {
	reload(confirm => { ttl => '1s', always => ['pause'] });
	my $asked = $talk->ask('/pause db-1');
	my $since = time;
	is listed($asked), 'db-1=running', 'confirm.always: /pause asks now';
	wait_until(10, sub { time > $since + 1.1 });
	my $late = $talk->confirm($asked);
	like $late->{callback}{text}, qr/expired/i, 'confirm.ttl: too late';
	like $late->{text}, qr/Expired, nothing was done: \/pause db-1/, '… the question says so';
	is_deeply [$talk->buttons($late->{answer})], [], '… and has no buttons';
	is $engine->state('db-1'), 'running', 'nothing was done';
	like $talk->confirm($talk->ask('/pause db-1'), match => qr/paused/)->{text}, qr/db-1 paused/, 'in time it works';
	like $talk->text('/kill db-1'), qr/db-1 killed/, '/kill does not ask any more';

	reload(confirm => { ttl => '60s' });
	$asked = $talk->ask('/remove db-1');
	reload(users => [{ id => ADMIN, name => 'user1', role => 'viewer' }]);
	like $talk->confirm($asked)->{text}, qr/you may not use/i, 'the role of now counts, not that of the question';
	is $engine->state('db-1'), 'exited', '… nothing was done';
};

$talk->end_ok;
done_testing;
