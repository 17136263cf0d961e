/*
 * Labelling what Fleetgram makes.
 */
#include <stdio.h>
#include "label.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/spec.h"

static void set(cJSON *labels, const char *key, const char *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(labels, key);
	if (value)
		cJSON_AddStringToObject(labels, key, value);
}

void label_instance(cJSON *body, const struct instance_labels *l)
{
	cJSON *labels = cJSON_GetObjectItemCaseSensitive(body, "Labels");
	cleanup_free char *params = cJSON_GetArraySize(l->params) ? fg_json_print(l->params) : NULL;
	char version[16];

	if (!cJSON_IsObject(labels)) {
		cJSON_DeleteItemFromObjectCaseSensitive(body, "Labels");
		labels = cJSON_AddObjectToObject(body, "Labels");
	}
	snprintf(version, sizeof(version), "%d", FG_SPEC_VERSION);
	set(labels, FG_LABEL_MANAGED, "true");
	set(labels, FG_LABEL_INSTANCE, l->name);
	set(labels, FG_LABEL_TEMPLATE, l->template);
	set(labels, FG_LABEL_HASH, l->config_hash);
	set(labels, FG_LABEL_SPEC_VERSION, version);
	set(labels, FG_LABEL_PARAMS, params);
	set(labels, FG_LABEL_CREATED_BY, l->created_by ? l->created_by : "");
	set(labels, FG_LABEL_CREATED_AT, l->created_at ? l->created_at : "");
}
