/* A damaged database: found before it is used, and moved aside whole, for nothing is thrown away.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "store_own.h"

#define STEPS 20000 /* of SQLite's machine between looks at the clock */
#define NAMES_MOST 100
#define READ_BYTES ((size_t)64 * 1024)

static int is_late(void *deadline)
{
	return fg_now_ms() > *(int64_t *)deadline;
}

/* Whether a finding is only that a page could not be read (I/O, memory), which says nothing about
 * what is on it. These are the words of SQLite's btree.c. */
static bool is_unread(const char *finding)
{
	static const char code[] = "error code=";
	const char *at = strstr(finding, code);

	if (at)
		return (strtol(at + strlen(code), NULL, 10) & 0xff) != SQLITE_CORRUPT;
	return strstr(finding, "failed to get page") || strstr(finding, "Failed to read ptrmap");
}

/* 1: damaged; 0: not so far as the check went, or it could not be made. */
static int check(sqlite3 *db, struct fg_err *why)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	int damaged = 0;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const char *word = (const char *)sqlite3_column_text(stmt, 0);

		damaged = word && strcmp(word, "ok") != 0 && !is_unread(word);
		if (damaged)
			fg_fail(why, FG_EIO, "%.300s", word);
		else if (word && strcmp(word, "ok") != 0)
			fg_fail(why, FG_EIO, "it cannot be read: %.300s", word);
	} else if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB) {
		damaged = 1;
		fg_fail(why, FG_EIO, "%s", sqlite3_errmsg(db));
	} else if (rc != SQLITE_OK && rc != SQLITE_INTERRUPT) {
		fg_fail(why, FG_EIO, "it cannot be read: %s", sqlite3_errmsg(db));
	}
	sqlite3_finalize(stmt);
	return damaged;
}

static int is_newer(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int newer = 0;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW)
		newer = sqlite3_column_int(stmt, 0) > STORE_FORMAT;
	sqlite3_finalize(stmt);
	return newer;
}

/* Whether every byte of it can be read; a file that is not there has none. */
static bool is_readable(const char *path)
{
	cleanup_free char *buf = fg_alloc(READ_BYTES);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT;
	while ((n = read(fd, buf, READ_BYTES)) > 0)
		;
	close(fd);
	return n == 0;
}

static int look(const char *path, int64_t most_ms, struct fg_err *why)
{
	int64_t deadline = fg_now_ms() + most_ms;
	sqlite3 *db = NULL;
	int damaged = 0;

	memset(why, 0, sizeof(*why));
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
		/* What is damaged stays as it was found, the log beside it, too. */
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		sqlite3_busy_timeout(db, 1000);
		sqlite3_progress_handler(db, STEPS, is_late, &deadline);
		/* Of a newer format this cannot tell what is right: opening it refuses it. */
		damaged = !is_newer(db) && check(db, why);
	}
	sqlite3_close(db);
	return damaged;
}

/* SQLite takes a page that it could not read for a damaged one now and then: only what can be read
 * to its end, and is found damaged once more, is. */
int fg_store_damaged(const char *path, int64_t most_ms, struct fg_err *why)
{
	cleanup_free char *log = fg_printf("%s-wal", path);
	struct stat info;

	memset(why, 0, sizeof(*why));
	if (stat(path, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size == 0 ||
		!look(path, most_ms, why))
		return 0;
	if (!is_readable(path) || !is_readable(log)) {
		fg_fail(why, FG_EIO, "it cannot be read: %s", strerror(errno));
		return 0;
	}
	return look(path, most_ms, why);
}

/* A name for it that is not in use yet. */
static char *name_aside(const char *path)
{
	time_t now = (time_t)(fg_wall_ms() / 1000);
	char stamp[32];
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
	for (int i = 1; i < NAMES_MOST; i++) {
		char *name = i == 1 ? fg_printf("%s.damaged-%s", path, stamp)
				    : fg_printf("%s.damaged-%s-%d", path, stamp, i);

		if (access(name, F_OK) < 0)
			return name;
		free(name);
	}
	return NULL;
}

/* The names have to be on the disk before a new file gets the old one's. */
static void sync_folder(const char *path)
{
	cleanup_free char *folder = fg_strdup(path);
	char *slash = strrchr(folder, '/');
	int fd;

	if (slash)
		*slash = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* The note of what is set aside */

static char *note_path(const char *path)
{
	return fg_printf("%s.aside", path);
}

static int note_write(const char *path, const char *name, struct fg_err *err)
{
	cleanup_free char *note = note_path(path);
	ssize_t n = (ssize_t)strlen(name);
	int fd = open(note, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	bool done = fd >= 0 && write(fd, name, (size_t)n) == n && fsync(fd) == 0;

	if (!done)
		fg_fail(err, FG_EIO, "cannot write %s: %s", note, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done ? 0 : -1;
}

char *fg_store_aside(const char *path)
{
	cleanup_free char *note = note_path(path), *name = fg_alloc(PATH_MAX);
	int fd = open(note, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, PATH_MAX - 1);

	if (fd < 0)
		return NULL;
	close(fd);
	name[n > 0 ? n : 0] = '\0';
	if (*name && access(name, F_OK) == 0)
		return fg_steal(&name);
	unlink(note); /* it was not moved after all, or somebody took it away */
	return NULL;
}

void fg_store_aside_told(const char *path)
{
	cleanup_free char *note = note_path(path);

	unlink(note);
	sync_folder(path);
}

/*
 * The log goes first: left alone beside a new file it would be taken for that one's, while a file
 * without its log is still found damaged after a crash in between.
 */
char *fg_store_set_aside(const char *path, struct fg_err *err)
{
	static const char *const parts[] = {"-wal", "-shm", ""};
	cleanup_free char *name = name_aside(path);

	if (!name) {
		fg_fail(err, FG_EIO, "there are too many damaged databases beside %s", path);
		return NULL;
	}
	if (note_write(path, name, err) < 0)
		return NULL;
	for (size_t i = 0; i < FG_ARRAY_LEN(parts); i++) {
		cleanup_free char *from = fg_printf("%s%s", path, parts[i]);
		cleanup_free char *to = fg_printf("%s%s", name, parts[i]);

		if (rename(from, to) < 0 && (errno != ENOENT || !*parts[i])) {
			fg_fail(err, FG_EIO, "cannot move the damaged %s aside: %s", from,
				strerror(errno));
			return NULL;
		}
	}
	sync_folder(path);
	return fg_steal(&name);
}
