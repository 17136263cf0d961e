/*
 * Services of templates: what a template makes of one, what it cannot say, and that what a swarm gives back is the same again.
 */
#include <stdlib.h>
#include "drift/drift.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "managed/managed.h"
#include "tap.h"

static cJSON *json(const char *text)
{
	struct fg_err err;
	cJSON *doc = text ? fg_json_parse(text, strlen(text), &err) : NULL;

	if (text && !doc)
		diag("bad test: %s: %s", text, err.text);
	return doc;
}

static cJSON *build(const char *defaults, const char *fields, struct fg_err *err)
{
	cleanup_free char *text = fg_printf("{\"mode\":\"service\",\"image\":\"app:1\"%s%s}", *fields ? "," : "", fields);
	cleanup_json cJSON *d = json(defaults), *c = json(text);
	struct fg_template template = {"web", c};

	return fg_spec_build(d, &template, "web1", NULL, err);
}

/* What one field makes of the service; at is where, is what is there then. */
static const struct {
	const char *fields, *at, *is;
} makes[] = {
	{"", "Mode", "{\"Replicated\":{\"Replicas\":1}}"},
	{"", "TaskTemplate.RestartPolicy", "{\"Condition\":\"any\"}"},
	{"", "TaskTemplate.Resources.Limits", "{\"Pids\":256}"},
	{"", "UpdateConfig", "{\"Parallelism\":1,\"Delay\":0,\"Monitor\":5000000000,\"MaxFailureRatio\":0,\"Order\":\"stop-first\",\"FailureAction\":\"pause\"}"},
	{"\"replicas\":3", "Mode", "{\"Replicated\":{\"Replicas\":3}}"},
	{"\"replicas\":\"0\"", "Mode", "{\"Replicated\":{\"Replicas\":0}}"},
	{"\"global\":true", "Mode", "{\"Global\":{}}"},
	{"\"command\":[\"a\",\"b\"]", "TaskTemplate.ContainerSpec.Args", "[\"a\",\"b\"]"},
	{"\"entrypoint\":[\"sh\"]", "TaskTemplate.ContainerSpec.Command", "[\"sh\"]"},
	{"\"env\":{\"A\":\"1\"}", "TaskTemplate.ContainerSpec.Env", "[\"A=1\"]"},
	{"\"labels\":{\"a\":\"b\"}", "Labels", "{\"a\":\"b\"}"},
	{"\"labels\":{\"a\":\"b\"}", "TaskTemplate.ContainerSpec.Labels", "{\"a\":\"b\"}"},
	{"\"user\":\"nobody\"", "TaskTemplate.ContainerSpec.User", "\"nobody\""},
	{"\"workdir\":\"/srv\"", "TaskTemplate.ContainerSpec.Dir", "\"/srv\""},
	{"\"hostname\":\"h\"", "TaskTemplate.ContainerSpec.Hostname", "\"h\""},
	{"\"init\":true", "TaskTemplate.ContainerSpec.Init", "true"},
	{"\"stop_timeout\":\"3s\"", "TaskTemplate.ContainerSpec.StopGracePeriod", "3000000000"},
	{"\"limits\":{\"cpus\":0.5,\"memory\":\"64m\",\"pids\":-1}", "TaskTemplate.Resources.Limits", "{\"NanoCPUs\":500000000,\"MemoryBytes\":67108864}"},
	{"\"security\":{\"cap_drop\":[\"all\"],\"cap_add\":[\"net_raw\"]}", "TaskTemplate.ContainerSpec.CapabilityAdd", "[\"CAP_NET_RAW\"]"},
	{"\"security\":{\"cap_drop\":[\"all\"]}", "TaskTemplate.ContainerSpec.CapabilityDrop", "[\"ALL\"]"},
	{"\"security\":{\"read_only\":true}", "TaskTemplate.ContainerSpec.ReadOnly", "true"},
	{"", "TaskTemplate.ContainerSpec.Privileges", "{\"NoNewPrivileges\":true}"},
	{"\"healthcheck\":{\"test\":\"true\",\"interval\":\"5s\"}", "TaskTemplate.ContainerSpec.Healthcheck", "{\"Test\":[\"CMD-SHELL\",\"true\"],\"Interval\":5000000000,\"Timeout\":30000000000,\"Retries\":3}"},
	{"\"restart\":\"on-failure:2\"", "TaskTemplate.RestartPolicy", "{\"Condition\":\"on-failure\",\"MaxAttempts\":2}"},
	{"\"restart\":\"no\"", "TaskTemplate.RestartPolicy", "{\"Condition\":\"none\"}"},
	{"\"restart\":\"unless-stopped\"", "TaskTemplate.RestartPolicy", "{\"Condition\":\"any\"}"},
	{"\"networks\":[\"front\",\"back\"]", "TaskTemplate.Networks", "[{\"Target\":\"front\"},{\"Target\":\"back\"}]"},
	{"\"ports\":[\"8080:80\",\"81/udp\"]", "EndpointSpec.Ports", "[{\"Protocol\":\"tcp\",\"TargetPort\":80,\"PublishedPort\":8080,\"PublishMode\":\"ingress\"},{\"Protocol\":\"udp\",\"TargetPort\":81,\"PublishMode\":\"ingress\"}]"},
	{"\"volumes\":[\"/a:/b:ro,rslave\",\"data:/data:nocopy\",\"/anon\"]", "TaskTemplate.ContainerSpec.Mounts",
		"[{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"ReadOnly\":true,\"BindOptions\":{\"Propagation\":\"rslave\"}},{\"Type\":\"volume\",\"Target\":\"/anon\"},"
		"{\"Type\":\"volume\",\"Source\":\"data\",\"Target\":\"/data\",\"VolumeOptions\":{\"NoCopy\":true}}]"},
	{"\"tmpfs\":[\"/t:size=1m,mode=1777\"]", "TaskTemplate.ContainerSpec.Mounts", "[{\"Type\":\"tmpfs\",\"Target\":\"/t\",\"TmpfsOptions\":{\"SizeBytes\":1048576,\"Mode\":1023}}]"},
	{"\"logging\":{\"driver\":\"local\",\"options\":{\"max-size\":\"1m\"}}", "TaskTemplate.LogDriver", "{\"Name\":\"local\",\"Options\":{\"max-size\":\"1m\"}}"},
	{"\"placement\":{\"constraints\":[\"node.role == worker\",\"a!=b\"],\"preferences\":[\"node.labels.zone\"],\"max_per_node\":2}", "TaskTemplate.Placement",
		"{\"Constraints\":[\"a!=b\",\"node.role==worker\"],\"MaxReplicas\":2,\"Preferences\":[{\"Spread\":{\"SpreadDescriptor\":\"node.labels.zone\"}}]}"},
	{"\"update\":{\"parallelism\":0,\"delay\":\"2s\",\"order\":\"start-first\",\"failure_action\":\"rollback\",\"monitor\":\"7s\",\"max_failure_ratio\":0.25}", "UpdateConfig",
		"{\"Parallelism\":0,\"Delay\":2000000000,\"Monitor\":7000000000,\"MaxFailureRatio\":0.25,\"Order\":\"start-first\",\"FailureAction\":\"rollback\"}"},
	{"\"update\":{\"monitor\":\"0\"}", "UpdateConfig.Monitor", "5000000000"},
	{"\"update\":{\"failure_action\":\"rollback\"}", "RollbackConfig.FailureAction", "\"pause\""},
};

/* As the engine keeps it: through text. */
static cJSON *sent(const cJSON *body)
{
	cleanup_free char *text = fg_json_print(body);

	return json(text);
}

static void test_makes(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(makes); i++) {
		struct fg_err err = {0};
		cleanup_json cJSON *spec = build(NULL, makes[i].fields, &err), *body = NULL, *want = json(makes[i].is), *doc = NULL, *live = NULL;
		cleanup_drift struct fg_drift drift = {0};
		cleanup_free char *is = NULL;
		const cJSON *there;

		body = spec ? fg_spec_service_body(spec, "web1", &err) : NULL;
		if (!ok(body != NULL, "%s makes a service", makes[i].fields)) {
			diag("%s", err.text);
			continue;
		}
		doc = sent(body);
		there = fg_json_path(doc, makes[i].at);
		is = there ? fg_json_print(there) : NULL;
		if (!ok(there && cJSON_Compare(there, want, true), "%s is %s", makes[i].at, makes[i].is))
			diag("%s", is ? is : "nothing");
		live = managed_live(&(struct live_service){.want = spec, .spec = doc});
		drift_compare(&drift, spec, live);
		ok(drift.n == 0, "… and what the swarm gives back is no drift");
		for (size_t k = 0; k < drift.n; k++)
			diag("%s: %s → %s", drift.v[k].field, drift.v[k].want ? drift.v[k].want : "none", drift.v[k].have ? drift.v[k].have : "none");
	}
}

/* Every field of one service is seen in another. */
static void test_seen(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(makes); i++) {
		struct fg_err err = {0};
		cleanup_json cJSON *spec = build(NULL, makes[i].fields, &err), *plain = build(NULL, "", &err), *body = NULL, *live = NULL;
		cleanup_drift struct fg_drift drift = {0};
		char a[FG_HASH_SIZE], b[FG_HASH_SIZE];

		if (!spec || !plain || cJSON_Compare(spec, plain, true))
			continue;
		fg_spec_hash(spec, a);
		fg_spec_hash(plain, b);
		ok(strcmp(a, b) != 0, "%s changes the hash", makes[i].fields);
		body = fg_spec_service_body(plain, "web1", &err);
		live = managed_live(&(struct live_service){.want = spec, .spec = body});
		drift_compare(&drift, spec, live);
		ok(drift.n > 0, "… and a service without it has drifted");
	}
}

static const struct {
	const char *fields, *why;
} wrong[] = {
	{"\"security\":{\"privileged\":true}", "template web: security.privileged: the tasks of a service cannot be privileged"},
	{"\"network_mode\":\"host\"", "template web: network_mode: a service names its networks under networks; host is one of them"},
	{"\"prune\":{\"idle\":\"1h\"}", "template web: prune: a service is never pruned"},
	{"\"pull\":\"always\"", "template web: pull: each node gets a service's image by itself"},
	{"\"limits\":{\"memory\":\"1g\",\"memory_swap\":\"2g\"}", "template web: limits.memory_swap: a service has no limit of swap"},
	{"\"replicas\":-1", "template web: replicas: it is out of range"},
	{"\"replicas\":\"many\"", "template web: replicas: it is no whole number"},
	{"\"global\":true,\"replicas\":2", "template web: replicas: a global service has one task on each node"},
	{"\"global\":1", "template web: global: it is neither true nor false"},
	{"\"update\":{\"order\":\"first\"}", "template web: update.order: it is one of stop-first|start-first"},
	{"\"update\":{\"failure_action\":1}", "template web: update.failure_action: it is one of pause|continue|rollback"},
	{"\"update\":{\"max_failure_ratio\":2}", "template web: update.max_failure_ratio: it is a share, from 0 to 1"},
	{"\"update\":{\"speed\":1}", "template web: update.speed: there is no such field"},
	{"\"update\":[]", "template web: update: it is no object"},
	{"\"placement\":{\"constraints\":[\"node.role\"]}", "template web: placement.constraints: one is written KEY==VALUE or KEY!=VALUE, such as node.role==worker"},
	{"\"placement\":{\"preferences\":[\"zone\"]}", "template web: placement.preferences: one is a label of nodes to spread over, such as node.labels.zone"},
	{"\"placement\":{\"max_per_node\":1},\"global\":true", "template web: placement.max_per_node: a global service has one task on each node anyway"},
	{"\"ports\":[\"127.0.0.1:80:80\"]", "ports: a service's port is published on every node and has no address"},
	{"\"volumes\":[\"/a:/b:z\"]", "volumes: a service cannot have its mounts labelled (z, Z)"},
	{"\"volumes\":[\"/a:/b:nocopy\"]", "volumes: that option does not go with this kind of mount"},
	{"\"tmpfs\":[\"/t:uid=1\"]", "tmpfs /t: of a service it has a size and a mode and no other options"},
};

static void test_wrong(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(wrong); i++) {
		struct fg_err err = {0};
		cleanup_json cJSON *spec = build(NULL, wrong[i].fields, &err), *body = spec ? fg_spec_service_body(spec, "web1", &err) : NULL;

		ok(!body, "%s is refused", wrong[i].fields);
		is_str(err.text, wrong[i].why, "… and why");
	}
}

/* What only the defaults say holds as far as it can; a container knows nothing of services. */
static void test_defaults(void)
{
	static const char all[] = "{\"network_mode\":\"none\",\"prune\":{},\"pull\":\"always\",\"limits\":{\"memory\":\"1g\",\"memory_swap\":\"2g\"},\"security\":{\"privileged\":true},"
				  "\"replicas\":2,\"update\":{\"delay\":\"1s\"}}";
	struct fg_err err = {0};
	cleanup_json cJSON *service = build(all, "", &err), *c = json("{\"image\":\"app:1\"}"), *d = json(all), *container = NULL, *bare = NULL,
			   *own = json("{\"image\":\"app:1\",\"update\":{\"delay\":\"1s\"}}");
	struct fg_template template = {"web", c}, bad = {"web", own};
	char a[FG_HASH_SIZE], b[FG_HASH_SIZE];

	ok(service != NULL, "defaults of containers are no harm to a service: %s", err.text);
	is_int(fg_json_i64(fg_json_object(service, "limits"), "memory", 0), 1LL << 30, "… and what it can have of them it has");
	is_int(fg_json_i64(service, "replicas", 0), 2, "… of its own, too");
	cJSON_DeleteItemFromObjectCaseSensitive(d, "security");
	container = fg_spec_build(d, &template, "web1", NULL, &err);
	cJSON_DeleteItemFromObjectCaseSensitive(d, "replicas");
	cJSON_DeleteItemFromObjectCaseSensitive(d, "update");
	bare = fg_spec_build(d, &template, "web1", NULL, &err);
	fg_spec_hash(container, a);
	fg_spec_hash(bare, b);
	is_str(a, b, "a container's spec has nothing of a service's defaults");
	ok(!fg_spec_build(NULL, &bad, "web1", NULL, &err), "its own are an error");
	is_str(err.text, "template web: update: only a template with \"mode\": \"service\" has it", "… that says why");
}

/* A swarm has ids of networks; a template has either. */
static void test_networks(void)
{
	struct fg_err err = {0};
	cleanup_json cJSON *spec = build(NULL, "\"networks\":[\"front\",\"id2\",\"back\"]", &err), *names = json("{\"id1\":\"front\",\"id2\":\"middle\",\"id3\":\"side\"}");
	cleanup_json cJSON *is = json("{\"TaskTemplate\":{\"Networks\":[{\"Target\":\"id1\"},{\"Target\":\"id2\"},{\"Target\":\"id3\"}]}}");
	cleanup_json cJSON *live = managed_live(&(struct live_service){.want = spec, .spec = is, .networks = names});
	cleanup_free char *text = fg_json_print(fg_json_get(live, "networks"));

	is_str(text, "[\"front\",\"id2\",\"side\"]", "networks are known by name, and by id where the template says that");
}

static cJSON *document_of(const char *name, const char *id, const char *template)
{
	return managed_document(&(struct managed_seed){
		.name = name, .swarm = "s1", .service_id = id, .template = template, .image = "app:1", .image_digest = "", .state = "running"});
}

/* What a command has recorded meanwhile is not overwritten with what its labels say. */
static void test_adopt(void)
{
	static const struct {
		const char *name, *id;
		int known;
	} adopted[] = {{"web", "i1", 1}, {"web", "i2", 1}, {"other", "i1", 1}, {"other", "i2", 0}};
	char folder[] = "/tmp/fg-managed-XXXXXX";
	struct fg_err err = {0};
	cleanup_free char *path = mkdtemp(folder) ? fg_printf("%s/test.db", folder) : NULL, *remove = fg_printf("rm -r %s", folder);
	struct fg_store *store = fg_store_open(path, &err);
	struct fg_registry *registry = fg_registry_create(store, &err);
	cleanup_json cJSON *made = document_of("web", "i1", "made");
	cleanup_instances struct fg_instances all = {0};

	ok(managed_put(registry, made, &err) == 0, "one is recorded");
	for (size_t i = 0; i < FG_ARRAY_LEN(adopted); i++) {
		cleanup_json cJSON *doc = document_of(adopted[i].name, adopted[i].id, "adopted");

		ok(managed_adopt(registry, doc, &err) == !adopted[i].known, "%s, %s is %s", adopted[i].name, adopted[i].id, adopted[i].known ? "known" : "adopted");
	}
	ok(fg_managed_list(registry, &all, &err) == 0, "they are listed");
	is_int((int64_t)all.n, 2, "both of them");
	is_str(all.v[1].template, "made", "what was recorded is as it was");
	fg_registry_destroy(registry);
	fg_store_close(store);
	ok(system(remove) == 0, "the folder goes");
}

static void run(void *arg)
{
	(void)arg;
	test_networks();
	test_adopt();
	test_makes();
	test_seen();
	test_wrong();
	test_defaults();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
