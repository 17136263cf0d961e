/* The pump: when libmicrohttpd runs, and for how long it waits. */
#include "fleetgram/base/task.h"
#include "http/pump.h"

#define RUNS 8          /* one after another, while there is more to do */
#define PAUSE_MAX_MS 64 /* when it only says so */

static void on_again(uv_timer_t *timer);

/* A pause is never none at all: libuv runs a timer that is due at once again before all else. */
static void run(struct pump *p)
{
	MHD_UNSIGNED_LONG_LONG wait = 0;
	bool more = true;

	p->moved = false;
	for (int i = 0; i < RUNS && more && wait == 0; i++) {
		p->left = false;
		MHD_run(p->daemon);
		more = p->left || MHD_get_timeout(p->daemon, &wait) == MHD_YES;
	}
	if (p->moved)
		p->pause_ms = 1;
	else if (p->pause_ms < PAUSE_MAX_MS)
		p->pause_ms *= 2;
	if (more)
		uv_timer_start(&p->again, on_again, wait ? wait : p->pause_ms, 0);
	else
		uv_timer_stop(&p->again);
}

static void on_again(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct pump *p = poll->data;

	(void)status;
	(void)events;
	p->pause_ms = 1;
	run(p);
}

void pump_open(struct pump *pump, struct MHD_Daemon *daemon)
{
	int fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

	pump->daemon = daemon;
	pump->pause_ms = 1;
	uv_poll_init(fg_loop(), &pump->poll, fd);
	uv_timer_init(fg_loop(), &pump->again);
	pump->poll.data = pump->again.data = pump;
	uv_poll_start(&pump->poll, UV_READABLE, on_poll);
}

void pump_soon(struct pump *pump)
{
	pump->pause_ms = 1;
	uv_timer_start(&pump->again, on_again, 0, 0);
}

void pump_stop(struct pump *pump)
{
	uv_poll_stop(&pump->poll);
	uv_timer_stop(&pump->again);
}

void pump_close(struct pump *pump, uv_close_cb done, void *arg)
{
	pump->poll.data = pump->again.data = arg;
	uv_close((uv_handle_t *)&pump->poll, done);
	uv_close((uv_handle_t *)&pump->again, done);
}
