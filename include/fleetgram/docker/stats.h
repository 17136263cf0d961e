/*
 * What a container uses: single samples of the engine's counters, and the rates between two of
 * them.
 *
 * The engine's own stream and its precpu fields are not used: one short call a sample, and
 * differences taken here over real time, hold for Docker and Podman, with cgroup v1 and v2.
 */
#ifndef FLEETGRAM_DOCKER_STATS_H
#define FLEETGRAM_DOCKER_STATS_H

#include "fleetgram/docker/engine.h"

struct fg_sample {
	bool running; /* false: the engine had no counters, the rest is 0 */
	/* false: it runs without a cgroup of its own, as with Podman that an ordinary user runs on
	 * cgroup v1: nothing is known of its CPU, memory, processes and disk, which are 0 */
	bool counted;
	int64_t taken_ms; /* monotonic, here, when the answer came */
	int64_t read_ns;  /* the engine's wall clock at the reading; 0 when it gave none */
	uint64_t cpu_ns;  /* CPU time consumed since the start */
	int online_cpus;
	uint64_t memory_bytes; /* without the page cache that can be dropped */
	uint64_t memory_limit; /* the host's memory when the container has no limit */
	uint64_t pids;
	uint64_t rx_bytes, tx_bytes, read_bytes, write_bytes; /* network, block devices */
};

struct fg_usage {
	double cpu_percent;      /* 100 is one CPU */
	double rx_rate, tx_rate; /* bytes a second */
};

int fg_stats_sample(
	struct fg_engine *engine, const char *id, struct fg_sample *out, struct fg_err *err);
/* False when the two are too close, out of order, not counted, or of different runs of the
 * container. */
bool fg_stats_usage(
	const struct fg_sample *before, const struct fg_sample *after, struct fg_usage *out);

#endif
