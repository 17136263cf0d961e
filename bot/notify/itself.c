/* What the bot tells of itself. */
#include <string.h>
#include <sys/stat.h>
#include "commands/format.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/audience.h"
#include "notify/itself.h"
#include "notify/notify.h"
#include "telegram/html.h"
#include "telegram/outbox.h"

#define SETTING "notify.itself"
#define MISTAKES_MOST 3000 /* bytes that are told of them */
#define HOSTS_NAMED 5

/*
 * The setting: {"version","stopped_ms","crashes","since_ms","messages":[{"chat","thread","key"}]}:
 * when it last stopped in order (0: it has not), how often it has crashed since when, and its last
 * message in each chat.
 */
struct itself {
	struct app *app;
	cJSON *doc;
	bool first;      /* there was no run before this one */
	bool crashed;    /* the last one did not stop in order */
	int64_t away_ms; /* between the last one and this one */
	char *before;    /* the version of the last one */
};

static int64_t last_sign(const struct app *app)
{
	struct stat st;

	return app->lock_fd >= 0 && fstat(app->lock_fd, &st) == 0
		       ? (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000
		       : 0;
}

static void give_sign(const struct app *app)
{
	if (app->lock_fd >= 0 && futimens(app->lock_fd, NULL) < 0)
		fg_debug("the lock's time cannot be set");
}

static int save(struct itself *s, struct fg_tx *tx, struct fg_err *err)
{
	cleanup_json_text char *text = fg_json_print(s->doc);

	return fg_tx_set(tx, SETTING, text, err);
}

/* What the last run left becomes what this one begins with. */
static void take_over(struct itself *s)
{
	int64_t now = fg_wall_ms(), stopped = fg_json_i64(s->doc, "stopped_ms", 0);
	int64_t since = fg_json_i64(s->doc, "since_ms", 0);
	int64_t crashes = fg_json_i64(s->doc, "crashes", 0);
	int64_t last = stopped ? stopped : last_sign(s->app);

	s->crashed = !s->first && !stopped;
	s->away_ms = last > 0 && last < now ? now - last : 0;
	s->before = fg_strdup(fg_json_str(s->doc, "version", ""));
	if (!s->crashed || now - since > ITSELF_AGAIN_MS || since > now) {
		crashes = 0;
		since = now - s->away_ms;
	}
	cJSON_DeleteItemFromObject(s->doc, "version");
	cJSON_AddStringToObject(s->doc, "version", FLEETGRAM_VERSION);
	fg_json_set_i64(s->doc, "stopped_ms", 0);
	fg_json_set_i64(s->doc, "crashes", crashes + s->crashed);
	fg_json_set_i64(s->doc, "since_ms", since);
}

struct itself *itself_create(struct app *app, struct fg_err *err)
{
	cleanup_free char *text = fg_store_get(app->store, SETTING);
	struct itself *s = fg_alloc(sizeof(*s));
	cleanup_tx struct fg_tx tx = {0};

	s->app = app;
	s->doc = text ? fg_json_parse(text, strlen(text), NULL) : NULL;
	s->first = !cJSON_IsObject(s->doc);
	if (s->first) {
		cJSON_Delete(s->doc);
		s->doc = cJSON_CreateObject();
	}
	take_over(s);
	give_sign(app);
	if (fg_tx_begin(app->store, &tx, err) < 0 || save(s, &tx, err) < 0 ||
		fg_tx_commit(&tx, err) < 0) {
		itself_destroy(s);
		return NULL;
	}
	return s;
}

void itself_destroy(struct itself *s)
{
	if (!s)
		return;
	cJSON_Delete(s->doc);
	free(s->before);
	free(s);
}

void itself_run(void *arg)
{
	struct itself *s = arg;

	while (fg_task_sleep(ITSELF_BEAT_MS, NULL) == 0)
		give_sign(s->app);
}

/* Telling */

struct telling {
	struct itself *itself;
	struct setup *setup;
	struct fg_tx *tx;
	struct fg_err *err;
	cJSON *messages; /* of this time */
	bool stops, replaces, silent;
	int rc;
};

/* The key of its last message in that chat and topic; 0: none is known. */
static int64_t last_message(const struct itself *s, int64_t chat, int64_t thread)
{
	const cJSON *m;

	cJSON_ArrayForEach (m, fg_json_array(s->doc, "messages"))
		if (fg_json_i64(m, "chat", 0) == chat && fg_json_i64(m, "thread", 0) == thread)
			return fg_json_i64(m, "key", 0);
	return 0;
}

/* The hosts that the chat may see, as they answered the first time. */
static void add_hosts(struct fg_str *html, const struct telling *t, const struct config_chat *chat)
{
	const struct fg_selector *scope = audience_scope(t->setup, chat);
	size_t n = fg_fleet_count(t->setup->fleet), shown = 0;
	int answer = 0, silent = 0;

	for (size_t i = 0; i < n; i++) {
		const struct fg_host *host = fg_fleet_host(t->setup->fleet, i);

		if (!fg_selector_match_host(scope, host->name))
			continue;
		answer += host->known && host->up;
		silent += !host->known || !host->up;
	}
	html_printf(html,
		fg_ntr("\n🖥 %d host answers", "\n🖥 %d hosts answer", (size_t)answer), answer);
	for (size_t i = 0; i < n && silent && shown < HOSTS_NAMED; i++) {
		const struct fg_host *host = fg_fleet_host(t->setup->fleet, i);

		if (!fg_selector_match_host(scope, host->name) || (host->known && host->up))
			continue;
		html_printf(html, "%S%s", shown++ ? ", " : "; no answer from ", host->name);
	}
	if (silent > (int)shown)
		html_printf(html, " and %d more", silent - (int)shown);
	fg_str_puts(html, ".");
}

static void add_start(struct fg_str *html, const struct telling *t, const struct config_chat *chat)
{
	const struct itself *s = t->itself;
	int64_t crashes = fg_json_i64(s->doc, "crashes", 0), now = fg_wall_ms();
	bool other = *s->before && strcmp(s->before, FLEETGRAM_VERSION) != 0;
	char age[FG_HUMAN];

	html_printf(html, "%s <b>Fleetgram %s%s%s</b> ",
		s->crashed    ? "⚠️"
		: t->replaces ? "♻️"
			      : "🟢",
		other ? s->before : "", other ? " → " : "", FLEETGRAM_VERSION);
	if (s->first)
		fg_str_puts(html, fg_tr("has started."));
	else if (crashes > 1)
		html_printf(html, "died %d times within %s, and is back.", (int)crashes,
			format_age(age, now - fg_json_i64(s->doc, "since_ms", now)));
	else if (s->crashed)
		html_printf(html, "died, and is back after %s.", format_age(age, s->away_ms));
	else
		html_printf(html,
			t->replaces ? "was restarted, and was away for %s."
				    : "has started. It was away for %s.",
			format_age(age, s->away_ms));
	if (!t->replaces)
		add_hosts(html, t, chat);
}

static void tell(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct telling *t = arg;
	cleanup_str struct fg_str html = {0};
	int64_t key = t->replaces ? last_message(t->itself, chat_id, chat->thread) : 0;
	struct outbox_message m = {
		.chat_id = chat_id,
		.thread = chat->thread,
		.silent = t->silent || t->replaces,
		.priority = OUTBOX_NOTICE,
	};
	cJSON *message;

	if (t->rc < 0)
		return;
	fg_str_init(&html, HTML_MESSAGE);
	if (t->stops)
		html_printf(&html,
			"⏹ <b>Fleetgram %s</b> stops. Nothing is watched until it is back.",
			FLEETGRAM_VERSION);
	else
		add_start(&html, t, chat);
	m.html = html.s;
	if (key)
		t->rc = outbox_replace(t->tx, key, &m, t->err);
	else if ((key = outbox_push(t->tx, &m, t->err)) < 0)
		t->rc = -1;
	message = cJSON_CreateObject();
	fg_json_set_i64(message, "chat", chat_id);
	fg_json_set_i64(message, "thread", chat->thread);
	fg_json_set_i64(message, "key", key);
	cJSON_AddItemToArray(t->messages, message);
}

/* To all chats, in one transaction with what the next run has to know. */
static int tell_all(struct itself *s, bool stops, struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(s->app->setup);
	cleanup_json cJSON *messages = cJSON_CreateArray();
	cleanup_tx struct fg_tx tx = {0};
	struct telling t = {
		.itself = s,
		.setup = setup,
		.tx = &tx,
		.err = err,
		.messages = messages,
		.stops = stops,
		.silent = audience_quiet_until(s->app, fg_wall_ms()) != 0,
	};

	t.replaces =
		!stops && !s->first &&
		(s->crashed ? fg_json_i64(s->doc, "crashes", 0) > 1 : s->away_ms < ITSELF_QUICK_MS);
	if (fg_tx_begin(s->app->store, &tx, err) < 0)
		return -1;
	audience_each(setup, NULL, tell, &t);
	if (t.rc < 0)
		return -1;
	cJSON_DeleteItemFromObject(s->doc, "messages");
	cJSON_AddItemToObject(s->doc, "messages", fg_steal(&messages));
	fg_json_set_i64(s->doc, "stopped_ms", stops ? fg_wall_ms() : 0);
	if (save(s, &tx, err) < 0 || fg_tx_commit(&tx, err) < 0)
		return -1;
	outbox_kick(s->app->outbox);
	return 0;
}

void itself_started(struct itself *s)
{
	struct fg_err err;

	if (tell_all(s, false, &err) < 0)
		fg_error("nobody was told of the start: %s", err.text);
}

void itself_stopping(struct itself *s)
{
	struct fg_err err;

	if (tell_all(s, true, &err) < 0)
		fg_error("nobody was told of the end: %s", err.text);
}

struct refusal {
	struct app *app;
	struct fg_tx *tx;
	const struct fg_err *why;
	const char *mistakes;
	struct fg_err *err;
	int rc;
};

static void tell_refusal(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct refusal *r = arg;
	cleanup_str struct fg_str html = {0};
	struct notice notice = {.urgent = true, .whole = true};
	size_t cut = fg_utf8_cut(r->mistakes, strlen(r->mistakes), MISTAKES_MOST);

	if (r->rc < 0)
		return;
	fg_str_init(&html, 4 * HTML_MESSAGE);
	html_printf(&html, "⚠️ <b>The new config is refused</b>, the old one stays in use: %s.",
		r->why->text);
	if (cut) {
		fg_str_puts(&html, "\n<pre>");
		html_text_len(&html, r->mistakes, cut);
		fg_str_puts(&html, r->mistakes[cut] ? "…</pre>" : "</pre>");
	}
	notice.html = html.s;
	r->rc = notify_tell(r->app, r->tx, chat, chat_id, &notice, r->err);
}

void itself_refused(struct itself *s, const struct fg_err *why, const char *mistakes)
{
	struct app *app = s->app;
	cleanup_setup struct setup *setup = setup_ref(app->setup);
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;
	struct refusal r = {
		.app = app, .tx = &tx, .why = why, .mistakes = mistakes, .err = &err};

	if (fg_tx_begin(app->store, &tx, &err) == 0)
		audience_each(setup, NULL, tell_refusal, &r);
	else
		r.rc = -1;
	if (r.rc < 0 || fg_tx_commit(&tx, &err) < 0)
		fg_error("nobody was told of the config: %s", err.text);
	outbox_kick(app->outbox);
}
