/* Deeds: what Fleetgram did itself, and what somebody else did. */
#include "scene.h"
#include "fleetgram/fleet/registry.h"

static struct fg_host *host(void)
{
	return fg_fleet_find(scene.fleet, "h");
}

static void test_ours(struct fake_container *web)
{
	struct fg_err err;

	ok(fg_container_stop(host()->engine, web->id, 1, &err) >= 0, "stopped by us");
	told_is("died web 143 signal 15 asked ours\n", "is ours");
	ok(fg_container_start(host()->engine, web->name, &err) >= 0, "started, by its name");
	told_is("started web ours\n", "is ours");
	fake_die(web, 1);
	told_is("died web 1\n", "a crash right after our start is not");
	fg_task_sleep(1500, NULL);
	fake_start(web);
	told_is("started web\n", "nor is a start by another");
	ok(fg_container_restart(host()->engine, web->id, 1, &err) >= 0, "restarted");
	told_is("died web 143 signal 15 asked ours\nstarted web ours\n", "both are ours");
	fg_task_sleep(1500, NULL);
	fake_die(web, 1);
	fake_start(web);
	told_is("died web 1\nstarted web\n", "what it dies of later is not");
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM deeds WHERE ended_ms >= begun_ms", ""), 3, "three deeds are noted");
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM deeds", ""), 3, "and no more");
}

static bool caused(enum fg_happened what, const char *id, const char *name, int64_t at_ms)
{
	return fg_deed_caused(scene.deeds, what, "h", id, name, at_ms);
}

static void deed(const char *target, const char *verb, int64_t begun_ms, int64_t ended_ms)
{
	struct fg_err err;

	fg_store_exec(scene.store, &err, "DELETE FROM deeds", "");
	fg_store_exec(scene.store, &err, "INSERT INTO deeds (host, target, verb, begun_ms, ended_ms) VALUES ('h', ?, ?, ?, nullif(?, 0))",
		"ssii", target, verb, begun_ms, ended_ms);
}

static void test_rules(void)
{
	int64_t now = fg_wall_ms();
	struct fg_err err;

	deed("0123456789abcdef", "stop", now - 5000, now - 4000);
	ok(caused(FG_HAPPENED_DIED, "0123456789abcdef", "web", 0), "a death after a stop");
	ok(!caused(FG_HAPPENED_STARTED, "0123456789abcdef", "web", 0), "a start is not made by a stop");
	ok(!caused(FG_HAPPENED_DIED, "ffff", "db", 0), "nor the death of another");
	ok(!caused(FG_HAPPENED_DIED, "0123456789abcdef", "web", now - 7000), "nor one before it");
	ok(!caused(FG_HAPPENED_DIED, "0123456789abcdef", "web", now + FG_DEED_AFTER_MS), "nor one long after it");
	deed("0123", "stop", now - 5000, now - 4000);
	ok(caused(FG_HAPPENED_DIED, "0123456789abcdef", "web", 0), "by the beginning of the id");
	deed("web", "stop", now - 60000, 0);
	ok(caused(FG_HAPPENED_DIED, "0123456789abcdef", "web", 0), "by name, and while it is under way");
	deed("web", "stop", now - 3600000, 0);
	ok(!caused(FG_HAPPENED_DIED, "0123456789abcdef", "web", 0), "whose end was never noted is not under way for ever");
	fg_store_exec(scene.store, &err,
		"INSERT INTO replacements (host, owner, name, old_id, new_id, aside, beside, phase, ran, paused, policy, dependants, depth, begun_ms)"
		" VALUES ('h', '', 'app', 'old', 'new', 'app-old', 'app-new', 1, 1, 0, '', '', 0, ?)", "i", now - 60000);
	ok(caused(FG_HAPPENED_DIED, "new", "x", 0) && caused(FG_HAPPENED_DIED, "y", "app-old", 0), "parts of a replacement");
	ok(!caused(FG_HAPPENED_DIED, "y", "z", 0), "and nothing else");
}

/* The bot was killed in the middle of a restart. */
static void test_orphan(struct fake_container *web)
{
	struct fg_err err;

	fake_start(web);
	told_is("started web\n", "it runs");
	fg_task_sleep(1500, NULL);
	deed(web->id, "restart", fg_wall_ms(), 0);
	fg_task_sleep(1500, NULL);
	fake_die(web, 1);
	fake_start(web);
	fake_die(web, 1);
	told_is("died web 1 ours\nstarted web ours\ndied web 1\n", "a restart ends one run");
	fg_fleet_note_deeds(scene.fleet, NULL);
	fg_deeds_destroy(fg_deeds_create(scene.store, &err));
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM deeds WHERE ended_ms IS NULL", ""), 0,
		"what a process has left open that is gone ends with the next start");
	fg_fleet_note_deeds(scene.fleet, scene.deeds);
	fg_store_exec(scene.store, NULL, "DELETE FROM deeds", "");
	fake_start(web);
	told_is("started web\n", "it runs again");
}

/* The store takes nothing: what was asked for happens all the same. */
static void test_store_fails(struct fake_container *web)
{
	struct fg_err err;
	struct fg_tx tx = {0};
	int64_t before = fg_now_ms();

	fg_tx_begin(scene.store, &tx, &err); /* as long as this one is open */
	ok(fg_container_stop(host()->engine, web->id, 1, &err) >= 0, "a store that is stuck does not keep it from happening");
	diag("it took %lld ms", (long long)(fg_now_ms() - before));
	fg_tx_rollback(&tx);
	told_is("died web 143 signal 15 asked\n", "though it is not known whose it was");
}

/* An engine whose clock is an hour before ours. */
static void test_skewed(struct fake_container *web)
{
	struct fg_err err;

	scene_leave();
	fake.ahead_ns = INT64_C(3600) * 1000000000;
	fake_start(web);
	scene_watch();
	WAIT_FOR(scene_state().live);
	fg_task_sleep(3000, NULL);
	fake_event(web, "pause", "");
	fake_event(web, "unpause", "");
	WAIT_FOR(scene.n >= 3);
	scene_forget();
	ok(fg_container_stop(host()->engine, web->id, 1, &err) >= 0, "stopped by us, on an engine whose clock is wrong");
	told_is("died web 143 signal 15 asked ours\n", "is ours all the same");
}

static void run(void *arg)
{
	struct fake_container *web;

	(void)arg;
	scene_open();
	fg_fleet_note_deeds(scene.fleet, scene.deeds);
	web = fake_run("web");
	scene_watch();
	ok(WAIT_FOR(scene_settled()), "the stream is live");
	fg_task_sleep(2500, NULL);
	test_ours(web);
	test_rules();
	fg_store_exec(scene.store, NULL, "DELETE FROM deeds", "");
	fg_store_exec(scene.store, NULL, "DELETE FROM replacements", "");
	fake_die(web, 1);
	told_is("died web 1\n", "down");
	test_orphan(web);
	test_store_fails(web);
	test_skewed(web);
	scene_close();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
