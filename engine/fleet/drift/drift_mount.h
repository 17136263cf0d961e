/*
 * What a container is attached to, read back into the form of a spec: see drift_live().
 */
#ifndef FLEET_DRIFT_MOUNT_H
#define FLEET_DRIFT_MOUNT_H

#include "drift/drift.h"

cJSON *live_network_mode(const struct live *l, const char *name);
cJSON *live_networks(const struct live *l, const char *name);
cJSON *live_ports(const struct live *l, const char *name);
cJSON *live_tmpfs(const struct live *l, const char *name);
cJSON *live_volumes(const struct live *l, const char *name);

#endif
