/*
 * Making managed services: the swarm that it is for, and the service on it.
 */
#include <string.h>
#include "managed/managed.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/image.h"
#include "fleetgram/fleet/image.h"
#include "fleetgram/fleet/operation.h"
#include "fleetgram/fleet/pause.h"
#include "label.h"
#include "registry/document.h"

#define UNDO_MS 30000

/* Which swarm */

/* Whether one of its managers is where it may go. */
static bool is_allowed(
	const struct fg_swarm *swarm, const struct fg_create *create, const char *glob)
{
	for (size_t i = 0; i < swarm->n; i++) {
		const struct fg_host *host = swarm->managers[i];

		if (create->host ? strcmp(host->name, create->host) != 0
				 : (*glob && !fg_glob_match(glob, host->name)) ||
					   (create->host_glob && *create->host_glob &&
						   !fg_glob_match(create->host_glob, host->name)))
			continue;
		if (!create->unasked || !fg_host_paused(host))
			return true;
	}
	return false;
}

/* There is none: what there is, and what to do. */
static int no_swarm(const struct fg_swarms *all, const struct fg_create *create, struct fg_err *err)
{
	const char *name = create->template->name;

	if (all->n && create->host)
		return fg_fail(err, FG_ENOTFOUND,
			"%s manages no swarm (or is paused), and template %s makes a service: /nodes shows the "
			"managers there are",
			create->host, name);
	if (all->n)
		return fg_fail(err, FG_ENOTFOUND,
			"no manager of a swarm is among the hosts that template %s may go to, or all are paused",
			name);
	if (all->silent_n)
		return fg_fail(err, FG_EUNREACHABLE,
			"template %s makes a service, which needs the manager of a swarm: no host that answers "
			"is one, and %s does not answer (%s)",
			name, all->silent[0]->name, all->silent[0]->why.text);
	if (all->worker)
		return fg_fail(err, FG_ENOTFOUND,
			"template %s makes a service, which needs the manager of a swarm, and %s is a worker: "
			"put a manager into the config's hosts",
			name, all->worker->name);
	return fg_fail(err, FG_ENOTFOUND,
		"template %s makes a service, which needs a swarm, and no host here is in one: \"docker "
		"swarm init\" makes a host the manager of one",
		name);
}

static int swarm_find(struct fg_fleet *fleet, const struct fg_create *create, const char *glob,
	struct fg_swarms *all, struct fg_swarm **out, struct fg_err *err)
{
	size_t hits = 0;

	/* A host out of scope does not exist. */
	if (create->host && (!fg_fleet_find(fleet, create->host) ||
				    !fg_selector_match_host(create->scope, create->host)))
		return fg_fail(err, FG_ENOTFOUND, "there is no host called %s", create->host);
	if (fg_fleet_swarms(fleet, create->scope, all, err) < 0)
		return -1;
	for (size_t i = 0; i < all->n; i++) {
		if (!is_allowed(&all->v[i], create, glob))
			continue;
		hits++;
		*out = &all->v[i];
	}
	if (hits == 0)
		return no_swarm(all, create, err);
	if (hits > 1) {
		cleanup_free char *title = fg_swarm_title(*out);

		return fg_fail(err, FG_EINVAL,
			"there are %zu swarms that it could be on: host= names a manager of the one that is "
			"meant (one is managed by %s)",
			hits, title);
	}
	if ((*out)->served && *(*out)->id)
		return 0;
	*err = (*out)->why;
	return err->code ? -1 : fg_fail(err, FG_EREMOTE, "its swarm has no leader");
}

/* What is out of scope does not exist, and still no other one can be called so. */
static int name_free(struct fg_swarm *swarm, const struct fg_create *create, struct fg_err *err)
{
	cleanup_service struct fg_service there = {0};
	cleanup_free char *title = fg_swarm_title(swarm);
	const char *name = create->name;

	if (fg_swarm_service(swarm, name, &there, err) < 0)
		return err->code == FG_ENOTFOUND ? 0 : -1;
	if (strcmp(there.name, name) != 0)
		return 0;
	if (!fg_service_visible(create->scope, swarm, &there))
		return fg_fail(err, FG_ECONFLICT, "the name %s cannot be used on %s", name, title);
	return fg_fail(err, FG_ECONFLICT, "there already is a service called %s on the swarm of %s",
		name, title);
}

/* replicas=N is asked for by hand, as with /scale. */
static int size_set(cJSON *spec, int64_t replicas, int64_t *own, struct fg_err *err)
{
	*own = fg_json_i64(spec, "replicas", 1);
	if (replicas < 0)
		return 0;
	if (fg_json_bool(spec, "global", false))
		return fg_fail(err, FG_EINVAL,
			"it is a global service, with one task on each node: replicas= does not go with it");
	cJSON_DeleteItemFromObjectCaseSensitive(spec, "replicas");
	fg_json_set_i64(spec, "replicas", replicas);
	return 0;
}

cJSON *fg_managed_plan(struct fg_fleet *fleet, const struct fg_create *create, int64_t replicas,
	struct fg_swarms *out, struct fg_swarm **swarm, int64_t *own, struct fg_err *err)
{
	cleanup_json cJSON *spec = NULL, *body = NULL;
	struct fg_err local;

	err = err ? err : &local;
	*out = (struct fg_swarms){0};
	if (fg_name_check(create->name, err) < 0)
		return NULL;
	spec = fg_spec_build(create->defaults, create->template, create->name, create->params, err);
	if (!spec || size_set(spec, replicas, own, err) < 0)
		return NULL;
	body = fg_spec_service_body(spec, create->name, err);
	if (!body) {
		fg_wrap(err, "template %s", create->template->name);
		return NULL;
	}
	if (swarm_find(fleet, create, fg_json_str(spec, "host", ""), out, swarm, err) < 0 ||
		name_free(*swarm, create, err) < 0)
		return NULL;
	return fg_steal(&spec);
}

/* Its image */

struct resolve {
	const char *image, *auth;
	char digest[FG_DIGEST_SIZE];
};

static int ask_digest(struct fg_engine *engine, void *arg, struct fg_err *err)
{
	struct resolve *r = arg;

	return fg_image_distribution(engine, r->image, r->auth, r->digest, err);
}

char *fg_managed_pin(struct fg_swarm *swarm, const char *image, bool *blind)
{
	char *auth = fg_fleet_auth(swarm->managers[0]->fleet, image);
	struct resolve r = {.image = image, .auth = auth};
	struct fg_err err;
	int rc = strchr(image, '@') ? 1 : fg_swarm_ask(swarm, false, ask_digest, &r, &err);

	fg_secret_free(auth);
	*blind = rc < 0;
	return *r.digest ? fg_printf("%s@%s", image, r.digest) : fg_strdup(image);
}

/* Making */

struct making {
	struct fg_registry *registry;
	struct fg_swarm *swarm;
	const struct fg_create *create;
	const cJSON *spec;
	int64_t own;
	char hash[FG_HASH_SIZE], created_at[FG_RFC3339], id[FG_SWARM_ID];
	char *image; /* with its digest, where it is known */
};

/* The answer to the create was lost: it is ours if it carries what we sent. */
static int find_made(struct making *m, struct fg_err *err)
{
	cleanup_service struct fg_service s = {0};
	const char *at, *hash;
	struct fg_err why;

	if (fg_swarm_service(m->swarm, m->create->name, &s, &why) < 0)
		return -1;
	at = fg_service_label(&s, FG_LABEL_CREATED_AT);
	hash = fg_service_label(&s, FG_LABEL_HASH);
	if (strcmp(s.name, m->create->name) != 0 || !at || strcmp(at, m->created_at) != 0 ||
		!hash || strcmp(hash, m->hash) != 0)
		return -1;
	memcpy(m->id, s.id, sizeof(m->id));
	fg_debug("%s is there, though: %s", m->create->name, err->text);
	return 0;
}

static int post(struct making *m, struct fg_str *warnings, struct fg_err *err)
{
	cleanup_json cJSON *body = fg_spec_service_body(m->spec, m->create->name, err);
	cJSON *container;
	char *auth;
	int rc;

	if (!body)
		return -1;
	label_instance(body, &(struct instance_labels){
				     .name = m->create->name,
				     .template = m->create->template->name,
				     .config_hash = m->hash,
				     .created_by = m->create->created_by,
				     .created_at = m->created_at,
				     .params = m->create->params,
			     });
	container = (cJSON *)fg_json_path(body, "TaskTemplate.ContainerSpec");
	cJSON_ReplaceItemInObjectCaseSensitive(container, "Image", cJSON_CreateString(m->image));
	auth = fg_fleet_auth(m->swarm->managers[0]->fleet, m->image);
	rc = fg_swarm_create(m->swarm, body, auth, m->id, warnings, err);
	fg_secret_free(auth);
	if (rc == 0 || err->code == FG_ECANCELED)
		return rc;
	return find_made(m, err);
}

static cJSON *document(const struct making *m)
{
	const char *image = fg_json_str(m->spec, "image", ""), *at = strchr(m->image, '@');
	int64_t replicas = fg_json_i64(m->spec, "replicas", 1);
	cJSON *entry, *over,
		*doc = managed_document(&(struct managed_seed){
			.name = m->create->name,
			.swarm = m->swarm->id,
			.service_id = m->id,
			.template = m->create->template->name,
			.image = image,
			.image_digest = at ? at + 1 : "",
			.config_hash = m->hash,
			.created_by = m->create->created_by,
			.created_at = m->created_at,
			.state = "partial",
			.spec = m->spec,
			.params = m->create->params,
		});

	if (replicas != m->own) {
		over = cJSON_AddObjectToObject(
			cJSON_AddObjectToObject(doc, "overrides"), "replicas");
		fg_json_set_i64(over, "from", m->own);
		fg_json_set_i64(over, "to", replicas);
	}
	entry = document_note(doc, "created");
	cJSON_AddStringToObject(entry, "by", m->create->created_by ? m->create->created_by : "");
	cJSON_AddStringToObject(entry, "image", image);
	cJSON_AddStringToObject(entry, "image_digest", at ? at + 1 : "");
	cJSON_AddStringToObject(entry, "config_hash", m->hash);
	return doc;
}

/* What cannot be recorded is not to stay. */
static void undo(struct making *m, struct fg_err *err)
{
	int64_t before = fg_task_deadline(fg_now_ms() + UNDO_MS);
	struct fg_err why;

	if (fg_swarm_remove(m->swarm, m->id, &why) < 0 && why.code != FG_ENOTFOUND)
		fg_wrap(err, "the service %s was made and is still there (%s)", m->create->name,
			why.text);
	fg_task_deadline(before);
}

static int record(struct making *m, struct fg_instance *out, struct fg_err *err)
{
	cJSON *doc = document(m);

	if (m->registry && managed_put(m->registry, doc, err) < 0) {
		cJSON_Delete(doc);
		undo(m, err);
		return -1;
	}
	managed_view(doc, out);
	return 0;
}

int fg_managed_create(struct fg_registry *registry, struct fg_swarm *swarm,
	const struct fg_create *create, const cJSON *spec, int64_t own, struct fg_instance *out,
	struct fg_str *warnings, struct fg_err *err)
{
	struct making m = {
		.registry = registry, .swarm = swarm, .create = create, .spec = spec, .own = own};
	struct fg_err local;
	bool blind;
	int rc;

	*out = (struct fg_instance){0};
	err = err ? err : &local;
	fg_spec_hash(spec, m.hash);
	fg_rfc3339(m.created_at, fg_wall_ms());
	m.image = fg_managed_pin(swarm, fg_json_str(spec, "image", ""), &blind);
	if (warnings && blind)
		fg_str_printf(warnings,
			fg_tr("The registry of %s cannot be asked: each node looks for it by itself.\n"),
			fg_json_str(spec, "image", ""));
	if (warnings && managed_old(swarm) &&
		fg_json_bool(fg_json_object(spec, "security"), "no_new_privileges", true))
		fg_str_puts(warnings,
			fg_tr("its engine is older than 25.0 and lets processes in services gain privileges\n"));
	if (warnings)
		fg_spec_warnings(spec, warnings);
	rc = post(&m, warnings, err);
	if (rc == 0)
		rc = record(&m, out, err);
	free(m.image);
	return rc < 0 ? fg_wrap(err, "cannot create the service %s", create->name) : 0;
}
