/* Routes the control side and serves its small requests. */
#include "control.h"

#include <stdlib.h>
#include <string.h>

#include "callbacks.h"
#include "calls.h"
#include "faults.h"
#include "methods.h"
#include "table.h"
#include "updates.h"

static void control_limits(struct exchange *x);
static void control_state(struct exchange *x);
static void control_reset(struct exchange *x);
static void control_clear_faults(struct exchange *x);

/* A key that is not listed is refused, so that a misspelt test does not pass for the wrong reason.
 */
static const struct route {
	const char *path, *verb, *keys;
	void (*run)(struct exchange *x);
} routes[] = {
        {"callbacks", "GET", "", control_callbacks},
        {"calls", "GET", "after chat_id method wait_ms", control_calls},
        {"chat", "POST", "chat_id first_name is_forum migrate_to state threads title type username",
                control_chat},
        {"clear_faults", "POST", "", control_clear_faults},
        {"complaints", "GET", "", control_complaints},
        {"fault", "POST", "chat_id code count delay_ms description effect kind method retry_after",
                control_fault},
        {"file", "GET", "file_id", control_file},
        {"limits", "POST",
                "callback_ms callback_ttl_ms chat_burst chat_per_second global_per_second "
                "group_per_minute "
                "privacy strict",
                control_limits},
        {"messages", "GET", "by chat_id", control_messages},
        {"press", "POST", "button chat_id data message_id user", control_press},
        {"reset", "POST", "", control_reset},
        {"say", "POST", "chat date edited extra message_id reply_to sender_chat text thread user",
                control_say},
        {"state", "GET", "", control_state},
        {"update", "POST", "*", control_update},
};

void control_answer(struct exchange *x, unsigned status, cJSON *answer)
{
	char *text = need(cJSON_PrintUnformatted(answer));

	cJSON_Delete(answer);
	exchange_answer(x, (struct answer){.status = status, .body = text, .size = strlen(text)});
}

void control_fail(struct exchange *x, unsigned status, const char *fmt, ...)
{
	cJSON *answer = need(cJSON_CreateObject());
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	cJSON_AddStringToObject(answer, "error", text);
	free(text);
	control_answer(x, status, answer);
}

void control_done(struct exchange *x)
{
	cJSON *answer = need(cJSON_CreateObject());

	cJSON_AddTrueToObject(answer, "ok");
	control_answer(x, 200, answer);
}

static bool is_listed(const char *keys, const char *key)
{
	size_t n = strlen(key);

	if (*keys == '*')
		return true;
	for (const char *p = keys; (p = strstr(p, key)); p += n)
		if ((p == keys || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

void control_route(struct exchange *x)
{
	const char *name = x->path + strlen("/sim/");
	const struct route *route = NULL;
	const cJSON *param;

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (strcmp(routes[i].path, name) == 0)
			route = &routes[i];
	if (!route) {
		control_fail(x, 404, "no such control path: %s", name);
		return;
	}
	if (strcmp(route->verb, x->verb) != 0) {
		control_fail(x, 405, "%s takes %s", name, route->verb);
		return;
	}
	if (x->bad_json) {
		control_fail(x, 400, "the body is no JSON object");
		return;
	}
	cJSON_ArrayForEach (param, x->params)
		if (!is_listed(route->keys, param->string)) {
			control_fail(x, 400, "%s has no %s", name, param->string);
			return;
		}
	route->run(x);
}

static void set_integer(const struct exchange *x, const char *key, int64_t *value)
{
	*value = json_int_of(x->params, key, *value);
}

static void control_limits(struct exchange *x)
{
	const cJSON *rate = cJSON_GetObjectItemCaseSensitive(x->params, "chat_per_second");

	set_integer(x, "callback_ms", &settings.callback_ms);
	set_integer(x, "callback_ttl_ms", &settings.callback_ttl_ms);
	set_integer(x, "chat_burst", &settings.chat_burst);
	set_integer(x, "global_per_second", &settings.global_per_second);
	set_integer(x, "group_per_minute", &settings.group_per_minute);
	if (cJSON_IsNumber(rate))
		settings.chat_per_second = rate->valuedouble;
	if (cJSON_HasObjectItem(x->params, "privacy"))
		settings.privacy = json_true(x->params, "privacy");
	if (cJSON_HasObjectItem(x->params, "strict"))
		settings.strict = json_true(x->params, "strict");
	control_done(x);
}

static void control_state(struct exchange *x)
{
	cJSON *state = need(cJSON_CreateObject());

	updates_state(state);
	cJSON_AddItemToObject(state, "commands", commands_json());
	cJSON_AddItemToObject(state, "faults", faults_json());
	cJSON_AddNumberToObject(state, "last_call", (double)calls_last());
	control_answer(x, 200, state);
}

static void control_reset(struct exchange *x)
{
	exchange_drop_hung();
	bot_reset();
	control_done(x);
}

static void control_clear_faults(struct exchange *x)
{
	faults_clear();
	bot_forget_refusals();
	exchange_drop_hung();
	control_done(x);
}
