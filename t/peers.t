# Runs once, takes long.
# Others' ideas of the Bot API: the bot against two servers that others wrote, and others' bots against the simulator.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use HTTP::Tiny;
use IO::Select;
use IPC::Open3 qw(open3);
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Scene qw(start_sim patient);
use FG::Util qw(wait_until free_port in_ci json_encode json_decode kill_and_reap);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

use constant { ANN => 1001, TOKEN => '4242:peers_token-ABCDEFGHIJKLMNOPQRSTU' };

my $packages = "$FindBin::Bin/../build/npm";
my $http = HTTP::Tiny->new(timeout => 15);

sub runs { my (@command) = @_; return system("@command >/dev/null 2>&1") == 0 }

# Why a peer cannot take part, '' when it can.
sub without_npm {
	my ($package) = @_;
	return 'no node here' unless runs(qw(node --version));
	return -e "$packages/node_modules/$package/package.json" ? '' : "no npm package $package in build/npm: config/setup --test";
}

# A subtest that is skipped, or in CI fails, when something is missing.
sub with_peer {
	my ($name, $missing, $code) = @_;
	return subtest $name => sub {
		if ($missing && in_ci()) { return fail $missing }
		plan skip_all => $missing if $missing;
		$code->();
		return;
	};
}

# A program that ends when its input does: {pid, in, out}; next_line waits for its next line.
sub spawn {
	my (@command) = @_;
	my $pid = open3(my $in, my $out, '>&STDERR', 'setpriv', '--pdeathsig', 'KILL', @command);
	return { pid => $pid, in => $in, out => $out, text => '' };
}

sub next_line {
	my ($peer) = @_;
	my $ready = IO::Select->new($peer->{out});
	my $end;
	while (($end = index $peer->{text}, "\n") < 0) {
		return undef unless $ready->can_read(patient(20)) && sysread $peer->{out}, $peer->{text}, 4096, length $peer->{text};
	}
	return substr $peer->{text}, 0, $end + 1, '';
}

sub end { my ($peer) = @_; close $peer->{in}; return kill_and_reap($peer->{pid}, 'TERM', 10) }

sub listening { my ($peer) = @_; my $line = next_line($peer) // ''; return $line =~ m{^listening on (\S+)} ? $1 : die "no peer: $line\n" }

sub call {
	my ($url, %body) = @_;
	my $answer = $http->post($url, { headers => { 'Content-Type' => 'application/json' }, content => json_encode(\%body) });
	return $answer->{success} ? json_decode($answer->{content}) : die "$url: $answer->{status} $answer->{content}\n";
}

# The bot at a peer's address; no engine is needed for what is asked here.
sub start_bot {
	my ($url) = @_;
	my $bot = FG::Bot->start(config => {
		telegram => { token => TOKEN, api_url => $url, poll_timeout => '2s', rate => { global_per_second => 1000, chat_per_second => 1000 } },
		users => [{ id => ANN, name => 'ann', role => 'admin' }],
		hosts => { local => { url => 'unix:///nothing/here.sock' } },
		notify => { startup_delay => '1h' },
	});
	return $bot->wait_ready;
}

# telegram-test-api 4.2. It holds no long polls (the bot has to slow down by itself) and never looks at offset; dates of the bot's
# messages are in milliseconds; edits are answered with null; menus, chat actions, documents and everything else that it does not
# know with status 500 and a JSON without "ok", which the bot takes for an outage and asks
# again, so no document is asked for here; it takes any HTML, and knows no limits. What the bot edits is only seen in its
# history, where keys of the request are merged over the message.
with_peer 'telegram-test-api' => without_npm('telegram-test-api'), sub {
	my $peer = spawn('node', "$FindBin::Bin/peers/test-api.cjs", $packages, free_port());
	my $url = listening($peer);
	my $bot = start_bot($url);
	my %from = (from => { id => ANN, first_name => 'Ann', is_bot => JSON::PP::false() }, chat => { id => ANN, type => 'private', first_name => 'Ann' });
	my %meta = (botToken => TOKEN, date => time);

	# The bot's messages that it has, the newest last.
	my $history = sub { return grep { defined $_->{message}{chat_id} } @{ call("$url/getUpdatesHistory", token => TOKEN)->{result} } };
	my $wait = sub {
		my ($pattern) = @_;
		my $found;
		wait_until(patient(15), sub { ($found) = grep { ($_->{message}{text} // '') =~ $pattern } $history->() });
		return $found // { message => { text => '(none)' } };
	};
	my $say = sub {
		my ($text) = @_;
		my ($word) = $text =~ /^(\S+)/;
		call("$url/sendCommand", %meta, %from, text => $text, entities => [{ type => 'bot_command', offset => 0, length => length $word }]);
	};

	$say->('/start');
	my $hello = $wait->(qr/Hello, .*ann/);
	like $hello->{message}{text}, qr/Hello, .*ann/, 'a command is answered';
	is $hello->{message}{parse_mode}, 'HTML', '… in HTML';
	my ($button) = grep { $_->{text} =~ /Help/ } map {@$_} @{ $hello->{message}{reply_markup}{inline_keyboard} // [] };
	ok $button, '… with buttons';
	my $mine = { %from, message_id => $hello->{messageId}, date => time };
	call("$url/sendCallback", %meta, from => $from{from}, message => $mine, data => $button->{callback_data});
	like $wait->(qr{^<b>In general</b>})->{message}{text}, qr{/list}, 'a button works';
	$say->("/help whoami");
	like $wait->(qr{<b>/whoami</b>})->{message}{text}, qr/what you may do/, 'and so does what comes next';
	$say->('/version');
	like $wait->(qr/Fleetgram \d/)->{message}{text}, qr/local/, '… though the menu of commands was refused';
	is scalar(grep { ($_->{message}{text} // '') =~ /Hello, .*ann/ } $history->()), 1, 'nothing was said twice';
	$bot->stop_ok('the bot ends in order');
	end($peer);
};

# @bonkers-agency/grammy-test 0.1. It has no HTTP: t/peers/grammy-front.mjs is its front, with its own queue for long polls. It
# parses HTML leniently, refuses texts that are too long, unknown chats and messages; an edit without a keyboard keeps the old
# one; methods that it does not know are answered with true; a document keeps neither its name nor its content.
with_peer 'grammy-test' => without_npm('@bonkers-agency/grammy-test'), sub {
	my $peer = spawn('node', "$FindBin::Bin/peers/grammy-front.mjs", $packages, TOKEN);
	my $url = listening($peer);
	my $bot = start_bot($url);

	my $wait = sub {
		my ($method, $pattern) = @_;
		my $found;
		wait_until(patient(15), sub {
			($found) = grep { $_->{method} eq $method && ($_->{payload}{text} // $_->{payload}{caption} // '') =~ $pattern } @{ call("$url/calls") };
		});
		return $found // {};
	};
	call("$url/say", user => ANN, text => '/start');
	my $hello = $wait->(sendMessage => qr/Hello, .*ann/)->{result};
	like $hello->{text}, qr/Hello, .*ann/, 'a command is answered';
	my ($button) = grep { $_->{text} =~ /Help/ } map {@$_} @{ $hello->{reply_markup}{inline_keyboard} // [] };
	ok $button, '… with buttons';
	call("$url/press", user => ANN, message_id => $hello->{message_id}, data => $button->{callback_data});
	my $help = $wait->(sendMessage => qr/In general/)->{result} // {};
	like $help->{text}, qr{^In general\n/help}, 'a button works';
	is +($help->{entities} // [])->[0]{type}, 'bold', '… and it reads our HTML as we mean it';
	ok $wait->(answerCallbackQuery => qr//)->{result}, '… and the press is answered';
	call("$url/say", user => ANN, text => '/health');
	my $health = $wait->(sendMessage => qr/fleetgram/)->{result};
	my ($again) = grep { $_->{text} =~ /↻/ } map {@$_} @{ $health->{reply_markup}{inline_keyboard} // [] };
	call("$url/press", user => ANN, message_id => $health->{message_id}, data => $again->{callback_data});
	is $wait->(editMessageText => qr/fleetgram/)->{result}{message_id}, $health->{message_id}, 'a message is edited';
	like call("$url/message", user => ANN, message_id => $health->{message_id})->{text}, qr/fleetgram/, '… and stands so in the chat';
	call("$url/say", user => ANN, text => '/backup');
	my $file = $wait->(sendDocument => qr/registry/);
	like +($file->{payload}{document} // {})->{text}, qr/"instances"/, 'a document arrives';
	is_deeply [map {"$_->{method}: $_->{error}{description}"} grep { $_->{error} } @{ call("$url/calls") }], [], 'it refused nothing';
	my @menus = grep { $_->{method} eq 'setMyCommands' } @{ call("$url/calls") };
	ok scalar(@menus), 'the menu of commands is set';
	$bot->stop_ok('the bot ends in order');
	end($peer);
};

# What a bot of others' making does with the simulator: the same for each library. Complaints that are like QUIRK do not count.
sub client {
	my ($quirk, @command) = @_;
	my $sim = start_sim();
	$sim->chat(chat => ANN, first_name => 'Ann');
	my $peer = spawn(@command, $sim->token, $sim->url);
	my $told = sub { my $line = next_line($peer); return $line ? json_decode($line) : { step => 'nothing' } };
	my $say = sub { my ($text) = @_; return $sim->say(user => ANN, text => $text) };

	my $complaints = sub { return [map {"$_->{kind}, $_->{method}: $_->{text}"} grep { $_->{text} !~ $quirk } @{ $sim->complaints }] };

	my $me = $told->();
	is "$me->{step} $me->{id}", 'me 4242', 'getMe' or return diag explain $me;
	my $hello = $sim->ask(user => ANN, text => 'hello');
	is $hello->{text}, 'Hello <you>', 'a message is received by polling, and answered in HTML';
	is_deeply [$sim->buttons($hello)], ['Go'], '… with a keyboard';
	my $pressed = $sim->press(user => ANN, message => $hello, button => 'Go');
	my $callback = $sim->wait_callback($pressed->{callback_id});
	is $callback->{text}, 'Gone', 'a press is received and answered';
	my $edited = $sim->wait_message(chat => ANN, match => qr/^Gone$/);
	is $edited->{message_id}, $hello->{message_id}, '… and the message edited';
	is_deeply [$sim->buttons($edited)], [], '… which takes its keyboard away';
	my $file = $sim->ask(user => ANN, text => 'document');
	is $file->{document}{file_name}, 'note.txt', 'a document is sent' or diag explain $file;
	is $sim->content($file), "one\ntwo\n", '… with its content';
	is_deeply $complaints->(), [], 'the simulator has nothing to complain about';

	$say->('bad');
	my $bad = $told->();
	is $bad->{step}, 'bad', 'bad HTML is an error of its kind' or diag explain $bad;
	like $bad->{text}, qr/can't parse entities/i, '… with the reason';
	my $after = $complaints->();
	is scalar @$after, 1, '… and the simulator complains' or diag explain $after;
	like $after->[0], qr/parse entities/, '… of that';

	$sim->fault(method => 'sendMessage', kind => 429, retry_after => 7, count => 1);
	$say->('flood');
	my $flood = $told->();
	is "$flood->{step} " . int($flood->{retry_after} // 0), 'flood 7', 'too many requests is another, with the time to wait' or diag explain $flood;
	is_deeply $complaints->(), $after, '… of which it does not complain';
	end($peer);
	$sim->stop;
	return ($bad, $flood);
}

with_peer 'grammY' => without_npm('grammy'), sub {
	my ($bad, $flood) = client(qr/^\z/, 'node', "$FindBin::Bin/peers/grammy-bot.cjs", $packages);
	is "$bad->{type} $bad->{code}", 'GrammyError 400', 'as the library has it';
	is "$flood->{type} $flood->{code}", 'GrammyError 429', '… both';
};

# It puts numbers into quotes, which Telegram takes and the simulator wants nobody to rely on.
# Debian's Python has Debian's modules, whatever other comes first.
my ($python) = grep { runs($_, '-c', q('import telegram.ext')) } qw(/usr/bin/python3 python3);
with_peer 'python-telegram-bot' => $python ? '' : 'no python3-python-telegram-bot here', sub {
	local $ENV{PYTHONWARNINGS} = 'ignore';
	my ($bad, $flood) = client(qr/^\w+: expected Integer\z/, $python, "$FindBin::Bin/peers/ptb-bot.py");
	is "$bad->{type} $flood->{type}", 'BadRequest RetryAfter', 'as the library has it';
};

done_testing;
