/*
 * A Compose file in the making: what its writers share.
 */
#ifndef FLEET_COMPOSE_H
#define FLEET_COMPOSE_H

#include "fleetgram/fleet/compose.h"

struct compose {
	const struct fg_compose *what;
	const cJSON *config, *host; /* the container's Config and HostConfig */
	const cJSON *own;           /* Config of its image; NULL when that is gone */
	const char *name;           /* of the service */
	cJSON *service;
	cJSON *networks, *volumes; /* external ones that the service uses */
	cJSON *variables, *left_out;
};

/* Nothing that Compose would replace: each `$` doubled. Caller frees. */
char *compose_literal(const char *s);
/* Texts go in as literals. An empty one is left out. */
void compose_put(cJSON *object, const char *key, const char *text);
void compose_add(cJSON *list, const char *text);
/* The list under key, made when there is none. */
cJSON *compose_list(cJSON *object, const char *key);
/* object[key] = value, or a reference when "name=value" is secret: to `name`, as far as a variable
 * can be called so. */
void compose_put_value(struct compose *c, cJSON *object, const char *key, const char *value);
/* A word of a command. From where it looks secret (in NAME=value, "--name value", a URL) to its end
 * it is a reference, called after the name, else after `key`. before: the word before, or NULL. */
void compose_add_word(
	struct compose *c, cJSON *list, const char *key, const char *word, const char *before);
/* "its time zone": something that is not in the file. */
void compose_leave_out(struct compose *c, const char *what);
/* "container:ID" with the other one's name in place of its id, as far as that is known; anything
 * else as it is. Caller frees. */
char *compose_sharing(const struct compose *c, const char *mode);
/* Whether a and b are lists of the same strings; NULL is an empty one. */
bool compose_same_list(const cJSON *a, const cJSON *b);
bool compose_has(const cJSON *list, const char *text);
/* An entry of the top-level networks or volumes for what is there already; returns its key. */
const char *compose_external(cJSON *top, const char *name);

/* compose_config.c: what the container runs and how it is known. */
void compose_config(struct compose *c);
/* compose_host.c: the settings of its host. */
void compose_host(struct compose *c);
/* compose_network.c: networks and ports. */
void compose_network(struct compose *c);
/* compose_mount.c: volumes, folders of the host, tmpfs. */
void compose_mounts(struct compose *c);

#endif
