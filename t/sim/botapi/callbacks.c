/* Keeps the presses of buttons and whether the bot has answered them. */
#include "callbacks.h"

#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "control.h"

#define TEXT_MAX 200

struct callback {
	struct callback *next;
	char *id, *data, *text;
	int64_t user, chat, message, at_ms, answered_at_ms;
	uint64_t made;
	bool answered, alert, complained;
};

static struct callback *callbacks, **last = &callbacks;
static unsigned long long count;

const char *callback_new(int64_t user, int64_t chat, int64_t message, const char *data)
{
	struct callback *c = need(calloc(1, sizeof(*c)));

	c->id = text_format("%llu", 4000000000000000000ULL + ++count);
	c->data = copy_text(data);
	c->user = user;
	c->chat = chat;
	c->message = message;
	c->at_ms = server_wall();
	c->made = server_now();
	*last = c;
	last = &c->next;
	return c->id;
}

void callbacks_sweep(void)
{
	uint64_t now = server_now();

	for (struct callback *c = callbacks; c; c = c->next) {
		if (c->answered || c->complained || now < c->made + (uint64_t)settings.callback_ms)
			continue;
		c->complained = true;
		complain("callback", "answerCallbackQuery", "unanswered callback %s (%s)", c->id,
		        c->data);
	}
}

void callbacks_reset(void)
{
	struct callback *c;

	while ((c = callbacks)) {
		callbacks = c->next;
		free(c->id);
		free(c->data);
		free(c->text);
		free(c);
	}
	last = &callbacks;
}

void method_answer_callback(struct exchange *x, struct reply *r)
{
	const char *id = json_text(x->params, "callback_query_id"),
	           *text = json_text(x->params, "text");
	struct callback *c = callbacks;

	callbacks_sweep();
	while (c && !(id && strcmp(c->id, id) == 0))
		c = c->next;
	if (!c || c->answered || server_now() > c->made + (uint64_t)settings.callback_ttl_ms) {
		reply_fail(r, 400,
		        "Bad Request: query is too old and response timeout expired or query ID is "
		        "invalid");
		return;
	}
	if (text && text_points(text) > TEXT_MAX) {
		complain("limit", "answerCallbackQuery", "the text has %zu characters",
		        text_points(text));
		reply_fail(r, 400, "Bad Request: MESSAGE_TOO_LONG");
		return;
	}
	c->answered = true;
	c->answered_at_ms = server_wall();
	c->text = copy_text(text);
	c->alert = json_true(x->params, "show_alert");
	reply_true(r);
}

void control_callbacks(struct exchange *x)
{
	cJSON *list = need(cJSON_CreateArray()), *one;

	callbacks_sweep();
	for (const struct callback *c = callbacks; c; c = c->next) {
		one = need(cJSON_CreateObject());
		cJSON_AddStringToObject(one, "id", c->id);
		cJSON_AddNumberToObject(one, "user", (double)c->user);
		cJSON_AddNumberToObject(one, "chat_id", (double)c->chat);
		cJSON_AddNumberToObject(one, "message_id", (double)c->message);
		cJSON_AddStringToObject(one, "data", c->data);
		cJSON_AddNumberToObject(one, "at_ms", (double)c->at_ms);
		cJSON_AddBoolToObject(one, "answered", c->answered);
		if (c->answered) {
			cJSON_AddNumberToObject(one, "answered_at_ms", (double)c->answered_at_ms);
			cJSON_AddStringToObject(one, "text", c->text ? c->text : "");
			cJSON_AddBoolToObject(one, "show_alert", c->alert);
		}
		cJSON_AddItemToArray(list, one);
	}
	control_answer(x, 200, list);
}
