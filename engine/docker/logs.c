/*
 * Logs: an engine's log stream, read line by line.
 */
#include <inttypes.h>
#include <string.h>
#include "call.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/docker/logs.h"
#include "fleetgram/docker/swarm.h"
#include "log_stream.h"

struct fg_logs {
	struct fg_engine *engine;
	char *path; /* with its query */
	struct log_stream lines;
};

static void add_time(struct fg_str *path, const char *key, int64_t ms)
{
	if (ms > 0)
		fg_str_printf(path, "&%s=%" PRId64 ".%03d000000", key, ms / 1000, (int)(ms % 1000));
}

static int connect_log(struct fg_logs *logs, int64_t timeout_ms, struct fg_err *err)
{
	logs->lines.http = fg_call_open(
		logs->engine, &(struct fg_call){.path = logs->path, .timeout_ms = timeout_ms}, err);
	return logs->lines.http ? 0 : -1;
}

/* before and after: the path around the id. */
static struct fg_logs *open_at(struct fg_engine *engine, const char *before, const char *id,
	const char *after, bool tty, const struct fg_log_options *options, struct fg_err *err)
{
	cleanup_logs struct fg_logs *logs = NULL;
	cleanup_str struct fg_str path = {0};
	int podman;

	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, before, id, after, err) < 0)
		return NULL;
	if (options->tail > 0)
		fg_str_printf(&path, "&tail=%d", options->tail);
	else
		fg_str_puts(&path, "&tail=all");
	add_time(&path, "since", options->since_ms);
	add_time(&path, "until", options->until_ms);
	if (options->follow)
		fg_str_puts(&path, "&follow=true");
	podman = fg_engine_podman(engine, err);
	if (podman < 0)
		return NULL;
	logs = fg_alloc(sizeof(*logs));
	logs->engine = engine;
	logs->path = fg_strdup(path.s);
	log_stream_init(&logs->lines, tty);
	/* Podman sends no headers before the first line, which may be long in coming: the reader
	 * waits for both */
	if (!(podman && options->follow) && connect_log(logs, 0, err) < 0)
		return NULL;
	return fg_steal(&logs);
}

struct fg_logs *fg_logs_open(struct fg_engine *engine, const char *id, bool tty,
	const struct fg_log_options *options, struct fg_err *err)
{
	return open_at(engine, "/containers/", id, "/logs?stdout=true&stderr=true&timestamps=true",
		tty, options, err);
}

struct fg_logs *fg_service_logs_open(struct fg_engine *engine, const char *id, bool tty,
	const struct fg_log_options *options, struct fg_err *err)
{
	return open_at(engine, "/services/", id,
		"/logs?stdout=true&stderr=true&timestamps=true&details=true", tty, options, err);
}

/* The value behind KEY in "a=1,b=2", which ends at end. */
static void detail(char to[FG_SWARM_ID], const char *text, const char *end, const char *key)
{
	const char *at = memmem(text, (size_t)(end - text), key, strlen(key));
	size_t n = 0;

	for (at = at ? at + strlen(key) : end; at + n < end && at[n] != ',' && n < FG_SWARM_ID - 1;
		n++)
		to[n] = at[n];
	to[n] = '\0';
}

/* "com.docker.swarm.node.id=…,com.docker.swarm.service.id=…,com.docker.swarm.task.id=… TEXT" */
void fg_service_log_origin(struct fg_log_line *line, char node[FG_SWARM_ID], char task[FG_SWARM_ID])
{
	static const char label[] = "com.docker.swarm.";
	const char *end = memchr(line->text, ' ', line->len);

	*node = *task = '\0';
	if (!end || !memmem(line->text, (size_t)(end - line->text), label, sizeof(label) - 1))
		return;
	detail(node, line->text, end, "com.docker.swarm.node.id=");
	detail(task, line->text, end, "com.docker.swarm.task.id=");
	line->len -= (size_t)(end + 1 - line->text);
	line->text = end + 1;
}

int fg_logs_next(
	struct fg_logs *logs, struct fg_log_line *line, int64_t deadline, struct fg_err *err)
{
	if (!logs->lines.http) {
		int64_t left = deadline == FG_NEVER ? FG_LONGEST_MS : deadline - fg_now_ms();

		if (connect_log(logs, left > 0 ? left : 1, err) < 0)
			return -1;
	}
	return log_stream_next(&logs->lines, line, deadline, err);
}

void fg_logs_close(struct fg_logs *logs)
{
	if (!logs)
		return;
	log_stream_finish(&logs->lines);
	free(logs->path);
	free(logs);
}
