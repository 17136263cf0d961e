/* Decoding: containers, images, pulls and disk use as the engines send them, and as nobody should.
 */
#include "../../../engine/docker/decode.h"
#include "../../../engine/docker/pull.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

static cJSON *json(const char *text)
{
	struct fg_err err;
	cJSON *doc = fg_json_parse(text, strlen(text), &err);

	if (!doc)
		diag("bad JSON in the test: %s: %s", text, err.text);
	return doc;
}

static void test_names(void)
{
	static const struct {
		const char *names, *want;
	} rows[] = {
	        {"[\"/web\"]", "web"},
	        {"[\"/app/db\",\"/db\"]", "db"},
	        {"[\"/db\",\"/app/db\"]", "db"},
	        {"[\"plain\"]", "plain"},
	        {"[\"/a/b\"]", "a/b"},
	        {"[7,null,\"\",\"/\",\"/x\"]", "x"},
	        {"[]", NULL},
	        {"{}", NULL},
	        {"null", NULL},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_json cJSON *doc = json(rows[i].names);

		is_str(fg_decode_name(doc), rows[i].want, rows[i].names);
	}
}

static void test_repair(void)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
	        {"plain", "plain"},
	        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	        {"a\xff"
	         "b",
	                "a\xef\xbf\xbd"
	                "b"},
	        {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
	        {"cut\xe2\x82", "cut\xef\xbf\xbd\xef\xbf\xbd"},
	        {"", ""},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_str struct fg_str b;

		fg_str_init(&b, 64);
		fg_str_puts(&b, rows[i].in);
		fg_decode_repair(&b);
		is_str(b.s, rows[i].want, "repaired UTF-8");
	}
}

static void test_row(void)
{
	cleanup_json cJSON *doc = json(
	        "{\"Id\":\"0123456789abcdef\",\"Names\":[\"/other/alias\",\"/"
	        "web\"],\"Image\":\"nginx:1\","
	        "\"ImageID\":\"sha256:1\",\"State\":\"running\",\"Status\":\"Up 3 minutes "
	        "(healthy)\","
	        "\"Created\":1700000000,\"Labels\":{\"a\":\"x\\ny\\u001b[31m\",\"b\":5,\"c\":\"\"},"
	        "\"Ports\":[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":"
	        "\"tcp\"},"
	        "{\"PrivatePort\":53,\"Type\":\"udp\"},{\"PrivatePort\":70000},{\"PrivatePort\":"
	        "\"x\"},3]}");
	struct fg_container c, copy;

	is_int(fg_container_decode(doc, &c), 0, "a row of a list");
	is_str(c.name, "web", "its own name");
	is_str(c.health, "healthy", "health from the status");
	is_int(c.created_ms, INT64_C(1700000000000), "created in ms");
	is_str(fg_container_label(&c, "a"), "x\ny",
	        "a label's value keeps its lines and loses its colours");
	is_str(fg_container_label(&c, "b"), NULL, "a label that is no text is none");
	is_str(fg_container_label(&c, "c"), "", "an empty label is one");
	is_int(c.port_count, 2, "ports that are none are left out");
	ok(c.ports[0].outside == 8080 && strcmp(c.ports[0].ip, "0.0.0.0") == 0, "a published port");
	ok(c.ports[1].outside == 0 && strcmp(c.ports[1].proto, "udp") == 0 && !*c.ports[1].ip,
	        "one that is not");
	fg_container_copy(&copy, &c);
	fg_container_finish(&c);
	is_str(copy.name, "web", "a copy lives on");
	is_str(fg_container_label(&copy, "a"), "x\ny", "with its labels");
	is_int(copy.ports[1].inside, 53, "and ports");
	fg_container_finish(&copy);
}

/* What was made by the id of its image has the name in a label. */
static void test_image_name(void)
{
#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	static const struct {
		const char *image, *label, *want, *what;
	} rows[] = {
		{"nginx:1", "other", "nginx:1", "a name is what counts"},
		{"sha256:" ID, "nginx:1", "nginx:1", "an id gives way to the label"},
		{"sha256:" ID, NULL, "sha256:" ID, "… if there is one"},
		{"sha256:" ID, "", "sha256:" ID, "… and says something"},
		{ID, "nginx:1", "nginx:1", "the digits alone are one"},
		{"0123456789ab", "nginx:1", "nginx:1", "… the first of them, too"},
		{"sha256:" ID "/x", "nginx:1", "sha256:" ID "/x", "what is longer is none"},
		{"cafe", "nginx:1", "cafe", "a short word is a name"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_json cJSON *labels = cJSON_CreateObject();

		if (rows[i].label)
			cJSON_AddStringToObject(labels, FG_LABEL_IMAGE, rows[i].label);
		is_str(fg_container_image(rows[i].image, labels), rows[i].want, rows[i].what);
	}
	is_str(fg_container_image("sha256:" ID, NULL), "sha256:" ID, "labels that are not known");
}

static void test_rows(void)
{
	static const struct {
		const char *row, *name, *state, *health;
	} rows[] = {
	        {"{\"Id\":\"1234567890abcdef\"}", "1234567890ab", "", ""},
	        {"{\"Id\":\"a\",\"Names\":[\"/n\"],\"State\":\"exited\",\"Status\":\"Exited (1) "
	         "(unhealthy)\"}",
	                "n", "exited", ""},
	        {"{\"Id\":\"a\",\"Names\":[\"/n\"],\"State\":\"running\",\"Status\":\"Up (health: "
	         "starting)\"}",
	                "n", "running", "starting"},
	        {"{\"Id\":\"a\",\"Names\":[\"/n\"],\"State\":\"running\",\"Status\":\"Up "
	         "(unhealthy)\"}",
	                "n", "running", "unhealthy"},
	        {"{\"Id\":\"a\",\"Names\":[\"/n\"],\"State\":\"configured\"}", "n", "created", ""},
	        {"{\"Id\":\"a\",\"Names\":[\"/n\"],\"State\":\"stopped\"}", "n", "exited", ""},
	        {"{\"Id\":\"a\",\"Names\":[\"/<b>\\u001b[1m\\nx\"]}", "<b> x", "", ""},
	        {"{\"Id\":\"a\",\"Names\":5,\"State\":[],\"Labels\":[],\"Ports\":{},\"Created\":"
	         "\"x\"}",
	                "a", "", ""},
	};
	struct fg_container c;

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_json cJSON *doc = json(rows[i].row);

		ok(fg_container_decode(doc, &c) == 0 && strcmp(c.name, rows[i].name) == 0 &&
		                strcmp(c.state, rows[i].state) == 0 &&
		                strcmp(c.health, rows[i].health) == 0 && c.image && c.image_id &&
		                c.status && c.labels,
		        "%s", rows[i].row);
		fg_container_finish(&c);
	}
	ok(fg_container_decode(NULL, &c) < 0, "a row that is none");
	fg_container_finish(&c);
}

static void test_info(void)
{
	struct fg_container_info i;
	struct fg_err err;

	is_int(fg_container_info_decode(
	               json("{\"Id\":\"abc\",\"Name\":\"/"
	                    "web\",\"Image\":\"sha256:9\",\"Created\":\"2026-01-02T03:04:05.5Z\","
	                    "\"RestartCount\":2,\"Config\":{\"Image\":\"nginx\",\"Tty\":true},"
	                    "\"State\":{\"Status\":\"running\",\"ExitCode\":0,\"OOMKilled\":true,"
	                    "\"Error\":\"bad\\nthing\","
	                    "\"StartedAt\":\"2026-01-02T03:04:06Z\",\"FinishedAt\":\"0001-01-01T00:"
	                    "00:00Z\","
	                    "\"Health\":{\"Status\":\"unhealthy\",\"Log\":[{\"Output\":\"old\"},{"
	                    "\"Output\":\"new\\u0007\\nline\"}]}},"
	                    "\"HostConfig\":{\"NanoCpus\":1500000000,\"Memory\":67108864,"
	                    "\"MemorySwap\":-1,\"PidsLimit\":null,"
	                    "\"RestartPolicy\":{\"Name\":\"\"}}}"),
	               &i, &err),
	        0, "an inspect");
	is_str(i.name, "web", "name");
	is_str(i.image, "nginx", "image");
	is_str(i.health, "unhealthy", "health");
	is_str(i.health_output, "new\nline", "the last probe's words");
	is_str(i.error, "bad thing", "an error on one line");
	is_str(i.restart_policy, "no", "no restart policy");
	ok(i.tty && i.oom_killed && i.restart_count == 2, "flags");
	is_int(i.finished_ms, 0, "never finished");
	is_int(i.started_ms, INT64_C(1767323046000), "started");
	is_int(i.nano_cpus, 1500000000, "CPU limit");
	is_int(i.memory_swap, -1, "unlimited swap");
	is_int(i.pids, 0, "no limit of processes");
	fg_container_info_finish(&i);

	is_int(fg_container_info_decode(json("{\"Id\":\"abc\",\"State\":{\"Status\":\"exited\","
	                                     "\"Health\":{\"Status\":\"unhealthy\",\"Log\":null}},"
	                                     "\"HostConfig\":{\"CpuQuota\":50000,\"CpuPeriod\":0,"
	                                     "\"PidsLimit\":-1}}"),
	               &i, &err),
	        0, "a bare one");
	is_str(i.health, "", "a stopped container has no health");
	is_int(i.nano_cpus, 500000000, "a CPU limit as quota");
	ok(i.pids == 0 && !*i.name && !*i.image && !*i.health_output, "defaults");
	fg_container_info_finish(&i);
	ok(fg_container_info_decode(json("{\"Name\":\"/x\"}"), &i, &err) < 0 &&
	                err.code == FG_EPROTO && !i.raw,
	        "an inspect without an id is refused");
}

static void test_refs(void)
{
	static const struct {
		const char *ref, *name, *tag;
	} rows[] = {
	        {"nginx", "nginx", "latest"},
	        {"nginx:1.25", "nginx", "1.25"},
	        {"host:5000/nginx", "host:5000/nginx", "latest"},
	        {"host:5000/a/b:v1", "host:5000/a/b", "v1"},
	        {"nginx@sha256:ab", "nginx", "sha256:ab"},
	        {"host:5000/nginx:1@sha256:ab", "host:5000/nginx", "sha256:ab"},
	        {"", "", "latest"},
	        {":", "", ""},
	        {"@", "", ""},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_str struct fg_str name, tag;

		fg_str_init(&name, 100);
		fg_str_init(&tag, 100);
		fg_image_split(rows[i].ref, &name, &tag);
		ok(strcmp(name.s, rows[i].name) == 0 && strcmp(tag.s, rows[i].tag) == 0, "ref %s",
		        rows[i].ref);
	}
}

static void test_digests(void)
{
	cleanup_json cJSON *docker =
	        json("[\"mirror:5000/nginx@sha256:1\",\"nginx@sha256:2\",\"org/app@sha256:3\"]");
	cleanup_json cJSON *podman = json("[\"docker.io/library/nginx@sha256:4\"]");
	cleanup_json cJSON *none = json("[\"<none>@<none>\"]");

	is_str(fg_image_digest(docker, "nginx:1"), "nginx@sha256:2",
	        "the digest of its repository");
	is_str(fg_image_digest(docker, "docker.io/library/nginx"), "nginx@sha256:2",
	        "written in full");
	is_str(fg_image_digest(docker, "mirror:5000/nginx:x"), "mirror:5000/nginx@sha256:1",
	        "of another registry");
	is_str(fg_image_digest(docker, "docker.io/org/app"), "org/app@sha256:3",
	        "with an organisation");
	is_str(fg_image_digest(docker, "sha256:77"), "mirror:5000/nginx@sha256:1",
	        "else the first");
	is_str(fg_image_digest(podman, "nginx"), "docker.io/library/nginx@sha256:4",
	        "Podman's long names");
	is_str(fg_image_digest(none, "nginx"), "", "none");
	is_str(fg_image_digest(NULL, "nginx"), "", "nothing");
}

static int feed(struct fg_pull_state *s, const char *text, struct fg_err *err)
{
	cleanup_str struct fg_str line;

	fg_str_init(&line, 1000);
	fg_str_puts(&line, text);
	return fg_pull_line(s, &line, err);
}

static void test_pull(void)
{
	cleanup_free struct fg_pull_state *s = fg_alloc(sizeof(*s));
	const struct fg_pull_progress *p = &s->progress;
	struct fg_err err;
	char many[128];

	feed(s, "{\"status\":\"Pulling from library/nginx\",\"id\":\"latest\"}", &err);
	feed(s, "{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"aa\"}", &err);
	feed(s, "{\"status\":\"Already exists\",\"progressDetail\":{},\"id\":\"bb\"}", &err);
	feed(s,
	        "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":10,\"total\":100},"
	        "\"id\":\"aa\"}",
	        &err);
	ok(p->layers == 2 && p->layers_done == 1 && p->bytes == 10 && p->bytes_total == 100,
	        "downloading");
	feed(s, "{\"status\":\"Download complete\",\"progressDetail\":{},\"id\":\"aa\"}", &err);
	feed(s,
	        "{\"status\":\"Extracting\",\"progressDetail\":{\"current\":1,\"total\":100},"
	        "\"id\":\"aa\"}",
	        &err);
	ok(p->bytes == 100 && p->layers_done == 1, "extracting does not take bytes back");
	feed(s, "{\"status\":\"Pull complete\",\"progressDetail\":{},\"id\":\"aa\"}", &err);
	ok(p->layers_done == 2, "done");
	is_int(feed(s, "  \r", &err), 0, "an empty line");
	ok(feed(s, "{\"errorDetail\":{\"message\":\"no\\nspace\"},\"error\":\"x\"}", &err) < 0 &&
	                err.code == FG_EREMOTE && strcmp(err.text, "no space") == 0,
	        "an error in the stream");
	ok(feed(s, "{\"error\":\"denied\"}", &err) < 0 && strcmp(err.text, "denied") == 0,
	        "an old-style one");
	ok(feed(s, "<html>", &err) < 0 && err.code == FG_EPROTO, "what is no JSON");
	ok(feed(s, "{\"status\":", &err) < 0 && err.code == FG_EPROTO, "what is cut off");
	for (int i = 0; i < 1000; i++) {
		snprintf(many, sizeof(many),
		        "{\"status\":\"Downloading\",\"id\":\"l%d\",\"progressDetail\":"
		        "{\"current\":1,\"total\":9223372036854775807}}",
		        i);
		feed(s, many, &err);
	}
	ok(p->layers == FG_PULL_LAYERS && p->bytes_total == 100,
	        "a thousand layers of impossible sizes");
}

static void test_df(void)
{
	cleanup_json cJSON *doc = json("{\"LayersSize\":1000,\"Images\":[{\"Size\":600,"
	                               "\"SharedSize\":100,\"Containers\":1},"
	                               "{\"Size\":500,\"SharedSize\":-1,\"Containers\":0}],"
	                               "\"Containers\":[{\"SizeRw\":5,\"State\":\"running\"},{"
	                               "\"SizeRw\":7,\"State\":\"exited\"},{}],"
	                               "\"Volumes\":[{\"UsageData\":{\"Size\":10,\"RefCount\":0}},{"
	                               "\"UsageData\":{\"Size\":-1,\"RefCount\":-1}},"
	                               "{\"UsageData\":null}],\"BuildCache\":[{\"Size\":3,"
	                               "\"InUse\":false},{\"Size\":4,\"Shared\":true}]}");
	struct fg_engine_df df;

	fg_df_decode(doc, &df);
	ok(df.images.count == 2 && df.images.active == 1 && df.images.bytes == 1000 &&
	                df.images.reclaimable == 500,
	        "images share layers");
	ok(df.containers.count == 3 && df.containers.active == 1 && df.containers.bytes == 12 &&
	                df.containers.reclaimable == 7,
	        "containers");
	ok(df.volumes.count == 3 && df.volumes.bytes == 10 && df.volumes.reclaimable == 10,
	        "volumes");
	ok(df.build_cache.count == 2 && df.build_cache.bytes == 3, "build cache");
	fg_df_decode(NULL, &df);
	is_int(df.images.count, 0, "nothing");
}

int main(void)
{
	test_names();
	test_repair();
	test_row();
	test_image_name();
	test_rows();
	test_info();
	test_refs();
	test_digests();
	test_pull();
	test_df();
	return done_testing();
}
