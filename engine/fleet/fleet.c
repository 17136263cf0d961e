/*
 * The hosts of a config, and one question put to all of them at once.
 */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "host.h"
#include "image/login.h"

#define PROBES_AT_ONCE 64

struct fg_fleet {
	int refs;
	struct fg_host **hosts;
	size_t count;
	void (*changed)(struct fg_host *host, void *arg);
	void *changed_arg;
	struct fg_list logins;
	struct fg_deeds *deeds;
	size_t known_bytes; /* what the hosts remember together */
};

struct fg_fleet *fg_fleet_create(void)
{
	struct fg_fleet *fleet = fg_alloc(sizeof(*fleet));

	fleet->refs = 1;
	fg_list_init(&fleet->logins);
	return fleet;
}

int fg_fleet_add(struct fg_fleet *fleet, const struct fg_host_options *options, struct fg_err *err)
{
	struct fg_host *host;

	if (options->name && fg_fleet_find(fleet, options->name))
		return fg_fail(err, FG_ECONFLICT, "there are two hosts called %s", options->name);
	host = host_create(fleet, options, err);
	if (!host)
		return -1;
	fleet->hosts = fg_realloc(fleet->hosts, fleet->count + 1, sizeof(struct fg_host *));
	fleet->hosts[fleet->count++] = host;
	return 0;
}

struct fg_fleet *fg_fleet_ref(struct fg_fleet *fleet)
{
	fleet->refs++;
	return fleet;
}

void fg_fleet_unref(struct fg_fleet *fleet)
{
	if (!fleet || --fleet->refs > 0)
		return;
	for (size_t i = 0; i < fleet->count; i++)
		host_destroy(fleet->hosts[i]);
	logins_finish(&fleet->logins);
	free(fleet->hosts);
	free(fleet);
}

void fg_fleet_on_change(
	struct fg_fleet *fleet, void (*changed)(struct fg_host *host, void *arg), void *arg)
{
	fleet->changed = changed;
	fleet->changed_arg = arg;
}

struct fg_list *fleet_logins(const struct fg_fleet *fleet)
{
	return (struct fg_list *)&fleet->logins;
}

size_t *fleet_known_bytes(struct fg_fleet *fleet)
{
	return &fleet->known_bytes;
}

void fg_fleet_inherit(struct fg_fleet *fleet, struct fg_fleet *before)
{
	for (size_t i = 0; i < fleet->count; i++) {
		struct fg_host *last = fg_fleet_find(before, fleet->hosts[i]->name);

		if (last && strcmp(last->url, fleet->hosts[i]->url) == 0)
			host_inherit(fleet->hosts[i], last);
	}
}

struct fg_deeds *fleet_deeds(const struct fg_fleet *fleet)
{
	return fleet->deeds;
}

void fleet_set_deeds(struct fg_fleet *fleet, struct fg_deeds *deeds)
{
	fleet->deeds = deeds;
}

void fleet_changed(struct fg_host *host)
{
	struct fg_fleet *fleet = host->fleet;

	if (fleet->changed)
		fleet->changed(host, fleet->changed_arg);
}

size_t fg_fleet_count(const struct fg_fleet *fleet)
{
	return fleet->count;
}

struct fg_host *fg_fleet_host(struct fg_fleet *fleet, size_t index)
{
	return index < fleet->count ? fleet->hosts[index] : NULL;
}

struct fg_host *fg_fleet_find(struct fg_fleet *fleet, const char *name)
{
	for (size_t i = 0; i < fleet->count; i++)
		if (strcmp(fleet->hosts[i]->name, name) == 0)
			return fleet->hosts[i];
	return NULL;
}

struct probe {
	struct fg_host *host;
	int64_t timeout_ms;
};

static void probe_one(void *arg)
{
	struct probe *probe = arg;

	host_probe(probe->host, probe->timeout_ms, NULL);
}

void fg_fleet_probe(struct fg_fleet *fleet, int64_t timeout_ms)
{
	cleanup_free struct probe *probes = fg_alloc((fleet->count + 1) * sizeof(*probes));
	struct fg_group group;

	fg_fleet_ref(fleet);
	fg_group_init(&group, PROBES_AT_ONCE);
	for (size_t i = 0; i < fleet->count; i++) {
		probes[i] = (struct probe){fleet->hosts[i], timeout_ms};
		if (fg_group_go(&group, "probe of a host", probe_one, &probes[i], NULL) < 0)
			break;
	}
	fg_group_wait(&group, FG_NEVER, NULL);
	fg_fleet_unref(fleet);
}
