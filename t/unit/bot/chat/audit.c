/* The audit: a chain that shows what was changed, taken out or left off, and that may be trimmed. */
#include <sodium.h>
#include <string.h>
#include "../telegram/scratch.h"
#include "chat/audit.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/task.h"
#include "tap.h"

static int add(struct fg_store *store, const char *line, int64_t wall_ms, bool stranger)
{
	cleanup_tx struct fg_tx tx = {0};
	struct audit_row row = {.wall_ms = wall_ms,
		.user_id = stranger ? 66 : 1,
		.name = "ann",
		.role = stranger ? AUDIT_STRANGER : "admin",
		.command = "stop",
		.line = line,
		.targets = "local/web",
		.result = AUDIT_DONE,
		.took_ms = 3};
	struct fg_err err;

	if (fg_tx_begin(store, &tx, &err) < 0)
		return -1;
	if ((stranger ? audit_add_stranger(&tx, &row, &err) : audit_add(&tx, &row, &err)) < 0)
		return -1;
	return fg_tx_commit(&tx, &err);
}

static int64_t count(struct fg_store *store)
{
	return fg_store_i64(store, -1, "SELECT count(*) FROM audit", "");
}

static void is_broken_at(struct fg_store *store, int64_t n, const char *name)
{
	struct audit_check check = {0};
	struct fg_err err;

	ok(audit_verify(store, &check, &err) == 0 && check.broken == n, "%s: row %lld", name,
		(long long)check.broken);
}

static int64_t change(struct fg_store *store, const char *sql)
{
	struct fg_err err;

	return fg_store_exec(store, &err, sql, "");
}

static void trim(struct fg_store *store, int64_t rows)
{
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;

	ok(fg_tx_begin(store, &tx, &err) == 0 && audit_trim(&tx, rows, &err) == 0 &&
			fg_tx_commit(&tx, &err) == 0,
		"trimmed");
}

static void test_chain(struct fg_store *store)
{
	struct audit_check check = {0};
	struct fg_err err;

	is_broken_at(store, 0, "an empty chain");
	for (int i = 0; i < 10; i++)
		ok(add(store, "stop web", 1000 + i, false) == 0, "added");
	ok(audit_verify(store, &check, &err) == 0 && check.rows == 10 && check.first == 1 &&
			check.broken == 0 && strlen(check.last) == 64,
		"ten rows hold");
	ok(change(store, "UPDATE audit SET line = 'x' WHERE n = 4") < 0, "a row cannot be changed");
	ok(change(store, "DELETE FROM audit WHERE n = 4") < 0, "… or taken out");
	change(store, "DROP TRIGGER audit_no_update");
	change(store, "DROP TRIGGER audit_no_delete");
	change(store, "UPDATE audit SET line = 'stop db' WHERE n = 4");
	is_broken_at(store, 4, "it was changed all the same");
	change(store, "UPDATE audit SET line = 'stop web' WHERE n = 4");
	is_broken_at(store, 0, "it is as it was");
	change(store, "UPDATE audit SET name = 'an', role = 'nadmin' WHERE n = 5");
	is_broken_at(store, 5, "letters moved from one column to the next");
	change(store, "UPDATE audit SET name = 'ann', role = 'admin' WHERE n = 5");
	change(store, "CREATE TABLE aside AS SELECT * FROM audit");
	change(store, "DELETE FROM audit WHERE n = 7");
	is_broken_at(store, 7, "taken out of the middle");
	change(store, "DELETE FROM audit WHERE n > 7");
	change(store, "INSERT INTO audit SELECT * FROM aside WHERE n = 7");
	is_broken_at(store, 8, "the end is missing");
	change(store, "DELETE FROM audit");
	is_broken_at(store, 1, "all is missing");
	change(store, "INSERT INTO audit SELECT * FROM aside");
	is_broken_at(store, 0, "all is back");
}

static void test_trim(struct fg_store *store)
{
	struct audit_check check = {0};
	struct fg_err err;

	trim(store, 6);
	ok(audit_verify(store, &check, &err) == 0 && check.rows == 6 && check.first == 5 &&
			check.broken == 0,
		"the newest six hold without the others");
	trim(store, 3);
	ok(audit_verify(store, &check, &err) == 0 && check.rows == 3 && check.broken == 0,
		"… and so do the newest three");
	ok(add(store, "up web", 2000, false) == 0, "a row after that");
	is_broken_at(store, 0, "it fits");
	trim(store, 0);
	is_int(count(store), 0, "nothing is left");
	is_broken_at(store, 0, "which is no break");
	ok(add(store, "up web", 2000, false) == 0, "a row after that");
	ok(audit_verify(store, &check, &err) == 0 && check.rows == 1 && check.first == 12 &&
			check.broken == 0,
		"the chain goes on where it was");
}

static void test_content(struct fg_store *store)
{
	char line[4000];
	int64_t before = count(store);

	memset(line, 'x', sizeof(line) - 1);
	memcpy(line + 1023, "ü", 2);
	line[sizeof(line) - 1] = '\0';
	ok(add(store, line, 3000, false) == 0, "a long line");
	is_int(fg_store_i64(store, -1,
		       "SELECT length(CAST(line AS BLOB)) FROM audit ORDER BY n DESC LIMIT 1", ""),
		1023, "is cut at a character's end");
	for (int i = 0; i < 30; i++)
		add(store, "stop web", 5000 + i, true);
	is_int(count(store), before + 11, "a stranger gets ten rows an hour");
	add(store, "stop web", 5000 + 3600 * 1000 + 100, true);
	is_int(count(store), before + 12, "… and more in the next");
	is_broken_at(store, 0, "all of that");
}

/* Whatever the clock says, what is new enough by number stays. */
static void test_clock(struct fg_store *store)
{
	int64_t before = count(store), years = (int64_t)20 * 365 * 24 * 3600 * 1000;

	fg_wall_shift(years);
	for (int i = 0; i < 200; i++)
		add(store, "stop web", fg_wall_ms(), false);
	fg_wall_shift(-years);
	is_int(count(store), before + 200, "a clock that jumps ahead by years empties nothing");
	is_broken_at(store, 0, "… and breaks nothing");
}

static void run(void *arg)
{
	struct fg_store *store = scratch_store();
	struct fg_err err;

	(void)arg;
	ok(audit_setup(store, &err) == 0, "set up");
	test_chain(store);
	test_trim(store);
	test_content(store);
	test_clock(store);
	fg_store_close(store);
	scratch_finish();
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	fg_loop_run("main", run, NULL);
	return done_testing();
}
