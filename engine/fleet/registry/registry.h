/*
 * What the rest of this room needs of the registry beyond its public calls.
 */
#ifndef FLEET_REGISTRY_H
#define FLEET_REGISTRY_H

#include "fleetgram/fleet/registry.h"

struct fg_registry {
	struct fg_store *store;
};

/* The rows that can be asked for; each needs a host and one more text. */
enum registry_key {
	REGISTRY_CONTAINER, /* the instance with that container; there is none with "" */
	REGISTRY_NAME,      /* the instance of that name */
	REGISTRY_RECORD,    /* the record of that name */
};

/*
 * Every document is read by one of these two. One that is damaged (somebody else's hand has been in
 * the database) is passed over with a line in the log; its row can be written over.
 */

/* 1: *doc is there, which the caller deletes; 0: it is not. tx NULL: what was last committed. */
int registry_get(struct fg_store *store, struct fg_tx *tx, enum registry_key key, const char *host,
	const char *text, cJSON **doc, struct fg_err *err);
/*
 * The next row of a query that begins "SELECT doc, name, host": 1, with *doc or, for a damaged one,
 * NULL; 0: that was all; -1: the rest cannot be read.
 */
int registry_next(struct fg_rows *rows, cJSON **doc, struct fg_err *err);

/* Insert or replace one document; a container has one row, so one of the same id under another name
 * goes. Every document of an instance is written by this. */
int registry_write(struct fg_tx *tx, const cJSON *doc, struct fg_err *err);
/* The same for an instance that was not there before: what is noted under its name becomes its own.
 */
int registry_add(struct fg_tx *tx, const cJSON *doc, struct fg_err *err);

/* Somebody used it; state: the engine's word after that, NULL when it is as before. */
int registry_used(struct fg_registry *registry, const char *host, const char *container_id,
	const char *state, struct fg_err *err);

/* A change to a document; whether there was anything to change. */
typedef bool registry_change_fn(cJSON *doc, void *arg);

/*
 * Change what is noted about a container in the open transaction: the document of the instance with
 * that container, else the record of its host and name, made when there is none (with a name of
 * NULL there is none, and none is made). change() may give it another name or container_id. 1:
 * changed; 0: there was nothing to change.
 */
int registry_edit(struct fg_tx *tx, const char *host, const char *container_id, const char *name,
	registry_change_fn *change, void *arg, struct fg_err *err);

#endif
