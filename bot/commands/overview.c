/*
 * Counting a fleet within a scope.
 */
#include <string.h>
#include "commands/absent.h"
#include "commands/format.h"
#include "commands/overview.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/fleet/pause.h"

#define FIRST_LOOK_MS                                                                             \
	5000               /* so long after it a host that was never up counts as down since then \
			    */
#define AT_ONCE 256        /* instances between two looks at what else there is to do */
#define HOSTS_MOST 12      /* so many have a line each */
#define PROBE_TIMEOUT 5000 /* ms: who looks does not want to wait long for a dead host */

static void count(struct tally *t, const char *state, const char *health)
{
	t->total++;
	dots_count(&t->dots, state, health);
	if (strcmp(state, "running") == 0)
		t->running++;
	else if (strcmp(state, "exited") == 0 || strcmp(state, "dead") == 0 ||
		 strcmp(state, "created") == 0)
		t->stopped++;
	if (strcmp(health, "unhealthy") == 0)
		t->unhealthy++;
}

static int by_place(const void *a, const void *b)
{
	const struct fg_item *const *x = a, *const *y = b;
	int order = strcmp((*x)->c.id, (*y)->c.id);

	return order ? order : strcmp((*x)->host->name, (*y)->host->name);
}

/* The items by id and host; caller frees. */
static const struct fg_item **sorted(const struct fg_items *items)
{
	const struct fg_item **all = fg_alloc((items->n + 1) * sizeof(*all));

	for (size_t i = 0; i < items->n; i++)
		all[i] = &items->v[i];
	qsort(all, items->n, sizeof(*all), by_place);
	return all;
}

static const struct fg_item *find_item(
	const struct fg_item **all, size_t n, const struct fg_entry *entry)
{
	struct fg_host host = {.name = entry->host};
	struct fg_item wanted = {.host = &host}, *key = &wanted;
	const struct fg_item *const *found;

	snprintf(wanted.c.id, sizeof(wanted.c.id), "%s", entry->container_id);
	found = bsearch(&key, all, n, sizeof(*all), by_place);
	return found ? *found : NULL;
}

bool overview_sees(const struct command *c, const struct fg_instance *instance)
{
	struct fg_subject subject = {
		.name = instance->name,
		.host = instance->host,
		.state = instance->state,
		.health = "",
		.image = instance->image,
		.template = instance->template,
		.project = "",
		.id = instance->container_id,
		.labels = fg_json_object(fg_json_object(instance->doc, "spec"), "labels"),
	};

	/* The registry does not know all that a scope may exclude by. */
	return !c->person.scope || (!fg_selector_excludes(c->person.scope) &&
					   fg_selector_match(c->person.scope, &subject));
}

/* The same for one of which only the entry was read. */
static bool sees_entry(const struct command *c, const struct fg_entry *entry)
{
	cleanup_instance struct fg_instance instance = {0};

	if (!c->person.scope)
		return true;
	if (!fg_selector_match_host(c->person.scope, entry->host))
		return false;
	return fg_registry_find_name(c->app->registry, entry->host, entry->name, &instance, NULL) >
		       0 &&
	       overview_sees(c, &instance);
}

/* The registry learns at certain moments only that a container has gone. Here its host was just
 * asked. */
static bool is_missing(
	const struct command *c, const struct overview *o, const struct fg_entry *entry)
{
	if (strcmp(entry->state, "missing") == 0 || !fg_fleet_find(c->setup->fleet, entry->host))
		return true;
	for (size_t i = 0; i < o->host_count; i++)
		if (strcmp(o->hosts[i].host->name, entry->host) == 0)
			return o->hosts[i].answered;
	return false;
}

static enum sight look(
	const struct command *c, const struct fg_items *there, const struct fg_entry *entry)
{
	return absent_look(c, there, entry->host, entry->name, entry->container_id);
}

/* Count what is in scope: an instance whose container is, or one without a container that would be;
 * keep what is missing. */
static int take_instances(struct command *c, struct overview *o)
{
	cleanup_free const struct fg_item **items = sorted(&o->items);
	cleanup_items struct fg_items there = {0};
	cleanup_entries struct fg_entries all = {0};

	if (absent_list_all(c, &there) < 0 ||
		fg_registry_entries(c->app->registry, &all, &c->err) < 0)
		return -1;
	o->missing.v = fg_alloc((all.n + 1) * sizeof(*o->missing.v));
	for (size_t i = 0; i < all.n; i++) {
		const struct fg_item *item = find_item(items, o->items.n, &all.v[i]);
		enum sight sight;

		/* Reading documents takes a while when there are many. */
		if (i % AT_ONCE == AT_ONCE - 1 && fg_task_sleep(0, &c->err) < 0)
			return -1;
		sight = item ? SIGHT_SEEN : look(c, &there, &all.v[i]);
		if (sight == SIGHT_HIDDEN || (sight == SIGHT_NONE && !sees_entry(c, &all.v[i])))
			continue;
		if (item || !is_missing(c, o, &all.v[i])) {
			count(&o->instances, item ? item->c.state : all.v[i].state,
				item ? item->c.health : "");
			continue;
		}
		o->instances.total++;
		o->missing.v[o->missing.n++] = all.v[i];
		all.v[i] = (struct fg_entry){0};
	}
	return 0;
}

static void count_items(
	struct tally *t, const struct fg_host *host, const struct fg_item *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].host == host)
			count(t, v[i].c.state, v[i].c.health);
}

static void take_hosts(struct command *c, struct overview *o)
{
	struct fg_fleet *fleet = c->setup->fleet;

	o->hosts = fg_alloc((fg_fleet_count(fleet) + 1) * sizeof(*o->hosts));
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);
		struct overview_host *h = &o->hosts[o->host_count];

		if (c->person.scope && !fg_selector_match_host(c->person.scope, host->name))
			continue;
		h->host = host;
		h->answered = host->known && host->up;
		for (size_t k = 0; k < o->items.silent_n; k++)
			if (o->items.silent[k] == host)
				h->answered = false;
		count_items(&h->containers, host, o->items.v, o->items.n);
		count_items(&h->stale, host, o->items.stale, o->items.stale_n);
		o->down += !h->answered && !fg_host_paused(host);
		o->host_count++;
	}
}

int overview_take(struct command *c, bool probe, struct overview *o)
{
	*o = (struct overview){0};
	if (probe)
		fg_fleet_probe(c->setup->fleet, PROBE_TIMEOUT);
	if (fg_fleet_list_bare(c->setup->fleet, c->person.scope, &o->items, &c->err) < 0 &&
		(c->err.code == FG_ECANCELED || fg_task_canceled()))
		return -1;
	take_hosts(c, o);
	for (size_t i = 0; i < o->items.n; i++)
		count(&o->containers, o->items.v[i].c.state, o->items.v[i].c.health);
	return take_instances(c, o);
}

void overview_finish(struct overview *o)
{
	free(o->hosts);
	fg_items_finish(&o->items);
	fg_entries_finish(&o->missing);
}

void overview_host_html(struct fg_str *html, const struct overview_host *h)
{
	const struct fg_host *host = h->host;
	char age[FG_HUMAN], until[32];

	if (fg_host_paused(host)) {
		html_printf(html, "🔧 <b>%s</b> is paused until %s · ", host->name,
			format_until(until, host->paused_ms));
		if (h->answered)
			dots_html(html, &h->containers.dots);
		else
			html_printf(html, "does not answer");
	} else if (h->answered) {
		html_printf(html, "🖥 <b>%s</b> · ", host->name);
		dots_html(html, &h->containers.dots);
	} else if (!host->known) {
		html_printf(html, "🟡 <b>%s</b> has not been asked yet", host->name);
	} else if (host->up) {
		html_printf(html, "🟡 <b>%s</b> is slow to answer", host->name);
		if (host->slow)
			html_printf(html, " for %s", format_age(age, fg_wall_age(host->slow_ms)));
	} else {
		int64_t down_ms = fg_wall_ms() - host->since_ms;
		/* What was only just looked at for the first time may be down for long. */
		bool since = *host->version.version || down_ms >= FIRST_LOOK_MS;

		html_printf(html, since ? "🔴 <b>%s</b> down for %s: %s" : "🔴 <b>%s</b> down%s: %s",
			host->name, since ? format_age(age, down_ms) : "", host->why.text);
	}
	fg_str_putc(html, '\n');
	if (h->answered || h->stale.total == 0)
		return;
	html_printf(html, "   🕓 as last seen %s ago: ",
		format_age(age, fg_wall_age(host->listed_ms)));
	dots_html(html, &h->stale.dots);
	fg_str_putc(html, '\n');
}

static cJSON *host_data(const struct overview_host *h)
{
	const struct fg_host *host = h->host;
	cJSON *data = cJSON_CreateObject();
	char time[FG_RFC3339];

	cJSON_AddStringToObject(data, "name", host->name);
	cJSON_AddStringToObject(data, "state", h->answered ? "ok" : "down");
	cJSON_AddStringToObject(data, "engine", host->version.kind);
	cJSON_AddStringToObject(data, "version", host->version.version);
	cJSON_AddStringToObject(data, "api_version", host->version.api_version);
	cJSON_AddNumberToObject(data, "latency_ms", host->latency_ms);
	if (host->since_ms > 0)
		cJSON_AddStringToObject(data, "since", fg_rfc3339(time, host->since_ms));
	if (!h->answered && host->known && !host->up)
		cJSON_AddStringToObject(data, "why", host->why.text);
	if (fg_host_paused(host))
		cJSON_AddStringToObject(data, "paused_until", fg_rfc3339(time, host->paused_ms));
	cJSON_AddBoolToObject(data, "slow", !h->answered && host->up && host->slow);
	cJSON_AddNumberToObject(data, "containers", h->containers.total);
	if (!h->answered && host->listed_ms > 0) {
		cJSON_AddNumberToObject(data, "stale_containers", h->stale.total);
		cJSON_AddStringToObject(data, "seen_at", fg_rfc3339(time, host->listed_ms));
	}
	return data;
}

static cJSON *tally_data(const struct tally *t)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddNumberToObject(data, "total", t->total);
	cJSON_AddNumberToObject(data, "running", t->running);
	cJSON_AddNumberToObject(data, "stopped", t->stopped);
	cJSON_AddNumberToObject(data, "unhealthy", t->unhealthy);
	return data;
}

/* Where there are many, those that are well share a line. */
void overview_hosts_html(struct fg_str *html, const struct overview *o)
{
	size_t well = 0, shown = 0;
	struct dots dots = {0};

	for (size_t i = 0; i < o->host_count; i++) {
		const struct overview_host *h = &o->hosts[i];
		bool quiet = h->answered && !h->containers.unhealthy && !fg_host_paused(h->host);

		if (o->host_count > HOSTS_MOST && (quiet || shown == HOSTS_MOST)) {
			well += quiet;
			for (size_t k = 0; quiet && k < DOTS_KINDS; k++)
				dots.n[k] += h->containers.dots.n[k];
			continue;
		}
		overview_host_html(html, h);
		shown++;
	}
	if (o->host_count > shown + well)
		html_printf(
			html, "… and %d more to look at\n", (int)(o->host_count - shown - well));
	if (well) {
		html_printf(html,
			fg_ntr("🖥 <b>%d host</b> · ", "🖥 <b>%d hosts</b> · ", well),
			(int)well);
		dots_html(html, &dots);
		fg_str_putc(html, '\n');
	}
}

void overview_data(cJSON *data, const struct overview *o)
{
	cJSON *hosts = cJSON_AddArrayToObject(data, "hosts"), *instances;

	for (size_t i = 0; i < o->host_count; i++)
		cJSON_AddItemToArray(hosts, host_data(&o->hosts[i]));
	instances = tally_data(&o->instances);
	cJSON_AddNumberToObject(instances, "missing", (double)o->missing.n);
	cJSON_AddItemToObject(data, "instances", instances);
	cJSON_AddItemToObject(data, "containers", tally_data(&o->containers));
}
