/* The tasks that look after containers, begun and ended together. */
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/history.h"
#include "fleetgram/fleet/meter.h"
#include "notify/autoheal.h"
#include "notify/care.h"
#include "notify/swarms.h"
#include "notify/threshold.h"
#include "notify/updates.h"

struct care {
	struct app *app;
	struct threshold *threshold;
	struct updates *updates;
	struct autoheal *autoheal;
	struct swarms *swarms;
	struct fg_meter_user history; /* what is measured is remembered */
	struct fg_cond changed;
};

static void remember(const struct fg_reading *reading, void *history)
{
	fg_history_note(history, reading);
}

struct care *care_create(struct app *app, struct fg_err *err)
{
	struct care *care = fg_alloc(sizeof(*care));

	care->app = app;
	app->meter = fg_meter_create();
	care->history = (struct fg_meter_user){
		.every_ms = FG_HISTORY_FINE_MS, .reading = remember, .arg = app->history};
	fg_list_init(&care->history.link);
	care->threshold = threshold_create(app);
	care->updates = updates_create(app);
	care->swarms = swarms_create(app);
	care->autoheal = autoheal_create(app, err);
	fg_cond_init(&care->changed);
	if (care->autoheal)
		return care;
	care_destroy(care);
	return NULL;
}

void care_destroy(struct care *care)
{
	if (!care)
		return;
	threshold_destroy(care->threshold);
	updates_destroy(care->updates);
	autoheal_destroy(care->autoheal);
	swarms_destroy(care->swarms);
	fg_meter_destroy(care->app->meter);
	care->app->meter = NULL;
	free(care);
}

void care_kick(struct care *care)
{
	fg_cond_broadcast(&care->changed);
}

static void measure_for_history(struct care *care)
{
	fg_meter_remove(care->app->meter, &care->history);
	if (care->app->setup->config->history_enabled)
		fg_meter_add(care->app->meter, &care->history);
}

void care_run(void *arg)
{
	struct care *care = arg;
	struct fg_task *tasks[] = {
		fg_task_spawn("thresholds", threshold_run, care->threshold),
		fg_task_spawn("image updates", updates_run, care->updates),
		fg_task_spawn("autoheal", autoheal_run, care->autoheal),
		fg_task_spawn("swarms", swarms_run, care->swarms),
		fg_task_spawn("history", fg_history_run, care->app->history),
	};

	while (!fg_task_canceled()) {
		uint64_t number = care->app->setup->number;

		fg_meter_follow(care->app->meter, care->app->setup->fleet);
		measure_for_history(care);
		threshold_kick(care->threshold);
		updates_kick(care->updates);
		autoheal_kick(care->autoheal);
		swarms_kick(care->swarms);
		while (number == care->app->setup->number && !fg_task_canceled())
			fg_cond_wait(&care->changed, "another config", FG_NEVER, NULL);
	}
	for (size_t i = 0; i < FG_ARRAY_LEN(tasks); i++)
		fg_task_cancel(tasks[i]);
	for (size_t i = 0; i < FG_ARRAY_LEN(tasks); i++)
		fg_task_join(tasks[i]);
	fg_meter_remove(care->app->meter, &care->history);
	fg_meter_stop(care->app->meter);
}
