/*
 * /limits: what a container may use beside what it uses, and changing that while it runs.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/limits.h"

#define CALL_TIMEOUT 10000 /* ms */

/* The words that are no NAME=VALUE of a limit stay. */
static int read_limits(
	struct command *c, const char **words, size_t *n, struct fg_limits *limits, bool *any)
{
	for (int i = 0; i < FG_LIMITS; i++) {
		const char *value = command_option(words, n, fg_limit_name(i));

		if (!value)
			continue;
		if (fg_limit_parse(limits, i, value, &c->err) < 0)
			return -1;
		if (command_option(words, n, fg_limit_name(i)))
			return fg_fail(&c->err, FG_EINVAL, "%s is given twice", fg_limit_name(i));
		*any = true;
	}
	return 0;
}

static void add_cpus(struct fg_str *html, const struct fg_limits *l, const struct fg_measure *m)
{
	cleanup_free char *limit = fg_limit_text(FG_LIMIT_CPUS, l->v[FG_LIMIT_CPUS]);
	char percent[FG_HUMAN];

	html_printf(html, "CPU ");
	if (m->ok && m->rates)
		html_printf(
			html, "%s of one core, ", format_percent(percent, m->usage.cpu_percent));
	if (l->v[FG_LIMIT_CPUS])
		html_printf(html, "limit %s\n", limit);
	else
		html_printf(html, "no limit\n");
}

static void add_size(struct fg_str *html, const char *name, int64_t limit, int64_t used)
{
	char a[FG_HUMAN];

	html_printf(html, "%s ", name);
	if (used >= 0)
		html_printf(html, "%s, ", fg_size_human(a, used));
	if (limit > 0)
		html_printf(html, "limit %s", fg_size_human(a, limit));
	else
		html_printf(html, "no limit");
	if (used >= 0 && limit > 0)
		html_printf(html, " (%s)", format_percent(a, 100 * (double)used / (double)limit));
	fg_str_putc(html, '\n');
}

static void add_table(struct fg_str *html, const struct fg_limits *l, const struct fg_measure *m)
{
	bool runs = m->ok && m->sample.counted;

	add_cpus(html, l, m);
	add_size(html, fg_tr("Memory"), l->v[FG_LIMIT_MEMORY],
		runs && m->sample.memory_bytes ? (int64_t)m->sample.memory_bytes : -1);
	if (l->v[FG_LIMIT_MEMORY] > 0)
		add_size(html, fg_tr("Memory and swap"), l->v[FG_LIMIT_MEMORY_SWAP], -1);
	html_printf(html, "Processes ");
	if (runs && m->sample.pids)
		html_printf(html, "%lld, ", (int64_t)m->sample.pids);
	if (l->v[FG_LIMIT_PIDS] > 0)
		html_printf(html, "limit %lld\n", l->v[FG_LIMIT_PIDS]);
	else
		html_printf(html, "no limit\n");
	if (m->ok && m->sample.running && !m->sample.counted)
		html_printf(html, "What it uses: not available\n");
}

static cJSON *limits_data(
	const struct fg_item *item, const struct fg_limits *l, const struct fg_measure *m)
{
	cJSON *data = cJSON_CreateObject(), *limits, *usage;

	cJSON_AddStringToObject(data, "name", item->c.name);
	cJSON_AddStringToObject(data, "host", item->host->name);
	cJSON_AddStringToObject(data, "id", item->c.id);
	limits = cJSON_AddObjectToObject(data, "limits");
	cJSON_AddNumberToObject(limits, "cpus", (double)l->v[FG_LIMIT_CPUS] / 1e9);
	for (int i = FG_LIMIT_MEMORY; i < FG_LIMITS; i++)
		fg_json_set_i64(limits, fg_limit_name(i), l->v[i]);
	usage = cJSON_AddObjectToObject(data, "usage");
	if (m->ok && m->rates)
		cJSON_AddNumberToObject(usage, "cpu_percent", m->usage.cpu_percent);
	/* what is 0 of something that runs is not counted */
	if (m->ok && m->sample.memory_bytes)
		fg_json_set_i64(usage, "memory_bytes", (int64_t)m->sample.memory_bytes);
	if (m->ok && m->sample.pids)
		fg_json_set_i64(usage, "pids", (int64_t)m->sample.pids);
	return data;
}

static int show(struct command *c, struct fg_item *item, struct fg_str *html)
{
	cleanup_info struct fg_container_info info = {0};
	const struct fg_item *items[] = {item};
	struct fg_measure *m = fg_alloc(sizeof(*m));
	struct fg_limits limits;
	char selector[TARGET_WORDS];
	int rc = target_inspect(c, item, &info);

	if (rc == 0)
		rc = fg_usage_measure(c->app->usage, items, 1, CALL_TIMEOUT, m, &c->err);
	if (rc == 0) {
		limits = fg_limits_of(&info);
		add_table(html, &limits, m);
		c->reply->data = limits_data(item, &limits, m);
		keyboard_button(reply_keyboard(c->reply), "↻", true, "limits %s",
			target_selector(selector, item));
	}
	free(m);
	return rc;
}

static void add_title(struct fg_str *html, const struct fg_item *item)
{
	cleanup_free char *title = target_title(item);

	html_printf(html, "📏 <b>%s</b>\n", title);
}

/* "memory 64m → 128m", for those that are other than before. */
static void add_changes(
	struct fg_str *html, const struct fg_limits *before, const struct fg_limits *after)
{
	bool any = false;

	for (int i = 0; i < FG_LIMITS; i++) {
		cleanup_free char *from = fg_limit_text(i, before->v[i]);
		cleanup_free char *to = fg_limit_text(i, after->v[i]);

		if (before->v[i] == after->v[i])
			continue;
		html_printf(html, "%S%s %s → %s", any ? ", " : "✅ ", fg_limit_name(i), from, to);
		any = true;
	}
	html_printf(html, any ? "\n" : "It has these limits already.\n");
}

/* What was asked for, and the memory_swap that goes along with it. */
static int write_preview(struct command *c, struct fg_item *item, const struct fg_limits *limits,
	struct fg_str *preview)
{
	cleanup_info struct fg_container_info info = {0};
	struct fg_limits now, want = *limits;
	bool along = false;

	if (limits->set[FG_LIMIT_MEMORY] && !limits->set[FG_LIMIT_MEMORY_SWAP]) {
		if (target_inspect(c, item, &info) < 0)
			return -1;
		now = fg_limits_of(&info);
		if (fg_limits_plan(&now, &want, &c->err) < 0)
			return -1;
		along = want.set[FG_LIMIT_MEMORY_SWAP] &&
			want.v[FG_LIMIT_MEMORY_SWAP] != now.v[FG_LIMIT_MEMORY_SWAP];
	}
	html_printf(preview, "📏 <b>Change limits?</b>");
	for (int i = 0; i < FG_LIMITS; i++) {
		cleanup_free char *text = fg_limit_text(i, want.v[i]);

		if (limits->set[i])
			html_printf(preview, "\n%s: %s", fg_limit_name(i), text);
		else if (along && i == FG_LIMIT_MEMORY_SWAP)
			html_printf(preview, "\n%s: %s, along with it", fg_limit_name(i), text);
	}
	return 0;
}

static int change(struct command *c, struct fg_items *items, const struct fg_limits *limits)
{
	cleanup_today struct fg_today *today =
		fg_today_create(c->setup->config->templates, c->setup->config->defaults);
	cleanup_str struct fg_str preview = {0};
	struct fg_item *item = &items->v[0];
	struct fg_limits before, after;
	struct fg_str *html;
	char author[96];
	int rc;

	fg_str_init(&preview, 4096);
	if (!c->frozen && write_preview(c, item, limits, &preview) < 0)
		return -1;
	rc = command_confirm(c, items, preview.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, items, NULL) < 0 ||
		fg_limits_change(c->app->registry, today, item->host, item->c.id, limits,
			command_author(c, author), &before, &after, &c->err) < 0)
		return -1;
	html = reply_add(c->reply);
	add_title(html, item);
	add_changes(html, &before, &after);
	/* They are changed, whether they can be shown or not. */
	if (show(c, item, html) < 0) {
		html_printf(html, "⚠️ %s\n", c->err.text);
		c->err = (struct fg_err){0};
	}
	return 0;
}

static int limits_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_items struct fg_items items = {0};
	struct fg_limits limits = {0};
	struct fg_str *html;
	bool any = false;
	size_t n = c->n;

	if (read_limits(c, words, &n, &limits, &any) < 0)
		return -1;
	if (n == 0)
		return command_usage(c, "which container?");
	if (target_one(c, words, n, &items) < 0)
		return -1;
	if (any)
		return change(c, &items, &limits);
	html = reply_add(c->reply);
	add_title(html, &items.v[0]);
	return show(c, &items.v[0], html);
}

const struct command_row command_limits = {
	.name = "limits",
	.verb = "limits",
	.group = GROUP_ACT,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = -1,
	.usage = "NAME [cpus= memory= pids=]",
	.help = "What a container may use; changed while it runs",
	.more = "Values are written as in templates: cpus=0.5, memory=64m, pids=100. memory_swap= "
		"is memory and swap together, and is raised along where it would be too small. 0 "
		"is no limit; engines can take that of processes away, and those of CPU and memory "
		"only by making the container again: /apply.\n\n/limits web\n/limits web "
		"memory=256m cpus=1.5",
	.run = limits_run,
};
