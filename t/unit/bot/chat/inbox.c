/* The inbox: a full house keeps the poll loop waiting, which is not taken for a loop that hangs. */
#include "../telegram/scratch.h"
#include "chat/inbox.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/task.h"
#include "telegram/state.h"
#include "tap.h"

#define AT_ONCE 256

static struct {
	struct fg_cond go;
	int begun, places; /* so many may end */
} works;

static void update_run(struct app *app, int64_t update_id, const cJSON *update)
{
	(void)app;
	(void)update_id;
	(void)update;
	works.begun++;
	while (works.places == 0)
		if (fg_cond_wait(&works.go, "leave to end", FG_NEVER, NULL) < 0)
			return;
	works.places--;
}

static const struct inbox_handlers handlers = {.update = update_run};

static cJSON *make_updates(int from, int count)
{
	cJSON *updates = cJSON_CreateArray();

	for (int i = 0; i < count; i++) {
		cJSON *update = cJSON_CreateObject();

		fg_json_set_i64(update, "update_id", from + i);
		cJSON_AddItemToArray(updates, update);
	}
	return updates;
}

/* As if nothing had been heard of the loop for an hour. */
static void make_old(struct app *app)
{
	app->telegram->noted_ms = fg_now_ms() - 3600000;
	ok(!telegram_polls(app->telegram), "for an hour nothing goes round");
}

static void await_begun(int n)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (works.begun < n && fg_now_ms() < deadline)
		fg_task_sleep(2, NULL);
	is_int(works.begun, n, "so many have begun");
}

struct batch {
	struct app *app;
	cJSON *updates;
};

static void take_run(void *arg)
{
	struct batch *batch = arg;
	struct fg_err err;

	ok(inbox_take(batch->app->inbox, batch->updates, &err) == 0, "a batch is taken");
}

static void test_full(struct app *app)
{
	cleanup_json cJSON *full = make_updates(1, AT_ONCE), *more = make_updates(AT_ONCE + 1, 2);
	struct batch batch = {app, full};
	struct fg_task *task;

	make_old(app);
	take_run(&batch);
	ok(telegram_polls(app->telegram), "which is a sign of life");
	await_begun(AT_ONCE);
	batch.updates = more;
	task = fg_task_spawn("take", take_run, &batch);
	for (int i = 1; i <= 2; i++) {
		make_old(app);
		works.places++;
		fg_cond_signal(&works.go);
		await_begun(AT_ONCE + i);
		ok(telegram_polls(app->telegram), "while it waits for a place, each that begins is another");
	}
	fg_task_join(task);
	works.places = AT_ONCE;
	fg_cond_broadcast(&works.go);
	inbox_drain(app->inbox, FG_NEVER);
}

static void run(void *arg)
{
	static const struct telegram_options options = {
		.token = "7000000001:AAx", .api_url = "http://127.0.0.1:1", .poll_timeout_ms = 1000};
	struct app app = {.store = scratch_store(), .telegram = telegram_create(&options)};
	struct fg_err err;

	(void)arg;
	fg_cond_init(&works.go);
	app.inbox = inbox_create(&app, &handlers, &err);
	ok(app.inbox != NULL, "an inbox");
	test_full(&app);
	inbox_destroy(app.inbox);
	telegram_destroy(app.telegram);
	fg_store_close(app.store);
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	fg_log_finish();
	scratch_finish();
	return done_testing();
}
