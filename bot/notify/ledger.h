/*
 * The ledger: the incidents that a transaction is about, changed in memory and written once.
 *
 * What happens comes in batches, mostly about the same few containers. Their incidents are read when
 * they are first asked for, changed as often as need be, and written at the end, so that a batch of
 * a crash loop costs one row however often it died.
 */
#ifndef BOT_NOTIFY_LEDGER_H
#define BOT_NOTIFY_LEDGER_H

#include "fleetgram/base/list.h"
#include "notify/kinds.h"

/* What keeps an incident from being told. One that is over by the time it may be is not told then;
 * when it comes back, it is. */
enum held {
	HELD_NOT,
	HELD_MUTE,
	HELD_HOST, /* its host was away, and comes back with its containers; or a task's end was missed */
};

/* One incident; the strings of `is` are the entry's own. What the notifier itself has to remember is
 * among the facts, under FACT_… */
struct entry {
	struct fg_list link;
	struct incident is;
	char *subject;     /* what its container is, whatever its id (subject.h) */
	bool tell;         /* it wants a new message */
	int64_t tell_at_ms; /* wall clock: it is held until then */
	int64_t gap_ms;    /* so long after told_ms it may be told anew */
	int64_t settle_ms; /* wall clock: when it is up so long that it has recovered; 0: it is not up */
	enum held held;    /* while `tell` */
	bool unsure;       /* whether it is one is known only after a closer look; nobody sees it before */
	bool changed, dropped;
};

#define FACT_RECENT "recent"   /* when it died the last times, for restart loops */
#define FACT_LOOP "loop_since" /* it keeps restarting; wall clock */
#define FACT_OOM "oom_ms"      /* when a process in it was last killed for want of memory */
#define FACT_OVER "over"       /* how it ended: "stopped" "removed" "restarted" "started" "finished"
				"superseded"; "left": with its host, the config */
#define FACT_DOWN "down"       /* of a subject of several containers: those that are down (fold.h) */
#define FACT_ELSEWHERE "elsewhere" /* a task that died runs again, and not in this container */
#define FACT_HOSTS "hosts"     /* of a swarm's: all under which it may be shown and found */
#define FACT_PERHAPS "perhaps" /* of a node: hosts any of which it may be; seen by who sees them all */
#define FACT_SWARM "swarm"     /* whose it is: its id */
#define FACT_DOUBT "doubt_ms"  /* wall clock: until then it may be none, for its end was missed */
#define FACT_GONE "gone"       /* it was closed because its container is no more */
#define FACT_DETAIL "detail"   /* what a closer look has found (detail.h) */

struct ledger {
	struct fg_tx *tx;
	const struct config *config;
	int64_t now_ms;        /* wall clock */
	struct fg_list entries;
	struct fg_list loaded; /* containers and subjects whose entries are all there */
};

#define ENTRY_COLUMNS                                                                          \
	"id, kind, state, host, container, name, project, image, about, labels, facts, opened," \
	" last, recovered, acked, acked_by, told, count, bulletin, tell, tell_at, gap, settle, unsure,"     \
	" held"

int ledger_setup(struct fg_store *store, struct fg_err *err);

void ledger_begin(struct ledger *l, struct fg_tx *tx, const struct config *config);
void ledger_finish(struct ledger *l); /* what was not written is forgotten */
#define cleanup_ledger __attribute__((cleanup(ledger_finish)))
/* Write what has changed; the messages that tell of it are to be shown anew. */
int ledger_write(struct ledger *l, struct fg_err *err);

/* Read all incidents of a container (container "": of the host itself) that are not closed, if they
 * were not yet. */
int ledger_load(struct ledger *l, const char *host, const char *container, struct fg_err *err);
/* Read all that the next container of a subject may take over (fold.h), if they were not yet; "":
 * nothing. */
int ledger_load_subject(struct ledger *l, const char *host, const char *subject, struct fg_err *err);
/* Read those of swarms, under whatever host, that are about that id or that subject ("": none), and
 * that one of now may be again. */
int ledger_load_swarm(struct ledger *l, const char *id, const char *subject, struct fg_err *err);
/* Read the open deaths of a swarm's service, on whatever host, if they were not yet. */
int ledger_load_service(struct ledger *l, const char *service, struct fg_err *err);
/* Of a container: the one of that kind that is not closed; about NULL: whichever. NULL: there is none. */
struct entry *ledger_find(struct ledger *l, enum incident_kind kind, const char *host,
	const char *container, const char *about);
/* The one of that number, loaded or not; NULL: there is none (err->code is 0 then), or an error. */
struct entry *ledger_get(struct ledger *l, int64_t id, struct fg_err *err);
/* A new one, open. */
struct entry *ledger_add(struct ledger *l, const struct incident_report *report);

bool entry_is_of(const struct entry *e, const char *host, const char *container);
void entry_set(const char **field, const char *value);
/* What its container is called, and its labels (NULL: not known); with them goes its subject. */
void entry_call(struct entry *e, const char *name, const cJSON *labels);
/* The facts of the last time, but for what the notifier remembers. facts NULL: none. */
void entry_take_facts(struct entry *e, const cJSON *facts);
void entry_set_fact(struct entry *e, const char *key, cJSON *value); /* NULL: takes it away */

/* The row of ENTRY_COLUMNS that rows is at. The strings are the rows'; labels and facts are made,
 * and deleted by incident_row_finish(). */
struct incident_row {
	struct incident is;
	bool tell, unsure;
	int64_t tell_at_ms, gap_ms, settle_ms;
	enum held held;
};

void incident_row_read(struct fg_rows *rows, struct incident_row *row);
void incident_row_finish(struct incident_row *row);

#endif
