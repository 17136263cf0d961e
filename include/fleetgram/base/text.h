/*
 * Text from elsewhere, made safe, and the small grammars that people type: globs, durations, sizes.
 */
#ifndef FLEETGRAM_BASE_TEXT_H
#define FLEETGRAM_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fleetgram/base/err.h"
#include "fleetgram/base/str.h"

/*
 * Length in bytes of the UTF-8 character at s (at most len bytes are looked at); 0 when the bytes
 * are no character (bad lead, overlong, surrogate, above U+10FFFF, cut off). *cp gets the code
 * point, and may be NULL.
 */
size_t fg_utf8_next(const char *s, size_t len, uint32_t *cp);

/* The largest n <= max at which s can be cut without splitting a character. */
size_t fg_utf8_cut(const char *s, size_t len, size_t max);

size_t fg_utf8_count(const char *s, size_t len);  /* code points; a bad byte counts one */
size_t fg_utf16_count(const char *s, size_t len); /* UTF-16 units, Telegram's measure */

/*
 * Append foreign text so that a person can read it: ANSI escape sequences and control characters
 * are dropped (newline and tab stay), CR LF becomes LF, a lone CR starts a new line, bad UTF-8
 * becomes U+FFFD, and so do bidirectional overrides, which could make a name read as another.
 */
int fg_text_clean(struct fg_str *out, const char *s, size_t len);

/* The same for a text that must stay on one line: newline and tab become a space. */
int fg_text_clean_line(struct fg_str *out, const char *s, size_t len);

/* `*`, `?`, `[a-z]`, `[!a]`, and `\` before a literal; bytes are compared, case matters. Never
 * backtracks exponentially. */
bool fg_glob_match(const char *pattern, const char *s);
bool fg_glob_is_pattern(const char *s); /* has one of * ? [ */

/* Edit distance, for "did you mean"; strings over 64 bytes are infinitely far (SIZE_MAX). */
size_t fg_text_distance(const char *a, const char *b);

/* "500ms" "30s" "5m" "24h" "7d", and "0". Negative and overflowing values are errors. */
int fg_duration_parse(const char *s, int64_t *ms, struct fg_err *err);
/* "64m" "1g" "512k" "100" (bytes), powers of 1024, an optional b or ib after the unit, and a
 * decimal fraction. */
int fg_size_parse(const char *s, int64_t *bytes, struct fg_err *err);

#define FG_HUMAN 32
const char *fg_duration_human(char buf[FG_HUMAN], int64_t ms); /* "3m 20s", "2d 4h", "350ms" */
const char *fg_size_human(char buf[FG_HUMAN], int64_t bytes);  /* "1.5 GiB" */

/* Percent-encode everything but A-Z a-z 0-9 - . _ ~ */
void fg_url_escape(struct fg_str *out, const char *s);

bool fg_str_equal(const char *a, const char *b); /* NULL equals only NULL */

#endif
