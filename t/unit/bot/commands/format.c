/*
 * Short forms: states, ages, sizes, images, and what must not be read by others.
 */
#include <stdlib.h>
#include "commands/format.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

struct pair {
	const char *in, *out;
};

static void each(const struct pair *rows, size_t n, char *(*fn)(const char *), const char *what)
{
	for (size_t i = 0; i < n; i++) {
		cleanup_free char *got = fn(rows[i].in);
		cleanup_free char *name = fg_printf("%s: %s", what, rows[i].out);

		is_str(got, rows[i].out, name);
	}
}

static const struct pair statuses[] = {
	{"Up 3 minutes (healthy)", "up 3m, healthy"},
	{"Up 3 minutes (unhealthy)", "up 3m, unhealthy"},
	{"Up Less than a second (health: starting)", "up 1s, starting"},
	{"Up About a minute", "up 1m"},
	{"Up About an hour (Paused)", "up 1h, paused"},
	{"Up 4 days", "up 4d"},
	{"Up 2 months", "up 2mo"},
	{"Exited (0) 5 seconds ago", "exited (0) 5s ago"},
	{"Exited (137) 2 weeks ago", "exited (137) 2w ago"},
	{"Restarting (1) 1 second ago", "restarting (1) 1s ago"},
	{"Created", "created"},
	{"Removal In Progress", "removal In Progress"},
	{"Dead", "dead"},
	{"", ""},
	{"(", "("},
	{"()", "()"},
	{"\033[31mUp\n2 hours", "up 2h"},
};

static const struct pair images[] = {
	{"nginx:1.25", "nginx:1.25"},
	{"docker.io/library/nginx", "nginx"},
	{"docker.io/team/api:v2", "team/api:v2"},
	{"localhost/worker", "worker"},
	{"reg.example:5000/team/api:v2", "reg.example:5000/team/api:v2"},
	{"nginx@sha256:0123456789abcdef0123456789abcdef", "nginx@sha256:0123456789ab…"},
	{"sha256:0123456789ab", "sha256:0123456789ab"},
	{"", ""},
};

static const struct pair masks[] = {
	{"PATH=/bin", "PATH=/bin"},
	{"API_TOKEN=abc", "API_TOKEN=***"},
	{"api_token=abc", "api_token=***"},
	{"My_Secret_Thing=x=y", "My_Secret_Thing=***"},
	{"DB_PASSWORD=p", "DB_PASSWORD=***"},
	{"DB_PASSWD=p", "DB_PASSWD=***"},
	{"MYSQL_PWD=p", "MYSQL_PWD=***"},
	{"PWD=/srv", "PWD=/srv"},
	{"AWS_ACCESS_KEY_ID=p", "AWS_ACCESS_KEY_ID=***"},
	{"GOOGLE_CREDENTIALS=p", "GOOGLE_CREDENTIALS=***"},
	{"API_TOKEN=", "API_TOKEN="},
	{"NOVALUE", "NOVALUE"},
	{"U=http://host/path", "U=http://host/path"},
	{"U=http://user:pass@host/path", "U=http://user:***@host/path"},
	{"U=redis://:pass@host:1", "U=redis://:***@host:1"},
	{"U=pg://u:p@ss/w@rd@db/x?y", "U=pg://u:***@db/x?y"},
	{"U=http://u:p@a http://v:q@b", "U=http://u:***@a http://v:***@b"},
	{"U=https://ghp_0123456789abcdef@git.example/x", "U=https://***@git.example/x"},
	{"U=ssh://git@host/x", "U=ssh://git@host/x"},
	{"U=http://", "U=http://"},
	{"U=://@://:@", "U=://@:***@"},
	{"", ""},
};

static char *cut_five(const char *s)
{
	return format_cut(s, 5);
}

static const struct pair cuts[] = {
	{"abc", "abc"},
	{"abcde", "abcde"},
	{"abcdef", "abcd…"},
	{"äöüßéè", "äöüß…"},
	{"a\nb", "a b"},
	{"\377\376", "��"},
	{"\033[31mred\033[0m", "red"},
};

static void sizes(void)
{
	char buf[FG_HUMAN];

	is_str(format_bytes(buf, 0), "0B", "no bytes");
	is_str(format_bytes(buf, -5), "0B", "fewer than none");
	is_str(format_bytes(buf, 999), "999B", "bytes");
	is_str(format_bytes(buf, 1000), "1.0K", "a kilobyte");
	is_str(format_bytes(buf, 512.0 * 1024), "512K", "kilobytes");
	is_str(format_bytes(buf, 1.5 * 1024 * 1024), "1.5M", "megabytes and a half");
	is_str(format_bytes(buf, 999.7 * 1024 * 1024), "1.0G", "nearly a thousand");
	is_str(format_bytes(buf, 1e30), "867361737988E", "beyond all units");
	is_str(format_percent(buf, 0), "0.0%", "nothing");
	is_str(format_percent(buf, 9.96), "10%", "rounded up to two digits");
	is_str(format_percent(buf, 1600), "1600%", "sixteen cores");
	is_str(format_cpus(buf, 500000000), "0.5", "half a CPU");
	is_str(format_cpus(buf, 2000000000), "2", "two CPUs");
	is_str(format_age(buf, -1), "0s", "the future is now");
	is_str(format_age(buf, 119000), "119s", "seconds");
	is_str(format_age(buf, 120000), "2m", "minutes");
	is_str(format_age(buf, (int64_t)26 * 3600 * 1000), "26h", "hours");
	is_str(format_age(buf, (int64_t)9 * 86400 * 1000), "9d", "days");
	is_str(format_age(buf, (int64_t)800 * 86400 * 1000), "2y", "years");
	is_str(format_ago(buf, 0, 5), "never", "a moment that was not");
	is_str(format_ago(buf, 1000, 4000), "3s ago", "a moment that was");
}

static void middles(void)
{
	static const struct {
		const char *whole, *cut;
		size_t max;
	} rows[] = {
		{"shop-worker-12", "shop-worker-12", 14},
		{"shop-worker-12", "shop-w…ker-12", 13},
		{"shop-worker-12", "s…2", 3},
		{"shop-worker-12", "…", 1},
		{"äöü\xffßñ", "äö…ßñ", 5},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_free char *cut = format_cut_middle(rows[i].whole, rows[i].max);

		is_str(cut, rows[i].cut, rows[i].whole);
	}
}

static void states(void)
{
	char buf[64];

	is_str(format_dot("running", ""), "🟢", "running");
	is_str(format_dot("running", "unhealthy"), "🟠", "unhealthy");
	is_str(format_dot("exited", "unhealthy"), "🔴", "a stopped one is stopped first of all");
	is_str(format_dot("<b>", ""), "🔴", "a state nobody knows");
	ok(format_is_up("paused") && !format_is_up("created"), "what has processes");
	is_str(format_exit(buf, 137, false), "ended by SIGKILL", "137");
	is_str(format_exit(buf, 137, true), "out of memory", "137 with a reason");
	is_str(format_exit(buf, 143, false), "ended by SIGTERM", "143");
	ok(!format_exit(buf, 1, false) && !format_exit(buf, -1, false) &&
			!format_exit(buf, 255, false),
		"codes that say nothing");
}

static void cells(void)
{
	cleanup_str struct fg_str out = {0};

	fg_str_init(&out, 256);
	format_cell(&out, "ab", 4, false);
	fg_str_putc(&out, '|');
	format_cell(&out, "ab", 4, true);
	fg_str_putc(&out, '|');
	format_cell(&out, "äöüßé", 4, true);
	is_str(out.s, "ab  |  ab|äöü…", "cells are as wide as they should be");
	fg_str_reset(&out);
	format_bar(&out, 5, 10);
	format_bar(&out, 1, 0);
	is_str(out.s, "▰▰▰▰▰▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱", "bars");
}

int main(void)
{
	each(statuses, FG_ARRAY_LEN(statuses), format_status, "status");
	each(images, FG_ARRAY_LEN(images), format_image, "image");
	each(masks, FG_ARRAY_LEN(masks), format_masked, "mask");
	each(cuts, FG_ARRAY_LEN(cuts), cut_five, "cut");
	sizes();
	middles();
	states();
	cells();
	return done_testing();
}
