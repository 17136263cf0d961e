/*
 * What the registry notes of a replacement: the instance is another container now, and its history
 * says what it was before.
 */
#include <string.h>
#include "fleetgram/base/language.h"
#include "registry/document.h"
#include "fleetgram/base/json.h"
#include "drift/limits.h"
#include "replace/replace_record.h"

static void add_image(
	cJSON *entry, const char *key, const char *image, const char *id, const char *digest)
{
	cJSON *side = cJSON_AddObjectToObject(entry, key);

	cJSON_AddStringToObject(side, "image", image);
	cJSON_AddStringToObject(side, "image_id", id);
	cJSON_AddStringToObject(side, "image_digest", digest);
}

static void set_changes(cJSON *doc, const cJSON *changes)
{
	const cJSON *change;

	cJSON_ArrayForEach (change, changes) {
		if (!change->string)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(doc, change->string);
		cJSON_AddItemToObject(doc, change->string, cJSON_Duplicate(change, true));
	}
}

static void set_instance(cJSON *doc, const struct replace_record *record)
{
	struct fg_limits limits;

	document_set(doc, "name", record->r->name);
	document_set(doc, "container_id", record->r->new_id);
	document_set(doc, "image", record->image);
	document_set(doc, "image_digest", record->new_digest);
	document_set(doc, "state", record->new->state);
	set_changes(doc, record->order->changes);
	limits = fg_limits_of(record->new);
	limits_document(doc, &limits);
}

static bool change(cJSON *doc, void *arg)
{
	const struct replace_record *record = arg;
	bool instance = fg_json_get(doc, "container_id") != NULL;
	cJSON *entry;

	if (instance)
		set_instance(doc, record);
	entry = document_note(doc, record->order->what ? record->order->what : FG_TEXT("replaced"));
	cJSON_AddStringToObject(entry, "by", record->order->by ? record->order->by : "");
	add_image(entry, "from", record->old->image, record->old->image_id, record->old_digest);
	add_image(entry, "to", record->image, record->new->image_id, record->new_digest);
	if (instance)
		cJSON_AddStringToObject(entry, "config_hash", fg_json_str(doc, "config_hash", ""));
	return true;
}

int replace_record(struct fg_tx *tx, const struct replace_record *record, struct fg_err *err)
{
	return registry_edit(tx, record->r->host->name, record->r->old_id, record->r->name, change,
		       (void *)record, err) < 0
		       ? -1
		       : 0;
}
