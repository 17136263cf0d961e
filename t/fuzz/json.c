/*
 * Any text as JSON: what is accepted prints, reads back, and is the same in canonical form; as a list, row by row
 * it is the same as in one piece.
 */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"

#define CAP ((size_t)16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_row(const cJSON *row, void *arg)
{
	struct fg_str *rows = arg;

	fg_str_puts(rows, rows->len > 1 ? "," : "");
	fg_json_canonical(rows, row);
}

/* Other bytes that cJSON takes for white space, or at the beginning for a mark. */
static bool is_odd(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((data[i] < ' ' && !strchr("\t\r\n", data[i])) || data[i] == 0xef)
			return true;
	return false;
}

/* once: the whole. */
static void compare_rows(const uint8_t *data, size_t size, const cJSON *item, const struct fg_str *once)
{
	cleanup_str struct fg_str rows;
	struct fg_err why;
	int rc;

	fg_str_init(&rows, CAP);
	fg_str_puts(&rows, "[");
	rc = fg_json_rows((const char *)data, size, add_row, &rows, &why);
	fg_str_puts(&rows, "]");
	if (is_odd(data, size))
		return;
	if (item ? rc != cJSON_IsArray(item) : rc == 0)
		abort();
	if (item && rc == 1 && strcmp(rows.s, once->s) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_json cJSON *item = fg_json_parse((const char *)data, size, NULL), *again = NULL;
	cleanup_str struct fg_str once, twice;

	fg_str_init(&once, CAP);
	fg_str_init(&twice, CAP);
	if (memchr(data, 0xff, size)) /* which is replaced only where long integers are kept */
		return 0;
	if (item)
		fg_json_canonical(&once, item);
	compare_rows(data, size, item, &once);
	if (!item)
		return 0;
	again = fg_json_parse(once.s, once.len, NULL);
	if (!again)
		abort();
	fg_json_canonical(&twice, again);
	if (strcmp(once.s, twice.s) != 0)
		abort();
	return 0;
}
