/*
 * Whatever comes as an update, to a bot whose engine and Telegram cannot be reached: no crash, no hang, no leak, and only
 * who is known is answered. Besides raw bytes there are updates of every kind, made from the table of the Bot API's types.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "app.h"
#include "chat/confirm.h"
#include "chat/inbox.h"
#include "chat/router.h"
#include "chat/strangers.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "http/health.h"
#include "schedule.h"
#include "shapes.h"
#include "telegram/keyboard.h"
#include "telegram/limiter.h"
#include "telegram/moves.h"
#include "telegram/outbox.h"
#include "telegram/telegram.h"

#define KNOWN 1001	/* the only user in the config */
#define GROUP (-100777)	/* the only chat: everybody there is a viewer */
#define PATIENCE_MS 8000	/* a command that takes longer hangs */

static const char config_text[] =
	"{\"telegram\":{\"token\":\"1:fuzz\",\"api_url\":\"http://127.0.0.1:1\",\"unknown_users\":\"ignore\","
	"\"retry\":{\"attempts\":1,\"min_delay\":\"1ms\",\"max_delay\":\"1s\",\"jitter\":0}},"
	"\"users\":[{\"id\":1001,\"name\":\"ops\",\"role\":\"admin\"}],"
	"\"chats\":[{\"id\":-100777,\"role\":\"viewer\"}],\"exec\":{\"enabled\":true},"
	"\"hosts\":{\"local\":{\"url\":\"unix:///nonexistent/docker.sock\",\"timeout\":\"1s\"}},"
	"\"templates\":{\"demo\":{\"image\":\"busybox\",\"parameters\":{\"P\":{\"default\":\"1\"}}}},"
	"\"http\":{\"listen\":\"\"},\"log\":{\"level\":\"error\"},\"state_dir\":\"%s\"}";

static struct app app;
static char folder[] = "/tmp/fuzz-updates-XXXXXX";

struct input {
	const uint8_t *data;
	size_t size;
};

static struct shapes shapes;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);

static void need(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

static void remove_folder(void)
{
	static const char *const files[] = {"config.json", "fleetgram.db", "fleetgram.db-shm", "fleetgram.db-wal", "lock"};
	char path[64];

	for (size_t i = 0; i < FG_ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

static void open_app(void)
{
	static char path[64];
	struct telegram_options options = {0};
	struct limiter_rates rates = {.global_per_second = 30, .chat_per_second = 1, .group_per_minute = 20};
	struct fg_err err;
	FILE *out;

	need(mkdtemp(folder) != NULL, "no folder");
	atexit(remove_folder);
	snprintf(path, sizeof(path), "%s/config.json", folder);
	out = fopen(path, "w");
	need(out && fprintf(out, config_text, folder) > 0 && fclose(out) == 0, "no config");
	need(app_open(&app, path, &err) == 0, err.text);
	options.token = app.setup->config->telegram.token;
	options.api_url = app.setup->config->telegram.api_url;
	options.retry = app.setup->config->telegram.retry;
	options.poll_timeout_ms = 1000;
	app.telegram = telegram_create(&options);
	app.limiter = limiter_create(&rates);
	app.outbox = outbox_create(app.store, app.telegram, app.limiter, &err);
	need(app.outbox && keyboard_setup(app.store, &err) == 0 && confirm_setup(app.store, &err) == 0 &&
			strangers_setup(app.store, &err) == 0 && schedule_setup(app.store, &err) == 0,
		err.text);
	app.inbox = inbox_create(&app, &router_handlers, &err);
	need(app.inbox != NULL, err.text);
}

/* The chat that may be answered; 0: none. */
static int64_t chat_of_known(const cJSON *update)
{
	static const char *const others[] = {"sender_chat", "via_bot", "forward_origin", "forward_date", "is_automatic_forward"};
	const cJSON *query = fg_json_object(update, "callback_query"), *message = fg_json_object(update, "message");
	const cJSON *from = fg_json_object(message ? message : query, "from");
	const cJSON *chat = fg_json_object(message ? message : fg_json_object(query, "message"), "chat");
	int64_t user = fg_json_i64(from, "id", 0), id = fg_json_i64(chat, "id", 0);

	if (user != KNOWN && (user <= 0 || id != GROUP))
		return 0;
	if (fg_json_bool(from, "is_bot", false) || (message && strcmp(fg_json_str(chat, "type", ""), "channel") == 0))
		return 0;
	for (size_t i = 0; message && i < FG_ARRAY_LEN(others); i++)
		if (fg_json_get(message, others[i]))
			return 0;
	return id;
}

static void check_answers(const cJSON *update)
{
	int64_t others = fg_store_i64(app.store, -1, "SELECT count(*) FROM outbox WHERE chat != ?", "i", chat_of_known(update));

	need(others == 0, "somebody was answered who is not known");
	need(fg_store_i64(app.store, -1, "SELECT count(*) FROM updates WHERE state != 2", "") == 0, "the update is not done");
}

static void forget(void)
{
	static const char *const tables[] = {"updates", "outbox", "confirms", "strangers", "outbox_sent",
		"outbox_parked", "chat_moves", "grants", "schedules", "schedule_runs", "buttons"};

	for (size_t i = 0; i < FG_ARRAY_LEN(tables); i++) {
		char sql[64];

		snprintf(sql, sizeof(sql), "DELETE FROM %s", tables[i]);
		need(fg_store_exec(app.store, NULL, sql, "") >= 0, "the store cannot be emptied");
	}
	need(moves_load(app.store, NULL) == 0, "the moves cannot be forgotten");
}

static void run(void *arg)
{
	const struct input *in = arg;
	cleanup_json cJSON *update = NULL, *list = NULL;
	struct fg_err err;
	int64_t deadline = fg_now_ms() + PATIENCE_MS;

	if (!app.store)
		open_app();
	app.health = health_create(&app); /* it has a timer, which belongs to the loop */
	update = fg_json_parse((const char *)in->data, in->size, &err);
	if (cJSON_IsObject(update)) {
		list = cJSON_CreateArray();
		cJSON_DeleteItemFromObjectCaseSensitive(update, "update_id");
		fg_json_set_i64(update, "update_id", 1);
		cJSON_AddItemToArray(list, cJSON_Duplicate(update, true));
		need(inbox_take(app.inbox, list, &err) == 0, "the update is not taken");
		inbox_drain(app.inbox, deadline);
		need(fg_now_ms() < deadline, "a command hangs");
		check_answers(update);
		forget();
	}
	/* What answers pressed buttons has nobody to talk to. */
	fg_task_cancel_all();
	while (fg_task_count() > 1)
		fg_task_sleep(1, NULL);
	health_destroy(app.health);
	fg_http_finish();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	fg_loop_run("fuzz", run, &in);
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	cleanup_json cJSON *update = NULL;
	cleanup_json_text char *text = NULL;
	struct fg_err err;
	size_t way, n;

	if (!shapes.table)
		shapes_load(&shapes, SIM_TABLE);
	shapes.seed = seed;
	way = shapes_below(&shapes, 4);
	if (way == 0)
		return LLVMFuzzerMutate(data, size, most);
	if (way == 1)
		update = fg_json_parse((const char *)data, size, &err);
	if (update)
		shapes_twist(&shapes, update);
	else
		update = shapes_update(&shapes);
	text = fg_json_print(update);
	n = strlen(text);
	if (n > most)
		return LLVMFuzzerMutate(data, size, most);
	memcpy(data, text, n);
	return n;
}
