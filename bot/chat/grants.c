/* Grants: a higher role for a while. */
#include "chat/grants.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"

static const char *const steps[] = {
	"CREATE TABLE grants(user_id INTEGER PRIMARY KEY, name TEXT NOT NULL, role INTEGER NOT NULL,"
	" until_ms INTEGER NOT NULL, by TEXT NOT NULL);",
	"ALTER TABLE grants ADD COLUMN given_ms INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE grants ADD COLUMN boot TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE grants ADD COLUMN boot_until_ms INTEGER NOT NULL DEFAULT 0;",
};

/* Which still count, and until when by the wall clock as it is now, of ?1 the boot, ?2 its time and
 * ?3 the wall's. An empty boot is none. */
#define COUNTS                                                                       \
	"until_ms > ?3 AND CASE WHEN boot = ?1 AND boot <> '' THEN boot_until_ms > ?2" \
	" ELSE given_ms <= ?3 END"
#define UNTIL                                                                            \
	"CASE WHEN boot = ?1 AND boot <> '' THEN min(until_ms, boot_until_ms - ?2 + ?3)" \
	" ELSE until_ms END"
#define NOW_AND(fmt) "sii" fmt, fg_boot_id(), fg_boot_ms(), fg_wall_ms()

int grants_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "grants", steps, FG_ARRAY_LEN(steps), err);
}

int grants_put(struct fg_tx *tx, const struct grant *grant, struct fg_err *err)
{
	int64_t now = fg_wall_ms(), boot_until = fg_boot_ms() + grant->until_ms - now;

	if (fg_tx_exec(tx, err, "DELETE FROM grants WHERE NOT (" COUNTS ")", NOW_AND("")) < 0)
		return -1;
	return fg_tx_exec(tx, err,
		       "INSERT OR REPLACE INTO grants(user_id, name, role, until_ms, by, given_ms,"
		       " boot, boot_until_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
		       "isiisisi", grant->user_id, grant->name, (int64_t)grant->role,
		       grant->until_ms, grant->by, now, fg_boot_id(), boot_until) < 0
		       ? -1
		       : 0;
}

int grants_drop(struct fg_tx *tx, int64_t user_id, struct fg_err *err)
{
	int64_t n = fg_tx_exec(tx, err, "DELETE FROM grants WHERE " COUNTS " AND user_id = ?4",
		NOW_AND("i"), user_id);

	return n < 0 ? -1 : n > 0;
}

int grants_each(struct fg_store *store, void (*fn)(const struct grant *grant, void *arg), void *arg,
	struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"SELECT user_id, name, role, " UNTIL ", by FROM grants WHERE " COUNTS " ORDER BY 4",
		NOW_AND(""));
	int n = 0;

	if (!rows)
		return -1;
	for (; fg_rows_next(rows); n++) {
		struct grant grant = {
			.user_id = fg_rows_i64(rows, 0),
			.name = fg_rows_str(rows, 1),
			.role = (enum role)fg_rows_i64(rows, 2),
			.until_ms = fg_rows_i64(rows, 3),
			.by = fg_rows_str(rows, 4),
		};

		fn(&grant, arg);
	}
	return fg_rows_failed(rows, err) < 0 ? -1 : n;
}

void grants_raise(struct fg_store *store, struct person *person)
{
	struct fg_err err;
	cleanup_rows struct fg_rows *rows = fg_store_query(store, &err,
		"SELECT role, " UNTIL " FROM grants WHERE " COUNTS " AND user_id = ?4",
		NOW_AND("i"), person->id);
	int64_t role;

	if (!rows) {
		fg_error("what was granted to %s counts for nothing now: %s", person->name,
			err.text);
		return;
	}
	if (!fg_rows_next(rows))
		return;
	role = fg_rows_i64(rows, 0);
	if (role <= (int64_t)person->role || role > ROLE_ADMIN)
		return;
	person->own_role = person->role;
	person->role = (enum role)role;
	person->granted_until_ms = fg_rows_i64(rows, 1);
	person->commands = NULL;
}
