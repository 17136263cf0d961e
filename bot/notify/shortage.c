/* One look after the other. */
#include <string.h>
#include "notify/shortage.h"

enum trouble_step trouble_step(
	struct trouble *t, int64_t now_ms, bool bad, int64_t for_ms, int64_t over_ms)
{
	if (bad) {
		t->well_ms = 0;
		if (!t->since_ms)
			t->since_ms = now_ms;
		return now_ms - t->since_ms >= for_ms ? TROUBLE_THERE : TROUBLE_STAYS;
	}
	if (!t->well_ms)
		t->well_ms = now_ms;
	if (now_ms - t->well_ms < over_ms)
		return TROUBLE_STAYS;
	t->since_ms = 0;
	return TROUBLE_OVER;
}

static bool is_excused(const struct shortage *s, const struct shortage_seen *seen)
{
	if (seen->ours)
		return true;
	if (seen->updating && seen->now_ms - s->moved_ms < SHORTAGE_STUCK_MS)
		return true;
	return seen->running + seen->fetching >= seen->wanted &&
	       seen->now_ms - s->trouble.since_ms < SHORTAGE_FETCH_MS;
}

enum trouble_step shortage_step(struct shortage *s, const struct shortage_seen *seen)
{
	bool bad = seen->running < seen->wanted;
	enum trouble_step step;

	if (seen->version != s->version) {
		s->trouble.since_ms = 0;
		s->moved_ms = seen->now_ms;
	}
	if (seen->fresh > s->fresh)
		s->moved_ms = seen->now_ms;
	s->version = seen->version;
	s->fresh = seen->fresh;
	step = trouble_step(&s->trouble, seen->now_ms, bad, SHORTAGE_MS, SHORTAGE_MS);
	return step == TROUBLE_THERE && is_excused(s, seen) ? TROUBLE_STAYS : step;
}

/* The swarm says so at its beginning only; the message of its end is that of any rollback. */
static bool is_undone(const struct rollout *r, const char *state, const char *message, bool ours)
{
	if (strncmp(state, "rollback_", 9) != 0)
		return false;
	return r->undone || strstr(message, "due to failure") != NULL || (r->updating && !ours);
}

enum trouble_step rollout_step(struct rollout *r, const char *state, const char *message, bool ours)
{
	bool back = strncmp(state, "rollback_", 9) == 0;

	r->undone = is_undone(r, state, message, ours);
	r->updating = strcmp(state, "updating") == 0;
	if (strcmp(state, "paused") == 0 || strcmp(state, "rollback_paused") == 0 || r->undone)
		return ours ? TROUBLE_STAYS : TROUBLE_THERE;
	return back ? TROUBLE_STAYS : TROUBLE_OVER;
}
