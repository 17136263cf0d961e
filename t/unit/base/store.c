/* The store: migrations, transactions, readers beside a writer, files that are no database. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/store.h"
#include "fleetgram/base/task.h"
#include "tap.h"

static char dir[] = "/tmp/fleetgram-store-XXXXXX";

static char *path_of(const char *name)
{
	return fg_printf("%s/%s", dir, name);
}

static const char *const one[] = {"CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT); CREATE INDEX ti ON t(v);"};
static const char *const two[] = {one[0], "ALTER TABLE t ADD COLUMN w TEXT DEFAULT 'x';"};
static const char *const bad[] = {one[0], two[1], "CREATE TABLE u(a); NONSENSE;"};

static void test_migrate(struct fg_store *st)
{
	struct fg_err err;

	is_int(fg_store_migrate(st, "room", one, 1, &err), 0, "the first step runs");
	fg_store_exec(st, &err, "INSERT INTO t(k, v) VALUES(?, ?)", "is", (int64_t)1, "a");
	is_int(fg_store_migrate(st, "room", two, 2, &err), 0, "only the second step runs then");
	is_int(fg_store_i64(st, -1, "SELECT count(*) FROM t WHERE w = 'x'", ""), 1, "and keeps the rows");
	ok(fg_store_migrate(st, "room", bad, 3, &err) < 0, "a step that fails is an error: %s", err.text);
	is_int(fg_store_i64(st, -1, "SELECT count(*) FROM sqlite_master WHERE name = 'u'", ""), 0,
		"of which nothing stays");
	ok(fg_store_migrate(st, "room", one, 1, &err) < 0 && strstr(err.text, "newer"),
		"a room of a newer version is refused: %s", err.text);
}

static void test_binding(struct fg_store *st)
{
	struct fg_err err;
	cleanup_rows struct fg_rows *rows = NULL;
	const char *blob;
	size_t len;

	fg_store_exec(st, &err, "CREATE TABLE b(i, d, s, n, x)", "");
	is_int(fg_store_exec(st, &err, "INSERT INTO b VALUES(?, ?, ?, ?, ?)", "idssb", INT64_MIN, 1.5, "o'; DROP TABLE b",
		       NULL, "a\0b", (size_t)3),
		1, "one row is written");
	rows = fg_store_query(st, &err, "SELECT i, d, s, n, x FROM b", "");
	ok(rows && fg_rows_next(rows), "and read");
	ok(fg_rows_i64(rows, 0) == INT64_MIN && fg_rows_double(rows, 1) == 1.5, "numbers come back whole");
	is_str(fg_rows_str(rows, 2), "o'; DROP TABLE b", "a text is a value, whatever it says");
	ok(fg_rows_str(rows, 3) == NULL, "NULL is NULL");
	blob = fg_rows_blob(rows, 4, &len);
	ok(len == 3 && memcmp(blob, "a\0b", 3) == 0, "a blob keeps its NUL");
	ok(!fg_rows_next(rows), "there is no second row");
	ok(fg_store_query(st, &err, "SELECT nothing FROM nowhere", "") == NULL && err.code == FG_EIO,
		"wrong SQL is an error");
}

static void test_transactions(struct fg_store *st)
{
	struct fg_err err;
	struct fg_tx tx = {0};

	fg_store_exec(st, &err, "CREATE TABLE c(v)", "");
	is_int(fg_tx_begin(st, &tx, &err), 0, "begin");
	fg_tx_exec(&tx, &err, "INSERT INTO c VALUES(1)", "");
	is_int(fg_store_i64(st, -1, "SELECT count(*) FROM c", ""), 0, "readers see what was committed");
	fg_tx_rollback(&tx);
	fg_tx_rollback(&tx);
	is_int(fg_store_i64(st, -1, "SELECT count(*) FROM c", ""), 0, "a rollback leaves nothing");
	fg_tx_begin(st, &tx, &err);
	fg_tx_exec(&tx, &err, "INSERT INTO c VALUES(2)", "");
	is_int(fg_tx_commit(&tx, &err), 0, "commit");
	is_int(fg_store_i64(st, -1, "SELECT count(*) FROM c", ""), 1, "a commit is seen");
	is_int(fg_store_note(st, &err, "INSERT INTO c VALUES(?)", "i", (int64_t)3), 1, "a note");
	is_int(fg_store_i64(st, -1, "SELECT count(*) FROM c", ""), 2, "is seen too");
	ok(fg_store_note(st, &err, "INSERT INTO nowhere VALUES(1)", "") < 0, "one that fails says so");
	fg_tx_begin(st, &tx, &err);
	fg_tx_exec(&tx, &err, "DELETE FROM c WHERE v = 3", "");
	is_int(fg_tx_commit(&tx, &err), 0, "and the next transaction is as any other");
}

static struct fg_store *shared;

static void add_slowly(void *arg)
{
	struct fg_err err;
	struct fg_tx tx = {0};

	(void)arg;
	for (int i = 0; i < 20; i++) {
		int64_t n;

		fg_tx_begin(shared, &tx, &err);
		n = fg_store_i64(shared, -1, "SELECT n FROM counter", "");
		fg_tx_exec(&tx, &err, "UPDATE counter SET n = ?", "i", n + 1);
		fg_tx_commit(&tx, &err);
	}
}

static void test_one_writer(struct fg_store *st)
{
	struct fg_group g;
	struct fg_err err;

	shared = st;
	fg_store_exec(st, &err, "CREATE TABLE counter(n)", "");
	fg_store_exec(st, &err, "INSERT INTO counter VALUES(0)", "");
	fg_group_init(&g, 8);
	for (int i = 0; i < 8; i++)
		fg_group_go(&g, "writer", add_slowly, NULL, &err);
	fg_group_wait(&g, FG_NEVER, &err);
	is_int(fg_store_i64(st, -1, "SELECT n FROM counter", ""), 160, "transactions of eight tasks do not mix");
}

static void canceled_writer(void *arg)
{
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;

	*(int *)arg = fg_tx_begin(shared, &tx, &err) < 0 ? (int)err.code : 0;
}

static void test_waiting_can_be_canceled(struct fg_store *st)
{
	struct fg_tx tx = {0};
	struct fg_err err;
	struct fg_task *t;
	int code = -1;

	fg_tx_begin(st, &tx, &err);
	t = fg_task_spawn("writer", canceled_writer, &code);
	fg_task_sleep(1, NULL);
	fg_task_cancel(t);
	fg_task_join(t);
	is_int(code, FG_ECANCELED, "a writer that waits its turn can be cancelled");
	fg_tx_exec(&tx, &err, "INSERT INTO c VALUES(3)", "");
	is_int(fg_tx_commit(&tx, &err), 0, "and the one before it is not disturbed");
}

static void test_files(void)
{
	cleanup_free char *garbage = path_of("garbage"), *gone = path_of("no/such/folder"), *newer = path_of("newer"),
			  *mode = path_of("mode");
	struct fg_err err;
	struct fg_store *st;
	struct stat info;
	int fd = open(garbage, O_CREAT | O_WRONLY, 0600);

	for (int i = 0; i < 1000; i++)
		if (write(fd, "not a database! ", 16) != 16)
			break;
	close(fd);
	ok(fg_store_open(garbage, &err) == NULL && strstr(err.text, "damaged"), "garbage is refused: %s", err.text);
	ok(fg_store_open(gone, &err) == NULL, "a missing folder is an error: %s", err.text);
	st = fg_store_open(newer, &err);
	fg_store_exec(st, &err, "PRAGMA user_version = 99", "");
	fg_store_close(st);
	ok(fg_store_open(newer, &err) == NULL && strstr(err.text, "newer"), "a newer format is refused: %s", err.text);
	st = fg_store_open(mode, &err);
	ok(stat(mode, &info) == 0 && (info.st_mode & 0777) == 0600, "only the owner may read the file");
	fg_store_close(st);
}

static void test_two_processes(void)
{
	cleanup_free char *path = path_of("two");
	struct fg_err err;
	struct fg_store *a = fg_store_open(path, &err), *b = fg_store_open(path, &err);
	struct fg_tx tx = {0};
	struct fg_task *t;
	int code = -1;

	fg_store_set(a, "k", "from a", &err);
	cleanup_free char *value = fg_store_get(b, "k");
	is_str(value, "from a", "a second connection sees the first one's commits");
	shared = b;
	fg_tx_begin(a, &tx, &err);
	t = fg_task_spawn("other", canceled_writer, &code);
	for (int i = 0; i < 3; i++)
		fg_task_sleep(6, NULL);
	is_int(code, -1, "the second one's writer waits for the first one's");
	fg_tx_commit(&tx, &err);
	fg_task_join(t);
	is_int(code, 0, "and gets its turn after the commit");
	fg_store_close(a);
	fg_store_close(b);
}

/* A page in the middle of a table is not what it was. */
static void test_damaged_page(void)
{
	cleanup_free char *path = path_of("page");
	static const char *const table[] = {"CREATE TABLE p(k INTEGER PRIMARY KEY, v TEXT);"};
	char junk[4096];
	struct fg_err err;
	struct fg_store *st = fg_store_open(path, &err);
	struct fg_rows *rows;
	int n = 0, fd;

	fg_store_migrate(st, "room", table, 1, &err);
	fg_store_exec(st, &err,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
		"INSERT INTO p SELECT i, hex(zeroblob(200)) FROM n",
		"");
	rows = fg_store_query(st, &err, "SELECT v FROM p", "");
	while (fg_rows_next(rows))
		n++;
	ok(n == 500 && fg_rows_failed(rows, &err) == 0, "all rows, and no failure");
	fg_rows_close(rows);
	fg_store_close(st);
	memset(junk, 0xff, sizeof(junk));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	is_int(pwrite(fd, junk, sizeof(junk), 20 * 4096), 4096, "a page is overwritten");
	close(fd);
	st = fg_store_open(path, &err);
	rows = fg_store_query(st, &err, "SELECT v FROM p", "");
	for (n = 0; fg_rows_next(rows);)
		n++;
	ok(n > 0 && n < 500, "some rows come: %d", n);
	ok(fg_rows_failed(rows, &err) < 0 && strstr(err.text, "damaged"), "that is not all, and it says so: %s", err.text);
	ok(!fg_rows_next(rows), "nothing comes after it");
	fg_store_set(st, "k", "v", &err);
	ok(fg_store_problem(st) && strstr(fg_store_problem(st), "damaged"), "a write that works does not mend it");
	fg_rows_close(rows);
	fg_store_close(st);
}

/* A disk that takes nothing: told once, rolled back whole, over when it takes something again. */
static void test_trouble(void)
{
	cleanup_free char *path = path_of("trouble");
	struct fg_err err;
	struct fg_store *st = fg_store_open(path, &err);
	struct fg_tx tx = {0};

	fg_store_exec(st, &err, "CREATE TABLE t(v)", "");
	ok(fg_store_problem(st) == NULL, "no problem to begin with");
	ok(fg_store_exec(st, &err, "INSERT INTO nowhere VALUES(1)", "") < 0 && fg_store_problem(st) == NULL,
		"a mistake in a statement is not the disk's");
	fg_store_exec(st, &err, "PRAGMA max_page_count = 12", "");
	fg_tx_begin(st, &tx, &err);
	is_int(fg_tx_exec(&tx, &err, "INSERT INTO t VALUES('small')", ""), 1, "a small row fits");
	ok(fg_tx_exec(&tx, &err, "INSERT INTO t VALUES(zeroblob(100000))", "") < 0, "a large one does not: %s",
		err.text);
	ok(fg_tx_exec(&tx, &err, "INSERT INTO t VALUES('late')", "") < 0 || fg_tx_commit(&tx, &err) < 0,
		"nothing of that transaction gets in after it: %s", err.text);
	fg_tx_rollback(&tx);
	is_int(fg_store_i64(st, -1, "SELECT count(*) FROM t", ""), 0, "nor did anything before it");
	ok(fg_store_problem(st) && strstr(fg_store_problem(st), "full"), "the problem: %s", fg_store_problem(st));
	ok(fg_store_probe(st, &err) < 0 && fg_store_problem(st), "it lasts: %s", err.text);
	fg_store_exec(st, &err, "PRAGMA max_page_count = 100000", "");
	is_int(fg_store_probe(st, &err), 0, "there is room again");
	ok(fg_store_problem(st) == NULL, "no problem any more");
	is_int(fg_store_exec(st, &err, "INSERT INTO t VALUES('a')", ""), 1, "and what comes next is written");
	fg_store_exec(st, &err, "PRAGMA query_only = ON", "");
	ok(fg_store_probe(st, &err) < 0 && fg_store_problem(st) && strstr(fg_store_problem(st), "cannot be written"),
		"read-only: %s", err.text);
	fg_store_close(st);
}

/* Found before it is used, and moved with its log. */
static void test_aside(void)
{
	cleanup_free char *path = path_of("aside"), *wal = fg_printf("%s-wal", path);
	struct fg_err err;
	struct fg_store *st;
	int fd;

	is_int(fg_store_damaged(path, 1000, &err), 0, "a file that is not there is not damaged");
	st = fg_store_open(path, &err);
	fg_store_close(st);
	is_int(fg_store_damaged(path, 1000, &err), 0, "nor is a new one");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	is_int(pwrite(fd, "nonsense", 8, 0), 8, "its head is overwritten");
	close(fd);
	ok(fg_store_damaged(path, 1000, &err) == 1, "now it is: %s", err.text);
	close(open(wal, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	cleanup_free char *first = fg_store_set_aside(path, &err);
	cleanup_free char *log = fg_printf("%s-wal", first ? first : "");
	ok(first && access(first, F_OK) == 0 && access(path, F_OK) < 0, "it is moved");
	cleanup_free char *noted = fg_store_aside(path);
	is_str(noted ? noted : "", first ? first : "", "… and noted");
	ok(access(log, F_OK) == 0 && access(wal, F_OK) < 0, "its log with it");
	st = fg_store_open(path, &err);
	ok(st != NULL, "a new one takes its place");
	fg_store_close(st);
	cleanup_free char *second = fg_store_set_aside(path, &err);
	ok(second && first && strcmp(first, second) != 0, "a second one within the second gets a name of its own");
	cleanup_free char *newer = fg_store_aside(path);
	is_str(newer ? newer : "", second ? second : "", "… and is what is noted now");
	fg_store_aside_told(path);
	ok(fg_store_aside(path) == NULL, "told, it is not noted any more");
	ok(fg_store_set_aside(path, &err) == NULL, "what is not there cannot be moved: %s", err.text);
	ok(fg_store_aside(path) == NULL, "… and is not noted either");
}

static void run(void *arg)
{
	cleanup_free char *path = path_of("main");
	struct fg_err err;
	struct fg_store *st;

	(void)arg;
	st = fg_store_open(path, &err);
	ok(st != NULL, "a new database");
	test_migrate(st);
	test_binding(st);
	test_transactions(st);
	test_one_writer(st);
	test_waiting_can_be_canceled(st);
	fg_store_close(st);
	test_files();
	test_two_processes();
	test_damaged_page();
	test_trouble();
	test_aside();
}

int main(void)
{
	cleanup_free char *clean = NULL;

	if (!mkdtemp(dir))
		return 1;
	fg_loop_run("main", run, NULL);
	clean = fg_printf("rm -r '%s'", dir);
	if (system(clean) != 0)	/* NOLINT: a path of our own making */
		diag("%s is left behind", dir);
	return done_testing();
}
