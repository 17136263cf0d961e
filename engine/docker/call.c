/*
 * Calls: a request to the engine's API, and what its answer means.
 */
#include <ctype.h>
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/metric.h"
#include "fleetgram/base/text.h"
#include "ssh.h"

static struct fg_metric requests = {
	.name = "fleetgram_engine_requests",
	.help = "Requests to container engines, streams included; failed: no usable answer came.",
	.type = FG_METRIC_COUNTER,
	.labels = {"host", "result"},
	.most = 1000,
};

static struct fg_metric request_seconds = {
	.name = "fleetgram_engine_request_duration_seconds",
	.unit = "seconds",
	.help = "How long engines took to answer; not of streams.",
	.type = FG_METRIC_HISTOGRAM,
	.labels = {"host"},
};

/* What a request points at while it is under way. */
struct request {
	struct fg_http_request rq;
	struct fg_str url;
	char *body;
	const char *headers[3];
	char api[FG_API_SIZE];
	enum fg_http_trouble trouble;
	struct link *dialled; /* its own connection; NULL: no ssh, or a kept one */
	int64_t begun;        /* monotonic ms */
};

static void request_finish(struct request *r)
{
	fg_str_finish(&r->url);
	free(r->body);
	ssh_forget(r->dialled);
}
#define cleanup_request __attribute__((cleanup(request_finish)))

static int request_init(struct request *r, struct fg_engine *engine, const struct fg_call *call,
	int64_t deadline, struct fg_err *err)
{
	int headers = 0;
	int64_t left;

	memset(r, 0, sizeof(*r));
	fg_str_init(&r->url, FG_CAP_PATH + 512);
	if (!call->unversioned && fg_engine_agree(engine, deadline, r->api, err) < 0) {
		err->unsent = true;
		return -1;
	}
	fg_str_puts(&r->url, engine->base);
	if (!call->unversioned)
		fg_str_printf(&r->url, "/v%s", r->api);
	if (fg_str_puts(&r->url, call->path) < 0)
		return fg_fail(err, FG_EINVAL, "the request to the engine is too long");
	if (call->body) {
		r->body = fg_json_print(call->body);
		r->headers[headers++] = "Content-Type: application/json";
	}
	if (call->header)
		r->headers[headers++] = call->header;
	left = deadline - fg_now_ms();
	r->rq = (struct fg_http_request){
		.method = call->method,
		.url = r->url.s,
		.unix_socket = engine->unix_socket,
		.dial = engine->ssh ? ssh_dial(engine->ssh) : NULL,
		.caller = &r->dialled,
		.tls = {engine->ca, engine->cert, engine->key},
		.headers = r->headers,
		.body = r->body,
		.body_len = r->body ? strlen(r->body) : 0,
		.timeout_ms = left > 0 ? left : 1,
		.cap = call->cap ? call->cap : FG_CAP_OBJECT,
		.idempotent = !call->method,
		.trouble = &r->trouble,
		.lines = call->lines,
	};
	r->begun = fg_now_ms();
	return 0;
}

static int64_t call_deadline(const struct fg_engine *engine, const struct fg_call *call)
{
	int64_t ms = call->timeout_ms > 0 ? call->timeout_ms : engine->timeout_ms;

	return fg_now_ms() + (ms < FG_LONGEST_MS ? ms : FG_LONGEST_MS);
}

static bool is_success(long status)
{
	return (status >= 200 && status < 300) || status == 304;
}

/* The engine's "client version 1.41 is too old. Minimum supported API version is 1.44, …", or "too
 * new". */
static bool is_version_refusal(long status, const struct fg_str *body)
{
	return status == 400 && body->len < FG_CAP_ERROR && strstr(body->s, "client version") &&
	       (strstr(body->s, "too old") || strstr(body->s, "too new"));
}

/* What Go's server says to a request without TLS; anywhere else it is an engine's own word. */
static bool is_tls_port(const struct fg_engine *engine, const struct fg_err *err)
{
	return err->status == 400 && !engine->unix_socket && !engine->ssh &&
	       strncmp(engine->base, "http://", 7) == 0 &&
	       strstr(err->text, "HTTP request to an HTTPS server");
}

static void refused(
	const struct fg_engine *engine, long status, const struct fg_str *body, struct fg_err *err)
{
	struct fg_err was;

	fg_call_refused(status, body->s, body->len, err);
	if (!is_tls_port(engine, err))
		return;
	was = *err;
	fg_fail(err, FG_EPROTO,
		"this port speaks TLS only; name the certificate files as the host's tls (%s)",
		was.text);
	err->status = was.status;
}

/* status 0: no answer */
static void count_request(const struct fg_engine *engine, long status)
{
	fg_metric_count(&requests, engine->name,
		is_success(status) ? "ok"
		: status           ? "refused"
				   : "failed");
}

/* True: another try may do better. */
static bool transport_failed(struct fg_engine *engine, const struct request *r, struct fg_err *err)
{
	bool unsent = err->unsent, again = fg_call_explain(engine, r->trouble, r->dialled, err);

	err->unsent |= unsent;
	count_request(engine, 0);
	if (err->code == FG_EUNREACHABLE || err->code == FG_ELOST)
		fg_engine_forget(engine, NULL);
	fg_wrap(err, "the engine at %s", engine->url);
	return again;
}

static int perform(struct fg_engine *engine, const struct fg_call *call, int64_t deadline,
	struct fg_http_response *rs, struct fg_err *err)
{
	for (int attempt = 1;; attempt++) {
		cleanup_request struct request r;

		if (request_init(&r, engine, call, deadline, err) < 0)
			return -1;
		/* an error's body may be cut short by the cap and still says enough */
		if (fg_http_perform(&r.rq, rs, err) < 0 &&
			(err->code != FG_ETOOBIG || is_success(rs->status))) {
			if (!transport_failed(engine, &r, err) || attempt > 1)
				return -1;
			fg_http_response_finish(rs);
			continue;
		}
		count_request(engine, rs->status);
		fg_metric_observe(
			&request_seconds, (double)(fg_now_ms() - r.begun) / 1000, engine->name);
		if (is_success(rs->status))
			return 0;
		if (attempt > 1 || call->unversioned ||
			!is_version_refusal(rs->status, &rs->body)) {
			refused(engine, rs->status, &rs->body, err);
			err->retry_after_ms = rs->retry_after_ms;
			return -1;
		}
		fg_engine_forget(engine, r.api);
		fg_http_response_finish(rs);
	}
}

int fg_call_perform(struct fg_engine *engine, const struct fg_call *call,
	struct fg_http_response *rs, struct fg_err *err)
{
	/* Whether the engine is there has to be found out however much there is to do. */
	bool turn = engine->ssh && !call->unversioned;
	int64_t deadline = call_deadline(engine, call);
	struct fg_err unused;
	int rc;

	err = err ? err : &unused;
	if (turn && ssh_enter(engine->ssh, deadline, err) < 0) {
		err->unsent = true;
		return fg_wrap(err, "the engine at %s", engine->url);
	}
	rc = perform(engine, call, deadline, rs, err);
	if (turn)
		ssh_leave(engine->ssh);
	return rc;
}

int fg_call_action(struct fg_engine *engine, const struct fg_call *call, struct fg_err *err)
{
	cleanup_response struct fg_http_response rs = {0};

	if (fg_call_perform(engine, call, &rs, err) < 0)
		return -1;
	return rs.status == 304 ? 0 : 1;
}

cJSON *fg_call_json(
	struct fg_engine *engine, const struct fg_call *call, int type, struct fg_err *err)
{
	cleanup_response struct fg_http_response rs = {0};
	cJSON *doc;

	if (fg_call_perform(engine, call, &rs, err) < 0)
		return NULL;
	doc = fg_call_parse(&rs.body, err);
	if (!doc) {
		fg_wrap(err, "the engine's answer to %.*s", (int)strcspn(call->path, "?"),
			call->path);
		return NULL;
	}
	if (cJSON_IsNull(doc) && type == cJSON_Array) { /* Go's way to write an empty list */
		cJSON_Delete(doc);
		return cJSON_CreateArray();
	}
	if ((doc->type & 0xff) != type) {
		cJSON_Delete(doc);
		fg_fail(err, FG_EPROTO, "the engine's answer to %.*s is not %s",
			(int)strcspn(call->path, "?"), call->path,
			type == cJSON_Array ? "a list" : "an object");
		return NULL;
	}
	return doc;
}

/* Go writes an empty list as null. */
static bool is_null(const struct fg_str *body)
{
	return strncmp(body->s + strspn(body->s, " \t\r\n"), "null", 4) == 0;
}

int fg_call_rows(struct fg_engine *engine, const struct fg_call *call,
	void (*each)(const cJSON *row, void *arg), void *arg, struct fg_err *err)
{
	cleanup_response struct fg_http_response rs = {0};
	int path = (int)strcspn(call->path, "?"), rc;
	struct fg_err unused;

	err = err ? err : &unused;
	if (fg_call_perform(engine, call, &rs, err) < 0)
		return -1;
	fg_decode_repair(&rs.body);
	rc = fg_json_rows(rs.body.s, rs.body.len, each, arg, err);
	if (rc < 0)
		return fg_wrap(err, "the engine's answer to %.*s", path, call->path);
	if (rc == 0 && !is_null(&rs.body))
		return fg_fail(err, FG_EPROTO, "the engine's answer to %.*s is not a list", path,
			call->path);
	return 0;
}

/* Read what an engine says in a refusal that came on a stream, as far as the cap goes. */
static void read_refusal(struct fg_http_stream *s, struct fg_str *body, int64_t deadline)
{
	struct fg_err unused;
	char buf[4096];
	int64_t n;

	while (!body->full && (n = fg_http_read(s, buf, sizeof(buf), deadline, &unused)) > 0)
		fg_str_add(body, buf, (size_t)n);
}

struct fg_http_stream *fg_call_open(
	struct fg_engine *engine, const struct fg_call *call, struct fg_err *err)
{
	int64_t deadline = call_deadline(engine, call);
	struct fg_err unused;

	err = err ? err : &unused;
	for (int attempt = 1;; attempt++) {
		cleanup_request struct request r;
		cleanup_str struct fg_str body = {0};
		cleanup_stream struct fg_http_stream *s = NULL;

		fg_str_init(&body, FG_CAP_ERROR);
		if (request_init(&r, engine, call, deadline, err) < 0)
			return NULL;
		s = fg_http_open(&r.rq, err);
		if (!s) {
			if (!transport_failed(engine, &r, err) || attempt > 1)
				return NULL;
			continue;
		}
		count_request(engine, fg_http_status(s));
		if (is_success(fg_http_status(s)))
			return fg_steal(&s);
		read_refusal(s, &body, deadline);
		if (attempt > 1 || !is_version_refusal(fg_http_status(s), &body)) {
			refused(engine, fg_http_status(s), &body, err);
			return NULL;
		}
		fg_engine_forget(engine, r.api);
	}
}

int fg_call_path(struct fg_str *path, const char *before, const char *id, const char *after,
	struct fg_err *err)
{
	/* the engine's router would clean "." and ".." away and find another call */
	if (!id || !*id || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return fg_fail(err, FG_EINVAL, "\"%s\" cannot be a name", id ? id : "");
	if (strlen(id) > 1024)
		return fg_fail(err, FG_EINVAL, "a name of %zu bytes is too long", strlen(id));
	fg_str_puts(path, before);
	fg_url_escape(path, id);
	fg_str_puts(path, after);
	return 0;
}

/* Podman answers 500 to some of what Docker has a status for; its "cause" tells. */
static const struct {
	const char *cause;
	enum fg_err_code code;
} causes[] = {
	{"container already exists", FG_ECONFLICT},
	{"container is paused", FG_ECONFLICT},
	{"container is running", FG_ECONFLICT},
	{"container is stopped", FG_ECONFLICT},
	{"container name already in use", FG_ECONFLICT},
	{"container state improper", FG_ECONFLICT},
	{"image is in use by a container", FG_ECONFLICT},
	{"image used by container", FG_ECONFLICT},
	{"name is in use", FG_ECONFLICT},
	{"no such container", FG_ENOTFOUND},
	{"no such image", FG_ENOTFOUND},
	{"that name is already in use", FG_ECONFLICT},
};

static enum fg_err_code refusal_code(long status, const char *cause)
{
	if (status == 404)
		return FG_ENOTFOUND;
	if (status == 409)
		return FG_ECONFLICT;
	for (size_t i = 0; i < FG_ARRAY_LEN(causes); i++)
		if (status == 500 && strcmp(causes[i].cause, cause) == 0)
			return causes[i].code;
	return FG_EREMOTE;
}

int fg_call_refused(long status, const char *body, size_t len, struct fg_err *err)
{
	cleanup_str struct fg_str text = {0}, clean = {0};
	cleanup_json cJSON *doc = NULL;
	struct fg_err unused;
	enum fg_err_code code;
	const char *message;

	err = err ? err : &unused;
	fg_str_init(&text, FG_CAP_ERROR);
	fg_str_init(&clean, FG_ERR_TEXT - 1);
	fg_str_add(&text, body ? body : "", len);
	doc = fg_call_parse(&text, err);
	message = fg_json_str(doc, "message", cJSON_IsObject(doc) ? "" : text.s);
	while (isspace((unsigned char)*message))
		message++;
	fg_text_clean_line(&clean, message, strlen(message));
	while (clean.len > 0 && isspace((unsigned char)clean.s[clean.len - 1]))
		fg_str_truncate(&clean, clean.len - 1);
	code = refusal_code(status, fg_json_str(doc, "cause", ""));
	if (code == FG_ENOTFOUND && status == 404 &&
		(strcasecmp(clean.s, "not found") == 0 || strstr(clean.s, "page not found") ||
			(strncmp(clean.s, "Path /", 6) == 0 &&
				strstr(clean.s, "is not supported")))) {
		/* it is the call that is missing, not the container */
		fg_fail(err, FG_EREMOTE, "this engine cannot do that");
	} else if (clean.len > 0) {
		fg_fail(err, code, "%s", clean.s);
	} else if (code == FG_ENOTFOUND) {
		fg_fail(err, code, "the engine has nothing of that name");
	} else {
		fg_fail(err, code, "the engine answered with status %ld and no message", status);
	}
	err->status = (int)status;
	return -1;
}

cJSON *fg_call_parse(struct fg_str *text, struct fg_err *err)
{
	fg_decode_repair(text);
	return fg_json_parse(text->s, text->len, err);
}
