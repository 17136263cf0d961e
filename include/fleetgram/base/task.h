/*
 * Tasks: sequential code on one event loop.
 *
 * One thread runs one libuv loop. Whatever has to wait runs in a task, a coroutine with a stack of
 * its own, and simply calls functions that wait; meanwhile other tasks and the loop's callbacks
 * run. Between two waits nothing else runs, so no locks are needed, but what other tasks may change
 * has to be looked up again after a wait.
 *
 * Every wait has a deadline and can be cancelled. A cancelled task's current wait, and every later
 * one, fails with FG_ECANCELED; the task then unwinds along its ordinary error paths. Clean-up that
 * has to wait belongs into a task of its own.
 *
 * A stack holds FG_TASK_STACK bytes behind a guard page, of which only touched pages cost memory:
 * keep frames small, recursion bounded, big buffers on the heap.
 */
#ifndef FLEETGRAM_BASE_TASK_H
#define FLEETGRAM_BASE_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/err.h"
#include "fleetgram/base/list.h"
#include "fleetgram/base/str.h"

#if defined(__SANITIZE_ADDRESS__)
#define FG_TASK_STACK ((size_t)2 * 1024 * 1024) /* redzones make frames several times larger */
#else
#define FG_TASK_STACK ((size_t)256 * 1024)
#endif

struct fg_task;
typedef void fg_task_fn(void *arg);

/* The loop that everything here runs on; made at first use. */
uv_loop_t *fg_loop(void);

/*
 * Run fn(arg) as the main task, and the loop until that task and all others have ended and every
 * handle is closed. Then the loop is destroyed; fg_loop() would make a new one.
 */
void fg_loop_run(const char *name, fg_task_fn *fn, void *arg);

/* Start fn(arg) in a task that nobody waits for, without a deadline. It first runs when the caller
 * next waits. name is copied. */
void fg_task_start(const char *name, fg_task_fn *fn, void *arg);

/*
 * The same with a handle, which has to be given to fg_task_join() or fg_task_detach() once. The
 * task works for the one who spawned it, and so inherits its deadline and its language.
 */
struct fg_task *fg_task_spawn(const char *name, fg_task_fn *fn, void *arg);

/*
 * Wait until task has ended; its handle is gone after it. When the caller is cancelled meanwhile,
 * task is cancelled too and still waited for: nobody outlives the one who owns what it works on.
 */
void fg_task_join(struct fg_task *task);
void fg_task_detach(struct fg_task *task);
void fg_task_cancel(struct fg_task *task);
void fg_task_cancel_all(void); /* every task but the current one; for an ordered end */

struct fg_task *fg_task_current(void); /* NULL outside any task */
bool fg_task_canceled(void);           /* the current one was told to stop */
int fg_task_count(void);               /* how many are alive */

/* No wait of the current task lasts beyond `deadline` (monotonic ms) from now on; returns the
 * previous one, to restore. */
int64_t fg_task_deadline(int64_t deadline);

/*
 * The primitive under every wait: suspend the current task until fg_task_wake(), its deadline
 * (monotonic ms, FG_NEVER) or a cancel. `what` must outlive the wait; it is what USR1 shows. 0, or
 * -1 with FG_ETIMEOUT or FG_ECANCELED.
 */
int fg_task_wait(const char *what, int64_t deadline, struct fg_err *err);
void fg_task_wake(struct fg_task *task); /* harmless when it is not waiting */

int fg_task_sleep(int64_t ms, struct fg_err *err);

/*
 * Run fn(arg) on libuv's thread pool and wait for it. fn must touch nothing but arg. A cancel or a
 * deadline can only stop it before it has begun; otherwise this waits for the end, since arg is in
 * use.
 */
int fg_task_offload(const char *what, fg_task_fn *fn, void *arg, struct fg_err *err);

/* Call line(text, arg) for each task: its name, its age, what it waits for and how much longer. */
void fg_task_list(void (*line)(const char *text, void *arg), void *arg);

/*
 * A place where tasks wait for something to become true. Waiters are woken in the order they came,
 * and have to look again. Waiting has no memory: a wake without waiters is lost.
 */
struct fg_cond {
	struct fg_list waiters;
};

void fg_cond_init(struct fg_cond *c);
int fg_cond_wait(struct fg_cond *c, const char *what, int64_t deadline, struct fg_err *err);
void fg_cond_signal(struct fg_cond *c);    /* the first waiter */
void fg_cond_broadcast(struct fg_cond *c); /* all of them */

/* A lock between tasks, first come first served. */
struct fg_lock {
	struct fg_cond free;
	bool held;
};

void fg_lock_init(struct fg_lock *l);
int fg_lock_take(struct fg_lock *l, const char *what, int64_t deadline, struct fg_err *err);
void fg_lock_release(struct fg_lock *l);

/*
 * A group of tasks that work on one thing, at most `limit` at a time. The owner waits for all of
 * them before its memory goes.
 */
struct fg_group {
	struct fg_cond done;
	struct fg_list members;
	int running, limit;
};

void fg_group_init(struct fg_group *g, int limit);
/* Wait for a free place: the next fg_group_go() of who asks does not wait, unless others wait in
 * between. -1: cancelled or out of time. */
int fg_group_room(struct fg_group *g, struct fg_err *err);
/* Start fn(arg) in the group, after waiting for a free place. -1: cancelled or out of time, fn was
 * not started. */
int fg_group_go(
	struct fg_group *g, const char *name, fg_task_fn *fn, void *arg, struct fg_err *err);
/* Wait for all; a cancel or the deadline cancels the members, which are still waited for. */
int fg_group_wait(struct fg_group *g, int64_t deadline, struct fg_err *err);
void fg_group_cancel(struct fg_group *g);

#endif
