/*
 * Turns: commands of one chat that change something begin one after another, in the order they were
 * sent.
 */
#ifndef BOT_CHAT_TURN_H
#define BOT_CHAT_TURN_H

#include <stdint.h>
#include "fleetgram/base/err.h"

struct turn;

/* Wait for the chat's turn. NULL: cancelled or out of time. */
struct turn *turn_take(int64_t chat_id, struct fg_err *err);
void turn_release(struct turn *turn);

#endif
