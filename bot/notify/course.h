/*
 * The course of an incident: how it is opened, goes on, settles, recovers and ends.
 *
 * These change a ledger and nothing else. Times of happenings are the engine's; how long something
 * has been so is judged by the clock of this machine.
 */
#ifndef BOT_NOTIFY_COURSE_H
#define BOT_NOTIFY_COURSE_H

#include "notify/ledger.h"

/* A stop from outside is not told for so long: it may be the beginning of the engine's own end, which
 * gives what does not listen ten seconds, or of a container that is made anew ("docker compose up"),
 * which tells of nothing. */
#define COURSE_STOPPED_MS 12000

/* What notify_report(), notify_recovered(), notify_replaced() and notify_gone() do. 1: it was opened;
 * 0; -1: err. */
int course_report(struct ledger *l, const struct incident_report *report, struct fg_err *err);
int course_recovered(struct ledger *l, enum incident_kind kind, const char *host, const char *id,
	int64_t at_ms, struct fg_err *err);
int course_replaced(struct ledger *l, const char *host, const char *id, struct fg_err *err);
int course_gone(struct ledger *l, enum incident_kind kind, const char *host, const char *id,
	struct fg_err *err);
/* Happenings of the watch. */
int course_happened(struct ledger *l, const struct fg_happening *v, struct fg_err *err);

/* It is over; how: of FACT_OVER, NULL: it is as it should be again. */
void course_over(struct ledger *l, struct entry *e, const char *how, int64_t at_ms);
void course_close(struct ledger *l, struct entry *e);
/* It has a new message, that bulletin. When it may have its next one: wall clock; 0: it had none. */
void course_told(struct ledger *l, struct entry *e, int64_t bulletin);
int64_t course_may_tell_ms(const struct entry *e);
/* Whether what happened last is to be told although its container was removed meanwhile: a message
 * may come for it, as the last one was long enough before it. */
bool course_is_news(const struct entry *e);

#endif
