/*
 * A follower: the watch of one host, and what its files share.
 *
 * follower.c reads the stream, happen.c makes happenings of events, compare.c finds by comparing
 * what no event told, proof.c asks whether the stream is still alive, and batch.c hands over what
 * has happened together with where the watch stands then.
 */
#ifndef FLEET_WATCH_FOLLOWER_H
#define FLEET_WATCH_FOLLOWER_H

#include "fleetgram/base/task.h"
#include "fleetgram/docker/events.h"
#include "fleetgram/fleet/watch.h"
#include "watch/seen.h"

#define SIGNAL_UNKNOWN (-1)

struct fg_watch {
	struct fg_watch_options options;
	struct fg_list followers;
	struct fg_lock changing; /* who they are */
};

/* What has happened and was not handed over yet; each owns its strings and labels. */
struct batch {
	struct fg_happening *v;
	size_t n, room;
};

struct proof {
	struct fg_task *task; /* NULL: none is under way */
	struct fg_engine *engine;
	int64_t at_ns, at_n;                    /* where the stream stood */
	int64_t events;                         /* how many it had told */
	int64_t asked_ms, answered_ms, date_ms; /* wall clock: ours about then, and the engine's */
	bool done;
	int rc;
	struct fg_err err;
	bool newer;  /* there is an event after that one */
	bool proven; /* that one is still there to be seen */
};

struct follower {
	struct fg_list link; /* in watch->followers */
	struct fg_watch *watch;
	struct fg_fleet *fleet; /* a reference */
	struct fg_host *host;
	struct fg_task *task;
	struct seen_table seen;
	struct cursor cursor;
	bool loaded;
	bool moved;         /* the store does not know the cursor like this */
	int64_t written_ms; /* monotonic: when it was last told */
	struct batch batch;
	struct fg_watch_state state;

	/* Of the stream that is open. */
	struct fg_events *events;
	int64_t opened_ms;      /* monotonic */
	int64_t opened_wall_ms; /* wall clock */
	int64_t since_ns;       /* it was asked for what came from then on, */
	int64_t skip;           /* of which so many of that very moment are known */
	bool again;             /* another one was open before it */
	bool first;             /* its first event has not come */
	bool replaying;         /* what comes is from before it was opened */
	bool caught_up;         /* that is over, and nothing is left to be compared */
	bool elsewhere;         /* the host has another address than when it was last seen */
	bool silent;            /* the host is seen for the first time: nothing is told */
	int garbled;            /* events that could not be read */
	int64_t compare_ms;     /* monotonic: compare with the list then; 0: it was */
	int64_t health_ms;      /* monotonic: ask for health then, where seen says so; 0: nowhere */
	int64_t heard_ms;       /* monotonic: the last event, or proof */
	int64_t prove_ms;       /* monotonic: not before */
	int unanswered;         /* proofs that got no answer, in a row */
	bool unproven;          /* the last one proved nothing, and all was compared for it */
	int64_t doubt_ms; /* monotonic: it is dead unless it says something until then; 0: no doubt
			   */
	struct proof proof;
	int64_t clock_ms; /* monotonic: when the engine last said what time it has */
};

/* The task. */
void follower_run(void *follower);

/* Happenings */

/* Add one; strings NULL are "", labels (NULL: not known) are taken over. Returns it, for what is
 * particular; nothing is told while the follower is silent, and what it returns is then thrown
 * away. */
struct fg_happening *batch_add(struct follower *f, enum fg_happened what, const struct seen *s,
	int64_t at_ms, cJSON *labels);
void batch_clear(struct batch *batch);
/*
 * Hand over what there is, and write down where the watch stands, in one transaction; again and
 * again until it is written, but not for long while a stream is open. Nothing to hand over: only
 * what is dirty is written. -1: it was not; what there is stays.
 */
int batch_flush(struct follower *f, struct fg_err *err);
/* Once, without handing over anything; for the end. */
int batch_note(struct follower *f, struct fg_err *err);

/* Labels from elsewhere, made safe to show; NULL when it is no object. Caller deletes. */
cJSON *happen_labels(const cJSON *texts);
/* One event; finds out with the engine what it alone does not say. */
void happen_event(struct follower *f, const struct fg_event *ev);
/* Ask again for the health of those whose event came before their engine knew it itself. */
void happen_health(struct follower *f);
/* Whether the engine started it last because it had ended by itself. Any other start, the engine's
 * own included, sets the count to 0. */
static inline bool happen_by_itself(const struct fg_container_info *info)
{
	return info->restart_count > 0;
}
/* The container died; fills in whether that was asked for. Returned as by batch_add(). */
struct fg_happening *happen_died(struct follower *f, struct seen *s, int64_t at_ms, int exit_code,
	cJSON *labels, bool missed);

/*
 * Compare the containers with how they were seen, all of them by inspecting each (full), or only
 * those that the engine's list shows otherwise. found: how many differed. -1: the host did not
 * answer, or the caller was cancelled.
 */
int compare_all(struct follower *f, bool full, int *found, struct fg_err *err);
/* The same of one that an event tells of. */
int compare_one(struct follower *f, const char *id, struct fg_err *err);

/* Begin to ask, in a task of its own. */
void proof_begin(struct follower *f);
void proof_end(struct follower *f); /* cancels it if need be */

#endif
