# Runs once
# What makes the bot pleasant: ports and events at a glance, help with examples, near misses as buttons, menus, lists.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::FakeEngine;
use FG::Talk;
use FG::Util qw(json_decode wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);

use constant { ADMIN => 1, VIEWER => 2, RED => 3, OPERATOR => 4, NEW => 5, GROUP => -1001 };

sub published { my ($outside, $inside) = @_; return { PortBindings => { "$inside/tcp" => [{ HostPort => "$outside" }] } } }
sub exposed { my ($inside) = @_; return { ExposedPorts => { "$inside/tcp" => {} } } }

my $engine = FG::Engine->shared($version);
my @sleep = (init => 1, cmd => ['sleep', '1d']);
$engine->run(name => 'web', @sleep, network => 'bridge', host_config => published(18080, 80), config => exposed(80), labels => { team => 'red' });
$engine->run(name => 'old-web', start => 0, network => 'bridge', host_config => published(18080, 80), config => exposed(80));
$engine->run(name => 'idle-db', start => 0, network => 'bridge', host_config => published(15432, 5432), config => exposed(5432));
$engine->run(name => 'worker', @sleep, labels => { 'com.docker.compose.project' => 'shop' });
$engine->run(name => 'worker-2', @sleep, labels => { 'com.docker.compose.project' => 'shop' });

my %config = (
	users => [
		{ id => ADMIN, name => 'ann', role => 'admin' },
		{ id => VIEWER, name => 'vic', role => 'viewer' },
		{ id => RED, name => 'rita', role => 'viewer', scope => 'label=team:red' },
		{ id => OPERATOR, name => 'otto', role => 'operator' },
		{ id => NEW, name => 'nora', role => 'viewer' },
	],
	chats => [{ id => GROUP, role => 'viewer' }],
	hosts => { local => { url => $engine->url }, away => { url => 'unix:///nothing/here.sock' } },
	timezone => 'Asia/Kathmandu',
	notify => { startup_delay => '1h' },
);

my $talk = FG::Talk->start(%config);
my ($sim, $bot) = ($talk->sim, $talk->bot);

sub says { my ($text, $pattern, %o) = @_; my $name = delete $o{name} // $text; my $m = $talk->ask($text, %o); like $m->{text}, $pattern, $name; return $m }

sub data {
	my (@words) = @_;
	my ($exit, $out, $err) = FG::Bot::exec_cmd({ hosts => { local => { url => $engine->url } } }, '--json', @words);
	is $exit, 0, "@words" or diag $err;
	return json_decode($out)->{data};
}

subtest 'ports' => sub {
	my $ports = says('/ports', qr{^🔌 1 port published\n.*🖥 local\n🔴 15432/tcp → idle-db 5432 · created\n🟢 18080/tcp → web 80\n🔴 18080/tcp → old-web 80 · ⚠️ taken by web$}ms, as => VIEWER);
	like $ports->{text}, qr/away does not answer/, '… and who did not answer is named';
	is_deeply [$talk->buttons($ports)], ['↻'], '… to be asked again';
	says('/ports worker', qr/No ports are published/);
	says('/ports', qr/18080(?!.*(old-web|15432))/s, as => RED, name => 'what is out of scope is not there');
	says('/ports nothing', qr/no container matches/);
	my %by = map { $_->{name} => $_ } @{ data('ports') };
	is_deeply [@{ $by{web} }{qw(published port proto ip taken_by state)}], [18080, 80, 'tcp', '', '', 'running'], '… what is published';
	is $by{'old-web'}{taken_by}, 'web', '… and who has the port that another one wants';
};

subtest 'events' => sub {
	$engine->run(name => 'crasher', cmd => ['sh', '-c', 'exit 7']);
	$engine->wait_state('crasher', 'exited');
	my $events = says('/events', qr{🗓 \d+ events in the last 1h\n.*🔴 local/crasher (?:.*, )?died \(exit 7\)$}ms, as => VIEWER);
	like $events->{text}, qr{^\d\d:\d\d:\d\d . local/web .*started}m, '… with their times';
	like $events->{text}, qr/away does not answer/, '… and who did not answer is named';
	my ($hour, $minute) = (gmtime(time + 5 * 3600 + 45 * 60))[2, 1];
	my ($told) = $events->{text} =~ /^(\d\d:\d\d):\d\d . local\/crasher/m;
	my $late = ($hour * 60 + $minute - do { my ($h, $m) = split /:/, $told; $h * 60 + $m }) % 1440;
	cmp_ok $late, '<=', 5, "… in the configured time zone ($told)";
	$engine->rm('crasher');
	says('/events crasher', qr{local/crasher .*died \(exit 7\).*removed$}ms, name => 'of one that is gone');
	says('/events 1h web', qr{^🗓(?!.*(worker|crasher)).*local/web}s);
	says('/events', qr{^🗓(?!.*(worker|crasher)).*local/web}s, as => RED, name => 'what is out of scope has no events');
	says('/events crasher', qr/no container matches/, as => RED);
	says('/events 30d', qr/at most 7d/);
	says('/events nothing', qr/no container matches/);
	says('/events 1s host=away', qr/no host|does not answer|cannot/i);
	my ($died) = grep { $_->{name} eq 'crasher' && $_->{action} eq 'die' } @{ data('events', '10m') };
	is $died->{exit_code}, 7, '… for programs';
};

subtest 'reload' => sub {
	says('/reload', qr/may not use.*admin/, as => OPERATOR);
	says('/reload', qr/The config was read again/);
	my $good = $bot->{config};
	$bot->configure_text('{ "users": [ { "id": 1, "rol": "admin" } ], "tiemzone": 7, "hosts": [] }');
	my $refused = says('/reload', qr/the old config stays in use/, match => qr/old config/);
	my ($list) = grep { $_->{text} =~ /tiemzone/ } @{ $sim->messages(chat => ADMIN) };
	like $list->{text}, qr/rol: .*did you mean "role".*did you mean "timezone".*hosts: has to be/s, '… all its mistakes are told' or diag explain $list;
	says('/whoami', qr/Role: admin/, name => '… and it does stay');
	$bot->configure($good);
	says('/reload', qr/The config was read again/, name => 'a good one again');
	my ($exit, $out) = FG::Bot::exec_cmd({ hosts => { local => { url => $engine->url } } }, 'reload');
	is $exit, 0, 'without a daemon';
	like $out, qr/config is fine.*no daemon/, '… it is only checked';
};

subtest 'help' => sub {
	my $help = says('/help', qr{^In general\n.*Looking\n.*/ports \[SEL\] .*Administration\n.*/reload}s);
	cmp_ok length $help->{text}, '<=', 4096, '… in one message';
	says('/help', qr{/ports(?!.*(/reload|/stop|Administration))}s, as => VIEWER, name => 'as much as one may');
	my $logs = says('/help logs', qr{^/logs NAME .*For: viewer and above}s);
	like $logs->{html}, qr{^<code>/logs web since=10m</code>$}m, '… with examples to be tapped';
	my $near = says('/help lgos', qr{did you mean /logs\?});
	like $talk->press($near, 'logs')->{text}, qr{^/logs NAME}, '… one press away from what was meant';
};

subtest 'near misses' => sub {
	my $near = says('/info wbe', qr/no container matches "wbe"; did you mean .*web/);
	ok((grep { $_ eq 'local/web' } $talk->buttons($near)), '… are buttons') or diag explain [$talk->buttons($near)];
	like $talk->press($near, 'local/web')->{text}, qr/web · running/, '… that run the command with that name';
	my $two = says('/top worker*', qr/means 2 containers/);
	is_deeply [$talk->buttons($two)], ['local/worker', 'local/worker-2'], 'a name of several';
	like $talk->press($two, 'local/worker-2')->{text}, qr/worker-2.*process/, '… one press away from what was meant';
	my $logs = says('/logs local/wbe 5 since=1h', qr/did you mean/);
	like $talk->press($logs, 'local/web')->{text}, qr/web.*(wrote nothing|lines?).* the last 1h/, 'the other words stay';
	my $stop = says('/restart worekr-2', qr/did you mean local\/worker-2/);
	like $talk->press($stop, 'local/worker-2')->{text}, qr/worker-2 restarted/, 'what changes something does so as if it was typed';
	my $remove = says('/remove worekr-2', qr/did you mean/);
	my $question = $talk->press($remove, 'local/worker-2')->{answer};
	like $question->{text}, qr{Remove local/worker-2\?}, '… and asks before what is always asked';
	$talk->press($question, 'Cancel');
	is $engine->state('worker-2'), 'running', '… so that nothing is done by one press';
	is_deeply [$talk->buttons(says('/info worekr', qr/no container matches/, as => RED))], [], 'what is out of scope is no near miss';
};

# The commands in the menu of a chat; undef: it has none of its own.
sub menu {
	my ($chat) = @_;
	my $all = $sim->state->{commands};
	my ($key) = grep { defined $chat ? /"chat_id":$chat\b/ : /default/ } keys %$all;
	return defined $key ? join(' ', map { $_->{command} } @{ $all->{$key} }) : undef;
}

# How often that chat's was told.
sub told { my ($chat) = @_; return scalar grep { ($_->{params}{scope}{chat_id} // 0) == $chat } @{ $sim->calls(method => 'setMyCommands') } }

subtest 'menus' => sub {
	ok wait_until(20, sub { defined menu(GROUP) }), 'each chat of the config gets its own';
	is menu(undef), 'help start version whoami', 'anybody else sees what anybody may use';
	like menu(ADMIN), qr/\breload remove\b/, "an admin's";
	like menu(OPERATOR), qr/^(?!.*\bremove\b).*\bstop\b/, "an operator's";
	like menu(VIEWER), qr/^(?!.*\b(?:stop|remove)\b).*\blist\b/, "a viewer's";
	is menu(GROUP), menu(VIEWER), "a group's";
	my $told = @{ $sim->calls(method => 'setMyCommands') };
	my $before = $bot->{config};
	my %other = (%$before, users => [{ id => ADMIN, name => 'ann', role => 'admin' }, { id => VIEWER, name => 'vic', role => 'operator' }]);
	$bot->configure(\%other);
	says('/reload', qr/The config was read again/);
	ok wait_until(20, sub { !defined menu(OPERATOR) && !defined menu(RED) }), 'who is no longer in the config has none any more';
	like menu(VIEWER), qr/\bstop\b/, 'who may do more sees more';
	is scalar @{ $sim->calls(method => 'setMyCommands') }, $told + 1, '… and only what has changed is told';
	$bot->configure($before);
	says('/reload', qr/The config was read again/);
};

subtest 'the menu of somebody who has not started the bot yet' => sub {
	ok wait_until(20, sub { defined menu(NEW) }), 'a menu like any other';
	$sim->chat(chat => NEW, state => 'unstarted');
	my ($before, $told) = ($bot->{config}, told(NEW));
	my %other = (%$before, users => [map { +{ %$_, $_->{id} == NEW ? (role => 'operator') : () } } @{ $config{users} }]);
	$bot->configure(\%other);
	says('/reload', qr/The config was read again/);
	ok wait_until(20, sub { told(NEW) > $told }), 'is refused while they do not speak to it';
	unlike menu(NEW), qr/\bstop\b/, '… and stays as it was';
	$sim->chat(chat => NEW, state => 'ok');
	says('/start', qr/./, as => NEW);
	ok wait_until(20, sub { menu(NEW) =~ /\bstop\b/ }), 'with their first word it comes';
	says('/whoami', qr/operator/, as => NEW);
	is told(NEW), $told + 2, 'once';
	$bot->configure($before);
	says('/reload', qr/The config was read again/);
};

subtest 'menus follow what is granted' => sub {
	ok wait_until(20, sub { menu(VIEWER) !~ /\bstop\b/ }), 'a viewer sees what a viewer may do';
	my $told = told(VIEWER);
	says('/grant vic operator 1h', qr/vic is operator for 1h/);
	ok wait_until(20, sub { menu(VIEWER) =~ /\bstop\b/ }), 'as an operator for a while they see more';
	says('/grant vic none', qr/the role of the config again/);
	ok wait_until(20, sub { menu(VIEWER) !~ /\bstop\b/ }), 'taken back it is as before';
	says('/grant vic admin 8s', qr/vic is admin for 8s/);
	ok wait_until(30, sub { told(VIEWER) >= $told + 4 }), 'one that ends by itself';
	unlike menu(VIEWER), qr/\bstop\b/, '… is taken out of the menu as well';
};

subtest 'typing' => sub {
	$engine->run(name => 'stubborn', cmd => ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], stop_timeout => 3);
	my $mark = $sim->last_seq;
	says('/stop stubborn', qr/stubborn stopped/);
	my @typing = @{ $sim->calls(method => 'sendChatAction', after => $mark) };
	my ($first) = map {"$_->{params}{chat_id} $_->{params}{action}"} @typing;
	is $first, ADMIN . ' typing', 'what takes its time says that it is at work';
};

# What only an engine that pretends can have: hundreds of containers on several hosts.
subtest 'a long list' => sub {
	my $team = sub { my ($name, $project) = @_; return { name => $name, state => $name =~ /-7\z/ ? 'exited' : 'running',
		labels => { 'com.docker.compose.project' => $project } } };
	my %many = map { my $host = $_; $host => FG::FakeEngine->start(containers => [
		map({ $team->("$host-shop-$_", 'shop') } 1 .. 60),
		map({ $team->("a-company-of-long-names-with-a-long-service-$_", 'a-company-of-long-names') } 1 .. 40),
	]) } qw(alpha beta gamma);
	my $crowd = FG::Talk->start(%config, hosts => { map { $_ => { url => $many{$_}->url } } keys %many });
	my $list = $crowd->ask('/list');
	like $list->{text}, qr/^300 containers 🟢 294 🔴 6\n\n🖥 alpha · 🟢 98 🔴 2\n📁 a-\S+ · 🟢 39 🔴 1\n/, 'counts all, those of the host and of the project';
	cmp_ok length, '<=', 40, 'a line fits a phone' or diag $_ for grep { length > 40 } split /\n/, $list->{text};
	like $list->{text}, qr/-service-1\b.*-service-20\b/s, '… and names that begin alike are told apart';
	my $next = $crowd->press($list, '▶️')->{answer};
	my $third = $crowd->press($next, '▶️')->{answer};
	like $third->{text}, qr/🖥 alpha \(continued\) · 🟢 98 🔴 2\n📁 shop · 🟢 59 🔴 1\n/, 'a page repeats the heading of its host';
	like $crowd->press($third, '⏭')->{text}, qr/gamma-shop-60.*\nPage 15 of 15/s, 'the last page is one press away';
	my $beta = $crowd->press($list, '🖥 beta · 100')->{answer};
	like $beta->{text}, qr/^100 containers 🟢 98 🔴 2\n\n🖥 beta\n/, 'so is a host';
	like $crowd->press($beta, '📁 shop · 60')->{text}, qr/^60 containers 🟢 59 🔴 1\n\n🖥 beta\n📁 shop\n.*beta-shop-1 /, '… and its project';
	like $crowd->press($list, '🔴 6 stopped')->{text}, qr/^6 containers 🔴 6\n/, '… and what is stopped';
	$crowd->end_ok;
};

$talk->end_ok;
done_testing;
