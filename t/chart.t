# Runs once, takes long: charts of what was remembered, and of what is measured while one waits.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Engine;
use FG::Scene qw(store_change store_rows);
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
FG::Scene::need_sqlite();

my $engine = FG::Engine->start(version => $version);
$engine->run(name => $_, cmd => ['sleep', '1d'], init => 1, memory => 64 << 20, labels => { team => $_ eq 'web' ? 'red' : 'blue' }) for qw(web db);
my $talk = FG::Talk->start(
	users => [{ id => 1, name => 'ops', role => 'admin' }, { id => 2, name => 'red', role => 'viewer', scope => 'label=team:red' }],
	hosts => { local => { url => $engine->url, timeout => '60s' } },
	timezone => 'Europe/Berlin',
);
my $bot = $talk->bot;

# The call that sent a photo to a chat after MARK.
sub photo {
	my ($mark, $chat) = @_;
	return $talk->sim->wait_call(method => 'sendPhoto', after => $mark, timeout => 60, match => sub { ($_->{params}{chat_id} // 0) == $chat });
}

like $talk->text('/chart web'), qr/Nothing is known of web · 1h.*measured every 30 s/, 'what was never measured is said';
$bot->stop;
my $now = int(time / 30) * 30;
my $points = sub { my ($n, $cpu) = @_; return unpack 'H*', join '', map { pack 'Lffff', $now - ($n - $_) * 30, $cpu, 32 << 20, 1000, 2000 } 0 .. $n - 1 };
store_change($bot, "INSERT OR REPLACE INTO history VALUES('local', '$_->[0]', x'" . $points->(100, $_->[1]) . "', x'', x'', " . (64 << 20) . ', ' . time . '000)') for ['web', 25], ['db', 50];
$bot->restart->wait_ready;

for my $case (['/chart web', 1, qr/^📈 web · 1h · CPU 25%.*32/], ['/chart web 6h', 1, qr/web · 6h/], ['/chart fleet', 1, qr/^📈 fleet · 2 containers · 1h · CPU 75%/],
	['/chart fleet', 2, qr/^📈 fleet · 1 container · 1h · CPU 25%/]) {
	my ($line, $who, $caption) = @$case;
	my $mark = $talk->sim->last_seq;
	$talk->say($line, as => $who);
	my $call = photo($mark, $who);
	ok $call, "$line of $who is a photo" or next;
	like $call->{result}{caption} // '', $caption, '… with its figures';
	is join(' ', map { $_->{text} } map {@$_} @{ $call->{result}{reply_markup}{inline_keyboard} }), '🔄 Refresh', '… and a button';
}
subtest '/status chart' => sub {
	my $mark = $talk->sim->last_seq;
	$talk->say('/status chart', as => 2);
	my $call = photo($mark, 2);
	like $call->{result}{caption} // '', qr/^📈 fleet · 1 container · 24h · CPU 25%/, 'is a picture of what one may see';
	ok $talk->message_after($mark, 2, match => qr/All is well/), '… below what /status says';
	my ($sent) = grep { $_->{photo} } reverse @{ $talk->sim->messages(chat => 2) };
	my $png = $talk->sim->content($sent) // '';
	my ($width, $height) = unpack 'x16NN', $png;
	ok $width == 1080 && $height > 400 && $height < 700, '… and a small one' or diag "$width x $height";
	like $talk->text('/status chart web'), qr/Usage: \/status \[chart\]/, 'it takes no more';
	like $talk->text('/status picture'), qr/Usage: \/status \[chart\]/, '… and nothing else';
	like $talk->text('/help status'), qr{/status chart}, '… and the help has it';
};
subtest 'from the card' => sub {
	my $card = $talk->ask('/info web');
	my $pressed = $talk->press($card, qr/Chart/);
	like $pressed->{text}, qr/^📈 web · 1h · CPU/, 'its button draws the chart';
	isnt $pressed->{answer}{message_id}, $card->{message_id}, '… in a message of its own';
	is_deeply [grep {/Chart|Stop/} $talk->buttons($talk->ask('/info web', as => 2))], ['📈 Chart'], 'a viewer has it, too';
	$engine->api(POST => '/containers/db/pause');
	is_deeply [map {s/^\S+ //r} $talk->buttons($talk->ask('/info db', match => qr/paused/))], ['Go on', 'Logs', 'Stats', 'Chart', 'Stop', 'Refresh'], 'and what is paused';
	$engine->api(POST => '/containers/db/unpause');
	$engine->run(name => 'done', cmd => ['true']);
	$engine->wait_state('done', 'exited');
	is_deeply [map {s/^\S+ //r} $talk->buttons($talk->ask('/info done'))], ['Start', 'Logs', 'Remove', 'Refresh'], 'but nothing that does not run';
	my $config = $bot->{config};
	$bot->configure({ %$config, history => { enabled => JSON::PP::false() } })->restart->wait_ready;
	is_deeply [grep {/Chart|Stats/} $talk->buttons($talk->ask('/info web'))], ['📊 Stats'], 'nor where nothing is measured';
	like $talk->text($_), qr/history is off.*history\.enabled in the config turns it on/s, "$_ says that the history is off" for '/chart web', '/chart fleet';
	my @parts = $talk->answers(2, '/status chart');
	like $parts[0]{text}, qr/All is well/, '/status chart says how things are';
	like $parts[1]{text}, qr/history is off.*history\.enabled/s, '… and that the history is off';
	$bot->configure($config)->restart->wait_ready;
};

like $talk->text('/chart db', as => 2), qr/no container|nothing/i, 'what is out of scope does not exist';
like $talk->text('/chart web 99d'), qr/5m to 24h/, 'a chart is of a day at most';

subtest 'measured while one waits' => sub {
	$engine->run(name => 'busy', cmd => ['sh', '-c', 'while :; do :; done'], cpus => 0.2);
	my $text;
	ok wait_until(150, sub {
		my $mark = $talk->sim->last_seq;
		$talk->say('/chart busy 10m');
		my $call = $talk->sim->wait_call(after => $mark, timeout => 20, match => sub { ($_->{params}{chat_id} // 0) == 1 && $_->{method} =~ /^send/ });
		$text = $call->{result}{caption} // '';
		return $text =~ /CPU/;
	}), 'comes with the second round';
	like $text, qr/busy · 10m · CPU (?:1[0-9]|2[0-9])/, 'and says what it uses';
	$bot->stop;
	is scalar(store_rows($bot, "SELECT 1 AS one FROM history WHERE name = 'busy' AND length(fine) > 0")), 1, 'an ordered end keeps it';
	$bot->restart->wait_ready;
};

$talk->end_ok;
done_testing;
