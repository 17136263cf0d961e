/* A strict, non-recursive scanner for JSON. */
#include <ctype.h>
#include <string.h>
#include "config/scan.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

#define NUMBER_MAX 60 /* cJSON reads no more of one */

enum expect {
	WANT_VALUE,
	WANT_VALUE_OR_END, /* after [ */
	WANT_KEY,
	WANT_KEY_OR_END, /* after { */
	WANT_COLON,
	WANT_COMMA_OR_END,
	WANT_NOTHING,
};

struct scan {
	const char *s;
	size_t len, at;
	enum expect expect;
	char open[FG_JSON_DEPTH];
	size_t opened[FG_JSON_DEPTH]; /* offsets of the brackets */
	int depth;
	size_t key; /* of the value that comes next */
	struct config_place *places;
	size_t count, room;
	const char *error; /* what is wrong at `at` */
};

static bool fail(struct scan *sc, size_t at, const char *error)
{
	sc->at = at;
	sc->error = error;
	return false;
}

static bool hex4(const char *s, size_t len, unsigned *v)
{
	size_t i;

	*v = 0;
	for (i = 0; i < 4; i++) {
		if (i >= len || !isxdigit((unsigned char)s[i]))
			return false;
		*v = *v * 16 +
		     (unsigned)(isdigit((unsigned char)s[i]) ? s[i] - '0' : (s[i] | 32) - 'a' + 10);
	}
	return true;
}

/* The escape whose backslash is at `at`; returns its length, 0 when it is none. */
static size_t escape_len(const struct scan *sc, size_t at)
{
	const char *s = sc->s + at;
	size_t left = sc->len - at;
	unsigned high, low;

	if (left < 2)
		return 0;
	if (s[1] != 'u')
		return s[1] && strchr("\"\\/bfnrt", s[1]) ? 2 : 0;
	if (!hex4(s + 2, left - 2, &high) || high == 0 || (high >= 0xdc00 && high <= 0xdfff))
		return 0;
	if (high < 0xd800 || high > 0xdbff)
		return 6;
	if (left < 12 || s[6] != '\\' || s[7] != 'u' || !hex4(s + 8, 4, &low) || low < 0xdc00 ||
		low > 0xdfff)
		return 0;
	return 12;
}

static bool scan_string(struct scan *sc)
{
	size_t start = sc->at, i = start + 1, n;

	while (i < sc->len) {
		unsigned char c = (unsigned char)sc->s[i];

		if (c == '"') {
			sc->at = i + 1;
			return true;
		}
		if (c == '\n' || c == '\r')
			return fail(sc, start, "this string does not end on its line");
		if (c < 0x20)
			return fail(
				sc, i, "a control character in a string; write it as an escape");
		if (c == '\\') {
			n = escape_len(sc, i);
			if (n == 0)
				return fail(sc, i,
					"no valid escape; a backslash itself is written \\\\");
			i += n;
		} else {
			i++;
		}
	}
	return fail(sc, start, "this string does not end");
}

static bool digits(struct scan *sc, size_t *i)
{
	size_t start = *i;

	while (*i < sc->len && isdigit((unsigned char)sc->s[*i]))
		(*i)++;
	return *i > start;
}

static bool scan_number(struct scan *sc)
{
	static const char bad[] = "not a number as JSON has them";
	size_t start = sc->at, i = start, first;

	i += sc->s[i] == '-';
	first = i;
	if (!digits(sc, &i) || (sc->s[first] == '0' && i > first + 1))
		return fail(sc, start, bad);
	if (i < sc->len && sc->s[i] == '.') {
		i++;
		if (!digits(sc, &i))
			return fail(sc, start, bad);
	}
	if (i < sc->len && (sc->s[i] == 'e' || sc->s[i] == 'E')) {
		i++;
		if (i < sc->len && (sc->s[i] == '+' || sc->s[i] == '-'))
			i++;
		if (!digits(sc, &i))
			return fail(sc, start, bad);
	}
	if (i - start > NUMBER_MAX)
		return fail(sc, start, "this number is too long");
	sc->at = i;
	return true;
}

static bool scan_literal(struct scan *sc)
{
	static const char *const words[] = {"true", "false", "null"};
	size_t i, n, start = sc->at, end = start;

	while (end < sc->len && isalnum((unsigned char)sc->s[end]))
		end++;
	for (i = 0; i < FG_ARRAY_LEN(words); i++) {
		n = strlen(words[i]);
		if (end - start == n && memcmp(sc->s + start, words[i], n) == 0) {
			sc->at = end;
			return true;
		}
	}
	if (end > start)
		return fail(sc, start, "a value is expected; text goes into double quotes");
	if (sc->s[start] == '}' || sc->s[start] == ']')
		return fail(
			sc, start, "a value is expected before this; is there a comma too many?");
	return fail(sc, start, "a value is expected here");
}

static void note_place(struct scan *sc)
{
	if (sc->count == sc->room) {
		sc->room = sc->room ? 2 * sc->room : 64;
		sc->places = fg_realloc(sc->places, sc->room, sizeof(*sc->places));
	}
	sc->places[sc->count++] = (struct config_place){.key = sc->key, .value = sc->at};
	sc->key = CONFIG_NO_KEY;
}

/* After a whole value: what may follow it depends on what it is in. */
static void after_value(struct scan *sc)
{
	sc->expect = sc->depth > 0 ? WANT_COMMA_OR_END : WANT_NOTHING;
}

static bool scan_close(struct scan *sc)
{
	char want = sc->open[sc->depth - 1] == '{' ? '}' : ']';

	if (sc->s[sc->at] != want)
		return fail(sc, sc->at,
			want == '}' ? "a } is expected, not a ]" : "a ] is expected, not a }");
	sc->depth--;
	sc->at++;
	after_value(sc);
	return true;
}

static bool scan_value(struct scan *sc)
{
	char c = sc->s[sc->at];

	if (sc->expect == WANT_VALUE_OR_END && c == ']')
		return scan_close(sc);
	note_place(sc);
	if (c == '{' || c == '[') {
		if (sc->depth == FG_JSON_DEPTH)
			return fail(sc, sc->at, "nested too deeply");
		sc->open[sc->depth] = c;
		sc->opened[sc->depth++] = sc->at++;
		sc->expect = c == '{' ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
		return true;
	}
	after_value(sc);
	if (c == '"')
		return scan_string(sc);
	return c == '-' || isdigit((unsigned char)c) ? scan_number(sc) : scan_literal(sc);
}

static bool scan_key(struct scan *sc)
{
	char c = sc->s[sc->at];

	if (sc->expect == WANT_KEY_OR_END && c == '}')
		return scan_close(sc);
	if (c == '}')
		return fail(
			sc, sc->at, "a key is expected before this }; is there a comma too many?");
	if (c != '"')
		return fail(sc, sc->at, "a key in double quotes is expected here");
	sc->key = sc->at;
	sc->expect = WANT_COLON;
	return scan_string(sc);
}

static bool scan_token(struct scan *sc)
{
	char c = sc->s[sc->at];

	switch (sc->expect) {
	case WANT_VALUE:
	case WANT_VALUE_OR_END:
		return scan_value(sc);
	case WANT_KEY:
	case WANT_KEY_OR_END:
		return scan_key(sc);
	case WANT_COLON:
		if (c != ':')
			return fail(sc, sc->at, "a colon is expected after a key");
		sc->at++;
		sc->expect = WANT_VALUE;
		return true;
	case WANT_COMMA_OR_END:
		if (c == '}' || c == ']')
			return scan_close(sc);
		if (c != ',')
			return fail(sc, sc->at, "a comma is expected before this");
		sc->at++;
		sc->expect = sc->open[sc->depth - 1] == '{' ? WANT_KEY : WANT_VALUE;
		return true;
	case WANT_NOTHING:
		break;
	}
	return fail(sc, sc->at, "nothing may follow the end of the configuration");
}

static bool scan_all(struct scan *sc)
{
	sc->key = CONFIG_NO_KEY;
	while (true) {
		while (sc->at < sc->len && sc->s[sc->at] && strchr(" \t\r\n", sc->s[sc->at]))
			sc->at++;
		if (sc->at == sc->len)
			break;
		if (sc->s[sc->at] == '\0')
			return fail(sc, sc->at, "a NUL byte; is this a text file?");
		if (!scan_token(sc))
			return false;
	}
	if (sc->expect == WANT_NOTHING)
		return true;
	if (sc->depth > 0)
		return fail(sc, sc->opened[sc->depth - 1],
			sc->open[sc->depth - 1] == '{' ? "this { is never closed"
						       : "this [ is never closed");
	return fail(sc, 0, "the file is empty; {} is the least");
}

struct config_place *config_scan(
	const char *text, size_t len, size_t *count, size_t *at, const char **error)
{
	struct scan sc = {.s = text, .len = len};

	if (scan_all(&sc)) {
		*count = sc.count;
		return sc.places;
	}
	free(sc.places);
	*at = sc.at;
	*error = sc.error;
	return NULL;
}
