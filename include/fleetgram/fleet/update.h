/*
 * Updates: a container on a newer image, on another tag, or back on the image it had before.
 *
 * All three make sure of the image first and then replace the container (see replace.h) only if the
 * image is another one than it runs on.
 */
#ifndef FLEETGRAM_FLEET_UPDATE_H
#define FLEETGRAM_FLEET_UPDATE_H

#include "fleetgram/docker/image.h"
#include "fleetgram/fleet/replace.h"

enum fg_update_kind {
	FG_UPDATE_NEWEST, /* what its image's name means today: pulled, unless it was made here */
	FG_UPDATE_TAG,    /* another tag of the same image */
	FG_UPDATE_BACK, /* the image before, by the history; its tag on that host moves back too */
};

struct fg_update {
	enum fg_update_kind kind;
	const char *tag; /* of FG_UPDATE_TAG */
	const char *by;  /* who asked */
	const struct fg_selector *scope; /* theirs: see replace.h */
	int64_t settle_ms;
	struct fg_pull_options pull;               /* its progress */
	void (*step)(const char *step, void *arg); /* what it is at; may be NULL */
	void *arg;                                 /* of step */
};

/* Image ids are "sha256:…", digests "NAME@sha256:…" or "". */
struct fg_updated {
	char *image; /* the name it has now */
	char *from_image, *from_id, *from_digest, *to_id, *to_digest;
	char *note;                  /* what else there is to know; NULL: nothing */
	const char *same;            /* why there was nothing to do: "up to date", "pinned" */
	struct fg_replaced replaced; /* when it was replaced */
};

void fg_updated_finish(struct fg_updated *updated);
#define cleanup_updated __attribute__((cleanup(fg_updated_finish)))

/*
 * What FG_UPDATE_BACK would go back to: the image before the one that it runs on, by the newest
 * entry of the history that led to this one. 1: found, image (a name), id and digest are filled and
 * belong to the caller; 0: the history knows of none.
 */
int fg_update_before(struct fg_registry *registry, struct fg_host *host,
	const struct fg_container_info *info, struct fg_updated *out, struct fg_err *err);

/* 1: replaced; 0: there was nothing to do, out->same says why; -1: error, and the old container is
 * as it was. A pinned container is left alone. out is to be finished in any case. */
int fg_update(struct fg_registry *registry, struct fg_host *host, const char *id,
	const struct fg_update *update, struct fg_updated *out, struct fg_err *err);

#endif
