/* A schedule's five fields: their form, and the times they name. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "config/check.h"
#include "config/cron.h"
#include "fleetgram/base/mem.h"

struct field {
	const char *name;
	int low, high;
	const char *const *words; /* for low, low + 1, …; NULL: numbers only */
};

static const char *const months[] = {
	"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field fields[] = {
	{"minute", 0, 59, NULL}, {"hour", 0, 23, NULL}, {"day", 1, 31, NULL},
	{"month", 1, 12, months}, {"weekday", 0, 7, weekdays}, /* Sunday is 0 and 7 */
};

/* A number or a word of the field at *s; -1: neither, or out of bounds. */
static int value(const char **s, const struct field *f)
{
	const char *p = *s;
	int v = 0, i;

	for (i = 0; f->words && f->words[i]; i++) {
		if (strncasecmp(p, f->words[i], 3) == 0 && !isalpha((unsigned char)p[3])) {
			*s += 3;
			return f->low + i;
		}
	}
	if (!isdigit((unsigned char)*p))
		return -1;
	for (; isdigit((unsigned char)*p) && p - *s < 4; p++)
		v = v * 10 + (*p - '0');
	*s = p;
	return v >= f->low && v <= f->high ? v : -1;
}

/* A star, a value or a range, with a step or without, at *s: its values are added to set. */
static bool element(const char **s, const struct field *f, uint64_t *set)
{
	static const struct field step = {"step", 1, 999, NULL};
	int from = f->low, to = f->high, by = 1;
	bool range = true;

	if (**s == '*') {
		(*s)++;
	} else {
		from = to = value(s, f);
		if (from < 0)
			return false;
		range = **s == '-';
		if (range) {
			(*s)++;
			to = value(s, f);
			if (to < from)
				return false;
		}
	}
	if (**s == '/') {
		(*s)++;
		by = value(s, &step);
		if (by <= 0)
			return false;
		if (!range) /* "5/10": from there on */
			to = f->high;
	}
	for (int v = from; v <= to; v += by)
		*set |= UINT64_C(1) << v;
	return true;
}

static bool list(const char *s, const struct field *f, uint64_t *set)
{
	while (element(&s, f, set)) {
		if (*s == '\0')
			return true;
		if (*s++ != ',')
			break;
	}
	return false;
}

/* The 31st of February never comes. */
static bool comes(const struct cron *c)
{
	static const int longest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (!c->any_weekday)
		return true;
	for (int month = 1; month <= 12; month++)
		if (c->months >> month & 1 && c->days & ((UINT64_C(2) << longest[month - 1]) - 2))
			return true;
	return false;
}

int cron_parse(struct cron *cron, const char *s, struct fg_err *err)
{
	cleanup_free char *copy = fg_strdup(s);
	uint64_t sets[FG_ARRAY_LEN(fields)] = {0};
	bool star[FG_ARRAY_LEN(fields)] = {false};
	char *rest = copy, *word;
	size_t n = 0;

	while ((word = strsep(&rest, " \t"))) {
		if (*word == '\0')
			continue;
		if (n == FG_ARRAY_LEN(fields))
			return fg_fail(err, FG_EINVAL, "\"%.40s\" has more than five fields", s);
		if (!list(word, &fields[n], &sets[n]))
			return fg_fail(err, FG_EINVAL,
				"\"%.20s\" is no %s: *, %d-%d, lists with commas, ranges, and "
				"steps as */5",
				word, fields[n].name, fields[n].low, fields[n].high);
		star[n++] = *word == '*';
	}
	if (n < FG_ARRAY_LEN(fields))
		return fg_fail(err, FG_EINVAL,
			"\"%.40s\" has %zu of the five fields minute, hour, day, month, weekday", s,
			n);
	*cron = (struct cron){
		.minutes = sets[0],
		.hours = (uint32_t)sets[1],
		.days = (uint32_t)sets[2],
		.months = (uint32_t)sets[3],
		.weekdays = (uint32_t)((sets[4] | sets[4] >> 7) & 0x7f),
		.any_day = star[2],
		.any_weekday = star[4],
		.any_hour = sets[1] == (UINT64_C(1) << 24) - 1,
	};
	return comes(cron) ? 0 : fg_fail(err, FG_EINVAL, "\"%.40s\" is a day that never comes", s);
}

int config_check_cron(const char *s, struct fg_err *err)
{
	struct cron cron;

	return cron_parse(&cron, s, err);
}

/* When */

#define MINUTE ((time_t)60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define HORIZON (9 * 366 * DAY) /* the longest that a 29th of February can be away */
#define CHANGE (3 * HOUR)       /* clocks are put back by no more */

static struct tm local(time_t t)
{
	struct tm tm;

	localtime_r(&t, &tm);
	return tm;
}

static bool on_day(const struct cron *c, const struct tm *tm)
{
	bool day = c->days >> tm->tm_mday & 1, weekday = c->weekdays >> tm->tm_wday & 1;

	if (!(c->months >> (tm->tm_mon + 1) & 1))
		return false;
	return c->any_day || c->any_weekday ? day && weekday : day || weekday;
}

static bool in_hour(const struct cron *c, const struct tm *tm)
{
	return on_day(c, tm) && c->hours >> tm->tm_hour & 1;
}

static bool names(const struct cron *c, const struct tm *tm)
{
	return in_hour(c, tm) && c->minutes >> tm->tm_min & 1;
}

/* The clocks were put back, and showed the same before. */
static bool again(time_t t, const struct tm *now)
{
	struct tm before = local(t - CHANGE);
	long back = before.tm_gmtoff - now->tm_gmtoff;

	if (back <= 0)
		return false;
	before = local(t - back);
	return before.tm_gmtoff - now->tm_gmtoff == back;
}

/* The clocks were put forward at t, over a minute that the fields name. */
static bool skipped(const struct cron *c, time_t t, const struct tm *before, const struct tm *now)
{
	for (time_t at = t + before->tm_gmtoff; at < t + now->tm_gmtoff; at += MINUTE) {
		struct tm tm;

		gmtime_r(&at, &tm);
		if (names(c, &tm))
			return true;
	}
	return false;
}

static bool due(const struct cron *c, time_t t, const struct tm *now)
{
	struct tm before;

	if (names(c, now))
		return c->any_hour || !again(t, now);
	if (c->any_hour)
		return false;
	before = local(t - MINUTE);
	return before.tm_gmtoff < now->tm_gmtoff && skipped(c, t, &before, now);
}

/* How far the next look may be: over a day or an hour that is not meant, unless the clocks are
 * changed on the way. */
static time_t step(const struct cron *c, time_t t, const struct tm *now)
{
	time_t hour = HOUR - now->tm_min * MINUTE, day = hour + (23 - now->tm_hour) * HOUR;

	if (!on_day(c, now) && local(t + day).tm_gmtoff == now->tm_gmtoff)
		return day;
	if (!in_hour(c, now) && local(t + hour).tm_gmtoff == now->tm_gmtoff)
		return hour;
	return MINUTE;
}

int64_t cron_next(const struct cron *c, int64_t after_ms)
{
	time_t begin = (time_t)(after_ms / 1000), t = begin + MINUTE;

	t -= local(t).tm_sec;
	while (t < begin + HORIZON) {
		struct tm now = local(t);

		if (due(c, t, &now))
			return (int64_t)t * 1000;
		t += step(c, t, &now);
	}
	return 0;
}
