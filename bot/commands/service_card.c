/*
 * How services are shown.
 */
#include <inttypes.h>
#include <string.h>
#include "commands/format.h"
#include "commands/service_card.h"
#include "fleetgram/base/json.h"

#define TASKS_SHOWN 30
#define PORTS_SHOWN 8
#define FAILED_SHOWN 3

const char *service_dot(const struct fg_service *s)
{
	static const char *const dots[][2] = {
		{"active", "🟡"},
		{"complete", "✅"},
		{"down", "🔴"},
		{"partial", "🟠"},
		{"running", "🟢"},
		{"stopped", "⏹"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(dots); i++)
		if (strcmp(dots[i][0], fg_service_state(s)) == 0)
			return dots[i][1];
	return "⚪";
}

char *service_numbers(const struct fg_service *s)
{
	int64_t wanted = s->wanted > 0 ? s->wanted : 0;

	if (fg_service_is_job(s))
		return fg_printf(fg_tr("%d/%d done"), (int)s->completed, (int)wanted);
	return fg_printf("%d/%d", (int)s->running, (int)wanted);
}

const char *service_update_words(const struct fg_service *s)
{
	static const char *const words[][2] = {
		{"updating", FG_TEXT("updating")},
		{"paused", FG_TEXT("update paused")},
		{"rollback_started", FG_TEXT("rolling back")},
		{"rollback_paused", FG_TEXT("rollback paused")},
		{"rollback_completed", FG_TEXT("rolled back")},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(words); i++)
		if (strcmp(words[i][0], s->update_state) == 0)
			return fg_tr(words[i][1]);
	return "";
}

static const char *mode_words(const struct fg_service *s)
{
	switch (s->mode) {
	case FG_SERVICE_GLOBAL:
		return fg_tr("one on each node");
	case FG_SERVICE_JOB:
		return fg_tr("a job");
	case FG_SERVICE_GLOBAL_JOB:
		return fg_tr("a job on each node");
	case FG_SERVICE_REPLICATED:
		break;
	}
	return fg_tr("replicated");
}

/* "8080→80, 53→53/udp" */
static void add_ports(struct fg_str *html, const struct fg_service *s)
{
	size_t shown = 0, published = 0;

	for (size_t i = 0; i < s->port_count; i++) {
		const struct fg_service_port *p = &s->ports[i];

		if (!p->outside || ++published > PORTS_SHOWN)
			continue;
		html_printf(html, "%S%d→%d", shown++ ? ", " : " · ", p->outside, p->inside);
		if (strcmp(p->proto, "tcp") != 0)
			html_printf(html, FG_TEXT("/%s"), p->proto);
	}
	if (published > shown)
		html_printf(html, " and %d more", (int)(published - shown));
}

void service_line(struct fg_str *html, const struct fg_service_item *item)
{
	const struct fg_service *s = &item->s;
	cleanup_free char *name = format_cut_middle(s->name, 64), *image = format_image(s->image);
	cleanup_free char *numbers = service_numbers(s);
	const char *update = service_update_words(s);

	html_printf(html, FG_TEXT("%S <b>%s</b> · %s · %s"), service_dot(s), name, numbers, image);
	add_ports(html, s);
	if (*update)
		html_printf(html, FG_TEXT(" · <i>%s</i>"), update);
	fg_str_putc(html, '\n');
}

/* Tasks */

static const char *task_dot(const struct fg_service_task *t)
{
	if (fg_service_task_runs(t))
		return "🟢";
	if (strcmp(t->state, "complete") == 0)
		return "✅";
	if (strcmp(t->state, "failed") == 0 || strcmp(t->state, "rejected") == 0 ||
		strcmp(t->state, "orphaned") == 0)
		return "🔴";
	return "🟡";
}

static bool is_wanted(const struct fg_service_task *t)
{
	return strcmp(t->desired, "shutdown") != 0 && strcmp(t->desired, "remove") != 0;
}

/* "web.2", of a global service, whose tasks have no numbers, "web". */
static void add_task_name(
	struct fg_str *html, const struct fg_service *s, const struct fg_service_task *t)
{
	html_printf(html, "%s", s->name);
	if (t->slot)
		html_printf(html, FG_TEXT(".%d"), t->slot);
}

static void add_task(
	struct fg_str *html, const struct fg_service *s, const struct fg_service_task *t)
{
	cleanup_free char *image = format_image(t->image);
	char age[FG_HUMAN];

	html_printf(html, FG_TEXT("   %S "), task_dot(t));
	add_task_name(html, s, t);
	html_printf(html, FG_TEXT(" · %s"), t->state);
	if (t->at_ms > 0)
		html_printf(html, FG_TEXT(" %s"), format_age(age, fg_wall_ms() - t->at_ms));
	if (strcmp(t->image, s->image) != 0)
		html_printf(html, FG_TEXT(" · %s"), image);
	if (*t->error)
		html_printf(html, FG_TEXT(": %s"), t->error);
	fg_str_putc(html, '\n');
}

/* Those that are wanted on one node; returns how many were left out. */
static size_t add_node_tasks(struct fg_str *html, const struct fg_service *s,
	const struct fg_service_tasks *tasks, const char *node, const char *title, size_t *shown)
{
	size_t here = 0, left = 0;

	for (size_t i = 0; i < tasks->n; i++) {
		const struct fg_service_task *t = &tasks->v[i];

		if (!is_wanted(t) || strcmp(t->node, node) != 0)
			continue;
		if (*shown >= TASKS_SHOWN) {
			left++;
			continue;
		}
		if (here++ == 0)
			html_printf(html, FG_TEXT("🖥 <b>%s</b>\n"), title);
		add_task(html, s, t);
		++*shown;
	}
	return left;
}

static void add_tasks(struct fg_str *html, const struct fg_service *s,
	const struct fg_service_tasks *tasks, const struct fg_nodes *nodes)
{
	size_t shown = 0, left = 0;

	for (size_t i = 0; i < tasks->n; i++) {
		bool first = true;

		for (size_t k = 0; k < i && first; k++)
			first = strcmp(tasks->v[k].node, tasks->v[i].node) != 0;
		if (first)
			left += add_node_tasks(html, s, tasks, tasks->v[i].node,
				*tasks->v[i].node ? fg_node_name(nodes, tasks->v[i].node)
						  : fg_tr("on no node yet"),
				&shown);
	}
	if (left)
		html_printf(html, "… and %d more\n", (int)left);
}

static bool has_failed(const struct fg_service_task *t)
{
	return *t->error &&
	       (strcmp(t->state, "failed") == 0 || strcmp(t->state, "rejected") == 0 ||
		       strcmp(t->state, "pending") == 0 || strcmp(t->state, "orphaned") == 0);
}

static int newest_first(const void *a, const void *b)
{
	const struct fg_service_task *x = *(const struct fg_service_task *const *)a;
	const struct fg_service_task *y = *(const struct fg_service_task *const *)b;

	return x->at_ms > y->at_ms ? -1 : x->at_ms < y->at_ms;
}

bool service_failures(struct fg_str *html, const struct fg_service *s,
	const struct fg_service_tasks *tasks, const struct fg_nodes *nodes, int64_t since_ms,
	size_t most)
{
	cleanup_free const struct fg_service_task **failed =
		fg_alloc((tasks->n + 1) * sizeof(*failed));
	size_t n = 0, shown = 0;
	char age[FG_HUMAN];

	for (size_t i = 0; i < tasks->n; i++)
		if (has_failed(&tasks->v[i]) && tasks->v[i].at_ms >= since_ms)
			failed[n++] = &tasks->v[i];
	qsort(failed, n, sizeof(*failed), newest_first);
	for (size_t i = 0; i < n && shown < most; i++) {
		bool told = false;

		for (size_t k = 0; k < i && !told; k++)
			told = strcmp(failed[k]->error, failed[i]->error) == 0;
		if (told)
			continue;
		shown++;
		html_printf(html, FG_TEXT("⚠️ "));
		add_task_name(html, s, failed[i]);
		if (*failed[i]->node)
			html_printf(html, " on %s", fg_node_name(nodes, failed[i]->node));
		html_printf(html, FG_TEXT(" · %s %s: %s\n"), failed[i]->state,
			format_ago(age, failed[i]->at_ms, fg_wall_ms()), failed[i]->error);
	}
	return shown > 0;
}

void service_card(struct fg_str *html, const struct fg_service_item *item,
	const struct fg_service_tasks *tasks, const struct fg_nodes *nodes)
{
	const struct fg_service *s = &item->s;
	const char *stack = fg_service_label(s, FG_LABEL_STACK);
	cleanup_free char *title = swarm_title(item), *image = format_image(s->image);
	cleanup_free char *numbers = service_numbers(s);
	const char *update = service_update_words(s);
	char age[FG_HUMAN];

	html_printf(html, FG_TEXT("%S <b>%s</b> · %s, %s\n"), service_dot(s), title,
		fg_service_state(s), numbers);
	html_printf(html, FG_TEXT("📦 <code>%s</code> · %s"), image, mode_words(s));
	add_ports(html, s);
	fg_str_putc(html, '\n');
	if (stack)
		html_printf(html, FG_TEXT("📁 %s\n"), stack);
	if (*update)
		html_printf(html, "⏫ %s%s%s\n", update, *s->update_message ? ": " : "",
			s->update_message);
	if (s->updated_ms > 0)
		html_printf(html, "🕒 changed %s\n", format_ago(age, s->updated_ms, fg_wall_ms()));
	fg_str_putc(html, '\n');
	add_tasks(html, s, tasks, nodes);
	service_failures(html, s, tasks, nodes, 0, FAILED_SHOWN);
}

/* Buttons */

static void add_scale(struct command *c, cJSON *keyboard, const struct fg_service *s)
{
	cleanup_free char *less = NULL, *more = NULL;

	if (s->mode != FG_SERVICE_REPLICATED || !target_may(c, "scale"))
		return;
	keyboard_row(keyboard);
	less = fg_printf("➖ %" PRId64, s->wanted - 1);
	more = fg_printf("➕ %" PRId64, s->wanted + 1);
	if (s->wanted > 0)
		keyboard_button(keyboard, less, false, "scale %s %" PRId64, s->id, s->wanted - 1);
	keyboard_button(keyboard, more, false, "scale %s %" PRId64, s->id, s->wanted + 1);
}

void service_buttons(struct command *c, cJSON *keyboard, const struct fg_service *s)
{
	if (target_may(c, "logs"))
		keyboard_button(keyboard, fg_tr("📜 Logs"), false, "logs service=%s", s->id);
	add_scale(c, keyboard, s);
	keyboard_row(keyboard);
	if (target_may(c, "restart"))
		keyboard_button(keyboard, fg_tr("🔄 Restart"), false, "restart service=%s", s->id);
	if (target_may(c, "update"))
		keyboard_button(
			keyboard, fg_tr("⬆️ Update"), false, "update service=%s", s->id);
	if (s->previous && target_may(c, "rollback"))
		keyboard_button(
			keyboard, fg_tr("⬇️ Roll back"), false, "rollback service=%s", s->id);
	keyboard_row(keyboard);
	keyboard_button(keyboard, fg_tr("↻ Refresh"), true, "service %s", s->id);
}

/* Data */

static cJSON *ports_data(const struct fg_service *s)
{
	cJSON *ports = cJSON_CreateArray();

	for (size_t i = 0; i < s->port_count; i++) {
		cJSON *port = cJSON_CreateObject();

		fg_json_set_i64(port, "port", s->ports[i].inside);
		cJSON_AddStringToObject(port, "proto", s->ports[i].proto);
		if (s->ports[i].outside)
			fg_json_set_i64(port, "published", s->ports[i].outside);
		cJSON_AddItemToArray(ports, port);
	}
	return ports;
}

static cJSON *tasks_data(const struct fg_service_tasks *tasks, const struct fg_nodes *nodes)
{
	cJSON *array = cJSON_CreateArray();

	for (size_t i = 0; i < tasks->n; i++) {
		const struct fg_service_task *t = &tasks->v[i];
		cJSON *one = cJSON_CreateObject();

		cJSON_AddStringToObject(one, "id", t->id);
		fg_json_set_i64(one, "slot", t->slot);
		cJSON_AddStringToObject(one, "node", fg_node_name(nodes, t->node));
		cJSON_AddStringToObject(one, "desired", t->desired);
		cJSON_AddStringToObject(one, "state", t->state);
		cJSON_AddStringToObject(one, "image", t->image);
		cJSON_AddStringToObject(one, "error", t->error);
		cJSON_AddItemToArray(array, one);
	}
	return array;
}

cJSON *service_data(const struct fg_service_item *item, const struct fg_service_tasks *tasks,
	const struct fg_nodes *nodes)
{
	static const char *const modes[] = {
		[FG_SERVICE_REPLICATED] = "replicated",
		[FG_SERVICE_GLOBAL] = "global",
		[FG_SERVICE_JOB] = "replicated-job",
		[FG_SERVICE_GLOBAL_JOB] = "global-job",
	};
	const struct fg_service *s = &item->s;
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "name", s->name);
	cJSON_AddStringToObject(data, "host", item->host->name);
	cJSON_AddStringToObject(data, "id", s->id);
	cJSON_AddStringToObject(data, "image", s->image);
	cJSON_AddStringToObject(data, "digest", s->digest);
	cJSON_AddStringToObject(data, "mode", modes[s->mode]);
	cJSON_AddStringToObject(data, "state", fg_service_state(s));
	fg_json_set_i64(data, "wanted", s->wanted);
	fg_json_set_i64(data, "running", s->running);
	fg_json_set_i64(data, "completed", s->completed);
	cJSON_AddStringToObject(data, "update", s->update_state);
	cJSON_AddStringToObject(data, "update_message", s->update_message);
	cJSON_AddItemToObject(data, "ports", ports_data(s));
	cJSON_AddItemToObject(data, "labels", cJSON_Duplicate(s->labels, true));
	if (tasks)
		cJSON_AddItemToObject(data, "tasks", tasks_data(tasks, nodes));
	return data;
}
