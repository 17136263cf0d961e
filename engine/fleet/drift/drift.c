/*
 * Drift: specs beside each other, field by field, and the close look at one instance.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "drift/drift.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "spec/spec_version.h"
#include "spec/template.h"
#include "drift/today.h"

#define DEPTH 3 /* of a spec */
#define VALUE_MAX ((size_t)16 * 1024)
#define DIFFERENCES_MAX 1000

/* Values as templates write them; NULL: nothing is said. Caller frees. */
typedef char *print_fn(int64_t value);

static char *print_cpus(int64_t value)
{
	return value ? fg_printf("%.10g", (double)value / 1e9) : NULL;
}

static char *print_count(int64_t value)
{
	return value ? fg_printf("%lld", (long long)value) : NULL;
}

static char *print_seconds(int64_t value)
{
	return fg_printf("%llds", (long long)value);
}

static char *print_ns(int64_t value)
{
	int64_t ms = value / 1000000;

	if (ms % 1000)
		return fg_printf("%lldms", (long long)ms);
	if (ms % 60000 || ms == 0)
		return fg_printf("%llds", (long long)(ms / 1000));
	return fg_printf("%lldm", (long long)(ms / 60000));
}

static char *print_ppm(int64_t value)
{
	return fg_printf("%.10g", (double)value / 1e6);
}

/* Numbers of a spec, what they are called in templates, and how they are written there. */
static const struct {
	const char *path, *name;
	print_fn *print;
} numbers[] = {
	{"healthcheck.interval_ns", "healthcheck.interval", print_ns},
	{"healthcheck.retries", NULL, print_count},
	{"healthcheck.start_period_ns", "healthcheck.start_period", print_ns},
	{"healthcheck.timeout_ns", "healthcheck.timeout", print_ns},
	{"limits.memory", NULL, size_text},
	{"limits.memory_swap", NULL, size_text},
	{"limits.nano_cpus", "limits.cpus", print_cpus},
	{"limits.pids", NULL, print_count},
	{"placement.max_per_node", NULL, print_count},
	{"stop_timeout", NULL, print_seconds},
	{"update.delay_ns", "update.delay", print_ns},
	{"update.max_failure_ppm", "update.max_failure_ratio", print_ppm},
	{"update.monitor_ns", "update.monitor", print_ns},
};

static char *number_print(const char *path, const cJSON *item)
{
	int64_t value;

	if (!fg_json_to_i64(item, &value))
		return fg_json_print(item);
	for (size_t i = 0; i < FG_ARRAY_LEN(numbers); i++)
		if (strcmp(numbers[i].path, path) == 0)
			return numbers[i].print(value);
	return fg_printf("%lld", (long long)value);
}

/* Words of a command stand apart by blanks, anything else by commas. */
static char *list_print(const char *path, const cJSON *list)
{
	bool words = strcmp(path, "command") == 0 || strcmp(path, "entrypoint") == 0 ||
		     strcmp(path, "healthcheck.test") == 0;
	struct fg_str out;
	const cJSON *item;

	if (cJSON_GetArraySize(list) == 0)
		return NULL;
	fg_str_init(&out, VALUE_MAX);
	cJSON_ArrayForEach (item, list) {
		const char *text = cJSON_GetStringValue(item);
		bool quote = words && text && (!*text || strpbrk(text, " \t\n'\"\\"));

		fg_str_printf(&out, "%s%s%s%s",
			item == list->child ? ""
			: words             ? " "
					    : ", ",
			quote ? "\"" : "", text ? text : "?", quote ? "\"" : "");
	}
	return fg_str_take(&out);
}

static char *value_print(const char *path, const cJSON *item)
{
	const char *text = cJSON_GetStringValue(item);

	if (!item || cJSON_IsNull(item))
		return NULL;
	if (text) /* an empty variable or label is there all the same */
		return *text || strchr(path, '.') ? fg_strdup(text) : NULL;
	if (cJSON_IsArray(item))
		return list_print(path, item);
	if (cJSON_IsNumber(item) || cJSON_IsRaw(item))
		return number_print(path, item);
	return fg_json_print(item);
}

void drift_add(struct fg_drift *drift, const char *field, const char *want, const char *have)
{
	for (size_t i = 0; i < drift->n; i++)
		if (strcmp(drift->v[i].field, field) == 0)
			return;
	if (drift->n == DIFFERENCES_MAX)
		return;
	drift->v = fg_realloc(drift->v, drift->n + 1, sizeof(*drift->v));
	drift->v[drift->n++] =
		(struct fg_difference){fg_strdup(field), fg_strdup(want), fg_strdup(have)};
}

static void compare_leaf(
	struct fg_drift *drift, const char *path, const cJSON *want, const cJSON *have)
{
	cleanup_free char *w = value_print(path, want), *h = value_print(path, have);
	const char *name = path;

	if (fg_str_equal(w, h))
		return;
	for (size_t i = 0; i < FG_ARRAY_LEN(numbers); i++)
		if (numbers[i].name && strcmp(numbers[i].path, path) == 0)
			name = numbers[i].name;
	drift_add(drift, name, w, h);
}

static void compare_tree(
	struct fg_drift *drift, const char *path, const cJSON *want, const cJSON *have, int depth);

static void compare_key(struct fg_drift *drift, const char *path, const char *key,
	const cJSON *want, const cJSON *have, int depth)
{
	cleanup_free char *below = fg_printf("%s%s%s", path, *path ? "." : "", key);

	compare_tree(drift, below, fg_json_get(want, key), fg_json_get(have, key), depth + 1);
}

static void compare_tree(
	struct fg_drift *drift, const char *path, const cJSON *want, const cJSON *have, int depth)
{
	const cJSON *item;

	if (depth >= DEPTH || !(cJSON_IsObject(want) || cJSON_IsObject(have))) {
		compare_leaf(drift, path, want, have);
		return;
	}
	cJSON_ArrayForEach (item, (cJSON_IsObject(want) ? want : NULL))
		compare_key(drift, path, item->string, want, have, depth);
	cJSON_ArrayForEach (item, (cJSON_IsObject(have) ? have : NULL))
		if (!fg_json_get(want, item->string))
			compare_key(drift, path, item->string, want, have, depth);
}

void drift_compare(struct fg_drift *drift, const cJSON *want, const cJSON *have)
{
	static const char *const apart[] = {"host", "prune", "pull", "version"};
	const cJSON *item;
	size_t i;

	cJSON_ArrayForEach (item, want) {
		for (i = 0; i < FG_ARRAY_LEN(apart); i++)
			if (strcmp(apart[i], item->string) == 0)
				break;
		if (i == FG_ARRAY_LEN(apart))
			compare_key(drift, "", item->string, want, have, 0);
	}
}

/* The spec that it was made from says what no engine shows: that something is left to the image. */
static void compare_made(
	struct fg_drift *drift, const struct fg_instance *instance, const struct made *made)
{
	cleanup_json cJSON *want = NULL;
	const cJSON *spec = today_made_spec(instance, made);

	if (!spec)
		return;
	want = cJSON_Duplicate(drift->spec, true);
	if (made->version < FG_SPEC_VERSION)
		spec_lower(want, made->version, spec_additions);
	drift_compare(drift, want, spec);
}

static int by_field(const void *a, const void *b)
{
	const struct fg_difference *x = a, *y = b;

	return strcmp(x->field, y->field);
}

/* What an engine cannot take away from a container that is there. */
static bool live_can(const struct fg_drift *drift, const struct fg_container_info *info)
{
	const cJSON *limits = fg_json_object(drift->spec, "limits");

	if (info->memory > 0 && fg_json_i64(limits, "memory", 0) == 0)
		return false;
	if (info->nano_cpus > 0 && fg_json_i64(limits, "nano_cpus", 0) == 0)
		return false;
	for (size_t i = 0; i < drift->n; i++)
		if (strncmp(drift->v[i].field, "limits.", 7) != 0)
			return false;
	return drift->n > 0;
}

static void look(struct fg_today *today, struct fg_host *host, const struct fg_instance *instance,
	const struct fg_container_info *info, struct fg_drift *out)
{
	const cJSON *labels = fg_json_object(fg_json_object(info->raw, "Config"), "Labels");
	struct made made = today_made(instance, info->id, labels);
	cleanup_json cJSON *live = NULL;
	char hash[FG_HASH_SIZE];

	out->spec = fg_today_spec(today, instance, labels, &out->overrides, &out->why);
	if (!out->spec)
		return;
	fg_spec_hash(out->spec, out->hash);
	live = drift_live(&(struct live){
		.want = out->spec,
		.info = info,
		.image = today_image(today, host, info->image_id),
		.podman = strcmp(host->version.kind, "podman") == 0,
	});
	if (strcmp(instance->name, info->name) != 0)
		drift_add(out, "name", instance->name, info->name);
	drift_compare(out, out->spec, live);
	if (*made.hash && today_hash(out->spec, made.version, hash) &&
		strcmp(hash, made.hash) != 0) {
		compare_made(out, instance, &made);
		if (out->n == 0) /* made from something else, and nothing shows what */
			drift_add(out, "config_hash", hash, made.hash);
	}
	out->limits_only = live_can(out, info);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_field);
	out->state = out->n ? FG_CONFIG_DRIFTED : FG_CONFIG_IN_SYNC;
}

int fg_drift(struct fg_today *today, struct fg_host *host, const struct fg_instance *instance,
	struct fg_drift *out, struct fg_err *err)
{
	cleanup_info struct fg_container_info info = {0};
	struct fg_err local;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!err)
		err = &local;
	rc = fg_container_inspect(host->engine, instance->container_id, &info, err);
	fg_host_note(host, rc < 0 ? err : NULL);
	if (rc < 0)
		return fg_wrap(err, "cannot look at %s", instance->name);
	look(today, host, instance, &info, out);
	return 0;
}

void fg_drift_finish(struct fg_drift *drift)
{
	for (size_t i = 0; i < drift->n; i++) {
		free(drift->v[i].field);
		free(drift->v[i].want);
		free(drift->v[i].have);
	}
	free(drift->v);
	cJSON_Delete(drift->spec);
	cJSON_Delete(drift->overrides);
	memset(drift, 0, sizeof(*drift));
}
