# Runs sanitized. The side listener over time: who waits, who is slow, how many may come, where it listens. What is asked and answered is in access.t.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::UNIX;
use List::Util qw(sum);
use Test::More;
use Time::HiRes qw(time);
use FG::Bot;
use FG::FakeEngine;
use FG::Relay;
use FG::Sim;
use FG::Util qw(wait_until json_decode slurp spew scratch_dir free_port in_ci);
use FG::Wire qw(closed connect_to put request take);

unless (FG::Sim->find_bin) {
	BAIL_OUT('no Bot API simulator was built') if in_ci();
	plan skip_all => 'no Bot API simulator was built';
}

my $patience = FG::Bot->sanitized ? 3 : 1;
my $sim = FG::Sim->start;
my $dir = scratch_dir();
END { my $status = $?; system 'rm', '-rf', $dir if $dir; $? = $status }

# A host that takes connections and never says a word.
my $silent = IO::Socket::UNIX->new(Listen => 256, Local => "$dir/silent") or die "silent: $!";

sub bot {
	my $host = ref $_[0] ? shift : { url => "unix://$dir/silent", timeout => '1s' };
	my (%http) = @_;
	return FG::Bot->start(config => {
		telegram => { token => $sim->token, api_url => $sim->url, poll_timeout => '1s' },
		hosts => { hung => $host },
		health => { refresh => '1h' },
		http => \%http,
	});
}

sub answers { my ($to, $after) = @_; return is request($to, GET => '/livez')->{status}, 200, "answers after $after" }

my $to = '127.0.0.1:' . free_port();
my $bot = bot(listen => $to);
ok wait_until(20 * $patience, sub { request($to, GET => '/readyz')->{status} == 200 }), 'is ready';

subtest 'probes' => sub {
	my $cached = json_decode(request($to, GET => '/health')->{content});
	is_deeply [@$cached{qw(status cached)}], ['down', JSON::PP::true()], 'an ordinary question gets what is known';
	my @sockets = map { connect_to($to) } 1 .. 20;
	put($_, "GET /health?probe=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") for @sockets;
	my @others = map { request($to, GET => $_, Accept => 'text/html')->{status} } qw(/ /health /status /metrics /livez /readyz);
	is "@others", '503 503 200 200 200 200', 'while twenty wait for a silent host, others are answered';
	is scalar(grep { closed($_) } @sockets), 0, 'before them';
	my %when;
	for my $socket (@sockets) {
		my $in = take($socket, 20) // '';
		my $doc = eval { json_decode((split /\r\n\r\n/, $in, 2)[1]) } // {};
		$when{ $doc->{checked_at} // 'none' }++ if !$doc->{cached};
	}
	is_deeply [values %when], [20], 'all of them get the one picture that was taken';
	ok !$when{none} && !$when{ $cached->{checked_at} }, 'which is a new one';
};

subtest 'many connections' => sub {
	my @held = map { connect_to($to) } 1 .. 300;
	ok wait_until(10 * $patience, sub { (grep { !closed($_) } @held) <= 32 }), 'of 300 from one address at most 32 stay';
	is request($to, GET => '/livez', from => '127.0.0.2')->{status}, 200, 'other addresses are served';
	close $_ for @held;
	ok wait_until(10 * $patience, sub { request($to, GET => '/livez')->{status} == 200 }), 'and this one again when they are gone';
};

subtest 'slow requests' => sub {
	my @slow = map { connect_to($to) } 1 .. 5;
	put($_, "GET /livez HTTP/1.1\r\n") for @slow;
	my $begun = time;
	my $next = $begun;
	my %gone;
	# A byte at a time keeps a naive time-out from ever coming.
	wait_until(30 * $patience, sub {
		return 1 if keys %gone == @slow;
		return 0 if time < $next;
		$next = time + 0.5;
		for my $i (grep { !$gone{$_} } 0 .. $#slow) {
			$gone{$i} = 1 if closed($slow[$i]) || !put($slow[$i], 'X');
		}
		return 0;
	});
	is keys %gone, 5, 'are hung up on though they go on sending';
	cmp_ok time - $begun, '>', 5, 'not before their time';
	answers($to, 'it');
};

# Some still wait for the silent host when the end comes.
my @waiting = map { connect_to($to) } 1 .. 3;
put($_, "GET /health?probe=true HTTP/1.1\r\nHost: localhost\r\n\r\n") for @waiting;
$bot->stop_ok('ends in order while probes wait');

# How many connections to a Unix socket were accepted: the kernel gives each of them an inode then.
sub accepted {
	my ($path) = @_;
	return scalar grep { /^(?:\S+ +){5}03 +[1-9]\d* \Q$path\E$/ } split /\n/, slurp('/proc/net/unix');
}

# More than the listener serves at once: the others wait in the kernel's queue, and before it. Those who come late share the
# picture for two seconds; a machine that takes longer than that for all of them takes more, but far from one for each.
subtest 'a thousand probes' => sub {
	my ($served, $crowd) = (256, FG::Bot->sanitized ? 400 : 1000);
	my $engine = FG::FakeEngine->start(containers => [{ name => 'one' }]);
	my $relay = FG::Relay->start($engine->socket);
	my $path = "$dir/many";
	my $many = bot({ url => $relay->url, timeout => '60s' }, listen => "unix:$path");
	ok wait_until(20 * $patience, sub { request("unix:$path", GET => '/health')->{status} == 200 }), 'an engine is up';
	$relay->calm(2)->forget;
	is request("unix:$path", GET => '/health?probe=true')->{status}, 200, 'one asks';
	my $asked = join "\n", $relay->requests;
	like $asked, qr{/containers/json}, 'and the engine is asked';
	$relay->forget;
	kill STOP => $relay->{pid};
	my $text = "GET /health?probe=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	my @sockets;
	# Beyond the queue nobody can connect; it moves on when the engine answers.
	while (@sockets < 0.7 * $crowd) { push @sockets, connect_to("unix:$path"); put($sockets[-1], $text) }
	ok wait_until(20 * $patience, sub { accepted($path) >= $served }), "$served wait, as many as it serves" or diag accepted($path);
	my $begun = time;
	kill CONT => $relay->{pid};
	while (@sockets < $crowd) { push @sockets, connect_to("unix:$path"); put($sockets[-1], $text) }
	my %when;
	for my $socket (@sockets) {
		my $doc = eval { json_decode((split /\r\n\r\n/, take($socket, 20) // '', 2)[1]) } // {};
		$when{ $doc->{checked_at} // 'none' }++ if !$doc->{cached};
	}
	my $most = time - $begun < 2 ? 1 : $crowd / 20;
	is sum(values %when), $crowd, 'all get an answer';
	ok !$when{none}, 'which is a picture';
	cmp_ok scalar(keys %when), '<=', $most, $most == 1 ? 'the same one' : "far fewer than there are askers: $most at the most";
	is join("\n", $relay->requests), join("\n", ($asked) x keys %when), 'for which the engine was asked once each';
	is request("unix:$path", GET => '/livez')->{status}, 200, 'and all goes on';
	$many->stop_ok;
	$_->stop for $relay, $engine;
};

subtest 'a Unix socket' => sub {
	my $path = "$dir/listener";
	IO::Socket::UNIX->new(Listen => 1, Local => $path)->close;
	ok -S $path, 'a file that nobody serves lies there';
	my $first = bot(listen => "unix:$path");
	ok wait_until(20 * $patience, sub { request("unix:$path", GET => '/readyz', Host => 'any.example')->{status} == 200 }), 'is replaced; any Host will do';
	is sprintf('%04o', (stat $path)[2] & 07777), '0660', 'group may connect, others may not';
	my $second = bot(listen => "unix:$path");
	is $second->wait_exit, 1, 'a second bot does not take it away';
	like $second->log, qr/somebody listens on \Q$path\E already/, 'and says why';
	my @held = map { connect_to("unix:$path") } 1 .. 300;
	is scalar(grep { defined } @held), 300, '300 connect';
	close $_ for grep { defined } @held;
	answers("unix:$path", 'they are gone');
	$first->stop_ok;
	ok !-e $path, 'it is removed at the end';
	spew($path, 'precious');
	my $third = bot(listen => "unix:$path");
	is $third->wait_exit, 1, 'a file that is no socket is not replaced';
	ok -f $path, 'and stays';
};

subtest 'other machines' => sub {
	my $port = free_port();
	my $refused = bot(listen => "0.0.0.0:$port");
	is $refused->wait_exit, 2, 'without a token nobody listens to them';
	my $open = bot(listen => "0.0.0.0:$port", allow_unauthenticated => JSON::PP::true());
	ok wait_until(20 * $patience, sub { request("127.0.0.1:$port", GET => '/readyz', Host => 'any.example')->{status} == 200 }), 'unless it is wanted';
	$open->stop_ok;
};

$sim->stop;
done_testing;
