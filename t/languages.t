# Runs sanitized.
# One bot, three languages: whom it answers in which, what it counts, asks and refuses, and its menus.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::FakeEngine;
use FG::Sim;
use FG::Talk;
use FG::Util qw(wait_until json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

use constant { ANN => 1, DIETER => 2, RITA => 3, OTTO => 4, STRANGER => 6000000001 };
use constant { GERMANS => -1001, ANYBODY => -1002, TOLD => -1003 };
my @people = (ANN, DIETER, RITA);

my $engine = FG::FakeEngine->start(containers => [map { { name => "c$_" } } 1 .. 5], seed => 1);
my %config = (
	users => [
		{ id => ANN, name => 'ann', role => 'admin' },
		{ id => DIETER, name => 'dieter', role => 'admin', language => 'de' },
		{ id => RITA, name => 'rita', role => 'admin', language => 'ru' },
		{ id => OTTO, name => 'otto', role => 'viewer', language => undef },
	],
	chats => [
		{ id => GERMANS, thread => 7, language => 'ru' },
		{ id => GERMANS, role => 'viewer', language => 'de' },
		{ id => ANYBODY, role => 'viewer' },
		{ id => TOLD, role => 'viewer', notify => JSON::PP::true(), language => 'de' },
	],
	hosts => { local => { url => $engine->url } },
	confirm => { always => ['remove'] },
	notify => { startup_delay => '1h' },
);
my $sim = FG::Sim->start;
$sim->chat(chat => TOLD, type => 'supergroup', title => 'Gesagt');    # before the bot writes to it
my $talk = FG::Talk->start(%config, sim => $sim);
$sim->chat(chat => GERMANS, type => 'supergroup', title => 'Leute', is_forum => 1, threads => [7, 8]);
$sim->chat(chat => ANYBODY, type => 'supergroup', title => 'Anybody');

# What TEXT is answered with for each of the three, in the order of @people.
sub says {
	my ($text, @patterns) = @_;
	my @answers;
	for my $i (0 .. $#people) {
		my $answer = $talk->ask($text, as => $people[$i]);
		like $answer->{text}, $patterns[$i], "$text: " . qw(English German Russian)[$i];
		push @answers, $answer;
	}
	return @answers;
}

subtest 'counts' => sub {
	says('/list c1', qr/^1 container /, qr/^1 Container /, qr/^1 контейнер /);
	says('/list c1 c2', qr/^2 containers /, qr/^2 Container /, qr/^2 контейнера /);
	says('/list', qr/^5 containers /, qr/^5 Container /, qr/^5 контейнеров /);
	says('/images', qr/^🗂 \d+ images?, /, qr/^🗂 \d+ Images?, /, qr/^🗂 \d+ образ/);
};

subtest 'pages, states and buttons' => sub {
	my @cards = says('/info c1', qr/^🟢 c1 · running for \S+\nImage busybox\n/, qr/^🟢 c1 · running seit \S+\nImage busybox\n/,
		qr/^🟢 c1 · running уже \S+\nОбраз busybox\n/);
	is_deeply [map { [grep {/Log|Лог|Stop|Остан/} $talk->buttons($_)] } @cards],
		[['📜 Logs', '⏹ Stop'], ['📜 Logs', '⏹ Stoppen'], ['📜 Логи', '⏹ Остановить']], 'the buttons of a card';
	says('/help stop', qr/^\/stop SEL\nStop containers\.\n.*^\/stop web\n.*^For: operator and above$/sm,
		qr/^\/stop SEL\nContainer stoppen\.\n.*^\/stop web\n.*^Für: operator und höher$/sm,
		qr/^\/stop SEL\nОстановить контейнеры\.\n.*^\/stop web\n.*^Для: operator и выше$/sm);
	says('/help', qr/^In general\n.*\/list \[SEL\] · Containers and how they are$/sm, qr/^Allgemein\n.*\/list \[SEL\] · Container und wie/sm,
		qr/^Общее\n.*\/list \[SEL\] · Контейнеры и их состояние$/sm);
	says('/host', qr/^No host is paused\./, qr/^Kein Host ist pausiert\./, qr/^На паузе нет ни одного хоста\./);
	says('/services', qr/^No host here manages a swarm, so/, qr/^Kein Host hier verwaltet einen Swarm, also/, qr/^Ни один хост здесь не управляет Swarm, поэтому/);
};

subtest 'errors' => sub {
	says('/info nope', qr/^⚠️ no container matches "nope"/, qr/^⚠️ auf „nope“ passt kein Container/, qr/^⚠️ под «nope» не подходит ни один контейнер/);
	says('/logs', qr/^⚠️ something is missing\. Usage: \/logs NAME/, qr/^⚠️ es fehlt etwas\. Aufruf: \/logs NAME/,
		qr/^⚠️ чего-то не хватает\. Использование: \/logs NAME/);
	says('/list colour=red', qr/selector "colour=red": there is no such key/, qr/Selektor „colour=red“: diesen Schlüssel gibt es nicht/,
		qr/селектор «colour=red»: такого ключа нет/);
	says('/start ста̀рт&lt;<b>', qr/&lt;<b>/, qr/&lt;<b>/, qr/&lt;<b>/);
	says('Grüße, мир 🐳', qr/^I do not know Grüße,/, qr/^Grüße, kenne ich nicht\./, qr/^Не знаю Grüße,/);
};

subtest 'a question, its buttons, and who may press them' => sub {
	my @asked = says('/stop c*', qr/^Stop 5 containers\?\n• c1 \(running\)/, qr/^Stoppen: 5 Container\?\n• c1/, qr/^Остановить 5 контейнеров\?\n• c1/);
	is_deeply [map { [$talk->buttons($_)] } @asked],
		[['Stop 5 containers', 'Cancel'], ['Stoppen: 5 Container', 'Abbrechen'], ['Остановить 5 контейнеров', 'Отмена']], 'its buttons';
	like $talk->press($asked[1], 'Abbrechen', as => DIETER)->{text}, qr/^✖️ Abgebrochen: \/stop c\*/, 'cancelled, in German';
	like $talk->confirm($asked[2], as => RITA)->{text}, qr/^✅ 5 контейнеров — остановлено: c1, c2/, 'done, in Russian';
	like $talk->press($asked[0], 'Cancel', as => ANN)->{text}, qr/^✖️ Cancelled: /, '… and in English';
	like $talk->text('/up c1', as => RITA), qr/^✅ c1: запущено\.\n🟢 running/, 'one is started';
	like $talk->text('/up c1', as => RITA), qr/^c1: уже запущено\./, '… and runs already';
	like $talk->text('/up c2', as => DIETER), qr/^✅ c2 gestartet\.\n🟢 running/, 'another one, in German';
	like $talk->text('/up c1 c2 c3', as => DIETER, match => qr/up|Start|\?/), qr/^Starten: 3 Container\?/, 'several are asked about';
};

subtest 'chats' => sub {
	like $talk->text('/list c1', as => RITA, in => GERMANS), qr/^1 Container /, "the chat's language comes before the person's";
	like $talk->text('/list c1', as => OTTO, in => GERMANS), qr/^1 Container /, '… for everybody';
	like $talk->text('/list c1', as => DIETER, in => GERMANS, thread => 7), qr/^1 контейнер /, '… but a topic may have its own';
	like $talk->text('/list c1', as => DIETER, in => GERMANS, thread => 8), qr/^1 Container /, '… or none';
	like $talk->text('/list c1', as => RITA, in => ANYBODY), qr/^1 контейнер /, "a chat without: the person's";
	like $talk->text('/list c1', as => OTTO, in => ANYBODY), qr/^1 container /, "… or the config's";
	my $card = $talk->ask('/stop c*', as => RITA, in => ANYBODY);
	like $talk->press($card, qr/Остановить/, as => DIETER, silent => 1)->{callback}{text}, qr/^Nur wer gefragt hat/,
		'who presses is told in their own language';
};

subtest 'all at once' => sub {
	my $mark = $sim->last_seq;
	my @want = (qr/^5 containers /, qr/^5 Container /, qr/^5 контейнеров /);
	for (1 .. 5) { $talk->say('/list', as => $_) for @people }
	for my $i (0 .. $#people) {
		my $told = sub { return grep { $_->{seq} > $mark } @{ $sim->messages(chat => $people[$i]) } };
		ok wait_until(30, sub { 5 == (my @all = $told->()) }), 'each is answered';
		is scalar(grep { $_->{text} !~ $want[$i] } $told->()), 0, '… in the right language';
	}
};

# The description of a command in the menu of a chat; undef: that of everybody.
sub menu {
	my ($chat, $command) = @_;
	my $all = $sim->state->{commands};
	my ($key) = grep { defined $chat ? /"chat_id":$chat\b/ : /default/ } keys %$all;
	my ($entry) = grep { $_->{command} eq $command } @{ defined $key ? $all->{$key} : [] };
	return $entry ? $entry->{description} : '';
}

subtest 'menus, and a reload' => sub {
	my %want = (ANN, 'What you can do here', DIETER, 'Was hier alles geht', RITA, 'Что здесь можно', GERMANS, 'Was hier alles geht');
	ok wait_until(30, sub { menu(ANYBODY, 'help') ne '' }), 'the menus are set';
	is menu($_, 'help'), $want{$_}, "… that of $_" for @people, GERMANS;
	is menu(undef, 'help'), 'What you can do here', "… and everybody's in the config's language";
	$talk->bot->configure({ %{ $talk->bot->{config} }, language => 'ru' });
	like $talk->text('/reload', as => ANN), qr/^✅ The config was read again\./, 'the config has another language now';
	like $talk->text('/list c1', as => OTTO), qr/^1 контейнер /, '… which who has none is answered in';
	like $talk->text('/list c1', as => DIETER), qr/^1 Container /, '… and who has one is not';
	ok wait_until(30, sub { menu(undef, 'help') eq 'Что здесь можно' }), "… and everybody's menu";
	$sim->chat(chat => STRANGER, first_name => 'Nemo');
	like $talk->text('hello', as => STRANGER), qr/^Мы не знакомы\. Ваш id 6000000001/, '… and a stranger';
};

subtest 'a config that is refused' => sub {
	my $right = { %{ $talk->bot->{config} } };
	my $mark = $sim->last_seq;
	$talk->bot->configure({ %$right, language => 'xx' });
	$talk->bot->signal('HUP');
	my $told = $talk->message_after($mark, TOLD, match => qr/config\.json/);
	like $told && $told->{text}, qr/^⚠️ Die neue Konfiguration ist abgelehnt/, 'is told in the language of the chat';
	$talk->bot->configure($right);
};

subtest 'an engine that is gone' => sub {
	$engine->stop;
	like $talk->text('/stop c1', as => DIETER), qr/^⚠️ c1 ist auf local, und der antwortet nicht: zuletzt gesehen als running, vor /, 'in German';
	like $talk->text('/stop c1', as => RITA), qr/^⚠️ c1 находится на local, а тот не отвечает: последнее известное состояние running, /, '… and Russian';
	my $status = '';
	ok wait_until(30, sub { ($status = $talk->text('/status', as => ANN)) =~ /🔴 local недоступен.*: the engine at/ }),
		'why it is down is in no language of others' or diag $status;
};

$talk->end_ok('ends in order');

subtest 'the command line' => sub {
	my %local = (hosts => { local => { url => 'unix:///nonexistent/socket' } });
	my ($rc, $out, $err) = FG::Bot::exec_cmd({ %local, language => 'de' }, 'whoami');
	is $rc, 0, 'exec';
	like $out, qr/^Hier bekannt als local\n/, '… speaks the language of the config';
	($rc, $out, $err) = FG::Bot::exec_cmd({ %local, language => 'de' }, 'lst');
	like $err, qr/einen Befehl lst gibt es nicht/, '… also of what is wrong';
	($rc, $out, $err) = FG::Bot::exec_cmd({ %local, language => 'ru' }, '--json', 'help', 'stop');
	is json_decode($out)->{data}[0]{help}, 'Stop containers', 'what programs read stays as it is';
	($rc, $out, $err) = FG::Bot::exec_cmd({ %local, language => 'fr', users => [{ id => 1, role => 'admin', language => 'xx' }] }, 'whoami');
	is $rc, 2, 'a language that there is not';
	like $err, qr/language: has to be one of the languages there are: "en", "de", "ru"/, '… which says what there is';
	like $err, qr/users\[0\]\.language: has to be one/, '… for a user too';
};

done_testing();
