/*
 * From host=… to hosts, and one thing done at each of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "chat/spare.h"
#include "commands/places.h"
#include "fleetgram/base/task.h"

#define AT_ONCE 8
#define PAGES_MOST 9999

/* The host words as a selector of their own; NULL with c->err.code 0: there are none. */
static struct fg_selector *take_hosts(struct command *c, const char **words, size_t *n)
{
	const char *hosts[WORDS_MOST];
	size_t found = 0, kept = 0;

	c->err.code = 0;
	for (size_t i = 0; i < *n; i++) {
		const char *word = words[i];

		if (strncmp(word, "host=", 5) != 0 && strncmp(word, "!host=", 6) != 0)
			words[kept++] = word;
		else if (found < FG_ARRAY_LEN(hosts))
			hosts[found++] = word;
	}
	words[kept] = NULL;
	*n = kept;
	return found ? fg_selector_parse(hosts, found, &c->err) : NULL;
}

static bool answers(const struct fg_items *items, const struct fg_host *host)
{
	for (size_t i = 0; i < items->silent_n; i++)
		if (items->silent[i] == host)
			return false;
	return true;
}

/* The hosts that are seen into out->v, and those that are paused into paused. How many. */
static size_t look(struct command *c, const struct fg_selector *sel, struct places *out,
	struct fg_host **paused, size_t *paused_n)
{
	struct fg_fleet *fleet = c->setup->fleet;
	size_t seen = 0;

	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);

		if (!fg_selector_match_host(c->person.scope, host->name) ||
			!fg_selector_match_host(sel, host->name))
			continue;
		if (command_spares(c, c->words, c->n, host))
			paused[(*paused_n)++] = host;
		else
			out->v[seen++] = host;
	}
	return seen;
}

int places_pick(struct command *c, const char **words, size_t *n, struct places *out)
{
	struct fg_fleet *fleet = c->setup->fleet;
	cleanup_selector struct fg_selector *sel = take_hosts(c, words, n);
	cleanup_free struct fg_host **paused = NULL;
	size_t seen, paused_n = 0;

	*out = (struct places){.named = sel != NULL};
	if (!sel && c->err.code)
		return -1;
	out->v = fg_alloc((fg_fleet_count(fleet) + 1) * sizeof(struct fg_host *));
	paused = fg_alloc((fg_fleet_count(fleet) + 1) * sizeof(struct fg_host *));
	seen = look(c, sel, out, paused, &paused_n);
	if (seen == 0 && paused_n)
		return spare_refuse(c, paused[0]);
	if (seen == 0)
		return fg_fail(&c->err, FG_ENOTFOUND,
			sel ? "there is no host that %s picks"
			    : "there is no host that you may see%s",
			sel ? fg_selector_text(sel) : "");
	if (fg_fleet_list(fleet, c->person.scope, sel, &out->items, &c->err) < 0)
		return -1;
	out->items.paused = fg_steal(&paused);
	out->items.paused_n = paused_n;
	for (size_t i = 0; i < seen; i++)
		if (answers(&out->items, out->v[i]))
			out->v[out->n++] = out->v[i];
	return 0;
}

void places_finish(struct places *p)
{
	fg_items_finish(&p->items);
	free(p->v);
	*p = (struct places){0};
}

int places_each(struct command *c, const char *what, void (*fn)(void *one), void *ones, size_t n,
	size_t size)
{
	struct fg_group group;
	int rc = 0;

	fg_group_init(&group, AT_ONCE);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = fg_group_go(&group, what, fn, (char *)ones + i * size, &c->err);
	if (fg_group_wait(&group, FG_NEVER, &c->err) < 0)
		rc = -1;
	return rc;
}

size_t places_page(const char *word)
{
	unsigned long page;
	char *end;

	if (!word)
		return 1;
	page = strtoul(word, &end, 10);
	return *word >= '0' && *word <= '9' && !*end && page <= PAGES_MOST ? page : 0;
}

const char *places_short(char buf[13], const char *id)
{
	const char *colon = strrchr(id, ':');

	snprintf(buf, 13, "%.12s", colon ? colon + 1 : id);
	return buf;
}
