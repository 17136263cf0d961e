# Runs sanitized.
# Who may do what: roles, lists of commands, scopes, groups and topics, and everybody who may do nothing at all.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Engine;
use FG::Sim;
use FG::Talk;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);

use constant { ADMIN => 1, VIEWER => 2, OPERATOR => 3, RED => 4, LISTED => 5, DENIED => 6, BOSS => 7, MEMBER => 50, STRANGER => 6000000001 };
use constant { GROUP => -1001, REDS => -1002, NEWS => -1003, FOREIGN => -1004, CHANNEL => -1005 };

my $engine = FG::Engine->shared($version);
$engine->run(name => $_, init => 1, cmd => ['sleep', '1d'], labels => { team => 'red' }) for qw(red-one red-two);
$engine->run(name => 'blue-one', init => 1, cmd => ['sleep', '1d'], labels => { team => 'blue' });
$engine->run(name => 'blue-two', start => 0, labels => { team => 'blue' });

my %config = (
	users => [
		{ id => ADMIN, name => 'ann', role => 'admin' },
		{ id => VIEWER, name => 'vic', role => 'viewer' },
		{ id => OPERATOR, name => 'otto', role => 'operator' },
		{ id => RED, name => 'rita', role => 'operator', scope => 'label=team:red' },
		{ id => LISTED, name => 'liz', role => 'operator', commands => [qw(list stop)] },
		{ id => DENIED, name => 'dan', role => 'operator', deny => [qw(kill /pause ps)] },
		{ id => BOSS, name => 'bo', role => 'admin' },
	],
	chats => [
		{ id => GROUP, role => 'operator' },
		{ id => GROUP, thread => 7, role => 'viewer' },
		{ id => REDS, role => 'viewer', scope => 'label=team:red' },
		{ id => NEWS, notify => JSON::PP::true() },
	],
	hosts => { local => { url => $engine->url } },
	templates => {
		blue => { image => 'busybox:latest', labels => { team => 'blue' }, command => ['sleep', '1d'], network_mode => 'none' },
		red => { image => 'busybox:latest', labels => { team => 'red' }, command => ['sleep', '1d'], network_mode => 'none', stop_timeout => '1s' },
	},
	notify => { startup_delay => '1h' },
);

my $sim = FG::Sim->start;
$sim->chat(chat => NEWS, type => 'supergroup', title => 'News');
my $talk = FG::Talk->start(%config, sim => $sim);
$sim->chat(chat => GROUP, type => 'supergroup', title => 'Ops', is_forum => 1, threads => [7, 8]);
$sim->chat(chat => $_, type => 'supergroup', title => "Group $_") for REDS, FOREIGN;
$sim->chat(chat => CHANNEL, type => 'channel', title => 'Channel');

# Whoever AS is says TEXT and is answered like PATTERN.
sub says {
	my ($as, $text, $pattern, %o) = @_;
	my $name = delete $o{name} // "$as: $text";
	my $answer = $talk->ask($text, as => $as, %o);
	like $answer->{text}, $pattern, $name;
	return $answer;
}

sub state_is { my ($name, $state, $why) = @_; return is $engine->state($name), $state, $why // "… $name is $state" }

# What CODE does is answered by nothing. A known person's question in the same chat comes after it, and answers leave a
# chat in order: the one to that, which looks like no other, has to be the only one.
sub silence {
	my ($name, $chat, $code, %o) = @_;
	my $mark = $sim->last_seq;
	$code->();
	$talk->ask('/help whoami', in => $chat, match => qr{^/whoami}, %o);
	my @new = map { $_->{text} } grep { $_->{seq} > $mark } @{ $sim->messages(chat => $chat) };
	return ok(@new == 1, $name) || diag explain \@new;
}

my $refused = qr/you may not use/i;

subtest 'roles' => sub {
	says(VIEWER, '/list', qr/^4 containers/);
	says(VIEWER, '/whoami', qr{Role: viewer.*You may:(?!.*/stop)}s);
	says(VIEWER, '/help', qr{/list(?!.*/stop)}s);
	says(VIEWER, '/help stop', qr/no command/);
	says(VIEWER, "/$_", qr{$refused /\w+: it needs the role operator}) for 'stop red-one', 'up blue-two', 'kill red-one', 'create x red', 'restart *';
	says(VIEWER, '/remove red-one', qr{$refused /remove: it needs the role admin});
	says(VIEWER, '/remvoe red-one', qr{/help lists}, name => 'no near miss leads to what is not allowed');
	state_is('red-one', 'running');
	my $card = says(VIEWER, '/info red-one', qr/red-one · running/);
	is_deeply [grep {/Stop|Pause|Restart|Remove/} $talk->buttons($card)], [], "a viewer's card has no buttons to act";
	says(OPERATOR, '/stop red-one', qr/red-one stopped/);
	state_is('red-one', 'exited');
	says(OPERATOR, '/up red-one', qr/red-one started/);
	says(OPERATOR, "/$_", qr{$refused /\w+: it needs the role admin}) for 'remove red-one', 'rename red-one red-three';
	state_is('red-one', 'running');
	is_deeply [grep {/Remove/} $talk->buttons($talk->ask('/info blue-two', as => OPERATOR))], [], "an operator's card has no Remove";
	says(ADMIN, '/rename red-one red-three', qr/now called red-three/);
	says(ADMIN, '/rename red-three red-one', qr/now called red-one/);
};

subtest 'lists of commands' => sub {
	says(LISTED, '/list', qr/^4 containers/);
	says(LISTED, '/ps', qr/^4 containers/);
	says(LISTED, '/whoami', qr{You may:.*/list}s, name => 'what anybody may needs no mention');
	says(LISTED, "/$_", $refused) for 'info red-one', 'restart red-one', 'status';
	says(LISTED, '/stop red-two', qr/red-two stopped/);
	says(ADMIN, '/up red-two', qr/red-two started/);
	is_deeply [grep {/red/} $talk->buttons($talk->ask('/list', as => LISTED))], [], 'no buttons to what is not on the list';
	says(DENIED, "/$_", $refused) for 'kill red-one', 'pause red-one', 'ps', 'list';
	state_is('red-one', 'running');
	says(DENIED, '/restart red-two', qr/red-two restarted/);
};

subtest 'scope' => sub {
	my $id = $engine->inspect('blue-one')->{Id};
	says(RED, '/list', qr/^2 containers(?!.*blue)/s);
	says(RED, '/whoami', qr/You see: label=team:red/);
	says(RED, '/status', qr/local · 🟢 2$/m);
	says(RED, '/health', qr/local · 🟢 2$/m);
	says(RED, '/hosts', qr/local · 🟢 2$/m);
	says(RED, '/stats', qr/^📊 2 running(?!.*blue)/s);
	for my $command (qw(info logs top stats stop restart list start)) {
		my ($none, $blue) = map { my $name = $_; $talk->text("/$command $name", as => RED) =~ s/$name/NAME/gr } qw(nothing blue-one);
		is $blue, $none, "/$command: what is out of scope is like what is not there";
	}
	says(RED, "/info $_", qr/^⚠️ no container matches "[^"]+"(?!.*blue)/, name => "no way in by $_")
		for substr($id, 0, 8), $id, 'local/blue-one', 'blue*', 'label=team:blue', 'bleu-one';
	says(RED, '/info rde-one', qr/did you mean red-one(?!.*blue)/);
	my $all = says(RED, '/restart *', qr/^Restart 2 containers\?(?!.*blue)/s);
	$talk->press($all, 'Cancel', as => RED);
	says(RED, '/create another blue', qr/outside of what you may see/);
	is $engine->inspect('another'), undef, '… and nothing was made';
	says(RED, '/create red-four red', qr/red-four/, match => qr/Instance of red/);
	state_is('red-four', 'running');
	says(ADMIN, '/list', qr/^5 containers/, name => 'others see it all');
	says(RED, '/version', qr/local: docker/);
	state_is('blue-one', 'running');
	$engine->rm('red-four');
};

subtest 'groups and topics' => sub {
	says(MEMBER, '/list', qr/^4 containers/, in => GROUP, name => "a member has the chat's role");
	my $topic = says(MEMBER, '/list', qr/^4 containers/, in => GROUP, thread => 7, name => 'in a topic');
	is $topic->{thread}, 7, '… the answer stays there';
	is says(MEMBER, '/list', qr/^4 containers/, in => GROUP, thread => 8, name => 'in another')->{thread}, 8, '… and there';
	says(MEMBER, '/stop red-one', $refused, in => GROUP, thread => 7, name => "a topic's entry wins over its chat's");
	state_is('red-one', 'running');
	says(MEMBER, '/restart red-one', qr/red-one restarted/, in => GROUP, thread => 8);
	says(MEMBER, '/whoami', qr/Role: operator/, in => GROUP);
	says(VIEWER, '/stop red-one', $refused, in => GROUP, name => "one's own entry wins over the chat's");
	says(ADMIN, '/whoami', qr/Role: admin/, in => FOREIGN, name => '… and is valid anywhere');
	says(MEMBER, '/list', qr/^2 containers(?!.*blue)/s, in => REDS, name => "a chat's scope");
	says(MEMBER, '/info blue-one', qr/no container matches/, in => REDS);

	my $card = says(MEMBER, '/info red-two', qr/red-two · running/, in => GROUP);
	my $pressed = $talk->press($card, qr/Stop/, as => VIEWER);
	like $pressed->{text}, $refused, "a button is no way around one's role";
	state_is('red-two', 'running');
	my $asked = $talk->press($topic, '↻', as => MEMBER, same => 1);
	is $asked->{callback}{text}, undef, 'a button in a topic is answered';

	my $list = says(MEMBER, '/list@SIM_bot', qr/^4 containers/, in => GROUP, name => 'addressed to this bot');
	silence('addressed to another', GROUP, sub { $talk->say('/whoami@other_bot', as => MEMBER, in => GROUP) });
	silence('… in private too', ADMIN, sub { $talk->say('/whoami@other_bot') });
	silence('unknown commands in a group', GROUP, sub { $talk->say("/$_", as => MEMBER, in => GROUP) for 'nonsense', 'whoamii' });
	silence('talk in a group', GROUP, sub { $talk->say($_, as => MEMBER, in => GROUP) for 'whoami', 'help', 'look: /whoami' });
	silence('pictures and the like', ADMIN, sub { $sim->say(user => ADMIN, extra => { new_chat_title => 'x' }) });
	silence('a chat that is only told things', NEWS, sub { $talk->say('/whoami', as => MEMBER, in => NEWS) });
};

subtest 'what never runs' => sub {
	$talk->ask('/whoami');
	my $said = $sim->messages(chat => ADMIN, by => 'user')->[-1];
	silence('an edited message', ADMIN, sub {
		$sim->say(user => ADMIN, text => "/$_", edited => 1, message_id => $said->{message_id}) for 'whoami', 'stop red-one';
	});
	silence('another bot', GROUP, sub {
		my $bot = { id => 77, is_bot => JSON::PP::true(), first_name => 'Robot', username => 'robot_bot' };
		$sim->say(user => $bot, chat => GROUP, text => "/$_") for 'whoami', 'stop red-one';
	});
	silence('an anonymous admin', GROUP, sub {
		$sim->say(user => ADMIN, chat => GROUP, sender_chat => { id => GROUP, type => 'supergroup' }, text => "/$_") for 'whoami', 'stop red-one';
	});
	silence('a channel that writes in the group', GROUP, sub {
		$sim->say(user => ADMIN, chat => GROUP, sender_chat => { id => CHANNEL, type => 'channel' }, text => "/$_") for 'whoami', 'stop red-one';
	});
	silence('what a linked channel forwards', GROUP, sub {
		$sim->update(message => { message_id => 4711, date => time, from => { id => 777000, is_bot => JSON::PP::false(), first_name => 'Telegram' },
			chat => { id => GROUP, type => 'supergroup', title => 'Ops' }, sender_chat => { id => CHANNEL, type => 'channel', title => 'Channel' },
			text => "/$_" }) for 'whoami', 'stop red-one';
	});
	my $yes = JSON::PP::true();
	my $robot = { id => 77, is_bot => $yes, first_name => 'Robot', username => 'robot_bot' };
	my @other = (
		['what was forwarded', forward_origin => { type => 'user', date => time, sender_user => { id => OPERATOR, is_bot => JSON::PP::false(), first_name => 'O' } }],
		['what was forwarded by an older server', forward_date => time],
		['what was made by an inline bot', via_bot => $robot],
		['what was forwarded by itself', is_automatic_forward => $yes],
	);
	for my $case (@other) {
		my ($name, %fields) = @$case;
		silence("$name, in private", ADMIN, sub { $sim->say(user => ADMIN, text => "/$_", extra => \%fields) for 'whoami', 'stop red-one' });
		silence("$name, in a group", GROUP, sub { $sim->say(user => ADMIN, chat => GROUP, text => "/$_", extra => \%fields) for 'whoami', 'stop red-one' });
	}
	silence("Telegram's own name for anonymous admins", GROUP, sub {
		my $group = { id => 1087968824, is_bot => $yes, first_name => 'Group', username => 'GroupAnonymousBot' };
		$sim->update(message => { message_id => 4712, date => time, from => $group, chat => { id => GROUP, type => 'supergroup', title => 'Ops' },
			sender_chat => { id => GROUP, type => 'supergroup', title => 'Ops' }, text => "/$_" }) for 'whoami', 'stop red-one';
	});
	my $post = $sim->say(user => ADMIN, chat => CHANNEL, text => '/stop red-one');
	$sim->say(user => ADMIN, chat => CHANNEL, text => '/stop red-one', edited => 1, message_id => $post->{message_id});
	says(ADMIN, '/whoami', qr/ann/);
	is $talk->count(CHANNEL), 0, 'a channel is not answered';
	says(ADMIN, '/stop red-one', qr{old: /stop red-one}, date => time - 3600, name => 'what is an hour old is told of');
	says(MEMBER, '/stop red-one', qr{old: /stop red-one}, date => time - 3600, in => GROUP, name => '… in a group too');
	says(ADMIN, '/restart red-two', qr/red-two restarted/, date => time - 60, name => 'a minute is not too late');
	state_is('red-one', 'running', 'none of that was run');
};

subtest 'strangers' => sub {
	my $name = { id => STRANGER, first_name => '<b>Eve', username => 'eve' };
	my %before = map { $_ => $talk->count($_) } ADMIN, BOSS, OPERATOR;
	my $told = $talk->ask('/list', as => $name);
	like $told->{text}, qr/6000000001/, 'a stranger is told the id to hand on';
	unlike $told->{text}, qr/red|local|container/, '… and nothing else';
	my @admins = map { $talk->sim->wait_message(chat => $_, match => qr/6000000001/, timeout => 60) } ADMIN, BOSS;
	like $_->{text}, qr/<b>Eve \@eve/, 'an admin is told of them' for @admins;
	$sim->say(user => $name, text => $_) for '/start', '/stop red-one', 'hello';
	silence('again, and there is no answer', ADMIN, sub { });
	is $talk->count(STRANGER), 1, 'a stranger is told once';
	is $talk->count(BOSS), $before{+BOSS} + 1, 'an admin is told once';
	is $talk->count(OPERATOR), $before{+OPERATOR}, 'an operator is not';
	silence('in a group nothing is said to them', FOREIGN, sub { $talk->say("/$_", as => STRANGER, in => FOREIGN) for qw(whoami list start) });
	my $card = $talk->ask('/info red-one', in => FOREIGN);
	my $pressed = $talk->press($card, qr/Stop/, as => STRANGER, silent => 1);
	like $pressed->{callback}{text}, qr/may not use/, 'a press of theirs is answered so';
	state_is('red-one', 'running');
	$talk->bot->stop;
	$talk->bot->restart->wait_ready;
	$sim->say(user => $name, text => 'me again');
	silence('after a restart', ADMIN, sub { });
	is $talk->count(STRANGER), 1, '… it is remembered who was told';
};

# The bot with another config from here on.
sub reload {
	my (%change) = @_;
	my $bot = $talk->bot;
	my $mark = $bot->log_mark;
	$bot->configure({ %{ $bot->{config} }, %change });
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, 20, $mark), 'another config';
	return;
}

subtest 'strangers, ignored' => sub {
	reload(telegram => { %{ $talk->bot->{config}{telegram} }, unknown_users => 'ignore' });
	$sim->say(user => 901, text => '/start');
	silence('a stranger is not answered', ADMIN, sub { });
	is $talk->count(901), 0, '… at all';
};

subtest 'nobody configured' => sub {
	reload(users => [], chats => [], telegram => { %{ $talk->bot->{config}{telegram} }, unknown_users => 'tell_id' });
	for my $who (ADMIN, OPERATOR) {
		like $talk->text('/stop red-one', as => $who), qr/You are not known here.*\b$who\b/, "$who is a stranger now";
	}
	my $mark = $sim->last_seq;
	$sim->say(user => ADMIN, chat => GROUP, text => '/list');
	like $talk->text('/list', as => 902), qr/902/, 'so is everybody';
	is_deeply [grep { $_->{seq} > $mark } @{ $sim->messages(chat => GROUP) }], [], 'in groups nothing is said';
	state_is('red-one', 'running', 'nothing was done');
};

state_is($_, 'running', "$_ still runs") for qw(red-one red-two blue-one);
$talk->end_ok;
done_testing;
