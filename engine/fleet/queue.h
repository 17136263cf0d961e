/*
 * The queues in front of containers: whatever changes one waits for what was begun before.
 */
#ifndef FLEET_QUEUE_H
#define FLEET_QUEUE_H

#include <stdbool.h>
#include "fleetgram/base/err.h"

struct queue;

/* Wait for the turn at the container `id` of that host, for at most ten minutes. NULL: error. */
struct queue *queue_enter(const char *host, const char *id, struct fg_err *err);
void queue_leave(struct queue *q);
/* Whether somebody works on it now, or waits to. */
bool queue_busy(const char *host, const char *id);

#endif
