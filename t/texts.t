# Runs once.
# The translations: complete, and of the same make as what they translate. Nothing is run but bot/languages/update.
use strict;
use warnings;
use utf8;
use FindBin;
use lib "$FindBin::Bin/lib";
use Encode ();
use Test::More;
use FG::Util qw(slurp in_ci);

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);
chdir "$FindBin::Bin/.." or die "$!";
if (grep { my $tool = $_; !grep { -x "$_/$tool" } split /:/, $ENV{PATH} } qw(msgattrib msgfmt msgmerge)) {
	BAIL_OUT('no gettext here') if in_ci();
	plan skip_all => 'no gettext here';
}

# One test for a rule: what offends is listed, with why.
sub rule {
	my ($name, @offences) = @_;
	ok !@offences, $name or diag join "\n", @offences;
	return;
}

# The entries of a .po: {text, many, forms => [translations], flags}, as they are written between the quotes.
sub entries {
	my ($path) = @_;
	my @entries;
	for my $block (split /\n\n+/, Encode::decode('UTF-8', slurp($path))) {
		my %field;
		my ($flags) = join ' ', $block =~ /^#, (.*)$/mg;
		while ($block =~ /^(msg\w+(?:\[\d\])?) ((?:"(?:[^"\\]|\\.)*"\n?)+)/mg) {
			my ($key, $lines) = ($1, $2);
			$field{$key} = join '', $lines =~ /"((?:[^"\\]|\\.)*)"/g;
		}
		push @entries, { text => $field{msgid}, many => $field{msgid_plural}, flags => $flags,
			forms => [defined $field{msgid_plural} ? map({ $field{"msgstr[$_]"} } grep { defined $field{"msgstr[$_]"} } 0 .. 5) : $field{msgstr}] };
	}
	return @entries;
}

# What a format takes, in its order; %% takes nothing.
sub conversions { return join ' ', grep { $_ ne '%%' } $_[0] =~ /%(?:%|[-+#0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:ll|[lzh])?[a-zA-Z])/g }

# Its tags, whatever their order: a translation may stress other words.
sub tags { return join ' ', sort $_[0] =~ m{</?[a-z][^<>]*>}g }

# A tag left open is closed by what follows, in the translation as in the original.
sub nests {
	my ($text, $original) = @_;
	my @open;
	for my $tag ($text =~ m{(</?[a-z]+)[^<>]*>}g) {
		if ($tag =~ m{^</(.*)}) {
			return 0 if @open && pop @open ne $1;
		} else {
			push @open, substr $tag, 1;
		}
	}
	return 1;
}

# White space at the ends is where texts are put together.
sub ends { return join '|', $_[0] =~ /\A((?:\\n)*)/, $_[0] =~ /((?:\\n| )*)\z/ }

# The commands that a help page shows to be tapped.
sub examples { return $_[0] =~ m{\\n\\n(/.*)}s ? $1 : '' }

my %forms = (de => 2, ru => 3);
my @paths = glob 'bot/languages/*.po';
cmp_ok scalar @paths, '>', 1, 'there are translations to look at';
for my $path (@paths) {
	my ($code) = $path =~ m{(\w+)\.po\z};
	my ($header, @entries) = entries($path);
	my ($count) = $header->{forms}[0] =~ /nplurals=(\d+)/;
	is $count, $forms{$code} // $count, "$code: the forms that the program counts by";
	cmp_ok scalar @entries, '>', 500, "$code: it has texts";
	rule("$code: none is waiting", map { $_->{text} } grep { $_->{flags} =~ /fuzzy/ || grep { !length } @{ $_->{forms} } } @entries);
	rule("$code: each has all its forms", map { $_->{text} } grep { defined $_->{many} && @{ $_->{forms} } != $count } @entries);
	my $each = sub {
		my ($name, $same) = @_;
		rule("$code: $name", map {
			my $entry = $_;
			map {"\"$entry->{text}\" has become \"$_\""} grep { !$same->($entry->{text}, $_) } @{ $entry->{forms} };
		} @entries);
	};
	$each->('the same conversions in the same order', sub { conversions($_[0]) eq conversions($_[1]) });
	$each->('the same tags', sub { tags($_[0]) eq tags($_[1]) });
	$each->('… and they nest', sub { nests($_[1], $_[0]) });
	$each->('line ends where they were, and no more blanks', sub { ends($_[0]) eq ends($_[1]) });
	$each->('the same examples', sub { examples($_[0]) eq examples($_[1]) });
	# It is put into 64 bytes.
	rule("$code: a count is short", map { $_->{text} } grep { $_->{text} =~ /^%zu \w/ && grep { length Encode::encode('UTF-8', $_) > 54 } @{ $_->{forms} } }
		grep { defined $_->{many} } @entries);
}

my $missing = `bot/languages/update --check 2>&1`;
is $?, 0, 'every text that a chat can see is in the translations, and nothing else' or diag Encode::decode('UTF-8', $missing);

# What the check rests on: the finder of texts.
my $template = Encode::decode('UTF-8', `bot/languages/update --template`);
like $template, qr/^msgid "stop"$/m, 'a word of a table is found';
like $template, qr/^msgid "✖️ Cancelled: <code>\/%s<\/code>"$/m, '… and the second of two behind a question mark';
like $template, qr/^msgid "%zu container"\nmsgid_plural "%zu containers"$/m, '… and what is counted';
like $template, qr/^msgid "Stop containers"$/m, "… and a command's help";
unlike $template, qr/^msgid "fleetgram|SELECT /m, '… and no more';

done_testing();
