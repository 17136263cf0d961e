/*
 * /health: the answer of the side listener's health check, in words.
 *
 * It is taken afresh and within the person's scope, so that it may count less than the listener
 * does.
 */
#include "commands/format.h"
#include "commands/overview.h"
#include "fleetgram/base/json.h"
#include "telegram/telegram.h"

static const char *verdict(
	const struct overview *o, enum telegram_state telegram, const char *problem)
{
	if ((o->host_count && o->down == o->host_count) || telegram == TELEGRAM_DOWN)
		return "down";
	if (problem || o->down || o->instances.unhealthy || telegram == TELEGRAM_DEGRADED)
		return "degraded";
	return "ok";
}

static void add_telegram(struct fg_str *html, cJSON *data, const struct telegram_health *health)
{
	cJSON *telegram = cJSON_AddObjectToObject(data, "telegram");
	char age[FG_HUMAN];

	cJSON_AddStringToObject(telegram, "state", telegram_state_name(health->state));
	html_printf(html, "Telegram: %s", telegram_state_name(health->state));
	if (health->state != TELEGRAM_DISABLED && health->last_poll_ms >= 0) {
		html_printf(html, ", last heard from %s ago",
			format_age(age, fg_now_ms() - health->last_poll_ms));
		cJSON_AddNumberToObject(telegram, "last_poll_age_seconds",
			(double)(fg_now_ms() - health->last_poll_ms) / 1000);
	}
	if (health->retry_after_ms > 0)
		html_printf(html, ", wants us to wait %s",
			fg_duration_human(age, health->retry_after_ms));
	if (*health->problem)
		html_printf(html, " (%s)", health->problem);
	fg_str_putc(html, '\n');
}

/* Only trouble is worth a line. */
static void add_store(struct fg_str *html, cJSON *data, const char *problem)
{
	cJSON *store = cJSON_AddObjectToObject(data, "store");

	cJSON_AddStringToObject(store, "state", problem ? "failing" : "ok");
	if (!problem)
		return;
	cJSON_AddStringToObject(store, "problem", problem);
	html_printf(html, "Store: failing (%s)\n", problem);
}

static void add_instances(struct fg_str *html, const struct overview *o)
{
	if (!o->instances.total)
		return;
	html_printf(html, "Instances: %d, of which %d running, %d unhealthy, %d missing\n",
		o->instances.total, o->instances.running, o->instances.unhealthy,
		(int)o->missing.n);
}

static int health_run(struct command *c)
{
	cleanup_overview struct overview o = {0};
	struct telegram_health telegram = {.state = TELEGRAM_DISABLED, .last_poll_ms = -1};
	int64_t uptime = fg_now_ms() - c->app->started_ms;
	const char *status, *problem;
	struct fg_str *html;
	char human[FG_HUMAN];

	if (overview_take(c, true, &o) < 0)
		return -1;
	if (c->app->telegram)
		telegram_health(c->app->telegram, &telegram);
	problem = fg_store_problem(c->app->store);
	status = verdict(&o, telegram.state, problem);
	html = reply_add(c->reply);
	c->reply->data = cJSON_CreateObject();
	cJSON_AddStringToObject(c->reply->data, "status", status);
	cJSON_AddStringToObject(c->reply->data, "version", FLEETGRAM_VERSION);
	cJSON_AddNumberToObject(c->reply->data, "uptime_seconds", (double)uptime / 1000);
	html_printf(html, "%S <b>%s</b> · fleetgram %s, running for %s\n",
		*status == 'o'                       ? "🟢"
		: *status == 'd' && status[1] == 'e' ? "🟠"
						     : "🔴",
		status, FLEETGRAM_VERSION, fg_duration_human(human, uptime));
	add_telegram(html, c->reply->data, &telegram);
	add_store(html, c->reply->data, problem);
	overview_hosts_html(html, &o);
	add_instances(html, &o);
	overview_data(c->reply->data, &o);
	keyboard_button(reply_keyboard(c->reply), "↻", true, "health");
	return 0;
}

const struct command_row command_health = {
	.name = "health",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.usage = "",
	.help = "Whether Fleetgram, Telegram and the hosts are well",
	.more = "Looks now, and does not use what the health check of the HTTP listener remembers.\n"
		"\n"
		"/health",
	.run = health_run,
};
