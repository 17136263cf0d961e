/* Swarm documents: what is decoded of good ones, and that bad ones do no harm. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/swarm.h"
#include "tap.h"

static cJSON *parse(const char *text)
{
	struct fg_err err;
	cJSON *doc = fg_json_parse(text, strlen(text), &err);

	if (!doc)
		diag("%s: %s", text, err.text);
	return doc;
}

static const char web[] =
	"{\"ID\":\"w3b\",\"Version\":{\"Index\":18446744073709551615},"
	"\"CreatedAt\":\"2026-01-02T03:04:05.6Z\",\"UpdatedAt\":\"2026-01-02T03:05:05Z\","
	"\"Spec\":{\"Name\":\"we\\u001b[31mb\\n\",\"Labels\":{\"tier\":\"front\"},"
	"\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"nginx:1.27@sha256:abc\"},\"ForceUpdate\":3},"
	"\"Mode\":{\"Replicated\":{\"Replicas\":3}}},"
	"\"PreviousSpec\":{\"Name\":\"web\"},"
	"\"Endpoint\":{\"Ports\":[{\"Protocol\":\"udp\",\"TargetPort\":80,\"PublishedPort\":8080,"
	"\"PublishMode\":\"host\"}]},"
	"\"UpdateStatus\":{\"State\":\"paused\",\"Message\":\"update paused\\u202e due\"}}";

static void test_service(void)
{
	cleanup_service struct fg_service s = {0};

	ok(fg_service_decode(parse(web), &s) == 0, "a service");
	is_str(s.id, "w3b", "its id");
	ok(s.version == UINT64_MAX, "its version keeps all 64 bits");
	is_str(s.name, "web ", "its name is cleaned");
	is_str(s.image, "nginx:1.27", "its image is without the digest");
	is_str(s.digest, "sha256:abc", "which is kept");
	ok(s.mode == FG_SERVICE_REPLICATED && s.wanted == 3, "how many are wanted");
	is_str(fg_service_label(&s, "tier"), "front", "a label");
	ok(fg_service_label(&s, "none") == NULL, "no label");
	ok(s.port_count == 1 && s.ports[0].outside == 8080 && s.ports[0].inside == 80 &&
			s.ports[0].host,
		"a port");
	is_str(s.ports[0].proto, "udp", "its protocol");
	is_str(s.update_state, "paused", "what its update is at");
	ok(strstr(s.update_message, "\xe2\x80\xae") == NULL, "why, without what turns text around");
	ok(s.previous, "there is something to go back to");
	ok(s.created_ms == 1767323045600, "when it was made");
}

static void test_modes(void)
{
	static const struct {
		const char *mode;
		enum fg_service_mode is;
		int64_t wanted;
	} rows[] = {
		{"{\"Global\":{}}", FG_SERVICE_GLOBAL, -1},
		{"{\"GlobalJob\":{}}", FG_SERVICE_GLOBAL_JOB, -1},
		{"{\"ReplicatedJob\":{\"TotalCompletions\":5}}", FG_SERVICE_JOB, 5},
		{"{\"Replicated\":{}}", FG_SERVICE_REPLICATED, 1},
		{"{\"Replicated\":{\"Replicas\":-4}}", FG_SERVICE_REPLICATED, 0},
		{"{\"Replicated\":{\"Replicas\":1e300}}", FG_SERVICE_REPLICATED, 1},
		{"{\"Replicated\":{\"Replicas\":9223372036854775807}}", FG_SERVICE_REPLICATED,
			1000000},
		{"7", FG_SERVICE_REPLICATED, 1},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_service struct fg_service s = {0};
		cleanup_free char *text =
			fg_printf("{\"ID\":\"a\",\"Spec\":{\"Mode\":%s}}", rows[i].mode);

		fg_service_decode(parse(text), &s);
		ok(s.mode == rows[i].is && s.wanted == rows[i].wanted, "%s", rows[i].mode);
	}
}

/* Whatever they hold, they are decoded or refused, and finished. */
static void test_hostile(void)
{
	static const char *const docs[] = {
		"{}",
		"{\"ID\":7,\"Spec\":[],\"Version\":\"x\"}",
		"{\"ID\":\"a\",\"Spec\":{\"Name\":[],\"Labels\":7,\"TaskTemplate\":{\"ContainerSpec\":null}},"
		"\"Endpoint\":{\"Ports\":{\"a\":1}},\"UpdateStatus\":[]}",
		"{\"ID\":\"a\",\"Endpoint\":{\"Ports\":[7,null,{\"TargetPort\":99999999999},{\"PublishedPort\":-1}]}}",
		"{\"ID\":\"a\",\"Status\":{\"State\":{},\"ContainerStatus\":7,\"Err\":[1]},\"Slot\":1e99,\"Spec\":7}",
		"{\"ID\":\"a\",\"Description\":[],\"ManagerStatus\":\"x\",\"Spec\":{\"Role\":{}},\"Status\":7}",
		"{\"ID\":\"012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"}",
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(docs); i++) {
		struct fg_service s;
		struct fg_service_task t;
		struct fg_service_tasks tasks = {fg_alloc(sizeof(t)), 1};
		struct fg_node n;
		cleanup_json cJSON *row = parse(docs[i]);
		bool id = strstr(docs[i], "\"ID\":\"") != NULL;

		ok(fg_service_decode(parse(docs[i]), &s) == (id ? 0 : -1), "as a service: %.40s",
			docs[i]);
		ok(s.name && s.image && s.digest && s.update_message && strlen(s.id) < FG_SWARM_ID,
			"… with every text there");
		fg_service_state(&s);
		is_int(fg_service_task_decode(row, &tasks.v[0]), id ? 0 : -1, "… as a task");
		ok(tasks.v[0].error && tasks.v[0].message && tasks.v[0].image,
			"… with every text there");
		fg_service_count(&s, &tasks);
		fg_service_fresh(&s, &tasks);
		is_int(fg_node_decode(parse(docs[i]), &n), id ? 0 : -1, "… as a node");
		ok(n.hostname && n.address && n.engine_version && n.platform && n.message,
			"… with every text there");
		fg_service_finish(&s);
		fg_service_tasks_finish(&tasks);
		fg_node_finish(&n);
	}
}

static void add(struct fg_service_tasks *list, const char *service, const char *desired,
	const char *state, const char *image, int64_t force)
{
	cleanup_free char *text = fg_printf(
		"{\"ID\":\"t\",\"ServiceID\":\"%s\",\"DesiredState\":\"%s\",\"Status\":{\"State\":\"%s\"},"
		"\"Spec\":{\"ContainerSpec\":{\"Image\":\"%s\"},\"ForceUpdate\":%d}}",
		service, desired, state, image, (int)force);
	cleanup_json cJSON *row = parse(text);

	list->v = fg_realloc(list->v, list->n + 1, sizeof(*list->v));
	fg_service_task_decode(row, &list->v[list->n++]);
}

static void test_count(void)
{
	cleanup_service struct fg_service s = {0}, global = {0}, job = {0};
	cleanup_service_tasks struct fg_service_tasks tasks = {0};

	fg_service_decode(parse(web), &s);
	fg_service_decode(parse("{\"ID\":\"g\",\"Spec\":{\"Mode\":{\"Global\":{}}}}"), &global);
	fg_service_decode(
		parse("{\"ID\":\"j\",\"Spec\":{\"Mode\":{\"ReplicatedJob\":{\"TotalCompletions\":2}}}}"),
		&job);
	is_str(fg_service_state(&s), "down", "none was counted yet");
	add(&tasks, "w3b", "running", "running", "nginx:1.27@sha256:abc", 3);
	add(&tasks, "w3b", "running", "running", "nginx:1.27", 2);
	add(&tasks, "w3b", "shutdown", "running", "nginx:1.27@sha256:abc",
		3); /* on a node that is lost */
	add(&tasks, "w3b", "running", "preparing", "nginx:1.27@sha256:abc", 3);
	add(&tasks, "w3b", "shutdown", "failed", "nginx:1.26", 3);
	add(&tasks, "g", "running", "running", "a", 0);
	add(&tasks, "g", "running", "starting", "a", 0);
	add(&tasks, "j", "complete", "complete", "a", 0);
	add(&tasks, "j", "complete", "running", "a", 0);
	fg_service_count(&s, &tasks);
	ok(s.running == 2 && s.wanted == 3, "two run: not what only its lost node says");
	is_str(fg_service_state(&s), "partial", "… which is not all");
	is_int(fg_service_fresh(&s, &tasks), 1, "… and one of them is made from the spec of now");
	fg_service_count(&global, &tasks);
	ok(global.wanted == 2 && global.running == 1, "a global one wants what its nodes have");
	fg_service_count(&job, &tasks);
	ok(job.completed == 1 && job.running == 1 && job.wanted == 2, "a job");
	is_str(fg_service_state(&job), "active", "… which is not complete");
	ok(fg_service_task_open(&tasks.v[3]) && !fg_service_task_open(&tasks.v[2]),
		"what is to run yet");
}

/* A tag that means another image now: the tasks of the old one are not those of the spec. */
static void test_fresh(void)
{
	cleanup_service struct fg_service s = {0};
	cleanup_service_tasks struct fg_service_tasks tasks = {0};

	fg_service_decode(parse(web), &s);
	add(&tasks, "w3b", "running", "running", "nginx:1.27@sha256:0ld", 3);
	add(&tasks, "w3b", "running", "running", "nginx:1.27", 3);
	is_str(tasks.v[0].image, "nginx:1.27", "a task's image is without the digest");
	is_int(fg_service_fresh(&s, &tasks), 0, "none is new that has another digest, or none");
	add(&tasks, "w3b", "running", "running", "nginx:1.27@sha256:abc", 3);
	is_int(fg_service_fresh(&s, &tasks), 1, "one is that has the same");
}

static void add_run(struct fg_service_tasks *list, const char *state, int iteration)
{
	cleanup_free char *text = fg_printf(
		"{\"ID\":\"t\",\"ServiceID\":\"j\",\"DesiredState\":\"complete\",\"Status\":{\"State\":\"%s\"},"
		"\"JobIteration\":{\"Index\":%d}}",
		state, iteration);
	cleanup_json cJSON *row = parse(text);

	list->v = fg_realloc(list->v, list->n + 1, sizeof(*list->v));
	fg_service_task_decode(row, &list->v[list->n++]);
}

/* What a job did before it was begun again does not count. */
static void test_job_again(void)
{
	cleanup_service struct fg_service job = {0};
	cleanup_service_tasks struct fg_service_tasks tasks = {0};

	fg_service_decode(
		parse("{\"ID\":\"j\",\"Spec\":{\"Mode\":{\"ReplicatedJob\":{\"TotalCompletions\":2}}},"
		      "\"JobStatus\":{\"JobIteration\":{\"Index\":7}}}"),
		&job);
	add_run(&tasks, "complete", 5);
	add_run(&tasks, "complete", 5);
	fg_service_count(&job, &tasks);
	is_int(job.completed, 0, "a job that was begun again has ended nothing yet");
	is_str(fg_service_state(&job), "active", "… and is not complete");
	add_run(&tasks, "complete", 7);
	add_run(&tasks, "running", 7);
	fg_service_count(&job, &tasks);
	ok(job.completed == 1 && job.running == 1, "… until it does");
}

static void test_refusals(void)
{
	static const struct {
		enum fg_err_code code;
		int status;
		const char *text;
		enum fg_swarm_refusal is;
	} rows[] = {
		{FG_EREMOTE, 503, "This node is not a swarm manager. Use \"docker swarm init\"",
			FG_SWARM_NO_MANAGER},
		{FG_EREMOTE, 404, "this engine cannot do that", FG_SWARM_NO_MANAGER},
		{FG_EREMOTE, 500,
			"rpc error: code = Unknown desc = The swarm does not have a leader. It's possible",
			FG_SWARM_NO_LEADER},
		{FG_EREMOTE, 500,
			"rpc error: code = DeadlineExceeded desc = context deadline exceeded",
			FG_SWARM_UNDECIDED},
		{FG_EREMOTE, 500,
			"rpc error: code = Unknown desc = raft: failed to process the request: node lost "
			"leader status",
			FG_SWARM_UNDECIDED},
		{FG_ENOTFOUND, 404, "service web not found", FG_SWARM_FINE},
		{FG_EREMOTE, 500, "rpc error: code = Unknown desc = update out of sequence",
			FG_SWARM_FINE},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		struct fg_err err;

		fg_fail(&err, rows[i].code, "%s", rows[i].text);
		err.status = rows[i].status;
		ok(fg_swarm_refusal(&err) == rows[i].is, "%.50s", rows[i].text);
	}
}

static void test_log_origin(void)
{
	static const char text[] = "com.docker.swarm.node.id=n1,com.docker.swarm.service.id=s1,"
				   "com.docker.swarm.task.id=t1 hello com.docker.swarm.node.id=x";
	struct fg_log_line line = {.text = text, .len = sizeof(text) - 1};
	struct fg_log_line plain = {.text = "hello world", .len = 11},
			   empty = {.text = "", .len = 0};
	char node[FG_SWARM_ID], task[FG_SWARM_ID];

	fg_service_log_origin(&line, node, task);
	is_str(node, "n1", "the node of a line");
	is_str(task, "t1", "its task");
	is_str(line.text, "hello com.docker.swarm.node.id=x", "and the line itself");
	is_int((int)line.len, (int)strlen(line.text), "as long as it is");
	fg_service_log_origin(&plain, node, task);
	ok(!*node && !*task && plain.len == 11, "one that does not say");
	fg_service_log_origin(&empty, node, task);
	ok(!*node && empty.len == 0, "an empty one");
}

static void test_node(void)
{
	cleanup_node struct fg_node n = {0};

	fg_node_decode(
		parse("{\"ID\":\"n1\",\"Version\":{\"Index\":5},\"Spec\":{\"Role\":\"manager\","
		      "\"Availability\":\"drain\"},\"Description\":{\"Hostname\":\"al\\npha\","
		      "\"Platform\":{\"Architecture\":\"x86_64\",\"OS\":\"linux\"},"
		      "\"Engine\":{\"EngineVersion\":\"20.10.24\"}},"
		      "\"Status\":{\"State\":\"down\",\"Message\":\"heartbeat failure\",\"Addr\":\"10.0.0.1\"},"
		      "\"ManagerStatus\":{\"Leader\":true,\"Reachability\":\"reachable\"}}"),
		&n);
	is_str(n.hostname, "al pha", "a node's name, on one line");
	is_str(n.platform, "linux/x86_64", "its platform");
	is_str(n.availability, "drain", "its availability");
	is_str(n.state, "down", "its state");
	is_str(n.message, "heartbeat failure", "and why");
	ok(n.leader && n.version == 5, "the leader");
}

int main(void)
{
	test_service();
	test_modes();
	test_hostile();
	test_count();
	test_fresh();
	test_job_again();
	test_refusals();
	test_log_origin();
	test_node();
	return done_testing();
}
