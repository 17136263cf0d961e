/* Stats: documents of Docker with cgroup v1 and v2 and of Podman, and rates between samples. */
#include "../../../engine/docker/decode.h"
#include "fleetgram/base/mem.h"
#include "tap.h"

static const struct {
	const char *name, *doc;
	struct fg_sample want;
} docs[] = {
        {"Docker, cgroup v1",
                "{\"read\":\"2026-01-02T03:04:05.123456789Z\",\"pids_stats\":{\"current\":3},"
                "\"blkio_stats\":{\"io_service_bytes_recursive\":[{\"op\":\"Read\",\"value\":10},{"
                "\"op\":\"Write\",\"value\":20},"
                "{\"op\":\"Sync\",\"value\":99},{\"op\":\"Read\",\"value\":1}]},"
                "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":9007199254740995,\"percpu_usage\":["
                "1,2]},\"online_cpus\":2},"
                "\"memory_stats\":{\"usage\":1000,\"limit\":5000,\"stats\":{\"inactive_file\":1,"
                "\"total_inactive_file\":400}},"
                "\"networks\":{\"eth0\":{\"rx_bytes\":7,\"tx_bytes\":8},\"eth1\":{\"rx_bytes\":1,"
                "\"tx_bytes\":2}}}",
                {.running = true, .counted = true,
                        .read_ns = INT64_C(1767323045123456789),
                        .cpu_ns = UINT64_C(9007199254740995),
                        .online_cpus = 2,
                        .memory_bytes = 600,
                        .memory_limit = 5000,
                        .pids = 3,
                        .rx_bytes = 8,
                        .tx_bytes = 10,
                        .read_bytes = 11,
                        .write_bytes = 20}},
        {"Docker, cgroup v2",
                "{\"read\":\"2026-01-02T03:04:05Z\",\"pids_stats\":{\"current\":1},"
                "\"blkio_stats\":{\"io_service_bytes_recursive\":[{\"op\":\"read\",\"value\":5},{"
                "\"op\":\"write\",\"value\":6}]},"
                "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":500},\"online_cpus\":4},"
                "\"memory_stats\":{\"usage\":1000,\"limit\":5000,\"stats\":{\"inactive_file\":300}}"
                "}",
                {.running = true, .counted = true,
                        .read_ns = INT64_C(1767323045000000000),
                        .cpu_ns = 500,
                        .online_cpus = 4,
                        .memory_bytes = 700,
                        .memory_limit = 5000,
                        .pids = 1,
                        .read_bytes = 5,
                        .write_bytes = 6}},
        {"Podman",
                "{\"read\":\"2026-01-02T03:04:05.5+01:00\",\"pids_stats\":{\"current\":1},"
                "\"blkio_stats\":{\"io_service_bytes_recursive\":null},"
                "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":500,\"percpu_usage\":[9]},\"system_"
                "cpu_usage\":3},"
                "\"memory_stats\":{\"usage\":1000,\"limit\":5000},\"networks\":null}",
                {.running = true, .counted = true,
                        .read_ns = INT64_C(1767319445500000000),
                        .cpu_ns = 500,
                        .online_cpus = 1,
                        .memory_bytes = 1000,
                        .memory_limit = 5000,
                        .pids = 1}},
        {"Podman without a cgroup of its own: the memory is another's",
                "{\"read\":\"2026-01-02T03:04:05Z\",\"pids_stats\":{},"
                "\"blkio_stats\":{\"io_service_bytes_recursive\":[]},"
                "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":0},\"system_cpu_usage\":3},"
                "\"memory_stats\":{\"usage\":556789760,\"limit\":25276026880},"
                "\"networks\":{\"network\":{\"rx_bytes\":7,\"tx_bytes\":8}}}",
                {.running = true,
                        .read_ns = INT64_C(1767323045000000000),
                        .rx_bytes = 7,
                        .tx_bytes = 8}},
        {"Podman without one, on cgroup v2",
                "{\"read\":\"2026-01-02T03:04:05Z\",\"pids_stats\":{},"
                "\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":0}},\"memory_stats\":{}}",
                {.running = true, .read_ns = INT64_C(1767323045000000000)}},
        {"a stopped container",
                "{\"read\":\"0001-01-01T00:00:00Z\",\"pids_stats\":{},\"cpu_stats\":{\"cpu_usage\":"
                "{\"total_usage\":0}},"
                "\"memory_stats\":{}}",
                {0}},
        {"more cache than memory",
                "{\"cpu_stats\":{\"cpu_usage\":{\"total_usage\":1}},\"memory_stats\":{\"usage\":5,"
                "\"stats\":{\"inactive_file\":9}}}",
                {.running = true, .counted = true, .cpu_ns = 1, .online_cpus = 1, .memory_bytes = 5}},
        {"wrong types",
                "{\"read\":5,\"cpu_stats\":[],\"memory_stats\":\"x\",\"networks\":[1],\"blkio_"
                "stats\":7,\"pids_stats\":null}",
                {0}},
        {"no object at all", "[]", {0}},
};

static bool same(const struct fg_sample *a, const struct fg_sample *b)
{
	return a->running == b->running && a->counted == b->counted && a->read_ns == b->read_ns && a->cpu_ns == b->cpu_ns &&
	       a->online_cpus == b->online_cpus && a->memory_bytes == b->memory_bytes &&
	       a->memory_limit == b->memory_limit && a->pids == b->pids &&
	       a->rx_bytes == b->rx_bytes && a->tx_bytes == b->tx_bytes &&
	       a->read_bytes == b->read_bytes && a->write_bytes == b->write_bytes;
}

static void test_documents(void)
{
	for (size_t i = 0; i < FG_ARRAY_LEN(docs); i++) {
		struct fg_err err;
		cleanup_json cJSON *doc = fg_json_parse(docs[i].doc, strlen(docs[i].doc), &err);
		struct fg_sample s = {0};

		fg_sample_decode(doc, &s);
		ok(doc && same(&s, &docs[i].want), "%s", docs[i].name);
	}
}

#define S(ms) (INT64_C(ms) * 1000000)

static void test_usage(void)
{
	static const struct {
		const char *name;
		struct fg_sample a, b;
		bool want;
		double cpu, rx;
	} rows[] = {
	        {"half a CPU over two seconds of the engine's time",
	                {.running = true, .counted = true,
	                        .taken_ms = 1000,
	                        .read_ns = S(50000),
	                        .cpu_ns = 0,
	                        .rx_bytes = 100},
	                {.running = true, .counted = true,
	                        .taken_ms = 3500,
	                        .read_ns = S(52000),
	                        .cpu_ns = S(1000),
	                        .rx_bytes = 2100},
	                true, 50, 1000},
	        {"without the engine's time ours counts",
	                {.running = true, .counted = true, .taken_ms = 1000, .cpu_ns = 0},
	                {.running = true, .counted = true, .taken_ms = 3000, .cpu_ns = S(4000)}, true, 200, 0},
	        {"the engine's clock went back an hour",
	                {.running = true, .counted = true, .taken_ms = 1000, .read_ns = S(7200000), .cpu_ns = 0},
	                {.running = true, .counted = true,
	                        .taken_ms = 3000,
	                        .read_ns = S(3600000),
	                        .cpu_ns = S(1000)},
	                true, 50, 0},
	        {"the engine's clock jumped forward",
	                {.running = true, .counted = true, .taken_ms = 1000, .read_ns = S(1000), .cpu_ns = 0},
	                {.running = true, .counted = true,
	                        .taken_ms = 3000,
	                        .read_ns = S(9000000),
	                        .cpu_ns = S(1000)},
	                true, 50, 0},
	        {"the same reading twice",
	                {.running = true, .counted = true, .taken_ms = 1000, .read_ns = S(5000), .cpu_ns = 5},
	                {.running = true, .counted = true, .taken_ms = 1900, .read_ns = S(5000), .cpu_ns = 5}, false,
	                0, 0},
	        {"the counter began anew", {.running = true, .counted = true, .taken_ms = 1000, .cpu_ns = 9},
	                {.running = true, .counted = true, .taken_ms = 2000, .cpu_ns = 1}, false, 0, 0},
	        {"stopped meanwhile", {.running = true, .counted = true, .taken_ms = 1000, .cpu_ns = 9},
	                {.taken_ms = 2000}, false, 0, 0},
	        {"out of order", {.running = true, .counted = true, .taken_ms = 2000, .cpu_ns = 1},
	                {.running = true, .counted = true, .taken_ms = 1000, .cpu_ns = 9}, false, 0, 0},
	        {"nobody counts it", {.running = true, .taken_ms = 1000, .rx_bytes = 1},
	                {.running = true, .taken_ms = 2000, .rx_bytes = 9}, false, 0, 0},
	        {"a network that went",
	                {.running = true, .counted = true, .taken_ms = 1000, .cpu_ns = 0, .rx_bytes = 500},
	                {.running = true, .counted = true, .taken_ms = 2000, .cpu_ns = 0, .rx_bytes = 10}, true, 0,
	                0},
	};
	struct fg_usage u;

	for (size_t i = 0; i < FG_ARRAY_LEN(rows); i++) {
		bool got = fg_stats_usage(&rows[i].a, &rows[i].b, &u);

		ok(got == rows[i].want && u.cpu_percent > rows[i].cpu - 0.01 &&
		                u.cpu_percent < rows[i].cpu + 0.01 &&
		                u.rx_rate > rows[i].rx - 0.01 && u.rx_rate < rows[i].rx + 0.01,
		        "%s", rows[i].name);
	}
}

int main(void)
{
	test_documents();
	test_usage();
	return done_testing();
}
