/*
 * What lies unused on the hosts: stopped containers, images, volumes, networks, build cache.
 *
 * A list names each thing with what must not have changed until it is removed; removing looks
 * again, and removes exactly that or nothing.
 */
#ifndef FLEETGRAM_FLEET_UNUSED_H
#define FLEETGRAM_FLEET_UNUSED_H

#include "fleetgram/fleet/fleet.h"
#include "fleetgram/fleet/registry.h"

enum fg_unused_kind {
	FG_UNUSED_BUILDS,     /* records of the build cache that are not in use */
	FG_UNUSED_CONTAINERS, /* stopped, and no instances */
	FG_UNUSED_IMAGES,     /* without a name; `all`: whatever no container was made of */
	FG_UNUSED_NETWORKS, /* made by somebody, on this host alone, and no container needs them */
	FG_UNUSED_VOLUMES,  /* without a name; `all`: named ones too; no container has them */
	FG_UNUSED_KINDS,
};

struct fg_unused {
	struct fg_host *host;
	char id[FG_ID_SIZE]; /* what must not change: an id, or when it was made */
	char *name;          /* what people call it; a volume, and nothing else, is known by it */
	char *note;          /* "exited (1)", "2 anonymous volumes", or "" */
	int64_t created_ms;  /* wall clock; 0: unknown */
	int64_t bytes;       /* that are free without it; -1: unknown */
	int result;          /* 1: removed; 0: left alone, err says why; -1: failed */
	int64_t freed;       /* what the engine says was freed; -1: it does not say */
	struct fg_err err;
};

struct fg_unused_list {
	struct fg_unused *v;
	size_t n;
	struct fg_host **silent;
	size_t silent_n;
};

void fg_unused_finish(struct fg_unused_list *list);
#define cleanup_unused __attribute__((cleanup(fg_unused_finish)))

struct fg_unused_wish {
	unsigned int kinds;              /* FG_UNUSED_BIT() of them */
	bool all;                        /* of images and volumes */
	const char *host;                /* only there; NULL: on every host in scope that is not paused */
	const struct fg_selector *scope; /* NULL: everything */
};

#define FG_UNUSED_BIT(kind) (1u << (kind))

/*
 * out[FG_UNUSED_KINDS]: by host in the fleet's order, then by name. Whatever carries
 * io.fleetgram.protect=true is left out. What is not a container is in scope when its host, its
 * name, its labels and its project are; never in one that excludes by more than name and host.
 */
int fg_unused_list(struct fg_fleet *fleet, struct fg_registry *registry,
	const struct fg_unused_wish *wish, struct fg_unused_list out[FG_UNUSED_KINDS],
	struct fg_err *err);

/*
 * Remove them, each host's one after the other. done(one, arg) is called after each; it may be
 * NULL. *freed is what is really free afterwards, -1 when that cannot be told.
 */
void fg_unused_remove(struct fg_registry *registry, enum fg_unused_kind kind, bool all,
	struct fg_unused_list *list, void (*done)(const struct fg_unused *one, void *arg),
	void *arg, int64_t *freed);

#endif
