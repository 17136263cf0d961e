/*
 * The outbox: everything that is to be said, kept in the store until Telegram has it.
 *
 * Messages leave several chats at a time, within the limiter's bounds. Within a chat answers go
 * before notices and progress comes last; those of one priority keep their order, but for what was
 * set aside. A send is
 * marked in the store before it leaves: one whose answer never came, or that a crash interrupted,
 * is sent once more with a note that it may be a repeat, and after that given up as sent. Before
 * that repeat, and after any other failure that is Telegram's and not the message's, a harmless
 * call has to get an answer, so that an outage costs no message its second chance. What Telegram
 * goes on failing at (5xx) for the longest pause of the policy while it takes something else, or for
 * OUTBOX_STUBBORN_MS, is set aside: what is behind it goes on, and it is tried again after the
 * others, less and less often, for 7 days; in the first hour also with whatever arrives in its chat,
 * and the first of them that arrives brings the others. Errors that will
 * not pass (400) drop the message with a log line, and those of a whole chat (403, "chat not
 * found") park the chat with all that waits for it (parked.h); HTML that Telegram cannot parse is sent again as plain text; a
 * thread, a message to reply to or a keyboard that it does not take is left out; what is too long
 * is cut.
 *
 * A message has a key, under which it can be replaced later: while it still waits the new text
 * takes its place, after it was sent it is edited, and when it cannot be edited any more it is sent
 * anew. Of several edits that wait only the newest is sent. "Not modified" is success. Keys are
 * known for 7 days, and the newest 10,000.
 */
#ifndef BOT_TELEGRAM_OUTBOX_H
#define BOT_TELEGRAM_OUTBOX_H

#include "fleetgram/base/store.h"
#include "telegram/limiter.h"
#include "telegram/telegram.h"

#define OUTBOX_LATE_MS 60000      /* a message older than this says how late it is; edits do not */
#define OUTBOX_STUBBORN_MS 300000 /* Telegram fails at a message for so long: it is set aside */

struct outbox;

/* Migrates its tables. Rows that a crash left behind are taken up again. In a task. */
struct outbox *outbox_create(
	struct fg_store *store, struct telegram *tg, struct limiter *limiter, struct fg_err *err);
void outbox_destroy(struct outbox *ob); /* NULL is fine; outbox_run() has ended */

enum outbox_priority {
	OUTBOX_ANSWER,
	OUTBOX_NOTICE,
	OUTBOX_PROGRESS
}; /* within a chat and between chats */

struct outbox_message {
	int64_t chat_id, thread; /* thread 0: none */
	int64_t reply_to;        /* message_id, 0: none */
	const char *html;      /* at most 4096 UTF-16 units after parsing; a file's caption: 1024 */
	const cJSON *keyboard; /* an InlineKeyboardMarkup; NULL: none */
	struct {
		const char *name; /* NULL: no file */
		const void *data;
		size_t len;
		bool photo; /* as a photo instead of a document */
	} file;
	int64_t edit_id; /* edit this message of the chat instead of sending (one a button is on);
			    0: send */
	bool silent;     /* without a sound */
	enum outbox_priority priority;
};

/*
 * Put a message into the open transaction; returns its key (> 0), or -1. After the commit somebody
 * has to outbox_kick(). An edit_id of a message that has a key keeps it. What is for a group that
 * became a supergroup goes there.
 */
int64_t outbox_push(struct fg_tx *tx, const struct outbox_message *m, struct fg_err *err);
/*
 * Replace the message of that key; html, keyboard and priority of m are used. When nothing is known
 * of the key any more, m is sent whole under it. 0, or -1.
 */
int outbox_replace(
	struct fg_tx *tx, int64_t key, const struct outbox_message *m, struct fg_err *err);

/* New messages are in the store, or the options of the Bot API have changed. */
void outbox_kick(struct outbox *ob);

/* Runs in a task of its own until it is cancelled. */
void outbox_run(void *outbox);
/*
 * Wait until nothing waits that could go within a second, at most until the deadline: for an
 * ordered end. Returns at once when outbox_run() is not running.
 */
void outbox_flush(struct outbox *ob, int64_t deadline);
int outbox_depth(struct outbox *ob); /* messages that wait, but for those of parked chats */

/*
 * The chat has begun to refuse (parked.h), for the reason `why` in Telegram's words: called once a
 * parking, in the transaction that notes it, to push what somebody elsewhere has to know. 0, or -1.
 */
typedef int outbox_parked_fn(
	struct fg_tx *tx, int64_t chat, const char *why, void *arg, struct fg_err *err);
void outbox_on_parked(struct outbox *ob, outbox_parked_fn *fn, void *arg);
/* Somebody has spoken in that chat: if it is parked, it is tried again now. */
void outbox_unpark(struct outbox *ob, int64_t chat);
/* Telegram says that a group is a supergroup of another id now (moves.h). No harm if it is known. */
void outbox_moved(struct outbox *ob, int64_t old, int64_t new);

#endif
