/* The store: SQLite with one writer, reads beside it, and commits that do not hold up the loop. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "store_own.h"

#define BUSY_PAUSE 5     /* ms between tries for another process's write lock */
#define BUSY_LIMIT 10000 /* ms until that is an error */
#define CHECKPOINT 1000  /* pages of the log that are too many */
#define LASTING "PRAGMA synchronous = FULL;" /* a commit waits for the disk, */
#define FLEETING "PRAGMA synchronous = NORMAL;" /* or not */

struct fg_rows {
	sqlite3_stmt *stmt;
	sqlite3 *db;
	struct fg_store *store;
	struct fg_err why;
	bool failed;
};

static int run_script(sqlite3 *db, const char *sql, struct fg_err *err, const char *what)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_fail(NULL, db, err, what);
}

static void bind_all(sqlite3_stmt *stmt, const char *fmt, va_list ap)
{
	for (int i = 1; *fmt; fmt++, i++) {
		if (*fmt == 's') {
			sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		} else if (*fmt == 'i') {
			sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t));
		} else if (*fmt == 'd') {
			sqlite3_bind_double(stmt, i, va_arg(ap, double));
		} else if (*fmt == 'b') {
			const void *data = va_arg(ap, const void *);

			sqlite3_bind_blob64(stmt, i, data, va_arg(ap, size_t), SQLITE_TRANSIENT);
		} else {
			abort(); /* a format that this does not know is a bug */
		}
	}
}

static sqlite3_stmt *prepare(struct fg_store *store, sqlite3 *db, struct fg_err *err,
	const char *sql, const char *fmt, va_list ap)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
		store_fail(store, db, err, "cannot read the database");
		return NULL;
	}
	bind_all(stmt, fmt, ap);
	return stmt;
}

static int64_t execute(
	struct fg_store *store, struct fg_err *err, const char *sql, const char *fmt, va_list ap)
{
	sqlite3 *db = store->writer;
	sqlite3_stmt *stmt = prepare(store, db, err, sql, fmt, ap);
	int rc;

	if (!stmt)
		return -1;
	if (sqlite3_get_autocommit(db)) { /* a failure has ended the transaction: nothing may stay of it */
		sqlite3_finalize(stmt);
		return fg_fail(err, FG_EIO, "the transaction was given up");
	}
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		;
	if (rc != SQLITE_DONE)
		store_fail(store, db, err, "cannot write to the database");
	sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? sqlite3_changes64(db) : -1;
}

static struct fg_rows *query(struct fg_store *store, sqlite3 *db, struct fg_err *err,
	const char *sql, const char *fmt, va_list ap)
{
	sqlite3_stmt *stmt = prepare(store, db, err, sql, fmt, ap);
	struct fg_rows *rows;

	if (!stmt)
		return NULL;
	rows = fg_alloc(sizeof(*rows));
	rows->stmt = stmt;
	rows->db = db;
	rows->store = store;
	return rows;
}

/* Opening */

static sqlite3 *open_connection(const char *path, int flags, struct fg_err *err)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK) {
		store_fail(NULL, db, err, path);
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, 1000); /* opening only; transactions wait as tasks do */
	if (run_script(db,
		    "PRAGMA cache_size = -512; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;",
		    err, path) < 0) {
		sqlite3_close(db);
		return NULL;
	}
	return db;
}

static int64_t pragma_i64(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t value = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return 0;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

static int set_up(struct fg_store *store, struct fg_err *err)
{
	int64_t format;

	if (run_script(store->writer,
		    "PRAGMA journal_mode = WAL;" LASTING "PRAGMA journal_size_limit = 4194304;",
		    err, store->path) < 0)
		return -1;
	format = pragma_i64(store->writer, "PRAGMA user_version");
	if (format > STORE_FORMAT)
		return fg_fail(err, FG_EIO,
			"%s was written by a newer Fleetgram (format %lld, this one knows %d)",
			store->path, (long long)format, STORE_FORMAT);
	return run_script(store->writer,
		"BEGIN IMMEDIATE;"
		"CREATE TABLE IF NOT EXISTS rooms(name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;"
		"CREATE TABLE IF NOT EXISTS settings(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
		"PRAGMA user_version = 1;"
		"COMMIT;",
		err, store->path);
}

struct fg_store *fg_store_open(const char *path, struct fg_err *err)
{
	struct fg_store *store = fg_alloc(sizeof(*store));
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC,
		0600); /* SQLite would make it readable by all */

	if (fd >= 0)
		close(fd);
	store->path = fg_strdup(path);
	fg_lock_init(&store->lock);
	fg_cond_init(&store->trouble);
	store->writer = open_connection(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
	if (!store->writer || set_up(store, err) < 0)
		goto fail;
	store->reader = open_connection(path, SQLITE_OPEN_READONLY, err);
	if (!store->reader)
		goto fail;
	sqlite3_busy_timeout(store->writer, 0);
	return store;
fail:
	fg_store_close(store);
	return NULL;
}

void fg_store_close(struct fg_store *store)
{
	if (!store)
		return;
	sqlite3_close(store->reader);
	sqlite3_close(store->writer);
	free(store->path);
	free(store);
}

int fg_store_migrate(struct fg_store *store, const char *room, const char *const *steps, int count,
	struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int64_t version;

	if (fg_tx_begin(store, &tx, err) < 0)
		return -1;
	version = fg_store_i64(store, 0, "SELECT version FROM rooms WHERE name = ?", "s", room);
	if (version > count)
		return fg_fail(err, FG_EIO,
			"%s was written by a newer Fleetgram (%s version %lld, this one knows %d)",
			store->path, room, (long long)version, count);
	if (version == count)
		return 0;
	for (; version < count; version++)
		if (run_script(store->writer, steps[version], err,
			    "cannot bring the database up to date") < 0)
			return -1;
	if (fg_tx_exec(&tx, err, "INSERT OR REPLACE INTO rooms(name, version) VALUES(?, ?)", "si",
		    room, (int64_t)count) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

/* Transactions */

/* sql: how it begins. */
static int begin(struct fg_store *store, struct fg_tx *tx, const char *sql, struct fg_err *err)
{
	int64_t give_up = fg_now_ms() + BUSY_LIMIT;
	int rc;

	if (fg_lock_take(&store->lock, "the database", FG_NEVER, err) < 0)
		return -1;
	while ((rc = sqlite3_exec(store->writer, sql, NULL, NULL, NULL)) == SQLITE_BUSY) {
		if (fg_now_ms() > give_up) {
			fg_fail(err, FG_EIO, "another process holds the database");
			goto fail;
		}
		if (fg_task_sleep(BUSY_PAUSE, err) < 0)
			goto fail;
	}
	if (rc != SQLITE_OK) {
		store_fail(store, store->writer, err, "cannot write to the database");
		goto fail;
	}
	store->changes = sqlite3_total_changes64(store->writer);
	tx->store = store;
	return 0;
fail:
	sqlite3_exec(store->writer, LASTING, NULL, NULL, NULL);
	fg_lock_release(&store->lock);
	return -1;
}

int fg_tx_begin(struct fg_store *store, struct fg_tx *tx, struct fg_err *err)
{
	return begin(store, tx, "BEGIN IMMEDIATE", err);
}

struct commit {
	sqlite3 *db;
	int rc;
	int number; /* errno of a failure, which SQLite does not keep for a commit */
};

static void commit_run(void *arg)
{
	struct commit *c = arg;

	errno = 0;
	c->rc = sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL);
	c->number = errno;
}

int fg_tx_commit(struct fg_tx *tx, struct fg_err *err)
{
	struct commit c = {.db = tx->store->writer};

	if (fg_task_offload("the disk", commit_run, &c, err) < 0) {
		fg_tx_rollback(tx);
		return -1;
	}
	if (c.rc != SQLITE_OK) {
		store_fail_commit(tx->store, c.number, err);
		fg_tx_rollback(tx);
		return -1;
	}
	if (sqlite3_total_changes64(c.db) != tx->store->changes)
		store_note_written(tx->store);
	fg_lock_release(&tx->store->lock);
	tx->store = NULL;
	return 0;
}

void fg_tx_rollback(struct fg_tx *tx)
{
	if (!tx->store)
		return;
	if (!sqlite3_get_autocommit(tx->store->writer))
		sqlite3_exec(tx->store->writer, "ROLLBACK", NULL, NULL, NULL);
	fg_lock_release(&tx->store->lock);
	tx->store = NULL;
}

int64_t fg_tx_exec(struct fg_tx *tx, struct fg_err *err, const char *sql, const char *fmt, ...)
{
	va_list ap;
	int64_t changed;

	va_start(ap, fmt);
	changed = execute(tx->store, err, sql, fmt, ap);
	va_end(ap);
	return changed;
}

int64_t fg_tx_insert_id(struct fg_tx *tx)
{
	return sqlite3_last_insert_rowid(tx->store->writer);
}

struct fg_rows *fg_tx_query(
	struct fg_tx *tx, struct fg_err *err, const char *sql, const char *fmt, ...)
{
	struct fg_rows *rows;
	va_list ap;

	va_start(ap, fmt);
	rows = query(tx->store, tx->store->writer, err, sql, fmt, ap);
	va_end(ap);
	return rows;
}

int64_t fg_store_exec(
	struct fg_store *store, struct fg_err *err, const char *sql, const char *fmt, ...)
{
	cleanup_tx struct fg_tx tx = {0};
	int64_t changed;
	va_list ap;

	if (fg_tx_begin(store, &tx, err) < 0)
		return -1;
	va_start(ap, fmt);
	changed = execute(store, err, sql, fmt, ap);
	va_end(ap);
	if (changed < 0 || fg_tx_commit(&tx, err) < 0)
		return -1;
	return changed;
}

int64_t fg_store_note(
	struct fg_store *store, struct fg_err *err, const char *sql, const char *fmt, ...)
{
	sqlite3 *db = store->writer;
	struct fg_tx tx = {0};
	int64_t changed;
	va_list ap;

	if (begin(store, &tx, FLEETING "BEGIN IMMEDIATE", err) < 0)
		return -1;
	sqlite3_wal_autocheckpoint(db, 0); /* the next one's, which waits for the disk anyway */
	va_start(ap, fmt);
	changed = execute(store, err, sql, fmt, ap);
	va_end(ap);
	if (changed >= 0 && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		changed = store_fail(store, db, err, "cannot write to the database");
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_wal_autocheckpoint(db, CHECKPOINT);
	sqlite3_exec(db, LASTING, NULL, NULL, NULL);
	if (changed > 0)
		store_note_written(store);
	fg_lock_release(&store->lock);
	return changed;
}

/* Reading */

struct fg_rows *fg_store_query(
	struct fg_store *store, struct fg_err *err, const char *sql, const char *fmt, ...)
{
	struct fg_rows *rows;
	va_list ap;

	va_start(ap, fmt);
	rows = query(store, store->reader, err, sql, fmt, ap);
	va_end(ap);
	return rows;
}

bool fg_rows_next(struct fg_rows *rows)
{
	int rc;

	if (rows->failed) /* stepping on would begin anew */
		return false;
	rc = sqlite3_step(rows->stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		rows->failed = true;
		store_fail(rows->store, rows->db, &rows->why, "cannot read the database");
		/* What the store has told already is not told with every read. */
		fg_log(fg_store_problem(rows->store) ? FG_LOG_DEBUG : FG_LOG_ERROR, "%s",
			rows->why.text);
	}
	return rc == SQLITE_ROW;
}

int fg_rows_failed(const struct fg_rows *rows, struct fg_err *err)
{
	if (!rows->failed)
		return 0;
	if (err)
		*err = rows->why;
	return -1;
}

int64_t fg_rows_i64(struct fg_rows *rows, int column)
{
	return sqlite3_column_int64(rows->stmt, column);
}

double fg_rows_double(struct fg_rows *rows, int column)
{
	return sqlite3_column_double(rows->stmt, column);
}

const char *fg_rows_str(struct fg_rows *rows, int column)
{
	return (const char *)sqlite3_column_text(rows->stmt, column);
}

const void *fg_rows_blob(struct fg_rows *rows, int column, size_t *len)
{
	const void *data = sqlite3_column_blob(rows->stmt, column);

	*len = (size_t)sqlite3_column_bytes(rows->stmt, column);
	return data;
}

void fg_rows_close(struct fg_rows *rows)
{
	if (!rows)
		return;
	sqlite3_finalize(rows->stmt);
	free(rows);
}

int64_t fg_store_i64(
	struct fg_store *store, int64_t fallback, const char *sql, const char *fmt, ...)
{
	cleanup_rows struct fg_rows *rows = NULL;
	struct fg_err err;
	va_list ap;

	va_start(ap, fmt);
	rows = query(store, store->reader, &err, sql, fmt, ap);
	va_end(ap);
	if (!rows) {
		fg_error("%s", err.text);
		return fallback;
	}
	return fg_rows_next(rows) ? fg_rows_i64(rows, 0) : fallback;
}

/* Settings */

char *fg_store_get(struct fg_store *store, const char *key)
{
	cleanup_rows struct fg_rows *rows = NULL;
	struct fg_err err;

	rows = fg_store_query(store, &err, "SELECT value FROM settings WHERE key = ?", "s", key);
	if (!rows) {
		fg_error("%s", err.text);
		return NULL;
	}
	return fg_rows_next(rows) ? fg_strdup(fg_rows_str(rows, 0)) : NULL;
}

int fg_tx_set(struct fg_tx *tx, const char *key, const char *value, struct fg_err *err)
{
	return fg_tx_exec(tx, err, "INSERT OR REPLACE INTO settings(key, value) VALUES(?, ?)", "ss",
		       key, value) < 0
		       ? -1
		       : 0;
}

int fg_store_set(struct fg_store *store, const char *key, const char *value, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};

	if (fg_tx_begin(store, &tx, err) < 0 || fg_tx_set(&tx, key, value, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}
