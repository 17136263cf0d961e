/*
 * Nodes of swarms, as far as a person may know of them.
 */
#include "commands/swarm_nodes.h"
#include "fleetgram/base/language.h"
#include "fleetgram/base/mem.h"

static void hide(struct fg_node *node)
{
	free(node->hostname);
	free(node->address);
	node->hostname = fg_strdup(fg_tr("another node"));
	node->address = fg_strdup("");
}

static enum fg_node_place place_of(const struct command *c, const struct fg_node *node)
{
	return fg_fleet_node_place(c->setup->fleet, c->person.scope, node->id);
}

int swarm_nodes(struct command *c, struct fg_swarm *swarm, struct fg_nodes *out)
{
	if (fg_fleet_nodes_learn(c->setup->fleet, c->person.scope, &c->err) < 0 ||
		fg_swarm_nodes(swarm, out, &c->err) < 0)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		if (place_of(c, &out->v[i]) != FG_NODE_WITHIN)
			hide(&out->v[i]);
	return 0;
}

void swarm_nodes_visible(const struct command *c, struct fg_nodes *nodes)
{
	size_t kept = 0;

	for (size_t i = 0; i < nodes->n; i++) {
		enum fg_node_place place = place_of(c, &nodes->v[i]);

		if (place == FG_NODE_OUTSIDE) {
			fg_node_finish(&nodes->v[i]);
			continue;
		}
		if (place == FG_NODE_UNKNOWN)
			hide(&nodes->v[i]);
		nodes->v[kept++] = nodes->v[i];
	}
	nodes->n = kept;
}
