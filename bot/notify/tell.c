/* Which incidents are told now, which have to wait, and in which message. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/pause.h"
#include "notify/audience.h"
#include "notify/course.h"
#include "notify/hold.h"
#include "notify/mutes.h"
#include "notify/state.h"

#define AT_ONCE 200 /* in one transaction */

enum verdict {
	TELL,
	LATER,
	NEVER,
};

/* Of what has ended before it was told only accidents are news. */
static bool is_no_news(const struct entry *e)
{
	if (e->is.state != INCIDENT_CLOSED)
		return false;
	return kinds[e->is.kind].stream != STREAM_STOPPED && e->is.kind != INCIDENT_DIED &&
	       e->is.kind != INCIDENT_OOM;
}

/* What was only held back while the bot started, and is over by then, was the start's own noise. */
static bool was_start(const struct app *app, const struct entry *e, int64_t now)
{
	int64_t started = now - (fg_now_ms() - app->started_ms);
	int64_t until = started + app->setup->config->notify.startup_delay_ms;

	return e->is.opened_ms >= started && e->tell_at_ms <= until + 1000;
}

/* It was told before, has happened again since a new message may come, and was removed at once:
 * what is made anew for each run ("docker run --rm") never stays. */
static bool was_too_quick(const struct entry *e)
{
	return e->is.state == INCIDENT_CLOSED && course_is_news(e);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* How long (ms) it waits for its host, or for what became of a task; 0: not. */
static int64_t wait_of(const struct notify *n, const struct ledger *l, const struct entry *e)
{
	return later(hosts_hold(n, e, l), fg_json_i64(e->is.facts, FACT_DOUBT, 0) - l->now_ms);
}

/* When it may be told, as far as mutes, hours and its host let it (wall clock); 0: now. */
static int64_t held_until(struct notify *n, const struct ledger *l, struct entry *e)
{
	struct fg_subject subject = incident_subject(&e->is);
	int64_t muted = mutes_until(n->app->store, &subject, l->now_ms);
	int64_t hushed = audience_hushed_until(n->app, l->now_ms);
	int64_t away = wait_of(n, l, e), until = later(muted, hushed);

	if (muted)
		e->held = HELD_MUTE;
	else if (away)
		e->held = HELD_HOST;
	else if (e->held == HELD_MUTE)
		e->held = HELD_NOT;
	if (away)
		until = later(until, l->now_ms + away);
	if (!until && e->is.kind == INCIDENT_STOPPED && !e->tell_at_ms)
		until = l->now_ms + COURSE_STOPPED_MS;
	return until;
}

static enum verdict judge(struct notify *n, struct ledger *l, struct entry *e)
{
	const struct setup *setup = n->app->setup;
	struct fg_subject subject = incident_subject(&e->is);
	bool single = setup->config->notify.die || fg_json_get(e->is.facts, FACT_LOOP);
	bool over = e->is.state != INCIDENT_OPEN;
	int64_t until, at = e->tell_at_ms;

	if (!kind_wanted(setup->config, e->is.kind) || !audience_wants(setup, &subject) ||
		(e->is.kind == INCIDENT_DIED && !single) || is_no_news(e))
		return NEVER;
	if (e->is.told_ms && (e->is.acked_ms || (over && !was_too_quick(e))))
		return NEVER;
	if (course_may_tell_ms(e) > l->now_ms) {
		e->tell_at_ms = course_may_tell_ms(e);
		return LATER;
	}
	until = held_until(n, l, e);
	if (over && e->held)
		return NEVER;
	if (until) {
		e->tell_at_ms = until;
		return LATER;
	}
	if (over && ((at && was_start(n->app, e, l->now_ms)) ||
			    hold_sums_up(n->app->hold, e->is.last_ms)))
		return NEVER;
	return TELL;
}

/* The bulletin that takes it, which is another one than it is in; 0: err. */
static int64_t bulletin_for(
	struct notify *n, struct ledger *l, const struct entry *e, bool *fresh, struct fg_err *err)
{
	enum kind_stream stream = kinds[e->is.kind].stream;
	int64_t now = fg_now_ms();
	bool joins = n->current[stream].id && n->current[stream].id != e->is.bulletin &&
		     now - n->current[stream].last_ms <= NOTIFY_BURST_MS &&
		     now - n->current[stream].opened_ms <= NOTIFY_BURST_MOST_MS;

	if (joins) {
		n->current[stream].last_ms = now;
		return n->current[stream].id;
	}
	if (fg_tx_exec(l->tx, err,
		    "INSERT INTO bulletins(stream, opened, revision, shown, moved)"
		    " VALUES(?, ?, 1, 0, 0)",
		    "ii", (int64_t)stream, l->now_ms) < 0)
		return 0;
	*fresh = true;
	n->current[stream].id = fg_tx_insert_id(l->tx);
	n->current[stream].opened_ms = n->current[stream].last_ms = now;
	return n->current[stream].id;
}

/* The message it was in until now does not tell of it any more. */
static int leave(struct ledger *l, const struct entry *e, struct fg_err *err)
{
	if (!e->is.bulletin)
		return 0;
	return fg_tx_exec(l->tx, err,
		       "UPDATE bulletins SET revision = revision + 1, moved = ? WHERE id = ?", "ii",
		       e->is.id, e->is.bulletin) < 0
		       ? -1
		       : 0;
}

static int decide(
	struct notify *n, struct ledger *l, struct entry *e, bool *fresh, struct fg_err *err)
{
	enum verdict verdict = judge(n, l, e);
	int64_t bulletin;

	e->changed = true;
	if (verdict == LATER)
		return 0;
	e->tell = false;
	e->tell_at_ms = 0;
	e->held = HELD_NOT;
	if (verdict == NEVER)
		return 0;
	bulletin = bulletin_for(n, l, e, fresh, err);
	if (!bulletin || leave(l, e, err) < 0)
		return -1;
	course_told(l, e, bulletin);
	return 0;
}

/* Those whose time has come, at most AT_ONCE. How many, or -1. */
static int64_t due(struct fg_tx *tx, int64_t now, int64_t ids[AT_ONCE], struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err,
		"SELECT id FROM incidents WHERE tell = 1 AND unsure = 0 AND tell_at <= ?"
		" ORDER BY id LIMIT ?",
		"ii", now, (int64_t)AT_ONCE);
	int64_t n = 0;

	if (!rows)
		return -1;
	while (n < AT_ONCE && fg_rows_next(rows))
		ids[n++] = fg_rows_i64(rows, 0);
	return fg_rows_failed(rows, err) < 0 ? -1 : n;
}

static int64_t tell_some(struct notify *n, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_setup struct setup *setup = NULL;
	cleanup_ledger struct ledger l = {0};
	int64_t ids[AT_ONCE], count, fresh[STREAMS], made = 0;

	if (fg_tx_begin(n->app->store, &tx, err) < 0)
		return -1;
	setup = setup_ref(n->app->setup);
	ledger_begin(&l, &tx, setup->config);
	count = due(&tx, l.now_ms, ids, err);
	for (int64_t i = 0; i < count; i++) {
		struct entry *e = ledger_get(&l, ids[i], err);
		bool is_fresh = false;

		if (!e || decide(n, &l, e, &is_fresh, err) < 0)
			return -1;
		if (is_fresh && made < STREAMS)
			fresh[made++] = e->is.bulletin;
	}
	if (count < 0 || ledger_write(&l, err) < 0 || fg_tx_commit(&tx, err) < 0)
		return -1;
	for (int64_t i = 0; i < made; i++)
		bulletin_new(n, fresh[i]);
	return count;
}

/* Mutes */

static void add_mute(const struct mute *mute, void *arg)
{
	uint64_t *sum = arg;

	*sum = *sum * 31 + (uint64_t)mute->id * 1000003 + (uint64_t)mute->until_ms;
}

static void add_pause(const struct fg_pause *pause, void *arg)
{
	uint64_t *sum = arg;

	for (const char *p = pause->host; *p; p++)
		*sum = *sum * 31 + (unsigned char)*p;
	*sum = *sum * 31 + (uint64_t)pause->until_ms;
}

/* Messages say that something is muted; what was held by a mute, or a config, that is no more is
 * told. */
static int look_at_mutes(struct notify *n, struct fg_err *err)
{
	uint64_t sum = 1 + n->app->setup->number;
	cleanup_tx struct fg_tx tx = {0};
	int64_t day_ago = fg_wall_ms() - (int64_t)24 * 3600 * 1000;

	mutes_each(n->app->store, fg_wall_ms(), add_mute, &sum);
	fg_pauses_each(n->app->store, add_pause, &sum);
	if (sum == n->mutes || !n->mutes) {
		n->mutes = sum;
		return 0;
	}
	if (fg_tx_begin(n->app->store, &tx, err) < 0 ||
		fg_tx_exec(&tx, err, "UPDATE incidents SET tell_at = 0 WHERE tell = 1", "") < 0 ||
		fg_tx_exec(&tx, err,
			"UPDATE bulletins SET revision = revision + 1 WHERE id IN (SELECT bulletin"
			" FROM incidents WHERE state < 2 AND bulletin > 0 AND last > ?"
			" ORDER BY last DESC LIMIT 50)",
			"i", day_ago) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	n->mutes = sum;
	return 0;
}

int tell_turn(struct notify *n, int64_t *next, struct fg_err *err)
{
	int64_t first, left, count;

	if (look_at_mutes(n, err) < 0)
		return -1;
	while ((first = fg_store_i64(n->app->store, -1,
			"SELECT tell_at FROM incidents WHERE tell = 1 AND unsure = 0"
			" ORDER BY tell_at LIMIT 1",
			"")) >= 0 &&
		first <= fg_wall_ms()) {
		count = tell_some(n, err);
		if (count < 0) {
			memset(n->current, 0,
				sizeof(n->current)); /* one of them may not be there */
			return -1;
		}
		if (count == 0)
			break;
	}
	left = first - fg_wall_ms();
	if (first >= 0 && fg_now_ms() + (left > 100 ? left : 100) < *next)
		*next = fg_now_ms() + (left > 100 ? left : 100);
	return 0;
}
