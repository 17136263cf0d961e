/* Looks at what is unhealthy, restarts of what stays so, and when to give up. */
#include <limits.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/operation.h"
#include "fleetgram/fleet/pause.h"
#include "notify/autoheal.h"
#include "notify/incidents.h"
#include "notify/sick.h"

#define LEAST_MS 1000 /* between two looks */
#define MOST_MS 30000
#define LOOK_MS 30000               /* one host's answer */
#define HEAL_MS ((int64_t)5 * 60000) /* one restart */
#define HOSTS_AT_ONCE 16

struct autoheal {
	struct app *app;
	struct fg_cond changed;
	struct fg_list healing;  /* looks that found something; at most one a host */
	struct fg_group healers; /* a task for each */
	struct fg_err trouble; /* what was said last */
};

/* One at a host, and what it found. */
struct look {
	struct fg_list link;
	struct autoheal *autoheal;
	struct app *app;
	struct setup *setup;
	struct fg_host *host;
	struct sick_list *sick;
	struct fg_err err;
	int rc;
};

struct autoheal *autoheal_create(struct app *app, struct fg_err *err)
{
	struct autoheal *a;

	if (sick_setup(app->store, err) < 0)
		return NULL;
	a = fg_alloc(sizeof(*a));
	a->app = app;
	fg_cond_init(&a->changed);
	fg_list_init(&a->healing);
	fg_group_init(&a->healers, INT_MAX);
	return a;
}

void autoheal_destroy(struct autoheal *a)
{
	free(a);
}

void autoheal_kick(struct autoheal *a)
{
	fg_cond_broadcast(&a->changed);
}

/* Telling */

static int report(struct app *app, struct fg_tx *tx, const struct sick *s, const cJSON *facts,
	int64_t at_ms, struct fg_err *err)
{
	return notify_report(app->notify, tx,
		&(struct incident_report){
			.kind = INCIDENT_HEAL,
			.host = s->host,
			.id = s->id,
			.name = fg_json_str(s->subject, "name", ""),
			.image = fg_json_str(s->subject, "image", ""),
			.labels = fg_json_object(s->subject, "labels"),
			.at_ms = at_ms,
			.facts = facts,
		},
		err);
}

static cJSON *facts_of(const struct config *config, int64_t restarts, int64_t sick_ms)
{
	cJSON *facts = cJSON_CreateObject();

	fg_json_set_i64(facts, "restarts", restarts);
	fg_json_set_i64(facts, "most", config->autoheal.count);
	fg_json_set_i64(facts, "within_ms", config->autoheal.within_ms);
	fg_json_set_i64(facts, "unhealthy_ms", sick_ms);
	return facts;
}

static int give_up(struct app *app, const struct sick *s, cJSON *facts, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};

	cJSON_AddTrueToObject(facts, "gave_up");
	if (fg_tx_begin(app->store, &tx, err) < 0 || sick_give_up(&tx, s, err) < 0 ||
		report(app, &tx, s, facts, 0, err) < 0 || fg_tx_commit(&tx, err) < 0)
		return -1;
	fg_warn("autoheal: %s on %s stays unhealthy, and is not restarted any more",
		fg_json_str(s->subject, "name", s->id), s->host);
	notify_kick(app->notify);
	return 0;
}

/* Restarting */

struct patient {
	const struct fg_host *host;
	bool called_off;
};

static int still_sick(const struct fg_container_info *info, void *arg, struct fg_err *err)
{
	struct patient *p = arg;

	p->called_off = true;
	if (fg_host_paused(p->host))
		return fg_fail(err, FG_ECONFLICT, "its host is paused for maintenance");
	if (strcmp(info->state, "running") != 0 || strcmp(info->health, "unhealthy") != 0)
		return fg_fail(err, FG_ECONFLICT, "it is not unhealthy any more");
	p->called_off = false;
	return 0;
}

/* After: told, or as if it had never been. why NULL: it was restarted. */
static int settle(struct app *app, const struct sick *s, cJSON *facts, bool called_off,
	const struct fg_err *why, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};

	if (why)
		cJSON_AddStringToObject(facts, "why", why->text);
	if (fg_tx_begin(app->store, &tx, err) < 0 || sick_restarted(&tx, s, called_off, err) < 0 ||
		(!called_off && report(app, &tx, s, facts, 0, err) < 0) ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	notify_kick(app->notify);
	return 0;
}

/* The attempt is in the store before it begins: a crash does not make it one more. */
static int restart(struct app *app, struct fg_host *host, const struct sick *s, cJSON *facts,
	struct fg_err *err)
{
	const char *name = fg_json_str(s->subject, "name", s->id);
	struct patient patient = {.host = host};
	struct fg_unasked unasked = {still_sick, &patient, "it was unhealthy"};
	struct fg_err why;
	int rc;

	if (sick_begin(app->store, s, err) < 0)
		return -1;
	rc = fg_operate_unasked(app->registry, host, s->id, FG_OP_RESTART, &unasked, &why);
	if (rc < 0 && (why.code == FG_ENOTFOUND || why.code == FG_ECONFLICT))
		patient.called_off = true;
	if (rc < 0)
		fg_warn("autoheal: %s on %s was not restarted: %s", name, host->name, why.text);
	else
		fg_info("autoheal: %s on %s was unhealthy and is restarted", name, host->name);
	return settle(app, s, facts, patient.called_off, rc < 0 ? &why : NULL, err);
}

static bool is_taken_over(struct app *app, const struct sick *s)
{
	return incidents_acked(app->store, INCIDENT_UNHEALTHY, s->host, s->id) ||
	       incidents_acked(app->store, INCIDENT_HEAL, s->host, s->id);
}

static int heal(struct look *look, const struct sick *s, struct fg_err *err)
{
	const struct config *config = look->setup->config;
	int64_t sick_ms = fg_wall_age(s->since_ms), restarts, before;
	cleanup_json cJSON *facts = NULL;
	int rc;

	if (s->gave_up || sick_ms < config->autoheal.after_ms || fg_host_paused(look->host) ||
		is_taken_over(look->app, s))
		return 0;
	restarts = sick_restarts(look->app->store, s, config->autoheal.within_ms);
	if (restarts < 0)
		return 0;
	facts = facts_of(config, restarts, sick_ms);
	if (restarts >= config->autoheal.count)
		return give_up(look->app, s, facts, err);
	fg_json_set_i64(facts, "restarts", restarts + 1);
	before = fg_task_deadline(fg_now_ms() + HEAL_MS);
	rc = restart(look->app, look->host, s, facts, err);
	fg_task_deadline(before);
	return rc;
}

/* Looking */

static void look_run(void *arg)
{
	struct look *look = arg;
	bool all = look->setup->config->autoheal.enabled;
	cleanup_containers struct fg_containers list = {0};
	struct fg_err *err = &look->err;

	fg_task_deadline(fg_now_ms() + LOOK_MS);
	look->rc = fg_container_list(
		look->host->engine, all ? NULL : SICK_LABEL "=true", &list, err);
	fg_host_note(look->host, look->rc < 0 ? err : NULL);
	if (look->rc == 0)
		look->rc = sick_note(look->app, look->host->name, &list, look->sick, err);
}

/* What cannot be told of an attempt that a crash cut short is told now. */
static void tell_interrupted(const struct sick *s, int64_t at_ms, void *arg)
{
	struct autoheal *a = arg;
	cleanup_json cJSON *facts = facts_of(a->app->setup->config,
		sick_restarts(a->app->store, s, a->app->setup->config->autoheal.within_ms), 0);
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;

	if (fg_tx_begin(a->app->store, &tx, &err) < 0 || sick_restarted(&tx, s, false, &err) < 0 ||
		report(a->app, &tx, s, facts, at_ms, &err) < 0 || fg_tx_commit(&tx, &err) < 0)
		fg_error("autoheal: a restart is not told: %s", err.text);
}

static void note_trouble(struct autoheal *a, const struct look *look)
{
	if (look->rc == 0 || fg_task_canceled() || !look->host->up ||
		strcmp(look->err.text, a->trouble.text) == 0)
		return;
	a->trouble = look->err;
	fg_warn("autoheal on %s: %s", look->host->name, look->err.text);
}

static struct look *look_create(struct autoheal *a, struct setup *setup, struct fg_host *host)
{
	struct look *look = fg_alloc(sizeof(*look));

	look->autoheal = a;
	look->app = a->app;
	look->setup = setup_ref(setup);
	look->host = host;
	look->sick = sick_list_create();
	return look;
}

/* Out of the list that it is in. */
static void look_destroy(struct look *look)
{
	fg_list_remove(&look->link);
	sick_list_destroy(look->sick);
	setup_unref(look->setup);
	free(look);
}

/* One after the other. */
static void heal_run(void *arg)
{
	struct look *look = arg;

	for (size_t k = 0; k < look->sick->n && look->rc == 0 && !fg_task_canceled(); k++)
		look->rc = heal(look, &look->sick->v[k], &look->err);
	note_trouble(look->autoheal, look);
	look_destroy(look);
}

static bool is_healing(const struct autoheal *a, const char *host)
{
	struct look *look;

	fg_list_each (&a->healing, look, link)
		if (strcmp(look->host->name, host) == 0)
			return true;
	return false;
}

/* A host where something is being restarted is not looked at, and the others do not wait for it. */
static void look_around(struct autoheal *a)
{
	cleanup_setup struct setup *setup = setup_ref(a->app->setup);
	struct fg_list looks;
	struct fg_group group;

	fg_pauses_read(a->app->store, setup->fleet);
	fg_list_init(&looks);
	fg_group_init(&group, HOSTS_AT_ONCE);
	for (size_t i = 0; i < fg_fleet_count(setup->fleet); i++) {
		struct fg_host *host = fg_fleet_host(setup->fleet, i);
		struct look *look;

		if ((host->known && !host->up) || fg_host_paused(host) ||
			is_healing(a, host->name))
			continue;
		look = look_create(a, setup, host);
		fg_list_append(&looks, &look->link);
		fg_group_go(&group, "looking for what is unhealthy", look_run, look, NULL);
	}
	fg_group_wait(&group, FG_NEVER, NULL);
	while (!fg_list_empty(&looks)) {
		struct look *look = fg_list_first(&looks, struct look, link);

		note_trouble(a, look);
		if (look->rc == 0 && look->sick->n > 0) {
			fg_list_remove(&look->link);
			fg_list_append(&a->healing, &look->link);
			if (fg_group_go(&a->healers, "autoheal", heal_run, look, NULL) == 0)
				continue;
		}
		look_destroy(look);
	}
}

void autoheal_run(void *arg)
{
	struct autoheal *a = arg;

	sick_unfinished(a->app->store, tell_interrupted, a);
	notify_kick(a->app->notify);
	while (!fg_task_canceled()) {
		int64_t every = a->app->setup->config->autoheal.after_ms / 4;

		look_around(a);
		every = every < LEAST_MS ? LEAST_MS : every > MOST_MS ? MOST_MS : every;
		fg_cond_wait(&a->changed, "the next look at what is unhealthy", fg_now_ms() + every,
			NULL);
	}
	fg_group_wait(&a->healers, FG_NEVER, NULL); /* it was cancelled, and so are they */
}
