/*
 * The fleet: the hosts of the config, and what runs on them.
 *
 * A host is an engine with a name and a state of health, learnt from every call that is made and
 * from probes. A dead, slow or lying host costs the others nothing: questions to all hosts run side
 * by side, each with its own deadline, and answers say who is missing, and what was last known of
 * it. A host may be paused for maintenance: what happens there is then expected. A fleet is
 * reference-counted, since a reload of the config makes a new one while commands still run on the
 * old.
 */
#ifndef FLEETGRAM_FLEET_FLEET_H
#define FLEETGRAM_FLEET_FLEET_H

#include "fleetgram/docker/container.h"
#include "fleetgram/docker/engine.h"
#include "fleetgram/fleet/selector.h"

struct fg_host {
	char *name, *url;
	struct fg_engine *engine;
	bool known; /* it was asked at least once; before that `up` means nothing */
	bool up;
	int64_t since_ms;                 /* wall clock: up or down since */
	int64_t checked_ms;               /* monotonic: when it last answered or failed */
	double latency_ms;                /* of the last probe */
	struct fg_err why;                /* why it is down */
	struct fg_engine_version version; /* of its last good answer; "" before that */
	bool slow;                        /* it took longer than FG_FLEET_PATIENCE_MS, or still does */
	int64_t slow_ms;                  /* wall clock: since when */
	int64_t listed_ms;                /* wall clock: what is known of its containers is of then */
	int64_t paused_ms; /* wall clock: for maintenance until then; 0: it is not. See pause.h */
	const struct fg_engine_info *info; /* what the engine last said of itself; NULL: nothing */
	int64_t info_ms;                   /* monotonic: when it did */
	struct fg_fleet *fleet;            /* whose it is */
};

struct fg_host_options {
	const char *name; /* [A-Za-z0-9._-]{1,64}, unique in the fleet */
	struct fg_engine_options engine;
};

struct fg_fleet;

struct fg_fleet *fg_fleet_create(void);
int fg_fleet_add(struct fg_fleet *fleet, const struct fg_host_options *options, struct fg_err *err);
struct fg_fleet *fg_fleet_ref(struct fg_fleet *fleet);
void fg_fleet_unref(struct fg_fleet *fleet); /* NULL is fine; the last one ends it */

size_t fg_fleet_count(const struct fg_fleet *fleet);
struct fg_host *fg_fleet_host(struct fg_fleet *fleet, size_t index);
struct fg_host *fg_fleet_find(struct fg_fleet *fleet, const char *name); /* NULL: no such host */

/*
 * Take note of how a call to the host went; NULL: well. Signs of death are FG_EUNREACHABLE,
 * FG_ELOST, FG_EPROTO and FG_EIO; an engine that answered no is alive. A time-out alone only casts
 * doubt, since a call may wait for a slow container: a probe in the background then decides.
 * Returns true when `up` changed, or became known.
 */
bool fg_host_note(struct fg_host *host, const struct fg_err *err);

/* Call changed(host, arg) whenever fg_host_note() or a probe finds a host up or down, the first
 * time included (since_ms is then new). It must not wait. */
void fg_fleet_on_change(
	struct fg_fleet *fleet, void (*changed)(struct fg_host *host, void *arg), void *arg);

/*
 * Ping every host and ask for its version, all at once, each for at most timeout_ms; states,
 * latencies and versions are new after it. The ping decides about `up`; where only the version does
 * not come, the last one stays.
 */
void fg_fleet_probe(struct fg_fleet *fleet, int64_t timeout_ms);

/*
 * The containers of one host, as its engine lists them now. How it went is noted of the host, and
 * what came is remembered as what was last known, for when the host does not answer: at most
 * FG_KNOWN_HOST_BYTES of one host and FG_KNOWN_FLEET_BYTES of all; of what is beyond, nothing.
 */
#define FG_KNOWN_HOST_BYTES ((size_t)1024 * 1024)
#define FG_KNOWN_FLEET_BYTES ((size_t)12 * 1024 * 1024)
int fg_host_list(struct fg_host *host, struct fg_containers *out, struct fg_err *err);

/* What was last known of a host's containers, as of listed_ms; without ports and image ids. Nothing
 * when it never answered. */
void fg_host_known(struct fg_host *host, struct fg_containers *out);

/* End what is still asked in the background; before the process does. */
void fg_fleet_leave(void);

/* What is known of hosts of the same name and address is known from the start: after a reload. */
void fg_fleet_inherit(struct fg_fleet *fleet, struct fg_fleet *before);

/*
 * Ask the hosts' engines what they are, side by side, each for at most timeout_ms: it is in their
 * info then. Not asked are those that are down or slow, and those that have said so within
 * max_age_ms.
 */
void fg_hosts_ask(
	struct fg_host *const *hosts, size_t n, int64_t max_age_ms, int64_t timeout_ms);

/* A container and where it is. */
struct fg_item {
	struct fg_host *host;
	struct fg_container c;
};

struct fg_items {
	struct fg_item *v;
	size_t n;
	struct fg_item *stale; /* last known on the hosts in `silent`: to be shown, never acted on */
	size_t stale_n;
	struct fg_host **silent; /* hosts that did not answer (yet); why is in the host */
	size_t silent_n;
	struct fg_host **paused; /* hosts that were left out for being paused, by whoever does so */
	size_t paused_n;
};

void fg_items_finish(struct fg_items *items);
#define cleanup_items __attribute__((cleanup(fg_items_finish)))

/*
 * The containers on all hosts that scope (NULL: everything) lets one see and sel (NULL: everything)
 * picks, by host in the fleet's order, then by name. What is out of scope does not exist. Hosts
 * that neither can concern are not asked. Hosts that do not answer are in `silent`, and what was
 * last known of them in `stale`; only when none answers is it an error. The items point at hosts:
 * keep a reference to the fleet as long as them.
 *
 * A single host is waited for as long as its own timeout. Of several, one that was down before is
 * only waited for as long as nobody minds, while it is probed in the background; the others are
 * given FG_FLEET_PATIENCE_MS together. One that takes longer goes on being asked in the background
 * and counts as slow until an answer comes in time again: meanwhile it is given hardly more time
 * than the others have taken.
 */
#define FG_FLEET_PATIENCE_MS 5000
int fg_fleet_list(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, struct fg_err *err);
/* The same of just these hosts of the fleet, and all that is on them. */
int fg_hosts_list(struct fg_fleet *fleet, struct fg_host *const *hosts, size_t n,
	struct fg_items *out, struct fg_err *err);
/* For those who only show: only when none answers, and nothing is known, is it an error. */
int fg_fleet_list_known(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, struct fg_err *err);

/* The same for those who show a line of each: without ports and image ids, and of the labels only
 * those of the template and the Compose project. */
int fg_fleet_list_brief(struct fg_fleet *fleet, const struct fg_selector *scope,
	struct fg_items *out, struct fg_err *err);

/* The same for those who only count, of all in scope: without labels, ports and image ids where a host
 * has answered, which are most of what ten thousand containers take. */
int fg_fleet_list_bare(struct fg_fleet *fleet, const struct fg_selector *scope,
	struct fg_items *out, struct fg_err *err);

/*
 * The same for a command that names its targets: nothing picked is FG_ENOTFOUND, with near misses
 * (within scope) in the text, and the hosts that did not answer; only stale ones picked is
 * FG_EUNREACHABLE. A word means the same among what is there and what is only known. near, when not
 * NULL, gets up to FG_NEAR names as "HOST/NAME" (or "NAME" with a single host), which the caller
 * frees.
 */
#define FG_NEAR 3
int fg_fleet_pick(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, char *near[FG_NEAR],
	struct fg_err *err);
/* For those who only show: that there are only stale ones is no error. */
int fg_fleet_pick_known(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, char *near[FG_NEAR],
	struct fg_err *err);
/* … and show a line of each: as fg_fleet_list_brief(), unless sel reads labels. */
int fg_fleet_pick_brief(struct fg_fleet *fleet, const struct fg_selector *scope,
	const struct fg_selector *sel, struct fg_items *out, char *near[FG_NEAR],
	struct fg_err *err);

/* What a selector looks at in an item; the strings are the item's. */
struct fg_subject fg_item_subject(const struct fg_item *item);
/* The same of a container on a host that was looked at closely; the strings are the info's. */
struct fg_subject fg_info_subject(
	const struct fg_host *host, const struct fg_container_info *info);

/* "NAME", or "HOST/NAME" when the fleet has several hosts: how a container is called in what people
 * read. Caller frees. */
char *fg_item_title(const struct fg_item *item);

#endif
