/* Points, packed. */
#include <stdlib.h>
#include <string.h>
#include "fleetgram/base/mem.h"
#include "history/ring.h"

#define FRACTION 10             /* bits of a packed value, below those of the exponent */
#define DROPPED (23 - FRACTION) /* bits of a float's fraction that are rounded away */
#define LOW (127 - 11)          /* a float's exponent that is 0 when packed */
#define MOST ((uint32_t)0x3f << FRACTION | 0x3ff)

struct packed_point {
	uint32_t at_s;
	uint16_t cpu, memory, rx, tx;
};

_Static_assert(sizeof(struct packed_point) == 12, "a packed point has no gaps");

static uint16_t pack(float value)
{
	uint32_t bits, packed;

	if (!(value > 0)) /* no number is nothing, too */
		return 0;
	memcpy(&bits, &value, sizeof(bits));
	bits += (uint32_t)1 << (DROPPED - 1);
	if (bits >> 23 <= LOW)
		return 0;
	packed = (bits >> DROPPED) - ((uint32_t)LOW << FRACTION);
	return (uint16_t)(packed < MOST ? packed : MOST);
}

static float unpack(uint16_t packed)
{
	uint32_t bits = ((uint32_t)packed + ((uint32_t)LOW << FRACTION)) << DROPPED;
	float value;

	if (packed == 0)
		return 0;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

void ring_init(struct ring *r, uint32_t most)
{
	*r = (struct ring){.most = most};
}

void ring_finish(struct ring *r)
{
	free(r->v);
	*r = (struct ring){0};
}

/* It is full, and begins at 0. */
static void grow(struct ring *r)
{
	uint32_t room = r->room + r->room / 2 + 4;

	r->room = room < r->most ? room : r->most;
	r->v = fg_realloc(r->v, r->room, sizeof(*r->v));
	r->next = r->n;
}

void ring_put(struct ring *r, const struct point *p)
{
	if (r->n == r->room && r->room < r->most)
		grow(r);
	r->v[r->next] = (struct packed_point){
		.at_s = p->at_s,
		.cpu = pack(p->cpu),
		.memory = pack(p->memory),
		.rx = pack(p->rx),
		.tx = pack(p->tx),
	};
	r->next = (r->next + 1) % r->room;
	r->n += r->n < r->room;
}

struct point ring_at(const struct ring *r, uint32_t i)
{
	const struct packed_point *p = &r->v[(r->next + r->room - r->n + i) % r->room];

	return (struct point){
		.at_s = p->at_s,
		.cpu = unpack(p->cpu),
		.memory = unpack(p->memory),
		.rx = unpack(p->rx),
		.tx = unpack(p->tx),
	};
}

void ring_cut(struct ring *r, uint32_t from_s)
{
	while (r->n && ring_at(r, r->n - 1).at_s >= from_s) {
		r->next = (r->next + r->room - 1) % r->room;
		r->n--;
	}
}

struct point *ring_copy(const struct ring *r, size_t *len)
{
	struct point *v = fg_alloc((r->n + 1) * sizeof(*v));

	for (uint32_t i = 0; i < r->n; i++)
		v[i] = ring_at(r, i);
	*len = r->n * sizeof(*v);
	return v;
}
