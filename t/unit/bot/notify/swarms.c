/* Looks at swarms: what becomes an incident, under which host, and when it is over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../telegram/scratch.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/deed.h"
#include "notify/swarms_look.h"
#include "tap.h"

#define LONG_MS ((int64_t)1000 * 1000)

static struct app app;
static struct setup setup;
static struct swarms swarms;
static struct fg_host hosts[] = {{.name = (char[]){"alpha"}}, {.name = (char[]){"beta"}}};
static struct fg_host *managers[] = {&hosts[0], &hosts[1]};
static struct fg_swarm swarm = {.id = "sw1", .managers = managers, .n = 2};
static struct fg_service service = {.id = "svc1", .name = (char[]){"web"}, .image = (char[]){"app"},
	.update_message = (char[]){""}, .version = 1, .wanted = 2, .running = 2};
static struct fg_node nodes[] = {{.id = "n1", .hostname = (char[]){"one"}, .state = "ready",
	.availability = "active", .message = (char[]){""}}};

/* Time has passed for what is looked at. */
static void grow_old(int64_t ms)
{
	struct subject *t;

	fg_list_each (&swarms.subjects, t, link) {
		struct trouble *trouble = &t->shortage.trouble;

		trouble->since_ms -= trouble->since_ms ? ms : 0;
		trouble->well_ms -= trouble->well_ms ? ms : 0;
	}
}

/* What a look writes, "report service svc1 alpha": what, which, whose, and under which host. open
 * (NULL: nothing is) is for this look. */
static char *judge(const struct open *open)
{
	static const char *const words[] = {"report", "recovered", "replaced", "gone"};
	struct fg_service list[] = {service};
	struct look look = {.s = &swarms,
		.setup = &setup,
		.swarm = &swarm,
		.services = {list, *service.id != '\0'},
		.nodes = {nodes, FG_ARRAY_LEN(nodes)}};
	struct open copy = open ? *open : (struct open){0};
	struct fg_str out;

	fg_str_init(&out, 1024);
	look.open = &copy;
	look.open_n = open != NULL;
	look_judge(&look, false);
	for (size_t i = 0; i < look.change_n; i++) {
		const struct change *c = &look.changes[i];

		fg_str_printf(&out, "%s%s %s %s %s", i ? "; " : "", words[c->what],
			incident_kind_word(c->kind), c->id, c->host);
		cJSON_Delete(c->facts);
	}
	free(look.changes);
	return fg_str_take(&out);
}

static void is_judged(const struct open *open, const char *want, const char *what)
{
	cleanup_free char *got = judge(open);

	is_str(got, want, what);
}

static void begin(void)
{
	struct subject *t;

	fg_list_each (&swarms.subjects, t, link)
		subject_destroy(t);
	service.wanted = service.running = 2;
	service.mode = FG_SERVICE_REPLICATED;
	snprintf(service.id, sizeof(service.id), "svc1");
	hosts[0].known = hosts[0].up = true;
	swarm.n = 2;
}

/* It goes from one manager to another one, and is reported once under each. */
static void test_home(void)
{
	struct open open = {.kind = INCIDENT_SERVICE, .id = "svc1", .swarm = "sw1",
		.host = (char[]){"alpha"}, .container = (char[]){"svc1"}};

	begin();
	service.running = 1;
	is_judged(NULL, "", "a service that is short of tasks for a moment is none");
	grow_old(LONG_MS);
	is_judged(NULL, "report service svc1 alpha", "… for long, it is told under the first manager");
	is_judged(&open, "", "… once");
	hosts[0].up = false;
	is_judged(&open, "report service svc1 beta", "… which goes down: it goes on under another one");
	open.host = (char[]){"beta"};
	is_judged(&open, "", "… once, too");
	hosts[0].up = true;
	is_judged(&open, "", "… and stays there when the first one is back");
	service.running = 2;
	is_judged(&open, "", "all tasks run");
	grow_old(LONG_MS);
	is_judged(&open, "recovered service svc1 beta", "… for long, and it is over where it is");
}

/* Tasks that died, wherever the next ones run. */
static void test_deaths(void)
{
	struct open open = {.kind = INCIDENT_DIED, .id = "svc1", .node = "n1", .host = (char[]){"far"},
		.container = (char[]){"c1"}, .last_ms = fg_wall_ms() - 30000};

	begin();
	service.running = 1;
	is_judged(&open, "", "a task has died, and is not replaced yet");
	grow_old(LONG_MS);
	is_judged(&open, "", "… which is told by its death alone");
	service.running = 2;
	is_judged(&open, "", "all tasks run");
	grow_old(30000);
	is_judged(&open, "replaced died c1 far", "… for long: it was replaced");
	open.loop = true;
	is_judged(&open, "", "one that keeps dying has to run for longer");
	grow_old(LONG_MS);
	is_judged(&open, "", "… without another death");
	open.last_ms -= LONG_MS;
	is_judged(&open, "replaced died c1 far", "… and is over, then");
	open.loop = false;
	service.wanted = service.running = 0;
	is_judged(&open, "", "it is scaled down to nothing");
	grow_old(LONG_MS);
	is_judged(&open, "gone died c1 far", "nothing replaces what is not wanted any more");
	service.mode = FG_SERVICE_JOB;
	service.wanted = 2;
	service.completed = 1;
	is_judged(&open, "", "a job that is not done yet");
	service.completed = 2;
	is_judged(&open, "replaced died c1 far", "… and one that is");
	service.id[0] = '\0';
	is_judged(&open, "gone died c1 far", "its service is removed");
	snprintf(open.node, sizeof(open.node), "n9");
	is_judged(&open, "", "… or is one of another swarm");
}

/* The same ids, of another swarm whose manager has made them up. */
static void test_liar(void)
{
	static struct fg_host *others[] = {&hosts[1]};
	struct fg_swarm honest = swarm, liar = {.id = "sw2", .managers = others, .n = 1};
	struct open open = {.kind = INCIDENT_SERVICE, .id = "svc1", .swarm = "sw1",
		.host = (char[]){"alpha"}, .container = (char[]){"svc1"}};

	begin();
	swarm = liar;
	is_judged(&open, "", "another swarm's service does not end it");
	grow_old(LONG_MS);
	is_judged(&open, "", "… ever");
	swarm = honest;
	service.running = 1;
	is_judged(NULL, "", "a service is short of tasks");
	swarm = liar;
	is_judged(NULL, "", "… and so is that of another one");
	service.running = 2;
	is_judged(NULL, "", "… which recovers");
	grow_old(LONG_MS);
	is_judged(NULL, "", "… for long");
	swarm = honest;
	service.running = 1;
	is_judged(NULL, "report service svc1 alpha", "what was seen of the first one still counts");
	swarm = liar;
	is_judged(&open, "", "the other one is short again");
	grow_old(LONG_MS);
	is_judged(&open, "report service svc1 beta", "… and has an incident of its own");
	swarm = honest;
}

static cJSON *facts_of_node(void)
{
	struct look look = {.s = &swarms, .setup = &setup, .swarm = &swarm, .nodes = {nodes, 1}};
	cJSON *facts;

	look_judge(&look, false);
	facts = look.change_n == 1 ? look.changes[0].facts : cJSON_CreateObject();
	ok(look.change_n == 1, "a node that is down is reported");
	free(look.changes);
	return facts;
}

/* A host that has not told yet which node it is. */
static void test_unknown_node(void)
{
	static const struct {
		const char *scope, *host;
	} rows[] = {
		{"", "alpha"},
		{"host=alpha", NULL},
		{"host=gamma", NULL},
		{"host=beta host=gamma", "beta"},
		{"host=*", "alpha"},
		{"!host=gamma", NULL},
		{"label=team:red", "alpha"},
	};
	struct fg_host_options gamma = {
		.name = "gamma", .engine = {.url = "unix:///nowhere/docker.sock"}};
	struct incident i = {.kind = INCIDENT_NODE, .host = "alpha", .name = "", .image = "",
		.project = "", .container_id = "n1"};

	begin();
	service.id[0] = '\0';
	ok(fg_fleet_add(setup.fleet, &gamma, NULL) == 0, "a host that never answered");
	snprintf(nodes[0].state, sizeof(nodes[0].state), "down");
	is_judged(NULL, "", "a node is down for a moment");
	grow_old(LONG_MS);
	i.facts = facts_of_node();
	for (size_t k = 0; k < FG_ARRAY_LEN(rows); k++) {
		cleanup_selector struct fg_selector *scope =
			fg_selector_parse_string(rows[k].scope, NULL);

		is_str(incident_host(&i, scope), rows[k].host,
			*rows[k].scope ? rows[k].scope : "who sees everything");
	}
	cJSON_Delete(i.facts);
	snprintf(nodes[0].state, sizeof(nodes[0].state), "ready");
}

static void tests(void *arg)
{
	struct fg_store *store = scratch_store();

	(void)arg;
	setup.config = fg_alloc(sizeof(*setup.config));
	setup.config->notify.restart_loop.count = 3;
	setup.config->notify.restart_loop.within_ms = 300000;
	setup.fleet = fg_fleet_create();
	app.store = store;
	app.deeds = fg_deeds_create(store, NULL);
	swarms.app = &app;
	fg_list_init(&swarms.subjects);
	test_home();
	test_deaths();
	test_liar();
	test_unknown_node();
	begin();
	fg_deeds_destroy(app.deeds);
	fg_fleet_unref(setup.fleet);
	free(setup.config);
	fg_store_close(store);
}

int main(void)
{
	fg_loop_run("test", tests, NULL);
	fg_log_finish();
	scratch_finish();
	return done_testing();
}
