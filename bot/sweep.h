/*
 * The sweep: pruning that nobody asks for, every `prune.every`.
 *
 * One sweep runs at a time and is given up after SWEEP_LIMIT. Each begins with the config of that
 * moment.
 */
#ifndef BOT_SWEEP_H
#define BOT_SWEEP_H

#include "app.h"
#include "fleetgram/fleet/prune.h"

struct sweep;

struct sweep *sweep_create(struct app *app);
void sweep_destroy(struct sweep *sweep); /* NULL is fine */
void sweep_run(void *sweep);             /* a task; until it is cancelled */
void sweep_kick(struct sweep *sweep);    /* the config changed: `every` may be another */

/* What pruning needs to know of a setup, which has to outlive it. */
struct fg_pruning sweep_pruning(struct app *app, struct setup *setup);

/* What the last sweep that took anything did: {"at","pruned":[{"name","host","template","action",
 * "reason","result","error"}]}; NULL: none has. */
const cJSON *sweep_last(const struct sweep *sweep);

/* One line of it, also for /prune. The caller deletes it. */
cJSON *sweep_item_data(const struct fg_prune_item *item);

#endif
