/*
 * Clones: from what an engine shows of a container to what makes another one like it.
 *
 * What the container had from its image by default is left out, so that the new image's own comes
 * in; what the engine fills in by itself (a hostname that is the id, the id among the aliases,
 * addresses nobody asked for) is left out as well. All the rest is kept, known here or not.
 */
#ifndef FLEET_CLONE_H
#define FLEET_CLONE_H

#include <cjson/cJSON.h>
#include "fleetgram/base/str.h"

struct clone {
	const cJSON *container; /* as inspect shows it */
	const cJSON *from;      /* its image as inspect shows it; NULL: gone, so that all is kept */
	const char *image;      /* what the new one is made of */
	const cJSON *said;      /* a body: what it says is kept, even where the old image says the
				   same; NULL: nothing is known to be meant */
};

/* The body of POST /containers/create, with every network (see fg_network_create()), without its
 * anonymous volumes. Caller deletes. */
cJSON *clone_body(const struct clone *c);

/* Put into Podman's words what it showed of container in others. */
void clone_podman(cJSON *body, const cJSON *container);

/*
 * Have the anonymous volumes of a container mounted at the same places by what body makes. With
 * left, only where body or image (NULL: none) wants something mounted; for each other one a line is
 * added to left.
 */
void clone_volumes(cJSON *body, const cJSON *container, const cJSON *image, struct fg_str *left);

/* In body, replace container:FROM by container:TO wherever it shares namespaces. */
void clone_redirect(cJSON *body, const char *from, const char *to);

/* Whether two JSON values mean the same to an engine: null, "", [], {}, and absent are one. */
bool clone_same(const cJSON *a, const cJSON *b);

/* NetworkingConfig of a container as inspect shows it; NULL when it has no networks of its own.
 * Private to the files of clones. */
cJSON *clone_networks(const cJSON *container);

#endif
