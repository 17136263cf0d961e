/*
 * Commands that run in containers beside their own: running one, and looking at those of others.
 *
 * One that runs gives its output line by line, stdout and stderr as they come. An engine has no
 * call that ends it: closing only stops listening.
 */
#ifndef FLEETGRAM_DOCKER_EXEC_H
#define FLEETGRAM_DOCKER_EXEC_H

#include <stdbool.h>
#include "fleetgram/base/str.h"
#include "fleetgram/docker/engine.h"
#include "fleetgram/docker/logs.h"

struct fg_exec;

/* Run argv (NULL-terminated, at least one word, taken as it is) in a running container. NULL: it
 * was refused. A program that is not there is no error here: the output and the exit code tell. */
struct fg_exec *fg_exec_start(struct fg_engine *engine, const char *container,
	const char *const *argv, struct fg_err *err);
/* As fg_logs_next(), with no times. The end of the output is not yet the end of the command. */
int fg_exec_next(
	struct fg_exec *exec, struct fg_log_line *line, int64_t deadline, struct fg_err *err);
/* What has come of lines that have not ended (a question, say), for whoever waits for no more of
 * them: false when there is nothing left. */
bool fg_exec_rest(struct fg_exec *exec, struct fg_log_line *line);
/* Wait for the command's end. 1: it has ended with *code; 0: it still runs at the deadline
 * (monotonic ms); -1: error. FG_ENOTFOUND: the engine has forgotten it, for it was restarted. */
int fg_exec_wait(struct fg_exec *exec, int64_t deadline, int *code, struct fg_err *err);
void fg_exec_close(struct fg_exec *exec); /* NULL is fine */

static inline void fg_exec_close_ptr(struct fg_exec **exec)
{
	fg_exec_close(*exec);
}
#define cleanup_exec __attribute__((cleanup(fg_exec_close_ptr)))

/* id: as an inspect's ExecIDs have it. command gets its words in one string, as events tell them,
 * raw. One that has ended may be FG_ENOTFOUND. */
int fg_exec_inspect(struct fg_engine *engine, const char *id, bool *running, struct fg_str *command,
	struct fg_err *err);

/* The command of a container's own healthcheck in the same form; raw: of an inspect. Nothing is
 * added when it has none. */
void fg_exec_healthcheck(const cJSON *raw, struct fg_str *command);

#endif
