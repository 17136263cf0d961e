# Runs once.
# The shape of the tree: which way includes go, how files begin, how long they get, what they must not call.
use strict;
use warnings;
use File::Find ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use FG::Util qw(slurp);

my $root = "$FindBin::Bin/..";
chdir $root or die "$root: $!";

my (@sources, %text);
File::Find::find({ no_chdir => 1, wanted => sub { push @sources, $_ if -f && /\.[ch]\z/ } }, qw(bot engine include));
@sources = sort @sources;
cmp_ok scalar @sources, '>', 100, 'there are sources to look at';
$text{$_} = slurp($_) for @sources;

# One test for a rule: what offends is listed, with why.
sub rule {
	my ($name, @offences) = @_;
	ok !@offences, $name or diag join "\n", @offences;
	return;
}

# A file without its comments and literals, line by line.
sub code_lines {
	my ($source) = @_;
	$source =~ s{(/\*.*?\*/|//[^\n]*)|("(?:[^"\\\n]|\\.)*")|('(?:[^'\\\n]|\\.)*')}
		{ my $all = $1 // ''; defined $1 ? "\n" x ($all =~ tr/\n//) : '0' }gse;
	return split /\n/, $source, -1;
}

# --- rooms -----------------------------------------------------------------------------------------------------

my %height = (base => 0, docker => 1, fleet => 2, bot => 3);

sub room_of {
	my ($path) = @_;
	return $1 if $path =~ m{^(?:engine|include/fleetgram)/(\w+)/};
	return $path =~ m{^bot/} ? 'bot' : '?';
}

# Where an include written in quotes leads to; undef when nowhere.
sub resolve {
	my ($path, $name) = @_;
	(my $folder = $path) =~ s{[^/]+\z}{};
	for my $candidate ("$folder$name", "include/$name", map { $path =~ m{^\Q$_\E/} ? "$_/$name" : () } qw(bot engine/fleet)) {
		return $candidate if -e $candidate;
	}
	return undef;
}

my (@strays, @upwards, @outward, @lost, @inner, %used);
for my $path (@sources) {
	my $room = room_of($path);
	push @strays, "$path is in no room" unless exists $height{$room};
	my $number = 0;
	for my $line (split /\n/, $text{$path}) {
		$number++;
		next unless $line =~ /^\s*#\s*include\s+([<"])([^>"]+)[>"]/;
		my ($bracket, $name) = ($1, $2);
		if ($bracket eq '<') {
			push @outward, "$path:$number: <$name> is ours: quotes" if $name =~ m{^fleetgram/};
			next;
		}
		my $target = resolve($path, $name);
		if (!defined $target) {
			push @lost, "$path:$number: there is no $name";
			next;
		}
		my $there = room_of($target);
		push @upwards, "$path:$number: $room includes $name of $there"
			if ($height{$there} // 9) > ($height{$room} // -1);
		push @inner, "$path:$number: $name is $there\'s own"
			if $there ne $room && $target !~ m{^include/};
		push @outward, "$path:$number: what everybody may include needs $name, which only $room has"
			if $path =~ m{^include/} && $target !~ m{^include/};
	}
}
rule('every source is in a room', @strays);
rule('every include is found', @lost);
rule('includes go down: base, docker, fleet, bot', @upwards);
rule("a room's own headers stay in it", @inner);
rule('include/ stands by itself', @outward);
rule('nothing below the bot speaks of it', map {
	my $path = $_;
	grep {m{\b(?:bot|chat|commands|telegram|notify)/}} map {"$path: $_"} grep {/^\s*#\s*include/} split /\n/, $text{$path};
} grep { !m{^bot/} } @sources);

my %guards;
for my $path (grep {/\.h\z/} @sources) {
	push @{ $guards{$1} }, $path if $text{$path} =~ /^#ifndef (\w+)\n#define \1$/m;
}
rule('no two headers share a guard', map {"$_: @{ $guards{$_} }"} grep { @{ $guards{$_} } > 1 } sort keys %guards);
# A table that is included several times has none, and says so by having no guard at all.
rule('headers have guards', grep { $text{$_} !~ /^#ifndef \w+_H\n/m && $text{$_} !~ /^[A-Z_]+\(\w+\)$/m } grep {/\.h\z/} @sources);

# --- files -----------------------------------------------------------------------------------------------------

rule('a file says what it is for, first of all', grep { $text{$_} !~ m{\A/\*\s*\n? ?\*?\s*\S.*?\*/}s } @sources);
rule('no file is longer than 500 lines', map {
	my $lines = ($text{$_} =~ tr/\n//);
	$lines > 500 ? "$_: $lines" : ();
} @sources);

my $banned = qr/(?<![\w.>])(sprintf|vsprintf|strcpy|strcat|strtok|atoi|atol|atof|sscanf|gets)\s*\(/;
my (@calls, @ends);
for my $path (@sources) {
	my $number = 0;
	for my $line (code_lines($text{$path})) {
		$number++;
		push @calls, "$path:$number: $1()" if $line =~ $banned;
	}
	push @ends, $path if $text{$path} !~ /[^\n]\n\z/ || $text{$path} =~ /[ \t\r]$/m;
}
rule('nothing calls what cannot be called safely', @calls);
rule('files end in one newline, and lines in no blanks', @ends);

# The rule above has to see through what surrounds a call.
is_deeply [grep { $_ =~ $banned } code_lines(qq{/* strcpy(a) */\n"strcpy(a)"\nx = strcpy(a, b);\nmy_strcpy(a);\nsnprintf(a);\n})],
	['x = strcpy(a, b);'], 'comments and strings call nothing';

# --- top level -------------------------------------------------------------------------------------------------

my %allowed = map { $_ => 1 } qw(CMakeLists.txt CMakePresets.json LICENSE README.md bot config engine include t);
my @top = -e '.git' ? split /\n/, `git ls-files` : do { opendir my $here, '.'; grep { !/^\.\.?\z/ && $_ ne 'build' } readdir $here };
my %top = map { s{/.*}{}r => 1 } @top;
ok $top{bot}, 'the tree is listed';
rule('the top level holds nothing else', grep { !$allowed{$_} && !/^\./ } sort keys %top);
rule('the top level is complete', grep { !-e } sort keys %allowed);
rule('nothing built is kept', grep {m{\.(?:o|a|so|db|log)\z|(?:^|/)(?:build|node_modules)/}} @top);

done_testing;
