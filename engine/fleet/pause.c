/*
 * One row a paused host; those that have ended are forgotten with the next change.
 */
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/pause.h"

static const char *const steps[] = {
	"CREATE TABLE pauses(host TEXT PRIMARY KEY, since_ms INTEGER NOT NULL,"
	" until_ms INTEGER NOT NULL, reason TEXT NOT NULL, author TEXT NOT NULL) WITHOUT ROWID",
};

int fg_pauses_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "pauses", steps, FG_ARRAY_LEN(steps), err);
}

int fg_pause_begin(struct fg_store *store, const struct fg_pause *pause, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};

	if (fg_tx_begin(store, &tx, err) < 0 ||
		fg_tx_exec(&tx, err, "DELETE FROM pauses WHERE until_ms <= ?", "i", fg_wall_ms()) <
			0 ||
		fg_tx_exec(&tx, err,
			"INSERT INTO pauses(host, since_ms, until_ms, reason, author)"
			" VALUES(?, ?, ?, ?, ?) ON CONFLICT(host) DO UPDATE SET"
			" until_ms = excluded.until_ms, reason = excluded.reason,"
			" author = excluded.author",
			"siiss", pause->host, pause->since_ms, pause->until_ms, pause->reason,
			pause->by) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

int fg_pause_end(struct fg_store *store, const char *host, struct fg_err *err)
{
	int64_t n = fg_store_exec(store, err, "DELETE FROM pauses WHERE host = ? AND until_ms > ?",
		"si", host, fg_wall_ms());

	return n < 0 ? -1 : n > 0;
}

void fg_pauses_each(
	struct fg_store *store, void (*each)(const struct fg_pause *pause, void *arg), void *arg)
{
	struct fg_err err;
	cleanup_rows struct fg_rows *rows = fg_store_query(store, &err,
		"SELECT host, since_ms, until_ms, reason, author FROM pauses WHERE until_ms > ?"
		" ORDER BY until_ms, host",
		"i", fg_wall_ms());

	if (!rows)
		fg_error("which hosts are paused cannot be read: %s", err.text);
	while (rows && fg_rows_next(rows))
		each(
			&(struct fg_pause){
				.host = fg_rows_str(rows, 0),
				.since_ms = fg_rows_i64(rows, 1),
				.until_ms = fg_rows_i64(rows, 2),
				.reason = fg_rows_str(rows, 3),
				.by = fg_rows_str(rows, 4),
			},
			arg);
}

static void read_one(const struct fg_pause *pause, void *arg)
{
	struct fg_host *host = fg_fleet_find(arg, pause->host);

	if (host)
		host->paused_ms = pause->until_ms;
}

void fg_pauses_read(struct fg_store *store, struct fg_fleet *fleet)
{
	for (size_t i = 0; i < fg_fleet_count(fleet); i++)
		fg_fleet_host(fleet, i)->paused_ms = 0;
	fg_pauses_each(store, read_one, fleet);
}
