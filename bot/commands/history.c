/*
 * /history: what happened to a container, as far as the registry noted it.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "commands/absent.h"
#include "commands/format.h"
#include "commands/swarm_target.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/managed.h"

#define SHOWN 20 /* entries in a message; all of them go as a file then */
#define ALL_BYTES ((size_t)1024 * 1024)
#define DETAIL_MOST 60

/* The first digits of an id or a digest. */
static char *short_id(const char *id)
{
	const char *colon = strrchr(id, ':');
	cleanup_free char *cut = fg_strndup(colon ? colon + 1 : id, 12);

	return format_cut(cut, DETAIL_MOST);
}

/* A value of an entry as people write it. */
static char *value_text(const char *key, const cJSON *value)
{
	cleanup_free char *text = NULL;
	char human[FG_HUMAN];
	int64_t bytes;

	if (!value || cJSON_IsNull(value))
		return fg_strdup(fg_tr("none"));
	if (strncmp(key, "memory", 6) == 0 && fg_json_to_i64(value, &bytes))
		return fg_strdup(bytes > 0 ? format_bytes(human, (double)bytes)
				 : bytes   ? fg_tr("unlimited")
					   : fg_tr("none"));
	if (cJSON_IsNumber(value) && fabs(value->valuedouble) < 1e-9)
		return fg_strdup(fg_tr("none"));
	text = cJSON_IsString(value) ? fg_strdup(value->valuestring) : fg_json_print(value);
	return format_cut(text, DETAIL_MOST);
}

static void add_image_change(struct fg_str *out, const cJSON *from, const cJSON *to)
{
	const char *before = fg_json_str(from, "image", ""), *now = fg_json_str(to, "image", "");
	cleanup_free char *image = format_image(now), *image_before = format_image(before);
	cleanup_free char *id = short_id(fg_json_str(to, "image_id", ""));
	cleanup_free char *id_before = short_id(fg_json_str(from, "image_id", ""));

	if (strcmp(before, now) != 0)
		fg_str_printf(out, "  %s → %s", image_before, image);
	else
		fg_str_printf(out, "  %s, %s → %s", image, id_before, id);
}

/* "memory 64M → 128M, pids none → 100" */
static void add_changes(struct fg_str *out, const cJSON *from, const cJSON *to)
{
	const cJSON *now;
	int n = 0;

	cJSON_ArrayForEach (now, to) {
		const cJSON *before = fg_json_get(from, now->string);
		cleanup_free char *a = NULL, *b = NULL, *key = NULL;

		if (before && cJSON_Compare(before, now, true))
			continue;
		key = format_cut(now->string, DETAIL_MOST);
		a = value_text(now->string, before);
		b = value_text(now->string, now);
		if (strcmp(a, b) != 0)
			fg_str_printf(out, "%s%s %s → %s", n++ ? ", " : "  ", key, a, b);
	}
}

static void add_details(struct fg_str *out, const cJSON *entry)
{
	const cJSON *from = fg_json_get(entry, "from"), *to = fg_json_get(entry, "to");
	const char *image = fg_json_str(entry, "image", NULL);
	const char *container = fg_json_str(entry, "container_id", NULL);

	if (fg_json_str(to, "image", NULL)) {
		add_image_change(out, from, to);
	} else if (cJSON_IsObject(to)) {
		add_changes(out, from, to);
	} else if (cJSON_IsString(from) && cJSON_IsString(to)) {
		cleanup_free char *a = format_cut(from->valuestring, DETAIL_MOST);
		cleanup_free char *b = format_cut(to->valuestring, DETAIL_MOST);

		fg_str_printf(out, "  %s → %s", a, b);
	} else if (cJSON_IsNumber(from) && cJSON_IsNumber(to)) { /* of a service's tasks */
		fg_str_printf(out, "  %lld → %lld", (long long)from->valuedouble,
			(long long)to->valuedouble);
	} else if (image) {
		cleanup_free char *cut = format_image(image);

		fg_str_printf(out, "  %s", cut);
	} else if (container) {
		cleanup_free char *id = short_id(container);

		fg_str_printf(out, fg_tr("  %s before"), id);
	}
}

/* "3m ago  updated by ops  nginx:1.25 → nginx:1.26", in plain text. */
static void add_entry(struct fg_str *out, const cJSON *entry, int64_t now)
{
	cleanup_free char *what = format_cut(fg_json_str(entry, "what", "?"), DETAIL_MOST);
	cleanup_free char *by = format_cut(fg_json_str(entry, "by", ""), DETAIL_MOST);
	const char *reason = fg_json_str(entry, "why", NULL);
	cleanup_free char *why = reason ? format_cut(reason, DETAIL_MOST * 2) : NULL;
	char ago[FG_HUMAN];
	int64_t at = 0;

	if (fg_rfc3339_parse(fg_json_str(entry, "at", ""), &at) < 0)
		at = 0;
	fg_str_printf(out, "%s  %s%s%s", at ? format_ago(ago, at, now) : fg_tr("once"), fg_tr(what),
		*by ? fg_tr(" by ") : "", by);
	add_details(out, entry);
	if (why)
		fg_str_printf(out, "  (%s)", why);
	fg_str_putc(out, '\n');
}

/* The newest first, at most `most`. */
static void add_entries(struct fg_str *out, const cJSON *history, int most)
{
	int n = cJSON_GetArraySize(history);
	int64_t now = fg_wall_ms();

	for (int i = n - 1; i >= 0 && i >= n - most; i--)
		add_entry(out, cJSON_GetArrayItem(history, i), now);
}

static cJSON *history_data(const char *host, const char *name, const struct fg_record *record)
{
	cJSON *data = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(data, "history");

	cJSON_AddStringToObject(data, "name", name);
	cJSON_AddStringToObject(data, "host", host);
	cJSON_AddBoolToObject(data, "instance", record->instance);
	cJSON_AddBoolToObject(data, "pinned", record->pinned);
	cJSON_AddStringToObject(data, "note", record->note ? record->note : "");
	for (int i = cJSON_GetArraySize(record->history) - 1; i >= 0; i--)
		cJSON_AddItemToArray(
			list, cJSON_Duplicate(cJSON_GetArrayItem(record->history, i), true));
	return data;
}

static int show(struct command *c, const char *title, const char *host, const char *name,
	const struct fg_record *record)
{
	int n = cJSON_GetArraySize(record->history);
	int most = c->reply->terminal ? n : SHOWN;
	cleanup_str struct fg_str text = {0}, all = {0};
	struct fg_str *html = reply_add(c->reply);

	c->reply->data = history_data(host, name, record);
	html_printf(html, "🕘 <b>%s</b>%S\n", title, record->pinned ? " 📌" : "");
	if (record->note && *record->note)
		html_printf(html, "📝 %s\n", record->note);
	if (n == 0)
		html_printf(html, "Nothing that happened to it is on record.");
	fg_str_init(&text, ALL_BYTES);
	add_entries(&text, record->history, most);
	html_text(html, text.s);
	if (n <= most)
		return 0;
	html_printf(html, "… and %d more, in the file", n - most);
	fg_str_init(&all, ALL_BYTES);
	add_entries(&all, record->history, n);
	n = (int)all.len;
	reply_file(c->reply, "history.txt", fg_str_take(&all), (size_t)n, NULL);
	return 0;
}

/* There is no such container: it may have been there. */
static int show_absent(struct command *c, const char *word)
{
	cleanup_record struct fg_record record = {0};
	cleanup_free char *host = NULL, *title = NULL, *name = NULL;
	struct fg_err why = c->err;
	int rc = absent_record(c, word, &record, &host);

	if (rc == 0)
		c->err = why;
	if (rc <= 0)
		return -1;
	name = fg_strdup(fg_json_str(record.doc, "name", ""));
	title = fg_fleet_count(c->setup->fleet) > 1 ? fg_printf("%s/%s", host, name)
						    : fg_strdup(name);
	return show(c, title, host, name, &record);
}

/* Only what was made from a template has one. */
static int show_service(struct command *c, const struct fg_service_item *item)
{
	cleanup_instance struct fg_instance instance = {0};
	cleanup_free char *title = swarm_title(item);
	struct fg_record record = {.instance = true, .note = ""};
	int rc = fg_managed_find(c->app->registry, item->swarm->id, item->s.id, &instance, &c->err);

	if (rc < 0)
		return -1;
	record.instance = rc > 0;
	record.history = fg_json_array(instance.doc, "history");
	return show(c, title, item->host->name, item->s.name, &record);
}

static int history_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	cleanup_record struct fg_record record = {0};
	cleanup_free char *title = NULL;
	cleanup_free const char **words = target_words(c);
	cleanup_service_items struct fg_service_items services = {0};
	const struct fg_item *item;
	size_t n = c->n;
	int rc = swarm_maybe(c, words, n) ? 1 : target_one(c, words, n, &items);

	if (rc != 0) {
		if (swarm_maybe(c, words, n))
			rc = swarm_meant(c, words, &n, &services);
		if (rc > 0)
			return show_service(c, &services.v[0]);
		if (c->n != 1 || c->err.code == FG_EINVAL || c->err.code == FG_ECANCELED)
			return -1;
		return show_absent(c, c->words[0]);
	}
	item = &items.v[0];
	if (fg_registry_record(c->app->registry, item->host->name, item->c.id, item->c.name,
		    &record, &c->err) < 0)
		return -1;
	title = target_title(item);
	return show(c, title, item->host->name, item->c.name, &record);
}

const struct command_row command_history = {
	.name = "history",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.min = 1,
	.max = 8,
	.usage = "NAME",
	.help = "What happened to a container",
	.more = "The newest first: made, updated, rolled back, renamed, limits, pins and notes, and "
		"who did it. Of instances that are gone, too, until /remove forgets them.\n\n"
		"/history web",
	.run = history_run,
};
