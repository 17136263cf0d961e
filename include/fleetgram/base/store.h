/*
 * The store: one SQLite database in WAL mode, written by one transaction at a time.
 *
 * Reads run at once on a connection of their own and see what was last committed. A write
 *transaction belongs to one task; others wait their turn in order. Its statements run in place, its
 *COMMIT (which waits for the disk) on the thread pool, so that a slow disk delays the task and not
 *the loop. Between begin and commit a task must wait for nothing else.
 *
 * Statements bind by a format with a letter a parameter: `s` const char * (NULL is NULL), `i`
 *int64_t, `d` double, `b` const void * and size_t. Integers have to be passed as int64_t.
 *
 *	cleanup_tx struct fg_tx tx = {0};
 *
 *	if (fg_tx_begin(store, &tx, err) < 0 ||
 *	    fg_tx_exec(&tx, err, "UPDATE outbox SET state = ? WHERE id = ?", "si", "sent", id) < 0)
 *		return -1;
 *	return fg_tx_commit(&tx, err);
 */
#ifndef FLEETGRAM_BASE_STORE_H
#define FLEETGRAM_BASE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "fleetgram/base/err.h"

struct fg_store;
struct fg_rows;

/*
 * Open or make the database file; the folder has to exist. A file of a newer major format, or one
 * that is damaged, is an error that says so.
 */
struct fg_store *fg_store_open(const char *path, struct fg_err *err);
void fg_store_close(struct fg_store *store); /* NULL is fine */

/*
 * Before opening, for whoever alone may put another file in the place of this one. damaged: 1 when
 * the file is no database or not a whole one, with what is wrong in why; 0 when nothing was found
 * within most_ms, when there is no file, when it is of a newer format, or (with why) when it could
 * not be read. A large file takes its time, and SQLite does not look at the clock in the middle of a
 * table: it may be called on the thread pool. set_aside: rename it, with its log, to
 * "<path>.damaged-<UTC time>"; the new path, which the caller frees, or NULL.
 *
 * What was set aside is noted in a file "<path>.aside" before it is moved, so that no crash loses
 * who has to hear of it. aside: the path that was moved there and not told of yet, which the caller
 * frees; NULL: there is none. aside_told: forget it.
 */
int fg_store_damaged(const char *path, int64_t most_ms, struct fg_err *why);
char *fg_store_set_aside(const char *path, struct fg_err *err);
char *fg_store_aside(const char *path);
void fg_store_aside_told(const char *path);

/*
 * Trouble with the disk. A write that fails because the disk is full, read-only or broken is rolled
 * back whole, and the next one may succeed: nobody has to reopen anything. The first failure is
 * logged, the ones after it are not, and the end is logged again.
 *
 * problem: why the store does not take or give what it should (for a person; valid until the caller
 * waits), NULL when it does as far as is known. probe writes something, which finds out and ends a
 * problem that has passed; -1: it has not. watch runs in a task until it is cancelled: it looks at
 * the room that is left, and probes while there is a problem. A database found to be damaged stays
 * a problem until it is opened again.
 */
const char *fg_store_problem(const struct fg_store *store);
int fg_store_probe(struct fg_store *store, struct fg_err *err);
void fg_store_watch(void *store);
/* Bytes that are free for us on the disk of the store, and its size. -1: it cannot be told. */
int fg_store_room(const struct fg_store *store, int64_t *free_bytes, int64_t *total_bytes);

/*
 * Bring one room's tables up to date: steps[n] leads from version n to n + 1 of `room`, and is run
 * once, in a transaction. A database whose room is newer than count is refused. Steps may be SQL
 * scripts of several statements.
 */
int fg_store_migrate(struct fg_store *store, const char *room, const char *const *steps, int count,
	struct fg_err *err);

struct fg_tx {
	struct fg_store *store; /* NULL: no transaction is open */
};

int fg_tx_begin(struct fg_store *store, struct fg_tx *tx, struct fg_err *err);
int fg_tx_commit(struct fg_tx *tx, struct fg_err *err); /* on failure it is rolled back */
void fg_tx_rollback(struct fg_tx *tx);                  /* harmless after a commit */
#define cleanup_tx __attribute__((cleanup(fg_tx_rollback)))

/* Rows changed, or -1. */
int64_t fg_tx_exec(struct fg_tx *tx, struct fg_err *err, const char *sql, const char *fmt, ...);
int64_t fg_tx_insert_id(struct fg_tx *tx);
/* Reads inside the transaction, seeing its own changes. */
struct fg_rows *fg_tx_query(
	struct fg_tx *tx, struct fg_err *err, const char *sql, const char *fmt, ...);

/* A transaction of one statement: begin, exec, commit. Rows changed, or -1. */
int64_t fg_store_exec(
	struct fg_store *store, struct fg_err *err, const char *sql, const char *fmt, ...);

/*
 * The same without waiting for the disk: what is noted so outlives this process at once, but the
 * machine only once a later transaction is committed.
 */
int64_t fg_store_note(
	struct fg_store *store, struct fg_err *err, const char *sql, const char *fmt, ...);

/* NULL only on error. Keep no rows open over a wait. */
struct fg_rows *fg_store_query(
	struct fg_store *store, struct fg_err *err, const char *sql, const char *fmt, ...);

bool fg_rows_next(
	struct fg_rows *rows); /* false: the end, or an error (a corrupt page), which is logged */
/* After it said false: 0 when that was all, -1 when the rest could not be read. For whoever takes
 * missing rows for rows that are not there. */
int fg_rows_failed(const struct fg_rows *rows, struct fg_err *err);
int64_t fg_rows_i64(struct fg_rows *rows, int column);
double fg_rows_double(struct fg_rows *rows, int column);
const char *fg_rows_str(
	struct fg_rows *rows, int column); /* valid until the next row; NULL for NULL */
const void *fg_rows_blob(struct fg_rows *rows, int column, size_t *len);
void fg_rows_close(struct fg_rows *rows); /* NULL is fine */

static inline void fg_rows_close_ptr(struct fg_rows **rows)
{
	fg_rows_close(*rows);
}
#define cleanup_rows __attribute__((cleanup(fg_rows_close_ptr)))

/* The first column of the first row, or the fallback (on an error too, which is logged). */
int64_t fg_store_i64(
	struct fg_store *store, int64_t fallback, const char *sql, const char *fmt, ...);

/* Small settings that outlive a restart; a caller frees what get returns, NULL when there is none.
 */
char *fg_store_get(struct fg_store *store, const char *key);
int fg_store_set(struct fg_store *store, const char *key, const char *value, struct fg_err *err);
int fg_tx_set(struct fg_tx *tx, const char *key, const char *value, struct fg_err *err);

#endif
