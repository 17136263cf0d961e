# Runs once, takes long. The wall clock is set, by hours and by years, while the bot runs: nothing is lost, doubled, or held until that
# time comes again. Only the wall clock is changed (libfaketime, by a file that is read with every look); the machine's
# own goes on. The release build only: the sanitizers' runtime and libfaketime both want to be loaded first.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Bot;
use FG::FakeEngine;
use FG::Scene qw(OPERATOR start_sim quick_config store_rows wait_rows wait_settled no_complaints need_sqlite patient texts);
use FG::Sim;
use FG::Util qw(wait_until scratch_dir spew in_ci);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
unless (FG::Sim->find_bin) {
	BAIL_OUT('no Bot API simulator was built') if in_ci();
	plan skip_all => 'no Bot API simulator was built';
}
my ($library) = glob '/usr/lib/*/faketime/libfaketimeMT.so.1';
unless ($library) {
	BAIL_OUT('libfaketime is not there') if in_ci();
	plan skip_all => 'libfaketime is not there';
}
plan skip_all => "libfaketime does not go with a sanitizer's runtime" if FG::Bot::sanitized();
need_sqlite();

use constant { HOUR => 3600, DAY => 86400, OTTO => 1002 };

my $dir = scratch_dir();
my $owner = $$;
END { my $status = $?; system 'rm', '-rf', $dir if $dir && $owner == $$; $? = $status }

# How far ahead of the real clock the bot's is.
my $ahead = 0;
sub set_clock {
	($ahead) = @_;
	spew("$dir/clock.new", sprintf "%+d\n", $ahead);
	rename "$dir/clock.new", "$dir/clock" or die "rename: $!";
	return;
}
sub now { return time + $ahead }

set_clock(0);
my $sim = start_sim();
my $engine = FG::FakeEngine->start(seed => 1, containers => [map { { name => "c$_" } } 1 .. 4]);
my $slow = FG::FakeEngine->start(seed => 1, containers => [{ name => 'slow' }], delay_ms => 4000);
my $bot = FG::Bot->start(
	config => quick_config($sim, { local => { url => $engine->url, timeout => '60s' }, far => { url => $slow->url, timeout => '60s' } },
		users => [{ id => OPERATOR, name => 'ops', role => 'admin' }, { id => OTTO, name => 'otto', role => 'viewer' }],
		schedules => [{ name => 'hourly', cron => '0 * * * *', command => '/restart c2' }], timezone => 'UTC',
		confirm => { always => ['kill'], ttl => '60s' }, notify => { startup_delay => '1h' }),
	env => { LD_PRELOAD => $library, FAKETIME_TIMESTAMP_FILE => "$dir/clock", FAKETIME_NO_CACHE => 1, DONT_FAKE_MONOTONIC => 1, NO_FAKE_STAT => 1 },
)->wait_ready;
$sim->chat(chat => $_, first_name => "User $_") for OPERATOR, OTTO;

# As Telegram, whose clock is the bot's unless it says otherwise.
sub say { my ($text, %o) = @_; return $sim->say(user => OPERATOR, text => $text, date => now(), %o) }
sub ask { my ($text, %o) = @_; return $sim->ask(user => OPERATOR, text => $text, date => now(), timeout => patient(30), %o) }
sub text { my $answer = ask(@_); return $answer ? $answer->{text} : '(no answer)' }
sub count { my ($pattern, $after) = @_; return scalar grep {/$pattern/} texts($sim, OPERATOR, $after) }

# A reload is a reason to look at the clock, which else is looked at once a minute.
sub look { my $mark = $bot->log_mark; $bot->signal('HUP'); return $bot->wait_log(qr/the config was read again/, 30, $mark) }

my @jumps = (['six hours ahead', 6 * HOUR], ['back again', 0], ['six hours back', -6 * HOUR], ['right again', 0], ['years ahead', 3 * 365 * DAY], ['and back', 0]);

subtest 'commands' => sub {
	my ($seq, $said) = ($sim->last_seq, 0);
	for my $jump (@jumps) {
		set_clock($jump->[1]);
		like text('/version', match => qr/Fleetgram/), qr/Fleetgram/, "$jump->[0]: an answer";
		$said++;
	}
	ok wait_settled($bot), 'nothing is left undone';
	is count(qr/Fleetgram/, $seq), $said, 'each was answered once';
	is count(qr/late|repeat/, $seq), 0, '… and none calls itself late';
	set_clock(2 * HOUR);
	like text('/restart c1', date => time, match => qr/c1/), qr{^⏳ Not run, for it is 2h.* old: /restart c1}, 'one that looks old is told of';
	is $engine->effects->{'restart c1'}, undef, '… and was not run';
	set_clock(0);
};

subtest 'a command under way' => sub {
	for my $jump (@jumps) {
		my ($seq, $before) = ($sim->last_seq, $slow->effects->{'restart slow'} // 0);
		say('/restart far/slow');
		ok wait_rows($bot, 'SELECT 1 FROM updates WHERE state = 1'), "$jump->[0]: it has begun";
		set_clock($jump->[1]);
		ok wait_until(patient(30), sub { count(qr/slow restarted/, $seq) }), '… and comes to its end';
		is $slow->effects->{'restart slow'}, $before + 1, '… once';
	}
	ok wait_settled($bot), 'nothing is left undone';
};

subtest 'Telegram asks to wait' => sub {
	for my $jump (@jumps) {
		my $seq = $sim->last_seq;
		$sim->fault(method => 'sendMessage', kind => '429', retry_after => 3);
		say('/version');
		ok $sim->wait_call(method => 'sendMessage', after => $seq, timeout => patient(15)), "$jump->[0]: asked";
		ok wait_rows($bot, 'SELECT 1 FROM outbox_holds'), '… which is known';
		set_clock($jump->[1]);
		ok wait_until(patient(30), sub { texts($sim, OPERATOR, $seq) }), '… the answer comes';
		ok wait_settled($bot), '… and no other';
		my @calls = map { $_->{at_ms} } @{ $sim->calls(method => 'sendMessage', after => $seq) };
		is scalar @calls, 2, '… at the second try';
		cmp_ok $calls[1] - $calls[0], '>=', 3000, '… not before the wait is over';
	}
};

subtest 'a stop and a start while Telegram asks to wait' => sub {
	for my $jump (['a day ahead', DAY], ['back again', 0]) {
		my $seq = $sim->last_seq;
		$sim->fault(method => 'sendMessage', kind => '429', retry_after => 3);
		say('/version');
		ok $sim->wait_call(method => 'sendMessage', after => $seq, timeout => patient(15)), "$jump->[0]: asked";
		ok wait_rows($bot, 'SELECT 1 FROM outbox_holds'), '… which is known';
		is $bot->stop, 0, '… it is stopped';
		set_clock($jump->[1]);
		$bot->restart->wait_ready;
		ok wait_until(patient(30), sub { texts($sim, OPERATOR, $seq) }), '… the answer comes after the start';
		ok wait_settled($bot), '… and no other';
		is count(qr/Fleetgram/, $seq), 1, '… once';
	}
};

subtest 'a confirmation' => sub {
	for my $jump (@jumps) {
		my $asked = ask('/kill c3', match => qr/\?/);
		set_clock($jump->[1]);
		my $seq = $sim->last_seq;
		my $press = $sim->press(user => OPERATOR, message => $asked, button => ($sim->buttons($asked))[0]);
		ok $sim->wait_callback($press->{callback_id}, timeout => patient(15)), "$jump->[0]: the press is answered";
		ok $sim->wait_message(chat => OPERATOR, after => $seq, match => qr/Expired/, timeout => patient(15)), '… it has expired';
	}
	is $engine->effects->{'kill KILL c3'}, undef, 'nothing was done';
	my $asked = ask('/kill c3', match => qr/\?/);
	$sim->press(user => OPERATOR, message => $asked, button => ($sim->buttons($asked))[0]);
	ok $sim->wait_message(chat => OPERATOR, match => qr/c3 killed/, timeout => patient(15)), 'one that is pressed at once is done';
	is $engine->effects->{'kill KILL c3'}, 1, '… once';
};

subtest 'a grant' => sub {
	like text('/grant otto operator 15m', match => qr/otto is/), qr/otto is operator for 15m/, 'for a quarter of an hour';
	for my $jump (@jumps) {
		set_clock($jump->[1]);
		my $role = $jump->[1] > 0 ? qr/Role: viewer$/m : qr/operator, granted for another 1[45]m/;
		like text('/whoami', user => OTTO, match => qr/Role/), $role, "$jump->[0]: it lasts as long, but not beyond its end";
	}
	like text('/grant otto operator 2s', match => qr/otto is/), qr/otto is operator for 2s/, 'a short one';
	set_clock(-2 * HOUR);
	ok wait_until(patient(20), sub { text('/whoami', user => OTTO, match => qr/Role/) =~ /Role: viewer$/m }), 'a clock set back does not lengthen it';
	set_clock(0);
};

# Since a moment: before it the hour may have come by itself.
my $earlier = 0;
sub restarts { return ($engine->effects->{'restart c2'} // 0) - $earlier }

subtest 'a schedule' => sub {
	$earlier = restarts();
	my $hour = int(now() / HOUR) * HOUR + HOUR;
	my $seq = $sim->last_seq;
	my $before = sub { my ($at) = @_; set_clock($at - 4 - time); return look() };
	my $passed = sub { my ($at) = @_; wait_until(patient(30), sub { now() > $at + 1 }); return look() };
	$before->($hour);
	ok wait_until(patient(30), sub { count(qr/^⏰ hourly: ✅/, $seq) }), 'the hour comes, and it runs';
	is restarts(), 1, '… once';
	$before->($hour);
	ok $passed->($hour), 'the clock is set back a little, and the hour comes again';
	like text('/schedule', match => qr/schedule/), qr/hourly/, '… to a bot that answers';
	is restarts(), 1, '… it does not run again';
	set_clock($hour + 5 * HOUR + 1800 - time);
	look();
	ok wait_until(patient(30), sub { count(qr/^⏰ hourly: missed 5 runs/, $seq) }), 'five hours are left out: they are told';
	look();
	like text('/schedule', match => qr/schedule/), qr/hourly/, '… and another look';
	is count(qr/missed/, $seq), 1, '… once for all';
	is restarts(), 1, '… and not run';
	$before->($hour + HOUR);
	ok wait_until(patient(30), sub { restarts() == 2 }), 'the clock is right again: it runs in its next hour, not in five';
	ok wait_until(patient(30), sub { count(qr/^⏰ hourly: ✅/, $seq) == 2 }), '… which is told';
	set_clock(0);
};

subtest 'the audit' => sub {
	my ($row) = store_rows($bot, 'SELECT count(*) AS n FROM audit');
	set_clock(500 * DAY);
	my $seq = $sim->last_seq;
	say('/version') for 1 .. 70;
	ok wait_until(patient(60), sub { count(qr/Fleetgram/, $seq) == 70 }), 'more than a year later, enough commands for a trim';
	ok wait_settled($bot), 'all are done';
	my ($rows) = store_rows($bot, 'SELECT count(*) AS n, min(n) AS first FROM audit');
	is $rows->{n}, $row->{n} + 70, 'no row is lost';
	my ($exit, $out) = FG::Bot::run_bin(args => ['-c', $bot->config_file, 'audit', 'verify']);
	like $out, qr/^$rows->{n} rows from 1 on, none was changed/, 'and the chain holds';
	set_clock(0);
};

is $bot->json('/health')->{status}, 'ok', 'in the end all is well';
ok wait_settled($bot), 'nothing is left undone';
no_complaints($sim);
$bot->stop_ok;
done_testing;
