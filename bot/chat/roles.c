/* Who may do what. */
#include <stdio.h>
#include <string.h>
#include "chat/command.h"
#include "chat/roles.h"
#include "fleetgram/base/mem.h"
#include "languages/languages.h"
#include "telegram/moves.h"

struct entry {
	int64_t id, thread;
	const char *name, *language; /* language NULL: it says none */
	enum role role;
	struct fg_selector *scope;
	const char *const *commands, *const *deny;
};

/* The names and lists belong to the config, which the setup keeps together with this. */
struct roles {
	const struct config *config;
	struct entry *users, *chats;
	size_t user_count, chat_count;
};

static int parse_scope(struct entry *entry, const char *what, const char *scope, struct fg_err *err)
{
	if (!scope || !*scope)
		return 0;
	entry->scope = fg_selector_parse_string(scope, err);
	if (!entry->scope)
		return fg_wrap(err, "the scope of %s %lld", what, (long long)entry->id);
	return 0;
}

struct roles *roles_create(const struct config *config, struct fg_err *err)
{
	struct roles *roles = fg_alloc(sizeof(*roles));

	roles->config = config;
	roles->users = fg_alloc((config->user_count + 1) * sizeof(*roles->users));
	roles->chats = fg_alloc((config->chat_count + 1) * sizeof(*roles->chats));
	for (size_t i = 0; i < config->user_count; i++) {
		const struct config_user *user = &config->users[i];
		struct entry *entry = &roles->users[roles->user_count++];

		entry->id = user->id;
		entry->name = user->name;
		entry->language = user->language;
		entry->role = user->role;
		entry->commands = (const char *const *)user->commands;
		entry->deny = (const char *const *)user->deny;
		if (parse_scope(entry, "user", user->scope, err) < 0)
			goto fail;
	}
	for (size_t i = 0; i < config->chat_count; i++) {
		const struct config_chat *chat = &config->chats[i];
		struct entry *entry = &roles->chats[roles->chat_count++];

		entry->id = chat->id;
		entry->thread = chat->thread;
		entry->language = chat->language;
		entry->role = chat->role;
		if (parse_scope(entry, "chat", chat->scope, err) < 0)
			goto fail;
	}
	return roles;
fail:
	roles_destroy(roles);
	return NULL;
}

void roles_destroy(struct roles *roles)
{
	if (!roles)
		return;
	for (size_t i = 0; i < roles->user_count; i++)
		fg_selector_destroy(roles->users[i].scope);
	for (size_t i = 0; i < roles->chat_count; i++)
		fg_selector_destroy(roles->chats[i].scope);
	free(roles->users);
	free(roles->chats);
	free(roles);
}

static const struct entry *find_user(const struct roles *roles, int64_t id)
{
	for (size_t i = 0; i < roles->user_count; i++)
		if (roles->users[i].id == id)
			return &roles->users[i];
	return NULL;
}

/* The topic's own entry wins over the whole chat's. Entries without a role only receive
 * notifications. */
static const struct entry *find_chat(const struct roles *roles, int64_t id, int64_t thread)
{
	const struct entry *whole = NULL;

	for (size_t i = 0; i < roles->chat_count; i++) {
		const struct entry *entry = &roles->chats[i];

		if (entry->id != id || entry->role == ROLE_NONE)
			continue;
		if (entry->thread && entry->thread == thread)
			return entry;
		if (!entry->thread)
			whole = entry;
	}
	return whole;
}

static bool names_chat(const struct roles *roles, int64_t id)
{
	for (size_t i = 0; i < roles->chat_count; i++)
		if (roles->chats[i].id == id)
			return true;
	return false;
}

bool roles_find(const struct roles *roles, int64_t user, const char *name, int64_t chat,
	int64_t thread, struct person *out)
{
	const struct entry *entry = find_user(roles, user);

	if (!entry)
		entry = find_chat(roles, chat, thread);
	if (!entry && !names_chat(roles, chat))
		entry = find_chat(roles, moves_before(chat), 0);
	if (!entry)
		return false;
	*out = (struct person){
		.id = user,
		.role = entry->role,
		.scope = entry->scope,
		.commands = entry->commands,
		.deny = entry->deny,
		.config = roles->config,
	};
	snprintf(out->name, sizeof(out->name), "%s", entry->name ? entry->name : name);
	return true;
}

/* Entries that give no role have a language too. */
static const char *chat_language(const struct roles *roles, int64_t id, int64_t thread)
{
	const char *whole = NULL;

	for (size_t i = 0; i < roles->chat_count; i++) {
		const struct entry *entry = &roles->chats[i];

		if (entry->id != id || !entry->language)
			continue;
		if (entry->thread && entry->thread == thread)
			return entry->language;
		if (!entry->thread)
			whole = entry->language;
	}
	return whole;
}

const struct fg_language *roles_language(
	const struct roles *roles, int64_t user, int64_t chat, int64_t thread)
{
	const struct entry *person = find_user(roles, user);
	const char *language = chat_language(roles, chat, thread);

	if (!language && !names_chat(roles, chat))
		language = chat_language(roles, moves_before(chat), 0);
	if (!language && person)
		language = person->language;
	return languages_find(language ? language : roles->config->language);
}

void roles_local(struct person *out)
{
	*out = (struct person){.role = ROLE_ADMIN};
	snprintf(out->name, sizeof(out->name), "local");
}

static bool listed(const char *const *list, const struct command_row *row)
{
	for (; list && *list; list++)
		if (strcmp(*list, row->name) == 0 || (row->alias && strcmp(*list, row->alias) == 0))
			return true;
	return false;
}

bool roles_allow(const struct person *person, const struct command_row *row)
{
	if (person->role < row->role || !command_exists(row, person->config) ||
		listed(person->deny, row))
		return false;
	/* What anybody known may do needs no mention in a list of what they may do. */
	return !person->commands || row->role == ROLE_NONE || listed(person->commands, row);
}

const struct fg_selector *roles_chat_scope(const struct roles *roles, size_t index)
{
	return roles->chats[index].scope;
}

void roles_each_admin(const struct roles *roles, void (*fn)(int64_t chat, void *arg), void *arg)
{
	for (size_t i = 0; i < roles->user_count; i++) {
		int64_t id = roles->users[i].id;
		cleanup_language const struct fg_language *before =
			fg_language_set(roles_language(roles, id, id, 0));

		if (roles->users[i].role == ROLE_ADMIN)
			fn(id, arg);
	}
}
