/*
 * What the rest of this room needs of today's specs.
 */
#ifndef FLEET_TODAY_H
#define FLEET_TODAY_H

#include "fleetgram/fleet/drift.h"

/* The spec by the config alone, without what was changed by hand. Caller deletes; NULL: error. */
cJSON *today_own(struct fg_today *today, const struct fg_instance *instance, const cJSON *labels,
	struct fg_err *err);

/* Apply to spec, the config's own, those overrides that hold. Returns them, for the caller to
 * delete. */
cJSON *today_override(cJSON *spec, const cJSON *overrides);

/* The parameters it was created with: the document's, else the label's, else {}. Caller deletes. */
cJSON *today_params(const struct fg_instance *instance, const cJSON *labels);

/* What the container was made from by the registry or its labels: the hash, "" when nothing says
 * it, and the version it was taken over. */
struct made {
	const char *hash;
	int version;
};
struct made today_made(
	const struct fg_instance *instance, const char *container_id, const cJSON *labels);

/* The spec in its document when that is the one that it was made from; NULL: it is another one's by
 * now, or there is none. */
const cJSON *today_made_spec(const struct fg_instance *instance, const struct made *made);

/* The hash of spec in that version's words. False: there is no such version. */
bool today_hash(const cJSON *spec, int version, char hash[FG_HASH_SIZE]);

/* What an image brings along: its Config, kept for as long as today; NULL: the host does not say.
 */
const cJSON *today_image(struct fg_today *today, struct fg_host *host, const char *image_id);

/* The overrides of a document whose limits are changed by hand: the keys of `to` (nano_cpus,
 * memory, memory_swap, pids) now have these values, where the config itself says own. Caller
 * deletes. */
cJSON *today_limits_override(const cJSON *overrides, const cJSON *own, const cJSON *to);

#endif
