/*
 * The meter: what every running container of a fleet uses, again and again, for whoever wants to
 * know.
 *
 * A host's containers are measured in rounds, by a task for each host: one short call a container,
 * spread evenly over the round, so that nothing ever comes in a rush. A host has at most
 * FG_METER_HOST_CALLS under way, all together FG_METER_CALLS; one that is slow gets fewer until it
 * answers well again, one that is dead is passed over. Where that is not enough for all within the
 * interval, a round lasts longer. While nobody wants readings, nobody is asked.
 *
 * What the engine does not count has no readings.
 *
 * Nothing is kept but the last sample of each container: histories are for the users to keep.
 */
#ifndef FLEETGRAM_FLEET_METER_H
#define FLEETGRAM_FLEET_METER_H

#include "fleetgram/base/list.h"
#include "fleetgram/fleet/fleet.h"

#define FG_METER_EVERY_MS 30000 /* what a user wants who wants nothing special */
#define FG_METER_LEAST_MS 1000  /* no round is shorter */
#define FG_METER_CALLS 64
#define FG_METER_HOST_CALLS 32
#define FG_METER_MOST 20000 /* containers of one host; more are not measured */

/* One container, once. */
struct fg_reading {
	const struct fg_item *item;
	int64_t taken_ms, at_ms; /* when: monotonic, wall clock */
	bool rates;              /* false at the first reading of a run: the next three are 0 */
	double cpu_percent;      /* 100 is one CPU */
	double rx_rate, tx_rate; /* bytes a second */
	double cpus;             /* how many it may use: by its limit, else what its host has */
	uint64_t memory_bytes, memory_limit;
	bool memory_limited; /* false: memory_limit is the host's memory */
	uint64_t pids;
};

/* Who wants readings. The memory is the user's, and the fields stay as they are while it is added;
 * the calls must not wait. */
struct fg_meter_user {
	struct fg_list link; /* the meter's */
	int64_t every_ms;    /* at least so often; all users get the readings of the most eager */
	/* The reading and what it points at are valid during the call. */
	void (*reading)(const struct fg_reading *reading, void *arg);
	/* Every container of the host that runs was asked: fg_meter_runs() is of now. NULL is fine.
	 */
	void (*round)(struct fg_host *host, void *arg);
	void *arg;
};

struct fg_meter;

struct fg_meter *fg_meter_create(void);
void fg_meter_destroy(struct fg_meter *meter); /* NULL is fine; not while it runs */

/* Measure the hosts of this fleet from now on; after a reload with the new one. stop ends all tasks
 * and returns when they have ended. */
void fg_meter_follow(struct fg_meter *meter, struct fg_fleet *fleet);
void fg_meter_stop(struct fg_meter *meter);

void fg_meter_add(struct fg_meter *meter, struct fg_meter_user *user);
void fg_meter_remove(struct fg_meter *meter, struct fg_meter_user *user); /* not added is fine */

/* Whether that container was running (or paused) when the host's round began. */
bool fg_meter_runs(const struct fg_meter *meter, const struct fg_host *host, const char *id);

#endif
