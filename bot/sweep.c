/* The sweep: when it runs, and what becomes known of it. */
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/pause.h"
#include "sweep.h"
#include "swept.h"

#define SWEEP_LIMIT ((int64_t)30 * 60 * 1000)
#define CLOCK_DOUBT_MS ((int64_t)3600 * 1000)

struct sweep {
	struct app *app;
	struct fg_cond kicked;
	struct fg_err trouble; /* what the last one failed of; "" when it did not */
	cJSON *last;
	int64_t clock_ms; /* when the clock was set, by what was last said of it; 0: nothing */
};

struct sweep *sweep_create(struct app *app)
{
	struct sweep *sweep = fg_alloc(sizeof(*sweep));

	sweep->app = app;
	fg_cond_init(&sweep->kicked);
	return sweep;
}

void sweep_destroy(struct sweep *sweep)
{
	if (!sweep)
		return;
	cJSON_Delete(sweep->last);
	free(sweep);
}

void sweep_kick(struct sweep *sweep)
{
	fg_cond_broadcast(&sweep->kicked);
}

const cJSON *sweep_last(const struct sweep *sweep)
{
	return sweep->last;
}

struct fg_pruning sweep_pruning(struct app *app, struct setup *setup)
{
	const struct config *config = setup->config;

	return (struct fg_pruning){
		.fleet = setup->fleet,
		.registry = app->registry,
		.activity = app->activity,
		.config =
			{
				.rules =
					{
						.enabled = config->prune.enabled,
						.in_use = config->prune.in_use,
						.idle_ms = config->prune.idle_ms,
						.max_age_ms = config->prune.max_age_ms,
						.action =
							config->prune.action == CONFIG_PRUNE_REMOVE
								? FG_PRUNE_REMOVE
								: FG_PRUNE_STOP,
						.quiet = {config->prune.quiet.cpu_percent,
							config->prune.quiet.bytes_per_second},
					},
				.every_ms = config->prune.every_ms,
				.defaults = config->defaults,
				.templates = config->templates,
			},
	};
}

cJSON *sweep_item_data(const struct fg_prune_item *item)
{
	static const char *const results[] = {"failed", "skipped", "done"};
	cJSON *data = cJSON_CreateObject();
	char time[FG_RFC3339];

	cJSON_AddStringToObject(data, "name", item->name);
	cJSON_AddStringToObject(data, "host", item->host->name);
	cJSON_AddStringToObject(data, "id", item->id);
	cJSON_AddStringToObject(data, "template", item->template);
	cJSON_AddStringToObject(
		data, "action", item->action == FG_PRUNE_REMOVE ? "remove" : "stop");
	cJSON_AddStringToObject(data, "reason", item->reason == FG_PRUNE_AGE ? "age" : "idle");
	cJSON_AddStringToObject(data, "last_used_at", fg_rfc3339(time, item->used_ms));
	cJSON_AddStringToObject(data, "result", results[item->result + 1]);
	if (item->result <= 0 && *item->err.text)
		cJSON_AddStringToObject(data, "error", item->err.text);
	return data;
}

static void begin_item(const struct fg_prune_item *item, void *arg)
{
	struct sweep *sweep = arg;

	swept_begin(sweep->app, item);
}

static void note_item(const struct fg_prune_item *item, void *arg)
{
	struct sweep *sweep = arg;
	const char *past = item->action == FG_PRUNE_REMOVE ? "removed" : "stopped";
	char idle[FG_HUMAN];

	swept_note(sweep->app, item);
	fg_duration_human(idle, fg_wall_ms() - item->used_ms);
	if (item->result > 0)
		fg_info("pruning: %s on %s was not used for %s and is %s", item->name,
			item->host->name, idle, past);
	else if (item->result == 0)
		fg_info("pruning: %s on %s is left alone: %s", item->name, item->host->name,
			item->err.text);
	else
		fg_error("pruning: %s on %s is not %s: %s", item->name, item->host->name, past,
			item->err.text);
}

/* For whoever asks what the last sweep that took something did. */
static void keep(struct sweep *sweep, const struct fg_prune_plan *plan)
{
	cJSON *last = cJSON_CreateObject(), *pruned;
	char time[FG_RFC3339];

	cJSON_AddStringToObject(last, "at", fg_rfc3339(time, fg_wall_ms()));
	pruned = cJSON_AddArrayToObject(last, "pruned");
	for (size_t i = 0; i < plan->n; i++)
		cJSON_AddItemToArray(pruned, sweep_item_data(&plan->v[i]));
	cJSON_Delete(sweep->last);
	sweep->last = last;
}

/* What cannot be told now is told with the next sweep, or at the next start. */
static void tell(struct sweep *sweep)
{
	struct fg_err err;

	if (swept_tell(sweep->app, &err) < 0 && !fg_task_canceled())
		fg_error("pruning: nobody was told: %s", err.text);
}

/* The same trouble every few minutes is one line. */
static void note_trouble(struct sweep *sweep, const struct fg_err *err)
{
	if (!err && *sweep->trouble.text) {
		fg_info("pruning: it works again");
		*sweep->trouble.text = '\0';
	} else if (err && strcmp(sweep->trouble.text, err->text) != 0 && !fg_task_canceled()) {
		fg_error("pruning: %s", err->text);
		sweep->trouble = *err;
	}
}

/*
 * Everything has been idle for a day when somebody sets the clock a day ahead. What is really in use
 * is seen to be in the next looks at it; until then nothing is removed.
 */
static bool clock_in_doubt(struct sweep *sweep)
{
	int64_t set_ms = fg_wall_set_ms();

	if (!set_ms || fg_now_ms() - set_ms > CLOCK_DOUBT_MS)
		return false;
	if (sweep->clock_ms != set_ms)
		fg_warn("pruning: the clock was set, so that nothing is pruned by its age for an hour");
	sweep->clock_ms = set_ms;
	return true;
}

static void sweep_once(struct sweep *sweep)
{
	cleanup_setup struct setup *setup = setup_ref(sweep->app->setup);
	struct fg_pruning pruning = sweep_pruning(sweep->app, setup);
	cleanup_prune_plan struct fg_prune_plan plan = {0};
	struct fg_err err;

	fg_pauses_read(sweep->app->store, setup->fleet);
	if (fg_prune_plan(&pruning, NULL, true, &plan, &err) < 0) {
		note_trouble(sweep, &err);
		return;
	}
	note_trouble(sweep, NULL);
	if (plan.n == 0 || clock_in_doubt(sweep))
		return;
	fg_prune_run(&pruning, &plan,
		&(struct fg_prune_observer){.begin = begin_item, .done = note_item, .arg = sweep});
	keep(sweep, &plan);
}

/* -1: canceled. A reload that changes `every` counts from the last sweep. */
static int wait_for_next(struct sweep *sweep, int64_t since_ms)
{
	for (;;) {
		int64_t due = since_ms + sweep->app->setup->config->prune.every_ms;

		if (fg_now_ms() >= due)
			return 0;
		fg_cond_wait(&sweep->kicked, "the next sweep", due, NULL);
		if (fg_task_canceled())
			return -1;
	}
}

void sweep_run(void *arg)
{
	struct sweep *sweep = arg;
	int64_t since = fg_now_ms();

	swept_resume(sweep->app); /* what an earlier run was not there to tell */
	tell(sweep);
	while (wait_for_next(sweep, since) == 0) {
		int64_t before;

		since = fg_now_ms();
		before = fg_task_deadline(since + SWEEP_LIMIT);
		sweep_once(sweep);
		fg_task_deadline(before);
		tell(sweep); /* with time of its own: the sweep may have used up all it had */
		if (fg_task_canceled())
			return;
	}
}
