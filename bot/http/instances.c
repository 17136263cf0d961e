/* The registry's instances beside their containers, and since when those run. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/drift.h"
#include "http/picture.h"
#include "http/rules.h"

#define INSPECTED_AT_ONCE 8
#define JOINED_AT_ONCE 256
/* Engines' clocks are not ours. */
#define UPTIME_SLACK_MS 2000

/* Containers by a key (their id, or the instance they say they are) and host, sorted. */
struct entry {
	const char *key, *host;
	struct fg_container *c;
};

struct index {
	struct entry *v;
	size_t n;
};

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : strcmp(x->host, y->host);
}

static struct fg_container *index_find(const struct index *index, const char *host, const char *key)
{
	struct entry wanted = {key, host, NULL}, *found;

	if (!*key || index->n == 0)
		return NULL;
	found = bsearch(&wanted, index->v, index->n, sizeof(*index->v), by_key);
	return found ? found->c : NULL;
}

static const char *id_of(const struct fg_container *c)
{
	return c->id;
}

static const char *instance_of(const struct fg_container *c)
{
	return fg_container_label(c, FG_LABEL_INSTANCE);
}

static void index_build(struct index *index, struct picture_host *hosts, size_t count,
	const char *(*key)(const struct fg_container *c))
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += hosts[i].list.n;
	index->n = 0;
	index->v = fg_alloc((total + 1) * sizeof(*index->v));
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < hosts[i].list.n; k++) {
			struct fg_container *c = &hosts[i].list.v[k];

			if (key(c))
				index->v[index->n++] =
					(struct entry){key(c), hosts[i].host->name, c};
		}
	qsort(index->v, index->n, sizeof(*index->v), by_key);
}

static const struct health_instance *instance_before(
	const struct health_picture *before, const char *host, const char *name)
{
	size_t low = 0, high = before ? before->instance_count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct health_instance *it = &before->instances[middle];
		int order = strcmp(name, it->name);

		if (order == 0)
			order = strcmp(host, it->host);
		if (order == 0)
			return it;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void fill_limits(struct health_instance *to, const cJSON *doc)
{
	const cJSON *limits = fg_json_object(doc, "limits");

	if (!limits)
		limits = fg_json_object(fg_json_object(doc, "spec"), "limits");
	to->cpus = fg_json_double(limits, "cpus", fg_json_double(limits, "nano_cpus", 0) / 1e9);
	to->memory = fg_json_i64(limits, "memory", 0);
	to->pids = fg_json_i64(limits, "pids", 0);
}

/* What its document says. */
static void fill_registered(struct health_instance *to, const struct fg_instance *from)
{
	to->template = fg_strdup(from->template);
	to->image = fg_strdup(from->image);
	to->created_at = fg_strdup(from->created_at);
	to->last_used_at = fg_strdup(from->last_used_at);
	fill_limits(to, from->doc);
}

/* The same, from the picture in which it was read. */
static void recall_registered(struct health_instance *to, const struct health_instance *last)
{
	to->template = fg_strdup(last->template);
	to->image = fg_strdup(last->image);
	to->created_at = fg_strdup(last->created_at);
	to->last_used_at = fg_strdup(last->last_used_at);
	to->cpus = last->cpus;
	to->memory = last->memory;
	to->pids = last->pids;
	to->config = last->config;
}

/* What its container says; status is looked at by the caller while the list is there. */
static void fill_live(struct health_instance *to, const struct fg_container *c)
{
	free(to->container_id);
	to->container_id = fg_strdup(c->id);
	snprintf(to->state, sizeof(to->state), "%s", c->state);
	if (c->health[0])
		snprintf(to->health, sizeof(to->health), "%s", c->health);
	if (!to->image[0]) {
		free(to->image);
		to->image = fg_strdup(c->image);
	}
	to->labels = cJSON_Duplicate(c->labels, true);
}

static bool has_uptime(const struct health_instance *instance)
{
	return strcmp(instance->state, "running") == 0 || strcmp(instance->state, "paused") == 0;
}

/* Known from the last picture, unless the container was replaced or restarted since. */
static void recall_start(struct health_instance *to, const struct health_instance *last,
	const struct fg_container *c)
{
	int64_t longest = rules_longest_uptime(c->status);

	if (!last || last->started_ms == 0 || longest < 0 ||
		strcmp(last->container_id, to->container_id) != 0)
		return;
	if (fg_wall_ms() - last->started_ms <= longest + UPTIME_SLACK_MS)
		to->started_ms = last->started_ms;
}

struct inspect {
	struct fg_engine *engine;
	struct health_instance *instance;
};

static void inspect_one(void *arg)
{
	struct inspect *inspect = arg;
	cleanup_info struct fg_container_info info = {0};

	if (fg_container_inspect(inspect->engine, inspect->instance->container_id, &info, NULL) >=
		0)
		inspect->instance->started_ms = info.started_ms;
}

/* Ask since when those run that are new or were restarted. What does not come in time is unknown
 * until the next picture. */
static int inspect_starts(
	struct picture_host *hosts, size_t count, struct health_picture *out, struct fg_err *err)
{
	cleanup_free struct inspect *asks = fg_alloc((out->instance_count + 1) * sizeof(*asks));
	int64_t before = fg_task_deadline(fg_now_ms() + HEALTH_PATIENCE_MS);
	struct fg_group group;

	fg_group_init(&group, INSPECTED_AT_ONCE);
	for (size_t i = 0; i < out->instance_count; i++) {
		struct health_instance *it = &out->instances[i];

		if (!it->known || !has_uptime(it) || it->started_ms != 0)
			continue;
		for (size_t k = 0; k < count; k++)
			if (strcmp(hosts[k].host->name, it->host) == 0)
				asks[i] = (struct inspect){hosts[k].host->engine, it};
		if (fg_group_go(&group, "health: inspect", inspect_one, &asks[i], NULL) < 0)
			break;
	}
	fg_group_wait(&group, FG_NEVER, NULL);
	fg_task_deadline(before);
	if (fg_task_canceled())
		return fg_fail(err, FG_ECANCELED, "interrupted while asking the hosts");
	return 0;
}

static const struct picture_host *find_host(
	const struct picture_host *hosts, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(hosts[i].host->name, name) == 0)
			return &hosts[i];
	return NULL;
}

/* A document that had to be read, and whose it is. */
struct reading {
	struct fg_instance row;
	struct health_instance *to;
};

struct join {
	struct fg_registry *registry;
	struct picture_host *hosts;
	size_t count;
	const struct health_picture *before;
	bool same_setup; /* as before */
	struct index by_id, by_label;
	struct reading *readings;
	size_t reading_count;
};

/* Its container, when its host was asked and has it. */
static struct fg_container *join_find(const struct join *j, const struct fg_entry *entry)
{
	struct fg_container *c = index_find(&j->by_id, entry->host, entry->container_id);

	if (!c)
		c = index_find(&j->by_label, entry->host, entry->name);
	/* The label outlives a rename: under another name it is another one's. */
	return c && strcmp(c->name, entry->name) == 0 ? c : NULL;
}

/* A container's labels never change, so that what was worked out from them and from the same
 * document holds as long as the config does. */
static bool is_known(const struct join *j, const struct fg_entry *entry,
	const struct health_instance *last, const struct fg_container *c)
{
	return last && j->same_setup && entry->revision && last->revision == entry->revision &&
	       (!c || (last->labels && strcmp(last->container_id, c->id) == 0));
}

/* One whose document is gone meanwhile or damaged has a name, and what its container says. */
static int join_read(struct join *j, const struct fg_entry *entry, struct health_instance *to,
	struct fg_err *err)
{
	struct reading *reading = &j->readings[j->reading_count];
	int rc = fg_registry_find_name(j->registry, entry->host, entry->name, &reading->row, err);
	static const struct fg_instance none = {
		.template = "", .image = "", .created_at = "", .last_used_at = ""};

	fill_registered(to, rc > 0 ? &reading->row : &none);
	reading->to = to;
	j->reading_count += rc > 0;
	return rc;
}

static int join_one(struct join *j, const struct fg_entry *entry, struct health_instance *to,
	struct fg_err *err)
{
	const struct health_instance *last = instance_before(j->before, entry->host, entry->name);
	const struct picture_host *host = find_host(j->hosts, j->count, entry->host);
	struct fg_container *c = host && host->listed ? join_find(j, entry) : NULL;

	to->name = fg_strdup(entry->name);
	to->host = fg_strdup(entry->host);
	to->container_id = fg_strdup(entry->container_id);
	to->revision = entry->revision;
	to->config = "unknown";
	to->known = !host || host->listed; /* of a host that is none there is nothing to ask */
	snprintf(to->state, sizeof(to->state), "%s", to->known ? "missing" : entry->state);
	snprintf(to->health, sizeof(to->health), "none");
	if (is_known(j, entry, last, c))
		recall_registered(to, last);
	else if (join_read(j, entry, to, err) < 0)
		return -1;
	if (!to->known && last)
		memcpy(to->state, last->state, sizeof(to->state));
	if (!c) {
		to->config = "unknown";
		return 0;
	}
	fill_live(to, c);
	if (has_uptime(to))
		recall_start(to, last, c);
	return 0;
}

/* The work of a thread, for which nothing else touches any of it. */
struct comparison {
	struct fg_today *today;
	struct join *join;
};

static void compare_all(void *arg)
{
	struct comparison *work = arg;

	for (size_t i = 0; i < work->join->reading_count; i++) {
		const struct reading *reading = &work->join->readings[i];
		struct health_instance *it = reading->to;

		/* Of what is missing or out of reach nobody knows. */
		if (it->labels)
			it->config = fg_config_state_name(fg_config_state(
				work->today, &reading->row, it->container_id, it->labels));
	}
}

/* By the hashes alone; what was changed behind Fleetgram's back is for /drift to find. */
static int compare_configs(const struct config *config, struct join *j, struct fg_err *err)
{
	cleanup_today struct fg_today *today = NULL;
	struct comparison work = {.join = j};

	if (j->reading_count == 0)
		return 0;
	work.today = today = fg_today_create(config->templates, config->defaults);
	return fg_task_offload("comparing configs", compare_all, &work, err);
}

/* Reading many documents takes a while: others have their turn in between. */
static int join_all(struct join *j, const struct fg_entries *entries, struct health_picture *out,
	struct fg_err *err)
{
	for (size_t i = 0; i < entries->n; i++) {
		struct health_instance *it = &out->instances[i];

		if (i % JOINED_AT_ONCE == JOINED_AT_ONCE - 1 && fg_task_sleep(0, err) < 0)
			return -1;
		out->instance_count++;
		if (join_one(j, &entries->v[i], it, err) < 0)
			return -1;
		if (it->known)
			rules_count(&out->instance_counts, it->state, it->health);
	}
	out->instance_counts.total = (int)entries->n;
	return 0;
}

static void join_finish(struct join *j)
{
	for (size_t i = 0; i < j->reading_count; i++)
		fg_instance_finish(&j->readings[i].row);
	free(j->readings);
	free(j->by_id.v);
	free(j->by_label.v);
}

int picture_instances(struct fg_registry *registry, const struct config *config,
	struct picture_host *hosts, size_t count, const struct health_picture *before,
	struct health_picture *out, struct fg_err *err)
{
	cleanup_entries struct fg_entries entries = {0}; /* in the order of the picture's */
	struct join j = {
		.registry = registry,
		.hosts = hosts,
		.count = count,
		.before = before,
		.same_setup = before && before->setup == out->setup,
	};
	int rc;

	if (fg_registry_entries(registry, &entries, err) < 0)
		return -1;
	index_build(&j.by_id, hosts, count, id_of);
	index_build(&j.by_label, hosts, count, instance_of);
	out->instances = fg_alloc((entries.n + 1) * sizeof(*out->instances));
	j.readings = fg_alloc((entries.n + 1) * sizeof(*j.readings));
	rc = join_all(&j, &entries, out, err);
	if (rc == 0 && compare_configs(config, &j, err) < 0) {
		for (size_t i = 0; i < j.reading_count; i++)
			j.readings[i].to->revision = 0; /* to be read again */
		rc = fg_task_canceled() ? -1 : 0;
	}
	join_finish(&j);
	return rc < 0 ? -1 : inspect_starts(hosts, count, out, err);
}
