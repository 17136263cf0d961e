/*
 * Networks: attaching a container to one, and making a container that is in several.
 */
#ifndef FLEETGRAM_DOCKER_NETWORK_H
#define FLEETGRAM_DOCKER_NETWORK_H

#include "fleetgram/base/str.h"
#include "fleetgram/docker/engine.h"

/*
 * Attach a container to a network (names or ids). endpoint: as the Engine API's EndpointConfig
 * (aliases, fixed addresses), NULL for none. A network that does not exist is FG_ENOTFOUND.
 */
int fg_network_connect(struct fg_engine *engine, const char *network, const char *container,
	const cJSON *endpoint, struct fg_err *err);

/* Take a container out of a network. */
int fg_network_disconnect(
	struct fg_engine *engine, const char *network, const char *container, struct fg_err *err);

/* What the network of that id is called, one that a swarm knows by an id of its own (host, bridge)
 * too: clean; NULL: err. Caller frees. */
char *fg_network_name(struct fg_engine *engine, const char *id, struct fg_err *err);

/*
 * Create a container as fg_container_create() does, but with every network of
 * NetworkingConfig.EndpointsConfig in body. Engines below API 1.44 take one at the creation, and
 * newer ones are told the same way: the network of the NetworkMode first, then the others. When
 * EndpointsConfig is there and has no such network, the container is taken out of it. A MacAddress
 * of the first network goes where the engine looks for it. id is filled in as soon as there is a
 * container, also when a network then refuses it.
 */
int fg_network_create(struct fg_engine *engine, const char *name, const cJSON *body,
	char id[FG_ID_SIZE], struct fg_str *warnings, struct fg_err *err);

#endif
