/* Capped strings: they double while they may, and cut at a character's end when they may not. */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"

#define FIRST_ROOM 64
#define UTF8_LONGEST 4

static char nothing[1]; /* what an empty string points at before it owns memory; never written */

void fg_str_init(struct fg_str *b, size_t cap)
{
	*b = (struct fg_str){.s = nothing, .cap = cap};
}

void fg_str_finish(struct fg_str *b)
{
	if (b->room)
		free(b->s);
	fg_str_init(b, b->cap);
}

void fg_str_reset(struct fg_str *b)
{
	b->len = 0;
	b->full = false;
	if (b->room)
		b->s[0] = '\0';
	else
		b->s = nothing;
}

char *fg_str_take(struct fg_str *b)
{
	char *s = b->room ? b->s : fg_strdup("");

	fg_str_init(b, b->cap);
	return s;
}

/* Room for `extra` more bytes and the NUL; the caller has checked the cap. */
static void grow(struct fg_str *b, size_t extra)
{
	size_t want = b->len + extra + 1, room = b->room ? b->room : FIRST_ROOM;

	if (want <= b->room)
		return;
	while (room < want)
		room = room > SIZE_MAX / 2 ? want : room * 2;
	if (room - 1 > b->cap && b->cap + 1 >= want)
		room = b->cap + 1;
	b->s = fg_realloc(b->room ? b->s : NULL, room, 1);
	b->room = room;
}

int fg_str_add(struct fg_str *b, const void *data, size_t len)
{
	size_t left = b->cap - b->len;

	if (b->full)
		return -1;
	if (len > left) {
		b->full = true;
		len = fg_utf8_cut(data, len, left);
	}
	if (len > 0) {
		grow(b, len);
		memcpy(b->s + b->len, data, len);
		b->len += len;
		b->s[b->len] = '\0';
	} else if (!b->room) {
		b->s = nothing; /* of a zeroed struct too */
	}
	return b->full ? -1 : 0;
}

int fg_str_puts(struct fg_str *b, const char *s)
{
	return fg_str_add(b, s, strlen(s));
}

int fg_str_putc(struct fg_str *b, char c)
{
	return fg_str_add(b, &c, 1);
}

int fg_str_printf(struct fg_str *b, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = fg_str_vprintf(b, fmt, ap);
	va_end(ap);
	return rc;
}

int fg_str_vprintf(struct fg_str *b, const char *fmt, va_list ap)
{
	size_t left = b->cap - b->len, n, got;
	va_list again;
	int len;

	if (b->full)
		return -1;
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0) {
		b->full = true;
		return -1;
	}
	n = (size_t)len;
	if (n <= left) {
		grow(b, n);
		vsnprintf(b->s + b->len, n + 1, fmt, ap);
		b->len += n;
		return 0;
	}
	/* Whether the last character is whole shows only in the bytes behind it. */
	got = left + UTF8_LONGEST < n ? left + UTF8_LONGEST : n;
	grow(b, got);
	vsnprintf(b->s + b->len, got + 1, fmt, ap);
	b->len += fg_utf8_cut(b->s + b->len, got, left);
	b->s[b->len] = '\0';
	b->full = true;
	return -1;
}

void fg_str_consume(struct fg_str *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	memmove(b->s, b->s + n, b->len - n + 1);
	b->len -= n;
}

/* The caller chose what stays, so what it adds next is wanted: the string takes additions again. */
void fg_str_truncate(struct fg_str *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->s[len] = '\0';
	b->full = false;
}
