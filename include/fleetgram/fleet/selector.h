/*
 * Selectors: the one grammar for "which containers".
 *
 * Words of [!]PATTERN or [!]KEY=PATTERN; KEY is one of name host label state health image template
 * project id, PATTERN a glob; HOST/NAME is host=HOST name=NAME, bound together. Words with the same
 * key: any may match; different keys: all must; `!` excludes. Words without a key count as ones of
 * `name` and choose by name or by id: among all candidates (of their HOST) an exact name, or else
 * an id prefix of at least 4 hex digits that only one of them has, wins over a glob.
 *
 * A label's pattern is KEY, KEY:VALUE, or KEY=VALUE, both sides globs; a `\` before a `:` or `=`
 * takes it literally. An image's pattern without a `:` means every tag, and docker.io/library/,
 * docker.io/ and localhost/ may be left away. An id's pattern without * ? [ is a prefix.
 * health=none are those with no health: without a healthcheck, or not running. What a container
 * does not have (a template, a project) no pattern matches, so that `!project=*` picks those
 * outside any project.
 */
#ifndef FLEETGRAM_FLEET_SELECTOR_H
#define FLEETGRAM_FLEET_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>
#include "fleetgram/base/err.h"

struct fg_selector;

/* What a selector looks at. Strings may be "", not NULL; labels may be NULL. */
struct fg_subject {
	const char *name, *host, *state, *health, *image, *template, *project, *id;
	const cJSON *labels;
	const cJSON *hosts; /* an array: others that are its host as well as `host` is, any of which
			       a selector may pick it with when it is looked at alone; NULL: none */
};

#define FG_SELECTOR_WORDS 64 /* more is an error */

/* No words: everything. The error names the word that is wrong and, for a misspelt key, the nearest
 * one. */
struct fg_selector *fg_selector_parse(const char *const *words, size_t count, struct fg_err *err);
/* The same from one string, split at spaces (as configs have it). */
struct fg_selector *fg_selector_parse_string(const char *s, struct fg_err *err);
void fg_selector_destroy(struct fg_selector *sel); /* NULL is fine */

static inline void fg_selector_destroy_ptr(struct fg_selector **sel)
{
	fg_selector_destroy(*sel);
}
#define cleanup_selector __attribute__((cleanup(fg_selector_destroy_ptr)))

/* Whether sel picks each of the n subjects; "wins over a glob" is decided among these. NULL picks
 * all. */
void fg_selector_apply(
	const struct fg_selector *sel, const struct fg_subject *subjects, size_t n, bool *picked);
/* Whether it picks a single subject, looked at alone (scopes, notifications). A word without a key
 * is then a glob for names and nothing else: no id prefix. */
bool fg_selector_match(const struct fg_selector *sel, const struct fg_subject *subject);
/* Whether it could pick this one among others that are not known yet. False: whatever they are, it
 * does not. */
bool fg_selector_may_pick(const struct fg_selector *sel, const struct fg_subject *subject);
/* Whether it picks a host as such: only its host words are looked at (scopes in /hosts). */
bool fg_selector_match_host(const struct fg_selector *sel, const char *host);
/* The same for any of the subject's hosts. */
bool fg_selector_match_hosts(const struct fg_selector *sel, const struct fg_subject *subject);
/* Whether it has host words only, and so picks hosts with all that is on them. NULL does. */
bool fg_selector_only_hosts(const struct fg_selector *sel);
/* Whether it excludes by anything but name and host: then what is gone cannot be judged by it. */
bool fg_selector_excludes(const struct fg_selector *sel);
/* Whether it looks at labels other than those of the template and the Compose project. */
bool fg_selector_reads_labels(const struct fg_selector *sel);
bool fg_selector_is_empty(const struct fg_selector *sel); /* picks everything */
const char *fg_selector_text(
	const struct fg_selector *sel); /* its words as they were typed; "" for NULL */
/* The first plain word (no key, no `!`, no glob), without its HOST/, for near misses; NULL when
 * there is none. */
const char *fg_selector_plain(const struct fg_selector *sel);

#endif
