/*
 * Compose files: how YAML is written, which of a container's settings come out in what form, and that no document is too odd.
 */
#include <stdlib.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/compose.h"
#include "tap.h"

static cJSON *json(const char *text)
{
	struct fg_err err;
	cJSON *doc = text ? fg_json_parse(text, strlen(text), &err) : NULL;

	if (text && !doc)
		diag("bad test: %s: %s", text, err.text);
	return doc;
}

static void test_strings(void)
{
	static const struct {
		const char *text, *yaml;
	} rows[] = {
		{"word", "word"},
		{"busybox:1.36", "busybox:1.36"},
		{"/path/to.it", "/path/to.it"},
		{"a@b", "a@b"},
		{"", "\"\""},
		{"a:", "\"a:\""},
		{"a: b", "\"a: b\""},
		{"a #b", "\"a #b\""},
		{"1", "\"1\""},
		{"1e3", "\"1e3\""},
		{"1:30", "\"1:30\""},
		{".inf", "\".inf\""},
		{"-x", "\"-x\""},
		{"_x", "\"_x\""},
		{"@x", "\"@x\""},
		{"yes", "\"yes\""},
		{"NO", "\"NO\""},
		{"Y", "\"Y\""},
		{"True", "\"True\""},
		{"oFF", "\"oFF\""},
		{"null", "\"null\""},
		{"~", "\"~\""},
		{"a b", "\"a b\""},
		{"'", "\"'\""},
		{"\"\\", "\"\\\"\\\\\""},
		{"a\nb\r\t", "\"a\\nb\\r\\t\""},
		{"\x01\x1b\x7f", "\"\\x01\\x1b\\x7f\""},
		{"\xc2\x85\xc2\xa0\xc2\xad", "\"\\x85\\xa0\\xad\""},
		{"\xc3\xa9", "\"\xc3\xa9\""},
		{"\xe2\x80\xa8\xe2\x80\xae\xef\xbb\xbf", "\"\\u2028\\u202e\\ufeff\""},
		{"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
		{"\xf3\xa0\x80\x81\xf4\x8f\xbf\xbe", "\"\\U000e0001\\U0010fffe\""},
		{"a\xff\xc0\x80z", "\"a\\ufffd\\ufffd\\ufffdz\""},
		{"\xe2\x80", "\"\\ufffd\\ufffd\""},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_json cJSON *doc = cJSON_CreateString(rows[i].text);
		cleanup_free char *want = fg_printf("%s\n", rows[i].yaml);
		cleanup_str struct fg_str out;
		struct fg_err err;

		fg_str_init(&out, 1024);
		fg_yaml_write(&out, doc, &err);
		is_str(out.s, want, rows[i].yaml);
	}
}

static void test_blocks(void)
{
	static const struct {
		const char *doc, *yaml;
	} rows[] = {
		{"{}", "{}\n"},
		{"[]", "[]\n"},
		{"{\"a\":1,\"b\":true,\"c\":null,\"d\":0.25}", "a: 1\nb: true\nc: null\nd: 0.25\n"},
		{"{\"a\":9007199254740993}", "a: 9007199254740993\n"},
		{"{\"1\":{\"yes\":\"no\"},\"e\":{},\"f\":[]}", "\"1\":\n  \"yes\": \"no\"\ne: {}\nf: []\n"},
		{"{\"a\":[\"x\",{\"b\":1,\"c\":[2]},[3,4]]}", "a:\n  - x\n  - b: 1\n    c:\n      - 2\n  - - 3\n    - 4\n"},
	};
	cleanup_str struct fg_str out, key;
	cleanup_json cJSON *deep = cJSON_CreateArray(), *wide = cJSON_CreateObject();
	cJSON *inner = deep;
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_json cJSON *doc = json(rows[i].doc);
		cleanup_str struct fg_str text;

		fg_str_init(&text, 1024);
		is_int(fg_yaml_write(&text, doc, &err), 0, rows[i].doc);
		is_str(text.s, rows[i].yaml, "in blocks");
	}
	fg_str_init(&out, 4096);
	for (int i = 0; i < 40; i++) {
		cJSON *next = cJSON_CreateArray();

		cJSON_AddItemToArray(inner, next);
		inner = next;
	}
	ok(fg_yaml_write(&out, deep, &err) < 0 && err.code == FG_ETOOBIG, "too deep: %s", err.text);
	fg_str_init(&key, 2048);
	for (int i = 0; i < 1500; i++)
		fg_str_putc(&key, 'k');
	fg_str_reset(&out);
	cJSON_AddTrueToObject(wide, key.s);
	is_int(fg_yaml_write(&out, wide, &err), 0, "a key that is too long for a line");
	ok(strncmp(out.s, "? kkk", 5) == 0 && strcmp(out.s + out.len - 9, "k\n: true\n") == 0, "has two of them");
	fg_str_finish(&out);
	fg_str_init(&out, 100);
	ok(fg_yaml_write(&out, wide, &err) < 0 && err.code == FG_ETOOBIG, "no room: %s", err.text);
}

static bool has_pass(const char *assignment)
{
	const char *equals = strchr(assignment, '='), *pass = strstr(assignment, "PASS"), *url = strstr(equals, "://");

	return equals[1] && ((pass && pass < equals) || (url && strchr(url, '@')));
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* What a container's Config and HostConfig give, beside {"Image":"i"}; every line of `wanted` has to be there, none of `unwanted`. */
static const struct {
	const char *config, *host, *wanted, *unwanted;
} rows[] = {
	{"\"Env\":[\"A=$b\",\"N=1\",\"NAKED\",\"=x\",7,\"A=c${d}\"]", "", "      A: \"c$${d}\"\n      \"N\": \"1\"", "NAKED"},
	{"\"Env\":[\"PASS=x\",\"9.PASS=y\",\"9_PASS=z\",\"pass.PASS=1\",\"PASSES=\"]", "",
		"      PASS: \"${PASS:?}\"\n      \"9.PASS\": \"${_9_PASS:?}\"\n      \"9_PASS\": \"${_9_PASS_2:?}\"\n      pass.PASS: \"${PASS_PASS:?}\"\n"
		"#   PASS\n#   _9_PASS_2\n      PASSES: \"\"", NULL},
	{"\"Cmd\":[\"--PASS=qq\",\"--PASS\",\"qq\",\"--PASS\",\"-v\",\"w\",\"u://a:qqPASS@h/?b=c\",\"run $A --PASS-file=qq b\",\"plain=1\"]", "",
		"      - \"--PASS=${PASS:?}\"\n      - \"--PASS\"\n      - \"${PASS_2:?}\"\n      - \"-v\"\n      - w\n      - \"${COMMAND_SECRET:?}\"\n"
		"      - \"run $$A --PASS-file=${PASS_FILE:?}\"\n      - \"plain=1\"\n#   PASS_2\n#   COMMAND_SECRET\n#   PASS_FILE", "qq"},
	{"\"Entrypoint\":[\"PASS=y1\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"ping --PASS y2\"]}", "",
		"      - \"PASS=${PASS:?}\"\n        - \"ping --PASS ${PASS_2:?}\"", "y2"},
	{"\"Labels\":{\"a\":\"1\",\"b\":2,\"io.fleetgram.params\":\"{}\",\"io.fleetgram.image\":\"x\",\"io.fleetgram.protect\":\"true\"}", "", "      a: \"1\"\n      io.fleetgram.protect: \"true\"", "params"},
	{"\"Hostname\":\"0123456789ab\"", "", "    image: i", "hostname"},
	{"\"Hostname\":\"box\"", "\"NetworkMode\":\"container:x\"", "    network_mode: container:x", "hostname"},
	{"\"Hostname\":\"box\"", "\"NetworkMode\":\"container:abc\"", "    network_mode: container:other", "abc"},
	{"\"StopTimeout\":-1", "", "#   it is given any time to stop", "stop_grace"},
	{"\"Healthcheck\":{\"Test\":[\"CMD\",\"$x\"],\"Interval\":90000000000,\"Timeout\":1500000001,\"StartInterval\":5}", "",
		"      interval: \"1m30s\"\n      timeout: \"1s500ms1ns\"\n        - \"$$x\"\n#   its health check's interval while it starts", NULL},
	{"\"Healthcheck\":{\"Test\":[\"NONE\"],\"Interval\":1000000000}", "", "        - NONE", "interval"},
	{"", "\"NanoCpus\":1500000000", "    cpus: 1.5", NULL},
	{"", "\"NanoCpus\":290000000", "    cpus: 0.29", NULL},
	{"", "\"NanoCpus\":2000000000", "    cpus: 2.0", NULL},
	{"", "\"Memory\":33554432,\"MemorySwap\":67108864", "    mem_limit: \"32m\"", "memswap"},
	{"", "\"Memory\":33554433,\"MemorySwap\":-1", "    mem_limit: \"33554433b\"\n    memswap_limit: -1", NULL},
	{"", "\"Memory\":0,\"MemorySwap\":-1,\"MemorySwappiness\":null,\"PidsLimit\":null,\"Init\":null,\"OomScoreAdj\":0", "    image: i", "mem"},
	{"", "\"PidsLimit\":9000000000000000000", "    pids_limit: 9000000000000000000", NULL},
	{"", "\"RestartPolicy\":{\"Name\":\"no\",\"MaximumRetryCount\":0}", "    image: i", "restart"},
	{"", "\"RestartPolicy\":{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}", "    restart: on-failure:3", NULL},
	{"", "\"NetworkMode\":\"default\"", "    network_mode: bridge", NULL},
	{"", "\"NetworkMode\":\"gone\"", "    networks:\n      gone: {}\n  gone:\n    external: true", "network_mode"},
	{"", "\"NetworkMode\":\"a b/$c\"", "      other1: {}\n  other1:\n    external: true\n    name: \"a b/$$c\"", NULL},
	{"", "\"Binds\":[\"v:/a\",\"/h:/b:ro\",\"\",\"/only\",5]", "      - v:/a\n      - /h:/b:ro\n  v:\n    external: true", NULL},
	{"\"Volumes\":{\"/a\":{},\"/c\":{}}", "\"Binds\":[\"v:/a\"]", "      - /c", "- /a"},
	{"", "\"Mounts\":[{\"Type\":\"npipe\",\"Target\":\"/x\"}]", "#   a mount of another kind", "/x"},
	{"", "\"SecurityOpt\":[\"seccomp={}\",\"seccomp=builtin\",\"no-new-privileges\"]", "      - no-new-privileges\n#   its own seccomp profile", "builtin"},
	{"", "\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"8080\"}],\"81/tcp\":null,\"82/udp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}",
		"      - \"[::1]:8080:80/tcp\"\n      - \"82/udp\"", "81"},
	{"\"ExposedPorts\":{\"7/tcp\":{}}", "\"PublishAllPorts\":true", "    ports:\n      - \"7/tcp\"", "expose"},
	{"", "\"Links\":[\"/db:/web/database\",\"bad\",3]", "      - db:database", "bad"},
	{"", "\"DeviceRequests\":[{\"Driver\":\"nvidia\",\"Count\":-1,\"Capabilities\":[[\"gpu\"]]}]",
		"            - driver: nvidia\n              count: all\n              capabilities:\n                - gpu", NULL},
	{"\"Cmd\":[],\"Entrypoint\":null", "\"Runtime\":\"runsc\"", "    runtime: runsc", "command"},
};

static bool has_lines(const char *text, const char *wanted)
{
	while (*wanted) {
		size_t len = strcspn(wanted, "\n");
		cleanup_free char *line = fg_printf("\n%.*s\n", (int)len, wanted);

		if (!strstr(text, line))
			return false;
		wanted += len + (wanted[len] == '\n');
	}
	return true;
}

static void test_settings(void)
{
	cleanup_json cJSON *names = json("{\"abc\":\"other\"}");

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_free char *text = fg_printf(
			"{\"Id\":\"" ID "\",\"Name\":\"/web\",\"Config\":{\"Image\":\"i\"%s%s},\"HostConfig\":{%s}}", *rows[i].config ? "," : "",
			rows[i].config, rows[i].host);
		cleanup_json cJSON *doc = json(text);
		cleanup_compose_file struct fg_compose_file file = {0};
		struct fg_err err;

		if (fg_compose_write(&(struct fg_compose){.container = doc, .names = names, .secret = has_pass}, &file, &err) < 0) {
			ok(false, "%s: %s", text, err.text);
			continue;
		}
		if (!ok(has_lines(file.text, rows[i].wanted) && (!rows[i].unwanted || !strstr(file.text, rows[i].unwanted)), "%s %s",
			    rows[i].config, rows[i].host))
			diag("%s", file.text);
	}
}

/* What Podman writes into every container is nobody's wish. */
static void test_podman(void)
{
	cleanup_json cJSON *doc = json("{\"Id\":\"" ID "\",\"Name\":\"/web\",\"Config\":{\"Image\":\"i\",\"Hostname\":\"0123456789ab\",\"WorkingDir\":\"/\","
		"\"StopSignal\":\"15\",\"Env\":[\"TERM=xterm\",\"container=podman\",\"HOME=/root\",\"HOSTNAME=0123456789ab\",\"A=b\"]},"
		"\"HostConfig\":{\"NetworkMode\":\"bridge\",\"IpcMode\":\"shareable\",\"PidMode\":\"private\",\"UTSMode\":\"private\",\"ShmSize\":65536000,"
		"\"MemorySwappiness\":0,\"NanoCpus\":500000000,\"CpuPeriod\":100000,\"CpuQuota\":50000,\"ReadonlyRootfs\":true,"
		"\"Binds\":[\"v:/d:rw,rprivate,nosuid,nodev,rbind\",\"/h:/r:ro,rprivate,rbind\"],"
		"\"Tmpfs\":{\"/tmp\":\"rw,rprivate,nosuid,nodev,tmpcopyup\",\"/t\":\"size=1m,rw,rprivate\"},"
		"\"Ulimits\":[{\"Name\":\"RLIMIT_NOFILE\",\"Soft\":1,\"Hard\":2}]}}");
	cleanup_compose_file struct fg_compose_file file = {0};
	struct fg_err err;

	if (fg_compose_write(&(struct fg_compose){.container = doc, .podman = true}, &file, &err) < 0)
		diag("%s", err.text);
	is_str(file.text,
		"# web, written down by Fleetgram.\nservices:\n  web:\n    image: i\n    container_name: web\n    environment:\n      A: b\n"
		"    network_mode: bridge\n    volumes:\n      - v:/d\n      - /h:/r:ro\n    tmpfs:\n      - \"/t:size=1m\"\n    cpus: 0.5\n    read_only: true\n"
		"    ulimits:\n      nofile:\n        soft: 1\n        hard: 2\nvolumes:\n  v:\n    external: true\n",
		"Podman's own choices are left out");
}

/* Whatever an engine sends instead of what it should. */
static void test_odd(void)
{
	static const char *const values[] = {"null", "true", "-1", "1e300", "\"\"", "\"x\"", "[]", "{}", "[null,1,\"\",[],{}]", "{\"\":null,\"a\":1,\"b\":[],\"c\":{}}"};
	static const char *const fields[] = {"Env", "Cmd", "Entrypoint", "Labels", "Healthcheck", "ExposedPorts", "Volumes", "Hostname", "Image", "StopTimeout", "Binds",
		"Mounts", "Tmpfs", "PortBindings", "NetworkMode", "CapAdd", "Devices", "DeviceRequests", "ExtraHosts", "Init", "IpcMode", "Links", "LogConfig", "Memory",
		"MemorySwap", "MemorySwappiness", "NanoCpus", "OomScoreAdj", "PidsLimit", "RestartPolicy", "SecurityOpt", "ShmSize", "Sysctls", "Ulimits", "VolumesFrom",
		"Annotations", "Runtime"};
	int written = 0, wrong = 0;

	for (size_t i = 0; i < FG_ARRAY_LEN(fields); i++)
		for (size_t k = 0; k < FG_ARRAY_LEN(values); k++) {
			cleanup_free char *text = fg_printf("{\"Name\":\"/\\n: x\",\"Config\":{\"%s\":%s},\"HostConfig\":{\"%s\":%s},\"NetworkSettings\":{\"Networks\":%s}}",
				fields[i], values[k], fields[i], values[k], values[k]);
			cleanup_json cJSON *doc = json(text);
			cleanup_compose_file struct fg_compose_file file = {0};
			struct fg_err err;

			if (fg_compose_write(&(struct fg_compose){.container = doc, .image = doc}, &file, &err) < 0 ||
				strncmp(file.text, "# app, written", 14) != 0)
				wrong++;
			written++;
		}
	ok(wrong == 0 && written > 300, "%d odd documents", written);
	{
		cleanup_compose_file struct fg_compose_file file = {0};
		cleanup_json cJSON *doc = json("{\"Name\":\"/web\"}");
		struct fg_err err;

		ok(fg_compose_write(&(struct fg_compose){.container = doc}, &file, &err) < 0 && err.code == FG_EPROTO && !file.text && !file.variables,
			"no document at all: %s", err.text);
	}
}

int main(void)
{
	test_strings();
	test_blocks();
	test_settings();
	test_podman();
	test_odd();
	return done_testing();
}
