/*
 * The registry's documents: made, checked, changed and looked into.
 */
#include <stdio.h>
#include <string.h>
#include "registry/document.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/operation.h"
#include "drift/limits.h"

void document_text(cJSON *doc, const char *key, const char *value)
{
	cJSON_AddStringToObject(doc, key, value ? value : "");
}

void document_object(cJSON *doc, const char *key, const cJSON *value)
{
	cJSON_AddItemToObject(
		doc, key, value ? cJSON_Duplicate(value, true) : cJSON_CreateObject());
}

cJSON *document_create(const struct document_seed *seed)
{
	cJSON *doc = cJSON_CreateObject();
	struct fg_limits limits;
	char now[FG_RFC3339];

	document_text(doc, "name", seed->name);
	document_text(doc, "host", seed->host);
	document_text(doc, "container_id", seed->container_id);
	document_text(doc, "template", seed->template);
	document_text(doc, "image", seed->image);
	document_text(doc, "image_digest", seed->image_digest);
	document_text(doc, "config_hash", seed->config_hash);
	document_object(doc, "spec", seed->spec);
	document_object(doc, "params", seed->params);
	if (seed->info)
		limits = fg_limits_of(seed->info);
	limits_document(doc, seed->info ? &limits : NULL);
	document_text(doc, "created_by", seed->created_by);
	document_text(doc, "created_at", seed->created_at);
	document_text(doc, "last_used_at", fg_rfc3339(now, fg_wall_ms()));
	document_text(doc, "state", seed->state);
	cJSON_AddArrayToObject(doc, "history");
	return doc;
}

const char *document_check_notes(const cJSON *doc)
{
	const cJSON *pinned = fg_json_get(doc, "pinned"), *note = fg_json_get(doc, "note");

	if (pinned && !cJSON_IsBool(pinned) && !cJSON_IsNull(pinned))
		return "pinned is neither true nor false";
	if (note && !cJSON_IsString(note) && !cJSON_IsNull(note))
		return "note is no string";
	if (fg_json_get(doc, "history") && !fg_json_array(doc, "history"))
		return "history is no list";
	return NULL;
}

const char *document_check(const cJSON *doc)
{
	static const char *const texts[] = {"container_id", "template", "image", "image_digest",
		"config_hash", "created_by", "created_at", "last_used_at", "state"};
	static const char *const objects[] = {"spec", "params", "limits"};
	static const char *const times[] = {"created_at", "last_used_at"};
	static char wrong[64];
	size_t i;

	if (!cJSON_IsObject(doc))
		return "it is no object";
	if (!fg_name_valid(fg_json_str(doc, "name", "")))
		return "name is no container's name";
	if (!*fg_json_str(doc, "host", ""))
		return "host is missing";
	for (i = 0; i < FG_ARRAY_LEN(texts); i++) {
		const cJSON *item = fg_json_get(doc, texts[i]);

		if (item && !cJSON_IsString(item) && !cJSON_IsNull(item)) {
			snprintf(wrong, sizeof(wrong), "%s is no string", texts[i]);
			return wrong;
		}
	}
	for (i = 0; i < FG_ARRAY_LEN(objects); i++) {
		const cJSON *item = fg_json_get(doc, objects[i]);

		if (item && !cJSON_IsObject(item) && !cJSON_IsNull(item)) {
			snprintf(wrong, sizeof(wrong), "%s is no object", objects[i]);
			return wrong;
		}
	}
	for (i = 0; i < FG_ARRAY_LEN(times); i++) {
		const char *text = fg_json_str(doc, times[i], "");
		int64_t ms;

		if (*text && fg_rfc3339_parse(text, &ms) < 0) {
			snprintf(wrong, sizeof(wrong), "%s is no time", times[i]);
			return wrong;
		}
	}
	return document_check_notes(doc);
}

bool document_set(cJSON *doc, const char *key, const char *value)
{
	const char *before = fg_json_str(doc, key, NULL);

	if (before && strcmp(before, value) == 0)
		return false;
	if (fg_json_get(doc, key))
		cJSON_ReplaceItemInObjectCaseSensitive(doc, key, cJSON_CreateString(value));
	else
		cJSON_AddStringToObject(doc, key, value);
	return true;
}

static cJSON *history_of(cJSON *doc)
{
	cJSON *history = cJSON_GetObjectItemCaseSensitive(doc, "history");

	if (cJSON_IsArray(history))
		return history;
	cJSON_DeleteItemFromObjectCaseSensitive(doc, "history");
	return cJSON_AddArrayToObject(doc, "history");
}

static void history_trim(cJSON *history)
{
	for (int n = cJSON_GetArraySize(history); n > HISTORY_MAX; n--)
		cJSON_DeleteItemFromArray(history, 0);
}

cJSON *document_note(cJSON *doc, const char *what)
{
	cJSON *history = history_of(doc), *entry = cJSON_CreateObject();
	char now[FG_RFC3339];

	document_text(entry, "at", fg_rfc3339(now, fg_wall_ms()));
	document_text(entry, "what", what);
	cJSON_AddItemToArray(history, entry);
	history_trim(history);
	return entry;
}

void document_renamed(cJSON *doc, const char *from)
{
	cJSON *entry = document_note(doc, "renamed");

	document_text(entry, "from", from);
	document_text(entry, "to", fg_json_str(doc, "name", ""));
}

void document_precede(cJSON *doc, const cJSON *history)
{
	cJSON *mine = history_of(doc), *both = cJSON_CreateArray(), *entry;
	const cJSON *before;

	cJSON_ArrayForEach (before, history)
		cJSON_AddItemToArray(both, cJSON_Duplicate(before, true));
	while ((entry = cJSON_DetachItemFromArray(mine, 0)))
		cJSON_AddItemToArray(both, entry);
	history_trim(both);
	cJSON_ReplaceItemInObjectCaseSensitive(doc, "history", both);
}

void document_view(cJSON *doc, struct fg_instance *out)
{
	*out = (struct fg_instance){
		.doc = doc,
		.name = fg_json_str(doc, "name", ""),
		.host = fg_json_str(doc, "host", ""),
		.container_id = fg_json_str(doc, "container_id", ""),
		.template = fg_json_str(doc, "template", ""),
		.image = fg_json_str(doc, "image", ""),
		.image_digest = fg_json_str(doc, "image_digest", ""),
		.config_hash = fg_json_str(doc, "config_hash", ""),
		.created_by = fg_json_str(doc, "created_by", ""),
		.created_at = fg_json_str(doc, "created_at", ""),
		.last_used_at = fg_json_str(doc, "last_used_at", ""),
		.state = fg_json_str(doc, "state", ""),
	};
}

void fg_instance_finish(struct fg_instance *instance)
{
	cJSON_Delete(instance->doc);
	memset(instance, 0, sizeof(*instance));
}

void fg_instances_finish(struct fg_instances *list)
{
	for (size_t i = 0; i < list->n; i++)
		fg_instance_finish(&list->v[i]);
	free(list->v);
	memset(list, 0, sizeof(*list));
}
