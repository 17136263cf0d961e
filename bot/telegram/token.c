/* The reader under everything that measures, cuts or strips Telegram's HTML. */
#include <stdbool.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/token.h"

#define ENTITY_MAX 12 /* bytes of the longest entity that is looked for: &#x0010FFFF; */
#define TAG_MAX 4096  /* a tag with its attributes; what is longer is text */

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c)
{
	return is_alpha(c) || (c >= '0' && c <= '9') || c == '-';
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The code point of the number between "&#" and ";"; 0 when it is none that a text can hold. */
static uint32_t numeric(const char *s, size_t len)
{
	uint32_t base = 10, v = 0;

	if (len && (*s == 'x' || *s == 'X')) {
		base = 16;
		s++;
		len--;
	}
	for (; len; s++, len--) {
		int digit = digit_of(*s);

		if (digit < 0 || (uint32_t)digit >= base)
			return 0;
		v = v * base + (uint32_t)digit;
		if (v > 0x10ffff)
			return 0;
	}
	return v >= 0xd800 && v <= 0xdfff ? 0 : v;
}

static bool read_entity(const char *s, size_t len, struct token *t)
{
	static const struct {
		const char *name;
		uint32_t cp;
	} named[] = {{"amp", '&'}, {"gt", '>'}, {"lt", '<'}, {"quot", '"'}};
	const char *end = memchr(s, ';', len < ENTITY_MAX ? len : ENTITY_MAX);
	size_t n;

	if (!end)
		return false;
	n = (size_t)(end - s) - 1;
	if (n > 1 && s[1] == '#')
		t->cp = numeric(s + 2, n - 1);
	for (size_t i = 0; i < FG_ARRAY_LEN(named); i++)
		if (strlen(named[i].name) == n && memcmp(s + 1, named[i].name, n) == 0)
			t->cp = named[i].cp;
	if (!t->cp)
		return false;
	t->kind = TOKEN_ENTITY;
	t->len = n + 2;
	t->units = t->cp > 0xffff ? 2 : 1;
	return true;
}

/* Bytes of the tag at s up to its `>`, which does not count inside quotes; 0 when there is no end.
 */
static size_t tag_len(const char *s, size_t len)
{
	char quote = '\0';

	if (len > TAG_MAX)
		len = TAG_MAX;
	for (size_t i = 1; i < len; i++) {
		if (quote) {
			if (s[i] == quote)
				quote = '\0';
		} else if (s[i] == '"' || s[i] == '\'') {
			quote = s[i];
		} else if (s[i] == '>') {
			return i + 1;
		} else if (s[i] == '<') {
			return 0;
		}
	}
	return 0;
}

static bool read_tag(const char *s, size_t len, struct token *t)
{
	bool closes = len > 1 && s[1] == '/';
	size_t at = closes ? 2 : 1, n;

	if (at >= len || !is_alpha(s[at]) || (n = tag_len(s, len)) == 0)
		return false;
	t->kind = closes ? TOKEN_CLOSE : TOKEN_OPEN;
	t->len = n;
	t->units = 0;
	t->name = s + at;
	while (at < n && is_name(s[at]))
		at++;
	t->name_len = (size_t)(s + at - t->name);
	return true;
}

struct token token_next(const char *s, size_t len)
{
	struct token t = {.kind = TOKEN_CHAR};

	if (*s == '&' && read_entity(s, len, &t))
		return t;
	if (*s == '<' && read_tag(s, len, &t))
		return t;
	t.len = fg_utf8_next(s, len, &t.cp);
	t.units = t.len == 4 ? 2 : 1;
	if (t.len == 0) {
		t.len = 1;
		t.cp = 0;
	}
	return t;
}
