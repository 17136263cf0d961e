/*
 * Documents of a swarm that are written back: a version that is no longer the newest; private to
 * this room.
 */
#ifndef FLEETGRAM_DOCKER_SWARM_VERSION_H
#define FLEETGRAM_DOCKER_SWARM_VERSION_H

#include <stdbool.h>
#include <string.h>
#include "fleetgram/base/err.h"

#define SWARM_TRIES 5 /* of reading and writing back */

/* The engine's way to say that somebody else was faster; a 500. */
static inline bool swarm_is_stale(const struct fg_err *err)
{
	return err->code == FG_EREMOTE && strstr(err->text, "update out of sequence") != NULL;
}

#endif
