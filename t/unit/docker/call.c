/*
 * Calls against an engine that does what a real one will not do on demand: a socket in this process
 * that gives the answers of a table.
 */
#include <stdlib.h>
#include <unistd.h>
#include "../../../engine/docker/call.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/docker/container.h"
#include "fleetgram/docker/events.h"
#include "fleetgram/docker/image.h"
#include "fleetgram/docker/logs.h"
#include "fleetgram/docker/stats.h"
#include "tap.h"

static struct {
	uv_pipe_t listener;
	char path[64];
	const char *version; /* body of /version; NULL: hangs */
	const char *refuse;  /* API version that is refused as too old, "1.41" */
	const char *answer;  /* to all else: "STATUS body"; NULL: hangs */
	const char *more_headers;
	size_t lie; /* added to Content-Length */
	int versions, calls;
	char last[2048]; /* the last request but /version, its head */
} fake;

struct client {
	uv_pipe_t pipe;
	uv_write_t write;
	char in[65536];
	size_t len;
	char *out;
};

static void on_closed(uv_handle_t *h)
{
	struct client *c = h->data;

	free(c->out);
	free(c);
}

static void hang_up(struct client *c)
{
	if (!uv_is_closing((uv_handle_t *)&c->pipe))
		uv_close((uv_handle_t *)&c->pipe, on_closed);
}

static void on_written(uv_write_t *w, int status)
{
	(void)status;
	hang_up(w->data);
}

static void answer(struct client *c, const char *status_and_body)
{
	int status = (int)strtol(status_and_body, NULL, 10);
	const char *body = status_and_body + 4;
	uv_buf_t buf;

	c->out = fg_printf("HTTP/1.1 %d x\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
	        status, fake.more_headers ? fake.more_headers : "", strlen(body) + fake.lie, body);
	buf = uv_buf_init(c->out, (unsigned)strlen(c->out));
	c->write.data = c;
	uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written);
}

static void on_request(struct client *c)
{
	char refused[64];

	if (strstr(c->in, " /version HTTP")) {
		fake.versions++;
		if (fake.version) {
			cleanup_free char *text = fg_printf("200 %s", fake.version);
			answer(c, text);
		}
		return;
	}
	fake.calls++;
	snprintf(fake.last, sizeof(fake.last), "%s", c->in);
	snprintf(refused, sizeof(refused), "/v%s/", fake.refuse ? fake.refuse : "-");
	if (strstr(c->in, refused))
		answer(c, "400 {\"message\":\"client version 1.41 is too old. Minimum supported "
		          "API version is 1.44\"}");
	else if (fake.answer)
		answer(c, fake.answer);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct client *c = h->data;

	(void)size;
	*buf = uv_buf_init(c->in + c->len, (unsigned)(sizeof(c->in) - 1 - c->len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = s->data;
	const char *length, *end;

	(void)buf;
	if (n < 0) {
		hang_up(c);
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	length = strstr(c->in, "Content-Length: ");
	if (end && (!length || strlen(end + 4) >= strtoul(length + 16, NULL, 10)))
		on_request(c);
}

static void on_connection(uv_stream_t *s, int status)
{
	struct client *c = fg_alloc(sizeof(*c));

	(void)status;
	uv_pipe_init(fg_loop(), &c->pipe, 0);
	c->pipe.data = c;
	uv_accept(s, (uv_stream_t *)&c->pipe);
	uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

#define V141 "{\"Version\":\"20.10\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}"
#define V151 "{\"Version\":\"28.5\",\"ApiVersion\":\"1.51\",\"MinAPIVersion\":\"1.44\"}"

static struct fg_engine *engine_new(int64_t timeout_ms)
{
	cleanup_free char *url = fg_printf("unix://%s", fake.path);

	fake.version = V141;
	fake.refuse = NULL;
	fake.answer = "200 []";
	fake.more_headers = NULL;
	fake.lie = 0;
	fake.versions = fake.calls = 0;
	return fg_engine_create(
	        &(struct fg_engine_options){.url = url, .timeout_ms = timeout_ms}, NULL);
}

static void list_once(void *arg)
{
	cleanup_containers struct fg_containers list;

	fg_container_list(arg, NULL, &list, NULL);
}

static void test_negotiation(void)
{
	struct fg_engine *e = engine_new(5000);
	struct fg_group g;
	struct fg_err err;

	fg_group_init(&g, 8);
	for (int i = 0; i < 8; i++)
		fg_group_go(&g, "list", list_once, e, &err);
	fg_group_wait(&g, FG_NEVER, &err);
	is_int(fake.versions, 1, "eight first calls at once negotiate once");
	is_int(fake.calls, 8, "and all are made");
	ok(strstr(fake.last, "/v1.41/containers/json?all=true "), "with the version");

	fake.version = V151;
	fake.refuse = "1.41";
	ok(fg_container_start(e, "x", &err) == 1, "a refused version is negotiated again");
	is_int(fake.versions, 2, "once");
	ok(strstr(fake.last, "POST /v1.51/containers/x/start "),
	        "and the call made with the new one");
	fake.refuse = "1.51";
	fake.versions = 0;
	ok(fg_container_start(e, "x", &err) < 0 && err.status == 400 && strstr(err.text, "too old"),
	        "an engine that refuses what it named itself");
	is_int(fake.versions, 1, "is asked once more and not for ever");
	fg_engine_destroy(e);

	e = engine_new(5000);
	fake.version = "{\"ApiVersion\":\"1.99\",\"MinAPIVersion\":\"1.90\"}";
	ok(fg_container_start(e, "x", &err) < 0 && strstr(err.text, "too new") &&
	                strstr(err.text, fake.path),
	        "too new: %s", err.text);
	fake.version = "hello";
	ok(fg_container_start(e, "x", &err) < 0 && err.code == FG_EPROTO, "no engine: %s",
	        err.text);
	fake.version = "[]";
	ok(fg_container_start(e, "x", &err) < 0 && err.code == FG_EPROTO, "no engine either");
	fake.version = V141;
	ok(fg_container_start(e, "x", &err) == 1, "the next call asks again");
	fg_engine_destroy(e);
}

static void test_hanging(void)
{
	struct fg_engine *e = engine_new(300);
	struct fg_engine_version v;
	int64_t began = fg_now_ms();
	struct fg_group g;
	struct fg_err err;

	fake.version = NULL;
	fg_group_init(&g, 8);
	for (int i = 0; i < 8; i++)
		fg_group_go(&g, "list", list_once, e, &err);
	fg_group_wait(&g, FG_NEVER, &err);
	ok(fake.versions < 8 && fg_now_ms() - began < 2000,
	        "calls to an engine that hangs fail together");
	fake.version = V141;
	ok(fg_container_start(e, "x", &err) == 1, "it comes back");
	fake.version = NULL;
	ok(fg_engine_version(e, &v, &err) < 0 && err.code == FG_ETIMEOUT, "stuck in /version: %s",
	        err.text);
	ok(fg_container_start(e, "x", &err) == 1, "the agreed version still serves");
	fake.answer = NULL;
	ok(fg_container_start(e, "x", &err) < 0 && err.code == FG_ETIMEOUT, "hanging: %s",
	        err.text);
	fg_engine_destroy(e);
	e = fg_engine_create(&(struct fg_engine_options){.url = "unix:///nowhere/at/all"}, &err);
	ok(fg_engine_ping(e, &err) < 0 && err.code == FG_EUNREACHABLE, "gone: %s", err.text);
	fg_engine_destroy(e);
}

static void test_refusals(void)
{
	static const struct {
		const char *answer, *text;
		enum fg_err_code code;
		int status;
	} rows[] = {
	        {"404 {\"message\":\"No such container: x\"}", "No such container: x", FG_ENOTFOUND,
	                404},
	        {"409 {\"message\":\"name in use\\n\"}", "name in use", FG_ECONFLICT, 409},
	        {"500 {\"message\":\"boom\"}", "boom", FG_EREMOTE, 500},
	        {"500 {\"cause\":\"no such container\",\"message\":\"no container with name "
	         "x\",\"response\":404}",
	                "no container with name x", FG_ENOTFOUND, 500},
	        {"500 {\"cause\":\"container state improper\",\"message\":\"m\",\"response\":500}",
	                "m", FG_ECONFLICT, 500},
	        {"404 Not Found", "this engine cannot do that", FG_EREMOTE, 404},
	        {"404 {\"message\":\"Path /v1.41/distribution/x/json is not supported\"}",
			"this engine cannot do that", FG_EREMOTE, 404},
	        {"404 {\"message\":\"page not found\"}", "this engine cannot do that", FG_EREMOTE,
	                404},
	        {"400 Client sent an HTTP request to an HTTPS server.\n",
	                "Client sent an HTTP request to an HTTPS server", FG_EREMOTE, 400},
	        {"400 {\"message\":\"the proxy has to be one of HTTPS\"}",
	                "the proxy has to be one of HTTPS", FG_EREMOTE, 400},
	        {"500 ", "the engine answered with status 500 and no message", FG_EREMOTE, 500},
	        {"500 {}", "the engine answered with status 500 and no message", FG_EREMOTE, 500},
	        {"500 {\"message\":7}", "the engine answered with status 500 and no message",
	                FG_EREMOTE, 500},
	        {"502 {\"message\":\"cut", "{\"message\":\"cut", FG_EREMOTE, 502},
	        {"301 ", "the engine answered with status 301 and no message", FG_EREMOTE, 301},
	        {"500 {\"message\":\"\x1b[31mred\xff\"}", "red\xef\xbf\xbd", FG_EREMOTE, 500},
	};
	struct fg_engine *e = engine_new(5000);
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		fake.answer = rows[i].answer;
		err = (struct fg_err){0};
		ok(fg_container_start(e, "x", &err) < 0 && err.code == rows[i].code &&
		                err.status == rows[i].status && strcmp(err.text, rows[i].text) == 0,
		        "%.40s: %s", rows[i].answer, err.text);
		ok(!fg_logs_open(e, "x", false, &(struct fg_log_options){0}, &err) &&
		                err.code == rows[i].code && strcmp(err.text, rows[i].text) == 0,
		        "the same on a stream");
	}
	fake.answer = "429 {\"message\":\"slow\"}";
	fake.more_headers = "Retry-After: 7\r\n";
	ok(fg_container_start(e, "x", &err) < 0 && err.retry_after_ms == 7000,
	        "a wish to wait is passed on");
	fg_engine_destroy(e);
}

static void test_broken_answers(void)
{
	struct fg_engine *e = engine_new(5000);
	struct fg_container_info info;
	struct fg_containers list;
	struct fg_image_info image;
	struct fg_sample s;
	struct fg_err err;
	cleanup_free char *big = fg_alloc(200000);

	fake.answer = "200 [{\"Id\":\"a\"},";
	ok(fg_container_list(e, NULL, &list, &err) < 0 && err.code == FG_EPROTO, "cut-off JSON: %s",
	        err.text);
	fake.answer = "200 {}";
	ok(fg_container_list(e, NULL, &list, &err) < 0 && err.code == FG_EPROTO, "wrong type: %s",
	        err.text);
	fake.answer = "200 null";
	ok(fg_container_list(e, NULL, &list, &err) == 0 && list.n == 0, "an empty list of Go's");
	fake.answer =
	        "200 [1,null,{},[],{\"Id\":\"\xff\xfe\"},{\"Id\":\"b\",\"Names\":[\"/n\xff\"]}]";
	ok(fg_container_list(e, "tier=w&b", &list, &err) == 0 && list.n == 2,
	        "rows that are none are left out");
	is_str(list.n == 2 ? list.v[1].name : "", "n\xef\xbf\xbd", "bad UTF-8 is replaced");
	ok(strstr(fake.last, "&filters=%7B%22label%22%3A%5B%22tier%3Dw%26b%22%5D%7D"),
	        "a filter is escaped");
	fg_containers_finish(&list);
	fake.answer = "200 {}";
	ok(fg_container_inspect(e, "x", &info, &err) < 0 && err.code == FG_EPROTO,
	        "an empty inspect");
	ok(fg_image_inspect(e, "a/b:1", &image, &err) == 0 && !*image.id, "an empty image");
	ok(strstr(fake.last, "/images/a%2Fb%3A1/json "), "a name is escaped");
	fg_image_info_finish(&image);
	fake.answer = "200 ";
	ok(fg_stats_sample(e, "x", &s, &err) == 0 && !s.running, "Podman's empty stats");
	fake.answer = "200 {\"cause\":\"c\",\"message\":\"container is stopped\",\"response\":409}";
	ok(fg_stats_sample(e, "x", &s, &err) == 0 && !s.running,
	        "Podman's stats with an error in them");
	fake.answer = "200 {\"Id\":\"x\"";
	fake.lie = 10;
	ok(fg_container_inspect(e, "x", &info, &err) < 0 && err.code == FG_ELOST,
	        "a lost answer: %s", err.text);
	fake.lie = 0;
	memset(big, 'x', 199999);
	memcpy(big, "500 ", 4);
	fake.answer = big;
	ok(fg_container_start(e, "x", &err) < 0 && err.status == 500, "an endless error");
	fg_engine_destroy(e);
}

static void test_names(void)
{
	static const char *const bad[] = {NULL, "", ".", ".."};
	struct fg_engine *e = engine_new(5000);
	cleanup_free char *longest = fg_alloc(70000);
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(bad); i++)
		ok(fg_container_remove(e, bad[i], false, false, &err) < 0 &&
		                err.code == FG_EINVAL && fake.calls == 0,
		        "%s names nothing", bad[i] ? bad[i] : "NULL");
	memset(longest, 'x', 69999);
	ok(fg_container_start(e, longest, &err) < 0 && err.code == FG_EINVAL, "a name of 70 kB");
	ok(fg_container_rename(e, "x", longest, &err) < 0 && err.code == FG_EINVAL,
	        "a new name of 70 kB");
	ok(fg_container_start(e, "../a b?c#d/e%2f\n", &err) == 1 &&
	                strstr(fake.last,
	                        "/v1.41/containers/..%2Fa%20b%3Fc%23d%2Fe%252f%0A/start HTTP"),
	        "a name with everything");
	fake.answer = "304 ";
	is_int(fg_container_stop(e, "x", 3, &err), 0, "304 is no change");
	ok(strstr(fake.last, "/stop?t=3 "), "the grace is passed on");
	fg_engine_destroy(e);
}

static void note_progress(const struct fg_pull_progress *p, void *arg)
{
	*(int *)arg = p->layers;
}

static void test_streams(void)
{
	struct fg_engine *e = engine_new(5000);
	struct fg_events *events;
	struct fg_event ev;
	struct fg_logs *logs;
	struct fg_log_line line;
	struct fg_err err;
	int layers = 0;
	int64_t soon = fg_now_ms() + 5000;

	fake.answer =
	        "200 {\"Type\":\"container\",\"Action\":\"die\"}\n\n{\"Type\":\"x\"}\nnonsense\n";
	events =
	        fg_events_open(e, INT64_C(1700000000000000005), INT64_C(1700000001000000000), &err);
	ok(strstr(fake.last, "&since=1700000000.000000005&until=1700000001.000000000 "), "bounds");
	ok(fg_events_next(events, &ev, soon, &err) == 1 && strcmp(ev.action, "die") == 0,
	        "an event");
	fg_event_finish(&ev);
	ok(fg_events_next(events, &ev, soon, &err) == 1 && !*ev.action, "a poor one");
	fg_event_finish(&ev);
	ok(fg_events_next(events, &ev, soon, &err) < 0 && err.code == FG_EPROTO, "nonsense");
	ok(fg_events_next(events, &ev, soon, &err) == 0, "the end");
	fg_events_close(events);

	fake.answer = "200 2026-01-02T03:04:05Z a\r\nb";
	logs = fg_logs_open(e, "x", true,
	        &(struct fg_log_options){.tail = 5, .since_ms = 1500, .follow = true}, &err);
	ok(strstr(fake.last, "&tail=5&since=1.500000000&follow=true"), "what is asked of a log");
	ok(fg_logs_next(logs, &line, soon, &err) == 1 && strcmp(line.text, "a") == 0, "a line");
	ok(fg_logs_next(logs, &line, soon, &err) == 1 && strcmp(line.text, "b") == 0,
	        "the last one");
	ok(fg_logs_next(logs, &line, soon, &err) == 0, "the end of the log");
	fg_logs_close(logs);

	fake.answer = "200 {\"status\":\"Pulling fs "
	              "layer\",\"id\":\"a\",\"progressDetail\":{}}\n{\"status\":\"done\"}\n";
	ok(fg_image_pull(e, "h:5/n:t",
	           &(struct fg_pull_options){.progress = note_progress,
	                   .arg = &layers,
	                   .auth = "{\"username\":\"\xc3\xbf\xc3\xbe?>\"}"},
	           &err) == 0 &&
	                layers == 1,
	        "a pull");
	ok(strstr(fake.last, "fromImage=h%3A5%2Fn&tag=t "), "of what was named");
	ok(strstr(fake.last, "X-Registry-Auth: eyJ1c2VybmFtZSI6IsO_w74_PiJ9\r\n"),
	        "with the registry's password");
	fake.answer =
	        "200 {\"status\":\"x\"}\n{\"errorDetail\":{\"message\":\"manifest unknown\"}}\n";
	ok(fg_image_pull(e, "n", NULL, &err) < 0 && err.code == FG_EREMOTE &&
	                strcmp(err.text, "manifest unknown") == 0,
	        "a pull that fails late");
	fake.answer = "404 {\"message\":\"pull access denied\"}";
	ok(fg_image_pull(e, "n", NULL, &err) < 0 && err.code == FG_EREMOTE && err.status == 404,
	        "and one that fails at once");
	fake.answer = "200 ";
	ok(fg_image_pull(e, "n", NULL, &err) < 0 && err.code == FG_EPROTO,
	        "and one that says nothing");
	ok(fg_image_pull(e, ":", NULL, &err) < 0 && err.code == FG_EINVAL, "and one of nothing");
	fg_engine_destroy(e);
}

static void test_podman(void)
{
	struct fg_engine *e = engine_new(5000);
	struct fg_events *events;
	struct fg_event ev;
	struct fg_logs *logs;
	struct fg_log_line line;
	struct fg_err err;
	int64_t soon = fg_now_ms() + 5000;

	fake.version = "{\"ApiVersion\":\"1.41\",\"Components\":[{\"Name\":\"Podman Engine\"}]}";
	fake.answer = "200 "
	              "{\"Type\":\"x\",\"timeNano\":5}\n{\"Type\":\"x\",\"timeNano\":7}\n{\"Type\":"
	              "\"y\",\"timeNano\":6}\n";
	events = fg_events_open(e, 1, 6, &err);
	ok(strstr(fake.last, "&stream=false") && !strstr(fake.last, "until"),
	        "events of a time that is over");
	ok(fg_events_next(events, &ev, soon, &err) == 1 && ev.time_ns == 5, "the first");
	fg_event_finish(&ev);
	ok(fg_events_next(events, &ev, soon, &err) == 1 && *ev.type == 'y',
	        "what came later is left out");
	fg_event_finish(&ev);
	ok(fg_events_next(events, &ev, soon, &err) == 0, "the end of them");
	fg_events_close(events);

	fake.answer = NULL;
	logs = fg_logs_open(e, "x", true, &(struct fg_log_options){.follow = true}, &err);
	ok(logs, "a log that says nothing yet is opened");
	ok(fg_logs_next(logs, &line, fg_now_ms() + 50, &err) < 0 && err.code == FG_ETIMEOUT,
	        "and waited for");
	fake.answer = "200 late\n";
	ok(fg_logs_next(logs, &line, soon, &err) == 1 && strcmp(line.text, "late") == 0,
	        "until it does");
	fg_logs_close(logs);
	fake.answer = "200 ";
	ok(!fg_container_top(e, "x", &err) && err.code == FG_ECONFLICT, "no processes: %s",
	        err.text);
	ok(strstr(fake.last, "/top?stream=false&ps_args=user,"), "asked for by names");
	fg_engine_destroy(e);
}

/* Podman's /version may take longer than anybody waits; a ping says the most of it. */
static void test_told(void)
{
	struct fg_engine *e = engine_new(300);
	struct fg_engine_version v = {0};
	struct fg_err err;

	fake.version = NULL;
	fake.answer = "200 OK";
	fake.more_headers = "Server: Libpod/4.3.1 (linux)\r\nApi-Version: 1.41\r\n";
	ok(!fg_engine_seen(e, &v), "nothing is known of it");
	ok(fg_engine_ping(e, &err) == 0 && fg_engine_seen(e, &v), "but by a ping");
	is_str(v.kind, "podman", "its kind");
	is_str(v.version, "4.3.1", "its version");
	ok(fg_engine_version(e, &v, &err) < 0 && fg_engine_seen(e, &v) && strcmp(v.kind, "podman") == 0, "one that does not say more stays known");
	ok(fg_container_start(e, "x", &err) == 1 && strstr(fake.last, "/v1.41/"), "calls are made with that");
	fake.version = "{\"Version\":\"4.3.1\",\"ApiVersion\":\"1.41\",\"Os\":\"linux\",\"Arch\":\"amd64\"}";
	for (int i = 0; i < 2; i++)
		ok(fg_engine_ping(e, &err) == 0 && fg_engine_version(e, &v, &err) == 0 && strcmp(v.kind, "podman") == 0 &&
				strcmp(v.arch, "amd64") == 0, "the rest");
	is_int(fake.versions, 2, "is not asked for again once it came");
	fake.version = V151;
	fake.more_headers = "Server: Docker/28.5.2 (linux)\r\nApi-Version: 1.51\r\n";
	ok(fg_engine_ping(e, &err) == 0 && fg_engine_version(e, &v, &err) == 0 && strcmp(v.kind, "docker") == 0, "another one in its place is asked");
	is_int(fake.versions, 3, "once");
	fg_engine_destroy(e);
}

static void on_listener_closed(uv_handle_t *h)
{
	(void)h;
}

static void run(void *arg)
{
	(void)arg;
	snprintf(fake.path, sizeof(fake.path), "/tmp/fg-call-%d.sock", (int)getpid());
	unlink(fake.path);
	uv_pipe_init(fg_loop(), &fake.listener, 0);
	uv_pipe_bind(&fake.listener, fake.path);
	uv_listen((uv_stream_t *)&fake.listener, 64, on_connection);
	test_negotiation();
	test_hanging();
	test_refusals();
	test_broken_answers();
	test_names();
	test_streams();
	test_podman();
	test_told();
	uv_close((uv_handle_t *)&fake.listener, on_listener_closed);
	unlink(fake.path);
	fg_http_finish();
}

int main(void)
{
	fg_loop_run("tests", run, NULL);
	return done_testing();
}
