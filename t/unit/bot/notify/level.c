/* Levels: values over time, and when they count as too high and as well again. */
#include "notify/level.h"
#include "tap.h"

#define FOR 60
#define GAP 90
#define LIMIT 80

/* Values 30 ms apart, as letters: l(ow, 50), s(lightly below the limit, 75), L(imit itself, 80), h(igh, 95), and "-" for
 * one that did not come. The second line says what each brought: ^ risen, v fallen, "." nothing. */
static const struct {
	const char *what, *values, *steps;
} rows[] = {
	{"nothing", "llll", "...."},
	{"the limit itself is not above it", "LLLLLL", "......"},
	{"short", "lhhl", "...."},
	{"for long", "lhhhh", "...^."},
	{"from the first value on", "hhh", "..^"},
	{"a break begins it anew", "hhlhhh", ".....^"},
	{"… also one that is only slightly below", "hhshhh", ".....^"},
	{"told once", "hhhhhhhh", "..^....."},
	{"well again for as long", "hhhlll", "..^..v"},
	{"not long enough", "hhhllh", "..^..."},
	{"slightly below is not well yet", "hhhsssssss", "..^......."},
	{"… and begins the time anew", "hhhllslll", "..^.....v"},
	{"hovering is one thing", "hhhlhshlhshl", "..^........."},
	{"again after it was well", "hhhlllhhh", "..^..v..^"},
	{"a value that did not come", "h-hh", "..^."},
	{"a gap says nothing about the time in it", "h----hhh", ".......^"},
	{"… while it is high neither", "hhhl----lll", "..^.......v"},
	{"a gap alone is no end", "hhh------hh", "..^........"},
};

static void test_rows(void)
{
	static const double values[] = {['l'] = 50, ['s'] = 75, ['L'] = LIMIT, ['h'] = 95};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct level_rule rule = {LIMIT, FOR, GAP};
		struct level level = {0};
		char got[32] = "";
		size_t n = strlen(rows[i].values);

		for (size_t k = 0; k < n; k++) {
			char c = rows[i].values[k];

			got[k] = '.';
			if (c != '-')
				got[k] = ".^v"[level_step(&level, &rule, values[(int)c], 1000 + (int64_t)k * 30)];
		}
		is_str(got, rows[i].steps, rows[i].what);
	}
}

static void test_rules(void)
{
	struct level_rule rule = {LIMIT, FOR, GAP};
	struct level level = {0};

	ok(level_is_idle(&level), "what was never looked at is idle");
	level_step(&level, &rule, 95, 1000);
	ok(!level_is_idle(&level) && !level.high, "what is above is on its way");
	level_step(&level, &rule, 50, 1030);
	ok(level_is_idle(&level), "and idle again below");
	for (int i = 0; i < 3; i++)
		level_step(&level, &rule, 95, 1060 + i * 30);
	ok(level.high && !level_is_idle(&level), "high is not idle");
	rule.limit = 100;
	ok(level_step(&level, &rule, 89, 1150) == LEVEL_STAYS && level_step(&level, &rule, 89, 1180) == LEVEL_STAYS &&
			level_step(&level, &rule, 89, 1210) == LEVEL_FALLEN,
		"another limit holds at once");
	level = (struct level){.high = true};
	rule.limit = 0;
	ok(level_step(&level, &rule, 95, 2000) == LEVEL_FALLEN && level_step(&level, &rule, 95, 2030) == LEVEL_STAYS,
		"without a limit all is well");
	level = (struct level){.high = true};
	rule.limit = LIMIT;
	ok(level_step(&level, &rule, 95, 5000) == LEVEL_STAYS && level_step(&level, &rule, 10, 5030) == LEVEL_STAYS &&
			level_step(&level, &rule, 10, 5090) == LEVEL_FALLEN,
		"one that was high before a restart ends as any other");
}

int main(void)
{
	test_rows();
	test_rules();
	return done_testing();
}
