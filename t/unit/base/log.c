/* The log: its two formats, its levels, and that no spelling of a secret gets through. */
#include <stdlib.h>
#include <unistd.h>
#include "tap.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"

static char captured[256 * 1024];

/* What emit() writes to stderr, without a final newline. */
static const char *capture(enum fg_log_level level, const char *message)
{
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t n;

	dup2(fileno(f), STDERR_FILENO);
	fg_log(level, "%s", message);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	n = fread(captured, 1, sizeof(captured) - 1, f);
	fclose(f);
	captured[n] = '\0';
	if (n > 0 && captured[n - 1] == '\n')
		captured[n - 1] = '\0';
	return captured;
}

/* The same without the time. */
static const char *logged(const char *message)
{
	const char *s = capture(FG_LOG_INFO, message);

	return strlen(s) > 25 ? s + 25 : s;
}

static void test_text(void)
{
	static const struct {
		const char *message, *want;
	} rows[] = {
	        {"hello", "info hello"},
	        {"", "info "},
	        {"a\nb\tc\033[31m\x7f", "info a\\nb\\x09c\\x1b[31m\\x7f"},
	        {"bad \xff\xc3", "info bad \\xff\\xc3"},
	        {"\xc2\x9b"
	         "31m \xe2\x80\xae",
	                "info \\u009b31m \\u202e"},
	        {"\xf0\x9f\x90\xb3 \xc3\xa4", "info \xf0\x9f\x90\xb3 \xc3\xa4"},
	};
	char time[FG_RFC3339];
	int64_t t;

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		is_str(logged(rows[i].message), rows[i].want, "visible");
	capture(FG_LOG_WARN, "x");
	snprintf(time, sizeof(time), "%.24s", captured);
	ok(fg_rfc3339_parse(time, &t) == 0 && llabs(fg_wall_ms() - t) < 60000,
	        "it begins with the time");
	is_str(captured + 24, " warn x", "then the level");
	is_str(capture(FG_LOG_DEBUG, "x"), "", "below the level nothing is written");
	ok(*capture(FG_LOG_ERROR, "x") != 0, "above it everything is");
}

static void test_json(void)
{
	cleanup_json cJSON *item = NULL;

	fg_log_setup(FG_LOG_DEBUG, true);
	capture(FG_LOG_DEBUG, "a \"b\"\n\xff\x01");
	item = fg_json_parse(captured, strlen(captured), NULL);
	ok(item && cJSON_GetArraySize(item) == 3, "one object with three members");
	is_str(fg_json_str(item, "level", NULL), "debug", "level");
	is_str(fg_json_str(item, "message", NULL), "a \"b\"\n\\xff\x01", "message");
	ok(fg_json_str(item, "time", NULL) && !strchr(captured, '\n'), "time, and all on one line");
	fg_log_setup(FG_LOG_INFO, false);
}

static void test_secrets(void)
{
	static const struct {
		const char *message, *want;
	} rows[] = {
	        {"token 123456:ABC-def_GHI!", "token ***!"},
	        {"123456:ABC-def_GHI123456:ABC-def_GHI", "******"},
	        {"https://h/bot123456%3AABC-def_GHI/getMe", "https://h/bot***/getMe"},
	        {"pass p\"w/ d", "pass ***"},
	        {"json p\\\"w/ d", "json ***"},
	        {"url p%22w%2F%20d", "url ***"},
	        {"abcd", "***"},
	        {"overlap abcdefghij", "overlap ***"},
	        {"abcdefghijkl", "***kl"},
	        {"the bot 123456 is fine", "the bot 123456 is fine"},
	        {"cut at the end: 123456:ABC-def_GH", "cut at the end: ***"},
	        {"short 123456:ABC", "short 123456:ABC"},
	        {"ab is too short a secret", "ab is too short a secret"},
	        {"", ""},
	};

	fg_log_secret("abcd");
	fg_log_secret("cdefgh");
	fg_log_secret("abcdefgh");
	fg_log_secret("ghij");
	fg_log_secret("123456:ABC-def_GHI");
	fg_log_secret("123456:ABC-def_GHI");
	fg_log_secret("p\"w/ d");
	fg_log_secret("ab");
	fg_log_secret("");
	fg_log_secret(NULL);
	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		char *s = fg_strdup(rows[i].message);

		fg_log_redact(s);
		is_str(s, rows[i].want, rows[i].message);
		free(s);
		ok(strcmp(logged(rows[i].message) + 5, rows[i].want) == 0, "the log too");
	}
	fg_log_setup(FG_LOG_INFO, true);
	ok(!strstr(capture(FG_LOG_INFO, "p\"w/ d"), "w/ d"), "and as JSON");
	fg_log_setup(FG_LOG_INFO, false);
}

static void test_big(void)
{
	size_t size = 10 * 1024 * 1024;
	char *big = fg_alloc(size + 1);

	memset(big, 'a', size);
	capture(FG_LOG_INFO, big);
	ok(strlen(captured) < 20000 && strstr(captured, "aaa \xe2\x80\xa6"),
	        "a line of 10 MB is cut, and says so");
	memset(big, 1, size);
	fg_log_setup(FG_LOG_INFO, true);
	capture(FG_LOG_INFO, big);
	ok(strlen(captured) < 120000 && captured[strlen(captured) - 1] == '}',
	        "as JSON it stays an object");
	fg_log_setup(FG_LOG_INFO, false);
	for (size_t i = 0; i + 4 <= size; i += 4)
		memcpy(big + i, "abcx", 4);
	fg_log_redact(big);
	ok(strlen(big) == size, "near misses of a secret stay");
	free(big);
}

int main(void)
{
	enum fg_log_level level = FG_LOG_ERROR;

	test_text();
	test_json();
	test_secrets();
	test_big();
	ok(fg_log_level_parse("debug", &level) == 0 && level == FG_LOG_DEBUG, "debug is a level");
	ok(fg_log_level_parse("loud", &level) < 0 && fg_log_level_parse(NULL, &level) < 0 &&
	                level == FG_LOG_DEBUG,
	        "loud is none");
	fg_log_finish();
	is_str(logged("abcd"), "info abcd", "after finish the secrets are forgotten");
	return done_testing();
}
