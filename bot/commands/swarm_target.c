/*
 * Words to services, and services to targets.
 */
#include <stdio.h>
#include <string.h>
#include "commands/format.h"
#include "commands/swarm_target.h"

#define ID_LETTERS 25 /* of a service or a node; a container's has 64 hex digits */

int swarm_pick_one(struct command *c, const char *word, struct fg_service_items *out)
{
	cleanup_swarm_target struct swarm_target target = {0};

	if (fg_fleet_service_find(c->setup->fleet, c->person.scope, word, out, &c->err) < 0)
		return -1;
	swarm_target_service(&target, &out->v[0]);
	command_about(c, &target.items);
	return 0;
}

static bool is_called(const struct fg_item *items, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(items[i].c.name, name) == 0)
			return true;
	return false;
}

/* A container of exactly that name, in the person's scope: one that is only known, too. */
static bool is_container(struct command *c, const char *word)
{
	cleanup_selector struct fg_selector *sel = fg_selector_parse(&word, 1, &c->err);
	cleanup_items struct fg_items items = {0};
	const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;

	if (!sel || fg_fleet_list_known(c->setup->fleet, c->person.scope, sel, &items, &c->err) < 0)
		return true; /* the command itself will say what is wrong */
	return is_called(items.v, items.n, name) || is_called(items.stale, items.stale_n, name);
}

bool swarm_one_name(const char *const *words, size_t n)
{
	return n == 1 && *words[0] != '!' && !strchr(words[0], '=') &&
	       !fg_glob_is_pattern(words[0]);
}

int swarm_meant(struct command *c, const char **words, size_t *n, struct fg_service_items *out)
{
	const char *word = command_option(words, n, "service");
	struct fg_err before = c->err;

	*out = (struct fg_service_items){0};
	if (word && *n)
		return command_usage(c,
			"service= names the one service that is meant: nothing else goes with it");
	if (word)
		return swarm_pick_one(c, word, out) < 0 ? -1 : 1;
	if (!swarm_one_name(words, *n) || !fg_fleet_may_swarm(c->setup->fleet))
		return 0;
	word = words[0];
	if (swarm_pick_one(c, word, out) < 0) {
		c->err = before;
		return 0;
	}
	if (!is_container(c, word))
		return 1;
	c->err = before;
	fg_service_items_finish(out);
	if (!c->frozen)
		reply_html(c->reply,
			"ℹ️ A service is called <b>%s</b>, too: <code>service=%s</code> means it.",
			word, word);
	return 0;
}

bool swarm_maybe(const struct command *c, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(words[i], "service=", 8) == 0)
			return true;
	return c->err.code == FG_ENOTFOUND && n == 1;
}

void swarm_target_init(struct swarm_target *t, struct fg_host *host, const char *id,
	const char *name, const char *state)
{
	*t = (struct swarm_target){.item = {.host = host}};
	snprintf(t->item.c.id, sizeof(t->item.c.id), "%s", id);
	snprintf(t->item.c.state, sizeof(t->item.c.state), "%s", state);
	t->item.c.name = fg_strdup(name);
	t->items = (struct fg_items){.v = &t->item, .n = 1};
}

void swarm_target_service(struct swarm_target *t, const struct fg_service_item *item)
{
	swarm_target_init(t, item->host, item->s.id, item->s.name, fg_service_state(&item->s));
}

void swarm_target_finish(struct swarm_target *t)
{
	free(t->item.c.name);
	t->item.c.name = NULL;
}

char *swarm_title(const struct fg_service_item *item)
{
	cleanup_free char *title = fg_service_title(item);

	return format_cut(title, 64);
}

static bool is_swarm_id(const char *id)
{
	return strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz") == ID_LETTERS && !id[ID_LETTERS];
}

static char *service_now(struct fg_swarm *swarm, const char *id, struct fg_err *err)
{
	cleanup_service struct fg_service s = {0};
	cleanup_service_tasks struct fg_service_tasks tasks = {0};

	if (fg_swarm_service(swarm, id, &s, err) < 0 ||
		fg_swarm_tasks(swarm, s.id, &tasks, err) < 0)
		return NULL;
	fg_service_count(&s, &tasks);
	return fg_printf(fg_tr("%d of %d running, %s%s%s"), (int)s.running,
		(int)(s.wanted > 0 ? s.wanted : 0), s.image, *s.update_state ? ", " : "",
		s.update_state);
}

static char *node_now(struct fg_swarm *swarm, const char *id, struct fg_err *err)
{
	cleanup_nodes struct fg_nodes nodes = {0};

	if (fg_swarm_nodes(swarm, &nodes, err) < 0)
		return NULL;
	for (size_t i = 0; i < nodes.n; i++)
		if (strcmp(nodes.v[i].id, id) == 0)
			return fg_printf("%s, %s", nodes.v[i].state, nodes.v[i].availability);
	fg_fail(err, FG_ENOTFOUND, "it is not in the swarm");
	return NULL;
}

char *swarm_state_now(struct command *c, struct fg_host *host, const char *id)
{
	cleanup_swarms struct fg_swarms swarms = {0};
	char *state = NULL;

	if (strncmp(id, SWARM_NEW, strlen(SWARM_NEW)) == 0)
		id += strlen(SWARM_NEW);
	else if (!is_swarm_id(id))
		return NULL;
	if (fg_fleet_swarms(host->fleet, NULL, &swarms, &c->err) < 0)
		return fg_strdup(c->err.text);
	for (size_t i = 0; i < swarms.n && !state; i++) {
		struct fg_swarm *swarm = &swarms.v[i];
		bool its = false;

		for (size_t k = 0; k < swarm->n; k++)
			its |= swarm->managers[k] == host;
		if (!its)
			continue;
		state = service_now(swarm, id, &c->err);
		if (!state && c->err.code == FG_ENOTFOUND)
			state = node_now(swarm, id, &c->err);
		if (!state && c->err.code != FG_ENOTFOUND)
			state = fg_strdup(c->err.text);
	}
	return state ? state : fg_strdup(fg_tr("does not exist"));
}
