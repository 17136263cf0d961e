/*
 * Notifications: what operators are told without having asked.
 *
 * An *incident* is something that is not as it should be, from its beginning to its end: it is
 * opened, goes on (counted), is acknowledged, recovers, and is closed. It is of a kind and about a
 * subject: a container on a host, a host, an image. A *bulletin* is the message that tells of one
 * incident, or of several that came in a burst; it is a live message in every chat that wants to
 * know, and is edited as its incidents go on. A new message comes only for what is new; one that
 * comes back again and again is told anew only after NOTIFY_BACKOFF_MS, doubling to
 * NOTIFY_BACKOFF_MOST_MS.
 *
 * Incidents change in transactions of the store, together with whatever they were learnt from. What
 * a message needs beyond that (the last log lines, the check's output) is fetched after the commit,
 * in bounded time, by a task that takes up again after a restart what it had not told yet.
 *
 * What is told goes through one place, which knows the start-up delay, quiet hours, mutes, `only`,
 * a container's label io.fleetgram.notify and each chat's scope.
 */
#ifndef BOT_NOTIFY_NOTIFY_H
#define BOT_NOTIFY_NOTIFY_H

#include "app.h"
#include "fleetgram/fleet/watch.h"

#define NOTIFY_BURST_MS 5000      /* what comes within so long of the last one joins its bulletin */
#define NOTIFY_BURST_MOST_MS 60000 /* … but a bulletin that is so old takes no new ones */
#define NOTIFY_BACKOFF_MS ((int64_t)30 * 60 * 1000)
#define NOTIFY_BACKOFF_MOST_MS ((int64_t)6 * 3600 * 1000)

enum incident_kind {
	INCIDENT_DIED,      /* ended by itself, with any code; with OOM when that was why */
	INCIDENT_STOPPED,   /* somebody else stopped, killed or removed it */
	INCIDENT_OOM,       /* a process in it was killed for want of memory, it lives on */
	INCIDENT_UNHEALTHY,
	INCIDENT_HOST,      /* a host does not answer */
	INCIDENT_CPU,
	INCIDENT_MEMORY,
	INCIDENT_DISK,      /* of an engine's root */
	INCIDENT_UPDATE,    /* a newer image is there */
	INCIDENT_HEAL,      /* autoheal has restarted it, or has given up */
	INCIDENT_SERVICE,   /* of a swarm: fewer tasks run than are wanted */
	INCIDENT_ROLLOUT,   /* the swarm has paused its update, or rolled it back by itself */
	INCIDENT_NODE,      /* of a swarm: it is down */
	INCIDENT_SWARM,     /* it has no leader */
	INCIDENT_KINDS,
};

enum incident_state {
	INCIDENT_OPEN,
	INCIDENT_RECOVERED, /* it may come back and is then the same incident again */
	INCIDENT_CLOSED,
};

/* What is reported of a subject; strings may be NULL where they do not apply, and are copied. */
struct incident_report {
	enum incident_kind kind;
	const char *host;
	const char *id, *name, *image; /* of the container */
	const cJSON *labels;           /* of the container, for `only`, mutes, scopes, the label; NULL: none */
	const char *about;  /* what makes it another incident of the same kind and subject: the new
			       digest of an update; NULL: nothing */
	int64_t at_ms;      /* wall clock; 0: now */
	const cJSON *facts; /* of the kind: {"exit_code","signal","ran_ms","oom","missed"}, {"why"},
			       {"percent","limit_percent","bytes","limit_bytes"}, {"here","there"}, … */
};

struct notify;

/* Migrates its tables. */
struct notify *notify_create(struct app *app, struct fg_err *err);
void notify_destroy(struct notify *n); /* NULL is fine; notify_run() has ended */
void notify_run(void *notify);         /* a task; until it is cancelled */
void notify_kick(struct notify *n);    /* something was committed, or the config has changed */

/* The taker of the watch (watch.h); arg is the notify. */
int notify_take(struct fg_tx *tx, const struct fg_happening *v, size_t n, void *notify,
	struct fg_err *err);

/*
 * In the open transaction: open an incident, or let the one that is open (or has just recovered) go
 * on. 1: it was opened; 0: it goes on, or the config does not want this kind; -1: err. The caller
 * kicks after the commit.
 */
int notify_report(struct notify *n, struct fg_tx *tx, const struct incident_report *report,
	struct fg_err *err);
/* It is over: what is open of that kind and subject. id NULL: of a host itself. Nothing open is fine. */
int notify_recovered(struct notify *n, struct fg_tx *tx, enum incident_kind kind, const char *host,
	const char *id, int64_t at_ms, struct fg_err *err);

/* The death of a swarm's task is over, for another one runs in its place. */
int notify_replaced(struct notify *n, struct fg_tx *tx, const char *host, const char *id,
	struct fg_err *err);

/* As notify_recovered(), but its container is there no more. */
int notify_gone(struct notify *n, struct fg_tx *tx, enum incident_kind kind, const char *host,
	const char *id, struct fg_err *err);

/*
 * A notice is no incident: results of pruning and schedules, a stranger, a config that is refused. It
 * waits for quiet hours to end, and for the start-up delay unless it is `early`; nothing holds an
 * urgent one. What waits is in the store (hold.h).
 */
struct notice {
	const char *html;
	const cJSON *keyboard; /* of keyboard.h; NULL: none. It stays the caller's. */
	bool urgent, early, silent;
	bool whole; /* it may name anything: chats with a scope are not told */
};

/* In the open transaction, to one chat (and topic) of audience_each(), or to all of them that see
 * the subject (NULL: all). After the commit somebody has to outbox_kick() and hold_kick(). */
int notify_tell(struct app *app, struct fg_tx *tx, const struct config_chat *chat, int64_t chat_id,
	const struct notice *notice, struct fg_err *err);
int notify_say(struct app *app, struct fg_tx *tx, const struct fg_subject *subject,
	const struct notice *notice, struct fg_err *err);

#endif
