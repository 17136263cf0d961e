/* The side listener: the age of every connection, who waits for a picture, and TLS. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fleetgram/base/list.h"
#include "fleetgram/base/mem.h"
#include "http/certificate.h"
#include "http/feed.h"
#include "http/listener.h"
#include "http/pump.h"
#include "http/routes.h"
#include "http/socket.h"

#define GOODBYE_RUNS 8 /* libmicrohttpd takes a few to send what is there, and to close */

/* What a connection is at, each with its own limit in time. */
enum phase { ASKING, ANSWERING, PHASES };

static const int64_t phase_ms[PHASES] = {
	[ASKING] = LISTENER_REQUEST_MS,
	[ANSWERING] = LISTENER_ANSWER_MS,
};

struct client {
	struct listener *listener;
	struct MHD_Connection *connection;
	struct fg_list
		aging; /* in listener.phases[…], oldest first; on none when it was hung up on */
	struct fg_list waiting;    /* in listener.waiting while it is suspended */
	struct certificate *shown; /* NULL: none was, or not yet */
	int64_t since_ms;
	int fd;
	size_t body;
	bool waited, fresh;
};

struct listener {
	struct app *app;
	struct MHD_Daemon *daemon;
	char *listen; /* as the config had it */
	struct listen_socket socket;
	struct certificate *certificate; /* for who connects now; NULL: no TLS */
	struct routes routes;
	struct fg_list phases[PHASES], waiting;
	struct fg_task *prober; /* ended or not; NULL: none yet */
	bool probing, closing;
	int clients;
	int64_t crowded_ms; /* until then who wants a picture is one of those who had to wait */
	struct pump pump;
	uv_timer_t aging;
	int open_handles;
};

static int64_t loop_ms(void)
{
	return (int64_t)uv_now(fg_loop());
}

/* The age of connections */

static void on_aging(uv_timer_t *timer);

/* The next look is when the oldest can be too old; one that has gone meanwhile costs one look. */
static void watch_ages(struct listener *l)
{
	int64_t due = INT64_MAX;

	if (uv_is_active((uv_handle_t *)&l->aging))
		return;
	for (int i = 0; i < PHASES; i++) {
		struct client *oldest = fg_list_first(&l->phases[i], struct client, aging);

		if (!fg_list_empty(&l->phases[i]) && oldest->since_ms + phase_ms[i] < due)
			due = oldest->since_ms + phase_ms[i];
	}
	if (due != INT64_MAX)
		uv_timer_start(
			&l->aging, on_aging, due > loop_ms() ? (uint64_t)(due - loop_ms()) : 0, 0);
}

/* Libmicrohttpd owns the descriptor; told that it is at its end, it closes the connection. */
static void on_aging(uv_timer_t *timer)
{
	struct listener *l = timer->data;

	for (int i = 0; i < PHASES; i++)
		while (!fg_list_empty(&l->phases[i])) {
			struct client *client = fg_list_first(&l->phases[i], struct client, aging);

			if (client->since_ms + phase_ms[i] > loop_ms())
				break;
			fg_list_remove(&client->aging);
			shutdown(client->fd, SHUT_RDWR);
		}
	watch_ages(l);
}

static void enter(struct client *client, enum phase phase)
{
	fg_list_remove(&client->aging);
	client->since_ms = loop_ms();
	fg_list_append(&client->listener->phases[phase], &client->aging);
	watch_ages(client->listener);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct client *client = *context;

	((struct listener *)arg)->pump.moved = true;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		client = fg_alloc(sizeof(*client));
		client->listener = arg;
		client->connection = connection;
		client->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				     ->connect_fd;
		fg_list_init(&client->aging);
		fg_list_init(&client->waiting);
		*context = client;
		client->listener->clients++;
		enter(client, ASKING);
	} else if (client) {
		client->listener->pump.left = true;
		client->listener->clients--;
		fg_list_remove(&client->aging);
		fg_list_remove(&client->waiting);
		certificate_unref(client->shown);
		free(client);
		*context = NULL;
	}
}

/* The one of the time of the handshake; the session has ended when its client does. */
static int on_handshake(gnutls_session_t session, const gnutls_datum_t *authorities, int count,
	const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain,
	unsigned int *length, gnutls_privkey_t *key)
{
	struct MHD_Connection *connection = gnutls_session_get_ptr(session);
	struct client *client =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
			->socket_context;

	(void)authorities;
	(void)count;
	(void)algorithms;
	(void)algorithm_count;
	if (!client)
		return -1;
	client->listener->pump.moved = true;
	certificate_unref(client->shown);
	client->shown = certificate_ref(client->listener->certificate);
	certificate_show(client->shown, chain, length, key);
	return 0;
}

/* No descriptor tells that somebody was resumed. */
static void run_soon(void *arg)
{
	struct listener *l = arg;

	if (!l->closing)
		pump_soon(&l->pump);
}

/* Waiting for a picture */

static void probe(void *arg)
{
	struct listener *l = arg;
	bool fresh = health_probe(l->app->health, NULL) == 0;

	l->probing = false;
	l->crowded_ms =
		fresh && l->clients >= LISTENER_CONNECTIONS ? loop_ms() + LISTENER_CROWD_MS : 0;
	while (!fg_list_empty(&l->waiting)) {
		struct client *client = fg_list_first(&l->waiting, struct client, waiting);

		fg_list_remove(&client->waiting);
		client->waited = true;
		client->fresh = fresh;
		MHD_resume_connection(client->connection);
	}
	run_soon(l);
}

static void wait_for_picture(struct client *client)
{
	struct listener *l = client->listener;

	MHD_suspend_connection(client->connection);
	fg_list_append(&l->waiting, &client->waiting);
	if (l->probing)
		return;
	if (l->prober)
		fg_task_detach(l->prober);
	l->probing = true;
	l->prober = fg_task_spawn("http: probe", probe, l);
}

/* Requests */

static enum MHD_Result begin(struct client *client, struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	client->body = 0;
	client->waited = client->fresh = false;
	/* Answered before the body is read, the connection is closed after it. */
	if (length && strtoull(length, NULL, 10) > LISTENER_BODY_MAX) {
		enter(client, ANSWERING);
		return answer_error(connection, MHD_HTTP_CONTENT_TOO_LARGE,
			"no body is wanted here", NULL, NULL);
	}
	return MHD_YES;
}

/* Whoever asks while it closes: nobody may be suspended any more, and nothing begun. */
static enum MHD_Result turn_away(struct MHD_Connection *connection)
{
	return answer_error(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
		"the bot stops, or listens elsewhere", MHD_HTTP_HEADER_CONNECTION, "close");
}

/* Called once when the head is read, for each piece of a body, and once when all is there: only
 * that call answers. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **state)
{
	struct listener *l = arg;
	struct client *client = *state;
	struct routes_request rq = {connection, url, method, version, 0, false, false};
	enum routes_result result;

	(void)data;
	l->pump.moved = true;
	if (l->closing && *size == 0)
		return turn_away(connection);
	if (!client) {
		client = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
				 ->socket_context;
		*state = client;
		return begin(client, connection);
	}
	if (*size > 0) {
		client->body += *size;
		*size = 0;
		/* A stream without an end is cut off; what is only too long is told so. */
		return client->body > LISTENER_BODY_CUT ? MHD_NO : MHD_YES;
	}
	if (!client->waited)
		enter(client, ANSWERING);
	rq.body = client->body;
	rq.waited = client->waited || l->app->stopping;
	rq.fresh = client->fresh;
	result = routes_answer(&l->routes, &rq);
	if (result == ROUTES_WAITS && loop_ms() < l->crowded_ms) {
		rq.waited = rq.fresh = true;
		result = routes_answer(&l->routes, &rq);
	}
	switch (result) {
	case ROUTES_ANSWERED:
		return MHD_YES;
	case ROUTES_STREAMS:
		fg_list_remove(&client->aging);
		return MHD_YES;
	case ROUTES_WAITS:
		wait_for_picture(client);
		return MHD_YES;
	default:
		return MHD_NO;
	}
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode why)
{
	struct client *client = *state;

	(void)connection;
	(void)why;
	((struct listener *)arg)->pump.moved = true;
	*state = NULL;
	if (!client)
		return;
	fg_list_remove(&client->waiting);
	if (!client->listener->closing)
		enter(client, ASKING);
}

/* Paths and queries stay as they were sent: an encoded one is another one. */
static size_t leave_escaped(void *arg, struct MHD_Connection *connection, char *s)
{
	(void)arg;
	(void)connection;
	return strlen(s);
}

/* Start and stop */

static struct MHD_Daemon *daemon_start(struct listener *l)
{
	static const char versions[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)versions},
		{MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)on_handshake},
		{MHD_OPTION_END, 0, NULL},
	};
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;

	if (l->certificate)
		flags |= MHD_USE_TLS;
	else
		tls[0].option = MHD_OPTION_END;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, l, MHD_OPTION_ARRAY, tls,
		MHD_OPTION_LISTEN_SOCKET, l->socket.fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)LISTENER_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		(unsigned int)LISTENER_PER_ADDRESS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)LISTENER_POOL, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, l, MHD_OPTION_END);
}

static void on_closed(uv_handle_t *handle)
{
	struct listener *l = handle->data;

	if (--l->open_handles == 0)
		free(l);
}

static struct listener *prepare(struct app *app)
{
	const struct config *config = app->setup->config;
	struct listener *l = fg_alloc(sizeof(*l));

	l->app = app;
	l->listen = fg_strdup(config->http.listen);
	l->certificate = certificate_ref(config->http.certificate);
	fg_list_init(&l->waiting);
	for (int i = 0; i < PHASES; i++)
		fg_list_init(&l->phases[i]);
	routes_init(&l->routes, app);
	l->routes.stream = (struct feed_listener){.wake = run_soon, .arg = l};
	l->routes.local = config->http.unix_path || config->http.loopback;
	l->routes.check_host = config->http.loopback && !config->http.unix_path;
	return l;
}

static void discard(struct listener *l)
{
	socket_finish(&l->socket);
	certificate_unref(l->certificate);
	free(l->listen);
	free(l);
}

/* before: one at the same address that ends soon, and whose socket goes over; or NULL. */
static struct listener *start(struct app *app, struct listener *before, struct fg_err *err)
{
	const struct config *config = app->setup->config;
	struct listener *l;

	l = prepare(app);
	if (before ? socket_share(&before->socket, config, &l->socket, err) < 0
		   : socket_listen(config, &l->socket, err) < 0) {
		fg_wrap(err, "http.listen");
		discard(l);
		return NULL;
	}
	l->daemon = daemon_start(l);
	if (!l->daemon) {
		fg_fail(err, FG_EIO, "http.listen: libmicrohttpd does not start");
		if (before)
			socket_leave(&l->socket);
		discard(l);
		return NULL;
	}
	pump_open(&l->pump, l->daemon);
	uv_timer_init(fg_loop(), &l->aging);
	l->aging.data = l;
	l->open_handles = PUMP_HANDLES + 1;
	fg_info("health checks are answered at %s", l->socket.title);
	return l;
}

struct listener *listener_create(struct app *app, struct fg_err *err)
{
	return start(app, NULL, err);
}

static bool same_address(const struct listener *l, const struct config *config)
{
	return strcmp(l->listen, config->http.listen) == 0;
}

static int replace(struct listener **listener, struct app *app, struct fg_err *err)
{
	const struct config *config = app->setup->config;
	struct listener *old = *listener, *fresh;
	bool stays = old && same_address(old, config);

	fresh = start(app, stays ? old : NULL, err);
	if (!fresh)
		return -1;
	if (stays) {
		close(MHD_quiesce_daemon(old->daemon));
		socket_leave(&old->socket);
	}
	listener_destroy(old);
	*listener = fresh;
	return 0;
}

int listener_renew(struct listener **listener, struct app *app, struct fg_err *err)
{
	const struct config *config = app->setup->config;
	struct listener *l = *listener;

	if (!*config->http.listen) {
		listener_destroy(l);
		*listener = NULL;
		return 0;
	}
	if (!l || !same_address(l, config) || !l->certificate != !config->http.certificate)
		return replace(listener, app, err);
	certificate_unref(l->certificate);
	l->certificate = certificate_ref(config->http.certificate);
	return 0;
}

void listener_destroy(struct listener *l)
{
	if (!l)
		return;
	l->closing = true;
	if (l->prober) {
		fg_task_cancel(l->prober);
		fg_task_join(l->prober);
	}
	/* The prober let go of all that waited, and so does the feed; none may be suspended now. */
	feed_close(health_feed(l->app->health), &l->routes.stream);
	for (int i = 0; i < GOODBYE_RUNS && feed_listeners(health_feed(l->app->health)); i++)
		MHD_run(l->daemon);
	pump_stop(&l->pump);
	MHD_stop_daemon(l->daemon);
	routes_finish(&l->routes);
	socket_finish(&l->socket);
	certificate_unref(l->certificate);
	free(l->listen);
	pump_close(&l->pump, on_closed, l);
	uv_close((uv_handle_t *)&l->aging, on_closed);
}
