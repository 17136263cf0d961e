/* The sweep over the images of all containers, and what comes of it. */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/image.h"
#include "fleetgram/fleet/pause.h"
#include "fleetgram/fleet/replace.h"
#include "notify/audience.h"
#include "notify/incidents.h"
#include "notify/updates.h"

#define AT_ONCE 4
#define SWEEP_MS ((int64_t)60 * 60 * 1000) /* no sweep lasts longer */
#define KEEP_MS ((int64_t)10 * 60 * 1000)  /* how old a registry's answer may be */
#define SPREAD_MS 2000                     /* between two questions, at most */
#define RETRY_MS ((int64_t)60 * 1000)      /* when no host answered */
#define SWEPT_KEY "updates.swept"          /* when the last sweep ended, wall clock */

struct updates {
	struct app *app;
	struct fg_cond changed;
};

/* What a host has under a name. */
struct question {
	struct app *app;
	struct fg_host *host;
	const char *image, *image_id;
	int64_t keep_ms;
	enum { UNKNOWN, SAME, NEWER } answer;
	struct fg_image_check check;
};

struct subject {
	const struct fg_item *item;
	char *image;   /* NULL: it could not be found out */
	bool left_out; /* pinned, or nobody is to be told */
	bool let_be;   /* its host is paused, or it is just being replaced: what is open stays so */
	bool known;    /* the incident that is open says all there is to say */
	struct question *question; /* NULL: not asked */
};

/* One sweep. */
struct sweeping {
	struct app *app;
	struct setup *setup;
	struct fg_items items;
	struct subject *v; /* by host, image and image id */
	struct subject **by_id;
	struct question *questions;
	size_t question_count;
};

struct updates *updates_create(struct app *app)
{
	struct updates *u = fg_alloc(sizeof(*u));

	u->app = app;
	fg_cond_init(&u->changed);
	return u;
}

void updates_destroy(struct updates *u)
{
	free(u);
}

void updates_kick(struct updates *u)
{
	fg_cond_broadcast(&u->changed);
}

static void sweeping_finish(struct sweeping *s)
{
	for (size_t i = 0; s->v && i < s->items.n; i++)
		free(s->v[i].image);
	free(s->v);
	free(s->by_id);
	free(s->questions);
	fg_items_finish(&s->items);
	setup_unref(s->setup);
}
#define cleanup_sweeping __attribute__((cleanup(sweeping_finish)))

/* Questions */

static bool is_pinned(const struct fg_entries *pinned, const struct fg_item *item)
{
	for (size_t i = 0; i < pinned->n; i++)
		if (strcmp(pinned->v[i].name, item->c.name) == 0 &&
			strcmp(pinned->v[i].host, item->host->name) == 0)
			return true;
	return false;
}

static bool let_be(const struct app *app, const struct fg_item *item)
{
	return fg_host_paused(item->host) ||
	       fg_replace_involves(app->registry, item->host->name, item->c.id);
}

static void name_run(void *arg)
{
	struct subject *s = arg;

	fg_item_image(s->item, &s->image, NULL);
}

static void question_run(void *arg)
{
	struct question *q = arg;
	struct fg_err err;

	if (fg_image_check(q->app->images, q->host, q->image, q->image_id, q->keep_ms, &q->check,
		    &err) < 0)
		fg_debug("the registry was not asked for %s of %s: %s", q->image, q->host->name,
			err.text);
	else if (q->check.newer != FG_NEWER_UNKNOWN)
		q->answer = q->check.newer == FG_NEWER_YES ? NEWER : SAME;
}

static int compare_ids(const void *a, const void *b)
{
	const struct subject *const *x = a, *const *y = b;

	return strcmp((*x)->item->c.id, (*y)->item->c.id);
}

static int compare(const void *a, const void *b)
{
	const struct subject *x = a, *y = b;
	int order = strcmp(x->item->host->name, y->item->host->name);

	if (order == 0)
		order = strcmp(x->image ? x->image : "", y->image ? y->image : "");
	return order ? order : strcmp(x->item->c.image_id, y->item->c.image_id);
}

/* All containers, and which of them are asked for. */
static int find_subjects(struct sweeping *s, struct fg_err *err)
{
	cleanup_entries struct fg_entries pinned = {0};
	struct fg_group group;

	if (fg_fleet_list(s->setup->fleet, NULL, NULL, &s->items, err) < 0 ||
		fg_registry_pinned(s->app->registry, &pinned, err) < 0)
		return -1;
	s->v = fg_alloc((s->items.n + 1) * sizeof(*s->v));
	fg_group_init(&group, AT_ONCE);
	for (size_t i = 0; i < s->items.n; i++) {
		struct fg_subject subject = fg_item_subject(&s->items.v[i]);

		s->v[i].item = &s->items.v[i];
		s->v[i].left_out =
			is_pinned(&pinned, &s->items.v[i]) || !audience_wants(s->setup, &subject);
		s->v[i].let_be = let_be(s->app, &s->items.v[i]);
		if (!s->v[i].left_out && !s->v[i].let_be &&
			fg_group_go(&group, "the name of an image", name_run, &s->v[i], err) < 0)
			break;
	}
	if (fg_group_wait(&group, FG_NEVER, err) < 0 || fg_task_canceled())
		return -1;
	qsort(s->v, s->items.n, sizeof(*s->v), compare);
	s->by_id = fg_alloc((s->items.n + 1) * sizeof(*s->by_id));
	for (size_t i = 0; i < s->items.n; i++)
		s->by_id[i] = &s->v[i];
	qsort(s->by_id, s->items.n, sizeof(*s->by_id), compare_ids);
	return 0;
}

static void find_questions(struct sweeping *s, int64_t keep_ms)
{
	struct question *q = NULL;

	s->questions = fg_alloc((s->items.n + 1) * sizeof(*s->questions));
	for (size_t i = 0; i < s->items.n; i++) {
		struct subject *subject = &s->v[i];

		if (!subject->image)
			continue;
		if (!q || q->host != subject->item->host || strcmp(q->image, subject->image) != 0 ||
			strcmp(q->image_id, subject->item->c.image_id) != 0) {
			q = &s->questions[s->question_count++];
			*q = (struct question){.app = s->app,
				.host = subject->item->host,
				.image = subject->image,
				.image_id = subject->item->c.image_id,
				.keep_ms = keep_ms};
		}
		subject->question = q;
	}
}

static int ask(struct sweeping *s, int64_t every_ms, struct fg_err *err)
{
	int64_t pause = s->question_count ? every_ms / 2 / (int64_t)s->question_count : 0;
	struct fg_group group;
	int rc = 0;

	fg_group_init(&group, AT_ONCE);
	for (size_t i = 0; i < s->question_count && rc == 0; i++) {
		rc = fg_group_go(&group, "an image check", question_run, &s->questions[i], err);
		if (rc == 0 && i + 1 < s->question_count)
			rc = fg_task_sleep(pause < SPREAD_MS ? pause : SPREAD_MS, err);
	}
	if (fg_group_wait(&group, FG_NEVER, err) < 0)
		rc = -1;
	return rc;
}

/* Incidents */

struct closing {
	const struct sweeping *sweeping;
	struct updates *u;
	struct fg_tx *tx;
	struct fg_err *err;
	int rc;
};

static int compare_id(const void *id, const void *subject)
{
	const struct subject *const *s = subject;

	return strcmp(id, (*s)->item->c.id);
}

/* Ids are unique over all engines. NULL: it is gone. */
static struct subject *subject_of(const struct sweeping *s, const struct incident *is)
{
	struct subject **found =
		bsearch(is->container_id, s->by_id, s->items.n, sizeof(*s->by_id), compare_id);

	return found ? *found : NULL;
}

/* Another container has its name, and the image of now. */
static bool has_heir(const struct sweeping *s, const struct incident *is)
{
	for (size_t i = 0; i < s->items.n; i++)
		if (strcmp(s->v[i].item->c.name, is->name) == 0 &&
			strcmp(s->v[i].item->host->name, is->host) == 0)
			return s->v[i].question && s->v[i].question->answer == SAME;
	return false;
}

static bool was_listed(const struct sweeping *s, const char *host)
{
	for (size_t i = 0; i < s->items.silent_n; i++)
		if (strcmp(s->items.silent[i]->name, host) == 0)
			return false;
	return true;
}

static bool says_all(const struct incident *is, const struct subject *s)
{
	return s->question && strcmp(is->host, s->item->host->name) == 0 &&
	       strcmp(is->name, s->item->c.name) == 0 &&
	       strcmp(is->about, s->question->check.there) == 0 &&
	       strcmp(fg_json_str(is->facts, "here", ""), s->question->check.here) == 0;
}

/* One that is open: the container has it now, is gone, or is of no interest any more. */
static void close_settled(const struct incident *is, void *arg)
{
	struct closing *c = arg;
	const struct fg_host *host;
	struct subject *s;

	if (c->rc < 0 || is->kind != INCIDENT_UPDATE || !was_listed(c->sweeping, is->host))
		return;
	host = fg_fleet_find(c->sweeping->setup->fleet, is->host);
	s = subject_of(c->sweeping, is);
	if ((s && s->let_be) || (host && fg_host_paused(host)))
		return;
	if ((s && s->left_out) || !host)
		c->rc = incidents_drop(c->tx, is->id, c->err);
	else if (!s && !has_heir(c->sweeping, is))
		c->rc = notify_gone(c->u->app->notify, c->tx, INCIDENT_UPDATE, is->host,
			is->container_id, c->err);
	else if (!s || (s->question && s->question->answer == SAME))
		c->rc = notify_recovered(c->u->app->notify, c->tx, INCIDENT_UPDATE, is->host,
			is->container_id, 0, c->err);
	else
		s->known = s->known || says_all(is, s);
}

static int report(struct updates *u, struct fg_tx *tx, const struct subject *s, struct fg_err *err)
{
	const struct question *q = s->question;
	cleanup_json cJSON *facts = cJSON_CreateObject();

	cJSON_AddStringToObject(facts, "here", q->check.here);
	cJSON_AddStringToObject(facts, "there", q->check.there);
	return notify_report(u->app->notify, tx,
		&(struct incident_report){
			.kind = INCIDENT_UPDATE,
			.host = s->item->host->name,
			.id = s->item->c.id,
			.name = s->item->c.name,
			.image = s->image,
			.labels = s->item->c.labels,
			.about = q->check.there,
			.facts = facts,
		},
		err);
}

static int tell(struct updates *u, const struct sweeping *s, struct fg_err *err)
{
	const struct incidents_filter open = {.open_only = true};
	cleanup_tx struct fg_tx tx = {0};
	struct closing closing = {.sweeping = s, .u = u, .tx = &tx, .err = err};
	char now[24];

	if (fg_tx_begin(u->app->store, &tx, err) < 0 ||
		incidents_each(u->app->store, &open, close_settled, &closing, err) < 0 ||
		closing.rc < 0)
		return -1;
	for (size_t i = 0; i < s->items.n; i++)
		if (!s->v[i].known && s->v[i].question && s->v[i].question->answer == NEWER &&
			!let_be(u->app, s->v[i].item) && report(u, &tx, &s->v[i], err) < 0)
			return -1;
	snprintf(now, sizeof(now), "%lld", (long long)fg_wall_ms());
	if (fg_tx_set(&tx, SWEPT_KEY, now, err) < 0 || fg_tx_commit(&tx, err) < 0)
		return -1;
	notify_kick(u->app->notify);
	return 0;
}

/* Time */

static int sweep(struct updates *u, struct fg_err *err)
{
	struct app *app = u->app;
	cleanup_sweeping struct sweeping s = {.app = app, .setup = setup_ref(app->setup)};
	int64_t every = s.setup->config->images.check_every_ms;

	if (find_subjects(&s, err) < 0)
		return -1;
	find_questions(&s, every / 2 < KEEP_MS ? every / 2 : KEEP_MS);
	if (ask(&s, every, err) < 0)
		return -1;
	fg_debug("images: %zu questions about %zu containers", s.question_count, s.items.n);
	return tell(u, &s, err);
}

/* Monotonic ms; FG_NEVER: no sweep is wanted. */
static int64_t next_sweep(const struct updates *u)
{
	const struct config *config = u->app->setup->config;
	cleanup_free char *last = fg_store_get(u->app->store, SWEPT_KEY);
	int64_t every = config->images.check_every_ms, left;

	if (every <= 0 || !config->notify.updates)
		return FG_NEVER;
	left = last ? every - fg_wall_age(strtoll(last, NULL, 10)) : 0;
	return fg_now_ms() + (left > 0 ? left : 0);
}

void updates_run(void *arg)
{
	struct updates *u = arg;
	int64_t not_before = 0;

	while (!fg_task_canceled()) {
		int64_t due = next_sweep(u), before;
		struct fg_err err;
		int rc;

		due = due < not_before ? not_before : due;
		if (due > fg_now_ms()) {
			fg_cond_wait(&u->changed, "the next look at the registries", due, NULL);
			continue;
		}
		before = fg_task_deadline(fg_now_ms() + SWEEP_MS);
		rc = sweep(u, &err);
		fg_task_deadline(before);
		if (rc < 0 && !fg_task_canceled())
			fg_warn("newer images were not looked for: %s", err.text);
		not_before = rc < 0 ? fg_now_ms() + RETRY_MS : 0;
	}
}
