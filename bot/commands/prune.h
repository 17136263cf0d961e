/*
 * What the kinds of /prune have in common: how things are listed, asked about and reported.
 */
#ifndef BOT_COMMANDS_PRUNE_H
#define BOT_COMMANDS_PRUNE_H

#include "commands/target.h"
#include "fleetgram/fleet/prune.h"
#include "fleetgram/fleet/unused.h"

/* /prune as it was typed. */
struct prune_words {
	bool all;
	const char *host; /* NULL: every host in scope */
};

int prune_idle(struct command *c, const struct prune_words *words);
int prune_unused(struct command *c, enum fg_unused_kind kind, const struct prune_words *words);

/* What a list of the unused would free; *least: it is more, or not known of all. */
int64_t prune_bytes(enum fg_unused_kind kind, const struct fg_unused_list *list, bool *least);

/*
 * Ask about targets, whose names are in lines: a line each of HTML. A long list goes as a file of
 * that name in front of the question. As command_confirm().
 */
int prune_confirm(struct command *c, const struct fg_items *targets, const char *head,
	const struct fg_str *lines, const char *file_name);

/* Whether host and id are among what was confirmed; name: as well, unless NULL. */
const cJSON *prune_frozen(
	const struct command *c, const char *host, const char *id, const char *name);

/* What came of it, line by line. */
struct prune_report {
	struct fg_str done, left, failed; /* HTML */
	size_t done_n, left_n, failed_n;
	struct fg_err first; /* of those that failed */
	cJSON *data;         /* {"removed":[…],"skipped":[…],"failed":[…]} */
};

void prune_report_init(struct prune_report *r);
void prune_report_finish(struct prune_report *r);
/* result as in struct fg_unused; err says why it is not 1. more: what follows the name, or NULL.
 * data is taken over. */
void prune_report_add(struct prune_report *r, const char *title, const char *more, int result,
	const struct fg_err *err, cJSON *data);
/* Say it: head is the first line. -1: all failed, or on a terminal any. */
int prune_report_say(struct command *c, struct prune_report *r, const char *head);

/* "HOST/NAME" where the fleet has several hosts; caller frees. */
char *prune_title(const struct command *c, const struct fg_host *host, const char *name);
void prune_silent(struct fg_str *html, struct fg_host *const *silent, size_t n);
/* The hosts in scope that are left out for being paused; host: only that one, unless NULL. */
void prune_paused(const struct command *c, struct fg_str *html, const char *host);

#endif
