/*
 * Asking all hosts for their containers at once, without anybody waiting for the slow ones.
 *
 * What is asked outlives the one who asks: a list that comes late is remembered by its host.
 */
#ifndef FLEET_ASK_H
#define FLEET_ASK_H

#include "fleetgram/base/task.h"
#include "fleetgram/fleet/fleet.h"
#include "fleetgram/fleet/selector.h"

/* The question to one host. */
struct ask {
	struct fg_host *host;
	struct fg_containers list; /* what was last known, when it is silent */
	struct fg_err err;         /* why it is silent */
	bool begun, done, silent;
};

/* A container as selectors see it; valid as long as both. */
struct fg_subject item_subject(const struct fg_host *host, const struct fg_container *c);

/* What Compose calls a project: a label of its containers. */
#define ASK_LABEL_PROJECT "com.docker.compose.project"

/* How much stays of a container that may be meant. */
enum ask_keep {
	ASK_ALL,
	ASK_BRIEF, /* no ports and no image id, and of the labels those of template and project */
	ASK_BARE,  /* no labels either */
};

/*
 * What is kept of an answer, as it comes, so that of all hosts together little is in memory: what
 * is in scope; and of that what sel cannot mean, whatever the others are, is without ports, image
 * id and labels (NULL).
 */
struct ask_want {
	const struct fg_selector *scope, *sel; /* last as long as somebody waits; NULL: all */
	enum ask_keep keep;                    /* sel must not read what does not stay */
};

struct asking;

/* Ask these hosts of a fleet, and wait for them as fg_fleet_list() says. NULL: cancelled, or out of
 * time. */
struct asking *asking_run(struct fg_fleet *fleet, struct fg_host *const *hosts, size_t n,
	const struct ask_want *want, struct fg_err *err);
/* One for each host, in their order; their lists may be taken. */
struct ask *asking_answers(struct asking *a, size_t *n);
void asking_end(struct asking *a);

#endif
