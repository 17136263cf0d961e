/* The page's parts: tiles, lists and tables. */
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "http/page_parts.h"
#include "http/spark.h"
#include "notify/incidents.h"
#include "telegram/html.h"
#include "telegram/outbox.h"

/* On a phone a row is a card, and its cells tell what they are. label NULL: that is plain. */
static void put_cell(struct fg_str *out, const char *label, const char *class, const char *text)
{
	fg_str_puts(out, "<td");
	if (label)
		fg_str_printf(out, " data-label=\"%s\"", label);
	if (class)
		fg_str_printf(out, " class=\"%s\"", class);
	fg_str_puts(out, ">");
	html_line(out, text);
	fg_str_puts(out, "</td>");
}

/* The columns, "Name|Host|…". */
static void begin_table(struct fg_str *out, const char *title, const char *columns)
{
	fg_str_printf(out, "<h2>%s</h2><table><thead><tr>", title);
	while (*columns) {
		size_t n = strcspn(columns, "|");

		fg_str_printf(out, "<th scope=\"col\">%.*s</th>", (int)n, columns);
		columns += n + (columns[n] == '|');
	}
	fg_str_puts(out, "</tr></thead><tbody>");
}

static void end_table(struct fg_str *out)
{
	fg_str_puts(out, "</tbody></table>");
}

/* note NULL: none */
static void put_tile(
	struct fg_str *out, const char *title, const char *class, const char *value, const char *note)
{
	fg_str_printf(out, "<div><dt>%s</dt><dd class=\"%s\">", title, class);
	html_line(out, value);
	if (note && *note) {
		fg_str_puts(out, "<small>");
		html_line(out, note);
		fg_str_puts(out, "</small>");
	}
	fg_str_puts(out, "</dd></div>");
}

static void put_telegram(struct fg_str *out, const struct health *h)
{
	static const char *const classes[] = {
		[TELEGRAM_OK] = "ok",
		[TELEGRAM_DEGRADED] = "degraded",
		[TELEGRAM_DOWN] = "down",
		[TELEGRAM_DISABLED] = "quiet",
	};
	struct telegram_health telegram;

	health_telegram(h, &telegram);
	put_tile(out, "Telegram", classes[telegram.state],
		telegram.state == TELEGRAM_DISABLED ? "not used" : telegram_state_name(telegram.state),
		telegram.problem);
}

static size_t hosts_paused(const struct health_picture *picture)
{
	size_t paused = 0;

	for (size_t i = 0; i < picture->host_count; i++)
		paused += health_host_paused(&picture->hosts[i]);
	return paused;
}

static void put_counts(struct fg_str *out, const struct health_picture *picture)
{
	const struct health_counts *all = &picture->containers;
	cleanup_free char *hosts = fg_printf("%zu of %zu", picture->hosts_up, picture->host_count);
	cleanup_free char *running = fg_printf("%d", all->running);
	cleanup_free char *unhealthy =
		all->unhealthy ? fg_printf("%d unhealthy", all->unhealthy) : NULL;
	cleanup_free char *stopped = fg_printf("%d", all->stopped);
	size_t paused = hosts_paused(picture);
	cleanup_free char *maintained = paused ? fg_printf("%zu paused", paused) : NULL;

	put_tile(out, "Hosts up", picture->hosts_up == health_hosts_wanted(picture) ? "ok" : "down",
		hosts, maintained);
	put_tile(out, "Containers running", all->unhealthy ? "down" : "", running, unhealthy);
	put_tile(out, "Stopped", "", stopped, NULL);
}

static void put_outbox(struct fg_str *out, const struct app *app)
{
	int depth = app->outbox ? outbox_depth(app->outbox) : 0;
	cleanup_free char *text = fg_printf("%d", depth);

	put_tile(out, "Messages waiting", depth ? "degraded" : "", text, NULL);
}

void page_summary(struct fg_str *out, const struct health *h)
{
	const struct app *app = health_app(h);
	const char *problem = fg_store_problem(app->store);

	fg_str_puts(out, "<dl>");
	put_telegram(out, h);
	if (health_picture(h))
		put_counts(out, health_picture(h));
	put_outbox(out, app);
	if (problem)
		put_tile(out, "State folder", "down", "failing", problem);
	fg_str_puts(out, "</dl>");
}

struct incident_list {
	struct fg_str *out;
	bool several_hosts;
};

static void put_incident(const struct incident *incident, void *arg)
{
	struct incident_list *list = arg;
	char when[FG_RFC3339], ago[FG_HUMAN];

	fg_str_puts(list->out, "<li>");
	incident_line(list->out, incident, list->several_hosts);
	fg_str_printf(list->out, " <span class=\"quiet\">· <time datetime=\"%s\">%s ago</time>%s</span></li>",
		fg_rfc3339(when, incident->last_ms),
		fg_duration_human(ago, fg_wall_age(incident->last_ms)),
		incident->acked_ms ? " · acknowledged" : "");
}

void page_incidents(struct fg_str *out, const struct health *h)
{
	const struct app *app = health_app(h);
	struct incidents_filter filter = {.open_only = true, .most = PAGE_INCIDENTS};
	struct incident_list list = {
		.out = out, .several_hosts = fg_fleet_count(app->setup->fleet) > 1};
	struct fg_err err;
	int64_t n;

	fg_str_puts(out, "<h2>Open incidents</h2><ul>");
	n = incidents_each(app->store, &filter, put_incident, &list, &err);
	fg_str_puts(out, "</ul>");
	if (n > PAGE_INCIDENTS)
		fg_str_printf(out, "<p class=\"quiet\">and %lld more</p>",
			(long long)n - PAGE_INCIDENTS);
	else if (n <= 0)
		fg_str_puts(out, "<p class=\"quiet\">None.</p>");
}

/* "up", "down: why", "paused until Mon 30 Nov 12:00, up"; caller frees. */
static char *host_state(const struct health_host *host)
{
	cleanup_free char *state =
		host->up ? fg_strdup("up") : fg_printf("down: %s", host->problem);
	time_t until = (time_t)(host->paused_ms / 1000);
	char text[32];
	struct tm tm;

	if (!health_host_paused(host))
		return fg_steal(&state);
	localtime_r(&until, &tm);
	strftime(text, sizeof(text), "%a %d %b %H:%M", &tm);
	return fg_printf("paused until %s, %s", text, state);
}

static const char *host_class(const struct health_host *host)
{
	if (health_host_paused(host))
		return "quiet";
	return host->up ? "ok" : "down";
}

void page_hosts(struct fg_str *out, const struct health_picture *picture)
{
	begin_table(out, "Hosts", "Host|State|Engine|Answers in");
	for (size_t i = 0; i < picture->host_count; i++) {
		const struct health_host *host = &picture->hosts[i];
		cleanup_free char *engine =
			fg_printf("%s %s", host->version.kind, host->version.version);
		cleanup_free char *latency =
			host->up ? fg_printf("%.1f ms", host->latency_ms) : fg_strdup("");
		cleanup_free char *state = host_state(host);

		fg_str_puts(out, "<tr>");
		put_cell(out, NULL, NULL, host->name);
		put_cell(out, NULL, host_class(host), state);
		put_cell(out, "Engine", NULL, *host->version.kind ? engine : "");
		put_cell(out, "Answers in", NULL, latency);
		fg_str_puts(out, "</tr>");
	}
	end_table(out);
}

static const char *state_class(const struct health_instance *it)
{
	if (!it->known)
		return "quiet";
	if (strcmp(it->health, "unhealthy") == 0 || strcmp(it->state, "missing") == 0 ||
		strcmp(it->state, "dead") == 0)
		return "down";
	return strcmp(it->state, "running") == 0 ? "ok" : "degraded";
}

/* "0.5 CPU, 64 MiB, 100 processes"; caller frees. */
static char *limits_of(const struct health_instance *it)
{
	struct fg_str text;
	char size[FG_HUMAN];

	fg_str_init(&text, 256);
	if (it->cpus > 0)
		fg_str_printf(&text, "%g CPU", it->cpus);
	if (it->memory > 0)
		fg_str_printf(&text, "%s%s", text.len ? ", " : "", fg_size_human(size, it->memory));
	if (it->pids > 0)
		fg_str_printf(&text, "%s%lld processes", text.len ? ", " : "", (long long)it->pids);
	return fg_str_take(&text);
}

/* sparks NULL: what it uses is not known. */
static void put_instance(
	struct fg_str *out, const struct health_instance *it, struct sparks *sparks)
{
	bool checked = strcmp(it->health, "none") != 0 && strcmp(it->state, "running") == 0;
	cleanup_free char *state = fg_printf("%s%s%s%s", it->state, checked ? ", " : "",
		checked ? it->health : "", it->known ? "" : ", as last seen");
	cleanup_free char *limits = limits_of(it);
	cleanup_free char *classes = fg_printf("short %s", state_class(it));

	fg_str_puts(out, "<tr>");
	put_cell(out, NULL, NULL, it->name);
	put_cell(out, NULL, classes, state);
	if (sparks)
		spark_cells(sparks, out, it);
	put_cell(out, "Host", "short", it->host);
	put_cell(out, "Template", NULL, it->template);
	put_cell(out, "Image", NULL, it->image);
	put_cell(out, "Limits", NULL, limits);
	put_cell(out, "Config", strcmp(it->config, "drifted") == 0 ? "short degraded" : "short",
		it->config);
	fg_str_puts(out, "</tr>");
}

void page_instances(struct fg_str *out, const struct health *h)
{
	const struct health_picture *picture = health_picture(h);
	const struct app *app = health_app(h);
	bool measured = app->setup->config->history_enabled;
	struct sparks sparks;
	size_t n = picture->instance_count;

	if (n == 0) {
		fg_str_puts(out, "<h2>Instances</h2><p class=\"quiet\">None yet.</p>");
		return;
	}
	sparks_init(&sparks, app->history);
	begin_table(out, "Instances",
		measured ? "Name|State|CPU|Memory|Host|Template|Image|Limits|Config"
			 : "Name|State|Host|Template|Image|Limits|Config");
	for (size_t i = 0; i < n && i < PAGE_INSTANCES; i++)
		put_instance(out, &picture->instances[i], measured ? &sparks : NULL);
	end_table(out);
	if (!measured)
		fg_str_puts(out, "<p class=\"quiet\">What they use is not measured: "
				 "<code>history.enabled</code> is off.</p>");
	if (n > PAGE_INSTANCES)
		fg_str_printf(out, "<p class=\"quiet\">and %zu more</p>", n - PAGE_INSTANCES);
}

/* Neither who gave them nor their words: those are for /audit. */
void page_commands(struct fg_str *out, const struct health *h)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(health_app(h)->store, NULL,
		"SELECT wall_ms, command, targets, result FROM audit ORDER BY n DESC LIMIT ?", "i",
		(int64_t)PAGE_COMMANDS);
	bool any = false;

	while (rows && fg_rows_next(rows)) {
		const char *result = fg_rows_str(rows, 3);
		char ago[FG_HUMAN];
		cleanup_free char *when = fg_printf(
			"%s ago", fg_duration_human(ago, fg_wall_age(fg_rows_i64(rows, 0))));

		if (!any)
			begin_table(out, "Recent commands", "Command|On|Result|When");
		any = true;
		fg_str_puts(out, "<tr>");
		put_cell(out, NULL, NULL, fg_rows_str(rows, 1));
		put_cell(out, "On", NULL, fg_rows_str(rows, 2));
		put_cell(out, NULL, strcmp(result, "failed") == 0 ? "down" : NULL, result);
		put_cell(out, NULL, "quiet", when);
		fg_str_puts(out, "</tr>");
	}
	if (any)
		end_table(out);
}
