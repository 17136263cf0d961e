/* Takes the bot's requests: token, method, faults, limits, table, and at last the method itself. */
#include "bot.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "callbacks.h"
#include "calls.h"
#include "faults.h"
#include "flood.h"
#include "methods.h"
#include "table.h"
#include "updates.h"

#define AFTER_401_GRACE_MS 200 /* what was on its way already is no offence */

static const struct method {
	const char *name;
	void (*run)(struct exchange *x, struct reply *r);
	bool counts; /* towards the flood limits */
} methods[] = {
        {"answerCallbackQuery", method_answer_callback, false},
        {"copyMessage", NULL, true},
        {"createForumTopic", method_create_topic, false},
        {"deleteForumTopic", method_delete_topic, false},
        {"deleteMessage", method_delete_message, false},
        {"deleteMessages", method_delete_messages, false},
        {"deleteMyCommands", method_delete_commands, false},
        {"deleteWebhook", method_delete_webhook, false},
        {"editMessageCaption", method_edit_caption, true},
        {"editMessageMedia", NULL, true},
        {"editMessageReplyMarkup", method_edit_markup, true},
        {"editMessageText", method_edit_text, true},
        {"forwardMessage", NULL, true},
        {"getChat", method_get_chat, false},
        {"getFile", method_get_file, false},
        {"getMe", method_get_me, false},
        {"getMyCommands", method_get_commands, false},
        {"getUpdates", method_get_updates, false},
        {"getWebhookInfo", method_get_webhook_info, false},
        {"sendChatAction", method_send_chat_action, true},
        {"sendDocument", method_send_document, true},
        {"sendMediaGroup", NULL, true},
        {"sendMessage", method_send_message, true},
        {"sendPhoto", method_send_photo, true},
        {"sendVoice", NULL, true},
        {"setMyCommands", method_set_commands, false},
        {"setWebhook", method_set_webhook, false},
};

static const struct settings defaults = {.callback_ms = 10000, .callback_ttl_ms = 150000};

struct settings settings = {.callback_ms = 10000, .callback_ttl_ms = 150000};

static const char *token;
static uint64_t refused_at; /* when a 401 was given; 0 for never */

void bot_start(const char *its_token)
{
	token = its_token;
}

void bot_forget_refusals(void)
{
	refused_at = 0;
	refusals_reset();
}

void bot_reset(void)
{
	settings = defaults;
	refused_at = 0;
	flood_reset();
	callbacks_reset();
	commands_reset();
	calls_reset();
	updates_reset();
	world_reset();
	faults_clear();
}

cJSON *bot_user(void)
{
	cJSON *user = need(cJSON_CreateObject());

	cJSON_AddNumberToObject(user, "id", (double)strtoll(token, NULL, 10));
	cJSON_AddTrueToObject(user, "is_bot");
	cJSON_AddStringToObject(user, "first_name", "Sim");
	cJSON_AddStringToObject(user, "username", "sim_bot");
	return user;
}

void reply_fail(struct reply *r, int code, const char *fmt, ...)
{
	va_list ap;

	free(r->description);
	va_start(ap, fmt);
	r->description = text_vformat(fmt, ap);
	va_end(ap);
	r->code = code;
}

void reply_true(struct reply *r)
{
	r->result = need(cJSON_CreateTrue());
}

static int64_t chat_of(const struct exchange *x)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(x->params, "chat_id");
	const char *name = cJSON_GetStringValue(id);
	const struct chat *chat = name && *name == '@' ? chat_find_name(name) : NULL;

	return chat ? chat->id : json_int(id, 0);
}

static cJSON *reply_json(struct reply *r)
{
	cJSON *json = need(cJSON_CreateObject()), *parameters;

	cJSON_AddBoolToObject(json, "ok", r->code == 200);
	if (r->code == 200) {
		cJSON_AddItemToObject(json, "result", r->result ? r->result : cJSON_CreateTrue());
		r->result = NULL;
		return json;
	}
	cJSON_AddNumberToObject(json, "error_code", r->code);
	cJSON_AddStringToObject(
	        json, "description", r->description ? r->description : "Internal Server Error");
	if (r->retry_after || r->migrate_to) {
		parameters = cJSON_AddObjectToObject(json, "parameters");
		if (r->retry_after)
			cJSON_AddNumberToObject(parameters, "retry_after", (double)r->retry_after);
		if (r->migrate_to)
			cJSON_AddNumberToObject(
			        parameters, "migrate_to_chat_id", (double)r->migrate_to);
	}
	return json;
}

static struct answer answer_json(const cJSON *json, struct reply *r)
{
	char *text = need(cJSON_PrintUnformatted(json));
	struct answer answer = {.status = (unsigned)r->code, .body = text_ascii(text)};

	answer.size = strlen(answer.body);
	answer.retry_after = r->code == 429 ? r->retry_after : 0;
	free(text);
	return answer;
}

static void replace_body(struct answer *answer, unsigned status, const char *type, const char *body)
{
	free(answer->body);
	*answer = (struct answer){
	        .status = status, .type = type, .body = copy_text(body), .size = strlen(body)};
}

static void spoil(const struct exchange *x, struct answer *answer)
{
	switch (x->fault->action) {
	case FAULT_EMPTY:
		replace_body(answer, 200, NULL, "");
		break;
	case FAULT_GARBAGE:
		replace_body(
		        answer, 200, "text/plain", "{\"ok\":tru\x01 <!-- not what was asked for");
		break;
	case FAULT_HTML:
		replace_body(answer, 502, "text/html",
		        "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
		        "<center><h1>502 Bad "
		        "Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n"
		        "</body>\r\n</html>\r\n");
		break;
	case FAULT_RESET:
		answer->ending = ENDING_DROPPED;
		break;
	case FAULT_TRUNCATE:
		answer->ending = ENDING_TRUNCATED;
		break;
	case FAULT_ERROR:
	case FAULT_HANG:
	case FAULT_SLOW:
		break;
	}
}

static void give_later(struct exchange *x)
{
	struct answer answer = x->later;

	x->later = (struct answer){0};
	exchange_answer(x, answer);
}

static void deliver(struct exchange *x, struct answer answer)
{
	if (x->fault)
		spoil(x, &answer);
	x->poke = NULL;
	if (x->fault && x->fault->action == FAULT_HANG) {
		free(answer.body);
		exchange_park(x, 0, NULL);
	} else if (x->delay_ms > 0) {
		x->later = answer;
		exchange_park(x, server_now() + (uint64_t)x->delay_ms, give_later);
	} else {
		exchange_answer(x, answer);
	}
}

void bot_finish(struct exchange *x, struct reply *r)
{
	cJSON *json = reply_json(r);
	struct answer answer = answer_json(json, r);
	int64_t chat = chat_of(x);

	if (r->code == 429)
		refusal_note(x->method, chat, x->params, r->retry_after);
	if (r->code == 401 && !refused_at)
		refused_at = server_now();
	calls_record((struct call){.method = (char *)(uintptr_t)x->method,
	        .chat_id = chat,
	        .params = calls_uploads(x),
	        .code = r->code,
	        .ok = r->code == 200,
	        .answer = json,
	        .fault = x->fault ? x->fault->name : NULL});
	deliver(x, answer);
	cJSON_Delete(r->result);
	free(r->description);
	*r = (struct reply){0};
}

/* A fault that strikes before the call has any effect: what the client gets is all there is. */
static void fail_before(struct exchange *x, const struct fault *fault, struct reply *r)
{
	if (fault->kind->action == FAULT_ERROR) {
		const char *text = fault->description;

		r->retry_after = fault->retry_after;
		if (text)
			reply_fail(r, fault->code, "%s", text);
		else if (fault->code == 429)
			reply_fail(r, 429, "Too Many Requests: retry after %lld",
			        (long long)fault->retry_after);
		else
			reply_fail(r, fault->code, "%s",
			        fault->code == 401 ? "Unauthorized" : "Internal Server Error");
		bot_finish(x, r);
		return;
	}
	calls_record((struct call){.method = (char *)(uintptr_t)x->method,
	        .chat_id = chat_of(x),
	        .params = calls_uploads(x),
	        .code = fault->code,
	        .fault = fault->kind->name});
	deliver(x, (struct answer){.status = 200});
}

static void too_many(struct reply *r, int64_t seconds)
{
	r->retry_after = seconds;
	reply_fail(r, 429, "Too Many Requests: retry after %lld", (long long)seconds);
}

static void check_refused(const char *method)
{
	if (refused_at && server_now() > refused_at + AFTER_401_GRACE_MS)
		complain("unauthorized", method, "a request after a 401");
}

/* Whether the call comes too early, or too often; then r says so. */
static bool is_held_back(struct exchange *x, struct reply *r)
{
	bool offence;
	int64_t left = refusal_left(x->method, chat_of(x), x->params, &offence);

	if (!left)
		return false;
	if (offence)
		complain("retry", x->method, "retried %lld ms before the retry_after was over",
		        (long long)left);
	too_many(r, (left + 999) / 1000);
	return true;
}

static bool is_flooding(struct exchange *x, const struct method *method, struct reply *r)
{
	int64_t chat = chat_of(x),
	        wait = method && method->counts ? flood_check(chat_find(chat)) : 0;

	if (!wait)
		return false;
	if (settings.strict)
		complain("flood", x->method, "more than the limits allow in chat %lld",
		        (long long)chat);
	too_many(r, wait);
	return true;
}

static const struct method *find_method(const char *name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (strcmp(methods[i].name, name) == 0)
			return &methods[i];
	return NULL;
}

static void run_method(struct exchange *x)
{
	const struct method *method = find_method(x->method);
	bool fits = table_check(x, x->method) == 0;
	struct reply r = {.code = 200};
	const struct fault *fault;

	check_refused(x->method);
	if (is_held_back(x, &r)) {
		/* Such a call uses up no fault. */
		bot_finish(x, &r);
		return;
	}
	fault = fault_take(x->method, chat_of(x));
	if (fault) {
		x->fault = fault->kind;
		x->delay_ms = fault->delay_ms;
	}
	if (fault && !fault->effect) {
		fail_before(x, fault, &r);
		return;
	}
	if (is_flooding(x, method, &r))
		;
	else if (settings.strict && !fits)
		reply_fail(&r, 400, "Bad Request: the parameters do not fit the method");
	else if (method && method->run)
		method->run(x, &r);
	else
		reply_true(&r);
	if (!r.parked)
		bot_finish(x, &r);
}

static void refuse_plainly(struct exchange *x, int code, const char *description)
{
	struct reply r = {0};
	cJSON *json;

	reply_fail(&r, code, "%s", description);
	json = reply_json(&r);
	exchange_answer(x, answer_json(json, &r));
	cJSON_Delete(json);
	free(r.description);
}

static bool is_token(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && isdigit((unsigned char)s[i]))
		i++;
	if (!i || i == n || s[i] != ':' || i + 1 == n)
		return false;
	for (i++; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '-')
			return false;
	return true;
}

/* The rest of the path after "/bot<token>/"; NULL when the request has been refused. */
static const char *check_token(struct exchange *x, const char *path)
{
	const char *slash = strchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (!slash || !is_token(path, n)) {
		refuse_plainly(x, 404, "Not Found");
		return NULL;
	}
	if (strlen(token) == n && memcmp(token, path, n) == 0)
		return slash + 1;
	check_refused(slash + 1);
	if (!refused_at)
		refused_at = server_now();
	refuse_plainly(x, 401, "Unauthorized");
	return NULL;
}

void bot_route(struct exchange *x)
{
	const char *name = check_token(x, x->path + 4);

	if (!name)
		return;
	x->method = table_method(name);
	if (!x->method) {
		complain("method", name, "there is no such method");
		refuse_plainly(x, 404, "Not Found: method not found");
	} else if (x->too_big) {
		complain("limit", x->method, "the request is too large");
		refuse_plainly(x, 413, "Request Entity Too Large");
	} else {
		run_method(x);
	}
}

void bot_file(struct exchange *x)
{
	const char *path = check_token(x, x->path + 9);
	const struct file *file = path ? file_find_path(path) : NULL;
	struct buf copy = {0};

	if (!path)
		return;
	if (!file) {
		refuse_plainly(x, 404, "Not Found");
		return;
	}
	buf_add(&copy, file->data.data, file->data.len);
	exchange_answer(
	        x, (struct answer){
	                   .status = 200, .type = file->type, .body = copy.data, .size = copy.len});
}
