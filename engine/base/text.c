/* UTF-8, and foreign text made readable and harmless. */
#include <string.h>
#include "fleetgram/base/text.h"

#define REPLACEMENT "\xef\xbf\xbd"
#define ESC 0x1b

static bool continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t fg_utf8_next(const char *s, size_t len, uint32_t *cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *u = (const unsigned char *)s;
	size_t n, i;
	uint32_t v;

	if (len == 0)
		return 0;
	if (u[0] < 0x80) {
		n = 1;
		v = u[0];
	} else if (u[0] >= 0xc2 && u[0] <= 0xdf) {
		n = 2;
		v = u[0] & 0x1fu;
	} else if ((u[0] & 0xf0) == 0xe0) {
		n = 3;
		v = u[0] & 0x0fu;
	} else if (u[0] >= 0xf0 && u[0] <= 0xf4) {
		n = 4;
		v = u[0] & 0x07u;
	} else {
		return 0;
	}
	if (n > len)
		return 0;
	for (i = 1; i < n; i++) {
		if (!continues(u[i]))
			return 0;
		v = v << 6 | (u[i] & 0x3fu);
	}
	if (v < least[n] || (v >= 0xd800 && v <= 0xdfff) || v > 0x10ffff)
		return 0;
	if (cp)
		*cp = v;
	return n;
}

size_t fg_utf8_cut(const char *s, size_t len, size_t max)
{
	size_t back, n;

	if (len <= max)
		return len;
	for (back = 1; back <= 3 && back <= max; back++) {
		n = fg_utf8_next(s + max - back, len - max + back, NULL);
		if (n > back)
			return max - back;
		if (n > 0)
			break;
	}
	return max;
}

static size_t count(const char *s, size_t len, bool utf16)
{
	size_t total = 0, i = 0, n;
	uint32_t cp;

	while (i < len) {
		n = fg_utf8_next(s + i, len - i, &cp);
		total += utf16 && n == 4 ? 2 : 1;
		i += n ? n : 1;
	}
	return total;
}

size_t fg_utf8_count(const char *s, size_t len)
{
	return count(s, len, false);
}

size_t fg_utf16_count(const char *s, size_t len)
{
	return count(s, len, true);
}

/* Bytes of a control sequence's parameters, intermediates and final byte, which follow its
 * introducer. */
static size_t csi_len(const unsigned char *u, size_t len)
{
	size_t i = 0;

	while (i < len && u[i] >= 0x30 && u[i] <= 0x3f)
		i++;
	while (i < len && u[i] >= 0x20 && u[i] <= 0x2f)
		i++;
	if (i < len && u[i] >= 0x40 && u[i] <= 0x7e)
		i++;
	return i;
}

/*
 * Bytes of a control string (a window title, a hyperlink) with its terminator. One that does not
 * end in its own line hides nothing: then only its introducer goes. Any other escape stops the
 * search, which keeps the whole linear.
 */
static size_t control_string_len(const unsigned char *u, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (u[i] == 0x07)
			return i + 1;
		if (u[i] == ESC)
			return i + 1 < len && u[i + 1] == '\\' ? i + 2 : 0;
		if (u[i] == 0xc2 && i + 1 < len && u[i + 1] >= 0x80 && u[i + 1] <= 0x9f)
			return u[i + 1] == 0x9c ? i + 2 : 0;
		if (u[i] < 0x20 && u[i] != '\t')
			return 0;
	}
	return 0;
}

/* Bytes of what follows an introducer named by its 7-bit form: ESC [ is CSI, and so on. */
static size_t sequence_len(unsigned char kind, const unsigned char *u, size_t len)
{
	switch (kind) {
	case '[':
		return csi_len(u, len);
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		return control_string_len(u, len);
	default:
		return 0;
	}
}

/* Bytes of the whole escape sequence at u, which begins with ESC. */
static size_t escape_len(const unsigned char *u, size_t len)
{
	size_t i = 1;

	if (len < 2)
		return 1;
	while (i < len && u[i] >= 0x20 && u[i] <= 0x2f)
		i++;
	if (i == 1 && u[1] >= 0x40 && u[1] <= 0x5f)
		return 2 + sequence_len(u[1], u + 2, len - 2);
	if (i < len && u[i] >= 0x30 && u[i] <= 0x7e)
		i++;
	return i;
}

static bool bidi_control(uint32_t cp)
{
	return (cp >= 0x202a && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069);
}

/* What stands instead of the n bytes at s; NULL when they may stay. *n may grow over what belongs
 * to them. */
static const char *replacement(const char *s, size_t len, size_t *n, bool one_line)
{
	const unsigned char *u = (const unsigned char *)s;
	const char *newline = one_line ? " " : "\n";
	uint32_t cp;

	*n = fg_utf8_next(s, len, &cp);
	if (*n == 0) {
		*n = 1;
		return REPLACEMENT;
	}
	if (cp >= 0xa0) {
		if (cp == 0x2028 || cp == 0x2029)
			return newline;
		return bidi_control(cp) ? REPLACEMENT : NULL;
	}
	if (cp >= 0x80) {
		*n += sequence_len((unsigned char)(cp - 0x40), u + 2, len - 2);
		return "";
	}
	if (cp == '\r') {
		*n = len > 1 && s[1] == '\n' ? 2 : 1;
		return newline;
	}
	if (cp == ESC) {
		*n = escape_len(u, len);
		return "";
	}
	if (cp == '\n' || cp == '\t')
		return one_line ? " " : NULL;
	return cp < 0x20 || cp == 0x7f ? "" : NULL;
}

static int clean(struct fg_str *out, const char *s, size_t len, bool one_line)
{
	size_t start = 0, i = 0, n;
	const char *instead;

	while (i < len && !out->full) {
		if (s[i] >= ' ' && s[i] != 0x7f) { /* plain ASCII, whether char is signed or not */
			if ((unsigned char)s[i] < 0x80) {
				i++;
				continue;
			}
		}
		instead = replacement(s + i, len - i, &n, one_line);
		if (instead) {
			fg_str_add(out, s + start, i - start);
			fg_str_puts(out, instead);
			start = i + n;
		}
		i += n;
	}
	return fg_str_add(out, s + start, i - start);
}

int fg_text_clean(struct fg_str *out, const char *s, size_t len)
{
	return clean(out, s, len, false);
}

int fg_text_clean_line(struct fg_str *out, const char *s, size_t len)
{
	return clean(out, s, len, true);
}

void fg_url_escape(struct fg_str *out, const char *s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			     (c >= '0' && c <= '9') || strchr("-._~", c);
		char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};

		if (plain)
			fg_str_putc(out, (char)c);
		else
			fg_str_add(out, escaped, sizeof(escaped));
	}
}

bool fg_str_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}
