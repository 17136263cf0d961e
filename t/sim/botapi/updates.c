/* Keeps the updates that wait for the bot, and serves its polls. */
#include "updates.h"

#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "table.h"

#define FIRST_ID 700001
#define LONGEST_POLL 50
#define CONFLICT_PAUSE_MS 3000
#define DAY_MS 86400000
#define CALLBACK_MS 150000

struct update {
	struct update *next;
	int64_t id;
	uint64_t expires;
	cJSON *json;
};

static struct {
	struct update *first, **last;
	int64_t tail;      /* the id the next update gets */
	int64_t confirmed; /* the highest offset asked for */
	cJSON *allowed;    /* NULL: the default */
	char *webhook;
	struct exchange *poll;
	int64_t previous_offset;
	uint64_t previous_at, next_conflict;
	uint64_t polls;
} queue = {.last = &queue.first, .tail = FIRST_ID};

static const char conflict_text[] = "Conflict: terminated by other getUpdates request; "
                                    "make sure that only one bot instance is running";

static void forget_below(int64_t id)
{
	struct update *u;

	while ((u = queue.first) && u->id < id) {
		queue.first = u->next;
		cJSON_Delete(u->json);
		free(u);
	}
	if (!queue.first)
		queue.last = &queue.first;
}

static void forget_expired(void)
{
	uint64_t now = server_now();
	struct update **at = &queue.first, *u;

	while ((u = *at)) {
		if (u->expires > now) {
			at = &u->next;
			continue;
		}
		*at = u->next;
		cJSON_Delete(u->json);
		free(u);
	}
	queue.last = at;
}

static bool is_allowed(const char *type)
{
	const cJSON *one;

	if (!queue.allowed)
		return strcmp(type, "chat_member") != 0 &&
		       strncmp(type, "message_reaction", 16) != 0;
	cJSON_ArrayForEach (one, queue.allowed)
		if (cJSON_IsString(one) && strcmp(one->valuestring, type) == 0)
			return true;
	return false;
}

static void enqueue(cJSON *json, int64_t id, const char *type)
{
	struct update *u = need(calloc(1, sizeof(*u)));

	u->id = id;
	u->json = json;
	u->expires = server_now() + (strcmp(type, "callback_query") == 0 ? CALLBACK_MS : DAY_MS);
	*queue.last = u;
	queue.last = &u->next;
	queue.tail = id + 1;
	/* The real server gathers for a millisecond, too. */
	if (queue.poll)
		exchange_deadline(queue.poll, server_now() + 1);
}

int64_t update_push(const char *type, cJSON *body)
{
	int64_t id = queue.tail;
	cJSON *json;

	if (!is_allowed(type)) {
		cJSON_Delete(body);
		return 0;
	}
	json = need(cJSON_CreateObject());
	cJSON_AddNumberToObject(json, "update_id", (double)id);
	cJSON_AddItemToObject(json, type, body);
	enqueue(json, id, type);
	return id;
}

int64_t update_push_raw(cJSON *update)
{
	int64_t id = json_int_of(update, "update_id", 0);
	const cJSON *field;
	const char *type = "";

	cJSON_ArrayForEach (field, update)
		if (strcmp(field->string, "update_id") != 0)
			type = field->string;
	if (id < queue.tail) {
		id = queue.tail;
		cJSON_DeleteItemFromObjectCaseSensitive(update, "update_id");
		cJSON_AddNumberToObject(update, "update_id", (double)id);
	}
	if (*type && table_has_update(type) && !is_allowed(type)) {
		cJSON_Delete(update);
		return 0;
	}
	enqueue(update, id, type);
	return id;
}

static cJSON *gather(int64_t offset, int64_t limit)
{
	cJSON *list = need(cJSON_CreateArray());

	for (const struct update *u = queue.first; u && limit > 0; u = u->next) {
		if (u->id < offset)
			continue;
		cJSON_AddItemToArray(list, cJSON_Duplicate(u->json, true));
		limit--;
	}
	return list;
}

static void on_wake(struct exchange *x)
{
	struct reply r = {.code = 200};

	forget_expired();
	queue.poll = NULL;
	r.result = gather(x->poll_offset, x->poll_limit);
	bot_finish(x, &r);
}

static void on_conflict(struct exchange *x)
{
	struct reply r = {0};

	reply_fail(&r, 409, "%s", conflict_text);
	bot_finish(x, &r);
}

/* The older of two polls loses; if that keeps happening, it is told only after a pause. */
static void end_older_poll(void)
{
	struct exchange *older = queue.poll;
	uint64_t now = server_now();

	queue.poll = NULL;
	if (!older)
		return;
	if (exchange_is_gone(older)) {
		exchange_answer(older, (struct answer){.ending = ENDING_DROPPED});
		return;
	}
	if (now < queue.next_conflict) {
		exchange_park(older, now + CONFLICT_PAUSE_MS, on_conflict);
		return;
	}
	queue.next_conflict = now + CONFLICT_PAUSE_MS;
	on_conflict(older);
}

static void remember_allowed(const struct exchange *x, const char *method)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(x->params, "allowed_updates"), *one;

	if (!cJSON_IsArray(list))
		return;
	cJSON_ArrayForEach (one, list)
		if (cJSON_IsString(one) && !table_has_update(one->valuestring))
			complain("params", method, "allowed_updates: no update is called %s",
			        one->valuestring);
	cJSON_Delete(queue.allowed);
	queue.allowed = cJSON_GetArraySize(list) ? cJSON_Duplicate(list, true) : NULL;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* Confirms what the offset confirms; returns where to read from. */
static int64_t apply_offset(int64_t offset)
{
	if (offset < 0)
		offset = queue.tail + offset;
	else if (offset > queue.tail + 10)
		offset = queue.first ? queue.first->id : queue.tail;
	if (offset > queue.confirmed)
		queue.confirmed = offset;
	forget_below(offset);
	return offset;
}

void method_get_updates(struct exchange *x, struct reply *r)
{
	int64_t offset = json_int_of(x->params, "offset", 0);
	int64_t timeout = clamp(json_int_of(x->params, "timeout", 0), 0, LONGEST_POLL);
	uint64_t now = server_now();

	if (queue.webhook) {
		reply_fail(r, 409,
		        "Conflict: can't use getUpdates method while webhook is active; "
		        "use deleteWebhook to delete the webhook first");
		return;
	}
	queue.polls++;
	remember_allowed(x, "getUpdates");
	/* A client that asks the same thing over and over is slowed down. */
	if (queue.previous_at && offset == queue.previous_offset && timeout < 3 &&
	        now < queue.previous_at + 3000)
		timeout = 3;
	queue.previous_offset = offset;
	queue.previous_at = now;
	end_older_poll();
	forget_expired();
	x->poll_offset = apply_offset(offset);
	x->poll_limit = clamp(json_int_of(x->params, "limit", 100), 1, 100);
	r->result = gather(x->poll_offset, x->poll_limit);
	if (r->result->child || !timeout)
		return;
	cJSON_Delete(r->result);
	r->result = NULL;
	r->parked = true;
	queue.poll = x;
	exchange_park(x, now + (uint64_t)timeout * 1000, on_wake);
}

void method_set_webhook(struct exchange *x, struct reply *r)
{
	const char *url = json_text(x->params, "url");

	free(queue.webhook);
	queue.webhook = url && *url ? copy_text(url) : NULL;
	remember_allowed(x, "setWebhook");
	reply_true(r);
}

void method_delete_webhook(struct exchange *x, struct reply *r)
{
	free(queue.webhook);
	queue.webhook = NULL;
	if (json_true(x->params, "drop_pending_updates"))
		forget_below(queue.tail);
	reply_true(r);
}

static int count_pending(void)
{
	int n = 0;

	forget_expired();
	for (const struct update *u = queue.first; u; u = u->next)
		n++;
	return n;
}

void method_get_webhook_info(struct exchange *x, struct reply *r)
{
	(void)x;
	r->result = need(cJSON_CreateObject());
	cJSON_AddStringToObject(r->result, "url", queue.webhook ? queue.webhook : "");
	cJSON_AddFalseToObject(r->result, "has_custom_certificate");
	cJSON_AddNumberToObject(r->result, "pending_update_count", count_pending());
	if (queue.allowed)
		cJSON_AddItemToObject(
		        r->result, "allowed_updates", cJSON_Duplicate(queue.allowed, true));
}

void updates_state(cJSON *state)
{
	cJSON *pending = cJSON_AddArrayToObject(state, "pending");

	cJSON_AddNumberToObject(state, "pending_count", count_pending());
	for (const struct update *u = queue.first; u; u = u->next)
		cJSON_AddItemToArray(pending, cJSON_Duplicate(u->json, true));
	cJSON_AddNumberToObject(state, "confirmed_offset", (double)queue.confirmed);
	cJSON_AddNumberToObject(state, "next_update_id", (double)queue.tail);
	cJSON_AddBoolToObject(
	        state, "polling", queue.poll != NULL && !exchange_is_gone(queue.poll));
	cJSON_AddNumberToObject(state, "polls", (double)queue.polls);
	if (queue.webhook)
		cJSON_AddStringToObject(state, "webhook", queue.webhook);
	if (queue.allowed)
		cJSON_AddItemToObject(
		        state, "allowed_updates", cJSON_Duplicate(queue.allowed, true));
}

void updates_reset(void)
{
	forget_below(queue.tail);
	free(queue.webhook);
	queue.webhook = NULL;
	cJSON_Delete(queue.allowed);
	queue.allowed = NULL;
	queue.next_conflict = 0;
}
