/* JSON read with types and bounds, on top of cJSON. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define SAFE_DIGITS 15   /* any integer of so many digits survives a double */
#define EXACT_MAX 0x1p53 /* beyond it a double may stand for something else */
#define EXCERPT 40
#define PATH_PART 128

/*
 * An integer too long for a double is handed to cJSON as a string that begins with this byte, which
 * no UTF-8 contains and no escape yields; afterwards the string becomes a raw item. A stray one in
 * the text is replaced while copying.
 */
#define MARK '\xff'
#define MARK_REPLACED "\xef\xbf\xbd"

/* What one pass over the text finds out before the parser recurses into it. */
struct scan {
	int depth;       /* deepest nesting */
	size_t too_deep; /* where the nesting went over the limit */
	bool open;       /* at the end something is still open */
	bool long_integers;
};

static bool number_char(char c)
{
	return isdigit((unsigned char)c) || c == '+' || c == '-' || c == '.' || c == 'e' ||
	       c == 'E';
}

/* Bytes of the number at s; *is_long when it is an integer that has to keep its digits. */
static size_t number_len(const char *s, size_t len, bool *is_long)
{
	size_t first = s[0] == '-', n = first;
	bool whole;

	while (n < len && isdigit((unsigned char)s[n]))
		n++;
	whole = n == len || !number_char(s[n]);
	*is_long = whole && n - first > SAFE_DIGITS && s[first] != '0';
	while (n < len && number_char(s[n]))
		n++;
	return n ? n : 1;
}

/* Bytes of the string at s with its quotes, or all that is left when it has no end. */
static size_t string_len(const char *s, size_t len)
{
	size_t i;

	for (i = 1; i < len; i++) {
		if (s[i] == '"')
			return i + 1;
		if (s[i] == '\\')
			i++;
	}
	return len;
}

/* Bytes of the next thing that matters here: a string, a number, or any one byte. */
static size_t token_len(const char *s, size_t len, bool *is_long)
{
	*is_long = false;
	if (s[0] == '"')
		return string_len(s, len);
	if (s[0] == '-' || isdigit((unsigned char)s[0]))
		return number_len(s, len, is_long);
	return 1;
}

static struct scan scan_text(const char *text, size_t len)
{
	struct scan scan = {0};
	bool is_long;
	int depth = 0;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = token_len(text + i, len - i, &is_long);
		scan.long_integers = scan.long_integers || is_long;
		if (text[i] == '{' || text[i] == '[')
			depth++;
		else if (text[i] == '}' || text[i] == ']')
			depth--;
		if (depth > scan.depth) {
			scan.depth = depth;
			if (depth == FG_JSON_DEPTH + 1)
				scan.too_deep = i;
		}
	}
	scan.open = depth > 0;
	return scan;
}

static void add_marked(struct fg_str *out, const char *s, size_t len)
{
	const char *mark;

	while (len > 0 && (mark = memchr(s, MARK, len))) {
		size_t n = (size_t)(mark - s);

		fg_str_add(out, s, n);
		fg_str_puts(out, MARK_REPLACED);
		s += n + 1;
		len -= n + 1;
	}
	fg_str_add(out, s, len);
}

/* A copy of the text in which long integers are marked strings. */
static void mark_integers(struct fg_str *out, const char *text, size_t len)
{
	size_t i, n;
	bool is_long;

	for (i = 0; i < len; i += n) {
		n = token_len(text + i, len - i, &is_long);
		if (!is_long) {
			add_marked(out, text + i, n);
			continue;
		}
		fg_str_putc(out, '"');
		fg_str_putc(out, MARK);
		fg_str_add(out, text + i, n);
		fg_str_putc(out, '"');
	}
}

/* Turn marked strings into raw items. False: one is a key, which was a bare number in the text.
 * Bounded by FG_JSON_DEPTH. */
static bool unmark(cJSON *item)
{
	cJSON *child;

	for (; item; item = item->next) {
		if (item->string && item->string[0] == MARK)
			return false;
		if (cJSON_IsString(item) && item->valuestring[0] == MARK) {
			memmove(item->valuestring, item->valuestring + 1,
				strlen(item->valuestring));
			item->type = cJSON_Raw;
		}
		child = item->child;
		if (child && !unmark(child))
			return false;
	}
	return true;
}

/* The whole text or nothing; *at is where it went wrong. */
static cJSON *parse_all(const char *text, size_t len, size_t *at)
{
	const char *end = text;
	cJSON *item = cJSON_ParseWithLengthOpts(text, len, &end, false);

	*at = (size_t)(end - text);
	if (!item)
		return NULL;
	while (*at < len && strchr(" \t\r\n", text[*at]) && text[*at])
		(*at)++;
	if (*at == len)
		return item;
	cJSON_Delete(item);
	return NULL;
}

static cJSON *parse_marked(const char *text, size_t len)
{
	cleanup_str struct fg_str copy;
	cJSON *item;
	size_t at;

	fg_str_init(&copy, len > SIZE_MAX / 8 ? SIZE_MAX - 1 : len * 4 + 16);
	mark_integers(&copy, text, len);
	item = parse_all(copy.s, copy.len, &at);
	if (item && unmark(item))
		return item;
	cJSON_Delete(item);
	return NULL;
}

static cJSON *fail_at(const char *text, size_t len, size_t at, const char *what, struct fg_err *err)
{
	cleanup_str struct fg_str excerpt = {0};
	size_t n;

	while (at < len && isspace((unsigned char)text[at]))
		at++;
	if (at >= len) {
		fg_fail(err, FG_EPROTO, "not JSON: it ends too early, at byte %zu", len);
		return NULL;
	}
	fg_str_init(&excerpt, (size_t)4 * EXCERPT);
	n = fg_utf8_cut(text + at, len - at, EXCERPT);
	fg_text_clean_line(&excerpt, text + at, n);
	fg_fail(err, FG_EPROTO, "%s at byte %zu: %s%s", what, at, excerpt.s,
		at + n < len ? "…" : "");
	return NULL;
}

cJSON *fg_json_parse(const char *text, size_t len, struct fg_err *err)
{
	struct scan scan = scan_text(text, len);
	const char *nul = len ? memchr(text, '\0', len) : NULL;
	size_t at = 0, i = 0;
	cJSON *item;

	while (i < len && isspace((unsigned char)text[i]))
		i++;
	if (i == len) {
		fg_fail(err, FG_EPROTO, "not JSON: it is empty");
		return NULL;
	}
	if (nul) /* cJSON would take it for white space */
		return fail_at(text, len, (size_t)(nul - text), "not JSON", err);
	if (scan.depth > FG_JSON_DEPTH)
		return fail_at(text, len, scan.too_deep, "JSON nested too deeply", err);
	item = scan.long_integers ? parse_marked(text, len) : parse_all(text, len, &at);
	if (item)
		return item;
	if (scan.long_integers)
		cJSON_Delete(parse_all(
			text, len, &at)); /* the same fault, at its place in the original */
	/* cJSON points no further than at the last byte. */
	return fail_at(text, len, scan.open && at + 1 >= len ? len : at, "not JSON", err);
}

/* A copy of the text in which whatever is nested too deeply is null. */
static void prune(struct fg_str *out, const char *text, size_t len)
{
	int depth = 0;
	size_t i, n;
	bool is_long;

	for (i = 0; i < len; i += n) {
		bool opens = text[i] == '{' || text[i] == '[',
		     closes = text[i] == '}' || text[i] == ']';

		n = token_len(text + i, len - i, &is_long);
		if (opens && depth++ == FG_JSON_DEPTH)
			fg_str_puts(out, "null");
		if (depth <= FG_JSON_DEPTH)
			fg_str_add(out, text + i, n);
		if (closes)
			depth--;
	}
}

cJSON *fg_json_parse_pruned(const char *text, size_t len, struct fg_err *err)
{
	cleanup_str struct fg_str pruned = {0};

	if (scan_text(text, len).depth <= FG_JSON_DEPTH)
		return fg_json_parse(text, len, err);
	fg_str_init(&pruned, len + 1);
	prune(&pruned, text, len);
	return fg_json_parse(pruned.s, pruned.len, err);
}

char *fg_json_print(const cJSON *item)
{
	char *s = item ? cJSON_PrintUnformatted(item) : NULL;

	return s ? s : fg_strdup("null");
}

const cJSON *fg_json_get(const cJSON *object, const char *key)
{
	return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

const cJSON *fg_json_path(const cJSON *object, const char *path)
{
	char part[PATH_PART];

	while (object) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(part))
			return NULL;
		memcpy(part, path, n);
		part[n] = '\0';
		object = fg_json_get(object, part);
		if (path[n] == '\0')
			break;
		path += n + 1;
	}
	return object;
}

const cJSON *fg_json_object(const cJSON *object, const char *key)
{
	const cJSON *item = fg_json_get(object, key);

	return cJSON_IsObject(item) ? item : NULL;
}

const cJSON *fg_json_array(const cJSON *object, const char *key)
{
	const cJSON *item = fg_json_get(object, key);

	return cJSON_IsArray(item) ? item : NULL;
}

const char *fg_json_str(const cJSON *object, const char *key, const char *fallback)
{
	const cJSON *item = fg_json_get(object, key);

	return cJSON_IsString(item) ? item->valuestring : fallback;
}

bool fg_json_to_i64(const cJSON *item, int64_t *out)
{
	double v;
	char *end;

	if (cJSON_IsRaw(item) && item->valuestring && item->valuestring[0]) {
		errno = 0;
		*out = strtoll(item->valuestring, &end, 10);
		return errno == 0 && *end == '\0';
	}
	if (!cJSON_IsNumber(item))
		return false;
	v = item->valuedouble;
	if (!(fabs(v) <= EXACT_MAX) || v != floor(v))
		return false;
	*out = (int64_t)v;
	return true;
}

int64_t fg_json_i64(const cJSON *object, const char *key, int64_t fallback)
{
	int64_t v;

	return fg_json_to_i64(fg_json_get(object, key), &v) ? v : fallback;
}

uint64_t fg_json_u64(const cJSON *object, const char *key, uint64_t fallback)
{
	const cJSON *item = fg_json_get(object, key);
	unsigned long long v;
	char *end;

	if (cJSON_IsRaw(item) && item->valuestring &&
		isdigit((unsigned char)item->valuestring[0])) {
		errno = 0;
		v = strtoull(item->valuestring, &end, 10);
		return errno == 0 && *end == '\0' ? v : fallback;
	}
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= EXACT_MAX) ||
		item->valuedouble != floor(item->valuedouble))
		return fallback;
	return (uint64_t)item->valuedouble;
}

double fg_json_double(const cJSON *object, const char *key, double fallback)
{
	const cJSON *item = fg_json_get(object, key);
	double v = fallback;
	char *end;

	if (cJSON_IsRaw(item) && item->valuestring && item->valuestring[0]) {
		v = strtod(item->valuestring, &end);
		if (*end)
			return fallback;
	} else if (cJSON_IsNumber(item)) {
		v = item->valuedouble;
	}
	return isfinite(v) ? v : fallback;
}

bool fg_json_bool(const cJSON *object, const char *key, bool fallback)
{
	const cJSON *item = fg_json_get(object, key);

	return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

cJSON *fg_json_set_i64(cJSON *object, const char *key, int64_t value)
{
	cleanup_free char *digits = fg_printf("%lld", (long long)value);
	cJSON *item;

	if (!cJSON_IsObject(object))
		return NULL;
	item = strlen(digits) > SAFE_DIGITS ? cJSON_CreateRaw(digits)
					    : cJSON_CreateNumber((double)value);
	if (fg_json_get(object, key))
		cJSON_ReplaceItemInObjectCaseSensitive(object, key, item);
	else
		cJSON_AddItemToObject(object, key, item);
	return item;
}
