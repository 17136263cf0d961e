/*
 * Updates made from the Bot API's own table: every kind, with what is optional left out or not, and
 * now and then something that no server would send (another type, a huge number, a deep nesting, text
 * that is no UTF-8). What matters to a bot (who, where, which words) is likelier to be something that
 * it knows.
 */
#ifndef FUZZ_SHAPES_H
#define FUZZ_SHAPES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "chat/command.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

#define SHAPES_DEPTH 7	 /* objects within objects */
#define SHAPES_NODES 300 /* of one update */

struct shapes {
	cJSON *table;
	uint64_t seed;
	int nodes; /* made so far */
};

static inline uint64_t shapes_next(struct shapes *s)
{
	uint64_t x = s->seed += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static inline size_t shapes_below(struct shapes *s, size_t n)
{
	return (size_t)(shapes_next(s) % n);
}

#define shapes_pick(s, list) ((list)[shapes_below(s, FG_ARRAY_LEN(list))])

static inline void shapes_load(struct shapes *s, const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = fg_alloc(1 << 20);
	size_t n = in ? fread(text, 1, 1 << 20, in) : 0;
	struct fg_err err;

	if (in)
		fclose(in);
	s->table = fg_json_parse(text, n, &err);
	free(text);
	if (!fg_json_path(s->table, "types.Update.opt")) {
		fprintf(stderr, "fuzz: there is no table of types in %s\n", path);
		abort();
	}
}

/* Text as it stands in the JSON, with its quotes. */
static inline cJSON *shapes_text(struct shapes *s)
{
	static const char *const texts[] = {"\"\"", "\"web\"", "\"1001\"", "\"Z\xc3\xb6\xc3\xab\"",
		"\"\xff\xfe\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\\ud83d\"",
		"\"\\udc33\\ud83d\"", "\"a\\u0000b\"", "\"\\u202e\\u2066\\ufeff\"", "\"\\n\\r\\t\\u001b[31m\"",
		"\"<b>&amp;</i>\"", "\"\xe2\x80\x9cpods\xe2\x80\x9d\"", "\"%s%n%1$s\"", "\"' OR 1=1 --\""};

	if (shapes_below(s, 64) == 0) {
		size_t n = shapes_below(s, 6000);
		cleanup_free char *fill = fg_alloc(n + 3);
		char c = "a/ \"\xf0"[shapes_below(s, 5)];

		memset(fill, c == '"' ? '-' : c, n + 2);
		fill[0] = fill[n + 1] = '"';
		return cJSON_CreateRaw(fill);
	}
	return cJSON_CreateRaw(shapes_pick(s, texts));
}

static inline cJSON *shapes_number(struct shapes *s)
{
	static const char *const numbers[] = {"0", "1", "-1", "1001", "2002", "-100777", "1e300", "-1e300",
		"1.5", "-0.0", "9007199254740993", "9223372036854775807", "-9223372036854775808",
		"18446744073709551616", "2147483648", "1e-320", "99999999999999999999999999999999999999"};

	return cJSON_CreateRaw(shapes_pick(s, numbers));
}

static inline cJSON *shapes_nest(struct shapes *s)
{
	size_t n = 1 + shapes_below(s, 2 * FG_JSON_DEPTH);
	bool object = shapes_below(s, 2);
	cleanup_str struct fg_str text = {0};

	fg_str_init(&text, 4096);
	for (size_t i = 0; i < n; i++)
		fg_str_puts(&text, object ? "{\"chat\":" : "[");
	fg_str_puts(&text, "1");
	for (size_t i = 0; i < n; i++)
		fg_str_puts(&text, object ? "}" : "]");
	return cJSON_CreateRaw(text.s);
}

/* Of any type. */
static inline cJSON *shapes_odd(struct shapes *s)
{
	switch (shapes_below(s, 7)) {
	case 0: return cJSON_CreateNull();
	case 1: return cJSON_CreateBool(shapes_below(s, 2) != 0);
	case 2: return cJSON_CreateArray();
	case 3: return cJSON_CreateObject();
	case 4: return shapes_nest(s);
	case 5: return shapes_number(s);
	default: return shapes_text(s);
	}
}

/* A line as somebody may type it, or as it is behind a button. */
static inline cJSON *shapes_line(struct shapes *s, bool typed)
{
	static const char *const words[] = {"web", "local/web", "we*", "!web", "host=local", "label=a:b*", "demo",
		"P=2", "10", "since=10m", "follow", "grep=x", "1001", "operator", "15m", "none", "add", "\"* * * * *\"",
		"images", "all", "fresh", "memory=64m", "cpus=0", "timeout=1s", "\xe2\x80\x9cq\xe2\x80\x9d", "'", "\"",
		"--", "busybox:1", "ffffffffffffffff", "=", "*", "", "\xf0\x9f\x90\xb3", "\xff", "1d", "before=5",
		"result=done", "container=web*", "user=ops", "help", "stop"};
	cleanup_str struct fg_str line = {0};
	size_t rows = 0, n = shapes_below(s, 6);

	while (command_table[rows])
		rows++;
	fg_str_init(&line, 1024);
	if (shapes_below(s, 8))
		fg_str_printf(&line, "%s%s%s", typed && shapes_below(s, 4) ? "/" : "",
			command_table[shapes_below(s, rows)]->name, shapes_below(s, 16) ? "" : "@other_bot");
	for (size_t i = 0; i < n; i++)
		fg_str_printf(&line, " %s", shapes_pick(s, words));
	return cJSON_CreateString(line.s);
}

/* What a bot looks at; NULL: it is nothing special. */
static inline cJSON *shapes_known(struct shapes *s, const char *name)
{
	static const int64_t ids[] = {1001, 1001, 1001, -100777, -100777, 2002};

	if (strcmp(name, "id") == 0 || strcmp(name, "user_id") == 0)
		return cJSON_CreateNumber((double)shapes_pick(s, ids));
	if (strcmp(name, "text") == 0 || strcmp(name, "data") == 0)
		return shapes_line(s, *name == 't');
	if (strcmp(name, "date") == 0)
		return cJSON_CreateNumber((double)(fg_wall_ms() / 1000));
	if (strcmp(name, "is_bot") == 0)
		return cJSON_CreateFalse();
	return NULL;
}

static inline cJSON *shapes_make(struct shapes *s, const char *type, size_t n, const char *name, int depth);

static inline void shapes_fields(
	struct shapes *s, cJSON *object, const cJSON *fields, size_t left_out, int depth)
{
	const cJSON *field;

	cJSON_ArrayForEach (field, fields) {
		bool words = depth < 3 && (strcmp(field->string, "text") == 0 || strcmp(field->string, "data") == 0 ||
			strcmp(field->string, "message") == 0);

		if (!words && left_out && shapes_below(s, left_out))
			continue;
		if (shapes_below(s, 64) == 0)
			continue;
		cJSON_AddItemToObject(object, field->string,
			shapes_make(s, field->valuestring, strlen(field->valuestring), field->string, depth + 1));
	}
}

static inline cJSON *shapes_named(struct shapes *s, const char *type, size_t n, const char *name, int depth)
{
	cleanup_free char *key = fg_strndup(type, n);
	const cJSON *shape = fg_json_object(fg_json_object(s->table, "types"), key);
	const cJSON *either = fg_json_array(shape, "union"), *one;
	cJSON *object;

	if (!shape || depth > SHAPES_DEPTH)
		return shapes_odd(s);
	if (either) {
		one = cJSON_GetArrayItem(either, (int)shapes_below(s, (size_t)cJSON_GetArraySize(either)));
		return shapes_make(s, one->valuestring, strlen(one->valuestring), name, depth);
	}
	object = cJSON_CreateObject();
	shapes_fields(s, object, fg_json_object(shape, "req"), 0, depth);
	shapes_fields(s, object, fg_json_object(shape, "opt"), depth < 2 ? 12 : 32, depth);
	return object;
}

/* One of "A|B", whose bars may also be within quotes or brackets. */
static inline const char *shapes_choose(struct shapes *s, const char *type, size_t *n)
{
	const char *chosen = type, *from = type;
	size_t seen = 0, length = *n;
	bool quoted = false;
	int inner = 0;

	for (const char *p = type; p <= type + *n; p++) {
		if (p < type + *n && *p == '"')
			quoted = !quoted;
		inner += p < type + *n && !quoted ? (*p == '[') - (*p == ']') : 0;
		if (p < type + *n && (*p != '|' || quoted || inner))
			continue;
		if (shapes_below(s, ++seen) == 0) {
			chosen = from;
			length = (size_t)(p - from);
		}
		from = p + 1;
	}
	*n = length;
	return chosen;
}

static inline cJSON *shapes_list(struct shapes *s, const char *type, size_t n, const char *name, int depth)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = shapes_below(s, 3); i; i--)
		cJSON_AddItemToArray(list, shapes_make(s, type, n, name, depth + 1));
	return list;
}

static inline cJSON *shapes_make(struct shapes *s, const char *type, size_t n, const char *name, int depth)
{
	cJSON *known = shapes_below(s, 8) ? shapes_known(s, name) : NULL;

	if (known || ++s->nodes > SHAPES_NODES)
		return known ? known : cJSON_CreateNull();
	if (shapes_below(s, 48) == 0)
		return shapes_odd(s);
	type = shapes_choose(s, type, &n);
	if (*type == '[')
		return shapes_list(s, type + 1, n - 2, name, depth);
	if (*type == '"') {
		cleanup_free char *word = fg_strndup(type + 1, n - 2);

		return cJSON_CreateString(word);
	}
	if ((*type >= '0' && *type <= '9') || strncmp(type, "Integer", n) == 0 || strncmp(type, "Float", n) == 0)
		return shapes_number(s);
	if (strncmp(type, "Boolean", n) == 0 || strncmp(type, "True", n) == 0)
		return cJSON_CreateBool(*type == 'T' || shapes_below(s, 2));
	if (strncmp(type, "String", n) == 0)
		return shapes_text(s);
	return shapes_named(s, type, n, name, depth);
}

/* An update of one kind, and seldom of two at once. The kinds that a bot asks for come more often. */
static inline cJSON *shapes_update(struct shapes *s)
{
	static const char *const asked[] = {"message", "callback_query", "my_chat_member"};
	const cJSON *kinds = fg_json_path(s->table, "types.Update.opt"), *kind;
	cJSON *update = cJSON_CreateObject();

	s->nodes = 0;
	do {
		kind = shapes_below(s, 2) ? fg_json_get(kinds, shapes_pick(s, asked))
					  : cJSON_GetArrayItem(kinds,
						    (int)shapes_below(s, (size_t)cJSON_GetArraySize(kinds)));
		if (!fg_json_get(update, kind->string))
			cJSON_AddItemToObject(update, kind->string,
				shapes_make(s, kind->valuestring, strlen(kind->valuestring), kind->string, 0));
	} while (shapes_below(s, 16) == 0);
	return update;
}

/* A part of it, at random: its container and itself. */
static inline cJSON *shapes_somewhere(struct shapes *s, cJSON *item, cJSON **parent)
{
	while (item->child && (!*parent || shapes_below(s, 4))) {
		int n = cJSON_GetArraySize(item);

		*parent = item;
		item = cJSON_GetArrayItem(item, (int)shapes_below(s, (size_t)n));
	}
	return item;
}

/* Put something else in the place of one part, leave it out, or have it twice. */
static inline void shapes_twist(struct shapes *s, cJSON *update)
{
	cJSON *parent = NULL, *item = shapes_somewhere(s, update, &parent);
	cJSON *known;

	if (!parent)
		return;
	known = item->string ? shapes_known(s, item->string) : NULL;
	if (shapes_below(s, 4) == 0)
		cJSON_Delete(cJSON_DetachItemViaPointer(parent, item));
	else if (cJSON_IsObject(parent) && shapes_below(s, 4) == 0)
		cJSON_AddItemToObject(parent, item->string, fg_steal(&known) ?: shapes_odd(s));
	else if (cJSON_IsObject(parent)) {
		cleanup_free char *key = fg_strdup(item->string);

		cJSON_DeleteItemFromObjectCaseSensitive(parent, key);
		cJSON_AddItemToObject(parent, key,
			known && shapes_below(s, 2) ? fg_steal(&known) : shapes_odd(s));
	} else {
		cJSON_ReplaceItemViaPointer(parent, item, shapes_odd(s));
	}
	cJSON_Delete(known);
}

#endif
