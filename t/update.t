# Takes long: containers on newer images, on other tags and back, one and many at a time, on a real engine.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Engine;
use FG::Registry;
use FG::Talk;
use FG::Util qw(in_ci json_encode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my @versions = FG::Engine->versions;
FG::Engine->need(@versions);

my ($engine, $talk, %id, $own_store);
my @obeys = ('sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done');

# An image of its own for each build of an application.
sub build {
	my ($build, @cmd) = @_;
	return $id{$build} = $engine->import_busybox(name => "app:$build", cmd => @cmd ? \@cmd : \@obeys, labels => { build => $build });
}

# What a registry would do with a name: now it means this build.
sub name_means { my ($name, $build) = @_; return $engine->api(POST => "/images/$id{$build}/tag?repo=app&tag=$name") }

sub image_of { my ($name) = @_; my $c = $engine->inspect($name); return $c && $c->{Image} }
sub runs { my ($name, $build, $text) = @_; return is image_of($name), $id{$build}, $text // "$name runs build $build" }

sub yes { my ($text, %o) = @_; return $talk->confirm($talk->ask($text), %o) }

sub history { my ($name) = @_; return $talk->text("/history $name") }

sub set_up {
	$engine->import_busybox;
	build($_) for qw(one two three);
	build(dies => 'sh', '-c', 'echo the disk is on fire; exit 3');
	name_means(newest => 'one');
	$engine->run(name => 'web', image => 'app:newest', labels => { tier => 'web' }, env => { COLOR => 'red' }, memory => 32 << 20);
	$talk = FG::Talk->start(
		users => [{ id => 1, name => 'ops', role => 'admin' }],
		hosts => { local => { url => $engine->url } },
		templates => { app => { image => 'app:newest', network_mode => 'none', labels => { tier => 'made' }, stop_timeout => '2s' } },
		update => { settle => '1s' },
	);
	return;
}

sub newest {
	my $question = $talk->ask('/update web');
	like $question->{text}, qr/Update web to the newest app:newest/, 'an update is asked about';
	# With containerd's store an image of this host's looks like one of a registry's, which has to be asked and is not there.
	my $nothing = $own_store ? qr/cannot pull app:newest/ : qr/^web is up to date/;
	like $talk->confirm($question, match => $nothing)->{text}, $nothing, '… and nothing new is no reason for one';
	runs(web => 'one');

	name_means(newest => 'two');
	my $before = $engine->inspect('web');
	my $done = yes('/update web', match => qr/updated/);
	like $done->{text}, qr/^✅ web updated: app:newest, [0-9a-f]{12} → [0-9a-f]{12}\n(?:taken as this host has it.*\n)?🟢 running/, 'a newer image is taken';
	runs(web => 'two');
	my $after = $engine->inspect('web');
	is $after->{HostConfig}{Memory}, 32 << 20, '… with its limit';
	is_deeply [grep {/COLOR/} @{ $after->{Config}{Env} }], ['COLOR=red'], '… and its environment';
	is $after->{Config}{Labels}{build}, 'two', '… and what the image says of itself';
	isnt $after->{Id}, $before->{Id}, '… as another container';
	is scalar(my @all = $engine->containers), 1, '… the only one';
	like history('web'), qr/updated by ops/, '… and the history knows';
	return;
}

sub not_good {
	name_means(newest => 'dies');
	my $id = $engine->inspect('web')->{Id};
	my $failed = yes('/update web', match => qr/fire|exit/);
	like $failed->{text}, qr/web.*exit(?:ed)?.*3/s, 'an image that exits is not good';
	like $failed->{text}, qr/the disk is on fire/, '… its last words are told';
	is $engine->inspect('web')->{Id}, $id, '… and the old container is back';
	is $engine->state('web'), 'running', '… and runs';
	is scalar(my @all = $engine->containers), 1, '… alone';
	return;
}

sub tags {
	like $talk->ask('/tag web nothing', match => qr/cannot/)->{text}, qr/app:nothing/, 'a tag that is nowhere';
	like $talk->ask('/tag web ..', match => qr/tag is/)->{text}, qr/tag is at most/, 'no tag at all';
	like $talk->ask('/tag web three', match => qr/updated/)->{text}, qr/app:newest → app:three \([0-9a-f]+ → [0-9a-f]+\)/, 'another tag';
	runs(web => 'three');
	is $engine->inspect('web')->{Config}{Image}, 'app:three', '… by its name';

	my $question = $talk->ask('/rollback web');
	like $question->{text}, qr/Roll web back\?\napp:three \([0-9a-f]+\) → app:newest \([0-9a-f]+\)/, 'the way back is shown';
	like $talk->confirm($question, match => qr/rolled back/)->{text}, qr/^✅ web rolled back: app:three → app:newest/, '… and gone';
	runs(web => 'two');
	is $engine->api(GET => '/images/app:newest/json')->{Id}, $id{two}, '… and the name means the image before again';
	yes('/rollback web', match => qr/rolled back/);
	runs(web => 'one', 'once more leads to the one before that');
	like $talk->ask('/rollback web')->{text}, qr/knows of no image before/, 'and then there is none';
	return;
}

sub left_alone {
	name_means(newest => 'two');
	$talk->ask('/pin web');
	like yes('/update web', match => qr/pinned/)->{text}, qr/^web is pinned/, 'a pinned container is not updated';
	runs(web => 'one');
	$talk->ask('/unpin web');
	$engine->run(name => 'fixed', image => $id{one});
	like yes('/update fixed', match => qr/digest/)->{text}, qr/bound to one image/, 'nor is one that names its image by id';
	$engine->rm('fixed');
	return;
}

# An instance is as much what was asked for after a tag as before.
sub instances {
	name_means(newest => 'one');
	like $talk->ask('/create made app', match => qr/created/)->{text}, qr/made/, 'an instance';
	name_means(newest => 'two');
	yes('/update made', match => qr/updated/);
	runs(made => 'two');
	$talk->ask('/tag made three', match => qr/updated/);
	$talk->bot->json('/health?probe=true');
	my ($row) = grep { $_->{name} eq 'made' } @{ $talk->bot->json('/status')->{instances} };
	is $row->{container_id}, $engine->inspect('made')->{Id}, '… is followed by the registry';
	is $row->{image}, 'app:three', '… with its image';
	my ($registered) = grep { $_->{name} eq 'made' } @{ registry()->{instances} };
	is $registered->{config_hash}, $engine->inspect('made')->{Config}{Labels}{'io.fleetgram.config-hash'}, '… and the hash of its label';
	is_deeply [map { $_->{what} } @{ $registered->{history} }], [qw(created updated tagged)], '… and its history';
	yes('/remove made', match => qr/removed/);
	return;
}

sub registry {
	require JSON::PP;
	my ($code, $out) = FG::Bot::run_bin(args => ['-c', $talk->bot->config_file, 'registry', 'export']);
	return JSON::PP::decode_json($out);
}

sub many {
	name_means(newest => 'one');
	$engine->run(name => "many$_", image => 'app:newest', labels => { group => 'many' }) for 1 .. 5;
	$talk->ask('/pin many5');
	name_means(newest => 'two');
	my $question = $talk->ask('/update label=group:many');
	like $question->{text}, qr/5 containers/, 'many are asked about together';
	like $question->{text}, qr/many1.*many5/s, '… by name';
	my $sent = $talk->count(1);
	my $done = $talk->confirm($question, match => qr/containers updated/);
	like $done->{text}, qr/^✅ 4 containers updated: many1, many2, many3, many4\nPinned: many5\n/, '… and told of together';
	is $talk->count(1), $sent, '… in the one message that showed how far they were';
	runs("many$_" => 'two') for 1 .. 4;
	runs(many5 => 'one');
	name_means(newest => 'dies');
	my $failed = yes('/update label=group:many', match => qr/could not|cannot|⚠️/);
	my @lines = $failed->{text} =~ /many\d/g;
	is scalar(grep { $failed->{text} =~ /many$_\b/ } 1 .. 4), 4, 'each failure has a line';
	runs("many$_" => 'two') for 1 .. 4;
	$engine->rm("many$_") for 1 .. 5;
	return;
}

# What an image registry has, and what becomes of an update when it fails half way.
sub from_a_registry {
	my $registry = FG::Registry->start($engine);
	my $ref = $registry->push('app:one', 'shop/app:1');
	$engine->api(POST => "/images/create?fromImage=" . FG::Engine::_uri($ref));
	$engine->run(name => 'shop', image => $ref);
	my $first = image_of('shop');
	like yes('/update shop', match => qr/up to date/)->{text}, qr/^shop is up to date/, 'the registry has nothing newer';
	$registry->make('shop/app:2', lines => ['CMD ' . json_encode(\@obeys)]);
	$registry->point('shop/app:1', 'shop/app:2');
	my $sent = $talk->count(1);
	my $question = $talk->ask('/update shop');
	like $talk->confirm($question, match => qr/updated/)->{text}, qr/^✅ shop updated/, 'a newer image is pulled';
	is $talk->count(1), $sent + 1, '… and the question became the progress, and the answer';
	my $second = image_of('shop');
	isnt $second, $first, '… and run';

	$registry->make('shop/app:3', lines => ['CMD ' . json_encode(\@obeys)]);
	$registry->point('shop/app:1', 'shop/app:3');
	$registry->break_blob('shop/app:3');
	my $id = $engine->inspect('shop')->{Id};
	like yes('/update shop', match => qr/cannot pull/)->{text}, qr/cannot pull \Q$ref\E/, 'a pull that breaks off';
	is $engine->inspect('shop')->{Id}, $id, '… touches nothing';
	is $engine->state('shop'), 'running', '… and stops nothing';
	$registry->mend;
	yes('/update shop', match => qr/updated/);
	isnt image_of('shop'), $second, '… and later it goes';

	$engine->api(DELETE => "/images/$second?force=1");
	like yes('/rollback shop', match => qr/rolled back|cannot|no longer/)->{text}, qr/rolled back/, 'an image that is gone';
	is image_of('shop'), $second, '… from the host is brought back by its digest';
	is $engine->inspect('shop')->{Config}{Image}, $ref, '… under its name';
	$engine->rm('shop');
	$registry->stop;
	return;
}

for my $version (@versions) {
	subtest "engine $version" => sub {
		$engine = FG::Engine->start(version => $version);
		$own_store = $engine->api(GET => '/info')->{DriverStatus}[0][1] =~ /containerd/;
		set_up();
		newest();
		not_good();
		if ($version eq $versions[0]) {
			tags();
			left_alone();
			instances();
			many();
		}
		if (my $why = FG::Registry->unavailable) {
			BAIL_OUT($why) if in_ci();
			diag $why;
		} else {
			from_a_registry();
		}
		$talk->end_ok;
		$engine->stop;
	};
}

done_testing;
