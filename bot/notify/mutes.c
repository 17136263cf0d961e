/* Mutes, as the store keeps them. */
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/pause.h"
#include "fleetgram/fleet/selector.h"
#include "notify/mutes.h"

static const char *const steps[] = {
	"CREATE TABLE mutes(id INTEGER PRIMARY KEY, selector TEXT NOT NULL, scope TEXT NOT NULL,"
	" until_ms INTEGER NOT NULL, author TEXT NOT NULL, UNIQUE(selector, scope));",
};

int mutes_setup(struct fg_store *store, struct fg_err *err)
{
	if (fg_pauses_setup(store, err) < 0)
		return -1;
	return fg_store_migrate(store, "mutes", steps, FG_ARRAY_LEN(steps), err);
}

static int count(struct fg_tx *tx, int64_t *n, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err, "SELECT count(*) FROM mutes", "");

	if (!rows || !fg_rows_next(rows))
		return -1;
	*n = fg_rows_i64(rows, 0);
	return 0;
}

int mutes_add(struct fg_tx *tx, const struct mute *mute, struct fg_err *err)
{
	int64_t n;

	if (fg_tx_exec(tx, err, "DELETE FROM mutes WHERE until_ms <= ?", "i", fg_wall_ms()) < 0 ||
		fg_tx_exec(tx, err,
			"INSERT INTO mutes(selector, scope, until_ms, author) VALUES(?, ?, ?, ?)"
			" ON CONFLICT(selector, scope) DO UPDATE SET until_ms = excluded.until_ms,"
			" author = excluded.author",
			"ssis", mute->selector, mute->scope, mute->until_ms, mute->by) < 0 ||
		count(tx, &n, err) < 0)
		return -1;
	if (n > MUTES_MOST)
		return fg_fail(err, FG_ETOOBIG,
			"there are %d mutes already: end one of them first, with /unmute",
			MUTES_MOST);
	return 0;
}

int mutes_end(struct fg_tx *tx, const char *selector, const char *scope, struct fg_err *err)
{
	return (int)fg_tx_exec(tx, err,
		"DELETE FROM mutes WHERE until_ms > ?1 AND (?2 IS NULL OR selector = ?2)"
		" AND (?3 IS NULL OR scope = ?3)",
		"iss", fg_wall_ms(), selector, scope);
}

void mutes_each(struct fg_store *store, int64_t now_ms,
	void (*each)(const struct mute *mute, void *arg), void *arg)
{
	struct fg_err err;
	cleanup_rows struct fg_rows *rows = fg_store_query(store, &err,
		"SELECT id, selector, scope, until_ms, author FROM mutes WHERE until_ms > ?"
		" ORDER BY until_ms, id",
		"i", now_ms);

	if (!rows)
		fg_error("the mutes cannot be read: %s", err.text);
	while (rows && fg_rows_next(rows))
		each(
			&(struct mute){
				.id = fg_rows_i64(rows, 0),
				.selector = fg_rows_str(rows, 1),
				.scope = fg_rows_str(rows, 2),
				.until_ms = fg_rows_i64(rows, 3),
				.by = fg_rows_str(rows, 4),
			},
			arg);
}

struct parsed {
	struct fg_selector *selector, *scope; /* NULL: it was none */
	int64_t until_ms;
	bool pause; /* of a host: what goes on under another one as well is not on it alone */
};

struct mutes {
	struct parsed *v;
	size_t n;
};

/* A selector of the store was one when it was put there: one that is none now picks nothing. */
static bool picks(const struct fg_selector *sel, const struct fg_subject *subject)
{
	if (!sel)
		return false;
	if (*subject->name)
		return fg_selector_match(sel, subject);
	return fg_selector_only_hosts(sel) && fg_selector_match_hosts(sel, subject);
}

static void add_parsed(const struct mute *mute, void *arg)
{
	struct mutes *mutes = arg;

	mutes->v = fg_realloc(mutes->v, mutes->n + 1, sizeof(*mutes->v));
	mutes->v[mutes->n++] = (struct parsed){
		.selector = fg_selector_parse_string(mute->selector, NULL),
		.scope = fg_selector_parse_string(mute->scope, NULL),
		.until_ms = mute->until_ms,
	};
}

/* A host that is paused for maintenance is muted with all that is on it. */
static void add_pause(const struct fg_pause *pause, void *arg)
{
	cleanup_free char *selector = fg_printf("host=%s", pause->host);
	struct mutes *mutes = arg;

	add_parsed(&(struct mute){.selector = selector, .scope = "", .until_ms = pause->until_ms},
		arg);
	mutes->v[mutes->n - 1].pause = true;
}

struct mutes *mutes_load(struct fg_store *store, int64_t now_ms)
{
	struct mutes *mutes = fg_alloc(sizeof(*mutes));

	mutes_each(store, now_ms, add_parsed, mutes);
	fg_pauses_each(store, add_pause, mutes);
	return mutes;
}

void mutes_unload(struct mutes *mutes)
{
	if (!mutes)
		return;
	for (size_t i = 0; i < mutes->n; i++) {
		fg_selector_destroy(mutes->v[i].selector);
		fg_selector_destroy(mutes->v[i].scope);
	}
	free(mutes->v);
	free(mutes);
}

int64_t mutes_find(const struct mutes *mutes, const struct fg_subject *subject)
{
	struct fg_subject here = *subject;
	int64_t until = 0;

	here.hosts = NULL;
	for (size_t i = 0; i < mutes->n; i++) {
		const struct parsed *mute = &mutes->v[i];
		const struct fg_subject *of = mute->pause ? &here : subject;

		if (mute->until_ms > until && picks(mute->selector, of) && picks(mute->scope, of))
			until = mute->until_ms;
	}
	return until;
}

int64_t mutes_until(struct fg_store *store, const struct fg_subject *subject, int64_t now_ms)
{
	struct mutes *mutes = mutes_load(store, now_ms);
	int64_t until = mutes_find(mutes, subject);

	mutes_unload(mutes);
	return until;
}
