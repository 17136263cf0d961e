/*
 * /prune idle: what the next sweep would take, shown, and exactly that taken now.
 */
#include <stdio.h>
#include <string.h>
#include "commands/format.h"
#include "commands/prune.h"
#include "fleetgram/base/json.h"
#include "sweep.h"

#define LINES_CAP ((size_t)8 * 1024 * 1024)

/*
 * What is agreed to is also what is done to it: the last digit of the id makes room for that. A
 * config that says "remove" where it said "stop" is not what was shown.
 */
static void freeze_id(char id[FG_ID_SIZE], const struct fg_prune_item *item)
{
	snprintf(id, FG_ID_SIZE, "%.63s%c", item->id, item->action == FG_PRUNE_REMOVE ? 'r' : 's');
}

static void item_free(struct fg_prune_item *item)
{
	free(item->name);
	free(item->template);
	free(item->last_used_at);
}

/* Keep those of the hosts that were named, and of a confirmation those that were shown. */
static void keep_wanted(
	struct command *c, struct fg_prune_plan *plan, const struct prune_words *words)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->n; i++) {
		struct fg_prune_item *item = &plan->v[i];
		char id[FG_ID_SIZE];
		bool wanted = !words->host || strcmp(words->host, item->host->name) == 0;

		freeze_id(id, item);
		if (c->frozen && !prune_frozen(c, item->host->name, id, NULL))
			wanted = false;
		if (wanted)
			plan->v[kept++] = *item;
		else
			item_free(item);
	}
	plan->n = kept;
}

static void add_line(struct command *c, struct fg_str *lines, const struct fg_prune_item *item)
{
	cleanup_free char *title = prune_title(c, item->host, item->name);
	char age[FG_HUMAN], idle[FG_HUMAN];
	int64_t now = fg_wall_ms();

	html_printf(lines,
		item->reason == FG_PRUNE_IDLE ? "\n• <b>%s</b> · idle for %s · %s old · %s%s"
					      : "\n• <b>%s</b> · not used for %s · %s old · %s%s",
		title, format_age(idle, now - item->used_ms),
		format_age(age, now - item->created_ms),
		item->action == FG_PRUNE_REMOVE ? fg_tr("remove") : fg_tr("stop"),
		item->reason == FG_PRUNE_AGE ? fg_tr(", for its age") : "");
}

static void write_head(struct command *c, struct fg_str *html, const struct prune_words *words,
	const struct fg_prune_plan *plan)
{
	size_t removed = 0;

	for (size_t i = 0; i < plan->n; i++)
		removed += plan->v[i].action == FG_PRUNE_REMOVE;
	prune_silent(html, plan->silent, plan->silent_n);
	prune_paused(c, html, words->host);
	html_printf(html,
		fg_ntr("🧹 <b>Prune %d idle instance?</b>",
			"🧹 <b>Prune %d idle instances?</b>", plan->n),
		(int)plan->n);
	if (removed)
		html_printf(html,
			"\n%d to be removed: anonymous volumes go with them, named ones stay.",
			(int)removed);
}

static int nothing(
	struct command *c, const struct prune_words *words, const struct fg_prune_plan *plan)
{
	struct fg_str *html = reply_add(c->reply);
	char count[64];

	prune_silent(html, plan->silent, plan->silent_n);
	prune_paused(c, html, words->host);
	if (plan->ruled == 0)
		html_printf(html, "Nothing to prune: pruning is on for no instance. It is by "
				  "<code>prune.enabled</code> in the config or in a template.");
	else
		html_printf(html, "Nothing to prune: of %s none is idle for long enough.",
			format_count(count, plan->ruled, "%zu instance", "%zu instances"));
	if (plan->unmeasured)
		html_printf(html, " Of %d the usage is not known yet.", (int)plan->unmeasured);
	c->reply->data = cJSON_CreateObject();
	cJSON_AddArrayToObject(c->reply->data, "done");
	return 0;
}

static int ask(struct command *c, const struct prune_words *words, const struct fg_prune_plan *plan)
{
	cleanup_free struct fg_item *v = fg_alloc((plan->n + 1) * sizeof(*v));
	cleanup_str struct fg_str lines = {0}, head = {0};

	fg_str_init(&lines, LINES_CAP);
	fg_str_init(&head, 16384);
	write_head(c, &head, words, plan);
	for (size_t i = 0; i < plan->n; i++) {
		v[i].host = plan->v[i].host;
		v[i].c.name = plan->v[i].name;
		freeze_id(v[i].c.id, &plan->v[i]);
		add_line(c, &lines, &plan->v[i]);
	}
	command_targets_are(c, FG_PLURAL("%s %zu instance", "%s %zu instances"));
	return prune_confirm(
		c, &(struct fg_items){.v = v, .n = plan->n}, head.s, &lines, "prune-idle.txt");
}

static int begin(struct command *c, const struct fg_prune_plan *plan)
{
	cleanup_free struct fg_item *v = fg_alloc((plan->n + 1) * sizeof(*v));

	for (size_t i = 0; i < plan->n; i++) {
		v[i].host = plan->v[i].host;
		v[i].c.name = plan->v[i].name;
		snprintf(v[i].c.id, sizeof(v[i].c.id), "%s", plan->v[i].id);
	}
	return command_begin(c, &(struct fg_items){.v = v, .n = plan->n}, NULL);
}

/* Why something that was confirmed is not in the plan any more. */
static const char *why_left(const struct fg_prune_plan *plan, const cJSON *one)
{
	const char *host = fg_json_str(one, "host", ""), *id = fg_json_str(one, "id", "");

	for (size_t i = 0; i < plan->left_n; i++)
		if (strncmp(plan->left[i].id, id, 63) == 0 &&
			strcmp(plan->left[i].host->name, host) == 0)
			return fg_prune_reason_text(plan->left[i].reason);
	for (size_t i = 0; i < plan->n; i++)
		if (strncmp(plan->v[i].id, id, 63) == 0 && strcmp(plan->v[i].host->name, host) == 0)
			return fg_tr("the config says something else about it now");
	for (size_t i = 0; i < plan->silent_n; i++)
		if (strcmp(plan->silent[i]->name, host) == 0)
			return fg_tr("its host does not answer");
	return fg_tr("it is gone, or pruning is off for it now");
}

/* Before those that are not wanted leave the plan: it knows why. */
static void report_left(struct command *c, const struct fg_prune_plan *plan, struct prune_report *r)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, c->frozen) {
		const char *host = fg_json_str(one, "host", ""), *id = fg_json_str(one, "id", "");
		const char *name = fg_json_str(one, "name", "");
		struct fg_host *where = fg_fleet_find(c->setup->fleet, host);
		cleanup_free char *title = where ? prune_title(c, where, name) : fg_strdup(name);
		struct fg_err err;
		bool still = false;
		cJSON *data;

		for (size_t i = 0; i < plan->n && !still; i++) {
			char now[FG_ID_SIZE];

			freeze_id(now, &plan->v[i]);
			still = strcmp(now, id) == 0 && strcmp(plan->v[i].host->name, host) == 0;
		}
		if (still)
			continue;
		data = cJSON_CreateObject();
		cJSON_AddStringToObject(data, "name", name);
		cJSON_AddStringToObject(data, "host", host);
		fg_fail(&err, FG_ECONFLICT, "%s", why_left(plan, one));
		prune_report_add(r, title, NULL, 0, &err, data);
	}
}

struct progress {
	struct command *c;
	size_t done, all;
};

static void show_progress(const struct fg_prune_item *item, void *arg)
{
	struct progress *p = arg;
	cleanup_str struct fg_str html = {0};

	(void)item;
	p->done++;
	fg_str_init(&html, 4096);
	html_printf(&html, "🧹 Pruning instances: %d of %d\n", (int)p->done, (int)p->all);
	format_bar(&html, (int64_t)p->done, (int64_t)p->all);
	reply_progress(p->c->reply, html.s);
}

static int report(struct command *c, const struct fg_prune_plan *plan, struct prune_report *r)
{
	cleanup_str struct fg_str head = {0};
	char count[64];

	for (size_t i = 0; i < plan->n; i++) {
		const struct fg_prune_item *item = &plan->v[i];
		cleanup_free char *title = prune_title(c, item->host, item->name);
		cJSON *data = sweep_item_data(item);

		cJSON_DeleteItemFromObjectCaseSensitive(data, "error");
		prune_report_add(r, title,
			item->action == FG_PRUNE_REMOVE ? fg_tr("removed") : fg_tr("stopped"),
			item->result, &item->err, data);
	}
	fg_str_init(&head, 1024);
	html_printf(&head, "%S %s pruned.", r->done_n ? "✅" : "🧹",
		format_count(count, r->done_n, "%zu instance", "%zu instances"));
	cJSON_AddStringToObject(r->data, "kind", "idle");
	return prune_report_say(c, r, head.s);
}

int prune_idle(struct command *c, const struct prune_words *words)
{
	struct fg_pruning pruning = sweep_pruning(c->app, c->setup);
	cleanup_prune_plan struct fg_prune_plan plan = {0};
	struct progress progress = {.c = c};
	struct prune_report r;
	int rc;

	if (fg_prune_plan(&pruning, c->person.scope, false, &plan, &c->err) < 0)
		return -1;
	prune_report_init(&r);
	if (c->frozen)
		report_left(c, &plan, &r);
	keep_wanted(c, &plan, words);
	progress.all = plan.n;
	if (!c->frozen && plan.n == 0) {
		rc = nothing(c, words, &plan);
	} else {
		rc = c->frozen ? 1 : ask(c, words, &plan);
		if (rc > 0)
			rc = begin(c, &plan);
		else
			progress.all = 0;
		if (rc == 0 && (c->frozen || progress.all)) {
			fg_prune_run(&pruning, &plan,
				&(struct fg_prune_observer){
					.done = show_progress, .arg = &progress});
			rc = report(c, &plan, &r);
		}
	}
	prune_report_finish(&r);
	return rc;
}
