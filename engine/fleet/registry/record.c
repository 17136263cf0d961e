/*
 * Pins, notes and histories: in the document of an instance, for other containers in a record.
 */
#include <string.h>
#include "registry/document.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/fleet/operation.h"
#include "registry/record.h"
#include "registry/registry.h"

static bool is_pinned(const cJSON *doc)
{
	return fg_json_bool(doc, "pinned", false);
}

/* Whether it has what somebody wanted kept. */
static bool is_kept(const cJSON *doc)
{
	return is_pinned(doc) || *fg_json_str(doc, "note", "");
}

const char *record_check(const cJSON *doc)
{
	if (!cJSON_IsObject(doc))
		return "it is no object";
	if (!fg_name_valid(fg_json_str(doc, "name", "")))
		return "name is no container's name";
	if (!*fg_json_str(doc, "host", ""))
		return "host is missing";
	return document_check_notes(doc);
}

/* Rows */

/* There is a new one: where there are too many now, what nobody asked to keep goes first. */
static int make_room(struct fg_tx *tx, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows =
		fg_tx_query(tx, err, "SELECT count(*) FROM records", "");
	int64_t over, gone;

	if (!rows)
		return -1;
	if (!fg_rows_next(rows))
		return fg_rows_failed(rows, err);
	over = fg_rows_i64(rows, 0) - RECORDS_MAX;
	if (over <= 0)
		return 0;
	gone = fg_tx_exec(tx, err,
		"DELETE FROM records WHERE rowid IN (SELECT rowid FROM records WHERE kept = 0 "
		"ORDER BY changed_ms LIMIT ?)",
		"i", over);
	if (gone < 0)
		return -1;
	over -= gone;
	if (over > 0)
		return fg_fail(err, FG_ETOOBIG,
			"%d containers have a pin or a note already; take some away with /unpin or "
			"/note NAME -",
			RECORDS_MAX);
	return 0;
}

int record_write(struct fg_tx *tx, const cJSON *doc, struct fg_err *err)
{
	cleanup_free char *text = fg_json_print(doc);

	if (fg_tx_exec(tx, err,
		    "INSERT INTO records (name, host, doc, pinned, kept, changed_ms) "
		    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name, host) DO UPDATE SET "
		    "doc = excluded.doc, pinned = excluded.pinned, kept = excluded.kept, "
		    "changed_ms = excluded.changed_ms",
		    "sssiii", fg_json_str(doc, "name", ""), fg_json_str(doc, "host", ""), text,
		    (int64_t)is_pinned(doc), (int64_t)is_kept(doc), fg_wall_ms()) < 0)
		return -1;
	return make_room(tx, err);
}

int record_drop(struct fg_tx *tx, const char *host, const char *name, struct fg_err *err)
{
	return fg_tx_exec(tx, err, "DELETE FROM records WHERE name = ? AND host = ?", "ss", name,
		       host) < 0
		       ? -1
		       : 0;
}

static cJSON *record_create(const char *host, const char *name)
{
	cJSON *doc = cJSON_CreateObject();

	cJSON_AddStringToObject(doc, "name", name);
	cJSON_AddStringToObject(doc, "host", host);
	return doc;
}

static void copy_notes(cJSON *to, const cJSON *from)
{
	const char *note = fg_json_str(from, "note", "");

	if (is_pinned(from) && !is_pinned(to)) {
		cJSON_DeleteItemFromObjectCaseSensitive(to, "pinned");
		cJSON_AddTrueToObject(to, "pinned");
	}
	if (*note && !*fg_json_str(to, "note", ""))
		document_set(to, "note", note);
	document_precede(to, fg_json_array(from, "history"));
}

int record_absorb(struct fg_tx *tx, cJSON *doc, struct fg_err *err)
{
	const char *name = fg_json_str(doc, "name", ""), *host = fg_json_str(doc, "host", "");
	cleanup_json cJSON *record = NULL;
	int rc = registry_get(NULL, tx, REGISTRY_RECORD, host, name, &record, err);

	if (rc <= 0)
		return rc;
	copy_notes(doc, record);
	return record_drop(tx, host, name, err);
}

int record_keep(struct fg_tx *tx, const cJSON *doc, struct fg_err *err)
{
	cleanup_json cJSON *record = NULL;

	if (!is_kept(doc))
		return 0;
	record = record_create(fg_json_str(doc, "host", ""), fg_json_str(doc, "name", ""));
	copy_notes(record, doc);
	document_note(record, "removed");
	return record_write(tx, record, err);
}

/* Looking */

void fg_record_finish(struct fg_record *record)
{
	cJSON_Delete(record->doc);
	memset(record, 0, sizeof(*record));
}

/* The document of a container: 1 and whether it is an instance's; 0: there is none. */
static int look(struct fg_store *store, struct fg_tx *tx, const char *host,
	const char *container_id, const char *name, cJSON **doc, bool *instance, struct fg_err *err)
{
	enum registry_key key = container_id ? REGISTRY_CONTAINER : REGISTRY_NAME;
	int rc = registry_get(store, tx, key, host, container_id ? container_id : name, doc, err);

	*instance = rc > 0;
	if (rc != 0 || !name)
		return rc;
	return registry_get(store, tx, REGISTRY_RECORD, host, name, doc, err);
}

int fg_registry_record(struct fg_registry *registry, const char *host, const char *container_id,
	const char *name, struct fg_record *out, struct fg_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = look(registry->store, NULL, host, container_id, name, &out->doc, &out->instance, err);
	if (rc <= 0)
		return rc;
	out->pinned = is_pinned(out->doc);
	out->note = fg_json_str(out->doc, "note", "");
	out->history = fg_json_array(out->doc, "history");
	return 1;
}

/* Changing */

/* Under a new name it would be a second row; and what was noted under that name was about another.
 */
static int make_way(struct fg_tx *tx, bool instance, const char *host, const char *before,
	const char *name, struct fg_err *err)
{
	if (strcmp(before, name) == 0)
		return 0;
	if (record_drop(tx, host, name, err) < 0)
		return -1;
	if (!instance)
		return record_drop(tx, host, before, err);
	return fg_tx_exec(tx, err, "DELETE FROM instances WHERE name = ? AND host = ?", "ss",
		       before, host) < 0
		       ? -1
		       : 0;
}

int registry_edit(struct fg_tx *tx, const char *host, const char *container_id, const char *name,
	registry_change_fn *change, void *arg, struct fg_err *err)
{
	cleanup_json cJSON *doc = NULL;
	cleanup_free char *before = NULL;
	bool instance;
	int rc = look(NULL, tx, host, container_id ? container_id : "", name, &doc, &instance, err);

	if (rc < 0 || (rc == 0 && !name))
		return rc;
	if (rc == 0)
		doc = record_create(host, name);
	before = fg_strdup(fg_json_str(doc, "name", ""));
	if (!change(doc, arg))
		return 0;
	if (make_way(tx, instance, host, before, fg_json_str(doc, "name", ""), err) < 0 ||
		(instance ? registry_write(tx, doc, err) : record_write(tx, doc, err)) < 0)
		return fg_wrap(err, "cannot write to the registry");
	return 1;
}

static int edit(struct fg_registry *registry, const char *host, const char *container_id,
	const char *name, registry_change_fn *change, void *arg, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int rc;

	if (fg_tx_begin(registry->store, &tx, err) < 0)
		return fg_wrap(err, "cannot write to the registry");
	rc = registry_edit(&tx, host, container_id, name, change, arg, err);
	if (rc > 0 && fg_tx_commit(&tx, err) < 0)
		return fg_wrap(err, "cannot write to the registry");
	return rc;
}

struct wish {
	const char *by, *text;
	bool pinned;
};

static void add_by(cJSON *entry, const struct wish *wish)
{
	if (wish->by)
		cJSON_AddStringToObject(entry, "by", wish->by);
}

static bool change_pin(cJSON *doc, void *arg)
{
	const struct wish *wish = arg;

	if (is_pinned(doc) == wish->pinned)
		return false;
	cJSON_DeleteItemFromObjectCaseSensitive(doc, "pinned");
	if (wish->pinned)
		cJSON_AddTrueToObject(doc, "pinned");
	add_by(document_note(doc, wish->pinned ? "pinned" : "unpinned"), wish);
	return true;
}

static bool change_note(cJSON *doc, void *arg)
{
	const struct wish *wish = arg;

	if (strcmp(fg_json_str(doc, "note", ""), wish->text) == 0)
		return false;
	if (*wish->text)
		document_set(doc, "note", wish->text);
	else
		cJSON_DeleteItemFromObjectCaseSensitive(doc, "note");
	add_by(document_note(doc, "noted"), wish);
	return true;
}

int fg_registry_pin(struct fg_registry *registry, const char *host, const char *container_id,
	const char *name, bool pinned, const char *by, struct fg_err *err)
{
	struct wish wish = {.by = by, .pinned = pinned};

	return edit(registry, host, container_id, name, change_pin, &wish, err);
}

int fg_registry_note(struct fg_registry *registry, const char *host, const char *container_id,
	const char *name, const char *text, const char *by, struct fg_err *err)
{
	cleanup_str struct fg_str clean = {0};
	struct wish wish = {.by = by};
	size_t blank = strspn(text, " \t\r\n");

	fg_str_init(&clean, (size_t)FG_NOTE_CHARS * 8);
	fg_text_clean(&clean, text + blank, strlen(text + blank));
	while (clean.len && strchr(" \t\n", clean.s[clean.len - 1]))
		fg_str_truncate(&clean, clean.len - 1);
	if (clean.full || fg_utf8_count(clean.s, clean.len) > FG_NOTE_CHARS)
		return fg_fail(err, FG_EINVAL, "a note has at most %d characters", FG_NOTE_CHARS);
	wish.text = clean.s;
	return edit(registry, host, container_id, name, change_note, &wish, err);
}

static bool change_record_name(cJSON *doc, void *arg)
{
	cleanup_free char *before = fg_strdup(fg_json_str(doc, "name", ""));

	if (!document_set(doc, "name", arg))
		return false;
	document_renamed(doc, before);
	return true;
}

int record_renamed(struct fg_registry *registry, const char *host, const char *from, const char *to,
	struct fg_err *err)
{
	cleanup_json cJSON *doc = NULL;
	cleanup_tx struct fg_tx tx = {0};
	int rc = registry_get(registry->store, NULL, REGISTRY_RECORD, host, from, &doc, err);

	if (rc <= 0)
		return rc;
	if (fg_tx_begin(registry->store, &tx, err) < 0)
		return -1;
	rc = registry_edit(&tx, host, NULL, from, change_record_name, (void *)to, err);
	return rc < 0 ? -1 : fg_tx_commit(&tx, err);
}

int record_removed(
	struct fg_registry *registry, const char *host, const char *name, struct fg_err *err)
{
	cleanup_json cJSON *doc = NULL;
	cleanup_tx struct fg_tx tx = {0};
	int rc = registry_get(registry->store, NULL, REGISTRY_RECORD, host, name, &doc, err);

	if (rc <= 0)
		return rc;
	if (fg_tx_begin(registry->store, &tx, err) < 0)
		return -1;
	document_note(doc, "removed");
	rc = is_kept(doc) ? record_write(&tx, doc, err) : record_drop(&tx, host, name, err);
	return rc < 0 ? -1 : fg_tx_commit(&tx, err);
}
