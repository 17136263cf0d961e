/* Recaps. */
#include "commands/format.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/language.h"
#include "notify/audience.h"
#include "notify/kinds.h"
#include "notify/mutes.h"
#include "notify/recap.h"
#include "telegram/html.h"

#define LINES_BYTES 8192
#define NAMES_BYTES 1024
#define UPDATES_NAMED 5

static const char *const counted[INCIDENT_KINDS] = {
	[INCIDENT_DIED] = FG_TEXT("%d died"),
	[INCIDENT_STOPPED] = FG_TEXT("%d stopped"),
	[INCIDENT_OOM] = FG_TEXT("%d out of memory"),
	[INCIDENT_UNHEALTHY] = FG_TEXT("%d unhealthy"),
	[INCIDENT_HOST] = FG_TEXT("%d without an answer"),
	[INCIDENT_CPU] = FG_TEXT("%d with much CPU"),
	[INCIDENT_MEMORY] = FG_TEXT("%d with much memory"),
	[INCIDENT_DISK] = FG_TEXT("%d with a full disk"),
	[INCIDENT_HEAL] = FG_TEXT("%d healed"),
	[INCIDENT_SERVICE] = FG_TEXT("%d services short of tasks"),
	[INCIDENT_ROLLOUT] = FG_TEXT("%d failed updates"),
	[INCIDENT_NODE] = FG_TEXT("%d nodes down"),
	[INCIDENT_SWARM] = FG_TEXT("%d swarms without a leader"),
};

void recap_counts(struct fg_str *html, const size_t counts[INCIDENT_KINDS])
{
	bool any = false;

	for (size_t i = 0; i < INCIDENT_KINDS; i++) {
		if (!counts[i] || !counted[i])
			continue;
		fg_str_puts(html, any ? " · " : "");
		html_printf(html, counted[i], (int)counts[i]);
		any = true;
	}
}

struct taking {
	const struct recap_query *query;
	struct recap *out;
	struct mutes *mutes;
};

static bool is_wanted(const struct taking *t, const struct incident *i)
{
	const struct recap_query *q = t->query;
	struct fg_subject subject = incident_subject(i);

	if (q->until_ms && i->last_ms >= q->until_ms)
		return false;
	return !q->told ||
	       (kind_wanted(q->setup->config, i->kind) && audience_wants(q->setup, &subject) &&
		       !mutes_find(t->mutes, &subject));
}

static void add_update(struct recap *out, const struct incident *i)
{
	cleanup_free char *name = format_cut(i->name, 40);

	if (out->updates++ < UPDATES_NAMED)
		html_printf(
			&out->update_names, out->updates > 1 ? ", <b>%s</b>" : "<b>%s</b>", name);
}

static void take_open(const struct incident *i, void *arg)
{
	const struct taking *t = arg;

	if (!is_wanted(t, i))
		return;
	if (i->kind == INCIDENT_UPDATE) {
		add_update(t->out, i);
		return;
	}
	t->out->open_kinds[i->kind]++;
	if (t->out->open++ >= RECAP_NAMED)
		return;
	incident_line(&t->out->open_lines, i, t->query->setup->config->host_count > 1);
	html_printf(&t->out->open_lines, " · #%lld%s\n", i->id, i->acked_ms ? " ✔" : "");
}

static void take_over(const struct incident *i, void *arg)
{
	const struct taking *t = arg;

	if (i->kind == INCIDENT_UPDATE || !is_wanted(t, i))
		return;
	t->out->kinds[i->kind]++;
	if (i->state == INCIDENT_OPEN)
		return;
	t->out->over_kinds[i->kind]++;
	t->out->over++;
}

static int take(struct taking *t, struct fg_err *err)
{
	const struct recap_query *query = t->query;
	struct incidents_filter filter = {
		.open_only = true,
		.scope = query->scope,
		.since_ms = query->told ? query->since_ms : 0,
	};

	if (incidents_each(query->store, &filter, take_open, t, err) < 0)
		return -1;
	recap_counts(&t->out->counts, t->out->open_kinds);
	filter.open_only = false;
	filter.since_ms = query->since_ms;
	return incidents_each(query->store, &filter, take_over, t, err) < 0 ? -1 : 0;
}

int recap_take(const struct recap_query *query, struct recap *out, struct fg_err *err)
{
	struct taking taking = {.query = query, .out = out};
	int rc;

	*out = (struct recap){0};
	fg_str_init(&out->open_lines, LINES_BYTES);
	fg_str_init(&out->update_names, NAMES_BYTES);
	fg_str_init(&out->counts, NAMES_BYTES);
	taking.mutes = mutes_load(query->store, fg_wall_ms());
	rc = take(&taking, err);
	mutes_unload(taking.mutes);
	return rc;
}

int recap_take_open(struct fg_store *store, const struct setup *setup,
	const struct fg_selector *scope, struct recap *out, struct fg_err *err)
{
	const struct recap_query query = {
		.store = store, .setup = setup, .scope = scope, .since_ms = INT64_MAX};

	return recap_take(&query, out, err);
}

void recap_finish(struct recap *recap)
{
	fg_str_finish(&recap->open_lines);
	fg_str_finish(&recap->update_names);
	fg_str_finish(&recap->counts);
}
