/*
 * The series of one container: its points in two rings, its starts, and their row in the store.
 *
 * It keeps nothing but itself up to date: which are kept, and when they are saved, is the
 * history's.
 */
#ifndef FLEET_HISTORY_SERIES_H
#define FLEET_HISTORY_SERIES_H

#include "fleetgram/base/list.h"
#include "fleetgram/fleet/history.h"
#include "history/ring.h"

struct series {
	struct fg_list link, bucket; /* the history's: by their last points, by their names */
	char *host, *name;
	struct ring fine, coarse;
	struct point sum; /* of the coarse point that is being made, at its begin */
	int sum_n;
	int64_t starts[FG_HISTORY_STARTS];
	uint32_t start_count;
	double memory_limit;
	int64_t read_ms; /* wall clock: of the newest reading, with rates or without; 0: none yet */
	double read_memory;
	bool changed;     /* since it was saved */
	bool saving;      /* the history's: it is on its way to the disk */
	int64_t noted_ms; /* the history's: when it got a point, or was read; monotonic */
};

struct series *series_create(const char *host, const char *name);
void series_destroy(struct series *s); /* NULL is fine; on no list */

/* False: there is no row. What is damaged in it is left out. */
bool series_load(struct series *s, struct fg_store *store);
int series_save(const struct series *s, struct fg_tx *tx, struct fg_err *err);

bool series_note(struct series *s, const struct fg_reading *reading); /* false: it came too early */
void series_started(struct series *s, int64_t at_ms);

/* As fg_history_last() and fg_history_get() have them; slots are zeroed, and the span is not empty.
 */
bool series_last(const struct series *s, int64_t now_ms, struct fg_slot *last);
void series_slots(const struct series *s, const struct fg_span *span, struct fg_slot *slots);
size_t series_starts(const struct series *s, const struct fg_span *span, int64_t *starts);

#endif
