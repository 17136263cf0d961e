/*
 * Mutes: what is not told for a while, by selector.
 *
 * A muted incident is recorded as any other, and shown by /incidents; when its mute ends and it is
 * still open, it is told then. Who sees only some containers mutes among those: their scope is part
 * of the mute, and two scopes may have a mute of the same selector each. A host that is paused for
 * maintenance is muted for as long (fg_pause.h), and not among the mutes that are listed.
 */
#ifndef BOT_NOTIFY_MUTES_H
#define BOT_NOTIFY_MUTES_H

#include "app.h"

#define MUTES_MOST 200
#define MUTE_MOST_MS ((int64_t)30 * 24 * 3600 * 1000)

int mutes_setup(struct fg_store *store, struct fg_err *err);

struct mute {
	int64_t id, until_ms; /* wall clock */
	const char *selector; /* "": everything */
	const char *scope;    /* of whoever made it, a selector; "": none */
	const char *by;
};

/* In the open transaction; the same selector and scope again only changes its end. Ones that have
 * ended are forgotten. FG_ETOOBIG: there are MUTES_MOST. */
int mutes_add(struct fg_tx *tx, const struct mute *mute, struct fg_err *err);
/* By selector (NULL: all) of that scope; scope NULL: whatever scope they have. How many still held,
 * or -1. */
int mutes_end(struct fg_tx *tx, const char *selector, const char *scope, struct fg_err *err);
/* Calls each(mute, arg) for those that hold at now_ms, the first to end first. */
void mutes_each(struct fg_store *store, int64_t now_ms,
	void (*each)(const struct mute *mute, void *arg), void *arg);
/* When the last mute that holds for that subject ends; 0: none does. A subject without a name (a
 * host) is muted by selectors with host words only, which "" is too. */
int64_t mutes_until(struct fg_store *store, const struct fg_subject *subject, int64_t now_ms);

/* The same for whoever asks of many subjects: those that hold at now_ms, read and parsed once. */
struct mutes *mutes_load(struct fg_store *store, int64_t now_ms);
void mutes_unload(struct mutes *mutes); /* NULL is fine */
int64_t mutes_find(const struct mutes *mutes, const struct fg_subject *subject);

#endif
