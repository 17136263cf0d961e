/* The scheduler: a look at what is due, runs, and what is told of them. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "chat/router.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/retry.h"
#include "fleetgram/base/text.h"
#include "languages/languages.h"
#include "notify/audience.h"
#include "notify/notify.h"
#include "schedule.h"
#include "scheduler.h"
#include "telegram/outbox.h"

#define LOOK_MS ((int64_t)60 * 1000) /* the clock may be set, and another process may add some */
#define TEXT_CAP 4096
#define LAST_CAP 200 /* bytes that are kept of an answer */

struct scheduler {
	struct app *app;
	struct fg_cond changed; /* the schedules, or that a run has ended */
	struct fg_list jobs;    /* that run */
	bool closing;
};

/* One run. */
struct job {
	struct fg_list link;
	struct scheduler *scheduler;
	char *name, *command;
	bool asked; /* somebody wanted it now, and waits for what comes of it */
};

struct scheduler *scheduler_create(struct app *app, struct fg_err *err)
{
	struct scheduler *s;

	if (schedule_setup(app->store, err) < 0)
		return NULL;
	s = fg_alloc(sizeof(*s));
	s->app = app;
	fg_cond_init(&s->changed);
	fg_list_init(&s->jobs);
	return s;
}

void scheduler_destroy(struct scheduler *s)
{
	free(s);
}

void scheduler_kick(struct scheduler *s)
{
	if (s)
		fg_cond_broadcast(&s->changed);
}

/* Telling */

/* What each chat gets in its language. */
struct text {
	void (*write)(struct fg_str *html, const struct text *text);
	const char *name, *command;     /* of a schedule */
	const struct schedule_due *due; /* NULL: it does not matter */
};

/* To whom: each gets the reply, or the text. */
struct telling {
	struct app *app;
	struct fg_tx *tx;
	struct reply *reply;     /* NULL: the text */
	const struct text *text;
	bool urgent; /* somebody waits for it */
	bool any;    /* a chat was told */
	struct fg_err *err;
	int rc;
};

static void write_text(const struct telling *t, struct fg_str *html)
{
	fg_str_init(html, TEXT_CAP);
	t->text->write(html, t->text);
}

static void tell(struct telling *t, int64_t chat, int64_t thread)
{
	cleanup_str struct fg_str html = {0};
	struct outbox_message m = {
		.chat_id = chat,
		.thread = thread,
		.priority = OUTBOX_NOTICE,
	};

	if (t->rc < 0)
		return;
	if (t->reply) {
		t->reply->chat_id = chat;
		t->reply->thread = thread;
		t->rc = reply_commit(t->reply, t->tx, t->err);
	} else {
		write_text(t, &html);
		m.html = html.s;
		t->rc = outbox_push(t->tx, &m, t->err) < 0 ? -1 : 0;
	}
}

static void tell_admin(int64_t chat, void *arg)
{
	tell(arg, chat, 0);
}

/* What a command answers may name anything, so it is not for chats that see only some of it. In
 * quiet hours only its beginning is kept. */
static void tell_chat(const struct config_chat *chat, int64_t chat_id, void *arg)
{
	struct telling *t = arg;
	cleanup_str struct fg_str html = {0};
	struct notice notice = {.early = true, .whole = true};

	if (t->rc < 0 || !fg_selector_is_empty(audience_scope(t->app->setup, chat)))
		return;
	t->any = true;
	if (t->urgent || !audience_quiet_until(t->app, fg_wall_ms())) {
		tell(t, chat_id, chat->thread);
		return;
	}
	if (!t->reply)
		write_text(t, &html);
	notice.html = t->reply ? fg_list_first(&t->reply->parts, struct reply_part, link)->html.s
			       : html.s;
	t->rc = notify_tell(t->app, t->tx, chat, chat_id, &notice, t->err);
}

static int tell_all(struct telling *t)
{
	const struct setup *setup = t->app->setup;

	audience_each(setup, NULL, tell_chat, t);
	if (!t->any)
		roles_each_admin(setup->roles, tell_admin, t);
	return t->rc;
}

static int tell_text(
	struct app *app, struct fg_tx *tx, const struct text *text, struct fg_err *err)
{
	struct telling t = {.app = app, .tx = tx, .text = text, .err = err};

	return tell_all(&t);
}

/* Runs */

static struct job *running(struct scheduler *s, const char *name)
{
	struct job *job;

	fg_list_each (&s->jobs, job, link)
		if (strcmp(job->name, name) == 0)
			return job;
	return NULL;
}

/* The schedule's name goes in front of what its command says. */
static void put_name(struct reply *reply, const char *name)
{
	cleanup_str struct fg_str whole = {0};
	struct fg_str *html;

	if (fg_list_empty(&reply->parts))
		reply_html(reply, "it is done.");
	html = &fg_list_first(&reply->parts, struct reply_part, link)->html;
	fg_str_init(&whole, html->cap);
	html_printf(&whole, "⏰ <b>%s</b>: ", name);
	fg_str_add(&whole, html->s, html->len);
	fg_str_reset(html);
	fg_str_add(html, whole.s, whole.len);
}

/* The first line of an answer, for the list. Caller frees. */
static char *first_line(struct reply *reply)
{
	char *plain = reply_plain(reply);

	plain[strcspn(plain, "\n")] = '\0';
	plain[fg_utf8_cut(plain, strlen(plain), LAST_CAP)] = '\0';
	return plain;
}

static int finish_once(
	struct job *job, struct reply *reply, bool ok, const char *text, struct fg_err *err)
{
	struct app *app = job->scheduler->app;
	cleanup_tx struct fg_tx tx = {0};
	struct telling t = {
		.app = app, .tx = &tx, .reply = reply, .urgent = job->asked, .err = err};

	if (fg_tx_begin(app->store, &tx, err) < 0 || tell_all(&t) < 0 ||
		schedule_note_end(&tx, job->name, fg_wall_ms(), ok, text, err) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	outbox_kick(app->outbox);
	return 0;
}

/* Until the store takes it or the bot stops; then the next start tells of it. */
static void finish(struct job *job, struct reply *reply, bool ok, const char *text)
{
	static const struct fg_retry pace = {.min_ms = 500, .max_ms = 30000, .jitter = 0.1};
	struct fg_err err;
	int failures = 0;

	while (finish_once(job, reply, ok, text, &err) < 0) {
		if (++failures == 1)
			fg_error("schedule %s: what came of it has to wait: %s", job->name,
				err.text);
		if (fg_task_canceled() ||
			fg_task_sleep(fg_retry_delay(&pace, failures, 0), &err) < 0)
			return;
	}
}

static void run_command(struct job *job)
{
	struct app *app = job->scheduler->app;
	cleanup_free char *who = fg_printf("schedule %s", job->name), *text = NULL;
	struct reply reply;
	struct fg_err err;
	int rc;

	reply_init(&reply, app);
	rc = router_line_as(app, who, job->command, ASK_GIVEN, &reply, &err);
	if (rc == 0 || !fg_task_canceled()) {
		if (rc < 0) {
			text = fg_strdup(err.text);
			reply_html(&reply, "⚠️ <code>/%s</code>: %s", job->command, err.text);
		} else {
			text = first_line(&reply);
		}
		put_name(&reply, job->name);
		finish(job, &reply, rc == 0, text);
	}
	reply_finish(&reply);
}

static void job_run(void *arg)
{
	struct job *job = arg;

	fg_language_set(languages_find(job->scheduler->app->setup->config->language));
	run_command(job);
	fg_list_remove(&job->link);
	fg_cond_broadcast(&job->scheduler->changed);
	free(job->name);
	free(job->command);
	free(job);
}

static void job_start(struct scheduler *s, const struct schedule *schedule, bool asked)
{
	cleanup_free char *title = fg_printf("schedule %s", schedule->name);
	struct job *job = fg_alloc(sizeof(*job));

	job->scheduler = s;
	job->asked = asked;
	job->name = fg_strdup(schedule->name);
	job->command = fg_strdup(schedule->command);
	fg_list_append(&s->jobs, &job->link);
	fg_task_start(title, job_run, job);
}

/* Looking */

static void write_missed(struct fg_str *html, const struct text *s)
{
	const struct schedule_due *due = s->due;
	time_t at = (time_t)(due->missed_ms / 1000);
	struct tm tm;
	char last[64];

	localtime_r(&at, &tm);
	strftime(last, sizeof(last), "%a %d %b %H:%M", &tm);
	html_printf(html,
		due->missed >= SCHEDULE_MISSED
			? "⏰ <b>%s</b>: missed more than %d runs while I was away, not run: <code>/%s</code>\nThe last was due: %s."
			: fg_ntr("⏰ <b>%s</b>: missed %d run while I was away, not run: <code>/%s</code>\nIt was due: %s.",
				  "⏰ <b>%s</b>: missed %d runs while I was away, not run: <code>/%s</code>\nThe last was due: %s.",
				  (size_t)due->missed),
		s->name, due->missed, s->command, last);
}

static void write_left_out(struct fg_str *html, const struct text *s)
{
	html_printf(html,
		"⏰ <b>%s</b>: left out, for its last run is still under way: <code>/%s</code>",
		s->name, s->command);
}

static void write_interrupted(struct fg_str *html, const struct text *s)
{
	html_printf(html,
		"⏰ <b>%s</b>: ⚠️ interrupted: Fleetgram ended while this was under way, and does not repeat it: <code>/%s</code>",
		s->name, s->command);
}

/* Note what is due and tell what was missed; a run begins when that is in the store. Nothing
 * happens when the store does not take it: the next look finds it again. */
static int settle(struct scheduler *s, const struct schedule *schedule,
	const struct schedule_due *due, struct fg_err *err)
{
	struct text text = {write_missed, schedule->name, schedule->command, due};
	cleanup_tx struct fg_tx tx = {0};
	int stands;
	bool busy;

	if (fg_tx_begin(s->app->store, &tx, err) < 0)
		return -1;
	stands = schedule_stands(&tx, s->app->setup->config, schedule, err);
	if (stands <= 0)
		return stands;
	busy = due->run_ms && running(s, schedule->name);
	if (schedule_note_seen(&tx, schedule, due->seen_ms, err) < 0)
		return -1;
	if (due->missed && tell_text(s->app, &tx, &text, err) < 0)
		return -1;
	text.write = write_left_out;
	if (busy) {
		if (tell_text(s->app, &tx, &text, err) < 0)
			return -1;
	} else if (due->run_ms && schedule_note_begin(&tx, schedule->name, fg_wall_ms(), err) < 0) {
		return -1;
	}
	if (fg_tx_commit(&tx, err) < 0)
		return -1;
	if (due->run_ms && !busy)
		job_start(s, schedule, false);
	outbox_kick(s->app->outbox);
	return 0;
}

/* Look at all of them: *next_ms is when the next one is due, FG_NEVER when none is. */
static int look(struct scheduler *s, bool away, int64_t *next_ms, struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(s->app->setup);
	cleanup_schedules struct schedules all = {0};
	int rc = schedule_list(s->app->store, setup->config, &all, err);

	*next_ms = FG_NEVER;
	for (size_t i = 0; i < all.n && rc == 0; i++) {
		struct schedule *schedule = &all.v[i];
		struct schedule_due due =
			schedule_due(&schedule->times, schedule->seen_ms, fg_wall_ms(), away);

		if (due.next_ms && due.next_ms < *next_ms)
			*next_ms = due.next_ms;
		if (due.seen_ms != schedule->seen_ms)
			rc = settle(s, schedule, &due, err);
	}
	return rc;
}

/* Runs that the last end of the bot cut short. */
static int tell_interrupted(struct scheduler *s, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_rows struct fg_rows *rows = NULL;
	int rc = 0;

	if (fg_tx_begin(s->app->store, &tx, err) < 0)
		return -1;
	rows = fg_tx_query(
		&tx, err, "SELECT name, command FROM schedule_runs WHERE began_ms > 0", "");
	if (!rows)
		return -1;
	while (rc == 0 && fg_rows_next(rows)) {
		struct text text = {
			write_interrupted, fg_rows_str(rows, 0), fg_rows_str(rows, 1), NULL};

		rc = tell_text(s->app, &tx, &text, err);
	}
	fg_rows_close(fg_steal(&rows));
	if (rc < 0 ||
		fg_tx_exec(&tx, err,
			"UPDATE schedule_runs SET last_ms = began_ms, last_ok = 0,"
			" last_text = 'interrupted', began_ms = 0 WHERE began_ms > 0",
			"") < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	outbox_kick(s->app->outbox);
	return 0;
}

void scheduler_run(void *arg)
{
	struct scheduler *s = arg;
	bool told = false, away = true, troubled = false;
	int64_t next_ms, left;
	struct fg_err err;

	while (!fg_task_canceled()) {
		told = told || tell_interrupted(s, &err) == 0;
		if (told && look(s, away, &next_ms, &err) == 0) {
			away = troubled = false;
		} else {
			if (!troubled && !fg_task_canceled())
				fg_error("schedules: %s", err.text);
			troubled = true;
			next_ms = FG_NEVER;
		}
		left = next_ms == FG_NEVER ? LOOK_MS : next_ms - fg_wall_ms();
		if (left > LOOK_MS)
			left = LOOK_MS;
		fg_cond_wait(&s->changed, "the next schedule", fg_now_ms() + (left > 0 ? left : 1),
			NULL);
	}
}

int scheduler_run_now(struct scheduler *s, const char *name, struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(s->app->setup);
	cleanup_schedules struct schedules all = {0};
	cleanup_tx struct fg_tx tx = {0};
	struct schedule *schedule;
	int stands;

	if (schedule_list(s->app->store, setup->config, &all, err) < 0)
		return -1;
	schedule = schedule_find(&all, name);
	if (!schedule)
		return fg_fail(err, FG_ENOTFOUND, "there is no schedule %s", name);
	if (fg_tx_begin(s->app->store, &tx, err) < 0)
		return -1;
	if (running(s, name) || s->closing)
		return fg_fail(err, FG_ECONFLICT, "%s is under way already", name);
	stands = schedule_stands(&tx, setup->config, schedule, err);
	if (stands <= 0)
		return stands < 0 ? -1
				  : fg_fail(err, FG_ENOTFOUND, "there is no schedule %s", name);
	/* All that is due so far was settled when it was last looked at. */
	if (schedule_note_known(&tx, schedule, fg_wall_ms(), err) < 0 ||
		schedule_note_begin(&tx, name, fg_wall_ms(), err) < 0 || fg_tx_commit(&tx, err) < 0)
		return -1;
	job_start(s, schedule, true);
	return 0;
}

void scheduler_drain(struct scheduler *s, int64_t deadline)
{
	s->closing = true;
	while (!fg_list_empty(&s->jobs) && fg_now_ms() < deadline)
		fg_cond_wait(&s->changed, "the schedules' runs", deadline, NULL);
}
