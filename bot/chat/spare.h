/*
 * Sparing: what a command that changes something leaves alone without being told.
 */
#ifndef BOT_CHAT_SPARE_H
#define BOT_CHAT_SPARE_H

#include "chat/command.h"

/* Take what is on paused hosts out of the items that n words have picked, unless a word names the
 * host; those hosts are in items->paused then. -1: nothing is left. */
int spare_paused(
	struct command *c, const char *const *words, size_t n, struct fg_items *items);
/* Nothing is left, said of a command that goes by whole hosts. Always -1. */
int spare_refuse(struct command *c, const struct fg_host *host);

#endif
