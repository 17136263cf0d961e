/* /audit in a long audit: every row is found, page by page, and others have their turn meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "app.h"
#include "chat/origin.h"
#include "chat/words.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

#define ROWS 20000

static struct app app;
static char folder[] = "/tmp/fleetgram-unit-XXXXXX";
static int turns; /* of somebody else, while /audit runs */
static bool running;

static void others(void *arg)
{
	(void)arg;
	while (running) {
		turns++;
		fg_task_sleep(0, NULL);
	}
}

/* The numbers of the rows that a line shows, as "3 2 1". */
static void shows(const char *line, const char *expected)
{
	cleanup_words struct words words = {0};
	cleanup_str struct fg_str numbers = {0};
	const struct origin from = {.user_id = 1};
	struct fg_task *other;
	struct command c;
	struct reply reply;
	struct fg_err err;
	const cJSON *row;

	fg_str_init(&numbers, 4096);
	words_parse(&words, line, &err);
	command_init(&c, &app, &from, &reply);
	roles_local(&c.person);
	c.row = command_find("audit");
	c.words = (const char *const *)words.v + 1;
	c.n = words.n - 1;
	turns = 0;
	running = true;
	other = fg_task_spawn("others", others, NULL);
	ok(c.row->run(&c) == 0, "%s", line);
	running = false;
	fg_task_join(other);
	cJSON_ArrayForEach (row, reply.data)
		fg_str_printf(&numbers, "%s%lld", numbers.len ? " " : "",
			(long long)fg_json_i64(row, "number", 0));
	is_str(numbers.s ? numbers.s : "", expected, "… shows these");
	command_finish(&c);
}

static void fill(void)
{
	struct fg_err err;

	ok(fg_store_exec(app.store, &err,
		   "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?)"
		   " INSERT INTO audit SELECT n, n, n % 2, CASE WHEN n IN (3, 1500, 19999) THEN 'rare' ELSE 'ann' END,"
		   " 'admin', 0, 0, 'stop', 'stop web', CASE WHEN n = 5 THEN 'local/db' ELSE 'local/web' END,"
		   " 'done', '', 1, '' FROM c",
		   "i", (int64_t)ROWS) == ROWS,
		"a long audit");
}

static void run(void *arg)
{
	char path[64], command[96];
	struct fg_err err;
	FILE *out;

	(void)arg;
	snprintf(path, sizeof(path), "%s/config.json", folder);
	out = fopen(path, "w");
	fprintf(out, "{\"state_dir\":\"%s\",\"hosts\":{\"local\":{\"url\":\"unix:///nonexistent\"}},"
		     "\"log\":{\"level\":\"error\"}}",
		folder);
	fclose(out);
	ok(app_open(&app, path, &err) == 0, "opened");
	fill();
	shows("audit 3", "20000 19999 19998");
	ok(turns < 4, "the newest are found at once: %d", turns);
	shows("audit user=rare", "19999 1500 3");
	ok(turns >= ROWS / 1000, "others had their turn: %d", turns);
	shows("audit 1 user=rare before=19999", "1500");
	shows("audit container=*/db", "5");
	ok(turns >= ROWS / 1000, "… and again: %d", turns);
	shows("audit user=nobody", "");
	shows("audit 2 before=2", "1");
	app_close(&app);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ok(system(command) == 0, "gone");
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	fg_loop_run("main", run, NULL);
	return done_testing();
}
