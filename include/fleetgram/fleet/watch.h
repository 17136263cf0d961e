/*
 * The watch: what happens to the containers of a host, each thing told once.
 *
 * A host's event stream is followed in a task of its own. Where it was broken, it is taken up again
 * from the last event that was told; what the engine has forgotten by then (it keeps its last 256
 * events, and none over a restart) is found by comparing every container with how it was last seen.
 * Where the watch stands, and how it last saw each container, is in the store and changes in the
 * transaction in which the happenings are taken: none is lost, and none is told twice, whatever
 * crashes. Events that are no happenings cost no write.
 *
 * A stream can die without a sign. While none comes, the engine is asked for the events since the
 * last one every WATCH_PROOF_MS; one that the stream did not bring proves that it is dead, and
 * another one is opened.
 */
#ifndef FLEETGRAM_FLEET_WATCH_H
#define FLEETGRAM_FLEET_WATCH_H

#include "fleetgram/base/store.h"
#include "fleetgram/fleet/fleet.h"

#define FG_WATCH_PROOF_MS 30000
#define FG_WATCH_BATCH 256 /* happenings in one transaction, at most */
#define FG_WATCH_AGAIN_MS 5000 /* a host that refuses its stream is asked again about so often */

enum fg_happened {
	FG_HAPPENED_CREATED,
	FG_HAPPENED_STARTED,
	FG_HAPPENED_DIED,   /* exit_code, asked, signal, ran_ms */
	FG_HAPPENED_OOM,    /* a process in it was killed for want of memory; the container may live on */
	FG_HAPPENED_HEALTH, /* health: "healthy" "unhealthy"; only when it differs from the last one */
	FG_HAPPENED_PAUSED,
	FG_HAPPENED_UNPAUSED,
	FG_HAPPENED_RENAMED, /* name is the new one, before the old one */
	FG_HAPPENED_REMOVED,
};

/* Strings are never NULL, and valid for as long as they are being taken. */
struct fg_happening {
	enum fg_happened what;
	struct fg_host *host;
	const char *id, *name, *image, *before;
	const cJSON *labels; /* an object, or NULL when they are not known */
	int64_t at_ms;       /* wall clock of the engine */
	int64_t after_ms;    /* the same: it happened between then and at_ms */
	bool ours;           /* Fleetgram did it, this process or another one on the same store (deed.h) */
	bool asked;          /* it died because somebody had asked it to: docker stop, kill, restart, rm.
				Found by comparing, without a word of who asked: it is gone, or has
				ended with 143, or with 137 and not for want of memory; or it runs
				again, and not because its engine would have it so (exit_code -1) */
	bool missed;         /* found after a break, not as it happened */
	int exit_code;       /* -1: not known */
	int signal;          /* the one somebody sent before it died; 0: none */
	int64_t ran_ms;      /* how long it had run; -1: not known */
	const char *health;
};

struct fg_watch;

struct fg_deeds;

struct fg_watch_options {
	struct fg_store *store;
	struct fg_deeds *deeds; /* tell what is `ours`; NULL: nothing is */
	int64_t proof_ms;       /* 0: FG_WATCH_PROOF_MS */
	/*
	 * Take happenings of one host, in their order, in the transaction that moves the watch on. Must
	 * not wait for anything but the store. -1: the transaction is rolled back and the same are
	 * handed over again later.
	 */
	int (*take)(struct fg_tx *tx, const struct fg_happening *v, size_t n, void *arg,
		struct fg_err *err);
	/* After the commit; may be NULL. */
	void (*taken)(void *arg);
	void *arg;
};

/* Migrates its tables. */
struct fg_watch *fg_watch_create(const struct fg_watch_options *options, struct fg_err *err);
void fg_watch_destroy(struct fg_watch *watch); /* NULL is fine; not while it runs */

/*
 * Watch the hosts of a fleet from now on, each in a task of its own; after a reload of the config
 * with the new fleet. Hosts of the same name go on where they stood. What is there when a host is
 * watched for the first time is no happening; what has come while nobody looked is (missed). stop
 * ends all tasks and returns when they have ended. Both wait, and are called from a task.
 */
void fg_watch_follow(struct fg_watch *watch, struct fg_fleet *fleet);
void fg_watch_stop(struct fg_watch *watch);

/* How a container was when it was last seen. */
struct fg_watch_seen {
	const char *id, *name, *image;
	const char *state, *health; /* the engine's words; of what is down it is "exited" */
	const cJSON *labels;        /* an object, or NULL when they are not known */
	bool up;                    /* running or paused */
	int64_t ended_ms;           /* by this machine's wall clock; 0: never */
};

/*
 * All containers of a host as the store has them; what each() gets is valid during the call. 1; 0:
 * the host was not seen yet, or something was missed and not all of them have been looked at since;
 * -1: err. Does not wait.
 */
int fg_watch_seen_each(struct fg_store *store, const char *host,
	void (*each)(const struct fg_watch_seen *seen, void *arg), void *arg, struct fg_err *err);

/* How the stream of a host does. */
struct fg_watch_state {
	bool live;            /* a stream is open, and proven not to be dead */
	int64_t since_ms;     /* monotonic: live, or not, since */
	int64_t event_ms;     /* monotonic: the last event of any kind; 0: none yet */
	int64_t sure_ms;      /* monotonic: the last sign that nothing was missed; 0: none yet */
	int64_t events;       /* told by the stream since the start */
	int64_t happenings;
	int64_t breaks;       /* how often the stream was taken up again */
	struct fg_err why;    /* why it is not live */
};

/* False: no such host is watched. */
bool fg_watch_state(const struct fg_watch *watch, const char *host, struct fg_watch_state *out);

#endif
