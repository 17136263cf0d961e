/*
 * Waves: /update, /apply and /restart over some hosts first, and over the others only when those
 * did well.
 *
 * `wave=1,10%,rest` among a command's words (grammar: wave_split.h) divides what it picked. The
 * question shows every container in its wave, and is frozen with it. The waves then run as one
 * batch (batch.h): a container at its turn has to be what was shown (the same one, called the same,
 * as much running as then), else it is refused, and says how it differs. When a wave has ended
 * without a failure it is looked after for `update.settle`; then all that was done so far has to
 * be running, without restarts and not unhealthy, and the next wave begins by itself.
 *
 * The first failure halts, and so does [Halt]: what is under way comes to its end, nothing else
 * is begun, and the command ends with a report and its buttons. [Continue] begins what was not
 * begun (never what failed), [Roll back] takes what was replaced back to the image it had: one
 * container at once, several after a question. For a restart there is nothing to take back. Buttons
 * are words of the same command, `update wave=continue:ID:ROUND`, so that who presses needs its
 * role, and the scope to see every container of it. Each run is a round; a button of an earlier
 * round does nothing.
 *
 * A host that is paused for maintenance meanwhile halts them too; with one that is, both buttons
 * ask. What shares namespaces with one that is replaced is made again by that (replace.h), and is
 * then followed as the one that it is now.
 *
 * Plan and progress are in the store, a row for each container. What a crash or a stop interrupts
 * is settled with the engines at the next start, reported in the same message, and goes on only
 * when somebody presses. Plans are kept as long as buttons are. A terminal's and a schedule's waves
 * run straight through, are not kept, and fail where they halt.
 */
#ifndef BOT_COMMANDS_WAVE_H
#define BOT_COMMANDS_WAVE_H

#include "commands/batch.h"
#include "commands/wave_split.h"

/* Of a container. What is begun or going back when nobody works at it was interrupted. */
enum wave_state {
	WAVE_WAITING,
	WAVE_BEGUN,
	WAVE_DONE,
	WAVE_SAME, /* there was nothing to do */
	WAVE_FAILED,
	WAVE_BACKING,
	WAVE_BACK, /* rolled back */
};

struct wave_target {
	int wave; /* from 1 */
	enum wave_state state;
	char *host, *name;
	char id[FG_ID_SIZE], now_id[FG_ID_SIZE]; /* as it was shown; the one in its place */
	char *agreed;                            /* what was confirmed of it: its id, or a hash */
	char was[16];                            /* its state when it was shown */
	char *before, *after;                    /* ids of its images; "": not known */
	int64_t started_ms;                      /* the engine's clock, before it was begun */
	int64_t restarts;                        /* counted when it was done; -1: not known */
	bool bad;    /* done, and found not to be good then */
	bool paused; /* its host was paused for maintenance when it was confirmed */
};

struct waves {
	struct fg_list link; /* of those under way, while they are */
	struct app *app;
	struct wave_parts parts;
	bool kept;   /* in the store */
	char id[17]; /* hex */
	int64_t round;
	char *command, *line; /* "update", and the whole it began with */
	struct wave_target *v;
	size_t n;
	int count;    /* waves */
	bool resumed; /* by [Continue]: it was confirmed before */
	bool back;    /* by [Roll back] */
	/* Of the run: */
	struct wave_target **todo; /* an item each, in their order */
	size_t todo_n;
	int now; /* the wave under way, or the last one that was */
	bool settling;
	char *halted; /* why nothing else is begun: plain text; NULL: it goes on */
	bool failed;  /* because of a failure, not of a person */
	struct fg_cond changed;
};

int wave_setup(struct fg_store *store, struct fg_err *err);
void waves_destroy(struct waves *waves); /* NULL is fine */
static inline void waves_destroy_ptr(struct waves **waves)
{
	waves_destroy(*waves);
}
#define cleanup_waves __attribute__((cleanup(waves_destroy_ptr)))

/* For the commands. All of these take NULL for a command without wave=. */

/*
 * Take wave= out of the words and pick what the others say, or what a pressed button is about. 1:
 * go on, *waves is NULL without a wave=; 0: that was all; -1: err.
 */
int wave_pick(struct command *c, const char **words, size_t n, struct fg_items *items,
	struct waves **waves);
bool wave_resumed(const struct waves *waves);
/* As command_confirm(); shown are the items as they are frozen, preview is added to. */
int wave_confirm(struct command *c, struct waves *waves, const struct fg_items *items,
	const struct fg_items *shown, struct fg_str *preview);
/* As command_begin(). */
int wave_begin(struct command *c, struct waves *waves, const struct fg_items *items);
/* After a start: what was interrupted, into the reply. 0, or -1: nothing is known of it. */
int wave_interrupted(struct command *c, const char *note);

/* For the batch. */

/* The first of the items that is not in the same wave as items[i], which is under way now. */
size_t wave_end(struct waves *waves, size_t i);
int wave_one(struct batch_job *job); /* batch->one(), when it may be, and its mark in the store */
int wave_gate(struct command *c, struct waves *waves); /* between two; 0: also when it halts now */
void wave_halt(struct waves *waves, bool failed, const char *fmt, ...)
	__attribute__((format(printf, 3, 4))); /* the first time counts */

/* wave_text.c: a line for each wave, bounded; what is shown while it runs; the report. */
void wave_preview(struct fg_str *html, const struct waves *waves, const struct fg_items *items);
void wave_lines(struct fg_str *html, const struct waves *waves);
void wave_show(struct command *c, const struct waves *waves, const char *steps);
int wave_report(struct command *c, const struct batch *batch, struct batch_job *jobs, size_t n);
void wave_interrupted_html(struct command *c, struct waves *waves, bool back);
/* What a target is called: "HOST/NAME". Caller frees. */
char *wave_title(const struct waves *waves, const struct wave_target *target);
bool wave_can_back(const struct waves *waves, const struct wave_target *target);
/* "Roll back …?", for those of the items that are not there any more, too. */
void wave_back_preview(
	struct fg_str *html, const struct waves *waves, const struct fg_items *items);
void wave_continue_preview(struct fg_str *html, const struct fg_items *items);

/* wave_store.c */
struct waves *wave_load(struct app *app, const char *id, struct fg_err *err); /* NULL: err */
/* In the open transaction: a new plan, or the next round of one. back: going back. */
int wave_put(struct fg_tx *tx, struct waves *waves, struct fg_err *err);
int wave_mark(
	struct waves *waves, struct wave_target *target, enum wave_state state, struct fg_err *err);
/* The id that it has now, which may be written to. */
char *wave_id(struct wave_target *target);
/* Take it for what it is now if it was made again for the sake of another one: whether it was. */
bool wave_follow(const struct waves *waves, struct wave_target *target);
/* What was interrupted, as the engines have it now. What cannot be found out stays as it is. */
void wave_settle(struct command *c, struct waves *waves);

#endif
