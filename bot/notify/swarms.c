/* Looks at swarms, and what comes of them. */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/pause.h"
#include "notify/subject.h"
#include "notify/swarms_look.h"

#define LOOK_MOST_MS 10000
#define ELECTION_MS 15000 /* after the loss of a manager */
#define SWARMS_AT_ONCE 16

struct swarms *swarms_create(struct app *app)
{
	struct swarms *s = fg_alloc(sizeof(*s));

	s->app = app;
	fg_cond_init(&s->changed);
	fg_list_init(&s->subjects);
	return s;
}

void swarms_destroy(struct swarms *s)
{
	struct subject *t;

	if (!s)
		return;
	fg_list_each (&s->subjects, t, link)
		subject_destroy(t);
	free(s);
}

void swarms_kick(struct swarms *s)
{
	fg_cond_broadcast(&s->changed);
}

/* What is open */

static void add_open(struct look *look, struct fg_rows *rows)
{
	struct open *o;

	look->open = fg_realloc(look->open, look->open_n + 1, sizeof(*o));
	o = &look->open[look->open_n++];
	*o = (struct open){.kind = kind_of(fg_rows_str(rows, 0)),
		.host = fg_strdup(fg_rows_str(rows, 1)),
		.container = fg_strdup(fg_rows_str(rows, 2)),
		.loop = fg_rows_i64(rows, 5) != 0,
		.last_ms = fg_rows_i64(rows, 6)};
	snprintf(o->id, FG_SWARM_ID, "%s", fg_rows_str(rows, 3));
	snprintf(o->swarm, FG_SWARM_ID, "%s", fg_rows_str(rows, 4));
	snprintf(o->node, FG_SWARM_ID, "%s", fg_rows_str(rows, 7));
}

static int read_open(struct look *look, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(look->s->app->store, err,
		"SELECT kind, host, container, CASE kind WHEN 'died' THEN service ELSE container END,"
		" swarm, loop, last, node FROM (SELECT kind, host, container, last,"
		" ifnull(json_extract(labels, '$.\"" TASK_LABEL_SERVICE "\"'), '') AS service,"
		" ifnull(json_extract(labels, '$.\"" TASK_LABEL_NODE "\"'), '') AS node,"
		" ifnull(json_extract(facts, '$." FACT_SWARM "'), '') AS swarm,"
		" json_extract(facts, '$." FACT_LOOP "') IS NOT NULL AS loop FROM incidents WHERE"
		" state = 0 AND unsure = 0 AND kind IN ('died', 'service', 'rollout', 'node', 'swarm'))"
		" WHERE kind <> 'died' OR service <> ''",
		"");

	if (!rows)
		return -1;
	while (fg_rows_next(rows))
		add_open(look, rows);
	return fg_rows_failed(rows, err);
}

/* Asking */

static int ask(struct look *look, struct fg_err *err)
{
	bool any = false;

	if (fg_swarm_services(look->swarm, &look->services, err) < 0 ||
		fg_swarm_nodes(look->swarm, &look->nodes, err) < 0)
		return -1;
	for (size_t i = 0; i < look->services.n && !any; i++)
		any = service_is_short(&look->services.v[i]);
	return any ? fg_swarm_tasks(look->swarm, NULL, &look->tasks, err) : 0;
}

static bool has_no_leader(const struct look *look)
{
	for (size_t i = 0; i < look->swarm->n; i++) {
		const struct fg_host *host = look->swarm->managers[i];
		struct fg_swarm_info info;

		if ((!host->known || host->up) && fg_swarm_info(host->engine, &info, NULL) == 0 &&
			info.manager && *info.error)
			return true;
	}
	return false;
}

static int write_change(
	struct look *look, struct fg_tx *tx, const struct change *c, struct fg_err *err)
{
	struct notify *n = look->s->app->notify;
	struct incident_report r = {.kind = c->kind,
		.host = c->host,
		.id = c->id,
		.name = c->name,
		.image = c->image,
		.labels = c->labels,
		.facts = c->facts};

	switch (c->what) {
	case REPORT:
		return notify_report(n, tx, &r, err) < 0 ? -1 : 0;
	case RECOVERED:
		return notify_recovered(n, tx, c->kind, c->host, c->id, 0, err);
	case REPLACED:
		return notify_replaced(n, tx, c->host, c->id, err);
	case GONE:
		return notify_gone(n, tx, c->kind, c->host, c->id, err);
	}
	return 0;
}

/* All at once, so that what belongs together is told together. */
static int write_changes(struct look *look, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};

	if (look->change_n == 0)
		return 0;
	if (fg_tx_begin(look->s->app->store, &tx, err) < 0)
		return -1;
	for (size_t i = 0; i < look->change_n; i++)
		if (write_change(look, &tx, &look->changes[i], err) < 0)
			return -1;
	if (fg_tx_commit(&tx, err) < 0)
		return -1;
	notify_kick(look->s->app->notify);
	return 0;
}

/* Whether it can be looked at now. One that has just lost a manager may be electing a leader: it is
 * slow enough for those who ask it something. */
static bool is_at_rest(const struct fg_swarm *swarm)
{
	bool any = false;

	for (size_t i = 0; i < swarm->n; i++) {
		const struct fg_host *host = swarm->managers[i];

		if (host->known && !host->up && fg_wall_age(host->since_ms) < ELECTION_MS)
			return false;
		any |= !host->known || host->up;
	}
	return any;
}

static void look_finish(struct look *look)
{
	for (size_t i = 0; i < look->open_n; i++) {
		free(look->open[i].host);
		free(look->open[i].container);
	}
	for (size_t i = 0; i < look->change_n; i++)
		cJSON_Delete(look->changes[i].facts);
	free(look->open);
	free(look->changes);
	fg_services_finish(&look->services);
	fg_nodes_finish(&look->nodes);
	fg_service_tasks_finish(&look->tasks);
}

/* It is asked first, and judged without waiting for anything. */
static void look_run(void *arg)
{
	struct look *look = arg;
	struct fg_err err = {0};
	bool none = false;
	int rc;

	fg_task_deadline(fg_now_ms() + LOOK_MOST_MS);
	rc = ask(look, &err);
	if (rc < 0 && !fg_task_canceled())
		none = has_no_leader(look);
	fg_task_deadline(FG_NEVER);
	if (fg_task_canceled() || (rc < 0 && !none)) {
		if (!fg_task_canceled())
			fg_debug("a swarm is not looked at: %s", err.text);
		return;
	}
	if (read_open(look, &err) == 0) {
		look_judge(look, none);
		if (write_changes(look, &err) == 0)
			return;
		look_start_anew(look); /* it is found again */
	}
	fg_warn("what is wrong in a swarm is not told yet: %s", err.text);
}

static void look_around(struct swarms *s)
{
	cleanup_setup struct setup *setup = setup_ref(s->app->setup);
	cleanup_swarms struct fg_swarms swarms = {0};
	struct fg_group group;
	struct look *looks;

	fg_pauses_read(s->app->store, setup->fleet);
	if (fg_fleet_swarms_known(setup->fleet, SWARMS_LEARN_MS, &swarms, NULL) < 0 ||
		swarms.n == 0)
		return;
	looks = fg_alloc(swarms.n * sizeof(*looks));
	fg_group_init(&group, SWARMS_AT_ONCE);
	for (size_t i = 0; i < swarms.n; i++) {
		looks[i] = (struct look){.s = s, .setup = setup, .swarm = &swarms.v[i]};
		if (is_at_rest(&swarms.v[i]))
			fg_group_go(&group, "a look at a swarm", look_run, &looks[i], NULL);
	}
	fg_group_wait(&group, FG_NEVER, NULL);
	for (size_t i = 0; i < swarms.n; i++)
		look_finish(&looks[i]);
	free(looks);
}

void swarms_run(void *arg)
{
	struct swarms *s = arg;

	while (!fg_task_canceled()) {
		look_around(s);
		fg_cond_wait(
			&s->changed, "the next look at swarms", fg_now_ms() + SWARMS_LOOK_MS, NULL);
	}
}
