/* What is unhealthy: taken from a host's lists, one after the other, and kept in the store. */
#include <stdlib.h>
#include "../telegram/scratch.h"
#include "config/config.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/incidents.h"
#include "notify/notify.h"
#include "notify/sick.h"
#include "tap.h"

static struct setup setup;
static struct app app = {.setup = &setup};
static int recoveries;

/* In the place of the notifier's own. */
int notify_recovered(struct notify *n, struct fg_tx *tx, enum incident_kind kind, const char *host, const char *id,
	int64_t at_ms, struct fg_err *err)
{
	(void)n, (void)tx, (void)host, (void)id, (void)at_ms, (void)err;
	recoveries += kind == INCIDENT_HEAL;
	return 0;
}

int notify_report(struct notify *n, struct fg_tx *tx, const struct incident_report *report, struct fg_err *err)
{
	(void)n, (void)tx, (void)report, (void)err;
	return 0;
}

void notify_kick(struct notify *n)
{
	(void)n;
}

/*
 * A host's list, a word a container: its letter, then u(nhealthy), h(ealthy), s(tarting), n(o check), x (unhealthy, but it
 * has stopped), p (… paused), then f or t for its label's false or true.
 */
static void list_of(struct fg_containers *list, const char *words)
{
	static const char *const states[128] = {['x'] = "exited", ['p'] = "paused"};
	static const char *const health[128] = {['u'] = "unhealthy", ['h'] = "healthy", ['s'] = "starting", ['x'] = "unhealthy",
		['p'] = "unhealthy"};

	list->v = fg_alloc(8 * sizeof(*list->v));
	list->n = 0;
	for (const char *w = words; *w; w += strcspn(w, " "), w += strspn(w, " ")) {
		struct fg_container *c = &list->v[list->n++];
		const char *state = states[(int)w[1]], *h = health[(int)w[1]];

		snprintf(c->id, sizeof(c->id), "%c", w[0]);
		snprintf(c->state, sizeof(c->state), "%s", state ? state : "running");
		snprintf(c->health, sizeof(c->health), "%s", h ? h : "");
		c->name = fg_printf("name-%c", w[0]);
		c->image = fg_strdup("img");
		c->image_id = fg_strdup("");
		c->status = fg_strdup("");
		c->labels = cJSON_CreateObject();
		if (w[2] == 'f' || w[2] == 't')
			cJSON_AddStringToObject(c->labels, SICK_LABEL, w[2] == 'f' ? "false" : "true");
	}
}

/* Those that are unhealthy by the list, as letters; a capital one was given up. */
static void look(char out[16], const char *host, const char *words)
{
	cleanup_containers struct fg_containers list = {0};
	struct sick_list *sick = sick_list_create();
	struct fg_err err;

	list_of(&list, words);
	if (sick_note(&app, host, &list, sick, &err) < 0)
		diag("%s", err.text);
	for (size_t i = 0; i < sick->n && i < 15; i++)
		out[i] = (char)(*sick->v[i].id - (sick->v[i].gave_up ? 'a' - 'A' : 0));
	out[sick->n] = '\0';
	sick_list_destroy(sick);
}

static int rows(void)
{
	return (int)fg_store_i64(app.store, -1, "SELECT count(*) FROM sick", "");
}

static void test_looks(void)
{
	static const struct {
		const char *what, *list, *sick;
		int rows, recoveries;
	} cases[] = {
		{"none", "ah bn", "", 0, 0},
		{"one", "au bn", "a", 1, 0},
		{"the same again", "au bn", "a", 1, 0},
		{"another one", "au bu", "ab", 2, 0},
		{"one has just started: it is known, and not to be restarted", "as bu", "b", 2, 0},
		{"unhealthy still", "au bu", "ab", 2, 0},
		{"one is healthy", "ah bu", "b", 1, 1},
		{"one was only ever starting", "as bu cs", "b", 1, 0},
		{"one has stopped", "bx", "", 0, 1},
		{"stopped and paused ones", "ax bp", "", 0, 0},
		{"one that is kept out by its label", "auf but", "b", 1, 0},
		{"a label that comes with another container of that id", "auf buf", "", 0, 1},
		{"all of them", "au bu cu", "abc", 3, 0},
		{"gone", "", "", 0, 3},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(cases); i++) {
		char got[16];

		recoveries = 0;
		look(got, "one", cases[i].list);
		is_str(got, cases[i].sick, cases[i].what);
		ok(rows() == cases[i].rows && recoveries == cases[i].recoveries, "… noted so: %d, %d over", rows(), recoveries);
	}
}

static void test_hosts(void)
{
	char got[16];

	look(got, "one", "au");
	look(got, "two", "bu");
	look(got, "one", "");
	is_int(rows(), 1, "another host's are none of its business");
	look(got, "two", "");
	is_int(rows(), 0, "its own are");
}

static struct sick only(const char *words)
{
	cleanup_containers struct fg_containers list = {0};
	struct sick_list *sick = sick_list_create();
	struct sick first = {0};

	list_of(&list, words);
	if (sick_note(&app, "one", &list, sick, NULL) == 0 && sick->n)
		first = sick->v[0];
	sick->n = 0;
	sick_list_destroy(sick);
	return first;
}

static void drop(struct sick *s)
{
	free(s->host);
	free(s->id);
	cJSON_Delete(s->subject);
}

static int unfinished;
static const char *told_name;

static void on_unfinished(const struct sick *s, int64_t at_ms, void *arg)
{
	(void)arg;
	unfinished++;
	ok(at_ms > 0 && strcmp(fg_json_str(s->subject, "name", ""), "name-a") == 0 &&
			fg_json_object(s->subject, "labels") != NULL,
		"%s", told_name);
}

static int finish(const struct sick *s, bool called_off)
{
	cleanup_tx struct fg_tx tx = {0};

	return fg_tx_begin(app.store, &tx, NULL) < 0 || sick_restarted(&tx, s, called_off, NULL) < 0 ? -1 : fg_tx_commit(&tx, NULL);
}

static void test_restarts(void)
{
	struct sick s = only("au"), again;
	char got[16];
	cleanup_tx struct fg_tx tx = {0};

	is_int(sick_restarts(app.store, &s, 3600 * 1000), 0, "none yet");
	fg_wall_shift(600 * 1000);
	ok(sick_begin(app.store, &s, NULL) == 0, "one begins");
	is_int(sick_restarts(app.store, &s, 3600 * 1000), 1, "and counts from then on");
	again = only("au");
	ok(again.since_ms >= s.since_ms + 600 * 1000, "its time begins anew");
	drop(&again);
	told_name = "what was not told is known after a restart, with what it takes to tell it";
	sick_unfinished(app.store, on_unfinished, NULL);
	finish(&s, false);
	sick_unfinished(app.store, on_unfinished, NULL);
	is_int(unfinished, 1, "once");
	sick_begin(app.store, &s, NULL);
	finish(&s, true);
	is_int(sick_restarts(app.store, &s, 3600 * 1000), 1, "one that is called off does not count");
	look(got, "one", "ah");
	is_int(sick_restarts(app.store, &s, 3600 * 1000), 1, "nor are they forgotten when it is healthy");
	fg_wall_shift(3601 * 1000);
	is_int(sick_restarts(app.store, &s, 3600 * 1000), 0, "but when they are long past");
	fg_wall_shift(-4201 * 1000);

	look(got, "one", "au");
	ok(fg_tx_begin(app.store, &tx, NULL) == 0 && sick_give_up(&tx, &s, NULL) == 0 && fg_tx_commit(&tx, NULL) == 0, "given up");
	look(got, "one", "au");
	is_str(got, "A", "it stays so");
	look(got, "one", "as");
	look(got, "one", "au");
	is_str(got, "A", "whoever starts it anew");
	look(got, "one", "ah");
	look(got, "one", "au");
	is_str(got, "a", "until it was healthy");
	drop(&s);
}

static void tests(void *arg)
{
	(void)arg;
	app.store = scratch_store();
	ok(sick_setup(app.store, NULL) == 0, "the tables are made");
	test_looks();
	test_hosts();
	test_restarts();
	fg_store_close(app.store);
}

int main(void)
{
	fg_loop_run("test", tests, NULL);
	fg_log_finish();
	scratch_finish();
	return done_testing();
}
