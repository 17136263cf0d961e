/* Gathering mistakes, each with its place, to be shown together. */
#ifndef BOT_CONFIG_ERRORS_H
#define BOT_CONFIG_ERRORS_H

#include "config/config.h"
#include "config/source.h"

/* line 0: no place; key NULL: none. The text is cleaned and kept short. */
void config_errors_add(struct config_errors *errors, const char *file, size_t line, size_t column,
	const char *key, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* A mistake at an item of source; where the item or the source is NULL only the file and the key
 * are named. */
void config_errors_at(struct config_errors *errors, const struct config_source *source,
	const cJSON *item, enum config_spot spot, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* Put those from number `first` on into the order of the text. */
void config_errors_sort(struct config_errors *errors, size_t first);

#endif
