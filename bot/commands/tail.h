/*
 * A tail: the last lines of something long, in bounded memory.
 *
 * Lines are added for as long as there are any; what is older than the newest `lines` or goes
 * beyond `bytes` is dropped now and then, so that a line costs the same however many came before.
 */
#ifndef BOT_COMMANDS_TAIL_H
#define BOT_COMMANDS_TAIL_H

#include "fleetgram/base/str.h"

struct tail {
	struct fg_str text;
	size_t lines, bytes; /* the most that is kept */
	size_t count;        /* lines in text */
	bool cut;            /* bytes were too few for what lines allowed */
};

void tail_init(struct tail *t, size_t lines, size_t bytes);
void tail_finish(struct tail *t);
#define cleanup_tail __attribute__((cleanup(tail_finish)))

/* Add text as a line, or as several when it holds line ends. */
void tail_add(struct tail *t, const char *text, size_t len);
/* No more lines come: text is the tail now. */
void tail_end(struct tail *t);

#endif
