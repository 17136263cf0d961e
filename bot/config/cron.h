/*
 * The five fields of a schedule, and when they come next.
 *
 * Minute, hour, day, month, weekday, in local time: `*`, values, names (jan, mon), ranges, steps
 * and lists. When day and weekday are both given (neither begins with a star), either will do, as
 * cron has it. Where clocks are changed, a schedule with hours of its own is due once whatever
 * happens: a time that is skipped is made up for at the first minute after the gap, and of one that
 * comes twice the first counts. One with a star for its hours goes by the time that passes, and so
 * is neither made up for nor left out.
 */
#ifndef BOT_CONFIG_CRON_H
#define BOT_CONFIG_CRON_H

#include <stdbool.h>
#include <stdint.h>
#include "fleetgram/base/err.h"

/* Bit n stands for the value n. */
struct cron {
	uint64_t minutes;
	uint32_t hours, days, months, weekdays;
	bool any_day, any_weekday; /* it begins with a star */
	bool any_hour;             /* it is every hour */
};

int cron_parse(struct cron *cron, const char *s, struct fg_err *err);

/* The next time after that one, both in wall-clock ms; 0: none within nine years. The zone is the
 * process's. */
int64_t cron_next(const struct cron *cron, int64_t after_ms);

#endif
