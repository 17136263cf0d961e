/* Backoff doubles, spreads, and never undercuts what was asked for. */
#include "tap.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/retry.h"

static const struct fg_retry exact = {.attempts = 3, .min_ms = 400, .max_ms = 30000, .jitter = 0};

static const struct {
	int failures;
	int64_t retry_after, want;
} rows[] = {
        {1, 0, 400},
        {2, 0, 800},
        {3, 0, 1600},
        {7, 0, 25600},
        {8, 0, 30000},
        {1000000, 0, 30000},
        {0, 0, 400},
        {-5, 0, 400},
        {1, 5000, 5000},
        {1, 399, 400},
        {8, 31000, 31000},
        {1, 3600000, 3600000},
        {1, -1, 400},
};

static void test_jitter(void)
{
	struct fg_retry p = {.attempts = 3, .min_ms = 1000, .max_ms = 30000, .jitter = 0.1};
	int64_t low = INT64_MAX, high = 0, d;
	bool floor_held = true;

	for (int i = 0; i < 2000; i++) {
		d = fg_retry_delay(&p, 1, 0);
		low = d < low ? d : low;
		high = d > high ? d : high;
		floor_held = floor_held && fg_retry_delay(&p, 1 + i % 10, 5000) >= 5000;
	}
	ok(low >= 900 && high <= 1100, "within a tenth of the delay");
	ok(low < 950 && high > 1050, "and spread over it");
	ok(floor_held, "what the other side asked for is a floor");
	p.jitter = 1;
	for (int i = 0; i < 1000; i++) {
		d = fg_retry_delay(&p, 1, 0);
		if (d < 0 || d > 2000)
			break;
	}
	ok(d >= 0 && d <= 2000, "the widest jitter is never negative");
}

int main(void)
{
	struct fg_retry odd = {.attempts = 1, .min_ms = 500, .max_ms = 100, .jitter = 0};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++)
		is_int(fg_retry_delay(&exact, rows[i].failures, rows[i].retry_after), rows[i].want,
		        "delay");
	test_jitter();
	is_int(fg_retry_delay(&odd, 5, 0), 100, "a maximum below the minimum wins");
	odd.min_ms = 0;
	is_int(fg_retry_delay(&odd, 100, 0), 0, "no delay stays none");
	odd = (struct fg_retry){.attempts = 1, .min_ms = INT64_MAX / 4, .max_ms = INT64_MAX / 2};
	is_int(fg_retry_delay(&odd, 100, 0), INT64_MAX / 2, "nothing overflows");
	return done_testing();
}
