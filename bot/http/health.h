/*
 * Health: one picture of the fleet, taken at intervals and on demand, and what is to be said about
 * it.
 *
 * The picture holds what costs a question to an engine: hosts, containers, instances. It is at most
 * health.refresh old unless hosts are slow; whoever asks for a fresh one while one is being taken
 * waits for that one. Telegram's state, the outbox, memory and uptime cost nothing and are read
 * anew for every document. No question here waits for a dead host longer than HEALTH_PATIENCE_MS.
 */
#ifndef BOT_HTTP_HEALTH_H
#define BOT_HTTP_HEALTH_H

#include "app.h"
#include "telegram/telegram.h"

#define HEALTH_PATIENCE_MS \
	5000 /* for each question to a host; less when the host's own timeout is */

struct feed;
struct health;

enum health_state { HEALTH_OK, HEALTH_DEGRADED, HEALTH_DOWN };

struct health_host {
	char *name;
	bool up;
	bool counted;                     /* its containers are in the counts */
	struct fg_engine_version version; /* of its last good answer; "" before that */
	double latency_ms;
	int64_t since_ms;      /* wall clock: up or down since */
	int64_t paused_ms;     /* wall clock: for maintenance until then; 0: it is not */
	int64_t listed_ms;     /* wall clock: what is known of its containers is of then */
	int64_t reconciled_ms; /* the since_ms at which its instances were last compared; 0: that is
				  due */
	char *problem;         /* why it is down, or "" */
};

/* One instance of the registry and what its host says of it. */
struct health_instance {
	char *name, *host, *template, *image, *container_id; /* "" when unknown */
	char *created_at, *last_used_at;                     /* as the registry has them, or "" */
	char state[16]; /* the engine's word, or "missing"; the last known one when the host is down
			 */
	char health[16];    /* "healthy" "unhealthy" "starting" "none" */
	const char *config; /* "in-sync" "drifted" "unknown" */
	bool known;         /* its host answered in this picture */
	int64_t revision;   /* of its document */
	int64_t started_ms; /* wall clock; 0: it does not run, or that is not known */
	double cpus;        /* limits; 0: none */
	int64_t memory, pids;
	cJSON *labels; /* an object, or NULL */
};

/* running is what has a process or will have again (paused and restarting too), stopped the rest
 * that is there. */
struct health_counts {
	int total, running, stopped, unhealthy, missing;
};

struct health_picture {
	uint64_t number; /* 1 is the first */
	uint64_t setup;  /* the number of the setup that it was taken with */
	int64_t begun_ms, taken_ms,
		taken_wall_ms; /* its age counts from taken_ms, when all answers were in */
	struct health_host *hosts;
	size_t host_count, hosts_up;
	struct health_instance *instances; /* by name, then host */
	size_t instance_count;
	/* Of the hosts that answered; only the total of the instances is of all. */
	struct health_counts containers, instance_counts;
};

/* The app's fields may change until the first picture is taken, its setup at any time. */
struct health *health_create(struct app *app);
/* NULL is fine. Runs in a task, for it waits for a picture that is being taken; nobody else may
 * wait for one by then. */
void health_destroy(struct health *h);

/* Takes a picture every health.refresh; runs in a task of its own until it is cancelled. */
void health_run(void *health);

/* Take one now, or wait for the one being taken. Runs in a task. -1: cancelled or out of time, the
 * last picture stays. */
int health_probe(struct health *h, struct fg_err *err);

/* The last picture, valid until the caller waits; NULL before the first. */
const struct health_picture *health_picture(const struct health *h);

const struct app *health_app(const struct health *h);
struct feed *health_feed(const struct health *h); /* what changes from picture to picture (feed.h) */

/* Paused for maintenance just now. */
bool health_host_paused(const struct health_host *host);
/* Those that answer, and those that are missed when they do not. */
size_t health_hosts_wanted(const struct health_picture *picture);

/* Telegram as the app has it; disabled when it has none. */
void health_telegram(const struct health *h, struct telegram_health *out);

/*
 * The documents of GET /health and, as text, of GET /status; caller deletes or frees. cached:
 * whether the picture is older than the question. Before the first picture they have no hosts and
 * no instances, and checked_at is null.
 */
cJSON *health_document(const struct health *h, bool cached);
char *health_status(const struct health *h);

int64_t health_rss_bytes(void); /* this process's; 0: cannot be told */
/* How long the oldest message waits that is not for a parked chat, in ms; 0: none waits. */
int64_t health_outbox_age(const struct health *h);

/* Parts of them; caller deletes. The one of an instance borrows its labels. */
cJSON *health_counts_document(const struct health_counts *counts, bool missing);
cJSON *health_instance_document(const struct health_instance *instance);

enum health_state health_state(const struct health *h);
const char *health_state_name(enum health_state state); /* "ok" "degraded" "down" */
bool health_down(const struct health *h);               /* 503 */
bool health_ready(const struct health
		*h); /* a picture was taken, and Telegram answered once (or is disabled) */

#endif
