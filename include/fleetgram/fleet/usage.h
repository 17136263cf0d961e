/*
 * Usage over many containers: samples taken side by side, rates from the last two.
 *
 * The last sample of each container is kept for a few minutes, so that a second look is one short
 * call a container; a first look takes two samples about a second apart.
 */
#ifndef FLEETGRAM_FLEET_USAGE_H
#define FLEETGRAM_FLEET_USAGE_H

#include "fleetgram/docker/stats.h"
#include "fleetgram/fleet/fleet.h"

struct fg_usage_cache;

struct fg_usage_cache *fg_usage_cache_create(void);
void fg_usage_cache_destroy(struct fg_usage_cache *cache);

struct fg_measure {
	bool ok; /* false: err says why there is nothing */
	struct fg_sample sample;
	struct fg_usage usage; /* valid when rates is true */
	bool rates;
	struct fg_err err;
};

/*
 * Measure items[n] into out[n], with at most 64 calls at a time over all hosts. Each host's calls
 * have timeout_ms, twice when rates need a second sample. What is not running is ok without a call,
 * and its sample says so. Only cancelling is an error.
 */
int fg_usage_measure(struct fg_usage_cache *cache, const struct fg_item *const *items, size_t n,
	int64_t timeout_ms, struct fg_measure *out, struct fg_err *err);

#endif
