/* Following a log. */
#include <stdio.h>
#include <string.h>
#include "commands/follow.h"
#include "commands/tail.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/logs.h"

#define LINES 20
#define BYTES 1800             /* so that the message fits whatever has to be escaped in it */
#define STEP_MS ((int64_t)500) /* between two looks of the reader's */
#define CHAT_MS ((int64_t)5 * 60 * 1000)

struct follow {
	struct command *c;
	struct fg_logs *logs;
	struct tail tail;
	struct fg_str clean;
	const struct follow_lines *lines;
	const char *grep, *title;
	bool fresh; /* there is something that was not shown yet */
};

static void take(struct follow *f, struct fg_log_line *line)
{
	size_t text;

	fg_str_reset(&f->clean);
	if (f->lines->origin)
		f->lines->origin(&f->clean, line, f->lines->arg);
	text = f->clean.len;
	fg_text_clean(&f->clean, line->text, line->len);
	if (f->grep && !strcasestr(f->clean.s + text, f->grep))
		return;
	if (f->c->reply->terminal) {
		printf("%s\n", f->clean.s);
		fflush(stdout);
		return;
	}
	tail_add(&f->tail, f->clean.s, f->clean.len);
	f->fresh = true;
}

static void render(struct follow *f, struct fg_str *html, const char *state)
{
	tail_end(&f->tail);
	html_printf(html, "📜 <b>%s</b> · %s", f->title, state);
	if (f->grep)
		html_printf(html, " with <code>%s</code>", f->grep);
	fg_str_putc(html, '\n');
	if (f->tail.count == 0)
		return;
	fg_str_puts(html, "<pre>");
	html_text_len(html, f->tail.text.s, f->tail.text.len - 1);
	fg_str_puts(html, "</pre>");
}

static void show(struct follow *f)
{
	cleanup_str struct fg_str html = {0};

	fg_str_init(&html, HTML_MESSAGE * 4);
	render(f, &html, fg_tr("following…"));
	reply_progress(f->c->reply, html.s);
	f->fresh = false;
}

/* Lines until the log ends, the time is over or the bot stops. Why it was, or NULL on an error. */
static const char *follow(struct follow *f)
{
	bool terminal = f->c->reply->terminal;
	int64_t until = terminal ? FG_NEVER : fg_now_ms() + CHAT_MS, next = fg_now_ms();
	struct fg_log_line line;

	while (fg_now_ms() < until && !f->c->app->stopping) {
		int rc = fg_logs_next(f->logs, &line, terminal ? FG_NEVER : next, &f->c->err);

		if (rc > 0)
			take(f, &line);
		else if (rc == 0)
			return fg_tr("ended");
		else if (f->c->err.code != FG_ETIMEOUT || fg_task_canceled())
			return NULL;
		if (terminal || fg_now_ms() < next)
			continue;
		if (f->fresh)
			show(f);
		next = fg_now_ms() + STEP_MS;
	}
	return f->c->app->stopping ? fg_tr("no longer followed: Fleetgram stops")
				   : fg_tr("no longer followed");
}

int follow_run(struct command *c, const struct follow_lines *lines, const char *title)
{
	/* The last lines with a text may be anywhere in the log. */
	struct fg_log_options options = {
		.tail = lines->grep ? 0 : LINES,
		.since_ms = lines->since_ms ? fg_wall_ms() - lines->since_ms : 0,
		.follow = true,
	};
	struct follow f = {
		.c = c,
		.lines = lines,
		.grep = lines->grep,
		.title = title,
		.fresh = true,
	};
	const char *why;

	f.logs = lines->open(&options, lines->arg, &c->err);
	if (!f.logs)
		return -1;
	tail_init(&f.tail, LINES, BYTES);
	fg_str_init(&f.clean, FG_LOG_LINE * 3 + 512);
	why = follow(&f);
	if (why && !c->reply->terminal)
		render(&f, reply_add(c->reply), why);
	fg_str_finish(&f.clean);
	tail_finish(&f.tail);
	fg_logs_close(f.logs);
	return why ? 0 : -1;
}
