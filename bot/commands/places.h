/*
 * Places: the hosts that a command is about, with what is on them.
 *
 * Such commands take host=PATTERN, as often as one likes; without it they mean every host that the
 * person may see. Hosts out of scope do not exist.
 */
#ifndef BOT_COMMANDS_PLACES_H
#define BOT_COMMANDS_PLACES_H

#include "commands/target.h"

struct places {
	struct fg_host **v; /* those that answer */
	size_t n;
	bool named;            /* host= was given */
	struct fg_items items; /* their containers in scope, and the hosts that are silent or paused */
};

/* Takes host=… out of the words. Nothing that answers is an error. */
int places_pick(struct command *c, const char **words, size_t *n, struct places *out);
void places_finish(struct places *p);
#define cleanup_places __attribute__((cleanup(places_finish)))

/* Do fn(&ones[i]) for each of n elements of that size, at most eight at a time, each in a task of
 * its own. Only being cancelled is an error. */
int places_each(struct command *c, const char *what, void (*fn)(void *one), void *ones, size_t n,
	size_t size);

/* The page that page= names, from 1; 0 when it is none. NULL: the first. */
size_t places_page(const char *word);

/* The first twelve digits of an id or a digest. */
const char *places_short(char buf[13], const char *id);

#endif
