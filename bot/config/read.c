/* Reading by the table: objects, lists, defaults, and keys that are not there or should not be. */
#include <stdlib.h>
#include <string.h>
#include "config/read.h"
#include "config/reader.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

static config_read_fn read_value;

/* Go into a member or an element, read it there, and come back. */
static void read_at(struct config_reader *r, const struct config_key *key, const cJSON *item,
	void *base, const char *name, size_t index)
{
	size_t len = r->path.len;

	if (name)
		fg_str_printf(&r->path, "%s%s", len ? "." : "", name);
	else
		fg_str_printf(&r->path, "[%zu]", index);
	read_value(r, key, item, base);
	fg_str_truncate(&r->path, len);
}

static void read_strings(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	char ***out = config_target(key, base);
	struct config_key element = *key;
	const cJSON *child;
	char **list = NULL;
	size_t i = 0;

	if (!cJSON_IsArray(item)) {
		config_wrong_type(r, key, item);
		return;
	}
	if (out)
		*out = list = fg_alloc(((size_t)cJSON_GetArraySize(item) + 1) * sizeof(*list));
	element.type = CONFIG_STRING;
	element.at = 1;
	cJSON_ArrayForEach (child, item) {
		char *s = NULL;

		read_at(r, &element, child, list ? (void *)&s : NULL, NULL, i++);
		if (s)
			*list++ = s;
	}
}

static void read_command(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	if (cJSON_IsArray(item))
		read_strings(r, key, item, base);
	else if (!cJSON_IsString(item))
		config_wrong_type(r, key, item);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* cJSON keeps both of two equal keys; the second one is a mistake. */
static void check_duplicates(struct config_reader *r, const cJSON *object)
{
	size_t count = (size_t)cJSON_GetArraySize(object), i = 0, len = r->path.len;
	cleanup_free const cJSON **members = NULL;
	size_t line[2], column[2], later;
	const cJSON *child;

	if (count < 2)
		return;
	members = fg_realloc(NULL, count, sizeof(void *));
	cJSON_ArrayForEach (child, object)
		members[i++] = child;
	qsort(members, count, sizeof(void *), by_name);
	for (i = 1; i < count; i++) {
		if (strcmp(members[i]->string, members[i - 1]->string) != 0 ||
			!config_source_find(
				r->source, members[i], CONFIG_AT_KEY, &line[0], &column[0]) ||
			!config_source_find(
				r->source, members[i - 1], CONFIG_AT_KEY, &line[1], &column[1]))
			continue;
		later = line[0] > line[1] || (line[0] == line[1] && column[0] > column[1]) ? 0 : 1;
		fg_str_printf(&r->path, "%s%s", len ? "." : "", members[i]->string);
		config_errors_at(r->errors, r->source, members[i - later], CONFIG_AT_KEY, r->path.s,
			"is given twice, first on line %zu", line[1 - later]);
		fg_str_truncate(&r->path, len);
	}
}

static void unknown_key(struct config_reader *r, const char *parent, const cJSON *item)
{
	cleanup_str struct fg_str names = {0};
	cleanup_free char *hint = NULL;
	size_t i, len = r->path.len;

	fg_str_init(&names, (size_t)8 * CONFIG_PATH_CAP);
	for (i = 0; i < config_key_count; i++) {
		const char *name = config_key_member(&config_keys[i], parent);

		if (name)
			fg_str_printf(&names, "%s%s", names.len ? "|" : "", name);
	}
	hint = config_suggest(item->string, names.s);
	fg_str_printf(&r->path, "%s%s", len ? "." : "", item->string);
	config_errors_at(r->errors, r->source, item, CONFIG_AT_KEY, r->path.s,
		"there is no such key%s", hint);
	fg_str_truncate(&r->path, len);
}

/* item NULL: every member has its default. */
static void read_object(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	const char *parent = key->like ? key->like : key->path, *name;
	const cJSON *child;
	size_t i;

	if (item && !cJSON_IsObject(item)) {
		config_wrong_type(r, key, item);
		return;
	}
	for (i = 0; i < config_key_count; i++) {
		const struct config_key *member = &config_keys[i];

		name = config_key_member(member, parent);
		if (!name)
			continue;
		child = fg_json_get(item, name);
		if ((member->flags & CONFIG_REQUIRED) && (!child || cJSON_IsNull(child)) &&
			!r->fallback)
			config_wrong(r, child ? child : item, "\"%s\" is missing", name);
		else
			read_at(r, member, child, base, name, 0);
	}
	if (!item)
		return;
	check_duplicates(r, item);
	cJSON_ArrayForEach (child, item) {
		bool known = false;

		for (i = 0; i < config_key_count && !known; i++) {
			name = config_key_member(&config_keys[i], parent);
			known = name && strcmp(name, child->string) == 0;
		}
		if (!known)
			unknown_key(r, parent, child);
	}
}

/* A list or a map, whose items go into an array of structs if the row names one. */
static void read_items(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	bool map = key->type == CONFIG_MAP;
	const struct config_key *element = config_key_find(key->path, map ? ".*" : "[]");
	char *items = NULL, *slot = NULL;
	const cJSON *child;
	struct fg_err err;
	size_t i = 0, count;

	if (map ? !cJSON_IsObject(item) : !cJSON_IsArray(item)) {
		config_wrong_type(r, key, item);
		return;
	}
	count = (size_t)cJSON_GetArraySize(item);
	if (key->item_size && count > 0) {
		items = fg_alloc(count * key->item_size);
		*(void **)config_target(key, base) = items;
		*(size_t *)((char *)base + key->count_at - 1) = count;
	}
	if (map)
		check_duplicates(r, item);
	cJSON_ArrayForEach (child, item) {
		if (items)
			slot = items + i * key->item_size;
		if (map && key->names && key->names(child->string, &err) < 0)
			config_errors_at(r->errors, r->source, child, CONFIG_AT_KEY, r->path.s,
				"%s", err.text);
		if (map && slot)
			*(char **)slot = fg_strdup(child->string);
		read_at(r, element, child, slot, map ? child->string : NULL, i++);
	}
}

/* What has no default may be left out by null too, and a template takes away by null what goes
 * under it. */
static bool may_be_null(const struct config_key *key)
{
	return (key->type == CONFIG_STRING && !key->fallback) ||
	       strncmp(key->path, "defaults.", 9) == 0;
}

static void read_texts(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	size_t len = r->path.len;
	const cJSON *child;

	(void)base;
	if (!cJSON_IsObject(item)) {
		config_wrong_type(r, key, item);
		return;
	}
	check_duplicates(r, item);
	cJSON_ArrayForEach (child, item) {
		if (cJSON_IsString(child) || cJSON_IsNumber(child) || cJSON_IsRaw(child) ||
			cJSON_IsBool(child) || (cJSON_IsNull(child) && may_be_null(key)))
			continue;
		fg_str_printf(&r->path, ".%s", child->string);
		config_wrong(r, child, "has to be a string, a number or a boolean, not %s",
			config_kind(child));
		fg_str_truncate(&r->path, len);
	}
}

static void read_env(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	if (cJSON_IsArray(item))
		read_strings(r, key, item, base);
	else
		read_texts(r, key, item, base);
}

static config_read_fn *const readers[] = {
	[CONFIG_BOOL] = config_read_bool,
	[CONFIG_COMMAND] = read_command,
	[CONFIG_COUNT] = config_read_count,
	[CONFIG_DURATION] = config_read_duration,
	[CONFIG_ENV] = read_env,
	[CONFIG_ID] = config_read_id,
	[CONFIG_LIST] = read_items,
	[CONFIG_MAP] = read_items,
	[CONFIG_NUMBER] = config_read_number,
	[CONFIG_OBJECT] = read_object,
	[CONFIG_SIZE] = config_read_size,
	[CONFIG_STRING] = config_read_string,
	[CONFIG_STRINGS] = read_strings,
	[CONFIG_TEXTS] = read_texts,
	[CONFIG_WORD] = config_read_word,
};

static void read_value(
	struct config_reader *r, const struct config_key *key, const cJSON *item, void *base)
{
	cleanup_json cJSON *fallback = NULL;
	bool outer = r->fallback;

	if (item && !(cJSON_IsNull(item) && may_be_null(key))) {
		readers[key->type](r, key, item, base);
	} else if (key->fallback) {
		fallback = fg_json_parse(key->fallback, strlen(key->fallback), NULL);
		r->fallback = true;
		readers[key->type](r, key, fallback, base);
		r->fallback = outer;
	} else if (key->type == CONFIG_OBJECT && !key->like) {
		read_object(r, key, NULL, base);
	}
}

void config_read(const struct config_key *key, const cJSON *item, void *base, const char *path,
	const struct config_source *source, struct config_errors *errors)
{
	struct config_reader r = {.source = source, .errors = errors};

	fg_str_init(&r.path, CONFIG_PATH_CAP);
	fg_str_puts(&r.path, path);
	read_value(&r, key, item, base);
	fg_str_finish(&r.path);
}
