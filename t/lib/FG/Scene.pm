# What whole-program tests of faults share: a config that is quick to retry, the bot's store, the engine's events.
package FG::Scene;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);
use Test::More ();
use Time::HiRes qw(time);
use FG::Bot;
use FG::Sim;
use FG::Util qw(wait_until json_decode json_encode in_ci);

our @EXPORT_OK = qw(OPERATOR STRANGER start_sim quick_config store_rows store_change wait_rows wait_settled moment count_events
	no_complaints need_sqlite patient texts);

use constant { OPERATOR => 1001, STRANGER => 6660 };

# Sanitizers make everything slower; a bound is no measurement.
sub patient { my ($seconds) = @_; return FG::Bot::sanitized() ? $seconds * 3 : $seconds }

# The simulator, with Telegram's own parser of HTML when there is one.
sub start_sim {
	my (%opt) = @_;
	$opt{tdjson} //= $ENV{FLEETGRAM_TDJSON} if $ENV{FLEETGRAM_TDJSON};
	return FG::Sim->start(%opt);
}

# A config for SIM and the hosts ({name => url or {…}}): retries within fractions of a second, generous limits, one operator.
# %more is merged over it, one level deep.
sub quick_config {
	my ($sim, $hosts, %more) = @_;
	my %config = (
		telegram => {
			token => $sim->token,
			api_url => $sim->url,
			poll_timeout => '10s',
			retry => { attempts => 3, min_delay => '50ms', max_delay => '300ms', jitter => 0.1 },
			rate => { global_per_second => 1000, chat_per_second => 1000, group_per_minute => 6000 },
		},
		users => [{ id => OPERATOR, name => 'ops', role => 'admin' }],
		hosts => { map { $_ => ref $hosts->{$_} ? $hosts->{$_} : { url => $hosts->{$_} } } keys %$hosts },
		health => { refresh => '10m' },
		notify => { startup_delay => '1s' },
	);
	for my $key (keys %more) {
		$config{$key} = ref $more{$key} eq 'HASH' && ref $config{$key} eq 'HASH' ? { %{ $config{$key} }, %{ $more{$key} } } : $more{$key};
	}
	return \%config;
}

# The store

sub need_sqlite {
	return if grep { -x "$_/sqlite3" } split /:/, $ENV{PATH};
	Test::More::BAIL_OUT('no sqlite3 here') if in_ci();
	return Test::More::plan(skip_all => 'no sqlite3 here');
}

sub _sqlite {
	my ($bot, @arguments) = @_;
	# What it says of a table that is not there yet is of no interest.
	open my $out, '-|', 'sh', '-c', 'exec sqlite3 -batch -cmd ".timeout 5000" "$@" 2>/dev/null', 'sqlite3', @arguments
		or croak "sqlite3: $!";
	local $/;
	my $text = <$out>;
	return close $out ? $text // '' : undef;
}

# The rows of a query as a list of hashes; a bot that writes at the same time is no problem.
sub store_rows {
	my ($bot, $query) = @_;
	my $file = $bot->state_dir . '/fleetgram.db';
	return unless -s $file;
	my $text = _sqlite($bot, '-readonly', '-json', $file, $query);
	return defined $text && length $text ? @{ json_decode($text) } : ();
}

# Changes the store of a bot that does not run.
sub store_change {
	my ($bot, $statement) = @_;
	croak 'the bot runs' if $bot->running;
	return defined _sqlite($bot, $bot->state_dir . '/fleetgram.db', $statement) || croak "sqlite3 cannot $statement";
}

# Waits until the query has a row; returns the first.
sub wait_rows {
	my ($bot, $query, $seconds) = @_;
	my $row;
	wait_until(patient($seconds // 15), sub { ($row) = store_rows($bot, $query) });
	return $row;
}

# Waits until nothing is left to do: every update is done, and every answer has left that can.
sub wait_settled {
	my ($bot, $seconds) = @_;
	return wait_until(patient($seconds // 20), sub {
		my ($row) = store_rows($bot, 'SELECT (SELECT count(*) FROM updates WHERE state < 2) AS updates,'
			. ' (SELECT count(*) FROM outbox WHERE chat NOT IN (SELECT chat FROM outbox_parked)) AS outbox');
		return $row && $row->{updates} == 0 && $row->{outbox} == 0;
	});
}

# The engine

# Now, as /events takes it.
sub moment { return sprintf '%.6f', time }

# How often each of the actions has happened to the containers of that name since the moment: {restart => 1, die => 1}.
sub count_events {
	my ($engine, $since, $name) = @_;
	my $filters = json_encode({ type => ['container'], $name ? (container => [$name]) : () });
	$filters =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge;
	my $answer = $engine->request(GET => "/events?since=$since&until=" . moment() . "&filters=$filters");
	croak "events: $answer->{status}" unless $answer->{status} == 200;
	my %count;
	for my $line (grep {/\S/} split /\n/, $answer->{content}) {
		my $event = json_decode($line);
		$count{ $event->{Action} }++;
	}
	return \%count;
}

# The simulator

# The texts of the bot's messages in a chat that came after a call's number, oldest first.
sub texts {
	my ($sim, $chat, $after) = @_;
	return map { $_->{text} // "($_->{caption})" }
		grep { $_->{seq} > ($after // 0) || $_->{edit_seq} > ($after // 0) } @{ $sim->messages(chat => $chat) };
}

# One test: the simulator has nothing to complain about but the KINDS that are expected.
sub no_complaints {
	my ($sim, $name, @kinds) = @_;
	my %expected = map { $_ => 1 } @kinds;
	my @bad = grep { !$expected{ $_->{kind} } } @{ $sim->complaints };
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = Test::More::is(scalar @bad, 0, $name // 'the Bot API has nothing to complain about');
	Test::More::diag("$_->{kind}, $_->{method}: $_->{text}") for @bad;
	return $ok;
}

1;
