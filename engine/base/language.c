/* Languages: gettext's catalogs, read in place, and the one that the current task speaks. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"

#define MAGIC 0x950412deu
#define HEADER 28u /* bytes: magic, revision, count, where the originals and the translations are, … */
#define ENTRY 8u   /* bytes: the length of a text and where it is */

struct plural {
	const char *code;
	size_t forms;
	size_t (*form)(size_t n);
};

struct fg_language {
	const char *code;
	const unsigned char *mo;
	size_t len;
	uint32_t count, originals, translations;
	const struct plural *plural;
};

static struct fg_language languages[FG_LANGUAGES];
static size_t language_count;

/* Tasks share the loop's thread, and each has its own put here while it runs. */
static _Thread_local const struct fg_language *now;

static size_t one_or_many(size_t n)
{
	return n != 1;
}

/* "1 контейнер", "2 контейнера", "5 контейнеров", and 21 is like 1. */
static size_t slavic(size_t n)
{
	if (n % 10 == 1 && n % 100 != 11)
		return 0;
	return n % 10 >= 2 && n % 10 <= 4 && (n % 100 < 12 || n % 100 > 14) ? 1 : 2;
}

/* Languages that do not count as English does. */
static const struct plural plurals[] = {
	{"be", 3, slavic},
	{"ru", 3, slavic},
	{"uk", 3, slavic},
};
static const struct plural like_english = {"", 2, one_or_many};

static const struct plural *plural_of(const char *code)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(plurals); i++)
		if (strcmp(plurals[i].code, code) == 0)
			return &plurals[i];
	return &like_english;
}

static uint32_t word_at(const unsigned char *mo, size_t at)
{
	const unsigned char *p = mo + at;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The i-th text of the table at `table`, which fg_language_add() has found sound. */
static const char *text_at(const struct fg_language *l, uint32_t table, uint32_t i, size_t *len)
{
	size_t at = table + (size_t)i * ENTRY;

	*len = word_at(l->mo, at);
	return (const char *)l->mo + word_at(l->mo, at + 4);
}

/* Whether each text of a table is inside the catalog and ends there. */
static bool is_sound(const struct fg_language *l, uint32_t table)
{
	if (table > l->len || l->count > (l->len - table) / ENTRY)
		return false;
	for (uint32_t i = 0; i < l->count; i++) {
		size_t at = table + (size_t)i * ENTRY;
		size_t len = word_at(l->mo, at), text = word_at(l->mo, at + 4);

		if (text >= l->len || len >= l->len - text || l->mo[text + len] != '\0')
			return false;
	}
	return true;
}

/* A search by halves needs the originals in order. */
static bool is_sorted(const struct fg_language *l)
{
	size_t len;

	for (uint32_t i = 1; i < l->count; i++)
		if (strcmp(text_at(l, l->originals, i - 1, &len),
			    text_at(l, l->originals, i, &len)) >= 0)
			return false;
	return true;
}

int fg_language_add(const char *code, const void *mo, size_t len, struct fg_err *err)
{
	struct fg_language l = {.code = code, .mo = mo, .len = len, .plural = plural_of(code)};

	if (len < HEADER || word_at(mo, 0) != MAGIC || word_at(mo, 4) >> 16 != 0)
		return fg_fail(err, FG_EPROTO, "the texts of %s are no catalog", code);
	l.count = word_at(mo, 8);
	l.originals = word_at(mo, 12);
	l.translations = word_at(mo, 16);
	if (!is_sound(&l, l.originals) || !is_sound(&l, l.translations) || !is_sorted(&l))
		return fg_fail(err, FG_EPROTO, "the texts of %s are damaged", code);
	if (fg_language_find(code) || language_count == FG_LANGUAGES)
		return fg_fail(err, FG_ECONFLICT, "the texts of %s are one language too many", code);
	languages[language_count++] = l;
	return 0;
}

const struct fg_language *fg_language_find(const char *code)
{
	for (size_t i = 0; code && i < language_count; i++)
		if (strcmp(languages[i].code, code) == 0)
			return &languages[i];
	return NULL;
}

const char *fg_language_code(const struct fg_language *language)
{
	return language ? language->code : "en";
}

const char *fg_language_name(size_t i)
{
	if (i == 0)
		return "en";
	return i <= language_count ? languages[i - 1].code : NULL;
}

const struct fg_language *fg_language_set(const struct fg_language *language)
{
	const struct fg_language *before = now;

	now = language;
	return before;
}

const struct fg_language *fg_language_now(void)
{
	return now;
}

/* Its translation and how many bytes that has; NULL: there is none. Of an entry with plural forms
 * the original is the first of them. */
static const char *find(const struct fg_language *l, const char *text, size_t *len)
{
	uint32_t low = 0, high = l->count;

	if (!*text) /* the catalog's own header */
		return NULL;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(text, text_at(l, l->originals, middle, len));

		if (order == 0)
			return text_at(l, l->translations, middle, len);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const char *fg_tr(const char *text)
{
	size_t len;
	const char *found = now ? find(now, text, &len) : NULL;

	return found ? found : text;
}

const char *fg_ntr(const char *one, const char *many, size_t n)
{
	size_t len = 0;
	const char *found = now ? find(now, one, &len) : NULL, *form = found;

	if (!found)
		return n == 1 ? one : many;
	/* The forms stand one behind the other; of an entry that lacks some the last is taken. */
	for (size_t i = now->plural->form(n); i > 0 && form + strlen(form) < found + len; i--)
		form += strlen(form) + 1;
	return form;
}

/* Its formats may come from a table, which clang minds. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
const char *fg_nprintf(char *buf, size_t size, size_t n, const char *one, const char *many, ...)
{
	va_list ap;

	va_start(ap, many);
	vsnprintf(buf, size, fg_ntr(one, many, n), ap);
	va_end(ap);
	return buf;
}
#pragma GCC diagnostic pop
