/* Presses of inline buttons: each waits for the bot's one answer. */
#ifndef SIM_CALLBACKS_H
#define SIM_CALLBACKS_H

#include "bot.h"

void callbacks_sweep(void); /* complains about those left without an answer for too long */
void callbacks_reset(void);

void method_answer_callback(struct exchange *x, struct reply *r);
void control_callbacks(struct exchange *x);

/* Registers a press; returns its id, which stays the registry's. */
const char *callback_new(int64_t user, int64_t chat, int64_t message, const char *data);

#endif
