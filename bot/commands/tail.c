/*
 * Keeping the end of a stream of lines.
 */
#include <string.h>
#include "commands/tail.h"

void tail_init(struct tail *t, size_t lines, size_t bytes)
{
	*t = (struct tail){.lines = lines, .bytes = bytes};
	/* Twice what is kept, and one more line before the next trim. */
	fg_str_init(&t->text, 3 * bytes);
}

void tail_finish(struct tail *t)
{
	fg_str_finish(&t->text);
}

/* Where the last `lines` lines begin that fit into `bytes`. */
static size_t tail_start(const struct tail *t, size_t *kept, bool *cut)
{
	size_t at = t->text.len, lines = 0, start = at;

	while (at > 0) {
		/* The text ends with a line end, and so does each line before at. */
		const char *end = memrchr(t->text.s, '\n', at - 1);
		size_t begin = end ? (size_t)(end - t->text.s) + 1 : 0;

		if (lines == t->lines)
			break;
		if (t->text.len - begin > t->bytes) {
			*cut = true;
			break;
		}
		start = begin;
		at = begin;
		lines++;
	}
	*kept = lines;
	return start;
}

static void trim(struct tail *t)
{
	fg_str_consume(&t->text, tail_start(t, &t->count, &t->cut));
}

void tail_add(struct tail *t, const char *text, size_t len)
{
	for (const char *s = text; (s = memchr(s, '\n', len - (size_t)(s - text))); s++)
		t->count++;
	t->count++;
	if (len >= t->bytes) {
		text += len - t->bytes / 2;
		len = t->bytes / 2;
		t->cut = true;
	}
	fg_str_add(&t->text, text, len);
	fg_str_putc(&t->text, '\n');
	if (t->text.len > 2 * t->bytes || t->count > 2 * t->lines)
		trim(t);
}

void tail_end(struct tail *t)
{
	trim(t);
}
