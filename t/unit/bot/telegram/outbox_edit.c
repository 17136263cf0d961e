/* The outbox: messages that are replaced before, while and after they are sent. */
#include "box.h"

static void test_edits(void)
{
	struct box b;
	int64_t key, other, sent_id;

	box_begin(&b);
	key = say(&b, 42, "one");
	replace(&b, key, 42, "two");
	replace(&b, key, 42, "three");
	box_run(&b);
	ok(drained(&b) && peer_count(NULL) == 1, "replaced while it waits: one request");
	is_str(peer_text("sendMessage", 0), "three", "with the newest text");
	sent_id = peer.next_id - 1;
	replace(&b, key, 42, "four");
	ok(drained(&b) && peer_count(NULL) == 2, "replaced after it was sent");
	is_str(peer_method(1), "editMessageText", "it is edited");
	is_int(fg_json_i64(peer_nth(NULL, 1)->params, "message_id", 0), sent_id,
		"by the id it got");
	peer_script((struct peer_answer){.method = "sendMessage", .delay_ms = 1500});
	other = say(&b, 42, "slow");
	peer_await("sendMessage", 2);
	replace(&b, other, 42, "e1");
	replace(&b, other, 42, "e2");
	say(&b, 42, "after");
	ok(drained(&b), "replaced on its way");
	is_int(peer_count(NULL), 5, "of the edits only one is sent");
	is_str(peer_text(NULL, 3), "e2", "the newest");
	is_str(peer_text(NULL, 4), "after", "in its place");
	refuse("editMessageText", 400,
		NO("400", "Bad Request: message is not modified: specified new message content",
			""));
	replace(&b, key, 42, "same");
	ok(drained(&b) && peer_count(NULL) == 6, "not modified is success");
	refuse("editMessageText", 400, NO("400", "Bad Request: message to edit not found", ""));
	replace(&b, key, 42, "anew");
	ok(drained(&b) && peer_count(NULL) == 8, "a message that is gone");
	is_str(peer_method(7), "sendMessage", "is sent anew");
	sent_id = peer.next_id - 1;
	replace(&b, key, 42, "again");
	drained(&b);
	is_int(fg_json_i64(peer_nth(NULL, 8)->params, "message_id", 0), sent_id,
		"and edited under its new id");
	peer_script((struct peer_answer){.method = "editMessageText", .drop = true, .times = 2});
	replace(&b, key, 42, "lost");
	ok(drained(&b) && peer_count("editMessageText") >= 3, "a lost edit is made again");
	is_str(peer_text("editMessageText", peer_count("editMessageText") - 1), "lost",
		"and not marked");
	box_close(&b);
}

static void test_more_edits(void)
{
	struct outbox_message m = {.chat_id = 42, .html = "page 2", .edit_id = 555};
	struct box b;
	int64_t key;

	box_begin(&b);
	refuse("sendMessage", 400, NO("400", "Bad Request: nope", ""));
	key = say(&b, 42, "dropped");
	box_run(&b);
	drained(&b);
	replace(&b, key, 42, "news");
	ok(drained(&b), "an edit of what was dropped");
	is_str(peer_method(1), "sendMessage", "is sent");
	key = put(&b, &m);
	drained(&b);
	is_int(fg_json_i64(peer_nth("editMessageText", 0)->params, "message_id", 0), 555,
		"a message that a button is on is edited");
	replace(&b, key, 42, "page 3");
	drained(&b);
	is_int(fg_json_i64(peer_nth("editMessageText", 1)->params, "message_id", 0), 555,
		"and can be replaced");
	m = (struct outbox_message){
		.chat_id = 42, .html = "cap", .file = {.name = "x.txt", .data = "x", .len = 1}};
	key = put(&b, &m);
	drained(&b);
	replace(&b, key, 42, "new cap");
	drained(&b);
	is_int(peer_count("editMessageCaption"), 1, "a file's text is its caption");
	box_close(&b);

	box_begin(&b);
	m = (struct outbox_message){.chat_id = 42, .html = "1", .edit_id = 555};
	key = put(&b, &m);
	m.html = "2";
	is_int(put(&b, &m), key, "two edits of one message that wait");
	box_run(&b);
	ok(drained(&b) && peer_count(NULL) == 1, "become one");
	is_str(peer_text(NULL, 0), "2", "the newer");
	box_close(&b);
}

static void test_merge_after_failure(void)
{
	struct box b;
	int64_t key;

	box_begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage",
		.status = 429,
		.delay_ms = 1000,
		.body = NO("429", "x", ",\"parameters\":{\"retry_after\":1}")});
	key = say(&b, 42, "old");
	box_run(&b);
	peer_await("sendMessage", 1);
	replace(&b, key, 42, "new");
	ok(drained(&b), "replaced while it was being refused");
	is_int(peer_count(NULL), 2, "it waits as one message");
	is_str(peer_text("sendMessage", 1), "new", "with the new text");
	box_close(&b);
}

static void all(void)
{
	test_edits();
	test_more_edits();
	test_merge_after_failure();
}

int main(void)
{
	return box_test(all);
}
