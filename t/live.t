# Takes long.
# The engine rooms' own tests against real engines: t/unit/ROOM/live.c, once on each version.
use strict;
use warnings;
use Test::More;
use FG::Engine;

my @versions = FG::Engine->versions;
FG::Engine->need(@versions);
my $build = $ENV{FG_BUILD} // 'build/release';

for my $version (@versions) {
	my $engine = FG::Engine->shared($version);
	$engine->import_busybox;
	for my $room (qw(docker fleet)) {
		local $ENV{FG_ENGINE_URL} = $engine->url;
		my $out = qx($build/t/unit/$room/live.t 2>&1);
		my $status = $?;
		my $checks = () = $out =~ /^ok /mg;
		ok($status == 0 && $checks > 0, "engine/$room on $version: $checks checks") or diag($out);
	}
}

done_testing;
