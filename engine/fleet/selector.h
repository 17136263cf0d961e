/*
 * A parsed selector, as the parser leaves it for the matcher.
 */
#ifndef FLEET_SELECTOR_H
#define FLEET_SELECTOR_H

#include "fleetgram/fleet/selector.h"

enum selector_key {
	KEY_HEALTH,
	KEY_HOST,
	KEY_ID,
	KEY_IMAGE,
	KEY_LABEL,
	KEY_NAME,
	KEY_PROJECT,
	KEY_STATE,
	KEY_TEMPLATE,
	KEY_COUNT,
};

struct selector_word {
	enum selector_key key; /* a word without a key counts as one of name */
	bool negated;
	bool bare;     /* without a key: chooses by name or by id */
	char *host;    /* of HOST/NAME, a glob; else NULL */
	char *pattern; /* of a label: that of its key */
	char *value;   /* of a label; NULL: any */
};

struct fg_selector {
	struct selector_word *words;
	size_t count;
	unsigned int wanted; /* a bit for each key that has a word without `!` */
	char *text;
};

#endif
