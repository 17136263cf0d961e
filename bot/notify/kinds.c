/* The table of kinds. */
#include <string.h>
#include "fleetgram/base/language.h"
#include "notify/kinds.h"

const struct kind kinds[INCIDENT_KINDS] = {
	[INCIDENT_DIED] = {"died", FG_PLURAL("%zu container died", "%zu containers died"),
		STREAM_ALARM, .detailed = true},
	[INCIDENT_STOPPED] = {"stopped",
		FG_PLURAL("%zu container was stopped", "%zu containers were stopped"),
		STREAM_STOPPED, .quiet_ms = NOTIFY_BACKOFF_MOST_MS},
	[INCIDENT_OOM] = {"oom",
		FG_PLURAL("%zu container is out of memory", "%zu containers are out of memory"),
		STREAM_ALARM, .detailed = true, .quiet_ms = NOTIFY_BACKOFF_MS},
	[INCIDENT_UNHEALTHY] = {"unhealthy",
		FG_PLURAL("%zu container is unhealthy", "%zu containers are unhealthy"),
		STREAM_ALARM, .lasting = true, .detailed = true},
	[INCIDENT_HOST] = {"host", FG_PLURAL("%zu host does not answer", "%zu hosts do not answer"),
		STREAM_HOST, .lasting = true},
	[INCIDENT_CPU] = {"cpu",
		FG_PLURAL("%zu container uses much CPU", "%zu containers use much CPU"),
		STREAM_ALARM, .lasting = true},
	[INCIDENT_MEMORY] = {"memory",
		FG_PLURAL("%zu container uses much memory", "%zu containers use much memory"),
		STREAM_ALARM, .lasting = true},
	[INCIDENT_DISK] = {"disk",
		FG_PLURAL("%zu host is short of disk", "%zu hosts are short of disk"), STREAM_ALARM,
		.lasting = true},
	[INCIDENT_UPDATE] = {"update",
		FG_PLURAL("%zu container has a newer image", "%zu containers have a newer image"),
		STREAM_UPDATE, .lasting = true},
	[INCIDENT_HEAL] = {"heal",
		FG_PLURAL("%zu unhealthy container was restarted",
			"%zu unhealthy containers were restarted"),
		STREAM_ALARM, .quiet_ms = NOTIFY_BACKOFF_MOST_MS},
	[INCIDENT_SERVICE] = {"service",
		FG_PLURAL("%zu service runs fewer tasks than it should",
			"%zu services run fewer tasks than they should"),
		STREAM_ALARM, .lasting = true},
	[INCIDENT_ROLLOUT] = {"rollout",
		FG_PLURAL("%zu update of a service has failed",
			"%zu updates of services have failed"),
		STREAM_ALARM, .lasting = true},
	[INCIDENT_NODE] = {"node", FG_PLURAL("%zu node is down", "%zu nodes are down"), STREAM_HOST,
		.lasting = true},
	[INCIDENT_SWARM] = {"swarm",
		FG_PLURAL("%zu swarm has no leader", "%zu swarms have no leader"), STREAM_HOST,
		.lasting = true},
};

enum incident_kind kind_of(const char *word)
{
	enum incident_kind kind = 0;

	while (kind < INCIDENT_KINDS && strcmp(kinds[kind].word, word ? word : "") != 0)
		kind++;
	return kind;
}

bool kind_is_swarm(enum incident_kind kind)
{
	return kind == INCIDENT_SERVICE || kind == INCIDENT_ROLLOUT || kind == INCIDENT_NODE ||
	       kind == INCIDENT_SWARM;
}

bool kind_wanted(const struct config *config, enum incident_kind kind)
{
	switch (kind) {
	case INCIDENT_DIED:
		return config->notify.die || config->notify.restart_loop.count > 0;
	case INCIDENT_STOPPED:
	case INCIDENT_SERVICE:
	case INCIDENT_ROLLOUT:
		return config->notify.die;
	case INCIDENT_OOM:
		return config->notify.oom;
	case INCIDENT_UNHEALTHY:
		return config->notify.unhealthy;
	case INCIDENT_HOST:
	case INCIDENT_NODE:
	case INCIDENT_SWARM:
		return config->notify.host;
	case INCIDENT_UPDATE:
		return config->notify.updates;
	default:
		return true; /* who reports the others asks the config before */
	}
}
