/* Live messages: their states, at their pace, into the outbox. */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "telegram/html.h"
#include "telegram/keyboard.h"
#include "telegram/live.h"
#include "telegram/speech.h"

#define END_LENGTH 64 /* at least the UTF-16 units of what ends it, and an ellipsis */

static const char *const steps[] = {
	"CREATE TABLE live(kind TEXT NOT NULL, owner TEXT NOT NULL, key INTEGER NOT NULL,"
	" chat INTEGER NOT NULL, thread INTEGER NOT NULL, stays INTEGER NOT NULL, html TEXT NOT NULL,"
	" PRIMARY KEY(kind, owner)) WITHOUT ROWID;",
};

struct state {
	char *html; /* NULL: none */
	cJSON *keyboard;
};

struct live {
	struct fg_store *store;
	struct outbox *outbox;
	char *kind, *owner;
	struct outbox_message place;
	bool stays;
	int refs;            /* its owner, and the task that paces it */
	int64_t key;         /* of its message in the outbox; 0: nothing was shown yet */
	struct state shown;  /* in the outbox, or on its way there */
	struct state next;   /* the newest, that is not */
	int64_t due_ms;      /* monotonic: not before */
	bool pacing, closed; /* a task brings next into the outbox; nothing is shown any more */
};

int live_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "live", steps, FG_ARRAY_LEN(steps), err);
}

static void state_finish(struct state *s)
{
	free(s->html);
	cJSON_Delete(s->keyboard);
	*s = (struct state){0};
}

static struct state state_take(struct state *s)
{
	struct state taken = *s;

	*s = (struct state){0};
	return taken;
}

static bool state_is(const struct state *s, const char *html, const cJSON *keyboard)
{
	if (!s->html || strcmp(s->html, html) != 0)
		return false;
	return s->keyboard && keyboard ? cJSON_Compare(s->keyboard, keyboard, true)
				       : !s->keyboard && !keyboard;
}

static void unref(struct live *live)
{
	if (--live->refs > 0)
		return;
	state_finish(&live->shown);
	state_finish(&live->next);
	free(live->kind);
	free(live->owner);
	free(live);
}

/* Take up what an earlier run has left under that name. */
static void adopt(struct live *live)
{
	struct fg_err err;
	cleanup_rows struct fg_rows *rows = fg_store_query(live->store, &err,
		"SELECT key, html FROM live WHERE kind = ? AND owner = ?", "ss", live->kind,
		live->owner);

	if (!rows) {
		fg_error("a live message is not found again: %s", err.text);
		return;
	}
	if (!fg_rows_next(rows))
		return;
	live->key = fg_rows_i64(rows, 0);
	live->shown.html = fg_strdup(fg_rows_str(rows, 1));
}

struct live *live_open(const struct live_options *options)
{
	struct live *live = fg_alloc(sizeof(*live));

	live->refs = 1;
	live->store = options->store;
	live->outbox = options->outbox;
	live->kind = fg_strdup(options->kind);
	live->owner = fg_strdup(options->owner);
	live->stays = options->stays;
	live->place = (struct outbox_message){
		.chat_id = options->chat_id,
		.thread = options->thread,
		.edit_id = options->edit_id,
		.priority = options->priority,
		.silent = !options->loud,
	};
	adopt(live);
	return live;
}

void live_destroy(struct live *live)
{
	if (!live)
		return;
	live->closed = true;
	unref(live);
}

bool live_shown(const struct live *live)
{
	return live->key != 0;
}

bool live_settled(const struct live *live)
{
	return !live->pacing && !live->next.html;
}

/* Showing */

/* Into the outbox and the table; the message's key, or -1. */
static int64_t put(struct live *live, struct fg_tx *tx, const struct state *s, struct fg_err *err)
{
	struct outbox_message m = live->place;
	cleanup_json cJSON *markup = NULL;
	int64_t key = live->key;

	m.html = s->html;
	if (!keyboard_empty(s->keyboard)) {
		markup = keyboard_encode(tx, s->keyboard, err);
		if (!markup)
			return -1;
		m.keyboard = markup;
	}
	if (!key)
		key = outbox_push(tx, &m, err);
	else if (outbox_replace(tx, key, &m, err) < 0)
		return -1;
	if (key < 0 ||
		fg_tx_exec(tx, err,
			"INSERT OR REPLACE INTO live(kind, owner, key, chat, thread, stays, html)"
			" VALUES(?, ?, ?, ?, ?, ?, ?)",
			"ssiiiis", live->kind, live->owner, key, m.chat_id, m.thread,
			(int64_t)live->stays, s->html) < 0)
		return -1;
	return key;
}

static int show(struct live *live, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int64_t key;

	if (fg_tx_begin(live->store, &tx, err) < 0)
		return -1;
	/* Its turn may have come late: what counts is how things are now. */
	if (live->closed || !live->next.html)
		return 0;
	live->due_ms = fg_now_ms() + (live->place.chat_id < 0 ? LIVE_GROUP_PACE_MS : LIVE_PACE_MS);
	state_finish(&live->shown);
	live->shown = state_take(&live->next);
	key = put(live, &tx, &live->shown, err);
	if (key > 0 && fg_tx_commit(&tx, err) == 0) {
		live->key = key;
		outbox_kick(live->outbox);
		return 0;
	}
	/* It was not shown after all: the next try has it, unless there is a newer one. */
	if (!live->next.html)
		live->next = state_take(&live->shown);
	state_finish(&live->shown);
	return -1;
}

/* The one writer of a live message while there is something to show. */
static void pace(void *arg)
{
	struct live *live = arg;
	struct fg_err err;

	while (live->next.html && !live->closed) {
		int64_t left = live->due_ms - fg_now_ms();

		if (left > 0) {
			if (fg_task_sleep(left, &err) < 0)
				break;
			continue; /* much may have changed */
		}
		if (show(live, &err) == 0)
			continue;
		/* Of a store in trouble others tell; a state that waits is no failure of its owner.
		 */
		fg_debug("a live message has to wait: %s", err.text);
		if (err.code == FG_ECANCELED)
			break;
		live->due_ms = fg_now_ms() + LIVE_PACE_MS;
	}
	live->pacing = false;
	unref(live);
}

void live_set(struct live *live, const char *html, cJSON *keyboard)
{
	state_finish(&live->next);
	if (live->closed || state_is(&live->shown, html, keyboard)) {
		cJSON_Delete(keyboard);
		return;
	}
	live->next = (struct state){fg_strdup(html), keyboard};
	if (live->pacing)
		return;
	live->pacing = true;
	live->refs++;
	fg_task_start("live message", pace, live);
}

/* Ending */

static int forget(struct fg_tx *tx, const char *kind, const char *owner, struct fg_err *err)
{
	return fg_tx_exec(tx, err, "DELETE FROM live WHERE kind = ? AND owner = ?", "ss", kind,
		       owner) < 0
		       ? -1
		       : 0;
}

int live_close(
	struct live *live, struct fg_tx *tx, const struct outbox_message *m, struct fg_err *err)
{
	live->closed = true;
	if (!m && live->key && live->next.html && put(live, tx, &live->next, err) < 0)
		return -1;
	if (m && live->key && outbox_replace(tx, live->key, m, err) < 0)
		return -1;
	if (m && !live->key && outbox_push(tx, m, err) < 0)
		return -1;
	return forget(tx, live->kind, live->owner, err);
}

struct left {
	char *kind, *owner, *html;
	int64_t key, chat, thread;
};

static void left_finish(struct left *left)
{
	free(left->kind);
	free(left->owner);
	free(left->html);
}
#define cleanup_left __attribute__((cleanup(left_finish)))

/* The first one after (kind, owner) that does not stay, or that very one. 1; 0: there is none; -1.
 */
static int find(struct fg_tx *tx, const char *kind, const char *owner, bool exact,
	struct left *left, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err,
		exact ? "SELECT kind, owner, html, key, chat, thread FROM live"
			" WHERE (kind, owner) = (?, ?)"
		      : "SELECT kind, owner, html, key, chat, thread FROM live"
			" WHERE (kind, owner) > (?, ?) AND NOT stays ORDER BY kind, owner LIMIT 1",
		"ss", kind, owner);

	if (!rows)
		return -1;
	if (!fg_rows_next(rows))
		return fg_rows_failed(rows, err);
	left_finish(left);
	left->kind = fg_strdup(fg_rows_str(rows, 0));
	left->owner = fg_strdup(fg_rows_str(rows, 1));
	left->html = fg_strdup(fg_rows_str(rows, 2));
	left->key = fg_rows_i64(rows, 3);
	left->chat = fg_rows_i64(rows, 4);
	left->thread = fg_rows_i64(rows, 5);
	return 1;
}

/* Its last state, and that it was the last. */
static int interrupt(struct fg_tx *tx, const struct left *left, struct fg_err *err)
{
	cleanup_language const struct fg_language *before =
		fg_language_set(speech_of(left->chat, left->thread));
	cleanup_free char *cut = html_cut(left->html, HTML_MESSAGE - END_LENGTH);
	cleanup_free char *html =
		fg_printf("%s%s", cut, fg_tr("\n⏹ Interrupted: Fleetgram was restarted."));
	struct outbox_message m = {
		.chat_id = left->chat,
		.thread = left->thread,
		.html = html,
		.silent = true,
		.priority = OUTBOX_NOTICE,
	};

	if (outbox_replace(tx, left->key, &m, err) < 0)
		return -1;
	return forget(tx, left->kind, left->owner, err);
}

int live_end(struct fg_tx *tx, const char *kind, const char *owner, struct fg_err *err)
{
	cleanup_left struct left left = {0};
	int rc = find(tx, kind, owner, true, &left, err);

	return rc > 0 ? interrupt(tx, &left, err) : rc;
}

int live_forget(struct fg_tx *tx, const char *kind, const char *beginning, struct fg_err *err)
{
	return fg_tx_exec(tx, err,
		       "DELETE FROM live WHERE kind = ?1 AND owner >= ?2 AND owner < ?2 || x'7f'",
		       "ss", kind, beginning) < 0
		       ? -1
		       : 0;
}

int live_recover(struct fg_store *store,
	bool (*owned)(struct fg_tx *tx, const char *kind, const char *owner), struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_left struct left left = {.kind = fg_strdup(""), .owner = fg_strdup("")};
	int rc, ended = 0;

	if (fg_tx_begin(store, &tx, err) < 0)
		return -1;
	while ((rc = find(&tx, left.kind, left.owner, false, &left, err)) > 0) {
		if (owned && owned(&tx, left.kind, left.owner))
			continue;
		if (interrupt(&tx, &left, err) < 0)
			return -1;
		ended++;
	}
	return rc < 0 || fg_tx_commit(&tx, err) < 0 ? -1 : ended;
}
