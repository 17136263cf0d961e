/* An outbox under test: with a store, a limiter and a client that talks to the peer. */
#ifndef TEST_BOX_H
#define TEST_BOX_H

#include <stdlib.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/log.h"
#include "peer.h"
#include "scratch.h"
#include "telegram/html.h"
#include "telegram/outbox.h"
#include "telegram/queue.h"
#include "tap.h"

#define NO(code, description, more) \
	"{\"ok\":false,\"error_code\":" code ",\"description\":\"" description "\"" more "}"
#define REPEAT "<i>(This may be a repeat.)</i>\n"

static struct telegram_options options = {
	.token = "7000000001:AAsecret",
	.retry = {.attempts = 3, .min_ms = 10, .max_ms = 100, .jitter = 0.1},
	.poll_timeout_ms = 1000,
};
static const struct limiter_rates fast = {
	.global_per_second = 100000, .chat_per_second = 10000, .group_per_minute = 100000};

/* An outbox over the scratch store, with what it needs. */
struct box {
	struct fg_store *store;
	struct telegram *tg;
	struct limiter *limiter;
	struct outbox *ob;
	struct fg_task *task; /* NULL: it does not run */
};

static inline void box_open(struct box *b, const struct limiter_rates *rates)
{
	struct fg_err err;

	*b = (struct box){.store = scratch_store(),
		.tg = telegram_create(&options),
		.limiter = limiter_create(rates)};
	b->ob = outbox_create(b->store, b->tg, b->limiter, &err);
	if (!b->ob) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
}

static inline void box_run(struct box *b)
{
	b->task = fg_task_spawn("outbox", outbox_run, b->ob);
}

static inline void box_close(struct box *b)
{
	if (b->task) {
		fg_task_cancel(b->task);
		fg_task_join(b->task);
	}
	/* As at the daemon's end: what live messages still have under way uses what closes now. */
	fg_task_cancel_all();
	while (fg_task_count() > 1)
		fg_task_sleep(1, NULL);
	outbox_destroy(b->ob);
	limiter_destroy(b->limiter);
	telegram_destroy(b->tg);
	fg_store_close(b->store);
}

/* A fresh start: nothing in the store, nothing asked of the peer. */
static inline void box_begin(struct box *b)
{
	struct fg_store *store = scratch_store();

	fg_store_exec(store, NULL, "DELETE FROM outbox", "");
	fg_store_exec(store, NULL, "DELETE FROM outbox_holds", "");
	fg_store_exec(store, NULL, "DELETE FROM outbox_parked", "");
	fg_store_close(store);
	peer_reset();
	box_open(b, &fast);
}

static inline int64_t put(struct box *b, const struct outbox_message *m)
{
	cleanup_tx struct fg_tx tx = {0};
	int64_t key = -1;

	if (fg_tx_begin(b->store, &tx, NULL) == 0 && (key = outbox_push(&tx, m, NULL)) > 0 &&
		fg_tx_commit(&tx, NULL) == 0)
		outbox_kick(b->ob);
	return key;
}

static inline int64_t say(struct box *b, int64_t chat, const char *html)
{
	struct outbox_message m = {.chat_id = chat, .html = html};

	return put(b, &m);
}

static inline void replace(struct box *b, int64_t key, int64_t chat, const char *html)
{
	cleanup_tx struct fg_tx tx = {0};
	struct outbox_message m = {.chat_id = chat, .html = html};

	if (fg_tx_begin(b->store, &tx, NULL) == 0 && outbox_replace(&tx, key, &m, NULL) == 0 &&
		fg_tx_commit(&tx, NULL) == 0)
		outbox_kick(b->ob);
}

/* Until the outbox is empty, or 20 s are over. */
static inline bool drained(struct box *b)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (outbox_depth(b->ob) > 0 && fg_now_ms() < deadline)
		fg_task_sleep(2, NULL);
	return outbox_depth(b->ob) == 0;
}

static inline void refuse(const char *method, unsigned status, const char *body)
{
	peer_script((struct peer_answer){.method = method, .status = status, .body = body});
}

static inline cJSON *parse(const char *json)
{
	return fg_json_parse(json, strlen(json), NULL);
}

/* Run the tests in a task, against the peer, over a store whose tables are there. */
static inline void box_main(void *tests)
{
	struct fg_store *store = scratch_store();

	queue_migrate(store, NULL);
	fg_store_close(store);
	peer_start();
	options.api_url = peer.url;
	(*(void (**)(void))tests)();
	fg_http_finish();
	peer_stop();
}

static inline int box_test(void (*tests)(void))
{
	fg_loop_run("test", box_main, &tests);
	fg_log_finish();
	scratch_finish();
	return done_testing();
}

#endif
