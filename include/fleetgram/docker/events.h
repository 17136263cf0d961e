/*
 * An engine's event stream, Docker's words and Podman's.
 *
 * What merely accompanies looking at a container (exec_…, top, attach, resize) is left out by the
 * engine: each probe of a healthcheck would make three of them.
 */
#ifndef FLEETGRAM_DOCKER_EVENTS_H
#define FLEETGRAM_DOCKER_EVENTS_H

#include "fleetgram/docker/engine.h"

struct fg_event {
	cJSON *raw;       /* the whole event; owned */
	const char *type; /* "container" "image" "network" …, inside raw, or "" */
	char action[64];  /* Docker's word: "die" for Podman's "died", "destroy" for its "remove",
			     "health_status: unhealthy" */
	const char *id;   /* of the actor */
	const char *name; /* of the actor, or "" */
	int64_t time_ns;  /* the engine's wall clock when it handled it */
};

void fg_event_finish(struct fg_event *ev);
#define cleanup_event __attribute__((cleanup(fg_event_finish)))
/* An attribute of the actor, NULL when absent. "exitCode" finds Podman's containerExitCode as well.
 * Not cleaned: labels are among them. */
const char *fg_event_attr(const struct fg_event *ev, const char *key);

struct fg_events;

/* since_ns, until_ns: wall clock, 0: no bound (from now on; for ever). since is inclusive: what
 * came at that very moment may come again. */
struct fg_events *fg_events_open(
	struct fg_engine *engine, int64_t since_ns, int64_t until_ns, struct fg_err *err);
/*
 * The same for the commands that were run in containers, which the stream above leaves out. For a
 * bounded look back: the engine keeps its last 256 events of every kind and no more, so that on a
 * busy host what is a while ago is forgotten.
 */
struct fg_events *fg_events_open_execs(
	struct fg_engine *engine, int64_t since_ns, int64_t until_ns, struct fg_err *err);
/* The command that such an event tells of, raw and in one string; "" where the engine does not say
 * it (Podman), NULL for any other event. */
const char *fg_event_exec(const struct fg_event *ev);
/* What time the engine had when it opened the stream: its wall clock in ms, of whole seconds; 0: it
 * did not say. */
int64_t fg_events_date(const struct fg_events *events);
/* 1: an event, which the caller finishes; 0: the stream has ended; -1: error. FG_ETIMEOUT leaves it
 * usable. */
int fg_events_next(
	struct fg_events *events, struct fg_event *out, int64_t deadline, struct fg_err *err);
void fg_events_close(struct fg_events *events); /* NULL is fine */

static inline void fg_events_close_ptr(struct fg_events **events)
{
	fg_events_close(*events);
}
#define cleanup_events __attribute__((cleanup(fg_events_close_ptr)))

#endif
