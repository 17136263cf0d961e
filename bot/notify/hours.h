/*
 * Hours of the day: the quiet ones, "22:00-07:00", and the time of the digest, "08:00".
 *
 * They are in the process's time zone. Each comes once a day whatever becomes of the clocks: a time
 * that is skipped is made up for after the gap, and of one that comes twice the first counts (as
 * cron.h has it). "" is no hours, and so are those that end where they begin.
 */
#ifndef BOT_NOTIFY_HOURS_H
#define BOT_NOTIFY_HOURS_H

#include <stdbool.h>
#include <stdint.h>

struct hours_span {
	int64_t from_ms, until_ms; /* wall clock; until is no more in it */
};

/* Whether it is one of those hours, and then from when until when. */
bool hours_now(const char *hours, int64_t now_ms, struct hours_span *out);

/* The next time after that one, and the last one until it; 0: none. */
int64_t hours_next(const char *time, int64_t after_ms);
int64_t hours_last(const char *time, int64_t until_ms);

#endif
