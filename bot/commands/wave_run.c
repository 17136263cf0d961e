/*
 * Running waves: one container at its turn, and what has to be true before the next wave.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/wave.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/pause.h"
#include "fleetgram/fleet/update.h"

#define LOOK_MS 500       /* between two looks */
#define DOUBT_MS 30000    /* how long an engine may say nothing, and work beside it may disturb */
#define HEALTHY_MS 600000 /* within which a container has to have become healthy */
#define LOOKERS 8
#define WAVE_LIMIT ((int64_t)60 * 60 * 1000) /* ms after which a wave is given up */

size_t wave_end(struct waves *waves, size_t i)
{
	size_t end = i;

	waves->now = waves->todo[i]->wave;
	waves->settling = false;
	while (end < waves->todo_n && (waves->back || waves->todo[end]->wave == waves->now))
		end++;
	fg_task_deadline(fg_now_ms() + WAVE_LIMIT);
	return end;
}

/* What others do to it */

/* Whether another one on its host is being worked on. What shares namespaces with that is stopped
 * and made again in the course of it. */
static bool is_disturbed(const struct waves *waves, const struct wave_target *t)
{
	for (size_t i = 0; i < waves->n; i++) {
		const struct wave_target *other = &waves->v[i];

		if (other != t && strcmp(other->host, t->host) == 0 &&
			(other->state == WAVE_BEGUN || other->state == WAVE_BACKING))
			return true;
	}
	return false;
}

/* After the work on one: those of its host that were made again with it, into the store too. */
static void follow_all(struct waves *waves, const struct wave_target *done)
{
	struct fg_err err;

	for (size_t i = 0; i < waves->n; i++) {
		struct wave_target *t = &waves->v[i];

		if (strcmp(t->host, done->host) == 0 && wave_follow(waves, t) &&
			wave_mark(waves, t, t->state, &err) < 0)
			fg_error("of the waves %s: %s", waves->line, err.text);
	}
}

/* Is it good? */

/* 1: good; 0: not yet; -1: bad. restarts: how many it had; -1: not known. */
static int judge(const struct fg_container_info *now, int64_t restarts, struct fg_err *err)
{
	if (strcmp(now->state, "paused") == 0)
		return 1;
	if (strcmp(now->state, "restarting") == 0 ||
		(restarts >= 0 && now->restart_count > restarts))
		return fg_fail(err, FG_EREMOTE, "it keeps ending, with code %d", now->exit_code);
	if (strcmp(now->state, "running") != 0)
		return fg_fail(
			err, FG_EREMOTE, "it is %s, with code %d", now->state, now->exit_code);
	if (strcmp(now->health, "unhealthy") == 0)
		return fg_fail(err, FG_EREMOTE, "it is unhealthy");
	return strcmp(now->health, "starting") != 0;
}

/* Look at it as it is now, as soon as no replacement takes part in it any more. */
static int look(struct waves *waves, struct fg_host *host, struct wave_target *t,
	struct fg_container_info *info, struct fg_err *err)
{
	int64_t until = fg_now_ms() + DOUBT_MS;

	for (;;) {
		char id[FG_ID_SIZE];
		int rc;

		fg_replace_await(waves->app->registry, host, wave_id(t), fg_now_ms() + HEALTHY_MS);
		memcpy(id, wave_id(t), sizeof(id));
		fg_container_info_finish(info);
		*info = (struct fg_container_info){0};
		rc = fg_container_inspect(host->engine, id, info, err);
		fg_host_note(host, rc < 0 ? err : NULL);
		if (rc >= 0 || err->code != FG_ENOTFOUND || fg_task_canceled())
			return rc;
		if (strcmp(id, wave_id(t)) != 0 || wave_follow(waves, t))
			continue;
		if (!is_disturbed(waves, t) || fg_now_ms() > until ||
			fg_task_sleep(LOOK_MS, NULL) < 0)
			return -1;
	}
}

/*
 * Wait until it is good: healthy, or without a healthcheck up for settle_ms. Its restarts are
 * counted. info is the last look at it. An engine that says nothing is given a while.
 */
static int watch(struct waves *waves, struct fg_host *host, struct wave_target *t,
	int64_t settle_ms, struct fg_container_info *info, struct fg_err *err)
{
	int64_t begun = fg_now_ms(), heard = begun;

	for (;;) {
		int rc = look(waves, host, t, info, err);

		if (rc < 0 && (err->code == FG_ENOTFOUND || fg_task_canceled() ||
				      fg_now_ms() - heard > DOUBT_MS))
			return fg_wrap(err, "it cannot be looked at");
		if (rc >= 0) {
			heard = fg_now_ms();
			rc = judge(info, t->restarts, err);
			if (rc < 0)
				return -1;
			t->restarts = info->restart_count;
			if (rc > 0 && (*info->health || heard - begun >= settle_ms))
				return 0;
			if (heard - begun > HEALTHY_MS)
				return fg_fail(
					err, FG_ETIMEOUT, "it did not become healthy in time");
		}
		if (fg_task_sleep(LOOK_MS, err) < 0)
			return -1;
	}
}

/* At its turn */

/* A pause that begins while they run, by whichever process, is one that nobody has agreed to. */
static bool is_paused(const struct batch_job *job, const struct wave_target *t)
{
	fg_pauses_read(job->c->app->store, job->c->setup->fleet);
	return fg_host_paused(job->item->host) && !t->paused;
}

/* What is there now in its name. Always -1. */
static int differs(struct batch_job *job, const struct wave_target *t)
{
	cleanup_info struct fg_container_info info = {0};
	struct fg_err err;

	if (fg_container_inspect(job->item->host->engine, t->name, &info, &err) >= 0 &&
		strcmp(info.name, t->name) == 0)
		return fg_fail(&job->err, FG_ECONFLICT,
			"%s is no longer the container you were shown: it was made again", t->name);
	return fg_fail(&job->err, FG_ECONFLICT, "%s is no longer there", t->name);
}

static int check_same(struct batch_job *job, struct wave_target *t, struct fg_container_info *info)
{
	if (look(job->batch->waves, job->item->host, t, info, &job->err) < 0)
		return job->err.code == FG_ENOTFOUND
			       ? differs(job, t)
			       : fg_wrap(&job->err, "cannot look at %s", t->name);
	if (strcmp(info->name, t->name) != 0)
		return fg_fail(&job->err, FG_ECONFLICT,
			"%s is not what you were shown: it is called %s now", t->name, info->name);
	if (format_is_up(info->state) != format_is_up(t->was))
		return fg_fail(&job->err, FG_ECONFLICT,
			"%s is not what you were shown: it was %s, and is %s", t->name, t->was,
			info->state);
	return 0;
}

/* The way back has to lead to the image that it had. */
static int check_back(struct batch_job *job, struct wave_target *t, struct fg_container_info *info)
{
	cleanup_updated struct fg_updated to = {0};
	int rc;

	if (look(job->batch->waves, job->item->host, t, info, &job->err) < 0)
		return job->err.code == FG_ENOTFOUND
			       ? differs(job, t)
			       : fg_wrap(&job->err, "cannot look at %s", t->name);
	rc = fg_update_before(job->c->app->registry, job->item->host, info, &to, &job->err);
	if (rc < 0)
		return -1;
	if (rc == 0 || strcmp(to.to_id, t->before) != 0)
		return fg_fail(&job->err, FG_ECONFLICT,
			"the history of %s does not lead back to the image before: /rollback it yourself",
			t->name);
	return 0;
}

/* Whether it is to be up from then on: what was stopped stays so, unless it was restarted. */
static bool has_to_run(const struct waves *waves, const struct wave_target *t)
{
	return format_is_up(t->was) || strcmp(waves->command, "restart") == 0;
}

static void set(char **to, const char *value)
{
	free(*to);
	*to = fg_strdup(value);
}

/* It was done; now it has to be good. A restart that did not end well is a failure of it. */
static int prove(struct batch_job *job, struct wave_target *t)
{
	struct waves *waves = job->batch->waves;
	bool restart = strcmp(waves->command, "restart") == 0;
	int64_t settle_ms = restart ? job->c->setup->config->update.settle_ms : 0;
	cleanup_info struct fg_container_info info = {0};
	struct fg_err err;
	int rc = 1;

	snprintf(t->now_id, sizeof(t->now_id), "%s", job->item->c.id);
	if (!has_to_run(waves, t)) {
		if (fg_container_inspect(job->item->host->engine, t->now_id, &info, &err) >= 0)
			set(&t->after, info.image_id);
		return 1;
	}
	if (restart)
		batch_step(job, "%s", fg_tr("waiting until it is good"));
	if (watch(waves, job->item->host, t, settle_ms, &info, &err) < 0)
		rc = fg_fail(&job->err, err.code, "%s is not good: %s", t->name, err.text);
	if (info.raw)
		set(&t->after, info.image_id);
	return rc;
}

/* What came of it, into the store; what came of a cancelled one is found out later. */
static int settled(struct batch_job *job, struct wave_target *t, int rc)
{
	static const enum wave_state states[] = {WAVE_FAILED, WAVE_SAME, WAVE_DONE};
	struct waves *waves = job->batch->waves;
	enum wave_state state = states[rc + 1];
	cleanup_free char *title = wave_title(waves, t);
	struct fg_err err;

	if (waves->back)
		state = rc > 0 ? WAVE_BACK : WAVE_DONE;
	else if (rc < 0 && *t->now_id && strcmp(t->now_id, t->id) != 0)
		state = WAVE_DONE; /* it is another one now, if not a good one: it can go back */
	if (state == WAVE_BACK)
		snprintf(t->now_id, sizeof(t->now_id), "%s", job->item->c.id);
	if (rc > 0 || !waves->back)
		t->bad = rc < 0;
	if (wave_mark(waves, t, state, &err) < 0) {
		fg_error("of the waves %s: %s", waves->line, err.text);
		wave_halt(waves, true, "%s", err.text);
	}
	if (rc < 0 && !waves->back)
		wave_halt(waves, true, fg_tr("%s failed"), title);
	return rc;
}

int wave_one(struct batch_job *job)
{
	struct waves *waves = job->batch->waves;
	struct wave_target *t = job->target;
	cleanup_info struct fg_container_info info = {0};
	int rc;

	if (is_paused(job, t)) { /* not begun */
		if (!waves->back)
			wave_halt(waves, false, fg_tr("%s is paused for maintenance"), t->host);
		return fg_fail(&job->err, FG_ECONFLICT, "%s is paused for maintenance", t->host);
	}
	rc = waves->back ? check_back(job, t, &info) : check_same(job, t, &info);
	if (fg_task_canceled())
		return -1;
	if (rc < 0)
		return settled(job, t, -1);
	snprintf(job->item->c.id, sizeof(job->item->c.id), "%s", wave_id(t));
	t->started_ms = info.started_ms;
	if (!waves->back)
		set(&t->before, info.image_id);
	if (wave_mark(waves, t, waves->back ? WAVE_BACKING : WAVE_BEGUN, &job->err) < 0) {
		t->state = waves->back ? WAVE_DONE : WAVE_WAITING;
		wave_halt(waves, true, "%s", job->err.text);
		return -1;
	}
	rc = job->batch->one(job);
	follow_all(waves, t);
	if (rc > 0 && !waves->back && !fg_task_canceled())
		rc = prove(job, t);
	return fg_task_canceled() ? rc : settled(job, t, rc);
}

/* Between two waves */

struct gate {
	struct command *c;
	struct waves *waves;
	size_t next;
};

static void look_after(void *arg)
{
	struct gate *gate = arg;
	struct waves *waves = gate->waves;

	while (gate->next < waves->n && !waves->halted && !fg_task_canceled()) {
		struct wave_target *t = &waves->v[gate->next++];
		struct fg_host *host = fg_fleet_find(gate->c->setup->fleet, t->host);
		cleanup_info struct fg_container_info info = {0};
		cleanup_free char *title = wave_title(waves, t);
		struct fg_err err;
		bool bad;

		if (t->state != WAVE_DONE || !host || !has_to_run(waves, t))
			continue;
		bad = watch(waves, host, t, 0, &info, &err) < 0;
		if (fg_task_canceled())
			return;
		if (bad)
			wave_halt(waves, true, fg_tr("%s was done, and is no longer good: %s"),
				title, err.text);
		if (bad == t->bad)
			continue;
		t->bad = bad;
		if (wave_mark(waves, t, t->state, &err) < 0)
			wave_halt(waves, true, "%s", err.text);
	}
}

static int check_done(struct command *c, struct waves *waves)
{
	struct gate gate = {.c = c, .waves = waves};
	struct fg_group group;
	int rc = 0;

	fg_group_init(&group, LOOKERS);
	for (size_t i = 0; i < LOOKERS && i < waves->n && rc == 0; i++)
		rc = fg_group_go(&group, "looking after waves", look_after, &gate, &c->err);
	if (fg_group_wait(&group, FG_NEVER, rc == 0 ? &c->err : NULL) < 0)
		rc = -1;
	return rc;
}

int wave_gate(struct command *c, struct waves *waves)
{
	int64_t until = fg_now_ms() + c->setup->config->update.settle_ms;
	struct fg_err err;

	fg_task_deadline(until + WAVE_LIMIT);
	waves->settling = true;
	wave_show(c, waves, "");
	while (!waves->halted && fg_now_ms() < until)
		if (fg_cond_wait(&waves->changed, "the next wave", until, &err) < 0 &&
			fg_task_canceled())
			return fg_fail(&c->err, FG_ECANCELED, "canceled");
	return waves->halted ? 0 : check_done(c, waves);
}
