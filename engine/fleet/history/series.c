/* One container's points and starts: taking them in, keeping them, looking back. */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "history/series.h"

#define EARLY_MS 5000 /* a point may come so much before its time */

static int64_t last_ms(const struct ring *r)
{
	return r->n ? (int64_t)ring_at(r, r->n - 1).at_s * 1000 : 0;
}

struct series *series_create(const char *host, const char *name)
{
	struct series *s = fg_alloc(sizeof(*s));

	s->host = fg_strdup(host);
	s->name = fg_strdup(name);
	ring_init(&s->fine, FG_HISTORY_FINE);
	ring_init(&s->coarse, FG_HISTORY_COARSE);
	return s;
}

void series_destroy(struct series *s)
{
	if (!s)
		return;
	free(s->host);
	free(s->name);
	ring_finish(&s->fine);
	ring_finish(&s->coarse);
	free(s);
}

/* What is no row of points, or out of order, is left out. */
static void ring_load(struct ring *r, const void *blob, size_t len)
{
	struct point p;
	uint32_t before = 0;

	if (!blob || len % sizeof(p) != 0 || len / sizeof(p) > r->most)
		return;
	for (size_t at = 0; at < len; at += sizeof(p)) {
		memcpy(&p, (const char *)blob + at, sizeof(p));
		if (p.at_s <= before)
			continue;
		before = p.at_s;
		ring_put(r, &p);
	}
}

bool series_load(struct series *s, struct fg_store *store)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(store, NULL,
		"SELECT fine, coarse, starts, memory_limit FROM history WHERE host = ? AND name = ?",
		"ss", s->host, s->name);
	const void *blob;
	size_t len;

	if (!rows || !fg_rows_next(rows))
		return false;
	blob = fg_rows_blob(rows, 0, &len);
	ring_load(&s->fine, blob, len);
	blob = fg_rows_blob(rows, 1, &len);
	ring_load(&s->coarse, blob, len);
	blob = fg_rows_blob(rows, 2, &len);
	if (blob && len <= sizeof(s->starts) && len % sizeof(*s->starts) == 0) {
		memcpy(s->starts, blob, len);
		s->start_count = (uint32_t)(len / sizeof(*s->starts));
	}
	s->memory_limit = fg_rows_double(rows, 3);
	return true;
}

static void add_up(struct point *sum, const struct point *p, float weight)
{
	sum->cpu += p->cpu * weight;
	sum->memory += p->memory * weight;
	sum->rx += p->rx * weight;
	sum->tx += p->tx * weight;
}

/* The begin of the coarse point that this second is in. */
static uint32_t coarse_begin(uint32_t at_s)
{
	return at_s - at_s % (FG_HISTORY_COARSE_MS / 1000);
}

static void cut_starts(struct series *s, int64_t from_ms)
{
	while (s->start_count && s->starts[s->start_count - 1] >= from_ms)
		s->start_count--;
}

/* The clock was set back: what lies after the reading has not happened yet. */
static void cut(struct series *s, int64_t at_ms)
{
	uint32_t at_s = (uint32_t)(at_ms / 1000);

	ring_cut(&s->fine, at_s + 1);
	ring_cut(&s->coarse, coarse_begin(at_s));
	s->sum_n = 0;
	cut_starts(s, at_ms + 1);
	s->changed = true;
}

static void note_coarse(struct series *s, const struct point *p)
{
	uint32_t begin = coarse_begin(p->at_s);
	struct point average = {.at_s = s->sum.at_s};

	if (s->sum_n && s->sum.at_s != begin) {
		add_up(&average, &s->sum, 1.0f / (float)s->sum_n);
		if ((int64_t)average.at_s * 1000 > last_ms(&s->coarse))
			ring_put(&s->coarse, &average);
		s->sum_n = 0;
	}
	if (!s->sum_n)
		s->sum = (struct point){.at_s = begin};
	add_up(&s->sum, p, 1);
	s->sum_n++;
}

bool series_note(struct series *s, const struct fg_reading *r)
{
	struct point p = {
		.at_s = (uint32_t)(r->at_ms / 1000),
		.cpu = (float)r->cpu_percent,
		.memory = (float)r->memory_bytes,
		.rx = (float)r->rx_rate,
		.tx = (float)r->tx_rate,
	};

	s->read_ms = r->at_ms;
	s->read_memory = (double)r->memory_bytes;
	if (!r->rates)
		return false;
	if (r->at_ms < last_ms(&s->fine) - EARLY_MS)
		cut(s, r->at_ms);
	if (r->at_ms < last_ms(&s->fine) + FG_HISTORY_FINE_MS - EARLY_MS)
		return false;
	ring_put(&s->fine, &p);
	note_coarse(s, &p);
	s->memory_limit = r->memory_limited ? (double)r->memory_limit : 0;
	s->changed = true;
	return true;
}

void series_started(struct series *s, int64_t at_ms)
{
	/* As told again, or by a clock that was set back. */
	cut_starts(s, at_ms);
	if (s->start_count == FG_HISTORY_STARTS)
		memmove(s->starts, s->starts + 1, --s->start_count * sizeof(*s->starts));
	s->starts[s->start_count++] = at_ms;
	s->changed = true;
}

/* Saving */

int series_save(const struct series *s, struct fg_tx *tx, struct fg_err *err)
{
	size_t fine_len, coarse_len;
	cleanup_free struct point *fine = ring_copy(&s->fine, &fine_len);
	cleanup_free struct point *coarse = ring_copy(&s->coarse, &coarse_len);

	return fg_tx_exec(tx, err,
		       "INSERT OR REPLACE INTO history(host, name, fine, coarse, starts, memory_limit,"
		       " saved_ms) VALUES(?, ?, ?, ?, ?, ?, ?)",
		       "ssbbbdi", s->host, s->name, fine, fine_len, coarse, coarse_len, s->starts,
		       s->start_count * sizeof(*s->starts), s->memory_limit, fg_wall_ms()) < 0
		       ? -1
		       : 0;
}

/* Looking back */

static bool is_fresh(int64_t at_ms, int64_t now_ms)
{
	return at_ms && now_ms - at_ms <= FG_HISTORY_FRESH_MS && at_ms - now_ms <= EARLY_MS;
}

bool series_last(const struct series *s, int64_t now_ms, struct fg_slot *last)
{
	*last = (struct fg_slot){0};
	if (is_fresh(last_ms(&s->fine), now_ms)) {
		struct point p = ring_at(&s->fine, s->fine.n - 1);

		*last = (struct fg_slot){
			.known = true,
			.cpu_percent = (double)p.cpu,
			.memory_bytes = (double)p.memory,
			.rx_rate = (double)p.rx,
			.tx_rate = (double)p.tx,
		};
	}
	if (!is_fresh(s->read_ms, now_ms))
		return last->known;
	last->memory_bytes = s->read_memory;
	return true;
}

struct filling {
	const struct fg_span *span;
	struct fg_slot *slots;
	int *counts;
};

static void fill(struct filling *f, const struct ring *r, int64_t from_ms, int64_t to_ms)
{
	const struct fg_span *span = f->span;

	for (uint32_t i = 0; i < r->n; i++) {
		struct point p = ring_at(r, i);
		int64_t at = (int64_t)p.at_s * 1000;
		struct fg_slot *slot;
		size_t k;

		if (at < from_ms || at >= to_ms || at < span->from_ms || at >= span->to_ms)
			continue;
		k = (size_t)((at - span->from_ms) * (int64_t)span->n /
			     (span->to_ms - span->from_ms));
		slot = &f->slots[k];
		slot->known = true;
		slot->cpu_percent += (double)p.cpu;
		slot->memory_bytes += (double)p.memory;
		slot->rx_rate += (double)p.rx;
		slot->tx_rate += (double)p.tx;
		f->counts[k]++;
	}
}

static void divide(struct fg_slot *slot, int n)
{
	slot->cpu_percent /= n;
	slot->memory_bytes /= n;
	slot->rx_rate /= n;
	slot->tx_rate /= n;
}

void series_slots(const struct series *s, const struct fg_span *span, struct fg_slot *slots)
{
	cleanup_free int *counts = fg_alloc(span->n * sizeof(*counts));
	struct filling f = {.span = span, .slots = slots, .counts = counts};
	/* Fine points as far as they go back, coarse ones before that. */
	int64_t fine_from = s->fine.n ? (int64_t)ring_at(&s->fine, 0).at_s * 1000 : INT64_MAX;

	fill(&f, &s->coarse, 0, fine_from);
	fill(&f, &s->fine, fine_from, INT64_MAX);
	for (size_t i = 0; i < span->n; i++)
		if (counts[i] > 1)
			divide(&slots[i], counts[i]);
}

size_t series_starts(const struct series *s, const struct fg_span *span, int64_t *starts)
{
	size_t count = 0;

	for (uint32_t i = 0; i < s->start_count; i++)
		if (s->starts[i] >= span->from_ms && s->starts[i] < span->to_ms)
			starts[count++] = s->starts[i];
	return count;
}
