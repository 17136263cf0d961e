/*
 * "… is typing": what a chat shows while a command takes its time and has not shown anything yet.
 */
#ifndef BOT_CHAT_TYPING_H
#define BOT_CHAT_TYPING_H

#include "chat/command.h"

/*
 * From now until typing_end() the chat is told, after a second and then every few, unless the
 * command shows its progress, or Telegram has asked to hold back. That it fails is nobody's
 * business. NULL: there is no chat to tell; that is fine for typing_end().
 */
struct typing *typing_begin(struct command *c);
void typing_end(struct typing *typing);

#endif
