/*
 * Pins, notes and histories: of instances, of other containers, and of names that change hands.
 */
#include <stdlib.h>
#include <unistd.h>
#include "registry/record.h"
#include "registry/registry.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/registry.h"
#include "tap.h"

static struct fg_store *store;
static struct fg_registry *registry;

static void put(const char *text)
{
	struct fg_err err;
	cleanup_json cJSON *doc = fg_json_parse(text, strlen(text), &err);

	if (!doc || fg_registry_put(registry, doc, &err) < 0)
		diag("bad test: %s: %s", text, err.text);
}

/* "pinned note: what what" of a container, "-" when nothing is noted. */
static char *noted(const char *host, const char *id, const char *name)
{
	cleanup_record struct fg_record record = {0};
	cleanup_str struct fg_str out = {0};
	const cJSON *entry;
	struct fg_err err;
	int rc = fg_registry_record(registry, host, id, name, &record, &err);

	if (rc <= 0)
		return fg_strdup(rc == 0 ? "-" : err.text);
	fg_str_init(&out, 100000);
	fg_str_printf(&out, "%s%s%s:", record.instance ? "instance " : "", record.pinned ? "pinned " : "", record.note);
	cJSON_ArrayForEach (entry, record.history)
		fg_str_printf(&out, " %s", fg_json_str(entry, "what", "?"));
	return fg_str_take(&out);
}

static void is_noted(const char *host, const char *id, const char *name, const char *want, const char *what)
{
	cleanup_free char *got = noted(host, id, name);

	is_str(got, want, what);
}

static void plain(void)
{
	struct fg_err err;

	is_noted("h", "c1", "web", "-", "nothing is noted of a new container");
	is_int(fg_registry_pin(registry, "h", "c1", "web", false, "ops", &err), 0, "unpin what is not pinned");
	is_noted("h", "c1", "web", "-", "leaves nothing");
	is_int(fg_registry_pin(registry, "h", "c1", "web", true, "ops", &err), 1, "pin");
	is_int(fg_registry_pin(registry, "h", "c1", "web", true, "ops", &err), 0, "and again");
	is_int(fg_registry_note(registry, "h", "c1", "web", "  keep\x1b[31m 1.2\n ", "ops", &err), 1, "note");
	is_int(fg_registry_note(registry, "h", "c1", "web", "keep 1.2", "ops", &err), 0, "the same note");
	is_noted("h", "c1", "web", "pinned keep 1.2: pinned noted", "it is there, and clean");
	is_noted("h", "c2", "web", "pinned keep 1.2: pinned noted", "for the next container of that name too");
	is_noted("h2", "c1", "web", "-", "not on another host");
	is_noted("h", NULL, "web", "pinned keep 1.2: pinned noted", "and by its name alone");
	is_int(record_renamed(registry, "h", "web", "shop", &err), 0, "it is renamed");
	is_noted("h", "c1", "web", "-", "the old name has nothing");
	is_noted("h", "c1", "shop", "pinned keep 1.2: pinned noted renamed", "the new one has it");
	is_int(record_removed(registry, "h", "shop", &err), 0, "it is removed");
	is_noted("h", "c9", "shop", "pinned keep 1.2: pinned noted renamed removed", "pin and note stay");
	fg_registry_pin(registry, "h", "c9", "shop", false, "ops", &err);
	is_int(fg_registry_note(registry, "h", "c9", "shop", "", NULL, &err), 1, "taken away");
	is_noted("h", "c9", "shop", ": pinned noted renamed removed unpinned noted", "the history stays");
	is_int(record_removed(registry, "h", "shop", &err), 0, "removed again");
	is_noted("h", "c9", "shop", "-", "with nothing to keep it goes");
}

static void notes(void)
{
	char text[FG_NOTE_CHARS * 2 + 8];
	struct fg_err err;
	int i;

	for (i = 0; i < FG_NOTE_CHARS; i++)
		memcpy(text + i * 2, "\xc3\xa4", 2);
	text[i * 2] = '\0';
	is_int(fg_registry_note(registry, "h", "c1", "long", text, "ops", &err), 1, "1000 characters are a note");
	memcpy(text + i * 2, "x", 2);
	ok(fg_registry_note(registry, "h", "c1", "long", text, "ops", &err) < 0 && err.code == FG_EINVAL,
		"1001 are not: %s", err.text);
	fg_registry_note(registry, "h", "c1", "long", "", "ops", &err);
	record_removed(registry, "h", "long", &err);
}

static void instances(void)
{
	struct fg_err err;
	cleanup_instance struct fg_instance row = {0};

	put("{\"name\":\"db\",\"host\":\"h\",\"container_id\":\"d1\",\"state\":\"running\",\"x\":1,\"history\":[{\"what\":\"created\"}]}");
	is_noted("h", "d1", "db", "instance : created", "an instance's history");
	is_int(fg_registry_pin(registry, "h", "d1", "db", true, "ops", &err), 1, "pin it");
	is_int(fg_registry_note(registry, "h", "d1", "db", "a note", "ops", &err), 1, "note it");
	is_noted("h", "d1", "db", "instance pinned a note: created pinned noted", "that is in its document");
	is_int(fg_registry_find(registry, "h", "d1", &row, &err), 1, "which");
	is_int(fg_json_i64(row.doc, "x", 0), 1, "keeps what nobody knows");
	is_str(fg_json_str(cJSON_GetArrayItem(fg_json_array(row.doc, "history"), 1), "by", ""), "ops", "and says by whom");
	is_noted("h", NULL, "db", "instance pinned a note: created pinned noted", "by its name alone");
	fg_registry_rename(registry, "h", "d1", "db2", &err);
	is_noted("h", "d1", "db2", "instance pinned a note: created pinned noted renamed", "a rename takes it along");
	is_int(fg_registry_remove(registry, "h", "d1", &err), 0, "it is removed");
	is_noted("h", NULL, "db2", "pinned a note: created pinned noted renamed removed", "pin and note stay");
	put("{\"name\":\"db2\",\"host\":\"h\",\"container_id\":\"d2\",\"history\":[{\"what\":\"created\"}]}");
	is_noted("h", "d2", "db2", "instance pinned a note: created pinned noted renamed removed created",
		"for the next instance of that name");
	fg_registry_pin(registry, "h", "d2", "db2", false, NULL, &err);
	fg_registry_note(registry, "h", "d2", "db2", "", NULL, &err);
	fg_registry_remove(registry, "h", "d2", &err);
	is_noted("h", "d2", "db2", "-", "an instance without either leaves nothing");
}

static bool move(cJSON *doc, void *arg)
{
	cJSON_ReplaceItemInObjectCaseSensitive(doc, "container_id", cJSON_CreateString(arg));
	return true;
}

static bool keep(cJSON *doc, void *arg)
{
	(void)doc;
	(void)arg;
	return false;
}

static void edits(void)
{
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;
	static char id[] = "e2";

	put("{\"name\":\"ed\",\"host\":\"h\",\"container_id\":\"e1\",\"state\":\"running\"}");
	is_int(fg_tx_begin(store, &tx, &err), 0, "a transaction of somebody else's");
	is_int(registry_edit(&tx, "h", "e1", "ed", keep, NULL, &err), 0, "nothing to change");
	is_int(registry_edit(&tx, "h", "zz", NULL, move, id, &err), 0, "no instance, and no name to note it under");
	is_int(registry_edit(&tx, "h", "e1", "ed", move, id, &err), 1, "another container");
	is_int(fg_tx_commit(&tx, &err), 0, "together");
	is_noted("h", "e2", "ed", "instance :", "it is found by its new one");
	is_noted("h", "e1", "ed", "-", "not by the old one");
	fg_registry_remove(registry, "h", "e2", &err);
}

/* Too many: written as rows, since it is not the writing that is looked at. */
static void bounds(void)
{
	struct fg_err err;

	fg_store_exec(store, &err,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
		"INSERT INTO records SELECT 'r' || i, 'h', '{\"name\":\"r' || i || '\",\"host\":\"h\"}', 0, i % 2, i FROM n",
		"i", (int64_t)RECORDS_MAX);
	is_int(fg_registry_pin(registry, "h", "x", "one-more", true, NULL, &err), 1, "one more than there is room for");
	is_int(fg_store_i64(store, 0, "SELECT count(*) FROM records", ""), RECORDS_MAX, "the number is bounded");
	is_noted("h", NULL, "r2", "-", "the oldest without pin or note has gone");
	ok(fg_store_i64(store, 0, "SELECT count(*) FROM records WHERE name IN ('r1', 'r3', 'r4')", "") == 3,
		"and nothing else");
	fg_store_exec(store, &err, "UPDATE records SET kept = 1", "");
	ok(fg_registry_pin(registry, "h", "x", "too-many", true, NULL, &err) < 0 && err.code == FG_ETOOBIG,
		"pins do not make room for pins: %s", err.text);
	is_noted("h", NULL, "too-many", "-", "which is then not there");
	fg_store_exec(store, &err, "DELETE FROM records", "");
}

static void pinned(void)
{
	cleanup_entries struct fg_entries all = {0}, none = {0};
	struct fg_err err;

	fg_registry_pinned(registry, &none, &err);
	is_int(none.n, 0, "nothing is pinned");
	put("{\"name\":\"p1\",\"host\":\"h\",\"container_id\":\"i1\"}");
	fg_registry_pin(registry, "h", "i1", "p1", true, NULL, &err);
	fg_registry_pin(registry, "h", "i2", "p2", true, NULL, &err);
	fg_registry_note(registry, "h", "i3", "p3", "only noted", NULL, &err);
	is_int(fg_registry_pinned(registry, &all, &err), 0, "what is pinned");
	ok(all.n == 2 && strcmp(all.v[0].container_id, "i1") == 0 && strcmp(all.v[1].name, "p2") == 0 && !*all.v[1].container_id,
		"an instance and another container");
	fg_registry_pin(registry, "h", "i1", "p1", false, NULL, &err);
	fg_registry_pin(registry, "h", "i2", "p2", false, NULL, &err);
	fg_registry_remove(registry, "h", "i1", &err);
}

static void damaged(void)
{
	struct fg_err err;

	fg_store_exec(store, &err, "INSERT INTO records VALUES ('bad', 'h', '[1', 1, 1, 1)", "");
	is_noted("h", NULL, "bad", "-", "a damaged record is passed over");
	is_int(fg_registry_pin(registry, "h", "x", "bad", true, NULL, &err), 1, "and written over");
	is_noted("h", NULL, "bad", "pinned : pinned", "by what is noted next");
	fg_registry_pin(registry, "h", "x", "bad", false, NULL, &err);
}

static void run(void *arg)
{
	struct fg_err err;
	cleanup_free char *path = fg_printf("%s/test.db", (char *)arg);

	store = fg_store_open(path, &err);
	registry = store ? fg_registry_create(store, &err) : NULL;
	if (!ok(registry != NULL, "a new registry")) {
		diag("%s", err.text);
		return;
	}
	plain();
	notes();
	instances();
	edits();
	bounds();
	damaged();
	pinned();
	fg_registry_destroy(registry);
	fg_store_close(store);
}

int main(void)
{
	char folder[] = "/tmp/fg-record-XXXXXX";
	static const char *const files[] = {"test.db", "test.db-wal", "test.db-shm"};

	if (!mkdtemp(folder))
		return 1;
	fg_loop_run("test", run, folder);
	for (size_t i = 0; i < FG_ARRAY_LEN(files); i++) {
		cleanup_free char *path = fg_printf("%s/%s", folder, files[i]);

		unlink(path);
	}
	rmdir(folder);
	fg_log_finish();
	return done_testing();
}
