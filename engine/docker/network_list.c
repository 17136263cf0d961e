/*
 * The networks that there are, with whether anything needs them, and the end of one.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/network_list.h"

/* The engines' own, Docker's and Podman's. */
static bool is_own(const cJSON *row, const char *name)
{
	static const char *const names[] = {"bridge", "host", "none", "podman"};

	for (size_t i = 0; i < FG_ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return fg_json_bool(row, "Ingress", false) || fg_json_bool(row, "ConfigOnly", false);
}

static void decode(const cJSON *row, struct fg_network *out)
{
	const cJSON *labels = fg_json_object(row, "Labels");

	*out = (struct fg_network){
		.id = fg_decode_line(fg_json_str(row, "Id", "")),
		.name = fg_decode_line(fg_json_str(row, "Name", "")),
		.driver = fg_decode_line(fg_json_str(row, "Driver", "")),
		.scope = fg_decode_line(fg_json_str(row, "Scope", "")),
		.labels = labels ? cJSON_Duplicate(labels, true) : cJSON_CreateObject(),
		.created_ms = fg_decode_ms(row, "Created"),
	};
	out->own = is_own(row, out->name);
	/* not every engine tells these in a list */
	out->in_use = cJSON_GetArraySize(fg_json_object(row, "Containers")) > 0 ||
		      cJSON_GetArraySize(fg_json_object(row, "Services")) > 0;
}

static void mark(struct fg_networks *list, const char *name, const char *id)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].name, name) == 0 || (*id && strcmp(list->v[i].id, id) == 0))
			list->v[i].in_use = true;
}

/*
 * A network counts its attached containers, and those that are stopped are not: without it they
 * could not be started again. Their own words tell.
 */
static int mark_used(struct fg_engine *engine, struct fg_networks *list, struct fg_err *err)
{
	struct fg_call call = {.path = "/containers/json?all=true", .cap = FG_CAP_LIST};
	cleanup_json cJSON *doc = fg_call_json(engine, &call, cJSON_Array, err);
	const cJSON *row, *net;

	if (!doc)
		return -1;
	cJSON_ArrayForEach (row, doc) {
		const cJSON *host = fg_json_object(row, "HostConfig");

		mark(list, fg_json_str(host, "NetworkMode", ""),
			fg_json_str(host, "NetworkMode", ""));
		cJSON_ArrayForEach (
			net, fg_json_object(fg_json_object(row, "NetworkSettings"), "Networks"))
			mark(list, net->string ? net->string : "",
				fg_json_str(net, "NetworkID", ""));
	}
	return 0;
}

int fg_network_list(struct fg_engine *engine, struct fg_networks *out, struct fg_err *err)
{
	struct fg_call call = {.path = "/networks", .cap = FG_CAP_LIST};
	cleanup_json cJSON *doc = fg_call_json(engine, &call, cJSON_Array, err);
	const cJSON *row;

	*out = (struct fg_networks){0};
	if (!doc)
		return -1;
	out->v = fg_alloc(((size_t)cJSON_GetArraySize(doc) + 1) * sizeof(*out->v));
	cJSON_ArrayForEach (row, doc)
		decode(row, &out->v[out->n++]);
	if (mark_used(engine, out, err) == 0)
		return 0;
	fg_networks_finish(out);
	return -1;
}

void fg_networks_finish(struct fg_networks *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->v[i].id);
		free(list->v[i].name);
		free(list->v[i].driver);
		free(list->v[i].scope);
		cJSON_Delete(list->v[i].labels);
	}
	free(list->v);
	*list = (struct fg_networks){0};
}

int fg_network_remove(struct fg_engine *engine, const char *id, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/networks/", id, "", err) < 0)
		return -1;
	return fg_call_action(engine, &(struct fg_call){.method = "DELETE", .path = path.s}, err);
}
