# Certificates for tests: an authority, and what it signs, each as NAME.pem and NAME.key in one folder.
#
#   my $made = FG::Certificates->in($dir);
#   $made->authority('ca');
#   $made->signed('server', 'ca', 'subjectAltName=IP:127.0.0.1');
package FG::Certificates;

use strict;
use warnings;
use Carp qw(croak);
use FG::Util qw(slurp spew in_ci);

my @new_key = qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes);

# For the head of a test file: skips all of it without openssl, or fails it in CI.
sub need {
	require Test::More;
	return if grep { -x "$_/openssl" } split /:/, $ENV{PATH};
	Test::More::BAIL_OUT('no openssl here') if in_ci();
	return Test::More::plan(skip_all => 'no openssl here');
}

sub in { my ($class, $dir) = @_; return bless { dir => $dir }, $class }

sub openssl {
	my ($self, @arguments) = @_;
	my $log = "$self->{dir}/openssl.log";
	system("openssl @arguments >>$log 2>&1") == 0 or croak "openssl @arguments: " . slurp($log);
	return;
}

sub authority {
	my ($self, $name) = @_;
	$self->openssl('req -x509', @new_key, "-days 2 -subj /CN=$name -keyout $self->{dir}/$name.key -out $self->{dir}/$name.pem");
	return;
}

# signed(NAME, AUTHORITY, EXTENSION): valid for two days from now on, unless MORE says otherwise.
sub signed {
	my ($self, $name, $by, $extension, @more) = @_;
	my $dir = $self->{dir};
	spew("$dir/$name.ext", "$extension\n");
	$self->openssl('req', @new_key, "-subj /CN=$name -keyout $dir/$name.key -out $dir/$name.csr");
	$self->openssl("x509 -req -in $dir/$name.csr -CA $dir/$by.pem -CAkey $dir/$by.key -set_serial " . (1 + int rand 1e9)
		. " -extfile $dir/$name.ext -out $dir/$name.pem", @more ? @more : '-days 2');
	return;
}

# For a daemon.json: it presents that certificate, and wants one that the authority has signed.
sub of_engine {
	my ($self, $name, $authority) = @_;
	my $dir = $self->{dir};
	return (tlsverify => \1, tlscacert => "$dir/$authority.pem", tlscert => "$dir/$name.pem", tlskey => "$dir/$name.key");
}

# For a host of the bot's config.
sub of_host {
	my ($self, $name, $authority) = @_;
	return { ca => "$self->{dir}/$authority.pem", cert => "$self->{dir}/$name.pem", key => "$self->{dir}/$name.key" };
}

1;
