/*
 * /apply and /remove of services that were made from templates.
 */
#include <string.h>
#include "commands/differences.h"
#include "commands/format.h"
#include "commands/service_act.h"
#include "commands/service_deed.h"
#include "commands/service_differences.h"
#include "fleetgram/base/json.h"

#define PREVIEW_CAP 131072 /* more than a few messages goes as a file */

static int apply(struct deed *d)
{
	const struct service_difference *diff = d->arg;
	char author[96];
	struct fg_managed_apply how = {
		.by = command_author(d->c, author), .warnings = &d->warnings};
	int rc = fg_managed_apply(d->c->app->registry, d->item->swarm, &diff->instance, &d->item->s,
		&diff->drift, &how, &d->c->err);

	d->rolls = how.rolls;
	return rc;
}

/* What is agreed to is these very changes. */
static void agreed(const struct service_difference *diff, char hash[FG_HASH_SIZE])
{
	cleanup_json cJSON *what = cJSON_CreateObject();

	cJSON_AddStringToObject(what, "id", diff->item->s.id);
	cJSON_AddStringToObject(what, "hash", diff->drift.hash);
	for (size_t i = 0; i < diff->drift.n; i++)
		cJSON_AddStringToObject(what, diff->drift.v[i].field,
			diff->drift.v[i].have ? diff->drift.v[i].have : "");
	fg_spec_hash(what, hash);
}

static int perform(struct command *c, struct service_difference *diff)
{
	cleanup_deed struct deed d = {.c = c, .item = diff->item, .perform = apply, .arg = diff};
	cleanup_free char *title = swarm_title(diff->item);
	cleanup_str struct fg_str html = {0};
	char hash[FG_HASH_SIZE];

	fg_str_init(&html, PREVIEW_CAP);
	html_printf(&html, "🧭 <b>Apply the config to %s?</b> (config says → is)\n", title);
	differences_html(&html, &diff->drift);
	html_printf(&html,
		"\nThe swarm does it as the service's own update settings say; replicas, labels and "
		"placement leave the tasks that may stay alone.");
	agreed(diff, hash);
	d.agreed = strchr(hash, ':') + 1;
	d.operation = "apply";
	d.same = FG_TEXT("as the config says");
	d.rolls = true;
	d.preview = fg_str_take(&html);
	d.doing = fg_strdup(fg_tr("applying the config"));
	fg_str_init(&html, 1024);
	html_printf(&html, "<b>%s</b> is as the config says.", title);
	d.done = fg_str_take(&html);
	if (fg_managed_find(c->app->registry, diff->item->swarm->id, diff->item->s.id, &d.instance,
		    &c->err) < 0)
		return -1;
	return deed_run(&d);
}

int service_apply(struct command *c, struct fg_service_items *items)
{
	cleanup_today struct fg_today *today =
		fg_today_create(c->setup->config->templates, c->setup->config->defaults);
	cleanup_free char *name = fg_strdup(items->v[0].s.name);
	cleanup_service_differences struct service_differences all = {0};
	struct service_difference *diff;

	if (service_differences_one(c, today, items, &all) < 0)
		return -1;
	if (all.n == 0)
		return fg_fail(&c->err, FG_EINVAL,
			"%s is no instance of a template: there is nothing to apply", name);
	diff = &all.v[0];
	if (diff->drift.state == FG_CONFIG_UNKNOWN)
		return fg_fail(&c->err, FG_ECONFLICT, "what %s should be is not known: %s", name,
			diff->looked ? diff->drift.why.text : diff->err.text);
	if (diff->drift.state == FG_CONFIG_IN_SYNC && !c->frozen) {
		c->reply->data = cJSON_CreateArray();
		return reply_html(
			c->reply, "✅ Nothing to do: <b>%s</b> is as the config says.", name);
	}
	return perform(c, diff);
}

/* Removing */

static void remove_preview(
	struct fg_str *html, const struct fg_service_item *item, const struct fg_instance *instance)
{
	cleanup_free char *title = swarm_title(item);
	int64_t running = item->s.running;

	html_printf(html, "🗑 <b>Remove the service %s?</b>", title);
	if (running > 0)
		html_printf(html,
			fg_ntr("\n%d task of it runs, and is stopped.",
				"\n%d tasks of it run, and are stopped.", (size_t)running),
			(int)running);
	if (instance->doc)
		html_printf(html,
			"\nIt is an instance of <code>%s</code>; the registry forgets it too.",
			instance->template);
	html_printf(html, "\nVolumes stay on their nodes.");
}

int service_remove(struct command *c, struct fg_service_item *item)
{
	cleanup_instance struct fg_instance instance = {0};
	cleanup_swarm_target struct swarm_target target = {0};
	cleanup_str struct fg_str preview = {0};
	cleanup_free char *title = swarm_title(item);
	int rc;

	swarm_target_service(&target, item);
	if (fg_managed_find(c->app->registry, item->swarm->id, item->s.id, &instance, &c->err) < 0)
		return -1;
	fg_str_init(&preview, 8192);
	remove_preview(&preview, item, &instance);
	command_targets_are(c, FG_PLURAL("%s %zu service", "%s %zu services"));
	c->asks = item->s.running > 1;
	rc = command_confirm(c, &target.items, preview.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, &target.items, NULL) < 0)
		return -1;
	if (fg_swarm_remove(item->swarm, item->s.id, &c->err) < 0 && c->err.code != FG_ENOTFOUND)
		return fg_wrap(&c->err, "%s", item->s.name);
	if (instance.doc &&
		fg_managed_forget(c->app->registry, item->swarm->id, instance.name, &c->err) < 0)
		return fg_wrap(&c->err, "it is removed, and the registry does not know it");
	c->reply->data = cJSON_CreateObject();
	cJSON_AddStringToObject(c->reply->data, "operation", "remove");
	cJSON_AddStringToObject(c->reply->data, "kind", "service");
	cJSON_AddStringToObject(c->reply->data, "name", item->s.name);
	return reply_html(c->reply, "✅ The service <b>%s</b> is removed.", title);
}

static bool is_there(const struct fg_service_items *items, const struct fg_instance *instance)
{
	for (size_t i = 0; i < items->n; i++)
		if (strcmp(items->v[i].s.id, instance->container_id) == 0)
			return true;
	return false;
}

/* The one of that name that no swarm which answers has any more. */
static int find_missing(struct command *c, const char *word, struct fg_instance *out)
{
	cleanup_instances struct fg_instances all = {0};
	cleanup_service_items struct fg_service_items items = {0};
	struct fg_err err;
	size_t found;
	bool any = false;

	if (c->person.scope || fg_managed_list(c->app->registry, &all, &err) < 0)
		return 0;
	for (size_t i = 0; i < all.n; i++)
		any |= strcmp(all.v[i].name, word) == 0;
	if (!any || fg_fleet_services(c->setup->fleet, NULL, NULL, &items, &err) < 0)
		return 0;
	/* Its swarm may have been left for ever; but a manager that is silent may know it. */
	if (items.swarms.silent_n)
		return 0;
	for (size_t i = 0; i < items.swarms.n; i++)
		if (!items.swarms.v[i].served)
			return 0;
	for (found = 0; found < all.n; found++)
		if (strcmp(all.v[found].name, word) == 0 && !is_there(&items, &all.v[found]))
			break;
	if (found == all.n)
		return 0;
	*out = all.v[found];
	all.v[found] = (struct fg_instance){0};
	return 1;
}

int service_forget(struct command *c, const char *word)
{
	cleanup_instance struct fg_instance missing = {0};
	cleanup_str struct fg_str preview = {0};
	struct fg_items none = {0};
	int rc = find_missing(c, word, &missing);

	if (rc <= 0)
		return rc;
	fg_str_init(&preview, 4096);
	html_printf(&preview,
		"🗑 <b>Forget the service %s?</b>\nIt is missing from its swarm; only what the registry "
		"knows of it goes.",
		missing.name);
	command_targets_are(c, FG_PLURAL("%s %zu service", "%s %zu services"));
	rc = command_confirm(c, &none, preview.s);
	if (rc <= 0)
		return rc < 0 ? -1 : 1;
	if (command_begin(c, NULL, missing.name) < 0 ||
		fg_managed_forget(c->app->registry, missing.host, missing.name, &c->err) < 0)
		return -1;
	c->reply->data = cJSON_CreateObject();
	cJSON_AddStringToObject(c->reply->data, "operation", "forget");
	cJSON_AddStringToObject(c->reply->data, "name", missing.name);
	reply_html(c->reply, "✅ The service <b>%s</b> is forgotten.", missing.name);
	return 1;
}
