/*
 * Backoff: how long to wait before asking again.
 *
 * The delay doubles from min_ms to max_ms with every attempt and is spread by +-jitter, so that
 * many clients do not come back at one moment. What the other side asks for (Retry-After) is a
 * floor that neither max_ms nor jitter undercuts.
 */
#ifndef FLEETGRAM_BASE_RETRY_H
#define FLEETGRAM_BASE_RETRY_H

#include <stdint.h>

struct fg_retry {
	int attempts; /* tries in all, the first one included */
	int64_t min_ms, max_ms;
	double jitter; /* 0 to 1, a share of the delay */
};

/* Milliseconds to wait after failure number `failures` (1 is the first). retry_after_ms: 0 when the
 * other side named none. */
int64_t fg_retry_delay(const struct fg_retry *policy, int failures, int64_t retry_after_ms);

#endif
