/*
 * Usage over many containers: each host's samples in a lane of their own, so that a slow host costs
 * the others nothing.
 */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/usage.h"
#include "host.h"

#define BUCKETS 256
#define USAGE_AT_ONCE 64 /* calls over all hosts: some engines let each wait for a shared tick */
#define KEEP_MS (5 * 60 * 1000)
#define FRESH_MS 500  /* two samples closer than this say little */
#define APART_MS 1000 /* between the two samples of a first look */

/* The last sample of a container. Ids are unique over all engines. */
struct known {
	struct fg_list link;
	char id[FG_ID_SIZE];
	struct fg_sample sample;
};

struct fg_usage_cache {
	struct fg_list buckets[BUCKETS];
};

struct fg_usage_cache *fg_usage_cache_create(void)
{
	struct fg_usage_cache *cache = fg_alloc(sizeof(*cache));

	for (size_t i = 0; i < BUCKETS; i++)
		fg_list_init(&cache->buckets[i]);
	return cache;
}

static void cache_expire(struct fg_usage_cache *cache, int64_t before_ms)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct known *k;

		fg_list_each (&cache->buckets[i], k, link) {
			if (k->sample.taken_ms >= before_ms)
				continue;
			fg_list_remove(&k->link);
			free(k);
		}
	}
}

void fg_usage_cache_destroy(struct fg_usage_cache *cache)
{
	if (!cache)
		return;
	cache_expire(cache, INT64_MAX);
	free(cache);
}

static struct known *cache_find(struct fg_usage_cache *cache, const char *id, bool make)
{
	unsigned int hash = 2166136261u;
	struct known *k;
	struct fg_list *bucket;

	for (const char *p = id; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	bucket = &cache->buckets[hash % BUCKETS];
	fg_list_each (bucket, k, link) {
		if (strcmp(k->id, id) == 0)
			return k;
	}
	if (!make)
		return NULL;
	k = fg_alloc(sizeof(*k));
	strncpy(k->id, id, sizeof(k->id) - 1);
	fg_list_append(bucket, &k->link);
	return k;
}

/* The containers of one host. */
struct lane {
	struct fg_usage_cache *cache;
	struct fg_host *host;
	struct probe *probes; /* of all lanes; a lane's own are those that name it */
	size_t n;
	int limit;
	int64_t timeout_ms;
	bool dead; /* the host does not answer: what is left need not ask */
	struct fg_err why;
};

struct probe {
	struct lane *lane;
	const char *id;
	struct fg_measure *out;
	bool wanted; /* a sample, or another one for its rates */
};

static void probe_take(struct probe *p, const struct fg_sample *sample)
{
	struct known *before = cache_find(p->lane->cache, p->id, false);

	p->out->ok = true;
	p->out->sample = *sample;
	p->wanted = false;
	if (!sample->counted)
		return;
	if (before && sample->taken_ms - before->sample.taken_ms < FRESH_MS) {
		/* The older one stays, so that the next is far enough from it. */
		p->wanted = true;
		return;
	}
	p->out->rates = before && fg_stats_usage(&before->sample, sample, &p->out->usage);
	p->wanted = !p->out->rates;
	if (!before)
		before = cache_find(p->lane->cache, p->id, true);
	before->sample = *sample;
}

static void probe_run(void *arg)
{
	struct probe *p = arg;
	struct lane *lane = p->lane;
	struct fg_sample sample;
	struct fg_err err;

	if (lane->dead) {
		p->out->err = lane->why;
		return;
	}
	if (fg_stats_sample(lane->host->engine, p->id, &sample, &err) >= 0) {
		host_mark(lane->host, NULL);
		probe_take(p, &sample);
		return;
	}
	/* One time-out says nothing about the others, which run beside it. */
	fg_host_note(lane->host, &err);
	if (host_is_dead(&err) && err.code != FG_ETIMEOUT) {
		lane->dead = true;
		lane->why = err;
	}
	p->out->err = err;
}

/* Sample those that want it side by side, within the time. The tasks begin with this one's
 * deadline. */
static void lane_pass(struct lane *lane, size_t count)
{
	int64_t before = fg_task_deadline(fg_now_ms() + lane->timeout_ms);
	struct fg_group group;

	fg_group_init(&group, lane->limit);
	for (size_t i = 0; i < count; i++) {
		struct probe *p = &lane->probes[i];

		if (p->lane == lane && p->wanted &&
			fg_group_go(&group, "usage of a container", probe_run, p, NULL) < 0)
			break;
	}
	fg_task_deadline(before);
	fg_group_wait(&group, FG_NEVER, NULL);
}

static void lane_run(void *arg)
{
	struct lane *lane = arg;
	size_t wanted = 0, i;

	lane->dead = host_ready(lane->host, &lane->why) < 0;
	lane_pass(lane, lane->n);
	for (i = 0; i < lane->n; i++)
		if (lane->probes[i].lane == lane && lane->probes[i].wanted &&
			lane->probes[i].out->ok)
			wanted++;
	if (wanted == 0 || lane->dead || fg_task_sleep(APART_MS, NULL) < 0)
		return;
	for (i = 0; i < lane->n; i++)
		if (lane->probes[i].lane == lane && !lane->probes[i].out->ok)
			lane->probes[i].wanted = false;
	lane_pass(lane, lane->n);
}

static struct lane *lane_of(struct lane *lanes, size_t *count, struct fg_host *host)
{
	for (size_t i = 0; i < *count; i++)
		if (lanes[i].host == host)
			return &lanes[i];
	lanes[*count].host = host;
	return &lanes[(*count)++];
}

static bool has_counters(const struct fg_item *item)
{
	return strcmp(item->c.state, "running") == 0 || strcmp(item->c.state, "paused") == 0;
}

int fg_usage_measure(struct fg_usage_cache *cache, const struct fg_item *const *items, size_t n,
	int64_t timeout_ms, struct fg_measure *out, struct fg_err *err)
{
	cleanup_free struct probe *probes = fg_alloc((n + 1) * sizeof(*probes));
	cleanup_free struct lane *lanes = fg_alloc((n + 1) * sizeof(*lanes));
	size_t count = 0, i;
	struct fg_group group;
	int rc = 0;

	cache_expire(cache, fg_now_ms() - KEEP_MS);
	for (i = 0; i < n; i++) {
		memset(&out[i], 0, sizeof(out[i]));
		out[i].ok = !has_counters(items[i]);
		probes[i].id = items[i]->c.id;
		probes[i].out = &out[i];
		probes[i].wanted = !out[i].ok;
		if (!probes[i].wanted)
			continue;
		fg_fail(&out[i].err, FG_ETIMEOUT, "no answer in time");
		probes[i].lane = lane_of(lanes, &count, items[i]->host);
	}
	fg_group_init(&group, USAGE_AT_ONCE);
	for (i = 0; i < count && rc == 0; i++) {
		lanes[i].cache = cache;
		lanes[i].probes = probes;
		lanes[i].n = n;
		lanes[i].timeout_ms = timeout_ms;
		lanes[i].limit = count < USAGE_AT_ONCE ? USAGE_AT_ONCE / (int)count : 1;
		rc = fg_group_go(&group, "usage of a host", lane_run, &lanes[i], err);
	}
	if (fg_group_wait(&group, FG_NEVER, err) < 0)
		rc = -1;
	if (rc == 0 && fg_task_canceled())
		rc = fg_fail(err, FG_ECANCELED, "canceled");
	return rc;
}
