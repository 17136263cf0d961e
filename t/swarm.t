# Runs once, takes long: a swarm of three machines through the chat: services and nodes, scaled, updated, rolled back, drained
# and lost, with two of its managers as hosts.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Engine;
use FG::Scene qw(patient);
use FG::Swarm;
use FG::Talk;
use FG::Util qw(wait_until);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
FG::Engine->need('20.10');

my ($swarm, $talk);
my $runs = sub { ('sh', '-c', qq{trap "exit 0" TERM; echo "$_[0] is up"; while :; do sleep 1000 & wait; done}) };

# Says it and waits for what fits; the swarm takes its time.
sub told {
	my ($text, $match, %o) = @_;
	my $mark = $talk->sim->last_seq;
	my $said = $talk->say($text, %o);
	return wait_for($mark, $said->{chat_id}, $match);
}

sub wait_for {
	my ($mark, $chat, $match) = @_;
	for (1 .. 4) {
		my $m = $talk->message_after($mark, $chat, match => $match);
		return $m if $m;
	}
	return { text => '(no such answer)', chat_id => $chat, message_id => 0 };
}

sub press {
	my ($message, $button, $match) = @_;
	my $mark = $talk->sim->last_seq;
	$talk->press($message, $button, silent => 1);
	return wait_for($mark, $message->{chat_id}, $match);
}

sub confirmed { my ($text, $match) = @_; my $q = $talk->ask($text); return press($q, ($talk->buttons($q))[0], $match) }

# By somebody else.
sub change {
	my ($name, $code) = @_;
	my $s = $swarm->node('alpha')->api(GET => "/services/$name");
	$code->($s->{Spec});
	$swarm->node('alpha')->api(POST => "/services/$name/update?version=$s->{Version}{Index}", $s->{Spec});
	return;
}

sub images { my ($name, @at) = @_; return sort map { $_->{Spec}{ContainerSpec}{Image} =~ s/@.*//r } $swarm->running($name, @at) }

sub set_up {
	$swarm = FG::Swarm->start(qw(alpha beta gamma));
	$swarm->image('app:one', cmd => [$runs->('one')]);
	$swarm->image('app:two', cmd => [$runs->('two')]);
	$swarm->image('app:bad', cmd => ['sh', '-c', 'echo no disk; exit 3']);
	$swarm->service(web => image => 'app:one', replicas => 2, labels => { tier => 'front' });
	$swarm->service(api => image => 'app:one', replicas => 1);
	$swarm->service(frail => image => 'app:one', replicas => 2, monitor => 30);
	$swarm->service(lost => image => 'app:one', replicas => 0, constraints => ['node.hostname==nowhere']);
	ok $swarm->wait_running($_->[0], $_->[1], patient(30)), "$_->[0] runs" for [web => 2], [api => 1], [frail => 2];
	$talk = FG::Talk->start(
		users => [{ id => 1, name => 'ops', role => 'admin' }, { id => 2, name => 'viewer', role => 'viewer' },
			{ id => 3, name => 'narrow', role => 'admin', scope => 'name=api*' },
			{ id => 4, name => 'half', role => 'admin', scope => 'host=alpha' },
			{ id => 5, name => 'denied', role => 'admin', deny => [qw(service services)] }],
		hosts => { map { $_ => { url => $swarm->node($_)->url, timeout => '60s' } } qw(alpha beta) },
		update => { settle => '1s' },
	);
	return;
}

sub shown {
	my $list = $talk->text('/services');
	like $list, qr/^4 services\n/, 'two managers of one swarm are one';
	like $list, qr/^🟢 web · 2\/2 · app:one$/m, '… with how many run and their image';
	like $list, qr/^⏹ lost · 0\/0/m, '… and what is not wanted';
	like $talk->text('/services label=tier:front'), qr/^1 service\n🟢 web/, 'a selector picks services';
	like $talk->text('/services host=beta state=running'), qr/^3 services/, '… by any manager and by state';
	my $card = $talk->ask('/service web');
	like $card->{text}, qr/^🟢 (?:alpha|beta)\/web · running, 2\/2\n📦 app:one · replicated/, 'a service has a card';
	like $card->{text}, qr/^🖥 (?:alpha|beta|gamma)\n   🟢 web\.[12] · running/m, '… with its tasks by node';
	ok grep(/Restart/, $talk->buttons($card)), '… and buttons for who may';
	ok !grep(/Restart|➕/, $talk->buttons($talk->ask('/service web', as => 2))), '… and not for who may not';
	like $talk->text('/service wbe'), qr/no service is called "wbe"; did you mean (?:alpha|beta)\/web/, 'a near miss';
	return;
}

sub scopes {
	like $talk->text('/services', as => 3), qr/^1 service\n.*api/, 'a scope hides services';
	like $talk->text('/service web', as => 3), qr/no service is called "web"\.$/, '… which do not exist then';
	like $talk->text('/scale web 1', as => 3), qr/no service is called "web"/, '… for no command';
	like $talk->text('/update web image=app:two', as => 3), qr/no service is called "web"/, '… with or without a question';
	like $talk->text('/scale web 1', as => 2), qr/needs the role operator/, 'a viewer scales nothing';
	like $talk->text('/node drain gamma', as => 3), qr/whole machines/, 'a node is not for who sees some of what is on it';
	like $talk->text("/$_ api", as => 1), qr/api · (?:running, )?1\/1/, "/$_ shows a service" for qw(info list);
	like $talk->text("/$_ api", as => 5), qr/^⚠️ no container matches "api"(?!.*app:one)/s, "… and not to who is denied those" for qw(info list);
	like $talk->text('/info service=api', as => 5), qr/^⚠️ you may not use \/service\.$/, '… by its name neither';
	return;
}

sub scaled {
	like told('/scale web 3', qr/scaled/)->{text}, qr/^✅ (?:alpha|beta)\/web scaled from 2 to 3\.\n🟢 3 of 3 running · app:one/, 'more of it';
	is scalar($swarm->running('web')), 3, '… in truth';
	like $talk->text('/scale web 3'), qr/web is of that size already/, 'the same again';
	like $talk->text('/scale web many'), qr/is a number\. Usage: \/scale SERVICE N/, 'no number';
	my $stuck = told('/scale lost 1', qr/⚠️ lost does not/);
	like $stuck->{text}, qr/lost does not get there/, 'one that no node will have';
	like join("\n", map { $_->{text} } @{ $talk->sim->messages(chat => 1) }), qr/lost\.1 · pending .*no suitable node/, '… and why';
	like told('/scale lost 0', qr/scaled/)->{text}, qr/from 1 to 0/, '… and back';
	like $talk->text('/scale web 0'), qr/Scale (?:alpha|beta)\/web from 3 to 0\?/, 'what ends several tasks is asked about';
	return;
}

sub updated {
	my $question = $talk->ask('/update web image=app:two');
	like $question->{text}, qr/^⬆️ Update (?:alpha|beta)\/web from app:one to app:two\?/, 'an update is asked about';
	change(web => sub { $_[0]{Labels}{by} = 'another' });
	like press($question, ($talk->buttons($question))[0], qr/⚠️/)->{text}, qr/no longer what you were shown \(changed: web\)/, '… and not done when it is another one by now';
	$question = $talk->ask('/update web image=app:two');
	like press($question, ($talk->buttons($question))[0], qr/✅/)->{text}, qr/web updated: app:one → app:two\.\n🟢 3 of 3 running · app:two/, '… and the swarm does it';
	is_deeply [images('web')], [('app:two') x 3], '… in truth';
	my $bad = confirmed('/update frail image=app:bad', qr/paused/);
	like $bad->{text}, qr/the swarm has paused the update of frail: update paused due to failure/, 'a bad image is paused';
	ok grep(/Roll back/, $talk->buttons($bad)), '… with the way back at hand';
	like $talk->text('/services frail'), qr/frail · [01]\/2 · app:bad · update paused/, '… which the list says';
	like $talk->text('/service frail'), qr/non-zero exit \(3\)/, '… and the card why';
	my $back = press($bad, qr/Roll back/, qr/Roll/);
	like $back->{text}, qr/app:bad → app:one/, 'rolling back says to what';
	like press($back, ($talk->buttons($back))[0], qr/✅/)->{text}, qr/frail rolled back: app:bad → app:one/, '… and does it';
	is_deeply [images('frail')], [('app:one') x 2], '… in truth';
	my %before = map { $_->{ID} => 1 } $swarm->running('web');
	like confirmed('/restart web', qr/✅/)->{text}, qr/web restarted\.\n🟢 3 of 3/, 'a restart';
	is scalar(grep { $before{ $_->{ID} } } $swarm->running('web')), 0, '… replaces every task';
	return;
}

# It ends, and can be begun again.
sub job {
	$swarm->service(once => image => 'app:one', cmd => ['true'], job => 2);
	my $ended = sub { grep { $_->{Status}{State} eq 'complete' } @{ $swarm->node('alpha')->api(GET => '/tasks?filters=' . '%7B%22service%22%3A%5B%22once%22%5D%7D') } };
	ok wait_until(patient(20), sub { $ended->() == 2 }), 'a job has ended';
	like told('/restart once', qr/✅|⚠️/)->{text}, qr/once restarted\.\n✅ 2\/2 done · app:one/, 'a job is begun again';
	is scalar($ended->()), 4, '… and has ended again when that is said';
	$swarm->node('alpha')->api(DELETE => '/services/once');
	return;
}

sub logs {
	my $log = $talk->text('/logs web');
	like $log, qr/^📜 (?:alpha|beta)\/web · [1-9]\d* lines\n/, 'a log of all tasks';
	like $log, qr/^[123]@(?:alpha|beta|gamma) │ two is up$/m, '… which says whose line it is';
	like $talk->text('/logs web 1'), qr/· 1 line\n/, '… as many as are asked for';
	like $talk->text('/logs web grep=nowhere'), qr/wrote nothing with nowhere/, '… or with a text';
	return;
}

# Who sees one of the hosts reads of the other ones what is theirs, and no name of theirs.
sub elsewhere {
	my %on = map { $_ => scalar $talk->text("/service web", as => $_) } 1, 4;
	like $on{1}, qr/^🖥 beta$/m, 'a task is on a host outside of the scope';
	like $on{4}, qr/^🟢 alpha\/web .*3\/3/, '… and counts for who sees the other manager';
	like $on{4}, qr/^🖥 another node\n   🟢 web\.[123] · running/m, '… is shown, and not where';
	unlike $on{4}, qr/beta/, '… anywhere';
	like $on{4}, qr/^🖥 gamma$/m, 'a node that is no host has its name';
	my $log = $talk->text('/logs web', as => 4);
	like $log, qr/^[123]\@another node │ two is up$/m, 'its log is read';
	unlike $log . $talk->text('/services', as => 4) . $talk->text('/nodes', as => 4), qr/beta/, '… and nothing else names it';
	return;
}

# A container and a service of the same name.
sub both {
	my $id = $swarm->node('alpha')->api(POST => '/containers/create?name=web', {
		Image => 'app:one', Cmd => ['sh', '-c', 'echo I am a container; sleep 1000'], HostConfig => { NetworkMode => 'none' } })->{Id};
	$swarm->node('alpha')->api(POST => "/containers/$id/start");
	my ($hint, $log) = $talk->answers(2, '/logs web');
	like $hint->{text}, qr/A service is called web, too: service=web means it/, 'a container wins, and that is said';
	like $log->{text}, qr/I am a container/, '… and it is the one';
	like $talk->text('/logs service=web'), qr/two is up/, 'the service is had by its word';
	like $talk->text('/restart service=web api'), qr/service= names the one service.* Usage: /, '… with no words beside it';
	like $talk->text('/update service=web wave=1,rest'), qr/service= names the one service/, '… and no options that it has not';
	$swarm->node('alpha')->rm('web');
	return;
}

sub nodes {
	my $list = $talk->ask('/nodes');
	like $list->{text}, qr/^3 nodes\n/, 'the nodes are those of one swarm';
	like $list->{text}, qr/^🟢 alpha · leader · active · \d+ tasks? · 20\.10/m, '… with the leader';
	like $list->{text}, qr/^🟢 gamma · manager · active/m, '… and the others';
	ok !grep(/Drain/, $talk->buttons($talk->ask('/nodes', as => 2))), 'a viewer drains nothing';
	my $question = press($list, qr/Drain gamma/, qr/Drain/);
	like $question->{text}, qr/^🚧 Drain the node gamma\?\nIts \d tasks? move/, 'a drain is asked about';
	like press($question, ($talk->buttons($question))[0], qr/✅/)->{text}, qr/gamma is drain now\.$/, '… and done when nothing is left on it';
	ok $swarm->wait_running(web => 3, patient(20)), '… and all run elsewhere';
	like $talk->text('/nodes'), qr/^🚧 gamma · manager · drain · 0 tasks/m, '… as the list says';
	like told('/node activate gamma', qr/✅/)->{text}, qr/gamma is active now/, 'and back';
	like $talk->text('/node drain delta'), qr/no node is called "delta"/, 'none of that name';
	my $half = $talk->text('/nodes', as => 4);
	like $half, qr/^2 nodes\n.* alpha .* gamma /s, 'a node that is a host outside of a scope';
	unlike $half, qr/beta/, '… is not seen';
	like $talk->text('/node drain beta', as => 4), qr/no node is called "beta"/, '… and does not exist';
	return;
}

# The bot is killed while the swarm is at it.
sub interrupted {
	my $question = $talk->ask('/update web image=app:one');
	my $mark = $talk->sim->last_seq;
	$talk->press($question, ($talk->buttons($question))[0], silent => 1);
	ok wait_for($mark, 1, qr/updating to app:one/)->{message_id}, 'an update is under way';
	my $version = sub { $swarm->node('beta')->api(GET => '/services/web')->{Spec} };
	$talk->bot->kill9;
	$mark = $talk->sim->last_seq;
	$talk->bot->restart->wait_ready;
	my $said = wait_for($mark, 1, qr/Interrupted/);
	like $said->{text}, qr/does not repeat it: \/update web image=app:one/, 'what a crash interrupted is told';
	like $said->{text}, qr/^• web: \d of 3 running, app:one/m, '… with how the service is';
	return;
}

# A manager that is a host, and the leader, is lost; then too many of them are.
sub manager_lost {
	ok wait_until(patient(30), sub { ($swarm->node('beta')->api(GET => '/services/web')->{UpdateStatus}{State} // '') eq 'completed' }), 'the swarm has gone on by itself';
	$swarm->node('alpha')->api(POST => '/containers/create?name=api', { Image => 'app:one' });
	like $talk->text('/list host=alpha name=api'), qr/api/, 'a container is called as a service';
	$swarm->node('alpha')->kill;
	ok wait_until(patient(30), sub { $talk->text('/services') =~ /^4 services\n.*web/s }), 'without the leader another manager answers';
	my (undef, $silent) = $talk->answers(2, '/restart api');
	like $silent->{text}, qr/^⚠️ .*alpha/, '… and one on a host that is silent is still the one of that name';
	ok wait_until(patient(40), sub { $talk->text('/nodes') =~ /^🔴 alpha · manager · down/m }), 'a node that is lost is down';
	like $talk->text('/nodes'), qr/2 of 3 managers are reachable: with one less/, '… and how much is left';
	ok $swarm->wait_running(web => 3, patient(30), 'beta'), 'its tasks run elsewhere';
	like $talk->text('/services web'), qr/web · 3\/3/, '… and are counted once';
	like confirmed('/scale web 2', qr/✅|⚠️/)->{text}, qr/web scaled from 3 to 2\.\n🟢 2 of 2/, 'scaling works through the other manager';
	$swarm->node('gamma')->kill;
	my $none = '';
	ok wait_until(patient(60), sub { ($none = $talk->text('/services')) =~ /no leader/ }), 'too few managers';
	like $none, qr/the swarm of (?:alpha, )?beta has no leader: too few of its managers are up to agree/, '… and what that means' or diag $none;
	like told('/scale web 3', qr/⚠️/)->{text}, qr/no leader|no answer/, '… and nothing can be changed';
	return;
}

set_up();
subtest 'what there is' => \&shown;
subtest 'scopes and roles' => \&scopes;
subtest 'scaling' => \&scaled;
subtest 'updates' => \&updated;
subtest 'a job' => \&job;
subtest 'logs' => \&logs;
subtest 'a host outside of a scope' => \&elsewhere;
subtest 'a container of the same name' => \&both;
subtest 'nodes' => \&nodes;
subtest 'a crash' => \&interrupted;
subtest 'managers lost' => \&manager_lost;
$talk->end_ok;
$swarm->stop;
done_testing;
