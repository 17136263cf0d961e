/*
 * What happened: every call of the bot in order, and every complaint about one. Sequence numbers
 * only grow, also over a reset, so that a reader can always ask for what came after the last it
 * saw.
 */
#ifndef SIM_CALLS_H
#define SIM_CALLS_H

#include "server.h"

struct call {
	uint64_t seq;
	int64_t at_ms;
	char *method;
	int64_t chat_id; /* 0 when the call names none */
	cJSON *params;
	int code; /* 0 when the call had no effect and no answer */
	bool ok;
	cJSON *answer;     /* the body of the answer; NULL for none */
	const char *fault; /* a fault kind's name; NULL */
};

uint64_t calls_record(
        struct call call); /* takes params, answer and a copy of method; wakes who waits */
uint64_t calls_last(void);
void calls_reset(void);
cJSON *calls_uploads(
        const struct exchange *x); /* the parameters as recorded: files as name and size */

void complain(const char *kind, const char *method, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

void control_calls(struct exchange *x);
void control_complaints(struct exchange *x);

#endif
