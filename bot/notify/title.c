/* The first line of an incident: what has happened to what, and how it stands. */
#include <string.h>
#include "commands/format.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "notify/exit.h"
#include "notify/state.h"
#include "notify/text.h"
#include "telegram/html.h"

#define NAME_MOST 100

/* What a title is made of. */
struct title {
	const struct incident *i;
	const char *name; /* as it is called in the message */
	const char *over; /* how it ended; "": it is as it should be again */
	bool is_over;
};

static int64_t fact(const struct title *t, const char *key, int64_t fallback)
{
	return fg_json_i64(t->i->facts, key, fallback);
}

static bool ended(const struct title *t, const char *how)
{
	return t->is_over && strcmp(t->over, how) == 0;
}

/* "exit code 137, out of memory" */
static void add_cause(struct fg_str *html, const struct title *t)
{
	int code = (int)fact(t, "exit_code", -1);
	bool looked = fg_json_get(fg_json_get(t->i->facts, FACT_DETAIL), "state") != NULL;
	char words[EXIT_WORDS];

	if (code < 0) {
		html_printf(html, "its exit code is not known");
		return;
	}
	exit_words(words, code, fg_json_bool(t->i->facts, "oom", false), looked);
	html_printf(html, "exit code %d", code);
	if (*words)
		html_printf(html, ", %s", words);
}

static void add_died(struct fg_str *html, const struct title *t)
{
	char since[TEXT_TIME];

	if (ended(t, "removed"))
		html_printf(html, "🗑 <b>%s</b> was removed; it had died: ", t->name);
	else if (ended(t, "stopped"))
		html_printf(html, "⏹ <b>%s</b> was stopped; it had died: ", t->name);
	else if (ended(t, "finished"))
		html_printf(html, "✅ <b>%s</b> has ended well; it had died: ", t->name);
	else if (t->is_over && fg_json_bool(t->i->facts, FACT_ELSEWHERE, false))
		html_printf(html, "✅ <b>%s</b> was replaced by the swarm; it had died: ", t->name);
	else if (t->is_over)
		html_printf(html, "✅ <b>%s</b> is up again; it had died: ", t->name);
	else if (fact(t, FACT_LOOP, 0))
		html_printf(html,
			"🔴 <b>%s</b> keeps restarting: %lld deaths since %s, the last with ",
			t->name, t->i->count, text_time(since, t->i->opened_ms, t->i->last_ms));
	else if (fg_json_bool(t->i->facts, FACT_WITH_HOST, false))
		html_printf(html,
			"🔴 <b>%s</b> went down with its host, and has not come back: ", t->name);
	else
		html_printf(html, "🔴 <b>%s</b> died: ", t->name);
	add_cause(html, t);
}

bool text_unexplained(const struct incident *i)
{
	return i->kind == INCIDENT_STOPPED && i->state != INCIDENT_OPEN &&
	       fg_json_bool(i->facts, "missed", false) &&
	       fg_json_i64(i->facts, "exit_code", -1) < 0 &&
	       strcmp(fg_json_str(i->facts, FACT_OVER, ""), "restarted") == 0;
}

static void add_stopped(struct fg_str *html, const struct title *t)
{
	if (ended(t, "removed"))
		html_printf(html, "🗑 <b>%s</b> was removed from outside", t->name);
	else if (text_unexplained(t->i))
		html_printf(html,
			"🔄 <b>%s</b> was restarted while I could not see it; why is not known",
			t->name);
	else if (ended(t, "restarted"))
		html_printf(html, "🔄 <b>%s</b> was restarted from outside", t->name);
	else if (t->is_over && t->i->state == INCIDENT_RECOVERED)
		html_printf(html, "▶️ <b>%s</b> was stopped from outside, and is started again",
			t->name);
	else
		html_printf(html, "⏹ <b>%s</b> was stopped from outside", t->name);
}

static void add_oom(struct fg_str *html, const struct title *t)
{
	html_printf(html, "🟠 <b>%s</b>: a process in it was killed, out of memory", t->name);
	if (t->i->count > 1)
		html_printf(html, " (%lld times)", t->i->count);
}

static void add_unhealthy(struct fg_str *html, const struct title *t)
{
	char human[FG_HUMAN];

	if (ended(t, "removed"))
		html_printf(html, "🗑 <b>%s</b> was removed; it was unhealthy", t->name);
	else if (ended(t, "stopped"))
		html_printf(html, "⏹ <b>%s</b> was stopped; it was unhealthy", t->name);
	else if (ended(t, "died"))
		html_printf(html, "🔴 <b>%s</b> was unhealthy, and died", t->name);
	else if (t->is_over)
		html_printf(html, "✅ <b>%s</b> is healthy again after %s", t->name,
			fg_duration_human(human, t->i->recovered_ms - t->i->last_ms));
	else
		html_printf(html, "🟠 <b>%s</b> is unhealthy", t->name);
}

static void add_host(struct fg_str *html, const struct title *t)
{
	char human[FG_HUMAN];

	if (t->is_over)
		html_printf(html, "✅ Host <b>%s</b> answers again after %s", t->i->host,
			fg_duration_human(human, t->i->recovered_ms - t->i->last_ms));
	else
		html_printf(html, "🔴 Host <b>%s</b> does not answer", t->i->host);
}

static void add_cpu(struct fg_str *html, const struct title *t)
{
	char percent[FG_HUMAN], limit[FG_HUMAN];

	format_percent(percent, fg_json_double(t->i->facts, "percent", 0));
	format_percent(limit, fg_json_double(t->i->facts, "limit_percent", 0));
	html_printf(html,
		t->is_over ? "✅ <b>%s</b> uses less CPU again: it was %s, and more than %s is told"
			   : "🟠 <b>%s</b> uses %s CPU, more than %s",
		t->name, percent, limit);
}

static void add_memory(struct fg_str *html, const struct title *t)
{
	char percent[FG_HUMAN], used[FG_HUMAN], limit[FG_HUMAN];

	format_percent(percent, fg_json_double(t->i->facts, "percent", 0));
	format_bytes(used, fg_json_double(t->i->facts, "bytes", 0));
	format_bytes(limit, fg_json_double(t->i->facts, "limit_bytes", 0));
	if (t->is_over)
		html_printf(html, "✅ <b>%s</b> uses less memory again: it was %s, %s of %s",
			t->name, percent, used, limit);
	else if (fg_json_bool(t->i->facts, "own_limit", true))
		html_printf(html, "🟠 <b>%s</b> uses %s of its memory: %s of %s", t->name,
			percent, used, limit);
	else
		html_printf(html, "🟠 <b>%s</b> uses %s of its host's memory: %s of %s", t->name,
			percent, used, limit);
}

static void add_disk(struct fg_str *html, const struct title *t)
{
	char percent[FG_HUMAN], used[FG_HUMAN], limit[FG_HUMAN];

	format_percent(percent, fg_json_double(t->i->facts, "percent", 0));
	format_bytes(used, fg_json_double(t->i->facts, "bytes", 0));
	format_bytes(limit, fg_json_double(t->i->facts, "limit_bytes", 0));
	html_printf(html,
		t->is_over ? "✅ The disk of host <b>%s</b> has room again: it was %s full, %s of %s"
			   : "🟠 The disk of host <b>%s</b> is %s full: %s of %s",
		t->i->host, percent, used, limit);
}

static void add_update(struct fg_str *html, const struct title *t)
{
	cleanup_free char *image = format_image(t->i->image);
	const char *words = FG_TEXT("⬆️ <b>%s</b>: there is a newer %s");

	if (ended(t, "removed"))
		words = FG_TEXT("🗑 <b>%s</b> was removed; there was a newer %s");
	else if (ended(t, "superseded"))
		words = FG_TEXT("⤵️ <b>%s</b>: of %s there is one that is newer still");
	else if (t->is_over)
		words = FG_TEXT("✅ <b>%s</b>: the newer %s was taken");
	html_printf(html, words, t->name, *image ? image : fg_tr("image"));
}

static void add_heal(struct fg_str *html, const struct title *t)
{
	long long restarts = fact(t, "restarts", 1), most = fact(t, "most", restarts);
	int64_t sick_ms = fact(t, "unhealthy_ms", 0);
	char human[FG_HUMAN];

	if (t->is_over && !*t->over)
		html_printf(html, "✅ <b>%s</b> is healthy again; it was restarted", t->name);
	else if (fg_json_bool(t->i->facts, "gave_up", false))
		html_printf(html,
			"🔴 <b>%s</b> stays unhealthy, and is not restarted any more (%lld of %lld)",
			t->name, restarts, most);
	else if (*fg_json_str(t->i->facts, "why", ""))
		html_printf(html,
			"🔴 <b>%s</b> is unhealthy, and could not be restarted (%lld of %lld)",
			t->name, restarts, most);
	else if (sick_ms)
		html_printf(html,
			"🩹 <b>%s</b> was unhealthy for %s, and is restarted (%lld of %lld)",
			t->name, fg_duration_human(human, sick_ms), restarts, most);
	else
		html_printf(html, "🩹 <b>%s</b> was unhealthy, and is restarted (%lld of %lld)",
			t->name, restarts, most);
}

static void add_service(struct fg_str *html, const struct title *t)
{
	long long wanted = fact(t, "wanted", 0), running = fact(t, "running", 0);
	char human[FG_HUMAN];

	if (ended(t, "removed"))
		html_printf(html, "🗑 Service <b>%s</b> was removed; it ran %lld of %lld tasks",
			t->name, running, wanted);
	else if (t->is_over)
		html_printf(html, "✅ Service <b>%s</b> runs all its tasks again after %s", t->name,
			fg_duration_human(human, t->i->recovered_ms - t->i->last_ms));
	else if (running == 0)
		html_printf(html, "🔴 Service <b>%s</b> is down: none of %lld tasks runs", t->name,
			wanted);
	else
		html_printf(html, "🟠 Service <b>%s</b> runs %lld of %lld tasks", t->name,
			running, wanted);
}

static void add_rollout(struct fg_str *html, const struct title *t)
{
	const char *state = fg_json_str(t->i->facts, "state", "");

	if (ended(t, "removed"))
		html_printf(
			html, "🗑 Service <b>%s</b> was removed; its update had failed", t->name);
	else if (t->is_over)
		html_printf(html, "✅ Service <b>%s</b>: the update that had failed is dealt with",
			t->name);
	else if (strcmp(state, "paused") == 0)
		html_printf(
			html, "🟠 Service <b>%s</b>: the swarm has paused its update", t->name);
	else if (strcmp(state, "rollback_paused") == 0)
		html_printf(
			html, "🔴 Service <b>%s</b>: the swarm has paused its rollback", t->name);
	else
		html_printf(html, "🟠 Service <b>%s</b>: the swarm has rolled its update back",
			t->name);
}

static void add_node(struct fg_str *html, const struct title *t)
{
	cleanup_free char *node = format_cut(fg_json_str(t->i->facts, "node", ""), NAME_MOST);
	char human[FG_HUMAN];

	if (ended(t, "removed"))
		html_printf(
			html, "🗑 Node <b>%s</b> was removed from the swarm; it was down", node);
	else if (t->is_over)
		html_printf(html, "✅ Node <b>%s</b> of the swarm is not down any more, after %s",
			node, fg_duration_human(human, t->i->recovered_ms - t->i->last_ms));
	else
		html_printf(html, "🔴 Node <b>%s</b> of the swarm is down", node);
}

static void add_swarm(struct fg_str *html, const struct title *t)
{
	char human[FG_HUMAN];

	if (t->is_over)
		html_printf(html, "✅ The swarm of <b>%s</b> has a leader again after %s",
			t->i->host, fg_duration_human(human, t->i->recovered_ms - t->i->last_ms));
	else
		html_printf(html,
			"🔴 The swarm of <b>%s</b> has no leader: too few of its managers are up",
			t->i->host);
}

/* Its host has left the config, and nobody knows what became of it. Once that was not noted, and it
 * had no end. */
static bool was_left(const struct incident *i)
{
	if (i->state != INCIDENT_CLOSED)
		return false;
	return strcmp(fg_json_str(i->facts, FACT_OVER, ""), "left") == 0 ||
	       (!i->recovered_ms && kinds[i->kind].lasting && i->kind != INCIDENT_UPDATE);
}

void text_title(struct fg_str *html, const struct incident *i, bool several_hosts)
{
	static void (*const add[INCIDENT_KINDS])(struct fg_str *, const struct title *) = {
		[INCIDENT_DIED] = add_died,
		[INCIDENT_STOPPED] = add_stopped,
		[INCIDENT_OOM] = add_oom,
		[INCIDENT_UNHEALTHY] = add_unhealthy,
		[INCIDENT_HOST] = add_host,
		[INCIDENT_CPU] = add_cpu,
		[INCIDENT_MEMORY] = add_memory,
		[INCIDENT_DISK] = add_disk,
		[INCIDENT_UPDATE] = add_update,
		[INCIDENT_HEAL] = add_heal,
		[INCIDENT_SERVICE] = add_service,
		[INCIDENT_ROLLOUT] = add_rollout,
		[INCIDENT_NODE] = add_node,
		[INCIDENT_SWARM] = add_swarm,
	};
	cleanup_free char *whole =
		several_hosts ? fg_printf("%s/%s", i->host, i->name) : fg_strdup(i->name);
	cleanup_free char *name = format_cut(whole, NAME_MOST);
	struct title t = {
		.i = i,
		.name = name,
		.over = fg_json_str(i->facts, FACT_OVER, ""),
		.is_over = i->state != INCIDENT_OPEN && !was_left(i),
	};

	add[i->kind](html, &t);
	if (was_left(i))
		html_printf(html, "; the host is not in the config any more");
}
