/* The outbox: order, limits, refusals, an ordered end, and ten thousand messages. */
#include <sys/resource.h>
#include "box.h"

#define LARGE 8000 /* bytes of each of 10,000 texts */
#define MEMORY_MOST 10240 /* kB */

static void test_order(void)
{
	char text[32];
	bool order = true;
	struct box b;

	box_begin(&b);
	for (int i = 0; i < 30; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		say(&b, 42, text);
	}
	box_run(&b);
	ok(drained(&b), "everything goes");
	for (int i = 0; i < 30; i++) {
		snprintf(text, sizeof(text), "n%d", i);
		order = order && strcmp(peer_text("sendMessage", i), text) == 0;
	}
	ok(order, "in the order it was put in");
	is_int(peer.most_running, 1, "one at a time in a chat");
	is_str(fg_json_str(peer_nth("sendMessage", 0)->params, "parse_mode", ""), "HTML",
		"as HTML");
	box_close(&b);
}

static void test_parallel(void)
{
	struct box b;

	box_begin(&b);
	peer_script((struct peer_answer){.method = "sendMessage", .chat = 1, .delay_ms = 1500});
	say(&b, 1, "slow");
	say(&b, 1, "behind");
	say(&b, 2, "quick");
	say(&b, 2, "too");
	box_run(&b);
	peer_await("sendMessage", 3);
	is_int(outbox_depth(b.ob) >= 2, 1, "a slow chat is still at it");
	ok(drained(&b), "all went");
	is_int(peer_nth("sendMessage", 3)->chat, 1, "the other chat did not wait for it");
	is_str(peer_text("sendMessage", 3), "behind", "its own next did");
	box_close(&b);
}

static void test_priority(void)
{
	struct outbox_message m = {.html = "x"};
	struct box b;

	box_begin(&b);
	limiter_configure(b.limiter, &(struct limiter_rates){1, 1000, 1000});
	limiter_take(b.limiter, 999, fg_now_ms());
	for (int i = 0; i < 3; i++) {
		m.chat_id = 10 + i;
		m.priority = (enum outbox_priority)(OUTBOX_PROGRESS - i);
		put(&b, &m);
	}
	/* One a second: two that leave at the same moment may arrive either way round. */
	box_run(&b);
	ok(drained(&b), "all went");
	is_int(peer_nth("sendMessage", 0)->chat, 12, "an answer goes before a notice");
	box_close(&b);
}

static void test_message_parts(void)
{
	cleanup_json cJSON *keyboard =
		parse("{\"inline_keyboard\":[[{\"text\":\"a\",\"callback_data\":\"b\"}]]}");
	struct outbox_message m = {.chat_id = -1001234567890123,
		.thread = 7,
		.reply_to = 99,
		.html = "<b>x</b>",
		.keyboard = keyboard,
		.silent = true};
	const cJSON *p;
	struct box b;

	box_begin(&b);
	put(&b, &m);
	m = (struct outbox_message){
		.chat_id = 5, .html = "cap", .file = {.name = "x.txt", .data = "a\0b", .len = 3}};
	put(&b, &m);
	m.file.photo = true;
	put(&b, &m);
	refuse("sendPhoto", 400, NO("400", "Bad Request: PHOTO_INVALID_DIMENSIONS", ""));
	box_run(&b);
	ok(drained(&b), "all went");
	p = peer_nth("sendMessage", 0)->params;
	is_int(fg_json_i64(p, "chat_id", 0), -1001234567890123, "the chat");
	is_int(fg_json_i64(p, "message_thread_id", 0), 7, "the thread");
	is_int(fg_json_i64(fg_json_object(p, "reply_parameters"), "message_id", 0), 99,
		"what it answers");
	ok(fg_json_bool(p, "disable_notification", false), "silently");
	ok(cJSON_Compare(fg_json_object(p, "reply_markup"), keyboard, true), "the keyboard");
	ok(memmem(peer_nth("sendDocument", 0)->body, peer_nth("sendDocument", 0)->len, "a\0b", 3) !=
			NULL,
		"a document");
	is_int(peer_count("sendPhoto"), 1, "a photo");
	is_int(peer_count("sendDocument"), 2, "and as a document when it is none to Telegram");
	box_close(&b);
}

/* Whoever asked for a file has an answer, whatever Telegram thinks of the file. */
static void test_file_refused(void)
{
	static const struct {
		int status;
		const char *body;
	} no[] = {
		{400, NO("400", "Bad Request: not enough rights to send documents to the chat", "")},
		{413, "<html>too large</html>"},
		{404, NO("404", "Not Found: method not found", "")},
	};
	struct outbox_message m = {.chat_id = 5,
		.html = "<b>cap</b>",
		.file = {.name = "x<1>.txt", .data = "abc", .len = 3}};
	struct box b;

	for (size_t i = 0; i < FG_ARRAY_LEN(no); i++) {
		box_begin(&b);
		refuse("sendDocument", (unsigned)no[i].status, no[i].body);
		put(&b, &m);
		box_run(&b);
		ok(drained(&b), "a file is refused with %d", no[i].status);
		is_int(peer_count("sendMessage"), 1, "its text goes alone");
		ok(strstr(peer_text("sendMessage", 0), "<b>cap</b>\n⚠️ Telegram does not take the file"
						       " x&lt;1&gt;.txt here: "),
			"with what became of it: %s", peer_text("sendMessage", 0));
		box_close(&b);
	}
	box_begin(&b);
	m.file.photo = true;
	refuse("sendPhoto", 400, NO("400", "Bad Request: not enough rights to send photos to the chat", ""));
	put(&b, &m);
	box_run(&b);
	ok(drained(&b) && peer_count("sendDocument") == 1, "where no photos may be sent, a document is tried");
	is_int(peer_count("sendMessage"), 0, "and nothing more is said");
	box_close(&b);
}

/* What a refusal does to a message: the requests it leads to. */
static void test_refusals(void)
{
	static const struct {
		const char *name, *method, *description, *then;
		unsigned status;
	} table[] = {
		{"bad tags", "sendMessage",
			"Bad Request: can't parse entities: Unsupported start tag", "a & b", 400},
		{"a thread that is gone", "sendMessage", "Bad Request: message thread not found",
			"<b>a</b> &amp; b", 400},
		{"an answered message that is gone", "sendMessage",
			"Bad Request: message to be replied not found", "<b>a</b> &amp; b", 400},
		{"a bad button", "sendMessage", "Bad Request: BUTTON_DATA_INVALID",
			"<b>a</b> &amp; b", 400},
		{"blocked", "sendMessage", "Forbidden: bot was blocked by the user", NULL, 403},
		{"no such chat", "sendMessage", "Bad Request: chat not found", NULL, 400},
		{"something new", "sendMessage", "Bad Request: we do not like it", NULL, 400},
	};
	cleanup_json cJSON *keyboard = parse("{\"inline_keyboard\":[[]]}");

	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		cleanup_free char *body =
			fg_printf("{\"ok\":false,\"error_code\":%u,\"description\":\"%s\"}",
				table[i].status, table[i].description);
		struct outbox_message m = {.chat_id = 42,
			.thread = 7,
			.reply_to = 9,
			.html = "<b>a</b> &amp; b",
			.keyboard = keyboard};
		struct box b;

		box_begin(&b);
		refuse(table[i].method, table[i].status, body);
		put(&b, &m);
		box_run(&b);
		ok(drained(&b), "%s: done with", table[i].name);
		is_int(peer_count(NULL), table[i].then ? 2 : 1, "so many requests");
		if (table[i].then)
			is_str(peer_text(NULL, 1), table[i].then, "sent again without it");
		box_close(&b);
	}
}

static void test_left_out(void)
{
	struct outbox_message m = {.chat_id = 42, .thread = 7, .reply_to = 9, .html = "x"};
	const cJSON *p;
	struct box b;

	box_begin(&b);
	refuse("sendMessage", 400, NO("400", "Bad Request: message thread not found", ""));
	refuse("sendMessage", 400, NO("400", "Bad Request: message to be replied not found", ""));
	put(&b, &m);
	box_run(&b);
	ok(drained(&b), "two things left out, one after the other");
	p = peer_nth("sendMessage", 2)->params;
	ok(p && !fg_json_get(p, "message_thread_id") && !fg_json_get(p, "reply_parameters"),
		"both are gone in the end");
	box_close(&b);
}

static void test_migration(void)
{
	struct box b;

	box_begin(&b);
	refuse("sendMessage", 400,
		NO("400", "Bad Request: group chat was upgraded to a supergroup chat",
			",\"parameters\":{\"migrate_to_chat_id\":-1009876543210}"));
	say(&b, -5, "one");
	say(&b, -5, "two");
	box_run(&b);
	ok(drained(&b), "a group moved");
	is_int(peer_count("sendMessage"), 3, "nothing is sent twice");
	is_int(peer_nth("sendMessage", 1)->chat, -1009876543210, "its messages follow");
	is_str(peer_text("sendMessage", 1), "one", "in order, unmarked");
	is_str(peer_text("sendMessage", 2), "two", "to the last");
	box_close(&b);
}

static void test_limits(void)
{
	int64_t first;
	struct box b;

	box_begin(&b);
	limiter_configure(b.limiter, &(struct limiter_rates){100, 4, 1000});
	for (int i = 0; i < 6; i++)
		say(&b, -42, "x");
	box_run(&b);
	drained(&b);
	first = peer_nth("sendMessage", 0)->at_ms;
	ok(peer_nth("sendMessage", 5)->at_ms - first >= 1200, "the chat's rate is kept");
	box_close(&b);
}

static void test_flush(void)
{
	int64_t begun;
	struct box b;

	box_begin(&b);
	outbox_flush(b.ob, FG_NEVER);
	ok(true, "a flush of an outbox that does not run returns");
	box_run(&b);
	for (int i = 0; i < 50; i++)
		say(&b, i % 5 + 1, "x");
	outbox_flush(b.ob, fg_now_ms() + 20000);
	is_int(peer_count("sendMessage"), 50, "a flush waits until all is sent");
	limiter_hold(b.limiter, 42, fg_now_ms() + 3600000);
	say(&b, 42, "held");
	begun = fg_now_ms();
	outbox_flush(b.ob, fg_now_ms() + 60000);
	ok(fg_now_ms() - begun < 30000, "but not for what is held");
	peer_script((struct peer_answer){.method = "sendMessage", .delay_ms = 1000});
	say(&b, 43, "slow");
	begun = fg_now_ms();
	outbox_flush(b.ob, fg_now_ms() + 200);
	ok(outbox_depth(b.ob) == 2, "nor beyond its deadline");
	box_close(&b);
}

static void test_many(void)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_free char *text = fg_alloc(LARGE + 1);
	struct outbox_message m = {.html = text};
	struct rusage before, after;
	struct box b;

	box_begin(&b);
	memset(text, 'y', LARGE);
	fg_tx_begin(b.store, &tx, NULL);
	for (int i = 0; i < 10000; i++) {
		m.chat_id = i % 50 + 1;
		outbox_push(&tx, &m, NULL);
	}
	ok(fg_tx_commit(&tx, NULL) == 0 && outbox_depth(b.ob) == 10000, "10,000 messages wait");
	limiter_configure(b.limiter, &(struct limiter_rates){200, 10000, 100000});
	getrusage(RUSAGE_SELF, &before);
	box_run(&b);
	peer_await("sendMessage", 200);
	getrusage(RUSAGE_SELF, &after);
#if defined(__SANITIZE_ADDRESS__)
	skip("the sanitizer keeps freed memory");
#else
	ok(after.ru_maxrss - before.ru_maxrss < MEMORY_MOST,
		"they are not all loaded at once (%ld kB more)",
		after.ru_maxrss - before.ru_maxrss);
#endif
	box_close(&b);
}

static void all(void)
{
	test_order();
	test_parallel();
	test_priority();
	test_message_parts();
	test_file_refused();
	test_refusals();
	test_left_out();
	test_migration();
	test_limits();
	test_flush();
	test_many();
}

int main(void)
{
	return box_test(all);
}
