/*
 * Every operation once against a real engine, when FG_ENGINE_URL names one that has the image
 * busybox:latest and that nobody else uses.
 */
#include <math.h>
#include <stdlib.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/container.h"
#include "fleetgram/docker/events.h"
#include "fleetgram/docker/image.h"
#include "fleetgram/docker/logs.h"
#include "fleetgram/docker/stats.h"
#include "tap.h"

static struct fg_engine *engine;
static bool podman;
static int64_t began_ns;

static int64_t soon(void)
{
	return fg_now_ms() + 20000;
}

/* Create from busybox; script as sh -c, more as further members of the body. */
static bool make(const char *name, const char *script, bool tty, const char *more)
{
	cleanup_free char *text =
	        fg_printf("{\"Image\":\"busybox:latest\",\"Cmd\":[\"sh\",\"-c\",\"%s\"],\"Tty\":%s,"
	                  "\"Labels\":{\"fg.test\":\"live\"},\"StopTimeout\":1%s}",
	                script, tty ? "true" : "false", more);
	struct fg_err err = {0};
	cleanup_json cJSON *body = fg_json_parse(text, strlen(text), &err);
	cleanup_str struct fg_str warnings;
	char id[FG_ID_SIZE];
	int rc;

	fg_str_init(&warnings, 4096);
	fg_container_remove(engine, name, true, true, NULL);
	rc = body ? fg_container_create(engine, name, body, id, &warnings, &err) : -1;
	if (rc != 1 || strlen(id) != 64)
		diag("create %s: %s", name, err.text);
	if (warnings.len)
		diag("warnings: %s", warnings.s);
	return rc == 1;
}

#define NET ",\"HostConfig\":{\"NetworkMode\":\"none\"}"

static bool done(int rc, int want, const struct fg_err *err, const char *what)
{
	return ok(rc == want, "%s%s%s", what, rc < 0 ? ": " : "", rc < 0 ? err->text : "");
}

static void test_system(void)
{
	struct fg_engine_version v;
	struct fg_engine_info i;
	struct fg_engine_df df;
	struct fg_err err;

	done(fg_engine_ping(engine, &err), 0, &err, "ping");
	done(fg_engine_version(engine, &v, &err), 0, &err, "version");
	diag("%s %s, API %s, %s/%s", v.kind, v.version, v.api_version, v.os, v.arch);
	podman = strcmp(v.kind, "podman") == 0;
	ok(*v.version && *v.api_version && strcmp(v.os, "linux") == 0, "what it says of itself");
	done(fg_engine_info(engine, &i, &err), 0, &err, "info");
	diag("info: %s, %s, kernel %s, storage %s, cgroup %s, root %s, swarm %s", i.name, i.os,
	        i.kernel, i.storage, i.cgroup, i.root_dir, i.swarm);
	ok(i.cpus > 0 && i.memory_bytes > 0 && i.images > 0 && *i.kernel && *i.storage,
	        "what it has");
	done(fg_engine_df(engine, &df, &err), 0, &err, "df");
	diag("df: images %" PRId64 " of %" PRId64 " bytes, %" PRId64 " reclaimable",
	        df.images.count, df.images.bytes, df.images.reclaimable);
	ok(df.images.count > 0 && df.images.bytes > 0, "images take room");
}

static struct fg_container *find(struct fg_containers *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].name, name) == 0)
			return &list->v[i];
	return NULL;
}

static void test_list(void)
{
	cleanup_containers struct fg_containers all, some, none;
	struct fg_container *c;
	struct fg_err err;

	ok(make("fg-list", "sleep 600", false, NET), "create");
	done(fg_container_start(engine, "fg-list", &err), 1, &err, "start");
	done(fg_container_start(engine, "fg-list", &err), 0, &err, "start again changes nothing");
	done(fg_container_list(engine, NULL, &all, &err), 0, &err, "list");
	c = find(&all, "fg-list");
	ok(c && strcmp(c->state, "running") == 0 && strlen(c->id) == 64 &&
	                strstr(c->image, "busybox") && c->created_ms > INT64_C(1600000000000),
	        "the container is in it");
	is_str(c ? fg_container_label(c, "fg.test") : "", "live", "with its label");
	diag("status: %s, health: '%s'", c ? c->status : "", c ? c->health : "");
	done(fg_container_list(engine, "fg.test=live", &some, &err), 0, &err, "list by label");
	is_int(some.n, 1, "finds one");
	done(fg_container_list(engine, "fg.test=other", &none, &err), 0, &err,
	        "list by another label");
	is_int(none.n, 0, "finds none");
}

static void test_inspect(void)
{
	cleanup_info struct fg_container_info i;
	struct fg_container_info gone;
	struct fg_err err;

	ok(make("fg-inspect", "sleep 600", false,
	           ",\"HostConfig\":{\"NetworkMode\":\"none\",\"NanoCpus\":500000000,\"Memory\":"
	           "67108864,\"PidsLimit\":50,"
	           "\"RestartPolicy\":{\"Name\":\"unless-stopped\"}}"),
	        "create with limits");
	done(fg_container_inspect(engine, "fg-inspect", &i, &err), 0, &err, "inspect");
	ok(strcmp(i.name, "fg-inspect") == 0 && strcmp(i.state, "created") == 0 &&
	                strstr(i.image, "busybox") && *i.image_id && !i.tty && i.created_ms > 0 &&
	                i.started_ms == 0,
	        "a created container");
	ok(i.nano_cpus == 500000000 && i.memory == 67108864 && i.pids == 50,
	        "its limits: %" PRId64 " %" PRId64 " %" PRId64, i.nano_cpus, i.memory, i.pids);
	is_str(i.restart_policy, "unless-stopped", "its restart policy");
	ok(fg_container_inspect(engine, "fg-nobody", &gone, &err) < 0 && err.code == FG_ENOTFOUND,
	        "missing: %s", err.text);
}

static void test_actions(void)
{
	cleanup_json cJSON *limits = cJSON_CreateObject();
	cleanup_json cJSON *top = NULL;
	cleanup_info struct fg_container_info i = {0};
	struct fg_err err;
	int code;

	top = fg_container_top(engine, "fg-list", &err);
	ok(top && cJSON_GetArraySize(fg_json_array(top, "Processes")) == 1 &&
	                cJSON_GetArraySize(fg_json_array(top, "Titles")) > 3,
	        "top: %s", top ? "processes" : err.text);
	done(fg_container_pause(engine, "fg-list", &err), 1, &err, "pause");
	ok(fg_container_pause(engine, "fg-list", &err) < 0 && err.code == FG_ECONFLICT,
	        "pause again: %s", err.text);
	done(fg_container_unpause(engine, "fg-list", &err), 1, &err, "unpause");
	done(fg_container_rename(engine, "fg-list", "fg-named", &err), 1, &err, "rename");
	ok(fg_container_rename(engine, "fg-named", "fg-inspect", &err) < 0 &&
	                err.code == FG_ECONFLICT,
	        "to a name in use: %s", err.text);
	fg_json_set_i64(limits, "Memory", 100 << 20);
	fg_json_set_i64(limits, "MemorySwap", 200 << 20);
	code = fg_container_update(engine, "fg-named", limits, &err);
	ok(code == 1 || (podman && err.code == FG_EREMOTE), "update%s%s", code < 0 ? ": " : "",
	        code < 0 ? err.text : "");
	done(fg_container_restart(engine, "fg-named", 0, &err), 1, &err, "restart");
	done(fg_container_kill(engine, "fg-named", "KILL", &err), 1, &err, "kill");
	done(fg_container_wait(engine, "fg-named", soon(), &code, &err), 0, &err, "wait");
	is_int(code, 137, "exit code of a killed one");
	done(fg_container_stop(engine, "fg-named", 1, &err), 0, &err, "stop what is stopped");
	done(fg_container_inspect(engine, "fg-named", &i, &err), 0, &err, "inspect it");
	ok(strcmp(i.state, "exited") == 0 && i.exit_code == 137 && i.finished_ms >= i.started_ms,
	        "exited, 137");
	ok(fg_container_kill(engine, "fg-named", NULL, &err) < 0 && err.code == FG_ECONFLICT,
	        "kill it again: %s", err.text);
	ok(!fg_container_top(engine, "fg-named", &err), "top of it: %s", err.text);
}

static void test_stop(void)
{
	struct fg_err err;
	int code;

	ok(make("fg-stop", "trap 'exit 3' TERM; while :; do sleep 0.1; done", false, NET),
	        "create one that obeys");
	fg_container_start(engine, "fg-stop", NULL);
	ok(fg_container_wait(engine, "fg-stop", fg_now_ms() + 300, &code, &err) < 0 &&
	                err.code == FG_ETIMEOUT,
	        "wait has a deadline: %s", err.text);
	done(fg_container_stop(engine, "fg-stop", -1, &err), 1, &err, "stop with its own grace");
	done(fg_container_wait(engine, "fg-stop", FG_NEVER, &code, &err), 0, &err, "wait for ever");
	is_int(code, 3, "it ended by itself");
	done(fg_container_remove(engine, "fg-stop", false, true, &err), 1, &err, "remove");
	ok(fg_container_remove(engine, "fg-stop", false, true, &err) < 0 &&
	                err.code == FG_ENOTFOUND,
	        "remove again: %s", err.text);
}

/* Run script to its end and give its lines as "1 text|", long ones by their length. */
static char *output(const char *name, const char *script, bool tty, const struct fg_log_options *o)
{
	cleanup_logs struct fg_logs *logs = NULL;
	struct fg_log_line l;
	struct fg_str out;
	struct fg_err err = {0};
	int code, rc = -1;

	fg_str_init(&out, 1 << 20);
	if (!make(name, script, tty, NET) || fg_container_start(engine, name, &err) < 0 ||
	        fg_container_wait(engine, name, soon(), &code, &err) < 0)
		diag("%s: %s", name, err.text);
	logs = fg_logs_open(engine, name, tty, o, &err);
	while (logs && (rc = fg_logs_next(logs, &l, soon(), &err)) > 0) {
		if (l.time_ms < INT64_C(1600000000000))
			fg_str_puts(&out, "(no time)");
		if (l.len > 100)
			fg_str_printf(&out, "%d %zu%s|", l.stream, l.len, l.cut ? "~" : "");
		else
			fg_str_printf(&out, "%d %s|", l.stream, l.text);
	}
	if (rc < 0)
		fg_str_printf(&out, "error: %s", err.text);
	fg_container_remove(engine, name, true, true, NULL);
	return fg_str_take(&out);
}

static void test_logs(void)
{
	struct fg_log_options all = {0};
	cleanup_free char *two = NULL, *tty = NULL, *tail = NULL, *lf = NULL, *lt = NULL,
	                  *mid = NULL;
	cleanup_free char *script = fg_printf(
	                          "head -c 40000 /dev/zero | tr '\\\\0' a; echo; echo end"),
	                  *none = NULL;

	two = output("fg-log", "echo out; sleep 0.3; echo err >&2; sleep 0.3; echo; printf last",
	        false, &all);
	is_str(two, "1 out|2 err|1 |1 last|", "both streams, an empty line and one without an end");
	tty = output("fg-log", "echo out; echo err >&2; printf last", true, &all);
	is_str(tty, "1 out|1 err|1 last|", "a TTY's log");
	tail = output("fg-log", "for i in 1 2 3 4; do echo $i; done", false,
	        &(struct fg_log_options){.tail = 2});
	is_str(tail, "1 3|1 4|", "the last two lines");
	lf = output("fg-log", script, false, &all);
	is_str(lf, "1 16384~|1 end|", "40000 bytes are one line, cut");
	lt = output("fg-log", script, true, &all);
	is_str(lt, "1 16384~|1 end|", "with a TTY too");
	mid = output(
	        "fg-log", "head -c 16384 /dev/zero | tr '\\\\0' a; echo; echo end", true, &all);
	if (!podman) /* which splits a terminal's lines anywhere */
		is_str(mid, "1 16384|1 end|", "16384 bytes are whole");
	none = output("fg-log", "echo x", false,
	        &(struct fg_log_options){.until_ms = INT64_C(1500000000000)});
	is_str(none, "", "nothing before there was anything");
}

static void test_log_driver(void)
{
	struct fg_err err = {0};
	struct fg_logs *logs;

	ok(make("fg-nolog", "echo x", false,
	           ",\"HostConfig\":{\"NetworkMode\":\"none\",\"LogConfig\":{\"Type\":\"none\"}}"),
	        "create without a log");
	fg_container_start(engine, "fg-nolog", NULL);
	logs = fg_logs_open(engine, "fg-nolog", false, &(struct fg_log_options){0}, &err);
	if (logs) {
		struct fg_log_line l;

		ok(fg_logs_next(logs, &l, soon(), &err) <= 0, "it has no lines: %s", err.text);
	} else {
		ok(err.code == FG_EREMOTE, "its log: %s", err.text);
	}
	fg_logs_close(logs);
	fg_container_remove(engine, "fg-nolog", true, true, NULL);
}

static void test_follow(void)
{
	cleanup_logs struct fg_logs *logs = NULL;
	struct fg_log_line l;
	struct fg_err err = {0};
	int rc;

	ok(make("fg-follow", "sleep 2; echo late", false, NET),
	        "create one that is quiet at first");
	fg_container_start(engine, "fg-follow", NULL);
	logs = fg_logs_open(
	        engine, "fg-follow", false, &(struct fg_log_options){.follow = true}, &err);
	ok(logs, "follow%s", logs ? "" : err.text);
	if (!logs)
		return;
	rc = fg_logs_next(logs, &l, fg_now_ms() + 100, &err);
	ok(rc < 0 && err.code == FG_ETIMEOUT, "nothing yet: %d %s", rc, rc < 0 ? err.text : "");
	ok(fg_logs_next(logs, &l, soon(), &err) == 1 && strcmp(l.text, "late") == 0,
	        "its line comes");
	done(fg_logs_next(logs, &l, soon(), &err), 0, &err, "and the end");
	fg_container_remove(engine, "fg-follow", true, true, NULL);
}

static void test_stats(void)
{
	struct fg_sample a, b, idle;
	struct fg_usage u = {0};
	struct fg_err err;
	double got;
	bool usable;

	ok(make("fg-busy", "while :; do :; done", false,
	           ",\"HostConfig\":{\"NetworkMode\":\"none\",\"NanoCpus\":500000000,\"Memory\":"
	           "67108864}"),
	        "create a busy one");
	fg_container_start(engine, "fg-busy", NULL);
	fg_task_sleep(1500, NULL);
	done(fg_stats_sample(engine, "fg-busy", &a, &err), 0, &err, "a sample");
	fg_task_sleep(2500, NULL);
	done(fg_stats_sample(engine, "fg-busy", &b, &err), 0, &err, "another");
	usable = fg_stats_usage(&a, &b, &u);
	/* A busy machine gives it less than its half, never more: what it got is measured as it was. */
	got = 100.0 * (double)(b.cpu_ns - a.cpu_ns) / ((double)(b.taken_ms - a.taken_ms) * 1e6);
	ok(usable && u.cpu_percent > 0 && u.cpu_percent < 75 && fabs(u.cpu_percent - got) < got / 4,
	        "half a CPU at most, and what it got: %.1f of %.1f %%", u.cpu_percent, got);
	ok(b.running && b.memory_bytes > 0 && b.memory_limit == 67108864 && b.online_cpus > 0,
	        "memory %" PRIu64 " of %" PRIu64 ", pids %" PRIu64, b.memory_bytes, b.memory_limit,
	        b.pids);
	fg_container_kill(engine, "fg-busy", NULL, NULL);
	fg_container_wait(engine, "fg-busy", soon(), &(int){0}, NULL);
	done(fg_stats_sample(engine, "fg-busy", &idle, &err), 0, &err, "a sample of a stopped one");
	ok(!idle.running && !idle.cpu_ns, "it does not run");
	ok(fg_stats_sample(engine, "fg-nobody", &idle, &err) < 0 && err.code == FG_ENOTFOUND,
	        "nobody's: %s", err.text);
	fg_container_remove(engine, "fg-busy", true, true, NULL);
}

static void test_images(void)
{
	cleanup_images struct fg_images list;
	cleanup_image_info struct fg_image_info i;
	struct fg_image_info gone;
	bool found = false;
	struct fg_err err;

	done(fg_image_list(engine, &list, &err), 0, &err, "images");
	for (size_t n = 0; n < list.n; n++)
		for (size_t t = 0; t < list.v[n].tag_count; t++)
			found = found || (strstr(list.v[n].tags[t], "busybox:latest") &&
			                         list.v[n].size > 100000);
	ok(found, "busybox is among them");
	done(fg_image_inspect(engine, "busybox:latest", &i, &err), 0, &err, "inspect it");
	ok(strstr(i.id, "sha256:") || podman, "its id: %s, digest: %s", i.id, i.digest);
	ok(fg_image_inspect(engine, "fg/nothing:1", &gone, &err) < 0 && err.code == FG_ENOTFOUND,
	        "missing: %s", err.text);
	ok(fg_image_pull(engine, "127.0.0.1:9/nothing:1", NULL, &err) < 0 && err.code == FG_EREMOTE,
	        "pull: %s", err.text);
	ok(fg_image_pull(engine, "fg/UPPER", NULL, &err) < 0 && err.code == FG_EREMOTE,
	        "a bad name: %s", err.text);
}

static bool has_tag(const char *wanted)
{
	cleanup_images struct fg_images list;
	struct fg_err err;

	if (fg_image_list(engine, &list, &err) < 0)
		return false;
	for (size_t n = 0; n < list.n; n++)
		for (size_t t = 0; t < list.v[n].tag_count; t++)
			if (strstr(list.v[n].tags[t], wanted))
				return true;
	return false;
}

static void test_names(void)
{
	char digest[FG_DIGEST_SIZE];
	struct fg_str untagged, deleted;
	struct fg_err err;

	fg_str_init(&untagged, 4096);
	fg_str_init(&deleted, 4096);
	done(fg_image_tag(engine, "busybox:latest", "fg.example:5000/named:1", &err), 0, &err,
	        "another name");
	ok(has_tag("fg.example:5000/named:1"), "the image has it");
	ok(fg_image_tag(engine, "fg/nothing:1", "fg/named:2", &err) < 0 && err.code == FG_ENOTFOUND,
	        "a name for nothing: %s", err.text);
	ok(fg_image_tag(engine, "busybox:latest", "busybox@sha256:00", &err) < 0 && err.code == FG_EINVAL,
	        "no name: %s", err.text);
	done(fg_image_remove(engine, "fg.example:5000/named:1", false, &untagged, &deleted, &err), 0, &err,
	        "the name goes again");
	ok(strstr(untagged.s, "fg.example:5000/named:1") && deleted.len == 0, "… and only it: %s",
	        untagged.s);
	ok(!has_tag("fg.example:5000/named:1") && has_tag("busybox:latest"), "… the image stays");
	ok(fg_image_remove(engine, "fg/nothing:1", true, NULL, NULL, &err) < 0 &&
	                err.code == FG_ENOTFOUND,
	        "what is not there: %s", err.text);
	ok(fg_image_distribution(engine, "127.0.0.1:9/nothing:1", NULL, digest, &err) < 0 &&
	                err.code == FG_EREMOTE && (podman ? err.status == 404 : true) && !*digest,
	        "a digest of nobody: %s", err.text);
	fg_str_finish(&untagged);
	fg_str_finish(&deleted);
}

static void test_events(void)
{
	cleanup_events struct fg_events *past = NULL, *live = NULL;
	bool created = false, died = false, destroyed = false;
	struct fg_event ev;
	struct fg_err err;
	int rc = -1;

	past = fg_events_open(engine, began_ns, fg_wall_ms() * 1000000, &err);
	ok(past, "events so far%s", past ? "" : err.text);
	while (past && (rc = fg_events_next(past, &ev, soon(), &err)) > 0) {
		if (strcmp(ev.name, "fg-stop") == 0 && ev.time_ns >= began_ns) {
			created = created || strcmp(ev.action, "create") == 0;
			if (strcmp(ev.action, "die") == 0)
				died = fg_str_equal(fg_event_attr(&ev, "exitCode"), "3");
			destroyed = destroyed || strcmp(ev.action, "destroy") == 0;
		}
		ok(strncmp(ev.action, "exec_", 5) != 0 && *ev.action, "%s %s %s", ev.type,
		        ev.action, ev.name);
		fg_event_finish(&ev);
	}
	done(rc, 0, &err, "they end");
	ok(created && died && destroyed, "create %d, die with its code %d, destroy %d", created,
	        died, destroyed);

	live = fg_events_open(engine, 0, 0, &err);
	ok(live, "events from now on%s", live ? "" : err.text);
	if (!live)
		return;
	ok(fg_events_next(live, &ev, fg_now_ms() + 200, &err) < 0 && err.code == FG_ETIMEOUT,
	        "none yet: %s", err.text);
	make("fg-event", "sleep 1", false, NET);
	while ((rc = fg_events_next(live, &ev, soon(), &err)) == 1 &&
	        strcmp(ev.name, "fg-event") != 0)
		fg_event_finish(&ev); /* of the image, with Podman */
	ok(rc == 1 && strcmp(ev.action, "create") == 0 && ev.id[0], "one comes: %s",
	        rc == 1 ? ev.action : err.text);
	if (rc == 1)
		fg_event_finish(&ev);
	fg_container_remove(engine, "fg-event", true, true, NULL);
}

static void test_health(void)
{
	cleanup_events struct fg_events *events = NULL;
	cleanup_info struct fg_container_info i = {0};
	char action[64] = "";
	struct fg_event ev;
	struct fg_err err;

	if (podman) /* it leaves health checks to systemd */
		return;
	events = fg_events_open(engine, 0, 0, &err);
	ok(make("fg-health", "sleep 600", false,
	           NET ",\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"echo bad; false\"],"
	               "\"Interval\":1000000000,\"Retries\":1,\"Timeout\":1000000000}"),
	        "create one that is unwell");
	fg_container_start(engine, "fg-health", NULL);
	while (events && strncmp(action, "health", 6) != 0 &&
	        fg_events_next(events, &ev, soon(), &err) > 0) {
		snprintf(action, sizeof(action), "%s", ev.action);
		fg_event_finish(&ev);
	}
	is_str(action, "health_status: unhealthy", "the event about it passes the filter");
	fg_container_inspect(engine, "fg-health", &i, &err);
	is_str(i.health, "unhealthy", "inspect says so");
	is_str(i.health_output, "bad\n", "and why");
	fg_container_remove(engine, "fg-health", true, true, NULL);
}

static void run(void *arg)
{
	struct fg_err err;

	engine = fg_engine_create(&(struct fg_engine_options){.url = arg}, &err);
	if (!engine) {
		ok(false, "%s", err.text);
		return;
	}
	began_ns = fg_wall_ms() * 1000000;
	test_system();
	test_list();
	test_inspect();
	test_actions();
	test_stop();
	test_logs();
	test_log_driver();
	test_follow();
	test_stats();
	test_images();
	test_names();
	test_events();
	test_health();
	fg_container_remove(engine, "fg-named", true, true, NULL);
	fg_container_remove(engine, "fg-inspect", true, true, NULL);
	fg_engine_destroy(engine);
	fg_http_finish();
}

int main(void)
{
	char *url = getenv("FG_ENGINE_URL");

	if (!url || !*url) {
		puts("1..0 # SKIP FG_ENGINE_URL is not set");
		return 0;
	}
	fg_loop_run("tests", run, url);
	return done_testing();
}
