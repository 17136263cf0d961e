/*
 * Instances: the containers that Fleetgram made from templates, and their making.
 *
 * An instance is known by its host and name; its document in the registry (see registry.h) says
 * what was asked for, its container's labels say whose it is.
 */
#ifndef FLEETGRAM_FLEET_INSTANCE_H
#define FLEETGRAM_FLEET_INSTANCE_H

#include "fleetgram/docker/image.h"
#include "fleetgram/fleet/fleet.h"
#include "fleetgram/fleet/spec.h"

struct fg_registry;

/* An instance as the registry has it; strings point into doc, and none is NULL. */
struct fg_instance {
	cJSON *doc; /* owned */
	const char *name, *host, *container_id, *template, *image, *image_digest, *config_hash;
	const char *created_by, *created_at, *last_used_at, *state;
};

struct fg_instances {
	struct fg_instance *v;
	size_t n;
};

void fg_instance_finish(struct fg_instance *instance);
void fg_instances_finish(struct fg_instances *list);
#define cleanup_instance __attribute__((cleanup(fg_instance_finish)))
#define cleanup_instances __attribute__((cleanup(fg_instances_finish)))

struct fg_create {
	const char *name;
	const struct fg_template *template;
	const cJSON *defaults;
	const cJSON *params; /* as fg_spec_build() takes them */
	const char *host;    /* wins over the template's `host`; NULL: one that that matches */
	const char *host_glob; /* and this one, when it is not NULL; see fg_place() */
	struct fg_registry *registry; /* that knows limits; may be NULL */
	struct fg_str *placed;        /* why it is that host is added, a sentence; may be NULL */
	const struct fg_selector *scope; /* what is outside of it does not exist; NULL: all does */
	bool unasked;                    /* by the clock: not on a paused host, named or not */
	const char *created_by;          /* who asked: "ops (123)" */
	struct fg_pull_options pull;     /* progress, for when the image has to be pulled */
};

/*
 * Placement: of the hosts in scope that both globs match ("" and NULL match all), the one that
 * answers, is not paused for maintenance, and has the most memory free of limits: all that its
 * engine has, less the sum of the memory limits of the containers that run there (one without a
 * limit counts nothing). Where that is equal, the one with the fewest containers, then the first by
 * name. A single host is taken without being asked. NULL: none can take it.
 */
struct fg_host *fg_place(struct fg_fleet *fleet, const struct fg_create *create, const char *glob,
	struct fg_err *err);

/*
 * Create and start an instance and record it (registry NULL: only create it). On any failure
 * (cancel included) what was made is removed again, by a task of its own when this one was
 * cancelled; anonymous volumes go with it, named ones and a pulled image stay. out describes it on
 * success. A name that is taken on that host is FG_ECONFLICT. Warnings (the spec's and the
 * engine's), one a line, are added to warnings.
 */
int fg_instance_create(struct fg_fleet *fleet, struct fg_registry *registry,
	const struct fg_create *create, struct fg_instance *out, struct fg_str *warnings,
	struct fg_err *err);

/* Wait until nothing is being created or taken away again, at most until the deadline: for an
 * ordered end. */
void fg_instance_settle(int64_t deadline);

/*
 * Check everything that can be checked without changing anything: parameters, name, host, and that
 * the name is free there. What a preview shows: the spec, which the caller deletes, and *host.
 * NULL: error.
 */
cJSON *fg_instance_plan(struct fg_fleet *fleet, const struct fg_create *create,
	struct fg_host **host, struct fg_err *err);

#endif
