/*
 * Spells a form's part heads the one way that libmicrohttpd reads. Telegram takes every way that
 * the grammar allows: grammY has no blank behind ":" and ";", and no quotes around a file's name.
 */
#include <string.h>
#include <strings.h>

#include "multipart.h"

/* The value of one parameter, from behind its "=": in quotes whether it has them or not. */
static const char *spell_value(struct buf *out, const char *at, const char *end)
{
	const char *from = at;

	if (at < end && *at == '"') {
		for (at++; at < end && *at != '"'; at++)
			at += *at == '\\' && at + 1 < end;
		at += at < end;
		buf_add(out, from, (size_t)(at - from));
		return at;
	}
	while (at < end && *at != ';')
		at++;
	buf_add(out, "\"", 1);
	buf_add(out, from, (size_t)(at - from));
	buf_add(out, "\"", 1);
	return at;
}

static void spell_line(struct buf *out, const char *at, const char *end)
{
	const char *colon = memchr(at, ':', (size_t)(end - at));
	bool disposition = end - at > 19 && strncasecmp(at, "content-disposition", 19) == 0;

	if (!colon) {
		buf_add(out, at, (size_t)(end - at));
		return;
	}
	buf_add(out, at, (size_t)(colon - at));
	buf_add(out, ": ", 2);
	for (at = colon + 1; at < end && *at == ' ';)
		at++;
	while (disposition && at < end) {
		char c = *at++;

		buf_add(out, &c, 1);
		if (c == ';') {
			buf_add(out, " ", 1);
			while (at < end && *at == ' ')
				at++;
		} else if (c == '=') {
			at = spell_value(out, at, end);
		}
	}
	buf_add(out, at, (size_t)(end - at));
}

/* Part heads up to their empty line; where that ends. */
static const char *spell_head(struct buf *out, const char *at, const char *end)
{
	const char *line;

	while ((line = memmem(at, (size_t)(end - at), "\r\n", 2))) {
		spell_line(out, at, line);
		buf_add(out, "\r\n", 2);
		if (line == at)
			return line + 2;
		at = line + 2;
	}
	return at;
}

void multipart_spell(struct buf *out, const char *type, const char *form, size_t n)
{
	const char *boundary = strcasestr(type, "boundary="), *end = form + n, *at = form, *mark;
	char delimiter[2 + 70 + 1] = "--"; /* a boundary has at most 70 characters */
	size_t len = 0;

	if (boundary) {
		boundary += strlen("boundary=");
		boundary += *boundary == '"';
		len = strcspn(boundary, "\"; ");
	}
	if (len == 0 || len > 70) {
		buf_add(out, form, n);
		return;
	}
	memcpy(delimiter + 2, boundary, len);
	len += 2;
	while ((mark = memmem(at, (size_t)(end - at), delimiter, len))) {
		bool begins =
			mark == form || (mark - form >= 2 && memcmp(mark - 2, "\r\n", 2) == 0);

		mark += len;
		buf_add(out, at, (size_t)(mark - at));
		at = mark;
		if (begins && end - at > 2 && memcmp(at, "\r\n", 2) == 0) {
			buf_add(out, at, 2);
			at = spell_head(out, at + 2, end);
		}
	}
	buf_add(out, at, (size_t)(end - at));
}
