/* Messages about incidents, word by word; and that nothing in them is ever anything but text. */
#include <stdlib.h>
#include <time.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "notify/exit.h"
#include "notify/text.h"
#include "tap.h"
#include "telegram/html.h"

#define NOW ((int64_t)1767225600000 + 14 * 3600000) /* 2026-01-01 14:00:00 UTC */

struct row {
	const char *name;
	enum incident_kind kind;
	enum incident_state state;
	int64_t count;
	const char *facts, *acked_by;
	const char *want; /* as plain text */
};

#define END "#12 · 13:00:00\n"
#define OVER "#12 · 13:00:00 · over at 13:20:00\n"

static const struct row rows[] = {
	{"died, nothing else is known", INCIDENT_DIED, INCIDENT_OPEN, 1, "{\"exit_code\":1}", "",
		"🔴 web died: exit code 1\n" END},
	{"died, with all there is", INCIDENT_DIED, INCIDENT_OPEN, 1,
		"{\"exit_code\":127,\"ran_ms\":2000,\"missed\":true,\"detail\":{\"policy\":\"always\",\"state\":"
		"\"restarting\",\"error\":\"no such file\",\"log\":\"one\\ntwo\"}}",
		"",
		"🔴 web died: exit code 127, its command was not found\nIt had run for 2s.\n"
		"It happened while I could not see it.\nThe engine says: no such file\n"
		"The engine starts it again within a minute (restart policy: always).\none\ntwo\n" END},
	{"died, and is on its way", INCIDENT_DIED, INCIDENT_OPEN, 1,
		"{\"exit_code\":3,\"detail\":{\"policy\":\"always\",\"tries\":2,\"state\":\"running\"}}", "",
		"🔴 web died: exit code 3\nThe engine starts it again (restart policy: always).\n" END},
	{"died, and cannot be started", INCIDENT_DIED, INCIDENT_OPEN, 1,
		"{\"exit_code\":3,\"detail\":{\"policy\":\"always\",\"state\":\"exited\",\"error\":\"no such file\"}}", "",
		"🔴 web died: exit code 3\nThe engine says: no such file\n"
		"The engine has not started it again (restart policy: always).\n" END},
	{"died, and nobody starts it", INCIDENT_DIED, INCIDENT_OPEN, 1,
		"{\"exit_code\":3,\"detail\":{\"policy\":\"no\",\"state\":\"exited\"}}", "",
		"🔴 web died: exit code 3\nNothing starts it again by itself (restart policy: no).\n" END},
	{"died, given up", INCIDENT_DIED, INCIDENT_OPEN, 1,
		"{\"exit_code\":3,\"detail\":{\"policy\":\"on-failure\",\"tries\":5,\"most_tries\":5,\"state\":"
		"\"exited\"}}",
		"",
		"🔴 web died: exit code 3\n"
		"The engine has given up after 5 tries (restart policy: on-failure:5).\n" END},
	{"died, tried on", INCIDENT_DIED, INCIDENT_OPEN, 1,
		"{\"exit_code\":3,\"detail\":{\"policy\":\"on-failure\",\"tries\":1,\"most_tries\":5,\"state\":"
		"\"restarting\"}}",
		"",
		"🔴 web died: exit code 3\n"
		"The engine starts it again within a minute, try 1 of 5 (restart policy: on-failure).\n" END},
	{"died, and is tried", INCIDENT_DIED, INCIDENT_OPEN, 1,
		"{\"exit_code\":3,\"detail\":{\"policy\":\"on-failure\",\"tries\":4,\"most_tries\":5,\"state\":"
		"\"running\"}}",
		"",
		"🔴 web died: exit code 3\nThe engine starts it again, try 4 of 5 (restart policy: on-failure).\n" END},
	{"died, and will be tried", INCIDENT_DIED, INCIDENT_OPEN, 1,
		"{\"exit_code\":3,\"detail\":{\"policy\":\"on-failure\",\"tries\":0,\"most_tries\":5,\"state\":"
		"\"running\"}}",
		"",
		"🔴 web died: exit code 3\nThe engine starts it again, at most 5 times (restart policy: on-failure).\n" END},
	{"went down with its host", INCIDENT_DIED, INCIDENT_OPEN, 1, "{\"exit_code\":143,\"with_host\":true}", "",
		"🔴 web went down with its host, and has not come back: exit code 143, ended by SIGTERM\n" END},
	{"a signal", INCIDENT_DIED, INCIDENT_OPEN, 1, "{\"exit_code\":139,\"signal\":11}", "",
		"🔴 web died: exit code 139, segmentation fault (SIGSEGV)\nSomebody had sent it SIGSEGV.\n" END},
	{"its exit code is not known", INCIDENT_DIED, INCIDENT_OPEN, 1, "{}", "",
		"🔴 web died: its exit code is not known\n" END},
	{"acknowledged", INCIDENT_DIED, INCIDENT_OPEN, 1, "{\"exit_code\":1}", "ops",
		"🔴 web died: exit code 1\n" END "👌 Acknowledged by ops at 13:30:00\n"},
	{"a loop", INCIDENT_DIED, INCIDENT_OPEN, 12, "{\"exit_code\":1,\"loop_since\":1}", "",
		"🔴 web keeps restarting: 12 deaths since 13:00:00, the last with exit code 1\n"
		"#12 · 12 times, first 13:00:00, last 13:10:00\n"},
	{"up again", INCIDENT_DIED, INCIDENT_RECOVERED, 1, "{\"exit_code\":1}", "",
		"✅ web is up again; it had died: exit code 1\n" OVER},
	{"stopped after it", INCIDENT_DIED, INCIDENT_RECOVERED, 1,
		"{\"exit_code\":1,\"over\":\"stopped\"}", "",
		"⏹ web was stopped; it had died: exit code 1\n" OVER},
	{"removed after it", INCIDENT_DIED, INCIDENT_CLOSED, 1,
		"{\"exit_code\":1,\"over\":\"removed\"}", "",
		"🗑 web was removed; it had died: exit code 1\n" OVER},
	{"stopped from outside", INCIDENT_STOPPED, INCIDENT_OPEN, 1,
		"{\"exit_code\":143,\"signal\":15}", "",
		"⏹ web was stopped from outside\nSomebody had sent it SIGTERM.\n" END},
	{"restarted from outside", INCIDENT_STOPPED, INCIDENT_RECOVERED, 1,
		"{\"over\":\"restarted\"}", "", "🔄 web was restarted from outside\n" OVER},
	{"restarted unseen", INCIDENT_STOPPED, INCIDENT_RECOVERED, 1,
		"{\"over\":\"restarted\",\"exit_code\":-1,\"missed\":true}", "",
		"🔄 web was restarted while I could not see it; why is not known\n" OVER},
	{"restarted from outside, unseen", INCIDENT_STOPPED, INCIDENT_RECOVERED, 1,
		"{\"over\":\"restarted\",\"exit_code\":143,\"missed\":true}", "",
		"🔄 web was restarted from outside\nIt happened while I could not see it.\n" OVER},
	{"removed from outside", INCIDENT_STOPPED, INCIDENT_CLOSED, 1, "{\"over\":\"removed\"}", "",
		"🗑 web was removed from outside\n" OVER},
	{"out of memory", INCIDENT_OOM, INCIDENT_OPEN, 2, "{}", "",
		"🟠 web: a process in it was killed, out of memory (2 times)\n"
		"#12 · 2 times, first 13:00:00, last 13:10:00\n"},
	{"unhealthy", INCIDENT_UNHEALTHY, INCIDENT_OPEN, 1,
		"{\"detail\":{\"health\":\"curl: (7) refused\",\"log\":\"line\"}}", "",
		"🟠 web is unhealthy\ncurl: (7) refused\nline\n" END},
	{"healthy again", INCIDENT_UNHEALTHY, INCIDENT_RECOVERED, 1, "{}", "",
		"✅ web is healthy again after 10m\n" OVER},
	{"a host", INCIDENT_HOST, INCIDENT_OPEN, 1, "{\"why\":\"connection refused\"}", "",
		"🔴 Host one does not answer\nconnection refused\n" END},
	{"a host that is asked again", INCIDENT_HOST, INCIDENT_OPEN, 1, "{\"why\":\"no answer\",\"again_ms\":30000}", "",
		"🔴 Host one does not answer\nno answer\nI ask it again about every 30s.\n" END},
	{"a host that is back, with all", INCIDENT_HOST, INCIDENT_RECOVERED, 1,
		"{\"again_ms\":5000,\"counts\":{\"\":{\"up\":12},\"name=web*\":{\"up\":1}}}", "",
		"✅ Host one answers again after 10m\n12 containers run.\n" OVER},
	{"a host that is back, with some", INCIDENT_HOST, INCIDENT_RECOVERED, 1,
		"{\"counts\":{\"\":{\"up\":1,\"down\":2,\"names\":[\"web\",\"<db>\"]}}}", "",
		"✅ Host one answers again after 10m\n1 container runs. 2 do not any more: web, <db>\n" OVER},
	{"a host that is back, with none", INCIDENT_HOST, INCIDENT_RECOVERED, 1,
		"{\"counts\":{\"\":{\"down\":7,\"names\":[\"a\",\"b\"]}}}", "",
		"✅ Host one answers again after 10m\n0 containers run. 7 do not any more: a, b …and 5 more\n" OVER},
	{"counted for others", INCIDENT_HOST, INCIDENT_RECOVERED, 1,
		"{\"counts\":{\"name=web*\":{\"up\":1,\"down\":1,\"names\":[\"web\"]}}}", "",
		"✅ Host one answers again after 10m\n" OVER},
	{"a host that is back", INCIDENT_HOST, INCIDENT_RECOVERED, 1, "{}", "",
		"✅ Host one answers again after 10m\n" OVER},
	{"a host that has left the config", INCIDENT_HOST, INCIDENT_CLOSED, 1,
		"{\"why\":\"no answer\",\"again_ms\":5000,\"over\":\"left\"}", "",
		"🔴 Host one does not answer; the host is not in the config any more\nno answer\n" OVER},
	{"died, and its host has left", INCIDENT_DIED, INCIDENT_CLOSED, 1,
		"{\"exit_code\":1,\"over\":\"left\"}", "",
		"🔴 web died: exit code 1; the host is not in the config any more\n" OVER},
	{"CPU", INCIDENT_CPU, INCIDENT_OPEN, 1, "{\"percent\":95.5,\"limit_percent\":90}", "",
		"🟠 web uses 96% CPU, more than 90%\n" END},
	{"memory", INCIDENT_MEMORY, INCIDENT_OPEN, 1,
		"{\"percent\":95,\"bytes\":996147200,\"limit_bytes\":1048576000}", "",
		"🟠 web uses 95% of its memory: 950M of 1.0G\n" END},
	{"disk", INCIDENT_DISK, INCIDENT_OPEN, 1,
		"{\"percent\":93,\"bytes\":996147200,\"limit_bytes\":1048576000}", "",
		"🟠 The disk of host one is 93% full: 950M of 1.0G\n" END},
	{"memory without a limit", INCIDENT_MEMORY, INCIDENT_OPEN, 1,
		"{\"percent\":95,\"bytes\":996147200,\"limit_bytes\":1048576000,\"own_limit\":false}", "",
		"🟠 web uses 95% of its host's memory: 950M of 1.0G\n" END},
	{"update", INCIDENT_UPDATE, INCIDENT_OPEN, 1, "{}", "", "⬆️ web: there is a newer img:1\n" END},
	{"taken", INCIDENT_UPDATE, INCIDENT_RECOVERED, 1, "{}", "", "✅ web: the newer img:1 was taken\n" OVER},
	{"removed instead", INCIDENT_UPDATE, INCIDENT_CLOSED, 1, "{\"over\":\"removed\"}", "",
		"🗑 web was removed; there was a newer img:1\n" OVER},
	{"not taken in time", INCIDENT_UPDATE, INCIDENT_CLOSED, 1, "{\"over\":\"superseded\"}", "",
		"⤵️ web: of img:1 there is one that is newer still\n" OVER},
	{"healed", INCIDENT_HEAL, INCIDENT_OPEN, 1, "{\"restarts\":1,\"most\":3,\"unhealthy_ms\":301000}", "",
		"🩹 web was unhealthy for 5m 1s, and is restarted (1 of 3)\n" END},
	{"healed, and nothing else is known", INCIDENT_HEAL, INCIDENT_OPEN, 1, "{\"restarts\":2,\"most\":3}", "",
		"🩹 web was unhealthy, and is restarted (2 of 3)\n" END},
	{"not to be healed", INCIDENT_HEAL, INCIDENT_OPEN, 1, "{\"restarts\":2,\"most\":3,\"why\":\"no room\"}", "",
		"🔴 web is unhealthy, and could not be restarted (2 of 3)\nno room\n" END},
	{"given up", INCIDENT_HEAL, INCIDENT_OPEN, 1, "{\"restarts\":3,\"most\":3,\"gave_up\":true}", "",
		"🔴 web stays unhealthy, and is not restarted any more (3 of 3)\n" END},
	{"healed for good", INCIDENT_HEAL, INCIDENT_RECOVERED, 1, "{\"restarts\":3,\"most\":3,\"gave_up\":true}", "",
		"✅ web is healthy again; it was restarted\n" OVER},
	{"a service that is short", INCIDENT_SERVICE, INCIDENT_OPEN, 1, "{\"wanted\":3,\"running\":1,\"why\":\"no suitable node\"}", "",
		"🟠 Service web runs 1 of 3 tasks\nno suitable node\n" END},
	{"a service that is down", INCIDENT_SERVICE, INCIDENT_OPEN, 1, "{\"wanted\":3,\"running\":0,\"why\":\"\"}", "",
		"🔴 Service web is down: none of 3 tasks runs\n" END},
	{"a service that is back", INCIDENT_SERVICE, INCIDENT_RECOVERED, 1, "{\"wanted\":3,\"running\":0}", "",
		"✅ Service web runs all its tasks again after 10m\n" OVER},
	{"a service that is no more", INCIDENT_SERVICE, INCIDENT_CLOSED, 1, "{\"wanted\":3,\"running\":1,\"over\":\"removed\"}", "",
		"🗑 Service web was removed; it ran 1 of 3 tasks\n" OVER},
	{"an update that is paused", INCIDENT_ROLLOUT, INCIDENT_OPEN, 1, "{\"state\":\"paused\",\"why\":\"update paused due to failure\"}", "",
		"🟠 Service web: the swarm has paused its update\nupdate paused due to failure\n" END},
	{"an update that was undone", INCIDENT_ROLLOUT, INCIDENT_OPEN, 1, "{\"state\":\"rollback_completed\"}", "",
		"🟠 Service web: the swarm has rolled its update back\n" END},
	{"a node", INCIDENT_NODE, INCIDENT_OPEN, 1, "{\"node\":\"gamma\",\"why\":\"heartbeat failure\"}", "",
		"🔴 Node gamma of the swarm is down\nheartbeat failure\n" END},
	{"a node that is back", INCIDENT_NODE, INCIDENT_RECOVERED, 1, "{\"node\":\"gamma\"}", "",
		"✅ Node gamma of the swarm is not down any more, after 10m\n" OVER},
	{"a swarm", INCIDENT_SWARM, INCIDENT_OPEN, 1, "{}", "",
		"🔴 The swarm of one has no leader: too few of its managers are up\n" END},
};

static struct incident incident_of(const struct row *r)
{
	bool of_host = r->kind == INCIDENT_HOST || r->kind == INCIDENT_DISK ||
		       r->kind == INCIDENT_NODE || r->kind == INCIDENT_SWARM;

	return (struct incident){
		.id = 12,
		.kind = r->kind,
		.state = r->state,
		.host = "one",
		.container_id = of_host ? "" : "0123456789abcdef0123",
		.name = of_host ? "" : "web",
		.project = "",
		.image = of_host ? "" : "img:1",
		.about = "",
		.facts = fg_json_parse(r->facts, strlen(r->facts), NULL),
		.opened_ms = NOW - 3600000,
		.last_ms = NOW - 3000000,
		.recovered_ms = r->state == INCIDENT_OPEN ? 0 : NOW - 2400000,
		.acked_ms = *r->acked_by ? NOW - 1800000 : 0,
		.acked_by = r->acked_by,
		.count = r->count,
	};
}

static char *plain_of(const struct crowd *c, const struct text_frame *f)
{
	cleanup_str struct fg_str html;

	fg_str_init(&html, 64 * 1024);
	text_crowd(&html, c, f);
	return html_plain(html.s);
}

static void test_one(void)
{
	struct text_frame f = {.now_ms = NOW};

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		cleanup_crowd struct crowd c = {0};
		struct incident incident = incident_of(&rows[i]);
		cleanup_free char *got = NULL;

		crowd_add(&c, &incident);
		got = plain_of(&c, &f);
		is_str(got, rows[i].want, rows[i].name);
		cJSON_Delete(incident.facts);
	}
}

/* As an earlier version has left it in the store. */
static void test_no_end(void)
{
	static const struct row row = {
		"", INCIDENT_HOST, INCIDENT_CLOSED, 1, "{\"why\":\"no answer\"}", "", ""};
	struct incident incident = incident_of(&row);
	cleanup_str struct fg_str html;

	incident.recovered_ms = 0;
	fg_str_init(&html, 4096);
	text_title(&html, &incident, false);
	is_str(html.s, "🔴 Host <b>one</b> does not answer; the host is not in the config any more",
		"what was closed without an end has lasted for no time");
	cJSON_Delete(incident.facts);
}

static void test_exits(void)
{
	static const struct {
		int code;
		bool oom, looked;
		const char *want;
	} codes[] = {
		{0, false, true, ""},
		{1, false, true, ""},
		{1, true, true, "a process in it ran out of memory"},
		{125, false, true, "the engine could not run it"},
		{126, false, true, "its command cannot be run"},
		{130, false, true, "interrupted (SIGINT)"},
		{134, false, true, "aborted (SIGABRT)"},
		{137, true, false, "out of memory (killed at its limit)"},
		{137, false, false, "killed (SIGKILL): kill -9, or out of memory"},
		{137, false, true, "killed (SIGKILL), not for its memory limit"},
		{138, false, true, "ended by SIGUSR1"},
		{143, false, true, "ended by SIGTERM"},
		{255, false, true, ""},
	};
	char buf[EXIT_WORDS];

	for (size_t i = 0; i < FG_ARRAY_LEN(codes); i++) {
		cleanup_free char *name = fg_printf("exit code %d", codes[i].code);

		is_str(exit_words(buf, codes[i].code, codes[i].oom, codes[i].looked), codes[i].want,
			name);
	}
}

static void add_kind(struct crowd *c, int from, int to, const char *project,
	enum incident_state state, enum incident_kind kind)
{
	for (int i = from; i < to; i++) {
		cleanup_free char *name = fg_printf("c%d", i);
		struct row row = {.kind = kind,
			.facts = "{\"exit_code\":1}",
			.state = state,
			.count = 1,
			.acked_by = ""};
		struct incident incident = incident_of(&row);

		incident.name = name;
		incident.project = project;
		crowd_add(c, &incident);
		cJSON_Delete(incident.facts);
	}
}

static void add_many(struct crowd *c, int from, int to, const char *project, enum incident_state state)
{
	add_kind(c, from, to, project, state, INCIDENT_DIED);
}

static void test_many(void)
{
	struct text_frame f = {.now_ms = NOW}, several = {.now_ms = NOW, .several_hosts = true};
	cleanup_crowd struct crowd two = {0}, six = {0}, all = {0}, mixed = {0};
	cleanup_free char *got = NULL;

	add_many(&two, 0, 2, "", INCIDENT_OPEN);
	got = plain_of(&two, &several);
	is_str(got,
		"🔴 one/c0 died: exit code 1\n#12 · 13:00:00\n🔴 one/c1 died: exit code 1\n#12 · 13:00:00\n",
		"two are told in short");
	free(got);
	add_many(&six, 0, 6, "shop", INCIDENT_OPEN);
	add_many(&six, 6, 500, "", INCIDENT_OPEN);
	got = plain_of(&six, &f);
	is_str(got,
		"🔴 500 containers died\n• project shop on one: 6\n• on one: 494\n"
		"c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 …and 490 more\n13:00:00 to 13:10:00\n",
		"many by host and project");
	free(got);
	add_many(&all, 0, 3, "shop", INCIDENT_RECOVERED);
	add_many(&all, 3, 5, "shop", INCIDENT_OPEN);
	got = plain_of(&all, &f);
	is_str(got,
		"🔴 5 containers died · ✅ 3 of 5 recovered\n• project shop on one: 5, 3 recovered\n"
		"Not yet: c3, c4\n13:00:00 to 13:10:00\n",
		"some are back");
	free(got);
	crowd_finish(&all);
	add_many(&all, 0, 4, "", INCIDENT_RECOVERED);
	got = plain_of(&all, &f);
	is_str(got,
		"✅ 4 of 4 recovered\n4 containers died\n• on one: 4, 4 recovered\nc0, c1, c2, c3\n"
		"13:00:00 to 13:10:00\n",
		"all are back");
	free(got);
	add_many(&mixed, 0, 3, "", INCIDENT_OPEN);
	add_kind(&mixed, 3, 4, "", INCIDENT_OPEN, INCIDENT_UNHEALTHY);
	got = plain_of(&mixed, &f);
	is_str(got,
		"🔴 4 incidents at once\n• 3 containers died\n• 1 container is unhealthy\n• on one: 4\n"
		"c0, c1, c2, c3\n13:00:00 to 13:10:00\n",
		"of several kinds");
}

/* What containers say can be long, and look like anything. */
static void test_hostile(void)
{
	struct text_frame f = {.now_ms = NOW, .several_hosts = true};
	cleanup_crowd struct crowd c = {0};
	cleanup_str struct fg_str html;
	struct incident incident = incident_of(&rows[0]);
	cJSON *detail = cJSON_AddObjectToObject(incident.facts, "detail"), *keyboard;
	char *log = fg_alloc(2500), *name = fg_alloc(3000);

	memset(log, '&', 2400);
	memset(name, '<', 2999);
	cJSON_AddStringToObject(detail, "log", log);
	incident.name = name;
	incident.acked_by = "<b>&me";
	incident.acked_ms = NOW;
	crowd_add(&c, &incident);
	fg_str_init(&html, 64 * 1024);
	text_crowd(&html, &c, &f);
	ok(!html.full && html_length(html.s) <= HTML_MESSAGE, "a long log and name fit");
	ok(!strstr(html.s, "<<") && strstr(html.s, "&lt;&lt;") && strstr(html.s, "by &lt;b&gt;&amp;me"),
		"and are text");
	keyboard = text_buttons(&c, &f);
	ok(keyboard != NULL, "with buttons");
	cJSON_Delete(keyboard);
	cJSON_Delete(incident.facts);
	free(log);
	free(name);
}

/* Several newer images: one button for all that are left, unless a name could be taken for something else. */
static void test_updates(void)
{
	static const struct {
		const char *names[3];
		int n, over;
		const char *want;
	} cases[] = {
		{{"web", "db"}, 2, 0, "\"update one/web one/db\""},
		{{"web", "db", "api"}, 3, 1, "\"update one/db one/api\""},
		{{"web", "d*b"}, 2, 0, NULL},
		{{"web", "db"}, 2, 2, NULL},
	};
	struct text_frame f = {.now_ms = NOW};

	for (size_t i = 0; i < FG_ARRAY_LEN(cases); i++) {
		cleanup_crowd struct crowd c = {0};
		cJSON *keyboard;
		char *text;

		for (int k = 0; k < cases[i].n; k++) {
			struct incident incident = {.id = k, .kind = INCIDENT_UPDATE, .host = "one", .container_id = "0123456789ab",
				.name = cases[i].names[k], .project = "", .image = "img", .about = "", .acked_by = "",
				.state = k < cases[i].over ? INCIDENT_RECOVERED : INCIDENT_OPEN};

			crowd_add(&c, &incident);
		}
		keyboard = text_buttons(&c, &f);
		text = fg_json_print(keyboard);
		ok(cases[i].want ? strstr(text, cases[i].want) != NULL : !strstr(text, "\"update "), "update all, %d of %d left",
			cases[i].n - cases[i].over, cases[i].n);
		ok(!strstr(text, "\"ack "), "… and nothing to acknowledge");
		free(text);
		cJSON_Delete(keyboard);
	}
}

/* Under several incidents the button is about those of the message, and no others. */
static void test_ack_all(void)
{
	struct text_frame f = {.now_ms = NOW};
	cleanup_crowd struct crowd c = {0};
	struct incident incident = incident_of(&rows[0]);
	cJSON *keyboard;
	char *text;

	incident.bulletin = 7;
	crowd_add(&c, &incident);
	crowd_add(&c, &incident);
	keyboard = text_buttons(&c, &f);
	text = fg_json_print(keyboard);
	ok(strstr(text, "\"ack message=7\"") != NULL, "all of a message are acknowledged");
	free(text);
	cJSON_Delete(keyboard);
	cJSON_Delete(incident.facts);
}

/* Whoever mutes a host mutes its containers, and is told so. */
static void test_mute_of_host(void)
{
	static const enum incident_kind kinds_of_hosts[] = {INCIDENT_HOST, INCIDENT_DISK};
	struct text_frame f = {.now_ms = NOW};

	for (size_t i = 0; i < FG_ARRAY_LEN(kinds_of_hosts); i++) {
		struct row row = {.kind = kinds_of_hosts[i], .facts = "{}", .count = 1, .acked_by = ""};
		struct incident incident = incident_of(&row);
		cleanup_crowd struct crowd c = {0};
		cJSON *keyboard;
		char *text;

		crowd_add(&c, &incident);
		keyboard = text_buttons(&c, &f);
		text = fg_json_print(keyboard);
		ok(strstr(text, "Mute host 1h") && strstr(text, "\"mute host=one 1h\""), "the button says what it mutes");
		free(text);
		cJSON_Delete(keyboard);
		cJSON_Delete(incident.facts);
	}
}

/* Buttons go by the service, and nobody mutes a manager who means a node. */
static void test_buttons_of_swarms(void)
{
	static const struct {
		enum incident_kind kind;
		const char *has, *has_not;
	} of[] = {
		{INCIDENT_SERVICE, "\"logs service=0123456789abcdef0123\"", "restart"},
		{INCIDENT_ROLLOUT, "\"mute one/web 1h\"", "restart"},
		{INCIDENT_NODE, "\"nodes\"", "mute"},
		{INCIDENT_SWARM, "\"ack 12\"", "mute"},
	};
	struct text_frame f = {.now_ms = NOW};

	for (size_t i = 0; i < FG_ARRAY_LEN(of); i++) {
		struct row row = {.kind = of[i].kind, .facts = "{}", .count = 1, .acked_by = ""};
		struct incident incident = incident_of(&row);
		cleanup_crowd struct crowd c = {0};
		cJSON *keyboard;
		char *text;

		crowd_add(&c, &incident);
		keyboard = text_buttons(&c, &f);
		text = fg_json_print(keyboard);
		ok(strstr(text, of[i].has) && !strstr(text, of[i].has_not), "buttons of a swarm");
		free(text);
		cJSON_Delete(keyboard);
		cJSON_Delete(incident.facts);
	}
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	test_one();
	test_no_end();
	test_exits();
	test_many();
	test_hostile();
	test_updates();
	test_ack_all();
	test_mute_of_host();
	test_buttons_of_swarms();
	return done_testing();
}
