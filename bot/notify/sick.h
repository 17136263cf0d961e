/*
 * Sick ones: which containers are unhealthy since when, and how often each was restarted for it.
 *
 * All of it is in the store, so that a restart of the bot neither begins a new count nor a new wait.
 */
#ifndef BOT_NOTIFY_SICK_H
#define BOT_NOTIFY_SICK_H

#include "app.h"

#define SICK_LABEL "io.fleetgram.autoheal"

struct sick {
	char *host, *id;
	cJSON *subject;   /* {"name","image","labels"} */
	int64_t since_ms; /* wall clock */
	bool gave_up;
};

struct sick_list {
	struct sick *v;
	size_t n;
};

int sick_setup(struct fg_store *store, struct fg_err *err);

struct sick_list *sick_list_create(void);
void sick_list_destroy(struct sick_list *list); /* NULL is fine */

/*
 * Take note of a host's list: what is healthy, stopped or gone is not sick any more, and its
 * restarts are over as incidents. out gets those that are unhealthy now and run.
 */
int sick_note(struct app *app, const char *host, const struct fg_containers *list,
	struct sick_list *out, struct fg_err *err);

/* How many of its restarts began within that time; -1: the store does not say. */
int64_t sick_restarts(struct fg_store *store, const struct sick *s, int64_t within_ms);
/* A restart begins; its time counts from now on again. */
int sick_begin(struct fg_store *store, const struct sick *s, struct fg_err *err);
/* It has ended and is told in the same transaction; called_off: it does not count. */
int sick_restarted(struct fg_tx *tx, const struct sick *s, bool called_off, struct fg_err *err);
/* Those that began and were never told. each() is called outside of any transaction. */
void sick_unfinished(struct fg_store *store,
	void (*each)(const struct sick *s, int64_t at_ms, void *arg), void *arg);
int sick_give_up(struct fg_tx *tx, const struct sick *s, struct fg_err *err);

#endif
