/*
 * A recap: the incidents of a time, as somebody with a certain scope may know of them. Those that
 * are still open are named, the others counted by what they were.
 */
#ifndef BOT_NOTIFY_RECAP_H
#define BOT_NOTIFY_RECAP_H

#include "fleetgram/base/str.h"
#include "notify/incidents.h"

#define RECAP_NAMED 6

struct recap_query {
	struct fg_store *store;
	const struct setup *setup;
	const struct fg_selector *scope; /* NULL: everything */
	int64_t since_ms,
		until_ms; /* wall clock; that they last happened then, until 0: or later */
	bool told;        /* only those of that time, and that chats are told of */
};

struct recap {
	struct fg_str open_lines;   /* HTML: a line each, the newest RECAP_NAMED */
	size_t open, over, updates; /* how many; newer images are no open incidents here */
	size_t open_kinds[INCIDENT_KINDS], over_kinds[INCIDENT_KINDS];
	size_t kinds[INCIDENT_KINDS]; /* of that time, open or over */
	struct fg_str update_names;   /* HTML: "web, db" */
	struct fg_str counts;         /* HTML: "3 died · 1 unhealthy", of those that are open */
};

/* All that are open are taken into it, whenever they happened, unless the query says `told`. */
int recap_take(const struct recap_query *query, struct recap *out, struct fg_err *err);
/* What is open now, for somebody with that scope; nothing of what is over. */
int recap_take_open(struct fg_store *store, const struct setup *setup,
	const struct fg_selector *scope, struct recap *out, struct fg_err *err);
void recap_finish(struct recap *recap);
#define cleanup_recap __attribute__((cleanup(recap_finish)))

/* "3 died · 1 unhealthy" */
void recap_counts(struct fg_str *html, const size_t counts[INCIDENT_KINDS]);

#endif
