/*
 * Waves as people read them: the question, the progress, the report. However many hosts there are,
 * a wave is one line that names a few.
 */
#include <string.h>
#include "chat/audit.h"
#include "commands/batch_report.h"
#include "commands/format.h"
#include "commands/wave.h"

#define HOSTS_MOST 4 /* named in a wave's line */
#define HOSTS_NOW 10 /* … while it is under way */
#define HOST_WIDTH 24
#define NAMES_MOST 20
#define LINES_CAP 16384

char *wave_title(const struct waves *waves, const struct wave_target *target)
{
	if (fg_fleet_count(waves->app->setup->fleet) > 1)
		return fg_printf("%s/%s", target->host, target->name);
	return fg_strdup(target->name);
}

/* It was replaced, and by another image: what else changed has no way back. */
bool wave_can_back(const struct waves *waves, const struct wave_target *target)
{
	(void)waves;
	return target->state == WAVE_DONE && *target->before && *target->after &&
	       strcmp(target->id, target->now_id) != 0 &&
	       strcmp(target->before, target->after) != 0;
}

void wave_preview(struct fg_str *html, const struct waves *waves, const struct fg_items *items)
{
	int64_t settle_ms = waves->app->setup->config->update.settle_ms;
	char human[FG_HUMAN];
	int wave = 0;

	for (size_t i = 0; i < items->n; i++) {
		cleanup_free char *title = wave_title(waves, &waves->v[i]);

		if (waves->v[i].wave != wave) {
			wave = waves->v[i].wave;
			html_printf(html, "\n🌊 <b>Wave %d of %d</b>", wave, waves->count);
		}
		html_printf(html, "\n• <b>%s</b> (%s)", title, items->v[i].c.state);
	}
	html_printf(html,
		"\nAfter each wave everything done so far has to be good for %s. The first "
		"failure halts.",
		fg_duration_human(human, settle_ms));
}

void wave_back_preview(struct fg_str *html, const struct waves *waves, const struct fg_items *items)
{
	char count[64];

	html_printf(html, "⬇️ <b>Roll back %s</b>, each to the image before?",
		format_count(count, items->n, "%zu container", "%zu containers"));
	for (size_t i = 0; i < items->n; i++) {
		cleanup_free char *title = wave_title(waves, waves->todo[i]);

		if (!*items->v[i].c.state)
			html_printf(html, "\n• <b>%s</b>: it is not seen now", title);
	}
}

void wave_continue_preview(struct fg_str *html, const struct fg_items *items)
{
	char count[64];

	html_printf(html, "▶️ <b>Continue with %s?</b>",
		format_count(count, items->n, "%zu container", "%zu containers"));
}

/* Lines */

/* What is told of it: what was done and proved bad has failed, though it can go back. */
static enum wave_state told_state(const struct wave_target *t)
{
	return t->state == WAVE_DONE && t->bad ? WAVE_FAILED : t->state;
}

struct tally {
	int all, waiting, begun, good, failed, back;
};

/* Of the targets from index i on that are in the same wave and, if told so, on the same host; the
 * index behind them. */
static size_t tally(const struct waves *waves, size_t i, bool one_host, struct tally *out)
{
	const struct wave_target *first = &waves->v[i];

	*out = (struct tally){0};
	for (; i < waves->n && waves->v[i].wave == first->wave; i++) {
		enum wave_state state = told_state(&waves->v[i]);

		if (one_host && strcmp(waves->v[i].host, first->host) != 0)
			break;
		out->all++;
		out->waiting += state == WAVE_WAITING;
		out->begun += state == WAVE_BEGUN || state == WAVE_BACKING;
		out->good += state == WAVE_DONE || state == WAVE_SAME;
		out->failed += state == WAVE_FAILED;
		out->back += state == WAVE_BACK;
	}
	return i;
}

static const char *sign(const struct tally *t)
{
	if (t->failed)
		return "⚠️";
	if (t->begun)
		return "⏳";
	if (t->back)
		return "⬇️";
	if (!t->waiting)
		return "✅";
	return t->good ? "⏸" : "▫️";
}

static void add_hosts(
	struct fg_str *html, const struct waves *waves, size_t i, size_t end, size_t most)
{
	size_t shown = 0, more = 0;

	while (i < end) {
		cleanup_free char *host = format_cut(waves->v[i].host, HOST_WIDTH);
		struct tally t;

		i = tally(waves, i, true, &t);
		if (shown == most) {
			more++;
			continue;
		}
		html_printf(html, "%S%s", shown++ ? ", " : ": ", host);
		if (t.all > 1)
			html_printf(html, " %d/%d", t.good, t.all);
		if (t.failed)
			fg_str_puts(html, " ⚠️");
	}
	if (more)
		html_printf(html, " and %d more", (int)more);
}

void wave_lines(struct fg_str *html, const struct waves *waves)
{
	bool hosts = fg_fleet_count(waves->app->setup->fleet) > 1;

	for (size_t i = 0, end; i < waves->n; i = end) {
		struct tally t;

		end = tally(waves, i, false, &t);
		html_printf(
			html, "\n%S Wave %d, %d of %d", sign(&t), waves->v[i].wave, t.good, t.all);
		if (t.failed)
			html_printf(html, ", %d failed", t.failed);
		if (t.back)
			html_printf(html, ", %d rolled back", t.back);
		if (hosts)
			add_hosts(html, waves, i, end, t.begun ? HOSTS_NOW : HOSTS_MOST);
	}
}

/* Progress */

static cJSON *halt_button(const struct waves *waves)
{
	cJSON *keyboard;

	if (!waves->kept || waves->halted || waves->back)
		return NULL;
	keyboard = keyboard_create();
	keyboard_button(
		keyboard, fg_tr("⏸ Halt"), true, "%s wave=halt:%s", waves->command, waves->id);
	return keyboard;
}

void wave_show(struct command *c, const struct waves *waves, const char *steps)
{
	cleanup_str struct fg_str html = {0};
	char verb[64], human[FG_HUMAN];

	fg_str_init(&html, LINES_CAP);
	format_capital(verb, fg_tr(c->row->verb ? c->row->verb : c->row->name));
	if (waves->back)
		html_printf(&html, "🌊 <b>Rolling back</b>");
	else
		html_printf(&html, "🌊 <b>%s</b>: wave %d of %d", verb, waves->now, waves->count);
	wave_lines(&html, waves);
	if (waves->halted)
		html_printf(&html, "\n⏸ Halting (%s): what is under way comes to its end.",
			waves->halted);
	else if (waves->settling)
		html_printf(&html,
			"\nWhat was done is looked after for %s, then the next wave begins.",
			fg_duration_human(human, c->setup->config->update.settle_ms));
	fg_str_puts(&html, steps);
	reply_progress_with(c->reply, html.s, halt_button(waves));
}

/* Reports */

static void add_names(
	struct fg_str *html, const struct waves *waves, enum wave_state state, const char *label)
{
	size_t n = 0;

	for (size_t i = 0; i < waves->n; i++) {
		cleanup_free char *title = NULL;

		if (told_state(&waves->v[i]) != state || ++n > NAMES_MOST)
			continue;
		title = wave_title(waves, &waves->v[i]);
		html_printf(html, "%S<b>%s</b>", n == 1 ? label : ", ", title);
	}
	if (n > NAMES_MOST)
		html_printf(html, " and %d more", (int)(n - NAMES_MOST));
}

static bool any(const struct waves *waves, enum wave_state state)
{
	for (size_t i = 0; i < waves->n; i++)
		if (waves->v[i].state == state)
			return true;
	return false;
}

/* What [Roll back] is about, by name. Returns how many. */
static size_t add_can_back(struct fg_str *html, const struct waves *waves)
{
	size_t n = 0;

	for (size_t i = 0; i < waves->n; i++) {
		cleanup_free char *title = NULL;

		if (!wave_can_back(waves, &waves->v[i]) || ++n > NAMES_MOST)
			continue;
		title = wave_title(waves, &waves->v[i]);
		html_printf(html, "%S<b>%s</b>", n == 1 ? fg_tr("\nCan be rolled back: ") : ", ",
			title);
	}
	if (n > NAMES_MOST)
		html_printf(html, " and %d more", (int)(n - NAMES_MOST));
	return n;
}

static void add_buttons(
	struct command *c, struct fg_str *html, const struct waves *waves, bool back)
{
	bool can_back;

	if (!waves->kept)
		return;
	can_back = add_can_back(html, waves) > 0;
	if (!back && any(waves, WAVE_WAITING))
		keyboard_button(reply_keyboard(c->reply), fg_tr("▶️ Continue"), true,
			"%s wave=continue:%s:%lld", waves->command, waves->id,
			(long long)waves->round);
	if (can_back)
		keyboard_button(reply_keyboard(c->reply), fg_tr("⬇️ Roll back"), true,
			"%s wave=back:%s:%lld", waves->command, waves->id, (long long)waves->round);
}

static void add_data(struct command *c, const struct waves *waves)
{
	cJSON *left = cJSON_AddArrayToObject(c->reply->data, "not_begun");

	cJSON_AddNumberToObject(c->reply->data, "waves", waves->count);
	if (waves->halted)
		cJSON_AddStringToObject(c->reply->data, "halted", waves->halted);
	for (size_t i = 0; i < waves->n; i++) {
		const struct wave_target *t = &waves->v[i];
		cJSON *one;

		if (t->state != WAVE_WAITING)
			continue;
		one = cJSON_CreateObject();
		cJSON_AddStringToObject(one, "name", t->name);
		cJSON_AddStringToObject(one, "host", t->host);
		cJSON_AddStringToObject(one, "id", t->id);
		cJSON_AddItemToArray(left, one);
	}
}

/* What the audit and a terminal are told. */
static int outcome(struct command *c, const struct waves *waves, size_t failed)
{
	if (!waves->halted && !failed)
		return 0;
	if (waves->halted)
		fg_fail(&c->err, FG_EREMOTE, "halted in wave %d of %d: %s", waves->now,
			waves->count, waves->halted);
	else
		fg_fail(&c->err, FG_EREMOTE, "%zu could not be rolled back", failed);
	if (c->reply->terminal)
		return -1;
	c->outcome = AUDIT_FAILED;
	return 0;
}

int wave_report(struct command *c, const struct batch *batch, struct batch_job *jobs, size_t n)
{
	struct waves *waves = batch->waves;
	struct fg_str *html = reply_add(c->reply);
	size_t failed = 0;

	for (size_t i = 0; i < n; i++)
		failed += jobs[i].result < 0;
	if (waves->halted)
		html_printf(html, "⏸ <b>Halted in wave %d of %d</b>: %s", waves->now,
			waves->count, waves->halted);
	else if (waves->back)
		html_printf(html, failed ? "⚠️ <b>Not all is rolled back</b>"
					 : "⬇️ <b>Rolled back</b>");
	else
		html_printf(html, "🌊 <b>%d of %d waves</b>", waves->count, waves->count);
	wave_lines(html, waves);
	fg_str_puts(html, "\n\n");
	batch_summary(c, html, batch, jobs, n);
	if (!waves->back)
		add_names(html, waves, WAVE_WAITING, fg_tr("Not begun: "));
	add_data(c, waves);
	if (waves->halted || waves->back)
		add_buttons(c, html, waves, waves->back);
	return outcome(c, waves, failed);
}

void wave_interrupted_html(struct command *c, struct waves *waves, bool back)
{
	struct fg_str *html = reply_add(c->reply);

	if (back)
		html_printf(html,
			"⚠️ <b>Interrupted while it was rolled back</b>: Fleetgram ended, and does not go on by itself: <code>/%s</code>",
			waves->line);
	else
		html_printf(html,
			"⚠️ <b>Interrupted in wave %d of %d</b>: Fleetgram ended, and does not go on by itself: <code>/%s</code>",
			waves->now, waves->count, waves->line);
	wave_lines(html, waves);
	fg_str_putc(html, '\n');
	add_names(html, waves, WAVE_DONE, fg_tr("\nDone: "));
	add_names(html, waves, WAVE_SAME, fg_tr("\nNothing to do: "));
	add_names(html, waves, WAVE_FAILED, fg_tr("\nFailed: "));
	add_names(html, waves, WAVE_BACK, fg_tr("\nRolled back: "));
	add_names(html, waves, WAVE_BEGUN, fg_tr("\nBegun, and not known how far: "));
	add_names(html, waves, WAVE_BACKING, fg_tr("\nBegun, and not known how far: "));
	add_names(html, waves, WAVE_WAITING, fg_tr("\nNot begun: "));
	add_buttons(c, html, waves, back);
}
