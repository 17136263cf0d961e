/*
 * The registry out of the store and back: export and import.
 */
#include <string.h>
#include "registry/document.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/base/task.h"
#include "managed/managed.h"
#include "registry/record.h"
#include "registry/registry.h"

#define DUMP_VERSION 1
#define DUMP_MOST ((size_t)1024 * 1024 * 1024)
/* What else an import had at its top level, for the next export. */
#define REST_SETTING "registry.rest"

static const char *const own_keys[] = {"version", "instances", "records", "services"};

/* A document as the store has it, and whose it is. */
struct stored {
	char *text, *name, *host;
};

struct stored_list {
	struct stored *v;
	size_t n;
};

static void stored_finish(struct stored_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->v[i].text);
		free(list->v[i].name);
		free(list->v[i].host);
	}
	free(list->v);
}

static int stored_read(
	struct fg_registry *registry, const char *sql, struct stored_list *out, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(registry->store, err, sql, "");
	size_t room = 0;

	if (!rows)
		return fg_wrap(err, "cannot export the registry");
	while (fg_rows_next(rows)) {
		if (out->n == room) {
			room = room ? room * 2 : 64;
			out->v = fg_realloc(out->v, room, sizeof(*out->v));
		}
		out->v[out->n++] = (struct stored){
			.text = fg_strdup(fg_rows_str(rows, 0)),
			.name = fg_strdup(fg_rows_str(rows, 1)),
			.host = fg_strdup(fg_rows_str(rows, 2)),
		};
	}
	return fg_rows_failed(rows, err) < 0 ? fg_wrap(err, "cannot export the registry") : 0;
}

/* The work of a thread: every document is looked at, and that takes a while when there are many. */
struct dump {
	struct stored_list instances, records, services;
	char *rest; /* an object; NULL: none */
	struct fg_str text;
	const struct stored *damaged; /* the first */
};

static void dump_list(struct dump *d, const char *key, const struct stored_list *list)
{
	fg_str_printf(&d->text, ",\"%s\":[", key);
	for (size_t i = 0; i < list->n && !d->damaged; i++) {
		const char *text = list->v[i].text;
		cleanup_json cJSON *doc = text ? fg_json_parse(text, strlen(text), NULL) : NULL;

		if (!cJSON_IsObject(doc)) {
			d->damaged = &list->v[i];
			return;
		}
		if (i)
			fg_str_putc(&d->text, ',');
		fg_str_puts(&d->text, text);
	}
	fg_str_putc(&d->text, ']');
}

static void dump_rest(struct dump *d)
{
	cleanup_json cJSON *rest = d->rest ? fg_json_parse(d->rest, strlen(d->rest), NULL) : NULL;
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < FG_ARRAY_LEN(own_keys); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(rest, own_keys[i]);
	if (!cJSON_IsObject(rest) || !rest->child)
		return;
	text = fg_json_print(rest);
	fg_str_putc(&d->text, ',');
	fg_str_add(&d->text, text + 1, strlen(text) - 2);
}

static void dump_write(void *arg)
{
	struct dump *d = arg;

	fg_str_printf(&d->text, "{\"version\":%d", DUMP_VERSION);
	dump_list(d, "instances", &d->instances);
	if (d->records.n)
		dump_list(d, "records", &d->records);
	if (d->services.n)
		dump_list(d, "services", &d->services);
	dump_rest(d);
	fg_str_putc(&d->text, '}');
}

static int dump_make(struct fg_registry *registry, struct dump *d, struct fg_err *err)
{
	if (stored_read(registry, "SELECT doc, name, host FROM instances ORDER BY name, host",
		    &d->instances, err) < 0 ||
		stored_read(registry, "SELECT doc, name, host FROM records ORDER BY name, host",
			&d->records, err) < 0 ||
		stored_read(registry, "SELECT doc, name, swarm FROM services ORDER BY name, swarm",
			&d->services, err) < 0)
		return -1;
	d->rest = fg_store_get(registry->store, REST_SETTING);
	fg_str_init(&d->text, DUMP_MOST);
	if (fg_task_offload("exporting the registry", dump_write, d, err) < 0)
		return fg_wrap(err, "cannot export the registry");
	/* A dump without what cannot be read would pass for the whole. */
	if (d->damaged)
		return fg_fail(err, FG_EIO,
			"cannot export the registry: what it has of %s on %s is damaged. It is "
			"recorded anew when the bot starts and that host answers; /remove forgets "
			"it",
			d->damaged->name, d->damaged->host);
	if (d->text.full)
		return fg_fail(err, FG_ETOOBIG, "cannot export the registry: it is too large");
	return 0;
}

int fg_registry_export(struct fg_registry *registry, struct fg_export *out, struct fg_err *err)
{
	struct dump d = {0};
	int rc = dump_make(registry, &d, err);

	*out = (struct fg_export){0};
	if (rc == 0) {
		out->instances = d.instances.n;
		out->records = d.records.n;
		out->services = d.services.n;
		out->len = d.text.len;
		out->text = fg_str_take(&d.text);
	}
	fg_str_finish(&d.text);
	stored_finish(&d.instances);
	stored_finish(&d.records);
	stored_finish(&d.services);
	free(d.rest);
	return rc;
}

void fg_export_finish(struct fg_export *export)
{
	free(export->text);
	*export = (struct fg_export){0};
}

/* What no two entries may have in common: their name on a host or swarm, or their container. */
struct key {
	const char *host, *text;
	int index;
};

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int d = strcmp(x->text, y->text);

	return d ? d : strcmp(x->host, y->host);
}

/* A service's place is its swarm. */
static const char *place_of(const cJSON *entry)
{
	return fg_json_str(entry, "host", fg_json_str(entry, "swarm", ""));
}

static int entry_fail(
	struct fg_err *err, const char *list, const cJSON *entry, int index, const char *why)
{
	const char *name = fg_json_str(entry, "name", ""), *host = fg_json_str(entry, "host", "");

	return fg_fail(err, FG_EINVAL, "%s[%d] (%.128s%s%.64s): %s", list, index,
		*name ? name : "?", *host ? " on " : "", host, why);
}

/* Two entries with the same text at `field` on one host. */
static int twice(
	const cJSON *dump, const char *key, const char *field, const char *why, struct fg_err *err)
{
	const cJSON *list = fg_json_array(dump, key), *entry;
	int count = cJSON_GetArraySize(list), n = 0, index = 0, i;
	cleanup_free struct key *keys = fg_alloc(((size_t)count + 1) * sizeof(*keys));

	cJSON_ArrayForEach (entry, list) {
		const char *text = fg_json_str(entry, field, "");

		if (*text)
			keys[n++] = (struct key){place_of(entry), text, index};
		index++;
	}
	qsort(keys, (size_t)n, sizeof(*keys), by_key);
	for (i = 1; i < n; i++) {
		int later = keys[i].index > keys[i - 1].index ? keys[i].index : keys[i - 1].index;

		if (by_key(&keys[i - 1], &keys[i]) == 0)
			return entry_fail(err, key, cJSON_GetArrayItem(list, later), later, why);
	}
	return 0;
}

static int list_check(const cJSON *dump, const char *key, const char *(*check)(const cJSON *doc),
	struct fg_err *err)
{
	const cJSON *entry;
	int index = 0;

	cJSON_ArrayForEach (entry, fg_json_array(dump, key)) {
		const char *wrong = check(entry);

		if (wrong)
			return entry_fail(err, key, entry, index, wrong);
		index++;
	}
	return twice(dump, key, "name", "there is another of this name on that host", err);
}

static int dump_check(const cJSON *dump, struct fg_err *err)
{
	int64_t version;

	if (!fg_json_to_i64(fg_json_get(dump, "version"), &version))
		return fg_fail(err, FG_EINVAL, "this is no registry export: it has no version");
	if (version != DUMP_VERSION)
		return fg_fail(err, FG_EINVAL,
			"this export has version %lld; version %d can be read", (long long)version,
			DUMP_VERSION);
	if (!fg_json_array(dump, "instances"))
		return fg_fail(err, FG_EINVAL, "this is no registry export: no list of instances");
	if (fg_json_get(dump, "records") && !fg_json_array(dump, "records"))
		return fg_fail(err, FG_EINVAL, "this is no registry export: records is no list");
	if (fg_json_get(dump, "services") && !fg_json_array(dump, "services"))
		return fg_fail(err, FG_EINVAL, "this is no registry export: services is no list");
	if (list_check(dump, "instances", document_check, err) < 0 ||
		list_check(dump, "records", record_check, err) < 0 ||
		list_check(dump, "services", managed_check, err) < 0)
		return -1;
	return twice(
		dump, "instances", "container_id", "there is another with this container", err);
}

static int write_list(struct fg_tx *tx, const cJSON *dump, const char *key,
	int (*write)(struct fg_tx *tx, const cJSON *doc, struct fg_err *err), struct fg_err *err)
{
	const cJSON *entry;
	int count = 0;

	cJSON_ArrayForEach (entry, fg_json_array(dump, key)) {
		if (write(tx, entry, err) < 0)
			return fg_wrap(
				err, "%s[%d] (%s)", key, count, fg_json_str(entry, "name", ""));
		count++;
	}
	return count;
}

/* Fields that a newer version may have put there. */
static int write_rest(struct fg_tx *tx, const cJSON *dump, struct fg_err *err)
{
	cleanup_json cJSON *rest = cJSON_Duplicate(dump, true);
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < FG_ARRAY_LEN(own_keys); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(rest, own_keys[i]);
	if (!rest->child)
		return 0;
	text = fg_json_print(rest);
	return fg_tx_set(tx, REST_SETTING, text, err);
}

int fg_registry_import(struct fg_registry *registry, const cJSON *dump, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int count;

	if (dump_check(dump, err) < 0)
		return -1;
	if (fg_tx_begin(registry->store, &tx, err) < 0)
		return fg_wrap(err, "cannot import");
	count = write_list(&tx, dump, "instances", registry_write, err);
	if (count < 0 || write_list(&tx, dump, "records", record_write, err) < 0 ||
		write_list(&tx, dump, "services", managed_write, err) < 0 ||
		write_rest(&tx, dump, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err) < 0 ? fg_wrap(err, "cannot import") : count;
}
