/* Fuzz target: the log parser. The first byte chooses TTY or frames, the second how the rest is cut
 * into pieces. */
#include <stdlib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "fleetgram/docker/logs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(struct fg_log_parser *p)
{
	struct fg_log_line line;

	while (fg_log_parser_next(p, &line))
		if (line.len > FG_LOG_LINE || line.text[line.len] != '\0' || line.stream < 1 ||
		        line.stream > 2 || memchr(line.text, '\n', line.len))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fg_log_parser *p;
	struct fg_err err;
	size_t step;

	if (size < 2)
		return 0;
	p = fg_log_parser_create(data[0] & 1);
	step = data[1] ? data[1] : 65536;
	for (size_t at = 2; at < size; at += step) {
		int rc =
		        fg_log_parser_feed(p, data + at, size - at < step ? size - at : step, &err);

		drain(p);
		if (rc < 0)
			break;
	}
	fg_log_parser_end(p);
	drain(p);
	fg_log_parser_destroy(p);
	return 0;
}
