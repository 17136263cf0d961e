/* What a command that did not come to its end has left. */
#include <stdio.h>
#include <string.h>
#include "chat/aftermath.h"
#include "chat/audit.h"
#include "chat/callback.h"
#include "chat/finish.h"
#include "chat/grants.h"
#include "chat/origin.h"
#include "commands/swarm_target.h"
#include "commands/wave.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/replace.h"

#define RECOVERY_MS 60000 /* for what a replacement left half done to be undone or finished */

/* A replacement that was cut short is on its way back: what is in between is not what is left. */
static void await_recovery(struct command *c, const cJSON *targets)
{
	int64_t deadline = fg_now_ms() + RECOVERY_MS;
	const cJSON *target;

	cJSON_ArrayForEach (target, targets) {
		struct fg_host *host =
			fg_fleet_find(c->setup->fleet, fg_json_str(target, "host", ""));

		if (!host)
			continue;
		fg_replace_await(c->app->registry, host, fg_json_str(target, "id", ""), deadline);
		fg_replace_await(c->app->registry, host, fg_json_str(target, "name", ""), deadline);
	}
}

/* "web: running", as things are now. */
static void add_state(struct command *c, const cJSON *target)
{
	const char *id = fg_json_str(target, "id", ""), *name = fg_json_str(target, "name", "?");
	struct fg_host *host = fg_fleet_find(c->setup->fleet, fg_json_str(target, "host", ""));
	cleanup_info struct fg_container_info info = {0};
	cleanup_free char *state = NULL, *in_swarm = host ? swarm_state_now(c, host, id) : NULL;
	struct fg_str *out = &fg_list_entry(c->reply->parts.prev, struct reply_part, link)->html;

	if (!host)
		state = fg_strdup(fg_tr("its host is no longer in the config"));
	else if (in_swarm)
		state = fg_steal(&in_swarm);
	else if (fg_container_inspect(host->engine, *id ? id : name, &info, &c->err) == 0)
		state = fg_strdup(info.state);
	else if (*id && c->err.code == FG_ENOTFOUND &&
		 fg_container_inspect(host->engine, name, &info, &c->err) == 0 &&
		 strcmp(info.name, name) == 0)
		state = fg_printf(fg_tr("%s, made again"), info.state);
	else
		state = fg_strdup(
			c->err.code == FG_ENOTFOUND ? fg_tr("does not exist") : c->err.text);
	html_printf(out, "\n• <b>%s</b>: %s", name, state);
}

static void add_states(struct command *c, const cJSON *targets)
{
	const cJSON *target;

	reply_html(c->reply,
		"⚠️ Interrupted: Fleetgram ended while this was under way, and does not repeat it: <code>/%s</code>"
		"\nHow it is now:",
		c->line);
	cJSON_ArrayForEach (target, targets)
		add_state(c, target);
}

/* Somebody who was taken out of the config since is still the one who did it. */
static void who_was_it(struct command *c, const struct origin *from)
{
	if (roles_find(c->setup->roles, from->user_id, from->name, from->chat_id, from->thread,
		    &c->person)) {
		grants_raise(c->app->store, &c->person);
		return;
	}
	c->person.id = from->user_id;
	snprintf(c->person.name, sizeof(c->person.name), "%s", from->name);
}

void aftermath_report(struct app *app, int64_t update_id, const cJSON *update, const cJSON *note)
{
	const cJSON *query = fg_json_object(update, "callback_query");
	const cJSON *message = fg_json_object(query ? query : update, "message");
	const cJSON *user = fg_json_object(query ? query : message, "from");
	struct origin from = origin_of(update_id, message, user);
	cleanup_free char *name = words_first(fg_json_str(note, "line", "?"));
	struct command c;
	struct reply reply;

	command_init(&c, app, &from, &reply);
	/* Whether the press was answered before the end is not known, and a second answer does no
	 * harm. */
	if (query)
		callback_answer(app, fg_json_str(query, "id", ""), NULL);
	who_was_it(&c, &from);
	c.line = fg_json_str(note, "line", "?");
	c.row = command_find(name);
	await_recovery(&c, fg_json_array(note, "targets"));
	if (wave_interrupted(&c, fg_json_str(note, "note", "")) < 0)
		add_states(&c, fg_json_array(note, "targets"));
	command_about_frozen(&c, fg_json_array(note, "targets"));
	c.outcome = AUDIT_INTERRUPTED;
	if (!fg_task_canceled())
		finish_command(&c);
	command_finish(&c);
}
