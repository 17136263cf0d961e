/* Shortages: what a swarm says over time, and when that is an incident and when it is over. */
#include "notify/shortage.h"
#include "tap.h"

#define LOOK 10000 /* ms between two looks */

/*
 * A service of 3, look by look: a digit is how many tasks run; f the same as 2, with the third one
 * fetching its image. What goes with it, in the second line: "." nothing, v another version, u the
 * swarm updates it, p the same and it got further, o a command of ours is about it. The third line
 * is what each brought: ! it is (still) an incident, + all is well, "." nothing is to be said.
 */
static const struct {
	const char *what, *running, *with, *steps;
} rows[] = {
	{"nothing", "3333", "....", "..++"},
	{"a moment", "323333", "......", "....++"},
	{"for long", "3222", "....", "...!"},
	{"none", "0000", "....", "..!!"},
	{"more than wanted is well", "4444", "....", "..++"},
	{"it is over when all have run for a while", "222333", "......", "..!..+"},
	{"… and not before", "22232333", "........", "..!.!..+"},
	{"what flaps is one", "2323232", ".......", "..!.!.!"},
	{"what was well for a while begins anew", "23332222", "........", "...+..!!"},
	{"a change begins anew", "222222", "..vv..", ".....!"},
	{"an update that goes on is none", "222222222222", "uuuuuuuuuuuu", "............"},
	{"one that stands still is one", "22222222222222222222222222222222",
		"uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu", "..............................!!"},
	{"one that got further in between is none yet", "22222222222222222222222222222222",
		"uuuuuuuuuuuuuuupuuuuuuuuuuuuuuuu", "................................"},
	{"a command of ours tells", "2222222", "ooooo..", ".....!!"},
	{"a task that fetches its image is on its way", "2fff2", ".....", "....!"},
	{"… in which nothing else is excused", "1fff1", ".....", "....!"},
};

static void test_services(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shortage s = {0};
		int64_t version = 5, fresh = 0;
		char got[64] = "";

		for (size_t k = 0; rows[i].running[k]; k++) {
			char c = rows[i].running[k], with = rows[i].with[k];
			struct shortage_seen seen = {.now_ms = 1000 + (int64_t)k * LOOK,
				.wanted = 3,
				.running = c == 'f' ? 2 : c - '0',
				.fetching = c == 'f',
				.updating = with == 'u' || with == 'p',
				.ours = with == 'o'};

			seen.version = (uint64_t)(version += with == 'v');
			seen.fresh = fresh += with == 'p';
			got[k] = ".!+"[shortage_step(&s, &seen)];
		}
		is_str(got, rows[i].steps, rows[i].what);
	}
}

/* A fetch that does not come to an end. */
static void test_fetch(void)
{
	struct shortage s = {0};
	struct shortage_seen seen = {.now_ms = 1, .wanted = 1, .fetching = 1, .version = 1};

	is_int(shortage_step(&s, &seen), TROUBLE_STAYS, "an image is fetched");
	seen.now_ms += SHORTAGE_FETCH_MS - 1;
	is_int(shortage_step(&s, &seen), TROUBLE_STAYS, "… which may take its time");
	seen.now_ms++;
	is_int(shortage_step(&s, &seen), TROUBLE_THERE, "… and not for ever");
}

#define FAILED "update rolled back due to failure or early termination of task abc"

/* The states of an update, look by look; an o in front: a command of ours was about it. */
static const struct {
	const char *what;
	struct {
		const char *state, *message;
	} looks[5];
	const char *steps;
} updates[] = {
	{"one that goes well", {{"updating", ""}, {"updating", ""}, {"completed", ""}}, "+++"},
	{"paused, and gone on with", {{"updating", ""}, {"paused", "x"}, {"paused", "x"}, {"updating", ""}}, "+!!+"},
	{"paused before it was looked at", {{"paused", "x"}}, "!"},
	{"paused by a command of ours, which tells", {{"oupdating", ""}, {"opaused", "x"}, {"paused", "x"}}, "+.!"},
	{"rolled back by the swarm", {{"updating", ""}, {"rollback_started", FAILED}, {"rollback_completed", "rollback completed"}, {"completed", ""}}, "+!!+"},
	{"… between two looks", {{"updating", ""}, {"rollback_completed", "rollback completed"}}, "+!"},
	{"rolled back by somebody", {{"completed", ""}, {"rollback_started", "manually requested rollback"}, {"rollback_completed", "rollback completed"}}, "+.."},
	{"… by a command of ours", {{"oupdating", ""}, {"orollback_started", ""}, {"orollback_completed", ""}, {"rollback_completed", ""}}, "+..."},
	{"rolled back long ago", {{"rollback_completed", "rollback completed"}}, "."},
	{"a rollback that is paused", {{"rollback_paused", "x"}}, "!"},
};

static void test_updates(void)
{
	for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++) {
		struct rollout r = {0};
		char got[8] = "";

		for (size_t k = 0; k < 5 && updates[i].looks[k].state; k++) {
			const char *state = updates[i].looks[k].state;
			bool ours = *state == 'o';

			got[k] = ".!+"[rollout_step(&r, state + ours, updates[i].looks[k].message, ours)];
		}
		is_str(got, updates[i].steps, updates[i].what);
	}
}

/* As nodes are judged: over at once. */
static void test_nodes(void)
{
	struct trouble t = {0};

	is_int(trouble_step(&t, 1000, true, 10000, 0), TROUBLE_STAYS, "down for a moment");
	is_int(trouble_step(&t, 10999, true, 10000, 0), TROUBLE_STAYS, "… and not long enough");
	is_int(trouble_step(&t, 11000, true, 10000, 0), TROUBLE_THERE, "down");
	is_int(trouble_step(&t, 12000, false, 10000, 0), TROUBLE_OVER, "ready");
	is_int(trouble_step(&t, 13000, true, 10000, 0), TROUBLE_STAYS, "the next time counts anew");
}

int main(void)
{
	test_services();
	test_fetch();
	test_updates();
	test_nodes();
	return done_testing();
}
