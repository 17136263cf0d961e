/*
 * The poll loop: getUpdates for as long as the bot runs.
 *
 * Updates are handed over in batches; a batch is confirmed to Telegram (by the next request's
 * offset) only after it was taken. Each poll has a hard deadline a little over its own time-out,
 * and after a failure comes on a fresh connection, by backoff. The first poll and the one after a
 * failure do not wait for updates, so that it shows at once whether Telegram is there. A 409
 * (another poller, a webhook) and a 401 are said clearly, once, and waited out; the loop ends only
 * by a cancel.
 */
#ifndef BOT_TELEGRAM_POLL_H
#define BOT_TELEGRAM_POLL_H

#include "telegram/telegram.h"

struct poll {
	struct telegram *tg;
	/* Take the batch (an array of Update) and make it durable. -1: it was not taken, and will
	 * come again. */
	int (*take)(void *arg, const cJSON *updates, struct fg_err *err);
	void *arg;
	int64_t offset; /* the first update_id not yet taken; 0: whatever Telegram has. Starts over
			 * when a reload brings the token of another bot. */
};

/* Runs in a task of its own, with a struct poll. */
void poll_run(void *poll);

#endif
