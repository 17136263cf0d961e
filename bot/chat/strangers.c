/* Strangers. */
#include <stdlib.h>
#include "chat/strangers.h"
#include "chat/audit.h"
#include "chat/inbox.h"
#include "chat/roles.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "notify/audience.h"
#include "notify/notify.h"
#include "telegram/html.h"
#include "telegram/outbox.h"

#define AGAIN_MS ((int64_t)3600 * 1000)
#define KEEP_MS ((int64_t)30 * 24 * 3600 * 1000)
#define KEPT_MOST 10000
#define NAMED_MS ((int64_t)3600 * 1000)
#define NAMED_MOST 5            /* new ones within that time */
#define NAMED "strangers.named" /* "SINCE N": so many new ones since then */

static const char *const steps[] = {
	"CREATE TABLE strangers(user_id INTEGER PRIMARY KEY, told_ms INTEGER NOT NULL);",
	"CREATE INDEX strangers_told ON strangers(told_ms);",
};

int strangers_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "strangers", steps, FG_ARRAY_LEN(steps), err);
}

struct telling {
	struct app *app;
	const struct setup *setup;
	struct fg_tx *tx;
	const cJSON *user; /* NULL: there are too many of them */
	int rc;
	struct fg_err *err;
};

static void write_stranger(struct fg_str *html, const cJSON *user)
{
	const char *username = fg_json_str(user, "username", "");

	fg_str_init(html, 4096);
	if (!user) {
		html_printf(html,
			"👤 More people who are not in the config write to me. For an hour I name no more of them; /audit has what they tried.");
		return;
	}
	html_printf(html,
		"👤 Somebody who is not in the config wrote to me: %s%s%s, id <code>%lld</code>.",
		fg_json_str(user, "first_name", "?"), *username ? " @" : "", username,
		fg_json_i64(user, "id", 0));
}

static void tell(int64_t chat_id, void *arg)
{
	struct telling *telling = arg;
	cleanup_str struct fg_str html = {0};
	struct outbox_message m = {.chat_id = chat_id, .priority = OUTBOX_NOTICE};

	write_stranger(&html, telling->user);
	m.html = html.s;
	if (telling->rc == 0 && outbox_push(telling->tx, &m, telling->err) < 0)
		telling->rc = -1;
}

/* An admin who has told the bot to notify them is told once. */
static void tell_chat(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct telling *telling = arg;
	const struct config *config = telling->setup->config;
	cleanup_str struct fg_str html = {0};
	struct notice notice = {.early = true};

	for (size_t i = 0; i < config->user_count; i++)
		if (config->users[i].id == chat_id && config->users[i].role == ROLE_ADMIN)
			return;
	write_stranger(&html, telling->user);
	notice.html = html.s;
	if (telling->rc == 0)
		telling->rc = notify_tell(
			telling->app, telling->tx, chat, chat_id, &notice, telling->err);
}

/* How many new ones there were within the hour, with this one. -1: err. */
static int64_t count_new(struct app *app, struct fg_tx *tx, int64_t now_ms, struct fg_err *err)
{
	cleanup_free char *before = fg_store_get(app->store, NAMED), *text = NULL;
	int64_t since = 0, n = 0;
	char *end;

	if (before) {
		since = strtoll(before, &end, 10);
		n = strtoll(end, NULL, 10);
	}
	if (now_ms - since >= NAMED_MS || since > now_ms) {
		since = now_ms;
		n = 0;
	}
	n++;
	text = fg_printf("%lld %lld", (long long)since, (long long)n);
	return fg_tx_set(tx, NAMED, text, err) < 0 ? -1 : n;
}

static int introduce(struct app *app, struct fg_tx *tx, const struct setup *setup,
	const cJSON *user, struct fg_err *err)
{
	int64_t n = count_new(app, tx, fg_wall_ms(), err);
	struct telling telling = {.app = app,
		.setup = setup,
		.tx = tx,
		.user = n <= NAMED_MOST ? user : NULL,
		.err = err};

	if (n < 0)
		return -1;
	if (n > NAMED_MOST + 1)
		return 0;
	roles_each_admin(setup->roles, tell, &telling);
	audience_each(setup, NULL, tell_chat, &telling);
	return telling.rc;
}

/* When that one was told last; those who have not written for long are forgotten. */
static int remember(struct fg_tx *tx, int64_t user_id, int64_t now_ms, struct fg_err *err)
{
	if (fg_tx_exec(tx, err, "INSERT OR REPLACE INTO strangers VALUES(?, ?)", "ii", user_id,
		    now_ms) < 0 ||
		fg_tx_exec(tx, err,
			"DELETE FROM strangers WHERE told_ms < ?1 OR told_ms <="
			" (SELECT told_ms FROM strangers ORDER BY told_ms DESC LIMIT 1 OFFSET ?2)",
			"ii", now_ms - KEEP_MS, (int64_t)KEPT_MOST) < 0)
		return -1;
	return 0;
}

static int greet(struct fg_tx *tx, int64_t chat_id, int64_t user_id, struct fg_err *err)
{
	cleanup_str struct fg_str html = {0};
	struct outbox_message m = {.chat_id = chat_id};

	fg_str_init(&html, 4096);
	html_printf(&html,
		"You are not known here. Your id is <code>%lld</code>: give it to the operator of this bot.",
		user_id);
	m.html = html.s;
	return outbox_push(tx, &m, err) < 0 ? -1 : 0;
}

static int note(struct fg_tx *tx, const struct meeting *m, struct fg_err *err)
{
	struct audit_row row = {
		.wall_ms = fg_wall_ms(),
		.user_id = fg_json_i64(m->user, "id", 0),
		.name = fg_json_str(m->user, "first_name", ""),
		.role = AUDIT_STRANGER,
		.chat_id = m->chat_id,
		.line = m->text,
		.result = AUDIT_REFUSED,
		.error = "not in the config",
	};

	if (inbox_done(tx, m->update_id, err) < 0)
		return -1;
	return m->text ? audit_add_stranger(tx, &row, err) : 0;
}

static int meet(
	struct app *app, const struct setup *setup, const struct meeting *m, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	const cJSON *user = m->user;
	int64_t user_id = fg_json_i64(user, "id", 0), now = fg_wall_ms(), told;
	int64_t chat_id = m->private ? m->chat_id : 0;

	if (fg_tx_begin(app->store, &tx, err) < 0 || note(&tx, m, err) < 0)
		return -1;
	told = fg_store_i64(
		app->store, -1, "SELECT told_ms FROM strangers WHERE user_id = ?", "i", user_id);
	if (chat_id && setup->config->telegram.unknown_users == CONFIG_UNKNOWN_TELL_ID &&
		(told < 0 || now - told >= AGAIN_MS || told > now)) {
		if (greet(&tx, chat_id, user_id, err) < 0 ||
			(told < 0 && introduce(app, &tx, setup, user, err) < 0) ||
			remember(&tx, user_id, now, err) < 0)
			return -1;
		fg_warn("user %lld is not in the config and wrote to the bot", (long long)user_id);
	}
	return fg_tx_commit(&tx, err);
}

void strangers_press(struct app *app, const struct meeting *m)
{
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;

	if (fg_tx_begin(app->store, &tx, &err) < 0 || note(&tx, m, &err) < 0 ||
		fg_tx_commit(&tx, &err) < 0)
		fg_error("a stranger's press was not dealt with: %s", err.text);
}

void strangers_meet(struct app *app, const struct setup *setup, const struct meeting *m)
{
	struct fg_err err;

	if (meet(app, setup, m, &err) < 0)
		fg_error("a stranger's message was not dealt with: %s", err.text);
	outbox_kick(app->outbox);
}
