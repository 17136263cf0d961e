/*
 * Text as the messenger counts it: code points for limits, UTF-16 units for entity offsets, bytes
 * for button data; and a growing buffer. Whatever returns a pointer gives it to the caller, who
 * frees it.
 */
#ifndef SIM_TEXT_H
#define SIM_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct buf {
	char *data; /* always ends in NUL once anything was added; NULL before */
	size_t len;
	size_t cap;
};

void *need(void *memory);       /* ends the program when memory is NULL */
char *copy_text(const char *s); /* NULL stays NULL */

void buf_add(struct buf *b, const void *data, size_t n);
void buf_text(struct buf *b, const char *s);
void buf_finish(struct buf *b);

char *text_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *text_vformat(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

bool text_is_utf8(const char *s);
size_t text_points(const char *s);
size_t text_units(const char *s, size_t bytes); /* UTF-16 units in the first bytes of s */
size_t text_bytes(const char *s, size_t units); /* bytes that hold the first units of s */

char *text_ascii(const char *json); /* the same JSON with everything above ASCII as \uXXXX */
char *text_base64(const void *data, size_t n);
cJSON *text_commands(const char *text); /* array of bot_command entities; NULL when there is none */

/* A JSON number is a double; ids stay exact up to 2^53. */
int64_t json_int(const cJSON *item, int64_t otherwise);
const char *json_text(const cJSON *object, const char *key); /* NULL when absent or no string */
int64_t json_int_of(const cJSON *object, const char *key, int64_t otherwise);
bool json_true(const cJSON *object, const char *key);

#endif
