/*
 * The side listener: HTTP for health checks, on libmicrohttpd inside the one loop.
 *
 * Everything that a handler answers is JSON, or the page for a browser. Requests that libmicrohttpd
 * itself cannot read (a broken request line, a head of more than LISTENER_POOL bytes) get its own
 * short page with 400, 414 or 431, and the connection is closed. Libmicrohttpd's time-out begins
 * anew with every byte; so the listener keeps an age for every connection and hangs up on those
 * whose request, or whose taking of the answer, lasts too long.
 */
#ifndef BOT_HTTP_LISTENER_H
#define BOT_HTTP_LISTENER_H

#include "app.h"

/* In all, further ones wait in the kernel's queue; from one address, further ones are closed. */
#define LISTENER_CONNECTIONS 256
#define LISTENER_PER_ADDRESS 32
/* Who had to wait in the kernel's queue while a picture was taken shares it: as long after it. */
#define LISTENER_CROWD_MS 2000
/* From a connection or the last answer to a whole request, and on to the answer's end. */
#define LISTENER_REQUEST_MS 10000
#define LISTENER_ANSWER_MS 60000
/* Bytes: a connection's memory; header fields (else 431); path and query (else 414). */
#define LISTENER_POOL 32768
#define LISTENER_HEAD_MAX 16384
#define LISTENER_URL_MAX 4096
/* Bytes of a body: else 413. A chunked one is read this far before it is cut off. */
#define LISTENER_BODY_MAX 8192
#define LISTENER_BODY_CUT (4 * 1024 * 1024)

struct listener;

/*
 * NULL: it cannot listen there. The app needs its setup, whose config has made sure that other
 * machines need a token or may do without, and its health. With http.listen "" there is none: call
 * it not.
 */
struct listener *listener_create(struct app *app, struct fg_err *err);

/*
 * After a reload: another address, and TLS turned on or off, need a new listener, and with "" it
 * goes; another certificate is shown to who connects from now on, and another token is looked at
 * anyway. *listener may be NULL before and after. -1: it stays as it was.
 */
int listener_renew(struct listener **listener, struct app *app, struct fg_err *err);

/* NULL is fine; closes every connection. Who asks meanwhile, or waits for a probe, gets 503 or no
 * answer. */
void listener_destroy(struct listener *l);

#endif
