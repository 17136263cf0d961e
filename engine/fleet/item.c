/*
 * Containers over all hosts: asked for side by side, scoped, selected, and near misses when nothing
 * was meant.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/selector.h"
#include "fleetgram/fleet/spec.h"
#include "ask.h"
#include "near.h"

/* None of those that were asked answers: the first one's reason, and how many more there are. */
static int all_silent(const struct ask *asks, size_t n, struct fg_err *err)
{
	if (!err)
		return -1;
	*err = asks[0].err;
	if (n > 1)
		return fg_wrap(err, "none of %zu hosts answers; %s", n, asks[0].host->name);
	return fg_wrap(err, "host %s does not answer", asks[0].host->name);
}

static const char *label_or_empty(const struct fg_container *c, const char *key)
{
	const char *value = fg_container_label(c, key);

	return value ? value : "";
}

struct fg_subject item_subject(const struct fg_host *host, const struct fg_container *c)
{
	return (struct fg_subject){
		.name = c->name,
		.host = host->name,
		.state = c->state,
		.health = c->health,
		.image = c->image,
		.template = label_or_empty(c, FG_LABEL_TEMPLATE),
		.project = label_or_empty(c, ASK_LABEL_PROJECT),
		.id = c->id,
		.labels = c->labels,
	};
}

struct fg_subject fg_item_subject(const struct fg_item *item)
{
	return item_subject(item->host, &item->c);
}

struct fg_subject fg_info_subject(const struct fg_host *host, const struct fg_container_info *info)
{
	const cJSON *labels = fg_json_object(fg_json_object(info->raw, "Config"), "Labels");

	return (struct fg_subject){
		.name = info->name,
		.host = host->name,
		.state = info->state,
		.health = info->health,
		.image = info->image,
		.template = fg_json_str(labels, FG_LABEL_TEMPLATE, ""),
		.project = fg_json_str(labels, ASK_LABEL_PROJECT, ""),
		.id = info->id,
		.labels = labels,
	};
}

static int by_name(const void *a, const void *b)
{
	const struct fg_item *x = a, *y = b;

	return strcmp(x->c.name, y->c.name);
}

/* Move what is in scope out of a host's answer to the end of the items, by name. */
static void collect_one(
	struct ask *ask, const struct fg_selector *scope, struct fg_item *v, size_t *n)
{
	size_t first = *n;

	for (size_t k = 0; k < ask->list.n; k++) {
		struct fg_item *item = &v[*n];
		struct fg_subject subject;

		*item = (struct fg_item){ask->host, ask->list.v[k]};
		subject = fg_item_subject(item);
		if (!fg_selector_match(scope, &subject))
			continue;
		memset(&ask->list.v[k], 0, sizeof(ask->list.v[k]));
		++*n;
	}
	qsort(v + first, *n - first, sizeof(*v), by_name);
}

/* What has come was in scope. */
static void collect(struct ask *asks, size_t n, const struct ask_want *want, struct fg_items *out)
{
	size_t total = 0, stale = 0, i;

	for (i = 0; i < n; i++)
		*(asks[i].silent ? &stale : &total) += asks[i].list.n;
	out->v = fg_alloc((total + 1) * sizeof(*out->v));
	out->stale = fg_alloc((stale + 1) * sizeof(*out->stale));
	out->silent = fg_alloc((n + 1) * sizeof(struct fg_host *));
	for (i = 0; i < n; i++) {
		if (asks[i].silent) {
			out->silent[out->silent_n++] = asks[i].host;
			collect_one(&asks[i], want->scope, out->stale, &out->stale_n);
		} else {
			collect_one(&asks[i], NULL, out->v, &out->n);
		}
	}
}

/* Everything in scope on these hosts. known: what is only known is something. */
static int gather_at(struct fg_fleet *fleet, struct fg_host *const *hosts, size_t hosts_n,
	const struct ask_want *want, bool known, struct fg_items *out, struct fg_err *err)
{
	struct asking *asking;
	struct ask *asks;
	size_t n;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	asking = asking_run(fleet, hosts, hosts_n, want, err);
	if (!asking)
		return -1;
	asks = asking_answers(asking, &n);
	collect(asks, n, want, out);
	if (n > 0 && out->silent_n == n && (!known || out->stale_n == 0)) {
		fg_items_finish(out);
		rc = all_silent(asks, n, err);
	}
	asking_end(asking);
	return rc;
}

/* … on the hosts that its selectors can concern. */
static int gather(struct fg_fleet *fleet, const struct ask_want *want, bool known,
	struct fg_items *out, struct fg_err *err)
{
	size_t count = fg_fleet_count(fleet), n = 0;
	cleanup_free struct fg_host **hosts = fg_alloc((count + 1) * sizeof(struct fg_host *));

	for (size_t i = 0; i < count; i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);

		if (fg_selector_match_host(want->scope, host->name) &&
			fg_selector_match_host(want->sel, host->name))
			hosts[n++] = host;
	}
	return gather_at(fleet, hosts, n, want, known, out, err);
}

static void items_keep(struct fg_item *v, size_t *n, const bool *picked)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		if (picked[i])
			v[kept++] = v[i];
		else
			fg_container_finish(&v[i].c);
	}
	*n = kept;
}

/* Keep what sel picks. A word means the same among what is there and what is only known of. */
static void items_pick(struct fg_items *items, const struct fg_selector *sel)
{
	size_t all = items->n + items->stale_n;
	cleanup_free struct fg_subject *subjects = fg_alloc((all + 1) * sizeof(*subjects));
	cleanup_free bool *picked = fg_alloc(all + 1);

	for (size_t i = 0; i < items->n; i++)
		subjects[i] = fg_item_subject(&items->v[i]);
	for (size_t i = 0; i < items->stale_n; i++)
		subjects[items->n + i] = fg_item_subject(&items->stale[i]);
	fg_selector_apply(sel, subjects, all, picked);
	/* Without its labels a `!label=…` would pick it. */
	for (size_t i = 0; i < items->n; i++)
		picked[i] = picked[i] && items->v[i].c.labels;
	items_keep(items->stale, &items->stale_n, picked + items->n);
	items_keep(items->v, &items->n, picked);
}

int fg_fleet_list(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, struct fg_err *err)
{
	if (gather(fleet, &(struct ask_want){scope, sel, ASK_ALL}, false, out, err) < 0)
		return -1;
	items_pick(out, sel);
	return 0;
}

int fg_hosts_list(struct fg_fleet *fleet, struct fg_host *const *hosts, size_t n,
	struct fg_items *out, struct fg_err *err)
{
	return gather_at(fleet, hosts, n, &(struct ask_want){0}, false, out, err);
}

int fg_fleet_list_known(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, struct fg_err *err)
{
	if (gather(fleet, &(struct ask_want){scope, sel, ASK_ALL}, true, out, err) < 0)
		return -1;
	items_pick(out, sel);
	return 0;
}

/* Labels that sel looks at stay. */
static struct ask_want brief(const struct fg_selector *scope, const struct fg_selector *sel)
{
	return (struct ask_want){scope, sel, fg_selector_reads_labels(sel) ? ASK_ALL : ASK_BRIEF};
}

int fg_fleet_list_brief(struct fg_fleet *fleet, const struct fg_selector *scope,
	struct fg_items *out, struct fg_err *err)
{
	struct ask_want want = brief(scope, NULL);

	return gather(fleet, &want, true, out, err);
}

int fg_fleet_list_bare(struct fg_fleet *fleet, const struct fg_selector *scope,
	struct fg_items *out, struct fg_err *err)
{
	return gather(fleet, &(struct ask_want){scope, NULL, ASK_BARE}, true, out, err);
}

size_t near_farness(const char *name, const char *word)
{
	size_t len = strlen(word), most = len < 4 ? 1 : len / 3 + 1, d;

	if (strcasecmp(name, word) == 0)
		return 0;
	if (len >= 2 && strncasecmp(name, word, len) == 0)
		return 1;
	d = fg_text_distance(name, word);
	if (d <= most)
		return d + 1;
	return len >= 3 && strcasestr(name, word) ? 10 : SIZE_MAX;
}

static void near_find(const struct fg_items *items, const char *word, char *near[FG_NEAR])
{
	size_t best[FG_NEAR], found = 0, k;

	for (size_t i = 0; i < items->n; i++) {
		size_t d = near_farness(items->v[i].c.name, word);

		if (d == SIZE_MAX || (found == FG_NEAR && d >= best[FG_NEAR - 1]))
			continue;
		if (found == FG_NEAR)
			free(near[--found]);
		for (k = found++; k > 0 && best[k - 1] > d; k--) {
			best[k] = best[k - 1];
			near[k] = near[k - 1];
		}
		best[k] = d;
		near[k] = fg_item_title(&items->v[i]);
	}
}

static void host_names(struct fg_fleet *fleet, const struct fg_selector *scope, struct fg_str *out)
{
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		const char *name = fg_fleet_host(fleet, i)->name;

		if (fg_selector_match_host(scope, name))
			fg_str_printf(out, "%s%s", out->len ? ", " : "", name);
	}
}

static bool any_host(
	struct fg_fleet *fleet, const struct fg_selector *scope, const struct fg_selector *sel)
{
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		const char *name = fg_fleet_host(fleet, i)->name;

		if (fg_selector_match_host(scope, name) && fg_selector_match_host(sel, name))
			return true;
	}
	return false;
}

static int nothing_picked(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, const struct fg_items *items, char *near[FG_NEAR],
	struct fg_err *err)
{
	cleanup_str struct fg_str text, shown;
	size_t found = 0, i;

	fg_str_init(&text, FG_ERR_TEXT - 1);
	fg_str_init(&shown, 120);
	fg_text_clean_line(&shown, fg_selector_text(sel), strlen(fg_selector_text(sel)));
	if (fg_selector_is_empty(sel))
		fg_str_puts(&text, fg_tr("there are no containers"));
	else
		fg_str_printf(&text, fg_tr("no container matches \"%s\""), shown.s);
	if (!any_host(fleet, scope, sel)) {
		fg_str_puts(&text, fg_tr("; the hosts are "));
		fg_str_reset(&shown);
		host_names(fleet, scope, &shown);
		fg_str_puts(&text, shown.len ? shown.s : fg_tr("none"));
	}
	while (found < FG_NEAR && near[found])
		found++;
	for (i = 0; i < found; i++)
		fg_str_printf(&text, "%s%s",
			i == 0          ? fg_tr("; did you mean ")
			: i + 1 < found ? ", "
					: fg_tr(" or "),
			near[i]);
	for (i = 0; i < items->silent_n; i++)
		fg_str_printf(&text, "%s%s", i ? ", " : fg_tr("; no answer from "),
			items->silent[i]->name);
	return fg_fail(err, FG_ENOTFOUND, "%s", text.s);
}

/* Among what is there there is nothing, but it was there when its host last answered. */
static int only_stale(const struct fg_items *items, struct fg_err *err)
{
	const struct fg_item *first = &items->stale[0];
	cleanup_free char *title = fg_item_title(first);
	char age[FG_HUMAN];

	fg_duration_human(age, fg_wall_age(first->host->listed_ms));
	if (items->stale_n > 1)
		return fg_fail(err, FG_EUNREACHABLE,
			"%zu containers match, %s first, on hosts that do not answer: last seen %s ago",
			items->stale_n, title, age);
	return fg_fail(err, FG_EUNREACHABLE,
		"%s is on %s, which does not answer: it was %s when last seen, %s ago", title,
		first->host->name, first->c.state, age);
}

static int pick(struct fg_fleet *fleet, const struct ask_want *want, struct fg_items *out,
	char *near[FG_NEAR], struct fg_err *err)
{
	const struct fg_selector *scope = want->scope, *sel = want->sel;
	const char *word = fg_selector_plain(sel);
	char *found[FG_NEAR] = {NULL};
	int rc = 0;

	if (near)
		memset(near, 0, FG_NEAR * sizeof(*near));
	if (gather(fleet, want, true, out, err) < 0)
		return -1;
	if (word)
		near_find(out, word, found);
	items_pick(out, sel);
	if (out->n + out->stale_n == 0)
		rc = nothing_picked(fleet, scope, sel, out, found, err);
	for (size_t i = 0; i < FG_NEAR; i++) {
		if (near && rc < 0)
			near[i] = found[i];
		else
			free(found[i]);
	}
	if (rc < 0)
		fg_items_finish(out);
	return rc;
}

int fg_fleet_pick_known(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, char *near[FG_NEAR],
	struct fg_err *err)
{
	return pick(fleet, &(struct ask_want){scope, sel, ASK_ALL}, out, near, err);
}

int fg_fleet_pick_brief(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, char *near[FG_NEAR],
	struct fg_err *err)
{
	struct ask_want want = brief(scope, sel);

	return pick(fleet, &want, out, near, err);
}

int fg_fleet_pick(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, char *near[FG_NEAR],
	struct fg_err *err)
{
	int rc = pick(fleet, &(struct ask_want){scope, sel, ASK_ALL}, out, near, err);

	if (rc == 0 && out->n == 0) {
		rc = only_stale(out, err);
		fg_items_finish(out);
	}
	return rc;
}

void fg_items_finish(struct fg_items *items)
{
	for (size_t i = 0; i < items->n; i++)
		fg_container_finish(&items->v[i].c);
	for (size_t i = 0; i < items->stale_n; i++)
		fg_container_finish(&items->stale[i].c);
	free(items->v);
	free(items->stale);
	free(items->silent);
	free(items->paused);
	memset(items, 0, sizeof(*items));
}

char *fg_item_title(const struct fg_item *item)
{
	if (fg_fleet_count(item->host->fleet) > 1)
		return fg_printf("%s/%s", item->host->name, item->c.name);
	return fg_strdup(item->c.name);
}
