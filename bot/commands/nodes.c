/*
 * /nodes and /node: the machines of swarms, and taking one out of service and back.
 */
#include <string.h>
#include "commands/format.h"
#include "commands/swarm_target.h"
#include "commands/swarm_nodes.h"
#include "fleetgram/base/json.h"

#define NODES_SHOWN 60
#define BUTTONS_MOST 8
#define LOOK_MS 1000
#define DRAIN_MS ((int64_t)2 * 60000) /* so long its tasks are watched leaving */
#define ARRIVE_MS ((int64_t)20000)    /* … and so long, then, arriving elsewhere */

static int tasks_on(const struct fg_service_tasks *tasks, const char *node)
{
	int n = 0;

	for (size_t i = 0; i < tasks->n; i++)
		n += fg_service_task_runs(&tasks->v[i]) && strcmp(tasks->v[i].node, node) == 0;
	return n;
}

/* Whether all that are wanted run. */
static bool is_settled(const struct fg_service_tasks *tasks)
{
	for (size_t i = 0; i < tasks->n; i++)
		if (fg_service_task_open(&tasks->v[i]))
			return false;
	return true;
}

static int find_swarms(struct command *c, struct fg_swarms *swarms)
{
	if (fg_fleet_nodes_learn(c->setup->fleet, c->person.scope, &c->err) < 0)
		return -1;
	return fg_fleet_swarms(c->setup->fleet, c->person.scope, swarms, &c->err);
}

static const char *node_dot(const struct fg_node *n)
{
	if (strcmp(n->state, "down") == 0)
		return "🔴";
	if (strcmp(n->state, "ready") != 0)
		return "⚪";
	if (strcmp(n->availability, "drain") == 0)
		return "🚧";
	return strcmp(n->availability, "pause") == 0 ? "⏸" : "🟢";
}

static void add_node(
	struct fg_str *html, const struct fg_node *n, const struct fg_service_tasks *tasks)
{
	cleanup_free char *name = format_cut_middle(fg_node_title(n), 64);
	int running = tasks_on(tasks, n->id);

	html_printf(html, FG_TEXT("%S <b>%s</b> · %s"), node_dot(n), name,
		n->leader ? fg_tr("leader") : n->role);
	if (strcmp(n->state, "ready") != 0)
		html_printf(html, FG_TEXT(" · <b>%s</b>"), n->state);
	if (*n->reachability && strcmp(n->reachability, "reachable") != 0)
		html_printf(html, FG_TEXT(" · %s"), n->reachability);
	html_printf(html, FG_TEXT(" · %s"), n->availability);
	html_printf(html, fg_ntr(" · %d task", " · %d tasks", (size_t)running), running);
	html_printf(html, FG_TEXT(" · %s\n"), n->engine_version);
	if (*n->message && strcmp(n->state, "ready") != 0)
		html_printf(html, FG_TEXT("   %s\n"), n->message);
}

/* Managers decide by a majority: how many of them may still go. */
static void add_quorum(struct fg_str *html, const struct fg_nodes *nodes)
{
	int managers = 0, reachable = 0, spare;

	for (size_t i = 0; i < nodes->n; i++) {
		managers += strcmp(nodes->v[i].role, "manager") == 0;
		reachable += strcmp(nodes->v[i].reachability, "reachable") == 0;
	}
	spare = reachable - (managers / 2 + 1);
	if (managers > 1 && reachable < managers && spare <= 0)
		html_printf(html,
			"⚠️ %d of %d managers are reachable: with one less the swarm has no leader, and nothing "
			"can be changed.\n",
			reachable, managers);
}

static cJSON *node_data(
	const struct fg_swarm *swarm, const struct fg_node *n, const struct fg_service_tasks *tasks)
{
	cJSON *data = cJSON_CreateObject();

	cJSON_AddStringToObject(data, "id", n->id);
	cJSON_AddStringToObject(data, "swarm", swarm->id);
	cJSON_AddStringToObject(data, "hostname", n->hostname);
	cJSON_AddStringToObject(data, "address", n->address);
	cJSON_AddStringToObject(data, "role", n->role);
	cJSON_AddBoolToObject(data, "leader", n->leader);
	cJSON_AddStringToObject(data, "state", n->state);
	cJSON_AddStringToObject(data, "availability", n->availability);
	cJSON_AddStringToObject(data, "engine_version", n->engine_version);
	cJSON_AddStringToObject(data, "message", n->message);
	fg_json_set_i64(data, "tasks", tasks_on(tasks, n->id));
	return data;
}

/* A button for each node to take it out, or back. */
static void add_buttons(struct command *c, const struct fg_nodes *nodes, size_t *shown)
{
	cJSON *keyboard = reply_keyboard(c->reply);

	for (size_t i = 0; target_may(c, "node") && i < nodes->n && *shown < BUTTONS_MOST; i++) {
		const struct fg_node *n = &nodes->v[i];
		cleanup_free char *name = format_cut(fg_node_title(n), 24), *label = NULL;
		bool active = strcmp(n->availability, "active") == 0;

		label = fg_printf(
			"%s %s", active ? fg_tr("🚧 Drain") : fg_tr("▶️ Activate"), name);
		if ((*shown)++ % 2 == 0)
			keyboard_row(keyboard);
		keyboard_button(
			keyboard, label, false, "node %s %s", active ? "drain" : "activate", n->id);
	}
}

/* -1: it does not answer, why is in the swarm. */
static int add_swarm(struct command *c, struct fg_str *html, struct fg_swarm *swarm, bool titled,
	size_t *buttons)
{
	cleanup_nodes struct fg_nodes nodes = {0};
	cleanup_service_tasks struct fg_service_tasks tasks = {0};
	cleanup_free char *title = fg_swarm_title(swarm);
	cleanup_str struct fg_str quorum = {0};
	char count[64];

	fg_str_init(&quorum, 1024);
	if (fg_swarm_nodes(swarm, &nodes, &c->err) < 0 ||
		fg_swarm_tasks(swarm, NULL, &tasks, &c->err) < 0) {
		html_printf(html, FG_TEXT("⚠️ %s\n"), c->err.text);
		return -1;
	}
	add_quorum(&quorum, &nodes);
	swarm_nodes_visible(c, &nodes);
	html_printf(html, FG_TEXT("%S<b>%s</b>"), html->len ? "\n" : "",
		format_count(count, nodes.n, "%zu node", "%zu nodes"));
	if (titled)
		html_printf(html, FG_TEXT(" · 🐝 %s"), title);
	fg_str_putc(html, '\n');
	for (size_t i = 0; i < nodes.n; i++) {
		if (i < NODES_SHOWN)
			add_node(html, &nodes.v[i], &tasks);
		cJSON_AddItemToArray(c->reply->data, node_data(swarm, &nodes.v[i], &tasks));
	}
	if (nodes.n > NODES_SHOWN)
		html_printf(html, "… and %d more\n", (int)(nodes.n - NODES_SHOWN));
	fg_str_puts(html, quorum.s);
	add_buttons(c, &nodes, buttons);
	return 0;
}

static int nodes_run(struct command *c)
{
	cleanup_swarms struct fg_swarms swarms = {0};
	struct fg_str *html;
	size_t buttons = 0, failed = 0;

	if (find_swarms(c, &swarms) < 0)
		return -1;
	c->reply->data = cJSON_CreateArray();
	html = reply_add(c->reply);
	for (size_t i = 0; i < swarms.n; i++)
		failed += add_swarm(c, html, &swarms.v[i], swarms.n > 1, &buttons) < 0;
	if (swarms.n && failed == swarms.n) {
		reply_finish(c->reply);
		return -1;
	}
	if (swarms.n == 0 && swarms.worker)
		html_printf(html,
			"No host here manages a swarm: <b>%s</b> is a worker, and only a manager knows the "
			"nodes.\n",
			swarms.worker->name);
	else if (swarms.n == 0)
		html_printf(html, "No host here manages a swarm.\n");
	for (size_t i = 0; i < swarms.silent_n; i++)
		html_printf(html, "⚠️ <b>%s</b> does not answer: %s\n", swarms.silent[i]->name,
			swarms.silent[i]->why.text);
	keyboard_row(reply_keyboard(c->reply));
	keyboard_button(reply_keyboard(c->reply), "↻", true, "nodes");
	return 0;
}

/* One node */

struct place {
	struct fg_swarm *swarm;
	struct fg_node *node;
};

struct map {
	struct fg_swarms swarms;
	struct fg_nodes *nodes; /* of each swarm */
};

static void map_finish(struct map *m)
{
	for (size_t i = 0; m->nodes && i < m->swarms.n; i++)
		fg_nodes_finish(&m->nodes[i]);
	free(m->nodes);
	fg_swarms_finish(&m->swarms);
}
#define cleanup_map __attribute__((cleanup(map_finish)))

/* The node of that name or id; several machines may be called the same. */
static int find(struct command *c, struct map *m, const char *word, struct place *out)
{
	size_t hits = 0, answered = 0;

	if (find_swarms(c, &m->swarms) < 0)
		return -1;
	m->nodes = fg_alloc((m->swarms.n + 1) * sizeof(*m->nodes));
	for (size_t i = 0; i < m->swarms.n; i++) {
		struct fg_nodes *nodes = &m->nodes[i];

		answered += fg_swarm_nodes(&m->swarms.v[i], nodes, &c->err) == 0;
		swarm_nodes_visible(c, nodes);
		for (size_t k = 0; k < nodes->n; k++) {
			bool id = strcmp(nodes->v[k].id, word) == 0;

			if (!id && strcmp(nodes->v[k].hostname, word) != 0)
				continue;
			*out = (struct place){&m->swarms.v[i], &nodes->v[k]};
			if (id)
				return 0;
			hits++;
		}
	}
	if (hits == 1)
		return 0;
	if (m->swarms.n && !answered)
		return -1;
	if (hits > 1)
		return fg_fail(&c->err, FG_EINVAL,
			"%zu nodes are called %s: name one by its id, as the buttons of /nodes do",
			hits, word);
	return fg_fail(&c->err, FG_ENOTFOUND, "no node is called \"%s\": /nodes lists them", word);
}

/* As long as a host outside of the scope has not said which node it is, it may be this one. */
static int check_place(struct command *c, const struct fg_node *node)
{
	if (fg_fleet_node_place(c->setup->fleet, c->person.scope, node->id) == FG_NODE_WITHIN)
		return 0;
	return fg_fail(&c->err, FG_EDENIED,
		"whether you may change %s is not known yet: try again when all hosts answer",
		fg_node_title(node));
}

static const char *availability_of(const char *verb)
{
	static const char *const words[][2] = {
		{"activate", "active"},
		{"drain", "drain"},
		{"pause", "pause"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(words); i++)
		if (strcmp(words[i][0], verb) == 0)
			return words[i][1];
	return NULL;
}

static void preview(
	struct fg_str *html, const struct place *at, const char *availability, int tasks)
{
	const char *name = fg_node_title(at->node);

	if (strcmp(availability, "pause") == 0) {
		html_printf(html,
			"⏸ <b>Pause the node %s?</b>\nIt keeps its tasks and gets no new ones.",
			name);
		return;
	}
	html_printf(html, "🚧 <b>Drain the node %s?</b>\n", name);
	html_printf(html,
		fg_ntr("Its %d task moves to other nodes, and it gets no new ones.",
			"Its %d tasks move to other nodes, and it gets no new ones.",
			(size_t)tasks),
		tasks);
}

static void show_drain(struct command *c, const struct place *at, int left)
{
	cleanup_str struct fg_str html = {0};

	fg_str_init(&html, 1024);
	html_printf(&html, "⏳ <b>%s</b> is being drained: %d of its tasks are left",
		fg_node_title(at->node), left);
	reply_progress(c->reply, html.s);
}

/* Look once: how many are left; -1: it was not seen. */
static int look(struct command *c, const struct place *at, bool *settled)
{
	cleanup_service_tasks struct fg_service_tasks tasks = {0};

	if (fg_swarm_tasks(at->swarm, NULL, &tasks, &c->err) < 0)
		return -1;
	*settled = is_settled(&tasks);
	return tasks_on(&tasks, at->node->id);
}

/* Until nothing runs on it any more, and what ran there does elsewhere; how many are left. -1:
 * c->err. */
static int drain_watch(struct command *c, const struct place *at)
{
	int64_t until = fg_now_ms() + DRAIN_MS;
	int left = -1;

	while (fg_now_ms() < until && !c->app->stopping) {
		bool settled = false;
		int before = left, now = look(c, at, &settled);

		if (now < 0 && fg_task_canceled())
			return -1;
		left = now < 0 ? left : now;
		if (now == 0 && settled)
			return 0;
		if (left == 0 && before != 0 && until > fg_now_ms() + ARRIVE_MS)
			until = fg_now_ms() + ARRIVE_MS;
		if (left > 0)
			show_drain(c, at, left);
		if (fg_task_sleep(LOOK_MS, &c->err) < 0)
			return -1;
	}
	return left < 0 ? -1 : left;
}

/* Services that have not enough tasks now: where should they have gone? */
static void add_short(struct command *c, struct fg_str *html, struct fg_swarm *swarm)
{
	cleanup_services struct fg_services services = {0};
	size_t shown = 0;

	if (fg_swarm_services(swarm, &services, &c->err) < 0)
		return;
	for (size_t i = 0; i < services.n && shown < BUTTONS_MOST; i++) {
		const struct fg_service *s = &services.v[i];

		if (s->mode != FG_SERVICE_REPLICATED || s->running >= s->wanted ||
			!fg_service_visible(c->person.scope, swarm, s))
			continue;
		shown++;
		html_printf(html, "\n⚠️ <b>%s</b>: %d of %d running", s->name, (int)s->running,
			(int)s->wanted);
	}
}

static int change(struct command *c, const struct place *at, const char *availability)
{
	int rc = fg_swarm_set_availability(at->swarm, at->node->id, availability, &c->err),
	    left = 0;
	struct fg_str *html;

	if (rc < 0)
		return fg_wrap(&c->err, "%s", fg_node_title(at->node));
	c->reply->data = cJSON_CreateObject();
	cJSON_AddStringToObject(c->reply->data, "id", at->node->id);
	cJSON_AddStringToObject(c->reply->data, "hostname", at->node->hostname);
	cJSON_AddStringToObject(c->reply->data, "availability", availability);
	cJSON_AddBoolToObject(c->reply->data, "changed", rc > 0);
	if (strcmp(availability, "drain") == 0 && (left = drain_watch(c, at)) < 0)
		return fg_wrap(&c->err, "%s is drained, but what becomes of its tasks is not known",
			fg_node_title(at->node));
	html = reply_add(c->reply);
	if (rc == 0)
		html_printf(
			html, "<b>%s</b> is %s already.", fg_node_title(at->node), availability);
	else
		html_printf(html, "✅ <b>%s</b> is %s now.", fg_node_title(at->node), availability);
	if (left)
		html_printf(html,
			fg_ntr("\n⚠️ %d task is still on it.",
				"\n⚠️ %d tasks are still on it.", (size_t)left),
			left);
	if (strcmp(availability, "drain") == 0)
		add_short(c, html, at->swarm);
	keyboard_button(reply_keyboard(c->reply), fg_tr("🖥 Nodes"), false, "nodes");
	return 0;
}

static int node_run(struct command *c)
{
	const char *availability = availability_of(c->words[0]);
	cleanup_map struct map map = {0};
	cleanup_swarm_target struct swarm_target target = {0};
	cleanup_str struct fg_str html = {0};
	cleanup_service_tasks struct fg_service_tasks tasks = {0};
	struct place at = {0};
	int rc = 1;

	if (!availability)
		return command_usage(c, "what is done to a node is drain, pause or activate");
	if (!fg_selector_only_hosts(c->person.scope))
		return fg_fail(&c->err, FG_EDENIED,
			"/node is about whole machines, and you may see only some of what is on them");
	if (find(c, &map, c->words[1], &at) < 0 || check_place(c, at.node) < 0 ||
		fg_swarm_tasks(at.swarm, NULL, &tasks, &c->err) < 0)
		return -1;
	swarm_target_init(&target, at.swarm->managers[0], at.node->id, fg_node_title(at.node),
		at.node->state);
	command_about(c, &target.items);
	fg_str_init(&html, 4096);
	preview(&html, &at, availability, tasks_on(&tasks, at.node->id));
	if (strcmp(availability, "active") != 0)
		rc = command_confirm(c, &target.items, html.s);
	if (rc <= 0)
		return rc;
	if (command_begin(c, &target.items, NULL) < 0)
		return -1;
	return change(c, &at, availability);
}

const struct command_row command_nodes = {
	.name = "nodes",
	.group = GROUP_LOOK,
	.role = ROLE_VIEWER,
	.usage = "",
	.help = "Nodes of swarms: role, state, availability, tasks",
	.more = "🚧 is drained: its tasks have moved to other nodes. 🔴 is down: its tasks are started "
		"elsewhere.\n"
		"\n"
		"/nodes",
	.run = nodes_run,
};

const struct command_row command_node = {
	.name = "node",
	.verb = "go on",
	.group = GROUP_ADMIN,
	.role = ROLE_ADMIN,
	.mutates = true,
	.asks = true,
	.min = 2,
	.max = 2,
	.usage = "drain|pause|activate NAME",
	.help = "Take a node of a swarm out of service, or back",
	.more = "drain moves its tasks to other nodes and is watched until they are gone; pause only "
		"keeps new ones away; activate ends either.\n"
		"\n"
		"/node drain worker-2\n"
		"/node activate worker-2",
	.run = node_run,
};
