/* The table of paths, and the order in which a request is judged. */
#include <string.h>
#include <strings.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "http/access.h"
#include "http/feed.h"
#include "http/listener.h"
#include "http/metrics.h"
#include "http/page.h"
#include "http/routes.h"

/* Documents are kept while their figures do not change: tenths of a second, and seconds. */
#define HEALTH_TICK_MS 100
#define STATUS_TICK_MS 1000

/* What of a request's headers matters here. */
struct head {
	const char *host, *authorization, *accept, *last_event;
	int hosts, authorizations, lengths;
	size_t size, query; /* bytes of the header lines; of the query */
	bool probe, terse;
};

struct route {
	const char *path;
	bool open;                                  /* needs no token */
	bool may_probe;                             /* ?probe=true has a meaning */
	bool streams;                               /* its answer has no end */
	bool (*waits)(const struct routes *routes); /* NULL: never */
	enum MHD_Result (*answer)(
		struct routes *routes, const struct routes_request *rq, const struct head *head);
};

static bool no_picture(const struct routes *routes)
{
	return !health_picture(routes->app->health);
}

static unsigned int health_code(const struct routes *routes)
{
	return health_down(routes->app->health) ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK;
}

/* Whether what is kept is still true; if not it is dropped, and marked for what comes. What the feed
 * was told of is not kept back from who asks because of it: both numbers only grow. */
static bool still_good(struct routes *routes, struct answer_kept *kept, int64_t tick_ms)
{
	const struct health_picture *picture = health_picture(routes->app->health);
	uint64_t number = (picture ? picture->number : 0) +
			  feed_number(health_feed(routes->app->health));
	int64_t tick = fg_now_ms() / tick_ms;

	if (kept->answer && kept->picture == number && kept->tick == tick)
		return true;
	answer_forget(kept);
	kept->picture = number;
	kept->tick = tick;
	return false;
}

static enum MHD_Result send_kept(const struct routes_request *rq, const struct answer_kept *kept)
{
	if (!kept->answer)
		return MHD_NO;
	return MHD_queue_response(rq->connection, kept->status, kept->answer);
}

static struct MHD_Response *render(cJSON *doc)
{
	char *text = fg_json_print(doc);

	cJSON_Delete(doc);
	return answer_create(ANSWER_JSON, text);
}

/* For who looks at the status code and no further. */
static enum MHD_Result answer_terse(struct routes *routes, const struct routes_request *rq)
{
	const char *state = health_state_name(health_state(routes->app->health));

	return answer_send(rq->connection, health_code(routes),
		answer_create(ANSWER_JSON, fg_printf("{\"status\":\"%s\"}", state)));
}

static enum MHD_Result answer_health(
	struct routes *routes, const struct routes_request *rq, const struct head *head)
{
	struct answer_kept *kept = &routes->health;

	if (head->terse)
		return answer_terse(routes, rq);
	if (rq->fresh)
		return answer_send(rq->connection, health_code(routes),
			render(health_document(routes->app->health, false)));
	if (!still_good(routes, kept, HEALTH_TICK_MS)) {
		kept->status = health_code(routes);
		kept->answer = render(health_document(routes->app->health, true));
	}
	return send_kept(rq, kept);
}

/* The summary for a script is that of /health; for a browser it is a page. */
static enum MHD_Result answer_home(
	struct routes *routes, const struct routes_request *rq, const struct head *head)
{
	bool html = access_wants_html(head->accept);
	struct answer_kept *kept = html ? &routes->page : &routes->home;

	if (!still_good(routes, kept, STATUS_TICK_MS)) {
		kept->status = health_code(routes);
		kept->answer = html ? page_create(routes->app->health)
				    : render(health_document(routes->app->health, true));
		if (kept->answer)
			MHD_add_response_header(kept->answer, MHD_HTTP_HEADER_VARY, "Accept");
	}
	return send_kept(rq, kept);
}

static enum MHD_Result answer_status(
	struct routes *routes, const struct routes_request *rq, const struct head *head)
{
	struct answer_kept *kept = &routes->status;

	(void)head;
	if (!still_good(routes, kept, STATUS_TICK_MS)) {
		kept->status = MHD_HTTP_OK;
		kept->answer = answer_create(ANSWER_JSON, health_status(routes->app->health));
	}
	return send_kept(rq, kept);
}

static enum MHD_Result answer_live(
	struct routes *routes, const struct routes_request *rq, const struct head *head)
{
	struct answer_kept *kept = &routes->live;

	(void)head;
	if (!kept->answer) {
		kept->status = MHD_HTTP_OK;
		kept->answer = answer_create(ANSWER_JSON, fg_strdup("{\"status\":\"ok\"}"));
	}
	return send_kept(rq, kept);
}

/* Counts change with every request: nothing is kept. */
static enum MHD_Result answer_metrics(
	struct routes *routes, const struct routes_request *rq, const struct head *head)
{
	bool openmetrics = metrics_wants_openmetrics(head->accept);
	struct MHD_Response *answer =
		answer_create(openmetrics ? METRICS_OPENMETRICS : METRICS_PROMETHEUS,
			metrics_text(routes->app->health, openmetrics));

	if (answer)
		MHD_add_response_header(answer, MHD_HTTP_HEADER_VARY, "Accept");
	return answer_send(rq->connection, MHD_HTTP_OK, answer);
}

static enum MHD_Result answer_ready(
	struct routes *routes, const struct routes_request *rq, const struct head *head)
{
	bool ready = health_ready(routes->app->health) && !routes->app->stopping;

	(void)head;
	return answer_send(rq->connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
		answer_create(ANSWER_JSON,
			fg_strdup(ready ? "{\"status\":\"ready\"}" : "{\"status\":\"starting\"}")));
}

static bool only_head(const struct routes_request *rq)
{
	return strcmp(rq->method, MHD_HTTP_METHOD_HEAD) == 0;
}

static ssize_t end_of_stream(void *arg, uint64_t at, char *buf, size_t size)
{
	(void)arg;
	(void)at;
	(void)buf;
	(void)size;
	return MHD_CONTENT_READER_END_OF_STREAM;
}

/* Libmicrohttpd 0.9.75 ends a chunked answer to HEAD with the last chunk, which would be taken for
 * the next answer; so it has no chunks, and the connection is closed. */
static enum MHD_Result answer_events_head(const struct routes_request *rq)
{
	struct MHD_Response *answer =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, end_of_stream, NULL, NULL);

	if (!answer)
		return MHD_NO;
	MHD_set_response_options(answer, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	answer_mark(answer, "text/event-stream");
	return answer_send(rq->connection, MHD_HTTP_OK, answer);
}

/* Events: for as long as the client listens. */
static enum MHD_Result answer_events(
	struct routes *routes, const struct routes_request *rq, const struct head *head)
{
	const struct health *h = routes->app->health;
	enum MHD_Result rc;
	bool full;

	if (only_head(rq))
		return answer_events_head(rq);
	rc = feed_answer(
		health_feed(h), &routes->stream, rq->connection, h, head->last_event, &full);
	if (!full)
		return rc;
	return answer_error(rq->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
		"too many listen already", MHD_HTTP_HEADER_RETRY_AFTER, "60");
}

static const struct route table[] = {
	{.path = "/", .waits = no_picture, .answer = answer_home},
	{.path = "/events", .streams = true, .answer = answer_events},
	{.path = "/health", .may_probe = true, .waits = no_picture, .answer = answer_health},
	{.path = "/livez", .open = true, .answer = answer_live},
	{.path = "/metrics", .answer = answer_metrics},
	{.path = "/readyz", .answer = answer_ready},
	{.path = "/status", .waits = no_picture, .answer = answer_status},
};

void routes_init(struct routes *routes, struct app *app)
{
	memset(routes, 0, sizeof(*routes));
	routes->app = app;
}

void routes_finish(struct routes *routes)
{
	answer_forget(&routes->home);
	answer_forget(&routes->page);
	answer_forget(&routes->health);
	answer_forget(&routes->status);
	answer_forget(&routes->live);
}

static enum MHD_Result note_header(
	void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct head *head = arg;

	(void)kind;
	if (!value)
		value = "";
	head->size += strlen(name) + strlen(value) + 4; /* ": " and the line's end */
	if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0) {
		head->host = value;
		head->hosts++;
	} else if (strcasecmp(name, MHD_HTTP_HEADER_AUTHORIZATION) == 0) {
		head->authorization = value;
		head->authorizations++;
	} else if (strcasecmp(name, MHD_HTTP_HEADER_ACCEPT) == 0) {
		head->accept = value;
	} else if (strcasecmp(name, "Last-Event-ID") == 0) {
		head->last_event = value;
	} else if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
		head->lengths++;
	}
	return MHD_YES;
}

static enum MHD_Result note_argument(
	void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct head *head = arg;

	(void)kind;
	head->query += strlen(name) + (value ? strlen(value) : 0) + 2;
	if (strcmp(name, "verbose") == 0)
		head->terse = value && strcmp(value, "false") == 0;
	if (strcmp(name, "probe") == 0)
		head->probe = value && strcmp(value, "true") == 0;
	return MHD_YES;
}

struct refusal {
	unsigned int status;
	const char *message;
	const char *name, *value; /* one more header */
};

static bool refuse(struct refusal *refusal, unsigned int status, const char *message)
{
	refusal->status = status;
	refusal->message = message;
	return true;
}

/* Requests that are no good whatever they ask for. */
static bool malformed(
	const struct routes_request *rq, const struct head *head, struct refusal *refusal)
{
	if (strlen(rq->path) + head->query > LISTENER_URL_MAX)
		return refuse(refusal, MHD_HTTP_URI_TOO_LONG, "the URL is too long");
	if (head->size > LISTENER_HEAD_MAX)
		return refuse(refusal, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
			"the request's headers are too large");
	if (rq->body > LISTENER_BODY_MAX)
		return refuse(refusal, MHD_HTTP_CONTENT_TOO_LARGE, "no body is wanted here");
	if (head->hosts > 1 || head->authorizations > 1 || head->lengths > 1)
		return refuse(refusal, MHD_HTTP_BAD_REQUEST,
			"Host, Authorization and Content-Length may each be given once");
	if (head->hosts == 0 && strcmp(rq->version, MHD_HTTP_VERSION_1_0) != 0)
		return refuse(refusal, MHD_HTTP_BAD_REQUEST, "the Host header is missing");
	return false;
}

static bool forbidden(const struct routes *routes, const struct route *route,
	const struct head *head, struct refusal *refusal)
{
	const struct config *config = routes->app->setup->config;
	bool needs_token =
		config->http.token || (!routes->local && !config->http.allow_unauthenticated);

	if (routes->check_host && head->host && !access_host_is_local(head->host))
		return refuse(refusal, MHD_HTTP_FORBIDDEN,
			"the Host header names another machine; use localhost or 127.0.0.1");
	if (needs_token && !(route && route->open) &&
		!(config->http.token && access_bearer(head->authorization, config->http.token))) {
		refusal->name = MHD_HTTP_HEADER_WWW_AUTHENTICATE;
		refusal->value = "Bearer realm=\"fleetgram\"";
		return refuse(refusal, MHD_HTTP_UNAUTHORIZED,
			head->authorization ? "that is not the token" : "a bearer token is needed");
	}
	return false;
}

static bool misdirected(
	const struct routes_request *rq, const struct route *route, struct refusal *refusal)
{
	if (!route)
		return refuse(refusal, MHD_HTTP_NOT_FOUND, "there is nothing at this path");
	if (strcmp(rq->method, MHD_HTTP_METHOD_GET) != 0 && !only_head(rq)) {
		refusal->name = MHD_HTTP_HEADER_ALLOW;
		refusal->value = "GET, HEAD";
		return refuse(refusal, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD work here");
	}
	return false;
}

static const struct route *route_find(const char *path)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(table); i++)
		if (strcmp(table[i].path, path) == 0)
			return &table[i];
	return NULL;
}

enum routes_result routes_answer(struct routes *routes, const struct routes_request *rq)
{
	const struct route *route = route_find(rq->path);
	struct refusal refusal = {0};
	struct head head = {0};
	enum MHD_Result rc;

	MHD_get_connection_values(rq->connection, MHD_HEADER_KIND, note_header, &head);
	MHD_get_connection_values(rq->connection, MHD_GET_ARGUMENT_KIND, note_argument, &head);
	if (malformed(rq, &head, &refusal) || forbidden(routes, route, &head, &refusal) ||
		misdirected(rq, route, &refusal))
		rc = answer_error(rq->connection, refusal.status, refusal.message, refusal.name,
			refusal.value);
	else if (!rq->waited &&
		 ((route->may_probe && head.probe) || (route->waits && route->waits(routes))))
		return ROUTES_WAITS;
	else
		rc = route->answer(routes, rq, &head);
	if (rc == MHD_YES && refusal.status == 0 && route->streams && !only_head(rq))
		return ROUTES_STREAMS;
	return rc == MHD_YES ? ROUTES_ANSWERED : ROUTES_FAILED;
}
