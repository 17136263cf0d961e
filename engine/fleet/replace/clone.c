/*
 * Clones: a container's settings without what its image and its engine had put there.
 */
#include <string.h>
#include "replace/clone.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/engine.h"

#define SHORT_ID 12

static bool is_empty(const cJSON *item)
{
	if (!item || cJSON_IsNull(item))
		return true;
	if (cJSON_IsString(item))
		return !item->valuestring || !*item->valuestring;
	return (cJSON_IsArray(item) || cJSON_IsObject(item)) && !item->child;
}

bool clone_same(const cJSON *a, const cJSON *b)
{
	if (is_empty(a) || is_empty(b))
		return is_empty(a) && is_empty(b);
	return cJSON_Compare(a, b, true);
}

static void drop(cJSON *object, const char *key)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
}

static cJSON *item_of(cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool is_container(const cJSON *host, const char *key)
{
	return strncmp(fg_json_str(host, key, ""), "container:", 10) == 0;
}

/* Whole values: one that the image has too was the image's. */
static void drop_values(cJSON *body, const cJSON *image)
{
	static const char *const keys[] = {
		"ArgsEscaped",
		"OnBuild",
		"Shell",
		"StopSignal",
		"User",
		"WorkingDir",
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(keys); i++)
		if (clone_same(fg_json_get(body, keys[i]), fg_json_get(image, keys[i])))
			drop(body, keys[i]);
}

/*
 * With an entrypoint of its own a container takes no command from the image, so the two belong
 * together. An entrypoint that was taken away is shown as none, and asked for as one empty word.
 */
static void drop_command(cJSON *body, const cJSON *image)
{
	const cJSON *entry = fg_json_get(body, "Entrypoint"), *cmd = fg_json_get(body, "Cmd");
	const cJSON *image_entry = fg_json_get(image, "Entrypoint");
	const cJSON *image_cmd = fg_json_get(image, "Cmd");
	bool own = !clone_same(entry, image_entry) || (is_empty(cmd) && !is_empty(image_cmd));

	if (own) {
		if (is_empty(entry) && !is_empty(image_entry)) {
			cJSON *none = cJSON_CreateArray();

			cJSON_AddItemToArray(none, cJSON_CreateString(""));
			drop(body, "Entrypoint");
			cJSON_AddItemToObject(body, "Entrypoint", none);
		}
		return;
	}
	drop(body, "Entrypoint");
	if (clone_same(cmd, image_cmd))
		drop(body, "Cmd");
}

static bool list_has(const cJSON *list, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, list)
		if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0)
			return true;
	return false;
}

/* "KEY=VALUE" by "KEY=VALUE". */
static void drop_env(cJSON *body, const cJSON *image)
{
	const cJSON *theirs = fg_json_array(image, "Env");
	cJSON *env = item_of(body, "Env"), *item, *next;

	if (!cJSON_IsArray(env))
		return;
	for (item = env->child; item; item = next) {
		next = item->next;
		if (cJSON_IsString(item) && list_has(theirs, item->valuestring))
			cJSON_Delete(cJSON_DetachItemViaPointer(env, item));
	}
}

/* Key by key; keep (may be NULL) names keys that stay. */
static void drop_entries(cJSON *body, const cJSON *image, const char *key, const cJSON *keep)
{
	const cJSON *theirs = fg_json_object(image, key), *their;
	cJSON *own = item_of(body, key), *item, *next;

	if (!cJSON_IsObject(own))
		return;
	for (item = own->child; item; item = next) {
		next = item->next;
		their = item->string ? fg_json_get(theirs, item->string) : NULL;
		if (their && clone_same(item, their) && !fg_json_get(keep, item->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(own, item));
	}
	if (!own->child)
		drop(body, key);
}

/* The engine fills in field by field what a container does not say of its check. */
static void drop_healthcheck(cJSON *body, const cJSON *image)
{
	const cJSON *theirs = fg_json_object(image, "Healthcheck");
	cJSON *own = item_of(body, "Healthcheck"), *item, *next;

	if (!cJSON_IsObject(own) || !theirs)
		return;
	for (item = own->child; item; item = next) {
		next = item->next;
		if (item->string && clone_same(item, fg_json_get(theirs, item->string)))
			cJSON_Delete(cJSON_DetachItemViaPointer(own, item));
	}
	if (!own->child)
		drop(body, "Healthcheck");
}

/*
 * What an image happens to say too may still have been asked for: then it does not change with the
 * image.
 */
static void keep_said(cJSON *body, const cJSON *config, const cJSON *said)
{
	static const char *const values[] = {
		"Cmd", "Entrypoint", "Healthcheck", "StopSignal", "User", "WorkingDir"};
	const cJSON *labels = fg_json_object(config, "Labels"), *item;
	const cJSON *env = fg_json_array(config, "Env");
	cJSON *own = item_of(body, "Env");

	for (size_t i = 0; i < FG_ARRAY_LEN(values); i++) {
		const cJSON *value = fg_json_get(config, values[i]);

		if (!is_empty(fg_json_get(said, values[i])) && is_empty(item_of(body, values[i]))) {
			drop(body, values[i]);
			cJSON_AddItemToObject(body, values[i], cJSON_Duplicate(value, true));
		}
	}
	cJSON_ArrayForEach (item, fg_json_array(said, "Env")) {
		const char *text = cJSON_GetStringValue(item);

		if (text && cJSON_IsArray(own) && list_has(env, text) && !list_has(own, text))
			cJSON_AddItemToArray(own, cJSON_CreateString(text));
	}
	own = item_of(body, "Labels");
	if (!cJSON_IsObject(own) && cJSON_GetArraySize(labels)) {
		drop(body, "Labels");
		own = cJSON_AddObjectToObject(body, "Labels");
	}
	cJSON_ArrayForEach (item, fg_json_object(said, "Labels")) {
		const cJSON *label = fg_json_get(labels, item->string);

		if (label && !fg_json_get(own, item->string))
			cJSON_AddItemToObject(own, item->string, cJSON_Duplicate(label, true));
	}
}

/* Names and ports that come from another container's network, or from the host. */
static void drop_shared(cJSON *body, cJSON *host)
{
	bool shares = is_container(host, "NetworkMode");
	bool host_name = strcmp(fg_json_str(host, "UTSMode", ""), "host") == 0;

	if (shares || host_name) {
		drop(body, "Hostname");
		drop(body, "Domainname");
	}
	if (shares) {
		drop(body, "ExposedPorts");
		drop(body, "MacAddress");
		drop(host, "PortBindings");
		drop(host, "PublishAllPorts");
	}
	if (strcmp(fg_json_str(host, "NetworkMode", ""), "host") == 0)
		drop(body, "MacAddress");
}

static void drop_hostname(cJSON *body, const char *id)
{
	const char *name = fg_json_str(body, "Hostname", "");

	if (strlen(name) == SHORT_ID && strncmp(name, id, SHORT_ID) == 0)
		drop(body, "Hostname");
}

cJSON *clone_body(const struct clone *c)
{
	const cJSON *config = fg_json_object(c->container, "Config");
	const cJSON *host = fg_json_object(c->container, "HostConfig");
	const cJSON *image = fg_json_object(c->from, "Config");
	cJSON *body = config ? cJSON_Duplicate(config, true) : cJSON_CreateObject();
	cJSON *own = host ? cJSON_Duplicate(host, true) : cJSON_CreateObject(), *networks;

	drop(body, "Image");
	cJSON_AddStringToObject(body, "Image", c->image);
	if (image) {
		drop_values(body, image);
		drop_command(body, image);
		drop_env(body, image);
		drop_entries(body, image, "Labels", NULL);
		drop_entries(body, image, "Volumes", NULL);
		/* published ones have to be exposed, whatever the new image says */
		drop_entries(body, image, "ExposedPorts", fg_json_object(host, "PortBindings"));
		drop_healthcheck(body, image);
		keep_said(body, config, c->said);
	}
	drop_hostname(body, fg_json_str(c->container, "Id", "?"));
	drop_shared(body, own);
	networks = clone_networks(c->container);
	if (networks) {
		drop(body, "MacAddress"); /* it is the first network's */
		cJSON_AddItemToObject(body, "NetworkingConfig", networks);
	}
	cJSON_AddItemToObject(body, "HostConfig", own);
	return body;
}

void clone_redirect(cJSON *body, const char *from, const char *to)
{
	static const char *const keys[] = {"IpcMode", "NetworkMode", "PidMode"};
	cJSON *host = item_of(body, "HostConfig");

	for (size_t i = 0; i < FG_ARRAY_LEN(keys); i++) {
		cleanup_free char *mode = NULL;

		if (!is_container(host, keys[i]) ||
			strcmp(fg_json_str(host, keys[i], "") + 10, from) != 0)
			continue;
		mode = fg_printf("container:%s", to);
		drop(host, keys[i]);
		cJSON_AddStringToObject(host, keys[i], mode);
	}
}
