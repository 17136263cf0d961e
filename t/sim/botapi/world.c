/* Keeps the people, chats and messages. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static struct {
	struct chat *chats;
	cJSON *users;
} world;

static const char *const states[] = {
        [CHAT_BLOCKED] = "blocked",
        [CHAT_DEACTIVATED] = "deactivated",
        [CHAT_GONE] = "gone",
        [CHAT_KICKED] = "kicked",
        [CHAT_MIGRATED] = "migrated",
        [CHAT_MUTED] = "muted",
        [CHAT_OK] = "ok",
        [CHAT_UNSTARTED] = "unstarted",
};

int chat_state_of(const char *name)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (strcmp(states[i], name) == 0)
			return (int)i;
	return -1;
}

struct chat *chat_list(void)
{
	return world.chats;
}

struct chat *chat_find(int64_t id)
{
	struct chat *chat = world.chats;

	while (chat && chat->id != id)
		chat = chat->next;
	return chat;
}

struct chat *chat_find_name(const char *name)
{
	struct chat *chat = world.chats;

	while (chat && !(chat->username && strcasecmp(chat->username, name + (*name == '@')) == 0))
		chat = chat->next;
	return chat;
}

struct chat *chat_get(int64_t id)
{
	struct chat *chat = chat_find(id);

	if (chat)
		return chat;
	chat = need(calloc(1, sizeof(*chat)));
	chat->id = id;
	/* The id alone tells: channels cannot be told from supergroups, and are the rarer. */
	chat->type = copy_text(id > 0 ? "private" : id < -1000000000000 ? "supergroup" : "group");
	if (id < 0)
		chat->title = text_format("Chat %lld", (long long)id);
	chat->threads = need(cJSON_CreateObject());
	chat->next = world.chats;
	world.chats = chat;
	return chat;
}

bool chat_is_group(const struct chat *chat)
{
	return strcmp(chat->type, "group") == 0 || strcmp(chat->type, "supergroup") == 0;
}

static const cJSON *find_user(int64_t id)
{
	char key[24];

	snprintf(key, sizeof(key), "%lld", (long long)id);
	return cJSON_GetObjectItemCaseSensitive(world.users, key);
}

cJSON *chat_json(const struct chat *chat)
{
	const cJSON *user = chat->id > 0 ? find_user(chat->id) : NULL;
	const char *username = chat->username ? chat->username : json_text(user, "username");
	cJSON *json = need(cJSON_CreateObject());

	cJSON_AddNumberToObject(json, "id", (double)chat->id);
	if (chat->id > 0)
		cJSON_AddStringToObject(
		        json, "first_name", user ? json_text(user, "first_name") : "Somebody");
	else
		cJSON_AddStringToObject(json, "title", chat->title ? chat->title : "");
	if (username)
		cJSON_AddStringToObject(json, "username", username);
	cJSON_AddStringToObject(json, "type", chat->type);
	if (chat->is_forum)
		cJSON_AddTrueToObject(json, "is_forum");
	return json;
}

bool chat_has_thread(const struct chat *chat, int64_t thread)
{
	char key[24];

	snprintf(key, sizeof(key), "%lld", (long long)thread);
	return cJSON_HasObjectItem(chat->threads, key);
}

void chat_set_thread(struct chat *chat, int64_t thread, bool exists)
{
	char key[24];

	snprintf(key, sizeof(key), "%lld", (long long)thread);
	cJSON_DeleteItemFromObjectCaseSensitive(chat->threads, key);
	if (exists)
		cJSON_AddTrueToObject(chat->threads, key);
}

const cJSON *user_get(const cJSON *user)
{
	int64_t id = cJSON_IsObject(user) ? json_int_of(user, "id", 0) : json_int(user, 0);
	const cJSON *known = find_user(id);
	cJSON *fresh;
	char key[24], *name;

	if (known && !cJSON_IsObject(user))
		return known;
	fresh = cJSON_IsObject(user) ? need(cJSON_Duplicate(user, true))
	                             : need(cJSON_CreateObject());
	if (!cJSON_IsObject(user))
		cJSON_AddNumberToObject(fresh, "id", (double)id);
	if (!cJSON_HasObjectItem(fresh, "is_bot"))
		cJSON_AddFalseToObject(fresh, "is_bot");
	if (!cJSON_HasObjectItem(fresh, "first_name")) {
		name = text_format("User %lld", (long long)id);
		cJSON_AddStringToObject(fresh, "first_name", name);
		free(name);
	}
	if (!world.users)
		world.users = need(cJSON_CreateObject());
	snprintf(key, sizeof(key), "%lld", (long long)id);
	cJSON_DeleteItemFromObjectCaseSensitive(world.users, key);
	cJSON_AddItemToObject(world.users, key, fresh);
	return fresh;
}

struct message *message_new(struct chat *chat, bool by_bot)
{
	struct message *m = need(calloc(1, sizeof(*m)));

	if (chat->count == chat->room) {
		chat->room = chat->room ? chat->room * 2 : 32;
		chat->messages =
		        need(realloc(chat->messages, chat->room * sizeof(struct message *)));
	}
	chat->messages[chat->count++] = m;
	m->id = (int64_t)chat->count;
	m->by_bot = by_bot;
	m->json = need(cJSON_CreateObject());
	cJSON_AddNumberToObject(m->json, "message_id", (double)m->id);
	cJSON_AddNumberToObject(m->json, "date", (double)time(NULL));
	cJSON_AddItemToObject(m->json, "chat", chat_json(chat));
	return m;
}

struct message *message_find(const struct chat *chat, int64_t id)
{
	struct message *m = id > 0 && (size_t)id <= chat->count ? chat->messages[id - 1] : NULL;

	return m && !m->gone ? m : NULL;
}

static void free_chat(struct chat *chat)
{
	for (size_t i = 0; i < chat->count; i++) {
		cJSON_Delete(chat->messages[i]->json);
		free(chat->messages[i]->html);
		free(chat->messages[i]);
	}
	free(chat->messages);
	free(chat->minute.at);
	cJSON_Delete(chat->threads);
	free(chat->type);
	free(chat->title);
	free(chat->username);
	free(chat);
}

void world_reset(void)
{
	struct chat *chat;

	while ((chat = world.chats)) {
		world.chats = chat->next;
		free_chat(chat);
	}
	cJSON_Delete(world.users);
	world.users = NULL;
	files_reset();
}
