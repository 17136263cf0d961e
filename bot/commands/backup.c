/*
 * /backup: the registry as a file, which `fleetgram registry import` takes back.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/clock.h"

#define FILE_MOST ((size_t)50 * 1024 * 1024) /* what a bot may send */

static void file_name(char buf[64])
{
	time_t now = (time_t)(fg_wall_ms() / 1000);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(buf, 64, "fleetgram-registry-%Y%m%dT%H%M%SZ.json", &tm);
}

static void add_caption(struct fg_str *html, struct command *c, const struct fg_export *all)
{
	int missing = fg_registry_count_state(c->app->registry, "missing");
	char count[64], human[FG_HUMAN];

	html_printf(html, "💾 <b>The registry</b>: %s",
		format_count(count, all->instances, "%zu instance", "%zu instances"));
	if (missing)
		html_printf(html, " (%d missing)", missing);
	if (all->records)
		html_printf(html, ", pins, notes and history of %s",
			format_count(count, all->records, "%zu other container",
				"%zu other containers"));
	if (all->services)
		html_printf(html, ", %s",
			format_count(count, all->services, "%zu service", "%zu services"));
	html_printf(html,
		", %s.\n<code>fleetgram registry import FILE</code> takes it back. It has the "
		"environment of every instance in it, secrets too.",
		format_bytes(human, (double)all->len));
}

static int backup_run(struct command *c)
{
	cleanup_export struct fg_export all = {0};
	cleanup_str struct fg_str caption = {0};
	char name[64];

	if (c->person.scope)
		return fg_fail(&c->err, FG_EDENIED,
			"the backup has every instance, and you may see only %s",
			fg_selector_text(c->person.scope));
	if (fg_registry_export(c->app->registry, &all, &c->err) < 0)
		return -1;
	if (!c->reply->terminal && all.len > FILE_MOST)
		return fg_fail(&c->err, FG_ETOOBIG,
			"the backup has %zu MiB, and a bot may send 50: take it with fleetgram "
			"registry export",
			all.len >> 20);
	file_name(name);
	c->reply->data = cJSON_CreateObject();
	cJSON_AddStringToObject(c->reply->data, "file", name);
	cJSON_AddNumberToObject(c->reply->data, "instances", (double)all.instances);
	cJSON_AddNumberToObject(c->reply->data, "records", (double)all.records);
	cJSON_AddNumberToObject(c->reply->data, "services", (double)all.services);
	/* On a terminal the file is all there is, so that it can be sent into one. */
	fg_str_init(&caption, 4096);
	if (!c->reply->terminal)
		add_caption(&caption, c, &all);
	reply_file(c->reply, name, fg_steal(&all.text), all.len, caption.s);
	return 0;
}

const struct command_row command_backup = {
	.name = "backup",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.usage = "",
	.help = "The registry as a file",
	.more = "What fleetgram registry export writes: every instance with its spec and history, "
		"pins and notes. fleetgram registry import takes it back. Mind that the "
		"environment of the instances is in it.\n"
		"\n"
		"/backup",
	.run = backup_run,
};
