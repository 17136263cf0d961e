/*
 * Rings of points: what is kept of a value, and which points, beside a plain array of all that came.
 */
#include <math.h>
#include <stdlib.h>
#include "fleetgram/base/mem.h"
#include "history/ring.h"
#include "tap.h"

#define MOST 40
#define STEPS 3000

static float kept(float value)
{
	struct ring r;
	struct point p = {.at_s = 1, .cpu = value, .memory = 1, .rx = 2, .tx = 3};
	float got;

	ring_init(&r, 1);
	ring_put(&r, &p);
	got = ring_at(&r, 0).cpu;
	ring_finish(&r);
	return got;
}

static void test_values(void)
{
	static const float exact[] = {0, 0.5f, 1, 7, 50, 100, 1000, 2047, 4096, 1073741824.0f};
	size_t wrong = 0;

	for (size_t i = 0; i < FG_ARRAY_LEN(exact); i++)
		wrong += kept(exact[i]) < exact[i] || kept(exact[i]) > exact[i];
	is_int((int)wrong, 0, "small whole numbers and powers of two stay what they are");
	wrong = 0;
	for (double x = 0.001; x < 4e15; x *= 1.0137)
		wrong += fabs((double)kept((float)x) / x - 1) > 1.0 / 2048 + 1e-6;
	is_int((int)wrong, 0, "any other, from a thousandth to petabytes, is wrong by 1 in 2048 at most");
	ok(!(kept(-5) > 0 || kept(-5) < 0) && !(kept(NAN) > 0 || kept(NAN) < 0) && kept(1e-9f) <= 0,
		"what is less than nothing, no number or very little is nothing");
	ok(isfinite(kept(INFINITY)) && kept(3e38f) > 4e15f, "what is too much is the most there is");
}

/* The ring, and all that it should hold, the oldest first. */
struct pair {
	struct ring ring;
	uint32_t v[STEPS], n;
};

static bool is_same(const struct pair *p)
{
	uint32_t n = p->n < MOST ? p->n : MOST;

	if (p->ring.n != n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (ring_at(&p->ring, i).at_s != p->v[p->n - n + i])
			return false;
	return true;
}

static void test_order(void)
{
	static struct pair p;
	uint32_t at = 1, wrong = 0, wraps = 0;

	srand(1);
	ring_init(&p.ring, MOST);
	ok(p.ring.v == NULL, "an empty one takes no room");
	for (int i = 0; i < STEPS; i++) {
		at += 1 + (uint32_t)rand() % 9;
		ring_put(&p.ring, &(struct point){.at_s = at});
		p.v[p.n++] = at;
		wraps += p.n > MOST;
		if (rand() % 50 == 0) { /* only what the ring still has can be cut */
			uint32_t held = p.n < MOST ? p.n : MOST, from = at - (uint32_t)rand() % 60, cut = 0;

			while (cut < held && p.v[p.n - 1 - cut] >= from)
				cut++;
			ring_cut(&p.ring, from);
			for (uint32_t k = 0; k < held - cut; k++)
				p.v[k] = p.v[p.n - held + k];
			p.n = held - cut;
			at = from;
		}
		wrong += !is_same(&p);
	}
	is_int((int)wrong, 0, "the last ones are there in their order, however many came and were cut");
	ok(wraps > 100, "… of more than there is room for, too");
	ring_finish(&p.ring);
}

int main(void)
{
	test_values();
	test_order();
	return done_testing();
}
