/*
 * The feed: GET /events, what changes in the fleet, as server-sent events.
 *
 * An event has an id, "RUN-NUMBER", a name and a JSON document; the id of `hello` is that of the
 * event before the first that its client gets. The last FEED_KEPT are kept: who comes back with
 * Last-Event-ID goes on after it, and who was away for longer, or comes from before a restart, gets
 * a `reset` event: read /status anew. So does a client that falls behind by more than are kept, and
 * one that is twice as far behind is hung up on. All this is bounded by the one ring that they
 * share; a client has one event of its own.
 *
 * Names: `hello` (first, {"version","status","at"}), `health` {"status"}, `host`
 * {"name","state","problem"} or {"name","state":"gone"}, `instance` (as in /status, or
 * {"name","host","state":"gone"}), `containers` (the counts of /health), `incident`
 * {"id","change":"opened|recovered|acknowledged|closed","state",…} and `command`
 * {"command","targets","result","at"} (news.h), `reset` {"reason"}, `bye` {"reason"} (last).
 */
#ifndef BOT_HTTP_FEED_H
#define BOT_HTTP_FEED_H

#include <microhttpd.h>
#include "http/health.h"

#define FEED_KEPT 256
#define FEED_CLIENTS 64
#define FEED_PER_ADDRESS 16 /* well below LISTENER_PER_ADDRESS: health checks get through, too */
#define FEED_BURST 100 /* things that change in one picture, or in one look; more are one `reset` */
#define FEED_LOOK_MS 250
#define FEED_BEAT_MS 15000 /* a comment line, so that nobody in between thinks it dead */

struct feed;

struct feed *feed_create(void);
void feed_destroy(struct feed *feed); /* NULL is fine; nobody may listen any more */

/* Have this called, which may publish and does not wait, every FEED_LOOK_MS while somebody listens,
 * and before somebody begins to: who comes back has missed nothing. */
void feed_watch(struct feed *feed, void (*look)(void *arg), void *arg);

/* For everybody who listens and for the ring. Takes data over. */
void feed_publish(struct feed *feed, const char *name, cJSON *data);
void feed_reset(struct feed *feed, const char *why); /* a `reset` */
/* What is different between two pictures; before NULL: nothing is. */
void feed_compare(
	struct feed *feed, const struct health_picture *before, const struct health_picture *now);

/* Whose connections they are; it outlives them. */
struct feed_listener {
	void (*wake)(void *arg); /* libmicrohttpd has to be run, soon: somebody was resumed */
	void *arg;
	bool closed; /* by feed_close() */
};

/*
 * Answer a request with the stream. last_id: of its Last-Event-ID header, NULL: none. MHD_NO: it
 * cannot be answered; *full: because FEED_CLIENTS listen already, or FEED_PER_ADDRESS from its
 * address. A Unix socket's clients have none.
 */
enum MHD_Result feed_answer(struct feed *feed, const struct feed_listener *listener,
	struct MHD_Connection *connection, const struct health *h, const char *last_id, bool *full);

/* Say goodbye to those of a listener that closes: none of them is suspended after it, and nobody
 * comes any more. */
void feed_close(struct feed *feed, struct feed_listener *listener);
int feed_listeners(const struct feed *feed);
uint64_t feed_number(const struct feed *feed); /* of the newest event; 0: none yet */

#endif
