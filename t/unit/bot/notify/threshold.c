/* Thresholds: readings over time, and what is reported of them. The meter, the store's incidents and the notifier are stand-ins
 * that note what they are asked for. */
#include <stdlib.h>
#include "../telegram/scratch.h"
#include "config/config.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/meter.h"
#include "notify/incidents.h"
#include "notify/threshold.h"
#include "tap.h"

#define PATIENCE_MS 60000
#define MANY 10000

static struct setup setup;
static struct app app = {.setup = &setup};
static struct fg_meter_user *user; /* that the meter has; NULL: none */
static bool runs, running; /* the container; the task */
static struct incident before; /* an open one of before the start; host NULL: none */

/* What was asked of the notifier, as text: "cpu web 60.0/50", "-cpu web"; many of them are only counted. */
static struct fg_str asked;
static int reports, recoveries, kicks, refusals;
static void (*meanwhile)(void *arg); /* to be run while the next report is being committed */

struct setup *setup_ref(struct setup *s)
{
	return s;
}

void setup_unref(struct setup *s)
{
	(void)s;
}

void fg_meter_add(struct fg_meter *meter, struct fg_meter_user *u)
{
	(void)meter;
	user = u;
}

void fg_meter_remove(struct fg_meter *meter, struct fg_meter_user *u)
{
	(void)meter, (void)u;
	user = NULL;
}

bool fg_meter_runs(const struct fg_meter *meter, const struct fg_host *host, const char *id)
{
	(void)meter, (void)host, (void)id;
	return runs;
}

int64_t incidents_each(struct fg_store *store, const struct incidents_filter *filter,
	void (*each)(const struct incident *incident, void *arg), void *arg, struct fg_err *err)
{
	(void)store, (void)filter, (void)err;
	if (before.host)
		each(&before, arg);
	return before.host != NULL;
}

static const char *word(enum incident_kind kind)
{
	return kind == INCIDENT_CPU ? "cpu" : kind == INCIDENT_MEMORY ? "memory" : "?";
}

int notify_report(struct notify *n, struct fg_tx *tx, const struct incident_report *r, struct fg_err *err)
{
	(void)n, (void)tx;
	if (refusals > 0) {
		refusals--;
		return fg_fail(err, FG_EIO, "no");
	}
	if (meanwhile)
		fg_task_start("meanwhile", meanwhile, NULL);
	meanwhile = NULL;
	if (reports++ < 10)
		fg_str_printf(&asked, "%s%s %s %.0f/%.0f%s", asked.len ? ", " : "", word(r->kind), r->name,
			fg_json_double(r->facts, "percent", -1), fg_json_double(r->facts, "limit_percent", -1),
			fg_json_bool(r->facts, "own_limit", false) ? " own" : "");
	return 1;
}

int notify_recovered(struct notify *n, struct fg_tx *tx, enum incident_kind kind, const char *host, const char *id,
	int64_t at_ms, struct fg_err *err)
{
	(void)n, (void)tx, (void)host, (void)at_ms, (void)err;
	if (recoveries++ < 10)
		fg_str_printf(&asked, "%s-%s %s", asked.len ? ", " : "", word(kind), id ? id : "");
	return 0;
}

void notify_kick(struct notify *n)
{
	(void)n;
	kicks++;
}

static char host_name[] = "one";
static struct fg_host host = {.name = host_name};
static int64_t now_ms = 1000000; /* of the readings */

/* A reading of a container, whose id is its name. */
static void read_one(const char *name, bool rates, double cpu, double memory, bool own)
{
	char id[FG_ID_SIZE];
	struct fg_item item = {.host = &host, .c = {.name = (char *)name, .image = id}};
	struct fg_reading r = {.item = &item, .taken_ms = now_ms, .rates = rates, .cpu_percent = cpu,
		.memory_bytes = (uint64_t)(memory * 1000), .memory_limit = 100000, .memory_limited = own};

	snprintf(id, sizeof(id), "img");
	snprintf(item.c.id, sizeof(item.c.id), "%s", name);
	if (user)
		user->reading(&r, user->arg);
}

static void note_waiting(const char *text, void *arg)
{
	if (strstr(text, "something to pass a threshold"))
		*(bool *)arg = true;
}

/* Until the task has done what there is to do. */
static void rest(void)
{
	int64_t deadline = fg_now_ms() + PATIENCE_MS;
	bool waiting = false;

	while (running && !waiting && fg_now_ms() < deadline) {
		fg_task_sleep(1, NULL);
		fg_task_list(note_waiting, &waiting);
	}
}

static bool wait_for(const int *what, int least)
{
	int64_t deadline = fg_now_ms() + PATIENCE_MS;

	while (*what < least && fg_now_ms() < deadline)
		fg_task_sleep(5, NULL);
	rest();
	return *what == least;
}

static void forget(void)
{
	fg_str_reset(&asked);
	reports = recoveries = kicks = 0;
}

static void configure(struct threshold *t, const char *text)
{
	struct config_errors errors = {0};

	config_destroy(setup.config);
	setup.config = config_parse("test.json", text, strlen(text), &errors);
	setup.number++;
	if (!setup.config) {
		printf("Bail out! %s\n", errors.v[0].text);
		exit(1);
	}
	if (t)
		threshold_kick(t);
	rest();
}

#define ON "{\"notify\":{\"cpu_percent\":50,\"memory_percent\":80,\"for\":\"60s\"}}"

/* Readings 30 s apart, as pairs of CPU and memory: "60/10 60/10 10/10"; "-" for CPU: no rates; "x": it does not run. */
static const struct {
	const char *what, *readings, *want;
} rows[] = {
	{"quiet", "10/10 10/10 10/10 10/10", ""},
	{"CPU", "60/10 70/10 80/10 90/10", "cpu web 80/50"},
	{"not for long enough", "60/10 60/10 10/10 60/10 60/10 10/10", ""},
	{"and well again", "60/10 60/10 60/10 40/10 40/10 40/10", "cpu web 60/50, -cpu web"},
	{"nine tenths are the line", "60/10 60/10 60/10 46/10 46/10 46/10 46/10", "cpu web 60/50"},
	{"memory", "10/90 10/95 10/99 10/60 10/60 10/60", "memory web 99/80 own, -memory web"},
	{"both", "60/90 60/90 60/90", "cpu web 60/50, memory web 90/80 own"},
	{"no rates say nothing about CPU", "-/10 -/10 -/10 -/10", ""},
	{"a stop is an end", "60/10 60/10 60/10 x", "cpu web 60/50, -cpu web"},
	{"also of what was only on its way", "60/10 60/10 x 60/10 60/10 10/10", ""},
	{"how high it is by now is told every five minutes",
		"60/10 60/10 60/10 70/10 70/10 70/10 70/10 70/10 70/10 70/10 70/10 70/10 90/10 90/10",
		"cpu web 60/50, cpu web 90/50"},
};

static void play(const char *readings)
{
	for (const char *p = readings; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
		char *end;
		double cpu = strtod(p, &end), memory = 0;

		now_ms += 30000;
		runs = *p != 'x';
		if (runs) {
			memory = strtod(strchr(p, '/') + 1, NULL);
			read_one("web", *p != '-', cpu, memory, true);
		}
		user->round(&host, user->arg);
		rest();
	}
}

static void test_rows(struct threshold *t)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		forget();
		play(rows[i].readings);
		is_str(asked.s, rows[i].want, rows[i].what);
		play("x"); /* forgotten until the next row */
	}
	forget();
	for (int i = 0; i < 3; i++, now_ms += 30000)
		read_one("web", true, 0, 90, false);
	rest();
	is_str(asked.s, "memory web 90/80", "without a limit it is its host's memory");
	configure(t, "{\"notify\":{\"cpu_percent\":50,\"for\":\"60s\"}}");
	is_str(asked.s, "memory web 90/80, -memory web", "a threshold that is taken away is not exceeded");
	ok(user && user->every_ms == 30000, "the other one is measured on");
	configure(t, "{\"notify\":{\"cpu_percent\":50,\"for\":\"4s\"}}");
	ok(user && user->every_ms == 2000, "more often where the time is short");
	configure(t, "{}");
	ok(!user, "without any nobody is asked");
	configure(t, ON);
	ok(user != NULL, "and again with one");
}

/* A host has so many containers that a round takes longer than what a threshold wants. */
static void test_slow(void)
{
	forget();
	runs = true;
	for (int i = 0; i < 4; i++, now_ms += 200000)
		read_one("web", true, 60, 0, true);
	rest();
	is_str(asked.s, "cpu web 60/50", "where a round takes long, it is as high for long enough");
	play("x");
}

/* The store takes nothing for a while: nothing is lost, and nothing told that is over by then. */
static void test_refusals(void)
{
	forget();
	refusals = 1;
	for (int i = 0; i < 3; i++, now_ms += 30000)
		read_one("web", true, 60, 0, true);
	ok(wait_for(&reports, 1), "what the store did not take is reported again");
	is_str(asked.s, "cpu web 60/50", "once");
	play("x");
	forget();
}

/* Another one rises, and the one that is being told does not run any more. */
static void rise_and_stop(void *arg)
{
	(void)arg;
	runs = false;
	user->round(&host, user->arg);
	for (int i = 0; i < 3; i++, now_ms += 30000)
		read_one("db", true, 70, 0, true);
}

static void test_meanwhile(void)
{
	forget();
	meanwhile = rise_and_stop;
	for (int i = 0; i < 3; i++, now_ms += 30000)
		read_one("web", true, 60, 0, true);
	ok(wait_for(&reports, 2), "what happens during a commit is not lost");
	ok(strstr(asked.s, "cpu web 60/50") && strstr(asked.s, "-cpu web") && strstr(asked.s, "cpu db 70/50"), "%s", asked.s);
	play("x");
	is_int(recoveries, 2, "and all of it ends");
}

static void test_many(void)
{
	char name[16];

	forget();
	for (int i = 0; i < 3; i++, now_ms += 30000)
		for (int k = 0; k < MANY; k++) {
			snprintf(name, sizeof(name), "%d", k);
			read_one(name, true, 60, 0, true);
		}
	ok(wait_for(&reports, MANY), "10,000 at once");
	is_int(kicks, 1, "are one transaction");
	runs = false;
	user->round(&host, user->arg);
	ok(wait_for(&recoveries, MANY), "and so is their end");
	is_int(kicks, 2, "… one");
}

static struct fg_task *begin(struct threshold **t)
{
	struct fg_task *task;

	*t = threshold_create(&app);
	task = fg_task_spawn("threshold", threshold_run, *t);
	running = true;
	rest();
	return task;
}

static void finish(struct fg_task *task, struct threshold *t)
{
	running = false;
	fg_task_cancel(task);
	fg_task_join(task);
	threshold_destroy(t);
}

static void tests(void *arg)
{
	struct threshold *t;
	struct fg_task *task;

	(void)arg;
	fg_str_init(&asked, 4096);
	app.store = scratch_store();
	setup.fleet = fg_fleet_create();
	fg_fleet_add(setup.fleet, &(struct fg_host_options){"one", {.url = "unix:///none"}}, NULL);
	setup.refs = 1;
	configure(NULL, ON);
	task = begin(&t);
	test_rows(t);
	test_slow();
	test_refusals();
	test_meanwhile();
	test_many();
	finish(task, t);
	ok(!user, "at the end nobody is asked");

	before = (struct incident){.kind = INCIDENT_CPU, .state = INCIDENT_OPEN, .host = "one", .container_id = "web"};
	task = begin(&t);
	forget();
	play("60/10 60/10 60/10");
	is_str(asked.s, "", "what was told before a restart is not told again");
	play("10/10 10/10 10/10");
	is_str(asked.s, "-cpu web", "and ends as any other");
	finish(task, t);
	before.host = "two";
	forget();
	task = begin(&t);
	is_str(asked.s, "-cpu web", "that of a host that there is no more is over");
	finish(task, t);

	config_destroy(setup.config);
	fg_fleet_unref(setup.fleet);
	fg_str_finish(&asked);
	fg_store_close(app.store);
}

int main(void)
{
	fg_loop_run("test", tests, NULL);
	fg_log_finish();
	scratch_finish();
	return done_testing();
}
