/*
 * /df: what the engines keep on their disks, and how much of it nothing uses.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/places.h"
#include "fleetgram/base/json.h"

struct use {
	struct fg_host *host;
	struct fg_engine_df df;
	int rc;
	struct fg_err err;
};

static const struct {
	const char *title, *key;
	size_t at;
} kinds[] = {
	{FG_TEXT("images"), "images", offsetof(struct fg_engine_df, images)},
	{FG_TEXT("containers"), "containers", offsetof(struct fg_engine_df, containers)},
	{FG_TEXT("volumes"), "volumes", offsetof(struct fg_engine_df, volumes)},
	{FG_TEXT("build cache"), "build_cache", offsetof(struct fg_engine_df, build_cache)},
};

static const struct fg_disk_use *use_of(const struct fg_engine_df *df, size_t kind)
{
	return (const struct fg_disk_use *)((const char *)df + kinds[kind].at);
}

static void ask(void *arg)
{
	struct use *use = arg;

	use->rc = fg_engine_df(use->host->engine, &use->df, &use->err);
	fg_host_note(use->host, use->rc < 0 ? &use->err : NULL);
}

static void add_line(struct fg_str *out, const char *title, const struct fg_disk_use *use)
{
	char number[FG_HUMAN];

	format_cell(out, title, 11, false);
	snprintf(number, sizeof(number), "%lld", (long long)use->count);
	format_cell(out, number, 5, true);
	fg_str_puts(out, "  ");
	format_cell(out, format_bytes(number, (double)use->bytes), 4, true);
	fg_str_puts(out, "  ");
	format_cell(out, format_bytes(number, (double)use->reclaimable), 4, true);
	fg_str_putc(out, '\n');
}

static void add_table(struct fg_str *html, const struct fg_engine_df *df)
{
	cleanup_str struct fg_str table = {0};
	struct fg_disk_use all = {0};

	fg_str_init(&table, 4096);
	fg_str_puts(&table, fg_tr("           COUNT  SIZE  FREE\n"));
	for (size_t i = 0; i < FG_ARRAY_LEN(kinds); i++) {
		const struct fg_disk_use *use = use_of(df, i);

		add_line(&table, fg_tr(kinds[i].title), use);
		all.count += use->count;
		all.bytes += use->bytes;
		all.reclaimable += use->reclaimable;
	}
	add_line(&table, fg_tr("together"), &all);
	fg_str_puts(html, "<pre>");
	html_text_len(html, table.s, table.len - 1);
	fg_str_puts(html, "</pre>\n");
}

static cJSON *data_of(const struct use *use)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "host", use->host->name);
	if (use->rc < 0)
		cJSON_AddStringToObject(data, "error", use->err.text);
	for (size_t i = 0; i < FG_ARRAY_LEN(kinds) && use->rc >= 0; i++) {
		const struct fg_disk_use *one = use_of(&use->df, i);
		cJSON *kind = cJSON_AddObjectToObject(data, kinds[i].key);

		fg_json_set_i64(kind, "count", one->count);
		fg_json_set_i64(kind, "active", one->active);
		fg_json_set_i64(kind, "size_bytes", one->bytes);
		fg_json_set_i64(kind, "reclaimable_bytes", one->reclaimable);
	}
	return data;
}

static void report(struct command *c, const struct use *uses, const struct places *places)
{
	struct fg_str *html = reply_add(c->reply);
	bool freeable = false, titled = fg_fleet_count(c->setup->fleet) > 1;

	html_printf(html, "💾 <b>Disk use</b>; FREE is what nothing uses\n");
	c->reply->data = cJSON_CreateArray();
	for (size_t i = 0; i < places->n; i++) {
		const struct use *use = &uses[i];

		cJSON_AddItemToArray(c->reply->data, data_of(use));
		if (use->rc < 0) {
			html_printf(html, "⚠️ <b>%s</b>: %s\n", use->host->name, use->err.text);
			continue;
		}
		if (titled)
			html_printf(html, "🖥 <b>%s</b>\n", use->host->name);
		add_table(html, &use->df);
		for (size_t k = 0; k < FG_ARRAY_LEN(kinds); k++)
			freeable = freeable || use_of(&use->df, k)->reclaimable > 0;
	}
	if (freeable && target_may(c, "prune"))
		html_printf(html, "/prune shows what can go, and lets it go.\n");
	target_silent(html, &places->items);
}

static int df_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_free char *joined = words_join(c->words, c->n);
	cleanup_places struct places places = {0};
	cleanup_free struct use *uses = NULL;
	size_t n = c->n, failed = 0;

	if (!fg_selector_only_hosts(c->person.scope))
		return fg_fail(&c->err, FG_EDENIED,
			"/df is about whole hosts, and you may see only some of what is on them");
	if (places_pick(c, words, &n, &places) < 0)
		return -1;
	if (n)
		return command_usage(c, "it takes only host=");
	uses = fg_alloc((places.n + 1) * sizeof(*uses));
	for (size_t i = 0; i < places.n; i++)
		uses[i] = (struct use){.host = places.v[i], .rc = -1};
	if (places_each(c, "disk use of a host", ask, uses, places.n, sizeof(*uses)) < 0)
		return -1;
	for (size_t i = 0; i < places.n; i++)
		failed += uses[i].rc < 0;
	if (failed == places.n) {
		c->err = uses[0].err;
		return fg_wrap(&c->err, "cannot ask %s what is on its disk", places.v[0]->name);
	}
	report(c, uses, &places);
	keyboard_button(reply_keyboard(c->reply), "↻", true, "df%s%s", c->n ? " " : "", joined);
	return 0;
}

const struct command_row command_df = {
	.name = "df",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = -1,
	.usage = "[host=…]",
	.help = "What images, containers, volumes and build caches take",
	.more = "FREE is what no container uses; for containers, what those have written that do "
		"not run. Engines walk through every volume's files for it, which may take a "
		"while.\n"
		"\n"
		"/df\n"
		"/df host=prod1",
	.run = df_run,
};
