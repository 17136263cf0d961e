/*
 * Managed services in the registry: a document a row, under their swarm and name.
 */
#include <stdio.h>
#include <string.h>
#include "managed/managed.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/operation.h"
#include "registry/document.h"
#include "registry/registry.h"

cJSON *managed_document(const struct managed_seed *seed)
{
	cJSON *doc = cJSON_CreateObject();

	document_text(doc, "kind", "service");
	document_text(doc, "name", seed->name);
	document_text(doc, "swarm", seed->swarm);
	document_text(doc, "service_id", seed->service_id);
	document_text(doc, "template", seed->template);
	document_text(doc, "image", seed->image);
	document_text(doc, "image_digest", seed->image_digest);
	document_text(doc, "config_hash", seed->config_hash);
	document_object(doc, "spec", seed->spec);
	document_object(doc, "params", seed->params);
	document_text(doc, "created_by", seed->created_by);
	document_text(doc, "created_at", seed->created_at);
	document_text(doc, "state", seed->state);
	cJSON_AddArrayToObject(doc, "history");
	return doc;
}

const char *managed_check(const cJSON *doc)
{
	static const char *const texts[] = {"service_id", "template", "image", "image_digest",
		"config_hash", "created_by", "created_at", "state"};
	static const char *const objects[] = {"spec", "params", "overrides"};
	static char wrong[64];
	const char *created;
	int64_t ms;
	size_t i;

	if (!cJSON_IsObject(doc))
		return "it is no object";
	if (strcmp(fg_json_str(doc, "kind", ""), "service") != 0)
		return "its kind is not service";
	if (!fg_name_valid(fg_json_str(doc, "name", "")))
		return "name is no service's name";
	if (!*fg_json_str(doc, "swarm", ""))
		return "swarm is missing";
	for (i = 0; i < FG_ARRAY_LEN(texts); i++) {
		const cJSON *item = fg_json_get(doc, texts[i]);

		if (!item || cJSON_IsString(item) || cJSON_IsNull(item))
			continue;
		snprintf(wrong, sizeof(wrong), "%s is no string", texts[i]);
		return wrong;
	}
	for (i = 0; i < FG_ARRAY_LEN(objects); i++) {
		const cJSON *item = fg_json_get(doc, objects[i]);

		if (!item || cJSON_IsObject(item) || cJSON_IsNull(item))
			continue;
		snprintf(wrong, sizeof(wrong), "%s is no object", objects[i]);
		return wrong;
	}
	created = fg_json_str(doc, "created_at", "");
	if (*created && fg_rfc3339_parse(created, &ms) < 0)
		return "created_at is no time";
	return document_check_notes(doc);
}

void managed_view(cJSON *doc, struct fg_instance *out)
{
	document_view(doc, out);
	out->host = fg_json_str(doc, "swarm", "");
	out->container_id = fg_json_str(doc, "service_id", "");
}

int fg_managed_list(struct fg_registry *registry, struct fg_instances *out, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(registry->store, err,
		"SELECT doc, name, swarm FROM services ORDER BY name, swarm", "");
	size_t room = 0;
	cJSON *doc;
	int rc;

	*out = (struct fg_instances){0};
	if (!rows)
		return fg_wrap(err, "cannot read the registry");
	while ((rc = registry_next(rows, &doc, err)) > 0) {
		if (!doc)
			continue;
		if (out->n == room) {
			room = room ? room * 2 : 16;
			out->v = fg_realloc(out->v, room, sizeof(*out->v));
		}
		managed_view(doc, &out->v[out->n++]);
	}
	if (rc < 0)
		fg_instances_finish(out);
	return rc;
}

bool fg_managed_any(struct fg_registry *registry)
{
	return fg_store_i64(registry->store, 0, "SELECT EXISTS (SELECT 1 FROM services)", "") > 0;
}

static int find(struct fg_registry *registry, struct fg_tx *tx, const char *swarm,
	const char *service_id, cJSON **doc, struct fg_err *err)
{
	static const char ask[] = "SELECT doc, name, swarm FROM services "
				  "WHERE swarm = ?1 AND service_id = ?2 AND ?2 <> ''";
	cleanup_rows struct fg_rows *rows =
		tx ? fg_tx_query(tx, err, ask, "ss", swarm, service_id)
		   : fg_store_query(registry->store, err, ask, "ss", swarm, service_id);
	int rc;

	*doc = NULL;
	if (!rows)
		return fg_wrap(err, "cannot read the registry");
	rc = registry_next(rows, doc, err);
	return rc > 0 && !*doc ? 0 : rc;
}

int fg_managed_find(struct fg_registry *registry, const char *swarm, const char *service_id,
	struct fg_instance *out, struct fg_err *err)
{
	cJSON *doc;
	int rc = find(registry, NULL, swarm, service_id, &doc, err);

	*out = (struct fg_instance){0};
	if (rc > 0)
		managed_view(doc, out);
	return rc;
}

int managed_write(struct fg_tx *tx, const cJSON *doc, struct fg_err *err)
{
	cleanup_free char *text = fg_json_print(doc);
	const char *swarm = fg_json_str(doc, "swarm", ""), *name = fg_json_str(doc, "name", "");
	const char *id = fg_json_str(doc, "service_id", "");

	if (*id && fg_tx_exec(tx, err,
			   "DELETE FROM services WHERE swarm = ? AND service_id = ? AND name <> ?",
			   "sss", swarm, id, name) < 0)
		return -1;
	return fg_tx_exec(tx, err,
		       "INSERT INTO services (swarm, name, service_id, doc) VALUES (?, ?, ?, ?) "
		       "ON CONFLICT (swarm, name) DO UPDATE SET service_id = excluded.service_id, "
		       "doc = excluded.doc",
		       "ssss", swarm, name, id, text) < 0
		       ? -1
		       : 0;
}

int managed_put(struct fg_registry *registry, const cJSON *doc, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};

	if (fg_tx_begin(registry->store, &tx, err) < 0 || managed_write(&tx, doc, err) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot record %s", fg_json_str(doc, "name", ""));
	return 0;
}

/* 1: yes; 0: no. */
static int is_known(struct fg_tx *tx, const cJSON *doc, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(tx, err,
		"SELECT 1 FROM services WHERE swarm = ?1 AND (name = ?2 OR service_id = ?3) "
		"AND json_valid(doc)",
		"sss", fg_json_str(doc, "swarm", ""), fg_json_str(doc, "name", ""),
		fg_json_str(doc, "service_id", ""));

	if (!rows)
		return -1;
	if (fg_rows_next(rows))
		return 1;
	return fg_rows_failed(rows, err) < 0 ? -1 : 0;
}

int managed_adopt(struct fg_registry *registry, const cJSON *doc, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int known;

	if (fg_tx_begin(registry->store, &tx, err) < 0)
		return fg_wrap(err, "cannot record %s", fg_json_str(doc, "name", ""));
	known = is_known(&tx, doc, err);
	if (known > 0)
		return 0;
	if (known < 0 || managed_write(&tx, doc, err) < 0 || fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot record %s", fg_json_str(doc, "name", ""));
	return 1;
}

int managed_edit(struct fg_registry *registry, const char *swarm, const char *service_id,
	managed_change_fn *change, void *arg, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_json cJSON *doc = NULL;
	int rc;

	if (fg_tx_begin(registry->store, &tx, err) < 0)
		return fg_wrap(err, "cannot write to the registry");
	rc = find(registry, &tx, swarm, service_id, &doc, err);
	if (rc <= 0 || !change(doc, arg))
		return rc < 0 ? -1 : 0;
	if (managed_write(&tx, doc, err) < 0 || fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot write to the registry");
	return 1;
}

int fg_managed_forget(
	struct fg_registry *registry, const char *swarm, const char *name, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};

	if (fg_tx_begin(registry->store, &tx, err) < 0 ||
		fg_tx_exec(&tx, err, "DELETE FROM services WHERE swarm = ? AND name = ?", "ss",
			swarm, name) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot forget %s", name);
	return 0;
}
