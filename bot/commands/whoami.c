/*
 * /whoami: what Fleetgram knows about the one who asks, and lets them do.
 */
#include "commands/target.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/text.h"

static const char *const groups[] = {
	[GROUP_GENERAL] = FG_TEXT("in general"),
	[GROUP_LOOK] = FG_TEXT("look"),
	[GROUP_ACT] = FG_TEXT("act"),
	[GROUP_CREATE] = FG_TEXT("make and change"),
	[GROUP_ADMIN] = FG_TEXT("administer"),
};

/* What was granted, and until when. */
static void add_grant(struct command *c, struct fg_str *html)
{
	int64_t until = c->person.granted_until_ms;
	char human[FG_HUMAN], at[FG_RFC3339];
	cJSON *data;

	if (!until) {
		fg_str_putc(html, '\n');
		return;
	}
	html_printf(html, ", granted for another %s; then %s again\n",
		fg_duration_human(human, until - fg_wall_ms()), role_name(c->person.own_role));
	data = cJSON_AddObjectToObject(c->reply->data, "grant");
	cJSON_AddStringToObject(data, "until", fg_rfc3339(at, until));
	cJSON_AddStringToObject(data, "then", role_name(c->person.own_role));
}

static void add_group(
	struct command *c, struct fg_str *html, enum command_group group, cJSON *commands)
{
	bool any = false;

	for (const struct command_row *const *row = command_table; *row; row++) {
		if ((*row)->group != group || !roles_allow(&c->person, *row))
			continue;
		if (!any)
			html_printf(html, "• %s:", fg_tr(groups[group]));
		any = true;
		html_printf(html, " /%s", (*row)->name);
		cJSON_AddItemToArray(commands, cJSON_CreateString((*row)->name));
	}
	if (any)
		fg_str_putc(html, '\n');
}

static int whoami_run(struct command *c)
{
	const char *scope = c->person.scope ? fg_selector_text(c->person.scope) : "";
	struct fg_str *html = reply_add(c->reply);
	cJSON *data = c->reply->data = cJSON_CreateObject(), *commands;

	html_printf(html, "You are <b>%s</b>", c->person.name);
	if (c->person.id)
		html_printf(html, ", id <code>%lld</code>", c->person.id);
	html_printf(html, "\nRole: %s", role_name(c->person.role));
	add_grant(c, html);
	if (*scope)
		html_printf(html, "You see: <code>%s</code>\n", scope);
	else
		html_printf(html, "You see: everything\n");
	fg_json_set_i64(data, "id", c->person.id);
	cJSON_AddStringToObject(data, "name", c->person.name);
	cJSON_AddStringToObject(data, "role", role_name(c->person.role));
	cJSON_AddStringToObject(data, "scope", scope);
	commands = cJSON_AddArrayToObject(data, "commands");
	html_printf(html, "You may:\n");
	for (size_t i = 0; i < FG_ARRAY_LEN(groups); i++)
		add_group(c, html, (enum command_group)i, commands);
	return 0;
}

const struct command_row command_whoami = {
	.name = "whoami",
	.group = GROUP_GENERAL,
	.role = ROLE_NONE,
	.usage = "",
	.help = "Your id, your role and what you may do",
	.more = "/whoami",
	.run = whoami_run,
};
