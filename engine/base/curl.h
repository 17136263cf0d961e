/*
 * libcurl's multi handle on the loop. http.c makes transfers of it.
 */
#ifndef ENGINE_BASE_CURL_H
#define ENGINE_BASE_CURL_H

#include <curl/curl.h>
#include <stdbool.h>
#include "fleetgram/base/str.h"

/* What a transfer's easy handle carries as CURLOPT_PRIVATE. */
struct curl_transfer {
	CURL *easy;
	bool done;
	CURLcode result;
	void (*on_done)(struct curl_transfer *t); /* called on the loop, outside curl's callbacks */
};

int curl_add(struct curl_transfer *t); /* -1: curl refused it */
void curl_remove(
	struct curl_transfer *t); /* stops it if it still runs; the connection is closed then */

/* One that paused goes on, before this returns if its socket takes more. */
void curl_go_on(struct curl_transfer *t);

/* Copy a header's value, trimmed and cut to fit, when the line is that header ("Name:"). */
bool http_header_value(const char *line, size_t len, const char *name, char *out, size_t size);
/* Add a line to those of an answer; a status line begins anew. */
void http_header_keep(struct fg_str *lines, const char *line, size_t len);

#endif
