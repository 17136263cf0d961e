/*
 * What is not there: instances by their name alone, when there is no container to pick.
 */
#ifndef BOT_COMMANDS_ABSENT_H
#define BOT_COMMANDS_ABSENT_H

#include "commands/target.h"

enum sight { SIGHT_NONE, SIGHT_SEEN, SIGHT_HIDDEN };

/* For a person with a scope: what is there, within it or not; nothing for anybody else. Hosts that
 * are silent are left out. */
int absent_list_all(struct command *c, struct fg_items *out);
/* Whether one of them has that name or id on that host, and is in the person's scope. What a
 * container that is there says of itself comes before what is noted of it. */
enum sight absent_look(const struct command *c, const struct fg_items *all, const char *host,
	const char *name, const char *id);

/* The instances of that NAME or HOST/NAME that the person may see, wherever their containers are.
 */
int absent_instances(struct command *c, const char *word, struct fg_instances *out);

/* Whether its container is gone: the registry says so, or the engine does, which may know it
 * earlier. One whose host is in the config no more is gone, too. */
bool absent_missing(struct command *c, const struct fg_instance *instance);

/*
 * What is noted under that NAME or HOST/NAME, of an instance or of anything else that the person
 * may see. 1: in *out, with *host the caller's to free; 0: nothing; -1: it is noted on several
 * hosts.
 */
int absent_record(struct command *c, const char *word, struct fg_record *out, char **host);

#endif
