/*
 * Commands that run in containers, as the engine shows them.
 */
#include <string.h>
#include "call.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/exec.h"
#include "log_stream.h"

#define LOOK_MS 50        /* before the second look whether a command has ended, … */
#define LOOK_MOST_MS 2000 /* … and between later ones */

struct fg_exec {
	struct fg_engine *engine;
	char *id;
	struct log_stream output;
};

/* Each with a space in front unless it is the first. */
static void add_words(struct fg_str *out, const cJSON *words)
{
	const cJSON *word;

	cJSON_ArrayForEach (word, words) {
		const char *text = cJSON_GetStringValue(word);

		fg_str_printf(out, "%s%s", out->len ? " " : "", text ? text : "");
	}
}

int fg_exec_inspect(struct fg_engine *engine, const char *id, bool *running, struct fg_str *command,
	struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *doc = NULL;
	const cJSON *process;

	*running = false;
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/exec/", id, "/json", err) < 0)
		return -1;
	doc = fg_call_json(engine, &(struct fg_call){.path = path.s}, cJSON_Object, err);
	if (!doc)
		return -1;
	*running = fg_json_bool(doc, "Running", false);
	process = fg_json_object(doc, "ProcessConfig");
	fg_str_puts(command, fg_json_str(process, "entrypoint", ""));
	add_words(command, fg_json_array(process, "arguments"));
	return 0;
}

void fg_exec_healthcheck(const cJSON *raw, struct fg_str *command)
{
	const cJSON *config = fg_json_object(raw, "Config");
	const cJSON *test = fg_json_array(fg_json_object(config, "Healthcheck"), "Test");
	const char *kind = cJSON_GetStringValue(cJSON_GetArrayItem(test, 0));

	if (kind && strcmp(kind, "CMD-SHELL") == 0) {
		if (cJSON_GetArraySize(fg_json_array(config, "Shell")) > 0)
			add_words(command, fg_json_array(config, "Shell"));
		else
			fg_str_puts(command, "/bin/sh -c");
	} else if (!kind || strcmp(kind, "CMD") != 0) {
		return;
	}
	for (const cJSON *word = test->child->next; word; word = word->next)
		if (cJSON_IsString(word))
			fg_str_printf(command, "%s%s", command->len ? " " : "", word->valuestring);
}

/* The id of what was made, NULL on an error. Caller frees. */
static char *create(struct fg_engine *engine, const char *container, const char *const *argv,
	struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *body = cJSON_CreateObject(), *doc = NULL;
	cJSON *words = cJSON_AddArrayToObject(body, "Cmd");
	const char *id;

	cJSON_AddBoolToObject(body, "AttachStdout", true);
	cJSON_AddBoolToObject(body, "AttachStderr", true);
	for (; *argv; argv++)
		cJSON_AddItemToArray(words, cJSON_CreateString(*argv));
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/containers/", container, "/exec", err) < 0)
		return NULL;
	doc = fg_call_json(engine,
		&(struct fg_call){.method = "POST", .path = path.s, .body = body}, cJSON_Object,
		err);
	if (!doc)
		return NULL;
	id = fg_json_str(doc, "Id", "");
	if (*id)
		return fg_strdup(id);
	fg_fail(err, FG_EPROTO, "the engine made a command without an id");
	return NULL;
}

static struct fg_http_stream *start(struct fg_engine *engine, const char *id, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *body = cJSON_CreateObject();

	cJSON_AddBoolToObject(body, "Detach", false);
	cJSON_AddBoolToObject(body, "Tty", false);
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/exec/", id, "/start", err) < 0)
		return NULL;
	return fg_call_open(
		engine, &(struct fg_call){.method = "POST", .path = path.s, .body = body}, err);
}

struct fg_exec *fg_exec_start(struct fg_engine *engine, const char *container,
	const char *const *argv, struct fg_err *err)
{
	cleanup_exec struct fg_exec *exec = fg_alloc(sizeof(*exec));

	exec->engine = engine;
	log_stream_init(&exec->output, false);
	fg_log_parser_bare(exec->output.parser);
	exec->id = create(engine, container, argv, err);
	if (!exec->id)
		return NULL;
	exec->output.http = start(engine, exec->id, err);
	return exec->output.http ? fg_steal(&exec) : NULL;
}

int fg_exec_next(
	struct fg_exec *exec, struct fg_log_line *line, int64_t deadline, struct fg_err *err)
{
	return log_stream_next(&exec->output, line, deadline, err);
}

bool fg_exec_rest(struct fg_exec *exec, struct fg_log_line *line)
{
	if (!exec->output.ended)
		fg_log_parser_end(exec->output.parser);
	exec->output.ended = true;
	return fg_log_parser_next(exec->output.parser, line);
}

/* 1 with *code, 0: it runs, -1. */
static int look(struct fg_exec *exec, int *code, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *doc = NULL;

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/exec/", exec->id, "/json", err) < 0)
		return -1;
	doc = fg_call_json(exec->engine, &(struct fg_call){.path = path.s}, cJSON_Object, err);
	if (!doc)
		return -1;
	/* Between the two Docker says for a moment that it does not run and has no exit code. */
	if (fg_json_bool(doc, "Running", false) || !cJSON_IsNumber(fg_json_get(doc, "ExitCode")))
		return 0;
	*code = (int)fg_json_i64(doc, "ExitCode", 0);
	return 1;
}

int fg_exec_wait(struct fg_exec *exec, int64_t deadline, int *code, struct fg_err *err)
{
	int64_t pause = LOOK_MS;

	for (;;) {
		int rc = look(exec, code, err);
		int64_t left = deadline - fg_now_ms();

		if (rc != 0)
			return rc;
		if (left <= 0)
			return 0;
		if (fg_task_sleep(pause < left ? pause : left, err) < 0)
			return -1;
		pause = pause * 2 < LOOK_MOST_MS ? pause * 2 : LOOK_MOST_MS;
	}
}

void fg_exec_close(struct fg_exec *exec)
{
	if (!exec)
		return;
	log_stream_finish(&exec->output);
	free(exec->id);
	free(exec);
}
