/*
 * Short forms of what engines say, for small screens.
 */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include "commands/format.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define TODAY_MS (18 * HOUR)

static const struct {
	const char *state, *dot;
} dots[] = {
	{"created", "⚪"},
	{"dead", "🔴"},
	{"exited", "🔴"},
	{"missing", "⚫"},
	{"paused", "⏸"},
	{"removing", "🟡"},
	{"restarting", "🟡"},
	{"running", "🟢"},
};

const char *format_dot(const char *state, const char *health)
{
	if (strcmp(state, "running") == 0) {
		if (strcmp(health, "unhealthy") == 0)
			return "🟠";
		if (strcmp(health, "starting") == 0)
			return "🟡";
	}
	for (size_t i = 0; i < FG_ARRAY_LEN(dots); i++)
		if (strcmp(dots[i].state, state) == 0)
			return dots[i].dot;
	return "🔴";
}

bool format_is_up(const char *state)
{
	return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
	       strcmp(state, "restarting") == 0;
}

static const struct {
	const char *word, *sign;
} units[] = {
	{"second", "s"},
	{"minute", "m"},
	{"hour", "h"},
	{"day", "d"},
	{"week", "w"},
	{"month", "mo"},
	{"year", "y"},
};

static const char *unit_sign(const char *word, size_t len)
{
	if (len > 1 && word[len - 1] == 's')
		len--;
	for (size_t i = 0; i < FG_ARRAY_LEN(units); i++)
		if (strlen(units[i].word) == len && strncmp(units[i].word, word, len) == 0)
			return units[i].sign;
	return NULL;
}

static bool is_word(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* What stands in brackets at the end: the health, or "Paused". An exit code stays as it is. */
static void add_bracket(struct fg_str *out, const char *s, size_t len)
{
	static const char starting[] = "health: ";

	if (len >= 2 && isalpha((unsigned char)s[1])) {
		const char *inner = s + 1;
		size_t n = len - 2;

		if (n > sizeof(starting) - 1 &&
			strncmp(inner, starting, sizeof(starting) - 1) == 0) {
			inner += sizeof(starting) - 1;
			n -= sizeof(starting) - 1;
		}
		fg_str_printf(out, ", %c", tolower((unsigned char)*inner));
		fg_str_add(out, inner + 1, n - 1);
		return;
	}
	fg_str_printf(out, "%s%.*s", out->len ? " " : "", (int)len, s);
}

static size_t next_word(const char *s)
{
	const char *end;

	if (*s == '(' && (end = strchr(s, ')')))
		return (size_t)(end - s) + 1;
	return strcspn(s, " ");
}

char *format_status(const char *status)
{
	cleanup_free char *clean = format_cut(status, 80);
	struct fg_str out;

	fg_str_init(&out, 512);
	for (const char *s = clean; *s;) {
		size_t len = next_word(s);
		const char *sign = unit_sign(s, len);

		if (*s == '(' && len > 2) {
			add_bracket(&out, s, len);
		} else if (sign) {
			fg_str_puts(&out, sign);
		} else if (is_word(s, len, "a") || is_word(s, len, "an")) {
			fg_str_puts(&out, " 1");
		} else if (!is_word(s, len, "about") && !is_word(s, len, "less") &&
			   !is_word(s, len, "than") && len) {
			if (out.len)
				fg_str_putc(&out, ' ');
			fg_str_putc(&out, out.len ? *s : (char)tolower((unsigned char)*s));
			fg_str_add(&out, s + 1, len - 1);
		}
		s += len;
		s += strspn(s, " ");
	}
	return fg_str_take(&out);
}

const char *format_age(char buf[FG_HUMAN], int64_t ms)
{
	static const struct {
		int64_t below, unit;
		const char *sign;
	} steps[] = {
		{2 * MINUTE, SECOND, "s"},
		{2 * HOUR, MINUTE, "m"},
		{2 * DAY, HOUR, "h"},
		{730 * DAY, DAY, "d"},
		{INT64_MAX, 365 * DAY, "y"},
	};
	size_t i = 0;

	if (ms < 0)
		ms = 0;
	while (ms >= steps[i].below && i + 1 < FG_ARRAY_LEN(steps))
		i++;
	snprintf(buf, FG_HUMAN, "%lld%s", (long long)(ms / steps[i].unit), steps[i].sign);
	return buf;
}

const char *format_ago(char buf[FG_HUMAN], int64_t wall_ms, int64_t now_ms)
{
	char age[FG_HUMAN];

	if (wall_ms <= 0)
		return fg_tr("never");
	snprintf(buf, FG_HUMAN, fg_tr("%s ago"), format_age(age, now_ms - wall_ms));
	return buf;
}

const char *format_until(char buf[32], int64_t wall_ms)
{
	time_t at = (time_t)(wall_ms / 1000);
	struct tm tm;

	localtime_r(&at, &tm);
	strftime(buf, 32, wall_ms - fg_wall_ms() < TODAY_MS ? "%H:%M" : "%a %d %b %H:%M", &tm);
	return buf;
}

const char *format_bytes(char buf[FG_HUMAN], double bytes)
{
	static const char signs[] = "BKMGTPE";
	size_t i = 0;

	if (!(bytes > 0))
		bytes = 0;
	while (bytes >= 999.5 && signs[i + 1]) {
		bytes /= 1024;
		i++;
	}
	if (i > 0 && bytes < 9.95)
		snprintf(buf, FG_HUMAN, "%.1f%c", bytes, signs[i]);
	else
		snprintf(buf, FG_HUMAN, "%.0f%c", bytes, signs[i]);
	return buf;
}

const char *format_percent(char buf[FG_HUMAN], double percent)
{
	if (!(percent > 0))
		percent = 0;
	snprintf(buf, FG_HUMAN, percent < 9.95 ? "%.1f%%" : "%.0f%%", percent);
	return buf;
}

const char *format_cpus(char buf[FG_HUMAN], int64_t nano)
{
	snprintf(buf, FG_HUMAN, "%.3g", (double)nano / 1e9);
	return buf;
}

char *format_image(const char *image)
{
	static const char *const prefixes[] = {
		"docker.io/", "index.docker.io/", "library/", "localhost/"};
	static const char digest[] = "sha256:";
	cleanup_free char *clean = format_cut(image, 160);
	const char *s = clean, *at;

	for (size_t i = 0; i < FG_ARRAY_LEN(prefixes); i++)
		if (strncmp(s, prefixes[i], strlen(prefixes[i])) == 0)
			s += strlen(prefixes[i]);
	at = strstr(s, digest);
	if (at && strlen(at) > sizeof(digest) - 1 + 12)
		return fg_printf("%.*s…", (int)(at - s + (long)sizeof(digest) - 1 + 12), s);
	return fg_strdup(s);
}

/* Where the nth character begins. */
static size_t nth_character(const struct fg_str *text, size_t nth)
{
	size_t at = 0;

	while (nth-- && at < text->len) {
		size_t step = fg_utf8_next(text->s + at, text->len - at, NULL);

		at += step ? step : 1;
	}
	return at;
}

/* head characters, … and as many of the end as there are up to max. */
static char *shorten(const char *s, size_t head, size_t max)
{
	size_t len = strlen(s), count;
	struct fg_str clean, out;

	/* A character is at most four bytes, and cleaning may drop some: look at more than will be
	 * shown. */
	fg_str_init(&clean, max * 4 + 4096);
	fg_text_clean_line(
		&clean, s, len > max * 4 + 1024 ? fg_utf8_cut(s, len, max * 4 + 1024) : len);
	count = fg_utf8_count(clean.s, clean.len);
	if (count <= max || !max)
		return fg_str_take(&clean);
	fg_str_init(&out, max * 4 + 16);
	fg_str_add(&out, clean.s, nth_character(&clean, head));
	fg_str_puts(&out, "…");
	fg_str_puts(&out, clean.s + nth_character(&clean, count - (max - 1 - head)));
	fg_str_finish(&clean);
	return fg_str_take(&out);
}

char *format_cut(const char *s, size_t max)
{
	return shorten(s, max ? max - 1 : 0, max);
}

char *format_cut_middle(const char *s, size_t max)
{
	return shorten(s, max ? (max - 1) / 2 : 0, max);
}

bool format_secret(const char *name)
{
	static const char *const signs[] = {
		"TOKEN", "SECRET", "PASS", "PWD", "KEY", "CREDENTIAL", "AUTH", "PRIVATE", "COOKIE"};

	if (strcmp(name, "PWD") == 0 || strcmp(name, "OLDPWD") == 0)
		return false;
	for (size_t i = 0; i < FG_ARRAY_LEN(signs); i++)
		if (strcasestr(name, signs[i]))
			return true;
	return false;
}

/*
 * A password may hold anything that a URL should have encoded, so what counts is the last @ before
 * the next white space: rather a host too few than half a password too many. A name alone before
 * the @ is a token when it is as long as one.
 */
static void add_without_passwords(struct fg_str *out, const char *value)
{
	const char *s = value, *scheme;

	while ((scheme = strstr(s, "://"))) {
		const char *user = scheme + 3;
		size_t len = strcspn(user, " \t\r\n");
		const char *at = memrchr(user, '@', len);
		const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;

		fg_str_add(out, s, (size_t)(user - s));
		s = user;
		if (!at)
			continue;
		if (colon) {
			fg_str_add(out, user, (size_t)(colon + 1 - user));
			fg_str_puts(out, "***");
			s = at;
		} else if (at - user >= 16) {
			fg_str_puts(out, "***");
			s = at;
		}
	}
	fg_str_puts(out, s);
}

char *format_masked(const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	cleanup_free char *name = NULL;
	struct fg_str out;

	if (!equals)
		return fg_strdup(assignment);
	name = fg_strndup(assignment, (size_t)(equals - assignment));
	fg_str_init(&out, 2 * strlen(assignment) + 64);
	fg_str_printf(&out, "%s=", name);
	if (!equals[1])
		return fg_str_take(&out);
	if (format_secret(name))
		fg_str_puts(&out, "***");
	else
		add_without_passwords(&out, equals + 1);
	return fg_str_take(&out);
}

const char *format_exit(char buf[64], int code, bool oom_killed)
{
	const char *name = code > 128 && code < 128 + 65 ? sigabbrev_np(code - 128) : NULL;

	if (oom_killed)
		return fg_tr("out of memory");
	if (code == 126)
		return fg_tr("its command cannot be run");
	if (code == 127)
		return fg_tr("its command was not found");
	if (!name)
		return NULL;
	snprintf(buf, 64, fg_tr("ended by SIG%s"), name);
	return buf;
}

void format_cell(struct fg_str *out, const char *s, size_t width, bool right)
{
	cleanup_free char *cut = format_cut(s, width);
	size_t len = fg_utf8_count(cut, strlen(cut));
	int pad = len < width ? (int)(width - len) : 0;

	if (right)
		fg_str_printf(out, "%*s%s", pad, "", cut);
	else
		fg_str_printf(out, "%s%*s", cut, pad, "");
}

void format_bar(struct fg_str *out, int64_t done, int64_t total)
{
	int full = total > 0 ? (int)((double)done / (double)total * 10) : 0;

	for (int i = 0; i < 10; i++)
		fg_str_puts(out, i < full ? "▰" : "▱");
}

const char *format_count(char buf[64], size_t n, const char *one, const char *many)
{
	return fg_nprintf(buf, 64, n, one, many, n);
}

/* Of the letters that stand in a row, and those that stand with their capitals by turns. */
static uint32_t capital_of(uint32_t cp)
{
	if ((cp >= 'a' && cp <= 'z') || (cp >= 0xe0 && cp <= 0xfe && cp != 0xf7) ||
		(cp >= 0x3b1 && cp <= 0x3c9 && cp != 0x3c2) || (cp >= 0x430 && cp <= 0x44f))
		return cp - 0x20;
	return cp >= 0x450 && cp <= 0x45f ? cp - 0x50 : cp;
}

const char *format_capital(char buf[64], const char *text)
{
	uint32_t cp = 0;
	size_t len = fg_utf8_next(text, strlen(text), &cp);
	uint32_t capital = capital_of(cp);

	snprintf(buf, 64, "%s", text);
	if (len == 1) {
		buf[0] = (char)capital;
	} else if (len == 2) { /* and so has its capital */
		buf[0] = (char)(0xc0 | capital >> 6);
		buf[1] = (char)(0x80 | (capital & 0x3f));
	}
	return buf;
}
