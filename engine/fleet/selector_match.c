/*
 * Applying selectors: which of the candidates each word means, and which of them all words leave.
 */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "selector.h"

#define ID_PREFIX_MIN 4

/* What a bare word turned out to be, once all candidates were looked at. */
enum meaning { MEANS_GLOB, MEANS_NAME, MEANS_ID };

static bool is_id_prefix(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return n >= ID_PREFIX_MIN && n <= 64 && !s[n];
}

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool on_host(const struct selector_word *w, const struct fg_subject *s)
{
	return !w->host || fg_glob_match(w->host, s->host);
}

static enum meaning bare_meaning(
	const struct selector_word *w, const struct fg_subject *s, size_t n)
{
	bool hex = is_id_prefix(w->pattern), ambiguous = false;
	const char *id = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!on_host(w, &s[i]))
			continue;
		if (strcmp(s[i].name, w->pattern) == 0)
			return MEANS_NAME;
		if (!hex || !has_prefix(s[i].id, w->pattern))
			continue;
		/* The same engine under two names shows the same id twice; that is still one
		 * container. */
		if (id && strcmp(id, s[i].id) != 0)
			ambiguous = true;
		id = s[i].id;
	}
	return id && !ambiguous ? MEANS_ID : MEANS_GLOB;
}

static bool bare_matches(
	const struct selector_word *w, enum meaning meaning, const struct fg_subject *s)
{
	if (!on_host(w, s))
		return false;
	switch (meaning) {
	case MEANS_NAME:
		return strcmp(s->name, w->pattern) == 0;
	case MEANS_ID:
		return has_prefix(s->id, w->pattern);
	case MEANS_GLOB:
		break;
	}
	return fg_glob_match(w->pattern, s->name);
}

/* Whatever it turns out to be. */
static bool bare_may_match(const struct selector_word *w, const struct fg_subject *s)
{
	return bare_matches(w, MEANS_NAME, s) || bare_matches(w, MEANS_GLOB, s) ||
	       (is_id_prefix(w->pattern) && bare_matches(w, MEANS_ID, s));
}

/* An engine keeps the last health of a stopped container, so the state comes first. */
static bool health_matches(const char *pattern, const struct fg_subject *s)
{
	bool alive =
		!*s->state || strcmp(s->state, "running") == 0 || strcmp(s->state, "paused") == 0;

	if (!alive || !*s->health)
		return strcmp(pattern, "none") == 0;
	return fg_glob_match(pattern, s->health);
}

static bool id_matches(const char *pattern, const char *id)
{
	if (fg_glob_is_pattern(pattern))
		return fg_glob_match(pattern, id);
	return has_prefix(id, pattern);
}

static bool untagged_matches(const char *pattern, const char *image)
{
	cleanup_free char *name = fg_strndup(image, strcspn(image, "@"));
	char *slash = strrchr(name, '/');
	char *tag = strchr(slash ? slash : name, ':');

	if (tag)
		*tag = '\0';
	return fg_glob_match(pattern, name);
}

/*
 * What a pattern does not mention is not compared: without a `:` it means every tag. Podman spells
 * out the registry that Docker leaves away, so those default ones may be left away too; any other
 * registry is part of the name.
 */
static bool image_matches(const char *pattern, const char *image)
{
	static const char *const implied[] = {"docker.io/library/", "docker.io/", "localhost/"};
	const char *slash = strrchr(pattern, '/'); /* before it a colon is a port's */
	bool tagged = strchr(slash ? slash : pattern, ':') != NULL;

	if (fg_glob_match(pattern, image) || (!tagged && untagged_matches(pattern, image)))
		return true;
	for (size_t i = 0; i < FG_ARRAY_LEN(implied); i++) {
		if (!has_prefix(image, implied[i]))
			continue;
		image += strlen(implied[i]);
		return fg_glob_match(pattern, image) ||
		       (!tagged && untagged_matches(pattern, image));
	}
	return false;
}

static bool label_matches(const struct selector_word *w, const cJSON *labels)
{
	const cJSON *label;

	cJSON_ArrayForEach (label, labels) {
		const char *value = cJSON_GetStringValue(label);

		if (!label->string || !fg_glob_match(w->pattern, label->string))
			continue;
		if (!w->value || fg_glob_match(w->value, value ? value : ""))
			return true;
	}
	return false;
}

/* What a container does not have no pattern matches: `!project=*` are those outside any project. */
static bool present_matches(const char *pattern, const char *value)
{
	return *value && fg_glob_match(pattern, value);
}

static bool word_matches(
	const struct selector_word *w, enum meaning meaning, const struct fg_subject *s)
{
	switch (w->key) {
	case KEY_HEALTH:
		return health_matches(w->pattern, s);
	case KEY_HOST:
		return fg_glob_match(w->pattern, s->host);
	case KEY_ID:
		return id_matches(w->pattern, s->id);
	case KEY_IMAGE:
		return image_matches(w->pattern, s->image);
	case KEY_LABEL:
		return label_matches(w, s->labels);
	case KEY_NAME:
		return w->bare ? bare_matches(w, meaning, s) : fg_glob_match(w->pattern, s->name);
	case KEY_PROJECT:
		return present_matches(w->pattern, s->project);
	case KEY_STATE:
		return present_matches(w->pattern, s->state);
	case KEY_TEMPLATE:
		return present_matches(w->pattern, s->template);
	case KEY_COUNT:
		break;
	}
	return false;
}

/* Whether all words together leave it, each with its meaning. */
static bool picks(const struct fg_selector *sel, const enum meaning meaning[FG_SELECTOR_WORDS],
	const struct fg_subject *subject)
{
	unsigned int hit = 0;

	for (size_t k = 0; k < sel->count; k++) {
		const struct selector_word *w = &sel->words[k];

		if (!word_matches(w, meaning[k], subject))
			continue;
		if (w->negated)
			return false;
		hit |= 1u << w->key;
	}
	return hit == sel->wanted;
}

void fg_selector_apply(
	const struct fg_selector *sel, const struct fg_subject *subjects, size_t n, bool *picked)
{
	enum meaning meaning[FG_SELECTOR_WORDS] = {MEANS_GLOB};

	for (size_t k = 0; sel && k < sel->count; k++)
		if (sel->words[k].bare)
			meaning[k] = bare_meaning(&sel->words[k], subjects, n);
	for (size_t i = 0; i < n; i++)
		picked[i] = !sel || picks(sel, meaning, &subjects[i]);
}

/* Looked at alone, any id would have a prefix that only it has: what a name happens to begin with
 * must not let somebody see a container. */
bool fg_selector_match(const struct fg_selector *sel, const struct fg_subject *subject)
{
	static const enum meaning names[FG_SELECTOR_WORDS] = {MEANS_GLOB};
	struct fg_subject there = *subject;
	const cJSON *host;

	if (!sel || picks(sel, names, subject))
		return true;
	cJSON_ArrayForEach (host, subject->hosts) {
		there.host = cJSON_GetStringValue(host);
		if (there.host && picks(sel, names, &there))
			return true;
	}
	return false;
}

bool fg_selector_may_pick(const struct fg_selector *sel, const struct fg_subject *subject)
{
	unsigned int hit = 0;

	for (size_t k = 0; sel && k < sel->count; k++) {
		const struct selector_word *w = &sel->words[k];

		if (w->bare) {
			if (!w->negated && bare_may_match(w, subject))
				hit |= 1u << w->key;
			continue;
		}
		if (!word_matches(w, MEANS_GLOB, subject))
			continue;
		if (w->negated)
			return false;
		hit |= 1u << w->key;
	}
	return !sel || hit == sel->wanted;
}

bool fg_selector_match_hosts(const struct fg_selector *sel, const struct fg_subject *subject)
{
	const cJSON *host;

	if (fg_selector_match_host(sel, subject->host))
		return true;
	cJSON_ArrayForEach (host, subject->hosts)
		if (cJSON_IsString(host) && fg_selector_match_host(sel, host->valuestring))
			return true;
	return false;
}

bool fg_selector_match_host(const struct fg_selector *sel, const char *host)
{
	bool asked = false, hit = false; /* host=… */
	bool bound = false,
	     reach = false; /* name words: all of them HOST/NAME, and one that fits */
	bool anywhere = false;

	for (size_t i = 0; sel && i < sel->count; i++) {
		const struct selector_word *w = &sel->words[i];

		if (w->key == KEY_HOST) {
			bool matches = fg_glob_match(w->pattern, host);

			if (w->negated && matches)
				return false;
			asked |= !w->negated;
			hit |= !w->negated && matches;
		} else if (w->key == KEY_NAME && !w->negated) {
			bound |= w->host != NULL;
			anywhere |= w->host == NULL;
			reach |= w->host && fg_glob_match(w->host, host);
		}
	}
	return (!asked || hit) && (!bound || anywhere || reach);
}
