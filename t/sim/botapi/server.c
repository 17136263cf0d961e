/* Runs libmicrohttpd on the libuv loop and keeps the exchanges that wait for their answer. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct {
	struct MHD_Daemon *daemon;
	uv_poll_t readable;
	uv_timer_t library, clock;
	void (*route)(struct exchange *x);
	struct exchange *parked;
	bool running, again, stopping;
} server;

uint64_t server_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int64_t server_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void on_library_timer(uv_timer_t *timer);

/* Lets the library work until nothing is left that it could do now. */
static void run(void)
{
	MHD_UNSIGNED_LONG_LONG wait;

	server.running = true;
	do {
		server.again = false;
		MHD_run(server.daemon);
	} while (server.again);
	server.running = false;
	uv_timer_stop(&server.library);
	if (!server.stopping && MHD_get_timeout(server.daemon, &wait) == MHD_YES)
		uv_timer_start(&server.library, on_library_timer, wait, 0);
}

static void on_library_timer(uv_timer_t *timer)
{
	(void)timer;
	run();
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)poll;
	(void)status;
	(void)events;
	run();
}

static void on_clock(uv_timer_t *timer);

static void set_clock(void)
{
	uint64_t nearest = 0, now = server_now();

	for (const struct exchange *x = server.parked; x; x = x->next)
		if (x->deadline && (!nearest || x->deadline < nearest))
			nearest = x->deadline;
	uv_timer_stop(&server.clock);
	if (!nearest || server.stopping)
		return;
	uv_update_time(server.clock.loop);
	uv_timer_start(&server.clock, on_clock, nearest > now ? nearest - now : 0, 0);
}

static void on_clock(uv_timer_t *timer)
{
	uint64_t now = server_now();
	struct exchange *x, *next;

	(void)timer;
	for (x = server.parked; x; x = next) {
		next = x->next;
		if (x->deadline && x->deadline <= now) {
			x->deadline = 0;
			x->wake(x);
		}
	}
	set_clock();
	run();
}

void exchange_park(struct exchange *x, uint64_t deadline, void (*wake)(struct exchange *x))
{
	x->deadline = deadline;
	x->wake = wake;
	if (!x->parked) {
		x->parked = true;
		x->prev = NULL;
		x->next = server.parked;
		if (x->next)
			x->next->prev = x;
		server.parked = x;
	}
	set_clock();
}

void exchange_deadline(struct exchange *x, uint64_t deadline)
{
	x->deadline = deadline;
	set_clock();
}

static void unpark(struct exchange *x)
{
	if (x->next)
		x->next->prev = x->prev;
	if (x->prev)
		x->prev->next = x->next;
	else
		server.parked = x->next;
	x->parked = false;
	MHD_resume_connection(x->conn);
	/* Not from here: whoever answers may still have the exchange in hand. */
	if (server.running)
		server.again = true;
	else if (!server.stopping)
		uv_timer_start(&server.library, on_library_timer, 0, 0);
}

void exchange_answer(struct exchange *x, struct answer answer)
{
	x->answer = answer;
	x->ready = true;
	if (x->parked)
		unpark(x);
}

void exchange_poke_all(void)
{
	struct exchange *x, *next;

	for (x = server.parked; x; x = next) {
		next = x->next;
		if (x->poke)
			x->poke(x);
	}
}

void exchange_drop_hung(void)
{
	struct exchange *x, *next;

	for (x = server.parked; x; x = next) {
		next = x->next;
		if (!x->deadline && !x->poke)
			exchange_answer(x, (struct answer){.ending = ENDING_DROPPED});
	}
}

static int socket_of(const struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

bool exchange_is_gone(const struct exchange *x)
{
	char byte;
	ssize_t n = recv(socket_of(x), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* Gives the first half of the body, and breaks off where the second should begin. */
static ssize_t give_half(void *cls, uint64_t pos, char *out, size_t max)
{
	const struct answer *answer = cls;
	size_t half = answer->size / 2, n;

	if (pos >= half)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = half - (size_t)pos < max ? half - (size_t)pos : max;
	memcpy(out, answer->body + pos, n);
	return (ssize_t)n;
}

static enum MHD_Result send_answer(struct exchange *x)
{
	struct answer *a = &x->answer;
	struct linger now = {.l_onoff = 1};
	struct MHD_Response *response;
	enum MHD_Result result;
	char seconds[24];

	if (a->ending == ENDING_DROPPED) {
		/* With no linger the peer sees a reset, as it would from a dying server. */
		setsockopt(socket_of(x), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		return MHD_NO;
	}
	if (a->ending == ENDING_TRUNCATED) {
		response = MHD_create_response_from_callback(a->size, 4096, give_half, a, NULL);
	} else {
		response = MHD_create_response_from_buffer(a->size, a->body, MHD_RESPMEM_MUST_FREE);
		a->body = NULL;
	}
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", a->type ? a->type : "application/json");
	if (a->retry_after > 0) {
		snprintf(seconds, sizeof(seconds), "%lld", (long long)a->retry_after);
		MHD_add_response_header(response, "Retry-After", seconds);
	}
	result = MHD_queue_response(x->conn, a->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result open_exchange(
        struct MHD_Connection *conn, const char *url, const char *verb, void **state)
{
	struct exchange *x = need(calloc(1, sizeof(*x)));

	x->conn = conn;
	x->path = copy_text(url);
	x->verb = copy_text(verb);
	*state = x;
	/* A client that sends head and body apart may be waiting for this one's delayed
	 * acknowledgement. */
	setsockopt(socket_of(x), IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
	return request_begin(x) ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
        const char *verb, const char *version, const char *data, size_t *size, void **state)
{
	struct exchange *x = *state;

	(void)cls;
	(void)version;
	if (!x)
		return open_exchange(conn, url, verb, state);
	if (*size) {
		request_feed(x, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (!x->routed) {
		x->routed = true;
		request_end(x);
		server.route(x);
	}
	if (x->ready)
		return send_answer(x);
	if (!x->parked)
		return MHD_NO;
	MHD_suspend_connection(conn);
	return MHD_YES;
}

static void on_completed(
        void *cls, struct MHD_Connection *conn, void **state, enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *state;

	(void)cls;
	(void)conn;
	(void)why;
	if (!x)
		return;
	*state = NULL;
	request_finish(x);
	free(x->path);
	free(x->verb);
	free(x->answer.body);
	free(x->later.body);
	free(x);
}

int server_start(uv_loop_t *loop, uint16_t port, void (*route)(struct exchange *x))
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	const union MHD_DaemonInfo *info;
	int fd;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.route = route;
	server.daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, port, NULL, NULL,
	        on_request, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED,
	        on_completed, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)262144,
	        MHD_OPTION_END);
	if (!server.daemon)
		return -EADDRINUSE;
	info = MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_EPOLL_FD);
	fd = info ? info->epoll_fd : -1;
	if (fd < 0 || uv_poll_init(loop, &server.readable, fd) < 0)
		return -EBADF;
	uv_timer_init(loop, &server.library);
	uv_timer_init(loop, &server.clock);
	uv_poll_start(&server.readable, UV_READABLE, on_readable);
	info = MHD_get_daemon_info(server.daemon, MHD_DAEMON_INFO_BIND_PORT);
	return info ? info->port : -EBADF;
}

void server_stop(void)
{
	server.stopping = true;
	while (server.parked)
		exchange_answer(server.parked, (struct answer){.ending = ENDING_DROPPED});
	run();
	uv_close((uv_handle_t *)&server.readable, NULL);
	uv_close((uv_handle_t *)&server.library, NULL);
	uv_close((uv_handle_t *)&server.clock, NULL);
	MHD_stop_daemon(server.daemon);
	server.daemon = NULL;
}
