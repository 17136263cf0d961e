/*
 * An engine within the test, as far as the watch asks one: its containers, its last 256 events, and streams of them. It can
 * forget, fall silent and stand still on demand; what happens to containers can be kept from the streams.
 */
#ifndef FAKE_H
#define FAKE_H

#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"

#define FAKE_KEPT 256
#define FAKE_MOST 600

struct fake_container {
	char id[65], name[32], state[16], health[16];
	int exit_code;
	int restarts; /* by the engine itself */
	int64_t started_ns, ended_ns;
	bool there, oom;
	bool stuck; /* nobody gets to look at it */
};

struct fake_client {
	struct fg_list link;
	uv_pipe_t pipe;
	char in[16384];
	size_t len;
	bool stream, deaf; /* deaf: it gets nothing any more, and stays open */
};

static struct {
	uv_pipe_t listener;
	char path[64], url[80];
	const char *server; /* "Docker/…" or "Libpod/…" */
	struct fg_list clients;
	struct fake_container c[FAKE_MOST];
	int n;
	char *events[FAKE_KEPT]; /* a ring */
	int64_t times[FAKE_KEPT];
	int64_t made; /* events so far */
	int64_t now_ns; /* of the last event: each has a time of its own */
	int64_t ahead_ns; /* its clock is so much before ours */
	bool frozen;    /* it takes connections and says nothing */
	bool quiet;     /* what happens makes no events */
	int streams, inspects, lists;
} fake;

static inline int64_t fake_now_ns(void)
{
	struct timespec t;
	int64_t now;

	clock_gettime(CLOCK_REALTIME, &t);
	now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + fake.ahead_ns;
	fake.now_ns = now > fake.now_ns ? now : fake.now_ns + 1;
	return fake.now_ns;
}

/* The wire */

/* Its own clock's word, as Go's server gives it. */
static inline const char *fake_date(void)
{
	static char text[64];
	time_t now = (time_t)(fake_now_ns() / 1000000000);
	struct tm tm;

	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	return text;
}

struct fake_write {
	uv_write_t w;
	char *text;
	bool last;
};

static inline void fake_closed(uv_handle_t *h)
{
	struct fake_client *c = h->data;

	fg_list_remove(&c->link);
	free(c);
}

static inline void fake_hang_up(struct fake_client *c)
{
	if (!uv_is_closing((uv_handle_t *)&c->pipe))
		uv_close((uv_handle_t *)&c->pipe, fake_closed);
}

static inline void fake_written(uv_write_t *w, int status)
{
	struct fake_write *out = w->data;
	struct fake_client *c = w->handle->data;

	(void)status;
	if (out->last)
		fake_hang_up(c);
	free(out->text);
	free(out);
}

/* Takes text over. */
static inline void fake_send(struct fake_client *c, char *text, bool last)
{
	struct fake_write *out = fg_alloc(sizeof(*out));
	uv_buf_t buf = uv_buf_init(text, (unsigned)strlen(text));

	*out = (struct fake_write){.text = text, .last = last};
	out->w.data = out;
	uv_write(&out->w, (uv_stream_t *)&c->pipe, &buf, 1, fake_written);
}

static inline void fake_answer(struct fake_client *c, int status, const char *body)
{
	fake_send(c, fg_printf("HTTP/1.1 %d x\r\nServer: %s\r\nDate: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
		fake.server, fake_date(), strlen(body), body), true);
}

static inline void fake_chunk(struct fake_client *c, const char *line)
{
	fake_send(c, fg_printf("%zx\r\n%s\r\n", strlen(line), line), false);
}

/* Events */

static inline void fake_line(char *line, int64_t ns)
{
	struct fake_client *c;
	int at = (int)(fake.made++ % FAKE_KEPT);

	free(fake.events[at]);
	fake.events[at] = line;
	fake.times[at] = ns;
	fg_list_each (&fake.clients, c, link)
		if (c->stream && !c->deaf && !uv_is_closing((uv_handle_t *)&c->pipe))
			fake_chunk(c, line);
}

/* more: ",\"exitCode\":\"1\"" or "". */
static inline void fake_event(const struct fake_container *c, const char *action, const char *more)
{
	int64_t ns = fake_now_ns();

	if (fake.quiet)
		return;
	fake_line(fg_printf("{\"Type\":\"container\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":{\"tier\":\"web\","
		"\"image\":\"busybox\",\"name\":\"%s\"%s}},\"time\":%lld,\"timeNano\":%lld}\n", action, c->id, c->name, more,
		(long long)(ns / 1000000000), (long long)ns), ns);
}

/* One that is of no interest, but takes a place among those that are kept. */
static inline void fake_noise(void)
{
	int64_t ns = fake_now_ns();

	fake_line(fg_printf("{\"Type\":\"image\",\"Action\":\"tag\",\"Actor\":{\"ID\":\"x\",\"Attributes\":{}},\"timeNano\":%lld}\n",
		(long long)ns), ns);
}

/* What the engine would do on a restart. */
static inline void fake_forget(void)
{
	for (int i = 0; i < FAKE_KEPT; i++) {
		free(fake.events[i]);
		fake.events[i] = NULL;
	}
}

static inline void fake_cut(void)
{
	struct fake_client *c;

	fg_list_each (&fake.clients, c, link)
		if (c->stream)
			fake_hang_up(c);
}

static inline void fake_deafen(void)
{
	struct fake_client *c;

	fg_list_each (&fake.clients, c, link)
		c->deaf = c->stream;
}

/* Containers */

static inline struct fake_container *fake_find(const char *key)
{
	for (int i = 0; i < fake.n; i++)
		if (fake.c[i].there && (strcmp(fake.c[i].id, key) == 0 || strcmp(fake.c[i].name, key) == 0))
			return &fake.c[i];
	return NULL;
}

static inline struct fake_container *fake_create(const char *name)
{
	struct fake_container *c = &fake.c[fake.n++];

	*c = (struct fake_container){.there = true};
	snprintf(c->id, sizeof(c->id), "%032x%032x", fake.n, fake.n);
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->state, sizeof(c->state), "created");
	fake_event(c, "create", "");
	return c;
}

static inline void fake_start(struct fake_container *c)
{
	snprintf(c->state, sizeof(c->state), "running");
	c->started_ns = fake_now_ns();
	c->oom = false;
	usleep(2000);
	fake_event(c, "start", "");
}

static inline struct fake_container *fake_run(const char *name)
{
	struct fake_container *c = fake_create(name);

	fake_start(c);
	return c;
}

static inline void fake_kill(struct fake_container *c, int signal)
{
	char more[64];

	snprintf(more, sizeof(more), ",\"signal\":\"%d\"", signal);
	fake_event(c, "kill", more);
}

static inline void fake_die(struct fake_container *c, int code)
{
	char more[64];

	snprintf(c->state, sizeof(c->state), "exited");
	c->exit_code = code;
	c->ended_ns = fake_now_ns();
	usleep(2000);
	snprintf(more, sizeof(more), ",\"exitCode\":\"%d\"", code);
	fake_event(c, "die", more);
}

static inline void fake_remove(struct fake_container *c)
{
	c->there = false;
	fake_event(c, "destroy", "");
}

static inline void fake_stamp(char buf[64], int64_t ns)
{
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;
	size_t n;

	if (ns == 0) {
		snprintf(buf, 64, "0001-01-01T00:00:00Z");
		return;
	}
	gmtime_r(&s, &tm);
	n = strftime(buf, 64, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, 64 - n, ".%09dZ", (int)(ns % 1000000000));
}

static inline void fake_list(struct fake_client *client)
{
	struct fg_str out;
	bool any = false;

	fake.lists++;
	fg_str_init(&out, 1 << 20);
	fg_str_puts(&out, "[");
	for (int i = 0; i < fake.n; i++) {
		const struct fake_container *c = &fake.c[i];

		if (!c->there)
			continue;
		fg_str_printf(&out, "%s{\"Id\":\"%s\",\"Names\":[\"/%s\"],\"Image\":\"busybox\",\"State\":\"%s\",\"Status\":\"Up 1 second%s%s%s\","
			"\"Labels\":{\"tier\":\"web\"}}", any ? "," : "", c->id, c->name, c->state, *c->health ? " (" : "", c->health,
			*c->health ? ")" : "");
		any = true;
	}
	fg_str_puts(&out, "]");
	fake_answer(client, 200, out.s);
	fg_str_finish(&out);
}

static inline void fake_inspect(struct fake_client *client, const struct fake_container *c)
{
	char started[64], ended[64];
	cleanup_free char *text = NULL;

	fake.inspects++;
	if (c->stuck)
		return;
	fake_stamp(started, c->started_ns);
	fake_stamp(ended, c->ended_ns);
	text = fg_printf("{\"Id\":\"%s\",\"Name\":\"/%s\",\"Created\":\"2026-01-01T00:00:00Z\",\"RestartCount\":%d,\"State\":{\"Status\":\"%s\",\"ExitCode\":%d,"
		"\"OOMKilled\":%s,\"StartedAt\":\"%s\",\"FinishedAt\":\"%s\",\"Health\":{\"Status\":\"%s\"}},"
		"\"Config\":{\"Image\":\"busybox\",\"Labels\":{\"tier\":\"web\"}}}", c->id, c->name, c->restarts, c->state, c->exit_code,
		c->oom ? "true" : "false", started, ended, c->health);
	fake_answer(client, 200, text);
}

static inline void fake_stream(struct fake_client *client, const char *path)
{
	const char *since = strstr(path, "since=");
	int64_t from = INT64_MAX;
	char *end;

	if (since) {
		from = strtoll(since + 6, &end, 10) * 1000000000;
		from += *end == '.' ? strtoll(end + 1, NULL, 10) : 0;
	}
	fake.streams++;
	fake_send(client, fg_printf("HTTP/1.1 200 x\r\nServer: %s\r\nDate: %s\r\nTransfer-Encoding: chunked\r\n\r\n", fake.server,
		fake_date()), false);
	for (int64_t i = fake.made > FAKE_KEPT ? fake.made - FAKE_KEPT : 0; i < fake.made; i++)
		if (fake.events[i % FAKE_KEPT] && fake.times[i % FAKE_KEPT] >= from)
			fake_chunk(client, fake.events[i % FAKE_KEPT]);
	client->stream = true;
}

/* POST /containers/ID/VERB */
static inline void fake_act(struct fake_client *client, struct fake_container *c, const char *verb)
{
	if (strncmp(verb, "stop", 4) == 0) {
		fake_kill(c, 15);
		fake_die(c, 143);
		fake_event(c, "stop", "");
	} else if (strncmp(verb, "start", 5) == 0) {
		fake_start(c);
	} else if (strncmp(verb, "restart", 7) == 0) {
		fake_kill(c, 15);
		fake_die(c, 143);
		fake_start(c);
		fake_event(c, "restart", "");
	}
	fake_answer(client, 204, "");
}

static inline void fake_request(struct fake_client *client)
{
	char *path = strchr(client->in, ' ') + 1, *rest, *key;
	struct fake_container *c;
	bool post = client->in[0] == 'P';

	*strchr(path, ' ') = '\0';
	if (strncmp(path, "/v", 2) == 0 && (rest = strchr(path + 1, '/')))
		path = rest;
	if (fake.frozen)
		return;
	if (strcmp(path, "/ersion") == 0 || strstr(client->in, "/version")) {
		fake_answer(client, 200, "{\"Version\":\"20.10\",\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}");
		return;
	}
	if (strncmp(path, "/events", 7) == 0) {
		fake_stream(client, path);
	} else if (strncmp(path, "/containers/json", 16) == 0) {
		fake_list(client);
	} else if (strncmp(path, "/containers/", 12) == 0) {
		key = path + 12;
		rest = strchr(key, '/');
		if (rest)
			*rest++ = '\0';
		c = fake_find(key);
		if (!c)
			fake_answer(client, 404, "{\"message\":\"No such container\"}");
		else if (post)
			fake_act(client, c, rest);
		else
			fake_inspect(client, c);
	} else {
		fake_answer(client, 200, "OK");
	}
}

static inline void fake_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct fake_client *c = h->data;

	(void)size;
	*buf = uv_buf_init(c->in + c->len, (unsigned)(sizeof(c->in) - 1 - c->len));
}

static inline void fake_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct fake_client *c = s->data;

	(void)buf;
	if (n < 0) {
		fake_hang_up(c);
		return;
	}
	c->len += (size_t)n;
	c->in[c->len] = '\0';
	if (!c->stream && strstr(c->in, "\r\n\r\n"))
		fake_request(c);
}

static inline void fake_connected(uv_stream_t *s, int status)
{
	struct fake_client *c = fg_alloc(sizeof(*c));

	(void)status;
	uv_pipe_init(fg_loop(), &c->pipe, 0);
	c->pipe.data = c;
	fg_list_init(&c->link);
	fg_list_append(&fake.clients, &c->link);
	uv_accept(s, (uv_stream_t *)&c->pipe);
	uv_read_start((uv_stream_t *)&c->pipe, fake_alloc, fake_read);
}

static inline void fake_open(void)
{
	static int made;

	fake.server = "Docker/20.10 (linux)";
	fg_list_init(&fake.clients);
	snprintf(fake.path, sizeof(fake.path), "/tmp/fg-fake-%d-%d", (int)getpid(), made++);
	snprintf(fake.url, sizeof(fake.url), "unix://%s", fake.path);
	unlink(fake.path);
	signal(SIGPIPE, SIG_IGN); /* who asks may hang up before an answer */
	uv_pipe_init(fg_loop(), &fake.listener, 0);
	uv_pipe_bind(&fake.listener, fake.path);
	uv_listen((uv_stream_t *)&fake.listener, 64, fake_connected);
}

static inline void fake_close(void)
{
	struct fake_client *c;

	fg_list_each (&fake.clients, c, link)
		fake_hang_up(c);
	uv_close((uv_handle_t *)&fake.listener, NULL);
	fake_forget();
	unlink(fake.path);
}

#endif
