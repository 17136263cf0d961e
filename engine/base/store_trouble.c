/* The store's trouble: a disk that is full, read-only or broken; told once, and watched until it is
 * over. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/log.h"
#include "store_own.h"

#define LOOK_MS 30000                       /* between looks at the disk while all is well */
#define TRY_MS 2000                         /* between tries to write while it is not */
#define SCARCE_BYTES ((uint64_t)512 * 1024) /* with so little room left it is tried out */
#define PROBE_BYTES 65536                   /* room for what a few messages need */
#define QUIET_MS 60000 /* a problem that comes and goes is not told more often */

/* What is wrong with the disk, for a person; NULL: it is not the disk. */
static const char *cause_of(sqlite3 *db, int number, char *text, size_t size)
{
	int rc = sqlite3_errcode(db) & 0xff;

	if (rc != SQLITE_IOERR && rc != SQLITE_CANTOPEN)
		number = 0;
	if (rc == SQLITE_FULL || number == ENOSPC || number == EDQUOT)
		return "the disk is full";
	if (rc == SQLITE_READONLY || rc == SQLITE_PERM || rc == SQLITE_CANTOPEN || number == EROFS)
		snprintf(text, size, "the state folder cannot be written (%s)",
			number ? strerror(number) : sqlite3_errmsg(db));
	else if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		snprintf(text, size, "the database is damaged (%s)", sqlite3_errmsg(db));
	else if (rc == SQLITE_IOERR)
		snprintf(text, size, "the disk does not work (%s)",
			number ? strerror(number) : sqlite3_errmsg(db));
	else
		return NULL;
	return text;
}

/* Once when it begins; every write that fails because of it would be a line otherwise. */
static void note(struct fg_store *store, const char *cause, bool damaged)
{
	bool fresh = strcmp(store->problem, cause) != 0;
	int64_t now = fg_now_ms();

	if (!fresh || store->damaged)
		return;
	snprintf(store->problem, sizeof(store->problem), "%s", cause);
	store->damaged = damaged;
	if (damaged)
		fg_error(
			"%s: %s; stop and start Fleetgram, which then sets the file aside and begins a new one",
			store->path, cause);
	else if (!store->told_ms || now - store->told_ms > QUIET_MS)
		fg_error("%s: %s; what has to be kept waits until that is mended", store->path,
			cause);
	store->told_ms = now;
	fg_cond_signal(&store->trouble);
}

static int fail(
	struct fg_store *store, sqlite3 *db, int number, struct fg_err *err, const char *what)
{
	int rc = sqlite3_errcode(db) & 0xff;
	char text[400];
	const char *cause = cause_of(db, number, text, sizeof(text));

	fg_fail(err, FG_EIO, "%s: %s", what, cause ? cause : sqlite3_errmsg(db));
	if (store && cause)
		note(store, cause, rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB);
	return -1;
}

int store_fail(struct fg_store *store, sqlite3 *db, struct fg_err *err, const char *what)
{
	return fail(store, db, sqlite3_system_errno(db), err, what);
}

int store_fail_commit(struct fg_store *store, int number, struct fg_err *err)
{
	return fail(store, store->writer, number, err, "cannot write to the database");
}

void store_note_written(struct fg_store *store)
{
	if (!*store->problem || store->damaged)
		return;
	fg_info("%s can be written again", store->path);
	*store->problem = '\0';
}

const char *fg_store_problem(const struct fg_store *store)
{
	return *store->problem ? store->problem : NULL;
}

/* In two transactions: one that takes room, and one that gives it back. */
int fg_store_probe(struct fg_store *store, struct fg_err *err)
{
	if (fg_store_exec(store, err,
		    "INSERT OR REPLACE INTO settings(key, value) VALUES('store.probe', zeroblob(?))",
		    "i", (int64_t)PROBE_BYTES) < 0 ||
		fg_store_exec(store, err, "DELETE FROM settings WHERE key = 'store.probe'", "") < 0)
		return -1;
	return 0;
}

/* Whether it is time to try out if the disk still takes anything. */
static bool is_doubtful(const struct fg_store *store)
{
	struct statvfs disk;

	/* A damaged file is left as it is, to be set aside. */
	if (store->damaged)
		return false;
	if (*store->problem)
		return true;
	if (statvfs(store->path, &disk) < 0)
		return false;
	return (disk.f_flag & ST_RDONLY) || (uint64_t)disk.f_bavail * disk.f_frsize < SCARCE_BYTES;
}

int fg_store_room(const struct fg_store *store, int64_t *free_bytes, int64_t *total_bytes)
{
	struct statvfs disk;

	if (statvfs(store->path, &disk) < 0)
		return -1;
	*free_bytes = (int64_t)(disk.f_bavail * disk.f_frsize);
	*total_bytes = (int64_t)(disk.f_blocks * disk.f_frsize);
	return 0;
}

void fg_store_watch(void *arg)
{
	struct fg_store *store = arg;
	struct fg_err err;

	while (!fg_task_canceled()) {
		int64_t pause;

		if (is_doubtful(store))
			fg_store_probe(store, &err); /* a failure is noted, and told there */
		pause = *store->problem && !store->damaged ? TRY_MS : LOOK_MS;
		if (*store->problem)
			fg_task_sleep(pause, NULL);
		else
			fg_cond_wait(&store->trouble, "trouble with the disk", fg_now_ms() + pause,
				NULL);
	}
}
