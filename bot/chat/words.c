/* A message's words. */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "chat/words.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"

/* Phones turn " and ' into these as one types. */
static const struct quote {
	uint32_t cp;
	char plain;
} quotes[] = {
	{'"', '"'},
	{'\'', '\''},
	{0x2018, '\''},
	{0x2019, '\''},
	{0x201a, '\''},
	{0x201c, '"'},
	{0x201d, '"'},
	{0x201e, '"'},
};

static char quote_of(uint32_t cp)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(quotes); i++)
		if (quotes[i].cp == cp)
			return quotes[i].plain;
	return 0;
}

static bool is_space(uint32_t cp)
{
	return cp == ' ' || (cp >= '\t' && cp <= '\r') || cp == 0xa0 || cp == 0x3000 ||
	       (cp >= 0x2000 && cp <= 0x200b);
}

struct parser {
	struct words *words;
	struct fg_str word;
	bool open;  /* a word has begun, though it may be empty ("") */
	char quote; /* inside of which kind of quote; 0: none */
};

static int end_word(struct parser *p, struct fg_err *err)
{
	if (!p->open)
		return 0;
	if (p->words->n == WORDS_MOST)
		return fg_fail(err, FG_EUSAGE, "more than %d words", WORDS_MOST);
	p->words->v[p->words->n++] = fg_strdup(p->word.s);
	fg_str_reset(&p->word);
	p->open = false;
	return 0;
}

/* One character, or one with its backslash: how many bytes were taken; -1. */
static int take(struct parser *p, const char *s, size_t len, struct fg_err *err)
{
	uint32_t cp = (unsigned char)*s;
	size_t n = fg_utf8_next(s, len, &cp);
	char quote = quote_of(cp);

	if (n == 0)
		n = 1;
	if (cp == '\\' && p->quote != '\'' && len > 1) {
		size_t more = fg_utf8_next(s + 1, len - 1, NULL);

		p->open = true;
		fg_str_add(&p->word, s + 1, more ? more : 1);
		return 1 + (int)(more ? more : 1);
	}
	if (quote && (p->quote == quote || (!p->quote && !(quote == '\'' && p->open)))) {
		p->quote = p->quote ? 0 : quote;
		p->open = true;
	} else if (!p->quote && is_space(cp)) {
		if (end_word(p, err) < 0)
			return -1;
	} else {
		p->open = true;
		fg_str_add(&p->word, s, n);
	}
	return (int)n;
}

int words_parse(struct words *w, const char *text, struct fg_err *err)
{
	struct parser p = {.words = w};
	size_t len = strlen(text), at = 0;
	int rc = 0;

	w->v = fg_alloc((WORDS_MOST + 1) * sizeof(*w->v));
	w->n = 0;
	fg_str_init(&p.word, WORDS_BYTES);
	if (len > WORDS_BYTES)
		rc = fg_fail(err, FG_EUSAGE, "a command of more than %d bytes", WORDS_BYTES);
	while (rc == 0 && at < len) {
		int n = take(&p, text + at, len - at, err);

		if (n < 0)
			rc = -1;
		else
			at += (size_t)n;
	}
	if (rc == 0 && p.quote)
		rc = fg_fail(err, FG_EUSAGE, "a quote (%c) is not closed", p.quote);
	if (rc == 0)
		rc = end_word(&p, err);
	fg_str_finish(&p.word);
	if (rc < 0)
		words_finish(w);
	return rc;
}

char *words_first(const char *text)
{
	const char *begin = NULL, *s = text;

	while (*s) {
		uint32_t cp = (unsigned char)*s;
		size_t n = fg_utf8_next(s, strlen(s), &cp);

		if (!is_space(cp) && !begin)
			begin = s;
		else if (is_space(cp) && begin)
			break;
		s += n ? n : 1;
	}
	return begin ? fg_strndup(begin, (size_t)(s - begin)) : fg_strdup("");
}

void words_finish(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
	free(w->v);
	w->v = NULL;
	w->n = 0;
}

char *words_join(const char *const *v, size_t n)
{
	struct fg_str out;

	fg_str_init(&out, (size_t)WORDS_BYTES * 4);
	for (size_t i = 0; i < n; i++) {
		if (i)
			fg_str_putc(&out, ' ');
		/* Everything that the parser treats specially, other spaces and quotes too, is safe
		 * inside "…". */
		if (*v[i] &&
			strspn(v[i],
				"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				"._:/@=*?!,+%#[]{}()<>|&;~^$-") == strlen(v[i])) {
			fg_str_puts(&out, v[i]);
			continue;
		}
		fg_str_putc(&out, '"');
		for (const char *s = v[i]; *s;) {
			uint32_t cp = (unsigned char)*s;
			size_t len = fg_utf8_next(s, strlen(s), &cp);

			if (quote_of(cp) == '"' || cp == '\\')
				fg_str_putc(&out, '\\');
			fg_str_add(&out, s, len ? len : 1);
			s += len ? len : 1;
		}
		fg_str_putc(&out, '"');
	}
	return fg_str_take(&out);
}

bool words_command(const char *word, const char *username, char name[COMMAND_NAME])
{
	const char *at = strchr(word, '@');
	size_t len = at ? (size_t)(at - word) : strlen(word);

	if (*word != '/' || len < 2 || len > COMMAND_NAME)
		return false;
	if (at && (!username || !*username || strcasecmp(at + 1, username) != 0))
		return false;
	for (size_t i = 1; i < len; i++) {
		unsigned char c = (unsigned char)word[i];

		if (!isascii(c) || (!isalnum(c) && c != '_'))
			return false;
		name[i - 1] = (char)tolower(c);
	}
	name[len - 1] = '\0';
	return true;
}
