/* Reading Telegram's HTML: how long it is, where it may be cut, and what it says without its tags.
 */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "telegram/html.h"
#include "telegram/token.h"

size_t html_length(const char *html)
{
	size_t left = strlen(html), units = 0;

	while (left) {
		struct token t = token_next(html, left);

		units += t.units;
		html += t.len;
		left -= t.len;
	}
	return units;
}

/* The tags that are open at some place: where each begins in the source. */
struct stack {
	struct token *tags;
	const char **at;
	size_t depth, room;
};

static void stack_push(struct stack *st, const char *at, const struct token *t)
{
	if (st->depth == st->room) {
		st->room = st->room ? st->room * 2 : 16;
		st->tags = fg_realloc(st->tags, st->room, sizeof(*st->tags));
		st->at = fg_realloc(st->at, st->room, sizeof(*st->at));
	}
	st->tags[st->depth] = *t;
	st->at[st->depth++] = at;
}

static void stack_step(struct stack *st, const char *at, const struct token *t)
{
	if (t->kind == TOKEN_OPEN)
		stack_push(st, at, t);
	else if (t->kind == TOKEN_CLOSE && st->depth)
		st->depth--;
}

static void stack_reopen(const struct stack *st, struct fg_str *out)
{
	for (size_t i = 0; i < st->depth; i++)
		fg_str_add(out, st->at[i], st->tags[i].len);
}

static void stack_close(const struct stack *st, struct fg_str *out)
{
	for (size_t i = st->depth; i-- > 0;) {
		fg_str_puts(out, "</");
		fg_str_add(out, st->tags[i].name, st->tags[i].name_len);
		fg_str_putc(out, '>');
	}
}

/*
 * Bytes of the next piece: up to the last line end within max units, else up to the last character.
 * A closing tag right behind the place goes with the piece, so that the next one does not begin
 * with an empty pair; an opening one does not.
 */
static size_t piece_len(const char *s, size_t len, size_t max)
{
	size_t at = 0, units = 0, line_end = 0, char_end = 0;

	while (at < len) {
		struct token t = token_next(s + at, len - at);

		if (units + t.units > max)
			return line_end ? line_end : char_end ? char_end : at + t.len;
		if (t.kind == TOKEN_CLOSE && line_end == at)
			line_end = at ? at + t.len : 0;
		units += t.units;
		at += t.len;
		if (t.kind != TOKEN_OPEN && units)
			char_end = at;
		if (t.cp == '\n')
			line_end = at;
	}
	return len;
}

/* One piece in full: what was open before it, its own bytes, and the ends of what is still open. */
static char *cut_piece(struct stack *st, const char *s, size_t len, size_t whole)
{
	cleanup_str struct fg_str out;
	size_t at = 0;

	fg_str_init(&out, whole * 4 + 64); /* each of its tags at most twice, and an end for each */
	stack_reopen(st, &out);
	fg_str_add(&out, s, len);
	while (at < len) {
		struct token t = token_next(s + at, len - at);

		stack_step(st, s + at, &t);
		at += t.len;
	}
	stack_close(st, &out);
	return fg_str_take(&out);
}

int html_split(const char *html, size_t max, char **pieces, int limit)
{
	struct stack st = {0};
	size_t whole = strlen(html), left = whole;
	int count = 0;

	do {
		size_t n = piece_len(html, left, max);

		if (count == limit) {
			while (count)
				free(pieces[--count]);
			break;
		}
		pieces[count++] = cut_piece(&st, html, n, whole);
		html += n;
		left -= n;
	} while (left);
	free(st.tags);
	free(st.at);
	return count;
}

char *html_cut(const char *html, size_t max)
{
	cleanup_free char *first = NULL;
	struct stack st = {0};
	size_t whole = strlen(html), n;

	if (html_length(html) <= max)
		return fg_strdup(html);
	n = max > 1 ? piece_len(html, whole, max - 1) : 0;
	first = cut_piece(&st, html, n, whole);
	if (html_length(first) >= max) { /* not even its first character fits */
		free(first);
		first = fg_strdup("");
	}
	free(st.tags);
	free(st.at);
	return fg_printf("%s…", first);
}

static void add_code_point(struct fg_str *out, uint32_t cp)
{
	char s[4];
	size_t n;

	if (cp < 0x80) {
		s[0] = (char)cp;
		n = 1;
	} else if (cp < 0x800) {
		s[0] = (char)(0xc0 | cp >> 6);
		s[1] = (char)(0x80 | (cp & 0x3f));
		n = 2;
	} else if (cp < 0x10000) {
		s[0] = (char)(0xe0 | cp >> 12);
		s[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		s[2] = (char)(0x80 | (cp & 0x3f));
		n = 3;
	} else {
		s[0] = (char)(0xf0 | cp >> 18);
		s[1] = (char)(0x80 | (cp >> 12 & 0x3f));
		s[2] = (char)(0x80 | (cp >> 6 & 0x3f));
		s[3] = (char)(0x80 | (cp & 0x3f));
		n = 4;
	}
	fg_str_add(out, s, n);
}

static bool is_block(const struct token *t)
{
	return (t->name_len == 3 && memcmp(t->name, "pre", 3) == 0) ||
	       (t->name_len == 10 && memcmp(t->name, "blockquote", 10) == 0);
}

char *html_plain(const char *html)
{
	size_t left = strlen(html);
	cleanup_str struct fg_str out;
	bool new_line = false; /* what comes next begins a line */

	fg_str_init(&out, left * 2 + 1); /* a block's end may become a line end */
	while (left) {
		struct token t = token_next(html, left);

		if (t.kind == TOKEN_OPEN || t.kind == TOKEN_CLOSE) {
			new_line = new_line || is_block(&t);
		} else {
			if (new_line && t.cp != '\n' && out.len && out.s[out.len - 1] != '\n')
				fg_str_putc(&out, '\n');
			new_line = false;
			if (t.kind == TOKEN_ENTITY)
				add_code_point(&out, t.cp);
			else
				fg_str_add(&out, html, t.len);
		}
		html += t.len;
		left -= t.len;
	}
	return fg_str_take(&out);
}
