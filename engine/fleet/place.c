/*
 * Placing: who could take an instance, how much each has left, and which one it is to be.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/instance.h"
#include "fleetgram/fleet/pause.h"
#include "fleetgram/fleet/registry.h"

#define INFO_AGE_MS 60000
#define INFO_MS 3000   /* for what an engine has */
#define LIMITS_MS 5000 /* for the limits that the registry does not know, all of them */
#define LIMITS_AT_ONCE 16
#define LIMITS_MOST 2000 /* containers that are asked about; the rest counts nothing */

struct candidate {
	struct fg_host *host;
	int64_t limits, free;
	size_t containers;
	bool answers;
};

struct placing {
	struct candidate *v;
	size_t n;
	struct fg_instances instances;
	struct fg_items items;
};

static void placing_finish(struct placing *p)
{
	free(p->v);
	fg_instances_finish(&p->instances);
	fg_items_finish(&p->items);
}

static bool fits(const struct fg_create *create, const char *glob, const struct fg_host *host)
{
	return (!*glob || fg_glob_match(glob, host->name)) &&
	       (!create->host_glob || fg_glob_match(create->host_glob, host->name)) &&
	       fg_selector_match_host(create->scope, host->name);
}

static int nobody(const struct fg_create *create, const char *glob, const struct fg_host *paused,
	struct fg_err *err)
{
	if (paused && create->unasked)
		return fg_fail(err, FG_ECONFLICT, "%s is paused for maintenance: nothing was done",
			paused->name);
	if (paused)
		return fg_fail(err, FG_ECONFLICT,
			"%s is paused for maintenance, and there is no other host for it. host=%s "
			"places it there all the same",
			paused->name, paused->name);
	if (create->host_glob)
		return fg_fail(err, FG_ENOTFOUND, "there is no host called %s", create->host_glob);
	if (*glob)
		return fg_fail(err, FG_ENOTFOUND, "template %s wants a host %s, and there is none",
			create->template->name, glob);
	return fg_fail(err, FG_ENOTFOUND, "there are no hosts");
}

static int find_candidates(struct placing *p, struct fg_fleet *fleet,
	const struct fg_create *create, const char *glob, struct fg_err *err)
{
	const struct fg_host *paused = NULL;

	p->v = fg_alloc((fg_fleet_count(fleet) + 1) * sizeof(*p->v));
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);

		if (!fits(create, glob, host))
			continue;
		if (fg_host_paused(host))
			paused = host;
		else
			p->v[p->n++] = (struct candidate){.host = host, .answers = true};
	}
	return p->n ? 0 : nobody(create, glob, paused, err);
}

static struct candidate *candidate_of(struct placing *p, const struct fg_host *host)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].host == host)
			return &p->v[i];
	return NULL;
}

static int by_container(const void *a, const void *b)
{
	const struct fg_instance *x = a, *y = b;

	return strcmp(x->container_id, y->container_id);
}

/* What the registry says of its memory limit; -1: it is none of its instances. */
static int64_t known_limit(const struct placing *p, const struct fg_item *item)
{
	struct fg_instance key = {.container_id = item->c.id};
	const struct fg_instance *found =
		p->instances.n
			? bsearch(&key, p->instances.v, p->instances.n, sizeof(key), by_container)
			: NULL;
	const cJSON *limits;

	if (!found || strcmp(found->host, item->host->name) != 0)
		return -1;
	limits = fg_json_object(found->doc, "limits");
	if (!limits)
		limits = fg_json_object(fg_json_object(found->doc, "spec"), "limits");
	return fg_json_i64(limits, "memory", 0);
}

struct look {
	const struct fg_item *item;
	struct candidate *candidate;
};

static void look_run(void *arg)
{
	const struct look *look = arg;
	cleanup_info struct fg_container_info info = {0};

	if (fg_container_inspect(look->item->host->engine, look->item->c.id, &info, NULL) == 0)
		look->candidate->limits += info.memory;
}

static bool is_up(const struct fg_container *c)
{
	return strcmp(c->state, "running") == 0 || strcmp(c->state, "paused") == 0 ||
	       strcmp(c->state, "restarting") == 0;
}

/* Of those that are no instances only the engines know. */
static int add_limits(struct placing *p, struct fg_err *err)
{
	cleanup_free struct look *looks = fg_alloc((LIMITS_MOST + 1) * sizeof(*looks));
	int64_t before = fg_task_deadline(fg_now_ms() + LIMITS_MS);
	struct fg_group group;
	size_t n = 0;

	fg_group_init(&group, LIMITS_AT_ONCE);
	for (size_t i = 0; i < p->items.n; i++) {
		const struct fg_item *item = &p->items.v[i];
		struct candidate *candidate = candidate_of(p, item->host);
		int64_t limit;

		if (!candidate)
			continue;
		candidate->containers++;
		if (!is_up(&item->c))
			continue;
		limit = known_limit(p, item);
		candidate->limits += limit > 0 ? limit : 0;
		if (limit >= 0 || n == LIMITS_MOST)
			continue;
		looks[n] = (struct look){item, candidate};
		if (fg_group_go(&group, "a container's limits", look_run, &looks[n++], NULL) < 0)
			break;
	}
	fg_group_wait(&group, FG_NEVER, NULL);
	fg_task_deadline(before);
	return fg_task_canceled() ? fg_fail(err, FG_ECANCELED, "canceled") : 0;
}

static void weigh(struct placing *p)
{
	for (size_t i = 0; i < p->items.silent_n; i++) {
		struct candidate *candidate = candidate_of(p, p->items.silent[i]);

		if (candidate)
			candidate->answers = false;
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct fg_engine_info *info = p->v[i].host->info;

		p->v[i].free = (info ? info->memory_bytes : 0) - p->v[i].limits;
	}
}

static bool is_better(const struct candidate *a, const struct candidate *b)
{
	if (a->answers != b->answers)
		return a->answers;
	if (a->free != b->free)
		return a->free > b->free;
	if (a->containers != b->containers)
		return a->containers < b->containers;
	return strcmp(a->host->name, b->host->name) < 0;
}

static struct fg_host *choose(const struct placing *p, struct fg_str *why)
{
	const struct candidate *best = &p->v[0];
	char left[FG_HUMAN], all[FG_HUMAN];

	for (size_t i = 1; i < p->n; i++)
		if (is_better(&p->v[i], best))
			best = &p->v[i];
	if (why && best->answers && best->host->info)
		fg_str_printf(why,
			fg_tr("Of %zu hosts %s has the most memory free of limits: %s of %s"), p->n,
			best->host->name, fg_size_human(left, best->free > 0 ? best->free : 0),
			fg_size_human(all, best->host->info->memory_bytes));
	return best->host;
}

static int weigh_all(struct placing *p, struct fg_fleet *fleet, const struct fg_create *create,
	struct fg_err *err)
{
	cleanup_free struct fg_host **hosts = fg_alloc((p->n + 1) * sizeof(struct fg_host *));
	struct fg_err unknown;

	for (size_t i = 0; i < p->n; i++)
		hosts[i] = p->v[i].host;
	/* None answers: whichever is taken, it will say so. */
	if (fg_hosts_list(fleet, hosts, p->n, &p->items, err) < 0) {
		for (size_t i = 0; i < p->n; i++)
			p->v[i].answers = false;
		return fg_task_canceled() ? -1 : 0;
	}
	fg_hosts_ask(hosts, p->n, INFO_AGE_MS, INFO_MS);
	if (create->registry && fg_registry_list(create->registry, &p->instances, &unknown) == 0 &&
		p->instances.n)
		qsort(p->instances.v, p->instances.n, sizeof(*p->instances.v), by_container);
	if (add_limits(p, err) < 0)
		return -1;
	weigh(p);
	return 0;
}

struct fg_host *fg_place(struct fg_fleet *fleet, const struct fg_create *create, const char *glob,
	struct fg_err *err)
{
	struct placing p = {0};
	struct fg_host *host = NULL;

	fg_fleet_ref(fleet);
	if (find_candidates(&p, fleet, create, glob, err) == 0 &&
		(p.n == 1 || weigh_all(&p, fleet, create, err) == 0))
		host = p.n == 1 ? p.v[0].host : choose(&p, create->placed);
	placing_finish(&p);
	fg_fleet_unref(fleet);
	return host;
}
