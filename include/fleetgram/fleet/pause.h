/*
 * Pauses: hosts under maintenance, as the store keeps them.
 *
 * Of a paused host nothing is told and nothing is done there unasked: no pruning, no autoheal, no
 * update checks, no schedules; batches leave it out, nothing new is placed on it, and its being down
 * is no trouble. It is watched all the same, so that what is known of it is right when the pause
 * ends, which it does by itself. What is still wrong then is told then.
 */
#ifndef FLEETGRAM_FLEET_PAUSE_H
#define FLEETGRAM_FLEET_PAUSE_H

#include "fleetgram/base/clock.h"
#include "fleetgram/base/store.h"
#include "fleetgram/fleet/fleet.h"

#define FG_PAUSE_MOST_MS ((int64_t)30 * 24 * 3600 * 1000)

struct fg_pause {
	const char *host, *reason, *by; /* reason may be "" */
	int64_t since_ms, until_ms;     /* wall clock */
};

int fg_pauses_setup(struct fg_store *store, struct fg_err *err);

/* Paused by that time; again: with another end and reason. */
int fg_pause_begin(struct fg_store *store, const struct fg_pause *pause, struct fg_err *err);
/* 1: it was paused; 0: it was not. */
int fg_pause_end(struct fg_store *store, const char *host, struct fg_err *err);
/* Calls each(pause, arg) for those that hold now, by their ends. */
void fg_pauses_each(struct fg_store *store, void (*each)(const struct fg_pause *pause, void *arg),
	void *arg);

/* The hosts of a fleet learn what the store says: another process may have paused one. */
void fg_pauses_read(struct fg_store *store, struct fg_fleet *fleet);

static inline bool fg_host_paused(const struct fg_host *host)
{
	return host->paused_ms > fg_wall_ms();
}

#endif
