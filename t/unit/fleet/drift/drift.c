/*
 * Drift: every field of a template is compared, in specs and against what an engine says of a container; overrides hold until
 * the config says something new; older versions of a spec are compared in their own words.
 */
#include <stdlib.h>
#include "drift/drift.h"
#include "spec/spec_version.h"
#include "spec/template.h"
#include "drift/today.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/limits.h"
#include "tap.h"

static cJSON *json(const char *text)
{
	struct fg_err err;
	cJSON *doc = fg_json_parse(text, strlen(text), &err);

	if (!doc)
		diag("bad test: %s: %s", text, err.text);
	return doc;
}

static cJSON *build(const char *config)
{
	cleanup_json cJSON *c = json(config);
	struct fg_template template = {"web", c};
	struct fg_err err;
	cJSON *spec = fg_spec_build(NULL, &template, "web1", NULL, &err);

	if (!spec)
		diag("%s: %s", config, err.text);
	return spec;
}

/*
 * Each field with two values, and what is said of the change from one to the other: "FIELD want have", several divided by "; ".
 * "": it does not count. Every field that templates have is here.
 */
static const struct {
	const char *field, *want, *have, *said;
} rows[] = {
	{"command", "[\"sleep\",\"1 d\"]", "\"sleep 2d\"", "command|sleep \"1 d\"|sleep 2d"},
	{"command", "[]", "[\"sh\"]", "command|-|sh"},
	{"entrypoint", "[\"/a\"]", "[\"/b\"]", "entrypoint|/a|/b"},
	{"env", "{\"A\":\"1\",\"B\":\"2\"}", "[\"B=3\",\"C=\"]", "env.A|1|-; env.B|2|3; env.C|-|"},
	{"healthcheck", "{\"test\":\"a\"}", "null", "healthcheck.interval|30s|-; healthcheck.retries|3|-; healthcheck.start_period|0s|-; "
		"healthcheck.test|CMD-SHELL a|-; healthcheck.timeout|30s|-"},
	{"healthcheck", "{\"test\":\"a\",\"interval\":\"5s\",\"retries\":2}", "{\"test\":\"a\",\"interval\":\"2m\"}",
		"healthcheck.interval|5s|2m; healthcheck.retries|2|3"},
	{"healthcheck", "{\"test\":\"a\",\"timeout\":\"1500ms\",\"start_period\":\"1s\"}", "{\"test\":[\"b\"]}",
		"healthcheck.start_period|1s|0s; healthcheck.test|CMD-SHELL a|CMD b; healthcheck.timeout|1500ms|30s"},
	{"host", "\"a\"", "\"b\"", ""},
	{"hostname", "\"a\"", "\"${name}\"", "hostname|a|web1"},
	{"init", "true", "false", "init|true|false"},
	{"labels", "{\"a\":\"1\"}", "{\"b\":\"1\"}", "labels.a|1|-; labels.b|-|1"},
	{"limits", "{\"cpus\":0.5}", "{\"cpus\":2}", "limits.cpus|0.5|2"},
	{"limits", "{\"memory\":\"64m\"}", "{\"memory\":\"128m\"}", "limits.memory|64m|128m"},
	{"limits", "{\"memory\":\"1g\"}", "{\"memory\":0}", "limits.memory|1g|-"},
	{"limits", "{\"memory\":1000,\"memory_swap\":-1}", "{\"memory\":1000,\"memory_swap\":\"1k\"}", "limits.memory_swap|unlimited|1k"},
	{"limits", "{\"pids\":10}", "{\"pids\":0}", "limits.pids|10|-"},
	{"logging", "{\"driver\":\"local\",\"options\":{\"a\":\"1\"}}", "{\"driver\":\"none\"}", "logging.driver|local|none; logging.options.a|1|-"},
	{"network_mode", "\"none\"", "\"host\"", "network_mode|none|host"},
	{"networks", "[\"a\",\"b\"]", "[\"a\"]", "networks|a, b|a"},
	{"networks", "[\"a\",\"b\"]", "[\"b\",\"a\"]", "networks|a, b|b, a"},
	{"ports", "[\"8080:80\",\"53/udp\"]", "[\"8081:80\"]", "ports|53/udp, 8080:80/tcp|8081:80/tcp"},
	{"prune", "{\"enabled\":true}", "{}", ""},
	{"pull", "\"always\"", "\"never\"", ""},
	{"restart", "\"always\"", "\"on-failure:3\"", "restart|always|on-failure:3"},
	{"security", "{\"cap_add\":[\"kill\"],\"cap_drop\":[\"ALL\"]}", "{\"cap_add\":[\"chown\",\"CAP_KILL\"]}",
		"security.cap_add|KILL|CHOWN, KILL; security.cap_drop|ALL|-"},
	{"security", "{\"privileged\":true,\"read_only\":true,\"no_new_privileges\":false}", "{}",
		"security.no_new_privileges|false|true; security.privileged|true|false; security.read_only|true|false"},
	{"stop_timeout", "\"1m\"", "\"20s\"", "stop_timeout|60s|20s"},
	{"tmpfs", "{\"/a\":\"size=1m\"}", "[\"/a:size=2m\",\"/b\"]", "tmpfs./a|size=1m|size=2m; tmpfs./b|-|"},
	{"user", "\"1000\"", "\"\"", "user|1000|-"},
	{"volumes", "[\"a1:/a\",\"/x\"]", "[\"a1:/a:ro\"]", "volumes|/x, a1:/a|a1:/a:ro"},
	{"workdir", "\"/a\"", "\"/b\"", "workdir|/a|/b"},
	{"image", "\"reg:5000/a\"", "\"reg:5000/a:2\"", "image|reg:5000/a:latest|reg:5000/a:2"},
};

static int by_field(const void *a, const void *b)
{
	const struct fg_difference *x = a, *y = b;

	return strcmp(x->field, y->field);
}

static char *told(struct fg_drift *drift)
{
	struct fg_str out;

	fg_str_init(&out, 4096);
	if (drift->n)
		qsort(drift->v, drift->n, sizeof(*drift->v), by_field);
	for (size_t i = 0; i < drift->n; i++)
		fg_str_printf(&out, "%s%s|%s|%s", i ? "; " : "", drift->v[i].field, drift->v[i].want ? drift->v[i].want : "-",
			drift->v[i].have ? drift->v[i].have : "-");
	return fg_str_take(&out);
}

static char *config_with(const char *field, const char *value)
{
	return fg_printf("{%s\"%s\":%s}", strcmp(field, "image") == 0 ? "" : "\"image\":\"x\",", field, value);
}

/* What an engine would say of a container that was made of this spec. */
static void inspect_of(const cJSON *spec, struct fg_container_info *info)
{
	cJSON *body = fg_spec_create_body(spec, NULL), *host, *mounts, *networks;
	const cJSON *limits = fg_json_object(spec, "limits"), *item;
	int64_t memory = fg_json_i64(limits, "memory", 0), swap = fg_json_i64(limits, "memory_swap", 0);

	*info = (struct fg_container_info){.raw = cJSON_CreateObject(), .name = "web1", .image_id = ""};
	host = cJSON_DetachItemFromObjectCaseSensitive(body, "HostConfig");
	mounts = cJSON_AddArrayToObject(info->raw, "Mounts");
	cJSON_ArrayForEach (item, fg_json_array(spec, "volumes")) {
		cleanup_mount struct mount m = {0};
		cJSON *one = cJSON_CreateObject();

		mount_parse(item->valuestring, &m);
		cJSON_AddStringToObject(one, "Type", m.source && *m.source == '/' ? "bind" : "volume");
		cJSON_AddStringToObject(one, "Name", m.source ? m.source : "0000000000000000000000000000000000000000000000000000000000000000");
		cJSON_AddStringToObject(one, "Source", m.source ? m.source : "/var/lib");
		cJSON_AddStringToObject(one, "Destination", m.target);
		cJSON_AddBoolToObject(one, "RW", !strstr(m.options, "ro"));
		cJSON_AddItemToArray(mounts, one);
	}
	networks = cJSON_AddObjectToObject(cJSON_AddObjectToObject(info->raw, "NetworkSettings"), "Networks");
	cJSON_ArrayForEach (item, fg_json_array(spec, "networks"))
		cJSON_AddObjectToObject(networks, item->valuestring);
	if (!networks->child) {
		const char *mode = fg_json_str(spec, "network_mode", "");

		cJSON_AddObjectToObject(networks, strcmp(mode, "default") == 0 ? "bridge" : mode);
	}
	cJSON_AddItemToObject(info->raw, "Config", body);
	cJSON_AddItemToObject(info->raw, "HostConfig", host);
	info->nano_cpus = fg_json_i64(limits, "nano_cpus", 0);
	info->memory = memory;
	info->memory_swap = swap ? swap : 2 * memory;
	info->pids = fg_json_i64(limits, "pids", 0);
}

static char *live_told(const cJSON *want, const cJSON *have, const cJSON *image)
{
	struct fg_container_info info;
	struct fg_drift drift = {0};
	cleanup_json cJSON *live = NULL;
	char *text;

	inspect_of(have, &info);
	live = drift_live(&(struct live){.want = want, .info = &info, .image = image});
	drift_compare(&drift, want, live);
	text = told(&drift);
	fg_drift_finish(&drift);
	fg_container_info_finish(&info);
	return text;
}

/* What an engine cannot show: the order of networks; and what it says in other words than the spec, with the rest the same. */
static const char *live_said(size_t i)
{
	if (strcmp(rows[i].said, "networks|a, b|b, a") == 0)
		return "";
	if (strcmp(rows[i].said, "command|-|sh") == 0) /* of an image with that command: it is what was left to it */
		return "";
	return rows[i].said;
}

static void every_field(void)
{
	cleanup_json cJSON *image = json("{\"Cmd\":[\"sh\"],\"Env\":[\"PATH=/bin\"]}");
	size_t i, k;

	for (i = 0; i < field_count; i++) {
		for (k = 0; k < FG_ARRAY_LEN(rows); k++)
			if (strcmp(rows[k].field, fields[i].name) == 0)
				break;
		ok(k < FG_ARRAY_LEN(rows), "field %s has a row in this test", fields[i].name);
	}
	for (i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_free char *a = config_with(rows[i].field, rows[i].want), *b = config_with(rows[i].field, rows[i].have);
		cleanup_json cJSON *want = build(a), *have = build(b);
		cleanup_free char *text = NULL, *live = NULL, *same = NULL;
		struct fg_drift drift = {0};
		char x[FG_HASH_SIZE], y[FG_HASH_SIZE];

		if (!ok(want && have, "%s and %s build", a, b))
			continue;
		fg_spec_hash(want, x);
		fg_spec_hash(have, y);
		ok((strcmp(x, y) != 0) == (*rows[i].said != '\0'), "%s: the hash %s", rows[i].field, *rows[i].said ? "changes" : "stays");
		drift_compare(&drift, want, have);
		text = told(&drift);
		is_str(text, rows[i].said, "… and the difference is named with both values");
		fg_drift_finish(&drift);
		same = live_told(want, want, image);
		is_str(same, "", "… a container made of it is no different");
		live = live_told(want, have, image);
		is_str(live, live_said(i), "… and one made of the other is, by what the engine says");
	}
}

/* What images and engines put into an inspect by themselves, over {"image":"x"} or what is given: where, what, and what is said of it
 * (NULL: anything). */
static const struct {
	const char *config, *image, *path, *value, *said;
} engine_words[] = {
	{NULL, "{}", "Config.Env", "[\"PATH=/bin\",\"HOSTNAME=x\"]", ""},
	{NULL, "{\"Env\":[\"A=1\"]}", "Config.Env", "[\"A=1\"]", ""},
	{NULL, "{\"Env\":[\"A=1\"]}", "Config.Env", "[\"A=2\"]", "env.A|-|2"},
	{NULL, "{\"Labels\":{\"a\":\"1\"}}", "Config.Labels", "{\"a\":\"1\",\"io.fleetgram.instance\":\"web1\"}", ""},
	{NULL, "{}", "Config.Labels", "{\"a\":\"1\"}", "labels.a|-|1"},
	{NULL, "{\"User\":\"u\"}", "Config.User", "\"u\"", ""},
	{NULL, "{\"WorkingDir\":\"/w\"}", "Config.WorkingDir", "\"/w\"", ""},
	{NULL, "{}", "Config.User", "\"root\"", "user|-|root"},
	{NULL, "{}", "Config.WorkingDir", "\"/\"", ""},
	{NULL, "{}", "Config.Hostname", "\"0123456789ab\"", ""},
	{NULL, "{\"Entrypoint\":[\"/e\"]}", "Config.Entrypoint", "[\"/e\"]", ""},
	{NULL, "{\"Entrypoint\":[\"/e\"]}", "Config.Entrypoint", "\"/e\"", ""},
	{"{\"image\":\"x\",\"entrypoint\":[\"/e\"]}", "{\"Cmd\":[\"c\"]}", "Config.Cmd", "null", ""},
	{NULL, "{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\"]}}", "Config.Healthcheck", "{\"Test\":[\"CMD\",\"a\"]}", ""},
	{NULL, "{}", "Config.Healthcheck", "{\"Test\":[\"NONE\"]}", "healthcheck.interval|-|0s; healthcheck.start_period|-|0s; "
		"healthcheck.test|-|NONE; healthcheck.timeout|-|0s"},
	{NULL, "{}", "Config.Image", "\"docker.io/library/x:latest\"", ""},
	{NULL, "{}", "Config.Image", "\"y:latest\"", "image|x:latest|y:latest"},
	{NULL, "{}", "HostConfig.NetworkMode", "\"bridge\"", ""},
	{NULL, "{}", "HostConfig.NetworkMode", "\"host\"", "network_mode|default|host"},
	{NULL, "{}", "NetworkSettings.Networks", "{\"bridge\":{},\"back\":{}}", "networks|-|bridge, back"},
	{NULL, "{}", "NetworkSettings.Networks", "{}", "network_mode|default|none"},
	{"{\"image\":\"x\",\"networks\":[\"a\"]}", "{}", "NetworkSettings.Networks", "{\"b\":{},\"a\":{}}", "networks|a|a, b"},
	{"{\"image\":\"x\",\"networks\":[\"a\"]}", "{}", "NetworkSettings.Networks", "{}", "networks|a|-"},
	{"{\"image\":\"x\",\"networks\":[\"0123456789abcd\"]}", "{}", "NetworkSettings.Networks",
		"{\"a\":{\"NetworkID\":\"0123456789abcdef\"}}", ""},
	{"{\"image\":\"x\",\"network_mode\":\"container:db\"}", "{}", "HostConfig.NetworkMode", "\"container:0123456789abcdef\"", ""},
	{NULL, "{}", "HostConfig.RestartPolicy", "{\"Name\":\"\",\"MaximumRetryCount\":0}", ""},
	{NULL, "{}", "HostConfig.RestartPolicy", "{\"Name\":\"always\",\"MaximumRetryCount\":0}", "restart|no|always"},
	{NULL, "{}", "HostConfig.SecurityOpt", "[\"no-new-privileges:true\"]", ""},
	{NULL, "{}", "HostConfig.SecurityOpt", "null", "security.no_new_privileges|true|false"},
	{NULL, "{}", "HostConfig.LogConfig", "{\"Type\":\"journald\",\"Config\":{\"tag\":\"x\"}}", ""},
	{"{\"image\":\"x\",\"ports\":[\"80\"]}", "{}", "HostConfig.PortBindings", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"32768\"}]}", ""},
	{"{\"image\":\"x\",\"ports\":[\"81:80\"]}", "{}", "HostConfig.PortBindings", "{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"81\"}]}", ""},
	{"{\"image\":\"x\",\"ports\":[\"81:80\"]}", "{}", "HostConfig.PortBindings", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"82\"}]}",
		"ports|81:80/tcp|82:80/tcp"},
	{NULL, "{\"Volumes\":{\"/d\":{}}}", "Mounts", "[{\"Type\":\"volume\",\"Name\":\"n\",\"Destination\":\"/d\",\"RW\":true}]", ""},
	{NULL, "{}", "Mounts", "[{\"Type\":\"bind\",\"Source\":\"/s\",\"Destination\":\"/d\",\"RW\":false}]", "volumes|-|/s:/d:ro"},
	{"{\"image\":\"x\",\"tmpfs\":[\"/t:size=1m\"]}", "{}", "HostConfig.Tmpfs", "{\"/t\":\"rw,size=1m,nosuid\"}", ""},
	{"{\"image\":\"x\",\"security\":{\"cap_add\":[\"kill\"]}}", "{}", "HostConfig.CapAdd", "[\"CAP_KILL\"]", ""},
	/* What is no document of an engine at all. */
	{NULL, "{}", "Config", "7", NULL},
	{NULL, "{}", "HostConfig", "[]", NULL},
	{NULL, "{}", "Mounts", "[7,{\"Type\":7},null]", ""},
	{NULL, "{}", "Config.Env", "[7,null,\"A\"]", "env.A|-|"},
};

static void put(cJSON *raw, const char *path, cJSON *value)
{
	const char *dot = strchr(path, '.');
	cleanup_free char *first = dot ? fg_strndup(path, (size_t)(dot - path)) : NULL;
	cJSON *in = dot ? (cJSON *)fg_json_get(raw, first) : raw;
	const char *key = dot ? dot + 1 : path;

	cJSON_DeleteItemFromObjectCaseSensitive(in, key);
	cJSON_AddItemToObject(in, key, value);
}

static void words_of_engines(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(engine_words); i++) {
		cleanup_json cJSON *spec = build(engine_words[i].config ? engine_words[i].config : "{\"image\":\"x\"}");
		cleanup_json cJSON *image = json(engine_words[i].image), *live = NULL;
		cleanup_free char *text = NULL, *name = fg_printf("%s %s", engine_words[i].path, engine_words[i].value);
		struct fg_container_info info;
		struct fg_drift drift = {0};

		inspect_of(spec, &info);
		put(info.raw, engine_words[i].path, json(engine_words[i].value));
		live = drift_live(&(struct live){.want = spec, .info = &info, .image = image});
		drift_compare(&drift, spec, live);
		text = told(&drift);
		if (engine_words[i].said)
			is_str(text, engine_words[i].said, name);
		else
			ok(drift.n > 0, "%s is no container of it", name);
		fg_drift_finish(&drift);
		fg_container_info_finish(&info);
	}
}

/* What the config says, what was changed by hand, and what comes of it. */
static const struct {
	const char *config, *overrides, *limits, *image, *held;
} overridden[] = {
	{"{\"image\":\"x:1\",\"limits\":{\"memory\":1000}}", "{}", "0 1000 0 256", "x:1", "{}"},
	{"{\"image\":\"x:1\",\"limits\":{\"memory\":1000}}",
		"{\"limits\":{\"from\":{\"memory\":1000,\"memory_swap\":0},\"to\":{\"memory\":2000,\"memory_swap\":4000}}}", "0 2000 4000 256", "x:1",
		"{\"limits\":{\"from\":{\"memory\":1000,\"memory_swap\":0},\"to\":{\"memory\":2000,\"memory_swap\":4000}}}"},
	{"{\"image\":\"x:1\",\"limits\":{\"memory\":1500}}",
		"{\"limits\":{\"from\":{\"memory\":1000,\"memory_swap\":0,\"pids\":256},\"to\":{\"memory\":2000,\"memory_swap\":4000,\"pids\":9}}}",
		"0 1500 0 9", "x:1", "{\"limits\":{\"from\":{\"pids\":256},\"to\":{\"pids\":9}}}"},
	{"{\"image\":\"x:1\",\"limits\":{\"memory\":1000,\"memory_swap\":1200}}",
		"{\"limits\":{\"from\":{\"memory\":1000,\"memory_swap\":0},\"to\":{\"memory\":2000,\"memory_swap\":0}}}", "0 1000 1200 256", "x:1", "{}"},
	{"{\"image\":\"x:1\"}", "{\"image\":{\"from\":\"x:1\",\"to\":\"x:2\"}}", "0 0 0 256", "x:2", "{\"image\":{\"from\":\"x:1\",\"to\":\"x:2\"}}"},
	{"{\"image\":\"x:3\"}", "{\"image\":{\"from\":\"x:1\",\"to\":\"x:2\"}}", "0 0 0 256", "x:3", "{}"},
	{"{\"image\":\"x:1\"}", "{\"image\":7,\"limits\":{\"from\":[],\"to\":{\"pids\":\"many\"}}}", "0 0 0 256", "x:1", "{}"},
	{"{\"image\":\"x:1\"}", "{\"limits\":{\"from\":{},\"to\":{\"pids\":9}}}", "0 0 0 256", "x:1", "{}"},
};

static void overrides(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(overridden); i++) {
		cleanup_json cJSON *spec = build(overridden[i].config), *over = json(overridden[i].overrides);
		cleanup_json cJSON *held = today_override(spec, over);
		const cJSON *l = fg_json_object(spec, "limits");
		cleanup_free char *text = fg_json_print(held);
		cleanup_free char *limits = fg_printf("%lld %lld %lld %lld", (long long)fg_json_i64(l, "nano_cpus", -9),
			(long long)fg_json_i64(l, "memory", -9), (long long)fg_json_i64(l, "memory_swap", -9), (long long)fg_json_i64(l, "pids", -9));

		is_str(limits, overridden[i].limits, overridden[i].overrides);
		is_str(fg_json_str(spec, "image", ""), overridden[i].image, "… its image");
		is_str(text, overridden[i].held, "… what holds");
	}
}

/* Overrides before, what the config says, what is changed now, and the overrides after it. */
static const struct {
	const char *before, *own, *to, *after;
} changed[] = {
	{"{}", "{\"nano_cpus\":1,\"memory\":2,\"memory_swap\":0,\"pids\":3}", "{\"pids\":4}", "{\"limits\":{\"from\":{\"pids\":3},\"to\":{\"pids\":4}}}"},
	{"{\"limits\":{\"from\":{\"pids\":3},\"to\":{\"pids\":4}},\"image\":{}}", "{\"memory\":2,\"pids\":3}", "{\"memory\":5,\"memory_swap\":0}",
		"{\"image\":{},\"limits\":{\"from\":{\"pids\":3,\"memory\":2,\"memory_swap\":0},\"to\":{\"pids\":4,\"memory\":5,\"memory_swap\":0}}}"},
	{"{\"limits\":{\"from\":{\"pids\":3},\"to\":{\"pids\":4}}}", "{\"pids\":3}", "{\"pids\":3}", "{}"},
	{"{\"limits\":{\"from\":{\"pids\":3},\"to\":{\"pids\":4}}}", "{\"pids\":5}", "{\"pids\":6}", "{\"limits\":{\"from\":{\"pids\":5},\"to\":{\"pids\":6}}}"},
	/* Without a template it is what it was when it was changed first. */
	{"{\"limits\":{\"from\":{\"pids\":3},\"to\":{\"pids\":4}}}", NULL, "{\"pids\":6}", "{\"limits\":{\"from\":{\"pids\":3},\"to\":{\"pids\":6}}}"},
	{"{}", NULL, "{\"pids\":6}", "{}"},
};

static void changes(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(changed); i++) {
		cleanup_json cJSON *before = json(changed[i].before), *own = changed[i].own ? json(changed[i].own) : NULL, *to = json(changed[i].to);
		cleanup_json cJSON *after = today_limits_override(before, own, to);
		cleanup_free char *text = fg_json_print(after), *name = fg_printf("%s over %s", changed[i].to, changed[i].before);

		is_str(text, changed[i].after, name);
	}
}

static void versions(void)
{
	static const struct spec_addition made_up[] = {
		{2, "color", "\"grey\""},
		{2, "limits.reserved", "0"},
		{3, "dns", "[]"},
		{.path = NULL},
	};
	static const struct {
		const char *spec, *two, *one;
	} specs[] = {
		{"{\"version\":3,\"color\":\"grey\",\"limits\":{\"reserved\":0,\"pids\":1},\"dns\":[]}",
			"{\"color\":\"grey\",\"limits\":{\"reserved\":0,\"pids\":1},\"version\":2}", "{\"limits\":{\"pids\":1},\"version\":1}"},
		{"{\"version\":3,\"color\":\"red\",\"limits\":{\"reserved\":5},\"dns\":[\"a\"]}",
			"{\"color\":\"red\",\"limits\":{\"reserved\":5},\"dns\":[\"a\"],\"version\":2}",
			"{\"color\":\"red\",\"limits\":{\"reserved\":5},\"dns\":[\"a\"],\"version\":1}"},
	};
	cleanup_json cJSON *now = build("{\"image\":\"x\"}"), *same = build("{\"image\":\"x\"}");
	char hash[FG_HASH_SIZE];

	for (size_t i = 0; i < FG_ARRAY_LEN(specs); i++)
		for (int version = 2; version >= 1; version--) {
			cleanup_json cJSON *spec = json(specs[i].spec);
			cleanup_free char *text = NULL;

			spec_lower(spec, version, made_up);
			text = fg_json_print(spec);
			is_str(text, version == 2 ? specs[i].two : specs[i].one, "a spec in an older version's words");
		}
	spec_lower(same, FG_SPEC_VERSION, spec_additions);
	ok(cJSON_Compare(now, same, true), "this version's words are its own");
	ok(!today_hash(now, FG_SPEC_VERSION + 1, hash) && !today_hash(now, 0, hash), "there is no hash of a version nobody knows");
}

#define WEB1 "\"name\":\"web1\",\"host\":\"h\",\"container_id\":\"c1\",\"template\":\"web\""

/* A document (HASH: the hash of {"image":"x","user":"u"}), its container's labels, and what the hashes say. */
static const struct {
	const char *doc, *id, *labels;
	enum fg_config_state state;
} states[] = {
	{"{" WEB1 ",\"config_hash\":\"HASH\",\"spec\":{\"version\":1}}", "c1", "{}", FG_CONFIG_IN_SYNC},
	{"{" WEB1 ",\"config_hash\":\"sha256:a\",\"spec\":{\"version\":1}}", "c1", "{\"io.fleetgram.config-hash\":\"HASH\"}", FG_CONFIG_DRIFTED},
	{"{" WEB1 ",\"config_hash\":\"HASH\",\"spec\":{\"version\":1}}", "c2", "{\"io.fleetgram.config-hash\":\"sha256:a\"}", FG_CONFIG_DRIFTED},
	{"{" WEB1 "}", "c1", "{\"io.fleetgram.config-hash\":\"HASH\"}", FG_CONFIG_IN_SYNC},
	{"{" WEB1 "}", "c1", "{}", FG_CONFIG_UNKNOWN},
	{"{" WEB1 ",\"config_hash\":\"HASH\",\"spec\":{\"version\":99}}", "c1", "{}", FG_CONFIG_UNKNOWN},
	{"{" WEB1 "}", "c1", "{\"io.fleetgram.config-hash\":\"HASH\",\"io.fleetgram.spec-version\":\"99\"}", FG_CONFIG_UNKNOWN},
	{"{" WEB1 ",\"config_hash\":\"HASH\",\"params\":{\"NO\":\"1\"}}", "c1", "{}", FG_CONFIG_UNKNOWN},
	{"{\"name\":\"web1\",\"host\":\"h\",\"container_id\":\"c1\",\"template\":\"gone\",\"config_hash\":\"HASH\"}", "c1", "{}", FG_CONFIG_UNKNOWN},
	{"{\"name\":\"web1\",\"host\":\"h\",\"container_id\":\"c1\",\"template\":\"asks\",\"config_hash\":\"HASH\"}", "c1", "{}", FG_CONFIG_UNKNOWN},
	{"{\"name\":\"web1\",\"host\":\"h\",\"container_id\":\"c1\",\"template\":\"asks\",\"config_hash\":\"HASH\"}", "c1",
		"{\"io.fleetgram.spec-version\":\"1\",\"io.fleetgram.params\":\"{\\\"WHO\\\":\\\"u\\\"}\"}", FG_CONFIG_IN_SYNC},
	{"{\"name\":\"web1\",\"host\":\"h\",\"container_id\":\"c1\",\"template\":\"asks\",\"config_hash\":\"HASH\",\"params\":{\"WHO\":\"u\"}}", "c1",
		"{\"io.fleetgram.params\":\"{\\\"WHO\\\":\\\"v\\\"}\"}", FG_CONFIG_IN_SYNC},
	{"{\"name\":\"web1\",\"host\":\"h\",\"container_id\":\"c1\",\"template\":\"asks\",\"config_hash\":\"HASH\"}", "c1",
		"{\"io.fleetgram.spec-version\":\"1\",\"io.fleetgram.params\":\"[7\"}", FG_CONFIG_UNKNOWN},
	{"{\"name\":\"u\",\"host\":\"h\",\"container_id\":\"c1\",\"template\":\"named\",\"config_hash\":\"HASH\"}", "c1", "{}", FG_CONFIG_IN_SYNC},
	{"{\"name\":\"v\",\"host\":\"h\",\"container_id\":\"c1\",\"template\":\"named\",\"config_hash\":\"HASH\"}", "c1", "{}", FG_CONFIG_DRIFTED},
	{"{" WEB1 ",\"config_hash\":\"HASH\",\"overrides\":{\"image\":{\"from\":\"x:latest\",\"to\":\"x:2\"}}}", "c1", "{}", FG_CONFIG_DRIFTED},
};

static char *with_hash(const char *text, const char *hash)
{
	const char *at = strstr(text, "HASH");

	return at ? fg_printf("%.*s%s%s", (int)(at - text), text, hash, at + 4) : fg_strdup(text);
}

static void config_states(void)
{
	cleanup_json cJSON *templates = json("{\"web\":{\"image\":\"x\",\"user\":\"u\"},\"named\":{\"image\":\"x\",\"user\":\"${name}\"},"
		"\"asks\":{\"image\":\"x\",\"user\":\"${WHO}\",\"parameters\":{\"WHO\":{}}}}");
	cleanup_json cJSON *spec = build("{\"image\":\"x\",\"user\":\"u\"}");
	cleanup_today struct fg_today *today = fg_today_create(templates, NULL);
	char hash[FG_HASH_SIZE];

	fg_spec_hash(spec, hash);
	for (int round = 0; round < 2; round++) /* what is remembered says the same */
		for (size_t i = 0; i < FG_ARRAY_LEN(states); i++) {
			cleanup_free char *doc = with_hash(states[i].doc, hash), *labels = with_hash(states[i].labels, hash);
			cleanup_json cJSON *d = json(doc), *l = json(labels);
			struct fg_instance instance = {.doc = d, .name = fg_json_str(d, "name", ""), .host = "h",
				.container_id = fg_json_str(d, "container_id", ""), .template = fg_json_str(d, "template", ""),
				.config_hash = fg_json_str(d, "config_hash", "")};

			is_str(fg_config_state_name(fg_config_state(today, &instance, states[i].id, l)), fg_config_state_name(states[i].state),
				states[i].doc);
		}
}

static void limit_words(void)
{
	static const struct {
		enum fg_limit limit;
		const char *text;
		int64_t value; /* -9: refused */
		const char *again;
	} words[] = {
		{FG_LIMIT_CPUS, "0.5", 500000000, "0.5"},
		{FG_LIMIT_CPUS, "none", 0, "none"},
		{FG_LIMIT_CPUS, "-1", -9, NULL},
		{FG_LIMIT_CPUS, "half", -9, NULL},
		{FG_LIMIT_MEMORY, "64m", 64 << 20, "64m"},
		{FG_LIMIT_MEMORY, "1025", 1025, "1025"},
		{FG_LIMIT_MEMORY, "0", 0, "none"},
		{FG_LIMIT_MEMORY, "-1", -9, NULL},
		{FG_LIMIT_MEMORY, "", -9, NULL},
		{FG_LIMIT_MEMORY_SWAP, "unlimited", -1, "unlimited"},
		{FG_LIMIT_MEMORY_SWAP, "1g", 1 << 30, "1g"},
		{FG_LIMIT_PIDS, "-1", 0, "none"},
		{FG_LIMIT_PIDS, "100", 100, "100"},
		{FG_LIMIT_PIDS, "1.5", -9, NULL},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(words); i++) {
		struct fg_limits limits = {0};
		struct fg_err err;
		int rc = fg_limit_parse(&limits, words[i].limit, words[i].text, &err);
		cleanup_free char *text = NULL, *name = fg_printf("%s=%s", fg_limit_name(words[i].limit), words[i].text);

		if (words[i].value == -9) {
			ok(rc < 0 && strncmp(err.text, fg_limit_name(words[i].limit), strlen(fg_limit_name(words[i].limit))) == 0, "%s is refused", name);
			continue;
		}
		ok(rc == 0 && limits.set[words[i].limit], "%s is read", name);
		is_int(limits.v[words[i].limit], words[i].value, name);
		text = fg_limit_text(words[i].limit, limits.v[words[i].limit]);
		is_str(text, words[i].again, "… and written again");
	}
}

static void run(void *arg)
{
	(void)arg;
	every_field();
	words_of_engines();
	overrides();
	changes();
	versions();
	config_states();
	limit_words();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
