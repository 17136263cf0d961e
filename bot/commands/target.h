/*
 * Targets: from the words of a command to the containers it is about, and back to words for its
 * buttons.
 *
 * A button has to mean the same container when it is pressed days later, so it names host and id,
 * never the name.
 */
#ifndef BOT_COMMANDS_TARGET_H
#define BOT_COMMANDS_TARGET_H

#include "chat/command.h"

#define TARGET_WORDS 96 /* host=HOST (64 bytes at most) id=<12 hex> and a NUL */

/* The words of c in an array of their own, for command_option(); the caller frees it, not the
 * words. */
const char **target_words(const struct command *c);

/* words as an array of selector words that pick exactly this container. */
const char *target_selector(char buf[TARGET_WORDS], const struct fg_item *item);

/* What a button for one container says: the one container of n words, whether typed as a name or
 * pressed as a selector. */
int target_one(struct command *c, const char *const *words, size_t n, struct fg_items *out);

/* Look closely at it: what came out of it about the host is noted, and the item's state becomes
 * that of now. */
int target_inspect(struct command *c, struct fg_item *item, struct fg_container_info *info);

/* Whether the person may run the command of that name. */
bool target_may(const struct command *c, const char *command);

/* The item's instance in the registry. 1 with out filled; 0: it is none (or the registry cannot be
 * read, which is logged). */
int target_instance(struct command *c, const struct fg_item *item, struct fg_instance *out);

/* The same for what is noted of it. */
int target_record(struct command *c, const struct fg_item *item, struct fg_record *out);

/* The container for programs; instance may be NULL. The caller deletes it. */
cJSON *target_data(const struct fg_item *item);

/* One line for each host that did not answer, or was left out for being paused. */
void target_silent(struct fg_str *html, const struct fg_items *items);
/* The same as a part of its own, when there are any. */
void target_note_silent(struct command *c, const struct fg_items *items);

/* "NAME", with the host in front when there are several; the caller frees it. */
char *target_title(const struct fg_item *item);

#endif
