/*
 * What looking for drift is made of.
 */
#ifndef FLEET_DRIFT_H
#define FLEET_DRIFT_H

#include "fleetgram/docker/container.h"
#include "fleetgram/fleet/drift.h"

/* Add a difference, unless the field has one already; the texts are copied. */
void drift_add(struct fg_drift *drift, const char *field, const char *want, const char *have);

/* Add every field in which two specs differ. What changes nothing about a container is not looked
 * at. */
void drift_compare(struct fg_drift *drift, const cJSON *want, const cJSON *have);

/* A container by what the engine says of it. */
struct live {
	const cJSON *want; /* its spec of today */
	const struct fg_container_info *info;
	const cJSON
		*image; /* its image's Config; NULL: not known, then what may come from it does */
	bool podman;
};

/*
 * The spec that the container is: where the engine's answer means what want says, it says the same,
 * and elsewhere what there is. Caller deletes.
 */
cJSON *drift_live(const struct live *live);

#endif
