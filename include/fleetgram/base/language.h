/*
 * Languages: what a person reads, in the language of the task that writes it.
 *
 * The program speaks English. A language is a catalog that gives English texts their translations
 * (a .mo file of gettext's, little-endian); whoever links them in adds them once at the start. What
 * a task says is in the task's language, which the tasks it spawns inherit; a task without one, and
 * whatever is outside of tasks, speaks English. What a catalog does not have stays English too.
 *
 * Texts are looked up where they are formatted: fg_fail(), fg_wrap() and the bot's html_printf()
 * do it by themselves. Anything else that is shown goes through fg_tr() or fg_ntr().
 */
#ifndef FLEETGRAM_BASE_LANGUAGE_H
#define FLEETGRAM_BASE_LANGUAGE_H

#include <stddef.h>
#include "fleetgram/base/err.h"

struct fg_language; /* NULL: English */

#define FG_LANGUAGES 32 /* that can be added */

/*
 * Add the catalog of a language. code (ISO 639, "de") and the catalog have to last. -1: it is no
 * catalog, or damaged: then nothing is added.
 */
int fg_language_add(const char *code, const void *mo, size_t len, struct fg_err *err);

/* NULL for "en", and for what was not added. */
const struct fg_language *fg_language_find(const char *code);
const char *fg_language_code(const struct fg_language *language); /* NULL is "en" */
/* The i-th language's code, from 0, English being the first; NULL: there are no more. */
const char *fg_language_name(size_t i);

/* The current task's from now on (outside of tasks: until the next one runs). Returns the one
 * before, to restore. */
const struct fg_language *fg_language_set(const struct fg_language *language);
const struct fg_language *fg_language_now(void);

/* For a local that fg_language_set() gave: restored at the end of its block. */
static inline void fg_language_restore(const struct fg_language **before)
{
	fg_language_set(*before);
}
#define cleanup_language __attribute__((cleanup(fg_language_restore), unused))

/* The translation of an English text, which may be a format; the text itself when there is none. */
const char *fg_tr(const char *text) __attribute__((format_arg(1)));
/* The form for n things: "%d container" or "%d containers" in English. */
const char *fg_ntr(const char *one, const char *many, size_t n)
	__attribute__((format_arg(1), format_arg(2)));

/* The form for n things, formatted into buf. Both take the same arguments, which the compiler does
 * not check: they may come from a table. */
const char *fg_nprintf(
	char *buf, size_t size, size_t n, const char *one, const char *many, ...);

/* Mark a text of a table, which is translated where it is shown, and the two of fg_ntr(). */
#define FG_TEXT(text) text
#define FG_PLURAL(one, many) one, many

#endif
