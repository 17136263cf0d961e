/* Hours of the day. */
#include <stdlib.h>
#include <string.h>
#include "config/cron.h"
#include "fleetgram/base/mem.h"
#include "notify/hours.h"

#define BACK_MS ((int64_t)50 * 3600 * 1000) /* the last time of day is less long ago, on any day \
					     */
#define TIME_LEN 5

/* "HH:MM", of which the config has seen the form. */
static bool parse(const char *time, struct cron *out)
{
	cleanup_free char *line = NULL;
	struct fg_err err;

	if (strnlen(time, TIME_LEN) < TIME_LEN)
		return false;
	line = fg_printf("%.2s %.2s * * *", time + 3, time);
	return cron_parse(out, line, &err) == 0;
}

int64_t hours_next(const char *time, int64_t after_ms)
{
	struct cron cron;

	return parse(time, &cron) ? cron_next(&cron, after_ms) : 0;
}

int64_t hours_last(const char *time, int64_t until_ms)
{
	struct cron cron;
	int64_t last = 0;

	if (!parse(time, &cron))
		return 0;
	for (int64_t at = until_ms - BACK_MS; (at = cron_next(&cron, at)) && at <= until_ms;)
		last = at;
	return last;
}

bool hours_now(const char *hours, int64_t now_ms, struct hours_span *out)
{
	const char *end = strchr(hours, '-');

	if (!end || strncmp(hours, end + 1, TIME_LEN) == 0)
		return false;
	out->from_ms = hours_last(hours, now_ms);
	out->until_ms = out->from_ms ? hours_next(end + 1, out->from_ms) : 0;
	return now_ms < out->until_ms;
}
