/* Stops that were none: a host's containers that went down with it. */
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "notify/course.h"
#include "notify/redress.h"

#define MANY 64 /* containers in one transaction */

/* Held for that host, and not told yet: ?1 the host, ?2 HELD_HOST, ?3 until when. */
#define FALLEN                                                                           \
	" i.host = ?1 AND i.held = ?2 AND i.state = 0 AND i.tell = 1 AND i.told = 0 AND" \
	" i.settle = 0 AND (i.last <= ?3 OR json_extract(i.facts, '$.missed')) AND"      \
	" json_extract(i.facts, '$." FACT_WITH_HOST "') IS NULL"
#define OTHER_DEATH                                                                          \
	"(SELECT 1 FROM incidents o WHERE o.host = i.host AND o.container = i.container AND" \
	" o.kind = 'died' AND o.id <> i.id AND o.state"
#define NEW " i.kind IN ('died', 'stopped') AND" FALLEN " AND NOT EXISTS " OTHER_DEATH " < 2)"
#define AGAIN " i.kind = 'stopped' AND" FALLEN " AND EXISTS " OTHER_DEATH " = 1)"

static int begin_new(struct notify *n, const char *host, int64_t until_ms, struct fg_err *err)
{
	return fg_store_exec(n->app->store, err,
		       "UPDATE incidents AS i SET kind = 'died', facts ="
		       " json_set(facts, '$." FACT_WITH_HOST "', json('true')) WHERE" NEW,
		       "sii", host, (int64_t)HELD_HOST, until_ms) < 0
		       ? -1
		       : 0;
}

/* One that had died before, and was up again, has that incident, which goes on. */
static int go_on(struct ledger *l, const char *host, const char *id, struct fg_err *err)
{
	cleanup_json cJSON *facts = NULL;
	struct incident_report r = {.kind = INCIDENT_DIED, .host = host, .id = id};
	struct entry *stopped;

	if (ledger_load(l, host, id, err) < 0)
		return -1;
	stopped = ledger_find(l, INCIDENT_STOPPED, host, id, NULL);
	if (!stopped)
		return 0;
	facts = cJSON_Duplicate(stopped->is.facts, true);
	cJSON_AddTrueToObject(facts, FACT_WITH_HOST);
	r.name = stopped->is.name;
	r.image = stopped->is.image;
	r.labels = stopped->is.labels;
	r.facts = facts;
	r.at_ms = stopped->is.last_ms;
	if (course_report(l, &r, err) < 0)
		return -1;
	stopped->dropped = stopped->changed = true;
	return 0;
}

static int64_t ids_again(
	struct ledger *l, const char *host, int64_t until_ms, char *ids[MANY], struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows =
		fg_tx_query(l->tx, err, "SELECT i.container FROM incidents i WHERE" AGAIN, "sii",
			host, (int64_t)HELD_HOST, until_ms);
	int64_t n = 0;

	if (!rows)
		return -1;
	while (n < MANY && fg_rows_next(rows))
		ids[n++] = fg_strdup(fg_rows_str(rows, 0));
	return n;
}

static int go_on_all(struct notify *n, const char *host, int64_t until_ms, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_setup struct setup *setup = NULL;
	cleanup_ledger struct ledger l = {0};
	char *ids[MANY];
	int64_t count;
	int rc = 0;

	if (fg_tx_begin(n->app->store, &tx, err) < 0)
		return -1;
	setup = setup_ref(n->app->setup);
	ledger_begin(&l, &tx, setup->config);
	count = ids_again(&l, host, until_ms, ids, err);
	for (int64_t i = 0; i < count; i++) {
		if (rc == 0)
			rc = go_on(&l, host, ids[i], err);
		free(ids[i]);
	}
	if (count < 0 || rc < 0 || ledger_write(&l, err) < 0)
		return -1;
	return count ? fg_tx_commit(&tx, err) : 0;
}

static bool any(struct notify *n, const char *sql, const char *host, int64_t until_ms)
{
	return fg_store_i64(n->app->store, 0, sql, "sii", host, (int64_t)HELD_HOST, until_ms) != 0;
}

int redress(struct notify *n, const char *host, int64_t until_ms, struct fg_err *err)
{
	if (any(n, "SELECT EXISTS (SELECT 1 FROM incidents i WHERE" NEW ")", host, until_ms) &&
		begin_new(n, host, until_ms, err) < 0)
		return -1;
	if (any(n, "SELECT EXISTS (SELECT 1 FROM incidents i WHERE" AGAIN ")", host, until_ms))
		return go_on_all(n, host, until_ms, err);
	return 0;
}
