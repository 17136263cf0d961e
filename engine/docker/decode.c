/*
 * Decoding: foreign strings, times and words as the rest of Fleetgram wants them.
 */
#include <limits.h>
#include <string.h>
#include "decode.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

/* The length of the valid text that s begins with. */
static size_t valid_prefix(const char *s, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t n = (unsigned char)s[at] < 0x80 ? 1 : fg_utf8_next(s + at, len - at, NULL);

		if (n == 0)
			break;
		at += n;
	}
	return at;
}

void fg_decode_repair(struct fg_str *text)
{
	size_t good = valid_prefix(text->s, text->len), at = 0;
	struct fg_str out;

	if (good == text->len)
		return;
	fg_str_init(&out, text->len * 3);
	for (;;) {
		fg_str_add(&out, text->s + at, good);
		at += good;
		if (at == text->len)
			break;
		fg_str_puts(&out, "\xef\xbf\xbd");
		at++;
		good = valid_prefix(text->s + at, text->len - at);
	}
	/* The buffer may be used again: it keeps its own cap. */
	if (out.cap < text->cap)
		out.cap = text->cap;
	fg_str_finish(text);
	*text = out;
}

void fg_decode_image(const char *reference, char **image, char **digest)
{
	size_t len = strcspn(reference, "@");
	cleanup_free char *name = fg_strndup(reference, len);

	*image = fg_decode_line(name);
	*digest = fg_decode_line(reference[len] ? reference + len + 1 : "");
}

bool fg_decode_is_plain(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

char *fg_decode_line(const char *s)
{
	size_t len = s ? strlen(s) : 0;
	struct fg_str out;
	char *line;

	if (s && len <= FG_CAP_LINE && fg_decode_is_plain(s, len))
		return fg_strndup(s, len);
	fg_str_init(&out, FG_CAP_LINE);
	fg_text_clean_line(&out, s ? s : "", s ? strlen(s) : 0);
	line = fg_strdup(out.s);
	fg_str_finish(&out);
	return line;
}

void fg_decode_copy(char *buf, size_t size, const char *s)
{
	cleanup_free char *line = NULL;
	size_t len = s ? strlen(s) : 0, n = len < size ? len : size - 1;

	if (fg_decode_is_plain(s, n)) {
		memmove(buf, s ? s : "", n);
		buf[n] = '\0';
		return;
	}
	line = fg_decode_line(s);
	len = strlen(line);
	n = fg_utf8_cut(line, len, size - 1);

	memcpy(buf, line, n);
	buf[n] = '\0';
}

const char *fg_decode_inside(const cJSON *object, const char *key)
{
	cJSON *item = (cJSON *)fg_json_get(object, key);
	cleanup_free char *line = NULL;

	if (!cJSON_IsString(item) || !item->valuestring)
		return "";
	line = fg_decode_line(item->valuestring);
	if (strcmp(line, item->valuestring) != 0)
		cJSON_SetValuestring(item, line);
	return item->valuestring;
}

int64_t fg_decode_ms(const cJSON *object, const char *key)
{
	int64_t ms = 0;

	if (fg_rfc3339_parse(fg_json_str(object, key, ""), &ms) < 0 || ms < 0)
		return 0;
	return ms;
}

int64_t fg_decode_ns(const char *rfc3339)
{
	const char *dot = strchr(rfc3339, '.');
	int64_t ms = 0, below = 0, unit = 100000;

	if (fg_rfc3339_parse(rfc3339, &ms) < 0 || ms <= 0 || ms > INT64_MAX / 1000000 - 1)
		return 0;
	for (int i = 1; dot && i <= 9 && dot[i] >= '0' && dot[i] <= '9'; i++) {
		if (i <= 3)
			continue;
		below += (dot[i] - '0') * unit;
		unit /= 10;
	}
	return ms * 1000000 + below;
}

int fg_decode_int(const cJSON *object, const char *key, int fallback)
{
	int64_t n = fg_json_i64(object, key, fallback);

	return n >= INT_MIN && n <= INT_MAX ? (int)n : fallback;
}

const char *fg_decode_state(const char *state)
{
	static const char *const words[][2] = {
		{"configured", "created"},
		{"initialized", "created"},
		{"stopped", "exited"},
		{"stopping", "running"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(words); i++)
		if (strcmp(words[i][0], state) == 0)
			return words[i][1];
	return state;
}

const char *fg_decode_health(const char *word)
{
	static const char *const words[] = {"healthy", "starting", "unhealthy"};

	for (size_t i = 0; i < FG_ARRAY_LEN(words); i++)
		if (strcmp(words[i], word) == 0)
			return words[i];
	return "";
}

const char *fg_decode_status_health(const char *status)
{
	if (strstr(status, "(unhealthy)"))
		return "unhealthy";
	if (strstr(status, "(healthy)"))
		return "healthy";
	return strstr(status, "(health: starting)") || strstr(status, "(starting)") ? "starting"
										    : "";
}

const char *fg_decode_name(const cJSON *names)
{
	const char *first = NULL;
	const cJSON *item;

	cJSON_ArrayForEach (item, names) {
		const char *name = cJSON_GetStringValue(item);

		if (!name)
			continue;
		name += *name == '/';
		if (*name && !strchr(name, '/'))
			return name;
		if (!first && *name)
			first = name;
	}
	return first;
}
