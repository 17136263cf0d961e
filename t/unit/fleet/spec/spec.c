/*
 * Specs and their hash: every single field changes it, no other way of writing the same does, and what is wrong is named.
 */
#include <stdlib.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/spec.h"
#include "tap.h"

static cJSON *json(const char *text)
{
	struct fg_err err;
	cJSON *doc = text ? fg_json_parse(text, strlen(text), &err) : NULL;

	if (text && !doc)
		diag("bad test: %s: %s", text, err.text);
	return doc;
}

static cJSON *build(const char *defaults, const char *config, const char *params, struct fg_err *err)
{
	cleanup_json cJSON *d = json(defaults), *c = json(config), *p = json(params);
	struct fg_template template = {"web", c};

	return fg_spec_build(d, &template, "web1", p, err);
}

/* What makes one template differ from {"image":"nginx"}, and whether that is another container. */
static const struct {
	const char *field;
	bool changes;
} fields[] = {
	{"\"image\":\"nginx:1.25\"", true},
	{"\"image\":\"nginx:latest\"", false},
	{"\"image\":\"nginx@sha256:abcd\"", true},
	{"\"command\":\"sleep 60\"", true},
	{"\"command\":[]", false},
	{"\"command\":null", false},
	{"\"entrypoint\":[\"/bin/sh\"]", true},
	{"\"env\":{\"A\":\"1\"}", true},
	{"\"env\":{\"A\":\"\"}", true},
	{"\"env\":{}", false},
	{"\"env\":[]", false},
	{"\"ports\":[\"80\"]", true},
	{"\"ports\":[]", false},
	{"\"volumes\":[\"data:/data\"]", true},
	{"\"volumes\":[\"/data\"]", true},
	{"\"tmpfs\":[\"/tmp\"]", true},
	{"\"tmpfs\":{}", false},
	{"\"networks\":[\"front\"]", true},
	{"\"network_mode\":\"none\"", true},
	{"\"network_mode\":\"default\"", false},
	{"\"user\":\"1000\"", true},
	{"\"user\":1000", true},
	{"\"user\":\"\"", false},
	{"\"workdir\":\"/srv\"", true},
	{"\"hostname\":\"h\"", true},
	{"\"labels\":{\"a\":\"b\"}", true},
	{"\"labels\":{\"io.fleetgram.notify\":\"false\"}", true},
	{"\"restart\":\"always\"", true},
	{"\"restart\":\"on-failure\"", true},
	{"\"restart\":\"on-failure:3\"", true},
	{"\"restart\":\"no\"", false},
	{"\"stop_timeout\":\"30s\"", true},
	{"\"stop_timeout\":\"10s\"", false},
	{"\"stop_timeout\":10", false},
	{"\"init\":true", true},
	{"\"init\":false", false},
	{"\"limits\":{\"cpus\":0.5}", true},
	{"\"limits\":{\"cpus\":0}", false},
	{"\"limits\":{\"memory\":\"64m\"}", true},
	{"\"limits\":{\"memory\":\"0\"}", false},
	{"\"limits\":{\"memory_swap\":-1}", true},
	{"\"limits\":{\"pids\":100}", true},
	{"\"limits\":{\"pids\":256}", false},
	{"\"limits\":{\"pids\":0}", true},
	{"\"limits\":{}", false},
	{"\"healthcheck\":{\"test\":\"true\"}", true},
	{"\"healthcheck\":{\"interval\":\"5s\"}", true},
	{"\"healthcheck\":{\"test\":[\"NONE\"]}", true},
	{"\"healthcheck\":null", false},
	{"\"security\":{\"read_only\":true}", true},
	{"\"security\":{\"read_only\":false}", false},
	{"\"security\":{\"cap_drop\":[\"ALL\"]}", true},
	{"\"security\":{\"cap_add\":[\"NET_ADMIN\"]}", true},
	{"\"security\":{\"no_new_privileges\":false}", true},
	{"\"security\":{\"no_new_privileges\":true}", false},
	{"\"security\":{\"privileged\":true}", true},
	{"\"logging\":{\"driver\":\"local\"}", true},
	{"\"logging\":{\"options\":{\"max-size\":\"1m\"}}", true},
	{"\"logging\":{}", false},
	{"\"pull\":\"always\"", false},
	{"\"host\":\"prod*\"", false},
	{"\"prune\":{\"enabled\":true}", false},
	{"\"parameters\":{}", false},
	{"\"parameters\":{\"A\":{\"default\":\"x\"}}", false},
};

/* Two templates, and whether they are the same container. */
static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{"{\"image\":\"x\",\"user\":\"u\"}", "{\"user\":\"u\",\"image\":\"x\"}", true},
	{"{\"image\":\"x\",\"env\":{\"A\":\"1\",\"B\":\"2\"}}", "{\"image\":\"x\",\"env\":{\"B\":\"2\",\"A\":\"1\"}}", true},
	{"{\"image\":\"x\",\"env\":{\"A\":\"1\"}}", "{\"image\":\"x\",\"env\":[\"A=1\"]}", true},
	{"{\"image\":\"x\",\"env\":{\"A\":1}}", "{\"image\":\"x\",\"env\":[\"A=1\"]}", true},
	{"{\"image\":\"x\",\"env\":[\"A=b=c\"]}", "{\"image\":\"x\",\"env\":{\"A\":\"b=c\"}}", true},
	{"{\"image\":\"x\",\"labels\":[\"a=b\"]}", "{\"image\":\"x\",\"labels\":{\"a\":\"b\"}}", true},
	{"{\"image\":\"x\",\"command\":\"sh -c 'sleep 1'\"}", "{\"image\":\"x\",\"command\":[\"sh\",\"-c\",\"sleep 1\"]}", true},
	{"{\"image\":\"x\",\"command\":\"a \\\"b c\\\" d\\\\ e\"}", "{\"image\":\"x\",\"command\":[\"a\",\"b c\",\"d e\"]}", true},
	{"{\"image\":\"x\",\"command\":[\"a\",\"b\"]}", "{\"image\":\"x\",\"command\":[\"b\",\"a\"]}", false},
	{"{\"image\":\"x\",\"ports\":[\"80:80\",\"443:443\"]}", "{\"image\":\"x\",\"ports\":[\"443:443/tcp\",\"80:80/tcp\"]}", true},
	{"{\"image\":\"x\",\"ports\":[\"80:80\"]}", "{\"image\":\"x\",\"ports\":\"80:80\"}", true},
	{"{\"image\":\"x\",\"ports\":[80]}", "{\"image\":\"x\",\"ports\":[\"80/tcp\"]}", true},
	{"{\"image\":\"x\",\"ports\":[\"80:80\"]}", "{\"image\":\"x\",\"ports\":[\"80:80/udp\"]}", false},
	{"{\"image\":\"x\",\"ports\":[\"80:80\"]}", "{\"image\":\"x\",\"ports\":[\"127.0.0.1:80:80\"]}", false},
	{"{\"image\":\"x\",\"volumes\":[\"/a:/b\"]}", "{\"image\":\"x\",\"volumes\":[\"/a/:/b/:rw\"]}", true},
	{"{\"image\":\"x\",\"volumes\":[\"/a:/b:ro,z\"]}", "{\"image\":\"x\",\"volumes\":[\"/a:/b:z,ro\"]}", true},
	{"{\"image\":\"x\",\"volumes\":[\"/a:/b\"]}", "{\"image\":\"x\",\"volumes\":[\"/a:/b:ro\"]}", false},
	{"{\"image\":\"x\",\"volumes\":[\"aa:/a\",\"bb:/b\"]}", "{\"image\":\"x\",\"volumes\":[\"bb:/b\",\"aa:/a\"]}", true},
	{"{\"image\":\"x\",\"tmpfs\":\"/t:size=1m\"}", "{\"image\":\"x\",\"tmpfs\":{\"/t/\":\"size=1m\"}}", true},
	{"{\"image\":\"x\",\"networks\":[\"a\",\"b\"]}", "{\"image\":\"x\",\"networks\":[\"b\",\"a\"]}", false},
	{"{\"image\":\"x\",\"networks\":[\"a\",\"a\"]}", "{\"image\":\"x\",\"networks\":[\"a\"]}", true},
	{"{\"image\":\"x\",\"limits\":{\"memory\":\"64m\"}}", "{\"image\":\"x\",\"limits\":{\"memory\":67108864}}", true},
	{"{\"image\":\"x\",\"limits\":{\"memory\":\"1g\"}}", "{\"image\":\"x\",\"limits\":{\"memory\":\"1024m\"}}", true},
	{"{\"image\":\"x\",\"limits\":{\"cpus\":0.50}}", "{\"image\":\"x\",\"limits\":{\"cpus\":\"0.5\"}}", true},
	{"{\"image\":\"x\",\"limits\":{\"pids\":-1}}", "{\"image\":\"x\",\"limits\":{\"pids\":0}}", true},
	{"{\"image\":\"x\",\"healthcheck\":{\"test\":\"t\",\"interval\":\"1m\"}}", "{\"image\":\"x\",\"healthcheck\":{\"interval\":\"60s\",\"test\":[\"CMD-SHELL\",\"t\"],\"retries\":3}}", true},
	{"{\"image\":\"x\",\"healthcheck\":{\"test\":[\"curl\",\"x\"]}}", "{\"image\":\"x\",\"healthcheck\":{\"test\":[\"CMD\",\"curl\",\"x\"]}}", true},
	{"{\"image\":\"x\",\"healthcheck\":{\"test\":\"t\"}}", "{\"image\":\"x\",\"healthcheck\":{\"test\":\"t\",\"timeout\":\"1s\"}}", false},
	{"{\"image\":\"x\",\"healthcheck\":{\"test\":\"t\"}}", "{\"image\":\"x\",\"healthcheck\":{\"test\":\"t\",\"start_period\":\"1s\"}}", false},
	{"{\"image\":\"x\",\"healthcheck\":{\"test\":\"t\"}}", "{\"image\":\"x\",\"healthcheck\":{\"test\":\"t\",\"retries\":4}}", false},
	{"{\"image\":\"x\",\"security\":{\"cap_drop\":[\"CAP_CHOWN\",\"kill\"]}}", "{\"image\":\"x\",\"security\":{\"cap_drop\":[\"KILL\",\"CHOWN\",\"CHOWN\"]}}", true},
	{"{\"image\":\"x\",\"restart\":\"on-failure:0\"}", "{\"image\":\"x\",\"restart\":\"on-failure\"}", true},
	{"{\"image\":\"x\",\"stop_timeout\":\"1m\"}", "{\"image\":\"x\",\"stop_timeout\":60}", true},
	{"{\"image\":\"x\",\"hostname\":\"${name}\"}", "{\"image\":\"x\",\"hostname\":\"web1\"}", true},
	{"{\"image\":\"x\",\"labels\":{\"r.${name}.rule\":\"v\"}}", "{\"image\":\"x\",\"labels\":{\"r.web1.rule\":\"v\"}}", true},
	{"{\"image\":\"x\",\"user\":\"$${name}\"}", "{\"image\":\"x\",\"user\":\"web1\"}", false},
};

/* What the defaults and a template come to, as the part of the spec at a path. */
static const struct {
	const char *defaults, *config, *params, *path, *want;
} values[] = {
	{NULL, "{\"image\":\"x\"}", NULL, "limits.pids", "256"},
	{NULL, "{\"image\":\"x\"}", NULL, "security.no_new_privileges", "true"},
	{NULL, "{\"image\":\"reg:5000/x\"}", NULL, "image", "\"reg:5000/x:latest\""},
	{NULL, "{\"image\":\"x\"}", NULL, "version", "1"},
	{NULL, "{\"image\":\"x\"}", NULL, "network_mode", "\"default\""},
	{"{\"limits\":{\"memory\":\"1g\",\"pids\":9}}", "{\"image\":\"x\",\"limits\":{\"cpus\":2}}", NULL, "limits",
		"{\"nano_cpus\":2000000000,\"memory\":1073741824,\"memory_swap\":0,\"pids\":9}"},
	{"{\"env\":{\"A\":\"1\",\"B\":\"2\"}}", "{\"image\":\"x\",\"env\":[\"B=3\",\"C=4\"]}", NULL, "env", "{\"A\":\"1\",\"B\":\"3\",\"C\":\"4\"}"},
	{"{\"labels\":[\"a=1\"]}", "{\"image\":\"x\",\"labels\":{\"b\":\"2\"}}", NULL, "labels", "{\"a\":\"1\",\"b\":\"2\"}"},
	{"{\"ports\":[\"1:1\"]}", "{\"image\":\"x\",\"ports\":[\"2:2\"]}", NULL, "ports", "[\"2:2/tcp\"]"},
	{"{\"env\":{\"A\":\"1\"}}", "{\"image\":\"x\",\"env\":{\"A\":null}}", NULL, "env", "{}"},
	{"{\"limits\":{\"pids\":9}}", "{\"image\":\"x\",\"limits\":null}", NULL, "limits.pids", "256"},
	{"{\"networks\":[\"a\"]}", "{\"image\":\"x\",\"network_mode\":\"host\"}", NULL, "network_mode", "\"host\""},
	{"{\"network_mode\":\"host\"}", "{\"image\":\"x\",\"networks\":[\"a\",\"b\"]}", NULL, "networks", "[\"a\",\"b\"]"},
	{"{\"restart\":\"always\"}", "{\"image\":\"x\"}", NULL, "restart", "\"always\""},
	{"{\"image\":\"base:1\"}", "{}", NULL, "image", "\"base:1\""},
	{"{\"host\":\"prod*\",\"pull\":\"never\"}", "{\"image\":\"x\"}", NULL, "host", "\"prod*\""},
	{NULL, "{\"image\":\"x:${TAG}\",\"parameters\":{\"TAG\":{\"default\":\"1\"}}}", NULL, "image", "\"x:1\""},
	{NULL, "{\"image\":\"x:${TAG}\",\"parameters\":{\"TAG\":{\"default\":\"1\"}}}", "{\"TAG\":\"2\"}", "image", "\"x:2\""},
	{NULL, "{\"image\":\"x\",\"ports\":[\"${P}:80\"],\"parameters\":{\"P\":{\"pattern\":\"[0-9]+\"}}}", "{\"P\":\"81\"}", "ports", "[\"81:80/tcp\"]"},
	{NULL, "{\"image\":\"x\",\"ports\":[\"${P}:80\"],\"parameters\":{\"P\":{\"default\":82}}}", NULL, "ports", "[\"82:80/tcp\"]"},
	{NULL, "{\"image\":\"x\",\"command\":\"echo ${A} end\",\"parameters\":{\"A\":{\"pattern\":\".*\"}}}", "{\"A\":\"b 'c\"}", "command",
		"[\"echo\",\"b 'c\",\"end\"]"},
	{NULL, "{\"image\":\"x\",\"env\":{\"A\":\"$${x} $y $$ ${name}$\"}}", NULL, "env.A", "\"${x} $y $$ web1$\""},
	{NULL, "{\"image\":\"x\",\"env\":{\"A\":\"${A}\"},\"parameters\":{\"A\":{\"pattern\":\"^(a|b)$\"}}}", "{\"A\":\"b\"}", "env.A", "\"b\""},
	{NULL, "{\"image\":\"x\",\"user\":\"${A}\",\"parameters\":{\"A\":{\"pattern\":\"[]{}[:alpha:]]{1,200}(-[^]]{2,9}){0,3}\"}}}", "{\"A\":\"]a}-bc\"}", "user",
		"\"]a}-bc\""},
	{NULL, "{\"image\":\"x\",\"ports\":[\"[::1]:80:80\",\"127.0.0.1::81\",\"53/udp\"]}", NULL, "ports",
		"[\"127.0.0.1::81/tcp\",\"53/udp\",\"[::1]:80:80/tcp\"]"},
	{NULL, "{\"image\":\"x\",\"healthcheck\":{\"test\":\"NONE\"}}", NULL, "healthcheck.test", "[\"NONE\"]"},
	{NULL, "{\"image\":\"x\",\"stop_timeout\":\"1500ms\"}", NULL, "stop_timeout", "2"},
};

static const struct {
	const char *config, *params, *part;
} bad[] = {
	{"{}", NULL, "template web: image: "},
	{"[]", NULL, "it is no object"},
	{"{\"image\":7}", NULL, "image: "},
	{"{\"image\":\"a b\"}", NULL, "image: "},
	{"{\"image\":\"x\",\"imagine\":1}", NULL, "imagine: there is no such field"},
	{"{\"image\":\"x\",\"command\":\"a 'b\"}", NULL, "command: a quote"},
	{"{\"image\":\"x\",\"command\":{}}", NULL, "command: "},
	{"{\"image\":\"x\",\"env\":[\"A\"]}", NULL, "env[0]: not of the form KEY=VALUE"},
	{"{\"image\":\"x\",\"env\":{\"A\":[]}}", NULL, "env: "},
	{"{\"image\":\"x\",\"env\":{\"A=B\":\"1\"}}", NULL, "env: a name with ="},
	{"{\"image\":\"x\",\"env\":\"A=1\"}", NULL, "env: "},
	{"{\"image\":\"x\",\"labels\":{\"io.fleetgram.managed\":\"false\"}}", NULL, "labels.io.fleetgram.managed: "},
	{"{\"image\":\"x\",\"labels\":{\"io.fleetgram.${name}\":\"x\",\"io.fleetgram.web1\":\"y\"}}", NULL, "labels: the same key twice"},
	{"{\"image\":\"x\",\"ports\":[\"http\"]}", NULL, "ports: "},
	{"{\"image\":\"x\",\"ports\":[\"0:80\"]}", NULL, "ports: the outer port"},
	{"{\"image\":\"x\",\"ports\":[\"80:65536\"]}", NULL, "ports: the inner port"},
	{"{\"image\":\"x\",\"ports\":[\"80:80/icmp\"]}", NULL, "ports: a port's protocol"},
	{"{\"image\":\"x\",\"ports\":[\"1.2.3:80:80\"]}", NULL, "ports: an address"},
	{"{\"image\":\"x\",\"ports\":[\":80\"]}", NULL, "ports: there is no port"},
	{"{\"image\":\"x\",\"volumes\":[\"./a:/b\"]}", NULL, "volumes: its source"},
	{"{\"image\":\"x\",\"volumes\":[\"a:b\"]}", NULL, "volumes: "},
	{"{\"image\":\"x\",\"volumes\":[\"/a/../etc:/b\"]}", NULL, "volumes: its source"},
	{"{\"image\":\"x\",\"volumes\":[\"/a:/b:rx\"]}", NULL, "volumes: there is no such mount option"},
	{"{\"image\":\"x\",\"volumes\":[\"/a:/b\",\"/c:/b/\"]}", NULL, "volumes: two of them"},
	{"{\"image\":\"x\",\"volumes\":[\"/a:/b:ro:z\"]}", NULL, "volumes: it has more"},
	{"{\"image\":\"x\",\"tmpfs\":[\"tmp\"]}", NULL, "tmpfs: "},
	{"{\"image\":\"x\",\"networks\":[\"a\"],\"network_mode\":\"host\"}", NULL, "network_mode: "},
	{"{\"image\":\"x\",\"restart\":\"sometimes\"}", NULL, "restart: "},
	{"{\"image\":\"x\",\"restart\":\"on-failure:x\"}", NULL, "restart: "},
	{"{\"image\":\"x\",\"stop_timeout\":\"soon\"}", NULL, "stop_timeout: "},
	{"{\"image\":\"x\",\"init\":\"yes\"}", NULL, "init: "},
	{"{\"image\":\"x\",\"limits\":{\"cpu\":1}}", NULL, "limits.cpu: there is no such field"},
	{"{\"image\":\"x\",\"limits\":{\"cpus\":-1}}", NULL, "limits.cpus: "},
	{"{\"image\":\"x\",\"limits\":{\"cpus\":\"many\"}}", NULL, "limits.cpus: "},
	{"{\"image\":\"x\",\"limits\":{\"memory\":\"much\"}}", NULL, "limits.memory: "},
	{"{\"image\":\"x\",\"limits\":{\"memory\":-1}}", NULL, "limits.memory: "},
	{"{\"image\":\"x\",\"limits\":{\"memory\":\"64m\",\"memory_swap\":\"32m\"}}", NULL, "limits.memory_swap: "},
	{"{\"image\":\"x\",\"limits\":{\"memory_swap\":\"32m\"}}", NULL, "limits.memory_swap: it needs"},
	{"{\"image\":\"x\",\"limits\":{\"pids\":1.5}}", NULL, "limits.pids: "},
	{"{\"image\":\"x\",\"healthcheck\":{\"test\":\"t\",\"interval\":5}}", NULL, "healthcheck.interval: "},
	{"{\"image\":\"x\",\"healthcheck\":{\"retries\":0}}", NULL, "healthcheck.retries: "},
	{"{\"image\":\"x\",\"security\":{\"privileged\":\"no\"}}", NULL, "security.privileged: "},
	{"{\"image\":\"x\",\"security\":{\"cap_add\":[\"a b\"]}}", NULL, "security.cap_add: "},
	{"{\"image\":\"x\",\"security\":[]}", NULL, "security: "},
	{"{\"image\":\"x\",\"logging\":{\"driver\":[]}}", NULL, "logging: driver: "},
	{"{\"image\":\"x\",\"pull\":\"often\"}", NULL, "pull: "},
	{"{\"image\":\"x\",\"prune\":true}", NULL, "prune: "},
	{"{\"image\":\"x\",\"user\":\"${WHO}\"}", NULL, "user: there is no parameter ${WHO}"},
	{"{\"image\":\"x\",\"user\":\"${WHO\"}", NULL, "user: ${WHO is not closed"},
	{"{\"image\":\"x\",\"parameters\":[]}", NULL, "parameters: "},
	{"{\"image\":\"x\",\"parameters\":{\"A\":1}}", NULL, "parameters.A: "},
	{"{\"image\":\"x\",\"parameters\":{\"name\":{}}}", NULL, "parameters: a name"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"default\":\"1\",\"pattern\":\"(\"}}}", NULL, "parameters.A.pattern: "},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"default\":\"1\",\"pattern\":\"((a{1,255}){1,255}){1,255}\"}}}", NULL, "parameters.A.pattern: too"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"default\":\"1\",\"pattern\":\"(a)\\\\1\"}}}", NULL, "parameters.A.pattern: too"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"default\":\"1\",\"pattern\":\"(((a?){16}){16}){16}\"}}}", NULL, "parameters.A.pattern: too"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"default\":\"1\",\"pattern\":\"(a*){1,1000}\"}}}", NULL, "parameters.A.pattern: too"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"default\":\"1\",\"pattern\":\"(((((((((a+)+)+)+)+)+)+)+)+)+\"}}}", NULL, "parameters.A.pattern: too"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"default\":\"1\",\"pattern\":\"a{99999}\"}}}", NULL, "parameters.A.pattern: too"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"default\":\"1\",\"pattern\":\"((((((((((((((((((a))))))))))))))))))\"}}}", NULL, "parameters.A.pattern: too"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"default\":\"1\",\"pattern\":\"a)|(b\"}}}", NULL, "parameters.A.pattern: "},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{},\"B\":{}}}", NULL, "missing: A; missing: B"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{}}}", "{\"C\":\"1\"}", "missing: A; there is no parameter C"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"pattern\":\"[0-9]+\"}}}", "{\"A\":\"1x\"}", "A has to be like [0-9]+"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"pattern\":\"a|b\"}}}", "{\"A\":\"ab\"}", "A has to be like a|b"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{\"pattern\":\".*\"}}}", "{\"A\":\"a\\nb\"}", "A has to be like"},
	{"{\"image\":\"x\",\"parameters\":{\"A\":{}}}", "{\"A\":\"a b\"}", "A has to be like"},
	{"{\"image\":\"x\",\"volumes\":[\"/srv/${A}:/d\"],\"parameters\":{\"A\":{}}}", "{\"A\":\"../etc\"}", "volumes: its source"},
};

static void hashes(void)
{
	cleanup_json cJSON *plain = build(NULL, "{\"image\":\"nginx\"}", NULL, NULL);
	char base[FG_HASH_SIZE], hash[FG_HASH_SIZE], other[FG_HASH_SIZE];
	struct fg_err err;
	size_t i;

	fg_spec_hash(plain, base);
	ok(strlen(base) == FG_HASH_SIZE - 1 && strncmp(base, "sha256:", 7) == 0, "the hash's form: %s", base);
	is_str(base, "sha256:a92a33e1449f8a8e71b098db43db971a6570fbc33e32cd2bd7dab36552aa2517",
		"what version 1 makes of a plain template never changes");
	for (i = 0; i < FG_ARRAY_LEN(fields); i++) {
		bool own = strstr(fields[i].field, "\"image\"") == fields[i].field;
		cleanup_free char *text = fg_printf("{%s%s}", own ? "" : "\"image\":\"nginx\",", fields[i].field);
		cleanup_json cJSON *spec = build(NULL, text, NULL, &err);

		if (!ok(spec != NULL, "%s builds", fields[i].field)) {
			diag("%s", err.text);
			continue;
		}
		fg_spec_hash(spec, hash);
		ok((strcmp(hash, base) != 0) == fields[i].changes, "%s %s the hash", fields[i].field,
			fields[i].changes ? "changes" : "leaves");
	}
	for (i = 0; i < FG_ARRAY_LEN(pairs); i++) {
		cleanup_json cJSON *a = build(NULL, pairs[i].a, NULL, &err), *b = build(NULL, pairs[i].b, NULL, &err);

		if (!ok(a && b, "%s and %s build", pairs[i].a, pairs[i].b)) {
			diag("%s", err.text);
			continue;
		}
		fg_spec_hash(a, hash);
		fg_spec_hash(b, other);
		ok((strcmp(hash, other) == 0) == pairs[i].same, "they are %s", pairs[i].same ? "the same" : "different");
	}
}

static void built(void)
{
	struct fg_err err;
	size_t i;

	for (i = 0; i < FG_ARRAY_LEN(values); i++) {
		cleanup_json cJSON *spec = build(values[i].defaults, values[i].config, values[i].params, &err);
		cleanup_free char *got = NULL, *name = fg_printf("%s of %s", values[i].path, values[i].config);

		if (!ok(spec != NULL, "%s builds", values[i].config)) {
			diag("%s", err.text);
			continue;
		}
		got = fg_json_print(fg_json_path(spec, values[i].path));
		is_str(got, values[i].want, name);
	}
	for (i = 0; i < FG_ARRAY_LEN(bad); i++) {
		cleanup_json cJSON *spec = build(NULL, bad[i].config, bad[i].params, &err);

		if (!ok(!spec && err.code == FG_EINVAL && strstr(err.text, bad[i].part), "%s is refused", bad[i].config))
			diag("%s", spec ? "it was taken" : err.text);
	}
}

#define WHOLE \
	"{\"image\":\"nginx:1.25\",\"command\":\"nginx -g 'daemon off;'\",\"entrypoint\":[\"/e\"],\"env\":{\"A\":\"1\"}," \
	"\"ports\":[\"127.0.0.1:8080:80\",\"8081:80\",\"53/udp\"],\"volumes\":[\"data:/data:ro\",\"/cache\"]," \
	"\"tmpfs\":{\"/tmp\":\"size=1m\"},\"networks\":[\"front\",\"back\"],\"user\":\"1000\",\"workdir\":\"/srv\"," \
	"\"hostname\":\"h\",\"labels\":{\"a\":\"b\"},\"restart\":\"on-failure:3\",\"stop_timeout\":\"20s\"," \
	"\"limits\":{\"cpus\":0.5,\"memory\":\"64m\",\"memory_swap\":-1,\"pids\":50}," \
	"\"healthcheck\":{\"test\":\"true\",\"interval\":\"5s\"}," \
	"\"security\":{\"read_only\":true,\"cap_drop\":[\"all\"],\"cap_add\":[\"chown\"]}," \
	"\"logging\":{\"driver\":\"json-file\",\"options\":{\"max-size\":\"1m\"}},\"init\":true}"

#define WHOLE_BODY \
	"{\"Cmd\":[\"nginx\",\"-g\",\"daemon off;\"],\"Entrypoint\":[\"/e\"],\"Env\":[\"A=1\"]," \
	"\"ExposedPorts\":{\"53/udp\":{},\"80/tcp\":{}}," \
	"\"Healthcheck\":{\"Interval\":5000000000,\"Retries\":3,\"Test\":[\"CMD-SHELL\",\"true\"],\"Timeout\":30000000000}," \
	"\"HostConfig\":{\"Binds\":[\"data:/data:ro\"],\"CapAdd\":[\"CHOWN\"],\"CapDrop\":[\"ALL\"],\"Init\":true," \
	"\"LogConfig\":{\"Config\":{\"max-size\":\"1m\"},\"Type\":\"json-file\"},\"Memory\":67108864,\"MemorySwap\":-1," \
	"\"NanoCpus\":500000000,\"NetworkMode\":\"front\",\"PidsLimit\":50," \
	"\"PortBindings\":{\"53/udp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]," \
	"\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"8080\"},{\"HostIp\":\"\",\"HostPort\":\"8081\"}]}," \
	"\"Privileged\":false,\"ReadonlyRootfs\":true,\"RestartPolicy\":{\"MaximumRetryCount\":3,\"Name\":\"on-failure\"}," \
	"\"SecurityOpt\":[\"no-new-privileges\"],\"Tmpfs\":{\"/tmp\":\"size=1m\"}}," \
	"\"Hostname\":\"h\",\"Image\":\"nginx:1.25\",\"Labels\":{\"a\":\"b\"}," \
	"\"NetworkingConfig\":{\"EndpointsConfig\":{\"front\":{}}},\"StopTimeout\":20,\"User\":\"1000\"," \
	"\"Volumes\":{\"/cache\":{}},\"WorkingDir\":\"/srv\"}"

static const struct {
	const char *config;
	bool warns;
} warnings[] = {
	{"{\"image\":\"x\"}", false},
	{"{\"image\":\"x\",\"security\":{\"privileged\":true}}", true},
	{"{\"image\":\"x\",\"security\":{\"cap_add\":[\"CAP_SYS_ADMIN\"]}}", true},
	{"{\"image\":\"x\",\"security\":{\"cap_add\":[\"CHOWN\"]}}", false},
	{"{\"image\":\"x\",\"volumes\":[\"/var/run/docker.sock:/s\"]}", true},
	{"{\"image\":\"x\",\"volumes\":[\"/run:/host\"]}", true},
	{"{\"image\":\"x\",\"volumes\":[\"/:/host:ro\"]}", true},
	{"{\"image\":\"x\",\"volumes\":[\"/opt/x/docker.sock:/s\"]}", true},
	{"{\"image\":\"x\",\"volumes\":[\"/runner:/r\",\"/var/lib:/l\",\"run:/x\"]}", false},
};

static void bodies(void)
{
	cleanup_json cJSON *spec = build(NULL, WHOLE, NULL, NULL), *body = NULL, *empty = cJSON_CreateObject();
	cleanup_json cJSON *odd = json("{\"image\":\"x\",\"ports\":[7],\"volumes\":[null]}");
	cleanup_str struct fg_str text;
	struct fg_err err;
	size_t i;

	fg_str_init(&text, 65536);
	body = fg_spec_create_body(spec, &err);
	fg_json_canonical(&text, body);
	is_str(text.s, WHOLE_BODY, "the body of a whole spec");
	ok(!fg_spec_create_body(empty, &err) && !fg_spec_create_body(odd, &err), "what is no spec has no body");
	for (i = 0; i < FG_ARRAY_LEN(warnings); i++) {
		cleanup_json cJSON *s = build(NULL, warnings[i].config, NULL, &err);

		fg_str_reset(&text);
		fg_spec_warnings(s, &text);
		ok((text.len > 0) == warnings[i].warns, "%s %s", warnings[i].config, warnings[i].warns ? "warns" : "does not warn");
	}
}

/* Specs are built in tasks, whose stacks are small. */
static void run(void *arg)
{
	(void)arg;
	hashes();
	built();
	bodies();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
