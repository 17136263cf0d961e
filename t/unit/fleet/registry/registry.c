/*
 * The registry on a database of its own: rows, changes, export and import.
 */
#include <stdlib.h>
#include <unistd.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/operation.h"
#include "fleetgram/fleet/registry.h"
#include "tap.h"

static struct fg_store *store;
static struct fg_registry *registry;

static cJSON *json(const char *text)
{
	struct fg_err err;
	cJSON *doc = fg_json_parse(text, strlen(text), &err);

	if (!doc)
		diag("bad test: %s: %s", text, err.text);
	return doc;
}

static bool put(const char *text)
{
	cleanup_json cJSON *doc = json(text);
	struct fg_err err;

	if (fg_registry_put(registry, doc, &err) == 0)
		return true;
	diag("%s", err.text);
	return false;
}

static char *stored(const char *host, const char *name)
{
	cleanup_instance struct fg_instance row = {0};
	struct fg_err err;

	if (fg_registry_find_name(registry, host, name, &row, &err) <= 0)
		return NULL;
	return fg_json_print(row.doc);
}

static void is_export(const char *want, const char *what)
{
	cleanup_export struct fg_export out = {0};
	struct fg_err err;

	if (fg_registry_export(registry, &out, &err) < 0)
		ok(false, "%s: %s", what, err.text);
	else
		is_str(out.text, want, what);
}

static void rows(void)
{
	static const char *const doc = "{\"name\":\"web\",\"host\":\"h1\",\"container_id\":\"aaaa\",\"future\":{\"x\":[1,2.5,"
				       "12345678901234567890]},\"state\":\"running\",\"history\":[]}";
	cleanup_instances struct fg_instances all = {0};
	cleanup_instance struct fg_instance row = {0}, none = {0};
	cleanup_free char *text = NULL, *again = NULL;
	struct fg_err err;

	ok(put(doc), "put");
	is_int(fg_registry_count(registry), 1, "one row");
	text = stored("h1", "web");
	is_str(text, doc, "it comes back as it was, with the fields nobody knows");
	is_int(fg_registry_find(registry, "h1", "aaaa", &row, &err), 1, "found by its container");
	is_str(row.name, "web", "its name");
	is_str(row.state, "running", "its state");
	is_str(row.template, "", "a field it does not have");
	is_int(fg_registry_find(registry, "h2", "aaaa", &none, &err), 0, "not on another host");
	ok(put("{\"name\":\"web\",\"host\":\"h2\",\"container_id\":\"bbbb\"}"), "the same name on another host");
	ok(put("{\"name\":\"api\",\"host\":\"h2\",\"container_id\":\"cccc\"}"), "another name");
	is_int(fg_registry_list(registry, &all, &err), 0, "list");
	ok(all.n == 3 && strcmp(all.v[0].name, "api") == 0 && strcmp(all.v[1].host, "h1") == 0 &&
			strcmp(all.v[2].host, "h2") == 0,
		"by name, then host");
	ok(put("{\"name\":\"api2\",\"host\":\"h2\",\"container_id\":\"cccc\"}"), "the same container under another name");
	is_int(fg_registry_count(registry), 3, "a container has one row");
	again = stored("h2", "api");
	ok(!again, "the old name is gone");
	is_int(fg_registry_remove(registry, "h2", "cccc", &err), 0, "remove");
	is_int(fg_registry_remove(registry, "h2", "cccc", &err), 0, "remove what is gone");
	is_int(fg_registry_count(registry), 2, "two rows are left");
}

static void changes(void)
{
	cleanup_instance struct fg_instance row = {0}, renamed = {0};
	char *name;
	struct fg_err err;
	int64_t at;

	is_int(fg_registry_touch(registry, "h1", "aaaa", &err), 0, "touch");
	is_int(fg_registry_touch(registry, "h1", "nobody", &err), 0, "touch what is no instance");
	fg_registry_find(registry, "h1", "aaaa", &row, &err);
	ok(fg_rfc3339_parse(row.last_used_at, &at) == 0 && fg_wall_ms() - at < 60000, "it was used just now");
	is_int(fg_registry_rename(registry, "h1", "aaaa", "web-new", &err), 0, "rename");
	is_int(fg_registry_find(registry, "h1", "aaaa", &renamed, &err), 1, "it is still there");
	is_str(renamed.name, "web-new", "under its new name");
	is_int(fg_registry_count(registry), 2, "and only under that");
	is_str(fg_json_str(cJSON_GetArrayItem(fg_json_array(renamed.doc, "history"), 0), "from", ""), "web",
		"the history has the old one");
	for (int i = 0; i < 150; i++) {
		name = fg_printf("web-%d", i);
		fg_registry_rename(registry, "h1", "aaaa", name, &err);
		free(name);
	}
	fg_instance_finish(&row);
	fg_registry_find(registry, "h1", "aaaa", &row, &err);
	is_int(cJSON_GetArraySize(fg_json_array(row.doc, "history")), 100, "a history keeps its last 100 entries");
}

static const char *const refused[][2] = {
	{"[]", "no version"},
	{"{\"instances\":[]}", "no version"},
	{"{\"version\":2,\"instances\":[]}", "version 2"},
	{"{\"version\":1}", "no list"},
	{"{\"version\":1,\"instances\":{}}", "no list"},
	{"{\"version\":1,\"instances\":[7]}", "instances[0] (?): it is no object"},
	{"{\"version\":1,\"instances\":[{\"name\":\"ok\",\"host\":\"h\"},{\"host\":\"h\"}]}", "instances[1] (? on h): name"},
	{"{\"version\":1,\"instances\":[{\"name\":\"../x\",\"host\":\"h\"}]}", "name is no container's name"},
	{"{\"version\":1,\"instances\":[{\"name\":\"new\"}]}", "(new): host is missing"},
	{"{\"version\":1,\"instances\":[{\"name\":\"new\",\"host\":\"h\",\"image\":1}]}", "image is no string"},
	{"{\"version\":1,\"instances\":[{\"name\":\"new\",\"host\":\"h\",\"spec\":[]}]}", "spec is no object"},
	{"{\"version\":1,\"instances\":[{\"name\":\"new\",\"host\":\"h\",\"history\":{}}]}", "history is no list"},
	{"{\"version\":1,\"instances\":[{\"name\":\"new\",\"host\":\"h\",\"created_at\":\"once\"}]}", "created_at is no time"},
	{"{\"version\":1,\"instances\":[{\"name\":\"new\",\"host\":\"h\"},{\"name\":\"other\",\"host\":\"h\"},"
	 "{\"name\":\"new\",\"host\":\"h\"}]}", "instances[2] (new on h): there is another of this name"},
	{"{\"version\":1,\"instances\":[{\"name\":\"new\",\"host\":\"h\",\"container_id\":\"x\"},"
	 "{\"name\":\"other\",\"host\":\"h\",\"container_id\":\"x\"}]}", "instances[1] (other on h): there is another with"},
};

static void transfer(void)
{
	static const char *const dump =
		"{\"version\":1,\"instances\":["
		"{\"name\":\"alpha\",\"host\":\"h1\",\"container_id\":\"a1\",\"template\":\"t\",\"image\":\"x:1\",\"image_digest\":\"\","
		"\"config_hash\":\"sha256:00\",\"spec\":{\"version\":1,\"env\":{\"K\":\"\\u00e4 \\\"q\\\" \\n\"}},\"limits\":{\"cpus\":0.1,\"memory\":"
		"9007199254740993},\"created_by\":\"ops (1)\",\"created_at\":\"2026-01-31T23:59:59.123Z\",\"last_used_at\":\"2026-01-31T23:59:59Z\","
		"\"state\":\"running\",\"history\":[{\"at\":\"2026-01-31T23:59:59.123Z\",\"what\":\"created\"}],\"unknown\":[true,null,1e-7]},"
		"{\"name\":\"beta\",\"host\":\"h1\",\"container_id\":\"\"},"
		"{\"name\":\"beta\",\"host\":\"h2\",\"container_id\":\"\",\"created_at\":null}]}";
	cleanup_json cJSON *in = json(dump);
	cleanup_free char *want = fg_json_print(in);
	cleanup_instances struct fg_instances all = {0};
	struct fg_err err;
	size_t i;

	fg_registry_list(registry, &all, &err);
	for (i = 0; i < all.n; i++)
		fg_registry_remove(registry, all.v[i].host, all.v[i].container_id, &err);
	is_int(fg_registry_count(registry), 0, "an empty registry");
	is_int(fg_registry_import(registry, in, &err), 3, "import");
	is_export(want, "what goes in comes out byte by byte");
	is_int(fg_registry_import(registry, in, &err), 3, "import over itself");
	is_export(want, "changes nothing");
	for (i = 0; i < FG_ARRAY_LEN(refused); i++) {
		cleanup_json cJSON *bad = json(refused[i][0]);
		int rc = fg_registry_import(registry, bad, &err);

		if (!ok(rc < 0 && strstr(err.text, refused[i][1]), "%s is refused", refused[i][0]))
			diag("%s", rc < 0 ? err.text : "it was taken");
	}
	is_export(want, "and leaves nothing behind");
}

/* Records and what nobody knows travel along; counts and entries tell of rows without their documents. */
static void records(void)
{
	static const char *const dump =
		"{\"version\":1,\"instances\":[{\"name\":\"gamma\",\"host\":\"h3\",\"container_id\":\"g\",\"state\":\"missing\",\"pinned\":true,"
		"\"note\":\"n\"}],\"records\":[{\"name\":\"gamma\",\"host\":\"h4\",\"pinned\":true,\"new\":[1]}],\"later\":{\"x\":[1.5,null]}}";
	static const char *const bad[][2] = {
		{"{\"version\":1,\"instances\":[],\"records\":{}}", "records is no list"},
		{"{\"version\":1,\"instances\":[],\"records\":[{\"name\":\"x\",\"host\":\"h\"}]}", "records[0] (x on h): name"},
		{"{\"version\":1,\"instances\":[],\"records\":[{\"name\":\"xx\",\"host\":\"h\",\"pinned\":1}]}", "pinned is neither"},
		{"{\"version\":1,\"instances\":[],\"records\":[{\"name\":\"xx\",\"host\":\"h\",\"note\":1}]}", "note is no string"},
		{"{\"version\":1,\"instances\":[],\"records\":[{\"name\":\"xx\",\"host\":\"h\"},{\"name\":\"xx\",\"host\":\"h\"}]}",
		 "records[1] (xx on h): there is another"},
	};
	cleanup_json cJSON *in = json(dump);
	cleanup_export struct fg_export out = {0};
	cleanup_entries struct fg_entries entries = {0}, later = {0};
	cleanup_instances struct fg_instances named = {0};
	struct fg_err err;

	is_int(fg_registry_import(registry, in, &err), 1, "import of records");
	is_int(fg_registry_export(registry, &out, &err), 0, "export");
	ok(out.instances == 4 && out.records == 1 && out.len == strlen(out.text), "with its counts");
	ok(strstr(out.text, "\"records\":[{\"name\":\"gamma\",\"host\":\"h4\",\"pinned\":true,\"new\":[1]}],\"later\":{\"x\":[1.5,null]}}"),
		"records and what nobody knows are in it");
	for (size_t i = 0; i < FG_ARRAY_LEN(bad); i++) {
		cleanup_json cJSON *wrong = json(bad[i][0]);

		ok(fg_registry_import(registry, wrong, &err) < 0 && strstr(err.text, bad[i][1]), "%s is refused: %s", bad[i][0], err.text);
	}
	is_int(fg_registry_count_state(registry, "missing"), 1, "one is missing");
	is_int(fg_registry_count_state(registry, "running"), 1, "one runs");
	is_int(fg_registry_count_state(registry, "flying"), 0, "none flies");
	fg_registry_entries(registry, &entries, &err);
	ok(entries.n == 4 && strcmp(entries.v[0].name, "alpha") == 0 && strcmp(entries.v[1].host, "h1") == 0 &&
			strcmp(entries.v[2].host, "h2") == 0 && strcmp(entries.v[3].state, "missing") == 0,
		"entries are by name and host");
	fg_registry_touch(registry, "h1", "a1", &err);
	fg_registry_entries(registry, &later, &err);
	ok(later.v[0].revision != entries.v[0].revision && later.v[1].revision == entries.v[1].revision,
		"a change makes another revision");
	is_int(fg_registry_named(registry, "beta", &named, &err), 0, "by name");
	ok(named.n == 2 && strcmp(named.v[0].host, "h1") == 0 && strcmp(named.v[1].host, "h2") == 0, "on both hosts");
	is_int(fg_registry_forget(registry, "h3", "gamma", &err), 0, "forget");
	is_int(fg_registry_count_state(registry, "missing"), 0, "none is missing");
	is_int(fg_registry_count(registry), 3, "and three are left");
	fg_store_exec(store, &err, "DELETE FROM records", "");
}

static void damaged(void)
{
	cleanup_instances struct fg_instances all = {0}, named = {0};
	cleanup_export struct fg_export out = {0};
	struct fg_err err;

	ok(put("{\"name\":\"hurt\",\"host\":\"h1\",\"container_id\":\"zz\",\"state\":\"running\"}"), "put");
	fg_store_exec(store, &err, "UPDATE instances SET doc = '{\"name\":' WHERE name = 'hurt'", "");
	is_int(fg_registry_list(registry, &all, &err), 0, "a damaged document is no end of the list");
	is_int(all.n, 3, "which has the others");
	ok(fg_registry_export(registry, &out, &err) < 0 && strstr(err.text, "hurt on h1 is damaged"), "an export refuses: %s", err.text);
	fg_registry_named(registry, "hurt", &named, &err);
	ok(named.n == 1 && strcmp(named.v[0].container_id, "zz") == 0, "what is left of it is found by its name");
	is_int(fg_registry_forget(registry, "h1", "hurt", &err), 0, "and forgotten");
	fg_export_finish(&out);
	is_int(fg_registry_export(registry, &out, &err), 0, "then an export is whole again");
}

static const struct {
	const char *name;
	bool valid;
} names[] = {
	{"ab", true}, {"a", false}, {"", false}, {"a.b_c-d", true}, {"9x", true}, {"_x", false}, {"-x", false}, {".x", false},
	{"a b", false}, {"a/b", false}, {"\xc3\xa4x", false}, {"a\tb", false},
};

static void run(void *arg)
{
	struct fg_err err;
	char *folder = arg, long_name[130];
	cleanup_free char *path = fg_printf("%s/test.db", folder);
	size_t i;

	store = fg_store_open(path, &err);
	registry = store ? fg_registry_create(store, &err) : NULL;
	if (!ok(registry != NULL, "a new registry")) {
		diag("%s", err.text);
		return;
	}
	rows();
	changes();
	transfer();
	records();
	damaged();
	fg_registry_destroy(registry);
	fg_store_close(store);
	store = fg_store_open(path, &err);
	registry = fg_registry_create(store, &err);
	is_int(fg_registry_count(registry), 3, "it is all there when opened again");
	fg_registry_destroy(registry);
	fg_store_close(store);
	for (i = 0; i < FG_ARRAY_LEN(names); i++)
		ok(fg_name_valid(names[i].name) == names[i].valid, "\"%s\" is %s name", names[i].name,
			names[i].valid ? "a" : "no");
	memset(long_name, 'x', sizeof(long_name));
	long_name[129] = '\0';
	ok(!fg_name_valid(long_name) && !fg_name_valid(NULL), "too long, or none");
	long_name[128] = '\0';
	ok(fg_name_valid(long_name), "128 bytes are a name");
}

int main(void)
{
	char folder[] = "/tmp/fg-registry-XXXXXX";
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
