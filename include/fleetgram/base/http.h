/*
 * The HTTP client: libcurl's multi interface on the loop, called from tasks as if it blocked.
 *
 * Connections are kept and reused. Every request names a total deadline, a cap on its answer, and
 * whether it may be repeated: a request that is not `idempotent` is never sent a second time behind
 * the caller's back once its body has begun to leave (curl would do so on a reused connection that
 * turns out to be dead). Errors tell apart what callers have to: FG_EUNREACHABLE never left;
 * FG_ELOST may have arrived; FG_ETIMEOUT ran out of time (`sent`, and the error's `unsent`, tell
 * which of the two it was). An HTTP status is not an error here: callers read `status` and the body,
 * which is kept for every status.
 */
#ifndef FLEETGRAM_BASE_HTTP_H
#define FLEETGRAM_BASE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "fleetgram/base/err.h"
#include "fleetgram/base/str.h"

/* One part of a multipart/form-data body. */
struct fg_http_part {
	const char *name;
	const void *data;
	size_t len;
	const char *filename; /* NULL: an ordinary field */
	const char *type;     /* content type; NULL: curl's choice */
};

/*
 * A connection to where no address leads: through a socket that somebody else makes. Connections of
 * one name are kept and reused like others, so no two dials that lead to different places may share
 * one. Dial, name and arg have to last until the last connection was hung up.
 */
struct fg_http_dial {
	/*
	 * On the loop, and must not wait. A stream socket that does not block, and the address that
	 * it is connected to right after this; -1: err. (libcurl 7.88 connects even one that is
	 * said to be connected, so it cannot be one half of a pair.) caller: of the request for
	 * which it is.
	 */
	int (*dial)(void *arg, void *caller, struct sockaddr_un *to, socklen_t *len,
		struct fg_err *err);
	void (*hangup)(void *arg, int fd); /* closes it */
	void *arg;
	const char *name; /* less than 100 bytes */
};

/* What kept a request from its answer, where that is known. */
enum fg_http_trouble {
	FG_TROUBLE_NONE,        /* nothing of the following */
	FG_TROUBLE_AUTHORITY,   /* who signed the other side's certificate is not trusted */
	FG_TROUBLE_CERTIFICATE, /* the other side wants a certificate, or another one */
	FG_TROUBLE_EXPIRED,     /* its certificate is not valid at this time */
	FG_TROUBLE_FILES,       /* a certificate or key here cannot be read or used */
	FG_TROUBLE_FORBIDDEN,   /* this process may not connect to the Unix socket */
	FG_TROUBLE_MISSING,     /* there is no such Unix socket */
	FG_TROUBLE_NAME,        /* the host's name has no address */
	FG_TROUBLE_OTHER_NAME,  /* its certificate is for another name */
	FG_TROUBLE_PLAIN,       /* it does not speak TLS */
	FG_TROUBLE_REFUSED,     /* nobody listens there */
	FG_TROUBLE_ROUTE,       /* no way leads to the host */
	FG_TROUBLE_SILENT,      /* no connection came about in time */
	FG_TROUBLE_STALLED,     /* a connection did, and no whole answer */
};

struct fg_http_request {
	const char *method; /* NULL: GET, or POST with a body */
	const char *url;
	const char *unix_socket;         /* connect to this path instead of the URL's host */
	const struct fg_http_dial *dial; /* connect by this instead */
	void *caller; /* handed to the dial, which is not asked when a kept connection serves */
	const char *proxy;
	struct {
		const char *ca, *cert,
			*key; /* PEM files; NULL: the system's CAs, no client certificate. A
				 key with a passphrase is refused, nobody is asked for it */
	} tls;
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	const void *body;
	size_t body_len;
	const struct fg_http_part *parts; /* instead of a body */
	size_t part_count;
	int64_t timeout_ms;         /* in all, for a stream until the headers; 0: 30 s */
	int64_t connect_timeout_ms; /* 0: 10 s, and never over timeout_ms */
	size_t cap;      /* bytes of body kept; 0: 16 MiB; a longer answer is FG_ETOOBIG */
	bool idempotent; /* may be sent again by curl when a reused connection was dead */
	bool fresh;      /* on a new connection, which is closed after it */
	/*
	 * Called once, in the caller's task, when the connection stands and before the first byte
	 * of the body leaves; it may wait. -1 with err ends the request, of which nobody can have
	 * made anything then. Only for fg_http_perform(), with a body or parts, and not idempotent.
	 */
	int (*before_body)(void *arg, struct fg_err *err); /* NULL: nobody is asked */
	void *before_body_arg;
	enum fg_http_trouble *trouble; /* gets what went wrong; NULL: nobody wants to know */
	struct fg_str *lines; /* gets the answer's header lines, within its cap; NULL: not kept */
};

struct fg_http_response {
	long status;
	struct fg_str body;     /* binary-safe */
	int64_t retry_after_ms; /* of the Retry-After header in seconds; 0 when absent */
	char content_type[64];  /* "" when absent */
	char server[64];        /* the Server header; "" when absent */
	int64_t date_ms;        /* the Date header, wall clock, of whole seconds; 0 when absent */
	bool sent; /* the request, or part of it, left this machine (with before_body: of its body);
		      set on errors too */
	int64_t elapsed_ms;
};

void fg_http_response_finish(struct fg_http_response *rs);
#define cleanup_response __attribute__((cleanup(fg_http_response_finish)))

/* rs has to be zeroed or finished; it is filled as far as things went even when -1 is returned. */
int fg_http_perform(
	const struct fg_http_request *rq, struct fg_http_response *rs, struct fg_err *err);

/* The value of a header in such lines, the one of that name that comes after `skip` others. False:
 * there is none, or it does not fit. */
bool fg_http_header(const struct fg_str *lines, const char *name, int skip, char *out, size_t size);

/*
 * A stream: an answer whose body is read bit by bit. At most FG_HTTP_WINDOW bytes wait to be read;
 * then curl is told to stop reading until the reader has caught up. One task reads.
 */
#define FG_HTTP_WINDOW (256 * 1024)

struct fg_http_stream;

/* Returns after the headers; a stream for any status (the body of an error is read like another),
 * or NULL. */
struct fg_http_stream *fg_http_open(const struct fg_http_request *rq, struct fg_err *err);
long fg_http_status(const struct fg_http_stream *s);
const char *fg_http_content_type(const struct fg_http_stream *s);
int64_t fg_http_date(const struct fg_http_stream *s); /* as date_ms above */

/*
 * Wait for bytes, at most until the deadline (monotonic ms). >0: that many were put into buf; 0:
 * the body has ended well; -1: error (FG_ETIMEOUT leaves the stream usable).
 */
int64_t fg_http_read(
	struct fg_http_stream *s, void *buf, size_t size, int64_t deadline, struct fg_err *err);

/* Exactly n bytes into buf: 1; 0 at an end before the first byte; -1, FG_ELOST when it ends in
 * between. */
int fg_http_read_full(
	struct fg_http_stream *s, void *buf, size_t n, int64_t deadline, struct fg_err *err);

/*
 * The next line without its end into line (which is reset first; its cap is the longest line, what
 * is beyond it is dropped and line->full set). 1: a line; 0: the end. A last line without an end
 * counts. After FG_ETIMEOUT what was gathered is kept in the stream.
 */
int fg_http_read_line(
	struct fg_http_stream *s, struct fg_str *line, int64_t deadline, struct fg_err *err);

void fg_http_close(
	struct fg_http_stream *s); /* NULL is fine; hangs up if the end was not reached */

static inline void fg_http_close_ptr(struct fg_http_stream **s)
{
	fg_http_close(*s);
}
#define cleanup_stream __attribute__((cleanup(fg_http_close_ptr)))

/* Close the kept connections and forget the client; before fg_loop_run() returns somebody has to.
 */
void fg_http_finish(void);

#endif
