/*
 * Compose files: a container written down as the service that would make it again.
 *
 * The file holds what the container has beyond its image, in words that docker-compose 1.29 and the
 * later compose plugin both take. Volumes and networks with a name are external: they are there
 * already and stay. What Fleetgram and Compose themselves had put on the container is left out.
 * Values that are secret become `${NAME:?}`, and whoever uses the file has to set NAME. What
 * Compose has no word for is left out and named in a comment.
 */
#ifndef FLEETGRAM_FLEET_COMPOSE_H
#define FLEETGRAM_FLEET_COMPOSE_H

#include "fleetgram/fleet/fleet.h"

struct fg_compose {
	const cJSON *container; /* as inspect tells it */
	const cJSON *image;     /* likewise; NULL: it is gone, and nothing is known to be its own */
	const cJSON *names;     /* of other containers by id, for what is shared with them; may be
				   NULL */
	bool podman;      /* it runs on Podman, which writes its own choices into every container */
	const char *host; /* for the comment; NULL: it names none */
	/* Whether the value in "NAME=value" is to stay out of the file; NULL: none is. */
	bool (*secret)(const char *assignment);
};

struct fg_compose_file {
	char *text;
	cJSON *variables; /* the names that have to be set, a list of strings */
	cJSON *left_out;  /* what Compose has no word for, likewise */
};

int fg_compose_write(
	const struct fg_compose *what, struct fg_compose_file *out, struct fg_err *err);

/* The same for a container on a host, running or not; its image and whom it shares namespaces with
 * are looked up. Others are called by their names as far as they are in scope (NULL: all are). */
int fg_compose_container(struct fg_host *host, const char *id, const struct fg_selector *scope,
	bool (*secret)(const char *assignment), struct fg_compose_file *out, struct fg_err *err);

void fg_compose_file_finish(struct fg_compose_file *file);
#define cleanup_compose_file __attribute__((cleanup(fg_compose_file_finish)))

/*
 * Append a document as YAML, in the block style. Strings and keys that could be read as anything
 * else are in double quotes, with escapes for all that is not plainly readable; bad UTF-8 becomes
 * U+FFFD. Nested deeper than FG_YAML_DEPTH is FG_ETOOBIG, and so is what does not fit under out's
 * cap.
 */
#define FG_YAML_DEPTH 16
int fg_yaml_write(struct fg_str *out, const cJSON *doc, struct fg_err *err);

#endif
