/*
 * The digest: how the fleet is and what the last day was like, once a day at `notify.digest`.
 *
 * One message to each chat with `notify`, of what it may see. One that nobody was there for is told
 * as soon as the bot is back, unless that is DIGEST_LATE_MS later; in quiet hours it makes no
 * sound.
 */
#ifndef BOT_NOTIFY_DIGEST_H
#define BOT_NOTIFY_DIGEST_H

#include "app.h"

#define DIGEST_LATE_MS ((int64_t)12 * 3600 * 1000)

struct digest;

struct digest *digest_create(struct app *app, struct fg_err *err); /* migrates its table */
void digest_destroy(struct digest *digest); /* NULL is fine; digest_run() has ended */
void digest_run(void *digest);              /* a task; until it is cancelled */
void digest_kick(struct digest *digest);    /* the config is another one */

/* In the open transaction: so many instances were pruned, for the next digest to count. */
int digest_note_pruned(struct fg_tx *tx, int64_t n, struct fg_err *err);

/* The message for a chat of the setup, as of now. Waits for the hosts; -1: cancelled. */
int digest_write(struct app *app, struct setup *setup, const struct config_chat *chat,
	struct fg_str *html, struct fg_err *err);

#endif
