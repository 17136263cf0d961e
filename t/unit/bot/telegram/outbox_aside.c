/* The outbox and messages that Telegram itself goes on failing at: others go on, and they come in
 * the end. */
#include "box.h"

#define INTERNAL NO("500", "Internal Server Error", "")

static void fail_at(const char *text)
{
	peer_script((struct peer_answer){.method = "sendMessage",
		.text = text,
		.status = 500,
		.body = INTERNAL,
		.times = 100000});
}

static int64_t count(const struct box *b, const char *sql)
{
	return fg_store_i64(b->store, -1, sql, "");
}

static bool has_arrived(const struct box *b, const char *text)
{
	return fg_store_i64(b->store, -1, "SELECT count(*) FROM outbox WHERE html = ?", "s", text) == 0;
}

/* Until that is no longer in the outbox, while another chat goes on if there is one. */
static bool await(struct box *b, const char *text, int64_t other)
{
	int64_t deadline = fg_now_ms() + 20000;

	for (int i = 0; !has_arrived(b, text) && fg_now_ms() < deadline; i++) {
		if (other && i % 10 == 0)
			say(b, other, "x");
		fg_task_sleep(2, NULL);
	}
	return has_arrived(b, text);
}

/* A message that is set aside, since another chat's get through. */
static int64_t begin(struct box *b)
{
	int64_t key;

	box_begin(b);
	fail_at("poison");
	key = say(b, 42, "poison");
	say(b, 42, "two");
	box_run(b);
	ok(await(b, "two", 43), "what is behind a message that Telegram fails at goes on");
	return key;
}

/* Once it is not on its way any more: it comes in ten minutes. */
static void lay_down(struct box *b)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (fg_store_exec(b->store, NULL,
		       "UPDATE outbox SET not_before = ? WHERE html = 'poison' AND state = 0", "i",
		       fg_wall_ms() + 600000) == 0 &&
		fg_now_ms() < deadline)
		fg_task_sleep(2, NULL);
}

static void test_aside(void)
{
	struct box b;

	begin(&b);
	is_int(count(&b, "SELECT count(*) FROM outbox WHERE html = 'poison' AND not_before > 0"), 1,
		"it is kept aside");
	say(&b, 42, "three");
	ok(await(&b, "three", 0), "its chat is as any other");
	lay_down(&b);
	box_close(&b);
	box_open(&b, &fast);
	box_run(&b);
	is_int(count(&b, "SELECT count(*) FROM outbox"), 1, "over a restart as well");
	peer_reset();
	fg_store_exec(b.store, NULL,
		"UPDATE outbox SET created_at = created_at - 120000, not_before = 1", "");
	outbox_kick(b.ob);
	ok(drained(&b), "when Telegram takes it");
	is_str(peer_text("sendMessage", peer_count("sendMessage") - 1),
		"<i>Sent 2m late.</i>\npoison", "it comes, and says how late");
	box_close(&b);
}

/* Nothing else is there to show that it is this message alone. */
static void test_outage(void)
{
	struct box b;

	box_begin(&b);
	fail_at("o");
	say(&b, 42, "one");
	say(&b, 42, "two");
	say(&b, 42, "nine");
	box_run(&b);
	peer_await("sendMessage", 6);
	is_int(count(&b, "SELECT count(*) FROM outbox WHERE not_before > 0"), 0,
		"while it may be an outage, order is kept");
	fg_store_exec(b.store, NULL, "UPDATE outbox SET created_at = created_at - ?", "i",
		(int64_t)OUTBOX_STUBBORN_MS);
	ok(await(&b, "nine", 0), "but not for ever");
	is_int(count(&b, "SELECT count(*) FROM outbox WHERE not_before > 0"), 2, "nor is it lost");
	fg_store_exec(b.store, NULL, "UPDATE outbox SET not_before = ?", "i",
		fg_wall_ms() + 600000);
	fg_store_exec(b.store, NULL, "UPDATE outbox SET not_before = ? WHERE html = 'two'", "i",
		fg_wall_ms());
	peer_reset();
	outbox_kick(b.ob);
	ok(drained(&b), "the first that arrives brings the others");
	box_close(&b);
}

static void test_replaced(void)
{
	struct box b;
	int64_t key = begin(&b);

	lay_down(&b);
	fg_store_exec(b.store, NULL, "UPDATE outbox SET tried_at = tried_at - 600000", "");
	replace(&b, key, 42, "poison again");
	say(&b, 42, "three");
	ok(await(&b, "three", 0), "a new text for it keeps nobody waiting");
	replace(&b, key, 42, "cure");
	ok(drained(&b), "a new text in its place");
	is_str(peer_text("sendMessage", peer_count("sendMessage") - 1), "cure", "is tried at once");
	box_close(&b);
}

static void test_any_arrival(void)
{
	struct box b;

	begin(&b);
	lay_down(&b);
	fg_store_exec(b.store, NULL, "UPDATE outbox SET failing_since = 1", "");
	peer_reset();
	say(&b, 42, "three");
	ok(await(&b, "three", 0), "what fails for long");
	is_int(count(&b, "SELECT count(*) FROM outbox WHERE not_before > 1"), 1,
		"waits for its time");
	fg_store_exec(b.store, NULL, "UPDATE outbox SET failing_since = ?", "i", fg_wall_ms());
	say(&b, 42, "four");
	ok(drained(&b), "else it comes with the next that arrives in its chat");
	is_str(peer_text("sendMessage", peer_count("sendMessage") - 1), "poison", "behind that");
	box_close(&b);
}

/* Of so short a trouble nothing is to be seen but that it takes a moment. */
static void test_short(void)
{
	struct box b;
	int n = 0;

	options.retry.max_ms = 60000;
	box_begin(&b);
	peer_script((struct peer_answer){
		.method = "sendMessage", .chat = 42, .status = 500, .body = INTERNAL, .times = 6});
	say(&b, 42, "first");
	say(&b, 42, "second");
	box_run(&b);
	ok(await(&b, "second", 43) && has_arrived(&b, "first"), "a few failures while others arrive");
	for (int i = 0; i < peer_count("sendMessage"); i++)
		if (peer_nth("sendMessage", i)->chat == 42 && ++n >= 7)
			is_str(peer_text("sendMessage", i), n == 7 ? "first" : "second",
				"leave the order as it is");
	is_int(n, 8, "each comes once");
	box_close(&b);
	options.retry.max_ms = 100;
}

/* Each new text comes before the one before it has failed often enough. */
static void test_edited(void)
{
	struct box b;
	int64_t deadline = fg_now_ms() + 20000, key;

	options.retry.min_ms = options.retry.max_ms = 200;
	box_begin(&b);
	fail_at("poison");
	key = say(&b, 42, "poison");
	say(&b, 42, "two");
	box_run(&b);
	while (!has_arrived(&b, "two") && fg_now_ms() < deadline) {
		if (count(&b, "SELECT count(*) FROM outbox WHERE html = 'poison' AND state = 0") == 1)
			replace(&b, key, 42, "poison");
		say(&b, 43, "x");
		fg_task_sleep(20, NULL);
	}
	ok(has_arrived(&b, "two"), "a message that is edited again and again keeps nobody waiting");
	box_close(&b);
	options.retry.min_ms = 10;
	options.retry.max_ms = 100;
}

static void test_times(void)
{
	struct box b;

	begin(&b);
	lay_down(&b);
	fg_store_exec(b.store, NULL, "UPDATE outbox SET not_before = ? WHERE html = 'poison'", "i",
		fg_wall_ms() + 10 * QUEUE_ASIDE_MS);
	peer_reset();
	outbox_kick(b.ob);
	ok(drained(&b), "a clock that was set back does not keep it for ever");
	box_close(&b);
	begin(&b);
	lay_down(&b);
	fg_store_exec(b.store, NULL,
		"UPDATE outbox SET not_before = 1, created_at = created_at - ? WHERE html = 'poison'",
		"i", QUEUE_KEEP_MS);
	outbox_kick(b.ob);
	ok(drained(&b), "what is a week old is dropped");
	box_close(&b);
}

static void all(void)
{
	test_aside();
	test_outage();
	test_replaced();
	test_any_arrival();
	test_short();
	test_edited();
	test_times();
}

int main(void)
{
	return box_test(all);
}
