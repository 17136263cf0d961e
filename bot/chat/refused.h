/*
 * Telling people elsewhere that a chat takes no messages from the bot any more.
 */
#ifndef BOT_CHAT_REFUSED_H
#define BOT_CHAT_REFUSED_H

#include "app.h"

/*
 * As outbox_on_parked() wants it, with the application as arg: a message to every admin and every
 * chat with `notify`, but not to the chat itself. Chats that the config does not name are only
 * logged, by whoever parked them.
 */
int refused_tell(struct fg_tx *tx, int64_t chat, const char *why, void *app, struct fg_err *err);

#endif
