/* A grant ends when it should, however the wall clock is set and however often the machine starts. */
#include <string.h>
#include "../telegram/scratch.h"
#include "chat/grants.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "tap.h"

#define HOUR ((int64_t)3600 * 1000)

static int give(struct fg_store *store, int64_t ms)
{
	cleanup_tx struct fg_tx tx = {0};
	struct grant grant = {.user_id = 7, .name = "otto", .by = "ann", .role = ROLE_ADMIN};
	struct fg_err err;

	grant.until_ms = fg_wall_ms() + ms;
	return fg_tx_begin(store, &tx, &err) == 0 && grants_put(&tx, &grant, &err) == 0
		       ? fg_tx_commit(&tx, &err)
		       : -1;
}

static int64_t left_ms(struct fg_store *store)
{
	struct person person = {.id = 7, .role = ROLE_VIEWER};

	grants_raise(store, &person);
	return person.role == ROLE_ADMIN ? person.granted_until_ms - fg_wall_ms() : 0;
}

static void note_until(const struct grant *grant, void *arg)
{
	*(int64_t *)arg = grant->until_ms;
}

static int64_t listed(struct fg_store *store, int64_t *until)
{
	struct fg_err err;

	*until = 0;
	return grants_each(store, note_until, until, &err);
}

static bool is_about(int64_t ms, int64_t expected)
{
	return ms > expected - 60000 && ms <= expected;
}

/* The clock is set while the machine runs. */
static void test_set(struct fg_store *store)
{
	static const int64_t back[] = {0, -1000 * HOUR, -HOUR}, ahead[] = {HOUR, 1000 * HOUR};
	int64_t until;

	ok(give(store, HOUR) == 0, "an hour is granted");
	ok(is_about(left_ms(store), HOUR), "… and counts");
	for (size_t i = 0; i < FG_ARRAY_LEN(back); i++) {
		fg_wall_shift(back[i]);
		ok(is_about(left_ms(store), HOUR), "the clock is moved by %lld h: as long as before",
			(long long)(back[i] / HOUR));
		ok(listed(store, &until) == 1 && is_about(until - fg_wall_ms(), HOUR), "… in the list, too");
		fg_wall_shift(-back[i]);
	}
	/* As in a virtual machine that was paused: its own clock stood still. */
	fg_wall_shift(HOUR / 2);
	ok(is_about(left_ms(store), HOUR / 2), "half an hour that only the wall clock saw has passed");
	ok(listed(store, &until) == 1 && is_about(until - fg_wall_ms(), HOUR / 2), "… in the list, too");
	fg_wall_shift(-HOUR / 2);
	for (size_t i = 0; i < FG_ARRAY_LEN(ahead); i++) {
		fg_wall_shift(ahead[i]);
		ok(left_ms(store) == 0, "%lld h that only the wall clock saw: it has ended",
			(long long)(ahead[i] / HOUR));
		is_int(listed(store, &until), 0, "… and left the list");
		fg_wall_shift(-ahead[i]);
	}
	fg_store_exec(store, NULL, "UPDATE grants SET boot_until_ms = 0", "");
	is_int(left_ms(store), 0, "it ends by the machine's clock");
	is_int(listed(store, &until), 0, "… and leaves the list");
	fg_wall_shift(-HOUR);
	is_int(left_ms(store), 0, "… whatever the wall's says then");
	fg_wall_shift(HOUR);
}

/* Between two starts only the wall clock is left. */
static void test_started_again(struct fg_store *store)
{
	ok(give(store, HOUR) == 0, "an hour is granted");
	fg_store_exec(store, NULL, "UPDATE grants SET boot = 'another'", "");
	ok(is_about(left_ms(store), HOUR), "after another start of the machine it counts");
	fg_wall_shift(HOUR / 2);
	ok(is_about(left_ms(store), HOUR / 2), "… for what is left");
	fg_wall_shift(HOUR / 2);
	is_int(left_ms(store), 0, "… and ends");
	fg_wall_shift(-2 * HOUR);
	is_int(left_ms(store), 0, "a clock from before it was given does not lengthen it");
	fg_wall_shift(HOUR);
	ok(give(store, HOUR) == 0, "another takes its place");
	ok(is_about(left_ms(store), HOUR), "… and counts");
}

static void run(void *arg)
{
	struct fg_store *store = scratch_store();
	struct fg_err err;

	(void)arg;
	ok(grants_setup(store, &err) == 0, "set up");
	test_set(store);
	test_started_again(store);
	fg_store_close(store);
	scratch_finish();
}

int main(void)
{
	fg_loop_run("main", run, NULL);
	return done_testing();
}
