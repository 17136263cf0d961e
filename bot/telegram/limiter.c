/* The outgoing limits: a sliding window for all chats and for each group, a bucket for each chat.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "telegram/limiter.h"

#define BUCKETS 1024     /* of the table of chats; a power of two */
#define SWEEP_FIRST 1024 /* chats, before those at rest are looked for */
#define WINDOW_MOST 64   /* times a window remembers; faster rates keep to a part of its span */
#define SPREAD_MS 25     /* two messages may arrive that much closer together than they left */

/* At most `count` in any `span_ms`; at[] is a ring of when the last ones went. */
struct window {
	int64_t *at; /* 0: never */
	int count, next;
	int64_t span_ms;
};

struct chat {
	struct chat *next;
	int64_t id, hold;
	int64_t due_us;       /* when the bucket will be full again */
	struct window minute; /* of a group */
};

struct limiter {
	struct limiter_rates rates;
	struct window second;
	int64_t hold;
	size_t chats, sweep_at;
	struct chat *table[BUCKETS];
};

static void window_init(struct window *w, int count, int64_t span_ms)
{
	w->count = count > WINDOW_MOST ? WINDOW_MOST : count > 0 ? count : 1;
	w->span_ms = (count > WINDOW_MOST ? span_ms * WINDOW_MOST / count : span_ms) + SPREAD_MS;
	w->next = 0;
	w->at = fg_alloc(sizeof(*w->at) * (size_t)w->count);
}

static int64_t window_when(const struct window *w)
{
	return w->at[w->next] ? w->at[w->next] + w->span_ms : 0;
}

static void window_take(struct window *w, int64_t now)
{
	w->at[w->next] = now ? now : 1;
	w->next = (w->next + 1) % w->count;
}

static void window_late(struct window *w, int64_t taken, int64_t now)
{
	for (int i = 0; i < w->count; i++) {
		if (w->at[i] == taken) {
			w->at[i] = now;
			return;
		}
	}
}

/* The same history under a new rate: the newest times that fit. */
static void window_change(struct window *w, int count, int64_t span_ms)
{
	struct window old = *w;

	window_init(w, count, span_ms);
	for (int i = 0; i < old.count; i++)
		if (old.at[(old.next + i) % old.count])
			window_take(w, old.at[(old.next + i) % old.count]);
	free(old.at);
}

/* When the whole of it is free again. */
static int64_t window_rest(const struct window *w)
{
	int64_t last = w->at[(w->next + w->count - 1) % w->count];

	return last ? last + w->span_ms : 0;
}

static int64_t interval_us(const struct limiter *l)
{
	int64_t rate = l->rates.chat_per_second > 0 ? l->rates.chat_per_second : 1;

	return 1000000 / rate + (int64_t)SPREAD_MS * 1000 / rate;
}

static size_t slot_of(int64_t id)
{
	return (size_t)((uint64_t)id * 0x9e3779b97f4a7c15u >> 32) & (BUCKETS - 1);
}

static struct chat *find(const struct limiter *l, int64_t id)
{
	struct chat *c = l->table[slot_of(id)];

	while (c && c->id != id)
		c = c->next;
	return c;
}

static bool at_rest(const struct chat *c, int64_t now)
{
	return c->hold <= now && c->due_us <= now * 1000 &&
	       (!c->minute.at || window_rest(&c->minute) <= now);
}

static void chat_free(struct chat *c)
{
	free(c->minute.at);
	free(c);
}

/* Forget the chats at rest; when few are, look again only after as many more have come. */
static void sweep(struct limiter *l, int64_t now)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct chat **link = &l->table[i];

		while (*link) {
			struct chat *c = *link;

			if (!at_rest(c, now)) {
				link = &c->next;
				continue;
			}
			*link = c->next;
			chat_free(c);
			l->chats--;
		}
	}
	l->sweep_at = l->chats * 2 > SWEEP_FIRST ? l->chats * 2 : SWEEP_FIRST;
}

static struct chat *find_or_add(struct limiter *l, int64_t id, int64_t now)
{
	struct chat *c = find(l, id);

	if (c)
		return c;
	if (l->chats >= l->sweep_at)
		sweep(l, now);
	c = fg_alloc(sizeof(*c));
	c->id = id;
	if (id < 0)
		window_init(&c->minute, l->rates.group_per_minute, 60000);
	c->next = l->table[slot_of(id)];
	l->table[slot_of(id)] = c;
	l->chats++;
	return c;
}

struct limiter *limiter_create(const struct limiter_rates *rates)
{
	struct limiter *l = fg_alloc(sizeof(*l));

	l->rates = *rates;
	l->sweep_at = SWEEP_FIRST;
	window_init(&l->second, rates->global_per_second, 1000);
	return l;
}

void limiter_destroy(struct limiter *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		while (l->table[i]) {
			struct chat *c = l->table[i];

			l->table[i] = c->next;
			chat_free(c);
		}
	}
	free(l->second.at);
	free(l);
}

void limiter_configure(struct limiter *l, const struct limiter_rates *rates)
{
	l->rates = *rates;
	window_change(&l->second, rates->global_per_second, 1000);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct chat *c = l->table[i]; c; c = c->next)
			if (c->minute.at)
				window_change(&c->minute, rates->group_per_minute, 60000);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t limiter_when(struct limiter *l, int64_t chat_id, int64_t now)
{
	int64_t when = later(l->hold, window_when(&l->second));
	int64_t ahead = (chat_id < 0 ? 0 : LIMITER_BURST - 1) * interval_us(l);
	const struct chat *c = find(l, chat_id);

	if (c) {
		when = later(when, c->hold);
		when = later(when, (c->due_us - ahead + 999) / 1000);
		if (c->minute.at)
			when = later(when, window_when(&c->minute));
	}
	return later(when, now);
}

void limiter_take(struct limiter *l, int64_t chat_id, int64_t now)
{
	struct chat *c = find_or_add(l, chat_id, now);

	window_take(&l->second, now);
	c->due_us = later(c->due_us, now * 1000) + interval_us(l);
	if (c->minute.at)
		window_take(&c->minute, now);
}

void limiter_late(struct limiter *l, int64_t chat_id, int64_t taken, int64_t now)
{
	struct chat *c = find(l, chat_id);

	if (!c || now <= taken)
		return;
	window_late(&l->second, taken, now);
	c->due_us += (now - taken) * 1000;
	if (c->minute.at)
		window_late(&c->minute, taken, now);
}

void limiter_hold(struct limiter *l, int64_t chat_id, int64_t until)
{
	struct chat *c;

	if (chat_id == 0) {
		l->hold = later(l->hold, until);
		return;
	}
	c = find_or_add(l, chat_id, 0);
	c->hold = later(c->hold, until);
}

int64_t limiter_held(const struct limiter *l, int64_t chat_id)
{
	const struct chat *c = chat_id ? find(l, chat_id) : NULL;

	return chat_id == 0 ? l->hold : c ? c->hold : 0;
}

size_t limiter_chats(const struct limiter *l)
{
	return l->chats;
}
