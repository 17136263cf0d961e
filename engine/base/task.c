/* Tasks: coroutines on the event loop, and how they are suspended, woken and cancelled. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/base/text.h"
#include "stack.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, size) \
	((void)(save), (void)(bottom), (void)(size))
#define __sanitizer_finish_switch_fiber(save, bottom, size) \
	((void)(save), (void)(bottom), (void)(size))
#endif

#define NAME_MAX_LEN 64

struct fg_task {
	struct fg_list all;   /* in sched.all */
	struct fg_list ready; /* in sched.ready while it is to run */
	ucontext_t context;
	void *stack, *fake_stack;
	fg_task_fn *fn;
	void *arg;
	uv_timer_t timer; /* the deadline of the current wait */
	struct fg_task *joiner;
	const char *what; /* it waits for; NULL while it runs or is ready */
	int64_t deadline, wait_deadline, started_ms;
	const struct fg_language *language; /* while it does not run */
	bool canceled, timed_out, ended, detached;
	char name[NAME_MAX_LEN];
};

static struct {
	uv_loop_t loop;
	bool open;
	uv_idle_t idle; /* active while a task is ready, so that the loop does not sleep */
	struct fg_list all, ready;
	int count;
	struct fg_task *current;
	ucontext_t context; /* of the loop's own stack */
	void *fake_stack;
	const void *stack_bottom; /* of the loop's own stack, for the sanitizer */
	size_t stack_size;
} sched = {
	.all = FG_LIST_INIT(sched.all),
	.ready = FG_LIST_INIT(sched.ready),
};

static void run_ready(uv_idle_t *idle);

uv_loop_t *fg_loop(void)
{
	if (!sched.open) {
		if (uv_loop_init(&sched.loop) < 0) {
			fputs("fleetgram: cannot make an event loop\n", stderr);
			abort();
		}
		uv_idle_init(&sched.loop, &sched.idle);
		sched.open = true;
	}
	return &sched.loop;
}

static void make_ready(struct fg_task *task)
{
	if (!fg_list_empty(&task->ready) || task == sched.current)
		return;
	task->what = NULL;
	uv_timer_stop(&task->timer);
	fg_list_append(&sched.ready, &task->ready);
	uv_idle_start(&sched.idle, run_ready);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* The last reference is gone; memory goes when libuv has let go of the timer. */
static void release(struct fg_task *task)
{
	uv_close((uv_handle_t *)&task->timer, on_closed);
}

static void reap(struct fg_task *task)
{
	fg_list_remove(&task->all);
	sched.count--;
	stack_put(task->stack);
	if (task->detached)
		release(task);
	else if (task->joiner)
		make_ready(task->joiner);
}

/* From the loop's stack into the task, until it waits or ends. */
static void enter(struct fg_task *task)
{
	sched.current = task;
	fg_language_set(task->language);
	__sanitizer_start_switch_fiber(&sched.fake_stack, task->stack, FG_TASK_STACK);
	swapcontext(&sched.context, &task->context);
	__sanitizer_finish_switch_fiber(sched.fake_stack, NULL, NULL);
	sched.current = NULL;
	task->language = fg_language_set(NULL);
	if (task->ended)
		reap(task);
}

/* From a task's stack back to the loop's. */
static void leave(struct fg_task *task)
{
	__sanitizer_start_switch_fiber(
		task->ended ? NULL : &task->fake_stack, sched.stack_bottom, sched.stack_size);
	swapcontext(&task->context, &sched.context);
	__sanitizer_finish_switch_fiber(task->fake_stack, NULL, NULL);
}

static void run_ready(uv_idle_t *idle)
{
	struct fg_list batch = FG_LIST_INIT(batch);

	/* Those that become ready meanwhile run after the loop has looked at its descriptors. */
	while (!fg_list_empty(&sched.ready)) {
		struct fg_list *link = sched.ready.next;

		fg_list_remove(link);
		fg_list_append(&batch, link);
	}
	while (!fg_list_empty(&batch)) {
		struct fg_task *task = fg_list_first(&batch, struct fg_task, ready);

		fg_list_remove(&task->ready);
		enter(task);
	}
	if (fg_list_empty(&sched.ready))
		uv_idle_stop(idle);
}

static void entry(void)
{
	struct fg_task *task = sched.current;

	__sanitizer_finish_switch_fiber(NULL, &sched.stack_bottom, &sched.stack_size);
	task->fn(task->arg);
	task->ended = true;
	leave(task);
	abort(); /* an ended task is never entered */
}

static struct fg_task *task_create(const char *name, fg_task_fn *fn, void *arg)
{
	struct fg_task *task = fg_alloc(sizeof(*task));

	snprintf(task->name, sizeof(task->name), "%s", name);
	task->fn = fn;
	task->arg = arg;
	task->stack = stack_get();
	task->deadline = FG_NEVER;
	task->started_ms = fg_now_ms();
	fg_list_init(&task->ready);
	fg_list_append(&sched.all, &task->all);
	sched.count++;
	uv_timer_init(fg_loop(), &task->timer);
	task->timer.data = task;
	getcontext(&task->context);
	task->context.uc_stack.ss_sp = task->stack;
	task->context.uc_stack.ss_size = FG_TASK_STACK;
	task->context.uc_link = NULL;
	makecontext(&task->context, entry, 0);
	make_ready(task);
	return task;
}

struct fg_task *fg_task_spawn(const char *name, fg_task_fn *fn, void *arg)
{
	struct fg_task *task = task_create(name, fn, arg);

	if (sched.current)
		task->deadline = sched.current->deadline;
	task->language = fg_language_now();
	return task;
}

void fg_task_start(const char *name, fg_task_fn *fn, void *arg)
{
	task_create(name, fn, arg)->detached = true;
}

void fg_task_detach(struct fg_task *task)
{
	task->detached = true;
	if (task->ended)
		release(task);
}

struct fg_task *fg_task_current(void)
{
	return sched.current;
}

bool fg_task_canceled(void)
{
	return sched.current && sched.current->canceled;
}

int fg_task_count(void)
{
	return sched.count;
}

int64_t fg_task_deadline(int64_t deadline)
{
	int64_t before = sched.current->deadline;

	sched.current->deadline = deadline;
	return before;
}

static void on_deadline(uv_timer_t *timer)
{
	struct fg_task *task = timer->data;

	task->timed_out = true;
	make_ready(task);
}

/* Suspend without looking at cancels: whoever calls this looks itself. */
static void park(const char *what, int64_t deadline)
{
	struct fg_task *task = sched.current;

	assert(task);
	task->what = what;
	task->timed_out = false;
	task->wait_deadline = deadline;
	if (deadline != FG_NEVER) {
		int64_t now = (int64_t)uv_now(&sched.loop);

		uv_timer_start(&task->timer, on_deadline,
			deadline > now ? (uint64_t)(deadline - now) : 0, 0);
	}
	leave(task);
}

static int fail_canceled(const char *what, struct fg_err *err)
{
	return fg_fail(err, FG_ECANCELED, "interrupted while waiting for %s", what);
}

int fg_task_wait(const char *what, int64_t deadline, struct fg_err *err)
{
	struct fg_task *task = sched.current;

	assert(task);
	if (task->canceled)
		return fail_canceled(what, err);
	if (task->deadline < deadline)
		deadline = task->deadline;
	park(what, deadline);
	if (task->canceled)
		return fail_canceled(what, err);
	if (task->timed_out)
		return fg_fail(err, FG_ETIMEOUT, "timed out waiting for %s", what);
	return 0;
}

void fg_task_wake(struct fg_task *task)
{
	if (task->what)
		make_ready(task);
}

int fg_task_sleep(int64_t ms, struct fg_err *err)
{
	struct fg_task *task = sched.current;
	int64_t until = fg_now_ms() + ms;

	assert(task);
	if (task->canceled)
		return fail_canceled("a pause", err);
	if (task->deadline < until) {
		park("a pause", task->deadline);
		return task->canceled ? fail_canceled("a pause", err)
				      : fg_fail(err, FG_ETIMEOUT, "out of time");
	}
	park("a pause", until);
	return task->canceled ? fail_canceled("a pause", err) : 0;
}

void fg_task_cancel(struct fg_task *task)
{
	if (task->ended || task->canceled)
		return;
	task->canceled = true;
	fg_task_wake(task);
}

void fg_task_cancel_all(void)
{
	struct fg_task *task;

	fg_list_each (&sched.all, task, all)
		if (task != sched.current)
			fg_task_cancel(task);
}

void fg_task_join(struct fg_task *task)
{
	assert(sched.current && !task->detached && !task->joiner);
	task->joiner = sched.current;
	while (!task->ended) {
		if (sched.current->canceled)
			fg_task_cancel(task);
		park("a task's end", FG_NEVER);
	}
	release(task);
}

/* Offload */

struct work {
	uv_work_t req;
	struct fg_task *task;
	fg_task_fn *fn;
	void *arg;
	const struct fg_language *language;
	bool done;
	int status;
};

static void work_run(uv_work_t *req)
{
	struct work *work = req->data;

	fg_language_set(work->language);
	work->fn(work->arg);
	fg_language_set(NULL);
}

static void work_done(uv_work_t *req, int status)
{
	struct work *work = req->data;

	work->done = true;
	work->status = status;
	fg_task_wake(work->task);
}

int fg_task_offload(const char *what, fg_task_fn *fn, void *arg, struct fg_err *err)
{
	struct work work = {
		.task = sched.current, .fn = fn, .arg = arg, .language = fg_language_now()};
	bool late = false;

	assert(sched.current);
	if (sched.current->canceled)
		return fail_canceled(what, err);
	work.req.data = &work;
	if (uv_queue_work(fg_loop(), &work.req, work_run, work_done) < 0)
		return fg_fail(err, FG_EIO, "no thread for %s", what);
	while (!work.done) {
		park(what, late ? FG_NEVER : work.task->deadline);
		late = late || work.task->timed_out;
		if (!work.done && (work.task->canceled || late))
			uv_cancel((uv_req_t *)&work.req);
	}
	if (work.status == UV_ECANCELED)
		return work.task->canceled
			       ? fail_canceled(what, err)
			       : fg_fail(err, FG_ETIMEOUT, "timed out waiting for %s", what);
	return 0;
}

void fg_task_list(void (*line)(const char *text, void *arg), void *arg)
{
	int64_t now = fg_now_ms();
	struct fg_task *task;
	char age[FG_HUMAN], left[FG_HUMAN], text[256];

	fg_list_each (&sched.all, task, all) {
		fg_duration_human(age, now - task->started_ms);
		if (!task->what)
			snprintf(text, sizeof(text), "%s: runs, %s old", task->name, age);
		else if (task->wait_deadline == FG_NEVER)
			snprintf(text, sizeof(text), "%s: waits for %s, %s old", task->name,
				task->what, age);
		else
			snprintf(text, sizeof(text), "%s: waits for %s, at most %s more, %s old",
				task->name, task->what,
				fg_duration_human(left, task->wait_deadline - now), age);
		line(text, arg);
	}
}

/* The loop */

static void report_stuck(const char *text, void *arg)
{
	(void)arg;
	fprintf(stderr, "fleetgram: stuck: %s\n", text);
}

void fg_loop_run(const char *name, fg_task_fn *fn, void *arg)
{
	fg_task_start(name, fn, arg);
	while (sched.count > 0) {
		if (uv_run(&sched.loop, UV_RUN_ONCE) == 0 && sched.count > 0 &&
			!uv_loop_alive(&sched.loop)) {
			/* Nothing can ever wake them: a bug, better loud than silent. */
			fg_task_list(report_stuck, NULL);
			abort();
		}
	}
	uv_close((uv_handle_t *)&sched.idle, NULL);
	while (uv_run(&sched.loop, UV_RUN_NOWAIT) != 0)
		;
	if (uv_loop_close(&sched.loop) < 0) {
		fputs("fleetgram: a handle was left open at the end\n", stderr);
		uv_print_all_handles(&sched.loop, stderr);
		abort();
	}
	sched.open = false;
	stack_finish();
}
