/*
 * Overrides: what was changed on an instance by hand, for as long as the config does not say
 * something new.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "drift/today.h"

/* Limits that only make sense together. */
static const char *const groups[][3] = {
	{"nano_cpus"},
	{"memory", "memory_swap"},
	{"pids"},
};

/* The template's own values are still those that were overridden; in `to` there is at least one. */
static bool group_holds(
	const cJSON *limits, const cJSON *from, const cJSON *to, const char *const keys[3])
{
	bool any = false;

	for (size_t i = 0; i < 3 && keys[i]; i++) {
		int64_t was, value;

		if (!fg_json_to_i64(fg_json_get(to, keys[i]), &value))
			continue;
		if (!fg_json_to_i64(fg_json_get(from, keys[i]), &was) ||
			was != fg_json_i64(limits, keys[i], 0))
			return false;
		any = true;
	}
	return any;
}

static void set_limit(cJSON *limits, const char *key, int64_t value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(limits, key);
	fg_json_set_i64(limits, key, value);
}

static void override_limits(cJSON *spec, const cJSON *override, cJSON *held)
{
	cJSON *limits = (cJSON *)fg_json_object(spec, "limits");
	const cJSON *from = fg_json_object(override, "from"), *to = fg_json_object(override, "to");
	cJSON *kept, *kept_from, *kept_to;

	if (!limits || !from || !to)
		return;
	kept = cJSON_CreateObject();
	kept_from = cJSON_AddObjectToObject(kept, "from");
	kept_to = cJSON_AddObjectToObject(kept, "to");
	for (size_t i = 0; i < FG_ARRAY_LEN(groups); i++) {
		if (!group_holds(limits, from, to, groups[i]))
			continue;
		for (size_t k = 0; k < 3 && groups[i][k]; k++) {
			const char *key = groups[i][k];

			if (!fg_json_get(to, key))
				continue;
			fg_json_set_i64(kept_from, key, fg_json_i64(from, key, 0));
			fg_json_set_i64(kept_to, key, fg_json_i64(to, key, 0));
			set_limit(limits, key, fg_json_i64(to, key, 0));
		}
	}
	if (kept_to->child)
		cJSON_AddItemToObject(held, "limits", kept);
	else
		cJSON_Delete(kept);
}

static void override_image(cJSON *spec, const cJSON *override, cJSON *held)
{
	const char *from = fg_json_str(override, "from", ""), *to = fg_json_str(override, "to", "");

	if (!*to || strcmp(fg_json_str(spec, "image", ""), from) != 0)
		return;
	cJSON_ReplaceItemInObjectCaseSensitive(spec, "image", cJSON_CreateString(to));
	cJSON_AddItemToObject(held, "image", cJSON_Duplicate(override, true));
}

/* Of a service. */
static void override_replicas(cJSON *spec, const cJSON *override, cJSON *held)
{
	int64_t from, to;

	if (!fg_json_get(spec, "replicas") || fg_json_bool(spec, "global", false) ||
		!fg_json_to_i64(fg_json_get(override, "from"), &from) ||
		!fg_json_to_i64(fg_json_get(override, "to"), &to) ||
		fg_json_i64(spec, "replicas", 1) != from || to < 0)
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(spec, "replicas");
	fg_json_set_i64(spec, "replicas", to);
	cJSON_AddItemToObject(held, "replicas", cJSON_Duplicate(override, true));
}

cJSON *today_override(cJSON *spec, const cJSON *overrides)
{
	cJSON *held = cJSON_CreateObject();

	override_limits(spec, fg_json_object(overrides, "limits"), held);
	override_image(spec, fg_json_object(overrides, "image"), held);
	override_replicas(spec, fg_json_object(overrides, "replicas"), held);
	return held;
}

/* What the config said of a limit when it was changed by hand: that of today, or, without a
 * template, what it was when it was changed the first time. */
static int64_t own_value(const cJSON *own, const cJSON *before, const char *key, int64_t fallback)
{
	if (own)
		return fg_json_i64(own, key, 0);
	return fg_json_i64(fg_json_object(before, "from"), key, fallback);
}

cJSON *today_limits_override(const cJSON *overrides, const cJSON *own, const cJSON *to)
{
	cJSON *out = overrides ? cJSON_Duplicate(overrides, true) : cJSON_CreateObject();
	const cJSON *before = fg_json_object(overrides, "limits");
	cJSON *limits = before ? cJSON_Duplicate(before, true) : cJSON_CreateObject();
	cJSON *froms = (cJSON *)fg_json_object(limits, "from");
	cJSON *tos = (cJSON *)fg_json_object(limits, "to");

	if (!froms)
		froms = cJSON_AddObjectToObject(limits, "from");
	if (!tos)
		tos = cJSON_AddObjectToObject(limits, "to");
	for (size_t i = 0; i < FG_ARRAY_LEN(groups); i++) {
		bool same = true, named = false;

		for (size_t k = 0; k < 3 && groups[i][k]; k++)
			named |= fg_json_get(to, groups[i][k]) != NULL;
		for (size_t k = 0; named && k < 3 && groups[i][k]; k++) {
			const char *key = groups[i][k];
			int64_t value = fg_json_i64(to, key, 0);
			int64_t from = own_value(own, before, key, value);

			set_limit(froms, key, from);
			set_limit(tos, key, value);
			same &= from == value;
		}
		/* Back at what the config says: nothing is overridden. */
		for (size_t k = 0; named && same && k < 3 && groups[i][k]; k++) {
			cJSON_DeleteItemFromObjectCaseSensitive(froms, groups[i][k]);
			cJSON_DeleteItemFromObjectCaseSensitive(tos, groups[i][k]);
		}
	}
	cJSON_DeleteItemFromObjectCaseSensitive(out, "limits");
	if (tos->child)
		cJSON_AddItemToObject(out, "limits", limits);
	else
		cJSON_Delete(limits);
	return out;
}
