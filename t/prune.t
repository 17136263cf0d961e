# Runs sanitized, takes long: the sweeps of some seconds each.
# Pruning: what is idle goes by itself, what is in use stays; what lies unused is shown, and exactly that is removed.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Relay;
use FG::Scene qw(store_rows need_sqlite patient);
use FG::Talk;
use FG::Util qw(wait_until json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

my %quick = (image => 'busybox:latest', network_mode => 'none', pull => 'never', init => JSON::PP::true(), stop_timeout => '1s');
my @loop = ('sh', '-c', 'while :; do :; done');
my $on = JSON::PP::true();
# What sleeps is quiet however slow the machine; what computes is not, however little of it it gets.
my %loud = (quiet => { cpu_percent => 1 });
my %still = (enabled => $on, idle => '3s', max_age => '0', quiet => { cpu_percent => 10 });
my %templates = (
	stopped => { prune => {%still} },
	removed => { prune => { %still, action => 'remove' } },
	probed => { prune => { %still, quiet => { cpu_percent => 90 } }, healthcheck => { test => ['CMD', 'true'], interval => '1s' } },
	busy => { prune => { %still, %loud }, command => \@loop, limits => { cpus => 0.4 } },
	chatty => {
		prune => { %still, quiet => { cpu_percent => 1000, bytes_per_second => '1k' } },
		network_mode => 'bridge', command => ['sh', '-c', q(exec ping -s 8000 "$(ip route | awk '/default/{print $3}')")],
	},
	called => { prune => {%still} },
	off => { prune => { %still, idle => '0' } },
	unruled => {},
	protected => { prune => { %still, action => 'remove' }, labels => { 'io.fleetgram.protect' => 'true' } },
	aged => { prune => { %still, idle => '0', max_age => '3s', action => 'remove' } },
	agedbusy => { prune => { %still, %loud, max_age => '3s' }, command => \@loop, limits => { cpus => 0.4 } },
	agedgone => { prune => { %still, %loud, idle => '1h', max_age => '3s', in_use => $on, action => 'remove' }, command => \@loop, limits => { cpus => 0.4 } },
	slow => { prune => { %still, idle => '6s' } },
);
$templates{$_} = { %quick, command => ['sleep', '1d'], %{ $templates{$_} } } for keys %templates;

my $engine = FG::Engine->start(version => $version);
my $relay = FG::Relay->start($engine->socket);
my $talk = FG::Talk->start(
	users => [{ id => 1, name => 'ops', role => 'admin' }],
	hosts => { local => { url => $relay->url } },
	templates => \%templates,
	prune => { every => '1s' },
	confirm => { always => [] },
);
my $bot = $talk->bot;

sub reload {
	my (%change) = @_;
	my $mark = $bot->log_mark;
	$bot->configure({ %{ $bot->{config} }, %change });
	$bot->signal('HUP');
	$bot->wait_log(qr/the config was read again/, patient(20), $mark) or die "no reload\n" . $bot->log;
	return;
}

# The registry's document of an instance.
sub doc {
	my ($name) = @_;
	my ($row) = store_rows($bot, "SELECT doc FROM instances WHERE name = '$name'");
	return $row && json_decode($row->{doc});
}

sub create { $talk->text("/create $_ $_[0]", match => qr/$_ is created/) for @_ > 1 ? @_[1 .. $#_] : $_[0]; return }
sub gone { my ($name) = @_; return wait_until(patient(30), sub { !$engine->state($name) && !doc($name) }) }

# Whether the registry has learnt MORE than once that it is in use, and it was left alone all the while.
sub stays_used {
	my ($name) = @_;
	my $first = doc($name)->{last_used_at};
	my %seen;
	wait_until(patient(40), sub { $seen{ doc($name)->{last_used_at} } = 1; return keys %seen >= 4 }) or return 0;
	return $engine->state($name) eq 'running';
}

subtest 'by itself' => sub {
	$engine->run(name => 'foreign', cmd => ['sleep', '1d'], init => 1);
	create($_) for qw(off unruled protected);
	create($_) for qw(stopped removed probed aged agedgone);
	ok $engine->wait_state('stopped', 'exited'), 'an idle instance is stopped';
	ok gone('removed'), '… or removed, as its template says, and the registry forgets it';
	ok $engine->wait_state('probed', 'exited'), '… whatever its own healthcheck does';
	ok gone('aged'), 'an old one that is not in use goes for its age';
	ok gone('agedgone'), '… one that is in use when in_use says so';
	my $stopped = doc('stopped');
	is $stopped->{state}, 'exited', 'what was stopped is known to be';
	is_deeply [map {"$_->{what} $_->{why}"} grep { $_->{why} } @{ $stopped->{history} }], ['stopped idle'], '… once, and why';
	$bot->wait_log(qr/pruning: removed on local was not used for \S+ and is removed/, 5) or fail 'the log tells';
	is $engine->state($_), 'running', "$_: never touched" for qw(foreign off unruled protected);
};

subtest 'in use' => sub {
	create($_) for qw(busy chatty agedbusy);
	ok stays_used('busy'), 'one that computes stays, and counts as used';
	ok stays_used('chatty'), 'one that talks stays';
	ok stays_used('agedbusy'), 'age alone is no reason';
	create('called');
	my $until = time + patient(8);
	while (time < $until && $engine->state('called') eq 'running') {
		my $exec = $engine->api(POST => '/containers/called/exec', { Cmd => ['true'] });
		$engine->api(POST => "/exec/$exec->{Id}/start", { Detach => $on });
		select undef, undef, undef, 0.5;
	}
	is $engine->state('called'), 'running', 'one in which commands are run stays';
	ok $engine->wait_state('called', 'exited'), '… until that ends';
	$engine->rm($_) for qw(busy chatty agedbusy);
};

subtest 'touched' => sub {
	create('slow', 'slow-1', 'slow-2');
	wait_until(patient(40), sub { $talk->text('/touch slow-1'); $engine->state('slow-2') ne 'running' });
	is $engine->state('slow-1') . $engine->state('slow-2'), 'runningexited', 'what is touched stays while its like is stopped';
	like $talk->text('/touch slow-1'), qr/slow-1 counts as used now\. It is safe from idle pruning until .* \(6s\)/, '… and it is said until when';
	like $talk->text('/touch off'), qr/Pruning is off for it/, 'where pruning is off, so it is said';
	like $talk->text('/touch protected'), qr/protected: no sweep/, '… and where it is protected';
	like $talk->text('/touch foreign'), qr/foreign is no instance/, '… and of what is no instance';
	ok $engine->wait_state('slow-1', 'exited'), 'untouched it is stopped as well';
	create('removed');
	$talk->text('/stop removed');
	ok gone('removed'), 'what was stopped by hand is idle, too: it goes where the action is to remove';
	my $before = doc('off')->{last_used_at};
	$talk->text('/info off');
	isnt doc('off')->{last_used_at}, $before, 'any command about it counts';
};

subtest 'a removal that fails' => sub {
	$relay->refuse(qr{^DELETE /[^/]*/containers/}, 500, 'driver is busy');
	my $mark = $bot->log_mark;
	create('removed');
	ok $bot->wait_log(qr/pruning: removed on local is not removed: .*driver is busy/, patient(30), $mark), 'it is told';
	ok doc('removed'), '… and the instance stays in the registry';
	ok $engine->state('removed'), '… as its container is there';
	$relay->call_off;
	ok gone('removed'), 'the next sweep has it';
};

subtest '/prune idle' => sub {
	reload(prune => { every => '1h' });
	create('removed', 'removed-1', 'removed-2', 'removed-3');
	create('stopped', 'stopped-1');
	create('agedgone');
	my ($question, @lines);
	wait_until(patient(30), sub {
		$question = $talk->ask('/prune idle');
		@lines = $question->{text} =~ /^• (.*)$/mg;
		return @lines >= 5;
	});
	is_deeply [map {/^(\S+) · (?:idle|not used) for \S+ · \S+ old · (.+)$/ ? "$1 $2" : $_} @lines],
		['agedgone remove, for its age', 'removed-1 remove', 'removed-2 remove', 'removed-3 remove', 'stopped-1 stop'], 'exactly what a sweep would take is shown, and how'
		or diag $question->{text};
	like +($talk->buttons($question))[0], qr/5 instances/, '… and asked about';
	$talk->text('/touch removed-2');
	my $exec = $engine->api(POST => '/containers/removed-3/exec', { Cmd => ['sleep', '1h'] });
	$engine->api(POST => "/exec/$exec->{Id}/start", { Detach => $on });
	my $done = $talk->confirm($question, match => qr/pruned/);
	like $done->{text}, qr/^✅ 3 instances pruned/, 'confirmed, it is done';
	like $done->{text}, qr/removed-$_ stays: it was used meanwhile/, "… but not to removed-$_, which was used in between" for 2, 3;
	is join(' ', map { $engine->state($_) || 'none' } qw(agedgone removed-1 removed-2 removed-3 stopped-1)), 'none none running running exited', '… on the engine';
	ok !doc('removed-1') && doc('removed-2'), '… and in the registry';
	$engine->rm($_) for qw(removed-2 removed-3);
	$question = $talk->ask('/prune idle');
	like $question->{text}, qr/Nothing to prune/, 'then there is nothing left' or diag $question->{text};
};

# Runs the command, checks that the preview names exactly WANT, calls MEANWHILE, confirms, and checks that LIST->() has lost
# exactly what was shown but for what MEANWHILE says it has taken into use.
sub prunes {
	my ($command, $list, $want, $meanwhile) = @_;
	my %before = map { $_ => 1 } $list->();
	my $question = $talk->ask($command);
	my @shown = map { s/ · .*//r } $question->{text} =~ /^• (.*)$/mg;
	is_deeply [sort @shown], [sort @$want], "$command shows what goes" or diag $question->{text};
	return if $question->{text} =~ /Nothing/;
	my @used = $meanwhile ? $meanwhile->() : ();
	my %now = map { $_ => 1 } $list->();
	is_deeply [grep { !$now{$_} } sort keys %before], [], '… and only shows it';
	my $done = $talk->confirm($question, match => qr/removed/);
	my %after = map { $_ => 1 } $list->();
	my %used = map { $_ => 1 } @used;
	is_deeply [sort grep { !$after{$_} } keys %now], [sort grep { !$used{$_} } @shown], '… exactly that is gone';
	like $done->{text}, qr/\Q$_\E stays: \S/, "… $_ came into use and stays, which is told" for @used;
	return $done->{text};
}

my $images = sub { map { my $i = $_; my @t = grep { !/none/ } @{ $i->{RepoTags} // [] }; @t ? join ', ', @t : substr $i->{Id}, 7, 12 } @{ $engine->api(GET => '/images/json') } };
my $volumes = sub { map { $_->{Name} } @{ $engine->api(GET => '/volumes')->{Volumes} // [] } };
my $networks = sub { map { $_->{Name} } @{ $engine->api(GET => '/networks') } };
my $containers = sub { map { substr $_->{Names}[0], 1 } $engine->containers };

subtest 'containers' => sub {
	$engine->run(name => $_, cmd => ['sh', '-c', 'dd if=/dev/zero of=/x bs=1k count=300'], $_ eq 'kept' ? (labels => { 'io.fleetgram.protect' => 'true' }) : ()) for qw(done-1 done-2 kept);
	$engine->run(name => 'never', start => 0, init => 1, cmd => ['sleep', '1d']);
	$engine->wait_state($_, 'exited') for qw(done-1 done-2 kept);
	my $text = prunes('/prune containers', $containers, [qw(done-1 done-2 never)], sub { $engine->api(POST => '/containers/never/start'); return 'never' });
	like $text, qr/2 containers removed, 60\d KiB freed/, '… with what it freed' or diag $text;
	like $text, qr/never stays: it was started meanwhile/, '… and why one stays';
	$engine->rm('never');
	is $engine->state('stopped'), 'exited', 'instances are not among them';
};

subtest 'volumes' => sub {
	my @names = map { $engine->api(POST => '/volumes/create', {})->{Name} } 1 .. 2;
	$engine->api(POST => '/volumes/create', { Name => $_ }) for qw(data spare);
	$engine->api(POST => '/volumes/create', { Name => 'dear', Labels => { 'io.fleetgram.protect' => 'true' } });
	$engine->run(name => 'filler', cmd => ['sh', '-c', 'dd if=/dev/zero of=/v/x bs=1k count=200'], host_config => { Binds => ["$names[0]:/v"] });
	$engine->wait_state('filler', 'exited');
	like $talk->text('/prune volumes'), qr/$names[1]/, 'what a stopped container has is in use';
	$engine->api(DELETE => '/containers/filler');
	my $text = prunes('/prune volumes', $volumes, \@names, sub {
		$engine->run(name => 'user', start => 0, host_config => { Binds => ["$names[1]:/v"] });
		return $names[1];
	});
	like $text, qr/1 volume removed, 200 KiB freed/, 'named ones are spared' or diag $text;
	$text = prunes('/prune volumes all', $volumes, [qw(data spare)], sub {
		$engine->api(DELETE => '/volumes/spare');
		select undef, undef, undef, 1.1;	# it is known by the second of its making
		$engine->api(POST => '/volumes/create', { Name => 'spare' });
		return 'spare';
	});
	like $text, qr/spare stays: it was made anew/, '… and one that was made anew is another';
	$engine->rm('user');
};

subtest 'images' => sub {
	my @ids = map { substr $engine->import_busybox(name => 'moved:1', changes => ["LABEL n=$_"]), 7, 12 } 1 .. 3;
	$engine->import_busybox(name => $_, changes => ["LABEL of=$_"]) for qw(used:1 spare:1 protected:1);
	$engine->import_busybox(name => 'protected:1', changes => ['LABEL io.fleetgram.protect=true']);
	$engine->api(POST => '/images/spare:1/tag?repo=again&tag=2');
	$engine->run(name => 'user', image => 'used:1', start => 0);
	my ($stray) = grep { /^[0-9a-f]{12}$/ && $_ ne $ids[0] && $_ ne $ids[1] } $images->();
	my $text = prunes('/prune images', $images, [@ids[0, 1], $stray], sub {
		$engine->run(name => 'user-2', image => $ids[1], start => 0);
		return $ids[1];
	});
	like $text, qr/2 images removed, \S+ \S+ freed/, 'with the bytes that are really free' or diag $text;
	$text = prunes('/prune images all', $images, ['again:2, spare:1', 'moved:1'], sub {
		$engine->run(name => 'user-3', image => 'moved:1', start => 0);
		return 'moved:1';
	});
	like $text, qr/again:2, spare:1/, '… one of several names with all of them';
	$engine->rm($_) for qw(user user-2 user-3);
};

subtest 'networks' => sub {
	$engine->api(POST => '/networks/create', { Name => $_ }) for qw(lonely joined resting);
	$engine->run(name => 'rests', cmd => ['true'], network => 'resting');
	$engine->wait_state('rests', 'exited');
	prunes('/prune networks', $networks, [qw(lonely joined)], sub {
		$engine->run(name => 'joins', cmd => ['sleep', '1d'], init => 1, network => 'joined');
		return 'joined';
	});
	$engine->rm($_) for qw(rests joins);
};

subtest 'builds' => sub {
	my $dir = FG::Util::scratch_dir();
	FG::Util::spew("$dir/Dockerfile", "FROM busybox:latest\nRUN echo one > /one\nRUN echo two > /two\n");
	my $tar = qx{tar -C $dir -c Dockerfile};
	my $built = $engine->request(POST => '/build?version=2&t=built:1', $tar, raw => 1, headers => { 'Content-Type' => 'application/x-tar' }, timeout => 60);
	like $built->{content}, qr/moby\.image\.id/, 'something is built';
	my $cache = sub { map { substr $_->{ID}, 0, 12 } @{ $engine->api(GET => '/system/df')->{BuildCache} // [] } };
	my @steps = $cache->();
	ok @steps >= 2, 'it left steps in the cache';
	prunes('/prune builds', $cache, \@steps);
	$engine->api(DELETE => '/images/built:1');
};

subtest 'at a glance' => sub {
	$engine->api(POST => '/volumes/create', {});
	$engine->api(POST => '/networks/create', { Name => 'lonely' });
	my $glance = $talk->ask('/prune');
	like $glance->{text}, qr/volumes: [1-9]/, 'the overview counts';
	my ($button) = grep {/^Networks/} $talk->buttons($glance);
	my $question = $talk->press($glance, $button);
	like $question->{text}, qr/Prune \d+ networks?\b.*lonely/s, '… and its buttons lead to the lists';
	$talk->press($question->{answer}, 'Cancel');
	ok +(grep { $_ eq 'lonely' } $networks->()), 'nothing was done';
	like $talk->text('/prune rubbish'), qr/Usage/, 'a wrong word is told';
	like $talk->text('/prune idle host=nowhere'), qr/no host "nowhere"/, '… so is a wrong host';
	reload(users => [{ id => 1, name => 'ops', role => 'admin', scope => 'label=tier:web' }]);
	like $talk->text('/prune'), qr/volumes: 0/, 'what is out of scope does not exist';
	$engine->api(POST => '/volumes/create', { Labels => { tier => 'web' } });
	like $talk->text('/prune'), qr/volumes: 1/, '… what is in scope does';
};

$talk->end_ok;
done_testing;
