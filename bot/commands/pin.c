/*
 * /pin /unpin: containers that no update may touch.
 */
#include <string.h>
#include "commands/batch.h"
#include "commands/format.h"

static int pin_one(struct batch_job *job)
{
	const bool *pinned = job->batch->arg;
	char author[96];

	return fg_registry_pin(job->c->app->registry, job->item->host->name, job->item->c.id,
		job->item->c.name, *pinned, command_author(job->c, author), &job->err);
}

static int pin_run(struct command *c)
{
	bool pinned = strcmp(c->row->name, "pin") == 0;
	struct batch batch = {
		.verb = c->row->name,
		.past = pinned ? FG_TEXT("pinned") : FG_TEXT("unpinned"),
		.same = pinned ? FG_TEXT("pinned already") : FG_TEXT("not pinned"),
		.at_once = 1, /* the registry takes one after the other anyway */
		.one = pin_one,
		.arg = &pinned,
	};
	cleanup_items struct fg_items items = {0};
	cleanup_str struct fg_str preview = {0};
	cleanup_free char *title = NULL;
	char count[64];
	int rc;

	if (command_pick(c, c->words, c->n, false, &items) < 0)
		return -1;
	title = items.n == 1 ? target_title(&items.v[0]) : NULL;
	fg_str_init(&preview, 4096);
	target_silent(&preview, &items);
	html_printf(&preview, pinned ? "📌 <b>Pin %s?</b>" : "📌 <b>Unpin %s?</b>",
		title ? title : format_count(count, items.n, "%zu container", "%zu containers"));
	rc = command_confirm(c, &items, preview.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, &items, NULL) < 0)
		return -1;
	rc = batch_each(c, &items, &batch);
	target_note_silent(c, &items);
	return rc;
}

const struct command_row command_pin = {
	.name = "pin",
	.verb = "pin",
	.group = GROUP_CREATE,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = -1,
	.usage = "SEL",
	.help = "Keep containers from being updated",
	.more = "A pinned container is left alone by updates until /unpin. The pin belongs to the "
		"name: a container that is made again under it is pinned, too.\n\n/pin db",
	.run = pin_run,
};

const struct command_row command_unpin = {
	.name = "unpin",
	.verb = "unpin",
	.group = GROUP_CREATE,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.min = 1,
	.max = -1,
	.usage = "SEL",
	.help = "Let pinned containers be updated again",
	.more = "/unpin db",
	.run = pin_run,
};
