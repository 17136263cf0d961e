# Runs once, takes long.
# Engines over TCP with TLS: a certificate on both sides works, and each way in which it does not says what to do.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Path ();
use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use FG::Bot;
use FG::Certificates;
use FG::Child;
use FG::Engine;
use FG::Util qw(scratch_dir slurp spew json_encode);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
my ($version) = FG::Engine->versions;
FG::Engine->need($version);
FG::Certificates->need;

my $dir = scratch_dir();

my $made = FG::Certificates->in($dir);
$made->authority('ca');
$made->authority('other-ca');
$made->signed('server', 'ca', 'subjectAltName=IP:127.0.0.1,DNS:engine.example');
$made->signed('elsewhere', 'ca', 'subjectAltName=DNS:elsewhere.example');
$made->signed('expired', 'ca', 'subjectAltName=IP:127.0.0.1', '-days -1');
$made->signed('client', 'ca', 'extendedKeyUsage=clientAuth');
$made->signed('stranger', 'other-ca', 'extendedKeyUsage=clientAuth');
$made->openssl("ec -in $dir/client.key -aes128 -passout pass:secret -out $dir/locked.key");

# The engine's socket stays; its TCP port speaks TLS with that certificate.
sub presents { my ($name) = @_; return $made->of_engine($name, 'ca') }

my $engine = FG::Engine->start(version => $version, daemon => { presents('server') }, listen => ['tcp://127.0.0.1:2376']);
$engine->run(name => 'web', cmd => ['sleep', '1d']);

# Runs the bot in the engine's network; (exit code, stdout).
sub fleetgram {
	my ($host, @words) = @_;
	mkdir "$dir/state", 0700;
	spew("$dir/config.json", json_encode({ state_dir => "$dir/state", hosts => { far => { timeout => '60s', %$host } } }));
	my ($exit, $out, $err) = FG::Bot::run_bin(bin => '/usr/bin/nsenter',
		args => ['--net=/run/netns/' . $engine->netns, FG::Bot::binary(), '-c', "$dir/config.json", @words]);
	utf8::decode($out);
	return ($exit, $out . ($exit == 2 ? $err : ''));
}

my %tls = %{ $made->of_host('client', 'ca') };
my $url = 'tcp://127.0.0.1:2376';

sub fails {
	my ($name, $host, $pattern) = @_;
	my ($exit, $out) = fleetgram($host, 'check');
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok $exit != 0 && $out =~ $pattern, $name or diag "exit code $exit: $out";
	return;
}

subtest 'both sides know each other' => sub {
	my ($exit, $out) = fleetgram({ url => $url, tls => \%tls }, 'check');
	is $exit, 0, 'check' or diag $out;
	like $out, qr/^ok\s+host far\s+docker /m, 'the engine answers';
	($exit, $out) = fleetgram({ url => $url, tls => \%tls }, 'exec', '--', 'list');
	like $out, qr/\bweb\b/, 'its containers are listed';
	($exit, $out) = fleetgram({ url => 'tcp://[::1]:2376', tls => \%tls }, 'check');
	like $out, qr/^FAIL  host far.*nobody listens there; does the engine run/m, 'the other loopback has nothing';
};

subtest 'a docker context' => sub {
	require Digest::SHA;
	my $id = Digest::SHA::sha256_hex('far-away');
	File::Path::make_path("$dir/docker/contexts/meta/$id", "$dir/docker/contexts/tls/$id/docker");
	spew("$dir/docker/contexts/meta/$id/meta.json", json_encode({ Name => 'far-away', Metadata => {},
		Endpoints => { docker => { Host => $url, SkipTLSVerify => JSON::PP::false() } } }));
	symlink "$dir/$_->[0]", "$dir/docker/contexts/tls/$id/docker/$_->[1].pem" for ['ca.pem', 'ca'], ['client.pem', 'cert'], ['client.key', 'key'];
	local $ENV{DOCKER_CONFIG} = "$dir/docker";
	# FG::Bot keeps what is Docker's from the bot, so it gets it by the way.
	my ($exit, $out, $err) = FG::Bot::run_bin(bin => '/usr/bin/nsenter', env => { DOCKER_CONFIG => "$dir/docker" }, args => [
		'--net=/run/netns/' . $engine->netns, FG::Bot::binary(), '-c',
		spew("$dir/context.json", json_encode({ state_dir => "$dir/state", hosts => { far => { context => 'far-away', timeout => '60s' } } })), 'check']);
	is $exit, 0, 'is as good as a url and files' or diag $out . $err;
	spew("$dir/context.json", json_encode({ state_dir => "$dir/state", hosts => { far => { context => 'nowhere' } } }));
	($exit, $out, $err) = FG::Bot::run_bin(env => { DOCKER_CONFIG => "$dir/docker" }, args => ['-c', "$dir/context.json", 'check']);
	is $exit, 2, 'one that there is not';
	like $err, qr{context\.json:\d+:\d+: hosts\.far\.context: there is no docker context "nowhere".*$dir/docker/contexts/meta/[0-9a-f]{64}/meta\.json}, '… is a mistake in the config that names the file';
};

subtest 'what is wrong says what to do' => sub {
	fails('another authority', { url => $url, tls => { %tls, ca => "$dir/other-ca.pem" } }, qr/signed the engine's certificate.*tls\.ca/);
	fails('only the system\'s authorities', { url => $url, tls => { cert => $tls{cert}, key => $tls{key} } }, qr/signed the engine's certificate.*tls\.ca/);
	fails('no certificate of ours', { url => $url, tls => { ca => $tls{ca} } }, qr/tls\.cert and tls\.key/);
	fails('one that it does not know', { url => $url, tls => { %tls, cert => "$dir/stranger.pem", key => "$dir/stranger.key" } }, qr/tls\.cert and tls\.key/);
	fails('no TLS on a port that speaks it', { url => $url }, qr/speaks TLS only; name the certificate files/);
	fails('a file that is not there', { url => $url, tls => { %tls, ca => "$dir/none.pem" } }, qr/look at the host's tls files.*none\.pem/);
	fails('a certificate that is none', { url => $url, tls => { %tls, cert => "$dir/openssl.log" } }, qr/look at the host's tls files/);
	fails('a key of another certificate', { url => $url, tls => { %tls, key => "$dir/stranger.key" } }, qr/look at the host's tls files/);
	fails('a key with a passphrase asks nobody', { url => $url, tls => { %tls, key => "$dir/locked.key" } }, qr/without a passphrase/);
	fails('a port where nobody listens', { url => 'tcp://127.0.0.1:2377', tls => \%tls }, qr/nobody listens there/);
	fails('a name without an address', { url => 'tcp://nowhere.invalid:2376', tls => \%tls }, qr/name has no address/);
	fails('no way there', { url => 'tcp://192.0.2.1:2376', tls => \%tls }, qr/no way leads to the host/);
};

subtest 'a frozen engine is a time-out' => sub {
	$engine->freeze;
	fails('which is told', { url => $url, tls => \%tls, timeout => '1s' }, qr/no connection came about in time; is the host up, does its engine answer/);
	$engine->thaw;
};

subtest 'a port without TLS' => sub {
	my $listener = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1') or die "listen: $!";
	my $plain = FG::Child->create->run(plain => sub {
		my ($parent) = @_;
		while (getppid == $parent && (my $one = $listener->accept)) {
			sysread $one, my $hello, 4096;
			syswrite $one, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
			close $one;
		}
	});
	my ($exit, $out) = FG::Bot::check_config({ hosts => { far => { url => 'tcp://127.0.0.1:' . $listener->sockport, tls => \%tls } } });
	like $out, qr/^FAIL  host far.*does not speak TLS.*2376/m, 'the other way round';
	$plain->stop;
};

for my $case (['elsewhere', qr/certificate is for another name/, 'another name'], ['expired', qr/not valid today.*clocks/, 'yesterday']) {
	my ($name, $pattern, $what) = @$case;
	spew($engine->dir . '/daemon.json', json_encode({ 'shutdown-timeout' => 2, 'deprecated-key-path' => $engine->dir . '/key.json', presents($name) }));
	$engine->restart;
	fails("an engine's certificate that is for $what", { url => $url, tls => \%tls }, $pattern);
}

$engine->stop;
File::Path::remove_tree($dir);
done_testing;
