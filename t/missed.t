# Runs sanitized, takes long: bursts of some seconds each.
# Notifications of what happened while the bot was not there: each once, however it ended.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Scene qw(no_complaints);
use FG::Told;

my ($engine, $sim, $bot) = start_telling();

subtest 'over a crash of the bot' => sub {
	next_burst();
	$engine->run(name => 'web3', cmd => ['sleep', '1d'], init => 1);
	crash('web3');
	my $message = is_read(WEB, qr/^🔴 web3 died/m, 'told');
	$bot->kill9;
	$engine->run(name => 'web4', cmd => ['sh', '-c', 'exit 5'], init => 1);
	$engine->wait_state('web4', 'exited');
	$engine->api(POST => '/containers/web3/start');
	$bot->restart;
	is_read(WEB, qr/^🔴 web4 died: exit code 5/m, 'what died meanwhile is told');
	is reads(WEB, qr/^✅ web3 is up again/m)->{message_id}, $message->{message_id}, 'what came back meanwhile, in the message there was';
	are_sent(WEB, 2, 'each once');
	$bot->kill9;
	$bot->restart->wait_ready;
	are_sent(WEB, 2, 'also when nothing happened meanwhile');
};

subtest 'killed at any moment' => sub {
	next_burst();
	my @names = map {"web-k$_"} 1 .. 6;
	for my $name (@names) {
		$engine->run(name => $name, cmd => ['sh', '-c', 'exit 6'], init => 1);
		select undef, undef, undef, rand 0.06;
		$bot->kill9;
		$bot->restart->wait_ready;
	}
	for my $name (@names) {
		is_read(WEB, qr/$name died|\d containers? died/, "$name is told");
	}
	are_sent_once(WEB, @names);
};

subtest 'much has happened while the bot was away' => sub {
	my @names = map {"box$_"} 1 .. 4;
	next_burst();
	$engine->run(name => $_, cmd => ['sleep', '1d'], init => 1, restart => 'always') for @names;
	$bot->kill9;
	for (1 .. 16) { $engine->api(POST => "/containers/$_/restart?t=0") for @names }
	$bot->restart->wait_ready;
	is_read(ALL, qr/recovered|is up again|was restarted/, 'it is told how that ended');
	told_out();
	my ($told) = sent(ALL);
	are_sent(ALL, 1, 'in one message');
	ok !is_loud($told), 'without a sound: nothing has failed';
};

$bot->stop_ok;
no_complaints($sim);
done_testing();
