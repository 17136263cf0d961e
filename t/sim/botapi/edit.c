/* The methods that change or remove a message. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "calls.h"
#include "methods.h"
#include "rich.h"

#define TEXT_MAX 4096
#define CAPTION_MAX 1024

static const char not_modified[] =
        "Bad Request: message is not modified: specified new message content and reply markup "
        "are exactly the same as a current content and reply markup of the message";

static struct message *edit_target(const struct exchange *x, struct reply *r)
{
	struct chat *chat = chat_target(x, r);
	struct message *m;

	if (!chat)
		return NULL;
	m = message_find(chat, json_int_of(x->params, "message_id", 0));
	if (!m)
		reply_fail(r, 400, "Bad Request: message to edit not found");
	else if (!m->by_bot)
		reply_fail(r, 400, "Bad Request: message can't be edited");
	else
		return m;
	return NULL;
}

/* Two absent items are the same, and so is an inline keyboard without buttons and none. */
static bool same(const cJSON *a, const cJSON *b)
{
	return (!a && !b) || cJSON_Compare(a, b, true);
}

static const cJSON *effective(const cJSON *markup)
{
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(markup, "inline_keyboard"), *row;

	cJSON_ArrayForEach (row, rows)
		if (cJSON_GetArraySize(row))
			return markup;
	return NULL;
}

static void set_item(cJSON *object, const char *key, cJSON *item)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	if (item)
		cJSON_AddItemToObject(object, key, item);
}

static void finish_edit(struct message *m, const cJSON *markup, struct reply *r)
{
	markup = effective(markup);
	set_item(m->json, "reply_markup", markup ? cJSON_Duplicate(markup, true) : NULL);
	set_item(m->json, "edit_date", cJSON_CreateNumber((double)time(NULL)));
	m->edits++;
	m->edit_seq = calls_last() + 1;
	r->result = need(cJSON_Duplicate(m->json, true));
}

static void change_text(const struct exchange *x, struct reply *r, const char *key,
        struct rich *text, const cJSON *markup)
{
	const char *list = strcmp(key, "text") == 0 ? "entities" : "caption_entities";
	struct message *m = edit_target(x, r);
	const char *now;

	if (!m)
		return;
	now = json_text(m->json, key);
	if (strcmp(key, "text") == 0 && !now) {
		reply_fail(r, 400, "Bad Request: there is no text in the message to edit");
		return;
	}
	if (strcmp(key, "caption") == 0 && !m->file) {
		reply_fail(r, 400, "Bad Request: there is no caption in the message to edit");
		return;
	}
	if (strcmp(now ? now : "", text->text) == 0 &&
	        same(cJSON_GetObjectItemCaseSensitive(m->json, list), text->entities) &&
	        same(cJSON_GetObjectItemCaseSensitive(m->json, "reply_markup"),
	                effective(markup))) {
		reply_fail(r, 400, "%s", not_modified);
		return;
	}
	set_item(m->json, key, cJSON_CreateString(text->text));
	set_item(m->json, list, text->entities);
	text->entities = NULL;
	free(m->html);
	m->html = copy_text(json_text(x->params, key));
	finish_edit(m, markup, r);
}

static void edit_text(struct exchange *x, struct reply *r, const char *key, size_t limit)
{
	const cJSON *markup;
	struct rich text;

	if (!take_text(x, r, key, limit, "MESSAGE_TOO_LONG", &text))
		return;
	if (!*text.text && strcmp(key, "text") == 0)
		refuse(r, x->method, "Bad Request: text must be non-empty");
	else if (take_markup(x, r, &markup))
		change_text(x, r, key, &text, markup);
	rich_finish(&text);
}

void method_edit_text(struct exchange *x, struct reply *r)
{
	const char *text = json_text(x->params, "text");

	if (text && *text)
		edit_text(x, r, "text", TEXT_MAX);
	else
		refuse(r, x->method, "Bad Request: message text is empty");
}

void method_edit_caption(struct exchange *x, struct reply *r)
{
	edit_text(x, r, "caption", CAPTION_MAX);
}

void method_edit_markup(struct exchange *x, struct reply *r)
{
	struct message *m;
	const cJSON *markup;

	if (!take_markup(x, r, &markup))
		return;
	m = edit_target(x, r);
	if (!m)
		return;
	if (same(cJSON_GetObjectItemCaseSensitive(m->json, "reply_markup"), effective(markup)))
		reply_fail(r, 400, "%s", not_modified);
	else
		finish_edit(m, markup, r);
}

void method_delete_message(struct exchange *x, struct reply *r)
{
	struct chat *chat = chat_target(x, r);
	struct message *m;

	if (!chat)
		return;
	m = message_find(chat, json_int_of(x->params, "message_id", 0));
	if (!m) {
		reply_fail(r, 400, "Bad Request: message to delete not found");
		return;
	}
	m->gone = true;
	reply_true(r);
}

void method_delete_messages(struct exchange *x, struct reply *r)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(x->params, "message_ids"), *id;
	struct chat *chat = chat_target(x, r);
	struct message *m;

	if (!chat)
		return;
	if (cJSON_GetArraySize(ids) < 1 || cJSON_GetArraySize(ids) > 100) {
		refuse(r, x->method,
		        "Bad Request: message identifiers are not specified or too many");
		return;
	}
	/* Here those that do not exist are passed over. */
	cJSON_ArrayForEach (id, ids)
		if ((m = message_find(chat, json_int(id, 0))))
			m->gone = true;
	reply_true(r);
}
