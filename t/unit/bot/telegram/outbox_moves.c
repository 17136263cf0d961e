/* The outbox and groups that become supergroups: what is for them follows, whoever says it first.
 */
#include "box.h"
#include "telegram/moves.h"

#define OLD (-5)
#define NEW (-1009876543210)
#define GONE                                                                   \
	NO("400", "Bad Request: group chat was upgraded to a supergroup chat", \
		",\"parameters\":{\"migrate_to_chat_id\":-1009876543210}")

static void begin(struct box *b)
{
	struct fg_store *store = scratch_store();

	fg_store_exec(store, NULL, "DELETE FROM chat_moves", "");
	fg_store_exec(store, NULL, "DELETE FROM outbox_sent", "");
	fg_store_close(store);
	box_begin(b);
}

static int64_t count(const struct box *b, const char *sql)
{
	return fg_store_i64(b->store, -1, sql, "");
}

static void test_refused(void)
{
	struct box b;

	begin(&b);
	refuse("sendMessage", 400, GONE);
	say(&b, OLD, "one");
	say(&b, OLD, "two");
	box_run(&b);
	ok(drained(&b), "a send to the old id");
	say(&b, OLD, "three");
	ok(drained(&b), "and one after it");
	is_int(peer_count("sendMessage"), 4, "are refused once");
	is_int(peer_nth("sendMessage", 3)->chat, NEW, "what is for the old one goes to the new");
	is_int(moves_now(OLD), NEW, "the move is known");
	is_int(moves_before(NEW), OLD, "both ways");
	box_close(&b);
	box_open(&b, &fast);
	is_int(moves_now(OLD), NEW, "after a restart as well");
	box_run(&b);
	say(&b, OLD, "four");
	ok(drained(&b) && peer_nth("sendMessage", 4)->chat == NEW, "and kept to");
	box_close(&b);
}

/* All that is known of the chat moves by a word alone. */
static void test_told(void)
{
	struct outbox_message m = {.chat_id = OLD, .html = "reply", .thread = 3, .reply_to = 4};
	struct outbox_message edit = {.chat_id = OLD, .html = "edit", .edit_id = 55};
	struct box b;
	int64_t key;

	begin(&b);
	box_run(&b);
	key = say(&b, OLD, "sent before");
	drained(&b);
	limiter_hold(b.limiter, OLD, fg_now_ms() + 700);
	put(&b, &m);
	put(&b, &edit);
	outbox_moved(b.ob, OLD, NEW);
	ok(limiter_held(b.limiter, NEW) > fg_now_ms(), "a wait is kept to in the new chat");
	replace(&b, key, OLD, "sent after");
	ok(drained(&b), "what waited goes");
	is_int(peer_count("sendMessage"), 4, "all as messages");
	for (int i = 1; i < 4; i++)
		is_int(peer_nth("sendMessage", i)->chat, NEW, "to the new chat");
	ok(!fg_json_get(peer_nth("sendMessage", 1)->params, "message_thread_id") &&
			!fg_json_get(peer_nth("sendMessage", 1)->params, "reply_parameters"),
		"without what only the old one had");
	is_str(peer_text("sendMessage", 3), "sent after", "an edit of what is in the old one too");
	replace(&b, key, OLD, "again");
	drained(&b);
	is_str(peer_method(4), "editMessageText", "which can be edited again");
	is_int(peer_nth(NULL, 4)->chat, NEW, "in the new chat");
	box_close(&b);
}

static void test_parked(void)
{
	struct box b;

	begin(&b);
	refuse("sendMessage", 403, NO("403", "Forbidden: bot was kicked from the group chat", ""));
	say(&b, OLD, "one");
	box_run(&b);
	drained(&b);
	refuse("sendMessage", 403, NO("403", "Forbidden: bot was kicked from the supergroup chat", ""));
	outbox_moved(b.ob, OLD, NEW);
	ok(peer_await("sendMessage", 2), "a parked chat that moves");
	is_int(peer_nth("sendMessage", 1)->chat, NEW, "is tried at once where it is now");
	outbox_flush(b.ob, FG_NEVER);
	is_int(count(&b, "SELECT count(*) FROM outbox_parked WHERE chat = -1009876543210"), 1,
		"and stays parked if it refuses there too");
	outbox_unpark(b.ob, NEW);
	ok(peer_await("sendMessage", 3), "until somebody speaks in the new one");
	box_close(&b);
}

/* While something is on its way to the old one. */
static void test_under_way(void)
{
	struct box b;

	begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage", .delay_ms = 300});
	say(&b, OLD, "one");
	say(&b, OLD, "two");
	box_run(&b);
	peer_await("sendMessage", 1);
	outbox_moved(b.ob, OLD, NEW);
	outbox_moved(b.ob, OLD, NEW);
	ok(drained(&b), "a move while a message is on its way");
	is_int(peer_count("sendMessage"), 2, "sends nothing twice");
	box_close(&b);
}

static void test_nonsense(void)
{
	struct box b;

	begin(&b);
	outbox_moved(b.ob, 42, NEW);
	outbox_moved(b.ob, OLD, 42);
	outbox_moved(b.ob, OLD, OLD);
	outbox_moved(b.ob, 0, 0);
	is_int(count(&b, "SELECT count(*) FROM chat_moves"), 0, "only groups move, to others");
	refuse("sendMessage", 400,
		NO("400", "Bad Request: upgraded", ",\"parameters\":{\"migrate_to_chat_id\":-5}"));
	say(&b, OLD, "one");
	box_run(&b);
	ok(drained(&b) && peer_count("sendMessage") == 1, "a move to itself is a plain refusal");
	outbox_moved(b.ob, OLD, -6);
	outbox_moved(b.ob, -6, NEW);
	is_int(moves_now(OLD), NEW, "one that moved twice is where it is now");
	outbox_moved(b.ob, NEW, OLD);
	is_int(moves_now(OLD), OLD, "one that came back is not sent round and round");
	box_close(&b);
}

static void all(void)
{
	test_refused();
	test_told();
	test_parked();
	test_under_way();
	test_nonsense();
}

int main(void)
{
	return box_test(all);
}
