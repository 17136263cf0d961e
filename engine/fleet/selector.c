/*
 * Reading selectors: words become patterns with keys, or an error that names the word.
 */
#include <string.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"
#include "selector.h"

#define WORD_MAX 512

static const char *const keys[KEY_COUNT] = {
	[KEY_HEALTH] = "health",
	[KEY_HOST] = "host",
	[KEY_ID] = "id",
	[KEY_IMAGE] = "image",
	[KEY_LABEL] = "label",
	[KEY_NAME] = "name",
	[KEY_PROJECT] = "project",
	[KEY_STATE] = "state",
	[KEY_TEMPLATE] = "template",
};

/* An error about a word somebody typed: the word is made readable and put in front. */
static int word_fail(struct fg_err *err, const char *word, const char *why)
{
	cleanup_str struct fg_str shown;

	fg_str_init(&shown, 120);
	fg_text_clean_line(&shown, word, strlen(word));
	return fg_fail(err, FG_EINVAL, "selector \"%s\": %s", shown.s, fg_tr(why));
}

static int key_unknown(const char *word, const char *key, struct fg_err *err)
{
	size_t best = 3, i;
	int found = -1;
	cleanup_str struct fg_str why;

	for (i = 0; i < KEY_COUNT; i++) {
		size_t d = fg_text_distance(key, keys[i]);

		if (d < best) {
			best = d;
			found = (int)i;
		}
	}
	fg_str_init(&why, 256);
	fg_str_puts(&why, fg_tr("there is no such key"));
	if (found >= 0)
		fg_str_printf(&why, fg_tr("; did you mean %s=?"), keys[found]);
	else
		for (i = 0; i < KEY_COUNT; i++)
			fg_str_printf(&why, "%s%s", i ? " " : fg_tr("; the keys are "), keys[i]);
	return word_fail(err, word, why.s);
}

static int key_find(const char *key)
{
	for (int i = 0; i < KEY_COUNT; i++)
		if (strcmp(key, keys[i]) == 0)
			return i;
	return -1;
}

/* KEY, KEY:VALUE or KEY=VALUE, divided at the first sign that has no backslash before it. */
static int label_parse(
	struct selector_word *w, const char *pattern, const char *word, struct fg_err *err)
{
	const char *p;

	for (p = pattern; *p && *p != ':' && *p != '='; p++)
		if (*p == '\\' && p[1])
			p++;
	if (p == pattern)
		return word_fail(err, word, "a label needs a key: label=KEY or label=KEY:VALUE");
	w->pattern = fg_strndup(pattern, (size_t)(p - pattern));
	if (*p)
		w->value = fg_strdup(p + 1);
	return 0;
}

/* NAME or HOST/NAME. */
static int bare_parse(
	struct selector_word *w, const char *pattern, const char *word, struct fg_err *err)
{
	const char *slash = strchr(pattern, '/');

	w->key = KEY_NAME;
	w->bare = true;
	if (!slash) {
		w->pattern = fg_strdup(pattern);
		return 0;
	}
	if (slash == pattern || strchr(slash + 1, '/'))
		return word_fail(err, word, "it is not of the form HOST/NAME");
	if (!slash[1])
		return word_fail(err, word, "no name after the slash; a whole host is host=NAME");
	w->host = fg_strndup(pattern, (size_t)(slash - pattern));
	w->pattern = fg_strdup(slash + 1);
	return 0;
}

static int word_parse(struct selector_word *w, const char *word, struct fg_err *err)
{
	const char *p = word, *equals;
	cleanup_free char *key = NULL;
	int found;

	if (strlen(word) > WORD_MAX)
		return word_fail(err, word, "it is too long");
	if (*p == '!') {
		w->negated = true;
		p++;
	}
	if (!*p || *p == '!')
		return word_fail(err, word, "there is no pattern in it");
	equals = strchr(p, '=');
	if (!equals)
		return bare_parse(w, p, word, err);
	key = fg_strndup(p, (size_t)(equals - p));
	found = key_find(key);
	if (found < 0)
		return key_unknown(word, key, err);
	w->key = (enum selector_key)found;
	if (!equals[1])
		return word_fail(err, word, "there is no pattern after the =");
	if (w->key == KEY_LABEL)
		return label_parse(w, equals + 1, word, err);
	w->pattern = fg_strdup(equals + 1);
	return 0;
}

struct fg_selector *fg_selector_parse(const char *const *words, size_t count, struct fg_err *err)
{
	struct fg_selector *sel = fg_alloc(sizeof(*sel));
	cleanup_str struct fg_str text;

	fg_str_init(&text, FG_SELECTOR_WORDS * (WORD_MAX + 1));
	if (count > FG_SELECTOR_WORDS) {
		fg_fail(err, FG_EINVAL, "a selector has at most %d words", FG_SELECTOR_WORDS);
		goto failed;
	}
	sel->words = fg_alloc((count + 1) * sizeof(*sel->words));
	for (size_t i = 0; i < count; i++) {
		struct selector_word *w = &sel->words[sel->count++];

		if (word_parse(w, words[i], err) < 0)
			goto failed;
		if (!w->negated)
			sel->wanted |= 1u << w->key;
		fg_str_printf(&text, "%s%s", i ? " " : "", words[i]);
	}
	sel->text = fg_str_take(&text);
	return sel;

failed:
	fg_selector_destroy(sel);
	return NULL;
}

struct fg_selector *fg_selector_parse_string(const char *s, struct fg_err *err)
{
	/* One more than is allowed, so that too many are told as such. */
	char *words[FG_SELECTOR_WORDS + 1];
	cleanup_free char *copy = fg_strdup(s);
	size_t count = 0;
	char *p = copy;

	while (count <= FG_SELECTOR_WORDS) {
		p += strspn(p, " \t\r\n");
		if (!*p)
			break;
		words[count++] = p;
		p += strcspn(p, " \t\r\n");
		if (*p)
			*p++ = '\0';
	}
	return fg_selector_parse((const char *const *)words, count, err);
}

void fg_selector_destroy(struct fg_selector *sel)
{
	if (!sel)
		return;
	for (size_t i = 0; i < sel->count; i++) {
		free(sel->words[i].host);
		free(sel->words[i].pattern);
		free(sel->words[i].value);
	}
	free(sel->words);
	free(sel->text);
	free(sel);
}

bool fg_selector_is_empty(const struct fg_selector *sel)
{
	return !sel || sel->count == 0;
}

bool fg_selector_only_hosts(const struct fg_selector *sel)
{
	for (size_t i = 0; sel && i < sel->count; i++)
		if (sel->words[i].key != KEY_HOST)
			return false;
	return true;
}

bool fg_selector_excludes(const struct fg_selector *sel)
{
	for (size_t i = 0; sel && i < sel->count; i++) {
		const struct selector_word *w = &sel->words[i];

		if (w->negated && w->key != KEY_HOST && w->key != KEY_NAME)
			return true;
	}
	return false;
}

bool fg_selector_reads_labels(const struct fg_selector *sel)
{
	for (size_t i = 0; sel && i < sel->count; i++)
		if (sel->words[i].key == KEY_LABEL)
			return true;
	return false;
}

const char *fg_selector_text(const struct fg_selector *sel)
{
	return sel ? sel->text : "";
}

const char *fg_selector_plain(const struct fg_selector *sel)
{
	for (size_t i = 0; sel && i < sel->count; i++) {
		const struct selector_word *w = &sel->words[i];

		if (w->bare && !w->negated && !fg_glob_is_pattern(w->pattern))
			return w->pattern;
	}
	return NULL;
}
