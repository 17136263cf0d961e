/* Freeing by the table, and what else lists of strings need. */
#include <stdlib.h>
#include <string.h>
#include "config/read.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define WORD_CAP 64

static void release_items(const struct config_key *key, void *base)
{
	const struct config_key *element =
		config_key_find(key->path, key->type == CONFIG_MAP ? ".*" : "[]");
	char *items = *(char **)((char *)base + key->at - 1);
	size_t count = *(size_t *)((char *)base + key->count_at - 1), i;

	for (i = 0; i < count; i++) {
		if (key->type == CONFIG_MAP)
			free(*(char **)(items + i * key->item_size));
		config_release(element, items + i * key->item_size);
	}
	free(items);
}

void config_release(const struct config_key *key, void *base)
{
	char *at = key->at ? (char *)base + key->at - 1 : NULL;
	size_t i;

	if (key->type == CONFIG_OBJECT) {
		for (i = 0; i < config_key_count && !key->like; i++) {
			if (config_key_member(&config_keys[i], key->path))
				config_release(&config_keys[i], base);
		}
	} else if (at && key->item_size) {
		release_items(key, base);
	} else if (at && key->type == CONFIG_STRING) {
		free(*(char **)at);
	} else if (at && key->type == CONFIG_STRINGS) {
		config_strings_free(*(char ***)at);
	}
}

void config_strings_free(char **list)
{
	char **s;

	for (s = list; s && *s; s++)
		free(*s);
	free(list);
}

bool config_strings_have(char *const *list, const char *s)
{
	for (; list && *list; list++) {
		if (strcmp(*list, s) == 0)
			return true;
	}
	return false;
}

char *config_suggest(const char *word, const char *candidates)
{
	size_t len = strlen(word), best = len < 4 ? 2 : len < 8 ? 3 : 4, n, d;
	char name[WORD_CAP], nearest[WORD_CAP] = "";

	while (*candidates) {
		n = strcspn(candidates, "|");
		if (n < sizeof(name)) {
			memcpy(name, candidates, n);
			name[n] = '\0';
			d = fg_text_distance(word, name);
			if (d < best && d < len) {
				best = d;
				memcpy(nearest, name, n + 1);
			}
		}
		candidates += n + (candidates[n] == '|');
	}
	return *nearest ? fg_printf(" (did you mean \"%s\"?)", nearest) : fg_strdup("");
}
