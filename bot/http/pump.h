/*
 * The pump: what makes libmicrohttpd work, on the one loop.
 *
 * It is run when its epoll descriptor is ready, and again when it says that it has more to do
 * although no descriptor will tell. What it does not say: at its limit it stops to listen, and
 * begins again only with its next run after a connection has ended. And it says that it has more to
 * do for as long as a client hesitates within its TLS handshake (0.9.75): where a run led to
 * nothing, the next one waits longer.
 */
#ifndef BOT_HTTP_PUMP_H
#define BOT_HTTP_PUMP_H

#include <stdbool.h>
#include <uv.h>
#include <microhttpd.h>

#define PUMP_HANDLES 2 /* that pump_close() closes */

struct pump {
	bool left;  /* to be set when a connection has ended */
	bool moved; /* to be set when anything has come of a run */
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t again;
	uint64_t pause_ms;
};

void pump_open(struct pump *pump, struct MHD_Daemon *daemon);
void pump_soon(
	struct pump *pump); /* when no descriptor tells, as for a connection that was resumed */
void pump_stop(struct pump *pump); /* before the daemon stops */
/* After it; done is called for each handle, whose data is arg then. */
void pump_close(struct pump *pump, uv_close_cb done, void *arg);

#endif
