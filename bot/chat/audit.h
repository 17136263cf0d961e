/*
 * The audit: a row for everything that was run, and for everything that was refused.
 *
 * Rows are only ever added, in the transaction that ends the command, so that a crash neither loses
 * nor doubles one. Each holds a SHA-256 over the hash of the row before it and its own content: a
 * row that was changed, taken out or put in between breaks the chain, which audit_verify() finds.
 * What is too much is trimmed from the front; the anchor then says with which hash the rest begins.
 * Whoever may write to the database can forge a whole chain: its last hash, noted elsewhere, shows
 * that.
 */
#ifndef BOT_CHAT_AUDIT_H
#define BOT_CHAT_AUDIT_H

#include <stddef.h>
#include <stdint.h>
#include "fleetgram/base/store.h"

#define AUDIT_ROWS 100000 /* the newest ones are kept, by number: a clock may be wrong by years */
#define AUDIT_LINE 1024   /* bytes of a command line that are kept */
#define AUDIT_HASH 65     /* hex digits and a NUL */

/* As AUDIT_DONE and so on are stored and read. */
#define AUDIT_DONE "done"
#define AUDIT_FAILED "failed"
#define AUDIT_REFUSED "refused"
#define AUDIT_ASKED "asked"
#define AUDIT_CANCELLED "cancelled"
#define AUDIT_INTERRUPTED "interrupted"

#define AUDIT_STRANGER "stranger" /* the role of who has none */

/* A row's content. NULL is "". */
struct audit_row {
	int64_t wall_ms; /* when it ended */
	int64_t user_id; /* 0: the local operator */
	const char *name, *role;
	int64_t chat_id, thread; /* 0: a terminal; no topic */
	const char *command;     /* its name in the table */
	const char *line;        /* the whole, without the slash; cut to AUDIT_LINE */
	const char *targets;     /* "HOST/NAME HOST/NAME": what it was about */
	const char *result;      /* AUDIT_… */
	const char *error;       /* what was said of a failure or a refusal */
	int64_t took_ms;
};

int audit_setup(struct fg_store *store, struct fg_err *err);
/* Append, in the open transaction, and trim now and then. 0, or -1. */
int audit_add(struct fg_tx *tx, const struct audit_row *row, struct fg_err *err);
/* The same for somebody who is in no entry of the config: no more than a few rows an hour, so that
 * strangers cannot push out what matters. */
int audit_add_stranger(struct fg_tx *tx, const struct audit_row *row, struct fg_err *err);
/* Drop all but the newest so many rows. 0, or -1. */
int audit_trim(struct fg_tx *tx, int64_t rows, struct fg_err *err);

struct audit_check {
	int64_t rows;          /* in the chain, as far as it holds */
	int64_t first;         /* the number of the oldest one; 0: there is none */
	int64_t broken;        /* the number of the first that does not fit; 0: all do */
	char last[AUDIT_HASH]; /* the chain's last hash; "" for an empty one */
	char why[128];         /* of the break */
};

/* Walk the whole chain. 0: out is filled, whatever was found; -1: it could not be read. */
int audit_verify(struct fg_store *store, struct audit_check *out, struct fg_err *err);

#endif
