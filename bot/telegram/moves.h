/*
 * Groups that became supergroups, and so have another id.
 *
 * Telegram says it when something is sent to the old id, and by a message in either chat. It is
 * kept for good: whoever still means the old id, as the config may, means the new one.
 */
#ifndef BOT_TELEGRAM_MOVES_H
#define BOT_TELEGRAM_MOVES_H

#include <stdbool.h>
#include "fleetgram/base/store.h"

#define MOVES_TABLE                                                                                \
	"CREATE TABLE chat_moves(old INTEGER PRIMARY KEY, new INTEGER NOT NULL, moved_at INTEGER " \
	"NOT NULL);"

/* Only groups move: both ids are negative. */
static inline bool moves_possible(int64_t old, int64_t new)
{
	return old < 0 && new < 0 && old != new;
}

/* Put a possible move into the open transaction; after its commit somebody has to moves_load(). */
int moves_note(struct fg_tx *tx, int64_t old, int64_t new, struct fg_err *err);
/* Where what is meant for the chat goes, as the transaction sees it: mostly there. */
int64_t moves_target(struct fg_tx *tx, int64_t chat);

/* What is in the store, for the two below. The newest 1024 are known. */
int moves_load(struct fg_store *store, struct fg_err *err);
int64_t moves_now(int64_t chat);    /* what it has become; itself when it has not moved */
int64_t moves_before(int64_t chat); /* what it was before; 0: nothing else, as far as is known */

#endif
