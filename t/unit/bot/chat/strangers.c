/* Strangers: whom the operators are told of, and for how long they are known. */
#include <string.h>
#include "../telegram/scratch.h"
#include "chat/inbox.h"
#include "chat/roles.h"
#include "chat/strangers.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/audience.h"
#include "notify/notify.h"
#include "tap.h"
#include "telegram/outbox.h"

#define ADMIN 7

static struct config config = {.telegram.unknown_users = CONFIG_UNKNOWN_TELL_ID};
static struct setup setup = {.config = &config};
static struct app app = {.setup = &setup};
static char told[400]; /* the last thing an admin was */
static int introductions, greetings;

void roles_each_admin(const struct roles *roles, void (*fn)(int64_t chat, void *arg), void *arg)
{
	(void)roles;
	fn(ADMIN, arg);
}

void audience_each(const struct setup *s, const struct fg_subject *subject,
	void (*each)(const struct config_chat *chat, int64_t chat_id, void *arg), void *arg)
{
	(void)s, (void)subject, (void)each, (void)arg;
}

int notify_tell(struct app *a, struct fg_tx *tx, const struct config_chat *chat, int64_t chat_id,
	const struct notice *notice, struct fg_err *err)
{
	(void)a, (void)tx, (void)chat, (void)chat_id, (void)notice, (void)err;
	return 0;
}

int inbox_done(struct fg_tx *tx, int64_t update_id, struct fg_err *err)
{
	(void)tx, (void)update_id, (void)err;
	return 0;
}

int64_t outbox_push(struct fg_tx *tx, const struct outbox_message *m, struct fg_err *err)
{
	(void)tx, (void)err;
	if (m->chat_id == ADMIN) {
		introductions++;
		snprintf(told, sizeof(told), "%s", m->html);
	} else {
		greetings++;
	}
	return 1;
}

void outbox_kick(struct outbox *ob)
{
	(void)ob;
}

static void meet(int64_t id)
{
	cleanup_json cJSON *user = cJSON_CreateObject();

	fg_json_set_i64(user, "id", id);
	cJSON_AddStringToObject(user, "first_name", "Eve");
	strangers_meet(&app, &setup, &(struct meeting){.chat_id = id, .private = true, .user = user});
}

static void run(void *arg)
{
	int64_t first = 1000000;

	(void)arg;
	fg_log_setup(FG_LOG_ERROR, false);
	app.store = scratch_store();
	ok(strangers_setup(app.store, NULL) == 0, "set up");
	meet(first);
	meet(first);
	ok(introductions == 1 && greetings == 1 && strstr(told, "1000000"), "somebody new is told of once");
	for (int i = 1; i < 50; i++)
		meet(first + i);
	is_int(greetings, 50, "each is told their id");
	is_int(introductions, 6, "of many within an hour only some are told of");
	ok(strncmp(told, "👤 More people", strlen("👤 More people")) == 0, "… and that there are more");
	fg_store_exec(app.store, NULL,
		"UPDATE settings SET value = '1000 50' WHERE key = 'strangers.named'", "");
	meet(first + 50);
	ok(introductions == 7 && strstr(told, "1000050"), "an hour later they are named again");

	fg_store_exec(app.store, NULL, "UPDATE strangers SET told_ms = 1 WHERE user_id < 1000050", "");
	meet(first + 51);
	is_int(fg_store_i64(app.store, -1, "SELECT count(*) FROM strangers", ""), 2, "who has not written for a month is forgotten");
	fg_store_exec(app.store, NULL,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"
		" INSERT INTO strangers SELECT 5000000 + i, ?1 - i FROM n",
		"i", fg_wall_ms() - 1000);
	meet(first + 52);
	is_int(fg_store_i64(app.store, -1, "SELECT count(*) FROM strangers", ""), 10000, "of very many the last ones are known");
	fg_store_close(app.store);
	scratch_finish();
}

int main(void)
{
	fg_loop_run("main", run, NULL);
	return done_testing();
}
