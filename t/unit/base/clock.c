/* RFC 3339 both ways, and the clocks going forward. */
#include "tap.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"

#define BAD INT64_MIN

static const struct {
	const char *s;
	int64_t want;
} parses[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-31T23:59:59.123Z", 1769903999123},
        {"2026-01-31T23:59:59.123456789Z", 1769903999123},
        {"2026-02-01T01:59:59.123+02:00", 1769903999123},
        {"2026-01-31T18:29:59.123-05:30", 1769903999123},
        {"2026-01-31t23:59:59.1z", 1769903999100},
        {"2026-01-31 23:59:59Z", 1769903999000},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"1969-12-31T23:59:59.500Z", -500},
        {"0001-01-01T00:00:00Z", 0},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"", BAD},
        {"2026-01-31", BAD},
        {"2026-01-31T23:59:59", BAD},
        {"2026-02-29T00:00:00Z", BAD},
        {"2026-13-01T00:00:00Z", BAD},
        {"2026-00-01T00:00:00Z", BAD},
        {"2026-01-32T00:00:00Z", BAD},
        {"2026-01-31T24:00:00Z", BAD},
        {"2026-01-31T23:60:00Z", BAD},
        {"2026-01-31T23:59:61Z", BAD},
        {"2026-01-31T23:59:59.Z", BAD},
        {"2026-01-31T23:59:59.1234567890Z", BAD},
        {"2026-01-31T23:59:59Zx", BAD},
        {"2026-01-31T23:59:59+2:00", BAD},
        {"2026-01-31T23:59:59+24:00", BAD},
        {"2026-01-31T23:59:59+0200", BAD},
        {"+026-01-31T23:59:59Z", BAD},
        {"2026-1-31T23:59:59Z", BAD},
        {"garbage", BAD},
};

#define DAY ((int64_t)24 * 3600 * 1000)
#define SOON 60000 /* more than this test takes */

/* Ages while somebody sets the clock. */
static void test_set_clock(void)
{
	int64_t before = fg_wall_ms(), hour_ago = before - DAY / 24;

	is_int(fg_wall_set_ms(), 0, "nobody has set the clock");
	ok(fg_wall_age(hour_ago) >= DAY / 24 && fg_wall_age(hour_ago) < DAY / 24 + SOON, "an hour ago");
	ok(fg_wall_age(before + DAY) == 0, "what lies ahead is not old");
	fg_wall_shift(30000);
	is_int(fg_wall_set_ms(), 0, "half a minute is no jump");
	fg_wall_shift(365 * DAY);
	ok(fg_wall_ms() > before + 365 * DAY, "a year ahead");
	ok(fg_wall_set_ms() > 0, "that is noticed");
	ok(fg_wall_age(before) < SOON, "and nothing is a year old by it");
	ok(fg_wall_age(fg_wall_ms()) < SOON, "nor is what comes after it");
	fg_wall_shift(-2 * 365 * DAY);
	ok(fg_wall_ms() < before, "a year back");
	ok(fg_wall_age(before) < SOON, "what lies a year ahead is not old");
	fg_wall_shift(365 * DAY);
}

int main(void)
{
	char buf[FG_RFC3339];
	int64_t t, before = fg_now_ms();

	for (size_t i = 0; i < FG_ARRAY_LEN(parses); i++) {
		t = BAD;
		is_int(fg_rfc3339_parse(parses[i].s, &t) < 0 ? BAD : t, parses[i].want,
		        parses[i].s);
	}
	is_int(fg_rfc3339_parse(NULL, &t), -1, "no text is no time");
	is_str(fg_rfc3339(buf, 1769903999123), "2026-01-31T23:59:59.123Z", "printed");
	is_str(fg_rfc3339(buf, 0), "1970-01-01T00:00:00.000Z", "the epoch");
	is_str(fg_rfc3339(buf, -1), "1969-12-31T23:59:59.999Z", "before the epoch");
	is_str(fg_rfc3339(buf, -1000), "1969-12-31T23:59:59.000Z", "a whole second before it");
	is_str(fg_rfc3339(buf, INT64_MIN), "0001-01-01T00:00:00.000Z", "too early");
	is_str(fg_rfc3339(buf, INT64_MAX), "9999-12-31T23:59:59.999Z", "too late");
	ok(fg_now_ms() >= before, "the monotonic clock does not go back");
	ok(fg_wall_ms() > 1700000000000, "the wall clock is of this age");
	fg_rfc3339(buf, t = fg_wall_ms());
	is_int(fg_rfc3339_parse(buf, &before), 0, "what is printed can be read");
	is_int(before, t, "and is the same");
	test_set_clock();
	return done_testing();
}
