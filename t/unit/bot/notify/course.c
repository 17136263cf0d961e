/* Incidents: what becomes of what happens to containers, in the order in which it happens. */
#include <stdlib.h>
#include "../telegram/scratch.h"
#include "config/config.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/course.h"
#include "tap.h"

static char host_name[] = "one";
static struct fg_host host = {.name = host_name};
static struct fg_store *store;
static struct config *config;

static void configure(const char *text)
{
	struct config_errors errors = {0};

	config_destroy(config);
	config = config_parse("test.json", text, strlen(text), &errors);
	if (!config) {
		cleanup_free char *why = config_errors_text(&errors);

		printf("Bail out! %s\n", why);
		exit(1);
	}
}

/* What the incidents look like, oldest first: "died open 3 loop; stopped closed 1 removed". */
static void sum_up(struct fg_str *out)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(
		store, NULL, "SELECT " ENTRY_COLUMNS " FROM incidents ORDER BY id", "");
	struct incident_row row;

	fg_str_reset(out);
	while (fg_rows_next(rows)) {
		const char *over;

		incident_row_read(rows, &row);
		over = row.is.state == INCIDENT_OPEN ? "" : fg_json_str(row.is.facts, FACT_OVER, "");
		fg_str_printf(out, "%s%s %s %lld%s%s%s%s%s%s", out->len ? "; " : "",
			incident_kind_word(row.is.kind), incident_state_word(row.is.state),
			(long long)row.is.count, fg_json_get(row.is.facts, FACT_LOOP) ? " loop" : "",
			fg_json_bool(row.is.facts, "oom", false) ? " oom" : "",
			row.settle_ms ? " up" : "", row.unsure ? " unsure" : "", *over ? " " : "", over);
		incident_row_finish(&row);
	}
}

/*
 * What happens, word by word: S started, D1 died with exit code 1, O out of memory, H healthy,
 * U unhealthy, R removed; then o by ourselves, a asked for, t opted in by its label. "+5" is five
 * seconds later.
 */
struct step {
	char what;
	int code;
	bool ours, asked, opted;
};

static const struct {
	const char *name;
	const char *want;
	const char *steps;
} courses[] = {
	{"a crash", "died open 1", "S +5 D1"},
	{"one whose exit code is not known", "died open 1", "D-1"},
	{"a crash, and a new start", "died open 1 up", "D1 S"},
	{"two crashes", "died open 2", "D1 S D2"},
	{"two, with a healthy time between them", "died open 2", "D1 S H D2"},
	{"one that got healthy", "died recovered 1", "D1 S H"},
	{"a loop", "died open 3 loop", "D1 S D1 S D1"},
	{"a loop that is up for now", "died open 3 loop up", "D1 S D1 S D1 S"},
	{"deaths that are far apart", "died open 3", "D1 S +200 D1 S +200 D1"},
	{"a loop that got slower", "died open 4", "D1 D1 D1 +400 D1"},
	{"a job that is done", "died open 1 unsure", "S D0"},
	{"a done job that was to run on, by its label", "died open 1", "D0t"},
	{"a done job that is removed", "", "S D0 R"},
	{"a done job, and then a crash", "died open 2", "D0 S D1"},
	{"a stop by ourselves", "", "S D143oa"},
	{"a crash of what we have started", "died open 1", "So D1"},
	{"a restart by ourselves, of one that had died", "died recovered 1 up stopped", "D1 S D143o So"},
	{"and it gets healthy", "died recovered 1", "D1 S D143o So H"},
	{"a stop by ourselves, of one that keeps restarting", "died recovered 3 loop stopped", "D1 S D1 S D1 S D143o"},
	{"a stop from outside", "stopped open 1", "D143a"},
	{"a restart from outside", "stopped recovered 1 restarted", "D143a S"},
	{"a start by ourselves, after a stop from outside", "stopped recovered 1 started", "D143a So"},
	{"a removal from outside", "stopped closed 1 removed", "D137a R"},
	{"a stop from outside, of one that had died", "died recovered 1 stopped; stopped open 1", "D1 S D143a"},
	{"a crash of one that is removed", "died closed 1 removed", "D1 R"},
	{"out of memory, and dead of it", "died open 1 oom", "S +60 O D137"},
	{"the same again and again", "died open 3 loop oom", "O D137 S O D137 S O D137"},
	{"out of memory, but not dead", "oom open 1", "O"},
	{"twice so", "oom open 2", "O O"},
	{"out of memory, and much later dead of something else", "oom open 1; died open 1", "O +60 S +3600 D1"},
	{"unhealthy", "unhealthy open 1", "U"},
	{"and healthy again", "unhealthy recovered 1", "U H"},
	{"and unhealthy again", "unhealthy open 2", "U H U"},
	{"unhealthy, and dead", "unhealthy recovered 1 died; died open 1", "U D1"},
	{"unhealthy, and stopped by ourselves", "unhealthy recovered 1 stopped", "U D143o"},
	{"unhealthy, and removed", "unhealthy closed 1 removed", "U R"},
};

static const enum fg_happened what_of[128] = {
	['D'] = FG_HAPPENED_DIED,
	['H'] = FG_HAPPENED_HEALTH,
	['N'] = FG_HAPPENED_RENAMED,
	['O'] = FG_HAPPENED_OOM,
	['R'] = FG_HAPPENED_REMOVED,
	['S'] = FG_HAPPENED_STARTED,
	['U'] = FG_HAPPENED_HEALTH,
};

static struct step step_of(const char *word, size_t len)
{
	char *end;
	struct step s = {.what = *word, .code = (int)strtol(word + 1, &end, 10)};

	for (; end < word + len; end++) {
		s.ours = s.ours || *end == 'o';
		s.asked = s.asked || *end == 'a';
		s.opted = s.opted || *end == 't';
	}
	return s;
}

static struct fg_happening happening_of(const struct step *s, int64_t at_ms, int64_t ran_ms)
{
	static const char opted[] = "{\"io.fleetgram.notify\":\"true\"}";
	static cJSON *labels;

	if (!labels)
		labels = fg_json_parse(opted, strlen(opted), NULL);
	return (struct fg_happening){
		.what = what_of[(int)s->what],
		.host = &host,
		.id = "0123456789abcdef",
		.name = "web",
		.image = "img",
		.before = "",
		.labels = s->opted ? labels : NULL,
		.at_ms = at_ms,
		.ours = s->ours,
		.asked = s->asked,
		.exit_code = s->code,
		.ran_ms = ran_ms,
		.health = s->what == 'U' ? "unhealthy" : "healthy",
	};
}

static bool write_all(struct ledger *l, struct fg_tx *tx, bool one_by_one)
{
	bool good = ledger_write(l, NULL) == 0;

	if (one_by_one) {
		ledger_finish(l);
		ledger_begin(l, tx, config);
	}
	return good;
}

/* In one batch, or each in a ledger of its own. */
static bool play(const char *steps, bool one_by_one)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_ledger struct ledger l = {0};
	int64_t at = fg_wall_ms() - 7200 * 1000, started = at;
	bool good = fg_tx_begin(store, &tx, NULL) == 0 &&
		    fg_tx_exec(&tx, NULL, "DELETE FROM incidents", "") >= 0;

	ledger_begin(&l, &tx, config);
	for (const char *word = steps; good && *word; word += strspn(word, " ")) {
		size_t len = strcspn(word, " ");
		struct step s = step_of(word, len);
		struct fg_happening v;

		word += len;
		at += s.what == '+' ? s.code * 1000 : 1;
		if (s.what == '+')
			continue;
		if (s.what == 'S')
			started = at;
		v = happening_of(&s, at, at - started);
		good = course_happened(&l, &v, NULL) == 0 &&
		       (!one_by_one || write_all(&l, &tx, true));
	}
	return good && write_all(&l, &tx, false) && fg_tx_commit(&tx, NULL) == 0;
}

static void test_courses(void)
{
	cleanup_str struct fg_str got;

	fg_str_init(&got, 4096);
	for (size_t i = 0; i < FG_ARRAY_LEN(courses); i++) {
		for (int each = 0; each < 2; each++) {
			cleanup_free char *name = fg_printf(
				"%s%s", courses[i].name, each ? " (one by one)" : "");

			if (!play(courses[i].steps, each))
				ok(false, "%s cannot be played", name);
			sum_up(&got);
			is_str(got.s, courses[i].want, name);
		}
	}
}

static void test_switches(void)
{
	static const struct {
		const char *config, *name, *want;
		const char *steps;
	} rows[] = {
		{"{\"notify\":{\"oom\":false}}", "oom off", "died open 1", "O +60 D1"},
		{"{\"notify\":{\"unhealthy\":false}}", "unhealthy off", "", "U"},
		{"{\"notify\":{\"die\":false,\"restart_loop\":{\"count\":0}}}", "no deaths, no loops", "",
			"D1 S D143a"},
		{"{\"notify\":{\"die\":false}}", "no deaths, but they are counted for loops",
			"died open 1", "D1"},
		{"{\"notify\":{\"restart_loop\":{\"count\":0}}}", "no loops", "died open 4",
			"D1 D1 D1 D1"},
	};
	cleanup_str struct fg_str got;

	fg_str_init(&got, 4096);
	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		configure(rows[i].config);
		play(rows[i].steps, false);
		sum_up(&got);
		is_str(got.s, rows[i].want, rows[i].name);
	}
	configure("{}");
}

/* Reports of others, and when something is told anew. */

static int report_with(enum incident_kind kind, const char *id, const char *about, const char *facts_text)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_ledger struct ledger l = {0};
	cleanup_json cJSON *facts = fg_json_parse(facts_text, strlen(facts_text), NULL);
	struct incident_report r = {
		.kind = kind, .host = "one", .id = id, .name = id, .about = about, .facts = facts};
	int rc;

	if (fg_tx_begin(store, &tx, NULL) < 0)
		return -1;
	ledger_begin(&l, &tx, config);
	rc = course_report(&l, &r, NULL);
	return ledger_write(&l, NULL) < 0 || fg_tx_commit(&tx, NULL) < 0 ? -1 : rc;
}

static int report(enum incident_kind kind, const char *id, const char *about)
{
	return report_with(kind, id, about, "{}");
}

static int recovered(enum incident_kind kind, const char *id)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_ledger struct ledger l = {0};

	if (fg_tx_begin(store, &tx, NULL) < 0)
		return -1;
	ledger_begin(&l, &tx, config);
	if (course_recovered(&l, kind, "one", id, 0, NULL) < 0 || ledger_write(&l, NULL) < 0)
		return -1;
	return fg_tx_commit(&tx, NULL);
}

static int wants(void)
{
	return (int)fg_store_i64(store, -1,
		"SELECT count(*) FROM incidents WHERE tell = 1 AND tell_at <= ?", "i", fg_wall_ms());
}

/* As when those that want it have got their message. */
static void told(void)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_ledger struct ledger l = {0};
	int64_t id;

	while (wants() > 0) {
		id = fg_store_i64(store, 0,
			"SELECT id FROM incidents WHERE tell = 1 AND tell_at <= ?", "i", fg_wall_ms());
		if (fg_tx_begin(store, &tx, NULL) < 0)
			return;
		ledger_begin(&l, &tx, config);
		course_told(&l, ledger_get(&l, id, NULL), 1);
		ledger_write(&l, NULL);
		ledger_finish(&l);
		fg_tx_commit(&tx, NULL);
	}
}

static void test_backoff(void)
{
	static const int minutes[] = {29, 2, 30, 31, 119, 2, 239, 2, 359, 2, 359, 2};
	static const int tells[] = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
	int64_t shifted = 0;

	fg_store_exec(store, NULL, "DELETE FROM incidents", "");
	is_int(report(INCIDENT_DIED, "a", NULL), 1, "opened");
	is_int(wants(), 1, "and told");
	told();
	is_int(report(INCIDENT_DIED, "a", NULL), 0, "again: it goes on");
	is_int(wants(), 0, "without another message");
	for (size_t i = 0; i < FG_ARRAY_LEN(minutes); i++) {
		fg_wall_shift((int64_t)minutes[i] * 60000);
		shifted += (int64_t)minutes[i] * 60000;
		report(INCIDENT_DIED, "a", NULL);
		tap_is_int(wants(), tells[i], __FILE__, __LINE__,
			tells[i] ? "its time has come" : "not yet");
		told();
	}
	fg_store_exec(store, NULL, "UPDATE incidents SET acked = 1, tell = 0", "");
	fg_wall_shift(7 * 3600000);
	shifted += 7 * 3600000;
	report(INCIDENT_DIED, "a", NULL);
	is_int(wants(), 0, "somebody knows: no other message");
	recovered(INCIDENT_DIED, "a");
	fg_wall_shift(31 * 60000);
	report(INCIDENT_DIED, "a", NULL);
	is_int(wants(), 1, "it was well for long: it is news again");
	told();
	recovered(INCIDENT_DIED, "a");
	fg_wall_shift(7 * 3600000);
	is_int(report(INCIDENT_DIED, "a", NULL), 1, "after hours it is another one");
	fg_wall_shift(-shifted - 31 * 60000 - 7 * 3600000);
}

static void test_lasting(void)
{
	cleanup_str struct fg_str got;

	fg_str_init(&got, 4096);
	fg_store_exec(store, NULL, "DELETE FROM incidents", "");
	report(INCIDENT_CPU, "a", NULL);
	report(INCIDENT_CPU, "a", NULL);
	report(INCIDENT_HOST, NULL, NULL);
	recovered(INCIDENT_HOST, NULL);
	recovered(INCIDENT_HOST, NULL);
	sum_up(&got);
	is_str(got.s, "cpu open 1; host recovered 1", "what lasts is counted once");
	fg_store_exec(store, NULL, "DELETE FROM incidents", "");
	report(INCIDENT_UPDATE, "a", "sha256:1");
	told();
	fg_wall_shift(24 * 3600000);
	is_int(report(INCIDENT_UPDATE, "a", "sha256:1"), 0, "the same newer image");
	is_int(wants(), 0, "is never told twice");
	is_int(report(INCIDENT_UPDATE, "a", "sha256:2"), 1, "a newer one still is");
	fg_wall_shift(-24 * 3600000);
	sum_up(&got);
	is_str(got.s, "update closed 1 superseded; update open 1", "and takes the place of the other");
}

static void test_heal(void)
{
	static const char gave_up[] = "{\"gave_up\":true}";

	fg_store_exec(store, NULL, "DELETE FROM incidents", "");
	report(INCIDENT_HEAL, "a", NULL);
	told();
	report(INCIDENT_HEAL, "a", NULL);
	is_int(wants(), 0, "another restart is no other message");
	report_with(INCIDENT_HEAL, "a", NULL, gave_up);
	is_int(wants(), 1, "but giving up is");
	is_int(fg_store_i64(store, -1, "SELECT count(*) FROM incidents WHERE told + gap > ?", "i", fg_wall_ms()), 0,
		"and does not wait");
	told();
	is_int(fg_store_i64(store, -1, "SELECT count(*) FROM incidents WHERE told + gap > ?", "i", fg_wall_ms()), 1,
		"as the next one would have to");
	report_with(INCIDENT_HEAL, "a", NULL, gave_up);
	is_int(wants(), 0, "once");
}

/* A replacement calls the old one something else for a while. */
static void test_renames(void)
{
	static const struct {
		const char *to, *want;
		bool ours;
	} rows[] = {
		{"web.old-0a1b2c3d", "web", true},
		{"web.old-0a1b2c3d", "web.old-0a1b2c3d", false},
		{"front", "front", true},
		{"db.old-0a1b2c3d", "db.old-0a1b2c3d", true},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_tx struct fg_tx tx = {0};
		cleanup_ledger struct ledger l = {0};
		struct step step = {.what = 'N', .ours = rows[i].ours};
		struct fg_happening v = happening_of(&step, fg_wall_ms(), 0);
		struct entry *e;

		fg_store_exec(store, NULL, "DELETE FROM incidents", "");
		report(INCIDENT_UPDATE, v.id, "sha256:1");
		v.before = "web";
		v.name = rows[i].to;
		if (fg_tx_begin(store, &tx, NULL) < 0)
			return;
		ledger_begin(&l, &tx, config);
		ok(course_happened(&l, &v, NULL) == 0, "a new name");
		e = ledger_find(&l, INCIDENT_UPDATE, "one", v.id, NULL);
		if (e && strcmp(e->is.name, v.id) == 0)
			entry_set(&e->is.name, "web"); /* as it was reported under */
		is_str(e ? e->is.name : NULL, rows[i].want, "is what it is called");
	}
}

/* An update is over when what is newer was taken, which the removal of a container is not by itself. */
static void test_removed_updates(void)
{
	static const struct {
		const char *name, *want;
		bool ours;
	} rows[] = {
		{"web", "update closed 1 removed", false},
		{"web", "update closed 1 removed", true},
		{"web.old-0a1b2c3d", "update closed 1", true},
	};
	cleanup_str struct fg_str got;

	fg_str_init(&got, 4096);
	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_tx struct fg_tx tx = {0};
		cleanup_ledger struct ledger l = {0};
		struct step step = {.what = 'R', .ours = rows[i].ours};
		struct fg_happening v = happening_of(&step, fg_wall_ms(), 0);

		fg_store_exec(store, NULL, "DELETE FROM incidents", "");
		report(INCIDENT_UPDATE, v.id, "sha256:1");
		v.name = rows[i].name;
		if (fg_tx_begin(store, &tx, NULL) < 0)
			return;
		ledger_begin(&l, &tx, config);
		ok(course_happened(&l, &v, NULL) == 0 && ledger_write(&l, NULL) == 0 && fg_tx_commit(&tx, NULL) == 0,
			"a removal");
		sum_up(&got);
		is_str(got.s, rows[i].want, "is what it is to the update");
	}
}

static void tests(void *arg)
{
	(void)arg;
	store = scratch_store();
	ok(incidents_setup(store, NULL) == 0, "the tables are made");
	configure("{}");
	test_courses();
	test_switches();
	test_backoff();
	test_lasting();
	test_heal();
	test_renames();
	test_removed_updates();
	config_destroy(config);
	fg_store_close(store);
}

int main(void)
{
	fg_loop_run("test", tests, NULL);
	fg_log_finish();
	scratch_finish();
	return done_testing();
}
