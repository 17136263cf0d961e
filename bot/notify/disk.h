/*
 * The disk under an engine's root folder.
 *
 * The Engine API does not tell how full it is. It is looked at directly where the engine is on this
 * machine: its socket is a Unix socket, it names this machine's host name and kernel as its own, and
 * the folder is there. (A socket may lead to another machine, or into another container.)
 */
#ifndef BOT_NOTIFY_DISK_H
#define BOT_NOTIFY_DISK_H

#include "fleetgram/fleet/fleet.h"

struct disk {
	char path[256];
	uint64_t used_bytes, size_bytes; /* of what anybody but root can use */
	double percent;
};

/* Whether it may be on this machine at all, without asking. */
bool disk_may_be_here(const struct fg_host *host);
/* 1: out is filled; 0: it cannot be told; -1: err. */
int disk_look(struct fg_host *host, struct disk *out, struct fg_err *err);

#endif
