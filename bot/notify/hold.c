/* The hold: what waits, and the one message that ends the waiting. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/base/text.h"
#include "notify/audience.h"
#include "notify/hold.h"
#include "notify/hours.h"
#include "notify/recap.h"
#include "telegram/html.h"
#include "telegram/keyboard.h"
#include "telegram/outbox.h"

#define LOOK_MS ((int64_t)60 * 1000) /* the clock may be set */
#define NOTICE_BYTES 16384
#define LINES 12
#define LINE_MOST 120        /* bytes of a notice in a list */
/* The last quiet hours: "FROM UNTIL", 1 when they are over, and when they were summed up. */
#define QUIET "notify.quiet"
#define SETTLED_MS ((int64_t)60 * 1000) /* what was summed up has been dealt with by then */

static const char *const steps[] = {
	"CREATE TABLE held(id INTEGER PRIMARY KEY, chat INTEGER NOT NULL, thread INTEGER NOT NULL,"
	" at_ms INTEGER NOT NULL, html TEXT NOT NULL, keyboard TEXT);"
	"CREATE INDEX held_chat ON held(chat, thread, id);"
	"CREATE TABLE held_lost(chat INTEGER NOT NULL, thread INTEGER NOT NULL, n INTEGER NOT NULL,"
	" PRIMARY KEY(chat, thread)) WITHOUT ROWID;",
};

struct hold {
	struct app *app;
	struct fg_cond kicked;
	struct hours_span quiet; /* as the setting has it; from 0: none */
	bool pending;            /* they are to be summed up */
	int64_t summed_ms; /* wall clock: when they were; 0: not yet, or it is not known */
	int64_t loud_ms; /* wall clock: the last look at which it was not quiet; 0: none yet */
};

static void read_quiet(struct hold *h)
{
	cleanup_free char *text = fg_store_get(h->app->store, QUIET);
	char *end;

	if (!text)
		return;
	h->quiet.from_ms = strtoll(text, &end, 10);
	h->quiet.until_ms = strtoll(end, &end, 10);
	h->pending = h->quiet.from_ms && strtoll(end, &end, 10) == 0;
	h->summed_ms = h->pending ? 0 : strtoll(end, NULL, 10);
}

static int write_quiet(
	struct fg_tx *tx, const struct hours_span *quiet, int64_t summed_ms, struct fg_err *err)
{
	cleanup_free char *text = fg_printf("%lld %lld %d %lld", (long long)quiet->from_ms,
		(long long)quiet->until_ms, summed_ms != 0, (long long)summed_ms);

	return fg_tx_set(tx, QUIET, text, err);
}

struct hold *hold_create(struct app *app, struct fg_err *err)
{
	struct hold *h;

	if (fg_store_migrate(app->store, "hold", steps, FG_ARRAY_LEN(steps), err) < 0)
		return NULL;
	h = fg_alloc(sizeof(*h));
	h->app = app;
	fg_cond_init(&h->kicked);
	read_quiet(h);
	return h;
}

void hold_destroy(struct hold *h)
{
	free(h);
}

void hold_kick(struct hold *h)
{
	if (h)
		fg_cond_broadcast(&h->kicked);
}

/* Of one chat all but the newest go, and are counted. */
static int bound(struct fg_tx *tx, int64_t chat, int64_t thread, struct fg_err *err)
{
	int64_t lost = fg_tx_exec(tx, err,
		"DELETE FROM held WHERE chat = ?1 AND thread = ?2 AND id <= (SELECT id FROM held"
		" WHERE chat = ?1 AND thread = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
		"iii", chat, thread, (int64_t)HOLD_MOST);

	if (lost <= 0)
		return lost < 0 ? -1 : 0;
	return fg_tx_exec(tx, err,
		       "INSERT INTO held_lost VALUES(?1, ?2, ?3)"
		       " ON CONFLICT(chat, thread) DO UPDATE SET n = n + ?3",
		       "iii", chat, thread, lost) < 0
		       ? -1
		       : 0;
}

int hold_put(struct fg_tx *tx, int64_t chat_id, int64_t thread, const struct notice *notice,
	struct fg_err *err)
{
	cleanup_free char *keyboard =
		keyboard_empty(notice->keyboard) ? NULL : fg_json_print(notice->keyboard);
	cleanup_free char *html = html_cut(notice->html, HTML_MESSAGE);

	if (fg_tx_exec(tx, err,
		    "INSERT INTO held(chat, thread, at_ms, html, keyboard) VALUES(?, ?, ?, ?, ?)",
		    "iiiss", chat_id, thread, fg_wall_ms(), html, keyboard) < 0)
		return -1;
	return bound(tx, chat_id, thread, err);
}

/* Telling */

struct telling {
	struct hold *hold;
	struct setup *setup;
	struct fg_tx *tx;
	struct fg_err *err;
	int rc;
	/* of one chat */
	struct recap recap;
	struct fg_str lines; /* the newest notices, in their order */
	int64_t notices, lost;
	cJSON *keyboard; /* of the last one; NULL: none */
};

static const char *clock_of(char buf[16], int64_t wall_ms)
{
	time_t at = (time_t)(wall_ms / 1000);
	struct tm tm;

	localtime_r(&at, &tm);
	strftime(buf, 16, "%H:%M", &tm);
	return buf;
}

/* "03:30 Pruned 2 instances" */
static void add_line(struct fg_str *html, int64_t at_ms, const char *notice)
{
	cleanup_free char *plain = html_plain(notice);
	size_t len = strcspn(plain, "\n"), cut = fg_utf8_cut(plain, len, LINE_MOST);
	char at[16];

	fg_str_printf(html, "%s ", clock_of(at, at_ms));
	html_text_len(html, plain, cut);
	fg_str_puts(html, plain[cut] ? "…\n" : "\n");
}

static int read_notices(struct telling *t, int64_t chat, int64_t thread)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(t->tx, t->err,
		"SELECT at_ms, html, keyboard, (SELECT count(*) FROM held WHERE chat = ?1 AND"
		" thread = ?2), (SELECT n FROM held_lost WHERE chat = ?1 AND thread = ?2)"
		" FROM (SELECT * FROM held WHERE chat = ?1 AND thread = ?2 ORDER BY id DESC LIMIT ?3)"
		" ORDER BY id",
		"iii", chat, thread, (int64_t)LINES);

	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		const char *keyboard = fg_rows_str(rows, 2), *html = fg_rows_str(rows, 1);

		t->lost = fg_rows_i64(rows, 4);
		t->notices = fg_rows_i64(rows, 3) + t->lost;
		if (t->notices > 1 || t->recap.over || t->recap.open) {
			add_line(&t->lines, fg_rows_i64(rows, 0), html);
			continue;
		}
		fg_str_puts(&t->lines, html);
		t->keyboard = keyboard ? fg_json_parse(keyboard, strlen(keyboard), NULL) : NULL;
	}
	return 0;
}

static void compose(struct telling *t, struct fg_str *html)
{
	const struct recap *recap = &t->recap;
	char from[16], until[16];

	if (t->hold->pending)
		html_printf(html, "🌙 <b>While it was quiet, %s–%s</b>\n",
			clock_of(from, t->hold->quiet.from_ms),
			clock_of(until, t->hold->quiet.until_ms));
	if (recap->open)
		html_printf(html, "Still open:\n%S", recap->open_lines.s);
	if (recap->open > RECAP_NAMED)
		html_printf(html, "… and %d more\n", (int)recap->open - RECAP_NAMED);
	if (recap->over) {
		html_printf(html, "Over: ");
		recap_counts(html, recap->over_kinds);
		fg_str_putc(html, '\n');
	}
	if (recap->updates)
		html_printf(html, "Newer images: %S\n", recap->update_names.s);
	if (t->notices > 1 || (t->notices && (recap->open || recap->over)))
		html_printf(html, fg_ntr("📋 %d notice:\n", "📋 %d notices:\n", (size_t)t->notices),
			(int)t->notices);
	fg_str_puts(html, t->lines.s);
	if (t->notices > LINES)
		html_printf(html, "… and %d before them\n", (int)t->notices - LINES);
}

static void add_buttons(struct telling *t)
{
	if (!t->recap.over && !t->recap.open)
		return;
	cJSON_Delete(t->keyboard);
	t->keyboard = keyboard_create();
	keyboard_button(t->keyboard, fg_tr("⚠️ Incidents"), false, "incidents all");
	keyboard_button(t->keyboard, fg_tr("🖥 Status"), false, "status");
}

static int push(struct telling *t, const struct config_chat *chat, int64_t chat_id)
{
	cleanup_str struct fg_str html = {0};
	cleanup_json cJSON *markup = NULL;
	struct outbox_message m = {
		.chat_id = chat_id, .thread = chat->thread, .priority = OUTBOX_NOTICE};

	fg_str_init(&html, 2 * NOTICE_BYTES);
	compose(t, &html);
	add_buttons(t);
	if (!keyboard_empty(t->keyboard)) {
		markup = keyboard_encode(t->tx, t->keyboard, t->err);
		if (!markup)
			return -1;
	}
	m.html = html.s;
	m.keyboard = markup;
	return outbox_push(t->tx, &m, t->err) < 0 ? -1 : 0;
}

/* What is still open has a message of its own then: that alone needs no summing up. */
static void tell(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct telling *t = arg;
	struct recap_query query = {
		.store = t->hold->app->store,
		.setup = t->setup,
		.scope = audience_scope(t->setup, chat),
		.since_ms = t->hold->quiet.from_ms,
		.until_ms = t->hold->quiet.until_ms,
		.told = true,
	};

	if (t->rc < 0)
		return;
	t->notices = t->lost = 0;
	fg_str_init(&t->lines, NOTICE_BYTES);
	if (t->hold->pending)
		t->rc = recap_take(&query, &t->recap, t->err);
	if (t->rc == 0)
		t->rc = read_notices(t, chat_id, chat->thread);
	if (t->rc == 0 && (t->notices || t->recap.over))
		t->rc = push(t, chat, chat_id);
	fg_str_finish(&t->lines);
	recap_finish(&t->recap);
	t->recap = (struct recap){0};
	cJSON_Delete(t->keyboard);
	t->keyboard = NULL;
}

/* All that waits is told or dropped, in one transaction. */
static int release(struct hold *h, int64_t now_ms, struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(h->app->setup);
	cleanup_tx struct fg_tx tx = {0};
	struct telling t = {.hold = h, .setup = setup, .tx = &tx, .err = err};

	if (!h->pending &&
		fg_store_i64(h->app->store, 0, "SELECT EXISTS(SELECT 1 FROM held)", "") == 0)
		return 0;
	if (h->pending && h->quiet.until_ms > now_ms)
		h->quiet.until_ms = now_ms; /* a reload has ended them */
	if (fg_tx_begin(h->app->store, &tx, err) < 0)
		return -1;
	audience_each(setup, NULL, tell, &t);
	if (t.rc < 0 || fg_tx_exec(&tx, err, "DELETE FROM held", "") < 0 ||
		fg_tx_exec(&tx, err, "DELETE FROM held_lost", "") < 0 ||
		(h->pending && write_quiet(&tx, &h->quiet, now_ms, err) < 0) ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	if (h->pending)
		h->summed_ms = now_ms;
	h->pending = false;
	outbox_kick(h->app->outbox);
	return 0;
}

/* Quiet hours that have begun are noted, and so are those that a reload has made longer. */
static int note_quiet(struct hold *h, int64_t now_ms, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	struct hours_span span;

	if (!hours_now(h->app->setup->config->notify.quiet, now_ms, &span)) {
		h->loud_ms = now_ms;
		return 0;
	}
	if (h->pending && h->quiet.until_ms == span.until_ms)
		return 0;
	if (h->pending)
		span.from_ms = h->quiet.from_ms;
	else if (span.from_ms < h->loud_ms)
		span.from_ms = h->loud_ms; /* a reload has begun them */
	if (fg_tx_begin(h->app->store, &tx, err) < 0 || write_quiet(&tx, &span, 0, err) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	h->quiet = span;
	h->pending = true;
	h->summed_ms = 0;
	return 0;
}

bool hold_sums_up(const struct hold *h, int64_t wall_ms)
{
	if (!h || wall_ms < h->quiet.from_ms || wall_ms >= h->quiet.until_ms)
		return false;
	/* What becomes known only later (of a host that was away) is in no summary. */
	return h->pending || !h->summed_ms || fg_wall_age(h->summed_ms) < SETTLED_MS;
}

void hold_run(void *arg)
{
	struct hold *h = arg;
	bool troubled = false;
	struct fg_err err;

	while (!fg_task_canceled()) {
		int64_t now = fg_wall_ms(), until = audience_hushed_until(h->app, now), left;
		int rc = note_quiet(h, now, &err);

		if (rc == 0 && !until)
			rc = release(h, now, &err);
		if (rc < 0 && !troubled && !fg_task_canceled())
			fg_error("what waits for the quiet hours to end: %s", err.text);
		troubled = rc < 0;
		left = until && until - now < LOOK_MS ? until - now + 1 : LOOK_MS;
		fg_cond_wait(&h->kicked, "the end of quiet hours", fg_now_ms() + left, NULL);
	}
}
