/*
 * A level: when a value counts as too high, and when as well again.
 *
 * It is too high once it was above the limit for so long without a break, and well again once it was
 * below LEVEL_RELEASE of the limit for as long: what hovers about the limit is one thing and not
 * many.
 */
#ifndef BOT_NOTIFY_LEVEL_H
#define BOT_NOTIFY_LEVEL_H

#include <stdbool.h>
#include <stdint.h>

#define LEVEL_RELEASE 0.9

struct level_rule {
	double limit;   /* 0: none, and everything is well */
	int64_t for_ms;
	int64_t gap_ms; /* values further apart than this say nothing about the time between them */
};

struct level { /* zeroed: nothing is known */
	bool high;
	int64_t since_ms; /* the value is on the other side since; 0: it is not */
	int64_t seen_ms;
};

enum level_step {
	LEVEL_STAYS,
	LEVEL_RISEN,
	LEVEL_FALLEN,
};

/* Take a value of the moment now_ms (monotonic, above 0). */
enum level_step level_step(
	struct level *level, const struct level_rule *rule, double value, int64_t now_ms);
/* Neither high nor on its way to it. */
bool level_is_idle(const struct level *level);

#endif
