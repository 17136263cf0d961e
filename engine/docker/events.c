/*
 * Events: what an engine says as it happens.
 */
#include <inttypes.h>
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/clock.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define LINE_CAP (1u << 20) /* an event carries all labels of its container */

/*
 * Everything but what passes by for each probe of a healthcheck and each look at a container
 * (exec_…, top, resize, attach): an idle host would wake us for nothing. Both engines' words.
 */
static const char *const wanted[] = {
	"checkpoint",
	"cleanup",
	"commit",
	"connect",
	"copy",
	"create",
	"delete",
	"destroy",
	"die",
	"died",
	"disable",
	"disconnect",
	"enable",
	"export",
	"health_status",
	"import",
	"install",
	"kill",
	"load",
	"mount",
	"oom",
	"pause",
	"prune",
	"pull",
	"push",
	"reload",
	"remove",
	"rename",
	"restart",
	"restore",
	"save",
	"start",
	"stop",
	"sync",
	"tag",
	"unmount",
	"unpause",
	"untag",
	"update",
};

struct fg_events {
	struct fg_http_stream *stream;
	struct fg_str line;
	int64_t until_ns; /* to end at by ourselves; 0: the engine does */
};

/* Commands that are run in containers, Docker's word and Podman's. */
static const char *const execs[] = {"exec", "exec_start"};

static void add_filter(struct fg_str *path, const char *const *events, size_t n)
{
	cleanup_json cJSON *filters = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(filters, "event");
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(events[i]));
	text = fg_json_print(filters);
	fg_str_puts(path, "?filters=");
	fg_url_escape(path, text);
}

static void add_time(struct fg_str *path, const char *key, int64_t ns)
{
	if (ns > 0)
		fg_str_printf(
			path, "&%s=%" PRId64 ".%09d", key, ns / 1000000000, (int)(ns % 1000000000));
}

static struct fg_events *open_stream(struct fg_engine *engine, const char *const *wants, size_t n,
	int64_t since_ns, int64_t until_ns, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	struct fg_http_stream *stream;
	struct fg_events *events;
	int podman = fg_engine_podman(engine, err);
	bool past = until_ns > 0 && until_ns / 1000000 <= fg_wall_ms();

	if (podman < 0)
		return NULL;
	fg_str_init(&path, FG_CAP_PATH);
	fg_str_puts(&path, "/events");
	add_filter(&path, wants, n);
	add_time(&path, "since", since_ns);
	/* asked for a time that is over, Podman gives nothing at all: it gives what it has, and the
	 * end is found here */
	if (past && podman)
		fg_str_puts(&path, "&stream=false");
	else
		add_time(&path, "until", until_ns);
	stream = fg_call_open(engine, &(struct fg_call){.path = path.s}, err);
	if (!stream)
		return NULL;
	events = fg_alloc(sizeof(*events));
	events->stream = stream;
	events->until_ns = past && podman ? until_ns : 0;
	fg_str_init(&events->line, LINE_CAP);
	return events;
}

struct fg_events *fg_events_open(
	struct fg_engine *engine, int64_t since_ns, int64_t until_ns, struct fg_err *err)
{
	return open_stream(engine, wanted, FG_ARRAY_LEN(wanted), since_ns, until_ns, err);
}

struct fg_events *fg_events_open_execs(
	struct fg_engine *engine, int64_t since_ns, int64_t until_ns, struct fg_err *err)
{
	return open_stream(engine, execs, FG_ARRAY_LEN(execs), since_ns, until_ns, err);
}

const char *fg_event_exec(const struct fg_event *ev)
{
	static const char start[] = "exec_start";
	const char *action = fg_json_str(ev->raw, "Action", fg_json_str(ev->raw, "status", ""));

	if (strcmp(ev->type, "container") != 0)
		return NULL;
	if (strncmp(action, start, sizeof(start) - 1) == 0) {
		action += sizeof(start) - 1;
		return strncmp(action, ": ", 2) == 0 ? action + 2 : action;
	}
	return strcmp(action, "exec") == 0 ? "" : NULL;
}

/* Podman's words in Docker's. */
static const char *docker_word(const char *type, const char *action)
{
	static const struct {
		const char *type, *theirs, *ours;
	} words[] = {
		{"container", "died", "die"},
		{"container", "exec_died", "exec_die"},
		{"container", "remove", "destroy"},
		{"image", "remove", "delete"},
		{"volume", "remove", "destroy"},
	};

	for (size_t i = 0; i < FG_ARRAY_LEN(words); i++)
		if (strcmp(words[i].type, type) == 0 && strcmp(words[i].theirs, action) == 0)
			return words[i].ours;
	return action;
}

void fg_event_decode(cJSON *doc, struct fg_event *out)
{
	static const char prefix[] = "health_status: ";
	const cJSON *actor = fg_json_object(doc, "Actor");
	int64_t seconds = fg_json_i64(doc, "time", 0);
	const char *action = fg_json_str(doc, "Action", fg_json_str(doc, "status", ""));
	const char *health = fg_json_str(doc, "HealthStatus", "");

	*out = (struct fg_event){.raw = doc};
	out->type = fg_decode_inside(doc, "Type");
	out->id = fg_decode_inside(actor, "ID");
	if (!*out->id)
		out->id = fg_decode_inside(doc, "id");
	out->name = fg_decode_inside(fg_json_object(actor, "Attributes"), "name");
	if (!*health)
		health = fg_json_str(fg_json_object(actor, "Attributes"), "health_status", "");
	fg_decode_copy(out->action, sizeof(out->action), docker_word(out->type, action));
	if (strcmp(out->action, "health_status") == 0 && *fg_decode_health(health)) {
		memcpy(out->action, prefix, sizeof(prefix));
		fg_decode_copy(out->action + sizeof(prefix) - 1,
			sizeof(out->action) - sizeof(prefix) + 1, fg_decode_health(health));
	}
	out->time_ns = fg_json_i64(doc, "timeNano", 0);
	if (out->time_ns <= 0)
		out->time_ns =
			seconds > 0 && seconds < INT64_MAX / 1000000000 ? seconds * 1000000000 : 0;
}

void fg_event_finish(struct fg_event *ev)
{
	cJSON_Delete(ev->raw);
	memset(ev, 0, sizeof(*ev));
}

const char *fg_event_attr(const struct fg_event *ev, const char *key)
{
	const cJSON *attributes = fg_json_path(ev->raw, "Actor.Attributes");
	const char *value = fg_json_str(attributes, key, NULL);

	if (!value && strcmp(key, "exitCode") == 0) /* Podman's word for it */
		value = fg_json_str(attributes, "containerExitCode", NULL);
	return value;
}

int64_t fg_events_date(const struct fg_events *events)
{
	return fg_http_date(events->stream);
}

int fg_events_next(
	struct fg_events *events, struct fg_event *out, int64_t deadline, struct fg_err *err)
{
	for (;;) {
		cJSON *doc;
		int rc = fg_http_read_line(events->stream, &events->line, deadline, err);

		if (rc <= 0)
			return rc;
		if (strspn(events->line.s, " \t\r") == events->line.len)
			continue;
		if (events->line.full)
			return fg_fail(err, FG_ETOOBIG, "an event of more than %u bytes", LINE_CAP);
		doc = fg_call_parse(&events->line, err);
		if (!cJSON_IsObject(doc)) {
			cJSON_Delete(doc);
			return fg_fail(err, FG_EPROTO, "an event of the engine is no JSON");
		}
		fg_event_decode(doc, out);
		if (events->until_ns == 0 || out->time_ns <= events->until_ns)
			return 1;
		fg_event_finish(out);
	}
}

void fg_events_close(struct fg_events *events)
{
	if (!events)
		return;
	fg_http_close(events->stream);
	fg_str_finish(&events->line);
	free(events);
}
