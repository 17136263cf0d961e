/*
 * Commands that ran in instances: what the engines' events tell of them since the last look.
 */
#ifndef FLEET_IDLE_EXEC_H
#define FLEET_IDLE_EXEC_H

#include "prune/idle.h"

/* What is remembered of each host. */
struct exec_marks;

struct exec_marks *exec_marks_create(void);
void exec_marks_destroy(struct exec_marks *marks);

/* Let those in which a command ran have been used then. Where a host cannot tell, what is on it
 * counts as not measured. sweep: execs_ms moves, and the next look begins where this one ends. -1:
 * canceled. */
int exec_marks_look(struct exec_marks *marks, struct watched *const *v, size_t n, bool sweep,
	struct fg_err *err);

/* Whether a command that is no probe of its health runs in it now. */
bool exec_running(struct fg_host *host, const struct fg_container_info *info);

#endif
