/*
 * libcurl's multi handle on the loop: its sockets are watched by uv_poll, its time-outs by one
 * uv_timer.
 *
 * Finished transfers are collected after every socket action, the timer's too, since a time-out
 * finishes one without any socket.
 */
#include <stdio.h>
#include <stdlib.h>
#include "curl.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"

#define KEPT_IDLE 128L /* connections: as many hosts as are asked side by side each have theirs */

static struct {
	CURLM *multi;
	uv_timer_t *timer; /* on the heap: it is closed later than the client ends */
	long transfers;    /* under way */
} client;

struct watch {
	uv_poll_t poll;
	curl_socket_t fd;
	int events; /* of libuv's, that are waited for */
};

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void collect(void)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(client.multi, &left)) != NULL) {
		struct curl_transfer *t = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		t->done = true;
		t->result = msg->data.result;
		t->on_done(t);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = FG_CONTAINER_OF(poll, struct watch, poll);
	int flags = 0, running;

	/* Something may have arrived before the error, and is what tells why: an alert of TLS. curl
	 * meets the error itself when it reads on. */
	if (status < 0)
		flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(client.multi, w->fd, flags, &running);
	/* An error has stopped it, and there may be more to read. */
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
		uv_poll_start(poll, w->events, on_poll);
	collect();
}

static void on_timer(uv_timer_t *timer)
{
	int running;

	(void)timer;
	curl_multi_socket_action(client.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect();
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(FG_CONTAINER_OF((uv_poll_t *)handle, struct watch, poll));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct watch *w = socket_arg;
	int events = 0;

	(void)easy;
	(void)arg;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			uv_poll_stop(&w->poll);
			uv_close((uv_handle_t *)&w->poll, on_watch_closed);
			curl_multi_assign(client.multi, fd, NULL);
		}
		return 0;
	}
	if (!w) {
		w = fg_alloc(sizeof(*w));
		w->fd = fd;
		if (uv_poll_init_socket(fg_loop(), &w->poll, fd) < 0) {
			free(w);
			return -1;
		}
		curl_multi_assign(client.multi, fd, w);
	}
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	w->events = events;
	uv_poll_start(&w->poll, events, on_poll);
	return 0;
}

static int on_timeout(CURLM *multi, long ms, void *arg)
{
	(void)multi;
	(void)arg;
	if (ms < 0)
		uv_timer_stop(client.timer);
	else
		uv_timer_start(client.timer, on_timer, (uint64_t)ms, 0);
	return 0;
}

static void client_init(void)
{
	if (client.multi)
		return;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
		(client.multi = curl_multi_init()) == NULL) {
		fputs("fleetgram: cannot start libcurl\n", stderr);
		abort();
	}
	client.timer = fg_alloc(sizeof(*client.timer));
	uv_timer_init(fg_loop(), client.timer);
	curl_multi_setopt(client.multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(client.multi, CURLMOPT_TIMERFUNCTION, on_timeout);
}

/*
 * libcurl counts those in use among the kept ones, and a stream uses its own for as long as it
 * lives: with a fixed number, enough streams would leave no connection for anybody else to keep.
 */
static void count_transfer(long more)
{
	client.transfers += more;
	curl_multi_setopt(client.multi, CURLMOPT_MAXCONNECTS, client.transfers + KEPT_IDLE);
}

int curl_add(struct curl_transfer *t)
{
	client_init();
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, (char *)t);
	count_transfer(+1);
	return curl_multi_add_handle(client.multi, t->easy) == CURLM_OK ? 0 : -1;
}

void curl_go_on(struct curl_transfer *t)
{
	/* A part of a form that has asked for a pause keeps asking until one has ended. */
	curl_easy_pause(t->easy, CURLPAUSE_SEND);
	curl_easy_pause(t->easy, CURLPAUSE_CONT);
	on_timer(client.timer);
}

void curl_remove(struct curl_transfer *t)
{
	curl_multi_remove_handle(client.multi, t->easy);
	count_transfer(-1);
}

void fg_http_finish(void)
{
	if (!client.multi)
		return;
	curl_multi_cleanup(client.multi);
	client.multi = NULL;
	uv_close((uv_handle_t *)client.timer, free_handle);
	client.timer = NULL;
	curl_global_cleanup();
}
