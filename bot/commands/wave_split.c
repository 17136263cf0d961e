/*
 * Waves from their words, and containers into waves.
 */
#include <stdlib.h>
#include <string.h>
#include "commands/wave_split.h"
#include "fleetgram/base/mem.h"

#define DIGITS 6 /* of a number of hosts or containers */

/* One part, "1", "10%" or "rest". */
static int parse_part(const char *text, int *count, int *percent, struct fg_err *err)
{
	size_t digits = strspn(text, "0123456789");
	long n = digits && digits <= DIGITS ? strtol(text, NULL, 10) : 0;
	bool is_percent = text[digits] == '%' && !text[digits + 1];

	*count = *percent = 0;
	if (strcmp(text, "rest") == 0)
		return 0;
	if (!digits || (text[digits] && !is_percent))
		return fg_fail(err, FG_EINVAL,
			"\"%s\" is no wave: a wave is a number, a percentage or rest, as in wave=1,10%%,rest",
			text);
	if (digits > DIGITS || n < 1 || (is_percent && n > 100))
		return fg_fail(err, FG_EINVAL,
			is_percent ? "a wave of %s: a percentage is 1 to 100"
				   : "a wave of %s: a number is 1 to 999999",
			text);
	if (is_percent)
		*percent = (int)n;
	else
		*count = (int)n;
	return 0;
}

int wave_parse(const char *text, struct wave_parts *out, struct fg_err *err)
{
	const char *end;
	bool rest = false;

	*out = (struct wave_parts){0};
	for (;; text = end + 1) {
		cleanup_free char *part = NULL;

		end = strchrnul(text, ',');
		part = fg_strndup(text, (size_t)(end - text));
		if (rest)
			return fg_fail(err, FG_EINVAL, "nothing comes after the wave of the rest");
		if (out->n == WAVE_PARTS)
			return fg_fail(err, FG_EINVAL, "that is more than %d waves", WAVE_PARTS);
		if (parse_part(part, &out->v[out->n].count, &out->v[out->n].percent, err) < 0)
			return -1;
		rest = !out->v[out->n].count && !out->v[out->n].percent;
		out->n++;
		if (!*end)
			break;
	}
	if (!rest)
		out->n++; /* zeros: the rest */
	return 0;
}

/* What the waves count is new with this item: another host, or where there is only one, another
 * container. */
static bool begins_unit(const struct fg_items *items, size_t i, bool one_host)
{
	return i == 0 || one_host || items->v[i].host != items->v[i - 1].host;
}

static size_t size_of(const struct wave_parts *parts, size_t part, size_t units)
{
	size_t n = units * (size_t)parts->v[part].percent / 100;

	if (parts->v[part].count)
		return (size_t)parts->v[part].count;
	if (!parts->v[part].percent)
		return units;
	return n ? n : 1;
}

int wave_split(const struct wave_parts *parts, const struct fg_items *items, int *wave_of)
{
	bool one_host = items->n && items->v[0].host == items->v[items->n - 1].host;
	size_t units = 0, part = 0, left = 0;
	int wave = 0;

	for (size_t i = 0; i < items->n; i++)
		units += begins_unit(items, i, one_host);
	for (size_t i = 0; i < items->n; i++) {
		if (begins_unit(items, i, one_host) && left-- == 0) {
			left = size_of(parts, part++, units) - 1;
			wave++;
		}
		wave_of[i] = wave;
	}
	return wave;
}
