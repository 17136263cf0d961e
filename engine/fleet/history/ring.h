/*
 * A ring of points: the last so many, in little room, which is taken only as they come.
 *
 * Thousands of rings are in memory, so each of the four values is kept in 16 bits: 6 of exponent
 * and 10 of fraction, wrong by one in 2048 at most, which no chart can show. Less than 2^-10 is 0.
 */
#ifndef FLEET_HISTORY_RING_H
#define FLEET_HISTORY_RING_H

#include <stddef.h>
#include <stdint.h>

/* As it is in the store, too: of this machine, in its byte order. */
struct point {
	uint32_t at_s; /* wall clock */
	float cpu, memory, rx, tx;
};

struct packed_point;

struct ring {
	struct packed_point *v;
	uint32_t most, room, next, n; /* room: of v, by now */
};

void ring_init(struct ring *r, uint32_t most);
void ring_finish(struct ring *r);
void ring_put(struct ring *r, const struct point *p);   /* of too many the oldest goes */
struct point ring_at(const struct ring *r, uint32_t i); /* the oldest is 0 */
void ring_cut(struct ring *r, uint32_t from_s);         /* those from that second on */
struct point *ring_copy(
	const struct ring *r, size_t *len); /* in order, len in bytes; caller frees */

#endif
