/*
 * A template's parameters: values checked against what the template says of them, and put in their
 * places.
 */
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"
#include "spec/template.h"

#define DEFAULT_PATTERN "[A-Za-z0-9._:/@-]{1,128}"
#define PATTERN_MAX 256
#define PATTERN_DEPTH 16
#define PATTERN_COST 512 /* in characters, repetitions written out */
#define VALUE_MAX 1024
#define EXPAND_DEPTH 64
#define WORD_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

struct expansion {
	const char *instance;
	cJSON *values; /* by parameter */
};

static bool param_name_valid(const char *s)
{
	size_t n = strspn(s, WORD_CHARS);

	return n >= 1 && n <= 64 && !s[n] && !(*s >= '0' && *s <= '9') && strcmp(s, "name") != 0;
}

/* Past a bracket expression: a `]` is an ordinary character at its beginning and in [:class:]. */
static const char *bracket_end(const char *p)
{
	p += p[1] == '^' ? 2 : 1;
	p += *p == ']';
	while (*p && *p != ']') {
		if (*p == '[' && p[1] && strchr(":.=", p[1])) {
			char kind = p[1];

			for (p += 2; *p && !(p[0] == kind && p[1] == ']'); p++)
				;
			p += *p != '\0';
		}
		p += *p != '\0';
	}
	return *p ? p + 1 : p;
}

/* The most copies that the repetition at *p makes of what is before it; *p is moved past it. */
static unsigned long copies_take(const char **p)
{
	unsigned long most = 1;

	if (**p != '{') {
		(*p)++;
		return 2;
	}
	for ((*p)++; **p && **p != '}'; (*p)++) {
		unsigned long n = 0;
		size_t digits = strspn(*p, "0123456789");

		if (digits == 0)
			continue;
		n = digits > 4 ? PATTERN_COST + 1 : strtoul(*p, NULL, 10);
		most = n > most ? n : most;
		*p += digits - 1;
	}
	*p += **p == '}';
	return most + 1;
}

/*
 * The library compiles repetitions by copying, walks what it has compiled by recursion and matches
 * some of it in cubic time, so that a short pattern can take any amount of memory, stack or time.
 * This adds up the copies. Back references are refused for the same reason.
 */
static bool pattern_is_cheap(const char *p)
{
	unsigned long group[PATTERN_DEPTH + 1] = {0}, last = 0, copies;
	int depth = 0;

	if (strlen(p) > PATTERN_MAX)
		return false;
	while (*p && group[depth] <= PATTERN_COST) {
		if (*p == '(') {
			if (++depth > PATTERN_DEPTH)
				return false;
			group[depth] = 1;
			p++;
		} else if (*p == ')' && depth > 0) {
			last = group[depth--];
			group[depth] += last;
			p++;
		} else if (strchr("*+?{", *p)) {
			copies = copies_take(&p);
			group[depth] += last * (copies - 1);
			last *= copies;
		} else {
			if (*p == '\\' && p[1] >= '0' && p[1] <= '9')
				return false;
			if (*p == '[')
				p = bracket_end(p);
			else
				p += *p == '\\' && p[1] ? 2 : 1;
			last = 1;
			group[depth]++;
		}
	}
	return group[depth] <= PATTERN_COST;
}

/* DEFAULT_PATTERN, without compiling its 128 copies each time. */
static bool fits_usual(const char *value)
{
	size_t len = strspn(value, WORD_CHARS ".:/@-");

	return len >= 1 && len <= 128 && !value[len];
}

/* 1: fits; 0: does not; -1: the pattern itself is wrong. */
static int value_fits(const char *value, const char *pattern, const char *name, struct fg_err *err)
{
	cleanup_free char *anchored = NULL;
	regex_t re;
	size_t i;
	int rc;

	if (strcmp(pattern, DEFAULT_PATTERN) == 0)
		return fits_usual(value);
	anchored = fg_printf("^(%s)$", pattern);
	if (!pattern_is_cheap(pattern))
		return fg_fail(err, FG_EINVAL,
			"parameters.%s.pattern: too long, nested or repeated too much", name);
	/* By itself first: in parentheses a stray one of its own would undo the anchors. */
	rc = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);
	if (rc == 0) {
		regfree(&re);
		rc = regcomp(&re, anchored, REG_EXTENDED | REG_NOSUB);
	}
	if (rc != 0) {
		char why[128];

		regerror(rc, &re, why, sizeof(why));
		return fg_fail(err, FG_EINVAL, "parameters.%s.pattern: %s", name, why);
	}
	rc = strlen(value) <= VALUE_MAX && regexec(&re, value, 0, NULL, 0) == 0;
	regfree(&re);
	/* Whatever the pattern lets through, a value stays one readable line. */
	for (i = 0; rc && value[i];) {
		uint32_t cp = 0;
		size_t len = fg_utf8_next(value + i, strlen(value + i), &cp);

		rc = len > 0 && cp >= 0x20 && cp != 0x7f;
		i += len;
	}
	return rc;
}

static void complain(struct fg_str *wrong, const char *fmt, const char *name, const char *pattern)
{
	cleanup_str struct fg_str shown;

	fg_str_init(&shown, 80);
	fg_text_clean_line(&shown, name, strlen(name));
	if (wrong->len)
		fg_str_puts(wrong, "; ");
	fg_str_puts(wrong, fmt);
	fg_str_puts(wrong, shown.s);
	if (pattern) {
		fg_str_puts(wrong, " has to be like ");
		fg_str_puts(wrong, pattern);
	}
}

/* A parameter's value as text: strings, and numbers and booleans for configs that write defaults
 * so. Caller frees; NULL: none. */
static char *value_text(const cJSON *item)
{
	if (cJSON_IsString(item))
		return fg_strdup(item->valuestring);
	if (cJSON_IsNumber(item) || cJSON_IsBool(item) || cJSON_IsRaw(item))
		return fg_json_print(item);
	return NULL;
}

/* One declared parameter: its value, or its default, into ex->values. What is wrong with the value
 * goes to `wrong`. */
static int param_take(const cJSON *declared, const cJSON *params, struct expansion *ex,
	struct fg_str *wrong, struct fg_err *err)
{
	const char *name = declared->string, *pattern;
	cleanup_free char *value = NULL;
	int fits;

	if (!param_name_valid(name))
		return fg_fail(err, FG_EINVAL,
			"parameters: a name is letters, digits and underscores, and not \"name\"");
	if (!cJSON_IsObject(declared) && !cJSON_IsNull(declared))
		return fg_fail(err, FG_EINVAL, "parameters.%s: it is no object", name);
	pattern = fg_json_str(declared, "pattern", DEFAULT_PATTERN);
	value = value_text(fg_json_get(params, name));
	if (!value)
		value = value_text(fg_json_get(declared, "default"));
	if (!value) {
		complain(wrong, "missing: ", name, NULL);
		return 0;
	}
	fits = value_fits(value, pattern, name, err);
	if (fits < 0)
		return -1;
	if (fits)
		cJSON_AddStringToObject(ex->values, name, value);
	else
		complain(wrong, "", name, pattern);
	return 0;
}

static int params_check(
	const cJSON *merged, const cJSON *params, struct expansion *ex, struct fg_err *err)
{
	const cJSON *declared = fg_json_get(merged, "parameters"), *item;
	cleanup_str struct fg_str wrong;

	fg_str_init(&wrong, FG_ERR_TEXT / 2);
	if (declared && !cJSON_IsObject(declared))
		return fg_fail(err, FG_EINVAL, "parameters: it is no object");
	cJSON_ArrayForEach (item, declared) {
		if (param_take(item, params, ex, &wrong, err) < 0)
			return -1;
	}
	cJSON_ArrayForEach (item, params) {
		if (item->string && !fg_json_get(declared, item->string))
			complain(&wrong, "there is no parameter ", item->string, NULL);
	}
	if (wrong.len)
		return fg_fail(err, FG_EINVAL, "%s", wrong.s);
	return 0;
}

/* How many bytes the ${NAME} at s has; 0: none is there; -1: it is not closed. The name, or what
 * there is of it, goes to name. */
static int reference_at(const char *s, char name[FG_PARAMETER_SIZE])
{
	size_t len;

	if (s[0] != '$' || s[1] != '{')
		return 0;
	len = strspn(s + 2, WORD_CHARS);
	snprintf(name, FG_PARAMETER_SIZE, "%.*s", (int)len, s + 2);
	return s[2 + len] == '}' ? (int)len + 3 : -1;
}

int fg_template_reference(const char **s, char name[FG_PARAMETER_SIZE])
{
	while (**s) {
		int len = reference_at(*s, name);

		if (strncmp(*s, "$${", 3) == 0) {
			*s += 3;
			continue;
		}
		if (len < 0)
			return -1;
		*s += len ? len : 1;
		if (len)
			return 1;
	}
	return 0;
}

/* The text with its ${…} replaced; NULL: error. Caller frees. */
static char *text_expand(
	const char *s, const struct expansion *ex, const char *field, struct fg_err *err)
{
	cleanup_str struct fg_str out;

	fg_str_init(&out, TEXT_MAX);
	while (*s) {
		char name[FG_PARAMETER_SIZE];
		int len = reference_at(s, name);
		const char *value;

		if (strncmp(s, "$${", 3) == 0) {
			fg_str_puts(&out, "${");
			s += 3;
			continue;
		}
		if (len == 0) {
			fg_str_putc(&out, *s++);
			continue;
		}
		if (len < 0) {
			fg_fail(err, FG_EINVAL, "%s: ${%s is not closed; $${ is a plain ${", field,
				name);
			return NULL;
		}
		value = strcmp(name, "name") == 0 ? ex->instance
						  : fg_json_str(ex->values, name, NULL);
		if (!value) {
			fg_fail(err, FG_EINVAL, "%s: there is no parameter ${%s}", field, name);
			return NULL;
		}
		fg_str_puts(&out, value);
		s += len;
	}
	if (out.full) {
		fg_fail(err, FG_ETOOBIG, "%s: over %d bytes", field, TEXT_MAX);
		return NULL;
	}
	return fg_str_take(&out);
}

static int tree_expand(
	cJSON *item, const struct expansion *ex, const char *field, int depth, struct fg_err *err)
{
	cJSON *child;

	if (depth > EXPAND_DEPTH)
		return fg_fail(err, FG_EINVAL, "%s: nested too deep", field);
	if (cJSON_IsString(item) && strstr(item->valuestring, "${")) {
		cleanup_free char *text = text_expand(item->valuestring, ex, field, err);

		if (!text)
			return -1;
		cJSON_SetValuestring(item, text);
	}
	/* Keys too: labels carry names in theirs. Only env, labels and the like have a `${` there,
	 * or the key is unknown later. */
	if (depth > 0 && item->string && strstr(item->string, "${")) {
		cleanup_free char *key = text_expand(item->string, ex, field, err);

		if (!key)
			return -1;
		if (!(item->type & cJSON_StringIsConst))
			cJSON_free(item->string);
		item->type &= ~cJSON_StringIsConst;
		item->string = cJSON_malloc(strlen(key) + 1);
		memcpy(item->string, key, strlen(key) + 1);
	}
	cJSON_ArrayForEach (child, item) {
		if (tree_expand(child, ex, field, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

int template_expand(cJSON *merged, const char *instance, const cJSON *params, struct fg_err *err)
{
	struct expansion ex = {.instance = instance, .values = cJSON_CreateObject()};
	cJSON *field;
	int rc = params_check(merged, params, &ex, err);

	cJSON_ArrayForEach (field, merged) {
		if (rc == 0 && strcmp(field->string, "parameters") != 0)
			rc = tree_expand(field, &ex, field->string, 0, err);
	}
	cJSON_Delete(ex.values);
	return rc;
}
