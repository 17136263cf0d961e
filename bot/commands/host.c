/*
 * /host: a host that is paused for maintenance, and goes on.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/target.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/fleet/pause.h"
#include "notify/notify.h"

#define REASON_MOST 200 /* bytes */

/* It concerns all that is on it: nobody does that who sees only a part. */
static struct fg_host *find(struct command *c, const char *name)
{
	struct fg_host *host = fg_fleet_find(c->setup->fleet, name);
	cleanup_str struct fg_str names = {0};

	if (host && fg_selector_match_host(c->person.scope, name)) {
		if (fg_selector_only_hosts(c->person.scope))
			return host;
		fg_fail(&c->err, FG_EDENIED,
			"a pause is about the whole host, and you see only some of what is on it");
		return NULL;
	}
	fg_str_init(&names, FG_ERR_TEXT / 2);
	for (size_t i = 0; i < fg_fleet_count(c->setup->fleet); i++) {
		const char *one = fg_fleet_host(c->setup->fleet, i)->name;

		if (fg_selector_match_host(c->person.scope, one))
			fg_str_printf(&names, "%s%s", names.len ? ", " : "", one);
	}
	fg_fail(&c->err, FG_ENOTFOUND, "there is no host %s; the hosts are %s", name,
		names.len ? names.s : fg_tr("none"));
	return NULL;
}

/* Others wait for what the store says: mutes, pruning, autoheal. */
static void renew(struct command *c)
{
	fg_pauses_read(c->app->store, c->setup->fleet);
	if (c->app->setup->fleet != c->setup->fleet)
		fg_pauses_read(c->app->store, c->app->setup->fleet);
	if (c->app->notify)
		notify_kick(c->app->notify);
}

static int pause_host(struct command *c)
{
	cleanup_free char *words = NULL, *reason = NULL;
	cleanup_str struct fg_str preview = {0};
	struct fg_pause pause = {0};
	struct fg_host *host;
	char author[96], until[32];
	int64_t ms = 0;
	int rc;

	if (c->n < 3)
		return command_usage(c, "which host, and for how long?");
	host = find(c, c->words[1]);
	if (!host)
		return -1;
	if (fg_duration_parse(c->words[2], &ms, NULL) < 0 || ms < 1000 || ms > FG_PAUSE_MOST_MS)
		return command_usage(c, "a pause lasts from 1s to 30d, such as 1h");
	words = words_join(c->words + 3, c->n - 3);
	reason = format_cut(words, REASON_MOST);
	fg_str_init(&preview, 4096);
	html_printf(&preview, "🔧 <b>Pause %s for %s?</b>", host->name, c->words[2]);
	rc = command_confirm(c, NULL, preview.s);
	if (rc <= 0)
		return rc;
	pause.host = host->name;
	pause.reason = reason;
	pause.by = command_author(c, author);
	pause.since_ms = fg_wall_ms();
	pause.until_ms = pause.since_ms + ms;
	if (command_begin(c, NULL, NULL) < 0 || fg_pause_begin(c->app->store, &pause, &c->err) < 0)
		return -1;
	renew(c);
	rc = reply_html(c->reply,
		"🔧 <b>%s</b> is paused until %s%s%s. Until then nothing of it is told and nothing is "
		"done there unasked.",
		host->name, format_until(until, pause.until_ms), *reason ? ": " : "", reason);
	keyboard_button(
		reply_keyboard(c->reply), fg_tr("Resume"), false, "host resume %s", host->name);
	return rc;
}

static int resume_host(struct command *c)
{
	struct fg_host *host;
	int rc;

	if (c->n != 2)
		return command_usage(c, "which host?");
	host = find(c, c->words[1]);
	if (!host || command_begin(c, NULL, NULL) < 0)
		return -1;
	rc = fg_pause_end(c->app->store, host->name, &c->err);
	if (rc < 0)
		return -1;
	renew(c);
	return reply_html(c->reply,
		rc ? "▶️ <b>%s</b> is not paused any more. What is still wrong there is told now."
		   : "<b>%s</b> is not paused.",
		host->name);
}

struct showing {
	struct command *c;
	struct fg_str *html;
	size_t n;
};

static void show(const struct fg_pause *pause, void *arg)
{
	struct showing *s = arg;
	cJSON *data, *keyboard = reply_keyboard(s->c->reply);
	cleanup_free char *label = NULL;
	char until[32], at[FG_RFC3339];

	if (!fg_selector_match_host(s->c->person.scope, pause->host))
		return;
	s->n++;
	html_printf(s->html, "🔧 <b>%s</b> until %s · %s%s%s\n", pause->host,
		format_until(until, pause->until_ms), pause->by, *pause->reason ? " · " : "",
		pause->reason);
	data = cJSON_CreateObject();
	cJSON_AddStringToObject(data, "host", pause->host);
	cJSON_AddStringToObject(data, "since", fg_rfc3339(at, pause->since_ms));
	cJSON_AddStringToObject(data, "until", fg_rfc3339(at, pause->until_ms));
	cJSON_AddStringToObject(data, "reason", pause->reason);
	cJSON_AddStringToObject(data, "by", pause->by);
	cJSON_AddItemToArray(s->c->reply->data, data);
	label = fg_printf("▶️ %s", pause->host);
	keyboard_row(keyboard);
	keyboard_button(keyboard, label, false, "host resume %s", pause->host);
}

static int list(struct command *c)
{
	struct showing s = {.c = c, .html = reply_add(c->reply)};

	c->reply->data = cJSON_CreateArray();
	fg_pauses_each(c->app->store, show, &s);
	if (s.n == 0)
		html_printf(s.html, "No host is paused. To pause one:\n<code>/host pause NAME "
				    "1h</code>\n/hosts lists them.");
	return 0;
}

static const struct {
	const char *word;
	int (*run)(struct command *c);
} actions[] = {
	{"pause", pause_host},
	{"resume", resume_host},
};

static int host_run(struct command *c)
{
	if (c->n == 0)
		return list(c);
	for (size_t i = 0; i < FG_ARRAY_LEN(actions); i++)
		if (strcmp(c->words[0], actions[i].word) == 0)
			return actions[i].run(c);
	return command_usage(c, "I know pause and resume");
}

const struct command_row command_host = {
	.name = "host",
	.group = GROUP_ACT,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.max = -1,
	.usage = "[pause NAME 1h [REASON] | resume NAME]",
	.help = "Pause a host for maintenance, or let it go on",
	.more = "While a host is paused nothing of it is told, nothing is restarted, pruned or run by "
		"the clock there, nothing new is placed on it, and its being down is no trouble. A "
		"command over several hosts leaves it out and says so; one that names it asks. The "
		"pause ends by itself, after 30d at most; what is still wrong then is told then. Alone: "
		"which hosts are paused.\n"
		"\n"
		"/host pause prod2 1h new disks\n"
		"/host resume prod2",
	.run = host_run,
};
