/* The small grammars that people type: durations, sizes, and how far apart two words are. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define DISTANCE_MAX 64
#define FRACTION_DIGITS 9

struct unit {
	const char *name;
	int64_t value;
};

static const struct unit time_units[] = {
	{"ms", 1},
	{"s", 1000},
	{"m", 60 * 1000LL},
	{"h", 3600LL * 1000},
	{"d", 24LL * 3600 * 1000},
};

static const struct unit size_units[] = {
	{"B", 1},
	{"KiB", 1LL << 10},
	{"MiB", 1LL << 20},
	{"GiB", 1LL << 30},
	{"TiB", 1LL << 40},
	{"PiB", 1LL << 50},
	{"EiB", 1LL << 60},
};

/* Decimal digits at *s into *value; -1: none, or too many. *s moves behind them. */
static int read_digits(const char **s, int64_t *value)
{
	const char *p = *s;

	*value = 0;
	if (!isdigit((unsigned char)*p))
		return -1;
	for (; isdigit((unsigned char)*p); p++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
			__builtin_add_overflow(*value, *p - '0', value))
			return -1;
	}
	*s = p;
	return 0;
}

int fg_duration_parse(const char *s, int64_t *ms, struct fg_err *err)
{
	const char *p = s;
	int64_t value;
	size_t i;

	if (!isdigit((unsigned char)*p))
		return fg_fail(err, FG_EINVAL,
			"\"%.40s\" is no duration: write one like 500ms, 30s, 5m, 24h or 7d", s);
	if (read_digits(&p, &value) < 0)
		return fg_fail(err, FG_EINVAL, "the duration \"%.40s\" is too long", s);
	if (value == 0 && *p == '\0') {
		*ms = 0;
		return 0;
	}
	if (*p == '\0')
		return fg_fail(err, FG_EINVAL,
			"the duration \"%.40s\" has no unit: add ms, s, m, h or d", s);
	for (i = 0; i < FG_ARRAY_LEN(time_units); i++) {
		if (strcmp(p, time_units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(value, time_units[i].value, &value))
			return fg_fail(err, FG_EINVAL, "the duration \"%.40s\" is too long", s);
		*ms = value;
		return 0;
	}
	return fg_fail(err, FG_EINVAL,
		"\"%.40s\" is no duration: its unit has to be one of ms, s, m, h and d", s);
}

/* "", "b", "k", "kb", "kib" and so on up to p, in either case: its power of 1024, or 0. */
static int64_t size_unit(const char *s)
{
	size_t i;

	if (*s == '\0' || strcasecmp(s, "b") == 0)
		return 1;
	for (i = 1; i < FG_ARRAY_LEN(size_units) - 1; i++) {
		const char *name = size_units[i].name;

		if (tolower((unsigned char)s[0]) != tolower((unsigned char)name[0]))
			continue;
		if (s[1] == '\0' || strcasecmp(s + 1, "b") == 0 || strcasecmp(s + 1, "ib") == 0)
			return size_units[i].value;
	}
	return 0;
}

int fg_size_parse(const char *s, int64_t *bytes, struct fg_err *err)
{
	int64_t value, fraction = 0, scale = 1, unit;
	const char *p = s;
	int digits = 0;

	if (!isdigit((unsigned char)*p))
		return fg_fail(err, FG_EINVAL,
			"\"%.40s\" is no size: write one like 512k, 64m, 1.5g or 100 (bytes)", s);
	if (read_digits(&p, &value) < 0)
		return fg_fail(err, FG_EINVAL, "the size \"%.40s\" is too big", s);
	if (*p == '.') {
		for (p++; isdigit((unsigned char)*p); p++, digits++) {
			if (digits < FRACTION_DIGITS) {
				fraction = fraction * 10 + (*p - '0');
				scale *= 10;
			}
		}
	}
	unit = size_unit(p);
	if (unit == 0 || p[-1] == '.' || (digits > 0 && unit == 1))
		return fg_fail(err, FG_EINVAL,
			"\"%.40s\" is no size: write one like 512k, 64m, 1.5g or 100 (bytes)", s);
	if (__builtin_mul_overflow(value, unit, &value) ||
		__builtin_add_overflow(
			value, (int64_t)((double)fraction / (double)scale * (double)unit), &value))
		return fg_fail(err, FG_EINVAL, "the size \"%.40s\" is too big", s);
	*bytes = value;
	return 0;
}

const char *fg_duration_human(char buf[FG_HUMAN], int64_t ms)
{
	const char *sign = ms < 0 ? "-" : "";
	uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms, big, small;
	size_t i = FG_ARRAY_LEN(time_units) - 1;

	while (i > 1 && v < (uint64_t)time_units[i].value)
		i--;
	big = v / (uint64_t)time_units[i].value;
	if (v < 1000 && v > 0)
		snprintf(buf, FG_HUMAN, "%s%ums", sign, (unsigned)v);
	else if (v < 10000 && v % 1000 >= 100)
		snprintf(
			buf, FG_HUMAN, "%s%u.%us", sign, (unsigned)big, (unsigned)(v % 1000 / 100));
	else if (i == 1)
		snprintf(buf, FG_HUMAN, "%s%us", sign, (unsigned)big);
	else {
		small = v % (uint64_t)time_units[i].value / (uint64_t)time_units[i - 1].value;
		if (small)
			snprintf(buf, FG_HUMAN, "%s%llu%s %u%s", sign, (unsigned long long)big,
				time_units[i].name, (unsigned)small, time_units[i - 1].name);
		else
			snprintf(buf, FG_HUMAN, "%s%llu%s", sign, (unsigned long long)big,
				time_units[i].name);
	}
	return buf;
}

const char *fg_size_human(char buf[FG_HUMAN], int64_t bytes)
{
	const char *sign = bytes < 0 ? "-" : "";
	uint64_t v = bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;
	double scaled = (double)v;
	size_t i = 0;

	/* 1023.95 KiB would round to 1024.0 KiB. */
	while (i + 1 < FG_ARRAY_LEN(size_units) && scaled >= 1023.95) {
		scaled /= 1024;
		i++;
	}
	if (i == 0)
		snprintf(buf, FG_HUMAN, "%s%u B", sign, (unsigned)v);
	else if ((uint64_t)(scaled * 10 + 0.5) % 10 == 0)
		snprintf(buf, FG_HUMAN, "%s%.0f %s", sign, scaled, size_units[i].name);
	else
		snprintf(buf, FG_HUMAN, "%s%.1f %s", sign, scaled, size_units[i].name);
	return buf;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, changes, and swaps of two neighbours, which is how fingers err. */
size_t fg_text_distance(const char *a, const char *b)
{
	size_t rows[3][DISTANCE_MAX + 1], *before = rows[0], *above = rows[1], *row = rows[2],
					  *spare;
	size_t na = strnlen(a, DISTANCE_MAX + 1), nb = strnlen(b, DISTANCE_MAX + 1), i, j;

	if (na > DISTANCE_MAX || nb > DISTANCE_MAX)
		return SIZE_MAX;
	for (j = 0; j <= nb; j++)
		row[j] = j;
	for (i = 1; i <= na; i++) {
		spare = before;
		before = above;
		above = row;
		row = spare;
		row[0] = i;
		for (j = 1; j <= nb; j++) {
			row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]),
				least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[nb];
}
