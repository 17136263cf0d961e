/*
 * Inline keyboards: buttons that run a command as if the one who presses had typed it.
 *
 * A button's data is its command line when that fits into Telegram's 64 bytes, else a short name
 * under which the line is kept in the store for KEYBOARD_DAYS. An `edit` button shows its answer in
 * the message it is on; another one in a new message. First bytes tell them apart: `~` edits, `#`
 * is a kept line.
 */
#ifndef BOT_TELEGRAM_KEYBOARD_H
#define BOT_TELEGRAM_KEYBOARD_H

#include <stdbool.h>
#include <cjson/cJSON.h>
#include "fleetgram/base/store.h"

#define KEYBOARD_DATA 64    /* bytes */
#define KEYBOARD_WIDTH 8    /* buttons a row */
#define KEYBOARD_MOST 100   /* buttons in all */
#define KEYBOARD_BYTES 9000 /* of labels and data; Telegram takes about 10 kB in all */
#define KEYBOARD_DAYS 30

/* A keyboard under construction, to be encoded. It belongs to the caller, who frees it with
 * cJSON_Delete(). */
cJSON *keyboard_create(void);
void keyboard_row(cJSON *keyboard); /* the next button starts a row */
/*
 * command without its slash: "logs web". A full row goes on in a new one; buttons over the other
 * limits are left out, and so is one whose command is no UTF-8.
 */
void keyboard_button(cJSON *keyboard, const char *label, bool edit, const char *command, ...)
	__attribute__((format(printf, 4, 5)));
bool keyboard_empty(const cJSON *keyboard); /* NULL is empty */

/* Migrates the table of long command lines. */
int keyboard_setup(struct fg_store *store, struct fg_err *err);
/*
 * An InlineKeyboardMarkup: data made of the command lines, long ones kept in the open transaction.
 * Caller deletes; NULL for an empty keyboard (err->code is 0 then), or on an error.
 */
cJSON *keyboard_encode(struct fg_tx *tx, const cJSON *keyboard, struct fg_err *err);
/* The command line behind a button's data, which the caller frees; NULL: it is not one of ours, or
 * too old to be known. */
char *keyboard_decode(struct fg_store *store, const char *data, bool *edit);

#endif
