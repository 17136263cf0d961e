/*
 * Limits of containers, changed while they run.
 *
 * What is changed by hand on an instance is noted as an override (see drift.h), so that registry,
 * hash and container agree afterwards. Memory and swap go together: raising memory raises
 * memory_swap, the two in sum, where it would be too small.
 */
#ifndef FLEETGRAM_FLEET_LIMITS_H
#define FLEETGRAM_FLEET_LIMITS_H

#include "fleetgram/fleet/drift.h"

enum fg_limit { FG_LIMIT_CPUS, FG_LIMIT_MEMORY, FG_LIMIT_MEMORY_SWAP, FG_LIMIT_PIDS, FG_LIMITS };

/* nano-CPUs, bytes, bytes of both, processes; 0: no limit; memory_swap -1: no limit, 0: the
 * engine's choice, twice the memory. */
struct fg_limits {
	int64_t v[FG_LIMITS];
	bool set[FG_LIMITS]; /* which of them are meant */
};

const char *fg_limit_name(enum fg_limit limit); /* "cpus" "memory" "memory_swap" "pids" */
/* As templates write them: "0.5", "64m", "100"; "0" is none. */
int fg_limit_parse(
	struct fg_limits *limits, enum fg_limit limit, const char *text, struct fg_err *err);
/* "64m", "none"; as templates write it. Caller frees. */
char *fg_limit_text(enum fg_limit limit, int64_t value);
struct fg_limits fg_limits_of(const struct fg_container_info *info); /* all of them, set */

/* What giving a container that has `now` these limits comes to: a memory_swap that goes along is
 * added. FG_EINVAL: the engine cannot do that. */
int fg_limits_plan(const struct fg_limits *now, struct fg_limits *want, struct fg_err *err);

/*
 * Give the container `id` these limits, after any operation on it that came before, and look
 * whether they hold. before and after, which may be NULL, get all limits as the engine says them.
 * Of an instance the registry learns it; today: for what its template says. FG_EINVAL: the engine
 * cannot do that to a container that is there.
 */
int fg_limits_change(struct fg_registry *registry, struct fg_today *today, struct fg_host *host,
	const char *id, const struct fg_limits *limits, const char *by, struct fg_limits *before,
	struct fg_limits *after, struct fg_err *err);

#endif
