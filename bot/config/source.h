/*
 * JSON with comments, and where in the text each of its values stands.
 *
 * A source is a text whose comments were blanked out, its tree as cJSON has it, and the places of
 * the tree's items. It is kept for as long as something may still be found wrong with it.
 */
#ifndef BOT_CONFIG_SOURCE_H
#define BOT_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>
#include "config/config.h"

#define CONFIG_FILE_MAX ((size_t)1024 * 1024)

struct config_source;

/* Both add to errors and return NULL when the text is no such JSON, or cannot be read. name is
 * copied. */
struct config_source *config_source_open(const char *path, struct config_errors *errors);
struct config_source *config_source_parse(
	const char *name, const char *text, size_t len, struct config_errors *errors);
void config_source_close(struct config_source *source); /* NULL is fine */

static inline void config_source_close_ptr(struct config_source **source)
{
	config_source_close(*source);
}
#define cleanup_source __attribute__((cleanup(config_source_close_ptr)))

/* The tree and the name; of NULL (no file) NULL, and a name for it. */
const cJSON *config_source_root(const struct config_source *source);
const char *config_source_name(const struct config_source *source);

/* Whether something is about a value or about its key. */
enum config_spot { CONFIG_AT_VALUE, CONFIG_AT_KEY };

/* Where an item of the source's tree stands. False when it is not in there. */
bool config_source_find(const struct config_source *source, const cJSON *item,
	enum config_spot spot, size_t *line, size_t *column);

#endif
