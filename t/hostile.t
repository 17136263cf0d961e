# Runs sanitized, takes long: Bytes that mean harm: in names, labels, images and logs of containers, and in the updates that come from Telegram. They arrive
# readable and harmless; nobody unknown is answered by accident, and memory stays bounded.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Scene qw(OPERATOR STRANGER start_sim quick_config store_rows wait_rows wait_settled no_complaints need_sqlite patient texts);
use FG::Sim;
use FG::Util qw(wait_until slurp json_decode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
need_sqlite();

my $growth_kib = 24 * 1024;	# how much more memory all of this may leave in use; release build only
my $engine = FG::Engine->shared($version);
my $sim = start_sim();
my $bot = FG::Bot->start(config => quick_config($sim, { local => { url => $engine->url, timeout => '60s' } },
	users => [{ id => OPERATOR, name => '<b>ops</b>', role => 'admin' }], telegram => { unknown_users => 'ignore' },
	log => { level => 'info' }));
$bot->wait_ready;

# What nobody may see: markup that came through as such, escapes, control characters, what turns text round.
my $harm = qr/[\x00-\x08\x0b-\x1f\x7f-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{fffe}\x{ffff}]/;

sub ask {
	my ($text, $match) = @_;
	return $sim->ask(user => OPERATOR, text => $text, match => $match, timeout => patient(30)) // {};
}

# The text of an answer, of its file if it has one.
sub whole {
	my ($message) = @_;
	my $file = $sim->content($message) if $message->{document};
	utf8::decode($file) if defined $file;
	return ($message->{text} // $message->{caption} // '') . ($file // '');
}

my %entities = map { $_ => 1 } qw(bold italic code pre underline bot_command expandable_blockquote blockquote);
sub harmless {
	my ($message, $name) = @_;
	my $text = whole($message);
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	unlike $text, $harm, "$name: no control characters";
	is_deeply [grep { !$entities{$_} } map { $_->{type} } @{ $message->{entities} // [] }], [], "$name: no markup of theirs" or diag $text;
	return $text;
}

my $mean = "<b>bold</b><a href=\"tg://user?id=1\">link</a>&amp;&lt;\e[31mred\e[0m \e]0;title\a\x{202e}txet\x{2066}x 'q' \"qq\" \\ /stop \@all `x` *y*";

subtest 'labels, environment and commands' => sub {
	$engine->run(name => 'mean', cmd => ['sh', '-c', 'exec sleep 1d', $mean], init => 1, env => { NORMAL => $mean, "SOME_SECRET" => "hide-me-$mean" },
		labels => { $mean => $mean, 'com.docker.compose.project' => $mean, tier => '<i>web' });
	my $text = harmless(ask('/info mean'), 'card');
	like $text, qr/mean/, 'the card is there';
	unlike $text, qr/hide-me/, 'what looks secret is masked';
	$text = harmless(ask('/list'), 'list');
	like $text, qr/<b>bold/, 'the tags are text';
	harmless(ask('/list label=tier:<i>*', qr/mean|\x{26a0}/), 'a selector');
	for my $command ('/stats mean', '/top mean', '/status', '/hosts', '/health') {
		ok harmless(ask($command), $command), 'answers';
	}
	for my $word ($mean, "x" x 4000, "\x{202e}" x 300, '"' x 99, "na\x{0}me", '😀' x 2000, '<' x 4000) {
		ok harmless(ask("/info $word"), 'what was typed comes back'), 'answered';
	}
};

subtest 'logs' => sub {
	# As bytes: markup, escapes, NULs, what is no UTF-8, a lone surrogate, an unfinished character at the end of a line.
	my $script = q{printf '<script>alert(1)</script> &amp; <b>\n'; printf '\033[1;31mred\033[0m\033]0;t\007\n'; printf 'a\000b\000c\n';}
		. q{printf '\377\376\300\200\355\240\200 tail\n'; printf '\342\202\n'; printf '\342\200\256drow\n'; printf 'carriage\rreturn\n';}
		. q{printf 'the last line\n'; exec sleep 1d};
	$engine->run(name => 'talker', cmd => ['sh', '-c', $script], init => 1);
	my $message;
	ok wait_until(patient(20), sub { $message = ask('/logs talker'); ($message->{text} // '') =~ /the last line/ }), 'come';
	my $text = harmless($message, 'log');
	like $text, qr{<script>alert\(1\)</script> &amp; <b>}, 'tags as they are';
	like $text, qr/\bred\b/, 'without colours';
	like $text, qr/\x{fffd}.* tail/, 'bad bytes are replaced';
	like $text, qr/a.?b.?c/, 'NULs are gone';
};

my $before = FG::Bot::sanitized() ? 0 : $bot->rss_kib;

subtest 'a line of 10 MB, and 20 MB of lines' => sub {
	$engine->run(name => 'wide', cmd => ['sh', '-c', 'head -c 10485760 /dev/zero | tr "\0" x; echo; echo end of it; exec sleep 1d'], init => 1);
	$engine->run(name => 'long', cmd => ['sh', '-c', 'yes "<b>0123456789 & so on until the line is about as long as lines are, which is a hundred bytes..." | head -n 210000; echo end of it; exec sleep 1d'], init => 1);
	for my $name (qw(wide long)) {
		ok wait_until(patient(60), sub { whole(ask("/logs $name 1")) =~ /end of it/ }), "$name is written";
		ok ask("/logs $name", sub { whole($_) =~ /end of it/ })->{message_id}, 'its end comes';
		wait_settled($bot);
		harmless($_, $name) for grep { ($_->{text} // '') =~ /xxxx|0123/ } @{ $sim->messages(chat => OPERATOR) };
		like harmless(ask("/logs $name 5000"), "$name, many lines"), qr/end of it/, 'so do many lines';
		my $found = ask("/logs $name 20 grep=\"END OF\"");
		like harmless($found, "$name, searched"), qr/end of it/, 'a search goes through all of it';
	}
	# Several at once.
	my $seq = $sim->last_seq;
	$sim->say(user => OPERATOR, text => '/logs long 5000') for 1 .. 4;
	ok wait_until(patient(60), sub { texts($sim, OPERATOR, $seq) >= 4 }), 'four at once';
	ok wait_settled($bot, 30), 'settled';
	if ($before) {
		my $now = $bot->rss_kib;
		cmp_ok $now - $before, '<', $growth_kib, "memory stays bounded: from $before to $now KiB";
		note "RSS $before KiB before, $now KiB after the logs";
	}
};

subtest 'many containers with long labels' => sub {
	my $many = FG::Bot::sanitized() ? 60 : 150;
	my %labels = map { ("label-$_" => "<$_>" x 300) } 1 .. 20;
	$engine->run(name => sprintf('many-%03d-%s', $_, 'x' x 60), cmd => ['sleep', '1d'], start => 0, labels => \%labels) for 1 .. $many;
	my $message = ask('/list many-*', qr/$many containers/);
	harmless($message, 'list');
	my ($next) = grep {/▶/} $sim->buttons($message);
	ok $next, 'it pages';
	my $press = $sim->press(user => OPERATOR, message => $message, button => $next);
	ok $sim->wait_callback($press->{callback_id}, timeout => patient(15)), 'and turns the page';
	ok $sim->wait_message(chat => OPERATOR, match => qr/Page 2/, timeout => patient(15)), 'to the second';
	# It names them all, in as many messages as that takes or in a file; the buttons are on the last.
	my $seq = $sim->last_seq;
	$sim->say(user => OPERATOR, text => '/remove many-*');
	my $preview = $sim->wait_message(chat => OPERATOR, after => $seq, timeout => patient(30),
		match => sub { grep { $_ eq 'Cancel' } $sim->buttons($_[0]) });
	ok $preview, 'a preview that can be cancelled';
	my $named = join "\n", map { whole($_) } @{ $sim->messages(chat => OPERATOR) };
	is scalar(grep { $named =~ /• many-$_-/ } map { sprintf '%03d', $_ } 1 .. $many), $many, 'names every one of them';
	$press = $sim->press(user => OPERATOR, message => $preview, button => 'Cancel');
	ok $sim->wait_callback($press->{callback_id}, timeout => patient(15)), 'which is answered';
	my $health = $bot->json('/health?probe=true', timeout => patient(30));
	cmp_ok $health->{containers}{total}, '>=', $many, '/health counts them';
	ok wait_settled($bot), 'settled';
	if ($before) {
		my $now = $bot->rss_kib;
		cmp_ok $now - $before, '<', $growth_kib, "memory stays bounded: $now KiB";
	}
};

# Updates

my $kinds = json_decode(slurp("$FindBin::Bin/sim/botapi.json"))->{updates};
my $seed = $ENV{FG_SEED} // 20;
srand $seed;
note "seed $seed (FG_SEED)";

sub any { return $_[int rand @_] }

# What an update is made of: a field, and the shapes of what it may hold.
my %shape = (
	callback_query => [qw(id:text from:user message:message chat_instance:text data:text inline_message_id:text game_short_name:text)],
	chat => [qw(id:id type:type title:text username:text first_name:text is_forum:bool)],
	entity => [qw(type:text offset:int length:int url:text user:user language:text)],
	message => [qw(message_id:int from:user chat:chat date:date text:text sender_chat:chat message_thread_id:int is_topic_message:bool
		reply_to_message:message entities:entities caption:text edit_date:date migrate_to_chat_id:id migrate_from_chat_id:id
		new_chat_members:users left_chat_member:user via_bot:user author_signature:text media_group_id:text)],
	other => [qw(chat:chat from:user user:user message_id:int date:date old_chat_member:other new_chat_member:other id:text query:text
		status:text offset:text poll_id:text invite_link:text message:message)],
	user => [qw(id:id is_bot:bool first_name:text username:text language_code:text)],
);

sub thing {
	my ($kind, $depth) = @_;
	# Now and then it is something else altogether.
	return any(undef, JSON::PP::true, -1, 1.5, 'text', [], {}, 2**53 - 1, '9' x 30, [[[[]]]], { a => { b => {} } }) if rand() < 0.06;
	return any(0, 1, -5, 2**31, 1.5) if $kind eq 'int';
	return any(STRANGER, STRANGER + 1, -1001234567890, 2**40, 0, -1, 1e300) if $kind eq 'id';
	return any(time, 0, -1, 2**40) if $kind eq 'date';
	return any(JSON::PP::true, JSON::PP::false) if $kind eq 'bool';
	return any('private', 'group', 'supergroup', 'channel', '') if $kind eq 'type';
	return any('/stop web', '/list', '/', '/start mean', '/remove *', '', "a\x{0}b", $mean, 'x' x 3000, '~confirm 00', "\x{202e}", '/list@sim_bot')
		if $kind eq 'text';
	return [map { thing($1 eq 'entitie' ? 'entity' : $1, $depth + 1) } 1 .. int rand 4] if $kind =~ /^(user|entitie)s$/;
	return {} if $depth > 4;
	my %object;
	for my $field (@{ $shape{$kind} }) {
		my ($name, $of) = split /:/, $field;
		$object{$name} = thing($of, $depth + 1) if rand() < ($depth < 2 ? 0.8 : 0.4);
	}
	return \%object;
}

subtest 'updates of all kinds, full of nonsense' => sub {
	my @fixed = (
		{}, { message => undef }, { message => [] }, { message => 'text' }, { message => { text => '/list' } },
		{ message => { chat => { id => STRANGER }, text => '/stop web' } },
		{ message => { chat => { id => STRANGER, type => 'private' }, from => { id => '1001' }, text => '/stop web' } },
		{ message => { chat => { id => STRANGER, type => 'private' }, from => { id => 1001.5 }, text => '/stop web' } },
		{ message => { chat => { id => STRANGER, type => 'private' }, from => { id => -1001 }, text => '/stop web' } },
		{ message => { chat => { id => STRANGER, type => 'private' }, from => [{ id => 1001 }], text => '/stop web' } },
		{ message => { chat => { id => STRANGER, type => 'private' }, from => { id => 1001, is_bot => JSON::PP::true }, text => '/stop web' } },
		{ message => { chat => { id => 1e300, type => 'private' }, from => { id => 1e300 }, text => '/stop web' } },
		{ callback_query => { id => undef, from => { id => STRANGER }, data => '~confirm x' } },
		{ callback_query => { id => '5', from => { id => STRANGER }, message => { chat => { id => STRANGER } }, data => 'x' x 5000 } },
		{ callback_query => { id => '6', from => { id => STRANGER }, message => {}, data => "\x{0}" } },
		{ message => { chat => { id => STRANGER, type => 'private' }, from => { id => STRANGER }, text => { a => 1 } } },
		{ unknown_kind => { of => 'update' } }, { message => {}, callback_query => {}, edited_message => {} },
		{ edited_message => { chat => { id => OPERATOR, type => 'private' }, from => { id => OPERATOR }, text => '/whoami', date => time } },
		{ channel_post => { chat => { id => -1001, type => 'channel' }, sender_chat => { id => -1001 }, text => '/whoami', date => time } },
	);
	my $deep = 'x';
	$deep = { reply_to_message => $deep } for 1 .. 300;
	push @fixed, { message => { chat => { id => STRANGER }, from => { id => STRANGER }, reply_to_message => $deep, text => '/list' } };
	push @fixed, map { { $_ => thing($shape{$_} ? $_ : /message|post/ ? 'message' : 'other', 0) } } (@$kinds) x 4,
		('message', 'callback_query') x 60;
	my $seq = $sim->last_seq;
	my ($sent, $last) = (0, 0);
	for my $update (@fixed) {
		my $id = eval { $sim->update(%$update)->{update_id} } or next;
		$sent++;
		$last = $id;
	}
	cmp_ok $sent, '>', 50, "$sent updates";
	ok wait_until(patient(30), sub { $sim->state->{confirmed_offset} > $last }), 'all are confirmed' or diag substr $bot->log, -2000;
	ok wait_settled($bot, 30), 'and done with';
	ok $bot->running, 'the bot stands' or diag substr $bot->log, -2000;
	my @sends = grep { $_->{method} =~ /^(?:send|edit)/ } @{ $sim->calls(after => $seq) };
	is scalar @sends, 0, 'nobody unknown is answered' or diag explain [map { $_->{params} } @sends[0 .. ($#sends > 4 ? 4 : $#sends)]];
	is $engine->state('mean'), 'running', 'nothing was stopped';
	like ask('/whoami')->{text} // '', qr/<b>ops<\/b>/, 'who is known is answered';
};

ok wait_settled($bot), 'settled';
# Nonsense has ids of button presses that Telegram does not know, and answers to them are refused: that is as it should be.
no_complaints($sim);
unlike $bot->log, qr/[\x00-\x08\x0b-\x1f]/, 'the log has no control characters either';
$bot->stop_ok;
done_testing;
