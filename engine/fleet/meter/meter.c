/*
 * The meter: rounds over the containers of each host.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/docker/stats.h"
#include "fleetgram/fleet/meter.h"
#include "host.h"
#include "known.h"

#define PROBE_MS 10000 /* one container's answer */
#define LATE_MOST 2    /* time-outs in a row: it is not the container, it is the host */
#define WINDOW_FIRST 4 /* calls at a time to a host that is not known to be quick */
#define LIMITS_MS \
	((int64_t)5 * 60 * 1000) /* how old may be what is known of a container's limits */

struct entry {
	char *packed; /* the container (known.h), its id first: unpacked there are ten times as many
			 bytes */
	struct fg_sample last;
	int64_t limits_ms; /* monotonic: when the limits were asked for; 0: never */
	int64_t memory;    /* its limits; 0: none */
	double cpus;
};

/* A host and its containers, by id. */
struct lane {
	struct fg_list link;
	struct fg_meter *meter;
	struct fg_fleet *fleet;
	struct fg_host *host;
	struct fg_task *task;
	struct entry *v;
	size_t n;
	struct fg_group group; /* its limit grows with each answer, and is one after a time-out */
	int late;              /* time-outs since the last answer */
	bool broken;           /* this round ends: the host does not answer */
	bool warned;           /* of too many containers */
};

struct fg_meter {
	struct fg_list users, lanes;
	struct fg_cond changed; /* the users */
	struct fg_cond free;    /* a place for a call */
	int calls;
};

struct probe {
	struct lane *lane;
	struct entry *entry;
};

struct fg_meter *fg_meter_create(void)
{
	struct fg_meter *meter = fg_alloc(sizeof(*meter));

	fg_list_init(&meter->users);
	fg_list_init(&meter->lanes);
	fg_cond_init(&meter->changed);
	fg_cond_init(&meter->free);
	return meter;
}

void fg_meter_destroy(struct fg_meter *meter)
{
	free(meter);
}

void fg_meter_add(struct fg_meter *meter, struct fg_meter_user *user)
{
	fg_list_append(&meter->users, &user->link);
	fg_cond_broadcast(&meter->changed);
}

void fg_meter_remove(struct fg_meter *meter, struct fg_meter_user *user)
{
	if (!user->link.next)
		return;
	fg_list_remove(&user->link);
	fg_cond_broadcast(&meter->changed);
}

/* How often the most eager user wants them; FG_NEVER: there is none. */
static int64_t interval(const struct fg_meter *meter)
{
	struct fg_meter_user *user;
	int64_t least = FG_NEVER;

	fg_list_each (&meter->users, user, link)
		least = user->every_ms < least ? user->every_ms : least;
	return least < FG_METER_LEAST_MS ? FG_METER_LEAST_MS : least;
}

/* Entries */

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->packed, y->packed);
}

static void entries_finish(struct entry *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].packed);
	free(v);
}

static struct entry *find(const struct lane *lane, const char *id)
{
	struct entry key = {.packed = (char *)id};

	if (lane->n == 0)
		return NULL;
	return bsearch(&key, lane->v, lane->n, sizeof(*lane->v), compare);
}

static bool has_counters(const struct fg_container *c)
{
	return strcmp(c->state, "running") == 0 || strcmp(c->state, "paused") == 0;
}

/* What the host runs now takes the place of what it ran before; samples stay with their
 * containers. */
static void take_list(struct lane *lane, const struct fg_containers *list)
{
	struct entry *v = fg_alloc((list->n + 1) * sizeof(*v));
	size_t n = 0, i;

	for (i = 0; i < list->n && n < FG_METER_MOST; i++) {
		if (!has_counters(&list->v[i]))
			continue;
		v[n++].packed = known_pack(&list->v[i]);
	}
	if (i < list->n && !lane->warned)
		fg_warn("host %s has more than %d containers: the others are not measured",
			lane->host->name, FG_METER_MOST);
	lane->warned = i < list->n;
	qsort(v, n, sizeof(*v), compare);
	for (i = 0; i < n; i++) {
		const struct entry *before = find(lane, v[i].packed);

		if (!before)
			continue;
		v[i].last = before->last;
		v[i].limits_ms = before->limits_ms;
		v[i].memory = before->memory;
		v[i].cpus = before->cpus;
	}
	entries_finish(lane->v, lane->n);
	lane->v = v;
	lane->n = n;
}

bool fg_meter_runs(const struct fg_meter *meter, const struct fg_host *host, const char *id)
{
	struct lane *lane;

	fg_list_each (&meter->lanes, lane, link)
		if (lane->host == host)
			return find(lane, id) != NULL;
	return false;
}

/* Calls */

/* Limits change rarely, and an inspect says them: asked for at first, when the memory's has visibly
 * changed, and now and then. -1: not known yet. */
static int learn_limits(struct fg_engine *engine, struct entry *e, const struct fg_sample *sample,
	struct fg_err *err)
{
	cleanup_info struct fg_container_info info = {0};
	const cJSON *config;
	int64_t now = fg_now_ms(), quota, period;

	if (e->limits_ms && now - e->limits_ms < LIMITS_MS &&
		(!e->last.running || e->last.memory_limit == sample->memory_limit))
		return 0;
	if (fg_container_inspect(engine, e->packed, &info, err) < 0)
		return e->limits_ms ? 0 : -1;
	config = fg_json_object(info.raw, "HostConfig");
	quota = fg_json_i64(config, "CpuQuota", 0);
	period = fg_json_i64(config, "CpuPeriod", 0);
	e->cpus = (double)info.nano_cpus / 1e9;
	if (info.nano_cpus <= 0)
		e->cpus = quota > 0 ? (double)quota / (double)(period > 0 ? period : 100000) : 0;
	e->memory = info.memory;
	e->limits_ms = now;
	return 0;
}

static void hand_out(struct lane *lane, struct entry *e, const struct fg_sample *sample)
{
	struct fg_item item = {.host = lane->host};
	struct fg_reading r = {
		.item = &item,
		.taken_ms = sample->taken_ms,
		.at_ms = fg_wall_ms(),
		.cpus = e->cpus > 0 && e->cpus < sample->online_cpus ? e->cpus
								     : sample->online_cpus,
		.memory_bytes = sample->memory_bytes,
		.memory_limit = sample->memory_limit,
		.memory_limited = e->memory > 0,
		.pids = sample->pids,
	};
	struct fg_meter_user *user;
	struct fg_usage usage;
	r.rates = fg_stats_usage(&e->last, sample, &usage);
	if (r.rates) {
		r.cpu_percent = usage.cpu_percent;
		r.rx_rate = usage.rx_rate;
		r.tx_rate = usage.tx_rate;
	}
	if (r.memory_limited && (!r.memory_limit || (uint64_t)e->memory < r.memory_limit))
		r.memory_limit = (uint64_t)e->memory;
	e->last = *sample;
	known_unpack(e->packed, &item.c);
	fg_list_each (&lane->meter->users, user, link)
		user->reading(&r, user->arg);
	fg_container_finish(&item.c);
}

/* A time-out may be the fault of one container, and yet the host gets a single call at a time until
 * it answers again. */
static void note(struct lane *lane, const struct fg_err *err)
{
	struct fg_group *group = &lane->group;

	fg_host_note(lane->host, err);
	if (err && host_is_dead(err)) {
		group->limit = 1;
		lane->late++;
		lane->broken = err->code != FG_ETIMEOUT || lane->late >= LATE_MOST;
	} else if (!err || err->code != FG_ECANCELED) {
		lane->late = 0;
		if (group->limit < FG_METER_HOST_CALLS)
			group->limit++;
	}
}

/*
 * A place for a call, of the host's and of all. Taken before there is a task for the call: of a
 * hundred hosts whose containers all wait for their turn each has a single task that waits.
 */
static bool place_take(struct lane *lane)
{
	struct fg_meter *meter = lane->meter;

	while (fg_group_room(&lane->group, NULL) == 0 && !lane->broken) {
		if (meter->calls < FG_METER_CALLS) {
			meter->calls++;
			return true;
		}
		if (fg_cond_wait(&meter->free, "a place to measure a container", FG_NEVER, NULL) <
			0)
			return false;
		/* who was woken and takes no place passes it on */
		if (lane->broken || fg_task_canceled() || lane->group.running >= lane->group.limit)
			fg_cond_signal(&meter->free);
	}
	return false;
}

static void place_give(struct fg_meter *meter)
{
	meter->calls--;
	fg_cond_signal(&meter->free);
}

static void probe_run(void *arg)
{
	struct probe *p = arg;
	struct lane *lane = p->lane;
	struct fg_meter *meter = lane->meter;
	struct entry *e = p->entry;
	struct fg_sample sample;
	struct fg_err err;
	int rc;

	free(p);
	fg_task_deadline(fg_now_ms() + PROBE_MS);
	rc = fg_stats_sample(lane->host->engine, e->packed, &sample, &err);
	if (rc == 0 && sample.counted)
		rc = learn_limits(lane->host->engine, e, &sample, &err);
	place_give(meter);
	note(lane, rc < 0 ? &err : NULL);
	if (rc == 0 && sample.counted)
		hand_out(lane, e, &sample);
}

/* Rounds */

static bool wanted(const struct lane *lane)
{
	return !fg_list_empty(&lane->meter->users) && !fg_task_canceled();
}

/* Until part/whole of an interval has passed since then, whatever the interval is by then. False:
 * nobody wants readings any more. */
static bool pause_until(struct lane *lane, int64_t since_ms, size_t part, size_t whole)
{
	while (wanted(lane)) {
		double share = (double)part / (double)whole;
		int64_t due = since_ms + (int64_t)((double)interval(lane->meter) * share);

		if (fg_now_ms() >= due)
			return true;
		fg_cond_wait(&lane->meter->changed, "the next container to measure", due, NULL);
	}
	return false;
}

static int list_now(struct lane *lane)
{
	cleanup_containers struct fg_containers list = {0};
	struct fg_err err;
	int rc;

	if (host_ready(lane->host, NULL) < 0)
		return -1;
	rc = fg_container_list(lane->host->engine, NULL, &list, &err);
	fg_host_note(lane->host, rc < 0 ? &err : NULL);
	if (rc == 0)
		take_list(lane, &list);
	return rc;
}

static void round_run(struct lane *lane, int64_t since_ms)
{
	struct fg_meter_user *user;
	bool whole = true;

	lane->broken = false;
	lane->late = 0;
	if (list_now(lane) < 0)
		return;
	for (size_t i = 0; i < lane->n && whole; i++) {
		struct probe *p;

		whole = pause_until(lane, since_ms, i, lane->n) && place_take(lane);
		if (!whole)
			break;
		p = fg_alloc(sizeof(*p));
		*p = (struct probe){lane, &lane->v[i]};
		/* there is room: it cannot fail */
		fg_group_go(&lane->group, "measuring a container", probe_run, p, NULL);
	}
	fg_group_wait(&lane->group, FG_NEVER, NULL);
	if (!whole || lane->broken || !wanted(lane))
		return;
	fg_list_each (&lane->meter->users, user, link)
		if (user->round)
			user->round(lane->host, user->arg);
}

static void lane_run(void *arg)
{
	struct lane *lane = arg;
	struct fg_cond *changed = &lane->meter->changed;

	while (!fg_task_canceled()) {
		int64_t since = fg_now_ms();

		if (!wanted(lane)) {
			fg_cond_wait(changed, "somebody to want readings", FG_NEVER, NULL);
			continue;
		}
		round_run(lane, since);
		pause_until(lane, since, 1, 1);
	}
}

void fg_meter_follow(struct fg_meter *meter, struct fg_fleet *fleet)
{
	int64_t before;

	fg_meter_stop(meter);
	before = fg_task_deadline(FG_NEVER); /* the tasks would begin with the caller's */
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		struct lane *lane = fg_alloc(sizeof(*lane));
		cleanup_free char *name = NULL;

		lane->meter = meter;
		lane->fleet = fg_fleet_ref(fleet);
		lane->host = fg_fleet_host(fleet, i);
		fg_group_init(&lane->group, WINDOW_FIRST);
		fg_list_append(&meter->lanes, &lane->link);
		name = fg_printf("meter %s", lane->host->name);
		lane->task = fg_task_spawn(name, lane_run, lane);
	}
	fg_task_deadline(before);
}

void fg_meter_stop(struct fg_meter *meter)
{
	struct lane *lane;

	fg_list_each (&meter->lanes, lane, link)
		fg_task_cancel(lane->task);
	while (!fg_list_empty(&meter->lanes)) {
		lane = fg_list_first(&meter->lanes, struct lane, link);
		fg_task_join(lane->task);
		fg_list_remove(&lane->link);
		entries_finish(lane->v, lane->n);
		fg_fleet_unref(lane->fleet);
		free(lane);
	}
}
