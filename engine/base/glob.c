/* Globs as people type them, matched without recursion. */
#include <string.h>
#include "fleetgram/base/text.h"

/*
 * The bracket expression at p ("[a-z]", "[!a]") against c. Returns what follows it, or NULL when it
 * has no end and the bracket is an ordinary character.
 */
static const char *match_class(const char *p, unsigned char c, bool *match)
{
	bool negate, in = false;
	unsigned char from, to;
	const char *first;

	p++;
	negate = *p == '!' || *p == '^';
	p += negate;
	for (first = p; *p && (*p != ']' || p == first);) {
		if (*p == '\\' && p[1])
			p++;
		from = to = (unsigned char)*p++;
		if (p[0] == '-' && p[1] && p[1] != ']') {
			p++;
			if (*p == '\\' && p[1])
				p++;
			to = (unsigned char)*p++;
		}
		in = in || (c >= from && c <= to);
	}
	if (*p != ']')
		return NULL;
	*match = in != negate;
	return p + 1;
}

/* One element of the pattern that is not a star, against one byte. Returns what follows it, NULL:
 * no match. */
static const char *match_one(const char *p, unsigned char c)
{
	const char *next;
	bool match = false;

	if (*p == '?')
		return p + 1;
	if (*p == '[') {
		next = match_class(p, c, &match);
		if (next)
			return match ? next : NULL;
	}
	if (*p == '\\' && p[1])
		p++;
	return *p && (unsigned char)*p == c ? p + 1 : NULL;
}

/* Only the last star ever has to be reconsidered: what an earlier one took is settled once a later
 * one is reached. */
bool fg_glob_match(const char *pattern, const char *s)
{
	const char *star = NULL, *resume = NULL, *next;

	while (*s) {
		if (*pattern == '*') {
			star = ++pattern;
			resume = s;
			continue;
		}
		next = match_one(pattern, (unsigned char)*s);
		if (next) {
			pattern = next;
			s++;
		} else if (star) {
			pattern = star;
			s = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

bool fg_glob_is_pattern(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}
