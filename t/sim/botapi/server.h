/*
 * The HTTP side: libmicrohttpd driven by one libuv loop, so that everything here runs on one
 * thread.
 *
 * An exchange is one request and its answer. Once its body is there it is handed to route(), which
 * either answers it or parks it; a parked exchange is suspended and is answered later: by whoever
 * finds out (poke), or at its deadline (wake). An exchange belongs to the server; it is valid from
 * route() until it has been answered.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>
#include <uv.h>

#include "text.h"

struct fault;

struct upload {
	struct upload *next;
	char *field;
	char *filename; /* NULL for an ordinary form field */
	char *type;
	struct buf data;
};

enum ending {
	ENDING_WHOLE,     /* the answer as it is */
	ENDING_TRUNCATED, /* half of what content-length promises, then the end of the connection */
	ENDING_DROPPED,   /* the connection ends without an answer */
};

struct answer {
	enum ending ending;
	unsigned status;
	const char *type;    /* a literal; NULL means JSON */
	int64_t retry_after; /* seconds for the header; 0 for no header */
	char *body;          /* malloc'd; the server frees it */
	size_t size;
};

struct exchange {
	struct exchange *next, *prev; /* the parked ones */
	struct MHD_Connection *conn;
	struct MHD_PostProcessor *post;
	char *path, *verb;
	cJSON *params; /* object: the query string's, then the body's */
	struct upload *uploads;
	struct buf raw;
	bool is_json, is_form, bad_json, too_big, routed, parked, ready;
	struct answer answer;

	uint64_t deadline;                /* in server_now() terms; 0 for never */
	void (*wake)(struct exchange *x); /* at the deadline */
	void (*poke)(struct exchange *x); /* after something was recorded; may be NULL */

	/* What the bot side keeps while the answer waits. */
	const char *method;
	const struct fault_kind *fault;
	int64_t delay_ms;
	struct answer later;
	int64_t poll_offset, poll_limit;
};

int server_start(uv_loop_t *loop, uint16_t port,
        void (*route)(struct exchange *x)); /* the port; negative errno */
void server_stop(void);                     /* drops every exchange still parked */

uint64_t server_now(void); /* monotonic milliseconds */
int64_t server_wall(void); /* milliseconds since 1970 */

void exchange_answer(struct exchange *x, struct answer answer);
void exchange_park(struct exchange *x, uint64_t deadline, void (*wake)(struct exchange *x));
void exchange_deadline(struct exchange *x, uint64_t deadline); /* moves a parked one's */
void exchange_poke_all(void);
void exchange_drop_hung(void); /* drops what is parked without deadline and without poke */
bool exchange_is_gone(const struct exchange *x); /* the client has hung up */
struct upload *exchange_upload(const struct exchange *x, const char *field); /* a file part; NULL */

/* Reading a request; request.c */
bool request_begin(struct exchange *x);
void request_feed(struct exchange *x, const char *data, size_t n);
void request_end(struct exchange *x);
void request_finish(struct exchange *x);

#endif
