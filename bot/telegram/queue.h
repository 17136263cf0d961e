/*
 * The outbox in the store: its rows, and what becomes of one.
 *
 * A row waits, is claimed (marked in a committed transaction before its request is made), is gone
 * (marked without waiting for the disk, in the moment before the request's body leaves), and is
 * settled by what came of the request. So whoever ends this process between two marks leaves no
 * doubt; only an end between the second mark and the body cannot be told from one after it. Rows of a chat are claimed one at a time, by their priority and
 * then in the order of their ids; those that are set aside not before their time. Of a key an
 * earlier row never has the lesser priority or the later time, so that its rows keep their order.
 */
#ifndef BOT_TELEGRAM_QUEUE_H
#define BOT_TELEGRAM_QUEUE_H

#include "fleetgram/base/store.h"

enum queue_state {
	QUEUE_WAITING,
	QUEUE_SENDING,   /* the first send may have left: it has begun to if `gone` is set */
	QUEUE_UNSURE,    /* it may have arrived; its one repeat waits */
	QUEUE_RESENDING, /* the same of the repeat */
};

/* A claimed row. It owns its texts and its file. */
struct queue_item {
	int64_t id, key, chat, thread, reply_to,
		message_id; /* message_id: of the message to edit */
	int64_t created_at, tries, tried_at; /* tried_at: wall ms, 0: never */
	int64_t failing_since; /* wall ms: Telegram has failed at it each time since; 0: it did not */
	bool edit, repeat, silent, photo;
	bool marked; /* what is edited says that it may be a repeat, and goes on to say so */
	bool aside; /* it was set aside before */
	bool caption;                      /* what is edited is a file's caption */
	char *html, *keyboard, *file_name; /* the latter two may be NULL */
	void *file;
	size_t file_len;
};

void queue_item_finish(struct queue_item *item);

enum queue_result {
	QUEUE_NONE,      /* nothing happened yet */
	QUEUE_DELIVERED, /* message_id is known */
	QUEUE_DROPPED,   /* never to be sent */
	QUEUE_KEPT,      /* it did not arrive, and waits again */
	QUEUE_ASIDE,     /* the same, behind all others and for hold_ms, at most QUEUE_ASIDE_MS */
	QUEUE_DOUBTED,   /* kept, though it may have arrived: the next copy says so */
	QUEUE_LOST,      /* it may have arrived: there is one more copy, and no third */
	QUEUE_AS_SEND,   /* what was to be edited is gone: to be sent instead */
	QUEUE_CHAT_GONE, /* nothing can be sent to this chat: it is parked (parked.h) */
	QUEUE_MIGRATED,  /* the chat is now `chat` */
};

#define QUEUE_ASIDE_MS ((int64_t)3600000)
#define QUEUE_KEEP_MS ((int64_t)7 * 86400000) /* what is set aside is tried for so long */

struct queue_outcome {
	enum queue_result result;
	int64_t message_id, chat;
	int64_t hold_ms; /* with QUEUE_KEPT: Telegram's wish, which has to outlive a restart, or 0
			  */
	bool hold_all;   /* it is for every chat */
	const char *why; /* with QUEUE_CHAT_GONE: in Telegram's words */
};

int queue_migrate(struct fg_store *store, struct fg_err *err);
/*
 * After a start: what had begun to leave is unsure now, or, if it was the repeat, given up as sent;
 * what had not goes on as it was. When the machine itself has ended meanwhile nobody knows which
 * had not: then all that was claimed counts as gone.
 */
int queue_recover(struct fg_store *store, struct fg_err *err);

/* Claim the chat's first row into item (zeroed). 1, 0: there is none, -1. */
int queue_claim(struct fg_tx *tx, int64_t chat, struct queue_item *item, struct fg_err *err);
/* The claimed row's request is about to leave, or is known not to have arrived. */
int queue_gone(struct fg_store *store, int64_t id, bool gone, struct fg_err *err);
/* 1: and the chat is parked from now on; 0; -1. */
int queue_settle(struct fg_tx *tx, const struct queue_item *item,
	const struct queue_outcome *outcome, struct fg_err *err);

/* The chat is another one now: all that is known of it moves, but for what is on its way. */
int queue_move(struct fg_tx *tx, int64_t old, int64_t new, struct fg_err *err);

/* Call head() for every chat's first row. It must not wait. */
struct queue_head {
	int64_t chat, id, priority;
	int64_t wait_ms; /* for so long nothing of its chat is to be tried */
};
int queue_heads(struct fg_store *store, void (*head)(const struct queue_head *head, void *arg),
	void *arg, struct fg_err *err);

/* Call hold() for every wait that Telegram asked for and that is not over; chat 0 stands for all.
 */
int queue_holds(struct fg_store *store, void (*hold)(int64_t chat, int64_t left_ms, void *arg),
	void *arg, struct fg_err *err);

#endif
