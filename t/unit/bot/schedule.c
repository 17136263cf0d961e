/*
 * What is due of a schedule: run, missed, or settled already, whatever the clock does; and what is
 * noted of one that changes while it is looked at.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "telegram/scratch.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "schedule.h"
#include "tap.h"

#define AT(text) "2026-01-05T" text "Z"

static const struct {
	const char *name, *cron, *seen, *now; /* seen NULL: never looked at */
	bool away;
	const char *run, *settled, *next; /* run NULL: none */
	int missed;
} cases[] = {
	{"new", "0 * * * *", NULL, AT("10:30:00"), false, NULL, AT("10:30:00"), AT("11:00:00"), 0},
	{"new, after a start", "0 * * * *", NULL, AT("10:30:00"), true, NULL, AT("10:30:00"),
		AT("11:00:00"), 0},
	{"not yet", "0 * * * *", AT("10:00:00"), AT("10:59:59"), false, NULL, AT("10:00:00"),
		AT("11:00:00"), 0},
	{"now", "0 * * * *", AT("10:00:00"), AT("11:00:00"), false, AT("11:00:00"), AT("11:00:00"),
		AT("12:00:00"), 0},
	{"a little late", "0 * * * *", AT("10:00:00"), AT("11:01:30"), false, AT("11:00:00"),
		AT("11:00:00"), AT("12:00:00"), 0},
	{"too late", "0 * * * *", AT("10:00:00"), AT("11:01:31"), false, NULL, AT("11:00:00"),
		AT("12:00:00"), 1},
	{"nobody was there", "0 * * * *", AT("10:00:00"), AT("11:00:01"), true, NULL,
		AT("11:00:00"), AT("12:00:00"), 1},
	{"for long", "0 * * * *", AT("01:00:00"), AT("11:30:00"), true, NULL, AT("11:00:00"),
		AT("12:00:00"), 10},
	{"asleep, and in time for the last", "0 * * * *", AT("08:00:00"), AT("11:00:30"), false,
		AT("11:00:00"), AT("11:00:00"), AT("12:00:00"), 2},
	{"two within what is late: the newer", "* * * * *", AT("10:00:00"), AT("10:02:05"), false,
		AT("10:02:00"), AT("10:02:00"), AT("10:03:00"), 1},
	{"the clock was put back: nothing again", "0 * * * *", AT("11:00:00"), AT("10:30:00"),
		false, NULL, AT("11:00:00"), AT("12:00:00"), 0},
	{"… nor at that time", "0 * * * *", AT("11:00:00"), AT("11:00:00"), false, NULL,
		AT("11:00:00"), AT("12:00:00"), 0},
	{"the clock was put back by an hour: nothing again", "* * * * *", AT("11:30:00"),
		AT("10:30:00"), false, NULL, AT("11:30:00"), AT("11:31:00"), 0},
	{"… by more: it was wrong, and nothing is silent for longer", "* * * * *", AT("12:30:01"),
		AT("11:30:00"), false, NULL, AT("11:30:00"), AT("11:31:00"), 0},
	{"it had been days ahead: begin anew", "0 * * * *", "2026-02-05T00:00:00Z", AT("10:30:00"),
		false, NULL, AT("10:30:00"), AT("11:00:00"), 0},
	{"more than are counted", "* * * * *", "2025-12-01T00:00:00Z", AT("10:30:30"), true, NULL,
		AT("10:30:30"), AT("10:31:00"), SCHEDULE_MISSED},
};

static int64_t ms(const char *text)
{
	int64_t at = 0;

	return text && fg_rfc3339_parse(text, &at) == 0 ? at : 0;
}

static int stands(struct fg_store *store, const struct config *config, const struct schedule *s)
{
	cleanup_tx struct fg_tx tx = {0};
	struct fg_err err;

	return fg_tx_begin(store, &tx, &err) == 0 ? schedule_stands(&tx, config, s, &err) : -1;
}

static void test_stands(struct fg_store *store)
{
	char name[] = "night", other_name[] = "tick", times[] = "0 3 * * *", command[] = "/list",
	     other_command[] = "/restart web";
	struct config_schedule entry = {.name = name, .cron = times, .command = command};
	struct config config = {.schedules = &entry, .schedule_count = 1}, empty = {0};
	cleanup_schedules struct schedules all = {0};
	struct schedule *night, *tick;
	struct fg_err err;

	schedule_add(store, "tick", "* * * * *", "restart web", "ann", &err);
	ok(schedule_list(store, &config, &all, &err) == 0 && all.n == 2, "one of the config, one of the store");
	night = schedule_find(&all, "night");
	tick = schedule_find(&all, "tick");
	ok(stands(store, &config, night) == 1 && stands(store, &config, tick) == 1, "both stand");
	is_int(stands(store, &empty, night), 0, "taken out of the config");
	entry.command = other_command;
	is_int(stands(store, &config, night), 0, "another command in the config");
	entry.name = other_name;
	is_int(stands(store, &config, tick), 0, "the config has one of that name now");
	schedule_remove(store, "tick", &err);
	is_int(stands(store, &empty, tick), 0, "removed");
	schedule_add(store, "tick", "* * * * *", "remove web", "ann", &err);
	is_int(stands(store, &empty, tick), 0, "added again as another");
}

static int64_t seen(struct fg_store *store)
{
	return fg_store_i64(store, -1, "SELECT seen_ms FROM schedule_runs WHERE name = 'new'", "");
}

static void note_known(struct fg_store *store, char *times, int64_t now_ms)
{
	cleanup_tx struct fg_tx tx = {0};
	char name[] = "new", command[] = "list";
	struct schedule s = {.name = name, .cron = times, .command = command};
	struct fg_err err;

	ok(fg_tx_begin(store, &tx, &err) == 0 && schedule_note_known(&tx, &s, now_ms, &err) == 0 &&
			fg_tx_commit(&tx, &err) == 0,
		"noted at %lld", (long long)now_ms);
}

static void test_known(struct fg_store *store)
{
	char hourly[] = "0 * * * *", later[] = "5 * * * *";

	note_known(store, hourly, 1000);
	is_int(seen(store), 1000, "never looked at: what is past is settled");
	note_known(store, hourly, 500);
	is_int(seen(store), 1000, "a run by hand settles nothing, and goes back on nothing");
	note_known(store, hourly, 2000);
	is_int(seen(store), 1000, "… in neither direction");
	note_known(store, later, 3000);
	is_int(seen(store), 3000, "other times begin anew");
}

static void in_store(void *arg)
{
	struct fg_store *store = scratch_store();
	struct fg_err err;

	(void)arg;
	ok(schedule_setup(store, &err) == 0, "set up");
	test_stands(store);
	test_known(store);
	fg_store_close(store);
	scratch_finish();
}

int main(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	for (size_t i = 0; i < FG_ARRAY_LEN(cases); i++) {
		struct cron cron;
		struct schedule_due due;
		struct fg_err err;

		ok(cron_parse(&cron, cases[i].cron, &err) == 0, "%s", cases[i].name);
		due = schedule_due(&cron, ms(cases[i].seen), ms(cases[i].now), cases[i].away);
		is_int(due.run_ms, ms(cases[i].run), "… what is run");
		is_int(due.missed, cases[i].missed, "… how many were missed");
		is_int(due.seen_ms, ms(cases[i].settled), "… what is settled then");
		is_int(due.next_ms, ms(cases[i].next), "… what comes next");
	}
	fg_loop_run("main", in_store, NULL);
	return done_testing();
}
