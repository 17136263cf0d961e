/*
 * The outgoing limits: how soon the next message may go to a chat.
 *
 * Three bounds, which sends and edits share:
 *	- all chats together: never more than global_per_second within any second;
 *	- one chat: chat_per_second on the average; a private chat that was quiet may get
 *	  LIMITER_BURST messages at once (a reply in several pieces), a group may not;
 *	- one group: never more than group_per_minute within any minute.
 * What Telegram itself asked to wait for, by a 429, comes on top: for one chat, or for all. Chats
 *that are at rest are forgotten, so memory follows the chats that were written to lately.
 */
#ifndef BOT_TELEGRAM_LIMITER_H
#define BOT_TELEGRAM_LIMITER_H

#include <stddef.h>
#include <stdint.h>

#define LIMITER_BURST 3

struct limiter_rates {
	int global_per_second, chat_per_second, group_per_minute;
};

struct limiter;

struct limiter *limiter_create(const struct limiter_rates *rates);
void limiter_destroy(struct limiter *l); /* NULL is fine */
/* New rates from a reload. What was sent lately still counts, and holds stay. */
void limiter_configure(struct limiter *l, const struct limiter_rates *rates);

/* Monotonic ms at which a message to chat_id may go; not later than now means at once. Negative ids
 * are groups. */
int64_t limiter_when(struct limiter *l, int64_t chat_id, int64_t now);
void limiter_take(struct limiter *l, int64_t chat_id, int64_t now); /* one goes now */
/* The one that was taken at `taken` leaves only now: what follows it has to be as far behind. */
void limiter_late(struct limiter *l, int64_t chat_id, int64_t taken, int64_t now);
/* Nothing to chat_id (0: to anybody) before `until`; an earlier hold that ends later stays. */
void limiter_hold(struct limiter *l, int64_t chat_id, int64_t until);
int64_t limiter_held(const struct limiter *l, int64_t chat_id); /* until when; 0: no hold */
size_t limiter_chats(const struct limiter *l);                  /* remembered */

#endif
