/* Reports, and what becomes of them. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "notify/course.h"
#include "notify/fold.h"
#include "notify/subject.h"

#define NOTIFY_LABEL "io.fleetgram.notify"
#define RECENT_MOST 50 /* deaths that are remembered, whatever restart_loop.count says */

/* It is told no more, unless it comes back. */
static void say_nothing(struct entry *e)
{
	e->tell = false;
	e->tell_at_ms = 0;
	e->held = HELD_NOT;
}

/* It is over, and was told already, or held back until now. */
static void hush(struct entry *e, bool gone)
{
	if (e->held || (e->is.told_ms && !(gone && course_is_news(e))))
		say_nothing(e);
}

void course_over(struct ledger *l, struct entry *e, const char *how, int64_t at_ms)
{
	e->is.state = INCIDENT_RECOVERED;
	e->is.recovered_ms = at_ms > e->is.last_ms ? at_ms : l->now_ms;
	e->settle_ms = 0;
	hush(e, how && strcmp(how, "removed") == 0);
	entry_set_fact(e, FACT_DOWN, NULL);
	entry_set_fact(e, FACT_OVER, how ? cJSON_CreateString(how) : NULL);
}

void course_close(struct ledger *l, struct entry *e)
{
	(void)l;
	e->is.state = INCIDENT_CLOSED;
	e->settle_ms = 0;
	hush(e, true);
	e->changed = true;
}

/* Going on */

/* Of the same kind and subject, but so old that what happens now is another one. */
static bool is_past(const struct ledger *l, const struct entry *e)
{
	return e->is.state == INCIDENT_RECOVERED &&
	       l->now_ms - e->is.recovered_ms > NOTIFY_BACKOFF_MOST_MS;
}

int64_t course_may_tell_ms(const struct entry *e)
{
	return e->is.told_ms ? e->is.told_ms + e->gap_ms : 0;
}

bool course_is_news(const struct entry *e)
{
	return course_may_tell_ms(e) <= e->is.last_ms;
}

void course_told(struct ledger *l, struct entry *e, int64_t bulletin)
{
	if (!e->gap_ms)
		e->gap_ms = NOTIFY_BACKOFF_MS;
	else if (e->is.told_ms)
		e->gap_ms = e->gap_ms * 2 < NOTIFY_BACKOFF_MOST_MS ? e->gap_ms * 2
								   : NOTIFY_BACKOFF_MOST_MS;
	e->is.bulletin = bulletin;
	e->is.told_ms = l->now_ms;
	say_nothing(e);
	e->changed = true;
}

/* It has come back, or happened once more: it is told (anew), as soon as that may be, unless it is
 * over by then. */
static void tell_anew(const struct ledger *l, struct entry *e)
{
	int64_t from_ms = course_may_tell_ms(e);

	if (e->is.acked_ms || (e->tell && !e->is.told_ms))
		return;
	e->tell = true;
	e->tell_at_ms = from_ms > l->now_ms ? from_ms : 0;
}

/* How often it was and whether that is told. An image that is newer is so once. */
static void count(struct ledger *l, struct entry *e)
{
	if (e->is.kind == INCIDENT_UPDATE)
		return;
	e->is.count++;
	tell_anew(l, e);
}

static void go_on(struct ledger *l, struct entry *e, const struct incident_report *r)
{
	bool was_over = e->is.state != INCIDENT_OPEN;
	bool again = was_over || !kinds[e->is.kind].lasting;
	bool gave_up = fg_json_bool(r->facts, "gave_up", false) &&
		       !fg_json_bool(e->is.facts, "gave_up", false);

	if (was_over && l->now_ms - e->is.recovered_ms > NOTIFY_BACKOFF_MS) {
		e->is.acked_ms = 0;
		entry_set(&e->is.acked_by, "");
	}
	e->is.state = INCIDENT_OPEN;
	e->is.recovered_ms = 0;
	e->settle_ms = 0;
	if (again || !kind_is_swarm(r->kind)) /* else it has lasted since then, whatever is new */
		e->is.last_ms = r->at_ms ? r->at_ms : l->now_ms;
	if (r->id && *r->id)
		fold_take(e, r);
	if (r->name && *r->name)
		entry_call(e, r->name, e->is.labels);
	entry_take_facts(e, r->facts);
	if (again)
		count(l, e);
	if (gave_up) { /* from here on it is for people to see to it, however short the last message
			  is ago */
		e->tell = true;
		e->tell_at_ms = e->gap_ms = 0;
	}
	e->changed = true;
}

/* The last deaths, and whether they are so many within so short a time that it keeps restarting. */
static void note_death(struct ledger *l, struct entry *e)
{
	int count = l->config->notify.restart_loop.count;
	int most = count < RECENT_MOST ? count : RECENT_MOST;
	cJSON *recent = cJSON_DetachItemFromObjectCaseSensitive(e->is.facts, FACT_RECENT);
	int64_t first = e->is.last_ms;

	if (!cJSON_IsArray(recent)) {
		cJSON_Delete(recent);
		recent = cJSON_CreateArray();
	}
	cJSON_AddItemToArray(recent, cJSON_CreateNumber((double)e->is.last_ms));
	while (cJSON_GetArraySize(recent) > most)
		cJSON_DeleteItemFromArray(recent, 0);
	fg_json_to_i64(cJSON_GetArrayItem(recent, 0), &first);
	if (most > 0 && cJSON_GetArraySize(recent) >= most &&
		e->is.last_ms - first <= l->config->notify.restart_loop.within_ms) {
		if (!fg_json_get(e->is.facts, FACT_LOOP))
			entry_set_fact(e, FACT_LOOP, cJSON_CreateNumber((double)first));
		/* Where single deaths are of no interest, this is the news. */
		e->tell = e->tell || (!e->is.told_ms && !l->config->notify.die);
	} else {
		entry_set_fact(e, FACT_LOOP, NULL);
	}
	entry_set_fact(e, FACT_RECENT, recent);
}

/* Of several images that are newer only the newest counts. */
static void replace_updates(struct ledger *l, const struct entry *fresh)
{
	struct entry *e;

	fg_list_each (&l->entries, e, link)
		if (e != fresh && e->is.kind == INCIDENT_UPDATE && e->is.state != INCIDENT_CLOSED &&
			entry_is_of(e, fresh->is.host, fresh->is.container_id)) {
			if (e->is.state == INCIDENT_OPEN)
				course_over(l, e, "superseded", l->now_ms);
			course_close(l, e);
		}
}

/* What ended well may be a job that is done, which is no matter of an earlier one's. */
static bool may_fold(const struct incident_report *r)
{
	return r->kind != INCIDENT_DIED || fg_json_i64(r->facts, "exit_code", -1) != 0 ||
	       strcmp(fg_json_str(r->labels, NOTIFY_LABEL, ""), "true") == 0;
}

/* The one that goes on by it; NULL: none. */
static struct entry *going_on(
	struct ledger *l, const struct incident_report *r, const char *id, const char *subject)
{
	const char *about = r->about ? r->about : "";
	struct entry *e = ledger_find(l, r->kind, r->host, id, about);

	if (!e)
		return may_fold(r) ? fold_find(l, r->kind, r->host, subject, about, false) : NULL;
	if (!is_past(l, e))
		return e;
	course_close(l, e);
	return NULL;
}

static bool is_same_swarm(const struct entry *e, const struct incident_report *r)
{
	return strcmp(fg_json_str(e->is.facts, FACT_SWARM, ""),
		       fg_json_str(r->facts, FACT_SWARM, "")) == 0;
}

/* What is a swarm's goes on under whichever of its managers it is looked at through. */
static int bring(
	struct ledger *l, const struct incident_report *r, const char *subject, struct fg_err *err)
{
	struct entry *e;

	if (!kind_is_swarm(r->kind))
		return 0;
	if (ledger_load_swarm(l, r->id, subject, err) < 0)
		return -1;
	fg_list_each (&l->entries, e, link) {
		bool same = strcmp(e->is.container_id, r->id) == 0 ||
			    (*subject && strcmp(e->subject, subject) == 0);

		if (e->is.kind != r->kind || !same || !is_same_swarm(e, r) ||
			strcmp(e->is.host, r->host) == 0)
			continue;
		entry_set(&e->is.host, r->host);
		e->changed = true;
	}
	return 0;
}

int course_report(struct ledger *l, const struct incident_report *r, struct fg_err *err)
{
	const char *id = r->id ? r->id : "";
	cleanup_free char *subject = *id ? subject_key(r->name, r->labels) : fg_strdup("");
	struct entry *e;
	bool opened;

	if (!kind_wanted(l->config, r->kind))
		return 0;
	if (bring(l, r, subject, err) < 0 || ledger_load(l, r->host, id, err) < 0 ||
		ledger_load_subject(l, r->host, subject, err) < 0)
		return -1;
	e = going_on(l, r, id, subject);
	if (e && kind_is_swarm(r->kind) && e->is.state == INCIDENT_OPEN && !is_same_swarm(e, r))
		return 0; /* of a node, which is in one swarm only: another one's manager lies */
	opened = !e;
	if (e) {
		go_on(l, e, r);
	} else {
		e = ledger_add(l, r);
		entry_take_facts(e, r->facts);
		if (r->kind == INCIDENT_UPDATE)
			replace_updates(l, e);
	}
	if (r->kind == INCIDENT_DIED) {
		note_death(l, e);
		fold_died(e);
	}
	return opened;
}

int course_recovered(struct ledger *l, enum incident_kind kind, const char *host, const char *id,
	int64_t at_ms, struct fg_err *err)
{
	struct entry *e;

	if (ledger_load(l, host, id ? id : "", err) < 0)
		return -1;
	fg_list_each (&l->entries, e, link)
		if (e->is.kind == kind && e->is.state == INCIDENT_OPEN && !e->dropped &&
			entry_is_of(e, host, id ? id : ""))
			course_over(l, e, NULL, at_ms ? at_ms : l->now_ms);
	return 0;
}

int course_replaced(struct ledger *l, const char *host, const char *id, struct fg_err *err)
{
	struct entry *e;

	if (ledger_load(l, host, id, err) < 0)
		return -1;
	e = ledger_find(l, INCIDENT_DIED, host, id, NULL);
	if (!e || e->is.state != INCIDENT_OPEN)
		return 0;
	course_over(l, e, NULL, l->now_ms);
	entry_set_fact(e, FACT_ELSEWHERE, cJSON_CreateTrue());
	return 0;
}

int course_gone(struct ledger *l, enum incident_kind kind, const char *host, const char *id,
	struct fg_err *err)
{
	struct entry *e;

	if (ledger_load(l, host, id, err) < 0)
		return -1;
	e = ledger_find(l, kind, host, id, NULL);
	if (!e)
		return 0;
	if (e->is.state == INCIDENT_OPEN)
		course_over(l, e, "removed", l->now_ms);
	fold_let_go(l, e);
	return 0;
}
