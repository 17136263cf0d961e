/*
 * /exec: a command in a container, its output as it comes, and how it ended.
 */
#include <stdio.h>
#include <string.h>
#include "commands/format.h"
#include "commands/tail.h"
#include "commands/target.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/exec.h"

#define LINES 20
#define BYTES 1800                       /* of what one message shows whatever has to be escaped */
#define LINES_MOST 100000                /* of the file */
#define BYTES_MOST ((size_t)1024 * 1024) /* of the file */
#define STEP_MS ((int64_t)2000)          /* between two looks of the reader's */
#define SECOND ((int64_t)1000)
#define LIMIT_USUAL (5 * 60 * SECOND)
#define LIMIT_MOST (30 * 60 * SECOND)
#define LINE_SHOWN 400 /* bytes of the command's words in the answer */

struct run {
	struct command *c;
	const struct fg_item *item;
	const char *const *argv;
	char *title, *shown; /* the container, and the words as they were typed */
	struct fg_exec *exec;
	struct tail end, all; /* what a message shows, what the file holds */
	struct fg_str clean;
	int64_t began_ms, limit_ms;
	bool fresh;  /* there are lines that were not shown yet */
	bool halted; /* the bot stops */
	bool known;  /* code holds */
	int code;
};

static bool exec_exists(const struct config *config)
{
	return config->exec_enabled;
}

static void take(struct run *r, const struct fg_log_line *line)
{
	fg_str_reset(&r->clean);
	fg_text_clean(&r->clean, line->text, line->len);
	if (line->cut)
		fg_str_puts(&r->clean, " …");
	if (r->c->reply->live) {
		printf("%s\n", r->clean.s);
		fflush(stdout);
		return;
	}
	tail_add(&r->end, r->clean.s, r->clean.len);
	tail_add(&r->all, r->clean.s, r->clean.len);
	r->fresh = true;
}

static void add_output(struct fg_str *html, struct tail *tail)
{
	tail_end(tail);
	if (tail->count == 0)
		return;
	fg_str_puts(html, "<pre>");
	html_text_len(html, tail->text.s, tail->text.len - 1);
	fg_str_puts(html, "</pre>");
}

static void add_head(struct fg_str *html, const struct run *r, const char *state)
{
	html_printf(html, "▶️ <b>%s</b> · %s\n<code>%s</code>\n", r->title, state, r->shown);
}

static void show(struct run *r)
{
	cleanup_str struct fg_str html = {0};

	fg_str_init(&html, HTML_MESSAGE * 4);
	add_head(&html, r, fg_tr("running…"));
	add_output(&html, &r->end);
	reply_progress(r->c->reply, html.s);
	r->fresh = false;
}

/* Lines until the output ends, the time is over or the bot stops: 0; -1 on an error. */
static int watch(struct run *r)
{
	int64_t until = r->began_ms + r->limit_ms, next = r->began_ms + STEP_MS;
	struct fg_log_line line;

	while (fg_now_ms() < until && !r->c->app->stopping) {
		int rc = fg_exec_next(r->exec, &line, next < until ? next : until, &r->c->err);

		if (rc > 0)
			take(r, &line);
		else if (rc == 0)
			return 0;
		else if (r->c->err.code != FG_ETIMEOUT || fg_task_canceled())
			return -1;
		if (fg_now_ms() < next)
			continue;
		if (r->fresh)
			show(r);
		next = fg_now_ms() + STEP_MS;
	}
	while (fg_exec_rest(r->exec, &line))
		take(r, &line);
	r->halted = r->c->app->stopping;
	return 0;
}

/* Its output may have ended before it, or have been given up. */
static int await_end(struct run *r)
{
	int64_t until = r->began_ms + r->limit_ms;
	int rc = fg_exec_wait(r->exec, r->halted ? 0 : until, &r->code, &r->c->err);

	if (rc < 0 && r->c->err.code == FG_ENOTFOUND)
		return fg_fail(&r->c->err, FG_ELOST,
			"the engine has forgotten the command, for it was restarted or the container is gone: how it ended is not known");
	r->known = rc > 0;
	return rc < 0 ? -1 : 0;
}

static const struct {
	int code;
	const char *meaning;
} meanings[] = {
	{126, FG_TEXT("it could not be started: not found, or not executable")},
	{127, FG_TEXT("the program was not found in the container")},
	{130, FG_TEXT("interrupted")},
	{137, FG_TEXT("killed: out of memory, or the container was stopped")},
	{139, FG_TEXT("it crashed: a bad memory access")},
	{143, FG_TEXT("told to end")},
};

static const char *meaning(int code)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(meanings); i++)
		if (meanings[i].code == code)
			return fg_tr(meanings[i].meaning);
	return NULL;
}

/* How it went, in a few words. */
static void write_state(struct run *r, struct fg_str *out)
{
	const char *why = meaning(r->code);
	char took[FG_HUMAN];

	fg_duration_human(took, fg_now_ms() - r->began_ms);
	if (r->known && r->code == 0)
		fg_str_printf(out, fg_tr("done in %s"), took);
	else if (r->known)
		fg_str_printf(out, fg_tr("exit code %d%s%s%s, after %s"), r->code, why ? " (" : "",
			why ? why : "", why ? ")" : "", took);
	else
		fg_str_printf(out, fg_tr("still running after %s; %s"), took,
			r->halted
				? fg_tr("Fleetgram stops")
				: fg_tr("no longer watched, and nothing but itself or the container's stop ends it"));
}

/* Whether the beginning of the output was dropped. */
static bool is_cut(const struct run *r)
{
	return r->all.cut || r->all.count >= LINES_MOST;
}

static void set_data(struct run *r)
{
	cJSON *data = r->c->reply->data = cJSON_CreateObject(), *words;

	cJSON_AddStringToObject(data, "name", r->item->c.name);
	cJSON_AddStringToObject(data, "host", r->item->host->name);
	cJSON_AddStringToObject(data, "id", r->item->c.id);
	words = cJSON_AddArrayToObject(data, "command");
	for (const char *const *word = r->argv; *word; word++)
		cJSON_AddItemToArray(words, cJSON_CreateString(*word));
	cJSON_AddBoolToObject(data, "running", !r->known);
	if (r->known)
		fg_json_set_i64(data, "exit_code", r->code);
	else
		cJSON_AddNullToObject(data, "exit_code");
	cJSON_AddBoolToObject(data, "cut", is_cut(r));
	cJSON_AddStringToObject(data, "output", r->all.text.len ? r->all.text.s : "");
}

/* The answer: what fits into a message, and a file when that is not all of it. */
static void report(struct run *r, const char *state)
{
	struct fg_str *html;
	size_t lines;
	bool cut;

	if (r->c->reply->live)
		return;
	tail_end(&r->all);
	tail_end(&r->end);
	lines = r->all.count;
	cut = is_cut(r);
	html = reply_add(r->c->reply);
	add_head(html, r, state);
	if (r->c->reply->terminal) {
		add_output(html, &r->all);
		return;
	}
	if (lines == 0)
		html_printf(html, "It wrote nothing.");
	else if (cut)
		html_printf(html, "The end; the file has the newest %d lines:\n", (int)lines);
	else if (lines > r->end.count || r->end.cut)
		html_printf(html, "The end of %d lines; the file has all of them:\n", (int)lines);
	add_output(html, &r->end);
	if (lines > r->end.count || r->end.cut) {
		cleanup_free char *file = fg_printf("%s.exec.txt", r->item->c.name);
		size_t len = r->all.text.len;

		reply_file(r->c->reply, file, fg_strndup(r->all.text.s, len), len, NULL);
	}
}

/* Run it: 0 when how it ended is known or it goes on. */
static int run(struct run *r)
{
	cleanup_str struct fg_str state = {0};
	struct command *c = r->c;
	int rc;

	r->began_ms = fg_now_ms();
	r->exec = fg_exec_start(r->item->host->engine, r->item->c.id, r->argv, &c->err);
	fg_host_note(r->item->host, r->exec ? NULL : &c->err);
	if (!r->exec)
		return -1;
	rc = watch(r);
	if (rc == 0)
		rc = await_end(r);
	if (rc < 0 && fg_task_canceled())
		return -1;
	fg_str_init(&state, 256);
	if (rc == 0)
		write_state(r, &state);
	report(r, rc == 0 ? state.s : fg_tr("lost"));
	set_data(r);
	/* In a chat the answer says it; for a script and a schedule it is a failure. */
	if (rc == 0 && c->chat_id == 0 && !(r->known && r->code == 0))
		return fg_fail(&c->err, FG_EREMOTE, "%s", state.s);
	return rc;
}

static int confirm(struct run *r, const struct fg_items *items)
{
	cleanup_str struct fg_str preview = {0};

	fg_str_init(&preview, WORDS_BYTES * 8);
	html_printf(&preview, "▶️ <b>Run this command?</b>\n<code>%s</code>", r->shown);
	return command_confirm(r->c, items, preview.s);
}

static int check(struct command *c, struct fg_item *item)
{
	cleanup_info struct fg_container_info info = {0};

	if (target_inspect(c, item, &info) < 0)
		return -1;
	if (strcmp(info.state, "running") == 0)
		return 0;
	return fg_fail(&c->err, FG_ECONFLICT,
		"%s is %s: a command can only run in a container that runs", item->c.name,
		info.state);
}

/* timeout= in front of the name. */
static int take_limit(struct command *c, size_t *first, int64_t *limit_ms)
{
	const char *word = c->words[0];

	*limit_ms = LIMIT_USUAL;
	*first = strncmp(word, "timeout=", 8) == 0 ? 1 : 0;
	if (*first == 0)
		return 0;
	if (fg_duration_parse(word + 8, limit_ms, &c->err) < 0)
		return fg_wrap(&c->err, "timeout=");
	if (*limit_ms < SECOND || *limit_ms > LIMIT_MOST)
		return fg_fail(&c->err, FG_EINVAL, "timeout= takes 1s to 30m");
	return 0;
}

static int exec_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	struct run r = {.c = c};
	cleanup_free char *words = NULL, *title = NULL;
	size_t first;
	int rc;

	if (take_limit(c, &first, &r.limit_ms) < 0)
		return -1;
	if (c->n < first + 2)
		return command_usage(c, "which container, and which command?");
	if (command_pick_one(c, c->words[first], &items) < 0 || check(c, &items.v[0]) < 0)
		return -1;
	r.item = &items.v[0];
	r.argv = c->words + first + 1;
	r.title = title = target_title(&items.v[0]);
	r.shown = words = words_join(r.argv, c->n - first - 1);
	rc = confirm(&r, &items);
	if (rc <= 0)
		return rc;
	if (command_begin(c, &items, NULL) < 0)
		return -1;
	if (strlen(words) > LINE_SHOWN + sizeof("…"))
		snprintf(words + fg_utf8_cut(words, strlen(words), LINE_SHOWN), sizeof("…"), "…");
	tail_init(&r.end, LINES, BYTES);
	tail_init(&r.all, LINES_MOST, BYTES_MOST);
	fg_str_init(&r.clean, FG_LOG_LINE * 3 + 64);
	rc = run(&r);
	fg_exec_close(r.exec);
	fg_str_finish(&r.clean);
	tail_finish(&r.end);
	tail_finish(&r.all);
	return rc;
}

const struct command_row command_exec = {
	.name = "exec",
	.verb = "run it",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.mutates = true,
	.min = 2,
	.max = -1,
	.exists = exec_exists,
	.usage = "[timeout=5m] NAME COMMAND…",
	.help = "Run a command in a container",
	.more = "The words are the command and its arguments exactly as they are: no shell is added, so "
		"for pipes and variables ask for one. The newest lines are shown as they come, then "
		"how it ended; what is too long for a message comes as a file. After the timeout (5m "
		"unless said otherwise, 30m at most) it is no longer watched, but engines cannot end "
		"it: it goes on in the container.\n\n/exec web ls -l /data\n/exec db sh -c \"df -h | "
		"tail -n 3\"\n/exec timeout=30s web nginx -t",
	.run = exec_run,
};
