/*
 * Folding: an incident passes from one container to the next one of its subject.
 *
 * What dies again and again under new ids is one incident that counts on: when something happens to
 * a container that has no incident of that kind, it takes over the newest one of its subject
 * (subject.h) that is over since NOTIFY_BACKOFF_MOST_MS at most, or whose container is gone since
 * so long, or has died. What another container of a service still suffers from is not taken from
 * it. The incident is then about the new container: its id, name, image and labels decide about
 * buttons, mutes and scopes, and what a closer look at the old one has found is forgotten.
 *
 * Where several containers are one subject at a time, those that died and were not replaced yet are
 * remembered, and the incident recovers when none is left: a replica that comes back does not end
 * what another one is still down of. A new task of a service makes up for the one of its slot, as
 * their names tell ("web.2.…"); of single runs each makes up for the oldest. One that is removed
 * needs no replacement.
 */
#ifndef BOT_NOTIFY_FOLD_H
#define BOT_NOTIFY_FOLD_H

#include "notify/ledger.h"

/* The one of that kind that the next container of the subject takes over; about as in
 * ledger_find(). started: it may be open and of a container that was stopped, too. NULL: none. The
 * subject's entries are loaded. */
struct entry *fold_find(struct ledger *l, enum incident_kind kind, const char *host,
	const char *subject, const char *about, bool started);
/* It is about the container of the report from now on. */
void fold_take(struct entry *e, const struct incident_report *r);
/* It is closed, and its container is no more, or has nothing to do with it any more. */
void fold_let_go(struct ledger *l, struct entry *e);

/* Its container has died; one of its subject is up; one is gone: whether it was down. */
void fold_died(struct entry *e);
void fold_started(struct entry *e, const char *id, const char *name);
bool fold_removed(struct entry *e, const char *id);
/* Whether any is down but that one. */
bool fold_others_down(const struct entry *e, const char *id);

#endif
