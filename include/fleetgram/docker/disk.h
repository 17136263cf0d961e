/*
 * Disk: what an engine holds, thing by thing, with what each takes and how many use it.
 *
 * One question gives all of it, and is slow: the engine walks through the files of every volume.
 * From API 1.42 on only the kinds that are asked for cost anything.
 */
#ifndef FLEETGRAM_DOCKER_DISK_H
#define FLEETGRAM_DOCKER_DISK_H

#include <stddef.h>
#include "fleetgram/docker/engine.h"

enum fg_disk_kind {
	FG_DISK_BUILDS, /* the build cache's records */
	FG_DISK_CONTAINERS,
	FG_DISK_IMAGES,
	FG_DISK_VOLUMES,
	FG_DISK_KINDS,
};

#define FG_DISK_BIT(kind) (1u << (kind))

/* Strings are inside the document and never NULL. */
struct fg_disk_row {
	const cJSON *raw;
	const char *id;   /* a volume's is its name */
	const char *name; /* a container's, a volume's, an image's first tag, what a build step was;
			     "" for none */
	const cJSON *labels;  /* NULL: none */
	int64_t created_ms;   /* wall clock; 0: the engine does not say */
	int64_t bytes;        /* of its own: they are free when it is gone; -1: unknown */
	int64_t shared_bytes; /* of an image: what it has in common with others */
	int64_t users; /* containers that use it, stopped ones too; for a build step 1 while it is
			  in use; -1: unknown */
};

struct fg_disk {
	cJSON *raw; /* owned */
	struct fg_disk_row *v[FG_DISK_KINDS];
	size_t n[FG_DISK_KINDS];
	int64_t layers_bytes; /* of all images together; -1: unknown */
};

/* kinds: FG_DISK_BIT() of those that are wanted; others may be there too. */
int fg_disk_read(
	struct fg_engine *engine, unsigned int kinds, struct fg_disk *out, struct fg_err *err);
void fg_disk_finish(struct fg_disk *disk);
#define cleanup_disk __attribute__((cleanup(fg_disk_finish)))

/* An image's names: "nginx:1.25"; the engine's "<none>:<none>" is none. NULL when there are no
 * more. */
const char *fg_disk_tag(const struct fg_disk_row *image, size_t index);
/* A container's anonymous volumes. */
int fg_disk_anonymous(const struct fg_disk_row *container);

/*
 * Delete exactly this record of the build cache. 1: it is gone, *freed bytes were; 0: the engine
 * kept it, since something is built on it or is using it.
 */
int fg_build_remove(struct fg_engine *engine, const char *id, int64_t *freed, struct fg_err *err);

#endif
