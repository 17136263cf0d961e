/* The command menu: told once, told again when it changes, and never with what Telegram would
 * refuse. */
#include "fleetgram/base/http.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/task.h"
#include "peer.h"
#include "scratch.h"
#include "telegram/menu.h"
#include "tap.h"

static void test_sync(struct telegram *tg, struct fg_store *store)
{
	static const struct menu_entry first[] = {{"list", "List the <containers>"},
		{"stop", "Stop\none"}, {"Bad", "x"}, {"empty", ""}};
	static const struct menu_entry second[] = {{"list", "List"}};
	const cJSON *commands;
	struct fg_err err;

	peer_script((struct peer_answer){
		.status = 400, .body = "{\"ok\":false,\"error_code\":400,\"description\":\"no\"}"});
	is_int(menu_sync(tg, store, 0, first, 4, &err), -1, "a refusal is an error");
	is_int(menu_sync(tg, store, 0, first, 4, &err), 1, "and the menu is told the next time");
	commands = fg_json_array(peer_nth("setMyCommands", 1)->params, "commands");
	is_int(cJSON_GetArraySize(commands), 3, "a bad name is left out");
	is_str(fg_json_str(cJSON_GetArrayItem(commands, 1), "description", ""), "Stop one",
		"a description is one line");
	is_str(fg_json_str(cJSON_GetArrayItem(commands, 2), "description", ""), "empty",
		"and never empty");
	is_int(menu_sync(tg, store, 0, first, 4, &err), 0, "the same menu is not told again");
	is_int(peer_count("setMyCommands"), 2, "really not");
	is_int(menu_sync(tg, store, 0, second, 1, &err), 1, "another one is");
	telegram_configure(tg, &(struct telegram_options){.token = "7000000002:AAx",
				       .api_url = peer.url,
				       .retry = {.attempts = 1},
				       .poll_timeout_ms = 1000});
	is_int(menu_sync(tg, store, 0, second, 1, &err), 1, "and so it is to another bot");
}

static void test_chats(struct telegram *tg, struct fg_store *store)
{
	static const struct menu_entry first[] = {{"list", "List"}}, second[] = {{"stop", "Stop"}};
	cleanup_free int64_t *chats = NULL;
	const cJSON *scope;
	struct fg_err err;
	int told = peer_count("setMyCommands");

	is_int(menu_sync(tg, store, -1001, first, 1, &err), 1, "a chat's own menu");
	scope = fg_json_object(peer_nth("setMyCommands", told)->params, "scope");
	is_str(fg_json_str(scope, "type", ""), "chat", "is the chat's");
	is_int(fg_json_i64(scope, "chat_id", 0), -1001, "and no other's");
	is_int(menu_sync(tg, store, -1001, first, 1, &err), 0, "is told once");
	is_int(menu_sync(tg, store, 7, first, 1, &err), 1, "each chat has its own");
	peer_script((struct peer_answer){.status = 400,
		.body = "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: chat not found\"}"});
	is_int(menu_sync(tg, store, 8, first, 1, &err), 1, "a chat that is not there is no error");
	is_int(menu_sync(tg, store, 8, first, 1, &err), 0, "and is not tried again");
	is_int(menu_sync(tg, store, 8, second, 1, &err), 1,
		"until there is something else to tell");
	ok(!menu_retry(store, 8) && !menu_retry(store, 9), "nobody has to be asked again");
	for (int i = 0; i < 2; i++)
		peer_script((struct peer_answer){.status = 403,
			.body = "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden: bot was blocked\"}"});
	is_int(menu_sync(tg, store, 8, first, 1, &err), 1, "but when a chat refuses,");
	ok(menu_retry(store, 8), "and somebody speaks there,");
	is_int(menu_sync(tg, store, 8, first, 1, &err), 1, "it is asked once more");
	ok(!menu_retry(store, 8), "only once");
	is_int(menu_sync(tg, store, 8, second, 1, &err), 1, "until there is something else again");
	is_int((int)menu_known(store, &chats), 3, "they are known");
	is_int(menu_forget(tg, store, 7, &err), 1, "one is taken away");
	is_int(peer_count("deleteMyCommands"), 1, "and Telegram told");
	is_int(menu_forget(tg, store, 7, &err), 0, "once");
}

struct retry {
	struct fg_store *store;
	int64_t chat;
};

static void retry_run(void *arg)
{
	struct retry *r = arg;

	menu_retry(r->store, r->chat);
}

/* What two tasks note at one time is noted of both. */
static void test_at_once(struct telegram *tg, struct fg_store *store)
{
	static const struct menu_entry first[] = {{"list", "List"}};
	struct retry both[] = {{store, 21}, {store, 22}};
	struct fg_task *tasks[2];
	struct fg_tx tx = {0};
	struct fg_err err;

	for (int i = 0; i < 2; i++) {
		peer_script((struct peer_answer){.status = 403,
			.body = "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden: bot was blocked\"}"});
		menu_sync(tg, store, both[i].chat, first, 1, &err);
	}
	ok(fg_tx_begin(store, &tx, &err) == 0, "while the store is taken,");
	for (int i = 0; i < 2; i++)
		tasks[i] = fg_task_spawn("retry", retry_run, &both[i]);
	fg_task_sleep(20, NULL);
	fg_tx_rollback(&tx);
	for (int i = 0; i < 2; i++)
		fg_task_join(tasks[i]);
	ok(!menu_retry(store, 21) && !menu_retry(store, 22), "two chats are noted, and both are kept");
}

static void run(void *arg)
{
	struct fg_store *store = scratch_store();
	struct telegram *tg;

	(void)arg;
	peer_start();
	tg = telegram_create(&(struct telegram_options){.token = "7000000001:AAx",
		.api_url = peer.url,
		.retry = {.attempts = 1},
		.poll_timeout_ms = 1000});
	test_sync(tg, store);
	test_chats(tg, store);
	test_at_once(tg, store);
	telegram_destroy(tg);
	fg_store_close(store);
	fg_http_finish();
	peer_stop();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	fg_log_finish();
	scratch_finish();
	return done_testing();
}
