/* The ledger's table, and its reading and writing. */
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "notify/ledger.h"
#include "notify/subject.h"

#define PROJECT_LABEL "com.docker.compose.project"
#define SUBJECT_MOST 64 /* incidents of one container, or subject, that are looked at */

static const char *const steps[] = {
	"CREATE TABLE incidents(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
	" state INTEGER NOT NULL, host TEXT NOT NULL, container TEXT NOT NULL, name TEXT NOT NULL,"
	" project TEXT NOT NULL, image TEXT NOT NULL, about TEXT NOT NULL, labels TEXT NOT NULL,"
	" facts TEXT NOT NULL, opened INTEGER NOT NULL, last INTEGER NOT NULL,"
	" recovered INTEGER NOT NULL, acked INTEGER NOT NULL, acked_by TEXT NOT NULL,"
	" told INTEGER NOT NULL, count INTEGER NOT NULL, bulletin INTEGER NOT NULL,"
	" tell INTEGER NOT NULL, tell_at INTEGER NOT NULL, gap INTEGER NOT NULL,"
	" settle INTEGER NOT NULL, unsure INTEGER NOT NULL);"
	"CREATE INDEX incidents_subject ON incidents(host, container) WHERE state < 2;"
	"CREATE INDEX incidents_last ON incidents(last);"
	"CREATE INDEX incidents_bulletin ON incidents(bulletin) WHERE bulletin > 0;"
	"CREATE INDEX incidents_tell ON incidents(tell_at) WHERE tell = 1 AND unsure = 0;"
	"CREATE INDEX incidents_settle ON incidents(settle) WHERE settle > 0;"
	"CREATE INDEX incidents_unsure ON incidents(id) WHERE unsure = 1;"
	/* The messages. shown: the revision that is on its way to all chats. */
	"CREATE TABLE bulletins(id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL,"
	" opened INTEGER NOT NULL, revision INTEGER NOT NULL, shown INTEGER NOT NULL,"
	" moved INTEGER NOT NULL);"
	"CREATE INDEX bulletins_stale ON bulletins(id) WHERE revision > shown;",
	/* What keeps it from being told, of enum held. */
	"ALTER TABLE incidents ADD COLUMN held INTEGER NOT NULL DEFAULT 0;",
	/* What it is about, under whatever id. */
	"ALTER TABLE incidents ADD COLUMN subject TEXT NOT NULL DEFAULT '';"
	"CREATE INDEX incidents_same ON incidents(host, subject, last) WHERE subject <> '';",
	subject_fill,
	/* Of 5000 few are open, and those are looked for all the time. */
	"CREATE INDEX incidents_open ON incidents(host) WHERE state = 0;",
};

struct loaded {
	struct fg_list link;
	char *host; /* "": all of them */
	char *what; /* a container's id; a subject's key, which has a colon; a service's id */
};

int ledger_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "incidents", steps, FG_ARRAY_LEN(steps), err);
}

/* Rows */

static cJSON *parse(const char *text)
{
	cJSON *json = text && *text ? fg_json_parse(text, strlen(text), NULL) : NULL;

	return json ? json : cJSON_CreateObject();
}

void incident_row_read(struct fg_rows *rows, struct incident_row *row)
{
	*row = (struct incident_row){
		.is =
			{
				.id = fg_rows_i64(rows, 0),
				.kind = kind_of(fg_rows_str(rows, 1)),
				.state = (enum incident_state)fg_rows_i64(rows, 2),
				.host = fg_rows_str(rows, 3),
				.container_id = fg_rows_str(rows, 4),
				.name = fg_rows_str(rows, 5),
				.project = fg_rows_str(rows, 6),
				.image = fg_rows_str(rows, 7),
				.about = fg_rows_str(rows, 8),
				.labels = parse(fg_rows_str(rows, 9)),
				.facts = parse(fg_rows_str(rows, 10)),
				.opened_ms = fg_rows_i64(rows, 11),
				.last_ms = fg_rows_i64(rows, 12),
				.recovered_ms = fg_rows_i64(rows, 13),
				.acked_ms = fg_rows_i64(rows, 14),
				.acked_by = fg_rows_str(rows, 15),
				.told_ms = fg_rows_i64(rows, 16),
				.count = fg_rows_i64(rows, 17),
				.bulletin = fg_rows_i64(rows, 18),
			},
		.tell = fg_rows_i64(rows, 19) != 0,
		.tell_at_ms = fg_rows_i64(rows, 20),
		.gap_ms = fg_rows_i64(rows, 21),
		.settle_ms = fg_rows_i64(rows, 22),
		.unsure = fg_rows_i64(rows, 23) != 0,
		.held = (enum held)fg_rows_i64(rows, 24),
	};
	if (row->is.kind == INCIDENT_KINDS)
		row->is.kind = INCIDENT_DIED; /* of a newer version: nothing better is known */
}

void incident_row_finish(struct incident_row *row)
{
	cJSON_Delete(row->is.labels);
	cJSON_Delete(row->is.facts);
	*row = (struct incident_row){0};
}

/* Entries */

#define FIELDS 7 /* strings of an incident */

static void fields(struct entry *e, const char **out[FIELDS])
{
	const char **all[FIELDS] = {&e->is.host, &e->is.container_id, &e->is.name, &e->is.project,
		&e->is.image, &e->is.about, &e->is.acked_by};

	memcpy(out, all, sizeof(all));
}

void entry_set(const char **field, const char *value)
{
	char *copy = fg_strdup(value ? value : "");

	free((char *)*field);
	*field = copy;
}

void entry_call(struct entry *e, const char *name, const cJSON *labels)
{
	cJSON *copy = labels ? cJSON_Duplicate(labels, true) : cJSON_CreateObject();

	cJSON_Delete(e->is.labels);
	e->is.labels = copy;
	entry_set(&e->is.name, name);
	entry_set(&e->is.project, fg_json_str(copy, PROJECT_LABEL, ""));
	free(e->subject);
	e->subject = *e->is.container_id ? subject_key(e->is.name, copy) : fg_strdup("");
	e->changed = true;
}

static void entry_destroy(struct entry *e)
{
	const char **own[FIELDS];

	fields(e, own);
	for (int i = 0; i < FIELDS; i++)
		free((char *)*own[i]);
	cJSON_Delete(e->is.labels);
	cJSON_Delete(e->is.facts);
	free(e->subject);
	fg_list_remove(&e->link);
	free(e);
}

bool entry_is_of(const struct entry *e, const char *host, const char *container)
{
	return strcmp(e->is.container_id, container) == 0 && strcmp(e->is.host, host) == 0;
}

void entry_set_fact(struct entry *e, const char *key, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(e->is.facts, key);
	if (value)
		cJSON_AddItemToObject(e->is.facts, key, value);
	e->changed = true;
}

void entry_take_facts(struct entry *e, const cJSON *facts)
{
	static const char *const kept[] = {
		FACT_DETAIL, FACT_DOWN, FACT_LOOP, FACT_OOM, FACT_RECENT};
	cJSON *fresh = facts ? cJSON_Duplicate(facts, true) : cJSON_CreateObject();

	for (size_t i = 0; i < FG_ARRAY_LEN(kept); i++) {
		cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(e->is.facts, kept[i]);

		cJSON_DeleteItemFromObjectCaseSensitive(fresh, kept[i]);
		if (item)
			cJSON_AddItemToObject(fresh, kept[i], item);
	}
	cJSON_Delete(e->is.facts);
	e->is.facts = fresh;
	e->changed = true;
}

/* Reading */

void ledger_begin(struct ledger *l, struct fg_tx *tx, const struct config *config)
{
	*l = (struct ledger){.tx = tx, .config = config, .now_ms = fg_wall_ms()};
	fg_list_init(&l->entries);
	fg_list_init(&l->loaded);
}

void ledger_finish(struct ledger *l)
{
	struct entry *e;
	struct loaded *s;

	if (!l->entries.next)
		return;
	fg_list_each (&l->entries, e, link)
		entry_destroy(e);
	fg_list_each (&l->loaded, s, link) {
		fg_list_remove(&s->link);
		free(s->host);
		free(s->what);
		free(s);
	}
}

static struct entry *known(struct ledger *l, int64_t id)
{
	struct entry *e;

	fg_list_each (&l->entries, e, link)
		if (e->is.id == id)
			return e;
	return NULL;
}

/* One that is in the ledger already is newer there than in its row. */
static struct entry *take_row(struct ledger *l, struct fg_rows *rows)
{
	struct entry *e = known(l, fg_rows_i64(rows, 0));
	struct incident_row row;
	const char **own[FIELDS];

	if (e)
		return e;
	incident_row_read(rows, &row);
	e = fg_alloc(sizeof(*e));
	e->is = row.is;
	fields(e, own);
	for (int i = 0; i < FIELDS; i++)
		*own[i] = fg_strdup(*own[i] ? *own[i] : "");
	e->subject = *e->is.container_id ? subject_key(e->is.name, e->is.labels) : fg_strdup("");
	e->tell = row.tell;
	e->tell_at_ms = row.tell_at_ms;
	e->gap_ms = row.gap_ms;
	e->settle_ms = row.settle_ms;
	e->unsure = row.unsure;
	e->held = row.held;
	fg_list_append(&l->entries, &e->link);
	return e;
}

static bool was_loaded(const struct ledger *l, const char *host, const char *what)
{
	struct loaded *s;

	fg_list_each (&l->loaded, s, link)
		if (strcmp(s->what, what) == 0 && strcmp(s->host, host) == 0)
			return true;
	return false;
}

/* The rows are closed; NULL: the query has failed. */
static int load(struct ledger *l, const char *host, const char *what, struct fg_rows *query,
	struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = query;
	struct loaded *s;

	if (!rows)
		return -1;
	while (fg_rows_next(rows))
		take_row(l, rows);
	if (fg_rows_failed(rows, err) < 0)
		return -1;
	s = fg_alloc(sizeof(*s));
	s->host = fg_strdup(host);
	s->what = fg_strdup(what);
	fg_list_append(&l->loaded, &s->link);
	return 0;
}

int ledger_load(struct ledger *l, const char *host, const char *container, struct fg_err *err)
{
	if (was_loaded(l, host, container))
		return 0;
	return load(l, host, container,
		fg_tx_query(l->tx, err,
			"SELECT " ENTRY_COLUMNS
			" FROM incidents WHERE host = ? AND container = ? AND"
			" state < 2 ORDER BY id LIMIT ?",
			"ssi", host, container, (int64_t)SUBJECT_MOST),
		err);
}

int ledger_load_subject(struct ledger *l, const char *host, const char *subject, struct fg_err *err)
{
	if (!*subject || was_loaded(l, host, subject))
		return 0;
	return load(l, host, subject,
		fg_tx_query(l->tx, err,
			"SELECT " ENTRY_COLUMNS
			" FROM incidents WHERE host = ?1 AND subject = ?2 AND"
			" subject <> '' AND (state < 2 OR last > ?3 OR recovered > ?3 OR"
			" kind = 'update') ORDER BY last DESC LIMIT ?4",
			"ssii", host, subject, l->now_ms - NOTIFY_BACKOFF_MOST_MS,
			(int64_t)SUBJECT_MOST),
		err);
}

int ledger_load_swarm(struct ledger *l, const char *id, const char *subject, struct fg_err *err)
{
	cleanup_free char *what = fg_printf("%s %s", id, subject);

	if (was_loaded(l, "", what))
		return 0;
	return load(l, "", what,
		fg_tx_query(l->tx, err,
			"SELECT " ENTRY_COLUMNS
			" FROM incidents WHERE kind IN ('service', 'rollout', 'node', 'swarm') AND"
			" (container = ?1 OR (subject = ?2 AND subject <> '')) AND (state < 2 OR"
			" last > ?3 OR recovered > ?3) ORDER BY last DESC LIMIT ?4",
			"ssii", id, subject, l->now_ms - NOTIFY_BACKOFF_MOST_MS,
			(int64_t)SUBJECT_MOST),
		err);
}

int ledger_load_service(struct ledger *l, const char *service, struct fg_err *err)
{
	if (was_loaded(l, "", service))
		return 0;
	return load(l, "", service,
		fg_tx_query(l->tx, err,
			"SELECT " ENTRY_COLUMNS
			" FROM incidents WHERE state = 0 AND kind = 'died' AND"
			" json_extract(labels, '$.\"" TASK_LABEL_SERVICE "\"') = ?"
			" ORDER BY +last DESC LIMIT ?", /* + keeps it from going by all there is */
			"si", service, (int64_t)SUBJECT_MOST),
		err);
}

struct entry *ledger_find(struct ledger *l, enum incident_kind kind, const char *host,
	const char *container, const char *about)
{
	struct entry *e;

	fg_list_each (&l->entries, e, link)
		if (e->is.kind == kind && e->is.state != INCIDENT_CLOSED && !e->dropped &&
			entry_is_of(e, host, container) &&
			(!about || strcmp(e->is.about, about) == 0))
			return e;
	return NULL;
}

struct entry *ledger_get(struct ledger *l, int64_t id, struct fg_err *err)
{
	struct entry *e = known(l, id);
	cleanup_rows struct fg_rows *rows = NULL;

	if (err)
		err->code = 0;
	if (e)
		return e->dropped ? NULL : e;
	rows = fg_tx_query(
		l->tx, err, "SELECT " ENTRY_COLUMNS " FROM incidents WHERE id = ?", "i", id);
	if (!rows || !fg_rows_next(rows))
		return NULL;
	return take_row(l, rows);
}

struct entry *ledger_add(struct ledger *l, const struct incident_report *r)
{
	struct entry *e = fg_alloc(sizeof(*e));

	entry_set(&e->is.host, r->host);
	entry_set(&e->is.container_id, r->id);
	entry_call(e, r->name, r->labels);
	entry_set(&e->is.image, r->image);
	entry_set(&e->is.about, r->about);
	entry_set(&e->is.acked_by, "");
	e->is.kind = r->kind;
	e->is.facts = cJSON_CreateObject();
	e->is.opened_ms = e->is.last_ms = r->at_ms ? r->at_ms : l->now_ms;
	e->is.count = 1;
	e->gap_ms = NOTIFY_BACKOFF_MS;
	e->tell = e->changed = true;
	fg_list_append(&l->entries, &e->link);
	return e;
}

/* Writing */

static int write_entry(struct ledger *l, struct entry *e, struct fg_err *err)
{
	cleanup_json_text char *labels = fg_json_print(e->is.labels);
	cleanup_json_text char *facts = fg_json_print(e->is.facts);
	const struct incident *is = &e->is;
	int64_t done;

	if (!is->id) {
		if (fg_tx_exec(l->tx, err,
			    "INSERT INTO incidents(kind, state, host, container, name, project,"
			    " image, about, labels, facts, opened, last, recovered, acked, acked_by,"
			    " told, count, bulletin, tell, tell_at, gap, settle, unsure) VALUES(?, 0,"
			    " ?, ?, '', '', '', ?, '', '', ?, 0, 0, 0, '', 0, 0, 0, 0, 0, 0, 0, 0)",
			    "ssssi", kinds[is->kind].word, is->host, is->container_id, is->about,
			    is->opened_ms) < 0)
			return -1;
		e->is.id = fg_tx_insert_id(l->tx);
	}
	done = fg_tx_exec(l->tx, err,
		"UPDATE incidents SET kind = ?, state = ?, host = ?, container = ?, subject = ?, name = ?,"
		" project = ?, image = ?,"
		" labels = ?, facts = ?, opened = ?, last = ?, recovered = ?, acked = ?,"
		" acked_by = ?, told = ?, count = ?, bulletin = ?, tell = ?, tell_at = ?, gap = ?,"
		" settle = ?, unsure = ?, held = ? WHERE id = ?",
		"sissssssssiiiisiiiiiiiiii", kinds[is->kind].word, (int64_t)is->state, is->host,
		is->container_id, e->subject, is->name, is->project, is->image, labels, facts,
		is->opened_ms, is->last_ms, is->recovered_ms, is->acked_ms, is->acked_by,
		is->told_ms, is->count, is->bulletin, (int64_t)e->tell, e->tell_at_ms, e->gap_ms,
		e->settle_ms, (int64_t)e->unsure, (int64_t)e->held, is->id);
	return done < 0 ? -1 : 0;
}

/* The message that tells of it is not what it should be any more. */
static int touch(struct ledger *l, const struct entry *e, struct fg_err *err)
{
	return fg_tx_exec(l->tx, err, "UPDATE bulletins SET revision = revision + 1 WHERE id = ?",
		       "i", e->is.bulletin) < 0
		       ? -1
		       : 0;
}

int ledger_write(struct ledger *l, struct fg_err *err)
{
	struct entry *e;

	fg_list_each (&l->entries, e, link) {
		if (!e->changed)
			continue;
		if (e->dropped) {
			if (e->is.id && fg_tx_exec(l->tx, err, "DELETE FROM incidents WHERE id = ?",
						"i", e->is.id) < 0)
				return -1;
		} else if (write_entry(l, e, err) < 0) {
			return -1;
		}
		if (e->is.bulletin && touch(l, e, err) < 0)
			return -1;
		e->changed = false;
	}
	return 0;
}
