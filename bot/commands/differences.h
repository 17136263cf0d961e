/*
 * Instances beside what they should be: looked at side by side, and how that is told.
 */
#ifndef BOT_COMMANDS_DIFFERENCES_H
#define BOT_COMMANDS_DIFFERENCES_H

#include "commands/target.h"
#include "fleetgram/fleet/drift.h"

/* One of the containers, and what was found out about it. */
struct difference {
	struct fg_item *item;
	struct fg_instance instance; /* empty: it is none */
	struct fg_drift drift;
	struct fg_err err; /* why it could not be looked at */
	bool looked;
};

struct differences {
	struct difference *v; /* of the containers that are instances */
	size_t n;
	size_t drifted, strange, others; /* strange: nobody knows; others: no instances */
};

void differences_finish(struct differences *d);
#define cleanup_differences __attribute__((cleanup(differences_finish)))

/* Look at those of items that are instances; out points into items. */
int differences_take(
	struct command *c, struct fg_today *today, struct fg_items *items, struct differences *out);

/* A line for each field that differs, "limits.memory: 64m → 128m", what is secret masked. */
void differences_html(struct fg_str *html, const struct fg_drift *drift);
/* Why nobody knows, as a line of its own. */
void differences_strange_html(struct fg_str *html, const struct difference *d);
/* [{"field","want","have"}]; the caller deletes it. */
cJSON *differences_fields(const struct fg_drift *drift);
/* [{"name","host","config","differences":[{"field","want","have"}]}]; the caller deletes it. */
cJSON *differences_data(const struct differences *d);

#endif
