/*
 * /rename: another name for a container.
 */
#include <string.h>
#include "commands/batch.h"

/* Whoever sees only some containers must still see this one afterwards. */
static bool stays_in_scope(const struct command *c, const struct fg_item *item, const char *name)
{
	struct fg_subject subject = fg_item_subject(item);

	subject.name = name;
	return !c->person.scope || fg_selector_match(c->person.scope, &subject);
}

/* What is out of scope does not exist, and still no other one can be called so. */
static int check_name(struct command *c, const struct fg_item *item, const char *name)
{
	cleanup_info struct fg_container_info info = {0};
	struct fg_subject subject;

	if (fg_selector_is_empty(c->person.scope) ||
		fg_container_inspect(item->host->engine, name, &info, NULL) < 0 ||
		strcmp(info.name, name) != 0)
		return 0; /* what else may be wrong, the engine says */
	subject = fg_info_subject(item->host, &info);
	if (fg_selector_match(c->person.scope, &subject))
		return 0;
	return fg_fail(
		&c->err, FG_ECONFLICT, "the name %s cannot be used on %s", name, item->host->name);
}

static int rename_run(struct command *c)
{
	cleanup_items struct fg_items items = {0};
	cleanup_str struct fg_str preview = {0};
	const char *name = c->words[c->n - 1];
	int rc;

	if (!fg_name_valid(name))
		return fg_fail(&c->err, FG_EINVAL,
			"%s is no name for a container: letters, digits, _ . and -, beginning "
			"with a letter or digit",
			name);
	if (target_one(c, c->words, c->n - 1, &items) < 0)
		return -1;
	if (strcmp(items.v[0].c.name, name) == 0)
		return reply_html(c->reply, "<b>%s</b> has that name already.", name);
	if (!stays_in_scope(c, &items.v[0], name))
		return fg_fail(&c->err, FG_EDENIED, "you could not see %s any more under that name",
			items.v[0].c.name);
	if (check_name(c, &items.v[0], name) < 0)
		return -1;
	fg_str_init(&preview, 4096);
	html_printf(&preview, "<b>Rename it to %s?</b>", name);
	rc = command_confirm(c, &items, preview.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, &items, NULL) < 0)
		return -1;
	return batch_run(c, &items, FG_OP_RENAME, name, NULL);
}

const struct command_row command_rename = {
	.name = "rename",
	.verb = "rename",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.mutates = true,
	.min = 2,
	.max = 8,
	.usage = "NAME NEW",
	.help = "Give a container another name",
	.more = "/rename web web-old",
	.run = rename_run,
	.op = FG_OP_RENAME,
};
