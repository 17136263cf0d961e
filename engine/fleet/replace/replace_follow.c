/*
 * Containers that were made again for the sake of another one, and what each is now: whoever means
 * one by its id, and has waited meanwhile, means the one in its place.
 *
 * They are in the store, written with the replacement itself, so that they hold for a command that
 * goes on after a restart, too.
 */
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/replace.h"
#include "registry/registry.h"
#include "replace/replacing.h"

#define HOPS 256                                 /* each may have been made again in its turn */
#define KEEP_MS ((int64_t)30 * 24 * 3600 * 1000) /* as long as buttons are good */

static const char *const steps[] = {
	"CREATE TABLE replace_follows (host TEXT NOT NULL, old_id TEXT NOT NULL,"
	" new_id TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (host, old_id)) WITHOUT ROWID;",
};

int follow_migrate(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "follow", steps, FG_ARRAY_LEN(steps), err);
}

int follow_add(struct fg_tx *tx, const struct replacing *r, struct fg_err *err)
{
	int64_t now = fg_wall_ms();

	if (fg_tx_exec(tx, err, "DELETE FROM replace_follows WHERE at_ms < ?", "i", now - KEEP_MS) <
			0 ||
		fg_tx_exec(tx, err, "INSERT OR REPLACE INTO replace_follows VALUES (?, ?, ?, ?)",
			"sssi", r->host->name, r->old_id, r->new_id, now) < 0)
		return -1;
	return 0;
}

bool fg_replace_followed(
	struct fg_registry *registry, const char *host, const char *id, char out[FG_ID_SIZE])
{
	char now[FG_ID_SIZE];
	bool found = false;

	snprintf(now, sizeof(now), "%s", id);
	for (int hops = 0; registry && hops < HOPS; hops++) {
		cleanup_rows struct fg_rows *rows = fg_store_query(registry->store, NULL,
			"SELECT new_id FROM replace_follows WHERE host = ? AND old_id = ?", "ss",
			host, now);

		if (!rows || !fg_rows_next(rows))
			break;
		snprintf(now, sizeof(now), "%s", fg_rows_str(rows, 0));
		found = strcmp(now, id) != 0;
		if (!found)
			break; /* in a circle: an engine has given an id twice */
	}
	if (found)
		memcpy(out, now, sizeof(now));
	return found;
}
