/*
 * A command: its row in the table, and one run of it.
 *
 * A row says all that the router, the help, the menu and the role check need. A run reads top to
 * bottom in a task of its own: it takes its words, adds to its reply, and returns 0; or it fills
 * c->err and returns -1, and the router tells the person. Before its first effect a command that
 * changes something calls command_begin(), so that it is never run twice.
 */
#ifndef BOT_CHAT_COMMAND_H
#define BOT_CHAT_COMMAND_H

#include "app.h"
#include "chat/reply.h"
#include "chat/roles.h"
#include "chat/words.h"
#include "fleetgram/fleet/instance.h"
#include "fleetgram/fleet/operation.h"
#include "fleetgram/fleet/selector.h"

struct command;

enum command_group { GROUP_GENERAL, GROUP_LOOK, GROUP_ACT, GROUP_CREATE, GROUP_ADMIN };

struct command_row {
	const char *name;
	const char *alias; /* NULL: none */
	const char *verb;  /* on the button that confirms it; NULL: the name */
	enum command_group group;
	enum role role; /* the least; ROLE_NONE: anyone known */
	bool mutates;
	bool asks; /* always, whatever the config says */
	int min, max;      /* words after the name; max -1: any number */
	bool (*exists)(const struct config *config); /* NULL: whatever the config says */
	const char *usage; /* "NAME [N] [since=10m]" */
	const char *help;  /* one line, for the menu and the list */
	const char *more;  /* paragraphs and examples for /help COMMAND, plain text; NULL: none */
	int (*run)(struct command *c);
	enum fg_operation op; /* of the rows that share a run */
};

/* How a confirmation is had. */
enum asking {
	ASK_CHAT,     /* buttons */
	ASK_TERMINAL, /* a question on the terminal */
	ASK_GIVEN,    /* exec --yes, or the button was pressed */
	ASK_REFUSED,  /* exec without --yes: the preview is the answer, and a failure */
};

struct command {
	struct app *app;
	struct setup *setup; /* of the moment it began */
	const struct command_row *row;
	struct person person;
	struct reply *reply;
	const char *const *words; /* after the name, NULL-terminated */
	size_t n;
	const char *line; /* the whole command line, without the slash */
	char *own_line;   /* what line is when a command says it in other words; NULL: it does not */
	enum asking asking;
	bool asks;        /* this run is asked about, whatever its row and the config say */
	const char *one, *many; /* of command_targets_are(); NULL: containers */
	cJSON *frozen; /* the targets that were confirmed: [{"host","id","name"}]; NULL: none yet */
	const char *confirm_id; /* of the confirmation that was pressed; NULL: none. Used up when
				   the command begins. */
	int64_t update_id;      /* 0: not from Telegram */
	int64_t chat_id;        /* 0: not from Telegram */
	struct turn *turn;      /* of the chat, while it is held; NULL otherwise */
	int64_t began_ms;       /* monotonic */
	bool by_clock;          /* a schedule runs it: nobody can be asked */
	const char *outcome;    /* AUDIT_…, for its row in the audit; NULL: it gets none (yet) */
	char *about; /* the containers it picked or is to change, "HOST/NAME …"; NULL: none */
	struct fg_err err;
};

/* All rows by name, NULL-terminated. */
extern const struct command_row *const command_table[];
const struct command_row *command_find(const char *name); /* by name or alias, in any case; NULL: none */
/* The same, of those that exist with that config. */
const struct command_row *command_lookup(const struct config *config, const char *name);
bool command_exists(const struct command_row *row, const struct config *config);
/* The nearest command that the person may use; NULL when none is near. */
const struct command_row *command_nearest(const char *name, const struct person *person);

/* Fills err with that there is no such command, and the nearest one that the person may use. Always
 * -1. */
int command_unknown(const char *name, const struct person *person, struct fg_err *err);

/* Wrong words: fills c->err with the usage. Always -1. */
int command_usage(struct command *c, const char *problem);

/*
 * The containers that words[from…] pick, in the person's scope. Options of the form KEY=VALUE that
 * are no selector keys have to be taken out before. No words: an error unless `all`. -1: err.
 */
int command_pick(
	struct command *c, const char *const *words, size_t n, bool all, struct fg_items *out);
/* Whether a command that changes something leaves this host alone: it is paused for maintenance, and
 * no word names it. What command_pick() leaves out is in `paused`. */
bool command_spares(
	const struct command *c, const char *const *words, size_t n, const struct fg_host *host);
/* For commands that only show: what is last known on hosts that do not answer is in `stale`, and is
 * something, too. No words: everything. brief: a line of each is shown, for which little is kept of
 * them (fg_fleet_pick_brief()). */
int command_pick_known(struct command *c, const char *const *words, size_t n, bool brief,
	struct fg_items *out);
/* Exactly one: several are an error that names them, those on hosts that do not answer as well. */
int command_pick_one(struct command *c, const char *word, struct fg_items *out);

/*
 * Ask before something is done to targets, when there are several or the config wants it for this
 * command. preview (HTML) says what will happen; the list of targets is added to it. What is frozen
 * is each target's host, id and name: for something that does not exist yet, the id is whatever
 * must not change until the answer (a hash), and its state is empty; for what may change and stay
 * the same thing, a hash of both. 1: go on; 0: it was asked, the
 * command ends here with 0; -1: refused, because the targets are others than those that were
 * confirmed, or there is nobody to ask.
 */
int command_confirm(struct command *c, const struct fg_items *targets, const char *preview);

/* For the button that confirms, when its targets are no containers: "%s %zu image" and "%s %zu
 * images", the verb being first. */
void command_targets_are(struct command *c, const char *one, const char *many);

/*
 * Before the first effect: note durably what is about to be done to which containers. After a crash
 * it is then reported, not repeated. note may be NULL.
 */
int command_begin(struct command *c, const struct fg_items *targets, const char *note);
/* The same with `also` in the same transaction, of a command from a chat; NULL: nothing more. */
int command_begin_with(struct command *c, const struct fg_items *targets, const char *note,
	int (*also)(struct fg_tx *tx, void *arg, struct fg_err *err), void *arg);

/* "ops (123)", for labels and the log. */
const char *command_author(const struct command *c, char buf[96]);

/* For the audit: these are the containers that it is about, and none of those named before. */
void command_about(struct command *c, const struct fg_items *targets);
void command_about_frozen(struct command *c, const cJSON *targets); /* as a question has them */

/* Take "key=value" out of the words: the value, or NULL. words and *n shrink. */
const char *command_option(const char **words, size_t *n, const char *key);

#endif
