/*
 * Running a batch: a few workers take the containers one after the other, and the command's own
 * task tells how far they are.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands/batch.h"
#include "commands/batch_report.h"
#include "commands/format.h"
#include "commands/wave.h"
#include "fleetgram/base/task.h"

#define AT_ONCE 8
#define STEPS_MOST 8 /* containers named in a progress message */
#define NOTES_CAP 4096
#define PROGRESS_CAP 4096

struct run {
	const struct batch *batch;
	struct batch_job *jobs;
	size_t n, next, done;
	size_t end; /* of those that may be begun */
	struct fg_cond own, *stepped;
};

static bool goes_on(const struct run *run)
{
	return run->next < run->end && !(run->batch->waves && run->batch->waves->halted);
}

static void work(void *arg)
{
	struct run *run = arg;

	while (goes_on(run) && !fg_task_canceled()) {
		struct batch_job *job = &run->jobs[run->next++];

		job->result = run->batch->waves ? wave_one(job) : run->batch->one(job);
		*job->step = '\0';
		run->done++;
		fg_cond_broadcast(run->stepped);
	}
}

void batch_step(struct batch_job *job, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(job->step, sizeof(job->step), fmt, args);
	va_end(args);
	fg_cond_signal(job->stepped);
}

/* A few quick things need no progress; what has steps, or comes in numbers, does. */
static void show_progress(struct command *c, const struct run *run)
{
	const struct waves *waves = run->batch->waves;
	cleanup_str struct fg_str html = {0};
	size_t steps = 0;

	fg_str_init(&html, PROGRESS_CAP);
	if (run->n > 1 && !waves) {
		format_bar(&html, (int64_t)run->done, (int64_t)run->n);
		html_printf(&html, "\n%d of %d: %s", (int)run->done, (int)run->n,
			fg_tr(run->batch->verb));
	}
	for (size_t i = 0; i < run->next && steps < STEPS_MOST; i++) {
		const struct batch_job *job = &run->jobs[i];
		cleanup_free char *title = *job->step ? target_title(job->item) : NULL;

		if (title)
			html_printf(&html, "%S⏳ <b>%s</b>: %s",
				steps++ || run->n > 1 || waves ? "\n" : "", title, job->step);
	}
	if (waves)
		wave_show(c, waves, html.s);
	else if (steps || run->n > AT_ONCE)
		reply_progress(c->reply, html.s);
}

/* All up to the end that may be begun. */
static int run_some(struct command *c, struct run *run)
{
	size_t workers = run->batch->at_once ? (size_t)run->batch->at_once : AT_ONCE;
	size_t due = run->end - run->next;
	struct fg_group group;
	int rc = 0;

	fg_group_init(&group, (int)workers);
	for (size_t i = 0; i < workers && i < due && rc == 0; i++)
		rc = fg_group_go(&group, run->batch->verb, work, run, &c->err);
	while (rc == 0 && (goes_on(run) || run->done < run->next)) {
		rc = fg_cond_wait(run->stepped, "a batch", FG_NEVER, &c->err);
		if (rc == 0)
			show_progress(c, run);
	}
	/* The jobs are in use until all have ended, whatever happened. */
	if (fg_group_wait(&group, FG_NEVER, rc == 0 ? &c->err : NULL) < 0)
		rc = -1;
	return rc;
}

static int run_waves(struct command *c, struct run *run)
{
	struct waves *waves = run->batch->waves;
	int rc = 0;

	while (rc == 0 && run->next < run->n && !waves->halted) {
		run->end = wave_end(waves, run->next);
		wave_show(c, waves, "");
		rc = run_some(c, run);
		if (rc == 0 && run->next < run->n && !waves->halted)
			rc = wave_gate(c, waves);
	}
	if (rc < 0 && !fg_task_canceled()) {
		wave_halt(waves, true, "%s", c->err.text);
		rc = 0;
	}
	return rc < 0 ? -1 : wave_report(c, run->batch, run->jobs, run->next);
}

static int run_all(struct command *c, struct run *run)
{
	if (run->batch->waves)
		return run_waves(c, run);
	run->end = run->n;
	return run_some(c, run) < 0 ? -1 : batch_report(c, run->batch, run->jobs, run->n);
}

int batch_each(struct command *c, struct fg_items *items, const struct batch *batch)
{
	cleanup_free struct batch_job *jobs = fg_alloc((items->n + 1) * sizeof(*jobs));
	struct run run = {.batch = batch, .jobs = jobs, .n = items->n};
	int rc;

	fg_cond_init(&run.own);
	run.stepped = batch->waves ? &batch->waves->changed : &run.own;
	for (size_t i = 0; i < items->n; i++) {
		struct batch_job *job = &jobs[i];

		*job = (struct batch_job){
			.batch = batch,
			.c = c,
			.item = &items->v[i],
			.result = -1,
			.stepped = run.stepped,
			.target = batch->waves ? batch->waves->todo[i] : NULL,
		};
		fg_str_init(&job->notes, NOTES_CAP);
		fg_fail(&job->err, FG_ECANCELED, "%s was left alone", items->v[i].c.name);
	}
	rc = run_all(c, &run);
	for (size_t i = 0; i < items->n; i++) {
		fg_str_finish(&jobs[i].notes);
		cJSON_Delete(jobs[i].data);
	}
	return rc;
}

/* The fleet's operations as batches */

struct order {
	enum fg_operation op;
	const char *argument;
};

static int operate(struct batch_job *job)
{
	const struct order *order = job->batch->arg;

	return fg_operate(job->c->app->registry, job->item->host, job->item->c.id, order->op,
		order->argument, &job->err);
}

int batch_run(struct command *c, struct fg_items *items, enum fg_operation op, const char *argument,
	struct waves *waves)
{
	static const char *const same[FG_OP_COUNT] = {
		[FG_OP_KILL] = FG_TEXT("not running"),
		[FG_OP_PAUSE] = FG_TEXT("paused already"),
		[FG_OP_REMOVE] = FG_TEXT("gone already"),
		[FG_OP_RENAME] = FG_TEXT("called so already"),
		[FG_OP_RESTART] = FG_TEXT("running already"),
		[FG_OP_STOP] = FG_TEXT("not running"),
		[FG_OP_UNPAUSE] = FG_TEXT("not paused"),
		[FG_OP_UP] = FG_TEXT("running already"),
	};
	cleanup_free char *renamed =
		op == FG_OP_RENAME ? fg_printf(fg_tr("is now called %s"), argument) : NULL;
	struct order order = {op, argument};
	struct batch batch = {
		.verb = fg_operation_verb(op),
		.past = renamed ? renamed : fg_operation_past(op),
		.same = same[op],
		.one = operate,
		.arg = &order,
		.gone = op == FG_OP_REMOVE,
		.waves = waves,
	};

	return batch_each(c, items, &batch);
}
