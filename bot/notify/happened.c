/* From what happens to containers to the course of their incidents. */
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "notify/course.h"
#include "notify/fold.h"
#include "notify/subject.h"

#define NOTIFY_LABEL "io.fleetgram.notify"
/* What became of a task that ended while nobody could see it is known after so long: to two looks
 * at the swarm, and the time for which its service has had all its tasks then (swarms.h). */
#define TASK_DOUBT_MS 45000
/* A death so long after its OOM is put down to it, when it is not known how long it had run. */
#define OOM_BEFORE_MS 10000

static struct incident_report report_of(const struct fg_happening *v, enum incident_kind kind)
{
	return (struct incident_report){
		.kind = kind,
		.host = v->host->name,
		.id = v->id,
		.name = v->name,
		.image = v->image,
		.labels = v->labels,
		.at_ms = v->at_ms,
	};
}

static struct entry *find(struct ledger *l, const struct fg_happening *v, enum incident_kind kind)
{
	return ledger_find(l, kind, v->host->name, v->id, NULL);
}

/* The same, or else the one that it takes over from an earlier container of its subject: which is
 * done by fold_take(). */
static struct entry *find_same(
	struct ledger *l, const struct fg_happening *v, enum incident_kind kind, bool started)
{
	cleanup_free char *subject = subject_key(v->name, v->labels);
	struct entry *own = find(l, v, kind);

	return own ? own : fold_find(l, kind, v->host->name, subject, NULL, started);
}

static void take(struct entry *e, const struct fg_happening *v)
{
	struct incident_report r = report_of(v, e->is.kind);

	fold_take(e, &r);
}

static bool ended(const struct entry *e, const char *how)
{
	return e->is.state != INCIDENT_OPEN &&
	       strcmp(fg_json_str(e->is.facts, FACT_OVER, ""), how) == 0;
}

/* When it has to be up to have recovered: what keeps restarting has to stay up for longer than it
 * did between its deaths. */
static int64_t settled_at(const struct ledger *l, const struct entry *e)
{
	int64_t settle = l->config->update.settle_ms;
	int count = l->config->notify.restart_loop.count;

	if (fg_json_get(e->is.facts, FACT_LOOP) && count > 0 &&
		l->config->notify.restart_loop.within_ms / count > settle)
		settle = l->config->notify.restart_loop.within_ms / count;
	return l->now_ms + settle;
}

/* It does not run as far as its incident tells. */
static bool is_down(const struct entry *e)
{
	return e->is.state == INCIDENT_OPEN || ended(e, "stopped") || ended(e, "removed");
}

/* It is up, for itself or for an earlier container of its subject. */
static void rise(struct ledger *l, const struct fg_happening *v, struct entry *died)
{
	fold_started(died, v->id, v->name);
	died->changed = true;
	if (fold_others_down(died, v->id))
		return;
	if (!entry_is_of(died, v->host->name, v->id)) {
		/* Where a name is of one container only, the other one has made room. */
		if (died->is.state == INCIDENT_OPEN && !subject_is_shared(died->subject))
			course_over(l, died, "removed", v->at_ms);
		if (died->is.state == INCIDENT_CLOSED)
			died->is.state = INCIDENT_RECOVERED;
		take(died, v);
	}
	died->settle_ms = settled_at(l, died);
}

/* What was stopped is started again; or is made anew, of which nobody has to hear who was not told
 * of the stop yet. */
static void undo_stop(struct ledger *l, const struct fg_happening *v, struct entry *stopped)
{
	bool anew = !entry_is_of(stopped, v->host->name, v->id);

	if (anew && !stopped->is.told_ms && stopped->is.count == 1 &&
		v->at_ms - stopped->is.last_ms <= COURSE_STOPPED_MS) {
		stopped->dropped = stopped->changed = true;
		return;
	}
	take(stopped, v);
	course_over(l, stopped, v->ours ? "started" : "restarted", v->at_ms);
}

/* A task makes up for one of its place that died on another host, too. */
static int make_up_elsewhere(struct ledger *l, const struct fg_happening *v, struct fg_err *err)
{
	const char *service = fg_json_str(v->labels, TASK_LABEL_SERVICE, "");
	struct entry *e;

	if (!*service)
		return 0;
	if (ledger_load_service(l, service, err) < 0)
		return -1;
	fg_list_each (&l->entries, e, link) {
		if (e->is.kind != INCIDENT_DIED || e->is.state != INCIDENT_OPEN || e->unsure ||
			e->dropped || e->settle_ms || strcmp(e->is.host, v->host->name) == 0 ||
			strcmp(fg_json_str(e->is.labels, TASK_LABEL_SERVICE, ""), service) != 0)
			continue;
		fold_started(e, v->id, v->name);
		if (fold_others_down(e, v->id))
			continue;
		entry_set_fact(e, FACT_ELSEWHERE, cJSON_CreateTrue());
		e->settle_ms = settled_at(l, e);
	}
	return 0;
}

static int on_started(struct ledger *l, const struct fg_happening *v, struct fg_err *err)
{
	struct entry *died = find_same(l, v, INCIDENT_DIED, true);
	struct entry *stopped = find_same(l, v, INCIDENT_STOPPED, true);

	if (died && is_down(died))
		rise(l, v, died);
	if (stopped && is_down(stopped))
		undo_stop(l, v, stopped);
	return make_up_elsewhere(l, v, err);
}

/* Whether a process in it was killed for want of memory in the run that has ended. */
static bool was_oom(const struct fg_happening *v, int64_t oom_ms)
{
	int64_t ran_ms = v->ran_ms >= 0 ? v->ran_ms + 1000 : OOM_BEFORE_MS;

	return oom_ms && oom_ms >= v->at_ms - ran_ms;
}

static cJSON *death_facts(const struct fg_happening *v, bool oom)
{
	cJSON *facts = cJSON_CreateObject();

	fg_json_set_i64(facts, "exit_code", v->exit_code);
	if (v->signal)
		fg_json_set_i64(facts, "signal", v->signal);
	if (v->ran_ms >= 0)
		fg_json_set_i64(facts, "ran_ms", v->ran_ms);
	if (oom)
		cJSON_AddTrueToObject(facts, "oom");
	if (v->missed)
		cJSON_AddTrueToObject(facts, "missed");
	return facts;
}

/* It does not run any more because somebody wanted that. */
static void end_by_will(struct ledger *l, const struct fg_happening *v)
{
	static const enum incident_kind over[] = {
		INCIDENT_DIED, INCIDENT_UNHEALTHY, INCIDENT_OOM, INCIDENT_CPU, INCIDENT_MEMORY};

	for (size_t i = 0; i < FG_ARRAY_LEN(over); i++) {
		struct entry *e = find(l, v, over[i]);

		if (e && e->is.state == INCIDENT_OPEN && !fold_others_down(e, v->id))
			course_over(l, e, "stopped", v->at_ms);
	}
}

/* What was told as out of memory has died of it: the same incident. */
static void oom_becomes_death(struct ledger *l, const struct fg_happening *v, struct entry *oom)
{
	struct entry *died = find_same(l, v, INCIDENT_DIED, false);

	if (died || !kind_wanted(l->config, INCIDENT_DIED)) {
		if (died && !oom->is.told_ms)
			oom->dropped = true;
		if (died) {
			course_close(l, oom);
			oom->tell = false;
		}
		return;
	}
	oom->is.kind = INCIDENT_DIED;
	oom->is.count = 0; /* the death is yet to be reported */
	oom->is.state = INCIDENT_OPEN;
	oom->changed = true;
}

static bool is_opted_in(const struct fg_happening *v)
{
	return strcmp(fg_json_str(v->labels, NOTIFY_LABEL, ""), "true") == 0;
}

/* "": not known. The engine is never told to start again what a service or "compose run" is. */
static const char *policy_of(const struct entry *died)
{
	return subject_is_shared(died->subject)
		       ? "no"
		       : fg_json_str(fg_json_get(died->is.facts, FACT_DETAIL), "policy", "");
}

/*
 * Exit code 0 of what nobody starts again is a job that is done. Whether it is one is known from
 * its restart policy, which only a closer look tells; the doubt about it is not one about the
 * deaths that are over.
 */
static int on_ended_well(struct ledger *l, const struct fg_happening *v, struct incident_report *r,
	struct fg_err *err)
{
	struct entry *died = find(l, v, INCIDENT_DIED);
	const char *policy = died ? policy_of(died) : "";
	int rc;

	if (died && (strcmp(policy, "no") == 0 || strcmp(policy, "on-failure") == 0)) {
		if (is_down(died) && !fold_others_down(died, v->id))
			course_over(l, died, "finished", v->at_ms);
		return 0;
	}
	if (died && died->is.state != INCIDENT_OPEN && !*policy) {
		if (is_down(died))
			course_over(l, died, "finished", v->at_ms);
		fold_let_go(l, died);
	}
	rc = course_report(l, r, err);
	if (rc > 0 && !is_opted_in(v)) {
		died = find(l, v, INCIDENT_DIED);
		died->unsure = true;
	}
	return rc;
}

/* A swarm stops tasks whenever it replaces or moves them, or wants fewer, and replaces what
 * somebody else has stopped; what that leaves of the service is looked at as a whole (swarms.h). */
static bool is_task(const struct fg_happening *v)
{
	return *fg_json_str(v->labels, TASK_LABEL_SERVICE, "");
}

/* Whether a swarm had shut it down, or it had failed, is not seen any more: when its service has
 * not made up for it in time, it is told. */
static void doubt_task(struct ledger *l, const struct fg_happening *v)
{
	struct entry *died = find(l, v, INCIDENT_DIED);

	if (!died || !died->tell || died->is.told_ms || !v->missed || !is_task(v))
		return;
	died->held = HELD_HOST;
	died->tell_at_ms = l->now_ms + TASK_DOUBT_MS;
	entry_set_fact(died, FACT_DOUBT, cJSON_CreateNumber((double)died->tell_at_ms));
}

static int on_died(struct ledger *l, const struct fg_happening *v, struct fg_err *err)
{
	struct entry *oom = find(l, v, INCIDENT_OOM), *died = find(l, v, INCIDENT_DIED), *sick;
	struct entry *same = find_same(l, v, INCIDENT_DIED, false);
	bool why = (oom && was_oom(v, oom->is.last_ms)) ||
		   (same && was_oom(v, fg_json_i64(same->is.facts, FACT_OOM, 0)));
	cleanup_json cJSON *facts = death_facts(v, why && v->exit_code != 0);
	struct incident_report r = report_of(v, v->asked ? INCIDENT_STOPPED : INCIDENT_DIED);
	int rc;

	r.facts = facts;
	if (died && died->settle_ms) {
		died->settle_ms = 0;
		died->changed = true;
	}
	if (v->ours || v->asked) {
		end_by_will(l, v);
		return v->ours || is_task(v) ? 0 : course_report(l, &r, err);
	}
	sick = find(l, v, INCIDENT_UNHEALTHY);
	if (sick && sick->is.state == INCIDENT_OPEN)
		course_over(l, sick, "died", v->at_ms);
	if (v->exit_code == 0)
		return on_ended_well(l, v, &r, err);
	if (died && died->unsure) {
		died->unsure = false;
		died->changed = true;
	}
	if (oom && why && oom->is.state == INCIDENT_OPEN)
		oom_becomes_death(l, v, oom);
	rc = course_report(l, &r, err);
	doubt_task(l, v);
	return rc;
}

static int on_oom(struct ledger *l, const struct fg_happening *v, struct fg_err *err)
{
	struct incident_report r = report_of(v, INCIDENT_OOM);
	struct entry *died = find(l, v, INCIDENT_DIED);

	if (!died) { /* an earlier container may have died of it already */
		died = find_same(l, v, INCIDENT_DIED, false);
		if (!died || !fg_json_bool(died->is.facts, "oom", false))
			return course_report(l, &r, err);
	}
	entry_set_fact(died, FACT_OOM, cJSON_CreateNumber((double)v->at_ms));
	return 0;
}

static int on_health(struct ledger *l, const struct fg_happening *v, struct fg_err *err)
{
	static const enum incident_kind over[] = {INCIDENT_DIED, INCIDENT_UNHEALTHY, INCIDENT_HEAL};
	struct incident_report r = report_of(v, INCIDENT_UNHEALTHY);

	if (strcmp(v->health, "unhealthy") == 0)
		return v->ours ? 0 : course_report(l, &r, err);
	if (strcmp(v->health, "healthy") != 0)
		return 0;
	for (size_t i = 0; i < FG_ARRAY_LEN(over); i++) {
		struct entry *e = over[i] == INCIDENT_UNHEALTHY ? find_same(l, v, over[i], false)
								: find(l, v, over[i]);

		if (!e || !is_down(e) || fold_others_down(e, v->id))
			continue;
		take(e, v);
		course_over(l, e, NULL, v->at_ms);
	}
	return 0;
}

/* A replacement calls the old one so only until it is gone, or back. */
static bool is_set_aside(const struct fg_happening *v)
{
	const char *old = v->ours ? strstr(v->name, ".old-") : NULL;

	return old && strncmp(v->name, v->before, (size_t)(old - v->name)) == 0;
}

static int on_renamed(struct ledger *l, const struct fg_happening *v, struct fg_err *err)
{
	struct entry *e;

	(void)err;
	if (is_set_aside(v))
		return 0;
	fg_list_each (&l->entries, e, link)
		if (entry_is_of(e, v->host->name, v->id))
			entry_call(e, v->name, e->is.labels);
	return 0;
}

/* What it was replaced by has its name, and what was newer. */
static bool is_replaced(const struct fg_happening *v)
{
	return v->ours && strstr(v->name, ".old-");
}

static void end_removed(struct ledger *l, const struct fg_happening *v, struct entry *e)
{
	bool open = e->is.state == INCIDENT_OPEN;

	if (e->unsure) {
		e->dropped = true; /* it can never be looked at: a job that was done */
	} else if (open && fold_others_down(e, v->id)) {
		fold_removed(e, v->id);
		return;
	} else if (open) {
		bool taken = e->is.kind == INCIDENT_UPDATE && is_replaced(v);

		course_over(l, e, taken ? NULL : "removed", v->at_ms);
	}
	fold_let_go(l, e);
}

static int on_removed(struct ledger *l, const struct fg_happening *v, struct fg_err *err)
{
	struct entry *e;

	(void)err;
	fg_list_each (&l->entries, e, link) {
		if (e->is.state == INCIDENT_CLOSED || strcmp(e->is.host, v->host->name) != 0)
			continue;
		if (entry_is_of(e, v->host->name, v->id))
			end_removed(l, v, e);
		else if (fold_removed(e, v->id) && !fold_others_down(e, ""))
			e->settle_ms = settled_at(l, e); /* nobody was to replace it */
	}
	return 0;
}

int course_happened(struct ledger *l, const struct fg_happening *v, struct fg_err *err)
{
	static int (*const on[])(struct ledger *, const struct fg_happening *, struct fg_err *) = {
		[FG_HAPPENED_STARTED] = on_started,
		[FG_HAPPENED_DIED] = on_died,
		[FG_HAPPENED_OOM] = on_oom,
		[FG_HAPPENED_HEALTH] = on_health,
		[FG_HAPPENED_RENAMED] = on_renamed,
		[FG_HAPPENED_REMOVED] = on_removed,
	};
	cleanup_free char *subject = NULL;

	if ((size_t)v->what >= FG_ARRAY_LEN(on) || !on[v->what])
		return 0;
	subject = subject_key(v->name, v->labels);
	if (ledger_load(l, v->host->name, v->id, err) < 0 ||
		ledger_load_subject(l, v->host->name, subject, err) < 0)
		return -1;
	return on[v->what](l, v, err) < 0 ? -1 : 0;
}
