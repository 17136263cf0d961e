/*
 * Formatted text: what a person sees, and the entities that say how it looks (offsets in UTF-16
 * units). HTML is read by the messenger's own library when one was given, else by the small strict
 * reader in markup.c.
 */
#ifndef SIM_RICH_H
#define SIM_RICH_H

#include <stdbool.h>

#include "text.h"

struct rich {
	char *text;
	cJSON *entities; /* array, or NULL for none */
};

int rich_load(const char *library); /* negative when it cannot be used; says why on stderr */

/* Fills out, trimmed as the server trims; on failure false, and *why is the reason, for the caller
 * to free. mode may be NULL, then entities (or NULL) are taken as they are. */
bool rich_parse(
        const char *text, const char *mode, const cJSON *entities, struct rich *out, char **why);
void rich_finish(struct rich *r);

bool markup_parse(const char *html, struct rich *out, char **why);

#endif
