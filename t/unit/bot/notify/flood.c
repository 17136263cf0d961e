/* A flood with the notifier behind the watch: every death is counted, and what is kept and sent of it stays small. */
#include "../../fleet/watch/fake.h"
#include "../telegram/box.h"
#include "fleetgram/fleet/watch.h"
#include "notify/incidents.h"
#include "notify/mutes.h"
#include "telegram/keyboard.h"
#include "telegram/live.h"

#define CONTAINERS 50
#define DEATHS 10000
#define AHEAD (1u << 20) /* bytes that the engine has ready at the most */
#define CHAT 42

static struct box box;
static struct app app;
static int64_t most_at_once; /* happenings in one transaction */

static int take(struct fg_tx *tx, const struct fg_happening *v, size_t n, void *arg, struct fg_err *err)
{
	if ((int64_t)n > most_at_once)
		most_at_once = (int64_t)n;
	return notify_take(tx, v, n, arg, err);
}

static void taken(void *arg)
{
	notify_kick(arg);
}

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

static void open_app(void)
{
	cleanup_free char *text = fg_printf(
		"{\"hosts\":{\"one\":{\"url\":\"%s\"}},\"notify\":{\"startup_delay\":\"0\",\"log_lines\":0},"
		"\"chats\":[{\"id\":%d,\"role\":\"viewer\",\"notify\":true}]}", fake.url, CHAT);
	struct config_errors errors = {0};
	struct config *config = config_parse("test.json", text, strlen(text), &errors);

	if (!config) {
		cleanup_free char *why = config_errors_text(&errors);

		printf("Bail out! %s\n", why);
		exit(1);
	}
	app.setup = setup_create(config, NULL);
	box_begin(&box);
	live_setup(box.store, NULL);
	keyboard_setup(box.store, NULL);
	mutes_setup(box.store, NULL);
	box_run(&box);
	app.store = box.store;
	app.outbox = box.ob;
	app.telegram = box.tg;
	app.limiter = box.limiter;
	app.started_ms = fg_now_ms();
	app.notify = notify_create(&app, NULL);
}

static int64_t number(const char *sql)
{
	return fg_store_i64(box.store, -1, sql, "");
}

/* Until it is so, or a minute is over. */
static bool is(int64_t want, const char *sql)
{
	int64_t deadline = fg_now_ms() + 60000;

	while (number(sql) != want && fg_now_ms() < deadline)
		fg_task_sleep(5, NULL);
	return number(sql) == want;
}

static int sent(void)
{
	int n = 0;

	pthread_mutex_lock(&peer.lock);
	for (int i = 0; i < peer.count; i++)
		n += strcmp(peer.log[i].method, "sendMessage") == 0;
	pthread_mutex_unlock(&peer.lock);
	return n;
}

/* As fast as it is read; how much waited in the outbox and in memory at the most. */
static void flood(struct fake_container *const *v, int64_t *depth, int64_t *kib)
{
	for (int made = 0; made < DEATHS && stream();) {
		while (made < DEATHS && uv_stream_get_write_queue_size((uv_stream_t *)&stream()->pipe) < AHEAD) {
			const struct fake_container *c = v[made++ % CONTAINERS];

			fake_event(c, "die", ",\"exitCode\":\"1\"");
			fake_event(c, "start", "");
		}
		if (outbox_depth(box.ob) > *depth)
			*depth = outbox_depth(box.ob);
		if (rss_kib() > *kib)
			*kib = rss_kib();
		fg_task_sleep(1, NULL);
	}
}

static void tests(void)
{
	struct fake_container *v[CONTAINERS];
	struct fg_watch *watch;
	struct fg_task *telling;
	int64_t depth = 0, kib = 0, before;

	fake_open();
	for (int i = 0; i < CONTAINERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "c%d", i);
		v[i] = fake_run(name);
	}
	open_app();
	telling = fg_task_spawn("notifications", notify_run, app.notify);
	watch = fg_watch_create(&(struct fg_watch_options){
		.store = box.store, .take = take, .taken = taken, .arg = app.notify}, NULL);
	fg_watch_follow(watch, app.setup->fleet);
	ok(is(CONTAINERS, "SELECT count(*) FROM watch_seen"), "the containers are watched");
	fg_task_sleep(2500, NULL);
	before = rss_kib();
	flood(v, &depth, &kib);
	ok(stream() != NULL, "the stream has held");
	ok(is(DEATHS, "SELECT sum(count) FROM incidents"), "every death is counted");
	is_int(number("SELECT count(*) FROM incidents"), CONTAINERS, "each container has one incident");
	ok(is(0, "SELECT count(*) FROM bulletins WHERE revision > shown"), "and all of it is shown");
	ok(most_at_once > 1 && most_at_once <= FG_WATCH_BATCH, "many in a transaction (%lld at most), but not too many",
		(long long)most_at_once);
	ok(depth <= 2 * number("SELECT count(*) FROM bulletins"), "no message waits behind another one of the same (%lld at most)",
		(long long)depth);
	ok(sent() <= number("SELECT count(*) FROM bulletins"), "%d new messages", sent());
	diag("%lld KiB more than before", (long long)(kib - before));
#if !defined(__SANITIZE_ADDRESS__)
	ok(kib - before < 32 * 1024, "in bounded memory");
#endif
	fg_watch_stop(watch);
	fg_watch_destroy(watch);
	fg_task_cancel(telling);
	fg_task_join(telling);
	notify_destroy(app.notify);
	box_close(&box);
	setup_unref(app.setup);
	fake_close();
}

int main(void)
{
	return box_test(tests);
}
