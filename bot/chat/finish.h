/*
 * The end of the work on an update: one transaction, tried until the store takes it.
 */
#ifndef BOT_CHAT_FINISH_H
#define BOT_CHAT_FINISH_H

#include "chat/command.h"

/* The command's answer goes into the outbox, its row into the audit, its update is done, its
 * confirmation used up. */
void finish_command(struct command *c);
/* The same for a command that gets no answer here (its button had one); it was refused. */
void finish_refused(struct command *c, const char *why);
/* The end of a command from a terminal: its row in the audit. */
void finish_terminal(struct command *c);
/* The update is done, and nothing is said. */
void finish_silently(struct app *app, int64_t update_id);

#endif
