/*
 * Command menus: what Telegram shows behind "/" is what one may do there.
 *
 * Anybody sees what anybody known may use; the private chat of each user and each group of the
 * config have menus of their own, by what their roles allow and, while it lasts, by what is granted
 * to them. Who has never spoken to the bot gets theirs when they do.
 */
#ifndef BOT_CHAT_MENUS_H
#define BOT_CHAT_MENUS_H

#include "app.h"

/* Bring all menus up to date, one after another with pauses, and take away those of chats that are
 * no longer in the config; again whenever a grant ends. In a task of its own, which a later call
 * ends. Nothing where there is no Telegram. */
void menus_start(struct app *app);
/* Somebody whom the config knows has spoken in that private chat. */
void menus_heard(struct app *app, int64_t chat);

#endif
