# Runs once, takes long
# Live messages: the newest state of a command under way stands in one message of its chat, whatever happens to that message,
# and after a kill or a stop it is taken up, or says that it ended.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Relay;
use FG::Scene qw(OPERATOR start_sim quick_config store_rows store_change wait_settled no_complaints need_sqlite patient);
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

my $engine = FG::Engine->start(version => $version);
my $relay = FG::Relay->start($engine->socket);
my $sim = start_sim();

# It says what is written into its file, line by line.
$engine->run(name => 'talker', init => 1, cmd => ['sh', '-c', 'touch /said; exec tail -f /said']);
$engine->run(name => 'web', init => 1, cmd => ['sleep', '1d']);

my $bot = FG::Bot->start(config => quick_config($sim, { local => { url => $relay->url, timeout => '60s' } },
	exec => { enabled => \1 }, confirm => { always => [] }));
$bot->wait_ready;

sub say { return $sim->say(user => OPERATOR, text => $_[0]) }
sub message { my ($match, $after) = @_; return $sim->wait_message(chat => OPERATOR, match => $match, after => $after // 0, timeout => patient(20)) }
sub open_rows { my @rows = store_rows($bot, 'SELECT * FROM live'); return scalar @rows }
sub again { $sim->clear_faults; $bot->restart; return }
sub stands { my ($id) = @_; return (grep { $_->{message_id} == $id } @{ $sim->messages(chat => OPERATOR) })[0] // {} }

# The text that message has now or soon.
sub becomes {
	my ($id, $match, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok wait_until(patient(20), sub { (stands($id)->{text} // '') =~ $match }), $name or diag explain stands($id);
	return;
}

sub utter {
	my ($line) = @_;
	my $made = $engine->api(POST => '/containers/talker/exec', { Cmd => ['sh', '-c', "echo '$line' >>/said"] });
	$engine->api(POST => "/exec/$made->{Id}/start", { Detach => \1 });
	return;
}

# As an administrator would.
sub delete_message {
	my ($id) = @_;
	return $sim->{http}->post($sim->method_url('deleteMessage'), {
		headers => { 'Content-Type' => 'application/json' },
		content => FG::Util::json_encode({ chat_id => OPERATOR, message_id => $id }),
	})->{success};
}

my $followed;

subtest 'the newest state' => sub {
	say('/logs talker follow');
	$followed = (message(qr/^📜 talker · following/) // {})->{message_id};
	ok $followed, 'a log is followed';
	my $seq = $sim->last_seq;
	utter("line $_") for 1 .. 4;
	becomes($followed, qr/line 4$/, 'the last line shows, though nothing comes after it');
	my @edits = grep { $_->{ok} } @{ $sim->calls(method => 'editMessageText', after => $seq) };
	cmp_ok scalar @edits, '<=', 3, '… without an edit for each';
	is open_rows(), 1, 'it is known to be open';
};

subtest 'a message that was deleted' => sub {
	my $seq = $sim->last_seq;
	ok delete_message($followed), 'somebody deletes it';
	utter('line 5');
	my $anew = message(qr/line 5$/, $seq);
	cmp_ok $anew->{message_id} // 0, '>', $followed, 'it is sent anew';
	$followed = $anew->{message_id};
	utter('line 6');
	becomes($followed, qr/line 6$/, 'and goes on there');
};

subtest 'killed while a log is followed' => sub {
	$bot->kill9;
	utter('line 7');
	again();
	becomes($followed, qr/following.*line 7$/s, 'after the restart it is followed on, in the same message');
	utter('line 8');
	becomes($followed, qr/line 8$/, 'as before');
};

subtest 'stopped while a log is followed' => sub {
	$bot->stop_ok;
	like stands($followed)->{text}, qr/no longer followed: Fleetgram stops.*line 8$/s, 'it ends and says so';
	is open_rows(), 0, 'nothing is open any more';
	again();
	$bot->wait_ready;
};

subtest 'killed while a command runs' => sub {
	say('/exec web sh -c "echo begun; exec sleep 1h"');
	my $id = (message(qr/running.*begun/s) // {})->{message_id};
	ok $id, 'it shows what it does';
	$bot->kill9;
	my $seq = $sim->last_seq;
	again();
	becomes($id, qr{^⚠️ Interrupted: .*/exec web .*web: running}s, 'its report takes the place of its progress');
	ok wait_settled($bot), 'and that is all';
	is scalar(grep { $_->{ok} && $_->{method} eq 'sendMessage' } @{ $sim->calls(after => $seq) }), 0, 'there is no other message';
	is open_rows(), 0, 'nothing is open any more';
};

subtest 'what nobody goes on with' => sub {
	my $seq = $sim->last_seq;
	my $update = say('/logs talker follow')->{update_id};
	my $id = (message(qr/^📜 talker · following.*line 8/s, $seq) // {})->{message_id};
	ok $id, 'followed again';
	$bot->kill9;
	store_change($bot, "DELETE FROM updates WHERE update_id = $update");
	again();
	becomes($id, qr/^📜 talker · following.*line 8.*\n⏹ Interrupted: Fleetgram was restarted\.$/s, 'keeps its text and says that it ended');
	is open_rows(), 0, 'nothing is open any more';
};

subtest 'only some of the lines' => sub {
	my $seq = $sim->last_seq;
	utter(join "\n", 'an old needle', map {"hay $_"} 1 .. 30);
	my $told = sub { $sim->ask(user => OPERATOR, text => '/logs talker 1', timeout => patient(20))->{text} // '' };
	ok wait_until(patient(20), sub { $told->() =~ /hay 30$/ }), 'a needle, and a lot of hay behind it';
	say('/logs talker follow grep=NEEDLE since=1h');
	my $id = (message(qr/^📜 talker · following… with NEEDLE\nan old needle$/, $seq) // {})->{message_id};
	ok $id, 'the last lines with a text, wherever they are';
	utter("more hay\na new needle\nand hay");
	becomes($id, qr/ with NEEDLE\nan old needle\na new needle$/, 'and those that come, but no others');

	$seq = $sim->last_seq;
	sleep 2;	# what was said is older than a second then
	say('/logs talker follow since=1s');
	my $late = (message(qr/^📜 talker · following…$/, $seq) // {})->{message_id};
	ok $late, 'what is older than was asked for is not shown';
	utter('the newest');
	becomes($late, qr/following…\nthe newest$/, 'what comes is');
};

$bot->stop_ok;
no_complaints($sim);
done_testing();
