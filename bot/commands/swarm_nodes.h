/*
 * Nodes of swarms: a scope is about hosts, and a node may be one.
 *
 * A node that is a host outside of a person's scope does not exist for that person, and what runs
 * on it runs on "another node". So does what runs on one that may be such a host, as long as a host
 * outside has never said which node it is.
 */
#ifndef BOT_COMMANDS_SWARM_NODES_H
#define BOT_COMMANDS_SWARM_NODES_H

#include "commands/target.h"
#include "fleetgram/fleet/swarm.h"

/* The nodes of a swarm, to name them by; those that are not to be named have "another node" for a
 * name, and no address. -1: c->err. */
int swarm_nodes(struct command *c, struct fg_swarm *swarm, struct fg_nodes *out);
/* Of a list of nodes, those that exist for the person. */
void swarm_nodes_visible(const struct command *c, struct fg_nodes *nodes);

#endif
