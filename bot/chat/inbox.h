/*
 * The inbox: updates, from the moment Telegram gave them until they were answered.
 *
 * A batch is in the store before Telegram hears that we have it, under its update ids, so that what
 * comes again is known. Each update is then worked on in a task. An update is new, begun (a command
 * is about to change something) or done; after a crash new ones are worked on again, and begun ones
 * are reported with the state they left.
 */
#ifndef BOT_CHAT_INBOX_H
#define BOT_CHAT_INBOX_H

#include "app.h"

struct inbox;

/* What is done with updates, each in a task of its own. */
struct inbox_handlers {
	/* A new one. Ends with inbox_done() in a committed transaction. */
	void (*update)(struct app *app, int64_t update_id, const cJSON *update);
	/* One that had begun to change something when the process ended; note is what inbox_begin()
	 * was told. */
	void (*interrupted)(
		struct app *app, int64_t update_id, const cJSON *update, const cJSON *note);
};

/* handlers have to outlive it. */
struct inbox *inbox_create(
	struct app *app, const struct inbox_handlers *handlers, struct fg_err *err);
void inbox_destroy(struct inbox *inbox);

/* As struct poll wants it. */
int inbox_take(void *inbox, const cJSON *updates, struct fg_err *err);
/*
 * Update ids mean something to one bot only: when the store was another one's, forget which were
 * seen. Call before anything is taken.
 */
int inbox_adopt(struct inbox *inbox, int64_t bot_id, struct fg_err *err);
int64_t inbox_offset(struct inbox *inbox);

/* Take up what a crash or a stop left. Call once, before the first poll. */
int inbox_recover(struct inbox *inbox, struct fg_err *err);

/* In the open transaction: the update's command begins to change something (note is JSON, for the
 * report); it was answered. */
int inbox_begin(struct fg_tx *tx, int64_t update_id, const char *note, struct fg_err *err);
int inbox_done(struct fg_tx *tx, int64_t update_id, struct fg_err *err);

/* Wait for the running updates, at most until the deadline, then cancel them and wait for their
 * ends. */
void inbox_drain(struct inbox *inbox, int64_t deadline);
int inbox_running(const struct inbox *inbox);

#endif
