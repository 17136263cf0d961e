/* What is different between two pictures of the fleet. */
#include <string.h>
#include "http/feed.h"
#include "http/rules.h"

static const struct health_host *host_in(const struct health_picture *picture, const char *name)
{
	for (size_t i = 0; i < picture->host_count; i++)
		if (strcmp(picture->hosts[i].name, name) == 0)
			return &picture->hosts[i];
	return NULL;
}

static void publish_host(struct feed *feed, const struct health_host *host)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "name", host->name);
	cJSON_AddStringToObject(data, "state", host->up ? "ok" : "down");
	cJSON_AddStringToObject(data, "problem", host->problem);
	feed_publish(feed, "host", data);
}

/* One that is not in the config any more. */
static void publish_host_gone(struct feed *feed, const struct health_host *host)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "name", host->name);
	cJSON_AddStringToObject(data, "state", "gone");
	feed_publish(feed, "host", data);
}

/* How many are different; feed NULL: only counts. */
static size_t compare_hosts(
	struct feed *feed, const struct health_picture *before, const struct health_picture *now)
{
	size_t changed = 0;

	for (size_t i = 0; i < before->host_count; i++) {
		if (host_in(now, before->hosts[i].name))
			continue;
		changed++;
		if (feed)
			publish_host_gone(feed, &before->hosts[i]);
	}
	for (size_t i = 0; i < now->host_count; i++) {
		const struct health_host *was = host_in(before, now->hosts[i].name);

		if (was && was->up == now->hosts[i].up)
			continue;
		changed++;
		if (feed)
			publish_host(feed, &now->hosts[i]);
	}
	return changed;
}

/* Both are by name, then host. */
static int order(const struct health_instance *a, const struct health_instance *b)
{
	int names = strcmp(a->name, b->name);

	return names ? names : strcmp(a->host, b->host);
}

static bool same(const struct health_instance *a, const struct health_instance *b)
{
	return strcmp(a->state, b->state) == 0 && strcmp(a->health, b->health) == 0 &&
	       strcmp(a->config, b->config) == 0 && strcmp(a->container_id, b->container_id) == 0 &&
	       strcmp(a->image, b->image) == 0 && a->cpus == b->cpus && a->memory == b->memory &&
	       a->pids == b->pids;
}

static void publish_gone(struct feed *feed, const struct health_instance *instance)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "name", instance->name);
	cJSON_AddStringToObject(data, "host", instance->host);
	cJSON_AddStringToObject(data, "state", "gone");
	feed_publish(feed, "instance", data);
}

/* The same; walks both lists side by side. */
static size_t compare_instances(
	struct feed *feed, const struct health_picture *before, const struct health_picture *now)
{
	size_t i = 0, k = 0, changed = 0;

	while (i < before->instance_count || k < now->instance_count) {
		const struct health_instance *was = &before->instances[i], *is = &now->instances[k];
		int side = i == before->instance_count ? 1
			   : k == now->instance_count  ? -1
						       : order(was, is);

		i += side <= 0;
		k += side >= 0;
		if (side == 0 && same(was, is))
			continue;
		changed++;
		if (feed && side < 0)
			publish_gone(feed, was);
		else if (feed)
			feed_publish(feed, "instance", health_instance_document(is));
	}
	return changed;
}

void feed_compare(
	struct feed *feed, const struct health_picture *before, const struct health_picture *now)
{
	if (!before)
		return;
	if (compare_hosts(NULL, before, now) + compare_instances(NULL, before, now) > FEED_BURST) {
		feed_reset(feed, "much has changed");
	} else {
		compare_hosts(feed, before, now);
		compare_instances(feed, before, now);
	}
	if (memcmp(&before->containers, &now->containers, sizeof(now->containers)) != 0)
		feed_publish(feed, "containers", health_counts_document(&now->containers, false));
}
