/*
 * What is asked before something is pruned, and what is said after it.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/prune.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/pause.h"

#define LINES_MOST 40 /* in a question; a longer list goes as a file */
#define TEXT_CAP ((size_t)16 * 1024 * 1024)
#define REPORT_CAP ((size_t)1024 * 1024)

char *prune_title(const struct command *c, const struct fg_host *host, const char *name)
{
	cleanup_free char *title = fg_fleet_count(c->setup->fleet) > 1
					   ? fg_printf("%s/%s", host->name, name)
					   : fg_strdup(name);

	return format_cut(title, 96);
}

void prune_silent(struct fg_str *html, struct fg_host *const *silent, size_t n)
{
	for (size_t i = 0; i < n; i++)
		html_printf(html, "⚠️ <b>%s</b> does not tell%s%s\n", silent[i]->name,
			*silent[i]->why.text ? ": " : "", silent[i]->why.text);
}

void prune_paused(const struct command *c, struct fg_str *html, const char *host)
{
	struct fg_fleet *fleet = c->setup->fleet;

	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		const struct fg_host *one = fg_fleet_host(fleet, i);

		if (fg_host_paused(one) && fg_selector_match_host(c->person.scope, one->name) &&
			(!host || strcmp(host, one->name) == 0))
			html_printf(html, "🔧 <b>%s</b> is left out: it is paused for maintenance\n",
				one->name);
	}
}

int prune_confirm(struct command *c, const struct fg_items *targets, const char *head,
	const struct fg_str *lines, const char *file_name)
{
	cleanup_str struct fg_str preview = {0};

	fg_str_init(&preview, REPORT_CAP);
	fg_str_puts(&preview, head);
	if (targets->n <= LINES_MOST || c->asking == ASK_GIVEN) {
		fg_str_puts(&preview, lines->s);
	} else {
		char *plain = html_plain(lines->s);

		reply_file(c->reply, file_name, plain, strlen(plain), NULL);
		html_printf(&preview, "\nThe file lists all of them.");
	}
	return command_confirm(c, targets, preview.s);
}

const cJSON *prune_frozen(
	const struct command *c, const char *host, const char *id, const char *name)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, c->frozen)
		if (strcmp(fg_json_str(one, "host", ""), host) == 0 &&
			strcmp(fg_json_str(one, "id", ""), id) == 0 &&
			(!name || strcmp(fg_json_str(one, "name", ""), name) == 0))
			return one;
	return NULL;
}

void prune_report_init(struct prune_report *r)
{
	memset(r, 0, sizeof(*r));
	fg_str_init(&r->done, TEXT_CAP);
	fg_str_init(&r->left, TEXT_CAP);
	fg_str_init(&r->failed, TEXT_CAP);
	r->data = cJSON_CreateObject();
	cJSON_AddArrayToObject(r->data, "done");
	cJSON_AddArrayToObject(r->data, "skipped");
	cJSON_AddArrayToObject(r->data, "failed");
}

void prune_report_finish(struct prune_report *r)
{
	fg_str_finish(&r->done);
	fg_str_finish(&r->left);
	fg_str_finish(&r->failed);
	cJSON_Delete(r->data);
}

void prune_report_add(struct prune_report *r, const char *title, const char *more, int result,
	const struct fg_err *err, cJSON *data)
{
	const char *list = result > 0 ? "done" : result == 0 ? "skipped" : "failed";

	if (result > 0) {
		r->done_n++;
		html_printf(&r->done, "\n• <b>%s</b>%s%s", title, more && *more ? " · " : "",
			more ? more : "");
	} else if (result == 0) {
		r->left_n++;
		html_printf(&r->left, "\n⏭ <b>%s</b> stays: %s", title, err->text);
	} else {
		if (r->failed_n++ == 0)
			r->first = *err;
		html_printf(&r->failed, "\n⚠️ <b>%s</b>: %s", title, err->text);
	}
	if (result <= 0)
		cJSON_AddStringToObject(data, "error", err->text);
	cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(r->data, list), data);
}

int prune_report_say(struct command *c, struct prune_report *r, const char *head)
{
	c->reply->data = fg_steal(&r->data);
	reply_html(c->reply, "%S%S%S%S", head, r->failed.s, r->left.s, r->done.s);
	if (r->failed_n == 0 || (r->done_n > 0 && !c->reply->terminal))
		return 0;
	c->err = r->first;
	return fg_wrap(
		&c->err, "%zu of %zu failed", r->failed_n, r->failed_n + r->left_n + r->done_n);
}
