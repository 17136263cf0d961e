/*
 * The hold: notices that wait for the end of the start-up delay or of quiet hours.
 *
 * They are in the store, the newest HOLD_MOST of each chat; of older ones only their number is
 * known. When things are told again, a chat gets one message: a single notice as it is, several as
 * a line each. After quiet hours the incidents of that time come first in it (recap.h), those that
 * are still open by name and the others counted. What the config does not want told any more by
 * then, or not to that chat, is not.
 */
#ifndef BOT_NOTIFY_HOLD_H
#define BOT_NOTIFY_HOLD_H

#include "notify/notify.h"

#define HOLD_MOST 100

struct hold;

struct hold *hold_create(struct app *app, struct fg_err *err); /* migrates its tables */
void hold_destroy(struct hold *hold); /* NULL is fine; hold_run() has ended */
void hold_run(void *hold);            /* a task; until it is cancelled */
void hold_kick(struct hold *hold);    /* the config is another one; NULL is fine */

/* Whether what happened and was over then (wall clock) is counted in the summary of quiet hours,
 * and needs no message of its own. */
bool hold_sums_up(const struct hold *hold, int64_t wall_ms);

/* In the open transaction: keep it for that chat (and topic). */
int hold_put(struct fg_tx *tx, int64_t chat_id, int64_t thread, const struct notice *notice,
	struct fg_err *err);

#endif
