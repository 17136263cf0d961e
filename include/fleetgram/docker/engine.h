/*
 * An engine: one container engine's API, reached over a Unix socket, TCP with or without TLS, or
 * ssh.
 *
 * The API version is negotiated at the first call, and again after the engine was gone: the lower
 * of FG_API_NEWEST and what the engine speaks, never below its minimum. Podman's Docker-compatible
 * service counts as an engine too; `kind` tells. Calls run in tasks. An engine's own error message
 * is the error's text, its HTTP status the error's status: 404 is FG_ENOTFOUND, 409 is
 * FG_ECONFLICT, other statuses are FG_EREMOTE.
 */
#ifndef FLEETGRAM_DOCKER_ENGINE_H
#define FLEETGRAM_DOCKER_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include "fleetgram/base/err.h"

#define FG_API_NEWEST "1.51" /* of Docker 28.5; the newest that this was tested with */
#define FG_API_OLDEST "1.24" /* what no engine of the last eight years is below */
#define FG_ID_SIZE 65        /* 64 hex digits and a NUL */

struct fg_engine;

struct fg_engine_options {
	const char *name; /* what metrics call it; NULL: its URL */
	/* unix:///path, tcp://host:port, ssh://[user@]host[:port]; tcp with any TLS file set means
	 * TLS */
	const char *url;
	struct {
		const char *ca, *cert, *key; /* PEM files, NULL: none */
	} tls;
	struct {
		const char *key, *known_hosts; /* files, NULL: the user's own */
	} ssh;
	int64_t timeout_ms; /* for one call; 0: 30 s. Calls that wait for a container add its grace.
			     */
};

/* Checks the URL, copies everything, connects to nothing. NULL on a bad URL. */
struct fg_engine *fg_engine_create(const struct fg_engine_options *options, struct fg_err *err);
void fg_engine_destroy(struct fg_engine *engine); /* NULL is fine */

/* What of that can be checked on its own: an ssh:// URL, and a file for ssh. -1: err says why not.
 */
int fg_ssh_check_url(const char *url, struct fg_err *err);
int fg_ssh_check_file(const char *path, struct fg_err *err);

/*
 * Who is told of every call that changes a container: begin before the request leaves, end when its
 * outcome is known (err NULL: it went well). verb: "create" "kill" "pause" "remove" "rename"
 * "restart" "start" "stop" "unpause", and those of swarm.h; id as the caller has it, of a new one its
 * name. What begin returns is handed to end. Both may wait, and cannot prevent the call.
 */
struct fg_engine_observer {
	int64_t (*begin)(void *arg, const char *verb, const char *id);
	void (*end)(void *arg, int64_t token, const struct fg_err *err);
};

/* The observer is not copied; NULL: nobody. */
void fg_engine_observe(
	struct fg_engine *engine, const struct fg_engine_observer *observer, void *arg);

struct fg_engine_version {
	char kind[16];        /* "docker" or "podman" */
	char version[64];     /* "20.10.24" */
	char api_version[16]; /* what the two of us speak: "1.41" */
	char os[32], arch[32];
};

int fg_engine_ping(struct fg_engine *engine, struct fg_err *err);
int fg_engine_version(struct fg_engine *engine, struct fg_engine_version *out, struct fg_err *err);
/* What it last said of its version, without asking. False: it was not asked yet. */
bool fg_engine_seen(const struct fg_engine *engine, struct fg_engine_version *out);

struct fg_engine_info {
	char id[128], name[128], os[128], kernel[128], storage[64], cgroup[8], root_dir[256];
	int64_t containers, running, paused, stopped, images;
	int64_t cpus, memory_bytes;
	char labels[256]; /* the engine's own: "zone=a, disk=ssd"; "" for none */
	char swarm[16]; /* "inactive", "active", …; "" where the engine has none */
	bool manager;
};

int fg_engine_info(struct fg_engine *engine, struct fg_engine_info *out, struct fg_err *err);

/* Disk use by kind: how many, how many of them in use, their bytes, and the bytes that nothing
 * uses. */
struct fg_disk_use {
	int64_t count, active, bytes, reclaimable;
};

struct fg_engine_df {
	struct fg_disk_use images, containers, volumes, build_cache;
};

int fg_engine_df(struct fg_engine *engine, struct fg_engine_df *out, struct fg_err *err);

#endif
