/*
 * The history: what containers have used, over the last day, in bounded memory.
 *
 * A container's series has a point every FG_HISTORY_FINE_MS for the last two hours, and one every
 * FG_HISTORY_COARSE_MS, the average of that time, for the last day: about 11 kB. Series are known by
 * host and name, so that a container that was made again goes on with the one before. They are kept
 * in the store, where they are saved every FG_HISTORY_SAVE_MS, and read from it when a reading or a
 * start is noted; a crash costs what came since.
 */
#ifndef FLEETGRAM_FLEET_HISTORY_H
#define FLEETGRAM_FLEET_HISTORY_H

#include "fleetgram/base/store.h"
#include "fleetgram/fleet/meter.h"

#define FG_HISTORY_FINE_MS 30000
#define FG_HISTORY_FINE 240
#define FG_HISTORY_COARSE_MS 300000
#define FG_HISTORY_COARSE 288
#define FG_HISTORY_SAVE_MS 300000
#define FG_HISTORY_MOST 2000 /* series; one more replaces one that gets no points, or has to wait */
#define FG_HISTORY_STALE_MS 300000 /* … for so long */
#define FG_HISTORY_STARTS 32 /* of a series; the last ones */

struct fg_history;

struct fg_history *fg_history_create(struct fg_store *store, struct fg_err *err); /* migrates */
void fg_history_destroy(struct fg_history *h); /* NULL is fine; does not save */

/*
 * Points come from readings with rates; those that come too early are left out. One that is older than the
 * newest point is of a clock that was set back: what lies after it is forgotten. Do not wait.
 */
void fg_history_note(struct fg_history *h, const struct fg_reading *reading);
/* The container was started: a mark. */
void fg_history_started(struct fg_history *h, const char *host, const char *name, int64_t at_ms);

/* Save what is new. In a task. */
int fg_history_save(struct fg_history *h, struct fg_err *err);
void fg_history_run(void *history); /* a task that does so now and then; until it is cancelled */

/* The average of a span of time; known: there is a point in it. */
struct fg_slot {
	bool known;
	double cpu_percent, memory_bytes, rx_rate, tx_rate; /* bytes a second */
};

struct fg_span {
	int64_t from_ms, to_ms; /* wall clock */
	size_t n;               /* slots, of the same length */
};

/*
 * The newest reading's memory, and the rates of the newest point; what is older than
 * FG_HISTORY_FRESH_MS or yet to come is none. The first reading after a start has no rates (known is
 * false then). False: there is neither since this program was started: the store is not asked.
 */
#define FG_HISTORY_FRESH_MS 120000
bool fg_history_last(
	struct fg_history *h, const char *host, const char *name, struct fg_slot *last);

/* Whether the series is in memory: fg_history_get() reads the store for any other. */
bool fg_history_has(struct fg_history *h, const char *host, const char *name);

/*
 * A container's series in slots[span->n], which is read from the store when it is not in memory. 1:
 * there is one; 0: nothing is known of that container.
 * memory_limit (NULL is fine): its own, 0: none. starts (NULL is fine) gets those within the span,
 * at most FG_HISTORY_STARTS, and *start_count how many.
 */
int fg_history_get(struct fg_history *h, const char *host, const char *name,
	const struct fg_span *span, struct fg_slot *slots, double *memory_limit, int64_t *starts,
	size_t *start_count);

#endif
