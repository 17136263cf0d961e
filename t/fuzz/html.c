/* Any bytes as text in a message: escaped, wrapped, cut and stripped again, they stay what they
 * were. Raw, they do no harm. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/html.h"
#include "telegram/token.h"

#define PIECES 64
#define TEXT_MOST 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
	if (!holds)
		abort();
}

/* Characters and entities of html, without its tags. */
static void add_content(struct fg_str *out, const char *html)
{
	for (size_t left = strlen(html); left;) {
		struct token t = token_next(html, left);

		check(t.len > 0 && t.len <= left);
		if (t.kind == TOKEN_CHAR || t.kind == TOKEN_ENTITY)
			fg_str_add(out, html, t.len);
		html += t.len;
		left -= t.len;
	}
}

/* The pieces are within the limit, and in a row they are the whole. */
static void check_split(const char *html, size_t max)
{
	cleanup_str struct fg_str want, got;
	char *pieces[PIECES];
	int n = html_split(html, max, pieces, PIECES);

	fg_str_init(&want, TEXT_MOST * 8);
	fg_str_init(&got, TEXT_MOST * 8);
	add_content(&want, html);
	for (int i = 0; i < n; i++) {
		check(html_length(pieces[i]) <= max);
		add_content(&got, pieces[i]);
		free(pieces[i]);
	}
	check(n == 0 || strcmp(want.s, got.s) == 0);
}

/* Escaped text has no tags, and stripping gives the cleaned text back. */
static void check_text(const char *s, size_t len, size_t max)
{
	cleanup_str struct fg_str clean, escaped, wrapped;
	cleanup_free char *plain = NULL, *cut = NULL;

	fg_str_init(&clean, TEXT_MOST * 4);
	fg_str_init(&escaped, TEXT_MOST * 8);
	fg_str_init(&wrapped, TEXT_MOST * 8 + 64);
	fg_text_clean(&clean, s, len);
	html_text_len(&escaped, s, len);
	check(!strchr(escaped.s, '<') && !strchr(escaped.s, '>'));
	check(html_length(escaped.s) == fg_utf16_count(clean.s, clean.len));
	html_printf(&wrapped, "<b><a href=\"%S\">%S</a></b>", "x>y", escaped.s);
	plain = html_plain(wrapped.s);
	check(strcmp(plain, clean.s) == 0);
	check_split(wrapped.s, max);
	cut = html_cut(wrapped.s, max);
	check(html_length(cut) <= max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *raw = NULL, *plain = NULL, *cut = NULL;
	size_t max;

	if (size < 1 || size > TEXT_MOST)
		return 0;
	max = 2 + data[0] % 64;
	check_text((const char *)data + 1, size - 1, max);
	raw = fg_strndup((const char *)data + 1, size - 1);
	plain = html_plain(raw);
	check_split(raw, max);
	cut = html_cut(raw, max);
	check(html_length(cut) <= max);
	return 0;
}
