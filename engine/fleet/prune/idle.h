/*
 * Activity: what is seen of the instances' usage, look by look.
 */
#ifndef FLEET_IDLE_H
#define FLEET_IDLE_H

#include "fleetgram/fleet/prune.h"

/* An instance that is looked at. */
struct watched {
	const struct fg_instance *instance;
	const struct fg_item *item;
	struct fg_prune_rules rules;
	struct fg_prune_subject subject; /* used_ms only ever grows; measured is set by a look */
	enum fg_prune_reason reason;
	int64_t stored_ms; /* used_ms as the registry has it */
	int64_t execs_ms;  /* until when its host told of commands in it, 0: never; wall clock */
	char *probe;       /* its healthcheck's command; NULL: not asked for yet */
};

void watched_finish(struct watched *w);

/* When it was last seen in use, 0: never; from memory. */
int64_t activity_used(struct fg_activity *activity, const char *host, const char *id);

/*
 * Sample the counters of those that are up, compare them with those of the last look that counted,
 * and ask the engines which commands ran since. sweep: this one counts, too. -1: canceled.
 */
int activity_look(struct fg_activity *activity, struct watched *const *v, size_t n, bool sweep,
	struct fg_err *err);

/* What an inspect adds: commands that run just now, when it ended, that somebody started it. */
void activity_inspected(struct fg_host *host, const struct fg_container_info *info,
	struct fg_prune_subject *subject);

enum activity_now { ACTIVITY_QUIET, ACTIVITY_BUSY, ACTIVITY_UNKNOWN };

/* One more glance at a single one that is up, right before it is taken: whether its counters have
 * gone up by more than is quiet. Where they cannot be read nothing is known. */
enum activity_now activity_glance(struct fg_activity *activity, struct fg_host *host,
	const char *id, const struct fg_prune_rules *rules, int64_t every_ms);

/*
 * Let the registry learn what was used, in one transaction: where last_used_at would move by more
 * than a tenth of the threshold. Counters are kept as seldom. Those that are about to be taken are
 * left out.
 */
int activity_keep(
	struct fg_activity *activity, struct watched *const *v, size_t n, struct fg_err *err);

#endif
