/* Loads the method table and holds every request against it. */
#include "table.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "calls.h"

struct where { /* the place in the request that is being looked at, as a chain */
	const struct where *up;
	const char *name;
	int index; /* of a list; used when name is NULL */
};

static cJSON *table, *methods, *types;

static bool fits(
        const cJSON *value, const char *type, size_t n, const struct where *where, char **why);

int table_load(const char *file)
{
	FILE *in = fopen(file, "re");
	struct buf text = {0};
	char chunk[8192];
	size_t n;

	if (!in) {
		perror(file);
		return -1;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), in)))
		buf_add(&text, chunk, n);
	fclose(in);
	table = cJSON_ParseWithLength(text.data ? text.data : "", text.len);
	buf_finish(&text);
	methods = cJSON_GetObjectItemCaseSensitive(table, "methods");
	types = cJSON_GetObjectItemCaseSensitive(table, "types");
	if (methods && types)
		return 0;
	fprintf(stderr, "%s: no method table\n", file);
	return -1;
}

void table_finish(void)
{
	cJSON_Delete(table);
}

const char *table_method(const char *name)
{
	const cJSON *method;

	cJSON_ArrayForEach (method, methods)
		if (strcasecmp(method->string, name) == 0)
			return method->string;
	return NULL;
}

bool table_has_update(const char *type)
{
	const cJSON *one;

	cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(table, "updates"))
		if (strcmp(one->valuestring, type) == 0)
			return true;
	return false;
}

static void put_where(struct buf *b, const struct where *where)
{
	char number[16];

	if (where->up)
		put_where(b, where->up);
	if (where->name) {
		if (where->up)
			buf_text(b, ".");
		buf_text(b, where->name);
		return;
	}
	snprintf(number, sizeof(number), "[%d]", where->index);
	buf_text(b, number);
}

/* Keeps the first reason only: it is about the first, the likeliest, alternative. */
static bool unfit(
        char **why, const struct where *where, const char *what, const char *type, size_t n)
{
	struct buf b = {0};

	if (*why)
		return false;
	put_where(&b, where);
	buf_text(&b, ": ");
	buf_text(&b, what);
	buf_add(&b, type, n);
	*why = b.data;
	return false;
}

/* Where the next alternative's bar is, outside quotes and brackets; n when there is none. */
static size_t find_bar(const char *type, size_t n)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (type[i] == '"')
			quoted = !quoted;
		else if (!quoted && type[i] == '[')
			depth++;
		else if (!quoted && type[i] == ']')
			depth--;
		else if (!quoted && !depth && type[i] == '|')
			return i;
	}
	return n;
}

static bool is(const char *type, size_t n, const char *name)
{
	return strlen(name) == n && memcmp(type, name, n) == 0;
}

static bool fits_list(
        const cJSON *value, const char *type, size_t n, const struct where *where, char **why)
{
	struct where item = {.up = where};
	const cJSON *one;

	if (!cJSON_IsArray(value))
		return unfit(why, where, "expected ", type, n);
	cJSON_ArrayForEach (one, value) {
		if (!fits(one, type + 1, n - 2, &item, why))
			return false;
		item.index++;
	}
	return true;
}

static bool fits_fields(
        const cJSON *value, const cJSON *shape, const struct where *where, char **why)
{
	const cJSON *required = cJSON_GetObjectItemCaseSensitive(shape, "req");
	const cJSON *optional = cJSON_GetObjectItemCaseSensitive(shape, "opt");
	const cJSON *field;

	cJSON_ArrayForEach (field, required)
		if (!cJSON_GetObjectItemCaseSensitive(value, field->string))
			return unfit(why, where, "lacks ", field->string, strlen(field->string));
	cJSON_ArrayForEach (field, value) {
		const struct where here = {.up = where, .name = field->string};
		const char *type = json_text(required, field->string);

		if (!type)
			type = json_text(optional, field->string);
		if (!type)
			return unfit(why, &here, "unknown field", "", 0);
		if (!fits(field, type, strlen(type), &here, why))
			return false;
	}
	return true;
}

static bool fits_named(
        const cJSON *value, const char *type, size_t n, const struct where *where, char **why)
{
	char *name = need(strndup(type, n));
	const cJSON *shape = cJSON_GetObjectItemCaseSensitive(types, name), *one;
	const cJSON *either = cJSON_GetObjectItemCaseSensitive(shape, "union");

	free(name);
	if (!shape)
		return true;
	if (either) {
		cJSON_ArrayForEach (one, either)
			if (fits(value, one->valuestring, strlen(one->valuestring), where, why))
				return true;
		return unfit(why, where, "expected ", type, n);
	}
	if (!cJSON_IsObject(value))
		return unfit(why, where, "expected ", type, n);
	return fits_fields(value, shape, where, why);
}

static bool fits_one(
        const cJSON *value, const char *type, size_t n, const struct where *where, char **why)
{
	bool ok;

	if (type[0] == '[')
		return fits_list(value, type, n, where, why);
	if (type[0] == '"')
		ok = cJSON_IsString(value) && is(type + 1, n - 2, value->valuestring);
	else if (isdigit((unsigned char)type[0]))
		ok = cJSON_IsNumber(value) &&
		     (long long)value->valuedouble == strtoll(type, NULL, 10);
	else if (is(type, n, "Integer"))
		ok = cJSON_IsNumber(value) && floor(value->valuedouble) == value->valuedouble;
	else if (is(type, n, "Float"))
		ok = cJSON_IsNumber(value);
	else if (is(type, n, "String") || is(type, n, "InputFile"))
		ok = cJSON_IsString(value);
	else if (is(type, n, "Boolean"))
		ok = cJSON_IsBool(value);
	else if (is(type, n, "True"))
		ok = cJSON_IsTrue(value);
	else
		return fits_named(value, type, n, where, why);
	return ok || unfit(why, where, "expected ", type, n);
}

static bool fits(
        const cJSON *value, const char *type, size_t n, const struct where *where, char **why)
{
	char *ignored = NULL;
	size_t bar = find_bar(type, n);

	if (bar == n)
		return fits_one(value, type, n, where, why);
	for (size_t at = 0; at <= n; at += bar + 1) {
		bar = find_bar(type + at, n - at);
		/* An alternative of another JSON kind says nothing about what was meant. */
		if (fits_one(
		            value, type + at, bar, where, cJSON_IsObject(value) ? why : &ignored)) {
			free(ignored);
			return true;
		}
	}
	free(ignored);
	return unfit(why, where, "expected ", type, n);
}

/* What a text parameter means under its type; NULL when it means itself. */
static cJSON *meaning(const char *text, const char *type)
{
	char *end;

	if (strstr(type, "String") == type || strstr(type, "|String") || type[0] == '"')
		return NULL;
	if (strcmp(type, "Integer") == 0) {
		long long value = strtoll(text, &end, 10);

		return *text && !*end ? cJSON_CreateNumber((double)value) : NULL;
	}
	if (strcmp(type, "Boolean") == 0 || strcmp(type, "True") == 0) {
		if (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 ||
		        strcasecmp(text, "yes") == 0)
			return cJSON_CreateTrue();
		if (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0 ||
		        strcasecmp(text, "no") == 0)
			return cJSON_CreateFalse();
		return NULL;
	}
	return cJSON_Parse(text);
}

static bool is_scalar(const char *type)
{
	return strcmp(type, "Integer") == 0 || strcmp(type, "Boolean") == 0 ||
	       strcmp(type, "Float") == 0;
}

static unsigned check_param(struct exchange *x, const char *method, cJSON *param, const char *type)
{
	char *name = copy_text(param->string), *why = NULL;
	const struct where where = {.name = name};
	cJSON *real = NULL;
	unsigned bad;

	/* In a JSON body a scalar has its JSON kind; everywhere else, and for objects, text will
	 * do. */
	if (cJSON_IsString(param) && !(x->is_json && is_scalar(type)))
		real = meaning(param->valuestring, type);
	if (real) {
		cJSON_ReplaceItemInObjectCaseSensitive(x->params, name, real);
		param = real;
	}
	bad = !fits(param, type, strlen(type), &where, &why);
	if (bad)
		complain("params", method, "%s", why);
	free(why);
	free(name);
	return bad;
}

static unsigned check_uploads(
        const struct exchange *x, const char *method, const cJSON *req, const cJSON *opt)
{
	unsigned bad = 0;

	for (const struct upload *part = x->uploads; part; part = part->next) {
		const char *type = json_text(req, part->field);
		char *reference = text_format("attach://%s", part->field);
		char *all = cJSON_PrintUnformatted(x->params);

		if (!type)
			type = json_text(opt, part->field);
		if (!(type && strstr(type, "InputFile")) && !strstr(all, reference)) {
			complain("params", method, "%s: a file nobody asked for", part->field);
			bad++;
		}
		free(all);
		free(reference);
	}
	return bad;
}

unsigned table_check(struct exchange *x, const char *method)
{
	const cJSON *shape = cJSON_GetObjectItemCaseSensitive(methods, method), *field;
	const cJSON *req = cJSON_GetObjectItemCaseSensitive(shape, "req");
	const cJSON *opt = cJSON_GetObjectItemCaseSensitive(shape, "opt");
	cJSON *param, *next;
	unsigned bad = check_uploads(x, method, req, opt);

	if (x->bad_json) {
		complain("body", method, "the body is malformed");
		bad++;
	}
	cJSON_ArrayForEach (field, req)
		if (!cJSON_GetObjectItemCaseSensitive(x->params, field->string) &&
		        !exchange_upload(x, field->string)) {
			complain("params", method, "lacks %s", field->string);
			bad++;
		}
	for (param = x->params->child; param; param = next) {
		const char *type = json_text(req, param->string);

		next = param->next;
		if (!type)
			type = json_text(opt, param->string);
		if (type) {
			bad += check_param(x, method, param, type);
			continue;
		}
		complain("params", method, "%s: unknown parameter", param->string);
		bad++;
	}
	return bad;
}
