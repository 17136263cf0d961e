/* Autoheal: a host that does not answer holds up no other one. Engines, the store's notes of what is sick and the notifier are
 * stand-ins. */
#include <string.h>
#include "config/config.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/container.h"
#include "fleetgram/fleet/operation.h"
#include "notify/autoheal.h"
#include "notify/incidents.h"
#include "notify/sick.h"
#include "tap.h"
#include "../telegram/scratch.h"

#define PATIENCE_MS 60000

static struct setup setup;
static struct app app = {.setup = &setup};
static struct fg_cond thawed;
static bool frozen = true;
static int begun[2], ended[2], at_once, most_at_once, looks[2], held; /* by host; held: references of the setup */

struct setup *setup_ref(struct setup *s)
{
	held++;
	return s;
}

void setup_unref(struct setup *s)
{
	(void)s;
	held--;
}

int sick_setup(struct fg_store *store, struct fg_err *err)
{
	(void)store, (void)err;
	return 0;
}

struct sick_list *sick_list_create(void)
{
	return fg_alloc(sizeof(struct sick_list));
}

void sick_list_destroy(struct sick_list *list)
{
	free(list->v);
	free(list);
}

static int index_of(const char *host)
{
	return strcmp(host, "frozen") == 0 ? 0 : 1;
}

/* Two on each host, always. */
int sick_note(struct app *a, const char *host, const struct fg_containers *list, struct sick_list *out, struct fg_err *err)
{
	static char ids[][8] = {"a", "b"}, names[][8] = {"frozen", "well"};

	(void)a, (void)list, (void)err;
	looks[index_of(host)]++;
	out->v = fg_alloc(2 * sizeof(*out->v));
	for (int i = 0; i < 2; i++)
		out->v[out->n++] = (struct sick){.host = names[index_of(host)], .id = ids[i], .since_ms = 1};
	return 0;
}

int64_t sick_restarts(struct fg_store *store, const struct sick *s, int64_t within_ms)
{
	(void)store, (void)s, (void)within_ms;
	return 0;
}

int sick_begin(struct fg_store *store, const struct sick *s, struct fg_err *err)
{
	(void)store, (void)s, (void)err;
	return 0;
}

int sick_restarted(struct fg_tx *tx, const struct sick *s, bool called_off, struct fg_err *err)
{
	(void)tx, (void)s, (void)called_off, (void)err;
	return 0;
}

void sick_unfinished(struct fg_store *store, void (*each)(const struct sick *s, int64_t at_ms, void *arg), void *arg)
{
	(void)store, (void)each, (void)arg;
}

int sick_give_up(struct fg_tx *tx, const struct sick *s, struct fg_err *err)
{
	(void)tx, (void)s, (void)err;
	return 0;
}

bool incidents_acked(struct fg_store *store, enum incident_kind kind, const char *host, const char *id)
{
	(void)store, (void)kind, (void)host, (void)id;
	return false;
}

int notify_report(struct notify *n, struct fg_tx *tx, const struct incident_report *r, struct fg_err *err)
{
	(void)n, (void)tx, (void)r, (void)err;
	return 1;
}

void notify_kick(struct notify *n)
{
	(void)n;
}

int fg_operate_unasked(struct fg_registry *registry, struct fg_host *host, const char *id, enum fg_operation op,
	const struct fg_unasked *unasked, struct fg_err *err)
{
	int of = index_of(host->name), rc = 0;

	(void)registry, (void)id, (void)op, (void)unasked;
	begun[of]++;
	if (of == 0) {
		at_once++;
		most_at_once = at_once > most_at_once ? at_once : most_at_once;
		while (rc == 0 && frozen)
			rc = fg_cond_wait(&thawed, "the frozen host", FG_NEVER, err);
		at_once--;
	}
	ended[of]++;
	return rc;
}

/* An engine that has no containers. */
struct client {
	uv_pipe_t pipe;
	uv_write_t write;
	char in[4096];
	size_t len;
};

static uv_pipe_t listener;

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

static void on_written(uv_write_t *w, int status)
{
	(void)status;
	uv_close((uv_handle_t *)w->handle, on_closed);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct client *c = h->data;

	(void)size;
	*buf = uv_buf_init(c->in + c->len, (unsigned)(sizeof(c->in) - 1 - c->len));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	static char list[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]";
	static char version[] = "HTTP/1.1 200 OK\r\nContent-Length: 61\r\nConnection: close\r\n\r\n"
		"{\"Version\":\"28.5\",\"ApiVersion\":\"1.51\",\"MinAPIVersion\":\"1.24\"}";
	struct client *c = s->data;
	uv_buf_t out = uv_buf_init(list, sizeof(list) - 1);

	(void)buf;
	if (n < 0) {
		uv_close((uv_handle_t *)s, on_closed);
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	if (!strstr(c->in, "\r\n\r\n"))
		return;
	uv_read_stop(s);
	if (strstr(c->in, "/version"))
		out = uv_buf_init(version, sizeof(version) - 1);
	uv_write(&c->write, s, &out, 1, on_written);
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

static char *engine_start(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/engine.sock", scratch_dir);
	uv_pipe_init(fg_loop(), &listener, 0);
	uv_pipe_bind(&listener, path);
	uv_listen((uv_stream_t *)&listener, 16, on_connection);
	return fg_printf("unix://%s", path);
}

static bool wait_for(const int *what, int least)
{
	int64_t deadline = fg_now_ms() + PATIENCE_MS;

	while (*what < least && fg_now_ms() < deadline)
		fg_task_sleep(5, NULL);
	return *what >= least;
}

static void run(void *arg)
{
	static const char text[] = "{\"autoheal\":{\"enabled\":true,\"after\":\"1s\",\"count\":3,\"within\":\"1h\"}}";
	struct config_errors errors = {0};
	cleanup_free char *url = NULL;
	struct autoheal *a;
	struct fg_task *task;

	(void)arg;
	fg_log_setup(FG_LOG_ERROR, false);
	fg_cond_init(&thawed);
	app.store = scratch_store();
	setup.config = config_parse("test.json", text, strlen(text), &errors);
	url = engine_start();
	setup.fleet = fg_fleet_create();
	fg_fleet_add(setup.fleet, &(struct fg_host_options){"frozen", {.url = url}}, NULL);
	fg_fleet_add(setup.fleet, &(struct fg_host_options){"well", {.url = url}}, NULL);
	a = autoheal_create(&app, NULL);
	task = fg_task_spawn("autoheal", autoheal_run, a);
	ok(wait_for(&begun[0], 1) && wait_for(&ended[1], 6), "while one host is frozen, the other one's are restarted again and again");
	is_int(begun[0], 1, "at the frozen one nothing else is tried meanwhile");
	is_int(looks[0], 1, "… nor looked at");
	frozen = false;
	fg_cond_broadcast(&thawed);
	ok(wait_for(&ended[0], 4), "and goes on when it answers again");
	frozen = true;
	wait_for(&at_once, 1);
	is_int(most_at_once, 1, "one after the other");
	fg_task_cancel(task);
	fg_task_join(task);
	ok(at_once == 0 && held == 0, "at the end nothing is left under way");
	autoheal_destroy(a);
	fg_fleet_unref(setup.fleet);
	config_destroy(setup.config);
	fg_store_close(app.store);
	fg_http_finish();
	uv_close((uv_handle_t *)&listener, NULL);
	unlink(url + strlen("unix://"));
	scratch_finish();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
