/* Errors that gather context: one code, one line of text, no memory of their own. */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/err.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"

/* Foreign text may hold escapes that vanish in cleaning, so more is formatted than is kept. */
#define FORMAT_CAP ((size_t)8 * FG_ERR_TEXT)

/* Clean what was formatted and keep it, without the full stop that other programs like to end with.
 */
static void settle(struct fg_err *err, const struct fg_str *raw)
{
	cleanup_str struct fg_str line;
	size_t len;

	fg_str_init(&line, FG_ERR_TEXT - 1);
	fg_text_clean_line(&line, raw->s, raw->len);
	len = line.len;
	while (len > 0 && line.s[len - 1] == ' ')
		len--;
	if (len > 1 && line.s[len - 1] == '.' && line.s[len - 2] != '.')
		len--;
	memcpy(err->text, line.s, len);
	err->text[len] = '\0';
}

int fg_fail(struct fg_err *err, enum fg_err_code code, const char *fmt, ...)
{
	cleanup_str struct fg_str raw = {0};
	va_list ap;

	if (!err)
		return -1;
	fg_str_init(&raw, FORMAT_CAP);
	va_start(ap, fmt);
	fg_str_vprintf(&raw, fg_tr(fmt), ap);
	va_end(ap);
	err->code = code;
	err->status = 0;
	err->retry_after_ms = 0;
	err->unsent = false;
	settle(err, &raw);
	return -1;
}

int fg_wrap(struct fg_err *err, const char *fmt, ...)
{
	cleanup_str struct fg_str raw = {0};
	va_list ap;

	if (!err)
		return -1;
	fg_str_init(&raw, FORMAT_CAP);
	va_start(ap, fmt);
	fg_str_vprintf(&raw, fg_tr(fmt), ap);
	va_end(ap);
	if (err->text[0]) {
		fg_str_puts(&raw, ": ");
		fg_str_puts(&raw, err->text);
	}
	settle(err, &raw);
	return -1;
}
