/*
 * /checkupdates: which containers' images have something newer in their registry, without pulling.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/places.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/image.h"

#define KEEP_MS ((int64_t)10 * 60 * 1000) /* how old an answer may be that nobody wants fresh */
#define QUIET_MS 2000                     /* shorter checks show no progress */
#define NAMES_MOST 20
#define BUTTONS_MOST 8

enum outcome { NEWER, SAME, UNKNOWN, FAILED, OUTCOMES };

/* What a host has under a name: asked once for all containers that use it. */
struct question {
	struct look *look;
	struct fg_host *host;
	const char *image, *image_id;
	struct fg_image_check check;
	enum outcome outcome;
	struct fg_err err;
};

struct subject {
	struct fg_item *item;
	char *image; /* NULL: err */
	struct fg_err err;
	struct question *question; /* NULL: err */
	bool pinned;
};

struct look {
	struct command *c;
	int64_t begun_ms, keep_ms; /* keep_ms 0: what was asked before this look does not count */
	struct subject *subjects;
	struct question *questions;
	size_t n, question_count, answered;
	bool showing;
};

static void look_finish(struct look *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->subjects[i].image);
	free(l->subjects);
	free(l->questions);
}
#define cleanup_look __attribute__((cleanup(look_finish)))

static void show_progress(struct look *l)
{
	cleanup_str struct fg_str html = {0};

	if (l->showing || fg_now_ms() - l->begun_ms < QUIET_MS)
		return;
	l->showing = true;
	fg_str_init(&html, 1024);
	html_printf(&html, "🔎 Asking the registries: %d of %d\n", (int)l->answered,
		(int)l->question_count);
	reply_progress(l->c->reply, html.s);
	l->showing = false;
}

static void find_name(void *one)
{
	struct subject *s = one;

	fg_item_image(s->item, &s->image, &s->err);
}

static void ask(void *one)
{
	static const enum outcome outcomes[] = {
		[FG_NEWER_NO] = SAME, [FG_NEWER_YES] = NEWER, [FG_NEWER_UNKNOWN] = UNKNOWN};
	struct question *q = one;
	struct look *l = q->look;
	int64_t age = l->keep_ms ? l->keep_ms : fg_now_ms() - l->begun_ms;

	if (fg_image_check(l->c->app->images, q->host, q->image, q->image_id, age, &q->check,
		    &q->err) == 0)
		q->outcome = outcomes[q->check.newer];
	l->answered++;
	show_progress(l);
}

static struct question *question_of(struct look *l, const struct subject *s)
{
	struct question *q = l->questions;

	for (size_t i = 0; i < l->question_count; i++, q++)
		if (q->host == s->item->host && strcmp(q->image, s->image) == 0 &&
			strcmp(q->image_id, s->item->c.image_id) == 0)
			return q;
	l->question_count++;
	*q = (struct question){.look = l,
		.host = s->item->host,
		.image = s->image,
		.image_id = s->item->c.image_id,
		.outcome = FAILED};
	fg_fail(&q->err, FG_ECANCELED, "not asked");
	return q;
}

static enum outcome outcome_of(const struct subject *s)
{
	return s->question ? s->question->outcome : FAILED;
}

static void find_pins(struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct subject *s = &l->subjects[i];
		cleanup_record struct fg_record record = {0};
		struct fg_err err;
		int rc;

		if (outcome_of(s) != NEWER)
			continue;
		rc = fg_registry_record(l->c->app->registry, s->item->host->name, s->item->c.id,
			s->item->c.name, &record, &err);
		if (rc < 0)
			fg_warn("%s", err.text);
		s->pinned = rc > 0 && record.pinned;
	}
}

static int perform(struct look *l, struct fg_items *items)
{
	struct command *c = l->c;

	l->n = items->n;
	l->subjects = fg_alloc((items->n + 1) * sizeof(*l->subjects));
	l->questions = fg_alloc((items->n + 1) * sizeof(*l->questions));
	for (size_t i = 0; i < items->n; i++) {
		l->subjects[i].item = &items->v[i];
		fg_fail(&l->subjects[i].err, FG_ECANCELED, "not asked");
	}
	if (places_each(c, "the name of an image", find_name, l->subjects, l->n,
		    sizeof(*l->subjects)) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++)
		if (l->subjects[i].image)
			l->subjects[i].question = question_of(l, &l->subjects[i]);
	if (places_each(c, "an image check", ask, l->questions, l->question_count,
		    sizeof(*l->questions)) < 0)
		return -1;
	find_pins(l);
	return 0;
}

/* Whether two belong on one line: the same answer about the same image. */
static bool alike(const struct subject *a, const struct subject *b)
{
	const struct question *x = a->question, *y = b->question;

	if (!x || !y || x->outcome != y->outcome || strcmp(x->image, y->image) != 0)
		return false;
	return x->outcome == FAILED ? strcmp(x->err.text, y->err.text) == 0
				    : strcmp(x->check.here, y->check.here) == 0;
}

static void add_names(struct fg_str *html, const struct look *l, size_t first)
{
	size_t shown = 0, more = 0;

	for (size_t i = first; i < l->n; i++) {
		const struct subject *s = &l->subjects[i];
		cleanup_free char *title = NULL;

		if (i != first && !alike(s, &l->subjects[first]))
			continue;
		if (shown >= NAMES_MOST) {
			more++;
			continue;
		}
		title = target_title(s->item);
		html_printf(
			html, "%S<b>%s</b>%S", shown++ ? ", " : "", title, s->pinned ? " 📌" : "");
	}
	if (more)
		html_printf(html, " and %d more", (int)more);
}

static void add_line(struct fg_str *html, const struct look *l, size_t first)
{
	static const char *const signs[] = {"⬆️", "✅", "❔", "⚠️"};
	const struct subject *s = &l->subjects[first];
	const struct question *q = s->question;
	cleanup_free char *image = format_image(q ? q->image : s->item->c.image);
	char here[13], there[13];

	html_printf(html, "%S <code>%s</code>", signs[outcome_of(s)], image);
	if (outcome_of(s) == NEWER)
		html_printf(html, " %s → %s",
			*q->check.here ? places_short(here, q->check.here) : fg_tr("an older one"),
			places_short(there, q->check.there));
	fg_str_puts(html, "\n   ");
	add_names(html, l, first);
	if (outcome_of(s) == FAILED)
		html_printf(html, "\n   %s", q ? q->err.text : s->err.text);
	fg_str_putc(html, '\n');
}

static void add_section(struct fg_str *html, const struct look *l, enum outcome outcome)
{
	static const char *const heads[] = {
		[NEWER] = FG_TEXT("Newer ones"),
		[SAME] = FG_TEXT("Up to date"),
		[UNKNOWN] = FG_TEXT("Cannot tell: made here, or named by a digest"),
		[FAILED] = FG_TEXT("Not to be found out"),
	};
	bool begun = false;

	for (size_t i = 0; i < l->n; i++) {
		bool told = false;

		if (outcome_of(&l->subjects[i]) != outcome)
			continue;
		for (size_t k = 0; k < i && !told; k++)
			told = alike(&l->subjects[k], &l->subjects[i]);
		if (told)
			continue;
		if (!begun)
			html_printf(html, "\n<b>%s</b>\n", fg_tr(heads[outcome]));
		begun = true;
		add_line(html, l, i);
	}
}

/* How old the oldest answer is, when not all are of now. */
static void add_age(struct fg_str *html, const struct look *l)
{
	int64_t now = fg_wall_ms(), oldest = now;
	char age[FG_HUMAN];

	for (size_t i = 0; i < l->question_count; i++) {
		const struct question *q = &l->questions[i];

		if (q->outcome != FAILED && q->check.checked_ms && q->check.checked_ms < oldest)
			oldest = q->check.checked_ms;
	}
	if (now - oldest > fg_now_ms() - l->begun_ms + 1000)
		html_printf(html,
			"\nThe oldest answer is of %s; <code>/checkupdates fresh</code> asks "
			"again.\n",
			format_ago(age, oldest, now));
}

static cJSON *subject_data(const struct subject *s)
{
	static const char *const words[] = {"yes", "no", "unknown", "error"};
	const struct question *q = s->question;
	const struct fg_err *err = q ? &q->err : &s->err;
	cJSON *data = cJSON_CreateObject();
	char time[FG_RFC3339];

	cJSON_AddStringToObject(data, "name", s->item->c.name);
	cJSON_AddStringToObject(data, "host", s->item->host->name);
	cJSON_AddStringToObject(data, "id", s->item->c.id);
	cJSON_AddStringToObject(data, "image", q ? q->image : s->item->c.image);
	cJSON_AddStringToObject(data, "image_id", s->item->c.image_id);
	cJSON_AddStringToObject(data, "newer", words[outcome_of(s)]);
	cJSON_AddBoolToObject(data, "pinned", s->pinned);
	if (outcome_of(s) == FAILED) {
		cJSON_AddStringToObject(data, "error", err->text);
		if (err->retry_after_ms)
			fg_json_set_i64(
				data, "retry_after_seconds", err->retry_after_ms / 1000 + 1);
		return data;
	}
	cJSON_AddStringToObject(data, "digest", q->check.here);
	cJSON_AddStringToObject(data, "registry_digest", q->check.there);
	if (q->check.checked_ms)
		cJSON_AddStringToObject(data, "checked_at", fg_rfc3339(time, q->check.checked_ms));
	return data;
}

static void add_buttons(struct command *c, const struct look *l)
{
	cJSON *keyboard = reply_keyboard(c->reply);
	cleanup_free char *joined = words_join(c->words, c->n);
	int shown = 0;

	for (size_t i = 0; i < l->n && shown < BUTTONS_MOST && target_may(c, "update"); i++) {
		const struct subject *s = &l->subjects[i];
		cleanup_free char *title = target_title(s->item);
		cleanup_free char *cut = format_cut(title, 24),
				  *label = fg_printf(fg_tr("Update %s"), cut);
		char selector[TARGET_WORDS];

		if (outcome_of(s) != NEWER || s->pinned)
			continue;
		if (shown++ % 2 == 0)
			keyboard_row(keyboard);
		keyboard_button(
			keyboard, label, false, "update %s", target_selector(selector, s->item));
	}
	keyboard_row(keyboard);
	keyboard_button(keyboard, "↻", true, "checkupdates%s%s", c->n ? " " : "", joined);
}

static void report(struct command *c, const struct look *l, const struct fg_items *items)
{
	static const char *const words[] = {FG_TEXT("with a newer one"), FG_TEXT("up to date"),
		FG_TEXT("unclear"), FG_TEXT("failed")};
	struct fg_str *html = reply_add(c->reply);
	size_t counts[OUTCOMES] = {0};
	char count[64];

	c->reply->data = cJSON_CreateArray();
	for (size_t i = 0; i < l->n; i++) {
		counts[outcome_of(&l->subjects[i])]++;
		cJSON_AddItemToArray(c->reply->data, subject_data(&l->subjects[i]));
	}
	if (l->n == 0)
		html_printf(html, "There are no containers here yet.");
	else
		html_printf(html, "🔎 <b>%s</b>",
			format_count(count, l->n, "%zu container", "%zu containers"));
	for (int i = 0; i < OUTCOMES; i++)
		if (counts[i])
			html_printf(html, " · %d %S", (int)counts[i], fg_tr(words[i]));
	fg_str_putc(html, '\n');
	for (int i = 0; i < OUTCOMES; i++)
		add_section(html, l, (enum outcome)i);
	add_age(html, l);
	target_silent(html, items);
	add_buttons(c, l);
}

/* Takes the word out of the words. */
static bool take_word(const char **words, size_t *n, const char *word)
{
	for (size_t i = 0; i < *n; i++) {
		if (strcmp(words[i], word) != 0)
			continue;
		memmove(&words[i], &words[i + 1], (*n - i) * sizeof(*words));
		(*n)--;
		return true;
	}
	return false;
}

static int checkupdates_run(struct command *c)
{
	cleanup_free const char **words = target_words(c);
	cleanup_items struct fg_items items = {0};
	cleanup_look struct look l = {.c = c, .begun_ms = fg_now_ms()};
	size_t n = c->n;

	l.keep_ms = take_word(words, &n, "fresh") ? 0 : KEEP_MS;
	if (command_pick(c, words, n, true, &items) < 0)
		return -1;
	if (perform(&l, &items) < 0)
		return -1;
	report(c, &l, &items);
	return 0;
}

const struct command_row command_checkupdates = {
	.name = "checkupdates",
	.group = GROUP_LOOK,
	.role = ROLE_OPERATOR,
	.max = -1,
	.usage = "[SEL] [fresh]",
	.help = "Whose image is newer in its registry",
	.more = "Nothing is pulled: digests are compared. Answers up to ten minutes old are used "
		"again; with the word fresh the registries are asked anew, except those that "
		"wanted fewer requests. 📌 is pinned: /update leaves it alone.\n"
		"\n"
		"/checkupdates\n"
		"/checkupdates label=tier:front fresh",
	.run = checkupdates_run,
};
