/*
 * What is known of a pull so far; private to this room.
 */
#ifndef FLEETGRAM_DOCKER_PULL_H
#define FLEETGRAM_DOCKER_PULL_H

#include "fleetgram/base/str.h"
#include "fleetgram/docker/image.h"

#define FG_PULL_LAYERS 256 /* more are pulled, and not counted */
#define FG_PULL_ID 80

struct fg_pull_layer {
	char id[FG_PULL_ID];
	int64_t current, total;
	bool done;
};

/* Zeroed at first; some 25 KiB, so on the heap. */
struct fg_pull_state {
	struct fg_pull_progress progress;
	char status[256];
	int64_t lines;
	struct fg_pull_layer layers[FG_PULL_LAYERS];
};

/* Take one line of the engine's. -1: it says that the pull failed (FG_EREMOTE), or nothing that
 * makes sense. */
int fg_pull_line(struct fg_pull_state *s, struct fg_str *line, struct fg_err *err);

/* "X-Registry-Auth: " and the JSON in URL-safe base64, padded; a bad one would be ignored in
 * silence. The caller wipes it, which frees it. */
char *fg_registry_header(const char *auth);
void fg_registry_header_wipe(char *header); /* NULL is fine */

#endif
