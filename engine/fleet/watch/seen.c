/*
 * The table of what was seen, sorted by id, and its rows.
 */
#include <stdio.h>
#include <string.h>
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/fleet/watch.h"
#include "watch/seen.h"

static const char *const steps[] = {
	"CREATE TABLE watch_hosts ("
	"	host TEXT PRIMARY KEY,"
	"	url TEXT NOT NULL,"
	"	at_ns INTEGER NOT NULL,"
	"	at_n INTEGER NOT NULL,"
	"	gap INTEGER NOT NULL,"
	"	skew_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE watch_seen ("
	"	host TEXT NOT NULL,"
	"	id TEXT NOT NULL,"
	"	name TEXT NOT NULL,"
	"	image TEXT NOT NULL,"
	"	labels TEXT,"
	"	life INTEGER NOT NULL,"
	"	health TEXT NOT NULL,"
	"	oom INTEGER NOT NULL,"
	"	started_ms INTEGER NOT NULL,"
	"	ended_ms INTEGER NOT NULL,"
	"	signal INTEGER NOT NULL,"
	"	signal_ms INTEGER NOT NULL,"
	"	PRIMARY KEY (host, id)) WITHOUT ROWID;",
};

int seen_migrate(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "watch", steps, FG_ARRAY_LEN(steps), err);
}

/* In memory */

static void entry_free(struct seen *s)
{
	free(s->name);
	free(s->image);
	free(s->labels);
	free(s);
}

void seen_finish(struct seen_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		entry_free(table->v[i]);
	free(table->v);
	*table = (struct seen_table){0};
}

/* Where the id is, or belongs. */
static size_t place_of(const struct seen_table *table, const char *id)
{
	size_t low = 0, high = table->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(table->v[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct seen *seen_find(const struct seen_table *table, const char *id)
{
	size_t at = place_of(table, id);

	if (at == table->n || strcmp(table->v[at]->id, id) != 0 || table->v[at]->gone)
		return NULL;
	return table->v[at];
}

static struct seen *insert(struct seen_table *table, const char *id)
{
	size_t at = place_of(table, id);
	struct seen *s;

	if (at < table->n && strcmp(table->v[at]->id, id) == 0) { /* it was gone, and is not */
		s = table->v[at];
		free(s->name);
		free(s->image);
		free(s->labels);
		*s = (struct seen){0};
	} else {
		if (table->n == table->room) {
			table->room = table->room ? table->room * 2 : 64;
			table->v = fg_realloc(table->v, table->room, sizeof(struct seen *));
		}
		memmove(table->v + at + 1, table->v + at, (table->n - at) * sizeof(struct seen *));
		s = fg_alloc(sizeof(*s));
		table->v[at] = s;
		table->n++;
	}
	snprintf(s->id, sizeof(s->id), "%s", id);
	return s;
}

struct seen *seen_add(struct seen_table *table, const char *id, const char *name, const char *image,
	const cJSON *labels)
{
	struct seen *s = insert(table, id);

	s->name = fg_strdup(name);
	s->image = fg_strdup(image);
	s->labels = labels ? fg_json_print(labels) : NULL;
	s->dirty = true;
	return s;
}

void seen_rename(struct seen *s, const char *name)
{
	char *copy = fg_strdup(name);

	free(s->name);
	s->name = copy;
	s->dirty = true;
}

enum life seen_life(const char *state)
{
	if (strcmp(state, "running") == 0)
		return LIFE_RUNNING;
	if (strcmp(state, "paused") == 0)
		return LIFE_PAUSED;
	return strcmp(state, "created") == 0 ? LIFE_CREATED : LIFE_ENDED;
}

bool seen_up(const struct seen *s)
{
	return s->life == LIFE_RUNNING || s->life == LIFE_PAUSED;
}

cJSON *seen_labels(struct fg_store *store, const char *host, const struct seen *s)
{
	cleanup_rows struct fg_rows *rows = NULL;
	const char *text = s->labels;

	if (!text) {
		rows = fg_store_query(store, NULL,
			"SELECT labels FROM watch_seen WHERE host = ? AND id = ?", "ss", host,
			s->id);
		text = rows && fg_rows_next(rows) ? fg_rows_str(rows, 0) : NULL;
	}
	return text ? fg_json_parse(text, strlen(text), NULL) : NULL;
}

bool seen_dirty(const struct seen_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->v[i]->dirty || table->v[i]->gone)
			return true;
	return false;
}

void seen_written(struct seen_table *table)
{
	size_t kept = 0;

	for (size_t i = 0; i < table->n; i++) {
		struct seen *s = table->v[i];

		if (s->gone) {
			entry_free(s);
			continue;
		}
		s->dirty = false;
		free(fg_steal(&s->labels));
		table->v[kept++] = s;
	}
	table->n = kept;
}

/* In the store */

static const char *text_of(struct fg_rows *rows, int column)
{
	const char *text = fg_rows_str(rows, column);

	return text ? text : "";
}

static void read_entry(struct seen_table *table, struct fg_rows *rows)
{
	struct seen *s =
		seen_add(table, text_of(rows, 0), text_of(rows, 1), text_of(rows, 2), NULL);
	int64_t life = fg_rows_i64(rows, 3);

	s->life = life >= LIFE_CREATED && life <= LIFE_ENDED ? (enum life)life : LIFE_ENDED;
	snprintf(s->health, sizeof(s->health), "%s", text_of(rows, 4));
	s->oom = fg_rows_i64(rows, 5) != 0;
	s->started_ms = fg_rows_i64(rows, 6);
	s->ended_ms = fg_rows_i64(rows, 7);
	s->signal = (int)fg_rows_i64(rows, 8);
	s->signal_ms = fg_rows_i64(rows, 9);
	s->dirty = false;
}

static int load_cursor(
	struct fg_store *store, const char *host, struct cursor *cursor, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"SELECT url, at_ns, at_n, gap, skew_ms FROM watch_hosts WHERE host = ?", "s", host);

	if (!rows)
		return -1;
	if (!fg_rows_next(rows))
		return fg_rows_failed(rows, err);
	*cursor = (struct cursor){
		.known = true,
		.url = fg_strdup(text_of(rows, 0)),
		.at_ns = fg_rows_i64(rows, 1),
		.at_n = fg_rows_i64(rows, 2),
		.gap = fg_rows_i64(rows, 3) != 0,
		.skew_ms = fg_rows_i64(rows, 4),
	};
	return 0;
}

int seen_load(struct fg_store *store, const char *host, struct seen_table *table,
	struct cursor *cursor, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = NULL;

	if (load_cursor(store, host, cursor, err) < 0)
		return -1;
	rows = fg_store_query(store, err,
		"SELECT id, name, image, life, health, oom, started_ms, ended_ms, signal, signal_ms "
		"FROM watch_seen WHERE host = ? ORDER BY id",
		"s", host);
	if (!rows)
		return -1;
	while (fg_rows_next(rows))
		read_entry(table, rows);
	return fg_rows_failed(rows, err);
}

static const char *state_of(enum life life)
{
	static const char *const words[] = {
		[LIFE_CREATED] = "created",
		[LIFE_ENDED] = "exited",
		[LIFE_PAUSED] = "paused",
		[LIFE_RUNNING] = "running",
	};

	return words[life >= LIFE_CREATED && life <= LIFE_ENDED ? life : LIFE_ENDED];
}

int fg_watch_seen_each(struct fg_store *store, const char *host,
	void (*each)(const struct fg_watch_seen *seen, void *arg), void *arg, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(store, err,
		"SELECT h.skew_ms, s.id, s.name, s.image, s.life, s.health, s.ended_ms, s.labels"
		" FROM watch_hosts h LEFT JOIN watch_seen s USING (host)"
		" WHERE h.host = ? AND h.gap = 0 ORDER BY s.name",
		"s", host);
	int found = 0;

	if (!rows)
		return -1;
	for (; fg_rows_next(rows); found = 1) {
		enum life life = (enum life)fg_rows_i64(rows, 4);
		const char *id = text_of(rows, 1), *text = text_of(rows, 7);
		cleanup_json cJSON *labels = *text ? fg_json_parse(text, strlen(text), NULL) : NULL;

		if (*id)
			each(&(struct fg_watch_seen){.id = id, .name = text_of(rows, 2),
				     .image = text_of(rows, 3), .state = state_of(life),
				     .health = text_of(rows, 5), .labels = labels,
				     .up = life == LIFE_RUNNING || life == LIFE_PAUSED,
				     .ended_ms = fg_rows_i64(rows, 6) == 0 ? 0
						 : fg_rows_i64(rows, 6) + fg_rows_i64(rows, 0)},
				arg);
	}
	return fg_rows_failed(rows, err) < 0 ? -1 : found;
}

/* Its table; hosts is JSON. */
static int keep_in(struct fg_tx *tx, const char *table, const char *hosts, struct fg_err *err)
{
	cleanup_free char *sql = fg_printf(
		"DELETE FROM %s WHERE host NOT IN (SELECT value FROM json_each(?))", table);

	return fg_tx_exec(tx, err, sql, "s", hosts) < 0 ? -1 : 0;
}

int seen_keep(struct fg_store *store, const char *const *hosts, size_t n, struct fg_err *err)
{
	cleanup_json cJSON *names = cJSON_CreateArray();
	cleanup_json_text char *text = NULL;
	cleanup_tx struct fg_tx tx = {0};

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(names, cJSON_CreateString(hosts[i]));
	text = fg_json_print(names);
	if (fg_tx_begin(store, &tx, err) < 0 || keep_in(&tx, "watch_seen", text, err) < 0 ||
		keep_in(&tx, "watch_hosts", text, err) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

static int write_entry(struct fg_tx *tx, const char *host, const struct seen *s, struct fg_err *err)
{
	if (s->gone)
		return fg_tx_exec(tx, err, "DELETE FROM watch_seen WHERE host = ? AND id = ?", "ss",
			       host, s->id) < 0
			       ? -1
			       : 0;
	return fg_tx_exec(tx, err,
		       "INSERT INTO watch_seen (host, id, name, image, labels, life, health, oom,"
		       "	started_ms, ended_ms, signal, signal_ms)"
		       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		       " ON CONFLICT (host, id) DO UPDATE SET name = excluded.name,"
		       " image = excluded.image, labels = ifnull(excluded.labels, labels),"
		       " life = excluded.life, health = excluded.health, oom = excluded.oom,"
		       " started_ms = excluded.started_ms, ended_ms = excluded.ended_ms,"
		       " signal = excluded.signal, signal_ms = excluded.signal_ms",
		       "sssssisiiiii", host, s->id, s->name, s->image, s->labels, (int64_t)s->life,
		       s->health, (int64_t)s->oom, s->started_ms, s->ended_ms, (int64_t)s->signal,
		       s->signal_ms) < 0
		       ? -1
		       : 0;
}

int seen_write(struct fg_tx *tx, const char *host, const struct seen_table *table,
	const struct cursor *cursor, struct fg_err *err)
{
	for (size_t i = 0; i < table->n; i++)
		if ((table->v[i]->dirty || table->v[i]->gone) &&
			write_entry(tx, host, table->v[i], err) < 0)
			return -1;
	return fg_tx_exec(tx, err,
		       "INSERT OR REPLACE INTO watch_hosts (host, url, at_ns, at_n, gap, skew_ms)"
		       " VALUES (?, ?, ?, ?, ?, ?)",
		       "ssiiii", host, cursor->url ? cursor->url : "", cursor->at_ns, cursor->at_n,
		       (int64_t)cursor->gap, cursor->skew_ms) < 0
		       ? -1
		       : 0;
}
