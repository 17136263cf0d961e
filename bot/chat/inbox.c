/* The inbox: updates in the store, and the tasks that work on them. */
#include <stdio.h>
#include <string.h>
#include "chat/inbox.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/metric.h"
#include "telegram/live.h"
#include "telegram/outbox.h"

#define AT_ONCE 256 /* updates worked on at a time; more wait, and the next poll with them */
#define KEEP_MS ((int64_t)48 * 3600 * 1000) /* Telegram repeats an update for 24 h at most */
#define OFFSET "telegram.offset"
#define BOT "telegram.bot"

enum state { STATE_NEW, STATE_BEGUN, STATE_DONE };

static const char *const steps[] = {
	"CREATE TABLE updates(update_id INTEGER PRIMARY KEY, state INTEGER NOT NULL, received_ms INTEGER NOT NULL,"
	" body TEXT, note TEXT);"
	"CREATE INDEX updates_open ON updates(update_id) WHERE state < 2;"
	"CREATE INDEX updates_received ON updates(received_ms);",
};

struct inbox {
	struct app *app;
	const struct inbox_handlers *handlers;
	struct fg_group workers;
};

struct work {
	struct inbox *inbox;
	int64_t update_id;
	cJSON *update;
	cJSON *note; /* of an update that had begun; NULL for a new one */
};

struct inbox *inbox_create(
	struct app *app, const struct inbox_handlers *handlers, struct fg_err *err)
{
	struct inbox *inbox;

	if (fg_store_migrate(app->store, "inbox", steps, FG_ARRAY_LEN(steps), err) < 0 ||
		live_setup(app->store, err) < 0)
		return NULL;
	inbox = fg_alloc(sizeof(*inbox));
	inbox->app = app;
	inbox->handlers = handlers;
	fg_group_init(&inbox->workers, AT_ONCE);
	return inbox;
}

void inbox_destroy(struct inbox *inbox)
{
	free(inbox);
}

static void work_destroy(struct work *work)
{
	cJSON_Delete(work->update);
	cJSON_Delete(work->note);
	free(work);
}

static void work_run(void *arg)
{
	struct work *work = arg;
	struct inbox *inbox = work->inbox;

	telegram_note_work(inbox->app->telegram);
	if (work->note)
		inbox->handlers->interrupted(inbox->app, work->update_id, work->update, work->note);
	else
		inbox->handlers->update(inbox->app, work->update_id, work->update);
	work_destroy(work);
}

static int start(struct inbox *inbox, struct work *work, struct fg_err *err)
{
	char name[48];

	snprintf(name, sizeof(name), "update %lld", (long long)work->update_id);
	if (fg_group_go(&inbox->workers, name, work_run, work, err) == 0)
		return 0;
	work_destroy(work);
	return -1;
}

/* 1: the update is new; 0: it is known, or no update at all; -1. */
static int keep(struct fg_tx *tx, const cJSON *update, int64_t id, struct fg_err *err)
{
	cleanup_free char *body = fg_json_print(update);
	int64_t added = fg_tx_exec(tx, err,
		"INSERT OR IGNORE INTO updates(update_id, state, received_ms, body) VALUES(?, ?, ?, ?)",
		"iiis", id, (int64_t)STATE_NEW, fg_wall_ms(), body);

	return added < 0 ? -1 : added > 0;
}

static int keep_batch(struct inbox *inbox, const cJSON *updates, bool *fresh, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	const cJSON *update;
	int64_t next = 0;
	char text[24];
	size_t i = 0;

	if (fg_tx_begin(inbox->app->store, &tx, err) < 0)
		return -1;
	cJSON_ArrayForEach (update, updates) {
		int64_t id = fg_json_i64(update, "update_id", 0);
		int rc = id > 0 ? keep(&tx, update, id, err) : 0;

		if (rc < 0)
			return -1;
		fresh[i++] = rc > 0;
		if (id >= next)
			next = id + 1;
	}
	snprintf(text, sizeof(text), "%lld", (long long)next);
	if (fg_tx_set(&tx, OFFSET, text, err) < 0 ||
		fg_tx_exec(&tx, err, "DELETE FROM updates WHERE received_ms < ? AND state = ?",
			"ii", fg_wall_ms() - KEEP_MS, (int64_t)STATE_DONE) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

static struct fg_metric taken = {
	.name = "fleetgram_updates",
	.help = "Updates that were taken in from Telegram.",
	.type = FG_METRIC_COUNTER,
};

int inbox_take(void *arg, const cJSON *updates, struct fg_err *err)
{
	struct inbox *inbox = arg;
	int count = cJSON_GetArraySize(updates);
	cleanup_free bool *fresh = fg_alloc((size_t)count + 1);
	const cJSON *update;
	size_t i = 0;

	if (count == 0)
		return 0;
	if (keep_batch(inbox, updates, fresh, err) < 0)
		return fg_wrap(err, "cannot keep %d updates", count);
	telegram_note_work(inbox->app->telegram);
	cJSON_ArrayForEach (update, updates) {
		struct work *work;

		if (!fresh[i++])
			continue;
		fg_metric_count(&taken);
		work = fg_alloc(sizeof(*work));
		work->inbox = inbox;
		work->update_id = fg_json_i64(update, "update_id", 0);
		work->update = cJSON_Duplicate(update, true);
		/* They are safe: what is not begun now because of a stop is taken up at the next
		 * start. */
		if (start(inbox, work, err) < 0)
			return 0;
	}
	return 0;
}

int inbox_adopt(struct inbox *inbox, int64_t bot_id, struct fg_err *err)
{
	cleanup_free char *before = fg_store_get(inbox->app->store, BOT),
			  *now = fg_printf("%lld", (long long)bot_id);
	cleanup_tx struct fg_tx tx = {0};

	if (before && strcmp(before, now) == 0)
		return 0;
	if (fg_tx_begin(inbox->app->store, &tx, err) < 0 || fg_tx_set(&tx, BOT, now, err) < 0)
		return -1;
	/* What is not done yet was confirmed, and is still owed to whoever asked for it. */
	if (before && (fg_tx_set(&tx, OFFSET, "0", err) < 0 ||
			      fg_tx_exec(&tx, err, "DELETE FROM updates WHERE state = ?", "i",
				      (int64_t)STATE_DONE) < 0))
		return -1;
	return fg_tx_commit(&tx, err);
}

int64_t inbox_offset(struct inbox *inbox)
{
	return fg_store_i64(inbox->app->store, 0,
		"SELECT CAST(value AS INTEGER) FROM settings WHERE key = ?", "s", OFFSET);
}

/* The row as work to do; NULL: it cannot be read, which is said and passed over. */
static struct work *work_of(struct inbox *inbox, struct fg_rows *rows)
{
	const char *body = fg_rows_str(rows, 2), *note = fg_rows_str(rows, 3);
	struct work *work = fg_alloc(sizeof(*work));
	struct fg_err err;

	work->inbox = inbox;
	work->update_id = fg_rows_i64(rows, 0);
	work->update = body ? fg_json_parse(body, strlen(body), &err) : NULL;
	if (fg_rows_i64(rows, 1) == STATE_BEGUN)
		work->note = note ? fg_json_parse(note, strlen(note), &err) : cJSON_CreateObject();
	if (work->update && (work->note || fg_rows_i64(rows, 1) == STATE_NEW))
		return work;
	fg_error("update %lld in the database cannot be read", (long long)work->update_id);
	work_destroy(work);
	return NULL;
}

/* Whose update is not done yet goes on with its live message, or has its report there. */
static bool is_open(struct fg_tx *tx, const char *kind, const char *owner)
{
	cleanup_rows struct fg_rows *rows = NULL;

	if (strcmp(kind, LIVE_COMMAND) != 0)
		return false;
	rows = fg_tx_query(
		tx, NULL, "SELECT 1 FROM updates WHERE state < 2 AND update_id = CAST(? AS INTEGER)",
		"s", owner);
	return rows && fg_rows_next(rows);
}

int inbox_recover(struct inbox *inbox, struct fg_err *err)
{
	int64_t after = -1;

	if (live_recover(inbox->app->store, is_open, err) < 0)
		return -1;
	outbox_kick(inbox->app->outbox);
	for (;;) {
		cleanup_rows struct fg_rows *rows = fg_store_query(inbox->app->store, err,
			"SELECT update_id, state, body, note FROM updates WHERE state < 2 AND update_id > ?"
			" ORDER BY update_id LIMIT 1",
			"i", after);
		struct work *work;

		if (!rows)
			return -1;
		if (!fg_rows_next(rows))
			return 0;
		after = fg_rows_i64(rows, 0);
		work = work_of(inbox, rows);
		fg_rows_close(fg_steal(&rows));
		if (work && start(inbox, work, err) < 0)
			return -1;
	}
}

int inbox_begin(struct fg_tx *tx, int64_t update_id, const char *note, struct fg_err *err)
{
	return fg_tx_exec(tx, err, "UPDATE updates SET state = ?, note = ? WHERE update_id = ?",
		       "isi", (int64_t)STATE_BEGUN, note, update_id) < 0
		       ? -1
		       : 0;
}

int inbox_done(struct fg_tx *tx, int64_t update_id, struct fg_err *err)
{
	char owner[24];

	/* Normally its answer has taken that place already. */
	snprintf(owner, sizeof(owner), "%lld", (long long)update_id);
	if (live_end(tx, LIVE_COMMAND, owner, err) < 0)
		return -1;
	return fg_tx_exec(tx, err,
		       "UPDATE updates SET state = ?, body = NULL, note = NULL WHERE update_id = ?",
		       "ii", (int64_t)STATE_DONE, update_id) < 0
		       ? -1
		       : 0;
}

void inbox_drain(struct inbox *inbox, int64_t deadline)
{
	struct fg_err err;

	if (fg_group_wait(&inbox->workers, deadline, &err) < 0)
		fg_warn("some commands were interrupted by the stop");
}

int inbox_running(const struct inbox *inbox)
{
	return inbox->workers.running;
}
