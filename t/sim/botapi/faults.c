/* Keeps the list of faults and decides which call gets which. */
#include "faults.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"

static const struct fault_kind kinds[] = {
        {.name = "429", .action = FAULT_ERROR, .code = 429},
        {.name = "empty", .action = FAULT_EMPTY, .code = 200},
        {.name = "error", .action = FAULT_ERROR, .code = 500},
        {.name = "garbage", .action = FAULT_GARBAGE, .code = 200},
        {.name = "hang", .action = FAULT_HANG},
        {.name = "hang_after", .action = FAULT_HANG, .effect = true},
        {.name = "html502", .action = FAULT_HTML, .code = 502},
        {.name = "reset", .action = FAULT_RESET},
        {.name = "reset_after", .action = FAULT_RESET, .effect = true},
        {.name = "slow", .action = FAULT_SLOW, .effect = true},
        {.name = "truncate", .action = FAULT_TRUNCATE, .effect = true},
};

static struct fault *faults, *spent;

static void free_fault(struct fault *fault)
{
	if (!fault)
		return;
	free(fault->method);
	free(fault->description);
	free(fault);
}

static bool fits(const struct fault *fault, const char *method, int64_t chat)
{
	bool other = fault->method[0] == '!';

	if (!fault->any_chat && fault->chat_id != chat)
		return false;
	return (fnmatch(fault->method + other, method, FNM_CASEFOLD) == 0) != other;
}

const struct fault *fault_take(const char *method, int64_t chat)
{
	struct fault **at, *fault;

	for (at = &faults; (fault = *at); at = &fault->next)
		if (fits(fault, method, chat))
			break;
	if (!fault || fault->left < 0 || --fault->left > 0)
		return fault;
	*at = fault->next;
	free_fault(spent);
	spent = fault;
	spent->next = NULL;
	return fault;
}

void faults_clear(void)
{
	struct fault *fault;

	while ((fault = faults)) {
		faults = fault->next;
		free_fault(fault);
	}
	free_fault(spent);
	spent = NULL;
}

static const struct fault_kind *find_kind(const char *name)
{
	for (size_t i = 0; name && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

void control_fault(struct exchange *x)
{
	const cJSON *kind_item = cJSON_GetObjectItemCaseSensitive(x->params, "kind");
	const cJSON *chat = cJSON_GetObjectItemCaseSensitive(x->params, "chat_id");
	const cJSON *effect = cJSON_GetObjectItemCaseSensitive(x->params, "effect");
	const char *method = json_text(x->params, "method");
	const struct fault_kind *kind =
	        find_kind(json_int(kind_item, 0) == 429 ? "429" : cJSON_GetStringValue(kind_item));
	struct fault *fault, **tail = &faults;

	if (!kind) {
		control_fail(x, 400, "no such kind of fault");
		return;
	}
	fault = need(calloc(1, sizeof(*fault)));
	fault->kind = kind;
	fault->method = copy_text(method ? method : "*");
	fault->description = copy_text(json_text(x->params, "description"));
	fault->any_chat = !chat;
	fault->chat_id = json_int(chat, 0);
	fault->effect = effect ? cJSON_IsTrue(effect) : kind->effect;
	fault->left = json_int_of(x->params, "count", 1);
	fault->retry_after = json_int_of(x->params, "retry_after", kind->code == 429 ? 1 : 0);
	fault->delay_ms = json_int_of(x->params, "delay_ms", 0);
	fault->code = (int)json_int_of(x->params, "code", kind->code);
	while (*tail)
		tail = &(*tail)->next;
	*tail = fault;
	control_done(x);
}

cJSON *faults_json(void)
{
	cJSON *list = need(cJSON_CreateArray()), *one;

	for (const struct fault *fault = faults; fault; fault = fault->next) {
		one = need(cJSON_CreateObject());
		cJSON_AddStringToObject(one, "kind", fault->kind->name);
		cJSON_AddStringToObject(one, "method", fault->method);
		cJSON_AddNumberToObject(one, "left", (double)fault->left);
		cJSON_AddItemToArray(list, one);
	}
	return list;
}
