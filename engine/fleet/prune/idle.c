/*
 * Activity: counters from sweep to sweep, in memory and in the store.
 */
#include <stdio.h>
#include <string.h>
#include "registry/document.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/docker/exec.h"
#include "fleetgram/docker/stats.h"
#include "prune/idle.h"
#include "prune/idle_exec.h"
#include "registry/registry.h"

#define BUCKETS 256
#define SAMPLES_AT_ONCE 32
#define WINDOW_MS 1000               /* two looks closer than this say little */
#define FORGET_MS (24 * 3600 * 1000) /* in memory; the store knows them longer */
#define FRACTION 10
#define SWEEPS_MOST 3  /* that a window may span */
#define SHORT_MS 60000 /* no window is too long below this: a sweep itself takes a while */

/* Counters as one look found them. */
struct counters {
	int64_t wall_ms;
	int64_t mono_ms; /* 0: they are from the store, and only the wall clock can tell how old */
	uint64_t cpu_ns, net_bytes;
};

struct seen {
	struct fg_list link;
	char *host;
	char id[FG_ID_SIZE];
	struct counters last; /* wall_ms 0: none */
	int64_t used_ms;
	int64_t kept_ms;  /* wall clock: how old the counters in the store are; 0: there are none */
	int64_t execs_ms; /* wall clock: until when the commands that ran in it are known, 0: never
			   */
	int64_t asked_ms; /* monotonic */
	bool measured;    /* the last sweep could tell */
};

struct fg_activity {
	struct fg_registry *registry;
	struct fg_list seen[BUCKETS]; /* by the container's id */
	struct exec_marks *marks;
};

static const char *const steps[] = {
	"CREATE TABLE activity ("
	"	host TEXT NOT NULL,"
	"	container_id TEXT NOT NULL,"
	"	at_ms INTEGER NOT NULL,"
	"	cpu_ns INTEGER NOT NULL,"
	"	net_bytes INTEGER NOT NULL,"
	"	PRIMARY KEY (host, container_id)) WITHOUT ROWID;",
};

struct fg_activity *fg_activity_create(struct fg_registry *registry, struct fg_err *err)
{
	struct fg_activity *activity;

	if (fg_store_migrate(registry->store, "activity", steps, FG_ARRAY_LEN(steps), err) < 0)
		return NULL;
	activity = fg_alloc(sizeof(*activity));
	activity->registry = registry;
	for (size_t i = 0; i < BUCKETS; i++)
		fg_list_init(&activity->seen[i]);
	activity->marks = exec_marks_create();
	return activity;
}

static void seen_destroy(struct seen *s)
{
	fg_list_remove(&s->link);
	free(s->host);
	free(s);
}

static void forget(struct fg_activity *activity, int64_t before_ms)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct seen *s;

		fg_list_each (&activity->seen[i], s, link)
			if (s->asked_ms < before_ms)
				seen_destroy(s);
	}
}

void fg_activity_destroy(struct fg_activity *activity)
{
	if (!activity)
		return;
	forget(activity, INT64_MAX);
	exec_marks_destroy(activity->marks);
	free(activity);
}

void watched_finish(struct watched *w)
{
	free(w->probe);
	w->probe = NULL;
}

static struct fg_list *bucket_of(struct fg_activity *activity, const char *id)
{
	unsigned int hash = 2166136261u;

	for (const char *p = id; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	return &activity->seen[hash % BUCKETS];
}

static struct seen *find(struct fg_activity *activity, const char *host, const char *id)
{
	struct seen *s;

	fg_list_each (bucket_of(activity, id), s, link)
		if (strcmp(s->id, id) == 0 && strcmp(s->host, host) == 0)
			return s;
	return NULL;
}

/* The counters that an earlier run of Fleetgram kept, if any. */
static void recall(struct fg_activity *activity, struct seen *s)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(activity->registry->store, NULL,
		"SELECT at_ms, cpu_ns, net_bytes FROM activity WHERE host = ? AND container_id = ?",
		"ss", s->host, s->id);

	if (!rows || !fg_rows_next(rows))
		return;
	s->kept_ms = fg_rows_i64(rows, 0);
	s->last = (struct counters){
		.wall_ms = s->kept_ms,
		.cpu_ns = (uint64_t)fg_rows_i64(rows, 1),
		.net_bytes = (uint64_t)fg_rows_i64(rows, 2),
	};
}

static struct seen *find_or_recall(struct fg_activity *activity, const char *host, const char *id)
{
	struct seen *s = find(activity, host, id);

	if (!s) {
		s = fg_alloc(sizeof(*s));
		s->host = fg_strdup(host);
		snprintf(s->id, sizeof(s->id), "%s", id);
		recall(activity, s);
		fg_list_append(bucket_of(activity, id), &s->link);
	}
	s->asked_ms = fg_now_ms();
	return s;
}

int64_t activity_used(struct fg_activity *activity, const char *host, const char *id)
{
	struct seen *s = find(activity, host, id);

	return s ? s->used_ms : 0;
}

int64_t fg_prune_used_ms(struct fg_activity *activity, const struct fg_instance *instance)
{
	int64_t seen = activity_used(activity, instance->host, instance->container_id), ms = 0;

	fg_rfc3339_parse(instance->last_used_at, &ms);
	return seen > ms ? seen : ms;
}

/* What nobody counts may be busy. Nothing runs without having used any CPU. */
static bool is_counted(const struct fg_sample *sample)
{
	return sample->counted && sample->cpu_ns > 0;
}

static struct counters counters_of(const struct fg_sample *sample)
{
	return (struct counters){
		.wall_ms = fg_wall_ms() - (fg_now_ms() - sample->taken_ms),
		.mono_ms = sample->taken_ms,
		.cpu_ns = sample->cpu_ns,
		.net_bytes = sample->rx_bytes + sample->tx_bytes,
	};
}

enum judgement { UNKNOWN, TOO_LATE, TOO_EARLY, QUIET, LOUD };

/* The longest window that an average says something about: over one of days, such as after a pause
 * of Fleetgram's, half an hour of use an hour ago would count for nothing. */
static int64_t longest(const struct fg_prune_rules *rules, int64_t every_ms)
{
	int64_t sweeps = every_ms < INT64_MAX / SWEEPS_MOST ? every_ms * SWEEPS_MOST : INT64_MAX;
	int64_t ms = rules->idle_ms / FRACTION;

	if (ms < sweeps)
		ms = sweeps;
	return ms > SHORT_MS ? ms : SHORT_MS;
}

/* The average between two looks. Counters that went down began anew with the container. */
static enum judgement judge(const struct counters *before, const struct counters *now,
	const struct fg_prune_rules *rules, int64_t every_ms)
{
	int64_t ms =
		before->mono_ms ? now->mono_ms - before->mono_ms : now->wall_ms - before->wall_ms;
	double seconds = (double)ms / 1000;

	if (!before->wall_ms || now->cpu_ns < before->cpu_ns || now->net_bytes < before->net_bytes)
		return UNKNOWN;
	if (ms < WINDOW_MS)
		return TOO_EARLY;
	/* what is above the average of a long window was used all the more */
	if ((double)(now->cpu_ns - before->cpu_ns) / 1e7 > rules->quiet.cpu_percent * seconds)
		return LOUD;
	if ((double)(now->net_bytes - before->net_bytes) >
		(double)rules->quiet.bytes_per_second * seconds)
		return LOUD;
	return ms > longest(rules, every_ms) ? TOO_LATE : QUIET;
}

/* A sample of one, taken beside the others. */
struct sampling {
	struct fg_activity *activity;
	struct watched *w;
	bool sweep;
};

static void take(struct sampling *s, const struct fg_sample *sample)
{
	struct fg_prune_subject *subject = &s->w->subject;
	struct seen *seen = find_or_recall(s->activity, s->w->item->host->name, s->w->item->c.id);
	struct counters now = counters_of(sample);
	enum judgement word = judge(&seen->last, &now, &s->w->rules, subject->every_ms);

	subject->measured = word == QUIET || word == LOUD || (word == TOO_EARLY && seen->measured);
	if (word == LOUD && now.wall_ms > seen->used_ms)
		seen->used_ms = now.wall_ms;
	/* a first look counts in any case: without it there could be no second; where too much time
	 * has passed, a sweep begins anew and the next one decides */
	if (word == UNKNOWN || (s->sweep && word != TOO_EARLY)) {
		seen->last = now;
		seen->measured = word == QUIET || word == LOUD;
	}
	if (seen->used_ms > subject->used_ms)
		subject->used_ms = seen->used_ms;
}

static void sample_run(void *arg)
{
	struct sampling *s = arg;
	struct fg_host *host = s->w->item->host;
	struct fg_sample sample;
	struct fg_err err;

	s->w->subject.measured = false;
	if (fg_stats_sample(host->engine, s->w->item->c.id, &sample, &err) < 0) {
		fg_host_note(host, &err);
		fg_debug("no counters of %s on %s: %s", s->w->item->c.name, host->name, err.text);
		return;
	}
	fg_host_note(host, NULL);
	if (is_counted(&sample))
		take(s, &sample);
}

static int sample_all(struct fg_activity *activity, struct watched *const *v, size_t n, bool sweep,
	struct fg_err *err)
{
	cleanup_free struct sampling *samplings = fg_alloc((n + 1) * sizeof(*samplings));
	struct fg_group group;
	int rc = 0;

	fg_group_init(&group, SAMPLES_AT_ONCE);
	for (size_t i = 0; i < n && rc == 0; i++) {
		samplings[i] = (struct sampling){activity, v[i], sweep};
		if (v[i]->subject.up)
			rc = fg_group_go(
				&group, "counters of an instance", sample_run, &samplings[i], err);
	}
	if (fg_group_wait(&group, FG_NEVER, err) < 0)
		rc = -1;
	return rc;
}

int activity_look(struct fg_activity *activity, struct watched *const *v, size_t n, bool sweep,
	struct fg_err *err)
{
	if (sample_all(activity, v, n, sweep, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct seen *seen = find(activity, v[i]->item->host->name, v[i]->item->c.id);

		v[i]->execs_ms = seen ? seen->execs_ms : 0;
	}
	if (exec_marks_look(activity->marks, v, n, sweep, err) < 0)
		return -1;
	/* what ran in it is remembered as well: the engine may have forgotten it by the next time
	 */
	for (size_t i = 0; i < n; i++) {
		struct seen *seen = find(activity, v[i]->item->host->name, v[i]->item->c.id);

		if (seen)
			seen->execs_ms = v[i]->execs_ms;
		if (seen && v[i]->subject.used_ms > seen->used_ms &&
			v[i]->subject.used_ms > v[i]->stored_ms)
			seen->used_ms = v[i]->subject.used_ms;
	}
	if (fg_task_canceled())
		return fg_fail(err, FG_ECANCELED, "canceled");
	return 0;
}

void activity_inspected(struct fg_host *host, const struct fg_container_info *info,
	struct fg_prune_subject *subject)
{
	bool up = strcmp(info->state, "running") == 0 || strcmp(info->state, "paused") == 0;
	int64_t used = up ? 0 : info->finished_ms;

	/* started again by the engine itself is no use */
	if (up && info->restart_count == 0)
		used = info->started_ms;
	if (up && exec_running(host, info))
		used = subject->now_ms;
	/* clocks differ */
	if (used > subject->now_ms)
		used = subject->now_ms;
	if (used > subject->used_ms)
		subject->used_ms = used;
}

enum activity_now activity_glance(struct fg_activity *activity, struct fg_host *host,
	const char *id, const struct fg_prune_rules *rules, int64_t every_ms)
{
	struct seen *seen;
	struct fg_sample sample;
	struct counters now;
	enum judgement word;

	if (fg_stats_sample(host->engine, id, &sample, NULL) < 0 || !is_counted(&sample))
		return ACTIVITY_UNKNOWN;
	seen = find(activity, host->name, id);
	if (!seen)
		return ACTIVITY_UNKNOWN;
	now = counters_of(&sample);
	word = judge(&seen->last, &now, rules, every_ms);
	if (word == LOUD) {
		seen->used_ms = now.wall_ms;
		return ACTIVITY_BUSY;
	}
	return word == QUIET || (word == TOO_EARLY && seen->measured) ? ACTIVITY_QUIET
								      : ACTIVITY_UNKNOWN;
}

/* Keeping */

static int64_t fraction(const struct watched *w)
{
	int64_t threshold = w->rules.idle_ms > 0 ? w->rules.idle_ms : w->subject.every_ms;

	return threshold / FRACTION;
}

static bool change_used(cJSON *doc, void *arg)
{
	const struct watched *w = arg;
	char time[FG_RFC3339];
	int64_t now = 0;

	/* somebody may have used it since it was read */
	if (fg_rfc3339_parse(fg_json_str(doc, "last_used_at", ""), &now) == 0 &&
		now >= w->subject.used_ms)
		return false;
	return document_set(doc, "last_used_at", fg_rfc3339(time, w->subject.used_ms));
}

static int keep_counters(struct fg_tx *tx, const struct seen *seen, struct fg_err *err)
{
	return fg_tx_exec(tx, err,
		       "INSERT INTO activity (host, container_id, at_ms, cpu_ns, net_bytes) "
		       "VALUES (?, ?, ?, ?, ?) ON CONFLICT (host, container_id) DO UPDATE SET "
		       "at_ms = excluded.at_ms, cpu_ns = excluded.cpu_ns, "
		       "net_bytes = excluded.net_bytes",
		       "ssiii", seen->host, seen->id, seen->last.wall_ms,
		       (int64_t)seen->last.cpu_ns, (int64_t)seen->last.net_bytes) < 0
		       ? -1
		       : 0;
}

/* Those that are no instances any more. */
static int drop_strangers(struct fg_tx *tx, struct fg_err *err)
{
	return fg_tx_exec(tx, err,
		       "DELETE FROM activity WHERE NOT EXISTS (SELECT 1 FROM instances AS i "
		       "WHERE i.host = activity.host AND i.container_id = activity.container_id)",
		       "") < 0
		       ? -1
		       : 0;
}

int activity_keep(
	struct fg_activity *activity, struct watched *const *v, size_t n, struct fg_err *err)
{
	cleanup_free struct seen **due = fg_alloc((n + 1) * sizeof(*due));
	cleanup_tx struct fg_tx tx = {0};
	size_t i, wanted = 0, added = 0;

	forget(activity, fg_now_ms() - FORGET_MS);
	for (i = 0; i < n; i++) {
		struct seen *seen = find(activity, v[i]->item->host->name, v[i]->item->c.id);

		if (seen && seen->last.wall_ms - seen->kept_ms >= fraction(v[i])) {
			due[i] = seen;
			wanted++;
			added += seen->kept_ms == 0;
		}
		if (v[i]->subject.used_ms - v[i]->stored_ms > fraction(v[i]) &&
			!fg_prune_takes(v[i]->reason))
			wanted++;
	}
	if (!wanted)
		return 0;
	if (fg_tx_begin(activity->registry->store, &tx, err) < 0)
		return -1;
	for (i = 0; i < n; i++) {
		if (due[i] && keep_counters(&tx, due[i], err) < 0)
			return -1;
		if (v[i]->subject.used_ms - v[i]->stored_ms > fraction(v[i]) &&
			!fg_prune_takes(v[i]->reason) &&
			registry_edit(&tx, v[i]->item->host->name, v[i]->item->c.id, NULL,
				change_used, v[i], err) < 0)
			return -1;
	}
	if (added && drop_strangers(&tx, err) < 0)
		return -1;
	if (fg_tx_commit(&tx, err) < 0)
		return -1;
	for (i = 0; i < n; i++) {
		struct seen *seen =
			due[i] ? find(activity, v[i]->item->host->name, v[i]->item->c.id) : NULL;

		if (seen)
			seen->kept_ms = seen->last.wall_ms;
	}
	return 0;
}
