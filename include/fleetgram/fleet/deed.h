/*
 * Deeds: what Fleetgram itself does to containers, so that what follows from it is no accident.
 *
 * Every call that changes a container (start, stop, restart, kill, pause, unpause, remove, rename)
 * is noted in the store before it leaves and when it is over, whoever makes it: a command, a
 * replacement and its dependants, pruning, a `fleetgram exec` beside the daemon. Callers do nothing
 * for it: the engines of a fleet that was given a book note each of their calls.
 */
#ifndef FLEETGRAM_FLEET_DEED_H
#define FLEETGRAM_FLEET_DEED_H

#include "fleetgram/base/store.h"
#include "fleetgram/fleet/fleet.h"
#include "fleetgram/fleet/watch.h"

#define FG_DEED_AFTER_MS 10000 /* what comes so long after a deed's end is still put down to it */
#define FG_DEED_DAYS 1         /* they are kept */

struct fg_deeds;

struct fg_deeds *fg_deeds_create(struct fg_store *store, struct fg_err *err); /* migrates */
void fg_deeds_destroy(struct fg_deeds *deeds);                                /* NULL is fine */

/* From now on what the fleet's engines do to containers is noted. */
void fg_fleet_note_deeds(struct fg_fleet *fleet, struct fg_deeds *deeds);

/* When a service of a swarm was last changed, through whichever manager: wall clock, at the end of
 * the change if that is known; 0: not that is remembered. id is the service's. Reads the store. */
int64_t fg_deed_service_ms(struct fg_deeds *deeds, const char *id);

/*
 * Whether something of this kind, which happened to that container at at_ms (by this machine's wall
 * clock; 0: now), follows from a deed: one of that id or name which does that (a stop makes a
 * container die, a start does not), that is under way, or was until FG_DEED_AFTER_MS ago; or the
 * container is part of a replacement that is under way. Reads the store.
 */
bool fg_deed_caused(struct fg_deeds *deeds, enum fg_happened what, const char *host, const char *id,
	const char *name, int64_t at_ms);

#endif
