/*
 * Clones: where a container is attached, its networks and its anonymous volumes.
 */
#include <string.h>
#include "fleetgram/base/language.h"
#include "replace/clone.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"

#define SHORT_ID 12

/* Networks */

static bool has_own_networks(const char *mode)
{
	return strncmp(mode, "container:", 10) != 0 && strcmp(mode, "host") != 0 &&
	       strcmp(mode, "none") != 0;
}

/* Older engines add the container's short id to what its user wished for, and after it the name
 * that it has been given. */
static void add_aliases(cJSON *to, const cJSON *endpoint, const char *id, const char *hostname)
{
	cJSON *aliases = cJSON_CreateArray();
	bool added = false;
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(endpoint, "Aliases")) {
		const char *alias = cJSON_GetStringValue(item);

		if (!alias || (added && strcmp(alias, hostname) == 0))
			continue;
		if (strlen(alias) == SHORT_ID && strncmp(alias, id, SHORT_ID) == 0)
			added = true;
		else
			cJSON_AddItemToArray(aliases, cJSON_CreateString(alias));
	}
	if (aliases->child)
		cJSON_AddItemToObject(to, "Aliases", aliases);
	else
		cJSON_Delete(aliases);
}

static void add_copy(cJSON *to, const cJSON *from, const char *key)
{
	const cJSON *item = fg_json_get(from, key);

	if (item && !clone_same(item, NULL))
		cJSON_AddItemToObject(to, key, cJSON_Duplicate(item, true));
}

static cJSON *endpoint_wish(const cJSON *endpoint, const char *id, const char *hostname)
{
	cJSON *out = cJSON_CreateObject();

	add_aliases(out, endpoint, id, hostname);
	add_copy(out, endpoint, "IPAMConfig");
	add_copy(out, endpoint, "Links");
	add_copy(out, endpoint, "DriverOpts");
	if (fg_json_i64(endpoint, "GwPriority", 0) != 0)
		add_copy(out, endpoint, "GwPriority");
	return out;
}

static bool is_first(const cJSON *endpoint, const char *mode)
{
	const char *name = endpoint->string;

	if (strcmp(name, mode) == 0 || strcmp(fg_json_str(endpoint, "NetworkID", ""), mode) == 0)
		return true;
	return (!*mode || strcmp(mode, "default") == 0) && strcmp(name, "bridge") == 0;
}

/*
 * An engine shows a MAC address that was asked for beside the networks, and means the first of
 * them. Of those inside the networks nobody can tell who chose them.
 */
cJSON *clone_networks(const cJSON *container)
{
	const char *mode = fg_json_str(fg_json_object(container, "HostConfig"), "NetworkMode", "");
	const cJSON *config = fg_json_object(container, "Config");
	const char *mac = fg_json_str(config, "MacAddress", "");
	const char *hostname = fg_json_str(config, "Hostname", "");
	const char *id = fg_json_str(container, "Id", "?");
	const cJSON *networks =
		fg_json_object(fg_json_object(container, "NetworkSettings"), "Networks");
	const cJSON *endpoint;
	cJSON *out, *endpoints;

	if (!has_own_networks(mode) || !networks)
		return NULL;
	out = cJSON_CreateObject();
	endpoints = cJSON_AddObjectToObject(out, "EndpointsConfig");
	cJSON_ArrayForEach (endpoint, networks) {
		cJSON *wish;
		bool first;

		if (!endpoint->string || !*endpoint->string)
			continue;
		wish = endpoint_wish(endpoint, id, hostname);
		first = is_first(endpoint, mode);
		if (first && *mac)
			cJSON_AddStringToObject(wish, "MacAddress", mac);
		/* under the name that the mode has, which may be the network's id */
		cJSON_AddItemToObject(endpoints,
			first && *mode && strcmp(mode, "default") != 0 ? mode : endpoint->string,
			wish);
	}
	return out;
}

/* Volumes */

/*
 * What a volume is called: its Name, which newer engines leave out for a bind without a source;
 * then the folder tells, ".../NAME/_data". Caller frees.
 */
static char *volume_name(const cJSON *volume)
{
	const char *name = fg_json_str(volume, "Name", ""), *end;
	const char *source = fg_json_str(volume, "Source", "");
	size_t n;

	if (*name)
		return fg_strdup(name);
	end = strrchr(source, '/');
	if (!end || strcmp(end, "/_data") != 0)
		return fg_strdup("");
	for (name = end; name > source && name[-1] != '/'; name--)
		;
	n = strspn(name, "0123456789abcdef");
	return n == 64 && name + n == end ? fg_strndup(name, n) : fg_strdup("");
}

/* "SOURCE:TARGET[:OPTIONS]", or a target alone. */
static void bind_split(const char *bind, struct fg_str *source, struct fg_str *target)
{
	const char *colon = strchr(bind, ':'), *rest = colon ? colon + 1 : bind;

	/* "/target:ro" has no source either */
	if (colon && *rest != '/') {
		rest = bind;
		colon = NULL;
	}
	if (colon)
		fg_str_add(source, bind, (size_t)(colon - bind));
	fg_str_add(target, rest, strcspn(rest, ":"));
}

/* The entry of Binds that mounts something at target; named: whether it says what. */
static cJSON *find_bind(cJSON *host, const char *target, bool *named)
{
	cJSON *bind;

	cJSON_ArrayForEach (bind, cJSON_GetObjectItemCaseSensitive(host, "Binds")) {
		cleanup_str struct fg_str source = {0}, at = {0};

		if (!cJSON_IsString(bind))
			continue;
		fg_str_init(&source, 8192);
		fg_str_init(&at, 8192);
		bind_split(bind->valuestring, &source, &at);
		if (strcmp(at.s, target) != 0)
			continue;
		*named = source.len > 0;
		return bind;
	}
	return NULL;
}

static cJSON *find_mount(cJSON *host, const char *target)
{
	cJSON *mount;

	cJSON_ArrayForEach (mount, cJSON_GetObjectItemCaseSensitive(host, "Mounts"))
		if (strcmp(fg_json_str(mount, "Target", ""), target) == 0)
			return mount;
	return NULL;
}

static cJSON *array_of(cJSON *host, const char *key)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(host, key);

	if (cJSON_IsArray(list))
		return list;
	cJSON_DeleteItemFromObjectCaseSensitive(host, key);
	return cJSON_AddArrayToObject(host, key);
}

static void mount_add(cJSON *host, const cJSON *volume)
{
	cJSON *mount = cJSON_CreateObject();
	cleanup_free char *name = volume_name(volume);

	cJSON_AddStringToObject(mount, "Type", "volume");
	cJSON_AddStringToObject(mount, "Source", name);
	cJSON_AddStringToObject(mount, "Target", fg_json_str(volume, "Destination", ""));
	if (!fg_json_bool(volume, "RW", true))
		cJSON_AddBoolToObject(mount, "ReadOnly", true);
	cJSON_AddItemToArray(array_of(host, "Mounts"), mount);
}

/* Have the volume where the body wants an anonymous one. false: it wants nothing there. */
static bool volume_place(
	cJSON *body, cJSON *host, const cJSON *volume, const cJSON *image, bool everywhere)
{
	const char *target = fg_json_str(volume, "Destination", "");
	cleanup_free char *name = volume_name(volume);
	cJSON *mount = find_mount(host, target), *bind;
	bool named = false;

	if (mount) {
		if (strcmp(fg_json_str(mount, "Type", ""), "volume") == 0 &&
			!*fg_json_str(mount, "Source", "")) {
			cJSON_DeleteItemFromObjectCaseSensitive(mount, "Source");
			cJSON_AddStringToObject(mount, "Source", name);
		}
		return true;
	}
	bind = find_bind(host, target, &named);
	if (bind && !named) {
		cleanup_free char *text = fg_printf("%s:%s", name, bind->valuestring);

		cJSON_SetValuestring(bind, text);
	}
	if (bind)
		return true;
	if (!everywhere && !fg_json_get(fg_json_object(body, "Volumes"), target) &&
		!fg_json_get(fg_json_object(fg_json_object(image, "Config"), "Volumes"), target))
		return false;
	mount_add(host, volume);
	return true;
}

/* A name that nobody has chosen. */
static bool is_engine_name(const char *name)
{
	return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

/*
 * Whether the container has the volume without naming it: for a place of Config.Volumes, or in a
 * mount without a source. One that it was given when it was made again is named there, by the name
 * that the engine once gave it. Those of other containers (VolumesFrom) come again by themselves.
 */
static bool is_anonymous(const cJSON *container, const cJSON *volume)
{
	const char *target = fg_json_str(volume, "Destination", "");
	cJSON *host = (cJSON *)fg_json_object(container, "HostConfig"), *mount, *bind;
	cleanup_free char *name = volume_name(volume);
	const char *source;
	bool named = false;

	if (strcmp(fg_json_str(volume, "Type", ""), "volume") != 0 || !*target || !*name)
		return false;
	mount = find_mount(host, target);
	if (mount) {
		source = fg_json_str(mount, "Source", "");
		return !*source || (is_engine_name(name) && strcmp(source, name) == 0);
	}
	bind = find_bind(host, target, &named);
	if (bind)
		return !named || (is_engine_name(name) &&
					 strncmp(bind->valuestring, name, strlen(name)) == 0 &&
					 bind->valuestring[strlen(name)] == ':');
	return fg_json_get(fg_json_object(fg_json_object(container, "Config"), "Volumes"), target);
}

void clone_volumes(cJSON *body, const cJSON *container, const cJSON *image, struct fg_str *left)
{
	cJSON *host = cJSON_GetObjectItemCaseSensitive(body, "HostConfig");
	const cJSON *volume;

	if (!cJSON_IsObject(host)) {
		cJSON_DeleteItemFromObjectCaseSensitive(body, "HostConfig");
		host = cJSON_AddObjectToObject(body, "HostConfig");
	}
	cJSON_ArrayForEach (volume, fg_json_array(container, "Mounts"))
		if (is_anonymous(container, volume) &&
			!volume_place(body, host, volume, image, !left) && left)
			fg_str_printf(left,
				fg_tr("volume %.12s of %s is no longer used and is kept\n"),
				fg_json_str(volume, "Name", ""),
				fg_json_str(volume, "Destination", ""));
}
