/*
 * Containers as the engine shows them: the list, and one in detail.
 */
#include <string.h>
#include "call.h"
#include "decode.h"
#include "fleetgram/base/mem.h"
#include "fleetgram/base/text.h"

#define PORTS_MAX 1024   /* a hostile or mad row must not cost more than this many */
#define LABEL_MAX 65536u /* bytes of one value */
#define ROOM_FIRST 16

const char *fg_container_label(const struct fg_container *c, const char *key)
{
	return fg_json_str(c->labels, key, NULL);
}

void fg_container_copy(struct fg_container *to, const struct fg_container *from)
{
	*to = *from;
	to->name = fg_strdup(from->name);
	to->image = fg_strdup(from->image);
	to->image_id = fg_strdup(from->image_id);
	to->status = fg_strdup(from->status);
	to->labels = cJSON_Duplicate(from->labels, true);
	to->ports = NULL;
	if (from->port_count > 0) {
		to->ports = fg_realloc(NULL, from->port_count, sizeof(*to->ports));
		memcpy(to->ports, from->ports, from->port_count * sizeof(*to->ports));
	}
}

void fg_container_finish(struct fg_container *c)
{
	free(c->name);
	free(c->image);
	free(c->image_id);
	free(c->status);
	cJSON_Delete(c->labels);
	free(c->ports);
	memset(c, 0, sizeof(*c));
}

void fg_containers_finish(struct fg_containers *list)
{
	for (size_t i = 0; i < list->n; i++)
		fg_container_finish(&list->v[i]);
	free(list->v);
	*list = (struct fg_containers){0};
}

static bool is_plain(const char *s, size_t most)
{
	size_t len = strlen(s);

	return len <= most && fg_decode_is_plain(s, len);
}

/* Values may be texts of several lines; keys may not. */
static cJSON *decode_labels(const cJSON *labels)
{
	cJSON *out = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach (item, labels) {
		cleanup_str struct fg_str value = {0};
		cleanup_free char *key = NULL;

		if (!cJSON_IsString(item) || !item->valuestring || !item->string)
			continue;
		if (is_plain(item->string, FG_CAP_LINE) && is_plain(item->valuestring, LABEL_MAX)) {
			cJSON_AddStringToObject(out, item->string, item->valuestring);
			continue;
		}
		fg_str_init(&value, LABEL_MAX);
		fg_text_clean(&value, item->valuestring, strlen(item->valuestring));
		key = fg_decode_line(item->string);
		cJSON_AddStringToObject(out, key, value.s);
	}
	return out;
}

static int port_number(const cJSON *row, const char *key)
{
	int64_t n = fg_json_i64(row, key, 0);

	return n > 0 && n <= 65535 ? (int)n : 0;
}

static void decode_ports(const cJSON *ports, struct fg_container *out)
{
	int size = cJSON_GetArraySize(ports);
	const cJSON *row;

	if (size == 0)
		return;
	out->ports =
		fg_realloc(NULL, size < PORTS_MAX ? (size_t)size : PORTS_MAX, sizeof(*out->ports));
	cJSON_ArrayForEach (row, ports) {
		struct fg_port *port = &out->ports[out->port_count];

		if (out->port_count == PORTS_MAX)
			break;
		memset(port, 0, sizeof(*port));
		port->inside = port_number(row, "PrivatePort");
		port->outside = port_number(row, "PublicPort");
		if (port->outside > 0)
			fg_decode_copy(port->ip, sizeof(port->ip), fg_json_str(row, "IP", ""));
		fg_decode_copy(port->proto, sizeof(port->proto), fg_json_str(row, "Type", "tcp"));
		if (port->inside > 0)
			out->port_count++;
	}
}

/* "sha256:…", with all its digits, or in a list with the first ones. */
static bool is_image_id(const char *image)
{
	const char *hex = strncmp(image, "sha256:", 7) == 0 ? image + 7 : image;
	size_t n = strspn(hex, "0123456789abcdef");

	return !hex[n] && n >= 12 && (hex != image || n == 12 || n == 64);
}

const char *fg_container_image(const char *image, const cJSON *labels)
{
	const char *name = is_image_id(image) ? fg_json_str(labels, FG_LABEL_IMAGE, "") : "";

	return *name ? name : image;
}

int fg_container_decode(const cJSON *row, struct fg_container *out)
{
	const char *name = fg_decode_name(fg_json_array(row, "Names"));
	int64_t created = fg_json_i64(row, "Created", 0);

	memset(out, 0, sizeof(*out));
	fg_decode_copy(out->id, sizeof(out->id), fg_json_str(row, "Id", ""));
	if (!*out->id)
		return -1;
	out->name = name ? fg_decode_line(name) : fg_strndup(out->id, 12);
	out->image = fg_decode_line(
		fg_container_image(fg_json_str(row, "Image", ""), fg_json_object(row, "Labels")));
	out->image_id = fg_decode_line(fg_json_str(row, "ImageID", ""));
	out->status = fg_decode_line(fg_json_str(row, "Status", ""));
	fg_decode_copy(
		out->state, sizeof(out->state), fg_decode_state(fg_json_str(row, "State", "")));
	/* a container that is stopped keeps the health it had */
	if (strcmp(out->state, "running") == 0)
		fg_decode_copy(
			out->health, sizeof(out->health), fg_decode_status_health(out->status));
	out->created_ms = created > 0 && created < INT64_MAX / 1000 ? created * 1000 : 0;
	out->labels = decode_labels(fg_json_object(row, "Labels"));
	decode_ports(fg_json_array(row, "Ports"), out);
	return 0;
}

/* "&filters=" and {"label":["key=value"]}, escaped. */
static void add_label_filter(struct fg_str *path, const char *label)
{
	cleanup_json cJSON *filters = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(filters, "label");
	cleanup_free char *text = NULL;

	cJSON_AddItemToArray(list, cJSON_CreateString(label));
	text = fg_json_print(filters);
	fg_str_puts(path, "&filters=");
	fg_url_escape(path, text);
}

struct listing {
	struct fg_containers *out;
	size_t room;
};

static void add_row(const cJSON *row, void *arg)
{
	struct listing *listing = arg;
	struct fg_containers *out = listing->out;

	if (out->n == listing->room) {
		listing->room = listing->room ? listing->room * 2 : ROOM_FIRST;
		out->v = fg_realloc(out->v, listing->room, sizeof(*out->v));
	}
	if (fg_container_decode(row, &out->v[out->n]) == 0)
		out->n++;
}

int fg_container_list(
	struct fg_engine *engine, const char *label, struct fg_containers *out, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	struct listing listing = {.out = out};
	struct fg_call call = {.cap = FG_CAP_LIST};

	*out = (struct fg_containers){0};
	fg_str_init(&path, FG_CAP_PATH);
	fg_str_puts(&path, "/containers/json?all=true");
	if (label)
		add_label_filter(&path, label);
	if (path.full)
		return fg_fail(err, FG_EINVAL, "the label to look for is too long");
	call.path = path.s;
	if (fg_call_rows(engine, &call, add_row, &listing, err) == 0)
		return 0;
	fg_containers_finish(out);
	return -1;
}

static int64_t limit(const cJSON *object, const char *key)
{
	int64_t n = fg_json_i64(object, key, 0);

	return n > 0 ? n : 0;
}

static void decode_limits(const cJSON *host, struct fg_container_info *out)
{
	int64_t quota = limit(host, "CpuQuota"), period = limit(host, "CpuPeriod");

	out->nano_cpus = limit(host, "NanoCpus");
	/* made by hand with a quota and a period; 100 ms is the kernel's own period */
	if (out->nano_cpus == 0 && quota > 0 && quota < INT64_MAX / 1000000000)
		out->nano_cpus = quota * 1000000000 / (period > 0 ? period : 100000);
	out->memory = limit(host, "Memory");
	out->memory_swap = fg_json_i64(host, "MemorySwap", 0);
	out->pids = limit(host, "PidsLimit");
}

/* The last probe's words, cleaned inside the document. */
static const char *health_output(const cJSON *health)
{
	const cJSON *log = fg_json_array(health, "Log");
	cJSON *item = (cJSON *)fg_json_get(
		cJSON_GetArrayItem(log, cJSON_GetArraySize(log) - 1), "Output");
	cleanup_str struct fg_str clean = {0};

	if (!cJSON_IsString(item) || !item->valuestring)
		return "";
	fg_str_init(&clean, FG_CAP_LINE);
	fg_text_clean(&clean, item->valuestring, strlen(item->valuestring));
	cJSON_SetValuestring(item, clean.s);
	return item->valuestring;
}

int fg_container_info_decode(cJSON *doc, struct fg_container_info *out, struct fg_err *err)
{
	const cJSON *state = fg_json_object(doc, "State"), *config = fg_json_object(doc, "Config");
	const cJSON *host = fg_json_object(doc, "HostConfig");
	const cJSON *health = fg_json_object(state, "Health");

	memset(out, 0, sizeof(*out));
	out->raw = doc;
	fg_decode_copy(out->id, sizeof(out->id), fg_json_str(doc, "Id", ""));
	if (!*out->id) {
		fg_container_info_finish(out);
		return fg_fail(err, FG_EPROTO, "the engine shows a container without an id");
	}
	out->name = fg_decode_inside(doc, "Name");
	out->name += *out->name == '/';
	out->image = fg_decode_inside(config, "Image");
	if (fg_container_image(out->image, fg_json_object(config, "Labels")) != out->image)
		out->image = fg_decode_inside(fg_json_object(config, "Labels"), FG_LABEL_IMAGE);
	out->image_id = fg_decode_inside(doc, "Image");
	fg_decode_copy(
		out->state, sizeof(out->state), fg_decode_state(fg_json_str(state, "Status", "")));
	if (strcmp(out->state, "running") == 0)
		fg_decode_copy(out->health, sizeof(out->health),
			fg_decode_health(fg_json_str(health, "Status", "")));
	out->health_output = health_output(health);
	out->tty = fg_json_bool(config, "Tty", false);
	out->oom_killed = fg_json_bool(state, "OOMKilled", false);
	out->exit_code = fg_decode_int(state, "ExitCode", 0);
	out->error = fg_decode_inside(state, "Error");
	out->restart_count = limit(doc, "RestartCount");
	out->created_ms = fg_decode_ms(doc, "Created");
	out->started_ms = fg_decode_ms(state, "StartedAt");
	out->finished_ms = fg_decode_ms(state, "FinishedAt");
	out->restart_policy = fg_decode_inside(fg_json_object(host, "RestartPolicy"), "Name");
	if (!*out->restart_policy)
		out->restart_policy = "no";
	decode_limits(host, out);
	return 0;
}

int fg_container_inspect(
	struct fg_engine *engine, const char *id, struct fg_container_info *out, struct fg_err *err)
{
	cleanup_str struct fg_str path = {0};
	cJSON *doc;

	memset(out, 0, sizeof(*out));
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/containers/", id, "/json", err) < 0)
		return -1;
	doc = fg_call_json(engine, &(struct fg_call){.path = path.s}, cJSON_Object, err);
	if (!doc)
		return -1;
	return fg_container_info_decode(doc, out, err);
}

void fg_container_info_finish(struct fg_container_info *info)
{
	cJSON_Delete(info->raw);
	memset(info, 0, sizeof(*info));
}
