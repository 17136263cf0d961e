/*
 * Services as the targets of commands: found by a word, asked about, and told from containers.
 *
 * Commands for both take a service where the only word is one's name and no container's: the exact
 * name of a container wins. service=NAME always means a service.
 */
#ifndef BOT_COMMANDS_SWARM_TARGET_H
#define BOT_COMMANDS_SWARM_TARGET_H

#include "commands/target.h"
#include "fleetgram/fleet/swarm.h"

/* The service of that NAME, HOST/NAME or id in the person's scope, as the only one in out. */
int swarm_pick_one(struct command *c, const char *word, struct fg_service_items *out);

/* 1: the words (of which service= is taken out) mean a service, the only one in out; 0: they mean
 * containers; -1: there is no such service, or there are words beside service=. Says so when there
 * is one beside a container. */
int swarm_meant(struct command *c, const char **words, size_t *n, struct fg_service_items *out);

/* Whether the words are one name, which may be a container's or a service's. */
bool swarm_one_name(const char *const *words, size_t n);

/* For commands that only show, so that swarms are asked when there is need: true with service=, or
 * when c->err says that there is no such container. Then swarm_meant() says more. */
bool swarm_maybe(const struct command *c, const char *const *words, size_t n);

/* A service or node as command_confirm() and command_begin() have their targets. */
struct swarm_target {
	struct fg_item item;
	struct fg_items items;
};

void swarm_target_init(struct swarm_target *t, struct fg_host *host, const char *id,
	const char *name, const char *state);
void swarm_target_service(struct swarm_target *t, const struct fg_service_item *item);
void swarm_target_finish(struct swarm_target *t);
#define cleanup_swarm_target __attribute__((cleanup(swarm_target_finish)))

/* "NAME", with a manager in front when there are several hosts; the caller frees it. */
char *swarm_title(const struct fg_service_item *item);

/* Before the name of a service that is being made, in the place of its id. */
#define SWARM_NEW "service "

/* How the service or node of that id is by now, for what is told of an interrupted command. The
 * caller frees it; NULL: the id is neither's. */
char *swarm_state_now(struct command *c, struct fg_host *host, const char *id);

#endif
