/*
 * A strict scanner for JSON that knows where it is.
 *
 * cJSON keeps no positions and hardly says what is wrong. So this goes over the text first, without
 * recursion; it finds the first fault with a reason that an operator can use, and otherwise the
 * places of all keys and values, in the order in which cJSON's tree has them. Depth is limited by
 * FG_JSON_DEPTH.
 */
#ifndef BOT_CONFIG_SCAN_H
#define BOT_CONFIG_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#define CONFIG_NO_KEY SIZE_MAX

struct config_place {
	const cJSON *item; /* for the caller to fill in */
	size_t key, value; /* offsets; CONFIG_NO_KEY for what is in no object */
};

/* NULL: not JSON, error says why and *at where. Otherwise *count places, at least one, which the
 * caller frees. */
struct config_place *config_scan(
	const char *text, size_t len, size_t *count, size_t *at, const char **error);

#endif
