/*
 * What the rest of this room needs of a host beyond the public struct.
 */
#ifndef FLEET_HOST_H
#define FLEET_HOST_H

#include "fleetgram/base/task.h"
#include "fleetgram/docker/swarm.h"
#include "fleetgram/fleet/fleet.h"

#define HOST_DOUBT_MS 5000   /* how long a probe in the background may take */
#define HOST_PATIENCE_MS 300 /* how long a question waits for a host that was down */
#define HOST_GRACE_MS 100    /* … for one that is slow, at least, once the others have answered */

struct fg_host *host_create(
	struct fg_fleet *fleet, const struct fg_host_options *options, struct fg_err *err);
void host_destroy(struct fg_host *host);

/* Whether an error says that the engine does not answer, rather than that it answered no. */
bool host_is_dead(const struct fg_err *err);

/* Like fg_host_note(), except that a time-out counts as death at once. */
bool host_mark(struct fg_host *host, const struct fg_err *err);

/* Ask the host for its version within timeout_ms; the outcome is marked. */
int host_probe(struct fg_host *host, int64_t timeout_ms, struct fg_err *err);

/*
 * Whether it makes sense to ask the host something. One that was down is probed in the background,
 * once at a time; this waits for the outcome only as long as nobody minds, so that an engine that
 * is back is found at once, and one that hangs delays nothing.
 */
int host_ready(struct fg_host *host, struct fg_err *err);

/* Whether it is at so many lists that nobody waits for any more, or at such a recent one, that it is
 * not given another one. */
bool host_is_busy(const struct fg_host *host);
void host_busy(struct fg_host *host, int more); /* nobody waits for one any more: +1, -1 at its end */
void host_set_slow(struct fg_host *host, bool slow);

/* Remember what was listed, and hand over what is remembered. */
void host_remember(struct fg_host *host, const struct fg_containers *list);
void host_inherit(struct fg_host *host, struct fg_host *before);

/* How many bytes of the fleet's hosts are remembered. */
size_t *fleet_known_bytes(struct fg_fleet *fleet);

/* What is known of a host's part in a swarm: of its last answer. */
struct host_swarm {
	bool known; /* it has answered */
	bool manager;
	char cluster[FG_SWARM_ID]; /* of one that is a manager; "" while it never told */
	char node[FG_SWARM_ID];    /* its own in its swarm; "": in none */
	int64_t asked_ms;          /* monotonic */
};

struct host_swarm *host_swarm(struct fg_host *host);

/* Where its hosts' deeds are noted: fg_fleet_note_deeds(). NULL: nowhere. */
struct fg_deeds *fleet_deeds(const struct fg_fleet *fleet);
void fleet_set_deeds(struct fg_fleet *fleet, struct fg_deeds *deeds);

/* Who wants to know of changes: fg_fleet_on_change(). */
void fleet_changed(struct fg_host *host);

#endif
