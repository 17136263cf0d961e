/*
 * Images: what is there, and getting one from its registry.
 */
#ifndef FLEETGRAM_DOCKER_IMAGE_H
#define FLEETGRAM_DOCKER_IMAGE_H

#include "fleetgram/base/str.h"
#include "fleetgram/docker/engine.h"

struct fg_image {
	char *id;    /* "sha256:…" */
	char **tags; /* "nginx:1.25"; none for a dangling image */
	size_t tag_count;
	char **digests; /* "nginx@sha256:…" */
	size_t digest_count;
	int64_t size, created_ms;
};

struct fg_images {
	struct fg_image *v;
	size_t n;
};

int fg_image_list(struct fg_engine *engine, struct fg_images *out, struct fg_err *err);
void fg_images_finish(struct fg_images *list);
#define cleanup_images __attribute__((cleanup(fg_images_finish)))

struct fg_image_info {
	cJSON *raw;         /* the whole document; owned */
	const char *id;     /* inside raw, or "" */
	const char *digest; /* the repository digest "name@sha256:…" that belongs to ref, else the
			       first, or "" */
};

int fg_image_inspect(
	struct fg_engine *engine, const char *ref, struct fg_image_info *out, struct fg_err *err);
void fg_image_info_finish(struct fg_image_info *info);
#define cleanup_image_info __attribute__((cleanup(fg_image_info_finish)))

/* Whether another image was built or committed on top of it, as far as the engine says; id:
 * "sha256:…". While one is, an engine takes away the image's names and then refuses its layers. */
int fg_image_has_children(struct fg_engine *engine, const char *id, struct fg_err *err);

struct fg_pull_progress {
	int layers, layers_done;
	int64_t bytes, bytes_total; /* of the layers whose size is known so far */
	const char *status;         /* the engine's last word */
};

struct fg_pull_options {
	const char *auth; /* the JSON object of X-Registry-Auth, not yet encoded; NULL: none */
	void (*progress)(const struct fg_pull_progress *p,
		void *arg); /* may be NULL; called in the pulling task */
	void *arg;
	int64_t idle_timeout_ms; /* without a word from the engine; 0: 5 minutes */
};

/* ref: name, name:tag (default latest) or name@digest. Errors of the registry, also those that come
 * after the first byte, are FG_EREMOTE. */
int fg_image_pull(struct fg_engine *engine, const char *ref, const struct fg_pull_options *options,
	struct fg_err *err);

/* A reference taken apart as the engines do it: "nginx" is docker.io, library/nginx, latest. */
struct fg_image_ref {
	char registry[256];   /* "docker.io", "registry.example:5000" */
	char repository[256]; /* "library/nginx" */
	char tag[129];        /* "" with a digest */
	char digest[136];     /* "sha256:…", "" without */
};

/* FG_EINVAL for what is no image's name; an image's id is none. */
int fg_image_ref_parse(const char *ref, struct fg_image_ref *out, struct fg_err *err);
/* The one name of a registry: "docker.io" for each of Docker's own, no scheme, no path. "" for what
 * is none. */
void fg_image_registry(const char *name, char out[256]);

/*
 * The digest that ref's registry has today, asked by the engine without pulling; auth as in struct
 * fg_pull_options. FG_ENOTFOUND: the registry has no such image, or does not say; FG_EREMOTE: it
 * refused, or (Podman, status 404) the engine cannot ask.
 */
#define FG_DIGEST_SIZE 136 /* "sha512:" and 128 hex digits and a NUL */
int fg_image_distribution(struct fg_engine *engine, const char *ref, const char *auth,
	char digest[FG_DIGEST_SIZE], struct fg_err *err);

/* Give the image (name or id) another name, "name:tag"; one that has that name already loses it. */
int fg_image_tag(struct fg_engine *engine, const char *image, const char *name, struct fg_err *err);

/*
 * Remove an image: by a name only that name, unless it was the last one; by its id all of it, which
 * needs force when it has several names or a stopped container uses it. One in use is FG_ECONFLICT.
 * What went is put into untagged and deleted, one a line (each may be NULL).
 */
int fg_image_remove(struct fg_engine *engine, const char *ref, bool force, struct fg_str *untagged,
	struct fg_str *deleted, struct fg_err *err);

#endif
