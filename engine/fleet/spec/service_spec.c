/*
 * Templates that make services: what they may say, and the form of their specs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "spec/template.h"

#define NS_PER_MS 1000000LL
#define REPLICAS_MOST 100000
#define MONITOR_MS 5000 /* the swarm's own default, said */

/* What a service cannot say, and why. */
static const struct {
	const char *field, *why;
} refused[] = {
	{"limits.memory_swap", "a service has no limit of swap"},
	{"network_mode", "a service names its networks under networks; host is one of them"},
	{"prune", "a service is never pruned"},
	{"pull", "each node gets a service's image by itself"},
	{"security.privileged", "the tasks of a service cannot be privileged"},
};

static const char *const service_only[] = {"global", "placement", "replicas", "update"};

bool fg_spec_is_service(const cJSON *spec)
{
	return strcmp(fg_json_str(spec, "mode", ""), "service") == 0;
}

bool template_is_service(const cJSON *merged)
{
	return fg_spec_is_service(merged);
}

bool service_field(const char *name)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(service_only); i++)
		if (strcmp(service_only[i], name) == 0)
			return true;
	return false;
}

const char *fg_spec_misfit(bool service, const char *field)
{
	if (!service)
		return service_field(field) ? "only a template with \"mode\": \"service\" has it"
					    : NULL;
	for (size_t i = 0; i < FG_ARRAY_LEN(refused); i++)
		if (strcmp(refused[i].field, field) == 0)
			return refused[i].why;
	return NULL;
}

static void drop_path(cJSON *object, const char *path)
{
	const char *dot = strchr(path, '.');
	cleanup_free char *above = dot ? fg_strndup(path, (size_t)(dot - path)) : NULL;

	if (dot)
		object = cJSON_GetObjectItemCaseSensitive(object, above);
	if (cJSON_IsObject(object))
		cJSON_DeleteItemFromObjectCaseSensitive(object, dot ? dot + 1 : path);
}

void service_defaults(cJSON *under, const cJSON *config)
{
	const char *mode = fg_json_str(config, "mode", fg_json_str(under, "mode", ""));
	size_t i;

	if (strcmp(mode, "service") == 0)
		for (i = 0; i < FG_ARRAY_LEN(refused); i++)
			drop_path(under, refused[i].field);
	else
		for (i = 0; i < FG_ARRAY_LEN(service_only); i++)
			drop_path(under, service_only[i]);
}

/* null takes away what the defaults say; false and 0 say what is so anyway. */
static bool says(const cJSON *item)
{
	return item && !cJSON_IsNull(item) && !cJSON_IsFalse(item) &&
	       !(cJSON_IsNumber(item) && item->valuedouble == 0);
}

int service_fields_check(const cJSON *merged, struct fg_err *err)
{
	const cJSON *mode = fg_json_get(merged, "mode");
	const char *word = cJSON_GetStringValue(mode);
	size_t i;

	if (mode && !cJSON_IsNull(mode) &&
		(!word || (strcmp(word, "container") != 0 && strcmp(word, "service") != 0)))
		return field_fail(err, "mode", "it is one of container, service");
	if (!template_is_service(merged)) {
		for (i = 0; i < FG_ARRAY_LEN(service_only); i++)
			if (says(fg_json_get(merged, service_only[i])))
				return field_fail(err, service_only[i],
					fg_spec_misfit(false, service_only[i]));
		return 0;
	}
	for (i = 0; i < FG_ARRAY_LEN(refused); i++)
		if (says(fg_json_path(merged, refused[i].field)))
			return field_fail(err, refused[i].field, refused[i].why);
	return 0;
}

/* Reading */

static int count_read(const cJSON *in, const char *path, int64_t fallback, int64_t most,
	int64_t *out, struct fg_err *err)
{
	*out = fallback;
	if (!in || cJSON_IsNull(in))
		return 0;
	if (cJSON_IsString(in)) { /* a parameter's value */
		char *end;

		*out = strtoll(in->valuestring, &end, 10);
		if (end == in->valuestring || *end)
			return field_fail(err, path, "it is no whole number");
	} else if (!fg_json_to_i64(in, out)) {
		return field_fail(err, path, "it is no whole number");
	}
	return *out < 0 || *out > most ? field_fail(err, path, "it is out of range") : 0;
}

/* A share of one, as parts of a million: a swarm keeps it as a float, and what comes back is not
 * quite what was said. */
static int ratio_read(const cJSON *in, const char *path, int64_t *ppm, struct fg_err *err)
{
	double ratio = 0;

	if (cJSON_IsString(in)) {
		char *end;

		ratio = strtod(in->valuestring, &end);
		if (end == in->valuestring || *end)
			return field_fail(err, path, "it is no number");
	} else if (cJSON_IsNumber(in)) {
		ratio = in->valuedouble;
	} else if (in && !cJSON_IsNull(in)) {
		return field_fail(err, path, "it is no number");
	}
	if (!isfinite(ratio) || ratio < 0 || ratio > 1)
		return field_fail(err, path, "it is a share, from 0 to 1");
	*ppm = llround(ratio * 1e6);
	return 0;
}

/* One of the words, parted by |; the first is the default. */
static int word_read(const cJSON *in, const char *path, const char *words, cJSON *out,
	const char *name, struct fg_err *err)
{
	const char *text = cJSON_GetStringValue(in);
	cleanup_free char *first = fg_strndup(words, strcspn(words, "|"));

	if (!in || cJSON_IsNull(in))
		text = first;
	for (const char *p = words; text && *p;) {
		size_t len = strcspn(p, "|");

		if (strlen(text) == len && memcmp(text, p, len) == 0) {
			cJSON_AddStringToObject(out, name, text);
			return 0;
		}
		p += len + (p[len] == '|');
	}
	return fg_fail(err, FG_EINVAL, "%s: it is one of %s", path, words);
}

static int read_update(const cJSON *in, cJSON *spec, struct fg_err *err)
{
	static const char *const keys[] = {"delay", "failure_action", "max_failure_ratio",
		"monitor", "order", "parallelism", NULL};
	cJSON *out = cJSON_AddObjectToObject(spec, "update");
	int64_t parallelism = 1, delay = 0, monitor = 0, ppm = 0;

	in = cJSON_IsNull(in) ? NULL : in;
	if (field_keys(in, "update", keys, err) < 0 ||
		count_read(fg_json_get(in, "parallelism"), "update.parallelism", 1, REPLICAS_MOST,
			&parallelism, err) < 0 ||
		field_duration(fg_json_get(in, "delay"), "update.delay", 0, &delay, err) < 0 ||
		field_duration(fg_json_get(in, "monitor"), "update.monitor", MONITOR_MS, &monitor,
			err) < 0 ||
		ratio_read(fg_json_get(in, "max_failure_ratio"), "update.max_failure_ratio", &ppm,
			err) < 0 ||
		word_read(fg_json_get(in, "order"), "update.order", "stop-first|start-first", out,
			"order", err) < 0 ||
		word_read(fg_json_get(in, "failure_action"), "update.failure_action",
			"pause|continue|rollback", out, "failure_action", err) < 0)
		return -1;
	fg_json_set_i64(out, "parallelism", parallelism);
	fg_json_set_i64(out, "delay_ns", delay * NS_PER_MS);
	/* A swarm takes none for its own default. */
	fg_json_set_i64(out, "monitor_ns", (monitor ? monitor : MONITOR_MS) * NS_PER_MS);
	fg_json_set_i64(out, "max_failure_ppm", ppm);
	return 0;
}

/* "node.role == manager" without the blanks; NULL: it is no constraint. Caller frees. */
static char *constraint_tidy(const char *text)
{
	const char *at = strstr(text, "=="), *not_at = strstr(text, "!="), *p, *end;
	cleanup_free char *key = NULL, *value = NULL;

	if (!at || (not_at && not_at < at))
		at = not_at;
	if (!at)
		return NULL;
	for (p = text; *p == ' '; p++)
		;
	for (end = at; end > p && end[-1] == ' '; end--)
		;
	key = fg_strndup(p, (size_t)(end - p));
	for (p = at + 2; *p == ' '; p++)
		;
	for (end = p + strlen(p); end > p && end[-1] == ' '; end--)
		;
	value = fg_strndup(p, (size_t)(end - p));
	if (!*key || !*value || strpbrk(key, " =!"))
		return NULL;
	return fg_printf("%s%.2s%s", key, at, value);
}

static int read_constraints(const cJSON *in, cJSON *out, struct fg_err *err)
{
	cleanup_json cJSON *list = field_list(in, "placement.constraints", err);
	cJSON *tidied;
	const cJSON *item;

	if (!list)
		return -1;
	tidied = cJSON_CreateArray();
	cJSON_ArrayForEach (item, list) {
		cleanup_free char *text = constraint_tidy(item->valuestring);

		if (!text) {
			cJSON_Delete(tidied);
			return field_fail(err, "placement.constraints",
				"one is written KEY==VALUE or KEY!=VALUE, such as node.role==worker");
		}
		cJSON_AddItemToArray(tidied, cJSON_CreateString(text));
	}
	cJSON_AddItemToObject(out, "constraints", field_set(tidied));
	return 0;
}

static int read_placement(const cJSON *in, cJSON *spec, bool global, struct fg_err *err)
{
	static const char *const keys[] = {"constraints", "max_per_node", "preferences", NULL};
	cJSON *out = cJSON_AddObjectToObject(spec, "placement"), *spread;
	const cJSON *item;
	int64_t most = 0;

	in = cJSON_IsNull(in) ? NULL : in;
	if (field_keys(in, "placement", keys, err) < 0 ||
		read_constraints(fg_json_get(in, "constraints"), out, err) < 0 ||
		count_read(fg_json_get(in, "max_per_node"), "placement.max_per_node", 0,
			REPLICAS_MOST, &most, err) < 0)
		return -1;
	if (global && most)
		return field_fail(err, "placement.max_per_node",
			"a global service has one task on each node anyway");
	spread = field_list(fg_json_get(in, "preferences"), "placement.preferences", err);
	if (!spread)
		return -1;
	cJSON_AddItemToObject(out, "preferences", spread);
	cJSON_ArrayForEach (item, spread)
		if (strncmp(item->valuestring, "node.labels.", 12) != 0 &&
			strncmp(item->valuestring, "engine.labels.", 14) != 0)
			return field_fail(err, "placement.preferences",
				"one is a label of nodes to spread over, such as node.labels.zone");
	fg_json_set_i64(out, "max_per_node", most);
	return 0;
}

static int read_size(const cJSON *merged, cJSON *spec, bool *global, struct fg_err *err)
{
	const cJSON *in = fg_json_get(merged, "global");
	const cJSON *replicas = fg_json_get(merged, "replicas");
	int64_t count = 1;

	if (in && !cJSON_IsNull(in) && !cJSON_IsBool(in))
		return field_fail(err, "global", "it is neither true nor false");
	*global = cJSON_IsTrue(in);
	if (*global && replicas && !cJSON_IsNull(replicas))
		return field_fail(err, "replicas", "a global service has one task on each node");
	if (count_read(replicas, "replicas", 1, REPLICAS_MOST, &count, err) < 0)
		return -1;
	cJSON_AddBoolToObject(spec, "global", *global);
	fg_json_set_i64(spec, "replicas", *global ? 0 : count);
	return 0;
}

/* The fields that it shares with containers. */
static int read_shared(const cJSON *merged, cJSON *spec, struct fg_err *err)
{
	for (size_t i = 0; i < field_count; i++) {
		const cJSON *in = fg_json_get(merged, fields[i].name);

		if (fg_spec_misfit(true, fields[i].name))
			continue;
		if (cJSON_IsNull(in))
			in = NULL;
		if (!in && strcmp(fields[i].name, "restart") == 0)
			cJSON_AddStringToObject(spec, "restart", "always");
		else if (fields[i].read(in, spec, fields[i].name, err) < 0)
			return -1;
	}
	if (strcmp(fg_json_str(spec, "restart", ""), "unless-stopped") == 0)
		cJSON_ReplaceItemInObjectCaseSensitive(
			spec, "restart", cJSON_CreateString("always"));
	drop_path(spec, "limits.memory_swap");
	drop_path(spec, "security.privileged");
	return 0;
}

cJSON *service_spec_read(const cJSON *merged, struct fg_err *err)
{
	cleanup_json cJSON *spec = cJSON_CreateObject();
	bool global = false;

	fg_json_set_i64(spec, "version", FG_SPEC_VERSION);
	cJSON_AddStringToObject(spec, "mode", "service");
	if (read_shared(merged, spec, err) < 0 || read_size(merged, spec, &global, err) < 0 ||
		read_update(fg_json_get(merged, "update"), spec, err) < 0 ||
		read_placement(fg_json_get(merged, "placement"), spec, global, err) < 0)
		return NULL;
	return fg_steal(&spec);
}
