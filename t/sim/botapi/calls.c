/* Keeps the log of calls and complaints, and answers those who wait for a call. */
#include "calls.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "callbacks.h"
#include "control.h"

#define COMPLAINTS_MAX 5000
#define WAIT_MAX_MS 60000

static struct {
	struct call *all;
	size_t count, room;
	uint64_t seq;
	cJSON *complaints;
} log_;

uint64_t calls_record(struct call call)
{
	if (log_.count == log_.room) {
		log_.room = log_.room ? log_.room * 2 : 256;
		log_.all = need(realloc(log_.all, log_.room * sizeof(*log_.all)));
	}
	call.seq = ++log_.seq;
	call.at_ms = server_wall();
	call.method = copy_text(call.method);
	log_.all[log_.count++] = call;
	exchange_poke_all();
	return call.seq;
}

uint64_t calls_last(void)
{
	return log_.seq;
}

void calls_reset(void)
{
	for (size_t i = 0; i < log_.count; i++) {
		free(log_.all[i].method);
		cJSON_Delete(log_.all[i].params);
		cJSON_Delete(log_.all[i].answer);
	}
	free(log_.all);
	cJSON_Delete(log_.complaints);
	log_.all = NULL;
	log_.count = log_.room = 0;
	log_.complaints = NULL;
}

cJSON *calls_uploads(const struct exchange *x)
{
	cJSON *params = need(cJSON_Duplicate(x->params, true));

	for (const struct upload *part = x->uploads; part; part = part->next) {
		cJSON *file = need(cJSON_CreateObject());

		cJSON_AddStringToObject(file, "file_name", part->filename);
		cJSON_AddNumberToObject(file, "size", (double)part->data.len);
		cJSON_AddStringToObject(file, "content_type", part->type ? part->type : "");
		cJSON_DeleteItemFromObjectCaseSensitive(params, part->field);
		cJSON_AddItemToObject(params, part->field, file);
	}
	return params;
}

void complain(const char *kind, const char *method, const char *fmt, ...)
{
	cJSON *one;
	va_list ap;
	char *text;

	if (!log_.complaints)
		log_.complaints = need(cJSON_CreateArray());
	if (cJSON_GetArraySize(log_.complaints) >= COMPLAINTS_MAX)
		return;
	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	one = need(cJSON_CreateObject());
	cJSON_AddNumberToObject(one, "at_ms", (double)server_wall());
	cJSON_AddNumberToObject(one, "after", (double)log_.seq);
	cJSON_AddStringToObject(one, "kind", kind);
	cJSON_AddStringToObject(one, "method", method ? method : "");
	cJSON_AddStringToObject(one, "text", text);
	cJSON_AddItemToArray(log_.complaints, one);
	free(text);
}

static bool wanted(const struct call *call, const cJSON *filter)
{
	const char *method = json_text(filter, "method");
	const cJSON *chat = cJSON_GetObjectItemCaseSensitive(filter, "chat_id");

	if (call->seq <= (uint64_t)json_int_of(filter, "after", 0))
		return false;
	if (chat && call->chat_id != json_int(chat, 0))
		return false;
	if (method && *method)
		return strcasecmp(method, call->method) == 0;
	return strcmp(call->method, "getUpdates") != 0;
}

static cJSON *call_json(const struct call *call)
{
	const cJSON *result = cJSON_GetObjectItemCaseSensitive(call->answer, "result");
	cJSON *one = need(cJSON_CreateObject());

	cJSON_AddNumberToObject(one, "seq", (double)call->seq);
	cJSON_AddNumberToObject(one, "at_ms", (double)call->at_ms);
	cJSON_AddStringToObject(one, "method", call->method);
	if (call->chat_id)
		cJSON_AddNumberToObject(one, "chat_id", (double)call->chat_id);
	cJSON_AddItemToObject(one, "params", cJSON_Duplicate(call->params, true));
	cJSON_AddNumberToObject(one, "code", call->code);
	cJSON_AddBoolToObject(one, "ok", call->ok);
	cJSON_AddItemToObject(
	        one, "result", result ? cJSON_Duplicate(result, true) : cJSON_CreateNull());
	if (json_text(call->answer, "description"))
		cJSON_AddStringToObject(one, "description", json_text(call->answer, "description"));
	if (call->fault)
		cJSON_AddStringToObject(one, "fault", call->fault);
	return one;
}

static void give_calls(struct exchange *x, bool even_none)
{
	uint64_t after = (uint64_t)json_int_of(x->params, "after", 0);
	cJSON *list, *answer;
	size_t i = log_.count;
	bool any = false;

	while (i > 0 && log_.all[i - 1].seq > after)
		any = wanted(&log_.all[--i], x->params) || any;
	if (!any && !even_none)
		return;
	list = need(cJSON_CreateArray());
	for (; i < log_.count; i++)
		if (wanted(&log_.all[i], x->params))
			cJSON_AddItemToArray(list, call_json(&log_.all[i]));
	answer = need(cJSON_CreateObject());
	cJSON_AddItemToObject(answer, "calls", list);
	cJSON_AddNumberToObject(answer, "last", (double)log_.seq);
	control_answer(x, 200, answer);
}

static void on_poke(struct exchange *x)
{
	give_calls(x, false);
}

static void on_deadline(struct exchange *x)
{
	give_calls(x, true);
}

void control_calls(struct exchange *x)
{
	int64_t wait = json_int_of(x->params, "wait_ms", 0);

	if (wait > WAIT_MAX_MS)
		wait = WAIT_MAX_MS;
	give_calls(x, wait <= 0);
	if (x->ready)
		return;
	x->poke = on_poke;
	exchange_park(x, server_now() + (uint64_t)wait, on_deadline);
}

void control_complaints(struct exchange *x)
{
	callbacks_sweep();
	if (!log_.complaints)
		log_.complaints = need(cJSON_CreateArray());
	control_answer(x, 200, need(cJSON_Duplicate(log_.complaints, true)));
}
