/* One value after the other. */
#include "notify/level.h"

bool level_is_idle(const struct level *level)
{
	return !level->high && !level->since_ms;
}

enum level_step level_step(
	struct level *level, const struct level_rule *rule, double value, int64_t now_ms)
{
	bool crossed = level->high ? value < rule->limit * LEVEL_RELEASE : value > rule->limit;
	bool gap = level->seen_ms && now_ms - level->seen_ms > rule->gap_ms;

	level->seen_ms = now_ms;
	if (rule->limit <= 0) {
		bool was = level->high;

		*level = (struct level){.seen_ms = now_ms};
		return was ? LEVEL_FALLEN : LEVEL_STAYS;
	}
	if (!crossed) {
		level->since_ms = 0;
		return LEVEL_STAYS;
	}
	if (!level->since_ms || gap)
		level->since_ms = now_ms;
	if (now_ms - level->since_ms < rule->for_ms)
		return LEVEL_STAYS;
	level->since_ms = 0;
	level->high = !level->high;
	return level->high ? LEVEL_RISEN : LEVEL_FALLEN;
}
