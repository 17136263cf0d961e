/*
 * What is done to services: by commands of their own, and by those that take containers, too.
 */
#ifndef BOT_COMMANDS_SERVICE_ACT_H
#define BOT_COMMANDS_SERVICE_ACT_H

#include "commands/service_card.h"

/* Each asks, begins, does it, watches the swarm at it, and tells what came of it. image: NULL: what
 * its image's name means today. */
int service_update(struct command *c, struct fg_service_item *item, const char *image);
int service_rollback(struct command *c, struct fg_service_item *item);
int service_restart(struct command *c, struct fg_service_item *item);

/* Into what its template says today. items has one, and is taken over. */
int service_apply(struct command *c, struct fg_service_items *items);
int service_remove(struct command *c, struct fg_service_item *item);
/* Forget the one of that name that is missing from its swarm, as far as the person may know of it. 1:
 * that was all; 0: there is none; -1: err. */
int service_forget(struct command *c, const char *word);

/* The last lines of all its tasks, as /logs has those of a container; see logs.c. */
struct logs_query;
int service_logs(struct command *c, struct fg_service_item *item, const struct logs_query *q);

#endif
