/*
 * What the rest of this room needs of deeds beyond the public calls.
 */
#ifndef FLEET_DEED_OWN_H
#define FLEET_DEED_OWN_H

#include "fleetgram/fleet/deed.h"

int deeds_migrate(struct fg_store *store, struct fg_err *err);

/* A replacement that began at begun_ms is over: what happened to that container of it until now was
 * its doing, and may be looked at only later. */
int deeds_add_replaced(
	struct fg_tx *tx, const char *host, const char *id, int64_t begun_ms, struct fg_err *err);

/* Whether there is any deed on that host that something which happened at at_ms or later can follow
 * from. Quick, for the many hosts where there is none. */
bool deeds_any(struct fg_deeds *deeds, const char *host, int64_t at_ms);

/* When it happened, by this machine's wall clock. */
struct deed_time {
	int64_t at_ms;
	int64_t after_ms; /* or at any time between then and at_ms */
	int64_t since_ms; /* the run that has ended began then: what was over by then has not ended
			     it; 0: that is not known */
};

/* The same as fg_deed_caused(). */
bool deeds_caused(struct fg_deeds *deeds, enum fg_happened what, const char *host, const char *id,
	const char *name, const struct deed_time *when);

#endif
