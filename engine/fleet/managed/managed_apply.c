/*
 * Applying today's spec to a managed service: one update of its Spec, in which only what differs is
 * another.
 *
 * What a template can say is written as it says it; what it cannot (secrets, configs, sysctls,
 * reservations) stays as somebody has put it there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "managed/managed.h"
#include "drift/today.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/image.h"
#include "label.h"
#include "registry/document.h"

/* The parts of a Spec that a template says, by the object that they are in. */
static const struct {
	const char *in, *key;
} parts[] = {
	{"", "Labels"},
	{"", "Mode"},
	{"", "UpdateConfig"},
	{"", "RollbackConfig"},
	{"EndpointSpec", "Ports"},
	{"TaskTemplate", "LogDriver"},
	{"TaskTemplate", "Networks"},
	{"TaskTemplate", "Placement"},
	{"TaskTemplate.RestartPolicy", "Condition"},
	{"TaskTemplate.RestartPolicy", "MaxAttempts"},
	{"TaskTemplate.Resources", "Limits"},
	{"TaskTemplate.ContainerSpec", "Args"},
	{"TaskTemplate.ContainerSpec", "CapabilityAdd"},
	{"TaskTemplate.ContainerSpec", "CapabilityDrop"},
	{"TaskTemplate.ContainerSpec", "Command"},
	{"TaskTemplate.ContainerSpec", "Dir"},
	{"TaskTemplate.ContainerSpec", "Env"},
	{"TaskTemplate.ContainerSpec", "Healthcheck"},
	{"TaskTemplate.ContainerSpec", "Hostname"},
	{"TaskTemplate.ContainerSpec", "Image"},
	{"TaskTemplate.ContainerSpec", "Init"},
	{"TaskTemplate.ContainerSpec", "Labels"},
	{"TaskTemplate.ContainerSpec", "Mounts"},
	{"TaskTemplate.ContainerSpec", "ReadOnly"},
	{"TaskTemplate.ContainerSpec", "StopGracePeriod"},
	{"TaskTemplate.ContainerSpec", "User"},
	{"TaskTemplate.ContainerSpec.Privileges", "NoNewPrivileges"},
};

struct job {
	const struct fg_drift *drift;
	const cJSON *body; /* what it is to be */
	const cJSON *seen; /* the Spec that the drift was seen in */
	bool rolls;
};

static cJSON *inside(cJSON *object, const char *path, bool make)
{
	while (object && *path) {
		cleanup_free char *key = fg_strndup(path, strcspn(path, "."));
		cJSON *next = cJSON_GetObjectItemCaseSensitive(object, key);

		path += strlen(key);
		path += *path == '.';
		if (!cJSON_IsObject(next)) {
			if (!make)
				return NULL;
			cJSON_DeleteItemFromObjectCaseSensitive(object, key);
			next = cJSON_AddObjectToObject(object, key);
		}
		object = next;
	}
	return object;
}

/* Whether the drift is about this part: only what differs is written, so that what a swarm has put
 * in other words stays as it is. */
static bool differs(const struct fg_drift *drift, const char *in, const char *key)
{
	static const struct {
		const char *part, *field;
	} fields[] = {
		{"Labels", "labels"},
		{"Mode", "replicas"},
		{"Mode", "global"},
		{"UpdateConfig", "update"},
		{"RollbackConfig", "update"},
		{"Ports", "ports"},
		{"LogDriver", "logging"},
		{"Networks", "networks"},
		{"Placement", "placement"},
		{"Condition", "restart"},
		{"MaxAttempts", "restart"},
		{"Limits", "limits"},
		{"Args", "command"},
		{"CapabilityAdd", "security.cap_add"},
		{"CapabilityDrop", "security.cap_drop"},
		{"Command", "entrypoint"},
		{"Dir", "workdir"},
		{"Env", "env"},
		{"Healthcheck", "healthcheck"},
		{"Hostname", "hostname"},
		{"Image", "image"},
		{"Init", "init"},
		{"Mounts", "volumes"},
		{"Mounts", "tmpfs"},
		{"ReadOnly", "security.read_only"},
		{"StopGracePeriod", "stop_timeout"},
		{"User", "user"},
		{"NoNewPrivileges", "security.no_new_privileges"},
	};

	/* Fleetgram's own labels are new each time. */
	if (!*in && strcmp(key, "Labels") == 0)
		return true;
	for (size_t i = 0; i < FG_ARRAY_LEN(fields); i++) {
		size_t len = strlen(fields[i].field);

		for (size_t k = 0; strcmp(fields[i].part, key) == 0 && k < drift->n; k++) {
			const char *field = drift->v[k].field;

			if (strncmp(field, fields[i].field, len) == 0 &&
				(!field[len] || field[len] == '.'))
				return true;
		}
	}
	return false;
}

static void merge(cJSON *spec, const struct job *job)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(parts); i++) {
		const cJSON *from = *parts[i].in ? fg_json_path(job->body, parts[i].in) : job->body;
		const cJSON *value = fg_json_get(from, parts[i].key);
		cJSON *to;

		if (!differs(job->drift, parts[i].in, parts[i].key))
			continue;
		to = inside(spec, parts[i].in, value != NULL);
		if (!to)
			continue;
		cJSON_DeleteItemFromObjectCaseSensitive(to, parts[i].key);
		if (value)
			cJSON_AddItemToObject(to, parts[i].key, cJSON_Duplicate(value, true));
	}
}

/* Whether tasks are replaced: their place alone moves only those that are in the wrong one. */
static bool replaces(const cJSON *before, const cJSON *after)
{
	cleanup_json cJSON *a = cJSON_Duplicate(fg_json_object(before, "TaskTemplate"), true);
	cleanup_json cJSON *b = cJSON_Duplicate(fg_json_object(after, "TaskTemplate"), true);

	cJSON_DeleteItemFromObjectCaseSensitive(a, "Placement");
	cJSON_DeleteItemFromObjectCaseSensitive(b, "Placement");
	return !cJSON_Compare(a, b, true);
}

/* New tasks can be told from old ones by this number, whatever else is new about them. */
static void count_up(cJSON *task)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, fg_json_u64(task, "ForceUpdate", 0) + 1);
	cJSON_DeleteItemFromObjectCaseSensitive(task, "ForceUpdate");
	cJSON_AddRawToObject(task, "ForceUpdate", digits);
}

static void settle(cJSON *spec, struct job *job)
{
	job->rolls = replaces(job->seen, spec);
	if (job->rolls)
		count_up(cJSON_GetObjectItemCaseSensitive(spec, "TaskTemplate"));
}

/* Called again when somebody else was faster: then it is no longer what was looked at, unless an
 * answer was lost and it is done. */
static int edit(cJSON *spec, void *arg, struct fg_err *err)
{
	struct job *job = arg;
	cleanup_json cJSON *wanted = cJSON_Duplicate(job->seen, true);

	merge(wanted, job);
	settle(wanted, job);
	if (cJSON_Compare(spec, wanted, true))
		return 0;
	if (!cJSON_Compare(spec, job->seen, true))
		return fg_fail(
			err, FG_ECONFLICT, "it was changed meanwhile: look at its /drift again");
	merge(spec, job);
	settle(spec, job);
	return 1;
}

struct noting {
	const struct fg_instance *instance;
	const struct fg_drift *drift;
	const cJSON *params;
	const char *by, *image;
};

static bool record(cJSON *doc, void *arg)
{
	const struct noting *n = arg;
	const char *at = strchr(n->image, '@');
	cleanup_free char *bare = fg_strndup(n->image, strcspn(n->image, "@"));
	static const char *const keys[] = {"spec", "overrides", "params"};
	const cJSON *const values[] = {n->drift->spec, n->drift->overrides, n->params};

	for (size_t i = 0; i < FG_ARRAY_LEN(keys); i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(doc, keys[i]);
		cJSON_AddItemToObject(doc, keys[i],
			values[i] ? cJSON_Duplicate(values[i], true) : cJSON_CreateObject());
	}
	document_set(doc, "config_hash", n->drift->hash);
	document_set(doc, "image", bare);
	document_set(doc, "image_digest", at ? at + 1 : "");
	cJSON_AddStringToObject(document_note(doc, "applied"), "by", n->by ? n->by : "");
	return true;
}

/* The image as it is when its name is the same: a newer one of that name is for /update. */
static char *image_of(struct fg_swarm *swarm, const struct fg_drift *drift, const cJSON *seen)
{
	const char *wanted = fg_json_str(drift->spec, "image", "");
	cleanup_free char *is = managed_image(seen);
	bool blind;

	if (strcmp(is, wanted) == 0)
		return fg_strdup(fg_json_str(
			fg_json_path(seen, "TaskTemplate.ContainerSpec"), "Image", wanted));
	return fg_managed_pin(swarm, wanted, &blind);
}

static cJSON *body_of(const struct fg_instance *instance, const struct fg_service *service,
	const struct fg_drift *drift, const cJSON *params, const char *image, struct fg_err *err)
{
	cJSON *body = fg_spec_service_body(drift->spec, service->name, err);

	if (!body)
		return NULL;
	label_instance(body, &(struct instance_labels){
				     .name = instance->name,
				     .template = instance->template,
				     .config_hash = drift->hash,
				     .created_by = instance->created_by,
				     .created_at = instance->created_at,
				     .params = params,
			     });
	cJSON_ReplaceItemInObjectCaseSensitive(
		(cJSON *)fg_json_path(body, "TaskTemplate.ContainerSpec"), "Image",
		cJSON_CreateString(image));
	return body;
}

int fg_managed_apply(struct fg_registry *registry, struct fg_swarm *swarm,
	const struct fg_instance *instance, const struct fg_service *service,
	const struct fg_drift *drift, struct fg_managed_apply *apply, struct fg_err *err)
{
	const cJSON *seen = fg_json_object(service->raw, "Spec");
	cleanup_json cJSON *params = today_params(instance, service->labels), *body = NULL;
	cleanup_free char *image = NULL;
	struct job job = {.drift = drift, .seen = seen};
	struct noting n = {instance, drift, params, apply->by, NULL};
	char *auth;
	int rc;

	if (!drift->spec)
		return fg_fail(err, FG_ECONFLICT, "what %s should be is not known: %s",
			instance->name, drift->why.text);
	for (size_t i = 0; i < drift->n; i++)
		if (strcmp(drift->v[i].field, "global") == 0)
			return fg_fail(err, FG_EINVAL,
				"a swarm cannot make a replicated service global, nor the other way round: "
				"/remove %s and /create it again",
				instance->name);
	n.image = image = image_of(swarm, drift, seen);
	job.body = body = body_of(instance, service, drift, params, image, err);
	if (!body)
		return -1;
	auth = fg_fleet_auth(swarm->managers[0]->fleet, image);
	rc = fg_swarm_update(swarm, service->id, &(struct fg_service_change){edit, &job, auth},
		apply->warnings, err);
	fg_secret_free(auth);
	apply->rolls = job.rolls;
	if (rc < 0)
		return fg_wrap(err, "cannot apply the config to %s", instance->name);
	if (managed_edit(registry, swarm->id, service->id, record, &n, err) < 0)
		return fg_wrap(err, "the swarm was told, and the registry does not know it");
	return rc;
}
