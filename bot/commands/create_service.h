/*
 * /create of a template that makes services.
 */
#ifndef BOT_COMMANDS_CREATE_SERVICE_H
#define BOT_COMMANDS_CREATE_SERVICE_H

#include "commands/plan.h"

/* c's words are those of /create. */
int create_service(struct command *c, const struct fg_template *template);

#endif
