/* Hosts that are away: an incident each, after a moment of grace. */
#include <signal.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/log.h"
#include "notify/course.h"
#include "notify/headcount.h"
#include "notify/redress.h"
#include "notify/state.h"

#define HOSTS_AT_ONCE 64
#define GRACE_MS 5000 /* an engine that is restarted is no outage */
#define AWAY_MS 5000  /* what waits for a host is looked at so often */
#define AFTER_MS 8000 /* and to settle: until then its containers come back with it */
#define AFTER_MOST_MS 120000
#define DOUBT_MS 2000  /* a death may have others after it */
#define CROWD 3        /* so many are the sign of a machine that goes down, */
#define GOING_MS 12000 /* which takes that long */
#define CLOCKS_MS 2000 /* two clocks may differ by that */

struct outage {
	struct fg_list link;
	char *host, *why;
	bool up, changed, told; /* told: reported as an incident */
	bool marked;            /* down, and what was not told by then is held */
	int64_t since_ms;       /* wall clock: up or down since */
	int64_t due_ms;         /* monotonic: when it is one */
	int64_t back_ms;        /* wall clock: when it was back; 0: it never was away */
	int64_t back_at_ms;     /* the same, monotonic */
	int64_t again_ms;       /* while it is down it is asked about so often */
	int64_t count_ms;       /* wall clock: its containers are to be counted then; 0: never, */
	int64_t count_most_ms;  /* and when they are not known by that time */
};

static struct outage *outage_of(struct notify *n, const char *host)
{
	struct outage *o;

	fg_list_each (&n->outages, o, link)
		if (strcmp(o->host, host) == 0)
			return o;
	o = fg_alloc(sizeof(*o));
	o->host = fg_strdup(host);
	o->up = true;
	o->told = true; /* as an earlier run may have left it */
	fg_list_append(&n->outages, &o->link);
	return o;
}

static void outage_destroy(struct outage *o)
{
	fg_list_remove(&o->link);
	free(o->host);
	free(o->why);
	free(o);
}

void hosts_finish(struct notify *n)
{
	struct outage *o;

	fg_list_each (&n->outages, o, link)
		outage_destroy(o);
}

static void on_change(struct fg_host *host, void *arg)
{
	struct notify *n = arg;
	struct outage *o;

	if (host->fleet != n->app->setup->fleet) /* of before a reload: it may still be in use */
		return;
	o = outage_of(n, host->name);
	if (o->up && !host->up)
		o->due_ms = fg_now_ms() + GRACE_MS;
	if (!o->up && host->up) {
		o->back_ms = fg_wall_ms();
		o->back_at_ms = fg_now_ms();
	}
	if (host->up)
		o->marked = false;
	o->up = host->up;
	o->since_ms = host->since_ms;
	o->changed = true;
	free(o->why);
	o->why = host->up ? NULL : fg_strdup(host->why.text);
	/* one that says nothing is waited for, and has the time of a proof of life */
	o->again_ms = host->why.code == FG_ETIMEOUT ? FG_WATCH_PROOF_MS : FG_WATCH_AGAIN_MS;
	notify_kick(n);
}

/* What is a swarm's goes on under another one of its managers, when there is one. */
static int move_in(
	struct fg_tx *tx, const struct setup *setup, const char *host, struct fg_err *err)
{
	cleanup_json cJSON *names = cJSON_CreateArray();
	cleanup_json_text char *text = NULL;

	for (size_t i = 0; i < fg_fleet_count(setup->fleet); i++)
		cJSON_AddItemToArray(
			names, cJSON_CreateString(fg_fleet_host(setup->fleet, i)->name));
	text = fg_json_print(names);
	return fg_tx_exec(tx, err,
		       "UPDATE incidents SET host = ifnull((SELECT value FROM json_each(facts, '$." FACT_HOSTS
		       "') WHERE value IN (SELECT value FROM json_each(?1))), host)"
		       " WHERE host = ?2 AND state < 2 AND"
		       " kind IN ('service', 'rollout', 'node', 'swarm')",
		       "ss", text, host) < 0
		       ? -1
		       : 0;
}

/* What was open ends as left, and its message says so. */
static int leave(struct fg_tx *tx, const char *host, struct fg_err *err)
{
	if (fg_tx_exec(tx, err,
		    "UPDATE bulletins SET revision = revision + 1 WHERE id IN (SELECT bulletin FROM"
		    " incidents WHERE host = ? AND state = 0 AND bulletin > 0)",
		    "s", host) < 0 ||
		fg_tx_exec(tx, err,
			"UPDATE incidents SET recovered = max(last, ?),"
			" facts = json_set(facts, '$." FACT_OVER "', 'left')"
			" WHERE host = ? AND state = 0",
			"is", fg_wall_ms(), host) < 0 ||
		fg_tx_exec(tx, err,
			"UPDATE incidents SET state = 2, tell = 0, settle = 0 WHERE host = ? AND"
			" state < 2",
			"s", host) < 0)
		return -1;
	return 0;
}

/* Hosts of incidents that are not in the config, up to HOSTS_AT_ONCE; the caller frees them. How
 * many, or -1. */
static int64_t strangers(
	struct fg_tx *tx, const struct setup *setup, char *out[HOSTS_AT_ONCE], struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows =
		fg_tx_query(tx, err, "SELECT DISTINCT host FROM incidents WHERE state < 2", "");
	int64_t n = 0;

	if (!rows)
		return -1;
	while (n < HOSTS_AT_ONCE && fg_rows_next(rows))
		if (!fg_fleet_find(setup->fleet, fg_rows_str(rows, 0)))
			out[n++] = fg_strdup(fg_rows_str(rows, 0));
	if (n == HOSTS_AT_ONCE || fg_rows_failed(rows, err) == 0)
		return n;
	while (n > 0)
		free(out[--n]);
	return -1;
}

/* How many hosts have left, or -1. */
static int64_t drop_some(struct notify *n, const struct setup *setup, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	char *hosts[HOSTS_AT_ONCE];
	int64_t count;
	int rc = 0;

	if (fg_tx_begin(n->app->store, &tx, err) < 0)
		return -1;
	count = strangers(&tx, setup, hosts, err);
	for (int64_t i = 0; i < count; i++) {
		if (rc == 0 &&
			(move_in(&tx, setup, hosts[i], err) < 0 || leave(&tx, hosts[i], err) < 0))
			rc = -1;
		free(hosts[i]);
	}
	if (rc < 0 || (count > 0 && fg_tx_commit(&tx, err) < 0))
		return -1;
	return count;
}

/* Of hosts that are not in the config any more nothing will be heard. */
static int drop_strangers(struct notify *n, const struct setup *setup, struct fg_err *err)
{
	int64_t count;

	while ((count = drop_some(n, setup, err)) == HOSTS_AT_ONCE)
		;
	return count < 0 ? -1 : 0;
}

/* The hosts of a new setup are listened to. */
static int follow(struct notify *n, struct fg_err *err)
{
	cleanup_setup struct setup *setup = setup_ref(n->app->setup);
	struct outage *o;

	fg_fleet_on_change(setup->fleet, on_change, n);
	n->setup_number = setup->number;
	for (size_t i = 0; i < fg_fleet_count(setup->fleet); i++) {
		struct fg_host *host = fg_fleet_host(setup->fleet, i);

		if (host->known)
			on_change(host, n);
	}
	fg_list_each (&n->outages, o, link)
		if (!fg_fleet_find(setup->fleet, o->host))
			outage_destroy(o);
	if (drop_strangers(n, setup, err) < 0) {
		n->setup_number = 0;
		return -1;
	}
	return 0;
}

static int report(struct ledger *l, const struct outage *o, struct fg_err *err)
{
	cleanup_json cJSON *facts = cJSON_CreateObject();
	struct incident_report r = {
		.kind = INCIDENT_HOST, .host = o->host, .at_ms = o->since_ms, .facts = facts};

	cJSON_AddStringToObject(facts, "why", o->why ? o->why : "");
	fg_json_set_i64(facts, "again_ms", o->again_ms);
	return course_report(l, &r, err);
}

/* What a host's containers have to come up with it, and to stay up. */
static int64_t settle_ms(const struct config *config)
{
	return config->update.settle_ms + AFTER_MS;
}

static int write_outage(struct notify *n, struct outage *o, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_setup struct setup *setup = NULL;
	cleanup_ledger struct ledger l = {0};
	bool up;
	int rc;

	if (fg_tx_begin(n->app->store, &tx, err) < 0)
		return -1;
	setup = setup_ref(n->app->setup);
	up = o->up; /* waiting for its turn may have brought news, with a grace of its own */
	if (!up && fg_now_ms() < o->due_ms)
		return 0;
	ledger_begin(&l, &tx, setup->config);
	rc = up ? course_recovered(&l, INCIDENT_HOST, o->host, NULL, o->since_ms, err)
		: report(&l, o, err);
	if (rc < 0 || ledger_write(&l, err) < 0 || fg_tx_commit(&tx, err) < 0)
		return -1;
	o->told = !up;
	o->count_ms = up ? fg_wall_ms() + settle_ms(setup->config) : 0;
	o->count_most_ms = o->count_ms + AFTER_MOST_MS;
	o->changed = o->up != up;
	return 0;
}

int64_t hosts_hold(const struct notify *n, const struct entry *e, const struct ledger *l)
{
	int64_t settle = settle_ms(l->config), back;
	const struct outage *o;

	fg_list_each (&n->outages, o, link) {
		if (!*e->is.container_id || kind_is_swarm(e->is.kind) ||
			strcmp(o->host, e->is.host) != 0)
			continue;
		if (!o->up)
			return AWAY_MS;
		back = o->back_ms ? l->now_ms - o->back_ms : AFTER_MOST_MS;
		if (back < 0 || back >= AFTER_MOST_MS) /* the clock may have been set */
			return 0;
		if (back < settle)
			return settle - back;
		/* It was started late, and is on its way. */
		return e->held == HELD_HOST && e->settle_ms > l->now_ms
			       ? e->settle_ms - l->now_ms + 1
			       : 0;
	}
	return 0;
}

/* An engine that ends stops its containers first. */
static int mark(struct notify *n, struct outage *o, struct fg_err *err)
{
	if (fg_store_exec(n->app->store, err,
		    "UPDATE incidents SET held = ? WHERE host = ? AND container <> '' AND state = 0 AND"
		    " tell = 1 AND told = 0 AND held = 0",
		    "is", (int64_t)HELD_HOST, o->host) < 0)
		return -1;
	o->marked = true;
	return 0;
}

/* Where they are not known, the message goes without. */
static void count(struct notify *n, struct outage *o, int64_t *next)
{
	int64_t now = fg_wall_ms(), left = o->count_ms - now;
	struct fg_err err;
	int rc;

	if (!o->count_ms || !o->up)
		return;
	if (left <= 0) {
		rc = headcount_take(n, o->host, o->back_at_ms, &err);
		if (rc < 0)
			fg_debug(
				"the containers of host %s are not counted: %s", o->host, err.text);
		left = AWAY_MS;
		o->count_ms = rc != 0 || now > o->count_most_ms ? 0 : now + left;
	}
	if (o->count_ms && fg_now_ms() + left < *next)
		*next = fg_now_ms() + left;
}

/* Its exit code is that of one that was told to end, though nobody was seen to tell it. */
static bool ended_as_told(const struct entry *e)
{
	int64_t code = fg_json_i64(e->is.facts, "exit_code", -1);

	return code == 0 || code == 128 + SIGTERM ||
	       (code == 128 + SIGKILL && !fg_json_bool(e->is.facts, "oom", false));
}

int64_t hosts_doubt(const struct notify *n, struct ledger *l)
{
	struct entry *e;
	int64_t count = 0;

	fg_list_each (&l->entries, e, link) {
		if (e->is.kind != INCIDENT_DIED || !e->changed || !e->tell || e->is.told_ms ||
			e->tell_at_ms || fg_json_bool(e->is.facts, "missed", false) ||
			!ended_as_told(e) || hosts_hold(n, e, l))
			continue;
		e->tell_at_ms = l->now_ms + DOUBT_MS;
		count++;
	}
	return count;
}

#define WAITS                                                                                     \
	" WHERE tell = 1 AND unsure = 0 AND tell_at > ?1 AND tell_at <= ?2 AND kind = 'died' AND" \
	" told = 0 AND state = 0 AND host = ?3"

/* Until when those that have just died wait, by how many do; 0: for themselves. What follows others
 * waits as long as they do, and so is told with them: also of those that were told just now. */
static int64_t doubt_until(struct ledger *l, const char *host, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_tx_query(l->tx, err,
		"SELECT count(*), max(tell_at), (SELECT max(told) FROM incidents WHERE host = ?3 AND"
		" kind = 'died' AND last > ?4) FROM incidents" WAITS,
		"iisi", l->now_ms, l->now_ms + GOING_MS, host, l->now_ms - 10 * (int64_t)GOING_MS);

	if (!rows || !fg_rows_next(rows))
		return -1;
	if (fg_rows_i64(rows, 1) > l->now_ms + DOUBT_MS)
		return fg_rows_i64(rows, 1);
	return fg_rows_i64(rows, 0) >= CROWD && fg_rows_i64(rows, 2) <= l->now_ms - NOTIFY_BURST_MS
		       ? l->now_ms + GOING_MS
		       : 0;
}

int hosts_doubt_all(struct ledger *l, const char *host, struct fg_err *err)
{
	int64_t until = doubt_until(l, host, err);

	if (until <= 0)
		return (int)until;
	return fg_tx_exec(l->tx, err, "UPDATE incidents SET tell_at = ?4" WAITS, "iisi", l->now_ms,
		       l->now_ms + DOUBT_MS, host, until) < 0
		       ? -1
		       : 0;
}

/* Once it is back, until it is too late for that. */
static int redress_outage(struct notify *n, const struct outage *o, struct fg_err *err)
{
	int64_t back = o->back_ms ? fg_wall_ms() - o->back_ms : AFTER_MOST_MS;

	if (!o->up || back >= AFTER_MOST_MS)
		return 0;
	return redress(n, o->host, o->back_ms + CLOCKS_MS, err);
}

/* That it is away, or back, is told when it is time. */
static int tell(struct notify *n, struct outage *o, int64_t *next, struct fg_err *err)
{
	if (!o->changed)
		return 0;
	if (o->up && !o->told) {
		o->changed = false; /* back within the grace */
		return 0;
	}
	if (!o->up && fg_now_ms() < o->due_ms) {
		*next = o->due_ms < *next ? o->due_ms : *next;
		return 0;
	}
	return write_outage(n, o, err);
}

int hosts_turn(struct notify *n, int64_t *next, struct fg_err *err)
{
	struct outage *o;

	if (n->setup_number != n->app->setup->number && follow(n, err) < 0)
		return -1;
	fg_list_each (&n->outages, o, link) {
		if ((!o->up && !o->marked && mark(n, o, err) < 0) ||
			redress_outage(n, o, err) < 0 || tell(n, o, next, err) < 0)
			return -1;
		count(n, o, next);
	}
	return 0;
}
