# Runs once, takes long: what is out of somebody's scope does not exist for them: every command of the table, in each form that could tell of it.
# Whatever is out of scope has a word in its name, image, labels, project, volume and network, which nobody with a scope may read.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp ();
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Talk;
use FG::Util qw(json_decode json_encode wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);

# RED sees what has a label, NOT what has none of another, HERE one of two hosts.
use constant { ADMIN => 1, RED => 2, NOT => 3, HERE => 4, GROUP => -1001 };
my %scope = (RED, 'label=team:red', NOT, '!label=team:blue', HERE, 'host=local');
my %name = (ADMIN, 'ann', RED, 'rita', NOT, 'noa', HERE, 'hera');
my $word = qr/hush(?!-afar)|24999/i;
my $host_word = qr/hush-afar/i;

my $engine = FG::Engine->start(version => $version);
my @sleeps = ('sh', '-c', 'echo listening; trap "exit 0" TERM HUP; while :; do sleep 1000 & wait; done');
my %blue = (team => 'blue', hush => 'hush', 'com.docker.compose.project' => 'hush-project');
my %red = (team => 'red', 'com.docker.compose.project' => 'red-project');
my $gone = File::Temp->newdir;    # what hush-side needs and does not find any more

$engine->import_busybox(name => 'hush/img:1', labels => { team => 'blue', hush => 'yes' });
$engine->import_busybox(name => 'hush/spare:1', labels => { team => 'blue', hush => 'spare' });
$engine->import_busybox(name => 'redapp:1', labels => { team => 'red' });
$engine->api(POST => '/networks/create', { Name => $_, Labels => {%blue} }) for 'hush-net', 'hush-idle-net';
$engine->api(POST => '/volumes/create', { Name => $_, Labels => {%blue} }) for 'hush-vol', 'hush-spare';
$engine->api(POST => '/volumes/create', { Name => 'hush-plain' });

sub hush { my ($which, %o) = @_; return $engine->run(name => "hush-$which", image => 'hush/img:1', cmd => \@sleeps, labels => {%blue}, %o) }
sub red { my ($which, %o) = @_; return $engine->run(name => "red-$which", image => 'redapp:1', cmd => \@sleeps, labels => {%red}, %o) }

sub binding { my ($port) = @_; return (config => { ExposedPorts => { '80/tcp' => {} } }, host_config => { PortBindings => { '80/tcp' => [{ HostPort => $port }] } }) }
my $hush_id = hush('web', network => 'hush-net', config => { ExposedPorts => { '80/tcp' => {} }, Volumes => {} },
	host_config => { PortBindings => { '80/tcp' => [{ HostPort => '24999' }] }, Mounts => [{ Type => 'volume', Source => 'hush-vol', Target => '/v' }] });
my $red_id = red('web', network => 'bridge', binding('24080'));
hush('side', network => "container:$red_id", host_config => { Mounts => [{ Type => 'bind', Source => "$gone", Target => '/x' }] });
red('guest', network => "container:$hush_id");
$_->('old', cmd => ['sh', '-c', 'exit 3']) for \&hush, \&red;
$engine->wait_state($_, 'exited') for 'hush-old', 'red-old';
$_->('wish', start => 0, network => 'bridge', binding('24500')) for \&hush, \&red;

my $talk = FG::Talk->start(
	users => [map { { id => $_ + 0, name => $name{$_}, role => 'admin', $scope{$_} ? (scope => $scope{$_}) : () } } sort keys %name],
	chats => [{ id => GROUP, role => 'viewer' }],
	hosts => { local => { url => $engine->url } },
	templates => {
		red => { image => 'redapp:1', labels => {%red}, command => \@sleeps, network_mode => 'none', stop_timeout => '1s', prune => { idle => '1h' } },
		blue => { image => 'busybox:latest', labels => {%blue}, command => \@sleeps, network_mode => 'none', stop_timeout => '1s' },
	},
	update => { settle => '1s' },
	exec => { enabled => JSON::PP::true() },
	schedules => [{ name => 'hush-hour', cron => '30 3 * * *', command => '/restart hush-web' }],
	prune => { enabled => JSON::PP::true(), idle => '1h' },
	notify => { startup_delay => '1s' },
);
my $sim = $talk->sim;
$sim->chat(chat => GROUP, type => 'supergroup', title => 'All of them');

sub says {
	my ($as, $text, $pattern, %o) = @_;
	my $name = delete $o{name} // "$name{$as}: $text";
	my $answer = $talk->ask("/$text", as => $as, %o);
	like $answer->{text}, $pattern, $name;
	return $answer;
}

# Instances of both, and of both one whose container is gone; in place of red-two there is one that says it is out of scope.
subtest 'set up' => sub {
	for my $name (qw(hush-inst hush-gone)) { says(ADMIN, "create $name blue", qr/is created|Instance of/, match => qr/is created|⚠️/) }
	for my $name (qw(red-inst red-gone red-two)) { says(ADMIN, "create $name red", qr/is created|Instance of/, match => qr/is created|⚠️/) }
	$engine->rm($_) for qw(hush-gone red-gone red-two);
	$engine->run(name => 'red-two', image => 'hush/img:1', cmd => \@sleeps, labels => {%blue});
	says(ADMIN, "note $_ call the hush team", qr/hush/) for 'hush-web', 'hush-gone';
	says(ADMIN, 'pin hush-web', qr/pinned/);
	says(ADMIN, 'mute hush-web 2h', qr/hush-web is muted/);
	hush('crash', cmd => ['sh', '-c', 'echo hush died; exit 4']);
	ok wait_until(60, sub { $talk->text('/incidents') =~ /hush-crash/ }), 'an incident of what is out of scope';
	says(ADMIN, 'status', qr/red-gone is missing.*Muted: hush-web/s, name => 'who sees everything sees what is missing');
};

# What there is of each person: [words, what the answer is like]. No words of these name what is out of scope.
my $two = qr/(?=.*red-web)(?=.*red-old)/s;
my %forms = (
	ack => [['ack all', qr/.|\n/], ['ack 1', qr/.|\n/]],
	apply => [['apply red-inst', qr/1 instance/], ['apply *', qr/1 instance/]],
	audit => [['audit 50', qr/rita|noa/], ['audit 50 container=*', qr/red-/]],
	backup => [['backup', qr/⚠️.*see only/]],
	checkupdates => [['checkupdates', qr/red-|redapp/], ['checkupdates red-web', qr/red-web|redapp/]],
	compose => [['compose red-web', qr/redapp/], ['compose red-guest', qr/network_mode: "?container:[0-9a-f]{12,}/]],
	create => [['create red-web red', qr/already is a container called red-web on local/], ['create', qr/missing/]],
	df => [['df', qr/⚠️.*only some/]],
	drift => [['drift', qr/1 instance /], ['drift red-inst', qr/1 instance /]],
	events => [['events 1h', qr/red-web/], ['events 1h red*', qr/red-web/]],
	exec => [['exec red-web echo hello', qr/echo hello.*red-web/s]],
	grant => [['grant', qr/.|\n/], ['grant ann viewer 1m', qr/⚠️/]],
	health => [['health', qr/🟢 3 🔴 1 ⚪ 1\n/]],
	help => [['help', qr{/list}], ['help list', qr{/list}]],
	history => [['history red-inst', qr/created/], ['history red-gone', qr/red-gone|no container/]],
	host => [['host', qr/No host is paused/]],
	hosts => [['hosts', qr/local · 🟢 3 🔴 1 ⚪ 1\n/]],
	images => [['images', qr/redapp/]],
	incidents => [['incidents', qr/.|\n/], ['incidents all', qr/.|\n/], ['incidents 1', qr/.|\n/]],
	info => [['info red-web', qr/red-web · running/], ['info red-guest', qr/red-guest · running/]],
	limits => [['limits red-web', qr/red-web/]],
	list => [['list', qr/^5 containers 🟢 3 🔴 1 ⚪ 1\n.*red-web/s], ['list *', $two], ['list label=team', $two], ['list image=*', $two], ['list project=*', $two],
		['list host=local', $two], ['list template=*', qr/^\d containers? .*red-inst/s], ['list id=*', $two], ['list 24*', qr/no container/]],
	logs => [['logs red-web', qr/listening/], ['logs * 5', qr/means|takes one/]],
	mute => [['mute red-web 2h', qr/red-web is muted/], ['mute 2h', qr/muted/], ['mute * 2h', qr/muted/]],
	node => [['node', qr/⚠️/], ['node drain other', qr/⚠️.*only some/]],
	nodes => [['nodes', qr/No host here manages a swarm/]],
	note => [['note red-web keep', qr/red-web/]],
	ports => [['ports', qr{24080/tcp → red-web 80\n}], ['ports red*', qr/red-web/]],
	prune => [['prune', qr/containers: 2/], ['prune containers', qr/red-old/], map { ["prune $_", qr/Nothing to prune|Prune/] } 'images', 'images all', 'volumes', 'volumes all',
		'networks', 'builds', 'idle', 'containers host=local'],
	pull => [['pull NoSuch!', qr/⚠️/]],
	reload => [['reload', qr/⚠️.*see only/]],
	rename => [['rename red-old red-older', qr/now called red-older/], ['rename red-older red-old', qr/now called red-old/]],
	rollback => [['rollback red-web', qr/⚠️|Roll/]],
	scale => [['scale red-web 2', qr/swarm/]],
	schedule => [['schedule', qr/⚠️.*see only/], ['schedule run x', qr/⚠️/]],
	service => [['service red-web', qr/no host here manages a swarm/]],
	services => [['services', qr/./], ['services label=team', qr/No service matches/]],
	start => [['start', qr/Hello/], ['start red-web', qr/red-web · running/]],
	stats => [['stats', qr/^📊 3 running/], ['stats *', qr/red-web/]],
	status => [['status', qr/local · 🟢 3 🔴 1 ⚪ 1\n.*Instances: [12], 1 running/s]],
	tag => [['tag red-web ..', qr/⚠️/, match => qr/⚠️/]],
	templates => [['templates', qr/red/]],
	unmute => [['unmute', qr/mute/], ['unmute red-web', qr/mute/]],
	version => [['version', qr/local: docker/]],
	whoami => [['whoami', qr/team/]],
);

# What takes containers, with %s for them: asked of a misspelt one too, and of one that is out of scope.
my %target = ((map { $_ => "$_ %s" } qw(apply checkupdates compose drift events history info kill limits list logs pause pin ports remove restart
	rollback start stats stop top touch unpause unpin up update)),
	exec => 'exec %s true', mute => 'mute %s 2h', unmute => 'unmute %s', note => 'note %s text', rename => 'rename %s other', tag => 'tag %s 2');

my ($exit, $out, $err) = FG::Bot::exec_cmd({ hosts => { local => { url => $engine->url } }, exec => { enabled => JSON::PP::true() } }, '--json', 'help');
my %command = map { $_->{name} => $_ } @{ $exit == 0 ? json_decode($out)->{data} : [] };
cmp_ok scalar(keys %command), '>', 40, 'the program tells its commands' or BAIL_OUT("help: $exit $err");

# A command that is in neither table is tried without words, and with a name when it takes one.
for my $name (grep { !$forms{$_} && !$target{$_} } sort keys %command) {
	my $usage = $command{$name}{usage};
	note "/$name $usage has no row here";
	$forms{$name} = [[$name, qr/./]];
	$target{$name} = "$name %s" if $usage =~ /NAME|SEL/;
}

# All that the bot has sent or changed in a chat since MARK, buttons and files included.
sub everything {
	my ($chat, $mark) = @_;
	my @calls = @{ $sim->calls(chat => $chat, after => $mark) };
	my @files = map { my $file = $sim->content($_); defined $file ? do { utf8::decode($file); $file } : () } grep { $_->{document} } map { ref $_->{result} eq 'HASH' ? $_->{result} : () } @calls;
	return join "\n", (map { my $text = json_encode($_->{params}); utf8::decode($text); $text } @calls), @files;
}

# A question is not answered with yes.
sub drop { my ($answer, $as) = @_; $talk->press($answer, 'Cancel', as => $as) if grep { $_ eq 'Cancel' } $talk->buttons($answer); return $answer }

for my $who (RED, NOT) {
	subtest "$name{$who} sees $scope{$who}" => sub {
		for my $name (sort keys %command) {
			my $mark = $sim->last_seq;
			drop(says($who, @$_), $who) for @{ $forms{$name} // [] };
			if (my $target = $who == RED && $target{$name}) {
				drop(says($who, sprintf($target, 'hsuh-web'), qr/no container matches "hsuh-web"(?!.*mean)/), $who) if $command{$name}{usage} =~ /NAME|SEL/ && $name !~ /^(?:mute|unmute)$/;
				drop($talk->ask('/' . sprintf($target, $_), as => $who), $who) for 'red-wbe', $name =~ /^(?:start|info|list|top|stats|logs|events|history|ports|drift|compose)$/ ? 'red-*' : ();
			}
			# How the word is spelt in a scope or by who typed it is no secret.
			unlike everything($who, $mark), $word, "/$name does not tell of what is out of scope";
		}
	};
}

subtest 'as if it was not there' => sub {
	for my $who (RED, NOT) {
		for my $name ($who == RED ? sort keys %target : qw(history info list note remove restart start touch)) {
			# What they say themselves leaves no trace in what they are told.
			my @said = map { my $one = $_; my $answer = $talk->ask('/' . sprintf($target{$name}, $one), as => $who, in => GROUP); drop($answer, $who); $answer->{text} =~ s/\Q$one\E/NAME/gr }
				'nope-web', 'hush-web';
			is $said[1], $said[0], "/$name";
		}
		for my $one (substr($hush_id, 0, 8), $hush_id, 'local/hush-web', 'hush*', 'image=hush/img', 'label=hush', 'project=hush-project', "host=local id=" . substr($hush_id, 0, 12)) {
			says($who, "info $one", qr/^⚠️ no container matches/, in => GROUP);
		}
		for my $one (qw(hush-gone hush-inst red-two)) {
			says($who, "$_ $one", qr/^⚠️ no container matches "$one"/, in => GROUP) for qw(history remove touch);
		}
		# The engine has to refuse the name, and that is all that can be read of it: not by what it is taken.
		says($who, 'create hush-web red', qr/^⚠️ host local: the name hush-web cannot be used on local\.$/, in => GROUP, match => qr/⚠️/);
		says($who, 'rename red-old hush-web', qr/^⚠️ the name hush-web cannot be used on local\.$/, in => GROUP);
		says($who, 'rename red-old red-web', qr/there already is a container called red-web on local/, in => GROUP);
		says($who, 'create other blue', qr/outside of what you may see/, in => GROUP);
	}
	is $engine->state($_), 'running', "$_ still runs" for qw(hush-web hush-inst red-two hush-side);
};

subtest "others' buttons" => sub {
	my $card = says(ADMIN, 'info hush-web', qr/hush-web · running/, in => GROUP);
	for my $who (RED, NOT) {
		for my $button (grep { !/\x{2795}/ } $talk->buttons($card)) {
			my $pressed = $talk->press($talk->ask('/info hush-web', in => GROUP), $button, as => $who);
			like $pressed->{text}, qr/^⚠️ no container matches "[^"]*"\.$/, "$name{$who} presses $button";
		}
	}
	my $question = says(ADMIN, 'restart hush-*', qr/Restart \d+ containers/, in => GROUP);
	my $pressed = $talk->press($question, ($talk->buttons($question))[0], as => RED, silent => 1);
	unlike $pressed->{callback}{text} // '', $word, 'a question of somebody else tells nothing';
	$talk->press($question, 'Cancel');
	is $engine->state('hush-web'), 'running', 'hush-web still runs';
};

subtest 'what shares with it' => sub {
	my $mark = $sim->last_seq;
	$engine->import_busybox(name => 'redapp:1', labels => { team => 'red', build => 2 });
	undef $gone;
	my $question = says(RED, 'update red-web', qr/Update .*red-web/);
	my $done = $talk->confirm($question, as => RED, match => qr/updated|⚠️/);
	like $done->{text}, qr/red-web updated.*a container that you do not see shares with it/s, 'that it could not be restarted is told';
	unlike everything(RED, $mark), $word, '… but not what it is';
};

subtest 'hosts' => sub {
	my $bot = $talk->bot;
	my $mark = $bot->log_mark;
	$bot->configure({ %{ $bot->{config} }, hosts => { local => { url => $engine->url }, 'hush-afar' => { url => 'unix:///nothing/here.sock' } } });
	$bot->signal('HUP');
	ok $bot->wait_log(qr/the config was read again/, 20, $mark), 'there is another host';
	ok wait_until(60, sub { $talk->text('/hosts') =~ /hush-afar down/ }), '… which is down';
	for my $name (sort keys %command) {
		my $mark = $sim->last_seq;
		my @names = $target{$name} ? sprintf($target{$name}, 'none') : ();
		drop($talk->ask("/$_", as => HERE), HERE) for $name, @names, $name =~ /^(?:images|df|prune)$/ ? "$name host=*" : ();
		unlike everything(HERE, $mark), $host_word, "/$name does not tell of a host that is out of scope";
	}
	says(HERE, 'info hush-afar/web', qr/no host|no container/, in => GROUP);
	says(HERE, 'create other/web red', qr/⚠️/, in => GROUP);
};

$talk->end_ok;
done_testing;
