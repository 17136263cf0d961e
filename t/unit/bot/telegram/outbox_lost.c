/* The outbox when things go wrong: nothing is lost, nothing comes more than twice. */
#include "box.h"

static void test_lost(void)
{
	struct box b;

	box_begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage", .drop = true});
	say(&b, 42, "one");
	say(&b, 42, "two");
	box_run(&b);
	ok(drained(&b), "a lost answer");
	is_int(peer_count("sendMessage"), 3, "leads to one repeat");
	is_str(peer_text("sendMessage", 1), REPEAT "one", "that says so");
	is_str(peer_text("sendMessage", 2), "two", "before the next, which does not");
	box_close(&b);

	box_begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage", .truncate = true, .times = 2});
	say(&b, 42, "one");
	say(&b, 42, "two");
	box_run(&b);
	ok(drained(&b), "lost twice");
	is_int(peer_count("sendMessage"), 3, "there is never a third copy");
	is_str(peer_text("sendMessage", 2), "two", "the next one goes on");
	box_close(&b);

	box_begin(&b);
	peer_script((struct peer_answer){
		.method = "sendMessage", .status = 502, .body = "<html>", .times = 4});
	say(&b, 42, "one");
	say(&b, 42, "two");
	box_run(&b);
	ok(drained(&b), "a gateway that has nobody behind it, again and again");
	is_int(peer_count("sendMessage"), 6, "is asked until the message has an answer");
	is_str(peer_text("sendMessage", 4), REPEAT "one", "which says that it may be a repeat");
	is_str(peer_text("sendMessage", 5), "two", "before the next one");
	box_close(&b);

	box_begin(&b);
	peer_script((struct peer_answer){.status = 502, .body = "<html>", .times = 3});
	say(&b, 42, "one");
	box_run(&b);
	ok(drained(&b), "an outage");
	is_int(peer_count("getMe"), 3, "is waited out with a call that does no harm");
	is_int(peer_count("sendMessage"), 2, "so that the one repeat is not wasted");
	box_close(&b);
}

static void test_edited_later(void)
{
	struct box b;
	int64_t key;

	box_begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage", .drop = true});
	key = say(&b, 42, "one");
	box_run(&b);
	ok(drained(&b), "a repeat is sent");
	for (int i = 0; i < 2; i++) {
		replace(&b, key, 42, "now");
		ok(drained(&b), "and edited");
		is_str(peer_text("editMessageText", i), REPEAT "now", "it goes on to say so");
	}
	box_close(&b);
}

static void test_refused_by_servers(void)
{
	struct box b;

	box_begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage",
		.status = 500,
		.body = NO("500", "Internal", ""),
		.times = 4});
	say(&b, 42, "one");
	box_run(&b);
	ok(drained(&b), "Telegram's own failures pass");
	is_int(peer_count("sendMessage"), 5, "it was tried until it went");
	is_str(peer_text("sendMessage", 4), "one", "which is no repeat");
	box_close(&b);
}

/* What a crash leaves: a row in a state, without anybody to end it. */
static void crash_at(struct box *b, enum queue_state state, bool gone)
{
	box_begin(b);
	say(b, 42, "one");
	fg_store_exec(b->store, NULL, "UPDATE outbox SET state = ?, gone = ?", "ii",
		(int64_t)state, (int64_t)gone);
	box_close(b);
	box_open(b, &fast);
	box_run(b);
}

static void test_crash(void)
{
	struct box b;

	crash_at(&b, QUEUE_WAITING, false);
	ok(drained(&b) && peer_count("sendMessage") == 1, "after a crash before it left");
	is_str(peer_text("sendMessage", 0), "one", "a message is sent plainly");
	box_close(&b);
	crash_at(&b, QUEUE_SENDING, false);
	ok(drained(&b) && peer_count("sendMessage") == 1, "claimed, but struck before it left");
	is_str(peer_text("sendMessage", 0), "one", "it is sent plainly");
	box_close(&b);
	crash_at(&b, QUEUE_RESENDING, false);
	ok(drained(&b) && peer_count("sendMessage") == 1, "and its repeat before that left");
	is_str(peer_text("sendMessage", 0), REPEAT "one", "is still to come");
	box_close(&b);
	crash_at(&b, QUEUE_SENDING, true);
	ok(drained(&b) && peer_count("sendMessage") == 1, "after a crash while it was on its way");
	is_str(peer_text("sendMessage", 0), REPEAT "one", "it is sent once more and says so");
	box_close(&b);
	crash_at(&b, QUEUE_RESENDING, true);
	ok(drained(&b) && peer_count("sendMessage") == 0,
		"after a crash in its repeat it counts as sent");
	box_close(&b);

	box_begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage", .delay_ms = 1000});
	say(&b, 42, "one");
	box_run(&b);
	peer_await("sendMessage", 1);
	box_close(&b); /* cancelled between the request and its answer */
	box_open(&b, &fast);
	box_run(&b);
	ok(drained(&b), "cancelled on its way");
	is_int(peer_count("sendMessage"), 2, "sent once more");
	is_str(peer_text("sendMessage", 1), REPEAT "one", "and marked");
	box_close(&b);
}

/* Looked at in the moment in which the peer has the request: what the store would tell. */
static void test_marks(void)
{
	struct telegram_options away = options;
	int64_t deadline;
	struct box b;

	box_begin(&b);
	away.api_url = "http://127.0.0.1:1";
	telegram_configure(b.tg, &away);
	say(&b, 42, "one");
	box_run(&b);
	while (fg_store_i64(b.store, 0, "SELECT tries FROM outbox", "") == 0)
		fg_task_sleep(2, NULL);
	is_int(fg_store_i64(b.store, -1, "SELECT gone FROM outbox", ""), 0,
		"without a connection it is not gone");
	peer_script((struct peer_answer){.method = "sendMessage", .delay_ms = 1000});
	telegram_configure(b.tg, &options);
	outbox_kick(b.ob);
	peer_await("sendMessage", 1);
	is_int(fg_store_i64(b.store, -1, "SELECT gone FROM outbox", ""), 1,
		"what has arrived was noted as gone before");
	drained(&b);
	peer_script((struct peer_answer){.method = "sendMessage",
		.status = 400,
		.delay_ms = 1000,
		.body = NO("400", "Bad Request: message thread not found", "")});
	put(&b, &(struct outbox_message){.chat_id = 42, .html = "two", .thread = 7});
	peer_await("sendMessage", 2);
	limiter_hold(b.limiter, 42, fg_now_ms() + 60000);
	deadline = fg_now_ms() + 20000;
	while (fg_store_i64(b.store, 0, "SELECT gone FROM outbox", "") && fg_now_ms() < deadline)
		fg_task_sleep(2, NULL);
	is_int(fg_store_i64(b.store, -1, "SELECT gone FROM outbox", ""), 0,
		"what was refused and goes in another form is here again");
	box_close(&b);
}

/* When the machine has ended, a mark that did not wait for its disk may be missing. */
static void test_power_cut(void)
{
	struct box b;

	box_begin(&b);
	say(&b, 42, "one");
	fg_store_exec(b.store, NULL, "UPDATE outbox SET state = ?", "i", (int64_t)QUEUE_SENDING);
	fg_store_set(b.store, "outbox.boot", "an earlier one", NULL);
	box_close(&b);
	box_open(&b, &fast);
	box_run(&b);
	ok(drained(&b) && peer_count("sendMessage") == 1, "claimed before the machine was started");
	is_str(peer_text("sendMessage", 0), REPEAT "one", "a message may have left");
	box_close(&b);
}

static void test_flood(void)
{
	struct box b;
	int64_t gap, asked;

	box_begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage",
		.chat = 42,
		.status = 429,
		.body = NO("429", "Too Many Requests: retry after 2",
			",\"parameters\":{\"retry_after\":2}")});
	say(&b, 42, "one");
	box_run(&b);
	peer_await("sendMessage", 1);
	asked = peer_nth("sendMessage", 0)->at_ms;
	while (fg_store_i64(b.store, 0, "SELECT count(*) FROM outbox_holds", "") == 0)
		fg_task_sleep(2, NULL);
	fg_task_sleep(50, NULL);
	say(&b, 43, "other");
	peer_await("sendMessage", 2);
	is_int(peer_nth("sendMessage", 1)->chat, 43, "a 429 of one chat does not hold another");
	outbox_flush(b.ob, FG_NEVER);
	box_close(&b);
	box_open(&b, &fast);
	box_run(&b);
	ok(drained(&b), "it passes");
	gap = peer_nth("sendMessage", 2)->at_ms - asked;
	ok(gap >= 2000, "retry_after is not undershot, restart or not (%lld ms)", (long long)gap);
	is_str(peer_text("sendMessage", 2), "one", "and what waited is no repeat");
	box_close(&b);
}

static void test_global_flood(void)
{
	static const char body[] = NO(
		"429", "Too Many Requests: retry after 1", ",\"parameters\":{\"retry_after\":1}");
	struct box b;
	int64_t last = 0, gap;

	box_begin(&b);
	peer_script((struct peer_answer){
		.method = "sendMessage", .chat = 1, .status = 429, .body = body});
	peer_script((struct peer_answer){
		.method = "sendMessage", .chat = 2, .status = 429, .body = body});
	say(&b, 1, "one");
	say(&b, 2, "two");
	box_run(&b);
	peer_await("sendMessage", 2);
	last = peer_nth("sendMessage", 1)->at_ms;
	while (fg_store_i64(b.store, 0, "SELECT count(*) FROM outbox_holds", "") < 2)
		fg_task_sleep(2, NULL);
	fg_task_sleep(30, NULL);
	say(&b, 3, "three");
	ok(drained(&b), "it passes");
	gap = peer_nth("sendMessage", 2)->at_ms - last;
	ok(gap >= 1000, "429s in two chats at once hold everybody (%lld ms)", (long long)gap);
	box_close(&b);
}

/* What Telegram asked for holds over a restart, for one chat and for all, however long it is. */
static void test_long_floods(void)
{
	static const char hours[] = NO("429", "Too Many Requests: retry after 42055",
		",\"parameters\":{\"retry_after\":42055}");
	static const char short_one[] = NO(
		"429", "Too Many Requests: retry after 1", ",\"parameters\":{\"retry_after\":1}");
	struct box b;
	int64_t left;

	box_begin(&b);
	peer_script((struct peer_answer){
		.method = "sendMessage", .chat = 1, .status = 429, .body = short_one});
	peer_script((struct peer_answer){
		.method = "sendMessage", .chat = 2, .status = 429, .body = hours});
	say(&b, 1, "one");
	box_run(&b);
	peer_await("sendMessage", 1);
	say(&b, 2, "two");
	peer_await("sendMessage", 2);
	while (fg_store_i64(b.store, 0, "SELECT count(*) FROM outbox_holds WHERE chat = 0", "") ==
		0)
		fg_task_sleep(2, NULL);
	box_close(&b);
	box_open(&b, &fast);
	left = limiter_when(b.limiter, 3, fg_now_ms()) - fg_now_ms();
	ok(left > 42040000, "eleven hours for everybody, over a restart (%lld ms)",
		(long long)left);
	box_run(&b);
	say(&b, 3, "three");
	outbox_flush(b.ob, FG_NEVER);
	is_int(peer_count("sendMessage"), 2, "nothing is tried before");
	is_int(outbox_depth(b.ob), 3, "all is kept");
	box_close(&b);
}

/* Of two that overlap the longer one stays, in the store as well. */
static void test_shorter_flood(void)
{
	cleanup_tx struct fg_tx tx = {0};
	struct queue_outcome outcome = {.result = QUEUE_KEPT, .hold_ms = 7200000};
	struct queue_item item = {0};
	struct box b;
	int64_t left;

	box_begin(&b);
	say(&b, 42, "x");
	fg_tx_begin(b.store, &tx, NULL);
	queue_claim(&tx, 42, &item, NULL);
	queue_settle(&tx, &item, &outcome, NULL);
	outcome.hold_ms = 1000;
	queue_settle(&tx, &item, &outcome, NULL);
	fg_tx_commit(&tx, NULL);
	queue_item_finish(&item);
	box_close(&b);
	box_open(&b, &fast);
	left = limiter_when(b.limiter, 42, fg_now_ms()) - fg_now_ms();
	ok(left > 7190000, "a shorter wait does not cut a longer one (%lld ms)", (long long)left);
	box_close(&b);
}

static void test_late(void)
{
	cleanup_free char *full = fg_alloc(HTML_MESSAGE + 1);
	struct box b;

	box_begin(&b);
	memset(full, 'x', HTML_MESSAGE);
	say(&b, 42, "old news");
	say(&b, 42, full);
	fg_store_exec(b.store, NULL, "UPDATE outbox SET created_at = created_at - ?", "i",
		(int64_t)720000);
	fg_store_exec(b.store, NULL, "UPDATE outbox SET state = ? WHERE html LIKE 'x%'", "i",
		(int64_t)QUEUE_UNSURE);
	say(&b, 42, full);
	box_run(&b);
	ok(drained(&b), "late messages");
	ok(strncmp(peer_text("sendMessage", 0), "<i>Sent 12m", 11) == 0 &&
			strstr(peer_text("sendMessage", 0), " late.</i>\nold news"),
		"say how late: %.30s", peer_text("sendMessage", 0));
	ok(html_length(peer_text("sendMessage", 1)) <= HTML_MESSAGE,
		"within the limit, prefix and all");
	is_int(strncmp(peer_text("sendMessage", 1), REPEAT "<i>Sent ", strlen(REPEAT) + 8), 0,
		"both prefixes");
	is_int(html_length(peer_text("sendMessage", 2)), HTML_MESSAGE, "one in time is as it was");
	box_close(&b);
}

static void test_unreachable(void)
{
	struct telegram_options away = options;
	struct box b;

	box_begin(&b);
	away.api_url = "http://127.0.0.1:1";
	telegram_configure(b.tg, &away);
	say(&b, 42, "one");
	say(&b, 43, "two");
	box_run(&b);
	fg_task_sleep(200, NULL);
	is_int(outbox_depth(b.ob), 2, "without a connection all is kept");
	telegram_configure(b.tg, &options);
	outbox_kick(b.ob);
	ok(drained(&b) && peer_count("sendMessage") == 2, "and sent when there is one");
	ok(!strstr(peer_text("sendMessage", 0), "repeat"), "unmarked, since it never left");
	box_close(&b);
}

static void test_token_refused(void)
{
	struct box b;

	box_begin(&b);
	refuse("sendMessage", 401, NO("401", "Unauthorized", ""));
	say(&b, 42, "one");
	box_run(&b);
	peer_await("sendMessage", 1);
	fg_task_sleep(200, NULL);
	is_int(peer_count("sendMessage") + peer_count("getMe"), 1,
		"with a refused token it does not hammer");
	telegram_configure(b.tg, &options);
	outbox_kick(b.ob);
	ok(drained(&b), "after a reload it goes on");
	box_close(&b);
}

static void all(void)
{
	test_lost();
	test_edited_later();
	test_refused_by_servers();
	test_crash();
	test_marks();
	test_power_cut();
	test_flood();
	test_global_flood();
	test_long_floods();
	test_shorter_flood();
	test_late();
	test_unreachable();
	test_token_refused();
}

int main(void)
{
	return box_test(all);
}
