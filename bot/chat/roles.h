/*
 * Who may do what: people and chats of the config, their roles, scopes and lists of commands.
 *
 * A user's own entry decides alone; without one the entry of the chat (of the topic first, then of
 * the whole chat) decides for everybody there. The entry of a group that became a supergroup counts
 * for that, until it has one itself. Who is in neither is nobody.
 */
#ifndef BOT_CHAT_ROLES_H
#define BOT_CHAT_ROLES_H

#include <stdbool.h>
#include <stdint.h>
#include "config/config.h"
#include "fleetgram/base/err.h"
#include "fleetgram/base/language.h"
#include "fleetgram/fleet/selector.h"

struct command_row;
struct roles;

struct person {
	int64_t id;    /* Telegram's; 0: the local operator */
	char name[64]; /* of the config, else as Telegram has it */
	enum role role;
	const struct fg_selector *scope;           /* NULL: everything. Owned by the roles. */
	const char *const *commands, *const *deny; /* NULL-terminated, or NULL: no such list */
	enum role own_role;       /* while a grant raises the role: the one of the config */
	int64_t granted_until_ms; /* by the wall clock; 0: nothing is granted */
	const struct config *config; /* of what exists for them; NULL: what always does */
};

/* Checks the config's scopes. NULL: a scope that is no selector. */
struct roles *roles_create(const struct config *config, struct fg_err *err);
void roles_destroy(struct roles *roles);

/* False: nobody we know. name: what Telegram calls them, for those known only by their chat. */
bool roles_find(const struct roles *roles, int64_t user, const char *name, int64_t chat,
	int64_t thread, struct person *out);
void roles_local(struct person *out); /* exec and console: an admin, "local" */

/* False, too, for what does not exist with the person's config. */
bool roles_allow(const struct person *person, const struct command_row *row);

/* What is said to that user in that chat (0: no particular one) is said in this language: the
 * chat's, else the user's, else the config's. */
const struct fg_language *roles_language(
	const struct roles *roles, int64_t user, int64_t chat, int64_t thread);

/* What the config's chat of that index may see; NULL: everything. */
const struct fg_selector *roles_chat_scope(const struct roles *roles, size_t index);

/* Call fn with the chat of every admin that the config names, for what admins have to know. The
 * task speaks their language meanwhile. */
void roles_each_admin(const struct roles *roles, void (*fn)(int64_t chat, void *arg), void *arg);

#endif
