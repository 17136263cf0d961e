/*
 * The engine as a whole: whether it lives, what it is and what it holds on disk.
 */
#include <string.h>
#include "call.h"
#include "decode.h"

int fg_engine_ping(struct fg_engine *engine, struct fg_err *err)
{
	cleanup_str struct fg_str lines = {0};
	struct fg_call call = {
		.path = "/_ping", .unversioned = true, .cap = FG_CAP_ERROR, .lines = &lines};
	cleanup_response struct fg_http_response rs = {0};
	char api[FG_API_SIZE];

	fg_str_init(&lines, FG_CAP_ERROR);
	if (fg_call_perform(engine, &call, &rs, err) < 0)
		return -1;
	if (rs.body.len < 2 || memcmp(rs.body.s, "OK", 2) != 0)
		return fg_fail(err, FG_EPROTO, "the engine at %s: this is no container engine",
			engine->url);
	if (!fg_http_header(&lines, "Api-Version", 0, api, sizeof(api)))
		*api = '\0';
	fg_engine_told(engine, rs.server, api);
	return 0;
}

/* They come as texts of the form key=value. */
static void join_labels(const cJSON *labels, char *to, size_t size)
{
	cleanup_str struct fg_str out = {0};
	const cJSON *label;

	fg_str_init(&out, size * 2);
	cJSON_ArrayForEach (label, labels)
		if (cJSON_IsString(label))
			fg_str_printf(&out, "%s%s", out.len ? ", " : "", label->valuestring);
	fg_decode_copy(to, size, out.len ? out.s : "");
}

int fg_engine_info(struct fg_engine *engine, struct fg_engine_info *out, struct fg_err *err)
{
	struct fg_call call = {.path = "/info"};
	cleanup_json cJSON *doc = fg_call_json(engine, &call, cJSON_Object, err);
	const cJSON *swarm = fg_json_object(doc, "Swarm");
	const struct {
		char *to;
		size_t size;
		const char *key;
	} texts[] = {
		{out->id, sizeof(out->id), "ID"},
		{out->name, sizeof(out->name), "Name"},
		{out->os, sizeof(out->os), "OperatingSystem"},
		{out->kernel, sizeof(out->kernel), "KernelVersion"},
		{out->storage, sizeof(out->storage), "Driver"},
		{out->cgroup, sizeof(out->cgroup), "CgroupVersion"},
		{out->root_dir, sizeof(out->root_dir), "DockerRootDir"},
	};

	memset(out, 0, sizeof(*out));
	if (!doc)
		return -1;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		fg_decode_copy(texts[i].to, texts[i].size, fg_json_str(doc, texts[i].key, ""));
	join_labels(fg_json_array(doc, "Labels"), out->labels, sizeof(out->labels));
	out->containers = fg_json_i64(doc, "Containers", 0);
	out->running = fg_json_i64(doc, "ContainersRunning", 0);
	out->paused = fg_json_i64(doc, "ContainersPaused", 0);
	out->stopped = fg_json_i64(doc, "ContainersStopped", 0);
	out->images = fg_json_i64(doc, "Images", 0);
	out->cpus = fg_json_i64(doc, "NCPU", 0);
	out->memory_bytes = fg_json_i64(doc, "MemTotal", 0);
	fg_decode_copy(out->swarm, sizeof(out->swarm), fg_json_str(swarm, "LocalNodeState", ""));
	out->manager = fg_json_bool(swarm, "ControlAvailable", false);
	return 0;
}

/* The engine writes -1 for a size that it did not work out. */
static int64_t size_of(const cJSON *row, const char *key)
{
	int64_t n = fg_json_i64(row, key, 0);

	return n > 0 ? n : 0;
}

static void count(struct fg_disk_use *use, int64_t bytes, bool active)
{
	use->count++;
	use->bytes += bytes;
	if (active)
		use->active++;
	else
		use->reclaimable += bytes;
}

/* Images share layers: what they take together is LayersSize, and one in use keeps at least what is
 * its own. */
static void df_images(const cJSON *doc, struct fg_disk_use *use)
{
	int64_t layers = size_of(doc, "LayersSize"), kept = 0;
	const cJSON *row;

	cJSON_ArrayForEach (row, fg_json_array(doc, "Images")) {
		bool active = fg_json_i64(row, "Containers", 0) > 0;
		int64_t own = size_of(row, "Size") - size_of(row, "SharedSize");

		count(use, own > 0 ? own : 0, active);
		if (active && own > 0)
			kept += own;
	}
	if (layers > 0) {
		use->bytes = layers;
		use->reclaimable = layers > kept ? layers - kept : 0;
	}
}

void fg_df_decode(const cJSON *doc, struct fg_engine_df *out)
{
	const cJSON *row;

	memset(out, 0, sizeof(*out));
	df_images(doc, &out->images);
	cJSON_ArrayForEach (row, fg_json_array(doc, "Containers")) {
		const char *state = fg_decode_state(fg_json_str(row, "State", ""));

		count(&out->containers, size_of(row, "SizeRw"),
			strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
				strcmp(state, "restarting") == 0);
	}
	cJSON_ArrayForEach (row, fg_json_array(doc, "Volumes")) {
		const cJSON *usage = fg_json_object(row, "UsageData");

		/* without usage data nobody knows whether it is in use: do not promise its bytes */
		count(&out->volumes, size_of(usage, "Size"),
			fg_json_i64(usage, "RefCount", 1) != 0);
	}
	cJSON_ArrayForEach (row, fg_json_array(doc, "BuildCache"))
		count(&out->build_cache,
			fg_json_bool(row, "Shared", false) ? 0 : size_of(row, "Size"),
			fg_json_bool(row, "InUse", false));
}

int fg_engine_df(struct fg_engine *engine, struct fg_engine_df *out, struct fg_err *err)
{
	/* it walks through every volume's files: far slower than any other call */
	struct fg_call call = {
		.path = "/system/df",
		.timeout_ms = engine->timeout_ms + 120000,
		.cap = FG_CAP_LIST,
	};
	cleanup_json cJSON *doc = fg_call_json(engine, &call, cJSON_Object, err);

	fg_df_decode(doc, out);
	return doc ? 0 : -1;
}
