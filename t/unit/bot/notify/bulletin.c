/* Bulletins: which chats get which message, once, whatever happens in between. */
#include "../telegram/box.h"
#include "chat/roles.h"
#include "fleetgram/fleet/watch.h"
#include "notify/incidents.h"
#include "notify/mutes.h"
#include "notify/state.h"
#include "notify/subject.h"
#include "telegram/keyboard.h"
#include "telegram/live.h"

#define ALL 42  /* a chat that sees everything */
#define SOME 43 /* one that sees only web* */
#define GERMAN 45 /* one that sees only what ends in -de, in its language */

static const char text[] =
	"{\"hosts\":{\"one\":{\"url\":\"unix:///nowhere/docker.sock\"}},\"notify\":{\"startup_delay\":\"0\"},"
	"\"chats\":[{\"id\":42,\"role\":\"viewer\",\"notify\":true},{\"id\":44,\"role\":\"viewer\"},"
	"{\"id\":43,\"role\":\"viewer\",\"notify\":true,\"scope\":\"name=web*\"},"
	"{\"id\":45,\"role\":\"viewer\",\"notify\":true,\"scope\":\"name=*-de\",\"language\":\"de\"}]}";

static struct box box;
static struct app app;
static struct fg_task *telling;

static void stop_telling(void)
{
	fg_task_cancel(telling);
	fg_task_join(telling);
	notify_destroy(app.notify);
}

static void start_telling(void)
{
	app.notify = notify_create(&app, NULL);
	telling = fg_task_spawn("notifications", notify_run, app.notify);
}

static void begin(void)
{
	static const char *const emptied[] = {"incidents", "bulletins", "live", "mutes"};

	box_begin(&box);
	live_setup(box.store, NULL);
	keyboard_setup(box.store, NULL);
	mutes_setup(box.store, NULL);
	incidents_setup(box.store, NULL);
	for (size_t i = 0; i < FG_ARRAY_LEN(emptied); i++) {
		cleanup_free char *sql = fg_printf("DELETE FROM %s", emptied[i]);

		fg_store_exec(box.store, NULL, sql, "");
	}
	box_run(&box);
	app.store = box.store;
	app.outbox = box.ob;
	app.telegram = box.tg;
	app.limiter = box.limiter;
	app.started_ms = fg_now_ms();
	start_telling();
}

static void end(void)
{
	stop_telling();
	box_close(&box);
}

/* What happens */

static struct fg_happening happening(enum fg_happened what, const char *name, const char *id)
{
	return (struct fg_happening){
		.what = what,
		.host = fg_fleet_host(app.setup->fleet, 0),
		.id = id,
		.name = name,
		.image = "img",
		.before = "",
		.health = "",
		.at_ms = fg_wall_ms(),
		.exit_code = 1,
		.ran_ms = 2000,
	};
}

static void take(const struct fg_happening *v, size_t n)
{
	cleanup_tx struct fg_tx tx = {0};

	if (fg_tx_begin(box.store, &tx, NULL) < 0 ||
		notify_take(&tx, v, n, app.notify, NULL) < 0 || fg_tx_commit(&tx, NULL) < 0)
		ok(false, "happenings are taken");
	notify_kick(app.notify);
}

static void happen(enum fg_happened what, const char *name)
{
	struct fg_happening v = happening(what, name, name);

	v.health = "healthy";
	take(&v, 1);
}

/* n containers c0, c1, … at once. */
static void happen_to_many(enum fg_happened what, int n)
{
	struct fg_happening *v = fg_alloc((size_t)n * sizeof(*v));
	char(*names)[16] = fg_alloc((size_t)n * sizeof(*names));

	for (int i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "c%d", i);
		v[i] = happening(what, names[i], names[i]);
		v[i].health = "healthy";
	}
	take(v, (size_t)n);
	free(v);
	free(names);
}

/* What the chats see */

static int count(const char *method, int64_t chat)
{
	int n = 0;

	pthread_mutex_lock(&peer.lock);
	for (int i = 0; i < peer.count; i++)
		n += peer.log[i].chat == chat && strcmp(peer.log[i].method, method) == 0;
	pthread_mutex_unlock(&peer.lock);
	return n;
}

/* The text that was said last in the chat, sent or edited. */
static const char *last_text(int64_t chat)
{
	const char *said = "";

	pthread_mutex_lock(&peer.lock);
	for (int i = 0; i < peer.count; i++)
		if (peer.log[i].chat == chat)
			said = fg_json_str(peer.log[i].params, "text", said);
	pthread_mutex_unlock(&peer.lock);
	return said;
}

/* Until the last text of the chat has that in it, or 20 s are over. */
static bool reads(int64_t chat, const char *part)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (!strstr(last_text(chat), part) && fg_now_ms() < deadline)
		fg_task_sleep(5, NULL);
	if (strstr(last_text(chat), part))
		return true;
	diag("it reads: %s", last_text(chat));
	return false;
}

/* Until something with that in it was said there, or 20 s are over. */
static bool said(int64_t chat, const char *part)
{
	int64_t deadline = fg_now_ms() + 20000;
	bool found = false;

	while (!found && fg_now_ms() < deadline) {
		fg_task_sleep(5, NULL);
		pthread_mutex_lock(&peer.lock);
		for (int i = 0; i < peer.count && !found; i++)
			found = peer.log[i].chat == chat &&
				strstr(fg_json_str(peer.log[i].params, "text", ""), part);
		pthread_mutex_unlock(&peer.lock);
	}
	return found;
}

static const struct peer_request *first_of(int64_t chat)
{
	static const struct peer_request none;

	for (int i = 0; i < peer.count; i++)
		if (peer.log[i].chat == chat)
			return &peer.log[i];
	return &none;
}

/* Nothing is under way any more: every bulletin is shown as it should be. */
static bool quiet(void)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (fg_store_i64(box.store, 0,
		       "SELECT (SELECT count(*) FROM bulletins WHERE revision > shown) +"
		       " (SELECT count(*) FROM outbox) + (SELECT count(*) FROM incidents WHERE"
		       " tell = 1 AND tell_at = 0)",
		       "") > 0 &&
		fg_now_ms() < deadline)
		fg_task_sleep(5, NULL);
	return fg_now_ms() < deadline;
}

/* Tests */

static void test_loop(void)
{
	struct fg_happening v[100];

	begin();
	happen(FG_HAPPENED_DIED, "web");
	ok(reads(ALL, "died: exit code 1") && reads(SOME, "died: exit code 1"), "told to both");
	ok(!fg_json_bool(first_of(ALL)->params, "disable_notification", false), "with a sound");
	ok(strstr(last_text(ALL), "It had run for 2s."), "and with what is known");
	for (int i = 0; i < 5; i++) {
		for (size_t k = 0; k < FG_ARRAY_LEN(v); k += 2) {
			v[k] = happening(FG_HAPPENED_STARTED, "web", "web");
			v[k + 1] = happening(FG_HAPPENED_DIED, "web", "web");
		}
		for (int k = 0; k < 4; k++)
			take(v, FG_ARRAY_LEN(v));
	}
	ok(reads(ALL, "keeps restarting: 1001 deaths"), "a thousand more deaths");
	ok(reads(SOME, "keeps restarting: 1001 deaths") && quiet(), "everywhere");
	is_int(count("sendMessage", ALL), 1, "are one message");
	ok(count("editMessageText", ALL) <= 4, "and a few edits");
	happen(FG_HAPPENED_DIED, "db");
	ok(reads(ALL, "db</b> died") && quiet(), "another one");
	is_int(count("sendMessage", SOME), 1, "is not told to who must not see it");
	ok(!strstr(last_text(SOME), "db"), "and not by an edit either");
	is_int(count("sendMessage", 44) + count("editMessageText", 44), 0, "who wants none gets none");
	end();
}

static void test_burst(void)
{
	begin();
	happen_to_many(FG_HAPPENED_DIED, 500);
	ok(reads(ALL, "500 containers died") && quiet(), "five hundred at once");
	is_int(count("sendMessage", ALL), 1, "are one message");
	is_int(count("sendMessage", SOME), 0, "none for who sees none of them");
	happen_to_many(FG_HAPPENED_HEALTH, 499);
	ok(reads(ALL, "499 of 500 recovered"), "all but one are back");
	ok(reads(ALL, "Not yet: c499"), "and that is named");
	happen_to_many(FG_HAPPENED_HEALTH, 500);
	ok(reads(ALL, "✅ <b>500 of 500 recovered</b>") && quiet(), "all are back");
	is_int(count("sendMessage", ALL), 1, "still one message");
	end();
}

static void test_restart(void)
{
	begin();
	stop_telling();
	app.notify = notify_create(&app, NULL);
	happen(FG_HAPPENED_DIED, "web1");
	notify_destroy(app.notify);
	start_telling();
	ok(reads(ALL, "web1</b> died") && quiet(), "what was not told before a crash is told after it");
	stop_telling();
	app.notify = notify_create(&app, NULL);
	happen(FG_HAPPENED_STARTED, "web1");
	happen(FG_HAPPENED_DIED, "web1");
	notify_destroy(app.notify);
	start_telling();
	ok(reads(ALL, "2 times"), "what was not shown is shown");
	stop_telling();
	start_telling();
	fg_task_sleep(300, NULL);
	ok(quiet(), "nothing else is to be done");
	is_int(count("sendMessage", ALL), 1, "all in one message");
	end();
}

/* Hosts, more than are looked at in one go, that a new config has not. */
static void test_left(void)
{
	begin();
	happen(FG_HAPPENED_DIED, "web");
	ok(reads(ALL, "web</b> died: exit code 1") && quiet(), "a container dies");
	stop_telling();
	fg_store_exec(box.store, NULL, "UPDATE incidents SET host = 'left'", "");
	fg_store_exec(box.store, NULL,
		"WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 150)"
		" INSERT INTO incidents SELECT NULL, kind, state, 'left' || i, container, name,"
		" project, image, about, labels, facts, opened, last, recovered, acked, acked_by,"
		" told, count, 0, tell, tell_at, gap, settle, unsure, held, subject FROM incidents, k",
		"");
	start_telling();
	ok(reads(ALL, "the host is not in the config any more") && quiet(),
		"its message says when its host has left the config");
	is_int(count("sendMessage", ALL), 1, "… the same message");
	is_int(fg_store_i64(box.store, -1,
		       "SELECT count(*) FROM incidents WHERE state = 2 AND recovered >= last", ""),
		151, "all that was on such hosts has an end");
	end();
}

/* Until the incident of that name waits for a message so, or 20 s are over. */
static bool wants(const char *name, int64_t tell, int64_t held)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (fg_store_i64(box.store, 0,
		       "SELECT count(*) FROM incidents WHERE name = ? AND tell = ? AND held = ?", "sii",
		       name, tell, held) == 0 &&
		fg_now_ms() < deadline)
		fg_task_sleep(5, NULL);
	return fg_now_ms() < deadline;
}

/* It gets later. */
static void later(int seconds)
{
	fg_wall_shift((int64_t)seconds * 1000);
	notify_kick(app.notify);
}

static void test_silent(void)
{
	struct fg_happening v = happening(FG_HAPPENED_DIED, "web", "web");

	begin();
	v.asked = true;
	take(&v, 1);
	ok(wants("web", 1, 0) && count("sendMessage", ALL) == 0, "a stop from outside waits a moment");
	later(13);
	ok(reads(ALL, "was stopped from outside"), "and is told");
	ok(fg_json_bool(first_of(ALL)->params, "disable_notification", false), "without a sound");
	happen(FG_HAPPENED_DIED, "db");
	ok(reads(ALL, "db</b> died") && quiet(), "what is loud");
	is_int(count("sendMessage", ALL), 2, "does not hide in it");
	happen(FG_HAPPENED_STARTED, "web");
	ok(reads(ALL, "was restarted from outside"), "it was a restart");
	v.ours = true;
	take(&v, 1);
	fg_task_sleep(100, NULL);
	ok(quiet(), "what we do ourselves");
	is_int(count("sendMessage", ALL), 2, "is not told");
	fg_wall_shift(-13000);
	end();
}

static void set_host(bool up)
{
	struct fg_err err;

	fg_fail(&err, FG_EUNREACHABLE, "connection refused");
	fg_host_note(fg_fleet_host(app.setup->fleet, 0), up ? NULL : &err);
}

/* How many incidents are like that. */
static bool are(int64_t count, const char *sql)
{
	int64_t deadline = fg_now_ms() + 20000;

	while (fg_store_i64(box.store, -1, sql, "") != count && fg_now_ms() < deadline)
		fg_task_sleep(5, NULL);
	return fg_now_ms() < deadline;
}

/* An engine ends, which stops its containers first, and all but one come back with it. */
static void test_host_restarts(void)
{
	struct fg_happening v[8];
	char names[4][8];

	begin();
	set_host(true);
	for (int i = 0; i < 4; i++) {
		snprintf(names[i], sizeof(names[i]), "c%d", i);
		v[i] = happening(FG_HAPPENED_DIED, names[i], names[i]);
		v[i].asked = true;
	}
	take(v, 4);
	ok(wants("c3", 1, 0), "all are stopped");
	set_host(false);
	ok(are(4, "SELECT count(*) FROM incidents WHERE held = 2"), "it was the engine that ended");
	set_host(true);
	for (int i = 0; i < 3; i++)
		v[i] = happening(FG_HAPPENED_STARTED, names[i], names[i]);
	take(v, 3);
	for (int i = 0; i < 4; i++) { /* two that nobody saw die */
		v[i] = happening(i % 2 ? FG_HAPPENED_STARTED : FG_HAPPENED_DIED, i / 2 ? "m1" : "m0",
			i / 2 ? "m1" : "m0");
		v[i].missed = true;
	}
	take(v, 4);
	ok(wants("c0", 0, 0) && wants("m1", 1, 2), "what comes back with it waits for nothing, or to settle");
	later(13);
	ok(are(5, "SELECT count(*) FROM incidents WHERE state = 1"), "all but one are up");
	later(6);
	ok(reads(ALL, "c3</b> went down with its host") && quiet(), "that one is told");
	ok(!fg_json_bool(first_of(ALL)->params, "disable_notification", false), "as the accident that it is");
	ok(are(0, "SELECT count(*) FROM incidents WHERE tell = 1"), "nothing else waits");
	is_int(count("sendMessage", ALL), 1, "in the only message");
	later(300);
	happen(FG_HAPPENED_DIED, "c0");
	ok(reads(ALL, "c0</b> died") && quiet(), "what dies later is told at once");
	fg_wall_shift(-319000);
	end();
}

/* A machine goes down, and its containers before their engine; or they only look like it. */
static void test_host_goes_down(void)
{
	struct fg_happening v[4];
	char names[4][8];

	begin();
	set_host(true);
	for (int i = 0; i < 4; i++) {
		snprintf(names[i], sizeof(names[i]), "c%d", i);
		v[i] = happening(FG_HAPPENED_DIED, names[i], names[i]);
		v[i].exit_code = 143;
	}
	take(v, 1);
	ok(wants("c0", 1, 0) && count("sendMessage", ALL) == 0, "who ended as told to may be the first of many");
	take(v + 1, 3);
	later(3);
	ok(are(4, "SELECT count(*) FROM incidents WHERE tell = 1 AND told = 0"), "and so are these");
	set_host(false);
	ok(are(4, "SELECT count(*) FROM incidents WHERE held = 2"), "their host is away");
	later(10);
	fg_task_sleep(100, NULL);
	is_int(count("sendMessage", ALL), 0, "which they wait for");
	set_host(true);
	later(19);
	ok(reads(ALL, "4 containers died") && quiet(), "what stays down is told when it is back");
	is_int(count("sendMessage", ALL), 1, "in one message");
	fg_wall_shift(-32000);
	end();

	/* It stood still, and tells of it when it goes on. */
	begin();
	while (app.notify->setup_number != app.setup->number) /* until it hears of hosts */
		fg_task_sleep(1, NULL);
	set_host(false);
	set_host(true);
	for (int i = 0; i < 4; i++)
		v[i].at_ms = fg_wall_ms();
	take(v, 4);
	ok(are(4, "SELECT count(*) FROM incidents WHERE held = 2"), "what comes with its return waits for it, too");
	for (int i = 0; i < 4; i++)
		happen(FG_HAPPENED_HEALTH, names[i]);
	ok(are(4, "SELECT count(*) FROM incidents WHERE state = 1"), "all are up");
	later(19);
	fg_task_sleep(100, NULL);
	ok(quiet() && count("sendMessage", ALL) == 0, "which is no news");
	fg_wall_shift(-19000);
	end();

	begin();
	set_host(true);
	later(300); /* it has been up for long */
	for (int i = 0; i < 4; i++)
		v[i].at_ms = fg_wall_ms();
	v[0].exit_code = 1;
	take(v, 1);
	ok(reads(ALL, "c0</b> died: exit code 1"), "what died of itself does not wait");
	take(v + 1, 3);
	later(3);
	ok(reads(ALL, "4 containers died") && quiet(), "nor does what follows it, for long: it is told with it");
	is_int(count("sendMessage", ALL), 1, "in one message");
	fg_wall_shift(-303000);
	end();

	begin();
	later(300);
	for (int i = 0; i < 4; i++)
		v[i].at_ms = fg_wall_ms();
	v[0].exit_code = 143;
	take(v, 3);
	later(3);
	take(v + 3, 1);
	later(3);
	fg_task_sleep(100, NULL);
	is_int(count("sendMessage", ALL), 0, "three at once wait, and so does one more");
	later(7);
	ok(reads(ALL, "4 containers died") && quiet(), "but not for long, where the host stays");
	is_int(count("sendMessage", ALL), 1, "all in one message");
	fg_wall_shift(-313000);
	end();
}

static void see(const char *name, int life, int64_t ended_ms)
{
	fg_store_exec(box.store, NULL,
		"INSERT INTO watch_seen (host, id, name, image, life, health, oom, started_ms, ended_ms, signal,"
		" signal_ms) VALUES ('one', ?1, ?1, 'img', ?2, '', 0, 0, ?3, 0, 0)",
		"sii", name, (int64_t)life, ended_ms);
}

static void report_host(int64_t at_ms)
{
	cleanup_tx struct fg_tx tx = {0};
	struct incident_report r = {.kind = INCIDENT_HOST, .host = "one", .at_ms = at_ms};

	if (fg_tx_begin(box.store, &tx, NULL) < 0 || notify_report(app.notify, &tx, &r, NULL) < 0 ||
		fg_tx_commit(&tx, NULL) < 0)
		ok(false, "an outage is reported");
}

/* The host is back, and its containers are counted, for each as far as it sees them. */
static void test_host_counts(void)
{
	int64_t away = fg_wall_ms() - 240000;
	struct fg_watch *watch;

	begin();
	app.watch = watch = fg_watch_create(&(struct fg_watch_options){.store = box.store}, NULL);
	fg_store_exec(box.store, NULL, "DELETE FROM watch_seen", "");
	fg_store_exec(box.store, NULL, "INSERT OR REPLACE INTO watch_hosts VALUES ('one', '', 1, 1, 1, 0)", "");
	see("web-up", 1, away + 1000);
	see("db-up", 1, 0);
	see("paused", 2, 0);
	see("web-down", 3, away + 100000);
	see("db-down", 3, away - 5000); /* the engine has ended it before it was away itself */
	see("old", 3, away - 600000);
	set_host(true);
	stop_telling();
	app.notify = notify_create(&app, NULL);
	report_host(away);
	notify_destroy(app.notify);
	start_telling();
	ok(reads(ALL, "answers again after") && quiet(), "a host is back");
	later(19);
	fg_task_sleep(100, NULL);
	ok(quiet() && !strstr(last_text(ALL), "container"), "its containers are not known yet");
	fg_store_exec(box.store, NULL, "UPDATE watch_hosts SET gap = 0", "");
	later(6);
	fg_task_sleep(100, NULL);
	ok(quiet() && !strstr(last_text(ALL), "container"), "nor are they while the watch has not caught up");
	app.watch = NULL;
	fg_watch_destroy(watch);
	later(6);
	ok(reads(ALL, "\n3 containers run. 2 do not any more: db-down, web-down\n"), "they are counted");
	ok(reads(SOME, "\n1 container runs. 1 does not any more: web-down\n"), "for each those that it sees");
	ok(quiet() && strstr(last_text(GERMAN), "one") && !strstr(last_text(GERMAN), "down"),
		"and who sees none of them hears of none");
	is_int(count("sendMessage", ALL), 1, "in the message that there was");
	fg_store_exec(box.store, NULL, "UPDATE watch_seen SET life = 1", "");
	stop_telling();
	start_telling();
	fg_task_sleep(100, NULL); /* it finds the host up */
	later(30);
	fg_task_sleep(100, NULL);
	ok(quiet() && strstr(last_text(ALL), "\n3 containers run. 2 do not any more"), "where they stay after a restart");
	fg_wall_shift(-61000);
	end();
}

static void test_languages(void)
{
	begin();
	happen(FG_HAPPENED_DIED, "web-de");
	ok(reads(ALL, "web-de</b> died: exit code 1") && reads(SOME, "web-de</b> died: exit code 1"),
		"English is spoken");
	ok(reads(GERMAN, "web-de</b> ist abgestürzt"), "where nothing else is wanted");
	end();
}

/* A node that may be a host out of scope. */
static void test_unknown_node(void)
{
	static const char scoped[] =
		"{\"hosts\":{\"one\":{\"url\":\"unix:///nowhere/docker.sock\"}},\"notify\":"
		"{\"startup_delay\":\"0\"},\"chats\":[{\"id\":42,\"notify\":true},"
		"{\"id\":43,\"notify\":true,\"scope\":\"host=one\"}]}";
	static const char facts[] =
		"{\"node\":\"lost\",\"hosts\":[\"one\"],\"" FACT_PERHAPS "\":[\"two\"]}";
	struct config_errors errors = {0};
	struct setup *before = app.setup;
	cleanup_json cJSON *json = fg_json_parse(facts, strlen(facts), NULL);
	cleanup_tx struct fg_tx tx = {0};
	struct incident_report r = {
		.kind = INCIDENT_NODE, .host = "one", .id = "n", .facts = json};

	app.setup = setup_create(
		config_parse("test.json", scoped, sizeof(scoped) - 1, &errors), NULL);
	begin();
	ok(fg_tx_begin(box.store, &tx, NULL) == 0 && notify_report(app.notify, &tx, &r, NULL) >= 0 &&
			fg_tx_commit(&tx, NULL) == 0, "a node is down");
	happen(FG_HAPPENED_DIED, "web");
	ok(reads(ALL, "lost") && reads(ALL, "web") && reads(SOME, "web</b> died") && quiet(),
		"who sees everything is told");
	ok(!strstr(last_text(SOME), "lost") && count("sendMessage", SOME) == 1,
		"who may not see each host that it may be is not");
	end();
	setup_unref(app.setup);
	app.setup = before;
}

static void set_mute(bool on)
{
	cleanup_tx struct fg_tx tx = {0};
	struct mute mute = {.until_ms = fg_wall_ms() + 3600000, .selector = "name=web", .scope = "",
		.by = "me"};

	if (fg_tx_begin(box.store, &tx, NULL) < 0 ||
		(on ? mutes_add(&tx, &mute, NULL) : mutes_end(&tx, NULL, NULL, NULL)) < 0 ||
		fg_tx_commit(&tx, NULL) < 0)
		ok(false, "muted");
	notify_kick(app.notify);
}

static void test_mutes(void)
{
	begin();
	set_mute(true);
	happen(FG_HAPPENED_DIED, "web");
	happen(FG_HAPPENED_DIED, "web2");
	ok(reads(ALL, "web2</b> died") && quiet(), "one is muted, the other is told");
	ok(!strstr(last_text(ALL), "web</b>"), "alone");
	set_mute(false);
	ok(reads(ALL, "web</b> died"), "the mute ends, and what is still so is told");
	end();
}

/* What became of a task whose end nobody saw is waited for, whatever is muted meanwhile. */
static void test_mutes_and_doubt(void)
{
	static const char labels[] = "{\"" TASK_LABEL_SERVICE "\":\"s1\"}";
	static const char doubted[] = "SELECT count(*) FROM incidents WHERE name = 'web' AND tell = 1"
				      " AND held = 2 AND tell_at > ?";
	cleanup_json cJSON *json = fg_json_parse(labels, strlen(labels), NULL);
	struct fg_happening v = happening(FG_HAPPENED_DIED, "web", "web");

	begin();
	happen(FG_HAPPENED_DIED, "app");
	ok(reads(ALL, "app</b> died") && quiet(), "mutes are looked at");
	v.missed = true;
	v.labels = json;
	take(&v, 1);
	ok(wants("web", 1, 2), "it is in doubt");
	set_mute(true);
	ok(wants("web", 1, 1), "a mute holds it");
	set_mute(false);
	ok(wants("web", 1, 2), "… and ends: it still is in doubt");
	ok(fg_store_i64(box.store, 0, doubted, "i", fg_wall_ms() + 10000) == 1, "… for as long as it was");
	happen(FG_HAPPENED_DIED, "db");
	ok(reads(ALL, "db</b> died") && quiet(), "something else is told");
	ok(!strstr(last_text(ALL), "web</b>"), "alone");
	later(60);
	ok(reads(ALL, "web</b> died"), "the doubt is over, and it is told");
	fg_wall_shift(-60000);
	end();
}

static void test_muted_and_over(void)
{
	begin();
	set_mute(true);
	happen(FG_HAPPENED_DIED, "web");
	ok(wants("web", 1, 1), "a mute holds it");
	happen(FG_HAPPENED_HEALTH, "web");
	ok(wants("web", 0, 0), "what is over by then waits for nothing");
	set_mute(false);
	happen(FG_HAPPENED_DIED, "db");
	ok(reads(ALL, "db</b> died") && quiet(), "the mute ends, and something else is told");
	ok(!strstr(last_text(ALL), "web</b>") && count("sendMessage", ALL) == 1, "alone");
	happen(FG_HAPPENED_DIED, "web");
	ok(reads(ALL, "web</b> died") && quiet(), "what comes back is told");
	end();
}

static void heal(const char *facts_text)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_json cJSON *facts = fg_json_parse(facts_text, strlen(facts_text), NULL);
	struct incident_report r = {
		.kind = INCIDENT_HEAL, .host = "one", .id = "web", .name = "web", .facts = facts};

	if (fg_tx_begin(box.store, &tx, NULL) < 0 ||
		notify_report(app.notify, &tx, &r, NULL) < 0 || fg_tx_commit(&tx, NULL) < 0)
		ok(false, "reported");
	notify_kick(app.notify);
}

static void test_giving_up(void)
{
	begin();
	heal("{\"restarts\":1,\"most\":2}");
	ok(reads(ALL, "is restarted (1 of 2)") && quiet(), "a restart is told");
	heal("{\"restarts\":2,\"most\":2}");
	ok(reads(ALL, "is restarted (2 of 2)") && quiet(), "the next one, too");
	is_int(count("sendMessage", ALL), 1, "in the same message");
	heal("{\"restarts\":2,\"most\":2,\"gave_up\":true}");
	ok(said(ALL, "is not restarted any more (2 of 2)") && quiet(), "giving up is told");
	is_int(count("sendMessage", ALL), 2, "at once, in a new one");
	end();
}

/* The burst of a moment ago is forgotten, as it would be after so long. */
static void pass(int minutes)
{
	stop_telling();
	start_telling();
	fg_wall_shift((int64_t)minutes * 60000);
}

static void test_anew(void)
{
	begin();
	happen(FG_HAPPENED_DIED, "web");
	ok(reads(ALL, "died") && quiet(), "told");
	pass(10);
	happen(FG_HAPPENED_DIED, "web");
	ok(reads(ALL, "2 times") && quiet() && count("sendMessage", ALL) == 1,
		"again after ten minutes: it goes on in its message");
	pass(21);
	notify_kick(app.notify);
	ok(said(ALL, "goes on in a newer message"), "after half an hour it is still so: the old message ends");
	ok(quiet() && count("sendMessage", ALL) == 2, "and there is a new one");
	pass(30);
	happen(FG_HAPPENED_DIED, "web");
	happen(FG_HAPPENED_HEALTH, "web");
	pass(40);
	notify_kick(app.notify);
	ok(quiet() && count("sendMessage", ALL) == 2, "what has recovered by then is not told anew");
	fg_wall_shift(-101 * 60000);
	end();
}

/* A run of a job under that id, that dies and is removed at once. */
static void run_once(const char *id)
{
	struct fg_happening v[] = {
		happening(FG_HAPPENED_STARTED, "job", id),
		happening(FG_HAPPENED_DIED, "job", id),
		happening(FG_HAPPENED_REMOVED, "job", id),
	};

	take(v, FG_ARRAY_LEN(v));
}

static void test_new_ids(void)
{
	begin();
	run_once("a");
	ok(reads(ALL, "job</b> was removed; it had died: exit code 1"), "a job died and is gone");
	run_once("b");
	run_once("c");
	ok(reads(ALL, "3 times") && quiet(), "and so do the next ones");
	is_int(count("sendMessage", ALL), 1, "in one message");
	later(11 * 60);
	stop_telling();
	start_telling(); /* looks for what can be forgotten, first of all */
	run_once("d");
	ok(reads(ALL, "4 times") && quiet(), "which goes on for as long as the incident may");
	is_int(count("sendMessage", ALL), 1, "and is the only one");
	later(20 * 60);
	run_once("e");
	ok(reads(ALL, "5 times") && quiet(), "half an hour after it");
	is_int(count("sendMessage", ALL), 2, "it is told anew");
	later(31 * 60);
	run_once("f");
	ok(reads(ALL, "6 times") && quiet(), "half an hour later");
	is_int(count("sendMessage", ALL), 2, "it is not");
	later(31 * 60);
	run_once("g");
	ok(reads(ALL, "7 times") && quiet(), "but after an hour");
	is_int(count("sendMessage", ALL), 3, "it is");
	fg_wall_shift(-(11 + 20 + 31 + 31) * 60000);
	end();
}

static void test_made_anew(void)
{
	struct fg_happening v[] = {
		happening(FG_HAPPENED_DIED, "web", "a"),
		happening(FG_HAPPENED_REMOVED, "web", "a"),
		happening(FG_HAPPENED_STARTED, "web", "b"),
	};

	begin();
	v[0].asked = true;
	take(v, 2);
	ok(wants("web", 1, 0), "one is removed from outside");
	take(v + 2, 1);
	ok(are(0, "SELECT count(*) FROM incidents"), "and made anew");
	later(13);
	happen(FG_HAPPENED_DIED, "db");
	ok(reads(ALL, "db</b> died") && quiet(), "what is an accident is told");
	is_int(count("sendMessage", ALL), 1, "and nothing else");
	fg_wall_shift(-13000);
	end();
}

static void tests(void)
{
	struct config_errors errors = {0};
	struct config *config = config_parse("test.json", text, sizeof(text) - 1, &errors);
	struct fg_err err;

	if (!config) {
		cleanup_free char *why = config_errors_text(&errors);

		printf("Bail out! %s\n", why);
		exit(1);
	}
	app.setup = setup_create(config, &err);
	test_loop();
	test_burst();
	test_restart();
	test_left();
	test_silent();
	test_new_ids();
	test_made_anew();
	test_host_restarts();
	test_host_goes_down();
	test_host_counts();
	test_unknown_node();
	test_mutes();
	test_mutes_and_doubt();
	test_muted_and_over();
	test_languages();
	test_giving_up();
	test_anew();
	setup_unref(app.setup);
}

int main(void)
{
	return box_test(tests);
}
