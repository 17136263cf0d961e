/*
 * /top: the processes of one container.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/json.h"

#define ROWS_MOST 60

struct column {
	const char *title, *other; /* as Docker and as Podman call it */
	size_t width, width_terminal;
	int index;
};

static int find_title(const cJSON *titles, const struct column *column)
{
	const cJSON *title;
	int i = 0;

	cJSON_ArrayForEach (title, titles) {
		if (cJSON_IsString(title) &&
			(strcmp(title->valuestring, column->title) == 0 ||
				strcmp(title->valuestring, column->other) == 0))
			return i;
		i++;
	}
	return -1;
}

static const char *cell(const cJSON *process, int index)
{
	const cJSON *item = index < 0 ? NULL : cJSON_GetArrayItem(process, index);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static void add_process(struct fg_str *out, const cJSON *process, const struct column *columns,
	size_t n, bool terminal)
{
	for (size_t i = 0; i + 1 < n; i++) {
		format_cell(out, cell(process, columns[i].index),
			terminal ? columns[i].width_terminal : columns[i].width, i == 0);
		fg_str_putc(out, ' ');
	}
	fg_str_putc(out, ' ');
	{
		cleanup_free char *command = format_cut(cell(process, columns[n - 1].index),
			terminal ? columns[n - 1].width_terminal : columns[n - 1].width);

		fg_str_puts(out, command);
	}
	fg_str_putc(out, '\n');
}

static void show(struct command *c, const struct fg_item *item, const cJSON *top)
{
	struct column columns[] = {
		{"PID", "PID", 6, 8, -1},
		{"UID", "USER", 5, 10, -1},
		{"TIME", "TIME", 8, 10, -1},
		{"CMD", "COMMAND", 40, 160, -1},
	};
	const cJSON *processes = fg_json_array(top, "Processes"), *process;
	int total = cJSON_GetArraySize(processes), shown = 0;
	cleanup_str struct fg_str table = {0};
	cleanup_free char *title = target_title(item);
	struct fg_str *html = reply_add(c->reply);
	char count[64];

	for (size_t i = 0; i < FG_ARRAY_LEN(columns); i++)
		columns[i].index = find_title(fg_json_array(top, "Titles"), &columns[i]);
	fg_str_init(&table, 256 * 1024);
	fg_str_puts(&table, c->reply->terminal ? "     PID USER       TIME        COMMAND\n"
					       : "   PID USER  TIME      COMMAND\n");
	cJSON_ArrayForEach (process, processes) {
		if (shown == ROWS_MOST && !c->reply->terminal)
			break;
		add_process(&table, process, columns, FG_ARRAY_LEN(columns), c->reply->terminal);
		shown++;
	}
	html_printf(html, "⚙️ <b>%s</b> · %s\n<pre>", title,
		format_count(count, (size_t)total, "%zu process", "%zu processes"));
	html_text_len(html, table.s, table.len);
	fg_str_puts(html, "</pre>");
	if (total > shown)
		html_printf(html, "\n… and %d more", total - shown);
}

static int top_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	cleanup_json cJSON *top = NULL;
	char selector[TARGET_WORDS];

	if (target_one(c, c->words, c->n, &items) < 0)
		return -1;
	if (!format_is_up(items.v[0].c.state))
		return fg_fail(&c->err, FG_ECONFLICT,
			"%s is not running (it is %s), so it has no processes", items.v[0].c.name,
			items.v[0].c.state);
	top = fg_container_top(items.v[0].host->engine, items.v[0].c.id, &c->err);
	fg_host_note(items.v[0].host, top ? NULL : &c->err);
	if (!top)
		return fg_wrap(&c->err, "the processes of %s", items.v[0].c.name);
	show(c, &items.v[0], top);
	keyboard_button(reply_keyboard(c->reply), "↻", true, "top %s",
		target_selector(selector, &items.v[0]));
	c->reply->data = fg_steal(&top);
	return 0;
}

const struct command_row command_top = {
	.name = "top",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.min = 1,
	.max = 8,
	.usage = "NAME",
	.help = "The processes of a container",
	.more = "/top web",
	.run = top_run,
};
