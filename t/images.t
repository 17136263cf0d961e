# Runs sanitized, takes long: an engine of its own, registries beside it, pulls that are slowed down so that one sees them.
# Images on a real engine with registries on loopback: pulled, listed, counted, and compared without a pull.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Encode ();
use File::Path ();
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Engine;
use FG::Registry;
use FG::Scene qw(moment);
use FG::Talk;
use FG::Util qw(wait_until scratch_dir slurp spew json_encode json_decode in_ci);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
if (my $why = FG::Registry->unavailable) {
	BAIL_OUT($why) if in_ci();
	plan skip_all => $why;
}

my $engine = FG::Engine->start(version => $version);
my $registry = FG::Registry->start($engine);
my $private = FG::Registry->start($engine, login => ['ops', 'open sesame']);
my $dir = scratch_dir();
mkdir "$dir/state", 0700;
spew("$dir/password", "open sesame\n");
spew("$dir/wrong", "open barley\n");
my %login = (images => { registries => { $private->name => { username => 'ops', password_file => "$dir/password" } } });
my %base = (hosts => { local => { url => $engine->url } }, state_dir => "$dir/state", http => { listen => '' });
my $json = JSON::PP->new;

sub template { my ($image, %more) = @_; return { image => $image, command => 'sleep 1d', network_mode => 'none', stop_timeout => '1s', %more } }

my $talk;

sub ask { return $talk->ask(@_) }
# The answer, after whatever was said of the progress.
sub says { my ($text, $pattern, $name) = @_; return like $talk->text($text, match => qr{\A(?!⬇|🔎 Asking)}), $pattern, $name // $text }
sub short { my ($digest) = @_; return substr $digest, 7, 12 }
sub there { my ($image) = @_; return short($registry->digest($image)) }	# what the registry has

# One command from a command line, on %base with MORE: (exit code, stdout, stderr), as text.
sub run_with {
	my ($more, @words) = @_;
	my ($exit, $out, $err) = FG::Bot::exec_cmd({ %base, %$more }, @words);
	utf8::decode($_) for $out, $err;
	return ($exit, $out, $err);
}

# The data of one command, by `--json`.
sub data_with { my ($more, @words) = @_; my (undef, $out) = run_with($more, '--json', @words); return eval { $json->decode($out)->{data} } // [] }

sub names { return sort map { @{ $_->{RepoTags} // [] } } @{ $engine->api(GET => '/images/json') } }

# How many manifests and layers a registry was asked for. The engine's own check reads an image's configuration, which is no layer.
sub asked { my ($what, @requests) = @_; return scalar grep { m{^\w+ /v2/\S+/\Q$what\E/} } @requests }

subtest 'pull' => sub {
	$registry->make('shop/web:1', layer => 500_000);
	$registry->make('shop/web:2');
	my $slow = $registry->front;
	$slow->rules(slow => 130_000);
	$talk = FG::Talk->start(
		users => [
			{ id => 1, name => 'ops', role => 'admin' },
			{ id => 2, name => 'eye', role => 'viewer' },
			{ id => 3, name => 'afar', role => 'operator', scope => 'host=elsewhere' },
			{ id => 4, name => 'some', role => 'viewer', scope => 'one' },
			{ id => 5, name => 'here', role => 'viewer', scope => 'host=local' },
		],
		hosts => { local => { url => $engine->url } },
		%login,
		health => { refresh => '1s' },
		templates => {
			missing => template($registry->ref('shop/web:1')),
			always => template($registry->ref('shop/web:1'), pull => 'always'),
			never => template($registry->ref('shop/never:1'), pull => 'never'),
			broken => template($registry->ref('shop/broken:1')),
		},
	);

	my $progress = ask('/pull ' . $slow->ref('shop/web:1'), match => qr/[▰▱]{10} \S+ \S+ of \S+ \S+\n\d of [12] layers/);
	like $progress->{text}, qr/^⬇️ Pulling/, 'progress has a bar, bytes and layers';
	my $end = $talk->sim->wait_message(chat => $progress->{chat_id}, match => qr/is pulled/, timeout => 60);
	is $end && $end->{message_id}, $progress->{message_id}, '… in the one message that ends with the result';
	like $end->{text}, qr{^✅ \S+ is pulled: [\d.]+ MiB, digest @{[ there('shop/web:1') ]}$}, '… its size and digest';
	is $talk->count($progress->{chat_id}), 1, '… and nothing else was sent';

	my $ref = $registry->ref('shop/web:1');
	says("/pull $ref", qr/^✅ \S+ is pulled/, 'another name');
	says("/pull $ref", qr/^☑️ \S+ was there already, the newest: [\d.]+ MiB, digest/, 'again');
	$registry->push($ref, 'shop/web:old', keep => 1);
	$registry->point('shop/web:1', 'shop/web:2');
	says("/pull $ref", qr{^✅ \S+ is newer now: .*@{[ there('shop/web:2') ]}}, 'a tag that has moved');

	my @before = names();
	says('/pull ' . $registry->ref('shop/web:none'), qr{cannot pull \S+: .*has no shop/web:none: check the name and the tag}, 'a tag that there is not');
	says('/pull 127.0.0.1:1/x/y', qr{connection refused; local cannot reach 127\.0\.0\.1:1\b}, 'a registry that is not there');
	says('/pull NoSuch!', qr/"NoSuch!" is not an image's name/, 'no name at all');
	says('/pull a b', qr{one image at a time. Usage: /pull}, 'two');
	says('/pull x host=none', qr/no host that host=none picks/, 'a host that there is not');
	like $talk->text("/pull $ref", as => 2), qr{/pull.*operator}, 'a viewer may not';
	like $talk->text("/pull $ref", as => 3), qr/no host that you may see/, 'out of scope there is no host';

	$registry->make('shop/broken:1');
	$registry->break_blob('shop/broken:1');
	says('/pull ' . $registry->ref('shop/broken:1'), qr/cannot pull.*(?:verification failed|unexpected EOF).*broke off and changed nothing: try again/, 'a pull that breaks off');
	is_deeply [names()], \@before, '… leaves nothing behind';
	$slow->stop;
};

subtest 'credentials' => sub {
	$private->push('busybox:latest', 'vault/app:1');
	my $ref = $private->ref('vault/app:1');
	my ($exit, $out, $err) = run_with({}, 'pull', $ref);
	is $exit, 1, 'without credentials';
	like $err, qr/no basic auth credentials.*the config needs credentials for \Q@{[ $private->name ]}\E in images\.registries/, '… the key to add is named';
	my %wrong = (images => { registries => { $private->name => { username => 'ops', password_file => "$dir/wrong" } } });
	($exit, $out, $err) = run_with(\%wrong, 'pull', $ref);
	is $exit, 1, 'with a wrong password';
	like $err, qr/(?:unauthorized|Unauthorized).*the credentials for \Q@{[ $private->name ]}\E in the config's images\.registries do not open it/, '… it says which';
	unlike "$out$err", qr/barley/, '… and not the password';
	says("/pull $ref", qr/^✅ \S+ is pulled/, 'with the right one from its file');
	unlike $talk->bot->log, qr/sesame/, '… which is in no log';
	my %twice = (images => { registries => { map { $_ => { username => 'ops', password_file => "$dir/password" } } 'docker.io', 'index.docker.io' } });
	($exit, $out, $err) = run_with(\%twice, 'list');
	like $err, qr/images\.registries: there are two entries for the registry docker\.io/, 'two names of one registry';
	is $exit, 2, '… are a mistake in the config';
};

subtest 'templates' => sub {
	$engine->api(DELETE => '/images/' . $registry->ref('shop/web:1'));
	says('/create one missing', qr/^✅ one is created/, 'missing: it is fetched');
	$registry->forget;
	says('/create two missing', qr/^✅ two is created/, '… once');
	is_deeply [$registry->requests], [], '… and then nobody is asked';
	$registry->make('shop/web:1');
	says('/create three always', qr/^✅ three is created/, 'always');
	isnt $engine->inspect('three')->{Image}, $engine->inspect('two')->{Image}, '… gets what is new';
	says('/create four never', qr/image \S+ is not on local, and the template never pulls/, 'never');
	says('/create five broken', qr/cannot create five on local: cannot pull.*broke off/, 'a pull that breaks off');
	is $engine->inspect($_), undef, "… there is no $_" for qw(four five);
	my $known = sub { join ' ', map { $_->{name} } @{ $talk->bot->json('/status')->{instances} } };
	ok wait_until(20, sub { $known->() eq 'one three two' }), '… nor in the registry of instances' or diag $known->();
};

subtest 'images' => sub {
	my $old = substr $engine->inspect('one')->{Image}, 7, 12;
	my $list = ask('/images');
	like $list->{text}, qr/^🗂 \d+ images, [\d.]+ MiB; 1 dangling, [\d.]+ MiB\n/, '/images counts, dangling ones too';
	like $list->{text}, qr{^🔹 \Q@{[ $registry->ref('shop/web:1') ]}\E · [\d.]+M · \d+s · 1 container$}m, '… says what uses an image';
	like $list->{text}, qr/^▫️ busybox:latest \+1 · [\d.]+M · \d+[smh] · unused$/m, '… or that nothing does';
	like $list->{text}, qr/^🔹 $old dangling · [\d.]+M · \d+s · 2 containers\z/m, '… and dangling ones at the end';
	like $talk->text('/images', as => 3), qr/no host that you may see/, 'out of scope';
	like $talk->text('/images', as => 4), qr/^🗂 1 image, [\d.]+ MiB\n🔹 $old dangling · [\d.]+M · \d+s · 1 container\z/, 'a scope leaves the images of what is in it';
	is $talk->text('/images', as => 5) =~ /unused/, 1, '… unless it is one of whole hosts';
	my ($row) = grep { $_->{dangling} } @{ data_with({}, 'images') };
	is_deeply [@$row{qw(host containers tags)}, substr $row->{id}, 7, 12], ['local', 2, [], $old], '… in JSON';
	cmp_ok $row->{size_bytes}, '>', 100_000, '… with its size';

	$engine->import_busybox(name => "many:$_", env => { N => $_ }) for 1 .. 18;
	my $page = ask('/images');
	like $page->{text}, qr/Page 1 of 2/, 'many have pages';
	my $next = $talk->press($page, '▶️');
	is $next->{answer}{message_id}, $page->{message_id}, '… in the same message';
	like $next->{text}, qr/dangling.*Page 2 of 2/s, '… to the end';
	says('/images page=x', qr{Usage: /images});
	$engine->api(DELETE => "/images/many:$_") for 1 .. 18;
};

subtest 'df' => sub {
	$engine->api(POST => '/volumes/create', { Name => 'empty' });
	my $df = ask('/df');
	like $df->{text}, qr/^💾 Disk use.*COUNT +SIZE +FREE\nimages +\d+ +[\d.]+M +[\d.]+\w\ncontainers +3 .*\nvolumes +1 .*\nbuild cache .*\ntogether +\d+ +[\d.]+M/s, '/df';
	ok $talk->press($df, '↻', same => 1)->{callback}, '… and again';
	like $talk->text('/df', as => 4), qr/about whole hosts/, 'who sees some of a host only may not';
	like $talk->text('/df', as => 5), qr/^💾 Disk use/, '… who sees all of it may';
	my %two = (hosts => { local => { url => $engine->url }, gone => { url => 'unix:///no/such/socket' } });
	my ($exit, $out) = run_with(\%two, 'df');
	is $exit, 0, 'a host that is gone';
	like $out, qr/🖥 local\n.*images.*⚠️ gone does not answer/s, '… is told, and the other one shown';
	my ($local) = @{ data_with({}, 'df') };
	is $local->{volumes}{count}, 1, '… in JSON';
	like +(run_with(\%two, 'df', 'host=gone'))[2], qr/gone/, 'only the one that is gone is an error';
	like +(run_with(\%two, 'images'))[1], qr/🖥 local: \d+ images.*gone does not answer/s, '/images of several hosts';
	like +(run_with(\%two, 'pull', $registry->ref('shop/web:2')))[1], qr{shop/web:2.*gone does not answer}s, '/pull on several hosts';
	(my $refused, $out) = run_with({ %two, confirm => { always => ['pull'] } }, 'pull', $registry->ref('shop/web:2'));
	is $refused, 1, '… which asks where it has to';
	like $out, qr{Pull \S+/shop/web:2\?\n• local$}m, '… and names the hosts';
	$engine->api(DELETE => '/volumes/empty');
};

subtest 'checks' => sub {
	$engine->clear;
	$registry->push('busybox:latest', 'shop/tool:1', keep => 1);
	my $tool = $registry->ref('shop/tool:1');
	my $digest = $registry->digest('shop/tool:1');
	$engine->run(name => $_, image => $tool, cmd => ['sleep', '1d'], init => 1) for qw(aa bb cc);
	# With containerd's store what was made here has a digest too, as if it came from Docker's registry.
	my ($made, $called) = $version eq '28.5' ? ('localhost/made:1', 'made:1') : ('busybox:latest') x 2;
	$engine->import_busybox(name => $made) if $called eq 'made:1';
	$engine->run(name => 'made', image => $made, start => 0);
	$engine->run(name => 'fixed', image => $registry->ref('shop/tool') . "\@$digest", start => 0);
	my $since = moment();
	$registry->forget;
	my $same = ask('/checkupdates');
	like $same->{text}, qr/^🔎 5 containers · 3 up to date · 2 unclear\n/, 'up to date';
	like $same->{text}, qr/Up to date\n✅ \Q$tool\E\n   aa, bb, cc\n/, '… the containers of an image together';
	like $same->{text}, qr/Cannot tell.*❔ \S+\@sha256:\w+…\n   fixed\n❔ \Q$called\E\n   made/s, '… what is in no registry, and what can only be one image';
	is asked('manifests', grep {/^HEAD/} $registry->requests), 1, '… after one question for all of them';

	$registry->make('shop/tool:2');
	$registry->point('shop/tool:1', 'shop/tool:2');
	my ($layer) = map { $_->{digest} } @{ json_decode(slurp($registry->_blob($registry->digest('shop/tool:2'))))->{layers} }[-1];
	$registry->forget;
	says('/checkupdates', qr/3 up to date/, 'an answer is kept');
	is_deeply [$registry->requests], [], '… nobody is asked';
	my $newer = ask('/checkupdates fresh');
	like $newer->{text}, qr/3 with a newer one/, 'fresh asks again';
	like $newer->{text}, qr{⬆️ \Q$tool\E @{[ short($digest) ]} → @{[ there('shop/tool:2') ]}\n   aa, bb, cc\n}, '… and finds what is newer';
	is asked('manifests', grep {/^HEAD/} $registry->requests), 1, '… with one question';
	is scalar(grep {/$layer/} $registry->requests), 0, '… no layer was fetched';
	my @pulls = grep {/"Action":"pull"/} split /\n/, $engine->request(GET => "/events?since=$since&until=" . moment() . '&filters=%7B%22type%22%3A%5B%22image%22%5D%7D')->{content};
	is_deeply \@pulls, [], '… and the engine pulled nothing';
	is_deeply [grep {/^Update/} $talk->buttons($newer)], ['Update aa', 'Update bb', 'Update cc'], '… and buttons update';
	like $talk->text('/checkupdates', as => 2), qr{/checkupdates.*operator}, 'a viewer may not';
	says('/checkupdates bb made', qr/^🔎 2 containers · 1 with a newer one · 1 unclear/, 'a selector');
	says('/checkupdates none', qr/no container matches "none"/);
	says('/pin bb', qr/bb/, 'a pinned one');
	my $pinned = ask('/checkupdates bb cc');
	like $pinned->{text}, qr/\n   bb 📌, cc$/m, '… is marked';
	is_deeply [grep {/^Update/} $talk->buttons($pinned)], ['Update cc'], '… and has no button';
	my ($row) = grep { $_->{name} eq 'bb' } @{ data_with({}, 'checkupdates') };
	is_deeply [@$row{qw(newer digest registry_digest)}], ['yes', $digest, $registry->digest('shop/tool:1')], 'JSON';

	# The name means another image on the host too: the list has only the old one's id then.
	says("/pull $tool", qr/is newer now/, 'pulled, but no container is on it');
	says('/checkupdates aa', qr/⬆️ \Q$tool\E .*→/, '… is still to be updated');
	$registry->halt;
	says('/checkupdates aa', qr/1 with a newer one/, 'a kept answer needs no registry');
	says('/checkupdates aa fresh', qr/1 failed.*connection refused; local cannot reach/s, 'a fresh one does');
	$registry->launch;
	$registry->remove_tag('shop/tool:1');
	says('/checkupdates aa fresh', qr{1 failed.*manifest unknown.*has no shop/tool:1}s, 'a tag that is gone');
	$engine->clear;
};

subtest 'quotas' => sub {
	my $front = $registry->front;
	my $ref = $front->ref('shop/web:1');
	$engine->api(POST => "/images/create?fromImage=" . $front->ref('shop/web') . '&tag=1');
	$engine->run(name => $_, image => $ref, cmd => ['sleep', '1d'], init => 1) for qw(pp qq);
	$front->rules(refuse => { status => 429, body => '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}' });
	says('/checkupdates', qr/2 failed.*pp, qq\n\s+\S+ of local has had too many requests and is asked again in (?:1h|59m)/s, 'a 429 is told, and until when');
	$front->forget;
	says('/checkupdates fresh', qr/2 failed.*too many requests/s, '… and respected, even by fresh');
	is_deeply [$front->requests], [], '… nobody is asked';
	my $row = data_with({}, 'checkupdates')->[0];
	cmp_ok $row->{retry_after_seconds}, '>', 3500, '… in JSON';
	says('/pull ' . $ref, qr/(?:slow down|429 Too Many Requests); \S+ wants fewer requests for now: try again later, or with credentials in images\.registries/, 'a pull says so too');
	$engine->clear;
	$front->stop;
};

subtest 'politeness' => sub {
	my $front = $registry->front;
	for my $tag (map {"t$_"} 1 .. 8) {
		$registry->point("shop/web:$tag", 'shop/web:2');
		$engine->api(POST => '/images/create?fromImage=' . $front->ref('shop/web') . "&tag=$tag");
		$engine->run(name => "many-$tag", image => $front->ref("shop/web:$tag"), start => 0);
	}
	$front->rules(hold => 0.3);
	$front->forget;
	says('/checkupdates many-*', qr/^🔎 8 containers · 8 up to date\n/, 'many names at one registry');
	is asked('manifests', grep {/^HEAD/} $front->requests), 8, '… a question each';
	cmp_ok $front->most_at_once, '<=', 4, '… four at a time at most';
	$engine->clear;
	$front->stop;
};

# An engine without /distribution, as Podman's service is: then the registry is asked over HTTP.
subtest 'asked directly' => sub {
	my $podman = FG::Registry::Front->start(unix => 1, to => 'unix:' . $engine->socket);
	$podman->rules(refuse => { match => '/distribution/', status => 404, body => '{"cause":"","message":"Path /v1.41/distribution/x/json is not supported","response":0}' });
	my $outside = $registry->front(outside => 1, port => $registry->port);
	my %there = (hosts => { local => { url => $podman->url } });
	my %login = (images => { registries => { $registry->name => { username => 'u', password_file => "$dir/password" } } });
	my $ref = $registry->ref('shop/web:1');
	$engine->api(POST => '/images/create?fromImage=' . $registry->ref('shop/web') . '&tag=1');
	$engine->run(name => 'ww', image => $ref, cmd => ['sleep', '1d'], init => 1);
	like +(run_with(\%there, 'checkupdates'))[1], qr/1 up to date/, 'a HEAD of the manifest';
	is_deeply [$outside->requests], ['HEAD /v2/shop/web/manifests/1'], '… and nothing more';
	$registry->make('shop/web:new');
	$registry->point('shop/web:1', 'shop/web:new');
	like +(run_with(\%there, 'checkupdates'))[1], qr{1 with a newer one.*→ @{[ there('shop/web:1') ]}}s, 'newer';
	$outside->rules(token => {});
	like +(run_with(\%there, 'checkupdates'))[1], qr/1 with a newer one/, 'with a token for anybody';
	$outside->rules(token => { user => 'u', password => 'open sesame' });
	like +(run_with(\%there, 'checkupdates'))[1], qr/1 failed.*unauthorized.*needs credentials for \S+ in images\.registries/s, 'a token that is not for anybody';
	like +(run_with({ %there, %login }, 'checkupdates'))[1], qr/1 with a newer one/, '… with credentials';
	$outside->rules(refuse => { status => 429, headers => { 'Retry-After' => 120 } });
	like +(run_with(\%there, 'checkupdates'))[1], qr/1 failed.*too many requests and is asked again in (?:2m|1m 59s)/s, "a 429's own time";
	$outside->stop;
	$podman->stop;
};

$talk->end_ok;
$_->stop for $registry, $private;
$engine->stop;
File::Path::remove_tree($dir);
done_testing;
