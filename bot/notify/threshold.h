/*
 * Thresholds: containers that use too much CPU or memory, and engines whose disk fills up.
 *
 * Containers are measured by the meter while a threshold is set, an engine's root folder is looked
 * at where it is on this machine. What is too high for `notify.for` is an incident until it is well
 * again (level.h), the container does not run any more, or the threshold is taken away. Only the
 * incidents outlive a restart: the time before them is counted anew.
 */
#ifndef BOT_NOTIFY_THRESHOLD_H
#define BOT_NOTIFY_THRESHOLD_H

#include "app.h"

struct threshold;

struct threshold *threshold_create(struct app *app);
void threshold_destroy(struct threshold *t); /* NULL is fine; threshold_run() has ended */
void threshold_run(void *threshold);         /* a task; until it is cancelled */
void threshold_kick(struct threshold *t);    /* the config is another one */

#endif
