/*
 * Waves in the store: plans, how far each container is, and what an interruption left.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/wave.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/replace.h"
#include "telegram/keyboard.h"

#define KEEP_MS ((int64_t)KEYBOARD_DAYS * 24 * 3600 * 1000)

static const char *const steps[] = {
	"CREATE TABLE waves(id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, round INTEGER NOT NULL,"
	" command TEXT NOT NULL, line TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE wave_targets(waves TEXT NOT NULL, n INTEGER NOT NULL, wave INTEGER NOT NULL,"
	" state INTEGER NOT NULL, host TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL,"
	" now_id TEXT NOT NULL, agreed TEXT NOT NULL, was TEXT NOT NULL, before TEXT NOT NULL,"
	" after TEXT NOT NULL, started_ms INTEGER NOT NULL, PRIMARY KEY(waves, n)) WITHOUT ROWID;",
	"ALTER TABLE wave_targets ADD COLUMN bad INTEGER NOT NULL DEFAULT 0;",
};

int wave_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "waves", steps, FG_ARRAY_LEN(steps), err);
}

void waves_destroy(struct waves *waves)
{
	if (!waves)
		return;
	if (waves->link.next)
		fg_list_remove(&waves->link);
	for (size_t i = 0; i < waves->n; i++) {
		struct wave_target *t = &waves->v[i];

		free(t->host);
		free(t->name);
		free(t->agreed);
		free(t->before);
		free(t->after);
	}
	free(waves->v);
	free(waves->todo);
	free(waves->command);
	free(waves->line);
	free(waves->halted);
	free(waves);
}

/* Writing */

static int put_new(struct fg_tx *tx, struct waves *waves, struct fg_err *err)
{
	int64_t now = fg_wall_ms();

	if (fg_tx_exec(tx, err,
		    "DELETE FROM wave_targets WHERE waves IN (SELECT id FROM waves WHERE at_ms < ?)",
		    "i", now - KEEP_MS) < 0 ||
		fg_tx_exec(tx, err, "DELETE FROM waves WHERE at_ms < ?", "i", now - KEEP_MS) < 0 ||
		fg_tx_exec(tx, err,
			"INSERT INTO waves(id, at_ms, round, command, line) VALUES(?, ?, ?, ?, ?)",
			"siiss", waves->id, now, waves->round, waves->command, waves->line) < 0)
		return -1;
	for (size_t i = 0; i < waves->n; i++) {
		const struct wave_target *t = &waves->v[i];

		if (fg_tx_exec(tx, err,
			    "INSERT INTO wave_targets(waves, n, wave, state, host, name, id, now_id,"
			    " agreed, was, before, after, started_ms)"
			    " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			    "siiissssssssi", waves->id, (int64_t)i, (int64_t)t->wave,
			    (int64_t)t->state, t->host, t->name, t->id, t->now_id, t->agreed,
			    t->was, t->before, t->after, t->started_ms) < 0)
			return -1;
	}
	return 0;
}

int wave_put(struct fg_tx *tx, struct waves *waves, struct fg_err *err)
{
	int64_t changed;

	if (++waves->round == 1)
		return put_new(tx, waves, err);
	changed = fg_tx_exec(tx, err, "UPDATE waves SET round = ? WHERE id = ? AND round = ?",
		"isi", waves->round, waves->id, waves->round - 1);
	if (changed == 0)
		return fg_fail(err, FG_ECONFLICT, "somebody else was quicker");
	return changed < 0 ? -1 : 0;
}

int wave_mark(struct waves *waves, struct wave_target *t, enum wave_state state, struct fg_err *err)
{
	t->state = state;
	if (!waves->kept)
		return 0;
	return fg_store_exec(waves->app->store, err,
		       "UPDATE wave_targets SET state = ?, id = ?, now_id = ?, before = ?,"
		       " after = ?, started_ms = ?, bad = ? WHERE waves = ? AND n = ?",
		       "issssiisi", (int64_t)state, t->id, t->now_id, t->before, t->after,
		       t->started_ms, (int64_t)t->bad, waves->id, (int64_t)(t - waves->v)) < 0
		       ? -1
		       : 0;
}

char *wave_id(struct wave_target *t)
{
	return *t->now_id ? t->now_id : t->id;
}

bool wave_follow(const struct waves *waves, struct wave_target *t)
{
	return fg_replace_followed(waves->app->registry, t->host, wave_id(t), wave_id(t));
}

/* Reading */

static void read_target(struct fg_rows *rows, struct wave_target *t)
{
	*t = (struct wave_target){
		.wave = (int)fg_rows_i64(rows, 0),
		.state = (enum wave_state)fg_rows_i64(rows, 1),
		.host = fg_strdup(fg_rows_str(rows, 2)),
		.name = fg_strdup(fg_rows_str(rows, 3)),
		.agreed = fg_strdup(fg_rows_str(rows, 6)),
		.before = fg_strdup(fg_rows_str(rows, 8)),
		.after = fg_strdup(fg_rows_str(rows, 9)),
		.started_ms = fg_rows_i64(rows, 10),
		.bad = fg_rows_i64(rows, 11) != 0,
		.restarts = -1,
	};
	snprintf(t->id, sizeof(t->id), "%s", fg_rows_str(rows, 4));
	snprintf(t->now_id, sizeof(t->now_id), "%s", fg_rows_str(rows, 5));
	snprintf(t->was, sizeof(t->was), "%s", fg_rows_str(rows, 7));
}

static int load_targets(struct waves *waves, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(waves->app->store, err,
		"SELECT wave, state, host, name, id, now_id, agreed, was, before, after,"
		" started_ms, bad FROM wave_targets WHERE waves = ? ORDER BY n",
		"s", waves->id);

	if (!rows)
		return -1;
	waves->v = fg_alloc(
		(size_t)fg_store_i64(waves->app->store, 0,
			"SELECT count(*) FROM wave_targets WHERE waves = ?", "s", waves->id) *
			sizeof(*waves->v) +
		1);
	while (fg_rows_next(rows)) {
		read_target(rows, &waves->v[waves->n++]);
		waves->count = waves->v[waves->n - 1].wave;
		if (!waves->now || waves->v[waves->n - 1].state != WAVE_WAITING)
			waves->now = waves->count;
	}
	return fg_rows_failed(rows, err);
}

struct waves *wave_load(struct app *app, const char *id, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(
		app->store, err, "SELECT round, command, line FROM waves WHERE id = ?", "s", id);
	cleanup_waves struct waves *waves = NULL;

	if (!rows)
		return NULL;
	if (!fg_rows_next(rows)) {
		fg_fail(err, FG_ENOTFOUND, "these waves are no longer known");
		return NULL;
	}
	waves = fg_alloc(sizeof(*waves));
	waves->app = app;
	waves->kept = true;
	snprintf(waves->id, sizeof(waves->id), "%s", id);
	waves->round = fg_rows_i64(rows, 0);
	waves->command = fg_strdup(fg_rows_str(rows, 1));
	waves->line = fg_strdup(fg_rows_str(rows, 2));
	fg_cond_init(&waves->changed);
	if (load_targets(waves, err) < 0)
		return NULL;
	for (size_t i = 0; i < waves->n; i++)
		wave_follow(waves, &waves->v[i]);
	return fg_steal(&waves);
}

/* What was interrupted */

/* The one that was to be changed is still there: it was not begun, or put back; a restart shows in
 * when it was started, or in that it was stopped and is down. */
static enum wave_state still_there(
	const struct waves *waves, struct wave_target *t, const struct fg_container_info *info)
{
	if (t->state == WAVE_BACKING)
		return WAVE_DONE;
	if (strcmp(waves->command, "restart") != 0)
		return WAVE_WAITING;
	if (format_is_up(t->was) && !format_is_up(info->state))
		return WAVE_FAILED;
	if (info->started_ms == t->started_ms)
		return WAVE_WAITING;
	snprintf(t->now_id, sizeof(t->now_id), "%s", info->id);
	return WAVE_DONE;
}

/* Another one has its name: it was replaced. */
static enum wave_state replaced(struct wave_target *t, const struct fg_container_info *info)
{
	snprintf(t->now_id, sizeof(t->now_id), "%s", info->id);
	if (t->state == WAVE_BACKING)
		return WAVE_BACK;
	free(t->after);
	t->after = fg_strdup(info->image_id);
	return WAVE_DONE;
}

static int settle(struct waves *waves, struct fg_host *host, struct wave_target *t)
{
	cleanup_info struct fg_container_info by_id = {0}, by_name = {0};
	const char *id = t->state == WAVE_BACKING ? t->now_id : t->id;
	struct fg_err err;
	enum wave_state state;

	if (fg_container_inspect(host->engine, id, &by_id, &err) >= 0)
		state = still_there(waves, t, &by_id);
	else if (err.code != FG_ENOTFOUND)
		return -1;
	else if (fg_container_inspect(host->engine, t->name, &by_name, &err) >= 0 &&
		 strcmp(by_name.name, t->name) == 0)
		state = replaced(t, &by_name);
	else if (by_name.raw || err.code == FG_ENOTFOUND)
		state = WAVE_FAILED;
	else
		return -1;
	return wave_mark(waves, t, state, &err);
}

void wave_settle(struct command *c, struct waves *waves)
{
	for (size_t i = 0; i < waves->n; i++) {
		struct wave_target *t = &waves->v[i];
		struct fg_host *host = fg_fleet_find(c->setup->fleet, t->host);

		if (host && (t->state == WAVE_BEGUN || t->state == WAVE_BACKING))
			settle(waves, host, t);
	}
}
