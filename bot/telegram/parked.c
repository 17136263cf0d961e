/* Chats that refuse, in the store. */
#include "fleetgram/base/clock.h"
#include "fleetgram/base/log.h"
#include "telegram/parked.h"

int64_t parked_wait(int64_t probe_at)
{
	int64_t left = probe_at - fg_wall_ms();

	/* More than the whole wait is left only when the clock was set back. */
	return left > 0 && left <= PARKED_PROBE_MS ? left : 0;
}

int parked_add(struct fg_tx *tx, int64_t chat, const char *why, struct fg_err *err)
{
	int64_t now = fg_wall_ms();
	int64_t again =
		fg_tx_exec(tx, err, "UPDATE outbox_parked SET probe_at = ?, why = ? WHERE chat = ?",
			"isi", now + PARKED_PROBE_MS, why, chat);

	if (again < 0)
		return -1;
	if (!again && fg_tx_exec(tx, err, "INSERT INTO outbox_parked VALUES(?, ?, ?, 0, ?)", "iiis",
			      chat, now, now + PARKED_PROBE_MS, why) < 0)
		return -1;
	if (!again)
		fg_warn("chat %lld takes no messages (%s): what is for it waits", (long long)chat,
			why);
	return parked_trim(tx, chat, err) < 0 ? -1 : !again;
}

static int64_t dropped_so_far(struct fg_tx *tx, int64_t chat, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows =
		fg_tx_query(tx, err, "SELECT dropped FROM outbox_parked WHERE chat = ?", "i", chat);

	if (!rows)
		return -2;
	return fg_rows_next(rows) ? fg_rows_i64(rows, 0) : -1;
}

int parked_end(struct fg_tx *tx, int64_t chat, struct fg_err *err)
{
	int64_t dropped = dropped_so_far(tx, chat, err);

	if (dropped < 0)
		return dropped == -1 ? 0 : -1;
	fg_info("chat %lld takes messages again; %lld were dropped meanwhile",
		(long long)chat, (long long)dropped);
	return fg_tx_exec(tx, err, "DELETE FROM outbox_parked WHERE chat = ?", "i", chat) < 0 ? -1
											      : 0;
}

int parked_trim(struct fg_tx *tx, int64_t chat, struct fg_err *err)
{
	int64_t before = dropped_so_far(tx, chat, err), dropped;

	if (before < 0)
		return before == -1 ? 0 : -1;
	/* What is on its way at this moment has to stay until it is settled. */
	dropped = fg_tx_exec(tx, err,
		"DELETE FROM outbox WHERE chat = ?1 AND state IN (0, 2) AND (created_at < ?2 OR id <="
		" (SELECT id FROM outbox WHERE chat = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?3))",
		"iii", chat, fg_wall_ms() - PARKED_KEEP_MS, (int64_t)PARKED_MOST);
	if (dropped <= 0)
		return (int)dropped;
	if (!before)
		fg_warn("chat %lld takes no messages and too many wait: the oldest are dropped from now on",
			(long long)chat);
	return fg_tx_exec(tx, err, "UPDATE outbox_parked SET dropped = dropped + ? WHERE chat = ?",
		       "ii", dropped, chat) < 0
		       ? -1
		       : 0;
}

int parked_heard(struct fg_store *store, int64_t chat, struct fg_err *err)
{
	if (fg_store_i64(
		    store, 0, "SELECT probe_at FROM outbox_parked WHERE chat = ?", "i", chat) == 0)
		return 0;
	return fg_store_exec(store, err, "UPDATE outbox_parked SET probe_at = 0 WHERE chat = ?",
		       "i", chat) < 0
		       ? -1
		       : 1;
}
