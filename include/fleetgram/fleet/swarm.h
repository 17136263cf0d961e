/*
 * The swarms of a fleet: hosts that manage the same swarm are one.
 *
 * Hosts are grouped by the id of their swarm. A question to a swarm goes to one of its managers,
 * and to the next when that does not answer, so that the loss of a manager is not seen as long as
 * another one of the config is there. What was learnt of a host is remembered while it does not
 * answer.
 *
 * A service is picked like a container, by a selector: name, label, image, id and state are its own
 * (state as fg_service_state() has it), template and project (a stack) are by its labels, and its
 * host is any of the managers. It has no health. What is out of scope does not exist.
 */
#ifndef FLEETGRAM_FLEET_SWARM_H
#define FLEETGRAM_FLEET_SWARM_H

#include "fleetgram/docker/swarm.h"
#include "fleetgram/fleet/fleet.h"

#define FG_LABEL_STACK "com.docker.stack.namespace"

struct fg_swarm {
	char id[FG_SWARM_ID];      /* "": its managers have no leader, and never told before */
	struct fg_host **managers; /* hosts of the fleet that manage it, in the fleet's order */
	size_t n;
	struct fg_host *served; /* who answered last; NULL: nobody yet, or nobody any more */
	struct fg_err why;      /* when served is NULL and somebody was asked */
};

struct fg_swarms {
	struct fg_swarm *v;
	size_t n;
	struct fg_host **silent; /* hosts that did not answer, of which it is not known whether they
				    manage one */
	size_t silent_n;
	struct fg_host *worker; /* one that is in a swarm and manages none; NULL: there is none */
};

void fg_swarms_finish(struct fg_swarms *swarms);
#define cleanup_swarms __attribute__((cleanup(fg_swarms_finish)))

/*
 * All swarms with a manager that scope (NULL: everything) lets one see as a host; managers outside
 * of it are not among theirs. None is no error. They point at hosts: keep a reference to the fleet
 * as long as them. -1: none of the hosts answers.
 */
int fg_fleet_swarms(struct fg_fleet *fleet, const struct fg_selector *scope, struct fg_swarms *out,
	struct fg_err *err);

/*
 * The swarms as far as they are known, for whoever looks again and again: only hosts whose part in
 * one is not known, or was learnt more than stale_ms ago, are asked for it, and none that is down.
 * Managers that are paused are left out, and so are those that never told whose they are; served is
 * NULL. -1: cancelled, mostly.
 */
int fg_fleet_swarms_known(
	struct fg_fleet *fleet, int64_t stale_ms, struct fg_swarms *out, struct fg_err *err);
/* Whether any host is known to manage a swarm. Asks nobody. */
bool fg_fleet_manages(struct fg_fleet *fleet);
/* The host that is that node of that swarm ("": of whichever), by what it last said; NULL: none is
 * known to be. Of a worker it is not known whose it is. */
struct fg_host *fg_fleet_node_host(struct fg_fleet *fleet, const char *swarm, const char *node);
/* Whether it has ever told which node of a swarm it is, if any. */
bool fg_host_told_node(struct fg_host *host);

enum fg_node_place {
	FG_NODE_WITHIN,  /* it is a host within the scope, or none of the fleet's */
	FG_NODE_OUTSIDE, /* it is a host outside of it, and does not exist for whoever has it */
	FG_NODE_UNKNOWN, /* a host outside has never said which node it is: this may be it */
};
/* Where a node is for scope (NULL: everything), by what the hosts last said. */
enum fg_node_place fg_fleet_node_place(
	struct fg_fleet *fleet, const struct fg_selector *scope, const char *node);
/* Ask the hosts outside of scope for their part in a swarm, as far as it is not known. -1: as
 * fg_fleet_swarms_known(). */
int fg_fleet_nodes_learn(
	struct fg_fleet *fleet, const struct fg_selector *scope, struct fg_err *err);

/* False: each host has said within the last minute that it manages none, so that there is no need
 * to ask whether a name is a service's. */
bool fg_fleet_may_swarm(struct fg_fleet *fleet);

/*
 * Ask a manager, and the next one when it does not answer, or is none any more, or sees no leader.
 * call may be called for each; what it makes must be its own to clean up when it fails. once: it
 * changes something that must not be done twice: then the next one is asked only when nothing can
 * have happened. (Changes by fg_service_update() and its like may be done twice.) The host's state
 * is noted. Returns what call does.
 */
typedef int fg_swarm_call(struct fg_engine *engine, void *arg, struct fg_err *err);
int fg_swarm_ask(
	struct fg_swarm *swarm, bool once, fg_swarm_call *call, void *arg, struct fg_err *err);

/* The calls of docker/swarm.h that only read, asked so. */
int fg_swarm_services(struct fg_swarm *swarm, struct fg_services *out, struct fg_err *err);
int fg_swarm_service(
	struct fg_swarm *swarm, const char *id, struct fg_service *out, struct fg_err *err);
int fg_swarm_tasks(struct fg_swarm *swarm, const char *service, struct fg_service_tasks *out,
	struct fg_err *err);
int fg_swarm_nodes(struct fg_swarm *swarm, struct fg_nodes *out, struct fg_err *err);

/* Those that change; results as there. */
int fg_swarm_create(struct fg_swarm *swarm, const cJSON *body, const char *auth,
	char id[FG_SWARM_ID], struct fg_str *warnings, struct fg_err *err);
int fg_swarm_update(struct fg_swarm *swarm, const char *id, const struct fg_service_change *change,
	struct fg_str *warnings, struct fg_err *err);
int fg_swarm_scale(struct fg_swarm *swarm, const char *id, int64_t replicas, struct fg_err *err);
int fg_swarm_set_image(struct fg_swarm *swarm, const char *id, const char *image, const char *auth,
	struct fg_str *warnings, struct fg_err *err);
int fg_swarm_force(struct fg_swarm *swarm, const char *id, struct fg_err *err);
int fg_swarm_rollback(struct fg_swarm *swarm, const char *id, uint64_t version, struct fg_err *err);
int fg_swarm_remove(struct fg_swarm *swarm, const char *id, struct fg_err *err);
int fg_swarm_set_availability(
	struct fg_swarm *swarm, const char *node, const char *availability, struct fg_err *err);

/* What people call it: its managers' names, "a, b". Caller frees. */
char *fg_swarm_title(const struct fg_swarm *swarm);

/* A service and where it is. */
struct fg_service_item {
	struct fg_swarm *swarm; /* of the list */
	struct fg_host *host;   /* the first manager with which scope and selector pick it */
	struct fg_service s;    /* counted */
};

struct fg_service_items {
	struct fg_service_item *v;
	size_t n;
	struct fg_swarms
		swarms; /* those that were asked; served is NULL in those that did not answer
			 */
};

void fg_service_items_finish(struct fg_service_items *items);
#define cleanup_service_items __attribute__((cleanup(fg_service_items_finish)))

/* The services of all swarms that scope (NULL: everything) lets one see and sel (NULL: everything)
 * picks, by swarm, then by name. Swarms that do not answer are in items.swarms; only when none of
 * several does, or the only one, is it an error. No swarm is none. */
int fg_fleet_services(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_service_items *out, struct fg_err *err);

/* Exactly one, by NAME, HOST/NAME or id. FG_ENOTFOUND: there is none, with near misses and what did
 * not answer in the text; FG_EINVAL: several swarms have one. */
int fg_fleet_service_find(struct fg_fleet *fleet, const struct fg_selector *scope, const char *word,
	struct fg_service_items *out, struct fg_err *err);

/* Whether scope lets one see this service of the swarm. */
bool fg_service_visible(const struct fg_selector *scope, const struct fg_swarm *swarm,
	const struct fg_service *service);
/* What a selector looks at in a service with this manager as its host; the strings are theirs. */
struct fg_subject fg_service_subject(const struct fg_host *host, const struct fg_service *service);

/* "NAME", or "HOST/NAME" when the fleet has several hosts. Caller frees. */
char *fg_service_title(const struct fg_service_item *item);

#endif
