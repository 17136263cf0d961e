/*
 * Telegram's HTML: escaping, cutting to its limits, and back to plain text.
 */
#ifndef BOT_TELEGRAM_HTML_H
#define BOT_TELEGRAM_HTML_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/str.h"

#define HTML_MESSAGE 4096 /* UTF-16 units of a message after parsing */
#define HTML_CAPTION 1024 /* the same for a file's caption */

/*
 * Foreign text, cleaned (fg_text_clean) and escaped: safe between tags and in attributes. What does
 * not fit under the cap of out is left away at the end of a character, never within an entity.
 */
void html_text(struct fg_str *out, const char *s);
void html_text_len(struct fg_str *out, const char *s, size_t len);
/* The same on one line. NULL adds nothing. */
void html_line(struct fg_str *out, const char *s);
/*
 * printf for HTML with only these conversions: %s is escaped foreign text on one line, %S is HTML
 * that is put in as it is, %d int, %lld int64_t, %c a character to be escaped, %%. NULL prints
 * nothing. The format is looked up in the language of the task: bot/languages/update finds it if it
 * is a literal, or one of several behind a question mark.
 */
void html_printf(struct fg_str *out, const char *fmt, ...);
void html_vprintf(struct fg_str *out, const char *fmt, va_list ap);

/* UTF-16 units that Telegram counts: tags count nothing, an entity counts as its character. */
size_t html_length(const char *html);

/*
 * Cut html into pieces of at most max units each, at line ends where there are any, closing and
 * reopening tags. pieces[i] are owned by the caller. Returns how many (an empty text is one empty
 * piece), and 0 when more than `limit` would be needed (nothing is returned then). A line end stays
 * at the end of its piece, so that the pieces' plain texts in a row are the whole one.
 */
int html_split(const char *html, size_t max, char **pieces, int limit);

/* html itself when it has at most max units (at least 1), else its beginning with "…" after it,
 * tags closed. Caller frees. */
char *html_cut(const char *html, size_t max);

/*
 * Plain text for a terminal: tags dropped, entities decoded, <pre> and <blockquote> on lines of
 * their own. Caller frees.
 */
char *html_plain(const char *html);

#endif
