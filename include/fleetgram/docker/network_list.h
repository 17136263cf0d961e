/*
 * The networks that there are, with whether anything needs them, and the end of one.
 */
#ifndef FLEETGRAM_DOCKER_NETWORK_LIST_H
#define FLEETGRAM_DOCKER_NETWORK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include "fleetgram/docker/engine.h"

/* One row of a list. Strings are valid UTF-8 and clean; none is NULL. */
struct fg_network {
	char *id, *name, *driver, *scope; /* scope: "local" "swarm" … */
	cJSON *labels;                    /* an object */
	int64_t created_ms;               /* wall clock; 0: the engine does not say */
	bool own; /* the engine's own (bridge, host, none, ingress), or there to be copied from */
	bool in_use; /* a container is attached to it, or will be when it is started again */
};

struct fg_networks {
	struct fg_network *v;
	size_t n;
};

int fg_network_list(struct fg_engine *engine, struct fg_networks *out, struct fg_err *err);
void fg_networks_finish(struct fg_networks *list);
#define cleanup_networks __attribute__((cleanup(fg_networks_finish)))

/* id: an id or a name. What is attached to it is FG_EREMOTE or FG_ECONFLICT, as the engine has it.
 */
int fg_network_remove(struct fg_engine *engine, const char *id, struct fg_err *err);

#endif
