/*
 * One look at one swarm: what was read, and what is to be said of it. Private to swarms*.c.
 */
#ifndef BOT_NOTIFY_SWARMS_LOOK_H
#define BOT_NOTIFY_SWARMS_LOOK_H

#include "fleetgram/fleet/swarm.h"
#include "notify/ledger.h"
#include "notify/shortage.h"
#include "notify/swarms.h"

struct swarms {
	struct app *app;
	struct fg_cond changed;
	struct fg_list subjects;
};

/* A service, node or swarm that is, or may be, in trouble. */
struct subject {
	struct fg_list link;
	enum incident_kind kind;
	char id[FG_SWARM_ID], swarm[FG_SWARM_ID];
	struct shortage shortage;
	struct rollout rollout;
	char *said; /* the facts of the last report */
};

/* An incident that is open. */
struct open {
	enum incident_kind kind; /* INCIDENT_DIED: of a task of the service `id` */
	char id[FG_SWARM_ID], swarm[FG_SWARM_ID];
	char node[FG_SWARM_ID]; /* of a task */
	char *host, *container;
	bool loop;       /* it keeps restarting: that it runs for a moment is no end of it */
	int64_t last_ms; /* wall clock: when it happened last */
};

/* What is to be written. */
struct change {
	enum incident_kind kind;
	enum { REPORT, RECOVERED, REPLACED, GONE } what;
	const char *id, *name, *image, *host;
	const cJSON *labels;
	cJSON *facts; /* owned */
};

/* One look at one swarm. */
struct look {
	struct swarms *s;
	struct setup *setup;
	struct fg_swarm *swarm;
	struct fg_services services;
	struct fg_nodes nodes;
	struct fg_service_tasks tasks;
	struct open *open;
	size_t open_n;
	struct change *changes;
	size_t change_n;
};

void subject_destroy(struct subject *t);
bool service_is_short(const struct fg_service *s);

/* From what was read, and what is open, to what is to be written. Does not wait. none: it has no
 * leader, and nothing else was read. */
void look_judge(struct look *look, bool none);
/* What time has said about its services and nodes is forgotten. */
void look_start_anew(struct look *look);

#endif
