/*
 * A Bot API on a free loopback port, in threads of the test itself. Answers are scripted per method
 * and used up in order; then come plain good ones. Every request is written down with the time at
 * which it came.
 *
 * The threads and the test share the script and the log under one mutex; entries stay until
 * peer_reset().
 */
#ifndef TEST_PEER_H
#define TEST_PEER_H

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"

#define PEER_MOST 16384

struct peer_answer {
	const char *method;      /* NULL: any */
	int64_t chat;            /* 0: any */
	const char *text;        /* a part of the message's; NULL: any */
	unsigned status;         /* 0: 200 */
	const char *body;        /* NULL: the usual good answer */
	const char *retry_after; /* the header */
	bool drop;               /* the connection ends without an answer */
	bool truncate;           /* it ends in the middle of one */
	int delay_ms;
	int times; /* 0: once */
};

struct peer_request {
	char method[32];
	int64_t at_ms, chat;
	cJSON *params; /* NULL: it was no JSON */
	char *body;
	size_t len;
};

static struct {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;
	char url[64];
	struct peer_answer script[64];
	int scripted;
	struct peer_request log[PEER_MOST];
	int count, running, most_running;
	int64_t next_id;
	char *updates; /* the result of the next getUpdates */
} peer = {.lock = PTHREAD_MUTEX_INITIALIZER, .next_id = 1};

static inline void peer_script(struct peer_answer a)
{
	pthread_mutex_lock(&peer.lock);
	a.times = a.times ? a.times : 1;
	peer.script[peer.scripted++] = a;
	pthread_mutex_unlock(&peer.lock);
}

static inline void peer_reset(void)
{
	pthread_mutex_lock(&peer.lock);
	for (int i = 0; i < peer.count; i++) {
		cJSON_Delete(peer.log[i].params);
		free(peer.log[i].body);
	}
	memset(peer.log, 0, sizeof(peer.log[0]) * (size_t)peer.count);
	peer.count = peer.scripted = peer.most_running = 0;
	pthread_mutex_unlock(&peer.lock);
}

/* How many requests of that method there were; NULL: of all but getMe. */
static inline int peer_count(const char *method)
{
	int n = 0;

	pthread_mutex_lock(&peer.lock);
	for (int i = 0; i < peer.count; i++)
		n += method ? strcmp(peer.log[i].method, method) == 0
			    : strcmp(peer.log[i].method, "getMe") != 0;
	pthread_mutex_unlock(&peer.lock);
	return n;
}

/* The nth request of that method (NULL: of all but getMe), from 0; one without a method when there
 * is none. */
static inline const struct peer_request *peer_nth(const char *method, int nth)
{
	static const struct peer_request none;
	const struct peer_request *found = &none;

	pthread_mutex_lock(&peer.lock);
	for (int i = 0; i < peer.count && found == &none; i++) {
		bool fits = method ? strcmp(peer.log[i].method, method) == 0
				   : strcmp(peer.log[i].method, "getMe") != 0;

		if (fits && nth-- == 0)
			found = &peer.log[i];
	}
	pthread_mutex_unlock(&peer.lock);
	return found;
}

static inline const char *peer_text(const char *method, int nth)
{
	return fg_json_str(peer_nth(method, nth)->params, "text", "(none)");
}

static inline const char *peer_method(int nth)
{
	return peer_nth(NULL, nth)->method;
}

static inline bool peer_match(
	struct peer_answer *out, const char *method, int64_t chat, const char *text)
{
	bool found = false;

	pthread_mutex_lock(&peer.lock);
	for (int i = 0; i < peer.scripted && !found; i++) {
		struct peer_answer *a = &peer.script[i];

		if (a->times <= 0 || (a->method && strcmp(a->method, method) != 0) ||
			(a->chat && a->chat != chat) || (a->text && !strstr(text, a->text)))
			continue;
		a->times--;
		*out = *a;
		found = true;
	}
	pthread_mutex_unlock(&peer.lock);
	return found;
}

static inline void peer_nap(int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&ts, NULL);
}

/* The usual good answer; caller frees. */
static inline char *peer_good(const char *method, int wait_ms)
{
	char *s = NULL;

	if (strcmp(method, "getUpdates") == 0) {
		for (; wait_ms > 0 && !peer.updates; wait_ms -= 5)
			peer_nap(5);
		pthread_mutex_lock(&peer.lock);
		s = fg_printf("{\"ok\":true,\"result\":%s}", peer.updates ? peer.updates : "[]");
		free(fg_steal(&peer.updates));
		pthread_mutex_unlock(&peer.lock);
		return s;
	}
	if (strcmp(method, "getMe") == 0)
		return fg_strdup(
			"{\"ok\":true,\"result\":{\"id\":7000000001,\"is_bot\":true,\"username\":\"peer_bot\"}}");
	if (strncmp(method, "send", 4) == 0) {
		pthread_mutex_lock(&peer.lock);
		s = fg_printf("{\"ok\":true,\"result\":{\"message_id\":%lld}}",
			(long long)peer.next_id++);
		pthread_mutex_unlock(&peer.lock);
		return s;
	}
	return fg_strdup("{\"ok\":true,\"result\":true}");
}

static inline ssize_t peer_half(void *arg, uint64_t pos, char *buf, size_t max)
{
	static const char half[] = "{\"ok\":true,\"result\":{\"mess";

	(void)arg;
	if (pos >= sizeof(half) - 1)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (max > sizeof(half) - 1 - pos)
		max = sizeof(half) - 1 - (size_t)pos;
	memcpy(buf, half + pos, max);
	return (ssize_t)max;
}

static inline enum MHD_Result peer_answer_it(
	struct MHD_Connection *conn, const char *method, struct fg_str *body)
{
	struct peer_answer a = {0};
	struct peer_request rq = {
		.at_ms = fg_now_ms(), .body = fg_alloc(body->len + 1), .len = body->len};
	struct MHD_Response *response;
	enum MHD_Result rc;
	char *text;
	int wait_ms;

	memcpy(rq.body, body->s, body->len);
	snprintf(rq.method, sizeof(rq.method), "%s", method);
	rq.params = fg_json_parse(body->s, body->len, NULL);
	rq.chat = fg_json_i64(rq.params, "chat_id", 0);
	wait_ms = (int)fg_json_i64(rq.params, "timeout", 0) * 1000;
	peer_match(&a, method, rq.chat, fg_json_str(rq.params, "text", ""));
	/* A reset may free them from now on. */
	pthread_mutex_lock(&peer.lock);
	if (peer.count < PEER_MOST)
		peer.log[peer.count++] = rq;
	if (++peer.running > peer.most_running)
		peer.most_running = peer.running;
	pthread_mutex_unlock(&peer.lock);
	peer_nap(a.delay_ms);
	text = a.body                 ? fg_strdup(a.body)
	       : a.drop || a.truncate ? fg_strdup("")
				      : peer_good(method, wait_ms);
	pthread_mutex_lock(&peer.lock);
	peer.running--;
	pthread_mutex_unlock(&peer.lock);
	if (a.drop) {
		free(text);
		return MHD_NO;
	}
	if (a.truncate)
		response = MHD_create_response_from_callback(400, 64, peer_half, NULL, NULL);
	else
		response =
			MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_COPY);
	free(text);
	if (a.retry_after)
		MHD_add_response_header(response, "Retry-After", a.retry_after);
	rc = MHD_queue_response(conn, a.status ? a.status : 200, response);
	MHD_destroy_response(response);
	return rc;
}

static inline enum MHD_Result peer_on_request(void *arg, struct MHD_Connection *conn,
	const char *url, const char *verb, const char *version, const char *data, size_t *size,
	void **state)
{
	struct fg_str *body = *state;
	const char *method = strrchr(url, '/') + 1;

	(void)arg;
	(void)verb;
	(void)version;
	if (!body) {
		*state = body = malloc(sizeof(*body));
		fg_str_init(body, 64 * 1024 * 1024);
		return MHD_YES;
	}
	if (*size) {
		fg_str_add(body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	return peer_answer_it(conn, method, body);
}

static inline void peer_on_done(
	void *arg, struct MHD_Connection *conn, void **state, enum MHD_RequestTerminationCode code)
{
	struct fg_str *body = *state;

	(void)arg;
	(void)conn;
	(void)code;
	if (body)
		fg_str_finish(body);
	free(body);
}

static inline void peer_start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

	peer.daemon =
		MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0,
			NULL, NULL, peer_on_request, NULL, MHD_OPTION_SOCK_ADDR, &address,
			MHD_OPTION_NOTIFY_COMPLETED, peer_on_done, NULL, MHD_OPTION_END);
	if (!peer.daemon) {
		puts("Bail out! no HTTP server");
		exit(1);
	}
	snprintf(peer.url, sizeof(peer.url), "http://127.0.0.1:%u",
		(unsigned)MHD_get_daemon_info(peer.daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
}

static inline void peer_stop(void)
{
	MHD_stop_daemon(peer.daemon);
	peer_reset();
	free(fg_steal(&peer.updates));
}

/* Until there were n requests of the method, or 20 s are over. */
static inline bool peer_await(const char *method, int n)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (peer_count(method) < n && fg_now_ms() < deadline)
		fg_task_sleep(2, NULL);
	return peer_count(method) >= n;
}

#endif
