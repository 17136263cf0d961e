/*
 * Creating instances: planned without touching anything, made step by step, and taken away again
 * when a step fails.
 */
#include <string.h>
#include "fleetgram/base/language.h"
#include "registry/document.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/retry.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/network.h"
#include "create.h"
#include "drift/limits.h"
#include "fleetgram/fleet/image.h"
#include "fleetgram/fleet/operation.h"
#include "fleetgram/fleet/pause.h"
#include "fleetgram/fleet/registry.h"
#include "host.h"
#include "label.h"

#define UNDO_TRIES 5
#define UNDO_LIMIT_MS 120000
#define SETTLE_STEP_MS 20
#define UNDO_WAIT_MS 15000 /* how long a create that failed waits for its undo */

/*
 * A container in the making. The task that makes it and the one that takes it away share this,
 * since a maker who was cancelled can wait for nothing and leaves.
 */
struct making {
	struct fg_list link;
	int refs;
	struct fg_fleet *fleet;
	struct fg_host *host;
	char *name;
	char id[FG_ID_SIZE]; /* "" until the engine has said it */
	char hash[FG_HASH_SIZE];
	char created_at[FG_RFC3339];
	struct fg_cond undone;
	bool over; /* the undo has ended */
	bool left; /* … without success */
};

static struct fg_list makings = FG_LIST_INIT(makings);

bool instance_in_making(const char *host, const char *name)
{
	const struct making *m;

	fg_list_each (&makings, m, link) {
		if (strcmp(m->name, name) == 0 && strcmp(m->host->name, host) == 0)
			return true;
	}
	return false;
}

static struct making *making_create(struct fg_host *host, const char *name)
{
	struct making *m = fg_alloc(sizeof(*m));

	m->refs = 1;
	m->fleet = fg_fleet_ref(host->fleet);
	m->host = host;
	m->name = fg_strdup(name);
	fg_rfc3339(m->created_at, fg_wall_ms());
	fg_cond_init(&m->undone);
	fg_list_append(&makings, &m->link);
	return m;
}

static void making_put(struct making *m)
{
	if (--m->refs > 0)
		return;
	fg_list_remove(&m->link);
	fg_fleet_unref(m->fleet);
	free(m->name);
	free(m);
}

/* The answer to the create was lost: a container of that name is ours only if it carries what we
 * sent. 1: it is; 0: there is none. */
static int undo_find(struct making *m, struct fg_err *err)
{
	cleanup_info struct fg_container_info info = {0};
	const cJSON *labels;

	if (fg_container_inspect(m->host->engine, m->name, &info, err) < 0)
		return err->code == FG_ENOTFOUND ? 0 : -1;
	labels = fg_json_object(fg_json_object(info.raw, "Config"), "Labels");
	if (strcmp(info.name, m->name) != 0 ||
		strcmp(fg_json_str(labels, FG_LABEL_CREATED_AT, ""), m->created_at) != 0 ||
		strcmp(fg_json_str(labels, FG_LABEL_HASH, ""), m->hash) != 0)
		return 0;
	memcpy(m->id, info.id, sizeof(m->id));
	return 1;
}

static int undo_try(struct making *m, struct fg_err *err)
{
	int rc = *m->id ? 1 : undo_find(m, err);

	if (rc > 0)
		rc = fg_container_remove(m->host->engine, m->id, true, true, err);
	return rc < 0 && err->code == FG_ENOTFOUND ? 0 : rc;
}

static void undo_task(void *arg)
{
	static const struct fg_retry policy = {
		.attempts = UNDO_TRIES, .min_ms = 500, .max_ms = 8000, .jitter = 0.1};
	struct making *m = arg;
	struct fg_err err;
	int tries, rc;

	fg_task_deadline(fg_now_ms() + UNDO_LIMIT_MS); /* not that of the task it works for */
	for (tries = 1;; tries++) {
		rc = undo_try(m, &err);
		/* A request that was cut off may have its effect seconds later: one look is not
		 * enough. */
		if (rc > 0 || (rc == 0 && *m->id) || tries == UNDO_TRIES)
			break;
		if (fg_task_sleep(fg_retry_delay(&policy, tries, 0), &err) < 0) {
			rc = -1;
			break;
		}
	}
	if (rc < 0) {
		fg_error("what was made of %s on %s could not be removed: %s", m->name,
			m->host->name, err.text);
		m->left = true;
	}
	m->over = true;
	fg_cond_broadcast(&m->undone);
	making_put(m);
}

/* Take away what there is of m. A cancelled task's waits fail, so another one does it; this waits
 * for that one if it can. */
static void undo(struct making *m, struct fg_err *err)
{
	cleanup_free char *name = fg_printf("undo of %s", m->name);
	int64_t deadline = fg_now_ms() + UNDO_WAIT_MS;

	m->refs++;
	fg_task_start(name, undo_task, m);
	while (!m->over && fg_cond_wait(&m->undone, "an undo", deadline, NULL) == 0)
		;
	if (m->left)
		fg_wrap(err, "what was made of %s on %s is still there", m->name, m->host->name);
}

/* One step's outcome, for the host's health. */
static int noted(struct fg_host *host, int rc, const struct fg_err *err)
{
	fg_host_note(host, rc < 0 ? err : NULL);
	return rc;
}

/* by: what has the name; NULL: it is not known. What is out of scope does not exist, and still no
 * other one can be called so. */
static int taken(struct fg_host *host, const struct fg_create *create,
	const struct fg_container_info *by, struct fg_err *err)
{
	struct fg_subject subject = by ? fg_info_subject(host, by) : (struct fg_subject){0};

	if (fg_selector_is_empty(create->scope) ||
		(by && fg_selector_match(create->scope, &subject)))
		return fg_fail(err, FG_ECONFLICT, "there already is a container called %s on %s",
			create->name, host->name);
	return fg_fail(
		err, FG_ECONFLICT, "the name %s cannot be used on %s", create->name, host->name);
}

/* POST the container. *unsure when it may be there although this failed. */
static int container_make(struct making *m, const cJSON *spec, const struct fg_create *create,
	struct fg_str *warnings, bool *unsure, struct fg_err *err)
{
	cleanup_json cJSON *body = fg_spec_create_body(spec, err);
	int rc;

	if (!body)
		return -1;
	label_instance(body, &(struct instance_labels){
				     .name = create->name,
				     .template = create->template->name,
				     .config_hash = m->hash,
				     .created_by = create->created_by,
				     .created_at = m->created_at,
				     .params = create->params,
			     });
	rc = noted(m->host,
		fg_container_create(m->host->engine, m->name, body, m->id, warnings, err), err);
	if (rc >= 0)
		return 0;
	*m->id = '\0';
	*unsure = fg_may_be_done(err) || err->code == FG_EPROTO || err->code == FG_ETOOBIG;
	return err->code == FG_ECONFLICT ? taken(m->host, create, NULL, err) : -1;
}

static int networks_connect(struct making *m, const cJSON *spec, struct fg_err *err)
{
	const cJSON *networks = fg_json_array(spec, "networks"), *network;

	cJSON_ArrayForEach (network, networks) {
		const char *name = cJSON_GetStringValue(network);

		/* The first was there at the creation. */
		if (network == networks->child || !name)
			continue;
		if (noted(m->host, fg_network_connect(m->host->engine, name, m->id, NULL, err),
			    err) < 0)
			return fg_wrap(err, "cannot connect it to network %s", name);
	}
	return 0;
}

static int record(struct fg_registry *registry, const struct making *m, const cJSON *spec,
	const struct fg_create *create, const char *digest, const struct fg_container_info *info,
	struct fg_instance *out, struct fg_err *err)
{
	cleanup_json cJSON *doc = document_create(&(struct document_seed){
		.name = m->name,
		.host = m->host->name,
		.container_id = m->id,
		.template = create->template->name,
		.image = fg_json_str(spec, "image", ""),
		.image_digest = digest,
		.config_hash = m->hash,
		.created_by = create->created_by,
		.created_at = m->created_at,
		.state = info->state,
		.spec = spec,
		.params = create->params,
		.info = info,
	});
	cJSON *entry = document_note(doc, "created");

	cJSON_AddStringToObject(entry, "by", create->created_by ? create->created_by : "");
	cJSON_AddStringToObject(entry, "image", fg_json_str(spec, "image", ""));
	cJSON_AddStringToObject(entry, "image_digest", digest);
	cJSON_AddStringToObject(entry, "config_hash", m->hash);
	if (registry && fg_registry_put(registry, doc, err) < 0)
		return -1;
	document_view(fg_steal(&doc), out);
	return 0;
}

static int make(struct fg_registry *registry, struct making *m, const cJSON *spec,
	const struct fg_create *create, bool *unsure, struct fg_instance *out,
	struct fg_str *warnings, struct fg_err *err)
{
	cleanup_info struct fg_container_info info = {0};
	cleanup_free char *digest = NULL;

	if (fg_host_image(m->host, fg_json_str(spec, "image", ""), fg_json_str(spec, "pull", ""),
		    &create->pull, &digest, NULL, err) < 0 ||
		container_make(m, spec, create, warnings, unsure, err) < 0 ||
		networks_connect(m, spec, err) < 0 ||
		noted(m->host, fg_container_start(m->host->engine, m->id, err), err) < 0 ||
		noted(m->host, fg_container_inspect(m->host->engine, m->id, &info, err), err) < 0)
		return -1;
	if (warnings && strcmp(info.state, "running") != 0)
		fg_str_printf(warnings, fg_tr("it is %s already (exit code %d)\n"), info.state,
			info.exit_code);
	limits_warn(m->host, spec, &info, warnings);
	return record(registry, m, spec, create, digest, &info, out, err);
}

int fg_instance_create(struct fg_fleet *fleet, struct fg_registry *registry,
	const struct fg_create *create, struct fg_instance *out, struct fg_str *warnings,
	struct fg_err *err)
{
	cleanup_json cJSON *spec = NULL;
	struct fg_host *host;
	struct making *m;
	struct fg_err local;
	bool unsure = false;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	if (!err)
		err = &local;
	spec = fg_instance_plan(fleet, create, &host, err);
	if (!spec)
		return -1;
	if (instance_in_making(host->name, create->name) && !fg_selector_is_empty(create->scope))
		return taken(host, create, NULL, err);
	if (instance_in_making(host->name, create->name))
		return fg_fail(err, FG_ECONFLICT, "%s is being created on %s already", create->name,
			host->name);
	m = making_create(host, create->name);
	fg_spec_hash(spec, m->hash);
	if (warnings)
		fg_spec_warnings(spec, warnings);
	rc = make(registry, m, spec, create, &unsure, out, warnings, err);
	if (rc < 0) {
		fg_wrap(err, "cannot create %s on %s", create->name, host->name);
		if (*m->id || unsure)
			undo(m, err);
	}
	making_put(m);
	return rc;
}

/* A host that was named is taken as it is, unless nobody is there to have meant it. */
static struct fg_host *host_resolve(struct fg_fleet *fleet, const struct fg_create *create,
	const char *pattern, struct fg_err *err)
{
	struct fg_host *host;

	if (!create->host)
		return fg_place(fleet, create, pattern, err);
	host = fg_fleet_find(fleet, create->host);
	if (!host || !fg_selector_match_host(create->scope, host->name)) {
		fg_fail(err, FG_ENOTFOUND, "there is no host called %s", create->host);
		return NULL;
	}
	if (!create->unasked || !fg_host_paused(host))
		return host;
	fg_fail(err, FG_ECONFLICT, "%s is paused for maintenance: nothing was done", host->name);
	return NULL;
}

/* An inspect takes prefixes of ids as well, so what comes back need not be called so. */
static int name_free(struct fg_host *host, const struct fg_create *create, struct fg_err *err)
{
	cleanup_info struct fg_container_info info = {0};
	int rc = noted(host, fg_container_inspect(host->engine, create->name, &info, err), err);

	if (rc < 0)
		return err->code == FG_ENOTFOUND ? 0 : -1;
	return strcmp(info.name, create->name) == 0 ? taken(host, create, &info, err) : 0;
}

cJSON *fg_instance_plan(struct fg_fleet *fleet, const struct fg_create *create,
	struct fg_host **host, struct fg_err *err)
{
	cleanup_json cJSON *spec = NULL, *body = NULL;
	struct fg_err local;

	if (!err)
		err = &local;
	if (fg_name_check(create->name, err) < 0)
		return NULL;
	spec = fg_spec_build(create->defaults, create->template, create->name, create->params, err);
	if (!spec)
		return NULL;
	if (fg_spec_is_service(spec)) {
		fg_fail(err, FG_EINVAL, "template %s makes a service, and no container",
			create->template->name);
		return NULL;
	}
	body = fg_spec_create_body(spec, err);
	if (!body)
		return NULL;
	*host = host_resolve(fleet, create, fg_json_str(spec, "host", ""), err);
	if (!*host)
		return NULL;
	if (host_ready(*host, err) < 0 || name_free(*host, create, err) < 0) {
		fg_wrap(err, "host %s", (*host)->name);
		return NULL;
	}
	return fg_steal(&spec);
}

void fg_instance_settle(int64_t deadline)
{
	while (!fg_list_empty(&makings) && fg_now_ms() < deadline)
		if (fg_task_sleep(SETTLE_STEP_MS, NULL) < 0)
			return;
}
