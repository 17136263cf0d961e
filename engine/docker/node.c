/*
 * The nodes of a swarm.
 */
#include <inttypes.h>
#include <string.h>
#include "change.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/swarm.h"
#include "swarm_version.h"

static char *decode_platform(const cJSON *platform)
{
	cleanup_free char *both = fg_printf("%s/%s", fg_json_str(platform, "OS", "?"),
		fg_json_str(platform, "Architecture", "?"));

	return fg_decode_line(both);
}

int fg_node_decode(cJSON *doc, struct fg_node *out)
{
	const cJSON *spec = fg_json_object(doc, "Spec"), *status = fg_json_object(doc, "Status");
	const cJSON *about = fg_json_object(doc, "Description");
	const cJSON *resources = fg_json_object(about, "Resources");
	const cJSON *manager = fg_json_object(doc, "ManagerStatus");
	const cJSON *labels = fg_json_object(spec, "Labels");

	memset(out, 0, sizeof(*out));
	out->raw = doc;
	fg_decode_copy(out->id, sizeof(out->id), fg_json_str(doc, "ID", ""));
	out->version = fg_json_u64(fg_json_object(doc, "Version"), "Index", 0);
	out->hostname = fg_decode_line(fg_json_str(about, "Hostname", ""));
	out->address = fg_decode_line(fg_json_str(status, "Addr", ""));
	out->engine_version =
		fg_decode_line(fg_json_str(fg_json_object(about, "Engine"), "EngineVersion", ""));
	out->platform = decode_platform(fg_json_object(about, "Platform"));
	fg_decode_copy(out->role, sizeof(out->role), fg_json_str(spec, "Role", ""));
	fg_decode_copy(out->availability, sizeof(out->availability),
		fg_json_str(spec, "Availability", ""));
	fg_decode_copy(out->state, sizeof(out->state), fg_json_str(status, "State", "unknown"));
	out->message = fg_decode_line(fg_json_str(status, "Message", ""));
	out->leader = fg_json_bool(manager, "Leader", false);
	fg_decode_copy(out->reachability, sizeof(out->reachability),
		fg_json_str(manager, "Reachability", ""));
	out->nano_cpus = fg_json_i64(resources, "NanoCPUs", 0);
	out->memory = fg_json_i64(resources, "MemoryBytes", 0);
	out->labels = labels ? cJSON_Duplicate(labels, true) : cJSON_CreateObject();
	return *out->id ? 0 : -1;
}

void fg_node_finish(struct fg_node *node)
{
	free(node->hostname);
	free(node->address);
	free(node->engine_version);
	free(node->platform);
	free(node->message);
	cJSON_Delete(node->labels);
	cJSON_Delete(node->raw);
	memset(node, 0, sizeof(*node));
}

void fg_nodes_finish(struct fg_nodes *list)
{
	for (size_t i = 0; i < list->n; i++)
		fg_node_finish(&list->v[i]);
	free(list->v);
	*list = (struct fg_nodes){0};
}

static int by_name(const void *a, const void *b)
{
	const struct fg_node *x = a, *y = b;
	int order = strcmp(x->hostname, y->hostname);

	return order ? order : strcmp(x->id, y->id);
}

int fg_node_list(struct fg_engine *engine, struct fg_nodes *out, struct fg_err *err)
{
	struct fg_call call = {.path = "/nodes", .cap = FG_CAP_LIST};
	cleanup_json cJSON *doc = fg_call_json(engine, &call, cJSON_Array, err);
	cJSON *row;

	*out = (struct fg_nodes){0};
	if (!doc)
		return -1;
	out->v = fg_alloc(((size_t)cJSON_GetArraySize(doc) + 1) * sizeof(*out->v));
	while ((row = cJSON_DetachItemFromArray(doc, 0)) != NULL) {
		if (fg_node_decode(row, &out->v[out->n]) < 0)
			fg_node_finish(&out->v[out->n]);
		else
			out->n++;
	}
	qsort(out->v, out->n, sizeof(*out->v), by_name);
	return 0;
}

static int inspect(
	struct fg_engine *engine, const char *id, struct fg_node *out, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cJSON *doc;

	*out = (struct fg_node){0};
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/nodes/", id, "", err) < 0)
		return -1;
	doc = fg_call_json(engine, &(struct fg_call){.path = path.s}, cJSON_Object, err);
	if (!doc)
		return -1;
	if (fg_node_decode(doc, out) == 0)
		return 0;
	fg_node_finish(out);
	return fg_fail(err, FG_EPROTO, "the engine's node %s has no id", id);
}

static int write_back(
	struct fg_engine *engine, const struct fg_node *seen, const cJSON *spec, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	struct change change;
	int rc;

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/nodes/", seen->id, "/update?version=", err) < 0)
		return -1;
	fg_str_printf(&path, "%" PRIu64, seen->version);
	change = change_begin(engine, "node-update", seen->id);
	rc = fg_call_action(
		engine, &(struct fg_call){.method = "POST", .path = path.s, .body = spec}, err);
	change_end(&change, rc < 0 ? err : NULL);
	return rc < 0 ? -1 : 1;
}

int fg_node_set_availability(
	struct fg_engine *engine, const char *id, const char *availability, struct fg_err *err)
{
	struct fg_err local;

	err = err ? err : &local;
	for (int tries = 1;; tries++) {
		cleanup_node struct fg_node now = {0};
		cJSON *spec;
		int rc;

		if (inspect(engine, id, &now, err) < 0)
			return -1;
		spec = cJSON_GetObjectItemCaseSensitive(now.raw, "Spec");
		if (!cJSON_IsObject(spec))
			return fg_fail(err, FG_EPROTO, "the engine's node %s has no spec", id);
		if (strcmp(now.availability, availability) == 0)
			return 0;
		cJSON_DeleteItemFromObjectCaseSensitive(spec, "Availability");
		cJSON_AddStringToObject(spec, "Availability", availability);
		rc = write_back(engine, &now, spec, err);
		if (rc >= 0 || tries == SWARM_TRIES || !swarm_is_stale(err))
			return rc;
	}
}

const char *fg_node_title(const struct fg_node *node)
{
	return *node->hostname ? node->hostname : node->id;
}

const char *fg_node_name(const struct fg_nodes *list, const char *id)
{
	for (size_t i = 0; list && i < list->n; i++)
		if (strcmp(list->v[i].id, id) == 0)
			return fg_node_title(&list->v[i]);
	return id;
}
