/*
 * The logs of a service: the lines of all its tasks in one, by their time.
 */
#include <stdlib.h>
#include <string.h>
#include "commands/follow.h"
#include "commands/logs.h"
#include "commands/service_act.h"
#include "commands/swarm_nodes.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/text.h"

#define READ_MS ((int64_t)30000)             /* nodes that are away are waited for so long */
#define KEPT_BYTES ((size_t)8 * 1024 * 1024) /* of lines, before the older half is dropped */

struct line {
	int64_t time_ms;
	size_t number; /* as they came: what one task writes at the same time stays in order */
	char *text;
};

/* Whose log it is, and the names of its tasks and nodes. */
struct source {
	struct fg_service_item *item;
	struct fg_service_tasks tasks;
	struct fg_nodes nodes;
	const struct fg_log_options *options;
	struct fg_logs *logs;
	struct line *lines;
	size_t n, room, bytes, number;
	bool incomplete;
};

static void source_finish(struct source *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->lines[i].text);
	free(s->lines);
	fg_service_tasks_finish(&s->tasks);
	fg_nodes_finish(&s->nodes);
}
#define cleanup_source __attribute__((cleanup(source_finish)))

static int open_one(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct source *s = arg;
	bool tty = fg_json_bool(fg_service_container(&s->item->s), "TTY", false);

	s->logs = fg_service_logs_open(engine, s->item->s.id, tty, s->options, err);
	return s->logs ? 0 : -1;
}

static struct fg_logs *open_logs(
	const struct fg_log_options *options, void *arg, struct fg_err *err)
{
	struct source *s = arg;

	s->options = options;
	s->logs = NULL;
	return fg_swarm_ask(s->item->swarm, false, open_one, s, err) < 0 ? NULL : s->logs;
}

/* "2@node1 │ " */
static void add_origin(struct fg_str *out, struct fg_log_line *line, void *arg)
{
	const struct source *s = arg;
	char node[FG_SWARM_ID], task[FG_SWARM_ID];

	fg_service_log_origin(line, node, task);
	if (!*task && !*node)
		return;
	for (size_t i = 0; i < s->tasks.n; i++)
		if (s->tasks.v[i].slot && strcmp(s->tasks.v[i].id, task) == 0)
			fg_str_printf(out, "%d@", s->tasks.v[i].slot);
	fg_str_printf(out, "%.40s │ ", fg_node_name(&s->nodes, node));
}

static int by_time(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->time_ms != y->time_ms)
		return x->time_ms < y->time_ms ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static void keep(struct source *s, const struct fg_log_line *line, const char *text)
{
	if (s->bytes > KEPT_BYTES) {
		size_t half = s->n / 2;

		qsort(s->lines, s->n, sizeof(*s->lines), by_time);
		for (size_t i = 0; i < half; i++) {
			s->bytes -= strlen(s->lines[i].text) + sizeof(*s->lines);
			free(s->lines[i].text);
		}
		memmove(s->lines, s->lines + half, (s->n - half) * sizeof(*s->lines));
		s->n -= half;
	}
	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 64;
		s->lines = fg_realloc(s->lines, s->room, sizeof(*s->lines));
	}
	/* What has no time is the engine's own complaint, and stands last. */
	s->lines[s->n++] = (struct line){
		line->time_ms ? line->time_ms : INT64_MAX, s->number++, fg_strdup(text)};
	s->bytes += strlen(text) + sizeof(*s->lines);
}

static int read_all(struct command *c, struct source *s, const struct logs_query *q)
{
	struct fg_log_options options = {
		.tail = q->grep ? 0 : (int)q->lines,
		.since_ms = q->since_ms ? fg_wall_ms() - q->since_ms : 0,
	};
	cleanup_logs struct fg_logs *logs = open_logs(&options, s, &c->err);
	cleanup_str struct fg_str clean = {0};
	int64_t deadline = fg_now_ms() + READ_MS;
	struct fg_log_line line;
	int rc;

	if (!logs)
		return -1;
	fg_str_init(&clean, FG_LOG_LINE * 3 + 512);
	while ((rc = fg_logs_next(logs, &line, deadline, &c->err)) > 0) {
		size_t text;

		fg_str_reset(&clean);
		add_origin(&clean, &line, s);
		text = clean.len;
		fg_text_clean(&clean, line.text, line.len);
		if (line.cut)
			fg_str_puts(&clean, " …");
		if (!q->grep || strcasestr(clean.s + text, q->grep))
			keep(s, &line, clean.s);
	}
	/* A node that is away never says that its log has ended. */
	s->incomplete = rc < 0 && c->err.code == FG_ETIMEOUT && !fg_task_canceled();
	return s->incomplete ? 0 : rc;
}

static void add_buttons(struct command *c, const struct fg_service *s)
{
	cJSON *keyboard = reply_keyboard(c->reply);

	if (target_may(c, "service"))
		keyboard_button(keyboard, fg_tr("ℹ️ Card"), false, "service %s", s->id);
	keyboard_button(keyboard, fg_tr("↻ Logs"), false, "logs service=%s", s->id);
}

static void set_data(struct command *c, const struct fg_service_item *item, const struct tail *tail)
{
	cJSON *data = c->reply->data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "service", item->s.name);
	cJSON_AddStringToObject(data, "host", item->host->name);
	cJSON_AddStringToObject(data, "id", item->s.id);
	cJSON_AddNumberToObject(data, "lines", (double)tail->count);
	cJSON_AddBoolToObject(data, "cut", tail->cut);
	cJSON_AddStringToObject(data, "text", tail->text.s);
}

static int follow(
	struct command *c, struct source *s, const struct logs_query *q, const char *title)
{
	struct follow_lines lines = {
		.grep = q->grep,
		.since_ms = q->since_ms,
		.open = open_logs,
		.origin = add_origin,
		.arg = s,
	};

	if (follow_run(c, &lines, title) < 0)
		return fg_wrap(&c->err, "the log of %s", s->item->s.name);
	add_buttons(c, &s->item->s);
	return 0;
}

int service_logs(struct command *c, struct fg_service_item *item, const struct logs_query *q)
{
	cleanup_source struct source s = {.item = item};
	cleanup_tail struct tail tail = {0};
	cleanup_free char *title = swarm_title(item), *file = NULL;

	if (fg_swarm_tasks(item->swarm, item->s.id, &s.tasks, &c->err) < 0 ||
		swarm_nodes(c, item->swarm, &s.nodes) < 0)
		return -1;
	if (q->follow)
		return follow(c, &s, q, title);
	if (read_all(c, &s, q) < 0)
		return fg_wrap(&c->err, "the log of %s", item->s.name);
	qsort(s.lines, s.n, sizeof(*s.lines), by_time);
	tail_init(&tail, q->lines, LOGS_BYTES);
	for (size_t i = 0; i < s.n; i++)
		tail_add(&tail, s.lines[i].text, strlen(s.lines[i].text));
	tail_end(&tail);
	set_data(c, item, &tail);
	file = fg_printf("%s.log.txt", item->s.name);
	logs_show(c, title, file, q, &tail);
	if (s.incomplete)
		reply_html(c->reply, "⚠️ A node did not send its part of the log in time.");
	add_buttons(c, &item->s);
	return 0;
}
