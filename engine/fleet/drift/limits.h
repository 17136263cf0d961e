/*
 * Changing limits, as /limits and /apply both do it.
 */
#ifndef FLEET_LIMITS_H
#define FLEET_LIMITS_H

#include "fleetgram/fleet/limits.h"

/*
 * Have the engine give the container these limits and read them back; info is what inspect says of
 * it, and becomes what it says afterwards. Its queue has to be held.
 */
int limits_update(struct fg_host *host, struct fg_container_info *info,
	const struct fg_limits *limits, struct fg_err *err);

/*
 * Add to warnings, in one line, which limits of this spec do not hold in the container
 * that was made from it and just started: Podman takes them from an ordinary user, ignores them,
 * and says nothing. info is what inspect says of it.
 */
void limits_warn(struct fg_host *host, const cJSON *spec, const struct fg_container_info *info,
	struct fg_str *warnings);

/* Refuses what limits_warn() would warn of, before it is done: Podman 5 fails at it, and does not
 * start the container again from then on. body is what the engine would be told. */
int limits_holdable(struct fg_host *host, const struct fg_container_info *info, const cJSON *body,
	struct fg_err *err);

/* What a document says of a container's limits; NULL: they are not known. */
void limits_document(cJSON *doc, const struct fg_limits *limits);

/* {"cpus","memory","memory_swap","pids"}, for histories; caller deletes. */
cJSON *limits_json(const struct fg_limits *limits);

#endif
