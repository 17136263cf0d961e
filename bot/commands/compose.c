/*
 * /compose: a container as a Compose file.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/compose.h"

static bool is_secret(const char *assignment)
{
	cleanup_free char *masked = format_masked(assignment);

	return strcmp(masked, assignment) != 0;
}

/* On a terminal there is the file and nothing else, so that it can go where a file is wanted. */
static void write_head(struct fg_str *html, const struct command *c, const struct fg_item *item,
	const struct fg_compose_file *file)
{
	cleanup_free char *title = target_title(item);
	int n = cJSON_GetArraySize(file->variables);

	if (c->reply->terminal)
		return;
	html_printf(html, "🧾 <b>%s</b> as a Compose file\n", title);
	if (n > 0)
		html_printf(html,
			fg_ntr("%d secret value is not in it: a variable has to be set when it is used.\n",
				"%d secret values are not in it: variables have to be set when it is used.\n",
				(size_t)n),
			n);
}

static int compose_run(struct command *c)
{
	cleanup_compose_file struct fg_compose_file file = {0};
	cleanup_items struct fg_items items = {0};
	cleanup_free char *file_name = NULL;
	cleanup_str struct fg_str head = {0};
	struct fg_item *item;

	if (target_one(c, c->words, c->n, &items) < 0)
		return -1;
	item = &items.v[0];
	if (fg_compose_container(
		    item->host, item->c.id, c->person.scope, is_secret, &file, &c->err) < 0)
		return -1;
	fg_str_init(&head, 4096);
	write_head(&head, c, item, &file);
	file_name = fg_printf("%s.yml", item->c.name);
	reply_long(c->reply, head.s, file.text, strlen(file.text), file_name);
	c->reply->data = cJSON_CreateObject();
	cJSON_AddStringToObject(c->reply->data, "name", item->c.name);
	cJSON_AddStringToObject(c->reply->data, "host", item->host->name);
	cJSON_AddStringToObject(c->reply->data, "compose", file.text);
	cJSON_AddItemToObject(c->reply->data, "variables", fg_steal(&file.variables));
	cJSON_AddItemToObject(c->reply->data, "left_out", fg_steal(&file.left_out));
	return 0;
}

const struct command_row command_compose = {
	.name = "compose",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.min = 1,
	.max = 8,
	.usage = "NAME",
	.help = "A Compose file that would make the container again",
	.more = "It holds what the container has beyond its image. Volumes and networks with a "
		"name are not made again, they have to be there. Values that look secret are "
		"replaced by variables, which the file names.\n"
		"\n"
		"/compose web\n"
		"/compose prod1/web",
	.run = compose_run,
};
