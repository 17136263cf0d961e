/*
 * Autoheal: what stays unhealthy is restarted.
 *
 * A container that runs and is unhealthy for `autoheal.after` is restarted, one container at a time,
 * and gets that time again; after `count` restarts within `within` it is given up until it was
 * healthy, or stopped, once. All of this is in the store, and every restart is an incident. The label
 * io.fleetgram.autoheal=false keeps a container out; =true has it healed where autoheal is off. Who
 * acknowledged its incident has taken it over: it is left to them until that is another incident.
 * What is muted is healed all the same, and so is what is pinned.
 */
#ifndef BOT_NOTIFY_AUTOHEAL_H
#define BOT_NOTIFY_AUTOHEAL_H

#include "app.h"

struct autoheal;

struct autoheal *autoheal_create(struct app *app, struct fg_err *err); /* migrates its tables */
void autoheal_destroy(struct autoheal *a); /* NULL is fine; autoheal_run() has ended */
void autoheal_run(void *autoheal);         /* a task; until it is cancelled */
void autoheal_kick(struct autoheal *a);    /* the config is another one */

#endif
