# What one person says to the bot, command by command, and what becomes of it on a real engine of each version.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Engine;
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
FG::Engine->need(FG::Engine->versions);

my ($engine, $talk);

sub ask { return $talk->ask(@_) }
sub says { my ($text, $pattern, $name) = @_; return like $talk->text($text), $pattern, $name // $text }
sub state_is { my ($name, $state) = @_; return is $engine->state($name), $state, "$name is $state" }

# All that a container has logged, by the engine's own account.
sub logged { my ($name) = @_; return $engine->api(GET => "/containers/$name/logs?stdout=1&stderr=1") }

# What the listener tells of the instances, a line each.
sub registered {
	return join "\n", map { join ' ', @$_{qw(name host template state)} } @{ $talk->bot->json('/status')->{instances} };
}

my %templates = (
	demo => {
		image => 'busybox:latest',
		command => ['sleep', '${TIME}'],
		env => { GREETING => 'hello ${WHO} from ${name}' },
		labels => { tier => 'made' },
		limits => { cpus => 0.5, memory => '32m', pids => 20 },
		network_mode => 'none',
		stop_timeout => '1s',
		parameters => { TIME => { default => '1d', pattern => '^[0-9]+[smhd]?$' }, WHO => { description => 'who is greeted' } },
	},
	absent => { image => 'registry.invalid/nobody/nothing:1' },
	broken => { image => 'busybox:latest', command => ['/no/such/program'], network_mode => 'none' },
);

sub set_up {
	$engine->run(name => 'web', init => 1, labels => { tier => 'front' }, env => { DB_PASSWORD => 'swordfish', COLOR => 'red' },
		cmd => ['sh', '-c', q{for i in 1 2 3 4; do echo "out $i"; done; printf 'err <b>& \033[31mred\033[0m\n' >&2; printf 'bad \377 \000 end\n'; exec sleep 1d}]);
	$engine->run(name => 'db', init => 1, cmd => ['sleep', '1d'], labels => { 'com.docker.compose.project' => 'shop' });
	$engine->run(name => 'old', cmd => ['sh', '-c', 'exit 3']);
	ok $engine->wait_state('old', 'exited'), 'there are containers to work with';
	$talk = FG::Talk->start(
		users => [{ id => 1, name => 'ops', role => 'admin' }],
		hosts => { local => { url => $engine->url } },
		templates => \%templates,
		health => { refresh => '1s' },
	);
	return;
}

sub hello {
	my $welcome = ask('/start');
	like $welcome->{text}, qr/Hello, ops/, '/start welcomes by name';
	like $talk->press($welcome, $_->[0])->{text}, $_->[1], "… and its button $_->[0] works"
		for [qr/List/, qr/^3 containers/], [qr/Status/, qr/local/], [qr/Help/, qr{/create NAME TEMPLATE}];
	says('/help', qr{Looking.*/logs NAME.*Acting.*/stop SEL.*Administration.*/remove SEL}s);
	says('/help stop', qr{^/stop SEL\n.*For: operator and above}s);
	says('/help /kill', qr/signal=HUP/);
	says('/help stpo', qr{no command /stpo.*/stop\?});
	says('/whoami', qr{ops, id 1\nRole: admin\nYou see: everything\nYou may:\n.*administer:.* /remove}s);
	says('/version', qr/Fleetgram \d+\.\d+\.\d+\nlocal: docker \d+\.\d+.*API 1\.\d+/);
	says('list', qr/^3 containers/, 'a bare word in private');
	says("  /LIST\n", qr/^3 containers/, 'capitals and blanks around');
	my $near = ask('/lsit');
	like $near->{text}, qr{I do not know /lsit\. Did you mean /list\?}, 'a typing error';
	like $talk->press($near, 'list')->{text}, qr/^3 containers/, '… one press away from what was meant';
	says('what is up', qr{I do not know what\. /help}, 'talk');
	my $menu = sub { return map { ref $_ eq 'ARRAY' ? map({ $_->{command} => 1 } @$_) : () } values %{ $talk->sim->state->{commands} } };
	ok wait_until(20, sub { my %menu = $menu->(); return $menu{list} && $menu{remove} && $menu{whoami} }), 'the menu of commands is set' or diag explain $talk->sim->state->{commands};
	return;
}

sub looking {
	says('/status', qr/local · 🟢 2 🔴 1\n/);
	says('/hosts', qr/local · 🟢 2 🔴 1\n\s+docker \S+, API 1\.\d+, linux.*\n\s+answers in \d+ ms/);
	says('/health', qr/^🟢 ok · fleetgram .*Telegram: ok(?!.*Store)/s);
	says('/templates', qr/3 templates.*absent.*demo · busybox:latest\n\s+0\.5 CPU, 32m memory, 20 processes\n.*WHO \(needed\) · who is greeted/s);

	my $list = ask('/list');
	like $list->{text}, qr/^3 containers 🟢 2 🔴 1\n🔴 old · exited \(3\).*\n🟢 web · up \d+s\n\n📁 shop\n🟢 db · up/, '/list';
	like $list->{html}, qr{<b>web</b>}, '… with names in bold';
	like $talk->press($list, qr/web/)->{text}, qr/^🟢 web · running/, "… whose buttons lead to cards";
	ok $talk->press($list, '↻', same => 1)->{callback}, '… and one looks again';
	says('/list tier', qr/no container matches "tier"/);
	says('/list label=tier:front', qr/^1 container .*web/s);
	says('/list !state=running', qr/^1 container .*old/s);
	says('/list project=shop db', qr/^1 container .*db/s);
	says('/list lable=x', qr/lable.*label/, 'a misspelt key');
	says('/list "web', qr/quote/, 'a quote that does not end');

	my $id = $engine->inspect('web')->{Id};
	for my $name ('web', 'local/web', substr($id, 0, 6)) {
		says("/info $name", qr/^🟢 web · running for.*Image busybox:latest.*tier=front/s);
	}
	my $card = ask('/info web');
	like $card->{text}, qr/COLOR=red/, 'the environment is shown';
	unlike $card->{text}, qr/swordfish/, 'a secret is not';
	my $compose = ask('/compose web');
	like $compose->{text}, qr/^🧾 web as a Compose file\n1 secret value is not in it.*\nservices:\n  web:\n.*DB_PASSWORD: "\$\{DB_PASSWORD:\?\}"/s, '/compose';
	unlike $compose->{text}, qr/swordfish/, '… tells no secret either';
	says('/info old', qr/^🔴 old · exited.*exit code 3/s);
	says('/info wbe', qr/no container matches "wbe"; did you mean web/);
	says('/info', qr{Usage: /info NAME});
	says('/info *', qr/means 3 containers/);
	says('/start web', qr/^🟢 web · running/, 'a link shows the card');
	says('/start old', qr/^🔴 old · exited/, '… and starts nothing');
	state_is('old', 'exited');
	return;
}

sub logs {
	my $log = ask('/logs web');
	like $log->{text}, qr/^📜 web · 6 lines\n(?:.*\n)*?out 1\n(?:.*\n)*?out 2\n(?:.*\n)*?out 3\n(?:.*\n)*?out 4/, '/logs';
	like $log->{text}, qr/^err <b>& red$/m, '… escaped, without colours, stderr too';
	like $log->{text}, qr/^bad \x{fffd} \S? ?end$/m, '… and readable whatever was written';
	like $talk->press($log, qr/Card/)->{text}, qr/^🟢 web/, '… has the card behind a button';
	says('/logs web 2', qr/^📜 web · 2 lines\n[^\n]+\n[^\n]+\z/);
	says('/logs web grep="OUT 3"', qr/^📜 web · 1 line with OUT 3\nout 3\z/, 'quoted, in any case');
	says('/logs web grep=nowhere', qr/web wrote nothing with nowhere in it/);
	says('/logs web since=1h', qr/6 lines of the last .*out 1/s);
	says('/logs web since=1s', qr/web wrote nothing in the last/);
	says('/logs web since=soon', qr/since=soon/);
	says('/logs web 0', qr{Usage: /logs});
	says('/logs db', qr/db wrote nothing yet/);

	$engine->run(name => 'ticker', cmd => ['sh', '-c', 'i=0; while [ $i -lt 5 ]; do i=$((i+1)); echo "tick <$i>"; sleep 1; done']);
	my $live = ask('/logs ticker follow', match => qr/tick <1>/);
	like $live->{text}, qr/^📜 ticker · following/, 'a log is followed';
	my $last = $talk->{sim}->wait_message(chat => $live->{chat_id}, match => qr/ended\n(?:.*\n)*tick <5>/, timeout => 60);
	is $last && $last->{message_id}, $live->{message_id}, '… in one message, until the container ends';
	$engine->rm('ticker');

	$engine->run(name => 'term', tty => 1, init => 1, cmd => ['sh', '-c', 'echo to the terminal; echo and more >&2; exec sleep 1d']);
	ok wait_until(20, sub { logged('term') =~ /and more/ }), 'a terminal has been written to';
	says('/logs term', qr/^📜 term · 2 lines\nto the terminal\nand more\z/, 'the log of a terminal');
	$engine->rm('term');

	$engine->run(name => 'talks', cmd => ['sh', '-c', 'i=0; while [ $i -lt 6000 ]; do i=$((i+1)); echo "line $i <of> a container that talks a lot, every day"; done']);
	ok $engine->wait_state('talks', 'exited'), 'much has been written';
	my @parts = $talk->answers(3, '/logs talks 150');
	is scalar(grep { length $_->{text} <= 4096 } @parts), 3, 'a long log comes in three messages';
	is_deeply [join("\n", map { $_->{text} } @parts) =~ /^line (\d+) <of>/mg], [5851 .. 6000], '… of whole lines, all of them';
	my $file = ask('/logs talks 5000');
	is +($file->{document} // {})->{file_name}, 'talks.log.txt', 'a longer one as a file';
	like $file->{text} // '', qr/talks · 5000 lines/, '… with its caption';
	my @lines = split /\n/, $talk->sim->content($file) // '';
	is_deeply [scalar @lines, @lines[0, -1]],
		[5000, map {"line $_ <of> a container that talks a lot, every day"} 1001, 6000], '… and all that was asked for';
	$engine->rm('talks');
	return;
}

sub usage {
	like $talk->text('/stats'), qr/2 running containers.*\nNAME\s+CPU.*\n(?:(?:web|db)\s+\S+%.*\n?){2}/, '/stats';
	says('/stats web', qr/^📊 web\n(?:CPU .*\n)?Memory [\d.]+ \wi?B of .*Processes \d+/s);
	says('/stats old', qr/old is not running/);
	says('/top web', qr/web · 2 processes\n.*PID USER.*sleep 1d/s);
	says('/top old', qr/old is not running \(it is exited\)/);
	return;
}

sub lifecycle {
	says('/stop web', qr/^✅ web stopped\.\n🔴 exited\b.*\b143\b.*SIGTERM/);
	state_is('web', 'exited');
	says('/stop web', qr/^web is not running/);
	says('/up web', qr/^✅ web started\.\n🟢 running/);
	state_is('web', 'running');
	says('/up web', qr/^web is running already/);
	says('/pause web', qr/^✅ web paused\.\n⏸ paused/);
	state_is('web', 'paused');
	says('/unpause web', qr/^✅ web unpaused/);
	state_is('web', 'running');
	my $before = $engine->inspect('web')->{State}{StartedAt};
	says('/restart web', qr/^✅ web restarted/);
	state_is('web', 'running');
	isnt $engine->inspect('web')->{State}{StartedAt}, $before, '… anew';
	says('/pause old', qr/^⚠️ .*cannot pause old on local: .*not running/);
	says('/up nothing', qr/no container matches "nothing"/);
	says('/stop', qr{Usage: /stop SEL});

	$engine->run(name => 'hears', stop_timeout => 1, cmd => ['sh', '-c', 'trap "echo heard HUP" HUP; echo ready; while :; do sleep 0.1; done']);
	ok wait_until(20, sub { logged('hears') =~ /ready/ }), 'something listens for signals';
	my $asked = ask('/kill hears signal=HUP');
	like $asked->{text}, qr/^Kill .*with signal HUP\?\n(?:.*\n)?• hears \(running\)\z/, '/kill asks';
	unlike logged('hears'), qr/heard/, '… before it does anything';
	like $talk->confirm($asked)->{text}, qr/^✅ hears killed\.\n🟢 running/, '… and then sends the signal';
	ok wait_until(10, sub { logged('hears') =~ /heard HUP/ }), '… which arrives';
	for my $wrong (qw(NONSENSE a;b 0 65 RTMIN+99 SIG)) {
		my $answer = ask("/kill hears signal=$wrong");
		like $answer->{text}, qr/signal= takes a name or a number/, "$wrong is no signal";
		is_deeply [$talk->buttons($answer)], [], '… which nobody is asked to confirm';
	}
	for my $right (qw(sighup USR1 15 RTMIN+3 SIGRTMAX-1 iot)) {
		my $question = ask("/kill hears signal=$right");
		like $question->{text}, qr/with signal \U\Q$right\E\?/, "$right is a signal";
		$talk->press($question, 'Cancel');
	}
	state_is('hears', 'running');
	my $kill = ask('/kill hears');
	like $talk->confirm($kill)->{text}, qr/^✅ hears killed\.\n🔴 exited\b.*\b137\b.*SIGKILL/, 'without one it is KILL';
	state_is('hears', 'exited');
	$engine->rm('hears');
	return;
}

sub cards {
	my $card = ask('/info db');
	for my $case ([qr/Logs/, qr/db wrote nothing/], [qr/Stats/, qr/^📊 db/], [qr/Chart/, qr/^📈 db|^Nothing is known of db/], [qr/Processes/, qr/db · 2 processes/]) {
		my $pressed = $talk->press($card, $case->[0]);
		like $pressed->{text}, $case->[1], "the card's button $case->[0]";
		isnt $pressed->{answer}{message_id}, $card->{message_id}, '… answers in a message of its own';
	}
	my @steps = ([qr/Pause/, qr/db paused/, 'paused'], [qr/Go on/, qr/db unpaused/, 'running'], [qr/Restart/, qr/db restarted/, 'running'],
		[qr/Stop/, qr/db stopped/, 'exited'], [qr/Start/, qr/db started/, 'running'], [qr/Refresh/, qr/^🟢 db · running/, 'running']);
	for my $step (@steps) {
		my ($button, $text, $state) = @$step;
		my $pressed = $talk->press($card, $button, match => $text);
		like $pressed->{text}, $text, "the card's button $button";
		is +($pressed->{answer} // {})->{message_id}, $card->{message_id}, '… changes the card itself';
		state_is('db', $state);
		$card = $pressed->{answer} // $card;
	}
	# A button means the container it was made for, whatever that is called by now.
	$engine->api(POST => '/containers/db/rename?name=db2');
	like $talk->press($card, qr/Stop/)->{text}, qr/^✅ db2 stopped/, 'a renamed container is the same';
	state_is('db2', 'exited');
	$engine->rm('db2');
	like $talk->press($talk->now($card), qr/Start/)->{text}, qr/^⚠️ no container matches/, 'one that is gone';
	return;
}

sub creating {
	says('/create one demo', qr/template demo has to know WHO \(who is greeted\)\. Add WHO=…/);
	says('/create one demo WHO=you TIME=now', qr/TIME/, 'a value that does not fit');
	says('/create one demo WHO=you COLOUR=red', qr/COLOUR/, 'a parameter that there is not');
	says('/create one demo WHO=you WHO=me', qr/WHO is given twice/);
	says('/create one dmeo WHO=you', qr/no template dmeo.*did you mean demo\?/);
	says('/create -x demo WHO=you', qr/name/, 'a name that cannot be');
	says('/create one', qr{Usage: /create NAME TEMPLATE});
	is $engine->inspect('one'), undef, 'none of that made anything';

	my $made = ask('/create one demo "WHO=you"', match => qr/Instance of demo/);
	like $made->{text}, qr/🟢 one · running.*Instance of demo, made by ops \(1\)/s, '/create shows the card';
	ok scalar(grep {/Stop/} $talk->buttons($made)), '… with its buttons';
	my $one = $engine->inspect('one');
	is $one->{State}{Status}, 'running', '… and it runs';
	is_deeply [@{ $one->{HostConfig} }{qw(NanoCpus Memory PidsLimit NetworkMode)}], [5e8, 32 << 20, 20, 'none'], 'within its limits';
	is_deeply $one->{Config}{Cmd}, ['sleep', '1d'], 'with the default in its command';
	ok scalar(grep { $_ eq 'GREETING=hello you from one' } @{ $one->{Config}{Env} }), 'with parameters in its environment';
	my $labels = $one->{Config}{Labels};
	is_deeply [@$labels{map {"io.fleetgram.$_"} qw(managed instance template created-by)}, $labels->{tier}],
		['true', 'one', 'demo', 'ops (1)', 'made'], 'and labelled';
	like $labels->{'io.fleetgram.config-hash'} // '', qr/^sha256:[0-9a-f]{64}$/, '… with the hash of its config';
	like $labels->{'io.fleetgram.created-at'} // '', qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/, '… and when it was made';

	says('/create one demo WHO=me', qr/there already is a container called one on local/, 'a name that is taken');
	is $engine->inspect('one')->{Id}, $one->{Id}, '… by one that stays as it is';
	says('/create two absent', qr/^⚠️ cannot create two on local: cannot pull registry\.invalid\S*: .*registry\.invalid/, 'an image that cannot be had, in the engine\'s own words');
	says('/create two broken', qr{^⚠️ cannot create two on local: .*/no/such/program.*(?:no such file|not found)}s, 'a program that is not there');
	is scalar(grep { $_->{Names}[0] =~ /two/ } $engine->containers), 0, 'a create that fails leaves nothing';

	ok wait_until(10, sub { registered() eq 'one local demo running' }), 'the registry knows the instance' or diag registered();
	return;
}

sub renaming {
	says('/rename one uno', qr/^✅ one is now called uno/);
	is $engine->inspect('one'), undef, 'the old name is gone';
	state_is('uno', 'running');
	says('/rename uno web', qr/there already is a container called web/);
	says('/rename uno ../x', qr/no name for a container/);
	says('/rename uno', qr{Usage: /rename NAME NEW});
	ok wait_until(10, sub { registered() eq 'uno local demo running' }), 'the registry has the new name' or diag registered();
	says('/list template=demo', qr/^1 container .*uno/s);
	return;
}

sub removing {
	my $asked = ask('/remove uno');
	like $asked->{text}, qr/^🗑 Remove .*stopped first.*instance.*\n• uno \(running\)\z/s, '/remove asks';
	like join('|', $talk->buttons($asked)), qr/^[^|]*Remove[^|]*\|[^|]*Cancel$/, '… with two buttons';
	like $talk->press($asked, 'Cancel')->{text}, qr{Cancelled: /remove uno}, 'Cancel cancels';
	state_is('uno', 'running');
	is_deeply [$talk->buttons($talk->now($asked))], [], '… and takes the buttons away';
	my $again = ask('/remove uno');
	my $gone = $talk->confirm($again, match => qr/removed/);
	like $gone->{text}, qr/^✅ uno removed/, 'Remove removes';
	is $gone->{answer}{message_id}, $again->{message_id}, '… and says so where it asked';
	is $engine->inspect('uno'), undef, '… it is gone from the engine';
	ok wait_until(10, sub { registered() eq '' }), '… and from the registry' or diag registered();
	says('/remove uno', qr/no container matches "uno"/);

	my $from_card = $talk->press(ask('/info old'), qr/Remove/)->{answer};
	like $from_card->{text}, qr/^🗑 Remove .*\n• old \(exited\)\z/, "the card's Remove asks too";
	like $talk->confirm($from_card, match => qr/removed/)->{text}, qr/old removed/, '… and removes';
	is $engine->inspect('old'), undef, '… for good';
	return;
}

sub many {
	$engine->run(name => sprintf('many-%02d', $_), start => 0) for 1 .. 29;
	my $list = ask('/list');
	like $list->{text}, qr/^30 containers 🟢 1 ⚪ 29\n/, '/list of many';
	is_deeply [$list->{text} =~ /many-(\d\d)/g], [map { sprintf '%02d', $_ } 1 .. 20], '… begins with a page';
	like $list->{text}, qr/Page 1 of 2/, '… and says how many there are';
	my $next = $talk->press($list, '▶️');
	is $next->{answer}{message_id}, $list->{message_id}, 'turning the page changes the message';
	is_deeply [$next->{text} =~ /many-(\d\d)/g], [21 .. 29], '… to the rest';
	like $next->{text}, qr/web/, '… all of it';
	like $talk->press($next->{answer}, '◀️')->{text}, qr/many-01.*Page 1 of 2/s, '… and back';
	says('/list page=9', qr/Page 2 of 2/, 'a page beyond the end is the last');
	says('/list many-2* page=1', qr/^10 containers/);
	my $asked = ask('/remove many-*');
	like $asked->{text}, qr/Remove 29 containers\?/, '/remove of many';
	is scalar(() = $asked->{text} =~ /^• many-\d\d \(created\)$/mg), 29, '… lists each';
	like $talk->confirm($asked, match => qr/removed/)->{text}, qr/^✅ 29 containers removed: many-01/, '… and removes them';
	is join(' ', map { $_->{Names}[0] } $engine->containers), '/web', '… and nothing else';
	return;
}

for my $version (FG::Engine->versions) {
	$engine = FG::Engine->shared($version);
	my @parts = ([set_up => \&set_up], [hello => \&hello], [looking => \&looking], [logs => \&logs], [usage => \&usage],
		[lifecycle => \&lifecycle], [cards => \&cards], [creating => \&creating], [renaming => \&renaming],
		[removing => \&removing], [many => \&many]);
	subtest "$version: $_->[0]" => $_->[1] for @parts;
	subtest "$version: the end" => sub {
		$engine->rm('web');
		like $talk->text('/list'), qr/no containers here yet/, 'an empty engine';
		$talk->end_ok;
	};
	$engine->stop;
}

done_testing;
