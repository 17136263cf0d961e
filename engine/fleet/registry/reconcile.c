/*
 * Reconciling: the registry's rows of a host against the containers that are there.
 *
 * What is to change is worked out from rows read before the engine was asked, without their
 * documents, and a row is written only if it still is as it was read: what a command does meanwhile
 * is never overwritten with what is older.
 */
#include <string.h>
#include "registry/adopt.h"
#include "create.h"
#include "registry/document.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/operation.h"
#include "fleetgram/fleet/spec.h"
#include "host.h"
#include "registry/registry.h"
#include "replace/replacing.h"

struct row {
	char *name, *id, *state; /* as they were read */
	int64_t revision;
	bool damaged;                 /* what its document said is lost */
	const struct fg_container *c; /* where it is now; NULL: it is missing */
	bool changed;
	cJSON *doc; /* as it is to be written */
};

struct round {
	struct fg_registry *registry;
	struct fg_host *host;
	struct fg_reconciled *result;
	struct row *rows;
	size_t row_count;
	struct fg_containers list;
	const struct fg_container **by_id, **by_name; /* the list, sorted */
	const struct row **rows_by_id, **rows_by_name;
};

static int container_by_id(const void *a, const void *b)
{
	const struct fg_container *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static int container_by_name(const void *a, const void *b)
{
	const struct fg_container *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int row_by_id(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static int row_by_name(const void *a, const void *b)
{
	const struct row *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static const void *found(const void *hit)
{
	return hit ? *(const void *const *)hit : NULL;
}

static const struct fg_container *find_id(const struct round *r, const char *id)
{
	struct fg_container key = {0}, *kp = &key;

	strncpy(key.id, id, sizeof(key.id) - 1);
	return found(bsearch(&kp, r->by_id, r->list.n, sizeof(*r->by_id), container_by_id));
}

static const struct fg_container *find_name(const struct round *r, const char *name)
{
	struct fg_container key = {.name = (char *)name}, *kp = &key;

	return found(bsearch(&kp, r->by_name, r->list.n, sizeof(*r->by_name), container_by_name));
}

static bool id_has_row(const struct round *r, const char *id)
{
	struct row key = {.id = (char *)id}, *kp = &key;

	return bsearch(&kp, r->rows_by_id, r->row_count, sizeof(*r->rows_by_id), row_by_id);
}

static bool has_row(const struct round *r, const struct fg_container *c)
{
	struct row key = {.name = c->name}, *kp = &key;
	size_t size = sizeof(*r->rows_by_name);

	return id_has_row(r, c->id) ||
	       bsearch(&kp, r->rows_by_name, r->row_count, size, row_by_name);
}

static bool is_managed(const struct fg_container *c)
{
	const char *value = fg_container_label(c, FG_LABEL_MANAGED);

	return value && strcmp(value, "true") == 0;
}

static int rows_read(struct round *r, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(r->registry->store, err,
		"SELECT name, container_id, state, revision, json_valid(doc) FROM instances "
		"WHERE host = ?",
		"s", r->host->name);
	size_t room = 0, i;

	if (!rows)
		return fg_wrap(err, "cannot read the registry");
	while (fg_rows_next(rows)) {
		if (r->row_count == room) {
			room = room ? room * 2 : 16;
			r->rows = fg_realloc(r->rows, room, sizeof(*r->rows));
		}
		r->rows[r->row_count++] = (struct row){
			.name = fg_strdup(fg_rows_str(rows, 0)),
			.id = fg_strdup(fg_rows_str(rows, 1)),
			.state = fg_strdup(fg_rows_str(rows, 2)),
			.revision = fg_rows_i64(rows, 3),
			.damaged = !fg_rows_i64(rows, 4),
		};
	}
	if (fg_rows_failed(rows, err) < 0)
		return fg_wrap(err, "cannot read the registry");
	r->rows_by_id = fg_alloc((r->row_count + 1) * sizeof(*r->rows_by_id));
	r->rows_by_name = fg_alloc((r->row_count + 1) * sizeof(*r->rows_by_name));
	for (i = 0; i < r->row_count; i++)
		r->rows_by_id[i] = r->rows_by_name[i] = &r->rows[i];
	qsort(r->rows_by_id, r->row_count, sizeof(*r->rows_by_id), row_by_id);
	qsort(r->rows_by_name, r->row_count, sizeof(*r->rows_by_name), row_by_name);
	return 0;
}

static int containers_read(struct round *r, struct fg_err *err)
{
	struct fg_err local;
	int rc = fg_container_list(r->host->engine, NULL, &r->list, &local);

	fg_host_note(r->host, rc < 0 ? &local : NULL);
	if (rc < 0) {
		if (err)
			*err = local;
		return fg_wrap(err, "cannot list containers on %s", r->host->name);
	}
	r->by_id = fg_alloc((r->list.n + 1) * sizeof(*r->by_id));
	r->by_name = fg_alloc((r->list.n + 1) * sizeof(*r->by_name));
	for (size_t i = 0; i < r->list.n; i++)
		r->by_id[i] = r->by_name[i] = &r->list.v[i];
	qsort(r->by_id, r->list.n, sizeof(*r->by_id), container_by_id);
	qsort(r->by_name, r->list.n, sizeof(*r->by_name), container_by_name);
	return 0;
}

/* Where the row's container is: it goes by its id, unless somebody made it again with our labels
 * and under its old name. */
static void row_compare(struct round *r, struct row *row)
{
	bool missing = strcmp(row->state, "missing") == 0;
	const struct fg_container *c = *row->id ? find_id(r, row->id) : NULL;

	if (!c) {
		c = find_name(r, row->name);
		if (c && (!is_managed(c) || id_has_row(r, c->id) ||
				 instance_in_making(r->host->name, c->name)))
			c = NULL;
	}
	row->c = c;
	if (!c)
		row->changed = row->damaged || !missing;
	else
		row->changed = row->damaged || strcmp(c->name, row->name) != 0 ||
			       strcmp(c->id, row->id) != 0 || strcmp(c->state, row->state) != 0;
	/* it says itself what it was and what it becomes */
	if (row->changed && (fg_replace_involves(r->registry, r->host->name, row->id) ||
				    fg_replace_involves(r->registry, r->host->name, row->name)))
		row->changed = false;
}

static const char *label(const struct fg_container *c, const char *key)
{
	return c ? fg_container_label(c, key) : NULL;
}

/* What can be known of an instance whose document is lost. */
static cJSON *row_anew(const struct round *r, const struct row *row)
{
	cJSON *doc = document_create(&(struct document_seed){
		.name = row->name,
		.host = r->host->name,
		.container_id = row->id,
		.template = label(row->c, FG_LABEL_TEMPLATE),
		.image = row->c ? row->c->image : NULL,
		.config_hash = label(row->c, FG_LABEL_HASH),
		.created_by = label(row->c, FG_LABEL_CREATED_BY),
		.created_at = label(row->c, FG_LABEL_CREATED_AT),
		.state = row->state,
	});

	document_note(doc, "damaged");
	if (document_check(doc)) /* a label that is no time */
		document_set(doc, "created_at", "");
	fg_warn("registry: %s on %s is recorded anew from what its container says", row->name,
		r->host->name);
	return doc;
}

static void note_moved(cJSON *doc, const struct fg_container *c, const char *from)
{
	const char *hash = fg_container_label(c, FG_LABEL_HASH);

	cJSON_AddStringToObject(document_note(doc, "replaced"), "container_id", from);
	document_set(doc, "container_id", c->id);
	document_set(doc, "image", c->image);
	document_set(doc, "config_hash", hash ? hash : "");
}

/* Bring its document up to date. */
static void row_change(struct round *r, const struct row *row)
{
	bool missing = strcmp(row->state, "missing") == 0;
	const struct fg_container *c = row->c;

	if (!c) {
		if (!missing) {
			document_note(row->doc, "missing");
			r->result->missing++;
		}
		document_set(row->doc, "state", "missing");
		return;
	}
	if (document_set(row->doc, "name", c->name))
		document_renamed(row->doc, row->name);
	if (strcmp(c->id, row->id) != 0)
		note_moved(row->doc, c, row->id);
	if (missing)
		document_note(row->doc, "back");
	document_set(row->doc, "state", c->state);
	if (missing)
		r->result->back++;
	else
		r->result->updated++;
}

/* Take the row out, if it still is as it was read, with what it is to become in row->doc. */
static int row_take(struct round *r, struct fg_tx *tx, struct row *row, struct fg_err *err)
{
	cleanup_json cJSON *doc = NULL;
	int64_t gone;

	if (registry_get(NULL, tx, REGISTRY_NAME, r->host->name, row->name, &doc, err) < 0)
		return -1;
	gone = fg_tx_exec(tx, err,
		"DELETE FROM instances WHERE name = ? AND host = ? AND revision = ?", "ssi",
		row->name, r->host->name, row->revision);
	if (gone <= 0)
		return (int)gone;
	row->doc = doc ? fg_steal(&doc) : row_anew(r, row);
	row_change(r, row);
	return 0;
}

/* Names may have been swapped, so all changed rows go before any comes back. */
static int rows_write(struct round *r, struct fg_tx *tx, struct fg_err *err)
{
	size_t i;

	for (i = 0; i < r->row_count; i++)
		if (r->rows[i].changed && row_take(r, tx, &r->rows[i], err) < 0)
			return -1;
	/* Where a missing one's name was taken over, the one that is there has it. */
	for (int pass = 0; pass < 2; pass++)
		for (i = 0; i < r->row_count; i++) {
			const struct row *row = &r->rows[i];

			if (row->doc && (row->c != NULL) == (pass == 1) &&
				registry_write(tx, row->doc, err) < 0)
				return -1;
		}
	return 0;
}

static int round_write(struct round *r, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	bool changed = false;

	for (size_t i = 0; i < r->row_count; i++)
		changed |= r->rows[i].changed;
	if (!changed)
		return 0;
	if (fg_tx_begin(r->registry->store, &tx, err) < 0 || rows_write(r, &tx, err) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot write to the registry");
	return 0;
}

static int round_adopt(struct round *r, struct fg_err *err)
{
	cleanup_free const struct fg_container **unknown =
		fg_alloc((r->list.n + 1) * sizeof(*unknown));
	size_t n = 0;

	for (size_t i = 0; i < r->list.n; i++) {
		const struct fg_container *c = &r->list.v[i];

		if (is_managed(c) && fg_name_valid(c->name) && !has_row(r, c) &&
			!instance_in_making(r->host->name, c->name) &&
			!fg_replace_involves(r->registry, r->host->name, c->id))
			unknown[n++] = c;
	}
	return adopt_all(r->registry, r->host, unknown, n, &r->result->adopted, err);
}

static void round_finish(struct round *r)
{
	for (size_t i = 0; i < r->row_count; i++) {
		cJSON_Delete(r->rows[i].doc);
		free(r->rows[i].name);
		free(r->rows[i].id);
		free(r->rows[i].state);
	}
	free(r->rows);
	free(r->rows_by_id);
	free(r->rows_by_name);
	free(r->by_id);
	free(r->by_name);
	fg_containers_finish(&r->list);
}

int fg_registry_reconcile(struct fg_registry *registry, struct fg_host *host,
	struct fg_reconciled *result, struct fg_err *err)
{
	struct fg_reconciled none;
	struct round r = {.registry = registry, .host = host, .result = result ? result : &none};
	struct fg_fleet *fleet = fg_fleet_ref(host->fleet);
	int rc = -1;

	memset(r.result, 0, sizeof(*r.result));
	if (fg_replace_recover(registry, host, err) >= 0 && rows_read(&r, err) == 0 &&
		containers_read(&r, err) == 0) {
		for (size_t i = 0; i < r.row_count; i++)
			row_compare(&r, &r.rows[i]);
		if (round_write(&r, err) == 0 && round_adopt(&r, err) >= 0)
			rc = 0;
	}
	round_finish(&r);
	fg_fleet_unref(fleet);
	return rc;
}
