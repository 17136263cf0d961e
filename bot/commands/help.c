/*
 * /help: the commands that the one who asks may use, from the table.
 */
#include <string.h>
#include "commands/target.h"

static const char *const titles[] = {
	[GROUP_GENERAL] = FG_TEXT("In general"),
	[GROUP_LOOK] = FG_TEXT("Looking"),
	[GROUP_ACT] = FG_TEXT("Acting"),
	[GROUP_CREATE] = FG_TEXT("Making and changing"),
	[GROUP_ADMIN] = FG_TEXT("Administration"),
};

static void add_row_data(cJSON *array, const struct command_row *row)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "name", row->name);
	cJSON_AddStringToObject(data, "usage", row->usage);
	cJSON_AddStringToObject(data, "help", row->help);
	cJSON_AddStringToObject(data, "role", role_name(row->role));
	cJSON_AddItemToArray(array, data);
}

static void add_group(struct command *c, struct fg_str *html, enum command_group group)
{
	bool any = false;

	for (const struct command_row *const *row = command_table; *row; row++) {
		if ((*row)->group != group || !roles_allow(&c->person, *row))
			continue;
		if (!any)
			html_printf(
				html, "%S<b>%s</b>\n", html->len ? "\n" : "", fg_tr(titles[group]));
		any = true;
		html_printf(html, "/%s", (*row)->name);
		if (*(*row)->usage)
			html_printf(html, " %s", (*row)->usage);
		html_printf(html, " · %s\n", fg_tr((*row)->help));
		add_row_data(c->reply->data, *row);
	}
}

/* Lines that are commands are to be tapped, and so copied. */
static void add_more(struct fg_str *html, const char *more)
{
	fg_str_putc(html, '\n');
	for (const char *line = more; *line;) {
		size_t len = strcspn(line, "\n");
		bool example = *line == '/';

		fg_str_puts(html, example ? "<code>" : "");
		html_text_len(html, line, len);
		fg_str_puts(html, example ? "</code>\n" : "\n");
		line += len + (line[len] == '\n');
	}
}

static int help_one(struct command *c, const char *word)
{
	const char *name = *word == '/' ? word + 1 : word;
	const struct command_row *row = command_find(name), *near;
	struct fg_str *html;

	if (!row || !roles_allow(&c->person, row)) {
		near = command_nearest(name, &c->person);
		if (near)
			keyboard_button(reply_offers(c->reply), near->name, false, "help %s",
				near->name);
		return fg_fail(&c->err, FG_ENOTFOUND, "there is no command /%s for you%s%s%s", name,
			near ? fg_tr("; did you mean /") : "", near ? near->name : "",
			near ? "?" : "");
	}
	html = reply_add(c->reply);
	html_printf(html, "<b>/%s</b> %s\n%s.\n", row->name, row->usage, fg_tr(row->help));
	if (row->alias)
		html_printf(html, "Also: /%s\n", row->alias);
	if (row->more)
		add_more(html, fg_tr(row->more));
	if (row->role != ROLE_NONE)
		html_printf(html, "\nFor: %s%S\n", role_name(row->role),
			row->role == ROLE_ADMIN ? "" : fg_tr(" and above"));
	add_row_data(c->reply->data, row);
	return 0;
}

static int help_run(struct command *c)
{
	struct fg_str *html;

	c->reply->data = cJSON_CreateArray();
	if (c->n)
		return help_one(c, c->words[0]);
	html = reply_add(c->reply);
	for (size_t i = 0; i < FG_ARRAY_LEN(titles); i++)
		add_group(c, html, (enum command_group)i);
	html_printf(html, "\nNAME is a container, SEL one or many: names, globs, KEY=PATTERN.\n"
			  "/help COMMAND tells more.");
	return 0;
}

const struct command_row command_help = {
	.name = "help",
	.group = GROUP_GENERAL,
	.role = ROLE_NONE,
	.max = 1,
	.usage = "[COMMAND]",
	.help = "What you can do here",
	.more = "/help list",
	.run = help_run,
};
