/* Thresholds: what is on its way over one, and what is told of it. */
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/meter.h"
#include "notify/disk.h"
#include "notify/incidents.h"
#include "notify/level.h"
#include "notify/threshold.h"

#define BUCKETS 256
#define NEWS_MS ((int64_t)5 * 60 * 1000) /* between two looks at how high it is by now */
#define RETRY_MS 5000                    /* after a store that took nothing */
#define DISK_MOST_MS 60000               /* between two looks at a disk */
#define DISK_CALL_MS 10000
#define GAPS 3 /* so many readings have to be missing before what was seen does not count any more */

/* What is high, or may become so: one kind of one container, or the disk of a host (id ""). */
struct matter {
	struct fg_list link;
	enum incident_kind kind;
	char *host, *id;
	struct level level;
	enum due { DUE_NOTHING, DUE_REPORT, DUE_RECOVERED } due;
	bool sent; /* it is in the transaction that is being committed */
	char *name, *image; /* NULL: not known */
	cJSON *labels, *facts;
	int64_t at_ms;   /* wall clock: it became due */
	int64_t between_ms; /* its last two readings: a host with many may take long for a round */
	int64_t told_ms; /* monotonic: the value that was reported last; 0: not by this run */
};

struct threshold {
	struct app *app;
	struct fg_meter_user user;
	struct fg_list buckets[BUCKETS];
	struct fg_cond changed;
	struct fg_cond reloaded; /* for the task that looks at disks */
	int64_t for_ms;
	double limits[INCIDENT_KINDS];
	bool due;        /* something is */
	uint64_t number; /* of the setup that these are of */
};

static void threshold_reading(const struct fg_reading *r, void *arg);
static void threshold_round(struct fg_host *host, void *arg);

struct threshold *threshold_create(struct app *app)
{
	struct threshold *t = fg_alloc(sizeof(*t));

	t->app = app;
	t->user = (struct fg_meter_user){
		.reading = threshold_reading, .round = threshold_round, .arg = t};
	for (size_t i = 0; i < BUCKETS; i++)
		fg_list_init(&t->buckets[i]);
	fg_cond_init(&t->changed);
	fg_cond_init(&t->reloaded);
	return t;
}

static void matter_destroy(struct matter *m)
{
	fg_list_remove(&m->link);
	cJSON_Delete(m->labels);
	cJSON_Delete(m->facts);
	free(m->name);
	free(m->image);
	free(m->host);
	free(m->id);
	free(m);
}

/* Calls each(); it may destroy the matter. */
static void each_matter(struct threshold *t,
	void (*each)(struct threshold *t, struct matter *m, void *arg), void *arg)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct matter *m;

		fg_list_each (&t->buckets[i], m, link)
			each(t, m, arg);
	}
}

static void forget(struct threshold *t, struct matter *m, void *arg)
{
	(void)t;
	(void)arg;
	matter_destroy(m);
}

void threshold_destroy(struct threshold *t)
{
	if (!t)
		return;
	each_matter(t, forget, NULL);
	free(t);
}

void threshold_kick(struct threshold *t)
{
	fg_cond_broadcast(&t->changed);
}

static struct matter *find(struct threshold *t, enum incident_kind kind, const char *host,
	const char *id, bool make)
{
	unsigned int hash = 2166136261u;
	struct fg_list *bucket;
	struct matter *m;

	for (const char *p = *id ? id : host; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	bucket = &t->buckets[hash % BUCKETS];
	fg_list_each (bucket, m, link)
		if (m->kind == kind && strcmp(m->id, id) == 0 && strcmp(m->host, host) == 0)
			return m;
	if (!make)
		return NULL;
	m = fg_alloc(sizeof(*m));
	m->kind = kind;
	m->host = fg_strdup(host);
	m->id = fg_strdup(id);
	fg_list_append(bucket, &m->link);
	return m;
}

static void make_due(struct threshold *t, struct matter *m, enum due due)
{
	m->due = due;
	m->sent = false;
	m->at_ms = fg_wall_ms();
	t->due = true;
	fg_cond_broadcast(&t->changed);
}

/* It cannot be high any more. */
static void settle(struct threshold *t, struct matter *m)
{
	bool was = m->level.high;

	m->level = (struct level){0};
	if (was)
		make_due(t, m, DUE_RECOVERED);
	else if (m->due == DUE_NOTHING)
		matter_destroy(m);
}

/* Values */

/* How high something is. */
struct value {
	enum incident_kind kind;
	const char *host, *id;
	const struct fg_container *c; /* NULL: it is about the host */
	int64_t taken_ms, every_ms;   /* monotonic; how often it is looked at */
	double percent;
	uint64_t bytes, limit_bytes;
	bool own; /* limit_bytes is the container's own limit */
	const char *path;
};

static cJSON *value_facts(const struct threshold *t, const struct value *v)
{
	cJSON *facts = cJSON_CreateObject();

	cJSON_AddNumberToObject(facts, "percent", (double)(int64_t)(v->percent * 10 + 0.5) / 10);
	cJSON_AddNumberToObject(facts, "limit_percent", t->limits[v->kind]);
	fg_json_set_i64(facts, "for_ms", t->for_ms);
	if (v->limit_bytes) {
		fg_json_set_i64(facts, "bytes", (int64_t)v->bytes);
		fg_json_set_i64(facts, "limit_bytes", (int64_t)v->limit_bytes);
	}
	if (v->kind == INCIDENT_MEMORY)
		cJSON_AddBoolToObject(facts, "own_limit", v->own);
	if (v->path)
		cJSON_AddStringToObject(facts, "path", v->path);
	return facts;
}

static void describe(const struct threshold *t, struct matter *m, const struct value *v)
{
	cJSON_Delete(m->facts);
	m->facts = value_facts(t, v);
	if (!v->c)
		return;
	free(m->name);
	free(m->image);
	cJSON_Delete(m->labels);
	m->name = fg_strdup(v->c->name);
	m->image = fg_strdup(v->c->image);
	m->labels = cJSON_Duplicate(v->c->labels, true);
}

static void take(struct threshold *t, const struct value *v)
{
	struct level_rule rule = {
		.limit = t->limits[v->kind],
		.for_ms = t->for_ms,
	};
	bool above = rule.limit > 0 && v->percent > rule.limit, news;
	struct matter *m = find(t, v->kind, v->host, v->id, above);
	enum level_step step;

	if (!m)
		return;
	if (m->level.high && !m->told_ms)
		m->told_ms = v->taken_ms;
	news = above && m->level.high && m->due == DUE_NOTHING &&
	       v->taken_ms - m->told_ms >= NEWS_MS;
	rule.gap_ms = GAPS * (m->between_ms > v->every_ms ? m->between_ms : v->every_ms);
	m->between_ms = m->level.seen_ms ? v->taken_ms - m->level.seen_ms : 0;
	step = level_step(&m->level, &rule, v->percent, v->taken_ms);
	if (step == LEVEL_FALLEN) {
		make_due(t, m, DUE_RECOVERED);
	} else if (step == LEVEL_RISEN || news) {
		describe(t, m, v);
		make_due(t, m, DUE_REPORT);
	} else if (level_is_idle(&m->level) && m->due == DUE_NOTHING) {
		matter_destroy(m);
	}
}

static void threshold_reading(const struct fg_reading *r, void *arg)
{
	struct threshold *t = arg;
	struct value v = {
		.host = r->item->host->name,
		.id = r->item->c.id,
		.c = &r->item->c,
		.taken_ms = r->taken_ms,
		.every_ms = t->user.every_ms,
	};

	if (r->rates) {
		v.kind = INCIDENT_CPU;
		v.percent = r->cpu_percent;
		take(t, &v);
	}
	if (r->memory_limit && r->memory_bytes) { /* 0: it is not counted */
		v.kind = INCIDENT_MEMORY;
		v.percent = (double)r->memory_bytes * 100 / (double)r->memory_limit;
		v.bytes = r->memory_bytes;
		v.limit_bytes = r->memory_limit;
		v.own = r->memory_limited;
		take(t, &v);
	}
}

static void settle_if_gone(struct threshold *t, struct matter *m, void *arg)
{
	const struct fg_host *host = arg;

	if (*m->id && strcmp(m->host, host->name) == 0 && m->due != DUE_RECOVERED &&
		!fg_meter_runs(t->app->meter, host, m->id))
		settle(t, m);
}

static void threshold_round(struct fg_host *host, void *arg)
{
	each_matter(arg, settle_if_gone, host);
}

/* Telling */

/* One transaction for all that is due: what belongs together comes in one message. */
struct telling {
	struct fg_tx *tx;
	struct fg_err *err;
	int rc;
};

static void tell(struct threshold *t, struct matter *m, void *arg)
{
	struct telling *telling = arg;
	struct notify *n = t->app->notify;

	if (m->due == DUE_NOTHING || telling->rc < 0)
		return;
	m->sent = true;
	if (m->due == DUE_RECOVERED) {
		telling->rc = notify_recovered(n, telling->tx, m->kind, m->host,
			*m->id ? m->id : NULL, m->at_ms, telling->err);
		return;
	}
	telling->rc = notify_report(n, telling->tx,
		&(struct incident_report){
			.kind = m->kind,
			.host = m->host,
			.id = *m->id ? m->id : NULL,
			.name = m->name,
			.image = m->image,
			.labels = m->labels,
			.at_ms = m->at_ms,
			.facts = m->facts,
		},
		telling->err);
}

/* Readings that came during the commit have made others due, or the same ones again. */
static void told(struct threshold *t, struct matter *m, void *arg)
{
	(void)arg;
	if (m->due == DUE_NOTHING)
		return;
	if (!m->sent) {
		t->due = true;
		return;
	}
	if (m->due == DUE_REPORT)
		m->told_ms = m->level.seen_ms;
	m->due = DUE_NOTHING;
	if (!m->level.high)
		matter_destroy(m);
}

static int tell_all(struct threshold *t, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	struct telling telling = {.tx = &tx, .err = err};

	if (!t->due)
		return 0;
	if (fg_tx_begin(t->app->store, &tx, err) < 0)
		return -1;
	each_matter(t, tell, &telling);
	if (telling.rc < 0 || fg_tx_commit(&tx, err) < 0)
		return -1;
	t->due = false;
	each_matter(t, told, NULL);
	notify_kick(t->app->notify);
	return 0;
}

/* The config */

static void settle_unwanted(struct threshold *t, struct matter *m, void *arg)
{
	struct fg_fleet *fleet = arg;

	if (m->due != DUE_RECOVERED && (t->limits[m->kind] <= 0 || !fg_fleet_find(fleet, m->host)))
		settle(t, m);
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* Measured at least twice in the time that counts. */
static void configure(struct threshold *t)
{
	const struct config *config = t->app->setup->config;
	struct fg_meter *meter = t->app->meter;
	int64_t every = clamp(config->notify.for_ms / 2, FG_METER_LEAST_MS, FG_METER_EVERY_MS);
	bool wanted = config->notify.cpu_percent > 0 || config->notify.memory_percent > 0;

	t->number = t->app->setup->number;
	t->for_ms = config->notify.for_ms;
	t->limits[INCIDENT_CPU] = config->notify.cpu_percent;
	t->limits[INCIDENT_MEMORY] = config->notify.memory_percent;
	t->limits[INCIDENT_DISK] = config->notify.disk_percent;
	each_matter(t, settle_unwanted, t->app->setup->fleet);
	if (wanted && t->user.every_ms == every)
		return;
	fg_meter_remove(meter, &t->user);
	t->user.every_ms = 0;
	if (!wanted)
		return;
	t->user.every_ms = every;
	fg_meter_add(meter, &t->user);
}

static void take_open(const struct incident *is, void *arg)
{
	struct threshold *t = arg;
	struct matter *m;

	if (is->state != INCIDENT_OPEN || (is->kind != INCIDENT_CPU && is->kind != INCIDENT_MEMORY &&
						  is->kind != INCIDENT_DISK))
		return;
	m = find(t, is->kind, is->host, is->container_id, true);
	m->level.high = true;
}

/* Disks */

static void look_at(struct threshold *t, struct fg_host *host, int64_t every_ms)
{
	int64_t before = fg_task_deadline(fg_now_ms() + DISK_CALL_MS);
	struct disk disk;

	if (disk_look(host, &disk, NULL) > 0)
		take(t, &(struct value){
			.kind = INCIDENT_DISK,
			.host = host->name,
			.id = "",
			.taken_ms = fg_now_ms(),
			.every_ms = every_ms,
			.percent = disk.percent,
			.bytes = disk.used_bytes,
			.limit_bytes = disk.size_bytes,
			.path = disk.path,
		});
	fg_task_deadline(before);
}

static void look_at_all(struct threshold *t, int64_t every_ms)
{
	cleanup_setup struct setup *setup = setup_ref(t->app->setup);

	for (size_t i = 0; i < fg_fleet_count(setup->fleet) && !fg_task_canceled(); i++) {
		struct fg_host *host = fg_fleet_host(setup->fleet, i);

		if (!host->known || host->up)
			look_at(t, host, every_ms);
	}
}

static void disks_run(void *arg)
{
	struct threshold *t = arg;

	while (!fg_task_canceled()) {
		int64_t every = clamp(t->for_ms / 2, FG_METER_LEAST_MS, DISK_MOST_MS);
		int64_t next = fg_now_ms() + every;

		if (t->limits[INCIDENT_DISK] > 0)
			look_at_all(t, every);
		else
			next = FG_NEVER;
		fg_cond_wait(&t->reloaded, "the next look at the disks", next, NULL);
	}
}

void threshold_run(void *arg)
{
	struct threshold *t = arg;
	const struct incidents_filter open = {.open_only = true};
	struct fg_task *disks;
	struct fg_err err;

	if (incidents_each(t->app->store, &open, take_open, t, &err) < 0)
		fg_error("which thresholds are exceeded is not known: %s", err.text);
	configure(t);
	disks = fg_task_spawn("disks", disks_run, t);
	while (!fg_task_canceled()) {
		int rc = tell_all(t, &err);

		if (t->number != t->app->setup->number) {
			configure(t);
			fg_cond_broadcast(&t->reloaded);
		} else if (rc < 0) {
			fg_debug("thresholds: what is to be told waits: %s", err.text);
			fg_task_sleep(RETRY_MS, NULL);
		} else if (!t->due) {
			fg_cond_wait(&t->changed, "something to pass a threshold", FG_NEVER, NULL);
		}
	}
	fg_meter_remove(t->app->meter, &t->user);
	fg_task_cancel(disks);
	fg_task_join(disks);
}
