/*
 * Applying: an instance made into what it should be today.
 *
 * Where only limits differ they are changed while it runs, and where only its name does it gets
 * that back. For anything else it is made again (see replace.h), with its anonymous volumes, and
 * the old container stays until the new one is good.
 */
#ifndef FLEETGRAM_FLEET_APPLY_H
#define FLEETGRAM_FLEET_APPLY_H

#include "fleetgram/docker/image.h"
#include "fleetgram/fleet/drift.h"
#include "fleetgram/fleet/replace.h"

struct fg_apply {
	const char *by; /* who asked */
	const struct fg_selector *scope; /* theirs: see replace.h */
	int64_t settle_ms;
	struct fg_pull_options pull;               /* its progress */
	void (*step)(const char *step, void *arg); /* what it is at; may be NULL */
	void *arg;                                 /* of step */
};

enum fg_apply_way { FG_APPLY_NOTHING, FG_APPLY_NAME, FG_APPLY_LIMITS, FG_APPLY_REPLACE };

struct fg_applied {
	enum fg_apply_way way;
	struct fg_replaced replaced; /* of FG_APPLY_REPLACE */
};

void fg_applied_finish(struct fg_applied *applied);
#define cleanup_applied __attribute__((cleanup(fg_applied_finish)))

/* What would be done about such a drift. */
enum fg_apply_way fg_apply_way(const struct fg_drift *drift);

/*
 * Do it. drift is what fg_drift() said of the instance; FG_ECONFLICT when it is unknown. On failure
 * the container is what it was.
 */
int fg_apply(struct fg_registry *registry, struct fg_host *host, const struct fg_instance *instance,
	const struct fg_drift *drift, const struct fg_apply *apply, struct fg_applied *out,
	struct fg_err *err);

#endif
