/* What events become: each happening once, with what it says. */
#include "scene.h"

static void test_first_sight(struct fake_container *c[2])
{
	c[0] = fake_run("web");
	c[1] = fake_run("db");
	fake_die(c[1], 3);
	scene_watch();
	ok(WAIT_FOR(scene_settled()), "the stream is live");
	is_int(fake.inspects, 2, "each container was looked at");
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM watch_seen", ""), 2, "and noted");
	told_is("", "but nothing was told");
	fg_task_sleep(2500, NULL); /* until every event is believed */
}

static void test_deaths(struct fake_container *web)
{
	fake_die(web, 1);
	told_is("died web 1\n", "a crash");
	fake_start(web);
	told_is("started web\n", "a start");
	fake_kill(web, 15);
	fake_die(web, 143);
	fake_event(web, "stop", "");
	told_is("died web 143 signal 15 asked\n", "a stop from outside");
	fake_start(web);
	fake_kill(web, 15);
	fake_kill(web, 9);
	fake_die(web, 137);
	told_is("started web\ndied web 137 signal 9 asked\n", "one that had to be killed");
	fake_start(web);
	fake_kill(web, 1);
	fake_die(web, 2);
	told_is("started web\ndied web 2\n", "a reload is no order to end");
	fake_start(web);
	fake_kill(web, 1);
	fake_die(web, 129);
	told_is("started web\ndied web 129 signal 1 asked\n", "unless it ends by that very signal");
	fake_start(web);
	fake_kill(web, 15);
	fake_die(web, 0);
	fake_start(web);
	fake_die(web, 1);
	told_is("started web\ndied web 0 signal 15 asked\nstarted web\ndied web 1\n", "an order holds for one run");
	fake_start(web);
	web->oom = true;
	fake_event(web, "oom", "");
	fake_die(web, 137);
	told_is("started web\noom web\ndied web 137\n", "out of memory");
	fake_die(web, 127);
	told_is("died web 127\n", "one that cannot be started");
	fake_start(web);
	told_is("started web\n", "it runs");
}

static void test_others(struct fake_container *web)
{
	fake_event(web, "health_status: healthy", "");
	fake_event(web, "health_status: healthy", "");
	fake_event(web, "health_status: unhealthy", "");
	told_is("health web healthy\nhealth web unhealthy\n", "health is told when it changes");
	fake_event(web, "pause", "");
	fake_event(web, "unpause", "");
	told_is("paused web\nunpaused web\n", "pauses");
	snprintf(web->name, sizeof(web->name), "site");
	fake_event(web, "rename", ",\"oldName\":\"/web\"");
	told_is("renamed site from web\n", "a new name");
	fake_event(web, "exec_die", "");
	fake_event(web, "restart", "");
	fake_event(web, "attach", "");
	fake_noise();
	fake_remove(fake_run("short"));
	told_is("created short\nstarted short\ndied short -1 missed\nremoved short\n", "from beginning to end");
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM told WHERE labels = 'web'", ""),
		fg_store_i64(scene.store, -1, "SELECT count(*) FROM told", ""), "the labels come along");
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM watch_seen", ""), 2, "what is gone is forgotten");
}

static void test_hostile(struct fake_container *web)
{
	static const char *const bad[] = {
		"{}\n", "[]\n", "null\n", "nonsense\n", "{\"Type\":\"container\",\"Action\":\"die\"}\n",
		"{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":7,\"Attributes\":[1]}}\n",
		"{\"Type\":\"container\",\"Action\":\"\",\"Actor\":{\"ID\":\"a\"},\"timeNano\":-5}\n",
		"{\"Type\":\"container\",\"Action\":\"rename\",\"Actor\":{\"ID\":\"a\"},\"timeNano\":99999999999999999999}\n",
	};

	int before = fake.lists;

	for (size_t i = 0; i < FG_ARRAY_LEN(bad); i++)
		fake_line(fg_strdup(bad[i]), fake_now_ns());
	fake_event(web, "pause", "");
	fake_event(web, "unpause", "");
	told_is("paused site\nunpaused site\n", "what cannot be read is passed over");
	ok(fake.lists > before, "and made up for by comparing");
	fake_die(web, 5);
	told_is("died site 5\n", "and what comes after it is read");
	is_int(scene_state().breaks, 0, "nor end the stream");
}

static void test_refused(struct fake_container *web)
{
	scene.refuse = true;
	fake_start(web);
	ok(WAIT_FOR(scene.refused > 1), "the taker refuses, and is asked again");
	fake_die(web, 6);
	scene.refuse = false;
	told_is("started site\ndied site 6\n", "nothing is lost and nothing told twice");
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM told WHERE line = 'died site 6'", ""), 1, "in the store neither");
	scene.refuse = true;
	fake_start(web);
	ok(WAIT_FOR(!scene_state().live), "when that takes long, the engine is not kept waiting");
	ok(strstr(scene_state().why.text, "not now") != NULL, "and it says why: %s", scene_state().why.text);
	fake_die(web, 7);
	scene.refuse = false;
	told_is("started site\ndied site 7 missed\n", "what comes meanwhile is not lost either");
	ok(WAIT_FOR(scene_state().live), "and it is live again");
	fg_task_sleep(2500, NULL);
}

static void test_podman(void)
{
	struct fake_container *c;

	scene_leave();
	fg_fleet_unref(scene.fleet);
	fake.server = "Libpod/4.3.1 (linux)";
	scene_fleet();
	scene_watch();
	fg_task_sleep(2500, NULL);
	c = fake_run("pod");
	fake_event(c, "health_status", "");
	snprintf(c->health, sizeof(c->health), "unhealthy");
	fake_event(c, "health_status", "");
	fake_event(c, "health_status", "");
	told_is("created pod\nstarted pod\nhealth pod unhealthy\n", "Podman's health has to be asked for");
	fake_event(c, "health_status", "");
	fg_task_sleep(200, NULL);
	snprintf(c->health, sizeof(c->health), "healthy");
	told_is("health pod healthy\n", "and again, for it may be written down later than told");
	fake_event(c, "stop", "");
	c->ended_ns = fake_now_ns();
	snprintf(c->state, sizeof(c->state), "exited");
	fake_event(c, "died", ",\"containerExitCode\":\"0\"");
	told_is("died pod 0 asked\n", "its stop comes before the end, without a signal");
	fake_start(c);
	c->oom = true;
	c->ended_ns = fake_now_ns();
	snprintf(c->state, sizeof(c->state), "exited");
	fake_event(c, "died", ",\"containerExitCode\":\"137\"");
	told_is("started pod\noom pod\ndied pod 137\n", "a lack of memory is asked for");
	fake_start(c);
	fake_event(c, "restart", "");
	snprintf(c->state, sizeof(c->state), "exited");
	fake_event(c, "die", ",\"containerExitCode\":\"0\"");
	fake_start(c);
	snprintf(c->state, sizeof(c->state), "exited");
	fake_event(c, "die", ",\"containerExitCode\":\"143\"");
	told_is("started pod\ndied pod 0 asked\nstarted pod\ndied pod 143 signal 15 asked\n", "a restart and a stop without a word of it");
	fake_event(c, "remove", "");
	told_is("removed pod\n", "removed");
}

static void run(void *arg)
{
	struct fake_container *c[2];

	(void)arg;
	scene_open();
	test_first_sight(c);
	test_deaths(c[0]);
	test_others(c[0]);
	test_hostile(c[0]);
	test_refused(c[0]);
	test_podman();
	scene_close();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
