/*
 * Chats that refuse: the bot was blocked or thrown out there, or the chat is gone.
 *
 * What is for such a chat waits, within bounds, and is not tried. It is tried again, one message at
 * first, when somebody there speaks to the bot and once a day; the first that arrives ends the
 * parking. Until then the chat counts as parked, however often it is tried, so that operators are
 * told of it once.
 */
#ifndef BOT_TELEGRAM_PARKED_H
#define BOT_TELEGRAM_PARKED_H

#include <stdbool.h>
#include "fleetgram/base/store.h"

#define PARKED_MOST 100                        /* messages kept for a parked chat, the newest */
#define PARKED_KEEP_MS ((int64_t)7 * 86400000) /* and for how long */
#define PARKED_PROBE_MS ((int64_t)86400000)    /* between two tries without being spoken to */

#define PARKED_TABLE                                                                             \
	"CREATE TABLE outbox_parked(chat INTEGER PRIMARY KEY, since INTEGER NOT NULL, probe_at " \
	"INTEGER NOT NULL, dropped INTEGER NOT NULL, why TEXT NOT NULL);"

/* The chat has refused. 1: it is parked from now on; 0: it was already; -1. */
int parked_add(struct fg_tx *tx, int64_t chat, const char *why, struct fg_err *err);
/* Something has arrived there. */
int parked_end(struct fg_tx *tx, int64_t chat, struct fg_err *err);
/* Keep the bounds of what waits for the chat, if it is parked. */
int parked_trim(struct fg_tx *tx, int64_t chat, struct fg_err *err);
/* Somebody there has spoken. 1: it may be tried at once now; 0: it was not parked; -1. */
int parked_heard(struct fg_store *store, int64_t chat, struct fg_err *err);
/* ms until a parked chat may be tried, by its probe_at; 0: now. */
int64_t parked_wait(int64_t probe_at);

#endif
