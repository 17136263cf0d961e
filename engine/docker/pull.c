/*
 * Pull: an image from its registry, with the engine's progress layer by layer.
 *
 * The engine answers 200 as soon as it has begun, and says in a later line that it failed. A line
 * is a JSON document: {"status", "id","progressDetail":{"current","total"}}, where id is a layer's
 * (or the tag's, in the line that names the repository), or
 * {"errorDetail":{"message"},"error"}.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"
#include "pull.h"

#define LINE_CAP 65536
#define IDLE_MS (5 * 60 * 1000)

static struct fg_pull_layer *find_layer(struct fg_pull_state *s, const char *id)
{
	struct fg_pull_layer *layer = s->layers;

	for (int i = 0; i < s->progress.layers; i++, layer++)
		if (strcmp(layer->id, id) == 0)
			return layer;
	if (s->progress.layers == FG_PULL_LAYERS)
		return NULL;
	s->progress.layers++;
	fg_decode_copy(layer->id, sizeof(layer->id), id);
	return layer;
}

/* Only the download is counted: extracting counts the same bytes once more. */
static void layer_line(struct fg_pull_layer *layer, const char *status, const cJSON *detail)
{
	int64_t total = fg_json_i64(detail, "total", 0),
		current = fg_json_i64(detail, "current", 0);

	if (strcmp(status, "Pull complete") == 0 || strcmp(status, "Already exists") == 0) {
		layer->done = true;
		layer->current = layer->total;
	} else if (strcmp(status, "Downloading") == 0) {
		if (total > 0)
			layer->total = total;
		if (current > layer->current && current <= layer->total)
			layer->current = current;
	} else if (strcmp(status, "Download complete") == 0) {
		layer->current = layer->total;
	}
}

static void sum_up(struct fg_pull_state *s)
{
	struct fg_pull_progress *p = &s->progress;

	p->layers_done = 0;
	p->bytes = p->bytes_total = 0;
	for (int i = 0; i < p->layers; i++) {
		const struct fg_pull_layer *layer = &s->layers[i];

		p->layers_done += layer->done;
		if (layer->total > INT64_MAX / FG_PULL_LAYERS) /* nonsense that would overflow */
			continue;
		p->bytes += layer->current;
		p->bytes_total += layer->total;
	}
}

static int refused(const char *message, struct fg_err *err)
{
	cleanup_free char *line = fg_decode_line(message);

	return fg_fail(err, FG_EREMOTE, "%s", line);
}

int fg_pull_line(struct fg_pull_state *s, struct fg_str *line, struct fg_err *err)
{
	cleanup_json cJSON *doc = NULL;
	const char *status, *id, *message;

	if (strspn(line->s, " \t\r") == line->len)
		return 0;
	doc = line->full ? NULL : fg_call_parse(line, err);
	if (!cJSON_IsObject(doc))
		return fg_fail(err, FG_EPROTO, "the engine's progress is no JSON");
	message = fg_json_str(fg_json_object(doc, "errorDetail"), "message", "");
	if (!*message)
		message = fg_json_str(doc, "error", "");
	if (*message)
		return refused(message, err);
	s->lines++;
	status = fg_json_str(doc, "status", "");
	id = fg_json_str(doc, "id", "");
	fg_decode_copy(s->status, sizeof(s->status), status);
	s->progress.status = s->status;
	/* Podman ends with the image's own id in a line without a progressDetail */
	if (*id && strlen(id) < FG_PULL_ID && strncmp(status, "Pulling from", 12) != 0 &&
		(fg_json_get(doc, "progressDetail") || strcmp(status, "Already exists") == 0)) {
		struct fg_pull_layer *layer = find_layer(s, id);

		if (layer)
			layer_line(layer, status, fg_json_object(doc, "progressDetail"));
	}
	sum_up(s);
	return 0;
}

static struct fg_http_stream *pull_open(struct fg_engine *engine, const char *ref, const char *auth,
	int64_t idle_ms, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0}, name = {0}, tag = {0};
	struct fg_http_stream *stream;
	char *header = NULL;

	fg_str_init(&path, FG_CAP_PATH);
	fg_str_init(&name, FG_CAP_LINE);
	fg_str_init(&tag, FG_CAP_LINE);
	fg_image_split(ref, &name, &tag);
	if (name.len == 0 || tag.len == 0 || name.full || tag.full) {
		fg_fail(err, FG_EINVAL, "\"%.64s\" is not an image's name", ref);
		return NULL;
	}
	fg_str_puts(&path, "/images/create?fromImage=");
	fg_url_escape(&path, name.s);
	fg_str_puts(&path, "&tag=");
	fg_url_escape(&path, tag.s);
	header = auth ? fg_registry_header(auth) : NULL;
	stream = fg_call_open(engine,
		&(struct fg_call){
			.method = "POST",
			.path = path.s,
			.header = header,
			.timeout_ms =
				idle_ms, /* nothing is sent before the registry has answered */
		},
		err);
	fg_registry_header_wipe(header);
	return stream;
}

/* Every refusal here is about the registry's image, not about something of the engine that is not
 * there. */
static int pull_failed(struct fg_err *err)
{
	if (err->code == FG_ENOTFOUND || err->code == FG_ECONFLICT)
		err->code = FG_EREMOTE;
	return -1;
}

int fg_image_pull(struct fg_engine *engine, const char *ref, const struct fg_pull_options *options,
	struct fg_err *err)
{
	static const struct fg_pull_options none;
	const struct fg_pull_options *o = options ? options : &none;
	int64_t idle_ms = o->idle_timeout_ms > 0 ? o->idle_timeout_ms : IDLE_MS;
	cleanup_free struct fg_pull_state *state = fg_alloc(sizeof(*state));
	cleanup_stream struct fg_http_stream *stream = NULL;
	cleanup_str struct fg_str line = {0};
	struct fg_err unused;
	int rc;

	err = err ? err : &unused;
	fg_str_init(&line, LINE_CAP);
	stream = pull_open(engine, ref, o->auth, idle_ms, err);
	if (!stream)
		return pull_failed(err);
	while ((rc = fg_http_read_line(stream, &line, fg_now_ms() + idle_ms, err)) > 0) {
		if (fg_pull_line(state, &line, err) < 0)
			return -1;
		if (o->progress && state->progress.status)
			o->progress(&state->progress, o->arg);
	}
	if (rc < 0)
		return fg_wrap(err, "the engine's progress");
	if (state->lines == 0)
		return fg_fail(err, FG_EPROTO, "the engine said nothing about the image");
	return 0;
}
