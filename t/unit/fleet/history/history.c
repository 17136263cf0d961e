/* The history: which points are kept, what is made of them, and what outlives a restart. */
#include <stdlib.h>
#include <unistd.h>
#include "tap.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/history.h"

#define HOUR ((int64_t)3600 * 1000)

static struct fg_store *store;
static struct fg_history *history;
static int64_t now, taken;

static void note(const char *name, int64_t at_ms, double cpu, bool rates)
{
	struct fg_host host = {.name = (char *)"h"};
	struct fg_item item = {.host = &host, .c = {.name = (char *)name}};
	struct fg_reading reading = {
		.item = &item,
		.taken_ms = taken,
		.at_ms = at_ms,
		.rates = rates,
		.cpu_percent = cpu,
		.memory_bytes = 1000,
		.memory_limit = 5000,
		.memory_limited = true,
		.rx_rate = 10,
		.tx_rate = 20,
	};

	fg_history_note(history, &reading);
}

static int look(const char *name, int64_t span_ms, size_t n, struct fg_slot *slots)
{
	struct fg_span span = {.from_ms = now - span_ms, .to_ms = now, .n = n};

	return fg_history_get(history, "h", name, &span, slots, NULL, NULL, NULL);
}

static size_t known(const struct fg_slot *slots, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += slots[i].known;
	return count;
}

static void test_points(void)
{
	struct fg_slot slots[60];

	is_int(look("web", HOUR, 60, slots), 0, "nothing is known of what was never seen");
	note("web", now - 10 * 60000, 7, false);
	look("web", HOUR, 60, slots);
	is_int((int)known(slots, 60), 0, "a first reading has no rates and is no point");
	for (int i = 0; i < 20; i++)
		note("web", now - 10 * 60000 + i * 30000, i, true);
	note("web", now - 10 * 60000 + 19 * 30000 + 2000, 100, true);
	is_int(look("web", HOUR, 60, slots), 1, "now something is");
	is_int((int)known(slots, 60), 10, "ten minutes of an hour");
	is_int((int)(slots[50].cpu_percent * 10), 5, "two points a minute are averaged");
	is_int((int)slots[59].cpu_percent, 18, "one that comes too early is none");
	is_int((int)slots[59].memory_bytes, 1000, "memory");
	is_int((int)slots[59].tx_rate, 20, "network");
}

static void test_day(void)
{
	struct fg_slot slots[24];

	for (int64_t at = now - 24 * HOUR; at < now; at += 30000)
		note("old", at, 50, true);
	look("old", 24 * HOUR, 24, slots);
	is_int((int)known(slots, 24), 24, "a whole day");
	is_int((int)slots[0].cpu_percent, 50, "… in averages");
	is_int((int)slots[23].cpu_percent, 50, "… and in points");
}

static void test_restart(void)
{
	struct fg_slot slots[60];
	int64_t starts[FG_HISTORY_STARTS];
	size_t count;
	double limit;
	struct fg_span span = {.from_ms = now - HOUR, .to_ms = now, .n = 60};
	struct fg_err err;

	for (int i = 0; i < 100; i++)
		fg_history_started(history, "h", "web", now - 30 * 60000 + i * 1000);
	fg_history_started(history, "h", "nobody", now);
	is_int(fg_history_save(history, &err), 0, "saved");
	fg_history_destroy(history);
	history = fg_history_create(store, &err);
	is_int(fg_history_get(history, "h", "web", &span, slots, &limit, starts, &count), 1,
		"still known after a restart");
	is_int((int)known(slots, 60), 10, "… all of it");
	is_int((int)limit, 5000, "… its limit of memory");
	is_int((int)count, FG_HISTORY_STARTS, "… its last starts");
	is_int((int)(now - starts[FG_HISTORY_STARTS - 1]), 30 * 60000 - 99000, "… the last one");
	is_int(look("nobody", HOUR, 60, slots), 0, "a start alone is no history");
}

/* What was read from the store to be looked at is no newer for that. */
static void test_last(void)
{
	struct fg_slot slots[60], last;
	int64_t at = fg_wall_ms();
	struct fg_span span;
	struct fg_err err;

	note("live", at - 90000, 1, false);
	ok(fg_history_last(history, "h", "live", &last) && !last.known &&
			(int)last.memory_bytes == 1000,
		"a first reading tells of memory, and of nothing else");
	note("live", at - 60000, 1, true);
	ok(fg_history_last(history, "h", "live", &last) && last.known, "there is a last point");
	is_int(fg_history_last(history, "i", "live", &last), false, "… and none on another host");
	is_int(fg_history_save(history, &err), 0, "saved");
	fg_history_destroy(history);
	history = fg_history_create(store, &err);
	is_int(fg_history_last(history, "h", "live", &last), false,
		"the store is not asked for the last point");
	is_int(look("live", HOUR, 60, slots), 1, "… but for all of them");
	is_int(fg_history_last(history, "h", "live", &last), false, "… which keeps none in memory");
	is_int(fg_history_has(history, "h", "live"), false, "… as can be asked");
	note("live", at, 7, true);
	ok(fg_history_last(history, "h", "live", &last) && (int)last.cpu_percent == 7,
		"the next reading is the last point");
	is_int(fg_history_has(history, "h", "live"), true, "… and the series is there again");
	span = (struct fg_span){.from_ms = at - 120000, .to_ms = at + 60000, .n = 3};
	fg_history_get(history, "h", "live", &span, slots, NULL, NULL, NULL);
	is_int((int)known(slots, 3), 2, "… of the series that was saved");
}

/* How many of eight slots of five minutes have that figure, and no other. */
static int slots_of(const char *name, int64_t from_ms, double cpu)
{
	struct fg_span span = {.from_ms = from_ms, .to_ms = from_ms + 8 * 300000, .n = 8};
	struct fg_slot slots[8];
	int count = 0;

	fg_history_get(history, "h", name, &span, slots, NULL, NULL, NULL);
	for (int i = 0; i < 8; i++)
		count += slots[i].known && (int)slots[i].cpu_percent == (int)cpu;
	return count;
}

static int starts_of(const char *name)
{
	struct fg_span span = {.from_ms = 0, .to_ms = INT64_MAX, .n = 1};
	struct fg_slot slot;
	int64_t starts[FG_HISTORY_STARTS];
	size_t count;

	fg_history_get(history, "h", name, &span, &slot, NULL, starts, &count);
	return (int)count;
}

/* Three hours ago, after four of 50 %, the clock was set back; since then it is 9 %. */
static void set_back(const char *name, int64_t back_ms, int before)
{
	int64_t at = fg_wall_ms(), set = at - 3 * HOUR, end = set + back_ms;
	struct fg_slot last;
	struct fg_err err;

	diag("the clock is set back by %d s", (int)(back_ms / 1000));
	for (int64_t t = end - 4 * HOUR; t < end; t += FG_HISTORY_FINE_MS)
		note(name, t, 50, true);
	for (int i = 0; i < FG_HISTORY_STARTS; i++)
		fg_history_started(history, "h", name, end - 60000 + i * 1000);
	fg_history_started(history, "h", name, set - 2000);
	fg_history_started(history, "h", name, set - 1000);
	fg_history_started(history, "h", name, set - 1000);
	for (int64_t t = set; t <= at; t += FG_HISTORY_FINE_MS)
		note(name, t, 9, true);
	ok(fg_history_last(history, "h", name, &last) && (int)last.cpu_percent == 9,
		"what is measured then counts");
	for (int i = 0; i < 2; i++) {
		is_int(starts_of(name), 2, "starts are marked, too, and those to come forgotten");
		is_int(slots_of(name, set - 50 * 60000, 50), before, "what came before is there");
		is_int(slots_of(name, set + 10 * 60000, 9), 8, "in averages");
		is_int(slots_of(name, at - 50 * 60000, 9), 8, "in points");
		is_int(slots_of(name, end - 50 * 60000, 50), 0, "what was to come is forgotten");
		is_int(fg_history_save(history, &err), 0, "saved");
		fg_history_destroy(history);
		history = fg_history_create(store, &err);
	}
}

static void test_set_back(void)
{
	int64_t at = fg_wall_ms();
	struct fg_slot last;

	set_back("back1", HOUR, 8);
	set_back("back3", 3 * HOUR, 8);
	set_back("back30", 30 * HOUR, 0);
	note("early", at + 10 * 60000, 50, true);
	is_int(fg_history_last(history, "h", "early", &last), false,
		"a point to come is not the last");
	note("early", at, 9, true);
	is_int(fg_history_last(history, "h", "early", &last), true,
		"… and makes room for one of now");
}

static void test_damage(void)
{
	struct fg_slot slots[60];
	struct fg_err err;

	is_int((int)fg_store_exec(store, &err,
		       "INSERT INTO history VALUES('h', 'bad', x'0102', x'00', x'ff', 1, 1)", ""),
		1, "a damaged row");
	is_int(look("bad", HOUR, 60, slots), 1, "is read");
	is_int((int)known(slots, 60), 0, "… as an empty one");
}

/* Those in memory are told from those in the store by who has a last point. */
static size_t in_memory(void)
{
	size_t count = 0;
	char name[32];

	for (int i = 0; i < FG_HISTORY_MOST + 10; i++) {
		struct fg_slot last;

		snprintf(name, sizeof(name), "c%d", i);
		count += fg_history_last(history, "h", name, &last);
	}
	return count;
}

static void test_many(void)
{
	struct fg_slot slots[60], last;
	struct fg_err err;
	char name[32];

	fg_history_destroy(history);
	history = fg_history_create(store, &err);
	for (int round = 0; round < 3; round++, taken += FG_HISTORY_FINE_MS)
		for (int i = 0; i < FG_HISTORY_MOST + 10; i++) {
			snprintf(name, sizeof(name), "c%d", i);
			note(name, fg_wall_ms() - (2 - round) * FG_HISTORY_FINE_MS, 1, true);
		}
	is_int((int)in_memory(), FG_HISTORY_MOST,
		"of too many those that were there first are measured");
	now = fg_wall_ms() + 1000;
	is_int(look("c0", HOUR, 60, slots), 1, "… the first of all, too");
	ok(known(slots, 60) >= 2, "… with its points");
	is_int(look("c2005", HOUR, 60, slots), 0, "… and the rest are not");

	taken += FG_HISTORY_STALE_MS;
	note("one more", now, 1, true);
	is_int(fg_history_last(history, "h", "one more", &last), false,
		"nothing unsaved is replaced");
	is_int(fg_history_save(history, &err), 0, "saved");
	is_int(look("web", HOUR, 60, slots), 1, "looking at one in the store");
	is_int((int)in_memory(), FG_HISTORY_MOST, "… replaces none");
	note("one more", now, 1, true);
	is_int(fg_history_last(history, "h", "one more", &last), true,
		"one that gets no points any more is replaced");
	is_int((int)in_memory(), FG_HISTORY_MOST - 1, "… by each new one");
	is_int(look("c0", HOUR, 60, slots), 1, "what was replaced is in the store");
	ok(known(slots, 60) >= 2, "… with its points");
}

/* As if the disk were full. */
static void test_no_disk(void)
{
	struct fg_slot slots[60];
	struct fg_err err;

	note("kept", now, 3, true);
	fg_store_exec(store, &err,
		"CREATE TRIGGER full BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'full'); END",
		"");
	fg_store_exec(store, &err,
		"INSERT OR REPLACE INTO history VALUES('h', 'gone', NULL, NULL, NULL, 0, 1)", "");
	is_int(fg_history_save(history, &err), -1, "a disk that is full");
	fg_store_exec(store, &err, "DROP TRIGGER full", "");
	is_int(fg_history_save(history, &err), 0, "… for a while");
	fg_history_destroy(history);
	history = fg_history_create(store, &err);
	now += 1000;
	is_int(look("kept", HOUR, 60, slots), 1, "costs nothing");
}

static void all(void *arg)
{
	char path[] = "/tmp/fg-history-XXXXXX", file[64];
	struct fg_err err;

	(void)arg;
	snprintf(file, sizeof(file), "%s/db", mkdtemp(path));
	store = fg_store_open(file, &err);
	history = fg_history_create(store, &err);
	now = fg_wall_ms() / 3600000 * 3600000;
	taken = fg_now_ms();
	test_points();
	test_day();
	test_restart();
	test_last();
	test_set_back();
	test_damage();
	test_no_disk();
	test_many();
	fg_history_destroy(history);
	fg_store_close(store);
	snprintf(file, sizeof(file), "rm -rf %s", path);
	is_int(system(file), 0, "tidied up");
}

int main(void)
{
	fg_loop_run("main", all, NULL);
	return done_testing();
}
