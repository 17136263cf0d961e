/*
 * Operations: what can be done to a container, one at a time on each, with the registry kept true.
 */
#ifndef FLEETGRAM_FLEET_OPERATION_H
#define FLEETGRAM_FLEET_OPERATION_H

#include "fleetgram/fleet/registry.h"

enum fg_operation {
	FG_OP_KILL, /* argument: the signal, NULL: KILL */
	FG_OP_PAUSE,
	FG_OP_REMOVE, /* stops it first if it runs; its anonymous volumes go with it */
	FG_OP_RENAME, /* argument: the new name */
	FG_OP_RESTART,
	FG_OP_STOP,
	FG_OP_UNPAUSE,
	FG_OP_UP, /* starts it; a paused one is unpaused */
	FG_OP_COUNT,
};

/*
 * Do it to the container `id` on host, after any operation on the same container that came before.
 * 1: done; 0: it was so already; -1: error. The registry (may be NULL) notes the use, the state,
 * the new name, or that it is gone; when that fails the operation is done all the same, and the log
 * says so. A container is addressed by its whole id, so that one that was replaced meanwhile is
 * never hit.
 */
int fg_operate(struct fg_registry *registry, struct fg_host *host, const char *id,
	enum fg_operation op, const char *argument, struct fg_err *err);

/* What nobody asked for at this moment. */
struct fg_unasked {
	/* When its turn has come: 0: go on; -1: leave it alone, err says why, and is passed on. info is
	 * the container as it is now. */
	int (*check)(const struct fg_container_info *info, void *arg, struct fg_err *err);
	void *arg;
	const char *why; /* for an instance's history */
};

/* The same as fg_operate(), except that it counts as no use and may be called off. */
int fg_operate_unasked(struct fg_registry *registry, struct fg_host *host, const char *id,
	enum fg_operation op, const struct fg_unasked *unasked, struct fg_err *err);

/* "stop", "stopped": for what people read. */
const char *fg_operation_verb(enum fg_operation op);
const char *fg_operation_past(enum fg_operation op);

/* A valid container name by the engines' rule: [a-zA-Z0-9][a-zA-Z0-9_.-]+, at most 128 bytes. */
bool fg_name_valid(const char *name);
/* The same: -1 with an error that says what a name is. */
int fg_name_check(const char *name, struct fg_err *err);

#endif
