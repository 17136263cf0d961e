/*
 * YAML, as little of it as a Compose file needs: blocks, and strings that nobody can take for
 * something else.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/compose.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define PLAIN_CHARS LETTERS "0123456789_./:@-"
#define KEY_MAX 1000 /* a longer one may not stand before its colon on one line */

/*
 * Whether it can stand without quotes: it begins like a word or a path, so that it is no number or
 * date, and it is none of the words that some version of YAML takes for something else.
 */
static bool is_plain(const char *s)
{
	static const char *const words[] = {
		"false", "n", "no", "null", "off", "on", "true", "y", "yes"};
	size_t len = strlen(s);

	if (len == 0 || !strchr(LETTERS "/", *s) || strspn(s, PLAIN_CHARS) != len ||
		s[len - 1] == ':')
		return false;
	for (size_t i = 0; i < FG_ARRAY_LEN(words); i++)
		if (strcasecmp(s, words[i]) == 0)
			return false;
	return true;
}

/* What every reader takes as it is and every person can see. The bidirectional controls are no
 * such thing, nor are the noncharacters. */
static bool is_readable(uint32_t cp)
{
	if (cp < 0xa1)
		return cp >= 0x20 && cp < 0x7f;
	return cp != 0xad && !(cp >= 0x2000 && cp <= 0x200f) && !(cp >= 0x2028 && cp <= 0x202f) &&
	       !(cp >= 0x205f && cp <= 0x206f) && cp != 0x3000 && cp != 0xfeff &&
	       !(cp >= 0xfff0 && cp <= 0xffff) && cp < 0xe0000 && (cp & 0xfffe) != 0xfffe;
}

static void put_escape(struct fg_str *out, uint32_t cp)
{
	static const struct {
		uint32_t cp;
		char letter;
	} short_ones[] = {{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}};

	for (size_t i = 0; i < FG_ARRAY_LEN(short_ones); i++) {
		if (cp != short_ones[i].cp)
			continue;
		fg_str_printf(out, "\\%c", short_ones[i].letter);
		return;
	}
	if (cp < 0x100)
		fg_str_printf(out, "\\x%02x", (unsigned int)cp);
	else if (cp < 0x10000)
		fg_str_printf(out, "\\u%04x", (unsigned int)cp);
	else
		fg_str_printf(out, "\\U%08x", (unsigned int)cp);
}

static void put_text(struct fg_str *out, const char *s)
{
	size_t left = strlen(s);

	if (is_plain(s)) {
		fg_str_puts(out, s);
		return;
	}
	fg_str_putc(out, '"');
	while (left > 0) {
		uint32_t cp = 0;
		size_t n = fg_utf8_next(s, left, &cp);

		if (n == 0)
			put_escape(out, 0xfffd);
		else if (cp == '"' || cp == '\\' || !is_readable(cp))
			put_escape(out, cp);
		else
			fg_str_add(out, s, n);
		s += n ? n : 1;
		left -= n ? n : 1;
	}
	fg_str_putc(out, '"');
}

static void put_scalar(struct fg_str *out, const cJSON *item)
{
	cleanup_free char *text = NULL;

	if (cJSON_IsString(item)) {
		put_text(out, item->valuestring);
		return;
	}
	if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
		fg_str_puts(out, cJSON_IsObject(item) ? "{}" : "[]");
		return;
	}
	text = fg_json_print(item);
	fg_str_puts(out, text);
}

static void put_key(struct fg_str *out, const char *key, int depth)
{
	size_t begin = out->len;
	cleanup_free char *text = NULL;

	put_text(out, key);
	if (out->len - begin > KEY_MAX) {
		text = fg_strdup(out->s + begin);
		fg_str_truncate(out, begin);
		fg_str_printf(out, "? %s\n%*s", text, depth * 2, "");
	}
	fg_str_putc(out, ':');
}

/* The entries of a mapping or a list, each on lines of its own; the first one of an entry of a list
 * follows its dash. */
static int put_block(
	struct fg_str *out, const cJSON *block, int depth, bool inline_first, struct fg_err *err)
{
	const cJSON *item;

	if (depth > FG_YAML_DEPTH)
		return fg_fail(err, FG_ETOOBIG, "it is nested too deep");
	cJSON_ArrayForEach (item, block) {
		bool nested = item->child && (cJSON_IsObject(item) || cJSON_IsArray(item));
		bool dash = cJSON_IsArray(block);

		if (!inline_first)
			fg_str_printf(out, "%*s", depth * 2, "");
		inline_first = false;
		if (dash)
			fg_str_puts(out, "- ");
		else
			put_key(out, item->string ? item->string : "", depth);
		if (!nested) {
			if (!dash)
				fg_str_putc(out, ' ');
			put_scalar(out, item);
			fg_str_putc(out, '\n');
			continue;
		}
		if (!dash)
			fg_str_putc(out, '\n');
		if (put_block(out, item, depth + 1, dash, err) < 0)
			return -1;
	}
	return 0;
}

int fg_yaml_write(struct fg_str *out, const cJSON *doc, struct fg_err *err)
{
	if (doc && doc->child && (cJSON_IsObject(doc) || cJSON_IsArray(doc))) {
		if (put_block(out, doc, 0, false, err) < 0)
			return -1;
	} else if (doc) {
		put_scalar(out, doc);
		fg_str_putc(out, '\n');
	}
	return out->full ? fg_fail(err, FG_ETOOBIG, "it is over %zu bytes", out->cap) : 0;
}
