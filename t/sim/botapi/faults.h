/* Faults on demand: what goes wrong with which call, and how often. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "server.h"

enum fault_action {
	FAULT_EMPTY,
	FAULT_ERROR,
	FAULT_GARBAGE,
	FAULT_HANG,
	FAULT_HTML,
	FAULT_RESET,
	FAULT_SLOW,
	FAULT_TRUNCATE,
};

struct fault_kind {
	const char *name;
	enum fault_action action;
	bool effect; /* whether the call is carried out */
	int code;    /* what is answered unless the fault says otherwise */
};

struct fault {
	struct fault *next;
	const struct fault_kind *kind;
	char *method; /* a glob; a leading ! means all others */
	char *description;
	bool any_chat, effect;
	int64_t chat_id, left; /* left: how many more times; negative until cleared */
	int64_t retry_after, delay_ms;
	int code;
};

/* The first fault that fits, counted; NULL for none. Valid until faults are cleared or the next is
 * taken. */
const struct fault *fault_take(const char *method, int64_t chat);

void faults_clear(void);
void control_fault(struct exchange *x);
cJSON *faults_json(void);

#endif
