/* Confirmations that wait in a chat for their button. */
#include <sodium.h>
#include <string.h>
#include "chat/confirm.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

#define KEEP_MS ((int64_t)24 * 3600 * 1000) /* expired ones are known for so long, to say so */

static const char *const steps[] = {
	"CREATE TABLE confirms(id TEXT PRIMARY KEY, chat_id INTEGER NOT NULL, user_id INTEGER NOT NULL,"
	" expires_ms INTEGER NOT NULL, line TEXT NOT NULL, targets TEXT NOT NULL) WITHOUT ROWID;",
};

int confirm_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "confirms", steps, FG_ARRAY_LEN(steps), err);
}

void confirm_finish(struct confirm *confirm)
{
	free(confirm->line);
	cJSON_Delete(confirm->targets);
	memset(confirm, 0, sizeof(*confirm));
}

int confirm_put(struct fg_store *store, struct confirm *confirm, struct fg_err *err)
{
	cleanup_free char *targets = fg_json_print(confirm->targets);
	cleanup_tx struct fg_tx tx = {0};
	unsigned char raw[CONFIRM_ID / 2];

	randombytes_buf(raw, sizeof(raw));
	sodium_bin2hex(confirm->id, sizeof(confirm->id), raw, sizeof(raw));
	if (fg_tx_begin(store, &tx, err) < 0 ||
		fg_tx_exec(&tx, err, "DELETE FROM confirms WHERE expires_ms < ?", "i",
			fg_wall_ms() - KEEP_MS) < 0 ||
		fg_tx_exec(&tx, err, "INSERT INTO confirms VALUES(?, ?, ?, ?, ?, ?)", "siiiss",
			confirm->id, confirm->chat_id, confirm->user_id, confirm->expires_ms,
			confirm->line, targets) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

/* A question that has more than its whole time left was asked before the clock was set back. */
bool confirm_lasts(const struct confirm *confirm, int64_t ttl_ms)
{
	int64_t left = confirm->expires_ms - fg_wall_ms();

	return left >= 0 && left <= ttl_ms;
}

int confirm_get(struct fg_store *store, const char *id, struct confirm *out, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"SELECT chat_id, user_id, expires_ms, line, targets FROM confirms WHERE id = ?",
		"s", id);
	const char *targets;

	if (!rows)
		return -1;
	if (!fg_rows_next(rows))
		return 0;
	snprintf(out->id, sizeof(out->id), "%s", id);
	out->chat_id = fg_rows_i64(rows, 0);
	out->user_id = fg_rows_i64(rows, 1);
	out->expires_ms = fg_rows_i64(rows, 2);
	out->line = fg_strdup(fg_rows_str(rows, 3));
	targets = fg_rows_str(rows, 4);
	out->targets = fg_json_parse(targets, strlen(targets), err);
	if (!out->targets) {
		confirm_finish(out);
		return -1;
	}
	return 1;
}

int confirm_use(struct fg_tx *tx, const char *id, struct fg_err *err)
{
	return fg_tx_exec(tx, err, "DELETE FROM confirms WHERE id = ?", "s", id) < 0 ? -1 : 0;
}
