/*
 * The registry: documents in the store, one a row under its name and host.
 *
 * Beside its document a row has what is asked for often: the container, the state, and a revision,
 * so that neither counting nor looking for what is new reads documents.
 */
#include <string.h>
#include "registry/document.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "registry/record.h"
#include "registry/registry.h"
#include "replace/replacing.h"

static const char *const steps[] = {
	"CREATE TABLE instances ("
	"	name TEXT NOT NULL,"
	"	host TEXT NOT NULL,"
	"	container_id TEXT NOT NULL,"
	"	doc TEXT NOT NULL,"
	"	PRIMARY KEY (name, host));"
	"CREATE INDEX instances_container ON instances (host, container_id);",

	"CREATE TABLE records ("
	"	name TEXT NOT NULL,"
	"	host TEXT NOT NULL,"
	"	doc TEXT NOT NULL,"
	"	pinned INTEGER NOT NULL,"
	"	kept INTEGER NOT NULL," /* it is pinned or has a note */
	"	changed_ms INTEGER NOT NULL,"
	"	PRIMARY KEY (name, host));"
	"CREATE INDEX records_age ON records (kept, changed_ms);"
	"CREATE INDEX records_pinned ON records (name, host) WHERE pinned = 1;"
	"ALTER TABLE instances ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX instances_pinned ON instances (name, host, container_id) WHERE pinned = 1;"
	"ALTER TABLE instances ADD COLUMN state TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE instances ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;"
	"UPDATE instances SET state = CASE WHEN json_valid(doc) "
	"	THEN coalesce(json_extract(doc, '$.state'), '') ELSE '' END;"
	"CREATE INDEX instances_entries ON instances (name, host, container_id, state, revision);"
	"CREATE TABLE instance_counts (state TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO instance_counts (state, n) SELECT state, count(*) FROM instances GROUP BY state;"
	"CREATE TRIGGER instance_comes AFTER INSERT ON instances BEGIN"
	"	INSERT INTO instance_counts (state, n) VALUES (new.state, 1)"
	"		ON CONFLICT (state) DO UPDATE SET n = n + 1;"
	"END;"
	"CREATE TRIGGER instance_goes AFTER DELETE ON instances BEGIN"
	"	UPDATE instance_counts SET n = n - 1 WHERE state = old.state;"
	"END;"
	"CREATE TRIGGER instance_turns AFTER UPDATE OF state ON instances"
	"	WHEN new.state <> old.state BEGIN"
	"	UPDATE instance_counts SET n = n - 1 WHERE state = old.state;"
	"	INSERT INTO instance_counts (state, n) VALUES (new.state, 1)"
	"		ON CONFLICT (state) DO UPDATE SET n = n + 1;"
	"END;",

	/* of swarms: see managed.h */
	"CREATE TABLE services ("
	"	swarm TEXT NOT NULL,"
	"	name TEXT NOT NULL,"
	"	service_id TEXT NOT NULL,"
	"	doc TEXT NOT NULL,"
	"	PRIMARY KEY (swarm, name));"
	"CREATE INDEX services_id ON services (swarm, service_id);",
};

struct fg_registry *fg_registry_create(struct fg_store *store, struct fg_err *err)
{
	struct fg_registry *registry;

	if (fg_store_migrate(store, "registry", steps, FG_ARRAY_LEN(steps), err) < 0 ||
		journal_migrate(store, err) < 0)
		return NULL;
	registry = fg_alloc(sizeof(*registry));
	registry->store = store;
	return registry;
}

void fg_registry_destroy(struct fg_registry *registry)
{
	free(registry);
}

/* Reading */

int registry_next(struct fg_rows *rows, cJSON **doc, struct fg_err *err)
{
	const char *text;
	struct fg_err why;

	*doc = NULL;
	if (!fg_rows_next(rows))
		return fg_rows_failed(rows, err) < 0 ? fg_wrap(err, "cannot read the registry") : 0;
	text = fg_rows_str(rows, 0);
	fg_fail(&why, FG_EPROTO, "it is no object");
	*doc = text ? fg_json_parse(text, strlen(text), &why) : NULL;
	if (cJSON_IsObject(*doc))
		return 1;
	fg_error("registry: the document of %s on %s is damaged and is passed over: %s",
		fg_rows_str(rows, 1), fg_rows_str(rows, 2), why.text);
	cJSON_Delete(*doc);
	*doc = NULL;
	return 1;
}

int registry_get(struct fg_store *store, struct fg_tx *tx, enum registry_key key, const char *host,
	const char *text, cJSON **doc, struct fg_err *err)
{
	static const char by_container[] = "SELECT doc, name, host FROM instances "
					   "WHERE host = ?1 AND container_id = ?2 AND ?2 <> ''";
	static const char *const asks[] = {
		[REGISTRY_CONTAINER] = by_container,
		[REGISTRY_NAME] =
			"SELECT doc, name, host FROM instances WHERE host = ?1 AND name = ?2",
		[REGISTRY_RECORD] =
			"SELECT doc, name, host FROM records WHERE host = ?1 AND name = ?2",
	};
	cleanup_rows struct fg_rows *rows = NULL;
	int rc;

	*doc = NULL;
	rows = tx ? fg_tx_query(tx, err, asks[key], "ss", host, text)
		  : fg_store_query(store, err, asks[key], "ss", host, text);
	if (!rows)
		return fg_wrap(err, "cannot read the registry");
	rc = registry_next(rows, doc, err);
	return rc > 0 && !*doc ? 0 : rc;
}

/* What is left of a damaged one: enough to forget it by. */
static cJSON *bare(struct fg_rows *rows)
{
	static const char *const keys[] = {NULL, "name", "host", "container_id"};
	cJSON *doc = cJSON_CreateObject();

	for (int i = 1; i < (int)FG_ARRAY_LEN(keys); i++)
		cJSON_AddStringToObject(doc, keys[i], fg_rows_str(rows, i));
	return doc;
}

static int list(
	struct fg_rows *rows, bool with_damaged, struct fg_instances *out, struct fg_err *err)
{
	size_t room = 0;
	cJSON *doc;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!rows)
		return fg_wrap(err, "cannot read the registry");
	while ((rc = registry_next(rows, &doc, err)) > 0) {
		if (!doc && with_damaged)
			doc = bare(rows);
		if (!doc)
			continue;
		if (out->n == room) {
			room = room ? room * 2 : 16;
			out->v = fg_realloc(out->v, room, sizeof(*out->v));
		}
		document_view(doc, &out->v[out->n++]);
	}
	if (rc < 0)
		fg_instances_finish(out);
	return rc;
}

int fg_registry_list(struct fg_registry *registry, struct fg_instances *out, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(registry->store, err,
		"SELECT doc, name, host FROM instances ORDER BY name, host", "");

	return list(rows, false, out, err);
}

int fg_registry_named(struct fg_registry *registry, const char *name, struct fg_instances *out,
	struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(registry->store, err,
		"SELECT doc, name, host, container_id FROM instances WHERE name = ? ORDER BY host",
		"s", name);

	return list(rows, true, out, err);
}

static int entries(struct fg_rows *rows, struct fg_entries *out, struct fg_err *err)
{
	size_t room = 0;

	memset(out, 0, sizeof(*out));
	if (!rows)
		return fg_wrap(err, "cannot read the registry");
	while (fg_rows_next(rows)) {
		if (out->n == room) {
			room = room ? room * 2 : 16;
			out->v = fg_realloc(out->v, room, sizeof(*out->v));
		}
		out->v[out->n++] = (struct fg_entry){
			.name = fg_strdup(fg_rows_str(rows, 0)),
			.host = fg_strdup(fg_rows_str(rows, 1)),
			.container_id = fg_strdup(fg_rows_str(rows, 2)),
			.state = fg_strdup(fg_rows_str(rows, 3)),
			.revision = fg_rows_i64(rows, 4),
		};
	}
	if (fg_rows_failed(rows, err) < 0) {
		fg_entries_finish(out);
		return fg_wrap(err, "cannot read the registry");
	}
	return 0;
}

int fg_registry_entries(struct fg_registry *registry, struct fg_entries *out, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(registry->store, err,
		"SELECT name, host, container_id, state, revision FROM instances "
		"ORDER BY name, host",
		"");

	return entries(rows, out, err);
}

int fg_registry_pinned(struct fg_registry *registry, struct fg_entries *out, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(registry->store, err,
		"SELECT name, host, container_id, '', 0 FROM instances WHERE pinned = 1 "
		"UNION ALL SELECT name, host, '', '', 0 FROM records WHERE pinned = 1",
		"");

	return entries(rows, out, err);
}

void fg_entries_finish(struct fg_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++) {
		free(entries->v[i].name);
		free(entries->v[i].host);
		free(entries->v[i].container_id);
		free(entries->v[i].state);
	}
	free(entries->v);
	memset(entries, 0, sizeof(*entries));
}

static int find(struct fg_registry *registry, enum registry_key key, const char *host,
	const char *text, struct fg_instance *out, struct fg_err *err)
{
	cJSON *doc;
	int rc = registry_get(registry->store, NULL, key, host, text, &doc, err);

	memset(out, 0, sizeof(*out));
	if (rc > 0)
		document_view(doc, out);
	return rc;
}

int fg_registry_find(struct fg_registry *registry, const char *host, const char *container_id,
	struct fg_instance *out, struct fg_err *err)
{
	return find(registry, REGISTRY_CONTAINER, host, container_id, out, err);
}

int fg_registry_find_name(struct fg_registry *registry, const char *host, const char *name,
	struct fg_instance *out, struct fg_err *err)
{
	return find(registry, REGISTRY_NAME, host, name, out, err);
}

int fg_registry_count(struct fg_registry *registry)
{
	return (int)fg_store_i64(
		registry->store, 0, "SELECT coalesce(sum(n), 0) FROM instance_counts", "");
}

int fg_registry_count_state(struct fg_registry *registry, const char *state)
{
	return (int)fg_store_i64(
		registry->store, 0, "SELECT n FROM instance_counts WHERE state = ?", "s", state);
}

/* Writing */

int registry_write(struct fg_tx *tx, const cJSON *doc, struct fg_err *err)
{
	const char *name = fg_json_str(doc, "name", ""), *host = fg_json_str(doc, "host", "");
	const char *id = fg_json_str(doc, "container_id", "");
	cleanup_free char *text = fg_json_print(doc);

	if (*id &&
		fg_tx_exec(tx, err,
			"DELETE FROM instances WHERE host = ? AND container_id = ? AND name <> ?",
			"sss", host, id, name) < 0)
		return -1;
	if (fg_tx_exec(tx, err,
		    "INSERT INTO instances (name, host, container_id, doc, state, pinned, "
		    "revision) VALUES (?, ?, ?, ?, ?, ?, random()) "
		    "ON CONFLICT (name, host) DO UPDATE SET container_id = excluded.container_id, "
		    "doc = excluded.doc, state = excluded.state, pinned = excluded.pinned, "
		    "revision = excluded.revision",
		    "sssssi", name, host, id, text, fg_json_str(doc, "state", ""),
		    (int64_t)fg_json_bool(doc, "pinned", false)) < 0)
		return -1;
	return 0;
}

int registry_add(struct fg_tx *tx, const cJSON *doc, struct fg_err *err)
{
	cleanup_json cJSON *mine = cJSON_Duplicate(doc, true);

	if (record_absorb(tx, mine, err) < 0)
		return -1;
	return registry_write(tx, mine, err);
}

static int put(struct fg_tx *tx, const cJSON *doc, struct fg_err *err)
{
	cleanup_json cJSON *before = NULL;
	int rc = registry_get(NULL, tx, REGISTRY_NAME, fg_json_str(doc, "host", ""),
		fg_json_str(doc, "name", ""), &before, err);

	if (rc < 0)
		return -1;
	return rc > 0 ? registry_write(tx, doc, err) : registry_add(tx, doc, err);
}

int fg_registry_put(struct fg_registry *registry, const cJSON *doc, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	const char *wrong = document_check(doc);

	if (wrong)
		return fg_fail(err, FG_EINVAL, "cannot record an instance: %s", wrong);
	if (fg_tx_begin(registry->store, &tx, err) < 0 || put(&tx, doc, err) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot record %s", fg_json_str(doc, "name", ""));
	return 0;
}

static int forget(struct fg_registry *registry, enum registry_key key, const char *host,
	const char *text, struct fg_err *err)
{
	static const char *const removals[] = {
		[REGISTRY_CONTAINER] = "DELETE FROM instances "
				       "WHERE host = ?1 AND container_id = ?2 AND ?2 <> ''",
		[REGISTRY_NAME] = "DELETE FROM instances WHERE host = ?1 AND name = ?2",
	};
	cleanup_tx struct fg_tx tx = {0};
	cleanup_json cJSON *doc = NULL;
	int rc;

	if (fg_tx_begin(registry->store, &tx, err) < 0)
		return fg_wrap(err, "cannot write to the registry");
	rc = registry_get(NULL, &tx, key, host, text, &doc, err);
	if (rc < 0 || (rc > 0 && record_keep(&tx, doc, err) < 0) ||
		fg_tx_exec(&tx, err, removals[key], "ss", host, text) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot forget %s", fg_json_str(doc, "name", "an instance"));
	return 0;
}

int fg_registry_remove(struct fg_registry *registry, const char *host, const char *container_id,
	struct fg_err *err)
{
	return forget(registry, REGISTRY_CONTAINER, host, container_id, err);
}

int fg_registry_forget(
	struct fg_registry *registry, const char *host, const char *name, struct fg_err *err)
{
	return forget(registry, REGISTRY_NAME, host, name, err);
}

/* Change the document of an instance. */
static int change(struct fg_registry *registry, const char *host, const char *container_id,
	registry_change_fn *fn, void *arg, struct fg_err *err)
{
	cleanup_instance struct fg_instance there = {0};
	cleanup_tx struct fg_tx tx = {0};
	int rc = fg_registry_find(registry, host, container_id, &there, err);

	/* Most containers are no instances, and reading costs no turn at the writer. */
	if (rc <= 0)
		return rc;
	if (fg_tx_begin(registry->store, &tx, err) < 0)
		return fg_wrap(err, "cannot write to the registry");
	rc = registry_edit(&tx, host, container_id, NULL, fn, arg, err);
	return rc > 0 ? fg_tx_commit(&tx, err) : rc;
}

static bool change_name(cJSON *doc, void *arg)
{
	cleanup_free char *before = fg_strdup(fg_json_str(doc, "name", ""));
	const char *name = arg;

	if (!document_set(doc, "name", name))
		return false;
	document_renamed(doc, before);
	return true;
}

static bool change_use(cJSON *doc, void *arg)
{
	const char *state = arg;
	char now[FG_RFC3339];

	document_set(doc, "last_used_at", fg_rfc3339(now, fg_wall_ms()));
	if (state)
		document_set(doc, "state", state);
	return true;
}

int fg_registry_rename(struct fg_registry *registry, const char *host, const char *container_id,
	const char *name, struct fg_err *err)
{
	return change(registry, host, container_id, change_name, (void *)name, err);
}

int registry_used(struct fg_registry *registry, const char *host, const char *container_id,
	const char *state, struct fg_err *err)
{
	return change(registry, host, container_id, change_use, (void *)state, err);
}

int fg_registry_touch(struct fg_registry *registry, const char *host, const char *container_id,
	struct fg_err *err)
{
	return registry_used(registry, host, container_id, NULL, err);
}
