/* Summing up. */
#include <string.h>
#include "fleetgram/base/mem.h"
#include "notify/crowd.h"

struct incident *incident_copy(const struct incident *i)
{
	struct incident *copy = fg_alloc(sizeof(*copy));

	*copy = *i;
	copy->host = fg_strdup(i->host);
	copy->container_id = fg_strdup(i->container_id);
	copy->name = fg_strdup(i->name);
	copy->project = fg_strdup(i->project);
	copy->image = fg_strdup(i->image);
	copy->about = fg_strdup(i->about);
	copy->acked_by = fg_strdup(i->acked_by);
	copy->labels = cJSON_Duplicate(i->labels, true);
	copy->facts = cJSON_Duplicate(i->facts, true);
	return copy;
}

void incident_destroy(struct incident *i)
{
	if (!i)
		return;
	free((char *)i->host);
	free((char *)i->container_id);
	free((char *)i->name);
	free((char *)i->project);
	free((char *)i->image);
	free((char *)i->about);
	free((char *)i->acked_by);
	cJSON_Delete(i->labels);
	cJSON_Delete(i->facts);
	free(i);
}

static void add_name(struct crowd_names *names, const struct incident *i)
{
	if (names->n < CROWD_NAMES)
		names->v[names->n] = *i->name ? fg_printf("%s/%s", i->host, i->name)
					      : fg_strdup(i->host);
	names->n++;
}

static void add_to_group(struct crowd *c, const struct incident *i, bool over)
{
	struct crowd_group *g = c->groups, *end = g + c->group_n;

	while (g < end && (strcmp(g->host, i->host) != 0 || strcmp(g->project, i->project) != 0))
		g++;
	if (g == c->groups + CROWD_GROUPS) {
		c->elsewhere++;
		return;
	}
	if (g == end) {
		g->host = fg_strdup(i->host);
		g->project = fg_strdup(i->project);
		c->group_n++;
	}
	g->n++;
	g->over += over;
}

void crowd_add(struct crowd *c, const struct incident *i)
{
	bool over = i->state != INCIDENT_OPEN;

	if (c->n < CROWD_FULL)
		c->full[c->n] = incident_copy(i);
	if (!c->n || i->opened_ms < c->first_ms)
		c->first_ms = i->opened_ms;
	if (i->last_ms > c->last_ms)
		c->last_ms = i->last_ms;
	c->n++;
	c->over += over;
	c->acked += i->acked_ms != 0;
	c->kinds[i->kind]++;
	add_to_group(c, i, over);
	add_name(&c->all, i);
	if (!over)
		add_name(&c->open, i);
}

static void finish_names(struct crowd_names *names)
{
	for (size_t i = 0; i < CROWD_NAMES; i++)
		free(names->v[i]);
}

void crowd_finish(struct crowd *c)
{
	for (size_t i = 0; i < CROWD_FULL; i++)
		incident_destroy(c->full[i]);
	for (size_t i = 0; i < c->group_n; i++) {
		free(c->groups[i].host);
		free(c->groups[i].project);
	}
	finish_names(&c->open);
	finish_names(&c->all);
	*c = (struct crowd){0};
}
