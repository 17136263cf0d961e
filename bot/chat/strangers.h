/*
 * Strangers: people who write to the bot and are in no entry of the config.
 */
#ifndef BOT_CHAT_STRANGERS_H
#define BOT_CHAT_STRANGERS_H

#include "app.h"

int strangers_setup(struct fg_store *store, struct fg_err *err);

struct meeting {
	int64_t chat_id;
	bool private;
	const cJSON *user;
	const char *text; /* the command they tried, for the audit; NULL: they only wrote */
	int64_t update_id;
};

/*
 * One wrote. In a private chat they are told their id, at most once an hour, and the admins and the
 * chats with notify are told of them once, unless there are too many new ones within an hour: then
 * only that. Who has not written for a month is new again; elsewhere nothing is said. Ends with the
 * update marked as done.
 */
void strangers_meet(struct app *app, const struct setup *setup, const struct meeting *m);
/* One pressed a button, which was answered already. */
void strangers_press(struct app *app, const struct meeting *m);

#endif
