/*
 * Commands that ran in instances. An engine keeps its last 256 events of all kinds, so that a host
 * where much happens tells only of the last few minutes.
 */
#include <string.h>
#include "fleetgram/base/clock.h"
#include "fleetgram/base/json.h"
#include "fleetgram/base/log.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/task.h"
#include "fleetgram/docker/events.h"
#include "fleetgram/docker/exec.h"
#include "prune/idle_exec.h"

#define HOSTS_AT_ONCE 16
#define EVENTS_MS 10000 /* for a stream that ends by itself */
#define EVENTS_MOST 100000
#define COMMAND_CAP 65536
#define SLACK_MS                                                                                  \
	(10 * 60 * 1000) /* the engine's clock may be another; what was seen already does no harm \
			  */

struct mark {
	struct fg_list link;
	char *host;
	bool told; /* that it cannot be asked; once is enough */
};

struct exec_marks {
	struct fg_list list;
};

struct exec_marks *exec_marks_create(void)
{
	struct exec_marks *marks = fg_alloc(sizeof(*marks));

	fg_list_init(&marks->list);
	return marks;
}

void exec_marks_destroy(struct exec_marks *marks)
{
	struct mark *m;

	fg_list_each (&marks->list, m, link) {
		fg_list_remove(&m->link);
		free(m->host);
		free(m);
	}
	free(marks);
}

static struct mark *mark_of(struct exec_marks *marks, const char *host)
{
	struct mark *m;

	fg_list_each (&marks->list, m, link)
		if (strcmp(m->host, host) == 0)
			return m;
	m = fg_alloc(sizeof(*m));
	m->host = fg_strdup(host);
	fg_list_append(&marks->list, &m->link);
	return m;
}

/* One host's look. */
struct ask {
	struct fg_host *host;
	struct mark *mark;
	struct watched *const *v; /* of all hosts */
	size_t n;
	bool sweep;
};

static struct watched *find(const struct ask *ask, const char *id)
{
	for (size_t i = 0; i < ask->n; i++)
		if (ask->v[i]->item->host == ask->host && strcmp(ask->v[i]->item->c.id, id) == 0)
			return ask->v[i];
	return NULL;
}

/* What it runs to find out about its health; "" when it has no such thing. */
static const char *probe_of(struct watched *w)
{
	cleanup_info struct fg_container_info info = {0};
	cleanup_str struct fg_str command = {0};

	if (w->probe)
		return w->probe;
	if (fg_container_inspect(w->item->host->engine, w->item->c.id, &info, NULL) < 0)
		return "";
	fg_str_init(&command, COMMAND_CAP);
	fg_exec_healthcheck(info.raw, &command);
	w->probe = fg_strdup(command.s);
	return w->probe;
}

/* Podman does not tell the command: then what has a healthcheck gets the benefit of no doubt. */
static bool is_probe(const char *command, const char *probe)
{
	size_t len = strlen(command);

	while (len > 0 && command[len - 1] == ' ') /* Docker's, after a command without arguments */
		len--;
	return *probe && (len == 0 || (strlen(probe) == len && memcmp(command, probe, len) == 0));
}

static void take(const struct ask *ask, const struct fg_event *event)
{
	const char *command = fg_event_exec(event);
	struct watched *w = command ? find(ask, event->id) : NULL;
	int64_t ms = event->time_ns / 1000000;

	if (!w || ms <= w->subject.used_ms || is_probe(command, probe_of(w)))
		return;
	w->subject.used_ms = ms < w->subject.now_ms ? ms : w->subject.now_ms;
}

/* As far back as could matter to it. */
static int64_t horizon(const struct watched *w, int64_t now_ms)
{
	return now_ms - (w->rules.idle_ms > 0 ? w->rules.idle_ms : w->subject.every_ms);
}

/* Each has its own mark: one that pruning was just switched on for was not asked about so far. */
static int64_t first(const struct ask *ask, int64_t now_ms)
{
	int64_t earliest = now_ms;

	for (size_t i = 0; i < ask->n; i++) {
		const struct watched *w = ask->v[i];
		int64_t ms = w->execs_ms ? w->execs_ms : horizon(w, now_ms);

		if (w->item->host == ask->host && w->subject.up && ms < earliest)
			earliest = ms;
	}
	return earliest - SLACK_MS;
}

static int read_events(struct ask *ask, int64_t now_ms, struct fg_err *err)
{
	int64_t since = first(ask, now_ms);
	cleanup_events struct fg_events *events = fg_events_open_execs(
		ask->host->engine, (since > 0 ? since : 1) * 1000000, now_ms * 1000000, err);
	int64_t deadline = fg_now_ms() + EVENTS_MS;
	int rc = events ? 1 : -1;

	for (int i = 0; rc > 0 && i < EVENTS_MOST; i++) {
		cleanup_event struct fg_event event = {0};

		rc = fg_events_next(events, &event, deadline, err);
		if (rc > 0)
			take(ask, &event);
	}
	return rc < 0 ? -1 : 0;
}

static void ask_run(void *arg)
{
	struct ask *ask = arg;
	int64_t now_ms = fg_wall_ms();
	struct fg_err err;

	if (read_events(ask, now_ms, &err) == 0) {
		for (size_t i = 0; ask->sweep && i < ask->n; i++)
			if (ask->v[i]->item->host == ask->host)
				ask->v[i]->execs_ms = now_ms;
		ask->mark->told = false;
		return;
	}
	fg_host_note(ask->host, &err);
	for (size_t i = 0; i < ask->n; i++)
		if (ask->v[i]->item->host == ask->host)
			ask->v[i]->subject.measured = false;
	if (!ask->mark->told && !fg_task_canceled())
		fg_warn("nothing is pruned on %s while it does not tell which commands ran: %s",
			ask->host->name, err.text);
	ask->mark->told = true;
}

int exec_marks_look(struct exec_marks *marks, struct watched *const *v, size_t n, bool sweep,
	struct fg_err *err)
{
	cleanup_free struct ask *asks = fg_alloc((n + 1) * sizeof(*asks));
	size_t count = 0, k;
	struct fg_group group;
	int rc = 0;

	fg_group_init(&group, HOSTS_AT_ONCE);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct fg_host *host = v[i]->item->host;

		for (k = 0; k < count && asks[k].host != host; k++)
			;
		if (k < count || !v[i]->subject.up)
			continue;
		asks[count] = (struct ask){host, mark_of(marks, host->name), v, n, sweep};
		rc = fg_group_go(&group, "commands in instances", ask_run, &asks[count++], err);
	}
	if (fg_group_wait(&group, FG_NEVER, err) < 0)
		rc = -1;
	return rc;
}

bool exec_running(struct fg_host *host, const struct fg_container_info *info)
{
	cleanup_str struct fg_str probe = {0};
	const cJSON *id;

	fg_str_init(&probe, COMMAND_CAP);
	fg_exec_healthcheck(info->raw, &probe);
	cJSON_ArrayForEach (id, fg_json_array(info->raw, "ExecIDs")) {
		cleanup_str struct fg_str command = {0};
		bool running = false;

		fg_str_init(&command, COMMAND_CAP);
		if (cJSON_IsString(id) &&
			fg_exec_inspect(host->engine, id->valuestring, &running, &command, NULL) ==
				0 &&
			running && !is_probe(command.s, probe.s))
			return true;
	}
	return false;
}
