/*
 * Routes: which paths there are, who may ask, and what they answer.
 */
#ifndef BOT_HTTP_ROUTES_H
#define BOT_HTTP_ROUTES_H

#include <microhttpd.h>
#include "http/answer.h"
#include "http/feed.h"
#include "http/health.h"

/* What the routes of one listener share. */
struct routes {
	struct app *app;
	bool local;      /* only this machine reaches the listener */
	bool check_host; /* it is a TCP port on loopback, which a browser's pages can reach */
	struct feed_listener stream; /* of GET /events; whoever has the routes fills it in */
	struct answer_kept home, page, health, status, live;
};

void routes_init(struct routes *routes, struct app *app);
void routes_finish(struct routes *routes);

/* A request with its head read. */
struct routes_request {
	struct MHD_Connection *connection;
	const char *path; /* as it was sent, without the query */
	const char *method, *version;
	size_t body; /* bytes of it, which were thrown away */
	bool waited; /* for a picture, and does not do so again */
	bool fresh;  /* that picture was taken since it came */
};

enum routes_result { ROUTES_ANSWERED, ROUTES_FAILED, ROUTES_STREAMS, ROUTES_WAITS };

/*
 * Answer; ROUTES_STREAMS: the answer goes on for as long as the client likes (feed.h); or
 * ROUTES_WAITS: it wants a fresh picture, and to be asked again after it.
 */
enum routes_result routes_answer(struct routes *routes, const struct routes_request *request);

#endif
