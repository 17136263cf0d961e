/*
 * Pruning: from the registry's instances to those that are taken, and the taking.
 */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/operation.h"
#include "fleetgram/fleet/pause.h"
#include "prune/idle.h"
#include "queue.h"
#include "registry/registry.h"
#include "replace/replacing.h"

#define TAKEN_AT_ONCE 4
#define LOOKED_AT_AT_ONCE 16
#define SECOND_LOOK_MS 1100

/* A plan in the making. */
struct planning {
	const struct fg_pruning *p;
	struct fg_instances instances;
	struct fg_items items;
	const struct fg_item **by_id; /* the items, sorted */
	struct watched *v;
	size_t n;
	struct watched **picked; /* those that the next step is about */
	size_t picked_n;
};

static void planning_finish(struct planning *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		watched_finish(&plan->v[i]);
	free(plan->v);
	free(plan->picked);
	free(plan->by_id);
	fg_items_finish(&plan->items);
	fg_instances_finish(&plan->instances);
}
#define cleanup_planning __attribute__((cleanup(planning_finish)))

static int item_by_id(const void *a, const void *b)
{
	const struct fg_item *const *x = a, *const *y = b;
	int order = strcmp((*x)->c.id, (*y)->c.id);

	return order ? order : strcmp((*x)->host->name, (*y)->host->name);
}

static const struct fg_item *find_item(
	const struct planning *plan, struct fg_host *host, const char *id)
{
	struct fg_item key = {.host = host};
	const struct fg_item *kp = &key, **hit;

	snprintf(key.c.id, sizeof(key.c.id), "%s", id);
	hit = bsearch(&kp, plan->by_id, plan->items.n, sizeof(*plan->by_id), item_by_id);
	return hit ? *hit : NULL;
}

static bool label_is_true(const struct fg_container *c, const char *key)
{
	const char *value = fg_container_label(c, key);

	return value && strcmp(value, "true") == 0;
}

static bool is_up(const char *state)
{
	return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
	       strcmp(state, "restarting") == 0;
}

/* Somebody works on it: an operation, or a replacement, that of a run that crashed included. */
static bool is_busy(const struct planning *plan, const struct watched *w)
{
	const char *host = w->item->host->name;

	return strcmp(w->item->c.state, "removing") == 0 || queue_busy(host, w->item->c.id) ||
	       fg_replace_involves(plan->p->registry, host, w->item->c.id) ||
	       fg_replace_involves(plan->p->registry, host, w->item->c.name);
}

static void subject_fill(const struct planning *plan, struct watched *w)
{
	struct fg_prune_subject *s = &w->subject;
	int64_t created = 0, used = 0, seen;

	fg_rfc3339_parse(w->instance->created_at, &created);
	fg_rfc3339_parse(w->instance->last_used_at, &used);
	if (created <= 0)
		created = w->item->c.created_ms;
	seen = activity_used(plan->p->activity, w->item->host->name, w->item->c.id);
	w->stored_ms = used > created ? used : created;
	*s = (struct fg_prune_subject){
		.managed = label_is_true(&w->item->c, FG_LABEL_MANAGED),
		.protected = label_is_true(&w->item->c, FG_LABEL_PROTECT),
		.busy = is_busy(plan, w),
		.up = is_up(w->item->c.state),
		.created_ms = created,
		.used_ms = seen > w->stored_ms ? seen : w->stored_ms,
		.now_ms = fg_wall_ms(),
		.every_ms = plan->p->config.every_ms,
	};
}

/* A host that is paused is left alone. */
static bool is_pruned(struct fg_fleet *fleet, const char *name)
{
	const struct fg_host *host = fg_fleet_find(fleet, name);

	return host && !fg_host_paused(host);
}

/* The instances that pruning is on for. Returns how many. */
static size_t take_ruled(struct planning *plan)
{
	plan->v = fg_alloc((plan->instances.n + 1) * sizeof(*plan->v));
	for (size_t i = 0; i < plan->instances.n; i++) {
		struct watched *w = &plan->v[plan->n];

		w->instance = &plan->instances.v[i];
		fg_prune_rules_of(&plan->p->config, w->instance, &w->rules);
		if (w->rules.enabled && (w->rules.idle_ms > 0 || w->rules.max_age_ms > 0) &&
			strcmp(w->instance->state, "missing") != 0 &&
			is_pruned(plan->p->fleet, w->instance->host))
			plan->n++;
	}
	memset(&plan->v[plan->n], 0, sizeof(*plan->v));
	return plan->n;
}

/* Their containers, as far as they are in scope and there. */
static int take_items(struct planning *plan, const struct fg_selector *scope, struct fg_err *err)
{
	static const char *const managed[] = {"label=" FG_LABEL_MANAGED ":true"};
	cleanup_selector struct fg_selector *sel = fg_selector_parse(managed, 1, err);
	size_t kept = 0, i;

	if (!sel || fg_fleet_list(plan->p->fleet, scope, sel, &plan->items, err) < 0)
		return -1;
	plan->by_id = fg_alloc((plan->items.n + 1) * sizeof(*plan->by_id));
	for (i = 0; i < plan->items.n; i++)
		plan->by_id[i] = &plan->items.v[i];
	qsort(plan->by_id, plan->items.n, sizeof(*plan->by_id), item_by_id);
	for (i = 0; i < plan->n; i++) {
		struct watched w = plan->v[i];
		struct fg_host *host = fg_fleet_find(plan->p->fleet, w.instance->host);

		w.item = find_item(plan, host, w.instance->container_id);
		if (!w.item)
			continue;
		subject_fill(plan, &w);
		plan->v[kept++] = w;
	}
	plan->n = kept;
	plan->picked = fg_alloc((kept + 1) * sizeof(struct watched *));
	return 0;
}

static void decide(struct watched *w)
{
	w->reason = fg_prune_decide(&w->rules, &w->subject);
}

/* Those that would be taken if their usage were known, and were quiet. */
static void pick_candidates(struct planning *plan)
{
	plan->picked_n = 0;
	for (size_t i = 0; i < plan->n; i++) {
		struct watched *w = &plan->v[i];
		struct fg_prune_subject quiet = w->subject;

		quiet.measured = true;
		w->reason = fg_prune_decide(&w->rules, &quiet);
		if (fg_prune_takes(w->reason))
			plan->picked[plan->picked_n++] = w;
	}
}

static void pick_all(struct planning *plan)
{
	plan->picked_n = 0;
	for (size_t i = 0; i < plan->n; i++)
		plan->picked[plan->picked_n++] = &plan->v[i];
}

static bool any_unmeasured(const struct planning *plan)
{
	for (size_t i = 0; i < plan->picked_n; i++)
		if (plan->picked[i]->subject.up && !plan->picked[i]->subject.measured)
			return true;
	return false;
}

/*
 * A sweep looks at all that it may ever take; a glance at those that seem idle, twice where nothing
 * is known of the time before.
 */
static int look(struct planning *plan, bool sweep, struct fg_err *err)
{
	struct fg_activity *activity = plan->p->activity;

	if (sweep)
		pick_all(plan);
	else
		pick_candidates(plan);
	if (activity_look(activity, plan->picked, plan->picked_n, sweep, err) < 0)
		return -1;
	if (sweep || !any_unmeasured(plan))
		return 0;
	if (fg_task_sleep(SECOND_LOOK_MS, err) < 0)
		return -1;
	return activity_look(activity, plan->picked, plan->picked_n, false, err);
}

static void inspect_run(void *arg)
{
	struct watched *w = arg;
	cleanup_info struct fg_container_info info = {0};
	struct fg_err err;

	if (fg_container_inspect(w->item->host->engine, w->item->c.id, &info, &err) < 0) {
		fg_host_note(w->item->host, &err);
		w->subject.busy = true; /* nothing is known of it: it is left alone */
		return;
	}
	activity_inspected(w->item->host, &info, &w->subject);
	w->subject.busy |= strcmp(info.name, w->instance->name) != 0;
}

/* Look at the candidates one by one, and decide. */
static int settle(struct planning *plan, struct fg_err *err)
{
	struct fg_group group;
	int rc = 0;

	pick_candidates(plan);
	fg_group_init(&group, LOOKED_AT_AT_ONCE);
	for (size_t i = 0; i < plan->picked_n && rc == 0; i++)
		rc = fg_group_go(&group, "idle instance", inspect_run, plan->picked[i], err);
	if (fg_group_wait(&group, FG_NEVER, err) < 0)
		rc = -1;
	if (rc == 0 && fg_task_canceled())
		rc = fg_fail(err, FG_ECANCELED, "canceled");
	for (size_t i = 0; i < plan->n; i++)
		decide(&plan->v[i]);
	return rc;
}

static void item_fill(struct fg_prune_item *item, const struct watched *w)
{
	*item = (struct fg_prune_item){
		.host = w->item->host,
		.name = fg_strdup(w->item->c.name),
		.template = fg_strdup(w->instance->template),
		.action = w->rules.action,
		.reason = w->reason,
		.rules = w->rules,
		.created_ms = w->subject.created_ms,
		.used_ms = w->subject.used_ms,
		.last_used_at = fg_strdup(w->instance->last_used_at),
	};
	snprintf(item->id, sizeof(item->id), "%s", w->item->c.id);
	snprintf(item->state, sizeof(item->state), "%s", w->item->c.state);
}

static void hand_out(struct planning *plan, struct fg_prune_plan *out)
{
	out->v = fg_alloc((plan->n + 1) * sizeof(*out->v));
	out->left = fg_alloc((plan->n + 1) * sizeof(*out->left));
	for (size_t i = 0; i < plan->n; i++) {
		const struct watched *w = &plan->v[i];
		struct fg_prune_left *left = &out->left[out->left_n];

		out->unmeasured += w->reason == FG_PRUNE_UNMEASURED;
		if (fg_prune_takes(w->reason)) {
			item_fill(&out->v[out->n++], w);
			continue;
		}
		*left = (struct fg_prune_left){.host = w->item->host, .reason = w->reason};
		snprintf(left->id, sizeof(left->id), "%s", w->item->c.id);
		out->left_n++;
	}
	out->silent = fg_steal(&plan->items.silent);
	out->silent_n = plan->items.silent_n;
}

static bool enables(const cJSON *tree)
{
	return fg_json_bool(fg_json_object(tree, "prune"), "enabled", false);
}

/* Where pruning is off, as it is at first, a sweep costs next to nothing. Of instances whose
 * template is gone the text alone tells enough. */
static bool off_everywhere(const struct fg_pruning *p)
{
	cleanup_rows struct fg_rows *rows = NULL;
	const cJSON *template;

	if (p->config.rules.enabled || enables(p->config.defaults))
		return false;
	cJSON_ArrayForEach (template, p->config.templates)
		if (enables(template))
			return false;
	rows = fg_store_query(p->registry->store, NULL,
		"SELECT 1 FROM instances WHERE doc LIKE '%\"prune\":{%\"enabled\":true%' LIMIT 1",
		"");
	return rows && !fg_rows_next(rows);
}

int fg_prune_plan(const struct fg_pruning *p, const struct fg_selector *scope, bool sweep,
	struct fg_prune_plan *out, struct fg_err *err)
{
	cleanup_planning struct planning plan = {.p = p};

	*out = (struct fg_prune_plan){0};
	if (off_everywhere(p))
		return 0;
	if (fg_registry_list(p->registry, &plan.instances, err) < 0)
		return -1;
	out->ruled = take_ruled(&plan);
	if (out->ruled == 0)
		return 0;
	if (take_items(&plan, scope, err) < 0 || look(&plan, sweep, err) < 0 ||
		settle(&plan, err) < 0)
		return -1;
	pick_all(&plan);
	if (sweep && activity_keep(p->activity, plan.picked, plan.picked_n, err) < 0)
		return fg_wrap(err, "the registry does not learn what was used");
	hand_out(&plan, out);
	return 0;
}

void fg_prune_plan_finish(struct fg_prune_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		free(plan->v[i].name);
		free(plan->v[i].template);
		free(plan->v[i].last_used_at);
	}
	free(plan->v);
	free(plan->left);
	free(plan->silent);
	*plan = (struct fg_prune_plan){0};
}

/* Taking */

struct taking {
	const struct fg_pruning *p;
	struct fg_prune_item *item;
	const struct fg_prune_observer *observer;
	bool called_off;
};

static int called_off(struct taking *t, enum fg_prune_reason reason, struct fg_err *err)
{
	t->called_off = true;
	return fg_fail(err, FG_ECONFLICT, "%s", fg_prune_reason_text(reason));
}

/* Whether it came into use since the plan, or that cannot be told: then why it is left alone, else
 * the plan's reason. Where age alone is reason enough it does not matter. */
static enum fg_prune_reason still(
	const struct taking *t, const struct fg_container_info *info, const struct fg_instance *now)
{
	static const enum fg_prune_reason left[] = {
		[ACTIVITY_BUSY] = FG_PRUNE_USED,
		[ACTIVITY_UNKNOWN] = FG_PRUNE_UNMEASURED,
	};
	const struct fg_prune_item *item = t->item;
	struct fg_prune_subject subject = {.now_ms = fg_wall_ms()};
	enum activity_now word = ACTIVITY_QUIET;

	if (item->reason == FG_PRUNE_AGE && item->rules.in_use)
		return item->reason;
	if (strcmp(now->last_used_at, item->last_used_at) != 0)
		return FG_PRUNE_USED;
	activity_inspected(item->host, info, &subject);
	if (subject.used_ms > item->used_ms)
		return FG_PRUNE_USED;
	if (is_up(info->state))
		word = activity_glance(
			t->p->activity, item->host, item->id, &item->rules, t->p->config.every_ms);
	return word == ACTIVITY_QUIET ? item->reason : left[word];
}

/* Its turn has come: everything that may have changed since the plan. */
static int check(const struct fg_container_info *info, void *arg, struct fg_err *err)
{
	struct taking *t = arg;
	struct fg_prune_item *item = t->item;
	cleanup_instance struct fg_instance now = {0};
	enum fg_prune_reason reason;
	int rc = fg_registry_find(t->p->registry, item->host->name, item->id, &now, err);

	if (rc < 0)
		return -1;
	if (fg_host_paused(item->host))
		return called_off(t, FG_PRUNE_PAUSED, err);
	if (rc == 0)
		return called_off(t, FG_PRUNE_MISSING, err);
	if (strcmp(info->name, item->name) != 0 ||
		fg_replace_involves(t->p->registry, item->host->name, item->id))
		return called_off(t, FG_PRUNE_BUSY, err);
	if (!is_up(info->state) && item->action == FG_PRUNE_STOP)
		return called_off(t, FG_PRUNE_STOPPED, err);
	reason = still(t, info, &now);
	if (!fg_prune_takes(reason))
		return called_off(t, reason, err);
	if (t->observer->begin)
		t->observer->begin(item, t->observer->arg);
	return 0;
}

static void take_run(void *arg)
{
	struct taking *t = arg;
	struct fg_prune_item *item = t->item;
	struct fg_unasked unasked = {
		.check = check,
		.arg = t,
		.why = item->reason == FG_PRUNE_IDLE ? "idle" : "age",
	};

	item->result = fg_operate_unasked(t->p->registry, item->host, item->id,
		item->action == FG_PRUNE_REMOVE ? FG_OP_REMOVE : FG_OP_STOP, &unasked, &item->err);
	if (t->called_off)
		item->result = 0;
	else if (item->result == 0)
		item->result = 1; /* it went or stopped by itself in the same moment */
	if (t->observer->done)
		t->observer->done(item, t->observer->arg);
}

size_t fg_prune_run(const struct fg_pruning *p, struct fg_prune_plan *plan,
	const struct fg_prune_observer *observer)
{
	cleanup_free struct taking *takings = fg_alloc((plan->n + 1) * sizeof(*takings));
	struct fg_group group;
	size_t taken = 0, i;

	fg_group_init(&group, TAKEN_AT_ONCE);
	for (i = 0; i < plan->n; i++) {
		struct fg_prune_item *item = &plan->v[i];

		takings[i] = (struct taking){p, item, observer, false};
		item->result = -1;
		fg_fail(&item->err, FG_ECANCELED, "there was no time for it");
		if (fg_group_go(&group, "pruning", take_run, &takings[i], NULL) < 0)
			break;
	}
	fg_group_wait(&group, FG_NEVER, NULL);
	for (i = 0; i < plan->n; i++)
		taken += plan->v[i].result > 0;
	return taken;
}
