/* The tables of what is unhealthy and of its restarts. */
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/mem.h"
#include "notify/notify.h"
#include "notify/sick.h"

#define KEEP_MS ((int64_t)30 * 24 * 3600 * 1000) /* restarts; no window is longer */

static const char *const steps[] = {
	"CREATE TABLE sick(host TEXT NOT NULL, container TEXT NOT NULL, since INTEGER NOT NULL,"
	" gave_up INTEGER NOT NULL, PRIMARY KEY(host, container)) WITHOUT ROWID;"
	"CREATE TABLE sick_restarts(id INTEGER PRIMARY KEY, host TEXT NOT NULL,"
	" container TEXT NOT NULL, subject TEXT NOT NULL, at INTEGER NOT NULL,"
	" told INTEGER NOT NULL);"
	"CREATE INDEX sick_restarts_container ON sick_restarts(container, at);",
};

int sick_setup(struct fg_store *store, struct fg_err *err)
{
	return fg_store_migrate(store, "autoheal", steps, FG_ARRAY_LEN(steps), err);
}

struct sick_list *sick_list_create(void)
{
	return fg_alloc(sizeof(struct sick_list));
}

static void sick_finish(struct sick *s)
{
	free(s->host);
	free(s->id);
	cJSON_Delete(s->subject);
}

void sick_list_destroy(struct sick_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->n; i++)
		sick_finish(&list->v[i]);
	free(list->v);
	free(list);
}

static struct sick *add(struct sick_list *list, const char *host, const char *id, int64_t since_ms)
{
	list->v = fg_realloc(list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n] = (struct sick){
		.host = fg_strdup(host), .id = fg_strdup(id), .since_ms = since_ms};
	return &list->v[list->n++];
}

/* A host's list */

static const struct fg_container *find(const struct fg_containers *list, const char *id)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].id, id) == 0)
			return &list->v[i];
	return NULL;
}

static bool counts(const struct fg_container *c)
{
	const char *label = fg_container_label(c, SICK_LABEL);

	return strcmp(c->state, "running") == 0 && (!label || strcmp(label, "false") != 0);
}

static cJSON *subject_of(const struct fg_container *c)
{
	cJSON *subject = cJSON_CreateObject();

	cJSON_AddStringToObject(subject, "name", c->name);
	cJSON_AddStringToObject(subject, "image", c->image);
	cJSON_AddItemToObject(subject, "labels",
		c->labels ? cJSON_Duplicate(c->labels, true) : cJSON_CreateObject());
	return subject;
}

/* Those that are known of a host; the ones that are not sick any more are in over. */
static int read_known(struct fg_store *store, const char *host, const struct fg_containers *list,
	struct sick_list *out, struct sick_list *over, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(
		store, err, "SELECT container, since, gave_up FROM sick WHERE host = ?", "s", host);

	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		const char *id = fg_rows_str(rows, 0);
		const struct fg_container *c = find(list, id);
		struct sick *s;

		if (!c || !counts(c) ||
			(strcmp(c->health, "unhealthy") != 0 && strcmp(c->health, "starting") != 0)) {
			add(over, host, id, 0);
			continue;
		}
		s = add(out, host, id, fg_rows_i64(rows, 1));
		s->gave_up = fg_rows_i64(rows, 2) != 0;
		s->subject = subject_of(c);
	}
	return fg_rows_failed(rows, err);
}

static bool is_known(const struct sick_list *list, const char *id)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].id, id) == 0)
			return true;
	return false;
}

static bool is_new(const struct sick_list *known, const struct fg_container *c)
{
	return counts(c) && strcmp(c->health, "unhealthy") == 0 && !is_known(known, c->id);
}

/* What was only starting when it was last looked at is not to be restarted. */
static void leave_out_starting(struct sick_list *list, const struct fg_containers *containers)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(find(containers, list->v[i].id)->health, "unhealthy") == 0)
			list->v[kept++] = list->v[i];
		else
			sick_finish(&list->v[i]);
	}
	list->n = kept;
}

static int write_changes(struct app *app, const char *host, const struct fg_containers *list,
	struct sick_list *known, const struct sick_list *over, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	int64_t now = fg_wall_ms();
	bool changed = over->n > 0;
	size_t i;

	for (i = 0; i < list->n && !changed; i++)
		changed = is_new(known, &list->v[i]);
	if (!changed)
		return 0;
	if (fg_tx_begin(app->store, &tx, err) < 0)
		return -1;
	for (i = 0; i < over->n; i++)
		if (fg_tx_exec(&tx, err, "DELETE FROM sick WHERE host = ? AND container = ?", "ss",
			    host, over->v[i].id) < 0 ||
			notify_recovered(app->notify, &tx, INCIDENT_HEAL, host, over->v[i].id, now,
				err) < 0)
			return -1;
	for (i = 0; i < list->n; i++) {
		if (!is_new(known, &list->v[i]))
			continue;
		add(known, host, list->v[i].id, now)->subject = subject_of(&list->v[i]);
		if (fg_tx_exec(&tx, err, "INSERT OR IGNORE INTO sick VALUES(?, ?, ?, 0)", "ssi", host,
			    list->v[i].id, now) < 0)
			return -1;
	}
	if (fg_tx_exec(&tx, err, "DELETE FROM sick_restarts WHERE at < ?", "i", now - KEEP_MS) < 0 ||
		fg_tx_commit(&tx, err) < 0)
		return -1;
	notify_kick(app->notify);
	return 0;
}

int sick_note(struct app *app, const char *host, const struct fg_containers *list,
	struct sick_list *out, struct fg_err *err)
{
	struct sick_list *over = sick_list_create();
	int rc = read_known(app->store, host, list, out, over, err);

	if (rc == 0)
		rc = write_changes(app, host, list, out, over, err);
	if (rc == 0)
		leave_out_starting(out, list);
	sick_list_destroy(over);
	return rc;
}

/* Restarts */

int64_t sick_restarts(struct fg_store *store, const struct sick *s, int64_t within_ms)
{
	return fg_store_i64(store, -1,
		"SELECT count(*) FROM sick_restarts WHERE container = ? AND host = ? AND at > ?", "ssi",
		s->id, s->host, fg_wall_ms() - within_ms);
}

int sick_begin(struct fg_store *store, const struct sick *s, struct fg_err *err)
{
	cleanup_json_text char *subject = fg_json_print(s->subject);
	cleanup_tx struct fg_tx tx = {0};
	int64_t now = fg_wall_ms();

	if (fg_tx_begin(store, &tx, err) < 0 ||
		fg_tx_exec(&tx, err,
			"INSERT INTO sick_restarts(host, container, subject, at, told)"
			" VALUES(?, ?, ?, ?, 0)",
			"sssi", s->host, s->id, subject, now) < 0 ||
		fg_tx_exec(&tx, err, "UPDATE sick SET since = ? WHERE host = ? AND container = ?",
			"iss", now, s->host, s->id) < 0)
		return -1;
	return fg_tx_commit(&tx, err);
}

int sick_restarted(struct fg_tx *tx, const struct sick *s, bool called_off, struct fg_err *err)
{
	const char *sql = called_off
				  ? "DELETE FROM sick_restarts WHERE host = ? AND container = ? AND told = 0"
				  : "UPDATE sick_restarts SET told = 1 WHERE host = ? AND container = ?";

	return fg_tx_exec(tx, err, sql, "ss", s->host, s->id) < 0 ? -1 : 0;
}

int sick_give_up(struct fg_tx *tx, const struct sick *s, struct fg_err *err)
{
	return fg_tx_exec(tx, err, "UPDATE sick SET gave_up = 1 WHERE host = ? AND container = ?",
		       "ss", s->host, s->id) < 0
		       ? -1
		       : 0;
}

void sick_unfinished(struct fg_store *store,
	void (*each)(const struct sick *s, int64_t at_ms, void *arg), void *arg)
{
	struct sick_list *list = sick_list_create();
	struct fg_rows *rows = fg_store_query(store, NULL,
		"SELECT host, container, subject, max(at) FROM sick_restarts WHERE told = 0"
		" GROUP BY host, container",
		"");

	while (rows && fg_rows_next(rows)) {
		const char *subject = fg_rows_str(rows, 2);

		add(list, fg_rows_str(rows, 0), fg_rows_str(rows, 1), fg_rows_i64(rows, 3))->subject =
			fg_json_parse(subject, strlen(subject), NULL);
	}
	fg_rows_close(rows);
	for (size_t i = 0; i < list->n; i++)
		each(&list->v[i], list->v[i].since_ms, arg);
	sick_list_destroy(list);
}
