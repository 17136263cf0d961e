/*
 * Pruning: instances that nobody uses, and what lies unused on the hosts.
 *
 * An instance is idle since it was last used: since the last chat command about it, the last
 * command that ran in it (its own healthcheck does not count), and the last time its CPU or its
 * network were above `quiet`. Usage is the average between two looks at the engine's cumulative
 * counters. The counters of the last look are kept in the store, so that a restart of Fleetgram
 * forgets nothing; where they are missing (an instance was only just started), nothing is taken
 * before the second look.
 *
 * A sweep takes what is idle for longer than `idle`. Age alone is no reason while an instance is in
 * use, unless `in_use` says so: with idle 0, "in use" means since the sweep before. Whatever
 * Fleetgram did not make, what carries io.fleetgram.protect=true and what somebody is just working
 * on is never touched.
 */
#ifndef FLEETGRAM_FLEET_PRUNE_H
#define FLEETGRAM_FLEET_PRUNE_H

#include "fleetgram/fleet/fleet.h"
#include "fleetgram/fleet/instance.h"
#include "fleetgram/fleet/registry.h"

enum fg_prune_action { FG_PRUNE_STOP, FG_PRUNE_REMOVE };

/* What holds for one instance. */
struct fg_prune_rules {
	bool enabled;
	bool in_use;                 /* age alone is reason enough */
	int64_t idle_ms, max_age_ms; /* 0: no reason */
	enum fg_prune_action action;
	struct {
		double cpu_percent;       /* of one processor */
		int64_t bytes_per_second; /* network, both ways */
	} quiet;                          /* at or below both it is idle */
};

/* What the config says. The trees belong to the caller and may be NULL. */
struct fg_prune_config {
	struct fg_prune_rules rules; /* for all of them */
	int64_t every_ms;            /* between two sweeps */
	const cJSON *defaults;       /* what goes under every template */
	const cJSON *templates;      /* by name */
};

/* The rules of an instance: those of its template as the config has it today, of its own spec when
 * the config has that template no more, over those for all. What is no valid value says nothing. */
void fg_prune_rules_of(const struct fg_prune_config *config, const struct fg_instance *instance,
	struct fg_prune_rules *out);

/* What a decision looks at; times by the wall clock. */
struct fg_prune_subject {
	bool managed, protected, missing;
	bool busy;     /* somebody works on it just now */
	bool up;       /* has processes */
	bool measured; /* its usage up to now is known */
	int64_t created_ms, used_ms, now_ms;
	int64_t every_ms;
};

/* Why it is taken, or left alone. */
enum fg_prune_reason {
	FG_PRUNE_IDLE,
	FG_PRUNE_AGE,
	FG_PRUNE_BUSY,
	FG_PRUNE_FOREIGN,
	FG_PRUNE_MISSING,
	FG_PRUNE_OFF,
	FG_PRUNE_PAUSED,
	FG_PRUNE_PROTECTED,
	FG_PRUNE_STOPPED,
	FG_PRUNE_UNMEASURED,
	FG_PRUNE_USED,
};

enum fg_prune_reason fg_prune_decide(
	const struct fg_prune_rules *rules, const struct fg_prune_subject *subject);
static inline bool fg_prune_takes(enum fg_prune_reason reason)
{
	return reason == FG_PRUNE_IDLE || reason == FG_PRUNE_AGE;
}
/* "it is protected", for what people read. */
const char *fg_prune_reason_text(enum fg_prune_reason reason);

/* What was seen of the instances' usage; kept in the registry's store. */
struct fg_activity;

struct fg_activity *fg_activity_create(struct fg_registry *registry, struct fg_err *err);
void fg_activity_destroy(struct fg_activity *activity); /* NULL is fine */

/* Whom a sweep or a plan is for. */
struct fg_pruning {
	struct fg_fleet *fleet;
	struct fg_registry *registry;
	struct fg_activity *activity;
	struct fg_prune_config config;
};

/* One instance that is taken, and what became of it. */
struct fg_prune_item {
	struct fg_host *host;
	char id[FG_ID_SIZE];
	char *name, *template;
	char state[16];
	enum fg_prune_action action;
	enum fg_prune_reason reason;
	struct fg_prune_rules rules;
	int64_t created_ms, used_ms; /* wall clock */
	char *last_used_at; /* as the registry had it: another one means that it was used */
	int result;         /* 1: done; 0: left alone, err says why; -1: failed */
	struct fg_err err;
};

/* One that is not. */
struct fg_prune_left {
	struct fg_host *host;
	char id[FG_ID_SIZE];
	enum fg_prune_reason reason;
};

struct fg_prune_plan {
	struct fg_prune_item *v;
	size_t n;
	struct fg_prune_left *left;
	size_t left_n;
	size_t ruled;      /* instances that pruning is on for */
	size_t unmeasured; /* that may be taken the next time: nothing is known of their usage yet
			    */
	struct fg_host **silent;
	size_t silent_n;
};

void fg_prune_plan_finish(struct fg_prune_plan *plan);
#define cleanup_prune_plan __attribute__((cleanup(fg_prune_plan_finish)))

/*
 * What is to be taken now, among the instances in scope (NULL: all). sweep: this look is one that
 * averages begin and end at, and the registry learns what was used since the last one; otherwise it
 * is a glance that changes nothing. Hosts that do not answer are left out, and named in `silent`.
 */
int fg_prune_plan(const struct fg_pruning *pruning, const struct fg_selector *scope, bool sweep,
	struct fg_prune_plan *out, struct fg_err *err);

/*
 * Take them, a few at a time. Each is looked at once more when its turn has come, and left alone
 * when it was used, changed or protected since the plan. A removal that failed leaves the instance
 * in the registry. Returns how many were done.
 */
struct fg_prune_observer {
	/* Either may be NULL. It is not left alone, and the engine is about to be told: */
	void (*begin)(const struct fg_prune_item *item, void *arg);
	void (*done)(const struct fg_prune_item *item, void *arg);
	void *arg;
};
size_t fg_prune_run(const struct fg_pruning *pruning, struct fg_prune_plan *plan,
	const struct fg_prune_observer *observer);

/* When an instance was last used, as far as is known without asking its engine. */
int64_t fg_prune_used_ms(struct fg_activity *activity, const struct fg_instance *instance);

#endif
