/*
 * Services that were made from templates, beside what they should be.
 */
#ifndef BOT_COMMANDS_SERVICE_DIFFERENCES_H
#define BOT_COMMANDS_SERVICE_DIFFERENCES_H

#include "commands/swarm_target.h"
#include "fleetgram/fleet/managed.h"

struct service_difference {
	struct fg_service_item *item; /* NULL: it is missing from its swarm */
	struct fg_instance instance;
	struct fg_drift drift;
	struct fg_err err; /* why it could not be looked at */
	bool looked;
};

struct service_differences {
	struct fg_service_items items;
	struct service_difference *v; /* of those that the registry knows as instances */
	size_t n, drifted, strange, missing;
	struct fg_err why; /* no swarm could be asked; code 0: there was no such trouble */
};

void service_differences_finish(struct service_differences *d);
#define cleanup_service_differences __attribute__((cleanup(service_differences_finish)))

/* Of those that the words pick (none: all, those that are missing too). Asks nobody when the
 * registry knows no services. -1: the words are wrong, or the registry cannot be read. */
int service_differences_take(struct command *c, struct fg_today *today, const char *const *words,
	size_t n, struct service_differences *out);
/* The same of the one service in items, which are taken over. */
int service_differences_one(struct command *c, struct fg_today *today,
	struct fg_service_items *items, struct service_differences *out);

/* A part of a reply: what has drifted, what is not known, what is missing. */
void service_differences_html(struct fg_str *html, const struct service_differences *d);
/* Added to a list as differences_data() makes it. */
void service_differences_data(cJSON *list, const struct service_differences *d);

#endif
