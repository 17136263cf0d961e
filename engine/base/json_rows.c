/* A list of JSON, row by row: where one ends is found here, what it says is for cJSON to read. */
#include <string.h>
#include "fleetgram/base/json.h"

static size_t space_len(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && (s[n] == ' ' || s[n] == '\t' || s[n] == '\r' || s[n] == '\n'))
		n++;
	return n;
}

/* Bytes of the row at s: up to the comma or bracket behind it, or all. Whether it is JSON is not
 * asked; in what is, brackets outside of strings come in pairs. */
static size_t row_len(const char *s, size_t len)
{
	bool quoted = false;
	int depth = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		char c = s[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (depth == 0 && (c == ',' || c == ']')) {
			return i;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return len;
}

/* What is wrong with it, and where, is told by reading it as a whole. */
static int read_whole(const char *text, size_t len, struct fg_err *err)
{
	cleanup_json cJSON *item = fg_json_parse(text, len, err);

	return item ? 0 : -1;
}

int fg_json_rows(const char *text, size_t len, void (*each)(const cJSON *row, void *arg), void *arg,
	struct fg_err *err)
{
	size_t i = space_len(text, len), n;

	if (i == len || text[i] != '[')
		return read_whole(text, len, err);
	i++;
	n = space_len(text + i, len - i);
	if (i + n < len && text[i + n] == ']')
		return read_whole(text, len, err) < 0 ? -1 : 1;
	for (;;) {
		cleanup_json cJSON *row = NULL;

		n = row_len(text + i, len - i);
		row = fg_json_parse(text + i, n, NULL);
		i += n;
		if (!row || i == len)
			return read_whole(text, len, err) < 0 ? -1
							      : fg_fail(err, FG_EPROTO, "not JSON");
		each(row, arg);
		if (text[i++] == ']')
			break;
	}
	if (i + space_len(text + i, len - i) == len)
		return 1;
	return read_whole(text, len, err) < 0 ? -1 : fg_fail(err, FG_EPROTO, "not JSON");
}
