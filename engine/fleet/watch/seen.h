/*
 * Seen: how the watch last saw each container of a host, in memory and in the store.
 *
 * In memory is what events are compared with; labels, which are many and change never, are in the
 * store alone once they are there.
 */
#ifndef FLEET_WATCH_SEEN_H
#define FLEET_WATCH_SEEN_H

#include "fleetgram/base/store.h"
#include "fleetgram/docker/container.h"

enum life { LIFE_CREATED, LIFE_RUNNING, LIFE_PAUSED, LIFE_ENDED };

struct seen {
	char id[FG_ID_SIZE];
	char *name, *image;
	char *labels; /* as JSON until they are in the store, then NULL */
	enum life life;
	char health[16];              /* "healthy" "unhealthy" "starting", "" */
	bool oom;                     /* its last run has been short of memory */
	int64_t started_ms, ended_ms; /* wall clock of the engine; 0: never */
	int signal; /* somebody sent it to this run; 0: none, -1: one that the engine did not name
		     */
	int64_t signal_ms;
	bool dirty;          /* the store does not know it like this */
	bool gone;           /* to be deleted from the store */
	bool ask_health;     /* the engine is to be asked again */
	int64_t compared_ms; /* wall clock of the engine: found by comparing then, and what is on
				its way in the stream may be the same; 0: no */
};

struct seen_table {
	struct seen **v; /* by id */
	size_t n, room;
};

/* Where the watch of a host stands. */
struct cursor {
	bool known;      /* the host was watched before */
	char *url;       /* where it was then; NULL: not known */
	int64_t at_ns;   /* of the last event that was taken; 0: none was yet */
	int64_t at_n;    /* how many of that very moment were */
	bool gap;        /* events were missed, and not all containers have been compared since */
	int64_t skew_ms; /* this machine's clock less the engine's */
};

void seen_finish(struct seen_table *table);
struct seen *seen_find(const struct seen_table *table, const char *id); /* NULL: none */
/* Of an id that is not there; labels NULL: not known. */
struct seen *seen_add(struct seen_table *table, const char *id, const char *name, const char *image,
	const cJSON *labels);
void seen_rename(struct seen *s, const char *name);
enum life seen_life(const char *state); /* of the engine's word */
bool seen_up(const struct seen *s);     /* running or paused */
/* The labels of one whose row is in the store, or that is about to be; NULL: none. Caller deletes.
 */
cJSON *seen_labels(struct fg_store *store, const char *host, const struct seen *s);

int seen_migrate(struct fg_store *store, struct fg_err *err);
/* Into a zeroed table and cursor. */
int seen_load(struct fg_store *store, const char *host, struct seen_table *table,
	struct cursor *cursor, struct fg_err *err);
/* What is dirty or gone, and the cursor. Nothing changes in memory: seen_written() after the
 * commit. */
int seen_write(struct fg_tx *tx, const char *host, const struct seen_table *table,
	const struct cursor *cursor, struct fg_err *err);
/* All of hosts that are not among these any more. */
int seen_keep(struct fg_store *store, const char *const *hosts, size_t n, struct fg_err *err);
void seen_written(struct seen_table *table);
bool seen_dirty(const struct seen_table *table);

#endif
