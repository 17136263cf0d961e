/*
 * Limits that an engine takes and does not hold.
 *
 * Docker says so itself, in the warnings of a create. Podman does not: an ordinary user's has those
 * controllers that were given to the user, and with cgroup v1 none. It starts the container all the
 * same, and what inspect says afterwards may be what was asked for.
 */
#include <string.h>
#include "call.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/container.h"

#define CONTROLLERS_CAP (256u << 10) /* of all that Podman says of itself: some kB */

/* By the engine's key, the controller, and the template's name. */
static const struct {
	const char *key, *controller, *name;
} limits_of[] = {
	{"NanoCpus", "cpu", "cpus"},
	{"Memory", "memory", "memory"},
	{"PidsLimit", "pids", "pids"},
};

static bool has_word(const cJSON *words, const char *word)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, words)
		if (cJSON_IsString(item) && strcmp(item->valuestring, word) == 0)
			return true;
	return false;
}

static bool any_limit(const cJSON *limits)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(limits_of); i++)
		if (fg_json_i64(limits, limits_of[i].key, 0) > 0)
			return true;
	return false;
}

char *fg_engine_unheld(struct fg_engine *engine, const cJSON *limits, struct fg_err *err)
{
	cleanup_json cJSON *doc = NULL;
	cleanup_str struct fg_str out = {0};
	const cJSON *controllers;
	int podman = any_limit(limits) ? fg_engine_podman(engine, err) : 0;

	if (podman < 0)
		return NULL;
	fg_str_init(&out, 256);
	if (!podman)
		return fg_strdup("");
	doc = fg_call_json(engine,
		&(struct fg_call){.path = "/libpod/info", .cap = CONTROLLERS_CAP}, cJSON_Object,
		err);
	if (!doc)
		return NULL;
	controllers = fg_json_path(doc, "host.cgroupControllers");
	for (size_t i = 0; cJSON_IsArray(controllers) && i < FG_ARRAY_LEN(limits_of); i++)
		if (fg_json_i64(limits, limits_of[i].key, 0) > 0 &&
			!has_word(controllers, limits_of[i].controller))
			fg_str_printf(&out, "%s%s", out.len ? ", " : "", limits_of[i].name);
	return fg_strdup(out.s ? out.s : "");
}
