/* The outbox and chats that refuse: what is for them waits, others are told, and it comes in the
 * end. */
#include "box.h"
#include "telegram/parked.h"

#define BLOCKED NO("403", "Forbidden: bot was blocked by the user", "")

static int told;
static char told_why[128];

/* Whoever is told writes to chat 7 of it. */
static int tell(struct fg_tx *tx, int64_t chat, const char *why, void *arg, struct fg_err *err)
{
	struct outbox_message m = {.chat_id = 7, .html = "told"};

	(void)arg;
	told += chat == 42;
	snprintf(told_why, sizeof(told_why), "%s", why);
	return outbox_push(tx, &m, err) < 0 ? -1 : 0;
}

static int64_t count(const struct box *b, const char *sql)
{
	return fg_store_i64(b->store, -1, sql, "");
}

static void begin(struct box *b)
{
	box_begin(b);
	told = 0;
	outbox_on_parked(b->ob, tell, NULL);
	box_run(b);
}

/* A chat that has refused once, with two messages for it. */
static void park(struct box *b)
{
	begin(b);
	peer_script((struct peer_answer){
		.method = "sendMessage", .chat = 42, .status = 403, .body = BLOCKED});
	say(b, 42, "one");
	say(b, 42, "two");
	drained(b);
	peer_await("sendMessage", 2);
}

static void test_wait_and_return(void)
{
	struct box b;

	park(&b);
	is_int(told, 1, "who has to know is told");
	is_str(told_why, "Forbidden: bot was blocked by the user", "why");
	is_str(peer_text("sendMessage", 1), "told", "elsewhere");
	say(&b, 42, "three");
	say(&b, 43, "another chat");
	ok(drained(&b), "others go on");
	is_int(peer_count("sendMessage"), 3, "the chat is not tried again");
	is_int(count(&b, "SELECT count(*) FROM outbox WHERE chat = 42"), 3, "all of it waits");
	outbox_unpark(b.ob, 42);
	peer_await("sendMessage", 6);
	is_str(peer_text("sendMessage", 3), "one", "when somebody speaks there it comes");
	is_str(peer_text("sendMessage", 4), "two", "in order");
	is_str(peer_text("sendMessage", 5), "three", "to the last");
	outbox_flush(b.ob, FG_NEVER);
	is_int(count(&b, "SELECT count(*) FROM outbox_parked"), 0,
		"the chat is as any other again");
	box_close(&b);
}

static void test_no_loop(void)
{
	struct box b;

	park(&b);
	for (int i = 1; i <= 2; i++) {
		int before = peer_count("sendMessage");

		peer_script((struct peer_answer){
			.method = "sendMessage", .chat = 42, .status = 403, .body = BLOCKED});
		outbox_unpark(b.ob, 42);
		peer_await("sendMessage", before + 1);
		outbox_flush(b.ob, FG_NEVER);
		say(&b, 42, "more");
		say(&b, 43, "x");
		drained(&b);
		is_int(peer_count("sendMessage"), before + 2, "one try when somebody speaks");
	}
	is_int(told, 1, "and nobody is told twice");
	box_close(&b);
}

static void test_restart_and_probe(void)
{
	struct box b;

	park(&b);
	box_close(&b);
	box_open(&b, &fast);
	outbox_on_parked(b.ob, tell, NULL);
	box_run(&b);
	say(&b, 43, "x");
	drained(&b);
	is_int(peer_count("sendMessage"), 3, "after a restart it is still parked");
	fg_store_exec(b.store, NULL, "UPDATE outbox_parked SET probe_at = probe_at - ?", "i",
		PARKED_PROBE_MS);
	peer_script((struct peer_answer){
		.method = "sendMessage", .chat = 42, .status = 403, .body = BLOCKED});
	outbox_kick(b.ob);
	peer_await("sendMessage", 4);
	outbox_flush(b.ob, FG_NEVER);
	is_int(peer_count("sendMessage"), 4, "after a day one message is tried");
	ok(count(&b, "SELECT probe_at - since FROM outbox_parked") >= PARKED_PROBE_MS,
		"the next a day later");
	is_int(told, 1, "without telling again");
	fg_store_exec(b.store, NULL, "UPDATE outbox_parked SET probe_at = probe_at + ?", "i",
		10 * PARKED_PROBE_MS);
	outbox_kick(b.ob);
	peer_await("sendMessage", 6);
	is_int(peer_count("sendMessage"), 6, "a clock that was set back does not park for ever");
	box_close(&b);
}

static void test_bounds(void)
{
	cleanup_tx struct fg_tx tx = {0};
	struct outbox_message m = {.chat_id = 42, .html = "flood"};
	struct box b;

	park(&b);
	fg_tx_begin(b.store, &tx, NULL);
	for (int i = 0; i < 2 * PARKED_MOST; i++)
		outbox_push(&tx, &m, NULL);
	m.html = "newest";
	outbox_push(&tx, &m, NULL);
	fg_tx_commit(&tx, NULL);
	is_int(count(&b, "SELECT count(*) FROM outbox"), PARKED_MOST, "so many are kept");
	is_int(count(&b, "SELECT count(*) FROM outbox WHERE html = 'newest'"), 1, "the newest");
	is_int(count(&b, "SELECT count(*) FROM outbox WHERE html IN ('one', 'two')"), 0,
		"not the oldest");
	fg_store_exec(b.store, NULL, "UPDATE outbox SET created_at = created_at - ? WHERE html = ?",
		"is", PARKED_KEEP_MS + 1000, "flood");
	say(&b, 42, "last");
	is_int(count(&b, "SELECT count(*) FROM outbox"), 2, "none for longer than a week");
	outbox_unpark(b.ob, 42);
	peer_await("sendMessage", 4);
	is_str(peer_text("sendMessage", 3), "last", "what is left comes");
	box_close(&b);
}

static void test_kept_texts(void)
{
	struct box b;
	int64_t key;

	begin(&b);
	refuse("sendMessage", 400, NO("400", "Bad Request: chat not found", ""));
	key = say(&b, 42, "old");
	drained(&b);
	replace(&b, key, 42, "new");
	is_int(count(&b, "SELECT count(*) FROM outbox WHERE chat = 42"), 1,
		"what waits can be replaced");
	outbox_unpark(b.ob, 42);
	peer_await("sendMessage", 3);
	is_str(peer_text("sendMessage", 2), "new", "and comes with its newest text");
	box_close(&b);
}

static void all(void)
{
	test_wait_and_return();
	test_no_loop();
	test_restart_and_probe();
	test_bounds();
	test_kept_texts();
}

int main(void)
{
	return box_test(all);
}
