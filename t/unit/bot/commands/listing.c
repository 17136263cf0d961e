/*
 * Lists of 3, 30 and 300 containers over hosts and projects, as a phone shows them: one line each,
 * headings that count all of their group, pages, and buttons to the parts.
 */
#include <stdlib.h>
#include "commands/format.h"
#include "commands/listing.h"
#include "fleetgram/base/json.h"
#include "tap.h"

#define HOSTS 3

struct fixture {
	struct fg_fleet *fleet;
	struct fg_items items;
	struct pins pins;
	struct fg_str html;
	struct reply reply;
};

static void setup(struct fixture *f, size_t hosts)
{
	static const char *const names[HOSTS] = {"alpha", "beta", "gamma"};
	struct fg_err err;

	memset(f, 0, sizeof(*f));
	f->fleet = fg_fleet_create();
	for (size_t i = 0; i < hosts; i++) {
		struct fg_host_options options = {
			.name = names[i], .engine = {.url = "unix:///none"}};

		if (fg_fleet_add(f->fleet, &options, &err) < 0)
			ok(false, "%s", err.text);
	}
	f->items.v = fg_alloc(400 * sizeof(*f->items.v));
	fg_str_init(&f->html, 64 * 1024);
	reply_init(&f->reply, NULL);
}

static void finish(struct fixture *f)
{
	reply_finish(&f->reply);
	fg_str_finish(&f->html);
	fg_items_finish(&f->items);
	fg_fleet_unref(f->fleet);
}

static struct fg_container *add(struct fixture *f, size_t host, const char *project,
	const char *state, const char *status, char *name)
{
	struct fg_item *item = &f->items.v[f->items.n];

	*item = (struct fg_item){.host = fg_fleet_host(f->fleet, host)};
	item->c.name = name;
	item->c.image = fg_strdup("busybox");
	item->c.image_id = fg_strdup("");
	item->c.status = fg_strdup(status);
	item->c.labels = cJSON_CreateObject();
	snprintf(item->c.state, sizeof(item->c.state), "%s", state);
	snprintf(item->c.id, sizeof(item->c.id), "%064zu", f->items.n);
	if (project)
		cJSON_AddStringToObject(item->c.labels, "com.docker.compose.project", project);
	f->items.n++;
	return &item->c;
}

/* The page as text; the listing stays for more. */
static const char *page(struct fixture *f, struct listing *l, size_t number, size_t size)
{
	listing_init(l, &f->items, &f->pins, number, size);
	fg_str_reset(&f->html);
	listing_html(&f->html, l);
	return f->html.s;
}

/* How many columns the longest line has, tags and entities taken for what they show. */
static size_t widest(const char *html)
{
	cleanup_free char *plain = html_plain(html);
	size_t most = 0;

	for (const char *line = plain; *line;) {
		size_t len = strcspn(line, "\n"), wide = fg_utf8_count(line, len);

		most = wide > most ? wide : most;
		line += len + (line[len] == '\n');
	}
	return most;
}

static void three(void)
{
	struct fixture f;
	struct listing l;

	setup(&f, 1);
	add(&f, 0, "shop", "running", "Up 3 minutes (healthy)", fg_strdup("db"));
	add(&f, 0, NULL, "exited", "Exited (137) 2 weeks ago", fg_strdup("old"));
	add(&f, 0, NULL, "running", "Up 2 days (unhealthy)", fg_strdup("api"));
	snprintf(f.items.v[2].c.health, sizeof(f.items.v[2].c.health), "unhealthy");
	is_str(page(&f, &l, 1, LISTING_PAGE),
		"<b>3 containers</b> 🟢 1 🟠 1 🔴 1\n"
		"🟠 <b>api</b> · up 2d, unhealthy\n"
		"🔴 <b>old</b> · exited (137) 2w ago\n"
		"\n📁 <i>shop</i>\n"
		"🟢 <b>db</b> · up 3m\n",
		"of three each is one line; what the dot says is not said twice");
	finish(&f);
}

static void thirty(void)
{
	struct fixture f;
	struct listing l;
	const char *html;

	setup(&f, 1);
	for (int i = 1; i <= 30; i++)
		add(&f, 0, i <= 25 ? "shop" : "<b>", i % 10 ? "running" : "exited",
			i % 10 ? "Up 2 hours" : "Exited (0) 5 days ago",
			fg_printf("%s-%d", i <= 25 ? "shop" : "mean", i));
	html = page(&f, &l, 1, LISTING_PAGE);
	ok(strstr(html,
		   "<b>30 containers</b> 🟢 27 🔴 3\n\n📁 <i>&lt;b&gt;</i> · 🟢 4 🔴 1\n"),
		"a project has its own counts, whatever it is called");
	ok(strstr(html, "\n📁 <i>shop</i> · 🟢 23 🔴 2\n"),
		"… all of them, not those of this page");
	ok(strstr(html, "shop-2</b>") < strstr(html, "shop-10</b>"), "2 comes before 10");
	html = page(&f, &l, 2, LISTING_PAGE);
	ok(strstr(html, "🔴 3\n\n📁 <i>shop</i> (continued) · 🟢 23 🔴 2\n"),
		"the next page goes on under the same heading, and says so");
	ok(!strstr(html, "&lt;b&gt;"), "… and only under that");
	html = page(&f, &l, 1, 0);
	ok(!strstr(html, "continued") && !strstr(html, "Page"),
		"a terminal has it all on one page");
	finish(&f);
}

/* 100 on each host: 10 for themselves, and projects of 20 and more. */
static void add_hundred(struct fixture *f, size_t host)
{
	static const char *const projects[] = {NULL, "shop", "payments-gateway", "monitoring",
		"a-company-of-long-names-with-a-long-service"};
	static const size_t counts[] = {10, 20, 20, 20, 30};

	for (size_t p = 0; p < FG_ARRAY_LEN(projects); p++)
		for (size_t i = 1; i <= counts[p]; i++)
			add(f, host, projects[p], i == 7 ? "exited" : "running",
				i == 7 ? "Exited (137) 2 weeks ago" : "Up 26 hours (healthy)",
				fg_printf("%s-worker-%zu", projects[p] ? projects[p] : "solo", i));
}

static void three_hundred(void)
{
	struct fixture f;
	struct listing l;
	size_t lines = 0, most = 0;
	const char *html;

	setup(&f, HOSTS);
	for (size_t host = 0; host < HOSTS; host++)
		add_hundred(&f, host);
	for (size_t i = 1; i <= 15; i++) {
		html = page(&f, &l, i, LISTING_PAGE);
		most = widest(html) > most ? widest(html) : most;
		lines += l.end - l.first;
		ok(html_length(html) < HTML_MESSAGE, "page %zu is one message", i);
		ok(strstr(html, i <= 5    ? "alpha"
				: i <= 10 ? "beta"
					  : "gamma"),
			"page %zu says which host", i);
	}
	is_int(lines, 300, "15 pages show them all");
	ok(most <= 40, "no line is wider than a phone (%zu columns)", most);
	html = page(&f, &l, 1, LISTING_PAGE);
	ok(strstr(html,
		   "<b>300 containers</b> 🟢 285 🔴 15\n\n🖥 <b>alpha</b> · 🟢 95 🔴 5\n"),
		"the fleet's counts, then those of the host");
	ok(strstr(html, "\n📁 <i>a-company-…ong-service</i> · 🟢 29 🔴 1\n"),
		"a long project's name gives way to its counts");
	ok(strstr(html, "-worker-7</b> · exited (137) 2w\n"),
		"a long name keeps its end, which tells it from the others");
	html = page(&f, &l, 6, LISTING_PAGE);
	ok(strstr(html, "🔴 15\n\n🖥 <b>beta</b> · 🟢 95 🔴 5\n"),
		"a page may begin with a host");
	html = page(&f, &l, 7, LISTING_PAGE);
	ok(strstr(html, "\n\n🖥 <b>beta</b> (continued) · 🟢 95 🔴 5\n📁 <i>a-co"),
		"… or go on with it");
	page(&f, &l, 99, LISTING_PAGE);
	is_int(l.page, 15, "beyond the last page is the last");
	finish(&f);
}

/* What is said once above is not said again below. */
static void no_repeats(void)
{
	struct fixture f;
	struct listing l;

	setup(&f, HOSTS);
	add(&f, 1, "shop", "running", "Up 1 second", fg_strdup("one"));
	add(&f, 1, "shop", "paused", "Up 1 second (Paused)",
		fg_strdup("a-name-that-is-longer-than-most-of-them"));
	is_str(page(&f, &l, 1, LISTING_PAGE),
		"<b>2 containers</b> 🟢 1 ⏸ 1\n\n🖥 <b>beta</b>\n📁 <i>shop</i>\n"
		"⏸ <b>a-name-that-i…-most-of-them</b> · up 1s\n"
		"🟢 <b>one</b> · up 1s\n",
		"the only host and the only project have no counts of their own");
	l.width = 0;
	fg_str_reset(&f.html);
	listing_html(&f.html, &l);
	ok(strstr(f.html.s, "<b>a-name-that-is-longer-than-most-of-them</b> · up 1s, paused\n"),
		"where there is room nothing is cut");
	finish(&f);
}

/* "LABEL: COMMAND" of all buttons, one a line. */
static char *buttons(struct fixture *f, const struct listing *l, const char *const *words, size_t n)
{
	struct command c = {.reply = &f->reply};
	const cJSON *row, *button;
	struct fg_str out;

	roles_local(&c.person);
	fg_str_init(&out, 16 * 1024);
	reply_add(&f->reply);
	listing_buttons(&c, l, words, n);
	cJSON_ArrayForEach (row, fg_json_array(reply_keyboard(&f->reply), "rows"))
		cJSON_ArrayForEach (button, row)
			fg_str_printf(&out, "%s: %s\n", fg_json_str(button, "text", ""),
				fg_json_str(button, "command", ""));
	return fg_str_take(&out);
}

static void ways(void)
{
	static const char *const hosts[] = {"host=*a", "!x", "state=running", "state=exited"};
	static const char *const beta[] = {"beta/*"};
	struct fixture f;
	struct listing l;
	cleanup_free char *first = NULL, *middle = NULL, *one = NULL;

	setup(&f, HOSTS);
	for (size_t host = 0; host < HOSTS; host++)
		add_hundred(&f, host);
	page(&f, &l, 1, LISTING_PAGE);
	first = buttons(&f, &l, hosts, FG_ARRAY_LEN(hosts));
	is_str(first,
		"🔴 15 stopped: list host=*a !x state=exited\n"
		"🖥 alpha · 100: list !x state=running state=exited host=alpha\n"
		"🖥 beta · 100: list !x state=running state=exited host=beta\n"
		"🖥 gamma · 100: list !x state=running state=exited host=gamma\n"
		"↻: list host=*a !x state=running state=exited page=1\n"
		"▶️: list host=*a !x state=running state=exited page=2\n"
		"⏭: list host=*a !x state=running state=exited page=15\n",
		"a short cut narrows the list, whatever was asked for before");
	page(&f, &l, 7, LISTING_PAGE);
	middle = buttons(&f, &l, NULL, 0);
	ok(strstr(middle,
		   "⏮: list page=1\n◀️: list page=6\n↻: list page=7\n▶️: list page=8\n"
		   "⏭: list page=15\n"),
		"from the middle both ends are one press away");
	/* one host's share */
	for (size_t i = 0; i < 200; i++)
		fg_container_finish(&f.items.v[--f.items.n].c);
	page(&f, &l, 5, LISTING_PAGE);
	one = buttons(&f, &l, beta, 1);
	ok(strstr(one, "📁 monitoring · 20: list beta/* project=monitoring\n"),
		"of a single host there are its projects");
	ok(!strstr(one, "⏭"), "the last page leads no further");
	finish(&f);
}

int main(void)
{
	three();
	thirty();
	three_hundred();
	no_repeats();
	ways();
	return done_testing();
}
