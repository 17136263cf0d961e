/*
 * A closer look at a container that an incident is about: what inspect and its log say.
 *
 * It is taken after the commit, by a few tasks at a time, each for at most LOOK_MS, and kept with
 * the incident as {"at","policy","tries","most_tries","state","oom","error","health","log","failed"}.
 * What is doubtful (a container that ended well) becomes an incident by it, or is forgotten.
 */
#include <string.h>
#include "commands/tail.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "fleetgram/docker/logs.h"
#include "notify/course.h"
#include "notify/state.h"

#define LOOK_MS 2000
#define LOOKS 8        /* at a time */
#define LATE_MS 120000 /* what is longer ago was looked at */
#define LATE_ROWS 200
#define AGAIN_MS 10000  /* what goes on is looked at again, but not more often */
#define FAILED_MS 4000  /* and sooner where a look has seen too little */
#define LOG_BYTES 2400  /* with some 4096 UTF-16 units in a message */
#define LINE_MOST 300   /* bytes of one line */
#define HEALTH_MOST 700 /* bytes */
#define DOUBT_MS 60000  /* who cannot be looked at for so long is no incident */

struct look {
	struct fg_list link;
	struct notify *n;
	int64_t id;
	char *host, *container;
	bool gone;   /* there is no such container any more */
	bool failed; /* the engine was too slow, or broke off: another look may see more */
	bool silent; /* no log: Podman may show the last words only after it has told of the end */
	bool unsure;
};

bool detail_under_way(const struct notify *n, int64_t id)
{
	struct look *look;

	fg_list_each (&n->looks, look, link)
		if (look->id == id)
			return true;
	return false;
}

static void look_destroy(struct look *look)
{
	fg_list_remove(&look->link);
	free(look->host);
	free(look->container);
	free(look);
}

/* Looking */

static void add_cut(cJSON *detail, const char *key, const char *text, size_t most)
{
	cleanup_str struct fg_str clean = {0};
	size_t len = strlen(text);

	fg_str_init(&clean, 4 * most + 64);
	fg_text_clean(&clean, text, len > 2 * most ? fg_utf8_cut(text, len, 2 * most) : len);
	while (clean.len && strchr(" \n\t", clean.s[clean.len - 1]))
		fg_str_truncate(&clean, clean.len - 1);
	if (clean.len > most) {
		fg_str_truncate(&clean, fg_utf8_cut(clean.s, clean.len, most));
		fg_str_puts(&clean, "…");
	}
	if (clean.len)
		cJSON_AddStringToObject(detail, key, clean.s);
}

static void add_inspect(cJSON *detail, const struct fg_container_info *info)
{
	cJSON_AddStringToObject(detail, "policy", info->restart_policy);
	fg_json_set_i64(detail, "tries", info->restart_count);
	fg_json_set_i64(detail, "most_tries",
		fg_json_i64(fg_json_path(info->raw, "HostConfig.RestartPolicy"),
			"MaximumRetryCount", 0));
	cJSON_AddStringToObject(detail, "state", info->state);
	if (info->oom_killed)
		cJSON_AddTrueToObject(detail, "oom");
	add_cut(detail, "error", info->error, LINE_MOST);
	add_cut(detail, "health", info->health_output, HEALTH_MOST);
}

static bool may_pass(const struct fg_err *err)
{
	return err->code == FG_ETIMEOUT || err->code == FG_ELOST;
}

/* False: there may be more of it. */
static bool add_log(cJSON *detail, struct fg_engine *engine, const struct fg_container_info *info,
	int lines, int64_t deadline)
{
	struct fg_log_options options = {.tail = lines};
	cleanup_logs struct fg_logs *logs = NULL;
	cleanup_tail struct tail tail = {0};
	cleanup_str struct fg_str clean = {0};
	struct fg_log_line line;
	struct fg_err err;
	int rc;

	if (lines <= 0)
		return true;
	logs = fg_logs_open(engine, info->id, info->tty, &options, &err);
	if (!logs)
		return !may_pass(&err);
	tail_init(&tail, (size_t)lines, LOG_BYTES);
	fg_str_init(&clean, LINE_MOST + 8);
	while ((rc = fg_logs_next(logs, &line, deadline, &err)) > 0) {
		size_t most = fg_utf8_cut(line.text, line.len, LINE_MOST);

		fg_str_reset(&clean);
		fg_text_clean(&clean, line.text, most);
		if (most < line.len || line.cut)
			fg_str_puts(&clean, "…");
		tail_add(&tail, clean.s, clean.len);
	}
	tail_end(&tail);
	if (tail.text.len > 1)
		cJSON_AddItemToObject(detail, "log",
			cJSON_CreateString(
				(fg_str_truncate(&tail.text, tail.text.len - 1), tail.text.s)));
	return rc == 0 || !may_pass(&err);
}

/* NULL: nothing was to be learnt. */
static cJSON *take_look(struct look *look)
{
	cleanup_setup struct setup *setup = setup_ref(look->n->app->setup);
	cleanup_info struct fg_container_info info = {0};
	struct fg_host *host = fg_fleet_find(setup->fleet, look->host);
	int64_t deadline = fg_now_ms() + LOOK_MS, before;
	cJSON *detail = NULL;
	struct fg_err err = {.code = FG_ENOTFOUND};

	if (!host) {
		look->gone = true;
		return NULL;
	}
	before = fg_task_deadline(deadline);
	if (fg_container_inspect(host->engine, look->container, &info, &err) == 0) {
		detail = cJSON_CreateObject();
		add_inspect(detail, &info);
		look->failed = !add_log(
			detail, host->engine, &info, setup->config->notify.log_lines, deadline);
		look->silent = setup->config->notify.log_lines > 0 && !fg_json_get(detail, "log");
	} else {
		look->gone = err.code == FG_ENOTFOUND;
		look->failed = may_pass(&err);
		fg_debug("no closer look at %s on %s: %s", look->container, look->host, err.text);
	}
	fg_task_deadline(before);
	return detail;
}

/* Noting */

static bool runs_on(const cJSON *detail)
{
	const char *policy = fg_json_str(detail, "policy", "");

	return strcmp(policy, "always") == 0 || strcmp(policy, "unless-stopped") == 0;
}

static void resolve(struct ledger *l, const struct look *look, const cJSON *detail, struct entry *e)
{
	bool given_up = look->gone || l->now_ms - e->is.last_ms > DOUBT_MS;

	if (detail && runs_on(detail))
		e->unsure = false;
	else if (detail || given_up)
		e->dropped = true;
	e->changed = true;
}

static int note(struct look *look, cJSON *detail, struct fg_err *err)
{
	cleanup_tx struct fg_tx tx = {0};
	cleanup_setup struct setup *setup = NULL;
	cleanup_ledger struct ledger l = {0};
	struct entry *e;

	if (fg_tx_begin(look->n->app->store, &tx, err) < 0) {
		cJSON_Delete(detail);
		return -1;
	}
	setup = setup_ref(look->n->app->setup);
	ledger_begin(&l, &tx, setup->config);
	e = ledger_get(&l, look->id, err);
	if (!e) {
		cJSON_Delete(detail);
		return err->code ? -1 : 0;
	}
	if (strcmp(e->is.container_id, look->container) != 0) { /* of another one by now */
		cJSON_Delete(detail);
		return 0;
	}
	if (e->unsure)
		resolve(&l, look, detail, e);
	if (!detail)
		detail = cJSON_CreateObject();
	fg_json_set_i64(detail, "at", l.now_ms);
	fg_json_set_i64(detail, "count", e->is.count);
	if (look->failed || (look->silent && !fg_json_get(e->is.facts, FACT_DETAIL)))
		cJSON_AddTrueToObject(detail, "failed");
	if (fg_json_bool(detail, "oom", false) && e->is.kind == INCIDENT_DIED &&
		fg_json_i64(e->is.facts, "exit_code", 0) != 0)
		entry_set_fact(e, "oom", cJSON_CreateTrue());
	entry_set_fact(e, FACT_DETAIL, detail);
	return ledger_write(&l, err) < 0 ? -1 : fg_tx_commit(&tx, err);
}

static void look_task(void *arg)
{
	struct look *look = arg;
	struct notify *n = look->n;
	struct fg_err err;
	cJSON *detail = take_look(look);

	if (note(look, detail, &err) < 0) {
		fg_debug("a closer look at %s is lost: %s", look->container, err.text);
		n->look_again_ms = fg_now_ms() + 5000;
	} else if (!detail && look->unsure && !look->gone) {
		n->look_again_ms = fg_now_ms() + 5000;
	}
	look_destroy(look);
	notify_kick(n);
}

static void start(struct notify *n, const struct incident *i, bool unsure)
{
	struct look *look = fg_alloc(sizeof(*look));

	look->n = n;
	look->id = i->id;
	look->host = fg_strdup(i->host);
	look->container = fg_strdup(i->container_id);
	look->unsure = unsure;
	fg_list_append(&n->looks, &look->link);
	if (fg_group_go(&n->looking, "a closer look", look_task, look, NULL) < 0)
		look_destroy(look);
}

static bool may_start(const struct notify *n, int64_t id)
{
	return n->looking.running < LOOKS && !detail_under_way(n, id) &&
	       fg_now_ms() >= n->look_again_ms;
}

void detail_want(struct notify *n, const struct incident *i)
{
	const cJSON *last = fg_json_get(i->facts, FACT_DETAIL);
	int64_t at = fg_json_i64(last, "at", 0);
	bool failed = fg_json_bool(last, "failed", false) && fg_wall_age(i->last_ms) < DOUBT_MS;

	if (!kinds[i->kind].detailed || !*i->container_id || i->state == INCIDENT_CLOSED ||
		!may_start(n, i->id))
		return;
	if (!at) {
		start(n, i, false);
	} else if (i->state == INCIDENT_OPEN &&
		   (failed || fg_json_i64(last, "count", 0) < i->count)) {
		int64_t left = (failed ? FAILED_MS : AGAIN_MS) - fg_wall_age(at);

		if (left <= 0)
			start(n, i, false);
		else if (!n->late_ms || fg_now_ms() + left < n->late_ms)
			n->late_ms = fg_now_ms() + left;
	}
}

/* What happened last may be the end of it: that is looked at, too, when it is time. */
static int look_late(struct notify *n, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = NULL;
	struct incident_row row;

	n->late_ms = 0;
	rows = fg_store_query(n->app->store, err,
		"SELECT " ENTRY_COLUMNS
		" FROM incidents WHERE state = ? AND bulletin > 0 AND last > ?"
		" ORDER BY last DESC LIMIT ?",
		"iii", (int64_t)INCIDENT_OPEN, fg_wall_ms() - LATE_MS, (int64_t)LATE_ROWS);
	if (!rows)
		return -1;
	while (fg_rows_next(rows)) {
		incident_row_read(rows, &row);
		detail_want(n, &row.is);
		incident_row_finish(&row);
	}
	return fg_rows_failed(rows, err);
}

int detail_turn(struct notify *n, int64_t *next, struct fg_err *err)
{
	cleanup_rows struct fg_rows *rows = fg_store_query(n->app->store, err,
		"SELECT " ENTRY_COLUMNS " FROM incidents WHERE unsure = 1 ORDER BY id LIMIT ?", "i",
		(int64_t)(2 * LOOKS));
	struct incident_row row;

	if (!rows || (n->late_ms && fg_now_ms() >= n->late_ms && look_late(n, err) < 0))
		return -1;
	if (n->late_ms && n->late_ms < *next)
		*next = n->late_ms;
	while (fg_rows_next(rows)) {
		incident_row_read(rows, &row);
		if (may_start(n, row.is.id))
			start(n, &row.is, true);
		else if (n->look_again_ms > fg_now_ms() && n->look_again_ms < *next)
			*next = n->look_again_ms;
		incident_row_finish(&row);
	}
	return fg_rows_failed(rows, err);
}
