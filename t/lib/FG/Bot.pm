# The daemon under test, as a child of the test.
#
#   my $bot = FG::Bot->start(config => { telegram => {…}, users => […], hosts => {…} });
#   $bot->wait_ready;
#   my $health = $bot->json('/health');
#   is $bot->stop, 0;
#   my ($exit, $out, $err) = FG::Bot::exec_cmd($config, '/list');
#
# Every bot has a folder of its own for config, state, log and its listener's socket.
package FG::Bot;

use strict;
use warnings;
use Carp qw(croak);
use Cwd ();
use File::Basename qw(dirname);
use File::Path ();
use POSIX ();
use FG::Stale;
use FG::Util qw(wait_until slurp spew scratch_dir http_exchange json_encode json_decode reap kill_and_reap);

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../..');
my %alive;

# What a sanitizer's complaint looks like in a log.
my $complaint = qr/ERROR: \w+Sanitizer|SUMMARY: \w+Sanitizer|\bruntime error: /;

sub binary { return $ENV{FLEETGRAM_BIN} // "$root/build/release/fleetgram" }

# Whether the binary under test has sanitizers in it: figures and waits are then looser.
sub sanitized { return binary() =~ m{asan/} }

# Starts the bot.
#   config   a hash; state_dir and http.listen are filled in unless given, as is log.level (debug)
#   text     the config file's text instead of a hash, taken as it is
#   env      {…} more environment; undef as a value takes a variable away
#   bin      the binary; $FLEETGRAM_BIN unless given
#   args     ['run'] unless given
#   stdin    a file handle; /dev/null unless given
sub start {
	my ($class, %opt) = @_;
	my $dir = scratch_dir();
	my $self = bless {
		dir => $dir,
		bin => $opt{bin} // binary(),
		env => $opt{env} // {},
		args => $opt{args} // ['run'],
		stdin => $opt{stdin},
		owner => $$,
	}, $class;
	$alive{$dir} = $self;
	FG::Stale::own($dir);
	croak "no binary $self->{bin}: build it first" unless -x $self->{bin};
	mkdir "$dir/state", 0700;
	if (defined $opt{text}) { spew("$dir/config.json", $opt{text}) }
	else { $self->configure($opt{config} // {}) }
	return $self->_launch;
}

# Writes a new config file (the bot reads it at its next start or HUP).
sub configure {
	my ($self, $config) = @_;
	my %full = (%$config);
	$full{state_dir} //= "$self->{dir}/state";
	$full{http} = { listen => "unix:$self->{dir}/http", %{ $full{http} // {} } };
	$full{log} = { level => 'debug', %{ $full{log} // {} } };
	$self->{listen} = $full{http}{listen};
	$self->{config} = \%full;
	spew("$self->{dir}/config.json", json_encode(\%full));
	chmod 0600, "$self->{dir}/config.json";
	return $self;
}

# Writes the config file's text as it is.
sub configure_text { my ($self, $text) = @_; spew("$self->{dir}/config.json", $text); return $self }

sub pid { return $_[0]{pid} }
sub dir { return $_[0]{dir} }
sub state_dir { return ($_[0]{config} // {})->{state_dir} // "$_[0]{dir}/state" }
sub config_file { return "$_[0]{dir}/config.json" }
sub log_file { return "$_[0]{dir}/log" }

# Everything it has written to stderr, over all its lives.
sub log { return slurp($_[0]->log_file) // '' }

# Where the log ends now; hand it to wait_log to look only at what comes later.
sub log_mark { return -s $_[0]->log_file // 0 }

# Waits until PATTERN is in the log (from MARK on); returns what the first group matched, or the whole match.
sub wait_log {
	my ($self, $pattern, $seconds, $mark) = @_;
	my $found;
	wait_until(_patient($seconds // 20), sub {
		my $log = substr $self->log, $mark // 0;
		return unless $log =~ /$pattern/;
		$found = defined $1 ? $1 : $&;
		return 1;
	});
	return $found;
}

# Asks its listener. %opt: headers, body, timeout. Returns {status, headers, content}; status 0 when nothing answered.
sub http {
	my ($self, $method, $path, %opt) = @_;
	my $to = $self->{listen} // "unix:$self->{dir}/http";
	return http_exchange(to => $to, method => $method, path => $path, timeout => _patient(10), %opt);
}

# GETs JSON; dies when the answer is none.
sub json {
	my ($self, $path, %opt) = @_;
	my $answer = $self->http(GET => $path, %opt);
	croak "GET $path: " . ($answer->{error} // 'no answer') unless $answer->{status};
	return json_decode($answer->{content});
}

# Waits until GET /readyz says 200; dies with the log when it ends or stays silent.
sub wait_ready {
	my ($self, $seconds) = @_;
	my $token = slurp($self->{config}{http}{token_file} // '/dev/null');
	my %headers = length $token ? (Authorization => 'Bearer ' . $token =~ s/\s+\z//r) : ();
	my $ready = wait_until(_patient($seconds // 20), sub {
		return 'ended' unless $self->running;
		return $self->http(GET => '/readyz', timeout => 5, headers => \%headers)->{status} == 200;
	});
	return $self if $ready && $ready ne 'ended';
	croak "$self->{bin} " . ($ready ? 'ended' : 'is not ready') . "; its log:\n" . $self->log;
}

# Whether it still runs. The exit code is kept for exit_code.
sub running {
	my ($self) = @_;
	return 0 unless $self->{pid};
	my $status = reap($self->{pid});
	return 1 unless defined $status;
	$self->_ended($status);
	return 0;
}

# Waits until it ends by itself; returns its exit code, undef when it runs on.
sub wait_exit {
	my ($self, $seconds) = @_;
	wait_until(_patient($seconds // 20), sub { !$self->running }) or return undef;
	return $self->{exit};
}

# Its last exit code; 128 and the signal's number when one ended it.
sub exit_code { return $_[0]{exit} }

sub signal {
	my ($self, $name) = @_;
	croak 'not running' unless $self->{pid};
	kill $name, $self->{pid};
	return $self;
}

# Ends it in order (TERM), by force after SECONDS; returns its exit code.
sub stop {
	my ($self, $seconds) = @_;
	$self->_ended(kill_and_reap($self->{pid}, 'TERM', _patient($seconds // 30))) if $self->{pid};
	return $self->{exit};
}

# Ends it without a chance to say goodbye.
sub kill9 {
	my ($self) = @_;
	$self->_ended(kill_and_reap($self->{pid}, 'KILL', 10)) if $self->{pid};
	return $self;
}

# The same config and state again; ends it in order first when it runs.
sub restart {
	my ($self) = @_;
	$self->stop if $self->{pid};
	return $self->_launch;
}

sub rss_kib {
	my ($self) = @_;
	return (slurp("/proc/$self->{pid}/status") // '') =~ /^VmRSS:\s+(\d+)/m ? $1 : 0;
}

# Clock ticks of CPU it has used, and its voluntary context switches (a wake-up is one).
sub cpu_ticks {
	my ($self) = @_;
	my @field = split ' ', (slurp("/proc/$self->{pid}/stat") // '') =~ s/^.*\) //sr;
	return ($field[11] // 0) + ($field[12] // 0);
}

sub wakeups {
	my ($self) = @_;
	return (slurp("/proc/$self->{pid}/status") // '') =~ /^voluntary_ctxt_switches:\s+(\d+)/m ? $1 : 0;
}

# What the sanitizers complained of, '' when of nothing. Complete only once it has ended (leaks are told at exit).
sub sanitizer_report {
	my ($self) = @_;
	my $log = $self->log;
	return '' unless $log =~ /$complaint/;
	my $from = $-[0];
	$from = rindex($log, "\n", $from) + 1;
	return substr $log, $from, 8000;
}

# Ends it and checks, as one test, that it ended with 0 and that no sanitizer complained.
sub stop_ok {
	my ($self, $name) = @_;
	require Test::More;
	my $exit = $self->stop;
	my $report = $self->sanitizer_report;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = Test::More::ok(defined $exit && $exit == 0 && $report eq '', $name // 'ends in order, without a leak');
	Test::More::diag('exit code ' . ($exit // 'unknown') . ($report eq '' ? '' : "\n$report")) unless $ok;
	return $ok;
}

# Runs the binary to its end. %opt: args, stdin (text), env, bin, timeout (60). Returns (exit code, stdout, stderr);
# a sanitizer's complaint becomes exit code 99.
sub run_bin {
	my (%opt) = @_;
	my $dir = scratch_dir();
	my $bin = $opt{bin} // binary();
	croak "no binary $bin: build it first" unless -x $bin;
	spew("$dir/in", $opt{stdin} // '');
	open my $in, '<', "$dir/in" or croak "$dir/in: $!";
	my $pid = _spawn([$bin, @{ $opt{args} // [] }], $in, "$dir/out", "$dir/err", $opt{env} // {}, $dir);
	my ($status, $late);
	wait_until(_patient($opt{timeout} // 60), sub { defined($status = reap($pid)) })
		or do { $late = 1; $status = kill_and_reap($pid, 'KILL', 10) };
	my ($out, $err) = map { slurp("$dir/$_") // '' } qw(out err);
	File::Path::remove_tree($dir);
	my $exit = _exit_code($status);
	$err .= "(killed: it did not end in time)\n" if $late;
	$exit = 99 if $err =~ /$complaint/;
	return ($exit, $out, $err);
}

# One chat command as the local operator: `fleetgram -c CONFIG exec WORDS`. CONFIG is a hash, a file's name, or undef
# for none. Leading words that begin with -- are options of exec. Returns (exit code, stdout, stderr).
sub exec_cmd {
	my ($config, @words) = @_;
	my @options;
	push @options, shift @words while @words && $words[0] =~ /^--./;
	return with_config($config, sub { run_bin(args => [@_, 'exec', @options, '--', @words]) });
}

# Whether a config (hash, or a reference to a file's text) is accepted: (exit code, stdout, stderr) of `check`.
sub check_config {
	my ($config) = @_;
	return with_config($config, sub { run_bin(args => [@_, 'check']) });
}

# Calls CODE with the arguments that name CONFIG (hash, text reference, file name, or undef), the file made if needed.
sub with_config {
	my ($config, $code) = @_;
	return $code->() unless defined $config;
	return $code->('-c', $config) unless ref $config;
	my $dir = scratch_dir();
	my $text = $config;
	if (ref $config eq 'HASH') {
		mkdir "$dir/state", 0700;
		$text = \json_encode({ state_dir => "$dir/state", %$config });
	}
	spew("$dir/config.json", $$text);
	my @answer = $code->('-c', "$dir/config.json");
	File::Path::remove_tree($dir);
	return wantarray ? @answer : $answer[0];
}

sub DESTROY { my ($self) = @_; local ($@, $?, $!); $self->_finish; return }

END {
	local $?;
	$_->_finish for values %alive;
}

for my $signal (qw(INT TERM HUP)) {
	$SIG{$signal} //= sub { exit 130 };
}

# FG_KEEP=1 leaves the folder of a bot for a look.
sub _finish {
	my ($self) = @_;
	return if $self->{owner} != $$ || $self->{finished}++;
	delete $alive{ $self->{dir} };
	$self->kill9;
	File::Path::remove_tree($self->{dir}) unless $ENV{FG_KEEP};
	return;
}

sub _launch {
	my ($self) = @_;
	croak 'already running' if $self->{pid};
	unlink "$self->{dir}/http";
	$self->{exit} = undef;
	$self->{pid} = _spawn([$self->{bin}, '-c', $self->config_file, @{ $self->{args} }], $self->{stdin},
		"$self->{dir}/out", $self->log_file, $self->{env}, $self->{dir});
	return $self;
}

sub _spawn {
	my ($command, $in, $out, $err, $env, $home) = @_;
	defined(my $pid = fork) or croak "fork: $!";
	return $pid if $pid;
	if ($in) { open STDIN, '<&', $in }
	else { open STDIN, '<', '/dev/null' }
	open STDOUT, '>>', $out;
	open STDERR, '>>', $err;
	my %more = (HOME => $home, XDG_STATE_HOME => "$home/xdg", %$env);
	# Nothing of the caller's own set-up reaches the bot.
	delete @ENV{grep {/^FLEETGRAM_(?!BIN$)|^DOCKER_|^(?:STATE|CREDENTIALS)_DIRECTORY$|^NOTIFY_SOCKET$|_proxy$/i} keys %ENV};
	for my $name (keys %more) {
		if (defined $more{$name}) { $ENV{$name} = $more{$name} }
		else { delete $ENV{$name} }
	}
	$ENV{ASAN_OPTIONS} //= 'detect_leaks=1:abort_on_error=0:exitcode=99';
	$ENV{UBSAN_OPTIONS} //= 'print_stacktrace=1';
	# A test that is killed takes its bot along.
	exec 'setpriv', '--pdeathsig', 'KILL', @$command or POSIX::_exit(127);
}

sub _ended {
	my ($self, $status) = @_;
	delete $self->{pid};
	$self->{exit} = _exit_code($status);
	return;
}

sub _exit_code { my ($status) = @_; return $status & 127 ? 128 + ($status & 127) : $status >> 8 }

# Sanitizers make it several times slower.
sub _patient { my ($seconds) = @_; return sanitized() ? $seconds * 3 : $seconds }

1;
