/*
 * /remove: containers that shall be gone, and instances whose container is gone already.
 */
#include <string.h>
#include "commands/absent.h"
#include "commands/batch.h"
#include "commands/format.h"
#include "commands/service_act.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/spec.h"

#define VOLUMES_MOST 5

static bool is_anonymous(const char *name)
{
	return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

/* What becomes of the volumes of a single container, by name. */
static void add_volumes(struct command *c, struct fg_str *html, struct fg_item *item)
{
	cleanup_info struct fg_container_info info = {0};
	const cJSON *mount;
	int anonymous = 0, named = 0;

	if (target_inspect(c, item, &info) < 0)
		return;
	cJSON_ArrayForEach (mount, fg_json_array(info.raw, "Mounts")) {
		const char *name = fg_json_str(mount, "Name", "");

		if (strcmp(fg_json_str(mount, "Type", ""), "volume") != 0)
			continue;
		if (is_anonymous(name)) {
			anonymous++;
		} else if (++named <= VOLUMES_MOST) {
			cleanup_free char *cut = format_cut(name, 48);

			html_printf(html, "%S<code>%s</code>",
				named == 1 ? fg_tr("\nThese volumes stay: ") : ", ", cut);
		}
	}
	if (named > VOLUMES_MOST)
		html_printf(html, " and %d more", named - VOLUMES_MOST);
	if (anonymous)
		html_printf(html,
			fg_ntr("\n%d anonymous volume goes with all that is in it.",
				"\n%d anonymous volumes go with all that is in them.",
				(size_t)anonymous),
			anonymous);
}

static void preview_one(struct command *c, struct fg_str *html, struct fg_item *item)
{
	cleanup_free char *title = target_title(item);
	const char *instance = fg_container_label(&item->c, FG_LABEL_TEMPLATE);

	html_printf(html, "🗑 <b>Remove %s?</b>", title);
	if (format_is_up(item->c.state))
		html_printf(html, "\nIt is %s, and will be stopped first.", item->c.state);
	if (instance)
		html_printf(html,
			"\nIt is an instance of <code>%s</code>; the registry forgets it too.",
			instance);
	add_volumes(c, html, item);
}

static void preview_many(struct fg_str *html, const struct fg_items *items)
{
	int running = 0, instances = 0;
	char count[64];

	for (size_t i = 0; i < items->n; i++) {
		running += format_is_up(items->v[i].c.state);
		instances += fg_container_label(&items->v[i].c, FG_LABEL_INSTANCE) != NULL;
	}
	html_printf(html, "🗑 <b>Remove %s?</b>",
		format_count(count, items->n, "%zu container", "%zu containers"));
	if (running)
		html_printf(html, "\nRunning, and stopped first: %d.", running);
	if (instances)
		html_printf(html, "\nInstances, which the registry forgets too: %d.", instances);
	html_printf(html, "\nAnonymous volumes go with them, named ones stay.");
}

/* The missing instance of that NAME or HOST/NAME that the person may see. 1: found, in *out. */
static int find_missing(struct command *c, const char *word, struct fg_instance *out)
{
	cleanup_instances struct fg_instances list = {0};
	struct fg_err before = c->err;

	if (absent_instances(c, word, &list) < 0)
		list.n = 0;
	c->err = before;
	for (size_t i = 0; i < list.n; i++) {
		if (!absent_missing(c, &list.v[i]))
			continue;
		*out = list.v[i];
		list.v[i] = (struct fg_instance){0};
		return 1;
	}
	return 0;
}

static int forget(struct command *c, const struct fg_instance *instance)
{
	cleanup_str struct fg_str preview = {0};
	struct fg_item gone = {.host = fg_fleet_find(c->setup->fleet, instance->host)};
	struct fg_items targets = {.v = &gone, .n = gone.host ? 1 : 0};
	cleanup_free char *name = gone.c.name = fg_strdup(instance->name);
	int rc;

	snprintf(gone.c.id, sizeof(gone.c.id), "%s", instance->container_id);
	fg_str_init(&preview, 4096);
	html_printf(&preview,
		"🗑 <b>Forget the instance %s?</b>\nIts container is missing from %s; only what "
		"the registry knows of it goes.",
		name, instance->host);
	rc = command_confirm(c, &targets, preview.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, NULL, instance->name) < 0 ||
		fg_registry_forget(c->app->registry, instance->host, instance->name, &c->err) < 0)
		return -1;
	c->reply->data = cJSON_CreateObject();
	cJSON_AddStringToObject(c->reply->data, "operation", "forget");
	cJSON_AddStringToObject(c->reply->data, "name", instance->name);
	cJSON_AddStringToObject(c->reply->data, "host", instance->host);
	return reply_html(c->reply, "✅ The instance <b>%s</b> is forgotten.", instance->name);
}

/* There is no such container: an instance or a service whose own is gone is forgotten. */
static int remove_absent(struct command *c)
{
	cleanup_instance struct fg_instance missing = {0};
	struct fg_err why = c->err;
	int rc;

	if (c->err.code != FG_ENOTFOUND || c->n != 1)
		return -1;
	if (find_missing(c, c->words[0], &missing))
		return forget(c, &missing);
	rc = service_forget(c, c->words[0]);
	if (rc == 0)
		c->err = why;
	return rc > 0 ? 0 : -1;
}

static int remove_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	cleanup_str struct fg_str preview = {0};
	cleanup_free const char **words = target_words(c);
	cleanup_service_items struct fg_service_items services = {0};
	size_t n = c->n;
	int rc = swarm_meant(c, words, &n, &services);

	if (rc != 0)
		return rc < 0 ? -1 : service_remove(c, &services.v[0]);
	if (command_pick(c, words, n, false, &items) < 0)
		return remove_absent(c);
	fg_str_init(&preview, 8192);
	target_silent(&preview, &items);
	if (items.n == 1)
		preview_one(c, &preview, &items.v[0]);
	else
		preview_many(&preview, &items);
	rc = command_confirm(c, &items, preview.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, &items, NULL) < 0)
		return -1;
	rc = batch_run(c, &items, FG_OP_REMOVE, NULL, NULL);
	target_note_silent(c, &items);
	return rc;
}

const struct command_row command_remove = {
	.name = "remove",
	.verb = "remove",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.mutates = true,
	.min = 1,
	.max = -1,
	.usage = "SEL",
	.help = "Remove containers for good",
	.more = "Running ones are stopped first. Anonymous volumes go with them, named ones stay. "
		"An instance that is missing "
		"is forgotten. The name of a service of a swarm means that, with all its tasks; "
		"service=NAME does in any case.\n\n/remove web\n/remove state=exited name=tmp-*",
	.run = remove_run,
	.op = FG_OP_REMOVE,
};
