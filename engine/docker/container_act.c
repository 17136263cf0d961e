/*
 * Containers as they are changed: create, start, stop and what else happens to one.
 */
#include <stdio.h>
#include <string.h>
#include "change.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

/*
 * A stop without a grace of ours takes the container's own, which only an inspect would tell. It is
 * 10 s unless somebody chose another; a minute covers what people choose. Should it be more, the
 * engine goes on when we have hung up.
 */
#define OWN_GRACE_MS 60000

static int post(struct fg_engine *engine, const char *path, const cJSON *body, int64_t timeout_ms,
	struct fg_err *err)
{
	return fg_call_action(engine,
		&(struct fg_call){
			.method = "POST",
			.path = path,
			.body = body,
			.timeout_ms = timeout_ms,
		},
		err);
}

/* POST /containers/ID/VERB?QUERY */
static int act(struct fg_engine *engine, const char *id, const char *verb, const char *query,
	int64_t timeout_ms, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	struct change change;
	struct fg_err local;
	int rc;

	err = err ? err : &local;
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/containers/", id, "/", err) < 0)
		return -1;
	fg_str_puts(&path, verb);
	fg_str_puts(&path, query);
	change = change_begin(engine, verb, id);
	rc = post(engine, path.s, NULL, timeout_ms, err);
	change_end(&change, rc < 0 ? err : NULL);
	return rc;
}

static int act_with_grace(
	struct fg_engine *engine, const char *id, const char *verb, int grace_s, struct fg_err *err)
{
	int64_t wait_ms = grace_s < 0 ? OWN_GRACE_MS : grace_s * INT64_C(1000);
	char query[32] = "";

	if (grace_s >= 0)
		snprintf(query, sizeof(query), "?t=%d", grace_s);
	return act(engine, id, verb, query, engine->timeout_ms + wait_ms, err);
}

/* VERB?KEY=VALUE */
static int act_with(struct fg_engine *engine, const char *id, const char *verb, const char *key,
	const char *value, struct fg_err *err)
{
	cleanup_str struct fg_str query = {0};

	fg_str_init(&query, FG_CAP_PATH / 2);
	fg_str_printf(&query, "?%s=", key);
	fg_url_escape(&query, value);
	if (query.full)
		return fg_fail(err, FG_EINVAL, "\"%.32s…\" is too long", value);
	return act(engine, id, verb, query.s, 0, err);
}

static void read_warnings(const cJSON *doc, struct fg_str *warnings)
{
	const cJSON *item;

	if (!warnings)
		return;
	cJSON_ArrayForEach (item, fg_json_array(doc, "Warnings")) {
		cleanup_free char *line = fg_decode_line(cJSON_GetStringValue(item));

		if (*line)
			fg_str_printf(warnings, "%s\n", line);
	}
}

int fg_container_create(struct fg_engine *engine, const char *name, const cJSON *body,
	char id[FG_ID_SIZE], struct fg_str *warnings, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *doc = NULL;
	struct change change = {.engine = engine};
	struct fg_err local;

	err = err ? err : &local;
	*id = '\0';
	fg_str_init(&path, FG_CAP_PATH);
	fg_str_puts(&path, "/containers/create");
	if (name) {
		fg_str_puts(&path, "?name=");
		fg_url_escape(&path, name);
	}
	if (path.full)
		return fg_fail(err, FG_EINVAL, "the name \"%.32s…\" is too long", name ? name : "");
	change = change_begin(engine, "create", name ? name : "");
	doc = fg_call_json(engine,
		&(struct fg_call){.method = "POST", .path = path.s, .body = body}, cJSON_Object,
		err);
	change_end(&change, doc ? NULL : err);
	if (!doc)
		return -1;
	fg_decode_copy(id, FG_ID_SIZE, fg_json_str(doc, "Id", ""));
	if (!*id)
		return fg_fail(err, FG_EPROTO, "the engine names no id for what it created");
	read_warnings(doc, warnings);
	return 1;
}

int fg_container_start(struct fg_engine *engine, const char *id, struct fg_err *err)
{
	return act(engine, id, "start", "", 0, err);
}

int fg_container_stop(struct fg_engine *engine, const char *id, int grace_s, struct fg_err *err)
{
	return act_with_grace(engine, id, "stop", grace_s, err);
}

int fg_container_restart(struct fg_engine *engine, const char *id, int grace_s, struct fg_err *err)
{
	return act_with_grace(engine, id, "restart", grace_s, err);
}

int fg_container_pause(struct fg_engine *engine, const char *id, struct fg_err *err)
{
	return act(engine, id, "pause", "", 0, err);
}

int fg_container_unpause(struct fg_engine *engine, const char *id, struct fg_err *err)
{
	return act(engine, id, "unpause", "", 0, err);
}

int fg_container_kill(
	struct fg_engine *engine, const char *id, const char *signal, struct fg_err *err)
{
	if (!signal)
		return act(engine, id, "kill", "", 0, err);
	return act_with(engine, id, "kill", "signal", signal, err);
}

int fg_container_rename(
	struct fg_engine *engine, const char *id, const char *name, struct fg_err *err)
{
	return act_with(engine, id, "rename", "name", name, err);
}

int fg_container_remove(
	struct fg_engine *engine, const char *id, bool force, bool volumes, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	struct change change;
	struct fg_err local;
	int rc;

	err = err ? err : &local;
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/containers/", id, "", err) < 0)
		return -1;
	fg_str_printf(
		&path, "?force=%s&v=%s", force ? "true" : "false", volumes ? "true" : "false");
	change = change_begin(engine, "remove", id);
	/* by force it is killed first, and Podman gives it its grace before that */
	rc = fg_call_action(engine,
		&(struct fg_call){
			.method = "DELETE",
			.path = path.s,
			.timeout_ms = engine->timeout_ms + (force ? OWN_GRACE_MS : 0),
		},
		err);
	change_end(&change, rc < 0 ? err : NULL);
	return rc;
}

int fg_container_wait(struct fg_engine *engine, const char *id, int64_t deadline, int *exit_code,
	struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *doc = NULL;
	cleanup_free char *why = NULL;
	int64_t now = fg_now_ms();

	*exit_code = -1;
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/containers/", id, "/wait?condition=not-running", err) < 0)
		return -1;
	doc = fg_call_json(engine,
		&(struct fg_call){
			.method = "POST",
			.path = path.s,
			.timeout_ms = deadline > now ? deadline - now : 1,
		},
		cJSON_Object, err);
	if (!doc)
		return -1;
	why = fg_decode_line(fg_json_str(fg_json_object(doc, "Error"), "Message", ""));
	if (*why)
		return fg_fail(err, FG_EREMOTE, "%s", why);
	*exit_code = fg_decode_int(doc, "StatusCode", -1);
	return 0;
}

int fg_container_update(
	struct fg_engine *engine, const char *id, const cJSON *body, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/containers/", id, "/update", err) < 0)
		return -1;
	return post(engine, path.s, body, 0, err);
}

/* A copy of a list of strings, each made safe to show. */
static cJSON *clean_words(const cJSON *words)
{
	cJSON *out = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach (item, words) {
		cleanup_free char *line = fg_decode_line(cJSON_GetStringValue(item));

		cJSON_AddItemToArray(out, cJSON_CreateString(line));
	}
	return out;
}

cJSON *fg_container_top(struct fg_engine *engine, const char *id, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_response struct fg_http_response rs = {0};
	cleanup_json cJSON *doc = NULL;
	cJSON *out, *rows;
	const cJSON *row;
	int podman;

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/containers/", id, "/top", err) < 0)
		return NULL;
	podman = fg_engine_podman(engine, err);
	if (podman < 0)
		return NULL;
	if (podman) /* without words of its own it runs the container's ps, which may not have one
		     */
		fg_str_puts(&path, "?stream=false&ps_args=user,pid,ppid,pcpu,etime,tty,time,args");
	if (fg_call_perform(engine, &(struct fg_call){.path = path.s}, &rs, err) < 0)
		return NULL;
	if (rs.body.len == 0) { /* Podman answers before it looks */
		fg_fail(err, FG_ECONFLICT, "the container is not running");
		return NULL;
	}
	doc = fg_call_parse(&rs.body, err);
	if (!doc) {
		fg_wrap(err, "the engine's answer");
		return NULL;
	}
	out = cJSON_CreateObject();
	cJSON_AddItemToObject(out, "Titles", clean_words(fg_json_array(doc, "Titles")));
	rows = cJSON_AddArrayToObject(out, "Processes");
	cJSON_ArrayForEach (row, fg_json_array(doc, "Processes"))
		cJSON_AddItemToArray(rows, clean_words(row));
	return out;
}
