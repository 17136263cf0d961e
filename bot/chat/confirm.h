/*
 * Confirmations that wait in a chat for their button.
 *
 * One is kept in the store with who asked, the command line, the frozen targets and its end; it is
 * used once.
 */
#ifndef BOT_CHAT_CONFIRM_H
#define BOT_CHAT_CONFIRM_H

#include "app.h"

#define CONFIRM_ID 17 /* 16 hex digits and a NUL */

struct confirm {
	char id[CONFIRM_ID];
	int64_t chat_id, user_id;
	int64_t expires_ms; /* wall clock */
	char *line;
	cJSON *targets; /* [{"host","id","name"}] */
};

void confirm_finish(struct confirm *confirm);
#define cleanup_confirm __attribute__((cleanup(confirm_finish)))

int confirm_setup(struct fg_store *store, struct fg_err *err);
/* Keep it; id is chosen. */
int confirm_put(struct fg_store *store, struct confirm *confirm, struct fg_err *err);
/* Look at it. 1: it is there (expired ones too); 0: there is none of that id. */
int confirm_get(struct fg_store *store, const char *id, struct confirm *out, struct fg_err *err);
/* Whether its time is not over; ttl_ms: what it had of it. */
bool confirm_lasts(const struct confirm *confirm, int64_t ttl_ms);
/* Use it up, in the open transaction. */
int confirm_use(struct fg_tx *tx, const char *id, struct fg_err *err);

#endif
