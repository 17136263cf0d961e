/*
 * Live messages: one message of a chat that shows a state for as long as it changes.
 *
 * A live message belongs to an owner, which has a name within its kind: a command under way, an
 * incident. Its newest state wins: states may come as fast as they like, and are shown at most once
 * in LIVE_PACE_MS (a group: LIVE_GROUP_PACE_MS), the last of them in any case; what the outbox
 * still has to hold back then, it replaces. The same state again costs nothing. The message is sent
 * with the first state and edited from then on, or sent anew where that cannot be (outbox.h).
 *
 * What is open is in the store. An owner that opens it again after a restart goes on with the same
 * message; one that nobody goes on with is edited to say that it was interrupted, so that no chat
 * shows for ever what is no longer under way. The last state is part of its owner's closing
 * transaction.
 */
#ifndef BOT_TELEGRAM_LIVE_H
#define BOT_TELEGRAM_LIVE_H

#include "telegram/outbox.h"

#define LIVE_PACE_MS 2000
#define LIVE_GROUP_PACE_MS 6000 /* a group has 20 messages a minute, and answers go there, too */
#define LIVE_COMMAND "command"  /* the kind whose owners are updates, by their ids */

struct live;

struct live_options {
	struct fg_store *store;
	struct outbox *outbox;
	const char *kind, *owner;
	int64_t chat_id, thread;
	int64_t edit_id; /* the message to show it in; 0: a new one */
	enum outbox_priority priority;
	bool stays; /* its owner outlives a restart: it is not ended by live_recover() */
	bool loud;  /* a new message makes a sound */
};

/* Migrates its table. */
int live_setup(struct fg_store *store, struct fg_err *err);

/*
 * Nothing is shown before the first live_set(), unless an earlier run left that owner's message
 * open: then this is it. Never NULL.
 */
struct live *live_open(const struct live_options *options);
/* Leaves the message open in the store, for who opens it again. NULL is fine. */
void live_destroy(struct live *live);

/* The state now, as HTML and a keyboard of keyboard.h, which is taken over (NULL: none). Does not
 * wait, and cannot fail: while the store takes nothing, the newest state waits. */
void live_set(struct live *live, const char *html, cJSON *keyboard);

/*
 * In the open transaction, the end: m takes the message's place, or is sent when nothing was shown
 * yet. NULL: the last state stays as it is, if there is a message. States that come later are dropped, even when the
 * transaction fails; then it may be closed again. Somebody has to outbox_kick() after the commit.
 */
int live_close(
	struct live *live, struct fg_tx *tx, const struct outbox_message *m, struct fg_err *err);
bool live_shown(const struct live *live); /* there is a message, or one waits to be sent */
/* The newest state is in the outbox: nothing is lost when the live message is destroyed now. */
bool live_settled(const struct live *live);

/* In the open transaction: if that owner's message is still open, it ends and says that it was
 * interrupted. */
int live_end(struct fg_tx *tx, const char *kind, const char *owner, struct fg_err *err);
/* In the open transaction: the messages of all owners whose names begin so stay as they are for
 * good. */
int live_forget(struct fg_tx *tx, const char *kind, const char *beginning, struct fg_err *err);
/*
 * After a start: end those that are open and do not stay, but for those that owned() says somebody
 * is about to open again. How many, or -1.
 */
int live_recover(struct fg_store *store,
	bool (*owned)(struct fg_tx *tx, const char *kind, const char *owner), struct fg_err *err);

#endif
