/* Mistakes in a config: one line each, in the order of the file. */
#include <stdarg.h>
#include <string.h>
#include "config/check.h"
#include "config/errors.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define LINE_CAP ((size_t)1024)
#define KEY_CAP ((size_t)200)
#define FILE_CAP ((size_t)300)

static void add(struct config_errors *errors, const char *file, size_t line, size_t column,
	const char *key, const char *fmt, va_list ap) __attribute__((format(printf, 6, 0)));

/* The beginning of s, cleaned. */
static void add_clean(struct fg_str *out, const char *s, size_t max)
{
	size_t len = strlen(s), n = fg_utf8_cut(s, len, max);

	fg_text_clean_line(out, s, n);
	if (n < len)
		fg_str_puts(out, "…");
}

static void add(struct config_errors *errors, const char *file, size_t line, size_t column,
	const char *key, const char *fmt, va_list ap)
{
	cleanup_str struct fg_str text = {0}, message = {0};

	if (errors->n == CONFIG_ERRORS_MAX) {
		errors->more++;
		return;
	}
	fg_str_init(&text, LINE_CAP);
	fg_str_init(&message, LINE_CAP);
	add_clean(&text, file, FILE_CAP);
	if (line > 0)
		fg_str_printf(&text, ":%zu:%zu", line, column);
	fg_str_puts(&text, ": ");
	if (key && *key) {
		cleanup_free char *shown = config_url_shown(key);

		add_clean(&text, shown, KEY_CAP);
		fg_str_puts(&text, ": ");
	}
	fg_str_vprintf(&message, fmt, ap);
	fg_text_clean_line(&text, message.s, message.len);
	errors->v = fg_realloc(errors->v, errors->n + 1, sizeof(*errors->v));
	errors->v[errors->n++] =
		(struct config_error){.text = fg_str_take(&text), .line = line, .column = column};
}

void config_errors_add(struct config_errors *errors, const char *file, size_t line, size_t column,
	const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(errors, file, line, column, key, fmt, ap);
	va_end(ap);
}

void config_errors_at(struct config_errors *errors, const struct config_source *source,
	const cJSON *item, enum config_spot spot, const char *key, const char *fmt, ...)
{
	size_t line = 0, column = 0;
	va_list ap;

	if (errors->n == CONFIG_ERRORS_MAX) { /* a place takes time to find */
		errors->more++;
		return;
	}
	config_source_find(source, item, spot, &line, &column);
	va_start(ap, fmt);
	add(errors, config_source_name(source), line, column, key, fmt, ap);
	va_end(ap);
}

/* Insertion: there are few, nearly sorted, and those of one place keep their order. */
void config_errors_sort(struct config_errors *errors, size_t first)
{
	size_t i, j;

	for (i = first + 1; i < errors->n; i++) {
		struct config_error e = errors->v[i];

		for (j = i; j > first; j--) {
			const struct config_error *before = &errors->v[j - 1];

			if (before->line < e.line ||
				(before->line == e.line && before->column <= e.column))
				break;
			errors->v[j] = *before;
		}
		errors->v[j] = e;
	}
}

char *config_errors_text(const struct config_errors *errors)
{
	struct fg_str out;
	size_t i;

	fg_str_init(&out, (LINE_CAP + 1) * (CONFIG_ERRORS_MAX + 1));
	for (i = 0; i < errors->n; i++)
		fg_str_printf(&out, "%s\n", errors->v[i].text);
	if (errors->more > 0)
		fg_str_printf(&out, "and %zu more\n", errors->more);
	return fg_str_take(&out);
}

void config_errors_finish(struct config_errors *errors)
{
	size_t i;

	for (i = 0; i < errors->n; i++)
		free(errors->v[i].text);
	free(errors->v);
	*errors = (struct config_errors){0};
}
