/* The forms of names, hours, patterns and the parts of templates. */
#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "config/check.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/fleet/selector.h"
#include "languages/languages.h"

#define PATTERN_MAX 256 /* bytes of a pattern */
#define PATTERN_COST \
	512 /* elements, with repetitions unrolled: they cost some 150 bytes of stack each */
#define PATTERN_NESTING 16
#define ZONES "/usr/share/zoneinfo/"
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Whether all of s fits a pattern of ours. */
static bool fits(const char *pattern, const char *s)
{
	regex_t re;
	bool match;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	match = regexec(&re, s, 0, NULL, 0) == 0;
	regfree(&re);
	return match;
}

static bool only(const char *s, const char *allowed)
{
	return s[strspn(s, allowed)] == '\0';
}

int config_check_text(const char *s, struct fg_err *err)
{
	return *s ? 0 : fg_fail(err, FG_EINVAL, "cannot be empty");
}

int config_check_selector(const char *s, struct fg_err *err)
{
	cleanup_selector struct fg_selector *selector = fg_selector_parse_string(s, err);

	return selector ? 0 : -1;
}

/* A scope that picks everything by having no words is more likely a mistake than meant. */
int config_check_scope(const char *s, struct fg_err *err)
{
	return config_check_text(s, err) < 0 ? -1 : config_check_selector(s, err);
}

int config_check_name(const char *s, struct fg_err *err)
{
	cleanup_free char *shown = NULL;

	if (isalnum((unsigned char)*s) && strlen(s) <= 64 && only(s, LETTERS DIGITS "._-"))
		return 0;
	shown = config_url_shown(s);
	return fg_fail(err, FG_EINVAL,
		"\"%.40s\" is no name here: letters, digits, and . _ - after the first, at most 64",
		shown);
}

int config_check_command(const char *s, struct fg_err *err)
{
	const char *name = *s == '/' ? s + 1 : s;

	if (*name && strlen(name) <= 32 && only(name, "abcdefghijklmnopqrstuvwxyz_" DIGITS))
		return 0;
	return fg_fail(err, FG_EINVAL, "\"%.40s\" is no command's name", s);
}

int config_check_parameter(const char *s, struct fg_err *err)
{
	if (strcmp(s, "name") == 0)
		return fg_fail(err, FG_EINVAL,
			"a parameter cannot be called \"name\": ${name} is the instance's");
	if (*s && !isdigit((unsigned char)*s) && strlen(s) <= 64 && only(s, LETTERS DIGITS "_"))
		return 0;
	return fg_fail(err, FG_EINVAL,
		"\"%.40s\" is no parameter's name: letters, digits and _, no digit first", s);
}

int config_check_env_pair(const char *s, struct fg_err *err)
{
	if (*s != '=' && strchr(s, '='))
		return 0;
	return fg_fail(err, FG_EINVAL, "has to be \"NAME=VALUE\"");
}

int config_check_token(const char *s, struct fg_err *err)
{
	size_t n = strspn(s, DIGITS);

	if (n > 0 && s[n] == ':' && s[n + 1] && only(s + n + 1, LETTERS DIGITS "_-"))
		return 0;
	return fg_fail(err, FG_EINVAL,
		"is not a bot's token: BotFather gives one of digits, a colon, and letters");
}

/* HH:MM at s, followed by end. */
static bool is_time(const char *s, char end)
{
	return strlen(s) >= 5 && only((const char[]){s[0], s[1], s[3], s[4], '\0'}, DIGITS) &&
	       s[2] == ':' && (s[0] < '2' || (s[0] == '2' && s[1] <= '3')) && s[3] <= '5' &&
	       s[5] == end;
}

int config_check_time(const char *s, struct fg_err *err)
{
	if (*s == '\0' || is_time(s, '\0'))
		return 0;
	return fg_fail(err, FG_EINVAL, "has to be a time of day like \"08:00\", or \"\"");
}

int config_check_hours(const char *s, struct fg_err *err)
{
	if (*s == '\0' || (is_time(s, '-') && is_time(s + 6, '\0')))
		return 0;
	return fg_fail(err, FG_EINVAL, "has to be hours like \"22:00-07:00\", or \"\"");
}

int config_check_language(const char *s, struct fg_err *err)
{
	cleanup_str struct fg_str known = {0};

	if (languages_have(s))
		return 0;
	fg_str_init(&known, 512);
	for (size_t i = 0; languages_code(i); i++)
		fg_str_printf(&known, "%s\"%s\"", i ? ", " : "", languages_code(i));
	return fg_fail(err, FG_EINVAL, "has to be one of the languages there are: %s", known.s);
}

int config_check_timezone(const char *s, struct fg_err *err)
{
	cleanup_free char *path = fg_printf(ZONES "%s", s);
	struct stat st;

	if (strcmp(s, "UTC") == 0)
		return 0;
	if (*s && *s != '/' && !strstr(s, "..") && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	return fg_fail(err, FG_EINVAL,
		"there is no time zone \"%.40s\" here; they have names like \"Europe/Berlin\"", s);
}

int config_check_restart(const char *s, struct fg_err *err)
{
	if (fits("^(no|always|unless-stopped|on-failure(:[0-9]{1,6})?)$", s))
		return 0;
	return fg_fail(err, FG_EINVAL,
		"has to be one of no, always, unless-stopped, on-failure, on-failure:N; not "
		"\"%.40s\"",
		s);
}

/* Whether every number from s on, up to the protocol, can be a port. */
static bool ports_fit(const char *s)
{
	while (*s && *s != '/') {
		if (isdigit((unsigned char)*s)) {
			char *end;
			unsigned long v = strtoul(s, &end, 10);

			if (v < 1 || v > 65535)
				return false;
			s = end;
		} else {
			s++;
		}
	}
	return true;
}

int config_check_port(const char *s, struct fg_err *err)
{
	static const char form[] =
		"^((([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9a-fA-F:.]+\\]):[0-9]*:)|[0-9]+:)?"
		"[0-9]+(/(tcp|udp|sctp))?$";
	const char *address = strpbrk(s, ".]"), *ports = address ? strchr(address, ':') : s;

	if (fits(form, s) && ports && ports_fit(ports))
		return 0;
	return fg_fail(err, FG_EINVAL,
		"\"%.60s\" is no port to publish: write [IP:][HOST:]CONTAINER[/tcp], like 8080:80",
		s);
}

int config_check_volume(const char *s, struct fg_err *err)
{
	if (fits("^([^:]+:)?/[^:]*(:[A-Za-z0-9,_=-]+)?$", s))
		return 0;
	return fg_fail(err, FG_EINVAL,
		"\"%.60s\" is no mount: write VOLUME_OR_PATH:/PATH[:ro], like data:/var/lib/data",
		s);
}

/* The last byte of the bracket expression at p, or of the pattern: in brackets nothing repeats or
 * nests. */
static const char *skip_bracket(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	while (*p && *p != ']') {
		if (*p == '[' && p[1] && strchr(":.=", p[1])) {
			const char *end = strchr(p + 2, ']');

			if (!end)
				return p + strlen(p) - 1;
			p = end;
		}
		p++;
	}
	return *p ? p : p - 1;
}

/* The elements of what is open: of those before the last one, and of that, which a repetition
 * multiplies. */
struct cost {
	double before, last;
};

/* What the repetition at *p multiplies by; *p is left on its last byte. */
static double copies(const char **p)
{
	double most = 1;

	if (**p != '{')
		return 2;
	for ((*p)++; **p && **p != '}'; (*p)++) {
		size_t digits = strspn(*p, DIGITS);
		double n = digits ? strtod(*p, NULL) : 0;

		most = n > most ? n : most;
		*p += digits > 0 ? digits - 1 : 0;
	}
	*p -= **p == '\0';
	return most + 1;
}

/* The C library unrolls (a{100}){100}, and walks over what comes of it by recursion. So that is
 * counted before. */
static int check_cost(const char *p, struct fg_err *err)
{
	struct cost open[PATTERN_NESTING + 1] = {0}, *c = open;
	double inner;

	if (strlen(p) > PATTERN_MAX)
		return fg_fail(err, FG_EINVAL, "a pattern can have at most %d bytes", PATTERN_MAX);
	for (; *p; p++) {
		if (strchr("*+?{", *p)) {
			c->last *= copies(&p);
		} else if (*p == '(') {
			if (c == open + PATTERN_NESTING)
				return fg_fail(err, FG_EINVAL, "the pattern nests too deeply");
			*++c = (struct cost){.before = 1};
		} else if (*p == ')' && c > open) {
			inner = c->before + c->last;
			c--;
			c->before += c->last;
			c->last = inner;
		} else {
			if (*p == '\\' && isdigit((unsigned char)p[1]))
				return fg_fail(
					err, FG_EINVAL, "a pattern cannot refer back to a group");
			p = *p == '[' ? skip_bracket(p) : *p == '\\' && p[1] ? p + 1 : p;
			c->before += c->last;
			c->last = 1;
		}
		if (c->before + c->last > PATTERN_COST)
			return fg_fail(err, FG_EINVAL,
				"the pattern is too big once its repetitions are written out");
	}
	return 0;
}

int config_check_pattern(const char *s, struct fg_err *err)
{
	char why[128];
	regex_t re;
	int rc;

	if (check_cost(s, err) < 0)
		return -1;
	rc = regcomp(&re, s, REG_EXTENDED | REG_NOSUB);
	if (rc == 0) {
		regfree(&re);
		return 0;
	}
	regerror(rc, &re, why, sizeof(why));
	return fg_fail(err, FG_EINVAL, "\"%.60s\" is no pattern: %s", s, why);
}

bool config_pattern_fits(const char *pattern, const char *s)
{
	cleanup_free char *whole = fg_printf("^(%s)$", pattern);

	return fits(whole, s);
}
