/*
 * A string that grows up to a cap it is born with.
 *
 * Every buffer that foreign bytes can fill names its limit when it is made. Adding beyond the cap
 * keeps what fits (cut at a character's end), sets `full`, and returns -1; later additions are
 * dropped. The text is always terminated by a NUL, which is not counted in len; s is "" and never
 * NULL while the string is empty.
 */
#ifndef FLEETGRAM_BASE_STR_H
#define FLEETGRAM_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdarg.h>

struct fg_str {
	char *s;
	size_t len, room, cap; /* bytes: used, allocated, allowed */
	bool full;             /* something did not fit */
};

void fg_str_init(struct fg_str *b, size_t cap);
void fg_str_finish(struct fg_str *b); /* leaves an empty string of the same cap */
void fg_str_reset(struct fg_str *b);  /* empty again, memory kept */
char *fg_str_take(struct fg_str *b);  /* the text, which the caller frees; b is empty after it */

int fg_str_add(struct fg_str *b, const void *data, size_t len);
int fg_str_puts(struct fg_str *b, const char *s);
int fg_str_putc(struct fg_str *b, char c);
int fg_str_printf(struct fg_str *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int fg_str_vprintf(struct fg_str *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
void fg_str_consume(struct fg_str *b, size_t n);    /* drop n bytes from the front */
void fg_str_truncate(struct fg_str *b, size_t len); /* keep the first len bytes */

#define cleanup_str __attribute__((cleanup(fg_str_finish)))

#endif
