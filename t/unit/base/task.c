/* Tasks: order, deadlines, cancels, groups, locks, offload. */
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "tap.h"

static char trace[256];

static void note(const char *s)
{
	size_t at = strlen(trace);

	snprintf(trace + at, sizeof(trace) - at, "%s", s);
}

static void say(void *arg)
{
	note(arg);
}

static void sleep_then_say(void *arg)
{
	struct fg_err err;

	if (fg_task_sleep(5, &err) == 0)
		note(arg);
	else
		note(err.code == FG_ECANCELED ? "c" : "t");
}

static void sleep_long(void *arg)
{
	struct fg_err err;
	int *code = arg;

	*code = fg_task_sleep(60000, &err) < 0 ? (int)err.code : 0;
}

static void test_order(void)
{
	struct fg_task *a, *b;

	trace[0] = '\0';
	a = fg_task_spawn("a", say, (char[]){"a"});
	b = fg_task_spawn("b", say, (char[]){"b"});
	note("m");
	fg_task_join(b);
	fg_task_join(a);
	is_str(trace, "mab", "spawned tasks run in order, and first when the spawner waits");
	trace[0] = '\0';
	fg_task_start("s", sleep_then_say, (char[]){"s"});
	a = fg_task_spawn("d", sleep_then_say, (char[]){"d"});
	fg_task_detach(a);
	while (fg_task_count() > 1)
		fg_task_sleep(1, NULL);
	is_str(trace, "sd", "detached tasks end by themselves");
}

static void test_cancel(void)
{
	int code = -1;
	int64_t before, start = fg_now_ms();
	struct fg_err err;
	struct fg_task *t = fg_task_spawn("long", sleep_long, &code);

	fg_task_sleep(1, NULL);
	fg_task_cancel(t);
	fg_task_join(t);
	is_int(code, FG_ECANCELED, "a cancelled sleep fails with FG_ECANCELED");

	before = fg_task_deadline(fg_now_ms() + 10);
	ok(fg_task_sleep(60000, &err) < 0 && err.code == FG_ETIMEOUT, "a task's deadline bounds its sleeps");
	code = -1;
	t = fg_task_spawn("heir", sleep_long, &code);
	fg_task_deadline(before);
	fg_task_join(t);
	is_int(code, FG_ETIMEOUT, "a spawned task inherits the deadline");
	ok(fg_now_ms() - start < 30000, "nothing waited for the whole minute");
}

static void canceled_joiner(void *arg)
{
	int code = -1;

	fg_task_join(fg_task_spawn("inner", sleep_long, &code));
	*(int *)arg = code;
}

static void test_cancel_reaches_children(void)
{
	int code = -1;
	struct fg_task *t = fg_task_spawn("outer", canceled_joiner, &code);

	fg_task_sleep(1, NULL);
	fg_task_cancel(t);
	fg_task_join(t);
	is_int(code, FG_ECANCELED, "a cancelled joiner cancels what it waits for, and still waits");
}

struct bounded {
	struct fg_group *g;
	int running, most, done;
};

static void bounded_run(void *arg)
{
	struct bounded *b = arg;

	if (++b->running > b->most)
		b->most = b->running;
	fg_task_sleep(2, NULL);
	b->running--;
	b->done++;
}

static void group_of_sleepers(void *arg)
{
	struct fg_group g;
	struct fg_err err;
	int codes[5];

	fg_group_init(&g, 8);
	for (int i = 0; i < 5; i++)
		fg_group_go(&g, "sleeper", sleep_long, &codes[i], &err);
	*(int *)arg = fg_group_wait(&g, FG_NEVER, &err) < 0 ? (int)err.code : 0;
	for (int i = 0; i < 5; i++)
		if (codes[i] != FG_ECANCELED)
			*(int *)arg = -100;
}

static void test_group(void)
{
	struct bounded b = {0};
	struct fg_group g;
	struct fg_err err;
	struct fg_task *t;
	int code = -1, codes[3] = {-1, -1, -1};

	fg_group_init(&g, 3);
	for (int i = 0; i < 20; i++)
		fg_group_go(&g, "member", bounded_run, &b, &err);
	is_int(fg_group_wait(&g, FG_NEVER, &err), 0, "a group ends");
	is_int(b.done, 20, "all members ran");
	is_int(b.most, 3, "never more at once than the limit");

	t = fg_task_spawn("owner", group_of_sleepers, &code);
	fg_task_sleep(5, NULL);
	fg_task_cancel(t);
	fg_task_join(t);
	is_int(code, FG_ECANCELED, "cancelling the owner cancels and awaits the members");

	fg_group_init(&g, 3);
	for (int i = 0; i < 3; i++)
		fg_group_go(&g, "late", sleep_long, &codes[i], &err);
	ok(fg_group_wait(&g, fg_now_ms() + 5, &err) < 0 && err.code == FG_ETIMEOUT,
		"a group's deadline is an error");
	ok(codes[0] == FG_ECANCELED && codes[2] == FG_ECANCELED, "and no member outlives it");
}

static struct fg_lock lock;

static void locker(void *arg)
{
	if (fg_lock_take(&lock, "the lock", FG_NEVER, NULL) < 0)
		return;
	note(arg);
	fg_task_sleep(2, NULL);
	note(arg);
	fg_lock_release(&lock);
}

static void test_lock(void)
{
	struct fg_err err;

	trace[0] = '\0';
	fg_lock_init(&lock);
	fg_task_start("1", locker, (char[]){"1"});
	fg_task_start("2", locker, (char[]){"2"});
	fg_task_start("3", locker, (char[]){"3"});
	fg_task_sleep(1, NULL);
	ok(fg_lock_take(&lock, "the lock", fg_now_ms() + 1, &err) < 0 && err.code == FG_ETIMEOUT,
		"a lock's wait has a deadline");
	while (fg_task_count() > 1)
		fg_task_sleep(1, NULL);
	is_str(trace, "112233", "a lock is handed on in order, to one at a time");
}

static void in_thread(void *arg)
{
	*(int *)arg = 42;
}

static int use_stack(int depth)
{
	volatile char page[1024];

	memset((char *)page, depth, sizeof(page));
	return depth ? use_stack(depth - 1) + page[7] : page[3];
}

static void deep(void *arg)
{
	*(int *)arg = use_stack(150);
}

static void list_line(const char *text, void *arg)
{
	if (strstr(text, "long: waits for a pause, at most "))
		*(bool *)arg = true;
}

static void test_rest(void)
{
	int got = 0, code = -1;
	bool listed = false;
	struct fg_err err;
	struct fg_task *t;

	is_int(fg_task_offload("work", in_thread, &got, &err), 0, "offload returns");
	is_int(got, 42, "and the function ran");
	for (int i = 0; i < 50; i++)
		fg_task_join(fg_task_spawn("deep", deep, &got));
	ok(true, "150 KiB of stack can be used again and again");
	t = fg_task_spawn("long", sleep_long, &code);
	fg_task_sleep(1, NULL);
	fg_task_list(list_line, &listed);
	ok(listed, "the list names a task and its wait");
	fg_task_cancel_all();
	fg_task_join(t);
	is_int(code, FG_ECANCELED, "cancel_all reaches it");
}

static void run(void *arg)
{
	(void)arg;
	test_order();
	test_cancel();
	test_cancel_reaches_children();
	test_group();
	test_lock();
	test_rest();
}

int main(void)
{
	fg_loop_run("main", run, NULL);
	fg_loop_run("main", run, NULL);
	return done_testing();
}
