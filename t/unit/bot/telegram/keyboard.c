/* Inline keyboards: from commands to Telegram's markup and back. */
#include <stdlib.h>
#include <unistd.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "telegram/keyboard.h"
#include "scratch.h"
#include "tap.h"

static const cJSON *button(const cJSON *markup, int row, int column)
{
	return cJSON_GetArrayItem(
		cJSON_GetArrayItem(fg_json_array(markup, "inline_keyboard"), row), column);
}

static const char *data_of(const cJSON *markup, int row, int column)
{
	return fg_json_str(button(markup, row, column), "callback_data", "(none)");
}

static cJSON *encode(struct fg_store *store, cJSON *keyboard)
{
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err = {0};
	cJSON *markup = NULL;

	if (fg_tx_begin(store, &tx, &err) == 0) {
		markup = keyboard_encode(&tx, keyboard, &err);
		fg_tx_commit(&tx, &err);
	}
	cJSON_Delete(keyboard);
	return markup;
}

static void comes_back(struct fg_store *store, const char *data, const char *line, bool edit)
{
	bool got = !edit;
	cleanup_free char *command = keyboard_decode(store, data, &got);

	is_str(command, line, "the command comes back");
	ok(!line || got == edit, "and whether it edits");
}

static void test_round_trip(struct fg_store *store)
{
	char name[101];
	cleanup_free char *longest = NULL;
	cleanup_json cJSON *markup = NULL;
	cJSON *k = keyboard_create();

	memset(name, 'n', 100);
	name[100] = '\0';
	longest = fg_printf("logs %s", name);
	ok(keyboard_empty(k) && keyboard_empty(NULL), "a new keyboard is empty");
	keyboard_row(k);
	keyboard_button(k, "Logs", false, "logs %s", "web");
	keyboard_button(k, "More", true, "list page=%d", 2);
	keyboard_row(k);
	keyboard_row(k);
	keyboard_button(k, "Long\n<name>", true, "%s", longest);
	keyboard_button(k, "Exact", false, "%.64s", longest);
	keyboard_button(k, "Over", true, "%.64s", longest);
	keyboard_button(k, "Bad", true, "logs \xff");
	keyboard_button(k, "", false, "~x");
	markup = encode(store, k);
	is_str(fg_json_str(button(markup, 0, 0), "text", ""), "Logs", "the label");
	is_str(data_of(markup, 0, 0), "logs web", "a short command is the data");
	is_str(data_of(markup, 0, 1), "~list page=2", "marked when it edits");
	is_int(cJSON_GetArraySize(fg_json_array(markup, "inline_keyboard")), 2,
		"empty rows are not encoded");
	is_str(fg_json_str(button(markup, 1, 0), "text", ""), "Long <name>", "a label is one line");
	ok(*data_of(markup, 1, 0) == '#' && strlen(data_of(markup, 1, 0)) <= 64,
		"a long command has a short name");
	is_int(strlen(data_of(markup, 1, 1)), 64, "what just fits is not renamed");
	ok(*data_of(markup, 1, 2) == '#', "what just does not is");
	is_str(fg_json_str(button(markup, 1, 3), "text", ""), "?",
		"bad UTF-8 is left out; a label is never empty");
	comes_back(store, data_of(markup, 0, 0), "logs web", false);
	comes_back(store, data_of(markup, 0, 1), "list page=2", true);
	comes_back(store, data_of(markup, 1, 0), longest, true);
	comes_back(store, data_of(markup, 1, 3), "~x", false);
	comes_back(store, "#nosuchhash", NULL, false);
	comes_back(store, "", NULL, false);
	comes_back(store, NULL, NULL, false);
	comes_back(store, "~", NULL, false);
	comes_back(store, "\xff", NULL, false);
}

static void test_limits(struct fg_store *store)
{
	cleanup_json cJSON *markup = NULL, *big = NULL;
	cleanup_json_text char *json = NULL;
	cJSON *k = keyboard_create();
	const cJSON *row;
	int buttons = 0, widest = 0;

	for (int i = 0; i < 150; i++)
		keyboard_button(k, "b", false, "info c%d", i);
	markup = encode(store, k);
	cJSON_ArrayForEach (row, fg_json_array(markup, "inline_keyboard")) {
		int n = cJSON_GetArraySize(row);

		buttons += n;
		widest = n > widest ? n : widest;
	}
	is_int(buttons, KEYBOARD_MOST, "no more buttons than Telegram takes");
	is_int(widest, KEYBOARD_WIDTH, "no wider rows either");
	k = keyboard_create();
	for (int i = 0; i < 100; i++)
		keyboard_button(k,
			"a label that goes on and on and on until there is no more room for any other",
			false, "info a-container-with-quite-a-long-name-%d", i);
	big = encode(store, k);
	json = fg_json_print(big);
	ok(strlen(json) < 14000, "the whole stays small (%zu bytes)", strlen(json));
	ok(encode(store, keyboard_create()) == NULL, "no buttons: no markup");
}

static void test_age(struct fg_store *store)
{
	cleanup_json cJSON *markup = NULL;
	cJSON *k = keyboard_create();
	bool edit;

	keyboard_button(k, "Old", false, "logs %0100d", 1);
	markup = encode(store, k);
	fg_store_exec(store, NULL, "UPDATE buttons SET created_at = created_at - ?", "i",
		(int64_t)31 * 86400 * 1000);
	ok(keyboard_decode(store, data_of(markup, 0, 0), &edit) == NULL,
		"after a month a kept command is not known");
	k = keyboard_create();
	keyboard_button(k, "New", false, "logs %0100d", 2);
	cJSON_Delete(encode(store, k));
	is_int(fg_store_i64(store, -1, "SELECT count(*) FROM buttons", ""), 1, "and is removed");
}

static void run(void *arg)
{
	struct fg_store *store = scratch_store();
	struct fg_err err;

	(void)arg;
	ok(keyboard_setup(store, &err) == 0 && keyboard_setup(store, &err) == 0,
		"set up once, and once more");
	test_round_trip(store);
	test_limits(store);
	test_age(store);
	fg_store_close(store);
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	scratch_finish();
	return done_testing();
}
