/*
 * One message of the outbox on its way: what is asked of Telegram, and what its answer means for
 * the message and for the others.
 */
#ifndef BOT_TELEGRAM_SENDER_H
#define BOT_TELEGRAM_SENDER_H

#include "telegram/limiter.h"
#include "telegram/queue.h"
#include "telegram/telegram.h"

/* What a failure says about more than the one message. */
enum sender_trouble {
	SENDER_FINE,
	SENDER_CANCELED, /* the task was told to stop: there is no outcome, the row stays as it was
			    claimed */
	SENDER_FLOOD,    /* the chat, or all of them, have to wait for outcome.hold_ms */
	SENDER_AWAY,     /* Telegram may be out of reach */
	SENDER_REFUSED,  /* the token is not accepted */
};

struct sender_report {
	struct queue_outcome outcome;
	enum sender_trouble trouble;
	struct fg_err err; /* of a trouble */
};

/*
 * Send or edit, waiting for the limiter's turn before each request; what Telegram does not take of
 * it (tags, thread, …) is left out until the rest arrives. Changes item so that it can be asked
 * again as it was left. The store is told whether a send is gone (queue.h).
 */
void sender_run(struct telegram *tg, struct limiter *limiter, struct fg_store *store,
	struct queue_item *item, struct sender_report *report);

#endif
