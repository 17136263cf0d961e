/*
 * Managed services: those of swarms that Fleetgram made from templates with `mode: service`.
 *
 * A managed service is an instance that belongs to a swarm and not to a host: any of its managers
 * will do, whichever it was made through. It is known by its swarm's id and its name, and its
 * labels (those of spec.h, on the service and not on its tasks' containers) say whose it is. The
 * registry keeps it beside the instances that are containers, in a list of its own, so that what is
 * about containers (pruning, limits, touching, healing, /status, the counts of /health and the
 * metrics) never meets one.
 *
 * Its document has the fields of an instance (see registry.h) except for host, container_id, limits
 * and last_used_at, and instead "kind":"service", "swarm" and "service_id". Its "overrides" are
 * {"image":{"from","to"},"replicas":{"from","to"}}: see drift.h. In its history are created,
 * adopted, missing, back, replaced {service_id}, scaled {by, from, to}, updated {by, from, to},
 * applied {by}, and rolled back {by, or none when the swarm did it}. In a struct fg_instance its
 * host is its swarm's id and its container_id the service's.
 */
#ifndef FLEETGRAM_FLEET_MANAGED_H
#define FLEETGRAM_FLEET_MANAGED_H

#include "fleetgram/fleet/drift.h"
#include "fleetgram/fleet/swarm.h"

/* The registry */

/* All of them, by name then swarm. */
int fg_managed_list(struct fg_registry *registry, struct fg_instances *out, struct fg_err *err);
/* Whether there are any. */
bool fg_managed_any(struct fg_registry *registry);
/* 1: found; 0: it is none. */
int fg_managed_find(struct fg_registry *registry, const char *swarm, const char *service_id,
	struct fg_instance *out, struct fg_err *err);
/* Forget one; what is absent is fine. */
int fg_managed_forget(
	struct fg_registry *registry, const char *swarm, const char *name, struct fg_err *err);

/*
 * Compare the registry with what each swarm has, as fg_registry_reconcile() does for a host:
 * unknown labelled services are adopted, those that are gone are marked missing. Swarms that do not
 * answer are left as they are. result may be NULL.
 */
int fg_managed_reconcile(struct fg_registry *registry, struct fg_fleet *fleet,
	struct fg_reconciled *result, struct fg_err *err);

/* Making one */

/*
 * What is checked without changing anything: parameters, name, what a service can have, which swarm
 * (of those in scope, with a manager that create->host, host_glob and the template's host allow),
 * and that the name is free there. out gets all swarms, *swarm the one of it. replicas: in place of
 * the template's; -1: none. The caller deletes the spec; *own is the number that the template says.
 * NULL: error.
 */
cJSON *fg_managed_plan(struct fg_fleet *fleet, const struct fg_create *create, int64_t replicas,
	struct fg_swarms *out, struct fg_swarm **swarm, int64_t *own, struct fg_err *err);

/*
 * Make the service of such a plan and record it; out describes it. When the registry cannot be
 * written it is taken away again. Warnings, one a line, are added to warnings.
 */
int fg_managed_create(struct fg_registry *registry, struct fg_swarm *swarm,
	const struct fg_create *create, const cJSON *spec, int64_t own, struct fg_instance *out,
	struct fg_str *warnings, struct fg_err *err);

/* Drift */

/* What service is beside what it should be today. One more call to the swarm for each of its
 * networks. limits_only is false. */
int fg_managed_drift(struct fg_today *today, struct fg_swarm *swarm,
	const struct fg_instance *instance, const struct fg_service *service, struct fg_drift *out,
	struct fg_err *err);

struct fg_managed_apply {
	const char *by;
	struct fg_str *warnings; /* may be NULL */
	bool rolls;              /* set: its tasks are replaced */
};

/*
 * Have the swarm make it into what drift says, of what differs only: replicas, labels and placement
 * leave tasks alone. service is what the drift was seen in: when it was changed since,
 * FG_ECONFLICT. 1: the swarm is at it; 0: it was so already.
 */
int fg_managed_apply(struct fg_registry *registry, struct fg_swarm *swarm,
	const struct fg_instance *instance, const struct fg_service *service,
	const struct fg_drift *drift, struct fg_managed_apply *apply, struct fg_err *err);

/* Changes by hand, which count as asked for until the config changes that field. */

struct fg_managed_change {
	int64_t replicas;  /* -1: as they are */
	const char *image; /* with its digest, where that is known; NULL: as it is */
	const char *by;
	struct fg_str *warnings; /* may be NULL */
};

/* 1: changed; 0: it is so already. */
int fg_managed_change(struct fg_registry *registry, struct fg_today *today, struct fg_swarm *swarm,
	const struct fg_instance *instance, const struct fg_managed_change *change,
	struct fg_err *err);

/* It was rolled back: by somebody, and what it is now counts as asked for; or (by NULL) by the
 * swarm itself, and what counted so before the change does again: instance is as it was then. */
int fg_managed_rolled_back(struct fg_registry *registry, struct fg_today *today,
	struct fg_swarm *swarm, const struct fg_instance *instance, const char *by,
	struct fg_err *err);

/*
 * image with the digest that its registry has for it today, so that every node takes the same.
 * Where the registry cannot be asked, each node finds out by itself: the name alone, and *blind is
 * true. Caller frees.
 */
char *fg_managed_pin(struct fg_swarm *swarm, const char *image, bool *blind);

#endif
