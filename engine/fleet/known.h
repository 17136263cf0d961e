/*
 * Known: a list of containers packed into few bytes, to be looked at when the host does not answer.
 */
#ifndef FLEET_KNOWN_H
#define FLEET_KNOWN_H

#include "fleetgram/docker/container.h"

/* Zeroed, it knows nothing. */
struct known {
	char *bytes; /* texts with their NULs, container after container */
	size_t len, n;
};

/* What was known before is forgotten. A list that takes more than `room` bytes is not kept. */
void known_set(struct known *known, const struct fg_containers *list, size_t room);
/* Into *out, which is overwritten; the caller finishes it. */
void known_get(const struct known *known, struct fg_containers *out);
void known_finish(struct known *known);

/* One container by itself: its id and a NUL come first. Caller frees. One whose labels take more
 * than a host may has none. */
char *known_pack(const struct fg_container *c);
/* Into *out, which is overwritten; the caller finishes it. */
void known_unpack(const char *bytes, struct fg_container *out);

#endif
