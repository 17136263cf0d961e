/*
 * The journal of replacements: what is under way, and whose it is.
 *
 * A row is there from before the first effect until after the last one. It belongs to a process,
 * known by the boot it runs in, its pid and its start: a second Fleetgram on the same store (an
 * exec beside the daemon) leaves alone what a living one works at.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "deed_own.h"
#include "registry/registry.h"
#include "replace/replacing.h"

#define COLUMNS                                                                        \
	"id, owner, name, old_id, new_id, aside, beside, phase, ran, paused, policy, " \
	"dependants, depth"

static const char *const steps[] = {
	"CREATE TABLE replacements ("
	"	id INTEGER PRIMARY KEY,"
	"	host TEXT NOT NULL,"
	"	owner TEXT NOT NULL," /* "BOOT PID START" */
	"	name TEXT NOT NULL,"
	"	old_id TEXT NOT NULL,"
	"	new_id TEXT NOT NULL,"
	"	aside TEXT NOT NULL,"
	"	beside TEXT NOT NULL,"
	"	phase INTEGER NOT NULL,"
	"	ran INTEGER NOT NULL,"
	"	paused INTEGER NOT NULL,"
	"	policy TEXT NOT NULL,"
	"	dependants TEXT NOT NULL,"
	"	depth INTEGER NOT NULL,"
	"	begun_ms INTEGER NOT NULL);"
	"CREATE INDEX replacements_host ON replacements (host);",
};

int journal_migrate(struct fg_store *store, struct fg_err *err)
{
	if (deeds_migrate(store, err) < 0 || follow_migrate(store, err) < 0)
		return -1;
	return fg_store_migrate(store, "replace", steps, FG_ARRAY_LEN(steps), err);
}

/* Processes */

static bool file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

/* When the process started, in the kernel's ticks since the boot; 0: there is no such process. */
static unsigned long long process_start(long pid)
{
	char path[64], stat[1024], *p;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (!file_read(path, stat, sizeof(stat)))
		return 0;
	p = strrchr(stat, ')'); /* the name in front of it may hold anything */
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

char *journal_process(long pid)
{
	return fg_printf("%s %ld %llu", fg_boot_id(), pid, process_start(pid));
}

bool journal_process_lives(const char *owner)
{
	size_t n = strcspn(owner, " ");
	cleanup_free char *now = NULL;
	long pid;

	if (n != strlen(fg_boot_id()) || strncmp(owner, fg_boot_id(), n) != 0 || !owner[n])
		return false;
	pid = strtol(owner + n, NULL, 10);
	if (pid <= 0)
		return false;
	now = journal_process(pid);
	return strcmp(now, owner) == 0;
}

/* Rows */

static char *text_of(const cJSON *item)
{
	return item ? fg_json_print(item) : fg_strdup("null");
}

int journal_begin(struct replacing *r, struct fg_err *err)
{
	cleanup_free char *policy = text_of(r->policy), *dependants = text_of(r->dependants);
	cleanup_tx struct fg_tx tx = {0};

	free(r->owner);
	r->owner = journal_process(getpid());
	if (!r->registry)
		return 0;
	if (fg_tx_begin(r->registry->store, &tx, err) < 0 ||
		fg_tx_exec(&tx, err,
			"INSERT INTO replacements (host, owner, name, old_id, new_id, aside, "
			"beside, phase, ran, paused, policy, dependants, depth, begun_ms) "
			"VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			"ssssssiiissii", r->host->name, r->owner, r->name, r->old_id, r->aside,
			r->beside, (int64_t)r->phase, (int64_t)r->ran, (int64_t)r->paused, policy,
			dependants, (int64_t)r->depth, fg_wall_ms()) < 0)
		return fg_wrap(err, "cannot write to the journal");
	r->row = fg_tx_insert_id(&tx);
	if (fg_tx_commit(&tx, err) == 0)
		return 0;
	r->row = 0;
	return fg_wrap(err, "cannot write to the journal");
}

int journal_step_in(struct fg_tx *tx, struct replacing *r, struct fg_err *err)
{
	cleanup_free char *dependants = text_of(r->dependants);
	int64_t n;

	if (!r->row)
		return 0;
	n = fg_tx_exec(tx, err,
		"UPDATE replacements SET new_id = ?, phase = ?, dependants = ? "
		"WHERE id = ? AND owner = ?",
		"sisis", r->new_id, (int64_t)r->phase, dependants, r->row, r->owner);
	if (n < 0)
		return fg_wrap(err, "cannot write to the journal");
	if (n == 0)
		return fg_fail(err, FG_ECONFLICT, "another Fleetgram has taken it over");
	return 0;
}

int journal_step(struct replacing *r, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};

	if (!r->row)
		return 0;
	if (fg_tx_begin(r->registry->store, &tx, err) < 0 || journal_step_in(&tx, r, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

int journal_end(struct replacing *r, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int64_t begun;

	if (!r->row)
		return 0;
	begun = fg_store_i64(r->registry->store, fg_wall_ms(),
		"SELECT begun_ms FROM replacements WHERE id = ?", "i", r->row);
	if (fg_tx_begin(r->registry->store, &tx, err) < 0 ||
		fg_tx_exec(&tx, err, "DELETE FROM replacements WHERE id = ? AND owner = ?", "is",
			r->row, r->owner) < 0 ||
		deeds_add_replaced(&tx, r->host->name, r->old_id, begun, err) < 0 ||
		deeds_add_replaced(&tx, r->host->name, r->new_id, begun, err) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot write to the journal");
	r->row = 0;
	return 0;
}

static cJSON *row_json(struct fg_rows *rows, int column)
{
	const char *text = fg_rows_str(rows, column);

	return text ? fg_json_parse(text, strlen(text), NULL) : NULL;
}

static void row_id(char id[FG_ID_SIZE], const char *text)
{
	snprintf(id, FG_ID_SIZE, "%s", text ? text : "");
}

static struct replacing *row_read(
	struct fg_registry *registry, struct fg_host *host, struct fg_rows *rows)
{
	struct replacing *r = replacing_create(registry, host);
	int64_t phase = fg_rows_i64(rows, 7);

	r->row = fg_rows_i64(rows, 0);
	r->owner = fg_strdup(fg_rows_str(rows, 1));
	r->name = fg_strdup(fg_rows_str(rows, 2));
	row_id(r->old_id, fg_rows_str(rows, 3));
	row_id(r->new_id, fg_rows_str(rows, 4));
	r->aside = fg_strdup(fg_rows_str(rows, 5));
	r->beside = fg_strdup(fg_rows_str(rows, 6));
	r->phase = phase == REPLACE_GOOD       ? REPLACE_GOOD
		   : phase == REPLACE_SWAPPING ? REPLACE_SWAPPING
					       : REPLACE_MAKING;
	r->ran = fg_rows_i64(rows, 8) != 0;
	r->paused = fg_rows_i64(rows, 9) != 0;
	r->policy = row_json(rows, 10);
	r->dependants = row_json(rows, 11);
	r->depth = (int)fg_rows_i64(rows, 12);
	r->unsure = !*r->new_id;
	r->recovered = true;
	return r;
}

static bool is_ours(const char *owner)
{
	cleanup_free char *mine = journal_process(getpid());

	return strcmp(owner, mine) == 0;
}

/* Somebody works at it: another process that lives, or a task of this one. */
static bool row_is_busy(const struct replacing *r)
{
	const struct replacing *other;

	if (!is_ours(r->owner))
		return journal_process_lives(r->owner);
	fg_list_each (&replacings, other, link)
		if (other != r && other->row == r->row)
			return true;
	return false;
}

/* 1: it is this process's now; 0: somebody else was quicker. */
static int row_take(struct replacing *r, struct fg_err *err)
{
	cleanup_free char *mine = journal_process(getpid());
	int64_t n = fg_store_exec(r->registry->store, err,
		"UPDATE replacements SET owner = ? WHERE id = ? AND owner = ?", "sis", mine, r->row,
		r->owner);

	if (n < 0)
		return fg_wrap(err, "cannot write to the journal");
	free(r->owner);
	r->owner = fg_steal(&mine);
	return n > 0;
}

int journal_claim(struct fg_registry *registry, struct fg_host *host, int64_t after,
	struct replacing **out, struct fg_err *err)
{
	int rc = 0;

	*out = NULL;
	while (rc == 0) {
		struct replacing *r = NULL;
		struct fg_rows *rows = fg_store_query(registry->store, err,
			"SELECT " COLUMNS " FROM replacements WHERE host = ? AND id > ? "
			"ORDER BY id LIMIT 1",
			"si", host->name, after);

		if (!rows)
			return fg_wrap(err, "cannot read the journal");
		if (fg_rows_next(rows))
			r = row_read(registry, host, rows);
		fg_rows_close(rows);
		if (!r)
			return 0;
		after = r->row;
		rc = row_is_busy(r) ? 0 : row_take(r, err);
		if (rc > 0)
			*out = r;
		else
			replacing_put(r);
	}
	return rc;
}

bool fg_replace_involves(struct fg_registry *registry, const char *host, const char *id_or_name)
{
	if (!registry || !*id_or_name)
		return false;
	return fg_store_i64(registry->store, 0,
		       "SELECT count(*) FROM replacements WHERE host = ?1 AND "
		       "?2 IN (old_id, new_id, name, aside, beside)",
		       "ss", host, id_or_name) > 0;
}

int replace_refuse(
	struct fg_registry *registry, const char *host, const char *id, struct fg_err *err)
{
	if (!fg_replace_involves(registry, host, id))
		return 0;
	return fg_fail(err, FG_ECONFLICT, "it is just being replaced");
}
