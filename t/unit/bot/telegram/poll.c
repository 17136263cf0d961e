/* The poll loop: what is confirmed, what comes again, and how it fails. */
#include <stdlib.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/log.h"
#include "peer.h"
#include "telegram/poll.h"
#include "tap.h"

#define NO(code, description, more) \
	"{\"ok\":false,\"error_code\":" code ",\"description\":\"" description "\"" more "}"

static struct telegram_options options = {
	.token = "7000000001:AAsecret",
	.retry = {.attempts = 3, .min_ms = 20, .max_ms = 50, .jitter = 0.1},
	.poll_timeout_ms = 1000,
};

struct taker {
	int batches, refuse, updates;
	int64_t last;
};

static int take(void *arg, const cJSON *updates, struct fg_err *err)
{
	struct taker *t = arg;

	t->batches++;
	if (t->refuse-- > 0)
		return fg_fail(err, FG_EIO, "the disk is full");
	t->updates += cJSON_GetArraySize(updates);
	t->last = fg_json_i64(
		cJSON_GetArrayItem(updates, cJSON_GetArraySize(updates) - 1), "update_id", -1);
	return 0;
}

static void give(const char *updates)
{
	pthread_mutex_lock(&peer.lock);
	free(peer.updates);
	peer.updates = fg_strdup(updates);
	pthread_mutex_unlock(&peer.lock);
}

static bool await_batches(const struct taker *t, int n)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (t->batches < n && fg_now_ms() < deadline)
		fg_task_sleep(2, NULL);
	return t->batches >= n;
}

static int64_t offset_of(int nth)
{
	return fg_json_i64(peer_nth("getUpdates", nth)->params, "offset", 0);
}

static int64_t timeout_of(int nth)
{
	return fg_json_i64(peer_nth("getUpdates", nth)->params, "timeout", -1);
}

struct bench {
	struct taker taker;
	struct poll poll;
	struct fg_task *task;
};

/* Each has a server of its own: the last request of the one before may still be on its way to that one's. */
static void begin(struct bench *b)
{
	peer_start();
	options.api_url = peer.url;
	*b = (struct bench){.poll = {.tg = telegram_create(&options), .take = take}};
	b->poll.arg = &b->taker;
}

static void go(struct bench *b)
{
	b->task = fg_task_spawn("poll", poll_run, &b->poll);
}

static void end(struct bench *b)
{
	fg_task_cancel(b->task);
	fg_task_join(b->task);
	telegram_destroy(b->poll.tg);
	peer_stop();
}

static bool in_state(const struct bench *b, enum telegram_state state)
{
	struct telegram_health h;

	telegram_health(b->poll.tg, &h);
	return h.state == state;
}

static void test_confirm(void)
{
	const cJSON *allowed;
	struct bench b;

	begin(&b);
	go(&b);
	ok(peer_await("getUpdates", 2), "it polls");
	is_int(timeout_of(0), 0, "the first poll comes back at once");
	is_int(timeout_of(1), 1, "the next one waits");
	is_int(offset_of(0), 0, "nothing is confirmed unseen");
	ok(in_state(&b, TELEGRAM_OK), "health is known after the first");
	allowed = fg_json_array(peer_nth("getUpdates", 0)->params, "allowed_updates");
	is_int(cJSON_GetArraySize(allowed), 3, "it asks for what it uses");
	give("[{\"update_id\":9007199254740993,\"message\":{}},{\"update_id\":9007199254740994}]");
	ok(await_batches(&b.taker, 1), "a batch is handed over");
	is_int(b.taker.updates, 2, "whole");
	ok(peer_await("getUpdates", 3), "it goes on");
	is_int(offset_of(2), 9007199254740995,
		"what was taken is confirmed by the next poll, to the last digit");
	end(&b);
}

static void test_not_taken(void)
{
	struct bench b;

	begin(&b);
	b.taker.refuse = 2;
	peer_script((struct peer_answer){
		.body = "{\"ok\":true,\"result\":[{\"update_id\":5}]}", .times = 3});
	go(&b);
	ok(await_batches(&b.taker, 3), "what was not taken is offered again");
	ok(peer_await("getUpdates", 4), "it goes on");
	is_int(offset_of(1), 0, "and was not confirmed");
	is_int(offset_of(2), 0, "nor after the second try");
	is_int(offset_of(3), 6, "but after the third");
	ok(in_state(&b, TELEGRAM_OK), "that is no failure of Telegram's");
	end(&b);
}

static void test_failures(void)
{
	static const struct peer_answer failures[] = {
		{.drop = true},
		{.truncate = true},
		{.status = 502, .body = "<html>"},
		{.body = "{\"ok\":true,\"result\":{\"no\":\"list\"}}"},
		{.body = "{\"ok\":true,\"result\":[{\"no\":\"id\"}]}"},
		{.body = "{\"ok\":true,\"result\":[7,\"x\",null]}"},
		{.status = 409,
			.body = NO("409", "Conflict: terminated by other getUpdates request", "")},
		{.status = 500, .body = NO("500", "Internal", "")},
	};
	struct bench b;

	begin(&b);
	for (size_t i = 0; i < FG_ARRAY_LEN(failures); i++)
		peer_script(failures[i]);
	go(&b);
	ok(peer_await("getUpdates", FG_ARRAY_LEN(failures)), "no failure ends it");
	ok(!in_state(&b, TELEGRAM_OK), "health shows it");
	peer_await("getUpdates", FG_ARRAY_LEN(failures) + 2);
	is_int(timeout_of(FG_ARRAY_LEN(failures)), 0,
		"after a failure it looks whether all is well, without waiting");
	ok(in_state(&b, TELEGRAM_OK), "and all is well");
	is_int(b.taker.batches, 0, "garbage is not handed over");
	is_int(offset_of(FG_ARRAY_LEN(failures)), 0, "nor confirmed");
	end(&b);
}

static void test_flood(void)
{
	struct bench b;
	int64_t gap;

	begin(&b);
	peer_script((struct peer_answer){
		.status = 429, .body = NO("429", "x", ",\"parameters\":{\"retry_after\":1}")});
	go(&b);
	peer_await("getUpdates", 2);
	gap = peer_nth("getUpdates", 1)->at_ms - peer_nth("getUpdates", 0)->at_ms;
	ok(gap >= 1000, "a poll's retry_after is not undershot (%lld ms)", (long long)gap);
	end(&b);
}

static void test_refused(void)
{
	struct telegram_options other = options;
	struct bench b;

	begin(&b);
	peer_script((struct peer_answer){.status = 401, .body = NO("401", "Unauthorized", "")});
	b.poll.offset = 77;
	go(&b);
	peer_await("getUpdates", 1);
	fg_task_sleep(300, NULL);
	is_int(peer_count("getUpdates"), 1, "with a refused token it does not hammer");
	ok(in_state(&b, TELEGRAM_DOWN), "health says so");
	other.token = "7000000002:AAother";
	telegram_configure(b.poll.tg, &other);
	ok(peer_await("getUpdates", 2), "a reloaded token is used at once");
	is_int(offset_of(1), 0, "another bot's updates are counted anew");
	peer_await("getUpdates", 3);
	other.token = "7000000002:AAnewer";
	telegram_configure(b.poll.tg, &other);
	peer_await("getUpdates", 4);
	is_int(timeout_of(3), 0, "a poll that waits is given up for it");
	end(&b);
}

static void run(void *arg)
{
	(void)arg;
	test_confirm();
	test_not_taken();
	test_failures();
	test_flood();
	test_refused();
	fg_http_finish();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	fg_log_finish();
	return done_testing();
}
