/*
 * The one place that decides what may be asked again, and after how long.
 *
 *	never left (FG_EUNREACHABLE)		any call, counted
 *	perhaps arrived (FG_ELOST)		what is repeatable (by its method), counted
 *	429					any call, not counted, not before retry_after
 *	refused with a 5xx, or with no reason	any call, counted
 *	any other refusal			none
 */
#ifndef BOT_TELEGRAM_POLICY_H
#define BOT_TELEGRAM_POLICY_H

#include <stdbool.h>
#include "fleetgram/base/err.h"
#include "fleetgram/base/retry.h"

#define POLICY_WAIT_MS 60000 /* of 429s within one call; a longer wait is the caller's */

enum policy_class {
	POLICY_FINAL,   /* asking again would change nothing */
	POLICY_FLOOD,   /* too fast: later */
	POLICY_LOST,    /* nobody knows whether it had its effect */
	POLICY_PASSING, /* it had no effect, and may have one later */
};

enum policy_class policy_class(const struct fg_err *err);

/* Whether a second call of the method does no harm when the first had its effect. Of a method that
 * is not in the table nobody knows: no. */
bool policy_repeatable(const char *method);

/* What one call has used up so far; zeroed at its start. */
struct policy_state {
	int failures;
	int64_t waited_ms;
};

/* After a failure: ms to wait before the next attempt, or -1: none. */
int64_t policy_next(struct policy_state *state, const struct fg_retry *retry, const char *method,
	const struct fg_err *err);

/* retry_after with jitter upwards, so that a whole queue does not come back at one moment. */
int64_t policy_pause(const struct fg_retry *retry, int64_t retry_after_ms);

#endif
