# Runs sanitized, takes long: the registry as people and scripts meet it: history, pins, notes, backups, and what becomes of all that
# when containers, names, hosts or the database itself go.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Encode ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(need_sqlite store_change);
use FG::Talk;
use FG::Util qw(wait_until scratch_dir slurp spew json_encode json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

my %engine = (east => FG::Engine->shared($version), west => FG::Engine->start(version => $version));
my @sleeps = ('sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done');
$engine{east}->import_busybox;
my $talk = FG::Talk->start(
	users => [{ id => 1, name => 'ops', role => 'admin' }, { id => 2, name => 'web', role => 'viewer', scope => 'web*' },
		{ id => 3, name => 'app', role => 'viewer', scope => '!label=tier:db' }],
	hosts => { map { $_ => { url => $engine{$_}->url } } keys %engine },
	templates => { map { $_ => { image => 'busybox:latest', command => \@sleeps, network_mode => 'none', stop_timeout => '2s',
		host => $_ } } keys %engine },
	health => { refresh => '10m' },
);
my $bot = $talk->bot;

sub says { my ($text, $like, $name, %o) = @_; return like $talk->text($text, %o), $like, $name // $text }
sub fleetgram { my ($exit, $out, $err) = FG::Bot::run_bin(args => [@_]); utf8::decode($_) for $out, $err; return ($exit, $out, $err) }
sub exported { my ($file) = @_; my ($exit, $out) = fleetgram('-c', $file // $bot->config_file, 'registry', 'export'); return eval { json_decode(Encode::encode_utf8($out)) } // {} }
sub whats { my ($host, $name) = @_; my ($i) = grep { $_->{name} eq $name && $_->{host} eq $host } @{ exported()->{instances} }; return join ' ', map { $_->{what} } @{ ($i // {})->{history} // [] } }
sub states { return join ' ', map { "$_->{host}/$_->{name}:$_->{state}" } @{ $bot->json('/status')->{instances} } }
sub now { $bot->json('/health?probe=true'); return states() }
sub again { my (%o) = @_; is $bot->stop, 0, 'the bot ends'; $o{between}->() if $o{between}; $bot->restart; $bot->wait_ready; return }

subtest 'one name on two hosts' => sub {
	says("/create web $_", qr/created and started/) for qw(east west);
	says('/history web', qr{web means 2 containers \(east/web, west/web\)});
	says('/history west/web', qr/^🕘 west\/web\n\S+ ago  created by ops \(1\)  busybox:latest$/);
	says('/pin east/web', qr{^✅ east/web pinned});
	says('/pin east/web', qr/pinned already/);
	says('/history east/web', qr/^🕘 east\/web 📌\n\S+ ago  pinned by ops \(1\)\n\S+ ago  created/, 'the newest comes first');
	unlike $talk->text('/history west/web'), qr/📌/, 'the other one is not pinned';
	my $list = $talk->text('/list');
	is scalar(() = $list =~ /📌/g), 1, 'a list marks what is pinned';
	says('/info east/web', qr/^📌 Pinned/m);
	says('/note east/web <b>ask</b> Ada first', qr{^📝 east/web: <b>ask</b> Ada first});
	says('/info east/web', qr{^📝 <b>ask</b> Ada first$}m, 'a card has the note');
	says('/note east/web ' . 'x' x 1001, qr/at most 1000 characters/);
	says('/rename east/web webapp', qr/now called webapp/);
	says('/history webapp', qr{^🕘 east/webapp 📌\n📝 <b>ask</b> Ada first\n\S+ ago  renamed  web → webapp\n}, 'a rename takes it along');
	says('/note webapp -', qr/note on .*webapp is gone/);
	says('/note webapp', qr/There is no note/);
};

subtest 'containers that are no instances' => sub {
	$engine{east}->run(name => 'db', image => 'busybox:latest', cmd => \@sleeps);
	says('/history db', qr/Nothing that happened/);
	says('/pin db', qr/db pinned/);
	says('/note db the old disk', qr/db: the old disk/);
	says('/rename db data', qr/now called data/);
	says('/history data', qr/^🕘 east\/data 📌\n📝 the old disk\n\S+ ago  renamed  db → data\n\S+ ago  noted by ops/);
	$engine{east}->rm('data');
	says('/history data', qr/📌.*the old disk/s, 'what is noted outlives the container');
	$engine{east}->run(name => 'data', image => 'busybox:latest', cmd => \@sleeps);
	says('/info data', qr/^📌 Pinned.*\n📝 the old disk/m, 'for the next one of that name');
	my ($exit, $out) = fleetgram('-c', $bot->config_file, 'exec', '--json', '--', 'history', 'data');
	my $data = eval { json_decode(Encode::encode_utf8($out))->{data} } // {};
	is_deeply [map { "$_->{what} " . ($_->{by} // '') } @{ $data->{history} }], ['renamed ', 'noted ops (1)', 'pinned ops (1)'], 'for programs'
		or diag $out;
	my $question = $talk->ask('/unpin data webapp');
	like $question->{text}, qr/Unpin 2 containers\?/, 'several are asked about';
	like $talk->confirm($question, match => qr/unpinned/)->{text}, qr/2 containers unpinned/, '… and unpinned';
	unlike $talk->text('/list'), qr/📌/, 'nothing is pinned any more';
	says('/history data', qr/no .*data|nothing/i, 'who may not see it does not', as => 2);
	says('/history webapp', qr/🕘/, '… but what is in scope', as => 2);
	says('/history data', qr/🕘/, 'a scope that excludes leaves the others', as => 3);
	$engine{east}->run(name => 'vault', image => 'busybox:latest', cmd => \@sleeps, labels => { tier => 'db' });
	says('/note vault the safe', qr/vault: the safe/);
	says('/history vault', qr/no .*vault/, '… and not what it excludes', as => 3);
	$engine{east}->rm('vault');
	says('/history vault', qr/the safe/, '… which is on record when it is gone');
	says('/history vault', qr/no .*vault/, '… for others', as => 3);
};

my $kept;
subtest 'backup' => sub {
	says('/pin data', qr/pinned/);
	my $file = $talk->ask('/backup');
	like +($file->{document} // {})->{file_name}, qr/^fleetgram-registry-\d{8}T\d{6}Z\.json$/, 'a file';
	like $file->{text}, qr/^💾 The registry: 2 instances, pins, notes and history of 2 other containers, \S+\.\n/, 'with a caption';
	my $content = $talk->sim->content($file) // '';
	$kept = eval { json_decode($content) } // {};
	is_deeply [map { "$_->{host}/$_->{name}" } @{ $kept->{instances} }], [qw(west/web east/webapp)], 'it has the instances';
	is_deeply [map { "$_->{host}/$_->{name} " . ($_->{pinned} // 0) } @{ $kept->{records} }], ['east/data 1', 'east/vault 0'], '… and the records';
	is_deeply exported(), $kept, '… as an export has them';
	my ($exit, $out) = fleetgram('-c', $bot->config_file, 'exec', '--', 'backup');
	is_deeply eval { json_decode(Encode::encode_utf8($out)) }, $kept, 'on a terminal it is all there is';
	says('/backup', qr/may not|not allowed|no command/i, 'only admins get one', as => 2);

	my $dir = scratch_dir();
	mkdir "$dir/state", 0700;
	spew("$dir/config.json", json_encode({ state_dir => "$dir/state", http => { listen => '' } }));
	spew("$dir/backup.json", json_encode({ %$kept, later => { versions => [1, 'have'] } }));
	($exit, $out) = fleetgram('-c', "$dir/config.json", 'registry', 'import', "$dir/backup.json");
	is $exit, 0, 'it is taken back by another Fleetgram' or diag $out;
	is_deeply exported("$dir/config.json"), { %$kept, later => { versions => [1, 'have'] } }, '… whole, and with what it does not know';
};

subtest 'what is missing' => sub {
	$engine{west}->rm('web');
	again();
	is now(), 'west/web:missing east/webapp:running', 'a container that was taken away is missing';
	says('/history west/web', qr/^🕘 west\/web\n\S+ ago  missing\n\S+ ago  created/, 'its history is there');
	says('/history web', qr/^🕘 west\/web\n/, '… by its name alone');
	says('/history web', qr/^🕘/, '… for who may see it', as => 2);
	says('/create web west', qr/created and started/, 'it is made again');
	is now(), 'west/web:running east/webapp:running', '… and is no more missing';
	my $far = { name => 'far', host => 'north', container_id => 'f' x 64, state => 'running', history => [] };
	spew($bot->dir . '/far.json', json_encode({ version => 1, instances => [$far] }));
	is +(fleetgram('-c', $bot->config_file, 'registry', 'import', $bot->dir . '/far.json'))[0], 0, 'an instance of a host that nobody knows';
	is now(), 'north/far:missing west/web:running east/webapp:running', '… is missing, too';
	says('/status', qr/far is missing from north/);
	like $talk->confirm($talk->ask('/remove far'), match => qr/forgotten/)->{text}, qr/far is forgotten/, '… and can be forgotten';
};

subtest 'a damaged document' => sub {
	again(between => sub {
		store_change($bot, q[UPDATE instances SET doc = substr(doc, 1, 20) WHERE name = 'webapp']);
		for my $words (['registry', 'export'], ['exec', '--', 'backup']) {
			my ($exit, $out, $err) = fleetgram('-c', $bot->config_file, @$words);
			is $exit, 1, "@$words refuses";
			like $err, qr/what it has of webapp on east is damaged/, '… and says what';
		}
	});
	wait_until(20, sub { whats(east => 'webapp') }) or diag $bot->log;
	is whats(east => 'webapp'), 'damaged', 'at the next start it is recorded anew';
	is now(), 'west/web:running east/webapp:running', '… with what its container says';
};

subtest 'the database is gone' => sub {
	again(between => sub { unlink glob $bot->state_dir . '/fleetgram.db*' });
	wait_until(20, sub { now() eq 'west/web:running east/webapp:running' });
	is now(), 'west/web:running east/webapp:running', 'the instances are adopted';
	is whats(east => 'webapp'), 'adopted', '… which their history says';
	spew($bot->dir . '/back.json', json_encode($kept));
	is +(fleetgram('-c', $bot->config_file, 'registry', 'import', $bot->dir . '/back.json'))[0], 0, 'a backup brings the rest';
	says('/history data', qr/📌.*the old disk/s);
};

$talk->end_ok;
$engine{west}->stop;
done_testing;
