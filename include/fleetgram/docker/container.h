/*
 * Containers: list, inspect, and everything that changes one.
 *
 * Only what Fleetgram uses is decoded; what is needed rarely is read from the document an inspect
 * keeps. Actions return 1 when they changed something and 0 when the container was in that state
 * already (the engine's 304).
 */
#ifndef FLEETGRAM_DOCKER_CONTAINER_H
#define FLEETGRAM_DOCKER_CONTAINER_H

#include "fleetgram/base/str.h"
#include "fleetgram/docker/engine.h"

struct fg_port {
	char ip[48];         /* "" when the port is not published */
	int inside, outside; /* outside is 0 when the port is not published */
	char proto[8];
};

/* One row of a list. Strings are valid UTF-8 whatever the engine sent; none is NULL. */
struct fg_container {
	char id[FG_ID_SIZE];
	char *name;  /* without the slash */
	char *image; /* as it was named at creation */
	char *image_id;
	char state[16]; /* the engine's word: created running paused restarting removing exited dead
			 */
	char health[16]; /* "healthy" "unhealthy" "starting", or "" without a healthcheck or while
			    it is stopped */
	char *status;    /* the engine's sentence: "Up 3 minutes (healthy)" */
	int64_t created_ms; /* wall clock */
	cJSON *labels;      /* an object, its values strings */
	struct fg_port *ports;
	size_t port_count;
};

struct fg_containers {
	struct fg_container *v;
	size_t n;
};

const char *fg_container_label(
	const struct fg_container *c, const char *key); /* NULL when absent */
void fg_container_copy(struct fg_container *to, const struct fg_container *from); /* deep */
void fg_container_finish(struct fg_container *c);
void fg_containers_finish(struct fg_containers *list);
#define cleanup_containers __attribute__((cleanup(fg_containers_finish)))

/* All containers, stopped ones too, in the engine's order (newest first). label: only with "key" or
 * "key=value"; NULL: all. */
int fg_container_list(
	struct fg_engine *engine, const char *label, struct fg_containers *out, struct fg_err *err);

/* On a container that was made by the bare id of its image: the name that it is known by. */
#define FG_LABEL_IMAGE "io.fleetgram.image"
/* An image as people call it: an id gives way to the name among the container's labels (NULL: not
 * known). */
const char *fg_container_image(const char *image, const cJSON *labels);

struct fg_container_info {
	cJSON *raw; /* the whole document; owned */
	char id[FG_ID_SIZE];
	const char *name, *image, *image_id; /* inside raw, or "" */
	char state[16], health[16];
	bool tty, oom_killed;
	int exit_code; /* -1 with Podman while there is none */
	int64_t restart_count;
	const char *error;                           /* why the last start failed; "" mostly */
	int64_t created_ms, started_ms, finished_ms; /* wall clock; 0: never */
	int64_t nano_cpus, memory, memory_swap,
		pids;               /* limits; 0: none; memory_swap -1: no limit of swap */
	const char *restart_policy; /* "no" "always" "on-failure" "unless-stopped" */
	const char *health_output;  /* of the last probe, or "" */
};

/* id: an id, a prefix of one, or a name. */
int fg_container_inspect(struct fg_engine *engine, const char *id, struct fg_container_info *out,
	struct fg_err *err);
void fg_container_info_finish(struct fg_container_info *info);
#define cleanup_info __attribute__((cleanup(fg_container_info_finish)))

/*
 * Which limits of those in a HostConfig (or in what changes one) the engine would take and not
 * hold, as templates call them: "cpus, memory"; "" when it holds all. Only Podman is asked, which
 * may take seconds. Caller frees; NULL: it did not say.
 */
char *fg_engine_unheld(struct fg_engine *engine, const cJSON *limits, struct fg_err *err);

/* body as the Engine API's POST /containers/create has it. Warnings of the engine, one a line, are
 * added to warnings (may be NULL). */
int fg_container_create(struct fg_engine *engine, const char *name, const cJSON *body,
	char id[FG_ID_SIZE], struct fg_str *warnings, struct fg_err *err);
int fg_container_start(struct fg_engine *engine, const char *id, struct fg_err *err);
/* grace_s: seconds between the stop signal and SIGKILL; -1: the container's own. */
int fg_container_stop(struct fg_engine *engine, const char *id, int grace_s, struct fg_err *err);
int fg_container_restart(struct fg_engine *engine, const char *id, int grace_s, struct fg_err *err);
int fg_container_pause(struct fg_engine *engine, const char *id, struct fg_err *err);
int fg_container_unpause(struct fg_engine *engine, const char *id, struct fg_err *err);
int fg_container_kill(
	struct fg_engine *engine, const char *id, const char *signal, struct fg_err *err);
int fg_container_rename(
	struct fg_engine *engine, const char *id, const char *name, struct fg_err *err);
int fg_container_remove(
	struct fg_engine *engine, const char *id, bool force, bool volumes, struct fg_err *err);
/* Until it is not running (or is already): 0. deadline in monotonic ms. */
int fg_container_wait(struct fg_engine *engine, const char *id, int64_t deadline, int *exit_code,
	struct fg_err *err);
/* body as POST /containers/ID/update has it: limits and the restart policy. Podman 4 has no such
 * call: FG_EREMOTE. */
int fg_container_update(
	struct fg_engine *engine, const char *id, const cJSON *body, struct fg_err *err);

/* The processes as the engine's ps shows them: {"Titles":[…],"Processes":[[…]]}; caller deletes. */
cJSON *fg_container_top(struct fg_engine *engine, const char *id, struct fg_err *err);

#endif
