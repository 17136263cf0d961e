/*
 * Image updates: every `images.check_every` the registries are asked whether there is something newer
 * than what the containers run on.
 *
 * Nothing is pulled. The questions are spread over the time, each is asked once for all containers of
 * a host that run on the same image, and a registry that has had too many is left alone. What a sweep
 * finds is reported in one transaction, so that it comes as one message. A container that is pinned,
 * or that nobody is to be told of, is not asked for.
 */
#ifndef BOT_NOTIFY_UPDATES_H
#define BOT_NOTIFY_UPDATES_H

#include "app.h"

struct updates;

struct updates *updates_create(struct app *app);
void updates_destroy(struct updates *u); /* NULL is fine; updates_run() has ended */
void updates_run(void *updates);         /* a task; until it is cancelled */
void updates_kick(struct updates *u);    /* the config is another one */

#endif
