/* Reading single values: their types, ranges and forms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "config/read.h"
#include "config/reader.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

static const char *const wanted[] = {
	[CONFIG_BOOL] = "true or false",
	[CONFIG_COMMAND] = "a string or a list of strings",
	[CONFIG_COUNT] = "a whole number",
	[CONFIG_DURATION] = "a duration like \"30s\"",
	[CONFIG_ENV] = "an object or a list of strings",
	[CONFIG_ID] = "a whole number",
	[CONFIG_LIST] = "a list",
	[CONFIG_MAP] = "an object",
	[CONFIG_NUMBER] = "a number",
	[CONFIG_OBJECT] = "an object",
	[CONFIG_SIZE] = "a size like \"64m\"",
	[CONFIG_STRING] = "a string",
	[CONFIG_STRINGS] = "a list of strings",
	[CONFIG_TEXTS] = "an object of strings",
	[CONFIG_WORD] = "a string",
};

const char *config_kind(const cJSON *item)
{
	if (cJSON_IsString(item))
		return "a string";
	if (cJSON_IsNumber(item) || cJSON_IsRaw(item))
		return "a number";
	if (cJSON_IsBool(item))
		return cJSON_IsTrue(item) ? "true" : "false";
	if (cJSON_IsArray(item))
		return "a list";
	return cJSON_IsObject(item) ? "an object" : "null";
}

void config_wrong_type(struct config_reader *r, const struct config_key *key, const cJSON *item)
{
	config_wrong(r, item, "has to be %s, not %s", wanted[key->type], config_kind(item));
}

void *config_target(const struct config_key *key, void *base)
{
	return key->at && base ? (char *)base + key->at - 1 : NULL;
}

/* A text with a parameter in it can be anything once that is filled in. */
static bool has_parameter(const struct config_key *key, const cJSON *item)
{
	return (key->flags & CONFIG_PARAM) && cJSON_IsString(item) &&
	       strstr(item->valuestring, "${");
}

static bool in_range(const struct config_key *key, double v)
{
	return (v >= key->min && v <= key->max) || (v == 0 && (key->flags & CONFIG_ZERO));
}

void config_read_bool(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	bool *out = config_target(key, base);

	if (!cJSON_IsBool(item))
		config_wrong_type(r, key, item);
	else if (out)
		*out = cJSON_IsTrue(item);
}

/* What a number is, be it written as a string where a parameter could have stood. */
static bool number_value(const struct config_key *key, const cJSON *item, double *v)
{
	char *end;

	if (cJSON_IsNumber(item)) {
		*v = item->valuedouble;
		return isfinite(*v);
	}
	if ((key->flags & CONFIG_PARAM) && cJSON_IsString(item) && item->valuestring[0]) {
		*v = strtod(item->valuestring, &end);
		return *end == '\0' && isfinite(*v);
	}
	return false;
}

void config_read_number(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	double v, *out = config_target(key, base);

	if (has_parameter(key, item))
		return;
	if (!number_value(key, item, &v))
		config_wrong_type(r, key, item);
	else if (!in_range(key, v))
		config_wrong(r, item, "has to be between %g and %g, not %g", key->min, key->max, v);
	else if (out)
		*out = v;
}

void config_read_count(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	int *out = config_target(key, base);
	double v;

	if (has_parameter(key, item))
		return;
	if (cJSON_IsRaw(item))
		config_wrong(r, item, "has to be between %.0f and %.0f", key->min, key->max);
	else if (!number_value(key, item, &v) || v != floor(v))
		config_wrong(r, item, "has to be a whole number%s%s",
			cJSON_IsNumber(item) ? "" : ", not ",
			cJSON_IsNumber(item) ? "" : config_kind(item));
	else if (!in_range(key, v))
		config_wrong(r, item, "has to be between %.0f and %.0f, not %.0f", key->min,
			key->max, v);
	else if (out)
		*out = (int)v;
}

void config_read_id(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	int64_t v, *out = config_target(key, base);

	if (!cJSON_IsNumber(item) && !cJSON_IsRaw(item))
		config_wrong_type(r, key, item);
	else if (!fg_json_to_i64(item, &v))
		config_wrong(r, item, "has to be a whole number of at most 64 bits");
	else if (key->min >= 1 && v < 1)
		config_wrong(r, item, "has to be a positive number");
	else if (v == 0)
		config_wrong(r, item, "cannot be 0");
	else if (out)
		*out = v;
}

void config_read_duration(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	char low[FG_HUMAN], high[FG_HUMAN];
	int64_t ms = 0, *out = config_target(key, base);
	struct fg_err err;

	if (has_parameter(key, item))
		return;
	if (cJSON_IsNumber(item) && item->valuedouble == 0 && (key->flags & CONFIG_ZERO)) {
		ms = 0;
	} else if (!cJSON_IsString(item)) {
		config_wrong_type(r, key, item);
		return;
	} else if (fg_duration_parse(item->valuestring, &ms, &err) < 0) {
		config_wrong(r, item, "%s", err.text);
		return;
	}
	if (!in_range(key, (double)ms))
		config_wrong(r, item, "has to be between %s and %s%s, not \"%.40s\"",
			fg_duration_human(low, (int64_t)key->min),
			fg_duration_human(high, (int64_t)key->max),
			key->flags & CONFIG_ZERO ? ", or 0 to turn it off" : "", item->valuestring);
	else if (out)
		*out = ms;
}

void config_read_size(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	int64_t v, *out = config_target(key, base);
	struct fg_err err;

	if (has_parameter(key, item))
		return;
	if (cJSON_IsString(item)) {
		if (key->min < 0 && strcmp(item->valuestring, "-1") == 0) {
			v = -1;
		} else if (fg_size_parse(item->valuestring, &v, &err) < 0) {
			config_wrong(r, item, "%s", err.text);
			return;
		}
	} else if (!fg_json_to_i64(item, &v)) {
		config_wrong_type(r, key, item);
		return;
	}
	if (!in_range(key, (double)v))
		config_wrong(r, item, "is out of range");
	else if (out)
		*out = v;
}

/* The form of a string that the row asks for. */
static bool check_string(struct config_reader *r, const struct config_key *key, const cJSON *item)
{
	struct fg_err err;

	if (!key->check || has_parameter(key, item) || key->check(item->valuestring, &err) == 0)
		return true;
	config_wrong(r, item, "%s", err.text);
	return false;
}

void config_read_string(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	char **out = config_target(key, base);

	if (!cJSON_IsString(item))
		config_wrong_type(r, key, item);
	else if (check_string(r, key, item) && out)
		*out = fg_strdup(item->valuestring);
}

/* Its place among the words, from 0; -1: it is none of them. */
static int word_index(const char *words, const char *word)
{
	size_t len = strlen(word), n;
	int i;

	for (i = 0;; i++) {
		n = strcspn(words, "|");
		if (n == len && memcmp(words, word, n) == 0)
			return i;
		if (words[n] == '\0')
			return -1;
		words += n + 1;
	}
}

void config_read_word(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	int i, *out = config_target(key, base);
	cleanup_free char *hint = NULL;
	cleanup_str struct fg_str list = {0};
	const char *p;

	if (!cJSON_IsString(item)) {
		config_wrong_type(r, key, item);
		return;
	}
	i = word_index(key->words, item->valuestring);
	if (i >= 0) {
		if (out)
			*out = i + (int)key->min;
		return;
	}
	fg_str_init(&list, CONFIG_PATH_CAP);
	for (p = key->words; *p; p++)
		fg_str_add(&list, *p == '|' ? ", " : p, *p == '|' ? 2 : 1);
	hint = config_suggest(item->valuestring, key->words);
	config_wrong(
		r, item, "has to be one of %s, not \"%.40s\"%s", list.s, item->valuestring, hint);
}
