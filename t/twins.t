# Runs once, takes long: the same name on two hosts is asked about and never guessed, and what was agreed to reaches that very container or
# none, whatever is renamed, made again, moved or written into the registry meanwhile.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Engine;
use FG::FakeEngine;
use FG::Scene qw(need_sqlite store_rows store_change);
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
need_sqlite();
my ($version) = FG::Engine->versions;
FG::Engine->need($version);

my %engine = map { $_ => FG::Engine->start(version => $version) } qw(left right);
my @sleeps = ('sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done');
$_->import_busybox for values %engine;
# One that says what it likes: the id of a container of another host, under another name.
my $id = $engine{left}->run(name => 'web', cmd => \@sleeps);
my $liar = FG::FakeEngine->start(engines => { liar => [{ name => 'stranger', id => $id }, { name => 'own' }] });
$engine{right}->run(name => 'web', cmd => \@sleeps);
$engine{left}->run(name => 'solo', cmd => \@sleeps);

my $talk = FG::Talk->start(
	users => [{ id => 1, name => 'ops', role => 'admin' }],
	hosts => { (map { $_ => { url => $engine{$_}->url, timeout => '60s' } } keys %engine), liar => { url => $liar->url_of('liar'), timeout => '60s' } },
	templates => { sleeper => { image => 'busybox:latest', command => \@sleeps, network_mode => 'none', stop_timeout => '1s' } },
	confirm => { ttl => '10m', always => [qw(remove restart stop create)] },
	update => { settle => '1s' },
);

sub started { my ($host, $name) = @_; return $engine{$host}->inspect($name)->{State}{StartedAt} }
sub text { return $talk->text(@_) }

subtest 'a name that is two' => sub {
	my %before = map { $_ => started($_, 'web') } keys %engine;
	for my $command (qw(logs info top chart note history rename limits rollback)) {
		my $words = { note => ' x', rename => ' web2', limits => ' cpus=1' }->{$command} // '';
		like text("/$command web$words"), qr{web means 2 containers|left/web.*right/web|on left and on right}s, "/$command asks which";
	}
	my $asked = $talk->ask('/restart web');
	like $asked->{text}, qr{left/web.*right/web}s, 'a restart names both';
	$talk->press($asked, qr/Cancel/);
	is_deeply { map { $_ => started($_, 'web') } keys %engine }, \%before, 'nothing was done to either';
	like $talk->press($talk->ask('/restart left/web'), qr/Restart/)->{text}, qr{left/web restarted}, 'one that is named is restarted';
	isnt started('left', 'web'), $before{left}, 'that one';
	is started('right', 'web'), $before{right}, 'and not the other';
};

subtest 'an id that is two' => sub {
	my $short = substr $id, 0, 12;
	my $asked = $talk->ask("/restart $short");
	like $asked->{text}, qr{left/web}, 'one host says that it has it';
	like $asked->{text}, qr{liar/stranger}, 'another one, too: it is asked about';
	$talk->press($asked, qr/Cancel/);
	is_deeply $liar->effects('liar'), {}, 'nothing was done to the one';
	my $before = started('left', 'web');
	like $talk->press($talk->ask('/restart liar/stranger'), qr/Restart/)->{text}, qr/stranger restarted/, 'one that is named is restarted';
	is $liar->effects('liar')->{'restart stranger'}, 1, 'there';
	is started('left', 'web'), $before, 'and not where the id is real';
};

subtest 'between the question and the answer' => sub {
	# Another one has taken the name.
	my $asked = $talk->ask('/restart left/web');
	$engine{left}->api(POST => '/containers/web/rename?name=was');
	$engine{left}->run(name => 'web', cmd => \@sleeps);
	my %before = map { $_ => started('left', $_) } qw(web was);
	like $talk->press($asked, qr/Restart/)->{text}, qr/nothing was done/, 'renamed, and another one in its place: refused';
	is_deeply { map { $_ => started('left', $_) } qw(web was) }, \%before, 'neither was touched';

	# Made again under its name.
	$asked = $talk->ask('/stop left/web');
	$engine{left}->rm('web');
	$engine{left}->run(name => 'web', cmd => \@sleeps);
	like $talk->press($asked, qr/Stop/)->{text}, qr/nothing was done/, 'made again: refused';
	is $engine{left}->inspect('web')->{State}{Status}, 'running', 'the new one runs';

	# It moves: gone here, and there under the same name.
	$asked = $talk->ask('/remove solo');
	like $asked->{text}, qr{left/solo}, 'the question says where';
	$engine{left}->rm('solo');
	$engine{right}->run(name => 'solo', cmd => \@sleeps);
	like $talk->press($asked, qr/Remove/)->{text}, qr/nothing was done/, 'moved to another host: refused';
	is $engine{right}->inspect('solo')->{State}{Status}, 'running', 'the one there runs';

	# A twin turns up.
	$asked = $talk->ask('/stop solo');
	$engine{left}->run(name => 'solo', cmd => \@sleeps);
	like $talk->press($asked, qr/Stop/)->{text}, qr/nothing was done.*new: solo/s, 'a second one: refused, and named';
	is $engine{$_}->inspect('solo')->{State}{Status}, 'running', "the one on $_ runs" for qw(left right);
};

subtest 'a registry that is wrong' => sub {
	$talk->press($talk->ask('/create inst sleeper host=left'), qr/Create/, match => qr/created and started|⚠️/);
	my $victim = $engine{right}->inspect('web');
	$talk->bot->stop;
	my $changed = "UPDATE instances SET doc = json_set(doc, '\$.container_id', '$victim->{Id}')";
	my ($columns) = store_rows($talk->bot, "SELECT group_concat(name) AS names FROM pragma_table_info('instances')");
	$changed .= ", container_id = '$victim->{Id}'" if $columns->{names} =~ /\bcontainer_id\b/;
	store_change($talk->bot, "$changed WHERE name = 'inst'");
	$talk->bot->restart->wait_ready;
	my $before = $engine{left}->inspect('inst')->{Id};
	my $asked = $talk->ask('/restart inst');
	like $asked->{text}, qr{left/inst}, 'the container is found by what it is';
	$talk->press($asked, qr/Restart/);
	is $engine{left}->inspect('inst')->{Id}, $before, 'it is still there';
	is started('right', 'web'), $victim->{State}{StartedAt}, 'the one whose id the registry had was not touched';
	$talk->press($talk->ask('/remove inst'), qr/Remove/);
	ok wait_until(30, sub { $engine{left}->request(GET => '/containers/inst/json')->{status} == 404 }), 'it is removed';
	is $engine{right}->inspect('web')->{State}{Status}, 'running', 'and the other one is not';
};

subtest 'placing' => sub {
	my $asked = $talk->ask('/create placed sleeper host=*t');
	like $asked->{text}, qr/Create placed on (?:left|right)\?.*Of 2 hosts (?:left|right) has the most memory free of limits/s, 'the preview says where, and why';
	my ($where) = $asked->{text} =~ /placed on (\w+)/;
	my $other = $where eq 'left' ? 'right' : 'left';
	$talk->press($asked, qr/Cancel/);
	# More than the other one could have left: both have this machine's memory.
	$engine{$where}->run(name => 'greedy', cmd => \@sleeps, host_config => { Memory => 64 * 1024 * 1024 });
	$asked = $talk->ask('/create placed sleeper host=*t');
	like $asked->{text}, qr/placed on $other\?/, 'a host with less free is not taken';
	# What was agreed to is on the host that was shown.
	$engine{$other}->run(name => 'greedier', cmd => \@sleeps, host_config => { Memory => 256 * 1024 * 1024 });
	like $talk->press($asked, qr/Create/, match => qr/created and started|⚠️/)->{text}, qr/created and started/, 'it is made';
	is $engine{$other}->request(GET => '/containers/placed/json')->{status}, 200, 'where it was agreed to';
	like text("/host pause $other 1h"), qr/paused/, 'a host is paused';
	$asked = $talk->ask('/create other sleeper host=*t');
	like $asked->{text}, qr/other on $where\?/, 'and nothing is placed there';
	$talk->press($asked, qr/Cancel/);
	$asked = $talk->ask("/create other sleeper host=$other");
	like $asked->{text}, qr/other on $other\?.*$other is paused for maintenance/s, 'unless it is named, which says so';
	$talk->press($asked, qr/Cancel/);
};

$talk->end_ok;
$_->stop for values %engine;
done_testing;
