/* The methods about the bot itself, its commands, chats, topics and files. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "methods.h"

#define COMMANDS_MAX 100
#define COMMAND_MAX 32
#define DESCRIPTION_MAX 256
#define DOWNLOAD_MAX ((size_t)20 << 20)

static cJSON *commands; /* object: a scope and language to its list */

void method_get_me(struct exchange *x, struct reply *r)
{
	(void)x;
	r->result = bot_user();
	cJSON_AddTrueToObject(r->result, "can_join_groups");
	cJSON_AddBoolToObject(r->result, "can_read_all_group_messages", !settings.privacy);
	cJSON_AddFalseToObject(r->result, "supports_inline_queries");
	cJSON_AddFalseToObject(r->result, "can_connect_to_business");
	cJSON_AddFalseToObject(r->result, "has_main_web_app");
}

void method_get_chat(struct exchange *x, struct reply *r)
{
	struct chat *chat = chat_target(x, r);

	if (!chat)
		return;
	r->result = chat_json(chat);
	cJSON_AddNumberToObject(r->result, "accent_color_id", 0);
	cJSON_AddNumberToObject(r->result, "max_reaction_count", 11);
	cJSON_AddObjectToObject(r->result, "accepted_gift_types");
	if (chat_is_group(chat))
		cJSON_AddObjectToObject(r->result, "permissions");
}

void method_get_file(struct exchange *x, struct reply *r)
{
	const char *id = json_text(x->params, "file_id");
	const struct file *file = id ? file_find(id) : NULL;

	if (!file) {
		reply_fail(r, 400,
		        "Bad Request: wrong file_id or the file is temporarily unavailable");
		return;
	}
	if (file->data.len > DOWNLOAD_MAX) {
		reply_fail(r, 400, "Bad Request: file is too big");
		return;
	}
	r->result = need(cJSON_CreateObject());
	cJSON_AddStringToObject(r->result, "file_id", file->id);
	cJSON_AddStringToObject(r->result, "file_unique_id", file->id + 7);
	cJSON_AddNumberToObject(r->result, "file_size", (double)file->data.len);
	cJSON_AddStringToObject(r->result, "file_path", file->path);
}

/* Scope and language as one key; an absent scope is the default one. */
static char *commands_key(const struct exchange *x)
{
	const cJSON *scope = cJSON_GetObjectItemCaseSensitive(x->params, "scope");
	const char *language = json_text(x->params, "language_code");
	char *text = cJSON_IsObject(scope) ? need(cJSON_PrintUnformatted(scope))
	                                   : copy_text("{\"type\":\"default\"}");
	char *key = text_format(
	        "%s%s%s", text, language && *language ? " " : "", language ? language : "");

	free(text);
	return key;
}

/* The server forgives a leading slash and nothing else. */
static const char *command_refusal(const cJSON *command)
{
	const char *name = json_text(command, "command"),
	           *description = json_text(command, "description");
	size_t n = 0;

	if (!name || !description)
		return "Bad Request: can't parse BotCommand: it must have a command and a "
		       "description";
	name += *name == '/';
	while (islower((unsigned char)name[n]) || isdigit((unsigned char)name[n]) || name[n] == '_')
		n++;
	if (!n || name[n] || n > COMMAND_MAX)
		return "Bad Request: BOT_COMMAND_INVALID";
	if (!*description || text_points(description) > DESCRIPTION_MAX)
		return "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID";
	return NULL;
}

void method_set_commands(struct exchange *x, struct reply *r)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(x->params, "commands"), *one;
	const cJSON *scope = cJSON_GetObjectItemCaseSensitive(x->params, "scope");
	const struct chat *chat =
	        chat_find(json_int(cJSON_GetObjectItemCaseSensitive(scope, "chat_id"), 0));
	const char *why = cJSON_GetArraySize(list) > COMMANDS_MAX
	                          ? "Bad Request: BOT_COMMANDS_TOO_MUCH"
	                          : NULL;
	char *key;

	cJSON_ArrayForEach (one, list)
		if (!why)
			why = command_refusal(one);
	if (why) {
		refuse(r, x->method, "%s", why);
		return;
	}
	if (chat && chat_refuses(chat, r))
		return;
	if (!commands)
		commands = need(cJSON_CreateObject());
	key = commands_key(x);
	cJSON_DeleteItemFromObjectCaseSensitive(commands, key);
	if (list && list->child)
		cJSON_AddItemToObject(commands, key, cJSON_Duplicate(list, true));
	free(key);
	reply_true(r);
}

void method_get_commands(struct exchange *x, struct reply *r)
{
	char *key = commands_key(x);
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(commands, key);

	r->result = list ? need(cJSON_Duplicate(list, true)) : need(cJSON_CreateArray());
	free(key);
}

void method_delete_commands(struct exchange *x, struct reply *r)
{
	char *key = commands_key(x);

	cJSON_DeleteItemFromObjectCaseSensitive(commands, key);
	free(key);
	reply_true(r);
}

cJSON *commands_json(void)
{
	return commands ? need(cJSON_Duplicate(commands, true)) : need(cJSON_CreateObject());
}

void commands_reset(void)
{
	cJSON_Delete(commands);
	commands = NULL;
}

static bool is_forum(const struct chat *chat, struct reply *r)
{
	if (!chat->is_forum)
		reply_fail(r, 400, "Bad Request: the chat is not a forum");
	return chat->is_forum;
}

void method_create_topic(struct exchange *x, struct reply *r)
{
	struct chat *chat = chat_target(x, r);
	struct message *m;

	if (!chat || !is_forum(chat, r))
		return;
	/* A topic's id is that of the service message which made it. */
	m = message_new(chat, true);
	cJSON_AddItemToObject(m->json, "from", bot_user());
	m->gone = true;
	chat_set_thread(chat, m->id, true);
	r->result = need(cJSON_CreateObject());
	cJSON_AddNumberToObject(r->result, "message_thread_id", (double)m->id);
	cJSON_AddStringToObject(r->result, "name",
	        json_text(x->params, "name") ? json_text(x->params, "name") : "");
	cJSON_AddNumberToObject(r->result, "icon_color", 7322096);
}

void method_delete_topic(struct exchange *x, struct reply *r)
{
	int64_t thread = json_int_of(x->params, "message_thread_id", 0);
	struct chat *chat = chat_target(x, r);

	if (!chat || !is_forum(chat, r))
		return;
	if (!chat_has_thread(chat, thread)) {
		reply_fail(r, 400, "Bad Request: TOPIC_ID_INVALID");
		return;
	}
	chat_set_thread(chat, thread, false);
	reply_true(r);
}
