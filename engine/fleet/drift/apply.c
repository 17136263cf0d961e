/*
 * Applying today's spec to an instance that differs from it.
 */
#include <string.h>
#include "fleetgram/base/language.h"
#include "registry/document.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/apply.h"
#include "fleetgram/fleet/image.h"
#include "fleetgram/fleet/operation.h"
#include "label.h"
#include "drift/limits.h"
#include "queue.h"
#include "registry/registry.h"
#include "drift/today.h"

/* One instance on its way. */
struct job {
	struct fg_registry *registry;
	struct fg_host *host;
	const struct fg_instance *instance;
	const struct fg_drift *drift;
	const struct fg_apply *apply;
	struct fg_container_info info;
	char *digest;
};

static void step(const struct job *job, const char *what)
{
	if (job->apply->step)
		job->apply->step(fg_tr(what), job->apply->arg);
}

enum fg_apply_way fg_apply_way(const struct fg_drift *drift)
{
	if (drift->n == 0)
		return FG_APPLY_NOTHING;
	if (drift->n == 1 && strcmp(drift->v[0].field, "name") == 0)
		return FG_APPLY_NAME;
	return drift->limits_only ? FG_APPLY_LIMITS : FG_APPLY_REPLACE;
}

static int inspect(struct job *job, struct fg_err *err)
{
	int rc;

	fg_container_info_finish(&job->info);
	memset(&job->info, 0, sizeof(job->info));
	rc = fg_container_inspect(job->host->engine, job->instance->container_id, &job->info, err);
	fg_host_note(job->host, rc < 0 ? err : NULL);
	return rc < 0 ? fg_wrap(err, "cannot look at %s", job->instance->name) : 0;
}

static const cJSON *live_labels(const struct job *job)
{
	return fg_json_object(fg_json_object(job->info.raw, "Config"), "Labels");
}

/* Limits */

static struct fg_limits spec_limits(const cJSON *spec)
{
	const cJSON *limits = fg_json_object(spec, "limits");

	return (struct fg_limits){
		.v = {[FG_LIMIT_CPUS] = fg_json_i64(limits, "nano_cpus", 0),
			[FG_LIMIT_MEMORY] = fg_json_i64(limits, "memory", 0),
			[FG_LIMIT_MEMORY_SWAP] = fg_json_i64(limits, "memory_swap", 0),
			[FG_LIMIT_PIDS] = fg_json_i64(limits, "pids", 0)},
		.set = {true, true, true, true},
	};
}

/* What the document says of an instance that is as it should be today. */
static cJSON *document_changes(const struct job *job)
{
	cleanup_json cJSON *params = today_params(job->instance, live_labels(job));
	cJSON *changes = cJSON_CreateObject();

	cJSON_AddItemToObject(changes, "spec", cJSON_Duplicate(job->drift->spec, true));
	cJSON_AddStringToObject(changes, "config_hash", job->drift->hash);
	cJSON_AddItemToObject(changes, "params", fg_steal(&params));
	cJSON_AddItemToObject(changes, "overrides", cJSON_Duplicate(job->drift->overrides, true));
	return changes;
}

struct noting {
	const struct job *job;
	const struct fg_limits *before, *after;
};

static bool note_limits(cJSON *doc, void *arg)
{
	const struct noting *n = arg;
	const struct job *job = n->job;
	cJSON *changes, *entry;

	if (strcmp(fg_json_str(doc, "container_id", ""), job->info.id) != 0)
		return false;
	changes = document_changes(job);
	while (changes->child) {
		cJSON *item = cJSON_DetachItemViaPointer(changes, changes->child);

		cJSON_DeleteItemFromObjectCaseSensitive(doc, item->string);
		cJSON_AddItemToObject(doc, item->string, item);
	}
	cJSON_Delete(changes);
	limits_document(doc, n->after);
	entry = document_note(doc, "limits");
	cJSON_AddStringToObject(entry, "by", job->apply->by ? job->apply->by : "");
	cJSON_AddItemToObject(entry, "from", limits_json(n->before));
	cJSON_AddItemToObject(entry, "to", limits_json(n->after));
	return true;
}

static int limits_note(const struct job *job, const struct fg_limits *before, struct fg_err *err)
{
	struct fg_limits after = fg_limits_of(&job->info);
	struct noting n = {job, before, &after};
	cleanup_tx struct fg_tx tx = {0};

	if (!job->registry)
		return 0;
	if (fg_tx_begin(job->registry->store, &tx, err) < 0 ||
		registry_edit(&tx, job->host->name, job->info.id, NULL, note_limits, &n, err) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "the limits are changed, and the registry does not know it");
	return 0;
}

static int apply_limits(struct job *job, struct fg_err *err)
{
	struct fg_limits want = spec_limits(job->drift->spec), before;
	struct queue *queue = queue_enter(job->host->name, job->instance->container_id, err);
	int rc;

	if (!queue)
		return -1;
	rc = inspect(job, err);
	if (rc == 0) {
		before = fg_limits_of(&job->info);
		rc = limits_update(job->host, &job->info, &want, err);
	}
	if (rc == 0)
		rc = limits_note(job, &before, err);
	queue_leave(queue);
	return rc;
}

/* Making it again */

static void add_networks(cJSON *body, const cJSON *spec)
{
	const cJSON *config = fg_json_object(body, "NetworkingConfig"), *network;
	cJSON *ends = (cJSON *)fg_json_object(config, "EndpointsConfig");

	cJSON_ArrayForEach (network, fg_json_array(spec, "networks"))
		if (ends && cJSON_IsString(network) && !fg_json_get(ends, network->valuestring))
			cJSON_AddObjectToObject(ends, network->valuestring);
}

static cJSON *make_body(struct job *job, struct fg_err *err)
{
	const struct fg_instance *instance = job->instance;
	cleanup_json cJSON *params = today_params(instance, live_labels(job));
	cJSON *body = fg_spec_create_body(job->drift->spec, err);

	if (!body)
		return NULL;
	label_instance(body, &(struct instance_labels){
				     .name = instance->name,
				     .template = instance->template,
				     .config_hash = job->drift->hash,
				     .created_by = instance->created_by,
				     .created_at = instance->created_at,
				     .params = params,
			     });
	add_networks(body, job->drift->spec);
	return body;
}

/* Getting an image may take long: what was changed by hand meanwhile is not to be undone unseen. */
static int check_same(const struct job *job, struct fg_err *err)
{
	cleanup_instance struct fg_instance now = {0};
	const cJSON *before = fg_json_get(job->instance->doc, "overrides"), *after;
	int rc = job->registry ? fg_registry_find(job->registry, job->host->name,
					 job->instance->container_id, &now, err)
			       : 1;

	if (rc < 0 || !job->registry)
		return rc < 0 ? -1 : 0;
	after = fg_json_get(now.doc, "overrides");
	if (rc == 0 || strcmp(now.config_hash, job->instance->config_hash) != 0 ||
		((before || after) && !cJSON_Compare(before, after, true)))
		return fg_fail(
			err, FG_ECONFLICT, "it was changed meanwhile: look at its /drift again");
	return 0;
}

static int apply_replace(struct job *job, struct fg_replaced *out, struct fg_err *err)
{
	const cJSON *spec = job->drift->spec;
	cleanup_json cJSON *body = NULL, *changes = NULL;
	struct fg_replace order = {
		.what = FG_TEXT("applied"),
		.by = job->apply->by,
		.image = fg_json_str(spec, "image", ""),
		.scope = job->apply->scope,
		.settle_ms = job->apply->settle_ms,
		.progress = job->apply->step,
		.arg = job->apply->arg,
	};

	if (inspect(job, err) < 0)
		return -1;
	step(job, "making sure of the image");
	if (fg_host_image(job->host, order.image, fg_json_str(spec, "pull", ""), &job->apply->pull,
		    &job->digest, NULL, err) < 0 ||
		check_same(job, err) < 0)
		return -1;
	order.body = body = make_body(job, err);
	if (!body)
		return -1;
	order.changes = changes = document_changes(job);
	cJSON_AddStringToObject(changes, "template", job->instance->template);
	cJSON_AddStringToObject(changes, "image", order.image);
	cJSON_AddStringToObject(changes, "image_digest", job->digest);
	return fg_replace(job->registry, job->host, job->instance->container_id, &order, out, err);
}

/* The name goes first: who makes it again keeps the one it has. */
static int apply_name(struct job *job, struct fg_err *err)
{
	for (size_t i = 0; i < job->drift->n; i++)
		if (strcmp(job->drift->v[i].field, "name") == 0)
			return fg_operate(job->registry, job->host, job->instance->container_id,
				       FG_OP_RENAME, job->instance->name, err) < 0
				       ? -1
				       : 0;
	return 0;
}

int fg_apply(struct fg_registry *registry, struct fg_host *host, const struct fg_instance *instance,
	const struct fg_drift *drift, const struct fg_apply *apply, struct fg_applied *out,
	struct fg_err *err)
{
	struct job job = {.registry = registry,
		.host = host,
		.instance = instance,
		.drift = drift,
		.apply = apply};
	int rc;

	memset(out, 0, sizeof(*out));
	if (!drift->spec)
		return fg_fail(err, FG_ECONFLICT, "what %s should be is not known: %s",
			instance->name, drift->why.text);
	out->way = fg_apply_way(drift);
	rc = apply_name(&job, err);
	if (rc == 0 && out->way == FG_APPLY_LIMITS) {
		rc = apply_limits(&job, err);
		/* An engine that has no such call can still make it again. */
		if (rc < 0 && err->code == FG_EREMOTE &&
			strcmp(host->version.kind, "podman") == 0) {
			out->way = FG_APPLY_REPLACE;
			rc = 0;
		}
	}
	if (rc == 0 && out->way == FG_APPLY_REPLACE)
		rc = apply_replace(&job, &out->replaced, err);
	fg_container_info_finish(&job.info);
	free(job.digest);
	return rc < 0 ? fg_wrap(err, "cannot apply the config to %s", instance->name) : 0;
}

void fg_applied_finish(struct fg_applied *applied)
{
	fg_replaced_finish(&applied->replaced);
	memset(applied, 0, sizeof(*applied));
}
