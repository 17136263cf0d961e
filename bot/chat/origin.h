/*
 * Origins: who said what where, and the command that begins with that.
 */
#ifndef BOT_CHAT_ORIGIN_H
#define BOT_CHAT_ORIGIN_H

#include "chat/command.h"

/* Who said what where. Strings are inside the update. */
struct origin {
	int64_t update_id, user_id, chat_id, thread, message_id;
	const char *name;        /* as Telegram has it */
	const char *callback_id; /* of a pressed button; NULL: a message */
	bool private;
};

/* message: where it was said; user: who said it, NULL when that does not matter. */
struct origin origin_of(int64_t update_id, const cJSON *message, const cJSON *user);

/* A command of theirs that has no words yet, with an empty reply that goes where they spoke. */
void command_init(
	struct command *c, struct app *app, const struct origin *from, struct reply *reply);
void command_finish(struct command *c); /* its reply, too */

#endif
