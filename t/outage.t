# Runs sanitized, takes long: outages of some seconds each, one after the other.
# Notifications of a host that is away: one message, which goes on with it, and one of the containers that stay down.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Scene qw(no_complaints patient);
use FG::Told;
use FG::Util qw(wait_until slurp spew json_encode json_decode);

my ($engine, $sim, $bot) = start_telling();

# The message of a chat about the host, whenever it came: an outage that comes soon after another one goes on in it.
my %host_messages; # by chat
sub host_reads {
	my ($chat, $match) = @_;
	my $found;
	wait_until(patient(120), sub {
		($found) = grep { $_->{text} =~ $match && $_->{message_id} == ($host_messages{$chat} // $_->{message_id}) } @{ $sim->messages(chat => $chat) };
	});
	$host_messages{$chat} //= $found->{message_id} if $found;
	return $found // {};
}

# The host goes away and is back, with its containers as they will be, which its message counts so; and so many messages are
# sent besides the host's. Who does not see all of them has a count of what they see; none unless it is given.
my $host_message;
sub outage {
	my ($name, $away, $back, $besides, $counts, $web_counts) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	next_burst();
	$away->();
	my $message = host_reads(ALL, qr/^🔴 Host local does not answer$/m);
	ok $message->{text}, "$name: that the host is away is told";
	my $fresh = $host_message ? 0 : 1;
	$host_message //= $message->{message_id} // 0;
	is $message->{message_id}, $host_message, '… in the host\'s message';
	like $message->{text}, qr/^I ask it again about every (?:5|30)s\.$/m, '… with when it is asked again';
	is scalar(sent(ALL)), $fresh, '… and nothing else yet';
	$back->();
	is host_reads($_, qr/^✅ Host local answers again after /m)->{text} ? 1 : 0, 1, '… and that it is back, to all who know it' for ALL, WEB;
	# What has become of its containers is found out a moment after it is back.
	wait_until(patient(90), sub { my @sent = sent(ALL); @sent >= $besides + $fresh });
	told_out();
	are_sent(ALL, $besides + $fresh, $besides ? '… what stays down in another one' : '… and nothing else');
	ok host_reads(ALL, $counts)->{text}, '… its containers are counted' or diag host_reads(ALL, qr/Host local/)->{text};
	my $seen = host_reads(WEB, qr/Host local/)->{text};
	return unlike $seen, qr/not any more|containers? run/, '… for those who see them' unless $web_counts;
	like host_reads(WEB, $web_counts)->{text}, $web_counts, '… and what others see is counted for them' or diag $seen;
	my ($id) = $message->{text} =~ /^#(\d+)/m;
	ok $id, '… it has a number';
	is_counted($_->[0], $id, $_->[1]) for [ALL, $counts], [WEB, $web_counts];
	return;
}

# What the incident says to whoever asks for it by its number.
sub is_counted {
	my ($chat, $id, $counts) = @_;
	my $answer = $sim->ask(user => $chat, text => "/incidents $id", timeout => patient(30), match => qr/Host local answers again/);
	like $answer->{text}, $counts, '… also to who asks for it';
	return;
}

my %away = (ended => sub { $engine->halt }, killed => sub { $engine->kill });
my @run = (cmd => ['sleep', '1d'], init => 1);

my $none = qr/^0 containers run\. 4 do not any more: (?:\w+-\w+, ){3}\w+-\w+$/m;

sub up { $engine->restart; $engine->wait_state($_, 'running') for @_; return }

for my $way (sort keys %away) {
	subtest "its engine is $way" => sub {
		my @kept = ((map {"kept-$way$_"} 1 .. 3), "web-$way");
		$engine->run(name => $_, @run, restart => 'always') for @kept;
		outage("$way, with containers that are started again", $away{$way}, sub { up(@kept) }, 0, qr/^4 containers run\.$/m,
			qr/^1 container runs\.$/m);
		$engine->rm($_) for @kept;
		told_out();

		my @left = map {"left-$way$_"} 1 .. 4;
		$engine->run(name => $_, @run) for @left;
		outage("$way, with containers that nobody starts", $away{$way}, \&up, 1, $none);
		ok is_loud(is_read(ALL, qr/^🔴 4 containers died$/m, '… by their number')), '… with a sound';
		$engine->rm($_) for @left;
		told_out();
	};
}

subtest 'its machine goes down' => sub {
	my @left = map {"last-box$_"} 1 .. 4;
	$engine->run(name => $_, @run) for @left;
	outage('its containers end before their engine', sub {
		kill TERM => map { $engine->inspect($_)->{State}{Pid} } @left;
		$engine->wait_state($_, 'exited') for @left;
		$engine->halt;
	}, \&up, 1, $none);
	is_read(ALL, qr/^🔴 4 containers died$/m, '… by their number');
	$engine->rm($_) for @left;
	told_out();
};

my @names = qw(box1 box2); # few, to be back soon on a busy machine, too
my $both = qr/^2 containers run\.$/m;
$engine->run(name => $_, @run, restart => 'always') for @names;

subtest 'it is frozen' => sub {
	outage('frozen, and its containers die', sub {
		my @pids = map { $engine->inspect($_)->{State}{Pid} } @names;
		$engine->freeze;
		kill KILL => @pids;
	}, sub { $engine->thaw; $engine->wait_state($_, 'running') for @names }, 0, $both);
};

subtest 'its containers live on' => sub {
	my $config = $engine->dir . '/daemon.json';
	spew($config, json_encode({ %{ json_decode(slurp($config)) }, 'live-restore' => \1 }));
	outage('ended, to live on without it from now on', $away{ended}, sub { up(@names) }, 0, $both);
	outage('killed, with containers that live on', $away{killed}, sub { up(@names) }, 0, $both);
};

$bot->stop_ok;
no_complaints($sim);
done_testing();
