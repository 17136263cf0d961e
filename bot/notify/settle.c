/* What time does to incidents: up long enough, over for long, too old to be kept. */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "notify/course.h"
#include "notify/state.h"
#include "telegram/live.h"

#define SWEEP_MS 60000
#define REST_MS 600000 /* so long a bulletin may still take new ones */
#define MANY 200       /* of one kind of change in one transaction */
#define DAY_MS ((int64_t)24 * 3600 * 1000)

/* Up to MANY of a query's ids; rows NULL: it has failed. Their number, or -1. */
static int64_t read_ids(struct fg_rows *rows, int64_t ids[MANY], struct fg_err *err)
{
	int64_t n = 0;

	if (!rows)
		return -1;
	while (n < MANY && fg_rows_next(rows))
		ids[n++] = fg_rows_i64(rows, 0);
	return fg_rows_failed(rows, err) < 0 ? -1 : n;
}

/* The entries of a query that gives ids, up to MANY. Their number, or -1. */
static int64_t ids_of(
	struct fg_tx *tx, int64_t ids[MANY], const char *sql, int64_t value, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err, sql, "ii", value, (int64_t)MANY);

	return read_ids(rows, ids, err);
}

/* Those of a query are over. How many there were, or -1. */
static int64_t end_those(struct notify *n, const char *sql, int64_t value, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_setup struct setup *setup = setup_ref(n->app->setup);
	cleanup_ledger struct ledger l = {0};
	int64_t ids[MANY], count;

	if (fg_tx_begin(n->app->store, &tx, err) < 0)
		return -1;
	ledger_begin(&l, &tx, setup->config);
	count = ids_of(&tx, ids, sql, value, err);
	for (int64_t i = 0; i < count; i++) {
		struct entry *e = ledger_get(&l, ids[i], err);

		if (!e && err->code)
			return -1;
		if (!e)
			continue;
		e->changed = true;
		if (e->is.state != INCIDENT_CLOSED)
			course_over(&l, e, NULL, e->settle_ms);
		e->settle_ms = 0;
	}
	if (count < 0 || ledger_write(&l, err) < 0 || (count && fg_tx_commit(&tx, err) < 0))
		return -1;
	return count;
}

static int settle_due(struct notify *n, int64_t *next, struct fg_err *err)
{
	int64_t first, left;

	while ((first = fg_store_i64(n->app->store, 0,
			"SELECT settle FROM incidents WHERE settle > 0 ORDER BY settle LIMIT 1",
			"")) &&
		first <= fg_wall_ms())
		if (end_those(n,
			    "SELECT id FROM incidents WHERE settle > 0 AND settle <= ?"
			    " ORDER BY settle LIMIT ?",
			    fg_wall_ms(), err) <= 0)
			return -1;
	left = first - fg_wall_ms();
	if (first && fg_now_ms() + left < *next)
		*next = fg_now_ms() + left;
	return 0;
}

/* What a statement has changed is added to *done. -1: err. */
static int change(
	struct fg_tx *tx, int64_t *done, const char *sql, int64_t value, struct fg_err *err)
{
	int64_t n = fg_tx_exec(tx, err, sql, "i", value);

	*done += n > 0 ? n : 0;
	return n < 0 ? -1 : 0;
}

/* Of kinds that end of their own accord. Their messages stay as they are: nothing has changed. */
static int quiet_down(struct fg_tx *tx, int64_t now, int64_t *done, struct fg_err *err)
{
	for (size_t i = 0; i < INCIDENT_KINDS; i++) {
		int64_t n =
			!kinds[i].quiet_ms
				? 0
				: fg_tx_exec(tx, err,
					  "UPDATE incidents SET state = 2, tell = 0, held = 0"
					  " WHERE kind = ? AND state = 0 AND (tell = 0 OR held = ?)"
					  " AND last < ?",
					  "sii", kinds[i].word, (int64_t)HELD_MUTE,
					  now - kinds[i].quiet_ms);

		if (n < 0)
			return -1;
		*done += n;
	}
	return 0;
}

/* Those, up to MANY, of which nothing can become anything any more: what is closed may be taken
 * over for as long as it may come back. Their number, or -1. */
static int64_t done_bulletins(struct fg_tx *tx, int64_t ids[MANY], struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err,
		"SELECT id FROM bulletins b WHERE revision = shown AND opened < ? AND NOT EXISTS"
		" (SELECT 1 FROM incidents WHERE bulletin = b.id AND (state < 2 OR max(last,"
		" recovered) > ?)) LIMIT ?",
		"iii", fg_wall_ms() - REST_MS, fg_wall_ms() - NOTIFY_BACKOFF_MOST_MS,
		(int64_t)MANY);

	return read_ids(rows, ids, err);
}

/* Their messages stay. */
static int forget_bulletins(struct fg_tx *tx, int64_t *done, struct fg_err *err)
{
	int64_t ids[MANY], n = done_bulletins(tx, ids, err);

	for (int64_t i = 0; i < n; i++) {
		cleanup_free char *beginning = fg_printf("%lld/", (long long)ids[i]);

		if (live_forget(tx, "bulletin", beginning, err) < 0 ||
			change(tx, done, "DELETE FROM bulletins WHERE id = ?", ids[i], err) < 0)
			return -1;
	}
	return n < 0 ? -1 : 0;
}

/* Nothing is written when nothing is to be done. */
static int sweep(struct notify *n, struct fg_err *err)
{
	static const struct {
		const char *sql;
		int64_t age_ms;
	} steps[] = {
		{"UPDATE incidents SET state = 2 WHERE state = 1 AND tell = 0 AND recovered < ?",
			NOTIFY_BACKOFF_MOST_MS},
		{"UPDATE incidents SET state = 2 WHERE state = 0 AND tell = 0 AND last < ?",
			INCIDENTS_DAYS * DAY_MS},
		{"DELETE FROM incidents WHERE state = 2 AND tell = 0 AND last < ?",
			INCIDENTS_DAYS * DAY_MS},
	};
	static const char *const most =
		"DELETE FROM incidents WHERE tell = 0 AND id <"
		" (SELECT id FROM incidents ORDER BY id DESC LIMIT 1 OFFSET ?)";
	cleanup_tx struct fg_tx tx = {0};
	int64_t now = fg_wall_ms(), done = 0;

	if (fg_tx_begin(n->app->store, &tx, err) < 0 || quiet_down(&tx, now, &done, err) < 0)
		return -1;
	for (size_t i = 0; i < FG_ARRAY_LEN(steps); i++)
		if (change(&tx, &done, steps[i].sql, now - steps[i].age_ms, err) < 0)
			return -1;
	if (change(&tx, &done, most, INCIDENTS_MOST - 1, err) < 0 ||
		forget_bulletins(&tx, &done, err) < 0)
		return -1;
	return done ? fg_tx_commit(&tx, err) : 0;
}

int settle_turn(struct notify *n, int64_t *next, struct fg_err *err)
{
	if (settle_due(n, next, err) < 0)
		return -1;
	if (fg_now_ms() >= n->swept_ms) {
		if (sweep(n, err) < 0)
			return -1;
		n->swept_ms = fg_now_ms() + SWEEP_MS;
	}
	if (n->swept_ms < *next)
		*next = n->swept_ms;
	return 0;
}
