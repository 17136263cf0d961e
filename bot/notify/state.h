/* What the parts of the notifier share. */
#ifndef BOT_NOTIFY_STATE_H
#define BOT_NOTIFY_STATE_H

#include "fleetgram/base/list.h"
#include "notify/ledger.h"

struct notify {
	struct app *app;
	struct fg_cond wake;
	bool kicked;
	uint64_t setup_number; /* of the setup whose hosts are listened to */
	struct fg_list outages;
	struct fg_list boards; /* bulletins that are being shown */
	struct fg_list looks;  /* incidents that are being looked at */
	struct fg_group looking;
	struct {
		int64_t id;               /* the bulletin that takes new ones; 0: none */
		int64_t opened_ms, last_ms; /* monotonic */
	} current[STREAMS];
	uint64_t mutes; /* what the mutes were, in short */
	int64_t swept_ms, look_again_ms; /* monotonic */
	int64_t late_ms; /* the same: when what went on too soon is looked at again; 0: nothing did */
	bool troubled;  /* the store takes nothing; said once */
};

/* Each does what is due and brings `next` (monotonic ms) forward to when it has to be called again.
 * -1: the store is in trouble, or the task was cancelled. */

/* hosts.c: outages of hosts become incidents. */
int hosts_turn(struct notify *n, int64_t *next, struct fg_err *err);
void hosts_finish(struct notify *n);
#define FACT_WITH_HOST "with_host" /* it went down with its host, and did not come back with it */
/*
 * Deaths that may be the first sign of a host that goes down (nobody was seen to ask for them, and
 * they look as if somebody had) wait a moment before they are told: each for itself, before the
 * ledger is written (how many there are), and when they are many of one host, after that, for as
 * long as a machine takes. What waits for its host anyway does not.
 */
int64_t hosts_doubt(const struct notify *n, struct ledger *l);
int hosts_doubt_all(struct ledger *l, const char *host, struct fg_err *err);
/* How long (ms) an incident has to wait for its host, which is away, or back since a moment. */
int64_t hosts_hold(const struct notify *n, const struct entry *e, const struct ledger *l);
/* settle.c: what is up long enough has recovered; what is long over is closed and forgotten. */
int settle_turn(struct notify *n, int64_t *next, struct fg_err *err);
/* tell.c: new incidents get a message, unless they have to wait. */
int tell_turn(struct notify *n, int64_t *next, struct fg_err *err);
/* bulletin.c: messages are what they should be. */
int bulletin_turn(struct notify *n, int64_t *next, struct fg_err *err);
/* The first showing of a bulletin may wait a moment for what a closer look finds. */
void bulletin_new(struct notify *n, int64_t id);
void bulletin_finish(struct notify *n);
/* detail.c: take a closer look at doubtful ones; and at that one, if there is a need. */
int detail_turn(struct notify *n, int64_t *next, struct fg_err *err);
void detail_want(struct notify *n, const struct incident *incident);
bool detail_under_way(const struct notify *n, int64_t id);

#endif
