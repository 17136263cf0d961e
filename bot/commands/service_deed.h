/*
 * One thing that is done to a service: asked about, begun, done, watched, and told.
 */
#ifndef BOT_COMMANDS_SERVICE_DEED_H
#define BOT_COMMANDS_SERVICE_DEED_H

#include "commands/service_watch.h"
#include "fleetgram/fleet/managed.h"

#define DEED_WARNINGS_CAP 4096

struct deed {
	struct command *c;
	struct fg_service_item *item;
	const char *operation; /* for programs */
	char *preview;         /* HTML; owned */
	char *doing;           /* for the progress, plain; owned */
	char *done;            /* "<b>web</b> …", what it has become; HTML; owned */
	const char *same;      /* why there was nothing to do */
	const char *agreed; /* what must not change until the answer; NULL: the service as it is */
	bool rolls, back;   /* rolls may become true or false by perform */
	bool ends;          /* some of its tasks that run, or all */
	int64_t settle_ms;  /* how long nothing may fail once all run; 0: it need not be waited for
			     */
	int64_t replicas;
	char *image;                 /* to update to; owned */
	struct fg_instance instance; /* of a managed service; else empty */
	struct fg_str warnings;
	int (*perform)(struct deed *d); /* 1: done; 0: nothing to do; -1: c->err */
	void *arg;                      /* of perform */
};

void deed_finish(struct deed *d);
#define cleanup_deed __attribute__((cleanup(deed_finish)))

/* All of it, and what the registry has to know when the swarm rolls it back. */
int deed_run(struct deed *d);

/* Each line of what a swarm warns of. */
void deed_warnings(struct fg_str *html, const struct fg_str *warnings);

#endif
