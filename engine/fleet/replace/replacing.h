/*
 * What the files of replacing share: one replacement under way, its row in the journal, and its
 * end.
 *
 * A replacement goes through three phases. MAKING: the new one comes into being under a name of its
 * own, and the old one is as it was. SWAPPING: the old one is stopped and put aside, the new one
 * takes its name and has to prove itself. GOOD: the new one has, and the registry says so. What
 * ends before GOOD is undone, what ends after it is finished, whether the task that began it still
 * lives, was cancelled, or ran in a process that is gone.
 */
#ifndef FLEET_REPLACING_H
#define FLEET_REPLACING_H

#include "fleetgram/base/store.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/replace.h"
#include "queue.h"

#define REPLACE_DEPTH 8         /* of containers that share namespaces of containers that … */
#define REPLACE_NOTES_MAX 16384 /* bytes */

/* What an undo has left. */
enum replace_fate { REPLACE_BACK, REPLACE_LEFTOVER, REPLACE_NEW_STAYS, REPLACE_NOTHING };

enum replace_phase { REPLACE_MAKING = 1, REPLACE_SWAPPING = 2, REPLACE_GOOD = 3 };

/* Shared by the task that replaces and the one that ends it, since one that was cancelled can wait
 * for nothing and leaves. */
struct replacing {
	struct fg_list link; /* of those under way in this process */
	int refs;
	struct fg_registry *registry; /* NULL: there is no journal */
	struct fg_fleet *fleet;
	struct fg_host *host;
	int64_t row;  /* in the journal; 0: not there */
	char *owner;  /* what the journal says of the process it belongs to */
	char *name;   /* of the old one, and of the new one in the end */
	char *aside;  /* what the old one is called meanwhile */
	char *beside; /* what the new one is called at first */
	char old_id[FG_ID_SIZE], new_id[FG_ID_SIZE]; /* new_id is "" until the engine has said it */
	enum replace_phase phase;
	bool ran, paused;  /* the old one, when it began */
	bool unsure;       /* there may be a new one although the engine has not said so */
	bool recovered;    /* it was found in the journal */
	int depth;         /* 0: asked for, else for the sake of another one */
	cJSON *policy;     /* the old one's restart policy */
	cJSON *dependants; /* [{"id","name","ran"}]; one that is not to be named has no name */
	bool discreet;     /* who asked does not see everything */
	/* Turns, for as long as this lives: at the two, NULL where somebody else has it or nobody
	 * needs it, and at the dependants. */
	struct queue *old_turn, *new_turn, **turns;
	size_t turn_count;

	struct fg_cond ended;
	bool over;   /* nobody works at it any more */
	bool slow;   /* … and it may take minutes until then: why says why */
	int outcome; /* of the end: 0, or -1 with why */
	struct fg_err why;
	enum replace_fate fate;
	int restarted; /* dependants */
	struct fg_str notes;
};

extern struct fg_list replacings; /* those under way in this process */

struct replacing *replacing_create(struct fg_registry *registry, struct fg_host *host);
void replacing_put(struct replacing *r);
/* For the host's health; returns rc. */
int replacing_noted(struct replacing *r, int rc, const struct fg_err *err);

/* The replacement itself, by one who has the turn at the old one; from and to redirect namespaces
 * that are shared (NULL: none). */
int replace_perform(struct replacing *r, const char *id, const struct fg_replace *order,
	const char *from, const char *to, struct fg_replaced *out, struct fg_err *err);

/* Wait until the new one is good. -1 with what was wrong with it, its last words included. */
int replace_watch(struct replacing *r, int64_t settle_ms, struct fg_err *err);
/* Stop a container with its own grace, paused or not. What is not there is fine. */
int replace_stop(struct replacing *r, const struct fg_container_info *info, struct fg_err *err);

/* Undo or finish what r is, in a task of its own; waits for it as long as the caller can wait. */
void replace_end(struct replacing *r);

/* Note which containers share namespaces with the old one, and wait for the turn at each. scope: as
 * struct fg_replace has it. */
int replace_dependants_find(
	struct replacing *r, const struct fg_selector *scope, struct fg_err *err);
void replace_dependants_leave(struct replacing *r);
/* Restart those that ran, once `id` has come up; make again those that name another id, stopped
 * ones too. */
void replace_dependants_serve(struct replacing *r, const char *id);

/* What is made again for the sake of another one is followed: in the transaction that makes it good. */
int follow_migrate(struct fg_store *store, struct fg_err *err);
int follow_add(struct fg_tx *tx, const struct replacing *r, struct fg_err *err);

/* The journal. All of them do nothing without one. */
int journal_migrate(struct fg_store *store, struct fg_err *err);
/* "BOOT PID START": what a process is known by for ever (caller frees), and whether it still runs. */
char *journal_process(long pid);
bool journal_process_lives(const char *owner);
int journal_begin(struct replacing *r, struct fg_err *err);
/* Write down new_id, the phase and the dependants. */
int journal_step(struct replacing *r, struct fg_err *err);
int journal_step_in(struct fg_tx *tx, struct replacing *r, struct fg_err *err);
int journal_end(struct replacing *r, struct fg_err *err);
/* The next replacement on host that nobody works at, which is then this process's; after is the
 * row before (0: none). 1: there is one; 0: there is none. */
int journal_claim(struct fg_registry *registry, struct fg_host *host, int64_t after,
	struct replacing **out, struct fg_err *err);

/* Fail when it does: then nobody else may change it. */
int replace_refuse(
	struct fg_registry *registry, const char *host, const char *id, struct fg_err *err);

#endif
