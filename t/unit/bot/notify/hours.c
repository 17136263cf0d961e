/*
 * Quiet hours and the digest's time: over midnight, at their edges, and where clocks are changed.
 */
#include <stdlib.h>
#include <time.h>
#include "fleetgram/base/clock.h"
#include "notify/hours.h"
#include "tap.h"

static int64_t ms(const char *s)
{
	int64_t at = 0;

	return s && fg_rfc3339_parse(s, &at) < 0 ? -1 : at;
}

/* In Berlin clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on
 * 2026-10-25. */
static const struct {
	const char *name, *hours, *now, *from, *until; /* from NULL: it is not one of them */
} spans[] = {
	{"none", "", "2026-01-05T12:00:00+01:00", NULL, NULL},
	{"empty", "08:00-08:00", "2026-01-05T08:00:00+01:00", NULL, NULL},
	{"before", "10:00-12:00", "2026-01-05T09:59:59+01:00", NULL, NULL},
	{"the first moment", "10:00-12:00", "2026-01-05T10:00:00+01:00",
		"2026-01-05T10:00:00+01:00", "2026-01-05T12:00:00+01:00"},
	{"the last moment", "10:00-12:00", "2026-01-05T11:59:59.999+01:00",
		"2026-01-05T10:00:00+01:00", "2026-01-05T12:00:00+01:00"},
	{"its end", "10:00-12:00", "2026-01-05T12:00:00+01:00", NULL, NULL},
	{"before midnight", "22:00-07:00", "2026-01-05T23:00:00+01:00", "2026-01-05T22:00:00+01:00",
		"2026-01-06T07:00:00+01:00"},
	{"after midnight", "22:00-07:00", "2026-01-06T06:59:59+01:00", "2026-01-05T22:00:00+01:00",
		"2026-01-06T07:00:00+01:00"},
	{"the day between", "22:00-07:00", "2026-01-06T07:00:00+01:00", NULL, NULL},
	{"until midnight", "20:00-00:00", "2026-01-05T23:59:59+01:00", "2026-01-05T20:00:00+01:00",
		"2026-01-06T00:00:00+01:00"},
	{"midnight is its end", "20:00-00:00", "2026-01-06T00:00:00+01:00", NULL, NULL},
	{"nearly all day", "00:00-23:59", "2026-01-05T00:00:00+01:00", "2026-01-05T00:00:00+01:00",
		"2026-01-05T23:59:00+01:00"},
	{"the short night", "22:00-07:00", "2026-03-29T06:30:00+02:00", "2026-03-28T22:00:00+01:00",
		"2026-03-29T07:00:00+02:00"},
	{"the long night", "22:00-07:00", "2026-10-25T06:30:00+01:00", "2026-10-24T22:00:00+02:00",
		"2026-10-25T07:00:00+01:00"},
	{"they begin in the gap", "02:30-06:00", "2026-03-29T03:00:00+02:00",
		"2026-03-29T03:00:00+02:00", "2026-03-29T06:00:00+02:00"},
	{"not before it", "02:30-06:00", "2026-03-29T01:59:59+01:00", NULL, NULL},
	{"they end in the gap", "22:00-02:30", "2026-03-29T01:59:59+01:00",
		"2026-03-28T22:00:00+01:00", "2026-03-29T03:00:00+02:00"},
	{"over after it", "22:00-02:30", "2026-03-29T03:00:00+02:00", NULL, NULL},
	{"the end that comes twice", "22:00-02:30", "2026-10-25T02:29:00+02:00",
		"2026-10-24T22:00:00+02:00", "2026-10-25T02:30:00+02:00"},
	{"its second time is none", "22:00-02:30", "2026-10-25T02:10:00+01:00", NULL, NULL},
	{"the beginning that comes twice", "02:30-06:00", "2026-10-25T02:10:00+01:00",
		"2026-10-25T02:30:00+02:00", "2026-10-25T06:00:00+01:00"},
};

static const struct {
	const char *name, *time, *now, *next, *last;
} times[] = {
	{"in the morning", "08:00", "2026-01-05T07:00:00+01:00", "2026-01-05T08:00:00+01:00",
		"2026-01-04T08:00:00+01:00"},
	{"at that moment", "08:00", "2026-01-05T08:00:00+01:00", "2026-01-06T08:00:00+01:00",
		"2026-01-05T08:00:00+01:00"},
	{"midnight", "00:00", "2026-01-05T12:00:00+01:00", "2026-01-06T00:00:00+01:00",
		"2026-01-05T00:00:00+01:00"},
	{"it is skipped", "02:30", "2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00",
		"2026-03-28T02:30:00+01:00"},
	{"it has come once", "02:30", "2026-10-25T02:45:00+02:00", "2026-10-26T02:30:00+01:00",
		"2026-10-25T02:30:00+02:00"},
	{"it does not come again", "02:30", "2026-10-25T02:45:00+01:00",
		"2026-10-26T02:30:00+01:00", "2026-10-25T02:30:00+02:00"},
	{"a day of 25 hours", "03:30", "2026-10-25T03:29:00+01:00", "2026-10-25T03:30:00+01:00",
		"2026-10-24T03:30:00+02:00"},
};

int main(void)
{
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		struct hours_span span = {0};
		bool in = hours_now(spans[i].hours, ms(spans[i].now), &span);

		ok(in == (spans[i].from != NULL), "%s", spans[i].name);
		if (!in)
			continue;
		is_int(span.from_ms, ms(spans[i].from), "… from");
		is_int(span.until_ms, ms(spans[i].until), "… until");
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		is_int(hours_next(times[i].time, ms(times[i].now)), ms(times[i].next),
			times[i].name);
		is_int(hours_last(times[i].time, ms(times[i].now)), ms(times[i].last),
			"… the one before");
	}
	is_int(hours_next("", ms("2026-01-05T12:00:00Z")), 0, "no time comes never");
	return done_testing();
}
