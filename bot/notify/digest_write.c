/* What a digest says. */
#include <string.h>
#include <time.h>
#include "commands/format.h"
#include "commands/mute.h"
#include "commands/overview.h"
#include "commands/places.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "notify/audience.h"
#include "notify/digest.h"
#include "notify/disk.h"
#include "notify/recap.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define HOSTS_MOST 12
#define NAMED 5
#define DISK_MS 60000 /* an engine walks through all volumes to say what is on its disk */

static void add_title(struct fg_str *html, const struct overview *o, const struct recap *r)
{
	bool well = !o->down && !o->containers.unhealthy && !o->missing.n && !r->open;
	time_t now = time(NULL);
	struct tm tm;
	char day[32];

	localtime_r(&now, &tm);
	strftime(day, sizeof(day), "%a %d %b %H:%M", &tm);
	html_printf(html, "%s <b>%s</b> · %s\n", well ? "🟢" : "🟠", fg_tr("Digest"), day);
}

static void add_fleet(struct fg_str *html, const struct overview *o)
{
	int shown = 0;

	for (size_t i = 0; i < o->host_count && i < HOSTS_MOST; i++)
		overview_host_html(html, &o->hosts[i]);
	if (o->host_count > HOSTS_MOST)
		html_printf(html, "… and %d more hosts, %d of all are down\n",
			(int)(o->host_count - HOSTS_MOST), (int)o->down);
	for (size_t i = 0; i < o->items.n && shown < NAMED; i++) {
		cleanup_free char *title = NULL;

		if (strcmp(o->items.v[i].c.health, "unhealthy") != 0)
			continue;
		title = target_title(&o->items.v[i]);
		html_printf(html, shown++ ? ", <b>%s</b>" : "🟠 Unhealthy: <b>%s</b>", title);
	}
	if (o->containers.unhealthy > shown)
		html_printf(html, ", … %d more", o->containers.unhealthy - shown);
	if (shown)
		fg_str_putc(html, '\n');
	if (o->missing.n)
		html_printf(html,
			fg_ntr("⚫ %d instance is missing\n", "⚫ %d instances are missing\n",
				o->missing.n),
			(int)o->missing.n);
}

static void add_incidents(struct fg_str *html, const struct recap *r)
{
	cleanup_str struct fg_str counts = {0};

	fg_str_init(&counts, 1024);
	recap_counts(&counts, r->kinds);
	if (r->open)
		html_printf(html,
			fg_ntr("\n⚠️ <b>%d open incident</b>\n%S",
				"\n⚠️ <b>%d open incidents</b>\n%S", r->open),
			(int)r->open, r->open_lines.s);
	if (r->open > RECAP_NAMED)
		html_printf(html, "… and %d more\n", (int)r->open - RECAP_NAMED);
	html_printf(html, "\n🕘 24 h: %S\n", counts.len ? counts.s : fg_tr("no incidents"));
	if (r->updates)
		html_printf(html, "⬆️ Newer images: %S%s\n", r->update_names.s,
			r->updates > NAMED ? ", …" : "");
}

/* How many containers the updates of the last day were about. */
static int64_t updated(struct fg_store *store, int64_t since_ms)
{
	struct fg_err err;
	cleanup_rows struct fg_rows *rows = fg_store_query(store, &err,
		"SELECT targets FROM audit WHERE command = 'update' AND result = 'done' AND"
		" wall_ms >= ? ORDER BY n DESC LIMIT 1000",
		"i", since_ms);
	int64_t n = 0;

	while (rows && fg_rows_next(rows))
		for (const char *p = fg_rows_str(rows, 0); p && *p; p += strspn(p, " ")) {
			n++;
			p += strcspn(p, " ");
		}
	return n;
}

/* Of everything, so not for those who may see some of it. */
static void add_deeds(struct fg_str *html, struct fg_store *store, int64_t since_ms)
{
	int64_t pruned = fg_store_i64(
		store, 0, "SELECT total(n) FROM pruned WHERE at_ms >= ?", "i", since_ms);
	int64_t updates = updated(store, since_ms);

	if (!pruned && !updates)
		return;
	fg_str_puts(html, "🛠 24 h: ");
	if (updates)
		html_printf(html, "%lld updated", updates);
	if (pruned)
		html_printf(html, updates ? " · %lld pruned" : "%lld pruned", pruned);
	fg_str_putc(html, '\n');
}

/* Disks */

struct space {
	struct fg_host *host;
	struct disk disk;
	struct fg_engine_df df;
	bool looked, asked;
};

static void look(void *arg)
{
	struct space *s = arg;
	struct fg_err err;

	s->looked = disk_look(s->host, &s->disk, &err) > 0;
	s->asked = fg_engine_df(s->host->engine, &s->df, &err) == 0;
}

static void add_space(struct fg_str *html, const struct space *s, bool named)
{
	char a[FG_HUMAN], b[FG_HUMAN];
	int64_t free_bytes = s->df.images.reclaimable + s->df.containers.reclaimable +
			     s->df.volumes.reclaimable + s->df.build_cache.reclaimable;

	if (!s->looked && !(s->asked && free_bytes > 0))
		return;
	fg_str_puts(html, "💾 ");
	if (named)
		html_printf(html, "<b>%s</b>: ", s->host->name);
	if (s->looked)
		html_printf(html, "disk %s of %s full", format_percent(a, s->disk.percent),
			format_bytes(b, (double)s->disk.size_bytes));
	if (s->asked && free_bytes > 0)
		html_printf(html, s->looked ? " · %s can be pruned" : "%s can be pruned",
			format_bytes(a, (double)free_bytes));
	fg_str_putc(html, '\n');
}

static int add_disks(struct fg_str *html, struct command *c, const struct overview *o)
{
	cleanup_free struct space *spaces = fg_alloc((o->host_count + 1) * sizeof(*spaces));
	int64_t before = fg_task_deadline(fg_now_ms() + DISK_MS);
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < o->host_count && n < HOSTS_MOST; i++)
		if (o->hosts[i].answered)
			spaces[n++].host = o->hosts[i].host;
	rc = places_each(c, "disk of a host", look, spaces, n, sizeof(*spaces));
	fg_task_deadline(before);
	for (size_t i = 0; i < n; i++)
		add_space(html, &spaces[i], fg_fleet_count(c->setup->fleet) > 1);
	return rc < 0 && fg_task_canceled() ? -1 : 0;
}

int digest_write(struct app *app, struct setup *setup, const struct config_chat *chat,
	struct fg_str *html, struct fg_err *err)
{
	struct command c = {
		.app = app, .setup = setup, .person = {.scope = audience_scope(setup, chat)}};
	struct recap_query query = {
		.store = app->store,
		.setup = setup,
		.scope = c.person.scope,
		.since_ms = fg_wall_ms() - DAY_MS,
	};
	cleanup_overview struct overview o = {0};
	cleanup_recap struct recap recap = {0};

	if (overview_take(&c, true, &o) < 0) {
		*err = c.err;
		return -1;
	}
	if (recap_take(&query, &recap, err) < 0)
		return -1;
	add_title(html, &o, &recap);
	add_fleet(html, &o);
	add_incidents(html, &recap);
	if (fg_selector_is_empty(c.person.scope))
		add_deeds(html, app->store, query.since_ms);
	if (fg_selector_only_hosts(c.person.scope) && add_disks(html, &c, &o) < 0) {
		*err = c.err;
		return -1;
	}
	mute_line(html, app->store, c.person.scope);
	return 0;
}
