/* Counts, checks and converts text, and holds the few JSON getters that every part wants. */
#include "text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *need(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

char *copy_text(const char *s)
{
	return s ? need(strdup(s)) : NULL;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
	if (b->len + n + 1 > b->cap) {
		b->cap = (b->len + n + 1) * 2;
		b->data = need(realloc(b->data, b->cap));
	}
	if (n)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_text(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_finish(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

char *text_vformat(const char *fmt, va_list ap)
{
	char *out = NULL;

	if (vasprintf(&out, fmt, ap) < 0)
		abort();
	return out;
}

char *text_format(const char *fmt, ...)
{
	va_list ap;
	char *out;

	va_start(ap, fmt);
	out = text_vformat(fmt, ap);
	va_end(ap);
	return out;
}

/* Decodes one code point; returns its length in bytes, 0 for a malformed sequence. */
static size_t decode(const unsigned char *s, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n, i;

	if (*s < 0x80) {
		*point = *s;
		return 1;
	}
	n = *s >= 0xf0 && *s < 0xf8 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc0 ? 2 : 0;
	if (!n || *s >= 0xf8)
		return 0;
	*point = *s & (0xffU >> (n + 1));
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (s[i] & 0x3fU);
	}
	if (*point < least[n] || *point > 0x10ffff || (*point >= 0xd800 && *point < 0xe000))
		return 0;
	return n;
}

bool text_is_utf8(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t point;
	size_t n;

	for (; *p; p += n)
		if (!(n = decode(p, &point)))
			return false;
	return true;
}

size_t text_points(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

size_t text_units(const char *s, size_t bytes)
{
	size_t n = 0, i;

	for (i = 0; i < bytes && s[i]; i++) {
		unsigned char c = (unsigned char)s[i];

		n += (c & 0xc0) == 0x80 ? 0 : c >= 0xf0 ? 2 : 1;
	}
	return n;
}

size_t text_bytes(const char *s, size_t units)
{
	size_t i = 0, n = 0;

	while (s[i] && n < units) {
		n += (unsigned char)s[i] >= 0xf0 ? 2 : 1;
		for (i++; ((unsigned char)s[i] & 0xc0) == 0x80; i++)
			;
	}
	return i;
}

char *text_ascii(const char *json)
{
	const unsigned char *p = (const unsigned char *)json;
	struct buf out = {0};
	uint32_t point = 0;
	size_t n;
	char hex[16];

	for (; *p; p += n) {
		n = decode(p, &point);
		if (n == 1) {
			buf_add(&out, p, 1);
			continue;
		}
		if (!n) {
			point = 0xfffd;
			n = 1;
		}
		if (point >= 0x10000) {
			point -= 0x10000;
			snprintf(hex, sizeof(hex), "\\u%04x\\u%04x", 0xd800 + (point >> 10),
			        0xdc00 + (point & 0x3ff));
		} else {
			snprintf(hex, sizeof(hex), "\\u%04x", point);
		}
		buf_text(&out, hex);
	}
	buf_add(&out, "", 0);
	return out.data;
}

char *text_base64(const void *data, size_t n)
{
	static const char digits[] =
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *s = data;
	char *out = need(malloc((n + 2) / 3 * 4 + 1)), *p = out;
	size_t i;

	for (i = 0; i < n; i += 3) {
		uint32_t three = (uint32_t)s[i] << 16;

		if (i + 1 < n)
			three |= (uint32_t)s[i + 1] << 8;
		if (i + 2 < n)
			three |= s[i + 2];
		*p++ = digits[three >> 18];
		*p++ = digits[three >> 12 & 63];
		*p++ = i + 1 < n ? digits[three >> 6 & 63] : '=';
		*p++ = i + 2 < n ? digits[three & 63] : '=';
	}
	*p = '\0';
	return out;
}

static bool is_word(int c)
{
	return c >= 0x80 || isalnum(c) || c == '_';
}

static bool stops_command(int c)
{
	return is_word(c) || c == '/' || c == '<' || c == '>';
}

/* The length in bytes of a command that starts at the slash; 0 when it is none. */
static size_t command_length(const char *s)
{
	size_t n = 1, at;

	while (n < 65 && (unsigned char)s[n] < 0x80 && is_word((unsigned char)s[n]))
		n++;
	if (n == 1)
		return 0;
	if (s[n] == '@') {
		for (at = n + 1; (unsigned char)s[at] < 0x80 && is_word((unsigned char)s[at]); at++)
			;
		if (at - n - 1 >= 3 && at - n - 1 <= 32)
			n = at;
	}
	return stops_command((unsigned char)s[n]) ? 0 : n;
}

cJSON *text_commands(const char *text)
{
	cJSON *list = NULL, *one;
	size_t i, n;

	for (i = 0; text[i]; i++) {
		if (text[i] != '/' || (i && stops_command((unsigned char)text[i - 1])))
			continue;
		n = command_length(text + i);
		if (!n)
			continue;
		if (!list)
			list = need(cJSON_CreateArray());
		one = need(cJSON_CreateObject());
		cJSON_AddNumberToObject(one, "offset", (double)text_units(text, i));
		cJSON_AddNumberToObject(one, "length", (double)n);
		cJSON_AddStringToObject(one, "type", "bot_command");
		cJSON_AddItemToArray(list, one);
		i += n - 1;
	}
	return list;
}

int64_t json_int(const cJSON *item, int64_t otherwise)
{
	char *end;
	long long value;

	if (cJSON_IsNumber(item) && fabs(item->valuedouble) < 9.1e18)
		return (int64_t)item->valuedouble;
	if (!cJSON_IsString(item) || !*item->valuestring)
		return otherwise;
	value = strtoll(item->valuestring, &end, 10);
	return *end ? otherwise : value;
}

const char *json_text(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

int64_t json_int_of(const cJSON *object, const char *key, int64_t otherwise)
{
	return json_int(cJSON_GetObjectItemCaseSensitive(object, key), otherwise);
}

bool json_true(const cJSON *object, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, key));
}
