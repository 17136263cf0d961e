/* Telling a chat that a command is at work. */
#include <stdlib.h>
#include "chat/typing.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "telegram/limiter.h"
#include "telegram/telegram.h"

#define AFTER_MS 1000
#define EVERY_MS 5000 /* as long as Telegram shows it */
#define CALL_MS 5000

struct typing {
	struct app *app;
	const struct reply *reply;
	struct fg_task *task;
};

static bool may_tell(const struct typing *t)
{
	struct telegram_health health;
	int64_t now = fg_now_ms();

	telegram_health(t->app->telegram, &health);
	return health.state == TELEGRAM_OK && limiter_held(t->app->limiter, 0) <= now &&
	       limiter_held(t->app->limiter, t->reply->chat_id) <= now;
}

static void tell(const struct typing *t)
{
	cleanup_json cJSON *params = cJSON_CreateObject();
	struct telegram_call call = {.method = "sendChatAction",
		.params = params,
		.single = true,
		.timeout_ms = CALL_MS};
	struct fg_err err;

	fg_json_set_i64(params, "chat_id", t->reply->chat_id);
	if (t->reply->thread)
		fg_json_set_i64(params, "message_thread_id", t->reply->thread);
	cJSON_AddStringToObject(params, "action", "typing");
	cJSON_Delete(telegram_call(t->app->telegram, &call, &err));
}

static void typing_task(void *arg)
{
	const struct typing *t = arg;
	int64_t wait = AFTER_MS;

	while (fg_task_sleep(wait, NULL) == 0 && !t->reply->shown) {
		if (may_tell(t))
			tell(t);
		wait = EVERY_MS;
	}
}

struct typing *typing_begin(struct command *c)
{
	struct typing *t;

	if (!c->app->telegram || !c->chat_id)
		return NULL;
	t = fg_alloc(sizeof(*t));
	t->app = c->app;
	t->reply = c->reply;
	t->task = fg_task_spawn("typing", typing_task, t);
	return t;
}

void typing_end(struct typing *t)
{
	if (!t)
		return;
	fg_task_cancel(t->task);
	fg_task_join(t->task);
	free(t);
}
