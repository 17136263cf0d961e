/*
 * /list: what there is, and how it does.
 */
#include <stdlib.h>
#include "commands/dots.h"
#include "commands/format.h"
#include "commands/listing.h"
#include "commands/places.h"
#include "fleetgram/fleet/swarm.h"

static void add_data(
	cJSON *to, const struct fg_item *v, size_t n, const struct pins *pins, bool stale)
{
	char time[FG_RFC3339];

	for (size_t i = 0; i < n; i++) {
		cJSON *data = target_data(&v[i]);

		cJSON_AddBoolToObject(data, "pinned", pins_have(pins, &v[i]));
		cJSON_AddBoolToObject(data, "stale", stale);
		if (stale)
			cJSON_AddStringToObject(
				data, "seen_at", fg_rfc3339(time, v[i].host->listed_ms));
		cJSON_AddItemToArray(to, data);
	}
}

/* A line for each host that does not answer: how it was when it last did. */
static void add_stale(struct command *c, struct fg_str *html, const struct fg_items *items)
{
	for (size_t i = 0, end; i < items->stale_n; i = end) {
		const struct fg_host *host = items->stale[i].host;
		struct dots dots = {0};
		char age[FG_HUMAN];

		for (end = i; end < items->stale_n && items->stale[end].host == host; end++)
			dots_count(&dots, items->stale[end].c.state, items->stale[end].c.health);
		html_printf(html, "🕓 <b>%s</b> as last seen %s ago: ", host->name,
			format_age(age, fg_wall_age(host->listed_ms)));
		dots_html(html, &dots);
		fg_str_putc(html, '\n');
		if (items->n && !c->reply->terminal)
			keyboard_button(reply_keyboard(c->reply), host->name, false, "list host=%s",
				host->name);
	}
}

/* Where the words pick no container, they may pick services. */
static bool names_service(struct command *c, const char *const *words, size_t n)
{
	cleanup_selector struct fg_selector *sel = NULL;
	cleanup_service_items struct fg_service_items items = {0};
	struct fg_err err;

	if (!target_may(c, "services") || !fg_fleet_may_swarm(c->setup->fleet))
		return false;
	sel = fg_selector_parse(words, n, &err);
	return sel && fg_fleet_services(c->setup->fleet, c->person.scope, sel, &items, &err) == 0 &&
	       items.n > 0;
}

static int list_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_items struct fg_items items = {0};
	struct fg_items shown;
	cleanup_pins struct pins pins = {0};
	size_t n = c->n;
	const char *wanted = command_option(words, &n, "page");
	size_t page = places_page(wanted);
	struct listing listing;
	struct fg_str *html;

	if (page == 0)
		return command_usage(c, "page= takes a number from 1 up");
	if (command_pick_known(c, words, n, !c->reply->terminal, &items) < 0)
		return c->err.code == FG_ENOTFOUND && names_service(c, words, n)
			       ? command_find("services")->run(c)
			       : -1;
	/* Of hosts that do not answer, what was last known is listed when there is nothing else. */
	shown = items.n ? items : (struct fg_items){.v = items.stale, .n = items.stale_n};
	pins_load(&pins, c);
	listing_init(
		&listing, &shown, &pins, page, c->reply->terminal && !wanted ? 0 : LISTING_PAGE);
	if (c->reply->terminal)
		listing.width = 0;
	/* Only a terminal can ask for it, and of many containers it is a lot. */
	c->reply->data = cJSON_CreateArray();
	if (c->reply->terminal) {
		add_data(c->reply->data, items.v, items.n, &pins, false);
		add_data(c->reply->data, items.stale, items.stale_n, &pins, true);
	}
	html = reply_add(c->reply);
	if (!items.n)
		add_stale(c, html, &items);
	if (shown.n)
		listing_html(html, &listing);
	else
		html_printf(html, "There are no containers here yet.\n");
	if (items.silent_n)
		fg_str_putc(html, '\n');
	target_silent(html, &items);
	if (shown.n)
		listing_buttons(c, &listing, words, n);
	if (items.n)
		add_stale(c, html, &items);
	return 0;
}

const struct command_row command_list = {
	.name = "list",
	.alias = "ps",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = -1,
	.usage = "[SEL]",
	.help = "Containers and how they are",
	.more = "SEL is any number of words, each a name, a glob or KEY=PATTERN, with KEY one of "
		"name, host, label, state, "
		"health, image, template, project, id. Words with the same key add up, different "
		"keys narrow it down, and a ! "
		"in front excludes. A name that was cut in the list, shop…worker-1, is picked by "
		"shop*worker-1.\n"
		"\n"
		"/list web*\n"
		"/list state=exited !name=tmp-*\n"
		"/list label=tier:front health=unhealthy\n"
		"/list prod1/*",
	.run = list_run,
};
