/* Making Telegram's HTML: escaping, and printf with escaping. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/html.h"

static const char *escape_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

/* All of s or nothing: half an entity would be worse than none. */
static void add_whole(struct fg_str *out, const char *s)
{
	if (strlen(s) > out->cap - out->len)
		out->full = true;
	else
		fg_str_puts(out, s);
}

/* s is clean already. */
static void escape(struct fg_str *out, const char *s, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i < len && !out->full; i++) {
		const char *entity = escape_of(s[i]);

		if (!entity)
			continue;
		fg_str_add(out, s + start, i - start);
		if (!out->full)
			add_whole(out, entity);
		start = i + 1;
	}
	fg_str_add(out, s + start, len - start);
}

static void add_text(struct fg_str *out, const char *s, size_t len, bool one_line)
{
	cleanup_str struct fg_str clean;

	/* Escaping makes nothing shorter, so more than fits into out is not worth cleaning. */
	fg_str_init(&clean, out->cap - out->len);
	if (one_line)
		fg_text_clean_line(&clean, s, len);
	else
		fg_text_clean(&clean, s, len);
	escape(out, clean.s, clean.len);
	out->full = out->full || clean.full;
}

void html_text_len(struct fg_str *out, const char *s, size_t len)
{
	if (s)
		add_text(out, s, len, false);
}

void html_text(struct fg_str *out, const char *s)
{
	if (s)
		add_text(out, s, strlen(s), false);
}

void html_line(struct fg_str *out, const char *s)
{
	if (s)
		add_text(out, s, strlen(s), true);
}

static void print_number(struct fg_str *out, int64_t n)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, n);
	add_whole(out, digits);
}

void html_vprintf(struct fg_str *out, const char *fmt, va_list ap)
{
	fmt = fg_tr(fmt);
	while (*fmt) {
		size_t plain = strcspn(fmt, "%");

		fg_str_add(out, fmt, plain);
		fmt += plain;
		if (!*fmt)
			break;
		fmt++;
		if (*fmt == 's') {
			html_line(out, va_arg(ap, const char *));
		} else if (*fmt == 'S') {
			const char *html = va_arg(ap, const char *);

			fg_str_puts(out, html ? html : "");
		} else if (*fmt == 'd') {
			print_number(out, va_arg(ap, int));
		} else if (strncmp(fmt, "lld", 3) == 0) {
			print_number(out, va_arg(ap, int64_t));
			fmt += 2;
		} else if (*fmt == 'c') {
			html_line(out, (char[]){(char)va_arg(ap, int), '\0'});
		} else if (*fmt == '%') {
			fg_str_putc(out, '%');
		} else {
			abort(); /* a format that this does not know is a bug */
		}
		fmt++;
	}
}

void html_printf(struct fg_str *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	html_vprintf(out, fmt, ap);
	va_end(ap);
}
