/*
 * Clones: Podman says of a container what came of its settings, in words that it does not take
 * itself or that would not be true of the next one.
 */
#include <ctype.h>
#include <string.h>
#include "replace/clone.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

static void drop(cJSON *object, const char *key)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
}

/* What it tells every program of its container; the name is the old one's. */
static void drop_env(cJSON *body, const char *hostname)
{
	cJSON *env = cJSON_GetObjectItemCaseSensitive(body, "Env"), *item, *next;

	for (item = cJSON_IsArray(env) ? env->child : NULL; item; item = next) {
		const char *text = cJSON_IsString(item) ? item->valuestring : "";

		next = item->next;
		if (strcmp(text, "container=podman") == 0 ||
			(strncmp(text, "HOSTNAME=", 9) == 0 && strcmp(text + 9, hostname) == 0))
			cJSON_Delete(cJSON_DetachItemViaPointer(env, item));
	}
}

/* "RLIMIT_NOFILE" is asked for as "nofile". */
static void rename_ulimits(cJSON *host)
{
	cJSON *item;

	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(host, "Ulimits")) {
		const char *name = fg_json_str(item, "Name", "");
		cleanup_free char *lower = NULL;

		if (strncmp(name, "RLIMIT_", 7) != 0)
			continue;
		lower = fg_strdup(name + 7);
		for (char *p = lower; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		drop(item, "Name");
		cJSON_AddStringToObject(item, "Name", lower);
	}
}

void clone_podman(cJSON *body, const cJSON *container)
{
	cJSON *host = cJSON_GetObjectItemCaseSensitive(body, "HostConfig");

	drop_env(body, fg_json_str(fg_json_object(container, "Config"), "Hostname", ""));
	rename_ulimits(host);
	/* The same in another form, and the two exclude each other. */
	if (fg_json_i64(host, "NanoCpus", 0) > 0) {
		drop(host, "CpuPeriod");
		drop(host, "CpuQuota");
	}
	if (fg_json_i64(host, "MemorySwappiness", -1) == 0) /* that is, nothing was said */
		drop(host, "MemorySwappiness");
}
