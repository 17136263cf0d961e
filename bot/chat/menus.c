/* Who gets which command menu. */
#include <stdlib.h>
#include "chat/command.h"
#include "chat/grants.h"
#include "chat/menus.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "telegram/menu.h"

#define PAUSE_MS 300 /* between two calls: they are not worth a limit of Telegram's */
#define ENTRIES_MOST 128

/* For the end of a grant at least so often: somebody may set the clock; and after a failure. */
#define LOOK_MS 60000

static unsigned runs; /* the newest is the one that goes on */
static bool failing;  /* which was said */

struct chats {
	int64_t *v;
	size_t n;
};

static bool has(const struct chats *chats, int64_t id)
{
	for (size_t i = 0; i < chats->n; i++)
		if (chats->v[i] == id)
			return true;
	return false;
}

/* The chats that are to have a menu of their own. The caller frees v. */
static struct chats wanted_chats(const struct config *config)
{
	struct chats chats = {0};

	chats.v = fg_alloc((config->user_count + config->chat_count + 1) * sizeof(*chats.v));
	for (size_t i = 0; i < config->user_count; i++)
		if (!has(&chats, config->users[i].id))
			chats.v[chats.n++] = config->users[i].id;
	for (size_t i = 0; i < config->chat_count; i++) {
		const struct config_chat *chat = &config->chats[i];

		/* A topic cannot have its own menu. */
		if (!chat->thread && chat->role != ROLE_NONE && !has(&chats, chat->id))
			chats.v[chats.n++] = chat->id;
	}
	return chats;
}

/* What whoever is in that chat may use; 0: what anybody known may. */
static size_t entries_of(struct app *app, const struct setup *setup, int64_t chat,
	struct menu_entry entries[ENTRIES_MOST])
{
	struct person person = {0};
	const struct fg_language *before;
	size_t n = 0;

	/* A private chat has the number of its user; in a group nobody in particular is asked for.
	 */
	if (chat && !roles_find(setup->roles, chat > 0 ? chat : 0, "", chat, 0, &person))
		return 0;
	if (chat > 0)
		grants_raise(app->store, &person);
	before = fg_language_set(roles_language(setup->roles, chat > 0 ? chat : 0, chat, 0));
	for (const struct command_row *const *row = command_table; *row && n < ENTRIES_MOST;
		row++) {
		bool all = (*row)->role == ROLE_NONE && command_exists(*row, setup->config);

		if (chat ? roles_allow(&person, *row) : all)
			entries[n++] = (struct menu_entry){
				.name = (*row)->name, .description = fg_tr((*row)->help)};
	}
	fg_language_set(before);
	return n;
}

/* One chat, however long Telegram wants to wait. 1: it was called; 0: nothing to do; -1: err. */
static int set_one(struct app *app, const struct setup *setup, int64_t chat, struct fg_err *err)
{
	cleanup_free struct menu_entry *entries = fg_alloc(ENTRIES_MOST * sizeof(*entries));
	size_t n = entries_of(app, setup, chat, entries);
	int rc;

	while ((rc = n ? menu_sync(app->telegram, app->store, chat, entries, n, err)
		       : menu_forget(app->telegram, app->store, chat, err)) < 0 &&
		err->retry_after_ms > 0)
		if (fg_task_sleep(err->retry_after_ms, err) < 0)
			break;
	return rc;
}

/* Whether to go on after rc, which another run or the end may forbid. */
static bool goes_on(int rc, unsigned mine, const struct fg_err *err)
{
	if (rc < 0 && !failing && !fg_task_canceled()) {
		fg_warn("a command menu was not set, it is tried again: %s", err->text);
		failing = true;
	}
	if (rc > 0)
		fg_task_sleep(PAUSE_MS, NULL);
	return rc >= 0 && mine == runs && !fg_task_canceled();
}

/* True: to the end, and no other run has begun. */
static bool bring_up_to_date(struct app *app, unsigned mine)
{
	cleanup_setup struct setup *setup = setup_ref(app->setup);
	struct chats chats = wanted_chats(setup->config);
	cleanup_free int64_t *wanted = chats.v, *known = NULL;
	size_t known_n = menu_known(app->store, &known);
	struct fg_err err = {0};
	bool on = goes_on(set_one(app, setup, 0, &err), mine, &err);

	for (size_t i = 0; on && i < chats.n; i++)
		on = goes_on(set_one(app, setup, wanted[i], &err), mine, &err);
	for (size_t i = 0; on && i < known_n; i++)
		if (!has(&chats, known[i]))
			on = goes_on(
				menu_forget(app->telegram, app->store, known[i], &err), mine, &err);
	return on;
}

static void find_end(const struct grant *grant, void *arg)
{
	int64_t *end = arg;

	if (!*end)
		*end = grant->until_ms;
}

static void run(void *arg)
{
	struct app *app = arg;
	unsigned mine = ++runs;
	bool done, asked;

	do {
		int64_t end = 0, left = LOOK_MS;

		/* First, lest a grant ends after the menus were looked at and before it is asked for. */
		asked = grants_each(app->store, find_end, &end, NULL) >= 0;
		done = bring_up_to_date(app, mine) && asked;
		if (done)
			failing = false;
		if (mine != runs || (done && !end))
			return;
		if (done)
			left = end - fg_wall_ms();
		if (fg_task_sleep(left < 0 ? 0 : left < LOOK_MS ? left : LOOK_MS, NULL) < 0)
			return;
	} while (mine == runs);
}

void menus_start(struct app *app)
{
	if (app->telegram)
		fg_task_start("menu of commands", run, app);
}

void menus_heard(struct app *app, int64_t chat)
{
	if (app->telegram && menu_retry(app->store, chat))
		menus_start(app);
}
