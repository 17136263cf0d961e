/* Who is followed to what is in a container's place by now. */
#include <stdio.h>
#include "../../bot/telegram/scratch.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/replace.h"
#include "registry/registry.h"
#include "replace/replacing.h"
#include "tap.h"

static struct fg_host host = {.name = (char[]){"one"}};
static struct fg_registry registry;

static void add(const char *from, const char *to)
{
	struct replacing r = {.host = &host};
	cleanup_tx struct fg_tx tx = {0};

	snprintf(r.old_id, sizeof(r.old_id), "%s", from);
	snprintf(r.new_id, sizeof(r.new_id), "%s", to);
	if (fg_tx_begin(registry.store, &tx, NULL) < 0 || follow_add(&tx, &r, NULL) < 0 ||
		fg_tx_commit(&tx, NULL) < 0)
		ok(false, "%s cannot become %s", from, to);
}

/* What it is now, "" when it was not made again. */
static void is_now(const char *on, const char *id, const char *want, const char *what)
{
	char got[FG_ID_SIZE] = "";

	is_int(fg_replace_followed(&registry, on, id, got), *want != 0, what);
	is_str(got, want, what);
}

static void tests(void *arg)
{
	char id[FG_ID_SIZE] = "a";

	(void)arg;
	registry.store = scratch_store();
	ok(follow_migrate(registry.store, NULL) == 0, "there is a table");
	add("a", "b");
	add("b", "c");
	is_now("one", "a", "c", "made again twice");
	is_now("one", "c", "", "the one of now");
	is_now("two", "a", "", "another host's");
	ok(fg_replace_followed(&registry, "one", id, id), "the answer may be where the question is");
	is_str(id, "c", "… which is still asked");

	/* An engine that gives ids twice: whoever waits for the one of now must not wait for ever. */
	add("d", "d");
	is_now("one", "d", "", "one that is in its own place");
	add("e", "f");
	add("f", "e");
	is_now("one", "e", "", "two that are in each other's");
	fg_store_close(registry.store);
}

int main(void)
{
	fg_loop_run("test", tests, NULL);
	fg_log_finish();
	scratch_finish();
	return done_testing();
}
