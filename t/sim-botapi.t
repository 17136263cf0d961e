# Runs sanitized, takes long.
# The Bot API simulator itself: it must refuse what the real server refuses, and notice what a careless bot does.
use strict;
use warnings;
use utf8;

use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::SHA qw(sha256_hex);
use HTTP::Tiny;
use IO::Select;
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

use FG::Sim;
use FG::Wire qw(connect_to put take);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
chdir "$FindBin::Bin/.." or die "cannot enter the project: $!";
my $library = $ENV{FLEETGRAM_TDJSON};
delete $ENV{FLEETGRAM_TDJSON};
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $sim = FG::Sim->start($library ? (tdjson => $library) : ());
my $http = HTTP::Tiny->new(timeout => 40);
my ($yes, $no) = (JSON::PP::true, JSON::PP::false);

# A call as JSON; the answer decoded, with the HTTP status beside it.
sub call {
	my ($method, $body, %o) = @_;
	my $server = $o{sim} // $sim;
	my $client = $o{timeout} ? HTTP::Tiny->new(timeout => $o{timeout}) : $http;
	my $r = $client->post($server->method_url($method),
		{ headers => { 'Content-Type' => 'application/json' }, content => $json->encode($body // {}) });
	my $answer = eval { $json->decode($r->{content}) };
	$answer = {} if ref $answer ne 'HASH';
	return { %$answer, status => $r->{status}, headers => $r->{headers}, content => $r->{content} };
}

sub refused {
	my ($method, $body, $code, $description, $name) = @_;
	my $r = call($method, $body);
	is("$r->{status} " . ($r->{description} // ''), "$code $description", $name // $description);
	is($r->{ok}, $no, '… and not ok') or diag $r->{content};
	return $r;
}

sub multipart {
	my ($method, $fields, %files) = @_;
	my $edge = 'edge-of-the-form';
	my $body = '';
	$body .= "--$edge\r\nContent-Disposition: form-data; name=\"$_\"\r\n\r\n$fields->{$_}\r\n" for sort keys %$fields;
	for my $name (sort keys %files) {
		my ($filename, $type, $content) = @{ $files{$name} };
		$body .= "--$edge\r\nContent-Disposition: form-data; name=\"$name\"; filename=\"$filename\"\r\n"
			. "Content-Type: $type\r\n\r\n$content\r\n";
	}
	my $r = $http->post($sim->method_url($method), {
		headers => { 'Content-Type' => "multipart/form-data; boundary=$edge" }, content => "$body--$edge--\r\n" });
	my $answer = eval { $json->decode($r->{content}) } // {};
	return { %$answer, status => $r->{status} };
}

# Runs code in a child; the returned sub waits for its result.
sub meanwhile {
	my ($code) = @_;
	pipe my $in, my $out or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid) {
		$http = HTTP::Tiny->new(timeout => 40);
		print {$out} $json->encode($code->());
		close $out;
		POSIX::_exit(0);
	}
	close $out;
	return sub { local $/; my $text = <$in>; waitpid $pid, 0; return $json->decode($text) };
}

# Waits until the control side's state is as asked.
sub until_state {
	my ($want) = @_;
	my $end = time + 20;
	while (time < $end) {
		return 1 if $want->($sim->state);
		$sim->get('calls', after => 2**52, wait_ms => 5);
	}
	return 0;
}

sub complaints_of {
	my ($kind) = @_;
	return grep { $_->{kind} eq $kind } @{ $sim->complaints };
}

# A test that leaves complaints it did not expect fails.
sub part {
	my ($name, $code) = @_;
	subtest $name => sub {
		$sim->reset;
		$sim->chat(chat => 1, first_name => 'Ann');
		$code->();
	};
}

part 'paths and tokens' => sub {
	my $me = $http->get($sim->url . '/bot' . $sim->token . '/GETME');
	my $user = $json->decode($me->{content})->{result};
	is $me->{status}, 200, 'a method in any case, by GET';
	is $user->{id}, 4242, 'the id is the one in the token';
	ok $user->{is_bot}, 'and it is a bot';
	is $http->get($sim->url . '/botnonsense/getMe')->{status}, 404, 'a malformed token';
	is $http->get($sim->url . '/bot12:/getMe')->{status}, 404, 'an empty secret';
	is scalar complaints_of('unauthorized'), 0, 'nothing to complain about yet';
	my $wrong = $http->get($sim->url . '/bot4242:other/getMe');
	is $wrong->{status}, 401, 'a wrong token';
	is $json->decode($wrong->{content})->{description}, 'Unauthorized', 'says so';
	my $end = time + 10;
	call('getMe') until complaints_of('unauthorized') || time > $end;
	ok scalar complaints_of('unauthorized'), 'going on after that is complained about';
	is call('sendNothing')->{status}, 404, 'no such method';
	is scalar complaints_of('method'), 1, '… is complained about';
	is $http->get($sim->url . '/sim/sayy')->{status}, 404, 'no such control path';
	is $http->post($sim->url . '/sim/fault', { content => '{"knd":"429"}',
		headers => { 'Content-Type' => 'application/json' } })->{status}, 400, 'a misspelt control key';
};

part 'bodies' => sub {
	my $url = $sim->method_url('sendMessage');
	my $text = sub { my ($m) = @{ $sim->messages(chat => 1) }[-1]; return $m->{text} };
	$http->get("$url?chat_id=1&text=by%20query");
	is $text->(), 'by query', 'the query string';
	$http->post_form($url, { chat_id => 1, text => 'by form', disable_notification => 'true' });
	is $text->(), 'by form', 'a form';
	multipart('sendMessage', { chat_id => 1, text => 'by parts', reply_markup => '{"inline_keyboard":[[{"text":"a","callback_data":"b"}]]}' });
	is $text->(), 'by parts', 'multipart';
	is_deeply [$sim->buttons($sim->messages(chat => 1)->[-1])], ['a'], 'an object as text';
	call('sendMessage', { chat_id => 1, text => "ünï 😀" });
	is $text->(), "ünï 😀", 'JSON in UTF-8';
	$http->post("$url?text=query", { headers => { 'Content-Type' => 'application/json' },
		content => '{"chat_id":1,"text":"body"}' });
	is $text->(), 'query', 'the query string wins';
	$http->post_form("$url?text=again", { chat_id => 1, text => 'form' });
	is $text->(), 'again', '… over a form, too';
	is scalar @{ $sim->complaints }, 0, 'none of this is wrong' or diag explain $sim->complaints;
	my $broken = $http->post($url, { headers => { 'Content-Type' => 'application/json' }, content => '{"chat_id":1,' });
	like $broken->{content}, qr/message text is empty/, 'broken JSON is no error of its own';
	is scalar complaints_of('body'), 1, '… but a complaint';
	my $raw = call('sendMessage', { chat_id => 1, text => "é😀" });
	like $raw->{content}, qr/\\u00e9\\ud83d\\ude00/, 'answers are ASCII, with surrogate pairs';
	$sim->chat(chat => -1001234567890123, title => 'Big');
	is call('sendMessage', { chat_id => -1001234567890123, text => 'x' })->{result}{chat}{id}, -1001234567890123,
		'ids keep all their digits';
};

part 'the table' => sub {
	my @bad = (
		['an unknown parameter', { chat_id => 1, text => 'a', txt => 'b' }, qr/^txt: unknown parameter/],
		['an unknown nested field', { chat_id => 1, text => 'a', reply_parameters => { message_idd => 3 } },
			qr/^reply_parameters\.message_idd: unknown field/],
		['a number as text', { chat_id => 1, text => 'a', message_thread_id => '7' }, qr/^message_thread_id: expected Integer/],
		['text for a boolean', { chat_id => 1, text => 'a', protect_content => 'true' }, qr/^protect_content: expected Boolean/],
		['a literal that is none', { chat_id => 1, text => 'a', parse_mode => 'BBcode' }, qr/^parse_mode: expected "HTML"/],
		['a button with a field too many', { chat_id => 1, text => 'a',
			reply_markup => { inline_keyboard => [[{ text => 'x', callback_data => 'y', colour => 'red' }]] } },
			qr/^reply_markup\.inline_keyboard\[0\]\[0\]\.colour: unknown field/],
		['a row that is no list', { chat_id => 1, text => 'a', reply_markup => { inline_keyboard => [{}] } },
			qr/^reply_markup\.inline_keyboard\[0\]: expected \[InlineKeyboardButton\]/],
	);
	for my $case (@bad) {
		my $before = @{ $sim->complaints };
		call('sendMessage', $case->[1]);
		my @now = grep { $_->{kind} eq 'params' } @{ $sim->complaints }[$before .. $#{ $sim->complaints }];
		is scalar @now, 1, $case->[0];
		like $now[0]{text}, $case->[2], '… told exactly';
	}
	call('sendChatAction', { chat_id => 1 });
	like +(complaints_of('params'))[-1]{text}, qr/^lacks action/, 'a required parameter';
	is call('sendMessage', { chat_id => 1, text => 'a', txt => 'b' })->{status}, 200, 'which is answered all the same';
	$sim->limits(strict => 1);
	is call('sendMessage', { chat_id => 1, text => 'a', txt => 'b' })->{status}, 400, 'unless strict';
	is call('setMyName', { name => 'x' })->{result}, $yes, 'what is only checked is answered with true';
};

part 'texts' => sub {
	refused('sendMessage', { chat_id => 1 }, 400, 'Bad Request: message text is empty');
	refused('sendMessage', { chat_id => 1, text => " \n " }, 400, 'Bad Request: text must be non-empty');
	is call('sendMessage', { chat_id => 1, text => 'x' x 4096 })->{status}, 200, '4096 fit';
	is call('sendMessage', { chat_id => 1, text => '😀' x 4096 })->{status}, 200, 'code points are counted';
	refused('sendMessage', { chat_id => 1, text => 'x' x 4097 }, 400, 'Bad Request: message is too long');
	is call('sendMessage', { chat_id => 1, text => '<b>' . '&lt;' x 4096 . '</b>', parse_mode => 'HTML' })->{status}, 200,
		'after parsing, not before';
	my $bad = $http->post_form($sim->method_url('sendMessage'), { chat_id => 1, text => "\xff" });
	my $raw = $http->get($sim->method_url('sendMessage') . '?chat_id=1&text=%ff%fe');
	like $raw->{content}, qr/strings must be encoded in UTF-8/, 'bytes that are no UTF-8';
	is call('sendMessage', { chat_id => 1, text => "  a\r\nb \n" })->{result}{text}, "a\nb", 'trimmed';
	refused('sendMessage', { chat_id => 5, text => 'a' }, 400, 'Bad Request: chat not found');
	refused('sendMessage', { chat_id => '', text => 'a' }, 400, 'Bad Request: chat_id is empty');
	refused('sendMessage', { chat_id => 1, text => 'a', reply_parameters => { message_id => 999 } }, 400,
		'Bad Request: message to be replied not found');
	refused('sendMessage', { chat_id => 1, text => 'a', message_thread_id => 9 }, 400,
		'Bad Request: message thread not found');
	is scalar complaints_of('limit'), 4, 'limits that were passed are complained about' or diag explain $sim->complaints;
};

# Each: what is sent, the plain text or the start of the error, the entities as type offset+length.
my @html = (
	['<b>bold</b> <i>it</i>', 'bold it', 'bold 0+4, italic 5+2'],
	['<strong>a</strong><em>b</em><s>c</s><u>d</u>', 'abcd', 'bold 0+1, italic 1+1, strikethrough 2+1, underline 3+1'],
	['<b>a<i>b</i></b>', 'ab', 'bold 0+2, italic 1+1'],
	['😀<code>x</code>', '😀x', 'code 2+1'],
	['<pre>x</pre>', 'x', 'pre 0+1'],
	['<pre><code class="language-sh">ls</code></pre>', 'ls', 'pre 0+2 sh'],
	['<a href="https://example.org/?a=1&amp;b=2">go</a>', 'go', 'text_link 0+2 https://example.org/?a=1&b=2'],
	['<blockquote expandable>q</blockquote>', 'q', 'expandable_blockquote 0+1'],
	['<tg-spoiler>s</tg-spoiler>', 's', 'spoiler 0+1'],
	['a &lt;b&gt; &amp; &quot;c&quot; &#65;&#x42;', 'a <b> & "c" AB', ''],
	['&nbsp;&copy;', '&nbsp;&copy;', ''],
	['a > b', 'a > b', ''],
	['  <b>x</b>  ', 'x', 'bold 0+1'],
	['a < b', "can't parse entities: Unsupported start tag \"\" at byte offset 2"],
	['<b>x', "can't parse entities: Can't find end tag corresponding to start tag \"b\""],
	['<b>x</i>', "can't parse entities: Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""],
	['x</b>', "can't parse entities: Unexpected end tag at byte offset 1"],
	['<p>x</p>', "can't parse entities: Unsupported start tag \"p\" at byte offset 0"],
	['<b', "can't parse entities: "],
);

sub check_html {
	my ($server, $who) = @_;
	$server->chat(chat => 1);
	for my $case (@html) {
		my ($html, $want, $entities) = @$case;
		my $r = call('sendMessage', { chat_id => 1, text => $html, parse_mode => 'HTML' }, sim => $server);
		if (!defined $entities) {
			is $r->{status}, 400, "$who refuses $html";
			like $r->{description}, qr/^Bad Request: \Q$want\E/, '… and says why';
			next;
		}
		is $r->{result}{text}, $want, "$who: $html" or diag $r->{content};
		is join(', ', map { join ' ', $_->{type}, "$_->{offset}+$_->{length}", grep { defined } @$_{qw(language url)} }
			@{ $r->{result}{entities} // [] }), $entities, '… and its entities';
	}
}

subtest 'HTML, read by the small reader' => sub {
	my $plain = FG::Sim->start;
	check_html($plain, 'the reader');
	is $plain->stop, 0, 'it ended well';
};

SKIP: {
	die 'FLEETGRAM_TDJSON must name the messenger\'s library in CI' if !$library && ($ENV{CI} // '') eq 'true';
	skip 'FLEETGRAM_TDJSON does not name the messenger\'s library', 1 unless $library;
	subtest 'HTML, read by the library' => sub { check_html($sim, 'the library') };
}

part 'edits' => sub {
	my $keys = { inline_keyboard => [[{ text => 'a', callback_data => 'a' }]] };
	my $id = call('sendMessage', { chat_id => 1, text => '<b>one</b>', parse_mode => 'HTML', reply_markup => $keys })->{result}{message_id};
	my $same = { chat_id => 1, message_id => $id, text => '<b>one</b>', parse_mode => 'HTML', reply_markup => $keys };
	like call('editMessageText', $same)->{description}, qr/^Bad Request: message is not modified: /, 'the same again';
	is call('editMessageText', { %$same, text => 'one' })->{status}, 200, 'another look is another text';
	delete $same->{reply_markup};
	is call('editMessageText', { %$same, text => 'one' })->{status}, 200, 'and no buttons are other buttons';
	my ($m) = @{ $sim->messages(chat => 1) };
	is $m->{edited_count}, 2, 'two edits';
	is $m->{reply_markup}, undef, 'the keyboard is gone';
	refused('editMessageText', { chat_id => 1, message_id => 77, text => 'x' }, 400, 'Bad Request: message to edit not found');
	refused('editMessageText', { %$same, text => 'x' x 4097 }, 400, 'Bad Request: MESSAGE_TOO_LONG');
	my $said = $sim->say(user => 1, text => 'mine');
	refused('editMessageText', { chat_id => 1, message_id => $said->{message_id}, text => 'x' }, 400,
		"Bad Request: message can't be edited");
	my $only = { chat_id => 1, message_id => $id, reply_markup => $keys };
	is call('editMessageReplyMarkup', $only)->{status}, 200, 'buttons come back';
	like call('editMessageReplyMarkup', $only)->{description}, qr/not modified/, 'once';
	is call('deleteMessage', { chat_id => 1, message_id => $id })->{result}, $yes, 'deleted';
	refused('deleteMessage', { chat_id => 1, message_id => $id }, 400, 'Bad Request: message to delete not found');
	is scalar @{ $sim->messages(chat => 1) }, 0, 'and seen no more';
};

part 'keyboards' => sub {
	my $with = sub { return { chat_id => 1, text => 'x', reply_markup => { inline_keyboard => $_[0] } } };
	my $button = sub { return { text => 'b', callback_data => $_[0] } };
	is call('sendMessage', $with->([[$button->('x' x 64)]]))->{status}, 200, '64 bytes of data';
	refused('sendMessage', $with->([[$button->('x' x 65)]]), 400, 'Bad Request: BUTTON_DATA_INVALID');
	refused('sendMessage', $with->([[$button->('é' x 33)]]), 400, 'Bad Request: BUTTON_DATA_INVALID', 'bytes, not characters');
	refused('sendMessage', $with->([[$button->('')]]), 400, 'Bad Request: BUTTON_DATA_INVALID', 'no data at all');
	is call('sendMessage', $with->([[map { $button->('x') } 1 .. 8]]))->{status}, 200, 'eight in a row';
	refused('sendMessage', $with->([[map { $button->('x') } 1 .. 9]]), 400, 'Bad Request: REPLY_MARKUP_TOO_LONG', 'nine are not');
	is call('sendMessage', $with->([map { [$button->('x')] } 1 .. 100]))->{status}, 200, 'a hundred buttons';
	refused('sendMessage', $with->([map { [$button->('x')] } 1 .. 101]), 400, 'Bad Request: REPLY_MARKUP_TOO_LONG', 'and no more');
	refused('sendMessage', $with->([map { [map { { text => 'a label ' x 4, callback_data => 'y' x 60 } } 1 .. 2] } 1 .. 49]), 400,
		'Bad Request: REPLY_MARKUP_TOO_LONG', 'nor too many bytes of them');
	like call('sendMessage', $with->([[{ text => 'x' }]]))->{description}, qr/Text buttons are unallowed/, 'a button without action';
	like call('sendMessage', $with->([[{ text => 'x', url => 'http://localhost:3000/' }]]))->{description}, qr/Wrong HTTP URL/,
		'a link that clients would not open';
	is call('sendMessage', $with->([[{ text => 'x', url => 'https://example.org/' }]]))->{status}, 200, 'one that they would';
};

part 'presses' => sub {
	my $sent = call('sendMessage', { chat_id => 1, text => 'sure?', reply_markup =>
		{ inline_keyboard => [[{ text => 'Yes', callback_data => 'y' }], [{ text => 'Cancel', callback_data => 'n' }]] } })->{result};
	my $pressed = $sim->press(user => 1, chat => 1, message => $sent->{message_id}, button => 'Cancel');
	is $pressed->{data}, 'n', 'the label finds the data';
	my $update = call('getUpdates', { timeout => 5 })->{result}[0]{callback_query};
	is $update->{id}, $pressed->{callback_id}, 'the bot is told';
	is $update->{message}{message_id}, $sent->{message_id}, 'of which message';
	ok !eval { $sim->press(user => 1, message => $sent->{message_id}, button => 'Maybe') }, 'no such button';
	like $@, qr/400/, '… is refused';
	ok $sim->press(user => 2, chat => 1, message => $sent->{message_id}, button => qr/^Y/), 'another person, and a pattern';
	refused('answerCallbackQuery', { callback_query_id => $update->{id}, text => 'x' x 201 }, 400, 'Bad Request: MESSAGE_TOO_LONG');
	is call('answerCallbackQuery', { callback_query_id => $update->{id}, text => 'ok' })->{result}, $yes, 'answered';
	refused('answerCallbackQuery', { callback_query_id => $_ }, 400,
		'Bad Request: query is too old and response timeout expired or query ID is invalid', "press $_") for $update->{id}, '17';
	is $sim->wait_callback($update->{id})->{text}, 'ok', 'what the person reads';
	is scalar complaints_of('callback'), 0, 'the other one has time yet';
	$sim->limits(callback_ms => 0);
	my @late = complaints_of('callback');
	is scalar @late, 1, 'and then has not';
	like $late[0]{text}, qr/^unanswered callback/, '… which is told';
	$sim->limits(callback_ttl_ms => -1000);
	my ($open) = grep { !$_->{answered} } @{ $sim->callbacks };
	like call('answerCallbackQuery', { callback_query_id => $open->{id} })->{description}, qr/too old/, 'and is too late';
};

part 'updates' => sub {
	my @ids = map { $sim->say(user => 1, text => "/n$_")->{update_id} } 1 .. 5;
	my $got = sub { return [map { $_->{update_id} } @{ call('getUpdates', { @_ })->{result} }] };
	is_deeply $got->(), \@ids, 'all that wait';
	is_deeply $got->(limit => 2), [@ids[0, 1]], 'a limit';
	is_deeply $got->(offset => $ids[2]), [@ids[2 .. 4]], 'an offset confirms what is below it';
	is_deeply $got->(offset => 0), [@ids[2 .. 4]], 'zero confirms nothing';
	is $sim->state->{confirmed_offset}, $ids[2], 'the state knows';
	is_deeply $got->(offset => $ids[4] + 50), [@ids[2 .. 4]], 'an offset far ahead brings everything again';
	is_deeply $got->(offset => -1), [$ids[4]], 'minus one keeps the last';
	is_deeply $got->(offset => $ids[2], limit => 0), [$ids[4]], 'the others are gone; a limit of zero is one';
	is $sim->state->{pending_count}, 1, 'one is left';

	my $poll = meanwhile(sub { return call('getUpdates', { offset => $ids[4] + 1, timeout => 50 }) });
	ok until_state(sub { $_[0]{polling} }), 'a long poll waits';
	my $next = $sim->say(user => 1, text => '/wake')->{update_id};
	is $poll->()->{result}[0]{update_id}, $next, 'and wakes';

	call('getUpdates', { offset => $next + 1, timeout => 1, allowed_updates => ['callback_query'] });
	is $sim->say(user => 1, text => 'unseen')->{update_id}, 0, 'what is not allowed is not queued';
	is $sim->state->{pending_count}, 0, '… at all';
	call('getUpdates', { allowed_updates => ['mesage'], timeout => 0 });
	like +(complaints_of('params'))[0]{text}, qr/no update is called mesage/, 'a misspelt kind';
};

part 'two polls' => sub {
	my $first = meanwhile(sub { return call('getUpdates', { timeout => 50 }) });
	ok until_state(sub { $_[0]{polling} }), 'one polls';
	my $second = meanwhile(sub { return call('getUpdates', { timeout => 50 }) });
	my $loser = $first->();
	is $loser->{status}, 409, 'the older one loses';
	like $loser->{description}, qr/^Conflict: terminated by other getUpdates request/, '… and is told';
	my $id = $sim->say(user => 1, text => 'x')->{update_id};
	is $second->()->{result}[0]{update_id}, $id, 'the newer one goes on';
	call('setWebhook', { url => 'https://example.org/' });
	like call('getUpdates')->{description}, qr/^Conflict: can't use getUpdates method while webhook is active/, 'a webhook';
	is call('getWebhookInfo')->{result}{url}, 'https://example.org/', '… is told';
	call('deleteWebhook', { drop_pending_updates => $yes });
	is_deeply call('getUpdates', { offset => -1 })->{result}, [], 'and goes, with what waited';
};

part 'what people say' => sub {
	my $heard = sub { my $r = call('getUpdates', { offset => -1 })->{result}[0]; delete $r->{update_id}; return (%$r) };
	$sim->say(user => { id => 5000000001, first_name => 'Zoë' }, chat => { id => -1009, type => 'supergroup', title => 'Ops', is_forum => $yes },
		thread => 7, text => '/list@sim_bot é /x', date => 1000);
	my ($kind, $m) = $heard->();
	is $kind, 'message', 'a message';
	is $m->{from}{id}, 5000000001, 'a large id';
	is $m->{date}, 1000, 'a date of choice';
	is $m->{message_thread_id}, 7, 'in a topic';
	is_deeply [map { "$_->{offset}+$_->{length}" } @{ $m->{entities} }], ['0+13', '16+2'], 'commands are marked';
	is call('sendMessage', { chat_id => -1009, text => 'a', message_thread_id => 7 })->{status}, 200, 'the topic exists now';
	$sim->say(user => 1, text => 'a/b //c /d/');
	($kind, $m) = $heard->();
	is $m->{entities}, undef, 'what only looks like a command';
	my $said = $sim->say(user => 1, text => 'one');
	$sim->say(user => 1, text => '/two', edited => 1, message_id => $said->{message_id});
	($kind, $m) = $heard->();
	is "$kind $m->{message_id} $m->{text}", "edited_message $said->{message_id} /two", 'an edit';
	$sim->say(user => 1, chat => -1009, sender_chat => { id => -1009, type => 'supergroup' }, text => '/stop');
	($kind, $m) = $heard->();
	is $m->{from}{username}, 'GroupAnonymousBot', 'an anonymous admin';
	$sim->say(user => 1, chat => { id => -1010, type => 'channel', title => 'News' }, text => '/stop');
	($kind, $m) = $heard->();
	is "$kind " . ($m->{from} // 'nobody'), 'channel_post nobody', 'a channel post';
	$sim->limits(privacy => 1);
	is $sim->say(user => 1, chat => -1009, text => 'hello')->{update_id}, 0, 'privacy mode hides talk';
	ok $sim->say(user => 1, chat => -1009, text => '/hello')->{update_id}, '… but no commands';
	my $raw = $sim->update(my_chat_member => { chat => { id => 1, type => 'private' } });
	is +(call('getUpdates', { offset => -1 })->{result}[0]{update_id}), $raw->{update_id}, 'a raw update';
};

part 'chats that refuse' => sub {
	$sim->chat(chat => -5, type => 'group');
	my $send = { chat_id => 1, text => 'x' };
	my $group = { chat_id => -5, text => 'x' };
	$sim->chat(chat => 1, state => 'blocked');
	refused('sendMessage', $send, 403, 'Forbidden: bot was blocked by the user');
	refused('sendChatAction', { chat_id => 1, action => 'typing' }, 403, 'Forbidden: bot was blocked by the user', 'an action, too');
	$sim->chat(chat => 1, state => 'ok');
	is call('sendMessage', $send)->{status}, 200, 'and is forgiven';
	$sim->chat(chat => -5, state => 'kicked');
	refused('sendMessage', $group, 403, 'Forbidden: bot was kicked from the group chat');
	$sim->chat(chat => -5, state => 'gone');
	refused('sendMessage', $group, 400, 'Bad Request: chat not found');
	$sim->chat(chat => -5, state => 'migrated', migrate_to => -1005);
	my $moved = refused('sendMessage', $group, 400, 'Bad Request: group chat was upgraded to a supergroup chat');
	is $moved->{parameters}{migrate_to_chat_id}, -1005, '… with where to';
	is call('sendMessage', { chat_id => -1005, text => 'x' })->{status}, 200, 'which exists';
};

part 'files' => sub {
	my $content = join '', map { chr($_ % 256) } 0 .. 5000;
	my $r = multipart('sendDocument', { chat_id => 1, caption => '<b>log</b>', parse_mode => 'HTML' },
		document => ['a log.txt', 'text/plain', $content]);
	is $r->{status}, 200, 'a document';
	is $r->{result}{document}{file_size}, length $content, 'of that size';
	my ($m) = @{ $sim->messages(chat => 1) };
	is "$m->{document}{file_name} $m->{text}", 'a log.txt log', 'with name and caption';
	ok $sim->content($m) eq $content, 'byte for byte';
	my $path = call('getFile', { file_id => $r->{result}{document}{file_id} })->{result}{file_path};
	ok $http->get($sim->url . '/file/bot' . $sim->token . "/$path")->{content} eq $content, 'and so for the bot';
	is call('sendDocument', { chat_id => 1, document => $r->{result}{document}{file_id} })->{status}, 200, 'sent again by its id';
	my ($call) = @{ $sim->calls(method => 'sendDocument') };
	is_deeply $call->{params}{document}, { file_name => 'a log.txt', size => length $content, content_type => 'text/plain' },
		'the call knows the file';
	like multipart('sendDocument', { chat_id => 1 }, document => ['e', 'text/plain', ''])->{description}, qr/file must be non-empty/, 'an empty one';
	like call('sendDocument', { chat_id => 1 })->{description}, qr/there is no document in the request/, 'none';
	like multipart('sendDocument', { chat_id => 1, caption => 'x' x 1025 }, document => ['e', 'text/plain', 'e'])->{description},
		qr/caption is too long/, 'too long a caption';
	my $png = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR" . pack('NN', 640, 480) . "\x08\x02\0\0\0";
	is multipart('sendPhoto', { chat_id => 1 }, photo => ['c.png', 'image/png', $png])->{result}{photo}[0]{width}, 640, 'a picture';
	like multipart('sendPhoto', { chat_id => 1 }, photo => ['c.png', 'image/png', 'nothing of the sort'])->{description},
		qr/IMAGE_PROCESS_FAILED/, 'something else';
	my $wide = $png =~ s/IHDR.{8}/'IHDR' . pack('NN', 2100, 100)/ser;
	like multipart('sendPhoto', { chat_id => 1 }, photo => ['c.png', 'image/png', $wide])->{description},
		qr/PHOTO_INVALID_DIMENSIONS/, 'too wide a picture';
};

part 'a large file' => sub {
	my $content = 'fifty megabytes ' x (50 << 16);
	my $r = multipart('sendDocument', { chat_id => 1 }, document => ['big', 'application/octet-stream', $content]);
	is $r->{status}, 200, '50 MB go';
	my ($m) = @{ $sim->messages(chat => 1) };
	is sha256_hex($sim->content($m)), sha256_hex($content), 'and are kept';
	my $more = multipart('sendDocument', { chat_id => 1 }, document => ['big', 'application/octet-stream', $content . 'x']);
	is $more->{status}, 400, 'one byte more does not';
	is multipart('sendDocument', { chat_id => 1 }, document => ['big', 'a/b', $content x 1.2 . $content])->{status}, 413,
		'twice as much is not even read';
};

part 'commands' => sub {
	my $list = [{ command => 'list', description => 'Shows them' }];
	is call('setMyCommands', { commands => $list })->{result}, $yes, 'set';
	is_deeply call('getMyCommands')->{result}, $list, 'got';
	call('setMyCommands', { commands => [{ command => 'x', description => 'y' }], scope => { type => 'all_group_chats' } });
	is_deeply call('getMyCommands')->{result}, $list, 'scopes are apart';
	is scalar keys %{ $sim->state->{commands} }, 2, 'the state shows both';
	refused('setMyCommands', { commands => [{ command => $_, description => 'x' }] }, 400, 'Bad Request: BOT_COMMAND_INVALID',
		"a command called '$_'") for 'List', 'a b', '', 'x' x 33, 'é';
	refused('setMyCommands', { commands => [{ command => 'a', description => $_ }] }, 400,
		'Bad Request: BOT_COMMAND_DESCRIPTION_INVALID') for '', 'x' x 257;
	refused('setMyCommands', { commands => [map { { command => "c$_", description => 'x' } } 1 .. 101] }, 400,
		'Bad Request: BOT_COMMANDS_TOO_MUCH');
	call('deleteMyCommands');
	is_deeply call('getMyCommands')->{result}, [], 'deleted';
};

part 'faults' => sub {
	my $send = { chat_id => 1, text => 'x' };
	my $count = sub { return scalar @{ $sim->messages(chat => 1) } };
	my $expect = 0;
	for my $case (['reset', 599, 0], ['reset_after', 599, 1], ['hang', 599, 0], ['hang_after', 599, 1], ['html502', 502, 0],
		['garbage', 200, 0], ['empty', 200, 0], ['truncate', 599, 1], ['slow', 200, 1, delay_ms => 30], ['error', 500, 0]) {
		my ($kind, $status, $effect, %more) = @$case;
		$sim->fault(method => 'sendMessage', kind => $kind, %more);
		my $r = call('sendMessage', $send, timeout => $kind =~ /^hang/ ? 0.5 : 20);
		is $r->{status}, $status, $kind;
		$expect += $effect;
		is $count->(), $expect, $effect ? '… and it was sent' : '… and it was not';
		is $sim->calls->[-1]{fault}, $kind, '… as written down';
	}
	like call('sendMessage', $send)->{content}, qr/^\{"ok":true/, 'once each';
	$sim->fault(method => 'sendMessage', chat => 7, kind => 'error', count => -1, code => 403, description => 'Forbidden: no');
	is call('sendMessage', $send)->{status}, 200, 'another chat is spared';
	is call('sendMessage', { chat_id => 7, text => 'x' })->{description}, 'Forbidden: no', 'that chat is not' for 1 .. 3;
	$sim->clear_faults;
	like call('sendMessage', { chat_id => 7, text => 'x' })->{description}, qr/chat not found/, 'until faults are cleared';
	$sim->fault(method => '!getUpdates', kind => 'html502', count => 2);
	is call('getUpdates')->{status}, 200, 'a pattern that leaves polls alone';
	like call('getMe')->{content}, qr/nginx/, '… and nothing else';
	$sim->fault(method => 'get*', kind => 'error', effect => 0, code => 502);
	is scalar complaints_of('params'), 0, 'no complaints';
	ok !eval { $sim->fault(kind => 'earthquake') }, 'no such fault';
};

part 'retry_after' => sub {
	$sim->fault(method => 'sendMessage', kind => '429', retry_after => 30);
	my $r = call('sendMessage', { chat_id => 1, text => 'x' });
	is $r->{status}, 429, 'too many';
	is $r->{parameters}{retry_after}, 30, 'how long';
	is $r->{headers}{'retry-after'}, 30, 'also as a header';
	is $r->{description}, 'Too Many Requests: retry after 30', 'and in words';
	$sim->chat(chat => 2);
	is call('sendMessage', { chat_id => 2, text => 'x' })->{status}, 200, 'another chat need not wait';
	is scalar complaints_of('retry'), 0, 'nothing wrong so far';
	is call('sendMessage', { chat_id => 1, text => 'x' })->{status}, 429, 'the same one must';
	is scalar complaints_of('retry'), 1, 'a retry too early is complained about';
	# Two at once, as of a bot that answers two buttons: both are on their way before either is refused.
	$sim->fault(method => 'answerCallbackQuery', kind => '429', retry_after => 30);
	my @both = map {
		my $socket = connect_to($sim->url =~ s{^http://}{}r);
		put($socket, "GET /bot@{[ $sim->token ]}/answerCallbackQuery?callback_query_id=$_ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
		$socket;
	} 1, 2;
	like take($_, 20), qr/^HTTP\S+ 429/, 'both are refused' for @both;
	is scalar complaints_of('retry'), 1, 'the other one is no offence';
	is call('answerCallbackQuery', { callback_query_id => '1' })->{status}, 429, 'the first one again';
	is scalar complaints_of('retry'), 2, 'is one';
	$sim->clear_faults;
	is call('sendMessage', { chat_id => 1, text => 'x' })->{status}, 200, 'clearing ends that';
	$sim->fault(method => 'getMe', kind => 'error', code => 401);
	is call('getMe')->{description}, 'Unauthorized', 'a token revoked';
};

part 'limits' => sub {
	$sim->chat(chat => -3, type => 'group');
	$sim->limits(chat_per_second => 0.01, chat_burst => 2, strict => 1);
	is call('sendMessage', { chat_id => 1, text => 'x' })->{status}, 200, 'within the burst' for 1, 2;
	my $r = call('sendMessage', { chat_id => 1, text => 'x' });
	is $r->{status}, 429, 'and beyond';
	cmp_ok $r->{parameters}{retry_after}, '>', 90, 'with the time it takes';
	is scalar complaints_of('flood'), 1, 'when strict, a complaint';
	is call('sendMessage', { chat_id => -3, text => 'x' })->{status}, 200, 'chats count by themselves';
	is call('getMe')->{status}, 200, 'and only sends do';
	$sim->reset;
	$sim->chat(chat => -3, type => 'group');
	$sim->limits(group_per_minute => 3);
	is call('sendMessage', { chat_id => -3, text => 'x' })->{status}, 200, 'a group\'s minute' for 1 .. 3;
	is call('editMessageText', { chat_id => -3, message_id => 1, text => 'y' })->{status}, 429, '… counts edits';
	is scalar complaints_of('flood'), 0, 'no complaint unless strict';
	$sim->reset;
	$sim->chat(chat => $_) for 1 .. 200;
	$sim->limits(global_per_second => 5);
	my @codes = map { call('sendMessage', { chat_id => $_, text => 'x' })->{status} } 1 .. 200;
	ok scalar(grep { $_ == 429 } @codes), 'all chats together have a limit';
	is "@codes[0 .. 4]", '200 200 200 200 200', '… that lets so many pass';
};

part 'waiting' => sub {
	is $sim->wait_call(method => 'getMe', timeout => 0.05), undef, 'nothing comes';
	my $bot = meanwhile(sub {
		my $offset = 0;
		while (1) {
			for my $u (@{ call('getUpdates', { offset => $offset, timeout => 20 })->{result} }) {
				$offset = $u->{update_id} + 1;
				return 'done' if $u->{message}{text} eq 'stop';
				my $sent = call('sendMessage', { chat_id => $u->{message}{chat}{id}, text => 'working' })->{result};
				call('editMessageText', { chat_id => 1, message_id => $sent->{message_id}, text => "echo $u->{message}{text}" });
			}
		}
	});
	is $sim->ask(user => 1, text => 'one', match => qr/^echo/)->{text}, 'echo one', 'ask, until an edit fits';
	like $sim->ask(user => 1, text => 'two')->{text}, qr/^(working|echo two)$/, 'ask, for the first';
	my $seq = $sim->last_seq;
	is $sim->wait_message(chat => 1, match => sub { $_->{text} eq 'echo two' })->{edited_count}, 1, 'wait for a message';
	is $sim->wait_call(method => 'editMessageText', match => qr/two/)->{code}, 200, 'wait for a call';
	is $sim->wait_message(chat => 1, match => qr/three/, timeout => 0.05), undef, 'a message that does not come';
	is scalar @{ $sim->messages(chat => 1, by => 'all') }, 4, 'everybody\'s messages';
	ok scalar @{ $sim->calls(method => 'getUpdates') }, 'polls are listed when asked for';
	is scalar(grep { $_->{method} eq 'getUpdates' } @{ $sim->calls }), 0, '… and only then';
	$sim->say(user => 1, text => 'stop');
	is $bot->(), 'done', 'the bot was a real one';
	is scalar @{ $sim->complaints }, 0, 'and a good one' or diag explain $sim->complaints;
};

part 'topics' => sub {
	$sim->chat(chat => -1007, is_forum => 1, threads => [11]);
	is call('sendMessage', { chat_id => -1007, text => 'a', message_thread_id => 11 })->{result}{is_topic_message}, $yes, 'a topic';
	my $made = call('createForumTopic', { chat_id => -1007, name => 'new' })->{result}{message_thread_id};
	is call('sendMessage', { chat_id => -1007, text => 'a', message_thread_id => $made })->{status}, 200, 'a new one';
	call('deleteForumTopic', { chat_id => -1007, message_thread_id => $made });
	refused('sendMessage', { chat_id => -1007, text => 'a', message_thread_id => $made }, 400, 'Bad Request: message thread not found');
	is $sim->wait_message(chat => -1007, thread => 11)->{thread}, 11, 'the topic is told';
};

my $poll = meanwhile(sub { return call('getUpdates', { timeout => 50 }) });
ok until_state(sub { $_[0]{polling} }), 'a poll still waits';
is $sim->stop, 0, 'it ends cleanly';
is $poll->()->{status}, 599, 'the poll is dropped';

my $other = FG::Sim->start;
close $other->{in};
my $end = IO::Select->new($other->{out});
ok $end->can_read(20) && !sysread($other->{out}, my $rest, 1), 'the end of its input ends it, too';
is $other->stop, 0, 'as cleanly';

my $both = FG::Sim->start;
close $both->{in};
is $both->stop, 0, 'both at once';
done_testing;
