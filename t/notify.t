# Runs sanitized, takes long: restart loops, healthchecks and bursts of some seconds each.
# Notifications: what happens to containers of a real engine is told once, in words, in one message that goes on with it.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Relay;
use FG::Scene qw(OPERATOR start_sim quick_config wait_settled no_complaints patient wait_rows);
use FG::Told;
use FG::Util qw(wait_until);

my ($engine, $sim, $bot) = start_telling();

subtest 'why it died' => sub {
	$engine->run(name => 'job', cmd => ['sh', '-c', 'echo done; exit 0']);
	$engine->run(name => 'app', cmd => ['sh', '-c', 'for i in 1 2 3 4 5 6; do echo "line $i <b>"; done; exit 3'], init => 1);
	my $message = is_read(ALL, qr/^🔴 app died: exit code 3\n/, 'an exit code is told');
	is_read(ALL, qr/line 2 <b>\nline 3 <b>\nline 4 <b>\nline 5 <b>\nline 6 <b>/, 'with the last lines it wrote, as text');
	unlike $message->{text}, qr/line 1/, '… and no more of them';
	like $message->{text}, qr/^It had run for \d+/m, '… how long it had run';
	$message = is_read(ALL, qr/^Nothing starts it again by itself \(restart policy: no\)\.$/m, '… and what comes next');
	is_deeply [map {s/^\W+//r} $sim->buttons($message)], ['Logs', 'Restart', 'Mute 1h', 'Ack'], 'there are buttons';
	ok is_loud($message), 'it makes a sound';
	$sim->press(user => OPERATOR, chat => ALL, message => $message, button => qr/Logs/);
	is_read(ALL, qr/^📜 app/, 'Logs shows the log');
	my $other = reads(ALL, qr/^🔴/);
	is $other->{message_id}, $message->{message_id}, 'what ended well is not told';
	are_sent(WEB, 0, 'nor anything to who does not see it');
	next_burst();
	$engine->run(name => 'segv', cmd => ['sh', '-c', 'kill -SEGV $$'], init => 1);
	is_read(ALL, qr/^🔴 segv died: exit code 139, segmentation fault \(SIGSEGV\)$/m, 'a signal has its name');
	next_burst();
	$engine->run(name => 'missing', cmd => ['sh', '-c', 'no-such-command'], init => 1);
	is_read(ALL, qr/^🔴 missing died: exit code 127, its command was not found$/m, 'a missing command');
	are_sent(ALL, 1, 'one message each');
};

subtest 'out of memory' => sub {
	next_burst();
	$engine->run(name => 'web-fat', cmd => ['sh', '-c', 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'], memory => 16 << 20,
		host_config => { MemorySwap => 16 << 20 });
	is_read($_, qr/^🔴 web-fat died: exit code 137, out of memory/m, 'is told as such') for ALL, WEB;
	are_sent($_, 1, 'in one message') for ALL, WEB;
};

subtest 'unhealthy' => sub {
	next_burst();
	$engine->run(name => 'web-sick', cmd => ['sleep', '1d'], init => 1,
		healthcheck => { test => 'test -e /ok || { echo "no /ok here"; exit 1; }' });
	my $message = is_read(WEB, qr/^🟠 web-sick is unhealthy\n.*^no \/ok here$/ms, 'is told with what the check said');
	inside('web-sick', 'touch /ok');
	is reads(WEB, qr/^✅ web-sick is healthy again/)->{message_id}, $message->{message_id}, 'and its end in the same message';
	are_sent(WEB, 1, 'which is the only one');
};

subtest 'a restart loop' => sub {
	next_burst();
	$engine->run(name => 'looper', cmd => ['sh', '-c', 'echo boom; sleep 0.2; exit 7'], restart => 'always');
	is_read(ALL, qr/^🔴 looper keeps restarting: \d+ deaths since \S+, the last with exit code 7$/m, 'is called one', 60);
	is_read(ALL, qr/^The engine starts it again(?: within a minute)? \(restart policy: always\)\.$/m, '… says who restarts it');
	is_read(ALL, qr/looper keeps restarting: (?:[6-9]|\d\d) deaths/, '… and goes on counting', 60);
	are_sent(ALL, 1, 'in one message');
	# Just after a run, which the engine waits longer after each time: its removal shall end none.
	my $runs = $engine->inspect('looper')->{RestartCount};
	ok wait_until(60, sub { my $c = $engine->inspect('looper'); $c->{RestartCount} > $runs && $c->{State}{Status} eq 'restarting' }), '… and it ends once more';
	$engine->rm('looper');
	is_read(ALL, qr/^🗑 looper was removed; it had died: exit code 7$/m, 'until it is removed');
};

subtest 'from outside' => sub {
	next_burst();
	$engine->run(name => 'web1', cmd => ['sleep', '1d'], init => 1);
	$engine->api(POST => '/containers/web1/stop?t=1');
	my $message = is_read(WEB, qr/^⏹ web1 was stopped from outside$/m, 'docker stop is told as a stop');
	ok !is_loud($message), '… without a sound';
	$engine->api(POST => '/containers/web1/start');
	is reads(WEB, qr/^🔄 web1 was restarted from outside$/m)->{message_id}, $message->{message_id}, '… and a start after it as a restart';
	$engine->run(name => 'web2', cmd => ['sleep', '1d'], init => 1);
	$engine->rm('web2');
	is_read(WEB, qr/^🗑 web2 was removed from outside$/m, 'docker rm as a removal');
};

subtest 'by ourselves' => sub {
	next_burst();
	my $seq = $sim->last_seq;
	for my $command ('/restart web1', '/stop web1', '/up web1') {
		$sim->ask(user => OPERATOR, text => $command, timeout => patient(30), match => qr/web1.*\.|✅/);
		ok wait_settled($bot), $command;
	}
	$engine->run(name => 'web0', cmd => ['sleep', '1d'], init => 1, start => 0);
	$sim->ask(user => OPERATOR, text => '/up web0', timeout => patient(30), match => qr/web0/);
	$engine->wait_state('web0', 'running');
	crash('web0');
	my $message = is_read(WEB, qr/^🔴 web0 died: exit code 137, killed \(SIGKILL\), not for its memory limit$/m,
		'what was started by an operator may have an accident');
	are_sent(WEB, 1, 'what an operator does is none');
	$sim->press(user => OPERATOR, chat => WEB, message => $message, button => qr/Restart/) if $message->{text};
	is_read(WEB, qr/^✅ web0 is up again; it had died/m, 'its button restarts it');
	crash('web0');
	is_read(WEB, qr/^🔴 web0 died: .*^#\d+ · 2 times, /ms, '… and what it dies of then is an accident, too');
	is scalar(grep { $_->{text} =~ /web0 died/ } sent(WEB)), 1, 'in the same message';
};

subtest 'buttons' => sub {
	next_burst();
	$engine->run(name => 'web-b', cmd => ['sh', '-c', 'exit 4'], init => 1);
	my $message = is_read(WEB, qr/^🔴 web-b died: exit code 4$/m, 'something died');
	$sim->press(user => OPERATOR, chat => WEB, message => $message, button => qr/Ack/);
	is reads(WEB, qr/^🔴 web-b died.*^👌 Acknowledged by ops\b/ms)->{message_id}, $message->{message_id}, 'Ack is seen in the message';
	is_read(ALL, qr/^🔴 web-b died.*^👌 Acknowledged by ops\b/ms, '… wherever it is told');
	$sim->press(user => OPERATOR, chat => WEB, message => $message, button => qr/Mute/);
	$message = is_read(WEB, qr/^🔴 web-b died.*^🔇 Muted until /ms, 'Mute, too');
	is_deeply [map {s/^\W+//r} $sim->buttons($message)], ['Logs', 'Restart'], 'and what is done is no button any more';
	$engine->rm('web-b');
	is_read(WEB, qr/^🗑 web-b was removed; it had died/m, 'it is removed');
	$engine->run(name => 'web-b', cmd => ['sh', '-c', 'exit 4'], init => 1);
	$engine->run(name => 'web-c', cmd => ['sh', '-c', 'exit 4'], init => 1);
	is_read(WEB, qr/web-c died: exit code 4/, 'another one is told');
	is reads(WEB, qr/^🔴 web-b died.*^#\d+ · 2 times.*^🔇 Muted until /ms)->{message_id}, $message->{message_id},
		'what has its name now is the same, and as muted';
	$sim->ask(user => OPERATOR, text => '/unmute', timeout => patient(30));
	is_read(WEB, qr/^🔴 web-b died(?!.*Muted).*^👌 Acknowledged by ops\b/ms, '… until it is not, and acknowledged as before');
	is scalar(grep { $_->{text} =~ /^🔴/ } sent(WEB)), 2, 'in no other message';
};

subtest 'a paused host' => sub {
	next_burst();
	$sim->ask(user => OPERATOR, text => '/host pause local 1h', timeout => patient(30), match => qr/is paused until/);
	$engine->run(name => 'web-p', cmd => ['sh', '-c', 'exit 5'], init => 1);
	ok wait_rows($bot, "SELECT 1 FROM incidents WHERE name = 'web-p' AND kind = 'died' AND tell = 1 AND tell_at > " . 1000 * (time + 600)),
		'what dies there is kept for later';
	are_sent($_, 0, '… and not told') for ALL, WEB;
	$sim->ask(user => OPERATOR, text => '/host resume local', timeout => patient(30), match => qr/not paused any more/);
	is_read($_, qr/^🔴 web-p died: exit code 5$/m, '… until the pause is over') for ALL, WEB;
};

subtest 'labels, and jobs' => sub {
	next_burst();
	$engine->run(name => 'hush', cmd => ['sh', '-c', 'exit 4'], init => 1, labels => { 'io.fleetgram.notify' => 'false' });
	$engine->run(name => 'job2', cmd => ['true'], init => 1);
	$engine->run(name => 'daily', cmd => ['true'], init => 1, labels => { 'io.fleetgram.notify' => 'true' });
	is_read(ALL, qr/^🔴 daily died: exit code 0$/m, 'what is to run on, by its label, must not end well');
	are_sent(ALL, 1, 'a job may, and who opted out is not told of');
	next_burst();
	$engine->run(name => 'forever', cmd => ['sh', '-c', 'sleep 0.2'], init => 1, restart => 'unless-stopped');
	is_read(ALL, qr/^🔴 forever keeps restarting: \d+ deaths since \S+, the last with exit code 0$/m, 'nor may what is restarted for ever', 60);
	$engine->rm('forever');
};

subtest 'a whole project' => sub {
	next_burst();
	my @names = map {"shop-$_"} 1 .. 6;
	$engine->run(name => $_, cmd => ['sleep', '1d'], init => 1, labels => { 'com.docker.compose.project' => 'shop' }) for @names;
	crash(@names);
	my $message = is_read(ALL, qr/^🔴 6 containers died$/m, 'is told by its number');
	like $message->{text}, qr/^• project shop on local: 6$/m, '… by project';
	like $message->{text}, qr/shop-1.*shop-6/, '… with names';
	$engine->api(POST => "/containers/$_/start") for @names;
	is reads(ALL, qr/^✅ 6 of 6 recovered$/m)->{message_id}, $message->{message_id}, 'and all are back, in the same message';
	are_sent(ALL, 1, 'the only one');
	$engine->rm($_) for @names;
};

$bot->stop_ok;
no_complaints($sim);

subtest 'an engine that is too slow for a closer look' => sub {
	my $relay = FG::Relay->start($engine->socket);
	my $sim = start_sim();
	$sim->chat(chat => ALL, first_name => 'All');
	my $bot = FG::Bot->start(config => quick_config($sim, { local => { url => $relay->url, timeout => '60s' } },
		chats => [{ id => ALL, role => 'viewer', notify => \1 }], notify => { startup_delay => '0' }));
	$bot->wait_ready;
	listen_to($sim, $bot);
	next_burst();
	$relay->calm(2)->swallow(qr{^GET \S+/containers/[^/]+/json(?:\?|$)});
	$engine->run(name => 'late', cmd => ['sh', '-c', 'echo last words; exit 3'], init => 1);
	is_read(ALL, qr/^🔴 late died: exit code 3$/m, 'the death is told');
	ok $relay->wait_hit(patient(20)), 'nobody says more of it';
	$relay->call_off;
	is_read(ALL, qr/^last words$/m, 'it is looked at again');
	$bot->stop_ok;
	$relay->stop;
};

done_testing();
