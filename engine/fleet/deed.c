/*
 * Deeds: noted by the engines' observer, and asked for what they have caused.
 */
#include <sodium.h>
#include <unistd.h>
#include "deed_own.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/fleet/deed.h"
#include "host.h"
#include "replace/replacing.h"

#define NOTE_MS 2000  /* an operation waits no longer than that for the store */
#define SLACK_MS 1000 /* two clocks, of the engine and of this machine, may differ by that */
#define OPEN_MS                                                                                   \
	600000          /* the end of a deed that was never noted: its process was killed, or its \
			   answer did not come, and the engine may still be at it */
#define TRIM_MS 3600000 /* between looks for what is too old */
#define DAY_MS ((int64_t)24 * 3600 * 1000)

struct fg_deeds {
	struct fg_store *store;
	int64_t trimmed_ms; /* monotonic; 0: not yet */
};

static const char *const steps[] = {
	"CREATE TABLE deeds ("
	"	id INTEGER PRIMARY KEY,"
	"	host TEXT NOT NULL,"
	"	target TEXT NOT NULL," /* as the engine was told: an id, a part of one, a name */
	"	verb TEXT NOT NULL,"
	"	begun_ms INTEGER NOT NULL,"
	"	ended_ms INTEGER);" /* NULL: not that we know */
	"CREATE INDEX deeds_host ON deeds (host, begun_ms);",
	"ALTER TABLE deeds ADD COLUMN owner TEXT NOT NULL DEFAULT ''", /* whose process it is */
};

int deeds_migrate(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "deeds", steps, FG_ARRAY_LEN(steps), err);
}

/* A process that was killed ends nothing itself. What it had asked for may go on for a moment, as
 * after any deed. */
static int end_orphans(struct fg_store *store, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(
		store, err, "SELECT DISTINCT owner FROM deeds WHERE ended_ms IS NULL", "");

	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		const char *owner = fg_rows_str(rows, 0);

		if (journal_process_lives(owner))
			continue;
		if (fg_store_exec(store, err,
			    "UPDATE deeds SET ended_ms = ? WHERE ended_ms IS NULL AND owner = ?",
			    "is", fg_wall_ms(), owner) < 0)
			return -1;
	}
	return fg_rows_failed(rows, err);
}

/* The journal of replacements is read, too. */
struct fg_deeds *fg_deeds_create(struct fg_store *store, struct fg_err *err)
{
	struct fg_deeds *deeds;

	if (deeds_migrate(store, err) < 0 || journal_migrate(store, err) < 0 ||
		end_orphans(store, err) < 0)
		return NULL;
	deeds = fg_alloc(sizeof(*deeds));
	deeds->store = store;
	return deeds;
}

void fg_deeds_destroy(struct fg_deeds *deeds)
{
	free(deeds);
}

static void trim(struct fg_deeds *deeds)
{
	int64_t before = fg_wall_ms() - FG_DEED_DAYS * DAY_MS, now = fg_now_ms();

	if (deeds->trimmed_ms && now - deeds->trimmed_ms < TRIM_MS)
		return;
	deeds->trimmed_ms = now;
	if (fg_store_i64(deeds->store, 0, "SELECT count(*) FROM deeds WHERE begun_ms < ?", "i",
		    before) > 0)
		fg_store_note(
			deeds->store, NULL, "DELETE FROM deeds WHERE begun_ms < ?", "i", before);
}

/* Observing */

/* The operation goes on whatever becomes of this. */
static int64_t on_begin(void *arg, const char *verb, const char *id)
{
	struct fg_host *host = arg;
	struct fg_deeds *deeds = fleet_deeds(host->fleet);
	int64_t before = fg_task_deadline(FG_NEVER), most = fg_now_ms() + NOTE_MS;
	cleanup_free char *owner = journal_process(getpid());
	int64_t token = ((int64_t)randombytes_random() << 31 | (randombytes_random() >> 1)) + 1;
	struct fg_err err;

	fg_task_deadline(before < most ? before : most);
	trim(deeds);
	if (fg_store_note(deeds->store, &err,
		    "INSERT INTO deeds (id, host, target, verb, begun_ms, owner)"
		    " VALUES (?, ?, ?, ?, ?, ?)",
		    "isssis", token, host->name, id, verb, fg_wall_ms(), owner) < 0) {
		fg_debug("%s %s on %s is not noted: %s", verb, id, host->name, err.text);
		token = 0;
	}
	fg_task_deadline(before);
	return token;
}

static void on_end(void *arg, int64_t token, const struct fg_err *failed)
{
	struct fg_host *host = arg;
	struct fg_deeds *deeds = fleet_deeds(host->fleet);
	int64_t before = fg_task_deadline(FG_NEVER), most = fg_now_ms() + NOTE_MS;
	struct fg_err err;

	fg_task_deadline(before < most ? before : most);
	/* Where no answer came, the engine may still be at it. */
	if (token && !(failed && fg_may_be_done(failed)) &&
		fg_store_note(deeds->store, &err, "UPDATE deeds SET ended_ms = ? WHERE id = ?",
			"ii", fg_wall_ms(), token) < 0)
		fg_debug("the end of what was done on %s is not noted: %s", host->name, err.text);
	fg_task_deadline(before);
}

static const struct fg_engine_observer observer = {on_begin, on_end};

void fg_fleet_note_deeds(struct fg_fleet *fleet, struct fg_deeds *deeds)
{
	fleet_set_deeds(fleet, deeds);
	for (size_t i = 0; i < fg_fleet_count(fleet); i++) {
		struct fg_host *host = fg_fleet_host(fleet, i);

		fg_engine_observe(host->engine, deeds ? &observer : NULL, host);
	}
}

int deeds_add_replaced(
	struct fg_tx *tx, const char *host, const char *id, int64_t begun_ms, struct fg_err *err)
{
	if (!*id)
		return 0;
	return fg_tx_exec(tx, err,
		       "INSERT INTO deeds (host, target, verb, begun_ms, ended_ms) "
		       "VALUES (?, ?, 'replace', ?, ?)",
		       "ssii", host, id, begun_ms, fg_wall_ms()) < 0
		       ? -1
		       : 0;
}

/* Asking */

/*
 * What each verb can bring about: a while after its end too, since a signal takes its time, or only
 * until its end. A container that comes up again and then dies, after a restart or a replacement
 * has ended, does so by itself.
 */
static const struct {
	const char *later, *until_end;
} causes[] = {
	[FG_HAPPENED_CREATED] = {"''", "'create', 'replace'"},
	[FG_HAPPENED_DIED] = {"'kill', 'remove', 'stop'", "'replace', 'restart'"},
	[FG_HAPPENED_HEALTH] = {"''", "'replace'"},
	[FG_HAPPENED_OOM] = {"''", "'replace'"},
	[FG_HAPPENED_PAUSED] = {"''", "'pause', 'replace'"},
	[FG_HAPPENED_REMOVED] = {"'kill', 'remove', 'stop'", "'replace'"},
	[FG_HAPPENED_RENAMED] = {"''", "'rename', 'replace'"},
	[FG_HAPPENED_STARTED] = {"''", "'replace', 'restart', 'start'"},
	[FG_HAPPENED_UNPAUSED] = {"''",
		"'kill', 'remove', 'replace', 'restart', 'stop', 'unpause'"},
};

bool deeds_any(struct fg_deeds *deeds, const char *host, int64_t at_ms)
{
	return fg_store_i64(deeds->store, 0,
		       "SELECT EXISTS (SELECT 1 FROM deeds WHERE host = ?1 AND begun_ms >= ?2)"
		       " OR EXISTS (SELECT 1 FROM replacements WHERE host = ?1)",
		       "si", host, at_ms - OPEN_MS - FG_DEED_AFTER_MS) > 0;
}

static bool is_being_replaced(
	struct fg_deeds *deeds, const char *host, const char *id, const char *name)
{
	return fg_store_i64(deeds->store, 0,
		       "SELECT count(*) FROM replacements WHERE host = ?1 AND "
		       "(?2 IN (old_id, new_id) OR ?3 IN (name, aside, beside))",
		       "sss", host, id, name) > 0;
}

/* A restart ends one run, which was there before it: what begins later dies by itself. */
bool deeds_caused(struct fg_deeds *deeds, enum fg_happened what, const char *host, const char *id,
	const char *name, const struct deed_time *when)
{
	cleanup_free char *sql = fg_printf(
		"SELECT count(*) FROM deeds WHERE host = ?1 AND begun_ms <= ?4 + %d"
		" AND (target IN (?2, ?3) OR (length(target) >= 4 AND"
		"	substr(?2, 1, length(target)) = target))"
		" AND ifnull(ended_ms, ?4) >= ?5"
		" AND (verb != 'restart' OR ?5 <= begun_ms + %d)"
		" AND ((verb IN (%s) AND ?6 <= ifnull(ended_ms + %d, begun_ms + %d))"
		"	OR (verb IN (%s) AND ?6 <= ifnull(ended_ms + %d, begun_ms + %d)))",
		SLACK_MS, SLACK_MS, causes[what].later, FG_DEED_AFTER_MS, OPEN_MS, causes[what].until_end,
		SLACK_MS, OPEN_MS);

	return fg_store_i64(deeds->store, 0, sql, "sssiii", host, id, name, when->at_ms,
		       when->since_ms, when->after_ms) > 0 ||
	       is_being_replaced(deeds, host, id, name);
}

bool fg_deed_caused(struct fg_deeds *deeds, enum fg_happened what, const char *host, const char *id,
	const char *name, int64_t at_ms)
{
	int64_t at = at_ms > 0 ? at_ms : fg_wall_ms();

	return deeds_caused(deeds, what, host, id, name,
		&(struct deed_time){.at_ms = at, .after_ms = at});
}

int64_t fg_deed_service_ms(struct fg_deeds *deeds, const char *id)
{
	return fg_store_i64(deeds->store, 0,
		"SELECT max(ifnull(ended_ms, begun_ms)) FROM deeds WHERE target = ? AND"
		" begun_ms > ? AND verb IN ('service-create', 'service-update')",
		"si", id, fg_wall_ms() - DAY_MS);
}
