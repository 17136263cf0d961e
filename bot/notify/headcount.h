/*
 * The head count: how many of a host's containers run when it is back, and which do not any more.
 *
 * It is taken once after an outage, when they have had the time to come up, for each scope that a
 * chat has, and kept with the host's incident. A chat is told the one of its scope and no other.
 */
#ifndef BOT_NOTIFY_HEADCOUNT_H
#define BOT_NOTIFY_HEADCOUNT_H

#include "notify/state.h"

#define FACT_COUNTS "counts" /* {"SCOPE":{"up":12,"down":2,"names":["web","db"]}} */

/* Of a host whose outage is over, back since then (monotonic). 1: taken, now or before, or there is
 * nothing to be counted; 0: its containers have not all been looked at since; -1: err. */
int headcount_take(struct notify *n, const char *host, int64_t back_ms, struct fg_err *err);
/* Add what it says for that scope (a selector's text; NULL: all), if anything. */
void headcount_add(struct fg_str *html, const struct incident *incident, const char *scope);

#endif
