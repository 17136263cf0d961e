/*
 * The fields of a template, each read into the one form that specs have.
 */
#include <ctype.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/text.h"
#include "spec/template.h"

int field_fail(struct fg_err *err, const char *path, const char *why)
{
	return fg_fail(err, FG_EINVAL, "%s: %s", path, why);
}

char *field_text(const cJSON *in, const char *path, struct fg_err *err)
{
	if (cJSON_IsString(in))
		return fg_strdup(in->valuestring);
	if (cJSON_IsNumber(in) || cJSON_IsBool(in) || cJSON_IsRaw(in))
		return fg_json_print(in);
	field_fail(err, path, "it is no string");
	return NULL;
}

cJSON *field_list(const cJSON *in, const char *path, struct fg_err *err)
{
	cleanup_json cJSON *out = cJSON_CreateArray();
	const cJSON *item;
	int count = 0;

	if (in && !cJSON_IsArray(in) && !cJSON_IsString(in)) {
		field_fail(err, path, "it is no list");
		return NULL;
	}
	if (cJSON_IsString(in)) {
		cJSON_AddItemToArray(out, cJSON_CreateString(in->valuestring));
		return fg_steal(&out);
	}
	cJSON_ArrayForEach (item, in) {
		cleanup_free char *text = field_text(item, path, err);

		if (!text)
			return NULL;
		if (count++ == LIST_MAX) {
			field_fail(err, path, "it is too long");
			return NULL;
		}
		cJSON_AddItemToArray(out, cJSON_CreateString(text));
	}
	return fg_steal(&out);
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

cJSON *field_set(cJSON *list)
{
	int count = cJSON_GetArraySize(list), i = 0;
	cleanup_free const char **texts = fg_alloc(((size_t)count + 1) * sizeof(*texts));
	cJSON *out = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		texts[i++] = item->valuestring;
	}
	qsort(texts, (size_t)count, sizeof(*texts), by_text);
	for (i = 0; i < count; i++)
		if (i == 0 || strcmp(texts[i - 1], texts[i]) != 0)
			cJSON_AddItemToArray(out, cJSON_CreateString(texts[i]));
	cJSON_Delete(list);
	return out;
}

int field_unknown(struct fg_err *err, const char *path, const char *key)
{
	cleanup_str struct fg_str shown;

	fg_str_init(&shown, 80);
	fg_text_clean_line(&shown, key, strlen(key));
	return fg_fail(
		err, FG_EINVAL, "%s%s%s: there is no such field", path, *path ? "." : "", shown.s);
}

int field_keys(const cJSON *in, const char *path, const char *const *keys, struct fg_err *err)
{
	const cJSON *item;

	if (in && !cJSON_IsObject(in))
		return field_fail(err, path, "it is no object");
	cJSON_ArrayForEach (item, in) {
		size_t i;

		for (i = 0; keys[i]; i++)
			if (strcmp(keys[i], item->string) == 0)
				break;
		if (!keys[i])
			return field_unknown(err, path, item->string);
	}
	return 0;
}

static int read_text(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	cleanup_free char *text = NULL;

	if (!in) {
		cJSON_AddStringToObject(spec, name, "");
		return 0;
	}
	text = field_text(in, name, err);
	if (!text)
		return -1;
	cJSON_AddStringToObject(spec, name, text);
	return 0;
}

/* An image without a tag is its latest one: said, so that both ways of writing it are the same
 * spec. */
static int read_image(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	const char *image = cJSON_GetStringValue(in), *slash;
	cleanup_free char *tagged = NULL;

	if (!image || !*image)
		return field_fail(err, name, "every template needs one");
	if (strlen(image) > 512)
		return field_fail(err, name, "it is too long");
	for (const char *p = image; *p; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return field_fail(err, name, "it has characters that no image has");
	slash = strrchr(image, '/');
	if (!strchr(image, '@') && !strchr(slash ? slash : image, ':'))
		tagged = fg_printf("%s:latest", image);
	cJSON_AddStringToObject(spec, name, tagged ? tagged : image);
	return 0;
}

/* Order means something: commands, networks. */
static int read_list(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	cJSON *list = field_list(in, name, err);

	if (!list)
		return -1;
	cJSON_AddItemToObject(spec, name, list);
	return 0;
}

static int read_networks(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	cleanup_json cJSON *list = field_list(in, name, err), *seen = cJSON_CreateObject();
	cJSON *out;
	const cJSON *item;

	if (!list)
		return -1;
	out = cJSON_AddArrayToObject(spec, name);
	cJSON_ArrayForEach (item, list) {
		if (!*item->valuestring)
			return field_fail(err, name, "an empty name");
		if (fg_json_get(seen, item->valuestring))
			continue;
		cJSON_AddTrueToObject(seen, item->valuestring);
		cJSON_AddItemToArray(out, cJSON_CreateString(item->valuestring));
	}
	return 0;
}

/* An object of strings. */
static int read_map(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	cJSON *out = cJSON_AddObjectToObject(spec, name);
	const cJSON *item;
	int count = 0;

	if (in && !cJSON_IsObject(in))
		return field_fail(err, name, "it is no object");
	cJSON_ArrayForEach (item, in) {
		cleanup_free char *text = field_text(item, name, err);

		if (!text)
			return -1;
		if (!*item->string || count++ == LIST_MAX)
			return field_fail(err, name, "an empty key, or too many of them");
		if (fg_json_get(out, item->string))
			return field_fail(err, name, "the same key twice");
		cJSON_AddStringToObject(out, item->string, text);
	}
	return 0;
}

static int read_env(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, in) {
		if (item->string && strchr(item->string, '='))
			return field_fail(err, name, "a name with = in it");
	}
	return read_map(in, spec, name, err);
}

static int read_labels(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	static const char *const own[] = {FG_LABEL_MANAGED, FG_LABEL_INSTANCE, FG_LABEL_TEMPLATE,
		FG_LABEL_HASH, FG_LABEL_CREATED_BY, FG_LABEL_CREATED_AT};

	for (size_t i = 0; i < FG_ARRAY_LEN(own); i++)
		if (fg_json_get(in, own[i]))
			return fg_fail(err, FG_EINVAL, "%s.%s: Fleetgram sets it", name, own[i]);
	return read_map(in, spec, name, err);
}

static int read_restart(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	static const char *const known[] = {"no", "always", "unless-stopped", "on-failure"};
	const char *text = in ? cJSON_GetStringValue(in) : "no", *times;

	if (text && strcmp(text, "on-failure:0") == 0)
		text = "on-failure";
	for (size_t i = 0; text && i < FG_ARRAY_LEN(known); i++) {
		if (strcmp(text, known[i]) != 0)
			continue;
		cJSON_AddStringToObject(spec, name, text);
		return 0;
	}
	times = text && strncmp(text, "on-failure:", 11) == 0 ? text + 11 : "";
	if (*times < '1' || *times > '9' || strspn(times, "0123456789") != strlen(times) ||
		strlen(times) > 6)
		return field_fail(
			err, name, "it is one of no, always, unless-stopped, on-failure[:TIMES]");
	cJSON_AddStringToObject(spec, name, text);
	return 0;
}

static int read_pull(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	const char *text = in ? cJSON_GetStringValue(in) : "missing";

	if (!text || (strcmp(text, "missing") != 0 && strcmp(text, "always") != 0 &&
			     strcmp(text, "never") != 0))
		return field_fail(err, name, "it is one of missing, always, never");
	cJSON_AddStringToObject(spec, name, text);
	return 0;
}

/* Who sweeps reads it; what a container is does not depend on it. */
static int read_prune(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	if (in && !cJSON_IsObject(in))
		return field_fail(err, name, "it is no object");
	cJSON_AddItemToObject(spec, name, in ? cJSON_Duplicate(in, true) : cJSON_CreateObject());
	return 0;
}

static int read_bool(const cJSON *in, cJSON *spec, const char *name, const char *path,
	bool fallback, struct fg_err *err)
{
	if (in && !cJSON_IsBool(in))
		return field_fail(err, path, "it is neither true nor false");
	cJSON_AddBoolToObject(spec, name, in ? cJSON_IsTrue(in) : fallback);
	return 0;
}

/*
 * Off unless asked for: an init as PID 1 makes stops quick, but breaks images that bring their own
 * (s6, systemd), and an engine need not have one.
 */
static int read_init(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	return read_bool(in, spec, name, name, false, err);
}

/* Capabilities as the kernel's header has them, without its prefix. */
static int read_caps(
	const cJSON *in, cJSON *security, const char *name, const char *path, struct fg_err *err)
{
	cJSON *list = field_list(in, path, err), *item;

	if (!list)
		return -1;
	cJSON_ArrayForEach (item, list) {
		char *p = item->valuestring;

		for (char *c = p; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		if (strncmp(p, "CAP_", 4) == 0)
			memmove(p, p + 4, strlen(p + 4) + 1);
		if (!*p || strspn(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != strlen(p)) {
			cJSON_Delete(list);
			return field_fail(err, path, "it is no capability");
		}
	}
	cJSON_AddItemToObject(security, name, field_set(list));
	return 0;
}

static int read_security(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	static const char *const keys[] = {
		"cap_add", "cap_drop", "no_new_privileges", "privileged", "read_only", NULL};
	cJSON *out = cJSON_AddObjectToObject(spec, name);

	if (field_keys(in, name, keys, err) < 0 ||
		read_caps(fg_json_get(in, "cap_add"), out, "cap_add", "security.cap_add", err) <
			0 ||
		read_caps(fg_json_get(in, "cap_drop"), out, "cap_drop", "security.cap_drop", err) <
			0 ||
		read_bool(fg_json_get(in, "no_new_privileges"), out, "no_new_privileges",
			"security.no_new_privileges", true, err) < 0 ||
		read_bool(fg_json_get(in, "privileged"), out, "privileged", "security.privileged",
			false, err) < 0)
		return -1;
	return read_bool(
		fg_json_get(in, "read_only"), out, "read_only", "security.read_only", false, err);
}

static int read_logging(const cJSON *in, cJSON *spec, const char *name, struct fg_err *err)
{
	static const char *const keys[] = {"driver", "options", NULL};
	cJSON *out = cJSON_AddObjectToObject(spec, name);

	if (field_keys(in, name, keys, err) < 0 ||
		read_text(fg_json_get(in, "driver"), out, "driver", err) < 0 ||
		read_map(fg_json_get(in, "options"), out, "options", err) < 0)
		return fg_wrap(err, "logging");
	return 0;
}

const struct field fields[] = {
	{"command", read_list},
	{"entrypoint", read_list},
	{"env", read_env},
	{"healthcheck", field_healthcheck},
	{"host", read_text},
	{"hostname", read_text},
	{"image", read_image},
	{"init", read_init},
	{"labels", read_labels},
	{"limits", field_limits},
	{"logging", read_logging},
	{"network_mode", read_text},
	{"networks", read_networks},
	{"ports", field_ports},
	{"prune", read_prune},
	{"pull", read_pull},
	{"restart", read_restart},
	{"security", read_security},
	{"stop_timeout", field_stop_timeout},
	{"tmpfs", field_tmpfs},
	{"user", read_text},
	{"volumes", field_volumes},
	{"workdir", read_text},
};
const size_t field_count = FG_ARRAY_LEN(fields);
