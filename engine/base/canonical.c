/* Canonical JSON: one text for one value, whatever order and spelling it came in. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

static void add_string(struct fg_str *out, const char *s)
{
	static const char shorts[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
	const char *run = s, *found;

	fg_str_putc(out, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		fg_str_add(out, run, (size_t)(s - run));
		run = s + 1;
		found = strchr(shorts, c);
		if (found)
			fg_str_printf(out, "\\%c", letters[found - shorts]);
		else
			fg_str_printf(out, "\\u%04x", c);
	}
	fg_str_add(out, run, (size_t)(s - run));
	fg_str_putc(out, '"');
}

static void add_number(struct fg_str *out, double v)
{
	char buf[40];
	int digits;

	if (!isfinite(v)) {
		fg_str_puts(out, "null");
		return;
	}
	if (v >= -0x1p63 && v < 0x1p63 && v == floor(v)) {
		fg_str_printf(out, "%lld", (long long)v);
		return;
	}
	for (digits = 1; digits <= DBL_DECIMAL_DIG; digits++) {
		snprintf(buf, sizeof(buf), "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	fg_str_puts(out, buf);
}

struct entry {
	const cJSON *item;
	size_t index;
};

static const char *key_of(const cJSON *item)
{
	return item->string ? item->string : "";
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(key_of(x->item), key_of(y->item));

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Of a key that is there twice the first counts, as it does for the getters. */
static void add_object(struct fg_str *out, const cJSON *object)
{
	size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
	cleanup_free struct entry *entries = fg_realloc(NULL, count, sizeof(*entries));
	const cJSON *child;

	cJSON_ArrayForEach (child, object) {
		entries[i] = (struct entry){child, i};
		i++;
	}
	qsort(entries, count, sizeof(*entries), by_key);
	fg_str_putc(out, '{');
	for (i = 0; i < count; i++) {
		const char *key = key_of(entries[i].item);

		if (i > 0 && strcmp(key, key_of(entries[i - 1].item)) == 0)
			continue;
		if (i > 0)
			fg_str_putc(out, ',');
		add_string(out, key);
		fg_str_putc(out, ':');
		fg_json_canonical(out, entries[i].item);
	}
	fg_str_putc(out, '}');
}

void fg_json_canonical(struct fg_str *out, const cJSON *item)
{
	const cJSON *child;

	if (cJSON_IsObject(item)) {
		add_object(out, item);
	} else if (cJSON_IsArray(item)) {
		fg_str_putc(out, '[');
		cJSON_ArrayForEach (child, item) {
			if (child != item->child)
				fg_str_putc(out, ',');
			fg_json_canonical(out, child);
		}
		fg_str_putc(out, ']');
	} else if (cJSON_IsString(item)) {
		add_string(out, item->valuestring ? item->valuestring : "");
	} else if (cJSON_IsNumber(item)) {
		add_number(out, item->valuedouble);
	} else if (cJSON_IsRaw(item) && item->valuestring) {
		fg_str_puts(out, item->valuestring);
	} else if (cJSON_IsBool(item)) {
		fg_str_puts(out, cJSON_IsTrue(item) ? "true" : "false");
	} else {
		fg_str_puts(out, "null");
	}
}
