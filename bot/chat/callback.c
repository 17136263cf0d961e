/* Answers to pressed buttons. */
#include "chat/callback.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "telegram/telegram.h"

struct answer {
	struct telegram *telegram;
	cJSON *params;
};

static void answer_run(void *arg)
{
	struct answer *answer = arg;
	struct telegram_call call = {
		.method = "answerCallbackQuery",
		.params = answer->params,
	};
	struct fg_err err;
	cJSON *result = telegram_call(answer->telegram, &call, &err);

	if (!result)
		fg_debug("a pressed button was not answered: %s", err.text);
	cJSON_Delete(result);
	cJSON_Delete(answer->params);
	free(answer);
}

void callback_answer(struct app *app, const char *callback_id, const char *text)
{
	struct answer *answer = fg_alloc(sizeof(*answer));

	answer->telegram = app->telegram;
	answer->params = cJSON_CreateObject();
	cJSON_AddStringToObject(answer->params, "callback_query_id", callback_id);
	if (text)
		cJSON_AddStringToObject(answer->params, "text", text);
	fg_task_start("answer to a button", answer_run, answer);
}
