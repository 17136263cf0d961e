/*
 * The store's inside, for the files that it is made of.
 */
#ifndef BASE_STORE_OWN_H
#define BASE_STORE_OWN_H

#include <sqlite3.h>
#include "fleetgram/base/store.h"
#include "fleetgram/base/task.h"

#define STORE_FORMAT 1 /* PRAGMA user_version of the file */

struct fg_store {
	sqlite3 *writer, *reader;
	struct fg_lock lock; /* held by the open transaction */
	int64_t changes;     /* the writer's count of them when the transaction began */
	char *path;
	char problem[512];      /* why the disk does not take or give what it should; "": it does */
	bool damaged;           /* a part of the problem that no later success ends */
	int64_t told_ms;        /* monotonic: when a problem was last logged; 0: never */
	struct fg_cond trouble; /* fg_store_watch() waits here */
};

/* Fill err with what, and what SQLite says of its last call. store: NULL, or the one to whose state
 * it belongs: a problem of the disk is noted there. Returns -1. */
int store_fail(struct fg_store *store, sqlite3 *db, struct fg_err *err, const char *what);
/* The same of a commit, which failed with that errno. */
int store_fail_commit(struct fg_store *store, int number, struct fg_err *err);

/* What was written has arrived: a problem is over. */
void store_note_written(struct fg_store *store);

#endif
