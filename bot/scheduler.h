/*
 * The scheduler: it runs what the schedules say when it is time, and tells what came of it.
 *
 * Each run is a task of its own with the rights of the local operator, and one schedule has one at
 * a time. What is due is noted as settled, and a run as begun, before anything happens: so nothing
 * is run twice, whatever the clock does, and a run that a crash cut short is told of at the next
 * start and not repeated. The same goes for those that nobody was there for. All of it is told to
 * the chats with `notify` that have no scope (in quiet hours after these, unless somebody asked for
 * the run), or to the admins when there are none.
 */
#ifndef BOT_SCHEDULER_H
#define BOT_SCHEDULER_H

#include "app.h"

struct scheduler;

struct scheduler *scheduler_create(struct app *app, struct fg_err *err);
void scheduler_destroy(struct scheduler *s); /* NULL is fine; no run is under way */
void scheduler_run(void *scheduler);         /* a task; until it is cancelled */
void scheduler_kick(struct scheduler *s);    /* the schedules are others; NULL is fine */
/* Wait for the runs under way, at most until the deadline. No other begins. */
void scheduler_drain(struct scheduler *s, int64_t deadline);

/* Run one now, whatever its times. -1: there is none of that name, or it runs. */
int scheduler_run_now(struct scheduler *s, const char *name, struct fg_err *err);

#endif
