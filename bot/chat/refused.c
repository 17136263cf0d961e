/* Who is told that a chat refuses. */
#include "chat/refused.h"
#include "chat/roles.h"
#include "fleetgram/base/mem.h"
#include "telegram/html.h"
#include "telegram/moves.h"
#include "telegram/outbox.h"
#include "telegram/parked.h"
#include "telegram/speech.h"

struct place {
	int64_t chat, thread;
};

struct telling {
	struct fg_tx *tx;
	int64_t refusing;
	const char *name, *why; /* the chat's in the config, Telegram's reason */
	struct place *told; /* there is room for all */
	size_t count;
	int rc;
	struct fg_err *err;
};

static void tell(int64_t chat, int64_t thread, struct telling *t)
{
	cleanup_language const struct fg_language *before =
		fg_language_set(speech_of(chat, thread));
	cleanup_str struct fg_str html = {0};
	struct outbox_message m = {
		.chat_id = chat, .thread = thread, .priority = OUTBOX_NOTICE};

	/* An admin's own chat may have `notify` as well. */
	for (size_t i = 0; i < t->count; i++)
		if (t->told[i].chat == chat && t->told[i].thread == thread)
			return;
	t->told[t->count++] = (struct place){chat, thread};
	fg_str_init(&html, HTML_MESSAGE);
	html_printf(&html,
		"🔇 I cannot write to %s%schat <code>%lld</code> any more: %s.\nThe last %d messages "
		"for it wait there for 7 days. They go out when somebody in that chat writes to me "
		"again, and I try once a day. If it is gone for good, take it out of the config.",
		t->name, *t->name ? ", " : "", t->refusing, t->why, PARKED_MOST);
	m.html = html.s;
	if (moves_now(chat) != t->refusing && t->rc == 0 && outbox_push(t->tx, &m, t->err) < 0)
		t->rc = -1;
}

static void tell_admin(int64_t chat, void *arg)
{
	tell(chat, 0, arg);
}

/* What the config calls the chat, "" when it gives no name; NULL: it does not know it. */
static const char *name_of(const struct config *config, int64_t chat)
{
	const char *name = NULL;

	for (size_t i = 0; i < config->user_count && !name; i++)
		if (config->users[i].id == chat)
			name = config->users[i].name ? config->users[i].name : "";
	for (size_t i = 0; i < config->chat_count && !name; i++)
		if (moves_now(config->chats[i].id) == chat)
			name = config->chats[i].name ? config->chats[i].name : "";
	return name;
}

int refused_tell(struct fg_tx *tx, int64_t chat, const char *why, void *arg, struct fg_err *err)
{
	struct app *app = arg;
	cleanup_setup struct setup *setup = setup_ref(app->setup);
	const struct config *config = setup->config;
	cleanup_free struct place *told =
		fg_alloc((config->user_count + config->chat_count + 1) * sizeof(*told));
	struct telling t = {.tx = tx, .refusing = chat, .told = told, .err = err};
	const char *name = name_of(config, chat);

	if (!name)
		return 0;
	t.name = name;
	t.why = why;
	roles_each_admin(setup->roles, tell_admin, &t);
	for (size_t i = 0; i < config->chat_count; i++)
		if (config->chats[i].notify)
			tell(config->chats[i].id, config->chats[i].thread, &t);
	return t.rc;
}
