/*
 * Looking for drift in services.
 */
#include <string.h>
#include "commands/differences.h"
#include "commands/format.h"
#include "commands/places.h"
#include "commands/service_differences.h"
#include "fleetgram/base/json.h"

struct look {
	struct fg_today *today;
	struct service_difference *d;
};

static void look_at(void *arg)
{
	const struct look *look = arg;
	struct service_difference *d = look->d;
	struct fg_service_item *item = d->item;

	d->looked = fg_managed_drift(look->today, item->swarm, &d->instance, &item->s, &d->drift,
			    &d->err) == 0;
}

/* At all of the items that are instances, side by side. */
static int look_all(struct command *c, struct fg_today *today, struct service_differences *out)
{
	cleanup_free struct look *looks = fg_alloc((out->items.n + 1) * sizeof(*looks));

	out->v = fg_alloc((out->items.n + 1) * sizeof(*out->v));
	for (size_t i = 0; i < out->items.n; i++) {
		struct fg_service_item *item = &out->items.v[i];
		struct service_difference *d = &out->v[out->n];
		int rc = fg_managed_find(
			c->app->registry, item->swarm->id, item->s.id, &d->instance, &c->err);

		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		d->item = item;
		looks[out->n++] = (struct look){today, d};
	}
	if (places_each(c, "drift of a service", look_at, looks, out->n, sizeof(*looks)) < 0)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		out->drifted += out->v[i].drift.state == FG_CONFIG_DRIFTED;
		out->strange += out->v[i].drift.state == FG_CONFIG_UNKNOWN;
	}
	return 0;
}

/* Whether a swarm that answered has that service. */
static bool is_missing(const struct fg_service_items *items, const struct fg_instance *instance)
{
	const struct fg_swarm *swarm = NULL;

	for (size_t i = 0; i < items->swarms.n; i++)
		if (items->swarms.v[i].served && strcmp(items->swarms.v[i].id, instance->host) == 0)
			swarm = &items->swarms.v[i];
	for (size_t i = 0; i < items->n; i++)
		if (strcmp(items->v[i].s.id, instance->container_id) == 0)
			return false;
	return swarm != NULL;
}

/* Only for who sees everything: what is gone can be in nobody's scope but by its notes. */
static void add_missing(struct command *c, struct service_differences *out)
{
	cleanup_instances struct fg_instances all = {0};
	struct fg_err err;

	if (c->person.scope || fg_managed_list(c->app->registry, &all, &err) < 0)
		return;
	for (size_t i = 0; i < all.n; i++) {
		if (!is_missing(&out->items, &all.v[i]))
			continue;
		out->v = fg_realloc(out->v, out->n + 1, sizeof(*out->v));
		out->v[out->n++] = (struct service_difference){.instance = all.v[i]};
		all.v[i] = (struct fg_instance){0};
		out->missing++;
	}
}

int service_differences_take(struct command *c, struct fg_today *today, const char *const *words,
	size_t n, struct service_differences *out)
{
	cleanup_selector struct fg_selector *sel = NULL;

	*out = (struct service_differences){0};
	if (!fg_managed_any(c->app->registry))
		return 0;
	sel = fg_selector_parse(words, n, &c->err);
	if (!sel)
		return -1;
	if (fg_fleet_services(c->setup->fleet, c->person.scope, sel, &out->items, &out->why) < 0)
		return 0;
	out->why.code = 0;
	if (look_all(c, today, out) < 0)
		return -1;
	if (n == 0)
		add_missing(c, out);
	return 0;
}

int service_differences_one(struct command *c, struct fg_today *today,
	struct fg_service_items *items, struct service_differences *out)
{
	*out = (struct service_differences){.items = *items};
	*items = (struct fg_service_items){0};
	return look_all(c, today, out);
}

void service_differences_finish(struct service_differences *d)
{
	for (size_t i = 0; i < d->n; i++) {
		fg_instance_finish(&d->v[i].instance);
		fg_drift_finish(&d->v[i].drift);
	}
	free(d->v);
	fg_service_items_finish(&d->items);
	*d = (struct service_differences){0};
}

static void write_head(struct fg_str *html, const struct service_differences *d)
{
	size_t there = d->n - d->missing, known = there - d->strange;
	char count[64];

	if (d->drifted)
		html_printf(html,
			d->drifted == 1
				? "🧭 <b>%d of %s has drifted</b> (config says → is)\n"
				: "🧭 <b>%d of %s have drifted</b> (config says → is)\n",
			(int)d->drifted, format_count(count, there, "%zu service", "%zu services"));
	else if (known)
		html_printf(html,
			known == 1 ? "✅ Nothing has drifted: %s is as the config says.\n"
				   : "✅ Nothing has drifted: %s are as the config says.\n",
			format_count(count, known, "%zu service", "%zu services"));
}

void service_differences_html(struct fg_str *html, const struct service_differences *d)
{
	if (d->why.code)
		html_printf(html, FG_TEXT("⚠️ %s\n"), d->why.text);
	write_head(html, d);
	for (size_t i = 0; i < d->n; i++) {
		const struct service_difference *one = &d->v[i];
		cleanup_free char *title = one->item ? swarm_title(one->item) : NULL;
		cleanup_free char *template = format_cut(one->instance.template, 48);

		if (!title || one->drift.state == FG_CONFIG_IN_SYNC)
			continue;
		if (one->drift.state == FG_CONFIG_UNKNOWN) {
			html_printf(html, FG_TEXT("❔ <b>%s</b>: %s\n"), title,
				one->looked ? one->drift.why.text : one->err.text);
			continue;
		}
		html_printf(html, "\n<b>%s</b> (template <code>%s</code>)\n", title, template);
		differences_html(html, &one->drift);
	}
	for (size_t i = 0; i < d->n; i++)
		if (!d->v[i].item)
			html_printf(html,
				"⚫ The service <b>%s</b> is missing from its swarm: /remove forgets it, /create "
				"makes it again.\n",
				d->v[i].instance.name);
}

void service_differences_data(cJSON *list, const struct service_differences *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct service_difference *one = &d->v[i];
		cJSON *data = cJSON_CreateObject();

		cJSON_AddStringToObject(data, "kind", "service");
		cJSON_AddStringToObject(data, "name", one->instance.name);
		cJSON_AddStringToObject(data, "host", one->item ? one->item->host->name : "");
		cJSON_AddStringToObject(data, "config",
			one->item ? fg_config_state_name(one->drift.state) : "missing");
		cJSON_AddItemToObject(data, "differences", differences_fields(&one->drift));
		if (one->item && one->drift.state == FG_CONFIG_UNKNOWN)
			cJSON_AddStringToObject(
				data, "why", one->looked ? one->drift.why.text : one->err.text);
		cJSON_AddItemToArray(list, data);
	}
}
