/* Messages about incidents: one, a few, many. */
#include <signal.h>
#include <string.h>
#include <time.h>
#include "commands/format.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "notify/headcount.h"
#include "notify/ledger.h"
#include "notify/text.h"
#include "telegram/html.h"
#include "telegram/keyboard.h"

#define NAME_MOST 60
#define UPDATE_MOST 1000 /* bytes of the names that one button updates */
#define SHORT_LOG 200    /* bytes of the last line, where there are a few */

const char *text_time(char buf[TEXT_TIME], int64_t wall_ms, int64_t now_ms)
{
	time_t at = (time_t)(wall_ms / 1000), now = (time_t)(now_ms / 1000);
	struct tm then, today;

	localtime_r(&at, &then);
	localtime_r(&now, &today);
	if (then.tm_year == today.tm_year && then.tm_yday == today.tm_yday)
		strftime(buf, TEXT_TIME, "%H:%M:%S", &then);
	else
		strftime(buf, TEXT_TIME, "%Y-%m-%d %H:%M:%S", &then);
	return buf;
}

/* One */

static const cJSON *detail_of(const struct incident *i)
{
	return fg_json_get(i->facts, FACT_DETAIL);
}

/* Who starts it again, if anybody. */
static void add_outlook(struct fg_str *html, const struct incident *i)
{
	const cJSON *d = detail_of(i);
	const char *policy = fg_json_str(d, "policy", ""), *state = fg_json_str(d, "state", "");
	int64_t tries = fg_json_i64(d, "tries", 0), most = fg_json_i64(d, "most_tries", 0);
	bool waits = strcmp(state, "restarting") == 0; /* Docker's pause is never above a minute */
	bool down = strcmp(state, "running") != 0 && !waits;

	if (i->kind != INCIDENT_DIED || i->state != INCIDENT_OPEN || !*policy)
		return;
	if (strcmp(policy, "no") == 0)
		html_printf(html, "Nothing starts it again by itself (restart policy: no).\n");
	else if (down && most > 0 && tries >= most)
		html_printf(html,
			"The engine has given up after %lld tries (restart policy: %s:%lld).\n",
			tries, policy, most);
	else if (down && *fg_json_str(d, "error", ""))
		html_printf(html, "The engine has not started it again (restart policy: %s).\n",
			policy);
	else if (most > 0 && tries > 0)
		html_printf(html,
			waits ? FG_TEXT("The engine starts it again within a minute, try %lld of %lld"
					" (restart policy: %s).\n")
			      : FG_TEXT("The engine starts it again, try %lld of %lld (restart policy:"
					" %s).\n"),
			tries, most, policy);
	else if (most > 0)
		html_printf(html,
			"The engine starts it again, at most %lld times (restart policy: %s).\n",
			most, policy);
	else if (waits)
		html_printf(html,
			"The engine starts it again within a minute (restart policy: %s).\n",
			policy);
	else
		html_printf(html, "The engine starts it again (restart policy: %s).\n", policy);
}

static void add_why(struct fg_str *html, const struct incident *i)
{
	int64_t ran = fg_json_i64(i->facts, "ran_ms", -1),
		signal = fg_json_i64(i->facts, "signal", 0);
	const char *why = fg_json_str(i->facts, "why", ""), *here, *there;
	const char *error = fg_json_str(detail_of(i), "error", "");
	char human[FG_HUMAN];

	if (ran >= 0)
		html_printf(html, "It had run for %s.\n", fg_duration_human(human, ran));
	if (signal)
		html_printf(html, "Somebody had sent it SIG%s.\n",
			sigabbrev_np((int)signal) ? sigabbrev_np((int)signal) : "?");
	if (fg_json_bool(i->facts, "missed", false) && !text_unexplained(i))
		html_printf(html, "It happened while I could not see it.\n");
	if (*why)
		html_printf(html, "%s\n", why);
	if (*error && i->kind == INCIDENT_DIED)
		html_printf(html, "The engine says: %s\n", error);
	here = fg_json_str(i->facts, "here", "");
	there = fg_json_str(i->facts, "there", "");
	if (*here || *there) {
		cleanup_free char *from = format_image(here), *to = format_image(there);

		html_printf(html, "here <code>%s</code>, there <code>%s</code>\n", from, to);
	}
}

static void add_when(struct fg_str *html, const struct incident *i, const struct text_frame *f)
{
	char first[TEXT_TIME], last[TEXT_TIME], acked[TEXT_TIME], muted[TEXT_TIME];

	text_time(first, i->opened_ms, f->now_ms);
	text_time(last, i->last_ms, f->now_ms);
	if (i->count > 1)
		html_printf(html, "#%lld · %lld times, first %s, last %s", i->id, i->count, first,
			last);
	else
		html_printf(html, "#%lld · %s", i->id, first);
	if (i->state != INCIDENT_OPEN && i->recovered_ms)
		html_printf(html, " · over at %s", text_time(last, i->recovered_ms, f->now_ms));
	fg_str_putc(html, '\n');
	if (i->acked_ms)
		html_printf(html, "👌 Acknowledged by %s at %s\n", i->acked_by,
			text_time(acked, i->acked_ms, f->now_ms));
	if (f->muted_ms)
		html_printf(html, "🔇 Muted until %s\n", text_time(muted, f->muted_ms, f->now_ms));
	if (f->moved)
		html_printf(html, "⤵️ It goes on in a newer message.\n");
}

/* A host that is away is asked again, and one that is back has its containers counted. */
static void add_host(struct fg_str *html, const struct incident *i, const struct text_frame *f)
{
	int64_t again = fg_json_i64(i->facts, "again_ms", 0);
	char human[FG_HUMAN];

	if (i->kind != INCIDENT_HOST)
		return;
	if (i->state != INCIDENT_OPEN)
		headcount_add(html, i, f->scope);
	else if (again)
		html_printf(
			html, "I ask it again about every %s.\n", fg_duration_human(human, again));
}

/* What it wrote or its check said, for as long as it is of interest. */
static void add_output(struct fg_str *html, const struct incident *i, const char *key)
{
	const char *text = fg_json_str(detail_of(i), key, "");

	if (!*text)
		return;
	fg_str_puts(html, "<pre>");
	html_text(html, text);
	fg_str_puts(html, "</pre>\n");
}

static void add_one(struct fg_str *html, const struct incident *i, const struct text_frame *f)
{
	text_title(html, i, f->several_hosts);
	fg_str_putc(html, '\n');
	add_why(html, i);
	add_host(html, i, f);
	add_outlook(html, i);
	if (i->kind == INCIDENT_UNHEALTHY)
		add_output(html, i, "health");
	if (kinds[i->kind].detailed)
		add_output(html, i, "log");
	add_when(html, i, f);
}

/* A few */

static void add_last_line(struct fg_str *html, const struct incident *i)
{
	const char *text =
		fg_json_str(detail_of(i), i->kind == INCIDENT_UNHEALTHY ? "health" : "log", "");
	const char *last = strrchr(text, '\n');
	cleanup_free char *cut = format_cut(last ? last + 1 : text, SHORT_LOG);

	if (*cut)
		html_printf(html, "<code>%s</code>\n", cut);
}

static void add_few(struct fg_str *html, const struct crowd *c, const struct text_frame *f)
{
	for (size_t k = 0; k < c->n; k++) {
		const struct incident *i = c->full[k];
		char first[TEXT_TIME];

		text_title(html, i, f->several_hosts);
		fg_str_putc(html, '\n');
		if (i->state == INCIDENT_OPEN && kinds[i->kind].detailed)
			add_last_line(html, i);
		add_host(html, i, f);
		html_printf(html, "#%lld · %s", i->id, text_time(first, i->opened_ms, f->now_ms));
		if (i->acked_ms)
			html_printf(html, " · 👌 %s", i->acked_by);
		fg_str_putc(html, '\n');
	}
}

/* Many */

static enum incident_kind only_kind(const struct crowd *c)
{
	enum incident_kind kind = 0;

	while (kind < INCIDENT_KINDS && c->kinds[kind] != c->n)
		kind++;
	return kind;
}

static void add_count(struct fg_str *html, const struct kind *kind, size_t n)
{
	char count[256];

	html_printf(html, "%s", fg_nprintf(count, sizeof(count), n, kind->one, kind->many, n));
}

static void add_many_title(struct fg_str *html, const struct crowd *c)
{
	static const char *const dots[STREAMS] = {"🔴", "⏹", "🔴", "⬆️"};
	enum incident_kind kind = only_kind(c), some = kind;

	while (some == INCIDENT_KINDS || !c->kinds[some])
		some = some == INCIDENT_KINDS ? 0 : some + 1;
	if (c->over == c->n)
		html_printf(html, "✅ <b>%d of %d recovered</b>\n", (int)c->over, (int)c->n);
	else
		html_printf(html, "%S ", dots[kinds[some].stream]);
	fg_str_puts(html, "<b>");
	if (kind < INCIDENT_KINDS)
		add_count(html, &kinds[kind], c->n);
	else
		html_printf(html, "%d incidents at once", (int)c->n);
	fg_str_puts(html, "</b>");
	if (c->over && c->over < c->n)
		html_printf(html, " · ✅ %d of %d recovered", (int)c->over, (int)c->n);
	fg_str_putc(html, '\n');
	for (size_t k = 0; k < INCIDENT_KINDS && kind == INCIDENT_KINDS; k++) {
		if (!c->kinds[k])
			continue;
		fg_str_puts(html, "• ");
		add_count(html, &kinds[k], c->kinds[k]);
		fg_str_putc(html, '\n');
	}
}

static void add_groups(struct fg_str *html, const struct crowd *c)
{
	for (size_t k = 0; k < c->group_n; k++) {
		const struct crowd_group *g = &c->groups[k];

		if (*g->project)
			html_printf(html, "• project <b>%s</b> on %s: %d", g->project, g->host,
				(int)g->n);
		else
			html_printf(html, "• on %s: %d", g->host, (int)g->n);
		if (g->over)
			html_printf(html, ", %d recovered", (int)g->over);
		fg_str_putc(html, '\n');
	}
	if (c->elsewhere)
		html_printf(html, "• elsewhere: %d\n", (int)c->elsewhere);
}

static void add_names(struct fg_str *html, const struct crowd *c, const struct text_frame *f)
{
	const struct crowd_names *names = c->over && c->open.n ? &c->open : &c->all;
	size_t shown = names->n < CROWD_NAMES ? names->n : CROWD_NAMES;

	if (names == &c->open)
		html_printf(html, "Not yet: ");
	for (size_t k = 0; k < shown; k++) {
		const char *slash = strchr(names->v[k], '/');
		cleanup_free char *cut =
			format_cut(slash && !f->several_hosts ? slash + 1 : names->v[k], NAME_MOST);

		html_printf(html, "%S%s", k ? ", " : "", cut);
	}
	if (names->n > shown)
		html_printf(html, " …and %d more", (int)(names->n - shown));
	fg_str_putc(html, '\n');
}

static void add_many(struct fg_str *html, const struct crowd *c, const struct text_frame *f)
{
	char first[TEXT_TIME], last[TEXT_TIME];

	add_many_title(html, c);
	add_groups(html, c);
	add_names(html, c, f);
	text_time(first, c->first_ms, f->now_ms);
	text_time(last, c->last_ms, f->now_ms);
	if (strcmp(first, last) == 0)
		html_printf(html, "%s", first);
	else
		html_printf(html, "%s to %s", first, last);
	if (c->acked)
		html_printf(html, " · 👌 %d acknowledged", (int)c->acked);
	fg_str_putc(html, '\n');
}

void text_crowd(struct fg_str *html, const struct crowd *c, const struct text_frame *f)
{
	if (c->n == 1)
		add_one(html, c->full[0], f);
	else if (c->n <= CROWD_FULL)
		add_few(html, c, f);
	else
		add_many(html, c, f);
}

/* Buttons */

/* What picks that very container, whatever it is called by then. */
static char *same_container(const struct incident *i)
{
	return fg_printf("host=%s id=%.12s", i->host, i->container_id);
}

/* NAME or HOST/NAME that a selector takes for nothing else. */
static bool is_plain(const char *name)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";

	return !name[strspn(name, plain)];
}

/* What picks whatever has its name, which outlives the container; NULL: the name is none. */
static char *same_name(const struct incident *i)
{
	if (!*i->name || !is_plain(i->name))
		return NULL;
	return fg_printf("%s/%s", i->host, i->name);
}

static void add_container_buttons(cJSON *keyboard, const struct incident *i)
{
	cleanup_free char *same = same_container(i);
	bool gone = i->state == INCIDENT_CLOSED;
	bool down = i->kind == INCIDENT_DIED || i->kind == INCIDENT_STOPPED ||
		    i->kind == INCIDENT_UNHEALTHY || i->kind == INCIDENT_HEAL ||
		    i->kind == INCIDENT_OOM || i->kind == INCIDENT_MEMORY ||
		    i->kind == INCIDENT_CPU;

	if (gone || !*i->container_id)
		return;
	if (i->kind == INCIDENT_UPDATE) {
		if (i->state == INCIDENT_OPEN)
			keyboard_button(keyboard, fg_tr("⬆️ Update"), false, "update %s", same);
		return;
	}
	keyboard_button(keyboard, fg_tr("📜 Logs"), false, "logs %s 50", same);
	if (down && i->state == INCIDENT_OPEN)
		keyboard_button(keyboard, fg_tr("🔄 Restart"), false, "restart %s", same);
}

static void add_swarm_buttons(cJSON *keyboard, const struct incident *i)
{
	if (i->state == INCIDENT_CLOSED)
		return;
	if (i->kind == INCIDENT_SERVICE || i->kind == INCIDENT_ROLLOUT) {
		keyboard_button(
			keyboard, fg_tr("📜 Logs"), false, "logs service=%s", i->container_id);
		keyboard_button(keyboard, fg_tr("🔎 Service"), false, "service %s", i->container_id);
	} else {
		keyboard_button(keyboard, fg_tr("🖥 Nodes"), false, "nodes");
	}
}

static void add_one_buttons(cJSON *keyboard, const struct incident *i, const struct text_frame *f)
{
	cleanup_free char *name = same_name(i);

	if (kind_is_swarm(i->kind))
		add_swarm_buttons(keyboard, i);
	else
		add_container_buttons(keyboard, i);
	if (i->state != INCIDENT_OPEN)
		return;
	keyboard_row(keyboard);
	if (!f->muted_ms && name)
		keyboard_button(keyboard, fg_tr("🔇 Mute 1h"), false, "mute %s 1h", name);
	else if (!f->muted_ms && !*i->name && !kind_is_swarm(i->kind))
		keyboard_button(
			keyboard, fg_tr("🔇 Mute host 1h"), false, "mute host=%s 1h", i->host);
	if (!i->acked_ms && i->kind != INCIDENT_UPDATE)
		keyboard_button(keyboard, fg_tr("👌 Ack"), false, "ack %lld", (long long)i->id);
}

/* All that have a newer image, by name: the old container's id would be gone by then. */
static void add_update_button(cJSON *keyboard, const struct crowd *c)
{
	cleanup_str struct fg_str words;

	fg_str_init(&words, UPDATE_MOST);
	for (size_t k = 0; k < c->open.n; k++)
		if (k >= CROWD_NAMES || !is_plain(c->open.v[k]) ||
			fg_str_printf(&words, " %s", c->open.v[k]) < 0)
			return;
	if (c->open.n)
		keyboard_button(keyboard, fg_tr("⬆️ Update all"), false, "update%s", words.s);
}

cJSON *text_buttons(const struct crowd *c, const struct text_frame *f)
{
	cJSON *keyboard;

	if (f->moved || !c->n)
		return NULL;
	keyboard = keyboard_create();
	if (c->n == 1) {
		add_one_buttons(keyboard, c->full[0], f);
		return keyboard;
	}
	if (c->kinds[INCIDENT_UPDATE] == c->n) {
		add_update_button(keyboard, c);
		keyboard_row(keyboard);
	}
	keyboard_button(keyboard, fg_tr("📋 Incidents"), false, "incidents");
	if (c->over + c->acked < c->n && c->kinds[INCIDENT_UPDATE] < c->n)
		keyboard_button(keyboard, fg_tr("👌 Ack all"), false, "ack message=%lld",
			(long long)c->full[0]->bulletin);
	return keyboard;
}
