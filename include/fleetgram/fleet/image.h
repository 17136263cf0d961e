/*
 * Images in the fleet: pulled with the config's credentials, and compared with their registries.
 *
 * A check asks the registry for the digest that a name has today and compares it with what a host
 * has, without pulling anything. Answers are kept for a while, for every container and host that
 * uses the name; a registry that says 429 is left alone for as long as it wants.
 */
#ifndef FLEETGRAM_FLEET_IMAGE_H
#define FLEETGRAM_FLEET_IMAGE_H

#include "fleetgram/docker/image.h"
#include "fleetgram/fleet/fleet.h"

/* Credentials for an image registry: HOST[:PORT], "docker.io" for Docker's own. One that has some
 * already is FG_EINVAL. They are wiped when the fleet ends. */
int fg_fleet_login(struct fg_fleet *fleet, const char *registry, const char *username,
	const char *password, struct fg_err *err);

/* The JSON object of X-Registry-Auth for the registry of that image, NULL when there are no
 * credentials for it. It is secret: fg_secret_free() it. */
char *fg_fleet_auth(const struct fg_fleet *fleet, const char *image);
void fg_secret_free(char *secret); /* overwritten first; NULL is fine */

/*
 * Pull an image on a host. The outcome is noted in the host's health; the error is the engine's own
 * words and what to do about them. options->auth is filled in here; options may be NULL.
 */
int fg_host_pull(struct fg_host *host, const char *image, const struct fg_pull_options *options,
	struct fg_err *err);

/*
 * Have an image there as the policy wants it: "missing" (or NULL, "") pulls it when the host does
 * not have it, "always" in any case, "never" makes its absence an error. digest gets its repository
 * digest, "" when it has none, image_id its id; the caller frees both, and each may be NULL.
 */
int fg_host_image(struct fg_host *host, const char *image, const char *policy,
	const struct fg_pull_options *options, char **digest, char **image_id, struct fg_err *err);

enum fg_newer {
	FG_NEWER_NO,      /* what is there is what the registry has */
	FG_NEWER_YES,     /* the registry has another one under that name */
	FG_NEWER_UNKNOWN, /* it was made here, or named by its digest: there is nothing to compare
			   */
};

struct fg_image_check {
	enum fg_newer newer;
	char here[FG_DIGEST_SIZE], there[FG_DIGEST_SIZE]; /* "sha256:…"; "" when unknown */
	int64_t checked_ms; /* wall clock: when the registry was asked; 0: it was not */
};

struct fg_image_checks; /* the answers that are kept */

struct fg_image_checks *fg_image_checks_create(void);
void fg_image_checks_destroy(struct fg_image_checks *checks); /* no check may be under way */

/*
 * Whether the registry has something newer than image_id under the name `image`. The engine asks,
 * with the fleet's credentials; where it cannot (Podman), this does, by the registry's own
 * protocol. max_age_ms: how old a kept answer may be (0: ask now). The same question under way is
 * asked once, and a registry gets at most four at a time. A registry that answers 429 is not asked
 * again before the time it names, else for an hour: FG_EREMOTE with status 429, and
 * err->retry_after_ms says how long it is still.
 */
int fg_image_check(struct fg_image_checks *checks, struct fg_host *host, const char *image,
	const char *image_id, int64_t max_age_ms, struct fg_image_check *out, struct fg_err *err);

/*
 * The name that a container was made from. A list says only the image's id once the name means
 * another image: then the container is asked. Caller frees.
 */
int fg_item_image(const struct fg_item *item, char **name, struct fg_err *err);

#endif
