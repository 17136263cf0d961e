/* The command menus, told to Telegram when they have changed. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/menu.h"

#define SETTING "telegram.menu"        /* the hash of the one for everybody */
#define SETTING_CHATS "telegram.menus" /* {"CHAT": hash} */
#define CHAT_KEY 24
#define REFUSED '!' /* before a hash: the chat did not take it; it may when somebody speaks there */
#define RETRIED "?" /* instead of one: it did not, and is to be asked once more */

static bool is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && n <= MENU_NAME && s[n] == '\0';
}

/* One clean line of at most MENU_DESCRIPTION characters; a name stands in for an empty one. */
static char *clean_description(const struct menu_entry *entry)
{
	cleanup_str struct fg_str out;
	size_t at = 0;

	fg_str_init(&out, (size_t)MENU_DESCRIPTION * 4);
	fg_text_clean_line(&out, entry->description ? entry->description : "",
		entry->description ? strlen(entry->description) : 0);
	for (int i = 0; i < MENU_DESCRIPTION && at < out.len; i++)
		at += fg_utf8_next(out.s + at, out.len - at, NULL);
	fg_str_truncate(&out, at);
	return out.len ? fg_str_take(&out) : fg_strdup(entry->name);
}

static cJSON *make_commands(const struct menu_entry *entries, size_t count)
{
	cJSON *commands = cJSON_CreateArray();

	for (size_t i = 0; i < count; i++) {
		cleanup_free char *description = NULL;
		cJSON *command;

		if (!is_name(entries[i].name) || cJSON_GetArraySize(commands) >= MENU_MOST) {
			fg_warn("/%s cannot be in Telegram's command menu", entries[i].name);
			continue;
		}
		description = clean_description(&entries[i]);
		command = cJSON_CreateObject();
		cJSON_AddStringToObject(command, "command", entries[i].name);
		cJSON_AddStringToObject(command, "description", description);
		cJSON_AddItemToArray(commands, command);
	}
	return commands;
}

/* Of the list and of whose it is: another bot has another menu. */
static void hash_of(
	const struct telegram *tg, const cJSON *params, char hex[2 * crypto_generichash_BYTES + 1])
{
	cleanup_json_text char *json = fg_json_print(params);
	cleanup_free char *whole = fg_printf("%lld %s", (long long)telegram_token_id(tg), json);
	unsigned char hash[crypto_generichash_BYTES];

	crypto_generichash(
		hash, sizeof(hash), (const unsigned char *)whole, strlen(whole), NULL, 0);
	sodium_bin2hex(hex, 2 * sizeof(hash) + 1, hash, sizeof(hash));
}

static cJSON *load_chats(struct fg_store *store)
{
	cleanup_free char *text = fg_store_get(store, SETTING_CHATS);
	struct fg_err err;
	cJSON *chats = text ? fg_json_parse(text, strlen(text), &err) : NULL;

	if (cJSON_IsObject(chats))
		return chats;
	cJSON_Delete(chats);
	return cJSON_CreateObject();
}

/* hash NULL: the chat has none. */
static int remember(struct fg_store *store, int64_t chat, const char *hash, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_json cJSON *chats = NULL;
	cleanup_json_text char *text = NULL;
	char key[CHAT_KEY];

	if (!chat)
		return fg_store_set(store, SETTING, hash ? hash : "", err);
	/* Nobody writes between the two. */
	if (fg_tx_begin(store, &tx, err) < 0)
		return -1;
	chats = load_chats(store);
	snprintf(key, sizeof(key), "%" PRId64, chat);
	cJSON_DeleteItemFromObjectCaseSensitive(chats, key);
	if (hash)
		cJSON_AddStringToObject(chats, key, hash);
	text = fg_json_print(chats);
	return fg_tx_set(&tx, SETTING_CHATS, text, err) < 0 ? -1 : fg_tx_commit(&tx, err);
}

/* What was set last, NULL: nothing. Caller frees. */
static char *remembered(struct fg_store *store, int64_t chat)
{
	cleanup_json cJSON *chats = NULL;
	const char *hash;
	char key[CHAT_KEY];

	if (!chat)
		return fg_store_get(store, SETTING);
	chats = load_chats(store);
	snprintf(key, sizeof(key), "%" PRId64, chat);
	hash = fg_json_str(chats, key, NULL);
	return hash ? fg_strdup(hash) : NULL;
}

static void add_scope(cJSON *params, int64_t chat)
{
	cJSON *scope;

	if (!chat)
		return;
	scope = cJSON_AddObjectToObject(params, "scope");
	cJSON_AddStringToObject(scope, "type", "chat");
	fg_json_set_i64(scope, "chat_id", chat);
}

/* There is no such chat for the bot, or it may not write there; not that it comes too often. */
static bool is_refused(int64_t chat, const struct fg_err *err)
{
	return chat && err->code == FG_EREMOTE && (err->status == 400 || err->status == 403);
}

/* 1: the chat refuses; 0; -1. */
static int tell(struct telegram *tg, const char *method, const cJSON *params, int64_t chat,
	struct fg_err *err)
{
	struct telegram_call call = {.method = method, .params = params};
	cleanup_json cJSON *result = telegram_call(tg, &call, err);

	if (!result && !is_refused(chat, err))
		return fg_wrap(err, "cannot set the command menu");
	if (!result)
		fg_debug("chat %" PRId64 " gets no command menu: %s", chat, err->text);
	return !result;
}

int menu_sync(struct telegram *tg, struct fg_store *store, int64_t chat,
	const struct menu_entry *entries, size_t count, struct fg_err *err)
{
	cleanup_json cJSON *params = cJSON_CreateObject();
	cleanup_free char *known = remembered(store, chat);
	char refused[2 * crypto_generichash_BYTES + 2] = {REFUSED}, *hash = refused + 1;
	int rc;

	cJSON_AddItemToObject(params, "commands", make_commands(entries, count));
	add_scope(params, chat);
	hash_of(tg, params, hash);
	if (fg_str_equal(known, hash) || fg_str_equal(known, refused))
		return 0;
	rc = tell(tg, "setMyCommands", params, chat, err);
	if (rc < 0)
		return -1;
	if (rc > 0 && !fg_str_equal(known, RETRIED))
		hash = refused;
	return remember(store, chat, hash, err) < 0 ? -1 : 1;
}

bool menu_retry(struct fg_store *store, int64_t chat)
{
	cleanup_free char *known = remembered(store, chat);
	struct fg_err err;

	return known && known[0] == REFUSED && remember(store, chat, RETRIED, &err) == 0;
}

int menu_forget(struct telegram *tg, struct fg_store *store, int64_t chat, struct fg_err *err)
{
	cleanup_json cJSON *params = cJSON_CreateObject();
	cleanup_free char *known = remembered(store, chat);

	if (!known)
		return 0;
	add_scope(params, chat);
	if (tell(tg, "deleteMyCommands", params, chat, err) < 0)
		return -1;
	return remember(store, chat, NULL, err) < 0 ? -1 : 1;
}

size_t menu_known(struct fg_store *store, int64_t **chats)
{
	cleanup_json cJSON *known = load_chats(store);
	const cJSON *one;
	size_t n = 0;

	*chats = fg_alloc(((size_t)cJSON_GetArraySize(known) + 1) * sizeof(**chats));
	cJSON_ArrayForEach (one, known)
		(*chats)[n++] = strtoll(one->string, NULL, 10);
	return n;
}
