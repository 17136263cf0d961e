/* Inline keyboards: built of commands, encoded for Telegram, and read back when a button is
 * pressed. */
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "telegram/keyboard.h"

#define LABEL_MAX 128    /* bytes */
#define COMMAND_MAX 4096 /* bytes; Telegram takes no longer one from a person either */
#define HASH_BYTES 16
#define DAY_MS ((int64_t)86400000)

static const char *const steps[] = {
	"CREATE TABLE buttons(hash TEXT PRIMARY KEY, line TEXT NOT NULL, edit INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX buttons_age ON buttons(created_at);",
};

int keyboard_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "buttons", steps, FG_ARRAY_LEN(steps), err);
}

/* Under construction it is {"rows":[[{"text","command","edit"}]],"count","bytes"}. */
cJSON *keyboard_create(void)
{
	cJSON *keyboard = cJSON_CreateObject();

	cJSON_AddArrayToObject(keyboard, "rows");
	fg_json_set_i64(keyboard, "count", 0);
	fg_json_set_i64(keyboard, "bytes", 0);
	return keyboard;
}

static cJSON *last_row(cJSON *keyboard)
{
	cJSON *rows = cJSON_GetObjectItemCaseSensitive(keyboard, "rows");
	int n = cJSON_GetArraySize(rows);

	return n ? cJSON_GetArrayItem(rows, n - 1) : NULL;
}

static cJSON *new_row(cJSON *keyboard)
{
	cJSON *row = cJSON_CreateArray();

	cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(keyboard, "rows"), row);
	return row;
}

void keyboard_row(cJSON *keyboard)
{
	cJSON *row = last_row(keyboard);

	if (row && row->child)
		new_row(keyboard);
}

static bool is_utf8(const char *s)
{
	size_t left = strlen(s), n;

	for (; left; s += n, left -= n)
		if ((n = fg_utf8_next(s, left, NULL)) == 0)
			return false;
	return true;
}

/* The label as it will be seen: one clean line, cut to size, never empty. */
static void clean_label(struct fg_str *out, const char *label)
{
	fg_text_clean_line(out, label, strlen(label));
	while (out->len && out->s[out->len - 1] == ' ')
		fg_str_truncate(out, out->len - 1);
	if (!out->len)
		fg_str_puts(out, "?");
}

void keyboard_button(cJSON *keyboard, const char *label, bool edit, const char *command, ...)
{
	cleanup_str struct fg_str line, text;
	int64_t count = fg_json_i64(keyboard, "count", 0),
		bytes = fg_json_i64(keyboard, "bytes", 0);
	cJSON *row, *button;
	va_list ap;

	fg_str_init(&line, COMMAND_MAX);
	fg_str_init(&text, LABEL_MAX);
	va_start(ap, command);
	fg_str_vprintf(&line, command, ap);
	va_end(ap);
	clean_label(&text, label);
	bytes += (int64_t)text.len + (line.len < KEYBOARD_DATA ? (int64_t)line.len : KEYBOARD_DATA);
	if (count >= KEYBOARD_MOST || bytes > KEYBOARD_BYTES || line.full || !line.len ||
		!is_utf8(line.s))
		return;
	row = last_row(keyboard);
	if (!row || cJSON_GetArraySize(row) >= KEYBOARD_WIDTH)
		row = new_row(keyboard);
	button = cJSON_CreateObject();
	cJSON_AddStringToObject(button, "text", text.s);
	cJSON_AddStringToObject(button, "command", line.s);
	cJSON_AddBoolToObject(button, "edit", edit);
	cJSON_AddItemToArray(row, button);
	fg_json_set_i64(keyboard, "count", count + 1);
	fg_json_set_i64(keyboard, "bytes", bytes);
}

bool keyboard_empty(const cJSON *keyboard)
{
	return fg_json_i64(keyboard, "count", 0) == 0;
}

/* Keep a long line under its hash; data becomes '#' and the hash. */
static int keep_line(struct fg_tx *tx, const char *line, bool edit, char data[KEYBOARD_DATA + 1],
	struct fg_err *err)
{
	unsigned char hash[HASH_BYTES];
	cleanup_free char *whole = fg_printf("%c%s", edit ? '~' : ' ', line);
	int64_t now = fg_wall_ms();

	crypto_generichash(
		hash, sizeof(hash), (const unsigned char *)whole, strlen(whole), NULL, 0);
	data[0] = '#';
	sodium_bin2base64(data + 1, KEYBOARD_DATA, hash, sizeof(hash),
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	if (fg_tx_exec(tx, err,
		    "INSERT OR REPLACE INTO buttons(hash, line, edit, created_at) VALUES(?, ?, ?, "
		    "?)",
		    "ssii", data + 1, line, (int64_t)edit, now) < 0 ||
		fg_tx_exec(tx, err, "DELETE FROM buttons WHERE created_at < ?", "i",
			now - KEYBOARD_DAYS * DAY_MS) < 0)
		return fg_wrap(err, "cannot keep a button");
	return 0;
}

static int encode_data(
	struct fg_tx *tx, const cJSON *button, char data[KEYBOARD_DATA + 1], struct fg_err *err)
{
	const char *line = fg_json_str(button, "command", "");
	bool edit = fg_json_bool(button, "edit", false);

	/* A line that begins like one of our marks has to be kept, or it would be read as one. */
	if (strlen(line) + edit > KEYBOARD_DATA || *line == '~' || *line == '#')
		return keep_line(tx, line, edit, data, err);
	snprintf(data, KEYBOARD_DATA + 1, "%s%s", edit ? "~" : "", line);
	return 0;
}

cJSON *keyboard_encode(struct fg_tx *tx, const cJSON *keyboard, struct fg_err *err)
{
	cleanup_json cJSON *markup = cJSON_CreateObject();
	cJSON *rows = cJSON_AddArrayToObject(markup, "inline_keyboard");
	const cJSON *row, *button;
	char data[KEYBOARD_DATA + 1];

	if (err)
		*err = (struct fg_err){0};
	if (keyboard_empty(keyboard))
		return NULL;
	cJSON_ArrayForEach (row, fg_json_array(keyboard, "rows")) {
		cJSON *out = row->child ? cJSON_CreateArray() : NULL;

		if (!out)
			continue;
		cJSON_AddItemToArray(rows, out);
		cJSON_ArrayForEach (button, row) {
			cJSON *b = cJSON_CreateObject();

			cJSON_AddItemToArray(out, b);
			if (encode_data(tx, button, data, err) < 0)
				return NULL;
			cJSON_AddStringToObject(b, "text", fg_json_str(button, "text", "?"));
			cJSON_AddStringToObject(b, "callback_data", data);
		}
	}
	return fg_steal(&markup);
}

char *keyboard_decode(struct fg_store *store, const char *data, bool *edit)
{
	cleanup_rows struct fg_rows *rows = NULL;
	struct fg_err err;

	*edit = data && *data == '~';
	if (!data || !*data || !is_utf8(data))
		return NULL;
	if (*data != '#')
		return data[*edit] ? fg_strdup(data + *edit) : NULL;
	rows = fg_store_query(store, &err,
		"SELECT line, edit FROM buttons WHERE hash = ? AND created_at >= ?", "si", data + 1,
		fg_wall_ms() - KEYBOARD_DAYS * DAY_MS);
	if (!rows) {
		fg_error("cannot look up a button: %s", err.text);
		return NULL;
	}
	if (!fg_rows_next(rows))
		return NULL;
	*edit = fg_rows_i64(rows, 1) != 0;
	return fg_strdup(fg_rows_str(rows, 0));
}
