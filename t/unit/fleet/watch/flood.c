/* A flood: many more events than can be told at once. None is lost, and none waits in a queue of ours. */
#include <stdio.h>
#include "scene.h"

#define EVENTS 60000
#define AHEAD (1u << 20) /* bytes that the engine has ready at the most */

static struct fake_client *stream(void)
{
	struct fake_client *c;

	fg_list_each (&fake.clients, c, link)
		if (c->stream && !uv_is_closing((uv_handle_t *)&c->pipe))
			return c;
	return NULL;
}

static int64_t rss_kib(void)
{
	char line[128];
	FILE *in = fopen("/proc/self/status", "re");
	int64_t kib = 0;

	while (in && fgets(line, sizeof(line), in))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtoll(line + 6, NULL, 10);
	if (in)
		fclose(in);
	return kib;
}

static void run(void *arg)
{
	struct fake_container *web;
	int64_t begun, before, most = 0;
	int made = 0;

	(void)arg;
	scene.proof_ms = 60000;
	scene_open();
	web = fake_run("web");
	scene_watch();
	ok(WAIT_FOR(scene_settled()), "the stream is live");
	fg_task_sleep(2500, NULL);
	begun = fg_now_ms();
	before = rss_kib();
	while (made < EVENTS && stream()) {
		while (made < EVENTS && uv_stream_get_write_queue_size((uv_stream_t *)&stream()->pipe) < AHEAD) {
			switch (made++ % 4) {
			case 0: fake_event(web, "die", ",\"exitCode\":\"1\""); break;
			case 1: fake_event(web, "start", ""); break;
			case 2: fake_noise(); break;
			default: fake_event(web, "exec_die", ""); break;
			}
		}
		if (rss_kib() > most)
			most = rss_kib();
		fg_task_sleep(1, NULL);
	}
	ok(stream() != NULL, "the stream has held");
	ok(WAIT_FOR(scene.committed >= EVENTS / 2), "every death and every start is told");
	diag("%d events in %lld ms, %lld KiB more than before", EVENTS, (long long)(fg_now_ms() - begun), (long long)(most - before));
	fg_task_sleep(200, NULL);
	is_int(scene.told, EVENTS / 2, "once");
	is_int(fg_store_i64(scene.store, 0, "SELECT count(*) FROM told", ""), EVENTS / 2, "and is in the store");
	ok(scene.most > 1 && scene.most <= FG_WATCH_BATCH, "many in a transaction (%lld at most), but not too many", (long long)scene.most);
	is_int(scene_state().breaks, 0, "without a break");
#if !defined(__SANITIZE_ADDRESS__)
	ok(most - before < 32 * 1024, "in bounded memory");
#endif
	scene_close();
}

int main(void)
{
	fg_loop_run("test", run, NULL);
	return done_testing();
}
