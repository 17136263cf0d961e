# Runs once, takes long. The side listener's certificate: how strict TLS is, another pair on HUP, and bad ones, which are refused.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);
use FG::Bot;
use FG::Sim;
use FG::Util qw(wait_until slurp spew scratch_dir free_port in_ci);
use FG::Wire qw(ask certificate closed connect_to put raw request take);

unless (FG::Sim->find_bin) {
	BAIL_OUT('no Bot API simulator was built') if in_ci();
	plan skip_all => 'no Bot API simulator was built';
}
unless (eval { require IO::Socket::SSL }) {
	BAIL_OUT('no IO::Socket::SSL') if in_ci();
	plan skip_all => 'no IO::Socket::SSL (libio-socket-ssl-perl)';
}

use constant TOLD => -1007;
my $sim = FG::Sim->start;
$sim->chat(chat => TOLD, type => 'supergroup', title => 'Told');    # before the bot writes to it
my $dir = scratch_dir();
END { my $status = $?; system 'rm', '-rf', $dir if $dir; $? = $status }

my $listen = '127.0.0.1:' . free_port();
my $to = "tls:$listen";

# Pairs, each with a name that only it has. What the config names are copies.
certificate("$dir/$_.pem", "$dir/$_.key", $_) for qw(one two three);

sub install {
	my ($cert, $key) = @_;
	spew("$dir/cert.pem", slurp("$dir/$cert.pem"));
	spew("$dir/cert.key", slurp("$dir/$key.key"));
	return;
}

sub config {
	my (%http) = @_;
	return {
		telegram => { token => $sim->token, api_url => $sim->url },
		users => [{ id => 7, role => 'admin' }],
		chats => [{ id => TOLD, role => 'viewer', notify => JSON::PP::true() }],
		notify => { startup_delay => '1h' },
		hosts => { gone => { url => "unix://$dir/nothing", timeout => '60s' } },
		http => { listen => $listen, tls => { cert => "$dir/cert.pem", key => "$dir/cert.key" }, %http },
	};
}

# The name in the certificate that a new connection is shown; '' when there is none.
sub shown {
	my $socket = connect_to($to, @_) or return '';
	return $socket->peer_certificate('commonName');
}

# A HUP, and what the log says to it.
sub reload {
	my ($bot) = @_;
	my $mark = $bot->log_mark;
	$bot->signal('HUP');
	$bot->wait_log(qr/the config was read again|the old config stays/, 20, $mark);
	return substr $bot->log, $mark;
}

install('one', 'one');
my $bot = FG::Bot->start(config => config());
ok wait_until(20, sub { request($to, GET => '/readyz')->{status} == 200 }), 'is ready' or diag $bot->log;
like $bot->log, qr{answered at https://\Q$listen\E}, 'and says where';

subtest 'strict' => sub {
	my $strict = { SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_PEER(), SSL_ca_file => "$dir/one.pem", SSL_verifycn_scheme => 'http', SSL_verifycn_name => 'one' };
	my $socket = connect_to($to, ssl => $strict);
	ok $socket, 'a client that checks the certificate is content' ;
	is ask($socket, GET => '/livez')->{status}, 200, 'and gets its answer';
	ok !connect_to($to, ssl => { %$strict, SSL_ca_file => "$dir/two.pem" }), 'one that trusts another is not';
	is connect_to($to, ssl => { SSL_version => $_->[0] })->get_sslversion, $_->[1], "$_->[1] is spoken" for ['TLSv1_2', 'TLSv1_2'], ['TLSv1_3', 'TLSv1_3'];
	# OpenSSL's own rules forbid these as well, unless told not to.
	ok !connect_to($to, ssl => { SSL_version => $_, SSL_cipher_list => 'DEFAULT:@SECLEVEL=0' }), "$_ is not" for qw(TLSv1_1 TLSv1);
	is raw($listen, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")->{status}, 0, 'without TLS there is no answer';
	is raw($listen, "\x16\x03\x01" . 'x' x 5000)->{status}, 0, 'nor to what only begins like it';
	is request($to, GET => '/livez')->{status}, 200, 'and neither hurts';
};

subtest 'slow handshakes' => sub {
	my @slow = map { connect_to($listen) } 1 .. 5;
	put($_, "\x16\x03\x01\x02\x00\x01") for @slow;
	my ($ticks, $begun) = ($bot->cpu_ticks, time);
	is request($to, GET => '/livez')->{status}, 200, 'hold up nobody else';
	ok wait_until(30, sub { 5 == grep { closed($_) } @slow }), 'are hung up on';
	cmp_ok $bot->cpu_ticks - $ticks, '<', 100, 'and meanwhile nothing spins';
	cmp_ok time - $begun, '>', 5, 'not before their time';
};

subtest 'another certificate' => sub {
	my $old = connect_to($to);
	my $stream = connect_to($to);
	put($stream, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
	like take($stream, 20, sub { $_[0] =~ /hello/ }), qr/event: hello/, 'somebody listens to events';
	install('two', 'two');
	is shown(), 'one', 'before the reload nothing changes';
	like reload($bot), qr/the config was read again/, 'the reload';
	is shown(), 'two', 'who connects now is shown the new one';
	is $old->peer_certificate('commonName') . ' ' . ask($old, GET => '/livez')->{status}, 'one 200', 'who had connected goes on';
	for my $name ('one', 'three') { install($name, $name); reload($bot) }
	is shown(), 'three', 'again and again';
	is ask($old, GET => '/livez')->{status}, 200, 'and still goes on';
	ok !closed($stream), 'as the events do';
};

subtest 'bad pairs' => sub {
	my $seen = $sim->last_seq;
	spew("$dir/noise.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	spew("$dir/empty.pem", '');
	spew("$dir/noise.key", "no key\n");
	system("openssl ec -aes128 -passout pass:secret -in $dir/one.key -out $dir/locked.key 2>/dev/null") == 0 or die 'openssl ec';
	for my $row (
		['a key of another pair', 'one', 'two', qr/http\.tls\.key: the key \S+ does not belong to the certificate/],
		['a certificate that is none', 'noise', 'one', qr/http\.tls\.cert: cannot use \S+: it holds no certificate in PEM format/],
		['an empty certificate', 'empty', 'one', qr/http\.tls\.cert: cannot use/],
		['a key that is none', 'one', 'noise', qr/http\.tls\.key: cannot use \S+: it holds no private key/],
		['a key that is locked', 'one', 'locked', qr/http\.tls\.key: cannot use \S+: it holds no private key in PEM format that needs no passphrase/],
	) {
		my ($name, $cert, $key, $says) = @$row;
		install($cert, $key);
		my $log = reload($bot);
		like $log, $says, "$name: the log says so";
		like $log, qr/the old config stays/, "$name: is refused";
		is shown(), 'three', "$name: the old one stays";
		next unless $key eq 'two';
		my ($exit, undef, $err) = FG::Bot::check_config(config());
		is $exit, 2, "$name: check finds it";
		like $err, $says, "$name: and says so";
	}
	install('one', 'one');
	unlink "$dir/cert.key";
	like reload($bot), qr/http\.tls\.key: cannot use \S+: No such file/, 'a missing one is refused';
	is shown(), 'three', 'and the old one stays';
	ok $sim->wait_call(after => $seen, timeout => 20, match => sub {
		$_[0]{method} eq 'sendMessage' && $_[0]{params}{chat_id} == TOLD && $_[0]{params}{text} =~ /does not belong to the certificate/;
	}), 'the chat was told';
	install('one', 'one');
	reload($bot);
	is shown(), 'one', 'a good one is taken after all that';
};

subtest 'TLS off and on' => sub {
	$bot->configure(config(tls => {}));
	like reload($bot), qr/http\.tls: needs cert and key/, 'half of it is refused';
	my %plain = %{ config() };
	delete $plain{http}{tls};
	$bot->configure(\%plain);
	reload($bot);
	is request($listen, GET => '/livez')->{status}, 200, 'off: at the same address without';
	ok !connect_to($to), 'and not with it';
	$bot->configure(config());
	reload($bot);
	is shown(), 'one', 'on: with it';
	is raw($listen, "GET /livez HTTP/1.0\r\n\r\n")->{status}, 0, 'and not without';
	my %unix = (listen => "unix:$dir/http");
	$bot->configure(config(%unix));
	reload($bot);
	ok -S "$dir/http" && !connect_to($to), 'elsewhere: a Unix socket';
	my %bare = %{ config(%unix) };
	delete $bare{http}{tls};
	$bot->configure(\%bare);
	reload($bot);
	is request("unix:$dir/http", GET => '/livez')->{status}, 200, 'off there, too';
	$bot->stop_ok;
	ok !-e "$dir/http", 'whose file is gone in the end';
};

subtest 'who may ask' => sub {
	my $open = '0.0.0.0:' . free_port();
	my ($exit, undef, $err) = FG::Bot::check_config(config(listen => $open));
	is $exit, 2, 'TLS alone does not let others ask';
	like $err, qr/without a token/, 'and that is said';
	spew("$dir/token", "open-sesame\n");
	my $guarded = FG::Bot->start(config => config(listen => $open, token_file => "$dir/token"));
	(my $there = $open) =~ s/^0\.0\.0\.0/tls:127.0.0.1/;
	ok wait_until(20, sub { request($there, GET => '/livez', Host => 'any.example')->{status} == 200 }), 'with a token it listens';
	is request($there, GET => '/health')->{status}, 401, 'and wants it';
	$guarded->stop_ok;
	certificate("$dir/old.pem", "$dir/old.key", 'old', 9);
	install('old', 'old');
	my $late = FG::Bot->start(config => config());
	ok wait_until(20, sub { shown() eq 'old' }), 'one that has expired is shown';
	like $late->log, qr/has expired/, 'and warned of';
	$late->stop_ok;
	install('one', 'two');
	my $refused = FG::Bot->start(config => config());
	is $refused->wait_exit, 2, 'with a bad pair it does not start';
};

$sim->stop;
done_testing;
