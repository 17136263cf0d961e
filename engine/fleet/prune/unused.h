/*
 * What listing the unused and removing it have in common.
 */
#ifndef FLEET_UNUSED_H
#define FLEET_UNUSED_H

#include "fleetgram/docker/container.h"
#include "fleetgram/docker/network_list.h"
#include "fleetgram/fleet/unused.h"

#define UNUSED_NAME_CAP 2048 /* bytes of all names of one image */
#define UNUSED_MADE 24

bool unused_protected(const cJSON *labels);
bool unused_stopped(const char *state);
bool unused_image_used(const struct fg_containers *containers, const char *id);
/* An image's names in one line; caller frees. */
char *unused_tags(const cJSON *tags);
bool unused_network(const struct fg_network *net);
/* What stands for a volume's making. */
const char *unused_made(char buf[UNUSED_MADE], int64_t created_ms);

#endif
