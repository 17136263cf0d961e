/*
 * How a transfer gets its connection, and what it means when it gets none. http.c uses it.
 */
#ifndef ENGINE_BASE_CONNECT_H
#define ENGINE_BASE_CONNECT_H

#include <curl/curl.h>
#include "fleetgram/base/http.h"

#define CONNECT_DEFAULT_TIMEOUT 30000 /* ms, of a request that names none */

/* A transfer's own, for as long as its handle lives. */
struct connecting {
	const struct fg_http_dial *dial; /* NULL: curl connects */
	void *caller;                    /* the request's */
	bool failed;                     /* the dial did */
	struct fg_err why;
};

/* Tell the handle where and how to connect. c is zeroed. */
void connect_set(CURL *easy, const struct fg_http_request *rq, struct connecting *c);

/* What an error of curl's is to those who branch on it. */
enum fg_err_code connect_code(CURLcode result, bool sent);
/* What kept the handle from its answer; local: over a Unix socket; text is curl's. */
enum fg_http_trouble connect_trouble(CURL *easy, CURLcode result, bool local, const char *text);

#endif
