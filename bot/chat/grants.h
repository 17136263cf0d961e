/*
 * Grants: a higher role for somebody the config names, for a while.
 *
 * One is a row in the store that counts until its end, whatever restarts come in between: the wall
 * clock's end, or the earlier one of the machine's own clock. Nobody sets that one, so a wall clock
 * that was set back lengthens nothing; but it stands still in a paused virtual machine, and after
 * another start it is gone (a grant that then lies ahead of the wall clock has ended). It lifts the role, and with it the list of the commands of the lower one; scope and what
 * is denied stay as the config has them. It never lowers, and lets in nobody whom the config does
 * not know: who is taken out of the config is out.
 */
#ifndef BOT_CHAT_GRANTS_H
#define BOT_CHAT_GRANTS_H

#include "chat/roles.h"
#include "fleetgram/base/store.h"

struct grant {
	int64_t user_id;
	const char *name; /* whose it is, and who gave it: for the list */
	const char *by;
	enum role role;
	int64_t until_ms; /* by the wall clock */
};

int grants_setup(struct fg_store *store, struct fg_err *err);
/* In the place of the one they may have. 0, or -1. */
int grants_put(struct fg_tx *tx, const struct grant *grant, struct fg_err *err);
/* 1: it was taken back; 0: there was none; -1. */
int grants_drop(struct fg_tx *tx, int64_t user_id, struct fg_err *err);
/* Call fn with each that still counts, the first to end first; strings are valid until it returns.
 * How many, or -1. */
int grants_each(struct fg_store *store, void (*fn)(const struct grant *grant, void *arg), void *arg,
	struct fg_err *err);

/* Give the person, as the config has them, what was granted to them. */
void grants_raise(struct fg_store *store, struct person *person);

#endif
