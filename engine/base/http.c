/* The HTTP client's transfers: one request and its answer, whole or as a stream. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "connect.h"
#include "curl.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"

#define RETRY_AFTER_MOST (365L * 24 * 3600) /* s; more is nonsense */
#define DATE_MOST (INT64_C(253402300800))   /* seconds; the year 10000 */
#define DEFAULT_CAP ((size_t)16 * 1024 * 1024)
#define READ_AT_ONCE 4096L /* bytes; each transfer has such a buffer, and streams are many */

/* A body given byte by byte, which curl cannot rewind: so it cannot send it twice. */
struct source {
	const char *data;
	size_t len, at;
	struct transfer *transfer;
};

struct transfer {
	struct curl_transfer curl;
	struct connecting connecting;
	struct fg_cond changed;      /* headers came, bytes came, or it is done */
	struct fg_http_response *rs; /* where the answer goes; a stream's own */
	size_t cap;
	bool too_big, headers_done;
	bool stream, paused;
	bool held;    /* the body has to wait for before_body */
	bool at_body; /* and all that goes before it has left */
	bool body_begun;
	struct curl_slist *headers;
	curl_mime *mime;
	struct source *sources;  /* of the body or of each part */
	void *body;              /* a stream's own copy; NULL: the request's is used */
	const char *unix_socket; /* the request's; looked at before it returns */
	struct fg_str *lines;    /* the request's */
	char error[CURL_ERROR_SIZE];
	int64_t begun_ms;
};

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
	struct source *src = arg;
	struct transfer *t = src->transfer;
	size_t n = src->len - src->at;

	if (t->held) {
		t->at_body = true;
		fg_cond_broadcast(&t->changed);
		return CURL_READFUNC_PAUSE;
	}
	t->body_begun = true;
	if (n > size * count)
		n = size * count;
	if (n)
		memcpy(to, src->data + src->at, n);
	src->at += n;
	return n;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * count;

	if (t->stream && t->rs->body.len >= FG_HTTP_WINDOW) {
		t->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (!t->stream && t->rs->body.len + len > t->cap) {
		t->too_big = true;
		return 0;
	}
	fg_str_add(&t->rs->body, data, len);
	fg_cond_broadcast(&t->changed);
	return len;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *t = arg;
	struct fg_http_response *rs = t->rs;
	size_t len = size * count;
	char value[32];

	if (t->lines)
		http_header_keep(t->lines, data, len);
	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		rs->retry_after_ms = rs->date_ms = 0;
		rs->content_type[0] = rs->server[0] = '\0';
	} else if (http_header_value(data, len, "Retry-After:", value, sizeof(value))) {
		long seconds = strtol(value, NULL, 10);

		/* Dates, which have spaces, are not used by anybody who is asked here. */
		if (seconds > 0 && seconds < RETRY_AFTER_MOST && !strchr(value, ' '))
			rs->retry_after_ms = (int64_t)seconds * 1000;
	} else if (http_header_value(data, len, "Date:", value, sizeof(value))) {
		int64_t seconds = curl_getdate(value, NULL); /* -1: it is none */

		if (seconds > 0 && seconds < DATE_MOST)
			rs->date_ms = seconds * 1000;
	} else if (http_header_value(data, len, "Content-Type:", rs->content_type,
			   sizeof(rs->content_type)) ||
		   http_header_value(data, len, "Server:", rs->server, sizeof(rs->server))) {
		return len;
	} else if (len <= 2 && (*data == '\r' || *data == '\n')) {
		curl_easy_getinfo(t->curl.easy, CURLINFO_RESPONSE_CODE, &rs->status);
		if (rs->status >= 200) {
			t->headers_done = true;
			fg_cond_broadcast(&t->changed);
		}
	}
	return len;
}

static void on_done(struct curl_transfer *curl)
{
	struct transfer *t = FG_CONTAINER_OF(curl, struct transfer, curl);

	fg_cond_broadcast(&t->changed);
}

static void set_body(struct transfer *t, const struct fg_http_request *rq)
{
	CURL *easy = t->curl.easy;
	const void *body = rq->body;

	/* A stream goes on after the caller has let go of its request, and a server may answer
	 * before it has read all of it. */
	if (t->stream && rq->body_len)
		body = t->body = memcpy(fg_alloc(rq->body_len), rq->body, rq->body_len);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body_len);
	if (rq->idempotent || rq->body_len == 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, rq->body_len ? body : "");
		return;
	}
	t->sources = fg_alloc(sizeof(*t->sources));
	*t->sources = (struct source){.data = body, .len = rq->body_len, .transfer = t};
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(easy, CURLOPT_READDATA, t->sources);
}

static void set_parts(struct transfer *t, const struct fg_http_request *rq)
{
	t->mime = curl_mime_init(t->curl.easy);
	t->sources = fg_alloc(rq->part_count * sizeof(*t->sources));
	for (size_t i = 0; i < rq->part_count; i++) {
		const struct fg_http_part *part = &rq->parts[i];
		curl_mimepart *mime = curl_mime_addpart(t->mime);

		t->sources[i] =
			(struct source){.data = part->data, .len = part->len, .transfer = t};
		curl_mime_name(mime, part->name);
		curl_mime_data_cb(mime, (curl_off_t)part->len, on_read, NULL, NULL, &t->sources[i]);
		if (part->filename)
			curl_mime_filename(mime, part->filename);
		if (part->type)
			curl_mime_type(mime, part->type);
	}
	curl_easy_setopt(t->curl.easy, CURLOPT_MIMEPOST, t->mime);
}

static void set_headers(struct transfer *t, const struct fg_http_request *rq)
{
	/* Waiting for "100 Continue" would cost a round trip, and a second where nobody sends it.
	 */
	t->headers = curl_slist_append(t->headers, "Expect:");
	for (const char *const *h = rq->headers; h && *h; h++)
		t->headers = curl_slist_append(t->headers, *h);
	curl_easy_setopt(t->curl.easy, CURLOPT_HTTPHEADER, t->headers);
}

static int transfer_start(struct transfer *t, const struct fg_http_request *rq, struct fg_err *err)
{
	CURL *easy = t->curl.easy = curl_easy_init();

	if (!easy)
		return fg_fail(err, FG_EIO, "libcurl has no handle to give");
	fg_cond_init(&t->changed);
	t->begun_ms = fg_now_ms();
	t->curl.on_done = on_done;
	t->cap = rq->cap ? rq->cap : DEFAULT_CAP;
	t->unix_socket = rq->unix_socket;
	t->lines = rq->lines;
	fg_str_init(&t->rs->body, t->stream ? (size_t)FG_HTTP_WINDOW * 4 : t->cap);
	curl_easy_setopt(easy, CURLOPT_URL, rq->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_AT_ONCE);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
	if (!t->stream)
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
			(long)(rq->timeout_ms ? rq->timeout_ms : CONNECT_DEFAULT_TIMEOUT));
	connect_set(easy, rq, &t->connecting);
	set_headers(t, rq);
	t->held = rq->before_body != NULL;
	if (rq->part_count)
		set_parts(t, rq);
	else if (rq->body || (rq->method && strcmp(rq->method, "POST") == 0))
		set_body(t, rq);
	if (rq->method && strcmp(rq->method, "HEAD") == 0)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else if (rq->method && strcmp(rq->method, "GET") != 0 && strcmp(rq->method, "POST") != 0)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, rq->method);
	if (curl_add(&t->curl) < 0)
		return fg_fail(err, FG_EIO, "libcurl refused a request");
	return 0;
}

static void transfer_finish(struct transfer *t)
{
	if (!t->curl.easy)
		return;
	curl_remove(&t->curl);
	curl_easy_cleanup(t->curl.easy);
	curl_mime_free(t->mime);
	curl_slist_free_all(t->headers);
	free(t->sources);
	free(t->body);
}

/* rc, err: of the wait for it. The caller's deadline may come before curl's. */
static enum fg_http_trouble find_trouble(struct transfer *t, int rc, const struct fg_err *err)
{
	CURLcode result = t->curl.done ? t->curl.result : CURLE_OPERATION_TIMEDOUT;

	if (!t->curl.done && (rc == 0 || err->code != FG_ETIMEOUT))
		return FG_TROUBLE_NONE;
	return connect_trouble(t->curl.easy, result, t->unix_socket != NULL, t->error);
}

/* What is known of the request, before the handle goes. */
static void note_outcome(
	struct transfer *t, const struct fg_http_request *rq, int rc, const struct fg_err *err)
{
	struct fg_http_response *rs = t->rs;
	curl_off_t ready = 0;
	long bytes = 0;

	if (rq->trouble)
		*rq->trouble = find_trouble(t, rc, err);
	curl_easy_getinfo(t->curl.easy, CURLINFO_RESPONSE_CODE, &rs->status);
	curl_easy_getinfo(t->curl.easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
	curl_easy_getinfo(t->curl.easy, CURLINFO_REQUEST_SIZE, &bytes);
	rs->sent = ready > 0 && bytes > 0 && (t->body_begun || !rq->before_body);
	rs->elapsed_ms = fg_now_ms() - t->begun_ms;
}

/* After the transfer is done: 0, or the error that curl's result means. */
static int transfer_result(struct transfer *t, struct fg_err *err)
{
	CURLcode result = t->curl.result;

	if (result == CURLE_OK)
		return 0;
	if (t->too_big)
		return fg_fail(err, FG_ETOOBIG, "the answer is larger than %zu bytes", t->cap);
	if (t->connecting.failed) {
		if (err)
			*err = t->connecting.why;
		return -1;
	}
	if (result == CURLE_COULDNT_CONNECT && t->unix_socket) {
		/* curl would name the URL's host, which nobody connects to. */
		long number = 0;

		curl_easy_getinfo(t->curl.easy, CURLINFO_OS_ERRNO, &number);
		return fg_fail(err, FG_EUNREACHABLE, "cannot connect%s%s", number ? ": " : "",
			number ? strerror((int)number) : "");
	}
	return fg_fail(err, connect_code(result, t->rs->sent), "%s",
		t->error[0] ? t->error : curl_easy_strerror(result));
}

/* The body may leave if nobody is against it. */
static int let_go(struct transfer *t, const struct fg_http_request *rq, struct fg_err *err)
{
	if (rq->before_body(rq->before_body_arg, err) < 0)
		return -1;
	t->held = t->at_body = false;
	if (!t->curl.done)
		curl_go_on(&t->curl);
	return 0;
}

int fg_http_perform(
	const struct fg_http_request *rq, struct fg_http_response *rs, struct fg_err *err)
{
	struct transfer t = {.rs = rs};
	struct fg_err unused;
	int rc;

	err = err ? err : &unused;
	rc = transfer_start(&t, rq, err);
	while (rc == 0 && !t.curl.done)
		rc = t.at_body ? let_go(&t, rq, err)
			       : fg_cond_wait(&t.changed, "an HTTP answer", FG_NEVER, err);
	if (t.curl.easy)
		note_outcome(&t, rq, rc, err);
	if (rc == 0)
		rc = transfer_result(&t, err);
	transfer_finish(&t);
	if (rc < 0)
		err->unsent = !rs->sent;
	return rc;
}

void fg_http_response_finish(struct fg_http_response *rs)
{
	fg_str_finish(&rs->body);
	*rs = (struct fg_http_response){0};
}

/* Streams */

struct fg_http_stream {
	struct transfer t;
	struct fg_http_response rs;
	struct fg_str line; /* an unfinished line, kept over a time-out */
	bool line_full;
};

struct fg_http_stream *fg_http_open(const struct fg_http_request *rq, struct fg_err *err)
{
	struct fg_http_stream *s = fg_alloc(sizeof(*s));
	int64_t deadline =
		fg_now_ms() + (rq->timeout_ms ? rq->timeout_ms : CONNECT_DEFAULT_TIMEOUT);
	struct fg_err unused;
	int rc;

	err = err ? err : &unused;
	s->t.rs = &s->rs;
	s->t.stream = true;
	rc = transfer_start(&s->t, rq, err);
	while (rc == 0 && !s->t.headers_done && !s->t.curl.done)
		rc = fg_cond_wait(&s->t.changed, "an HTTP answer", deadline, err);
	if (s->t.curl.easy)
		note_outcome(&s->t, rq, rc, err);
	if (rc == 0 && s->t.curl.done && !s->t.headers_done)
		rc = transfer_result(&s->t, err);
	if (rc < 0) {
		err->unsent = !s->rs.sent;
		fg_http_close(s);
		return NULL;
	}
	s->t.connecting.caller = NULL; /* it may be gone from now on */
	return s;
}

long fg_http_status(const struct fg_http_stream *s)
{
	return s->rs.status;
}

const char *fg_http_content_type(const struct fg_http_stream *s)
{
	return s->rs.content_type;
}

int64_t fg_http_date(const struct fg_http_stream *s)
{
	return s->rs.date_ms;
}

/* The reader has caught up: let curl read on. */
static void resume(struct fg_http_stream *s)
{
	if (!s->t.paused || s->rs.body.len >= FG_HTTP_WINDOW / 2)
		return;
	s->t.paused = false;
	curl_easy_pause(s->t.curl.easy, CURLPAUSE_CONT);
}

/* Until there are bytes: 1; 0 at the end; -1. */
static int await_bytes(struct fg_http_stream *s, int64_t deadline, struct fg_err *err)
{
	while (s->rs.body.len == 0) {
		resume(s);
		if (s->rs.body.len)
			break;
		if (s->t.curl.done)
			return transfer_result(&s->t, err);
		if (fg_cond_wait(&s->t.changed, "a stream", deadline, err) < 0)
			return -1;
	}
	return 1;
}

int64_t fg_http_read(
	struct fg_http_stream *s, void *buf, size_t size, int64_t deadline, struct fg_err *err)
{
	int rc = await_bytes(s, deadline, err);
	size_t n;

	if (rc <= 0)
		return rc;
	n = s->rs.body.len < size ? s->rs.body.len : size;
	memcpy(buf, s->rs.body.s, n);
	fg_str_consume(&s->rs.body, n);
	resume(s);
	return (int64_t)n;
}

int fg_http_read_full(
	struct fg_http_stream *s, void *buf, size_t n, int64_t deadline, struct fg_err *err)
{
	size_t at = 0;

	while (at < n) {
		int64_t got = fg_http_read(s, (char *)buf + at, n - at, deadline, err);

		if (got < 0)
			return -1;
		if (got == 0)
			return at ? fg_fail(err, FG_ELOST, "the stream ended in the middle") : 0;
		at += (size_t)got;
	}
	return 1;
}

/* The gathered line is whole: hand it over. */
static int line_done(struct fg_http_stream *s, struct fg_str *line)
{
	fg_str_reset(line);
	fg_str_add(line, s->line.s, s->line.len);
	line->full = line->full || s->line_full;
	fg_str_reset(&s->line);
	s->line_full = false;
	return 1;
}

int fg_http_read_line(
	struct fg_http_stream *s, struct fg_str *line, int64_t deadline, struct fg_err *err)
{
	struct fg_str *body = &s->rs.body;

	if (!s->line.cap)
		fg_str_init(&s->line, line->cap);
	for (;;) {
		int rc = await_bytes(s, deadline, err);
		char *end;
		size_t n;

		if (rc < 0)
			return -1;
		if (rc == 0)
			return s->line.len ? line_done(s, line) : 0;
		end = memchr(body->s, '\n', body->len);
		n = end ? (size_t)(end - body->s) : body->len;
		if (fg_str_add(&s->line, body->s, n) < 0)
			s->line_full = true;
		fg_str_consume(body, end ? n + 1 : n);
		resume(s);
		if (!end)
			continue;
		if (s->line.len && s->line.s[s->line.len - 1] == '\r')
			fg_str_truncate(&s->line, s->line.len - 1);
		return line_done(s, line);
	}
}

void fg_http_close(struct fg_http_stream *s)
{
	if (!s)
		return;
	transfer_finish(&s->t);
	fg_http_response_finish(&s->rs);
	fg_str_finish(&s->line);
	free(s);
}
