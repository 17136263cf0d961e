/*
 * The header lines of an answer.
 */
#include <string.h>
#include <strings.h>
#include "curl.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/mem.h"

bool http_header_value(const char *line, size_t len, const char *name, char *out, size_t size)
{
	size_t skip = strlen(name), n;

	if (len <= skip || strncasecmp(line, name, skip) != 0)
		return false;
	line += skip;
	len -= skip;
	while (len && (*line == ' ' || *line == '\t'))
		line++, len--;
	while (len && strchr(" \t\r\n", line[len - 1]))
		len--;
	n = len < size - 1 ? len : size - 1;
	memcpy(out, line, n);
	out[n] = '\0';
	return true;
}

void http_header_keep(struct fg_str *lines, const char *line, size_t len)
{
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		fg_str_reset(lines);
	fg_str_add(lines, line, len);
}

bool fg_http_header(const struct fg_str *lines, const char *name, int skip, char *out, size_t size)
{
	cleanup_free char *key = fg_printf("%s:", name);
	size_t len;

	for (const char *line = lines->s; *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (!http_header_value(line, len, key, out, size) || skip-- > 0)
			continue;
		/* what was cut says something else than what was sent */
		return strlen(out) < size - 1;
	}
	return false;
}
