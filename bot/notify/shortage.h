/*
 * Shortages: when what a swarm says of a service, a node or itself is an incident, and when it is
 * over.
 *
 * Tasks are replaced, moved and started all the time, and a service is short of them meanwhile:
 * that is no incident before it was so for SHORTAGE_MS without a time as long in which all of them
 * ran. A change of the service begins that time anew. Nothing is told while somebody who was told
 * so waits for it (a command of ours), while the swarm's own update goes on and gets further, and
 * while the tasks that are missing are fetching their image, for SHORTAGE_FETCH_MS.
 */
#ifndef BOT_NOTIFY_SHORTAGE_H
#define BOT_NOTIFY_SHORTAGE_H

#include <stdbool.h>
#include <stdint.h>

#define SHORTAGE_MS 20000
#define SHORTAGE_FETCH_MS ((int64_t)10 * 60 * 1000)
#define SHORTAGE_STUCK_MS ((int64_t)5 * 60 * 1000) /* an update that got no further for so long */

enum trouble_step {
	TROUBLE_STAYS, /* nothing is to be said */
	TROUBLE_THERE, /* it is one, now or still */
	TROUBLE_OVER,  /* all is well */
};

struct trouble {                   /* zeroed: nothing is known */
	int64_t since_ms, well_ms; /* monotonic: bad, or well, since; 0: it is not */
};

/* At now_ms (monotonic, above 0) it is bad, or not; it is there after for_ms, and over after
 * over_ms without a break. */
enum trouble_step trouble_step(
	struct trouble *t, int64_t now_ms, bool bad, int64_t for_ms, int64_t over_ms);

struct shortage { /* zeroed: nothing is known */
	struct trouble trouble;
	uint64_t version;
	int64_t fresh, moved_ms;
};

struct shortage_seen {
	int64_t now_ms; /* monotonic */
	int64_t wanted, running;
	int64_t fetching; /* tasks on their way that are "preparing" */
	int64_t fresh;    /* fg_service_fresh() */
	uint64_t version;
	bool updating; /* by the swarm: an update, or the way back */
	bool ours;     /* a command of ours was about it a moment ago, and tells */
};

enum trouble_step shortage_step(struct shortage *s, const struct shortage_seen *seen);

/* What an update has come to. */
struct rollout {       /* zeroed: nothing is known */
	bool updating; /* when last seen */
	bool undone;   /* it was rolled back by the swarm itself */
};

/* state and message as struct fg_service has them. */
enum trouble_step rollout_step(
	struct rollout *r, const char *state, const char *message, bool ours);

#endif
