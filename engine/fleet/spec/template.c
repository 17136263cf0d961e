/*
 * Templates over their defaults.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "spec/template.h"

#define MERGE_DEPTH 8

/* env and labels may be lists of KEY=VALUE; as objects they can be merged. */
static cJSON *pairs_to_object(const cJSON *list, const char *field, struct fg_err *err)
{
	cJSON *object = cJSON_CreateObject();
	const cJSON *item;
	int index = 0;

	cJSON_ArrayForEach (item, list) {
		const char *pair = cJSON_GetStringValue(item);
		const char *equals = pair ? strchr(pair, '=') : NULL;
		cleanup_free char *key = NULL;

		if (!equals || equals == pair || index > LIST_MAX) {
			fg_fail(err, FG_EINVAL, "%s[%d]: %s", field, index,
				index > LIST_MAX ? "too many" : "not of the form KEY=VALUE");
			cJSON_Delete(object);
			return NULL;
		}
		key = fg_strndup(pair, (size_t)(equals - pair));
		cJSON_DeleteItemFromObjectCaseSensitive(object, key);
		cJSON_AddStringToObject(object, key, equals + 1);
		index++;
	}
	return object;
}

static void merge_into(cJSON *under, const cJSON *over, int depth)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, over) {
		cJSON *there = cJSON_GetObjectItemCaseSensitive(under, item->string);

		if (cJSON_IsObject(item) && depth < MERGE_DEPTH) {
			if (!cJSON_IsObject(there)) {
				cJSON_DeleteItemFromObjectCaseSensitive(under, item->string);
				there = cJSON_AddObjectToObject(under, item->string);
			}
			merge_into(there, item, depth + 1);
			continue;
		}
		cJSON_DeleteItemFromObjectCaseSensitive(under, item->string);
		if (!cJSON_IsNull(item))
			cJSON_AddItemToObject(under, item->string, cJSON_Duplicate(item, true));
	}
}

/* A copy of one layer in which env and labels are objects, and a command line is a list of words.
 */
static cJSON *layer(const cJSON *config, struct fg_err *err)
{
	static const char *const pairs[] = {"env", "labels"}, *const lines[] = {
								      "command", "entrypoint"};
	cleanup_json cJSON *copy = NULL;
	size_t i;

	if (!config)
		return cJSON_CreateObject();
	if (!cJSON_IsObject(config)) {
		fg_fail(err, FG_EINVAL, "it is no object");
		return NULL;
	}
	copy = cJSON_Duplicate(config, true);
	for (i = 0; i < FG_ARRAY_LEN(pairs); i++) {
		const cJSON *list = fg_json_array(copy, pairs[i]);
		cJSON *object;

		if (!list)
			continue;
		object = pairs_to_object(list, pairs[i], err);
		if (!object)
			return NULL;
		cJSON_ReplaceItemInObjectCaseSensitive(copy, pairs[i], object);
	}
	/* Words are divided before parameters are filled in, so that no value can add a word. */
	for (i = 0; i < FG_ARRAY_LEN(lines); i++) {
		const char *line = fg_json_str(copy, lines[i], NULL);
		cJSON *words;

		if (!line)
			continue;
		words = template_words(line, lines[i], err);
		if (!words)
			return NULL;
		cJSON_ReplaceItemInObjectCaseSensitive(copy, lines[i], words);
	}
	return fg_steal(&copy);
}

cJSON *template_merge(const cJSON *defaults, const cJSON *config, struct fg_err *err)
{
	cleanup_json cJSON *under = layer(defaults, err), *over = NULL;
	cJSON *merged;

	if (!under) {
		fg_wrap(err, "defaults");
		return NULL;
	}
	over = layer(config, err);
	if (!over)
		return NULL;
	service_defaults(under, over);
	/* The two say the same thing in two ways; the template's way wins. */
	if (fg_json_get(over, "network_mode") && !fg_json_get(over, "networks"))
		cJSON_DeleteItemFromObjectCaseSensitive(under, "networks");
	if (fg_json_get(over, "networks") && !fg_json_get(over, "network_mode"))
		cJSON_DeleteItemFromObjectCaseSensitive(under, "network_mode");
	merged = cJSON_CreateObject();
	merge_into(merged, under, 0);
	merge_into(merged, over, 0);
	return merged;
}

/* Take one word off *p into word. False when a quote or a backslash is left open. */
static bool word_take(const char **p, struct fg_str *word)
{
	char quote = '\0';

	for (; **p && (quote || !strchr(" \t\r\n", **p)); (*p)++) {
		char c = **p;

		if (c == '\\' && quote != '\'') {
			c = *++*p;
			if (!c)
				return false;
			/* Inside "…" a backslash takes away the meaning of these only. */
			if (quote && !strchr("\"\\$`", c))
				fg_str_putc(word, '\\');
			fg_str_putc(word, c);
		} else if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? '\0' : c;
		} else {
			fg_str_putc(word, c);
		}
	}
	return quote == '\0';
}

cJSON *template_words(const char *line, const char *field, struct fg_err *err)
{
	cJSON *words = cJSON_CreateArray();
	cleanup_str struct fg_str word;
	const char *p = line;

	fg_str_init(&word, TEXT_MAX);
	for (;;) {
		p += strspn(p, " \t\r\n");
		if (!*p)
			return words;
		fg_str_reset(&word);
		if (!word_take(&p, &word)) {
			fg_fail(err, FG_EINVAL, "%s: a quote or backslash is left open", field);
			break;
		}
		cJSON_AddItemToArray(words, cJSON_CreateString(word.s));
	}
	cJSON_Delete(words);
	return NULL;
}
