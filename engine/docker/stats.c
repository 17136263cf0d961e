/*
 * Stats: one sample of a container's counters, and the rates between two.
 */
#include <string.h>
#include <strings.h>
#include "call.h"
#include "decode.h"

#define CLOSEST_MS 50 /* two samples nearer to each other say nothing */

/* Page cache that the kernel may drop is not what the container needs. v1 counts its children in
 * total_…, v2 has one word. */
static uint64_t memory_used(const cJSON *memory)
{
	const cJSON *stats = fg_json_object(memory, "stats");
	uint64_t usage = fg_json_u64(memory, "usage", 0);
	uint64_t cache = fg_json_u64(stats, "total_inactive_file", 0);

	if (!fg_json_get(stats, "total_inactive_file"))
		cache = fg_json_u64(stats, "inactive_file", 0);
	return cache < usage ? usage - cache : usage;
}

static void decode_networks(const cJSON *networks, struct fg_sample *out)
{
	const cJSON *net;

	cJSON_ArrayForEach (net, networks) {
		out->rx_bytes += fg_json_u64(net, "rx_bytes", 0);
		out->tx_bytes += fg_json_u64(net, "tx_bytes", 0);
	}
}

static void decode_blocks(const cJSON *rows, struct fg_sample *out)
{
	const cJSON *row;

	cJSON_ArrayForEach (row, rows) {
		const char *op = fg_json_str(row, "op", ""); /* "Read" with v1, "read" with v2 */

		if (strcasecmp(op, "read") == 0)
			out->read_bytes += fg_json_u64(row, "value", 0);
		else if (strcasecmp(op, "write") == 0)
			out->write_bytes += fg_json_u64(row, "value", 0);
	}
}

/*
 * Nothing runs without having used any CPU, nor without a process. Podman says so of what has no
 * cgroup of its own, and the memory that it says beside is that of the cgroup which the service is
 * in. What is stopped has no date.
 */
static bool has_no_cgroup(const cJSON *doc, const struct fg_sample *s)
{
	return s->cpu_ns == 0 && s->read_ns > 0 &&
	       fg_json_u64(fg_json_object(doc, "pids_stats"), "current", 0) == 0;
}

void fg_sample_decode(const cJSON *doc, struct fg_sample *out)
{
	const cJSON *cpu = fg_json_object(doc, "cpu_stats");
	const cJSON *usage = fg_json_object(cpu, "cpu_usage");
	const cJSON *memory = fg_json_object(doc, "memory_stats");
	int64_t online = fg_json_i64(cpu, "online_cpus", 0);

	out->read_ns = fg_decode_ns(fg_json_str(doc, "read", ""));
	out->cpu_ns = fg_json_u64(usage, "total_usage", 0);
	out->memory_bytes = memory_used(memory);
	decode_networks(fg_json_object(doc, "networks"), out);
	if (has_no_cgroup(doc, out)) {
		out->running = true;
		out->memory_bytes = 0;
		return;
	}
	/* a stopped container is shown with zero dates and nothing counted */
	out->running = out->counted = out->cpu_ns > 0 || out->memory_bytes > 0;
	if (!out->running) {
		out->read_ns = 0;
		return;
	}
	if (online <= 0)
		online = cJSON_GetArraySize(fg_json_array(usage, "percpu_usage"));
	out->online_cpus = online > 0 && online < 65536 ? (int)online : 1;
	out->memory_limit = fg_json_u64(memory, "limit", 0);
	out->pids = fg_json_u64(fg_json_object(doc, "pids_stats"), "current", 0);
	decode_blocks(
		fg_json_array(fg_json_object(doc, "blkio_stats"), "io_service_bytes_recursive"),
		out);
}

int fg_stats_sample(
	struct fg_engine *engine, const char *id, struct fg_sample *out, struct fg_err *err)
{
	cleanup_response struct fg_http_response rs = {0};
	cleanup_str struct fg_str path = {0};
	cleanup_json cJSON *doc = NULL;
	char api[FG_API_SIZE];
	struct fg_err unused;

	err = err ? err : &unused;
	memset(out, 0, sizeof(*out));
	fg_str_init(&path, FG_CAP_PATH);
	if (fg_call_path(&path, "/containers/", id, "/stats?stream=false", err) < 0 ||
		fg_engine_agree(engine, fg_now_ms() + engine->timeout_ms, api, err) < 0)
		return -1;
	out->taken_ms = fg_now_ms();
	if (fg_api_compare(api, "1.41") >=
		0) /* without it the engine takes two samples, a second apart */
		fg_str_puts(&path, "&one-shot=true");
	if (fg_call_perform(engine, &(struct fg_call){.path = path.s}, &rs, err) < 0) {
		if (err->code == FG_ECONFLICT) /* Podman's way to say that it is stopped */
			return 0;
		return -1;
	}
	out->taken_ms = fg_now_ms();
	if (rs.body.len == 0) /* Podman 4's */
		return 0;
	doc = fg_call_parse(&rs.body, err);
	if (!doc)
		return fg_wrap(err, "the engine's counters");
	if (!fg_json_get(doc, "cpu_stats") && *fg_json_str(doc, "message", "")) /* Podman 5's */
		return 0;
	fg_sample_decode(doc, out);
	return 0;
}

/*
 * The time between two samples in ns; 0 when there is none. The engine's own clock says best when
 * the counters were read, but it is a wall clock that may be set; ours is not, and gives it away.
 */
static int64_t between(const struct fg_sample *before, const struct fg_sample *after)
{
	int64_t ours = (after->taken_ms - before->taken_ms) * 1000000;
	int64_t theirs = after->read_ns - before->read_ns, apart = theirs - ours;

	if (before->read_ns <= 0 || after->read_ns <= 0)
		return ours;
	/* an answer may have been up to some seconds on its way */
	if (apart > INT64_C(5000000000) || apart < -INT64_C(5000000000))
		return ours;
	return theirs;
}

static double rate(uint64_t before, uint64_t after, double seconds)
{
	return after > before ? (double)(after - before) / seconds : 0;
}

bool fg_stats_usage(
	const struct fg_sample *before, const struct fg_sample *after, struct fg_usage *out)
{
	int64_t ns = between(before, after);
	double seconds = (double)ns / 1e9;

	*out = (struct fg_usage){0};
	if (!before->counted || !after->counted || after->cpu_ns < before->cpu_ns)
		return false;
	if (ns < CLOSEST_MS * 1000000)
		return false;
	out->cpu_percent = (double)(after->cpu_ns - before->cpu_ns) / (double)ns * 100;
	out->rx_rate = rate(before->rx_bytes, after->rx_bytes, seconds);
	out->tx_rate = rate(before->tx_bytes, after->tx_bytes, seconds);
	return true;
}
