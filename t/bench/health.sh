#!/bin/bash
# Requests per second of GET /health beside nginx with one worker that serves a file of the same size, in one run.
#   t/bench/health.sh [SECONDS]
# FLEETGRAM_BIN names the binary (build/release/fleetgram unless given). Several rounds alternate; the best of each
# counts, since whatever else the machine does can only make a round slower.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${FLEETGRAM_BIN:-$root/build/release/fleetgram}
seconds=${1:-4}
rounds=3 connections=16

fail() { printf 'health.sh: %s\n' "$*" >&2; exit 1; }
[[ -x $bin ]] || fail "no binary $bin: build it first"
for tool in wrk nginx curl perl; do command -v "$tool" >/dev/null || fail "no $tool here"; done

dir=$(mktemp -d) pids=()
# shellcheck disable=SC2317  # called by the trap
clean_up() {
	local status=$?
	trap - EXIT
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
	rm -rf "$dir"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# An engine that answers just enough to be up: /health is then the usual document with 200.
engine() {
	exec perl -MIO::Socket::UNIX -e '
		my $server = IO::Socket::UNIX->new(Listen => 64, Local => shift) or die $!;
		$SIG{CHLD} = "IGNORE";
		while (my $client = $server->accept) {
			next if fork;
			close $server;
			while (defined(my $line = <$client>)) {
				my ($path) = $line =~ m{^\w+ (\S+)} or next;
				1 while defined($line = <$client>) && $line ne "\r\n";
				my $body = $path =~ m{/containers/json} ? "[]" : $path =~ m{/version}
					? q({"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}) : "OK";
				print $client "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nServer: Docker/20.10.24 (linux)\r\nContent-Type: "
					. ($path =~ /_ping/ ? "text/plain" : "application/json") . "\r\nContent-Length: " . length($body) . "\r\n\r\n"
					. $body;
				$client->flush;
			}
			exit;
		}' "$1"
}

# A Telegram that keeps every poll waiting as long as it asks for, with nothing to tell.
telegram() {
	exec perl -MIO::Socket::INET -e '
		my $server = IO::Socket::INET->new(Listen => 64, LocalAddr => "127.0.0.1", ReuseAddr => 1) or die $!;
		$SIG{CHLD} = "IGNORE";
		open my $out, ">", "$ARGV[0].new" or die $!;
		print $out $server->sockport;
		close $out;
		rename "$ARGV[0].new", $ARGV[0];
		while (my $client = $server->accept) {
			next if fork;
			close $server;
			while (defined(my $line = <$client>)) {
				my ($method) = $line =~ m{^\w+ /bot[^/]+/(\w+)} or next;
				my ($length, $body) = (0, "");
				while (defined($line = <$client>) && $line ne "\r\n") { $length = $1 if $line =~ /^Content-Length: *(\d+)/i }
				read $client, $body, $length if $length;
				select undef, undef, undef, 1 if $method eq "getUpdates";
				my $result = $method eq "getMe" ? q({"id":1,"is_bot":true,"first_name":"b","username":"bench_bot"})
					: $method eq "getUpdates" ? "[]" : "true";
				my $answer = qq({"ok":true,"result":$result});
				print $client "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " . length($answer) . "\r\n\r\n$answer";
				$client->flush;
			}
			exit;
		}' "$1"
}

free_port() { perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'; }

# wait_for WHAT COMMAND...
wait_for() {
	local what=$1 end=$((SECONDS + 30))
	shift
	until "$@" >/dev/null 2>&1; do
		[[ $SECONDS -lt $end ]] || { cat "$dir/log" >&2 || true; fail "$what did not come up"; }
		read -rt 0.05 <> <(:) || true
	done
}

engine "$dir/engine" & pids+=($!)
telegram "$dir/telegram" & pids+=($!)
wait_for 'the engine' test -S "$dir/engine"
wait_for 'Telegram' test -s "$dir/telegram"
mkdir -m 700 "$dir/state" "$dir/www"
ours=127.0.0.1:$(free_port) theirs=127.0.0.1:$(free_port)
cat >"$dir/config.json" <<END
{"telegram": {"token": "1:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "api_url": "http://127.0.0.1:$(cat "$dir/telegram")", "poll_timeout": "50s"},
 "hosts": {"local": {"url": "unix://$dir/engine"}}, "http": {"listen": "$ours"}, "log": {"level": "error"}, "state_dir": "$dir/state"}
END
chmod 600 "$dir/config.json"
"$bin" -c "$dir/config.json" run >"$dir/log" 2>&1 & pids+=($!)
wait_for "$bin" curl -fsS "http://$ours/readyz"
wait_for '/health' curl -fsS "http://$ours/health"
curl -fsS "http://$ours/health" >"$dir/www/health"

cat >"$dir/nginx.conf" <<END
worker_processes 1; daemon off; pid $dir/nginx.pid; error_log $dir/nginx.err;
events { worker_connections 512; }
http {
	access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=16;
	client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3; uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
	default_type application/json;
	server { listen $theirs; root $dir/www; }
}
END
[[ $(id -u) -ne 0 ]] || { sed -i '1s/^/user root; /' "$dir/nginx.conf"; }
nginx -c "$dir/nginx.conf" >>"$dir/log" 2>&1 & pids+=($!)
wait_for nginx curl -fsS "http://$theirs/health"

# Prints the rate; every answer has to be a good one.
rate() {
	wrk -t1 -c"$connections" -d"${seconds}s" "http://$1/health" >"$dir/wrk"
	! grep -q 'Non-2xx\|Socket errors' "$dir/wrk" || { cat "$dir/wrk" >&2; fail "$1 did not answer well"; }
	awk '/^Requests\/sec:/ {printf "%d", $2}' "$dir/wrk"
}

best_ours=0 best_theirs=0
for ((round = 0; round < rounds; round++)); do
	a=$(rate "$ours") b=$(rate "$theirs")
	[[ $a -le $best_ours ]] || best_ours=$a
	[[ $b -le $best_theirs ]] || best_theirs=$b
done
size=$(stat -c %s "$dir/www/health")
printf 'GET /health, %d bytes, %d connections kept alive: fleetgram %d/s, nginx (one worker, static file) %d/s, ratio %s\n' \
	"$size" "$connections" "$best_ours" "$best_theirs" "$(awk -v a="$best_ours" -v b="$best_theirs" 'BEGIN {printf "%.2f", a / b}')"
