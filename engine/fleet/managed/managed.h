/*
 * What managed services are made of inside this room.
 */
#ifndef FLEET_MANAGED_H
#define FLEET_MANAGED_H

#include "fleetgram/fleet/managed.h"

/* A service by what its swarm says of it. */
struct live_service {
	const cJSON *want;     /* its spec of today */
	const cJSON *spec;     /* the swarm's Spec */
	const cJSON *networks; /* names by id; NULL: none are known */
	bool old; /* its manager knows nothing of no_new_privileges, and so does not tell */
};

/* The spec that it is: where what the swarm has means what want says, it says the same. Caller
 * deletes. */
cJSON *managed_live(const struct live_service *live);
cJSON *managed_live_mounts(const struct live_service *live, cJSON **tmpfs);

/* Documents */

struct managed_seed {
	const char *name, *swarm, *service_id, *template, *image, *image_digest, *config_hash;
	const char *created_by, *created_at, *state;
	const cJSON *spec, *params; /* copied; NULL: {} */
};

cJSON *managed_document(const struct managed_seed *seed); /* caller deletes */
/* NULL, or what is wrong with one from elsewhere. */
const char *managed_check(const cJSON *doc);
void managed_view(cJSON *doc, struct fg_instance *out); /* which takes doc over */
/* Insert or replace one, under its swarm and name. */
int managed_write(struct fg_tx *tx, const cJSON *doc, struct fg_err *err);
int managed_put(struct fg_registry *registry, const cJSON *doc, struct fg_err *err);
/* The same where it has no row yet, by name or by id, or a damaged one. 1: done; 0: it has one. */
int managed_adopt(struct fg_registry *registry, const cJSON *doc, struct fg_err *err);

/* A change to the document of that service. 1: changed; 0: there is none, or nothing to change. */
typedef bool managed_change_fn(cJSON *doc, void *arg);
int managed_edit(struct fg_registry *registry, const char *swarm, const char *service_id,
	managed_change_fn *change, void *arg, struct fg_err *err);

/* Its Spec's TaskTemplate.ContainerSpec.Image without the digest; "" when there is none. Caller
 * frees. */
char *managed_image(const cJSON *spec);
/* The replicas of a Spec; -1: it is global. */
int64_t managed_replicas(const cJSON *spec);

/* Whether the engine of that manager is older than no_new_privileges in services. */
bool managed_old(const struct fg_swarm *swarm);

/* Put a label of the service in the place of what there was. */
void managed_label(cJSON *spec, const char *key, const char *value);

#endif
