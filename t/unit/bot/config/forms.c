/* Every form that a single value can take, right and wrong, and every way in which the text itself
 * can be broken. */
#include <stdlib.h>
#include "tap.h"
#include "config/config.h"
#include "config/check.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"

/* The first error without its file, or "". Overwritten by the next call. */
static const char *mistake(const char *text, size_t len)
{
	static char buf[1200];
	cleanup_config_errors struct config_errors errors = {0};
	cleanup_config struct config *config = NULL;
	char *exact = fg_alloc(len); /* so that a read beyond the end is seen */

	memcpy(exact, text, len);
	config = config_parse("f", exact, len, &errors);
	free(exact);
	snprintf(buf, sizeof(buf), "%s", errors.n ? errors.v[0].text + 1 : "");
	if (config && errors.n)
		diag("a config with errors");
	return buf;
}

/* {"a":{"b":VALUE}} for the path "a.b"; caller frees. */
static char *wrap(const char *path, const char *value)
{
	cleanup_free char *copy = fg_strdup(path);
	struct fg_str out;
	char *rest = copy, *part;
	int depth = 0;

	fg_str_init(&out, 100000);
	while ((part = strsep(&rest, "."))) {
		fg_str_printf(&out, "{\"%s\":", part);
		depth++;
	}
	fg_str_puts(&out, value);
	while (depth-- > 0)
		fg_str_putc(&out, '}');
	return fg_str_take(&out);
}

static void test_values(void)
{
	static const struct {
		const char *path, *good, *bad; /* JSON values, separated by a space */
	} rows[] = {
		{"$schema", "\"./x\" null", "1"},
		{"telegram", "{}", "[] null \"\" 1 true"},
		{"telegram.token", "\"123:AB-c_9\" null",
			"\"\" \"abc\" \"123\" \"123:\" \":a\" \"1:a/b\" 5"},
		{"telegram.api_url", "\"http://h\" \"https://h:81/p\" \"http://[::1]:8081/\"",
			"\"\" \"h:81\" \"ftp://h\" \"http://\" \"http://u:p@h\" \"http://h?q\" "
			"\"http://h/#f\" \"http://h/\\n\" null"},
		{"telegram.proxy", "\"socks5h://127.0.0.1:9050\" \"http://u:p@h:1\" null",
			"\"\" \"h:1\" \"gopher://h\" \"http://h/x\" \"http://\""},
		{"telegram.poll_timeout", "\"1s\" \"50s\" \"1500ms\"",
			"\"0\" \"999ms\" \"51s\" \"50\" 50 \"\" \"1m \" \"-1s\" null "
			"\"99999999999999999999s\""},
		{"telegram.stale_after", "\"1s\" \"1d\" \"3650d\"", "\"0\" \"3651d\" \"1w\" 0"},
		{"telegram.retry.attempts", "1 1000 1e2",
			"0 -1 1.5 1001 \"3\" null true 12345678901234567890"},
		{"telegram.retry.min_delay", "\"1ms\" \"1s\"", "\"0\" \"0ms\" 0 \"31s\""},
		{"telegram.retry.max_delay", "\"400ms\" \"1h\"", "\"0\" \"1ms\""},
		{"telegram.retry.jitter", "0 1 0.5", "-0.1 1.1 \"0.1\" 1e999 null"},
		{"telegram.rate.global_per_second", "1 1000000", "0 0.5 1000001"},
		{"telegram.rate.chat_per_second", "1", "0"},
		{"telegram.rate.group_per_minute", "1", "0"},
		{"telegram.unknown_users", "\"tell_id\" \"ignore\"",
			"\"Ignore\" \"\" \"tell_id|ignore\" null"},
		{"users",
			"[] [{\"id\":1,\"role\":\"viewer\"}] "
			"[{\"id\":12345678901234567,\"role\":\"admin\",\"name\":null}]",
			"{} [1] [{\"id\":0,\"role\":\"viewer\"}] [{\"id\":-1,\"role\":\"viewer\"}] "
			"[{\"id\":1.5,\"role\":\"viewer\"}] "
			"[{\"id\":9223372036854775808,\"role\":\"viewer\"}] "
			"[{\"role\":\"viewer\"}] [{\"id\":1}] "
			"[{\"id\":1,\"role\":null}] [{\"id\":1,\"role\":\"none\"}] "
			"[{\"id\":1,\"role\":\"viewer\",\"commands\":\"list\"}] "
			"[{\"id\":1,\"role\":\"viewer\",\"commands\":[\"\"]}] "
			"[{\"id\":1,\"role\":\"viewer\",\"deny\":[\"a-b\"]}] "
			"[{\"id\":1,\"role\":\"viewer\",\"scope\":\"\"}] "
			"[{\"id\":1,\"role\":\"viewer\",\"scope\":\"nam=web\"}]"},
		{"chats", "[{\"id\":-1,\"thread\":1}]",
			"[{\"id\":0}] [{}] [{\"id\":-1,\"thread\":0}] [{\"id\":\"-1\"}]"},
		{"hosts", "{\"a\":{\"url\":\"unix:///s\"}} {\"A.b_c-9\":{\"url\":\"tcp://h:1\"}}",
			"[] {} {\"\":{\"url\":\"unix:///s\"}} {\"a/b\":{\"url\":\"unix:///s\"}} "
			"{\"-a\":{\"url\":\"unix:///s\"}} "
			"{\"a\":\"unix:///s\"} {\"a\":{\"url\":null}} "
			"{\"a\":{\"url\":\"unix:///s\",\"timeout\":\"0\"}}"},
		{"hosts.a.url",
			"\"unix:///a/b.sock\" \"tcp://h:2375\" \"tcp://h:1/\" \"tcp://[::1]:1\" "
			"\"ssh://h\" \"ssh://u@h:22\"",
			"\"\" \"unix://a\" \"unix:/a\" \"tcp://h\" \"tcp://h:0x1\" "
			"\"tcp://h:65536\" \"tcp://:1\" \"tcp://u@h:1\" "
			"\"tcp://h:1/x\" \"ssh://u:p@h\" \"ssh://-oX@h\" \"ssh://-h\" "
			"\"ssh://h+x\" \"SSH://h\" "
			"\"ssh://$(x)@h\" \"ssh://u;x@h\" \"ssh://u@h/run/docker.sock\" "
			"\"http://h:1\" \"h:1\" \"tcp://h:1?q\""},
		{"hosts.a.context", "", "\"\" \"a\" \"-a\" \"../x\" \"a/b\" \"default\" \"not-there\" 1"},
		{"templates", "{\"a\":{\"image\":\"x\"}}",
			"[] {\"a\":1} {\"a/b\":{\"image\":\"x\"}} {\"a\":{\"image\":1}} "
			"{\"a\":{\"image\":\"\"}}"},
		{"templates_dir", "null", "\"\" 1 \"/nonexistent/x\""},
		{"defaults.command", "\"a\" [\"a\"] []", "1 {} [1]"},
		{"defaults.env", "{\"A\":\"b\",\"C\":1,\"D\":true,\"E\":null} [\"A=b\"] null",
			"\"A=b\" {\"A\":[]} [\"=b\"] [\"C\"] [1]"},
		{"defaults.ports",
			"[] [\"80\"] "
			"[\"8080:80\",\"1.2.3.4:8080:80/"
			"udp\",\"[::1]:1:2\",\"${P}:80\",\"1.2.3.4::80\"]",
			"\"80\" [80] [\"\"] [\"a:b\"] [\"80/icmp\"] [\"65536\"] [\"1:2:3\"] "
			"[\"80:\"]"},
		{"defaults.volumes", "[\"v:/a\",\"/h:/a:ro\",\"/a\",\"${V}:/a\"]",
			"[\"v:a\"] [\"a\"] [\"v:/a:r o\"] {} [\"\"]"},
		{"defaults.tmpfs", "[\"/run\"] {\"/run\":\"size=1m\"} {\"/run\":null}", "\"/run\" {\"/run\":[]}"},
		{"defaults.labels", "{\"a\":\"b\",\"c\":1} [] [\"a=b\"]", "{\"a\":{}} [\"a\"]"},
		{"defaults.restart",
			"\"no\" \"always\" \"unless-stopped\" \"on-failure\" \"on-failure:5\" "
			"\"${R}\"",
			"\"never\" \"on-failure:\" true \"\""},
		{"defaults.stop_timeout", "\"10s\" \"0\" 0 \"${T}\"", "10 \"10\""},
		{"defaults.limits.cpus", "0.5 2 \"1.5\" \"${C}\"", "-1 \"x\" \"\" true"},
		{"defaults.limits.memory", "\"64m\" 1048576 \"${M}\"",
			"\"64x\" -1 1.5 \"-1\" true"},
		{"defaults.limits.memory_swap", "\"1g\" -1 \"-1\"", "-2 \"-2\""},
		{"defaults.limits.pids", "1 -1 \"100\" \"${P}\"", "-2 1.5 \"x\""},
		{"defaults.healthcheck.test", "\"true\" [\"CMD\",\"true\"]", "true [true]"},
		{"defaults.healthcheck.interval", "\"1ms\" \"30s\"", "30 \"0\""},
		{"defaults.healthcheck.retries", "1", "0"},
		{"defaults.security.cap_drop", "[\"ALL\"]", "\"ALL\""},
		{"defaults.security.read_only", "true", "\"true\" 1"},
		{"defaults.logging.options", "{\"max-file\":3}", "[]"},
		{"defaults.pull", "\"missing\" \"always\" \"never\"", "\"\" \"ever\" true"},
		{"defaults.prune.idle", "\"0\" \"1h\"", "\"500ms\""},
		{"defaults.prune", "{\"quiet\":{\"cpu_percent\":2}}", "{\"every\":\"5m\"}"},
		{"defaults.parameters",
			"{\"A_1\":{}} {\"a\":{\"default\":\"x\",\"description\":\"\"}}",
			"{\"1a\":{}} {\"name\":{}} {\"a-b\":{}} {\"\":{}} {\"a\":\"\"} {\"a\":{\"default\":\"\"}}"},
		{"defaults.parameters.A.pattern",
			"\"^[A-Za-z0-9._:/@-]{1,128}$\" \"a|b\" \"[0-9]{1,3}(\\\\.[0-9]{1,3}){3}\" "
			"\"[]{}(]*\" \"[[:digit:]]+\"",
			"\"(\" \"[\" \"a{2\" \"*(\" \"(a{100}){100}\" "
			"\"((((((((((((((((((a))))))))))))))))))\" \"(a)\\\\1\" "
			"\"a{1,32767}\" \"[[:nope:]]\" \"a{512}\" \"(a?){200}\""},
		{"defaults.host", "\"a*\"", "\"\" 1"},
		{"defaults.nope", "", "1"},
		{"prune.enabled", "true false", "0 \"true\" null"},
		{"prune.every", "\"1s\"", "\"0\""},
		{"prune.quiet.bytes_per_second", "0 \"1k\"", "-1 \"1z\""},
		{"prune.quiet.cpu_percent", "0 0.1", "-1"},
		{"update.settle", "\"1s\"", "\"0\""},
		{"autoheal.count", "1", "0"},
		{"images.check_every", "\"0\" 0 \"1h\"", "\"1ms\" 1"},
		{"images.registries", "{}",
			"{\"a\":{}} {\"a\":{\"username\":\"u\"}} "
			"{\"\":{\"username\":\"u\",\"password_file\":\"p\"}}"},
		{"notify.restart_loop", "{\"count\":0}", "3 {\"count\":-1}"},
		{"notify.memory_percent", "0 100", "101"},
		{"notify.disk_percent", "0 99.5", "-1 101 \"90\""},
		{"notify.log_lines", "0 200", "201"},
		{"notify.quiet", "\"\" \"22:00-07:00\" \"00:00-23:59\"",
			"\"22-7\" \"24:00-01:00\" \"22:00\" \"22:00-\" \"22:60-07:00\" "
			"\"22:00-07:000\" \"2\" null"},
		{"notify.digest", "\"\" \"08:00\"", "\"8:00\" \"08:00x\" \"ab:cd\" \"08-00\""},
		{"notify.startup_delay", "\"0\" \"1s\"", "\"10\""},
		{"confirm.ttl", "\"1s\"", "\"0\""},
		{"confirm.always", "[] [\"/stop\"]", "[\"\"] [\"Stop\"] \"stop\" [1] [null]"},
		{"schedules",
			"[] "
			"[{\"name\":\"a\",\"cron\":\"*/5\\t0-6,22\\u00201,15\\u0020jan-dec/"
			"2\\u0020mon\",\"command\":\"x\"}]",
			"[{}] [{\"name\":\"a\",\"cron\":\"\",\"command\":\"x\"}]"},
		{"http.listen", "\"\" \"127.0.0.1:3000\" \"[::1]:1\" \"unix:/s\" \"127.0.0.1:0\" "
			"\"localhost:3000\" \"LocalHost:1\"",
			"\"3000\" \":3000\" \"localhost\" \"localhost:\" \"elsewhere:3000\" \"[::1]\" \"::1:80\" "
			"\"127.0.0.1:65536\" \"127.0.0.1:\" \"unix:s\" "
			"\"[127.0.0.1]:1\" \"127.0.0.1:+1\" null"},
		{"http.token_file", "null", "\"\" \"/nonexistent/t\""},
		{"health.refresh", "\"1s\"", "\"0\""},
		{"log.level", "\"error\" \"warn\" \"info\" \"debug\"", "\"trace\" 1"},
		{"log.format", "\"text\" \"json\"", "\"xml\""},
		{"shutdown_grace", "\"1s\"", "\"0\""},
		{"timezone", "null \"UTC\"", "\"\" \"Mars/X\" \"../etc/passwd\" \"/etc/passwd\" 1"},
		{"language", "\"en\" \"de\" \"ru\"", "\"\" \"english\" \"EN\" \"pt-BR\" null"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		for (int good = 1; good >= 0; good--) {
			cleanup_free char *copy = fg_strdup(good ? rows[i].good : rows[i].bad);
			char *rest = copy, *value;

			while ((value = strsep(&rest, " "))) {
				cleanup_free char *text = *value ? wrap(rows[i].path, value) : NULL;
				const char *got = text ? mistake(text, strlen(text)) : NULL;

				if (!text)
					continue;
				if (!ok((*got == '\0') == (good == 1), "%s: %s is %s", rows[i].path,
					    value, good ? "right" : "wrong"))
					diag("%s", got);
				if (!good)
					ok(strncmp(got, ":1:", 3) == 0, "and has a place");
			}
		}
	}
}

static void test_cron(void)
{
	static const struct {
		const char *s;
		bool good;
	} rows[] = {
		{"* * * * *", true},
		{"0 0 1 1 0", true},
		{"59 23 31 12 7", true},
		{" 0  3 * * 1-5 ", true},
		{"*/15 */2 * * *", true},
		{"0-30/5,45 * * * *", true},
		{"0 0 * JAN,feb Sun", true},
		{"0 0 * * mon-fri", true},
		{"60 * * * *", false},
		{"* 24 * * *", false},
		{"* * 0 * *", false},
		{"* * 32 * *", false},
		{"* * * 0 *", false},
		{"* * * 13 *", false},
		{"* * * * 8", false},
		{"5-1 * * * *", false},
		{"*/0 * * * *", false},
		{"* * * *", false},
		{"* * * * * *", false},
		{"", false},
		{"@daily", false},
		{"1, * * * *", false},
		{",1 * * * *", false},
		{"a * * * *", false},
		{"1- * * * *", false},
		{"-1 * * * *", false},
		{"*1 * * * *", false},
		{"1/ * * * *", false},
		{"* * * january *", false},
		{"99999999999 * * * *", false},
		{"* * * * monday", false},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		ok((config_check_cron(rows[i].s, NULL) == 0) == rows[i].good, "cron \"%s\"",
			rows[i].s);
}

static void test_syntax(void)
{
	static const struct {
		const char *text;
		size_t len; /* 0: strlen */
		const char *want;
	} rows[] = {
		{"// c\n/* d\n */{}/**/ // e", 0, ""},
		{"{} // no newline at the end", 0, ""},
		{"{\"language\":\"en\"/* \" */}", 0, ""},
		{"{\"state_dir\":\"//no/*comment*/\"}", 0, ""},
		{"{\"state_dir\":\"/\\\"//x\"}", 0, ""},
		{"\xef\xbb\xbf{}", 0, ""},
		{"\xef\xbb\xbf{,", 0, ":1:2: a key in double quotes is expected here"},
		{"// \xff is only in a comment\n{}", 0, ""},
		{"{}\r\n", 0, ""},
		{"", 0, ":1:1: the file is empty; {} is the least"},
		{" \n// nothing\n", 0, ":1:1: the file is empty; {} is the least"},
		{"{\n  \"a\": {\n", 0, ":2:8: this { is never closed"},
		{"{\"users\": [", 0, ":1:11: this [ is never closed"},
		{"{\n/* never", 0, ":2:1: this comment does not end"},
		{"{/*/}", 0, ":1:2: this comment does not end"},
		{"{/", 0, ":1:2: a key in double quotes is expected here"},
		{"{\"a\": 1,}", 0,
			":1:9: a key is expected before this }; is there a comma too many?"},
		{"{\"a\": [1,]}", 0,
			":1:10: a value is expected before this; is there a comma too many?"},
		{"{\"a\" 1}", 0, ":1:6: a colon is expected after a key"},
		{"{\"a\": 1 \"b\": 2}", 0, ":1:9: a comma is expected before this"},
		{"{\"a\": [1 2]}", 0, ":1:10: a comma is expected before this"},
		{"{a: 1}", 0, ":1:2: a key in double quotes is expected here"},
		{"{\"a\": yes}", 0, ":1:7: a value is expected; text goes into double quotes"},
		{"{\"a\": 'x'}", 0, ":1:7: a value is expected here"},
		{"{\"a\": \"\xc3\xa4\", \"b\": tru}", 0,
			":1:17: a value is expected; text goes into double quotes"},
		{"{\"a\": [1}", 0, ":1:9: a ] is expected, not a }"},
		{"{\"a\": 1]", 0, ":1:8: a } is expected, not a ]"},
		{"{} {}", 0, ":1:4: nothing may follow the end of the configuration"},
		{"{}}", 0, ":1:3: nothing may follow the end of the configuration"},
		{"{\"a\": 01}", 0, ":1:7: not a number as JSON has them"},
		{"{\"a\": 1.}", 0, ":1:7: not a number as JSON has them"},
		{"{\"a\": -}", 0, ":1:7: not a number as JSON has them"},
		{"{\"a\": 1e}", 0, ":1:7: not a number as JSON has them"},
		{"{\"a\": \"x\n\"}", 0, ":1:7: this string does not end on its line"},
		{"{\"a\": \"x", 0, ":1:7: this string does not end"},
		{"{\"a\": \"x\\", 0, ":1:9: no valid escape; a backslash itself is written \\\\"},
		{"{\"a\": \"\\x\"}", 0,
			":1:8: no valid escape; a backslash itself is written \\\\"},
		{"{\"a\": \"\\u12\"}", 0,
			":1:8: no valid escape; a backslash itself is written \\\\"},
		{"{\"a\": \"\\u0000\"}", 0,
			":1:8: no valid escape; a backslash itself is written \\\\"},
		{"{\"a\": \"\\ud800\"}", 0,
			":1:8: no valid escape; a backslash itself is written \\\\"},
		{"{\"a\": \"\\udc00\"}", 0,
			":1:8: no valid escape; a backslash itself is written \\\\"},
		{"{\"state_dir\": \"\\ud83d\\udc33\\u00e4\\/\"}", 0, ""},
		{"{\"a\": \"\x01\"}", 0,
			":1:8: a control character in a string; write it as an escape"},
		{"{\"a\": \"\xff\"}", 0, ":1:8: the file has to be UTF-8; this byte is not"},
		{"\xff\xfe{\0}\0", 6, ":1:1: the file has to be UTF-8; this byte is not"},
		{"{\0}", 3, ":1:2: a NUL byte; is this a text file?"},
		{"{\"a\0\":1}", 8, ":1:4: a control character in a string; write it as an escape"},
		{"{\"\":1}", 0, ":1:2: there is no such key"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		is_str(mistake(rows[i].text, rows[i].len ? rows[i].len : strlen(rows[i].text)),
			rows[i].want, "syntax");
}

static void test_big(void)
{
	size_t size = 3 * 1024 * 1024, i;
	char *big = fg_alloc(size + 1);

	memset(big, ' ', size);
	is_str(mistake(big, size), ":1:1: the file is too big for a configuration",
		"3 MB of nothing");
	memset(big, '[', size);
	is_str(mistake(big, 1000000), ":1:65: nested too deeply", "a million brackets");
	for (i = 0; i + 5 <= size; i += 5)
		memcpy(big + i, "{\"a\":", 5);
	is_str(mistake(big, 1000000), ":1:321: nested too deeply", "as many objects");
	for (i = 0; i < FG_JSON_DEPTH; i++) {
		big[i] = '[';
		big[FG_JSON_DEPTH + i] = ']';
	}
	is_str(mistake(big, (size_t)2 * FG_JSON_DEPTH), ":1:1: has to be an object, not a list",
		"as deep as allowed");
	memset(big, '7', 100);
	is_str(mistake(big, 100), ":1:1: this number is too long", "a number of a hundred digits");
	memset(big, '\\', size);
	big[0] = '"';
	ok(strstr(mistake(big, 1000000), ": no valid escape") != NULL, "a million backslashes");
	for (i = 0; i + 2 <= size; i += 2)
		memcpy(big + i, "/*", 2);
	ok(strstr(mistake(big, 1000000), ": this comment does not end") != NULL,
		"comments that do not nest");
	free(big);
}

int main(void)
{
	unsetenv("DOCKER_HOST");
	unsetenv("FLEETGRAM_TOKEN");
	unsetenv("CREDENTIALS_DIRECTORY");
	test_values();
	test_cron();
	test_syntax();
	test_big();
	fg_log_finish();
	return done_testing();
}
