/* Which groups became which supergroups. */
#include <stddef.h>
#include "fleetgram/base/clock.h"
#include "telegram/moves.h"

#define MOVES_MOST 1024

/* A copy of the table, since roles are looked up with no store at hand. */
static struct {
	int64_t old, new;
} moves[MOVES_MOST];
static size_t move_count;

int moves_note(struct fg_tx *tx, int64_t old, int64_t new, struct fg_err *err)
{
	if (fg_tx_exec(tx, err, "UPDATE chat_moves SET new = ? WHERE new = ?", "ii", new, old) <
			0 ||
		fg_tx_exec(tx, err, "INSERT OR REPLACE INTO chat_moves VALUES(?, ?, ?)", "iii", old,
			new, fg_wall_ms()) < 0)
		return -1;
	/* There and back again. */
	return fg_tx_exec(tx, err, "DELETE FROM chat_moves WHERE old = ?", "i", new) < 0 ? -1 : 0;
}

int64_t moves_target(struct fg_tx *tx, int64_t chat)
{
	cleanup_rows struct fg_rows *rows = NULL;
	struct fg_err err;

	if (chat >= 0)
		return chat;
	rows = fg_tx_query(tx, &err, "SELECT new FROM chat_moves WHERE old = ?", "i", chat);
	return rows && fg_rows_next(rows) ? fg_rows_i64(rows, 0) : chat;
}

int moves_load(struct fg_store *store, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"SELECT old, new FROM chat_moves ORDER BY moved_at DESC, old LIMIT ?", "i",
		(int64_t)MOVES_MOST);

	if (!rows)
		return -1;
	for (move_count = 0; move_count < MOVES_MOST && fg_rows_next(rows); move_count++) {
		moves[move_count].old = fg_rows_i64(rows, 0);
		moves[move_count].new = fg_rows_i64(rows, 1);
	}
	return 0;
}

int64_t moves_now(int64_t chat)
{
	for (size_t i = 0; i < move_count; i++)
		if (moves[i].old == chat)
			return moves[i].new;
	return chat;
}

int64_t moves_before(int64_t chat)
{
	for (size_t i = 0; i < move_count; i++)
		if (moves[i].new == chat)
			return moves[i].old;
	return 0;
}
