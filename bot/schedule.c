/* Schedules: the list of them, and what the store knows. */
#include <string.h>
#include "chat/command.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "schedule.h"

static const char *const steps[] = {
	"CREATE TABLE schedules(name TEXT PRIMARY KEY, cron TEXT NOT NULL, command TEXT NOT NULL,"
	" author TEXT NOT NULL, added_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE schedule_runs(name TEXT PRIMARY KEY, cron TEXT NOT NULL, command TEXT NOT NULL,"
	" seen_ms INTEGER NOT NULL, began_ms INTEGER NOT NULL DEFAULT 0,"
	" last_ms INTEGER NOT NULL DEFAULT 0, last_ok INTEGER NOT NULL DEFAULT 0,"
	" last_text TEXT NOT NULL DEFAULT '') WITHOUT ROWID;",
};

int schedule_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "schedules", steps, FG_ARRAY_LEN(steps), err);
}

void schedules_finish(struct schedules *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].name);
		free(s->v[i].cron);
		free(s->v[i].command);
		free(s->v[i].last_text);
	}
	free(s->v);
	*s = (struct schedules){0};
}

struct schedule *schedule_find(const struct schedules *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->v[i].name, name) == 0)
			return &s->v[i];
	return NULL;
}

static void put(
	struct schedules *s, const char *name, const char *cron, const char *command, bool stored)
{
	struct schedule one = {.stored = stored};
	struct fg_err err;

	if (schedule_find(s, name)) /* the config's comes first */
		return;
	if (cron_parse(&one.times, cron, &err) < 0) {
		fg_error("schedule %s: %s", name, err.text);
		return;
	}
	one.name = fg_strdup(name);
	one.cron = fg_strdup(cron);
	one.command = fg_strdup(command);
	s->v = fg_realloc(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = one;
}

static int put_stored(struct fg_store *store, struct schedules *out, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(
		store, err, "SELECT name, cron, command FROM schedules ORDER BY name", "");

	if (!rows)
		return -1;
	while (fg_rows_next(rows))
		put(out, fg_rows_str(rows, 0), fg_rows_str(rows, 1), fg_rows_str(rows, 2), true);
	return fg_rows_failed(rows, err);
}

static int put_runs(struct fg_store *store, struct schedules *out, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"SELECT name, cron, seen_ms, began_ms, last_ms, last_ok, last_text FROM schedule_runs",
		"");

	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		struct schedule *s = schedule_find(out, fg_rows_str(rows, 0));

		if (!s)
			continue;
		if (strcmp(s->cron, fg_rows_str(rows, 1)) == 0)
			s->seen_ms = fg_rows_i64(rows, 2);
		s->began_ms = fg_rows_i64(rows, 3);
		s->last_ms = fg_rows_i64(rows, 4);
		s->last_ok = fg_rows_i64(rows, 5) != 0;
		s->last_text = fg_strdup(fg_rows_str(rows, 6));
	}
	return fg_rows_failed(rows, err);
}

static const char *without_slash(const char *command)
{
	return *command == '/' ? command + 1 : command;
}

int schedule_list(struct fg_store *store, const struct config *config, struct schedules *out,
	struct fg_err *err)
{
	for (size_t i = 0; i < config->schedule_count; i++) {
		const struct config_schedule *s = &config->schedules[i];

		put(out, s->name, s->cron, without_slash(s->command), false);
	}
	if (put_stored(store, out, err) == 0 && put_runs(store, out, err) == 0)
		return 0;
	schedules_finish(out);
	return -1;
}

int schedule_check(const struct config *config, const char *command, struct fg_err *err)
{
	cleanup_words struct words words = {0};
	const struct command_row *row;
	struct person local;
	const char *name;

	if (words_parse(&words, command, err) < 0)
		return -1;
	if (words.n == 0)
		return fg_fail(err, FG_EINVAL, "there is no command to run");
	name = words.v[0][0] == '/' ? words.v[0] + 1 : words.v[0];
	row = command_find(name);
	if (!row) {
		roles_local(&local);
		local.config = config;
		return command_unknown(name, &local, err);
	}
	if (!command_exists(row, config))
		return fg_fail(err, FG_EINVAL, "/%s is turned off in the config", row->name);
	/* Both hand on rights, which the local operator that it runs as has without end. */
	if (strcmp(row->name, "schedule") == 0 || strcmp(row->name, "grant") == 0)
		return fg_fail(err, FG_EINVAL, "a schedule cannot run /%s", row->name);
	if ((int)words.n - 1 < row->min || (row->max >= 0 && (int)words.n - 1 > row->max))
		return fg_fail(err, FG_EINVAL, "/%s takes other words: /%s %s", row->name,
			row->name, row->usage);
	return 0;
}

int schedule_add(struct fg_store *store, const char *name, const char *cron, const char *command,
	const char *author, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};

	if (fg_store_i64(store, 0, "SELECT count(*) FROM schedules", "") >= SCHEDULE_STORED)
		return fg_fail(err, FG_ETOOBIG, "there are %d schedules already: remove one first",
			SCHEDULE_STORED);
	if (fg_tx_begin(store, &tx, err) < 0 ||
		fg_tx_exec(&tx, err, "DELETE FROM schedule_runs WHERE name = ?", "s", name) < 0 ||
		fg_tx_exec(&tx, err, "INSERT INTO schedules VALUES(?, ?, ?, ?, ?)", "ssssi", name,
			cron, command, author, fg_wall_ms()) < 0 ||
		fg_tx_exec(&tx, err,
			"INSERT INTO schedule_runs(name, cron, command, seen_ms) VALUES(?, ?, ?, ?)",
			"sssi", name, cron, command, fg_wall_ms()) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

int schedule_remove(struct fg_store *store, const char *name, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int64_t n;

	if (fg_tx_begin(store, &tx, err) < 0)
		return -1;
	n = fg_tx_exec(&tx, err, "DELETE FROM schedules WHERE name = ?", "s", name);
	if (n < 0 ||
		fg_tx_exec(&tx, err, "DELETE FROM schedule_runs WHERE name = ? AND began_ms = 0",
			"s", name) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	return n > 0;
}

struct schedule_due schedule_due(
	const struct cron *times, int64_t seen_ms, int64_t now_ms, bool away)
{
	struct schedule_due due = {0};
	int64_t at;

	if (seen_ms == 0 || seen_ms > now_ms + SCHEDULE_BACK)
		seen_ms = now_ms;
	due.seen_ms = seen_ms;
	for (at = cron_next(times, seen_ms); at && at <= now_ms; at = cron_next(times, at)) {
		if (due.run_ms) { /* two at once: the newer one is run */
			due.missed++;
			due.missed_ms = due.run_ms;
			due.run_ms = 0;
		}
		due.seen_ms = at;
		if (!away && now_ms - at <= SCHEDULE_LATE) {
			due.run_ms = at;
			continue;
		}
		due.missed++;
		due.missed_ms = at;
		if (due.missed >= SCHEDULE_MISSED) {
			due.seen_ms = now_ms;
			at = cron_next(times, now_ms);
			break;
		}
	}
	due.next_ms = at;
	return due;
}

int schedule_stands(struct fg_tx *tx, const struct config *config, const struct schedule *s,
	struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = NULL;

	for (size_t i = 0; i < config->schedule_count; i++) {
		const struct config_schedule *one = &config->schedules[i];

		if (strcmp(one->name, s->name) == 0) /* the config's comes first */
			return !s->stored && strcmp(one->cron, s->cron) == 0 &&
			       strcmp(without_slash(one->command), s->command) == 0;
	}
	if (!s->stored)
		return 0;
	rows = fg_tx_query(tx, err,
		"SELECT 1 FROM schedules WHERE name = ? AND cron = ? AND command = ?", "sss",
		s->name, s->cron, s->command);
	if (!rows)
		return -1;
	return fg_rows_next(rows) ? 1 : fg_rows_failed(rows, err);
}

int schedule_note_seen(
	struct fg_tx *tx, const struct schedule *s, int64_t seen_ms, struct fg_err *err)
{
	return fg_tx_exec(tx, err,
		       "INSERT INTO schedule_runs(name, cron, command, seen_ms) VALUES(?, ?, ?, ?)"
		       " ON CONFLICT(name) DO UPDATE SET cron = excluded.cron,"
		       " command = excluded.command, seen_ms = excluded.seen_ms",
		       "sssi", s->name, s->cron, s->command, seen_ms) < 0
		       ? -1
		       : 0;
}

int schedule_note_known(
	struct fg_tx *tx, const struct schedule *s, int64_t now_ms, struct fg_err *err)
{
	return fg_tx_exec(tx, err,
		       "INSERT INTO schedule_runs(name, cron, command, seen_ms) VALUES(?, ?, ?, ?)"
		       " ON CONFLICT(name) DO UPDATE SET seen_ms = CASE WHEN cron = excluded.cron"
		       " THEN seen_ms ELSE excluded.seen_ms END, cron = excluded.cron,"
		       " command = excluded.command",
		       "sssi", s->name, s->cron, s->command, now_ms) < 0
		       ? -1
		       : 0;
}

int schedule_note_begin(struct fg_tx *tx, const char *name, int64_t now_ms, struct fg_err *err)
{
	return fg_tx_exec(tx, err, "UPDATE schedule_runs SET began_ms = ? WHERE name = ?", "is",
		       now_ms, name) < 0
		       ? -1
		       : 0;
}

int schedule_note_end(struct fg_tx *tx, const char *name, int64_t now_ms, bool ok, const char *text,
	struct fg_err *err)
{
	return fg_tx_exec(tx, err,
		       "UPDATE schedule_runs SET began_ms = 0, last_ms = ?, last_ok = ?, last_text = ?"
		       " WHERE name = ?",
		       "iiss", now_ms, (int64_t)ok, text, name) < 0
		       ? -1
		       : 0;
}
