/*
 * Drift of services: they are asked about side by side, and told in their order. The swarm is a stand-in that says what
 * networks are called only when it is asked for all of them, the last one first.
 */
#include "../telegram/scratch.h"
#include "commands/service_differences.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

#define SERVICES 3
#define PATIENCE_MS 60000

struct client {
	uv_pipe_t pipe;
	uv_write_t write;
	char in[4096], *out;
	size_t len;
};

static struct setup setup;
static struct app app = {.setup = &setup};
static uv_pipe_t listener;
static char path[64];
static struct client *asked[SERVICES]; /* by network */
static int waiting;

static void on_closed(uv_handle_t *h)
{
	struct client *c = h->data;

	free(c->out);
	free(c);
}

static void on_written(uv_write_t *w, int status)
{
	(void)status;
	uv_close((uv_handle_t *)w->handle, on_closed);
}

static void answer(struct client *c, const char *body)
{
	uv_buf_t buf;

	c->out = fg_printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(body), body);
	buf = uv_buf_init(c->out, (unsigned)strlen(c->out));
	uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written);
}

static void answer_services(struct client *c)
{
	cleanup_str struct fg_str out = {0};

	fg_str_init(&out, 1 << 16);
	for (int i = 0; i < SERVICES; i++)
		fg_str_printf(&out, "%c{\"ID\":\"s%d\",\"Spec\":{\"Name\":\"web%d\",\"Labels\":{\"" FG_LABEL_MANAGED "\":\"true\",\""
			FG_LABEL_INSTANCE "\":\"web%d\",\"" FG_LABEL_TEMPLATE "\":\"web\"},\"Mode\":{\"Replicated\":{\"Replicas\":1}},"
			"\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"app:1\",\"Privileges\":{\"NoNewPrivileges\":true}},"
			"\"Resources\":{\"Limits\":{\"Pids\":256}},\"Networks\":[{\"Target\":\"n%d\"}]}}}", i ? ',' : '[', i, i, i, i);
	fg_str_putc(&out, ']');
	answer(c, out.s);
}

/* Nobody has an answer before all have asked. */
static void answer_network(struct client *c, int network)
{
	asked[network] = c;
	if (++waiting < SERVICES)
		return;
	for (int i = SERVICES - 1; i >= 0; i--) {
		cleanup_free char *body = fg_printf("{\"Id\":\"n%d\",\"Name\":\"net%d\"}", i, i);

		answer(asked[i], body);
	}
}

static void on_request(struct client *c)
{
	const char *network = strstr(c->in, "/networks/n");

	if (strstr(c->in, "/version"))
		answer(c, "{\"Version\":\"28.5\",\"ApiVersion\":\"1.51\",\"MinAPIVersion\":\"1.24\"}");
	else if (strstr(c->in, "/info"))
		answer(c, "{\"Swarm\":{\"LocalNodeState\":\"active\",\"ControlAvailable\":true,\"NodeID\":\"n\",\"Cluster\":{\"ID\":\"sw\"}}}");
	else if (strstr(c->in, "/services"))
		answer_services(c);
	else if (network)
		answer_network(c, network[strlen("/networks/n")] - '0');
	else
		answer(c, "[]");
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

static void begin(void)
{
	static const char config[] = "{\"templates\":{\"web\":{\"mode\":\"service\",\"image\":\"app:1\",\"networks\":[\"net1\"]}}}";
	struct config_errors errors = {0};
	cleanup_free char *url = NULL;

	fg_log_setup(FG_LOG_ERROR, false);
	app.store = scratch_store();
	app.registry = fg_registry_create(app.store, NULL);
	setup.config = config_parse("test.json", config, strlen(config), &errors);
	setup.fleet = fg_fleet_create();
	snprintf(path, sizeof(path), "%s/socket", scratch_dir);
	url = fg_printf("unix://%s", path);
	uv_pipe_init(fg_loop(), &listener, 0);
	uv_pipe_bind(&listener, path);
	uv_listen((uv_stream_t *)&listener, 16, on_connection);
	fg_fleet_add(setup.fleet, &(struct fg_host_options){"alpha", {.url = url, .timeout_ms = PATIENCE_MS}}, NULL);
}

static void finish(void)
{
	fg_fleet_unref(setup.fleet);
	config_destroy(setup.config);
	fg_registry_destroy(app.registry);
	fg_store_close(app.store);
	fg_http_finish();
	uv_close((uv_handle_t *)&listener, NULL);
	unlink(path);
	scratch_finish();
}

static void look(void)
{
	cleanup_today struct fg_today *today = fg_today_create(setup.config->templates, setup.config->defaults);
	cleanup_service_differences struct service_differences all = {0};
	struct command c = {.app = &app, .setup = &setup};
	struct fg_reconciled found;
	int64_t deadline;

	ok(fg_managed_reconcile(app.registry, setup.fleet, &found, &c.err) == 0 && found.adopted == SERVICES, "the registry has them");
	deadline = fg_task_deadline(fg_now_ms() + PATIENCE_MS);
	ok(service_differences_take(&c, today, (const char *[]){NULL}, 0, &all) == 0, "they are looked at");
	fg_task_deadline(deadline);
	is_int(waiting, SERVICES, "side by side");
	is_int((int64_t)all.n, SERVICES, "all of them");
	is_int((int64_t)all.strange, 0, "to the end");
	is_int((int64_t)all.drifted, SERVICES - 1, "and counted");
	for (size_t i = 0; i < all.n; i++) {
		const struct fg_drift *drift = &all.v[i].drift;
		cleanup_free char *name = fg_printf("web%zu", i), *have = fg_printf("net%zu", i);

		is_str(all.v[i].instance.name, name, "in their order");
		is_str(drift->n ? drift->v[0].have : NULL, i == 1 ? NULL : have, "each with what is its own");
	}
}

static void run(void *arg)
{
	(void)arg;
	begin();
	look();
	finish();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
