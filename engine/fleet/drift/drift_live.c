/*
 * A container read back into the form of a spec, where it means the same in the same words.
 *
 * Engines put their own defaults and their images' settings into what they say of a container. Each
 * field is read knowing what was asked for, so that only what means something else comes out
 * differently.
 */
#include <string.h>
#include "drift/drift.h"
#include "drift/drift_mount.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "spec/template.h"

static const cJSON *config_of(const struct live *l)
{
	return fg_json_object(l->info->raw, "Config");
}

static const cJSON *host_of(const struct live *l)
{
	return fg_json_object(l->info->raw, "HostConfig");
}

static cJSON *wanted(const struct live *l, const char *name)
{
	const cJSON *item = fg_json_get(l->want, name);

	return item ? cJSON_Duplicate(item, true) : cJSON_CreateNull();
}

static const char *short_image(const char *image)
{
	static const char *const prefixes[] = {"docker.io/", "library/", "localhost/"};

	for (size_t i = 0; i < FG_ARRAY_LEN(prefixes); i++)
		if (strncmp(image, prefixes[i], strlen(prefixes[i])) == 0)
			image += strlen(prefixes[i]);
	return image;
}

static cJSON *read_image(const struct live *l, const char *name)
{
	const cJSON *config = config_of(l);
	const char *live = fg_container_image(
		fg_json_str(config, "Image", ""), fg_json_object(config, "Labels"));
	const char *want = fg_json_str(l->want, name, "");

	return strcmp(short_image(live), short_image(want)) == 0 ? wanted(l, name)
								 : cJSON_CreateString(live);
}

/* Some engines say one word as a string, and no words as null. */
static cJSON *list_of(const cJSON *item)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *one;

	if (cJSON_IsString(item))
		cJSON_AddItemToArray(out, cJSON_CreateString(item->valuestring));
	cJSON_ArrayForEach (one, (cJSON_IsArray(item) ? item : NULL))
		if (cJSON_IsString(one))
			cJSON_AddItemToArray(out, cJSON_CreateString(one->valuestring));
	return out;
}

/* Left to the image, and as the image has it. */
static bool as_image(const struct live *l, const char *key, const cJSON *live)
{
	cleanup_json cJSON *usual = list_of(fg_json_get(l->image, key));

	return !l->image || cJSON_Compare(usual, live, true);
}

static cJSON *read_entrypoint(const struct live *l, const char *name)
{
	cJSON *live = list_of(fg_json_get(config_of(l), "Entrypoint"));

	if (cJSON_GetArraySize(fg_json_array(l->want, name)) || !as_image(l, "Entrypoint", live))
		return live;
	cJSON_Delete(live);
	return wanted(l, name);
}

/* Who brings an entrypoint does not get the image's command. */
static cJSON *read_command(const struct live *l, const char *name)
{
	cJSON *live = list_of(fg_json_get(config_of(l), "Cmd"));

	if (cJSON_GetArraySize(fg_json_array(l->want, name)) ||
		cJSON_GetArraySize(fg_json_array(l->want, "entrypoint")) ||
		!as_image(l, "Cmd", live))
		return live;
	cJSON_Delete(live);
	return wanted(l, name);
}

/* Whether the image sets the variable to just that. */
static bool image_sets(const struct live *l, const char *pair)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(l->image, "Env"))
		if (cJSON_IsString(item) && strcmp(item->valuestring, pair) == 0)
			return true;
	return false;
}

static bool engine_sets(const char *name)
{
	static const char *const names[] = {"HOME", "HOSTNAME", "PATH", "TERM", "container"};

	for (size_t i = 0; i < FG_ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static cJSON *read_env(const struct live *l, const char *name)
{
	const cJSON *want = fg_json_object(l->want, name), *item;
	cJSON *out = cJSON_CreateObject();

	cJSON_ArrayForEach (item, fg_json_array(config_of(l), "Env")) {
		const char *pair = cJSON_GetStringValue(item);
		const char *equals = pair ? strchr(pair, '=') : NULL;
		cleanup_free char *key =
			equals ? fg_strndup(pair, (size_t)(equals - pair)) : fg_strdup(pair);

		if (!pair || (!fg_json_get(want, key) &&
				     (image_sets(l, pair) || engine_sets(key) || !l->image)))
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(out, key);
		cJSON_AddStringToObject(out, key, equals ? equals + 1 : "");
	}
	return out;
}

static cJSON *read_labels(const struct live *l, const char *name)
{
	static const char own[] = "io.fleetgram.";
	const cJSON *want = fg_json_object(l->want, name), *item;
	const cJSON *image = fg_json_object(l->image, "Labels");
	cJSON *out = cJSON_CreateObject();

	cJSON_ArrayForEach (item, fg_json_object(config_of(l), "Labels")) {
		const char *value = cJSON_GetStringValue(item);

		if (!value)
			continue;
		if (!fg_json_get(want, item->string) &&
			(!l->image || strncmp(item->string, own, sizeof(own) - 1) == 0 ||
				strcmp(fg_json_str(image, item->string, ""), value) == 0))
			continue;
		cJSON_AddStringToObject(out, item->string, value);
	}
	return out;
}

/* Texts that are the image's own when nothing is said. */
static cJSON *text_or_image(const struct live *l, const char *name, const char *key)
{
	const char *live = fg_json_str(config_of(l), key, "");
	const char *image = fg_json_str(l->image, key, "");

	if (*fg_json_str(l->want, name, "") || (l->image && strcmp(live, image) != 0))
		return cJSON_CreateString(live);
	return wanted(l, name);
}

static cJSON *read_user(const struct live *l, const char *name)
{
	return text_or_image(l, name, "User");
}

/* Some engines say / where the image says nothing. */
static cJSON *read_workdir(const struct live *l, const char *name)
{
	const char *live = fg_json_str(config_of(l), "WorkingDir", "");

	if (strcmp(live, "/") == 0 && !*fg_json_str(l->want, name, "") &&
		!*fg_json_str(l->image, "WorkingDir", ""))
		return wanted(l, name);
	return text_or_image(l, name, "WorkingDir");
}

static cJSON *read_hostname(const struct live *l, const char *name)
{
	if (!*fg_json_str(l->want, name, ""))
		return wanted(l, name);
	return cJSON_CreateString(fg_json_str(config_of(l), "Hostname", ""));
}

static cJSON *read_restart(const struct live *l, const char *name)
{
	const cJSON *policy = fg_json_object(host_of(l), "RestartPolicy");
	const char *word = fg_json_str(policy, "Name", "");
	int64_t times = fg_json_i64(policy, "MaximumRetryCount", 0);
	cleanup_free char *text = NULL;

	(void)name;
	if (strcmp(word, "on-failure") == 0 && times > 0)
		text = fg_printf("%s:%lld", word, (long long)times);
	return cJSON_CreateString(text ? text : *word ? word : "no");
}

static cJSON *read_stop_timeout(const struct live *l, const char *name)
{
	int64_t seconds;

	if (!fg_json_to_i64(fg_json_get(config_of(l), "StopTimeout"), &seconds))
		seconds = 10; /* the engines' own */
	(void)name;
	return cJSON_CreateNumber((double)seconds);
}

static cJSON *read_init(const struct live *l, const char *name)
{
	(void)name;
	return cJSON_CreateBool(fg_json_bool(host_of(l), "Init", false));
}

/* 0 is the engine's choice: twice the memory, or any where the kernel cannot limit it. */
static int64_t swap_of(const struct live *l, int64_t want, int64_t memory)
{
	int64_t live = l->info->memory_swap;

	if (want == 0 && (live <= 0 || live == 2 * memory || live == 2 * l->info->memory ||
				 (l->info->memory == memory && live == memory && l->podman)))
		return 0;
	return live;
}

static cJSON *read_limits(const struct live *l, const char *name)
{
	const cJSON *want = fg_json_object(l->want, name);
	int64_t memory = fg_json_i64(want, "memory", 0), pids = fg_json_i64(want, "pids", 0);
	int64_t swap = fg_json_i64(want, "memory_swap", 0);
	cJSON *out = cJSON_CreateObject();

	fg_json_set_i64(out, "nano_cpus", l->info->nano_cpus);
	fg_json_set_i64(out, "memory", l->info->memory);
	fg_json_set_i64(out, "memory_swap", swap_of(l, swap, memory));
	/* Podman has a limit of its own where none is set. */
	fg_json_set_i64(out, "pids", l->podman && pids == 0 ? 0 : l->info->pids);
	return out;
}

/* What the image's own healthcheck gives where the spec says nothing. */
static int64_t check_number(
	const struct live *l, const cJSON *want, const char *name, const char *key)
{
	int64_t value = fg_json_i64(want, name, 0);

	return value ? value : fg_json_i64(fg_json_object(l->image, "Healthcheck"), key, 0);
}

static cJSON *read_healthcheck(const struct live *l, const char *name)
{
	static const struct {
		const char *name, *key;
	} parts[] = {{"interval_ns", "Interval"}, {"timeout_ns", "Timeout"},
		{"start_period_ns", "StartPeriod"}, {"retries", "Retries"}};
	const cJSON *want = fg_json_object(l->want, name);
	const cJSON *live = fg_json_object(config_of(l), "Healthcheck");
	const cJSON *image = fg_json_object(l->image, "Healthcheck");
	cleanup_json cJSON *test = list_of(fg_json_get(live, "Test")), *usual = NULL;
	cJSON *out;

	if (!want && (!l->image || cJSON_Compare(live, image, true) || (!live && !image)))
		return cJSON_CreateNull();
	if (cJSON_GetArraySize(test) == 0)
		return cJSON_CreateNull();
	out = cJSON_CreateObject();
	usual = list_of(fg_json_get(image, "Test"));
	if (want && !cJSON_GetArraySize(fg_json_array(want, "test")) &&
		(!l->image || cJSON_Compare(test, usual, true)))
		cJSON_AddArrayToObject(out, "test");
	else
		cJSON_AddItemToObject(out, "test", fg_steal(&test));
	for (size_t i = 0; i < FG_ARRAY_LEN(parts); i++) {
		int64_t value = fg_json_i64(live, parts[i].key, 0);

		if (want && value == check_number(l, want, parts[i].name, parts[i].key))
			value = fg_json_i64(want, parts[i].name, 0);
		fg_json_set_i64(out, parts[i].name, value);
	}
	return out;
}

/* Without the kernel's prefix, as specs have them. */
static cJSON *capabilities(const cJSON *list)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		const char *cap = cJSON_GetStringValue(item);

		if (cap)
			cJSON_AddItemToArray(out,
				cJSON_CreateString(strncmp(cap, "CAP_", 4) == 0 ? cap + 4 : cap));
	}
	return field_set(out);
}

static bool gains_nothing(const cJSON *host)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(host, "SecurityOpt")) {
		const char *option = cJSON_GetStringValue(item);

		if (option && (strcmp(option, "no-new-privileges") == 0 ||
				      strcmp(option, "no-new-privileges:true") == 0 ||
				      strcmp(option, "no-new-privileges=true") == 0))
			return true;
	}
	return false;
}

static cJSON *read_security(const struct live *l, const char *name)
{
	static const char *const caps[][2] = {{"cap_add", "CapAdd"}, {"cap_drop", "CapDrop"}};
	const cJSON *want = fg_json_object(l->want, name), *host = host_of(l);
	cJSON *out = cJSON_CreateObject();

	for (size_t i = 0; i < FG_ARRAY_LEN(caps); i++) {
		const cJSON *asked = fg_json_get(want, caps[i][0]);

		/* Podman says what came of them, not what was asked for. */
		cJSON_AddItemToObject(out, caps[i][0],
			l->podman && asked ? cJSON_Duplicate(asked, true)
					   : capabilities(fg_json_array(host, caps[i][1])));
	}
	cJSON_AddBoolToObject(out, "no_new_privileges", gains_nothing(host));
	cJSON_AddBoolToObject(out, "privileged", fg_json_bool(host, "Privileged", false));
	cJSON_AddBoolToObject(out, "read_only", fg_json_bool(host, "ReadonlyRootfs", false));
	return out;
}

/* What the daemon's own settings add is the host's matter. */
static cJSON *read_logging(const struct live *l, const char *name)
{
	const cJSON *want = fg_json_object(l->want, name), *item;
	const cJSON *live = fg_json_object(host_of(l), "LogConfig");
	bool open = !*fg_json_str(want, "driver", "");
	cJSON *out = cJSON_CreateObject(), *options;

	cJSON_AddStringToObject(out, "driver", open ? "" : fg_json_str(live, "Type", ""));
	options = cJSON_AddObjectToObject(out, "options");
	cJSON_ArrayForEach (item, fg_json_object(want, "options")) {
		const cJSON *value = fg_json_get(fg_json_object(live, "Config"), item->string);

		if (value)
			cJSON_AddItemToObject(options, item->string, cJSON_Duplicate(value, true));
	}
	return out;
}

static const struct {
	const char *name;
	cJSON *(*read)(const struct live *l, const char *name);
} readers[] = {
	{"command", read_command},
	{"entrypoint", read_entrypoint},
	{"env", read_env},
	{"healthcheck", read_healthcheck},
	{"hostname", read_hostname},
	{"image", read_image},
	{"init", read_init},
	{"labels", read_labels},
	{"limits", read_limits},
	{"logging", read_logging},
	{"network_mode", live_network_mode},
	{"networks", live_networks},
	{"ports", live_ports},
	{"restart", read_restart},
	{"security", read_security},
	{"stop_timeout", read_stop_timeout},
	{"tmpfs", live_tmpfs},
	{"user", read_user},
	{"volumes", live_volumes},
	{"workdir", read_workdir},
};

cJSON *drift_live(const struct live *l)
{
	cJSON *out = cJSON_CreateObject();

	for (size_t i = 0; i < FG_ARRAY_LEN(readers); i++)
		cJSON_AddItemToObject(out, readers[i].name, readers[i].read(l, readers[i].name));
	return out;
}
