/*
 * /mute /unmute: what is not told for a while.
 */
#include <string.h>
#include <time.h>
#include "commands/format.h"
#include "commands/mute.h"
#include "commands/target.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/language.h"
#include "notify/notify.h"

#define NAMED 5      /* on one line */
#define FITS_MS 3000 /* to see what a selector fits */
#define SELECTOR_BYTES 1024
#define EVERYTHING "everything"

static const char *called(const struct mute *mute)
{
	return *mute->selector ? mute->selector : fg_tr(EVERYTHING);
}

/* As somebody would type it. Caller frees. */
static char *typed(const char *selector)
{
	cleanup_free char *copy = fg_strdup(selector);
	const char *words[FG_SELECTOR_WORDS];
	size_t n = 0;

	for (char *p = copy, *end; *p && n < FG_SELECTOR_WORDS; p = end) {
		end = p + strcspn(p, " ");
		words[n++] = p;
		if (*end)
			*end++ = '\0';
	}
	return n ? words_join(words, n) : fg_strdup(EVERYTHING);
}

/* Showing */

struct showing {
	const struct fg_selector *scope;
	struct fg_str *html; /* a line each; NULL: all on one */
	struct fg_str *line;
	cJSON *data, *keyboard; /* NULL: none */
	size_t n;
};

static bool may_know(const struct showing *s, const struct mute *mute)
{
	return !s->scope || strcmp(mute->scope, fg_selector_text(s->scope)) == 0 ||
	       (!*mute->selector && !*mute->scope);
}

static void add_data(cJSON *data, const struct mute *mute)
{
	cJSON *one = cJSON_CreateObject();
	char at[FG_RFC3339];

	cJSON_AddStringToObject(one, "selector", mute->selector);
	cJSON_AddStringToObject(one, "scope", mute->scope);
	cJSON_AddStringToObject(one, "until", fg_rfc3339(at, mute->until_ms));
	cJSON_AddStringToObject(one, "by", mute->by);
	cJSON_AddItemToArray(data, one);
}

static void show(const struct mute *mute, void *arg)
{
	struct showing *s = arg;
	char at[32];

	if (!may_know(s, mute))
		return;
	s->n++;
	if (s->data)
		add_data(s->data, mute);
	if (s->html)
		html_printf(s->html, "\n<b>%s</b>%S%s until %s · %s", called(mute),
			*mute->scope && !s->scope ? " in " : "", s->scope ? "" : mute->scope,
			format_until(at, mute->until_ms), mute->by);
	if (s->line && s->n <= NAMED)
		html_printf(s->line, s->n > 1 ? ", <b>%s</b> until %s" : "<b>%s</b> until %s",
			called(mute), format_until(at, mute->until_ms));
	if (s->keyboard && s->n <= NAMED && (s->scope || !*mute->scope)) {
		cleanup_free char *name = format_cut(called(mute), 24);
		cleanup_free char *label = fg_printf("🔔 %s", name);
		cleanup_free char *selector = typed(mute->selector);

		keyboard_row(s->keyboard);
		keyboard_button(s->keyboard, label, false, "unmute %s", selector);
	}
}

size_t mute_line(struct fg_str *html, struct fg_store *store, const struct fg_selector *scope)
{
	cleanup_str struct fg_str line = {0};
	struct showing s = {.scope = scope, .line = &line};

	fg_str_init(&line, 2 * HTML_MESSAGE);
	mutes_each(store, fg_wall_ms(), show, &s);
	if (s.n == 0)
		return 0;
	html_printf(html, "🔕 Muted: %S", line.s);
	if (s.n > NAMED)
		html_printf(html, " and %d more", (int)s.n - NAMED);
	fg_str_putc(html, '\n');
	return s.n;
}

cJSON *mute_data(struct fg_store *store, const struct fg_selector *scope)
{
	struct showing s = {.scope = scope, .data = cJSON_CreateArray()};

	mutes_each(store, fg_wall_ms(), show, &s);
	return s.data;
}

static int list(struct command *c)
{
	cleanup_str struct fg_str lines = {0};
	struct showing s = {.scope = c->person.scope, .html = &lines};
	struct fg_str *html = reply_add(c->reply);

	fg_str_init(&lines, 4 * HTML_MESSAGE);
	s.data = c->reply->data = cJSON_CreateArray();
	s.keyboard = target_may(c, "unmute") ? reply_keyboard(c->reply) : NULL;
	mutes_each(c->app->store, fg_wall_ms(), show, &s);
	if (s.n)
		html_printf(html, fg_ntr("🔕 <b>%d mute</b>%S", "🔕 <b>%d mutes</b>%S", s.n),
			(int)s.n, lines.s);
	else
		html_printf(html, "🔔 Nothing is muted. To mute something:\n"
				  "<code>/mute web* 2h</code>");
	return 0;
}

/* Muting */

/* A selector's words as one text. Spaces within a word are any character: the text is split at
 * them. Caller frees; NULL: it is no selector. */
static char *selector_text(struct command *c, size_t n)
{
	static const char *const fleeting[] = {"state=", "health="};
	cleanup_str struct fg_str text = {0};
	cleanup_selector struct fg_selector *sel = NULL;

	if (n == 1 && strcmp(c->words[0], EVERYTHING) == 0)
		n = 0;
	fg_str_init(&text, SELECTOR_BYTES);
	fg_str_puts(&text, "");
	for (size_t i = 0; i < n; i++) {
		const char *word = c->words[i] + (*c->words[i] == '!');

		for (size_t k = 0; k < FG_ARRAY_LEN(fleeting); k++)
			if (strncmp(word, fleeting[k], strlen(fleeting[k])) == 0) {
				fg_fail(&c->err, FG_EINVAL,
					"what is muted has to last: not by state or health");
				return NULL;
			}
		if (i)
			fg_str_putc(&text, ' ');
		for (const char *p = c->words[i]; *p; p++)
			fg_str_putc(&text, strchr(" \t\n\v\f\r", *p) ? '?' : *p);
	}
	if (text.full) {
		fg_fail(&c->err, FG_ETOOBIG, "that selector is too long");
		return NULL;
	}
	sel = fg_selector_parse_string(text.s, &c->err);
	return sel ? fg_str_take(&text) : NULL;
}

/* How many containers it fits now; -1: that is not known. */
static int64_t fits(struct command *c, const char *selector)
{
	cleanup_items struct fg_items items = {0};
	struct fg_err err;
	cleanup_selector struct fg_selector *sel = fg_selector_parse_string(selector, &err);
	int64_t before = fg_task_deadline(fg_now_ms() + FITS_MS), n = 0;
	int rc = fg_fleet_list(c->setup->fleet, c->person.scope, NULL, &items, &err);

	fg_task_deadline(before);
	if (rc < 0 || items.silent_n)
		return -1;
	/* One at a time, as incidents are looked at. */
	for (size_t i = 0; i < items.n; i++) {
		struct fg_subject subject = fg_item_subject(&items.v[i]);

		n += fg_selector_match(sel, &subject);
	}
	return n;
}

static int tell_muted(struct command *c, const struct mute *mute)
{
	cleanup_free char *selector = typed(mute->selector);
	struct fg_str *html = reply_add(c->reply);
	char at[32], age[FG_HUMAN];
	int64_t n;

	html_printf(html, "🔕 <b>%s</b> is muted until %s, for %s.", called(mute),
		format_until(at, mute->until_ms),
		fg_duration_human(age, mute->until_ms - fg_wall_ms() + 500));
	n = *mute->selector ? fits(c, mute->selector) : -1;
	if (n == 0)
		fg_str_puts(html, fg_tr("\n⚠️ No container fits that now."));
	else if (n > 0)
		html_printf(html,
			fg_ntr("\nThat is %d container now.", "\nThat is %d containers now.",
				(size_t)n),
			(int)n);
	c->reply->data = cJSON_CreateArray();
	add_data(c->reply->data, mute);
	if (target_may(c, "unmute"))
		keyboard_button(
			reply_keyboard(c->reply), fg_tr("🔔 Unmute"), false, "unmute %s", selector);
	return 0;
}

static int parse_length(struct command *c, int64_t *ms)
{
	struct fg_err err;

	if (fg_duration_parse(c->words[c->n - 1], ms, &err) < 0 || *ms == 0)
		return command_usage(c, "the last word is for how long, as 30m, 2h or 7d");
	if (*ms > MUTE_MOST_MS)
		return command_usage(c, "a mute ends within 30d");
	return 0;
}

static int mute_run(struct command *c)
{
	cleanup_free char *selector = NULL;
	cleanup_str struct fg_str preview = {0};
	cleanup_tx struct fg_tx tx = {0};
	struct mute mute = {.scope = fg_selector_text(c->person.scope)};
	char author[96];
	int64_t ms;
	int rc;

	if (c->n == 0)
		return list(c);
	if (parse_length(c, &ms) < 0)
		return -1;
	selector = selector_text(c, c->n - 1);
	if (!selector)
		return -1;
	mute.selector = selector;
	fg_str_init(&preview, 2 * HTML_MESSAGE);
	html_printf(&preview, "🔕 <b>Mute %s for %s?</b>", called(&mute), c->words[c->n - 1]);
	rc = command_confirm(c, NULL, preview.s);
	if (rc <= 0)
		return rc;
	mute.until_ms = fg_wall_ms() + ms;
	mute.by = command_author(c, author);
	if (command_begin(c, NULL, NULL) < 0 || fg_tx_begin(c->app->store, &tx, &c->err) < 0 ||
		mutes_add(&tx, &mute, &c->err) < 0 || fg_tx_commit(&tx, &c->err) < 0)
		return -1;
	if (c->app->notify)
		notify_kick(c->app->notify);
	return tell_muted(c, &mute);
}

static int unmute_run(struct command *c)
{
	cleanup_free char *selector = NULL;
	cleanup_tx struct fg_tx tx = {0};
	const char *scope = c->person.scope ? fg_selector_text(c->person.scope) : NULL;
	int n;

	if (c->n) {
		selector = selector_text(c, c->n);
		if (!selector)
			return -1;
	}
	if (command_begin(c, NULL, NULL) < 0 || fg_tx_begin(c->app->store, &tx, &c->err) < 0)
		return -1;
	n = mutes_end(&tx, selector, scope, &c->err);
	if (n < 0 || fg_tx_commit(&tx, &c->err) < 0)
		return -1;
	if (c->app->notify)
		notify_kick(c->app->notify);
	if (n == 0 && selector)
		return fg_fail(&c->err, FG_ENOTFOUND,
			"there is no mute of %s; /mute lists those that there are",
			*selector ? selector : EVERYTHING);
	if (n == 0)
		return reply_html(c->reply, "🔔 Nothing is muted.");
	if (selector)
		return reply_html(c->reply, "🔔 <b>%s</b> is not muted any more.",
			*selector ? selector : fg_tr(EVERYTHING));
	return reply_html(
		c->reply, fg_ntr("🔔 %d mute is over.", "🔔 %d mutes are over.", (size_t)n), n);
}

const struct command_row command_mute = {
	.name = "mute",
	.group = GROUP_ACT,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.max = -1,
	.usage = "[SEL] 2h",
	.help = "Tell nothing of some containers for a while",
	.more = "Incidents of what is muted are kept, and /incidents shows them, but chats are not "
		"told; those that are still open when the mute ends are told then. Without a SEL "
		"everything is muted. A SEL of host= alone mutes the hosts, too. At most 30d; the same "
		"SEL again changes how long. Without any word: what is muted.\n"
		"\n"
		"/mute web* 2h\n"
		"/mute host=prod1 30m\n"
		"/mute 15m",
	.run = mute_run,
};

const struct command_row command_unmute = {
	.name = "unmute",
	.group = GROUP_ACT,
	.role = ROLE_OPERATOR,
	.mutates = true,
	.max = -1,
	.usage = "[SEL]",
	.help = "Tell of muted containers again",
	.more = "SEL as it was muted; without one all mutes end. What was muted and is still open is "
		"told then.\n"
		"\n"
		"/unmute web*\n"
		"/unmute",
	.run = unmute_run,
};
