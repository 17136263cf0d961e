/*
 * Comparing: what no event has told, found in how the containers are now.
 *
 * A run is known by when it began. What the watch has noted of one it saw begin or end is the time
 * of the event, which comes a little later than what the engine notes itself, and earlier than the
 * next run: so a time that is later than the noted one belongs to another run.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "watch/follower.h"

#define AT_ONCE 8        /* inspects of one host */
#define CHUNK 16         /* … in one turn */
#define CHUNKS_AT_ONCE 8 /* turns of all hosts, unless the others take longer than */
#define TURN_MS 2000     /* … a host waits for its own */
#define LIST_MS 15000

/* How one is, beside how it was seen. */
struct now {
	const struct fg_container_info *info;
	bool missed; /* nobody looked when it happened */
};

static cJSON *labels_of(const struct now *now)
{
	return happen_labels(fg_json_path(now->info->raw, "Config.Labels"));
}

static struct fg_happening *tell(struct follower *f, enum fg_happened what, const struct seen *s,
	int64_t at_ms, const struct now *now)
{
	struct fg_happening *h = batch_add(f, what, s, at_ms, labels_of(now));

	h->missed = h->missed || now->missed;
	return h;
}

static void started(struct follower *f, struct seen *s, const struct now *now)
{
	s->life = LIFE_RUNNING;
	s->started_ms = now->info->started_ms;
	s->health[0] = '\0';
	s->oom = false;
	s->signal = 0;
	s->dirty = true;
	tell(f, FG_HAPPENED_STARTED, s, s->started_ms, now);
}

/* As after a stop: what told of it was missed, and nothing of itself ends like this, but for a lack
 * of memory. */
static bool looks_asked(const struct seen *s, const struct fg_container_info *info)
{
	return info->exit_code == 128 + SIGTERM ||
	       (info->exit_code == 128 + SIGKILL && !info->oom_killed && !s->oom);
}

/* The run that is over. */
static void died(struct follower *f, struct seen *s, const struct now *now)
{
	struct fg_happening *h = happen_died(
		f, s, now->info->finished_ms, now->info->exit_code, labels_of(now), now->missed);

	h->asked = h->asked || (now->missed && looks_asked(s, now->info));
}

/*
 * One that was up when it was seen, and has been started again since. With which exit code it ended
 * is not kept, and why is known only when the engine has started it by itself.
 */
static void died_unseen(struct follower *f, struct seen *s, const struct now *now)
{
	int64_t at = now->info->finished_ms;
	struct fg_happening *h;

	if (at <= s->started_ms || at > now->info->started_ms)
		at = now->info->started_ms;
	h = happen_died(f, s, at, -1, labels_of(now), now->missed);
	h->asked = h->asked || !happen_by_itself(now->info);
}

static void short_of_memory(
	struct follower *f, struct seen *s, const struct now *now, int64_t at_ms)
{
	if (!now->info->oom_killed || s->oom)
		return;
	s->oom = true;
	s->dirty = true;
	tell(f, FG_HAPPENED_OOM, s, at_ms, now);
}

static void compare_runs(struct follower *f, struct seen *s, const struct now *now)
{
	const struct fg_container_info *info = now->info;
	enum life life = seen_life(info->state);
	bool up = life == LIFE_RUNNING || life == LIFE_PAUSED;

	if (!up && !seen_up(s) && info->finished_ms <= s->ended_ms) {
		s->started_ms = info->started_ms; /* its end was told, if not its beginning */
	} else if (info->started_ms > s->started_ms) {
		if (seen_up(s))
			died_unseen(f, s, now);
		started(f, s, now);
	}
	if (up) {
		if (!seen_up(s)) /* started, by its state: its clock was set back */
			started(f, s, now);
		short_of_memory(f, s, now, fg_wall_ms() - f->cursor.skew_ms);
	} else if (seen_up(s) || info->finished_ms > s->ended_ms) {
		short_of_memory(f, s, now, info->finished_ms);
		died(f, s, now);
	}
	if (up && life != s->life) {
		s->life = life;
		s->dirty = true;
		tell(f, life == LIFE_PAUSED ? FG_HAPPENED_PAUSED : FG_HAPPENED_UNPAUSED, s,
			fg_wall_ms() - f->cursor.skew_ms, now);
	}
}

static void compare_health(struct follower *f, struct seen *s, const struct now *now)
{
	const char *health = now->info->health;
	struct fg_happening *h;

	if (!*health || strcmp(health, s->health) == 0)
		return;
	snprintf(s->health, sizeof(s->health), "%s", health);
	s->dirty = true;
	if (strcmp(health, "starting") == 0)
		return;
	h = tell(f, FG_HAPPENED_HEALTH, s, fg_wall_ms() - f->cursor.skew_ms, now);
	free((char *)h->health);
	h->health = fg_strdup(health);
}

static void compare_name(struct follower *f, struct seen *s, const struct now *now)
{
	cleanup_free char *before = fg_strdup(s->name);
	struct fg_happening *h;

	if (!*now->info->name || strcmp(now->info->name, s->name) == 0)
		return;
	seen_rename(s, now->info->name);
	h = tell(f, FG_HAPPENED_RENAMED, s, fg_wall_ms() - f->cursor.skew_ms, now);
	free((char *)h->before);
	h->before = fg_steal(&before);
}

/* Whether anything was found. */
static bool compare(struct follower *f, const struct now *now)
{
	const struct fg_container_info *info = now->info;
	struct seen *s = seen_find(&f->seen, info->id);
	size_t before = f->batch.n;

	if (!s) {
		cleanup_json cJSON *labels = labels_of(now);

		s = seen_add(&f->seen, info->id, info->name, info->image, labels);
		tell(f, FG_HAPPENED_CREATED, s, info->created_ms, now);
	}
	compare_name(f, s, now);
	compare_runs(f, s, now);
	compare_health(f, s, now);
	if (f->batch.n == before)
		return false;
	s->compared_ms = fg_wall_ms() - f->cursor.skew_ms;
	return true;
}

int compare_one(struct follower *f, const char *id, struct fg_err *err)
{
	cleanup_info struct fg_container_info info = {0};

	if (fg_container_inspect(f->host->engine, id, &info, err) < 0)
		return -1;
	compare(f, &(struct now){.info = &info});
	return 0;
}

/* Up to when what is found missing now was there for sure, by the engine's clock: where the watch
 * stood before the gap. */
static int64_t last_moment(const struct follower *f)
{
	return (f->cursor.gap ? f->since_ns : f->cursor.at_ns) / 1000000;
}

/* What a list does not show any more. If it was up, somebody has removed it; when, is not known. */
static void compare_gone(struct follower *f, struct seen *s)
{
	struct fg_store *store = f->watch->options.store;
	int64_t at = fg_wall_ms() - f->cursor.skew_ms;
	struct fg_happening *h;

	if (seen_up(s)) {
		h = happen_died(f, s, at, -1, seen_labels(store, f->host->name, s), true);
		h->asked = true;
		h->after_ms = last_moment(f);
	}
	h = batch_add(f, FG_HAPPENED_REMOVED, s, at, seen_labels(store, f->host->name, s));
	h->after_ms = last_moment(f);
	h->missed = true;
	s->gone = true;
}

/* All of them */

struct inspect {
	struct follower *f;
	const char *id;
	int *found;
	struct fg_err err;
	int rc;
};

/* An inspect says much, of which little is kept: it is compared as it comes, so that the others
 * need not wait for it in memory. One that is gone by now is told by an event. */
static void inspect_run(void *arg)
{
	struct inspect *one = arg;
	struct follower *f = one->f;
	cleanup_info struct fg_container_info info = {0};

	one->rc = fg_container_inspect(f->host->engine, one->id, &info, &one->err);
	if (one->rc == 0)
		*one->found += compare(f, &(struct now){.info = &info, .missed = true});
	else if (one->err.code == FG_ENOTFOUND)
		one->rc = 0;
	if (f->silent)
		batch_clear(&f->batch);
}

/* What a hundred hosts say of some containers each is a lot of memory: they take turns. A slow one
 * does not keep the others from theirs for long. */
static struct fg_cond turns = {FG_LIST_INIT(turns.waiters)};
static int chunks;

/* How many to inspect side by side; -1: cancelled. Who does not wait longer for its turn takes
 * little room: they may be many. */
static int turn_take(struct fg_err *err)
{
	int64_t until = fg_now_ms() + TURN_MS;
	int at_once;

	while (chunks >= CHUNKS_AT_ONCE && fg_now_ms() < until)
		if (fg_cond_wait(&turns, "other hosts to be compared", until, err) < 0 &&
			fg_task_canceled())
			return -1;
	at_once = chunks < CHUNKS_AT_ONCE ? AT_ONCE : 1;
	chunks++;
	return at_once;
}

static void turn_end(void)
{
	chunks--;
	fg_cond_signal(&turns);
}

/* Several side by side. */
static int compare_chunk(struct follower *f, char (*ids)[FG_ID_SIZE], size_t n, int at_once,
	int *found, struct fg_err *err)
{
	cleanup_free struct inspect *all = fg_alloc(n * sizeof(*all));
	struct fg_group group;
	int rc = 0;

	fg_group_init(&group, at_once);
	for (size_t i = 0; i < n; i++) {
		all[i] = (struct inspect){.f = f, .id = ids[i], .found = found};
		if (rc == 0)
			rc = fg_group_go(
				&group, "inspect for the watch", inspect_run, &all[i], err);
	}
	if (fg_group_wait(&group, FG_NEVER, err) < 0)
		rc = -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = all[i].rc;
		if (rc < 0)
			*err = all[i].err;
	}
	if (rc == 0 && f->batch.n >= FG_WATCH_BATCH)
		rc = batch_flush(f, err);
	return rc;
}

/* Whether a row of the list shows one otherwise than it was seen. */
static bool differs(const struct follower *f, const struct fg_container *c)
{
	const struct seen *s = seen_find(&f->seen, c->id);
	enum life life = seen_life(c->state);

	if (!s || strcmp(s->name, c->name) != 0)
		return true;
	/* it may have started and ended again in between: the times tell, and they are not in a
	 * list */
	return s->life != life || (*c->health && strcmp(s->health, c->health) != 0);
}

static int by_id(const void *a, const void *b)
{
	return strcmp((*(const struct fg_container *const *)a)->id,
		(*(const struct fg_container *const *)b)->id);
}

static bool is_listed(const struct fg_container **v, size_t n, const char *id)
{
	struct fg_container key;
	const struct fg_container *kp = &key;

	snprintf(key.id, sizeof(key.id), "%s", id);
	return n > 0 && bsearch(&kp, v, n, sizeof(*v), by_id) != NULL;
}

static void find_gone(struct follower *f, const struct fg_container **listed, size_t n, int *found)
{
	for (size_t i = 0; i < f->seen.n; i++) {
		struct seen *s = f->seen.v[i];

		if (s->gone || is_listed(listed, n, s->id))
			continue;
		compare_gone(f, s);
		++*found;
	}
}

/* Meanwhile nobody reads the stream. */
static int list_bounded(struct follower *f, struct fg_containers *list, struct fg_err *err)
{
	int64_t before = fg_task_deadline(FG_NEVER), most = fg_now_ms() + LIST_MS;
	int rc;

	fg_task_deadline(before < most ? before : most);
	rc = fg_container_list(f->host->engine, NULL, list, err);
	fg_task_deadline(before);
	return rc;
}

/* Whether any of them was there before. */
static bool any_known(const struct follower *f, const struct fg_containers *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (seen_find(&f->seen, list->v[i].id))
			return true;
	return false;
}

/* What a list shows is gone with it: of those that are to be inspected only the ids stay, for of
 * all hosts together there are many that wait. */
struct due {
	char (*ids)[FG_ID_SIZE];
	size_t n;
};

static int due_list(struct follower *f, bool full, struct due *due, int *found, struct fg_err *err)
{
	cleanup_containers struct fg_containers list = {0};
	cleanup_free const struct fg_container **v = NULL;

	if (list_bounded(f, &list, err) < 0)
		return -1;
	if (f->elsewhere && !any_known(f, &list)) /* it is another engine */
		f->silent = true;
	v = fg_alloc((list.n + 1) * sizeof(*v));
	due->ids = fg_alloc((list.n + 1) * sizeof(*due->ids));
	for (size_t i = 0; i < list.n; i++)
		v[i] = &list.v[i];
	qsort(v, list.n, sizeof(*v), by_id);
	find_gone(f, v, list.n, found);
	for (size_t i = 0; i < list.n; i++)
		if (full || differs(f, &list.v[i]))
			memcpy(due->ids[due->n++], list.v[i].id, FG_ID_SIZE);
	return 0;
}

static int due_compare(struct follower *f, const struct due *due, int *found, struct fg_err *err)
{
	for (size_t i = 0; i < due->n; i += CHUNK) {
		int at_once = turn_take(err), rc;

		if (at_once < 0)
			return -1;
		rc = compare_chunk(f, due->ids + i, due->n - i < CHUNK ? due->n - i : CHUNK,
			at_once, found, err);
		turn_end();
		if (rc < 0)
			return -1;
	}
	return 0;
}

int compare_all(struct follower *f, bool full, int *found, struct fg_err *err)
{
	struct due due = {0};
	int rc;

	*found = 0;
	rc = due_list(f, full, &due, found, err);
	if (rc == 0)
		rc = due_compare(f, &due, found, err);
	free(due.ids);
	return rc;
}
