/*
 * Networks: attaching a container to one, and making a container that is in several.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/docker/container.h"
#include "fleetgram/docker/network.h"

static int network_act(struct fg_engine *engine, const char *network, const char *verb,
	const cJSON *body, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/networks/", network, verb, err) < 0)
		return -1;
	return fg_call_action(
		engine, &(struct fg_call){.method = "POST", .path = path.s, .body = body}, err);
}

int fg_network_connect(struct fg_engine *engine, const char *network, const char *container,
	const cJSON *endpoint, struct fg_err *err)
{
	cleanup_json cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "Container", container);
	if (endpoint)
		cJSON_AddItemToObject(body, "EndpointConfig", cJSON_Duplicate(endpoint, true));
	return network_act(engine, network, "/connect", body, err);
}

int fg_network_disconnect(
	struct fg_engine *engine, const char *network, const char *container, struct fg_err *err)
{
	cleanup_json cJSON *body = cJSON_CreateObject();

	cJSON_AddStringToObject(body, "Container", container);
	return network_act(engine, network, "/disconnect", body, err);
}

char *fg_network_name(struct fg_engine *engine, const char *id, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *doc = NULL;

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/networks/", id, "", err) < 0)
		return NULL;
	doc = fg_call_json(
		engine, &(struct fg_call){.method = "GET", .path = path.s}, cJSON_Object, err);
	return doc ? fg_decode_line(fg_json_str(doc, "Name", "")) : NULL;
}

/* Up to this version a container has one MAC address, beside its networks. */
static bool takes_endpoint_mac(struct fg_engine *engine)
{
	return engine->known && fg_api_compare(engine->seen.api_version, "1.44") >= 0;
}

static bool is_default(const char *mode)
{
	return !*mode || strcmp(mode, "default") == 0 || strcmp(mode, "bridge") == 0;
}

/* The endpoint of the network that the container is made in; NULL when it is in no such network. */
static const cJSON *first_endpoint(const cJSON *endpoints, const char *mode)
{
	const cJSON *first = fg_json_get(endpoints, mode);

	if (!first && is_default(mode))
		first = fg_json_get(endpoints, "bridge");
	if (!first && is_default(mode))
		first = fg_json_get(endpoints, "default");
	return first;
}

/* The body with the first network alone. Caller deletes. */
static cJSON *first_body(struct fg_engine *engine, const cJSON *body, const cJSON *first)
{
	cJSON *out = cJSON_Duplicate(body, true), *networking, *endpoints, *endpoint;
	const char *mac = fg_json_str(first, "MacAddress", "");

	cJSON_DeleteItemFromObjectCaseSensitive(out, "NetworkingConfig");
	if (!first)
		return out;
	endpoint = cJSON_Duplicate(first, true);
	if (*mac && !takes_endpoint_mac(engine)) {
		cJSON_DeleteItemFromObjectCaseSensitive(out, "MacAddress");
		cJSON_AddStringToObject(out, "MacAddress", mac);
		cJSON_DeleteItemFromObjectCaseSensitive(endpoint, "MacAddress");
	} else if (*mac) {
		cJSON_DeleteItemFromObjectCaseSensitive(out, "MacAddress");
	}
	if (!endpoint->child) { /* nothing that the engine would not do by itself */
		cJSON_Delete(endpoint);
		return out;
	}
	networking = cJSON_AddObjectToObject(out, "NetworkingConfig");
	endpoints = cJSON_AddObjectToObject(networking, "EndpointsConfig");
	cJSON_AddItemToObject(endpoints, first->string, endpoint);
	return out;
}

static int connect_others(struct fg_engine *engine, const cJSON *endpoints, const cJSON *first,
	const char *id, struct fg_err *err)
{
	const cJSON *endpoint;

	cJSON_ArrayForEach (endpoint, endpoints) {
		if (endpoint == first || !endpoint->string)
			continue;
		if (fg_network_connect(engine, endpoint->string, id,
			    endpoint->child ? endpoint : NULL, err) < 0)
			return fg_wrap(err, "cannot connect it to network %s", endpoint->string);
	}
	return 0;
}

int fg_network_create(struct fg_engine *engine, const char *name, const cJSON *body,
	char id[FG_ID_SIZE], struct fg_str *warnings, struct fg_err *err)
{
	const char *mode = fg_json_str(fg_json_object(body, "HostConfig"), "NetworkMode", "");
	const cJSON *endpoints =
		fg_json_object(fg_json_object(body, "NetworkingConfig"), "EndpointsConfig");
	const cJSON *first = first_endpoint(endpoints, mode);
	cleanup_json cJSON *made = NULL;
	char api[FG_API_SIZE];
	const char *out_of;

	*id = '\0';
	if (fg_engine_agree(engine, fg_now_ms() + engine->timeout_ms, api, err) < 0)
		return -1;
	made = first_body(engine, body, first);
	if (fg_container_create(engine, name, made, id, warnings, err) < 0)
		return -1;
	if (endpoints && !first) {
		out_of = is_default(mode) ? "bridge" : mode;
		if (fg_network_disconnect(engine, out_of, id, err) < 0)
			return fg_wrap(err, "cannot take it out of network %s", out_of);
	}
	return connect_others(engine, endpoints, first, id, err);
}
