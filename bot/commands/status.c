/*
 * /status: the whole fleet on one screen.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/mute.h"
#include "commands/overview.h"
#include "commands/usage_chart.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/fleet/pause.h"
#include "notify/recap.h"
#include "telegram/telegram.h"

#define NAMES_MOST 10
#define CHART_MS ((int64_t)24 * 3600 * 1000)
#define CHART_SPAN "24h"

/* What is wrong on hosts that answer: on one under maintenance that is nobody's worry. */
static bool is_troubled(struct fg_fleet *fleet, const struct overview *o)
{
	for (size_t i = 0; i < o->host_count; i++)
		if (o->hosts[i].containers.unhealthy && !fg_host_paused(o->hosts[i].host))
			return true;
	for (size_t i = 0; i < o->missing.n; i++) {
		const struct fg_host *host = fg_fleet_find(fleet, o->missing.v[i].host);

		if (!host || !fg_host_paused(host))
			return true;
	}
	return false;
}

static void add_verdict(struct fg_str *html, struct fg_fleet *fleet, const struct overview *o)
{
	if (o->host_count && o->down == o->host_count)
		html_printf(html, o->host_count == 1 ? "🔴 <b>The host does not answer</b>\n"
						     : "🔴 <b>No host answers</b>\n");
	else if (o->down || is_troubled(fleet, o))
		html_printf(html, "🟠 <b>Something needs a look</b>\n");
	else
		html_printf(html, "🟢 <b>All is well</b>\n");
}

static void add_unhealthy(struct fg_str *html, const struct overview *o)
{
	int shown = 0;

	for (size_t i = 0; i < o->items.n && shown < NAMES_MOST; i++) {
		cleanup_free char *title = NULL, *status = NULL;

		if (strcmp(o->items.v[i].c.health, "unhealthy") != 0)
			continue;
		title = target_title(&o->items.v[i]);
		status = format_status(o->items.v[i].c.status);
		html_printf(html, "%S🟠 <b>%s</b> · %s\n", shown++ ? "" : "\n", title, status);
	}
	if (o->containers.unhealthy > shown)
		html_printf(html, "… and %d more\n", o->containers.unhealthy - shown);
}

static void add_instances(struct fg_str *html, struct fg_fleet *fleet, const struct overview *o)
{
	if (!o->instances.total)
		return;
	html_printf(html, "\nInstances: %d", o->instances.total);
	if (o->instances.running)
		html_printf(html, ", %d running", o->instances.running);
	if (o->instances.stopped)
		html_printf(html, ", %d stopped", o->instances.stopped);
	if (o->missing.n)
		html_printf(html, ", %d missing", (int)o->missing.n);
	fg_str_putc(html, '\n');
	for (size_t i = 0; i < o->missing.n && i < NAMES_MOST; i++) {
		const struct fg_entry *one = &o->missing.v[i];
		bool known = fg_fleet_find(fleet, one->host) != NULL;

		html_printf(html, "⚫ <b>%s</b> is missing from %s%S\n", one->name, one->host,
			known ? "" : fg_tr(", which is no host of the config"));
	}
	if (o->missing.n > NAMES_MOST)
		html_printf(html, "… and %d more\n", (int)o->missing.n - NAMES_MOST);
}

static int add_incidents(struct command *c, struct fg_str *html, cJSON *data)
{
	cleanup_recap struct recap recap = {0};

	if (recap_take_open(c->app->store, c->setup, c->person.scope, &recap, &c->err) < 0)
		return -1;
	if (recap.open)
		html_printf(html,
			fg_ntr("\n⚠️ %d open incident: %S\n", "\n⚠️ %d open incidents: %S\n",
				recap.open),
			(int)recap.open, recap.counts.s);
	cJSON_AddNumberToObject(data, "incidents_open", (double)recap.open);
	cJSON_AddNumberToObject(data, "images_newer", (double)recap.updates);
	mute_line(html, c->app->store, c->person.scope);
	cJSON_AddItemToObject(data, "mutes", mute_data(c->app->store, c->person.scope));
	return 0;
}

static void add_telegram(struct fg_str *html, struct app *app, cJSON *data)
{
	struct telegram_health health;
	char age[FG_HUMAN];

	if (!app->telegram)
		return;
	telegram_health(app->telegram, &health);
	html_printf(html, "\nTelegram: %s", telegram_state_name(health.state));
	if (health.last_poll_ms >= 0)
		html_printf(html, ", last heard from %s ago",
			format_age(age, fg_now_ms() - health.last_poll_ms));
	if (*health.problem)
		html_printf(html, " (%s)", health.problem);
	fg_str_putc(html, '\n');
	cJSON_AddStringToObject(data, "telegram", telegram_state_name(health.state));
}

static void add_buttons(struct command *c, const struct overview *o)
{
	cJSON *keyboard = reply_keyboard(c->reply);

	if (target_may(c, "list")) {
		keyboard_button(keyboard, fg_tr("📋 List"), false, "list");
		if (o->containers.unhealthy)
			keyboard_button(
				keyboard, fg_tr("🟠 Unhealthy"), false, "list health=unhealthy");
		if (o->containers.stopped)
			keyboard_button(keyboard, fg_tr("🔴 Stopped"), false,
				"list state=exited state=dead state=created");
	}
	if (c->reply->data && fg_json_i64(c->reply->data, "incidents_open", 0) > 0 &&
		target_may(c, "incidents"))
		keyboard_button(keyboard, fg_tr("⚠️ Incidents"), false, "incidents");
	keyboard_button(keyboard, "↻", true, "status");
}

/* A message of its own, below: a caption is too short for what is above. */
static int add_chart(struct command *c, const struct overview *o)
{
	struct usage_chart u;
	int rc;

	if (usage_chart_is_off(c))
		return 0;
	usage_chart_init(&u, CHART_MS);
	u.small = true;
	usage_chart_add_all(&u, c->app->history, &o->items);
	usage_chart_name_fleet(&u, CHART_SPAN);
	cJSON_AddItemToObject(c->reply->data, "chart", usage_chart_data(&u));
	rc = usage_chart_show(c, &u, CHART_SPAN, fg_tr("📈 Chart"), "chart fleet " CHART_SPAN);
	usage_chart_finish(&u);
	return rc;
}

static int status_run(struct command *c)
{
	cleanup_overview struct overview o = {0};
	bool chart = c->n == 1 && strcmp(c->words[0], "chart") == 0;
	struct fg_str *html;

	if (c->n && !chart)
		return command_usage(c, "\"chart\" is all that /status takes");
	if (overview_take(c, false, &o) < 0)
		return -1;
	html = reply_add(c->reply);
	add_verdict(html, c->setup->fleet, &o);
	overview_hosts_html(html, &o);
	add_unhealthy(html, &o);
	add_instances(html, c->setup->fleet, &o);
	c->reply->data = cJSON_CreateObject();
	if (add_incidents(c, html, c->reply->data) < 0)
		return -1;
	add_telegram(html, c->app, c->reply->data);
	overview_data(c->reply->data, &o);
	add_buttons(c, &o);
	return chart ? add_chart(c, &o) : 0;
}

const struct command_row command_status = {
	.name = "status",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.max = 1,
	.usage = "[chart]",
	.help = "The fleet at a glance",
	.more = "Containers by host, what is unhealthy, instances, hosts that are down and since "
		"when, open incidents, and what is muted. With \"chart\" a small picture of what all "
		"of it has used in the last day comes below.\n"
		"\n"
		"/status\n"
		"/status chart",
	.run = status_run,
};
