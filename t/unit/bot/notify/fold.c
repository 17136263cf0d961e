/* Incidents of what comes again under new ids: one for each subject, counted, told and over as one.
 */
#include <stdlib.h>
#include "../telegram/scratch.h"
#include "config/config.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "notify/course.h"
#include "notify/subject.h"
#include "tap.h"

#define SWARM "com.docker.swarm.service.name"
#define COMPOSE "com.docker.compose."
#define OF_COMPOSE(service, number, oneoff)                                                  \
	"{\"" COMPOSE "project\":\"shop\",\"" COMPOSE "service\":\"" service "\",\"" COMPOSE \
	"container-number\":\"" number "\",\"" COMPOSE "oneoff\":\"" oneoff "\"}"

#define OF_SERVICE(id) "{\"" SWARM "\":\"svc\",\"" TASK_LABEL_SERVICE "\":\"" id "\"}"

static char host_name[] = "one", other_name[] = "two";
static struct fg_host host = {.name = host_name}, other = {.name = other_name};
static struct fg_store *store;
static struct config *config;

/* The containers of these tests: their letter is their id. */
static const struct container {
	char letter;
	const char *name, *labels;
	bool elsewhere;
} containers[] = {
	{'a', "job", NULL, false},
	{'b', "job", NULL, false},
	{'c', "job", NULL, false},
	{'d', "other", NULL, false},
	{'e', "job", NULL, true},
	{'g', "job", "{\"io.fleetgram.notify\":\"true\"}", false},
	{'h', "job", "{\"io.fleetgram.notify\":\"true\"}", false},
	{'p', "shop-web-1", OF_COMPOSE("web", "1", "False"), false},
	{'q', "0a1b_shop-web-1", OF_COMPOSE("web", "1", "False"), false},
	{'r', "shop-web-2", OF_COMPOSE("web", "2", "False"), false},
	{'s', "svc.1.x", "{\"" SWARM "\":\"svc\"}", false},
	{'t', "svc.2.y", "{\"" SWARM "\":\"svc\"}", false},
	{'u', "svc.1.z", "{\"" SWARM "\":\"svc\"}", false},
	{'v', "svc.2.w", "{\"" SWARM "\":\"svc\"}", false},
	{'y', "svc.3.v", "{\"" SWARM "\":\"svc\"}", false},
	{'z', "svc.4.u", OF_SERVICE("5"), false},
	{'j', "svc.4.t", OF_SERVICE("5"), true},
	{'k', "svc.5.s", OF_SERVICE("5"), true},
	{'l', "svc.4.r", OF_SERVICE("6"), true},
	{'w', "shop-web-run-1", OF_COMPOSE("web", "1", "True"), false},
	{'x', "shop-web-run-2", OF_COMPOSE("web", "1", "True"), false},
};

static const struct container *container_of(char letter)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(containers); i++)
		if (containers[i].letter == letter)
			return &containers[i];
	return &containers[0];
}

/* Playing */

static const enum fg_happened what_of[128] = {
	['D'] = FG_HAPPENED_DIED,
	['H'] = FG_HAPPENED_HEALTH,
	['N'] = FG_HAPPENED_RENAMED,
	['O'] = FG_HAPPENED_OOM,
	['R'] = FG_HAPPENED_REMOVED,
	['S'] = FG_HAPPENED_STARTED,
	['U'] = FG_HAPPENED_HEALTH,
};

/* "aD1": the container's letter, then what happens to it, as in course.c. It happens now. */
static bool happen(struct fg_tx *tx, const char *word, size_t len)
{
	const struct container *c = container_of(*word);
	cleanup_ledger struct ledger l = {0};
	cleanup_json cJSON *labels =
		c->labels ? fg_json_parse(c->labels, strlen(c->labels), NULL) : NULL;
	char id[] = {c->letter, '\0'}, *end;
	struct fg_happening v = {
		.what = what_of[(int)word[1]],
		.host = c->elsewhere ? &other : &host,
		.id = id,
		.name = word[1] == 'N' ? "renamed" : c->name,
		.image = "img",
		.before = word[1] == 'N' ? c->name : "",
		.labels = labels,
		.at_ms = fg_wall_ms(),
		.exit_code = (int)strtol(word + 2, &end, 10),
		.ran_ms = 1000,
		.health = word[1] == 'U' ? "unhealthy" : "healthy",
	};

	for (; end < word + len; end++) {
		v.ours = v.ours || *end == 'o';
		v.asked = v.asked || *end == 'a';
		v.missed = v.missed || *end == 'm';
	}
	ledger_begin(&l, tx, config);
	return course_happened(&l, &v, NULL) == 0 && ledger_write(&l, NULL) == 0;
}

/* As when all that want a message, and may have it, have got one. */
static bool tell(struct fg_tx *tx)
{
	bool good = true;
	int64_t ids[8];
	int n = 0;
	struct fg_rows *rows = fg_tx_query(tx, NULL,
		"SELECT id FROM incidents WHERE tell = 1 AND unsure = 0 AND tell_at <= ?", "i",
		fg_wall_ms());

	while (n < 8 && fg_rows_next(rows))
		ids[n++] = fg_rows_i64(rows, 0);
	fg_rows_close(rows);
	for (int i = 0; i < n; i++) {
		cleanup_ledger struct ledger l = {0};

		ledger_begin(&l, tx, config);
		course_told(&l, ledger_get(&l, ids[i], NULL), 1);
		good = ledger_write(&l, NULL) == 0 && good;
	}
	return good;
}

/* As when what was long enough up has recovered. */
static bool settle(struct fg_tx *tx)
{
	cleanup_ledger struct ledger l = {0};
	int64_t id;
	struct fg_rows *rows =
		fg_tx_query(tx, NULL, "SELECT id FROM incidents WHERE settle > 0", "");

	id = fg_rows_next(rows) ? fg_rows_i64(rows, 0) : 0;
	fg_rows_close(rows);
	if (!id)
		return true;
	ledger_begin(&l, tx, config);
	course_over(&l, ledger_get(&l, id, NULL), NULL, fg_wall_ms());
	return ledger_write(&l, NULL) == 0;
}

/* What happens, word by word; "+N" is N seconds later, "!" as in tell(), "~" as in settle(). */
static bool play(const char *steps)
{
	cleanup_tx struct fg_tx tx = {0};
	int64_t shifted = 0;
	bool good = fg_tx_begin(store, &tx, NULL) == 0 &&
		    fg_tx_exec(&tx, NULL, "DELETE FROM incidents", "") >= 0;

	for (const char *word = steps; good && *word; word += strspn(word, " ")) {
		size_t len = strcspn(word, " ");
		int64_t later = *word == '+' ? strtoll(word, NULL, 10) * 1000 : 1;

		fg_wall_shift(later);
		shifted += later;
		if (*word == '!')
			good = tell(&tx);
		else if (*word == '~')
			good = settle(&tx);
		else if (*word != '+')
			good = happen(&tx, word, len);
		word += len;
	}
	good = good && fg_tx_commit(&tx, NULL) == 0;
	fg_wall_shift(-shifted);
	return good;
}

/* The oldest first: kind, state, whose it is, count, how it is over, whether it is up, and whether
 * it wants to be told: "tell" now, "wait" later. */
static void sum_up(struct fg_str *out)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(
		store, NULL, "SELECT " ENTRY_COLUMNS " FROM incidents ORDER BY id", "");
	struct incident_row row;

	fg_str_reset(out);
	while (fg_rows_next(rows)) {
		const char *over;

		incident_row_read(rows, &row);
		over = row.is.state == INCIDENT_OPEN ? ""
						     : fg_json_str(row.is.facts, FACT_OVER, "");
		fg_str_printf(out, "%s%s %s %s %lld%s%s%s%s%s", out->len ? "; " : "",
			incident_kind_word(row.is.kind), incident_state_word(row.is.state),
			row.is.container_id, (long long)row.is.count, *over ? " " : "", over,
			row.settle_ms ? " up" : "", row.unsure ? " unsure" : "",
			!row.tell        ? ""
			: row.tell_at_ms ? " wait"
					 : " tell");
		incident_row_finish(&row);
	}
}

static const struct {
	const char *name, *want, *steps;
} courses[] = {
	{"a job that is removed each time", "died closed c 3 removed",
		"aS aD1 ! aR bS bD1 bR cS cD1 cR"},
	{"… is told anew when it may be", "died closed b 2 removed tell",
		"aS aD1 ! aR +2000 bS bD1 bR"},
	{"… and then waits for twice as long", "died closed c 3 removed",
		"aS aD1 ! aR +2000 bS bD1 bR ! +2000 cD1 cR"},
	{"… until that has passed, too", "died closed c 3 removed tell",
		"aS aD1 ! aR +2000 bS bD1 bR ! +4000 cD1 cR"},
	{"one that stays down is told when it may be", "died open b 2 wait", "aD1 ! aR bS bD1"},
	{"one that is put in its place, and runs", "died recovered b 1", "aD1 ! aR bS ~"},
	{"… for now", "died recovered b 1 removed up", "aD1 ! aR bS"},
	{"… and is removed before that is sure", "died closed b 1 removed", "aD1 ! aR bS bR ~"},
	{"… and dies later", "died open b 2 wait", "aD1 ! aR bS ~ +60 bD1"},
	{"… and is replaced itself, and dies", "died open c 2 wait", "aD1 ! aR bS ~ +60 bR cS cD1"},
	{"a name that comes again after hours", "died closed a 1 removed; died open b 1 tell",
		"aD1 ! aR +21700 bS bD1"},
	{"… that is of something that was up for hours", "died closed a 1; died open b 1 tell",
		"aD1 ! aS ~ +21700 aR bS bD1"},
	{"another name", "died closed a 1 removed; died open d 1 tell", "aD1 ! aR dD1"},
	{"the same name on another host", "died closed a 1 removed; died open e 1 tell",
		"aD1 ! aR eD1"},
	{"one that has another name by then", "died open a 1; died open b 1 tell", "aD1 ! aN bD1"},
	{"a run that ended well, after one that did not",
		"died closed b 1 finished; died open b 1 unsure tell", "aD1 ! aR bS bD0"},
	{"… and is removed", "died closed b 1 finished", "aD1 ! aR bS bD0 bR"},
	{"… before one that does not, either", "died closed c 2 removed",
		"aD1 ! aR bS bD0 bR cS cD1 cR"},
	{"what must not end, by its label", "died closed h 2 removed", "gD0 ! gR hD0 hR"},

	{"made anew", "", "aD137a aR bS"},
	{"… when the old one is still there", "", "pD137a qS pR"},
	{"… and dies", "died open b 1 tell", "aD137a aR bS bD1"},
	{"… too late", "stopped recovered b 1 restarted", "aD137a aR ! +13 bS"},
	{"… too late, when nobody was told yet", "stopped recovered b 1 restarted tell",
		"aD137a aR +13 bS"},
	{"another one is made", "stopped closed a 1 removed tell; died open d 1 tell",
		"aD137a aR dS dD1"},
	{"the same one is restarted", "stopped recovered a 1 restarted tell", "aD137a aS"},

	{"unhealthy under a new id", "unhealthy open b 2 wait", "aU ! aR bS bU"},
	{"… and healthy", "unhealthy recovered b 1", "aU ! aR bS bH"},
	{"out of memory under a new id", "oom open b 2 wait", "aO ! aR bO"},
	{"dead of it, each time", "died closed b 2 removed", "aO aD137 ! aR bO bD137 bR"},
	{"out of memory, of one that died of something else",
		"died closed a 1 removed; oom open b 1 tell", "aD1 ! aR bO"},

	{"a container of a project under another name", "died open q 2 wait", "pD1 ! pR qD1"},
	{"another one of its service", "died closed p 1 removed; died open r 1 tell",
		"pD1 ! pR rD1"},
	{"single runs of a service", "died closed x 2 removed", "wD1 ! wR xD1 xR"},
	{"… of which one is up", "died open x 2 wait", "wD1 ! xD1 wS ~"},
	{"… are not its containers", "died closed w 1 removed; died open p 1 tell", "wD1 ! wR pD1"},

	{"a task that is replaced", "died open u 1 up", "sD1 ! uS"},
	{"… and is up", "died recovered u 1", "sD1 ! uS ~"},
	{"… and dies, too", "died open u 2 wait", "sD1 ! uS uD1"},
	{"two tasks that die", "died open t 2 wait", "sD1 ! tD1"},
	{"… of which one is replaced", "died open t 2 wait", "sD1 ! tD1 uS ~"},
	{"… and then the other one", "died recovered v 2", "sD1 ! tD1 uS vS ~"},
	{"… of which one was up for long", "died open t 2 wait", "sD1 ! uS ~ +60 tD1"},
	{"… hours after the other one was up", "died recovered u 1; died open t 1 tell",
		"sD1 ! uS ~ +21700 tD1"},
	{"… and one is healthy", "died open t 2 wait", "sD1 ! tD1 uS uH"},
	{"… and another one is started besides", "died open t 2 wait", "sD1 ! tD1 uS yS ~"},
	{"… and one is stopped", "died open t 2 wait", "sD1 ! tD1 uS uD143o"},
	{"… and both are removed", "died closed t 2 removed", "sD1 ! tD1 sR tR"},
	{"… and one is removed, for the other one has replaced it", "died open t 2 up wait",
		"sD1 ! tD1 tS sR"},
	{"a task that ended well, for one that did not", "died recovered u 1 finished",
		"sD1 ! uS uD0"},
	{"a service's update", "", "sD143a uS tD143a vS"},
	{"… of two tasks at once", "", "sD143a tD143a uS vS"},
	{"… of which one does not come", "stopped open s 1 tell", "sD143a tD143a uS"},
	{"two tasks that are unhealthy", "unhealthy recovered s 1; unhealthy open t 1 tell",
		"sU ! tU sH"},
};

static void test_courses(void)
{
	cleanup_str struct fg_str got;

	fg_str_init(&got, 4096);
	for (size_t i = 0; i < FG_ARRAY_LEN(courses); i++) {
		if (!play(courses[i].steps))
			ok(false, "%s cannot be played", courses[i].name);
		sum_up(&got);
		is_str(got.s, courses[i].want, courses[i].name);
	}
}

/* What goes on under another id is about that container, in all that others ask for. */
static void copy_one(const struct incident *i, void *arg)
{
	struct fg_str *out = arg;

	fg_str_printf(out, "%s %s %s %s", i->container_id, i->name, i->project,
		fg_json_get(i->facts, FACT_DETAIL) ? "looked at" : "");
}

static void test_takes_over(void)
{
	static const char scope_text[] = "name=0a1b*";
	cleanup_selector struct fg_selector *scope = fg_selector_parse_string(scope_text, NULL);
	struct incidents_filter filter = {.scope = scope};
	cleanup_str struct fg_str got;

	fg_str_init(&got, 4096);
	play("pD1 ! pR");
	is_int(incidents_each(store, &filter, NULL, NULL, NULL), 0, "what is out of the scope");
	fg_store_exec(store, NULL,
		"UPDATE incidents SET facts = json_set(facts, '$.detail', json('{\"log\":\"x\"}'))",
		"");
	{
		cleanup_tx struct fg_tx tx = {0};

		ok(fg_tx_begin(store, &tx, NULL) == 0 && happen(&tx, "qD1", 3) &&
				fg_tx_commit(&tx, NULL) == 0,
			"goes on under an id that is in it");
	}
	is_int(incidents_each(store, &filter, copy_one, &got, NULL), 1, "and is in it");
	is_str(got.s, "q 0a1b_shop-web-1 shop ", "without what was seen of the other one");
}

static void report_update(const char *id, const char *about)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_ledger struct ledger l = {0};
	struct incident_report r = {
		.kind = INCIDENT_UPDATE, .host = "one", .id = id, .name = "job", .about = about};

	if (fg_tx_begin(store, &tx, NULL) < 0)
		return;
	ledger_begin(&l, &tx, config);
	if (course_report(&l, &r, NULL) >= 0 && ledger_write(&l, NULL) == 0 && tell(&tx))
		fg_tx_commit(&tx, NULL);
}

static void test_updates(void)
{
	cleanup_str struct fg_str got;
	cleanup_tx struct fg_tx tx = {0};

	fg_str_init(&got, 4096);
	play("");
	report_update("a", "sha256:1");
	ok(fg_tx_begin(store, &tx, NULL) == 0 && happen(&tx, "aR", 2) &&
			fg_tx_commit(&tx, NULL) == 0,
		"what has a newer image is removed");
	fg_wall_shift(24 * 3600000);
	report_update("b", "sha256:1");
	sum_up(&got);
	is_str(got.s, "update open b 1", "and made anew as it was: the same newer image");
	report_update("c", "sha256:2");
	sum_up(&got);
	is_str(got.s, "update open b 1; update open c 1", "but not another one");
	fg_wall_shift(-24 * 3600000);
}

/* A service that lacks tasks, as a swarm's manager says; running < 0: it lacks none any more. */
static void report_service(struct fg_tx *tx, const char *manager, int running)
{
	cleanup_ledger struct ledger l = {0};
	cleanup_json cJSON *facts = cJSON_CreateObject();
	struct incident_report r = {
		.kind = INCIDENT_SERVICE, .host = manager, .id = "7", .name = "web", .facts = facts};

	cJSON_AddStringToObject(facts, FACT_SWARM, "s");
	fg_json_set_i64(facts, "running", running);
	ledger_begin(&l, tx, config);
	if (running < 0)
		course_recovered(&l, r.kind, manager, r.id, 0, NULL);
	else
		course_report(&l, &r, NULL);
	ledger_write(&l, NULL);
}

/* It lasts from its first day on, whatever is new about it, and under whichever manager. */
static void test_lasting(void)
{
	static const char lasted[] = "SELECT (recovered - last) / 1000 FROM incidents";
	cleanup_tx struct fg_tx tx = {0};
	cleanup_str struct fg_str got;

	fg_str_init(&got, 4096);
	play("");
	ok(fg_tx_begin(store, &tx, NULL) == 0, "a swarm is looked at");
	report_service(&tx, "one", 1);
	fg_wall_shift(600000);
	report_service(&tx, "two", 2);
	fg_wall_shift(600000);
	fg_tx_exec(&tx, NULL,
		"INSERT INTO incidents SELECT 1000, kind, state, host, container, name, project, image,"
		" about, labels, facts, opened, last, recovered, acked, acked_by, told, count, bulletin,"
		" tell, tell_at, gap, settle, unsure, held, subject FROM incidents",
		"");
	report_service(&tx, "two", -1);
	ok(fg_tx_commit(&tx, NULL) == 0, "… several times");
	fg_wall_shift(-1200000);
	sum_up(&got);
	is_str(got.s, "service recovered 7 1 tell; service recovered 7 1 tell",
		"all that there is of it is over, what an earlier version has left beside it, too");
	is_int(fg_store_i64(store, -1, lasted, ""), 1200, "… after all the time");
}

/* "manager kind id swarm", as one of a swarm's managers says. 1: it is another one; 0: it goes on. */
static int report_of(struct fg_tx *tx, const char *manager, enum incident_kind kind, const char *id,
	const char *swarm)
{
	cleanup_ledger struct ledger l = {0};
	cleanup_json cJSON *facts = cJSON_CreateObject();
	struct incident_report r = {.kind = kind, .host = manager, .id = id,
		.name = kind == INCIDENT_NODE ? NULL : "web", .facts = facts};
	int rc;

	cJSON_AddStringToObject(facts, FACT_SWARM, swarm);
	ledger_begin(&l, tx, config);
	rc = course_report(&l, &r, NULL);
	return ledger_write(&l, NULL) < 0 ? -1 : rc;
}

/* Whatever a manager says about ids of another swarm changes nothing there. */
static void test_liar(void)
{
	static const char theirs[] = "SELECT count(*) FROM incidents WHERE host = 'two' AND"
				     " json_extract(facts, '$.swarm') = 'true'";
	cleanup_tx struct fg_tx tx = {0};
	cleanup_str struct fg_str got;

	fg_str_init(&got, 4096);
	play("");
	ok(fg_tx_begin(store, &tx, NULL) == 0, "two swarms are looked at");
	is_int(report_of(&tx, "one", INCIDENT_SERVICE, "7", "true"), 1, "a service of one");
	is_int(report_of(&tx, "evil", INCIDENT_SERVICE, "7", "false"), 1, "the same of the other one");
	is_int(report_of(&tx, "two", INCIDENT_SERVICE, "7", "true"), 0, "it goes on under another manager");
	is_int(report_of(&tx, "two", INCIDENT_NODE, "n", "true"), 1, "a node that is a host");
	is_int(report_of(&tx, "two", INCIDENT_NODE, "n", "false"), 0, "the same of the other swarm");
	ok(fg_tx_commit(&tx, NULL) == 0, "…");
	is_int(fg_store_i64(store, -1, theirs, ""), 2, "each stays where it is");
	sum_up(&got);
	is_str(got.s, "service open 7 1 tell; service open 7 1 tell; node open n 1 tell", "… and how it was");
}

/* Rows of before there were subjects get the ones that they would have now. */
static void test_old_rows(void)
{
	play("aD1 dD1 pD1 rD1 sD1 wD1");
	fg_store_exec(store, NULL, "CREATE TABLE before AS SELECT id, subject FROM incidents", "");
	is_int(fg_store_i64(store, 0, "SELECT count(DISTINCT subject) FROM before", ""), 6,
		"six containers are six subjects");
	fg_store_exec(store, NULL, "UPDATE incidents SET subject = ''", "");
	fg_store_exec(store, NULL, subject_fill, "");
	is_int(fg_store_i64(store, 0,
		       "SELECT count(*) FROM incidents JOIN before USING (id, subject)", ""),
		6, "which they are in old rows, too");
	fg_store_exec(store, NULL, "UPDATE incidents SET container = '', labels = 'no object'", "");
	ok(fg_store_exec(store, NULL, subject_fill, "") >= 0, "whatever is in them");
	is_int(fg_store_i64(store, 0, "SELECT count(*) FROM incidents WHERE subject <> ''", ""), 0,
		"a host has none");
}

/* Whether it would be told now. */
static const char due[] = "SELECT count(*) FROM incidents WHERE state = 0 AND tell = 1 AND"
			  " tell_at = 0 AND held = 0";

static void test_missed(void)
{
	ok(play("zD1m"), "a task's end is missed");
	is_int(fg_store_i64(store, -1, due, ""), 0, "… which is not told before its service was looked at");
	ok(play("aD1m"), "a container's is");
	is_int(fg_store_i64(store, -1, due, ""), 1, "… which is");
	ok(play("zD1"), "a task's is seen");
	is_int(fg_store_i64(store, -1, due, ""), 1, "… which is, too");
}

/* A swarm stops tasks as it likes; what dies by itself does so there, too. */
static void test_tasks(void)
{
	static const struct {
		const char *steps;
		int64_t open;
		const char *what;
	} of[] = {
		{"zD143a", 0, "a task that is stopped is no incident"},
		{"zD3a", 0, "… whatever its exit code"},
		{"zD1", 1, "one that dies is"},
		{"zD1 zS zD143a", 0, "… until it is stopped"},
		{"aD143a", 1, "a container that is stopped is"},
		{"zD1 jS", 1, "a task on another host makes up for the one of its place"},
		{"zD1 jS ~", 0, "… and when it stays up, that is over"},
		{"zD1 kS ~", 1, "one of another place does not"},
		{"zD1 lS ~", 1, "nor one of another service of that name"},
		{"zD1 jS ~ jD1", 1, "what dies there, then, is told of there"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(of); i++) {
		ok(play(of[i].steps), "played");
		is_int(fg_store_i64(store, -1, "SELECT count(*) FROM incidents WHERE state = 0", ""),
			of[i].open, of[i].what);
	}
}

static void tests(void *arg)
{
	struct config_errors errors = {0};

	(void)arg;
	store = scratch_store();
	config = config_parse("test.json", "{}", 2, &errors);
	ok(config && incidents_setup(store, NULL) == 0, "the tables are made");
	test_courses();
	test_takes_over();
	test_updates();
	test_tasks();
	test_missed();
	test_lasting();
	test_liar();
	test_old_rows();
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
