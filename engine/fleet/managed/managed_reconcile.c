/*
 * Reconciling managed services: the registry's rows of a swarm against the services that are there.
 *
 * As with containers, a row is written only if it still is as it was read before the swarm was
 * asked; one that has come meanwhile is left alone.
 */
#include <string.h>
#include "managed/managed.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/operation.h"
#include "registry/document.h"
#include "registry/registry.h"

static const struct fg_instance *row_of(
	const struct fg_instances *rows, const char *swarm, const struct fg_service *s)
{
	const struct fg_instance *named = NULL;

	for (size_t i = 0; i < rows->n; i++) {
		const struct fg_instance *row = &rows->v[i];

		if (strcmp(row->host, swarm) != 0)
			continue;
		if (strcmp(row->container_id, s->id) == 0)
			return row;
		if (strcmp(row->name, s->name) == 0)
			named = row;
	}
	return named;
}

static bool is_managed(const struct fg_service *s)
{
	const char *value = fg_service_label(s, FG_LABEL_MANAGED);
	const char *name = fg_service_label(s, FG_LABEL_INSTANCE);

	return value && strcmp(value, "true") == 0 && name && strcmp(name, s->name) == 0 &&
	       fg_name_valid(s->name);
}

static cJSON *adopted(const char *swarm, const struct fg_service *s)
{
	const char *created_at = fg_service_label(s, FG_LABEL_CREATED_AT);
	const char *given = fg_service_label(s, FG_LABEL_PARAMS);
	cleanup_json cJSON *params = given ? fg_json_parse(given, strlen(given), NULL) : NULL;
	char created[FG_RFC3339];
	int64_t ms;
	cJSON *doc;

	if (!created_at || fg_rfc3339_parse(created_at, &ms) < 0)
		created_at = fg_rfc3339(created, s->created_ms);
	doc = managed_document(&(struct managed_seed){
		.name = s->name,
		.swarm = swarm,
		.service_id = s->id,
		.template = fg_service_label(s, FG_LABEL_TEMPLATE),
		.image = s->image,
		.image_digest = s->digest,
		.config_hash = fg_service_label(s, FG_LABEL_HASH),
		.created_by = fg_service_label(s, FG_LABEL_CREATED_BY),
		.created_at = created_at,
		.state = fg_service_state(s),
		.params = cJSON_IsObject(params) ? params : NULL,
	});
	document_note(doc, "adopted");
	return doc;
}

/* What was read of a row, and what it becomes. */
struct turn {
	const struct fg_instance *row;
	const char *id, *state;
	struct fg_reconciled *result;
};

static bool change_row(cJSON *doc, void *arg)
{
	const struct turn *t = arg;
	const char *state = fg_json_str(doc, "state", "");
	bool was_missing = strcmp(state, "missing") == 0;
	bool is_missing = strcmp(t->state, "missing") == 0;
	bool moved = strcmp(t->id, t->row->container_id) != 0;

	if (strcmp(state, t->row->state) != 0 || (!moved && strcmp(state, t->state) == 0))
		return false;
	if (is_missing)
		document_note(doc, "missing");
	else if (was_missing)
		document_note(doc, "back");
	if (moved) {
		cJSON_AddStringToObject(
			document_note(doc, "replaced"), "service_id", t->row->container_id);
		document_set(doc, "service_id", t->id);
	}
	document_set(doc, "state", t->state);
	t->result->missing += is_missing;
	t->result->back += was_missing && !is_missing;
	t->result->updated += !was_missing && !is_missing;
	return true;
}

static int swarm_compare(struct fg_registry *registry, const struct fg_instances *rows,
	struct fg_swarm *swarm, struct fg_reconciled *result, struct fg_err *err)
{
	cleanup_services struct fg_services services = {0};
	cleanup_free bool *seen = fg_alloc(rows->n + 1);

	if (fg_swarm_services(swarm, &services, err) < 0)
		return -1;
	for (size_t i = 0; i < services.n; i++) {
		const struct fg_service *s = &services.v[i];
		const struct fg_instance *row = row_of(rows, swarm->id, s);
		struct turn turn = {row, s->id, fg_service_state(s), result};
		cleanup_json cJSON *doc = NULL;
		int rc;

		/* Under the name of one that is gone, only what is ours is that one again. */
		if (row && strcmp(row->container_id, s->id) != 0 && !is_managed(s))
			continue;
		if (row)
			seen[row - rows->v] = true;
		if (row && managed_edit(registry, swarm->id, row->container_id, change_row, &turn,
				   err) < 0)
			return -1;
		if (row || !is_managed(s))
			continue;
		doc = adopted(swarm->id, s);
		rc = managed_adopt(registry, doc, err);
		if (rc < 0)
			return -1;
		result->adopted += rc;
	}
	for (size_t i = 0; i < rows->n; i++) {
		struct turn turn = {&rows->v[i], rows->v[i].container_id, "missing", result};

		if (!seen[i] && strcmp(rows->v[i].host, swarm->id) == 0 &&
			managed_edit(registry, swarm->id, rows->v[i].container_id, change_row,
				&turn, err) < 0)
			return -1;
	}
	return 0;
}

int fg_managed_reconcile(struct fg_registry *registry, struct fg_fleet *fleet,
	struct fg_reconciled *result, struct fg_err *err)
{
	cleanup_instances struct fg_instances rows = {0};
	cleanup_swarms struct fg_swarms swarms = {0};
	struct fg_reconciled none;
	struct fg_err why;
	int rc = 0;

	result = result ? result : &none;
	*result = (struct fg_reconciled){0};
	if (fg_managed_list(registry, &rows, err) < 0 ||
		fg_fleet_swarms(fleet, NULL, &swarms, err) < 0)
		return -1;
	for (size_t i = 0; i < swarms.n; i++) {
		struct fg_swarm *swarm = &swarms.v[i];

		if (!swarm->served || !*swarm->id)
			continue;
		if (swarm_compare(registry, &rows, swarm, result, &why) == 0)
			continue;
		rc = -1;
		if (err)
			*err = why;
	}
	return rc;
}
