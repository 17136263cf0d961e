/*
 * /note: a remark on a container, for whoever looks at it next.
 */
#include <string.h>
#include "commands/target.h"

#define TEXT_CAP 16384 /* bytes; more than a message has */

/* As it was typed, but for the number of spaces. Caller frees. */
static char *plain_text(const char *const *words, size_t n)
{
	cleanup_str struct fg_str text = {0};

	fg_str_init(&text, TEXT_CAP);
	fg_str_puts(&text, "");
	for (size_t i = 0; i < n; i++)
		fg_str_printf(&text, "%s%s", i ? " " : "", words[i]);
	return fg_strdup(text.s ? text.s : "");
}

static int note_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	cleanup_str struct fg_str preview = {0};
	cleanup_free char *title = NULL, *text = NULL;
	const struct fg_item *item;
	char author[96];
	int rc;

	if (command_pick_one(c, c->words[0], &items) < 0)
		return -1;
	item = &items.v[0];
	title = target_title(item);
	text = plain_text(c->words + 1, c->n - 1);
	if (strcmp(text, "-") == 0)
		*text = '\0';
	fg_str_init(&preview, 8192);
	html_printf(&preview,
		*text ? "📝 <b>Note this on %s?</b>" : "📝 <b>Take the note off %s?</b>", title);
	if (*text)
		html_printf(&preview, "\n%s", text);
	rc = command_confirm(c, &items, preview.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, &items, NULL) < 0)
		return -1;
	rc = fg_registry_note(c->app->registry, item->host->name, item->c.id, item->c.name, text,
		command_author(c, author), &c->err);
	if (rc < 0)
		return -1;
	c->reply->data = target_data(item);
	cJSON_AddStringToObject(c->reply->data, "note", text);
	if (!*text)
		return reply_html(c->reply,
			rc ? "✅ The note on <b>%s</b> is gone." : "There is no note on <b>%s</b>.",
			title);
	return reply_html(c->reply, "📝 <b>%s</b>: %s", title, text);
}

const struct command_row command_note = {
	.name = "note",
	.verb = "note",
	.group = GROUP_CREATE,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = -1,
	.usage = "NAME TEXT",
	.help = "Note something on a container",
	.more = "At most 1000 characters, shown by /info and /history. Without a text, or with -, "
		"the note is taken away. It belongs to the name, and stays when the container is "
		"made again.\n\n/note web do not restart before Monday\n/note web -",
	.run = note_run,
};
