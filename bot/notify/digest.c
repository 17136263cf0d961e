/* The digest: when it is due, and to whom it goes. */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/list.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/audience.h"
#include "notify/digest.h"
#include "notify/hours.h"
#include "telegram/html.h"
#include "telegram/keyboard.h"
#include "telegram/outbox.h"

#define LOOK_MS ((int64_t)60 * 1000) /* the clock may be set */
#define HTML_BYTES 16384
#define SETTING "notify.digest" /* the time of day, and when the last one was due: "08:00 MS" */
#define CLOCK_MS ((int64_t)3600 * 1000) /* a clock may be set back by so much */
#define FACTS_MS ((int64_t)48 * 3600 * 1000)

static const char *const steps[] = {
	"CREATE TABLE pruned(at_ms INTEGER NOT NULL, n INTEGER NOT NULL);",
};

struct digest {
	struct app *app;
	struct fg_cond kicked;
};

struct digest *digest_create(struct app *app, struct fg_err *err)
{
	struct digest *d;

	if (fg_store_migrate(app->store, "digest", steps, FG_ARRAY_LEN(steps), err) < 0)
		return NULL;
	d = fg_alloc(sizeof(*d));
	d->app = app;
	fg_cond_init(&d->kicked);
	return d;
}

void digest_destroy(struct digest *d)
{
	free(d);
}

void digest_kick(struct digest *d)
{
	if (d)
		fg_cond_broadcast(&d->kicked);
}

int digest_note_pruned(struct fg_tx *tx, int64_t n, struct fg_err *err)
{
	int64_t now = fg_wall_ms();

	if (n == 0)
		return 0;
	if (fg_tx_exec(tx, err, "DELETE FROM pruned WHERE at_ms < ?", "i", now - FACTS_MS) < 0 ||
		fg_tx_exec(tx, err, "INSERT INTO pruned VALUES(?, ?)", "ii", now, n) < 0)
		return -1;
	return 0;
}

/* What is to be sent: made while it may be waited, sent in one transaction. */
struct letter {
	struct fg_list link;
	int64_t chat, thread;
	struct fg_str html;
	cJSON *keyboard;
};

struct writing {
	struct app *app;
	struct setup *setup;
	struct fg_list letters;
	struct fg_err *err;
	int rc;
};

static void write_one(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct writing *w = arg;
	struct letter *letter;

	if (w->rc < 0)
		return;
	letter = fg_alloc(sizeof(*letter));
	letter->chat = chat_id;
	letter->thread = chat->thread;
	fg_str_init(&letter->html, HTML_BYTES);
	letter->keyboard = keyboard_create();
	keyboard_button(letter->keyboard, fg_tr("🖥 Status"), false, "status");
	keyboard_button(letter->keyboard, fg_tr("⚠️ Incidents"), false, "incidents");
	fg_list_append(&w->letters, &letter->link);
	w->rc = digest_write(w->app, w->setup, chat, &letter->html, w->err);
}

static int post_one(struct writing *w, struct fg_tx *tx, const struct letter *letter, bool silent)
{
	cleanup_json cJSON *markup = keyboard_encode(tx, letter->keyboard, w->err);
	struct outbox_message m = {
		.chat_id = letter->chat,
		.thread = letter->thread,
		.html = letter->html.s,
		.keyboard = markup,
		.silent = silent,
		.priority = OUTBOX_NOTICE,
	};

	return !markup || outbox_push(tx, &m, w->err) < 0 ? -1 : 0;
}

static int post(struct writing *w, const char *setting, bool silent)
{
	cleanup_tx struct fg_tx tx = {0};
	struct letter *letter;

	if (fg_tx_begin(w->app->store, &tx, w->err) < 0)
		return -1;
	fg_list_each (&w->letters, letter, link)
		if (post_one(w, &tx, letter, silent) < 0)
			return -1;
	if (fg_tx_set(&tx, SETTING, setting, w->err) < 0 || fg_tx_commit(&tx, w->err) < 0)
		return -1;
	outbox_kick(w->app->outbox);
	return 0;
}

/* To everybody; it is settled then. */
static int tell(struct digest *d, const char *setting, struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(d->app->setup);
	struct writing w = {.app = d->app, .setup = setup, .err = err};
	int rc;

	fg_list_init(&w.letters);
	audience_each(setup, NULL, write_one, &w);
	rc = w.rc < 0 ? -1 : post(&w, setting, audience_quiet_until(d->app, fg_wall_ms()) != 0);
	while (!fg_list_empty(&w.letters)) {
		struct letter *letter = fg_list_first(&w.letters, struct letter, link);

		fg_list_remove(&letter->link);
		fg_str_finish(&letter->html);
		cJSON_Delete(letter->keyboard);
		free(letter);
	}
	return rc;
}

/* When the last one was due that is settled. A time of day that is new counts from now on, and so
 * does one that was settled by a clock that was wrong. */
static int64_t settled(struct digest *d, const char *time, int64_t now_ms)
{
	cleanup_free char *text = fg_store_get(d->app->store, SETTING);
	size_t len = strlen(time);
	int64_t last = now_ms;

	if (text && strncmp(text, time, len) == 0 && text[len] == ' ')
		last = strtoll(text + len, NULL, 10);
	return last > now_ms + CLOCK_MS ? now_ms : last;
}

static int look(struct digest *d, const char *time, struct fg_err *err)
{
	int64_t now = fg_wall_ms(), due = hours_last(time, now), last = settled(d, time, now);
	cleanup_free char *setting =
		fg_printf("%s %lld", time, (long long)(due > last ? due : last));

	if (due > last && now - due < DIGEST_LATE_MS)
		return tell(d, setting, err);
	if (last == now || due > last)
		return fg_store_set(d->app->store, SETTING, setting, err);
	return 0;
}

void digest_run(void *arg)
{
	struct digest *d = arg;
	bool troubled = false;
	struct fg_err err;

	while (!fg_task_canceled()) {
		cleanup_free char *time = fg_strdup(d->app->setup->config->notify.digest);
		int64_t left = LOOK_MS, now, next;
		int rc = *time ? look(d, time, &err) : 0;

		if (rc < 0 && !troubled && !fg_task_canceled())
			fg_error("the digest has to wait: %s", err.text);
		troubled = rc < 0;
		now = fg_wall_ms();
		next = hours_next(time, now);
		if (next && next - now < left)
			left = next - now + 1;
		fg_cond_wait(&d->kicked, "the digest's time", fg_now_ms() + left, NULL);
	}
}
