/* The history: which series are kept, where they are found, and when they are saved. */
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/list.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/history.h"
#include "history/series.h"

#define BATCH 50     /* series in one transaction */
#define BUCKETS 1024 /* of the table of names */
#define DAY_MS ((int64_t)24 * 3600 * 1000)

struct fg_history {
	struct fg_store *store;
	struct fg_list series;
	size_t count;
	struct fg_list buckets[BUCKETS]; /* the same by their names */
	unsigned char key[crypto_shorthash_KEYBYTES];
};

static const char *const steps[] = {
	"CREATE TABLE history(host TEXT NOT NULL, name TEXT NOT NULL, fine BLOB, coarse BLOB,"
	" starts BLOB, memory_limit REAL NOT NULL, saved_ms INTEGER NOT NULL,"
	" PRIMARY KEY(host, name)) WITHOUT ROWID;",
};

struct fg_history *fg_history_create(struct fg_store *store, struct fg_err *err)
{
	struct fg_history *h;

	if (fg_store_migrate(store, "history", steps, FG_ARRAY_LEN(steps), err) < 0)
		return NULL;
	h = fg_alloc(sizeof(*h));
	h->store = store;
	fg_list_init(&h->series);
	for (size_t i = 0; i < BUCKETS; i++)
		fg_list_init(&h->buckets[i]);
	crypto_shorthash_keygen(h->key);
	return h;
}

static void forget(struct fg_history *h, struct series *s)
{
	fg_list_remove(&s->link);
	fg_list_remove(&s->bucket);
	h->count--;
	series_destroy(s);
}

void fg_history_destroy(struct fg_history *h)
{
	if (!h)
		return;
	while (!fg_list_empty(&h->series))
		forget(h, fg_list_first(&h->series, struct series, link));
	free(h);
}

static uint64_t hash(const struct fg_history *h, const char *text)
{
	uint64_t sum;

	crypto_shorthash((unsigned char *)&sum, (const unsigned char *)text, strlen(text), h->key);
	return sum;
}

static struct fg_list *bucket_of(struct fg_history *h, const char *host, const char *name)
{
	return &h->buckets[(hash(h, host) * 31 + hash(h, name)) % BUCKETS];
}

/* Of those in memory; NULL: it is not there. */
static struct series *find(struct fg_history *h, const char *host, const char *name)
{
	struct series *s;

	fg_list_each (bucket_of(h, host, name), s, bucket)
		if (strcmp(s->name, name) == 0 && strcmp(s->host, host) == 0)
			return s;
	return NULL;
}

/* Of those in the store; the caller keeps or destroys it. NULL: it is not there. */
static struct series *read_one(struct fg_history *h, const char *host, const char *name)
{
	struct series *s = series_create(host, name);

	if (series_load(s, h->store))
		return s;
	series_destroy(s);
	return NULL;
}

/*
 * For one more. What is measured goes round, so that the oldest of too many would be the next that
 * is due: it goes when it gets no points any more, and is in the store.
 */
static bool make_room(struct fg_history *h, int64_t now_ms)
{
	struct series *oldest = fg_list_first(&h->series, struct series, link);

	if (h->count < FG_HISTORY_MOST)
		return true;
	if (oldest->changed || oldest->saving || now_ms - oldest->noted_ms < FG_HISTORY_STALE_MS)
		return false;
	forget(h, oldest);
	return true;
}

/* There is room. */
static void keep(struct fg_history *h, struct series *s, int64_t now_ms)
{
	s->noted_ms = now_ms;
	fg_list_append(&h->series, &s->link);
	fg_list_append(bucket_of(h, s->host, s->name), &s->bucket);
	h->count++;
}

void fg_history_note(struct fg_history *h, const struct fg_reading *r)
{
	const char *host = r->item->host->name, *name = r->item->c.name;
	struct series *s;

	s = find(h, host, name);
	if (!s) {
		if (!make_room(h, r->taken_ms))
			return;
		s = series_create(host, name);
		(void)series_load(s, h->store);
		keep(h, s, r->taken_ms);
	}
	if (!series_note(s, r))
		return;
	s->noted_ms = r->taken_ms;
	fg_list_remove(&s->link);
	fg_list_append(&h->series, &s->link);
}

void fg_history_started(struct fg_history *h, const char *host, const char *name, int64_t at_ms)
{
	struct series *s = find(h, host, name);
	int64_t now_ms = fg_now_ms();

	if (!s) {
		s = read_one(h, host, name);
		if (!s || !make_room(h, now_ms)) {
			series_destroy(s);
			return;
		}
		keep(h, s, now_ms);
	}
	series_started(s, at_ms);
}

/* Saving */

/* A series that changes while it is on its way to the disk is saved again. */
static void end_saving(struct fg_history *h, bool done)
{
	struct series *s;

	fg_list_each (&h->series, s, link) {
		s->changed |= s->saving && !done;
		s->saving = false;
	}
}

/* How many were saved, or -1. */
static int save_some(struct fg_history *h, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	struct series *s;
	int n = 0;

	if (fg_tx_begin(h->store, &tx, err) < 0)
		return -1;
	fg_list_each (&h->series, s, link) {
		if (!s->changed || n == BATCH)
			continue;
		if (series_save(s, &tx, err) < 0)
			return -1;
		s->changed = false;
		s->saving = true;
		n++;
	}
	if (fg_tx_exec(&tx, err, "DELETE FROM history WHERE saved_ms < ?", "i",
		    fg_wall_ms() - DAY_MS) < 0)
		return -1;
	return fg_tx_commit(&tx, err) < 0 ? -1 : n;
}

int fg_history_save(struct fg_history *h, struct fg_err *err)
{
	int n;

	do {
		n = save_some(h, err);
		end_saving(h, n >= 0);
	} while (n == BATCH);
	return n < 0 ? -1 : 0;
}

void fg_history_run(void *history)
{
	struct fg_history *h = history;
	struct fg_err err;

	while (fg_task_sleep(FG_HISTORY_SAVE_MS, NULL) == 0)
		if (fg_history_save(h, &err) < 0)
			fg_debug("the history is not saved: %s", err.text);
}

/* Looking back */

bool fg_history_last(struct fg_history *h, const char *host, const char *name, struct fg_slot *last)
{
	const struct series *s = find(h, host, name);

	return s && series_last(s, fg_wall_ms(), last);
}

bool fg_history_has(struct fg_history *h, const char *host, const char *name)
{
	return find(h, host, name) != NULL;
}

int fg_history_get(struct fg_history *h, const char *host, const char *name,
	const struct fg_span *span, struct fg_slot *slots, double *memory_limit, int64_t *starts,
	size_t *start_count)
{
	const struct series *s = find(h, host, name);
	struct series *stored = s ? NULL : read_one(h, host, name);

	memset(slots, 0, span->n * sizeof(*slots));
	s = s ? s : stored;
	if (start_count)
		*start_count = 0;
	if (memory_limit)
		*memory_limit = s ? s->memory_limit : 0;
	if (s && span->n && span->to_ms > span->from_ms) {
		series_slots(s, span, slots);
		if (starts && start_count)
			*start_count = series_starts(s, span, starts);
	}
	series_destroy(stored);
	return s != NULL;
}
