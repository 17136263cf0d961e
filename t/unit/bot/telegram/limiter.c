/* The outgoing limits, in simulated time. */
#include "fleetgram/base/mem.h"
#include "telegram/limiter.h"
#include "tap.h"

static const struct limiter_rates usual = {
	.global_per_second = 30, .chat_per_second = 1, .group_per_minute = 20};

/* Send `count` messages as soon as each may go; at[] gets the times. */
static void run(struct limiter *l, int64_t chat, int64_t *at, int count, int64_t now)
{
	for (int i = 0; i < count; i++) {
		now = limiter_when(l, chat, now);
		limiter_take(l, chat, now);
		at[i] = now;
	}
}

/* The most messages in any window of that span. */
static int densest(const int64_t *at, int count, int64_t span)
{
	int most = 0;

	for (int i = 0; i < count; i++) {
		int n = 0;

		for (int j = i; j < count && at[j] < at[i] + span; j++)
			n++;
		most = n > most ? n : most;
	}
	return most;
}

static void test_private(void)
{
	struct limiter *l = limiter_create(&usual);
	int64_t at[60];

	run(l, 42, at, 60, 1000);
	is_int(at[LIMITER_BURST - 1], 1000, "a quiet private chat may get a burst");
	ok(at[LIMITER_BURST] >= 2000, "and then has to wait");
	ok(at[59] - at[LIMITER_BURST] >= (59 - LIMITER_BURST) * 1000, "the average is kept");
	ok(at[59] - at[0] < 60 * 1050, "and hardly undershot");
	is_int(limiter_when(l, 43, at[59]), at[59], "another chat is free meanwhile");
	limiter_destroy(l);
}

static void test_group(void)
{
	struct limiter *l = limiter_create(&usual);
	int64_t at[70];

	run(l, -42, at, 70, 1000);
	ok(at[1] - at[0] >= 1000, "a group gets no burst");
	ok(densest(at, 70, 60000) <= 20, "never more than the minute's share in any minute");
	ok(at[69] - at[0] < 4 * 60000, "and no fewer than possible");
	limiter_destroy(l);
}

static void test_global(void)
{
	struct limiter *l = limiter_create(&usual);
	int64_t at[300], now = 5000;

	for (int i = 0; i < 300; i++) {
		now = limiter_when(l, 1000 + i, now);
		limiter_take(l, 1000 + i, now);
		at[i] = now;
	}
	is_int(densest(at, 300, 1000), 30, "never more than the second's share in any second");
	ok(at[299] - at[0] < 10 * 1050, "and no fewer than possible");
	limiter_destroy(l);
}

static void test_late(void)
{
	struct limiter *l = limiter_create(&usual), *all = limiter_create(&(struct limiter_rates){1, 100, 100});

	limiter_take(l, -42, 1000);
	limiter_late(l, -42, 1000, 1400);
	ok(limiter_when(l, -42, 1400) >= 2400, "what leaves late holds back what follows it");
	limiter_late(l, -43, 1000, 1400);
	limiter_take(all, 1, 1000);
	limiter_late(all, 1, 1000, 1400);
	ok(limiter_when(all, 2, 1400) >= 2400, "in other chats, too");
	limiter_destroy(l);
	limiter_destroy(all);
}

static void test_fast(void)
{
	struct limiter *l = limiter_create(&(struct limiter_rates){1000, 500, 60000});
	int64_t at[1000], now = 1;

	run(l, 7, at, 1000, 1);
	ok(at[999] - at[0] >= 1990, "a high rate is kept");
	ok(at[999] - at[0] < 2300, "and reached");
	for (int i = 0; i < 1000; i++) {
		now = limiter_when(l, 5000 + i, now);
		limiter_take(l, 5000 + i, now);
		at[i] = now;
	}
	ok(densest(at, 1000, 1000) <= 1000, "so is a high rate over all");
	limiter_destroy(l);
}

static void test_hold(void)
{
	struct limiter *l = limiter_create(&usual);

	limiter_hold(l, 5, 50000);
	is_int(limiter_when(l, 5, 1000), 50000, "a held chat waits");
	is_int(limiter_when(l, 6, 1000), 1000, "the others do not");
	limiter_hold(l, 5, 20000);
	is_int(limiter_when(l, 5, 1000), 50000, "a shorter hold does not end a longer one");
	is_int(limiter_held(l, 5), 50000, "it can be asked for");
	limiter_hold(l, 0, 70000);
	is_int(limiter_when(l, 6, 1000), 70000, "a hold for all");
	is_int(limiter_when(l, 5, 80000), 80000, "they end");
	limiter_destroy(l);
}

static void test_configure(void)
{
	struct limiter *l = limiter_create(&usual);
	int64_t at[40];

	run(l, -1, at, 15, 1000);
	limiter_configure(l, &(struct limiter_rates){30, 1, 10});
	ok(limiter_when(l, -1, at[14]) >= at[5] + 60000,
		"after a reload what was sent still counts");
	limiter_configure(l, &(struct limiter_rates){30, 1, 100});
	ok(limiter_when(l, -1, at[14]) <= at[14] + 1100, "and a wider limit holds at once");
	limiter_destroy(l);
}

static void test_memory(void)
{
	struct limiter *l = limiter_create(&(struct limiter_rates){1000000, 1, 20});
	int64_t now = 1;

	limiter_hold(l, 77, 1000000000);
	for (int64_t i = 0; i < 100000; i++) {
		now += 10;
		limiter_take(l, 1000 + i, now);
	}
	ok(limiter_chats(l) < 4000, "chats at rest are forgotten (%zu remembered)",
		limiter_chats(l));
	is_int(limiter_when(l, 77, now), 1000000000, "one that is held is not");
	limiter_destroy(l);
}

int main(void)
{
	test_private();
	test_group();
	test_global();
	test_fast();
	test_late();
	test_hold();
	test_configure();
	test_memory();
	return done_testing();
}
