/*
 * Incidents as the store keeps them: one row each, and what becomes of it.
 */
#ifndef BOT_NOTIFY_INCIDENTS_H
#define BOT_NOTIFY_INCIDENTS_H

#include "notify/notify.h"

#define INCIDENTS_DAYS 30 /* closed ones are kept, and the newest INCIDENTS_MOST */
#define INCIDENTS_MOST 5000

struct incident {
	int64_t id; /* what people call it by: "#12" */
	enum incident_kind kind;
	enum incident_state state;
	const char *host, *container_id, *name, *project, *image, *about; /* "" where they do not apply */
	cJSON *labels, *facts; /* objects; of the last time */
	int64_t opened_ms, last_ms; /* wall clock: the first and the last time it happened */
	int64_t recovered_ms, acked_ms, told_ms; /* 0: not (yet); told: its last new message */
	const char *acked_by;
	int64_t count;    /* how often it happened */
	int64_t bulletin; /* the message that tells of it; 0: none yet */
};

int incidents_setup(struct fg_store *store, struct fg_err *err);

struct incidents_filter {
	bool open_only;
	int64_t id;    /* 0: any */
	int64_t bulletin; /* told by that message; 0: any */
	int64_t since_ms; /* last_ms from then on; 0: any */
	const struct fg_selector *scope; /* NULL: everything; what is out of it does not exist */
	size_t skip, most; /* most 0: all */
};

/* The newest (by last_ms) first: how many passed the filter in all, -1 on error; each() gets those
 * after skip, at most `most`. The strings are valid during the call. Does not wait. */
int64_t incidents_each(struct fg_store *store, const struct incidents_filter *filter,
	void (*each)(const struct incident *incident, void *arg), void *arg, struct fg_err *err);

/* How many of each kind are open. 0, or -1. */
int incidents_count_open(struct fg_store *store, int64_t open[INCIDENT_KINDS]);

/* In the open transaction. 1: done; 0: it was so, or there is no such open incident. */
int incidents_ack(struct fg_tx *tx, int64_t id, const char *by, int64_t now_ms, struct fg_err *err);
/* Whether somebody has acknowledged an open incident of that kind of a container (of the host itself:
 * id ""). */
bool incidents_acked(struct fg_store *store, enum incident_kind kind, const char *host, const char *id);
/* In the open transaction: it is of no interest any more, as if it had never been. Its message stays
 * as it is. */
int incidents_drop(struct fg_tx *tx, int64_t id, struct fg_err *err);

/* "died", "unhealthy": for selectors of buttons, lists and metrics. */
const char *incident_kind_word(enum incident_kind kind);
const char *incident_state_word(enum incident_state state);
/* "🔴 web died: exit 137, out of memory": one line of HTML for lists. */
void incident_line(struct fg_str *html, const struct incident *incident, bool several_hosts);
struct fg_subject incident_subject(const struct incident *incident);
/* The host under which scope (NULL: everything) shows it; NULL: it does not. What is a swarm's has
 * several, and only one in scope may be named. It belongs to the incident. */
const char *incident_host(const struct incident *incident, const struct fg_selector *scope);

#endif
