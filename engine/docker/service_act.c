/*
 * Services as they are changed: made, updated, rolled back and removed.
 */
#include <inttypes.h>
#include <string.h>
#include "change.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/swarm.h"
#include "pull.h"
#include "swarm_version.h"

static void read_warnings(const cJSON *doc, struct fg_str *warnings)
{
	const cJSON *item;
	cleanup_free char *one = fg_decode_line(fg_json_str(doc, "Warning", ""));

	if (!warnings)
		return;
	if (*one)
		fg_str_printf(warnings, "%s\n", one);
	cJSON_ArrayForEach (item, fg_json_array(doc, "Warnings")) {
		cleanup_free char *line = fg_decode_line(cJSON_GetStringValue(item));

		if (*line)
			fg_str_printf(warnings, "%s\n", line);
	}
}

/* One POST, observed. */
static cJSON *post(struct fg_engine *engine, const char *verb, const char *id,
	const struct fg_call *call, const char *auth, struct fg_err *err)
{
	char *header = auth ? fg_registry_header(auth) : NULL;
	struct fg_call own = *call;
	struct change change;
	cJSON *doc;

	own.method = "POST";
	own.header = header;
	change = change_begin(engine, verb, id);
	doc = fg_call_json(engine, &own, cJSON_Object, err);
	change_end(&change, doc ? NULL : err);
	fg_registry_header_wipe(header);
	return doc;
}

int fg_service_create(struct fg_engine *engine, const cJSON *body, const char *auth,
	char id[FG_SWARM_ID], struct fg_str *warnings, struct fg_err *err)
{
	struct fg_call call = {.path = "/services/create", .body = body};
	cleanup_json cJSON *doc = NULL;
	struct fg_err local;

	err = err ? err : &local;
	*id = '\0';
	doc = post(engine, "service-create", fg_json_str(body, "Name", ""), &call, auth, err);
	if (!doc)
		return -1;
	fg_decode_copy(id, FG_SWARM_ID, fg_json_str(doc, "ID", ""));
	read_warnings(doc, warnings);
	return *id ? 0 : fg_fail(err, FG_EPROTO, "the engine gave the new service no id");
}

/* POST /services/ID/update?version=N, with query behind it */
static int write_back(struct fg_engine *engine, const struct fg_service *seen, const cJSON *spec,
	const char *query, const char *auth, struct fg_str *warnings, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *doc = NULL;

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/services/", seen->id, "/update?version=", err) < 0)
		return -1;
	fg_str_printf(&path, "%" PRIu64 "%s", seen->version, query);
	doc = post(engine, "service-update", seen->id,
		&(struct fg_call){.path = path.s, .body = spec}, auth, err);
	read_warnings(doc, warnings);
	return doc ? 1 : -1;
}

int fg_service_update(struct fg_engine *engine, const char *id,
	const struct fg_service_change *change, struct fg_str *warnings, struct fg_err *err)
{
	struct fg_err local;

	err = err ? err : &local;
	for (int tries = 1;; tries++) {
		cleanup_service struct fg_service now = {0};
		cJSON *spec;
		int rc;

		if (fg_service_inspect(engine, id, &now, err) < 0)
			return -1;
		spec = cJSON_GetObjectItemCaseSensitive(now.raw, "Spec");
		if (!cJSON_IsObject(spec))
			return fg_fail(err, FG_EPROTO, "the engine's service %s has no spec", id);
		rc = change->change(spec, change->arg, err);
		if (rc <= 0)
			return rc;
		rc = write_back(engine, &now, spec, "", change->auth, warnings, err);
		if (rc >= 0 || tries == SWARM_TRIES || !swarm_is_stale(err))
			return rc;
	}
}

/* Ready changes */

/* The object at key, made when there is none. */
static cJSON *inside(cJSON *object, const char *key)
{
	cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (cJSON_IsObject(item))
		return item;
	cJSON_DeleteItemFromObjectCaseSensitive(object, key);
	return cJSON_AddObjectToObject(object, key);
}

static int set_replicas(cJSON *spec, void *arg, struct fg_err *err)
{
	cJSON *mode = inside(spec, "Mode");
	cJSON *replicated = cJSON_GetObjectItemCaseSensitive(mode, "Replicated");
	int64_t wanted = *(const int64_t *)arg;

	if (!cJSON_IsObject(replicated))
		return fg_fail(err, FG_EINVAL,
			"it is no replicated service: how many tasks it has is not a number");
	if (fg_json_i64(replicated, "Replicas", 1) == wanted)
		return 0;
	fg_json_set_i64(replicated, "Replicas", wanted);
	return 1;
}

int fg_service_scale(struct fg_engine *engine, const char *id, int64_t replicas, struct fg_err *err)
{
	return fg_service_update(
		engine, id, &(struct fg_service_change){set_replicas, &replicas, NULL}, NULL, err);
}

static int set_image(cJSON *spec, void *arg, struct fg_err *err)
{
	cJSON *container = inside(inside(spec, "TaskTemplate"), "ContainerSpec");
	const char *image = arg;

	(void)err;
	if (strcmp(fg_json_str(container, "Image", ""), image) == 0)
		return 0;
	cJSON_DeleteItemFromObjectCaseSensitive(container, "Image");
	cJSON_AddStringToObject(container, "Image", image);
	return 1;
}

int fg_service_set_image(struct fg_engine *engine, const char *id, const char *image,
	const char *auth, struct fg_str *warnings, struct fg_err *err)
{
	return fg_service_update(engine, id,
		&(struct fg_service_change){set_image, (void *)image, auth}, warnings, err);
}

/* One more than the first look has shown, however often it is tried. */
static int set_force(cJSON *spec, void *arg, struct fg_err *err)
{
	cJSON *template = inside(spec, "TaskTemplate");
	uint64_t now = fg_json_u64(template, "ForceUpdate", 0), *wanted = arg;
	char digits[24];

	(void)err;
	if (*wanted == 0)
		*wanted = now + 1;
	if (now >= *wanted)
		return 0;
	snprintf(digits, sizeof(digits), "%" PRIu64, *wanted);
	cJSON_DeleteItemFromObjectCaseSensitive(template, "ForceUpdate");
	cJSON_AddRawToObject(template, "ForceUpdate", digits);
	return 1;
}

int fg_service_force(struct fg_engine *engine, const char *id, uint64_t *wanted, struct fg_err *err)
{
	return fg_service_update(
		engine, id, &(struct fg_service_change){set_force, wanted, NULL}, NULL, err);
}

int fg_service_rollback(
	struct fg_engine *engine, const char *id, uint64_t version, struct fg_err *err)
{
	cleanup_service struct fg_service now = {0};
	struct fg_err local;
	int rc;

	err = err ? err : &local;
	if (fg_service_inspect(engine, id, &now, err) < 0)
		return -1;
	if (!now.previous)
		return fg_fail(
			err, FG_ECONFLICT, "the swarm knows nothing to roll %s back to", now.name);
	if (now.version != version)
		return fg_fail(err, FG_ECONFLICT, "%s was changed meanwhile", now.name);
	rc = write_back(engine, &now, fg_json_object(now.raw, "Spec"), "&rollback=previous", NULL,
		NULL, err);
	if (rc < 0 && swarm_is_stale(err))
		return fg_fail(err, FG_ECONFLICT, "%s was changed meanwhile", now.name);
	return rc;
}

int fg_service_remove(struct fg_engine *engine, const char *id, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	struct change change;
	struct fg_err local;
	int rc;

	err = err ? err : &local;
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/services/", id, "", err) < 0)
		return -1;
	change = change_begin(engine, "service-remove", id);
	rc = fg_call_action(engine, &(struct fg_call){.method = "DELETE", .path = path.s}, err);
	change_end(&change, rc < 0 ? err : NULL);
	return rc;
}
