/*
 * The router: from an update, or a line from a terminal, to the command it means.
 */
#ifndef BOT_CHAT_ROUTER_H
#define BOT_CHAT_ROUTER_H

#include "app.h"
#include "chat/command.h"

/* What the inbox does with updates: every one ends marked as done, with its answers in the outbox.
 */
extern const struct inbox_handlers router_handlers;

/* A command line from the terminal: the reply is filled. 0, or -1 with err. */
int router_line(struct app *app, const char *line, enum asking asking, struct reply *reply,
	struct fg_err *err);
/* The same with the local operator's rights under another name. */
int router_line_as(struct app *app, const char *who, const char *line, enum asking asking,
	struct reply *reply, struct fg_err *err);

#endif
