/* The outbox and what goes first within one chat: answers, then notices, then progress. */
#include "box.h"

static int64_t put_as(struct box *b, enum outbox_priority priority, const char *html)
{
	struct outbox_message m = {.chat_id = 42, .html = html, .priority = priority};

	return put(b, &m);
}

static void replace_as(struct box *b, int64_t key, enum outbox_priority priority, const char *html)
{
	cleanup_tx struct fg_tx tx = {0};
	struct outbox_message m = {.chat_id = 42, .html = html, .priority = priority};

	if (fg_tx_begin(b->store, &tx, NULL) == 0 && outbox_replace(&tx, key, &m, NULL) == 0 &&
		fg_tx_commit(&tx, NULL) == 0)
		outbox_kick(b->ob);
}

static void edit_as(struct box *b, int64_t message, enum outbox_priority priority, const char *html)
{
	struct outbox_message m = {
		.chat_id = 42, .html = html, .priority = priority, .edit_id = message};

	put(b, &m);
}

/* Everything that was asked for, in order, as "a b c". */
static const char *asked(void)
{
	static char all[512];
	size_t n = 0;

	all[0] = '\0';
	for (int i = 0; i < peer_count(NULL); i++)
		n += (size_t)snprintf(
			all + n, sizeof(all) - n, "%s%s", i ? " " : "", peer_text(NULL, i));
	return all;
}

static void test_classes(void)
{
	struct box b;

	box_begin(&b);
	put_as(&b, OUTBOX_PROGRESS, "p1");
	put_as(&b, OUTBOX_NOTICE, "n1");
	put_as(&b, OUTBOX_NOTICE, "n2");
	put_as(&b, OUTBOX_PROGRESS, "p2");
	put_as(&b, OUTBOX_ANSWER, "a1");
	put_as(&b, OUTBOX_ANSWER, "a2");
	put_as(&b, OUTBOX_NOTICE, "n3");
	box_run(&b);
	ok(drained(&b), "all went");
	is_str(asked(), "a1 a2 n1 n2 n3 p1 p2", "the urgent first, those of a kind in order");
	box_close(&b);
}

static void test_backlog(void)
{
	cleanup_tx struct fg_tx tx = {0};
	struct outbox_message m = {.chat_id = 42, .html = "notice", .priority = OUTBOX_NOTICE};
	struct box b;
	int before;

	box_begin(&b);
	fg_tx_begin(b.store, &tx, NULL);
	for (int i = 0; i < 1000; i++)
		outbox_push(&tx, &m, NULL);
	fg_tx_commit(&tx, NULL);
	box_run(&b);
	peer_await("sendMessage", 20);
	put_as(&b, OUTBOX_ANSWER, "answer");
	before = peer_count("sendMessage");
	ok(drained(&b), "a thousand notices");
	is_int(peer_count("sendMessage"), 1001, "and an answer");
	ok(strcmp(peer_text("sendMessage", before), "answer") == 0 ||
			strcmp(peer_text("sendMessage", before + 1), "answer") == 0,
		"which did not wait for them");
	box_close(&b);
}

/* A key's rows stay in order, whatever they are. */
static void test_keys(void)
{
	struct box b;
	int64_t key;

	box_begin(&b);
	key = put_as(&b, OUTBOX_PROGRESS, "working");
	put_as(&b, OUTBOX_NOTICE, "notice");
	replace_as(&b, key, OUTBOX_ANSWER, "done");
	box_run(&b);
	ok(drained(&b), "progress that becomes an answer");
	is_str(asked(), "done notice", "goes as one");
	box_close(&b);

	box_begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage", .delay_ms = 300, .drop = true});
	key = put_as(&b, OUTBOX_PROGRESS, "working");
	box_run(&b);
	peer_await("sendMessage", 1);
	put_as(&b, OUTBOX_NOTICE, "notice");
	replace_as(&b, key, OUTBOX_ANSWER, "done");
	ok(drained(&b), "progress whose answer was lost, and became an answer meanwhile");
	is_str(asked(), "working " REPEAT "working " REPEAT "done notice", "is repeated before its edit");
	is_str(peer_method(2), "editMessageText", "which is one");
	box_close(&b);
}

/* Whoever edits a message, the newest text is the last that is sent. */
static void test_one_message(void)
{
	struct box b;
	int64_t key, message;

	box_begin(&b);
	box_run(&b);
	key = put_as(&b, OUTBOX_ANSWER, "live");
	drained(&b);
	message = peer.next_id - 1;
	limiter_hold(b.limiter, 42, fg_now_ms() + 300);
	replace_as(&b, key, OUTBOX_PROGRESS, "older");
	edit_as(&b, message, OUTBOX_ANSWER, "newer");
	ok(drained(&b), "two who edit one message");
	is_str(asked(), "live newer", "one edit, the newer");

	peer_script((struct peer_answer){.method = "editMessageText",
		.delay_ms = 300,
		.status = 500,
		.body = NO("500", "Internal", "")});
	edit_as(&b, 555, OUTBOX_PROGRESS, "first");
	peer_await("editMessageText", 2);
	edit_as(&b, 555, OUTBOX_ANSWER, "second");
	ok(drained(&b), "an edit that has to be made again");
	is_str(asked(), "live newer first second", "does not come after a newer one");
	box_close(&b);
}

static void test_pieces(void)
{
	struct box b;
	int64_t key;

	box_begin(&b);
	box_run(&b);
	key = put_as(&b, OUTBOX_PROGRESS, "working");
	drained(&b);
	limiter_hold(b.limiter, 42, fg_now_ms() + 300);
	put_as(&b, OUTBOX_NOTICE, "notice");
	replace_as(&b, key, OUTBOX_PROGRESS, "more");
	replace_as(&b, key, OUTBOX_ANSWER, "1/3");
	put_as(&b, OUTBOX_ANSWER, "2/3");
	put_as(&b, OUTBOX_ANSWER, "3/3");
	ok(drained(&b), "an answer in pieces, the first in place of its progress");
	is_str(asked(), "working 1/3 2/3 3/3 notice", "stays together");
	box_close(&b);
}

static void all(void)
{
	test_classes();
	test_backlog();
	test_keys();
	test_one_message();
	test_pieces();
}

int main(void)
{
	return box_test(all);
}
