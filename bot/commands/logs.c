/*
 * /logs: the last lines that a container wrote.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands/follow.h"
#include "commands/format.h"
#include "commands/logs.h"
#include "commands/service_act.h"
#include "fleetgram/base/json.h"
#include "fleetgram/docker/logs.h"

#define LINES_USUAL 50
#define LINES_MOST 5000
#define READ_TIMEOUT ((int64_t)2 * 60 * 1000) /* for the whole log */

static int take_count(struct command *c, struct logs_query *q, const char *word)
{
	size_t digits = strspn(word, "0123456789");

	if (word[digits] || !digits)
		return command_usage(c, "I do not understand the word after the name");
	if (q->lines || digits > 6 || strtoul(word, NULL, 10) == 0)
		return command_usage(c, "one number of lines, from 1 up, is enough");
	q->lines = strtoul(word, NULL, 10);
	if (q->lines > LINES_MOST)
		return fg_fail(&c->err, FG_EINVAL, "at most %d lines can be asked for", LINES_MOST);
	return 0;
}

/* The words after the first, which is a name: a number, and `follow`. */
static int take_words(struct command *c, struct logs_query *q)
{
	for (size_t i = 1; i < q->n; i++) {
		const char *word = q->names[i];

		if (strchr(word, '='))
			continue;
		if (strcmp(word, "follow") == 0)
			q->follow = true;
		else if (take_count(c, q, word) < 0)
			return -1;
		memmove(&q->names[i], &q->names[i + 1], (q->n - i) * sizeof(*q->names));
		q->n--;
		i--;
	}
	return 0;
}

static int parse(struct command *c, struct logs_query *q)
{
	const char *since = command_option(q->names, &q->n, "since");

	q->grep = command_option(q->names, &q->n, "grep");
	if (q->grep && !*q->grep)
		q->grep = NULL;
	if (since && fg_duration_parse(since, &q->since_ms, &c->err) < 0)
		return fg_wrap(&c->err, "since=%s", since);
	if (q->n == 0)
		return command_usage(c, "whose log?");
	if (take_words(c, q) < 0)
		return -1;
	if (!q->lines)
		q->lines = q->since_ms && !q->grep ? LINES_MOST : LINES_USUAL;
	return 0;
}

static int read_log(struct command *c, const struct fg_item *item, bool tty,
	const struct logs_query *q, struct tail *tail)
{
	struct fg_log_options options = {
		.tail = q->grep ? 0 : (int)q->lines,
		.since_ms = q->since_ms ? fg_wall_ms() - q->since_ms : 0,
	};
	cleanup_logs struct fg_logs *logs =
		fg_logs_open(item->host->engine, item->c.id, tty, &options, &c->err);
	cleanup_str struct fg_str clean = {0};
	int64_t deadline = fg_now_ms() + READ_TIMEOUT;
	struct fg_log_line line;
	int rc;

	if (!logs)
		return -1;
	/* Each byte of nonsense becomes the three of a replacement character. */
	fg_str_init(&clean, FG_LOG_LINE * 3 + 64);
	while ((rc = fg_logs_next(logs, &line, deadline, &c->err)) > 0) {
		fg_str_reset(&clean);
		fg_text_clean(&clean, line.text, line.len);
		if (line.cut)
			fg_str_puts(&clean, " …");
		if (!q->grep || strcasestr(clean.s, q->grep))
			tail_add(tail, clean.s, clean.len);
	}
	tail_end(tail);
	return rc;
}

static void add_head(
	struct fg_str *head, const char *title, const struct logs_query *q, const struct tail *tail)
{
	char human[FG_HUMAN];

	html_printf(head, fg_ntr("📜 <b>%s</b> · %d line", "📜 <b>%s</b> · %d lines", tail->count),
		title, (int)tail->count);
	if (q->since_ms)
		html_printf(head, " of the last %s", fg_duration_human(human, q->since_ms));
	if (q->grep)
		html_printf(head, " with <code>%s</code>", q->grep);
	if (tail->cut)
		html_printf(head, " (older ones are left out: more than %s)",
			fg_size_human(human, LOGS_BYTES));
	fg_str_putc(head, '\n');
}

static int say_nothing(struct command *c, const char *title, const struct logs_query *q)
{
	char human[FG_HUMAN];
	struct fg_str *html = reply_add(c->reply);

	html_printf(html, "📜 <b>%s</b> wrote nothing", title);
	if (q->grep)
		html_printf(html, " with <code>%s</code> in it", q->grep);
	if (q->since_ms)
		html_printf(html, " in the last %s", fg_duration_human(human, q->since_ms));
	html_printf(html, q->grep || q->since_ms ? "." : " yet.");
	return 0;
}

static void add_buttons(struct command *c, const struct fg_item *item)
{
	char selector[TARGET_WORDS];

	if (target_may(c, "info"))
		keyboard_button(reply_keyboard(c->reply), fg_tr("ℹ️ Card"), false, "info %s",
			target_selector(selector, item));
	keyboard_button(reply_keyboard(c->reply), fg_tr("↻ Logs"), false, "logs %s",
		target_selector(selector, item));
}

static void set_data(struct command *c, const struct fg_item *item, const struct tail *tail)
{
	cJSON *data = c->reply->data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "name", item->c.name);
	cJSON_AddStringToObject(data, "host", item->host->name);
	cJSON_AddStringToObject(data, "id", item->c.id);
	cJSON_AddNumberToObject(data, "lines", (double)tail->count);
	cJSON_AddBoolToObject(data, "cut", tail->cut);
	cJSON_AddStringToObject(data, "text", tail->text.s);
}

void logs_show(struct command *c, const char *title, const char *file, const struct logs_query *q,
	const struct tail *tail)
{
	cleanup_str struct fg_str head = {0};

	if (tail->count == 0) {
		say_nothing(c, title, q);
		return;
	}
	fg_str_init(&head, 4096);
	add_head(&head, title, q, tail);
	/* Without the last line end, which would be an empty line to see. */
	reply_long(c->reply, head.s, tail->text.s, tail->text.len - 1, file);
}

/* A container's log, for the one who follows it. */
struct source {
	const struct fg_item *item;
	bool tty;
};

static struct fg_logs *open_source(
	const struct fg_log_options *options, void *arg, struct fg_err *err)
{
	const struct source *source = arg;

	return fg_logs_open(
		source->item->host->engine, source->item->c.id, source->tty, options, err);
}

static int container_logs(struct command *c, const struct logs_query *q)
{
	cleanup_items struct fg_items items = {0};
	cleanup_info struct fg_container_info info = {0};
	cleanup_tail struct tail tail = {0};
	cleanup_free char *title = NULL, *file = NULL;
	struct source source;

	if (target_one(c, q->names, q->n, &items) < 0 || target_inspect(c, &items.v[0], &info) < 0)
		return -1;
	title = target_title(&items.v[0]);
	source = (struct source){&items.v[0], info.tty};
	if (q->follow) {
		struct follow_lines lines = {
			.grep = q->grep,
			.since_ms = q->since_ms,
			.open = open_source,
			.arg = &source,
		};

		if (follow_run(c, &lines, title) < 0)
			return fg_wrap(&c->err, "the log of %s", items.v[0].c.name);
		add_buttons(c, &items.v[0]);
		return 0;
	}
	tail_init(&tail, q->lines, LOGS_BYTES);
	if (read_log(c, &items.v[0], info.tty, q, &tail) < 0)
		return fg_wrap(&c->err, "the log of %s", items.v[0].c.name);
	set_data(c, &items.v[0], &tail);
	file = fg_printf("%s.log.txt", items.v[0].c.name);
	logs_show(c, title, file, q, &tail);
	add_buttons(c, &items.v[0]);
	return 0;
}

static int logs_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_service_items struct fg_service_items services = {0};
	struct logs_query q = {.names = words, .n = c->n};
	int rc;

	if (parse(c, &q) < 0)
		return -1;
	rc = swarm_meant(c, q.names, &q.n, &services);
	if (rc < 0)
		return -1;
	return rc ? service_logs(c, &services.v[0], &q) : container_logs(c, &q);
}

const struct command_row command_logs = {
	.name = "logs",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.min = 1,
	.max = 12,
	.usage = "NAME [N] [since=10m] [grep=TEXT] [follow]",
	.help = "The last lines of a container's log",
	.more = "The last 50 lines, or N of them (up to 5000). since= shows all that came within "
		"that time. grep= looks "
		"through the whole log for a text, whatever its case, and shows the last lines "
		"that have it. What is too long "
		"for a chat comes as a file. follow shows new lines as they come, for five minutes. The "
		"name of a service of a swarm means the logs of all its tasks; service=NAME does in any "
		"case.\n"
		"\n"
		"/logs web\n"
		"/logs web 200\n"
		"/logs web since=10m\n"
		"/logs web 20 grep=\"connection refused\"\n"
		"/logs web follow\n"
		"/logs service=web",
	.run = logs_run,
};
