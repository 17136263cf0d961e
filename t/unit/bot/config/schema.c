/* What is shipped beside the program says what the program does: the schema has the table's keys,
 * and the example loads. */
#include <stdlib.h>
#include "tap.h"
#include "config/config.h"
#include "config/keys.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"

/* A file of the source tree, whose root is above this one. */
static char *shipped(const char *name)
{
	static const char here[] = "t/unit/bot/config_schema.c";
	size_t len = strlen(__FILE__) - strlen(here);

	return fg_printf("%.*s%s", (int)len, __FILE__, name);
}

static cJSON *load(const char *name)
{
	cleanup_free char *path = shipped(name);
	cleanup_str struct fg_str text;
	FILE *f = fopen(path, "r");
	char buf[4096];
	size_t n;

	fg_str_init(&text, 1000000);
	while (f && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		fg_str_add(&text, buf, n);
	if (f)
		fclose(f);
	return fg_json_parse(text.s, text.len, NULL);
}

static const cJSON *schema;
static bool seen[1000];

static const struct config_key *row_of(const char *path)
{
	return config_key_find(path, "");
}

static void same_default(const struct config_key *row, const cJSON *node)
{
	cleanup_json cJSON *want = NULL;
	const cJSON *got = fg_json_get(node, "default");

	if (!row->fallback || row->type == CONFIG_MAP) {
		ok(!got, "%s has no default in the schema either", row->path);
		return;
	}
	want = fg_json_parse(row->fallback, strlen(row->fallback), NULL);
	ok(cJSON_Compare(got, want, true), "%s has the same default", row->path);
}

static void same_words(const struct config_key *row, const cJSON *node)
{
	cleanup_str struct fg_str words;
	const cJSON *word;

	fg_str_init(&words, 1000);
	cJSON_ArrayForEach (word, fg_json_array(node, "enum")) {
		if (cJSON_IsString(word)) /* null takes away what goes under a template */
			fg_str_printf(&words, "%s%s", words.len ? "|" : "", word->valuestring);
	}
	is_str(words.s, row->words, "and the same words");
}

/* The schema's node is for the table's path; look at both, and at what is below. */
static void compare(const cJSON *node, const char *path)
{
	const struct config_key *row = row_of(path);
	const char *ref = fg_json_str(node, "$ref", NULL);
	const cJSON *child;

	if (!ok(row != NULL, "the program knows \"%s\"", path))
		return;
	seen[row - config_keys] = true;
	ok(fg_json_str(node, "description", NULL) != NULL, "it is described");
	same_default(row, node);
	if (row->words)
		same_words(row, node);
	if (ref) {
		is_str(ref, "#/$defs/template", "templates and their defaults are one");
		if (row->like)
			return;
		node = fg_json_path(schema, "$defs.template");
	}
	cJSON_ArrayForEach (child, fg_json_object(node, "properties")) {
		cleanup_free char *below =
			fg_printf("%s%s%s", path, *path ? "." : "", child->string);

		compare(child, below);
	}
	if (row->type == CONFIG_OBJECT)
		ok(cJSON_IsFalse(fg_json_get(node, "additionalProperties")),
			"and nothing else is in it");
	if (row->type == CONFIG_MAP || row->type == CONFIG_LIST) {
		bool map = row->type == CONFIG_MAP;
		cleanup_free char *below = fg_printf("%s%s", path, map ? ".*" : "[]");

		compare(fg_json_get(node, map ? "additionalProperties" : "items"), below);
	}
}

static void test_table(void)
{
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		ok(row_of(key->path) == key, "\"%s\" is there once", key->path);
		if (key->type == CONFIG_MAP || key->type == CONFIG_LIST)
			ok(config_key_find(key->path, key->type == CONFIG_MAP ? ".*" : "[]") !=
					NULL,
				"its items are too");
		if (key->type == CONFIG_WORD)
			ok(key->words != NULL, "it has words");
		if (key->type == CONFIG_NUMBER || key->type == CONFIG_COUNT ||
			key->type == CONFIG_DURATION)
			ok(key->min < key->max, "it has bounds");
	}
}

static void test_example(void)
{
	cleanup_free char *path = shipped("config/fleetgram.example.json"), *text = NULL;
	cleanup_config_errors struct config_errors errors = {0};
	cleanup_config struct config *config = config_load(path, NULL, &errors);

	text = config_errors_text(&errors);
	if (!ok(config != NULL, "the example is right"))
		diag("%s", text);
	ok(config && config->host_count == 3 && config->user_count == 2 &&
			config->chat_count == 1 && cJSON_GetArraySize(config->templates) == 2,
		"and shows something");
}

int main(void)
{
	cleanup_json cJSON *root = load("config/fleetgram.schema.json");

	unsetenv("FLEETGRAM_TOKEN");
	unsetenv("CREDENTIALS_DIRECTORY");
	schema = root;
	ok(schema != NULL, "the schema is JSON");
	compare(schema, "");
	for (size_t i = 0; i < config_key_count; i++)
		ok(seen[i], "the schema knows \"%s\"", config_keys[i].path);
	test_table();
	test_example();
	fg_log_finish();
	return done_testing();
}
