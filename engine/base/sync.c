/* How tasks wait for each other: conditions, locks, groups. */
#include <assert.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"

struct waiter {
	struct fg_list link; /* in the condition while it has not been signalled */
	struct fg_task *task;
	bool signalled;
};

void fg_cond_init(struct fg_cond *c)
{
	fg_list_init(&c->waiters);
}

int fg_cond_wait(struct fg_cond *c, const char *what, int64_t deadline, struct fg_err *err)
{
	struct waiter me = {.task = fg_task_current()};
	int rc = 0;

	fg_list_append(&c->waiters, &me.link);
	while (!me.signalled && (rc = fg_task_wait(what, deadline, err)) == 0)
		;
	fg_list_remove(&me.link);
	/* A signal that came together with a cancel was meant for us and must not be lost. */
	return me.signalled ? 0 : rc;
}

void fg_cond_signal(struct fg_cond *c)
{
	struct waiter *first;

	if (fg_list_empty(&c->waiters))
		return;
	first = fg_list_first(&c->waiters, struct waiter, link);
	fg_list_remove(&first->link);
	first->signalled = true;
	fg_task_wake(first->task);
}

void fg_cond_broadcast(struct fg_cond *c)
{
	while (!fg_list_empty(&c->waiters))
		fg_cond_signal(c);
}

void fg_lock_init(struct fg_lock *l)
{
	fg_cond_init(&l->free);
	l->held = false;
}

int fg_lock_take(struct fg_lock *l, const char *what, int64_t deadline, struct fg_err *err)
{
	if (l->held) /* it is handed over held, so that nobody slips in between */
		return fg_cond_wait(&l->free, what, deadline, err);
	l->held = true;
	return 0;
}

void fg_lock_release(struct fg_lock *l)
{
	assert(l->held);
	if (fg_list_empty(&l->free.waiters))
		l->held = false;
	else
		fg_cond_signal(&l->free);
}

struct member {
	struct fg_list link;
	struct fg_group *group;
	struct fg_task *task;
	fg_task_fn *fn;
	void *arg;
};

void fg_group_init(struct fg_group *g, int limit)
{
	fg_cond_init(&g->done);
	fg_list_init(&g->members);
	g->running = 0;
	g->limit = limit;
}

static void member_run(void *arg)
{
	struct member *member = arg;

	member->fn(member->arg);
	fg_list_remove(&member->link);
	if (member->task) /* else the owner joins it */
		fg_task_detach(member->task);
	member->group->running--;
	fg_cond_signal(&member->group->done);
	free(member);
}

int fg_group_room(struct fg_group *g, struct fg_err *err)
{
	while (g->running >= g->limit)
		if (fg_cond_wait(&g->done, "a free place in a group", FG_NEVER, err) < 0)
			return -1;
	return 0;
}

int fg_group_go(struct fg_group *g, const char *name, fg_task_fn *fn, void *arg, struct fg_err *err)
{
	struct member *member;

	if (fg_group_room(g, err) < 0)
		return -1;
	member = fg_alloc(sizeof(*member));
	member->group = g;
	member->fn = fn;
	member->arg = arg;
	g->running++;
	fg_list_append(&g->members, &member->link);
	member->task = fg_task_spawn(name, member_run, member);
	return 0;
}

void fg_group_cancel(struct fg_group *g)
{
	struct member *member;

	fg_list_each (&g->members, member, link)
		fg_task_cancel(member->task);
}

/*
 * Members use the owner's memory, so this comes back only when they are gone: after a cancel or the
 * deadline they are cancelled and joined, which does not fail.
 */
int fg_group_wait(struct fg_group *g, int64_t deadline, struct fg_err *err)
{
	while (g->running > 0) {
		if (fg_cond_wait(&g->done, "a group of tasks", deadline, err) == 0)
			continue;
		fg_group_cancel(g);
		while (!fg_list_empty(&g->members)) {
			struct member *member = fg_list_first(&g->members, struct member, link);
			struct fg_task *task = member->task;

			member->task = NULL;
			fg_list_remove(&member->link);
			fg_task_join(task);
		}
		return -1;
	}
	return 0;
}
