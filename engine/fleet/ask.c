/*
 * A few workers put the question to one host after the other; who asks waits as long as it is
 * worth it, and leaves the rest to them.
 */
#include <string.h>
#include "ask.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/spec.h"
#include "host.h"

#define HOSTS_AT_ONCE 128
#define GRACE_SHARE 4 /* of the time that the others took, so much more is given */

struct asking {
	int refs;
	struct fg_fleet *fleet;
	struct ask_want want;
	struct ask *v;
	struct ask **order; /* in which they are asked: those known to be slow are the last */
	size_t n, next, done, answered;
	bool left; /* who asked has gone: nobody takes the lists, and no other host is asked */
	int64_t begun_ms,
		settled_ms; /* settled: when the last one did that is neither slow nor down */
	struct fg_cond settled;
};

static void asking_put(struct asking *a)
{
	if (--a->refs > 0)
		return;
	for (size_t i = 0; i < a->n; i++)
		fg_containers_finish(&a->v[i].list);
	fg_fleet_unref(a->fleet);
	free(a->order);
	free(a->v);
	free(a);
}

/* One that is slow, and is still at an earlier question, is not given another one. */
static bool is_hopeless(const struct asking *a, const struct fg_host *host)
{
	return a->n > 1 && host->slow && host_is_busy(host);
}

/* A copy of the few labels that lists are made of. */
static cJSON *brief_labels(const struct fg_container *c)
{
	static const char *const keys[] = {FG_LABEL_TEMPLATE, ASK_LABEL_PROJECT};
	cJSON *out = cJSON_CreateObject();

	for (size_t i = 0; i < FG_ARRAY_LEN(keys); i++) {
		const char *value = fg_container_label(c, keys[i]);

		if (value)
			cJSON_AddStringToObject(out, keys[i], value);
	}
	return out;
}

static void strip(struct fg_container *c, enum ask_keep keep)
{
	cJSON *labels = keep == ASK_BRIEF ? brief_labels(c) : NULL;

	cJSON_Delete(c->labels);
	free(c->image_id);
	free(c->ports);
	c->labels = labels;
	c->image_id = fg_strdup("");
	c->ports = NULL;
	c->port_count = 0;
}

static void keep_wanted(
	struct fg_containers *list, const struct fg_host *host, const struct ask_want *want)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct fg_container *c = &list->v[i];
		struct fg_subject subject = item_subject(host, c);

		if (!fg_selector_match(want->scope, &subject)) {
			fg_container_finish(c);
			continue;
		}
		if (!fg_selector_may_pick(want->sel, &subject))
			strip(c, ASK_BARE);
		else if (want->keep != ASK_ALL)
			strip(c, want->keep);
		list->v[kept++] = *c;
	}
	list->n = kept;
}

static void ask_one(struct asking *a, struct ask *ask)
{
	struct fg_containers list = {0};
	struct fg_err err = {0};
	bool doubtful = ask->host->slow, silent;

	silent = is_hopeless(a, ask->host) || host_ready(ask->host, &err) < 0;
	if (!silent)
		silent = fg_host_list(ask->host, &list, &err) < 0;
	if (a->left) {
		fg_containers_finish(&list);
		return;
	}
	keep_wanted(&list, ask->host, &a->want);
	ask->list = list;
	ask->err = err;
	ask->silent = silent;
	ask->done = true;
	a->done++;
	a->answered += !silent;
	if (!doubtful)
		a->settled_ms = fg_now_ms();
	fg_cond_broadcast(&a->settled);
}

struct worker {
	struct fg_list link;
	struct fg_task *task;
};

static struct fg_list workers = FG_LIST_INIT(workers);

void fg_fleet_leave(void)
{
	struct worker *w;

	fg_list_each (&workers, w, link)
		fg_task_cancel(w->task);
}

/* The deadline of who asks is not the host's. */
static void worker(void *arg)
{
	struct worker self = {.task = fg_task_current()};
	struct asking *a = arg;

	fg_list_append(&workers, &self.link);
	fg_task_deadline(FG_NEVER);
	while (a->next < a->n && !a->left) {
		struct ask *ask = a->order[a->next++];

		ask->begun = true;
		ask_one(a, ask);
		if (!ask->done) /* it was left, and is over only now */
			host_busy(ask->host, -1);
	}
	fg_list_remove(&self.link);
	asking_put(a);
}

static void order(struct asking *a, bool slow, size_t *n)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].host->slow == slow)
			a->order[(*n)++] = &a->v[i];
}

static struct asking *asking_create(struct fg_fleet *fleet, struct fg_host *const *hosts, size_t n)
{
	struct asking *a = fg_alloc(sizeof(*a));
	size_t ordered = 0;

	a->refs = 1;
	a->fleet = fg_fleet_ref(fleet);
	a->v = fg_alloc((n + 1) * sizeof(*a->v));
	a->order = fg_alloc((n + 1) * sizeof(*a->order));
	a->n = n;
	a->begun_ms = a->settled_ms = fg_now_ms();
	fg_cond_init(&a->settled);
	for (size_t i = 0; i < n; i++)
		a->v[i].host = hosts[i];
	order(a, false, &ordered);
	order(a, true, &ordered);
	return a;
}

static void asking_start(struct asking *a)
{
	for (size_t i = 0; i < a->n && i < HOSTS_AT_ONCE; i++) {
		a->refs++;
		fg_task_detach(fg_task_spawn("list of a host", worker, a));
	}
}

/* Until when it is worth waiting for those that have not answered. */
static int64_t due(const struct asking *a)
{
	int64_t grace = (a->settled_ms - a->begun_ms) / GRACE_SHARE, patience = 0;

	if (a->n == 1)
		return FG_NEVER;
	for (size_t i = 0; i < a->n; i++) {
		const struct fg_host *host = a->v[i].host;

		if (a->v[i].done || (host->slow && a->answered > 0))
			continue;
		if (!host->known || host->up)
			return a->begun_ms + FG_FLEET_PATIENCE_MS;
		patience = HOST_PATIENCE_MS;
	}
	if (patience)
		return a->begun_ms + patience;
	return a->settled_ms + (grace > HOST_GRACE_MS ? grace : HOST_GRACE_MS);
}

static int asking_wait(struct asking *a, struct fg_err *err)
{
	while (a->done < a->n) {
		int64_t at = due(a);
		struct fg_err why;

		if (fg_now_ms() >= at)
			return 0;
		if (fg_cond_wait(&a->settled, "the containers of the hosts", at, &why) < 0 &&
			(why.code != FG_ETIMEOUT || fg_now_ms() < at)) {
			if (err)
				*err = why;
			return -1;
		}
	}
	return fg_task_canceled() ? fg_fail(err, FG_ECANCELED, "canceled") : 0;
}

/* What has not come is silent, and goes on in the background. */
static void leave(struct asking *a)
{
	a->left = true;
	for (size_t i = 0; i < a->n; i++) {
		struct ask *ask = &a->v[i];

		if (ask->done)
			continue;
		if (ask->begun)
			host_busy(ask->host, +1);
		ask->silent = true;
	}
}

/* One whose turn has not come is silent as well, but not for being slow. */
static void recall(struct asking *a)
{
	for (size_t i = 0; i < a->n; i++) {
		struct ask *ask = &a->v[i];

		if (ask->begun && !ask->done && (!ask->host->known || ask->host->up))
			host_set_slow(ask->host, true);
		if (ask->silent && !ask->err.code)
			fg_fail(&ask->err, FG_ETIMEOUT, "it is slow to answer");
		if (ask->silent)
			fg_host_known(ask->host, &ask->list);
	}
}

struct asking *asking_run(struct fg_fleet *fleet, struct fg_host *const *hosts, size_t n,
	const struct ask_want *want, struct fg_err *err)
{
	struct asking *a = asking_create(fleet, hosts, n);
	int rc;

	a->want = *want;
	asking_start(a);
	rc = asking_wait(a, err);
	leave(a);
	if (rc == 0) {
		recall(a);
		return a;
	}
	asking_put(a);
	return NULL;
}

struct ask *asking_answers(struct asking *a, size_t *n)
{
	*n = a->n;
	return a->v;
}

void asking_end(struct asking *a)
{
	if (a)
		asking_put(a);
}
