/* The hold: how much of each chat is kept, and that a long notice is cut. */
#include <stdlib.h>
#include "../telegram/scratch.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/hold.h"
#include "tap.h"
#include "telegram/html.h"

static int put(struct fg_store *store, int64_t chat, int64_t thread, const char *html)
{
	struct notice notice = {.html = html};
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;

	if (fg_tx_begin(store, &tx, &err) < 0 || hold_put(&tx, chat, thread, &notice, &err) < 0)
		return -1;
	return fg_tx_commit(&tx, &err);
}

static int64_t number(struct fg_store *store, const char *sql)
{
	return fg_store_i64(store, -1, sql, "");
}

static void test_bound(struct fg_store *store)
{
	int failed = 0;

	for (int i = 1; i <= HOLD_MOST + 30; i++) {
		cleanup_free char *html = fg_printf("notice %d", i);

		failed += put(store, -1, 7, html) < 0;
	}
	failed += put(store, -1, 8, "another topic") < 0;
	failed += put(store, -2, 0, "another chat") < 0;
	is_int(failed, 0, "they are taken");
	is_int(number(store, "SELECT count(*) FROM held WHERE chat = -1 AND thread = 7"), HOLD_MOST,
		"so many of a chat are kept");
	is_int(number(store, "SELECT n FROM held_lost WHERE chat = -1 AND thread = 7"), 30,
		"… and the others counted");
	is_int(number(store, "SELECT count(*) FROM held WHERE html = 'notice 31'"), 1,
		"they are the newest");
	is_int(number(store, "SELECT count(*) FROM held WHERE html = 'notice 30'"), 0,
		"… and no older ones");
	is_int(number(store, "SELECT count(*) FROM held WHERE NOT (chat = -1 AND thread = 7)"), 2,
		"other places lose nothing");
}

static void test_length(struct fg_store *store)
{
	cleanup_free char *html = fg_alloc(20001);

	memset(html, 'x', 20000);
	ok(put(store, -3, 0, html) == 0, "a long one");
	is_int(number(store, "SELECT length(html) FROM held WHERE chat = -3"), HTML_MESSAGE,
		"is cut to a message");
}

static bool sums_up(struct app *app, int over, int64_t summed_ms)
{
	cleanup_free char *text = fg_printf("1000 2000 %d %lld", over, (long long)summed_ms);
	struct hold *hold;
	bool yes;

	fg_store_set(app->store, "notify.quiet", text, NULL);
	hold = hold_create(app, NULL);
	yes = hold_sums_up(hold, 1500);
	hold_destroy(hold);
	return yes;
}

static void test_summed(struct app *app)
{
	ok(sums_up(app, 0, 0), "what happened while it was quiet is counted in the summary");
	ok(sums_up(app, 1, fg_wall_ms()), "… and was, a moment after it");
	ok(!sums_up(app, 1, fg_wall_ms() - 600000), "what becomes known long after it is not");
}

static void run(void *arg)
{
	struct app app = {.store = scratch_store()};
	struct hold *hold;
	struct fg_err err;

	(void)arg;
	hold = hold_create(&app, &err);
	ok(hold != NULL, "made");
	test_bound(app.store);
	test_length(app.store);
	ok(!hold_sums_up(hold, fg_wall_ms()), "there were no quiet hours");
	hold_destroy(hold);
	fg_store_exec(
		app.store, &err, "INSERT INTO settings VALUES('notify.quiet', '1000 2000 1')", "");
	hold = hold_create(&app, &err);
	ok(hold_sums_up(hold, 1000) && hold_sums_up(hold, 1999),
		"the last ones are known after a start");
	ok(!hold_sums_up(hold, 999) && !hold_sums_up(hold, 2000), "… from when until when");
	hold_destroy(hold);
	test_summed(&app);
	fg_store_close(app.store);
	scratch_finish();
}

int main(void)
{
	fg_loop_run("main", run, NULL);
	return done_testing();
}
