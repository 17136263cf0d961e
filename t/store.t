# Runs once, takes long
# The store when the disk does not do its part: full, read-only, damaged; and several processes on one state folder.
use strict;
use warnings;
use utf8;
use FindBin;
use IO::Select;
use IO::Socket::UNIX;
use IPC::Open2 qw(open2);
use Socket qw(SOCK_DGRAM);
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::FakeEngine;
use FG::Scene qw(OPERATOR start_sim quick_config store_rows wait_settled no_complaints need_sqlite patient texts);
use FG::Sim;
use FG::Util qw(json_encode wait_until scratch_dir spew slurp in_ci);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
unless (FG::Sim->find_bin) {
	BAIL_OUT('no Bot API simulator was built') if in_ci();
	plan skip_all => 'no Bot API simulator was built';
}
need_sqlite();

my $dir = scratch_dir();
my $owner = $$;
my %mounted;
END {
	my $status = $?;
	if ($owner && $owner == $$) {
		system 'umount', '-l', $_ for keys %mounted;
		system 'rm', '-rf', $dir if $dir;
	}
	$? = $status;
}

# A small disk of its own; undef when there is no way to have one.
sub small_disk {
	my ($name) = @_;
	mkdir "$dir/$name" or die "$dir/$name: $!";
	return undef if system "mount -t tmpfs -o size=8m,mode=0700 fleetgram-test $dir/$name 2>/dev/null";
	$mounted{"$dir/$name"} = 1;
	return "$dir/$name";
}

# Nothing more fits.
sub fill {
	my ($disk) = @_;
	open my $out, '>', "$disk/ballast" or die "$disk/ballast: $!";
	1 while syswrite $out, "\0" x 4096;
	close $out;
	return;
}

my $engine = FG::FakeEngine->start(containers => [], seed => 1);
sub config { my ($sim, $state) = @_; return quick_config($sim, { local => $engine->url }, state_dir => $state, health => { refresh => '1s' }) }
sub count { my ($pattern, $text) = @_; my $n = () = $text =~ /$pattern/g; return $n }
sub sound { my ($state) = @_; return qx(sqlite3 -batch '$state/fleetgram.db' 'PRAGMA integrity_check' 2>&1) }

subtest 'a full disk' => sub {
	my $disk = small_disk('full') or plan skip_all => 'no tmpfs can be mounted here';
	my $sim = start_sim();
	my $bot = FG::Bot->start(config => config($sim, $disk))->wait_ready;
	ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'it answers';
	ok wait_settled($bot), 'and is done';
	my $store = $bot->json('/health')->{store};
	is_deeply [@$store{qw(state problem)}], ['ok', undef], 'the store is well';
	cmp_ok $store->{free_bytes}, '<=', $store->{total_bytes}, '… and says what room it has';

	my $mark = $bot->log_mark;
	fill($disk);
	my $said = 0;
	my $failing = wait_until(patient(40), sub {
		$sim->say(user => OPERATOR, text => '/version') && $said++ if $said < 40;
		return $bot->json('/health')->{store}{state} eq 'failing';
	});
	ok $failing, "after $said commands it says that the store fails";
	my $answer = $bot->http(GET => '/health');
	is $answer->{status}, 200, 'with 200';
	my $health = FG::Util::json_decode($answer->{content});
	is $health->{status}, 'degraded', 'degraded';
	is $health->{store}{problem}, 'the disk is full', 'and why';
	is $bot->http(GET => '/livez')->{status}, 200, 'it lives';
	$sim->say(user => OPERATOR, text => '/version') && $said++ for 1 .. 30;
	# Some polls later it still has not confirmed what it could not keep.
	my $seq = $sim->last_seq;
	ok $sim->wait_call(method => 'getUpdates', after => $seq, timeout => patient(40)), 'it goes on asking for what it could not keep';
	my $log = substr $bot->log, $mark;
	is count(qr/ error .*the disk is full; what has to be kept waits/, $log), 1, 'the log says it once';
	cmp_ok count(qr/ (?:error|warn) /, $log), '<=', 5, 'and nothing floods it' or diag $log;
	my ($in, undef, $err) = FG::Bot::exec_cmd($bot->config_file, '/version');
	isnt $in, undef, "another process ends, too: $err";

	unlink "$disk/ballast" or die "ballast: $!";
	ok wait_until(patient(30), sub { $bot->json('/health')->{store}{state} eq 'ok' }), 'with room it recovers by itself';
	is $bot->json('/health')->{status}, 'ok', 'and is well';
	ok wait_until(patient(60), sub { texts($sim, OPERATOR) >= $said + 1 }), 'all answers come' or diag scalar(texts($sim, OPERATOR)), " of $said + 1";
	ok wait_settled($bot, 40), 'nothing is left undone';
	is scalar(texts($sim, OPERATOR)), $said + 1, 'each command was answered once';
	is count(qr/can be written again/, substr $bot->log, $mark), 1, 'the end is told once';
	is sound($disk), "ok\n", 'the database is whole';
	no_complaints($sim);
	$bot->stop_ok;

	fill($disk);
	my ($exit, undef, $why) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'run']);
	is $exit, 1, 'on a full disk it does not start' or diag $why;
	like $why, qr/the disk is full/, 'and says why';
	unlink "$disk/ballast";
	$bot->restart->wait_ready;
	is sound($disk), "ok\n", 'with room it does, and nothing is broken';
	$bot->stop_ok;

	is system('mount', '-o', 'remount,ro', $disk), 0, 'the folder is made read-only';
	($exit, undef, $why) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'run']);
	is $exit, 1, 'there it does not start either';
	like $why, qr/read-only file system|cannot be written/i, 'and says why';
	cmp_ok count(qr/\n/, $why), '<=', 3, 'in few words' or diag $why;
	system 'mount', '-o', 'remount,rw', $disk;
	$bot->restart->wait_ready;
	ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'writable again, it works';
	$bot->stop_ok;
};

# Where commands do not have to be stored before they are run.
subtest 'what a console says of a full disk' => sub {
	my $disk = small_disk('console') or plan skip_all => 'no tmpfs can be mounted here';
	spew("$dir/console.json", json_encode({ state_dir => $disk, hosts => { local => { url => $engine->url } } }));
	local $SIG{ALRM} = sub { die "the console says nothing\n" };
	alarm patient(60);
	my $pid = open2(my $out, my $in, FG::Bot::binary(), '-c', "$dir/console.json", 'console');
	binmode $out, ':encoding(UTF-8)';
	$in->autoflush;
	print {$in} "/health\n";
	my $text = '';
	$text .= $_ while $text !~ /Telegram: disabled\n/ && defined($_ = <$out>);
	like $text, qr/^🟢 ok/m, 'all is well';
	unlike $text, qr/Store/, '… which needs no word';
	fill($disk);
	print {$in} "/version\n/health\n";
	close $in;
	$text = do { local $/ = undef; <$out> };
	alarm 0;
	waitpid $pid, 0;
	like $text, qr/^🟠 degraded.*^Store: failing \(the disk is full/ms, '/health says that the store fails';
};

# A disk of its own that can turn read-only under whoever writes to it, as one with errors does; undef where there is none.
sub failing_disk {
	my ($name) = @_;
	mkdir "$dir/$name" or die "$dir/$name: $!";
	return undef if system "truncate -s 32M $dir/$name.img && mkfs.ext4 -q $dir/$name.img && mount -o loop $dir/$name.img $dir/$name 2>/dev/null";
	$mounted{"$dir/$name"} = 1;
	return "$dir/$name";
}

subtest 'a disk that turns read-only while the bot runs' => sub {
	my $disk = failing_disk('failing') or plan skip_all => 'no disk image can be mounted here';
	my $sim = start_sim();
	my $bot = FG::Bot->start(config => config($sim, "$disk/state"))->wait_ready;
	ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'it answers';
	ok wait_settled($bot), 'and is done';
	my $mark = $bot->log_mark;
	is system('mount', '-o', 'remount,abort', $disk), 0, 'the disk fails';
	$sim->say(user => OPERATOR, text => '/version') for 1 .. 3;
	ok wait_until(patient(40), sub { $bot->json('/health')->{store}{state} eq 'failing' }), 'it says that the store fails';
	like $bot->json('/health')->{store}{problem}, qr/^the state folder cannot be written \(Read-only file system\)$/, 'and why';
	is $bot->http(GET => '/livez')->{status}, 200, 'it lives';
	my $seq = $sim->last_seq;
	ok $sim->wait_call(method => 'getUpdates', after => $seq, timeout => patient(40)), 'it goes on asking for what it could not keep';
	is count(qr/ error .*what has to be kept waits/, substr $bot->log, $mark), 1, 'the log says it once';
	$bot->stop_ok('it ends in order all the same');
	is system("umount $disk && (fsck.ext4 -p $disk.img >/dev/null; mount -o loop $disk.img $disk)"), 0, 'the disk is mended';
	$bot->restart->wait_ready;
	ok wait_until(patient(60), sub { texts($sim, OPERATOR) >= 4 }), 'all answers come' or diag scalar(texts($sim, OPERATOR)), ' of 4';
	ok wait_settled($bot, 40), 'nothing is left undone';
	is scalar(texts($sim, OPERATOR)), 4, 'each command was answered once';
	is sound("$disk/state"), "ok\n", 'the database is whole';
	no_complaints($sim);
	$bot->stop_ok;
};

# The databases beside the one in use that were damaged.
sub aside { my ($state) = @_; return grep { !/-(?:wal|shm)\z/ } glob "$state/fleetgram.db.damaged-*" }

sub overwrite {
	my ($file, $at, $bytes) = @_;
	open my $out, '+<', $file or die "$file: $!";
	seek $out, $at, 0;
	print $out $bytes;
	return close $out;
}

my %damage = (
	'no database at all' => sub { spew($_[0], 'this is no database ' x 1000) },
	'a file cut in half' => sub { truncate $_[0], int((-s $_[0]) / 2) or die "truncate: $!" },
	'pages of something else' => sub { my ($file) = @_; overwrite($file, $_ * 4096, "\xff" x 4096) for 3 .. (-s $file) / 4096 - 1 },
);

subtest 'a damaged database' => sub {
	my $fleet = FG::FakeEngine->start(seed => 1, containers => [
		map { { name => $_, labels => { 'io.fleetgram.managed' => 'true', 'io.fleetgram.instance' => $_ } } } qw(one two) ]);
	for my $name (sort keys %damage) {
		my $sim = start_sim();
		my $bot = FG::Bot->start(config => quick_config($sim, { local => $fleet->url }, health => { refresh => '1s' }))->wait_ready;
		my $file = $bot->state_dir . '/fleetgram.db';
		my $known = sub { join ' ', sort map { $_->{name} } @{ $bot->json('/status')->{instances} } };
		ok wait_until(patient(20), sub { $known->() eq 'one two' }), "$name: two instances";
		ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'an answer';
		ok wait_settled($bot), 'and nothing left to do';
		$bot->stop_ok;
		$damage{$name}->($file);
		my $bytes = slurp($file);

		my ($exit, $out, $err) = FG::Bot::exec_cmd($bot->config_file, '/list');
		like $err, qr/is damaged/, "$name: exec says so" or diag "exit $exit: $out";
		ok $exit, '… and fails';
		is slurp($file), $bytes, '… and moves nothing';

		my $mark = $bot->log_mark;
		$bot->restart->wait_ready;
		my @aside = aside($bot->state_dir);
		is @aside, 1, 'the bot sets it aside';
		is slurp($aside[0]), $bytes, '… as it was';
		like $aside[0], qr/\.damaged-\d{8}T\d{6}Z\z/, '… with the time in its name';
		is count(qr/ error .*is damaged .*it is kept as \Q$aside[0]\E/, substr $bot->log, $mark), 1, '… and says so';
		my $told = $sim->wait_message(chat => OPERATOR, match => qr/database was damaged/, timeout => patient(20));
		like $told->{text}, qr/\Q$aside[0]\E/, '… to the admin, too';
		ok wait_until(patient(20), sub { $known->() eq 'one two' }), 'the instances are back';
		ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'it works';
		is $bot->json('/health')->{store}{state}, 'ok', 'and is well';
		ok wait_settled($bot), 'nothing is left to do';
		$bot->stop_ok;
		$bot->restart->wait_ready;
		is_deeply [aside($bot->state_dir)], \@aside, 'another start moves nothing';
		ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'and works';
		is scalar(grep {/damaged/} texts($sim, OPERATOR)), 1, 'it was told once';
		no_complaints($sim);
		$bot->stop_ok;
	}
};

# The bot, run by a shell that does something first: "exec strace …" or "ulimit …; exec".
sub wrapped {
	my ($name, $before) = @_;
	spew("$dir/$name", "#!/bin/sh\n$before " . FG::Bot::binary() . qq( "\$@"\n));
	chmod 0755, "$dir/$name";
	return "$dir/$name";
}

sub told_of_damage { my ($sim) = @_; return scalar grep {/database was damaged/} texts($sim, OPERATOR) }

# It cannot write so large a file: a crash after the old one was moved and before anything is in the new one.
subtest 'a crash while a damaged database is set aside' => sub {
	my $sim = start_sim();
	my $bot = FG::Bot->start(config => config($sim, "$dir/crash"))->wait_ready;
	ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'somebody to tell';
	$bot->stop_ok;
	$damage{'no database at all'}->("$dir/crash/fleetgram.db");
	$bot->{bin} = wrapped('limited', 'ulimit -f 8; exec');
	$bot->restart;
	ok $bot->wait_exit(30), 'it ends';
	my @aside = aside("$dir/crash");
	is @aside, 1, 'the old one was moved';
	$bot->{bin} = FG::Bot::binary();
	$bot->restart->wait_ready;
	like $sim->wait_message(chat => OPERATOR, match => qr/database was damaged/, timeout => patient(20))->{text} // '', qr/\Q$aside[0]\E/, 'the next start tells of it';
	ok wait_settled($bot), 'nothing is left to do';
	$bot->stop_ok;
	# As if the last moment of it had been cut off.
	spew("$dir/crash/fleetgram.db.aside", $aside[0]);
	$bot->restart->wait_ready;
	ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'it works';
	is told_of_damage($sim), 1, 'and tells it once';
	ok !-e "$dir/crash/fleetgram.db.aside", 'the note of it is gone';
	$bot->stop_ok;
};

subtest 'a disk that cannot be read while the database is checked' => sub {
	my $sim = start_sim();
	my $bot = FG::Bot->start(config => config($sim, "$dir/unread"))->wait_ready;
	ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'there is something to read';
	$bot->stop_ok;
	my $said = 0;
	for my $nth (1, 2, 3, 5, 8, 13) {
		my $mark = $bot->log_mark;
		$bot->{bin} = wrapped('unread-once', "exec strace -D -f -o /dev/null -P '$dir/unread/fleetgram.db' -e trace=pread64 -e inject=pread64:error=EIO:when=$nth");
		$bot->restart;
		ok wait_until(patient(40), sub { !$bot->running || $bot->http(GET => '/readyz', timeout => 5)->{status} == 200 }), "read $nth fails: it starts, or ends";
		$said++ if substr($bot->log, $mark) =~ /cannot be checked: it cannot be read/;
		$bot->stop;
		is_deeply [aside("$dir/unread")], [], '… and takes it for no damage';
	}
	cmp_ok $said, '>', 0, 'that it could not be checked is said';
	$bot->{bin} = FG::Bot::binary();
	$bot->restart->wait_ready;
	ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'with a good disk it goes on';
	is sound("$dir/unread"), "ok\n", 'with the same database, whole';
	$bot->stop_ok;
};

# However large it is: systemd is asked for the time that the check takes.
subtest 'a start under systemd' => sub {
	my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dir/notify") or die "$dir/notify: $!";
	my $sim = start_sim();
	my $bot = FG::Bot->start(config => config($sim, "$dir/systemd"), env => { NOTIFY_SOCKET => "$dir/notify" })->wait_ready;
	my @said;
	while ((join ' ', @said) !~ /READY=1/ && IO::Select->new($socket)->can_read(patient(20))) {
		$socket->recv(my $text, 4096);
		push @said, $text;
	}
	like $said[0] // '', qr/^EXTEND_TIMEOUT_USEC=\d{8}$/, 'more time, before anything is read';
	is scalar(grep {/^READY=1$/} @said), 1, 'then it is ready';
	$bot->stop_ok;
};

subtest 'a database of a newer release' => sub {
	my $sim = start_sim();
	my $bot = FG::Bot->start(config => config($sim, "$dir/newer"))->wait_ready;
	$bot->stop_ok;
	is system('sqlite3', "$dir/newer/fleetgram.db", 'PRAGMA user_version = 99'), 0, 'made newer';
	my ($exit, undef, $why) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'run']);
	is $exit, 1, 'is refused';
	like $why, qr/newer Fleetgram/, 'with the reason';
	is_deeply [aside("$dir/newer")], [], 'and left where it is';
};

subtest 'several processes on one state folder' => sub {
	my $fleet = FG::FakeEngine->start(seed => 1, containers => [
		map { { name => "c$_", labels => { 'io.fleetgram.managed' => 'true', 'io.fleetgram.instance' => "c$_" } } } 1 .. 5 ]);
	my $sim = start_sim();
	my $bot = FG::Bot->start(config => quick_config($sim, { local => $fleet->url }, health => { refresh => '1s' }))->wait_ready;
	ok wait_until(patient(20), sub { @{ $bot->json('/status')->{instances} } == 5 }), 'five instances';
	my @config = ('-c', $bot->config_file);

	my ($exit, $out, $err) = FG::Bot::run_bin(args => [@config, 'run']);
	is $exit, 1, 'a second bot ends';
	like $err, qr/another Fleetgram runs on \Q@{[$bot->state_dir]}\E/, 'and says why';
	ok $sim->ask(user => OPERATOR, text => '/version', timeout => patient(20)), 'the first one goes on';

	# All at once: the bot writes with every command, import and restart write beside it.
	my $registry = $bot->dir . '/registry.json';
	is +(FG::Bot::run_bin(args => [@config, 'registry', 'export', $registry]))[0], 0, 'registry export';
	my $said = 0;
	my %children;
	for my $round (1 .. 4) {
		my %jobs = (
			export => [[@config, qw(registry export)], qr/"c5"/],
			import => [[@config, qw(registry import), $registry], qr//],
			restart => [[@config, qw(exec --yes -- /restart), "c$round"], qr/c$round/],
			console => [[@config, 'console'], qr/Fleetgram/],
		);
		for my $name (sort keys %jobs) {
			my ($args, $pattern) = @{ $jobs{$name} };
			defined(my $pid = fork) or die "fork: $!";
			if (!$pid) {
				my ($code, $stdout, $stderr) = FG::Bot::run_bin(args => $args, stdin => $name eq 'console' ? "/version\n" : '');
				print STDERR "# $name: exit $code, $stdout$stderr\n" if $code || $stdout !~ $pattern;
				require POSIX;
				POSIX::_exit($code || $stdout !~ $pattern ? 1 : 0);
			}
			$children{$pid} = "$name $round";
		}
		for (1 .. 10) { $sim->say(user => OPERATOR, text => '/version'); $said++ }
	}
	my @failed;
	for my $pid (sort keys %children) {
		waitpid $pid, 0;
		push @failed, $children{$pid} if $?;
	}
	is_deeply \@failed, [], 'export, import, exec and console work beside it, all at once';
	ok wait_until(patient(60), sub { texts($sim, OPERATOR) >= $said + 1 }), 'so does the bot';
	ok wait_settled($bot), 'nothing is left undone';
	is scalar(texts($sim, OPERATOR)), $said + 1, 'each command was answered once';
	is $fleet->effects->{"restart c$_"}, 1, "c$_ was restarted once" for 1 .. 4;
	is $bot->json('/health')->{store}{state}, 'ok', 'the store is well';
	is sound($bot->state_dir), "ok\n", 'and whole';
	unlike $bot->log, qr/ error /, 'no error' or diag $bot->log;
	no_complaints($sim);
	$bot->stop_ok;
};

done_testing;
