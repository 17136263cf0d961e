/* From one container of a subject to the next. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "notify/course.h"
#include "notify/fold.h"
#include "notify/subject.h"

#define DOWN_MOST 64 /* of one service on one host that are remembered */

/* Taking over */

static bool is_gone(const struct entry *e)
{
	return fg_json_bool(e->is.facts, FACT_GONE, false) ||
	       strcmp(fg_json_str(e->is.facts, FACT_OVER, ""), "removed") == 0;
}

static bool may_take(const struct ledger *l, const struct entry *e, bool started)
{
	int64_t since_ms = e->is.recovered_ms ? e->is.recovered_ms : e->is.last_ms;
	bool lately = l->now_ms - since_ms <= NOTIFY_BACKOFF_MOST_MS;
	bool update = e->is.kind == INCIDENT_UPDATE;

	if (e->dropped || e->unsure)
		return false;
	if (e->is.state == INCIDENT_OPEN)
		return e->is.kind == INCIDENT_DIED || (started && e->is.kind == INCIDENT_STOPPED);
	if (e->is.state == INCIDENT_RECOVERED)
		return lately && !update;
	/* The same newer image is never told twice. */
	return is_gone(e) && (lately || update);
}

struct entry *fold_find(struct ledger *l, enum incident_kind kind, const char *host,
	const char *subject, const char *about, bool started)
{
	struct entry *e, *newest = NULL;

	fg_list_each (&l->entries, e, link)
		if (*subject && e->is.kind == kind && strcmp(e->subject, subject) == 0 &&
			strcmp(e->is.host, host) == 0 &&
			(!about || strcmp(e->is.about, about) == 0) && may_take(l, e, started) &&
			(!newest || e->is.last_ms >= newest->is.last_ms))
			newest = e;
	return newest;
}

void fold_take(struct entry *e, const struct incident_report *r)
{
	if (strcmp(e->is.container_id, r->id) == 0)
		return;
	entry_set(&e->is.container_id, r->id);
	entry_set(&e->is.image, r->image);
	entry_set_fact(e, FACT_DETAIL, NULL);
	entry_set_fact(e, FACT_ELSEWHERE, NULL);
	entry_set_fact(e, FACT_GONE, NULL);
	entry_call(e, r->name, r->labels);
}

void fold_let_go(struct ledger *l, struct entry *e)
{
	course_close(l, e);
	entry_set_fact(e, FACT_GONE, cJSON_CreateTrue());
}

/* Those that are down: {"ID": "SLOT"}, the oldest first */

static cJSON *down(const struct entry *e)
{
	return cJSON_GetObjectItemCaseSensitive(e->is.facts, FACT_DOWN);
}

/* "web.2" of the task "web.2.k3j…". */
static size_t slot_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? (size_t)(dot - name) : strlen(name);
}

static bool is_of_slot(const cJSON *item, const char *name)
{
	return strlen(item->valuestring) == slot_of(name) &&
	       strncmp(item->valuestring, name, slot_of(name)) == 0;
}

/* Takes away the oldest that a container of that name makes up for. */
static void make_up(struct entry *e, const char *name)
{
	bool single = !subject_has_slots(e->subject);
	cJSON *item;

	cJSON_ArrayForEach (item, down(e)) {
		if (!single && !is_of_slot(item, name))
			continue;
		cJSON_Delete(cJSON_DetachItemViaPointer(down(e), item));
		e->changed = true;
		return;
	}
}

void fold_died(struct entry *e)
{
	cleanup_free char *slot = fg_strndup(e->is.name, slot_of(e->is.name));

	if (!subject_is_shared(e->subject))
		return;
	if (!down(e))
		entry_set_fact(e, FACT_DOWN, cJSON_CreateObject());
	fold_removed(e, e->is.container_id);
	if (subject_has_slots(e->subject))
		make_up(e, e->is.name);
	cJSON_AddStringToObject(down(e), e->is.container_id, slot);
	if (cJSON_GetArraySize(down(e)) > DOWN_MOST)
		cJSON_Delete(cJSON_DetachItemFromArray(down(e), 0));
	e->changed = true;
}

void fold_started(struct entry *e, const char *id, const char *name)
{
	if (!fold_removed(e, id))
		make_up(e, name);
}

bool fold_removed(struct entry *e, const char *id)
{
	if (!cJSON_GetObjectItemCaseSensitive(down(e), id))
		return false;
	cJSON_DeleteItemFromObjectCaseSensitive(down(e), id);
	e->changed = true;
	return true;
}

bool fold_others_down(const struct entry *e, const char *id)
{
	const cJSON *own = cJSON_GetObjectItemCaseSensitive(down(e), id);

	return cJSON_GetArraySize(down(e)) > (own != NULL);
}
