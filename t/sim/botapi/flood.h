/* How often a bot may write, and what it was told to wait for. */
#ifndef SIM_FLOOD_H
#define SIM_FLOOD_H

#include "world.h"

/* Seconds to wait, or 0 when the call may go on; then it is counted. chat may be NULL. */
int64_t flood_check(struct chat *chat);

/*
 * A 429 was given: the same call for the same chat may not come again before it is over. Calls of no
 * chat may be several at a time: another one, with other params, that comes at once was on its way
 * already and is no offence, though it is refused as well.
 */
void refusal_note(const char *method, int64_t chat, const cJSON *params, int64_t seconds);
/* Milliseconds; 0 for none. */
int64_t refusal_left(const char *method, int64_t chat, const cJSON *params, bool *offence);

void flood_reset(void);
void refusals_reset(void);

#endif
