/* What went down with its host and was taken for a stop. */
#ifndef BOT_NOTIFY_REDRESS_H
#define BOT_NOTIFY_REDRESS_H

#include "notify/state.h"

/*
 * What was stopped while the host went away, or with it, is down through no will of anybody when it
 * stays down: an accident, whatever its exit code. until_ms: wall clock of when the host was back.
 */
int redress(struct notify *n, const char *host, int64_t until_ms, struct fg_err *err);

#endif
