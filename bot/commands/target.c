/*
 * Words to containers and back.
 */
#include <stdio.h>
#include <string.h>
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/spec.h"

const char **target_words(const struct command *c)
{
	const char **words = fg_alloc((c->n + 1) * sizeof(*words));

	for (size_t i = 0; i < c->n; i++)
		words[i] = c->words[i];
	return words;
}

const char *target_selector(char buf[TARGET_WORDS], const struct fg_item *item)
{
	snprintf(buf, TARGET_WORDS, "host=%.64s id=%.12s", item->host->name, item->c.id);
	return buf;
}

/* The first of those that are there, then of those that are only known of. */
static char *title_at(const struct fg_items *items, size_t i)
{
	return target_title(i < items->n ? &items->v[i] : &items->stale[i - items->n]);
}

int target_one(struct command *c, const char *const *words, size_t n, struct fg_items *out)
{
	cleanup_free char *first = NULL, *second = NULL;
	size_t all;

	if (n == 1)
		return command_pick_one(c, words[0], out);
	if (command_pick(c, words, n, false, out) < 0)
		return -1;
	all = out->n + out->stale_n;
	if (all == 1)
		return 0;
	first = title_at(out, 0);
	second = title_at(out, 1);
	return fg_fail(&c->err, FG_EINVAL, "that picks %zu containers (%s, %s%s); /%s takes one",
		all, first, second, all > 2 ? ", …" : "", c->row->name);
}

int target_inspect(struct command *c, struct fg_item *item, struct fg_container_info *info)
{
	if (fg_container_inspect(item->host->engine, item->c.id, info, &c->err) < 0) {
		fg_host_note(item->host, &c->err);
		return fg_wrap(&c->err, "cannot look at %s", item->c.name);
	}
	fg_host_note(item->host, NULL);
	snprintf(item->c.state, sizeof(item->c.state), "%s", info->state);
	snprintf(item->c.health, sizeof(item->c.health), "%s", info->health);
	return 0;
}

bool target_may(const struct command *c, const char *command)
{
	const struct command_row *row = command_find(command);

	return row && roles_allow(&c->person, row);
}

int target_instance(struct command *c, const struct fg_item *item, struct fg_instance *out)
{
	struct fg_err err;
	int rc;

	*out = (struct fg_instance){0};
	rc = fg_registry_find(c->app->registry, item->host->name, item->c.id, out, &err);
	if (rc < 0)
		fg_warn("%s", err.text);
	return rc > 0;
}

int target_record(struct command *c, const struct fg_item *item, struct fg_record *out)
{
	struct fg_err err;
	int rc = fg_registry_record(
		c->app->registry, item->host->name, item->c.id, item->c.name, out, &err);

	if (rc < 0)
		fg_warn("%s", err.text);
	return rc > 0;
}

static cJSON *ports_data(const struct fg_container *c)
{
	cJSON *ports = cJSON_CreateArray();

	for (size_t i = 0; i < c->port_count; i++) {
		const struct fg_port *p = &c->ports[i];
		cJSON *port = cJSON_CreateObject();

		fg_json_set_i64(port, "port", p->inside);
		cJSON_AddStringToObject(port, "proto", p->proto);
		if (p->outside) {
			cJSON_AddStringToObject(port, "ip", p->ip);
			fg_json_set_i64(port, "published", p->outside);
		}
		cJSON_AddItemToArray(ports, port);
	}
	return ports;
}

static void add_label(cJSON *data, const char *key, const struct fg_container *c, const char *label)
{
	const char *value = fg_container_label(c, label);

	if (value)
		cJSON_AddStringToObject(data, key, value);
	else
		cJSON_AddNullToObject(data, key);
}

cJSON *target_data(const struct fg_item *item)
{
	const struct fg_container *c = &item->c;
	char time[FG_RFC3339];
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "name", c->name);
	cJSON_AddStringToObject(data, "host", item->host->name);
	cJSON_AddStringToObject(data, "id", c->id);
	cJSON_AddStringToObject(data, "image", c->image);
	cJSON_AddStringToObject(data, "state", c->state);
	cJSON_AddStringToObject(data, "health", c->health);
	cJSON_AddStringToObject(data, "status", c->status);
	cJSON_AddStringToObject(data, "created_at", fg_rfc3339(time, c->created_ms));
	cJSON_AddItemToObject(data, "labels",
		c->labels ? cJSON_Duplicate(c->labels, true) : cJSON_CreateObject());
	cJSON_AddItemToObject(data, "ports", ports_data(c));
	add_label(data, "template", c, FG_LABEL_TEMPLATE);
	add_label(data, "instance", c, FG_LABEL_INSTANCE);
	return data;
}

void target_silent(struct fg_str *html, const struct fg_items *items)
{
	for (size_t i = 0; i < items->silent_n; i++) {
		const struct fg_host *host = items->silent[i];

		if (host->up || !*host->why.text)
			html_printf(html, "⚠️ <b>%s</b> is slow to answer\n", host->name);
		else
			html_printf(html, "⚠️ <b>%s</b> does not answer: %s\n", host->name,
				host->why.text);
	}
	for (size_t i = 0; i < items->paused_n; i++)
		html_printf(html, "🔧 <b>%s</b> is left out: it is paused for maintenance\n",
			items->paused[i]->name);
}

char *target_title(const struct fg_item *item)
{
	cleanup_free char *title = fg_item_title(item);

	return format_cut(title, 64);
}

void target_note_silent(struct command *c, const struct fg_items *items)
{
	if (items->silent_n + items->paused_n)
		target_silent(reply_add(c->reply), items);
}
