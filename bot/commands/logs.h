/*
 * What /logs asks for, and how it is headed, whosever log it is.
 */
#ifndef BOT_COMMANDS_LOGS_H
#define BOT_COMMANDS_LOGS_H

#include "chat/command.h"
#include "commands/tail.h"

#define LOGS_BYTES ((size_t)1024 * 1024) /* of a file */

struct logs_query {
	size_t lines;     /* at most */
	int64_t since_ms; /* how far back; 0: no bound */
	const char *grep; /* NULL: every line */
	bool follow;
	const char **names; /* what is left of the words */
	size_t n;
};

/* The tail, under a head, as the answer. file: what it is called when it is too long for a chat. */
void logs_show(struct command *c, const char *title, const char *file, const struct logs_query *q,
	const struct tail *tail);

#endif
