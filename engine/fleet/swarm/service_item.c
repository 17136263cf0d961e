/*
 * Services over all swarms: scoped, selected, and one of them found by its name.
 */
#include <string.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/spec.h"
#include "fleetgram/fleet/swarm.h"
#include "host.h"
#include "near.h"

#define SWARMS_AT_ONCE 32
#define NEAR_MOST 3

static const char *label_or_empty(const struct fg_service *s, const char *key)
{
	const char *value = fg_service_label(s, key);

	return value ? value : "";
}

struct fg_subject fg_service_subject(const struct fg_host *host, const struct fg_service *service)
{
	return (struct fg_subject){
		.name = service->name,
		.host = host->name,
		.state = fg_service_state(service),
		.health = "",
		.image = service->image,
		.template = label_or_empty(service, FG_LABEL_TEMPLATE),
		.project = label_or_empty(service, FG_LABEL_STACK),
		.id = service->id,
		.labels = service->labels,
	};
}

bool fg_service_visible(const struct fg_selector *scope, const struct fg_swarm *swarm,
	const struct fg_service *service)
{
	for (size_t i = 0; i < swarm->n; i++) {
		struct fg_subject subject = fg_service_subject(swarm->managers[i], service);

		if (fg_selector_match(scope, &subject))
			return true;
	}
	return false;
}

/* The question to one swarm. */
struct ask {
	struct fg_swarm *swarm;
	struct fg_services list;
	struct fg_err err;
	int rc;
};

static void ask_run(void *arg)
{
	struct ask *ask = arg;

	ask->rc = fg_swarm_services(ask->swarm, &ask->list, &ask->err);
}

static int ask_all(struct ask *asks, size_t n, struct fg_err *err)
{
	struct fg_group group;
	size_t i;

	fg_group_init(&group, SWARMS_AT_ONCE);
	for (i = 0; i < n; i++)
		if (fg_group_go(&group, "services of a swarm", ask_run, &asks[i], err) < 0)
			break;
	if (fg_group_wait(&group, FG_NEVER, err) < 0 || i < n)
		return -1;
	return fg_task_canceled() ? fg_fail(err, FG_ECANCELED, "canceled") : 0;
}

/* Each service once for every manager with which scope lets one see it. */
struct seen {
	struct fg_service_item *items;
	struct fg_subject *subjects;
	size_t n;
};

static void look(struct seen *seen, struct ask *ask, const struct fg_selector *scope)
{
	for (size_t i = 0; i < ask->list.n; i++)
		for (size_t k = 0; k < ask->swarm->n; k++) {
			struct fg_host *host = ask->swarm->managers[k];
			struct fg_subject subject = fg_service_subject(host, &ask->list.v[i]);

			if (!fg_selector_match(scope, &subject))
				continue;
			seen->items[seen->n] =
				(struct fg_service_item){ask->swarm, host, ask->list.v[i]};
			seen->subjects[seen->n++] = subject;
		}
}

/* Take over those that are picked, with the first of their managers; the others end. */
static void keep(struct seen *seen, const bool *picked, struct fg_service_items *out)
{
	out->v = fg_alloc((seen->n + 1) * sizeof(*out->v));
	for (size_t i = 0; i < seen->n; i++) {
		const char *last = out->n ? out->v[out->n - 1].s.id : "";

		if (picked[i] && (strcmp(last, seen->items[i].s.id) != 0 ||
					 out->v[out->n - 1].swarm != seen->items[i].swarm))
			out->v[out->n++] = seen->items[i];
	}
}

static bool is_kept(const struct fg_service_items *out, const struct fg_service *s, size_t *at)
{
	if (*at == out->n || out->v[*at].s.raw != s->raw)
		return false;
	(*at)++;
	return true;
}

static void pick(struct ask *asks, size_t n, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_service_items *out)
{
	struct seen seen = {0};
	cleanup_free bool *picked = NULL;
	size_t most = 0, at = 0;

	for (size_t i = 0; i < n; i++)
		most += asks[i].list.n * asks[i].swarm->n;
	seen.items = fg_alloc((most + 1) * sizeof(*seen.items));
	seen.subjects = fg_alloc((most + 1) * sizeof(*seen.subjects));
	picked = fg_alloc(most + 1);
	for (size_t i = 0; i < n; i++)
		look(&seen, &asks[i], scope);
	fg_selector_apply(sel, seen.subjects, seen.n, picked);
	keep(&seen, picked, out);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < asks[i].list.n; k++)
			if (!is_kept(out, &asks[i].list.v[k], &at))
				fg_service_finish(&asks[i].list.v[k]);
		free(asks[i].list.v);
	}
	free(seen.items);
	free(seen.subjects);
}

int fg_fleet_services(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_service_items *out, struct fg_err *err)
{
	cleanup_free struct ask *asks = NULL;
	size_t n, failed = 0;
	int rc = 0;

	*out = (struct fg_service_items){0};
	if (fg_fleet_swarms(fleet, scope, &out->swarms, err) < 0)
		return -1;
	n = out->swarms.n;
	asks = fg_alloc((n + 1) * sizeof(*asks));
	for (size_t i = 0; i < n; i++)
		asks[i] = (struct ask){.swarm = &out->swarms.v[i], .rc = -1};
	rc = ask_all(asks, n, err);
	for (size_t i = 0; i < n; i++)
		failed += asks[i].rc < 0;
	if (rc == 0 && n > 0 && failed == n) {
		rc = -1;
		if (err)
			*err = asks[0].err;
	}
	pick(asks, n, scope, sel, out);
	if (rc < 0)
		fg_service_items_finish(out);
	return rc;
}

void fg_service_items_finish(struct fg_service_items *items)
{
	for (size_t i = 0; i < items->n; i++)
		fg_service_finish(&items->v[i].s);
	free(items->v);
	fg_swarms_finish(&items->swarms);
	*items = (struct fg_service_items){0};
}

char *fg_service_title(const struct fg_service_item *item)
{
	if (fg_fleet_count(item->host->fleet) > 1)
		return fg_printf("%s/%s", item->host->name, item->s.name);
	return fg_strdup(item->s.name);
}

/* One of them */

static void add_near(struct fg_str *text, const struct fg_service_items *all, const char *word)
{
	const char *slash = strchr(word, '/');
	size_t found = 0;

	for (size_t i = 0; i < all->n && found < NEAR_MOST; i++) {
		cleanup_free char *title = fg_service_title(&all->v[i]);

		if (near_farness(all->v[i].s.name, slash ? slash + 1 : word) == SIZE_MAX)
			continue;
		fg_str_printf(text, "%s%s", found++ ? ", " : fg_tr("; did you mean "), title);
	}
}

/* Keep the one that is meant, or say why there is none. */
static int not_one(const struct fg_service_items *all, const bool *picked, size_t hits,
	const char *word, struct fg_err *err)
{
	cleanup_str struct fg_str text = {0}, shown = {0};
	size_t named = 0, away = 0;

	fg_str_init(&text, FG_ERR_TEXT - 1);
	fg_str_init(&shown, 120);
	fg_text_clean_line(&shown, word, strlen(word));
	if (hits > 1) {
		for (size_t i = 0; i < all->n && named < 8; i++) {
			cleanup_free char *title = picked[i] ? fg_service_title(&all->v[i]) : NULL;

			if (title)
				fg_str_printf(&text, "%s%s", named++ ? ", " : "", title);
		}
		return fg_fail(err, FG_EINVAL, "%s means %zu services (%s): name one", shown.s,
			hits, text.s);
	}
	if (all->swarms.n == 0 && all->swarms.worker)
		fg_str_printf(&text,
			fg_tr("no host here manages a swarm: %s is a worker, and only a manager knows the services"),
			all->swarms.worker->name);
	else if (all->swarms.n == 0)
		fg_str_puts(&text, fg_tr("no host here manages a swarm, so there are no services"));
	else
		fg_str_printf(&text, fg_tr("no service is called \"%s\""), shown.s);
	add_near(&text, all, word);
	for (size_t i = 0; i < all->swarms.silent_n; i++)
		fg_str_printf(&text, "%s%s", away++ ? ", " : fg_tr("; no answer from "),
			all->swarms.silent[i]->name);
	for (size_t i = 0; i < all->swarms.n; i++)
		if (!all->swarms.v[i].served)
			fg_str_printf(&text, "%s%s", away++ ? ", " : fg_tr("; no answer from "),
				all->swarms.v[i].managers[0]->name);
	return fg_fail(err, FG_ENOTFOUND, "%s", text.s);
}

/* An id names one whatever its letters are; else the word is a selector's. */
static int mark(
	const struct fg_service_items *all, const char *word, bool *picked, struct fg_err *err)
{
	cleanup_selector struct fg_selector *sel = NULL;

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].s.id, word) == 0) {
			picked[i] = true;
			return 1;
		}
	sel = fg_selector_parse(&word, 1, err);
	if (!sel)
		return -1;
	for (size_t i = 0; i < all->n; i++) {
		const struct fg_swarm *swarm = all->v[i].swarm;

		/* HOST is any of the managers' names. */
		for (size_t k = 0; k < swarm->n && !picked[i]; k++) {
			struct fg_subject subject =
				fg_service_subject(swarm->managers[k], &all->v[i].s);

			picked[i] = fg_selector_match(sel, &subject);
		}
	}
	return 0;
}

/* A whole name wins over a pattern. */
static void prefer_exact(const struct fg_service_items *all, const char *word, bool *picked)
{
	const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;
	bool exact = false;

	for (size_t i = 0; i < all->n; i++)
		exact |= picked[i] && strcmp(all->v[i].s.name, name) == 0;
	for (size_t i = 0; i < all->n && exact; i++)
		picked[i] &= strcmp(all->v[i].s.name, name) == 0;
}

int fg_fleet_service_find(struct fg_fleet *fleet, const struct fg_selector *scope, const char *word,
	struct fg_service_items *out, struct fg_err *err)
{
	cleanup_free bool *picked = NULL;
	size_t hits = 0, kept = 0;
	int rc = 0;

	if (fg_fleet_services(fleet, scope, NULL, out, err) < 0)
		return -1;
	picked = fg_alloc(out->n + 1);
	if (mark(out, word, picked, err) < 0)
		rc = -1;
	prefer_exact(out, word, picked);
	for (size_t i = 0; i < out->n; i++)
		hits += picked[i];
	if (rc == 0 && hits != 1)
		rc = not_one(out, picked, hits, word, err);
	for (size_t i = 0; rc == 0 && i < out->n; i++) {
		if (picked[i])
			out->v[kept++] = out->v[i];
		else
			fg_service_finish(&out->v[i].s);
	}
	if (rc < 0)
		fg_service_items_finish(out);
	else
		out->n = kept;
	return rc;
}
