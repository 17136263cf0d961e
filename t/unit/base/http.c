/* The HTTP client against a server that does exactly what each test tells it to. */
#include <stdlib.h>
#include <unistd.h>
#include "fleetgram/base/http.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "tap.h"

#define STREAMS 150
#define BIG ((size_t)8 * 1024 * 1024)

/* What the server does with a request: answer with bytes, or one of these. */
static struct {
	const char *answer;
	bool hang, reset, close_after, big;
	bool early; /* the headers of the answer leave before the request is whole */
	int requests, connections;
	struct fg_str seen;
	size_t written;
} script;

struct peer {
	uv_tcp_t tcp;
	struct fg_str in;
	size_t left;	/* of a big answer */
};

static struct peer *newest; /* of the connections */
static uv_tcp_t server;
static char base[64];
static char filler[65536];

static void on_closed(uv_handle_t *handle)
{
	struct peer *p = FG_CONTAINER_OF((uv_tcp_t *)handle, struct peer, tcp);

	fg_str_finish(&p->in);
	free(p);
}

static void hang_up(struct peer *p)
{
	if (!uv_is_closing((uv_handle_t *)&p->tcp))
		uv_close((uv_handle_t *)&p->tcp, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	static char space[65536];

	(void)handle;
	(void)size;
	*buf = uv_buf_init(space, sizeof(space));
}

static void send_more(struct peer *p);

static void on_written(uv_write_t *req, int status)
{
	struct peer *p = FG_CONTAINER_OF((uv_tcp_t *)req->handle, struct peer, tcp);

	free(req);
	if (status < 0)
		return;
	if (p->left)
		send_more(p);
	else if (script.close_after)
		hang_up(p);
}

static void put(struct peer *p, const char *data, size_t len)
{
	uv_buf_t buf = uv_buf_init((char *)data, (unsigned)len);

	uv_write(fg_alloc(sizeof(uv_write_t)), (uv_stream_t *)&p->tcp, &buf, 1, on_written);
}

static void send_more(struct peer *p)
{
	size_t n = p->left < sizeof(filler) ? p->left : sizeof(filler);

	p->left -= n;
	script.written += n;
	put(p, filler, n);
}

static void on_request(struct peer *p)
{
	script.requests++;
	fg_str_reset(&script.seen);
	fg_str_add(&script.seen, p->in.s, p->in.len);
	fg_str_reset(&p->in);
	if (script.reset) {
		uv_tcp_close_reset(&p->tcp, on_closed);
	} else if (script.big) {
		cleanup_free char *head = fg_printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", BIG);

		p->left = BIG;
		uv_buf_t buf = uv_buf_init(head, (unsigned)strlen(head));
		uv_try_write((uv_stream_t *)&p->tcp, &buf, 1);
		send_more(p);
	} else if (script.early) {
		put(p, "ok", 2);
	} else if (!script.hang) {
		put(p, script.answer, strlen(script.answer));
	}
}

static bool complete(const struct fg_str *in)
{
	const char *end = strstr(in->s, "\r\n\r\n"), *length = strstr(in->s, "Content-Length: ");

	if (!end)
		return false;
	if (!length || length > end)
		return !strstr(in->s, "Transfer-Encoding") || strstr(in->s, "\r\n0\r\n\r\n");
	return in->len - (size_t)(end + 4 - in->s) >= strtoul(length + 16, NULL, 10);
}

static void on_bytes(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct peer *p = FG_CONTAINER_OF((uv_tcp_t *)stream, struct peer, tcp);

	if (n < 0) {
		hang_up(p);
		return;
	}
	if (script.early && p->in.len == 0)
		put(p, script.answer, strlen(script.answer));
	fg_str_add(&p->in, buf->base, (size_t)n);
	if (complete(&p->in))
		on_request(p);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct peer *p = fg_alloc(sizeof(*p));

	(void)status;
	script.connections++;
	fg_str_init(&p->in, 1 << 20);
	uv_tcp_init(fg_loop(), &p->tcp);
	uv_accept(listener, (uv_stream_t *)&p->tcp);
	newest = p;
	uv_read_start((uv_stream_t *)&p->tcp, on_alloc, on_bytes);
}

static void serve(void)
{
	struct sockaddr_in addr;
	int len = sizeof(addr);

	uv_ip4_addr("127.0.0.1", 0, &addr);
	uv_tcp_init(fg_loop(), &server);
	uv_tcp_bind(&server, (struct sockaddr *)&addr, 0);
	uv_listen((uv_stream_t *)&server, 16, on_connection);
	uv_tcp_getsockname(&server, (struct sockaddr *)&addr, &len);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d/", ntohs(addr.sin_port));
	fg_str_init(&script.seen, 1 << 20);
}

static int ask(struct fg_http_request *rq, struct fg_http_response *rs, struct fg_err *err)
{
	rq->url = base;
	if (!rq->timeout_ms)
		rq->timeout_ms = 5000;
	return fg_http_perform(rq, rs, err);
}

static void test_answers(void)
{
	cleanup_response struct fg_http_response rs = {0};
	struct fg_http_request get = {0}, post = {.body = "hello", .body_len = 5};
	struct fg_err err;

	script.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: a/b\r\nServer: S\r\n\r\nhi";
	is_int(ask(&get, &rs, &err), 0, "a GET");
	ok(rs.status == 200 && rs.sent && strcmp(rs.body.s, "hi") == 0, "its status and body");
	ok(strcmp(rs.content_type, "a/b") == 0 && strcmp(rs.server, "S") == 0, "its headers");
	fg_http_response_finish(&rs);
	is_int(ask(&post, &rs, &err), 0, "a POST");
	ok(strstr(script.seen.s, "POST / ") && strstr(script.seen.s, "\r\n\r\nhello"), "arrives with its body");
	ok(!strstr(script.seen.s, "Expect:"), "without waiting for 100 Continue");
	is_int(script.connections, 1, "on the same connection");
	fg_http_response_finish(&rs);
	script.answer = "HTTP/1.1 429 Slow\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\nbusy";
	is_int(ask(&get, &rs, &err), 0, "an error status is no error here");
	ok(rs.status == 429 && strcmp(rs.body.s, "busy") == 0 && rs.retry_after_ms == 7000, "its body and Retry-After stay");
}

static void test_parts(void)
{
	cleanup_response struct fg_http_response rs = {0};
	const struct fg_http_part parts[] = {
		{.name = "chat_id", .data = "5", .len = 1},
		{.name = "document", .data = "a\0b", .len = 3, .filename = "x.bin", .type = "application/x"},
	};
	struct fg_http_request rq = {.parts = parts, .part_count = 2};
	struct fg_err err;

	script.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	is_int(ask(&rq, &rs, &err), 0, "a multipart request");
	ok(strstr(script.seen.s, "filename=\"x.bin\"") && memmem(script.seen.s, script.seen.len, "a\0b", 3),
		"carries its file");
}

struct failure {
	const char *name, *answer;
	bool hang, reset, close_after;
	enum fg_err_code code;
};

static void test_failures(void)
{
	static const struct failure table[] = {
		{.name = "a reset", .reset = true, .code = FG_ELOST},
		{.name = "no answer", .hang = true, .code = FG_ETIMEOUT},
		{.name = "a body cut short", .answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", .close_after = true,
			.code = FG_ELOST},
		{.name = "garbage", .answer = "\x01\x02 this is not HTTP\r\n\r\n", .close_after = true, .code = FG_EPROTO},
		{.name = "too much", .answer = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n012345678901234567890123456789",
			.code = FG_ETOOBIG},
	};
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		cleanup_response struct fg_http_response rs = {0};
		struct fg_http_request rq = {.body = "x", .body_len = 1, .timeout_ms = 300, .cap = 20, .fresh = true};
		int rc;

		script.answer = table[i].answer;
		script.hang = table[i].hang;
		script.reset = table[i].reset;
		script.close_after = table[i].close_after;
		script.requests = 0;
		rc = ask(&rq, &rs, &err);
		ok(rc < 0 && err.code == table[i].code, "%s: %s (%d)", table[i].name, rc < 0 ? err.text : "no error", err.code);
		ok(rs.sent && script.requests == 1, "%s: it was sent, once", table[i].name);
	}
	script.hang = script.reset = script.close_after = false;
}

static void test_dead_connections(void)
{
	struct fg_http_request plain = {0}, send = {.body = "x", .body_len = 1}, empty = {.method = "POST"},
			       edit = {.body = "x", .body_len = 1, .idempotent = true};
	struct fg_http_request *table[] = {&send, &empty, &edit};
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		cleanup_response struct fg_http_response rs = {0};

		script.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
		ask(&plain, &rs, &err);	/* a connection that is kept */
		fg_http_response_finish(&rs);
		script.requests = 0;
		script.reset = true;
		ask(table[i], &rs, &err);
		script.reset = false;
		ok(table[i]->idempotent || script.requests == 1,
			"a reset on a kept connection: request %zu was sent %d times", i, script.requests);
	}
}

/* What the server has got of a request when its body is about to leave. */
struct departure {
	int asked, requests;
	size_t body;
	bool refuse, at_once;
};

static int on_departure(void *arg, struct fg_err *err)
{
	struct departure *d = arg;
	const char *end;

	d->asked++;
	d->requests = script.requests;
	for (int i = 0; i < 20 && !d->at_once; i++)
		fg_task_sleep(2, NULL);
	end = strstr(newest->in.s, "\r\n\r\n");
	d->body = end ? newest->in.len - (size_t)(end + 4 - newest->in.s) : 0;
	return d->refuse ? fg_fail(err, FG_EIO, "not now") : 0;
}

static void test_before_body(void)
{
	const struct fg_http_part parts[] = {
		{.name = "chat_id", .data = "held", .len = 4},
		{.name = "document", .data = "a\0b", .len = 3, .filename = "x.bin", .type = "a/x"},
	};
	struct departure d = {0};
	struct fg_http_request rq = {.body = "held", .body_len = 4, .before_body = on_departure,
		.before_body_arg = &d};
	struct fg_http_request form = {.parts = parts, .part_count = 2, .before_body = on_departure,
		.before_body_arg = &d};
	struct fg_http_request *table[] = {&rq, &form};
	struct fg_err err;

	script.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++) {
		cleanup_response struct fg_http_response rs = {0};

		d = (struct departure){0};
		script.requests = 0;
		is_int(ask(table[i], &rs, &err), 0, "a request that asks before its body leaves");
		ok(d.asked == 1 && d.requests == 0 && d.body < (i ? 200 : 1),
			"is asked once, and before");
		ok(rs.sent && script.requests == 1 && strstr(script.seen.s, "held"), "then it leaves");
		fg_http_response_finish(&rs);
		d.at_once = true;
		is_int(ask(table[i], &rs, &err), 0, "so it does when the answer comes at once");
		fg_http_response_finish(&rs);
		script.requests = 1;
		d.refuse = true;
		ok(ask(table[i], &rs, &err) < 0 && err.code == FG_EIO, "who refuses ends it");
		ok(!rs.sent && script.requests == 1, "and it has not left");
	}
}

/* Streams keep their connections for themselves, however many there are; who asks in between finds the one it had. */
static void test_beside_streams(void)
{
	struct fg_http_request rq = {.url = base, .timeout_ms = 5000}, get = {0};
	struct fg_http_stream *streams[STREAMS];
	int opened = 0, before;
	struct fg_err err;

	script.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	for (int i = 0; i < STREAMS; i++)
		opened += (streams[i] = fg_http_open(&rq, &err)) != NULL;
	is_int(opened, STREAMS, "many streams");
	script.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	before = script.connections;
	for (int i = 0; i < 5; i++) {
		cleanup_response struct fg_http_response rs = {0};

		ask(&get, &rs, &err);
	}
	ok(script.connections <= before + 1, "beside them a connection is kept (%d new ones)", script.connections - before);
	for (int i = 0; i < STREAMS; i++)
		fg_http_close(streams[i]);
}

static void test_nobody_there(void)
{
	cleanup_response struct fg_http_response rs = {0};
	struct fg_http_request rq = {.url = "http://127.0.0.1:1/", .timeout_ms = 3000};
	struct fg_http_request unix_rq = {.url = "http://x/", .unix_socket = "/nonexistent/socket"};
	struct fg_err err;

	ok(fg_http_perform(&rq, &rs, &err) < 0 && err.code == FG_EUNREACHABLE && !rs.sent, "nobody listens: %s", err.text);
	fg_http_response_finish(&rs);
	ok(fg_http_perform(&unix_rq, &rs, &err) < 0 && err.code == FG_EUNREACHABLE, "no such socket: %s", err.text);
	fg_http_response_finish(&rs);
	rq.url = "gopher://127.0.0.1/";
	ok(fg_http_perform(&rq, &rs, &err) < 0 && err.code == FG_EINVAL, "no other protocols: %s", err.text);
}

/* Who stands still is told from who is not there, on a connection that was kept as on a new one. */
static void test_standstill(void)
{
	static const bool news[] = {true, false, false};
	enum fg_http_trouble trouble;
	struct fg_http_request rq = {.trouble = &trouble};
	struct fg_err err;

	for (size_t i = 0; i < FG_ARRAY_LEN(news); i++) {
		cleanup_response struct fg_http_response rs = {0};
		cleanup_stream struct fg_http_stream *s = NULL;
		bool stream = i == 2;

		rq.fresh = false;
		rq.timeout_ms = 5000;
		script.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
		ask(&rq, &rs, &err); /* a connection that is kept */
		fg_http_response_finish(&rs);
		script.hang = true;
		script.connections = 0;
		rq.fresh = news[i];
		rq.timeout_ms = 100;
		s = stream ? fg_http_open(&rq, &err) : NULL;
		ok(!s && (stream || ask(&rq, &rs, &err) < 0) && err.code == FG_ETIMEOUT,
			"no answer on a %s: %s", stream ? "stream" : "request", err.text);
		is_int(script.connections, news[i], news[i] ? "on a new connection" : "on a kept one");
		is_int(trouble, FG_TROUBLE_STALLED, "so the other side stands still");
		script.hang = false;
	}
}

/* A Unix socket where nobody takes connections, and whose queue is full. */
static void test_full_socket(void)
{
	cleanup_response struct fg_http_response rs = {0};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	enum fg_http_trouble trouble = FG_TROUBLE_NONE;
	struct fg_http_request rq = {.url = "http://x/", .unix_socket = to.sun_path,
		.trouble = &trouble};
	int fds[8] = {socket(AF_UNIX, SOCK_STREAM, 0)};
	size_t n = 1;
	struct fg_err err;

	snprintf(to.sun_path, sizeof(to.sun_path), "/tmp/fg-http-%d.sock", (int)getpid());
	unlink(to.sun_path);
	if (bind(fds[0], (struct sockaddr *)&to, sizeof(to)) < 0 || listen(fds[0], 0) < 0)
		abort();
	do
		fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	while (connect(fds[n++], (struct sockaddr *)&to, sizeof(to)) == 0 && n < 8);
	ok(fg_http_perform(&rq, &rs, &err) < 0 && err.code == FG_EUNREACHABLE,
		"as many wait as may: %s", err.text);
	is_int(trouble, FG_TROUBLE_STALLED, "so it stands still");
	while (n > 0)
		close(fds[--n]);
	unlink(to.sun_path);
}

static void hanging(void *arg)
{
	cleanup_response struct fg_http_response rs = {0};
	struct fg_http_request rq = {.timeout_ms = 60000};
	struct fg_err err;

	*(int *)arg = ask(&rq, &rs, &err) < 0 ? (int)err.code : 0;
}

static void test_cancel(void)
{
	struct fg_task *t;
	int code = -1;

	script.hang = true;
	script.requests = 0;
	t = fg_task_spawn("hanging", hanging, &code);
	while (script.requests == 0)
		fg_task_sleep(1, NULL);
	fg_task_cancel(t);
	fg_task_join(t);
	script.hang = false;
	is_int(code, FG_ECANCELED, "a request that hangs can be cancelled");
}

static void test_stream(void)
{
	struct fg_http_request rq = {.url = base};
	cleanup_stream struct fg_http_stream *s = NULL;
	struct fg_err err;
	char buf[10000];
	int64_t n, total = 0;
	bool intact = true;

	script.big = true;
	script.written = 0;
	s = fg_http_open(&rq, &err);
	ok(s && fg_http_status(s) == 200, "a stream opens at its headers");
	/* The kernel's buffers take some; then the server has to wait for the reader. */
	for (int i = 0; i < 50; i++)
		fg_task_sleep(2, NULL);
	ok(script.written < BIG, "a reader that does not read holds the sender back");
	while ((n = fg_http_read(s, buf, sizeof(buf), FG_NEVER, &err)) > 0) {
		for (int64_t i = 0; i < n; i++)
			intact = intact && buf[i] == filler[(total + i) % (int64_t)sizeof(filler)];
		total += n;
	}
	ok(n == 0 && total == (int64_t)BIG && intact, "all bytes arrive, in order");
	script.big = false;
}

static void test_stream_body(void)
{
	size_t len = (size_t)900 * 1024, same = 0;
	char *body = memset(fg_alloc(len), 'a', len);
	struct fg_http_request rq = {.url = base, .body = body, .body_len = len};
	cleanup_stream struct fg_http_stream *s = NULL;
	struct fg_err err;
	char buf[16];
	const char *seen;

	script.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
	script.early = true;
	s = fg_http_open(&rq, &err);
	ok(s && fg_http_status(s) == 200, "a stream is open before all of its request has left");
	memset(body, 'b', len);
	free(body);
	is_int(s ? fg_http_read(s, buf, sizeof(buf), fg_now_ms() + 20000, &err) : -1, 2,
		"the rest leaves while the answer is read");
	seen = strstr(script.seen.s, "\r\n\r\n");
	for (seen = seen ? seen + 4 : ""; *seen == 'a'; seen++)
		same++;
	is_int(same, len, "… though the caller has let go of it");
	script.early = false;
}

static void test_lines(void)
{
	struct fg_http_request rq = {.url = base};
	cleanup_stream struct fg_http_stream *s = NULL;
	cleanup_str struct fg_str line = {0};
	struct fg_err err;

	fg_str_init(&line, 8);
	script.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			"3\r\none\r\n5\r\n\r\ntwo\r\n11\r\n\nlongerthancap\nxy\r\n";
	s = fg_http_open(&rq, &err);
	ok(fg_http_read_line(s, &line, FG_NEVER, &err) == 1 && strcmp(line.s, "one") == 0, "a line over two chunks");
	ok(fg_http_read_line(s, &line, FG_NEVER, &err) == 1 && strcmp(line.s, "two") == 0, "the next");
	ok(fg_http_read_line(s, &line, FG_NEVER, &err) == 1 && line.full && line.len == 8, "a long one is cut at the cap");
	ok(fg_http_read_line(s, &line, fg_now_ms() + 5, &err) < 0 && err.code == FG_ETIMEOUT,
		"a deadline leaves the stream usable");
	script.answer = NULL;
	fg_http_close(fg_steal(&s));

	script.answer = "HTTP/1.1 500 No\r\nContent-Length: 7\r\n\r\na\nb\nend";
	s = fg_http_open(&rq, &err);
	is_int(fg_http_status(s), 500, "an error's body is a stream too");
	fg_http_read_line(s, &line, FG_NEVER, &err);
	fg_http_read_line(s, &line, FG_NEVER, &err);
	ok(fg_http_read_line(s, &line, FG_NEVER, &err) == 1 && strcmp(line.s, "end") == 0, "a last line needs no end");
	is_int(fg_http_read_line(s, &line, FG_NEVER, &err), 0, "and then it is over");
}

static void run(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(filler); i++)
		filler[i] = (char)(i * 7 % 251);
	serve();
	test_answers();
	test_parts();
	test_failures();
	test_dead_connections();
	test_before_body();
	test_beside_streams();
	test_nobody_there();
	test_standstill();
	test_full_socket();
	test_cancel();
	test_stream();
	test_stream_body();
	test_lines();
	fg_http_finish();
	uv_close((uv_handle_t *)&server, NULL);
	fg_str_finish(&script.seen);
}

int main(void)
{
	fg_loop_run("main", run, NULL);
	return done_testing();
}
