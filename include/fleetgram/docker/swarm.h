/*
 * Swarm: the services and nodes of a manager, the tasks that services are made of, and every call
 * that changes one.
 *
 * Only a manager answers these; whatever else an engine is, fg_swarm_refusal() tells from the
 * error. What is written back has to be what was read: services and nodes keep their document, and
 * a change is a function that edits its Spec. Should somebody else have changed it meanwhile
 * ("update out of sequence"), it is read and changed again. Texts are valid UTF-8 and clean; none
 * is NULL.
 *
 * What is running is counted from the tasks whose desired and actual state are running: those of a
 * lost node stay "running" and are wanted gone.
 */
#ifndef FLEETGRAM_DOCKER_SWARM_H
#define FLEETGRAM_DOCKER_SWARM_H

#include "fleetgram/base/str.h"
#include "fleetgram/docker/logs.h"

#define FG_SWARM_ID 64 /* ids are 25 letters and digits; longer ones are cut */

/* What an engine says of its part in a swarm; every engine answers this. */
struct fg_swarm_info {
	char state[16]; /* "inactive" "pending" "active" "error" "locked"; "" where there is
			   no such thing */
	bool manager;   /* it is one, and so answers what is below */
	char cluster[FG_SWARM_ID]; /* the swarm's; "" on workers, and while it has no leader */
	char node[FG_SWARM_ID];    /* its own */
	char error[256]; /* what ails it: "The swarm does not have a leader. …"; "" mostly */
};

int fg_swarm_info(struct fg_engine *engine, struct fg_swarm_info *out, struct fg_err *err);

enum fg_swarm_refusal {
	FG_SWARM_FINE,       /* the error is about something else */
	FG_SWARM_NO_MANAGER, /* the engine is a worker, or in no swarm; or knows of none (Podman) */
	FG_SWARM_NO_LEADER,  /* more than half of the managers are gone: nothing can be read or
			      * changed
			      */
	FG_SWARM_UNDECIDED,  /* it may be the same; but what was asked for may still come about */
};

enum fg_swarm_refusal fg_swarm_refusal(const struct fg_err *err);

/* Services */

enum fg_service_mode {
	FG_SERVICE_REPLICATED, /* so many tasks */
	FG_SERVICE_GLOBAL,     /* one on each node */
	FG_SERVICE_JOB,        /* so many tasks that end */
	FG_SERVICE_GLOBAL_JOB,
};

struct fg_service_port {
	int inside, outside; /* outside is 0 when it is not published */
	char proto[8];       /* "tcp" */
	bool host;           /* on the task's own node, not on all of them */
};

struct fg_service {
	char id[FG_SWARM_ID];
	uint64_t version; /* of its document; it grows with each change of its spec or its update */
	char *name;
	char *image;  /* as people write it: without the digest */
	char *digest; /* "sha256:…", or "" */
	enum fg_service_mode mode;
	int64_t wanted;    /* tasks; of a global one -1 until fg_service_count() */
	int64_t running;   /* tasks; 0 until fg_service_count() */
	int64_t completed; /* of a job, those that ended well; 0 until fg_service_count() */
	cJSON *labels;     /* an object */
	struct fg_service_port *ports;
	size_t port_count;
	int64_t created_ms, updated_ms; /* wall clock; 0: not known */
	char update_state[24];          /* "" "updating" "paused" "completed" "rollback_started"
					   "rollback_paused" "rollback_completed" */
	char *update_message;           /* the swarm's: why it is paused */
	int64_t update_started_ms;
	uint64_t iteration; /* of a job: it grows each time the job is to run again */
	bool previous; /* it has a spec to be rolled back to */
	cJSON *raw;    /* the whole document; owned */
};

struct fg_services {
	struct fg_service *v;
	size_t n;
};

void fg_service_finish(struct fg_service *service);
void fg_services_finish(struct fg_services *list);
#define cleanup_service __attribute__((cleanup(fg_service_finish)))
#define cleanup_services __attribute__((cleanup(fg_services_finish)))

const char *fg_service_label(const struct fg_service *s, const char *key); /* NULL when absent */

/*
 * One word for how it is, once it was counted: "running" as many as wanted, "partial" fewer, "down"
 * none, "stopped" none are wanted; of a job "complete" when all have ended well, "active" before.
 */
const char *fg_service_state(const struct fg_service *service);

bool fg_service_is_job(const struct fg_service *service); /* of either kind */

/* Its Spec.TaskTemplate.ContainerSpec, inside raw; NULL when it has none. */
const cJSON *fg_service_container(const struct fg_service *service);

/* All of them, by name, counted. */
int fg_service_list(struct fg_engine *engine, struct fg_services *out, struct fg_err *err);
/* id: an id, or a whole name. Not counted. */
int fg_service_inspect(
	struct fg_engine *engine, const char *id, struct fg_service *out, struct fg_err *err);

/* Tasks */

struct fg_service_task {
	char id[FG_SWARM_ID], service[FG_SWARM_ID];
	char node[FG_SWARM_ID]; /* "" while it waits for one */
	int slot;               /* its number among the replicas; 0 of a global service */
	char desired[16];       /* "running" "shutdown" "complete" … */
	char state[16]; /* "new" "pending" "assigned" "accepted" "preparing" "ready" "starting"
			   "running" "complete" "shutdown" "failed" "rejected" "remove" "orphaned"
			 */
	char *message;  /* "started" */
	char *error;    /* "task: non-zero exit (1)"; "" mostly */
	char *image;    /* without the digest */
	char *digest;   /* "sha256:…", or "" */
	char container[FG_ID_SIZE];
	int exit_code;      /* of one that has ended; else 0 */
	int64_t force;      /* the ForceUpdate of the spec that it was made from */
	uint64_t iteration; /* of a job: the one that it belongs to */
	int64_t created_ms; /* wall clock */
	int64_t at_ms;      /* wall clock: in this state since */
};

struct fg_service_tasks {
	struct fg_service_task *v;
	size_t n;
};

void fg_service_tasks_finish(struct fg_service_tasks *list);
#define cleanup_service_tasks __attribute__((cleanup(fg_service_tasks_finish)))

/* The tasks of a service (NULL: of all), those that are no longer wanted too; by slot, newest first
 * in each. */
int fg_service_task_list(struct fg_engine *engine, const char *service,
	struct fg_service_tasks *out, struct fg_err *err);

bool fg_service_task_open(const struct fg_service_task *task); /* it is to run, and does not yet */
bool fg_service_task_runs(
	const struct fg_service_task *task); /* desired and actual state running */
/* What service.wanted (of a global one), running and completed are by these tasks of it, or of all
 * services; of a job those of its last iteration count. */
void fg_service_count(struct fg_service *service, const struct fg_service_tasks *tasks);
/* How many run with the image, its digest and the force of the service's spec of now. */
int64_t fg_service_fresh(const struct fg_service *service, const struct fg_service_tasks *tasks);

/* Changes. Each tells the engine's observer: "service-create", "service-update", "service-remove";
 * the id is the service's (of a new one its name). */

/* body as POST /services/create has it. auth as fg_image_pull() has it; NULL: none. Warnings of the
 * engine, one a line, are added to warnings (may be NULL). */
int fg_service_create(struct fg_engine *engine, const cJSON *body, const char *auth,
	char id[FG_SWARM_ID], struct fg_str *warnings, struct fg_err *err);

/*
 * Change a service: change edits spec, as it is now, and returns 1, or 0 when there is nothing to
 * change (a change that another try has made already), or -1 with err. Called again for every try.
 * It must not wait. 1: changed; 0: nothing to change; -1: err.
 */
struct fg_service_change {
	int (*change)(cJSON *spec, void *arg, struct fg_err *err);
	void *arg;
	const char *auth; /* of the image's registry; NULL: the one it has */
};
int fg_service_update(struct fg_engine *engine, const char *id,
	const struct fg_service_change *change, struct fg_str *warnings, struct fg_err *err);

/* Ready changes. 1: changed; 0: it is so already. */
int fg_service_scale(
	struct fg_engine *engine, const char *id, int64_t replicas, struct fg_err *err);
int fg_service_set_image(struct fg_engine *engine, const char *id, const char *image,
	const char *auth, struct fg_str *warnings, struct fg_err *err);
/* New tasks in the place of all, one after the other. wanted: 0 at first; kept for another try, it
 * makes sure that they are replaced once. */
int fg_service_force(
	struct fg_engine *engine, const char *id, uint64_t *wanted, struct fg_err *err);
/* Back to the spec before, by the swarm itself. version: the one that was seen: when it is another
 * by now, FG_ECONFLICT, since then it would be rolled back to something else. */
int fg_service_rollback(
	struct fg_engine *engine, const char *id, uint64_t version, struct fg_err *err);
int fg_service_remove(struct fg_engine *engine, const char *id, struct fg_err *err);

/*
 * The logs of all tasks of a service, as logs.h has those of a container; each line begins with
 * where it comes from, which fg_service_log_origin() takes off. tail is of each task, and lines of
 * different tasks are in no order.
 */
struct fg_logs *fg_service_logs_open(struct fg_engine *engine, const char *id, bool tty,
	const struct fg_log_options *options, struct fg_err *err);
/* node and task are filled, "" when the line does not say; line then begins with its own text. */
void fg_service_log_origin(
	struct fg_log_line *line, char node[FG_SWARM_ID], char task[FG_SWARM_ID]);

/* Nodes */

struct fg_node {
	char id[FG_SWARM_ID];
	uint64_t version;
	char *hostname, *address, *engine_version, *platform; /* platform: "linux/amd64" */
	char role[16];                                        /* "manager" "worker" */
	char availability[16];                                /* "active" "pause" "drain" */
	char state[16]; /* "ready" "down" "disconnected" "unknown" */
	char *message;  /* why it is down; "" mostly */
	bool leader;
	char reachability[16]; /* of a manager: "reachable" "unreachable"; else "" */
	int64_t nano_cpus, memory;
	cJSON *labels; /* an object */
	cJSON *raw;    /* the whole document; owned */
};

struct fg_nodes {
	struct fg_node *v;
	size_t n;
};

void fg_node_finish(struct fg_node *node);
void fg_nodes_finish(struct fg_nodes *list);
#define cleanup_node __attribute__((cleanup(fg_node_finish)))
#define cleanup_nodes __attribute__((cleanup(fg_nodes_finish)))

int fg_node_list(struct fg_engine *engine, struct fg_nodes *out, struct fg_err *err); /* by name */
/* availability: "active" "pause" "drain". 1: changed; 0: it is so already. Observed as
 * "node-update". */
int fg_node_set_availability(
	struct fg_engine *engine, const char *id, const char *availability, struct fg_err *err);
/* Its hostname; the id while it has none. */
const char *fg_node_title(const struct fg_node *node);
/* The same by its id in a list (NULL: empty); the id when it is not there (removed since), "" for
 * "". */
const char *fg_node_name(const struct fg_nodes *list, const char *id);

/* Decoding, for the tests and the fuzz targets: doc is taken over. -1: it has no id. */
int fg_service_decode(cJSON *doc, struct fg_service *out);
int fg_service_task_decode(const cJSON *row, struct fg_service_task *out);
int fg_node_decode(cJSON *doc, struct fg_node *out);

#endif
