/*
 * Schedules: commands that run by the clock, of the config and of the store, and what became of
 * them.
 *
 * What is noted of a schedule's runs is kept with its times: when those are changed it begins anew.
 */
#ifndef BOT_SCHEDULE_H
#define BOT_SCHEDULE_H

#include "app.h"
#include "config/cron.h"

#define SCHEDULE_LATE ((int64_t)90 * 1000) /* ms; what is later was missed, and is not run */
#define SCHEDULE_STORED 100                /* the most in the store */
#define SCHEDULE_BACK ((int64_t)3600 * 1000) /* ms that a clock may be set back and run nothing again */

struct schedule {
	char *name, *cron, *command;
	bool stored;       /* in the store, not the config */
	struct cron times; /* of cron */
	int64_t seen_ms;   /* wall; all that was due until then is settled. 0: never looked at */
	int64_t began_ms;  /* wall; the run that is under way; 0: none */
	int64_t last_ms;   /* wall; when the last one ended; 0: none did */
	bool last_ok;
	char *last_text; /* its first line */
};

struct schedules {
	struct schedule *v;
	size_t n;
};

/* Its tables. */
int schedule_setup(struct fg_store *store, struct fg_err *err);

/* All schedules by name. out has to be zeroed. */
int schedule_list(struct fg_store *store, const struct config *config, struct schedules *out,
	struct fg_err *err);
void schedules_finish(struct schedules *s);
#define cleanup_schedules __attribute__((cleanup(schedules_finish)))
struct schedule *schedule_find(const struct schedules *s, const char *name); /* NULL: none */

/* Whether that is a command that a schedule may run. -1: err says why not. */
int schedule_check(const struct config *config, const char *command, struct fg_err *err);

/* Into the store; command as a line without its slash. */
int schedule_add(struct fg_store *store, const char *name, const char *cron, const char *command,
	const char *author, struct fg_err *err);
/* 1: it is out of the store; 0: it was not in it. */
int schedule_remove(struct fg_store *store, const char *name, struct fg_err *err);

/* What is due by now, of a schedule that is settled up to seen_ms. */
struct schedule_due {
	int64_t run_ms; /* the time to run for; 0: none */
	int missed;     /* earlier ones; at most SCHEDULE_MISSED */
	int64_t missed_ms;
	int64_t seen_ms; /* what is settled when that was dealt with */
	int64_t next_ms; /* 0: never */
};
#define SCHEDULE_MISSED 1000

/* away: nobody was there to run anything until now. A clock that was more than SCHEDULE_BACK ahead
 * when the schedule was last looked at was wrong, and is not waited for. */
struct schedule_due schedule_due(
	const struct cron *times, int64_t seen_ms, int64_t now_ms, bool away);

/* Whether it is still there as it was read, in a transaction: it may have been removed or changed
 * since. -1: that cannot be told. */
int schedule_stands(struct fg_tx *tx, const struct config *config, const struct schedule *s,
	struct fg_err *err);

/* Notes of a run, in a transaction. seen: all until then is settled; known: of one that was looked
 * at before, nothing is settled anew, else all until now. */
int schedule_note_seen(
	struct fg_tx *tx, const struct schedule *s, int64_t seen_ms, struct fg_err *err);
int schedule_note_known(
	struct fg_tx *tx, const struct schedule *s, int64_t now_ms, struct fg_err *err);
int schedule_note_begin(struct fg_tx *tx, const char *name, int64_t now_ms, struct fg_err *err);
int schedule_note_end(struct fg_tx *tx, const char *name, int64_t now_ms, bool ok, const char *text,
	struct fg_err *err);

#endif
