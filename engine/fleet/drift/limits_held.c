/*
 * Whether the limits that were asked for hold.
 */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/stats.h"
#include "drift/limits.h"
#include "host.h"

#define NAMES_CAP 64 /* of three short words */

/* By the spec's word and the engine's: memory_swap goes along with memory. */
static const struct {
	const char *spec, *engine;
	enum fg_limit limit;
} asked_for[] = {
	{"nano_cpus", "NanoCpus", FG_LIMIT_CPUS},
	{"memory", "Memory", FG_LIMIT_MEMORY},
	{"pids", "PidsLimit", FG_LIMIT_PIDS},
};

static void add_name(struct fg_str *names, enum fg_limit limit)
{
	fg_str_printf(names, "%s%s", names->len ? ", " : "", fg_limit_name(limit));
}

/* Asking Podman what it can hold takes seconds. Of a container without a cgroup nothing is counted,
 * whatever inspect says of its limits. */
static bool has_cgroup(struct fg_host *host, const char *id)
{
	struct fg_sample sample;

	return fg_stats_sample(host->engine, id, &sample, NULL) < 0 || !sample.running ||
	       sample.counted;
}

void limits_warn(struct fg_host *host, const cJSON *spec, const struct fg_container_info *info,
	struct fg_str *warnings)
{
	const cJSON *limits = fg_json_object(spec, "limits");
	struct fg_limits got = fg_limits_of(info);
	cleanup_str struct fg_str names = {0};
	bool any = false, all;

	for (size_t i = 0; i < FG_ARRAY_LEN(asked_for); i++)
		any |= fg_json_i64(limits, asked_for[i].spec, 0) > 0;
	if (!warnings || !any || strcmp(host->version.kind, "podman") != 0)
		return;
	all = !has_cgroup(host, info->id);
	fg_str_init(&names, NAMES_CAP);
	for (size_t i = 0; i < FG_ARRAY_LEN(asked_for); i++) {
		if (fg_json_i64(limits, asked_for[i].spec, 0) <= 0 ||
			(!all && got.v[asked_for[i].limit] > 0))
			continue;
		add_name(&names, asked_for[i].limit);
	}
	if (names.len)
		fg_str_printf(warnings,
			fg_tr("limits that do not hold on this host: %s (its Podman runs as an "
			      "ordinary user and was given no cgroup for them)\n"),
			names.s);
}

/* All limits that are changed, as templates call them. */
static char *names_of(const cJSON *body)
{
	struct fg_str names;

	fg_str_init(&names, NAMES_CAP);
	for (size_t i = 0; i < FG_ARRAY_LEN(asked_for); i++) {
		if (fg_json_i64(body, asked_for[i].engine, 0) <= 0)
			continue;
		add_name(&names, asked_for[i].limit);
	}
	return fg_str_take(&names);
}

int limits_holdable(struct fg_host *host, const struct fg_container_info *info, const cJSON *body,
	struct fg_err *err)
{
	cleanup_free char *names = NULL;

	if (strcmp(host->version.kind, "podman") != 0)
		return 0;
	if (strcmp(info->state, "running") == 0)
		names = has_cgroup(host, info->id) ? fg_strdup("") : names_of(body);
	else
		names = fg_engine_unheld(host->engine, body, err);
	if (!names)
		return -1;
	if (!*names)
		return 0;
	return fg_fail(err, FG_EREMOTE,
		"limits that do not hold on this host: %s (its Podman runs as an ordinary user and "
		"was given no cgroup for them)",
		names);
}
