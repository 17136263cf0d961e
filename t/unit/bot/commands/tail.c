/*
 * Tails: the newest lines, whatever came before them.
 */
#include <stdlib.h>
#include "commands/tail.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

static void add(struct tail *t, const char *s)
{
	tail_add(t, s, strlen(s));
}

static void lines(void)
{
	cleanup_tail struct tail t = {0};

	tail_init(&t, 3, 1000);
	tail_end(&t);
	is_str(t.text.s, "", "no lines, no tail");
	add(&t, "one");
	add(&t, "two");
	tail_end(&t);
	is_str(t.text.s, "one\ntwo\n", "fewer lines than asked for");
	is_int(t.count, 2, "and they are counted");
	for (int i = 0; i < 100; i++)
		add(&t, "x");
	add(&t, "");
	add(&t, "a\nb");
	tail_end(&t);
	is_str(t.text.s, "\na\nb\n", "the last three, an empty one among them");
	is_int(t.count, 3, "three");
	ok(!t.cut, "nothing was cut for its size");
}

static void bytes(void)
{
	cleanup_tail struct tail t = {0};
	cleanup_free char *big = fg_alloc(5001);

	memset(big, 'x', 5000);
	tail_init(&t, 1000, 20);
	for (int i = 0; i < 1000; i++)
		add(&t, "12345678");
	tail_end(&t);
	is_str(t.text.s, "12345678\n12345678\n", "as many as there is room for");
	ok(t.cut, "which is known");
	add(&t, big);
	tail_end(&t);
	is_str(t.text.s, "12345678\nxxxxxxxxxx\n", "a line that is too long is shortened");
	ok(t.text.room <= 4096, "memory is bounded (%zu)", t.text.room);
}

int main(void)
{
	lines();
	bytes();
	return done_testing();
}
