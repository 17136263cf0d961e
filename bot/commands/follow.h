/*
 * Following a log: the newest lines, as they come.
 */
#ifndef BOT_COMMANDS_FOLLOW_H
#define BOT_COMMANDS_FOLLOW_H

#include "chat/command.h"
#include "fleetgram/docker/logs.h"

/*
 * In a chat one message shows the last lines and is edited for some minutes, or until the container
 * ends; its last state is the command's answer. On a terminal the lines are printed until they end.
 * It begins with the last lines of the log that are wanted.
 */
struct follow_lines {
	const char *grep; /* only lines with that text, whatever its case; NULL: all */
	int64_t since_ms; /* and none older than this; 0: however old */
	struct fg_logs *(*open)(
		const struct fg_log_options *options, void *arg, struct fg_err *err);
	/* Puts in front of a line where it is from, and takes that off the line; NULL: it is all
	 * from one place. */
	void (*origin)(struct fg_str *out, struct fg_log_line *line, void *arg);
	void *arg; /* of both */
};

int follow_run(struct command *c, const struct follow_lines *lines, const char *title);

#endif
