/* Breaks of all kinds: nothing that happened meanwhile is lost, and nothing is told twice. */
#include "scene.h"

/* Cut off, while it happens; the engine remembers all of it. */
static void test_cut(struct fake_container *web)
{
	int64_t cut_ms = fg_now_ms();

	fake.frozen = true; /* or it would be back at once */
	fake_cut();
	ok(WAIT_FOR(!scene_state().live), "a stream that ends is not live");
	ok(*scene_state().why.text, "and says why: %s", scene_state().why.text);
	ok(scene_state().sure_ms > 0 && scene_state().sure_ms <= cut_ms, "it is sure of what was before");
	fake_kill(web, 15);
	fake_die(web, 143);
	fake_start(web);
	fake_die(web, 1);
	fake.frozen = false;
	told_is("died web 143 signal 15 asked missed\nstarted web missed\ndied web 1 missed\n", "all of it is told");
	ok(scene_state().live && scene_state().breaks == 1, "by another stream");
	ok(WAIT_FOR(scene_state().sure_ms > cut_ms), "which is sure of what was since");
	fake_start(web);
	told_is("started web\n", "which goes on");
}

/* The kill comes before the break, the end after it. */
static void test_split(struct fake_container *web)
{
	fake_kill(web, 15);
	WAIT_FOR(scene_state().event_ms > 0);
	fake_cut();
	fake_die(web, 143);
	told_is("died web 143 signal 15 asked missed\n", "who was asked before the break and ended in it was asked");
	fake_start(web);
	told_is("started web\n", "again");
}

static void test_overflow(struct fake_container *web, struct fake_container *db)
{
	struct fake_container *more, *loop = fake_run("loop");

	told_is("created loop\nstarted loop\n", "one more");

	fake.frozen = true;
	fake_cut();
	WAIT_FOR(!scene_state().live);
	fake_die(web, 7);
	fake_start(web);
	fake_die(loop, 7);
	fake_start(loop);
	loop->restarts = 1;
	more = fake_run("new");
	fake_die(db, 9);
	for (int i = 0; i < 300; i++)
		fake_noise();
	fake_die(more, 4);
	fake.frozen = false;
	WAIT_FOR(scene.n >= 6);
	fg_task_sleep(300, NULL);
	{
		bool web_died = false, web_started = false, loop_died = false, db_died = false, new_died = false, created = false;
		int deaths = 0;

		for (int i = 0; i < scene.n; i++) {
			deaths += strncmp(scene.lines[i], "died", 4) == 0;
			web_died = web_died || strcmp(scene.lines[i], "died web -1 asked missed") == 0;
			loop_died = loop_died || strcmp(scene.lines[i], "died loop -1 missed") == 0;
			web_started = web_started || strcmp(scene.lines[i], "started web missed") == 0;
			db_died = db_died || strcmp(scene.lines[i], "died db 9 missed") == 0;
			new_died = new_died || strcmp(scene.lines[i], "died new 4 missed") == 0;
			created = created || strcmp(scene.lines[i], "created new missed") == 0;
		}
		is_int(deaths, 4, "each death is told once");
		ok(web_died && web_started, "of one that runs again, too; why is not known, and it is no accident");
		ok(loop_died, "unless its engine has started it again");
		ok(db_died, "with the exit code where there is one");
		ok(new_died, "of one that was new");
		diag("%s", created ? "it was created" : "its beginning was forgotten");
	}
	scene_forget();
	fg_task_sleep(2500, NULL);
	told_is("", "and that is all");
	fake_start(db);
	told_is("started db\n", "it goes on");
}

/* Of several runs only the beginning of the last one is remembered. */
static void test_half(struct fake_container *web)
{
	for (int by_itself = 0; by_itself <= 1; by_itself++) {
		fake.frozen = true;
		fake_cut();
		WAIT_FOR(!scene_state().live);
		fake_die(web, 7);
		for (int i = 0; i < 300; i++)
			fake_noise();
		web->restarts = by_itself;
		fake_start(web);
		fake.frozen = false;
		told_is(by_itself ? "died web -1 missed\nstarted web missed\n" : "died web -1 asked missed\nstarted web missed\n",
			by_itself ? "one that its engine has started again has died" : "why another one has ended is not known");
		WAIT_FOR(scene_settled());
		fg_task_sleep(2500, NULL);
	}
	web->restarts = 0;
}

/* The engine is started anew: what it knew of events is gone. */
static void test_restart(struct fake_container *web, struct fake_container *db)
{
	struct fake_container *gone = fake_run("gone");

	told_is("created gone\nstarted gone\n", "one more");
	fake.frozen = fake.quiet = true;
	fake_cut();
	WAIT_FOR(!scene_state().live);
	fake_forget();
	fake_die(web, 137);
	web->oom = true;
	fake_die(db, 0);
	fake_start(db);
	snprintf(db->health, sizeof(db->health), "unhealthy");
	fake_remove(gone);
	fake.frozen = fake.quiet = false;
	WAIT_FOR(scene.n >= 7);
	fg_task_sleep(300, NULL);
	is_int(scene.n, 7, "what was different is told");
	for (int i = 0; i < scene.n; i++)
		ok(strstr("oom web missed\ndied web 137 missed\ndied db -1 asked missed\nstarted db missed\nhealth db unhealthy missed\n"
			  "died gone -1 asked missed\nremoved gone missed\n", scene.lines[i]), "%s", scene.lines[i]);
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM told WHERE line LIKE '%% gone missed' AND labels = 'web'", ""), 1,
		"what is gone has its labels");
	scene_forget();
	fake_start(web);
	db->health[0] = '\0';
	fg_task_sleep(2500, NULL);
	told_is("started web\n", "nothing more");
	is_int(fg_store_i64(scene.store, -1, "SELECT gap FROM watch_hosts", ""), 0, "what is looked at stays so when it goes on");
}

/* It stays open, and brings nothing any more. */
static void test_deaf(struct fake_container *web)
{
	int64_t breaks = scene_state().breaks;

	fake_deafen();
	fake_die(web, 8);
	told_is("died web 8 missed\n", "a stream that has died without a sign is found out");
	is_int(scene_state().breaks, breaks + 1, "and counted as a break");
	fake_deafen();
	fake_die(web, 8);
	for (int i = 0; i < 300; i++)
		fake_noise();
	fake_forget();
	ok(WAIT_FOR(scene.n > 0), "even when the engine has forgotten what it did not bring");
	scene_forget();
	fake_start(web);
	ok(WAIT_FOR(scene.n > 0), "and what comes after that");
	ok(WAIT_FOR(scene_state().breaks >= breaks + 2 && scene_settled()), "by another stream");
	fg_task_sleep(2500, NULL);
	scene_forget();
	breaks = scene_state().breaks;
	fg_task_sleep(1500, NULL);
	is_int(scene_state().breaks, breaks, "one that has nothing to say is left alone");
	ok(WAIT_FOR(scene_state().live), "and is live");
}

static void test_frozen(struct fake_container *web)
{
	int64_t breaks = scene_state().breaks, down_ms;

	fake.frozen = true;
	ok(WAIT_FOR(!scene_state().live), "an engine that stands still is not live");
	down_ms = fg_now_ms();
	ok(*scene_state().why.text, "and why: %s", scene_state().why.text);
	ok(WAIT_FOR(!fg_fleet_find(scene.fleet, "h")->up), "and the host is down");
	fake_die(web, 2);
	fake.frozen = false;
	told_is("died web 2\n", "when it goes on, so does the stream");
	ok(WAIT_FOR(scene_state().live), "it is live");
	ok(WAIT_FOR(scene_state().sure_ms > down_ms), "and sure of what was meanwhile");
	is_int(scene_state().breaks, breaks, "without a break");
	ok(WAIT_FOR(fg_fleet_find(scene.fleet, "h")->up), "and the host is up");
	fake_start(web);
	told_is("started web\n", "it runs");
}

static void test_again(struct fake_container *web)
{
	cleanup_free char *now = NULL;
	struct fg_err err;

	scene_leave();
	fake_die(web, 11);
	fg_task_sleep(20, NULL);
	scene_watch();
	told_is("died web 11 missed\n", "what happened between two lives is told");
	ok(WAIT_FOR(scene_settled()), "and it goes on");
	fake_start(web);
	told_is("started web\n", "from there");

	/* As if it had been killed before the end of a comparison. */
	scene_leave();
	fake.quiet = true;
	fake_die(web, 12);
	fake.quiet = false;
	fg_store_exec(scene.store, &err, "UPDATE watch_hosts SET gap = 1", "");
	scene_watch();
	told_is("died web 12 missed\n", "a comparison that was not finished is made up for");
	fake_start(web);
	fg_task_sleep(2500, NULL);
	scene_forget();

	/* The same name is another engine now. */
	scene_leave();
	now = fg_printf("%s", "unix:///somewhere/else");
	fg_store_exec(scene.store, &err, "UPDATE watch_hosts SET url = ?", "s", now);
	for (int i = 0; i < fake.n; i++)
		fake.c[i].there = false;
	fake_forget();
	fake_run("other");
	scene_watch();
	fg_task_sleep(2500, NULL);
	told_is("", "another engine under the same name is seen for the first time");
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM watch_seen", ""), 1, "what was there is forgotten");
}

/* Nobody looked, and nothing is left of who did what. */
static void test_unwatched(void)
{
	struct fake_container *stopped, *killed, *taken, *ours;
	struct fg_err err;

	ok(WAIT_FOR(scene_settled()), "it is watched");
	stopped = fake_run("stopped");
	killed = fake_run("killed");
	taken = fake_run("taken");
	ours = fake_run("ours");
	WAIT_FOR(scene.n >= 8);
	scene_leave();
	scene_forget();
	fg_store_exec(scene.store, &err, "UPDATE watch_hosts SET at_ns = at_ns - 90000000000", "");
	fg_store_exec(scene.store, &err, "UPDATE watch_seen SET started_ms = started_ms - 60000 WHERE id = ?", "s", ours->id);
	fg_store_exec(scene.store, &err, "INSERT INTO deeds (host, target, verb, begun_ms, ended_ms) VALUES ('h', ?, 'remove', ?, ?)",
		"sii", ours->id, fg_wall_ms() - 40000, fg_wall_ms() - 39000);
	fake.quiet = true;
	fake_die(stopped, 143);
	fake_die(killed, 137);
	fake_remove(taken);
	fake_remove(ours);
	fake.quiet = false;
	fake_forget();
	scene_watch();
	WAIT_FOR(scene.n >= 6);
	is_int(scene.n, 6, "what has happened to each");
	for (int i = 0; i < scene.n; i++)
		ok(strstr("died stopped 143 asked missed\ndied killed 137 asked missed\ndied taken -1 asked missed\nremoved taken missed\n"
			  "died ours -1 asked missed ours\nremoved ours missed ours\n", scene.lines[i]), "%s", scene.lines[i]);
	scene_forget();
}

/* An event that was on its way for seconds. */
static void late(const struct fake_container *c, const char *action, const char *more, int64_t of_ns)
{
	int64_t ns = of_ns + 2000000;

	fake_line(fg_printf("{\"Type\":\"container\",\"Action\":\"%s\",\"Actor\":{\"ID\":\"%s\",\"Attributes\":{\"name\":"
		"\"%s\"%s}},\"timeNano\":%lld}\n", action, c->id, c->name, more, (long long)ns), ns);
}

/* What a comparison has found comes at the end of a long queue. */
static void test_stale(void)
{
	struct fake_container *slow = fake_run("slow");
	int64_t events;

	told_is("created slow\nstarted slow\n", "one more");
	fake_die(slow, 1);
	told_is("died slow 1\n", "which is down");
	fg_task_sleep(2500, NULL);
	fake.quiet = true;
	fake_start(slow);
	fake.quiet = false;
	fake_forget();
	told_is("started slow missed\n", "its start is found");
	fg_task_sleep(2500, NULL);
	late(slow, "start", "", slow->started_ns);
	told_is("", "and not told again, however late the event comes");
	fake.quiet = true;
	fake_die(slow, 2);
	fake.quiet = false;
	fake_forget();
	told_is("died slow 2 missed\n", "so is its end");
	fg_task_sleep(2500, NULL);
	late(slow, "die", ",\"exitCode\":\"2\"", slow->ended_ns);
	told_is("", "which is not told again either: what is late is no reason to doubt the engine's clock");
	WAIT_FOR(scene_settled());
	events = scene_state().events;
	fake_noise(); /* so that nobody has to compare what is just happening */
	WAIT_FOR(scene_state().events > events);
	fake_start(slow);
	fake_die(slow, 3);
	told_is("started slow\ndied slow 3\n", "what comes later is told");
}

/* The bot ends while it looks at a host for the first time. */
static void test_cut_short(void)
{
	struct fake_container *stuck = fake_run("stuck");
	struct fg_err err;
	int before;

	WAIT_FOR(scene.n >= 2);
	scene_leave();
	fg_store_exec(scene.store, &err, "DELETE FROM watch_hosts", "");
	fg_store_exec(scene.store, &err, "DELETE FROM watch_seen", "");
	stuck->stuck = true;
	before = fake.inspects;
	scene_watch();
	ok(WAIT_FOR(fake.inspects > before), "the containers are looked at");
	fg_task_sleep(50, NULL);
	scene_leave();
	is_int(fg_store_i64(scene.store, -1, "SELECT count(*) FROM watch_hosts", ""), 0, "half a look is none");
	scene_forget();
	stuck->stuck = false;
	scene_watch();
	ok(WAIT_FOR(scene_settled()), "the next one sees it for the first time");
	told_is("", "and tells nothing");
}

/* The same name is another engine from now on, as the store has it. */
static void move_elsewhere(void)
{
	struct fg_err err;

	fg_store_exec(scene.store, &err, "UPDATE watch_hosts SET url = 'unix:///somewhere/else'", "");
	for (int i = 0; i < fake.n; i++)
		fake.c[i].there = false;
	fake_forget();
}

/* The first look at another engine under the same name is cut short: the next one is the first. */
static void test_elsewhere_cut_short(void)
{
	struct fake_container *stuck;
	int before;

	scene_leave();
	move_elsewhere();
	fake_run("there1");
	stuck = fake_run("there2");
	stuck->stuck = true;
	before = fake.inspects;
	scene_watch();
	ok(WAIT_FOR(fake.inspects >= before + 2), "the other engine is looked at");
	fg_task_sleep(50, NULL);
	scene_leave(); /* what is not in the store is lost, as by a kill */
	stuck->stuck = false;
	scene_watch();
	ok(WAIT_FOR(fg_store_i64(scene.store, 0, "SELECT count(*) FROM watch_hosts WHERE url = ?", "s", fake.url) == 1),
		"the next start does so from the beginning");
	told_is("", "and tells nothing");

	scene_leave();
	move_elsewhere();
	fake_run("here1");
	stuck = fake_run("here2");
	stuck->stuck = true;
	before = fake.inspects;
	scene_watch();
	ok(WAIT_FOR(fake.inspects >= before + 2), "another one is looked at");
	ok(WAIT_FOR(!scene_state().live), "and does not answer to the end");
	stuck->stuck = false;
	ok(WAIT_FOR(fg_store_i64(scene.store, 0, "SELECT count(*) FROM watch_hosts WHERE url = ?", "s", fake.url) == 1),
		"the next look is from the beginning, too");
	told_is("", "and tells nothing either");
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM watch_seen", ""), 2, "what is known is what is there");
}

/* A host that is no more in the config. */
static void test_put_back(void)
{
	struct fg_fleet *none = fg_fleet_create();

	fg_watch_follow(scene.watch, none);
	is_int(fg_store_i64(scene.store, -1, "SELECT (SELECT count(*) FROM watch_hosts) + (SELECT count(*) FROM watch_seen)", ""), 0,
		"is forgotten");
	fake.quiet = true;
	fake_run("later");
	fake.quiet = false;
	fg_watch_follow(scene.watch, scene.fleet);
	ok(WAIT_FOR(scene_settled()), "when it is put back");
	told_is("", "it is seen for the first time");
	fg_fleet_unref(none);
}

static void run(void *arg)
{
	struct fake_container *web, *db;

	(void)arg;
	scene.proof_ms = 400;
	scene_open();
	web = fake_run("web");
	db = fake_run("db");
	scene_watch();
	ok(WAIT_FOR(scene_settled()), "the stream is live");
	fg_task_sleep(2500, NULL);
	test_cut(web);
	test_split(web);
	test_overflow(web, db);
	test_half(web);
	test_restart(web, db);
	test_deaf(web);
	test_frozen(web);
	test_again(web);
	test_unwatched();
	test_stale();
	test_cut_short();
	test_elsewhere_cut_short();
	test_put_back();
	scene_close();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
