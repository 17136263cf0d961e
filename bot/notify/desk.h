/*
 * The desk: what is told that is no incident, begun and ended together — what waits for quiet hours
 * to end, what the bot says of itself, and the digest.
 */
#ifndef BOT_NOTIFY_DESK_H
#define BOT_NOTIFY_DESK_H

#include "app.h"

struct desk;

struct desk *desk_create(struct app *app, struct fg_err *err); /* the app's hold and itself, too */
void desk_destroy(struct desk *desk); /* NULL is fine; desk_run() has ended */
void desk_run(void *desk);            /* a task; until it is cancelled */
void desk_kick(struct desk *desk);    /* the config is another one */

#endif
