/*
 * Answers to pressed buttons: what ends the waiting animation, with or without a short text.
 */
#ifndef BOT_CHAT_CALLBACK_H
#define BOT_CHAT_CALLBACK_H

#include "app.h"

/*
 * Answer the callback query, in a task of its own: the command goes on meanwhile. text: at most 200
 * characters, NULL: none. An answer that comes too late is no error.
 */
void callback_answer(struct app *app, const char *callback_id, const char *text);

#endif
