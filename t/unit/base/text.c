/* Foreign text: UTF-8 by the book, escapes that hide or forge, and the small grammars. */
#include <stdlib.h>
#include "tap.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define R "\xef\xbf\xbd"

static void test_utf8(void)
{
	static const struct {
		const char *s;
		size_t len, want;
		uint32_t cp;
	} rows[] = {
	        {"", 0, 0, 0},
	        {"\0", 1, 1, 0},
	        {"a", 1, 1, 'a'},
	        {"\xc3\xa4", 2, 2, 0xe4},
	        {"\xc3\xa4", 1, 0, 0},
	        {"\xe2\x82\xac", 3, 3, 0x20ac},
	        {"\xe2\x82\xac", 2, 0, 0},
	        {"\xf0\x9f\x90\xb3", 4, 4, 0x1f433},
	        {"\xf0\x9f\x90", 3, 0, 0},
	        {"\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff},
	        {"\xf4\x90\x80\x80", 4, 0, 0}, /* above the last code point */
	        {"\xf5\x80\x80\x80", 4, 0, 0},
	        {"\xc0\xaf", 2, 0, 0}, /* overlong slash */
	        {"\xc1\xbf", 2, 0, 0},
	        {"\xe0\x9f\xbf", 3, 0, 0},
	        {"\xf0\x8f\xbf\xbf", 4, 0, 0},
	        {"\xed\xa0\x80", 3, 0, 0}, /* surrogates */
	        {"\xed\xbf\xbf", 3, 0, 0},
	        {"\xed\x9f\xbf", 3, 3, 0xd7ff},
	        {"\xee\x80\x80", 3, 3, 0xe000},
	        {"\x80", 1, 0, 0},
	        {"\xff", 1, 0, 0},
	        {"\xc3"
	         "a",
	                2, 0, 0},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		uint32_t cp = 0;

		is_int(fg_utf8_next(rows[i].s, rows[i].len, &cp), rows[i].want, "length");
		is_int(rows[i].want ? cp : 0, rows[i].cp, "code point");
	}
	is_int(fg_utf8_next("\xc3\xa4", 2, NULL), 2, "cp may be NULL");
}

static void test_counts(void)
{
	static const struct {
		const char *s;
		size_t points, units;
	} rows[] = {
	        {"", 0, 0},
	        {"abc", 3, 3},
	        {"\xc3\xa4\xe2\x82\xac", 2, 2},
	        {"\xf0\x9f\x90\xb3x", 2, 3},
	        {"\xff\xfe", 2, 2},
	        {"\xf0\x9f\x90", 3, 3},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		is_int(fg_utf8_count(rows[i].s, strlen(rows[i].s)), rows[i].points, "code points");
		is_int(fg_utf16_count(rows[i].s, strlen(rows[i].s)), rows[i].units, "UTF-16 units");
	}
	is_int(fg_utf8_cut("a\xf0\x9f\x90\xb3", 5, 4), 1, "a cut does not split");
	is_int(fg_utf8_cut("a\xf0\x9f\x90\xb3", 5, 5), 5, "nothing to cut");
	is_int(fg_utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 4), 4, "bad bytes can be cut anywhere");
	is_int(fg_utf8_cut("\xe2\x82\xac", 3, 0), 0, "to nothing");
}

static void test_clean(void)
{
	static const struct {
		const char *s;
		size_t len; /* 0: strlen */
		const char *want, *line;
	} rows[] = {
	        {"plain", 0, "plain", NULL},
	        {"a\tb\nc", 0, "a\tb\nc", "a b c"},
	        {"a\r\nb\rc\r", 0, "a\nb\nc\n", "a b c "},
	        {"a\0b", 3, "ab", NULL},
	        {"a\bb\x07\x7f!", 0, "ab!", NULL},
	        {"\033[1;31mred\033[0m", 0, "red", NULL},
	        {"\033[?25l\033[2Jx\033[38:2::1:2:3mtext", 0, "xtext", NULL},
	        {"\033[31", 0, "", NULL},
	        {"\033[31\nnext", 0, "\nnext", " next"},
	        {"\033", 0, "", NULL},
	        {"\033(Bx\033#8y\0337z", 0, "xyz", NULL},
	        {"\033]0;title\007text", 0, "text", NULL},
	        {"\033]8;;http://a/\033\\link\033]8;;\033\\", 0, "link", NULL},
	        {"\033]0;never ends", 0, "0;never ends", NULL},
	        {"\033]0;ends not\nhere\007", 0, "0;ends not\nhere", "0;ends not here"},
	        {"\033Pq#0;2\033\\x", 0, "x", NULL},
	        {"\033Pq no end \033[1mbold", 0, "q no end bold", NULL},
	        {"\033_apc\033\\\033^pm\033\\\033Xsos\033\\x", 0, "x", NULL},
	        {"\033\\x\033cy", 0, "xy", NULL},
	        {"\xc2\x9b"
	         "31mred",
	                0, "red", NULL},
	        {"\xc2\x9d"
	         "0;t\xc2\x9cx",
	                0, "x", NULL},
	        {"\xc2\x85x\xc2\x80", 0, "x", NULL},
	        {"\x9b"
	         "31m",
	                0, R "31m", NULL},
	        {"\xc0\xaf\xed\xa0\x80", 0, R R R R R, NULL},
	        {"cut \xf0\x9f\x90", 0, "cut " R R R, NULL},
	        {"\xe2\x80\xae"
	         "gpj.exe\xe2\x81\xa6",
	                0, R "gpj.exe" R, NULL},
	        {"a\xe2\x80\xa8"
	         "b",
	                0, "a\nb", "a b"},
	        {"\xf0\x9f\x90\xb3 \xd7\xa9\xd7\x9c", 0, "\xf0\x9f\x90\xb3 \xd7\xa9\xd7\x9c", NULL},
	        {"<b>&amp;", 0, "<b>&amp;", NULL},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		size_t len = rows[i].len ? rows[i].len : strlen(rows[i].s);
		cleanup_str struct fg_str text, line;
		char *exact = fg_alloc(len); /* so that a read beyond the end is seen */

		memcpy(exact, rows[i].s, len);
		fg_str_init(&text, 100);
		fg_str_init(&line, 100);
		is_int(fg_text_clean(&text, exact, len), 0, "clean");
		is_str(text.s, rows[i].want, "text");
		fg_text_clean_line(&line, exact, len);
		is_str(line.s, rows[i].line ? rows[i].line : rows[i].want, "line");
		free(exact);
	}
}

/* Inputs that are slow for what looks ahead or grows: all of them have to be linear. */
static void test_clean_big(void)
{
	static const char *const units[] = {"x", "\033]", "\033[", "\033P", "\xc2\x9d", "\xff",
	        "\r\n", "\033]\x9c", "\xe2\x80\xae"};
	size_t size = 10 * 1024 * 1024;

	for (size_t i = 0; i < FG_ARRAY_LEN(units); i++) {
		cleanup_str struct fg_str out;
		char *big = fg_alloc(size);
		size_t n = strlen(units[i]);

		for (size_t at = 0; at + n <= size; at += n)
			memcpy(big + at, units[i], n);
		fg_str_init(&out, 4096);
		fg_text_clean(&out, big, size);
		ok(out.len <= 4096, "10 MB of unit %zu stay within the cap", i);
		fg_str_finish(&out);
		fg_str_init(&out, 4 * size);
		is_int(fg_text_clean(&out, big, size), 0, "and fit a big one");
		free(big);
	}
}

static void test_glob(void)
{
	static const struct {
		const char *pattern, *s;
		bool want;
	} rows[] = {
	        {"", "", true},
	        {"", "a", false},
	        {"a", "", false},
	        {"*", "", true},
	        {"*", "abc", true},
	        {"a*c", "abbbc", true},
	        {"a*c", "abbbd", false},
	        {"**a**", "xay", true},
	        {"?", "a", true},
	        {"?", "", false},
	        {"web-?", "web-1", true},
	        {"web-?", "web-12", false},
	        {"[a-c]x", "bx", true},
	        {"[a-c]x", "dx", false},
	        {"[!a-c]x", "dx", true},
	        {"[^a]", "b", true},
	        {"[!a]", "a", false},
	        {"[]]", "]", true},
	        {"[!]]", "]", false},
	        {"[a-]", "-", true},
	        {"[", "[", true},
	        {"[abc", "[abc", true},
	        {"a[", "a[", true},
	        {"[\\]]", "]", true},
	        {"\\*", "*", true},
	        {"\\*", "a", false},
	        {"a\\", "a\\", true},
	        {"a\\b", "ab", true},
	        {"A", "a", false},
	        {"*.log", "a.b.log", true},
	        {"*a*b*c", "xxaxxbxxc", true},
	        {"*a*b*c", "xxaxxcxxb", false},
	        {"*ab", "aab", true},
	        {"[z-a]", "m", false},
	        {"*]", "a]", true},
	        {"*[", "a[", true},
	        {"\xc3\xa4*", "\xc3\xa4x", true},
	};
	char *pattern = fg_alloc(2001), *s = fg_alloc(100001);

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		ok(fg_glob_match(rows[i].pattern, rows[i].s) == rows[i].want, "%s against %s",
		        rows[i].pattern, rows[i].s);
	for (size_t i = 0; i < 1000; i++)
		memcpy(pattern + 2 * i, "*a", 2);
	memset(s, 'a', 100000);
	pattern[1999] = 'b';
	ok(!fg_glob_match(pattern, s), "a thousand stars against a long text do not explode");
	free(pattern);
	free(s);
	ok(fg_glob_is_pattern("a*") && fg_glob_is_pattern("?") && fg_glob_is_pattern("x[") &&
	                !fg_glob_is_pattern("plain-1.2_3"),
	        "patterns are told from names");
}

static void test_duration(void)
{
	static const struct {
		const char *s;
		int64_t want; /* -1: an error */
	} rows[] = {
	        {"0", 0},
	        {"0s", 0},
	        {"500ms", 500},
	        {"30s", 30000},
	        {"5m", 300000},
	        {"24h", 86400000},
	        {"7d", 604800000},
	        {"1ms", 1},
	        {"007s", 7000},
	        {"", -1},
	        {"5", -1},
	        {"-5s", -1},
	        {"+5s", -1},
	        {" 5s", -1},
	        {"5s ", -1},
	        {"5 s", -1},
	        {"1.5h", -1},
	        {"1h30m", -1},
	        {"5S", -1},
	        {"s", -1},
	        {"ms", -1},
	        {"5w", -1},
	        {"99999999999999999999s", -1},
	        {"9223372036854775807d", -1},
	        {"9223372036854775807ms", INT64_MAX},
	        {"00", 0},
	};
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		int64_t ms = -2;
		int rc = fg_duration_parse(rows[i].s, &ms, &err);

		is_int(rc < 0 ? -1 : ms, rows[i].want, rows[i].s);
		ok(rc == 0 || (err.code == FG_EINVAL && strstr(err.text, rows[i].s)),
		        "the error quotes it");
	}
}

static void test_size(void)
{
	static const struct {
		const char *s;
		int64_t want;
	} rows[] = {
	        {"0", 0},
	        {"100", 100},
	        {"100b", 100},
	        {"512k", 524288},
	        {"64m", 67108864},
	        {"64M", 67108864},
	        {"64MiB", 67108864},
	        {"64mb", 67108864},
	        {"1g", 1073741824},
	        {"1.5g", 1610612736},
	        {"0.5k", 512},
	        {"1t", 1099511627776},
	        {"1.000000000000k", 1024},
	        {"", -1},
	        {"m", -1},
	        {"-1m", -1},
	        {"1.m", -1},
	        {".5m", -1},
	        {"1.5", -1},
	        {"1.5b", -1},
	        {"1 m", -1},
	        {"1mm", -1},
	        {"1mi", -1},
	        {"1x", -1},
	        {"0x10", -1},
	        {"8192p", -1},
	        {"8191p", 8191LL << 50},
	        {"99999999999999999999", -1},
	        {"1e3", -1},
	        {"9223372036854775807", INT64_MAX},
	        {"8191.9999p", -1},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		int64_t bytes = -2, want = rows[i].want;

		if (strcmp(rows[i].s, "8191.9999p") == 0)
			want = (8191LL << 50) + (int64_t)(0.9999 * (double)(1LL << 50));
		is_int(fg_size_parse(rows[i].s, &bytes, NULL) < 0 ? -1 : bytes, want, rows[i].s);
	}
}

static void test_human(void)
{
	static const struct {
		int64_t ms;
		const char *want;
	} durations[] = {
	        {0, "0s"},
	        {1, "1ms"},
	        {350, "350ms"},
	        {1000, "1s"},
	        {1500, "1.5s"},
	        {9990, "9.9s"},
	        {10500, "10s"},
	        {60000, "1m"},
	        {200000, "3m 20s"},
	        {3600000, "1h"},
	        {3661000, "1h 1m"},
	        {187200000, "2d 4h"},
	        {604800000, "7d"},
	        {-200000, "-3m 20s"},
	        {INT64_MAX, "106751991167d 7h"},
	        {INT64_MIN, "-106751991167d 7h"},
	};
	static const struct {
		int64_t bytes;
		const char *want;
	} sizes[] = {
	        {0, "0 B"},
	        {1023, "1023 B"},
	        {1024, "1 KiB"},
	        {1536, "1.5 KiB"},
	        {1610612736, "1.5 GiB"},
	        {67108864, "64 MiB"},
	        {1048575, "1 MiB"},
	        {-1536, "-1.5 KiB"},
	        {INT64_MAX, "8 EiB"},
	        {INT64_MIN, "-8 EiB"},
	        {1047000, "1022.5 KiB"},
	};
	char buf[FG_HUMAN];

	for (size_t i = 0; i < FG_ARRAY_LEN(durations); i++)
		is_str(fg_duration_human(buf, durations[i].ms), durations[i].want,
		        durations[i].want);
	for (size_t i = 0; i < FG_ARRAY_LEN(sizes); i++)
		is_str(fg_size_human(buf, sizes[i].bytes), sizes[i].want, sizes[i].want);
}

static void test_words(void)
{
	cleanup_str struct fg_str out;
	char big[66];

	memset(big, 'a', 65);
	big[65] = '\0';
	is_int(fg_text_distance("", ""), 0, "nothing to nothing");
	is_int(fg_text_distance("abc", ""), 3, "all of it");
	is_int(fg_text_distance("kitten", "sitting"), 3, "changes and additions");
	is_int(fg_text_distance("stauts", "status"), 1, "a swap is one error");
	is_int(fg_text_distance("a", "b"), 1, "a change");
	ok(fg_text_distance(big, "a") == SIZE_MAX && fg_text_distance("a", big) == SIZE_MAX,
	        "long words are far from anything");
	is_int(fg_text_distance(big + 1, big + 1), 0, "64 bytes are not");
	fg_str_init(&out, 100);
	fg_url_escape(&out, "aZ0-._~ /?&\xc3\xa4%\n");
	is_str(out.s, "aZ0-._~%20%2F%3F%26%C3%A4%25%0A", "percent-encoding");
	ok(fg_str_equal(NULL, NULL) && !fg_str_equal(NULL, "") && !fg_str_equal("", NULL) &&
	                fg_str_equal("a", "a") && !fg_str_equal("a", "b"),
	        "equality");
}

int main(void)
{
	test_utf8();
	test_counts();
	test_clean();
	test_clean_big();
	test_glob();
	test_duration();
	test_size();
	test_human();
	test_words();
	return done_testing();
}
