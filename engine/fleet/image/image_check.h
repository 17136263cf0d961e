/*
 * Comparing what is here with what a registry has; private to this room.
 */
#ifndef FLEET_IMAGE_CHECK_H
#define FLEET_IMAGE_CHECK_H

#include "fleetgram/fleet/image.h"

/* The first of an image's RepoDigests that belongs to ref's repository into here, preferring the
 * one that is `there`. False: none does. */
bool image_digest_here(const cJSON *digests, const struct fg_image_ref *ref, const char *there,
	char here[FG_DIGEST_SIZE]);

/* Whether an error means that the registry has had too many requests: how long to leave it alone,
 * else 0. */
int64_t image_quota(const struct fg_err *err);

#endif
