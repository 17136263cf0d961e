/* What is wrong, and what is right again, by one look at a swarm. */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/deed.h"
#include "fleetgram/fleet/pause.h"
#include "notify/swarms_look.h"

#define NODE_MS 10000   /* a node that is down for so short a time is none */
#define LEADER_MS 20000 /* an election takes up to 9 s */
#define OURS_MS 120000  /* so long after a command of ours it is its message that tells */

void subject_destroy(struct subject *t)
{
	fg_list_remove(&t->link);
	free(t->said);
	free(t);
}

/* Ids are unique, unless a manager lies: what it says of another swarm's is about its own. */
static struct subject *find(const struct look *look, enum incident_kind kind, const char *id)
{
	struct subject *t;

	fg_list_each (&look->s->subjects, t, link)
		if (t->kind == kind && strcmp(t->id, id) == 0 &&
			strcmp(t->swarm, look->swarm->id) == 0)
			return t;
	return NULL;
}

static struct subject *subject_of(struct look *look, enum incident_kind kind, const char *id)
{
	struct subject *t = find(look, kind, id);

	if (t)
		return t;
	t = fg_alloc(sizeof(*t));
	t->kind = kind;
	memcpy(t->swarm, look->swarm->id, FG_SWARM_ID);
	snprintf(t->id, FG_SWARM_ID, "%s", id);
	fg_list_append(&look->s->subjects, &t->link);
	return t;
}

static bool is_there(const struct look *look, const char *id)
{
	for (size_t i = 0; i < look->services.n; i++)
		if (strcmp(look->services.v[i].id, id) == 0)
			return true;
	for (size_t i = 0; i < look->nodes.n; i++)
		if (strcmp(look->nodes.v[i].id, id) == 0)
			return true;
	return false;
}

/* Whether it is this swarm's; a task that died says on which node it was. */
static bool is_of(const struct look *look, const struct open *o)
{
	if (o->kind == INCIDENT_DIED)
		return is_there(look, o->node);
	return strcmp(o->swarm, look->swarm->id) == 0;
}

static bool is_open(
	const struct look *look, const struct open *o, enum incident_kind kind, const char *id)
{
	return o->kind == kind && strcmp(o->id, id) == 0 && is_of(look, o);
}

static struct open *open_of(struct look *look, enum incident_kind kind, const char *id)
{
	for (size_t i = 0; i < look->open_n; i++)
		if (is_open(look, &look->open[i], kind, id))
			return &look->open[i];
	return NULL;
}

/* What is to be said */

static const struct fg_host *node_host(const struct look *look, const char *id)
{
	return fg_fleet_node_host(look->setup->fleet, look->swarm->id, id);
}

static bool may_be_home(const struct fg_host *host)
{
	return !host->known || host->up;
}

/* The host under which it is: one that is a node's own, or else a manager that is up, the one that
 * it is under already (o; NULL: none) before others. */
static const char *home_of(const struct look *look, const struct subject *t, const struct open *o)
{
	const struct fg_swarm *swarm = look->swarm;
	const struct fg_host *own = t->kind == INCIDENT_NODE ? node_host(look, t->id) : NULL;
	const struct fg_host *home = NULL;

	for (size_t i = 0; i < swarm->n; i++) {
		if (!may_be_home(swarm->managers[i]))
			continue;
		if (!home || (o && strcmp(swarm->managers[i]->name, o->host) == 0))
			home = swarm->managers[i];
	}
	return own ? own->name : home ? home->name : o ? o->host : swarm->managers[0]->name;
}

/* All under which it is found: of a node that is a host, that one alone. */
static cJSON *hosts_of(const struct look *look, const struct subject *t)
{
	const struct fg_swarm *swarm = look->swarm;
	cJSON *hosts = cJSON_CreateArray();

	if (t->kind == INCIDENT_NODE && node_host(look, t->id))
		return hosts;
	for (size_t i = 0; i < swarm->n; i++)
		cJSON_AddItemToArray(hosts, cJSON_CreateString(swarm->managers[i]->name));
	return hosts;
}

/* The hosts that have never told which node they are: any of them may be the one. */
static cJSON *perhaps_of(const struct look *look)
{
	struct fg_fleet *fleet = look->setup->fleet;
	cJSON *hosts = cJSON_CreateArray();

	for (size_t i = 0; i < fg_fleet_count(fleet); i++)
		if (!fg_host_told_node(fg_fleet_host(fleet, i)))
			cJSON_AddItemToArray(
				hosts, cJSON_CreateString(fg_fleet_host(fleet, i)->name));
	return hosts;
}

static struct change *add_change(struct look *look, const char *host)
{
	struct change *c;

	look->changes = fg_realloc(look->changes, look->change_n + 1, sizeof(*c));
	c = &look->changes[look->change_n++];
	*c = (struct change){.host = host};
	return c;
}

/* One that is there already is written again only when something is new about it, as when the
 * manager that it is under goes down. */
static struct change *report(struct look *look, struct subject *t, cJSON *facts)
{
	const struct open *o = open_of(look, t->kind, t->id);
	const char *home = home_of(look, t, o);
	cleanup_json_text char *said = NULL;
	struct change *c;

	cJSON_AddStringToObject(facts, FACT_SWARM, look->swarm->id);
	cJSON_AddItemToObject(facts, FACT_HOSTS, hosts_of(look, t));
	if (t->kind == INCIDENT_NODE && !node_host(look, t->id))
		cJSON_AddItemToObject(facts, FACT_PERHAPS, perhaps_of(look));
	said = fg_json_print(facts);
	if (o && t->said && strcmp(t->said, said) == 0 && strcmp(o->host, home) == 0) {
		cJSON_Delete(facts);
		return NULL;
	}
	free(t->said);
	t->said = fg_strdup(said);
	c = add_change(look, home);
	c->kind = t->kind;
	c->id = t->id;
	c->facts = facts;
	return c;
}

static void recovered(struct look *look, enum incident_kind kind, const char *id)
{
	for (size_t i = 0; i < look->open_n; i++) {
		const struct open *o = &look->open[i];
		struct change *c;

		if (!is_open(look, o, kind, id))
			continue;
		c = add_change(look, o->host);
		c->kind = kind;
		c->what = RECOVERED;
		c->id = o->container;
	}
}

/* Services */

static bool is_updating(const struct fg_service *s)
{
	return strcmp(s->update_state, "updating") == 0 ||
	       strcmp(s->update_state, "rollback_started") == 0;
}

static bool is_judged(const struct fg_service *s)
{
	return s->mode == FG_SERVICE_REPLICATED || s->mode == FG_SERVICE_GLOBAL;
}

bool service_is_short(const struct fg_service *s)
{
	return is_judged(s) && s->running < s->wanted;
}

static bool is_ours(const struct look *look, const char *id)
{
	int64_t at = fg_deed_service_ms(look->s->app->deeds, id);

	return at && fg_wall_age(at) < OURS_MS;
}

/* Why the newest task that says so failed, or waits; "": none says. */
static const char *why_of(const struct look *look, const struct fg_service *s)
{
	const struct fg_service_task *newest = NULL;

	for (size_t i = 0; i < look->tasks.n; i++) {
		const struct fg_service_task *t = &look->tasks.v[i];

		if (strcmp(t->service, s->id) == 0 && *t->error &&
			(!newest || t->created_ms > newest->created_ms))
			newest = t;
	}
	return newest ? newest->error : "";
}

static int64_t count_fetching(const struct look *look, const char *id)
{
	int64_t n = 0;

	for (size_t i = 0; i < look->tasks.n; i++) {
		const struct fg_service_task *t = &look->tasks.v[i];

		n += strcmp(t->service, id) == 0 && fg_service_task_open(t) &&
		     strcmp(t->state, "preparing") == 0;
	}
	return n;
}

static void describe(struct change *c, const struct fg_service *s)
{
	if (!c)
		return;
	c->name = s->name;
	c->image = s->image;
	c->labels = s->labels;
}

static void report_short(struct look *look, struct subject *t, const struct fg_service *s)
{
	cJSON *facts;

	if (!open_of(look, INCIDENT_SERVICE, s->id) && open_of(look, INCIDENT_DIED, s->id))
		return; /* it is told by the deaths */
	facts = cJSON_CreateObject();
	fg_json_set_i64(facts, "wanted", s->wanted);
	fg_json_set_i64(facts, "running", s->running);
	cJSON_AddStringToObject(facts, "why", why_of(look, s));
	describe(report(look, t, facts), s);
}

/* How long a service has had all its tasks before a death of one is over: longer than it ran
 * between its deaths. */
static int64_t death_ms(const struct look *look, const struct open *o)
{
	int count = look->setup->config->notify.restart_loop.count;
	int64_t within = look->setup->config->notify.restart_loop.within_ms;

	return o->loop && count > 0 && within / count > SHORTAGE_MS ? within / count : SHORTAGE_MS;
}

/* What died on hosts of the config was replaced, wherever that is: the service has had all its
 * tasks for well_ms. Whether any is still to be waited for. */
static bool end_deaths(struct look *look, const struct fg_service *s, int64_t well_ms)
{
	bool left = false;

	for (size_t i = 0; i < look->open_n; i++) {
		const struct open *o = &look->open[i];
		struct change *c;

		if (!is_open(look, o, INCIDENT_DIED, s->id))
			continue;
		if (well_ms < death_ms(look, o) || fg_wall_age(o->last_ms) < death_ms(look, o)) {
			left = true;
			continue;
		}
		c = add_change(look, o->host);
		c->kind = INCIDENT_DIED;
		c->what = s->wanted ? REPLACED : GONE; /* none is wanted */
		c->id = o->container;
	}
	return left;
}

/* A job that has ended well has made up for what died of it. */
static void judge_job(struct look *look, const struct fg_service *s)
{
	if (strcmp(fg_service_state(s), "complete") == 0)
		end_deaths(look, s, INT64_MAX);
}

static void judge_tasks(struct look *look, const struct fg_service *s)
{
	struct subject *t = find(look, INCIDENT_SERVICE, s->id);
	bool bad = service_is_short(s);
	struct shortage_seen seen = {.now_ms = fg_now_ms(),
		.wanted = bad ? s->wanted : 0,
		.running = s->running,
		.version = s->version,
		.updating = is_updating(s)};

	if (!is_judged(s) || (!t && !bad && !open_of(look, INCIDENT_SERVICE, s->id) &&
				     !open_of(look, INCIDENT_DIED, s->id)))
		return;
	t = subject_of(look, INCIDENT_SERVICE, s->id);
	if (bad) {
		seen.fetching = count_fetching(look, s->id);
		seen.fresh = fg_service_fresh(s, &look->tasks);
		seen.ours = is_ours(look, s->id);
	}
	switch (shortage_step(&t->shortage, &seen)) {
	case TROUBLE_THERE:
		report_short(look, t, s);
		break;
	case TROUBLE_OVER:
		recovered(look, INCIDENT_SERVICE, s->id);
		if (!end_deaths(look, s, fg_now_ms() - t->shortage.trouble.well_ms))
			subject_destroy(t);
		break;
	case TROUBLE_STAYS:
		break;
	}
}

static void judge_update(struct look *look, const struct fg_service *s)
{
	struct subject *t = find(look, INCIDENT_ROLLOUT, s->id);
	enum trouble_step step;
	cJSON *facts;

	if (!t && (!*s->update_state || strcmp(s->update_state, "completed") == 0) &&
		!open_of(look, INCIDENT_ROLLOUT, s->id))
		return;
	t = subject_of(look, INCIDENT_ROLLOUT, s->id);
	step = rollout_step(&t->rollout, s->update_state, s->update_message, is_ours(look, s->id));
	if (step == TROUBLE_THERE) {
		facts = cJSON_CreateObject();
		cJSON_AddStringToObject(facts, "state", s->update_state);
		cJSON_AddStringToObject(facts, "why", s->update_message);
		describe(report(look, t, facts), s);
	} else if (step == TROUBLE_OVER) {
		recovered(look, INCIDENT_ROLLOUT, s->id);
		if (!t->rollout.updating)
			subject_destroy(t);
	}
}

/* Nodes */

/* One that is a host has the incident of that. */
static bool is_told(const struct look *look, const struct fg_node *node)
{
	const struct fg_host *host = node_host(look, node->id);

	return host && ((host->known && !host->up) || fg_host_paused(host));
}

static void judge_node(struct look *look, const struct fg_node *node)
{
	bool drained = strcmp(node->availability, "drain") == 0;
	bool bad = !drained &&
		   (strcmp(node->state, "down") == 0 || strcmp(node->state, "disconnected") == 0);
	struct subject *t = find(look, INCIDENT_NODE, node->id);
	enum trouble_step step;
	cJSON *facts;

	if (!bad && !drained && strcmp(node->state, "ready") != 0)
		return; /* a new leader does not know yet */
	if ((!t && !bad && !open_of(look, INCIDENT_NODE, node->id)) || (bad && is_told(look, node)))
		return;
	t = subject_of(look, INCIDENT_NODE, node->id);
	step = trouble_step(&t->shortage.trouble, fg_now_ms(), bad, NODE_MS, 0);
	if (step == TROUBLE_THERE) {
		facts = cJSON_CreateObject();
		cJSON_AddStringToObject(facts, "node", node->hostname);
		cJSON_AddStringToObject(facts, "why", node->message);
		report(look, t, facts);
	} else if (step == TROUBLE_OVER) {
		recovered(look, INCIDENT_NODE, node->id);
		subject_destroy(t);
	}
}

/* The swarm */

static void judge_leader(struct look *look, bool none)
{
	const char *id = look->swarm->id;
	struct subject *t = find(look, INCIDENT_SWARM, id);
	enum trouble_step step;

	if (!t && !none && !open_of(look, INCIDENT_SWARM, id))
		return;
	t = subject_of(look, INCIDENT_SWARM, id);
	step = trouble_step(&t->shortage.trouble, fg_now_ms(), none, LEADER_MS, 0);
	if (step == TROUBLE_THERE) {
		report(look, t, cJSON_CreateObject());
	} else if (step == TROUBLE_OVER) {
		recovered(look, INCIDENT_SWARM, id);
		subject_destroy(t);
	}
}

/* Of services and nodes that are no more. */
static void judge_gone(struct look *look)
{
	struct subject *t;

	for (size_t i = 0; i < look->open_n; i++) {
		const struct open *o = &look->open[i];
		struct change *c;

		if (o->kind == INCIDENT_SWARM || !is_of(look, o) || is_there(look, o->id))
			continue;
		c = add_change(look, o->host);
		c->kind = o->kind;
		c->what = GONE;
		c->id = o->container;
	}
	fg_list_each (&look->s->subjects, t, link)
		if (t->kind != INCIDENT_SWARM && strcmp(t->swarm, look->swarm->id) == 0 &&
			!is_there(look, t->id))
			subject_destroy(t);
}

static void judge_all(struct look *look)
{
	for (size_t i = 0; i < look->services.n; i++) {
		judge_tasks(look, &look->services.v[i]);
		if (fg_service_is_job(&look->services.v[i]))
			judge_job(look, &look->services.v[i]);
		judge_update(look, &look->services.v[i]);
	}
	for (size_t i = 0; i < look->nodes.n; i++)
		judge_node(look, &look->nodes.v[i]);
	judge_gone(look);
}

/* Without a leader time says nothing about services and nodes. */
void look_start_anew(struct look *look)
{
	struct subject *t;

	fg_list_each (&look->s->subjects, t, link)
		if (t->kind != INCIDENT_SWARM && strcmp(t->swarm, look->swarm->id) == 0)
			subject_destroy(t);
}

void look_judge(struct look *look, bool none)
{
	judge_leader(look, none);
	if (none)
		look_start_anew(look);
	else
		judge_all(look);
}
