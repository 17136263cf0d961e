/*
 * Finding the swarms: every host is asked for its part in one, and managers of the same are put
 * together.
 */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "fleetgram/base/str.h"
#include "fleetgram/fleet/pause.h"
#include "fleetgram/fleet/swarm.h"
#include "host.h"

#define HOSTS_AT_ONCE 128
#define FRESH_MS 60000 /* so long a host that manages none is believed */

/* The question to one host. */
struct ask {
	struct fg_host *host;
	struct fg_swarm_info info;
	struct fg_err err;
	bool silent;
	bool anyway; /* even when it was down */
};

static void learn(struct fg_host *host, const struct fg_swarm_info *info)
{
	struct host_swarm *known = host_swarm(host);

	known->known = true;
	known->manager = info->manager;
	known->asked_ms = fg_now_ms();
	memcpy(known->node, info->node, sizeof(known->node));
	/* While there is no leader, a manager does not tell whose it is. */
	if (*info->cluster || !info->manager)
		memcpy(known->cluster, info->cluster, sizeof(known->cluster));
}

static void ask_run(void *arg)
{
	struct ask *ask = arg;
	int64_t most = fg_now_ms() + FG_FLEET_PATIENCE_MS, given = fg_task_deadline(most);

	fg_task_deadline(given < most ? given : most);
	ask->silent = !ask->anyway && host_ready(ask->host, &ask->err) < 0;
	if (ask->silent)
		return;
	ask->silent = fg_swarm_info(ask->host->engine, &ask->info, &ask->err) < 0;
	fg_host_note(ask->host, ask->silent ? &ask->err : NULL);
	if (!ask->silent)
		learn(ask->host, &ask->info);
}

static int ask_all(struct ask *asks, size_t n, struct fg_err *err)
{
	struct fg_group group;
	size_t i;

	fg_group_init(&group, HOSTS_AT_ONCE);
	for (i = 0; i < n; i++) {
		/* The others do not wait for one that is slow. */
		asks[i].silent = n > 1 && asks[i].host->slow;
		if (asks[i].silent)
			fg_fail(&asks[i].err, FG_ETIMEOUT, "it is slow to answer");
		else if (fg_group_go(&group, "swarm of a host", ask_run, &asks[i], err) < 0)
			break;
	}
	if (fg_group_wait(&group, FG_NEVER, err) < 0 || i < n)
		return -1;
	if (fg_task_canceled())
		return fg_fail(err, FG_ECANCELED, "canceled");
	return 0;
}

/* The swarm of that id in the list; those that never told theirs are one each. */
static struct fg_swarm *swarm_of(struct fg_swarms *out, const char *id, size_t most)
{
	struct fg_swarm *s;

	for (size_t i = 0; *id && i < out->n; i++)
		if (strcmp(out->v[i].id, id) == 0)
			return &out->v[i];
	s = &out->v[out->n++];
	memcpy(s->id, id, FG_SWARM_ID);
	s->managers = fg_alloc((most + 1) * sizeof(struct fg_host *));
	return s;
}

static void add(struct fg_swarms *out, const struct ask *ask, size_t most)
{
	const struct host_swarm *known = host_swarm(ask->host);
	struct fg_swarm *s;

	if (ask->silent && !known->known)
		out->silent[out->silent_n++] = ask->host;
	if (!ask->silent && !ask->info.manager && strcmp(ask->info.state, "active") == 0)
		out->worker = ask->host;
	if (!known->known || !known->manager)
		return;
	s = swarm_of(out, known->cluster, most);
	s->managers[s->n++] = ask->host;
	if (!ask->silent && !*ask->info.error) {
		s->served = s->served ? s->served : ask->host;
	} else if (!s->why.code) {
		if (ask->silent)
			s->why = ask->err;
		else
			fg_fail(&s->why, FG_EREMOTE, "%s", ask->info.error);
		fg_wrap(&s->why, "%s", ask->host->name);
	}
}

static size_t count_silent(const struct ask *asks, size_t n)
{
	size_t silent = 0;

	for (size_t i = 0; i < n; i++)
		silent += asks[i].silent;
	return silent;
}

static int all_silent(const struct ask *asks, size_t n, struct fg_err *err)
{
	if (!err)
		return -1;
	*err = asks[0].err;
	if (n > 1)
		return fg_wrap(err, "none of %zu hosts answers; %s", n, asks[0].host->name);
	return fg_wrap(err, "host %s does not answer", asks[0].host->name);
}

int fg_fleet_swarms(struct fg_fleet *fleet, const struct fg_selector *scope, struct fg_swarms *out,
	struct fg_err *err)
{
	size_t count = fg_fleet_count(fleet), n = 0;
	cleanup_free struct ask *asks = fg_alloc((count + 1) * sizeof(*asks));
	int rc = 0;

	*out = (struct fg_swarms){0};
	for (size_t i = 0; i < count; i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);

		if (fg_selector_match_host(scope, host->name))
			asks[n++].host = host;
	}
	fg_fleet_ref(fleet);
	rc = ask_all(asks, n, err);
	/* One that only was too slow for a moment, as managers are that elect a leader, may answer.
	 */
	if (rc == 0 && n > 0 && count_silent(asks, n) == n) {
		for (size_t i = 0; i < n; i++)
			asks[i].anyway = true;
		rc = ask_all(asks, n, err);
	}
	if (rc == 0 && n > 0 && count_silent(asks, n) == n)
		rc = all_silent(asks, n, err);
	out->v = fg_alloc((n + 1) * sizeof(*out->v));
	out->silent = fg_alloc((n + 1) * sizeof(struct fg_host *));
	for (size_t i = 0; rc == 0 && i < n; i++)
		add(out, &asks[i], n);
	fg_fleet_unref(fleet);
	if (rc < 0)
		fg_swarms_finish(out);
	return rc;
}

static bool is_stale(struct fg_host *host, int64_t stale_ms)
{
	const struct host_swarm *known = host_swarm(host);

	return !fg_host_paused(host) && (!host->known || host->up) &&
	       (!known->known || fg_now_ms() - known->asked_ms > stale_ms);
}

int fg_fleet_swarms_known(
	struct fg_fleet *fleet, int64_t stale_ms, struct fg_swarms *out, struct fg_err *err)
{
	size_t count = fg_fleet_count(fleet), n = 0;
	cleanup_free struct ask *asks = fg_alloc((count + 1) * sizeof(*asks));

	*out = (struct fg_swarms){0};
	for (size_t i = 0; i < count; i++)
		if (is_stale(fg_fleet_host(fleet, i), stale_ms))
			asks[n++].host = fg_fleet_host(fleet, i);
	if (ask_all(asks, n, err) < 0)
		return -1;
	out->v = fg_alloc((count + 1) * sizeof(*out->v));
	for (size_t i = 0; i < count; i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);
		const struct host_swarm *known = host_swarm(host);
		struct fg_swarm *s;

		if (!known->manager || !*known->cluster || fg_host_paused(host))
			continue;
		s = swarm_of(out, known->cluster, count);
		s->managers[s->n++] = host;
	}
	return 0;
}

bool fg_fleet_manages(struct fg_fleet *fleet)
{
	for (size_t i = 0; i < fg_fleet_count(fleet); i++)
		if (host_swarm(fg_fleet_host(fleet, i))->manager)
			return true;
	return false;
}

static bool may_be_of(const struct host_swarm *known, const char *swarm)
{
	return !*swarm || !known->manager || !*known->cluster || strcmp(known->cluster, swarm) == 0;
}

struct fg_host *fg_fleet_node_host(struct fg_fleet *fleet, const char *swarm, const char *node)
{
	for (size_t i = 0; *node && i < fg_fleet_count(fleet); i++) {
		const struct host_swarm *known = host_swarm(fg_fleet_host(fleet, i));

		if (strcmp(known->node, node) == 0 && may_be_of(known, swarm))
			return fg_fleet_host(fleet, i);
	}
	return NULL;
}

bool fg_host_told_node(struct fg_host *host)
{
	return host_swarm(host)->known;
}

enum fg_node_place fg_fleet_node_place(
	struct fg_fleet *fleet, const struct fg_selector *scope, const char *node)
{
	struct fg_host *host = fg_fleet_node_host(fleet, "", node);

	if (host)
		return fg_selector_match_host(scope, host->name) ? FG_NODE_WITHIN : FG_NODE_OUTSIDE;
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		host = fg_fleet_host(fleet, i);
		if (!host_swarm(host)->known && !fg_selector_match_host(scope, host->name))
			return FG_NODE_UNKNOWN;
	}
	return FG_NODE_WITHIN;
}

int fg_fleet_nodes_learn(
	struct fg_fleet *fleet, const struct fg_selector *scope, struct fg_err *err)
{
	size_t count = fg_fleet_count(fleet), n = 0;
	cleanup_free struct ask *asks = fg_alloc((count + 1) * sizeof(*asks));

	for (size_t i = 0; i < count; i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);

		if (is_stale(host, FRESH_MS) && !fg_selector_match_host(scope, host->name))
			asks[n++].host = host;
	}
	return ask_all(asks, n, err);
}

void fg_swarms_finish(struct fg_swarms *swarms)
{
	for (size_t i = 0; i < swarms->n; i++)
		free(swarms->v[i].managers);
	free(swarms->v);
	free(swarms->silent);
	*swarms = (struct fg_swarms){0};
}

bool fg_fleet_may_swarm(struct fg_fleet *fleet)
{
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		const struct host_swarm *known = host_swarm(fg_fleet_host(fleet, i));

		if (!known->known || known->manager || fg_now_ms() - known->asked_ms > FRESH_MS)
			return true;
	}
	return false;
}

char *fg_swarm_title(const struct fg_swarm *swarm)
{
	struct fg_str out;

	fg_str_init(&out, 1024);
	for (size_t i = 0; i < swarm->n; i++)
		fg_str_printf(&out, "%s%s", i ? ", " : "", swarm->managers[i]->name);
	return fg_str_take(&out);
}
