/* What people do: write, press buttons, block the bot; each becomes the update that the bot would
 * get. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "callbacks.h"
#include "control.h"
#include "keyboard.h"
#include "updates.h"
#include "world.h"

#define ANONYMOUS_ADMIN                                                             \
	"{\"id\":1087968824,\"is_bot\":true,\"first_name\":\"Group\",\"username\":" \
	"\"GroupAnonymousBot\"}"
#define CHANNEL_POSTER                                                                         \
	"{\"id\":136817688,\"is_bot\":true,\"first_name\":\"Channel\",\"username\":\"Channel_" \
	"Bot\"}"

static const cJSON *param(const struct exchange *x, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(x->params, key);
}

static void set_text(char **field, const cJSON *from, const char *key)
{
	if (!json_text(from, key))
		return;
	free(*field);
	*field = copy_text(json_text(from, key));
}

static void describe_chat(struct chat *chat, const cJSON *from)
{
	const cJSON *thread;

	set_text(&chat->type, from, "type");
	set_text(&chat->title, from, "title");
	set_text(&chat->username, from, "username");
	if (cJSON_HasObjectItem(from, "is_forum"))
		chat->is_forum = json_true(from, "is_forum");
	cJSON_ArrayForEach (thread, cJSON_GetObjectItemCaseSensitive(from, "threads"))
		chat_set_thread(chat, json_int(thread, 0), true);
}

/* The chat it is said in: by default the private one with that person. */
static struct chat *chat_said_in(const struct exchange *x, const cJSON *user)
{
	const cJSON *where = param(x, "chat");
	int64_t id = cJSON_IsObject(where) ? json_int_of(where, "id", 0)
	                                   : json_int(where, json_int_of(user, "id", 0));
	struct chat *chat = id ? chat_get(id) : NULL;

	if (chat && cJSON_IsObject(where))
		describe_chat(chat, where);
	return chat;
}

/* Who the bot is told it was: anonymous admins and channels hide behind accounts made for that. */
static cJSON *sender_of(const cJSON *user, const cJSON *sender_chat, const struct chat *chat)
{
	if (!sender_chat)
		return need(cJSON_Duplicate(user, true));
	return cJSON_Parse(
	        json_int_of(sender_chat, "id", 0) == chat->id ? ANONYMOUS_ADMIN : CHANNEL_POSTER);
}

static void put_reply(struct message *m, const struct chat *chat, int64_t id)
{
	const struct message *other = message_find(chat, id);
	cJSON *quoted;

	if (!other)
		return;
	quoted = need(cJSON_Duplicate(other->json, true));
	cJSON_DeleteItemFromObjectCaseSensitive(quoted, "reply_to_message");
	cJSON_AddItemToObject(m->json, "reply_to_message", quoted);
}

static void put_said(
        struct message *m, const struct exchange *x, struct chat *chat, const cJSON *user)
{
	const cJSON *sender_chat = param(x, "sender_chat"), *extra;
	int64_t thread = json_int_of(x->params, "thread", 0);
	const char *text = json_text(x->params, "text");
	bool channel = strcmp(chat->type, "channel") == 0;
	cJSON *commands = text ? text_commands(text) : NULL;

	if (!channel)
		cJSON_AddItemToObject(m->json, "from", sender_of(user, sender_chat, chat));
	if (channel)
		cJSON_AddItemToObject(m->json, "sender_chat", chat_json(chat));
	else if (sender_chat)
		cJSON_AddItemToObject(m->json, "sender_chat", cJSON_Duplicate(sender_chat, true));
	if (param(x, "date"))
		cJSON_ReplaceItemInObjectCaseSensitive(
		        m->json, "date", cJSON_Duplicate(param(x, "date"), false));
	if (thread) {
		chat_set_thread(chat, thread, true);
		cJSON_AddNumberToObject(m->json, "message_thread_id", (double)thread);
		if (chat->is_forum)
			cJSON_AddTrueToObject(m->json, "is_topic_message");
	}
	put_reply(m, chat, json_int_of(x->params, "reply_to", 0));
	if (text)
		cJSON_AddStringToObject(m->json, "text", text);
	if (commands)
		cJSON_AddItemToObject(m->json, "entities", commands);
	cJSON_ArrayForEach (extra, param(x, "extra"))
		cJSON_AddItemToObject(m->json, extra->string, cJSON_Duplicate(extra, true));
}

/* A person changes what they wrote before. */
static void change_said(struct message *m, const struct exchange *x)
{
	const char *text = json_text(x->params, "text");
	cJSON *commands = text_commands(text ? text : "");

	cJSON_DeleteItemFromObjectCaseSensitive(m->json, "text");
	cJSON_DeleteItemFromObjectCaseSensitive(m->json, "entities");
	cJSON_AddStringToObject(m->json, "text", text ? text : "");
	if (commands)
		cJSON_AddItemToObject(m->json, "entities", commands);
	m->edits++;
}

/* With privacy mode on, groups show the bot commands and replies to it only. */
static bool is_shown(const struct chat *chat, const struct message *m)
{
	const cJSON *reply = cJSON_GetObjectItemCaseSensitive(m->json, "reply_to_message");
	const cJSON *to = cJSON_GetObjectItemCaseSensitive(reply, "from");

	if (!settings.privacy || !chat_is_group(chat) || cJSON_HasObjectItem(m->json, "entities"))
		return true;
	return !cJSON_HasObjectItem(m->json, "text") || json_true(to, "is_bot");
}

void control_say(struct exchange *x)
{
	const cJSON *user = user_get(param(x, "user"));
	bool edited = json_true(x->params, "edited"), channel;
	struct chat *chat = chat_said_in(x, user);
	struct message *m = NULL;
	int64_t update = 0;
	cJSON *answer;

	if (!chat) {
		control_fail(x, 400, "say needs a user, or a chat");
		return;
	}
	if (edited && param(x, "message_id")) {
		m = message_find(chat, json_int_of(x->params, "message_id", 0));
		if (!m) {
			control_fail(x, 400, "there is no such message");
			return;
		}
		change_said(m, x);
	} else {
		m = message_new(chat, false);
		put_said(m, x, chat, user);
	}
	if (edited) {
		cJSON_DeleteItemFromObjectCaseSensitive(m->json, "edit_date");
		cJSON_AddNumberToObject(m->json, "edit_date", (double)time(NULL));
	}
	channel = strcmp(chat->type, "channel") == 0;
	if (is_shown(chat, m))
		update = update_push(channel  ? edited ? "edited_channel_post" : "channel_post"
		                     : edited ? "edited_message"
		                              : "message",
		        need(cJSON_Duplicate(m->json, true)));
	answer = need(cJSON_CreateObject());
	cJSON_AddNumberToObject(answer, "update_id", (double)update);
	cJSON_AddNumberToObject(answer, "message_id", (double)m->id);
	cJSON_AddNumberToObject(answer, "chat_id", (double)chat->id);
	control_answer(x, 200, answer);
}

void control_press(struct exchange *x)
{
	const cJSON *user = user_get(param(x, "user"));
	int64_t from = json_int_of(user, "id", 0);
	struct chat *chat = chat_find(json_int_of(x->params, "chat_id", from));
	struct message *m =
	        chat ? message_find(chat, json_int_of(x->params, "message_id", 0)) : NULL;
	const char *data, *id;
	cJSON *query, *answer;

	if (!from || !m) {
		control_fail(x, 400, from ? "there is no such message" : "press needs a user");
		return;
	}
	data = keyboard_find(cJSON_GetObjectItemCaseSensitive(m->json, "reply_markup"),
	        json_text(x->params, "button"), json_text(x->params, "data"));
	if (!data) {
		control_fail(x, 400, "there is no such button");
		return;
	}
	id = callback_new(from, chat->id, m->id, data);
	query = need(cJSON_CreateObject());
	cJSON_AddStringToObject(query, "id", id);
	cJSON_AddItemToObject(query, "from", cJSON_Duplicate(user, true));
	cJSON_AddItemToObject(query, "message", cJSON_Duplicate(m->json, true));
	cJSON_AddStringToObject(query, "chat_instance", "-3801217468310342153");
	cJSON_AddStringToObject(query, "data", data);
	answer = need(cJSON_CreateObject());
	cJSON_AddNumberToObject(answer, "update_id", (double)update_push("callback_query", query));
	cJSON_AddStringToObject(answer, "callback_id", id);
	cJSON_AddStringToObject(answer, "data", data);
	control_answer(x, 200, answer);
}

void control_chat(struct exchange *x)
{
	int64_t id = json_int_of(x->params, "chat_id", 0);
	const char *state = json_text(x->params, "state");
	int number = state ? chat_state_of(state) : CHAT_OK;
	cJSON *user;
	struct chat *chat;

	if (!id || number < 0) {
		control_fail(x, 400, id ? "there is no such state" : "chat needs a chat_id");
		return;
	}
	chat = chat_get(id);
	if (id > 0) {
		user = need(cJSON_CreateObject());
		cJSON_AddNumberToObject(user, "id", (double)id);
		if (json_text(x->params, "first_name"))
			cJSON_AddStringToObject(
			        user, "first_name", json_text(x->params, "first_name"));
		user_get(cJSON_HasObjectItem(user, "first_name") ? user
		                                                 : cJSON_GetObjectItem(user, "id"));
		cJSON_Delete(user);
	}
	describe_chat(chat, x->params);
	if (state)
		chat->state = (enum chat_state)number;
	if (param(x, "migrate_to")) {
		chat->migrate_to = json_int_of(x->params, "migrate_to", 0);
		chat_get(chat->migrate_to);
	}
	control_done(x);
}

void control_update(struct exchange *x)
{
	cJSON *answer = need(cJSON_CreateObject());

	cJSON_AddNumberToObject(answer, "update_id",
	        (double)update_push_raw(need(cJSON_Duplicate(x->params, true))));
	control_answer(x, 200, answer);
}
