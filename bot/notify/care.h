/*
 * Care: what looks after containers without being asked — the meter and the thresholds on it, newer
 * images, autoheal, and what swarms say.
 */
#ifndef BOT_NOTIFY_CARE_H
#define BOT_NOTIFY_CARE_H

#include "app.h"

struct care;

struct care *care_create(struct app *app, struct fg_err *err); /* makes the app's meter */
void care_destroy(struct care *care); /* NULL is fine; care_run() has ended */
void care_run(void *care);            /* a task; until it is cancelled */
void care_kick(struct care *care);    /* the config is another one */

#endif
