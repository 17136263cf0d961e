/*
 * Instances on a real engine, when FG_ENGINE_URL names one that has the image busybox:latest and that nobody else uses. Beside
 * it the fleet has two hosts that are of no use: one is not there, one takes connections and never answers.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/instance.h"
#include "fleetgram/fleet/operation.h"
#include "fleetgram/fleet/selector.h"
#include "fleetgram/fleet/spec.h"
#include "fleetgram/fleet/usage.h"
#include "tap.h"

#define SLEEP "\"command\":\"sh -c 'trap exit TERM; while :; do sleep 0.1; done'\",\"network_mode\":\"none\""

static const char *url;
static char folder[] = "/tmp/fg-fleet-XXXXXX";
static struct fg_store *store;
static struct fg_registry *registry;
static struct fg_fleet *fleet;
static struct fg_host *host;
static int changes;

static void on_change(struct fg_host *changed, void *arg)
{
	(void)changed;
	(*(int *)arg)++;
}

static cJSON *json(const char *text)
{
	struct fg_err err;
	cJSON *doc = fg_json_parse(text, strlen(text), &err);

	if (!doc)
		diag("bad test: %s: %s", text, err.text);
	return doc;
}

static bool done(int rc, int want, const struct fg_err *err, const char *what)
{
	return ok(rc == want, "%s%s%s", what, rc < 0 ? ": " : "", rc < 0 ? err->text : "");
}

/* A call that the library has no function for. */
static void call(const char *method, const char *path, const char *body)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	cleanup_response struct fg_http_response rs = {0};
	cleanup_free char *full = fg_printf("http://localhost%s", path);
	struct fg_err err;

	fg_http_perform(&(struct fg_http_request){.method = method, .url = full, .unix_socket = url + strlen("unix://"),
				.headers = headers, .body = body, .body_len = body ? strlen(body) : 0, .timeout_ms = 20000},
		&rs, &err);
}

static int create(const char *name, const char *config, const char *params, struct fg_instance *out, struct fg_err *err)
{
	cleanup_json cJSON *c = json(config), *p = params ? json(params) : NULL;
	struct fg_template template = {"demo", c};
	cleanup_str struct fg_str warnings;
	int rc;

	fg_str_init(&warnings, 4096);
	rc = fg_instance_create(fleet, registry, &(struct fg_create){.name = name, .template = &template, .params = p,
		.host = "real", .created_by = "ops (1)"}, out, &warnings, err);
	if (warnings.len)
		diag("warnings: %s", warnings.s);
	return rc;
}

static bool exists(const char *name)
{
	cleanup_info struct fg_container_info info = {0};
	struct fg_err err;

	return fg_container_inspect(host->engine, name, &info, &err) >= 0;
}

static void state_is(const char *id, const char *want, const char *what)
{
	cleanup_info struct fg_container_info info = {0};
	cleanup_instance struct fg_instance row = {0};
	struct fg_err err;

	fg_container_inspect(host->engine, id, &info, &err);
	is_str(info.state, want, what);
	if (fg_registry_find(registry, "real", id, &row, &err) > 0)
		is_str(row.state, want, "the registry knows");
}

/* What is left of an earlier run. */
static void sweep(void)
{
	cleanup_containers struct fg_containers list = {0};

	if (fg_container_list(host->engine, NULL, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < list.n; i++)
		if (fg_container_label(&list.v[i], FG_LABEL_MANAGED) || strncmp(list.v[i].name, "fgf-", 4) == 0)
			fg_container_remove(host->engine, list.v[i].id, true, true, NULL);
}

static void test_hosts(void)
{
	cleanup_items struct fg_items items = {0}, again = {0};
	const struct fg_host *hangs = fg_fleet_find(fleet, "hangs");
	struct fg_err err;
	int64_t begun = fg_now_ms();

	done(fg_fleet_list(fleet, NULL, NULL, &items, &err), 0, &err, "list with two dead hosts");
	is_int(items.silent_n, 2, "both are silent");
	ok(fg_fleet_find(fleet, "gone")->known && !fg_fleet_find(fleet, "gone")->up && fg_fleet_find(fleet, "gone")->why.code == FG_EUNREACHABLE,
		"one cannot be reached");
	ok(hangs->slow, "one does not answer in time");
	while (!hangs->known && fg_now_ms() - begun < 20000)
		fg_task_sleep(20, NULL);
	ok(hangs->known && !hangs->up && hangs->why.code == FG_ETIMEOUT, "which a probe confirms");
	ok(host->up, "the third is up");
	is_int(changes, 3, "each was told as a change");
	diag("the first list took %lld ms", (long long)(fg_now_ms() - begun));
	begun = fg_now_ms();
	done(fg_fleet_list(fleet, NULL, NULL, &again, &err), 0, &err, "list again");
	ok(again.silent_n == 2 && fg_now_ms() - begun < 900, "without waiting for the one that hangs (%lld ms)",
		(long long)(fg_now_ms() - begun));
	fg_fleet_probe(fleet, 300);
	ok(host->up && *host->version.version && host->latency_ms > 0, "a probe: %s %s, %.2f ms", host->version.kind,
		host->version.version, host->latency_ms);
	is_int(changes, 3, "nothing changed");
	fg_host_note(host, &(struct fg_err){.code = FG_EREMOTE});
	ok(host->up, "an engine that says no is alive");
	ok(!fg_host_note(host, &(struct fg_err){.code = FG_ETIMEOUT}) && host->up, "a time-out is only a doubt");
	ok(fg_host_note(host, &(struct fg_err){.code = FG_ELOST, .text = "lost"}) && !host->up, "a lost connection is death");
	fg_items_finish(&again);
	done(fg_fleet_list(fleet, NULL, NULL, &again, &err), 0, &err, "list when it is thought dead");
	ok(again.silent_n == 2 && host->up, "it is found alive at once");
	fg_items_finish(&items);
	{
		cleanup_selector struct fg_selector *dead = fg_selector_parse_string("host=gone", &err);
		cleanup_selector struct fg_selector *nowhere = fg_selector_parse_string("host=x", &err);

		ok(fg_fleet_list(fleet, NULL, dead, &items, &err) < 0 && err.code == FG_EUNREACHABLE, "only the dead one: %s", err.text);
		is_int(items.n + items.silent_n, 0, "nothing comes with an error");
		done(fg_fleet_list(fleet, nowhere, NULL, &items, &err), 0, &err, "a scope without hosts");
		is_int(items.n + items.silent_n, 0, "is empty");
	}
}

#define WHOLE \
	"{\"image\":\"busybox\"," SLEEP ",\"env\":{\"WHO\":\"${WHO}\"},\"labels\":{\"app.${name}\":\"yes\"},\"hostname\":\"${name}\"," \
	"\"limits\":{\"cpus\":0.25,\"memory\":\"32m\",\"memory_swap\":\"64m\",\"pids\":40},\"restart\":\"on-failure:2\",\"tmpfs\":[\"/t:size=1m\"]," \
	"\"volumes\":[\"/anon\"],\"security\":{\"read_only\":true,\"cap_drop\":[\"ALL\"]},\"stop_timeout\":\"3s\"," \
	"\"healthcheck\":{\"test\":\"true\",\"interval\":\"1s\"},\"parameters\":{\"WHO\":{\"default\":\"me\"}}}"

static void test_create(void)
{
	cleanup_instance struct fg_instance made = {0}, row = {0}, none = {0};
	cleanup_info struct fg_container_info info = {0};
	const cJSON *labels, *config;
	struct fg_err err;
	int64_t at;

	if (!done(create("fgf-whole", WHOLE, "{\"WHO\":\"you\"}", &made, &err), 0, &err, "create"))
		return;
	done(fg_container_inspect(host->engine, made.container_id, &info, &err), 0, &err, "it is there");
	is_str(info.state, "running", "and runs");
	ok(info.nano_cpus == 250000000 && info.memory == 32 << 20 && info.memory_swap == 64 << 20 && info.pids == 40, "its limits");
	config = fg_json_object(info.raw, "Config");
	labels = fg_json_object(config, "Labels");
	is_str(fg_json_str(labels, FG_LABEL_MANAGED, ""), "true", "label managed");
	is_str(fg_json_str(labels, FG_LABEL_INSTANCE, ""), "fgf-whole", "label instance");
	is_str(fg_json_str(labels, FG_LABEL_TEMPLATE, ""), "demo", "label template");
	is_str(fg_json_str(labels, FG_LABEL_HASH, ""), made.config_hash, "label hash");
	is_str(fg_json_str(labels, FG_LABEL_CREATED_BY, ""), "ops (1)", "label created-by");
	ok(fg_rfc3339_parse(fg_json_str(labels, FG_LABEL_CREATED_AT, ""), &at) == 0, "label created-at is a time");
	is_str(fg_json_str(labels, "app.fgf-whole", ""), "yes", "its own label");
	is_str(fg_json_str(config, "Hostname", ""), "fgf-whole", "host name");
	ok(fg_json_bool(fg_json_object(info.raw, "HostConfig"), "ReadonlyRootfs", false), "read only");
	ok(strstr(cJSON_GetArrayItem(fg_json_array(fg_json_object(info.raw, "HostConfig"), "SecurityOpt"), 0)->valuestring,
		   "no-new-privileges"), "no new privileges");
	is_int(fg_registry_find(registry, "real", made.container_id, &row, &err), 1, "it is recorded");
	is_str(fg_json_str(fg_json_object(row.doc, "params"), "WHO", ""), "you", "with its parameters");
	is_int((int64_t)(fg_json_double(fg_json_object(row.doc, "limits"), "cpus", 0) * 100), 25, "and its limits");
	is_str(fg_json_str(cJSON_GetArrayItem(fg_json_array(row.doc, "history"), 0), "what", ""), "created", "and how it began");
	ok(create("fgf-whole", WHOLE, NULL, &none, &err) < 0 && err.code == FG_ECONFLICT && strstr(err.text, "fgf-whole"),
		"the same name again: %s", err.text);
	ok(create("x", WHOLE, NULL, &none, &err) < 0 && err.code == FG_EINVAL, "a bad name: %s", err.text);
	ok(create("fgf-p", WHOLE, "{\"NO\":\"1\"}", &none, &err) < 0 && err.code == FG_EINVAL, "a bad parameter: %s", err.text);
	ok(create("fgf-i", "{\"image\":\"fgf-none\",\"pull\":\"never\"}", NULL, &none, &err) < 0 && err.code == FG_ENOTFOUND,
		"an image that is never pulled: %s", err.text);
	ok(create("fgf-i", "{\"image\":\"127.0.0.1:1/fgf-none\"}", NULL, &none, &err) < 0, "one that cannot be pulled: %s", err.text);
}

static void test_choice(void)
{
	static const struct {
		const char *host, *config;
		enum fg_err_code code;
		const char *chosen;
	} rows[] = {
		{NULL, "{\"image\":\"busybox\"}", 0, "real"},
		{NULL, "{\"image\":\"busybox\",\"host\":\"r*\"}", 0, "real"},
		{NULL, "{\"image\":\"busybox\",\"host\":\"prod*\"}", FG_ENOTFOUND, NULL},
		{NULL, "{\"image\":\"busybox\",\"host\":\"gone\"}", FG_EUNREACHABLE, NULL},
		{"real", "{\"image\":\"busybox\",\"host\":\"gone\"}", 0, "real"},
		{"other", "{\"image\":\"busybox\"}", FG_ENOTFOUND, NULL},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_json cJSON *c = json(rows[i].config), *spec = NULL;
		struct fg_template template = {"demo", c};
		struct fg_host *chosen = NULL;
		struct fg_err err = {0};

		spec = fg_instance_plan(fleet, &(struct fg_create){.name = "fgf-plan", .template = &template, .host = rows[i].host},
			&chosen, &err);
		if (rows[i].chosen)
			ok(spec && strcmp(chosen->name, rows[i].chosen) == 0, "%s goes to %s", rows[i].config, rows[i].chosen);
		else
			ok(!spec && err.code == rows[i].code, "%s: %s", rows[i].config, err.text);
	}
}

static void test_networks(void)
{
	cleanup_instance struct fg_instance made = {0}, none = {0};
	cleanup_info struct fg_container_info info = {0};
	struct fg_err err;

	call("POST", "/networks/create", "{\"Name\":\"fgf-a\"}");
	call("POST", "/networks/create", "{\"Name\":\"fgf-b\"}");
	done(create("fgf-nets", "{\"image\":\"busybox\",\"command\":\"sleep 60\",\"init\":true,\"networks\":[\"fgf-a\",\"fgf-b\"]}",
		     NULL, &made, &err),
		0, &err, "create on two networks");
	if (made.doc) {
		fg_container_inspect(host->engine, made.container_id, &info, &err);
		ok(cJSON_GetArraySize(fg_json_object(fg_json_object(info.raw, "NetworkSettings"), "Networks")) == 2, "it is on both");
		fg_operate(registry, host, made.container_id, FG_OP_REMOVE, NULL, &err);
	}
	ok(create("fgf-half", "{\"image\":\"busybox\",\"command\":\"sleep 60\",\"networks\":[\"fgf-a\",\"fgf-none\"]}", NULL, &none, &err) < 0,
		"a second network that is not there: %s", err.text);
	ok(!exists("fgf-half"), "leaves nothing");
	call("DELETE", "/networks/fgf-a", NULL);
	call("DELETE", "/networks/fgf-b", NULL);
}

struct attempt {
	char name[32];
	int rc;
	struct fg_err err;
};

static void attempt_run(void *arg)
{
	struct attempt *a = arg;
	cleanup_instance struct fg_instance made = {0};

	a->rc = create(a->name, "{\"image\":\"busybox\"," SLEEP "}", NULL, &made, &a->err);
}

static void test_undo(void)
{
	static const int delays[] = {0, 1, 3, 10, 30, 60, 120, 250, 400};
	cleanup_instance struct fg_instance none = {0};
	struct attempt attempts[FG_ARRAY_LEN(delays)];
	struct fg_err err;
	int before = fg_registry_count(registry), left = 0, kept = 0;
	size_t i;

	ok(create("fgf-bad", "{\"image\":\"busybox\",\"command\":\"/no/such/program\",\"network_mode\":\"none\"}", NULL, &none, &err) < 0,
		"a start that fails: %s", err.text);
	ok(!exists("fgf-bad"), "leaves no container");
	is_int(fg_registry_count(registry), before, "and no row");
	for (i = 0; i < FG_ARRAY_LEN(delays); i++) {
		struct attempt *a = &attempts[i];
		struct fg_task *task;

		*a = (struct attempt){.rc = 1};
		snprintf(a->name, sizeof(a->name), "fgf-cancel%zu", i);
		task = fg_task_spawn("attempt", attempt_run, a);
		fg_task_sleep(delays[i], NULL);
		fg_task_cancel(task);
		fg_task_join(task);
		kept += a->rc == 0;
	}
	/* Of a request that was cut off nobody knows when it has had its effect: the undo looks for some seconds. */
	for (i = 0; i < 100 && fg_task_count() > 1; i++)
		fg_task_sleep(200, NULL);
	for (i = 0; i < FG_ARRAY_LEN(delays); i++) {
		if (attempts[i].rc == 0 || !exists(attempts[i].name))
			continue;
		diag("%s is still there after a cancel at %d ms: %s", attempts[i].name, delays[i], attempts[i].err.text);
		left++;
	}
	is_int(left, 0, "whenever a create is cancelled, nothing is left");
	is_int(fg_registry_count(registry), before + kept, "and the registry has what was made");
	diag("%d of %zu were quicker than the cancel", kept, i);
}

struct stop {
	const char *id;
	enum fg_operation op;
	int rc, order;
};

static int order;

static void stop_run(void *arg)
{
	struct stop *s = arg;
	struct fg_err err;

	s->rc = fg_operate(registry, host, s->id, s->op, NULL, &err);
	s->order = ++order;
}

static void test_operate(void)
{
	cleanup_instance struct fg_instance made = {0}, row = {0};
	cleanup_free char *id = NULL;
	struct stop both[3];
	struct fg_group group;
	struct fg_err err;

	if (!done(create("fgf-op", "{\"image\":\"busybox\"," SLEEP "}", NULL, &made, &err), 0, &err, "an instance to work on"))
		return;
	id = fg_strdup(made.container_id);
	done(fg_operate(registry, host, id, FG_OP_UP, NULL, &err), 0, &err, "up: it runs already");
	done(fg_operate(registry, host, id, FG_OP_PAUSE, NULL, &err), 1, &err, "pause");
	state_is(id, "paused", "it is paused");
	done(fg_operate(registry, host, id, FG_OP_PAUSE, NULL, &err), 0, &err, "pause again");
	done(fg_operate(registry, host, id, FG_OP_UP, NULL, &err), 1, &err, "up unpauses");
	state_is(id, "running", "it runs");
	done(fg_operate(registry, host, id, FG_OP_UNPAUSE, NULL, &err), 0, &err, "unpause what runs");
	done(fg_operate(registry, host, id, FG_OP_KILL, "WINCH", &err), 1, &err, "a signal");
	state_is(id, "running", "it still runs");
	ok(fg_operate(registry, host, id, FG_OP_KILL, "no signal", &err) < 0 && err.code == FG_EINVAL, "no signal: %s", err.text);
	done(fg_operate(registry, host, id, FG_OP_RESTART, NULL, &err), 1, &err, "restart");
	done(fg_operate(registry, host, id, FG_OP_STOP, NULL, &err), 1, &err, "stop");
	state_is(id, "exited", "it is stopped");
	done(fg_operate(registry, host, id, FG_OP_STOP, NULL, &err), 0, &err, "stop again");
	ok(fg_operate(registry, host, id, FG_OP_KILL, NULL, &err) < 0, "kill what is stopped: %s", err.text);
	both[0] = (struct stop){id, FG_OP_UP, -1, 0};
	both[1] = (struct stop){id, FG_OP_STOP, -1, 0};
	both[2] = (struct stop){id, FG_OP_UP, -1, 0};
	fg_group_init(&group, 3);
	for (size_t i = 0; i < 3; i++)
		fg_group_go(&group, "operation", stop_run, &both[i], NULL);
	fg_group_wait(&group, FG_NEVER, NULL);
	ok(both[0].rc == 1 && both[1].rc == 1 && both[2].rc == 1 && both[0].order == 1 && both[1].order == 2 && both[2].order == 3,
		"three at once run one after the other, as they came");
	done(fg_operate(registry, host, id, FG_OP_RENAME, "fgf-op2", &err), 1, &err, "rename");
	done(fg_operate(registry, host, id, FG_OP_RENAME, "fgf-op2", &err), 0, &err, "rename to the same");
	ok(fg_operate(registry, host, id, FG_OP_RENAME, "fgf-whole", &err) < 0 && err.code == FG_ECONFLICT, "to one that is taken: %s", err.text);
	ok(fg_operate(registry, host, id, FG_OP_RENAME, "-bad", &err) < 0 && err.code == FG_EINVAL, "to a bad one: %s", err.text);
	fg_registry_find(registry, "real", id, &row, &err);
	is_str(row.name, "fgf-op2", "the registry has the new name");
	done(fg_operate(registry, host, id, FG_OP_PAUSE, NULL, &err), 1, &err, "pause");
	done(fg_operate(registry, host, id, FG_OP_REMOVE, NULL, &err), 1, &err, "remove one that is paused");
	ok(!exists(id), "it is gone");
	fg_instance_finish(&row);
	is_int(fg_registry_find(registry, "real", id, &row, &err), 0, "from the registry too");
	done(fg_operate(registry, host, id, FG_OP_REMOVE, NULL, &err), 0, &err, "remove what is gone");
	ok(fg_operate(registry, host, id, FG_OP_STOP, NULL, &err) < 0 && err.code == FG_ENOTFOUND, "stop what is gone: %s", err.text);
}

static void test_pick(void)
{
	static const struct {
		const char *words;
		int picked;
		const char *near;
	} rows[] = {
		{"fgf-whole", 1, NULL},
		{"real/fgf-whole", 1, NULL},
		{"fgf-whol", -1, "real/fgf-whole"},
		{"fgf-whoel", -1, "real/fgf-whole"},
		{"real/fgf-whale", -1, "real/fgf-whole"},
		{"template=demo name=fgf-w*", 1, NULL},
		{"zzzzzzzz", -1, NULL},
		{"x/fgf-whole", -1, NULL},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		struct fg_err err;
		cleanup_selector struct fg_selector *sel = fg_selector_parse_string(rows[i].words, &err);
		cleanup_items struct fg_items items = {0};
		char *near[FG_NEAR];
		int rc = fg_fleet_pick(fleet, NULL, sel, &items, near, &err);

		if (rows[i].picked > 0) {
			cleanup_free char *title = items.n ? fg_item_title(&items.v[0]) : NULL;

			ok(rc == 0 && (int)items.n == rows[i].picked && strcmp(title, "real/fgf-whole") == 0, "%s is picked", rows[i].words);
		} else {
			ok(rc < 0 && err.code == FG_ENOTFOUND, "%s: %s", rows[i].words, err.text);
			is_str(near[0], rows[i].near, "the nearest");
		}
		for (size_t k = 0; k < FG_NEAR; k++)
			free(near[k]);
	}
}

static void reconcile(int adopted, int missing, int back, int updated, const char *what)
{
	struct fg_reconciled result;
	struct fg_err err;

	if (!done(fg_registry_reconcile(registry, host, &result, &err), 0, &err, what))
		return;
	if (!ok(result.adopted == adopted && result.missing == missing && result.back == back && result.updated == updated,
		    "what it did"))
		diag("adopted %d missing %d back %d updated %d", result.adopted, result.missing, result.back, result.updated);
}

static void test_reconcile(void)
{
	cleanup_instance struct fg_instance a = {0}, b = {0}, row = {0};
	cleanup_free char *ida = NULL, *idb = NULL;
	struct fg_err err;

	reconcile(0, 0, 0, 0, "nothing to do");
	if (create("fgf-ra", "{\"image\":\"busybox\"," SLEEP "}", NULL, &a, &err) < 0 ||
		create("fgf-rb", "{\"image\":\"busybox\"," SLEEP "}", NULL, &b, &err) < 0) {
		ok(false, "two instances: %s", err.text);
		return;
	}
	ida = fg_strdup(a.container_id);
	idb = fg_strdup(b.container_id);
	fg_registry_remove(registry, "real", ida, &err);
	reconcile(1, 0, 0, 0, "one is unknown");
	is_int(fg_registry_find(registry, "real", ida, &row, &err), 1, "it is adopted");
	ok(strcmp(row.name, "fgf-ra") == 0 && strcmp(row.template, "demo") == 0 && strcmp(row.config_hash, a.config_hash) == 0 &&
			strcmp(row.created_at, a.created_at) == 0 && strcmp(row.created_by, "ops (1)") == 0 && strcmp(row.state, "running") == 0,
		"with what its labels say");
	fg_instance_finish(&row);
	fg_container_kill(host->engine, ida, "KILL", &err);
	fg_container_wait(host->engine, ida, fg_now_ms() + 10000, &(int){0}, &err);
	reconcile(0, 0, 0, 1, "one has ended");
	fg_container_rename(host->engine, ida, "fgf-tmp", &err);
	fg_container_rename(host->engine, idb, "fgf-ra", &err);
	fg_container_rename(host->engine, ida, "fgf-rb", &err);
	reconcile(0, 0, 0, 2, "two have swapped their names");
	fg_registry_find(registry, "real", ida, &row, &err);
	is_str(row.name, "fgf-rb", "the registry follows");
	fg_instance_finish(&row);
	fg_container_remove(host->engine, ida, true, true, &err);
	reconcile(0, 1, 0, 0, "one is gone");
	reconcile(0, 0, 0, 0, "that is told once");
	fg_registry_find(registry, "real", ida, &row, &err);
	is_str(row.state, "missing", "it is missing");
	call("POST", "/containers/create?name=fgf-rb",
		"{\"Image\":\"busybox\",\"Cmd\":[\"true\"],\"Labels\":{\"io.fleetgram.managed\":\"true\",\"io.fleetgram.created-at\":\"nonsense\"}}");
	reconcile(0, 0, 1, 0, "somebody made it again");
	call("POST", "/containers/create?name=fgf-rc",
		"{\"Image\":\"busybox\",\"Cmd\":[\"true\"],\"Labels\":{\"io.fleetgram.managed\":\"true\",\"io.fleetgram.created-at\":\"nonsense\",\"io.fleetgram.instance\":\"fgf-ra\"}}");
	call("POST", "/containers/create?name=fgf-rd", "{\"Image\":\"busybox\",\"Cmd\":[\"true\"],\"Labels\":{\"io.fleetgram.managed\":\"maybe\"}}");
	reconcile(1, 0, 0, 0, "odd labels");
	fg_instance_finish(&row);
	is_int(fg_registry_find_name(registry, "real", "fgf-rc", &row, &err), 1, "one of them is adopted");
	ok(strstr(row.created_at, "Z") != NULL, "with the engine's time of creation");
}

static void test_usage(void)
{
	struct fg_usage_cache *cache = fg_usage_cache_create();
	cleanup_items struct fg_items items = {0};
	cleanup_free const struct fg_item **list = NULL;
	cleanup_free struct fg_measure *out = NULL;
	size_t i, rates = 0, running = 0, good = 0;
	struct fg_err err;
	int64_t begun = fg_now_ms();

	fg_fleet_list(fleet, NULL, NULL, &items, &err);
	list = fg_alloc((items.n + 2) * sizeof(*list));
	out = fg_alloc((items.n + 2) * sizeof(*out));
	for (i = 0; i < items.n; i++)
		list[i] = &items.v[i];
	list[items.n] = &(struct fg_item){fg_fleet_find(fleet, "gone"), {.id = "feed", .state = "running"}};
	list[items.n + 1] = &(struct fg_item){fg_fleet_find(fleet, "hangs"), {.id = "fade", .state = "running"}};
	done(fg_usage_measure(cache, list, items.n + 2, 5000, out, &err), 0, &err, "measure");
	for (i = 0; i < items.n; i++) {
		running += out[i].ok && out[i].sample.running;
		rates += out[i].rates;
		good += out[i].ok;
	}
	ok(running > 0 && good == items.n && rates == running, "%zu of %zu run and have rates", rates, items.n);
	ok(!out[items.n].ok && *out[items.n].err.text && !out[items.n + 1].ok, "dead hosts have none: %s", out[items.n + 1].err.text);
	diag("the first look took %lld ms", (long long)(fg_now_ms() - begun));
	fg_task_sleep(600, NULL);
	begun = fg_now_ms();
	fg_usage_measure(cache, list, items.n, 5000, out, &err);
	for (i = 0, rates = 0; i < items.n; i++)
		rates += out[i].rates;
	is_int(rates, running, "a second look has rates at once");
	diag("it took %lld ms", (long long)(fg_now_ms() - begun));
	fg_usage_cache_destroy(cache);
}

static int deaf_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0)
		return -1;
	return fd;
}

static bool begin(void)
{
	cleanup_free char *db = fg_printf("%s/test.db", folder), *hangs = fg_printf("unix://%s/deaf", folder);
	struct fg_host_options hosts[] = {
		{"real", {.url = url, .timeout_ms = 30000}},
		{"gone", {.url = "unix:///nonexistent/engine.sock"}},
		{"hangs", {.url = hangs, .timeout_ms = 1000}},
	};
	struct fg_err err;

	store = fg_store_open(db, &err);
	registry = store ? fg_registry_create(store, &err) : NULL;
	fleet = fg_fleet_create();
	fg_fleet_on_change(fleet, on_change, &changes);
	for (size_t i = 0; i < FG_ARRAY_LEN(hosts); i++)
		if (fg_fleet_add(fleet, &hosts[i], &err) < 0)
			diag("%s", err.text);
	ok(fg_fleet_add(fleet, &hosts[0], &err) < 0, "the same name twice: %s", err.text);
	ok(fg_fleet_add(fleet, &(struct fg_host_options){"a b", {.url = url}}, &err) < 0, "a bad name: %s", err.text);
	ok(fg_fleet_add(fleet, &(struct fg_host_options){"odd", {.url = "what"}}, &err) < 0, "a bad address: %s", err.text);
	host = fg_fleet_find(fleet, "real");
	return registry && host && fg_fleet_count(fleet) == 3;
}

static void run(void *arg)
{
	(void)arg;
	if (!ok(begin(), "a fleet and a registry"))
		return;
	sweep();
	test_hosts();
	test_create();
	test_choice();
	test_networks();
	test_undo();
	test_operate();
	test_pick();
	test_usage();
	test_reconcile();
	sweep();
	fg_registry_destroy(registry);
	fg_store_close(store);
	fg_fleet_unref(fleet);
	fg_http_finish();
}

int main(void)
{
	static const char *const files[] = {"test.db", "test.db-wal", "test.db-shm", "deaf"};
	cleanup_free char *deaf = NULL;
	int fd;

	url = getenv("FG_ENGINE_URL");
	if (!url || strncmp(url, "unix://", 7) != 0) {
		puts("1..0 # SKIP FG_ENGINE_URL names no engine on a Unix socket");
		return 0;
	}
	if (!mkdtemp(folder))
		return 1;
	deaf = fg_printf("%s/deaf", folder);
	fd = deaf_socket(deaf);
	fg_loop_run("test", run, NULL);
	close(fd);
	for (size_t i = 0; i < FG_ARRAY_LEN(files); i++) {
		cleanup_free char *path = fg_printf("%s/%s", folder, files[i]);

		unlink(path);
	}
	rmdir(folder);
	fg_log_finish();
	return done_testing();
}
