/*
 * /grant: a higher role for somebody, for a while.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "chat/grants.h"
#include "chat/menus.h"
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "telegram/outbox.h"

#define LONGEST_MS ((int64_t)30 * 24 * 3600 * 1000)
#define NAME_MOST 64

/* Who it is about. */
struct who {
	const struct config_user *user; /* NULL: known by a chat only */
	int64_t id;
	char name[NAME_MOST];
};

static const char *clock_text(char buf[32], int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &tm);
	return buf;
}

/* Who */

static int64_t id_of(const char *word)
{
	char *end;
	long long id = strtoll(word, &end, 10);

	return *word >= '0' && *word <= '9' && !*end ? id : 0;
}

/* Somebody of a chat of the config, who has spoken there: the audit remembers them. */
static int find_member(struct command *c, const char *word, struct who *who)
{
	cleanup_rows struct fg_rows *rows = NULL;

	if (!who->id)
		return fg_fail(&c->err, FG_ENOTFOUND,
			"nobody in the config is called %s: only who is known can be granted a role",
			word);
	rows = fg_store_query(c->app->store, &c->err,
		"SELECT name FROM audit WHERE user_id = ? AND role <> 'stranger' ORDER BY n DESC LIMIT 1",
		"i", who->id);
	if (!rows)
		return -1;
	if (!fg_rows_next(rows))
		return fg_fail(&c->err, FG_ENOTFOUND,
			"%lld is not in the config and has used no command in one of its chats: only who is "
			"known can be granted a role",
			(long long)who->id);
	snprintf(who->name, sizeof(who->name), "%s", fg_rows_str(rows, 0));
	return 0;
}

static int find_who(struct command *c, const char *word, struct who *who)
{
	const struct config *config = c->setup->config;
	size_t n = 0;

	*who = (struct who){.id = id_of(word)};
	for (size_t i = 0; i < config->user_count; i++) {
		const struct config_user *user = &config->users[i];

		if (user->id != who->id && !(user->name && strcmp(user->name, word) == 0))
			continue;
		who->user = user;
		n++;
	}
	if (n > 1)
		return fg_fail(&c->err, FG_EINVAL, "%s is more than one user: give the id", word);
	if (n == 0)
		return find_member(c, word, who);
	who->id = who->user->id;
	snprintf(who->name, sizeof(who->name), "%s", who->user->name ? who->user->name : word);
	return 0;
}

/* What was lent cannot be lent on, and nobody gives away more than they see and may do themselves.
 * To oneself it would outlast the entry of the chat that one has it from. */
static int may_grant(struct command *c, const struct who *who)
{
	const char *scope = c->person.scope ? fg_selector_text(c->person.scope) : NULL;
	const char *theirs = who->user ? who->user->scope : NULL;

	if (c->person.granted_until_ms)
		return fg_fail(&c->err, FG_EDENIED,
			"your own role is granted for a while only: an admin of the config has to do it");
	if (scope && (!theirs || strcmp(scope, theirs) != 0))
		return fg_fail(&c->err, FG_EDENIED,
			"you do not see everything, and %s has another scope", who->name);
	if (c->person.commands || (c->person.deny && *c->person.deny))
		return fg_fail(&c->err, FG_EDENIED,
			"there are commands that you may not use: an admin without such lists has to do it");
	if (c->person.id && who->id == c->person.id)
		return fg_fail(&c->err, FG_EDENIED, "nobody grants a role to themselves");
	return 0;
}

/* Giving */

static int parse_role(struct command *c, const char *word, enum role *role)
{
	for (*role = ROLE_VIEWER; *role <= ROLE_ADMIN; (*role)++)
		if (strcmp(role_name(*role), word) == 0)
			return 0;
	return command_usage(c, "ROLE is viewer, operator, admin, or none to take it back");
}

static int parse_end(struct command *c, const char *word, int64_t *ms)
{
	if (fg_duration_parse(word, ms, &c->err) < 0)
		return -1;
	if (*ms < 1000 || *ms > LONGEST_MS)
		return fg_fail(&c->err, FG_EINVAL,
			"a grant lasts from 1s to 30d; for longer there is the config");
	return 0;
}

/* A message to them, where they can be written to. */
static int tell(struct command *c, struct fg_tx *tx, const struct who *who, const char *html)
{
	struct outbox_message m = {.chat_id = who->id, .html = html, .priority = OUTBOX_NOTICE};

	/* Nobody can be written to who has only spoken in a group; a terminal has no outbox. */
	if (!who->user || !c->app->outbox || who->id == c->chat_id)
		return 0;
	return outbox_push(tx, &m, &c->err) < 0 ? -1 : 0;
}

static int give(struct command *c, const struct who *who, enum role role, int64_t ms)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_str struct fg_str html = {0};
	struct grant grant = {
		.user_id = who->id,
		.name = who->name,
		.by = c->person.name,
		.role = role,
		.until_ms = fg_wall_ms() + ms,
	};
	const struct fg_language *before;
	char at[32], human[FG_HUMAN];

	clock_text(at, grant.until_ms);
	fg_duration_human(human, ms);
	fg_str_init(&html, HTML_MESSAGE);
	before = fg_language_set(roles_language(c->setup->roles, who->id, who->id, 0));
	html_printf(&html, "🔑 %s made you %s for %s, until %s. /whoami shows what you may do.",
		c->person.name, role_name(role), human, at);
	fg_language_set(before);
	if (fg_tx_begin(c->app->store, &tx, &c->err) < 0 || grants_put(&tx, &grant, &c->err) < 0 ||
		tell(c, &tx, who, html.s) < 0 || fg_tx_commit(&tx, &c->err) < 0)
		return -1;
	reply_html(c->reply, "🔑 %s is %s for %s, until %s.", who->name, role_name(role), human, at);
	menus_start(c->app);
	keyboard_button(reply_keyboard(c->reply), fg_tr("Take back"), false, "grant %lld none",
		(long long)who->id);
	return 0;
}

static int take_back(struct command *c, const struct who *who)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_str struct fg_str html = {0};
	const struct fg_language *before;
	int rc;

	fg_str_init(&html, HTML_MESSAGE);
	before = fg_language_set(roles_language(c->setup->roles, who->id, who->id, 0));
	html_printf(&html, "🔑 %s took back what was granted to you.", c->person.name);
	fg_language_set(before);
	if (fg_tx_begin(c->app->store, &tx, &c->err) < 0)
		return -1;
	rc = grants_drop(&tx, who->id, &c->err);
	if (rc == 0)
		return fg_fail(&c->err, FG_ENOTFOUND, "nothing is granted to %s", who->name);
	if (rc < 0 || tell(c, &tx, who, html.s) < 0 || fg_tx_commit(&tx, &c->err) < 0)
		return -1;
	menus_start(c->app);
	return reply_html(c->reply, "🔑 %s has the role of the config again.", who->name);
}

/* The list */

static void add_grant(const struct grant *grant, void *arg)
{
	struct command *c = arg;
	struct fg_str *html = &fg_list_entry(c->reply->parts.prev, struct reply_part, link)->html;
	cJSON *data = cJSON_CreateObject();
	char at[32], until[FG_RFC3339];

	html_printf(html, "🔑 <b>%s</b> is %s until %s, by %s\n", grant->name,
		role_name(grant->role), clock_text(at, grant->until_ms), grant->by);
	fg_json_set_i64(data, "id", grant->user_id);
	cJSON_AddStringToObject(data, "name", grant->name);
	cJSON_AddStringToObject(data, "role", role_name(grant->role));
	cJSON_AddStringToObject(data, "until", fg_rfc3339(until, grant->until_ms));
	cJSON_AddStringToObject(data, "by", grant->by);
	cJSON_AddItemToArray(c->reply->data, data);
}

static int list(struct command *c)
{
	struct fg_str *html = reply_add(c->reply);
	int n;

	c->reply->data = cJSON_CreateArray();
	n = grants_each(c->app->store, add_grant, c, &c->err);
	if (n == 0)
		html_printf(html, "Nothing is granted to anybody now.\n");
	return n < 0 ? -1 : 0;
}

static int grant_run(struct command *c)
{
	enum role role = ROLE_NONE;
	struct who who;
	int64_t ms = 0;
	bool none = c->n == 2 && strcmp(c->words[1], "none") == 0;

	if (c->n == 0)
		return list(c);
	if (c->n != 3 && !none)
		return command_usage(c, "it takes a user, a role and for how long");
	if (!none && (parse_role(c, c->words[1], &role) < 0 || parse_end(c, c->words[2], &ms) < 0))
		return -1;
	if (find_who(c, c->words[0], &who) < 0 || may_grant(c, &who) < 0)
		return -1;
	if (!none && who.user && who.user->role >= role)
		return fg_fail(&c->err, FG_ECONFLICT, "%s is %s already: a grant only raises",
			who.name, role_name(who.user->role));
	if (command_begin(c, NULL, NULL) < 0)
		return -1;
	return none ? take_back(c, &who) : give(c, &who, role, ms);
}

const struct command_row command_grant = {
	.name = "grant",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.mutates = true,
	.max = 3,
	.usage = "[USER ROLE 15m | USER none]",
	.help = "Raise somebody's role for a while",
	.more = "USER is a name or an id of the config, or the id of somebody who has used a command in "
		"one of its chats. The role ends by itself, at most after 30d; none takes it back. Scope "
		"and denied commands stay as the config has them. Without words: what is granted now.\n"
		"\n"
		"/grant otto admin 15m\n"
		"/grant otto none\n"
		"/grant",
	.run = grant_run,
};
