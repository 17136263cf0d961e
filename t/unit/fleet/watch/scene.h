/*
 * A watch on the fake engine, with a store of its own, and what it has told.
 */
#ifndef SCENE_H
#define SCENE_H

#include "fake.h"
#include "fleetgram/base/http.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/store.h"
#include "fleetgram/fleet/deed.h"
#include "fleetgram/fleet/watch.h"
#include "tap.h"

static struct {
	char folder[64];
	struct fg_store *store;
	struct fg_fleet *fleet;
	struct fg_deeds *deeds;
	struct fg_watch *watch;
	int64_t proof_ms;
	bool refuse;  /* the taker does not take */
	int refused;
	int64_t told, committed, most; /* happenings; in one transaction at most */
	char *lines[4096]; /* "died web 1 asked missed ours" */
	int n;       /* of which are told for good; */
	int pending; /* those after them are in a transaction that may come to nothing */
} scene;

static const char *const scene_words[] = {
	[FG_HAPPENED_CREATED] = "created", [FG_HAPPENED_STARTED] = "started", [FG_HAPPENED_DIED] = "died", [FG_HAPPENED_OOM] = "oom",
	[FG_HAPPENED_HEALTH] = "health", [FG_HAPPENED_PAUSED] = "paused", [FG_HAPPENED_UNPAUSED] = "unpaused",
	[FG_HAPPENED_RENAMED] = "renamed", [FG_HAPPENED_REMOVED] = "removed",
};

static char *scene_line(const struct fg_happening *h)
{
	struct fg_str out;

	fg_str_init(&out, 4096);
	fg_str_printf(&out, "%s %s", scene_words[h->what], h->name);
	if (h->what == FG_HAPPENED_DIED)
		fg_str_printf(&out, " %d", h->exit_code);
	if (h->signal)
		fg_str_printf(&out, " signal %d", h->signal);
	if (*h->health)
		fg_str_printf(&out, " %s", h->health);
	if (*h->before)
		fg_str_printf(&out, " from %s", h->before);
	fg_str_printf(&out, "%s%s%s", h->asked ? " asked" : "", h->missed ? " missed" : "", h->ours ? " ours" : "");
	return fg_str_take(&out);
}

/* A transaction that came to nothing has told nothing. */
static void scene_drop(void)
{
	while (scene.pending > scene.n)
		free(scene.lines[--scene.pending]);
}

static inline void scene_forget(void)
{
	for (int i = 0; i < scene.n; i++)
		free(scene.lines[i]);
	scene.pending -= scene.n;
	memmove(scene.lines, scene.lines + scene.n, (size_t)scene.pending * sizeof(*scene.lines));
	scene.n = 0;
}

static int scene_take(struct fg_tx *tx, const struct fg_happening *v, size_t n, void *arg, struct fg_err *err)
{
	(void)arg;
	scene_drop();
	if (scene.refuse) {
		scene.refused++;
		return fg_fail(err, FG_EIO, "not now");
	}
	if ((int64_t)n > scene.most)
		scene.most = (int64_t)n;
	for (size_t i = 0; i < n; i++) {
		char *line = scene_line(&v[i]);

		if (fg_tx_exec(tx, err, "INSERT INTO told(line, labels) VALUES(?, ?)", "ss", line,
			    fg_json_str(v[i].labels, "tier", "")) < 0)
			return -1;
		if (scene.pending < (int)FG_ARRAY_LEN(scene.lines))
			scene.lines[scene.pending++] = line;
		else
			free(line);
		scene.told++;
	}
	return 0;
}

static void scene_taken(void *arg)
{
	(void)arg;
	scene.committed = scene.told;
	scene.n = scene.pending;
}

static void scene_fleet(void)
{
	struct fg_err err;

	scene.fleet = fg_fleet_create();
	if (fg_fleet_add(scene.fleet, &(struct fg_host_options){.name = "h", .engine = {.url = fake.url, .timeout_ms = 5000}}, &err) < 0)
		diag("%s", err.text);
}

/* Begin to watch, or again as after a start of the bot. */
static void scene_watch(void)
{
	struct fg_err err;

	scene.watch = fg_watch_create(&(struct fg_watch_options){
		.store = scene.store,
		.deeds = scene.deeds,
		.proof_ms = scene.proof_ms,
		.take = scene_take,
		.taken = scene_taken,
	}, &err);
	fg_watch_follow(scene.watch, scene.fleet);
}

static void scene_leave(void)
{
	fg_watch_stop(scene.watch);
	fg_watch_destroy(scene.watch);
	scene.watch = NULL;
}

static void scene_open(void)
{
	cleanup_free char *path = NULL;
	struct fg_err err;

	fg_log_setup(getenv("FG_VERBOSE") ? FG_LOG_DEBUG : FG_LOG_ERROR, false);
	fake_open();
	snprintf(scene.folder, sizeof(scene.folder), "/tmp/fg-watch-XXXXXX");
	if (!mkdtemp(scene.folder))
		abort();
	path = fg_printf("%s/db", scene.folder);
	scene.store = fg_store_open(path, &err);
	fg_store_exec(scene.store, &err, "CREATE TABLE told(id INTEGER PRIMARY KEY, line TEXT, labels TEXT)", "");
	scene.deeds = fg_deeds_create(scene.store, &err);
	scene_fleet();
}

static void scene_close(void)
{
	cleanup_free char *clear = fg_printf("rm -rf %s", scene.folder);

	if (scene.watch)
		scene_leave();
	fg_fleet_unref(scene.fleet);
	fg_deeds_destroy(scene.deeds);
	fg_store_close(scene.store);
	scene_drop();
	scene_forget();
	fake_close();
	fg_http_finish();
	if (system(clear) != 0)
		diag("%s stays", scene.folder);
}

#define WAIT_FOR(cond)                                                   \
	({                                                               \
		int64_t until_ = fg_now_ms() + 60000;                    \
		while (!(cond) && fg_now_ms() < until_)                  \
			fg_task_sleep(5, NULL);                          \
		(cond);                                                  \
	})

static struct fg_watch_state scene_state(void)
{
	struct fg_watch_state s = {0};

	fg_watch_state(scene.watch, "h", &s);
	return s;
}

/* Whether it stands where it can tell what comes from now on. */
static bool scene_settled(void)
{
	return fg_store_i64(scene.store, 0, "SELECT count(*) FROM watch_hosts WHERE host = 'h' AND gap = 0", "") == 1 &&
	       scene_state().live;
}

/* What was told since the last look, one a line; waits until it is as long as what is wanted, and then a moment for more. */
static inline void told_is(const char *want, const char *name)
{
	struct fg_str got;
	int lines = 0;

	for (const char *p = want; *p; p++)
		lines += *p == '\n';
	WAIT_FOR(scene.n >= lines);
	fg_task_sleep(150, NULL);
	fg_str_init(&got, 1 << 16);
	for (int i = 0; i < scene.n; i++)
		fg_str_printf(&got, "%s\n", scene.lines[i]);
	is_str(got.s, want, name);
	fg_str_finish(&got);
	scene_forget();
}

#endif
