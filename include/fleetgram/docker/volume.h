/*
 * Volumes: what one is, and taking it away. What all of them take up is in disk.h.
 */
#ifndef FLEETGRAM_DOCKER_VOLUME_H
#define FLEETGRAM_DOCKER_VOLUME_H

#include <stdbool.h>
#include "fleetgram/docker/engine.h"

/* Whether it was made without a name, for one container; labels may be NULL. */
bool fg_volume_anonymous(const char *name, const cJSON *labels);

struct fg_volume {
	cJSON *raw;         /* the whole document; owned */
	const char *name;   /* inside raw, or "" */
	int64_t created_ms; /* wall clock; 0: the engine does not say */
};

int fg_volume_inspect(
	struct fg_engine *engine, const char *name, struct fg_volume *out, struct fg_err *err);
void fg_volume_finish(struct fg_volume *volume);
#define cleanup_volume __attribute__((cleanup(fg_volume_finish)))

/* One that a container uses, even a stopped one, is FG_ECONFLICT. */
int fg_volume_remove(struct fg_engine *engine, const char *name, struct fg_err *err);

#endif
