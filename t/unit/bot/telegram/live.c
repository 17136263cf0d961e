/* Live messages: the newest state, at their pace; across a restart; and their ends. */
#include "box.h"
#include "telegram/live.h"

static struct live *open_in(struct box *b, int64_t chat, const char *owner, bool stays)
{
	struct live_options o = {
		.store = b->store,
		.outbox = b->ob,
		.kind = LIVE_COMMAND,
		.owner = owner,
		.chat_id = chat,
		.priority = OUTBOX_PROGRESS,
		.stays = stays,
	};

	return live_open(&o);
}

static struct live *open_live(struct box *b, const char *owner, bool stays)
{
	return open_in(b, 42, owner, stays);
}

static void begin(struct box *b)
{
	box_begin(b);
	live_setup(b->store, NULL);
	fg_store_exec(b->store, NULL, "DELETE FROM live", "");
	box_run(b);
}

static int open_rows(struct box *b)
{
	return (int)fg_store_i64(b->store, -1, "SELECT count(*) FROM live", "");
}

/* Until the peer has been asked so often and its answers are known, or 20 s are over. */
static bool asked(struct box *b, int count)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (peer_count(NULL) < count && fg_now_ms() < deadline)
		fg_task_sleep(2, NULL);
	return drained(b) && peer_count(NULL) == count;
}

static void close_with(struct box *b, struct live *live, const char *html)
{
	cleanup_tx struct fg_tx tx = {0};
	struct outbox_message m = {.chat_id = 42, .html = html};

	ok(fg_tx_begin(b->store, &tx, NULL) == 0 &&
			live_close(live, &tx, html ? &m : NULL, NULL) == 0 &&
			fg_tx_commit(&tx, NULL) == 0,
		"closed");
	outbox_kick(b->ob);
}

static void test_pace(void)
{
	struct box b;
	struct live *live;

	begin(&b);
	live = open_live(&b, "1", false);
	ok(!live_shown(live) && open_rows(&b) == 0, "nothing is shown before the first state");
	live_set(live, "one", NULL);
	ok(asked(&b, 1), "the first state goes at once");
	is_str(peer_method(0), "sendMessage", "as a message");
	ok(fg_json_bool(peer_nth(NULL, 0)->params, "disable_notification", false), "silently");
	is_int(open_rows(&b), 1, "and it is known as open");
	live_set(live, "two", NULL);
	live_set(live, "three", NULL);
	live_set(live, "four", NULL);
	ok(asked(&b, 2), "what comes too fast");
	is_str(peer_text("editMessageText", 0), "four", "is shown when its time comes: the last");
	ok(peer_nth(NULL, 1)->at_ms - peer_nth(NULL, 0)->at_ms >= LIVE_PACE_MS / 2, "not before");
	live_set(live, "five", NULL);
	live_set(live, "four", NULL);
	close_with(&b, live, "done");
	live_set(live, "late", NULL);
	ok(asked(&b, 3), "back to what is shown, and then the end");
	is_str(peer_text("editMessageText", 1), "done", "costs one edit");
	is_int(open_rows(&b), 0, "nothing is open any more");
	fg_task_sleep(LIVE_PACE_MS + 200, NULL);
	is_int(peer_count(NULL), 3, "what comes after the end is not shown");
	live_destroy(live);
	box_close(&b);
}

static void test_ends(void)
{
	struct box b;
	struct live *live;

	begin(&b);
	live = open_live(&b, "1", false);
	close_with(&b, live, "at once");
	ok(asked(&b, 1) && strcmp(peer_method(0), "sendMessage") == 0,
		"an end without a state before it is a message");
	live_destroy(live);
	live = open_live(&b, "2", false);
	live_set(live, "one", NULL);
	ok(asked(&b, 2), "shown");
	live_set(live, "two", NULL);
	close_with(&b, live, NULL);
	ok(asked(&b, 3), "an end that is the last state");
	is_str(peer_text("editMessageText", 0), "two", "does not lose what waited");
	live_destroy(live);
	live = open_live(&b, "3", false);
	live_set(live, "never", NULL);
	live_destroy(live);
	fg_task_sleep(50, NULL);
	is_int(peer_count(NULL), 3, "one that is left at once shows nothing");
	box_close(&b);
}

static bool second(struct fg_tx *tx, const char *kind, const char *owner)
{
	(void)tx;
	return strcmp(kind, LIVE_COMMAND) == 0 && strcmp(owner, "2") == 0;
}

static void test_restart(void)
{
	static const char *const owners[] = {"1", "2", "3"};
	struct box b;
	struct live *live;
	int64_t ids[3];

	begin(&b);
	for (int i = 0; i < 3; i++) {
		live = open_live(&b, owners[i], i == 2);
		live_set(live, "<b>half</b> way", NULL);
		ok(asked(&b, i + 1), "shown");
		ids[i] = peer.next_id - 1;
		live_destroy(live);
	}
	is_int(open_rows(&b), 3, "left open");
	is_int(live_recover(b.store, second, NULL), 1,
		"of one that somebody goes on with, one that stays and another, that is ended");
	outbox_kick(b.ob);
	ok(asked(&b, 4), "by an edit");
	is_int(fg_json_i64(peer_nth(NULL, 3)->params, "message_id", 0), ids[0], "of its message");
	is_str(peer_text("editMessageText", 0),
		"<b>half</b> way\n⏹ Interrupted: Fleetgram was restarted.",
		"which keeps its text");
	live = open_live(&b, "2", false);
	ok(live_shown(live), "taken up");
	live_set(live, "<b>half</b> way", NULL);
	live_set(live, "on", NULL);
	ok(asked(&b, 5), "it goes on");
	is_int(fg_json_i64(peer_nth(NULL, 4)->params, "message_id", 0), ids[1],
		"in the same message");
	live_destroy(live);
	live = open_live(&b, "3", true);
	close_with(&b, live, "over");
	ok(asked(&b, 6), "what stays is closed by its owner");
	is_int(fg_json_i64(peer_nth(NULL, 5)->params, "message_id", 0), ids[2], "where it was");
	live_destroy(live);
	is_int(open_rows(&b), 1, "one is still open");
	box_close(&b);
}

static void test_failures(void)
{
	struct box b;
	struct live *live;

	begin(&b);
	live = open_live(&b, "1", false);
	live_set(live, "one", NULL);
	ok(asked(&b, 1), "shown");
	refuse("editMessageText", 400, NO("400", "Bad Request: message to edit not found", ""));
	live_set(live, "two", NULL);
	ok(asked(&b, 3) && strcmp(peer_method(2), "sendMessage") == 0, "deleted: it is sent anew");
	live_destroy(live);
	live = open_in(&b, -42, "2", false);
	live_set(live, "one", NULL);
	ok(asked(&b, 4), "shown in a group");
	live_destroy(live);
	refuse("editMessageText", 400,
		NO("400", "Bad Request: group chat was upgraded to a supergroup chat",
			",\"parameters\":{\"migrate_to_chat_id\":-10042}"));
	live = open_in(&b, -42, "2", false);
	live_set(live, "two", NULL);
	ok(asked(&b, 6) && peer_nth(NULL, 5)->chat == -10042, "migrated: it moves");
	close_with(&b, live, "three");
	ok(asked(&b, 7) && peer_nth(NULL, 6)->chat == -10042, "and ends where it is now");
	is_str(peer_method(6), "editMessageText", "by an edit");
	live_destroy(live);
	box_close(&b);
}

static void tests(void)
{
	test_pace();
	test_ends();
	test_restart();
	test_failures();
}

int main(void)
{
	return box_test(tests);
}
