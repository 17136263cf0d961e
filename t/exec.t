# Runs once, takes long
# /exec on a real engine: what is run, how it ended, what it wrote, and who may not.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Relay;
use FG::Scene qw(store_rows need_sqlite);
use FG::Talk;
use FG::Util qw(wait_until json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

use constant { ADMIN => 1, OPERATOR => 2 };

my $engine = FG::Engine->shared($version);
$engine->run(name => 'web', init => 1, cmd => ['sleep', '1d']);
$engine->run(name => 'old', start => 0);

my %config = (
	users => [{ id => ADMIN, name => 'ann', role => 'admin' }, { id => OPERATOR, name => 'otto', role => 'operator' }],
	hosts => { local => { url => $engine->url } },
	exec => { enabled => JSON::PP::true() },
);

# One command as the local operator; returns (exit code, stdout, stderr).
sub local_exec {
	my ($words, %more) = @_;
	my ($exit, $out, $err) = FG::Bot::exec_cmd({ hosts => $config{hosts}, exec => $config{exec}, %more }, @$words);
	utf8::decode($_) for $out, $err;
	return ($exit, $out, $err);
}

subtest 'as the local operator' => sub {
	my ($exit, $out, $err) = local_exec(['exec', 'web', 'echo', 'hello']);
	is $exit, 1, 'without --yes it asks';
	like $out, qr/Run this command\?\necho hello\n• web \(running\)/, '… and shows what it would do';
	($exit, $out, $err) = local_exec(['--yes', 'exec', 'web', 'echo', 'two  blanks', '$HOME', '*', '', '"', '2026-01-02T03:04:05Z x']);
	is "$exit $err", '0 ', 'with --yes it runs';
	is $out, qq(two  blanks \$HOME *  " 2026-01-02T03:04:05Z x\n), '… the words as they are, with no shell between';
	for my $case ([0, 'true'], [3, 'sh', '-c', 'exit 3'], [137, 'sh', '-c', 'kill -9 $$']) {
		my ($code, @words) = @$case;
		($exit, $out, $err) = local_exec(['--yes', 'exec', 'web', @words]);
		is $exit, $code ? 1 : 0, "a command that ends with $code";
		like $err, $code ? qr/exit code $code\b/ : qr/^$/, '… and what is said of it';
	}
	($exit, $out, $err) = local_exec(['--yes', 'exec', 'web', '/no/such/program']);
	is $exit, 1, 'a program that is not there';
	like $err, qr/exit code 12[67] \(.*not found/, '… is said to be that';
	($exit, $out, $err) = local_exec(['--yes', '--json', 'exec', 'web', 'sh', '-c', 'echo out; echo err >&2; exit 4']);
	my $doc = json_decode(do { my $copy = $out; utf8::encode($copy); $copy });
	is $exit, 1, 'for programs';
	is_deeply [@{ $doc->{data} }{qw(name command exit_code running)}], ['web', [qw(sh -c), 'echo out; echo err >&2; exit 4'], 4, JSON::PP::false()], '… what it was' or diag $out;
	is join(' ', sort split /\n/, $doc->{data}{output}), 'err out', '… with both streams';
	($exit, $out, $err) = local_exec(['--yes', 'exec', 'timeout=1s', 'web', 'sh', '-c', 'echo first; printf "Password: "; exec sleep 71']);
	is $exit, 1, 'longer than it may last';
	is $out, "first\nPassword: \n", '… what it wrote was shown';
	like $err, qr/still running after 1(?:\.\d+)?s;/, '… and that it goes on';
	my ($titles, $processes) = @{ $engine->api(GET => '/containers/web/top') }{qw(Titles Processes)};
	ok +(grep { "@$_" =~ /sleep 71/ } @$processes), '… as it does' or diag explain $processes;
	($exit, $out, $err) = local_exec(['--yes', 'exec', 'old', 'true']);
	like $err, qr/old is created: a command can only run in a container that runs/, 'a container that does not run';
	($exit, $out, $err) = local_exec(['--yes', 'exec', $_->[0], 'web', 'true']) and like $err, $_->[1], "refused: $_->[0]"
		for ['timeout=1d', qr/takes 1s to 30m/], ['timeout=x', qr/timeout=/];
	($exit, $out, $err) = local_exec(['--yes', 'exec', 'web', 'true'], exec => { enabled => JSON::PP::false() });
	is $exit, 2, 'when it is off';
	like $err, qr/there is no command exec/, '… it does not exist';
};

my $talk = FG::Talk->start(%config);

sub answer {
	my ($text, %o) = @_;
	return $talk->confirm($talk->ask($text, match => qr/Run this command/), match => qr/done in|exit code|still running|^⚠️/, %o);
}

subtest 'in a chat' => sub {
	my $asked = $talk->ask(q{/exec web echo 'a <b> & "c"'});
	like $asked->{text}, qr/^▶️ Run this command\?\necho "a <b> & \\"c\\""\n• web \(running\)/, 'it asks, with the words';
	is_deeply [$talk->buttons($asked)], ['Run it', 'Cancel'], '… and two buttons';
	my $done = $talk->confirm($asked, match => qr/done in/);
	like $done->{text}, qr/^▶️ web · done in .*\n.*\na <b> & "c"$/, 'what it wrote' or diag $done->{text};
	is $done->{answer}{message_id}, $asked->{message_id}, '… where it was asked';
	like answer('/exec web true')->{text}, qr/done in.*It wrote nothing\./s, 'one that is silent';
	like answer(q{/exec web sh -c 'echo oops >&2; exit 3'})->{text}, qr/exit code 3, after.*\noops$/s, 'stderr, and an exit code';
	like answer('/exec web /no/such')->{text}, qr/exit code 12[67] \(.*not found/, 'nothing to run';
	my $odd = answer(q{/exec web printf '\033[31mred\033[0m \377 \000 end\n'})->{text};
	like $odd, qr/\nred \x{FFFD}  ?end$/, 'colours, bad bytes and zeros are cleaned' or diag explain $odd;
	like $talk->text('/exec web'), qr{something is missing\. Usage: /exec}, 'too few words';
	like $talk->text('/exec wbe true'), qr/web/, 'a near miss names the container';
};

subtest 'as it goes, and long ones' => sub {
	my $live = $talk->confirm($talk->ask(q{/exec web sh -c 'echo step one; while ! test -e /go; do sleep 0.1; done; echo step two'}),
		match => qr/running….*step one$/s);
	like $live->{text}, qr/running…/, 'its output is shown while it runs';
	my $mark = $talk->sim->last_seq;
	$engine->api(POST => "/exec/" . $engine->api(POST => '/containers/web/exec', { Cmd => ['touch', '/go'] })->{Id} . '/start', { Detach => JSON::PP::true() });
	my $end = $talk->message_after($mark, ADMIN, match => qr/done in/);
	like $end->{text}, qr/step one\nstep two$/, '… and all of it at the end';
	is $end->{message_id}, $live->{answer}{message_id}, '… in the same message';

	$mark = $talk->sim->last_seq;
	my $long = answer(q{/exec web seq 1 5000});
	like $long->{text}, qr/done in.*The end of 5000 lines.*\n5000$/s, 'a long one: its end';
	my $file = $talk->sim->wait_call(method => 'sendDocument', after => $mark, timeout => 30, match => sub {1});
	is $file->{result}{document}{file_name}, 'web.exec.txt', '… and a file' or diag explain $file;

	my $late = answer('/exec timeout=1s web sleep 5');
	like $late->{text}, qr/still running after 1.*no longer watched/, 'the deadline';
};

subtest 'the engine is lost in the middle of it' => sub {
	my $relay = FG::Relay->start($engine->socket);
	my $other = FG::Talk->start(%config, hosts => { local => { url => $relay->url, timeout => '60s' } });
	my $live = $other->confirm($other->ask(q{/exec web sh -c 'echo begun; exec sleep 72'}), match => qr/running….*begun$/s);
	my $mark = $other->sim->last_seq;
	$relay->cut;
	my $end = $other->message_after($mark, ADMIN, match => qr/lost/);
	like $end->{text}, qr/^▶️ web · lost\n.*\nbegun$/s, 'what it wrote until then, and that it is not known how it ended' or diag $end->{text};
	is $end->{message_id}, $live->{answer}{message_id}, '… in the same message';
	like $other->message_after($mark, ADMIN, match => qr/⚠️/)->{text} // '', qr/^⚠️ \S.*\.$/m, '… and why';
	my ($row) = store_rows($other->bot, "SELECT result, error FROM audit WHERE command = 'exec' AND result != 'asked'");
	is $row->{result}, 'failed', '… the audit has it as failed';
	$relay->mend;
	my ($titles, $processes) = @{ $engine->api(GET => '/containers/web/top') }{qw(Titles Processes)};
	ok +(grep { "@$_" =~ /sleep 72/ } @$processes), 'it goes on, as it says of others';
	ok wait_until(20, sub { $other->text('/exec web true', match => qr/Run this|answer/) =~ /Run this/ }), 'with the engine back all goes on';
	$other->end_ok('it ends in order');
};

subtest 'who may not, and when it is off' => sub {
	like $talk->text('/exec web true', as => OPERATOR), qr/you may not use \/exec: it needs the role admin/, 'an operator';
	like $talk->text('/help'), qr{/exec }, 'the help has it';
	ok wait_until(20, sub { grep { $_->{command} eq 'exec' } map { ref $_ ? @$_ : () } values %{ $talk->sim->state->{commands} } }), 'the menu too';
	my $waiting = $talk->ask('/exec web touch /bad');
	my $bot = $talk->bot;
	my $mark = $bot->log_mark;
	$bot->configure({ %{ $bot->{config} }, exec => { enabled => JSON::PP::false() } });
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, 20, $mark), 'turned off';
	like $talk->text('/exec web true'), qr{I do not know /exec}, 'it is unknown';
	unlike $talk->text('/help'), qr{/exec }, '… the help does not have it';
	like $talk->text('/help exec'), qr/there is no command/, '… nor tells of it';
	like $talk->press($waiting, 'Run it', silent => 1)->{callback}{text}, qr/no longer know/, '… a question that waited is void';
	ok wait_until(20, sub { !grep { $_->{command} eq 'exec' } map { ref $_ ? @$_ : () } values %{ $talk->sim->state->{commands} } }), '… and it left the menu';
};

$talk->end_ok('it ends in order');
done_testing;
