/*
 * Drift of managed services, and what a swarm says of one.
 */
#include <stdlib.h>
#include <string.h>
#include "managed/managed.h"
#include "drift/drift.h"
#include "drift/today.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/network.h"

#define KNOWING_MINOR 44 /* API 1.44 is the first to know no_new_privileges in services */

char *managed_image(const cJSON *spec)
{
	const char *image =
		fg_json_str(fg_json_path(spec, "TaskTemplate.ContainerSpec"), "Image", "");

	return fg_strndup(image, strcspn(image, "@"));
}

int64_t managed_replicas(const cJSON *spec)
{
	const cJSON *mode = fg_json_object(spec, "Mode");

	if (fg_json_get(mode, "Global"))
		return -1;
	return fg_json_i64(fg_json_object(mode, "Replicated"), "Replicas", 1);
}

bool managed_old(const struct fg_swarm *swarm)
{
	const struct fg_host *host = swarm->served ? swarm->served : swarm->managers[0];
	const char *api = host->version.api_version;

	return strncmp(api, "1.", 2) == 0 && strtol(api + 2, NULL, 10) < KNOWING_MINOR;
}

void managed_label(cJSON *spec, const char *key, const char *value)
{
	cJSON *labels = cJSON_GetObjectItemCaseSensitive(spec, "Labels");

	if (!cJSON_IsObject(labels)) {
		cJSON_DeleteItemFromObjectCaseSensitive(spec, "Labels");
		labels = cJSON_AddObjectToObject(spec, "Labels");
	}
	cJSON_DeleteItemFromObjectCaseSensitive(labels, key);
	cJSON_AddStringToObject(labels, key, value);
}

struct question {
	const char *id;
	char *name;
};

static int ask_name(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct question *q = arg;

	q->name = fg_network_name(engine, q->id, err);
	return q->name ? 0 : -1;
}

/* The names of a service's networks by the ids that its Spec has; one that is gone keeps its id. */
static cJSON *networks_read(struct fg_swarm *swarm, const cJSON *spec, struct fg_err *err)
{
	cleanup_json cJSON *names = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach (item, fg_json_array(fg_json_object(spec, "TaskTemplate"), "Networks")) {
		struct question q = {.id = fg_json_str(item, "Target", "")};

		if (fg_swarm_ask(swarm, false, ask_name, &q, err) == 0) {
			cJSON_AddStringToObject(names, q.id, q.name);
			free(q.name);
		} else if (err->code != FG_ENOTFOUND) {
			return NULL;
		}
	}
	return fg_steal(&names);
}

static int by_field(const void *a, const void *b)
{
	const struct fg_difference *x = a, *y = b;

	return strcmp(x->field, y->field);
}

/* What an engine does not tell, such as no_new_privileges before API 1.44, the spec that it was
 * made from does, as long as the service is still labelled as made from it. */
static void compare_made(
	const struct fg_instance *instance, const struct fg_service *service, struct fg_drift *out)
{
	struct made made = today_made(instance, "", service->labels);
	char hash[FG_HASH_SIZE];
	const cJSON *spec;

	if (!*made.hash || !today_hash(out->spec, made.version, hash) ||
		strcmp(hash, made.hash) == 0 || made.version != FG_SPEC_VERSION)
		return;
	spec = today_made_spec(instance, &made);
	if (spec && out->n == 0)
		drift_compare(out, out->spec, spec);
}

int fg_managed_drift(struct fg_today *today, struct fg_swarm *swarm,
	const struct fg_instance *instance, const struct fg_service *service, struct fg_drift *out,
	struct fg_err *err)
{
	const cJSON *spec = fg_json_object(service->raw, "Spec");
	cleanup_json cJSON *networks = NULL, *live = NULL;
	struct fg_err local;

	*out = (struct fg_drift){0};
	err = err ? err : &local;
	networks = networks_read(swarm, spec, err);
	if (!networks)
		return fg_wrap(err, "cannot look at %s", instance->name);
	out->spec = fg_today_spec(today, instance, service->labels, &out->overrides, &out->why);
	if (!out->spec)
		return 0;
	fg_spec_hash(out->spec, out->hash);
	live = managed_live(&(struct live_service){
		.want = out->spec,
		.spec = spec,
		.networks = networks,
		.old = managed_old(swarm),
	});
	drift_compare(out, out->spec, live);
	compare_made(instance, service, out);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_field);
	out->state = out->n ? FG_CONFIG_DRIFTED : FG_CONFIG_IN_SYNC;
	return 0;
}
