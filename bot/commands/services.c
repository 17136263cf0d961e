/*
 * /services and /service: what runs on swarms.
 */
#include <stdlib.h>
#include <string.h>
#include "commands/format.h"
#include "commands/listing.h"
#include "commands/places.h"
#include "commands/service_card.h"
#include "commands/swarm_nodes.h"
#include "fleetgram/base/json.h"
#include "fleetgram/fleet/managed.h"

/* One line for each swarm that did not answer, and for each host that may manage one. */
static void add_silent(struct fg_str *html, const struct fg_swarms *swarms)
{
	for (size_t i = 0; i < swarms->n; i++)
		if (!swarms->v[i].served)
			html_printf(html, "⚠️ %s\n", swarms->v[i].why.text);
	for (size_t i = 0; i < swarms->silent_n; i++)
		html_printf(html, "⚠️ <b>%s</b> does not answer: %s\n", swarms->silent[i]->name,
			swarms->silent[i]->why.text);
}

static void add_lines(
	struct fg_str *html, const struct fg_service_items *items, size_t first, size_t end)
{
	char count[64];
	const struct fg_swarm *last = NULL;

	html_printf(html, FG_TEXT("<b>%s</b>\n"),
		format_count(count, items->n, "%zu service", "%zu services"));
	for (size_t i = first; i < end; i++) {
		cleanup_free char *title = NULL;

		if (items->swarms.n > 1 && items->v[i].swarm != last) {
			title = fg_swarm_title(items->v[i].swarm);
			html_printf(html, FG_TEXT("\n🐝 <b>%s</b>\n"), title);
		}
		last = items->v[i].swarm;
		service_line(html, &items->v[i]);
	}
}

static void add_buttons(struct command *c, const struct fg_service_items *items, size_t page,
	size_t pages, const char *const *words, size_t n)
{
	cleanup_free char *joined = words_join(words, n);
	cJSON *keyboard = reply_keyboard(c->reply);

	for (size_t i = 0; items->n <= LISTING_CARDS && i < items->n; i++) {
		cleanup_free char *title = swarm_title(&items->v[i]), *cut = format_cut(title, 24);
		cleanup_free char *label = fg_printf("%s %s", service_dot(&items->v[i].s), cut);

		if (i % 2 == 0)
			keyboard_row(keyboard);
		keyboard_button(keyboard, label, false, "service %s", items->v[i].s.id);
	}
	keyboard_row(keyboard);
	if (page > 1)
		keyboard_button(keyboard, "◀️", true, "services %s%spage=%zu", joined,
			*joined ? " " : "", page - 1);
	keyboard_button(
		keyboard, "↻", true, "services %s%spage=%zu", joined, *joined ? " " : "", page);
	if (page < pages)
		keyboard_button(keyboard, "▶️", true, "services %s%spage=%zu", joined,
			*joined ? " " : "", page + 1);
}

static void show(struct command *c, const struct fg_service_items *items, size_t page, bool paged,
	const char *const *words, size_t n)
{
	size_t pages = paged ? (items->n + LISTING_PAGE - 1) / LISTING_PAGE : 1, first, end;
	struct fg_str *html = reply_add(c->reply);

	page = page > pages ? pages : page;
	first = paged && page ? (page - 1) * LISTING_PAGE : 0;
	end = paged && first + LISTING_PAGE < items->n ? first + LISTING_PAGE : items->n;
	if (items->n)
		add_lines(html, items, first, end);
	else if (n)
		html_printf(html, "No service matches that.\n");
	else if (items->swarms.n)
		html_printf(html, "There are no services here yet.\n");
	else if (items->swarms.worker)
		html_printf(html,
			"No host here manages a swarm: <b>%s</b> is a worker, and only a manager knows the "
			"services.\n",
			items->swarms.worker->name);
	else
		html_printf(html, "No host here manages a swarm, so there are no services.\n");
	if (pages > 1)
		html_printf(html, "\nPage %d of %d\n", (int)page, (int)pages);
	add_silent(html, &items->swarms);
	add_buttons(c, items, page ? page : 1, pages, words, n);
}

static int services_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_selector struct fg_selector *sel = NULL;
	cleanup_service_items struct fg_service_items items = {0};
	size_t n = c->n;
	const char *wanted = command_option(words, &n, "page");
	size_t page = places_page(wanted);

	if (page == 0)
		return command_usage(c, "page= takes a number from 1 up");
	sel = fg_selector_parse(words, n, &c->err);
	if (!sel || fg_fleet_services(c->setup->fleet, c->person.scope, sel, &items, &c->err) < 0)
		return -1;
	c->reply->data = cJSON_CreateArray();
	for (size_t i = 0; c->reply->terminal && i < items.n; i++)
		cJSON_AddItemToArray(c->reply->data, service_data(&items.v[i], NULL, NULL));
	show(c, &items, page, !c->reply->terminal || wanted, words, n);
	return 0;
}

/* What it was made from. */
static void add_template(struct command *c, struct fg_str *html, const struct fg_service_item *item)
{
	cleanup_instance struct fg_instance instance = {0};
	cleanup_free char *template = NULL;
	struct fg_err err;

	if (fg_managed_find(c->app->registry, item->swarm->id, item->s.id, &instance, &err) <= 0)
		return;
	template = format_cut(instance.template, 48);
	html_printf(html, "📄 Template <code>%s</code>; /drift %s compares it\n", template,
		item->s.name);
}

int service_show(struct command *c, struct fg_service_item *item)
{
	cleanup_service_tasks struct fg_service_tasks tasks = {0};
	cleanup_nodes struct fg_nodes nodes = {0};
	struct fg_str *html;

	if (fg_swarm_tasks(item->swarm, item->s.id, &tasks, &c->err) < 0 ||
		swarm_nodes(c, item->swarm, &nodes) < 0)
		return -1;
	fg_service_count(&item->s, &tasks);
	html = reply_add(c->reply);
	service_card(html, item, &tasks, &nodes);
	add_template(c, html, item);
	c->reply->data = service_data(item, &tasks, &nodes);
	service_buttons(c, reply_keyboard(c->reply), &item->s);
	return 0;
}

static int service_run(struct command *c)
{
	cleanup_service_items struct fg_service_items items = {0};

	if (swarm_pick_one(c, c->words[0], &items) < 0)
		return -1;
	return service_show(c, &items.v[0]);
}

const struct command_row command_services = {
	.name = "services",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = -1,
	.usage = "[SEL]",
	.help = "Services of swarms: how many of them run, images, ports",
	.more = "Asks a manager of each swarm; several managers of one swarm are one, and any of them "
		"will do. SEL is as for /list: a service has a name, an image, labels, an id, a state "
		"(running, partial, down, stopped; of a job active or complete), its stack as project, "
		"and any of its managers as host.\n"
		"\n"
		"/services\n"
		"/services web*\n"
		"/services state=partial state=down\n"
		"/services project=shop",
	.run = services_run,
};

const struct command_row command_service = {
	.name = "service",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.min = 1,
	.max = 1,
	.usage = "NAME",
	.help = "A service: its tasks by node, what failed, its update",
	.more = "With buttons for its logs, to scale, restart, update and roll it back.\n"
		"\n"
		"/service web\n"
		"/service prod1/web",
	.run = service_run,
};
