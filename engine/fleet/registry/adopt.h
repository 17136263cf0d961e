/*
 * Adopting: instances that are on a host and not in the registry.
 */
#ifndef FLEET_ADOPT_H
#define FLEET_ADOPT_H

#include "fleetgram/fleet/registry.h"

/*
 * Look closely at each of these and record it as an instance, unless it has become one meanwhile.
 * They are written in portions, so that what was done stays done when the rest fails. Returns how
 * many, or -1 with the number in *adopted all the same.
 */
int adopt_all(struct fg_registry *registry, struct fg_host *host,
	const struct fg_container *const *unknown, size_t n, int *adopted, struct fg_err *err);

#endif
