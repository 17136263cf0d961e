/*
 * Watching a service until it is as it was asked to be, with progress in one message.
 *
 * The swarm does the work, and goes on whoever watches; so every wait here has an end, at which it
 * is said how things are and why.
 */
#ifndef BOT_COMMANDS_SERVICE_WATCH_H
#define BOT_COMMANDS_SERVICE_WATCH_H

#include "commands/service_card.h"

enum service_end {
	SERVICE_REACHED,
	SERVICE_PAUSED,      /* the swarm has paused its update or rollback */
	SERVICE_ROLLED_BACK, /* the swarm has rolled its update back */
	SERVICE_STUCK,       /* nothing moves, and there is a reason */
	SERVICE_LATE,        /* it goes on, but has taken too long to be watched */
	SERVICE_LEFT,        /* Fleetgram stops */
	SERVICE_GONE,        /* it was removed meanwhile */
};

struct service_watch {
	struct command *c;
	struct fg_service_item *item;  /* what is known of it is renewed */
	const char *doing;             /* "scaling to 3", for the progress; plain text */
	bool rolls;                    /* its tasks are replaced; else their number changes */
	bool back;                     /* to the spec before: being rolled back is the aim */
	int64_t began_ms;              /* wall clock: failures from then on count */
	struct fg_service_tasks tasks; /* of the last look */
	struct fg_nodes nodes;
};

void service_watch_finish(struct service_watch *w);
#define cleanup_service_watch __attribute__((cleanup(service_watch_finish)))

/* Which end it came to, or -1 with c->err: its swarm does not answer any more. */
int service_watch_run(struct service_watch *w);

#endif
