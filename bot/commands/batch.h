/*
 * A batch: one thing done to the containers that a command picked, side by side, with its progress
 * in one message and a report of how it went.
 */
#ifndef BOT_COMMANDS_BATCH_H
#define BOT_COMMANDS_BATCH_H

#include "commands/target.h"

struct batch;
struct waves;
struct wave_target;

/* The work on one container. */
struct batch_job {
	const struct batch *batch;
	struct command *c;
	struct fg_item *item; /* what a replacement made is put in here: the report looks at it */
	int result;           /* 1: done; 0: there was nothing to do; -1: err */
	struct fg_err err;
	char same[128];      /* why there was nothing to do; "": what the batch says */
	char step[128];      /* what it is at, for the progress; see batch_step() */
	struct fg_str notes; /* plain text, a line each, for the report */
	cJSON *data;         /* more for programs, added to what is said of the container; owned */
	struct fg_cond *stepped;     /* whom batch_step() wakes */
	struct wave_target *target; /* of the batch's waves; NULL without */
};

struct batch {
	const char *verb, *past; /* "stop", "stopped" */
	const char *same; /* what a container is when there is nothing to do: "not running" */
	int at_once;      /* containers; 0: 8 */
	int (*one)(struct batch_job *job); /* as job->result; in a task of its own */
	const void *arg;                   /* for one() */
	bool gone;                         /* they are no more afterwards: nothing to look at */
	struct waves *waves; /* wave.h: whose todo the items are; NULL: all in one go */
};

/*
 * Do it to all items. The reply says what came of it: for one container a sentence with its new
 * state and buttons, for several a summary that names each failure. An error when all of them
 * failed; in a terminal, where only the exit code tells, when any did.
 */
int batch_each(struct command *c, struct fg_items *items, const struct batch *batch);

/* The same for one of the fleet's operations; waves may be NULL. */
int batch_run(struct command *c, struct fg_items *items, enum fg_operation op,
	const char *argument, struct waves *waves);

/* From one(): say what the job is at. Plain text. */
void batch_step(struct batch_job *job, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
