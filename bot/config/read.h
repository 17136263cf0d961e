/* Reading by the table: from JSON to the fields of struct config, and freeing those again. */
#ifndef BOT_CONFIG_READ_H
#define BOT_CONFIG_READ_H

#include "config/config.h"
#include "config/keys.h"
#include "config/source.h"

/*
 * Check item (NULL: it is absent) against the row and all below it, and store what has a place in
 * base. path is what errors call it, "" for the whole.
 */
void config_read(const struct config_key *key, const cJSON *item, void *base, const char *path,
	const struct config_source *source, struct config_errors *errors);

/* Free what config_read() stored for the row and all below it. */
void config_release(const struct config_key *key, void *base);

/* A text of ` (did you mean "…"?)` for the member of candidates, separated by |, that word is close
 * to, or "". Caller frees. */
char *config_suggest(const char *word, const char *candidates);

#endif
