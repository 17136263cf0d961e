/*
 * /hosts: the engines, one after another, and one in detail.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/overview.h"
#include "commands/places.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/fleet/pause.h"
#include "notify/disk.h"

#define INFO_AGE_MS 60000 /* what an engine is changes seldom */
#define INFO_MS 3000
#define PAGE 10 /* hosts */
#define DISKS_AT_ONCE 8
#define LINE_MOST 60 /* characters of labels */

/* The hosts that are shown. */
struct view {
	const struct overview_host **v;
	size_t n, first, end, page, pages;
	struct disk *disks; /* of [first, end); size 0: not known */
	const char *glob;   /* NULL: all */
};

static void view_finish(struct view *view)
{
	free(view->v);
	free(view->disks);
}

static void add_version(struct fg_str *html, const struct fg_engine_version *version)
{
	if (!*version->version)
		return;
	html_printf(
		html, "   %s %s, API %s", version->kind, version->version, version->api_version);
	if (*version->os)
		html_printf(html, ", %s/%s", version->os, version->arch);
	fg_str_putc(html, '\n');
}

static void add_disk(struct fg_str *html, const struct disk *disk)
{
	char used[FG_HUMAN], size[FG_HUMAN];

	if (disk->size_bytes)
		html_printf(html, "   disk %s of %s\n",
			format_bytes(used, (double)disk->used_bytes),
			format_bytes(size, (double)disk->size_bytes));
}

/* What the engine has, and what somebody who set it up said of it. */
static void add_info(struct fg_str *html, const struct fg_engine_info *info)
{
	cleanup_free char *labels = NULL;
	char memory[FG_HUMAN];

	if (!info)
		return;
	if (info->cpus)
		html_printf(html, "   %lld CPU, %s memory%s\n", info->cpus,
			format_bytes(memory, (double)info->memory_bytes),
			strcmp(info->swarm, "active") != 0 ? ""
			: info->manager                    ? fg_tr(", swarm manager")
							   : fg_tr(", swarm worker"));
	labels = format_cut(info->labels, LINE_MOST);
	if (*labels)
		html_printf(html, "   🏷 %s\n", labels);
}

static void add_host(const struct command *c, struct fg_str *html, const struct overview_host *h,
	const struct disk *disk)
{
	const struct fg_host *host = h->host;
	char age[FG_HUMAN];

	overview_host_html(html, h);
	add_version(html, &host->version);
	if (!h->answered)
		return;
	html_printf(html, "   answers in %d ms", (int)(host->latency_ms + 0.5));
	/* Since Fleetgram began to look, that is: a command on its own began just now. */
	if (c->app->telegram)
		html_printf(html, ", up for %s", format_age(age, fg_wall_age(host->since_ms)));
	html_printf(html, "\n   %d of %d containers running\n", h->containers.running,
		h->containers.total);
	add_disk(html, disk);
	add_info(html, host->info);
}

static int read_words(struct command *c, struct view *view)
{
	cleanup_free const char **words = target_words(c);
	size_t n = c->n;
	const char *page = command_option(words, &n, "page");

	view->page = places_page(page);
	if (view->page == 0)
		return command_usage(c, "page= takes a number from 1 up");
	if (n > 1)
		return command_usage(c, "it takes one name or glob");
	view->glob = n ? words[0] : NULL;
	return 0;
}

static int choose(struct command *c, const struct overview *o, struct view *view)
{
	bool all = c->reply->terminal;

	view->v = fg_alloc((o->host_count + 1) * sizeof(*view->v));
	for (size_t i = 0; i < o->host_count; i++)
		if (!view->glob || fg_glob_match(view->glob, o->hosts[i].host->name))
			view->v[view->n++] = &o->hosts[i];
	if (view->n == 0 && view->glob)
		return fg_fail(&c->err, FG_ENOTFOUND, "there is no host %s", view->glob);
	view->pages = all || view->n == 0 ? 1 : (view->n + PAGE - 1) / PAGE;
	if (view->page > view->pages)
		view->page = view->pages;
	view->first = all ? 0 : (view->page - 1) * PAGE;
	view->end = all || view->first + PAGE > view->n ? view->n : view->first + PAGE;
	return 0;
}

struct look {
	struct fg_host *host;
	struct disk *disk;
};

static void look_run(void *arg)
{
	struct look *look = arg;
	struct fg_err err;

	fg_task_deadline(fg_now_ms() + INFO_MS);
	disk_look(look->host, look->disk, &err);
}

/* What costs a question more is asked only of those that are shown. */
static void ask_shown(struct view *view)
{
	size_t n = view->end - view->first;
	cleanup_free struct fg_host **hosts = fg_alloc((n + 1) * sizeof(struct fg_host *));
	cleanup_free struct look *looks = fg_alloc((n + 1) * sizeof(*looks));
	struct fg_group group;

	view->disks = fg_alloc((n + 1) * sizeof(*view->disks));
	for (size_t i = 0; i < n; i++)
		hosts[i] = view->v[view->first + i]->host;
	fg_hosts_ask(hosts, n, INFO_AGE_MS, INFO_MS);
	fg_group_init(&group, DISKS_AT_ONCE);
	for (size_t i = 0; i < n; i++) {
		looks[i] = (struct look){hosts[i], &view->disks[i]};
		if (!view->v[view->first + i]->answered || !disk_may_be_here(hosts[i]))
			continue;
		if (fg_group_go(&group, "the disk of a host", look_run, &looks[i], NULL) < 0)
			break;
	}
	fg_group_wait(&group, FG_NEVER, NULL);
}

static void add_head(struct fg_str *html, const struct overview *o, const struct view *view)
{
	size_t up = 0, paused = 0;

	if (o->host_count <= PAGE)
		return;
	for (size_t i = 0; i < view->n; i++) {
		up += view->v[i]->answered;
		paused += fg_host_paused(view->v[i]->host);
	}
	html_printf(html, "🖥 <b>%d of %d hosts answer</b>", (int)up, (int)view->n);
	if (paused)
		html_printf(html, ", %d paused", (int)paused);
	html_printf(html, "\n\n");
}

static void add_data(struct command *c, const struct overview *o, const struct view *view)
{
	cleanup_json cJSON *all = cJSON_CreateObject();
	cJSON *hosts;

	overview_data(all, o);
	c->reply->data = hosts = cJSON_DetachItemFromObject(all, "hosts");
	for (size_t i = view->first; i < view->end; i++) {
		const struct overview_host *h = view->v[i];
		const struct fg_engine_info *info = h->host->info;
		const struct disk *disk = &view->disks[i - view->first];
		cJSON *one = cJSON_GetArrayItem(hosts, (int)(h - o->hosts));

		cJSON_AddNumberToObject(one, "running", h->containers.running);
		if (info) {
			fg_json_set_i64(one, "cpus", info->cpus);
			fg_json_set_i64(one, "memory_bytes", info->memory_bytes);
			cJSON_AddStringToObject(one, "labels", info->labels);
			cJSON_AddStringToObject(one, "swarm", info->swarm);
		}
		if (disk->size_bytes) {
			fg_json_set_i64(one, "disk_used_bytes", (int64_t)disk->used_bytes);
			fg_json_set_i64(one, "disk_size_bytes", (int64_t)disk->size_bytes);
		}
	}
}

static void add_buttons(struct command *c, const struct view *view)
{
	cJSON *keyboard = reply_keyboard(c->reply);
	const struct {
		const char *label;
		bool shown;
		size_t page;
	} turns[] = {
		{"◀️", view->page > 1, view->page - 1},
		{"↻", true, view->page},
		{"▶️", view->page < view->pages, view->page + 1},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(turns); i++)
		if (turns[i].shown && view->pages > 1)
			keyboard_button(keyboard, turns[i].label, true, "hosts %s%spage=%zu",
				view->glob ? view->glob : "", view->glob ? " " : "", turns[i].page);
		else if (turns[i].shown)
			keyboard_button(keyboard, turns[i].label, true, "hosts%s%s",
				view->glob ? " " : "", view->glob ? view->glob : "");
}

static int show(struct command *c, const struct overview *o, struct view *view)
{
	struct fg_str *html;

	if (read_words(c, view) < 0 || choose(c, o, view) < 0)
		return -1;
	ask_shown(view);
	if (fg_task_canceled())
		return fg_fail(&c->err, FG_ECANCELED, "canceled");
	html = reply_add(c->reply);
	add_head(html, o, view);
	for (size_t i = view->first; i < view->end; i++)
		add_host(c, html, view->v[i], &view->disks[i - view->first]);
	if (view->n == 0)
		html_printf(html, "There is no host that you may see.");
	if (view->pages > 1)
		html_printf(html, "\nPage %d of %d\n", (int)view->page, (int)view->pages);
	add_data(c, o, view);
	add_buttons(c, view);
	return 0;
}

static int hosts_run(struct command *c)
{
	cleanup_overview struct overview o = {0};
	struct view view = {0};
	int rc;

	if (overview_take(c, true, &o) < 0)
		return -1;
	rc = show(c, &o, &view);
	view_finish(&view);
	return rc;
}

const struct command_row command_hosts = {
	.name = "hosts",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = 2,
	.usage = "[NAME]",
	.help = "The container engines: up or down, versions, latency",
	.more = "Asks every host now. A host that is down says since when and why, and how its "
		"containers were when it last answered. NAME may be a glob. The disk is that of the "
		"engine's own folder, and is known of engines on this machine. /host pauses one for "
		"maintenance.\n"
		"\n"
		"/hosts\n"
		"/hosts prod*",
	.run = hosts_run,
};
