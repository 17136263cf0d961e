/*
 * Laying out a list of containers.
 */
#include <stdlib.h>
#include <string.h>
#include "commands/dots.h"
#include "commands/format.h"
#include "commands/listing.h"

#define NAME_MOST 64  /* columns of a name on a line of any width */
#define NAME_LEAST 20 /* as much of it is shown however long the rest is */
#define HEADING_LEAST 10
#define FAR 2 /* pages; beyond those there are buttons to the first and the last one */

static const char *project_of(const struct fg_item *item)
{
	const char *project = fg_container_label(&item->c, "com.docker.compose.project");

	return project ? project : "";
}

static int by_project(const void *a, const void *b)
{
	const struct fg_item *x = a, *y = b;
	int order = strcmp(project_of(x), project_of(y));

	/* job2 before job10 */
	return order ? order : strverscmp(x->c.name, y->c.name);
}

void listing_init(struct listing *l, struct fg_items *items, const struct pins *pins, size_t page,
	size_t page_size)
{
	size_t pages = page_size ? (items->n + page_size - 1) / page_size : 1;

	for (size_t first = 0, end; first < items->n; first = end) {
		for (end = first; end < items->n && items->v[end].host == items->v[first].host;)
			end++;
		qsort(&items->v[first], end - first, sizeof(*items->v), by_project);
	}
	*l = (struct listing){
		.items = items,
		.page = page ? page : 1,
		.pages = pages ? pages : 1,
		.width = page_size ? LISTING_WIDTH : 0,
		.pins = pins,
	};
	if (l->page > l->pages)
		l->page = l->pages;
	l->first = page_size ? (l->page - 1) * page_size : 0;
	l->end = page_size && l->first + page_size < items->n ? l->first + page_size : items->n;
}

static bool has_several_hosts(const struct fg_items *items)
{
	return items->n && fg_fleet_count(items->v[0].host->fleet) > 1;
}

/* The items of one host, or of one project there: [first, end) of the list. */
struct group {
	size_t first, end;
};

static bool is_same_host(const struct fg_item *a, const struct fg_item *b)
{
	return a->host == b->host;
}

static bool is_same_project(const struct fg_item *a, const struct fg_item *b)
{
	return a->host == b->host && strcmp(project_of(a), project_of(b)) == 0;
}

static struct group group_around(const struct fg_items *items, size_t at,
	bool (*same)(const struct fg_item *a, const struct fg_item *b))
{
	struct group g = {at, at + 1};

	while (g.first > 0 && same(&items->v[g.first - 1], &items->v[at]))
		g.first--;
	while (g.end < items->n && same(&items->v[g.end], &items->v[at]))
		g.end++;
	return g;
}

static size_t columns(const char *s)
{
	return fg_utf8_count(s, strlen(s));
}

/* What counts a group: "" where the heading above or the only line below says the same. */
static size_t count_group(
	struct fg_str *out, const struct fg_items *items, struct group g, size_t above)
{
	struct dots dots = {0};
	size_t kinds = 0;

	if (g.end - g.first < 2 || g.end - g.first == above)
		return 0;
	for (size_t i = g.first; i < g.end; i++)
		dots_count(&dots, items->v[i].c.state, items->v[i].c.health);
	fg_str_puts(out, " · ");
	dots_html(out, &dots);
	for (size_t i = 0; i < DOTS_KINDS; i++)
		kinds += dots.n[i] > 0;
	return columns(out->s) + kinds; /* a dot is two wide */
}

struct heading {
	const char *icon, *tag, *name; /* tag: how the name is set */
	struct group group;
	size_t above; /* how many the heading above counts */
};

static void add_heading(
	struct fg_str *html, const struct listing *l, size_t at, const struct heading *h)
{
	const char *continued = at > h->group.first ? fg_tr(" (continued)") : "";
	size_t taken = strlen("II ") + strlen(continued), room = HEADING_LEAST;
	cleanup_str struct fg_str counts;
	cleanup_free char *name = NULL;

	fg_str_init(&counts, 256);
	taken += count_group(&counts, l->items, h->group, h->above);
	if (!l->width)
		room = NAME_MOST;
	else if (taken + room < l->width)
		room = l->width - taken;
	name = format_cut_middle(h->name, room);
	html_printf(
		html, "%S <%S>%s</%S>%S%S\n", h->icon, h->tag, name, h->tag, continued, counts.s);
}

/* A page repeats the headings that it goes on under. */
static void add_headings(struct fg_str *html, const struct listing *l, size_t at)
{
	const struct fg_items *items = l->items;
	const struct fg_item *item = &items->v[at];
	bool begins = at == l->first;
	bool new_host = begins || !is_same_host(item - 1, item);
	bool titled = new_host && has_several_hosts(items);
	struct heading host = {"🖥", "b", item->host->name, {0}, items->n};
	struct heading project = {"📁", "i", project_of(item), {0}, 0};

	if (!begins && is_same_project(item - 1, item))
		return;
	host.group = group_around(items, at, is_same_host);
	project.group = group_around(items, at, is_same_project);
	project.above = host.group.end - host.group.first;
	if (titled || *project.name)
		fg_str_putc(html, '\n');
	if (titled)
		add_heading(html, l, at, &host);
	if (*project.name)
		add_heading(html, l, at, &project);
}

/* What a line says of a container beside its dot, in no more words than needed. */
static char *short_status(const struct fg_container *c, bool narrow)
{
	static const char *const needless[] = {", healthy", " ago", ", paused"};
	char *status = format_status(*c->status ? c->status : c->state);

	for (size_t i = 0; i < FG_ARRAY_LEN(needless) && (narrow || i == 0); i++) {
		size_t len = strlen(status), cut = strlen(needless[i]);

		if (len > cut && strcmp(status + len - cut, needless[i]) == 0)
			status[len - cut] = '\0';
	}
	return status;
}

static void add_line(struct fg_str *html, const struct listing *l, const struct fg_item *item)
{
	const struct fg_container *c = &item->c;
	const char *pin = pins_have(l->pins, item) ? " 📌" : "";
	cleanup_free char *status = short_status(c, false), *name = NULL;
	/* dots and pins are two columns wide */
	size_t taken = strlen("DD ") + (*pin ? strlen(" PP") : 0) + strlen(" - ");
	size_t most = NAME_MOST;

	if (l->width && taken + columns(c->name) + columns(status) > l->width) {
		free(status);
		status = short_status(c, true);
		taken += columns(status);
		most = taken + NAME_LEAST < l->width ? l->width - taken : NAME_LEAST;
	}
	name = format_cut_middle(c->name, most);
	html_printf(
		html, "%S <b>%s</b>%S · %s\n", format_dot(c->state, c->health), name, pin, status);
}

void listing_html(struct fg_str *html, const struct listing *l)
{
	char count[64];
	struct dots dots = {0};

	for (size_t i = 0; i < l->items->n; i++)
		dots_count(&dots, l->items->v[i].c.state, l->items->v[i].c.health);
	html_printf(html, "<b>%s</b> ",
		format_count(count, l->items->n, "%zu container", "%zu containers"));
	dots_html(html, &dots);
	fg_str_puts(html, "\n");
	for (size_t i = l->first; i < l->end; i++) {
		add_headings(html, l, i);
		add_line(html, l, &l->items->v[i]);
	}
	if (l->pages > 1)
		html_printf(html, "\nPage %d of %d\n", (int)l->page, (int)l->pages);
}

static void add_cards(struct command *c, const struct listing *l)
{
	cJSON *keyboard = reply_keyboard(c->reply);

	for (size_t i = 0; i < l->items->n; i++) {
		const struct fg_item *item = &l->items->v[i];
		cleanup_free char *title = target_title(item), *name = format_cut(title, 24);
		cleanup_free char *label =
			fg_printf("%s %s", format_dot(item->c.state, item->c.health), name);
		char selector[TARGET_WORDS];

		if (i % 2 == 0)
			keyboard_row(keyboard);
		keyboard_button(keyboard, label, false, "info %s", target_selector(selector, item));
	}
}

/* The selector without its words of that key, for a button that says something else of it. */
static char *words_but(const char *const *words, size_t n, const char *key)
{
	cleanup_free const char **kept = fg_alloc((n + 1) * sizeof(*kept));
	size_t len = strlen(key), k = 0;
	char *joined;
	struct fg_str out;

	for (size_t i = 0; i < n; i++)
		if (strncmp(words[i], key, len) != 0 || words[i][len] != '=')
			kept[k++] = words[i];
	joined = words_join(kept, k);
	if (!*joined)
		return joined;
	fg_str_init(&out, WORDS_BYTES * 2);
	fg_str_printf(&out, "%s ", joined);
	free(joined);
	return fg_str_take(&out);
}

static bool has_health(const struct fg_item *item, const char *health)
{
	return strcmp(item->c.health, health) == 0;
}

static bool has_state(const struct fg_item *item, const char *state)
{
	return strcmp(item->c.state, state) == 0;
}

/* Buttons to the parts of a long list that somebody may have to look after. */
static void add_shortcuts(
	struct command *c, const struct listing *l, const char *const *words, size_t n)
{
	static const struct {
		const char *dot, *what, *key, *value;
		bool (*has)(const struct fg_item *item, const char *value);
	} shortcuts[] = {
		{"🟠", FG_TEXT("unhealthy"), "health", "unhealthy", has_health},
		{"🔴", FG_TEXT("stopped"), "state", "exited", has_state},
		{"🟡", FG_TEXT("restarting"), "state", "restarting", has_state},
	};
	cJSON *keyboard = reply_keyboard(c->reply);

	keyboard_row(keyboard);
	for (size_t i = 0; i < FG_ARRAY_LEN(shortcuts); i++) {
		cleanup_free char *rest = words_but(words, n, shortcuts[i].key), *label = NULL;
		size_t count = 0;

		for (size_t k = 0; k < l->items->n; k++)
			count += shortcuts[i].has(&l->items->v[k], shortcuts[i].value);
		if (count == 0 || count == l->items->n)
			continue;
		label = fg_printf("%s %zu %s", shortcuts[i].dot, count, fg_tr(shortcuts[i].what));
		keyboard_button(keyboard, label, false, "list %s%s=%s", rest, shortcuts[i].key,
			shortcuts[i].value);
	}
}

/* Whether it means itself as a pattern, unquoted. */
static bool is_plain(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= 64 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       len;
}

/* Buttons to the parts of a list of several pages: its hosts, or the projects of its only host. */
static void add_places(
	struct command *c, const struct listing *l, const char *const *words, size_t n)
{
	const struct fg_items *items = l->items;
	bool hosts = !is_same_host(&items->v[0], &items->v[items->n - 1]);
	cleanup_free char *rest = words_but(words, n, hosts ? "host" : "project");
	cJSON *keyboard = reply_keyboard(c->reply);
	size_t shown = 0;

	for (size_t at = 0; at < items->n && shown < LISTING_PLACES;) {
		const struct fg_item *item = &items->v[at];
		struct group g = group_around(items, at, hosts ? is_same_host : is_same_project);
		const char *name = hosts ? item->host->name : project_of(item);
		size_t count = g.end - g.first;
		cleanup_free char *cut = format_cut_middle(name, 20), *label = NULL;

		at = g.end;
		if (!is_plain(name) || count == items->n)
			continue;
		label = fg_printf("%s %s · %zu", hosts ? "🖥" : "📁", cut, count);
		if (shown++ % 2 == 0)
			keyboard_row(keyboard);
		keyboard_button(keyboard, label, false, "list %s%s=%s", rest,
			hosts ? "host" : "project", name);
	}
}

void listing_buttons(struct command *c, const struct listing *l, const char *const *words, size_t n)
{
	cleanup_free char *joined = words_join(words, n);
	cJSON *keyboard = reply_keyboard(c->reply);
	const struct {
		const char *label;
		bool shown;
		size_t page;
	} turns[] = {
		{"⏮", l->page > FAR, 1},
		{"◀️", l->page > 1, l->page - 1},
		{"↻", true, l->page},
		{"▶️", l->page < l->pages, l->page + 1},
		{"⏭", l->page + FAR <= l->pages, l->pages},
	};

	if (l->items->n <= LISTING_CARDS && target_may(c, "info"))
		add_cards(c, l);
	if (l->items->n > LISTING_CARDS)
		add_shortcuts(c, l, words, n);
	if (l->pages > 1)
		add_places(c, l, words, n);
	keyboard_row(keyboard);
	for (size_t i = 0; i < FG_ARRAY_LEN(turns); i++)
		if (turns[i].shown)
			keyboard_button(keyboard, turns[i].label, true, "list %s%spage=%zu", joined,
				*joined ? " " : "", turns[i].page);
}
